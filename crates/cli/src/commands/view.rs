//! `lakebed view`

use std::io::Write;

use clap::Args;
use lakebed::core::Limits;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use lakebed::grammar::parse::parse;
use lakebed::grammar::print_expr;
use lakebed::grammar::sqlparser::ast::Expr;
use lakebed::grammar::sqlparser::ast::Select;
use lakebed::grammar::sqlparser::ast::SelectItem;
use lakebed::grammar::sqlparser::ast::SetExpr;
use lakebed::grammar::sqlparser::ast::TableFactor;

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
        let language = if self.sql { Language::Sql } else { Language::Tql };
        check_source(&dataset, name, text, language, options.clone()).await?;
        let session = Session::builder().dataset_options(options).seed(self.seed).build();
        let session = session.map_err(Error::query(text))?;
        session.set_current(dataset);
        let message = self.commit.message("");
        let saved = session.save_view(language, text, &Parameters::new(), name, &message).await;
        let saved = saved.map_err(Error::query(text))?;
        let rows = saved.views().get(name).map_or(0, |view| view.rows);
        let rows = units::count(rows, "row");
        writeln!(out, "view {name} has {rows}: {}@{name}", saved.url())?;
        tell_not_kept(text, language, out)
    }
}

/// Refuses a query whose rows are of another dataset than the one that the view is to be saved in.
async fn check_source(
    dataset: &Dataset,
    view: &str,
    text: &str,
    language: Language,
    options: Options,
) -> Result<()> {
    let Some(named) = projection(text, language).and_then(|select| table(&select)) else {
        return Ok(());
    };
    if named.eq_ignore_ascii_case("dataset") {
        return Ok(());
    }
    // A name that cannot be opened is told with its place in the query, when that is run.
    let Ok(source) = Dataset::open(&named, options).await else { return Ok(()) };
    if source.id() == dataset.id() {
        return Ok(());
    }
    Err(Error::Refused {
        message: format!(
            "the query asks for rows of '{named}', and the view is to be saved in '{}': a view is saved with the dataset whose rows it keeps",
            dataset.url()
        ),
        hint: format!("lakebed view {named} {view} with the same query saves it there"),
    })
}

/// What a query selects beside columns as they are, as it is written. A view keeps none of it, only
/// which rows they are.
pub fn not_kept(text: &str, language: Language) -> Vec<String> {
    let Some(select) = projection(text, language) else { return Vec::new() };
    let items = select.projection.iter().filter_map(|item| match item {
        SelectItem::UnnamedExpr(Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => None,
        SelectItem::UnnamedExpr(expr) => Some(print_expr(expr)),
        SelectItem::ExprWithAlias { expr, alias } => {
            Some(format!("{} AS {}", print_expr(expr), alias.value))
        }
        _ => None,
    });
    items.collect()
}

/// Says what of a query its view does not keep.
pub fn tell_not_kept(text: &str, language: Language, out: &mut dyn Write) -> Result<()> {
    let lost = not_kept(text, language);
    if !lost.is_empty() {
        writeln!(
            out,
            "note: a view keeps rows with their columns, not what a query computes of them; not kept: {}",
            lost.join(", ")
        )?;
    }
    Ok(())
}

/// The one SELECT that a query is.
fn projection(text: &str, language: Language) -> Option<Select> {
    let statement = parse(text, language, &Limits::default()).ok()?;
    match *statement.query.body {
        SetExpr::Select(select) => Some(*select),
        _ => None,
    }
}

/// The dataset that FROM names.
fn table(select: &Select) -> Option<String> {
    match &select.from.first()?.relation {
        TableFactor::Table { name, .. } => Some(name.0.last()?.as_ident()?.value.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed_is_told_from_columns() {
        let of = |text| not_kept(text, Language::Tql);
        assert!(of("SELECT * WHERE a > 1").is_empty());
        assert!(of("SELECT a, b FROM \"x.lakebed\" ORDER BY a").is_empty());
        assert_eq!(of("SELECT a, a + 1, b * 2 AS c"), ["a + 1", "b * 2 AS c"]);
        assert_eq!(of("SELECT images[0:8] AS corner"), ["images[0:8] AS corner"]);
    }
}
