//! `value IN (constants)`.

use std::cmp::Ordering;

use lakebed_core::DType;
use lakebed_dataset::Scalar;

use super::compare;
use super::literal::Literal;
use super::order::order;
use super::outcomes::Outcomes;
use super::values::Values;

/// A list of constants, in order where they compare.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    items: Vec<Scalar>,
    sorted: bool,
    nan: bool,
    null: bool,
}

impl List {
    /// A list; `null` if NULL is in it.
    pub fn new(items: Vec<Literal>, null: bool) -> List {
        let nan = items.contains(&Literal::NaN);
        let mut items: Vec<Scalar> = items
            .into_iter()
            .filter_map(|item| match item {
                Literal::Value(value) => Some(value),
                Literal::NaN => None,
            })
            .collect();
        let mut sorted = true;
        items.sort_by(|a, b| {
            order(a, b).unwrap_or_else(|| {
                sorted = false;
                Ordering::Equal
            })
        });
        List { items, sorted, nan, null }
    }

    /// Only constants of one kind are between two bounds in an order that the list has.
    fn near(&self, values: &Values, dtype: &DType) -> &[Scalar] {
        let (Some(low), Some(high)) = (&values.low, &values.high) else { return &self.items };
        let floats = dtype.is_float() || self.items.iter().any(|i| matches!(i, Scalar::Float(_)));
        let comparable = |bound: &Scalar| self.items.iter().all(|i| order(i, bound).is_some());
        if !self.sorted || floats || !comparable(low) || !comparable(high) {
            return &self.items;
        }
        let start = self.items.partition_point(|i| order(i, low) == Some(Ordering::Less));
        let end = self.items.partition_point(|i| order(i, high) != Some(Ordering::Greater));
        self.items.get(start..end).unwrap_or_default()
    }
}

/// The outcomes for every element of `values`, whose elements are `dtype`.
pub fn outcomes(list: &List, values: &Values, dtype: &DType) -> Outcomes {
    let near = list.near(values, dtype);
    let yes = near.iter().any(|item| compare::places(values, item, dtype).equal)
        || (list.nan && values.nan);
    // Sure to be in the list: one value, which is an item, or a few which are.
    let all_equal = |value: &Scalar| {
        let only = Values {
            low: Some(value.clone()),
            high: Some(value.clone()),
            distinct: None,
            ..values.clone()
        };
        list.items.iter().any(|item| {
            let at = compare::places(&only, item, dtype);
            at.equal && !at.less && !at.greater
        })
    };
    // An array is in the list only if it has one element, which the statistics do not say.
    let sure = !values.nan
        && !values.array
        && match (&values.distinct, &values.low, &values.high) {
            (Some(elements), _, _) => elements.iter().all(all_equal),
            (None, Some(low), Some(high)) => low == high && all_equal(low),
            _ => false,
        };
    Outcomes {
        yes,
        no: !sure || values.null,
        null: values.null || list.null,
        empty: values.array && values.empty,
    }
}
