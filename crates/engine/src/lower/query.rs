//! Whole queries: WITH, SELECT, UNION and its like, VALUES.

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Fetch;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::SetOperator;
use datafusion::sql::sqlparser::ast::SetQuantifier;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::TableAliasColumnDef;
use datafusion::sql::sqlparser::ast::Values;
use datafusion::sql::sqlparser::ast::With;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::Clauses;
use lakebed_grammar::Span;

use super::Lowering;
use super::POSITION;
use super::expression::Clause;
use super::expression::Place;
use super::expression::RowNumber;
use super::scope::Relation;
use super::scope::Scope;
use super::stages;
use super::stages::Tail;
use super::syntax;
use crate::error::Error;
use crate::error::Result;

/// Which side of a set operation a row comes from.
const BRANCH: &str = "__branch";
/// Which of several equal rows of its side a row is.
const COPY: &str = "__copy";

/// What becomes of the order of a query's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carry {
    /// The rows come in order: this is the outermost query.
    Result,
    /// The order becomes a column [`POSITION`]; without gaps if `dense`.
    Position { dense: bool },
    /// Nobody asks for it.
    Nothing,
}

/// A lowered query.
#[derive(Debug, Clone)]
pub(crate) struct Lowered {
    pub query: Query,
    /// The columns it shows, in order; `None` where only the planner knows.
    pub columns: Option<Vec<String>>,
    /// True if a last column [`POSITION`] follows.
    pub position: bool,
}

/// A query that WITH names.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub name: String,
    pub columns: Option<Vec<String>>,
    pub position: bool,
}

/// A table that is lowered already, to be selected from.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub lowered: Lowered,
    pub alias: String,
    /// True if its positions have no gaps.
    pub dense: bool,
}

impl Lowering<'_> {
    /// Lowers a query.
    pub(crate) fn query(
        &mut self,
        query: &Query,
        outer: Option<&Scope>,
        carry: Carry,
    ) -> Result<Lowered> {
        // FOR UPDATE asks for nothing: a snapshot cannot change.
        if query.fetch.is_some() || query.for_clause.is_some() {
            return Err(Error::Unsupported {
                what: "FETCH or FOR".into(),
                span: Span::from_sqlparser(match &query.fetch {
                    Some(Fetch { quantity: Some(rows), .. }) => rows.span(),
                    _ => query.span(),
                }),
                help: Some("use LIMIT".into()),
            });
        }
        let in_sight = self.named.len();
        let with = match &query.with {
            Some(with) => Some(self.with(with)?),
            None => None,
        };
        let tail = Tail { order: query.order_by.as_ref(), limit: query.limit_clause.as_ref() };
        let clauses = Clauses::of(query);
        let lowered = self.body(&query.body, &clauses, tail, outer, carry);
        self.named.truncate(in_sight);
        let mut lowered = lowered?;
        if let Some(mut with) = with {
            if let Some(inner) = lowered.query.with.take() {
                with.cte_tables.extend(inner.cte_tables);
            }
            lowered.query.with = Some(with);
        }
        Ok(lowered)
    }

    fn body(
        &mut self,
        body: &SetExpr,
        clauses: &Clauses,
        tail: Tail,
        outer: Option<&Scope>,
        carry: Carry,
    ) -> Result<Lowered> {
        let alone = clauses.is_empty() && tail.order.is_none() && tail.limit.is_none();
        let lowered = match body {
            SetExpr::Select(select) => {
                return self.select(select, None, clauses, tail, outer, carry);
            }
            SetExpr::Query(inner) if alone => return self.query(inner, outer, carry),
            SetExpr::Query(inner) => {
                let dense = !clauses.is_empty();
                self.query(inner, outer, Carry::Position { dense })?
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let all = match set_quantifier {
                    SetQuantifier::All => true,
                    SetQuantifier::Distinct | SetQuantifier::None => false,
                    other => {
                        return Err(Error::Unsupported {
                            what: format!("{op} {other}"),
                            span: Span::from_sqlparser(right.span()),
                            help: None,
                        });
                    }
                };
                match self.by_row(body, !all, outer)? {
                    Some(rows) => rows,
                    None => self.values_of_sets(left, *op, all, right, outer)?,
                }
            }
            SetExpr::Values(values) => {
                let lowered = self.rows(values)?;
                if alone {
                    return Ok(lowered);
                }
                lowered
            }
            other => {
                return Err(Error::Unsupported {
                    what: "this kind of query".into(),
                    span: Span::from_sqlparser(other.span()),
                    help: Some("write SELECT".into()),
                });
            }
        };
        let prepared = Prepared { lowered, alias: self.fresh(), dense: false };
        self.select(&stages::star_of(), Some(prepared), clauses, tail, outer, carry)
    }

    fn with(&mut self, with: &With) -> Result<With> {
        let mut lowered_with = with.clone();
        for (cte, lowered_cte) in with.cte_tables.iter().zip(&mut lowered_with.cte_tables) {
            let name = cte.alias.name.value.clone();
            let given: Vec<String> =
                cte.alias.columns.iter().map(|column| column.name.value.clone()).collect();
            let carry =
                if with.recursive { Carry::Nothing } else { Carry::Position { dense: false } };
            if with.recursive {
                let columns = Some(given.clone()).filter(|given| !given.is_empty());
                self.named.push(Named { name: name.clone(), columns, position: false });
            }
            let lowered = self.query(&cte.query, None, carry)?;
            if with.recursive {
                self.named.pop();
            }
            let columns = if given.is_empty() { lowered.columns } else { Some(given.clone()) };
            if !given.is_empty() && lowered.position {
                lowered_cte
                    .alias
                    .columns
                    .push(TableAliasColumnDef { name: syntax::made(POSITION), data_type: None });
            }
            lowered_cte.alias.name = syntax::quoted(&name, cte.alias.name.span);
            *lowered_cte.query = lowered.query;
            self.named.push(Named { name, columns, position: lowered.position });
        }
        Ok(lowered_with)
    }

    fn rows(&mut self, values: &Values) -> Result<Lowered> {
        let scope = Scope::default();
        let place = Place {
            scope: &scope,
            clause: Clause::Select,
            sql_block: false,
            in_aggregate: false,
            in_condition: false,
            row_number: RowNumber::Refused("ROW_NUMBER counts rows of a SELECT"),
        };
        let mut lowered = values.clone();
        for row in &mut lowered.rows {
            for value in &mut row.content {
                *value = self.value(&value.clone(), &place)?;
            }
        }
        let width = values.rows.first().map_or(0, |row| row.content.len());
        let columns = (1..=width).map(|at| format!("column{at}")).collect();
        Ok(Lowered {
            query: syntax::query(SetExpr::Values(lowered)),
            columns: Some(columns),
            position: false,
        })
    }

    /// Both sides one below the other, each row with its branch and position; then, unless ALL,
    /// equal rows as one, at the place of the first. With INTERSECT ALL and EXCEPT ALL the n-th of
    /// several equal rows of one side meets the n-th of the other.
    pub(crate) fn values_of_sets(
        &mut self,
        left: &SetExpr,
        op: SetOperator,
        all: bool,
        right: &SetExpr,
        outer: Option<&Scope>,
    ) -> Result<Lowered> {
        let copies = all && op != SetOperator::Union;
        let stacked_only = all && !copies;
        let carry = Carry::Position { dense: false };
        let first = self.body(left, &Clauses::default(), Tail::default(), outer, carry)?;
        let second = self.body(right, &Clauses::default(), Tail::default(), outer, carry)?;
        let (Some(columns), Some(others)) = (first.columns.clone(), second.columns.clone()) else {
            return Err(Error::planning(
                format!("the columns of a side of {op} are not known: name them in SELECT"),
                Span::from_sqlparser(left.span()),
            ));
        };
        if columns.len() != others.len() {
            return Err(Error::planning(
                format!(
                    "{op} of {} with {} columns: both sides need as many",
                    columns.len(),
                    others.len()
                ),
                Span::from_sqlparser(right.span()),
            ));
        }
        // A name is what a column means: SQL goes by places, and unites ids with weights.
        if let Some((name, other)) = columns.iter().zip(&others).find(|(name, other)| name != other)
        {
            return Err(Error::planning(
                format!("{op} of a column '{name}' with a column '{other}'"),
                Span::from_sqlparser(right.span()),
            )
            .with_help(format!("if they mean the same, write AS {name}")));
        }
        let stacked = SetExpr::SetOperation {
            left: Box::new(self.branch(first, &columns, &columns, 0)),
            op: SetOperator::Union,
            set_quantifier: SetQuantifier::All,
            right: Box::new(self.branch(second, &others, &columns, 1)),
        };
        let stack = self.fresh();
        let empty = SourceSpan::empty();
        let key = |name: &str| syntax::sort_key(syntax::column(&stack, name, empty), true, true);
        let mut items: Vec<SelectItem> = columns
            .iter()
            .map(|name| SelectItem::UnnamedExpr(syntax::column(&stack, name, empty)))
            .collect();
        items.push(SelectItem::UnnamedExpr(syntax::column(&stack, BRANCH, empty)));
        let number = syntax::row_number(vec![key(BRANCH), key(POSITION)], 0);
        items.push(syntax::aliased(number, POSITION, empty));
        if copies {
            let mut equal: Vec<Expr> = columns
                .iter()
                .map(|name| {
                    let value = syntax::column(&stack, name, empty);
                    syntax::call("tensor_identity", empty, vec![value])
                })
                .collect();
            equal.push(syntax::column(&stack, BRANCH, empty));
            let copy = syntax::row_number_among(equal, vec![key(POSITION)]);
            items.push(syntax::aliased(copy, COPY, empty));
        }
        let table = syntax::derived(syntax::query(stacked), syntax::table_alias(&stack));
        let numbered = syntax::select(items, syntax::from_one(table));

        let alias = self.fresh();
        let column = |name: &str| syntax::column(&alias, name, empty);
        let mut items: Vec<SelectItem> =
            columns.iter().map(|name| SelectItem::UnnamedExpr(column(name))).collect();
        let position = if stacked_only {
            SelectItem::UnnamedExpr(column(POSITION))
        } else {
            let first = syntax::call("min", empty, vec![column(POSITION)]);
            syntax::aliased(first, POSITION, empty)
        };
        items.push(position);
        let numbered = syntax::query(SetExpr::Select(Box::new(numbered)));
        let table = syntax::derived(numbered, syntax::table_alias(&alias));
        let mut select = syntax::select(items, syntax::from_one(table));
        if !stacked_only {
            let mut keys: Vec<Expr> = columns.iter().map(|name| column(name)).collect();
            keys.extend(copies.then(|| column(COPY)));
            select.group_by = GroupByExpr::Expressions(keys, Vec::new());
            let branch = |aggregate: &str, is: u64| {
                let of = syntax::call(aggregate, empty, vec![column(BRANCH)]);
                syntax::binary(of, BinaryOperator::Eq, syntax::number(is))
            };
            select.having = match op {
                SetOperator::Intersect => {
                    Some(syntax::binary(branch("min", 0), BinaryOperator::And, branch("max", 1)))
                }
                SetOperator::Except | SetOperator::Minus => Some(branch("max", 0)),
                SetOperator::Union => None,
            };
        }
        Ok(Lowered {
            query: syntax::query(SetExpr::Select(Box::new(select))),
            columns: Some(columns),
            position: true,
        })
    }

    /// `SELECT columns AS names, n AS __branch, __position FROM (lowered)`.
    fn branch(
        &mut self,
        lowered: Lowered,
        columns: &[String],
        names: &[String],
        n: u64,
    ) -> SetExpr {
        let alias = self.fresh();
        let empty = SourceSpan::empty();
        let mut items: Vec<SelectItem> = columns
            .iter()
            .zip(names)
            .map(|(column, name)| {
                syntax::aliased(syntax::column(&alias, column, empty), name, empty)
            })
            .collect();
        items.push(syntax::aliased(syntax::number(n), BRANCH, empty));
        let position: Expr = if lowered.position {
            syntax::as_integer(syntax::column(&alias, POSITION, empty))
        } else {
            syntax::number(0)
        };
        items.push(syntax::aliased(position, POSITION, empty));
        let table = syntax::derived(lowered.query, syntax::table_alias(&alias));
        let select: Select = syntax::select(items, syntax::from_one(table));
        SetExpr::Select(Box::new(select))
    }
}

impl Lowered {
    /// The relation that it is under a name.
    pub fn relation(&self, alias: &str, dense: bool) -> Relation {
        Relation {
            alias: alias.to_string(),
            columns: self.columns.clone(),
            hidden: Vec::new(),
            position: self.position,
            dense: dense && self.position,
        }
    }
}
