//! The words of TQL with their help: keywords as the grammar lists them, functions as their own
//! files describe them. Help and completion read nothing else.

use lakebed_core::nearest::nearest;
use lakebed_functions::Entry;
use lakebed_grammar::keywords;
use lakebed_grammar::keywords::KEYWORDS;
use lakebed_grammar::keywords::KeywordEntry;

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A keyword or clause.
    Keyword(&'static KeywordEntry),
    /// A function.
    Function(&'static Entry),
}

/// The functions that a person calls by name in TQL, in the order in which help lists them.
pub fn functions() -> impl Iterator<Item = &'static Entry> {
    lakebed_functions::catalogue().iter().filter(|entry| !entry.tql.is_empty())
}

/// What a name stands for, in any case: functions by any of their names, keywords of several words
/// with single spaces. A word that is both (`ANY`) gives both, the function first.
pub fn find(name: &str) -> Vec<Word> {
    let is_named = |entry: &&Entry| {
        let tql = entry.tql.iter().chain(entry.aliases);
        tql.chain([&entry.udf]).any(|known| known.eq_ignore_ascii_case(name))
    };
    let functions = lakebed_functions::catalogue().iter().filter(is_named).map(Word::Function);
    functions.chain(keywords::find(name).map(Word::Keyword)).collect()
}

/// The word of TQL that a name may have been meant to be.
pub fn suggestion(name: &str) -> Option<String> {
    nearest(name, all())
}

/// The words that begin like this, in any case and in order, each once.
pub fn completions(prefix: &str) -> Vec<&'static str> {
    let begins = |word: &&str| {
        word.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let mut found: Vec<&'static str> = all().filter(begins).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn all() -> impl Iterator<Item = &'static str> {
    let functions = functions().flat_map(|entry| entry.tql.iter().copied());
    KEYWORDS.iter().map(|entry| entry.word).chain(functions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert!(matches!(find("iou")[..], [Word::Function(_)]));
        assert!(matches!(find("group by")[..], [Word::Keyword(_)]));
        assert!(find("no_such_word").is_empty());
        assert_eq!(suggestion("cosine_similarty").as_deref(), Some("COSINE_SIMILARITY"));
    }

    #[test]
    fn prefixes_are_completed_from_both_catalogues() {
        let found = completions("sa");
        assert!(found.contains(&"SAMPLE BY"), "{found:?}");
        let found = completions("cos");
        assert!(found.contains(&"COSINE_SIMILARITY"), "{found:?}");
        assert!(found.is_sorted());
        assert!(completions("é").is_empty());
    }
}
