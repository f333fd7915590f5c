//! A gigabyte and a half through queries in less than 256 MB of memory. A program of its own, so
//! that other tests do not count.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking, and knows its own numbers"
)]
#![cfg(target_os = "linux")]

#[path = "support/rows.rs"]
mod rows;

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::array::FixedSizeListArray;
use datafusion::arrow::array::Float64Array;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::UInt8Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::datatypes::UInt8Type;
use futures::StreamExt;
use lakebed::core::Column;
use lakebed::core::Compression;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Session;

/// As in the program: glibc's allocator would keep three times what is in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIDE: u32 = 512;
const PIXELS: usize = 512 * 512 * 3;
const ROWS: usize = 2_000;
const BATCH: usize = 20;
const MOST: u64 = 256 << 20;

/// The most memory that this process ever held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn schema() -> Schema {
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::scalar("score", DType::F64),
        Column::tensor("images", DType::U8, &[Some(SIDE), Some(SIDE), Some(3)])
            .with_compression(Compression::None),
    ])
    .unwrap()
}

/// Each image is of one value, so that its mean says which it is.
fn value(id: usize) -> u8 {
    (id * 37 % 251) as u8
}

fn score(id: i64) -> f64 {
    (id * 7919 % 2003) as f64
}

fn batch(start: usize) -> RecordBatch {
    let schema = schema();
    let types = rows::types(&schema);
    let pixels: Vec<u8> =
        (start..start + BATCH).flat_map(|id| std::iter::repeat_n(value(id), PIXELS)).collect();
    let DataType::FixedSizeList(item, size) = types[2].data_type() else { unreachable!() };
    let ids = start as i64..(start + BATCH) as i64;
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(Float64Array::from_iter_values(ids.map(score))),
        Arc::new(FixedSizeListArray::new(item, size, Arc::new(UInt8Array::from(pixels)), None)),
    ];
    rows::batch(&schema, arrays)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_stay_within_their_memory() {
    a_gigabyte_and_a_half_in_a_quarter().await;
    a_sort_larger_than_memory_spills().await;
}

async fn a_gigabyte_and_a_half_in_a_quarter() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("big.lakebed");
    let url = url.to_str().unwrap();
    let dataset = Dataset::create(url, schema(), Options::default()).await.unwrap();
    let mut writer = dataset.append().unwrap();
    for start in (0..ROWS).step_by(BATCH) {
        writer.write(&batch(start)).await.unwrap();
    }
    let dataset = writer.commit("images").await.unwrap();
    println!("written: {} MB", peak() >> 20);
    let session = Session::builder().partitions(2).memory_limit(128 << 20).build().unwrap();
    session.set_current(dataset);

    // Every byte, batch by batch.
    let query = session.tql("SELECT id, images").await.unwrap();
    let mut stream = query.stream().await.unwrap();
    let mut next = 0;
    let mut expected = vec![0; PIXELS];
    while let Some(batch) = stream.next().await {
        let batch = batch.unwrap();
        let images = batch.column(1).as_fixed_size_list();
        for row in 0..batch.num_rows() {
            let id = batch.column(0).as_primitive::<Int64Type>().value(row);
            assert_eq!(id, next);
            let image = images.value(row);
            let image = image.as_primitive::<UInt8Type>().values();
            expected.fill(value(id as usize));
            assert!(**image == *expected);
            next += 1;
        }
    }
    assert_eq!(next as usize, ROWS);
    println!("scanned: {} MB", peak() >> 20);

    // Computed from every byte.
    let text = "SELECT avg(tensor_avg(images)) AS m FROM dataset";
    let query = session.sql(text).await.unwrap();
    let batches = query.collect().await.unwrap();
    let mean = batches[0].column(0).as_primitive::<Float64Type>().value(0);
    let expected = (0..ROWS).map(|id| f64::from(value(id))).sum::<f64>() / ROWS as f64;
    assert!((mean - expected).abs() < 1e-9, "{mean} {expected}");
    println!("aggregated: {} MB", peak() >> 20);

    // Every byte in another order: the sort is narrow, the images are fetched behind it.
    let query = session.tql("SELECT score, images ORDER BY score DESC").await.unwrap();
    let mut stream = query.stream().await.unwrap();
    let (mut rows, mut last) = (0, f64::INFINITY);
    while let Some(batch) = stream.next().await {
        let batch = batch.unwrap();
        for score in batch.column(0).as_primitive::<Float64Type>().values() {
            assert!(*score <= last);
            last = *score;
        }
        assert_eq!(batch.column(1).null_count(), 0);
        rows += batch.num_rows();
    }
    assert_eq!(rows, ROWS);
    println!("sorted: {} MB", peak() >> 20);
    assert!(peak() <= MOST, "{} MB", peak() >> 20);
}

async fn a_sort_larger_than_memory_spills() {
    let columns = vec![Column::scalar("id", DType::I64), Column::scalar("score", DType::F64)];
    let schema = Schema::new(columns).unwrap();
    let dataset =
        Dataset::create("mem://spills", schema.clone(), Options::default()).await.unwrap();
    let mut writer = dataset.append().unwrap();
    let (steps, step) = (60, 100_000);
    for start in (0..steps * step).step_by(step as usize) {
        let ids = start..start + step;
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(ids.clone())),
            Arc::new(Float64Array::from_iter_values(ids.map(|id| (id * 7919 % 1_000_003) as f64))),
        ];
        writer.write(&rows::batch(&schema, arrays)).await.unwrap();
    }
    let dataset = writer.commit("rows").await.unwrap();
    // Half of what the rows take.
    let session = Session::builder().partitions(2).memory_limit(48 << 20).build().unwrap();
    session.register("t", dataset);
    let query = session.sql("SELECT id, score FROM t ORDER BY score, id").await.unwrap();
    let mut stream = query.stream().await.unwrap();
    let (mut rows, mut last) = (0, (f64::NEG_INFINITY, -1));
    while let Some(batch) = stream.next().await {
        let batch = batch.unwrap();
        let ids = batch.column(0).as_primitive::<Int64Type>().values();
        let scores = batch.column(1).as_primitive::<Float64Type>().values();
        for (id, score) in ids.iter().zip(scores.iter()) {
            assert!((*score, *id) > last);
            last = (*score, *id);
        }
        rows += batch.num_rows();
    }
    assert_eq!(rows as i64, steps * step);
}
