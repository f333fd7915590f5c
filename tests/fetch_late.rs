//! Wide columns are read for the rows that are left, and aggregates read the slices they ask for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking, and knows its own numbers"
)]

#[path = "support/rows.rs"]
mod rows;

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::array::BinaryViewArray;
use datafusion::arrow::array::Float64Array;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StructArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Float32Type;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::datatypes::UInt8Type;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;
use lakebed::core::Column;
use lakebed::core::Compression;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::core::Shape;
use lakebed::core::TensorBuilder;
use lakebed::core::tensor_builder::shape_array;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Session;
use lakebed::engine::SessionContextExt;

const ROWS: i64 = 300;
const FRAGMENT: i64 = 100;
const SIDE: usize = 160;
const PIXELS: u64 = (SIDE * SIDE * 3) as u64;

fn pixel(id: i64, at: usize) -> u8 {
    ((id as usize * 31 + at * 7) % 251) as u8
}

fn picture(id: i64) -> Vec<u8> {
    (0..SIDE * SIDE * 3).map(|at| pixel(id, at)).collect()
}

/// Scores in no order, all different; one in ten is missing.
fn score(id: i64) -> Option<f64> {
    (id % 10 != 3).then(|| (id * 7919 % ROWS) as f64)
}

fn schema() -> Schema {
    let side = Some(u32::try_from(SIDE).unwrap());
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::scalar("score", DType::F64).nullable(),
        Column::image("images"),
        Column::tensor("raw", DType::U8, &[side, side, Some(3)])
            .with_compression(Compression::None),
        Column::tensor("ragged", DType::F32, &[None]),
    ])
    .unwrap()
}

fn batch(ids: std::ops::Range<i64>) -> RecordBatch {
    let schema = schema();
    let types = rows::types(&schema);
    let shape = Shape::new(&[SIDE, SIDE, 3]).unwrap();
    let files: Vec<Vec<u8>> = ids
        .clone()
        .map(|id| lakebed::codec::media::encode_png(&shape, &picture(id)).unwrap())
        .collect();
    let side = SIDE as i32;
    let sizes = ids.clone().flat_map(|_| [side, side, 3]).collect();
    let DataType::Struct(parts) = types[2].data_type() else { unreachable!() };
    let images = StructArray::new(
        parts,
        vec![
            Arc::new(BinaryViewArray::from_iter_values(&files)),
            shape_array(sizes, 3, files.len()).unwrap(),
        ],
        None,
    );
    let mut raw = TensorBuilder::<u8>::new(3);
    let mut ragged = TensorBuilder::<f32>::new(1);
    for id in ids.clone() {
        raw.push(&picture(id), &[SIDE, SIDE, 3]).unwrap();
        let len = usize::try_from(id % 4).unwrap();
        ragged.push(&vec![id as f32; len], &[len]).unwrap();
    }
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(ids.map(score).collect::<Float64Array>()),
        Arc::new(images),
        raw.finish::<UInt8Type>(&types[3]).unwrap(),
        ragged.finish::<Float32Type>(&types[4]).unwrap(),
    ];
    rows::batch(&schema, arrays)
}

async fn dataset(name: &str) -> Dataset {
    dataset_at(&format!("mem://fetch-late-{name}")).await
}

async fn dataset_at(url: &str) -> Dataset {
    let options = Options { chunk_bytes: 8 * SIDE * SIDE * 3, ..Options::default() };
    let mut dataset = Dataset::create(url, schema(), options).await.unwrap();
    for start in (0..ROWS).step_by(FRAGMENT as usize) {
        let mut writer = dataset.append().unwrap();
        writer.write(&batch(start..start + FRAGMENT)).await.unwrap();
        dataset = writer.commit("rows").await.unwrap();
    }
    dataset
}

fn session(dataset: &Dataset) -> Session {
    let session = Session::builder().partitions(2).build().unwrap();
    session.set_current(dataset.clone());
    session.register("t", dataset.clone());
    session
}

async fn sql(session: &Session, text: &str) -> RecordBatch {
    let query = session.sql(text).await.unwrap();
    let batches = query.collect().await.unwrap();
    let schema = batches.first().map_or(query.schema(), |batch| batch.schema());
    datafusion::arrow::compute::concat_batches(&schema, &batches).unwrap()
}

async fn tql(session: &Session, text: &str) -> RecordBatch {
    let query = session.tql(text).await.unwrap();
    let batches = query.collect().await.unwrap();
    let schema = batches.first().map_or(query.schema(), |batch| batch.schema());
    datafusion::arrow::compute::concat_batches(&schema, &batches).unwrap()
}

async fn analyzed(session: &Session, text: &str) -> String {
    pretty_format_batches(&[sql(session, &format!("EXPLAIN ANALYZE {text}")).await])
        .unwrap()
        .to_string()
}

fn ids(batch: &RecordBatch, column: usize) -> Vec<i64> {
    batch.column(column).as_primitive::<Int64Type>().values().to_vec()
}

/// The ids in the order of the best scores.
fn best(count: usize) -> Vec<i64> {
    let mut ids: Vec<i64> = (0..ROWS).filter(|id| score(*id).is_some()).collect();
    ids.sort_by(|a, b| score(*b).partial_cmp(&score(*a)).unwrap());
    ids.truncate(count);
    ids
}

#[tokio::test]
async fn a_sort_with_a_limit_decodes_the_rows_it_keeps() {
    let dataset = dataset("topk").await;
    let session = session(&dataset);
    let text = "SELECT id, tensor_slice(images, '0:2, 0, :') AS corner FROM t \
                WHERE score IS NOT NULL ORDER BY score DESC LIMIT 7";
    let plan = analyzed(&session, text).await;
    assert!(plan.contains("FetchExec"), "{plan}");
    assert!(plan.contains("samples_decoded=7") && plan.contains("rows_fetched=7"), "{plan}");
    let found = sql(&session, text).await;
    assert_eq!(ids(&found, 0), best(7));
    let corners = found.column(1).as_struct().column(0).as_list::<i32>();
    for (row, id) in best(7).into_iter().enumerate() {
        let corner = corners.value(row);
        let expected: Vec<u8> =
            (0..3).chain(SIDE * 3..SIDE * 3 + 3).map(|at| pixel(id, at)).collect();
        assert_eq!(corner.as_primitive::<UInt8Type>().values().to_vec(), expected);
    }
    // The same in TQL, where ties and the rest of the order go by position.
    let text = "SELECT id, images[0:2, 0, :] AS corner WHERE score > 0 ORDER BY score DESC LIMIT 7";
    assert_eq!(ids(&tql(&session, text).await, 0), best(7));
}

#[tokio::test]
async fn a_cropped_top_k_reads_the_crops() {
    let dataset = dataset("crops").await;
    let session = session(&dataset);
    let text = "SELECT id, raw[0:2, 0:2, 0] AS crop ORDER BY score DESC, id LIMIT 3";
    let found = tql(&session, text).await;
    assert_eq!(ids(&found, 0), best(3));
    let before = dataset.metrics().snapshot();
    tql(&session, text).await;
    let spent = dataset.metrics().since(before);
    // Three blocks of 16 KiB, each perhaps two; ids and scores are read whole.
    let narrow = u64::try_from(ROWS).unwrap() * 2 * 8;
    assert!(spent.bytes_read <= 6 * (16 << 10) + narrow, "{spent:?}");
    assert!(spent.bytes_read < 3 * PIXELS + narrow + (16 << 10), "{spent:?}");
}

#[tokio::test]
async fn a_join_fetches_what_it_matched() {
    let dataset = dataset("join").await;
    let session = session(&dataset);
    let inner = "SELECT a.id, b.raw FROM t a JOIN t b ON a.id = b.id + 250 ORDER BY a.id";
    sql(&session, inner).await;
    let before = dataset.metrics().snapshot();
    let found = sql(&session, inner).await;
    let spent = dataset.metrics().since(before);
    assert_eq!(ids(&found, 0), (250..300).collect::<Vec<_>>());
    assert!(spent.bytes_read < 60 * PIXELS, "{spent:?}");
    for (row, id) in (0..50).enumerate() {
        let raw = found.column(1).as_fixed_size_list().value(row);
        assert_eq!(raw.as_primitive::<UInt8Type>().values().to_vec(), picture(id));
    }
    // Rows without a partner have null, rows with several the same picture several times.
    let outer = "SELECT a.id, b.images FROM t a LEFT JOIN (SELECT * FROM t WHERE id < 2) b \
                 ON a.id % 3 = b.id WHERE a.id < 6 ORDER BY a.id";
    let found = sql(&session, outer).await;
    let images = found.column(1).as_struct();
    let nulls: Vec<bool> = (0..6).map(|row| images.is_null(row)).collect();
    assert_eq!(nulls, [false, false, true, false, false, true]);
    let files = images.column(0).as_binary_view();
    assert_eq!(files.value(0), files.value(3));
    assert_ne!(files.value(0), files.value(1));
    let plan = session.sql(outer).await.unwrap().explain().await.unwrap();
    assert!(plan.contains("FetchExec"), "{plan}");
}

#[tokio::test]
async fn joins_that_only_test_give_out_the_right_pictures() {
    let dataset = dataset("tests").await;
    let session = session(&dataset);
    for (filter, expected) in [
        ("id IN (SELECT id + 1 FROM t WHERE id < 3)", vec![1, 2, 3]),
        ("NOT EXISTS (SELECT 1 FROM t b WHERE b.id < 297 AND b.id = t.id)", vec![297, 298, 299]),
        ("id IN (SELECT id FROM t WHERE id < 2) OR id > 298", vec![0, 1, 299]),
    ] {
        let found = sql(&session, &format!("SELECT raw, id FROM t WHERE {filter}")).await;
        let mut rows: Vec<(i64, usize)> = ids(&found, 1).into_iter().zip(0..).collect();
        rows.sort_unstable();
        assert_eq!(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>(), expected, "{filter}");
        for (id, row) in rows {
            let raw = found.column(0).as_fixed_size_list().value(row);
            assert_eq!(raw.as_primitive::<UInt8Type>().values().to_vec(), picture(id), "{filter}");
        }
    }
}

#[tokio::test]
async fn everything_in_another_order_is_the_same_everything() {
    let dataset = dataset("order").await;
    let session = session(&dataset);
    for text in [
        "SELECT * FROM t ORDER BY score DESC NULLS LAST, id",
        "SELECT images, id, raw, score FROM (SELECT * FROM t) ORDER BY score DESC NULLS LAST, id",
        "WITH x AS (SELECT id AS k, images AS pic, raw FROM t) \
         SELECT k, pic, raw FROM x ORDER BY k % 7, k OFFSET 3",
    ] {
        let query = session.sql(text).await.unwrap();
        let plan = query.explain().await.unwrap();
        assert!(plan.contains("FetchExec"), "{plan}");
        let found = sql(&session, text).await;
        let fields: Vec<_> = query.schema().fields().iter().map(|f| f.name().clone()).collect();
        let given: Vec<_> = found.schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(fields, given);
        let id = fields.iter().position(|name| name == "id" || name == "k").unwrap();
        let raw = fields.iter().position(|name| name == "raw").unwrap();
        let picked = ids(&found, id);
        assert_eq!(picked.len() as i64, if text.contains("OFFSET") { ROWS - 3 } else { ROWS });
        for (row, id) in picked.into_iter().enumerate() {
            let array = found.column(raw).as_fixed_size_list().value(row);
            assert_eq!(array.as_primitive::<UInt8Type>().values().to_vec(), picture(id));
        }
    }
}

#[tokio::test]
async fn aggregates_read_the_slices_they_ask_for() {
    // On disk ranges are merged over gaps of 16 KiB, less than what lies between two slices.
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset_at(folder.path().join("d").to_str().unwrap()).await;
    let session = session(&dataset);
    let text = "SELECT id % 2 AS half, avg(tensor_avg(tensor_slice(raw, '0, 0:4, 1'))) FROM t \
                GROUP BY id % 2 ORDER BY half";
    let plan = session.sql(text).await.unwrap().explain().await.unwrap();
    assert!(plan.contains("raw[0, 0:4, 1]"), "{plan}");
    let found = sql(&session, text).await;
    for half in 0..2 {
        let rows: Vec<i64> = (0..ROWS).filter(|id| id % 2 == half).collect();
        let sum: f64 = rows
            .iter()
            .map(|id| (0..4).map(|x| f64::from(pixel(*id, x * 3 + 1))).sum::<f64>() / 4.0)
            .sum();
        let mean = found.column(1).as_primitive::<Float64Type>().value(half as usize);
        assert!((mean - sum / rows.len() as f64).abs() < 1e-9, "{mean}");
    }
    let before = dataset.metrics().snapshot();
    sql(&session, text).await;
    let spent = dataset.metrics().since(before);
    // A block of 16 KiB for most of the rows, two for some; their pictures are 75 KiB.
    assert!(spent.bytes_read < 21 * (ROWS as u64) * 1024, "{spent:?}");
    // An index that some rows do not have is an error, unless a CASE keeps it from them.
    let failing = "SELECT max(tensor_slice(ragged, '2')) FROM t";
    let error = session.sql(failing).await.unwrap().collect().await.unwrap_err();
    assert!(error.to_string().contains("row 0"), "{error}");
    let guarded = "SELECT max(CASE WHEN id % 4 = 3 THEN tensor_slice(ragged, '2') END) FROM t";
    let found = sql(&session, guarded).await;
    assert_eq!(found.column(0).as_primitive::<Float32Type>().value(0), 299.0);
}

#[tokio::test]
async fn keys_computed_from_pictures_leave_the_pictures_behind() {
    let dataset = dataset("keys").await;
    let session = session(&dataset);
    let text = "SELECT id, score ORDER BY raw[5, 5, 2] DESC, id LIMIT 4";
    let plan = session.tql(text).await.unwrap().explain().await.unwrap();
    assert!(plan.contains("raw[5, 5, 2]"), "{plan}");
    let found = tql(&session, text).await;
    let at = (5 * SIDE + 5) * 3 + 2;
    let mut expected: Vec<i64> = (0..ROWS).collect();
    expected.sort_by_key(|id| (std::cmp::Reverse(pixel(*id, at)), *id));
    assert_eq!(ids(&found, 0), expected[..4]);
}

/// The sum of a counter over a plan that ran.
fn counted(plan: &Arc<dyn ExecutionPlan>, name: &str) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name(name));
    let own = own.map_or(0, |value| value.as_usize() as u64);
    own + plan.children().into_iter().map(|child| counted(child, name)).sum::<u64>()
}

/// The partitions of each late fetch of a plan.
fn fetching(plan: &Arc<dyn ExecutionPlan>) -> Vec<usize> {
    let mut found: Vec<usize> = plan.children().into_iter().flat_map(fetching).collect();
    if plan.name() == "FetchExec" {
        found.push(plan.output_partitioning().partition_count());
    }
    found
}

#[tokio::test]
async fn analyzed_plans_state_what_the_store_counted() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset_at(folder.path().join("d").to_str().unwrap()).await;
    let text = "SELECT a.id, a.raw, b.images FROM t a JOIN t b ON a.id = b.id + 200 \
                WHERE a.score > 20";
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(3));
    context.register_dataset("t", dataset.clone()).unwrap();
    for _ in 0..3 {
        let plan = context.sql(text).await.unwrap().create_physical_plan().await.unwrap();
        let partitions = fetching(&plan);
        assert!(partitions.len() == 2 && partitions.iter().all(|n| *n > 1), "{partitions:?}");
        let before = dataset.metrics().snapshot();
        let found = collect(Arc::clone(&plan), context.task_ctx()).await.unwrap();
        let spent = dataset.metrics().since(before);
        assert_eq!(found.iter().map(RecordBatch::num_rows).sum::<usize>(), 82);
        assert_eq!(counted(&plan, "requests"), spent.reads(), "{spent:?}");
        assert_eq!(counted(&plan, "bytes"), spent.bytes_read, "{spent:?}");
    }
    // The same in words, where large numbers are rounded.
    let session = session(&dataset);
    let before = dataset.metrics().snapshot();
    let plan = analyzed(&session, text).await;
    let spent = dataset.metrics().since(before);
    let requests: u64 = plan
        .split(", requests=")
        .skip(1)
        .map(|rest| rest.split([',', ']']).next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(requests, spent.reads(), "{plan}");
}

#[tokio::test]
async fn slices_of_one_picture_decode_it_once() {
    let dataset = dataset("shared").await;
    let session = session(&dataset);
    let text = "SELECT id, images[0:2, 0, :] AS top, images[150:, 3:9:2, 1] AS low, \
                images[::-80, -1, 0:0] AS none, SHAPE(images) AS shape WHERE id % 3 = 0";
    let before = dataset.samples_decoded();
    let found = tql(&session, text).await;
    assert_eq!(dataset.samples_decoded() - before, 100);
    assert_eq!(ids(&found, 0), (0..ROWS).step_by(3).collect::<Vec<_>>());
    let at = |y: usize, x: usize, channel: usize| (y * SIDE + x) * 3 + channel;
    let top: Vec<usize> = (0..6).map(|n| at(n / 3, 0, n % 3)).collect();
    let low: Vec<usize> = (0..30).map(|n| at(150 + n / 3, 3 + n % 3 * 2, 1)).collect();
    for (row, id) in (0..ROWS).step_by(3).enumerate() {
        for (column, places) in [(1, &top), (2, &low), (3, &Vec::new())] {
            let slices = found.column(column).as_struct().column(0).as_list::<i32>().value(row);
            let expected: Vec<u8> = places.iter().map(|at| pixel(id, *at)).collect();
            assert_eq!(slices.as_primitive::<UInt8Type>().values().to_vec(), expected, "row {row}");
        }
    }
    let plan = pretty_format_batches(&[tql(&session, &format!("EXPLAIN ANALYZE {text}")).await])
        .unwrap()
        .to_string();
    let decoded: u64 = plan
        .split("decoded[")
        .skip(1)
        .map(|rest| rest.split_once("]=").unwrap().1.split([',', ']']).next().unwrap())
        .map(|count| count.parse::<u64>().unwrap())
        .sum();
    assert_eq!(decoded, 100, "{plan}");
}

#[tokio::test]
async fn a_context_of_others_fetches_late_with_its_own_planner() {
    let dataset = dataset("foreign").await;
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    let planner = format!("{:?}", context.state().query_planner());
    context.register_dataset("t", dataset.clone()).unwrap();
    assert_eq!(format!("{:?}", context.state().query_planner()), planner);
    let own = session(&dataset);
    let collected = async |text: &str| {
        let frame = context.sql(text).await.unwrap();
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await.unwrap();
        let schema = batches.first().map_or(schema, |batch| batch.schema());
        datafusion::arrow::compute::concat_batches(&schema, &batches).unwrap()
    };
    for (text, fetches) in [
        ("SELECT id, raw, images FROM t WHERE score > 5 ORDER BY score DESC LIMIT 7", true),
        (
            "SELECT t.id, tensor_slice(images, '0:2, 0, :') AS c FROM t ORDER BY score, id LIMIT 5",
            true,
        ),
        (
            "SELECT * FROM (SELECT * FROM t ORDER BY score LIMIT 50) WHERE id % 2 = 0 ORDER BY id",
            true,
        ),
        (
            "SELECT a.id, a.raw, b.id, b.raw FROM t a JOIN t b ON a.id = b.id + 290 ORDER BY a.id",
            true,
        ),
        (
            "SELECT a.id, b.images FROM t a LEFT JOIN (SELECT * FROM t WHERE id < 2) b \
             ON a.id % 3 = b.id WHERE a.id < 6 ORDER BY a.id",
            true,
        ),
        ("SELECT raw, id FROM t WHERE id IN (SELECT id + 1 FROM t WHERE id < 3) ORDER BY id", true),
        ("SELECT count(*) FROM (SELECT raw FROM t ORDER BY score LIMIT 9)", false),
    ] {
        let plan = collected(&format!("EXPLAIN {text}")).await;
        let plan = pretty_format_batches(&[plan]).unwrap().to_string();
        assert_eq!(plan.contains("FetchExec"), fetches, "{text}: {plan}");
        let (found, expected) = (collected(text).await, sql(&own, text).await);
        assert_eq!(found.num_rows(), expected.num_rows(), "{text}");
        for (found, expected) in found.columns().iter().zip(expected.columns()) {
            assert_eq!(found, expected, "{text}");
        }
    }
    // No more pictures are decoded than come out.
    let before = dataset.samples_decoded();
    let text = "SELECT tensor_slice(images, '0, 0, 0') FROM t ORDER BY score DESC LIMIT 3";
    assert_eq!(collected(text).await.num_rows(), 3);
    assert_eq!(dataset.samples_decoded() - before, 3);
}
