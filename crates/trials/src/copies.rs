//! A view of a [`crate::bank`], and its copies: as another dataset and as a branch.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Language;
use lakebed_dataset::NewView;
use lakebed_dataset::OpenView;
use lakebed_dataset::Options;
use lakebed_dataset::Result;
use lakebed_dataset::ViewRows;
use lakebed_store::Store;

use crate::attempt::Works;
use crate::bank;

/// The view, and with `-branch` the branch that is its copy.
pub const NAME: &str = "picked";
/// The branch.
pub const BRANCH: &str = "picked-branch";

/// Where the copy of a dataset's view is.
pub fn url(of: &str) -> String {
    format!("{of}-copy")
}

/// Small packs, so that a copy takes several commits.
pub fn options() -> Options {
    Options { chunk_bytes: 256, buffer_bytes: 512, pack_bytes: 512, ..Options::default() }
}

/// Saves a view of every row in another order.
pub async fn save_view(dataset: &Dataset) -> Result<Dataset> {
    let rows = dataset.num_rows();
    // Every third row, then those after them, and so on.
    let positions = (0..3).flat_map(|first| (first..rows).step_by(3)).collect();
    let view = NewView {
        language: Language::Tql,
        query: "SELECT * FROM bank ORDER BY RANDOM()".to_string(),
        parameters: serde_json::Value::Null,
        seed: Some(1),
        rows: ViewRows::Positions(positions),
        weights: None,
    };
    dataset.save_view(NAME, view, "").await
}

/// Copies the view into a dataset in `store`.
pub async fn materialize(dataset: &Dataset, store: Arc<dyn Store>) -> Result<Dataset> {
    let view = dataset.view(NAME).await?;
    let url = url(dataset.url());
    view.materialize_in(&url, store, Arc::default(), options(), |_, _| ()).await
}

/// Copies the view into a branch.
pub async fn materialize_branch(dataset: &Dataset) -> Result<Dataset> {
    dataset.view(NAME).await?.materialize_branch(BRANCH, "", |_, _| ()).await
}

/// Checks a copy in `store`, if one was begun: it has the first rows of the view, and all of them
/// if it is said to be complete. Says how many.
pub async fn check(of: &Dataset, store: Arc<dyn Store>, complete: bool, context: &str) -> u64 {
    let url = url(of.url());
    let copy = match Dataset::open_in(&url, store, Arc::default(), options()).await {
        Err(Error::NotADataset { .. }) if !complete => return 0,
        opened => opened.works(),
    };
    let source = copy.source().unwrap().clone();
    assert_eq!(source.copied, copy.num_rows(), "{context}");
    assert!(!complete || source.copied == source.rows, "{context}: {source:?}");
    let view = of.view(NAME).await.works();
    assert_eq!(order(&copy).await, order_of(&view, source.copied).await, "{context}");
    // Balances and seals.
    bank::check(&copy, context).await;
    source.copied
}

/// Checks the branch, if it is there.
pub async fn check_branch(dataset: &Dataset, context: &str) {
    if !dataset.branches().contains_key(BRANCH) {
        return;
    }
    let branch = dataset.at_name(BRANCH).await.works();
    let view = dataset.view(NAME).await.works();
    assert_eq!(order(&branch).await, order_of(&view, view.len()).await, "{context}");
}

async fn order(dataset: &Dataset) -> Vec<i64> {
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let batch = dataset.take(&positions, &bank::whole(dataset, &["account"]).works()).await.works();
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

async fn order_of(view: &OpenView, rows: u64) -> Vec<i64> {
    let columns = bank::whole(view.dataset(), &["account"]).works();
    let batch = view.take(0..rows, &columns).await.works();
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}
