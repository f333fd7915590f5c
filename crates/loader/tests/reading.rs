//! What an epoch reads.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod support;

use lakebed_codec::media::encode_jpeg;
use lakebed_core::Shape;
use lakebed_dataset::Dataset;
use lakebed_loader::Collate;
use lakebed_loader::Shuffle;
use lakebed_loader::ToBatches;
use support::pictures::pictures;
use support::wait;

const SIDE: usize = 16;

/// A JPEG of noise.
fn noise(seed: u32) -> (Vec<u8>, usize, usize) {
    let mut state = seed.wrapping_mul(2_654_435_761);
    let pixel = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24).to_le_bytes()[0]
    };
    let pixels: Vec<u8> = (0..SIDE * SIDE * 3).map(pixel).collect();
    let shape = Shape::new(&[SIDE, SIDE, 3]).unwrap();
    (encode_jpeg(&shape, &pixels, 75).unwrap(), SIDE, SIDE)
}

/// Bytes that the first epoch of one rank reads.
fn bytes(dataset: &Dataset, shuffle: Shuffle, world: u64) -> u64 {
    let builder = dataset.batches().column("image", Collate::Stack).batch_size(16).workers(2);
    let loader = wait(builder.shuffle(shuffle).rank(0, world).build()).unwrap();
    let before = dataset.metrics().snapshot();
    for batch in loader.epoch(0).unwrap() {
        batch.unwrap();
    }
    dataset.metrics().since(before).bytes_read
}

#[test]
fn what_lies_between_scattered_rows_is_not_read_again_and_again() {
    let files: Vec<_> = (0..20_000).map(noise).collect();
    let dataset = wait(pictures("mem://reading", &files));
    let all = bytes(&dataset, Shuffle::None, 1);
    for shuffle in [Shuffle::Uniform, Shuffle::chunks()] {
        for world in [1, 3] {
            let read = bytes(&dataset, shuffle, world);
            assert!(read < 3 * all, "{shuffle:?}, {world} ranks: {read} bytes of {all}");
        }
    }
}
