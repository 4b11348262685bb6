//! The data that every hookseal package shares: signature schemes and error codes.
//!
//! The crate holds no logic. `schemes/*.json` describes how each webhook provider signs,
//! `errors.json` lists every stable error code; the documents are embedded as text so that
//! `hookseal` and other programs can read them without a file system. The same folder carries
//! `SPEC.md`, the JSON Schemas and the conformance vectors.
//!
//! ```
//! let stripe = hookseal_spec::SCHEMES.iter().find(|(name, _)| *name == "stripe").unwrap().1;
//! assert!(stripe.contains("Stripe-Signature"));
//! ```

/// Every built-in scheme as `(name, JSON document)`, sorted by name.
pub const SCHEMES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/schemes.rs"));

/// `errors.json`: every error code with its kind, its retryability and a sentence.
pub const ERRORS: &str = include_str!("../errors.json");
