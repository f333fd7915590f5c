//! `lakebed query`

use std::io::Write;

use clap::Args;
use lakebed::engine::Language;
use lakebed::engine::Session;

use crate::error::Error;
use crate::error::Result;
use crate::rows;
use crate::rows::Format;
use crate::target;

const EXAMPLES: &str = r#"Examples:
  lakebed query photos.lakebed "SELECT images[0:64, 0:64, :] AS corner, labels LIMIT 3"
  lakebed query photos.lakebed --sql "SELECT labels, count(*) FROM dataset GROUP BY labels"
  lakebed query "SELECT COUNT(*) AS n FROM \"photos.lakebed@1\""
  lakebed query "SELECT 7 / 2 AS x"

With DATASET, TQL needs no FROM; both languages call it `dataset`."#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Query {
    /// The dataset that the query is about; FROM may name others, in double quotes
    dataset: Option<String>,
    /// The query
    text: String,
    /// The query is in SQL, not in TQL
    #[arg(long)]
    sql: bool,
    /// How to write the rows
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Show at most N rows, 0 for all; by default 40 in a table, and all in JSON and CSV
    #[arg(long, value_name = "N")]
    max_rows: Option<usize>,
}

impl Query {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let session = session(self.dataset.as_deref(), &self.text).await?;
        let language = language(self.sql);
        rows::run(&session, language, &self.text, self.format, self.max_rows, out).await
    }
}

/// The language that `--sql` chooses.
pub fn language(sql: bool) -> Language {
    if sql { Language::Sql } else { Language::Tql }
}

/// A session whose current dataset is the one named, if any.
pub async fn session(dataset: Option<&str>, text: &str) -> Result<Session> {
    let session = Session::new().map_err(Error::query(text))?;
    if let Some(url) = dataset {
        if url.contains(char::is_whitespace) && !text.contains(char::is_whitespace) {
            return Err(Error::Refused {
                message: format!("'{url}' looks like a query, and a dataset is named first"),
                hint: format!("lakebed query {text} \"{url}\""),
            });
        }
        session.set_current(target::open(url).await?);
    }
    Ok(session)
}
