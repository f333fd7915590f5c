use std::sync::Arc;

use arrow::array::StringViewArray;
use lakebed_core::DType;

use crate::testing::*;

const TEXTS: [Option<&str>; 11] = [
    Some("the quick brown fox jumps over the lazy dog"),
    Some("Deep Lake stores tensors"),
    Some("deep learning on a data lake"),
    Some("lazy dogs sleep all day"),
    Some("quick quick quick"),
    Some("a lake is deep and wide"),
    Some("tensor query language for deep learning"),
    Some(""),
    Some("Fox and Dog are friends"),
    Some("unrelated words entirely"),
    None,
];

fn texts() -> Given {
    scalars(DType::Text, Arc::new(StringViewArray::from(TEXTS.to_vec())))
}

/// The statistics as a first pass finds them: rows, mean length, rows with each term.
fn statistics(query: &str) -> (Vec<f64>, Given) {
    let lengths = run("bm25_length", &[texts()], 11).scalars();
    let present = run("bm25_terms", &[texts(), literal(query)], 11).rows();
    let known: Vec<f64> = lengths.into_iter().flatten().collect();
    let terms = crate::tokens::query_terms(query).len();
    let mut numbers = vec![known.len() as f64, known.iter().sum::<f64>() / known.len() as f64];
    for term in 0..terms {
        numbers.push(present.iter().flatten().map(|(_, present)| present[term]).sum());
    }
    let items: Vec<Given> = numbers.iter().map(|number| literal(*number)).collect();
    (numbers, constant(&run("tensor_array", &items, 1)))
}

#[test]
fn scores_worked_out_elsewhere() {
    let (numbers, given) = statistics("deep LAKE deep");
    assert_eq!(numbers, [10.0, 4.7, 4.0, 3.0]);
    let answer = run("bm25_score", &[texts(), literal("deep LAKE deep"), given], 11);
    assert_eq!(answer.ty().to_string(), "f64");
    // By a Python script over the formula.
    let expected = [
        0.0,
        2.1712404597900647,
        1.8316893887542594,
        0.0,
        0.0,
        1.8316893887542594,
        0.8029606288504325,
        0.0,
        0.0,
        0.0,
    ];
    let scores = answer.scalars();
    for (score, expected) in scores.iter().zip(expected) {
        assert!((score.unwrap() - expected).abs() < 1e-6, "{scores:?}");
    }
    assert_eq!(scores[10], None);
}

#[test]
fn more_of_a_term_and_shorter_texts_score_higher() {
    let (_, given) = statistics("quick dog");
    let scores = run("bm25_score", &[texts(), literal("quick dog"), given], 11).scalars();
    let best = scores.iter().flatten().copied().fold(0.0, f64::max);
    assert!(best > 0.0 && scores[4] == Some(best), "{scores:?}");
    assert!(scores[8] < scores[0] && scores[8] > Some(0.0), "{scores:?}");
    let (_, given) = statistics("?");
    let scores = run("bm25_score", &[texts(), literal("?"), given], 11).scalars();
    assert!(scores[..10].iter().all(|score| *score == Some(0.0)));
}

#[test]
fn statistics_have_to_fit_the_query() {
    let (_, given) = statistics("quick dog");
    let error = call("bm25_score", &[texts(), literal("quick"), given.clone()], 11).unwrap_err();
    assert!(error.contains("1 terms has 2 counts"), "{error}");
    let few = constant(&run("tensor_array", &[literal(1i64)], 1));
    let error = call("bm25_score", &[texts(), literal("quick"), few], 11).unwrap_err();
    assert!(error.contains("missing"), "{error}");
    let error = call("bm25_score", &[given, literal("quick"), literal("x")], 1).unwrap_err();
    assert!(error.contains("statistics of all texts"), "{error}");
    // No rows at all: nothing to divide by.
    let items = [literal(0i64), literal(0i64), literal(0i64)];
    let none = constant(&run("tensor_array", &items, 1));
    let score = run("bm25_score", &[literal("quick"), literal("quick"), none], 1).scalars();
    assert!(score[0].unwrap().is_finite());
}
