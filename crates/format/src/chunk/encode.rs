//! Items to payload and directory.

use std::ops::Range;

use lakebed_codec::Codec;
use lakebed_codec::compress;
use lakebed_codec::compress_lz4_high;
use lakebed_codec::integers;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::Region;
use lakebed_core::Shape;
use lakebed_core::region::AxisRange;

use super::EncodedChunk;
use super::PayloadLayout;
use super::builder::element_range;
use super::builder::element_starts;
use super::collect::stats_of;
use super::directory::Page;
use super::directory_writer::DirectoryParts;
use super::heads::Heads;
use super::heads::Prefixes;
use super::items::Items;
use super::items::Values;
use super::stats_ndim;
use super::tiles;
use crate::buffers::to_u64;
use crate::checksum::Checksum;
use crate::error::Result;
use crate::stats::Stats;

/// Items of a page of scalars.
const SCALARS_PER_PAGE: usize = 64 * 1024;
/// Bytes that a page of tensors, texts or documents aims for.
const PAGE_TARGET: usize = 64 * 1024;
/// The light encoding of a page of scalars: elements as they are.
pub(crate) const LIGHT_PLAIN: u8 = 0;
/// The light encoding of a page of scalars: integers as `lakebed-codec` packs them.
pub(crate) const LIGHT_INTEGERS: u8 = 1;

/// Encodes a chunk; one tensor of more than `tiled_above` bytes in tiles.
pub(crate) fn encode(
    column: &Column,
    items: &Items,
    heads: &Heads,
    tiled_above: usize,
) -> Result<EncodedChunk> {
    let mut sink = Sink { column, payload: Vec::new(), pages: Vec::new() };
    let mut tile = Vec::new();
    let mut prefixes = Prefixes::default();
    let mut prefix_numbers = Vec::new();
    let count = items.count();
    let (layout, dims, stats, page_stats) = match &items.values {
        Values::Media { bytes, offsets, cuts, dims } => {
            prefixes = heads.settle(cuts);
            for (item, cut) in cuts.iter().enumerate() {
                let (back, number) = heads.back(&prefixes, *cut);
                // Who has no prefix repeats a number, so that they pack well.
                let last = prefix_numbers.last().copied().unwrap_or(0);
                prefix_numbers.push(number.unwrap_or(last));
                sink.image(back, &bytes[offsets[item]..offsets[item + 1]], cut.length, item);
            }
            (
                PayloadLayout::Media,
                dims.clone(),
                stats_of(column, items, 0..count, 0..0),
                Vec::new(),
            )
        }
        Values::Variable { bytes, offsets } => {
            let ranges = split_by_bytes(count, |item| offsets[item + 1] - offsets[item] + 4);
            for range in &ranges {
                sink.variable(bytes, offsets, range.clone())?;
            }
            let (stats, pages) = page_statistics(column, items, &ranges, None);
            (PayloadLayout::Variable, Vec::new(), stats, pages)
        }
        Values::Elements { bytes, dims, .. } => {
            let width = column.dtype.width().unwrap_or(1);
            let starts = element_starts(dims, count);
            let is_one_large = count == 1 && items.counts.is_none() && bytes.len() > tiled_above;
            if column.ndim() == 0 {
                let ranges = split_by_count(count, SCALARS_PER_PAGE);
                for range in &ranges {
                    sink.scalars(items, bytes, range.clone())?;
                }
                let (stats, pages) = page_statistics(column, items, &ranges, Some(&starts));
                (PayloadLayout::Scalars, Vec::new(), stats, pages)
            } else if is_one_large {
                let shape = item_shape(dims, 0);
                tile = tiles::tile_shape(&shape, width, tiled_above / tiles::TILES_OF_THE_SMALLEST);
                sink.tiles(bytes, &shape, &tile, width)?;
                let stats = stats_of(column, items, 0..1, 0..starts[1]);
                (PayloadLayout::Tiles, dims.clone(), stats, Vec::new())
            } else if column.compression == Compression::None {
                sink.payload.extend_from_slice(bytes);
                let stats = stats_of(column, items, 0..count, 0..starts[count]);
                (PayloadLayout::Raw, dims.clone(), stats, Vec::new())
            } else {
                let ranges =
                    split_by_bytes(count, |item| (starts[item + 1] - starts[item]) * width + 1);
                for range in &ranges {
                    let elements = element_range(&starts, range);
                    sink.compressed(
                        &bytes[elements.start * width..elements.end * width],
                        LIGHT_PLAIN,
                        range.clone(),
                    )?;
                }
                let (stats, pages) = page_statistics(column, items, &ranges, Some(&starts));
                (PayloadLayout::Elements, dims.clone(), stats, pages)
            }
        }
    };
    let directory = DirectoryParts {
        layout,
        rows: items.rows,
        items: count,
        payload: &sink.payload,
        valid: items.valid.as_deref(),
        counts: items.counts.as_deref(),
        dims: &dims,
        pages: sink.pages,
        prefixes: &prefixes.list,
        prefix_numbers: &prefix_numbers,
        tile,
        page_stats,
        stats_ndim: stats_ndim(column),
    }
    .to_bytes();
    Ok(EncodedChunk { payload: sink.payload, directory, stats })
}

/// Statistics of each page, and of all together. Pages of sequences have none of their own: they
/// do not begin where rows begin.
fn page_statistics(
    column: &Column,
    items: &Items,
    ranges: &[Range<usize>],
    starts: Option<&[usize]>,
) -> (Stats, Vec<Stats>) {
    let elements =
        |range: &Range<usize>| starts.map_or(0..0, |starts| element_range(starts, range));
    let all = 0..items.count();
    if items.counts.is_some() || ranges.len() <= 1 {
        return (stats_of(column, items, all.clone(), elements(&all)), Vec::new());
    }
    let pages: Vec<Stats> = ranges
        .iter()
        .map(|range| stats_of(column, items, range.clone(), elements(range)))
        .collect();
    let merged = pages.iter().fold(Stats::default(), |sum, page| sum.merge(page));
    (merged, pages)
}

/// Ranges of at most `size` items.
fn split_by_count(count: usize, size: usize) -> Vec<Range<usize>> {
    (0..count).step_by(size).map(|begin| begin..(begin + size).min(count)).collect()
}

/// Ranges of items of about [`PAGE_TARGET`] bytes, each of at least one item.
fn split_by_bytes(count: usize, size: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut begin, mut bytes) = (0, 0);
    for item in 0..count {
        let next = size(item);
        if item > begin && bytes + next > PAGE_TARGET {
            ranges.push(begin..item);
            (begin, bytes) = (item, 0);
        }
        bytes += next;
    }
    if begin < count {
        ranges.push(begin..count);
    }
    ranges
}

fn item_shape(dims: &[Vec<u32>], item: usize) -> Shape {
    let mut shape = Shape::SCALAR;
    for axis in dims {
        // A column has at most MAX_NDIM dimensions.
        let _ = shape.push(usize::try_from(axis[item]).unwrap_or(usize::MAX));
    }
    shape
}

/// Where pages go.
struct Sink<'a> {
    column: &'a Column,
    payload: Vec<u8>,
    pages: Vec<Page>,
}

impl Sink<'_> {
    fn push(&mut self, encoded: &[u8], raw: usize, items: Range<usize>, codec: u8) {
        let begin = to_u64(self.payload.len());
        self.payload.extend_from_slice(encoded);
        self.pages.push(Page {
            bytes: begin..to_u64(self.payload.len()),
            raw,
            items,
            codec,
            checksum: Checksum::of(encoded),
        });
    }

    /// An image that was cut after `cut` bytes, of which it gets some back.
    fn image(&mut self, back: &[u8], rest: &[u8], cut: usize, item: usize) {
        let begin = self.payload.len();
        self.payload.extend_from_slice(back);
        self.payload.extend_from_slice(rest);
        self.pages.push(Page {
            bytes: to_u64(begin)..to_u64(self.payload.len()),
            raw: cut + rest.len(),
            items: item..item + 1,
            codec: 0,
            checksum: Checksum::of(&self.payload[begin..]),
        });
    }

    /// A page under the column's compression, where that makes it smaller.
    fn compressed(&mut self, raw: &[u8], light: u8, items: Range<usize>) -> Result<()> {
        let codec = match self.column.compression {
            Compression::Lz4 => Codec::Lz4,
            Compression::Zstd => Codec::Zstd,
            Compression::None | Compression::Encoded => Codec::None,
        };
        let encoded = if codec == Codec::None { Vec::new() } else { compress(codec, raw)? };
        if codec == Codec::None || !pays(&encoded, raw) {
            self.push(raw, raw.len(), items, light * 16);
        } else {
            self.push(&encoded, raw.len(), items, light * 16 + codec as u8);
        }
        Ok(())
    }

    /// A page of texts: under LZ4 where that takes at most three tenths more bytes than zstd, for
    /// it is read back twice as fast.
    fn texts(&mut self, raw: &[u8], items: Range<usize>) -> Result<()> {
        if self.column.compression != Compression::Zstd {
            return self.compressed(raw, LIGHT_PLAIN, items);
        }
        let small = compress(Codec::Zstd, raw)?;
        let fast = compress_lz4_high(raw);
        let (encoded, codec) = match pays(&fast, raw) && fast.len() * 10 <= small.len() * 13 {
            true => (fast, Codec::Lz4),
            false => (small, Codec::Zstd),
        };
        if pays(&encoded, raw) {
            self.push(&encoded, raw.len(), items, LIGHT_PLAIN * 16 + codec as u8);
        } else {
            self.push(raw, raw.len(), items, LIGHT_PLAIN * 16);
        }
        Ok(())
    }

    fn scalars(&mut self, items: &Items, bytes: &[u8], range: Range<usize>) -> Result<()> {
        let width = self.column.dtype.width().unwrap_or(1);
        let raw = &bytes[range.start * width..range.end * width];
        if self.column.dtype.is_float() || matches!(self.column.dtype, DType::Decimal(..)) {
            return self.compressed(raw, LIGHT_PLAIN, range);
        }
        let mut values = integer_patterns(&self.column.dtype, raw);
        // A null repeats its neighbour, so that it does not widen the range to pack.
        let mut last = None;
        for (value, item) in values.iter_mut().zip(range.clone()) {
            match last {
                Some(last) if items.is_null(item) => *value = last,
                _ if items.is_null(item) => {}
                _ => last = Some(*value),
            }
        }
        let packed = integers::encode(&values);
        // Packed bits seldom compress; what does are long dictionaries and plain values.
        if packed.len() < raw.len() / 2 {
            self.push(&packed, packed.len(), range, LIGHT_INTEGERS * 16);
            return Ok(());
        }
        self.compressed(&packed, LIGHT_INTEGERS, range)
    }

    fn variable(&mut self, bytes: &[u8], offsets: &[usize], range: Range<usize>) -> Result<()> {
        let lengths: Vec<u64> =
            range.clone().map(|item| to_u64(offsets[item + 1] - offsets[item])).collect();
        let lengths = integers::encode(&lengths);
        let mut raw = Vec::new();
        raw.extend_from_slice(&to_u64(lengths.len()).to_le_bytes());
        raw.extend_from_slice(&lengths);
        raw.extend_from_slice(&bytes[offsets[range.start]..offsets[range.end]]);
        self.texts(&raw, range)
    }

    fn tiles(&mut self, bytes: &[u8], shape: &Shape, tile: &[usize], width: usize) -> Result<()> {
        let Some(grid) = tiles::Grid::new(*shape, tile) else { return Ok(()) };
        let mut raw = Vec::new();
        for number in 0..grid.len() {
            let tile = grid.tile(number);
            let axes = tile.origin.iter().zip(tile.shape.iter());
            let region = Region::new(axes.map(|(&start, &count)| AxisRange {
                start,
                count,
                step: 1,
                keep: true,
            }));
            raw.clear();
            region.copy(bytes, shape, width, &mut raw);
            self.compressed(&raw, LIGHT_PLAIN, 0..1)?;
        }
        Ok(())
    }
}

/// Less than a quarter saved does not pay for decompressing: coordinates that fill their floats
/// save a fifth, and read three times slower.
fn pays(encoded: &[u8], raw: &[u8]) -> bool {
    encoded.len() + encoded.len() / 3 < raw.len()
}

/// Elements of an integer-like type as order-preserving 64-bit patterns.
fn integer_patterns(dtype: &DType, raw: &[u8]) -> Vec<u64> {
    fn map<const N: usize>(raw: &[u8], of: impl Fn([u8; N]) -> u64) -> Vec<u64> {
        raw.as_chunks::<N>().0.iter().map(|bytes| of(*bytes)).collect()
    }
    let signed = integers::from_i64;
    match dtype {
        DType::Bool | DType::U8 => map(raw, |b: [u8; 1]| b[0].into()),
        DType::U16 => map(raw, |b| u16::from_le_bytes(b).into()),
        DType::U32 => map(raw, |b| u32::from_le_bytes(b).into()),
        DType::U64 => map(raw, u64::from_le_bytes),
        DType::I8 => map(raw, |b| signed(i8::from_le_bytes(b).into())),
        DType::I16 => map(raw, |b| signed(i16::from_le_bytes(b).into())),
        DType::I32 | DType::Date => map(raw, |b| signed(i32::from_le_bytes(b).into())),
        _ => map(raw, |b| signed(i64::from_le_bytes(b))),
    }
}
