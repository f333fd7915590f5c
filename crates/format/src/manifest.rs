//! The manifest of a fragment: for each column, where its chunks are and what is known of them.
//!
//! It ends a pack: one section a column, then the header, so that a query on one column reads the
//! header and that column's section only.

use std::collections::BTreeMap;
use std::collections::HashMap;

use bytes::Bytes;
use lakebed_core::Column;
use lakebed_core::ColumnId;
use lakebed_core::Limits;
use lakebed_core::ObjectId;

use crate::buffers::BufferWriter;
use crate::buffers::Buffers;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::checksum::Checksum;
use crate::chunk::stats_ndim;
use crate::error::Error;
use crate::error::Result;
use crate::frame;
use crate::frame::Kind;
use crate::frame::read_u64;
use crate::stats;
use crate::stats::Stats;

mod tag {
    pub const TOTALS: u32 = 1;
    pub const COLUMN_IDS: u32 = 2;
    pub const OFFSETS: u32 = 3;
    pub const LENGTHS: u32 = 4;
    pub const CHECKSUMS: u32 = 5;
    pub const OBJECTS: u32 = 6;
    pub const CHUNK_OBJECTS: u32 = 10;
    pub const PAYLOAD_OFFSETS: u32 = 11;
    pub const PAYLOAD_LENGTHS: u32 = 12;
    pub const DIRECTORY_OFFSETS: u32 = 13;
    pub const DIRECTORY_LENGTHS: u32 = 14;
    pub const DIRECTORY_CHECKSUMS: u32 = 15;
}

/// Where a chunk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkAddress {
    /// The object; `None` for the pack that holds the manifest.
    pub object: Option<ObjectId>,
    /// First byte of the payload.
    pub payload_offset: u64,
    /// Bytes of the payload.
    pub payload_length: u64,
    /// First byte of the directory.
    pub directory_offset: u64,
    /// Bytes of the directory.
    pub directory_length: u64,
    /// Checksum of the directory.
    pub directory_checksum: Checksum,
}

/// The chunks of one column of a fragment, in row order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnSection {
    /// Where they are.
    pub chunks: Vec<ChunkAddress>,
    /// What is known of them, rows included.
    pub stats: Vec<Stats>,
}

/// Where a column's section is in its pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionAddress {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Checksum.
    pub checksum: Checksum,
}

/// The header of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestHeader {
    /// Rows of the fragment.
    pub rows: u64,
    /// Checksum of all bytes of the pack before this header's frame, padding included.
    pub prefix_checksum: Option<Checksum>,
    /// Objects that hold chunks beside the pack itself.
    pub objects: Vec<ObjectId>,
    /// The section of each column.
    pub sections: BTreeMap<ColumnId, SectionAddress>,
}

impl ColumnSection {
    /// The bytes of the section; `objects` lists the foreign objects in the header's order.
    pub fn to_bytes(&self, column: &Column, objects: &[ObjectId]) -> Vec<u8> {
        let mut table = BufferWriter::new();
        let each =
            |of: &dyn Fn(&ChunkAddress) -> u64| self.chunks.iter().map(of).collect::<Vec<_>>();
        table.words(tag::TOTALS, &[to_u64(self.chunks.len())]);
        let places: HashMap<ObjectId, u64> = objects.iter().copied().zip(1..).collect();
        let object = |chunk: &ChunkAddress| {
            chunk.object.and_then(|id| places.get(&id).copied()).unwrap_or(0)
        };
        table.integers(tag::CHUNK_OBJECTS, &each(&object));
        table.integers(tag::PAYLOAD_OFFSETS, &each(&|c| c.payload_offset));
        table.integers(tag::PAYLOAD_LENGTHS, &each(&|c| c.payload_length));
        table.integers(tag::DIRECTORY_OFFSETS, &each(&|c| c.directory_offset));
        table.integers(tag::DIRECTORY_LENGTHS, &each(&|c| c.directory_length));
        table.words(tag::DIRECTORY_CHECKSUMS, &each(&|c| c.directory_checksum.0));
        stats::write(&mut table, &self.stats, stats_ndim(column));
        table.finish()
    }

    /// Reads a section whose checksum has been compared.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn from_bytes(
        bytes: &Bytes,
        column: &Column,
        header: &ManifestHeader,
        limits: &Limits,
    ) -> Result<ColumnSection> {
        let what = "manifest section";
        let table = Buffers::parse(what, bytes)?;
        let count = to_usize(what, table.words(tag::TOTALS, 1)?[0])?;
        // Eight bytes for each chunk, before anything is made for chunks that are only claimed.
        let checksums = table.words(tag::DIRECTORY_CHECKSUMS, count)?;
        let stats = stats::read(&table, count, &column.dtype, stats_ndim(column), limits)?;
        let numbers = |tag: u32| table.integers(tag, count, limits);
        let objects = numbers(tag::CHUNK_OBJECTS)?;
        let (payload_offsets, payload_lengths) =
            (numbers(tag::PAYLOAD_OFFSETS)?, numbers(tag::PAYLOAD_LENGTHS)?);
        let (directory_offsets, directory_lengths) =
            (numbers(tag::DIRECTORY_OFFSETS)?, numbers(tag::DIRECTORY_LENGTHS)?);
        let mut chunks = Vec::with_capacity(count);
        for i in 0..count {
            let object = match to_usize(what, objects[i])? {
                0 => None,
                n => Some(*header.objects.get(n - 1).ok_or_else(|| {
                    Error::damaged(what, format!("object {n} is not in the header's list"))
                })?),
            };
            chunks.push(ChunkAddress {
                object,
                payload_offset: payload_offsets[i],
                payload_length: payload_lengths[i],
                directory_offset: directory_offsets[i],
                directory_length: directory_lengths[i],
                directory_checksum: Checksum(checksums[i]),
            });
        }
        let rows = stats.iter().try_fold(0u64, |sum, s| sum.checked_add(s.rows));
        if rows != Some(header.rows) {
            let reason = format!("its chunks hold {rows:?} rows, and the fragment {}", header.rows);
            return Err(Error::damaged(what, reason));
        }
        Ok(ColumnSection { chunks, stats })
    }
}

impl ManifestHeader {
    /// The frame that ends a pack.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut table = BufferWriter::new();
        let prefix = self.prefix_checksum.map_or(0, |c| c.0);
        table.words(
            tag::TOTALS,
            &[self.rows, prefix, to_u64(self.sections.len()), to_u64(self.objects.len())],
        );
        let each = |of: &dyn Fn(&SectionAddress) -> u64| {
            self.sections.values().map(of).collect::<Vec<_>>()
        };
        table.words(tag::COLUMN_IDS, &self.sections.keys().map(|id| id.0).collect::<Vec<_>>());
        table.words(tag::OFFSETS, &each(&|s| s.offset));
        table.words(tag::LENGTHS, &each(&|s| s.length));
        table.words(tag::CHECKSUMS, &each(&|s| s.checksum.0));
        let names: Vec<u8> = self.objects.iter().flat_map(object_bytes).collect();
        table.bytes(tag::OBJECTS, names);
        frame::wrap(Kind::Manifest, &table.finish())
    }

    /// Reads the frame that ends a pack.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::NewerFormat`].
    pub fn from_bytes(bytes: &[u8]) -> Result<ManifestHeader> {
        let what = "manifest";
        let body = Bytes::copy_from_slice(frame::unwrap(Kind::Manifest, bytes)?);
        let table = Buffers::parse(what, &body)?;
        let totals = table.words(tag::TOTALS, 4)?;
        let count = to_usize(what, totals[2])?;
        let ids = table.words(tag::COLUMN_IDS, count)?;
        let (offsets, lengths) =
            (table.words(tag::OFFSETS, count)?, table.words(tag::LENGTHS, count)?);
        let checksums = table.words(tag::CHECKSUMS, count)?;
        let objects = table.bytes(tag::OBJECTS)?;
        if Some(objects.len()) != to_usize(what, totals[3])?.checked_mul(20) {
            return Err(Error::damaged(what, "its list of objects is cut off"));
        }
        Ok(ManifestHeader {
            rows: totals[0],
            prefix_checksum: Some(Checksum(totals[1])),
            objects: objects.chunks_exact(20).map(object_from_bytes).collect(),
            sections: (0..count)
                .map(|i| {
                    let address = SectionAddress {
                        offset: offsets[i],
                        length: lengths[i],
                        checksum: Checksum(checksums[i]),
                    };
                    (ColumnId(ids[i]), address)
                })
                .collect(),
        })
    }
}

/// An object's name in 20 bytes: epoch, then id, little endian.
fn object_bytes(object: &ObjectId) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&object.epoch.to_le_bytes());
    bytes[4..].copy_from_slice(&object.id.to_le_bytes());
    bytes
}

fn object_from_bytes(bytes: &[u8]) -> ObjectId {
    let (epoch, id) = bytes.split_at(4);
    let (low, high) = id.split_at(8);
    ObjectId {
        epoch: u32::try_from(read_u64(epoch)).unwrap_or(u32::MAX),
        id: u128::from(read_u64(low)) | (u128::from(read_u64(high)) << 64),
    }
}
