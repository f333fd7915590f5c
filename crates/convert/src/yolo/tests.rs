use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt32Type;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;

use super::*;
use crate::detect::detect;
use crate::testing::All;
use crate::testing::jpeg;
use crate::testing::put;
use crate::testing::read;
use crate::testing::skip;

fn tensor(all: &All, column: &str) -> TensorArray {
    let ty = TensorType::from_column(all.schema.column(column).unwrap());
    TensorArray::try_new(ty, all.batch().column_by_name(column).unwrap()).unwrap()
}

async fn import(root: &Path, options: &ImportOptions) -> Result<All> {
    read(detect(root).await?, options).await
}

#[tokio::test]
async fn both_layouts_become_rows() {
    for (images, labels) in [("images/train", "labels/train"), ("train/images", "train/labels")] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        put(root, "data.yaml", "names:\n  0: cat\n  1: dog\n");
        put(root, &format!("{images}/a.jpg"), jpeg(40, 20, 0));
        put(root, &format!("{images}/b.jpg"), jpeg(40, 20, 1));
        let other = images.replace("train", "val");
        put(root, &format!("{other}/c.jpg"), jpeg(40, 20, 2));
        // A box, and a polygon over the left half.
        put(root, &format!("{labels}/a.txt"), "1 0.5 0.5 0.25 0.5\n0 0 0 0.5 0 0.5 1 0 1\n");
        put(root, &format!("{labels}/lonely.txt"), "1 0.5 0.5 0.25 0.5\n");
        let all = import(root, &ImportOptions::default()).await.unwrap();
        assert_eq!(all.names(), ["images", "filename", "boxes", "labels", "masks", "split"]);
        let boxes = tensor(&all, "boxes");
        let numbers = boxes.elements().as_primitive::<Float32Type>().values().to_vec();
        assert_eq!(numbers, [20.0, 10.0, 10.0, 10.0, 10.0, 10.0, 20.0, 20.0]);
        let labels = tensor(&all, "labels");
        assert_eq!(labels.elements().as_primitive::<UInt32Type>().values().to_vec(), [1, 0]);
        assert_eq!(all.schema.column("labels").unwrap().classes, ["cat", "dog"]);
        let masks = tensor(&all, "masks");
        assert_eq!(*masks.shape(0), [20, 40, 2]);
        assert_eq!(*masks.shape(1), [20, 40, 0]);
        let set = masks.range(0).filter(|at| masks.elements().as_boolean().value(*at)).count();
        assert_eq!(set, 400);
        let splits = ["train", "train", "val"].map(|split| Some(split.to_string()));
        assert_eq!(all.texts("split"), splits);
        assert_eq!(all.warnings.len(), 1);
        assert!(all.warnings[0].file.ends_with("lonely.txt"));
    }
}

#[tokio::test]
async fn classes_without_names_are_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "images/a.jpg", jpeg(40, 20, 0));
    put(root, "labels/a.txt", "2 0.5 0.5 0.25 0.5\n");
    let all = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.schema.column("labels").unwrap().classes, ["0", "1", "2"]);
    put(root, "classes.txt", "ant\nbee\ncat\n");
    let all = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.schema.column("labels").unwrap().classes, ["ant", "bee", "cat"]);
    put(root, "data.yaml", "kpt_shape: [2, 2]\nnames: [x, y, z]\n");
    put(root, "labels/a.txt", "2 0.5 0.5 0.25 0.5 0.5 0.5 0 0\n");
    let all = import(root, &ImportOptions::default()).await.unwrap();
    let points = tensor(&all, "keypoints");
    let numbers = points.elements().as_primitive::<Float32Type>().values().to_vec();
    assert_eq!(*points.shape(0), [1, 2, 3]);
    assert_eq!(numbers, [20.0, 10.0, 2.0, 0.0, 0.0, 0.0]);
}

#[tokio::test]
async fn wrong_lines_are_told_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "data.yaml", "names: [cat]\n");
    put(root, "images/a.jpg", jpeg(40, 20, 0));
    put(root, "images/b.jpg", jpeg(40, 20, 0));
    put(root, "labels/a.txt", "0 0.5 0.5 0.25 0.5\n7 0.5 0.5 0.25 0.5\n");
    put(root, "labels/b.txt", "0 0.5 0.5 0.25 0.5\n");
    let error = import(root, &ImportOptions::default()).await.err().unwrap().to_string();
    assert_eq!(error, "labels/a.txt: line 2: class 7 has no name: there are 1 classes");
    let all = import(root, &skip()).await.unwrap();
    assert_eq!(all.texts("filename"), [Some("images/b.jpg".to_string())]);
    assert_eq!(all.skipped[0].file, "labels/a.txt");
    put(root, "data.yaml", "names: [cat");
    let error = import(root, &skip()).await.err().unwrap().to_string();
    assert!(error.starts_with("data.yaml: wrong YAML"), "{error}");
}
