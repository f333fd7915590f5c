use std::sync::Mutex;

use super::*;

const MIB: u64 = 1 << 20;

fn spans(merged: &[Merged]) -> Vec<(u64, u64)> {
    merged.iter().map(|m| (m.range.start, m.range.end)).collect()
}

fn places(range: &Range<u64>) -> Range<usize> {
    usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
}

#[test]
fn near_ranges_share_a_request_and_far_ones_do_not() {
    let ranges = [300..400, 0..100, 200..250, 401..402];
    assert_eq!(spans(&plan("k", &ranges, 50).unwrap()), [(0, 100), (200, 402)]);
    assert_eq!(spans(&plan("k", &ranges, 100).unwrap()), [(0, 402)]);
    assert_eq!(
        spans(&plan("k", &ranges, 0).unwrap()),
        [(0, 100), (200, 250), (300, 400), (401, 402)]
    );
    let members: Vec<_> = plan("k", &ranges, 50).unwrap().into_iter().map(|m| m.members).collect();
    assert_eq!(members, [vec![1], vec![2, 0, 3]]);
}

#[test]
fn a_merged_request_has_a_bound_and_a_single_range_has_not() {
    let ranges: Vec<Range<u64>> = (0..5).map(|i| i * 5 * MIB..(i * 5 + 5) * MIB).collect();
    assert_eq!(spans(&plan("k", &ranges, 0).unwrap()), [(0, 15 * MIB), (15 * MIB, 25 * MIB)]);
    let large = [0..40 * MIB, 10 * MIB..11 * MIB, 40 * MIB..41 * MIB];
    assert_eq!(spans(&plan("k", &large, MIB).unwrap()), [(0, 40 * MIB), (40 * MIB, 41 * MIB)]);
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "a range that ends before it starts is the case")]
fn hostile_ranges_are_refused() {
    for bad in [5..4, 0..u64::MAX] {
        assert!(matches!(plan("k", &[bad], 0), Err(Error::InvalidRange { .. })));
    }
    let end = u64::MAX;
    assert_eq!(
        spans(&plan("k", &[end - 2..end, 0..1], u64::MAX).unwrap()),
        [(0, 1), (end - 2, end)]
    );
}

#[tokio::test]
async fn results_come_in_the_order_asked_without_copies() {
    let object = Bytes::from((0u8..=255).collect::<Vec<_>>());
    let asked = Mutex::new(Vec::new());
    let ranges = [200..210, 0..5, 3..8, 50..50, 205..206];
    let read = |range: Range<u64>| {
        asked.lock().unwrap().push(range.clone());
        let bytes = object.slice(places(&range));
        async move { Ok(bytes) }
    };
    let out = fetch("k", &ranges, 16, read).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [0..8, 200..210]);
    for (range, bytes) in ranges.iter().zip(&out) {
        assert_eq!(bytes[..], object[places(range)]);
    }
    assert_eq!(out[4].as_ptr(), object[205..].as_ptr());
}

#[tokio::test]
async fn a_truncation_names_the_first_range_it_touches() {
    let read = |range: Range<u64>| async move {
        Err(Error::Truncated { key: "k".to_owned(), range, size: 7 })
    };
    match fetch("k", &[0..4, 8..9, 6..8], 16, read).await.unwrap_err() {
        Error::Truncated { range, size, .. } => assert_eq!((range, size), (8..9, 7)),
        other => panic!("{other}"),
    }
}
