//! What every command that commits takes.

use clap::Args;
use lakebed::dataset::Options;

#[derive(Debug, Args)]
pub struct CommitArgs {
    /// What the log says of it
    #[arg(short, long)]
    message: Option<String>,
    /// Who does it; LAKEBED_AUTHOR if it is not given
    #[arg(long)]
    author: Option<String>,
}

impl CommitArgs {
    /// The message, if one was given.
    pub fn given(&self) -> Option<String> {
        self.message.clone()
    }

    /// The message, or what else would say it.
    pub fn message(&self, otherwise: &str) -> String {
        self.message.clone().unwrap_or_else(|| otherwise.to_string())
    }

    /// Options under which commits name their author.
    pub fn options(&self) -> Options {
        let author = self.author.clone().filter(|author| !author.is_empty()).or_else(author);
        Options { author, ..Options::default() }
    }
}

/// Who commits, by LAKEBED_AUTHOR.
pub fn author() -> Option<String> {
    std::env::var("LAKEBED_AUTHOR").ok().filter(|author| !author.is_empty())
}
