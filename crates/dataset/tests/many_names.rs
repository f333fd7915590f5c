//! Hundreds of branches, tags and views: more than a log entry has room for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::print_stdout, reason = "figures of a run")]

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Language;
use lakebed_dataset::NewView;
use lakebed_dataset::Options;
use lakebed_dataset::ViewRows;

async fn append(dataset: &Dataset, value: i64) -> Dataset {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![value]));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let mut writer = dataset.append().unwrap();
    writer.write(&batch).await.unwrap();
    writer.commit("").await.unwrap()
}

async fn created(url: &str, options: Options) -> Dataset {
    let schema = Schema::new(vec![Column::scalar("id", DType::I64)]).unwrap();
    Dataset::create(url, schema, options).await.unwrap()
}

fn view() -> NewView {
    NewView {
        language: Language::Tql,
        query: "SELECT *".to_string(),
        parameters: serde_json::Value::Null,
        seed: None,
        rows: ViewRows::Positions(vec![0]),
        weights: None,
    }
}

/// Six times so many tags, three times so many branches, so many views.
async fn named(url: &str, many: usize) -> Dataset {
    let mut dataset = append(&created(url, Options::default()).await, 0).await;
    for n in 0..6 * many {
        dataset = dataset.tag(&format!("training-run-{n}"), "").await.unwrap();
    }
    for n in 0..3 * many {
        dataset.branch(&format!("experiment-{n}"), "").await.unwrap();
    }
    for n in 0..many {
        dataset = dataset.save_view(&format!("hard-{n}"), view(), "").await.unwrap();
    }
    dataset
}

#[tokio::test]
async fn a_thousand_names_cost_a_commit_nothing() {
    let few = append(&created("mem://few-names", Options::default()).await, 0).await;
    drop(named("mem://many-names", 100).await);
    let open = async |url: &str| Dataset::open(url, Options::default()).await.unwrap();
    let mut cost = Vec::new();
    for url in [few.url(), "mem://many-names"] {
        let mut dataset = open(url).await;
        let opening = dataset.metrics().snapshot();
        // Whoever gave the names is looked out for until forgotten, as long as that takes.
        for n in 0..30 {
            dataset = append(&dataset, n).await;
        }
        let settled = dataset.metrics().snapshot();
        for n in 0..20 {
            dataset = append(&dataset, n).await;
        }
        let appending = dataset.metrics().since(settled);
        println!("{url}: opening {opening:?}; 20 commits {appending:?}");
        cost.push((opening, appending));
    }
    let [(few_opening, few_commits), (many_opening, many_commits)] = cost[..] else { panic!() };
    assert_eq!(many_opening.reads(), few_opening.reads() + 1, "the object with the names");
    assert_eq!(many_commits.requests(), few_commits.requests());
    assert!(many_commits.bytes_written < few_commits.bytes_written + 20 * 5_000);
}

#[tokio::test]
async fn names_are_found_moved_deleted_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let dataset = named(url, 20).await;
    let opened = Dataset::open(url, Options::default()).await.unwrap();
    assert_eq!((opened.tags().len(), opened.branches().len()), (120, 61));
    assert_eq!((opened.views().len(), opened.version()), (20, dataset.version()));
    assert_eq!(opened.at_name("training-run-0").await.unwrap().num_rows(), 1);
    assert_eq!(opened.view("hard-19").await.unwrap().len(), 1);

    // A branch deep in the object gets a commit; a name of the object goes, and comes as another kind.
    let branch = opened.at_name("experiment-7").await.unwrap();
    append(&branch, 1).await;
    let main = opened.refresh().await.unwrap().delete_ref("training-run-5", "").await.unwrap();
    let main = main.delete_ref("hard-5", "").await.unwrap();
    main.branch("hard-5", "").await.unwrap();
    let opened = Dataset::open(url, Options::default()).await.unwrap();
    assert_eq!(opened.at_name("experiment-7").await.unwrap().num_rows(), 2);
    assert_eq!(opened.at_name("experiment-8").await.unwrap().num_rows(), 1);
    let gone = opened.at_name("training-run-5").await.unwrap_err();
    assert!(matches!(gone, Error::NoSuchRef { .. }), "{gone}");
    assert_eq!((opened.branches().len(), opened.views().len()), (62, 19));
    let taken = opened.tag("training-run-6", "").await.unwrap_err();
    assert!(matches!(taken, Error::NameTaken { .. }), "{taken}");

    // What names keep survives a collection; objects with older names do not.
    let stored = || walk(folder.path(), "meta").len();
    let before = stored();
    let dataset = opened.expire(opened.newest_version(), "").await.unwrap();
    let mut dataset = dataset;
    for _ in 0..3 {
        dataset.collect_garbage("", |_, _| ()).await.unwrap();
        dataset = Dataset::open(url, Options::default()).await.unwrap();
    }
    println!("{before} objects under meta, {} after a collection", stored());
    assert!(stored() < before);
    assert_eq!(dataset.at_name("training-run-9").await.unwrap().num_rows(), 1);
    assert_eq!(dataset.view("hard-18").await.unwrap().len(), 1);
    assert!(dataset.verify(|_, _| ()).await.unwrap().damage.is_empty());
}

fn walk(root: &std::path::Path, under: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root.join(under)).unwrap() {
        let files = std::fs::read_dir(folder.unwrap().path()).unwrap();
        found.extend(files.map(|file| file.unwrap().path()));
    }
    found
}

#[tokio::test]
async fn damaged_names_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    // So little room that the branch alone is too much.
    let options = Options { inline_refs_bytes: 30, ..Options::default() };
    let dataset = append(&created(url, options).await, 0).await;
    dataset.tag("kept", "").await.unwrap();
    let objects = walk(folder.path(), "meta");
    let newest = objects.iter().max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    let path = newest.unwrap();
    let bytes = std::fs::read(path).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        std::fs::write(path, &damaged).unwrap();
        let error = Dataset::open(url, Options::default()).await.unwrap_err();
        assert!(error.is_damage(), "{at}: {error}");
    }
    std::fs::remove_file(path).unwrap();
    assert!(Dataset::open(url, Options::default()).await.is_err());
    std::fs::write(path, &bytes).unwrap();
    let opened = Dataset::open(url, Options::default()).await.unwrap();
    assert_eq!(opened.tags().len(), 1);
}
