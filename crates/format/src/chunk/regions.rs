//! What a slice selects of each item of a chunk.

use std::ops::Range;

use lakebed_core::Column;
use lakebed_core::Region;
use lakebed_core::Shape;
use lakebed_core::Subscript;
use lakebed_core::subscript;

use super::directory::Directory;
use super::directory::Sizes;
use super::part::Missing;
use super::part::Part;
use super::plan::RowSet;
use crate::buffers::to_u64;
use crate::error::Error;
use crate::error::Result;

/// What a slice selects of each item.
#[derive(Debug)]
pub(crate) enum Regions {
    /// No slice.
    Whole,
    /// The same of every item.
    Same(Box<Region>),
    /// Something else of each item.
    Each(Each),
}

/// A slice of items of different shapes: regions are made where they are used, because one for
/// each of a million items would take more memory than the items.
#[derive(Debug)]
pub(crate) struct Each {
    subscripts: Vec<Subscript>,
    /// False where the row is null or an index is missing; `None` if there is no such row.
    present: Option<Vec<bool>>,
}

impl Regions {
    pub fn new(
        directory: &Directory,
        column: &Column,
        rows: &RowSet,
        part: &Part,
    ) -> Result<Regions> {
        let Part::Slice { subscripts, missing } = part else { return Ok(Regions::Whole) };
        // Of a row that is not null; false if an index is missing.
        let holds = |row: usize| match subscript::resolve(subscripts, &directory.shape(row)) {
            Ok(_) => Ok(true),
            Err(lakebed_core::Error::IndexOutOfRange { .. }) if *missing == Missing::Null => {
                Ok(false)
            }
            Err(source) => Err(Error::Subscript { row: to_u64(row), source }),
        };
        let uniform = directory.dims.iter().all(|dim| matches!(dim, Sizes::Uniform(_)));
        if uniform && directory.valid.is_none() && column.ndim() > 0 && !rows.is_empty() {
            let shape = directory.shape(0);
            if let Ok(region) = subscript::resolve(subscripts, &shape) {
                return Ok(Regions::Same(Box::new(region)));
            }
        }
        let size = |axis: usize, row: usize| directory.dims.get(axis).map_or(0, |d| d.of(row));
        let inside = |(axis, index): &(usize, i64), row: usize| match *index {
            index if index < 0 => index.unsigned_abs() <= to_u64(size(*axis, row)),
            index => index.unsigned_abs() < to_u64(size(*axis, row)),
        };
        let mut indexes = indexes(subscripts, column.ndim());
        // What holds of one size holds of all rows.
        let is_uniform = |axis: usize| matches!(directory.dims.get(axis), Some(Sizes::Uniform(_)));
        indexes.retain(|index| !(is_uniform(index.0) && inside(index, 0)));
        let mut each = Each { subscripts: subscripts.clone(), present: None };
        if directory.valid.is_none() && indexes.is_empty() {
            return Ok(Regions::Each(each));
        }
        let mut present = Vec::with_capacity(rows.len());
        let mut failed = None;
        rows.for_each(|row| {
            let here = if directory.is_null(row) {
                Ok(false)
            } else if indexes.iter().all(|index| inside(index, row)) {
                Ok(true)
            } else {
                holds(row)
            };
            match here {
                Ok(here) => present.push(here),
                Err(error) => failed = failed.take().or(Some(error)),
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        each.present = present.contains(&false).then_some(present);
        Ok(Regions::Each(each))
    }

    /// The region of the `nth` item of those wanted, whose shape is `shape`; `None` where there is
    /// no slice, where the row is null and where an index is missing.
    pub fn of(&self, nth: usize, shape: &Shape) -> Option<Region> {
        match self {
            Regions::Whole => None,
            Regions::Same(region) => Some(Region::clone(region)),
            Regions::Each(each) => {
                let present = each.present.as_ref().is_none_or(|list| list.get(nth) == Some(&true));
                present.then(|| subscript::resolve(&each.subscripts, shape).ok())?
            }
        }
    }

    /// Which of the wanted rows are neither null nor without an index; `None` if a slice is no
    /// reason for a null.
    pub fn present(&self) -> Option<&[bool]> {
        match self {
            Regions::Each(each) => each.present.as_deref(),
            _ => None,
        }
    }

    /// Where the first dimension is taken whole and the others are of one size in all items: the
    /// shape of what the first dimension counts, and what is selected of each.
    pub fn of_each_first(&self, directory: &Directory) -> Option<(Shape, Region)> {
        let Regions::Each(Each { subscripts, present: None }) = self else { return None };
        let mut shape = Shape::SCALAR;
        for sizes in directory.dims.get(1..)? {
            let Sizes::Uniform(size) = sizes else { return None };
            shape.push(usize::try_from(*size).ok()?)?;
        }
        let inner: &[Subscript] = match subscripts.split_first() {
            None => &[],
            Some((
                Subscript::Slice { start: None | Some(0), stop: None, step: None | Some(1) },
                rest,
            )) => rest,
            // It stands for the first dimension, and for others perhaps.
            Some((Subscript::Rest, rest)) if rest.len() <= shape.ndim() => &subscripts[..],
            _ => return None,
        };
        Some((shape, subscript::resolve(inner, &shape).ok()?))
    }
}

/// The dimensions that are dropped by an index.
fn indexes(subscripts: &[Subscript], ndim: usize) -> Vec<(usize, i64)> {
    let given = subscripts.iter().filter(|s| !matches!(s, Subscript::Rest)).count();
    let mut axis = 0;
    let mut indexes = Vec::new();
    for subscript in subscripts {
        match subscript {
            Subscript::Rest => axis += ndim.saturating_sub(given),
            Subscript::Index(index) => {
                indexes.push((axis, *index));
                axis += 1;
            }
            Subscript::Slice { .. } => axis += 1,
        }
    }
    indexes
}

/// Pieces of equal length that lie end to end, and what is taken of each.
#[derive(Debug)]
pub(crate) struct Records {
    /// Bytes of a record.
    pub length: usize,
    /// The bytes that are taken of it, in the order of the result.
    pub runs: Vec<Range<usize>>,
    /// Bytes of all runs.
    pub picked: usize,
}

impl Records {
    /// What `region` selects of each tensor of `shape`, of elements of `width` bytes.
    pub fn new(shape: &Shape, region: &Region, width: usize) -> Records {
        let mut runs = Vec::new();
        region.for_each_run(shape, |run| {
            runs.push(run.start * width..(run.start + run.len) * width);
        });
        let picked = runs.iter().map(ExactSizeIterator::len).sum();
        Records { length: shape.elements().saturating_mul(width), runs, picked }
    }

    /// Appends what is taken of the records in `bytes`.
    pub fn copy(&self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.length == 0 {
            return;
        }
        match self.runs.as_slice() {
            [run] if run.len() == self.length => out.extend_from_slice(bytes),
            [run] => match run.len() {
                1 => self.pick::<1>(bytes, run.start, out),
                2 => self.pick::<2>(bytes, run.start, out),
                4 => self.pick::<4>(bytes, run.start, out),
                8 => self.pick::<8>(bytes, run.start, out),
                16 => self.pick::<16>(bytes, run.start, out),
                _ => self.copy_runs(bytes, out),
            },
            _ => self.copy_runs(bytes, out),
        }
    }

    fn copy_runs(&self, bytes: &[u8], out: &mut Vec<u8>) {
        for record in bytes.chunks_exact(self.length) {
            for run in &self.runs {
                out.extend_from_slice(&record[run.clone()]);
            }
        }
    }

    /// One run of a length that is known when this is compiled: a loop over single moves.
    fn pick<const N: usize>(&self, bytes: &[u8], at: usize, out: &mut Vec<u8>) {
        let from = out.len();
        out.resize(from + bytes.len() / self.length * N, 0);
        let places = out[from..].as_chunks_mut::<N>().0.iter_mut();
        for (to, record) in places.zip(bytes.chunks_exact(self.length)) {
            if let Some(value) = record[at..].first_chunk::<N>() {
                *to = *value;
            }
        }
    }
}
