//! Errors point at the token at fault and say what to do.

use lakebed_core::Limits;
use lakebed_grammar::parse_sql;
use lakebed_grammar::parse_tql;

/// The text under the carets, the message and the hint.
fn fault(query: &str) -> (String, String, String) {
    let error = parse_tql(query, &Limits::default()).expect_err(query);
    let span = error.span.expect(query);
    let line = query.split('\n').nth(span.start.line as usize - 1).unwrap_or_default();
    let length = (span.end.column.saturating_sub(span.start.column)) as usize;
    let token: String = line.chars().skip(span.start.column as usize - 1).take(length).collect();
    (token, error.message, error.hint.unwrap_or_default())
}

#[test]
fn the_caret_stands_under_the_token() {
    let query = "SELECT a[1:2 3] FROM ds";
    let error = parse_tql(query, &Limits::default()).unwrap_err();
    assert_eq!(
        error.render(query),
        "error: expected ',' or ']' in a subscript, found 3\n   1 | SELECT a[1:2 3] FROM ds\n     |              ^"
    );
}

#[test]
fn tokens_at_fault() {
    for (query, token) in [
        ("SELECT id WHERE id ==== 3", "=="),
        ("SELECT id WHERE id = 3)", ")"),
        ("SELEC id", "SELEC"),
        ("SELECT a b c", "c"),
        ("SELECT id ORDER id", "id"),
        ("SELECT id\nORDER BY id\nWHERE id > 40", "WHERE"),
        ("SELECT id FROM (SELECT a FROM t WHERE) LIMIT 3", ")"),
        ("SELECT id FROM (SELECT a[1:2 3] FROM t) LIMIT 3", "3"),
        ("SELECT * FROM (SELECT * FROM (SELECT a,, b))", ","),
        ("SELECT id SAMPLE BY a b", "b"),
        ("SELECT id\nEXPAND BY x", "x"),
        ("SELECT id EXPAND BY 1 WHERE a", "WHERE"),
        ("SELECT id SAMPLE BY a ORDER BY b", "ORDER"),
        ("SELECT id SAMPLE BY (a + ) LIMIT 3", ")"),
        ("SELECT f(a, b", "("),
        ("SELECT a[0)", ")"),
        ("SELECT a FROM t; SELECT b", "SELECT"),
        ("SELECT `a`", "`"),
        ("SELECT +a . 1", "1"),
        ("SELECT a FORM t", "FORM"),
        ("SELECT a LIMTI 3", "LIMTI"),
        ("SELECT a SAMPLE b", "b"),
        ("SELECT a GROUP BY b ACROSS SPCE", "SPCE"),
        ("SELECT a EXPAND BY 1 OVERLAP maybe", "maybe"),
        ("SELECT a SAMPLE BY b REPLACE maybe", "maybe"),
        ("SELECT a ORDER BY b NULLS FRIST", "FRIST"),
        ("SELECT SUM(a) OVER (PARTITON BY b)", "PARTITON"),
        ("SELECT a GROUP BY ALL", "ALL"),
        ("DELETE FROM t", "DELETE"),
        ("SELECT '\u{56fe}\u{50cf}', b c d", "d"),
    ] {
        let (found, message, _) = fault(query);
        assert_eq!(found, token, "{query}: {message}");
        assert!(!message.contains("Line:") && !message.contains("|>"), "{message}");
    }
}

#[test]
fn hints_for_the_usual_mistakes() {
    for (query, hint) in [
        ("SELECT * FROM 'data/x'", "double quotes"),
        ("SELECT * FROM a JOIN 'b' ON a.x = b.x", "double quotes"),
        ("SELECT id LIMIT 2, 3", "OFFSET"),
        ("SELECT f(a, b", "')'"),
        ("SELECT a[0", "']'"),
        ("SELECT 'abc", "'"),
        ("SELECT \"abc", "\""),
        ("SELECT a, FROM t", "','"),
        ("SELECT a FROM t WHER x > 1", "WHERE"),
        ("SELECT a b c", "','"),
        ("SELEC a", "SELECT"),
        ("SELECT id EXPAND BY 1 WHERE a", "WHERE before EXPAND BY"),
        ("SELECT id EXPAND BY 1 AS e", "AS"),
        ("SELECT id SAMPLE BY a UNION SELECT id", "parentheses"),
        ("SELECT id UNION SELECT FROM t", "SELECT *"),
        ("DELETE FROM t", "execute"),
        ("SELECT a FORM t", "FROM"),
        ("SELECT a LIMTI 3", "LIMIT"),
        ("SELECT a LIMIT 10 PERCNT", "PERCENT"),
        ("SELECT a ORDER BY b DSC", "DESC"),
        ("SELECT a ORDER BY b NULLS FRIST", "FIRST"),
        ("SELECT a WHERE b IS NUL", "NULL"),
        ("SELECT a WHERE b => 1", ">="),
        ("SELECT a UNGROUP BY SPILT", "SPLIT"),
        ("SELECT a ORDER BY b UNION SELECT a", "parentheses"),
        ("SELECT a LIMIT 3 WHERE b", "the order is SELECT, FROM, WHERE, EXPAND BY"),
        ("SELECT a ACROSS SPACE", "GROUP BY key ACROSS"),
    ] {
        let (_, message, found) = fault(query);
        assert!(found.contains(hint), "{query}: {message} / {found}");
    }
}

#[test]
fn sql_has_no_subscripts_of_tensors_and_no_clauses_of_tql() {
    let limits = Limits::default();
    for query in
        ["SELECT a[1:2, 0] FROM t", "SELECT a FROM t SAMPLE BY b", "SELECT a FROM t EXPAND BY 1"]
    {
        let error = parse_sql(query, &limits).expect_err(query);
        assert!(error.span.is_some(), "{query}: {error:?}");
    }
    for query in [
        "SELECT a[1], b[1:2] FROM t",
        "SELECT meta->>'author' AS a, count(*) FROM t GROUP BY 1 ORDER BY 1",
        "EXPLAIN ANALYZE SELECT a, sum(b) FILTER (WHERE c) FROM \"s3://x/y@v1\" GROUP BY a",
        "WITH t AS (SELECT 1 AS a) SELECT * FROM t WHERE a = ANY(ARRAY[1, 2])",
    ] {
        let tree = parse_sql(query, &limits).expect(query);
        assert!(parse_sql(&tree.to_string(), &limits).expect(query) == tree, "{query}");
    }
}
