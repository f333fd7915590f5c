use std::panic::AssertUnwindSafe;
use std::panic::resume_unwind;
use std::sync::Arc;

use futures::FutureExt;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::OpenView;
use lakebed_dataset::Result;
use lakebed_dataset::ViewRows;
use lakebed_store::Fault;
use lakebed_store::Faulty;
use lakebed_store::Meter;
use lakebed_store::Operation;
use lakebed_store::Rule;

use super::all;
use super::columns;
use super::filled;
use super::options;
use super::rows;
use super::view;

async fn opened(url: &str, count: u64) -> OpenView {
    let dataset = filled(url, 90).await;
    let positions: Vec<u64> = (0..count).map(|i| i * 37 % 90).collect();
    let new = view(ViewRows::Positions(positions));
    dataset.save_view("mine", new, "").await.unwrap().view("mine").await.unwrap()
}

async fn check(view: &OpenView, copy: &Dataset) {
    let expected = view.take(0..view.len(), &columns(view.dataset())).await.unwrap();
    assert_eq!(all(copy).await, expected);
    assert_eq!(copy.source().unwrap().copied, view.len());
    assert!(copy.verify(|_, _| ()).await.unwrap().damage.is_empty());
}

/// Copies until so many rows were read, and is gone then; what it had begun to write is left as it
/// is. Says whether the copy ended before that.
async fn abandoned(view: &OpenView, url: &str, after: u64) -> Option<Result<Dataset>> {
    let copy = view.materialize_into(url, options(), move |done, _| {
        if done >= after {
            // No message, since nothing is wrong.
            resume_unwind(Box::new("stopped"));
        }
    });
    AssertUnwindSafe(copy).catch_unwind().await.ok()
}

#[tokio::test]
async fn a_copy_that_was_stopped_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let view = opened("mem://resume", 3000).await;
    let url = folder.path().join("copy");
    let url = url.to_str().unwrap();
    let (mut stopped, mut kept) = (0, Vec::new());
    for after in [1, 700, 1300, 2000, 2700] {
        if abandoned(&view, url, after).await.is_none() {
            stopped += 1;
        }
        let found = Dataset::open(url, options()).await.unwrap();
        kept.push(found.num_rows());
    }
    assert_eq!(stopped, 5);
    assert!(kept.is_sorted() && kept[0] < kept[4], "{kept:?}");
    let mut first = None;
    let copy = view
        .materialize_into(url, options(), |done, _| {
            first.get_or_insert(done);
        })
        .await
        .unwrap();
    assert!(first.unwrap() > kept[4], "it began again: {first:?} after {kept:?}");
    check(&view, &copy).await;
    println!("stopped {stopped} times, with {kept:?} rows committed");
}

#[tokio::test(start_paused = true)]
async fn whichever_request_fails_the_next_try_completes_the_copy() {
    let view = opened("mem://faults", 700).await;
    let operations =
        [Operation::Get, Operation::Create, Operation::Write, Operation::Finish, Operation::Put];
    let (mut failed, mut runs) = (0, 0);
    // Lost once, lost for ever; before it took place, after it did.
    for (forever, landed) in [(false, false), (false, true), (true, false), (true, true)] {
        for nth in 1.. {
            let name = format!("mem://faults-{forever}-{landed}-{nth}");
            let store = Arc::new(Faulty::new(lakebed_store::open(&name).unwrap()));
            let copy = || {
                let store = Arc::clone(&store) as Arc<dyn lakebed_store::Store>;
                view.materialize_in(&name, store, Arc::new(Meter::default()), options(), |_, _| {})
            };
            let rule = Rule::new(&operations, Fault::Lost);
            let rule = if landed { rule.after_landing() } else { rule };
            store.fail(if forever { rule.from_nth(nth) } else { rule.nth(nth) });
            let result = copy().await;
            let struck = store.struck();
            store.heal();
            runs += 1;
            let done = match result {
                Ok(done) => done,
                Err(error) => {
                    failed += 1;
                    assert!(
                        matches!(error, Error::Store(_) | Error::CommitUnknown { .. }),
                        "{nth}: {error}"
                    );
                    copy().await.unwrap()
                }
            };
            check(&view, &done).await;
            if struck == 0 {
                break;
            }
        }
    }
    assert!(failed > 10, "{failed}");
    println!("{runs} copies, of which {failed} failed: all were completed");
}

#[tokio::test]
async fn two_that_copy_at_once_make_one_copy() {
    let view = opened("mem://twice", 2000).await;
    let copy = || view.materialize_into("mem://twice-copy", options(), |_, _| {});
    let (a, b) = tokio::join!(copy(), copy());
    check(&view, &a.unwrap()).await;
    check(&view, &b.unwrap()).await;
}

#[tokio::test]
async fn other_datasets_are_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let view = opened("mem://other", 3000).await;
    let refused = async |url: &str, says: &str| {
        let before = Dataset::open(url, options()).await.unwrap();
        let error = view.materialize_into(url, options(), |_, _| panic!()).await.unwrap_err();
        assert!(matches!(error, Error::OtherLineage { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(before.refresh().await.unwrap().version(), before.version());
    };
    filled("mem://other-plain", 9).await;
    refused("mem://other-plain", "no copy").await;
    refused("mem://other", "no copy").await;
    // Another view of the same dataset.
    let new = super::view(ViewRows::Positions(vec![1]));
    let dataset = view.dataset().save_view("one", new, "").await.unwrap();
    let one = dataset.view("one").await.unwrap();
    one.materialize_into("mem://other-view", options(), |_, _| {}).await.unwrap();
    refused("mem://other-view", "view 'one'").await;
    // A copy that somebody added rows to, or deleted rows from, before it was complete.
    for change in ["add", "delete", "both"] {
        let url = folder.path().join(change).to_str().unwrap().to_string();
        assert!(abandoned(&view, &url, 2000).await.is_none());
        let mut part = Dataset::open(&url, options()).await.unwrap();
        assert!(part.num_rows() > 0 && part.num_rows() < 3000);
        if change != "add" {
            part = part.delete(&[0], "").await.unwrap();
        }
        if change != "delete" {
            let mut writer = part.append().unwrap();
            writer.write(&rows(part.schema(), 0..1)).await.unwrap();
            writer.commit("").await.unwrap();
        }
        refused(&url, "was changed").await;
    }
    // The same view under another name is the same source.
    let row_ids = view.row_ids().to_vec();
    let new = super::view(ViewRows::Ids(row_ids));
    let dataset = view.dataset().save_view("renamed", new, "").await.unwrap();
    let url = folder.path().join("renamed").to_str().unwrap().to_string();
    assert!(abandoned(&view, &url, 1000).await.is_none());
    let renamed = dataset.view("renamed").await.unwrap();
    let copy = renamed.materialize_into(&url, options(), |_, _| {}).await.unwrap();
    check(&renamed, &copy).await;
}
