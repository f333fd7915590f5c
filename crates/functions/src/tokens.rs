//! Words of a text, as token search and BM25 see them.
//!
//! A token is a run of letters and digits of any script, in lower case; everything else only
//! separates. No stemming, no stop words, as in the reference engine.

use std::borrow::Cow;

/// The tokens of a text, in order. Tokens that are in lower case already are not copied.
pub fn tokens(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()).map(lowered)
}

/// The tokens of a query: each once, in order of first appearance. `bm25_terms` and `bm25_score`
/// have one number for each.
pub fn query_terms(query: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    for token in tokens(query) {
        if !terms.iter().any(|term| term == token.as_ref()) {
            terms.push(token.into_owned());
        }
    }
    terms
}

fn lowered(run: &str) -> Cow<'_, str> {
    let changes = |c: char| match c.is_ascii() {
        true => c.is_ascii_uppercase(),
        false => !c.to_lowercase().eq([c]),
    };
    if run.chars().any(changes) { Cow::Owned(run.to_lowercase()) } else { Cow::Borrowed(run) }
}

/// The terms of a query, ready to be looked for in one text after another.
#[derive(Debug, Default, Clone)]
pub struct Terms {
    terms: Vec<String>,
    counts: Vec<u32>,
}

impl Terms {
    /// The terms of a query.
    pub fn new(query: &str) -> Terms {
        let terms = query_terms(query);
        Terms { counts: vec![0; terms.len()], terms }
    }

    /// How many there are.
    pub fn size(&self) -> usize {
        self.terms.len()
    }

    /// How often each term is in a text, and how many tokens the text has.
    pub fn count(&mut self, text: &str) -> (&[u32], usize) {
        self.counts.fill(0);
        let mut length = 0;
        for run in text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
            length += 1;
            if let Some(term) = self.find(run) {
                self.counts[term] = self.counts[term].saturating_add(1);
            }
        }
        (&self.counts, length)
    }

    /// True if every term is in a text, and there is one.
    pub fn all_in(&mut self, text: &str) -> bool {
        let (counts, _) = self.count(text);
        !counts.is_empty() && counts.iter().all(|count| *count > 0)
    }

    /// The term that a run of letters and digits is, without copying it where both are ASCII.
    fn find(&self, run: &str) -> Option<usize> {
        if run.is_ascii() {
            return self.terms.iter().position(|term| term.eq_ignore_ascii_case(run));
        }
        let token = lowered(run);
        self.terms.iter().position(|term| *term == token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_letters_and_digits_in_lower_case() {
        let of = |text: &'static str| tokens(text).collect::<Vec<_>>();
        assert_eq!(of("The quick-brown FOX, no. 7!"), ["the", "quick", "brown", "fox", "no", "7"]);
        assert_eq!(of("Ünïcode ΣΊΣΥΦΟΣ 日本 a_b"), ["ünïcode", "σίσυφος", "日本", "a", "b"]);
        assert!(of(" -- ").is_empty() && of("").is_empty());
        assert_eq!(query_terms("Lake deep LAKE lake's"), ["lake", "deep", "s"]);
    }

    #[test]
    fn terms_are_counted() {
        let mut terms = Terms::new("deep lake ÜBER");
        assert_eq!(terms.count("Deep, deeper, über DEEP: Über lake-side"), (&[2, 1, 2][..], 7));
        assert_eq!(terms.count(""), (&[0, 0, 0][..], 0));
        assert!(terms.all_in("über lake deep") && !terms.all_in("deep lake"));
        assert!(!Terms::new("!").all_in("a"));
    }
}
