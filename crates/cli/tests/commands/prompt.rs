//! `lakebed` without a command: statements and meta commands from `-c`, `-f` and a pipe.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::support::Run;
use crate::support::command;
use crate::support::run;
use crate::support::with_demo;

/// Runs the command with an input.
fn piped(folder: &Path, args: &[&str], input: &str) -> Run {
    let mut child = command(folder, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who stops at an error reads no further.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn commands_run_in_order() {
    let out = run(
        with_demo(),
        &["./demo", "-c", "SELECT COUNT(*) AS n; SELECT 7 AS seven", "-c", "\\log"],
    )
    .ok();
    let at = |what: &str| out.find(what).unwrap_or_else(|| panic!("{what} in {out}"));
    assert!(at("│ 200 │") < at("seven") && at("seven") < at("message"), "{out}");
    // What it cost is told at a terminal only, where somebody may learn from it.
    assert!(out.contains("\n1 row, ") && !out.contains("request"), "{out}");
}

#[test]
fn a_pipe_gives_statements_over_many_lines_and_the_last_needs_no_semicolon() {
    let input = ".mode json\n\n-- how many; really\nSELECT COUNT(*)\n  AS n;\n\\lang sql\nSELECT 'a;b' AS x";
    let out = piped(with_demo(), &["./demo"], input).ok();
    assert_eq!(out, "{\"n\":200}\n{\"x\":\"a;b\"}\n");
    // Without a dataset too.
    let out = piped(with_demo(), &["--format", "csv"], "SELECT 1 + 1 AS two;").ok();
    assert_eq!(out, "two\n2\n");
}

#[test]
fn files_include_files_and_results_go_to_files() {
    let folder = tempfile::tempdir().unwrap();
    let demo = with_demo().join("demo");
    fs::write(
        folder.path().join("outer.tql"),
        "\\mode csv\n\\i inner.tql\nSELECT 2 AS b LIMIT 1;\n",
    )
    .unwrap();
    fs::write(
        folder.path().join("inner.tql"),
        format!("\\o rows.csv\n\\use '{}'\nSELECT COUNT(*) AS n;\n\\o\n", demo.display()),
    )
    .unwrap();
    let out = run(folder.path(), &["-f", "outer.tql"]).ok();
    assert_eq!(out, "b\n2\n");
    assert_eq!(fs::read_to_string(folder.path().join("rows.csv")).unwrap(), "n\n200\n");
    fs::write(folder.path().join("round.tql"), "\\i round.tql\n").unwrap();
    let error = run(folder.path(), &["-f", "round.tql"]).failed();
    assert!(error.contains("include each other"), "{error}");
}

#[test]
fn the_first_error_ends_what_nobody_watches() {
    let run = piped(with_demo(), &["./demo"], "SELECT 1 AS a;\nSELECT imags;\nSELECT 2 AS b;\n");
    assert!(run.out.contains('a') && !run.out.contains('b'), "{run:?}");
    let error = run.failed();
    assert!(error.contains("images") && error.contains('^'), "{error}");
    let error = piped(with_demo(), &["./demo"], "\\branchs\n").failed();
    assert!(error.contains("did you mean \\branches?"), "{error}");
    let error = run_at("\\stats imags").failed();
    assert!(error.contains("did you mean images?"), "{error}");
    let error = run_at("\\show 1 images").failed();
    assert!(error.contains("no last query"), "{error}");
    let error = run_at("\\use nowhere").failed();
    assert!(error.contains("nowhere"), "{error}");
    let run = crate::support::run(with_demo(), &["qurey"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("did you mean the command 'query'?"), "{run:?}");
}

fn run_at(text: &str) -> Run {
    run(with_demo(), &["./demo", "-c", text])
}

#[test]
fn meta_commands_tell_of_the_dataset() {
    let out = run_at("\\d").ok();
    assert!(out.contains("200 rows, 9 columns"), "{out}");
    let out = run_at(".tables").ok();
    assert!(
        out.contains("dataset") && out.contains("@main\"") && out.contains("\"demo\""),
        "{out}"
    );
    let out = run_at("\\stats score").ok();
    assert!(out.contains("200, ") && out.contains("4 chunks") && out.contains("f32"), "{out}");
    let out = run_at("\\stats labels").ok();
    assert!(out.contains("distinct") && out.contains("circle"), "{out}");
    let out = run_at("\\h IOU").ok();
    assert!(out.contains("IOU("), "{out}");
    for (statement, form) in [
        ("UPDATE", "UPDATE [DATASET] SET column = value"),
        ("insert into", "INSERT INTO DATASET"),
        ("DELETE", "DELETE [FROM DATASET] [WHERE condition]"),
    ] {
        let out = run_at(&format!("\\h {statement}")).ok();
        assert!(out.starts_with(form) && out.contains("example: "), "{out}");
    }
    let out = run_at("\\h group by").ok();
    assert!(out.contains("GROUP BY"), "{out}");
    let out = run_at("\\branches").ok();
    assert!(out.contains("main"), "{out}");
    let out = run_at("\\diff 2").ok();
    assert!(out.contains("from version 2 to version 4"), "{out}");
    assert_eq!(run_at("\\diff").ok().lines().next(), Some("from version 3 to version 4"));
    for line in ["\\diff 1 3", "\\diff ./demo@1 ./demo@3"] {
        assert_eq!(run_at(line).ok().lines().next(), Some("from version 1 to version 3"), "{line}");
    }
    let out = run_at("\\?").ok();
    assert!(out.contains("\\show") && out.contains("ROW COLUMN"), "{out}");
    let out = run(
        with_demo(),
        &["./demo@2", "-c", "SELECT COUNT(*) AS n", "-c", "\\use @4", "-c", "SELECT COUNT(*) AS n"],
    )
    .ok();
    assert!(out.contains("│ 100 │") && out.contains("│ 200 │"), "{out}");
}

#[test]
fn seeds_choose_other_rows_and_rows_are_cut() {
    let draw = |seed: &str| {
        let text = format!("\\mode json\n\\seed {seed}\nSELECT score SAMPLE BY 1 LIMIT 5;");
        piped(with_demo(), &["./demo"], &text).ok()
    };
    assert_eq!(draw("3"), draw("3"));
    assert_ne!(draw("3"), draw("4"));
    let out = piped(with_demo(), &["./demo"], "\\rows 2\n\\timing off\nSELECT score;").ok();
    assert!(out.ends_with("the first 2 rows; \\rows 0 shows all\n"), "{out}");
}

#[test]
fn changes_commit_and_what_follows_sees_them() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["demo", "own"]).ok();
    let input = "\\mode json\nUPDATE SET score = 2 WHERE score > 0.9;\nSELECT COUNT(*) AS n WHERE score == 2;\n\
                 SELECT score WHERE score == 2 LIMIT 3;\n\\save best\n\\use @best\n\\views\n";
    let run_of = piped(folder.path(), &["own"], input);
    assert!(run_of.out.contains("updated") && run_of.out.contains("version 5"), "{run_of:?}");
    assert!(run_of.out.contains("view best has 3 rows"), "{run_of:?}");
    let out = run(
        folder.path(),
        &["query", "--format", "json", "SELECT COUNT(*) AS n FROM \"own@best\""],
    )
    .ok();
    assert_eq!(out, "{\"n\":3}\n");
}

#[test]
fn show_saves_a_picture_where_none_can_be_drawn_and_tells_other_values() {
    let folder = tempfile::tempdir().unwrap();
    let demo = with_demo().join("demo").display().to_string();
    let args = [
        &demo,
        "-c",
        "SELECT images, masks, score ORDER BY score LIMIT 3",
        "-c",
        "\\show 2 images",
        "-c",
        "\\show 2 masks",
        "-c",
        "\\show 1 score",
    ];
    let out = run(folder.path(), &args).ok();
    assert!(out.contains("images, row 2: ") && out.contains("saved as images-2.png"), "{out}");
    let png = fs::read(folder.path().join("images-2.png")).unwrap();
    let (shape, pixels) =
        lakebed::codec::media::decode(&png, &lakebed::core::Limits::default()).unwrap();
    assert_eq!(shape[2], 3);
    // The pixels of the very row.
    let text = "SELECT images[:, :, :] AS p ORDER BY score LIMIT 1 OFFSET 1";
    let json = run(folder.path(), &["query", &demo, "--format", "json", text]).ok();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut stored: Vec<u8> = Vec::new();
    flatten(&value["p"], &mut stored);
    assert_eq!(stored, pixels);
    assert!(fs::metadata(folder.path().join("masks-2.png")).is_ok());
    let error =
        run(folder.path(), &[&demo, "-c", "SELECT score LIMIT 2", "-c", "\\show 3 score"]).failed();
    assert!(error.contains("no row 3"), "{error}");
}

#[test]
fn the_last_result_is_exported_and_no_file_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let demo = with_demo().join("demo").display().to_string();
    let text = "SELECT scene, score ORDER BY score DESC LIMIT 50";
    run(
        folder.path(),
        &[&demo, "-c", text, "-c", "\\export best.csv", "-c", "\\export best.jsonl"],
    )
    .ok();
    let csv = fs::read_to_string(folder.path().join("best.csv")).unwrap();
    assert!(csv.starts_with("scene,score\n") && csv.lines().count() == 51, "{csv}");
    let lines = fs::read_to_string(folder.path().join("best.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 50);
    let again = run(folder.path(), &[&demo, "-c", text, "-c", "\\export best.csv"]).failed();
    assert!(again.contains("best.csv"), "{again}");
    let other = run(folder.path(), &[&demo, "-c", text, "-c", "\\export best.xyz"]).failed();
    assert!(other.contains(".csv"), "{other}");
    assert_eq!(fs::read_to_string(folder.path().join("best.csv")).unwrap(), csv);
}

fn flatten(value: &serde_json::Value, into: &mut Vec<u8>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| flatten(item, into)),
        number => into.push(u8::try_from(number.as_u64().unwrap()).unwrap()),
    }
}
