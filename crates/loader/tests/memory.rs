//! Memory stays flat however many batches are taken. Alone in its program, since it measures the
//! process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod support;

use lakebed_loader::Collate;
use lakebed_loader::Shuffle;
use lakebed_loader::ToBatches;
use support::pictures::jpeg;
use support::pictures::pictures;
use support::wait;

const MIB: u64 = 1 << 20;

/// Bytes of memory of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn memory_is_flat_over_many_batches() {
    let files: Vec<_> = (0..400).map(|nth| (jpeg(nth, 128, 128), 128, 128)).collect();
    let dataset = wait(pictures("mem://memory", &files));
    let builder = dataset.batches().column("image", Collate::Stack).batch_size(4).workers(2);
    let builder = builder.shuffle(Shuffle::Chunks { block_bytes: 8192, window_bytes: 65_536 });
    let loader = wait(builder.memory(4 << 20).build()).unwrap();
    let begin = resident();
    let (mut most, mut decoded, mut after_one) = (0, 0, 0);
    for epoch in 0..10 {
        for batch in loader.epoch(epoch).unwrap() {
            decoded += u64::try_from(batch.unwrap().memory()).unwrap();
            most = most.max(resident());
        }
        if epoch == 0 {
            after_one = resident();
        }
    }
    println!(
        "{} MiB decoded; {} MiB more than at the begin at most, {} MiB more than after one epoch",
        decoded / MIB,
        most.saturating_sub(begin) / MIB,
        most.saturating_sub(after_one) / MIB
    );
    assert!(decoded > 180 * MIB);
    assert!(most.saturating_sub(begin) < 32 * MIB, "budget 4 MiB");
    assert!(most.saturating_sub(after_one) < 12 * MIB, "it grows from epoch to epoch");
}
