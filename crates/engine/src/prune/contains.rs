//! A text within a text.

use lakebed_dataset::Scalar;

use super::outcomes::Outcomes;
use super::values::Values;

/// The outcomes of "holds `part`" for the texts of `values`.
pub fn outcomes(part: &str, values: &Values) -> Outcomes {
    let (yes, no) = match &values.distinct {
        Some(list) => {
            let holds = |s: &Scalar| matches!(s, Scalar::Text(t) if t.contains(part));
            (list.iter().any(holds), !list.iter().all(holds))
        }
        None => (values.some, values.some),
    };
    Outcomes { yes, no: no || values.null, null: values.null, empty: false }
}
