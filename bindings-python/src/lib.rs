//! The native half of the Python package: private to it, and typed by `python/hookseal/_native.pyi`.

mod convert;
mod diagnose;
mod error;
mod keys;
mod runtime;
mod seal;
mod send;

use pyo3::pymodule;

/// The native half of the package `hookseal`.
#[pymodule(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::diagnose::{Finding, diagnose};
    #[pymodule_export]
    use crate::error::{error_codes, error_of};
    #[pymodule_export]
    use crate::keys::{Key, KeyRing, KeyStats, Scheme, Secret};
    #[pymodule_export]
    use crate::runtime::{Pending, shut_down};
    #[pymodule_export]
    use crate::seal::{ReplayGuard, Signer, Verified, Verifier};
    #[pymodule_export]
    use crate::send::{Courier, Endpoint, Job, retry_policy, standard_retry_policy};

    #[pymodule_init]
    fn init() {
        crate::runtime::watch_forks();
    }
}
