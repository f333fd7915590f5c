//! Numbers as they are written in JSON text. A `serde_json::Value` holds an integer beyond u64 as the
//! nearest f64, and the text of a number that is out of range is not in its error: both are looked up
//! here.

/// Digits of the shortest integer that i64 does not hold.
const DIGITS: usize = 19;

/// True for an integer that neither i64 nor u64 holds.
pub(super) fn is_wide(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    digits.len() >= DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && word.parse::<i64>().is_err()
        && word.parse::<u64>().is_err()
}

/// The first integer of JSON text that neither i64 nor u64 holds.
pub(super) fn wide_in(text: &str) -> Option<&str> {
    // Most text has no run of so many digits, and needs no further look.
    let mut run = 0;
    let may_be = text.bytes().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run >= DIGITS
    });
    may_be.then(|| words(text).find(|word| is_wide(word))).flatten()
}

/// True if no number in the text has a fraction or an exponent.
pub(super) fn all_integers(text: &str) -> bool {
    !words(text).any(|word| {
        word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && word.contains(['.', 'e', 'E'])
    })
}

/// Whether a place in JSON is inside a text, where brackets and separators mean nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Texts {
    inside: bool,
    escaped: bool,
}

impl Texts {
    /// Goes past a byte; true if it belongs to a text, whose quotes do.
    pub(super) fn pass(&mut self, byte: u8) -> bool {
        if !self.inside {
            self.inside = byte == b'"';
            return self.inside;
        }
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.inside = false,
            _ => {}
        }
        true
    }
}

/// What stands outside of quotes, brackets and separators: numbers, `true`, `null`, and what is no
/// JSON.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut texts = Texts::default();
    let between = move |c: char| {
        texts.pass(u8::try_from(c).unwrap_or(0))
            || c.is_whitespace()
            || matches!(c, ',' | ':' | '[' | ']' | '{' | '}')
    };
    text.split(between).filter(|word| !word.is_empty())
}

/// The members of an object, their values as they are written. What is no object gives anything.
pub(super) fn members(text: &str) -> Vec<(String, &str)> {
    let mut members = Vec::new();
    let (mut depth, mut texts) = (0u32, Texts::default());
    let (mut begin, mut name) = (0, None);
    for (at, byte) in text.bytes().enumerate() {
        if texts.pass(byte) {
            continue;
        }
        let part = || text.get(begin..at).unwrap_or_default().trim();
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth == 1 {
                    begin = at + 1;
                }
            }
            b':' if depth == 1 => {
                name = serde_json::from_str::<String>(part()).ok();
                begin = at + 1;
            }
            b',' | b'}' | b']' => {
                if depth == 1 {
                    members.extend(name.take().map(|name| (name, part())));
                    begin = at + 1;
                }
                if byte != b',' {
                    depth = depth.saturating_sub(1);
                }
            }
            _ => {}
        }
    }
    members
}

/// Why a line is no JSON, where the reason can be told better than by the parser: at `NaN` it only
/// expects a value, and of a number beyond f64 it does not say which.
pub(super) fn refused(line: &str, error: &serde_json::Error) -> String {
    let place = |wrong: &str| {
        let members = members(line);
        let found = members.iter().find(|(_, value)| words(value).any(|word| word == wrong));
        found.map_or(String::new(), |(name, _)| format!("column '{name}': "))
    };
    for word in words(line) {
        let unsigned = word.strip_prefix('-').unwrap_or(word);
        if ["nan", "inf", "infinity"].contains(&unsigned.to_ascii_lowercase().as_str()) {
            let place = place(word);
            return format!(
                "{place}it is no JSON: JSON has no number {word}: write null, or \"NaN\", \
                 \"Infinity\" and \"-Infinity\" in quotes"
            );
        }
        let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit());
        if is_number && word.parse::<f64>().is_ok_and(f64::is_infinite) {
            let place = place(word);
            return format!(
                "{place}the number {word} does not fit an f64: write it in quotes, and give the \
                 column the type text"
            );
        }
    }
    // A line is parsed alone: to the parser it is the first.
    let text = error.to_string();
    let cause = text.split(" at line ").next().unwrap_or_default();
    format!("it is no JSON: {cause}, at its byte {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_outside_of_quotes() {
        let text = r#"{"a 1\"": [1, -2.5], "b": "NaN 3", "c": {"d":true}, "e":NaN}"#;
        assert_eq!(words(text).collect::<Vec<_>>(), ["1", "-2.5", "true", "NaN"]);
        let found = members(text);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let expected =
            [("a 1\"", "[1, -2.5]"), ("b", "\"NaN 3\""), ("c", "{\"d\":true}"), ("e", "NaN")];
        assert_eq!(found, expected);
        assert!(members("{}").is_empty() && members("").is_empty());
    }

    #[test]
    fn integers_that_no_type_holds() {
        let most = u64::MAX.to_string();
        for fits in ["0", "-0", "1.5e300", &most, "-9223372036854775808", "x12345678901234567890"] {
            assert!(!is_wide(fits), "{fits}");
        }
        for wide in ["18446744073709551616", "-9223372036854775809"] {
            assert!(is_wide(wide), "{wide}");
            assert_eq!(wide_in(&format!("[1, {wide}]")), Some(wide));
            assert_eq!(wide_in(&format!("[1, \"{wide}\", 1.{wide}]")), None);
        }
        assert!(all_integers("[1, -2, \"1.5\", true]") && !all_integers("[1, 2e3]"));
    }
}
