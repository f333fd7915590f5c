//! The order of elements: by value, NaN as one value after all others (rule 9).

use std::cmp::Ordering;

use crate::lanes::Element;

/// How two elements are ordered.
pub fn order<E: Element>(a: &E, b: &E) -> Ordering {
    match a.partial_cmp(b) {
        Some(order) => order,
        None => a.is_not_a_number().cmp(&b.is_not_a_number()),
    }
}
