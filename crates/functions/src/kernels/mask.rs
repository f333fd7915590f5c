//! `x[mask]` with bools of two dimensions or more (rule 11).

use arrow::array::ArrayRef;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use lakebed_core::region::Run;

use crate::error::Result;
use crate::function::Arg;
use crate::function::TensorFunction;
use crate::gather::gather;
use crate::numbers::Numbers;
use crate::relabel::with_dims;
use crate::value::Value;

use super::any::truths;
use super::index::Index;
use super::template::Bound;
use super::template::Part;
use super::template::Template;

/// The mask, if the only subscript is one of two dimensions or more.
pub(super) fn mask_of<'a, T>(
    template: &Template,
    values: &'a [T],
    arg: impl Fn(&T) -> &Arg,
) -> Option<&'a T> {
    match (template.parts(), values) {
        ([Part::Index(Bound::Value(0))], [mask]) => {
            let ty = arg(mask).numeric()?;
            (ty.dtype == DType::Bool && ty.ndim() > 1).then_some(mask)
        }
        _ => None,
    }
}

impl Index {
    /// The chosen elements, or what lies behind the mask's dimensions, in row-major order.
    pub(super) fn masked_type(&self, ty: &TensorType, mask: &Arg) -> Result<TensorType> {
        let ndim = mask.numeric().map_or(0, TensorType::ndim);
        let Some(rest) = ty.dims.get(ndim..) else {
            let reason = format!("a mask of {ndim} dimensions is too deep");
            return Err(self.wrong_types(std::slice::from_ref(mask), reason));
        };
        let mut dims = vec![None];
        dims.extend(rest);
        Ok(with_dims(ty, dims))
    }

    /// The elements of every row where its mask is true.
    ///
    /// # Errors
    /// [`crate::FunctionError::Row`] for a mask of another shape.
    pub(super) fn masked(
        &self,
        x: &Value,
        mask: &Value,
        ty: &TensorType,
        rows: usize,
    ) -> Result<ArrayRef> {
        let (x, mask) = (Numbers::places_of(x)?, mask.numbers()?);
        let flags = truths(&mask)?;
        gather(&x, ty, rows, |row, shape, runs| {
            if mask.is_null(row) {
                return Ok(None);
            }
            let own = mask.shape(row);
            if !shape.starts_with(&own) {
                if self.or_null {
                    return Ok(None);
                }
                let reason = format!("a mask of shape {own} does not fit shape {shape}");
                return Err(self.wrong_row(row, reason));
            }
            let len: usize = shape.iter().skip(own.ndim()).product();
            let flags = flags.get(mask.range(row)).unwrap_or(&[]);
            let mut sizes = vec![0usize];
            for (at, _) in flags.iter().enumerate().filter(|(_, flag)| **flag) {
                sizes[0] += 1;
                match runs.last_mut() {
                    // Neighbours are copied at once. A run of another row never ends here.
                    Some(run) if sizes[0] > 1 && run.start + run.len == at * len => run.len += len,
                    _ => runs.push(Run { start: at * len, len }),
                }
            }
            sizes.extend(shape.iter().skip(own.ndim()));
            Ok(Some(Shape::new(&sizes).unwrap_or_default()))
        })
    }
}
