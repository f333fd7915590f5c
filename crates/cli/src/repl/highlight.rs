//! Colours of typed text.

use std::collections::HashSet;
use std::sync::OnceLock;

use console::Style;
use lakebed::grammar::keywords::KEYWORDS;
use lakebed::words;

use super::tokens::Kind;
use super::tokens::tokens;

/// The text with colours: keywords, functions, texts, numbers, comments and meta commands.
pub fn colored(text: &str) -> String {
    if text.trim_start().starts_with(['\\', '.']) {
        return paint(&Style::new().magenta(), text);
    }
    let mut out = String::with_capacity(text.len() * 2);
    let found = tokens(text);
    for (at, token) in found.iter().enumerate() {
        let part = text.get(token.range.clone()).unwrap_or_default();
        let called = || {
            let next = found.get(at + 1).and_then(|next| text.get(next.range.clone()));
            next.is_some_and(|next| next.trim_start().starts_with('('))
        };
        let style = match token.kind {
            Kind::Word if called() && is_function(part) => Style::new().cyan(),
            Kind::Word if is_keyword(part) => Style::new().blue().bold(),
            Kind::Text(_) => Style::new().green(),
            Kind::Number => Style::new().yellow(),
            Kind::Comment(_) => Style::new().dim(),
            _ => {
                out.push_str(part);
                continue;
            }
        };
        out.push_str(&paint(&style, part));
    }
    out
}

/// With colours whether or not stdout is a terminal: the caller has found that out, and the editor
/// writes to the terminal itself.
fn paint(style: &Style, text: &str) -> String {
    style.clone().force_styling(true).apply_to(text).to_string()
}

fn is_keyword(word: &str) -> bool {
    static WORDS: OnceLock<HashSet<&str>> = OnceLock::new();
    let words = WORDS
        .get_or_init(|| KEYWORDS.iter().flat_map(|entry| entry.word.split_whitespace()).collect());
    words.contains(word.to_ascii_uppercase().as_str())
}

fn is_function(word: &str) -> bool {
    words::find(word).iter().any(|found| matches!(found, words::Word::Function(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_nothing_but_colours() {
        for text in ["select IOU(boxes, 'x') WHERE a > 3 -- so", "\\d", "", "'open", "AVG (x)"] {
            assert_eq!(console::strip_ansi_codes(&colored(text)), text);
        }
        assert!(colored("SELECT").contains('\u{1b}'));
        assert_eq!(colored("boxes"), "boxes");
        assert_ne!(colored("mean(x)"), "mean(x)");
    }
}
