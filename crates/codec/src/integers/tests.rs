use std::fmt::Debug;
use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn limits() -> Limits {
    Limits::default()
}

fn is_damaged(bytes: &[u8], count: usize) -> bool {
    matches!(decode(bytes, count, &limits()), Err(Error::Damaged { .. }))
}

fn damaged(bytes: &[u8], count: usize) -> String {
    match decode(bytes, count, &limits()) {
        Err(Error::Damaged { reason, .. }) => reason,
        other => panic!("expected damage, found {other:?}"),
    }
}

/// A second reader, written from the module's documentation only: bit by bit, nothing shared.
fn plain_reader(bytes: &[u8], count: usize) -> Vec<u64> {
    fn number(bytes: &mut &[u8], len: usize) -> u64 {
        let (front, rest) = bytes.split_at(len);
        *bytes = rest;
        front.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    }
    fn run(bytes: &mut &[u8], n: usize) -> Vec<u64> {
        let reference = number(bytes, 8);
        let width = number(bytes, 1) as usize;
        let (bits, rest) = bytes.split_at((n * width).div_ceil(8));
        *bytes = rest;
        (0..n)
            .map(|i| {
                let value = (0..width).fold(0u64, |sum, j| {
                    let k = i * width + j;
                    sum | u64::from(bits[k / 8] >> (k % 8) & 1) << j
                });
                reference.wrapping_add(value)
            })
            .collect()
    }
    let mut rest = bytes;
    let values = match number(&mut rest, 1) {
        0 => vec![number(&mut rest, 8); count],
        1 => run(&mut rest, count),
        2 => {
            let mut value = number(&mut rest, 8);
            let differences = run(&mut rest, count - 1);
            let mut values = vec![value];
            for difference in differences {
                value = value.wrapping_add(difference);
                values.push(value);
            }
            values
        }
        3 => {
            let runs = number(&mut rest, 4) as usize;
            let values = run(&mut rest, runs);
            let lengths = run(&mut rest, runs);
            values.iter().zip(lengths).flat_map(|(&v, n)| vec![v; n as usize]).collect()
        }
        4 => {
            let size = number(&mut rest, 4) as usize;
            let entries = run(&mut rest, size);
            run(&mut rest, count).iter().map(|&index| entries[index as usize]).collect()
        }
        id => panic!("id {id}"),
    };
    assert!(rest.is_empty());
    values
}

fn patterns() -> impl Strategy<Value = Vec<u64>> {
    let any_width = (0u32..64, any::<u64>()).prop_flat_map(|(shift, base)| {
        proptest::collection::vec(any::<u64>(), 0..400)
            .prop_map(move |v| v.iter().map(|x| base.wrapping_add(x >> shift)).collect())
    });
    let sorted = proptest::collection::vec(0u64..1000, 0..400).prop_map(|v| {
        v.iter()
            .scan(1u64 << 62, |sum, x| {
                *sum += x;
                Some(*sum)
            })
            .collect()
    });
    let descending = (any::<u64>(), 1usize..300).prop_map(|(start, n)| {
        (0..n).map(|i| start.wrapping_sub(i as u64 * 3)).collect::<Vec<_>>()
    });
    let runs = proptest::collection::vec((any::<u64>(), 1usize..90), 0..30)
        .prop_map(|v| v.iter().flat_map(|&(x, n)| vec![x; n]).collect());
    let few = proptest::collection::vec(any::<u64>(), 1..9).prop_flat_map(|entries| {
        proptest::collection::vec(proptest::sample::select(entries), 0..600)
    });
    prop_oneof![any_width, sorted, descending, runs, few]
}

fn round_trip<T: Integer + Debug>(values: &[T]) {
    let bytes = encode_from(values);
    let mut out = Vec::new();
    decode_into::<T>(&bytes, values.len(), &limits(), &mut out).unwrap();
    assert_eq!(out, values);
}

proptest! {
    #[test]
    fn comes_back_and_the_plain_reader_agrees(values in patterns()) {
        let bytes = encode(&values);
        prop_assert_eq!(decode(&bytes, values.len(), &limits()).unwrap(), values.clone());
        if !values.is_empty() {
            prop_assert_eq!(plain_reader(&bytes, values.len()), values);
        }
    }

    #[test]
    fn every_type_comes_back(values in proptest::collection::vec(any::<i64>(), 0..300), shift in 0u32..64) {
        round_trip(&values.iter().map(|v| (v >> shift) as i8).collect::<Vec<_>>());
        round_trip(&values.iter().map(|v| (v >> shift) as u8).collect::<Vec<_>>());
        round_trip(&values.iter().map(|v| (v >> shift) as i16).collect::<Vec<_>>());
        round_trip(&values.iter().map(|v| (v >> shift) as u16).collect::<Vec<_>>());
        round_trip(&values.iter().map(|v| (v >> shift) as i32).collect::<Vec<_>>());
        round_trip(&values.iter().map(|v| (v >> shift) as u32).collect::<Vec<_>>());
        round_trip(&values.iter().map(|v| v >> shift).collect::<Vec<_>>());
        round_trip(&values.iter().map(|v| (v >> shift) as u64).collect::<Vec<_>>());
    }

    #[test]
    fn cut_or_lengthened_is_damage(values in patterns(), extra in any::<u8>()) {
        let mut bytes = encode(&values);
        for cut in 0..bytes.len() {
            prop_assert!(is_damaged(&bytes[..cut], values.len()), "cut at {}", cut);
        }
        bytes.push(extra);
        prop_assert!(is_damaged(&bytes, values.len()));
    }

    #[test]
    fn flipped_bits_never_panic_and_never_change_the_count(
        values in patterns(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..5),
    ) {
        let mut bytes = encode(&values);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let mut out = vec![9u64];
        match decode_into(&bytes, values.len(), &limits(), &mut out) {
            Ok(()) => prop_assert_eq!(out.len(), values.len() + 1),
            Err(_) => prop_assert_eq!(&out, &vec![9u64]),
        }
        // Counts above the limit never reach an allocation.
        let small = Limits { max_page_bytes: 4096, ..limits() };
        let _ = decode(&bytes, values.len(), &small);
        let _ = decode_into::<u8>(&bytes, values.len(), &limits(), &mut Vec::new());
    }

    #[test]
    fn any_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), id in 0u8..6, count in 0usize..3000) {
        if let Some(first) = bytes.first_mut() {
            *first = id;
        }
        if let Ok(values) = decode(&bytes, count, &limits()) {
            prop_assert_eq!(values.len(), count);
        }
    }
}

#[test]
fn each_kind_of_values_gets_its_encoding() {
    let id = |values: &[u64]| encode(values)[0];
    assert_eq!(id(&[]), CONSTANT);
    assert_eq!(id(&[5; 1000]), CONSTANT);
    let mixed: Vec<u64> = (0..1000).map(|i| 1000 + i * 7919 % 97).collect();
    assert_eq!(id(&mixed), PACKED);
    let sorted: Vec<u64> = (0..1000).map(|i| i * 1000 + i % 3).collect();
    assert_eq!(id(&sorted), DELTA);
    let runs: Vec<u64> = (0..1000).map(|i| (i / 250) * 7919 % 97).collect();
    assert_eq!(id(&runs), RUN_LENGTH);
    let few: Vec<u64> = (0..1000).map(|i| [3, 1 << 60, 1 << 40, 77][(i * i + i / 7) % 4]).collect();
    assert_eq!(id(&few), DICTIONARY);
}

#[test]
fn the_documented_bytes_are_the_bytes() {
    // Three values of three bits above 10: 0, 5, 7 -> 0 | 5 << 3 | 7 << 6 = 0x1e8.
    assert_eq!(encode(&[10, 15, 17]), [1, 10, 0, 0, 0, 0, 0, 0, 0, 3, 0xe8, 0x01]);
    assert_eq!(encode(&[7, 7]), [0, 7, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(encode(&[]), [0; 9]);
    assert_eq!(encode_from(&[-1i8])[1..], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
}

#[test]
fn contradictions_are_named() {
    let zeros = |id: u8, len: usize| {
        let mut bytes = vec![0; len];
        bytes[0] = id;
        bytes
    };
    let mut wide = zeros(PACKED, 10 + 65);
    wide[9] = 65;
    assert_eq!(damaged(&wide, 8), "bit width 65 is more than 64");
    let mut too_many_runs = zeros(RUN_LENGTH, 23);
    too_many_runs[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(damaged(&too_many_runs, 8), "4294967295 runs for 8 values");
    // Two runs whose lengths are 2^64 - 1 each: their sum wraps to less than the count.
    let mut long = zeros(RUN_LENGTH, 23);
    long[1] = 2;
    long[14..22].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(damaged(&long, 8).starts_with("a run of "), "{}", damaged(&long, 8));
    let empty_runs = {
        let mut bytes = zeros(RUN_LENGTH, 23);
        bytes[1] = 3;
        bytes
    };
    assert_eq!(damaged(&empty_runs, 8), "a run of 0 values where 8 are left");
    assert_eq!(damaged(&zeros(RUN_LENGTH, 23), 8), "the runs are 8 values short of 8");
    let mut dictionary = zeros(DICTIONARY, 23);
    assert_eq!(damaged(&dictionary, 8), "index 0 into 0 dictionary entries");
    dictionary[1] = 9;
    assert_eq!(damaged(&dictionary, 8), "9 dictionary entries for 8 values");
    assert_eq!(damaged(&[], 8), "1 more bytes needed, 0 left");
    assert!(matches!(decode(&[9; 40], 8, &limits()), Err(Error::Unsupported { .. })));
}

#[test]
fn a_value_too_large_for_the_type_is_damage() {
    let bytes = encode(&[1, 256, 3]);
    let mut out = vec![7u8];
    let result = decode_into(&bytes, 3, &limits(), &mut out);
    assert!(matches!(result, Err(Error::Damaged { .. })));
    assert_eq!(out, [7]);
    let negative = encode_from(&[-129i64, 5, 127]);
    assert!(decode_into::<i8>(&negative, 3, &limits(), &mut Vec::new()).is_err());
    let mut out = Vec::new();
    decode_into::<i16>(&negative, 3, &limits(), &mut out).unwrap();
    assert_eq!(out, [-129, 5, 127]);
}

#[test]
fn a_huge_count_is_refused_at_once() {
    let started = Instant::now();
    for count in [usize::MAX, 1 << 40] {
        let result = decode(&encode(&[3, 3]), count, &limits());
        assert!(matches!(result, Err(Error::Limit(_))), "{result:?}");
    }
    assert!(started.elapsed().as_millis() < 100);
}

/// Prints speeds: `cargo test --release -p lakebed-codec -- --ignored --nocapture speed`.
#[test]
#[ignore = "measures"]
fn speed_of_decoding() {
    fn measure<T: Integer>(name: &str, values: &[T]) {
        let bytes = encode_from(values);
        let started = Instant::now();
        let _ = encode_from(values);
        let encoding = started.elapsed().as_secs_f64();
        let mut out = Vec::new();
        let mut best = f64::MAX;
        for _ in 0..200 {
            out.clear();
            let started = Instant::now();
            decode_into::<T>(&bytes, values.len(), &limits(), &mut out).unwrap();
            best = best.min(started.elapsed().as_secs_f64());
        }
        assert!(out == values);
        println!(
            "{name:<28} id {} ratio {:>5.1}  decode {:>6.2} GB/s {:>5.2} G values/s  encode {:.2} GB/s",
            bytes[0],
            size_of_val(values) as f64 / bytes.len() as f64,
            size_of_val(values) as f64 / best / 1e9,
            values.len() as f64 / best / 1e9,
            size_of_val(values) as f64 / encoding / 1e9,
        );
    }
    let n = 65_536u64;
    let mix = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
    measure("u8 labels, 10 classes", &(0..n).map(|i| (mix(i) % 10) as u8).collect::<Vec<_>>());
    for width in [1, 3, 7, 8, 13, 16, 20, 31] {
        let labels: Vec<u32> = (0..n).map(|i| (mix(i) % (1 << width)) as u32).collect();
        measure(&format!("u32, {width} bits"), &labels);
    }
    for width in [5, 17, 40, 56] {
        let ids: Vec<i64> = (0..n).map(|i| (mix(i) % (1 << width)) as i64 - 1000).collect();
        measure(&format!("i64, {width} bits"), &ids);
    }
    measure(
        "i64 sorted ids",
        &(0..n).map(|i| i as i64 * 3 + (mix(i) % 3) as i64).collect::<Vec<_>>(),
    );
    measure("i64 positions", &(0..n).map(|i| i as i64).collect::<Vec<_>>());
    measure("u32 runs", &(0..n).map(|i| (mix(i / 100) % 1000) as u32).collect::<Vec<_>>());
    measure("i64 dictionary", &(0..n).map(|i| mix(mix(i) % 50) as i64).collect::<Vec<_>>());
    measure("u32 constant", &vec![5u32; n as usize]);
}

#[test]
fn constants_are_known_without_decoding() {
    assert_eq!(constant(&encode(&[7; 1000])), Some(7));
    assert_eq!(constant(&encode(&[])), Some(0));
    assert_eq!(constant(&encode(&[7, 8])), None);
    assert_eq!(constant(&encode(&[7])[..8]), None);
    assert_eq!(constant(&[]), None);
}
