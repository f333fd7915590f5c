//! Wrong queries of every clause and kind of function: what the caret covers, and what is said.

use lakebed::convert::demo;
use lakebed::dataset::Options;
use lakebed::engine::Error;
use lakebed::engine::Session;

/// Query, the text above the carets, and a part of what the error says. The parser's places leave
/// out the bracket that closes a call.
type Wrong = (&'static str, &'static str, &'static str);

/// The end of the query, where something is missing.
const END: &str = "";

async fn demo(name: &str) -> Session {
    let session = Session::new().unwrap();
    session.set_current(demo::create(&format!("mem://{name}"), Options::default()).await.unwrap());
    session
}

async fn error_of(session: &Session, text: &str) -> Error {
    let error = match session.tql(text).await {
        Ok(query) => query.collect().await.err(),
        Err(error) => Some(error),
    };
    error.unwrap_or_else(|| panic!("{text}: there is no error"))
}

async fn check(session: &Session, table: &[Wrong]) {
    let mut failures = Vec::new();
    for (text, caret, said) in table {
        let error = error_of(session, text).await;
        let shown = error.render(text);
        let covered = match error.span() {
            None => "nothing".to_string(),
            Some(span) => {
                let at = |column: u64| usize::try_from(column - 1).unwrap();
                text.chars()
                    .skip(at(span.start.column))
                    .take(at(span.end.column) - at(span.start.column))
                    .collect()
            }
        };
        let layers = ["DataFusion", "Internal error", "tensor_", "Utf8", "Float32", "Struct("];
        if covered != *caret
            || !shown.contains(said)
            || layers.iter().any(|layer| shown.contains(layer))
        {
            failures.push(format!("wanted '{caret}' and: {said}\ncovers '{covered}'\n{shown}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        table.len(),
        failures.join("\n\n")
    );
}

#[tokio::test]
async fn names() {
    let s = demo("wrong-names").await;
    check(
        &s,
        &[
            ("SELECT imagse", "imagse", "did you mean 'images'?"),
            ("SELECT xyz", "xyz", "the columns are images, boxes, labels"),
            ("SELECT score WHERE scroe > 0.5", "scroe", "did you mean 'score'?"),
            ("SELECT score ORDER BY scor", "scor", "did you mean 'score'?"),
            ("SELECT score GROUP BY scen", "scen", "did you mean 'scene'?"),
            (
                "SELECT scene, COUNT(*) AS n GROUP BY scene HAVING scoer > 1",
                "scoer",
                "did you mean 'score'?",
            ),
            ("SELECT boxes ARRANGE BY scen", "scen", "did you mean 'scene'?"),
            ("SELECT boxes SAMPLE BY scroe LIMIT 3", "scroe", "did you mean 'score'?"),
            ("SELECT ROW_NUMBER() OVER (ORDER BY scor) AS x", "scor", "did you mean 'score'?"),
            ("SELECT * EXCEPT (boxs)", "boxs", "did you mean 'boxes'?"),
            ("SELECT dataset.boxs", "boxs", "did you mean 'boxes'?"),
            ("SELECT d.boxes FROM dataset", "d", "the tables are dataset"),
            ("SELECT meta.camera", "meta", "a member of JSON is written meta['camera']"),
            (
                "SELECT a.score FROM dataset a JOIN dataset b USING (scor)",
                "scor",
                "did you mean 'score'?",
            ),
            (
                "SELECT a.score FROM dataset a JOIN dataset b ON a.scor = b.score",
                "scor",
                "did you mean 'score'?",
            ),
            (
                "SELECT score FROM dataset a JOIN dataset b ON a.score = b.score",
                "score",
                "write a.score or b.score",
            ),
            ("WITH t AS (SELECT score) SELECT scor FROM t", "scor", "did you mean 'score'?"),
            ("SELECT boxes FROM datset", "datset", "did you mean 'dataset'?"),
            ("WITH days AS (SELECT score) SELECT score FROM dasy", "dasy", "did you mean 'days'?"),
            ("SELECT boxes FROM \"nowhere/at/all\"", "\"nowhere/at/all\"", "is no dataset"),
            ("SELECT boxes FROM dataset@99", "dataset@99", "has no version 99: its newest is"),
            (
                "SELECT boxes FROM dataset@mian",
                "dataset@mian",
                "no version, branch, tag or view 'mian'",
            ),
            ("SELECT boxes FROM dataset@", "dataset@", "missing behind '@'"),
            ("SELECT SHPE(boxes) AS s", "SHPE", "did you mean SHAPE?"),
            ("SELECT IUO(boxes, boxes) AS s", "IUO", "did you mean IOU?"),
            ("SELECT COUTN(*) AS n", "COUTN", "did you mean COUNT?"),
            ("SELECT frobnicate(boxes) AS s", "frobnicate", "lists them all"),
            ("SELECT MMR_SIMILARITY(embeddings) AS s", "MMR_SIMILARITY", "is not supported yet"),
            ("SELECT SUM(boxes, axes => 0) AS s", "axes", "did you mean 'axis'?"),
            ("SELECT CAST(score AS flaot) AS s", "flaot", "did you mean float?"),
            ("SELECT boxes WHERE scene = 'nigth'", "scene = 'nigth'", "did you mean 'night'?"),
            ("SELECT score + scene", "score + scene", "add AS name"),
            ("SELECT score AS x WHERE x > 1", "x", "WHERE sees the columns of FROM only"),
        ],
    )
    .await;
}

#[tokio::test]
async fn words_and_clauses() {
    let s = demo("wrong-words").await;
    check(
        &s,
        &[
            ("SELCT boxes", "SELCT", "did you mean SELECT?"),
            ("SELECT boxes FORM dataset", "FORM", "did you mean FROM?"),
            ("SELECT boxes WEHRE score > 1", "WEHRE", "did you mean WHERE?"),
            ("SELECT boxes WHERE score > 1 ODER BY score", "ODER", "did you mean ORDER?"),
            ("SELECT boxes LIMTI 3", "LIMTI", "did you mean LIMIT?"),
            ("SELECT score UNIN SELECT score", "UNIN", "did you mean UNION?"),
            ("SELECT boxes ORDER score", "score", "expected BY after ORDER"),
            ("SELECT boxes SAMPLE score", "score", "expected BY after SAMPLE"),
            ("SELECT boxes ARRANGE scene", "scene", "expected BY after ARRANGE"),
            ("SELECT boxes LIMIT 3 WHERE score > 1", "WHERE", "the order is SELECT, FROM, WHERE"),
            ("SELECT boxes ARRANGE BY scene LIMIT 3", "LIMIT", "write LIMIT before ARRANGE BY"),
            ("SELECT boxes EXPAND BY 1 WHERE score > 0.5", "WHERE", "write WHERE before EXPAND BY"),
            ("SELECT score ORDER BY score UNION SELECT score", "UNION", "in parentheses"),
            ("SELECT boxes WHERE", END, "expected an expression, found the end of the query"),
            ("SELECT boxes FROM", END, "expected the name of a dataset, found the end"),
            ("SELECT boxes, FROM dataset", "FROM", "remove the ','"),
            ("SELECT boxes WHERE (score > 0.5", "(", "'(' is never closed"),
            ("SELECT boxes[0:2 WHERE score > 1", "[", "'[' is never closed"),
            ("SELECT boxes WHERE score > 0.5)", ")", "')' closes nothing"),
            ("SELECT captions WHERE captions = 'abc", "'", "this text is never closed"),
            ("SELECT \"captions", "\"", "this name is never closed"),
            ("SELECT boxes FROM 'nowhere'", "'nowhere'", "with double quotes"),
            ("SELECT boxes WHERE score => 1", "=>", "write >="),
            ("SELECT boxes WHERE score IS NUL", "NUL", "did you mean NULL?"),
            ("SELECT boxes ORDER BY score DSC", "DSC", "did you mean DESC?"),
            ("SELECT boxes ORDER BY score NULLS FRIST", "FRIST", "did you mean FIRST?"),
            ("SELECT CASE WHEN score > 1 THEN 2 AS x", "AS", "expected END"),
            (
                "SELECT SUM(score) OVER (PARTITON BY scene) AS x",
                "PARTITON",
                "did you mean PARTITION?",
            ),
            ("SELECT score GROUP BY ALL", "ALL", "name the keys"),
            ("DELETE FROM dataset", "DELETE", "run this through execute"),
            ("SELECT boxes; SELECT score", "SELECT", "one statement"),
        ],
    )
    .await;
}

#[tokio::test]
async fn arguments_of_clauses() {
    let s = demo("wrong-clauses").await;
    check(
        &s,
        &[
            ("SELECT boxes LIMIT 'a'", "'a'", "'a' is no number of rows"),
            ("SELECT boxes LIMIT score", "score", "'score' is no number of rows"),
            ("SELECT boxes LIMIT 3, 4", ",", "write LIMIT count OFFSET start"),
            ("SELECT boxes LIMIT 'a' PERCENT", "'a'", "'a' is no number"),
            ("SELECT boxes LIMIT 10 PERCNT", "PERCNT", "did you mean PERCENT?"),
            ("SELECT boxes LIMIT 3 OFFSET 'x'", "'x'", "'x' is no number of rows"),
            ("SELECT boxes SAMPLE BY", END, "expected a weight after SAMPLE BY"),
            ("SELECT boxes SAMPLE BY captions LIMIT 3", "captions", "SAMPLE BY of `text`"),
            ("SELECT boxes SAMPLE BY boxes LIMIT 3", "boxes", "SAMPLE BY of `f32[?,4]`"),
            ("SELECT boxes SAMPLE BY -1 LIMIT 3", "1", "the weight of row 0 is -1"),
            (
                "SELECT boxes SAMPLE BY score - 9 LIMIT 3",
                "score - 9",
                "weights are finite and not negative",
            ),
            (
                "SELECT boxes SAMPLE BY score LIMIT captions",
                "captions",
                "expected the number of rows to draw",
            ),
            ("SELECT boxes SAMPLE BY score REPLACE maybe", "maybe", "TRUE or FALSE after REPLACE"),
            (
                "SELECT boxes SAMPLE BY SUM_WEIGHT(score) LIMIT 3",
                "score",
                "pairs of a condition and a weight",
            ),
            (
                "SELECT boxes SAMPLE BY MAX_WEIGHT(score > 1: 'a') LIMIT 3",
                "'a'",
                "a weight is a number",
            ),
            ("SELECT boxes EXPAND BY a", "a", "expected the number of rows before each match"),
            ("SELECT boxes EXPAND BY 1 OVERLAP perhaps", "perhaps", "TRUE or FALSE after OVERLAP"),
            ("SELECT boxes EXPAND BY 1 AS x", "AS", "EXPAND BY takes no alias"),
            ("SELECT boxes UNGROUP BY SPILT", "SPILT", "did you mean SPLIT?"),
            ("SELECT boxes UNGROUP BY SPLIT", "boxes", "'boxes' is `f32[?,4]`, not a sequence"),
            (
                "SELECT boxes GROUP BY scene ACROSS SPCE",
                "SPCE",
                "expected SPACE or TIME after ACROSS",
            ),
            ("SELECT boxes ACROSS SPACE", "ACROSS", "stands behind GROUP BY"),
            (
                "SELECT boxes ORDER BY boxes",
                "boxes",
                "ORDER BY of `f32[?,4]`: rows are sorted by one value each",
            ),
            ("SELECT score, COUNT(*) AS n GROUP BY scene", "score", "ARRAY_AGG(score)"),
            ("SELECT boxes WHERE COUNT(*) > 1", "COUNT", "each row is judged alone"),
            ("SELECT COUNT(SUM(COUNT(*))) AS n", "COUNT", "both look at many rows"),
            ("SELECT boxes HAVING score > 1", "score > 1", "use WHERE to filter rows"),
            ("SELECT scene GROUP BY ROLLUP(scene)", "scene", "select an aggregate over rows"),
            (
                "SELECT scene QUALIFY ROW_NUMBER() OVER (ORDER BY score) = 1 SAMPLE BY 1",
                "ROW_NUMBER() OVER (ORDER BY score) = 1",
                "write QUALIFY in a subquery",
            ),
            ("SELECT score UNION SELECT captions", "SELECT captions", "write AS score"),
            ("SELECT boxes WHERE score = ?", "?", "parameter 1 has no value"),
            ("SELECT boxes WHERE score = $p", "$p", "give a value for 'p'"),
            (
                "SELECT (SELECT score, scene LIMIT 1) AS x",
                "SELECT score, scene LIMIT 1",
                "this one has 2",
            ),
            ("SELECT (SELECT score) AS x", "score", "more than one row"),
        ],
    )
    .await;
}

#[tokio::test]
async fn types_and_arguments_of_functions() {
    let s = demo("wrong-types").await;
    check(
        &s,
        &[
            (
                "SELECT boxes WHERE boxes == 'circle'",
                "boxes == 'circle'",
                "== of `f32[?,4]` and `text`",
            ),
            ("SELECT boxes + captions AS x", "boxes + captions", "+ of `f32[?,4]` and `text`"),
            ("SELECT boxes WHERE score LIKE 'a*'", "score LIKE 'a*'", "LIKE of `f32` and `text`"),
            ("SELECT -captions AS x", "captions", "- of `text`: only numbers have a sign"),
            ("SELECT score AND captions AS x", "score AND captions", "AND of `f32` and `text`"),
            ("SELECT captions IN (1, 2) AS x", "captions IN (1, 2", "of `text` and `i64`"),
            (
                "SELECT boxes WHERE score IN (SELECT captions)",
                "score IN (SELECT captions",
                "IN of `f32` and `text`",
            ),
            (
                "SELECT CASE WHEN score > 0.5 THEN boxes ELSE captions END AS x",
                "CASE WHEN score > 0.5 THEN boxes ELSE captions END",
                "CASE of `f32[?,4]` and `text`",
            ),
            (
                "SELECT CASE WHEN score > 0.5 THEN boxes ELSE labels END AS x",
                "CASE WHEN score > 0.5 THEN boxes ELSE labels END",
                "CASE of `f32[?,4]` and `u32[?]`",
            ),
            (
                "SELECT a.score FROM dataset a JOIN dataset b ON a.captions = b.score",
                "a.captions = b.score",
                "== of `text` and `f32`",
            ),
            ("SELECT SUM(captions) AS x", "SUM(captions", "SUM of `text`: it reduces numbers"),
            (
                "SELECT IOU(boxes, captions) AS s",
                "IOU(boxes, captions",
                "IOU of `f32[?,4]` and `text`",
            ),
            (
                "SELECT DOT(embeddings, ARRAY[1, 2]) AS s",
                "DOT(embeddings, ARRAY[1, 2",
                "DOT of `f32[8]` and `f32[2]`",
            ),
            ("SELECT UPPER(score) AS s", "UPPER(score", "UPPER of `f32`"),
            (
                "SELECT SUBSTRING(captions, 'a') AS s",
                "captions, 'a'",
                "SUBSTR of `text` and `text`",
            ),
            (
                "SELECT DATE_TRUNC('day', score) AS x",
                "DATE_TRUNC('day', score",
                "DATE_TRUNC of `text` and `f32`",
            ),
            (
                "SELECT MIN(score, captions) AS x",
                "MIN(score, captions",
                "AMIN: `text` is no integer",
            ),
            (
                "SELECT BM25_SIMILARITY(score, 'abc') AS x",
                "BM25_SIMILARITY(score",
                "BM25_SIMILARITY of `f32`",
            ),
            ("SELECT SHAPE() AS s", "SHAPE", "SHAPE was given no argument: write SHAPE(x)"),
            (
                "SELECT IOU(boxes) AS s",
                "IOU(boxes",
                "IOU was given 1 argument: write IOU(boxes, boxes)",
            ),
            (
                "SELECT SUM(boxes, axis => 2) AS s",
                "SUM(boxes, axis => 2",
                "there is no dimension 2 among 2",
            ),
            ("SELECT SUM(boxes, axis => 0, axis => 1) AS s", "axis", "is given axis twice"),
            ("SELECT CAST(captions AS i64) AS s", "captions", "Cannot cast string"),
            ("SELECT CONTAINS(score, 1) AS s", "CONTAINS(score, 1", "compare with ="),
            ("SELECT score[0] AS x", "score[0]", "type f32 has no dimensions"),
            ("SELECT boxes[0, 0, 0] AS x", "boxes[0, 0, 0]", "3 for 2 dimensions"),
            ("SELECT embeddings[8] AS x", "embeddings[8]", "index 8 is out of range"),
            ("SELECT embeddings[1.5] AS x", "1.5", "positions are whole numbers"),
            (
                "SELECT embeddings['a'] AS x",
                "embeddings['a']",
                "a subscript of `f32[8]` and `text`",
            ),
            ("SELECT embeddings[0:1:2:3] AS x", ":", "expected ',' or ']' in a subscript"),
            ("SELECT boxes[0] AS x", "boxes[0]", "column 'boxes', row 0: index 0 is out of range"),
            ("SELECT 5 % 0 AS x", "5 % 0", "row 0: %: the divisor is 0"),
            ("SELECT ARRAY[1, 'a'] AS x", "1, 'a'", "ARRAY of `i64` and `text`"),
            (
                "SELECT 9223372036854775808 AS x",
                "9223372036854775808",
                "write 9223372036854775808.0",
            ),
        ],
    )
    .await;
}
