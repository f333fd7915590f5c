//! The kernel of a vector of places along one dimension.

use lakebed_core::Error as CoreError;
use lakebed_core::Shape;
use lakebed_core::Subscript;
use lakebed_core::region::Run;
use lakebed_core::subscript;

use crate::error::Result;
use crate::function::TensorFunction;

use super::index::Index;

/// The dimension that the subscript at a place belongs to.
pub fn axis_of(subscripts: &[Subscript], at: usize, shape: &Shape) -> usize {
    let rest = subscripts.iter().position(|s| *s == Subscript::Rest);
    match rest {
        Some(rest) if rest < at => (at + shape.ndim()).saturating_sub(subscripts.len()),
        _ => at,
    }
}

impl Index {
    /// A vector of places along one dimension: the runs of each place, in the order that the
    /// dimension has among those before it.
    ///
    /// # Errors
    /// [`crate::FunctionError::Row`] for a place outside the sample.
    pub(super) fn fancy(
        &self,
        row: usize,
        subscripts: &[Subscript],
        at: usize,
        places: &[i64],
        shape: &Shape,
        runs: &mut Vec<Run>,
    ) -> Result<Option<Shape>> {
        let axis = axis_of(subscripts, at, shape);
        let size = shape.get(axis).copied().unwrap_or(0);
        let region = match subscript::resolve(subscripts, shape) {
            Ok(region) => region,
            Err(CoreError::IndexOutOfRange { .. }) if self.or_null => return Ok(None),
            Err(error) => return Err(self.wrong_row(row, error.to_string())),
        };
        let mut wanted = Vec::with_capacity(places.len());
        for place in places {
            let from_end = usize::try_from(place.unsigned_abs()).unwrap_or(usize::MAX);
            let found = if *place < 0 { size.checked_sub(from_end) } else { Some(from_end) };
            match found.filter(|at| *at < size) {
                Some(at) => wanted.push(at),
                None if self.or_null => return Ok(None),
                None => {
                    let error = CoreError::IndexOutOfRange { index: *place, dimension: axis, size };
                    return Err(self.wrong_row(row, error.to_string()));
                }
            }
        }
        let mut result = Shape::SCALAR;
        for (dimension, range) in region.axes().iter().enumerate().filter(|(_, range)| range.keep) {
            // As many dimensions as the sample has, at most.
            let _ = result.push(if dimension == axis { wanted.len() } else { range.count });
        }
        if result.elements() == 0 {
            return Ok(Some(result));
        }
        let strides = shape.strides();
        let mut starts = vec![0usize];
        for (dimension, range) in region.axes().iter().enumerate() {
            let stride = strides[dimension];
            let next = |start: &usize| -> Vec<usize> {
                if dimension == axis {
                    wanted.iter().map(|at| start + at * stride).collect()
                } else {
                    range.positions().map(|at| start + at * stride).collect()
                }
            };
            // What is taken whole after the vector's dimension is one run for each place.
            let whole = region.axes()[dimension..]
                .iter()
                .zip(&shape[dimension..])
                .all(|(range, size)| range.count == *size && range.step == 1 && range.keep);
            if dimension > axis && whole {
                let len = shape[dimension..].iter().product();
                runs.extend(starts.iter().map(|start| Run { start: *start, len }));
                return Ok(Some(result));
            }
            starts = starts.iter().flat_map(next).collect();
        }
        runs.extend(starts.iter().map(|start| Run { start: *start, len: 1 }));
        Ok(Some(result))
    }
}
