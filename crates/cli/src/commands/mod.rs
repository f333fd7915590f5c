//! The commands, one a file.

mod branch;
mod compact;
mod demo;
mod diff;
mod execute;
mod expire;
mod explain;
mod export;
mod functions;
mod gc;
mod info;
mod ingest;
mod log;
mod materialize;
mod merge;
mod purge;
mod query;
mod revert;
mod stats;
mod tag;
mod verify;
mod view;

use std::io::Write;

use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;

use crate::error::Error;
use crate::error::Result;

pub use crate::commit_args::author;
pub use query::throttle;
pub use view::tell_not_kept;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw a small dataset and walk through a tour of queries
    Demo(demo::Demo),
    /// Import images with annotations, or a table, into a dataset
    Ingest(ingest::Ingest),
    /// Write a dataset, or the rows of a query, to a file or folder of another format
    Export(export::Export),
    /// Run a query in TQL or SQL
    Query(query::Query),
    /// Show columns, rows, shapes, sizes and statistics of a dataset
    Info(info::Info),
    /// Show what is known of a column and its chunks; only chunks that were changed are read
    Stats(stats::Stats),
    /// Show the commits of a dataset, the newest first
    Log(log::Log),
    /// Change rows: UPDATE, DELETE and INSERT in TQL or SQL, one commit
    Execute(execute::Execute),
    /// List branches, begin one or delete one
    Branch(branch::Branch),
    /// List tags, give a version a name or take it away
    Tag(tag::Tag),
    /// Save a query's rows under a name, list such views or delete one
    View(view::View),
    /// Copy the rows of a view to a dataset or branch of their own
    Materialize(materialize::Materialize),
    /// Show what differs between two versions
    Diff(diff::Diff),
    /// Take over what another branch has done
    Merge(merge::Merge),
    /// Make everything as it was at an older version, by a new commit
    Revert(revert::Revert),
    /// Join small fragments, and write those anew that were much changed
    Compact(compact::Compact),
    /// Give up older versions but for those with a name
    Expire(expire::Expire),
    /// Delete the bytes that no retained version uses
    Gc(gc::Gc),
    /// Delete rows so that no byte of them is left in any version
    Purge(purge::Purge),
    /// Show how a query will be run, or what running it cost
    Explain(explain::Explain),
    /// List the functions of TQL, or tell what one function or keyword does
    Functions(functions::Functions),
    /// Check every byte of a dataset against its checksum
    Verify(verify::Verify),
}

impl Command {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self {
            Command::Demo(demo) => demo.run(out).await,
            Command::Ingest(ingest) => ingest.run(out).await,
            Command::Export(export) => export.run(out).await,
            Command::Query(query) => query.run(out).await,
            Command::Info(info) => info.run(out).await,
            Command::Stats(stats) => stats.run(out).await,
            Command::Log(log) => log.run(out).await,
            Command::Execute(execute) => execute.run(out).await,
            Command::Branch(branch) => branch.run(out).await,
            Command::Tag(tag) => tag.run(out).await,
            Command::View(view) => view.run(out).await,
            Command::Materialize(materialize) => materialize.run(out).await,
            Command::Diff(diff) => diff.run(out).await,
            Command::Merge(merge) => merge.run(out).await,
            Command::Revert(revert) => revert.run(out).await,
            Command::Compact(compact) => compact.run(out).await,
            Command::Expire(expire) => expire.run(out).await,
            Command::Gc(gc) => gc.run(out).await,
            Command::Purge(purge) => purge.run(out).await,
            Command::Explain(explain) => explain.run(out).await,
            Command::Functions(functions) => functions.run(out),
            Command::Verify(verify) => verify.run(out).await,
        }
    }
}

/// A command as it stands on a line, for the prompt.
#[derive(Debug, Parser)]
#[command(name = "lakebed", disable_help_flag = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// The names of all commands.
pub fn names() -> Vec<String> {
    Line::command().get_subcommands().map(|command| command.get_name().to_string()).collect()
}

/// Runs a command with its arguments.
///
/// # Errors
/// Its own, or arguments that it does not take.
pub async fn run_line(arguments: &[&str], out: &mut dyn Write) -> Result<()> {
    let line = std::iter::once("lakebed").chain(arguments.iter().copied());
    let line = Line::try_parse_from(line).map_err(|error| {
        let text = error.to_string();
        Error::Refused {
            message: text.lines().next().unwrap_or_default().trim_start_matches("error: ").into(),
            hint: "\\? tells the arguments".to_string(),
        }
    })?;
    Box::pin(line.command.run(out)).await
}
