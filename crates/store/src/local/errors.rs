//! What the operating system said, as the errors of this crate.

use std::io;
use std::path::Path;

use crate::error::Error;

/// The error of a file operation after which nothing can have appeared under a key.
pub(super) fn local(error: io::Error, operation: &'static str, path: &Path) -> Error {
    let path = path.display().to_string();
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => Error::ReadOnly { path },
        io::ErrorKind::PermissionDenied => Error::Denied { path, cause: Box::new(error) },
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path },
        _ => Error::Local { path, operation, cause: Box::new(error) },
    }
}

/// The error of reading an object, where a missing file or folder means a missing object.
pub(super) fn reading(error: io::Error, location: &str, key: &str, path: &Path) -> Error {
    match error.kind() {
        // A file where a folder should be holds no object below it either.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            Error::NotFound { url: location.to_owned(), key: key.to_owned() }
        }
        _ => local(error, "read", path),
    }
}

/// Whether a failed hard link says that this file system has none: EPERM (1), or "not supported"
/// (95 on Linux, 45 on macOS and the BSDs).
pub(super) fn lacks_links(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || matches!(error.raw_os_error(), Some(1 | 95 | 45))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operating_systems_refusals_are_typed() {
        let said = |code| local(io::Error::from_raw_os_error(code), "write", Path::new("/x/y"));
        for (code, advice) in [(30, "read-only"), (28, "free some space"), (13, "check the owner")]
        {
            let error = said(code);
            assert!(error.to_string().contains(advice) && error.to_string().contains("/x/y"));
            assert!(!error.may_have_landed());
        }
        assert!(matches!(said(30), Error::ReadOnly { .. }));
        assert!(matches!(said(28), Error::Full { .. }));
        assert!(matches!(said(122), Error::Full { .. }));
        assert!(matches!(said(13), Error::Denied { .. }));
        assert!(matches!(said(5), Error::Local { .. }));
        assert!(lacks_links(&io::Error::from_raw_os_error(1)));
        assert!(!lacks_links(&io::Error::from_raw_os_error(17)));
    }
}
