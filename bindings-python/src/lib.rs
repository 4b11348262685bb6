//! The native half of the Python package: private to it, and typed by `python/hookseal/_native.pyi`.

mod convert;
mod error;
mod keys;
mod seal;

use pyo3::prelude::*;

/// The native half of the package `hookseal`.
#[pymodule(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::keys::{Key, KeyRing, KeyStats, Scheme, Secret};
    #[pymodule_export]
    use crate::seal::{ReplayGuard, Signer, Verified, Verifier};
}
