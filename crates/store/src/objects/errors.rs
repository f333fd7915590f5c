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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_write_was_told_decides_whether_it_may_have_landed() {
        let source = || Box::new(std::io::Error::other("said")).into();
        let path = || "k".to_owned();
        let told = |said| writing(said, "create", "s3://b", "k");
        for taken in [
            Said::AlreadyExists { path: path(), source: source() },
            Said::Precondition { path: path(), source: source() },
        ] {
            assert!(matches!(told(taken), Error::AlreadyExists { .. }));
        }
        let lost = told(Said::Generic { store: "S3", source: source() });
        assert!(lost.may_have_landed() && lost.is_transient());
        for (said, advice) in [
            (Said::NotFound { path: path(), source: source() }, "no such bucket"),
            (Said::PermissionDenied { path: path(), source: source() }, "credentials"),
            (Said::Unauthenticated { path: path(), source: source() }, "credentials"),
        ] {
            let refused = told(said);
            assert!(!refused.may_have_landed() && refused.to_string().contains(advice));
        }
    }
}
