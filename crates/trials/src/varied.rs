//! A dataset with columns of every layout, and its rows.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BinaryViewArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::array::StructArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt8Type;
use arrow_schema::DataType;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::Shape;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;
use lakebed_dataset::Dataset;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Result;
use lakebed_dataset::Rows;

use crate::bank;

/// A column of every layout but tiles.
pub fn varied() -> Schema {
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::text("text").nullable(),
        Column::tensor("raw", DType::F32, &[Some(5)]),
        Column::boxes("boxes", BoxFormat::Ltrb),
        Column::image("image").nullable(),
        Column::tensor("mask", DType::U8, &[None, None]).with_compression(Compression::None),
    ])
    .unwrap()
}

/// Rows `from..to` of [`varied`].
pub fn varied_rows(schema: &Schema, from: usize, to: usize) -> RecordBatch {
    let rows = from..to;
    let ty = |name: &str| TensorType::from_column(schema.column(name).unwrap());
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.clone().map(|i| i as i64)));
    let text = |i: usize| (i % 3 != 1).then(|| format!("row {i} {}", "words ".repeat(i % 5)));
    let texts: ArrayRef = Arc::new(rows.clone().map(text).collect::<StringViewArray>());
    let mut raw = TensorBuilder::<f32>::new(1);
    let mut boxes = TensorBuilder::<f32>::new(2);
    let mut mask = TensorBuilder::<u8>::new(2);
    let (mut files, mut sizes) = (Vec::new(), Vec::new());
    for i in rows {
        raw.push(&[i as f32; 5], &[5]).unwrap();
        boxes.push(&vec![i as f32; i % 3 * 4], &[i % 3, 4]).unwrap();
        mask.push(&vec![i as u8; i % 4 * 3], &[i % 4, 3]).unwrap();
        let shape = Shape::new(&[2, 3, 3]).unwrap();
        files.push(lakebed_codec::media::encode_png(&shape, &[i as u8; 18]).unwrap());
        sizes.extend([2, 3, 3]);
    }
    let DataType::Struct(fields) = ty("image").data_type() else { panic!() };
    let shapes = shape_array(sizes, 3, files.len()).unwrap();
    let files: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(&files));
    let arrays = vec![
        ids,
        texts,
        raw.finish::<Float32Type>(&ty("raw")).unwrap(),
        boxes.finish::<Float32Type>(&ty("boxes")).unwrap(),
        Arc::new(StructArray::try_new(fields, vec![files, shapes], None).unwrap()) as ArrayRef,
        mask.finish::<UInt8Type>(&ty("mask")).unwrap(),
    ];
    batch(schema, arrays)
}

/// Small JPEGs for a schema of one column of images.
pub fn album_rows(schema: &Schema, rows: usize) -> RecordBatch {
    let ty = TensorType::from_column(&schema.columns[0]);
    let DataType::Struct(fields) = ty.data_type() else { panic!() };
    let shape = Shape::new(&[8, 8, 3]).unwrap();
    let file = |i: usize| {
        let pixels: Vec<u8> = (0..192).map(|p| (p * i + i * 9) as u8).collect();
        lakebed_codec::media::encode_jpeg(&shape, &pixels, 70).unwrap()
    };
    let files: ArrayRef = Arc::new(BinaryViewArray::from_iter_values((0..rows).map(file)));
    let shapes = shape_array([8, 8, 3].repeat(rows), 3, rows).unwrap();
    let images = StructArray::try_new(fields, vec![files, shapes], None).unwrap();
    batch(schema, vec![Arc::new(images)])
}

/// Columns of a schema as a batch; the first ones, if there are fewer.
pub fn batch(schema: &Schema, arrays: Vec<ArrayRef>) -> RecordBatch {
    let field = |c: &Column| TensorType::from_column(c).to_field(&c.name, c.nullable);
    let fields: Vec<_> = schema.columns.iter().take(arrays.len()).map(field).collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

/// One commit.
pub async fn append(dataset: &Dataset, batch: &RecordBatch) -> Result<Dataset> {
    let mut writer = dataset.append()?;
    writer.write(batch).await?;
    writer.commit("rows").await
}

/// A dataset with one column of i64, `x`.
pub fn numbers() -> Schema {
    Schema::new(vec![Column::scalar("x", DType::I64)]).unwrap()
}

/// One commit of numbers.
pub async fn append_numbers(dataset: &Dataset, numbers: Vec<i64>) -> Result<Dataset> {
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
    append(dataset, &batch(dataset.schema(), vec![numbers])).await
}

/// All samples of some columns, one batch a fragment.
pub async fn read(dataset: &Dataset, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    for fragment in dataset.fragments().await?.iter() {
        let reads = bank::whole(dataset, columns)?;
        let rows = Rows::Range(0..fragment.rows);
        let request = ReadRequest { fragment: fragment.clone(), rows, columns: reads };
        batches.push(dataset.read(&request).await?);
    }
    Ok(batches)
}

/// All samples of all columns, one batch a fragment.
pub async fn read_all(dataset: &Dataset) -> Result<Vec<RecordBatch>> {
    let schema = Arc::clone(dataset.schema());
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    read(dataset, &names).await
}
