#![allow(clippy::cast_precision_loss, reason = "figures")]

use super::*;

fn chunks(bounds: Vec<u64>, window: usize) -> Kind {
    Kind::Chunks(Arc::new(Blocks { bounds, window }))
}

fn even(rows: u64, block: u64, window: usize) -> Kind {
    let mut bounds: Vec<u64> = (0..rows.div_ceil(block)).map(|b| b * block).collect();
    bounds.push(rows);
    chunks(bounds, window)
}

fn all(rows: u64, kind: &Kind, seed: u64, epoch: u64) -> Vec<u64> {
    Order::new(rows, kind, seed, epoch).rows_at(0..rows).collect()
}

#[test]
fn every_shuffle_has_each_row_once() {
    for rows in [0, 1, 2, 7, 100, 1001] {
        for kind in [Kind::None, Kind::Uniform, even(rows, 7, 3), even(rows, 1000, 1)] {
            let mut seen = all(rows, &kind, 3, 1);
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..rows), "{rows} rows, {kind:?}");
        }
    }
}

#[test]
fn blocks_of_any_size_have_each_row_once() {
    let kind = chunks(vec![0, 1, 1, 40, 41, 99], 2);
    let mut seen = all(99, &kind, 3, 1);
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..99));
}

#[test]
fn any_place_is_computed_without_those_before_it() {
    let kind = even(1000, 33, 4);
    let order = Order::new(1000, &kind, 9, 2);
    let all = all(1000, &kind, 9, 2);
    for place in [0u64, 1, 131, 132, 500, 999] {
        assert_eq!(order.at(place), all[usize::try_from(place).unwrap()]);
    }
}

#[test]
fn seeds_and_epochs_differ_and_repeat() {
    for kind in [Kind::Uniform, even(1000, 33, 4)] {
        assert_eq!(all(1000, &kind, 1, 1), all(1000, &kind, 1, 1));
        assert_ne!(all(1000, &kind, 1, 1), all(1000, &kind, 1, 2));
        assert_ne!(all(1000, &kind, 1, 1), all(1000, &kind, 2, 1));
    }
}

/// A window holds whole blocks, and nothing of others.
#[test]
fn a_window_reads_its_blocks_only() {
    let (rows, block, window) = (10_000u64, 100, 8);
    let order = Order::new(rows, &even(rows, block, window), 5, 0);
    let mut place = 0;
    while place < rows {
        let end = order.window_end(place).unwrap();
        let mut seen: Vec<u64> = order.rows_at(place..end).map(|row| row / block).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(size(seen.len()) * block, end - place);
        place = end;
    }
}

/// Mean distance of a row from its place; a uniform shuffle has a third of the number of rows.
fn displacement(order: &[u64]) -> f64 {
    let moved = order.iter().enumerate().map(|(place, row)| row.abs_diff(size(place)));
    moved.sum::<u64>() as f64 / order.len() as f64
}

/// Mean over batches of the variance of a class's share, as a multiple of what drawing without
/// replacement gives: 1 is as balanced as a uniform shuffle.
fn imbalance(order: &[u64], class: impl Fn(u64) -> u64, classes: u64, batch: usize) -> f64 {
    let n = order.len() as f64;
    let expected = {
        let share = 1.0 / classes as f64;
        let without = (n - batch as f64) / (n - 1.0);
        batch as f64 * share * (1.0 - share) * without
    };
    let mut sum = 0.0;
    let mut counted = 0.0;
    for samples in order.chunks_exact(batch) {
        for c in 0..classes {
            let here = samples.iter().filter(|row| class(**row) == c).count() as f64;
            sum += (here - batch as f64 / classes as f64).powi(2);
            counted += 1.0;
        }
    }
    sum / counted / expected
}

/// The figures of the crate's README: 50,000 rows in blocks of 280 (CIFAR-10's JPEGs in 256 KiB),
/// mixed by 128 blocks, in batches of 128; the classes mixed as they come, or one after another.
#[test]
fn the_shuffles_quality_is_near_a_uniform_one() {
    let (rows, classes, batch) = (50_000u64, 10u64, 128usize);
    let sorted = |row: u64| row * classes / rows;
    let mixed = |row: u64| random::mix(row) % classes;
    let kinds = [
        ("none", Kind::None),
        ("uniform", Kind::Uniform),
        ("chunks, 16 of 179 blocks mixed", even(rows, 280, 16)),
        ("chunks, 64 of 179 blocks mixed", even(rows, 280, 64)),
        ("chunks, 128 of 179 blocks mixed", even(rows, 280, 128)),
    ];
    let mut figures = Vec::new();
    for (name, kind) in &kinds {
        let epochs: Vec<Vec<u64>> = (0..5).map(|epoch| all(rows, kind, 11, epoch)).collect();
        let mean = |f: &dyn Fn(&[u64]) -> f64| epochs.iter().map(|e| f(e)).sum::<f64>() / 5.0;
        let moved = mean(&|order| displacement(order) / rows as f64);
        let by_class = mean(&|order| imbalance(order, sorted, classes, batch));
        let as_mixed = mean(&|order| imbalance(order, mixed, classes, batch));
        println!(
            "{name}: displacement {moved:.3}, imbalance sorted {by_class:.2}, mixed {as_mixed:.2}"
        );
        figures.push((moved, by_class, as_mixed));
    }
    let [none, uniform, chunks_16, chunks_64, chunks_128] = figures[..] else { unreachable!() };
    assert!(none.1 > 50.0, "batches of one class are far from balanced: {none:?}");
    assert!((uniform.0 - 1.0 / 3.0).abs() < 0.01, "{uniform:?}");
    assert!((uniform.1 - 1.0).abs() < 0.06 && (uniform.2 - 1.0).abs() < 0.06, "{uniform:?}");
    for (chunks, bound) in [(chunks_16, 12.0), (chunks_64, 3.5), (chunks_128, 2.2)] {
        assert!((chunks.0 - 1.0 / 3.0).abs() < 0.04, "{chunks:?}");
        assert!(chunks.1 < bound, "classes that lie together: {chunks:?}");
        assert!((chunks.2 - 1.0).abs() < 0.06, "classes that lie mixed: {chunks:?}");
    }
}
