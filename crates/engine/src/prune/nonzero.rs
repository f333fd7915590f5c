//! The truth of numbers: not zero.

use lakebed_core::DType;
use lakebed_dataset::Scalar;

use super::compare;
use super::compare::Comparison;
use super::literal::Literal;
use super::outcomes::Outcomes;
use super::values::Values;

/// The outcomes for every element of `values`, whose elements are `dtype`.
pub fn outcomes(values: &Values, dtype: &DType) -> Outcomes {
    let zero = Literal::Value(Scalar::Int(0));
    // Null is no number: neither true nor different from zero.
    let numbers = Values { null: false, ..values.clone() };
    let of = compare::outcomes(Comparison::NotEqual, &numbers, &zero, dtype);
    Outcomes { no: of.no || values.null, null: values.null, ..of }
}
