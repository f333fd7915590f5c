//! What a scan tells the planner: rows, and bounds of scalar columns.

use std::sync::PoisonError;

use arrow_schema::DataType;
use arrow_schema::TimeUnit;
use datafusion::common::ColumnStatistics;
use datafusion::common::ScalarValue;
use datafusion::common::stats::Precision;
use lakebed_core::DType;
use lakebed_core::TensorType;
use lakebed_dataset::Scalar;
use lakebed_dataset::Stats;

use super::planning::Plan;
use crate::prune::ColumnFacts;

/// The statistics of a column over all planned fragments; exact where the statistics are.
pub fn of_column(plan: &Plan, column: usize, ty: &TensorType) -> ColumnStatistics {
    let mut known = plan.columns.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(column).or_insert_with(|| compute(plan, column, ty)).clone()
}

fn compute(plan: &Plan, column: usize, ty: &TensorType) -> ColumnStatistics {
    let mut all = Stats::default();
    let mut counted = true;
    for planned in &plan.fragments {
        match planned.facts.column(column) {
            Some(ColumnFacts::Chunks(chunks)) => {
                counted &= !chunks.patched;
                for stats in &chunks.stats {
                    all = all.merge(stats);
                }
            }
            Some(ColumnFacts::All(stats)) => all = all.merge(stats),
            Some(ColumnFacts::Consecutive(first)) => {
                let (first, rows) = (*first, planned.fragment.rows);
                let stats = Stats {
                    rows,
                    elements: rows,
                    exact: true,
                    min: Some(Scalar::UInt(first)),
                    max: Some(Scalar::UInt(first.saturating_add(rows.saturating_sub(1)))),
                    ..Stats::default()
                };
                all = all.merge(&stats);
            }
            None => return ColumnStatistics::new_unknown(),
        }
    }
    let mut statistics = ColumnStatistics::new_unknown();
    let nulls = usize::try_from(all.nulls).unwrap_or(usize::MAX);
    statistics.null_count =
        if counted { Precision::Exact(nulls) } else { Precision::Inexact(nulls) };
    // Arrow orders NaN above all numbers, statistics leave it out.
    if !ty.is_scalar() || all.has_nan {
        return statistics;
    }
    let bound = |scalar: &Option<Scalar>| match scalar.as_ref().and_then(|s| value(s, &ty.dtype)) {
        Some(value) if all.exact => Precision::Exact(value),
        Some(value) => Precision::Inexact(value),
        None => Precision::Absent,
    };
    statistics.min_value = bound(&all.min);
    statistics.max_value = bound(&all.max);
    statistics
}

/// A bound as a value of the column's Arrow type.
fn value(scalar: &Scalar, dtype: &DType) -> Option<ScalarValue> {
    let plain = match scalar {
        Scalar::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Scalar::UInt(value) => ScalarValue::UInt64(Some(*value)),
        // A zero of either sign may stand for the other.
        Scalar::Float(0.0) => return None,
        Scalar::Float(value) => ScalarValue::Float64(Some(*value)),
        Scalar::Text(text) => ScalarValue::Utf8View(Some(text.clone())),
        Scalar::Decimal(value) => match dtype {
            DType::Decimal(precision, scale) => {
                ScalarValue::Decimal128(Some(*value), *precision, *scale)
            }
            _ => return None,
        },
        Scalar::Int(value) => match dtype.to_arrow() {
            DataType::Date32 => ScalarValue::Date32(Some(i32::try_from(*value).ok()?)),
            DataType::Time64(_) => ScalarValue::Time64Microsecond(Some(*value)),
            DataType::Timestamp(unit, zone) => match unit {
                TimeUnit::Second => ScalarValue::TimestampSecond(Some(*value), zone),
                TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(Some(*value), zone),
                TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(Some(*value), zone),
                TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(Some(*value), zone),
            },
            DataType::Duration(unit) => match unit {
                TimeUnit::Second => ScalarValue::DurationSecond(Some(*value)),
                TimeUnit::Millisecond => ScalarValue::DurationMillisecond(Some(*value)),
                TimeUnit::Microsecond => ScalarValue::DurationMicrosecond(Some(*value)),
                TimeUnit::Nanosecond => ScalarValue::DurationNanosecond(Some(*value)),
            },
            _ => ScalarValue::Int64(Some(*value)),
        },
    };
    plain.cast_to(&dtype.to_arrow()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_have_the_type_of_the_column() {
        assert_eq!(value(&Scalar::Int(3), &DType::I16), Some(ScalarValue::Int16(Some(3))));
        assert_eq!(value(&Scalar::UInt(3), &DType::U8), Some(ScalarValue::UInt8(Some(3))));
        assert_eq!(value(&Scalar::Int(3), &DType::Date), Some(ScalarValue::Date32(Some(3))));
        assert_eq!(
            value(&Scalar::Text("a".into()), &DType::Text),
            Some(ScalarValue::Utf8View(Some("a".into())))
        );
    }
}
