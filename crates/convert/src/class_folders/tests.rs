use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use arrow::datatypes::UInt32Type;

use super::*;
use crate::detect::detect;
use crate::testing::All;
use crate::testing::jpeg;
use crate::testing::png;
use crate::testing::put;
use crate::testing::read;
use crate::testing::shared;
use crate::testing::skip;

async fn import(root: &Path, options: &ImportOptions) -> Result<All> {
    let source = detect(root).await?;
    assert_eq!(source.format(), "class folders");
    read(source, options).await
}

fn labels(all: &All) -> Vec<u32> {
    let batch = all.batch();
    batch.column_by_name("labels").unwrap().as_primitive::<UInt32Type>().values().to_vec()
}

#[tokio::test]
async fn rows_are_sorted_and_bytes_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "dog/2.png", png(5, 4, 1));
    put(root, "dog/10.jpg", jpeg(9, 8, 2));
    put(root, "cat/nested/x", jpeg(3, 2, 3));
    put(root, "ant/1.JPG", jpeg(3, 2, 4));
    put(root, "README.md", "about");
    put(root, "ant/notes.npy", "??");
    let all = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.names(), ["images", "labels", "filename"]);
    assert_eq!(all.schema.columns[1].classes, ["ant", "dog", "nested"]);
    let files = ["ant/1.JPG", "cat/nested/x", "dog/10.jpg", "dog/2.png"];
    assert_eq!(all.texts("filename"), files.map(|file| Some(file.to_string())));
    assert_eq!(labels(&all), [0, 2, 1, 1]);
    assert_eq!(all.warnings.len(), 1);
    assert_eq!(all.warnings[0].file, "ant/notes.npy");

    let batch = all.batch();
    let images = batch.column(0).as_struct();
    let data = images.column(0).as_binary_view();
    for (row, file) in files.iter().enumerate() {
        assert_eq!(data.value(row), std::fs::read(root.join(file)).unwrap(), "{file}");
    }
    let shapes = images.column(1).as_fixed_size_list().values().clone();
    let expected = [2, 3, 3, 2, 3, 3, 8, 9, 3, 4, 5, 3];
    assert_eq!(shapes.as_primitive::<Int32Type>().values().to_vec(), expected);
}

#[tokio::test]
async fn splits_are_a_column_if_there_are_several() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "train/cat/1.jpg", jpeg(4, 4, 0));
    let one = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(one.names(), ["images", "labels", "filename"]);
    put(root, "Test/cat/1.jpg", jpeg(4, 4, 0));
    put(root, "more/cat/1.jpg", jpeg(4, 4, 0));
    let all = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.schema.columns[1].classes, ["cat"]);
    let expected = [Some("Test".to_string()), None, Some("train".to_string())];
    assert_eq!(all.texts("split"), expected);
}

#[tokio::test]
async fn bad_files_fail_or_are_skipped() {
    let whole = png(40, 40, 0);
    let bad: [(&str, &[u8]); 5] = [
        ("cat/empty.jpg", b""),
        ("cat/half.png", &whole[..whole.len() / 2]),
        ("cat/moving.gif", b"GIF89a"),
        ("cat/text.jpg", b"this is no picture"),
        ("stray.png", &whole),
    ];
    for (file, bytes) in bad {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        put(root, "cat/good.png", &whole);
        put(root, file, bytes);
        match import(root, &ImportOptions::default()).await {
            Err(Error::File(problem)) => assert_eq!(problem.file, file),
            other => panic!("{file}: {:?}", other.err()),
        }
        let all = import(root, &skip()).await.unwrap();
        assert_eq!(all.texts("filename"), [Some("cat/good.png".to_string())]);
        assert_eq!(all.skipped.len(), 1, "{file}");
        assert_eq!(all.skipped[0].file, file);
    }
}

#[tokio::test]
async fn folders_without_images_say_what_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let error = detect(folder.path()).await.err().unwrap().to_string();
    assert!(error.contains("Annotations") && error.contains("classes"), "{error}");
    put(folder.path(), "1.jpg", jpeg(4, 4, 0));
    let error = detect(folder.path()).await.err().unwrap().to_string();
    assert!(error.contains("'1.jpg'") && error.contains("named after its class"), "{error}");
    let file = folder.path().join("1.jpg");
    assert!(matches!(detect(&file).await, Err(Error::NotAFolder { .. })));
    let nothing = folder.path().join("nothing");
    assert!(matches!(detect(&nothing).await, Err(Error::Read { .. })));
}

#[tokio::test]
async fn batches_end_at_their_bounds_and_keep_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = png(16, 16, 0);
    for index in 0..25 {
        put(folder.path(), &format!("c/{index:02}.png"), &bytes);
    }
    let names: Vec<_> = (0..25).map(|index| Some(format!("c/{index:02}.png"))).collect();
    let by_rows = ImportOptions { batch_rows: 10, ..ImportOptions::default() };
    let all = import(folder.path(), &by_rows).await.unwrap();
    assert_eq!(all.batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(all.texts("filename"), names);
    let batch_bytes = 4 * (bytes.len() + "c/00.png".len());
    let by_bytes = ImportOptions { batch_bytes, parallel: 7, ..ImportOptions::default() };
    let all = import(folder.path(), &by_bytes).await.unwrap();
    let rows: Vec<_> = all.batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(rows, [4, 4, 4, 4, 4, 4, 1]);
    assert_eq!(all.texts("filename"), names);
    let tiny = ImportOptions { batch_bytes: 0, ..ImportOptions::default() };
    assert_eq!(import(folder.path(), &tiny).await.unwrap().batches.len(), 25);
}

#[tokio::test]
async fn large_and_small_files_share_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    // What follows a picture's end is kept as well: it makes a small picture a large file.
    let mut large = jpeg(64, 64, 1);
    large.resize((1 << 20) + 1, 7);
    put(root, "c/1.jpg", jpeg(4, 4, 0));
    put(root, "c/2.jpg", &large);
    put(root, "c/3.jpg", jpeg(5, 5, 0));
    let all = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.batches.len(), 1);
    let images = all.batches[0].column(0).as_struct().column(0).as_binary_view().clone();
    assert_eq!(images.value(0), jpeg(4, 4, 0));
    assert_eq!(images.value(1), large);
    assert_eq!(images.value(2), jpeg(5, 5, 0));
}

#[tokio::test]
async fn cifar10() {
    let Some(root) = shared("cifar10") else { return };
    let source = detect(&root).await.unwrap();
    assert_eq!(source.rows(), 2000);
    let all = read(source, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.names(), ["images", "labels", "filename"]);
    assert_eq!(all.schema.columns[1].classes.len(), 10);
    assert!(all.warnings.is_empty());
    let mut counts = [0; 10];
    for label in labels(&all) {
        counts[usize::try_from(label).unwrap()] += 1;
    }
    assert_eq!(counts, [200; 10]);
    let batch = all.batch();
    let images = batch.column(0).as_struct();
    let names = all.texts("filename");
    for row in (0..2000).step_by(97) {
        let file = std::fs::read(root.join(names[row].as_ref().unwrap())).unwrap();
        assert_eq!(images.column(0).as_binary_view().value(row), file);
    }
    let shapes = images.column(1).as_fixed_size_list().values().clone();
    let shapes = shapes.as_primitive::<Int32Type>();
    assert!(shapes.values().chunks(3).all(|shape| shape == [32, 32, 3]));
}
