//! The parts of columns that a scan reads, and the calls that ask for no more than a part.

use std::sync::Arc;

use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::FieldRef;
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::expressions::Literal;
use lakebed_core::Layout as Form;
use lakebed_core::Subscript;
use lakebed_core::TensorType;
use lakebed_core::subscript;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Missing;
use lakebed_dataset::Part;

use super::layout::Layout;
use super::layout::POSITION;
use super::layout::ROW_ID;

/// One thing that a scan reads.
#[derive(Debug, Clone, PartialEq)]
pub enum ScanPart {
    /// The row's place in the snapshot; costs nothing.
    Position,
    /// The row's id; costs nothing.
    RowId,
    /// A part of a column.
    Column {
        /// Index in the table.
        index: usize,
        /// Which part.
        part: Part,
    },
}

impl ScanPart {
    /// The column of the table.
    pub fn column(&self) -> Option<usize> {
        match self {
            ScanPart::Position | ScanPart::RowId => None,
            ScanPart::Column { index, .. } => Some(*index),
        }
    }

    /// What to ask of the dataset; `None` for positions and row ids.
    pub fn read(&self, layout: &Layout) -> Option<ColumnRead> {
        match self {
            ScanPart::Position | ScanPart::RowId => None,
            ScanPart::Column { index, part, .. } => {
                Some(ColumnRead { column: layout.column(*index)?.id, part: part.clone() })
            }
        }
    }

    /// The field of what is read.
    ///
    /// # Errors
    /// Where the dataset cannot read such a part.
    pub fn field(&self, layout: &Layout) -> Result<FieldRef> {
        let read = self.read(layout).map(|read| read.field(&layout.dataset));
        match read {
            None => Ok(Arc::new(Field::new(self.describe(layout), DataType::UInt64, false))),
            Some(Ok(field)) => Ok(Arc::new(field)),
            Some(Err(error)) => Err(DataFusionError::External(Box::new(error))),
        }
    }

    /// True if some rows may not have it.
    pub fn may_fail(&self) -> bool {
        let strict = |part: &Part| matches!(part, Part::Slice { missing: Missing::Error, .. });
        matches!(self, ScanPart::Column { part, .. } if strict(part))
    }

    /// Written `boxes`, `image[0:2]`, `decode(image)`, `shape(boxes)`.
    pub fn describe(&self, layout: &Layout) -> String {
        let (index, part) = match self {
            ScanPart::Position => return POSITION.to_string(),
            ScanPart::RowId => return ROW_ID.to_string(),
            ScanPart::Column { index, part } => (index, part),
        };
        let name = layout.column(*index).map_or("?", |column| column.name.as_str());
        match part {
            Part::Decoded => format!("decode({name})"),
            Part::Shape => format!("shape({name})"),
            Part::Size { axis } => format!("shape({name})[{axis}]"),
            Part::Slice { subscripts, .. } => {
                format!("{name}[{}]", subscript::format_list(subscripts))
            }
            _ => name.to_string(),
        }
    }
}

/// True for columns of files that must be decoded to pixels.
pub fn is_encoded(ty: &TensorType) -> bool {
    match &ty.layout {
        Form::Encoded => true,
        Form::Sequence(inner) => is_encoded(inner),
        Form::Scalar | Form::Fixed | Form::Ragged => false,
    }
}

/// The part that an expression over the table asks for, if it is one.
///
/// A call is a part only if the dataset gives it in the very type that the call returns.
pub fn recognise(expr: &Arc<dyn PhysicalExpr>, layout: &Layout) -> Option<ScanPart> {
    if let Some(index) = column_index(expr) {
        return Some(whole(index, layout));
    }
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    let part = match (call.fun().name(), call.args()) {
        ("tensor_decode", [x]) => decoded(column_index(x)?, layout)?,
        ("tensor_shape", [x]) => {
            let index = column_index(x).or_else(|| decoded_column(x))?;
            dims(index, layout)?;
            ScanPart::Column { index, part: Part::Shape }
        }
        (name @ ("tensor_slice" | "tensor_slice_or_null"), [x, text]) => {
            let text = text.downcast_ref::<Literal>()?.value().try_as_str()??.to_string();
            let subscripts = subscript::parse_list(&text).ok()?;
            match recognise(x, layout) {
                Some(ScanPart::Column { index, part: Part::Shape }) => {
                    let axis = axis(&subscripts, dims(index, layout)?)?;
                    ScanPart::Column { index, part: Part::Size { axis } }
                }
                _ => {
                    let index = column_index(x).or_else(|| decoded_column(x))?;
                    let missing = match name {
                        "tensor_slice" => Missing::Error,
                        _ => Missing::Null,
                    };
                    dims(index, layout)?;
                    ScanPart::Column { index, part: Part::Slice { subscripts, missing } }
                }
            }
        }
        _ => return None,
    };
    in_type(part, call.return_type(), layout)
}

/// The number of dimensions of a column that has parts.
fn dims(index: usize, layout: &Layout) -> Option<usize> {
    let ty = layout.types.get(index)?;
    let has_parts = !ty.dims.is_empty() && !matches!(ty.layout, Form::Sequence(_));
    has_parts.then_some(ty.dims.len())
}

/// The dimension that subscripts of a shape ask for.
fn axis(subscripts: &[Subscript], ndim: usize) -> Option<usize> {
    let [Subscript::Index(index)] = subscripts else { return None };
    let from_end = usize::try_from(index.unsigned_abs()).ok()?;
    let axis = if *index < 0 { ndim.checked_sub(from_end)? } else { from_end };
    (axis < ndim).then_some(axis)
}

/// The part, if it comes in the type that a call returns.
fn in_type(part: ScanPart, wanted: &DataType, layout: &Layout) -> Option<ScanPart> {
    let field = part.field(layout).ok()?;
    (field.data_type() == wanted).then_some(part)
}

fn column_index(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<Column>().map(Column::index)
}

fn decoded_column(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    match (call.fun().name(), call.args()) {
        ("tensor_decode", [x]) => column_index(x),
        _ => None,
    }
}

fn whole(index: usize, layout: &Layout) -> ScanPart {
    match layout.column(index) {
        Some(_) => ScanPart::Column { index, part: Part::Whole },
        None if layout.row_id() == Some(index) => ScanPart::RowId,
        None => ScanPart::Position,
    }
}

fn decoded(index: usize, layout: &Layout) -> Option<ScanPart> {
    layout.column(index)?;
    let encoded = is_encoded(layout.types.get(index)?);
    let part = if encoded { Part::Decoded } else { Part::Whole };
    Some(ScanPart::Column { index, part })
}
