use std::path::Path;
use std::sync::Mutex;

use lakebed_dataset::Options;

use super::*;
use crate::detect::detect;
use crate::error::Error;
use crate::testing::jpeg;
use crate::testing::put;
use crate::testing::skip;

async fn create(folder: &Path, source: &dyn Source) -> Dataset {
    let url = folder.join("dataset");
    let schema = source.schema().clone();
    Dataset::create(url.to_str().unwrap(), schema, Options::default()).await.unwrap()
}

fn quiet(_: Progress) {}

#[tokio::test]
async fn all_rows_come_with_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("pictures");
    for index in 0..10 {
        put(&root, &format!("cat/{index}.jpg"), jpeg(8, 8, index));
    }
    let source = detect(&root).await.unwrap();
    let empty = create(folder.path(), source.as_ref()).await;
    let options = ImportOptions { batch_rows: 3, ..ImportOptions::default() };
    let seen = Mutex::new(Vec::new());
    let progress = |at: Progress| seen.lock().unwrap().push((at.rows, at.total));
    let report = ingest(source, &empty, &options, &progress).await.unwrap();
    assert_eq!(report.rows, 10);
    assert_eq!(report.dataset.num_rows(), 10);
    assert_eq!(report.dataset.version(), empty.version() + 1);
    assert_eq!(*seen.lock().unwrap(), [(3, 10), (6, 10), (9, 10), (10, 10)]);

    // Once more, with another list of classes.
    put(&root, "ant/1.jpg", jpeg(8, 8, 0));
    let source = detect(&root).await.unwrap();
    let error = ingest(source, &report.dataset, &options, &quiet).await.unwrap_err();
    assert!(matches!(error, Error::DoesNotFit { .. }), "{error}");
    std::fs::remove_dir_all(root.join("ant")).unwrap();
    let source = detect(&root).await.unwrap();
    let report = ingest(source, &report.dataset, &options, &quiet).await.unwrap();
    assert_eq!(report.dataset.num_rows(), 20);
}

#[tokio::test]
async fn an_error_commits_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("pictures");
    put(&root, "cat/1.jpg", jpeg(8, 8, 0));
    put(&root, "cat/2.jpg", "no picture");
    let source = detect(&root).await.unwrap();
    let empty = create(folder.path(), source.as_ref()).await;
    let one = ImportOptions { batch_rows: 1, ..ImportOptions::default() };
    let error = ingest(source, &empty, &one, &quiet).await.unwrap_err();
    assert!(error.to_string().contains("cat/2.jpg"), "{error}");
    let now = empty.refresh().await.unwrap();
    assert_eq!((now.num_rows(), now.version()), (0, empty.version()));

    let source = detect(&root).await.unwrap();
    let report = ingest(source, &empty, &skip(), &quiet).await.unwrap();
    assert_eq!((report.rows, report.skipped_count), (1, 1));
    assert_eq!(report.skipped[0].file, "cat/2.jpg");

    // If every row is left out there is nothing to commit.
    std::fs::remove_file(root.join("cat/1.jpg")).unwrap();
    let source = detect(&root).await.unwrap();
    let again = ingest(source, &report.dataset, &skip(), &quiet).await.unwrap();
    assert_eq!((again.rows, again.dataset.version()), (0, report.dataset.version()));
}
