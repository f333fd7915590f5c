//! `lakebed ingest`

use std::fs;
use std::path::Path;

use crate::support::command;
use crate::support::ingested;
use crate::support::jpeg;
use crate::support::pets;
use crate::support::png;
use crate::support::put;
use crate::support::run;

fn counts(folder: &Path, dataset: &str) -> String {
    let text = "SELECT labels, COUNT(*) AS n GROUP BY labels";
    run(folder, &["query", dataset, text, "--format", "csv"]).ok()
}

#[test]
fn class_folders_become_rows() {
    let folder = pets();
    let out = run(folder.path(), &["ingest", "pets", "pets.lakebed", "-m", "three pets"]).ok();
    assert!(
        out.starts_with("3 rows from class folders to 'pets.lakebed', version 1, in "),
        "{out}"
    );
    assert!(out.ends_with("; 0 warnings, 0 skipped\n"), "{out}");
    assert!(out.contains(" images/s, "), "{out}");
    let size = ["cat/a.png", "cat/b.png", "dog/c.png"]
        .map(|file| fs::metadata(folder.path().join("pets").join(file)).unwrap().len());
    // The files as they are with their shapes, a class code and a name a row.
    let bytes = size.iter().sum::<u64>() + 3 * 12 + 3 * 4 + 3 * 9;
    assert!(out.contains(&format!("\n{bytes} B, ")), "{bytes} {out}");
    assert_eq!(counts(folder.path(), "pets.lakebed"), "labels,n\ncat,2\ndog,1\n");
    let log = run(folder.path(), &["log", "pets.lakebed"]).ok();
    assert!(log.contains("three pets") && log.contains("add 3 rows"), "{log}");
}

#[test]
fn rows_are_added_only_when_asked() {
    let folder = ingested();
    let args = ["ingest", "pets", "pets.lakebed", "--append"];
    let error = run(folder.path(), &args[..3]).failed();
    assert_eq!(
        error,
        "error: 'pets.lakebed' has 3 rows already\nhint: --append adds to them; or choose another place\n"
    );
    run(folder.path(), &args).ok();
    assert_eq!(counts(folder.path(), "pets.lakebed"), "labels,n\ncat,4\ndog,2\n");
    assert_eq!(counts(folder.path(), "pets.lakebed@1"), "labels,n\ncat,2\ndog,1\n");
    let error = run(folder.path(), &["ingest", "pets", "pets.lakebed@1", "--append"]).failed();
    assert!(error.contains("names version 1, and rows go to the newest one"), "{error}");
    assert!(error.contains("or name a branch: main; "), "{error}");
    let error = run(folder.path(), &["ingest", "pets", "new.lakebed@side"]).failed();
    assert!(error.contains("'new.lakebed' is no dataset yet"), "{error}");
}

#[test]
fn a_broken_file_stops_the_import_and_a_second_run_succeeds() {
    let folder = pets();
    let whole = png(40, 60, 7);
    put(folder.path(), "pets/dog/broken.png", &whole[..whole.len() / 2]);
    let error = run(folder.path(), &["ingest", "pets", "pets.lakebed"]).failed();
    assert!(error.starts_with("error: dog/broken.png: "), "{error}");
    assert!(error.contains("\nhint: nothing was committed; --on-error skip"), "{error}");
    let skip = ["ingest", "pets", "pets.lakebed", "--on-error", "skip", "--jobs", "1"];
    let run = run(folder.path(), &skip);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.starts_with("skipped: dog/broken.png: "), "{run:?}");
    assert!(run.out.ends_with("; 0 warnings, 1 skipped\n"), "{run:?}");
    assert_eq!(counts(folder.path(), "pets.lakebed"), "labels,n\ncat,2\ndog,1\n");
}

#[test]
fn rows_are_written_in_the_order_that_is_asked_for() {
    let folder = pets();
    let keys = "SHAPE(images)[0] DESC, labels";
    let args = ["ingest", "pets", "sorted.lakebed", "--order-by", keys, "-m", "by height"];
    let out = run(folder.path(), &args).ok();
    assert!(out.starts_with("3 rows from class folders to 'sorted.lakebed', version 1"), "{out}");
    run(folder.path(), &["ingest", "pets", "plain.lakebed"]).ok();
    let rows = |dataset: &str, order: &str| {
        let text = format!("SELECT labels, SHAPE(images) AS s, images {order}");
        run(folder.path(), &["query", dataset, &text, "--format", "json"]).ok()
    };
    let expected = rows("plain.lakebed", &format!("ORDER BY {keys}"));
    assert_eq!(rows("sorted.lakebed", ""), expected);
    assert_ne!(rows("plain.lakebed", ""), expected);
    let log = run(folder.path(), &["log", "sorted.lakebed"]).ok();
    assert!(log.contains("by height"), "{log}");
    let args = ["ingest", "pets", "wrong.lakebed", "--order-by", "widht"];
    let error = run(folder.path(), &args).failed();
    assert!(error.contains("widht") && error.contains('^'), "{error}");
    assert!(!folder.path().join("wrong.lakebed").exists());
}

fn annotation(filename: &str, objects: &[(&str, [i32; 4])]) -> String {
    let mut text = format!("<annotation><filename>{filename}</filename>");
    for (name, [left, top, right, bottom]) in objects {
        text.push_str(&format!(
            "<object><name>{name}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>\
             <xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        ));
    }
    text + "</annotation>"
}

#[test]
fn pascal_voc_warns_of_boxes_without_area_and_skips_wrong_xml() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["a", "b", "c"] {
        put(root, &format!("voc/JPEGImages/{name}.jpg"), jpeg(20, 30, 90));
    }
    let two = annotation("a.jpg", &[("WBC", [1, 2, 10, 12]), ("RBC", [5, 5, 5, 9])]);
    put(root, "voc/Annotations/a.xml", two);
    put(root, "voc/Annotations/b.xml", annotation("b.jpg", &[]));
    put(root, "voc/Annotations/c.xml", "<annotation><filename>c.jpg</filename>");
    let error = run(root, &["ingest", "voc", "cells"]).failed();
    assert!(error.starts_with("error: Annotations/c.xml: "), "{error}");
    let done = run(root, &["ingest", "voc", "cells", "--on-error", "skip"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.err.contains("warning: Annotations/a.xml, object 1 (RBC): the box "), "{done:?}");
    assert!(done.err.contains("skipped: Annotations/c.xml: "), "{done:?}");
    assert!(done.out.starts_with("2 rows from Pascal VOC to 'cells', version 1, in "), "{done:?}");
    let text = "SELECT filename, labels, boxes WHERE SHAPE(boxes)[0] > 0";
    let rows = run(root, &["query", "cells", text, "--format", "json"]).ok();
    let expected = r#"{"filename":"a.jpg","labels":["WBC","RBC"],"boxes":[[1.0,2.0,10.0,12.0],[5.0,5.0,5.0,9.0]]}"#;
    assert_eq!(rows.trim_end(), expected);
}

#[test]
fn sources_that_are_none_and_places_that_are_taken() {
    let folder = pets();
    let root = folder.path();
    put(root, "empty/readme.txt", "nothing here");
    let error = run(root, &["ingest", "empty", "x"]).failed();
    assert!(error.starts_with("error: nothing to import in 'empty': looked for "), "{error}");
    let error = run(root, &["ingest", "missing", "x"]).failed();
    assert!(error.starts_with("error: cannot read 'missing': "), "{error}");
    let error = run(root, &["ingest", "pets", "empty"]).failed();
    assert!(error.contains("'empty' holds other things already, such as 'readme.txt'"), "{error}");
    assert!(!root.join("x").exists());
}

#[test]
fn rows_are_added_to_a_branch_under_an_author() {
    let folder = ingested();
    let ask = |args: &[&str]| run(folder.path(), args);
    ask(&["branch", "pets.lakebed", "more"]).ok();
    let args = ["ingest", "pets", "pets.lakebed@more", "--append", "--author", "Ada"];
    let error = ask(&args[..3]).failed();
    assert!(error.contains("'pets.lakebed@more' has 3 rows already"), "{error}");
    ask(&args).ok();
    assert_eq!(counts(folder.path(), "pets.lakebed@more"), "labels,n\ncat,4\ndog,2\n");
    assert_eq!(counts(folder.path(), "pets.lakebed"), "labels,n\ncat,2\ndog,1\n");
    assert!(ask(&["log", "pets.lakebed@more"]).ok().contains("Ada"));
    let mut by_variable = command(folder.path(), &["ingest", "pets", "pets.lakebed", "--append"]);
    assert!(by_variable.env("LAKEBED_AUTHOR", "Grace").output().unwrap().status.success());
    assert!(ask(&["log", "pets.lakebed"]).ok().contains("Grace"));
}
