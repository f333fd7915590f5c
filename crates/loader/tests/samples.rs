//! Decoding, transforms, collation, bad samples, and what dropping leaves behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod support;

use arrow::datatypes::Int32Type;
use arrow::datatypes::UInt8Type;
use futures::StreamExt;
use lakebed_loader::Batch;
use lakebed_loader::Collate;
use lakebed_loader::Error;
use lakebed_loader::OnBadSample;
use lakebed_loader::Sample;
use lakebed_loader::Shuffle;
use lakebed_loader::ToBatches;
use lakebed_loader::Values;
use rand::Rng;
use support::ids;
use support::numbers;
use support::pictures::jpeg;
use support::pictures::pictures;
use support::wait;

fn files(count: u64) -> Vec<(Vec<u8>, usize, usize)> {
    (0..count).map(|nth| (jpeg(nth, 8, 16), 8, 16)).collect()
}

/// A file that begins as a JPEG and ends in the middle.
fn broken() -> (Vec<u8>, usize, usize) {
    let mut file = jpeg(1, 8, 16);
    file.truncate(file.len() - 20);
    (file, 8, 16)
}

#[test]
fn images_are_decoded_and_stacked() {
    let dataset = wait(pictures("mem://stacked", &files(10)));
    for workers in [0, 2] {
        let builder = dataset.batches().workers(workers).batch_size(4).shuffle(Shuffle::Uniform);
        let loader = wait(builder.build()).unwrap();
        for batch in loader.epoch(0).unwrap() {
            let batch = batch.unwrap();
            let images = batch.tensor("image").unwrap();
            assert_eq!(images.shape, [batch.len(), 8, 16, 3]);
            let pixels = images.values::<UInt8Type>().unwrap();
            for (id, pixels) in ids(&batch).into_iter().zip(pixels.chunks_exact(8 * 16 * 3)) {
                let expected = i32::try_from(id * 7 % 256).unwrap();
                assert!(pixels.iter().all(|p| (i32::from(*p) - expected).abs() <= 2));
            }
        }
    }
}

#[test]
fn sizes_that_differ_are_refused_padded_or_listed() {
    let mut all = files(3);
    all.push((jpeg(3, 16, 8), 16, 8));
    let dataset = wait(pictures("mem://sizes", &all));
    let batch = |collate| {
        let loader = wait(dataset.batches().column("image", collate).batch_size(4).build());
        loader.unwrap().epoch(0).unwrap().next().unwrap()
    };
    let error = batch(Collate::Stack).unwrap_err();
    assert!(
        matches!(&error, Error::Collate { column, row: 3, .. } if column == "image"),
        "{error}"
    );
    assert_eq!(batch(Collate::Pad).unwrap().tensor("image").unwrap().shape, [4, 16, 16, 3]);
    let listed = batch(Collate::List).unwrap();
    let Values::List(samples) = &listed.column("image").unwrap().values else { unreachable!() };
    assert_eq!(samples[3].shape(), [16, 8, 3]);
}

#[test]
fn a_bad_sample_is_an_error_that_names_it() {
    let mut all = files(10);
    all[6] = broken();
    let dataset = wait(pictures("mem://bad", &all));
    for workers in [0, 3] {
        let loader = wait(dataset.batches().workers(workers).batch_size(4).build()).unwrap();
        let mut batches = loader.epoch(0).unwrap();
        assert_eq!(ids(&batches.next().unwrap().unwrap()), [0, 1, 2, 3]);
        let error = batches.next().unwrap().unwrap_err();
        let named = matches!(&error, Error::Sample { column, row: 6, .. } if column == "image");
        assert!(named && error.to_string().contains("truncated"), "{error}");
        assert!(batches.next().is_none(), "after an error it ends");
        assert_eq!(batches.state().position, 4, "what was delivered stays so");
    }
}

#[test]
fn bad_samples_are_skipped_and_counted() {
    let mut all = files(10);
    all[6] = broken();
    let dataset = wait(pictures("mem://skip", &all));
    let builder = dataset.batches().batch_size(4).on_bad_sample(OnBadSample::Skip);
    let loader = wait(builder.build()).unwrap();
    let mut batches = loader.epoch(0).unwrap();
    let seen: Vec<Vec<u64>> = batches.by_ref().map(|b| ids(&b.unwrap())).collect();
    assert_eq!(seen, [vec![0, 1, 2, 3], vec![4, 5, 7], vec![8, 9]]);
    assert_eq!(batches.skipped(), 1);
}

#[test]
fn transforms_draw_the_same_whoever_runs_them() {
    let dataset = wait(numbers("mem://transforms", 40, 15));
    let drawn = |workers: usize, rank: u64, world: u64, epoch| {
        let builder = dataset
            .batches()
            .column("id", Collate::Stack)
            .map("x", Collate::Stack, |_, rng| {
                Sample::new::<Int32Type>(vec![rng.random_range(0..1000), 1], &[2])
            })
            .map_rows(|row, rng| {
                let first = row.get("x")?.values::<Int32Type>().ok_or("not numbers")?[0];
                // The same generator from its start.
                let again = rng.random_range(0..1000);
                row.set("x", Sample::new::<Int32Type>(vec![first, again], &[2])?)
            })
            .shuffle(Shuffle::Uniform)
            .workers(workers)
            .rank(rank, world);
        let loader = wait(builder.build()).unwrap();
        let mut seen: Vec<(u64, u64, Vec<i32>)> = Vec::new();
        for batch in loader.epoch(epoch).unwrap() {
            let batch: Batch = batch.unwrap();
            let x = batch.tensor("x").unwrap().values::<Int32Type>().unwrap().to_vec();
            let ids = ids(&batch);
            for ((place, id), x) in batch.places.iter().zip(ids).zip(x.chunks(2)) {
                assert_eq!(x[0], x[1]);
                seen.push((*place, id, x.to_vec()));
            }
        }
        seen
    };
    let one = drawn(0, 0, 1, 0);
    assert_eq!(one.len(), 40);
    assert_eq!(one, drawn(3, 0, 1, 0));
    let mut shared = [drawn(1, 0, 2, 0), drawn(2, 1, 2, 0)].concat();
    shared.sort();
    assert_eq!(one, shared);
    assert_ne!(one, drawn(0, 0, 1, 1), "another epoch draws otherwise");
}

#[test]
fn a_transform_that_fails_or_panics_is_a_bad_sample() {
    let dataset = wait(numbers("mem://panics", 10, 10));
    for policy in [OnBadSample::Error, OnBadSample::Skip] {
        let builder = dataset.batches().column("id", Collate::Stack).map_rows(|row, _| {
            match row.position() {
                4 => Err("four is not wanted".into()),
                5 => panic!("five is worse"),
                _ => Ok(()),
            }
        });
        let loader = wait(builder.on_bad_sample(policy).workers(2).build()).unwrap();
        let batch = loader.epoch(0).unwrap().next().unwrap();
        match policy {
            OnBadSample::Error => {
                let error = batch.unwrap_err();
                assert!(matches!(error, Error::Sample { row: 4, .. }), "{error}");
            }
            OnBadSample::Skip => {
                let skipped = batch.unwrap().skipped;
                assert_eq!(skipped.iter().map(|s| s.row).collect::<Vec<_>>(), [4, 5]);
                assert!(skipped[1].cause.contains("five is worse"), "{skipped:?}");
            }
        }
    }
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let dataset = wait(numbers("mem://settings", 10, 10));
    let error = |builder: lakebed_loader::LoaderBuilder| wait(builder.build()).unwrap_err();
    let setting = |e| matches!(e, Error::Setting { .. });
    assert!(setting(error(dataset.batches().batch_size(0))));
    assert!(setting(error(dataset.batches().rank(2, 2))));
    let column = |e| matches!(e, Error::Column { .. });
    assert!(column(error(dataset.batches().column("idd", Collate::Stack))));
    let twice = dataset.batches().column("id", Collate::Stack).column("id", Collate::List);
    assert!(column(error(twice)));
}

#[test]
fn a_stream_has_the_same_batches() {
    let dataset = wait(numbers("mem://stream", 40, 15));
    let loader = wait(dataset.batches().column("id", Collate::Stack).batch_size(7).build());
    let loader = loader.unwrap();
    let streamed: Vec<Vec<u64>> = wait(async {
        let stream = loader.epoch(0).unwrap().into_stream().unwrap();
        stream.map(|batch| ids(&batch.unwrap())).collect().await
    });
    let iterated: Vec<Vec<u64>> = loader.epoch(0).unwrap().map(|b| ids(&b.unwrap())).collect();
    assert_eq!(streamed, iterated);
}
