//! Columns as writers look at them.

use std::borrow::Cow;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::PrimitiveArray;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use arrow_schema::DataType;
use arrow_schema::Schema;
use lakebed_codec::media::MediaKind;
use lakebed_codec::media::encode_png;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;

use crate::error::Error;
use crate::error::Result;

/// A column's place, name and type.
#[derive(Debug, Clone)]
pub(crate) struct ColumnRef {
    pub index: usize,
    pub name: String,
    pub ty: TensorType,
}

/// The columns of an Arrow schema that are of Lakebed's types, in order.
pub(crate) fn columns(schema: &Schema) -> Vec<ColumnRef> {
    let fields = schema.fields().iter().enumerate();
    let known = fields.filter_map(|(index, field)| {
        let ty = TensorType::from_field(field)?;
        Some(ColumnRef { index, name: field.name().clone(), ty })
    });
    known.collect()
}

impl ColumnRef {
    /// True for images: files, or pixels that are called images.
    pub fn is_image(&self) -> bool {
        self.ty.layout == Layout::Encoded
            || (self.ty.htype == HType::Image && self.ty.dtype == DType::U8 && self.ty.ndim() == 3)
    }

    /// An error about one row.
    pub fn refuse(&self, position: u64, reason: impl Into<String>) -> Error {
        Error::CannotWrite { column: self.name.clone(), row: Some(position), reason: reason.into() }
    }
}

/// The first column of images.
///
/// # Errors
/// [`Error::CannotWrite`] if there is none.
pub(crate) fn image_column(columns: &[ColumnRef]) -> Result<ColumnRef> {
    columns.iter().find(|column| column.is_image()).cloned().ok_or_else(|| Error::CannotWrite {
        column: "images".into(),
        row: None,
        reason: "no column holds images (encoded, or u8 [H, W, C] of htype image)".into(),
    })
}

/// The images of one batch.
pub(crate) enum Images {
    Encoded { files: BinaryViewArray, sizes: PrimitiveArray<Int32Type>, array: ArrayRef },
    Pixels(TensorArray),
}

impl Images {
    /// # Errors
    /// [`Error::Core`] if the array is not of the column's type.
    pub fn new(column: &ColumnRef, array: &ArrayRef) -> Result<Images> {
        if column.ty.layout != Layout::Encoded {
            return Ok(Images::Pixels(TensorArray::try_new(column.ty.clone(), array)?));
        }
        let wrong = || lakebed_core::Error::WrongType {
            expected: column.ty.to_string(),
            found: array.data_type().to_string(),
        };
        let parts = array.as_struct_opt().ok_or_else(wrong)?;
        let files = parts.columns().first().and_then(|data| data.as_binary_view_opt());
        let shapes = parts.columns().get(1).and_then(|shape| shape.as_fixed_size_list_opt());
        let shapes = shapes.ok_or_else(wrong)?;
        if shapes.value_length() != 3 {
            return Err(wrong().into());
        }
        let sizes = shapes.values().as_primitive_opt::<Int32Type>().ok_or_else(wrong)?;
        Ok(Images::Encoded {
            files: files.ok_or_else(wrong)?.clone(),
            sizes: sizes.clone(),
            array: ArrayRef::clone(array),
        })
    }

    /// A row's file, `None` if it is null.
    ///
    /// # Errors
    /// Pixels that PNG cannot hold.
    pub fn file(&self, row: usize) -> std::result::Result<Option<Cow<'_, [u8]>>, String> {
        match self {
            Images::Encoded { array, .. } if array.is_null(row) => Ok(None),
            Images::Encoded { files, .. } => Ok(Some(Cow::Borrowed(files.value(row)))),
            Images::Pixels(pixels) if pixels.is_null(row) => Ok(None),
            Images::Pixels(pixels) => {
                let elements = pixels.elements().as_primitive_opt::<UInt8Type>();
                let elements = elements.and_then(|e| e.values().get(pixels.range(row)));
                let elements = elements.ok_or("its pixels are not u8")?;
                let png = encode_png(&pixels.shape(row), elements).map_err(|e| e.to_string())?;
                Ok(Some(Cow::Owned(png)))
            }
        }
    }

    /// Height and width of a row's image.
    pub fn size(&self, row: usize) -> [u32; 2] {
        let fit = |size: usize| u32::try_from(size).unwrap_or(0);
        match self {
            Images::Encoded { sizes, .. } => {
                let size = |at: usize| sizes.values().get(row * 3 + at).copied().unwrap_or(0);
                [size(0), size(1)].map(|size| u32::try_from(size).unwrap_or(0))
            }
            Images::Pixels(pixels) => {
                let shape: Shape = pixels.shape(row);
                let size = |at: usize| shape.get(at).copied().map_or(0, fit);
                [size(0), size(1)]
            }
        }
    }
}

/// The extension of a file that an image column gave.
pub(crate) fn image_extension(bytes: &[u8]) -> &'static str {
    match MediaKind::detect(bytes) {
        Some(MediaKind::Png) => "png",
        _ => "jpg",
    }
}

/// Numbers of any type, read as one.
pub(crate) struct Numbers {
    pub tensor: TensorArray,
    floats: PrimitiveArray<Float64Type>,
    integers: Option<PrimitiveArray<Int64Type>>,
}

impl Numbers {
    /// # Errors
    /// [`Error::Core`] or [`Error::Arrow`] if the column holds no numbers.
    pub fn new(column: &ColumnRef, array: &ArrayRef) -> Result<Numbers> {
        let tensor = TensorArray::try_new(column.ty.clone(), array)?;
        let floats = arrow::compute::cast(tensor.elements(), &DataType::Float64)?;
        let integers = if column.ty.dtype.is_integer() {
            let cast = arrow::compute::cast(tensor.elements(), &DataType::Int64)?;
            Some(cast.as_primitive::<Int64Type>().clone())
        } else {
            None
        };
        Ok(Numbers { tensor, floats: floats.as_primitive::<Float64Type>().clone(), integers })
    }

    /// As [`Numbers::new`], of bools, which are left as bits.
    ///
    /// # Errors
    /// [`Error::Core`] if the array is not of the column's type.
    pub fn bools(column: &ColumnRef, array: &ArrayRef) -> Result<Numbers> {
        let tensor = TensorArray::try_new(column.ty.clone(), array)?;
        let floats = PrimitiveArray::<Float64Type>::from_iter_values([]);
        Ok(Numbers { tensor, floats, integers: None })
    }

    /// A row's numbers; none if it is null.
    pub fn floats(&self, row: usize) -> &[f64] {
        if self.tensor.is_null(row) {
            return &[];
        }
        self.floats.values().get(self.tensor.range(row)).unwrap_or_default()
    }

    /// A row's integers; none if it is null or holds floats.
    pub fn integers(&self, row: usize) -> &[i64] {
        let integers = self.integers.as_ref().filter(|_| !self.tensor.is_null(row));
        integers.and_then(|i| i.values().get(self.tensor.range(row))).unwrap_or_default()
    }
}
