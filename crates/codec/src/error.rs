//! What can go wrong between bytes and tensors.

use thiserror::Error as ThisError;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why bytes were not decoded, or a value was not encoded.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not what they claim to be: truncated, flipped, or of another length.
    #[error("damaged {what}: {reason}")]
    Damaged {
        /// What was being decoded, such as `JPEG` or `zstd page`.
        what: &'static str,
        /// What contradicts what.
        reason: String,
    },
    /// The bytes may be fine, but this version does not read them.
    #[error("unsupported {what}: {reason}")]
    Unsupported {
        /// What was being decoded.
        what: &'static str,
        /// What it uses that is not supported, and what to do.
        reason: String,
    },
    /// A size that [`lakebed_core::Limits`] refuses.
    #[error(transparent)]
    Limit(#[from] lakebed_core::Error),
    /// A region that does not lie in the picture it was asked of.
    #[error("a region of {region} does not lie in a picture of {shape}")]
    Region {
        /// The shape of the region's result.
        region: String,
        /// The picture's `[height, width, channels]`.
        shape: String,
    },
    /// A value that cannot be encoded as asked.
    #[error("cannot encode {what}: {reason}")]
    Encode {
        /// The encoding.
        what: &'static str,
        /// What is wrong with the value.
        reason: String,
    },
}

impl Error {
    pub(crate) fn damaged(what: &'static str, reason: impl ToString) -> Error {
        Error::Damaged { what, reason: reason.to_string() }
    }

    pub(crate) fn unsupported(what: &'static str, reason: impl ToString) -> Error {
        Error::Unsupported { what, reason: reason.to_string() }
    }

    pub(crate) fn encode(what: &'static str, reason: impl ToString) -> Error {
        Error::Encode { what, reason: reason.to_string() }
    }
}

/// A length as the limits count it.
pub(crate) fn size(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
