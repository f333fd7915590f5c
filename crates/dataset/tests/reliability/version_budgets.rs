//! What edits, reads of edited rows and the log cost, as bounds.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::datatypes::Int64Type;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_store::Counts;

use super::append_numbers;
use super::batch;
use super::numbers;

/// Gives rows new values in one commit, and says what it cost.
async fn update(dataset: &Dataset, ids: &[u64], value: i64) -> (Dataset, Counts) {
    let before = dataset.metrics().snapshot();
    let mut edit = dataset.edit().unwrap();
    let values: ArrayRef = Arc::new(Int64Array::from(vec![value; ids.len()]));
    edit.update(ids, &batch(dataset.schema(), vec![values])).await.unwrap();
    let updated = edit.commit("update").await.unwrap();
    let cost = updated.metrics().since(before);
    (updated, cost)
}

async fn values(dataset: &Dataset, positions: &[u64]) -> Vec<i64> {
    let column = dataset.schema().column("x").unwrap().id;
    let reads = [ColumnRead { column, part: Part::Whole }];
    let batch = dataset.take(positions, &reads).await.unwrap();
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

#[tokio::test]
async fn an_update_writes_what_it_changes_whatever_the_history() {
    let url = "mem://updates";
    let mut dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    for i in 0..1_150 {
        dataset = append_numbers(&dataset, vec![2 * i, 2 * i + 1]).await.unwrap();
    }
    // Ten rows that lie together; then ten that lie in as many nodes.
    let near: Vec<u64> = (500..510).collect();
    let far: Vec<u64> = (0..10).map(|n| n * 200).collect();
    let (dataset, cost) = update(&dataset, &near, -1).await;
    println!("ten rows of five fragments of 1,150, cold: {cost:?}");
    assert_eq!((cost.objects_streamed, cost.puts, cost.deletes), (1, 1, 0), "pack, hint: {cost:?}");
    assert!(cost.creates <= 2 + 5, "patches, an entry, at most 5 nodes: {cost:?}");
    let (dataset, cost) = update(&dataset, &far, -2).await;
    println!("ten rows of ten fragments far apart: {cost:?}");
    assert_eq!((cost.objects_streamed, cost.puts), (1, 1), "{cost:?}");
    assert!(cost.creates <= 2 + 10 + 3, "{cost:?}");
    assert!(cost.reads() <= 16, "nodes that are known are not read again: {cost:?}");
    let (dataset, cost) = update(&dataset, &near, -3).await;
    println!("the same ten rows as at first, warm: {cost:?}");
    assert!(cost.creates <= 2 + 5 && cost.reads() <= 16 + 2, "{cost:?}");
    assert_eq!(values(&dataset, &[0, 1, 200, 500, 509, 510]).await, [-2, 1, -2, -3, -3, 510]);
}

#[tokio::test]
async fn rows_that_were_updated_ten_times_take_few_requests() {
    let url = "mem://ten-updates";
    let empty = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    let mut dataset = append_numbers(&empty, (0..1000).collect()).await.unwrap();
    for i in 0..10u64 {
        let ids: Vec<u64> = (0..10).map(|n| n * 10 + i).collect();
        dataset = update(&dataset, &ids, -(i as i64) - 1).await.0;
    }
    let cold = Dataset::open(url, Options::default()).await.unwrap();
    let before = cold.metrics().snapshot();
    let positions: Vec<u64> = (0..10).collect();
    let expected: Vec<i64> = (1..11).map(|n| -n).collect();
    assert_eq!(values(&cold, &positions).await, expected);
    let cost = cold.metrics().since(before);
    println!("ten rows of ten updates, cold: {cost:?}");
    // A patch; manifest, directory and payload of each of ten packs.
    assert!(cost.requests() <= 1 + 3 * 10 + 3, "{cost:?}");
    let before = cold.metrics().snapshot();
    assert_eq!(values(&cold, &[3, 4]).await, [-4, -5]);
    assert!(cold.metrics().since(before).requests() <= 2, "a request a pack");
    // Rows beside them do not pay for the updates.
    let before = cold.metrics().snapshot();
    assert_eq!(values(&cold, &[500, 501]).await, [500, 501]);
    assert!(cold.metrics().since(before).requests() <= 3);
    dataset.compact(&crate::bank::compaction(), "", |_, _| ()).await.unwrap();
    let cold = Dataset::open(url, Options::default()).await.unwrap();
    let before = cold.metrics().snapshot();
    assert_eq!(values(&cold, &positions).await, expected);
    let cost = cold.metrics().since(before);
    println!("the same after a compaction, cold: {cost:?}");
    assert!(cost.requests() <= 4, "{cost:?}");
}

#[tokio::test]
async fn the_log_of_a_branch_reads_few_entries_of_others() {
    for (others, budget) in [(0, 20), (1, 50), (30, 80)] {
        let url = format!("mem://branch-log-{others}");
        let empty = Dataset::create(&url, numbers(), Options::default()).await.unwrap();
        let mut main = append_numbers(&empty, vec![0]).await.unwrap();
        let mut side = main.branch("side", "").await.unwrap();
        for i in 0..60 {
            side = append_numbers(&side, vec![i]).await.unwrap();
            for _ in 0..others {
                main = append_numbers(&main, vec![i]).await.unwrap();
            }
        }
        let cold = Dataset::open(&format!("{url}@side"), Options::default()).await.unwrap();
        let before = cold.metrics().snapshot();
        let log = cold.log(20).await.unwrap();
        let cost = cold.metrics().since(before);
        assert_eq!(log.len(), 20);
        assert!(log.iter().all(|line| line.branch == "side"));
        println!("the last 20 of a branch with {others} commits between: {cost:?}");
        assert!(cost.requests() <= budget, "{others}: {cost:?}");
    }
}
