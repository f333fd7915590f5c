//! A query reads what its answer needs and no more, and its answer is right.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::type_complexity,
    reason = "a test fails by panicking, and knows its own numbers"
)]

#[path = "support/rows.rs"]
mod rows;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::array::BinaryViewArray;
use datafusion::arrow::array::Float32Array;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StringViewArray;
use datafusion::arrow::array::StructArray;
use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Float32Type;
use datafusion::arrow::datatypes::Int32Type;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::datatypes::Schema as ArrowSchema;
use datafusion::arrow::datatypes::UInt8Type;
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;
use lakebed::core::BoxFormat;
use lakebed::core::Column;
use lakebed::core::Compression;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::core::Shape;
use lakebed::core::TensorBuilder;
use lakebed::core::TensorType;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::DatasetTable;
use lakebed::engine::Session;
use lakebed::engine::TableOptions;

const SIDE: usize = 64;
const PIXELS: usize = SIDE * SIDE * 3;
const ROWS: i64 = 400;
const FRAGMENT: i64 = 100;

fn schema() -> Schema {
    let side = u32::try_from(SIDE).unwrap();
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::scalar("score", DType::F32).nullable(),
        Column::class_label("label", vec!["cat".into(), "dog".into(), "bird".into()]),
        Column::text("name"),
        Column::boxes("boxes", BoxFormat::Ltrb),
        Column::tensor("pixels", DType::U8, &[Some(side), Some(side), Some(3)])
            .with_compression(Compression::None),
    ])
    .unwrap()
}

fn score(id: i64) -> Option<f32> {
    // 7919 is prime, so scores are spread over the rows and all differ.
    (id % 10 != 3).then(|| (id * 7919 % ROWS) as f32)
}

fn boxes(id: i64) -> usize {
    usize::try_from(id % 5).unwrap()
}

fn pixel(id: i64, at: usize) -> u8 {
    ((id as usize * 31 + at * 7) % 251) as u8
}

fn batch(ids: std::ops::Range<i64>) -> RecordBatch {
    let schema = schema();
    let types = rows::types(&schema);
    let mut lists = TensorBuilder::<f32>::new(2);
    let mut pixels = TensorBuilder::<u8>::new(3);
    for id in ids.clone() {
        let n = boxes(id);
        lists.push(&vec![id as f32; n * 4], &[n, 4]).unwrap();
        let image: Vec<u8> = (0..PIXELS).map(|at| pixel(id, at)).collect();
        pixels.push(&image, &[SIDE, SIDE, 3]).unwrap();
    }
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(ids.clone().map(score).collect::<Float32Array>()),
        Arc::new(UInt32Array::from_iter_values(ids.clone().map(|id| (id / 150) as u32))),
        Arc::new(StringViewArray::from_iter_values(ids.clone().map(|id| format!("n{id:04}")))),
        lists.finish::<Float32Type>(&types[4]).unwrap(),
        pixels.finish::<UInt8Type>(&types[5]).unwrap(),
    ];
    rows::batch(&schema, arrays)
}

/// 400 rows in four fragments; pixels in chunks of five rows.
async fn dataset(name: &str) -> Dataset {
    let options = Options { chunk_bytes: 5 * PIXELS, ..Options::default() };
    let mut dataset =
        Dataset::create(&format!("mem://pruning-{name}"), schema(), options).await.unwrap();
    for start in (0..ROWS).step_by(FRAGMENT as usize) {
        let mut writer = dataset.append().unwrap();
        writer.write(&batch(start..start + FRAGMENT)).await.unwrap();
        dataset = writer.commit("rows").await.unwrap();
    }
    assert_eq!(dataset.num_rows(), ROWS as u64);
    dataset
}

fn context(dataset: &Dataset) -> SessionContext {
    context_with(dataset, SessionContext::new_with_config(config()))
}

fn config() -> SessionConfig {
    SessionConfig::new().with_target_partitions(2)
}

fn context_with(dataset: &Dataset, context: SessionContext) -> SessionContext {
    for function in lakebed::functions::all() {
        context.register_udf(function);
    }
    let table =
        DatasetTable::new(dataset.clone(), TableOptions { positions: true, row_ids: false });
    context.register_table("t", Arc::new(table)).unwrap();
    context
}

async fn rows(context: &SessionContext, sql: &str) -> RecordBatch {
    let frame = context.sql(sql).await.unwrap();
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await.unwrap();
    let schema = batches.first().map_or(schema, |batch| batch.schema());
    datafusion::arrow::compute::concat_batches(&schema, &batches).unwrap()
}

async fn ids(context: &SessionContext, sql: &str) -> Vec<i64> {
    let batch = rows(context, sql).await;
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

async fn explain(context: &SessionContext, sql: &str) -> String {
    let batches = context.sql(&format!("EXPLAIN {sql}")).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

/// What a query costs once metadata is cached: (requests, bytes).
async fn cost(dataset: &Dataset, context: &SessionContext, sql: &str) -> (u64, u64) {
    let before = dataset.metrics().snapshot();
    rows(context, sql).await;
    let spent = dataset.metrics().since(before);
    (spent.reads(), spent.bytes_read)
}

/// Reads the metadata that the queries here need.
async fn warm(context: &SessionContext) {
    rows(context, "SELECT * FROM t WHERE id = 0 AND score > -1 AND name > ''").await;
    rows(context, "SELECT pixels, boxes FROM t WHERE id % 100 = 0").await;
}

#[tokio::test]
async fn filters_are_exact() {
    let dataset = dataset("exact").await;
    let t = context(&dataset);
    let cases: Vec<(&str, Box<dyn Fn(i64) -> bool>)> = vec![
        ("id >= 95 AND id < 105", Box::new(|id| (95..105).contains(&id))),
        ("id = 7 OR id > 396", Box::new(|id| id == 7 || id > 396)),
        ("NOT (id > 3)", Box::new(|id| id <= 3)),
        ("id IN (1, 2, 399, 4000)", Box::new(|id| [1, 2, 399].contains(&id))),
        ("id BETWEEN 98 AND 101", Box::new(|id| (98..=101).contains(&id))),
        ("score IS NULL", Box::new(|id| score(id).is_none())),
        ("score > 390", Box::new(|id| score(id).is_some_and(|s| s > 390.0))),
        ("NOT (score > 5)", Box::new(|id| score(id).is_some_and(|s| s <= 5.0))),
        ("name LIKE 'n01%'", Box::new(|id| (100..200).contains(&id))),
        (
            "tensor_truth(tensor_eq(label, 'bird')) AND id % 2 = 0",
            Box::new(|id| id >= 300 && id % 2 == 0),
        ),
        ("label = 1 AND score IS NOT NULL", Box::new(|id| id / 150 == 1 && score(id).is_some())),
        (
            "tensor_truth(tensor_ge(tensor_slice(tensor_shape(boxes), '0'), 4))",
            Box::new(|id| boxes(id) >= 4),
        ),
        (
            "tensor_any(tensor_gt(tensor_slice(boxes, ':, 2'), 395))",
            Box::new(|id| id > 395 && boxes(id) > 0),
        ),
        ("__position > 397", Box::new(|id| id > 397)),
        ("tensor_truth(tensor_slice(pixels, '0, 0, 0'))", Box::new(|id| pixel(id, 0) != 0)),
    ];
    for (filter, expected) in cases {
        let mut found = ids(&t, &format!("SELECT id FROM t WHERE {filter}")).await;
        found.sort_unstable();
        let expected: Vec<i64> = (0..ROWS).filter(|id| expected(*id)).collect();
        assert_eq!(found, expected, "{filter}");
        let plan = explain(&t, &format!("SELECT id FROM t WHERE {filter}")).await;
        assert!(!plan.contains("FilterExec"), "{filter}\n{plan}");
    }
}

#[tokio::test]
async fn refuted_filters_read_nothing() {
    let dataset = dataset("refuted").await;
    let t = context(&dataset);
    warm(&t).await;
    for filter in [
        "id > 1000",
        "score < -1",
        "score > 399",
        "name LIKE 'x%'",
        "tensor_any(tensor_gt(boxes, 1000))",
        "tensor_truth(tensor_gt(tensor_slice(tensor_shape(boxes), '0'), 4))",
        "id < 100 AND score > 400",
    ] {
        let sql = format!("SELECT pixels FROM t WHERE {filter}");
        assert_eq!(cost(&dataset, &t, &sql).await, (0, 0), "{filter}");
    }
}

#[tokio::test]
async fn wide_columns_are_read_for_survivors_only() {
    let dataset = dataset("survivors").await;
    let t = context(&dataset);
    warm(&t).await;
    let found = rows(&t, "SELECT pixels FROM t WHERE id = 123").await;
    let image = found.column(0).as_fixed_size_list().value(0);
    let image = image.as_primitive::<UInt8Type>();
    assert!((0..PIXELS).all(|at| image.value(at) == pixel(123, at)));
    // One image is within two blocks of 16 KiB; beside it one directory and the ids of a fragment.
    let (_, bytes) = cost(&dataset, &t, "SELECT pixels FROM t WHERE id = 223").await;
    assert!(bytes <= 40 << 10, "{bytes}");
    // The last of four conditions reads the image of the one row that the others leave.
    let (_, bytes) = cost(
        &dataset,
        &t,
        "SELECT id FROM t WHERE tensor_any(tensor_ge(pixels, 0)) AND id = 323 AND score IS NULL",
    )
    .await;
    assert!(bytes <= 44 << 10, "{bytes}");
}

#[tokio::test]
async fn slices_read_their_bytes() {
    let dataset = dataset("slices").await;
    let t = context(&dataset);
    warm(&t).await;
    let sql = "SELECT id, tensor_slice(pixels, '0, 0:2, 1') AS s FROM t WHERE id < 3";
    let plan = explain(&t, sql).await;
    assert!(plan.contains("pixels[0, 0:2, 1] as s"), "{plan}");
    let found = rows(&t, sql).await;
    let slices = found.column(1).as_fixed_size_list();
    assert_eq!(slices.value_length(), 2);
    for row in 0..3 {
        let slice = slices.value(row);
        let slice = slice.as_primitive::<UInt8Type>();
        assert_eq!(slice.values().to_vec(), [pixel(row as i64, 1), pixel(row as i64, 4)]);
    }
    let (_, whole) = cost(&dataset, &t, "SELECT pixels FROM t").await;
    assert!(whole >= (ROWS as u64) * PIXELS as u64, "{whole}");
    // Shapes are in the directories, which are cached: nothing is left to read.
    let plan = explain(&t, "SELECT tensor_shape(boxes) AS s FROM t").await;
    assert!(plan.contains("projection=[shape(boxes) as s]"), "{plan}");
    assert_eq!(cost(&dataset, &t, "SELECT tensor_shape(boxes) AS s FROM t").await, (0, 0));
    let shapes = "SELECT tensor_slice(tensor_shape(boxes), '0') AS n FROM t WHERE id = 204";
    let n = rows(&t, shapes).await;
    assert_eq!(n.column(0).as_primitive::<Int32Type>().values().to_vec(), [4]);
}

#[tokio::test]
async fn limits_are_exact() {
    let dataset = dataset("limits").await;
    let t = context(&dataset);
    warm(&t).await;
    assert_eq!(rows(&t, "SELECT pixels FROM t LIMIT 3").await.num_rows(), 3);
    let (_, bytes) = cost(&dataset, &t, "SELECT pixels FROM t LIMIT 3").await;
    assert!(bytes <= (3 * PIXELS as u64) + (40 << 10), "{bytes}");
    for (sql, expected) in [
        ("SELECT id FROM t LIMIT 3", vec![0, 1, 2]),
        ("SELECT id FROM t LIMIT 3 OFFSET 99", vec![99, 100, 101]),
        ("SELECT id FROM t WHERE id > 250 LIMIT 2", vec![251, 252]),
        ("SELECT id FROM t WHERE id % 150 = 149 LIMIT 5", vec![149, 299]),
        ("SELECT id FROM t LIMIT 0", vec![]),
    ] {
        assert_eq!(ids(&t, sql).await, expected, "{sql}");
    }
    assert_eq!(ids(&t, "SELECT id FROM t LIMIT 250").await.len(), 250);
    assert_eq!(
        ids(&t, "SELECT id FROM (SELECT * FROM t LIMIT 250) WHERE id >= 240").await.len(),
        10
    );
    let (_, bytes) =
        cost(&dataset, &t, "SELECT pixels FROM t WHERE id >= 50 AND id % 2 = 0 LIMIT 2").await;
    assert!(bytes <= (4 * PIXELS as u64) + (64 << 10), "{bytes}");
}

#[tokio::test]
async fn counts_and_bounds_come_from_statistics() {
    let dataset = dataset("statistics").await;
    let t = context(&dataset);
    warm(&t).await;
    let sql = "SELECT count(*), min(id), max(id), min(name), count(score) FROM t";
    let plan = explain(&t, sql).await;
    assert!(plan.contains("PlaceholderRowExec") && !plan.contains("DataSourceExec"), "{plan}");
    let before = dataset.metrics().snapshot();
    let found = rows(&t, sql).await;
    assert_eq!(dataset.metrics().since(before).reads(), 0);
    let value = |at: usize| found.column(at).as_primitive::<Int64Type>().value(0);
    assert_eq!((value(0), value(1), value(2), value(4)), (ROWS, 0, ROWS - 1, 360));
    assert_eq!(found.column(3).as_string_view().value(0), "n0000");
    assert_eq!(ids(&t, "SELECT count(*) FROM t WHERE id >= 150").await, [250]);
    assert_eq!(ids(&t, "SELECT count(*) FROM (SELECT id FROM t LIMIT 7)").await, [7]);
    assert_eq!(ids(&t, "SELECT max(id) FROM t WHERE id < 150").await, [149]);
    assert_eq!(ids(&t, "SELECT max(id) FROM (SELECT id FROM t LIMIT 7)").await, [6]);
}

#[tokio::test]
async fn order_by_position_needs_no_sort() {
    let dataset = dataset("order").await;
    let t = context(&dataset);
    let sql = "SELECT __position, id FROM t WHERE id % 3 = 0 ORDER BY __position";
    let plan = explain(&t, sql).await;
    assert!(!plan.contains("SortExec") && plan.contains("SortPreservingMergeExec"), "{plan}");
    let found = rows(&t, sql).await;
    let positions = found.column(0).as_primitive::<UInt64Type>().values().to_vec();
    assert_eq!(positions, (0..ROWS as u64).step_by(3).collect::<Vec<_>>());
    assert_eq!(
        ids(&t, "SELECT id FROM t ORDER BY __position LIMIT 4 OFFSET 198").await,
        [198, 199, 200, 201]
    );
}

#[tokio::test]
async fn thresholds_and_keys_prune_while_running() {
    let dataset = dataset("dynamic").await;
    let context = context(&dataset);
    let mut best: Vec<i64> = (0..ROWS).filter(|id| score(*id).is_some()).collect();
    best.sort_by(|a, b| score(*b).partial_cmp(&score(*a)).unwrap());
    let top = ids(&context, "SELECT id FROM t ORDER BY score DESC NULLS LAST LIMIT 5").await;
    assert_eq!(top, best[..5]);
    let top = ids(&context, "SELECT id, score FROM t ORDER BY id DESC LIMIT 3").await;
    assert_eq!(top, [399, 398, 397]);
    let join =
        "SELECT t.id FROM (VALUES (7), (333), (5000)) AS k(id) JOIN t ON t.id = k.id ORDER BY 1";
    assert_eq!(ids(&context, join).await, [7, 333]);
    let plan = explain(&context, &format!("ANALYZE {join}")).await;
    assert!(plan.contains("units_pruned") && plan.contains("rows_filtered"), "{plan}");
}

#[tokio::test]
async fn a_failing_filter_names_the_row() {
    let dataset = dataset("error").await;
    let t = context(&dataset);
    let sql = "SELECT id FROM t WHERE id > 200 AND 10 / (id - 217) > 3";
    let error = t.sql(sql).await.unwrap().collect().await.unwrap_err().to_string();
    assert!(error.contains("row 217"), "{error}");
}

#[tokio::test]
async fn a_scan_stays_within_the_pool() {
    let dataset = dataset("memory").await;
    let pool = Arc::new(GreedyMemoryPool::new(1 << 20));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
    let t = context_with(&dataset, SessionContext::new_with_config_rt(config(), runtime));
    // 4.9 MB of pixels under 1 MiB.
    let found = rows(&t, "SELECT count(tensor_sum(pixels)), count(*) FROM t").await;
    assert_eq!(found.column(0).as_primitive::<Int64Type>().value(0), ROWS);
}

#[tokio::test]
async fn columns_that_came_later_prune_too() {
    let mut dataset = dataset("later").await;
    let extra = Column::scalar("extra", DType::I64).nullable();
    dataset = dataset.add_column(extra, "extra").await.unwrap();
    let filled = Column::scalar("filled", DType::I64).with_fill(7.into());
    dataset = dataset.add_column(filled, "filled").await.unwrap();
    let old = batch(ROWS..ROWS + 50);
    let mut fields = old.schema().fields().to_vec();
    let mut arrays = old.columns().to_vec();
    for name in ["extra", "filled"] {
        let column = dataset.schema().column(name).unwrap();
        fields.push(TensorType::from_column(column).to_field_ref(name, column.nullable));
        arrays.push(Arc::new(Int64Array::from_iter_values(0..50)));
    }
    let mut writer = dataset.append().unwrap();
    let new = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap();
    writer.write(&new).await.unwrap();
    let dataset = writer.commit("rows").await.unwrap();
    let t = context(&dataset);
    for (filter, expected) in [
        ("extra = 5", 1),
        ("extra IS NULL", 400),
        ("extra IS NOT NULL AND extra < 10", 10),
        ("filled = 7", 401),
        ("filled > 7", 42),
        ("filled IS NULL", 0),
    ] {
        let found = ids(&t, &format!("SELECT id FROM t WHERE {filter}")).await;
        assert_eq!(found.len(), expected, "{filter}");
    }
    assert_eq!(ids(&t, "SELECT max(filled) FROM t").await, [49]);
    assert_eq!(ids(&t, "SELECT count(extra) FROM t").await, [50]);
    // Only the last fragment can hold such rows, so the others are not read.
    let plan = explain(&t, "SELECT pixels FROM t WHERE extra = 5").await;
    assert!(plan.contains("chunks=11 of 91"), "{plan}");
}

#[tokio::test]
async fn pictures_are_decoded_where_pixels_are_asked_for() {
    let schema =
        Schema::new(vec![Column::scalar("id", DType::I64), Column::image("image")]).unwrap();
    let types = rows::types(&schema);
    let dataset = Dataset::create("mem://pruning-pictures", schema.clone(), Options::default())
        .await
        .unwrap();
    let side = |id: i64| 8 + usize::try_from(id % 3).unwrap();
    let files: Vec<Vec<u8>> = (0..60)
        .map(|id| {
            let shape = Shape::new(&[side(id), 8, 3]).unwrap();
            let pixels = vec![u8::try_from(id).unwrap(); shape.elements()];
            lakebed::codec::media::encode_png(&shape, &pixels).unwrap()
        })
        .collect();
    let sizes = (0..60).flat_map(|id| [i32::try_from(side(id)).unwrap(), 8, 3]).collect();
    let DataType::Struct(parts) = types[1].data_type() else { unreachable!() };
    let image = StructArray::new(
        parts,
        vec![
            Arc::new(BinaryViewArray::from_iter_values(&files)),
            lakebed::core::tensor_builder::shape_array(sizes, 3, 60).unwrap(),
        ],
        None,
    );
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..60));
    let rows = rows::batch(&schema, vec![ids, Arc::new(image)]);
    let mut writer = dataset.append().unwrap();
    writer.write(&rows).await.unwrap();
    let dataset = writer.commit("rows").await.unwrap();
    let session = Session::new().unwrap();
    session.register("t", dataset);
    for (filter, expected) in [
        ("tensor_truth(tensor_ge(tensor_amax(image), 57))", vec![57, 58, 59]),
        ("tensor_truth(tensor_eq(tensor_slice(image, '0, 0, 0'), 11))", vec![11]),
        (
            "tensor_truth(tensor_eq(tensor_slice(tensor_shape(image), '0'), 10)) AND id < 6",
            vec![2, 5],
        ),
    ] {
        let query = session.sql(&format!("SELECT id FROM t WHERE {filter}")).await;
        let batches = query.unwrap().collect().await.unwrap();
        let found: Vec<i64> = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        assert_eq!(found, expected, "{filter}");
    }
    let sql =
        "EXPLAIN ANALYZE SELECT tensor_slice(image, '0:2, 0:2, 0') AS corner FROM t WHERE id = 3";
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    let plan = pretty_format_batches(&batches).unwrap().to_string();
    assert!(plan.contains("image[0:2, 0:2, 0]") && plan.contains("samples_decoded=1"), "{plan}");
    let shapes = "EXPLAIN ANALYZE SELECT tensor_shape(image) AS s FROM t";
    let batches = session.sql(shapes).await.unwrap().collect().await.unwrap();
    let plan = pretty_format_batches(&batches).unwrap().to_string();
    assert!(plan.contains("shape(image)") && plan.contains("samples_decoded=0"), "{plan}");
}

#[tokio::test]
async fn small_batches_do_not_read_pages_twice() {
    let dataset = dataset("batches").await;
    let small = SessionContext::new_with_config(config().with_batch_size(10));
    let (small, large) = (context_with(&dataset, small), context(&dataset));
    let sql = "SELECT id, name, boxes FROM t WHERE score IS NOT NULL ORDER BY __position";
    rows(&large, sql).await;
    let expected = cost(&dataset, &large, sql).await;
    assert_eq!(cost(&dataset, &small, sql).await, expected);
    assert_eq!(rows(&small, sql).await.columns(), rows(&large, sql).await.columns());
}

#[tokio::test]
async fn explain_says_what_will_be_read() {
    let dataset = dataset("explain").await;
    let t = context(&dataset);
    let plan = explain(&t, "SELECT id, pixels FROM t WHERE id < 3").await;
    assert!(plan.contains("dataset=mem://pruning-explain@"), "{plan}");
    assert!(plan.contains("projection=[id, pixels]"), "{plan}");
    assert!(plan.contains("filter=id@0 < 3"), "{plan}");
    let ran = explain(&t, "ANALYZE SELECT id, pixels FROM t WHERE id < 3").await;
    for counter in
        ["chunks_total", "chunks_pruned", "units=1", "rows_filtered=97", "requests", "bytes"]
    {
        assert!(ran.contains(counter), "{counter}\n{ran}");
    }
}
