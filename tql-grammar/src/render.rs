//! Errors under the line of the query that they are about.

use crate::span::Span;

/// Longest stretch of a query line that is shown, in characters.
const SHOWN: usize = 100;
/// Characters of the line kept before the span when the line is cut.
const BEFORE: usize = 40;

/// The message, the line of the query at `span`, carets below the span, and the hint.
///
/// Works for any error that knows a place: columns count characters from 1. A span over several
/// lines is marked to the end of its first line; a span outside the text shows no line.
pub fn render_error(query: &str, span: Option<Span>, message: &str, hint: Option<&str>) -> String {
    let mut out = format!("error: {message}");
    if let Some((text, carets, line)) = span.and_then(|span| excerpt(query, span)) {
        let number = format!("{line:>4}");
        let blank = " ".repeat(number.chars().count());
        out.push_str(&format!("\n{number} | {text}\n{blank} | {carets}"));
    }
    if let Some(hint) = hint {
        out.push_str(&format!("\nhint: {hint}"));
    }
    out
}

/// The shown part of the span's line, the carets below it, and the line's number.
fn excerpt(query: &str, span: Span) -> Option<(String, String, u64)> {
    let index = usize::try_from(span.start.line.checked_sub(1)?).ok()?;
    let line = query.split('\n').nth(index)?.trim_end_matches('\r');
    let characters: Vec<char> = line.chars().collect();
    let start = usize::try_from(span.start.column.checked_sub(1)?).ok()?.min(characters.len());
    let end = if span.end.line == span.start.line {
        usize::try_from(span.end.column.saturating_sub(1)).unwrap_or(characters.len())
    } else {
        characters.len()
    };
    let end = end.max(start + 1);

    let cut = characters.len() > SHOWN;
    let from = if cut { start.saturating_sub(BEFORE) } else { 0 };
    let to = if cut { (from + SHOWN).min(characters.len()) } else { characters.len() };
    let mut text = String::new();
    let mut carets = String::new();
    if from > 0 {
        text.push_str("...");
        carets.push_str("   ");
    }
    for (offset, character) in characters[from..to].iter().enumerate() {
        let at = from + offset;
        // Control characters would move the cursor, so that no caret could stand below them.
        let shown = if character.is_control() { ' ' } else { *character };
        text.push(shown);
        let mark = if at >= start && at < end { '^' } else { ' ' };
        if at < end {
            for _ in 0..cells(shown) {
                carets.push(mark);
            }
        }
    }
    if start >= to {
        carets.push('^');
    }
    if to < characters.len() {
        text.push_str("...");
    }
    Some((text, carets.trim_end().to_string(), span.start.line))
}

/// Terminal cells of a character: 2 for East Asian wide ones and most pictographs, 0 for combining.
fn cells(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::render_error;
    use crate::span::Span;

    #[test]
    fn points_at_the_token() {
        let shown = render_error(
            "SELECT a[1:2 3] FROM ds",
            Some(Span::new(1, 14, 1, 15)),
            "expected ',' or ']' in a subscript, found 3",
            None,
        );
        let wanted = "error: expected ',' or ']' in a subscript, found 3\n   1 | SELECT a[1:2 3] FROM ds\n     |              ^";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn several_lines_tabs_and_wide_characters() {
        let query = "SELECT a,\r\n\tb AS '\u{56fe}\u{50cf}' oops\r\nFROM t";
        let shown = render_error(query, Some(Span::new(2, 12, 2, 16)), "m", Some("h"));
        let lines: Vec<&str> = shown.split('\n').collect();
        assert_eq!(lines[1], "   2 |  b AS '\u{56fe}\u{50cf}' oops");
        // Two wide characters before the span take one more cell each.
        assert_eq!(lines[2], format!("     | {}^^^^", " ".repeat(11 + 2)));
        assert_eq!(lines[3], "hint: h");
    }

    #[test]
    fn long_lines_are_cut_around_the_span() {
        let query = format!("SELECT {} oops {}", "a,".repeat(300), "b".repeat(300));
        let column = 7 + 600 + 2;
        let shown = render_error(&query, Some(Span::new(1, column, 1, column + 4)), "m", None);
        let lines: Vec<&str> = shown.split('\n').collect();
        assert!(lines[1].chars().count() < 120);
        let at = lines[2].find('^').unwrap();
        assert_eq!(&lines[1][at..at + 4], "oops");
    }

    #[test]
    fn places_outside_the_text_do_no_harm() {
        assert_eq!(render_error("a", Some(Span::new(9, 1, 9, 2)), "m", None), "error: m");
        assert_eq!(
            render_error("a", Some(Span::new(1, 99, 1, 100)), "m", None),
            "error: m\n   1 | a\n     |  ^"
        );
        assert_eq!(render_error("a", Some(Span::new(0, 0, 0, 0)), "m", None), "error: m");
        assert_eq!(render_error("", None, "m", None), "error: m");
    }
}
