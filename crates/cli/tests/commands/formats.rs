//! Rows as a table, as JSON lines, as CSV.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::support::command;
use crate::support::ingested;
use crate::support::png;
use crate::support::run;
use crate::support::with_demo;

#[test]
fn a_table_shows_tensors_by_type_shape_and_range() {
    let folder = ingested();
    let text = "SELECT labels, filename, images, images[0:4, 0:4, 0] AS corner, SHAPE(images) AS s";
    let out = run(folder.path(), &["query", "pets.lakebed", text]).ok();
    let size = png(4, 6, 10).len();
    let (table, footer) = out.trim_end().rsplit_once('\n').unwrap();
    assert!(footer.starts_with("3 rows, ") && footer.ends_with("s"), "{footer}");
    let cells: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.contains("cat") || line.contains("labels"))
        .map(|line| line.split(['│', '┆']).map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(cells[0], ["labels", "filename", "images", "corner", "s"]);
    let image = format!("png u8[4×6×3] {size} B");
    assert_eq!(
        cells[1],
        ["cat", "cat/a.png", &image, "u8[4×4] min 10 max 10 mean 10", "[4, 6, 3]"]
    );
}

#[test]
fn json_lines_hold_full_values() {
    let folder = ingested();
    let text =
        "SELECT labels, images[0, 0:2] AS two, SHAPE(images)[0] > 4 AS tall WHERE labels == 'cat'";
    let out = run(folder.path(), &["query", "pets.lakebed", text, "--format", "json"]).ok();
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        rows,
        [
            json!({"labels": "cat", "two": [[10, 10, 10], [10, 10, 10]], "tall": false}),
            json!({"labels": "cat", "two": [[20, 20, 20], [20, 20, 20]], "tall": true}),
        ]
    );
    assert!(out.starts_with("{\"labels\":"), "columns stay in their order: {out}");
}

#[test]
fn csv_quotes_what_must_be_quoted() {
    let folder = ingested();
    let text = "SELECT filename, SHAPE(images) AS \"height, width\", '' AS nothing LIMIT 1";
    let out = run(folder.path(), &["query", "--format=csv", "pets.lakebed", text]).ok();
    assert_eq!(out, "filename,\"height, width\",nothing\ncat/a.png,\"[4,6,3]\",\"\"\n");
}

#[test]
fn rows_are_limited_in_tables_only_unless_asked() {
    let folder = with_demo();
    let lines = |args: &[&str]| {
        let mut all = vec!["query", "demo", "SELECT score"];
        all.extend(args);
        run(folder, &all).ok()
    };
    let first = lines(&[]);
    assert!(first.contains("\nthe first 40 rows, "), "{first}");
    assert!(first.trim_end().ends_with("; --max-rows 0 shows all"), "{first}");
    assert!(lines(&["--max-rows", "0"]).contains("\n200 rows, "));
    assert!(lines(&["--max-rows", "200"]).contains("\n200 rows, "));
    assert_eq!(lines(&["--format", "json"]).lines().count(), 200);
    assert_eq!(lines(&["--format", "csv"]).lines().count(), 201);
    assert_eq!(lines(&["--format", "json", "--max-rows", "3"]).lines().count(), 3);
}

#[test]
fn many_columns_on_a_narrow_terminal_become_records() {
    let text = "SELECT captions, scene, score, labels, SHAPE(images) AS s LIMIT 2";
    let mut narrow = command(with_demo(), &["query", "demo", text]);
    let out = String::from_utf8(narrow.env("COLUMNS", "60").output().unwrap().stdout).unwrap();
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    assert_eq!(lines[0], "── row 1", "{out}");
    assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["scene", "dusk"], "{out}");
    assert_eq!(lines[6], "── row 2", "{out}");
    assert!(lines[12].starts_with("2 rows, "), "{out}");
    assert!(lines.iter().all(|line| line.chars().count() <= 60), "{out}");
}

#[test]
fn without_a_dataset_expressions_work_and_from_names_one() {
    let folder = ingested();
    let json = |args: &[&str]| {
        let mut all = vec!["query", "--format", "json"];
        all.extend(args);
        run(folder.path(), &all).ok()
    };
    assert_eq!(json(&["SELECT 7 / 2 AS x"]), "{\"x\":3.5}\n");
    assert_eq!(json(&["SELECT COUNT(*) AS n FROM \"pets.lakebed\""]), "{\"n\":3}\n");
    assert_eq!(json(&["SELECT COUNT(*) AS n FROM \"pets.lakebed@0\""]), "{\"n\":0}\n");
    assert_eq!(json(&["--sql", "SELECT count(*) AS n FROM \"./pets.lakebed\""]), "{\"n\":3}\n");
    assert_eq!(
        json(&["pets.lakebed@1", "--sql", "SELECT count(*) AS n FROM dataset"]),
        "{\"n\":3}\n"
    );
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    let folder = with_demo();
    let mut child = command(folder, &["query", "demo", "SELECT *", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}
