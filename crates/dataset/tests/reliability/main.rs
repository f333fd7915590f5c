//! What a dataset promises when things go wrong, and what its operations cost: damaged bytes,
//! failing requests, long histories, racing writers, S3.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::print_stdout, reason = "figures of a run")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod blocks;
mod budgets;
mod damage;
mod faults;
mod folding;
mod history;
mod pages;
mod purging;
mod repair;
mod s3;
#[path = "../../../../tests/support/s3.rs"]
mod server;
mod stalled;
mod transfers;
mod turns;
mod upsert;
mod version_budgets;
mod writers;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use lakebed_dataset::Dataset;
use lakebed_trials::bank;
use lakebed_trials::varied::append;
use lakebed_trials::varied::append_numbers;
use lakebed_trials::varied::batch;
use lakebed_trials::varied::numbers;
use lakebed_trials::varied::read;
use lakebed_trials::varied::read_all;
use lakebed_trials::varied::varied;
use lakebed_trials::varied::varied_rows;

/// All numbers of the column `x`, by position.
async fn read_numbers(dataset: &Dataset) -> Vec<i64> {
    let mut all = Vec::new();
    for batch in read(dataset, &["x"]).await.unwrap() {
        assert_eq!(batch.column(0).null_count(), 0);
        all.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
    }
    all
}
