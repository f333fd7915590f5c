use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::NewView;
use lakebed_dataset::ViewRows;

use super::columns;
use super::filled;
use super::ids;
use super::options;
use super::view;

#[tokio::test]
async fn a_view_comes_back_with_its_order_repeats_and_weights() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("ds");
    let url = url.to_str().unwrap();
    let dataset = filled(url, 30).await;
    let positions = vec![29, 3, 3, 0, 17, 3];
    let weights = vec![0.0, 1.5, 1e-300, 2.0, 3.0, 4.0];
    let new =
        NewView { weights: Some(weights.clone()), ..view(ViewRows::Positions(positions.clone())) };
    let saved = dataset.save_view("mine", new, "a view").await.unwrap();
    assert_eq!((saved.version(), saved.num_rows()), (4, 30));
    assert_eq!(saved.views()["mine"].version, 3);
    // Rows that go later do not matter: the view is of version 3.
    saved.delete(&[3, 0], "gone").await.unwrap();

    let again = Dataset::open(url, options()).await.unwrap();
    assert_eq!(again.views().keys().collect::<Vec<_>>(), ["mine"]);
    assert_eq!(again.views()["mine"].rows, 6);
    let opened = again.view("mine").await.unwrap();
    assert_eq!((opened.version(), opened.len(), opened.seed()), (3, 6, Some(42)));
    assert_eq!(opened.query(), "SELECT * FROM ds WHERE id > ? ORDER BY RANDOM()");
    assert_eq!(opened.parameters(), &serde_json::json!([3]));
    assert_eq!(opened.weights(), Some(weights.as_slice()));
    assert_eq!(opened.positions().await.unwrap(), positions);
    assert_eq!(opened.dataset().num_rows(), 30);
    let batch = opened.take(1..6, &columns(opened.dataset())).await.unwrap();
    assert_eq!(ids(&batch), [3, 3, 0, 17, 3]);
    assert!(matches!(opened.take(5..7, &[]).await, Err(Error::SchemaMismatch { .. })));
    // A handle from before finds it too, and its name opens the version.
    assert_eq!(dataset.view("mine").await.unwrap().len(), 6);
    assert_eq!(again.at_name("mine").await.unwrap().version(), 3);
    assert!(again.verify(|_, _| ()).await.unwrap().damage.is_empty());
}

#[tokio::test]
async fn row_ids_mean_rows_wherever_they_lie() {
    let dataset = filled("mem://view-ids", 30).await;
    let dataset = dataset.delete(&[0, 1, 2, 11], "some").await.unwrap();
    let by_id = dataset.save_view("by-id", view(ViewRows::Ids(vec![29, 12, 3, 12])), "");
    let dataset = by_id.await.unwrap();
    let opened = dataset.view("by-id").await.unwrap();
    assert_eq!(opened.positions().await.unwrap(), [25, 8, 0, 8]);
    assert_eq!(opened.row_ids(), [29, 12, 3, 12]);
    let gone = dataset.save_view("gone", view(ViewRows::Ids(vec![29, 11, 1])), "");
    assert!(matches!(gone.await, Err(Error::NoSuchRow { row_id: 11, more: 1 })));
    let behind = dataset.save_view("behind", view(ViewRows::Positions(vec![0, 26])), "");
    assert!(behind.await.is_err());
    let none = dataset.save_view("none", view(ViewRows::Positions(Vec::new())), "").await;
    let none = none.unwrap().view("none").await.unwrap();
    assert!(none.is_empty() && none.positions().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_a_view_is_refused() {
    let dataset = filled("mem://view-refused", 9).await;
    let some = || view(ViewRows::Positions(vec![1, 2]));
    for name in ["", "12", "a/b", "a@b"] {
        let result = dataset.save_view(name, some(), "").await;
        assert!(matches!(result, Err(Error::InvalidName { .. })), "{name}");
    }
    for weights in [vec![1.0], vec![1.0, f64::NAN], vec![1.0, -0.5]] {
        let new = NewView { weights: Some(weights.clone()), ..some() };
        let result = dataset.save_view("weights", new, "").await;
        assert!(matches!(result, Err(Error::InvalidView { .. })), "{weights:?}");
    }
    let dataset = dataset.tag("taken", "").await.unwrap();
    let dataset = dataset.save_view("first", some(), "").await.unwrap();
    for name in ["taken", "first", "main"] {
        let result = dataset.save_view(name, some(), "").await;
        assert!(matches!(result, Err(Error::NameTaken { .. })), "{name}");
    }
    assert!(matches!(dataset.tag("first", "").await, Err(Error::NameTaken { version: 4, .. })));
    assert!(matches!(dataset.view("other").await, Err(Error::NoSuchRef { .. })));
    assert_eq!(dataset.views().len(), 1);
}

#[tokio::test]
async fn of_two_that_save_one_name_one_wins() {
    let dataset = filled("mem://view-race", 9).await;
    let save = |rows| dataset.save_view("same", view(ViewRows::Positions(rows)), "");
    let (a, b) = tokio::join!(save(vec![1]), save(vec![2]));
    let refused = [&a, &b].iter().filter(|r| matches!(r, Err(Error::NameTaken { .. }))).count();
    assert_eq!((a.is_ok() || b.is_ok(), refused), (true, 1));
}

#[tokio::test]
async fn a_live_view_keeps_its_version_and_a_deleted_one_gives_it_up() {
    let dataset = filled("mem://view-expiry", 30).await;
    let positions = vec![28, 4, 4];
    let new = view(ViewRows::Positions(positions.clone()));
    let mut dataset = dataset.save_view("kept", new, "").await.unwrap();
    let everything: Vec<u64> = (0..30).collect();
    dataset = dataset.delete(&everything, "all").await.unwrap();
    dataset = dataset.expire(dataset.version(), "old ones").await.unwrap();
    for _ in 0..3 {
        (dataset, _) = dataset.collect_garbage("", |_, _| {}).await.unwrap();
    }
    let dataset = Dataset::open("mem://view-expiry", options()).await.unwrap();
    let opened = dataset.view("kept").await.unwrap();
    let batch = opened.take(0..3, &columns(opened.dataset())).await.unwrap();
    assert_eq!(ids(&batch), [28, 4, 4]);
    assert!(matches!(dataset.at(2).await, Err(Error::VersionExpired { .. })));
    // A view cannot be of a version that was given up.
    let old = opened.dataset().clone();
    let mut dataset = dataset.delete_ref("kept", "no longer").await.unwrap();
    let late = old.save_view("late", view(ViewRows::Positions(vec![1])), "").await;
    assert!(matches!(late, Err(Error::VersionExpired { version: 3, .. })), "{late:?}");
    for _ in 0..3 {
        (dataset, _) = dataset.collect_garbage("", |_, _| {}).await.unwrap();
    }
    assert!(matches!(dataset.view("kept").await, Err(Error::NoSuchRef { .. })));
    let branch = opened.materialize_branch("late", "", |_, _| {}).await;
    assert!(branch.is_err());
    assert!(dataset.verify(|_, _| ()).await.unwrap().damage.is_empty());
}

#[tokio::test]
async fn every_damaged_byte_of_a_view_is_found() {
    let store = lakebed_store::open("mem://view-damage").unwrap();
    let dataset = filled("mem://view-damage", 6).await;
    let new = NewView { weights: Some(vec![1.0; 3]), ..view(ViewRows::Positions(vec![5, 0, 5])) };
    let dataset = dataset.save_view("v", new, "").await.unwrap();
    let region = dataset.views()["v"].region;
    let key = region.object.key("meta");
    let whole = store.get(&key).await.unwrap();
    let mut found = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x10;
        store.put(&key, bytes.into()).await.unwrap();
        let error = dataset.view("v").await.unwrap_err();
        assert!(error.is_damage(), "byte {at}: {error}");
        store.put(&key, whole.slice(..at)).await.unwrap();
        let error = dataset.view("v").await.unwrap_err();
        assert!(error.is_damage(), "cut at {at}: {error}");
        found += 2;
    }
    let report = dataset.verify(|_, _| ()).await.unwrap();
    assert_eq!(report.damage.len(), 1, "{:?}", report.damage);
    store.put(&key, whole).await.unwrap();
    assert_eq!(dataset.view("v").await.unwrap().len(), 3);
    println!("a view: {found} damages, all found");
}
