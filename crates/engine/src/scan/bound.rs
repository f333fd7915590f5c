//! Expressions over the table, bound to the parts that they need.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::array::new_empty_array;
use arrow_schema::FieldRef;
use arrow_schema::Schema as ArrowSchema;
use arrow_schema::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use datafusion::common::exec_err;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::CaseExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_common::physical_expr::with_new_children_if_necessary;
use lakebed_functions::FunctionError;

use super::layout::Layout;
use super::part::ScanPart;
use super::part::recognise;

/// An expression over parts instead of whole columns.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The parts, in the order of the columns that `expr` sees.
    pub parts: Vec<ScanPart>,
    expr: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

impl Bound {
    /// Binds an expression over the table. Calls that ask for a part become that part.
    ///
    /// # Errors
    /// If a part has no field.
    pub fn new(expr: &Arc<dyn PhysicalExpr>, layout: &Layout) -> Result<Bound> {
        let mut parts: Vec<ScanPart> = Vec::new();
        let expr = bind(expr, layout, false, &mut parts)?;
        let fields: Vec<FieldRef> =
            parts.iter().map(|part| part.field(layout)).collect::<Result<_>>()?;
        Ok(Bound { parts, expr, schema: Arc::new(ArrowSchema::new(fields)) })
    }

    /// True if the expression is one part as it is.
    pub fn is_part(&self) -> bool {
        self.expr.downcast_ref::<Column>().is_some()
    }

    /// Its value for no rows.
    ///
    /// # Errors
    /// What the expression says.
    pub fn empty(&self) -> Result<ArrayRef> {
        let parts = self.schema.fields().iter().map(|field| new_empty_array(field.data_type()));
        self.evaluate(parts.collect(), 0)
    }

    /// Its value for `rows` rows, given its parts in order.
    ///
    /// # Errors
    /// What the expression says.
    pub fn evaluate(&self, parts: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
        if let (true, [array]) = (self.is_part(), &*parts) {
            return Ok(Arc::clone(array));
        }
        self.expr.evaluate(&self.batch(parts, rows)?)?.into_array(rows)
    }

    /// As [`Bound::evaluate`]; the error names the first row that fails by itself. `position` gives
    /// the place of a row in the snapshot.
    ///
    /// # Errors
    /// What the expression says.
    pub fn evaluate_rows(
        &self,
        parts: Vec<ArrayRef>,
        rows: usize,
        position: impl Fn(usize) -> u64,
        what: impl Fn() -> String,
    ) -> Result<ArrayRef> {
        let error = match self.evaluate(parts.clone(), rows) {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        if let Some((row, text)) = failed_row(&error) {
            return exec_err!("row {}: {text} (in {})", position(row), what());
        }
        for row in 0..rows {
            let one = parts.iter().map(|part| part.slice(row, 1)).collect();
            if let Err(error) = self.evaluate(one, 1) {
                return Err(error.context(format!("row {} (in {})", position(row), what())));
            }
        }
        Err(error.context(format!("in {}", what())))
    }

    fn batch(&self, parts: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), parts, &options)
            .map_err(DataFusionError::from)
    }
}

/// The parts of several expressions, each once.
pub fn distinct_parts<'a>(bounds: impl IntoIterator<Item = &'a Bound>) -> Vec<ScanPart> {
    let mut parts: Vec<ScanPart> = Vec::new();
    for part in bounds.into_iter().flat_map(|bound| &bound.parts) {
        if !parts.contains(part) {
            parts.push(part.clone());
        }
    }
    parts
}

/// Replaces calls that ask for parts. `guarded` within a CASE, which may keep rows from a call that
/// fails on them.
fn bind(
    expr: &Arc<dyn PhysicalExpr>,
    layout: &Layout,
    guarded: bool,
    parts: &mut Vec<ScanPart>,
) -> Result<Arc<dyn PhysicalExpr>> {
    if let Some(part) = recognise(expr, layout).filter(|part| !(guarded && part.may_fail())) {
        let at = parts.iter().position(|known| *known == part).unwrap_or_else(|| {
            parts.push(part.clone());
            parts.len() - 1
        });
        return Ok(Arc::new(Column::new(&part.describe(layout), at)));
    }
    let guarded = guarded || expr.downcast_ref::<CaseExpr>().is_some();
    let children: Vec<_> = expr
        .children()
        .into_iter()
        .map(|child| bind(child, layout, guarded, parts))
        .collect::<Result<_>>()?;
    with_new_children_if_necessary(Arc::clone(expr), children)
}

/// The row of the batch that an error of a tensor function is about, and the rest of its text.
fn failed_row(error: &DataFusionError) -> Option<(usize, String)> {
    let DataFusionError::External(inner) = error.find_root() else { return None };
    match inner.downcast_ref::<FunctionError>()? {
        FunctionError::Row { function, row, reason } => {
            Some((*row, format!("{function}: {reason}")))
        }
        _ => None,
    }
}

/// True if some call within the expression becomes a part of a column, so that binding reads less.
pub fn reads_less(expr: &Arc<dyn PhysicalExpr>, layout: &Layout) -> Result<bool> {
    let mut found = false;
    expr.apply(|node| {
        if node.downcast_ref::<Column>().is_none() && recognise(node, layout).is_some() {
            found = true;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}
