//! `info`, `log`, `explain`, help and versions.

use crate::support::ingested;
use crate::support::run;
use crate::support::with_demo;

/// The cells of the table's line that begins with `first`.
fn line(out: &str, first: &str) -> Vec<String> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('│').split('┆').map(|cell| cell.trim().to_string()).collect()
    };
    let found = out.lines().filter(|line| line.starts_with('│')).map(cells);
    found.into_iter().find(|cells| cells[0] == first).unwrap_or_else(|| panic!("{first} in {out}"))
}

#[test]
fn info_tells_columns_and_statistics() {
    let out = run(with_demo(), &["info", "demo"]).ok();
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].ends_with("demo"), "{out}");
    assert!(lines[1].starts_with("version 4 of 20") && lines[1].contains(" UTC, id "), "{out}");
    assert!(lines[2].starts_with("200 rows, 9 columns, 4 fragments, "), "{out}");
    let images = line(&out, "images");
    assert_eq!(images[1..4], ["u8[?,?,?]", "image", "64..128 × 64..160 × 3"]);
    assert_eq!(images[7..9], ["encoded", "4"]);
    let labels = line(&out, "labels");
    assert_eq!(labels[1..4], ["u32[?]", "class_label of 4", "0..6"]);
    assert_eq!(labels[5..7], ["circle", "ring"]);
    let scene = line(&out, "scene");
    assert_eq!(scene[2..7], ["class_label of 3", "", "", "day", "night"]);
    assert_eq!(line(&out, "boxes")[2], "bbox ltrb");
    let score = line(&out, "score");
    assert!(score[4].parse::<u64>().unwrap() > 0, "{score:?}");
    let bounds = [&score[5], &score[6]].map(|bound| bound.parse::<f64>().unwrap());
    assert!(0.0 <= bounds[0] && bounds[0] < 0.1 && 0.9 < bounds[1] && bounds[1] <= 1.0);
    assert!(!out.contains("embeddings │"));
}

#[test]
fn info_looks_at_versions() {
    let out = run(with_demo(), &["info", "demo@2"]).ok();
    assert!(out.contains("version 2 of ") && out.contains("\n100 rows, "), "{out}");
    let error = run(with_demo(), &["info", "demo@9"]).failed();
    assert!(error.contains("has no version 9: its newest is 4"), "{error}");
}

#[test]
fn log_shows_the_newest_commits_first() {
    let out = run(with_demo(), &["log", "demo"]).ok();
    let messages: Vec<Vec<String>> =
        (0..=4).map(|version| line(&out, &version.to_string())).collect();
    assert_eq!((messages[0][1].as_str(), messages[4][1].as_str()), ("", "main"));
    assert_eq!(messages[0][3..], ["create", "0", "create"]);
    assert_eq!(messages[4][3..], ["add 50 rows", "200", "the pictures of Thursday"]);
    assert!(out.find("Thursday").unwrap() < out.find("Monday").unwrap());
    let two = run(with_demo(), &["log", "demo@3", "-n", "2"]).ok();
    assert!(two.contains("Wednesday") && two.contains("Tuesday"), "{two}");
    assert!(!two.contains("Thursday") && !two.contains("Monday"), "{two}");
}

#[test]
fn a_dataset_can_be_as_slow_as_one_far_away() {
    let text = "SELECT COUNT(*) AS n WHERE score > 0.5";
    let plain = run(with_demo(), &["query", "demo", text, "--format", "csv"]).ok();
    let begun = std::time::Instant::now();
    let args = ["query", "demo", text, "--format", "csv", "--throttle", "40ms,1MB/s"];
    assert_eq!(run(with_demo(), &args).ok(), plain);
    // The hint, the next entry that is not there, manifests and pages, one after the other.
    assert!(begun.elapsed().as_millis() >= 4 * 40, "{:?}", begun.elapsed());
    let wrong = run(with_demo(), &["query", "demo", text, "--throttle", "slow"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("'slow' is not like 20ms,50MB/s"), "{wrong:?}");
}

#[test]
fn explain_shows_the_plan_and_what_it_cost() {
    let text =
        "SELECT images[0:8, 0:8, 0] AS corner WHERE score > 0.99 ORDER BY score DESC LIMIT 3";
    let out = run(with_demo(), &["explain", "demo", text]).ok();
    assert!(out.contains("score"), "{out}");
    assert!(out.lines().count() > 4, "{out}");
    let cost = run(with_demo(), &["explain", "--analyze", "demo", text]).ok();
    assert!(cost.contains("output_rows="), "{cost}");
    // Before it runs: chunks, requests and bytes a column. After: what each part took.
    for part in ["reads at most [score: 2 of 4 chunks, 2 requests, ", "FetchExec: "] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    for part in ["bytes_read[score]=", "decoded[images[0:8, 0:8, 0]]=", "decode_time[", "requests="]
    {
        assert!(cost.contains(part), "{part}\n{cost}");
    }
    let same = run(with_demo(), &["query", "demo", &format!("EXPLAIN {text}")]).ok();
    assert!(same.contains("plan:\n"), "{same}");
    let error = run(with_demo(), &["explain", "demo", "--analyze", "SELECT scroe"]).failed();
    assert!(error.contains("   1 | SELECT scroe\n"), "{error}");
}

#[test]
fn help_and_version() {
    let folder = ingested();
    let help = run(folder.path(), &["--help"]).ok();
    for word in ["demo", "ingest", "query", "info", "log", "explain", "verify", "Examples:"] {
        assert!(help.contains(word), "{word}");
    }
    let version = run(folder.path(), &["--version"]).ok();
    assert_eq!(version, format!("lakebed {}\n", env!("CARGO_PKG_VERSION")));
    for wrong in
        [&["qurey"][..], &["query"], &["ingest", "pets"], &["query", "--format", "xml", "SELECT 1"]]
    {
        let run = run(folder.path(), wrong);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains("Usage: ") || run.err.contains("--help"), "{run:?}");
    }
}

#[test]
fn verbose_tells_on_stderr_what_is_done() {
    let folder = ingested();
    let args = ["query", "-v", "--format", "json", "pets.lakebed", "SELECT COUNT(*) AS n"];
    let run = run(folder.path(), &args);
    assert_eq!((run.code, run.out.as_str()), (Some(0), "{\"n\":3}\n"));
    assert!(run.err.contains("opened") && run.err.contains("version=1"), "{run:?}");
    assert!(run.err.contains("planned") && run.err.contains("answered"), "{run:?}");
}

#[test]
fn statistics_are_of_the_cells_that_are_left() {
    let folder = ingested();
    let ask = |args: &[&str]| run(folder.path(), args).ok();
    ask(&["execute", "pets.lakebed", "UPDATE SET labels = 'dog' WHERE __row_id = 1"]);
    ask(&["execute", "pets.lakebed", "DELETE WHERE __row_id = 0"]);
    let shown = ask(&["stats", "pets.lakebed", "labels"]);
    let lines: Vec<String> = shown
        .lines()
        .map(|line| line.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for line in ["rows 2, 0 null, 0 empty", "values dog to dog", "distinct 1: dog"] {
        assert!(lines.iter().any(|other| other.contains(line)), "{line}\n{shown}");
    }
}

#[test]
fn a_mistyped_command_with_arguments_is_told_the_nearest() {
    let folder = ingested();
    let wrong = run(folder.path(), &["quer", "pets.lakebed", "SELECT labels"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("no command 'quer'"), "{wrong:?}");
    assert!(wrong.err.contains("did you mean 'query'?"), "{wrong:?}");
    let other = run(folder.path(), &["pets.lakebed", "--nonsense"]);
    assert!(other.err.contains("--nonsense") && !other.err.contains("no command"), "{other:?}");
}
