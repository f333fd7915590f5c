//! Many small appends of one process: few commits, and every caller's rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::print_stdout, reason = "figures of a run")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StructArray;
use arrow::datatypes::Int64Type;
use arrow_schema::DataType;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;
use lakebed_dataset::Appended;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_store::Fault;
use lakebed_store::Faulty;
use lakebed_store::Meter;
use lakebed_store::Operation;
use lakebed_store::Rule;
use lakebed_store::Store;

const CALLERS: i64 = 200;

fn schema() -> Schema {
    Schema::new(vec![Column::image("image"), Column::scalar("x", DType::I64)]).unwrap()
}

fn picture() -> Vec<u8> {
    let shape = Shape::new(&[2, 3, 3]).unwrap();
    lakebed_codec::media::encode_png(&shape, &[9; 18]).unwrap()
}

/// Some rows of a caller.
fn rows(caller: i64, count: i64) -> RecordBatch {
    numbered((0..count).map(|n| Some(caller * 10 + n)).collect())
}

/// Rows of which the last lacks what it must have: their images are fine, and come first.
fn unfit(caller: i64) -> RecordBatch {
    numbered(vec![Some(caller * 10), None])
}

fn numbered(numbers: Vec<Option<i64>>) -> RecordBatch {
    let schema = schema();
    let ty = TensorType::from_column(&schema.columns[0]);
    let DataType::Struct(fields) = ty.data_type() else { panic!() };
    let count = numbers.len();
    let files: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(vec![picture(); count]));
    let shapes = shape_array([2, 3, 3].repeat(count), 3, count).unwrap();
    let images = StructArray::try_new(fields, vec![files, shapes], None).unwrap();
    let numbers = Int64Array::from(numbers);
    let field = |c: &Column| TensorType::from_column(c).to_field(&c.name, true);
    let fields: Vec<_> = schema.columns.iter().map(field).collect();
    let arrays: Vec<ArrayRef> = vec![Arc::new(images), Arc::new(numbers)];
    RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), arrays).unwrap()
}

async fn numbers(dataset: &Dataset, row_ids: &[u64]) -> Vec<i64> {
    let positions = dataset.positions_of(row_ids).await.unwrap();
    let positions: Vec<u64> = positions.into_iter().map(Option::unwrap).collect();
    let read = [ColumnRead { column: dataset.schema().column("x").unwrap().id, part: Part::Whole }];
    let batch = dataset.take(&positions, &read).await.unwrap();
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

/// The rows that a caller was told of are its own, in the version that it was told.
async fn check(caller: i64, appended: &Appended) {
    let ids: Vec<u64> = appended.row_ids.clone().collect();
    let expected: Vec<i64> = (0..1 + caller % 3).map(|n| caller * 10 + n).collect();
    assert_eq!(numbers(&appended.dataset, &ids).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_that_come_together_share_commits_and_the_unfit_fail_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("ds").to_str().unwrap().to_string();
    let dataset = Dataset::create(&url, schema(), Options::default()).await.unwrap();
    let appender = dataset.appender("small").unwrap();
    let is_unfit = |caller: i64| caller % 50 == 7;
    let mut tasks = Vec::new();
    for caller in 0..CALLERS {
        let appender = appender.clone();
        let batch = if is_unfit(caller) { unfit(caller) } else { rows(caller, 1 + caller % 3) };
        tasks.push(tokio::spawn(async move { appender.append(batch).await }));
    }
    let (mut refused, mut count) = (0, 0);
    for (caller, task) in (0..).zip(tasks) {
        match task.await.unwrap() {
            Ok(appended) => {
                assert!(!is_unfit(caller));
                check(caller, &appended).await;
                count += appended.row_ids.end - appended.row_ids.start;
            }
            Err(error) => {
                assert!(is_unfit(caller), "{caller}: {error}");
                assert!(matches!(error, Error::Format(_)), "{error:?}");
                assert!(error.to_string().contains("'x'"), "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 4);
    let dataset = Dataset::open(&url, Options::default()).await.unwrap();
    assert_eq!(dataset.num_rows(), count);
    assert!(dataset.version() < 40, "{} entries", dataset.version());
    assert!(dataset.verify(|_, _| ()).await.unwrap().damage.is_empty());
    println!("{CALLERS} appends in {} commits", dataset.version());
}

#[tokio::test]
async fn an_unknown_column_and_no_rows_are_answered_too() {
    let dataset = Dataset::create("mem://group-odd", schema(), Options::default()).await.unwrap();
    let appender = dataset.appender("").unwrap();
    let wrong = rows(1, 1);
    let wrong = wrong.project(&[1]).unwrap();
    let (a, b, c) = tokio::join!(
        appender.append(wrong),
        appender.append(rows(2, 3)),
        appender.append(rows(3, 0)),
    );
    assert!(matches!(a, Err(Error::SchemaMismatch { .. })));
    check(2, &b.unwrap()).await;
    assert!(c.unwrap().row_ids.is_empty());
    assert_eq!(dataset.refresh().await.unwrap().version(), 1);
}

#[tokio::test]
async fn others_may_commit_and_add_columns_meanwhile() {
    let dataset = Dataset::create("mem://group-others", schema(), Options::default()).await;
    let dataset = dataset.unwrap();
    let appender = dataset.appender("").unwrap();
    check(0, &appender.append(rows(0, 1)).await.unwrap()).await;
    let mut writer = dataset.append().unwrap();
    writer.write(&rows(900, 2)).await.unwrap();
    writer.commit("another writer").await.unwrap();
    let appended = appender.append(rows(1, 2)).await.unwrap();
    assert_eq!(appended.row_ids, 3..5);
    check(1, &appended).await;
    let filled = Column::scalar("y", DType::I64).with_fill(serde_json::json!(5));
    dataset.add_column(filled, "").await.unwrap();
    let appended = appender.append(rows(2, 3)).await.unwrap();
    assert_eq!(appended.dataset.schema().columns.len(), 3);
    check(2, &appended).await;
    dataset.refresh().await.unwrap().drop_column("x", "").await.unwrap();
    let refused = appender.append(rows(3, 1)).await;
    assert!(matches!(refused, Err(Error::SchemaMismatch { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_store_reaches_everybody_and_the_next_group_goes_on() {
    let store = Arc::new(Faulty::new(lakebed_store::open("mem://group-faults").unwrap()));
    let own = Arc::clone(&store) as Arc<dyn Store>;
    let (meter, url) = (Arc::new(Meter::default()), "mem://group-faults");
    let dataset = Dataset::create_in(url, own, meter, schema(), Options::default()).await.unwrap();
    let appender = dataset.appender("").unwrap();
    store.fail(Rule::new(&[Operation::Create], Fault::Full).keys("log/"));
    let good = |caller: i64| appender.append(rows(caller, 1 + caller % 3));
    let (a, b) = tokio::join!(good(1), good(2));
    for result in [a, b] {
        let Err(Error::Shared { source }) = result else { panic!("{result:?}") };
        assert!(matches!(*source, Error::Store(lakebed_store::Error::Full { .. })), "{source}");
    }
    let alone = good(3).await;
    assert!(matches!(alone, Err(Error::Store(_))), "{alone:?}");
    store.heal();
    check(4, &good(4).await.unwrap()).await;
    let newest = dataset.refresh().await.unwrap();
    assert_eq!((newest.version(), newest.num_rows()), (1, 2));
}

#[test]
fn outside_of_a_runtime_it_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let dataset = Dataset::create("mem://group-outside", schema(), Options::default());
    let dataset = runtime.block_on(dataset).unwrap();
    assert!(matches!(dataset.appender(""), Err(Error::Task(_))));
}
