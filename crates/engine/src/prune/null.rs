//! Null, empty, or neither.

use super::outcomes::Outcomes;
use super::values::Values;

/// Of `value IS NULL`.
pub fn is_null(values: &Values) -> Outcomes {
    Outcomes { yes: values.null, no: values.some || values.empty, null: false, empty: false }
}

/// Of TQL's `IS NULL`: null or empty.
pub fn is_null_or_empty(values: &Values) -> Outcomes {
    Outcomes { yes: values.null || values.empty, no: values.filled, null: false, empty: false }
}

/// Of `IS_EMPTY(value)`: empty, and not null.
pub fn is_empty(values: &Values) -> Outcomes {
    Outcomes {
        yes: values.empty,
        no: values.filled || values.null,
        null: values.null,
        empty: false,
    }
}
