//! How long operations take on a local disk after a long history. Nothing is held against it: it
//! depends on the disk, and on what else the machine does.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_dataset::Policy;
use lakebed_store::Store;

use super::append;

/// How often each operation is timed; the median counts.
const TIMES: usize = 5;

/// The times of operations on a copy of a dataset, in a folder of its own.
pub(super) async fn of(store: &dyn Store) -> String {
    let folder = tempfile::tempdir().unwrap();
    copy(store, folder.path()).await;
    let url = folder.path().to_str().unwrap();
    let mut spent: Vec<(&str, Vec<Duration>)> = Vec::new();
    let mut note = |what, begun: Instant| {
        let time = begun.elapsed();
        match spent.iter_mut().find(|(known, _)| *known == what) {
            Some((_, times)) => times.push(time),
            None => spent.push((what, vec![time])),
        }
    };
    for nth in 0..TIMES {
        let begun = Instant::now();
        let dataset = open(url).await;
        note("open", begun);
        let begun = Instant::now();
        dataset.log(20).await.unwrap();
        note("last 20 of the log", begun);
        let begun = Instant::now();
        let dataset = append(&dataset).await;
        note("commit of ten rows", begun);
        let name = format!("side-{nth}");
        let begun = Instant::now();
        let side = dataset.branch(&name, "").await.unwrap();
        note("branch", begun);
        append(&side).await;
        append(&dataset).await;
        let dataset = open(url).await;
        let begun = Instant::now();
        dataset.merge(&name, Policy::Fail, "").await.unwrap();
        note("merge of ten rows", begun);
    }
    let medians = spent.into_iter().map(|(what, mut times)| {
        times.sort_unstable();
        format!("{what} {:.1} ms", times[times.len() / 2].as_secs_f64() * 1e3)
    });
    medians.collect::<Vec<_>>().join(", ")
}

async fn open(url: &str) -> Dataset {
    Dataset::open(url, Options::default()).await.unwrap()
}

/// Every object as a file.
async fn copy(store: &dyn Store, folder: &Path) {
    for object in store.list("").await.unwrap() {
        let path = folder.join(&object.key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, store.get(&object.key).await.unwrap()).unwrap();
    }
}
