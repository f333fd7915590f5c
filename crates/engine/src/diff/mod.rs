//! `FROM diff('pets@3', 'pets@main')`: what the second version has otherwise, as rows.
//!
//! Before a query is planned, each call becomes a table of its own name, so that both languages
//! find it as they find a dataset.

mod table;

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::FunctionArg;
use datafusion::sql::sqlparser::ast::FunctionArgExpr;
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::ast::ObjectNamePart;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::ast::VisitorMut;
use lakebed_grammar::Span;
pub(crate) use table::COLUMNS;
pub(crate) use table::DiffTable;

use crate::error::Error;
use crate::error::Result;
use crate::lower::syntax;

/// The function's name.
const DIFF: &str = "diff";

/// Two versions to be compared, by their names.
#[derive(Debug, Clone)]
pub(crate) struct Versions {
    pub earlier: String,
    pub later: String,
    pub span: Option<Span>,
}

/// Makes every call of `diff` in FROM a table. Returns what each table's name stands for.
///
/// # Errors
/// [`Error::Planning`] for anything but two texts.
pub(crate) fn named(query: &mut Query) -> Result<HashMap<String, Versions>> {
    let mut calls = Calls { found: HashMap::new(), wrong: None };
    let _ = lakebed_grammar::visit::query_mut(query, &mut calls);
    match calls.wrong {
        Some(error) => Err(error),
        None => Ok(calls.found),
    }
}

struct Calls {
    found: HashMap<String, Versions>,
    wrong: Option<Error>,
}

impl VisitorMut for Calls {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, args, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(given) = args.as_ref() else { return ControlFlow::Continue(()) };
        if !syntax::name_text(name).eq_ignore_ascii_case(DIFF) {
            return ControlFlow::Continue(());
        }
        let (at, span) = (name.span(), Span::from_sqlparser(name.span()));
        let texts: Option<Vec<String>> = given.args.iter().map(text).collect();
        let Some([earlier, later]) = texts.and_then(|texts| <[String; 2]>::try_from(texts).ok())
        else {
            let error = Error::planning("diff compares two versions of one dataset", span);
            self.wrong = Some(error.with_help("write diff('pets@3', 'pets@main')"));
            return ControlFlow::Break(());
        };
        let quoted = |name: &str| name.replace('\'', "''");
        let shown = format!("{DIFF}('{}', '{}')", quoted(&earlier), quoted(&later));
        *name = ObjectName(vec![ObjectNamePart::Identifier(syntax::quoted(&shown, at))]);
        *args = None;
        alias.get_or_insert_with(|| syntax::table_alias(DIFF));
        self.found.insert(shown, Versions { earlier, later, span });
        ControlFlow::Continue(())
    }
}

/// A text in single quotes, or in the double ones that FROM takes.
fn text(argument: &FunctionArg) -> Option<String> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => {
            value.value.clone().into_string()
        }
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(name))) => {
            name.quote_style.map(|_| name.value.clone())
        }
        _ => None,
    }
}
