//! Conditions that arrive while a scan runs: the thresholds of a TopK, the keys of a join.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use datafusion::common::Result;
use datafusion::common::ScalarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::split_conjunction;
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_expr_common::physical_expr::snapshot_physical_expr;

use super::conjunct::Conjunct;
use super::layout::Layout;

/// The present state of late conditions, taken anew only when it has changed.
#[derive(Debug)]
pub struct LateFilters {
    filters: Vec<Arc<dyn PhysicalExpr>>,
    taken: Mutex<Option<(u64, Arc<[Conjunct]>)>>,
}

impl LateFilters {
    /// Over the columns of the table.
    pub fn new(filters: Vec<Arc<dyn PhysicalExpr>>) -> LateFilters {
        LateFilters { filters, taken: Mutex::new(None) }
    }

    /// What they demand now.
    ///
    /// # Errors
    /// If a condition cannot be bound.
    pub fn now(&self, layout: &Layout) -> Result<Arc<[Conjunct]>> {
        if self.filters.is_empty() {
            return Ok(Arc::from([]));
        }
        let generation =
            self.filters.iter().fold(0u64, |sum, f| sum.wrapping_add(snapshot_generation(f)));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, conjuncts)) = &*taken
            && *known == generation
        {
            return Ok(Arc::clone(conjuncts));
        }
        let mut conjuncts = Vec::new();
        for filter in &self.filters {
            let state = snapshot_physical_expr(Arc::clone(filter))?;
            for part in split_conjunction(&state) {
                if !is_true(part) {
                    conjuncts.push(Conjunct::new(part, layout)?);
                }
            }
        }
        let conjuncts: Arc<[Conjunct]> = conjuncts.into();
        *taken = Some((generation, Arc::clone(&conjuncts)));
        Ok(conjuncts)
    }
}

fn is_true(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<Literal>()
        .is_some_and(|literal| matches!(literal.value(), ScalarValue::Boolean(Some(true))))
}
