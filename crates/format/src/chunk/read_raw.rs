//! Reading uncompressed tensors: only the blocks that the rows and their slices meet.

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use lakebed_core::Layout;
use lakebed_core::TensorType;

use super::output::ElementsOut;
use super::output::tensor_array;
use super::plan::ChunkPlan;
use super::plan::RowSet;
use super::plan::Source;
use super::plan::Verification;
use super::plan::add_range;
use super::plan::to_buffer;
use super::regions::Records;
use super::regions::Regions;
use crate::BLOCK;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::error::Error;
use crate::error::Result;

/// The blocks that the wanted elements lie in.
pub(crate) fn needed(plan: &ChunkPlan) -> Result<Vec<Range<u64>>> {
    let width = width(plan);
    let mut ranges = Vec::new();
    let mut add = |bytes: Range<u64>| {
        let start = bytes.start / BLOCK * BLOCK;
        let end = bytes.end.div_ceil(BLOCK).saturating_mul(BLOCK).min(plan.directory.payload);
        if !bytes.is_empty() {
            add_range(&mut ranges, start..end);
        }
    };
    if let (Regions::Whole, RowSet::Range(items)) = (&plan.regions, &plan.items) {
        let begin = plan.directory.element_range(items.start).start;
        let end = plan.directory.element_range(items.end).start;
        add(begin * width..end * width);
        return Ok(ranges);
    }
    if let Some(records) = records(plan) {
        plan.items.for_each(|item| {
            let begin = plan.directory.element_range(item).start * width;
            for run in &records.runs {
                add(begin + to_u64(run.start)..begin + to_u64(run.end));
            }
        });
        return Ok(ranges);
    }
    for (nth, item) in plan.items.iter().enumerate() {
        let elements = plan.directory.element_range(item);
        if let Regions::Whole = &plan.regions {
            add(elements.start * width..elements.end * width);
            continue;
        }
        let shape = plan.directory.shape(item);
        if let Some(region) = plan.regions.of(nth, &shape) {
            region.for_each_run(&shape, |run| {
                let start = (elements.start + to_u64(run.start)) * width;
                add(start..start + to_u64(run.len) * width);
            });
        }
    }
    Ok(ranges)
}

/// What is taken of every item, where that is the same.
fn records(plan: &ChunkPlan) -> Option<Records> {
    let Regions::Same(region) = &plan.regions else { return None };
    let width = plan.column.dtype.width().unwrap_or(1);
    Some(Records::new(&plan.directory.shape(0), region, width))
}

/// The tensors, or what the slice leaves of them.
pub(crate) fn array(
    plan: &ChunkPlan,
    ty: &TensorType,
    source: &Source<'_>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    if source.verify != Verification::Never {
        verify_blocks(plan, source)?;
    }
    let width = width(plan);
    let directory = &plan.directory;
    let mut out = ElementsOut { count: plan.items.len(), ..ElementsOut::default() };
    let ragged = ty.layout == Layout::Ragged;
    if let (Regions::Whole, RowSet::Range(items)) = (&plan.regions, &plan.items) {
        // Consecutive samples are taken as they lie, without a copy.
        let begin = directory.element_range(items.start).start;
        let end = directory.element_range(items.end).start;
        let bytes = match end > begin {
            true => to_buffer(source.get(&(begin * width..end * width))?),
            false => Buffer::from_vec(Vec::<u8>::new()),
        };
        if ragged {
            for item in items.clone() {
                let end = directory.element_range(item).end - begin;
                out.ends.push(to_usize("a chunk", end)?);
                push_sizes(&mut out.sizes, &directory.shape(item));
            }
        }
        return tensor_array(ty, bytes, out, nulls);
    }
    let element = to_usize("an element", width)?;
    if let (Some(records), Regions::Same(region)) = (records(plan), &plan.regions) {
        out.bytes = same_of_each(plan, &records, source)?;
        if ragged {
            let picked = records.picked / element.max(1);
            out.ends = (1..=out.count).map(|items| items * picked).collect();
            (0..out.count).for_each(|_| push_sizes(&mut out.sizes, &region.shape()));
        }
        let bytes = Buffer::from_vec(std::mem::take(&mut out.bytes));
        return tensor_array(ty, bytes, out, nulls);
    }
    let mut hint = 0;
    for (nth, item) in plan.items.iter().enumerate() {
        let elements = directory.element_range(item);
        let shape = directory.shape(item);
        match (&plan.regions, plan.regions.of(nth, &shape)) {
            (Regions::Whole, _) => {
                let range = elements.start * width..elements.end * width;
                if !range.is_empty() {
                    out.bytes.extend_from_slice(source.slice(&range, &mut hint)?);
                }
                push_sizes(&mut out.sizes, &shape);
            }
            (_, Some(region)) => {
                let mut outcome = Ok(());
                region.for_each_run(&shape, |run| {
                    let start = (elements.start + to_u64(run.start)) * width;
                    let range = start..start + to_u64(run.len) * width;
                    match source.slice(&range, &mut hint) {
                        Ok(bytes) => out.bytes.extend_from_slice(bytes),
                        Err(error) => outcome = Err(error),
                    }
                });
                outcome?;
                push_sizes(&mut out.sizes, &region.shape());
            }
            (_, None) => push_null(&mut out, ty, element),
        }
        out.ends.push(out.bytes.len() / element.max(1));
    }
    let bytes = Buffer::from_vec(std::mem::take(&mut out.bytes));
    tensor_array(ty, bytes, out, nulls)
}

/// The same bytes of each item.
fn same_of_each(plan: &ChunkPlan, records: &Records, source: &Source<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(records.picked.saturating_mul(plan.items.len()));
    let first = records.runs.iter().map(|run| run.start).min().unwrap_or(0);
    let last = records.runs.iter().map(|run| run.end).max().unwrap_or(0);
    let length = to_u64(records.length);
    let mut hint = 0;
    for item in plan.items.iter() {
        let begin = to_u64(item) * length;
        let span = begin + to_u64(first)..begin + to_u64(last);
        if let Some(bytes) = source.in_one_piece(&span, &mut hint) {
            for run in &records.runs {
                out.extend_from_slice(&bytes[run.start - first..run.end - first]);
            }
            continue;
        }
        for run in &records.runs {
            let range = begin + to_u64(run.start)..begin + to_u64(run.end);
            out.extend_from_slice(source.slice(&range, &mut hint)?);
        }
    }
    Ok(out)
}

/// What stands for a null in an array: zeros in a fixed shape, nothing in a ragged one.
pub(crate) fn push_null(out: &mut ElementsOut, ty: &TensorType, width: usize) {
    if ty.layout != Layout::Ragged {
        let fixed =
            ty.dims.iter().map(|dim| dim.map(u64::from)).try_fold(1u64, |p, d| Some(p * d?));
        let elements = fixed.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        out.bytes.resize(out.bytes.len() + elements * width, 0);
    }
    out.sizes.extend(std::iter::repeat_n(0, ty.ndim()));
}

pub(crate) fn push_sizes(sizes: &mut Vec<i32>, shape: &[usize]) {
    sizes.extend(shape.iter().map(|size| i32::try_from(*size).unwrap_or(i32::MAX)));
}

fn width(plan: &ChunkPlan) -> u64 {
    to_u64(plan.column.dtype.width().unwrap_or(1))
}

fn verify_blocks(plan: &ChunkPlan, source: &Source<'_>) -> Result<()> {
    let block = to_usize("a block", BLOCK)?;
    for (range, bytes) in source.pieces() {
        let first = to_usize("a block", range.start / BLOCK)?;
        for (nth, block) in bytes.chunks(block).enumerate() {
            if source.verify == Verification::First && plan.directory.seen.has(first + nth) {
                continue;
            }
            let expected = plan.directory.blocks.get(first + nth);
            if !expected.is_some_and(|checksum| checksum.matches(block)) {
                let rows = rows_of_block(plan, first + nth);
                return Err(Error::damaged(
                    format!("column '{}', block {}", plan.column.name, first + nth),
                    format!(
                        "its checksum does not match (rows {} to {} of the chunk)",
                        rows.start, rows.end
                    ),
                ));
            }
            if source.verify == Verification::First {
                plan.directory.seen.set(first + nth, plan.directory.blocks.len());
            }
        }
    }
    Ok(())
}

/// The items that a block meets, for messages.
fn rows_of_block(plan: &ChunkPlan, block: usize) -> Range<usize> {
    let begin = to_u64(block).saturating_mul(BLOCK);
    let end = begin.saturating_add(BLOCK);
    let width = width(plan);
    let meets = |item: usize| {
        let elements = plan.directory.element_range(item);
        elements.start * width < end && elements.end * width > begin
    };
    let mut met = (0..plan.directory.items).filter(|item| meets(*item));
    let first = met.next().unwrap_or(0);
    first..met.next_back().unwrap_or(first)
}
