use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt32Type;
use lakebed_core::BoxFormat;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;
use serde_json::Value;
use serde_json::json;

use super::*;
use crate::detect::detect;
use crate::testing::All;
use crate::testing::jpeg;
use crate::testing::png;
use crate::testing::put;
use crate::testing::read;
use crate::testing::skip;

fn tensor(all: &All, column: &str) -> TensorArray {
    let ty = TensorType::from_column(all.schema.column(column).unwrap());
    TensorArray::try_new(ty, all.batch().column_by_name(column).unwrap()).unwrap()
}

/// The pixels of each mask of a row.
fn areas(all: &All, row: usize) -> Vec<usize> {
    let masks = tensor(all, "masks");
    let count = masks.shape(row)[2];
    let mut areas = vec![0; count];
    for (index, at) in masks.range(row).enumerate() {
        areas[index % count] += usize::from(masks.elements().as_boolean().value(at));
    }
    areas
}

async fn import(root: &Path, options: &ImportOptions) -> Result<All> {
    read(detect(root).await?, options).await
}

/// Two images of 30 x 20 pixels, and one of 6 x 4 without annotations.
fn document() -> Value {
    json!({
        "info": {"description": "made up, \"annotations\": [1]"},
        "images": [
            {"id": 7, "file_name": "b.jpg", "width": 30, "height": 20, "license": 1},
            {"id": 3, "file_name": "a.png", "width": 30, "height": 20},
            {"id": 9, "file_name": "empty.jpg", "width": 6, "height": 4},
        ],
        "annotations": [
            {"id": 1, "image_id": 3, "category_id": 18, "bbox": [2.5, 3, 10, 5], "area": 50.0,
             "iscrowd": 0, "segmentation": [[2, 3, 12, 3, 12, 8, 2, 8]]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 45,
             "iscrowd": 0, "segmentation": [[0, 0, 10, 0, 10, 10], [20, 0, 25, 0, 25, 4, 20, 4]]},
            {"id": 3, "image_id": 3, "category_id": 1, "bbox": [0, 0, 1, 5], "area": 5,
             "iscrowd": 1, "segmentation": {"size": [20, 30], "counts": [0, 5, 595]}},
            {"id": 4, "image_id": 3, "category_id": 18, "bbox": [0, 0, 1, 5], "iscrowd": 0,
             "segmentation": []},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
    })
}

fn folder(document: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "annotations/instances_val.json", document.to_string());
    put(folder.path(), "val/a.png", png(30, 20, 0));
    put(folder.path(), "val/b.jpg", jpeg(30, 20, 1));
    put(folder.path(), "val/empty.jpg", jpeg(6, 4, 2));
    folder
}

#[tokio::test]
async fn annotations_become_rows() {
    let folder = folder(&document());
    let all = import(folder.path(), &ImportOptions::default()).await.unwrap();
    let expected = [
        "images",
        "filename",
        "image_id",
        "boxes",
        "labels",
        "category_ids",
        "masks",
        "area",
        "iscrowd",
    ];
    assert_eq!(all.names(), expected);
    assert!(all.warnings.is_empty(), "{:?}", all.warnings);
    let names = ["val/b.jpg", "val/a.png", "val/empty.jpg"].map(|name| Some(name.to_string()));
    assert_eq!(all.texts("filename"), names);
    let batch = all.batch();
    let images = batch.column(0).as_struct().column(0).as_binary_view();
    assert_eq!(images.value(1), png(30, 20, 0));
    assert_eq!(batch.column(2).as_primitive::<Int64Type>().values().to_vec(), [7, 3, 9]);

    assert_eq!(all.schema.column("boxes").unwrap().box_format, Some(BoxFormat::Ltwh));
    let boxes = tensor(&all, "boxes");
    assert_eq!((boxes.shape(0)[0], boxes.shape(1)[0], boxes.shape(2)[0]), (1, 3, 0));
    let numbers = &boxes.elements().as_primitive::<Float32Type>().values()[boxes.range(1)];
    assert_eq!(numbers[..4], [2.5, 3.0, 10.0, 5.0]);
    assert_eq!(all.schema.column("labels").unwrap().classes, ["dog", "person"]);
    let labels = tensor(&all, "labels");
    assert_eq!(labels.elements().as_primitive::<UInt32Type>().values().to_vec(), [1, 0, 1, 0]);
    let ids = tensor(&all, "category_ids");
    assert_eq!(ids.elements().as_primitive::<Int64Type>().values().to_vec(), [1, 18, 1, 18]);
    let crowd = tensor(&all, "iscrowd");
    assert_eq!(crowd.elements().as_primitive::<UInt8Type>().values().to_vec(), [0, 0, 1, 0]);
    let area = tensor(&all, "area");
    let area = area.elements().as_primitive::<Float64Type>().values().to_vec();
    assert_eq!(area[..3], [45.0, 50.0, 5.0]);
    assert!(area[3].is_nan());

    assert_eq!(*tensor(&all, "masks").shape(1), [20, 30, 3]);
    assert_eq!(*tensor(&all, "masks").shape(2), [4, 6, 0]);
    // A triangle of 45 pixels and a rectangle of 20; a rectangle, a run of five, and nothing.
    assert_eq!(areas(&all, 0), [65]);
    assert_eq!(areas(&all, 1), [50, 5, 0]);
}

#[tokio::test]
async fn a_file_and_its_order_do_not_matter() {
    let mut document = document();
    let map = document.as_object_mut().unwrap();
    let images = map.shift_remove("images").unwrap();
    map.insert("images".into(), images);
    map["annotations"][2]["segmentation"]["counts"] = json!("05cb0");
    let folder = folder(&document);
    let file = folder.path().join("annotations/instances_val.json");
    let all = import(&file, &ImportOptions::default()).await.unwrap();
    assert_eq!(areas(&all, 1), [50, 5, 0]);
    let options = CocoOptions { masks: false, ..CocoOptions::default() };
    let source = Coco::open(&file, &options, &ImportOptions::default()).await.unwrap();
    let all = read(Box::new(source), &ImportOptions::default()).await.unwrap();
    assert!(!all.names().contains(&"masks"));
    assert_eq!(all.batch().num_rows(), 3);
}

#[tokio::test]
async fn keypoints_and_captions_are_columns() {
    let mut document = document();
    for annotation in document["annotations"].as_array_mut().unwrap() {
        annotation.as_object_mut().unwrap().shift_remove("segmentation");
    }
    document["annotations"][0]["keypoints"] = json!([1, 2, 2, 3.5, 4, 1]);
    document["categories"][0]["keypoints"] = json!(["nose", "tail"]);
    let caption =
        |id: u32, image: u32, text: &str| json!({"id": id, "image_id": image, "caption": text});
    let annotations = document["annotations"].as_array_mut().unwrap();
    annotations.insert(1, caption(11, 3, "a dog"));
    annotations.push(caption(12, 3, "\u{e9}t\u{e9}"));
    let all = import(folder(&document).path(), &ImportOptions::default()).await.unwrap();
    let keypoints = tensor(&all, "keypoints");
    assert_eq!(*keypoints.shape(1), [3, 2, 3]);
    let numbers = &keypoints.elements().as_primitive::<Float32Type>().values()[keypoints.range(1)];
    assert_eq!(numbers[..7], [1.0, 2.0, 2.0, 3.5, 4.0, 1.0, 0.0]);
    let captions = all.batch().column_by_name("captions").unwrap().as_list::<i32>().value(1);
    let captions: Vec<_> = captions.as_string_view().iter().map(Option::unwrap).collect();
    assert_eq!(captions, ["a dog", "\u{e9}t\u{e9}"]);
}

/// Changes one annotation of the image 3 and says how the import ends.
async fn with(change: impl FnOnce(&mut Value), raw: Option<(&str, &str)>) -> Problem {
    let mut document = document();
    change(&mut document["annotations"][2]);
    let folder = folder(&document);
    if let Some((from, to)) = raw {
        let text = document.to_string();
        assert!(text.contains(from), "{text}");
        put(folder.path(), "annotations/instances_val.json", text.replacen(from, to, 1));
    }
    let error = import(folder.path(), &ImportOptions::default()).await.err().unwrap();
    let Error::File(problem) = error else { panic!("{error}") };
    assert_eq!(problem.file, "annotations/instances_val.json");
    // The other rows are imported, and the bad one listed with the same words.
    let all = import(folder.path(), &skip()).await.unwrap();
    assert_eq!(all.skipped, std::slice::from_ref(&problem));
    problem
}

#[tokio::test]
async fn bad_annotations_are_named_by_their_id() {
    let counts = |counts: Value| {
        move |a: &mut Value| a["segmentation"] = json!({"size": [20, 30], "counts": counts})
    };
    let cases: Vec<(Problem, &str)> = vec![
        (with(|a| a["category_id"] = json!(5), None).await, "there is no category 5"),
        (with(|a| a["category_id"] = json!(null), None).await, "no category_id"),
        (with(|a| a["bbox"] = json!(null), None).await, "no bbox"),
        (with(|a| a["bbox"] = json!([1, 2, 3]), None).await, "invalid length 3"),
        (with(|a| a["bbox"] = json!([1e300, 2, 3, 4]), None).await, "32-bit"),
        (with(|a| a["bbox"] = json!([1234, 0, 1, 5]), Some(("1234", "NaN"))).await, "NaN"),
        (with(|a| a["segmentation"] = json!([[1, 2, 3, 4, 5]]), None).await, "5 numbers"),
        (with(|a| a["segmentation"] = json!([[1, 2, 3, 4]]), None).await, "2 corners"),
        (with(|a| a["segmentation"] = json!([[1, 2, 1e12, 4, 5, 6]]), None).await, "far outside"),
        (
            with(counts(json!([5, 1_000_000_000])), None).await,
            "count 1 of the run lengths goes beyond",
        ),
        (with(counts(json!([5, 5])), None).await, "cover 10 pixels"),
        (with(counts(json!([-5, 605])), None).await, "count 0 of the run lengths is -5"),
        (with(counts(json!("P")), None).await, "inside a count"),
        (
            with(|a| a["segmentation"] = json!({"size": [9, 9], "counts": [81]}), None).await,
            "are of 9 x 9",
        ),
        (with(|a| a["segmentation"] = json!({"counts": [600]}), None).await, "size"),
    ];
    for (problem, cause) in cases {
        assert!(problem.cause.starts_with("annotation 3: "), "{problem}");
        assert!(problem.cause.contains(cause), "{cause}: {problem}");
        assert_eq!(problem.object.map(|object| object.index), Some(1));
    }
}

#[tokio::test]
async fn what_has_no_image_is_told() {
    let mut document = document();
    document["annotations"][2]["image_id"] = json!(55);
    let folder = folder(&document);
    let error = import(folder.path(), &ImportOptions::default()).await.err().unwrap().to_string();
    assert_eq!(error, "annotations/instances_val.json: annotation 3: there is no image 55");
    let all = import(folder.path(), &skip()).await.unwrap();
    assert_eq!((all.batch().num_rows(), all.skipped.len()), (3, 1));

    std::fs::remove_file(folder.path().join("val/b.jpg")).unwrap();
    put(folder.path(), "val/empty.jpg", &jpeg(6, 4, 2)[..100]);
    let all = import(folder.path(), &skip()).await.unwrap();
    let told: Vec<String> = all.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(all.batch().num_rows(), 1);
    assert!(told[1].contains("image 7 ('b.jpg'): the file is missing"), "{told:?}");
    assert!(told[2].starts_with("val/empty.jpg: "), "{told:?}");
}

#[tokio::test]
async fn masks_that_cannot_fit_are_refused() {
    let mut document = document();
    document["images"][1]["width"] = json!(60);
    let folder = folder(&document);
    let error = import(folder.path(), &ImportOptions::default()).await.err().unwrap().to_string();
    assert!(error.contains("declared as 60 x 20 pixels, but 'val/a.png' has 30 x 20"), "{error}");
    let mut options = ImportOptions::default();
    // As much as an image of 30 x 20 decodes to, and three masks; the fourth is too many.
    options.limits.max_sample_bytes = 1800;
    document["images"][1]["width"] = json!(30);
    let again = document["annotations"][0].clone();
    document["annotations"].as_array_mut().unwrap().push(again);
    put(folder.path(), "annotations/instances_val.json", document.to_string());
    let error = import(folder.path(), &options).await.err().unwrap().to_string();
    assert!(error.contains("max_sample_bytes") && error.contains("without masks"), "{error}");
}

#[tokio::test]
async fn what_is_no_coco_file_is_an_error() {
    let whole = document().to_string();
    let folder = folder(&document());
    let root = folder.path();
    let file = "annotations/instances_val.json";
    let options = ImportOptions::default();
    for length in (0..whole.len()).step_by(7) {
        put(root, file, &whole[..length]);
        let opened = Coco::open(&root.join(file), &CocoOptions::default(), &options).await;
        let Err(Error::File(problem)) = opened else { panic!("{length}") };
        assert!(problem.cause.contains("ends inside the document"), "{problem}");
    }
    put(root, file, "{\"images\": [{\"id\": 1, \"file_name\": \"a.png\"}], \"annotations\": [],,}");
    let error = import(root, &options).await.err().unwrap().to_string();
    assert!(error.contains("wrong JSON at byte"), "{error}");
    put(root, file, whole.clone());
    put(root, "annotations/captions_val.json", &whole);
    let error = import(root, &options).await.err().unwrap();
    assert!(matches!(&error, Error::UnknownFormat { found, .. } if found.contains("found 2 COCO")));
}
