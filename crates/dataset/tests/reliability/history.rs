//! Long histories: any entry opens, order and ids hold, and the cost does not grow.

use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::Parted;
use lakebed_dataset::Policy;
use lakebed_format::Entry;
use lakebed_format::entry;
use serde_json::json;

use super::append_numbers;
use super::numbers;
use super::read;
use super::read_numbers;

const COMMITS: u64 = 1_150;
/// A writer that sees no other looks at one commit of so many whether one waits.
const LOOKS: i64 = 16;

/// Appends two rows in each of many commits, within the budget of each.
async fn long(url: &str) -> Dataset {
    let mut dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    let mut most_writes = 0;
    for i in 0..COMMITS as i64 {
        let before = dataset.metrics().snapshot();
        dataset = append_numbers(&dataset, vec![2 * i, 2 * i + 1]).await.unwrap();
        let cost = dataset.metrics().since(before);
        assert_eq!((cost.objects_streamed, cost.puts), (1, 1), "a pack and a hint: {cost:?}");
        assert!((1..=5).contains(&cost.creates), "an entry and at most 4 nodes: {cost:?}");
        // Two entries; and at one commit of sixteen, whether another writer waits for its turn.
        let reads = 2 + u64::from(i % LOOKS == LOOKS - 1);
        assert!(cost.gets <= reads && cost.range_gets + cost.sizes + cost.lists == 0, "{cost:?}");
        most_writes = most_writes.max(cost.writes());
    }
    println!(
        "a commit among {COMMITS}: at most {most_writes} writes and 2 reads, 3 at one of {LOOKS}"
    );
    dataset
}

#[tokio::test]
async fn any_entry_of_a_long_history_opens_with_its_rows_in_order() {
    let url = "mem://long-history";
    let dataset = long(url).await;
    let store = lakebed_store::open(url).unwrap();
    let bytes = store.get(&Entry::key(COMMITS)).await.unwrap();
    let levels = Entry::from_bytes(COMMITS, &bytes).unwrap().tree.levels.len();
    assert_eq!(levels, 2, "the tree has two levels of nodes");
    for version in [COMMITS, 0, 1, 2, 31, 32, 33, 34, 64, 65, 1024, 1056, 1057, 1088, 1089, 1149] {
        let old = Dataset::open(&format!("{url}@{version}"), Options::default()).await.unwrap();
        assert_eq!((old.version(), old.num_rows()), (version, 2 * version));
        let expected: Vec<i64> = (0..2 * version as i64).collect();
        assert_eq!(read_numbers(&old).await, expected, "version {version}");
        let fragments = old.fragments().await.unwrap();
        for (index, fragment) in fragments.iter().enumerate() {
            assert_eq!(fragment.index, index);
            assert_eq!(fragment.first_position, 2 * index as u64);
            assert_eq!(fragment.pointer.first_row_id, 2 * index as u64);
            assert_eq!(fragment.pointer.stamp, index as u64 + 1);
        }
    }
    let error = dataset.at(COMMITS + 1).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchVersion { newest: COMMITS, .. }), "{error}");
    let before = dataset.metrics().snapshot();
    let log = dataset.log(20).await.unwrap();
    let cost = dataset.metrics().since(before);
    let versions: Vec<u64> = log.iter().map(|line| line.version).collect();
    assert!(versions.into_iter().eq((COMMITS - 19..=COMMITS).rev()));
    assert!(cost.requests() <= 20, "{cost:?}");
    assert_eq!(dataset.log(usize::MAX).await.unwrap().len() as u64, COMMITS + 1);
}

#[tokio::test]
async fn opening_needs_no_listing_and_survives_any_hint() {
    let url = "mem://hints";
    let mut dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    for i in 0..300 {
        dataset = append_numbers(&dataset, vec![i]).await.unwrap();
    }
    let store = lakebed_store::open(url).unwrap();
    let cost = async || {
        let dataset = Dataset::open(url, Options::default()).await.unwrap();
        assert_eq!((dataset.version(), dataset.num_rows()), (300, 300));
        let cost = dataset.metrics().snapshot();
        assert_eq!(cost.lists, 0);
        cost.requests()
    };
    assert!(cost().await <= 3, "a fresh hint");
    for stale in [299, 290, 64, 0] {
        store.put("hint", entry::hint_to_bytes(stale).into()).await.unwrap();
        assert!(cost().await <= 24, "a hint of {stale}");
    }
    for ahead in [301, 5_000, u64::MAX] {
        store.put("hint", entry::hint_to_bytes(ahead).into()).await.unwrap();
        assert!(cost().await <= 26, "a hint of {ahead}");
    }
    for damaged in [&b""[..], b"junk", &[0xff; 40]] {
        store.put("hint", damaged.to_vec().into()).await.unwrap();
        assert!(cost().await <= 26);
    }
    store.delete("hint").await.unwrap();
    assert!(cost().await <= 26, "no hint");
    // The next commit mends it.
    append_numbers(&dataset, vec![300]).await.unwrap();
    let dataset = Dataset::open(url, Options::default()).await.unwrap();
    assert!(dataset.metrics().snapshot().requests() <= 3);
}

#[tokio::test]
async fn what_is_no_dataset_is_named() {
    for url in ["mem://nothing", "/nowhere/at/all"] {
        let error = Dataset::open(url, Options::default()).await.unwrap_err();
        assert!(matches!(error, Error::NotADataset { .. }), "{error}");
        assert!(error.to_string().contains(url));
    }
    let url = "mem://names";
    Dataset::create(url, numbers(), Options::default()).await.unwrap();
    let error = Dataset::open(&format!("{url}@gone"), Options::default()).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchRef { .. }), "{error}");
    assert_eq!(
        Dataset::open(&format!("{url}@main"), Options::default()).await.unwrap().version(),
        0
    );
}

#[tokio::test]
async fn columns_that_are_added_have_fills_or_nulls_in_older_rows() {
    let url = "mem://evolving";
    let mut dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    for i in 0..40 {
        dataset = append_numbers(&dataset, vec![i]).await.unwrap();
    }
    let needs = dataset.add_column(Column::scalar("y", DType::I64), "no").await.unwrap_err();
    assert!(needs.to_string().contains("needs a fill value"), "{needs}");
    let taken = dataset.add_column(Column::text("x").nullable(), "no").await.unwrap_err();
    assert!(taken.to_string().contains('x'), "{taken}");
    let before = dataset.metrics().snapshot();
    let column = Column::scalar("y", DType::I64).with_fill(json!(7));
    dataset = dataset.add_column(column, "y").await.unwrap();
    dataset = dataset.add_column(Column::text("z").nullable(), "z").await.unwrap();
    let cost = dataset.metrics().since(before);
    assert!(cost.writes() <= 4 && cost.range_gets == 0, "rows are not touched: {cost:?}");
    // A writer that knows of neither, and one that gives both.
    dataset = append_numbers(&dataset, vec![40]).await.unwrap();
    let text: arrow::array::ArrayRef =
        std::sync::Arc::new(arrow::array::StringViewArray::from(vec!["new"]));
    let number = |n: i64| -> arrow::array::ArrayRef {
        std::sync::Arc::new(arrow::array::Int64Array::from(vec![n]))
    };
    let batch = super::batch(dataset.schema(), vec![number(41), number(8), text]);
    dataset = super::append(&dataset, &batch).await.unwrap();
    let batches = read(&dataset, &["x", "y", "z"]).await.unwrap();
    assert_eq!(batches.len(), 42);
    for (i, batch) in batches.iter().enumerate() {
        let y = if i == 41 { 8 } else { 7 };
        assert_eq!((batch.column(0), batch.column(1)), (&number(i as i64), &number(y)));
        assert_eq!(batch.column(2).null_count(), usize::from(i != 41));
    }
    // Older entries do not have them.
    let old = dataset.at(40).await.unwrap();
    assert_eq!(old.schema().columns.len(), 1);
    assert!(read(&old, &["y"]).await.is_err());
    assert_eq!(dataset.log(3).await.unwrap()[2].message, "z");
    let part = Part::Shape;
    let id = dataset.schema().column("y").unwrap().id;
    let read = lakebed_dataset::ColumnRead { column: id, part };
    assert!(read.field(dataset.schema()).is_ok());
}

#[tokio::test]
async fn a_tag_keeps_its_version() {
    let url = "mem://tags";
    let empty = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    let first = append_numbers(&empty, vec![1, 2]).await.unwrap();
    let tagged = first.tag("t1", "the first two").await.unwrap();
    assert_eq!((tagged.version(), tagged.num_rows()), (2, 2));
    let newest = append_numbers(&tagged, vec![3]).await.unwrap();
    assert_eq!(newest.tags().get("t1"), Some(&1));
    for (name, rows) in [("t1", 2), ("main", 3), ("0", 0)] {
        let at = Dataset::open(&format!("{url}@{name}"), Options::default()).await.unwrap();
        assert_eq!(at.num_rows(), rows, "{name}");
        assert_eq!(newest.at_name(name).await.unwrap().num_rows(), rows, "{name}");
    }
    // An older snapshot learns of names that were given since.
    assert_eq!(first.at_name("t1").await.unwrap().version(), 1);
    // The same tag on the same version is no change of mind; on another it is.
    assert!(first.tag("t1", "again").await.is_ok());
    assert!(matches!(newest.tag("t1", "").await, Err(Error::NameTaken { version: 1, .. })));
    assert!(matches!(newest.tag("main", "").await, Err(Error::NameTaken { .. })));
    for name in ["", "12", "a/b", "a@b", "a\nb"] {
        let refused = newest.tag(name, "").await;
        assert!(matches!(refused, Err(Error::InvalidName { .. })), "{name:?}");
    }
    let missing = newest.at_name("t2").await;
    assert!(matches!(missing, Err(Error::NoSuchRef { .. })));
}

/// Thirty patched fragments and as many names as an entry holds do not fit together.
#[tokio::test]
async fn a_tail_that_is_too_large_for_its_entry_becomes_a_node() {
    let url = "mem://large-tail";
    // All names in the entry.
    let options = Options { inline_refs_bytes: usize::MAX, ..Options::default() };
    let mut dataset = Dataset::create(url, numbers(), options).await.unwrap();
    for i in 0..31 {
        dataset = append_numbers(&dataset, vec![i]).await.unwrap();
    }
    let ids: Vec<u64> = (0..31).collect();
    let values: arrow::array::ArrayRef =
        std::sync::Arc::new(arrow::array::Int64Array::from_iter_values((0..31).map(|i| -i)));
    let mut edit = dataset.edit().unwrap();
    edit.update(&ids, &super::batch(dataset.schema(), vec![values])).await.unwrap();
    let changed = edit.commit("all").await.unwrap();
    let store = lakebed_store::open(url).unwrap();
    // Names fill the entry until the tail has no room in it.
    let mut names = 0;
    loop {
        let tagged = changed.tag(&format!("tag-{names:0>100}"), "").await.unwrap();
        names += 1;
        let number = tagged.newest_version();
        let bytes = store.get(&Entry::key(number)).await.unwrap();
        if Entry::from_bytes(number, &bytes).unwrap().tree.tail.is_empty() {
            break;
        }
    }
    assert!(names > 10, "{names}");
    let cold = Dataset::open(url, Options::default()).await.unwrap();
    assert_eq!(cold.tags().len(), names);
    let more = append_numbers(&cold, vec![31]).await.unwrap();
    let expected: Vec<i64> = (0..31).map(|i| -i).chain([31]).collect();
    assert_eq!(read_numbers(&more).await, expected);
    assert!(more.diff(&changed).await.unwrap().changed.is_empty());
    assert!(more.verify(|_, _| ()).await.unwrap().damage.is_empty());
}

#[tokio::test]
async fn a_merge_without_the_common_version_says_what_can_be_done() {
    let url = "mem://parted";
    let dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    let parted = append_numbers(&dataset, vec![1, 2]).await.unwrap();
    let side = parted.branch("side", "").await.unwrap();
    let side = append_numbers(&side, vec![3]).await.unwrap();
    let dataset = append_numbers(&parted, vec![4]).await.unwrap();
    let dataset = dataset.expire(dataset.newest_version(), "").await.unwrap();
    let error = dataset.merge("side", Policy::Fail, "").await.unwrap_err();
    let said = error.to_string();
    let Error::AncestorExpired { from, version, .. } = error else { panic!("{said}") };
    assert_eq!((from.as_str(), version), ("side", parted.version()));
    for way in ["lakebed diff mem://parted side", "tag the version"] {
        assert!(said.contains(way), "{said}");
    }
    // Both are as they were, and so is what they have otherwise.
    assert_eq!(read_numbers(&dataset).await, [1, 2, 4]);
    let there = side.refresh().await.unwrap();
    assert_eq!(read_numbers(&there).await, [1, 2, 3]);
    assert_eq!(dataset.diff(&there).await.unwrap().added.len(), 1);
}

#[tokio::test]
async fn branches_that_can_no_longer_be_merged_are_known_before_versions_expire() {
    let url = "mem://parted-below";
    let dataset = Dataset::create(url, numbers(), Options::default()).await.unwrap();
    let first = append_numbers(&dataset, vec![1, 2]).await.unwrap();
    let side = append_numbers(&first.branch("side", "").await.unwrap(), vec![3]).await.unwrap();
    let begun = side.version();
    append_numbers(&side.branch("deep", "").await.unwrap(), vec![4]).await.unwrap();
    let side = append_numbers(&side, vec![5]).await.unwrap();
    let mut dataset = append_numbers(&first, vec![6]).await.unwrap();
    let second = dataset.refresh().await.unwrap();
    dataset.branch("late", "").await.unwrap();
    for number in 7..40 {
        dataset = append_numbers(&dataset, vec![number]).await.unwrap();
    }
    let newest = dataset.newest_version();
    assert_eq!(dataset.parted_below(first.version()).await.unwrap(), []);
    let pair = |version: u64, branch: &str, parent: &str, ends_there: Option<&str>| Parted {
        version,
        branch: branch.to_string(),
        parent: parent.to_string(),
        ends_there: ends_there.map(str::to_string),
    };
    let expected = [
        pair(first.version(), "deep", "main", None),
        pair(first.version(), "side", "main", None),
        pair(begun, "deep", "side", None),
        pair(second.version(), "late", "main", Some("late")),
    ];
    assert_eq!(dataset.parted_below(newest).await.unwrap(), expected);
    // Tags keep what a merge needs, through collections of garbage, and no more.
    first.tag("parted", "").await.unwrap();
    let lost = dataset.parted_below(newest).await.unwrap();
    assert_eq!(lost, expected[2..]);
    let mut dataset = dataset.expire(newest, "").await.unwrap();
    for _ in 0..3 {
        dataset = dataset.collect_garbage("", |_, _| ()).await.unwrap().0;
    }
    assert_eq!(dataset.parted_below(newest).await.unwrap(), expected[3..]);
    let error = side.refresh().await.unwrap().merge("deep", Policy::Fail, "").await.unwrap_err();
    assert!(matches!(error, Error::AncestorExpired { .. }), "{error}");
    let merged = dataset.merge("side", Policy::Fail, "").await.unwrap();
    let mut numbers = read_numbers(&merged).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..40).filter(|number| *number != 4).collect::<Vec<i64>>());
    assert!(merged.verify(|_, _| ()).await.unwrap().damage.is_empty());
}
