//! Options as data: how the packages of other languages hand theirs over.

use serde::de::DeserializeOwned;

use crate::{Error, ErrorCode, Result};

/// Fields whose values are, or may hold, secrets.
const SECRET_FIELDS: [&str; 9] = [
    "secrets",
    "secret",
    "bearer",
    "basic_auth",
    "headers",
    "identity",
    "proxy",
    "encryption_key",
    "former_encryption_keys",
];

/// Reads [`SenderOptions`](crate::SenderOptions), [`EndpointOptions`](crate::EndpointOptions) or a
/// [`RetryPolicy`](crate::RetryPolicy) from JSON.
///
/// # Errors
/// `invalid_config`, naming the field; the values of fields that may hold secrets are never shown.
pub fn options_from_json<T: DeserializeOwned>(json: &str) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.inner().to_string();
        // The caller never saw the text, so the place in it says nothing.
        let cause = cause.split(" at line ").next().unwrap_or_default();
        let mut fields = path.split(['.', '[']);
        let is_secret = fields.clone().any(|field| SECRET_FIELDS.contains(&field));
        let field = fields.next().unwrap_or_default();
        let message = if is_secret {
            format!("{path} has the wrong type")
        } else if field.is_empty() || cause.starts_with(field) {
            cause.to_owned()
        } else {
            format!("{path}: {cause}")
        };
        Error::new(ErrorCode::InvalidConfig, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EndpointOptions, SenderOptions};

    #[test]
    fn errors_name_the_field_and_show_no_secret() {
        let message = |json: &str| options_from_json::<EndpointOptions>(json).err().unwrap().message().to_owned();
        for json in [
            r#"{"url":"http://a.example","secrets":"CANARY"}"#,
            r#"{"url":"http://a.example","bearer":{"CANARY":1}}"#,
            r#"{"url":"http://a.example","headers":"CANARY"}"#,
            r#"{"url":"http://a.example","basic_auth":"CANARY"}"#,
            r#"{"url":"http://a.example","identity":["CANARY"]}"#,
        ] {
            assert!(
                !message(json).contains("CANARY") && message(json).ends_with("has the wrong type"),
                "{}",
                message(json)
            );
        }
        let unknown = options_from_json::<SenderOptions>(r#"{"max_inflight":1}"#).err().unwrap();
        assert_eq!(unknown.code(), ErrorCode::InvalidConfig);
        assert!(unknown.message().contains("max_inflight"), "{unknown}");
        let retry = options_from_json::<SenderOptions>(r#"{"retry":{"max_attempts":"x"}}"#).err().unwrap();
        assert!(retry.message().starts_with("retry"), "{retry}");
    }
}
