//! A small view is read once, and its later epochs are the same as if they had read it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod support;

use lakebed_dataset::Dataset;
use lakebed_dataset::OpenView;
use lakebed_loader::Batches;
use lakebed_loader::Collate;
use lakebed_loader::Loader;
use lakebed_loader::LoaderBuilder;
use lakebed_loader::OnBadSample;
use lakebed_loader::Shuffle;
use lakebed_loader::ToBatches;
use lakebed_loader::Values;
use support::ids;
use support::numbers;
use support::pictures::jpeg;
use support::pictures::pictures;
use support::view;
use support::wait;

const SHUFFLES: [Shuffle; 3] =
    [Shuffle::None, Shuffle::Uniform, Shuffle::Chunks { block_bytes: 240, window_bytes: 720 }];

/// Too little for anything to stay.
const NOTHING_STAYS: usize = 1 << 10;

fn build(builder: LoaderBuilder, shuffle: Shuffle, memory: usize) -> Loader {
    let builder = builder.column("id", Collate::Stack).column("x", Collate::List);
    wait(builder.shuffle(shuffle).seed(3).batch_size(7).memory(memory).build()).unwrap()
}

/// Places, ids and the elements of x of all batches.
fn all(batches: Batches) -> Vec<(Vec<u64>, Vec<u64>, String)> {
    let one = |batch: lakebed_loader::Result<lakebed_loader::Batch>| {
        let batch = batch.unwrap();
        let ids = ids(&batch);
        let Values::List(x) = &batch.column("x").unwrap().values else { unreachable!() };
        (batch.places.clone(), ids, format!("{x:?}"))
    };
    batches.map(one).collect()
}

fn requests(dataset: &Dataset, work: impl FnOnce()) -> u64 {
    let before = dataset.metrics().snapshot();
    work();
    dataset.metrics().since(before).requests()
}

/// Epochs of one loader, which keeps its rows, against those of another, which reads each time.
fn compare(dataset: &Dataset, of: &dyn Fn() -> LoaderBuilder, name: &str) {
    for shuffle in SHUFFLES {
        for (workers, drop_last) in [(0, false), (2, true), (3, false)] {
            let builder = || of().workers(workers).drop_last(drop_last);
            let keeps = build(builder(), shuffle, 64 << 20);
            let reads = build(builder(), shuffle, NOTHING_STAYS);
            let here = format!("{name}, {shuffle:?}, {workers} workers, drop_last {drop_last}");
            for epoch in 0..3 {
                let found = requests(dataset, || {
                    let (kept, read) = (keeps.epoch(epoch).unwrap(), reads.epoch(epoch).unwrap());
                    assert_eq!(all(kept), all(read), "{here}, epoch {epoch}");
                });
                let of_kept = requests(dataset, || drop(all(keeps.epoch(epoch).unwrap())));
                assert_eq!(of_kept, 0, "{here}: after epoch {epoch} nothing is read");
                assert!(found > 0, "{here}: the other one reads");
            }
            let state = keeps.epoch(4).unwrap().nth(1).unwrap().unwrap().state;
            let (kept, read) = (keeps.resume(&state).unwrap(), reads.resume(&state).unwrap());
            assert_eq!(all(kept), all(read), "{here}, resumed");
        }
    }
}

#[test]
fn later_epochs_are_the_same_and_read_nothing() {
    let dataset = wait(numbers("mem://kept", 100, 33));
    compare(&dataset, &|| dataset.batches(), "dataset");
    let rows: Vec<u64> = (0..60).map(|nth| nth * 37 % 91).chain([3, 3, 99, 3]).collect();
    let view: OpenView = wait(view(&dataset, "some", &rows, None));
    compare(view.dataset(), &|| view.batches(), "view");
}

#[test]
fn an_epoch_that_was_resumed_or_is_shared_keeps_nothing() {
    let dataset = wait(numbers("mem://not-kept", 100, 33));
    let build_one = || build(dataset.batches(), Shuffle::Uniform, 64 << 20);
    let state = build_one().epoch(0).unwrap().next().unwrap().unwrap().state;
    let loader = build_one();
    drop(all(loader.resume(&state).unwrap()));
    assert!(requests(&dataset, || drop(all(loader.epoch(1).unwrap()))) > 0);
    assert_eq!(requests(&dataset, || drop(all(loader.epoch(2).unwrap()))), 0);
    let shared = build(dataset.batches().rank(1, 2), Shuffle::Uniform, 64 << 20);
    for epoch in 0..3 {
        assert!(requests(&dataset, || drop(all(shared.epoch(epoch).unwrap()))) > 0);
    }
}

#[test]
fn bad_images_stay_bad() {
    let mut files: Vec<_> = (0..40).map(|nth| (jpeg(nth, 16, 16), 16, 16)).collect();
    files[6].0.truncate(300);
    let dataset = wait(pictures("mem://kept-bad", &files));
    let builder = dataset.batches().batch_size(8).on_bad_sample(OnBadSample::Skip);
    let loader = wait(builder.shuffle(Shuffle::Uniform).build()).unwrap();
    for epoch in 0..3 {
        let mut batches = loader.epoch(epoch).unwrap();
        let mut seen = Vec::new();
        for batch in batches.by_ref() {
            let batch = batch.unwrap();
            let images = batch.tensor("image").unwrap();
            assert_eq!(images.shape, [batch.len(), 16, 16, 3]);
            let pixels = images.values::<arrow::datatypes::UInt8Type>().unwrap();
            for (id, image) in ids(&batch).into_iter().zip(pixels.chunks_exact(768)) {
                let expected = i32::try_from(id * 7 % 256).unwrap();
                assert!(image.iter().all(|p| (i32::from(*p) - expected).abs() < 4), "image {id}");
                seen.push(id);
            }
            for skipped in &batch.skipped {
                assert_eq!((skipped.row, &*skipped.column), (6, "image"));
            }
        }
        seen.sort_unstable();
        assert!(seen.into_iter().eq((0..40).filter(|id| *id != 6)));
        assert_eq!(batches.skipped(), 1);
    }
}
