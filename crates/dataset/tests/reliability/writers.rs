//! Several writers at once: every commit once, or a reason.

use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use serde_json::json;

use super::append_numbers;
use super::batch;
use super::numbers;
use super::read_numbers;

const TASKS: i64 = 8;
const EACH: i64 = 20;

/// Races writers, each with a handle of its own, and checks that each commit is there once.
async fn race(url: String) {
    Dataset::create(&url, numbers(), Options::default()).await.unwrap();
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let url = url.clone();
        tasks.push(tokio::spawn(async move {
            let dataset = Dataset::open(&url, Options::default()).await.unwrap();
            let mut retried = 0;
            for i in 0..EACH {
                let number = task * EACH + i;
                // Always from the snapshot that was opened first: each commit goes on top of others.
                loop {
                    match append_numbers(&dataset, vec![number, -number]).await {
                        Ok(_) => break,
                        Err(Error::Conflict { .. }) => retried += 1,
                        Err(other) => panic!("{other}"),
                    }
                }
            }
            retried
        }));
    }
    let mut retried = 0;
    for task in tasks {
        retried += task.await.unwrap();
    }
    let dataset = Dataset::open(&url, Options::default()).await.unwrap();
    assert_eq!(dataset.version() as i64, TASKS * EACH);
    let numbers = read_numbers(&dataset).await;
    let (mut first, mut second): (Vec<i64>, Vec<i64>) =
        numbers.chunks(2).map(|pair| (pair[0], -pair[1])).unzip();
    assert_eq!(first, second, "rows of one commit stay together");
    first.sort_unstable();
    second.dedup();
    assert!(first.into_iter().eq(0..TASKS * EACH), "every commit once");
    let fragments = dataset.fragments().await.unwrap();
    for (nth, fragment) in fragments.iter().enumerate() {
        assert_eq!(fragment.pointer.first_row_id, 2 * nth as u64);
        assert_eq!(fragment.pointer.stamp, nth as u64 + 1);
    }
    assert!(dataset.verify(|_, _| ()).await.unwrap().damage.is_empty());
    println!("{} commits of {TASKS} writers at {url}, {retried} told to repeat", TASKS * EACH);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_of_racing_writers_are_all_there_once() {
    race("mem://race".into()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_of_racing_writers_on_disk_are_all_there_once() {
    let folder = tempfile::tempdir().unwrap();
    race(folder.path().join("dataset").to_str().unwrap().to_string()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_creations_of_one_dataset_one_wins() {
    let tasks: Vec<_> = (0..16)
        .map(|_| tokio::spawn(Dataset::create("mem://born-once", numbers(), Options::default())))
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(Error::Exists { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn an_append_goes_on_top_of_whatever_goes_together_with_it() {
    let dataset = Dataset::create("mem://rebase", numbers(), Options::default()).await.unwrap();
    let one = |n: i64| -> arrow::array::ArrayRef {
        std::sync::Arc::new(arrow::array::Int64Array::from(vec![n]))
    };
    let mut slow = dataset.append().unwrap();
    slow.write(&batch(dataset.schema(), vec![one(2)])).await.unwrap();
    append_numbers(&dataset, vec![1]).await.unwrap();
    let filled = Column::scalar("y", DType::I64).with_fill(json!(0));
    dataset.add_column(filled, "y").await.unwrap();
    let after = slow.commit("slow").await.unwrap();
    assert_eq!((after.version(), after.num_rows()), (3, 2));
    assert_eq!(read_numbers(&after).await, [1, 2]);
    // A reader keeps its snapshot meanwhile.
    assert_eq!((dataset.num_rows(), read_numbers(&dataset).await.len()), (0, 0));

    // A column that these rows have no value for.
    let url = "mem://no-rebase";
    let dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    let mut slow = dataset.append().unwrap();
    slow.write(&batch(dataset.schema(), vec![one(2)])).await.unwrap();
    dataset.add_column(Column::scalar("y", DType::I64), "y").await.unwrap();
    let error = slow.commit("slow").await.unwrap_err();
    assert!(matches!(error, Error::Conflict { number: 1, .. }), "{error}");
    assert!(error.to_string().contains("'y'"), "{error}");
    assert_eq!(Dataset::open(url, Options::default()).await.unwrap().version(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn columns_added_at_the_same_time_get_ids_of_their_own() {
    let dataset = Dataset::create("mem://columns", numbers(), Options::default()).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let dataset = dataset.clone();
            let column = Column::text(format!("c{i}")).nullable();
            tokio::spawn(async move { dataset.add_column(column, "a column").await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let schema = dataset.refresh().await.unwrap().schema().clone();
    let mut ids: Vec<u64> = schema.columns.iter().map(|column| column.id.0).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..9));
}
