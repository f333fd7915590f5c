//! Datasets of small JPEGs.

#![allow(dead_code, reason = "not all who use it draw")]

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BinaryViewArray;
use arrow::array::RecordBatch;
use arrow::array::StructArray;
use arrow::array::UInt64Array;
use arrow::datatypes::DataType;
use arrow::datatypes::Schema as ArrowSchema;
use lakebed_codec::media::encode_jpeg;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;

/// A JPEG of one colour of its own.
pub fn jpeg(nth: u64, height: usize, width: usize) -> Vec<u8> {
    let value = u8::try_from(nth * 7 % 256).unwrap();
    let shape = Shape::new(&[height, width, 3]).unwrap();
    encode_jpeg(&shape, &vec![value; height * width * 3], 90).unwrap()
}

/// Rows of `id` and `image`: these files, of these heights and widths.
pub async fn pictures(url: &str, files: &[(Vec<u8>, usize, usize)]) -> Dataset {
    let schema =
        Schema::new(vec![Column::scalar("id", DType::U64), Column::image("image")]).unwrap();
    let dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
    let fields: Vec<_> = dataset
        .schema()
        .columns
        .iter()
        .map(|c| TensorType::from_column(c).to_field(&c.name, c.nullable))
        .collect();
    let DataType::Struct(parts) = fields[1].data_type().clone() else { unreachable!() };
    let size = |n: usize| i32::try_from(n).unwrap();
    let shapes = files.iter().flat_map(|(_, h, w)| [size(*h), size(*w), 3]).collect();
    let shapes = shape_array(shapes, 3, files.len()).unwrap();
    let bytes = BinaryViewArray::from_iter_values(files.iter().map(|(file, ..)| file));
    let images = StructArray::new(parts, vec![Arc::new(bytes) as ArrayRef, shapes], None);
    let ids = UInt64Array::from_iter_values(0..u64::try_from(files.len()).unwrap());
    let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(images)];
    let batch = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).unwrap();
    let mut writer = dataset.append().unwrap();
    writer.write(&batch).await.unwrap();
    writer.commit("pictures").await.unwrap()
}
