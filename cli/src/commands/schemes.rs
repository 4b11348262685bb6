//! `hookseal schemes`: how each provider signs, as the scheme's own data says it.

use clap::Args;
use hookseal::{Scheme, headers::HeaderName};
use serde_json::{Value, json};

use crate::{
    failure::{Failure, Outcome, Verdict},
    input,
    output::Output,
};

/// List the signature schemes, or show one scheme's document
///
/// SIGNED is what every version of the scheme signs. COPIES is what becomes of a recorded request that is sent again:
/// they expire with the timestamp, they pass (with the id that they had), or anything passes because a token protects
/// nothing but itself.
#[derive(Args)]
pub(crate) struct SchemesArgs {
    /// A scheme's name, or `@FILE` with a document of your own, which is checked
    name: Option<String>,
}

impl SchemesArgs {
    pub(crate) fn run(self, output: &mut Output) -> Outcome {
        match &self.name {
            Some(name) => show(output, name)?,
            None => list(output)?,
        }
        Ok(Verdict::Passed)
    }
}

fn show(output: &mut Output, name: &str) -> Result<(), Failure> {
    let scheme = input::scheme(name)?;
    let document: Value = serde_json::from_str(scheme.to_json()).unwrap_or_default();
    if output.is_json() {
        return output.json(&document);
    }
    match hookseal_spec::SCHEMES.iter().find(|(built_in, _)| *built_in == name) {
        Some((_, text)) => output.line(text.trim_end()),
        None => output.line(format_args!("{document:#}")),
    }
}

fn list(output: &mut Output) -> Result<(), Failure> {
    let schemes = Scheme::names().map(Scheme::named).collect::<Result<Vec<_>, _>>()?;
    if output.is_json() {
        return output.json(&schemes.iter().map(describe).collect());
    }
    let mut rows = vec![["SCHEME", "HEADER", "VERSIONS", "SIGNED", "COPIES", "SUMMARY"].map(str::to_owned)];
    rows.extend(schemes.iter().map(row));
    let widths: [usize; 5] = std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    for row in rows {
        let [name, header, versions, signed, copies, summary] = row;
        let [w1, w2, w3, w4, w5] = widths;
        output.line(format_args!("{name:w1$}  {header:w2$}  {versions:w3$}  {signed:w4$}  {copies:w5$}  {summary}"))?;
    }
    Ok(())
}

fn row(scheme: &Scheme) -> [String; 6] {
    [
        scheme.name().to_owned(),
        signature_header(scheme).to_owned(),
        scheme.versions().filter(|version| !version.is_empty()).collect::<Vec<_>>().join(" "),
        signed(scheme).join(" "),
        copies(scheme).to_owned(),
        scheme.summary().to_owned(),
    ]
}

fn describe(scheme: &Scheme) -> Value {
    json!({
        "name": scheme.name(),
        "header": signature_header(scheme),
        "reads": scheme.header_names().map(HeaderName::as_str).collect::<Vec<_>>(),
        "versions": scheme.versions().collect::<Vec<_>>(),
        "signed": signed(scheme),
        "copies": copies(scheme),
        "summary": scheme.summary(),
        "source": scheme.source(),
    })
}

fn signature_header(scheme: &Scheme) -> &str {
    scheme.header_names().next().map(HeaderName::as_str).unwrap_or_default()
}

/// What every version signs.
fn signed(scheme: &Scheme) -> Vec<&'static str> {
    let parts = [
        ("timestamp", scheme.signs_timestamp()),
        ("id", scheme.signs_id()),
        ("url", scheme.signs_url()),
        ("body", scheme.signs_body()),
    ];
    parts.into_iter().filter(|(_, is_signed)| *is_signed).map(|(name, _)| name).collect()
}

/// What becomes of a recorded request that is sent again.
fn copies(scheme: &Scheme) -> &'static str {
    if !scheme.signs_body() {
        "anything passes"
    } else if scheme.signs_timestamp() {
        "expire"
    } else if scheme.signs_id() {
        "pass, same id"
    } else {
        "pass"
    }
}
