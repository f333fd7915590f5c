//! The command `lakebed`: a demo, ingestion, queries, a prompt, and looking after datasets.
//!
//! This crate parses arguments and shows results. It holds no logic that somebody who uses the
//! library would want: that belongs to the crates behind the facade.
//!
//! Read first: `commands/mod.rs` (the commands, one a file), `rows.rs` (results as a table, JSON or
//! CSV), `repl/mod.rs` (the prompt), `error.rs` (what a person sees when something is wrong).

// Comments on arguments are the program's help, where a bracket is a bracket.
#![allow(rustdoc::broken_intra_doc_links)]

mod commands;
mod commit_args;
mod error;
mod export;
mod names;
mod repl;
mod rows;
mod table;
mod target;
mod units;

use std::io::BufWriter;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use lakebed::core::nearest::nearest;
use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;

use crate::commands::Command;
use crate::error::Error;
use crate::error::Result;
use crate::repl::Prompt;

/// A scan passes buffers of megabytes between threads. glibc's allocator keeps them for each thread
/// that ever freed one, which takes three times the memory that is in use; this one gives them back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Threads of the prompt for each core.
const SPARE_THREADS: usize = 4;

const EXAMPLES: &str = r#"Examples:
  lakebed demo                                  a tour on drawn pictures; needs no data
  lakebed ingest photos/ photos.lakebed         a folder of images, COCO, Parquet, CSV and so on
  lakebed export photos.lakebed photos.parquet  a file of another format
  lakebed query photos.lakebed "SELECT images, labels WHERE labels == 'cat' LIMIT 5"
  lakebed query photos.lakebed "SELECT labels, COUNT(*) AS n GROUP BY labels"
  lakebed query --sql "SELECT count(*) FROM \"photos.lakebed@1\""
  lakebed query --format json "SELECT SHAPE(images) AS s FROM \"photos.lakebed\""
  lakebed explain --analyze photos.lakebed "SELECT images[0:8, 0:8] AS corner LIMIT 10"
  lakebed info photos.lakebed@1
  lakebed photos.lakebed                        a prompt; \? lists its commands
  lakebed photos.lakebed -c "SELECT COUNT(*)" -c "\log"

A dataset is a path, file:///path or s3://bucket/prefix; @3 behind it is its version 3.
Exit code: 0 all went well, 1 an error or damage, 2 wrong use."#;

/// Versioned datasets of tensors, queried in TQL and SQL.
#[derive(Debug, Parser)]
#[command(name = "lakebed", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_precedence_over_arg = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    prompt: Prompt,
    /// Tell on stderr what is being done; RUST_LOG chooses more finely.
    #[arg(short, long, global = true)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // There is nobody to tell if this fails.
            let _ = match mistyped(&error) {
                Some(message) => writeln!(std::io::stderr(), "{message}"),
                None => error.print(),
            };
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    trace(arguments.verbose);
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough: `lakebed ... | head`.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", error.report());
            ExitCode::from(error.exit_code())
        }
    }
}

/// What is said of a first word that was meant to be a command: to the parser it is a dataset, and
/// what follows it is wrong.
fn mistyped(error: &clap::Error) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
        return None;
    }
    let first = std::env::args().skip(1).find(|argument| !argument.starts_with('-'))?;
    let names = commands::names();
    if names.contains(&first) || std::path::Path::new(&first).exists() {
        return None;
    }
    let near = nearest(&first, names.iter().map(String::as_str))?;
    Some(format!(
        "error: there is no command '{first}'\nhint: did you mean '{near}'? lakebed help lists them all"
    ))
}

fn run(arguments: Arguments) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if arguments.command.is_none() {
        // A join that finds nothing holds its thread until it has tried everything. What comes after
        // it at the prompt, once it was stopped, needs other threads.
        let cores = std::thread::available_parallelism().map_or(4, usize::from);
        runtime.worker_threads(SPARE_THREADS * cores);
    }
    let runtime = runtime.enable_all().build().map_err(Error::Runtime)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let result = runtime.block_on(async {
        match arguments.command {
            Some(command) => command.run(&mut out).await,
            None => arguments.prompt.run(&mut out).await,
        }
    });
    // What was found before an error is shown before the error.
    let flushed = out.flush().map_err(Error::Output);
    // Reads whose rows nobody wants any more must not keep the program alive.
    runtime.shutdown_background();
    result.and(flushed)
}

fn trace(verbose: bool) {
    let chosen = std::env::var("RUST_LOG").ok().filter(|chosen| !chosen.is_empty());
    let filter = match (chosen, verbose) {
        (Some(chosen), _) => EnvFilter::new(chosen),
        (None, true) => EnvFilter::new("lakebed=debug"),
        (None, false) => return,
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
