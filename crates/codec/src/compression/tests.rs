use lakebed_core::Limits;
use proptest::prelude::*;

use super::*;

const CODECS: [Codec; 3] = [Codec::None, Codec::Lz4, Codec::Zstd];

fn limit_name(error: &Error) -> &'static str {
    match error {
        Error::Limit(lakebed_core::Error::LimitExceeded { setting, .. }) => setting,
        other => panic!("expected a limit, found {other:?}"),
    }
}

fn raw_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..2000),
        proptest::collection::vec(0u8..3, 0..20_000),
        (any::<u8>(), 0usize..100_000).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

proptest! {
    #[test]
    fn comes_back(raw in raw_bytes()) {
        for codec in CODECS {
            let encoded = compress(codec, &raw).unwrap();
            prop_assert_eq!(decompress(codec, &encoded, raw.len(), &Limits::default()).unwrap(), raw.clone());
        }
    }

    #[test]
    fn another_length_is_damage(raw in raw_bytes(), off in 1usize..50) {
        for codec in CODECS {
            let encoded = compress(codec, &raw).unwrap();
            for wrong in [raw.len() + off, raw.len().saturating_sub(off)] {
                if wrong != raw.len() {
                    let result = decompress(codec, &encoded, wrong, &Limits::default());
                    prop_assert!(matches!(result, Err(Error::Damaged { .. })), "{codec:?} {result:?}");
                }
            }
        }
    }

    #[test]
    fn hostile_bytes_never_panic_or_grow(
        raw in raw_bytes(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        for codec in CODECS {
            let mut encoded = compress(codec, &raw).unwrap();
            for (at, bit) in flips.iter().filter(|_| !encoded.is_empty()).cloned().collect::<Vec<_>>() {
                let at = at.index(encoded.len());
                encoded[at] ^= 1 << bit;
            }
            for bytes in [&encoded[..], &encoded[..cut.index(encoded.len() + 1)]] {
                if let Ok(decoded) = decompress(codec, bytes, raw.len(), &Limits::default()) {
                    prop_assert_eq!(decoded.len(), raw.len());
                }
            }
        }
    }
}

#[test]
fn truncation_is_damage() {
    let raw: Vec<u8> = (0..5000u32).map(|i| (i * i % 251) as u8).collect();
    for codec in CODECS {
        let encoded = compress(codec, &raw).unwrap();
        for cut in 0..encoded.len() {
            let result = decompress(codec, &encoded[..cut], raw.len(), &Limits::default());
            assert!(matches!(result, Err(Error::Damaged { .. })), "{codec:?} cut at {cut}");
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let limits = Limits { max_page_bytes: 1 << 20, ..Limits::default() };
    let bomb = compress(Codec::Zstd, &vec![0; 64 << 20]).unwrap();
    // The directory tells the truth: too large.
    let error = decompress(Codec::Zstd, &bomb, 64 << 20, &limits).unwrap_err();
    assert_eq!(limit_name(&error), "max_page_bytes");
    // The directory lies: the frame does not get more room than that.
    let error = decompress(Codec::Zstd, &bomb, 1000, &limits).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    // Allowed size, absurd ratio.
    let error = decompress(Codec::Zstd, &bomb[..20], 1 << 30, &Limits::default()).unwrap_err();
    assert_eq!(limit_name(&error), "max_ratio");
    let error = decompress(Codec::Lz4, &[0; 10], usize::MAX, &Limits::default()).unwrap_err();
    assert_eq!(limit_name(&error), "max_page_bytes");
}

#[test]
fn a_failed_page_does_not_spoil_the_next() {
    let raw = vec![7; 10_000];
    let encoded = compress(Codec::Zstd, &raw).unwrap();
    for _ in 0..3 {
        assert!(decompress(Codec::Zstd, &encoded[..8], raw.len(), &Limits::default()).is_err());
        assert_eq!(decompress(Codec::Zstd, &encoded, raw.len(), &Limits::default()).unwrap(), raw);
    }
}

#[test]
fn numbers_at_rest_are_fixed() {
    for (codec, number) in CODECS.into_iter().zip(0u8..) {
        assert_eq!(u8::from(codec), number);
        assert_eq!(Codec::try_from(number).unwrap(), codec);
    }
    assert!(matches!(Codec::try_from(3), Err(Error::Unsupported { .. })));
}
