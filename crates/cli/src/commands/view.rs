//! `lakebed view`

use std::io::Write;

use clap::Args;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;

use crate::commit_args::CommitArgs;
use crate::error::Error;
use crate::error::Result;
use crate::names;
use crate::table;
use crate::target;
use crate::units;

const EXAMPLES: &str = r#"Examples:
  lakebed view photos.lakebed hard "SELECT images WHERE score < 0.3 ORDER BY score LIMIT 500"
  lakebed query "SELECT images, score FROM \"photos.lakebed@hard\" LIMIT 5"
  lakebed materialize photos.lakebed@hard hard.lakebed

A view keeps which rows a query chose, and their version; nothing is copied."#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct View {
    /// The dataset, perhaps with @version: what the query is asked of
    dataset: String,
    /// The view; lists all views without it, and shows it without a query
    name: Option<String>,
    /// The query whose rows are saved
    text: Option<String>,
    /// The query is in SQL, not in TQL
    #[arg(long)]
    sql: bool,
    /// What RANDOM and SAMPLE BY depend on beside the rows' positions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Delete the view
    #[arg(short, long, requires = "name", conflicts_with = "text")]
    delete: bool,
    #[command(flatten)]
    commit: CommitArgs,
}

impl View {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let options = self.commit.options();
        let dataset = target::open_with(&self.dataset, options.clone()).await?;
        let Some(name) = &self.name else {
            let mut shown = table::table(["view", "version", "rows"]);
            for (name, view) in dataset.views() {
                shown.add_row([name.clone(), view.version.to_string(), view.rows.to_string()]);
            }
            table::align_right(&mut shown, [1, 2]);
            writeln!(out, "{shown}")?;
            return Ok(());
        };
        if self.delete {
            let names = dataset.views();
            return names::delete(&dataset, "view", names, name, &self.commit, out).await;
        }
        let Some(text) = &self.text else {
            let view = dataset.view(name).await?;
            writeln!(out, "{}", view.query())?;
            let rows = units::count(view.len(), "row");
            writeln!(out, "{rows} of version {} of {}", view.version(), dataset.url())?;
            if let Some([first, rest @ ..]) = view.weights() {
                let (low, high) = rest.iter().fold((*first, *first), |(low, high), weight| {
                    (low.min(*weight), high.max(*weight))
                });
                writeln!(out, "weights {low:.3e} to {high:.3e}, which add up to 1")?;
            }
            return Ok(());
        };
        let session = Session::builder().dataset_options(options).seed(self.seed).build();
        let session = session.map_err(Error::query(text))?;
        session.set_current(dataset);
        let language = if self.sql { Language::Sql } else { Language::Tql };
        let message = self.commit.message("");
        let saved = session.save_view(language, text, &Parameters::new(), name, &message).await;
        let saved = saved.map_err(Error::query(text))?;
        let rows = saved.views().get(name).map_or(0, |view| view.rows);
        let rows = units::count(rows, "row");
        writeln!(out, "view {name} has {rows}: {}@{name}", saved.url())?;
        Ok(())
    }
}
