//! The commands, one a file.

mod demo;
mod explain;
mod info;
mod ingest;
mod log;
mod query;
mod verify;

use std::io::Write;

use clap::Subcommand;

use crate::error::Result;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw a small dataset and walk through a tour of queries
    Demo(demo::Demo),
    /// Import a folder of images into a dataset
    Ingest(ingest::Ingest),
    /// Run a query in TQL or SQL
    Query(query::Query),
    /// Show columns, rows, shapes, sizes and statistics of a dataset
    Info(info::Info),
    /// Show the commits of a dataset, the newest first
    Log(log::Log),
    /// Show how a query will be run, or what running it cost
    Explain(explain::Explain),
    /// Check every byte of a dataset against its checksum
    Verify(verify::Verify),
}

impl Command {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        match self {
            Command::Demo(demo) => demo.run(out).await,
            Command::Ingest(ingest) => ingest.run(out).await,
            Command::Query(query) => query.run(out).await,
            Command::Info(info) => info.run(out).await,
            Command::Log(log) => log.run(out).await,
            Command::Explain(explain) => explain.run(out).await,
            Command::Verify(verify) => verify.run(out).await,
        }
    }
}
