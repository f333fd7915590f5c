//! The dataset that the tests ask about.
//!
//! | position | id | score | label | labels         | name  | meta                       | boxes |
//! |----------|----|-------|-------|----------------|-------|----------------------------|-------|
//! | 0        | 3  | 0.5   | dog   | WBC, RBC       | alpha | {"k":1,"tags":["a","b"]}   | 2     |
//! | 1        | 1  | null  | cat   |                |       | {"k":"x"}                  | 0     |
//! | 2        | 2  | 2.5   | dog   | RBC            | null  | {}                         | 1     |
//! | 3        | 5  | NaN   | bird  | Plt, WBC, WBC  | beta  | null                       | 3     |
//! | 4        | 4  | -1    | cat   | WBC            | Alpha | {"k":2.5}                  | 1     |
//!
//! Box j of row i is `[10 i + j, 1, 2, 3]`; the picture of row i is 4 x 5 pixels of `10 (i + 1)`,
//! its red corner (0, 0) 255; row 2 has none.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::BinaryViewArray;
use datafusion::arrow::array::Float32Array;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StringViewArray;
use datafusion::arrow::array::StructArray;
use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Float32Type;
use datafusion::arrow::datatypes::UInt32Type;
use lakebed::codec::media::encode_png;
use lakebed::core::BoxFormat;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::core::Shape;
use lakebed::core::TensorBuilder;
use lakebed::core::TensorType;
use lakebed::core::tensor_builder::shape_array;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Language;
use lakebed::engine::Query;
use lakebed::engine::Session;
use lakebed::engine::result::Cells;
use serde_json::Map;
use serde_json::Value;

use super::rows;

fn schema() -> Schema {
    let classes = |names: [&str; 3]| names.map(String::from).to_vec();
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::scalar("score", DType::F32).nullable(),
        Column::class_label("label", classes(["cat", "dog", "bird"])),
        Column::class_labels("labels", classes(["RBC", "WBC", "Plt"])),
        Column::text("name").nullable(),
        Column::json("meta").nullable(),
        Column::boxes("boxes", BoxFormat::Ltrb),
        Column::tensor("vec", DType::F32, &[Some(3)]),
        Column::image("images").nullable(),
    ])
    .unwrap()
}

/// The picture file of a row.
pub fn picture(row: usize) -> Vec<u8> {
    let mut pixels = vec![u8::try_from(10 * (row + 1)).unwrap(); 4 * 5 * 3];
    pixels[0] = 255;
    encode_png(&Shape::new(&[4, 5, 3]).unwrap(), &pixels).unwrap()
}

fn images(rows: std::ops::Range<usize>, ty: &TensorType) -> ArrayRef {
    let files: Vec<Vec<u8>> =
        rows.clone().map(|row| if row == 2 { Vec::new() } else { picture(row) }).collect();
    let sizes = rows.clone().flat_map(|row| if row == 2 { [0; 3] } else { [4, 5, 3] }).collect();
    let valid: Vec<bool> = rows.clone().map(|row| row != 2).collect();
    let DataType::Struct(fields) = ty.data_type() else { panic!("an image is a struct") };
    let parts: Vec<ArrayRef> = vec![
        Arc::new(BinaryViewArray::from_iter_values(&files)),
        shape_array(sizes, 3, rows.len()).unwrap(),
    ];
    Arc::new(StructArray::new(fields, parts, Some(NullBuffer::from(valid))))
}

fn batch(rows: std::ops::Range<usize>) -> RecordBatch {
    let schema = schema();
    let types = rows::types(&schema);
    let ids = [3, 1, 2, 5, 4];
    let scores = [Some(0.5), None, Some(2.5), Some(f32::NAN), Some(-1.0)];
    let label = [1, 0, 1, 2, 0];
    let labels: [&[u32]; 5] = [&[1, 0], &[], &[0], &[2, 1, 1], &[1]];
    let names = [Some("alpha"), Some(""), None, Some("beta"), Some("Alpha")];
    let meta = [
        Some(r#"{"k":1,"tags":["a","b"]}"#),
        Some(r#"{"k":"x"}"#),
        Some("{}"),
        None,
        Some(r#"{"k":2.5}"#),
    ];
    let boxes = [2usize, 0, 1, 3, 1];
    let vectors = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [0.0; 3], [-1.0, -2.0, -3.0], [0.5; 3]];

    let mut some_labels = TensorBuilder::<u32>::new(1);
    let mut some_boxes = TensorBuilder::<f32>::new(2);
    let mut some_vectors = TensorBuilder::<f32>::new(1);
    for row in rows.clone() {
        some_labels.push(labels[row], &[labels[row].len()]).unwrap();
        let flat: Vec<f32> =
            (0..boxes[row]).flat_map(|j| [(10 * row + j) as f32, 1.0, 2.0, 3.0]).collect();
        some_boxes.push(&flat, &[boxes[row], 4]).unwrap();
        some_vectors.push(&vectors[row], &[3]).unwrap();
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids[rows.clone()].to_vec())),
        Arc::new(Float32Array::from(scores[rows.clone()].to_vec())),
        Arc::new(UInt32Array::from(label[rows.clone()].to_vec())),
        some_labels.finish::<UInt32Type>(&types[3]).unwrap(),
        Arc::new(StringViewArray::from(names[rows.clone()].to_vec())),
        Arc::new(StringViewArray::from(meta[rows.clone()].to_vec())),
        some_boxes.finish::<Float32Type>(&types[6]).unwrap(),
        some_vectors.finish::<Float32Type>(&types[7]).unwrap(),
        images(rows, &types[8]),
    ];
    rows::batch(&schema, columns)
}

/// The dataset in memory, rows 0 to 2 in entry 1, rows 3 and 4 in entry 2. `name` keeps tests apart.
pub async fn dataset(name: &str) -> Dataset {
    let url = format!("mem://query-{name}");
    let empty = Dataset::create(&url, schema(), Options::default()).await.unwrap();
    let mut writer = empty.append().unwrap();
    writer.write(&batch(0..3)).await.unwrap();
    let first = writer.commit("three rows").await.unwrap();
    let mut writer = first.append().unwrap();
    writer.write(&batch(3..5)).await.unwrap();
    writer.commit("two rows").await.unwrap()
}

/// A session whose current dataset is that one.
pub async fn session(name: &str) -> Session {
    let session = Session::builder().partitions(4).build().unwrap();
    session.set_current(dataset(name).await);
    session
}

/// The result as JSON: each column's name with its values.
pub async fn table(query: &Query) -> Value {
    let batches = query.collect().await.unwrap_or_else(|error| panic!("{error}"));
    let mut columns: Map<String, Value> = Map::new();
    for field in query.schema().fields() {
        columns.insert(field.name().clone(), Value::Array(Vec::new()));
    }
    for batch in batches {
        for (field, cells) in batch.schema().fields().iter().zip(Cells::of_batch(&batch).unwrap()) {
            let values = (0..cells.len()).map(|row| cells.json(row));
            columns[field.name()].as_array_mut().unwrap().extend(values);
        }
    }
    Value::Object(columns)
}

/// The answer of a TQL query.
pub async fn tql(session: &Session, text: &str) -> Value {
    answer(session, Language::Tql, text).await
}

/// The answer of an SQL query.
pub async fn sql(session: &Session, text: &str) -> Value {
    answer(session, Language::Sql, text).await
}

async fn answer(session: &Session, language: Language, text: &str) -> Value {
    match session.query(language, text).await {
        Ok(query) => table(&query).await,
        Err(error) => panic!("{}", error.render(text)),
    }
}

/// The ids that a condition keeps, in order.
pub async fn ids(session: &Session, condition: &str) -> Vec<i64> {
    let text = format!("SELECT id WHERE {condition}");
    let answer = tql(session, &text).await;
    answer["id"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}
