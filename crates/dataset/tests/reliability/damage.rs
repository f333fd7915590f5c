//! What is said of damage: which rows, which feature. That damage is found at all is tried for every
//! byte in `survival.rs`.

#![allow(clippy::single_range_in_vec_init, reason = "lists of runs, which may have one only")]

use lakebed_core::Column;
use lakebed_dataset::DamagedPart;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_format::frame;
use lakebed_format::frame::Kind;
use lakebed_store::Store;
use lakebed_trials::damage::Victim;

use super::append;
use super::append_numbers;
use super::numbers;
use super::read_all;
use super::varied;
use super::varied_rows;

#[tokio::test]
async fn damage_of_samples_names_their_rows() {
    let victim = Victim::varied().await;
    let (key, bytes) = victim.files.iter().find(|(key, _)| key.starts_with("data/")).unwrap();
    // The file of row 5 (or 17) of the images: whatever they share, each keeps its end.
    let mut ends = bytes.windows(4).enumerate().filter(|(_, w)| *w == b"IEND").map(|(at, _)| at);
    let mut flipped = bytes.to_vec();
    flipped[ends.nth(5).unwrap() + 5] ^= 1;
    let report = victim.with(key, &flipped).await.report.unwrap();
    assert_eq!(report.damage.len(), 1, "{report:?}");
    let rows = report.damage[0].rows.clone().unwrap();
    assert!(rows == (5..6) || rows == (17..18), "{report:?}");
    assert_eq!(report.damage[0].column.as_deref(), Some("image"));
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
    let key = "log/0000000000000002";
    let open = || victim.open();
    victim.damage(key, &forged(&victim.files[key], 9, |_| ())).await;
    let error = open().await.unwrap_err();
    assert!(!error.is_damage());
    let message = error.to_string();
    assert!(message.contains("format version 9") && message.contains("newer Lakebed"), "{message}");
    let feature = |name: &'static str| {
        move |json: &mut serde_json::Value| json[name] = serde_json::json!(["teleport"])
    };
    let bytes = forged(&victim.files[key], 1, feature("reader_features"));
    victim.damage(key, &bytes).await;
    let message = open().await.unwrap_err().to_string();
    assert!(message.contains("'teleport'") && message.contains("newer Lakebed"), "{message}");
    // A feature of writers keeps nobody from reading.
    let bytes = forged(&victim.files[key], 1, feature("writer_features"));
    victim.damage(key, &bytes).await;
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
        victim.damage(key, &forged(&victim.files[key], 1, edit)).await;
        let Ok(dataset) = victim.open().await else { continue };
        let read = read_all(&dataset).await;
        // What another schema makes of the bytes is for the forger to say.
        if let (Ok(batches), true) = (&read, nth < 7) {
            assert!(*batches == victim.truth, "edit {nth}");
        }
        let _ = dataset.verify(|_, _| ()).await;
        let appended = append(&dataset, &rows).await;
        assert!(!matches!(appended, Err(Error::Task(_))), "edit {nth}");
        let _ = victim.store.delete("log/0000000000000003").await;
    }
}

#[tokio::test]
async fn damage_of_the_newest_entries_is_reported_with_the_last_version_that_can_be_read() {
    let url = "mem://damaged-newest";
    let mut dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    for number in 1..=5 {
        dataset = append_numbers(&dataset, vec![number]).await.unwrap();
    }
    let (store, _) = lakebed_store::open_metered(url).unwrap();
    for (number, last) in [(5, 4), (4, 3)] {
        let key = format!("log/{number:016x}");
        let mut bytes = store.get(&key).await.unwrap().to_vec();
        bytes[30] ^= 1;
        store.put(&key, bytes.into()).await.unwrap();
        assert!(Dataset::open(url, Options::default()).await.unwrap_err().is_damage());
        let verified = Dataset::verify_at(url, Options::default(), |_, _| ()).await;
        let (found, report) = verified.unwrap();
        assert_eq!((found.version(), found.num_rows()), (last, last));
        let damaged: Vec<&str> = report.damage.iter().map(|one| one.object.as_str()).collect();
        let all: Vec<String> = (number..=5).map(|number| format!("log/{number:016x}")).collect();
        assert_eq!(damaged, all);
        let said = report.damage[0].to_string();
        assert!(said.contains(&format!("can be read is {last}")), "{said}");
        let repairs = found.repairs(&report).await.unwrap();
        assert_eq!(repairs.len(), all.len());
        for (repair, number) in repairs.iter().zip(number..) {
            assert_eq!(repair.part, Some(DamagedPart::Entry));
            assert_eq!(repair.versions, [number..number + 1]);
            assert_eq!(repair.whole, Some(last));
        }
    }
    // Giving them up, as the report proposes, leaves what can be read, and writing goes on.
    for number in [4, 5] {
        store.delete(&format!("log/{number:016x}")).await.unwrap();
    }
    let dataset = Dataset::open(url, Options::default()).await.unwrap();
    let dataset = append_numbers(&dataset, vec![6]).await.unwrap();
    assert_eq!((dataset.version(), dataset.num_rows()), (4, 4));
    assert!(dataset.verify(|_, _| ()).await.unwrap().damage.is_empty());
}
