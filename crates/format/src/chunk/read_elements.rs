//! Reading pages of the elements of consecutive tensors.

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use bytes::Bytes;
use lakebed_core::Layout;
use lakebed_core::TensorType;

use super::directory::Page;
use super::directory::Sizes;
use super::output::ElementsOut;
use super::output::tensor_array;
use super::plan::ChunkPlan;
use super::plan::RowSet;
use super::plan::Source;
use super::read_pages::page_bytes;
use super::read_pages::pages;
use super::read_raw::push_null;
use super::read_raw::push_sizes;
use super::regions::Records;
use super::regions::Regions;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::error::Error;
use crate::error::Result;

/// What is taken of items, where it is the same of all pieces of one length.
enum Taken {
    /// All elements.
    All,
    /// The same of every item.
    OfItems(Records),
    /// The same of each step along the first dimension.
    OfSteps(Records),
}

/// Tensors of element pages, or what the slice leaves of them.
pub(crate) fn array(
    plan: &ChunkPlan,
    ty: &TensorType,
    source: &Source<'_>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let width = plan.column.dtype.width().unwrap_or(1);
    let Some(taken) = taken(plan, width)? else { return one_by_one(plan, ty, source, nulls) };
    let mut out = ElementsOut { count: plan.items.len(), ..ElementsOut::default() };
    if ty.layout == Layout::Ragged {
        shapes(plan, &taken, width, &mut out)?;
    }
    // As much as honest pages may hold; a claim of more does not get memory in advance.
    let fetched: usize = source.pieces().map(|(_, bytes)| bytes.len()).sum();
    let expected = match (&taken, out.ends.last()) {
        (_, Some(end)) => end.saturating_mul(width),
        (Taken::OfItems(records), None) => out.count.saturating_mul(records.picked),
        (_, None) => usize::MAX,
    };
    out.bytes.reserve(expected.min(fetched.saturating_mul(4)));
    for (page, wanted) in pages(plan)? {
        let raw = page_bytes(page, &plan.column.name, source)?;
        let mut take = |items: Range<usize>| {
            let bytes = bytes_of(plan, page, &raw, items, width)?;
            match &taken {
                Taken::All => out.bytes.extend_from_slice(bytes),
                Taken::OfItems(records) | Taken::OfSteps(records) => {
                    records.copy(bytes, &mut out.bytes);
                }
            }
            Ok::<_, Error>(())
        };
        let first = page.items.start;
        match wanted {
            RowSet::Range(range) => take(first + range.start..first + range.end)?,
            RowSet::List(list) => {
                for offset in list {
                    take(first + offset..first + offset + 1)?;
                }
            }
        }
    }
    let bytes = Buffer::from_vec(std::mem::take(&mut out.bytes));
    tensor_array(ty, bytes, out, nulls)
}

/// `None` if each item has to be looked at.
fn taken(plan: &ChunkPlan, width: usize) -> Result<Option<Taken>> {
    let directory = &plan.directory;
    // Before the runs are listed: a hostile directory may claim any shape.
    let largest = directory.pages.iter().map(|page| page.raw).max().unwrap_or(0);
    let check = |elements: usize| match elements.saturating_mul(width) <= largest {
        true => Ok(()),
        false => Err(Error::damaged("a page", format!("an item of {elements} elements"))),
    };
    Ok(match &plan.regions {
        Regions::Whole => Some(Taken::All),
        Regions::Same(region) => {
            let shape = directory.shape(0);
            check(shape.elements())?;
            Some(Taken::OfItems(Records::new(&shape, region, width)))
        }
        regions => match regions.of_each_first(directory) {
            // Nothing but empty items: no page need be as large as a step.
            Some((shape, _)) if check(shape.elements()).is_err() => None,
            Some((shape, region)) => Some(Taken::OfSteps(Records::new(&shape, &region, width))),
            None => None,
        },
    })
}

/// The bytes of consecutive items of a page.
fn bytes_of<'a>(
    plan: &ChunkPlan,
    page: &Page,
    raw: &'a Bytes,
    items: Range<usize>,
    width: usize,
) -> Result<&'a [u8]> {
    let directory = &plan.directory;
    let first = directory.element_range(page.items.start).start;
    let begin = to_usize("a page", directory.element_range(items.start).start - first)?;
    let end = to_usize("a page", directory.element_range(items.end).start - first)?;
    raw.get(begin.saturating_mul(width)..end.saturating_mul(width))
        .ok_or_else(|| Error::damaged("a page", format!("items {items:?} lie outside it")))
}

/// Where each item ends in the result, and its sizes there.
fn shapes(plan: &ChunkPlan, taken: &Taken, width: usize, out: &mut ElementsOut) -> Result<()> {
    let directory = &plan.directory;
    let mut ends = Vec::with_capacity(plan.items.len());
    let mut end = 0u64;
    let (first, picked) = match taken {
        Taken::All => (None, 0),
        Taken::OfItems(records) => (None, to_u64(records.picked / width)),
        Taken::OfSteps(records) => (directory.dims.first(), to_u64(records.picked / width)),
    };
    plan.items.for_each(|item| {
        let elements = match (taken, first) {
            (Taken::All, _) => directory.elements_of(item),
            (_, None) => picked,
            (_, Some(sizes)) => to_u64(sizes.of(item)).saturating_mul(picked),
        };
        end = end.saturating_add(elements);
        ends.push(end);
    });
    let ends = ends.into_iter().map(|end| to_usize("a batch", end));
    out.ends = ends.collect::<Result<_>>()?;
    let region = match (&plan.regions, taken) {
        (_, Taken::All) => None,
        (Regions::Same(region), _) => Some(region.shape()),
        (regions, _) => regions.of_each_first(directory).map(|(_, region)| region.shape()),
    };
    let narrow = |size: &usize| Sizes::Uniform(u32::try_from(*size).unwrap_or(u32::MAX));
    let kept: Vec<Sizes> = region.iter().flat_map(|shape| shape.iter().map(narrow)).collect();
    let sizes: Vec<&Sizes> = match taken {
        Taken::All => directory.dims.iter().collect(),
        _ => first.into_iter().chain(&kept).collect(),
    };
    out.sizes = interleaved(&sizes, &plan.items);
    Ok(())
}

/// The sizes of items, those of one item side by side.
fn interleaved(dims: &[&Sizes], items: &RowSet) -> Vec<i32> {
    let narrow = |size: u32| i32::try_from(size).unwrap_or(i32::MAX);
    let mut out = vec![0i32; items.len() * dims.len()];
    for (axis, sizes) in dims.iter().enumerate() {
        let mut places = out.iter_mut().skip(axis).step_by(dims.len());
        match (sizes, items) {
            (Sizes::Uniform(size), _) => places.for_each(|place| *place = narrow(*size)),
            (Sizes::PerItem(list), RowSet::Range(range)) => {
                let sizes = list.get(range.clone()).unwrap_or_default();
                places.zip(sizes).for_each(|(place, size)| *place = narrow(*size));
            }
            (Sizes::PerItem(list), items) => items.for_each(|item| {
                if let (Some(place), Some(size)) = (places.next(), list.get(item)) {
                    *place = narrow(*size);
                }
            }),
        }
    }
    out
}

/// Where items differ in what is taken of them.
fn one_by_one(
    plan: &ChunkPlan,
    ty: &TensorType,
    source: &Source<'_>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let width = plan.column.dtype.width().unwrap_or(1);
    let mut out = ElementsOut { count: plan.items.len(), ..ElementsOut::default() };
    out.ends.reserve(plan.items.len());
    let mut nth = 0;
    for (page, wanted) in pages(plan)? {
        let raw = page_bytes(page, &plan.column.name, source)?;
        for offset in wanted.iter() {
            let item = page.items.start + offset;
            let bytes = bytes_of(plan, page, &raw, item..item + 1, width)?;
            let shape = plan.directory.shape(item);
            match plan.regions.of(nth, &shape) {
                Some(region) => {
                    region.copy(bytes, &shape, width, &mut out.bytes);
                    push_sizes(&mut out.sizes, &region.shape());
                }
                None => push_null(&mut out, ty, width),
            }
            out.ends.push(out.bytes.len() / width);
            nth += 1;
        }
    }
    let bytes = Buffer::from_vec(std::mem::take(&mut out.bytes));
    tensor_array(ty, bytes, out, nulls)
}
