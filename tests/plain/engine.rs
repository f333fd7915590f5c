//! The engine's side: the rows as a dataset in memory, and Arrow's cells as plain values.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::array::AsArray;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::compute::cast;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow_schema::DataType;
use arrow_schema::Field;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Layout;
use lakebed::core::Schema;
use lakebed::core::Shape;
use lakebed::core::TensorArray;
use lakebed::core::TensorBuilder;
use lakebed::core::TensorType;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Session;
use ndarray::ArrayD;

use crate::rows;

use super::expression::Row;
use super::generate::Cells;
use super::generate::Table;
use super::value::Numbers;
use super::value::Value;
use super::value::scalar;

fn schema() -> Schema {
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::scalar("n", DType::I64).nullable(),
        Column::scalar("x", DType::F64).nullable(),
        Column::tensor("vec", DType::F32, &[Some(3)]),
        Column::tensor("mat", DType::I32, &[Some(2), Some(3)]).nullable(),
        Column::tensor("labels", DType::I32, &[None]).nullable(),
        Column::tensor("boxes", DType::F32, &[None, Some(4)]).nullable(),
    ])
    .unwrap()
}

/// Samples of a column whose last dimension is `width`, or that has one dimension if there is none.
fn tensors<P: ArrowPrimitiveType>(
    ty: &TensorType,
    samples: Vec<Option<&Vec<P::Native>>>,
    width: Option<usize>,
) -> ArrayRef
where
    P::Native: Default,
{
    let mut builder = TensorBuilder::<P::Native>::new(ty.ndim());
    let fixed: Option<Vec<usize>> = ty.dims.iter().map(|dim| dim.map(|dim| dim as usize)).collect();
    for sample in samples {
        match (sample, width) {
            (Some(sample), None) => builder.push(sample, &[sample.len()]).unwrap(),
            (Some(sample), Some(width)) => {
                builder.push(sample, &[sample.len() / width, width]).unwrap();
            }
            (None, _) => {
                let placeholder = fixed.as_ref().map(|dims| Shape::new(dims).unwrap());
                builder.push_null(placeholder.as_ref()).unwrap();
            }
        }
    }
    builder.finish::<P>(ty).unwrap()
}

fn arrays(cells: &[Cells], first_id: i64) -> Vec<ArrayRef> {
    let types = rows::types(&schema());
    let ids: Int64Array = (first_id..).take(cells.len()).collect();
    let n: Int64Array = cells.iter().map(|row| row.n).collect();
    let x: Float64Array = cells.iter().map(|row| row.x).collect();
    vec![
        Arc::new(ids),
        Arc::new(n),
        Arc::new(x),
        tensors::<Float32Type>(&types[3], cells.iter().map(|row| Some(&row.vec)).collect(), None),
        tensors::<Int32Type>(
            &types[4],
            cells.iter().map(|row| row.mat.as_ref()).collect(),
            Some(3),
        ),
        tensors::<Int32Type>(
            &types[5],
            cells.iter().map(|row| row.labels.as_ref()).collect(),
            None,
        ),
        tensors::<Float32Type>(
            &types[6],
            cells.iter().map(|row| row.boxes.as_ref()).collect(),
            Some(4),
        ),
    ]
}

/// A session over the rows; `id` is the position.
pub async fn session(table: &Table) -> Session {
    static DATASETS: AtomicUsize = AtomicUsize::new(0);
    let url = format!("mem://plain-{}", DATASETS.fetch_add(1, Ordering::Relaxed));
    let mut dataset = Dataset::create(&url, schema(), Options::default()).await.unwrap();
    let (before, after) = table.rows.split_at(table.first);
    for (cells, first_id) in [(before, 0), (after, before.len())] {
        if cells.is_empty() {
            continue;
        }
        let batch = rows::batch(&schema(), arrays(cells, first_id as i64));
        let mut writer = dataset.append().unwrap();
        writer.write(&batch).await.unwrap();
        dataset = writer.commit("rows").await.unwrap();
    }
    let builder = Session::builder().partitions(table.partitions).batch_size(table.batch_size);
    let session = builder.build().unwrap();
    session.set_current(dataset);
    session
}

/// A row as the plain evaluator takes it.
pub fn row(cells: &Cells) -> Row {
    let of = |numbers: Option<Numbers>| numbers.map_or(Value::Null, Value::Numbers);
    let shaped = |shape: &[usize], elements: &Vec<f32>| {
        Numbers::F32(ArrayD::from_shape_vec(shape, elements.clone()).unwrap())
    };
    let integers = |shape: &[usize], elements: &Vec<i32>| {
        let elements = elements.iter().map(|x| i64::from(*x)).collect();
        Numbers::Int(ArrayD::from_shape_vec(shape, elements).unwrap())
    };
    let boxes = cells.boxes.as_ref().map(|boxes| shaped(&[boxes.len() / 4, 4], boxes));
    let labels = cells.labels.as_ref().map(|labels| integers(&[labels.len()], labels));
    Row::from([
        ("n", of(cells.n.map(|n| Numbers::Int(scalar(n))))),
        ("x", of(cells.x.map(|x| Numbers::F64(scalar(x))))),
        ("vec", of(Some(shaped(&[3], &cells.vec)))),
        ("mat", of(cells.mat.as_ref().map(|mat| integers(&[2, 3], mat)))),
        ("labels", of(labels)),
        ("boxes", of(boxes)),
    ])
}

/// The only column of a query's answer, or the error's text.
pub async fn answer(session: &Session, query: &str) -> Result<Vec<Value>, String> {
    let query = session.tql(query).await.map_err(|error| error.to_string())?;
    let batches = query.collect().await.map_err(|error| error.to_string())?;
    let mut values = Vec::new();
    for batch in batches {
        assert_eq!(batch.num_columns(), 1);
        values.extend(cells(batch.schema().field(0), batch.column(0)));
    }
    Ok(values)
}

fn cells(field: &Field, array: &ArrayRef) -> Vec<Value> {
    let count = array.len();
    if array.data_type() == &DataType::Null {
        return vec![Value::Null; count];
    }
    let ty = TensorType::from_field(field).unwrap();
    let value = |at: usize, numbers: &dyn Fn() -> Numbers| match array.is_null(at) {
        true => Value::Null,
        false => Value::Numbers(numbers()),
    };
    match ty.layout {
        Layout::Scalar => {
            (0..count).map(|at| value(at, &|| numbers(&[], &array.slice(at, 1)))).collect()
        }
        Layout::Fixed | Layout::Ragged => {
            let tensors = TensorArray::try_new(ty, array).unwrap();
            let of = |at: usize| {
                let range = tensors.range(at);
                let elements = tensors.elements().slice(range.start, range.len());
                numbers(&tensors.shape(at), &elements)
            };
            (0..count).map(|at| value(at, &|| of(at))).collect()
        }
        other => panic!("{other:?} is no layout of numbers"),
    }
}

fn numbers(shape: &[usize], elements: &ArrayRef) -> Numbers {
    assert_eq!(elements.null_count(), 0, "elements are not null");
    match elements.data_type() {
        DataType::Boolean => {
            let bools = elements.as_boolean().values().iter().collect();
            Numbers::Bool(ArrayD::from_shape_vec(shape, bools).unwrap())
        }
        DataType::Float32 => {
            let floats = elements.as_primitive::<Float32Type>().values().to_vec();
            Numbers::F32(ArrayD::from_shape_vec(shape, floats).unwrap())
        }
        DataType::Float64 => {
            let floats = elements.as_primitive::<Float64Type>().values().to_vec();
            Numbers::F64(ArrayD::from_shape_vec(shape, floats).unwrap())
        }
        other => {
            assert!(other.is_integer(), "{other} is no number");
            let integers = cast(elements, &DataType::Int64).unwrap();
            let integers = integers.as_primitive::<Int64Type>().values().to_vec();
            Numbers::Int(ArrayD::from_shape_vec(shape, integers).unwrap())
        }
    }
}
