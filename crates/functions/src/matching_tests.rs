use proptest::prelude::*;

use super::*;

/// Intersection over union of two boxes; 0 if one has no area.
fn overlap(a: &Ltrb, b: &Ltrb) -> f64 {
    matched_overlap(std::slice::from_ref(a), std::slice::from_ref(b)).unwrap()
}

fn matched_overlap(a: &[Ltrb], b: &[Ltrb]) -> Result<f64, usize> {
    let mut matcher = Matcher::default();
    let first = matcher.overlap(a, b);
    assert_eq!(matcher.overlap(a, b), first, "a row depends on the row before");
    first
}

/// Every one-to-one matching, one after another.
fn brute(a: &[Ltrb], b: &[Ltrb], used: &mut Vec<bool>) -> f64 {
    let Some((first, rest)) = a.split_first() else { return 0.0 };
    let mut best = brute(rest, b, used);
    for j in 0..b.len() {
        if !used[j] {
            used[j] = true;
            best = best.max(overlap(first, &b[j]) + brute(rest, b, used));
            used[j] = false;
        }
    }
    best
}

fn some_boxes() -> impl Strategy<Value = Vec<Ltrb>> {
    prop::collection::vec((0u8..8, 0u8..8, 0u8..8, 0u8..8), 0..6).prop_map(|list| {
        list.into_iter()
            .map(|(x, y, w, h)| {
                let (x, y, w, h) = (f64::from(x), f64::from(y), f64::from(w), f64::from(h));
                [x, y, x + w, y + h]
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn matching_is_the_best_of_all(a in some_boxes(), b in some_boxes()) {
        let expected = match a.len().max(b.len()) {
            0 => 1.0,
            most => brute(&a, &b, &mut vec![false; b.len()]) / most as f64,
        };
        let found = matched_overlap(&a, &b).unwrap();
        prop_assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
    }
}

#[test]
fn overlap_of_known_boxes() {
    let a = [0.0, 0.0, 2.0, 2.0];
    assert_eq!(overlap(&a, &[1.0, 0.0, 3.0, 2.0]), 2.0 / 6.0);
    assert_eq!(overlap(&a, &[2.0, 0.0, 3.0, 2.0]), 0.0);
    assert_eq!(overlap(&a, &[0.0, 0.0, 0.0, 2.0]), 0.0);
    assert_eq!(overlap(&a, &[0.0, f64::NAN, 2.0, 2.0]), 0.0);
}

#[test]
fn many_apart_are_fast_and_a_tangle_is_refused() {
    let far: Vec<Ltrb> =
        (0..3000).map(|i| f64::from(i) * 10.0).map(|x| [x, 0.0, x + 5.0, 5.0]).collect();
    assert_eq!(matched_overlap(&far, &far), Ok(1.0));
    let same = vec![[0.0, 0.0, 1.0, 1.0]; MOST_MATCHED + 1];
    assert_eq!(matched_overlap(&same, &same), Err(MOST_MATCHED + 1));
}
