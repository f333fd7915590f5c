//! TQL's LIKE patterns (rule 23).

/// A compiled pattern over a whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Part>,
    fold: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `*` or `%`.
    Run,
    /// `?`.
    One,
    /// `[abc]` or `[a-z]`, as inclusive ranges.
    Set(Vec<(char, char)>),
    Char(char),
}

impl Glob {
    /// Compiles a pattern; `fold` ignores case. A `[` without `]` stands for itself.
    pub fn new(pattern: &str, fold: bool) -> Glob {
        let mut parts = Vec::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            let part = match c {
                '*' | '%' => Part::Run,
                '?' => Part::One,
                '\\' => Part::Char(lower(rest.next().unwrap_or('\\'), fold)),
                '[' => match rest.as_str().split_once(']') {
                    Some((members, after)) => {
                        rest = after.chars();
                        set(members, fold)
                    }
                    None => Part::Char('['),
                },
                c => Part::Char(lower(c, fold)),
            };
            if part != Part::Run || parts.last() != Some(&Part::Run) {
                parts.push(part);
            }
        }
        Glob { parts, fold }
    }

    /// Does the whole text match? An empty text never does.
    pub fn matches(&self, text: &str) -> bool {
        if text.is_empty() {
            return false;
        }
        // On a mismatch the last run takes one character more; one place to go back to is enough.
        let (mut at, mut part) = (text, 0);
        let mut back: Option<(&str, usize)> = None;
        loop {
            let mut rest = at.chars();
            match (self.parts.get(part), rest.next()) {
                (Some(Part::Run), _) => {
                    part += 1;
                    back = Some((at, part));
                    continue;
                }
                (None, None) => return true,
                (Some(wanted), Some(c)) if wanted.accepts(lower(c, self.fold)) => {
                    at = rest.as_str();
                    part += 1;
                    continue;
                }
                _ => {}
            }
            let Some((from, after)) = back else { return false };
            let mut rest = from.chars();
            if rest.next().is_none() {
                return false;
            }
            at = rest.as_str();
            part = after;
            back = Some((at, part));
        }
    }

    /// The same as an SQL LIKE pattern with `\` as its escape; `None` for sets, which SQL lacks.
    pub fn to_sql(&self) -> Option<String> {
        let mut pattern = String::new();
        for part in &self.parts {
            match part {
                Part::Run => pattern.push('%'),
                Part::One => pattern.push('_'),
                Part::Char(c) => {
                    if matches!(c, '%' | '_' | '\\') {
                        pattern.push('\\');
                    }
                    pattern.push(*c);
                }
                Part::Set(_) => return None,
            }
        }
        Some(pattern)
    }

    /// True if SQL's LIKE would match an empty text.
    pub fn accepts_empty(&self) -> bool {
        self.parts.iter().all(|part| *part == Part::Run)
    }
}

impl Part {
    fn accepts(&self, c: char) -> bool {
        match self {
            Part::Run => false,
            Part::One => true,
            Part::Set(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)),
            Part::Char(wanted) => *wanted == c,
        }
    }
}

fn set(members: &str, fold: bool) -> Part {
    let members: Vec<char> = members.chars().map(|c| lower(c, fold)).collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(low) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some('-'), Some(high)) => {
                ranges.push((*low, *high));
                at += 3;
            }
            _ => {
                ranges.push((*low, *low));
                at += 1;
            }
        }
    }
    Part::Set(ranges)
}

fn lower(c: char, fold: bool) -> char {
    if !fold {
        return c;
    }
    let mut folded = c.to_lowercase();
    match (folded.next(), folded.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern, false).matches(text)
    }

    #[test]
    fn patterns_cover_the_whole_text() {
        assert!(matches("a*", "abc"));
        assert!(matches("*b?", "abc"));
        assert!(matches("%b%", "abc"));
        assert!(!matches("b", "abc"));
        assert!(matches("[a-c][xb]c", "abc"));
        assert!(!matches("[!a]", "b"));
        assert!(matches("a_c", "a_c") && !matches("a_c", "abc"));
        assert!(matches("a\\*", "a*") && !matches("a\\*", "ab"));
        assert!(matches("*a*b*c", "xaxbxbc") && !matches("*a*b*c", "xaxbxcb"));
        assert!(matches("?", "é") && matches("[", "["));
        assert!(Glob::new("ÄB*", true).matches("äbc"));
    }

    #[test]
    fn an_empty_text_never_matches() {
        assert!(!matches("*", "") && !matches("", "") && !matches("", "a"));
    }

    #[test]
    fn sql_says_the_same() {
        assert_eq!(Glob::new("a*_%?\\*", false).to_sql().unwrap(), "a%\\_%_*");
        assert_eq!(Glob::new("[ab]", false).to_sql(), None);
        assert!(Glob::new("**", false).accepts_empty());
    }
}
