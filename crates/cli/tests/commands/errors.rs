//! Errors say what and where, with the query and a caret.

use std::path::Path;

use crate::support::ingested;
use crate::support::run;
use crate::support::with_demo;

fn wrong(text: &str) -> String {
    run(with_demo(), &["query", "demo", text]).failed()
}

/// The part of the query's line that stands above the carets.
fn marked(error: &str) -> String {
    let lines: Vec<&str> = error.lines().collect();
    let carets = lines.iter().position(|line| line.trim_end().ends_with('^')).expect(error);
    let from = lines[carets].find('^').unwrap();
    let to = lines[carets].rfind('^').unwrap();
    lines[carets - 1].get(from..=to).unwrap_or_default().to_string()
}

#[test]
fn an_unknown_column_with_the_nearest_name() {
    let error = wrong("SELECT imagse LIMIT 1");
    assert!(error.contains("imagse") && error.contains("'images'"), "{error}");
    assert_eq!(marked(&error), "imagse");
}

#[test]
fn an_unknown_function_with_the_nearest_name() {
    let error = wrong("SELECT SHPE(boxes) AS s");
    assert!(error.contains("SHPE") && error.contains("SHAPE"), "{error}");
    assert!(marked(&error).starts_with("SHPE"), "{error}");
}

#[test]
fn subscripts_that_do_not_fit() {
    let scalar = wrong("SELECT score[0:2] AS s");
    assert!(marked(&scalar).contains("score[0:2]"), "{scalar}");
    let many = wrong("SELECT boxes[0, 0, 0] AS x");
    assert!(marked(&many).contains("boxes[0, 0, 0]"), "{many}");
    assert!(many.contains('2') && many.contains('3'), "{many}");
}

#[test]
fn types_that_do_not_fit() {
    let error = wrong("SELECT captions WHERE boxes == 'ring'");
    assert!(error.contains("`f32[?,4]` and `text`"), "{error}");
    assert_eq!(marked(&error), "boxes == 'ring'");
    let error = wrong("SELECT score + captions AS x");
    assert_eq!(marked(&error), "score + captions");
    let class = wrong("SELECT captions WHERE scene == 'nigth'");
    assert!(class.contains("'night'"), "{class}");
    assert_eq!(marked(&class), "scene == 'nigth'");
}

#[test]
fn texts_that_are_no_query() {
    let error = wrong("SELECT images FROM WHERE x");
    assert!(!marked(&error).is_empty(), "{error}");
    let error = run(with_demo(), &["query", "demo", "SELEC images", "--sql"]).failed();
    assert!(error.contains("SELEC"), "{error}");
}

#[test]
fn paths_that_are_no_dataset() {
    let folder = ingested();
    for args in [
        &["info", "nowhere"][..],
        &["log", "nowhere"],
        &["verify", "nowhere"],
        &["query", "nowhere", "SELECT 1 AS x"],
        &["explain", "nowhere", "SELECT 1 AS x"],
    ] {
        let error = run(folder.path(), args).failed();
        assert!(error.starts_with("error: 'nowhere' is no dataset: "), "{error}");
    }
    let error = run(folder.path(), &["query", "SELECT * FROM \"nowhere\""]).failed();
    assert!(error.contains("'nowhere' is no dataset"), "{error}");
    assert_eq!(marked(&error), "\"nowhere\"");
    assert!(!Path::new(&folder.path().join("nowhere")).exists());
    let error = run(folder.path(), &["info", "ftp://x/y"]).failed();
    assert!(error.contains("use a path, file://, mem://, s3://, gs:// or az://"), "{error}");
}

#[test]
fn columns_without_a_dataset() {
    let folder = ingested();
    let error = run(folder.path(), &["query", "SELECT images"]).failed();
    assert_eq!(marked(&error), "images");
    let swapped = run(folder.path(), &["query", "SELECT labels LIMIT 1", "pets.lakebed"]).failed();
    assert!(swapped.contains("the dataset comes first"), "{swapped}");
}
