//! The recorded queries of the reference engine parse, where the corpus is at hand.

use std::path::Path;

use lakebed_core::Limits;
use lakebed_grammar::parse_sql;
use lakebed_grammar::parse_tql;
use lakebed_grammar::print;

/// Records that do not parse though their verdict is `match` or `extend`, with the reason.
const NOT_PARSED: &[(&str, &str)] = &[("q0684", "LIMIT a, b is an error by rule 32")];

#[test]
fn recorded_queries_parse_and_print_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/tql-conformance");
    let Ok(corpus) = std::fs::read_to_string(root.join("corpus.jsonl")) else {
        println!("skipped: no ../shared/tql-conformance beside the repository");
        return;
    };
    let limits = Limits::default();
    let mut failures = Vec::new();
    let mut parsed = 0;
    for line in corpus.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = record["query"].as_str().unwrap();
        let sql = record["dialect"] == "postgres";
        let parse = if sql { parse_sql } else { parse_tql };
        let result = parse(text, &limits);
        let id = record["id"].as_str().unwrap();
        let wanted = matches!(record["verdict"].as_str(), Some("match" | "extend"));
        let excused = NOT_PARSED.iter().any(|(known, _)| *known == id);
        match result {
            Ok(tree) => {
                parsed += 1;
                let printed = print(&tree);
                match parse(&printed, &limits) {
                    Ok(again) if again == tree => {}
                    _ => failures.push(format!("{id} prints as another tree: {text} -> {printed}")),
                }
                if excused {
                    failures.push(format!("{id} is excused and parses"));
                }
            }
            Err(error) => {
                assert!(error.span.is_some(), "{id}: {error:?}");
                if wanted && !excused {
                    failures.push(format!("{id}: {}", error.render(text)));
                }
            }
        }
    }
    assert!(parsed > 800, "{parsed}");
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
