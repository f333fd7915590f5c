//! What an epoch leaves behind when it is dropped: no thread. Alone in its program, since it counts
//! threads.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod support;

use lakebed_loader::Shuffle;
use lakebed_loader::ToBatches;
use support::pictures::jpeg;
use support::pictures::pictures;
use support::wait;

/// Threads of this process that are a loader's.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let comm = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    let names = tasks.filter_map(|task| comm(task.ok()?));
    names.filter(|name| name.starts_with("lakebed-load")).count()
}

/// True as soon as their number is as wanted: threads name themselves once they run, and the system
/// takes a moment to forget one that was joined.
fn soon(wanted: impl Fn(usize) -> bool) -> bool {
    (0..1000).any(|_| {
        let there = wanted(threads());
        if !there {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        there
    })
}

#[test]
fn dropping_an_epoch_at_any_time_ends_its_threads() {
    let files: Vec<_> = (0..60).map(|nth| (jpeg(nth, 32, 32), 32, 32)).collect();
    let dataset = wait(pictures("mem://dropping", &files));
    for workers in [0, 1, 3] {
        let builder = dataset.batches().workers(workers).batch_size(3).shuffle(Shuffle::Uniform);
        // Little room, so that reader and workers wait for it.
        let loader = wait(builder.memory(40_000).build()).unwrap();
        for taken in [0usize, 1, 2, 7, 20] {
            let mut batches = loader.epoch(0).unwrap();
            assert_eq!(batches.by_ref().take(taken).filter(|b| b.is_ok()).count(), taken);
            if taken < 20 {
                assert!(soon(|count| count > 0), "they run while there is work");
            }
            drop(batches);
            assert!(
                soon(|count| count == 0),
                "{workers} workers, after {taken} batches: {}",
                threads()
            );
        }
    }
}
