//! `lakebed explain`

use std::io::Write;

use clap::Args;

use super::query;
use crate::error::Error;
use crate::error::Result;
use crate::rows;
use crate::rows::Format;

#[derive(Debug, Args)]
pub struct Explain {
    /// The dataset that the query is about
    dataset: Option<String>,
    /// The query
    text: String,
    /// Run the query, and show what it read
    #[arg(long)]
    analyze: bool,
    /// The query is in SQL, not in TQL
    #[arg(long)]
    sql: bool,
}

impl Explain {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let session = query::session(self.dataset.as_deref(), &self.text).await?;
        let language = query::language(self.sql);
        let failed = Error::query(&self.text);
        // Planned as written first, so that an error points into the text as written.
        let planned = session.query(language, &self.text).await.map_err(&failed)?;
        let is_explain = self
            .text
            .split_whitespace()
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("explain"));
        if is_explain {
            return rows::run(&session, language, &self.text, Format::Table, Some(0), out).await;
        }
        if self.analyze {
            let text = format!("EXPLAIN ANALYZE {}", self.text);
            return rows::run(&session, language, &text, Format::Table, Some(0), out).await;
        }
        let plan = planned.explain().await.map_err(&failed)?;
        writeln!(out, "{}", plan.trim_end())?;
        Ok(())
    }
}
