//! Versions that are compared by queries, and views that keep a draw.

use crate::support::ingested;
use crate::support::put;
use crate::support::run;

#[test]
fn a_difference_is_asked_like_a_dataset() {
    let folder = ingested();
    let ask = |args: &[&str]| run(folder.path(), args).ok();
    ask(&["execute", "pets.lakebed", "UPDATE SET labels = 'dog' WHERE __row_id = 1"]);
    ask(&["execute", "pets.lakebed", "DELETE WHERE __row_id = 0"]);
    let all = "SELECT * FROM diff('pets.lakebed@1', 'pets.lakebed@main')";
    let csv = "row_id,change,column\n0,deleted,\n1,changed,labels\n";
    assert_eq!(ask(&["query", all, "--format", "csv"]), csv);
    assert_eq!(ask(&["query", "--sql", all, "--format", "csv"]), csv);
    let values = "SELECT d.\"column\" AS what, a.labels AS was, b.labels AS now \
        FROM diff('pets.lakebed@1', 'pets.lakebed') AS d \
        JOIN \"pets.lakebed@1\" AS a ON d.row_id = a.__row_id \
        JOIN \"pets.lakebed\" AS b ON d.row_id = b.__row_id";
    let csv = "what,was,now\nlabels,cat,dog\n";
    assert_eq!(ask(&["query", values, "--format", "csv"]), csv);
    let counts = "SELECT change, count(*) AS n FROM diff('pets.lakebed@1', 'pets.lakebed') \
        GROUP BY change";
    let csv = "change,n\ndeleted,1\nchanged,1\n";
    assert_eq!(ask(&["query", counts, "--format", "csv"]), csv);
    let wrong = "SELECT * FROM diff('pets.lakebed@1', 'cats.lakebed')";
    let error = run(folder.path(), &["query", wrong]).failed();
    assert!(error.contains("cats.lakebed"), "{error}");
}

#[test]
fn a_view_of_a_draw_tells_its_weights() {
    let folder = ingested();
    let text = "SELECT * SAMPLE BY MAX_WEIGHT(labels == 'dog': 3, TRUE: 1) REPLACE FALSE";
    let saved = run(folder.path(), &["view", "pets.lakebed", "drawn", text]).ok();
    assert!(saved.starts_with("view drawn has 3 rows: "), "{saved}");
    let shown = run(folder.path(), &["view", "pets.lakebed", "drawn"]).ok();
    assert!(shown.starts_with(text), "{shown}");
    assert!(shown.contains("weights 2.000e-1 to 6.000e-1, which add up to 1"), "{shown}");
    // Its rows are asked for in FROM; the whole version is not taken for it.
    let counted =
        run(folder.path(), &["query", "SELECT COUNT(*) AS n FROM \"pets.lakebed@drawn\""]);
    assert!(counted.ok().contains('3'));
    for command in
        [&["query", "pets.lakebed@drawn", "SELECT COUNT(*)"][..], &["info", "pets.lakebed@drawn"]]
    {
        let refused = run(folder.path(), command).failed();
        assert!(refused.contains("'drawn' is a view"), "{refused}");
        assert!(refused.contains("FROM \"pets.lakebed@drawn\""), "{refused}");
    }
}

#[test]
fn names_of_another_kind_say_what_they_are() {
    let folder = ingested();
    let ask = |args: &[&str]| run(folder.path(), args);
    ask(&["branch", "pets.lakebed", "fixes"]).ok();
    ask(&["tag", "pets.lakebed", "first"]).ok();
    ask(&["view", "pets.lakebed", "cats", "SELECT * WHERE labels == 'cat'"]).ok();
    for (args, message, hint) in [
        (
            &["tag", "pets.lakebed", "fixes", "-d"][..],
            "'fixes' is a branch, not a tag",
            "lakebed branch pets.lakebed fixes --delete",
        ),
        (
            &["branch", "pets.lakebed", "first", "-d"],
            "'first' is a tag, not a branch",
            "lakebed tag pets.lakebed first --delete",
        ),
        (
            &["materialize", "pets.lakebed@first", "copy.lakebed"],
            "'first' is a tag, not a view",
            "lakebed view pets.lakebed@first VIEW \"SELECT *\"",
        ),
        (
            &["materialize", "pets.lakebed@1", "copy.lakebed"],
            "1 is a version, not a view",
            "lakebed view pets.lakebed@1 VIEW \"SELECT *\"",
        ),
        (
            &["diff", "pets.lakebed", "cats"],
            "'cats' is a view, not a version: it keeps rows of version",
            "name that version: ",
        ),
        (&["revert", "pets.lakebed", "cats"], "'cats' is a view, not a version", "name that"),
        (&["merge", "pets.lakebed", "cats"], "'cats' is a view, not a version", "name that"),
    ] {
        let error = ask(args).failed();
        assert!(error.starts_with(&format!("error: {message}")), "{error}");
        assert!(error.contains("\nhint: ") && error.contains(hint), "{error}");
    }
    ask(&["tag", "pets.lakebed", "first", "-d"]).ok();
}

#[test]
fn conflicts_of_a_merge_come_in_order_and_once() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "t.csv", "b,a\n1,1\n2,2\n3,3\n");
    let ask = |args: &[&str]| run(folder.path(), args).ok();
    ask(&["ingest", "t.csv", "t.lakebed"]);
    ask(&["branch", "t.lakebed", "side"]);
    ask(&["execute", "t.lakebed", "UPDATE SET b = b + 10, a = a + 10"]);
    let side = "UPDATE SET b = b + 20, a = a + 20 WHERE __row_id < 2";
    ask(&["execute", "t.lakebed@side", side]);
    ask(&["execute", "t.lakebed@side", "DELETE WHERE __row_id = 2"]);
    let done = run(folder.path(), &["merge", "t.lakebed", "side"]);
    let expected = "conflict: row 0, column 'a': both sides changed it\n\
        conflict: row 1, column 'a': both sides changed it\n\
        conflict: row 0, column 'b': both sides changed it\n\
        conflict: row 1, column 'b': both sides changed it\n\
        conflict: row 2: they deleted it, we changed it\n";
    assert_eq!(done.out, expected);
    let error = done.failed();
    assert!(error.starts_with("error: merging 'side' stops at 5 conflicts\nhint: "), "{error}");
    assert!(error.contains("--conflicts ours") && !error.contains("row 0"), "{error}");
}

#[test]
fn expire_names_the_branches_that_can_no_longer_be_merged() {
    let folder = ingested();
    let ask = |args: &[&str]| run(folder.path(), args);
    ask(&["branch", "pets.lakebed@1", "fixes"]).ok();
    ask(&["execute", "pets.lakebed@fixes", "DELETE WHERE __row_id = 0"]).ok();
    ask(&["execute", "pets.lakebed", "DELETE WHERE __row_id = 2"]).ok();
    let refused = ask(&["expire", "pets.lakebed", "--keep", "0"]).failed();
    assert!(refused.contains("--keep 0 would leave no version"), "{refused}");
    let done = ask(&["expire", "pets.lakebed", "--keep", "1"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let warning = "warning: fixes and main can no longer be merged: version 1, where they parted";
    assert!(done.err.starts_with(warning), "{done:?}");
    assert!(done.err.contains("hint: ") && done.err.contains("@1 NAME"), "{done:?}");
    assert!(ask(&["merge", "pets.lakebed", "fixes"]).failed().contains("cannot be merged"));
    // What is lost already is not told again.
    ask(&["expire", "pets.lakebed", "--keep", "1"]).ok();
}

#[test]
fn a_tag_where_branches_parted_keeps_them_to_be_merged() {
    let folder = ingested();
    let ask = |args: &[&str]| run(folder.path(), args).ok();
    ask(&["branch", "pets.lakebed@1", "fixes"]);
    ask(&["execute", "pets.lakebed@fixes", "DELETE WHERE __row_id = 0"]);
    for _ in 0..3 {
        ask(&["execute", "pets.lakebed", "UPDATE SET filename = 'x' WHERE __row_id = 2"]);
    }
    ask(&["tag", "pets.lakebed@1", "parted"]);
    ask(&["expire", "pets.lakebed", "--keep", "1"]);
    for _ in 0..3 {
        ask(&["gc", "pets.lakebed"]);
    }
    let merged = ask(&["merge", "pets.lakebed", "fixes"]);
    assert!(merged.contains("0 rows added, 1 deleted"), "{merged}");
}

#[test]
fn views_say_what_they_do_not_keep_and_stay_with_their_dataset() {
    let folder = ingested();
    let ask = |args: &[&str]| run(folder.path(), args);
    let text = "SELECT labels, SHAPE(images)[0] AS h WHERE labels == 'cat'";
    let saved = ask(&["view", "pets.lakebed", "cats", text]).ok();
    assert!(saved.starts_with("view cats has 2 rows: "), "{saved}");
    assert!(saved.contains("note: a view keeps rows"), "{saved}");
    assert!(saved.contains("not kept: SHAPE(images)[0] AS h"), "{saved}");
    let whole = ask(&["view", "pets.lakebed", "all", "SELECT * FROM \"pets.lakebed\""]).ok();
    assert!(!whole.contains("note"), "{whole}");
    ask(&["ingest", "pets", "other.lakebed"]).ok();
    let text = "SELECT * FROM \"other.lakebed\"";
    let refused = ask(&["view", "pets.lakebed", "others", text]).failed();
    assert!(refused.contains("rows of 'other.lakebed'"), "{refused}");
    assert!(refused.contains("lakebed view other.lakebed others"), "{refused}");
    assert!(!ask(&["view", "other.lakebed"]).ok().contains("others"));
}

#[test]
fn the_log_of_a_copy_says_what_it_is_a_copy_of() {
    let folder = ingested();
    let ask = |args: &[&str]| run(folder.path(), args).ok();
    ask(&["view", "pets.lakebed", "cats", "SELECT * WHERE labels == 'cat'"]);
    ask(&["materialize", "pets.lakebed@cats", "cats.lakebed"]);
    let log = ask(&["log", "cats.lakebed"]);
    let last = log.lines().last().unwrap();
    assert!(last.starts_with("copied from view cats of "), "{log}");
    assert!(last.contains("pets.lakebed@1: SELECT * WHERE labels == 'cat'"), "{log}");
    assert!(!ask(&["log", "pets.lakebed"]).contains("copied from"));
}
