//! `lakebed query`

use std::io::Write;
use std::time::Duration;

use clap::Args;
use lakebed::dataset::Options;
use lakebed::engine::Language;
use lakebed::engine::Session;
use lakebed::store::Throttle;

use crate::error::Error;
use crate::error::Result;
use crate::rows;
use crate::rows::Format;
use crate::rows::Shown;
use crate::target;

const USAGE: &str = "lakebed query [OPTIONS] [DATASET] <TEXT>";

const EXAMPLES: &str = r#"Examples:
  lakebed query photos.lakebed "SELECT images[0:64, 0:64, :] AS corner, labels LIMIT 3"
  lakebed query photos.lakebed --sql "SELECT labels, count(*) FROM dataset GROUP BY labels"
  lakebed query "SELECT COUNT(*) AS n FROM \"photos.lakebed@1\""
  lakebed query photos.lakebed --seed 7 "SELECT images SAMPLE BY labels = 'cat' LIMIT 9"
  lakebed query "SELECT 7 / 2 AS x"

With DATASET, TQL needs no FROM; both languages call it `dataset`."#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub struct Query {
    #[command(flatten)]
    asked: Asked,
    /// How to write the rows
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Show at most N rows, 0 for all; by default 40 in a table, and all in JSON and CSV
    #[arg(long, value_name = "N")]
    max_rows: Option<usize>,
}

/// What is asked, and of what.
#[derive(Debug, Args)]
pub struct Asked {
    /// The dataset that the query is about; FROM may name others, in double quotes
    #[arg(value_name = "DATASET")]
    first: Option<String>,
    /// The query
    #[arg(value_name = "TEXT")]
    second: Option<String>,
    /// The query is in SQL, not in TQL
    #[arg(long)]
    sql: bool,
    /// Read as from a store that is far away: latency and bandwidth, as in 20ms,50MB/s
    #[arg(long, value_name = "LATENCY,RATE", value_parser = throttle)]
    throttle: Option<Throttle>,
    /// What RANDOM and SAMPLE BY depend on beside the rows' positions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// `20ms,50MB/s`; the rate may be left out.
pub fn throttle(text: &str) -> Result<Throttle, String> {
    let wrong = || format!("'{text}' is not like 20ms,50MB/s");
    let (latency, rate) = match text.split_once(',') {
        Some((latency, rate)) => (latency, Some(rate)),
        None => (text, None),
    };
    let millis = latency.trim().strip_suffix("ms").and_then(|number| number.trim().parse().ok());
    let megabytes = |rate: &str| -> Option<u64> {
        rate.trim().strip_suffix("MB/s")?.trim().parse().ok().filter(|rate| *rate > 0)
    };
    let bytes_per_second = match rate {
        Some(rate) => Some(megabytes(rate).ok_or_else(wrong)?.saturating_mul(1_000_000)),
        None => None,
    };
    let latency = Duration::from_millis(millis.ok_or_else(wrong)?);
    Ok(Throttle { latency, bytes_per_second })
}

impl Query {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let text = self.asked.text(USAGE)?;
        let session = self.asked.session(text).await?;
        let shown = Shown::new(self.format, self.max_rows);
        rows::run(&session, self.asked.language(), text, &shown, out).await
    }
}

impl Asked {
    /// The query: the last of the two, whether there is a dataset before it or not.
    pub fn text(&self, usage: &'static str) -> Result<&str> {
        self.second.as_deref().or(self.first.as_deref()).ok_or_else(|| Error::Usage {
            message: "the text of a query is missing".to_string(),
            usage,
        })
    }

    /// The language of the query.
    pub fn language(&self) -> Language {
        if self.sql { Language::Sql } else { Language::Tql }
    }

    /// A session whose current dataset is the one named, if any.
    pub async fn session(&self, text: &str) -> Result<Session> {
        let options = Options { throttle: self.throttle, ..Options::default() };
        let session = Session::builder().dataset_options(options.clone()).seed(self.seed).build();
        let session = session.map_err(Error::query(text))?;
        let url = self.first.as_deref().filter(|_| self.second.is_some());
        if let Some(url) = url {
            if url.contains(char::is_whitespace) && !text.contains(char::is_whitespace) {
                return Err(Error::Refused {
                    message: format!("'{url}' looks like a query, and the dataset comes first"),
                    hint: format!("write {text} before the query"),
                });
            }
            session.set_current(target::open_with(url, options).await?);
        }
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttles_are_a_latency_and_a_rate() {
        let both = throttle("20ms, 50MB/s").unwrap();
        assert_eq!(both.latency, Duration::from_millis(20));
        assert_eq!(both.bytes_per_second, Some(50_000_000));
        assert_eq!(throttle("5ms").unwrap().bytes_per_second, None);
        for wrong in ["", "20", "20ms,", "20ms,0MB/s", "fast", "-1ms", "20ms,50"] {
            assert!(throttle(wrong).is_err(), "{wrong}");
        }
    }
}
