//! The logical node: its input's columns, and columns of a dataset at the positions that one of
//! them holds.

use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use arrow_schema::Field;
use arrow_schema::FieldRef;
use datafusion::common::Column;
use datafusion::common::DFSchema;
use datafusion::common::DFSchemaRef;
use datafusion::common::ExprSchema;
use datafusion::common::Result;
use datafusion::common::TableReference;
use datafusion::common::plan_err;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::UserDefinedLogicalNodeCore;

use crate::table::DatasetTable;

/// One column that is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FetchedColumn {
    /// Over the table's columns, by their own names.
    pub expr: Expr,
    /// What the output is qualified with.
    pub relation: Option<TableReference>,
    /// The output.
    pub field: FieldRef,
}

impl FetchedColumn {
    /// A column of the output. Rows that an outer join made have no position, so it may be null.
    pub fn new(expr: Expr, relation: Option<TableReference>, field: FieldRef) -> FetchedColumn {
        FetchedColumn { expr, relation, field }
    }
}

/// The node.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    /// The rows.
    pub input: LogicalPlan,
    /// What is fetched from; it has positions.
    pub table: DatasetTable,
    /// The input's column of positions.
    pub position: Expr,
    /// What is fetched.
    pub columns: Vec<FetchedColumn>,
    schema: DFSchemaRef,
}

impl Fetch {
    /// Fetches `columns` of `table` at the positions in the input's column `position`.
    ///
    /// # Errors
    /// If the input has a column that is called as one of the new ones.
    pub fn try_new(
        input: LogicalPlan,
        table: DatasetTable,
        position: Column,
        columns: Vec<FetchedColumn>,
    ) -> Result<Fetch> {
        Fetch::with(input, table, Expr::Column(position), columns)
    }

    /// The field of the `at`-th fetched column in the output.
    pub fn fetched_field(&self, at: usize) -> &FieldRef {
        self.schema.qualified_field(self.input.schema().fields().len() + at).1
    }

    fn with(
        input: LogicalPlan,
        table: DatasetTable,
        position: Expr,
        columns: Vec<FetchedColumn>,
    ) -> Result<Fetch> {
        let nullable = match &position {
            Expr::Column(column) => input.schema().field_from_column(column)?.is_nullable(),
            _ => true,
        };
        let own = input.schema().iter().map(|(relation, field)| (relation.cloned(), field.clone()));
        let new = columns.iter().map(|column| {
            let field = Field::clone(&column.field);
            let nullable = nullable || field.is_nullable();
            (column.relation.clone(), Arc::new(field.with_nullable(nullable)))
        });
        let metadata = input.schema().as_arrow().metadata().clone();
        let schema = DFSchema::new_with_metadata(own.chain(new).collect(), metadata)?;
        Ok(Fetch { input, table, position, columns, schema: Arc::new(schema) })
    }
}

impl PartialEq for Fetch {
    fn eq(&self, other: &Fetch) -> bool {
        self.input == other.input
            && self.table.snapshot() == other.table.snapshot()
            && self.position == other.position
            && self.columns == other.columns
    }
}

impl Eq for Fetch {}

impl Hash for Fetch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.table.snapshot().hash(state);
        self.position.hash(state);
        self.columns.hash(state);
    }
}

impl PartialOrd for Fetch {
    fn partial_cmp(&self, other: &Fetch) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for Fetch {
    fn name(&self) -> &str {
        "Fetch"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    /// What is fetched is over the table, not over the input, so only the position is shown.
    fn expressions(&self) -> Vec<Expr> {
        vec![self.position.clone()]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let columns: Vec<String> =
            self.columns.iter().map(|column| column.expr.to_string()).collect();
        write!(f, "Fetch: [{}] at {}", columns.join(", "), self.position)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Fetch> {
        let (Ok([position]), Ok([input])) =
            (<[Expr; 1]>::try_from(exprs), <[LogicalPlan; 1]>::try_from(inputs))
        else {
            return plan_err!("a fetch has one expression and one input");
        };
        Fetch::with(input, self.table.clone(), position, self.columns.clone())
    }

    fn necessary_children_exprs(&self, outputs: &[usize]) -> Option<Vec<Vec<usize>>> {
        let inputs = self.input.schema().fields().len();
        let mut needed: Vec<usize> =
            outputs.iter().copied().filter(|index| *index < inputs).collect();
        for column in self.position.column_refs() {
            needed.push(self.input.schema().maybe_index_of_column(column)?);
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}
