//! Images a second through the loader, beside a floor: the same bytes, decoded from memory by the
//! same decoder on as many threads. An epoch is compared with the floor that was measured just
//! before it, since a shared machine is faster and slower by turns, and the median of that is told.
//!
//! A loader's first epoch reads the dataset; both datasets are small enough for later ones not to.
//!
//! `cargo bench --workspace --bench loading`

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it measures and prints"
)]
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "figures")]

#[path = "../tests/support/pictures.rs"]
mod pictures;

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Instant;

use lakebed_codec::media;
use lakebed_core::Limits;
use lakebed_core::Shape;
use lakebed_dataset::Dataset;
use lakebed_loader::Collate;
use lakebed_loader::Loader;
use lakebed_loader::Shuffle;
use lakebed_loader::ToBatches;

/// Odd, and as many as it takes for the medians of one run to say what the next one will.
const ROUNDS: usize = 11;

type File = (Vec<u8>, usize, usize);

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// A JPEG of smooth noise: a small grid of random colours, interpolated.
fn smooth(seed: u64, side: usize) -> File {
    const CELL: usize = 16;
    let mut state = seed;
    let mut random = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as f32
    };
    let cells = side / CELL + 2;
    let grid: Vec<[f32; 3]> = (0..cells * cells).map(|_| [random(), random(), random()]).collect();
    let mut pixels = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        for x in 0..side {
            let part = |v: usize| (v % CELL) as f32 / CELL as f32;
            let at = |dy: usize, dx: usize| &grid[(y / CELL + dy) * cells + x / CELL + dx];
            for channel in 0..3 {
                let line = |dy| at(dy, 0)[channel] * (1.0 - part(x)) + at(dy, 1)[channel] * part(x);
                let value = line(0) * (1.0 - part(y)) + line(1) * part(y);
                #[expect(clippy::cast_sign_loss, reason = "0 to 255")]
                pixels.push(value as u8);
            }
        }
    }
    let shape = Shape::new(&[side, side, 3]).unwrap();
    (media::encode_jpeg(&shape, &pixels, 90).unwrap(), side, side)
}

/// The images of CIFAR-10 where they are, repeated to `count`; drawn ones else.
fn small(count: usize) -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cifar10/test");
    let mut files = Vec::new();
    for class in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let paths = std::fs::read_dir(class.path()).into_iter().flatten().flatten();
        files.extend(paths.filter_map(|path| std::fs::read(path.path()).ok()));
    }
    if files.is_empty() {
        println!("no CIFAR-10 in {}: drawing images of its size", folder.display());
        return (0..count).map(|nth| smooth(nth as u64, 32)).collect();
    }
    files.into_iter().cycle().take(count).map(|file| (file, 32, 32)).collect()
}

/// Seconds to decode all files on so many threads.
fn floor(files: &[File], threads: usize) -> f64 {
    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // Taken in runs, so that threads do not meet at the counter.
                loop {
                    let first = next.fetch_add(32, Ordering::Relaxed);
                    let Some(run) = files.get(first..(first + 32).min(files.len())) else { return };
                    if run.is_empty() {
                        return;
                    }
                    for (file, ..) in run {
                        black_box(media::decode(file, &Limits::default()).unwrap());
                    }
                }
            });
        }
    });
    begun.elapsed().as_secs_f64()
}

fn loader(dataset: &Dataset, shuffle: Shuffle, workers: usize, batch: usize) -> Loader {
    let builder = dataset.batches().column("image", Collate::Stack).batch_size(batch);
    wait(builder.shuffle(shuffle).workers(workers).build()).unwrap()
}

fn epoch(loader: &Loader, epoch: u64) -> f64 {
    let begun = Instant::now();
    let count: usize =
        loader.epoch(epoch).unwrap().map(|batch| black_box(batch.unwrap()).len()).sum();
    assert_eq!(count as u64, loader.len());
    begun.elapsed().as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn compare(name: &str, dataset: &Dataset, files: &[File], batch: usize) {
    for workers in [1, 2] {
        let kinds = [
            ("sequential", Shuffle::None),
            ("shuffled by chunks", Shuffle::chunks()),
            ("shuffled uniformly", Shuffle::Uniform),
        ];
        let warm = kinds.map(|(_, shuffle)| {
            let loader = loader(dataset, shuffle, workers, batch);
            epoch(&loader, 0);
            loader
        });
        let mut floors = Vec::new();
        let mut first = kinds.map(|_| Vec::new());
        let mut later = kinds.map(|_| Vec::new());
        for round in 0..ROUNDS {
            for (nth, (_, shuffle)) in kinds.into_iter().enumerate() {
                let fresh = loader(dataset, shuffle, workers, batch);
                let (before, read) = (floor(files, workers), epoch(&fresh, round as u64));
                let (between, kept) = (floor(files, workers), epoch(&warm[nth], round as u64 + 1));
                floors.extend([before, between]);
                first[nth].push(before / read);
                later[nth].push(between / kept);
            }
        }
        let floor = files.len() as f64 / median(floors);
        println!("{name}, {workers} threads: floor {floor:.0} images/s");
        for ((kind, _), ratios) in kinds.iter().zip(first.into_iter().zip(later)) {
            let (first, later) = (median(ratios.0), median(ratios.1));
            println!("  {kind}: first epoch {first:.3} of the floor, later ones {later:.3}");
        }
    }
    let loader = loader(dataset, Shuffle::chunks(), 2, batch);
    let first = (0..ROUNDS as u64).map(|nth| {
        // None of these epochs is whole, so that each of them reads.
        let begun = Instant::now();
        loader.epoch(nth).unwrap().next().unwrap().unwrap();
        begun.elapsed().as_secs_f64()
    });
    println!("  first batch of {batch}: {:.1} ms", median(first.collect()) * 1e3);
}

/// Kilobytes of memory of this process; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn memory(dataset: &Dataset) {
    let loader = loader(dataset, Shuffle::chunks(), 2, 16);
    let (mut taken, mut at_1000) = (0u64, 0);
    for nth in 0.. {
        for batch in loader.epoch(nth).unwrap() {
            black_box(batch.unwrap());
            taken += 1;
            if taken == 1000 {
                at_1000 = resident();
            }
            if taken == 10_000 {
                println!("memory: {at_1000} KiB at batch 1,000, {} KiB at 10,000", resident());
                return;
            }
        }
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    // As many as CIFAR-10 trains on: an epoch ends while one thread decodes its last batch alone, and
    // begins with a read, which short epochs would show and long ones do not.
    let files = small(50_000);
    let dataset = wait(pictures::pictures(&url("small"), &files));
    compare("32 x 32 JPEGs", &dataset, &files, 128);
    memory(&dataset);
    let drawn: Vec<File> = (0..200).map(|nth| smooth(nth, 512)).collect();
    let files: Vec<File> = drawn.iter().cycle().take(1000).cloned().collect();
    let dataset = wait(pictures::pictures(&url("large"), &files));
    compare("512 x 512 JPEGs", &dataset, &files, 16);
}
