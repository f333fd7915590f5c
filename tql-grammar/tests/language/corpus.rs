//! The corpora and the EBNF document against the parser.

use std::collections::BTreeMap;
use std::path::Path;

use lakebed_core::Limits;
use lakebed_grammar::parse_tql;
use lakebed_grammar::print;

/// Queries of a corpus folder: (file and number, production, text).
pub fn queries(folder: &str) -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(root).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "tql")) {
        let text = std::fs::read_to_string(file).unwrap();
        let mut production = String::new();
        for (number, part) in text.split("\n---\n").enumerate() {
            let part = part.trim_matches('\n');
            if let Some(name) = part.strip_prefix("-- production: ") {
                production = name.lines().next().unwrap().trim().to_string();
            }
            let name = file.file_name().unwrap().to_string_lossy();
            found.push((format!("{name}#{}", number + 1), production.clone(), part.to_string()));
        }
    }
    assert!(found.len() > 40, "{folder}: only {}", found.len());
    found
}

/// The productions that the EBNF document names on the left of `=`.
fn productions() -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tql.ebnf"));
    let mut names = Vec::new();
    for line in text.unwrap().lines() {
        let Some((left, _)) = line.split_once(" = ") else { continue };
        let name = left.trim_end();
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            names.push(name.to_string());
        }
    }
    names
}

/// Without comments and quoted text.
fn bare(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("(*") {
        out.push_str(&rest[..at]);
        rest = &rest[at + 2..];
        rest = &rest[rest.find("*)").unwrap() + 2..];
    }
    out.push_str(rest);
    // Terminals first: one of them is "?".
    let out = out.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    out.split('?').step_by(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_document_uses_only_productions_that_it_defines() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tql.ebnf"));
    let defined = productions();
    assert!(defined.len() > 50, "{}", defined.len());
    for word in bare(&text.unwrap()).split(|c: char| !(c.is_ascii_lowercase() || c == '_')) {
        assert!(word.is_empty() || defined.iter().any(|d| d == word), "undefined: {word}");
    }
}

#[test]
fn every_production_has_a_valid_and_an_invalid_example() {
    for folder in ["valid", "invalid"] {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (_, production, _) in queries(folder) {
            *counts.entry(production).or_default() += 1;
        }
        let names = productions();
        let missing: Vec<_> = names.iter().filter(|n| !counts.contains_key(*n)).collect();
        assert!(missing.is_empty(), "no {folder} example of {missing:?}");
        let unknown: Vec<_> = counts.keys().filter(|n| !names.contains(n)).collect();
        assert!(unknown.is_empty(), "{folder} examples of unknown productions {unknown:?}");
    }
}

#[test]
fn valid_queries_parse_and_print_back_to_the_same_tree() {
    let mut failures = Vec::new();
    for (place, production, text) in queries("valid") {
        let tree = match parse_tql(&text, &Limits::default()) {
            Ok(tree) => tree,
            Err(error) => {
                failures.push(format!("{place} ({production}):\n{}", error.render(&text)));
                continue;
            }
        };
        let printed = print(&tree);
        match parse_tql(&printed, &Limits::default()) {
            Ok(again) if again == tree && print(&again) == printed => {}
            Ok(again) => failures.push(format!("{place}: {printed}\n -> {}", print(&again))),
            Err(error) => failures.push(format!("{place} printed:\n{}", error.render(&printed))),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn invalid_queries_fail_with_a_place_inside_the_text() {
    let mut failures = Vec::new();
    for (place, production, text) in queries("invalid") {
        match parse_tql(&text, &Limits::default()) {
            Ok(tree) => failures.push(format!("{place} ({production}) parses: {}", print(&tree))),
            Err(error) => {
                let lines: Vec<&str> = text.split('\n').collect();
                let inside = error.span.is_some_and(|span| {
                    let line = lines.get(span.start.line as usize - 1);
                    // One column behind the last character stands for the end of the query.
                    line.is_some_and(|l| span.start.column as usize <= l.chars().count() + 1)
                });
                if !inside {
                    failures.push(format!("{place}: {error:?}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
