use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::StringViewArray;
use lakebed_core::DType;
use proptest::prelude::*;

use super::close;
use super::run_everywhere;
use crate::testing::*;

fn words() -> impl Strategy<Value = String> {
    let pieces = [
        "deep", "Deep", "lake", "LAKE", "é", "É", "dog", "dogs", " ", " ", "-", ", ", "\u{2028}",
        "7", "_", "",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12).prop_map(|all| all.concat())
}

fn texts(rows: &[Option<String>]) -> Given {
    let array: StringViewArray = rows.iter().map(Option::as_deref).collect();
    scalars(DType::Text, Arc::new(array))
}

/// Lower case first, and then cut; the other way round than the function does it.
fn cut(text: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    for c in text.to_lowercase().chars() {
        match (c.is_alphanumeric(), tokens.last_mut()) {
            (true, Some(token)) => token.push(c),
            _ => tokens.push(String::new()),
        }
    }
    tokens.into_iter().filter(|token| !token.is_empty()).collect()
}

proptest! {
    #[test]
    fn words_are_found_and_scored(
        rows in prop::collection::vec(prop::option::weighted(0.8, words()), 4),
        query in words(),
    ) {
        let x = texts(&rows);
        let mut terms: Vec<String> = Vec::new();
        for token in cut(&query) {
            if !terms.contains(&token) {
                terms.push(token);
            }
        }
        prop_assert_eq!(&crate::tokens::query_terms(&query), &terms);
        let documents: Vec<Option<Vec<String>>> =
            rows.iter().map(|row| row.as_deref().map(cut)).collect();

        let lengths = run_everywhere("bm25_length", std::slice::from_ref(&x), 4).scalars();
        let expected: Vec<Option<f64>> =
            documents.iter().map(|words| words.as_ref().map(|words| words.len() as f64)).collect();
        prop_assert_eq!(&lengths, &expected);

        let present = run_everywhere("bm25_terms", &[x.clone(), literal(query.as_str())], 4).rows();
        for (words, present) in documents.iter().zip(&present) {
            let expected = words.as_ref().map(|words| {
                let set: BTreeSet<&String> = words.iter().collect();
                terms.iter().map(|term| f64::from(u8::from(set.contains(term)))).collect::<Vec<_>>()
            });
            prop_assert_eq!(present.as_ref().map(|(_, present)| present.clone()), expected);
        }

        let all = run_everywhere("contains_token", &[x.clone(), literal(query.as_str())], 4).bools();
        for (words, found) in documents.iter().zip(all) {
            let expected = words.as_ref().map(|words| {
                !terms.is_empty() && terms.iter().all(|term| words.contains(term))
            });
            prop_assert_eq!(found, expected);
        }

        let known: Vec<&Vec<String>> = documents.iter().flatten().collect();
        let count = known.len() as f64;
        let total: usize = known.iter().map(|words| words.len()).sum();
        let mean = if known.is_empty() { 0.0 } else { total as f64 / count };
        let with: BTreeMap<&String, f64> = terms
            .iter()
            .map(|term| (term, known.iter().filter(|words| words.contains(term)).count() as f64))
            .collect();
        let numbers: Vec<f64> =
            [count, mean].into_iter().chain(terms.iter().map(|term| with[term])).collect();
        let items: Vec<Given> = numbers.iter().map(|x| literal(*x)).collect();
        let statistics = constant(&run("tensor_array", &items, 1));
        let args = [x, literal(query.as_str()), statistics];
        let scores = run_everywhere("bm25_score", &args, 4).scalars();
        for (words, score) in documents.iter().zip(scores) {
            let expected = words.as_ref().map(|words| {
                let of = |term: &String| {
                    let tf = words.iter().filter(|word| *word == term).count() as f64;
                    if tf == 0.0 {
                        return 0.0;
                    }
                    let idf = (1.0 + (count - with[term] + 0.5) / (with[term] + 0.5)).ln();
                    let norm = 1.0 - 0.75 + 0.75 * words.len() as f64 / mean;
                    idf * tf * 2.2 / (tf + 1.2 * norm)
                };
                terms.iter().map(of).sum::<f64>()
            });
            prop_assert_eq!(score.is_none(), expected.is_none());
            prop_assert!(close(score.unwrap_or(0.0), expected.unwrap_or(0.0)));
        }
    }

    #[test]
    fn objects_have_sorted_keys(
        rows in prop::collection::vec(prop::option::of(prop::sample::select(vec![
            r#"{"b": 1, "a": {"c": []}, "Á": null, "": 0}"#, "{}", "[]", "[1, 2, [3]]", "null", "7", r#""x""#,
        ])), 4),
    ) {
        let array: StringViewArray = rows.iter().copied().collect();
        let x = scalars(DType::Json, Arc::new(array));
        let keys = run_everywhere("json_keys", std::slice::from_ref(&x), 4);
        let found = run("tensor_contains", &[keys.given(), literal("Á")], 4).bools();
        let expected: Vec<Option<bool>> = rows
            .iter()
            .map(|row| row.filter(|row| row.starts_with('{')).map(|row| row.len() > 2))
            .collect();
        prop_assert_eq!(found, expected);
        run_everywhere("json_type", std::slice::from_ref(&x), 4);
        run_everywhere("json_length", &[x], 4);
    }
}
