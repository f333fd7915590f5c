//! Many small manifests written as one: the same rows in fewer requests, and nothing is lost with the
//! packs that stay behind.

#![allow(clippy::single_range_in_vec_init, reason = "lists of runs, which may have one only")]

use std::collections::BTreeSet;

use lakebed_dataset::Compaction;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Folding;
use lakebed_dataset::Options;
use lakebed_dataset::Policy;

use super::append_numbers;
use super::numbers;
use super::read_numbers;

const COMMITS: i64 = 100;

/// Commits of three numbers each, 0 and up.
async fn filled(url: &str) -> Dataset {
    let mut dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    for nth in 0..COMMITS {
        dataset = append_numbers(&dataset, (3 * nth..3 * nth + 3).collect()).await.unwrap();
    }
    dataset
}

async fn fold(dataset: &Dataset) -> Dataset {
    dataset.fold(&Folding::default(), "fold", |_, _| ()).await.unwrap()
}

/// Opened without what was read before.
async fn cold(dataset: &Dataset) -> Dataset {
    Dataset::open(dataset.url(), Options::default()).await.unwrap()
}

#[tokio::test]
async fn a_fold_reads_and_copies_no_sample_and_saves_a_request_a_commit() {
    let dataset = filled("mem://fold-cost").await;
    let (before, old) = (read_numbers(&dataset).await, dataset.version());
    let mut told = Vec::new();
    let writer = cold(&dataset).await;
    let cost = writer.metrics().snapshot();
    let folded =
        writer.fold(&Folding::default(), "", |done, all| told.push((done, all))).await.unwrap();
    let cost = folded.metrics().since(cost);
    println!("fold of {COMMITS} manifests: {cost:?}");
    assert_eq!(told, [(100, 100)]);
    assert_eq!(folded.fragments().await.unwrap().len(), 1);
    assert!(cost.reads() <= 100 + 8, "one manifest of each pack: {cost:?}");
    assert!(cost.objects_streamed == 1 && cost.creates <= 3, "{cost:?}");

    // Nothing but the number of manifests changed.
    assert_eq!(read_numbers(&folded).await, before);
    assert!(folded.diff(&dataset).await.unwrap().is_empty());
    assert!(dataset.diff(&folded).await.unwrap().is_empty());
    let all: Vec<u64> = (0..300).collect();
    assert_eq!(folded.row_ids_at(&all).await.unwrap(), all);
    assert!(folded.stored_bytes().await.unwrap() > dataset.stored_bytes().await.unwrap());

    // What is known of all chunks, before and after.
    let column = dataset.schema().columns[0].id;
    let mut requests = Vec::new();
    for version in [old, folded.version()] {
        let opened = cold(&dataset).await.at(version).await.unwrap();
        let begun = opened.metrics().snapshot();
        let mut chunks = 0;
        for fragment in opened.fragments().await.unwrap().iter() {
            let known = opened.chunks(fragment, column).await.unwrap().unwrap();
            assert!(known.stats.iter().all(|stats| stats.exact && stats.min.is_some()));
            chunks += known.stats.len();
        }
        assert_eq!(chunks, 100);
        requests.push(opened.metrics().since(begun).reads());
    }
    println!("requests for the statistics of all chunks: {requests:?}");
    assert!(requests[0] >= 100 && requests[1] <= 4, "{requests:?}");
    // A second time there is nothing to do.
    assert_eq!(fold(&folded).await.version(), folded.version());
}

#[tokio::test]
async fn changes_before_and_after_a_fold_are_kept() {
    let dataset = filled("mem://fold-changes").await;
    let set = |numbers: &[i64], to: i64| (numbers.to_vec(), to);
    let dataset = update(&dataset, set(&[0, 7, 150], -1)).await;
    let dataset = update(&dataset, set(&[7, 299], -2)).await;
    let dataset = dataset.delete(&[1, 2, 3, 151], "").await.unwrap();
    let before = read_numbers(&dataset).await;
    let folded = fold(&dataset).await;
    assert_eq!(folded.fragments().await.unwrap().len(), 1);
    assert_eq!(read_numbers(&cold(&folded).await).await, before);
    assert!(folded.diff(&dataset).await.unwrap().is_empty());
    let report = cold(&folded).await.verify(|_, _| ()).await.unwrap();
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    // Later ones go on top, as others see them; older versions stay as they were.
    let dataset = update(&folded, set(&[7, 200], -3)).await;
    let dataset = dataset.delete(&[298], "").await.unwrap();
    let mut expected: Vec<i64> = (0..300).collect();
    for (numbers, to) in [set(&[0, 7, 150], -1), set(&[7, 299], -2), set(&[7, 200], -3)] {
        numbers.iter().for_each(|n| expected[*n as usize] = to);
    }
    let gone = [1, 2, 3, 151, 298];
    let expected: Vec<i64> =
        (0..300).filter(|n| !gone.contains(n)).map(|n| expected[n as usize]).collect();
    assert_eq!(read_numbers(&cold(&dataset).await).await, expected);
    let diff = dataset.diff(&folded).await.unwrap();
    assert_eq!((diff.deleted.len(), diff.rows_changed().len()), (1, 2), "{diff:?}");
    // A folded fragment joins others, and a compaction writes chunks of its packs anew.
    let mut more = dataset;
    for n in 300..310 {
        more = append_numbers(&more, vec![n]).await.unwrap();
    }
    let again = fold(&more).await;
    assert_eq!(again.fragments().await.unwrap().len(), 1);
    let expected: Vec<i64> = expected.into_iter().chain(300..310).collect();
    assert_eq!(read_numbers(&cold(&again).await).await, expected);
    let compact = again.compact(&Compaction::default(), "", |_, _| ()).await.unwrap();
    assert_eq!(read_numbers(&cold(&compact).await).await, expected);
    let column = compact.schema().columns[0].id;
    let fragments = compact.fragments().await.unwrap();
    assert_eq!(compact.chunks(&fragments[0], column).await.unwrap().unwrap().stats.len(), 1);
}

/// Gives the numbers, which are their rows' ids, another value.
async fn update(dataset: &Dataset, (numbers, to): (Vec<i64>, i64)) -> Dataset {
    let ids: Vec<u64> = numbers.iter().map(|n| *n as u64).collect();
    let values = std::sync::Arc::new(arrow::array::Int64Array::from(vec![to; ids.len()]));
    let mut edit = dataset.edit().unwrap();
    edit.update(&ids, &super::batch(dataset.schema(), vec![values])).await.unwrap();
    edit.commit("").await.unwrap()
}

#[tokio::test]
async fn packs_behind_a_fold_are_kept_until_nothing_needs_them() {
    let dataset = filled("mem://fold-gc").await;
    let before = read_numbers(&dataset).await;
    let folded = fold(&dataset).await;
    // Only the folded version is left, and everything else of the past is collected.
    let mut dataset = folded.expire(folded.version(), "").await.unwrap();
    for _ in 0..4 {
        dataset = dataset.collect_garbage("", |_, _| ()).await.unwrap().0;
    }
    assert_eq!(read_numbers(&cold(&dataset).await).await, before);
    let packs = |keys: Vec<String>| keys.into_iter().filter(|key| key.starts_with("data/")).count();
    assert_eq!(packs(keys(&dataset).await), 101);
    let mut dataset = dataset.compact(&Compaction::default(), "", |_, _| ()).await.unwrap();
    dataset = dataset.expire(dataset.version(), "").await.unwrap();
    for _ in 0..4 {
        dataset = dataset.collect_garbage("", |_, _| ()).await.unwrap().0;
    }
    assert_eq!(packs(keys(&dataset).await), 1);
    assert_eq!(read_numbers(&cold(&dataset).await).await, before);
}

async fn keys(dataset: &Dataset) -> Vec<String> {
    let store = lakebed_store::open(dataset.url()).unwrap();
    store.list("").await.unwrap().into_iter().map(|object| object.key).collect()
}

#[tokio::test]
async fn merges_go_across_a_fold_and_folds_yield_to_edits() {
    let dataset = filled("mem://fold-merge").await;
    let side = dataset.branch("side", "").await.unwrap();
    let side = update(&side, (vec![4, 5], -4)).await;
    let side = append_numbers(&side, vec![300]).await.unwrap();
    fold(&side).await;
    let main = dataset.refresh().await.unwrap();
    let main = fold(&main.delete(&[0], "").await.unwrap()).await;
    let merged = main.merge("side", Policy::Fail, "").await.unwrap();
    let mut expected: Vec<i64> = (1..301).collect();
    (expected[3], expected[4]) = (-4, -4);
    assert_eq!(read_numbers(&cold(&merged).await).await, expected);
    assert!(merged.verify(|_, _| ()).await.unwrap().damage.is_empty());
    let mut ids = BTreeSet::new();
    let all: Vec<u64> = (0..merged.num_rows()).collect();
    assert!(merged.row_ids_at(&all).await.unwrap().into_iter().all(|id| ids.insert(id)));

    // A fold from a snapshot whose fragments were all changed since gives up; nothing is lost.
    let stale = filled("mem://fold-yields").await;
    let every: Vec<i64> = (0..300).step_by(3).collect();
    let edited = update(&stale, (every, -9)).await;
    let folded = stale.fold(&Folding::default(), "", |_, _| ()).await.unwrap();
    assert_eq!(folded.fragments().await.unwrap().len(), 1, "it begins at the newest version");
    assert_eq!(read_numbers(&folded).await, read_numbers(&edited).await);
}

#[tokio::test]
async fn damage_of_a_pack_behind_a_fold_takes_its_rows_only() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let dataset = filled(url).await;
    let fragments = dataset.fragments().await.unwrap();
    let key = fragments[40].pointer.object.key("data");
    let folded = fold(&dataset).await;
    let manifest = folded.fragments().await.unwrap()[0].pointer.object.key("data");
    // Nothing retained but the folded version knows the pack.
    folded.expire(folded.version(), "").await.unwrap();
    let damage = |key: &str, at: usize| {
        let path = folder.path().join(key);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    damage(&key, 0);
    let dataset = Dataset::open(url, Options::default()).await.unwrap();
    let report = dataset.verify(|_, _| ()).await.unwrap();
    assert_eq!(report.damage.len(), 1, "{:?}", report.damage);
    let repairs = dataset.repairs(&report).await.unwrap();
    assert_eq!(repairs.len(), 1, "{repairs:?}");
    assert_eq!((repairs[0].object.as_str(), repairs[0].rows.as_slice()), (&*key, &[120..123][..]));
    let without = dataset.delete(&[120, 121, 122], "").await.unwrap();
    let left: Vec<i64> = (0..120).chain(123..300).collect();
    assert_eq!(read_numbers(&cold(&without).await).await, left);
    // The manifest itself.
    damage(&key, 0);
    damage(&manifest, 100);
    let dataset = Dataset::open(url, Options::default()).await.unwrap();
    let report = dataset.verify(|_, _| ()).await.unwrap();
    assert!(report.damage.iter().any(|damage| damage.object == manifest), "{:?}", report.damage);
    let column = dataset.schema().columns[0].id;
    let fragment = &dataset.at(folded.version()).await.unwrap().fragments().await.unwrap()[0];
    let read = dataset.chunks(fragment, column).await;
    assert!(matches!(&read, Err(error) if error.is_damage()), "{read:?}");
    assert!(!matches!(read, Err(Error::Task(_))));
}
