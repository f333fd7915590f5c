//! FROM: datasets by name or URL, named queries, subqueries and joins.

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::ast::JoinConstraint;
use datafusion::sql::sqlparser::ast::JoinOperator;
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::ast::ObjectNamePart;
use datafusion::sql::sqlparser::ast::OrderByExpr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::TableAlias;
use datafusion::sql::sqlparser::ast::TableAliasColumnDef;
use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::ast::TableWithJoins;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::Span;

use super::Lowering;
use super::POSITION;
use super::expression::Clause;
use super::expression::Place;
use super::expression::RowNumber;
use super::query::Carry;
use super::query::Prepared;
use super::scope::Found;
use super::scope::Relation;
use super::scope::Scope;
use super::syntax;
use crate::error::Error;
use crate::error::Result;

/// A lowered FROM.
#[derive(Debug, Clone, Default)]
pub(crate) struct From {
    pub tables: Vec<TableWithJoins>,
    /// What a join's rows are sorted by before their positions.
    pub join_keys: Vec<OrderByExpr>,
}

impl Lowering<'_> {
    /// Lowers FROM and fills the scope with what it provides.
    pub(crate) fn from<'s>(
        &mut self,
        from: &[TableWithJoins],
        scope: &mut Scope<'s>,
        dense: bool,
    ) -> Result<From> {
        let mut lowered = From::default();
        for table in from {
            let table = self.table_with_joins(table, scope, dense, &mut lowered.join_keys)?;
            lowered.tables.push(table);
        }
        for (at, relation) in scope.relations.iter().enumerate() {
            if scope.relations.iter().take(at).any(|other| other.alias == relation.alias) {
                return Err(Error::planning(
                    format!("two tables in FROM are named '{}'", relation.alias),
                    from.first().and_then(|table| Span::from_sqlparser(table.span())),
                )
                .with_help("give one of them another name: AS name"));
            }
        }
        if scope.relations.len() != 2 {
            lowered.join_keys.clear();
        }
        Ok(lowered)
    }

    /// The dataset that stands for a missing FROM.
    pub(crate) fn current_dataset(&mut self, name: &str, scope: &mut Scope) -> Result<From> {
        let factor = self.dataset(name, name, None, SourceSpan::empty(), scope)?;
        Ok(From { tables: syntax::from_one(factor), join_keys: Vec::new() })
    }

    /// A query that is lowered already.
    pub(crate) fn from_prepared(prepared: Prepared, scope: &mut Scope) -> From {
        scope.relations.push(prepared.lowered.relation(&prepared.alias, prepared.dense));
        let alias = syntax::table_alias(&prepared.alias);
        let factor = syntax::derived(prepared.lowered.query, alias);
        From { tables: syntax::from_one(factor), join_keys: Vec::new() }
    }

    fn table_with_joins(
        &mut self,
        table: &TableWithJoins,
        scope: &mut Scope,
        dense: bool,
        keys: &mut Vec<OrderByExpr>,
    ) -> Result<TableWithJoins> {
        let relation = self.factor(&table.relation, scope, dense, keys)?;
        let mut joins = Vec::with_capacity(table.joins.len());
        for join in &table.joins {
            let mut lowered = join.clone();
            let before = scope.relations.len();
            lowered.relation = self.factor(&join.relation, scope, dense, keys)?;
            let kind = join.join_operator.clone();
            let span = join.span();
            if let Some(constraint) = constraint_mut(&mut lowered.join_operator) {
                let lowered_constraint = self.constraint(constraint, scope, before, span)?;
                *constraint = lowered_constraint;
                if joins.is_empty() {
                    *keys = equal_keys(constraint, &kind, scope, before);
                }
            } else if !matches!(join.join_operator, JoinOperator::CrossJoin(_)) {
                return Err(Error::Unsupported {
                    what: "this kind of JOIN".into(),
                    span: Span::from_sqlparser(span),
                    help: None,
                });
            }
            // DataFusion knows these by their long names.
            lowered.join_operator = match lowered.join_operator {
                JoinOperator::Semi(constraint) => JoinOperator::LeftSemi(constraint),
                JoinOperator::Anti(constraint) => JoinOperator::LeftAnti(constraint),
                other => other,
            };
            if let JoinOperator::CrossJoin(JoinConstraint::On(_)) = &kind {
                // The reference demands ON even here; with it the join is an inner one.
                if let JoinOperator::CrossJoin(constraint) = lowered.join_operator {
                    lowered.join_operator = JoinOperator::Inner(constraint);
                }
            }
            if matches!(
                kind,
                JoinOperator::Semi(_)
                    | JoinOperator::LeftSemi(_)
                    | JoinOperator::Anti(_)
                    | JoinOperator::LeftAnti(_)
            ) {
                scope.relations.truncate(before);
            }
            joins.push(lowered);
        }
        Ok(TableWithJoins { relation, joins })
    }

    fn factor(
        &mut self,
        factor: &TableFactor,
        scope: &mut Scope,
        dense: bool,
        keys: &mut Vec<OrderByExpr>,
    ) -> Result<TableFactor> {
        match factor {
            TableFactor::Table { name, alias, args: None, sample: None, version: None, .. } => {
                let written = syntax::name_text(name);
                if let Some(named) = self.named.iter().rev().find(|named| named.name == written) {
                    let alias_name =
                        alias.as_ref().map_or(written.as_str(), |a| a.name.value.as_str());
                    let mut relation = Relation {
                        alias: alias_name.to_string(),
                        columns: named.columns.clone(),
                        hidden: Vec::new(),
                        position: named.position,
                        dense: false,
                    };
                    let alias = renamed(alias.as_ref(), &mut relation)?;
                    scope.relations.push(relation);
                    let name = ObjectName(vec![ObjectNamePart::Identifier(syntax::quoted(
                        &written,
                        factor.span(),
                    ))]);
                    return Ok(plain_table(name, alias));
                }
                let shown = alias.as_ref().map_or(written.as_str(), |a| a.name.value.as_str());
                let shown = shown.to_string();
                self.dataset(&written, &shown, alias.as_ref(), name.span(), scope)
            }
            TableFactor::Table { name, args: Some(_), .. } => Err(Error::Unsupported {
                what: format!("the table function {name}"),
                span: Span::from_sqlparser(name.span()),
                help: Some("there is one: diff('pets@3', 'pets@main')".into()),
            }),
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let lowered = self.query(subquery, scope.outer, Carry::Position { dense })?;
                let name = match alias {
                    Some(alias) => alias.name.value.clone(),
                    None => self.fresh(),
                };
                let mut relation = lowered.relation(&name, dense);
                let alias = renamed(alias.as_ref(), &mut relation)?;
                scope.relations.push(relation);
                Ok(syntax::derived(
                    lowered.query,
                    alias.unwrap_or_else(|| syntax::table_alias(&name)),
                ))
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let table = self.table_with_joins(table_with_joins, scope, dense, keys)?;
                Ok(TableFactor::NestedJoin { table_with_joins: Box::new(table), alias: None })
            }
            other => Err(Error::Unsupported {
                what: format!("'{other}' in FROM"),
                span: Span::from_sqlparser(other.span()),
                help: None,
            }),
        }
    }

    fn dataset(
        &mut self,
        written: &str,
        shown: &str,
        alias: Option<&TableAlias>,
        span: SourceSpan,
        scope: &mut Scope,
    ) -> Result<TableFactor> {
        let table = self.tables.get(written).ok_or_else(|| {
            Error::planning(format!("no dataset '{written}'"), Span::from_sqlparser(span))
        })?;
        let mut relation = Relation {
            alias: shown.to_string(),
            columns: Some(table.columns.clone()),
            hidden: table.hidden.clone(),
            position: true,
            dense: true,
        };
        let alias = renamed(alias, &mut relation)?;
        scope.relations.push(relation);
        let name = ObjectName(vec![ObjectNamePart::Identifier(syntax::quoted(written, span))]);
        // The table goes by its own name, unless it is given another.
        let alias = alias.or_else(|| (shown != written).then(|| syntax::table_alias(shown)));
        Ok(plain_table(name, alias))
    }

    fn constraint(
        &mut self,
        constraint: &JoinConstraint,
        scope: &mut Scope,
        before: usize,
        span: SourceSpan,
    ) -> Result<JoinConstraint> {
        match constraint {
            JoinConstraint::On(condition) => {
                let place = Place {
                    scope,
                    clause: Clause::On,
                    sql_block: false,
                    in_aggregate: false,
                    in_condition: false,
                    row_number: RowNumber::Refused("ROW_NUMBER() has no meaning in ON"),
                };
                Ok(JoinConstraint::On(self.predicate(condition, &place)?))
            }
            JoinConstraint::Using(columns) => {
                for column in columns {
                    let name = syntax::name_text(column);
                    let (left, right) = scope.relations.split_at(before.min(scope.relations.len()));
                    for side in [left, right] {
                        if !side.iter().any(|relation| relation.may_have(&name)) {
                            let ident = syntax::quoted(&name, column.span());
                            return Err(Scope { relations: side.to_vec(), ..Scope::default() }
                                .unknown(&ident));
                        }
                    }
                    scope.merged.push(name);
                }
                Ok(JoinConstraint::Using(columns.clone()))
            }
            JoinConstraint::Natural => {
                // By name, so that the hidden positions do not take part.
                let (left, right) = scope.relations.split_at(before.min(scope.relations.len()));
                let of = |side: &[Relation]| -> Vec<String> {
                    side.iter().flat_map(|r| r.columns.iter().flatten()).cloned().collect()
                };
                let (left, right) = (of(left), of(right));
                let common: Vec<String> =
                    left.into_iter().filter(|name| right.contains(name)).collect();
                if common.is_empty() {
                    return Err(Error::planning(
                        "NATURAL JOIN of tables without a common column",
                        Span::from_sqlparser(span),
                    )
                    .with_help("say what belongs together: JOIN ... ON a.x = b.y"));
                }
                let names = common
                    .iter()
                    .map(|name| ObjectName(vec![ObjectNamePart::Identifier(syntax::made(name))]))
                    .collect();
                scope.merged.extend(common);
                Ok(JoinConstraint::Using(names))
            }
            JoinConstraint::None => Ok(JoinConstraint::None),
        }
    }
}

fn constraint_mut(join: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match join {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint) => Some(constraint),
        _ => None,
    }
}

/// Rows of an equi-join come by key, unmatched right rows last: the sort keys before the positions.
fn equal_keys(
    constraint: &JoinConstraint,
    kind: &JoinOperator,
    scope: &Scope,
    before: usize,
) -> Vec<OrderByExpr> {
    let (Some(left), Some(right)) = (scope.relations.first(), scope.relations.get(before)) else {
        return Vec::new();
    };
    let empty = SourceSpan::empty();
    let sides = match constraint {
        JoinConstraint::Using(names) => names.first().map(|name| {
            let name = syntax::name_text(name);
            (syntax::column(&left.alias, &name, empty), syntax::column(&right.alias, &name, empty))
        }),
        JoinConstraint::On(condition) => equality(condition, scope, &left.alias, &right.alias),
        _ => None,
    };
    let Some((left_key, right_key)) = sides else { return Vec::new() };
    let outer = matches!(
        kind,
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_)
    );
    if !outer {
        return vec![syntax::sort_key(left_key, true, true)];
    }
    let mut keys = Vec::new();
    if let Some(position) = left.position() {
        let missing = Expr::IsNull(Box::new(position));
        keys.push(syntax::sort_key(missing, true, true));
    }
    let key = syntax::call("coalesce", empty, vec![left_key, right_key]);
    keys.push(syntax::sort_key(key, true, true));
    keys
}

/// The two columns of the first `left.x = right.y` in a lowered condition.
fn equality(condition: &Expr, scope: &Scope, left: &str, right: &str) -> Option<(Expr, Expr)> {
    match condition {
        Expr::Nested(inner) => equality(inner, scope, left, right),
        Expr::BinaryOp { left: a, op: BinaryOperator::And, right: b } => {
            equality(a, scope, left, right).or_else(|| equality(b, scope, left, right))
        }
        Expr::Function(function) => {
            let arguments = super::walk::plain_arguments(function);
            let [inner] = arguments.as_slice() else { return None };
            let Expr::BinaryOp { left: a, op: BinaryOperator::Eq, right: b } = inner else {
                return None;
            };
            let (owner_a, owner_b) = (owner(a, scope)?, owner(b, scope)?);
            if owner_a == left && owner_b == right {
                Some((a.as_ref().clone(), b.as_ref().clone()))
            } else if owner_a == right && owner_b == left {
                Some((b.as_ref().clone(), a.as_ref().clone()))
            } else {
                None
            }
        }
        _ => None,
    }
}

fn owner(expr: &Expr, scope: &Scope) -> Option<String> {
    match expr {
        Expr::CompoundIdentifier(parts) => parts.first().map(|ident| ident.value.clone()),
        Expr::Identifier(ident) => match scope.find(ident) {
            Ok(Found::Column(relation)) => Some(relation),
            _ => None,
        },
        _ => None,
    }
}

/// `AS name (columns)`: the relation takes the new names, the alias one more for the position.
fn renamed(alias: Option<&TableAlias>, relation: &mut Relation) -> Result<Option<TableAlias>> {
    let Some(alias) = alias else { return Ok(None) };
    let mut lowered = syntax::table_alias(&alias.name.value);
    if alias.columns.is_empty() {
        return Ok(Some(lowered));
    }
    let names: Vec<String> = alias.columns.iter().map(|c| c.name.value.clone()).collect();
    if let Some(columns) = &relation.columns
        && columns.len() != names.len()
    {
        return Err(Error::planning(
            format!(
                "'{}' has {} columns and is given {} names",
                relation.alias,
                columns.len(),
                names.len()
            ),
            Span::from_sqlparser(alias.name.span),
        ));
    }
    let define = |name: Ident| TableAliasColumnDef { name, data_type: None };
    lowered.columns = names.iter().map(|name| define(syntax::made(name))).collect();
    lowered.columns.extend(relation.hidden.iter().map(|name| define(syntax::made(name))));
    if relation.position {
        lowered.columns.push(define(syntax::made(POSITION)));
    }
    relation.columns = Some(names);
    Ok(Some(lowered))
}

fn plain_table(name: ObjectName, alias: Option<TableAlias>) -> TableFactor {
    TableFactor::Table {
        name,
        alias,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}
