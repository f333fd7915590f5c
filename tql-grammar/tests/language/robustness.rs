//! Hostile text: errors, never panics, never a runaway.

use std::time::Duration;
use std::time::Instant;

use lakebed_core::Limits;
use lakebed_grammar::parse_sql;
use lakebed_grammar::parse_tql;
use lakebed_grammar::print;
use proptest::prelude::Just;
use proptest::prelude::ProptestConfig;
use proptest::prelude::Strategy;
use proptest::prelude::prop_assert;
use proptest::prelude::prop_assert_eq;
use proptest::prelude::prop_oneof;
use proptest::proptest;

/// Parses in both languages, prints what parses, and checks that this took no time to speak of.
fn survive(text: &str) {
    let limits = Limits { max_query_bytes: 16 << 20, ..Limits::default() };
    let start = Instant::now();
    for parse in [parse_tql, parse_sql] {
        match parse(text, &limits) {
            Ok(tree) => {
                let copy = tree.clone();
                assert!(copy == tree);
                print(&tree);
            }
            Err(error) => {
                error.render(text);
            }
        }
    }
    let shown: String = text.chars().take(60).collect();
    assert!(start.elapsed() < Duration::from_secs(120), "{shown} took {:?}", start.elapsed());
}

#[test]
fn deep_nesting_is_an_error() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("a[", "]"),
        ("f(", ")"),
        ("{", "}"),
        ("ARRAY[", "]"),
        ("CAST(", " AS INT)"),
        ("(SELECT ", ")"),
        ("(SELECT * FROM ", ")"),
        ("((SELECT * FROM ", "))"),
        ("CASE WHEN ", " THEN 1 END"),
        ("EXISTS (SELECT ", ")"),
        ("CAST(a AS ARRAY<", ">)"),
        ("SUM_WEIGHT(", ": 1)"),
        ("CAST(a AS Nullable(", "int))"),
        ("Tuple(", ")"),
    ] {
        // The long ones take the tokenizer long enough as it is.
        let deep = if open.len() < 2 { 100_000 } else { 5_000 };
        let text = format!("SELECT {}1{}", open.repeat(deep), close.repeat(deep));
        assert!(
            parse_tql(&text, &Limits { max_query_bytes: 16 << 20, ..Limits::default() }).is_err(),
            "{open}"
        );
        survive(&text);
        survive(&format!("SELECT {}", open.repeat(deep)));
        survive(&format!("SELECT * FROM {}", open.repeat(deep)));
        survive(&open.repeat(deep));
    }
}

#[test]
fn long_chains_are_an_error() {
    let long = 5_000;
    for link in [
        " + 1",
        " AND a",
        " OR a = 1",
        "[0]",
        " IS NULL",
        " ISNULL",
        " EQUALS a",
        " UNION SELECT 1",
        " = 1",
        "::int",
        " || 'a'",
        " NOT IN (1)",
        " BETWEEN 1 AND 2",
        " COLLATE x",
        " LIKE 'a'",
        ".a",
        " ^ 2",
        " AT TIME ZONE 'x'",
        " IN b",
        " NOT NULL",
        " MEMBER OF (a)",
        " REGEXP 'a'",
        " ESCAPE 'a'",
    ] {
        survive(&format!("SELECT a{}", link.repeat(long)));
    }
    for prefix in [
        "NOT ",
        "-",
        "- ",
        "+",
        "~",
        "PRIOR ",
        "INTERVAL ",
        "DISTINCT ",
        "CASE ",
        "EXPLAIN ",
        "WITH a AS ",
        "@",
        "!",
        "ARRAY<",
        "STRUCT<",
    ] {
        survive(&format!("SELECT {}1", prefix.repeat(long)));
        survive(&format!("SELECT CAST(a AS {}int", prefix.repeat(long)));
    }
    // A tree at the limit of the chain still prints, copies and drops on a small stack.
    let most = 250;
    // An unoptimized build takes some 10 KiB a level.
    let stack = if cfg!(debug_assertions) { 64 << 20 } else { 2 << 20 };
    let small = std::thread::Builder::new().stack_size(stack).spawn(move || {
        for link in [" + 1", " AND a", "[0]", "[0:1]", " UNION SELECT 1", " ISNULL"] {
            let text = format!("SELECT a{}", link.repeat(most));
            let tree = parse_tql(&text, &Limits::default()).unwrap();
            let again = parse_tql(&print(&tree), &Limits::default()).unwrap();
            assert!(tree == again.clone(), "{link}");
        }
    });
    small.unwrap().join().unwrap();
}

#[test]
fn going_back_is_bounded() {
    // Each of these makes sqlparser try the inside more than once a level.
    for (open, close) in [
        ("((SELECT a FROM ", ""),
        ("(SELECT * FROM (", ""),
        ("CAST(CAST(", ""),
        ("CASE(", ""),
        ("f(x => ", ""),
        ("EXTRACT(", ""),
        ("TRIM(", ""),
        ("((", ")) x"),
        ("INTERVAL(", ""),
        ("CONVERT(", ""),
        ("POSITION(", ""),
        ("SUBSTRING(", ""),
        ("a IN (SELECT a FROM ((", ""),
        ("STRUCT(", ""),
        ("MAP {", ""),
    ] {
        for depth in [6, 20, 60, 120] {
            survive(&format!("SELECT {}1{}", open.repeat(depth), close.repeat(depth)));
            survive(&format!("SELECT * FROM {}a{}", open.repeat(depth), close.repeat(depth)));
        }
    }
}

#[test]
fn strange_characters() {
    for text in [
        "\0",
        "SELECT \0",
        "SELECT '\0'",
        "SELECT \"\0\"",
        "\u{feff}SELECT a",
        "SELECT \u{202e}a",
        "'",
        "\"",
        "`",
        "/*",
        "--",
        "SELECT 'a''",
        "SELECT \"a\"\"",
        "$$",
        "$a$",
        "SELECT $",
        "SELECT ?",
        "SELECT ?1",
        "@",
        "SELECT @",
        "SELECT a[",
        "SELECT a[:",
        "SELECT a[...",
        "SELECT a[..",
        "SELECT a[.",
        "SELECT 1e",
        "SELECT 1.e5.",
        "SELECT 0x",
        "SELECT x'zz'",
        "SELECT u&'\\zzzz'",
        "SELECT e'\\u'",
        "\u{1F600}",
        "SELECT \u{56fe} FROM \u{50cf}",
        "SELECT a AS \u{130}",
        "EXPLAIN",
        "EXPLAIN ANALYZE",
        "EXPLAIN EXPLAIN SELECT 1",
        ";",
        ";;",
        "SAMPLE BY",
        "EXPAND BY",
        "UNGROUP BY",
        "ARRANGE BY",
        "SELECT a SAMPLE BY",
        "SELECT a EXPAND BY",
        "SELECT a UNGROUP BY ARRAY",
        "SELECT a UNGROUP BY [",
        "LIMIT 1 PERCENT",
    ] {
        survive(text);
    }
}

#[test]
fn long_text_is_refused_at_once() {
    let text = format!("SELECT '{}'", "a".repeat(2 << 20));
    let error = parse_tql(&text, &Limits::default()).unwrap_err();
    assert!(error.message.contains("bytes") && error.span.is_some(), "{error:?}");
}

/// Words and signs of the language, as a soup.
fn token() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        proptest::sample::select(vec![
            "SELECT",
            "FROM",
            "WHERE",
            "EXPAND",
            "BY",
            "GROUP",
            "ACROSS",
            "SPACE",
            "TIME",
            "HAVING",
            "UNGROUP",
            "SPLIT",
            "ORDER",
            "LIMIT",
            "PERCENT",
            "OFFSET",
            "SAMPLE",
            "REPLACE",
            "ARRANGE",
            "UNION",
            "ALL",
            "ANY",
            "EXCEPT",
            "INTERSECT",
            "WITH",
            "AS",
            "JOIN",
            "LEFT",
            "ON",
            "USING",
            "IN",
            "NOT",
            "AND",
            "OR",
            "LIKE",
            "BETWEEN",
            "IS",
            "NULL",
            "TRUE",
            "CASE",
            "WHEN",
            "THEN",
            "ELSE",
            "END",
            "CAST",
            "EXISTS",
            "OVER",
            "PARTITION",
            "ARRAY",
            "DISTINCT",
            "EXPLAIN",
            "OVERLAP",
            "SUM_WEIGHT",
            "MAX_WEIGHT",
            "INTERVAL",
            "EXTRACT",
            "VALUES",
            "FOR",
            "UPDATE",
            "EQUALS",
            "ISNULL",
            "FILTER",
            "WITHIN",
            "TABLE",
            "LATERAL",
            "UNNEST",
            "DATE",
            "STRUCT",
            "MAP",
            "TRIM",
            "SUBSTRING",
            "POSITION",
        ]),
        proptest::sample::select(vec![
            "(", ")", "[", "]", "{", "}", ",", ":", "::", "...", ".", "+", "-", "*", "/", "%", "^",
            "||", "=", "==", "!=", "<", ">", "<=", ">=", "=>", ";", "?", "$a", "|>", "->", "->>",
            "@", "~", "!", "&", "|",
        ]),
        proptest::sample::select(vec![
            "a",
            "b",
            "images",
            "\"x/y\"",
            "'t'",
            "1",
            "010",
            "1.5",
            "1e3",
            "f",
            "sample",
            "expand",
            "arrange",
            "__subscript",
            "/* c */",
            "-- c\n",
            "\n",
            "\u{56fe}",
        ]),
        Just("a"),
        Just("1"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn token_soup(tokens in proptest::collection::vec(token(), 0..40)) {
        survive(&format!("SELECT {}", tokens.join(" ")));
        survive(&tokens.join(" "));
    }

    #[test]
    fn character_soup(text in "\\PC{0,60}") {
        survive(&text);
    }

    #[test]
    fn what_parses_prints_back(tokens in proptest::collection::vec(token(), 1..9)) {
        let text = format!("SELECT {}", tokens.join(" "));
        if let Ok(tree) = parse_tql(&text, &Limits::default()) {
            let printed = print(&tree);
            let again = parse_tql(&printed, &Limits::default());
            prop_assert!(again.is_ok(), "{} -> {} -> {:?}", text, printed, again);
            prop_assert_eq!(&print(&again.unwrap()), &printed);
        }
    }

    #[test]
    fn a_valid_query_with_a_piece_missing(seed in 0_usize..10_000, from in 0_usize..400, length in 1_usize..30) {
        let all = crate::corpus::queries("valid");
        let text: Vec<char> = all[seed % all.len()].2.chars().collect();
        let from = from % text.len();
        let cut: String = text.iter().enumerate().filter(|(i, _)| *i < from || *i >= from + length).map(|(_, c)| c).collect();
        survive(&cut);
    }
}
