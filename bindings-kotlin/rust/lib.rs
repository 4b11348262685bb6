//! The bridge of `bindings-swift` as a shared library, which is what the JVM loads, and a short way to its calls that are
//! made for every webhook.
//!
//! A crate of its own: a shared library beside the static one would be what Swift's linker takes.

pub mod packed;

hookseal_swift::uniffi_reexport_scaffolding!();
