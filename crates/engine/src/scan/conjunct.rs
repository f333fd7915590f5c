//! One condition of a filter: what to read for it, and which rows pass.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::compute::prep_null_mask_filter;
use datafusion::common::Result;
use datafusion::common::exec_err;
use datafusion::physical_expr::PhysicalExpr;

use super::bound::Bound;
use super::layout::Layout;
use crate::prune;
use crate::prune::Predicate;

/// One of the conditions that a row must meet.
#[derive(Debug, Clone)]
pub struct Conjunct {
    /// What it reads and computes.
    pub bound: Bound,
    /// What statistics understand of it.
    pub predicate: Predicate,
    text: String,
}

impl Conjunct {
    /// A condition over the table.
    ///
    /// # Errors
    /// If it cannot be bound.
    pub fn new(expr: &Arc<dyn PhysicalExpr>, layout: &Layout) -> Result<Conjunct> {
        Ok(Conjunct {
            bound: Bound::new(expr, layout)?,
            predicate: prune::compile(expr, &layout.types),
            text: expr.to_string(),
        })
    }

    /// Which of `rows` rows pass, given its parts; null does not. `position` gives the place of a
    /// row in the snapshot, for the error.
    ///
    /// # Errors
    /// What the condition says of a row, which the error names.
    pub fn passes(
        &self,
        parts: Vec<ArrayRef>,
        rows: usize,
        position: impl Fn(usize) -> u64,
    ) -> Result<BooleanArray> {
        let what = || format!("the filter {}", self.text);
        let result = self.bound.evaluate_rows(parts, rows, position, what)?;
        let Some(mask) = result.as_boolean_opt() else {
            return exec_err!("the filter {} is {}, not a boolean", self.text, result.data_type());
        };
        Ok(match mask.null_count() {
            0 => mask.clone(),
            _ => prep_null_mask_filter(mask),
        })
    }
}
