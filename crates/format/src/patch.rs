//! What happened to the rows of a fragment after it was written: rows that were deleted, cells that
//! have new values, and row ids that do not follow each other.
//!
//! A patch holds everything of its fragment, so that a reader needs one of them whatever the
//! history. The patches of one commit lie in one object.

use std::collections::BTreeMap;

use bytes::Bytes;
use lakebed_core::ColumnId;
use lakebed_core::Limits;
use lakebed_core::ObjectId;
use roaring::RoaringBitmap;
use roaring::RoaringTreemap;
use serde::Deserialize;
use serde::Serialize;

use crate::buffers::BufferWriter;
use crate::buffers::Buffers;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::checksum::Checksum;
use crate::error::Error;
use crate::error::Result;
use crate::tree::EXPLICIT_IDS;
use crate::tree::FragmentPointer;

const WHAT: &str = "patch";

mod tag {
    pub const TOTALS: u32 = 1;
    pub const DELETED: u32 = 2;
    pub const ID_FIRSTS: u32 = 3;
    pub const ID_COUNTS: u32 = 4;
    pub const PACKS: u32 = 5;
    /// Of overlay n: `OVERLAY + n * STRIDE` and the ones behind it.
    pub const OVERLAY: u32 = 1000;
    pub const STRIDE: u32 = 4;
    pub const PACK: u32 = 0;
    pub const COLUMNS: u32 = 1;
    pub const OFFSETS: u32 = 2;
    pub const SOURCES: u32 = 3;
}

/// The most overlays of one fragment.
pub const MAX_OVERLAYS: usize = 1 << 16;

/// Bytes of an object under `meta/`.
///
/// Written as a JSON array of the fields in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "RegionTuple", into = "RegionTuple")]
pub struct Region {
    /// The object.
    pub object: ObjectId,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Checksum of the bytes.
    pub checksum: Checksum,
}

type RegionTuple = (ObjectId, u64, u64, Checksum);

impl From<RegionTuple> for Region {
    fn from(t: RegionTuple) -> Region {
        Region { object: t.0, offset: t.1, length: t.2, checksum: t.3 }
    }
}

impl From<Region> for RegionTuple {
    fn from(r: Region) -> RegionTuple {
        (r.object, r.offset, r.length, r.checksum)
    }
}

/// A fragment's patch, and what is known of it without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(Region, u64)", into = "(Region, u64)")]
pub struct PatchPointer {
    /// Where it is.
    pub region: Region,
    /// Rows of the fragment that were deleted.
    pub deleted: u64,
}

impl From<(Region, u64)> for PatchPointer {
    fn from((region, deleted): (Region, u64)) -> PatchPointer {
        PatchPointer { region, deleted }
    }
}

impl From<PatchPointer> for (Region, u64) {
    fn from(p: PatchPointer) -> (Region, u64) {
        (p.region, p.deleted)
    }
}

/// A pack under `data/`: what [`crate::FragmentPointer`] says of one, without its rows' identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackPointer {
    /// The pack.
    pub object: ObjectId,
    /// Where the column sections begin in it.
    pub sections_offset: u64,
    /// Where the manifest header's frame begins; it ends with the pack.
    pub header_offset: u64,
    /// Bytes of the pack.
    pub length: u64,
    /// Checksum of the manifest header's frame.
    pub checksum: Checksum,
    /// Rows.
    pub rows: u64,
}

/// Words of a [`PackPointer`] at rest.
const PACK_WORDS: usize = 8;

impl PackPointer {
    fn to_words(self) -> [u64; PACK_WORDS] {
        let (low, high) = halves(self.object.id);
        [
            u64::from(self.object.epoch),
            low,
            high,
            self.sections_offset,
            self.header_offset,
            self.length,
            self.checksum.0,
            self.rows,
        ]
    }

    fn from_words(words: &[u64]) -> Result<PackPointer> {
        let [epoch, low, high, sections_offset, header_offset, length, checksum, rows] = *words
        else {
            return Err(Error::damaged(WHAT, "its list of packs is cut off"));
        };
        let epoch =
            u32::try_from(epoch).map_err(|_| Error::damaged(WHAT, "an epoch is too large"))?;
        Ok(PackPointer {
            object: ObjectId { epoch, id: u128::from(low) | (u128::from(high) << 64) },
            sections_offset,
            header_offset,
            length,
            checksum: Checksum(checksum),
            rows,
        })
    }

    /// The pack as a fragment of which nothing was changed.
    pub fn fragment(&self, first_row_id: u64, stamp: u64) -> FragmentPointer {
        FragmentPointer {
            object: self.object,
            sections_offset: self.sections_offset,
            header_offset: self.header_offset,
            length: self.length,
            checksum: self.checksum,
            rows: self.rows,
            first_row_id,
            stamp,
            patch: None,
        }
    }
}

/// New values for some cells of a fragment: the rows of a pack that has the columns in question.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// The pack with the values.
    pub pack: PackPointer,
    /// The entry that brought them.
    pub stamp: u64,
    /// The columns, ascending.
    pub columns: Vec<ColumnId>,
    /// The rows of the fragment, deleted ones counted.
    pub offsets: RoaringBitmap,
    /// For each of `offsets` in ascending order its row in the pack.
    pub sources: Vec<u64>,
}

impl Overlay {
    /// New values of `columns`, brought by the entry `stamp`; `rows` are rows of the fragment, deleted
    /// ones counted, each with its row in the pack.
    pub fn new(
        pack: PackPointer,
        stamp: u64,
        columns: Vec<ColumnId>,
        rows: BTreeMap<u32, u64>,
    ) -> Overlay {
        let offsets = rows.keys().copied().collect();
        Overlay { pack, stamp, columns, offsets, sources: rows.into_values().collect() }
    }

    /// The pack as a fragment, whose rows have no ids of their own.
    pub fn fragment(&self) -> FragmentPointer {
        self.pack.fragment(EXPLICIT_IDS, self.stamp)
    }
}

/// A patch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patch {
    /// The deleted rows, counted from the first row of the pack.
    pub deleted: RoaringBitmap,
    /// Row ids as runs (first, count) over all rows of the pack, deleted ones included; empty where
    /// they follow the first.
    pub ids: Vec<(u64, u64)>,
    /// New values, the oldest first: a later one hides an earlier one.
    pub overlays: Vec<Overlay>,
    /// Of a fragment whose own object is a manifest only: the packs that hold its chunks, in row
    /// order. Together they have its rows.
    pub packs: Vec<PackPointer>,
}

impl Patch {
    /// The bytes of the patch; their checksum stands in the pointer.
    ///
    /// # Errors
    /// A bitmap that cannot be written, or too many overlays.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        if self.overlays.len() > MAX_OVERLAYS {
            let reason = format!(
                "its fragment was updated {} times, at most {MAX_OVERLAYS} fit: compact the dataset",
                self.overlays.len()
            );
            return Err(Error::damaged(WHAT, reason));
        }
        let mut table = BufferWriter::new();
        table.words(tag::TOTALS, &[to_u64(self.ids.len()), to_u64(self.overlays.len())]);
        table.bytes(tag::DELETED, bitmap_bytes(&self.deleted)?);
        let (firsts, counts): (Vec<u64>, Vec<u64>) = self.ids.iter().copied().unzip();
        table.integers(tag::ID_FIRSTS, &firsts);
        table.integers(tag::ID_COUNTS, &counts);
        if !self.packs.is_empty() {
            let words: Vec<u64> = self.packs.iter().flat_map(|pack| pack.to_words()).collect();
            table.words(tag::PACKS, &words);
        }
        for (base, overlay) in bases().zip(&self.overlays) {
            let mut words = overlay.pack.to_words().to_vec();
            words.push(overlay.stamp);
            words.push(to_u64(overlay.columns.len()));
            words.push(to_u64(overlay.sources.len()));
            table.words(base + tag::PACK, &words);
            let columns: Vec<u64> = overlay.columns.iter().map(|id| id.0).collect();
            table.words(base + tag::COLUMNS, &columns);
            table.bytes(base + tag::OFFSETS, bitmap_bytes(&overlay.offsets)?);
            table.integers(base + tag::SOURCES, &overlay.sources);
        }
        Ok(table.finish())
    }

    /// Reads a patch, whose checksum has been compared, of a fragment of `rows` rows.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn from_bytes(bytes: &Bytes, rows: u64, limits: &Limits) -> Result<Patch> {
        let damaged = |reason: &str| Error::damaged(WHAT, reason.to_string());
        let table = Buffers::parse(WHAT, bytes)?;
        let totals = table.words(tag::TOTALS, 2)?;
        let (runs, overlays) = (to_usize(WHAT, totals[0])?, to_usize(WHAT, totals[1])?);
        if overlays > MAX_OVERLAYS {
            return Err(damaged("it has too many overlays"));
        }
        let inside = |set: &RoaringBitmap| set.max().is_none_or(|last| u64::from(last) < rows);
        let deleted = bitmap(table.bytes(tag::DELETED)?)?;
        let firsts = table.integers(tag::ID_FIRSTS, runs, limits)?;
        let counts = table.integers(tag::ID_COUNTS, runs, limits)?;
        let total = counts.iter().try_fold(0u64, |sum, count| sum.checked_add(*count));
        let fit =
            firsts.iter().zip(&counts).all(|(first, count)| first.checked_add(*count).is_some());
        if !inside(&deleted) || !fit || (runs > 0 && total != Some(rows)) {
            return Err(damaged("it names rows that its fragment does not have"));
        }
        // No room for overlays that are only claimed.
        let mut list = Vec::new();
        for base in bases().take(overlays) {
            let words = table.words(base + tag::PACK, PACK_WORDS + 3)?;
            let (pack, [stamp, columns, rows]) = words.split_at(PACK_WORDS) else {
                return Err(damaged("an overlay is cut off"));
            };
            let pack = PackPointer::from_words(pack)?;
            let columns = table.words(base + tag::COLUMNS, to_usize(WHAT, *columns)?)?;
            let offsets = bitmap(table.bytes(base + tag::OFFSETS)?)?;
            let sources = table.integers(base + tag::SOURCES, to_usize(WHAT, *rows)?, limits)?;
            if !inside(&offsets)
                || offsets.len() != to_u64(sources.len())
                || sources.iter().any(|row| *row >= pack.rows)
            {
                return Err(damaged("an overlay names rows that do not exist"));
            }
            list.push(Overlay {
                pack,
                stamp: *stamp,
                columns: columns.into_iter().map(ColumnId).collect(),
                offsets,
                sources,
            });
        }
        let packs = match table.get(tag::PACKS) {
            None => Vec::new(),
            Some(bytes) => packs(table.words(tag::PACKS, bytes.len() / 8)?, rows)?,
        };
        let ids = firsts.into_iter().zip(counts).collect();
        Ok(Patch { deleted, ids, overlays: list, packs })
    }

    /// True if nothing differs from the fragment as it was written.
    pub fn is_empty(&self) -> bool {
        *self == Patch::default()
    }
}

/// The rows that a commit changed, by their ids: what a later writer compares with its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Touched {
    /// Rows with new values.
    pub updated: RoaringTreemap,
    /// Rows that were deleted.
    pub deleted: RoaringTreemap,
}

impl Touched {
    /// The bytes; their checksum stands in the pointer.
    ///
    /// # Errors
    /// A bitmap that cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut table = BufferWriter::new();
        for (tag, set) in [(tag::TOTALS, &self.updated), (tag::DELETED, &self.deleted)] {
            let mut bytes = Vec::with_capacity(set.serialized_size());
            set.serialize_into(&mut bytes).map_err(|e| Error::damaged("row ids", e.to_string()))?;
            table.bytes(tag, bytes);
        }
        Ok(table.finish())
    }

    /// Reads what [`Touched::to_bytes`] wrote, after its checksum was compared.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn from_bytes(bytes: &Bytes) -> Result<Touched> {
        let table = Buffers::parse("row ids", bytes)?;
        let set = |tag| {
            RoaringTreemap::deserialize_from(table.bytes(tag)?.as_ref())
                .map_err(|e| Error::damaged("row ids", e.to_string()))
        };
        Ok(Touched { updated: set(tag::TOTALS)?, deleted: set(tag::DELETED)? })
    }
}

/// The packs of a fragment of `rows` rows.
fn packs(words: Vec<u64>, rows: u64) -> Result<Vec<PackPointer>> {
    let packs: Vec<PackPointer> =
        words.chunks(PACK_WORDS).map(PackPointer::from_words).collect::<Result<_>>()?;
    let total = packs.iter().try_fold(0u64, |sum, pack| sum.checked_add(pack.rows));
    if total != Some(rows) {
        let reason = format!("its packs have other rows than the {rows} of its fragment");
        return Err(Error::damaged(WHAT, reason));
    }
    Ok(packs)
}

fn bases() -> impl Iterator<Item = u32> {
    (0u32..).map(|n| tag::OVERLAY.saturating_add(n.saturating_mul(tag::STRIDE)))
}

fn bitmap_bytes(set: &RoaringBitmap) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(set.serialized_size());
    set.serialize_into(&mut bytes).map_err(|e| Error::damaged(WHAT, e.to_string()))?;
    Ok(bytes)
}

fn bitmap(bytes: &Bytes) -> Result<RoaringBitmap> {
    RoaringBitmap::deserialize_from(bytes.as_ref()).map_err(|e| Error::damaged(WHAT, e.to_string()))
}

fn halves(id: u128) -> (u64, u64) {
    let low = u64::try_from(id & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    (low, u64::try_from(id >> 64).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch() -> Patch {
        Patch {
            deleted: [1, 5, 70_000].into_iter().collect(),
            ids: vec![(900, 70_000), (4, 30_000)],
            overlays: vec![Overlay {
                pack: pack(3),
                stamp: 12,
                columns: vec![ColumnId(2), ColumnId(9)],
                offsets: [0, 99_999].into_iter().collect(),
                sources: vec![2, 0],
            }],
            packs: vec![pack(40_000), pack(60_000)],
        }
    }

    fn pack(rows: u64) -> PackPointer {
        PackPointer {
            object: ObjectId { epoch: 3, id: u128::from(rows) << 70 | 5 },
            sections_offset: 64,
            header_offset: 128,
            length: 200,
            checksum: Checksum(11),
            rows,
        }
    }

    #[test]
    fn patches_come_back() {
        let bytes = Bytes::from(patch().to_bytes().unwrap());
        let read = Patch::from_bytes(&bytes, 100_000, &Limits::default()).unwrap();
        assert_eq!(read, patch());
        assert!(!read.is_empty() && Patch::default().is_empty());
    }

    #[test]
    fn rows_that_a_fragment_does_not_have_are_damage() {
        let bytes = Bytes::from(patch().to_bytes().unwrap());
        assert!(Patch::from_bytes(&bytes, 99_999, &Limits::default()).is_err());
        let mut wrong = patch();
        wrong.overlays[0].sources[0] = 3;
        let bytes = Bytes::from(wrong.to_bytes().unwrap());
        assert!(Patch::from_bytes(&bytes, 100_000, &Limits::default()).is_err());
        let mut wrong = patch();
        wrong.packs[1].rows -= 1;
        let bytes = Bytes::from(wrong.to_bytes().unwrap());
        let error = Patch::from_bytes(&bytes, 100_000, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("other rows than the 100000"), "{error}");
    }

    #[test]
    fn cut_bytes_are_damage() {
        let bytes = Bytes::from(patch().to_bytes().unwrap());
        // What pads the last buffer to 8 bytes is read by nobody but the checksum.
        for end in 0..=bytes.len() - 8 {
            let cut = bytes.slice(..end);
            let read = Patch::from_bytes(&cut, 100_000, &Limits::default());
            assert!(read.is_err(), "{end} of {}", bytes.len());
        }
    }

    #[test]
    fn touched_rows_come_back() {
        let touched = Touched {
            updated: [1, u64::MAX].into_iter().collect(),
            deleted: [7, 1 << 40].into_iter().collect(),
        };
        let bytes = Bytes::from(touched.to_bytes().unwrap());
        assert_eq!(Touched::from_bytes(&bytes).unwrap(), touched);
    }
}
