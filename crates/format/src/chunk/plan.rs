//! Which bytes of a chunk answer a read, and the answer once they are there.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::ListArray;
use arrow::array::new_empty_array;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use bytes::Bytes;
use lakebed_core::Column;
use lakebed_core::Layout;
use lakebed_core::Limits;
use lakebed_core::TensorType;

use super::PayloadLayout;
use super::directory::Directory;
use super::output::ElementsOut;
use super::output::tensor_array;
use super::part::Part;
use super::read_elements;
use super::read_media;
use super::read_pages;
use super::read_raw;
use super::read_tiles;
use super::regions::Regions;
use super::stats_ndim;
use crate::buffers::to_u64;
use crate::error::Error;
use crate::error::Result;

/// Rows of a chunk, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowSet {
    /// Consecutive rows.
    Range(Range<usize>),
    /// Some rows, strictly ascending.
    List(Vec<usize>),
}

impl RowSet {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            RowSet::Range(range) => range.len(),
            RowSet::List(list) => list.len(),
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows, in order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            RowSet::Range(range) => Box::new(range.clone()),
            RowSet::List(list) => Box::new(list.iter().copied()),
        }
    }

    /// Gives `each` the rows, in order.
    pub(crate) fn for_each(&self, mut each: impl FnMut(usize)) {
        match self {
            RowSet::Range(range) => range.clone().for_each(each),
            RowSet::List(list) => list.iter().for_each(|row| each(*row)),
        }
    }

    fn end(&self) -> usize {
        match self {
            RowSet::Range(range) => range.end,
            RowSet::List(list) => list.last().map_or(0, |last| last + 1),
        }
    }
}

/// Which fetched bytes are compared with their checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// All of them.
    Every,
    /// Blocks of tensors and encoded images that were not compared before through this directory:
    /// for bytes that stay where they are, as those of a mapped file.
    First,
    /// None.
    Never,
}

/// A read of some rows of one chunk.
#[derive(Debug)]
pub struct ChunkPlan {
    pub(crate) directory: Arc<Directory>,
    pub(crate) column: Column,
    pub(crate) ty: TensorType,
    pub(crate) rows: RowSet,
    pub(crate) items: RowSet,
    pub(crate) part: Part,
    pub(crate) regions: Regions,
    ranges: Vec<Range<u64>>,
}

impl ChunkPlan {
    /// Plans a read.
    ///
    /// # Errors
    /// Rows outside the chunk, subscripts that do not fit, or a directory that does not hold
    /// together.
    pub fn new(
        directory: Arc<Directory>,
        column: &Column,
        rows: RowSet,
        part: Part,
    ) -> Result<ChunkPlan> {
        if rows.end() > directory.rows {
            let reason = format!("row {} of {} was asked for", rows.end(), directory.rows);
            return Err(Error::damaged("a chunk", reason));
        }
        let (ty, _) = part.result_type(column)?;
        let items = match &directory.item_starts {
            None => rows.clone(),
            Some(starts) => match &rows {
                RowSet::Range(range) => RowSet::Range(starts[range.start]..starts[range.end]),
                RowSet::List(list) => {
                    RowSet::List(list.iter().flat_map(|&r| starts[r]..starts[r + 1]).collect())
                }
            },
        };
        let regions = Regions::new(&directory, column, &rows, &part)?;
        let mut plan = ChunkPlan {
            directory,
            column: column.clone(),
            ty,
            rows,
            items,
            part,
            regions,
            ranges: Vec::new(),
        };
        plan.ranges = sorted(plan.needed()?);
        Ok(plan)
    }

    /// The bytes that are needed, counted from the start of the payload, ascending and apart.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// Makes one range of those of encoded images that are at most `gap` bytes apart, as far as it is
    /// of no more than `most` bytes: for a store that would read them together anyway, so that there
    /// is one piece of memory for many images.
    pub fn join_ranges(&mut self, gap: u64, most: u64) {
        if self.directory.layout != PayloadLayout::Media {
            return;
        }
        self.ranges.dedup_by(|next, last| {
            let near = next.start - last.end <= gap && next.end - last.start <= most;
            if near {
                last.end = next.end;
            }
            near
        });
    }

    /// Encoded images that [`ChunkPlan::assemble`] will decode.
    pub fn samples_to_decode(&self) -> usize {
        if self.decodes() { self.items.len() } else { 0 }
    }

    /// True if both decode the same images of the same chunk.
    pub fn shares_images(&self, other: &ChunkPlan) -> bool {
        let same = Arc::ptr_eq(&self.directory, &other.directory) && self.rows == other.rows;
        same && self.decodes() && other.decodes()
    }

    fn decodes(&self) -> bool {
        let pixels = match self.part {
            Part::Whole | Part::Pieces | Part::Shape | Part::Size { .. } => false,
            Part::Decoded | Part::Slice { .. } => true,
        };
        pixels && self.directory.layout == PayloadLayout::Media
    }

    fn needed(&self) -> Result<Vec<Range<u64>>> {
        if matches!(self.part, Part::Shape | Part::Size { .. }) || self.items.is_empty() {
            return Ok(Vec::new());
        }
        match self.directory.layout {
            PayloadLayout::Raw => read_raw::needed(self),
            PayloadLayout::Tiles => read_tiles::needed(self),
            PayloadLayout::Media => Ok(read_media::needed(self)),
            _ => read_pages::needed(self),
        }
    }

    /// The array, from the bytes of [`ChunkPlan::ranges`] in the same order.
    ///
    /// Every page, image, tile and block is compared with its checksum first, as `verify` says.
    ///
    /// # Errors
    /// [`Error::Damaged`], or an index that a row does not have.
    pub fn assemble(
        &self,
        fetched: &[Bytes],
        limits: &Limits,
        verify: Verification,
    ) -> Result<ArrayRef> {
        let source = self.source(fetched, limits, verify)?;
        let decoded = match self.decodes() && !self.items.is_empty() {
            true => read_media::decoded(&[self], &source)?.pop(),
            false => None,
        };
        self.rows_array(&source, decoded)
    }

    /// As [`ChunkPlan::assemble`], several parts of the same rows of one chunk of encoded images,
    /// from the bytes of the first one's ranges. Each image is decoded once.
    ///
    /// # Errors
    /// As [`ChunkPlan::assemble`]; plans of different rows or chunks, or that decode nothing.
    pub fn assemble_together(
        plans: &[&ChunkPlan],
        fetched: &[Bytes],
        limits: &Limits,
        verify: Verification,
    ) -> Result<Vec<ArrayRef>> {
        let Some(first) = plans.first() else { return Ok(Vec::new()) };
        if !plans.iter().all(|plan| plan.shares_images(first)) {
            return Err(Error::damaged("a read", "its parts do not belong together"));
        }
        let source = first.source(fetched, limits, verify)?;
        let decoded = read_media::decoded(plans, &source)?;
        plans.iter().zip(decoded).map(|(plan, out)| plan.rows_array(&source, Some(out))).collect()
    }

    fn source<'a>(
        &'a self,
        fetched: &'a [Bytes],
        limits: &'a Limits,
        verify: Verification,
    ) -> Result<Source<'a>> {
        let lengths = self.ranges.iter().map(|range| range.end - range.start);
        if fetched.len() != self.ranges.len()
            || !lengths.eq(fetched.iter().map(|bytes| to_u64(bytes.len())))
        {
            return Err(Error::damaged("a read", "it returned other bytes than were asked for"));
        }
        Ok(Source { ranges: &self.ranges, fetched, limits, verify })
    }

    /// The array; `decoded` holds the pixels of encoded images.
    fn rows_array(&self, source: &Source<'_>, decoded: Option<ElementsOut>) -> Result<ArrayRef> {
        if self.rows.is_empty() {
            return Ok(new_empty_array(&self.part.data_type_of(&self.ty)));
        }
        match self.part {
            Part::Shape => return self.shapes(),
            Part::Size { axis } => {
                let sizes = Buffer::from_vec(self.directory.sizes(axis, &self.items));
                return tensor_array(&self.ty, sizes, ElementsOut::default(), self.nulls());
            }
            _ => {}
        }
        let nulls = self.nulls();
        if self.directory.item_starts.is_none() {
            return self.items_array(&self.ty, source, nulls, decoded);
        }
        let Layout::Sequence(inner) = &self.ty.layout else {
            return Err(Error::damaged("a chunk", "it holds sequences, and its column does not"));
        };
        let values = if self.items.is_empty() {
            new_empty_array(&inner.data_type())
        } else {
            self.items_array(inner, source, None, decoded)?
        };
        let lengths = self.rows.iter().map(|row| self.item_range(row).len());
        let DataTypeList(item) = list_field(&self.ty)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(item, offsets, values, nulls)?))
    }

    fn item_range(&self, row: usize) -> Range<usize> {
        match &self.directory.item_starts {
            Some(starts) => starts[row]..starts[row + 1],
            None => row..row + 1,
        }
    }

    fn items_array(
        &self,
        ty: &TensorType,
        source: &Source<'_>,
        nulls: Option<NullBuffer>,
        decoded: Option<ElementsOut>,
    ) -> Result<ArrayRef> {
        if let Some(mut out) = decoded {
            let bytes = Buffer::from_vec(std::mem::take(&mut out.bytes));
            return tensor_array(ty, bytes, out, nulls);
        }
        match self.directory.layout {
            PayloadLayout::Raw => read_raw::array(self, ty, source, nulls),
            PayloadLayout::Tiles => read_tiles::array(self, ty, source, nulls),
            PayloadLayout::Scalars => read_pages::scalars(self, ty, source, nulls),
            PayloadLayout::Elements => read_elements::array(self, ty, source, nulls),
            PayloadLayout::Variable => read_pages::variable(self, ty, source, nulls),
            PayloadLayout::Media if self.part == Part::Pieces => {
                read_media::pieces(self, ty, source, nulls)
            }
            PayloadLayout::Media => read_media::encoded(self, ty, source, nulls),
        }
    }

    /// The type of an item: that of a row, or of what a sequence holds.
    pub(crate) fn item_type(&self) -> TensorType {
        match &self.ty.layout {
            Layout::Sequence(inner) => TensorType::clone(inner),
            _ => self.ty.clone(),
        }
    }

    /// Null rows: stored ones, and those that an index is missing in.
    fn nulls(&self) -> Option<NullBuffer> {
        let stored = |valid: &BooleanBuffer| match &self.rows {
            RowSet::Range(range) => valid.slice(range.start, range.len()),
            RowSet::List(list) => {
                BooleanBuffer::collect_bool(list.len(), |nth| valid.value(list[nth]))
            }
        };
        let valid = match self.regions.present() {
            Some(present) => BooleanBuffer::from(present),
            None => stored(self.directory.valid.as_ref()?),
        };
        Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0)
    }

    fn shapes(&self) -> Result<ArrayRef> {
        let count = self.rows.len();
        let width = stats_ndim(&self.column);
        let mut sizes: Vec<i32> = Vec::with_capacity(count * width);
        match &self.directory.item_starts {
            None => self.directory.push_shapes(&self.rows, &mut sizes),
            Some(starts) => {
                for row in self.rows.iter() {
                    let (begin, end) = (starts[row], starts[row + 1]);
                    sizes.push(i32::try_from(end - begin).unwrap_or(i32::MAX));
                    // A sequence has the shape of its first item.
                    let first = RowSet::Range(begin..end.min(begin + 1));
                    self.directory.push_shapes(&first, &mut sizes);
                    if begin == end {
                        sizes.extend(std::iter::repeat_n(0, self.column.ndim()));
                    }
                }
            }
        }
        let mut out = ElementsOut { count, ..ElementsOut::default() };
        if self.ty.layout == Layout::Ragged {
            // The shape of a scalar: no elements.
            out.ends = vec![0; count];
            out.sizes = vec![0; count];
        }
        tensor_array(&self.ty, Buffer::from_vec(sizes), out, self.nulls())
    }
}

struct DataTypeList(Arc<arrow_schema::Field>);

fn list_field(ty: &TensorType) -> Result<DataTypeList> {
    match ty.data_type() {
        arrow_schema::DataType::List(item) => Ok(DataTypeList(item)),
        other => Err(Error::damaged("a batch", format!("{other} is no list"))),
    }
}

/// The bytes that were fetched.
pub(crate) struct Source<'a> {
    ranges: &'a [Range<u64>],
    fetched: &'a [Bytes],
    pub limits: &'a Limits,
    pub verify: Verification,
}

impl Source<'_> {
    /// The bytes of a range that lies within one fetched range, shared.
    pub fn get(&self, range: &Range<u64>) -> Result<Bytes> {
        let mut hint = self.ranges.partition_point(|fetched| fetched.end < range.end);
        let (at, from, to) = self.place(range, &mut hint)?;
        Ok(self.fetched[at].slice(from..to))
    }

    /// As [`Source::get`], borrowed; `hint` remembers the fetched range from call to call.
    pub fn slice(&self, range: &Range<u64>, hint: &mut usize) -> Result<&[u8]> {
        let (at, from, to) = self.place(range, hint)?;
        Ok(&self.fetched[at][from..to])
    }

    /// As [`Source::slice`], with the fetched range that they lie in and where.
    pub fn part(&self, range: &Range<u64>, hint: &mut usize) -> Result<((usize, usize), &[u8])> {
        let (at, from, to) = self.place(range, hint)?;
        Ok(((at, from), &self.fetched[at][from..to]))
    }

    /// A whole fetched range, shared.
    pub fn fetched(&self, at: usize) -> Bytes {
        self.fetched.get(at).cloned().unwrap_or_default()
    }

    fn place(&self, range: &Range<u64>, hint: &mut usize) -> Result<(usize, usize, usize)> {
        let holds = |outer: &Range<u64>| outer.start <= range.start && range.end <= outer.end;
        if !self.ranges.get(*hint).is_some_and(holds) {
            *hint += 1;
        }
        if !self.ranges.get(*hint).is_some_and(holds) {
            *hint = self.ranges.partition_point(|fetched| fetched.end < range.end);
        }
        let missing = || Error::damaged("a read", format!("bytes {range:?} were not fetched"));
        let outer = self.ranges.get(*hint).filter(|outer| holds(outer)).ok_or_else(missing)?;
        let from = usize::try_from(range.start - outer.start).map_err(|_| missing())?;
        let length = usize::try_from(range.end - range.start).map_err(|_| missing())?;
        Ok((*hint, from, from + length))
    }

    /// As [`Source::slice`], or `None` if the range was not fetched in one piece.
    pub fn in_one_piece(&self, range: &Range<u64>, hint: &mut usize) -> Option<&[u8]> {
        if self.ranges.get(*hint).is_none_or(|fetched| range.end > fetched.end) {
            *hint = self.ranges.partition_point(|fetched| fetched.end < range.end);
        }
        let from = range.start.checked_sub(self.ranges.get(*hint)?.start)?;
        let (from, length) = (usize::try_from(from), usize::try_from(range.end - range.start));
        let from = from.ok()?;
        self.fetched.get(*hint)?.get(from..from.checked_add(length.ok()?)?)
    }

    /// All fetched ranges with their bytes.
    pub fn pieces(&self) -> impl Iterator<Item = (&Range<u64>, &Bytes)> {
        self.ranges.iter().zip(self.fetched)
    }
}

/// Adds a range after the others, joining it with the last where they touch.
pub(crate) fn add_range(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    if range.is_empty() {
        return;
    }
    match ranges.last_mut() {
        Some(last) if range.start <= last.end && range.start >= last.start => {
            last.end = last.end.max(range.end);
        }
        _ => ranges.push(range),
    }
}

/// Ranges in ascending order, joined where they touch or overlap.
pub(crate) fn sorted(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    if ranges.is_sorted_by(|a, b| a.end < b.start) {
        return ranges;
    }
    ranges.sort_by_key(|range| range.start);
    let mut joined = Vec::with_capacity(ranges.len());
    for range in ranges {
        add_range(&mut joined, range);
    }
    joined
}

/// A buffer over bytes without copying them.
pub(crate) fn to_buffer(bytes: Bytes) -> Buffer {
    Buffer::from(bytes)
}
