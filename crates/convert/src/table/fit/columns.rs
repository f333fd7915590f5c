//! Which column a field of another program becomes.

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::FieldRef;
use arrow_schema::TimeUnit;
use lakebed_codec::media::MediaKind;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::Layout;
use lakebed_core::TensorType;

/// The column that a field becomes; `None` if it has no form here.
pub(super) fn column_of(field: &Field, sample: Option<&ArrayRef>) -> Option<Column> {
    let name = field.name();
    let ty = TensorType::from_field(field);
    let mut column = match (&ty, field.data_type()) {
        (Some(ty), DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
            if ty.htype == HType::Image || sample.is_some_and(looks_like_images) =>
        {
            Column::image(name)
        }
        (Some(ty), _) if matches!(ty.layout, Layout::Sequence(_)) => list_column(name, field, ty)?,
        (Some(ty), _) => {
            let mut column = Column::tensor(name, ty.dtype.clone(), &ty.dims);
            if ty.layout == Layout::Encoded {
                column.compression = Compression::Encoded;
            }
            with_meaning(column, ty)
        }
        (None, data_type) => match data_type {
            DataType::Dictionary(_, value) => {
                return column_of(&Field::new(name, DataType::clone(value), true), None);
            }
            DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item) => {
                let list = Field::new(name, DataType::List(FieldRef::clone(item)), true);
                return column_of(&list, None);
            }
            DataType::FixedSizeBinary(_) => Column::scalar(name, DType::Bytes),
            DataType::Date64 => Column::scalar(name, DType::Timestamp(TimeUnit::Millisecond, None)),
            DataType::Time32(_) => Column::scalar(name, DType::Time),
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => {
                Column::scalar(name, DType::Decimal(*p, *s))
            }
            DataType::Null => Column::text(name),
            DataType::List(_) => {
                let (leaf, ndim) = leaf(data_type, 0);
                let dtype = DType::from_arrow(leaf).filter(DType::is_tensor_element)?;
                Column::tensor(name, dtype, &vec![None; ndim])
            }
            _ => return None,
        },
    };
    // Other programs declare everything nullable; only a promise that there is none is kept.
    column.nullable = field.is_nullable();
    column.validate().is_ok().then_some(column)
}

/// Meaning, classes and box format as the field's metadata say.
fn with_meaning(mut column: Column, ty: &TensorType) -> Column {
    if ty.htype != HType::Generic {
        column.htype = ty.htype;
    }
    column.classes = ty.classes.to_vec();
    column.box_format = ty.box_format;
    column
}

/// Lists of numbers are tensors, unless the field says that they are a sequence of something.
fn list_column(name: &str, field: &Field, ty: &TensorType) -> Option<Column> {
    let Layout::Sequence(inner) = &ty.layout else { return None };
    let (element, ndim) = leaf(field.data_type(), 0);
    let numbers = DType::from_arrow(element).is_some_and(|dtype| dtype.is_tensor_element());
    if numbers && inner.htype == HType::Generic {
        let dtype = DType::from_arrow(element)?;
        return Some(with_meaning(Column::tensor(name, dtype, &vec![None; ndim]), ty));
    }
    let mut column = Column::tensor(name, inner.dtype.clone(), &inner.dims);
    if inner.layout == Layout::Encoded {
        column.compression = Compression::Encoded;
    }
    Some(with_meaning(column, inner).sequence())
}

/// What nested lists hold, and how deep.
fn leaf(data_type: &DataType, depth: usize) -> (&DataType, usize) {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            leaf(item.data_type(), depth + 1)
        }
        other => (other, depth),
    }
}

/// True if the first values that are there begin like JPEG or PNG.
fn looks_like_images(array: &ArrayRef) -> bool {
    let Ok(array) = cast(array, &DataType::BinaryView) else { return false };
    let files = array.as_binary_view();
    let mut some = files.iter().flatten().take(16).peekable();
    some.peek().is_some() && some.all(|file| MediaKind::detect(file).is_some())
}
