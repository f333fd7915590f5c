//! Hostile text: errors, never panics, never a runaway.
//!
//! The generated texts by hand for longer, each test so many seconds:
//! `LAKEBED_SECONDS=600 cargo test --release -p lakebed-grammar --test language robustness -- --nocapture`.

use std::fmt::Debug;
use std::time::Duration;
use std::time::Instant;

use lakebed_core::Limits;
use lakebed_grammar::MAX_SUBQUERIES;
use lakebed_grammar::parse_sql;
use lakebed_grammar::parse_tql;
use lakebed_grammar::print;
use proptest::prelude::Just;
use proptest::prelude::ProptestConfig;
use proptest::prelude::Strategy;
use proptest::prelude::prop_assert;
use proptest::prelude::prop_assert_eq;
use proptest::prelude::prop_oneof;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestCaseError;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;

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
fn subqueries_of_expressions_nest_so_deep() {
    let nested = |open: &str, close: &str, deep: usize| {
        format!("SELECT a FROM t WHERE {}TRUE{}", open.repeat(deep), close.repeat(deep))
    };
    for (open, close) in [
        ("EXISTS (SELECT 1 FROM t WHERE ", ")"),
        ("(SELECT a FROM t WHERE ", ")"),
        ("a IN (SELECT a FROM t WHERE ", ")"),
    ] {
        for parse in [parse_tql, parse_sql] {
            let limits = Limits::default();
            assert!(parse(&nested(open, close, MAX_SUBQUERIES), &limits).is_ok(), "{open}");
            let error = parse(&nested(open, close, MAX_SUBQUERIES + 1), &limits).unwrap_err();
            assert!(error.message.contains("subqueries nest more than 16 deep"), "{error}");
            assert!(error.span.is_some());
        }
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

/// Cases of one round.
const CASES: u32 = 1000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Rounds of generated cases: one, or as many as fit in `LAKEBED_SECONDS`. The same ones each
/// time, unless `LAKEBED_SEED` says where to begin.
fn fuzz<T: Debug>(cases: impl Strategy<Value = T>, test: impl Fn(T) -> Result<(), TestCaseError>) {
    let end =
        number("LAKEBED_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut rounds = 0_u64;
    while rounds == 0 || end.is_some_and(|end| Instant::now() < end) {
        let mut seed = [0; 32];
        let first = number("LAKEBED_SEED").unwrap_or(0);
        seed[..8].copy_from_slice(&first.wrapping_add(rounds).to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let config =
            ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
        if let Err(error) = TestRunner::new_with_rng(config, rng).run(&cases, &test) {
            panic!("round {rounds}: {error}");
        }
        rounds += 1;
    }
    println!("{} cases", rounds * u64::from(CASES));
}

#[test]
fn token_soup() {
    fuzz(proptest::collection::vec(token(), 0..40), |tokens| {
        survive(&format!("SELECT {}", tokens.join(" ")));
        survive(&tokens.join(" "));
        Ok(())
    });
}

#[test]
fn character_soup() {
    fuzz("\\PC{0,60}", |text| {
        survive(&text);
        Ok(())
    });
}

#[test]
fn what_parses_prints_back() {
    fuzz(proptest::collection::vec(token(), 1..9), |tokens| {
        prints_back(&format!("SELECT {}", tokens.join(" ")))
    });
}

#[test]
fn a_valid_query_with_a_piece_missing() {
    let all = crate::corpus::queries("valid");
    fuzz((0_usize..10_000, 0_usize..400, 1_usize..30), |(seed, from, length)| {
        let text: Vec<char> = all[seed % all.len()].2.chars().collect();
        let from = from % text.len();
        let cut = text.iter().enumerate().filter(|(i, _)| *i < from || *i >= from + length);
        let cut: String = cut.map(|(_, c)| c).collect();
        survive(&cut);
        Ok(())
    });
}

#[test]
fn the_head_of_one_query_with_the_tail_of_another() {
    let all = crate::corpus::queries("valid");
    let words = |at: usize| -> Vec<&str> { all[at % all.len()].2.split_whitespace().collect() };
    let pieces = (0_usize..10_000, 0_usize..10_000, 0_usize..40, 0_usize..40);
    fuzz((pieces, token()), |((one, other, head, tail), between)| {
        let (one, other) = (words(one), words(other));
        let head = one[..head.min(one.len())].join(" ");
        let tail = other[tail.min(other.len())..].join(" ");
        for text in [format!("{head} {tail}"), format!("{head} {between} {tail}")] {
            survive(&text);
            prints_back(&text)?;
        }
        Ok(())
    });
}

fn prints_back(text: &str) -> Result<(), TestCaseError> {
    if let Ok(tree) = parse_tql(text, &Limits::default()) {
        let printed = print(&tree);
        let again = parse_tql(&printed, &Limits::default());
        prop_assert!(again.is_ok(), "{} -> {} -> {:?}", text, printed, again);
        prop_assert_eq!(&print(&again.unwrap()), &printed);
    }
    Ok(())
}
