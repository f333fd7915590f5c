//! `text LIKE 'prefix%'`, in SQL's form and as a glob.

use lakebed_dataset::Scalar;

use super::outcomes::Outcomes;
use super::values::Values;

/// What a pattern says of the beginning of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// Every match begins with this.
    text: String,
    /// Every text that begins with it matches.
    enough: bool,
}

impl Prefix {
    /// Of a pattern of SQL: `%` any run, `_` one character, a backslash escapes.
    pub fn sql(pattern: &str) -> Prefix {
        Prefix::until(pattern, &['%', '_', '\\'], &["%"])
    }

    /// Of a glob: `*` and `%` any run, `?` one character, `[...]` a set, a backslash escapes.
    pub fn glob(pattern: &str) -> Prefix {
        Prefix::until(pattern, &['*', '%', '?', '[', '\\'], &["%", "*"])
    }

    fn until(pattern: &str, special: &[char], all: &[&str]) -> Prefix {
        let end = pattern.find(special).unwrap_or(pattern.len());
        let (text, rest) = pattern.split_at(end);
        // The empty text matches nothing in a glob.
        Prefix { text: text.to_string(), enough: !text.is_empty() && all.contains(&rest) }
    }
}

/// The outcomes for the texts of `values`.
pub fn outcomes(prefix: &Prefix, values: &Values) -> Outcomes {
    let mut yes = values.some;
    let mut no = values.some;
    let text = |scalar: &Option<Scalar>| match scalar {
        Some(Scalar::Text(text)) => Some(text.clone()),
        _ => None,
    };
    if let Some(list) = &values.distinct {
        let begins = |s: &Scalar| matches!(s, Scalar::Text(t) if t.starts_with(&prefix.text));
        yes = list.iter().any(begins);
        no = !prefix.enough || !list.iter().all(begins);
    } else {
        let (low, high) = (text(&values.low), text(&values.high));
        if high.as_deref().is_some_and(|high| high < prefix.text.as_str()) {
            yes = false;
        }
        // Above every text with the prefix: larger than it, and not beginning with it.
        if low.as_deref().is_some_and(|l| l > prefix.text.as_str() && !l.starts_with(&prefix.text))
        {
            yes = false;
        }
        if let (Some(low), Some(high), true) = (&low, &high, prefix.enough) {
            no = no && !(low.starts_with(&prefix.text) && high.starts_with(&prefix.text));
        }
    }
    Outcomes {
        // In TQL a pattern on null text is false, and its opposite may be true.
        yes,
        no: no || values.null,
        null: values.null,
        empty: values.array && values.empty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(low: &str, high: &str) -> Values {
        Values {
            low: Some(Scalar::Text(low.into())),
            high: Some(Scalar::Text(high.into())),
            ..Values::unknown(false, false)
        }
    }

    #[test]
    fn prefixes_bound_texts() {
        let cat = Prefix::sql("cat%");
        assert!(!outcomes(&cat, &between("a", "b")).yes);
        assert!(!outcomes(&cat, &between("cau", "d")).yes);
        assert!(outcomes(&cat, &between("a", "catch")).yes);
        assert!(outcomes(&cat, &between("catch", "d")).yes);
        assert!(!outcomes(&cat, &between("cat", "catz")).no);
        assert!(outcomes(&Prefix::sql("cat_"), &between("cat", "catz")).no);
        assert_eq!(Prefix::glob("a_b*").text, "a_b");
        assert!(Prefix::glob("a_b*").enough);
        assert!(outcomes(&Prefix::glob("*"), &between("a", "b")).no);
    }
}
