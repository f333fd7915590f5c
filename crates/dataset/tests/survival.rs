//! The trials of `lakebed-trials` in small: nothing is lost. The example `survive` does the same at
//! length.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::print_stdout, reason = "figures of a run")]

use lakebed_trials::Figures;
use lakebed_trials::Scale;
use lakebed_trials::bank::OPS;
use lakebed_trials::bank::Op;
use lakebed_trials::costs;
use lakebed_trials::damage;
use lakebed_trials::faults;
use lakebed_trials::fuzz;
use lakebed_trials::kill;
use lakebed_trials::kill::Often;
use lakebed_trials::order;
use lakebed_trials::order::Omission;
use lakebed_trials::process;
use lakebed_trials::process::Program;
use lakebed_trials::writers;

/// This program as a child of a trial.
const PROGRAM: Program =
    Program(&["--exact", "child_of_a_trial", "--nocapture", "--test-threads=1"]);

/// Not a test: what the processes of a trial run.
#[test]
fn child_of_a_trial() {
    process::child();
}

fn hold(figures: &Figures) {
    println!("{figures}");
    assert!(figures.tried > 0 && figures.all_well(), "{figures}");
}

#[test]
fn commits_of_many_processes_on_disk_are_all_there_once() {
    hold(&writers::on_disk(Scale::Short, PROGRAM));
}

#[test]
fn commits_of_many_processes_over_s3_are_all_there_once() {
    hold(&writers::on_s3(Scale::Short, PROGRAM));
}

#[tokio::test]
async fn operations_cost_no_more_after_a_long_history() {
    hold(&costs::run(Scale::Short).await);
}

#[test]
fn made_up_bytes_are_answered_without_a_panic_in_little_memory() {
    hold(&fuzz::run(Scale::Short, PROGRAM));
}

#[tokio::test]
async fn a_power_cut_at_any_moment_loses_nothing_that_was_told() {
    hold(&order::run(Scale::Short).await);
}

#[tokio::test]
async fn a_power_cut_would_show_that_a_sync_is_missing() {
    for omission in [Omission::FileSync, Omission::FolderSync] {
        let figures = order::without(omission).await;
        println!("without {omission:?}: {figures}");
        assert!(figures.lost + figures.unopenable + figures.panics > 0, "{omission:?}: {figures}");
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_told_and_the_next_one_writes_on() {
    hold(&kill::random(PROGRAM, 20));
}

#[test]
fn whichever_step_is_the_last_of_a_process_the_dataset_is_as_before_or_after() {
    // What the other operations are made of.
    let ops = [Op::Edit, Op::Collect, Op::Materialize];
    for figures in kill::steps(PROGRAM, &ops, Often { least: 1, most: 2, quiet: false }) {
        hold(&figures);
    }
}

#[test]
fn whichever_request_of_an_operation_fails_the_dataset_is_as_before_or_after() {
    hold(&faults::operations(&OPS, 19));
    // Its reads are of every kind.
    hold(&faults::answered(&[Op::Merge], 1));
}

#[test]
fn whichever_request_fails_rows_of_every_layout_are_there_or_not() {
    hold(&faults::layouts());
}

#[test]
fn every_flipped_byte_is_found_and_none_is_read() {
    hold(&damage::flips(97));
}

#[test]
fn truncated_lengthened_and_missing_objects_are_found() {
    hold(&damage::truncations(211));
}

#[test]
fn swapped_objects_are_found() {
    hold(&damage::swaps(11));
}
