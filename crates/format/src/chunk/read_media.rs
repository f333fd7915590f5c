//! Reading encoded images: as they are, or decoded.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BinaryViewArray;
use arrow::array::StructArray;
use arrow::array::builder::make_view;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::ScalarBuffer;
use arrow_schema::DataType;
use lakebed_codec::media;
use lakebed_core::Limits;
use lakebed_core::Region;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use super::output::ElementsOut;
use super::plan::ChunkPlan;
use super::plan::RowSet;
use super::plan::Source;
use super::plan::Verification;
use super::plan::add_range;
use super::plan::to_buffer;
use super::read_raw::push_null;
use super::read_raw::push_sizes;
use super::regions::Regions;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::error::Error;
use crate::error::Result;

/// The bytes of the wanted images.
pub(crate) fn needed(plan: &ChunkPlan) -> Vec<Range<u64>> {
    let media = &plan.directory.media;
    let mut ranges = Vec::new();
    match &plan.items {
        RowSet::Range(items) => add_range(&mut ranges, media.span(items)),
        RowSet::List(items) => {
            for item in items {
                add_range(&mut ranges, media.range(*item));
            }
        }
    }
    ranges
}

/// The wanted images in turn: each with its bytes in the payload, and where these were fetched.
fn for_each(
    plan: &ChunkPlan,
    source: &Source<'_>,
    mut each: impl FnMut(usize, &[u8], (usize, usize)) -> Result<()>,
) -> Result<()> {
    let mut hint = 0;
    for item in plan.items.iter() {
        let range = plan.directory.media.range(item);
        if range.is_empty() {
            each(item, &[], (0, 0))?;
            continue;
        }
        let (at, page) = source.part(&range, &mut hint)?;
        let compare = match source.verify {
            Verification::Every => true,
            Verification::First => !plan.directory.seen.has(item),
            Verification::Never => false,
        };
        if compare && !plan.directory.media.checksum(item).matches(page) {
            return Err(Error::damaged(
                format!("column '{}', page at byte {} of its chunk", plan.column.name, range.start),
                format!("its checksum does not match (item {item} of the chunk)"),
            ));
        }
        if source.verify == Verification::First {
            plan.directory.seen.set(item, plan.directory.items);
        }
        each(item, page, at)?;
    }
    Ok(())
}

/// Encoded images as they are, with the shapes that they decode to.
///
/// Images without a prefix are views into what was fetched; the others are joined in one buffer.
pub(crate) fn encoded(
    plan: &ChunkPlan,
    ty: &TensorType,
    source: &Source<'_>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let media = &plan.directory.media;
    let mut buffers = Vec::new();
    let mut joined = Vec::new();
    if media.has_heads() {
        let size = joined_size(plan)?;
        Limits::check(
            "encoded images",
            to_u64(size),
            source.limits.max_page_bytes,
            "max_page_bytes",
        )?;
        joined.reserve_exact(size);
        // Its place among the buffers.
        buffers.push(Buffer::from_vec(Vec::<u8>::new()));
    }
    let mut views = Views { buffers, ..Views::with_capacity(plan.items.len()) };
    for_each(plan, source, |item, page, place| {
        let (_, head) = media.head(item);
        if head.is_empty() {
            return views.push(page, place, source);
        }
        let begin = joined.len();
        joined.extend_from_slice(head);
        joined.extend_from_slice(page);
        let offset = u32::try_from(begin).map_err(Error::too_large)?;
        views.views.push(make_view(&joined[begin..], 0, offset));
        Ok(())
    })?;
    let Views { views, mut buffers, .. } = views;
    if let Some(first) = buffers.first_mut().filter(|_| media.has_heads()) {
        *first = Buffer::from_vec(joined);
    }
    let files = BinaryViewArray::try_new(ScalarBuffer::from(views), buffers, None)?;
    let DataType::Struct(fields) = ty.data_type() else { return Err(no_images(ty)) };
    Ok(Arc::new(StructArray::try_new(fields, vec![Arc::new(files), shapes(plan)?], nulls)?))
}

/// Encoded images in two pieces, both views into what is there.
pub(crate) fn pieces(
    plan: &ChunkPlan,
    ty: &TensorType,
    source: &Source<'_>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let media = &plan.directory.media;
    let heads_buffers: Vec<Buffer> =
        media.prefixes().iter().map(|prefix| to_buffer(prefix.clone())).collect();
    let mut heads = Vec::with_capacity(plan.items.len());
    let mut rests = Views::with_capacity(plan.items.len());
    for_each(plan, source, |item, page, place| {
        let (prefix, head) = media.head(item);
        heads.push(make_view(head, prefix, 0));
        rests.push(page, place, source)
    })?;
    let heads = BinaryViewArray::try_new(ScalarBuffer::from(heads), heads_buffers, None)?;
    let rests = BinaryViewArray::try_new(ScalarBuffer::from(rests.views), rests.buffers, None)?;
    let DataType::Struct(fields) = plan.part.data_type_of(ty) else { return Err(no_images(ty)) };
    let columns: Vec<ArrayRef> = vec![Arc::new(heads), Arc::new(rests), shapes(plan)?];
    Ok(Arc::new(StructArray::try_new(fields, columns, nulls)?))
}

/// Views into fetched ranges, with the ranges that they look into.
struct Views {
    views: Vec<u128>,
    buffers: Vec<Buffer>,
    /// The fetched range of the last view, and its place among the buffers.
    last: Option<(usize, u32)>,
}

impl Views {
    fn with_capacity(count: usize) -> Views {
        Views { views: Vec::with_capacity(count), buffers: Vec::new(), last: None }
    }

    /// Adds a page, which lies in a fetched range at an offset.
    fn push(
        &mut self,
        page: &[u8],
        (fetched, offset): (usize, usize),
        source: &Source<'_>,
    ) -> Result<()> {
        if page.is_empty() {
            self.views.push(0);
            return Ok(());
        }
        let number = match self.last {
            Some((of, number)) if of == fetched => number,
            _ => {
                let number = u32::try_from(self.buffers.len()).map_err(Error::too_large)?;
                self.buffers.push(to_buffer(source.fetched(fetched)));
                self.last = Some((fetched, number));
                number
            }
        };
        let offset = u32::try_from(offset).map_err(Error::too_large)?;
        self.views.push(make_view(page, number, offset));
        Ok(())
    }
}

/// The shapes that the wanted images decode to.
fn shapes(plan: &ChunkPlan) -> Result<ArrayRef> {
    let mut sizes = Vec::new();
    plan.directory.push_shapes(&plan.items, &mut sizes);
    Ok(shape_array(sizes, 3, plan.items.len())?)
}

fn no_images(ty: &TensorType) -> Error {
    Error::damaged("a batch", format!("{ty} holds no encoded images"))
}

/// Bytes of the wanted images that have a prefix.
fn joined_size(plan: &ChunkPlan) -> Result<usize> {
    let media = &plan.directory.media;
    let mut size = 0u64;
    for item in plan.items.iter() {
        let head = media.head(item).1.len();
        if head > 0 {
            let page = media.range(item);
            size = size.saturating_add(to_u64(head)).saturating_add(page.end - page.start);
        }
    }
    to_usize("a batch", size)
}

/// Encoded images decoded, or what the slices of `plans` leave of their pixels; the plans are of
/// the same rows of the same chunk, and each image is decoded once.
pub(crate) fn decoded(plans: &[&ChunkPlan], source: &Source<'_>) -> Result<Vec<ElementsOut>> {
    let Some(first) = plans.first() else { return Ok(Vec::new()) };
    let count = first.items.len();
    let types: Vec<TensorType> = plans.iter().map(|plan| plan.item_type()).collect();
    let mut outs: Vec<ElementsOut> =
        plans.iter().map(|_| ElementsOut { count, ..ElementsOut::default() }).collect();
    let mut joined = Vec::new();
    let mut nth = 0;
    for_each(first, source, |item, page, _| {
        let (_, head) = first.directory.media.head(item);
        let file = if head.is_empty() {
            page
        } else {
            joined.clear();
            joined.extend_from_slice(head);
            joined.extend_from_slice(page);
            &joined
        };
        let shape = first.directory.shape(item);
        let mut wanted = Vec::with_capacity(plans.len());
        for ((plan, ty), out) in plans.iter().zip(&types).zip(&mut outs) {
            let region = match &plan.regions {
                Regions::Whole if file.is_empty() => None,
                Regions::Whole => Some(Region::whole(&shape)),
                regions => regions.of(nth, &shape),
            };
            match region {
                Some(region) => {
                    push_sizes(&mut out.sizes, &region.shape());
                    wanted.push((region, &mut out.bytes));
                }
                None => push_null(out, ty, 1),
            }
        }
        if !wanted.is_empty() {
            media::decode_regions(file, &mut wanted, source.limits)?;
        }
        for out in &mut outs {
            out.ends.push(out.bytes.len());
        }
        nth += 1;
        Ok(())
    })?;
    Ok(outs)
}
