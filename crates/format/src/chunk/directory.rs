//! The directory of a chunk: what is where in its payload.

use std::ops::Range;

use arrow::buffer::BooleanBuffer;
use arrow::buffer::Buffer;
use bytes::Bytes;
use lakebed_codec::integers;
use lakebed_core::Column;
use lakebed_core::Limits;
use lakebed_core::Shape;

use super::PayloadLayout;
use super::builder::MAX_ROWS;
use super::media_pages::MediaPages;
use super::plan::RowSet;
use super::seen::Seen;
use crate::BLOCK;
use crate::buffers::Buffers;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::checksum::Checksum;
use crate::error::Error;
use crate::error::Result;
use crate::stats;
use crate::stats::Stats;

pub(crate) const WHAT: &str = "directory";

pub(crate) mod tag {
    pub const HEADER: u32 = 1;
    pub const VALID: u32 = 2;
    pub const COUNTS: u32 = 3;
    pub const PAGE_ENDS: u32 = 4;
    pub const PAGE_RAW: u32 = 5;
    pub const PAGE_ITEM_ENDS: u32 = 6;
    pub const PAGE_CODECS: u32 = 7;
    pub const PAGE_CHECKSUMS: u32 = 8;
    pub const BLOCK_CHECKSUMS: u32 = 9;
    pub const TILE: u32 = 10;
    pub const PREFIXES: u32 = 11;
    pub const PREFIX_ENDS: u32 = 12;
    pub const PREFIX_NUMBERS: u32 = 13;
    pub const DIMS: u32 = 16;
}

/// Bits of the header's second word.
pub(crate) mod flag {
    pub const VALID: u64 = 1;
    pub const COUNTS: u64 = 2;
    pub const PAGE_STATS: u64 = 4;
    pub const PREFIXES: u64 = 8;
    pub const ALL: u64 = 15;
}

/// Sizes of one dimension over all items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sizes {
    /// The same for every item.
    Uniform(u32),
    /// One an item.
    PerItem(Vec<u32>),
}

impl Sizes {
    pub fn of(&self, item: usize) -> usize {
        let size = match self {
            Sizes::Uniform(size) => *size,
            Sizes::PerItem(sizes) => sizes.get(item).copied().unwrap_or(0),
        };
        usize::try_from(size).unwrap_or(usize::MAX)
    }
}

/// A page of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its bytes in the payload.
    pub bytes: Range<u64>,
    /// Bytes after decompression.
    pub raw: usize,
    /// The items that it holds.
    pub items: Range<usize>,
    /// 16 times the light encoding plus the codec.
    pub codec: u8,
    /// Checksum of its bytes in the payload.
    pub checksum: Checksum,
}

/// What is known of one page.
#[derive(Debug, Clone)]
pub struct PageStats<'a> {
    /// Its rows, counted from the first of the chunk.
    pub rows: Range<usize>,
    /// Its bytes in the payload.
    pub bytes: u64,
    /// Its statistics.
    pub stats: &'a Stats,
}

/// What is where in the payload of a chunk.
#[derive(Debug, Clone)]
pub struct Directory {
    pub(crate) layout: PayloadLayout,
    pub(crate) rows: usize,
    pub(crate) items: usize,
    pub(crate) payload: u64,
    pub(crate) valid: Option<BooleanBuffer>,
    /// Where each row's items begin, for sequences; one more than rows.
    pub(crate) item_starts: Option<Vec<usize>>,
    pub(crate) dims: Vec<Sizes>,
    /// Where each item's elements begin; `None` where every item has `stride` elements.
    pub(crate) element_starts: Option<Vec<u64>>,
    pub(crate) stride: u64,
    /// Pages of every layout but encoded images.
    pub(crate) pages: Vec<Page>,
    /// Pages of encoded images.
    pub(crate) media: MediaPages,
    pub(crate) blocks: Vec<Checksum>,
    pub(crate) tile: Vec<usize>,
    /// Blocks, or images, whose bytes in memory have been compared with their checksums.
    pub(crate) seen: Seen,
    page_stats: Vec<Stats>,
}

impl Directory {
    /// Reads a directory whose checksum has been compared.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it does not hold together.
    pub fn from_bytes(bytes: &Bytes, column: &Column, limits: &Limits) -> Result<Directory> {
        let table = Buffers::parse(WHAT, bytes)?;
        let header = table.words(tag::HEADER, 7)?;
        let [layout, flags, rows, items, payload, page_count, ndim] = header[..] else {
            return Err(Error::damaged(WHAT, "its header is cut off"));
        };
        let layout = PayloadLayout::from_number(layout)?;
        if flags & !flag::ALL != 0 {
            let reason = format!("its flags are {flags}; a newer version may have written it");
            return Err(Error::damaged(WHAT, reason));
        }
        let (rows, items) = (to_usize(WHAT, rows)?, to_usize(WHAT, items)?);
        if rows > MAX_ROWS {
            return Err(Error::damaged(WHAT, format!("it has {rows} rows, at most {MAX_ROWS}")));
        }
        // Readers allocate for the items they want; a page that repeats one value bounds nothing.
        let most = limits.max_page_bytes / 8;
        Limits::check("items of a chunk", to_u64(items), most, "max_page_bytes")?;
        if to_usize(WHAT, ndim)? != column.ndim() {
            return Err(Error::damaged(
                WHAT,
                format!("it has {ndim} dimensions, and the column {}", column.ndim()),
            ));
        }
        let valid = if flags & flag::VALID != 0 { Some(read_valid(&table, rows)?) } else { None };
        let item_starts = if flags & flag::COUNTS != 0 {
            Some(starts_of(&table.integers(tag::COUNTS, rows, limits)?, items)?)
        } else {
            None
        };
        if item_starts.is_none() && rows != items || item_starts.is_some() != column.sequence {
            return Err(Error::damaged(WHAT, format!("{items} items for {rows} rows")));
        }
        let mut dims = Vec::with_capacity(column.ndim());
        for axis in 0..column.ndim() {
            let tag = tag::DIMS + u32::try_from(axis).unwrap_or(0);
            dims.push(read_sizes(&table, tag, items, limits)?);
        }
        let page_count = to_usize(WHAT, page_count)?;
        let (mut pages, mut media) = (Vec::new(), MediaPages::default());
        let (mut stride, mut element_starts) = (0, None);
        if layout == PayloadLayout::Media {
            if page_count != items {
                let reason = format!("{page_count} pages for {items} images");
                return Err(Error::damaged(WHAT, reason));
            }
            let prefixed = flags & flag::PREFIXES != 0;
            media = MediaPages::read(&table, page_count, payload, prefixed, limits)?;
        } else {
            pages = read_pages(&table, layout, page_count, items, payload, limits)?;
            (stride, element_starts) = element_places(&dims, items, payload)?;
        }
        let mut directory = Directory {
            layout,
            rows,
            items,
            payload,
            valid,
            item_starts,
            dims,
            element_starts,
            stride,
            pages,
            media,
            blocks: Vec::new(),
            tile: Vec::new(),
            seen: Seen::default(),
            page_stats: Vec::new(),
        };
        if layout == PayloadLayout::Raw {
            let count = to_usize(WHAT, payload.div_ceil(BLOCK))?;
            directory.blocks =
                table.words(tag::BLOCK_CHECKSUMS, count)?.into_iter().map(Checksum).collect();
            let width = to_u64(column.dtype.width().unwrap_or(0));
            let bytes = directory.element_range(items).start.checked_mul(width);
            if bytes != Some(payload) {
                return Err(Error::damaged(WHAT, "the payload's length does not fit the shapes"));
            }
        }
        if layout == PayloadLayout::Tiles {
            let tile = table.words(tag::TILE, column.ndim())?;
            directory.tile = tile.iter().map(|n| to_usize(WHAT, *n)).collect::<Result<_>>()?;
        }
        if flags & flag::PAGE_STATS != 0 {
            let ndim = super::stats_ndim(column);
            let list = stats::read(&table, page_count, &column.dtype, ndim, limits)?;
            let rows = directory.pages.iter().map(|page| to_u64(page.items.len()));
            let holds_rows = !column.sequence && layout != PayloadLayout::Tiles;
            if !holds_rows || !rows.eq(list.iter().map(|stats| stats.rows)) {
                return Err(Error::damaged(WHAT, "the statistics of its pages are of other rows"));
            }
            directory.page_stats = list;
        }
        Ok(directory)
    }

    /// Rows of the chunk.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of the payload.
    pub fn payload_length(&self) -> u64 {
        self.payload
    }

    /// What is known of each page, in row order; nothing where the statistics of the chunk say it
    /// all. The pages hold all rows of the chunk.
    pub fn page_stats(&self) -> impl Iterator<Item = PageStats<'_>> {
        self.pages.iter().zip(&self.page_stats).map(|(page, stats)| PageStats {
            rows: page.items.clone(),
            bytes: page.bytes.end - page.bytes.start,
            stats,
        })
    }

    /// Bytes of memory that the directory takes, near enough for a cache.
    pub fn memory(&self) -> usize {
        let sizes = self.dims.iter().map(|sizes| match sizes {
            Sizes::Uniform(_) => 8,
            Sizes::PerItem(list) => list.len() * 4,
        });
        256 + sizes.sum::<usize>()
            + self.element_starts.as_ref().map_or(0, |starts| starts.len() * 8)
            + self.item_starts.as_ref().map_or(0, |starts| starts.len() * 8)
            + self.pages.len() * std::mem::size_of::<Page>()
            + self.media.memory()
            + self.blocks.len() * 8
            + self.page_stats.len() * 256
            + self.rows / 8
    }

    /// The shape of an item.
    pub(crate) fn shape(&self, item: usize) -> Shape {
        let mut shape = Shape::SCALAR;
        for sizes in &self.dims {
            // A column has at most MAX_NDIM dimensions.
            let _ = shape.push(sizes.of(item));
        }
        shape
    }

    /// The sizes of items, end to end.
    pub(crate) fn push_shapes(&self, items: &RowSet, out: &mut Vec<i32>) {
        let ndim = self.dims.len();
        let begin = out.len();
        out.resize(begin + items.len() * ndim, 0);
        for (axis, sizes) in self.dims.iter().enumerate() {
            let places = out[begin..].iter_mut().skip(axis).step_by(ndim);
            match (sizes, items) {
                (Sizes::Uniform(size), _) => {
                    let size = signed(*size);
                    places.for_each(|place| *place = size);
                }
                (Sizes::PerItem(sizes), RowSet::Range(range)) => {
                    let sizes = sizes.get(range.clone()).unwrap_or_default();
                    places.zip(sizes).for_each(|(place, size)| *place = signed(*size));
                }
                (Sizes::PerItem(sizes), RowSet::List(list)) => {
                    let sizes = list.iter().map(|item| sizes.get(*item).copied().unwrap_or(0));
                    places.zip(sizes).for_each(|(place, size)| *place = signed(size));
                }
            }
        }
    }

    /// The sizes of items along one axis.
    pub(crate) fn sizes(&self, axis: usize, items: &RowSet) -> Vec<i32> {
        match (self.dims.get(axis), items) {
            (None, _) => vec![0; items.len()],
            (Some(Sizes::Uniform(size)), _) => vec![signed(*size); items.len()],
            (Some(Sizes::PerItem(sizes)), RowSet::Range(range)) => {
                let sizes = sizes.get(range.clone()).unwrap_or_default();
                sizes.iter().map(|size| signed(*size)).collect()
            }
            (Some(Sizes::PerItem(sizes)), RowSet::List(list)) => {
                list.iter().map(|item| sizes.get(*item).map_or(0, |size| signed(*size))).collect()
            }
        }
    }

    /// The elements of an item, counted over the chunk; of `items` itself, the end of all.
    pub(crate) fn element_range(&self, item: usize) -> Range<u64> {
        match &self.element_starts {
            Some(starts) => {
                let at = |i: usize| starts.get(i.min(self.items)).copied().unwrap_or(0);
                at(item)..at(item + 1)
            }
            None => to_u64(item) * self.stride..to_u64(item + 1) * self.stride,
        }
    }

    /// Number of elements of an item.
    pub(crate) fn elements_of(&self, item: usize) -> u64 {
        let range = self.element_range(item);
        range.end - range.start
    }

    /// True if the row is null.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.valid.as_ref().is_some_and(|valid| !valid.value(row))
    }

    /// The page that holds an item.
    pub(crate) fn page_of(&self, item: usize) -> Result<usize> {
        let page = self.pages.partition_point(|page| page.items.end <= item);
        if page >= self.pages.len() {
            return Err(Error::damaged(WHAT, format!("no page holds item {item}")));
        }
        Ok(page)
    }
}

/// A size as Arrow has it.
pub(crate) fn signed(size: u32) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

fn read_valid(table: &Buffers, rows: usize) -> Result<BooleanBuffer> {
    let bits = table.bytes(tag::VALID)?;
    if bits.len() < rows.div_ceil(8) {
        return Err(Error::damaged(WHAT, "its validity is cut off"));
    }
    Ok(BooleanBuffer::new(Buffer::from(bits.to_vec()), 0, rows))
}

fn starts_of(counts: &[u64], items: usize) -> Result<Vec<usize>> {
    let mut starts = Vec::with_capacity(counts.len() + 1);
    let mut at = 0usize;
    starts.push(0);
    for count in counts {
        at = at
            .checked_add(to_usize(WHAT, *count)?)
            .filter(|at| *at <= items)
            .ok_or_else(|| Error::damaged(WHAT, "its counts are larger than its items"))?;
        starts.push(at);
    }
    if at != items {
        return Err(Error::damaged(WHAT, format!("its counts make {at} items of {items}")));
    }
    Ok(starts)
}

fn read_sizes(table: &Buffers, tag: u32, items: usize, limits: &Limits) -> Result<Sizes> {
    if let Some(size) = integers::constant(table.bytes(tag)?) {
        let size = u32::try_from(size)
            .map_err(|_| Error::damaged(WHAT, format!("a dimension of size {size}")))?;
        return Ok(Sizes::Uniform(size));
    }
    let mut sizes = Vec::new();
    integers::decode_into(table.bytes(tag)?, items, limits, &mut sizes)?;
    match sizes.first() {
        Some(first) if sizes.iter().all(|size| size == first) => Ok(Sizes::Uniform(*first)),
        _ => Ok(Sizes::PerItem(sizes)),
    }
}

fn read_pages(
    table: &Buffers,
    layout: PayloadLayout,
    count: usize,
    items: usize,
    payload: u64,
    limits: &Limits,
) -> Result<Vec<Page>> {
    if count == 0 && layout == PayloadLayout::Raw {
        return Ok(Vec::new());
    }
    if count == 0 {
        let empty = items == 0 && payload == 0;
        let reason = format!("{items} items without a page");
        return if empty { Ok(Vec::new()) } else { Err(Error::damaged(WHAT, reason)) };
    }
    let ends = table.integers(tag::PAGE_ENDS, count, limits)?;
    let raw = table.integers(tag::PAGE_RAW, count, limits)?;
    let codecs = table.integers(tag::PAGE_CODECS, count, limits)?;
    let checksums = table.words(tag::PAGE_CHECKSUMS, count)?;
    let item_ends = match layout {
        PayloadLayout::Tiles => vec![1; count],
        _ => table.integers(tag::PAGE_ITEM_ENDS, count, limits)?,
    };
    let mut pages = Vec::with_capacity(count);
    let (mut begin, mut item) = (0u64, 0usize);
    for i in 0..count {
        let end_item = to_usize(WHAT, item_ends[i])?;
        let begin_item = if layout == PayloadLayout::Tiles { 0 } else { item };
        if ends[i] < begin || ends[i] > payload || end_item < begin_item || end_item > items {
            return Err(Error::damaged(WHAT, format!("page {i} lies outside the payload")));
        }
        let page_size = ends[i] - begin;
        Limits::check("a page", page_size.max(raw[i]), limits.max_page_bytes, "max_page_bytes")?;
        pages.push(Page {
            bytes: begin..ends[i],
            raw: to_usize(WHAT, raw[i])?,
            items: begin_item..end_item,
            codec: u8::try_from(codecs[i]).unwrap_or(u8::MAX),
            checksum: Checksum(checksums[i]),
        });
        (begin, item) = (ends[i], end_item);
    }
    if begin != payload || item != items {
        return Err(Error::damaged(WHAT, "its pages do not cover the payload"));
    }
    Ok(pages)
}

/// Elements an item, if all have the same number; else where each begins.
fn element_places(dims: &[Sizes], items: usize, payload: u64) -> Result<(u64, Option<Vec<u64>>)> {
    let too_many =
        || Error::damaged(WHAT, format!("its shapes hold more than {payload} bytes can"));
    if dims.iter().all(|sizes| matches!(sizes, Sizes::Uniform(_))) {
        let stride = dims
            .iter()
            .try_fold(1u64, |product, sizes| product.checked_mul(to_u64(sizes.of(0))))
            .ok_or_else(too_many)?;
        // Every range of `element_range`, in bytes of the widest element, must fit too.
        let end = items.checked_add(1).and_then(|ends| stride.checked_mul(to_u64(ends)));
        end.and_then(|end| end.checked_mul(16)).ok_or_else(too_many)?;
        return Ok((stride, None));
    }
    let mut starts = Vec::with_capacity(items + 1);
    let mut at = 0u64;
    starts.push(0);
    for item in 0..items {
        let elements = dims
            .iter()
            .try_fold(1u64, |product, sizes| product.checked_mul(to_u64(sizes.of(item))));
        at = elements.and_then(|n| at.checked_add(n)).ok_or_else(too_many)?;
        starts.push(at);
    }
    at.checked_mul(16).ok_or_else(too_many)?;
    Ok((0, Some(starts)))
}

impl Directory {
    /// Checks every page, image, tile or block of a whole payload.
    ///
    /// Returns the items (rows, unless the column is a sequence) of each damaged piece.
    pub fn damaged_items(&self, payload: &[u8], width: usize) -> Vec<Range<usize>> {
        let mut damaged = Vec::new();
        for page in &self.pages {
            let range = usize::try_from(page.bytes.start)
                .ok()
                .zip(usize::try_from(page.bytes.end).ok())
                .and_then(|(start, end)| payload.get(start..end));
            if !range.is_some_and(|bytes| page.checksum.matches(bytes)) {
                damaged.push(page.items.clone());
            }
        }
        for item in 0..self.media.len() {
            let range = self.media.range(item);
            let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
            let bytes = range.and_then(|(start, end)| payload.get(start..end));
            if !bytes.is_some_and(|bytes| self.media.checksum(item).matches(bytes)) {
                damaged.push(item..item + 1);
            }
        }
        let block = usize::try_from(BLOCK).unwrap_or(usize::MAX);
        for (nth, checksum) in self.blocks.iter().enumerate() {
            let begin = nth * block;
            let end = (begin + block).min(payload.len());
            if !payload.get(begin..end).is_some_and(|bytes| checksum.matches(bytes)) {
                let width = to_u64(width.max(1));
                let meets = |item: &usize| {
                    let elements = self.element_range(*item);
                    elements.start * width < to_u64(end) && elements.end * width > to_u64(begin)
                };
                let mut met = (0..self.items).filter(meets);
                let first = met.next().unwrap_or(0);
                damaged.push(first..met.next_back().unwrap_or(first) + 1);
            }
        }
        damaged
    }
}
