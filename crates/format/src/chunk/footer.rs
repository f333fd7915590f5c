//! The footer after each directory: enough to find a chunk again in a pack that lost its manifest.
//!
//! ```text
//! 0   4  "LKC1"
//! 4   4  0
//! 8   8  column id
//! 16  8  first row of the chunk within the fragment
//! 24  8  rows
//! 32  8  bytes of the payload
//! 40  8  bytes of the directory
//! 48  8  checksum of the directory
//! 56  8  checksum of the 56 bytes before
//! ```

use lakebed_core::ColumnId;

use crate::buffers::to_u64;
use crate::checksum::Checksum;

/// Bytes of a footer.
pub const FOOTER: usize = 64;

/// The footer of a chunk.
pub fn footer(
    column: ColumnId,
    first_row: u64,
    rows: u64,
    payload: usize,
    directory: &[u8],
) -> [u8; FOOTER] {
    let words = [
        column.0,
        first_row,
        rows,
        to_u64(payload),
        to_u64(directory.len()),
        Checksum::of(directory).0,
    ];
    let mut bytes = [0; FOOTER];
    bytes[..4].copy_from_slice(b"LKC1");
    for (word, place) in words.iter().zip(bytes[8..56].chunks_exact_mut(8)) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    let checksum = Checksum::of(&bytes[..56]);
    bytes[56..].copy_from_slice(&checksum.0.to_le_bytes());
    bytes
}
