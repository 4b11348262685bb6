//! What the Swift package `Hookseal` calls: a thin layer of UniFFI over the core. It is private to the package; the
//! public classes are written in Swift.

uniffi::setup_scaffolding!();
