//! A scheme document, read as plain JSON; it is taken to be valid.

use serde_json::Value;

use super::text;

#[derive(Debug, Clone)]
pub(crate) struct Scheme {
    pub name: String,
    pub header: String,
    pub grammar: String,
    pub separator: char,
    pub joins: bool,
    pub timestamp_element: Option<String>,
    pub timestamp_header: Option<String>,
    pub unit: String,
    pub id: Option<String>,
    pub event_type: Option<String>,
    /// Strongest first.
    pub versions: Vec<Version>,
    pub key: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub label: String,
    pub algorithm: String,
    pub encoding: String,
    pub content: String,
}

impl Scheme {
    pub(crate) fn read(document: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let signature = &document["signature"];
        let content = text(&document["content"]).unwrap_or_default();
        let mut versions: Vec<Version> = document["versions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|version| Version {
                label: text(&version["label"]).unwrap(),
                algorithm: text(&version["algorithm"]).unwrap(),
                encoding: text(&version["encoding"]).unwrap(),
                content: text(&version["content"]).unwrap_or_else(|| content.clone()),
            })
            .collect();
        if signature["grammar"] == "token" {
            let [label, encoding, content] = [const { String::new() }; 3];
            versions = vec![Version { label, algorithm: "token".to_owned(), encoding, content }];
        }
        Self {
            name: text(&document["name"]).unwrap(),
            header: text(&signature["header"]).unwrap(),
            grammar: text(&signature["grammar"]).unwrap(),
            separator: if signature["separator"] == ";" { ';' } else { ',' },
            joins: signature["joined"] == ",",
            timestamp_element: text(&document["timestamp"]["element"]),
            timestamp_header: text(&document["timestamp"]["header"]),
            unit: text(&document["timestamp"]["unit"]).unwrap_or_default(),
            id: text(&document["id"]["header"]),
            event_type: text(&document["type"]["header"]),
            versions,
            key: text(&document["key"]).unwrap(),
        }
    }

    /// Every element of the signature header: its label and value, or `None` where it is not well formed.
    pub(crate) fn elements(&self, header: &str) -> Vec<Option<(String, String)>> {
        let header = cut(header);
        let divided = |element: &str, by: char| {
            let (label, value) = element.split_once(by)?;
            (!label.is_empty()).then(|| (label.to_owned(), value.to_owned()))
        };
        match self.grammar.as_str() {
            "pairs" => pieces(header, &[self.separator]).iter().map(|element| divided(element, '=')).collect(),
            "list" => pieces(header, &[' ', '\t']).iter().map(|element| divided(element, ',')).collect(),
            "prefixed" if header.is_empty() => Vec::new(),
            "prefixed" if self.joins => match divided(header, '=') {
                None => vec![None],
                Some((label, values)) => {
                    let values = pieces(&values, &[',']);
                    // A label without any value is present all the same.
                    let values = if values.is_empty() { vec![String::new()] } else { values };
                    values.into_iter().map(|value| Some((label.clone(), value))).collect()
                }
            },
            "prefixed" => vec![divided(header, '=')],
            _ if header.is_empty() => Vec::new(),
            _ => vec![Some((String::new(), header.to_owned()))],
        }
    }

    /// Whether the value stands for the absence of one.
    pub(crate) fn is_dropped(&self, value: &str) -> bool {
        self.joins && value.is_empty()
    }
}

impl Version {
    /// The signature's bytes, if the text has the right length and alphabet.
    pub(crate) fn decode(&self, text: &str) -> Option<Vec<u8>> {
        let length = match self.algorithm.as_str() {
            "hmac-sha1" => 20,
            "hmac-sha256" => 32,
            "hmac-sha512" | "ed25519" => 64,
            _ => return Some(text.as_bytes().to_vec()),
        };
        let bytes = if self.encoding == "hex" { text::from_hex(text) } else { text::from_base64(text) };
        bytes.filter(|bytes| bytes.len() == length)
    }
}

fn pieces(text: &str, separators: &[char]) -> Vec<String> {
    text.split(separators).map(cut).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

fn cut(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
