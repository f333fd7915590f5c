//! Versions that are compared by queries, and views that keep a draw.

use crate::support::ingested;
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
