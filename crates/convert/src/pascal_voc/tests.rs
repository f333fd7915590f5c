use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt32Type;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;

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
    assert_eq!(source.format(), "Pascal VOC");
    read(source, options).await
}

fn xml(filename: &str, objects: &[(&str, [f32; 4])]) -> String {
    let mut text = format!("<annotation><filename>{filename}</filename>");
    for (name, [left, top, right, bottom]) in objects {
        text.push_str(&format!(
            "<object><name>{name}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>\
             <xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        ));
    }
    text + "</annotation>"
}

fn tensor(all: &All, column: &str) -> TensorArray {
    let ty = TensorType::from_column(all.schema.column(column).unwrap());
    TensorArray::try_new(ty, all.batch().column_by_name(column).unwrap()).unwrap()
}

fn floats(array: &TensorArray, row: usize) -> Vec<f32> {
    array.elements().as_primitive::<Float32Type>().values()[array.range(row)].to_vec()
}

fn codes(array: &TensorArray, row: usize) -> Vec<u32> {
    array.elements().as_primitive::<UInt32Type>().values()[array.range(row)].to_vec()
}

const UNIT: [f32; 4] = [0.0, 0.0, 2.0, 2.0];

#[tokio::test]
async fn annotations_become_rows() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "JPEGImages/a.jpg", jpeg(6, 4, 0));
    put(root, "JPEGImages/b.png", png(6, 4, 0));
    put(root, "JPEGImages/c.jpg", jpeg(6, 4, 1));
    put(root, "JPEGImages/lonely.jpg", jpeg(6, 4, 2));
    put(root, "SegmentationClass/a.png", png(6, 4, 0));
    let objects = [("dog", [1.5, 1.0, 3.0, 4.0]), ("cat", UNIT), ("dog", UNIT)];
    put(root, "Annotations/a.xml", xml("somewhere/a.jpg", &objects));
    // The extension is another, and the name is missing: both find their image.
    put(root, "Annotations/b.xml", xml("b.jpg", &[]));
    put(root, "Annotations/c.xml", xml("../../etc/passwd", &[("ant", UNIT)]));
    let all = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.names(), ["images", "boxes", "labels", "filename"]);
    let names = ["a.jpg", "b.png", "c.jpg"].map(|name| Some(name.to_string()));
    assert_eq!(all.texts("filename"), names);
    let labels = all.schema.column("labels").unwrap();
    assert_eq!(labels.classes, ["ant", "cat", "dog"]);
    let (boxes, labels) = (tensor(&all, "boxes"), tensor(&all, "labels"));
    assert_eq!(*boxes.shape(0), [3, 4]);
    assert_eq!(floats(&boxes, 0)[..4], [1.5, 1.0, 3.0, 4.0]);
    assert_eq!(codes(&labels, 0), [2, 1, 2]);
    assert_eq!(*boxes.shape(1), [0, 4]);
    assert_eq!(codes(&labels, 2), [0]);
    assert_eq!(all.warnings.len(), 1);
    assert_eq!(all.warnings[0].file, "JPEGImages/lonely.jpg");
    let images = all.batch().column(0).as_struct().column(0).as_binary_view().clone();
    assert_eq!(images.value(1), png(6, 4, 0));
}

#[tokio::test]
async fn elements_that_occur_become_columns() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "JPEGImages/a.jpg", jpeg(6, 4, 0));
    put(root, "JPEGImages/b.jpg", jpeg(6, 4, 0));
    put(
        root,
        "Annotations/a.xml",
        "<annotation><folder>f</folder><size><width>6</width><height>4</height></size>\
         <segmented>1</segmented><owner>me</owner>\
         <object><name>x</name><pose>Left</pose><difficult>1</difficult>\
         <bndbox><xmin>0</xmin><ymin>0</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></object>\
         <object><name>x</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>1</xmax>\
         <ymax>1</ymax></bndbox></object></annotation>",
    );
    put(root, "Annotations/b.xml", xml("b.jpg", &[("y", UNIT)]));
    let all = import(root, &ImportOptions::default()).await.unwrap();
    let expected = [
        "images",
        "boxes",
        "labels",
        "filename",
        "pose",
        "difficult",
        "width",
        "height",
        "segmented",
        "folder",
        "extra",
    ];
    assert_eq!(all.names(), expected);
    let batch = all.batch();
    let poses = batch.column_by_name("pose").unwrap().as_list::<i32>().value(0);
    let poses: Vec<_> = poses.as_string_view().iter().collect();
    assert_eq!(poses, [Some("Left"), Some("")]);
    let difficult = tensor(&all, "difficult");
    assert_eq!(difficult.elements().as_primitive::<UInt8Type>().values().to_vec(), [1, 0, 0]);
    let width = batch.column_by_name("width").unwrap().as_primitive::<Int32Type>();
    assert_eq!(width.iter().collect::<Vec<_>>(), [Some(6), None]);
    assert_eq!(all.texts("extra"), [Some(r#"{"owner":"me"}"#.to_string()), None]);
    assert_eq!(all.texts("folder"), [Some("f".to_string()), None]);
    assert!(batch.column_by_name("segmented").unwrap().is_null(1));
}

#[tokio::test]
async fn lists_give_splits() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["a", "b", "c", "d"] {
        put(root, &format!("JPEGImages/{name}.jpg"), jpeg(6, 4, 0));
        put(root, &format!("Annotations/{name}.xml"), xml(name, &[]));
    }
    put(root, "ImageSets/Main/train.txt", "a\r\n");
    put(root, "ImageSets/Main/test.txt", "b.jpg\na\n");
    put(root, "ImageSets/Main/trainval.txt", "a\nc\n");
    put(root, "ImageSets/Main/cat_train.txt", "d 1\n");
    let all = import(root, &ImportOptions::default()).await.unwrap();
    let expected = [Some("train"), Some("test"), Some("trainval"), None];
    assert_eq!(all.texts("split"), expected.map(|split| split.map(str::to_string)));
    assert_eq!(all.warnings.len(), 1, "{:?}", all.warnings);
    assert!(all.warnings[0].cause.contains("'a'"), "{}", all.warnings[0]);
}

#[tokio::test]
async fn oddities_are_warnings_and_rows_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["a", "b", "c"] {
        put(root, &format!("JPEGImages/{name}.jpg"), jpeg(6, 4, 0));
        let size = "<annotation><size><width>7</width><height>4</height></size>";
        let objects =
            [("ok", UNIT), ("flat", [1.0, 3.0, 2.0, 3.0]), ("turned", [3.0, 0.0, 1.0, 2.0])];
        let objects = if name == "b" { &objects[..] } else { &objects[..1] };
        let text = xml(&format!("{name}.jpg"), objects).replace("<annotation>", size);
        put(root, &format!("Annotations/{name}.xml"), text);
    }
    let all = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.batch().num_rows(), 3);
    assert_eq!(*tensor(&all, "boxes").shape(1), [3, 4]);
    let told: Vec<String> = all.warnings.iter().map(ToString::to_string).collect();
    let expected = [
        "Annotations/b.xml, object 1 (flat): the box [1, 3, 2, 3] has no area",
        "Annotations/b.xml, object 2 (turned): the box [3, 0, 1, 2] has no area",
        "Annotations/a.xml: declares 7 x 4 pixels, but 'JPEGImages/a.jpg' has 6 x 4 \
         (and 2 more files like it)",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn bad_annotations_fail_or_are_skipped() {
    let good = xml("good.jpg", &[("cat", UNIT)]);
    let no_box = "<annotation><object><name>cat</name></object></annotation>";
    let bad: [(&str, &[u8], Option<usize>); 6] = [
        ("cut short", &good.as_bytes()[..good.len() - 20], None),
        ("no box", no_box.as_bytes(), Some(0)),
        ("no utf-8", b"<annotation>\xff</annotation>", None),
        ("empty", b"", None),
        ("no image", good.as_bytes(), None),
        ("bad image", good.as_bytes(), None),
    ];
    for (case, text, object) in bad {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        put(root, "JPEGImages/good.jpg", jpeg(6, 4, 0));
        put(root, "Annotations/good.xml", &good);
        match case {
            "no image" => {}
            "bad image" => put(root, "JPEGImages/bad.jpg", &jpeg(60, 40, 0)[..300]),
            _ => put(root, "JPEGImages/bad.jpg", jpeg(6, 4, 0)),
        }
        let text = String::from_utf8_lossy(text).replace("good.jpg", "bad.jpg");
        let text = if case == "no utf-8" { b"<annotation>\xff".to_vec() } else { text.into() };
        put(root, "Annotations/bad.xml", text);
        match import(root, &ImportOptions::default()).await {
            Err(Error::File(problem)) => {
                assert_eq!(problem.file, "Annotations/bad.xml", "{case}");
                assert_eq!(problem.object.map(|object| object.index), object, "{case}");
            }
            other => panic!("{case}: {:?}", other.err()),
        }
        let all = import(root, &skip()).await.unwrap();
        assert_eq!(all.texts("filename"), [Some("good.jpg".to_string())], "{case}");
        assert_eq!(all.skipped.len(), 1, "{case}");
        assert_eq!(all.skipped[0].file, "Annotations/bad.xml", "{case}");
    }
}

#[tokio::test]
async fn images_of_one_name_are_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "JPEGImages/a.jpg", jpeg(6, 4, 0));
    put(root, "JPEGImages/a.png", png(6, 4, 0));
    put(root, "Annotations/a.xml", xml("a", &[]));
    let error = import(root, &ImportOptions::default()).await.err().unwrap().to_string();
    assert!(error.contains("'JPEGImages/a.jpg' or 'JPEGImages/a.png'"), "{error}");
    put(root, "Annotations/a.xml", xml("a.png", &[]));
    let all = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.texts("filename"), [Some("a.png".to_string())]);
}

#[tokio::test]
async fn another_image_than_the_namesake_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "images/a.jpg", jpeg(6, 4, 0));
    put(root, "images/b.jpg", jpeg(6, 4, 0));
    put(root, "annotations/a.xml", xml("b.jpg", &[]));
    put(root, "annotations/b.xml", xml("b.jpg", &[]));
    let all = import(root, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.texts("filename"), [Some("b.jpg".to_string()), Some("b.jpg".to_string())]);
    let told: Vec<&str> = all.warnings.iter().map(|warning| warning.file.as_str()).collect();
    assert_eq!(told, ["images/a.jpg", "annotations/a.xml"]);
}

#[tokio::test]
async fn bccd() {
    let Some(root) = shared("bccd") else { return };
    let source = detect(&root).await.unwrap();
    assert_eq!(source.rows(), 364);
    let all = read(source, &ImportOptions::default()).await.unwrap();
    let batch = all.batch();
    assert_eq!(batch.num_rows(), 364);
    let classes = &all.schema.column("labels").unwrap().classes;
    assert_eq!(classes, &["Platelets", "RBC", "WBC"]);

    let (boxes, labels) = (tensor(&all, "boxes"), tensor(&all, "labels"));
    let mut counts = [0; 3];
    let (mut several_white, mut crowded, mut large) = (0, 0, 0);
    for row in 0..364 {
        let codes = codes(&labels, row);
        let boxes = floats(&boxes, row);
        assert_eq!(codes.len() * 4, boxes.len());
        codes.iter().for_each(|&code| counts[usize::try_from(code).unwrap()] += 1);
        several_white += usize::from(codes.iter().filter(|&&code| code == 2).count() >= 2);
        crowded += usize::from(codes.len() > 20);
        let area = |b: &[f32]| (b[2] - b[0]) * (b[3] - b[1]);
        large += usize::from(boxes.chunks(4).any(|b| area(b) > 60_000.0));
    }
    assert_eq!(counts, [361, 4155, 372]);
    assert_eq!((several_white, crowded, large), (14, 14, 13));

    let told: Vec<_> = all.warnings.iter().map(|w| (w.file.as_str(), w.object.clone())).collect();
    let red = |index| Some(crate::ObjectRef { index, name: Some("RBC".into()) });
    assert_eq!(told.len(), 2, "{:?}", all.warnings);
    assert_eq!(told[0], ("Annotations/BloodImage_00338.xml", red(12)));
    assert_eq!(told[1].0, "Annotations/BloodImage_00343.xml");
    assert_eq!(told[1].1.as_ref().unwrap().name.as_deref(), Some("RBC"));

    let splits = all.texts("split");
    let count = |split: &str| splits.iter().filter(|s| s.as_deref() == Some(split)).count();
    assert_eq!((count("train"), count("val"), count("test")), (205, 87, 72));
    let names = all.texts("filename");
    let images = batch.column(0).as_struct().column(0).as_binary_view().clone();
    for (row, name) in names.iter().enumerate() {
        let file = root.join("JPEGImages").join(name.as_ref().unwrap());
        assert_eq!(images.value(row), std::fs::read(file).unwrap());
    }
}
