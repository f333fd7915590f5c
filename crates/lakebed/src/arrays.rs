//! Rows from `ndarray` arrays, texts and files of images, and results as arrays.
//!
//! ```
//! # use lakebed::arrays::Rows;
//! # use lakebed::core::{Column, DType, Schema};
//! # use ndarray::Array3;
//! let schema = Schema::new(vec![
//!     Column::text("caption"),
//!     Column::tensor("embedding", DType::F32, &[Some(2), Some(4)]),
//! ])?;
//! let embeddings = Array3::<f32>::zeros((2, 2, 4));
//! let batch = Rows::new(&schema)
//!     .texts("caption", ["one cat", "two cats"])?
//!     .stacked("embedding", embeddings.view())?
//!     .finish()?;
//! assert_eq!(batch.num_rows(), 2);
//! # Ok::<(), lakebed::arrays::Error>(())
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::PrimitiveArray;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::array::StructArray;
use arrow::datatypes::ArrowPrimitiveType;
use arrow::datatypes::Float16Type;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int8Type;
use arrow::datatypes::Int16Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt16Type;
use arrow::datatypes::UInt32Type;
use arrow::datatypes::UInt64Type;
use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::Limits;
use lakebed_core::Schema;
use lakebed_core::TensorArray;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_core::nearest::nearest;
use lakebed_core::tensor_builder::shape_array;
use ndarray::ArrayD;
use ndarray::ArrayView;
use ndarray::Axis;
use ndarray::Dimension;
use ndarray::IxDyn;
use ndarray::RemoveAxis;

/// Why arrays and columns do not go together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A column that the schema has not.
    #[error("there is no column '{name}'{}", near.as_ref().map(|near| format!("; did you mean '{near}'?")).unwrap_or_default())]
    NoColumn {
        /// The name.
        name: String,
        /// A column that may have been meant.
        near: Option<String>,
    },
    /// A column that got no values.
    #[error("column '{name}' has no values: give it some before the rows are finished")]
    Missing {
        /// The column.
        name: String,
    },
    /// Columns of different lengths.
    #[error("column '{name}' has {found} rows, and '{first}' has {expected}")]
    Rows {
        /// The column.
        name: String,
        /// Its rows.
        found: usize,
        /// The column before it.
        first: String,
        /// The rows of that one.
        expected: usize,
    },
    /// Values of another type than the column's.
    #[error("column '{name}' is {expected}, and the values are {found}")]
    Type {
        /// The column.
        name: String,
        /// Its type.
        expected: String,
        /// What was given, or asked for.
        found: String,
    },
    /// A sample that cannot stand in its column, or a row whose shape is not that of the others.
    #[error("row {row} of column '{name}': {reason}")]
    Sample {
        /// The column.
        name: String,
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// What Arrow or the types say.
    #[error(transparent)]
    Core(#[from] lakebed_core::Error),
    /// What Arrow says of the batch.
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// Numbers that arrays and columns both hold.
pub trait Element: Copy + arrow::datatypes::ArrowNativeType {
    /// The Arrow type.
    type Arrow: ArrowPrimitiveType<Native = Self>;
    /// The dtype of columns.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($native:ty => $arrow:ty, $dtype:ident);+ $(;)?) => {$(
        impl Element for $native {
            type Arrow = $arrow;
            const DTYPE: DType = DType::$dtype;
        }
    )+};
}
elements!(
    half::f16 => Float16Type, F16; f32 => Float32Type, F32; f64 => Float64Type, F64;
    i8 => Int8Type, I8; i16 => Int16Type, I16; i32 => Int32Type, I32; i64 => Int64Type, I64;
    u8 => UInt8Type, U8; u16 => UInt16Type, U16; u32 => UInt32Type, U32; u64 => UInt64Type, U64;
);

/// Rows of a dataset, column by column: see the [module](self).
#[derive(Debug)]
pub struct Rows<'a> {
    schema: &'a Schema,
    columns: BTreeMap<&'a str, ArrayRef>,
}

impl<'a> Rows<'a> {
    /// Rows with the columns of a schema, none of them given yet.
    pub fn new(schema: &'a Schema) -> Rows<'a> {
        Rows { schema, columns: BTreeMap::new() }
    }

    /// Samples of one shape: the first axis of `array` counts the rows, the others are the sample's.
    ///
    /// # Errors
    /// For a column that there is not, or of another dtype, number of dimensions or fixed shape.
    pub fn stacked<T: Element, D: RemoveAxis>(
        self,
        column: &str,
        array: ArrayView<'_, T, D>,
    ) -> Result<Rows<'a>> {
        self.ragged(column, array.axis_iter(Axis(0)))
    }

    /// Samples of any shapes, one a row.
    ///
    /// # Errors
    /// As [`Rows::stacked`].
    pub fn ragged<'v, T: Element, D: Dimension>(
        self,
        column: &str,
        arrays: impl IntoIterator<Item = ArrayView<'v, T, D>>,
    ) -> Result<Rows<'a>> {
        let column = self.find(column)?;
        let ty = TensorType::from_column(column);
        let same_kind = ty.dtype == T::DTYPE && !matches!(ty.layout, Layout::Sequence(_));
        if !same_kind || ty.layout == Layout::Encoded {
            return Err(Error::Type {
                name: column.name.clone(),
                expected: ty.to_string(),
                found: format!("{} arrays", T::DTYPE),
            });
        }
        if ty.is_scalar() {
            let mut values: Vec<T> = Vec::new();
            for (row, array) in arrays.into_iter().enumerate() {
                let [value] = array.iter().copied().collect::<Vec<T>>()[..] else {
                    return Err(sample(column, row, format!("{} numbers for one", array.len())));
                };
                values.push(value);
            }
            return self
                .with(column, Arc::new(PrimitiveArray::<T::Arrow>::from_iter_values(values)));
        }
        let mut builder = TensorBuilder::<T>::new(ty.ndim());
        for (row, array) in arrays.into_iter().enumerate() {
            let shape = array.shape();
            let fits = |(size, dim): (&usize, &Option<u32>)| {
                dim.is_none_or(|dim| usize::try_from(dim).is_ok_and(|dim| dim == *size))
            };
            if shape.len() != ty.ndim() || !shape.iter().zip(&ty.dims).all(fits) {
                let reason = format!("its shape is {shape:?}, and the column is {ty}");
                return Err(sample(column, row, reason));
            }
            // An array whose elements lie in order is taken as it lies.
            let pushed = match array.as_slice() {
                Some(elements) => builder.push(elements, array.shape()),
                None => {
                    let elements: Vec<T> = array.iter().copied().collect();
                    builder.push(&elements, array.shape())
                }
            };
            pushed.map_err(|error| sample(column, row, error.to_string()))?;
        }
        let array = builder.finish::<T::Arrow>(&ty)?;
        self.with(column, array)
    }

    /// One text a row.
    ///
    /// # Errors
    /// For a column that there is not, or that holds no texts.
    pub fn texts<S: AsRef<str>>(
        self,
        column: &str,
        texts: impl IntoIterator<Item = S>,
    ) -> Result<Rows<'a>> {
        let column = self.find(column)?;
        self.with(column, Arc::new(StringViewArray::from_iter_values(texts)))
    }

    /// One file of an image a row, JPEG or PNG, which is kept byte for byte.
    ///
    /// # Errors
    /// For a column that there is not or that holds no encoded images, and for a file that is none,
    /// with its row.
    pub fn files<B: AsRef<[u8]>>(
        self,
        column: &str,
        files: impl IntoIterator<Item = B>,
    ) -> Result<Rows<'a>> {
        let column = self.find(column)?;
        let ty = TensorType::from_column(column);
        let DataType::Struct(fields) = ty.data_type() else { return Err(not(column, "files")) };
        if ty.layout != Layout::Encoded {
            return Err(not(column, "files"));
        }
        let mut sizes: Vec<i32> = Vec::new();
        let mut kept: Vec<B> = Vec::new();
        for (row, file) in files.into_iter().enumerate() {
            let info = lakebed_codec::media::probe(file.as_ref(), &Limits::default());
            let info = info.map_err(|error| sample(column, row, error.to_string()))?;
            for size in info.shape().iter() {
                let size = i32::try_from(*size);
                sizes.push(size.map_err(|error| sample(column, row, error.to_string()))?);
            }
            kept.push(file);
        }
        let data: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(kept));
        let shape = shape_array(sizes, ty.ndim(), data.len())?;
        self.with(column, Arc::new(StructArray::try_new(fields, vec![data, shape], None)?))
    }

    /// A column as it stands in Arrow, of exactly the type that the dataset's has.
    ///
    /// # Errors
    /// For a column that there is not or of another type.
    pub fn arrow(self, column: &str, array: ArrayRef) -> Result<Rows<'a>> {
        let column = self.find(column)?;
        self.with(column, array)
    }

    /// The batch, for [`lakebed_dataset::Writer::write`].
    ///
    /// # Errors
    /// For a column without values, unless it may be null, and for columns of different lengths.
    pub fn finish(mut self) -> Result<RecordBatch> {
        let rows = self.columns.values().next().map_or(0, |array| array.len());
        let first = self.columns.keys().next().map_or(String::new(), |name| name.to_string());
        let mut fields = Vec::with_capacity(self.schema.columns.len());
        let mut arrays = Vec::with_capacity(self.schema.columns.len());
        for column in &self.schema.columns {
            let field = TensorType::from_column(column).to_field(&column.name, column.nullable);
            let array = match self.columns.remove(column.name.as_str()) {
                Some(array) => array,
                None if column.nullable => arrow::array::new_null_array(field.data_type(), rows),
                None => return Err(Error::Missing { name: column.name.clone() }),
            };
            if array.len() != rows {
                return Err(Error::Rows {
                    name: column.name.clone(),
                    found: array.len(),
                    first,
                    expected: rows,
                });
            }
            fields.push(field);
            arrays.push(array);
        }
        Ok(RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays)?)
    }

    fn find(&self, name: &str) -> Result<&'a Column> {
        let found = self.schema.columns.iter().find(|column| column.name == name);
        found.ok_or_else(|| Error::NoColumn {
            name: name.to_string(),
            near: nearest(name, self.schema.columns.iter().map(|column| column.name.as_str())),
        })
    }

    fn with(mut self, column: &'a Column, array: ArrayRef) -> Result<Rows<'a>> {
        if array.data_type() != &TensorType::from_column(column).data_type() {
            return Err(not(column, &array.data_type().to_string()));
        }
        self.columns.insert(&column.name, array);
        Ok(self)
    }
}

fn not(column: &Column, found: &str) -> Error {
    Error::Type {
        name: column.name.clone(),
        expected: TensorType::from_column(column).to_string(),
        found: found.to_string(),
    }
}

fn sample(column: &Column, row: usize, reason: String) -> Error {
    Error::Sample { name: column.name.clone(), row, reason }
}

/// A column of a result as one array, the rows along the first axis.
///
/// # Errors
/// [`Error::Type`] for another type of numbers, [`Error::Sample`] for a null or a row whose shape is
/// not that of the first: [`samples`] takes rows of any shapes.
pub fn stacked<T: Element>(batch: &RecordBatch, column: &str) -> Result<ArrayD<T>> {
    let samples = samples::<T>(batch, column)?;
    let shape = samples.first().map(|first| first.shape().to_vec()).unwrap_or_default();
    let mut all = Vec::with_capacity(samples.len() * shape.iter().product::<usize>());
    for (row, array) in samples.iter().enumerate() {
        if array.shape() != shape {
            return Err(Error::Sample {
                name: column.to_string(),
                row,
                reason: format!("its shape is {:?}, and row 0 has {shape:?}", array.shape()),
            });
        }
        all.extend(array.iter().copied());
    }
    let mut whole = vec![samples.len()];
    whole.extend(shape);
    ArrayD::from_shape_vec(IxDyn(&whole), all).map_err(|error| Error::Sample {
        name: column.to_string(),
        row: 0,
        reason: error.to_string(),
    })
}

/// The samples of a column of a result, each of its own shape.
///
/// # Errors
/// [`Error::NoColumn`], [`Error::Type`], and [`Error::Sample`] for a null.
pub fn samples<T: Element>(batch: &RecordBatch, column: &str) -> Result<Vec<ArrayD<T>>> {
    let schema = batch.schema();
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let Some((at, field)) = schema.column_with_name(column) else {
        let near = nearest(column, names());
        return Err(Error::NoColumn { name: column.to_string(), near });
    };
    let array = batch.column(at);
    let wrong = || wrong_type::<T>(column, field);
    let ty = TensorType::from_field(field).ok_or_else(wrong)?;
    if ty.dtype != T::DTYPE || matches!(ty.layout, Layout::Encoded | Layout::Sequence(_)) {
        return Err(wrong());
    }
    let null = |row: usize| Error::Sample {
        name: column.to_string(),
        row,
        reason: "it is null: leave nulls out in WHERE, or fill them".to_string(),
    };
    if let Some(row) = (0..array.len()).find(|row| array.is_null(*row)) {
        return Err(null(row));
    }
    if ty.is_scalar() {
        let values = array.as_primitive_opt::<T::Arrow>().ok_or_else(wrong)?;
        return Ok(values.values().iter().map(|value| ndarray::arr0(*value).into_dyn()).collect());
    }
    let tensor = TensorArray::try_new(ty, array)?;
    let elements = tensor.elements().as_primitive_opt::<T::Arrow>().ok_or_else(wrong)?;
    let of_row =
        |row: usize| {
            let values = elements.values().get(tensor.range(row)).unwrap_or_default().to_vec();
            ArrayD::from_shape_vec(IxDyn(&tensor.shape(row)), values).map_err(|error| {
                Error::Sample { name: column.to_string(), row, reason: error.to_string() }
            })
        };
    (0..tensor.len()).map(of_row).collect()
}

fn wrong_type<T: Element>(column: &str, field: &Field) -> Error {
    let expected = TensorType::from_field(field)
        .map_or_else(|| field.data_type().to_string(), |ty| ty.to_string());
    Error::Type { name: column.to_string(), expected, found: format!("{} arrays", T::DTYPE) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use ndarray::arr1;
    use ndarray::array;

    fn schema() -> Schema {
        Schema::new(vec![
            Column::text("caption"),
            Column::scalar("score", DType::F64),
            Column::tensor("boxes", DType::F32, &[None, Some(4)]),
            Column::tensor("mask", DType::U8, &[Some(2), Some(3)]),
        ])
        .unwrap()
    }

    #[test]
    fn arrays_become_rows_and_rows_arrays() {
        let schema = schema();
        let boxes = [Array2::<f32>::ones((2, 4)), Array2::<f32>::zeros((0, 4))];
        // Not in order in memory: its transpose is.
        let masks = array![[[1u8, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]];
        let masks = masks.permuted_axes([0, 2, 1]);
        let batch = Rows::new(&schema)
            .ragged("boxes", boxes.iter().map(|boxes| boxes.view()))
            .and_then(|rows| rows.stacked("mask", masks.view()))
            .and_then(|rows| rows.stacked("score", arr1(&[0.5, -1.0]).view()))
            .and_then(|rows| rows.texts("caption", ["a", "b"]))
            .and_then(Rows::finish)
            .unwrap();
        assert_eq!(stacked::<u8>(&batch, "mask").unwrap(), masks.into_dyn());
        let back = samples::<f32>(&batch, "boxes").unwrap();
        assert_eq!(back[0], boxes[0].clone().into_dyn());
        assert_eq!(back[1].shape(), [0, 4]);
        assert_eq!(stacked::<f64>(&batch, "score").unwrap(), arr1(&[0.5, -1.0]).into_dyn());
        assert!(matches!(stacked::<f32>(&batch, "boxes"), Err(Error::Sample { row: 1, .. })));
        assert!(matches!(samples::<f64>(&batch, "boxes"), Err(Error::Type { .. })));
    }

    #[test]
    fn wrong_values_name_their_column_and_row() {
        let schema = schema();
        let of = |rows: Result<Rows<'_>>| rows.unwrap_err().to_string();
        let wide = Array2::<f32>::ones((2, 5));
        let told = of(Rows::new(&schema).ragged("boxes", [wide.view()]));
        assert!(told.contains("boxes"), "{told}");
        let told = of(Rows::new(&schema).stacked("boxs", wide.view()));
        assert!(told.contains("did you mean 'boxes'"), "{told}");
        let told = of(Rows::new(&schema).stacked("score", wide.view()));
        assert!(told.contains("score") && told.contains("f32"), "{told}");
        let told = of(Rows::new(&schema).texts("score", ["x"]));
        assert!(told.contains("score"), "{told}");
        let short = Rows::new(&schema).texts("caption", ["a"]).unwrap();
        assert!(matches!(short.finish(), Err(Error::Missing { .. })));
    }
}
