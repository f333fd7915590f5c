//! Lakebed's way: through the public API, as a program would.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::Array;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::FixedSizeListArray;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StructArray;
use datafusion::arrow::array::builder::BinaryViewBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Field;
use datafusion::arrow::datatypes::Float32Type;
use datafusion::arrow::datatypes::Schema as ArrowSchema;
use futures::TryStreamExt;
use lakebed::core::Schema;
use lakebed::core::TensorBuilder;
use lakebed::core::TensorType;
use lakebed::core::tensor_builder::shape_array;
use lakebed::dataset::ColumnRead;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::dataset::Part;
use lakebed::dataset::ReadRequest;
use lakebed::dataset::Rows;
use lakebed::engine::Language;
use lakebed::engine::Session;
use tokio::runtime::Runtime;

use crate::data::boxes::Four;
use crate::way::Answer;
use crate::way::Sample;
use crate::way::Way;

/// The batch of some columns in the order of the schema.
pub fn batch(schema: &Schema, columns: Vec<ArrayRef>) -> RecordBatch {
    let fields: Vec<Field> = schema
        .columns
        .iter()
        .map(|column| TensorType::from_column(column).to_field(&column.name, false))
        .collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).unwrap()
}

/// Encoded images of 32 x 32 pixels.
pub fn images<'a>(schema: &Schema, name: &str, images: impl Iterator<Item = &'a [u8]>) -> ArrayRef {
    let mut data = BinaryViewBuilder::new();
    images.for_each(|image| data.append_value(image));
    let data = data.finish();
    let shapes = shape_array([32, 32, 3].repeat(data.len()), 3, data.len()).unwrap();
    let ty = TensorType::from_column(schema.column(name).unwrap());
    let DataType::Struct(parts) = ty.data_type() else { unreachable!("an encoded column") };
    Arc::new(StructArray::new(parts, vec![Arc::new(data), shapes], None))
}

/// Boxes, any number a row.
pub fn boxes(schema: &Schema, name: &str, counts: &[usize], boxes: &[Four]) -> ArrayRef {
    let mut builder = TensorBuilder::<f32>::new(2);
    let mut begin = 0;
    for count in counts {
        let row = boxes[begin..begin + count].as_flattened();
        builder.push(row, &[*count, 4]).unwrap();
        begin += count;
    }
    let ty = TensorType::from_column(schema.column(name).unwrap());
    builder.finish::<Float32Type>(&ty).unwrap()
}

/// Tensors of one shape from their elements.
pub fn fixed(elements: ArrayRef, size: usize) -> ArrayRef {
    let item = Arc::new(Field::new_list_field(elements.data_type().clone(), false));
    Arc::new(FixedSizeListArray::new(item, size as i32, elements, None))
}

/// Writes a dataset in one commit.
pub fn write(
    runtime: &Runtime,
    path: &Path,
    schema: Schema,
    batches: impl Iterator<Item = RecordBatch>,
) -> Dataset {
    runtime.block_on(async {
        let url = path.to_str().unwrap();
        let dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
        let mut writer = dataset.append().unwrap();
        for batch in batches {
            writer.write(&batch).await.unwrap();
        }
        writer.commit("rows").await.unwrap()
    })
}

/// A session of 2 partitions over some datasets.
pub fn session(tables: &[(&str, &Dataset)]) -> Session {
    let session = Session::builder().partitions(2).build().unwrap();
    for (name, dataset) in tables {
        session.register(name, (*dataset).clone());
    }
    session
}

/// Runs a query. `Query::stream` optimizes, plans physically and starts the scan at once: all of it
/// counts as execution here, since work that has started would otherwise pass as planning. Parquet's
/// physical planning is not in its execution, so this never favours Lakebed.
pub fn query<'a>(
    runtime: &'a Runtime,
    tables: &[(&str, &Dataset)],
    language: Language,
    text: &str,
    answer: fn(&[RecordBatch]) -> Answer,
) -> Way<'a> {
    let session = session(tables);
    let text = text.to_string();
    let datasets: Vec<Dataset> = tables.iter().map(|(_, dataset)| (*dataset).clone()).collect();
    Box::new(move |check| {
        let before = traffic(&datasets);
        let (planning, took, batches) = runtime.block_on(async {
            let begin = Instant::now();
            let query = session.query(language, &text).await.unwrap();
            let planning = begin.elapsed();
            let stream = query.stream().await.unwrap();
            let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
            (planning, begin.elapsed() - planning, batches)
        });
        let after = traffic(&datasets);
        Sample {
            planning: Some(planning),
            took,
            requests: Some(after.0 - before.0),
            bytes: Some(after.1 - before.1),
            answer: check.then(|| answer(&batches)),
        }
    })
}

/// Requests that read, and bytes read, of some datasets so far.
pub fn traffic(datasets: &[Dataset]) -> (u64, u64) {
    datasets.iter().fold((0, 0), |(requests, bytes), dataset| {
        let counts = dataset.metrics().snapshot();
        (requests + counts.reads(), bytes + counts.bytes_read)
    })
}

/// Reads a column's samples of some rows by `Dataset::read`: all in one call, or a call a row.
pub fn take<'a>(
    runtime: &'a Runtime,
    dataset: &Dataset,
    column: &str,
    rows: &'a [usize],
    one_call: bool,
    answer: fn(&[RecordBatch]) -> Answer,
) -> Way<'a> {
    let column = dataset.schema().column(column).unwrap().id;
    let dataset = dataset.clone();
    Box::new(move |check| {
        let before = traffic(std::slice::from_ref(&dataset));
        let begin = Instant::now();
        let batches: Vec<RecordBatch> = runtime.block_on(async {
            let fragments = dataset.fragments().await.unwrap();
            assert_eq!(fragments.len(), 1, "one commit");
            let read = async |rows: Vec<u64>| {
                let columns = vec![ColumnRead { column, part: Part::Whole }];
                let fragment = fragments[0].clone();
                let request = ReadRequest { fragment, rows: Rows::List(rows), columns };
                dataset.read(&request).await.unwrap()
            };
            if one_call {
                return vec![read(rows.iter().map(|row| *row as u64).collect()).await];
            }
            let mut batches = Vec::with_capacity(rows.len());
            for row in rows {
                batches.push(read(vec![*row as u64]).await);
            }
            batches
        });
        let took = begin.elapsed();
        let after = traffic(std::slice::from_ref(&dataset));
        Sample {
            planning: None,
            took,
            requests: Some(after.0 - before.0),
            bytes: Some(after.1 - before.1),
            answer: check.then(|| answer(&batches)),
        }
    })
}
