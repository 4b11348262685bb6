//! The JSON form of a scheme, and what makes a document invalid.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Parts, Place, TimestampRule, Version,
    grammar::Grammar,
    template::{BodyForm, Field, Template},
};
use crate::{Error, ErrorCode, Result, headers::HeaderName};

/// What a version computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 2104, FIPS 180-4).
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// HMAC with SHA-512.
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
    /// HMAC with SHA-1, for providers that still use it.
    #[serde(rename = "hmac-sha1")]
    HmacSha1,
    /// Ed25519 (RFC 8032), verified strictly.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// A token that is compared, and signs nothing.
    #[serde(skip)]
    Token,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Lower-case hexadecimal; upper case is read too.
    Hex,
    /// Standard base64 with padding (RFC 4648 section 4), canonical.
    Base64,
}

/// How a plain string becomes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyRule {
    /// Its UTF-8 bytes, prefix and all.
    Utf8,
    /// Base64, with or without `whsec_`; `whsk_` and `whpk_` for key pairs.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// Hexadecimal digits of an Ed25519 public key.
    Ed25519PublicHex,
}

/// The unit of a timestamp on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Whole seconds since 1970.
    Seconds,
    /// Whole milliseconds since 1970.
    Milliseconds,
    /// `YYYY-MM-DDTHH:MM:SSZ`, a fraction allowed (RFC 3339, in UTC).
    Rfc3339,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    source: String,
    signature: SignatureDocument,
    timestamp: Option<TimestampDocument>,
    id: Option<HeaderDocument>,
    #[serde(rename = "type")]
    event_type: Option<HeaderDocument>,
    content: Option<String>,
    #[serde(default)]
    versions: Vec<VersionDocument>,
    key: KeyRule,
    #[serde(default)]
    also_writes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureDocument {
    header: String,
    grammar: GrammarDocument,
    separator: Option<String>,
    joined: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum GrammarDocument {
    Pairs,
    List,
    Prefixed,
    Bare,
    Token,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimestampDocument {
    element: Option<String>,
    header: Option<String>,
    unit: Unit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderDocument {
    header: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionDocument {
    label: String,
    algorithm: Algorithm,
    encoding: Encoding,
    content: Option<String>,
}

pub(super) fn parse(json: &str) -> Result<Parts> {
    let value: Value = serde_json::from_str(json).map_err(|error| invalid("document", &error.to_string()))?;
    check_shape("", &value)?;
    let document: Document = serde_path_to_error::deserialize(&value)
        .map_err(|error| invalid(&error.path().to_string(), &error.inner().to_string()))?;
    document.check(value.to_string())
}

/// Refuses what serde would take for an absent field (`null`) or for an object (an array in its place).
fn check_shape(path: &str, value: &Value) -> Result<()> {
    let named = if path.is_empty() { "document" } else { path };
    match value {
        Value::Null => Err(invalid(named, "is null; leave it out")),
        Value::Array(_) if path != "versions" && path != "also_writes" => Err(invalid(named, "must not be a list")),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| check_shape(&format!("{path}[{index}]"), item))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(name, field)| {
            check_shape(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, field)
        }),
        _ => Ok(()),
    }
}

impl Document {
    fn check(self, document: String) -> Result<Parts> {
        if !is_name(&self.name) {
            return Err(invalid("name", "1 to 64 letters, digits, '-', '_' and '.'"));
        }
        let grammar = self.signature.check()?;
        let signature = header("signature.header", &self.signature.header, true)?;
        let timestamp = self.timestamp.map(|timestamp| timestamp.check(grammar)).transpose()?;
        let id = self.id.map(|id| header("id.header", &id.header, false)).transpose()?;
        let event_type = self.event_type.map(|of| header("type.header", &of.header, false)).transpose()?;
        let versions = check_versions(grammar, self.content.as_deref(), self.versions)?;

        for version in &versions {
            let label = &version.label;
            let lacks = |what: &str| {
                invalid("content", &format!("version {label:?} signs {what}, which the scheme does not place"))
            };
            if version.content.covers(Field::Timestamp) && timestamp.is_none() {
                return Err(lacks("{timestamp}"));
            }
            if version.content.covers(Field::Id) && id.is_none() {
                return Err(lacks("{id}"));
            }
            if version.content.covers(Field::Type) && event_type.is_none() {
                return Err(lacks("{type}"));
            }
        }
        for version in &versions {
            if timestamp.is_some() && !version.content.covers(Field::Timestamp) {
                return Err(invalid(
                    "timestamp",
                    &format!("version {:?} does not sign it, so it protects nothing", version.label),
                ));
            }
            if version.content.body_form() == BodyForm::SortedForm && !version.content.covers(Field::Url) {
                return Err(invalid("content", "{form:sorted} goes with {url}"));
            }
        }
        if let Some(TimestampRule { place: Place::Element(element), .. }) = &timestamp {
            if versions.iter().any(|version| version.label.as_bytes() == element.as_bytes()) {
                return Err(invalid("timestamp.element", "is also the label of a version"));
            }
        } else if !self.also_writes.is_empty() {
            return Err(invalid(
                "also_writes",
                "names headers that repeat a timestamp which stands in the signature header",
            ));
        }
        let also_writes =
            self.also_writes.iter().map(|name| header("also_writes", name, false)).collect::<Result<_>>()?;
        let parts = Parts {
            document,
            name: self.name,
            summary: self.summary,
            source: self.source,
            signature,
            grammar,
            timestamp,
            id,
            event_type,
            versions,
            key: self.key,
            also_writes,
        };
        check_headers(&parts)?;
        Ok(parts)
    }
}

impl SignatureDocument {
    fn check(&self) -> Result<Grammar> {
        let pairs = matches!(self.grammar, GrammarDocument::Pairs);
        let prefixed = matches!(self.grammar, GrammarDocument::Prefixed);
        if self.separator.is_some() && !pairs {
            return Err(invalid("signature.separator", "goes with the grammar pairs"));
        }
        if self.joined.is_some() && !prefixed {
            return Err(invalid("signature.joined", "goes with the grammar prefixed"));
        }
        Ok(match self.grammar {
            GrammarDocument::Pairs => Grammar::Pairs {
                separator: match self.separator.as_deref() {
                    None | Some(",") => b',',
                    Some(";") => b';',
                    Some(_) => return Err(invalid("signature.separator", "is ',' or ';'")),
                },
            },
            GrammarDocument::List => Grammar::List,
            GrammarDocument::Prefixed => Grammar::Prefixed {
                joined: match self.joined.as_deref() {
                    None => None,
                    Some(",") => Some(b','),
                    Some(_) => return Err(invalid("signature.joined", "is ','")),
                },
            },
            GrammarDocument::Bare => Grammar::Bare,
            GrammarDocument::Token => Grammar::Token,
        })
    }
}

impl TimestampDocument {
    fn check(self, grammar: Grammar) -> Result<TimestampRule> {
        let place = match (self.element, self.header) {
            (Some(element), None) if matches!(grammar, Grammar::Pairs { .. }) => {
                if !is_label(&element) {
                    return Err(invalid("timestamp.element", "visible ASCII without '=', ',' and ';'"));
                }
                Place::Element(element.into())
            }
            (Some(_), None) => return Err(invalid("timestamp.element", "goes with the grammar pairs")),
            (None, Some(name)) => Place::Header(header("timestamp.header", &name, false)?),
            _ => return Err(invalid("timestamp", "has either element or header")),
        };
        Ok(TimestampRule { place, unit: self.unit })
    }
}

fn check_versions(grammar: Grammar, content: Option<&str>, documents: Vec<VersionDocument>) -> Result<Vec<Version>> {
    if grammar == Grammar::Token {
        if content.is_some() || !documents.is_empty() {
            return Err(invalid("versions", "a token has no content and no versions"));
        }
        return Ok(vec![Version {
            label: "".into(),
            algorithm: Algorithm::Token,
            encoding: Encoding::Hex,
            content: Template::parse("{body}")?,
        }]);
    }
    if documents.is_empty() || documents.len() > 16 {
        return Err(invalid("versions", "has 1 to 16 entries"));
    }
    if !grammar.has_labels() && (documents.len() != 1 || !documents[0].label.is_empty()) {
        return Err(invalid("versions", "the grammar bare has one version, whose label is empty"));
    }
    let mut versions: Vec<Version> = Vec::with_capacity(documents.len());
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("versions[{index}]");
        if grammar.has_labels() && !is_label(&document.label) {
            return Err(invalid(&format!("{path}.label"), "visible ASCII without '=', ',' and ';'"));
        }
        if versions.iter().any(|version| *version.label == *document.label) {
            return Err(invalid(&format!("{path}.label"), "is the label of another version"));
        }
        let Some(text) = document.content.as_deref().or(content) else {
            return Err(invalid(&format!("{path}.content"), "is missing, and so is the scheme's content"));
        };
        versions.push(Version {
            label: Arc::from(document.label),
            algorithm: document.algorithm,
            encoding: document.encoding,
            content: Template::parse(text)?,
        });
    }
    Ok(versions)
}

/// No two roles may share a header, and verification reads at most three.
fn check_headers(parts: &Parts) -> Result<()> {
    let timestamp = match &parts.timestamp {
        Some(TimestampRule { place: Place::Header(name), .. }) => Some(name.lower()),
        _ => None,
    };
    let mut names: Vec<_> = [Some(parts.signature.lower()), timestamp]
        .into_iter()
        .chain([&parts.id, &parts.event_type].map(|name| name.as_ref().map(HeaderName::lower)))
        .flatten()
        .chain(parts.also_writes.iter().map(HeaderName::lower))
        .collect();
    names.sort_unstable();
    if let Some([name, _]) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(invalid("signature", &format!("the header {name} has two roles")));
    }
    let covered = |field| parts.versions.iter().any(|version| version.content.covers(field));
    let read =
        1 + usize::from(timestamp.is_some()) + usize::from(covered(Field::Id)) + usize::from(covered(Field::Type));
    if read > 3 {
        return Err(invalid("signature", "verification may read three headers at most"));
    }
    Ok(())
}

fn header(path: &str, name: &str, is_signature: bool) -> Result<HeaderName> {
    HeaderName::new(name, is_signature).map_err(|_| invalid(path, "is not a header name"))
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_label(label: &str) -> bool {
    (1..=64).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_graphic() && !b"=,;".contains(&byte))
}

fn invalid(path: &str, what: &str) -> Error {
    Error::new(ErrorCode::InvalidScheme, format!("{path}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut value = serde_json::json!({
            "name": "acme",
            "signature": { "header": "X-Acme", "grammar": "pairs" },
            "timestamp": { "element": "t", "unit": "seconds" },
            "content": "{timestamp}.{body}",
            "versions": [{ "label": "v1", "algorithm": "hmac-sha256", "encoding": "hex" }],
            "key": "utf8"
        });
        change(&mut value);
        value.to_string()
    }

    #[test]
    fn the_plain_document_is_valid() {
        assert_eq!(parse(&document(|_| {})).map(|parts| parts.name).unwrap(), "acme");
    }

    #[test]
    fn every_mistake_is_named_by_its_path() {
        use serde_json::json;
        type Change = (&'static str, fn(&mut serde_json::Value));
        let mistakes: &[Change] = &[
            ("surprise", |v| v["surprise"] = json!(1)),
            ("signature.grammar", |v| v["signature"]["grammar"] = json!("xml")),
            ("signature.header", |v| v["signature"]["header"] = json!("X Acme")),
            ("signature.separator", |v| v["signature"]["separator"] = json!("|")),
            ("signature.joined", |v| v["signature"]["joined"] = json!(",")),
            ("versions[0].algorithm", |v| v["versions"][0]["algorithm"] = json!("hmac-md5")),
            ("versions[0].extra", |v| v["versions"][0]["extra"] = json!(true)),
            ("versions[0].label", |v| v["versions"][0]["label"] = json!("v=1")),
            ("versions[1].label", |v| {
                let version = v["versions"][0].clone();
                v["versions"].as_array_mut().unwrap().push(version);
            }),
            ("versions:", |v| v["versions"] = json!([])),
            ("content", |v| v["content"] = json!("{body}.{timestamp}")),
            ("content", |v| v["content"] = json!("{timestamp}.{id}.{body}")),
            ("timestamp:", |v| v["content"] = json!("{body}")),
            ("timestamp.element", |v| v["timestamp"]["element"] = json!("v1")),
            ("timestamp.unit", |v| v["timestamp"]["unit"] = json!("days")),
            ("timestamp:", |v| v["timestamp"]["header"] = json!("X-T")),
            ("name", |v| v["name"] = json!("")),
            ("name", |v| v["name"] = json!(7)),
            ("key", |v| v["key"] = json!("rot13")),
            ("also_writes", |v| v["also_writes"] = json!(["a b"])),
        ];
        for (path, change) in mistakes {
            let error = parse(&document(change)).err().unwrap();
            assert_eq!(error.code(), ErrorCode::InvalidScheme);
            assert!(error.message().starts_with(path), "{path}: {error}");
        }
        for text in ["", "[]", "null", "{", "{} x", r#"{"type":null}"#] {
            assert_eq!(parse(text).err().unwrap().code(), ErrorCode::InvalidScheme, "{text}");
        }
    }
}
