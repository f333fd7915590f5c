//! What reading little is worth: every kind of work that tensors bring, three ways, in one run and
//! one process. `cargo bench --bench read_little`, with `-- --json FILE`, `-- --quick` or
//! `-- NAME ...` for the works whose names hold NAME.
//!
//! The three ways are Lakebed through its public API, DataFusion over well-written Parquet, and a
//! floor: a plain program in Rust over the same bytes on one thread. Their answers are compared
//! outside the clock; a difference stops the benchmark. Planning is reported beside execution, not
//! in it. Everything is read from the page cache, except where a store is made slow on purpose.
//!
//! Read first: `way` (one way and its answer), `bench` (how they are measured), then any of `work`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a benchmark stops at the first thing that goes wrong"
)]

mod bench;
mod data;
mod floor;
mod ours;
mod parquet;
mod report;
#[path = "../support/mod.rs"]
mod support;
mod way;
mod work;

use bench::Bench;
use support::arguments::Arguments;
use support::figures;
use support::figures::Figure;

/// As in the program, for all three ways.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if work::memory::is_child() {
        return work::memory::child();
    }
    let arguments = Arguments::of_process();
    let scratch = tempfile::tempdir().unwrap();
    println!("cores: {}", std::thread::available_parallelism().unwrap());
    println!("Lakebed: 2 partitions, default options");
    println!("{}", parquet::SETTINGS);
    println!("floor: one thread, plain loops and preads; see the line of each work");
    let mut bench = Bench::new(arguments, scratch.path());
    for run in work::ALL {
        run(&mut bench);
    }
    println!("\n{}\n\n{}", report::table(&bench.outcomes), report::verdicts(&bench.outcomes));
    if let Some(file) = &bench.arguments.json {
        let figures: Vec<Figure> =
            bench.outcomes.iter().flat_map(|outcome| outcome.figures.clone()).collect();
        figures::write(file, "read_little", &figures);
    }
}
