//! Row ids in SQL: a column that a query can name, and that `*` leaves out. TQL's lowering writes
//! `*` out itself; here it becomes `* EXCLUDE (__row_id)`, for one table at a time.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::ExcludeSelectItem;
use datafusion::sql::sqlparser::ast::JoinConstraint;
use datafusion::sql::sqlparser::ast::JoinOperator;
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::ast::ObjectNamePart;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SelectItemQualifiedWildcardKind;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::TableAlias;
use datafusion::sql::sqlparser::ast::TableAliasColumnDef;
use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::ast::TableWithJoins;
use datafusion::sql::sqlparser::ast::VisitorMut;
use datafusion::sql::sqlparser::ast::WildcardAdditionalOptions;
use lakebed_grammar::Span;

use crate::error::Error;
use crate::error::Result;
use crate::lower::ROW_ID;
use crate::lower::Table;
use crate::lower::given_names;
use crate::lower::syntax;

/// Keeps row ids out of every `*` of a query over `tables`.
///
/// # Errors
/// [`Error::Unsupported`] where `*` and NATURAL JOIN go by columns that only the planner knows.
pub(crate) fn leave_out(query: &mut Query, tables: &HashMap<String, Table>) -> Result<()> {
    let mut hide = Hide { tables, given: given_names(query), made: 0, refused: None };
    let _ = lakebed_grammar::visit::query_mut(query, &mut hide);
    match hide.refused {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

struct Hide<'a> {
    tables: &'a HashMap<String, Table>,
    /// Names of queries, which are no tables.
    given: Vec<String>,
    /// Aliases made so far.
    made: usize,
    refused: Option<Error>,
}

/// A relation in FROM.
struct Shown {
    name: Option<ObjectName>,
    has_ids: bool,
}

impl VisitorMut for Hide<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        match self.body(&mut query.body) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.refused = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl Hide<'_> {
    fn body(&mut self, body: &mut SetExpr) -> Result<()> {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left)?;
                self.body(right)
            }
            // A query is visited by itself.
            _ => Ok(()),
        }
    }

    fn select(&mut self, select: &mut Select) -> Result<()> {
        let (mut shown, mut using) = (Vec::new(), false);
        for table in &mut select.from {
            self.table(table, &mut shown, &mut using)?;
        }
        let mut items = Vec::with_capacity(select.projection.len());
        for item in std::mem::take(&mut select.projection) {
            match item {
                SelectItem::Wildcard(mut options) => match shown.as_slice() {
                    _ if !shown.iter().any(|shown| shown.has_ids) => {
                        items.push(SelectItem::Wildcard(options));
                    }
                    [_] => {
                        exclude(&mut options);
                        items.push(SelectItem::Wildcard(options));
                    }
                    _ if using || is_changed(&options) => {
                        return Err(refuse("'*' over JOIN ... USING", options.span()));
                    }
                    several => {
                        for shown in several {
                            let Some(name) = shown.name.clone() else {
                                return Err(refuse("'*' over this FROM", options.span()));
                            };
                            items.push(all_of(name, shown.has_ids, options.clone()));
                        }
                    }
                },
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    options,
                ) => {
                    let has_ids = shown.iter().any(|shown| {
                        let of = shown.name.as_ref().map(ToString::to_string);
                        shown.has_ids && of.is_some_and(|of| same(&of, &name.to_string()))
                    });
                    items.push(all_of(name, has_ids, options));
                }
                other => items.push(other),
            }
        }
        select.projection = items;
        Ok(())
    }

    fn table(
        &mut self,
        table: &mut TableWithJoins,
        shown: &mut Vec<Shown>,
        using: &mut bool,
    ) -> Result<()> {
        let first = shown.len();
        self.factor(&mut table.relation, shown, using)?;
        for join in &mut table.joins {
            let before = shown.len();
            let span = join.relation.span();
            self.factor(&mut join.relation, shown, using)?;
            match &join.join_operator {
                JoinOperator::Semi(_)
                | JoinOperator::LeftSemi(_)
                | JoinOperator::Anti(_)
                | JoinOperator::LeftAnti(_) => shown.truncate(before),
                JoinOperator::RightSemi(_) | JoinOperator::RightAnti(_) => {
                    shown.drain(first..before);
                }
                JoinOperator::Join(by)
                | JoinOperator::Inner(by)
                | JoinOperator::Left(by)
                | JoinOperator::LeftOuter(by)
                | JoinOperator::Right(by)
                | JoinOperator::RightOuter(by)
                | JoinOperator::FullOuter(by) => match by {
                    JoinConstraint::Natural => return Err(refuse("NATURAL JOIN", span)),
                    JoinConstraint::Using(_) => *using = true,
                    JoinConstraint::On(_) | JoinConstraint::None => {}
                },
                _ => {}
            }
        }
        Ok(())
    }

    fn factor(
        &mut self,
        factor: &mut TableFactor,
        shown: &mut Vec<Shown>,
        using: &mut bool,
    ) -> Result<()> {
        let of_alias =
            |alias: &TableAlias| ObjectName(vec![ObjectNamePart::Identifier(alias.name.clone())]);
        let one = match factor {
            TableFactor::Table { name, alias, args, .. } => {
                let text = syntax::name_text(name);
                let given = self.given.iter().any(|given| same(given, &text));
                let table = self.tables.get(&text).filter(|_| args.is_none() && !given);
                let has_ids = table.is_some_and(|table| !table.hidden.is_empty());
                if let Some(alias) = alias.as_mut().filter(|a| has_ids && !a.columns.is_empty()) {
                    let name = syntax::made(ROW_ID);
                    alias.columns.push(TableAliasColumnDef { name, data_type: None });
                }
                let name = alias.as_ref().map_or_else(|| name.clone(), of_alias);
                Shown { name: Some(name), has_ids }
            }
            TableFactor::Derived { alias, .. } => {
                let alias = alias.get_or_insert_with(|| {
                    self.made += 1;
                    syntax::table_alias(&format!("__q{}", self.made))
                });
                Shown { name: Some(of_alias(alias)), has_ids: false }
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                return self.table(table_with_joins, shown, using);
            }
            TableFactor::Function { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::UNNEST { alias, .. } => {
                Shown { name: alias.as_ref().map(of_alias), has_ids: false }
            }
            _ => Shown { name: None, has_ids: false },
        };
        shown.push(one);
        Ok(())
    }
}

/// `name.*`, without row ids where there are any.
fn all_of(name: ObjectName, has_ids: bool, mut options: WildcardAdditionalOptions) -> SelectItem {
    if has_ids {
        exclude(&mut options);
    }
    SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
}

fn exclude(options: &mut WildcardAdditionalOptions) {
    let mut names = match options.opt_exclude.take() {
        None => Vec::new(),
        Some(ExcludeSelectItem::Single(name)) => vec![name],
        Some(ExcludeSelectItem::Multiple(names)) => names,
    };
    if !names.iter().any(|name| syntax::name_text(name) == ROW_ID) {
        names.push(ObjectName(vec![ObjectNamePart::Identifier(syntax::made(ROW_ID))]));
    }
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
}

fn is_changed(options: &WildcardAdditionalOptions) -> bool {
    options.opt_exclude.is_some()
        || options.opt_except.is_some()
        || options.opt_replace.is_some()
        || options.opt_rename.is_some()
        || options.opt_ilike.is_some()
}

fn same(a: &str, b: &str) -> bool {
    a.replace('"', "").eq_ignore_ascii_case(&b.replace('"', ""))
}

fn refuse(what: &str, span: datafusion::sql::sqlparser::tokenizer::Span) -> Error {
    Error::Unsupported {
        what: format!("{what} in a query that uses {ROW_ID}"),
        span: Span::from_sqlparser(span),
        help: Some("name the columns, and write JOIN ... ON".into()),
    }
}
