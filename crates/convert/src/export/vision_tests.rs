use std::fs;

use arrow::array::AsArray;
use futures::stream;
use serde_json::Value;
use serde_json::json;

use super::*;
use crate::detect::detect;
use crate::masks::tests::python;
use crate::options::ImportOptions;
use crate::testing::All;
use crate::testing::jpeg;
use crate::testing::png;
use crate::testing::put;
use crate::testing::read;

async fn import(root: &Path) -> All {
    // Small batches, so that writers meet several.
    let options = ImportOptions { batch_rows: 2, ..ImportOptions::default() };
    read(detect(root).await.unwrap(), &options).await.unwrap()
}

async fn write(
    format: ExportFormat,
    all: &All,
    to: &Path,
    options: &ExportOptions,
) -> Result<Exported> {
    let schema = all.batches[0].schema();
    let batches = all.batches.iter().cloned().map(Ok::<_, Error>);
    export(format, schema, stream::iter(batches), to, options, &|_| {}).await
}

fn coco(root: &Path) {
    let document = json!({
        "images": [
            {"id": 7, "file_name": "b.jpg", "width": 30, "height": 20},
            {"id": 3, "file_name": "sub/a.png", "width": 30, "height": 20},
            {"id": 9, "file_name": "empty.jpg", "width": 6, "height": 4},
        ],
        "annotations": [
            {"id": 1, "image_id": 3, "category_id": 18, "bbox": [2.1, 3.7, 10, 5], "area": 50.5,
             "iscrowd": 0, "segmentation": [[2, 3, 12, 3, 12, 8, 2, 8]],
             "keypoints": [1, 2, 2, 0, 0, 0]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 45,
             "iscrowd": 0, "segmentation": [[0, 0, 10, 0, 10, 10], [20, 0, 25, 0, 25, 4, 20, 4]]},
            {"id": 3, "image_id": 3, "category_id": 1, "bbox": [0, 0, 1, 5], "area": 5,
             "iscrowd": 1, "segmentation": {"size": [20, 30], "counts": [0, 5, 595]}},
            {"id": 5, "image_id": 3, "caption": "two \"things\""},
        ],
        "categories": [
            {"id": 18, "name": "dog", "keypoints": ["nose", "tail"]}, {"id": 1, "name": "person"},
            {"id": 4, "name": "nobody"},
        ],
    });
    put(root, "annotations/instances_val.json", document.to_string());
    put(root, "val/sub/a.png", png(30, 20, 0));
    put(root, "val/b.jpg", jpeg(30, 20, 1));
    put(root, "val/empty.jpg", jpeg(6, 4, 2));
}

#[tokio::test]
async fn coco_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    coco(&folder.path().join("in"));
    let before = import(&folder.path().join("in")).await;
    let out = folder.path().join("out");
    let written =
        write(ExportFormat::Coco, &before, &out, &ExportOptions::default()).await.unwrap();
    assert_eq!((written.rows, written.files), (3, 4));
    let after = import(&out).await;
    assert_eq!(before.schema, after.schema);
    let (first, second) = (before.batch(), after.batch());
    for name in before.names().into_iter().filter(|name| *name != "filename") {
        assert_eq!(first.column_by_name(name), second.column_by_name(name), "{name}");
    }
    // Images byte for byte, below the names that they had.
    assert_eq!(fs::read(out.join("images/val/sub/a.png")).unwrap(), png(30, 20, 0));
    assert!(!out.join("annotations/waiting").exists());
    // A class without rows has an id of its own.
    let text = fs::read_to_string(out.join("annotations/instances.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let categories = &document["categories"];
    assert_eq!(categories[0], json!({"id": 18, "name": "dog"}));
    assert_eq!(categories[2], json!({"id": 19, "name": "nobody"}));
    let found = document["annotations"].as_array().unwrap();
    let boxes: Vec<&Value> = found.iter().filter_map(|a| a.get("bbox")).collect();
    assert!(boxes.contains(&&json!([2.1, 3.7, 10.0, 5.0])), "{boxes:?}");

    let script = "
import json, sys
from pycocotools.coco import COCO
sys.stdout, keep = sys.stderr, sys.stdout
# Captions have no category, and this reader wants one of every annotation.
all = json.load(open(sys.stdin.read()))
all['annotations'] = [a for a in all['annotations'] if 'caption' not in a]
coco = COCO()
coco.dataset = all
coco.createIndex()
out = {str(a['id']): int(coco.annToMask(a).sum())
       for a in coco.loadAnns(coco.getAnnIds()) if a.get('segmentation')}
print(json.dumps(out), file=keep)
";
    let path = out.join("annotations/instances.json");
    let Some(output) = python(script, path.to_str().unwrap()) else { return };
    let areas: Value = serde_json::from_str(&output).unwrap();
    let mut areas: Vec<u64> =
        areas.as_object().unwrap().values().map(|area| area.as_u64().unwrap()).collect();
    areas.sort_unstable();
    assert_eq!(areas, [5, 50, 65]);
}

#[tokio::test]
async fn yolo_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("in");
    put(&root, "data.yaml", "names: ['a: cat', \"dog\"]\n");
    put(&root, "images/a.jpg", jpeg(40, 20, 0));
    put(&root, "images/b.png", png(10, 30, 1));
    put(&root, "images/c.jpg", jpeg(8, 8, 2));
    put(&root, "labels/a.txt", "1 0.5 0.5 0.25 0.5\n0 0.25 0.5 0.125 0.25\n");
    put(&root, "labels/b.txt", "0 0.1 0.9 0.2 0.2\n");
    let before = import(&root).await;
    let out = folder.path().join("out");
    let written =
        write(ExportFormat::Yolo, &before, &out, &ExportOptions::default()).await.unwrap();
    assert_eq!((written.rows, written.files), (3, 6));
    let after = import(&out).await;
    assert_eq!(before.schema, after.schema);
    let (first, second) = (before.batch(), after.batch());
    for name in ["images", "labels"] {
        assert_eq!(first.column_by_name(name), second.column_by_name(name), "{name}");
    }
    let boxes = |batch: &RecordBatch| {
        let boxes = batch.column_by_name("boxes").unwrap().as_struct().column(0);
        let values = boxes.as_list::<i32>().values();
        values.as_primitive::<arrow::datatypes::Float32Type>().values().to_vec()
    };
    for (first, second) in boxes(&first).into_iter().zip(boxes(&second)) {
        assert!((first - second).abs() < 1e-4, "{first} {second}");
    }
}

#[tokio::test]
async fn webdataset_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    coco(&folder.path().join("in"));
    let before = import(&folder.path().join("in")).await;
    let out = folder.path().join("out");
    let options = ExportOptions { shard_rows: 2, ..ExportOptions::default() };
    let written = write(ExportFormat::WebDataset, &before, &out, &options).await.unwrap();
    assert_eq!((written.rows, written.files), (3, 2));
    let once = import(&out).await;
    assert_eq!(once.names()[..2], ["key", "jpg"]);
    let png = once.batch().column_by_name("png").unwrap().as_struct().column(0).clone();
    assert_eq!(
        png.as_binary_view().value(1),
        fs::read(folder.path().join("in/val/sub/a.png")).unwrap()
    );
    let masks = |all: &All, name: &str| {
        let batch = all.batch();
        let array = batch.column_by_name(name).unwrap().as_struct().clone();
        (array.column(0).clone(), array.column(1).clone())
    };
    assert_eq!(masks(&before, "masks"), masks(&once, "masks.npy"));
    // What was read from shards is written as the same members, and read as the same rows.
    let again = folder.path().join("again");
    write(ExportFormat::WebDataset, &once, &again, &ExportOptions::default()).await.unwrap();
    let twice = import(&again).await;
    assert_eq!(once.schema, twice.schema);
    assert_eq!(once.batch(), twice.batch());
    // A shard is closed before it grows beyond its size.
    let small = ExportOptions { shard_bytes: 1, overwrite: true, ..ExportOptions::default() };
    let written = write(ExportFormat::WebDataset, &once, &again, &small).await.unwrap();
    assert_eq!(written.files, 3);
}

#[tokio::test]
async fn images_are_files_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("in");
    put(&root, "cat/1.jpg", jpeg(6, 4, 0));
    put(&root, "dog/2.jpg", jpeg(6, 4, 1));
    // Named like a JPEG, and is none.
    put(&root, "dog/3.jpg", png(6, 4, 2));
    let before = import(&root).await;
    let out = folder.path().join("out");
    write(ExportFormat::Images, &before, &out, &ExportOptions::default()).await.unwrap();
    assert_eq!(fs::read(out.join("cat/1.jpg")).unwrap(), jpeg(6, 4, 0));
    assert_eq!(fs::read(out.join("dog/3.png")).unwrap(), png(6, 4, 2));
    // Nothing is overwritten unasked, and nothing but the result is left.
    let error =
        write(ExportFormat::Images, &before, &out, &ExportOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let options =
        ExportOptions { names: Some("labels".into()), overwrite: true, ..ExportOptions::default() };
    let error = write(ExportFormat::Images, &before, &out, &options).await.unwrap_err();
    assert!(matches!(&error, Error::CannotWrite { column, .. } if column == "labels"), "{error}");
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn hostile_names_and_broken_streams_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("in");
    put(&root, "cat/1.jpg", jpeg(6, 4, 0));
    put(&root, "cat/2.jpg", jpeg(6, 4, 1));
    let all = import(&root).await;
    let batch = all.batch();
    let rename = |names: [&str; 2]| {
        let index = batch.schema().index_of("filename").unwrap();
        let mut columns = batch.columns().to_vec();
        columns[index] =
            std::sync::Arc::new(arrow::array::StringViewArray::from_iter_values(names));
        RecordBatch::try_new(batch.schema(), columns).unwrap()
    };
    let out = folder.path().join("out");
    for (names, row, cause) in [
        (["fine.jpg", "../../escape.jpg"], 1, "no path below a folder"),
        (["/etc/passwd", "fine.jpg"], 0, "no path below a folder"),
        (["same.jpg", "same.jpg"], 1, "another row has written"),
    ] {
        let batches = All {
            batches: vec![rename(names)],
            schema: all.schema.clone(),
            warnings: Vec::new(),
            skipped: Vec::new(),
        };
        for format in [ExportFormat::Images, ExportFormat::Coco] {
            let error = write(format, &batches, &out, &ExportOptions::default()).await.unwrap_err();
            let Error::CannotWrite { row: found, reason, .. } = &error else { panic!("{error}") };
            assert_eq!(*found, Some(row));
            assert!(reason.contains(cause), "{error}");
        }
    }
    let broken = stream::iter([Ok(batch.clone()), Err(Error::Stopped { reason: "test".into() })]);
    let options = ExportOptions::default();
    let error = export(ExportFormat::Images, batch.schema(), broken, &out, &options, &|_| {}).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Rows(_)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
