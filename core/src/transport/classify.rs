//! From an error's type to its code; texts are for people and never read.

use std::{error::Error as StdError, io};

use rustls::{CertificateError, pki_types::InvalidDnsNameError};

use super::Failure;
use crate::retry::AttemptError;

/// The failure behind an error that came before there was a connection.
pub(super) fn connecting(error: &dyn StdError, otherwise: AttemptError) -> Failure {
    classify(error, AttemptError::ConnectTimeout, otherwise)
}

/// The failure behind an error that came over a connection.
pub(super) fn exchanging(error: &dyn StdError) -> Failure {
    classify(error, AttemptError::ConnectionReset, AttemptError::Internal)
}

fn classify(error: &dyn StdError, timed_out: AttemptError, otherwise: AttemptError) -> Failure {
    let mut code = None;
    let mut words = Vec::new();
    // The outermost words are the client's own: a proxy's name the URL, which may hold a secret.
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return failure.clone();
        }
        words.push(error.to_string());
        if let Some(found) = code_of(error, timed_out) {
            // The innermost cause knows best.
            code = Some(found);
        }
        next = cause(error);
    }
    words.dedup();
    Failure::new(code.unwrap_or(otherwise), words.join(": "))
}

/// An I/O error that wraps another error shows that one's cause as its own, so it is unwrapped by hand.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return error.get_io().map(|error| error as _);
    }
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn code_of(error: &(dyn StdError + 'static), timed_out: AttemptError) -> Option<AttemptError> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return http(error);
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return http2(error);
    }
    if error.is::<InvalidDnsNameError>() {
        return Some(AttemptError::TlsNameMismatch);
    }
    error.downcast_ref::<io::Error>().map(|error| io(error.kind(), timed_out))
}

fn tls(error: &rustls::Error) -> AttemptError {
    let rustls::Error::InvalidCertificate(error) = error else { return AttemptError::TlsHandshake };
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => AttemptError::TlsCertificateExpired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            AttemptError::TlsNameMismatch
        }
        _ => AttemptError::TlsCertificateUntrusted,
    }
}

fn http(error: &hyper::Error) -> Option<AttemptError> {
    if error.is_parse_too_large() {
        Some(AttemptError::ResponseHeadTooLarge)
    } else if error.is_parse() {
        Some(AttemptError::HttpProtocol)
    } else if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        Some(AttemptError::ConnectionReset)
    } else {
        None
    }
}

fn http2(error: &h2::Error) -> Option<AttemptError> {
    if error.is_io() {
        // Its cause says which.
        None
    } else if error.is_go_away() && error.is_remote() || error.reason() == Some(h2::Reason::REFUSED_STREAM) {
        // The server did not take the request on.
        Some(AttemptError::ConnectionReset)
    } else {
        Some(AttemptError::HttpProtocol)
    }
}

fn io(kind: io::ErrorKind, timed_out: AttemptError) -> AttemptError {
    match kind {
        io::ErrorKind::ConnectionRefused => AttemptError::ConnectionRefused,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => AttemptError::NetworkUnreachable,
        io::ErrorKind::TimedOut => timed_out,
        _ => AttemptError::ConnectionReset,
    }
}
