//! Expressions over one column whose values statistics still bound: slices, shapes, reductions
//! and casts.

use std::cmp::Ordering;

use lakebed_core::DType;
use lakebed_core::Subscript;
use lakebed_core::TensorType;
use lakebed_core::subscript;
use lakebed_dataset::Scalar;
use lakebed_dataset::Stats;

use super::order::order;
use super::order::to_f32;
use super::order::to_f64;
use super::values::Values;

/// One step from a column to a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Constant subscripts.
    Slice(Vec<Subscript>),
    /// All sizes of the sample.
    Shape,
    /// The size of one dimension.
    Size(usize),
    /// The largest or smallest element of a row; 0 where it is empty.
    Extreme,
    /// Another element type.
    Cast(DType),
}

/// A value: a column of the table and the steps from it.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuePath {
    /// Index in the table's schema.
    pub column: usize,
    /// The column's type.
    pub source: TensorType,
    /// Applied in order.
    pub steps: Vec<Step>,
    /// The type of the result.
    pub ty: TensorType,
}

impl ValuePath {
    /// The column itself.
    pub fn column(column: usize, ty: TensorType) -> ValuePath {
        ValuePath { column, source: ty.clone(), steps: Vec::new(), ty }
    }

    /// One more slice; `None` where its type is unknown.
    pub fn slice(mut self, subscripts: Vec<Subscript>) -> Option<ValuePath> {
        if let ([Subscript::Index(index)], Some(Step::Shape)) = (&*subscripts, self.steps.last()) {
            let ndim = i64::try_from(self.source.ndim()).ok()?;
            let axis = if *index < 0 { index + ndim } else { *index };
            let axis = usize::try_from(axis).ok().filter(|_| axis < ndim)?;
            self.steps.pop();
            self.steps.push(Step::Size(axis));
            self.ty = TensorType::scalar(DType::I64);
            return Some(self);
        }
        self.ty = subscript::result_type(&self.ty, &subscripts).ok()?;
        self.steps.push(Step::Slice(subscripts));
        Some(self)
    }

    /// Its shape; of a column only.
    pub fn shape(mut self) -> Option<ValuePath> {
        if !self.steps.is_empty() {
            return None;
        }
        self.steps.push(Step::Shape);
        self.ty = TensorType::tensor(DType::I64, vec![None]);
        Some(self)
    }

    /// Its largest or smallest element.
    pub fn extreme(mut self) -> Option<ValuePath> {
        if !self.ty.is_numeric() {
            return None;
        }
        self.ty = TensorType::scalar(self.ty.dtype.clone());
        self.steps.push(Step::Extreme);
        Some(self)
    }

    /// Another element type, of scalars and between numbers or to the same kind only.
    pub fn cast(mut self, to: DType) -> Option<ValuePath> {
        if !self.ty.is_scalar() {
            return None;
        }
        if self.ty.dtype == to {
            return Some(self);
        }
        let from = &self.ty.dtype;
        let widens = from.is_float() && to.is_float() && from.width() <= to.width();
        let exact = from.is_integer() && (to.is_integer() || matches!(to, DType::F32 | DType::F64));
        if !widens && !exact {
            return None;
        }
        self.ty = TensorType::scalar(to.clone());
        self.steps.push(Step::Cast(to));
        Some(self)
    }

    /// What is known of this value in the rows of one chunk of its column.
    pub fn values(&self, stats: &Stats) -> Values {
        let mut values = Values::of_column(stats, &self.source);
        for step in &self.steps {
            values = self.apply(step, values, stats);
        }
        values.array = !self.ty.is_scalar();
        values
    }

    fn apply(&self, step: &Step, values: Values, stats: &Stats) -> Values {
        match step {
            // Any of the elements may be left out, and an integer may be out of range.
            Step::Slice(_) => Values { null: true, empty: true, ..values },
            Step::Shape => self.sizes(None, &values, stats),
            Step::Size(axis) => self.sizes(Some(*axis), &values, stats),
            Step::Extreme => extreme(values),
            Step::Cast(to) => cast(&values, to),
        }
    }

    fn sizes(&self, axis: Option<usize>, values: &Values, stats: &Stats) -> Values {
        let axes = match axis {
            Some(axis) => axis..axis + 1,
            None => 0..self.source.ndim(),
        };
        let rows = stats.nulls < stats.rows;
        let bound = |list: &[u32], pick: fn(u32, u32) -> u32| {
            let mut sizes = axes.clone().map(|axis| {
                self.source.dims.get(axis).copied().flatten().or_else(|| list.get(axis).copied())
            });
            let first = sizes.next()??;
            let size = sizes.try_fold(first, |a, b| b.map(|b| pick(a, b)))?;
            Some(Scalar::Int(i64::from(size)))
        };
        Values {
            low: bound(&stats.shape_min, u32::min),
            high: bound(&stats.shape_max, u32::max),
            distinct: None,
            nan: false,
            null: values.null,
            empty: axes.is_empty(),
            filled: rows && !axes.is_empty(),
            some: rows && !axes.is_empty(),
            array: axis.is_none(),
        }
    }
}

/// Of one element out of each row, 0 for an empty one.
fn extreme(values: Values) -> Values {
    let or_zero = values.empty;
    let mut one = Values { empty: false, array: false, ..values };
    if !or_zero {
        return one;
    }
    let zero = Scalar::Int(0);
    if one.some {
        let pick = |bound: Option<Scalar>, keep: Ordering| {
            bound.map(|bound| if order(&zero, &bound) == Some(keep) { zero.clone() } else { bound })
        };
        one.low = pick(one.low, Ordering::Less);
        one.high = pick(one.high, Ordering::Greater);
    } else {
        one.low = Some(zero.clone());
        one.high = Some(zero.clone());
    }
    Values { distinct: None, some: true, filled: true, ..one }
}

fn cast(values: &Values, to: &DType) -> Values {
    match to {
        DType::F32 => values.map(|value| to_f32(value).map(Scalar::Float)),
        DType::F64 => values.map(|value| to_f64(value).map(Scalar::Float)),
        // What does not fit is an error or null, so it is never true.
        _ => Values { null: true, ..values.clone() },
    }
}
