//! Reductions along some dimensions of a value.

use arrow::array::ArrayRef;
use arrow::datatypes::ArrowPrimitiveType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::along::Ends;
use crate::along::along;
use crate::assemble::primitive;
use crate::axes::Axes;
use crate::by_row::OfRow;
use crate::error::Result;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;

use super::reduce::Best;
use super::reduce::IntegerMean;
use super::reduce::IntegerProduct;
use super::reduce::IntegerSum;
use super::reduce::Mean;
use super::reduce::Operation;
use super::reduce::Product;
use super::reduce::Reduce;
use super::reduce::Sum;
use super::reduce::rounded;

impl Reduce {
    /// The reduction of every row along `axes`.
    ///
    /// # Errors
    /// [`crate::FunctionError::Row`] for integers that leave 64 bits.
    pub(super) fn along(
        &self,
        x: &Numbers,
        axes: &Axes,
        ty: &TensorType,
        rows: usize,
    ) -> Result<ArrayRef> {
        // Bools as 0 and 1; the smallest and largest of them are cast back at the end.
        let elements = x.native()?;
        let call = Call { x, axes, ty, rows };
        let integers = !x.ty().dtype.is_float();
        with_numbers!(elements, T, values => match (self.operation, integers) {
            (Operation::Min, _) => call.best::<T>(values, |a, b| a < b),
            (Operation::Max, _) => call.best::<T>(values, |a, b| a > b),
            (Operation::Avg, true) => call.floats(values, &IntegerMean),
            (Operation::Avg, false) => call.floats(values, &Mean),
            (Operation::Sum, false) => call.floats(values, &Sum),
            (Operation::Prod, false) => call.floats(values, &Product),
            (Operation::Sum, true) => self.integers(&call, values, &IntegerSum),
            (Operation::Prod, true) => self.integers(&call, values, &IntegerProduct),
        }, else Err(not_numbers(elements.data_type())))
    }

    fn integers<E: Copy, F: OfRow<E, Answer = Option<i128>>>(
        &self,
        call: &Call<'_>,
        values: &[E],
        f: &F,
    ) -> Result<ArrayRef> {
        let (totals, ends) = call.along(values, Some(0), &|line| f.of(line));
        let elements = match call.ty.dtype {
            DType::U64 => primitive::<UInt64Type>(self.fit_lines(&totals, &ends)?),
            _ => primitive::<Int64Type>(self.fit_lines(&totals, &ends)?),
        };
        ends.finish(elements, call.x, call.axes, call.ty)
    }

    fn fit_lines<N: TryFrom<i128>>(&self, totals: &[Option<i128>], ends: &Ends) -> Result<Vec<N>> {
        totals
            .iter()
            .enumerate()
            .map(|(at, total)| {
                total
                    .and_then(|total| N::try_from(total).ok())
                    .ok_or_else(|| self.overflow(ends.row_of(at)))
            })
            .collect()
    }
}

struct Call<'a> {
    x: &'a Numbers,
    axes: &'a Axes,
    ty: &'a TensorType,
    rows: usize,
}

impl Call<'_> {
    fn along<E: Copy, A: Clone>(
        &self,
        values: &[E],
        nothing: A,
        f: &dyn Fn(&[E]) -> A,
    ) -> (Vec<A>, Ends) {
        along((self.x, values), self.axes, self.ty, self.rows, nothing, f)
    }

    fn best<T: ArrowPrimitiveType>(
        &self,
        values: &[T::Native],
        better: impl Fn(T::Native, T::Native) -> bool,
    ) -> Result<ArrayRef>
    where
        T::Native: Element,
    {
        let best = Best(better);
        let (answers, ends) = self.along(values, T::Native::default(), &|line| best.of(line));
        ends.finish(primitive::<T>(answers), self.x, self.axes, self.ty)
    }

    fn floats<E: Copy, F: OfRow<E, Answer = f64>>(&self, values: &[E], f: &F) -> Result<ArrayRef> {
        let (answers, ends) = self.along(values, 0.0, &|line| f.of(line));
        let elements = match self.ty.dtype {
            DType::F64 => primitive::<Float64Type>(answers),
            _ => primitive::<Float32Type>(rounded(&answers)),
        };
        ends.finish(elements, self.x, self.axes, self.ty)
    }
}

#[cfg(test)]
#[path = "along_tests.rs"]
mod tests;
