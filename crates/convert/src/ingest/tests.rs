use std::path::Path;
use std::sync::Mutex;

use lakebed_dataset::ColumnRead;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;

use super::*;
use crate::detect::detect;
use crate::error::Error;
use crate::testing::jpeg;
use crate::testing::put;
use crate::testing::read;
use crate::testing::shared;
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

/// Every column of every row, as the dataset gives it back.
async fn all_of(dataset: &Dataset) -> RecordBatch {
    let mut batches = Vec::new();
    for fragment in dataset.fragments().await.unwrap().iter() {
        let columns = dataset.schema().columns.iter();
        let columns = columns.map(|column| ColumnRead { column: column.id, part: Part::Whole });
        let request = ReadRequest {
            fragment: fragment.clone(),
            rows: Rows::Range(0..fragment.rows),
            columns: columns.collect(),
        };
        batches.push(dataset.read(&request).await.unwrap());
    }
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

async fn comes_back(root: &Path) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let options = ImportOptions::default();
    let expected = read(detect(root).await.unwrap(), &options).await.unwrap();
    let source = detect(root).await.unwrap();
    let empty = create(folder.path(), source.as_ref()).await;
    let report = ingest(source, &empty, &options, &quiet).await.unwrap();
    let again = Dataset::open(empty.url(), Options::default()).await.unwrap();
    let (found, expected) = (all_of(&again).await, expected.batch());
    assert_eq!(found.num_rows(), expected.num_rows());
    for (index, column) in again.schema().columns.iter().enumerate() {
        assert_eq!(
            found.column(index).as_ref(),
            expected.column(index).as_ref(),
            "{}",
            column.name
        );
    }
    report
}

#[tokio::test]
async fn every_column_of_pascal_voc_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        let image = format!("JPEGImages/{name}.jpg");
        put(folder.path(), &image, jpeg(8, 8, name.as_bytes()[0]));
    }
    let object = "<object><name>cat</name><pose>Left</pose><truncated>1</truncated><bndbox>\
        <xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>";
    let full = format!(
        "<annotation><folder>f</folder><path>p</path><source><database>d</database></source>\
         <size><width>8</width><height>8</height><depth>3</depth></size>\
         <segmented>0</segmented><owner>me</owner>{object}{object}</annotation>"
    );
    put(folder.path(), "Annotations/a.xml", &full);
    put(folder.path(), "Annotations/b.xml", "<annotation/>");
    put(folder.path(), "Annotations/c.xml", full.replace("Left", "").replace("cat", "dog"));
    put(folder.path(), "ImageSets/Main/train.txt", "a\n");
    let report = comes_back(folder.path()).await;
    assert_eq!(report.dataset.schema().columns.len(), 15);
    assert!(report.warnings.is_empty());
}

#[tokio::test]
async fn bccd_comes_back() {
    let Some(root) = shared("bccd") else { return };
    let report = comes_back(&root).await;
    assert_eq!((report.rows, report.warning_count), (364, 2));
}

fn into_empty() -> ImportOptions {
    ImportOptions { into_empty: true, ..ImportOptions::default() }
}

#[tokio::test]
async fn of_two_first_ingests_the_second_fails() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.csv", "x\n1\n2\n");
    put(folder.path(), "b.csv", "x\n3\n4\n");
    let open = async |name: &str| detect(&folder.path().join(name)).await.unwrap();
    let empty = create(folder.path(), open("a.csv").await.as_ref()).await;
    let first = ingest(open("a.csv").await, &empty, &into_empty(), &quiet).await.unwrap();
    // It was opened before the first was done.
    let second = ingest(open("b.csv").await, &empty, &into_empty(), &quiet).await;
    assert!(matches!(second, Err(Error::HasRows { rows: 2, .. })), "{second:?}");
    assert_eq!(empty.refresh().await.unwrap().version(), first.dataset.version());

    // One beside the other, as far as they go.
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let empty = create(folder.path(), open("a.csv").await.as_ref()).await;
        let options = into_empty();
        let (a, b) = (open("a.csv").await, open("b.csv").await);
        let (a, b) =
            tokio::join!(ingest(a, &empty, &options, &quiet), ingest(b, &empty, &options, &quiet));
        assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1, "{a:?} {b:?}");
        assert_eq!(empty.refresh().await.unwrap().num_rows(), 2);
    }
    // Others may append.
    let plain = ImportOptions::default();
    let more = ingest(open("b.csv").await, &empty, &plain, &quiet).await.unwrap();
    assert_eq!(more.dataset.num_rows(), 4);
}

#[tokio::test]
async fn what_a_failed_ingest_leaves_takes_other_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    put(folder.path(), "x.csv", "x,y,z\n1,2,3\n");
    let empty = create(folder.path(), detect(&path).await.unwrap().as_ref()).await;
    put(folder.path(), "x.csv", "w,x,y\na,1,2.5\n");
    let source = detect(&path).await.unwrap();
    let taken = take_columns(&empty, source.schema()).await.unwrap();
    let mut names: Vec<_> = taken.schema().columns.iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["w", "x", "y"]);
    // Rows for the columns before cannot be committed any more.
    put(folder.path(), "old.csv", "x,y,z\n1,2,3\n");
    let old = detect(&folder.path().join("old.csv")).await.unwrap();
    let old = ingest(old, &empty, &into_empty(), &quiet).await;
    assert!(matches!(old, Err(Error::Dataset(_))), "{old:?}");
    let report = ingest(source, &taken, &into_empty(), &quiet).await.unwrap();
    assert_eq!(report.dataset.num_rows(), 1);

    // A dataset that fits, or has rows, stays as it is.
    let same = take_columns(&taken, taken.schema()).await.unwrap();
    assert_eq!(same.version(), taken.version());
    let other = detect(&folder.path().join("old.csv")).await.unwrap();
    let kept = take_columns(&report.dataset, other.schema()).await.unwrap();
    assert_eq!(kept.version(), report.dataset.version());
    // So does one whose columns somebody chose.
    let folder = tempfile::tempdir().unwrap();
    let chosen = create(folder.path(), other.as_ref()).await;
    let chosen = chosen.add_column(Column::text("note").nullable(), "a note").await.unwrap();
    let kept = take_columns(&chosen, report.dataset.schema()).await.unwrap();
    assert_eq!(kept.version(), chosen.version());
}
