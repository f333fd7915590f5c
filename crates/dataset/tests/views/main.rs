//! Views: saved, listed, opened, kept, and copied into datasets and branches.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::print_stdout, reason = "figures of a run")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod copying;
mod resuming;
mod saving;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::array::StructArray;
use arrow::array::UInt32Array;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int64Type;
use arrow_schema::DataType;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::Shape;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Language;
use lakebed_dataset::NewView;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ViewRows;

fn schema() -> Schema {
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::text("text").nullable(),
        Column::boxes("boxes", BoxFormat::Ltrb),
        Column::image("image"),
        Column::class_label("label", vec!["cat".into(), "dog".into()]),
    ])
    .unwrap()
}

/// Small chunks and packs, so that a few rows take many of them.
fn options() -> Options {
    Options { chunk_bytes: 2048, buffer_bytes: 8192, pack_bytes: 16 * 1024, ..Options::default() }
}

fn png(row: usize) -> Vec<u8> {
    let shape = Shape::new(&[4, 5, 3]).unwrap();
    let pixels: Vec<u8> = (0..60).map(|p| (p * (row + 7) % 251) as u8).collect();
    lakebed_codec::media::encode_png(&shape, &pixels).unwrap()
}

fn rows(schema: &Schema, rows: Range<usize>) -> RecordBatch {
    let ty = |name: &str| TensorType::from_column(schema.column(name).unwrap());
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.clone().map(|i| i as i64)));
    let text = |i: usize| (i % 3 != 1).then(|| format!("row {i} {}", "words ".repeat(i % 5)));
    let texts: ArrayRef = Arc::new(rows.clone().map(text).collect::<StringViewArray>());
    let mut boxes = TensorBuilder::<f32>::new(2);
    let (mut files, mut sizes) = (Vec::new(), Vec::new());
    for i in rows.clone() {
        boxes.push(&vec![i as f32; i % 3 * 4], &[i % 3, 4]).unwrap();
        files.push(png(i));
        sizes.extend([4, 5, 3]);
    }
    let DataType::Struct(fields) = ty("image").data_type() else { panic!() };
    let shapes = shape_array(sizes, 3, files.len()).unwrap();
    let files: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(&files));
    let labels: ArrayRef = Arc::new(UInt32Array::from_iter_values(rows.map(|i| (i % 2) as u32)));
    let arrays = vec![
        ids,
        texts,
        boxes.finish::<Float32Type>(&ty("boxes")).unwrap(),
        Arc::new(StructArray::try_new(fields, vec![files, shapes], None).unwrap()) as ArrayRef,
        labels,
    ];
    let field = |c: &Column| TensorType::from_column(c).to_field(&c.name, c.nullable);
    let fields: Vec<_> = schema.columns.iter().map(field).collect();
    RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), arrays).unwrap()
}

/// A dataset of so many rows in three fragments.
async fn filled(url: &str, count: usize) -> Dataset {
    let mut dataset = Dataset::create(url, schema(), options()).await.unwrap();
    for nth in 0..3 {
        let mut writer = dataset.append().unwrap();
        let part = count * nth / 3..count * (nth + 1) / 3;
        writer.write(&rows(dataset.schema(), part)).await.unwrap();
        dataset = writer.commit("rows").await.unwrap();
    }
    dataset
}

fn view(rows: ViewRows) -> NewView {
    NewView {
        language: Language::Tql,
        query: "SELECT * FROM ds WHERE id > ? ORDER BY RANDOM()".to_string(),
        parameters: serde_json::json!([3]),
        seed: Some(42),
        rows,
        weights: None,
    }
}

fn columns(dataset: &Dataset) -> Vec<ColumnRead> {
    let columns = dataset.schema().columns.iter();
    columns.map(|column| ColumnRead { column: column.id, part: Part::Whole }).collect()
}

/// All rows in order.
async fn all(dataset: &Dataset) -> RecordBatch {
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    dataset.take(&positions, &columns(dataset)).await.unwrap()
}

fn ids(batch: &RecordBatch) -> Vec<i64> {
    batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec()
}

/// The files of the images as they are stored.
fn files(batch: &RecordBatch) -> Vec<Vec<u8>> {
    let images = batch.column_by_name("image").unwrap().as_struct();
    let files = images.column(0).as_binary_view();
    assert_eq!(files.null_count(), 0);
    files.iter().flatten().map(<[u8]>::to_vec).collect()
}
