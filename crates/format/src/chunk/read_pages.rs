//! Reading pages: scalars, element pages and texts.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::builder::make_view;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::ScalarBuffer;
use bytes::Bytes;
use lakebed_codec::Codec;
use lakebed_codec::decompress;
use lakebed_codec::integers;
use lakebed_codec::integers::Integer;
use lakebed_core::DType;
use lakebed_core::TensorType;

use super::directory::Page;
use super::encode::LIGHT_INTEGERS;
use super::encode::LIGHT_PLAIN;
use super::output::ElementsOut;
use super::output::tensor_array;
use super::plan::ChunkPlan;
use super::plan::RowSet;
use super::plan::Source;
use super::plan::Verification;
use super::plan::add_range;
use super::plan::to_buffer;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::error::Error;
use crate::error::Result;
use crate::frame::read_u64;

/// The pages that hold the wanted items.
pub(crate) fn needed(plan: &ChunkPlan) -> Result<Vec<Range<u64>>> {
    let mut ranges = Vec::new();
    for (page, _) in pages(plan)? {
        add_range(&mut ranges, page.bytes.clone());
    }
    Ok(ranges)
}

/// The pages that are needed, each with the wanted items in it, counted from the page's first.
pub(crate) fn pages(plan: &ChunkPlan) -> Result<Vec<(&Page, RowSet)>> {
    let directory = &plan.directory;
    let mut list: Vec<(&Page, RowSet)> = Vec::new();
    match &plan.items {
        RowSet::Range(items) => {
            let mut item = items.start;
            while item < items.end {
                let page = &directory.pages[directory.page_of(item)?];
                let end = page.items.end.min(items.end);
                let first = page.items.start;
                list.push((page, RowSet::Range(item - first..end - first)));
                item = end;
            }
        }
        RowSet::List(items) => {
            let mut rest = &items[..];
            while let Some(&item) = rest.first() {
                let page = &directory.pages[directory.page_of(item)?];
                let count = rest.partition_point(|item| *item < page.items.end);
                let (here, after) = rest.split_at(count);
                let wanted = here.iter().map(|item| item - page.items.start).collect();
                list.push((page, RowSet::List(wanted)));
                rest = after;
            }
        }
    }
    Ok(list)
}

/// A page's bytes after decompression.
pub(crate) fn page_bytes(page: &Page, column: &str, source: &Source<'_>) -> Result<Bytes> {
    let bytes = match page.bytes.is_empty() {
        true => Bytes::new(),
        false => source.get(&page.bytes)?,
    };
    if source.verify != Verification::Never && !page.checksum.matches(&bytes) {
        return Err(Error::damaged(
            format!("column '{column}', page at byte {} of its chunk", page.bytes.start),
            format!("its checksum does not match (items {:?} of the chunk)", page.items),
        ));
    }
    let codec = Codec::try_from(page.codec % 16)?;
    if codec == Codec::None {
        if bytes.len() != page.raw {
            return Err(Error::damaged("a page", format!("{} bytes of {}", bytes.len(), page.raw)));
        }
        return Ok(bytes);
    }
    Ok(Bytes::from(decompress(codec, &bytes, page.raw, source.limits)?))
}

/// Scalars.
pub(crate) fn scalars(
    plan: &ChunkPlan,
    ty: &TensorType,
    source: &Source<'_>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let bytes = match &ty.dtype {
        DType::Bool | DType::U8 => gather::<u8>(plan, source)?,
        DType::U16 => gather::<u16>(plan, source)?,
        DType::U32 => gather::<u32>(plan, source)?,
        DType::U64 => gather::<u64>(plan, source)?,
        DType::I8 => gather::<i8>(plan, source)?,
        DType::I16 => gather::<i16>(plan, source)?,
        DType::I32 | DType::Date => gather::<i32>(plan, source)?,
        DType::I64 | DType::Time | DType::Timestamp(..) | DType::Duration(_) => {
            gather::<i64>(plan, source)?
        }
        _ => gather_plain(plan, ty.dtype.width().unwrap_or(1), source)?,
    };
    let out = ElementsOut { count: plan.items.len(), ..ElementsOut::default() };
    tensor_array(ty, bytes, out, nulls)
}

/// The wanted items of pages of integers, as little-endian bytes.
fn gather<T: Integer + arrow::datatypes::ArrowNativeType>(
    plan: &ChunkPlan,
    source: &Source<'_>,
) -> Result<Buffer> {
    let mut all: Vec<T> = Vec::with_capacity(plan.items.len());
    let mut page_values = Vec::new();
    for (page, wanted) in pages(plan)? {
        let raw = page_bytes(page, &plan.column.name, source)?;
        if page.codec / 16 != LIGHT_INTEGERS {
            return Err(Error::damaged("a page", format!("integers with codec {}", page.codec)));
        }
        let count = page.items.len();
        if wanted == RowSet::Range(0..count) {
            integers::decode_into(&raw, count, source.limits, &mut all)?;
            continue;
        }
        page_values.clear();
        integers::decode_into(&raw, count, source.limits, &mut page_values)?;
        match wanted {
            RowSet::Range(range) => all.extend_from_slice(&page_values[range]),
            RowSet::List(list) => all.extend(list.iter().map(|&item| page_values[item])),
        }
    }
    Ok(Buffer::from_vec(all))
}

/// The wanted items of pages of elements of `width` bytes.
fn gather_plain(plan: &ChunkPlan, width: usize, source: &Source<'_>) -> Result<Buffer> {
    let mut all = Vec::new();
    let pages = pages(plan)?;
    let is_one = pages.len() == 1;
    for (page, wanted) in pages {
        let raw = page_bytes(page, &plan.column.name, source)?;
        if page.codec / 16 != LIGHT_PLAIN || raw.len() != page.items.len() * width {
            return Err(Error::damaged("a page", format!("{} bytes of elements", raw.len())));
        }
        match wanted {
            // Taken as they lie.
            RowSet::Range(range) if is_one => {
                return Ok(to_buffer(raw.slice(range.start * width..range.end * width)));
            }
            RowSet::Range(range) => {
                all.reserve(plan.items.len() * width - all.len());
                all.extend_from_slice(&raw[range.start * width..range.end * width]);
            }
            RowSet::List(list) => {
                all.reserve(list.len() * width);
                for item in list {
                    all.extend_from_slice(&raw[item * width..(item + 1) * width]);
                }
            }
        }
    }
    Ok(Buffer::from_vec(all))
}

/// Texts, documents and byte strings: views into the pages, without a copy.
pub(crate) fn variable(
    plan: &ChunkPlan,
    ty: &TensorType,
    source: &Source<'_>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let mut buffers = Vec::new();
    let mut views = Vec::with_capacity(plan.items.len());
    for (page, wanted) in pages(plan)? {
        let raw = page_bytes(page, &plan.column.name, source)?;
        let cut_off = || Error::damaged("a page of text", "its lengths are cut off");
        let head = to_usize("a page of text", read_u64(raw.get(..8).ok_or_else(cut_off)?))?;
        let begin = head.checked_add(8).ok_or_else(cut_off)?;
        let lengths = raw.get(8..begin).ok_or_else(cut_off)?;
        let lengths = integers::decode(lengths, page.items.len(), source.limits)?;
        let block = u32::try_from(buffers.len()).map_err(|_| cut_off())?;
        let mut starts = Vec::with_capacity(lengths.len() + 1);
        let mut at = to_u64(begin);
        starts.push(begin);
        for length in lengths {
            at = at.saturating_add(length);
            starts.push(usize::try_from(at).map_err(|_| cut_off())?);
        }
        for item in wanted.iter() {
            let text = raw.get(starts[item]..starts[item + 1]).ok_or_else(cut_off)?;
            let offset = u32::try_from(starts[item]).map_err(|_| cut_off())?;
            views.push(make_view(text, block, offset));
        }
        buffers.push(to_buffer(raw));
    }
    let views = ScalarBuffer::from(views);
    if ty.dtype == DType::Bytes {
        let array = arrow::array::BinaryViewArray::try_new(views, buffers, nulls)?;
        return Ok(Arc::new(array));
    }
    let array = arrow::array::StringViewArray::try_new(views, buffers, nulls)
        .map_err(|e| Error::damaged(format!("column '{}'", plan.column.name), e.to_string()))?;
    Ok(Arc::new(array))
}
