//! Reading one large tensor: only the tiles that the slice meets.

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use lakebed_core::Limits;
use lakebed_core::Region;
use lakebed_core::TensorType;
use lakebed_core::region::AxisRange;

use super::output::ElementsOut;
use super::output::tensor_array;
use super::plan::ChunkPlan;
use super::plan::Source;
use super::plan::add_range;
use super::read_pages::page_bytes;
use super::read_raw::push_sizes;
use super::regions::Regions;
use super::tiles::Grid;
use super::tiles::Tile;
use crate::buffers::to_u64;
use crate::error::Error;
use crate::error::Result;

/// The tiles that are met.
pub(crate) fn needed(plan: &ChunkPlan) -> Result<Vec<Range<u64>>> {
    let mut ranges = Vec::new();
    if let Some(region) = region(plan) {
        for tile in met(plan, &region)? {
            add_range(&mut ranges, page(plan, tile.number)?.bytes.clone());
        }
    }
    Ok(ranges)
}

/// The tensor, or what the slice leaves of it.
pub(crate) fn array(
    plan: &ChunkPlan,
    ty: &TensorType,
    source: &Source<'_>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let width = plan.column.dtype.width().unwrap_or(1);
    let mut out = ElementsOut { count: 1, ..ElementsOut::default() };
    let Some(region) = region(plan) else {
        super::read_raw::push_null(&mut out, ty, width);
        out.ends.push(out.bytes.len() / width);
        let bytes = Buffer::from_vec(std::mem::take(&mut out.bytes));
        return tensor_array(ty, bytes, out, nulls);
    };
    // Checked before multiplying: a hostile directory may claim any shape.
    let sizes = region.axes().iter().map(|axis| axis.count);
    let elements = sizes.fold(1usize, usize::saturating_mul);
    let size = elements.checked_mul(width).ok_or_else(|| full(plan))?;
    let limit = source.limits.max_sample_bytes;
    Limits::check("a part of a tiled sample", to_u64(size), limit, "max_sample_bytes")?;
    let mut bytes = vec![0u8; size];
    for tile in met(plan, &region)? {
        let raw = page_bytes(page(plan, tile.number)?, &plan.column.name, source)?;
        if raw.len() != tile.shape.elements() * width {
            return Err(Error::damaged(
                format!("column '{}', tile {}", plan.column.name, tile.number),
                format!("it holds {} bytes for shape {}", raw.len(), tile.shape),
            ));
        }
        copy_tile(&tile, &raw, &region, width, &mut bytes);
    }
    out.ends.push(elements);
    push_sizes(&mut out.sizes, &region.shape());
    tensor_array(ty, Buffer::from_vec(bytes), out, nulls)
}

fn full(plan: &ChunkPlan) -> Error {
    Error::damaged("a batch", format!("column '{}' has too many elements", plan.column.name))
}

/// What is read of the one sample; `None` if it is null or an index is missing.
fn region(plan: &ChunkPlan) -> Option<Region> {
    if plan.directory.is_null(0) {
        return None;
    }
    match &plan.regions {
        Regions::Whole => Some(Region::whole(&plan.directory.shape(0))),
        regions => regions.of(0, &plan.directory.shape(0)),
    }
}

fn met(plan: &ChunkPlan, region: &Region) -> Result<Vec<Tile>> {
    let shape = plan.directory.shape(0);
    let grid = Grid::new(shape, &plan.directory.tile)
        .filter(|grid| grid.len() == plan.directory.pages.len())
        .ok_or_else(|| Error::damaged("directory", "its tiles do not cover the sample"))?;
    let bounds: Vec<Range<usize>> = region.axes().iter().map(|axis| axis.bounds()).collect();
    Ok(grid.meeting(&bounds))
}

fn page(plan: &ChunkPlan, number: usize) -> Result<&super::directory::Page> {
    let pages = &plan.directory.pages;
    pages
        .get(number)
        .ok_or_else(|| Error::damaged("directory", format!("tile {number} is missing")))
}

/// Copies the elements that the tile and the region share into their places in the result.
fn copy_tile(tile: &Tile, raw: &[u8], region: &Region, width: usize, out: &mut [u8]) {
    let ndim = region.axes().len();
    let tile_strides = tile.shape.strides();
    let mut out_strides = vec![1usize; ndim];
    for axis in (0..ndim.saturating_sub(1)).rev() {
        out_strides[axis] = out_strides[axis + 1] * region.axes()[axis + 1].count;
    }
    // For each axis, the numbers of the region's positions that lie in the tile.
    let shared: Vec<Range<usize>> = region
        .axes()
        .iter()
        .zip(tile.origin.iter().zip(tile.shape.iter()))
        .map(|(axis, (&origin, &size))| inside(axis, origin, size))
        .collect();
    if ndim == 0 || shared.iter().any(|range| range.is_empty()) {
        return;
    }
    let last = ndim - 1;
    let (last_axis, last_shared) = (region.axes()[last], shared[last].clone());
    let mut place: Vec<usize> = shared.iter().map(|range| range.start).collect();
    loop {
        let mut from = 0;
        let mut to = 0;
        for axis in 0..last {
            from += (region.axes()[axis].at(place[axis]) - tile.origin[axis]) * tile_strides[axis];
            to += place[axis] * out_strides[axis];
        }
        if last_axis.step == 1 {
            let first = last_axis.at(last_shared.start) - tile.origin[last];
            let begin = (from + first) * width;
            let target = (to + last_shared.start) * width;
            let bytes = last_shared.len() * width;
            out[target..target + bytes].copy_from_slice(&raw[begin..begin + bytes]);
        } else {
            for i in last_shared.clone() {
                let begin = (from + last_axis.at(i) - tile.origin[last]) * width;
                let target = (to + i) * width;
                out[target..target + width].copy_from_slice(&raw[begin..begin + width]);
            }
        }
        let mut axis = last;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            place[axis] += 1;
            if place[axis] < shared[axis].end {
                break;
            }
            place[axis] = shared[axis].start;
        }
    }
}

/// The numbers i for which the axis' i-th position lies in a tile.
fn inside(axis: &AxisRange, origin: usize, size: usize) -> Range<usize> {
    let holds = |i: usize| {
        let at = axis.at(i);
        at >= origin && at < origin + size
    };
    // Positions are monotonic, so those inside are consecutive.
    let before = |i: usize| {
        let at = axis.at(i);
        if axis.step > 0 { at < origin } else { at >= origin + size }
    };
    let (mut low, mut high) = (0, axis.count);
    while low < high {
        let middle = (low + high) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    let begin = low;
    let (mut low, mut high) = (begin, axis.count);
    while low < high {
        let middle = (low + high) / 2;
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    begin..low
}
