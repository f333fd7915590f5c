//! Damaged bytes: found by `verify`, and never read as data.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::VerifyReport;
use lakebed_format::frame;
use lakebed_format::frame::Kind;

use super::album_rows;
use super::append;
use super::append_numbers;
use super::numbers;
use super::read;
use super::read_all;
use super::varied;
use super::varied_rows;

/// A dataset on disk, what it holds, and its files by key.
struct Victim {
    folder: tempfile::TempDir,
    truth: Vec<RecordBatch>,
    columns: Vec<String>,
    files: BTreeMap<String, Vec<u8>>,
}

/// What became of a dataset with damage.
struct Outcome {
    /// Why it could not be opened, or what verifying it said.
    report: std::result::Result<VerifyReport, String>,
    /// Whether all could be read.
    readable: bool,
}

impl Victim {
    async fn varied() -> Victim {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { chunk_bytes: 256, ..Options::default() };
        let url = folder.path().to_str().unwrap();
        let mut dataset = Dataset::create(url, varied(), options).await.unwrap();
        for rows in [0..12, 12..24] {
            let rows = varied_rows(dataset.schema(), rows.start, rows.end);
            dataset = append(&dataset, &rows).await.unwrap();
        }
        Victim::of(folder, &dataset).await
    }

    /// Small JPEGs that share their heads, two chunks of them.
    async fn album() -> Victim {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().to_str().unwrap();
        let schema = Schema::new(vec![Column::image("image")]).unwrap();
        let options = Options { chunk_bytes: 700, ..Options::default() };
        let dataset = Dataset::create(url, schema, options).await.unwrap();
        let dataset = append(&dataset, &album_rows(dataset.schema(), 12)).await.unwrap();
        Victim::of(folder, &dataset).await
    }

    async fn of(folder: tempfile::TempDir, dataset: &Dataset) -> Victim {
        let mut files = BTreeMap::new();
        collect(folder.path(), folder.path(), &mut files);
        let columns = dataset.schema().columns.iter().map(|c| c.name.clone()).collect();
        let truth = read_all(dataset).await.unwrap();
        Victim { truth, columns, files, folder }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }

    /// Puts other bytes in place of an object, looks, and puts the object back.
    async fn with(&self, key: &str, bytes: &[u8]) -> Outcome {
        std::fs::write(self.path(key), bytes).unwrap();
        let outcome = self.look(key).await;
        std::fs::write(self.path(key), &self.files[key]).unwrap();
        outcome
    }

    async fn look(&self, key: &str) -> Outcome {
        let url = self.folder.path().to_str().unwrap();
        let dataset = match Dataset::open(url, Options::default()).await {
            Ok(dataset) => dataset,
            Err(error) => {
                assert!(error.is_damage(), "{key}: {error}");
                return Outcome { report: Err(error.to_string()), readable: false };
            }
        };
        let report = dataset.verify(|_, _| ()).await.unwrap();
        let mut readable = true;
        for (nth, column) in self.columns.iter().enumerate() {
            match read(&dataset, &[column]).await {
                Ok(batches) => {
                    for (batch, truth) in batches.iter().zip(&self.truth) {
                        assert_eq!(batch.column(0), truth.column(nth), "{key}: wrong data");
                    }
                    assert_eq!(batches.len(), self.truth.len(), "{key}");
                }
                Err(error) => {
                    assert!(error.is_damage(), "{key}, {column}: {error}");
                    readable = false;
                    let names = report
                        .damage
                        .iter()
                        .any(|damage| damage.column.as_ref().is_none_or(|named| named == column));
                    assert!(names, "{key}: '{column}' is unreadable, verify says {report:?}");
                }
            }
        }
        Outcome { report: Ok(report), readable }
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
            files.insert(key, std::fs::read(&path).unwrap());
        }
    }
}

/// The object is named, by whoever found the damage first.
fn assert_named(key: &str, at: usize, outcome: &Outcome) {
    match &outcome.report {
        Err(message) => assert!(message.contains(key), "{key} byte {at}: {message}"),
        Ok(report) => {
            let named = report.damage.iter().any(|damage| damage.object == key);
            assert!(named, "{key} byte {at}: {report:?}");
        }
    }
}

#[tokio::test]
async fn every_flipped_byte_is_found_and_none_is_read() {
    let victim = Victim::varied().await;
    let (mut flips, mut unopenable, mut unreadable) = (0, 0, 0);
    let mut columns = BTreeSet::new();
    for (key, bytes) in &victim.files {
        // Packs are the largest and alike: all bytes of one, some of the other.
        let first_pack = victim.files.keys().find(|key| key.starts_with("data/"));
        let step = if key.starts_with("data/") && Some(key) != first_pack { 7 } else { 1 };
        for at in (0..bytes.len()).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let outcome = victim.with(key, &flipped).await;
            assert_named(key, at, &outcome);
            flips += 1;
            match &outcome.report {
                Err(_) => unopenable += 1,
                Ok(report) => {
                    unreadable += usize::from(!outcome.readable);
                    for damage in &report.damage {
                        columns.extend(damage.column.clone());
                        assert_eq!(damage.column.is_some(), damage.rows.is_some(), "{damage}");
                    }
                }
            }
        }
    }
    let all: BTreeSet<String> = victim.columns.iter().cloned().collect();
    assert_eq!(columns, all, "damage of every column is put to it");
    assert!(victim.look("nothing").await.report.unwrap().damage.is_empty());
    println!(
        "{flips} flips found: {unopenable} keep it from opening, {unreadable} from reading all"
    );
}

#[tokio::test]
async fn every_flipped_byte_of_images_with_shared_heads_is_found() {
    let victim = Victim::album().await;
    let (key, bytes) = victim.files.iter().find(|(key, _)| key.starts_with("data/")).unwrap();
    let heads = bytes.windows(4).filter(|window| *window == b"JFIF").count();
    assert!((1..6).contains(&heads), "{heads} heads for 12 images");
    let mut unreadable = 0;
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let outcome = victim.with(key, &flipped).await;
        assert_named(key, at, &outcome);
        unreadable += usize::from(!outcome.readable);
    }
    // All but the padding and the footers.
    assert!(unreadable * 2 > bytes.len(), "{unreadable} of {}", bytes.len());
}

#[tokio::test]
async fn damage_of_samples_names_their_rows() {
    let victim = Victim::varied().await;
    let (key, bytes) = victim.files.iter().find(|(key, _)| key.starts_with("data/")).unwrap();
    // The file of row 5 (or 17) of the images: whatever they share, each keeps its end.
    let mut ends = bytes.windows(4).enumerate().filter(|(_, w)| *w == b"IEND").map(|(at, _)| at);
    let mut flipped = bytes.clone();
    flipped[ends.nth(5).unwrap() + 5] ^= 1;
    let report = victim.with(key, &flipped).await.report.unwrap();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    let rows = report.damage[0].rows.clone().unwrap();
    assert!(rows == (5..6) || rows == (17..18), "{report:?}");
    assert_eq!(report.damage[0].column.as_deref(), Some("image"));
}

#[tokio::test]
async fn truncated_lengthened_and_missing_objects_are_found() {
    let victim = Victim::varied().await;
    let mut cuts = 0;
    for (key, bytes) in &victim.files {
        for length in (0..bytes.len()).step_by(13).chain([bytes.len() - 1]) {
            assert_named(key, length, &victim.with(key, &bytes[..length]).await);
            cuts += 1;
        }
        let longer = [bytes.as_slice(), b"\0"].concat();
        assert_named(key, bytes.len(), &victim.with(key, &longer).await);
        if key == "hint" || key == "log/0000000000000002" {
            // Without a hint opening only takes longer; without the last entry, which nothing
            // but the hint remembers, the dataset ends before it.
            continue;
        }
        std::fs::remove_file(victim.path(key)).unwrap();
        let outcome = victim.look(key).await;
        std::fs::write(victim.path(key), bytes).unwrap();
        assert_named(key, 0, &outcome);
    }
    println!("{cuts} truncations found");
}

#[tokio::test]
async fn swapped_objects_are_found() {
    let victim = Victim::varied().await;
    for folder in ["data/", "log/"] {
        let keys: Vec<&String> =
            victim.files.keys().filter(|key| key.starts_with(folder)).collect();
        let (a, b) = (keys[0], keys[1]);
        std::fs::write(victim.path(a), &victim.files[b]).unwrap();
        let outcome = victim.with(b, &victim.files[a]).await;
        std::fs::write(victim.path(a), &victim.files[a]).unwrap();
        assert_named(a, 0, &outcome);
        assert_named(b, 0, &outcome);
        assert!(!outcome.readable || folder == "log/");
    }
    // A pack of the very same shape.
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let mut dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    for i in 0..2 {
        dataset = append_numbers(&dataset, vec![i * 5 + 3, i * 5 + 9, i * 5 + 70]).await.unwrap();
    }
    let victim = Victim::of(folder, &dataset).await;
    let packs: Vec<&String> = victim.files.keys().filter(|key| key.starts_with("data/")).collect();
    assert_eq!(victim.files[packs[0]].len(), victim.files[packs[1]].len());
    let outcome = victim.with(packs[0], &victim.files[packs[1]]).await;
    assert_named(packs[0], 0, &outcome);
    assert!(!outcome.readable);
}

#[tokio::test]
async fn damaged_nodes_and_schemas_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let mut columns = vec![Column::scalar("x", DType::I64)];
    columns
        .extend((0..60).map(|i| Column::text(format!("a/column/with/a/long/name/{i}")).nullable()));
    let schema = Schema::new(columns).unwrap();
    let mut dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
    for i in 0..33 {
        dataset = append_numbers(&dataset, vec![i]).await.unwrap();
    }
    let mut victim = Victim::of(folder, &dataset).await;
    victim.columns.truncate(1);
    let meta: Vec<&String> = victim.files.keys().filter(|key| key.starts_with("meta/")).collect();
    assert_eq!(meta.len(), 2, "one node, one schema");
    let mut flips = 0;
    for key in meta {
        let bytes = &victim.files[key];
        for at in (0..bytes.len()).step_by(bytes.len() / 60) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert_named(key, at, &victim.with(key, &flipped).await);
            assert_named(key, at, &victim.with(key, &bytes[..at]).await);
            flips += 1;
        }
    }
    println!("{flips} flips in nodes and schemas found");
}

/// The head's entry with other JSON and another version, under a checksum that is right.
fn forged(bytes: &[u8], version: u16, edit: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let mut json = serde_json::from_slice(frame::unwrap(Kind::Entry, bytes).unwrap()).unwrap();
    edit(&mut json);
    let mut bytes = frame::wrap(Kind::Entry, &serde_json::to_vec(&json).unwrap());
    bytes[6..8].copy_from_slice(&version.to_le_bytes());
    let end = bytes.len() - 8;
    let sum = lakebed_format::checksum::Checksum::of(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.0.to_le_bytes());
    bytes
}

#[tokio::test]
async fn newer_formats_and_unknown_features_are_refused_by_name() {
    let victim = Victim::varied().await;
    let url = victim.folder.path().to_str().unwrap();
    let key = "log/0000000000000002";
    let open = || Dataset::open(url, Options::default());
    std::fs::write(victim.path(key), forged(&victim.files[key], 9, |_| ())).unwrap();
    let error = open().await.unwrap_err();
    assert!(!error.is_damage());
    let message = error.to_string();
    assert!(message.contains("format version 9") && message.contains("newer Lakebed"), "{message}");
    let feature = |name: &'static str| {
        move |json: &mut serde_json::Value| json[name] = serde_json::json!(["teleport"])
    };
    let bytes = forged(&victim.files[key], 1, feature("reader_features"));
    std::fs::write(victim.path(key), bytes).unwrap();
    let message = open().await.unwrap_err().to_string();
    assert!(message.contains("'teleport'") && message.contains("newer Lakebed"), "{message}");
    // A feature of writers keeps nobody from reading.
    let bytes = forged(&victim.files[key], 1, feature("writer_features"));
    std::fs::write(victim.path(key), bytes).unwrap();
    let dataset = open().await.unwrap();
    assert_eq!(read_all(&dataset).await.unwrap(), victim.truth);
    let message = dataset.append().unwrap_err().to_string();
    assert!(message.contains("'teleport'"), "{message}");
    let added = dataset.add_column(Column::text("new").nullable(), "no").await;
    assert!(added.unwrap_err().to_string().contains("'teleport'"));
}

#[tokio::test]
async fn entries_that_lie_under_a_right_checksum_do_not_panic() {
    let victim = Victim::varied().await;
    let url = victim.folder.path().to_str().unwrap();
    let key = "log/0000000000000002";
    let huge = serde_json::json!(u64::MAX);
    let edits: [&dyn Fn(&mut serde_json::Value); 9] = [
        &|json| json["rows"] = huge.clone(),
        &|json| json["tree"]["tail"][0][1] = huge.clone(),
        &|json| json["tree"]["tail"][0][2] = huge.clone(),
        &|json| json["tree"]["tail"][0][3] = huge.clone(),
        &|json| json["tree"]["tail"][0][5] = huge.clone(),
        &|json| json["tree"]["tail"][0][6] = huge.clone(),
        &|json| json["next_row_id"] = huge.clone(),
        &|json| json["schema"]["inline"]["columns"][0]["dtype"] = "i8".into(),
        &|json| json["schema"]["inline"]["columns"][2]["dims"] = serde_json::json!([null]),
    ];
    let rows = varied_rows(&varied(), 0, 3);
    for (nth, edit) in edits.iter().enumerate() {
        std::fs::write(victim.path(key), forged(&victim.files[key], 1, edit)).unwrap();
        let Ok(dataset) = Dataset::open(url, Options::default()).await else { continue };
        let read = read_all(&dataset).await;
        // What another schema makes of the bytes is for the forger to say.
        if let (Ok(batches), true) = (&read, nth < 7) {
            assert!(*batches == victim.truth, "edit {nth}");
        }
        let _ = dataset.verify(|_, _| ()).await;
        let appended = append(&dataset, &rows).await;
        assert!(!matches!(appended, Err(Error::Task(_))), "edit {nth}");
        let _ = std::fs::remove_file(victim.path("log/0000000000000003"));
    }
}
