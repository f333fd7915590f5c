//! Every sample once, in one order, whatever the ranks, workers and batches, and wherever an epoch
//! was broken off.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod support;

use lakebed_loader::Collate;
use lakebed_loader::Error;
use lakebed_loader::Loader;
use lakebed_loader::LoaderBuilder;
use lakebed_loader::Shuffle;
use lakebed_loader::State;
use lakebed_loader::ToBatches;
use support::ids;
use support::numbers;
use support::view;
use support::wait;

/// Rows of the view: more than the largest world, not a multiple of anything, some twice.
const VIEW: [u64; 17] = [3, 3, 0, 19, 18, 7, 8, 9, 1, 2, 3, 16, 12, 5, 4, 11, 10];

fn shuffles() -> [Shuffle; 3] {
    [
        Shuffle::None,
        Shuffle::Uniform,
        // Blocks of one or two rows, three blocks mixed.
        Shuffle::Chunks { block_bytes: 24, window_bytes: 72 },
    ]
}

async fn loader(builder: LoaderBuilder, shuffle: Shuffle) -> Loader {
    let builder = builder.column("id", Collate::Stack).column("x", Collate::Pad);
    builder.shuffle(shuffle).seed(5).build().await.unwrap()
}

/// (place in the order, id) of all samples that come from a state on, of all ranks, at most `steps`
/// batches each; and the state then.
fn drain(
    build: &impl Fn(u64, u64) -> Loader,
    world: u64,
    from: &State,
    steps: usize,
) -> (Vec<(u64, u64)>, State) {
    let mut seen = Vec::new();
    let mut state = from.clone();
    let mut sizes = Vec::new();
    for rank in 0..world {
        let mut batches = build(rank, world).resume(from).unwrap();
        let before = seen.len();
        for batch in batches.by_ref().take(steps) {
            let batch = batch.unwrap();
            seen.extend(batch.places.iter().copied().zip(ids(&batch)));
            assert_eq!(State::from_json(&batch.state.to_json()).unwrap(), batch.state);
            if batch.state.position > state.position {
                state = batch.state;
            }
        }
        sizes.push(seen.len() - before);
    }
    let spread = sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
    assert!(spread <= 1, "sizes of ranks {sizes:?}");
    seen.sort_unstable();
    (seen, state)
}

fn with_order(loader: &Loader, epoch: u64) -> Vec<(u64, u64)> {
    (0..).zip(loader.order(epoch, 0..loader.len())).collect()
}

#[test]
fn every_rank_worker_and_batch_size_gives_the_one_order() {
    let dataset = wait(numbers("mem://orders", 20, 6));
    let view = wait(view(&dataset, "v", &VIEW, None));
    for (nth, shuffle) in shuffles().into_iter().enumerate() {
        let epoch = 3;
        let any = wait(loader(view.batches(), shuffle));
        let expected = with_order(&any, epoch);
        let mut rows: Vec<u64> = expected.iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        let mut all = VIEW.to_vec();
        all.sort_unstable();
        assert_eq!(rows, all, "the order is the view's rows");
        for world in 1..=9u64 {
            for batch in 1..=7usize {
                // All numbers of workers for one shuffle, in turn for the others.
                let turn = (usize::try_from(world).unwrap() + batch) % 5;
                let workers = if nth == 2 { 0..=4 } else { turn..=turn };
                for workers in workers {
                    let build = |rank, world| {
                        let builder = view.batches().rank(rank, world).workers(workers);
                        wait(loader(builder.batch_size(batch), shuffle))
                    };
                    let (seen, state) = drain(&build, world, &any.state(epoch), usize::MAX);
                    assert_eq!(seen, expected, "{world} ranks, {workers} workers, {batch} a batch");
                    assert_eq!(state.position, any.len());
                }
            }
        }
    }
}

#[test]
fn an_epoch_goes_on_wherever_it_was_broken_off_and_on_any_world() {
    let dataset = wait(numbers("mem://resume", 20, 6));
    let view = wait(view(&dataset, "v", &VIEW, None));
    let shuffle = shuffles()[2];
    let any = wait(loader(view.batches(), shuffle));
    let expected = with_order(&any, 1);
    let mut turn = 0u64;
    for world in 1..=9u64 {
        for batch in 1..=7usize {
            let step = world * u64::try_from(batch).unwrap();
            for killed_after in 0..=usize::try_from(any.len().div_ceil(step)).unwrap() {
                turn += 1;
                let build = |workers: u64, batch| {
                    let view = &view;
                    move |rank, world| {
                        let workers = usize::try_from(workers % 5).unwrap();
                        let builder = view.batches().rank(rank, world).workers(workers);
                        wait(loader(builder.batch_size(batch), shuffle))
                    }
                };
                let start = any.state(1);
                let (mut seen, state) = drain(&build(turn, batch), world, &start, killed_after);
                let (other, next) = (turn * 5 % 9 + 1, usize::try_from(turn % 7 + 1).unwrap());
                let (rest, end) = drain(&build(turn / 5, next), other, &state, usize::MAX);
                assert!(rest.first().is_none_or(|first| first.0 == state.position));
                seen.extend(rest);
                assert_eq!(seen, expected, "{world} ranks, {batch} a batch, {killed_after} steps");
                assert_eq!(end.position, any.len());
            }
        }
    }
}

#[test]
fn a_state_of_something_else_is_refused_by_its_field() {
    let dataset = wait(numbers("mem://refused", 20, 6));
    let view = wait(view(&dataset, "v", &VIEW, None));
    let own = wait(loader(view.batches(), Shuffle::Uniform));
    let state = own.state(2);
    let refused = |change: &dyn Fn(&mut State)| {
        let mut other = state.clone();
        change(&mut other);
        match own.resume(&other).map(drop) {
            Err(Error::OtherState { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&|s| s.dataset = "other".into()), "dataset");
    assert_eq!(refused(&|s| s.version += 1), "version");
    assert_eq!(refused(&|s| s.view = None), "view");
    assert_eq!(refused(&|s| s.seed += 1), "seed");
    assert_eq!(refused(&|s| s.position = 18), "position");
    // The same view shuffled in another way.
    let shuffled = wait(loader(view.batches(), Shuffle::None)).state(2);
    assert_eq!(refused(&|s| s.order.clone_from(&shuffled.order)), "order");
    let whole = wait(loader(dataset.batches(), Shuffle::Uniform)).state(2);
    assert!(matches!(own.resume(&whole).map(drop), Err(Error::OtherState { .. })));
    assert!(matches!(State::from_json("{}"), Err(Error::State { .. })));
    assert!(own.resume(&state).is_ok());
}

#[test]
fn weights_and_repeated_rows_come_with_their_samples() {
    let dataset = wait(numbers("mem://weights", 20, 6));
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let weights: Vec<f64> = VIEW.iter().map(|row| *row as f64 / 16.0).collect();
    let view = wait(view(&dataset, "v", &VIEW, Some(weights)));
    for shuffle in shuffles() {
        let loader = wait(loader(view.batches().batch_size(4), shuffle));
        let batches: Vec<_> = loader.epoch(0).unwrap().map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(|b| b.len()).sum::<usize>(), VIEW.len());
        for batch in batches {
            for (row, weight) in batch.rows.iter().zip(batch.weights.unwrap()) {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let expected = *row as f64 / 16.0;
                assert!((weight - expected).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn drop_last_gives_every_rank_as_many_full_batches() {
    let dataset = wait(numbers("mem://last", 20, 6));
    for rank in 0..3 {
        let builder = dataset.batches().rank(rank, 3).batch_size(3).drop_last(true);
        let loader = wait(loader(builder, Shuffle::Uniform));
        let sizes: Vec<usize> = loader.epoch(0).unwrap().map(|b| b.unwrap().len()).collect();
        assert_eq!(sizes, [3, 3]);
    }
}

#[test]
fn few_requests_serve_many_batches() {
    let dataset = wait(numbers("mem://requests", 2000, 2000));
    for shuffle in [Shuffle::None, Shuffle::Uniform, Shuffle::chunks()] {
        let loader = wait(loader(dataset.batches().batch_size(10), shuffle));
        let before = dataset.metrics().snapshot();
        assert_eq!(loader.epoch(0).unwrap().map(|b| b.unwrap().len()).sum::<usize>(), 2000);
        let requests = dataset.metrics().since(before).requests();
        assert!(requests <= 40, "{requests} requests for 200 batches, {shuffle:?}");
    }
}
