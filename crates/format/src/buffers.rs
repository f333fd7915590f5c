//! The buffer table: several tagged buffers in one piece of bytes.
//!
//! ```text
//! 0   4  number of buffers n, little endian
//! 4   4  0
//! 8   24 n times: tag u32, 0 u32, offset u64, length u64 (offsets from the start of the table)
//! ..     the buffers in order, each at the next multiple of 8, zeros between
//! ```
//!
//! Readers skip tags that they do not know. The checksum of a table stands in its parent.

use bytes::Bytes;
use lakebed_codec::integers;
use lakebed_core::Limits;

use crate::error::Error;
use crate::error::Result;
use crate::frame::read_u64;

const HEADER: usize = 8;
const ROW: usize = 24;

/// Collects buffers into a table.
#[derive(Debug, Default)]
pub struct BufferWriter {
    buffers: Vec<(u32, Vec<u8>)>,
}

impl BufferWriter {
    /// An empty table.
    pub fn new() -> BufferWriter {
        BufferWriter::default()
    }

    /// Adds bytes under a tag.
    pub fn bytes(&mut self, tag: u32, bytes: Vec<u8>) {
        self.buffers.push((tag, bytes));
    }

    /// Adds numbers under a tag, light-encoded.
    pub fn integers(&mut self, tag: u32, values: &[u64]) {
        self.bytes(tag, integers::encode(values));
    }

    /// Adds numbers under a tag, eight bytes each.
    pub fn words(&mut self, tag: u32, values: &[u64]) {
        self.bytes(tag, values.iter().flat_map(|value| value.to_le_bytes()).collect());
    }

    /// The table.
    pub fn finish(self) -> Vec<u8> {
        let mut offset = HEADER + ROW * self.buffers.len();
        let mut table = Vec::new();
        table.extend_from_slice(
            &u32::try_from(self.buffers.len()).unwrap_or(u32::MAX).to_le_bytes(),
        );
        table.extend_from_slice(&[0; 4]);
        for (tag, bytes) in &self.buffers {
            table.extend_from_slice(&tag.to_le_bytes());
            table.extend_from_slice(&[0; 4]);
            table.extend_from_slice(&to_u64(offset).to_le_bytes());
            table.extend_from_slice(&to_u64(bytes.len()).to_le_bytes());
            offset = (offset + bytes.len()).next_multiple_of(8);
        }
        for (_, bytes) in &self.buffers {
            table.extend_from_slice(bytes);
            table.resize(table.len().next_multiple_of(8), 0);
        }
        table
    }
}

/// A table that was read; its checksum has been compared by whoever holds it.
#[derive(Debug, Clone)]
pub struct Buffers {
    what: &'static str,
    buffers: Vec<(u32, Bytes)>,
}

impl Buffers {
    /// Finds the buffers of a table.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the table does not hold together.
    pub fn parse(what: &'static str, bytes: &Bytes) -> Result<Buffers> {
        let damaged = |reason: &str| Error::damaged(what, reason);
        let count = bytes.get(..4).map(read_u64).ok_or_else(|| damaged("it is too short"))?;
        let count = usize::try_from(count).map_err(|_| damaged("it has too many buffers"))?;
        let end = count.checked_mul(ROW).and_then(|n| n.checked_add(HEADER));
        let rows = end
            .and_then(|end| bytes.get(HEADER..end))
            .ok_or_else(|| damaged("its rows are cut off"))?;
        let mut buffers = Vec::with_capacity(count);
        for row in rows.chunks_exact(ROW) {
            let tag = u32::from_le_bytes([row[0], row[1], row[2], row[3]]);
            let offset = usize::try_from(read_u64(&row[8..16])).ok();
            let length = usize::try_from(read_u64(&row[16..24])).ok();
            let range = offset.zip(length).and_then(|(o, l)| Some(o..o.checked_add(l)?));
            match range {
                Some(range) if range.end <= bytes.len() => buffers.push((tag, bytes.slice(range))),
                _ => return Err(damaged("a buffer lies outside it")),
            }
        }
        Ok(Buffers { what, buffers })
    }

    /// The bytes under a tag, if there are any.
    pub fn get(&self, tag: u32) -> Option<&Bytes> {
        self.buffers.iter().find(|(t, _)| *t == tag).map(|(_, bytes)| bytes)
    }

    /// The bytes under a tag.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the tag is missing.
    pub fn bytes(&self, tag: u32) -> Result<&Bytes> {
        self.get(tag).ok_or_else(|| Error::damaged(self.what, format!("buffer {tag} is missing")))
    }

    /// `count` light-encoded numbers under a tag.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn integers(&self, tag: u32, count: usize, limits: &Limits) -> Result<Vec<u64>> {
        Ok(integers::decode(self.bytes(tag)?, count, limits)?)
    }

    /// `count` numbers of eight bytes under a tag.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn words(&self, tag: u32, count: usize) -> Result<Vec<u64>> {
        let bytes = self.bytes(tag)?;
        if Some(bytes.len()) != count.checked_mul(8) {
            let reason = format!("buffer {tag} holds {} bytes for {count} words", bytes.len());
            return Err(Error::damaged(self.what, reason));
        }
        Ok(bytes.chunks_exact(8).map(read_u64).collect())
    }

    /// What the table is, for messages.
    pub fn what(&self) -> &'static str {
        self.what
    }
}

/// A length as it is written.
pub(crate) fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// A length that was read.
pub(crate) fn to_usize(what: &str, value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::damaged(what, format!("{value} is too large")))
}
