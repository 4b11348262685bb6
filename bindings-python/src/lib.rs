//! The native half of the Python package: private to it, and typed by `python/hookseal/_native.pyi`.

mod clock;
mod convert;
mod delivery;
mod diagnose;
mod error;
mod feed;
mod keys;
mod log;
mod outbox;
mod runtime;
mod seal;
mod send;

/// The native half of the package `hookseal`.
///
/// It is not tested without the interpreter's lock, so a free-threaded interpreter is asked to keep it.
#[pyo3::pymodule(name = "_native", gil_used = true)]
mod native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::clock::set_clock;
    #[pymodule_export]
    use crate::delivery::Deliveries;
    #[pymodule_export]
    use crate::diagnose::{Finding, diagnose};
    #[pymodule_export]
    use crate::error::{error_codes, error_of};
    #[pymodule_export]
    use crate::feed::Feed;
    #[pymodule_export]
    use crate::keys::{Key, KeyRing, KeyStats, Scheme, Secret};
    #[pymodule_export]
    use crate::log::take_warnings;
    #[pymodule_export]
    use crate::outbox::{Outbox, Worker, plain_secrets, publish_statement, unix_seconds};
    #[pymodule_export]
    use crate::runtime::{Pending, shut_down};
    #[pymodule_export]
    use crate::seal::{ReplayGuard, Signer, Verified, Verifier};
    #[pymodule_export]
    use crate::send::{Courier, Endpoint, Job, check_event, plan, retry_policy, standard_retry_policy};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::runtime::watch_forks();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
