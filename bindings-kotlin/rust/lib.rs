//! The bridge of `bindings-swift` as a shared library, which is what the JVM loads.
//!
//! A crate of its own: a shared library beside the static one would be what Swift's linker takes.

hookseal_swift::uniffi_reexport_scaffolding!();
