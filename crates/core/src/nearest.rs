//! The nearest of several names, for "did you mean".

/// The candidate nearest to `name`, ignoring case; `None` if none is near. Near is what a few
/// slips of the finger make: a letter too many, missing or wrong, or two that changed places.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    let allowed = match wanted.len() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .map(|candidate| {
            let other: Vec<char> = candidate.to_lowercase().chars().collect();
            (distance(&wanted, &other), other.len(), candidate)
        })
        // Something must be the same: every letter is near every other one.
        .filter(|(distance, len, _)| *distance <= allowed && *distance < wanted.len().max(*len))
        // Of two that are as near, the one that begins alike: people rarely miss the first letter.
        .min_by_key(|(distance, _, candidate)| {
            let first = candidate.chars().flat_map(char::to_lowercase).next();
            (*distance, first != wanted.first().copied())
        })
        .map(|(.., candidate)| candidate.to_string())
}

/// Edits between two words; neighbours that change places are one.
fn distance(a: &[char], b: &[char]) -> usize {
    // The last three rows of the table, one row a letter of `a`.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let mut least = last[j] + usize::from(x != y);
            least = least.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;
    use super::nearest;

    #[test]
    fn finds_typing_errors_and_not_strangers() {
        assert_eq!(nearest("imagee", ["boxes", "images"]), Some("images".into()));
        assert_eq!(nearest("LABELS", ["labels"]), Some("labels".into()));
        assert_eq!(nearest("zebra", ["images", "boxes"]), None);
        assert_eq!(nearest("c", ["a", "b"]), None);
        assert_eq!(nearest("", ["a"]), None);
    }

    #[test]
    fn of_two_that_are_as_near_the_one_that_begins_alike() {
        assert_eq!(nearest("DSC", ["ASC", "DESC"]), Some("DESC".into()));
        assert_eq!(nearest("lable", ["table", "label"]), Some("label".into()));
    }

    #[test]
    fn letters_that_changed_places_are_one_slip() {
        assert_eq!(nearest("scroe", ["scene", "score"]), Some("score".into()));
        assert_eq!(nearest("IUO", ["SUM", "IOU"]), Some("IOU".into()));
        assert_eq!(nearest("LIMTI", ["LIMIT"]), Some("LIMIT".into()));
    }

    #[test]
    fn distances_by_hand() {
        let of = |a: &str, b: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<char>>();
            distance(&letters(a), &letters(b))
        };
        assert_eq!(of("", ""), 0);
        assert_eq!(of("abc", ""), 3);
        assert_eq!(of("", "ab"), 2);
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("ab", "ba"), 1);
        assert_eq!(of("abcd", "badc"), 2);
    }
}
