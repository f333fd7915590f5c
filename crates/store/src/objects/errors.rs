//! What an `object_store` backend said, as the errors of this crate.

use object_store::Error as Said;

use crate::error::Error;

/// The error of reading an object.
pub(super) fn reading(said: Said, url: &str, key: &str) -> Error {
    match said {
        Said::NotFound { .. } => Error::NotFound { url: url.to_owned(), key: key.to_owned() },
        other => common(other, "read", url, key),
    }
}

/// The error of creating, overwriting or deleting an object.
pub(super) fn writing(said: Said, operation: &'static str, url: &str, key: &str) -> Error {
    match said {
        // 409 is one of them, although the object may be absent; the caller reads back.
        Said::AlreadyExists { .. } | Said::Precondition { .. } | Said::NotModified { .. } => {
            Error::AlreadyExists { url: url.to_owned(), key: key.to_owned() }
        }
        Said::NotFound { .. } => no_bucket(url),
        other => common(other, operation, url, key),
    }
}

/// The error of listing a prefix.
pub(super) fn listing(said: Said, url: &str, prefix: &str) -> Error {
    match said {
        Said::NotFound { .. } => no_bucket(url),
        other => common(other, "list", url, prefix),
    }
}

fn common(said: Said, operation: &'static str, url: &str, key: &str) -> Error {
    match said {
        Said::PermissionDenied { .. } | Said::Unauthenticated { .. } => {
            Error::Denied { path: format!("{url}/{key}"), cause: Box::new(said) }
        }
        Said::NotSupported { .. }
        | Said::NotImplemented { .. }
        | Said::UnknownConfigurationKey { .. }
        | Said::InvalidPath { .. } => {
            Error::InvalidUrl { url: url.to_owned(), reason: format!("cannot {operation}: {said}") }
        }
        other => Error::Transport {
            url: url.to_owned(),
            key: key.to_owned(),
            operation,
            cause: Box::new(other),
        },
    }
}

fn no_bucket(url: &str) -> Error {
    Error::InvalidUrl {
        url: url.to_owned(),
        reason: "there is no such bucket at this endpoint; create it, or check AWS_ENDPOINT and AWS_REGION".to_owned(),
    }
}
