//! What text pages cost under each compression: bytes, time to make, time to read.
//!
//! `cargo bench -p lakebed-codec --bench text_pages -- FILE ...`; without files, captions drawn from
//! a small vocabulary. Pages are of 64 KiB, one thread, best of three.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops where it fails")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "for people")]

use std::time::Instant;

use lakebed_codec::Codec;
use lakebed_codec::compress;
use lakebed_codec::compress_lz4_high;
use lakebed_codec::decompress;
use lakebed_core::Limits;

const PAGE: usize = 64 << 10;

/// A way to make a page, and what reads it.
type Way = (&'static str, Codec, fn(&[u8]) -> Vec<u8>);

const WAYS: [Way; 3] = [
    ("zstd", Codec::Zstd, |raw| compress(Codec::Zstd, raw).unwrap()),
    ("lz4", Codec::Lz4, |raw| compress(Codec::Lz4, raw).unwrap()),
    ("lz4 high", Codec::Lz4, compress_lz4_high),
];

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let mut texts: Vec<(String, Vec<u8>)> =
        files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect();
    if texts.is_empty() {
        texts.push(("captions".into(), captions(200_000)));
    }
    for (name, text) in texts {
        let pages: Vec<&[u8]> = text.chunks(PAGE).collect();
        println!("{name}: {} bytes in {} pages", text.len(), pages.len());
        let rate = |seconds: f64| text.len() as f64 / seconds / 1e6;
        for (way, codec, make) in WAYS {
            let (made, making) = best(|| pages.iter().map(|page| make(page)).collect::<Vec<_>>());
            let limits = Limits::default();
            let (_, reading) = best(|| {
                for (page, raw) in made.iter().zip(&pages) {
                    assert_eq!(
                        decompress(codec, page, raw.len(), &limits).unwrap().len(),
                        raw.len()
                    );
                }
            });
            let bytes: usize = made.iter().map(Vec::len).sum();
            println!(
                "  {way:8} {bytes:>9} bytes, x{:.2}, made at {:.0} MB/s, read at {:.0} MB/s",
                text.len() as f64 / bytes as f64,
                rate(making),
                rate(reading)
            );
        }
    }
}

fn best<T>(mut run: impl FnMut() -> T) -> (T, f64) {
    let mut one = || {
        let begun = Instant::now();
        let made = run();
        (made, begun.elapsed().as_secs_f64())
    };
    (0..2).fold(one(), |best, _| {
        let next = one();
        if next.1 < best.1 { next } else { best }
    })
}

/// Captions of about 40 characters.
fn captions(count: usize) -> Vec<u8> {
    let looks = ["amber", "blurred", "bright", "calm", "dusty", "faded", "grey", "heavy"];
    let kinds = ["plane", "car", "finch", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    let places = ["harbour", "meadow", "bridge", "market", "station", "orchard", "canyon", "marsh"];
    let mut state = 1u64;
    let mut pick = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % n
    };
    let mut text = String::new();
    for _ in 0..count {
        let (look, second, kind, place) = (pick(8), pick(8), pick(10), pick(8));
        text.push_str(&format!(
            "one {} {} {} beside the {}",
            looks[look], looks[second], kinds[kind], places[place]
        ));
    }
    text.into_bytes()
}
