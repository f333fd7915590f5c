//! Blocks of a remote store that are kept: what they save, and what they never do.

use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;
use lakebed_store::Counts;
use lakebed_store::Throttle;

use super::append;
use super::varied;
use super::varied_rows;

const ROWS: usize = 200;

/// As far away as a store can be without taking time.
fn remote(block_cache_bytes: u64) -> Options {
    let throttle = Throttle { latency: Duration::ZERO, bytes_per_second: None };
    Options { throttle: Some(throttle), block_cache_bytes, ..Options::default() }
}

async fn written(folder: &tempfile::TempDir) -> String {
    let url = folder.path().to_str().unwrap().to_string();
    let dataset = Dataset::create(&url, varied(), Options::default()).await.unwrap();
    append(&dataset, &varied_rows(dataset.schema(), 0, ROWS)).await.unwrap();
    url
}

async fn request(dataset: &Dataset, name: &str, row: u64) -> ReadRequest {
    let column = dataset.schema().column(name).unwrap().id;
    let fragment = dataset.fragments().await.unwrap()[0].clone();
    let columns = vec![ColumnRead { column, part: Part::Whole }];
    ReadRequest { fragment, rows: Rows::List(vec![row]), columns }
}

/// Every row of a column, one call each.
async fn one_by_one(dataset: &Dataset, name: &str) -> Counts {
    let before = dataset.metrics().snapshot();
    let expected = varied_rows(dataset.schema(), 0, ROWS);
    let expected = expected.column_by_name(name).unwrap();
    for row in 0..ROWS {
        let read = dataset.read(&request(dataset, name, row as u64).await).await.unwrap();
        assert_eq!(read.column(0), &expected.slice(row, 1), "row {row} of {name}");
    }
    dataset.metrics().since(before)
}

#[tokio::test]
async fn neighbours_share_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let url = written(&folder).await;
    for name in ["raw", "image", "boxes", "text"] {
        let with = Dataset::open(&url, remote(64 << 20)).await.unwrap();
        // The manifest, then one block, which directories and samples of so small a pack share.
        let spent = one_by_one(&with, name).await;
        assert!(spent.reads() <= 2, "{name}: {spent:?}");
        assert!(spent.hits >= ROWS as u64, "{name}: {spent:?}");
        let without = Dataset::open(&url, remote(0)).await.unwrap();
        let spent = one_by_one(&without, name).await;
        assert!(spent.reads() >= ROWS as u64 / 2, "{name}: {spent:?}");
        assert_eq!((spent.hits, spent.hit_bytes), (0, 0));
        // The disk of this machine has the system's cache before it.
        let here = Dataset::open(&url, Options::default()).await.unwrap();
        assert_eq!(one_by_one(&here, name).await.hits, 0);
    }
}

#[tokio::test]
async fn what_is_counted_for_one_reader_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Dataset::open(&written(&folder).await, remote(64 << 20)).await.unwrap();
    let before = dataset.metrics().snapshot();
    let ((one, first), (two, second)) = (dataset.counted(), dataset.counted());
    let names = ["raw", "image", "boxes"];
    let read = |dataset: Dataset| async move {
        for name in names {
            for row in 0..20 {
                dataset.read(&request(&dataset, name, row).await).await.unwrap();
            }
        }
    };
    tokio::join!(read(one), read(two));
    let (first, second) = (first.snapshot(), second.snapshot());
    let all = dataset.metrics().since(before);
    assert!(first.reads() + second.reads() > 0 && first.hits > 0 && second.hits > 0);
    assert_eq!(first.reads() + second.reads(), all.reads());
    assert_eq!(first.bytes_read + second.bytes_read, all.bytes_read);
    assert_eq!(first.hits + second.hits, all.hits);
}

#[tokio::test]
async fn a_damaged_block_is_not_served_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = written(&folder).await;
    let packs = walk(&folder.path().join("data"));
    assert_eq!(packs.len(), 1);
    let good = std::fs::read(&packs[0]).unwrap();
    let damage = |from: usize, to: usize| {
        let mut bad = good.clone();
        bad[from..to].iter_mut().for_each(|byte| *byte ^= 0x40);
        std::fs::write(&packs[0], bad).unwrap();
    };
    // All but the manifest's header, whose checksum is in the entry.
    for (from, to) in [(0, good.len()), (0, good.len() / 2), (good.len() / 2, good.len())] {
        damage(from, to);
        let dataset = Dataset::open(&url, remote(64 << 20)).await.unwrap();
        let mut failed = 0;
        for name in ["id", "raw", "image", "boxes", "text", "mask"] {
            let request = request(&dataset, name, 7).await;
            match dataset.read(&request).await {
                Ok(_) => {}
                Err(error) => {
                    assert!(error.is_damage(), "{error}");
                    failed += 1;
                }
            }
        }
        assert!(failed > 0, "bytes {from}..{to}");
        // The transfer was at fault, not the object: the same handle reads what is there now, though
        // it may have kept the block for what was whole of it.
        std::fs::write(&packs[0], &good).unwrap();
        let ids = dataset.read(&request(&dataset, "id", 7).await).await.unwrap();
        assert_eq!(ids.column(0).as_primitive::<Int64Type>().value(0), 7);
        for name in ["raw", "image", "boxes", "text", "mask"] {
            one_by_one(&dataset, name).await;
        }
        // And goes on reading it from memory when the object is damaged later.
        damage(0, good.len());
        assert!(one_by_one(&dataset, "raw").await.hits > 0);
        std::fs::write(&packs[0], &good).unwrap();
    }
}

#[tokio::test]
async fn what_is_missing_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = written(&folder).await;
    let pack = walk(&folder.path().join("data")).remove(0);
    let away = folder.path().join("away");
    let dataset = Dataset::open(&url, remote(64 << 20)).await.unwrap();
    std::fs::rename(&pack, &away).unwrap();
    let request = request(&dataset, "id", 7).await;
    let error = dataset.read(&request).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error:?}");
    std::fs::rename(&away, &pack).unwrap();
    dataset.read(&request).await.unwrap();
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
