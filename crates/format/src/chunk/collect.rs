//! Statistics of items as they are written.

use std::cmp::Ordering;
use std::ops::Range;

use half::f16;
use lakebed_core::Column;
use lakebed_core::DType;

use super::items::Items;
use super::items::Values;
use super::stats_ndim;
use crate::buffers::to_u64;
use crate::scalar::Scalar;
use crate::stats::MAX_DISTINCT;
use crate::stats::Stats;
use crate::stats::text_ceiling;
use crate::stats::text_floor;

/// Statistics of a range of items; for sequences it must be all of them.
///
/// `element_range` is the items' place in the elements, where they are elements.
pub(crate) fn stats_of(
    column: &Column,
    items: &Items,
    range: Range<usize>,
    element_range: Range<usize>,
) -> Stats {
    let mut stats = Stats { exact: true, ..Stats::default() };
    let mut dims = Dims::new(stats_ndim(column));
    match &items.counts {
        Some(counts) => {
            stats.rows = to_u64(items.rows);
            for (row, count) in counts.iter().enumerate() {
                if items.valid.as_ref().is_some_and(|valid| !valid[row]) {
                    stats.nulls += 1;
                } else {
                    stats.empties += u64::from(*count == 0);
                    dims.add(0, u32::try_from(*count).unwrap_or(u32::MAX));
                }
            }
        }
        None => {
            stats.rows = to_u64(range.len());
            stats.nulls = to_u64(range.clone().filter(|&item| items.is_null(item)).count());
        }
    }
    let first_axis = usize::from(items.counts.is_some());
    let is_row = items.counts.is_none();
    match &items.values {
        Values::Elements { bytes, dims: sizes, .. } => {
            for item in range.clone().filter(|&item| !items.is_null(item)) {
                let mut elements = 1u64;
                for (axis, sizes) in sizes.iter().enumerate() {
                    dims.add(first_axis + axis, sizes[item]);
                    elements = elements.saturating_mul(u64::from(sizes[item]));
                }
                stats.elements += elements;
                stats.empties += u64::from(is_row && elements == 0);
            }
            let width = column.dtype.width().unwrap_or(1);
            let has_nulls = stats.nulls > 0 && column.fixed_elements().is_some();
            if has_nulls {
                // Zeros stand for nulls here and must not widen the bounds.
                let stride = column.fixed_elements().unwrap_or(1) * width;
                let kept: Vec<u8> = range
                    .filter(|&item| !items.is_null(item))
                    .flat_map(|item| &bytes[item * stride..(item + 1) * stride])
                    .copied()
                    .collect();
                bounds(&column.dtype, &kept, &mut stats);
            } else {
                let part = element_range.start * width..element_range.end * width;
                bounds(&column.dtype, &bytes[part], &mut stats);
            }
        }
        Values::Media { dims: sizes, .. } => {
            // No image is empty.
            for item in range.filter(|&item| !items.is_null(item)) {
                stats.elements += 1;
                for (axis, sizes) in sizes.iter().enumerate() {
                    dims.add(first_axis + axis, sizes[item]);
                }
            }
            stats.exact = false;
        }
        Values::Variable { bytes, offsets } => {
            let mut texts = TextBounds::default();
            for item in range.filter(|&item| !items.is_null(item)) {
                let value = &bytes[offsets[item]..offsets[item + 1]];
                stats.elements += 1;
                stats.empties += u64::from(is_row && value.is_empty());
                if column.dtype == DType::Text {
                    texts.add(value);
                }
            }
            if column.dtype == DType::Text {
                texts.finish(&mut stats);
            } else {
                stats.exact = false;
            }
        }
    }
    dims.finish(&mut stats);
    stats
}

struct Dims {
    min: Vec<u32>,
    max: Vec<u32>,
    any: Vec<bool>,
}

impl Dims {
    fn new(ndim: usize) -> Dims {
        Dims { min: vec![0; ndim], max: vec![0; ndim], any: vec![false; ndim] }
    }

    fn add(&mut self, axis: usize, size: u32) {
        if !self.any[axis] {
            (self.min[axis], self.max[axis], self.any[axis]) = (size, size, true);
        }
        self.min[axis] = self.min[axis].min(size);
        self.max[axis] = self.max[axis].max(size);
    }

    fn finish(self, stats: &mut Stats) {
        stats.shape_min = self.min;
        stats.shape_max = self.max;
    }
}

fn bounds(dtype: &DType, bytes: &[u8], stats: &mut Stats) {
    match dtype {
        DType::Bool => integers(bytes, |b: [u8; 1]| b[0], |v| Scalar::Bool(v != 0), stats),
        DType::U8 => integers(bytes, u8::from_le_bytes, |v| Scalar::UInt(v.into()), stats),
        DType::U16 => integers(bytes, u16::from_le_bytes, |v| Scalar::UInt(v.into()), stats),
        DType::U32 => integers(bytes, u32::from_le_bytes, |v| Scalar::UInt(v.into()), stats),
        DType::U64 => integers(bytes, u64::from_le_bytes, Scalar::UInt, stats),
        DType::I8 => integers(bytes, i8::from_le_bytes, |v| Scalar::Int(v.into()), stats),
        DType::I16 => integers(bytes, i16::from_le_bytes, |v| Scalar::Int(v.into()), stats),
        DType::I32 | DType::Date => {
            integers(bytes, i32::from_le_bytes, |v| Scalar::Int(v.into()), stats);
        }
        DType::I64 | DType::Time | DType::Timestamp(..) | DType::Duration(_) => {
            integers(bytes, i64::from_le_bytes, Scalar::Int, stats);
        }
        DType::Decimal(..) => integers(bytes, i128::from_le_bytes, Scalar::Decimal, stats),
        DType::F16 => floats(bytes, |b: [u8; 2]| f16::from_le_bytes(b).to_f64(), stats),
        DType::F32 => floats(bytes, |b: [u8; 4]| f64::from(f32::from_le_bytes(b)), stats),
        DType::F64 => floats(bytes, f64::from_le_bytes, stats),
        DType::Text | DType::Bytes | DType::Json => {}
    }
}

fn integers<const N: usize, T: Ord + Copy>(
    bytes: &[u8],
    read: impl Fn([u8; N]) -> T,
    scalar: impl Fn(T) -> Scalar,
    stats: &mut Stats,
) {
    let (values, _) = bytes.as_chunks::<N>();
    let Some(first) = values.first().map(|b| read(*b)) else { return };
    let (mut min, mut max) = (first, first);
    for value in values {
        let value = read(*value);
        min = min.min(value);
        max = max.max(value);
    }
    stats.min = Some(scalar(min));
    stats.max = Some(scalar(max));
    // Equal neighbours are common in labels and masks; more than a few kinds end the search.
    let mut kinds: Vec<T> = vec![first];
    let mut last = first;
    for value in values {
        let value = read(*value);
        if value == last {
            continue;
        }
        last = value;
        if let Err(at) = kinds.binary_search(&value) {
            if kinds.len() == MAX_DISTINCT {
                return;
            }
            kinds.insert(at, value);
        }
    }
    stats.distinct = Some(kinds.into_iter().map(scalar).collect());
}

fn floats<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64, stats: &mut Stats) {
    let (mut min, mut max, mut nan) = (f64::INFINITY, f64::NEG_INFINITY, false);
    for value in bytes.as_chunks::<N>().0 {
        let value = read(*value);
        nan |= value.is_nan();
        min = min.min(value);
        max = max.max(value);
    }
    stats.has_nan = nan;
    if min <= max {
        stats.min = Some(Scalar::Float(min));
        stats.max = Some(Scalar::Float(max));
    }
}

#[derive(Default)]
struct TextBounds<'a> {
    min: Option<&'a str>,
    max: Option<&'a str>,
    distinct: Vec<&'a str>,
    overflow: bool,
}

impl<'a> TextBounds<'a> {
    fn add(&mut self, value: &'a [u8]) {
        // Arrow text is UTF-8.
        let Ok(text) = std::str::from_utf8(value) else { return };
        self.min = Some(self.min.map_or(text, |min| min.min(text)));
        self.max = Some(self.max.map_or(text, |max| max.max(text)));
        if self.overflow {
            return;
        }
        if let Err(at) = self.distinct.binary_search(&text) {
            self.overflow = self.distinct.len() == MAX_DISTINCT || text.len() > 64;
            self.distinct.insert(at, text);
        }
    }

    fn finish(self, stats: &mut Stats) {
        if let (Some(min), Some(max)) = (self.min, self.max) {
            let (floor, floor_exact) = text_floor(min);
            let (ceiling, ceiling_exact) = text_ceiling(max);
            debug_assert!(floor.as_str().cmp(min) != Ordering::Greater);
            stats.exact = floor_exact && ceiling_exact;
            stats.min = Some(Scalar::Text(floor));
            stats.max = ceiling.map(Scalar::Text);
        }
        if !self.overflow {
            let list = self.distinct.iter().map(|text| Scalar::Text((*text).to_string()));
            stats.distinct = Some(list.collect());
        }
    }
}
