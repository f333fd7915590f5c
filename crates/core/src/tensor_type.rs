//! How columns appear in Arrow, and back.
//!
//! | column | Arrow | extension |
//! |---|---|---|
//! | scalar | the primitive, `Boolean`, `Utf8View`, `BinaryView` | `arrow.json` for JSON |
//! | fixed shape | `FixedSizeList<T>` | `arrow.fixed_shape_tensor` |
//! | ragged | `Struct{data: List<T>, shape: FixedSizeList<Int32, ndim>}` | `arrow.variable_shape_tensor` |
//! | encoded image | `Struct{data: BinaryView, shape: FixedSizeList<Int32, 3>}` | `lakebed.encoded` |
//! | sequence | `List` of the inner type | |
//!
//! Meaning (htype, class names, box convention) travels as field metadata under `lakebed.*`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::FieldRef;
use arrow_schema::extension::EXTENSION_TYPE_METADATA_KEY;
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;

use crate::dtype::DType;
use crate::htype::BoxFormat;
use crate::htype::HType;
use crate::schema::Column;
use crate::schema::Compression;

/// Extension name of JPEG and PNG samples that are still encoded.
pub const ENCODED_EXTENSION: &str = "lakebed.encoded";
const FIXED_EXTENSION: &str = "arrow.fixed_shape_tensor";
const RAGGED_EXTENSION: &str = "arrow.variable_shape_tensor";
const JSON_EXTENSION: &str = "arrow.json";
const HTYPE_KEY: &str = "lakebed.htype";
const CLASSES_KEY: &str = "lakebed.classes";
const BOX_FORMAT_KEY: &str = "lakebed.box_format";

/// The physical form of a tensor in Arrow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One element a row.
    Scalar,
    /// The same shape in every row.
    Fixed,
    /// A shape of its own in every row.
    Ragged,
    /// An encoded image with its decoded shape beside it.
    Encoded,
    /// A list of values of the inner type a row; `dims` of the outer type begin with `None`.
    Sequence(Box<TensorType>),
}

/// The tensor type of a column or an expression: what `f32[?,4]` says, and its Arrow form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// Element type.
    pub dtype: DType,
    /// One size for each dimension, `None` where rows differ.
    pub dims: Vec<Option<u32>>,
    /// Physical form.
    pub layout: Layout,
    /// Meaning.
    pub htype: HType,
    /// Names of the classes in the order of their codes.
    pub classes: Arc<[String]>,
    /// What the four numbers of a box are.
    pub box_format: Option<BoxFormat>,
}

impl TensorType {
    /// One element a row.
    pub fn scalar(dtype: DType) -> TensorType {
        TensorType {
            dtype,
            dims: Vec::new(),
            layout: Layout::Scalar,
            htype: HType::Generic,
            classes: Arc::from([]),
            box_format: None,
        }
    }

    /// A tensor of the given dimensions: fixed if all are known, ragged if not, scalar if none.
    pub fn tensor(dtype: DType, dims: Vec<Option<u32>>) -> TensorType {
        let layout = if dims.is_empty() {
            Layout::Scalar
        } else if dims.iter().all(|d| d.is_some_and(|d| d > 0)) {
            Layout::Fixed
        } else {
            Layout::Ragged
        };
        TensorType { dims, layout, ..TensorType::scalar(dtype) }
    }

    /// A list of values of `inner` a row.
    pub fn sequence(inner: TensorType) -> TensorType {
        let mut dims = vec![None];
        dims.extend(&inner.dims);
        TensorType {
            dtype: inner.dtype.clone(),
            dims,
            htype: inner.htype,
            classes: Arc::clone(&inner.classes),
            box_format: inner.box_format,
            layout: Layout::Sequence(Box::new(inner)),
        }
    }

    /// The type of a column's samples.
    pub fn from_column(column: &Column) -> TensorType {
        let mut inner = TensorType::tensor(column.dtype.clone(), column.dims.clone());
        if column.compression == Compression::Encoded {
            inner.layout = Layout::Encoded;
        }
        inner.htype = column.htype;
        inner.classes = Arc::from(column.classes.as_slice());
        inner.box_format = column.box_format;
        if column.sequence { TensorType::sequence(inner) } else { inner }
    }

    /// The type that an Arrow field describes; `None` if it is none of the forms above.
    pub fn from_field(field: &Field) -> Option<TensorType> {
        let metadata = field.metadata();
        let extension = metadata.get(EXTENSION_TYPE_NAME_KEY).map(String::as_str);
        let mut ty = match (field.data_type(), extension) {
            (DataType::FixedSizeList(item, size), extension) => {
                let dims = match extension {
                    Some(FIXED_EXTENSION) => fixed_dims(metadata)?,
                    _ => vec![Some(u32::try_from(*size).ok()?)],
                };
                TensorType {
                    layout: Layout::Fixed,
                    dims,
                    ..TensorType::scalar(DType::from_arrow(item.data_type())?)
                }
            }
            (DataType::Struct(fields), Some(RAGGED_EXTENSION)) => {
                let (data, shape) = (fields.first()?, fields.get(1)?);
                let DataType::List(item) = data.data_type() else { return None };
                let DataType::FixedSizeList(_, ndim) = shape.data_type() else { return None };
                let dims = uniform_dims(metadata, usize::try_from(*ndim).ok()?);
                TensorType {
                    layout: Layout::Ragged,
                    dims,
                    ..TensorType::scalar(DType::from_arrow(item.data_type())?)
                }
            }
            (DataType::Struct(_), Some(ENCODED_EXTENSION)) => TensorType {
                layout: Layout::Encoded,
                dims: uniform_dims(metadata, 3),
                ..TensorType::scalar(DType::U8)
            },
            (DataType::List(item), _) => TensorType::sequence(TensorType::from_field(item)?),
            (data_type, Some(JSON_EXTENSION)) if is_text(data_type) => {
                TensorType::scalar(DType::Json)
            }
            (data_type, _) => TensorType::scalar(DType::from_arrow(data_type)?),
        };
        if let Some(name) = metadata.get(HTYPE_KEY) {
            ty.htype = name.parse().unwrap_or_default();
        }
        if let Some(classes) = metadata.get(CLASSES_KEY) {
            let names: Vec<String> = serde_json::from_str(classes).unwrap_or_default();
            ty.classes = Arc::from(names);
        }
        if let Some(format) = metadata.get(BOX_FORMAT_KEY) {
            ty.box_format = BoxFormat::from_name(format);
        }
        Some(ty)
    }

    /// The Arrow type.
    pub fn data_type(&self) -> DataType {
        let item = || Arc::new(Field::new_list_field(self.dtype.to_arrow(), false));
        match &self.layout {
            Layout::Scalar => self.dtype.to_arrow(),
            Layout::Fixed => {
                let size = self.dims.iter().map(|d| u64::from(d.unwrap_or(0))).product::<u64>();
                DataType::FixedSizeList(item(), i32::try_from(size).unwrap_or(i32::MAX))
            }
            Layout::Ragged => DataType::Struct(
                [
                    Arc::new(Field::new("data", DataType::List(item()), false)),
                    Arc::new(Field::new("shape", shape_type(self.dims.len()), false)),
                ]
                .into_iter()
                .collect(),
            ),
            Layout::Encoded => DataType::Struct(
                [
                    Arc::new(Field::new("data", DataType::BinaryView, false)),
                    Arc::new(Field::new("shape", shape_type(3), false)),
                ]
                .into_iter()
                .collect(),
            ),
            Layout::Sequence(inner) => DataType::List(Arc::new(inner.to_field("item", true))),
        }
    }

    /// The Arrow field of a name, with the metadata that [`TensorType::from_field`] reads.
    pub fn to_field(&self, name: &str, nullable: bool) -> Field {
        Field::new(name, self.data_type(), nullable).with_metadata(self.metadata())
    }

    /// As [`TensorType::to_field`], shared.
    pub fn to_field_ref(&self, name: &str, nullable: bool) -> FieldRef {
        Arc::new(self.to_field(name, nullable))
    }

    /// The field metadata: extension name, its parameters, and the meaning.
    pub fn metadata(&self) -> HashMap<String, String> {
        let mut metadata = HashMap::new();
        let mut extension = |name: &str, parameters: String| {
            metadata.insert(EXTENSION_TYPE_NAME_KEY.to_string(), name.to_string());
            metadata.insert(EXTENSION_TYPE_METADATA_KEY.to_string(), parameters);
        };
        match &self.layout {
            Layout::Fixed => {
                let dims: Vec<u32> = self.dims.iter().map(|d| d.unwrap_or(0)).collect();
                extension(FIXED_EXTENSION, serde_json::json!({ "shape": dims }).to_string());
            }
            Layout::Ragged => extension(
                RAGGED_EXTENSION,
                serde_json::json!({ "uniform_shape": self.dims }).to_string(),
            ),
            Layout::Encoded => extension(
                ENCODED_EXTENSION,
                serde_json::json!({ "uniform_shape": self.dims }).to_string(),
            ),
            Layout::Scalar if self.dtype == DType::Json => {
                extension(JSON_EXTENSION, String::new());
            }
            Layout::Scalar | Layout::Sequence(_) => {}
        }
        if self.htype != HType::Generic {
            metadata.insert(HTYPE_KEY.to_string(), self.htype.name().to_string());
        }
        if !self.classes.is_empty() {
            let names = serde_json::json!(&self.classes[..]).to_string();
            metadata.insert(CLASSES_KEY.to_string(), names);
        }
        if let Some(format) = self.box_format {
            metadata.insert(BOX_FORMAT_KEY.to_string(), format.name().to_string());
        }
        metadata
    }

    /// Number of dimensions, the sequence's own included.
    pub fn ndim(&self) -> usize {
        self.dims.len()
    }

    /// True for one element a row.
    pub fn is_scalar(&self) -> bool {
        self.layout == Layout::Scalar
    }

    /// True for numbers and bools: what arithmetic and reductions take.
    pub fn is_numeric(&self) -> bool {
        self.dtype.is_tensor_element()
    }

    /// The type after decoding: encoded images become ragged u8 tensors.
    pub fn decoded(&self) -> TensorType {
        match &self.layout {
            Layout::Encoded => TensorType { layout: Layout::Ragged, ..self.clone() },
            Layout::Sequence(inner) => TensorType::sequence(inner.decoded()),
            _ => self.clone(),
        }
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// `FixedSizeList<Int32, ndim>`, the type of the shapes beside ragged data.
pub fn shape_type(ndim: usize) -> DataType {
    let item = Arc::new(Field::new_list_field(DataType::Int32, false));
    DataType::FixedSizeList(item, i32::try_from(ndim).unwrap_or(i32::MAX))
}

fn extension_json(metadata: &HashMap<String, String>) -> Option<serde_json::Value> {
    serde_json::from_str(metadata.get(EXTENSION_TYPE_METADATA_KEY)?).ok()
}

fn fixed_dims(metadata: &HashMap<String, String>) -> Option<Vec<Option<u32>>> {
    let json = extension_json(metadata)?;
    let dims = json.get("shape")?.as_array()?;
    dims.iter().map(|d| d.as_u64().and_then(|d| u32::try_from(d).ok()).map(Some)).collect()
}

fn uniform_dims(metadata: &HashMap<String, String>, ndim: usize) -> Vec<Option<u32>> {
    let json = extension_json(metadata);
    let dims: Option<Vec<Option<u32>>> = json
        .as_ref()
        .and_then(|json| json.get("uniform_shape")?.as_array())
        .map(|dims| dims.iter().map(|d| d.as_u64().and_then(|d| u32::try_from(d).ok())).collect());
    dims.filter(|dims| dims.len() == ndim).unwrap_or_else(|| vec![None; ndim])
}

/// Written `f32[?,4]`, `text`, `sequence[i32]`.
impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Layout::Sequence(inner) = &self.layout {
            return write!(f, "sequence[{inner}]");
        }
        write!(f, "{}", self.dtype)?;
        if self.dims.is_empty() {
            return Ok(());
        }
        f.write_str("[")?;
        for (axis, dim) in self.dims.iter().enumerate() {
            if axis > 0 {
                f.write_str(",")?;
            }
            match dim {
                Some(dim) => write!(f, "{dim}")?,
                None => f.write_str("?")?,
            }
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_survive_arrow() {
        let columns = [
            Column::image("images"),
            Column::boxes("boxes", BoxFormat::Ltrb),
            Column::class_labels("labels", vec!["a".into(), "b \"q\"".into()]),
            Column::embedding("e", 8),
            Column::json("j"),
            Column::text("words").sequence(),
            Column::boxes("tracks", BoxFormat::Ccwh).sequence(),
            Column::scalar("d", DType::Decimal(10, 2)),
        ];
        for column in columns {
            let ty = TensorType::from_column(&column);
            let field = ty.to_field(&column.name, true);
            assert_eq!(TensorType::from_field(&field), Some(ty), "{}", column.name);
        }
    }

    #[test]
    fn ragged_fields_are_canonical() {
        use arrow_schema::extension::VariableShapeTensor;
        let ty = TensorType::from_column(&Column::boxes("boxes", BoxFormat::Ltrb));
        ty.to_field("boxes", false).try_extension_type::<VariableShapeTensor>().unwrap();
    }
}
