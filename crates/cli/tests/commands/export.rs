//! `lakebed export`, and what it wrote ingested again.

use std::fs;
use std::path::Path;

use crate::support::files;
use crate::support::ingested;
use crate::support::pets;
use crate::support::png;
use crate::support::put;
use crate::support::run;
use crate::support::with_demo;

/// The rows of a query as JSON lines.
fn rows(folder: &Path, dataset: &str, text: &str) -> String {
    run(folder, &["query", dataset, text, "--format", "json"]).ok()
}

/// Exports, ingests what was written, and compares what `there` and `back` ask for.
fn round(folder: &Path, export: &[&str], ingest: &[&str], there: &str, back: &str) {
    let mut args = vec!["export", "pets.lakebed"];
    args.extend(export);
    let out = run(folder, &args).ok();
    assert!(out.starts_with("3 rows as "), "{out}");
    let dataset = format!("{}.lakebed", export[0]);
    let mut args = vec!["ingest", export[0], &dataset];
    args.extend(ingest);
    let out = run(folder, &args).ok();
    assert!(out.contains("3 rows from "), "{out}");
    let expected = rows(folder, "pets.lakebed", there);
    assert_eq!(expected.lines().count(), 3, "{expected}");
    assert_eq!(rows(folder, &dataset, back), expected, "{export:?}");
}

#[test]
fn tables_come_back_with_their_cells() {
    let folder = ingested();
    let folder = folder.path();
    // Labels, names and the files of the images.
    let all = "SELECT filename, labels, images ORDER BY filename";
    round(folder, &["x.parquet"], &[], all, all);
    let lines = ["x.jsonl", "--base64"];
    round(folder, &lines, &["--type", "labels=class_label"], all, all);
    let label = ["--type", "labels=class_label"];
    round(folder, &["x.csv", "--base64"], &label, all, all);
    // The same shape in every row, and no nulls: cuts of the pixels.
    let cut = "SELECT images[0:4, 0:6, 0] AS cut, SHAPE(images)[0] AS height";
    let read = "SELECT cut, height";
    round(folder, &["x.npz", cut], &[], cut, read);
}

#[test]
fn images_are_folders_and_shards_again() {
    let folder = ingested();
    let folder = folder.path();
    let all = "SELECT filename, labels, images ORDER BY filename";
    round(folder, &["x.images"], &[], all, all);
    assert_eq!(fs::read(folder.join("x.images/cat/b.png")).unwrap(), png(5, 6, 20));
    let members = "SELECT \"filename.txt\" AS filename, png AS images ORDER BY filename";
    let pictures = "SELECT filename, images ORDER BY filename";
    round(folder, &["x.webdataset"], &[], pictures, members);
    assert_eq!(files(&folder.join("x.webdataset")), [folder.join("x.webdataset/shard-000000.tar")]);
}

#[test]
fn boxes_and_labels_come_back_from_coco() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let demo = with_demo().join("demo").display().to_string();
    let text = "SELECT images, boxes, labels WHERE SHAPE(boxes)[0] > 2 ORDER BY score LIMIT 7";
    run(folder, &["export", &demo, "x.coco", text]).ok();
    let out = run(folder, &["ingest", "x.coco", "coco.lakebed"]).ok();
    assert!(out.starts_with("7 rows from COCO"), "{out}");
    let labels = "SELECT labels, SHAPE(boxes) AS s, SHAPE(images) AS i";
    let found = rows(folder, "coco.lakebed", labels);
    let asked = text.replace("images, boxes, labels", &labels["SELECT ".len()..]);
    assert_eq!(found, rows(folder, &demo, &asked));
}

#[test]
fn a_query_chooses_the_rows_in_either_language() {
    let folder = ingested();
    let folder = folder.path();
    let cats = "SELECT filename WHERE labels == 'cat'";
    let out = run(folder, &["export", "pets.lakebed", "cats.csv", cats]).ok();
    assert!(out.starts_with("2 rows as CSV to 'cats.csv': 29 B, in "), "{out}");
    let text = fs::read_to_string(folder.join("cats.csv")).unwrap();
    assert_eq!(text, "filename\ncat/a.png\ncat/b.png\n");
    let count = "SELECT count(*) AS n FROM dataset";
    let args = ["export", "pets.lakebed", "n", "--format", "jsonl", "--sql", count];
    run(folder, &args).ok();
    assert_eq!(fs::read_to_string(folder.join("n")).unwrap(), "{\"n\":3}\n");
}

#[test]
fn errors_say_which_and_what_to_do() {
    let folder = ingested();
    let folder = folder.path();
    let export = |args: &[&str]| {
        let mut all = vec!["export", "pets.lakebed"];
        all.extend(args);
        run(folder, &all).failed()
    };
    let error = export(&["x.xyz"]);
    assert!(error.contains("'x.xyz'") && error.contains(".parquet, .csv"), "{error}");
    let error = export(&["x.csv"]);
    assert!(error.contains("'images'") && error.contains("--base64"), "{error}");
    let error = export(&["x.npz"]);
    assert!(error.contains("column '") && error.contains("Parquet"), "{error}");
    let error = export(&["x.yolo"]);
    assert!(error.contains("no column of htype bbox"), "{error}");
    let error = export(&["x.csv", "SELECT filenam"]);
    assert!(error.contains("filenam") && error.contains('^'), "{error}");
    put(folder, "mine.csv", "mine");
    let error = export(&["mine.csv", "SELECT filename"]);
    assert!(error.contains("'mine.csv' exists") && error.contains("--overwrite"), "{error}");
    assert_eq!(fs::read_to_string(folder.join("mine.csv")).unwrap(), "mine");
    run(folder, &["export", "pets.lakebed", "mine.csv", "SELECT filename", "--overwrite"]).ok();
    assert!(fs::read_to_string(folder.join("mine.csv")).unwrap().starts_with("filename\n"));
    // A dataset is not replaced, whatever is allowed.
    let error = export(&["pets.lakebed", "--format", "images", "--overwrite"]);
    assert!(error.contains("a dataset is there"), "{error}");
    // Nothing half-written is left.
    let left = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<String> = left.collect();
    left.sort();
    assert_eq!(left, ["mine.csv", "pets", "pets.lakebed"]);
}

#[test]
fn types_of_tables_are_shown_overruled_and_classes_grow() {
    let folder = pets();
    let folder = folder.path();
    put(folder, "a.csv", "city,n,v\nrome,1,\"[1,2]\"\noslo,,[3]\n");
    put(folder, "b.csv", "city,n,v\npari,3,[]\nrome,4,[5]\n");
    let label = ["--type", "city=class_label", "--type", "v=f32[?]"];
    let ingest = |file: &str, more: &[&str]| {
        let mut all = vec!["ingest", file, "t"];
        all.extend(label);
        all.extend(more);
        run(folder, &all)
    };
    let out = ingest("a.csv", &[]).ok();
    let shown: Vec<String> =
        out.lines().take(3).map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(shown, ["city u32, class_label of 2", "n i64", "v f32[?]"], "{out}");
    assert!(out.contains("2 rows from CSV to 't', version 1"), "{out}");
    ingest("b.csv", &["--append"]).ok();
    let found = rows(folder, "t", "SELECT city, n, v");
    let expected = "{\"city\":\"rome\",\"n\":1,\"v\":[1.0,2.0]}\n{\"city\":\"oslo\",\"n\":null,\"v\":[3.0]}\n\
                    {\"city\":\"pari\",\"n\":3,\"v\":[]}\n{\"city\":\"rome\",\"n\":4,\"v\":[5.0]}\n";
    assert_eq!(found, expected);
    // A file of another name, in the format that is told.
    fs::copy(folder.join("a.csv"), folder.join("a.txt")).unwrap();
    run(folder, &["ingest", "a.txt", "u", "--format", "csv"]).ok();
    let error = run(folder, &["ingest", "a.csv", "w", "--type", "cty=text"]).failed();
    assert!(error.contains("did you mean 'city'"), "{error}");
    let error = run(folder, &["ingest", "a.csv", "w", "--type", "city=f32"]).failed();
    assert!(error.contains("a.csv: line 2, column 'city'"), "{error}");
    let error = run(folder, &["ingest", "pets", "w", "--type", "labels=text"]).failed();
    assert!(error.contains("--type out"), "{error}");
}
