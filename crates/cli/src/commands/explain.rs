//! `lakebed explain`

use std::io::Write;

use clap::Args;

use super::query::Asked;
use crate::error::Error;
use crate::error::Result;
use crate::rows;
use crate::rows::Format;
use crate::rows::Shown;

const USAGE: &str = "lakebed explain [OPTIONS] [DATASET] <TEXT>";

#[derive(Debug, Args)]
#[command(override_usage = USAGE)]
pub struct Explain {
    #[command(flatten)]
    asked: Asked,
    /// Run the query, and show what it read
    #[arg(long)]
    analyze: bool,
}

impl Explain {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let text = self.asked.text(USAGE)?;
        let session = self.asked.session(text).await?;
        let language = self.asked.language();
        let shown = Shown::new(Format::Table, Some(0));
        let failed = Error::query(text);
        // Planned as written first, so that an error points into the text as written.
        let planned = session.query(language, text).await.map_err(&failed)?;
        let first = text.split_whitespace().next();
        if first.is_some_and(|word| word.eq_ignore_ascii_case("explain")) {
            return rows::run(&session, language, text, &shown, out).await;
        }
        if self.analyze {
            let text = format!("EXPLAIN ANALYZE {text}");
            return rows::run(&session, language, &text, &shown, out).await;
        }
        let plan = planned.explain().await.map_err(&failed)?;
        writeln!(out, "{}", plan.trim_end())?;
        Ok(())
    }
}
