//! Between the model's values and Arrow.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int64Type;
use lakebed_core as core;
use lakebed_core::DType;
use lakebed_core::TensorArray;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;

use super::world::Column;
use super::world::Kind;
use super::world::Row;
use super::world::State;
use super::world::Value;

pub fn definition(column: &Column) -> core::Column {
    match column.kind {
        Kind::Key => core::Column::scalar(&column.name, DType::I64),
        Kind::Boxes => core::Column::tensor(&column.name, DType::F32, &[None, Some(2)]),
        Kind::Text => core::Column::text(&column.name).nullable(),
        Kind::Extra(fill) => {
            core::Column::scalar(&column.name, DType::I64).with_fill(serde_json::json!(fill))
        }
    }
}

/// Some columns of some rows.
pub fn batch(dataset: &Dataset, columns: &[Column], rows: &[Row]) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for column in columns {
        let stored = dataset.schema().column(&column.name).unwrap();
        let ty = TensorType::from_column(stored);
        fields.push(ty.to_field(&stored.name, stored.nullable));
        let cells = rows.iter().map(|row| row.get(&column.id).unwrap_or(&Value::Null));
        arrays.push(match column.kind {
            Kind::Key | Kind::Extra(_) => {
                let ints = cells.map(|cell| match cell {
                    Value::Int(value) => Some(*value),
                    _ => None,
                });
                Arc::new(ints.collect::<Int64Array>()) as ArrayRef
            }
            Kind::Text => {
                let texts = cells.map(|cell| match cell {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                });
                Arc::new(texts.collect::<StringViewArray>())
            }
            Kind::Boxes => {
                let mut builder = TensorBuilder::<f32>::new(2);
                for cell in cells {
                    let Value::Boxes(boxes) = cell else { panic!("{cell:?}") };
                    builder.push(&boxes.concat(), &[boxes.len(), 2]).unwrap();
                }
                builder.finish::<Float32Type>(&ty).unwrap()
            }
        });
    }
    let schema = Arc::new(arrow_schema::Schema::new(fields));
    RecordBatch::try_new(schema, arrays).unwrap()
}

fn values(kind: Kind, dataset: &Dataset, name: &str, array: &ArrayRef) -> Vec<Value> {
    (0..array.len())
        .map(|row| {
            if array.is_null(row) {
                return Value::Null;
            }
            match kind {
                Kind::Key | Kind::Extra(_) => {
                    Value::Int(array.as_primitive::<Int64Type>().value(row))
                }
                Kind::Text => Value::Text(array.as_string_view().value(row).to_string()),
                Kind::Boxes => {
                    let ty = TensorType::from_column(dataset.schema().column(name).unwrap());
                    let tensors = TensorArray::try_new(ty, array).unwrap();
                    let elements = tensors.elements().as_primitive::<Float32Type>();
                    let sample = &elements.values()[tensors.range(row)];
                    Value::Boxes(sample.chunks_exact(2).map(|c| [c[0], c[1]]).collect())
                }
            }
        })
        .collect()
}

fn reads(dataset: &Dataset) -> Vec<ColumnRead> {
    let columns = dataset.schema().columns.iter();
    columns.map(|column| ColumnRead { column: column.id, part: Part::Whole }).collect()
}

/// Compares a snapshot with a state in every way that reads rows.
pub async fn check(dataset: &Dataset, state: &State, random: &mut impl FnMut(usize) -> usize) {
    assert_eq!(dataset.num_rows(), state.rows.len() as u64, "number of rows");
    let names: Vec<&str> = dataset.schema().columns.iter().map(|c| c.name.as_str()).collect();
    let expected: Vec<&str> = state.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, expected, "columns");
    let row = |at: usize| -> Vec<Value> {
        let (_, row) = &state.rows[at];
        state.columns.iter().map(|column| state.cell(row, column)).collect()
    };
    // Everything, fragment by fragment, a few rows at a time.
    let mut at = 0;
    for fragment in dataset.fragments().await.unwrap().iter() {
        assert_eq!(fragment.first_position, at as u64, "positions");
        let mut first = 0;
        while first < fragment.rows {
            let rows = first..fragment.rows.min(first + 1 + random(7) as u64);
            let request = ReadRequest {
                fragment: fragment.clone(),
                rows: Rows::Range(rows.clone()),
                columns: reads(dataset),
            };
            let batch = dataset.read(&request).await.unwrap();
            let count = (rows.end - rows.start) as usize;
            compare(dataset, state, &batch, &(at..at + count).map(row).collect::<Vec<_>>());
            (first, at) = (rows.end, at + count);
        }
        bounds(dataset, fragment, &state.rows[at - fragment.rows as usize..at], state).await;
    }
    assert_eq!(at, state.rows.len());
    // Ids and positions, both ways.
    let positions: Vec<u64> = (0..state.rows.len() as u64).collect();
    let ids: Vec<u64> = state.rows.iter().map(|(id, _)| *id).collect();
    assert_eq!(dataset.row_ids_at(&positions).await.unwrap(), ids);
    let found = dataset.positions_of(&ids).await.unwrap();
    assert_eq!(found, positions.iter().copied().map(Some).collect::<Vec<_>>());
    assert_eq!(dataset.positions_of(&[1 << 50]).await.unwrap(), [None]);
    // Points, in any order and more than once.
    if !ids.is_empty() {
        let some: Vec<u64> = (0..5).map(|_| random(ids.len()) as u64).collect();
        let batch = dataset.take(&some, &reads(dataset)).await.unwrap();
        let rows: Vec<Vec<Value>> = some.iter().map(|at| row(*at as usize)).collect();
        compare(dataset, state, &batch, &rows);
    }
}

fn compare(dataset: &Dataset, state: &State, batch: &RecordBatch, rows: &[Vec<Value>]) {
    assert_eq!(batch.num_rows(), rows.len());
    for (nth, column) in state.columns.iter().enumerate() {
        let got = values(column.kind, dataset, &column.name, batch.column(nth));
        let want: Vec<Value> = rows.iter().map(|row| row[nth].clone()).collect();
        assert_eq!(got, want, "column {}", column.name);
    }
}

/// What pruning relies on: no value outside of its chunk's statistics.
async fn bounds(
    dataset: &Dataset,
    fragment: &lakebed_dataset::Fragment,
    rows: &[(u64, Row)],
    state: &State,
) {
    for column in &state.columns {
        let id = dataset.schema().column(&column.name).unwrap().id;
        let Some(chunks) = dataset.chunks(fragment, id).await.unwrap() else { continue };
        assert_eq!(chunks.first_rows.last(), Some(&fragment.rows), "{}", column.name);
        assert_eq!(chunks.stats.len() + 1, chunks.first_rows.len());
        let all: Vec<usize> = (0..chunks.stats.len()).collect();
        let pages = dataset.pages(fragment, id, &all).await.unwrap().unwrap();
        for chunks in [chunks, pages] {
            for (ends, stats) in chunks.first_rows.windows(2).zip(&chunks.stats) {
                for (_, row) in &rows[ends[0] as usize..ends[1] as usize] {
                    hold(&state.cell(row, column), stats);
                }
            }
        }
    }
}

fn hold(value: &Value, stats: &lakebed_dataset::Stats) {
    use lakebed_dataset::Scalar;
    match value {
        Value::Null => assert!(stats.nulls > 0, "{stats:?}"),
        Value::Int(value) => {
            assert!(stats.nulls < stats.rows, "{stats:?}");
            if let (Some(Scalar::Int(min)), Some(Scalar::Int(max))) = (&stats.min, &stats.max) {
                assert!((min..=max).contains(&value), "{value} {stats:?}");
            }
        }
        Value::Boxes(boxes) => {
            let count = boxes.len() as u32;
            assert!((stats.shape_min[0]..=stats.shape_max[0]).contains(&count), "{stats:?}");
            assert!(stats.empties > 0 || count > 0, "{stats:?}");
        }
        Value::Text(text) => assert!(!text.is_empty() || stats.empties > 0),
    }
}
