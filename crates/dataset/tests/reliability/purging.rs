//! After a purge no object holds a byte pattern of the purged rows.

use std::collections::BTreeMap;

use lakebed_dataset::Compaction;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Policy;

use crate::bank;
use crate::bank::Changes;
use crate::bank::append;
use crate::bank::edit;

async fn new(url: &str) -> Dataset {
    Dataset::create(url, bank::schema(), bank::options()).await.unwrap()
}

fn some(range: std::ops::Range<i64>) -> Vec<(i64, i64)> {
    range.map(|n| (n, n * 10)).collect()
}

fn set(accounts: &[(i64, i64)]) -> Changes<'_> {
    Changes { set: accounts, ..Changes::default() }
}

/// How many objects hold the bytes of an account with a balance.
async fn holders(dataset: &Dataset, account: i64, balance: i64) -> usize {
    let store = lakebed_store::open(dataset.url()).unwrap();
    let pattern = bank::seal(account, balance);
    let mut holders = 0;
    for object in store.list("").await.unwrap() {
        let bytes = store.get(&object.key).await.unwrap();
        holders += usize::from(bytes.windows(pattern.len()).any(|window| window == pattern));
    }
    holders
}

async fn ids(dataset: &Dataset, accounts: &[i64]) -> Vec<u64> {
    let known = bank::row_ids(dataset).await.unwrap();
    accounts.iter().map(|account| known[account]).collect()
}

/// Every value that these accounts ever had is gone, every newest value of the others is there.
async fn check(dataset: &Dataset, gone: &[(i64, i64)], context: &str) {
    for (account, balance) in gone {
        let holders = holders(dataset, *account, *balance).await;
        assert_eq!(holders, 0, "{context}: account {account} with {balance}");
    }
    let accounts = bank::check(dataset, context).await;
    for (account, balance) in &accounts {
        assert!(holders(dataset, *account, *balance).await > 0, "{context}: {account}");
    }
    let again = append(dataset, &[(9000, 9)]).await.unwrap();
    assert_eq!(again.num_rows(), accounts.len() as u64 + 1, "{context}");
}

#[tokio::test]
async fn rows_on_two_branches_under_tags_and_in_shared_packs_leave_no_byte() {
    let dataset = append(&new("mem://purge").await, &some(0..40)).await.unwrap();
    let dataset = append(&dataset, &some(40..60)).await.unwrap();
    // One pack of new values that rows of two fragments share, one that only one uses.
    let shared = [(1, -1), (2, -2), (41, -41), (42, -42)];
    let dataset = edit(&dataset, set(&shared)).await.unwrap();
    let dataset = edit(&dataset, set(&[(1, -11), (50, -50)])).await.unwrap();
    let tagged = dataset.tag("holds", "").await.unwrap();
    let side = dataset.branch("side", "").await.unwrap();
    let side = edit(&side, set(&[(1, -111), (43, -43)])).await.unwrap();
    append(&side, &some(100..105)).await.unwrap();
    let main = tagged.refresh().await.unwrap();
    let main = edit(&main, set(&[(41, -411), (3, -3)])).await.unwrap();
    let doomed = ids(&main, &[1, 41, 7]).await;
    let main = main.delete(&doomed, "a tag of what does not hold them").await.unwrap();
    let main = main.compact(&bank::compaction(), "", |_, _| ()).await.unwrap();
    main.tag("clean", "").await.unwrap();

    let (purged, report) = main.purge(&doomed, "the right to be forgotten").await.unwrap();
    assert_eq!(report.rows, [("side".to_string(), 3)], "{report:?}");
    assert_eq!(report.names, ["holds"], "{report:?}");
    let gone = [(1, 10), (1, -1), (1, -11), (1, -111), (41, 410), (41, -41), (41, -411), (7, 70)];
    check(&purged, &gone, "main").await;
    let side = purged.at_name("side").await.unwrap();
    assert_eq!(side.num_rows(), 60 - 3 + 5);
    check(&side, &gone, "side").await;
    let clean = purged.at_name("clean").await.unwrap();
    assert_eq!(clean.num_rows(), 57);
    assert!(matches!(purged.at_name("holds").await, Err(Error::NoSuchRef { .. })));
    let expired = tagged.at(tagged.version()).await.unwrap();
    let read = bank::accounts(&expired).await;
    assert!(!matches!(&read, Err(error) if error.is_damage()), "{read:?}");
}

#[tokio::test]
async fn a_value_that_only_a_neighbour_keeps_alive_is_purged() {
    // Rows 1 and 41 get new values in one pack. Row 1 is deleted and its fragment compacted: from
    // here on only row 41 keeps the pack, and with it the value of row 1.
    for kept in [true, false] {
        let url = format!("mem://neighbour-{kept}");
        let dataset = append(&new(&url).await, &some(0..40)).await.unwrap();
        let dataset = append(&dataset, &some(40..80)).await.unwrap();
        let dataset = edit(&dataset, set(&[(1, -1), (41, -41)])).await.unwrap();
        let doomed = ids(&dataset, &[1]).await;
        let delete: Vec<i64> = (0..20).collect();
        let changes = Changes { delete: &delete, ..Changes::default() };
        let dataset = edit(&dataset, changes).await.unwrap();
        let worn = Compaction { small_bytes: 0, ..Compaction::default() };
        let dataset = dataset.compact(&worn, "", |_, _| ()).await.unwrap();
        let dataset = dataset.tag("after", "").await.unwrap();
        let mut dataset = dataset.refresh().await.unwrap();
        if !kept {
            // Who wrote the pack is not known any more.
            let below = dataset.newest_version();
            dataset = dataset.expire(below, "").await.unwrap();
            dataset = dataset.collect_garbage("", |_, _| ()).await.unwrap().0;
        }
        assert!(holders(&dataset, 1, -1).await > 0, "the test is about something");
        let (dataset, report) = dataset.purge(&doomed, "").await.unwrap();
        assert_eq!(report.names, ["after"]);
        check(&dataset, &[(1, 10), (1, -1)], &url).await;
    }
}

#[tokio::test]
async fn a_tag_of_a_version_without_the_rows_survives_a_purge_of_others() {
    let dataset = append(&new("mem://purge-other").await, &some(0..40)).await.unwrap();
    let dataset = edit(&dataset, set(&[(1, -1), (2, -2)])).await.unwrap();
    let early = dataset.tag("early", "").await.unwrap();
    let late = append(&early.refresh().await.unwrap(), &some(40..50)).await.unwrap();
    let doomed = ids(&late, &[45]).await;
    let (dataset, report) = late.purge(&doomed, "").await.unwrap();
    assert!(report.names.is_empty(), "{report:?}");
    check(&dataset, &[(45, 450)], "other").await;
    assert_eq!(dataset.at_name("early").await.unwrap().num_rows(), 40);
}

#[tokio::test]
async fn rows_that_a_merge_took_over_are_purged_with_their_new_values() {
    let dataset = append(&new("mem://purge-merged").await, &some(0..40)).await.unwrap();
    let side = dataset.branch("side", "").await.unwrap();
    let side = append(&side, &some(100..110)).await.unwrap();
    let side = edit(&side, set(&[(100, -100), (101, -101), (5, -5)])).await.unwrap();
    let main = edit(&dataset.refresh().await.unwrap(), set(&[(6, -6), (7, -7)])).await.unwrap();
    let main = main.merge("side", Policy::Fail, "").await.unwrap();
    side.at_name("side").await.unwrap();
    let doomed = ids(&main, &[100, 5, 6]).await;
    let (dataset, report) = main.purge(&doomed, "").await.unwrap();
    let rows: BTreeMap<String, u64> = report.rows.iter().cloned().collect();
    assert_eq!(rows, BTreeMap::from([("main".to_string(), 3), ("side".to_string(), 3)]));
    let gone = [(100, 1000), (100, -100), (5, 50), (5, -5), (6, 60), (6, -6)];
    check(&dataset, &gone, "main").await;
    check(&dataset.at_name("side").await.unwrap(), &gone, "side").await;
}

#[tokio::test]
async fn rows_come_back_by_no_commit_that_was_on_its_way() {
    let dataset = append(&new("mem://purge-race").await, &some(0..40)).await.unwrap();
    let doomed = ids(&dataset, &[3]).await;
    // A writer that has the values in a pack of its own, another that holds an old snapshot.
    let mut late = dataset.append().unwrap();
    late.write(&bank::rows(&dataset, &["account", "balance", "seal"], &[(99, 1)])).await.unwrap();
    let old = dataset.clone();
    let (purged, _) = dataset.purge(&doomed, "").await.unwrap();
    assert!(matches!(late.commit("").await, Err(Error::Fenced { prepared: 2 })));
    let error = old.revert(old.version(), "").await.unwrap_err();
    assert!(matches!(error, Error::VersionExpired { .. }), "{error}");
    let error = old.tag("back", "").await.unwrap_err();
    assert!(matches!(error, Error::VersionExpired { .. }), "{error}");
    let error = bank::accounts(&old).await.unwrap_err();
    assert!(matches!(error, Error::VersionExpired { .. }), "{error}");
    check(&purged, &[(3, 30)], "race").await;
}

#[tokio::test]
async fn rows_of_folded_fragments_are_purged_from_the_packs_behind_them() {
    let mut dataset = new("mem://purge-folded").await;
    for nth in 0..12 {
        dataset = append(&dataset, &some(nth * 10..nth * 10 + 10)).await.unwrap();
    }
    let dataset = edit(&dataset, set(&[(25, -25), (26, -26), (95, -95)])).await.unwrap();
    let side = dataset.branch("side", "").await.unwrap();
    let side = append(&side, &some(200..203)).await.unwrap();
    side.fold(&bank::folding(), "", |_, _| ()).await.unwrap();
    let main = dataset.refresh().await.unwrap();
    let main = main.fold(&bank::folding(), "", |_, _| ()).await.unwrap();
    assert_eq!(main.fragments().await.unwrap().len(), 1);
    let doomed = ids(&main, &[25, 70]).await;
    let (dataset, _) = main.purge(&doomed, "").await.unwrap();
    let gone = [(25, 250), (25, -25), (70, 700)];
    check(&dataset, &gone, "main").await;
    check(&dataset.at_name("side").await.unwrap(), &gone, "side").await;
    assert_eq!(dataset.num_rows(), 118);
}
