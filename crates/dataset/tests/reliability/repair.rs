//! What damage takes and what is left: `repairs`, and the ways out that it names.

#![allow(clippy::single_range_in_vec_init, reason = "lists of runs, which may have one only")]

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use lakebed_dataset::DamagedPart;
use lakebed_dataset::Dataset;
use lakebed_dataset::NewView;
use lakebed_dataset::Options;
use lakebed_dataset::Repair;
use lakebed_dataset::ViewRows;

use super::append_numbers;
use super::numbers;
use super::read;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    async fn create(&self) -> Dataset {
        let url = self.folder.path().to_str().unwrap();
        Dataset::create(url, numbers(), Options::default()).await.unwrap()
    }

    /// Without what was read before.
    async fn open(&self) -> Dataset {
        let url = self.folder.path().to_str().unwrap();
        Dataset::open(url, Options::default()).await.unwrap()
    }

    /// The keys below a folder.
    fn keys(&self, below: &str) -> BTreeSet<String> {
        fn visit(root: &Path, folder: PathBuf, found: &mut BTreeSet<String>) {
            let Ok(entries) = std::fs::read_dir(folder) else { return };
            for entry in entries {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    visit(root, path, found);
                } else {
                    let key = path.strip_prefix(root).unwrap();
                    found.insert(key.to_str().unwrap().to_string());
                }
            }
        }
        let mut found = BTreeSet::new();
        visit(self.folder.path(), self.folder.path().join(below), &mut found);
        found
    }

    /// Cuts an object in half.
    fn cut(&self, key: &str) {
        let path = self.folder.path().join(key);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }
}

async fn repairs(dataset: &Dataset) -> Vec<Repair> {
    let report = dataset.verify(|_, _| ()).await.unwrap();
    dataset.repairs(&report).await.unwrap()
}

async fn one(dataset: &Dataset) -> Repair {
    let mut all = repairs(dataset).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The only key of `after` that `before` lacks.
fn new_key(before: &BTreeSet<String>, after: &BTreeSet<String>) -> String {
    let mut new = after.difference(before);
    let key = new.next().unwrap().clone();
    assert_eq!(new.next(), None);
    key
}

#[tokio::test]
async fn a_damaged_pack_takes_its_rows_from_the_versions_that_have_them() {
    let place = Place::new();
    let first = append_numbers(&place.create().await, vec![1, 2, 3]).await.unwrap();
    first.branch("early", "").await.unwrap();
    let before = place.keys("data");
    let second = append_numbers(&first, vec![4, 5, 6]).await.unwrap();
    let pack = new_key(&before, &place.keys("data"));
    let tagged = second.tag("paper", "").await.unwrap();
    let newest = append_numbers(&tagged, vec![7]).await.unwrap().version();
    assert!(repairs(&place.open().await).await.is_empty());

    place.cut(&pack);
    let dataset = place.open().await;
    let repair = one(&dataset).await;
    assert_eq!((repair.object, repair.part), (pack, Some(DamagedPart::Pack)));
    assert_eq!(repair.versions, [second.version()..newest + 1]);
    assert_eq!(repair.names, ["branch main", "tag paper"]);
    assert_eq!((repair.rows, repair.more_rows), (vec![3..6], 0));
    assert!(repair.columns.is_empty());
    assert!(repair.whole.is_some_and(|whole| whole < second.version()), "{:?}", repair.whole);
    assert!(read(&dataset, &["x"]).await.is_err());

    // One way out: without the rows.
    let mut edit = dataset.edit().unwrap();
    edit.delete(&[3, 4, 5]);
    let without = edit.commit("without the damaged rows").await.unwrap();
    let rows: usize = read(&without, &["x"]).await.unwrap().iter().map(|b| b.num_rows()).sum();
    assert_eq!(rows, 4);
    let repair = one(&place.open().await).await;
    assert_eq!(repair.versions, [second.version()..newest + 1]);
    assert_eq!((repair.names, repair.whole), (vec!["tag paper".into()], Some(without.version())));
    // Another: as it was.
    let reverted = without.revert(first.version(), "").await.unwrap();
    assert_eq!(reverted.num_rows(), 3);
    assert_eq!(read(&reverted, &["x"]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn damaged_samples_and_new_values_take_their_rows_only() {
    let place = Place::new();
    let first = append_numbers(&place.create().await, (0..10).collect()).await.unwrap();
    let mut edit = first.edit().unwrap();
    edit.delete(&[0, 1]);
    let fewer = edit.commit("").await.unwrap();
    let before = place.keys("data");
    let mut edit = fewer.edit().unwrap();
    let batch = read(&fewer, &["x"]).await.unwrap().remove(0).slice(2, 3);
    edit.update(&[4, 5, 6], &batch).await.unwrap();
    let updated = edit.commit("").await.unwrap();
    let overlay = new_key(&before, &place.keys("data"));
    place.cut(&overlay);
    let repair = one(&place.open().await).await;
    assert_eq!(repair.part, Some(DamagedPart::Pack));
    assert_eq!((repair.rows, repair.columns), (vec![4..7], vec!["x".to_string()]));
    assert_eq!(repair.versions, [updated.version()..updated.version() + 1]);
    assert_eq!(repair.whole, Some(fewer.version()));
}

#[tokio::test]
async fn a_damaged_node_takes_every_version_above_it() {
    let place = Place::new();
    let mut dataset = place.create().await;
    let (mut before, mut made_by) = (place.keys("meta"), None);
    for number in 0..40 {
        dataset = append_numbers(&dataset, vec![number]).await.unwrap();
        let after = place.keys("meta");
        if made_by.is_none() && after.len() > before.len() {
            made_by = Some((dataset.version(), new_key(&before, &after)));
        }
        before = after;
    }
    let (version, node) = made_by.unwrap();
    place.cut(&node);
    let dataset = place.open().await;
    let repair = one(&dataset).await;
    assert_eq!((repair.object, repair.part), (node, Some(DamagedPart::Node)));
    assert_eq!(repair.versions, [version..41]);
    assert_eq!((repair.more_rows, repair.rows.len()), (32, 0));
    assert_eq!(repair.whole, Some(version - 1));
    let reverted = dataset.revert(version - 1, "").await.unwrap();
    let rows: usize = read(&reverted, &["x"]).await.unwrap().iter().map(|b| b.num_rows()).sum();
    assert_eq!(u64::try_from(rows).unwrap(), version - 1);
}

#[tokio::test]
async fn a_damaged_entry_takes_its_own_version_only() {
    let place = Place::new();
    let first = append_numbers(&place.create().await, vec![1]).await.unwrap();
    let tagged = first.tag("old", "").await.unwrap();
    let newest = append_numbers(&tagged, vec![2]).await.unwrap();
    place.cut("log/0000000000000001");
    let dataset = place.open().await;
    let repair = one(&dataset).await;
    assert_eq!(repair.part, Some(DamagedPart::Entry));
    assert_eq!((repair.versions, repair.names), (vec![1..2], vec!["tag old".to_string()]));
    assert_eq!(repair.whole, Some(newest.version()));
    assert_eq!(read(&dataset, &["x"]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_no_version_needs_is_told_apart() {
    let place = Place::new();
    let first = append_numbers(&place.create().await, vec![1, 2, 3]).await.unwrap();
    let before = place.keys("meta");
    let view = NewView {
        language: lakebed_dataset::Language::Tql,
        query: "SELECT *".into(),
        parameters: serde_json::Value::Null,
        seed: None,
        rows: ViewRows::Ids(vec![2, 0]),
        weights: None,
    };
    let saved = first.save_view("hard", view, "").await.unwrap();
    let key = new_key(&before, &place.keys("meta"));
    place.cut(&key);
    place.cut("hint");
    place.cut("lakebed.json");
    let found = repairs(&place.open().await).await;
    let parts: Vec<_> = found.iter().map(|repair| repair.part).collect();
    let wanted = [DamagedPart::Hint, DamagedPart::Marker, DamagedPart::View];
    assert_eq!(parts, wanted.map(Some));
    assert_eq!(found[2].names, ["view hard"]);
    for repair in &found {
        assert!(repair.versions.is_empty() && repair.rows.is_empty(), "{repair:?}");
        assert_eq!(repair.whole, Some(saved.version()));
    }
}
