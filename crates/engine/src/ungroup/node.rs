//! The logical node.

use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::FieldRef;
use datafusion::common::DFSchema;
use datafusion::common::DFSchemaRef;
use datafusion::common::Result;
use datafusion::common::plan_err;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::UserDefinedLogicalNodeCore;
use lakebed_core::TensorType;

use super::FRAME;
use super::How;
use crate::scan::layout::POSITION;

/// The node: every column of its input but the position is a sequence, and is taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Ungroup {
    /// The rows.
    pub input: LogicalPlan,
    /// What becomes of a sequence.
    pub how: How,
    schema: DFSchemaRef,
}

impl Ungroup {
    /// Takes every column of `input` but [`POSITION`] apart.
    ///
    /// # Errors
    /// A column that is no sequence.
    pub fn try_new(input: LogicalPlan, how: How) -> Result<Ungroup> {
        let mut fields = Vec::with_capacity(input.schema().fields().len() + 1);
        for (relation, field) in input.schema().iter() {
            fields.push((relation.cloned(), output(field, &how)?));
        }
        fields.push((None, Arc::new(Field::new(FRAME, DataType::Int64, false))));
        let metadata = input.schema().as_arrow().metadata().clone();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, metadata)?);
        Ok(Ungroup { input, how, schema })
    }
}

/// What becomes of a column.
fn output(field: &FieldRef, how: &How) -> Result<FieldRef> {
    if field.name() == POSITION {
        return Ok(Arc::clone(field));
    }
    let DataType::List(item) = field.data_type() else {
        let found = TensorType::from_field(field)
            .map_or_else(|| field.data_type().to_string(), |ty| ty.to_string());
        return plan_err!(
            "UNGROUP BY: '{}' is `{found}`, not a sequence: group it first, or leave it out",
            field.name()
        );
    };
    Ok(match how {
        How::Split => {
            let field = Field::new(field.name(), item.data_type().clone(), true);
            Arc::new(field.with_metadata(item.metadata().clone()))
        }
        How::Parts(_) | How::Lengths(_) => Arc::clone(field),
    })
}

impl PartialEq for Ungroup {
    fn eq(&self, other: &Ungroup) -> bool {
        self.input == other.input && self.how == other.how
    }
}

impl Eq for Ungroup {}

impl Hash for Ungroup {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.how.hash(state);
    }
}

impl PartialOrd for Ungroup {
    fn partial_cmp(&self, other: &Ungroup) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for Ungroup {
    fn name(&self) -> &str {
        "Ungroup"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.how {
            How::Split => f.write_str("Ungroup: each element"),
            How::Parts(parts) => write!(f, "Ungroup: in {parts} parts"),
            How::Lengths(lengths) => write!(f, "Ungroup: in parts of {lengths:?}"),
        }
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Ungroup> {
        let Ok([input]) = <[LogicalPlan; 1]>::try_from(inputs) else {
            return plan_err!("UNGROUP BY has one input");
        };
        Ungroup::try_new(input, self.how.clone())
    }
}
