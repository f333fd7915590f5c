//! What the columns of a result are and what they are called.

use datafusion::sql::sqlparser::ast::ExcludeSelectItem;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SelectItemQualifiedWildcardKind;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::WildcardAdditionalOptions;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::Span;

use super::Lowering;
use super::call::Reach;
use super::rename::joined_name;
use super::scope::Relation;
use super::scope::Scope;
use super::scope::span_of;
use super::syntax;
use super::walk;
use crate::error::Error;
use crate::error::Result;

/// One column of a result.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub name: String,
    /// As written, or the column that `*` stands for.
    pub expr: Expr,
    pub span: SourceSpan,
    /// True if it is a column of FROM under its own name.
    pub plain: bool,
    /// True if `*` brought it.
    star: bool,
}

impl Item {
    /// A column that no text wrote.
    pub fn made(name: &str, expr: Expr) -> Item {
        let span = SourceSpan::empty();
        Item { name: name.to_string(), expr, span, plain: false, star: false }
    }

    /// Every column of every table, hidden ones included, those of several tables under [`joined_name`]s.
    ///
    /// # Errors
    /// If only the planner knows the columns of a table.
    pub fn all_of(scope: &Scope) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        let single = scope.relations.len() == 1;
        for name in &scope.merged {
            items.push(Item::made(name, Expr::Identifier(syntax::made(name))));
        }
        for relation in &scope.relations {
            let Some(columns) = &relation.columns else {
                return Err(columns_unknown(relation, SourceSpan::empty()));
            };
            let all = columns.iter().chain(&relation.hidden);
            for column in all.filter(|column| !scope.merged.contains(column)) {
                let expr = syntax::column(&relation.alias, column, SourceSpan::empty());
                let name =
                    if single { column.clone() } else { joined_name(&relation.alias, column) };
                items.push(Item { plain: single, ..Item::made(&name, expr) });
            }
        }
        Ok(items)
    }

    /// The item of a SELECT.
    pub fn written(self) -> SelectItem {
        SelectItem::ExprWithAlias { expr: self.expr, alias: syntax::quoted(&self.name, self.span) }
    }
}

fn columns_unknown(relation: &Relation, span: SourceSpan) -> Error {
    Error::planning(
        format!("the columns of '{}' are not known here: name them", relation.alias),
        Span::from_sqlparser(span),
    )
}

impl Lowering<'_> {
    /// The columns of a SELECT, with `*` expanded and every name decided.
    ///
    /// In a query inside an expression nobody reads names: there they are made up where rules give
    /// none.
    pub(crate) fn items(
        &self,
        select: &Select,
        scope: &Scope,
        sql_block: bool,
        anonymous: bool,
    ) -> Result<Vec<Item>> {
        let mut items: Vec<Item> = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let name = match self.name(expr, sql_block) {
                        Err(_) if anonymous => format!("__c{}", items.len()),
                        name => name?,
                    };
                    let plain = is_column(expr);
                    push(
                        &mut items,
                        Item { name, expr: expr.clone(), span: expr.span(), plain, star: false },
                    )?;
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let plain = column_name(expr).is_some_and(|name| name == alias.value);
                    let item = Item {
                        name: alias.value.clone(),
                        expr: expr.clone(),
                        span: alias.span,
                        plain,
                        star: false,
                    };
                    push(&mut items, item)?;
                }
                SelectItem::Wildcard(options) => {
                    let span = item.span();
                    if scope.relations.is_empty() {
                        return Err(Error::planning(
                            "SELECT * needs a dataset",
                            Span::from_sqlparser(span),
                        )
                        .with_help("name one: FROM \"path/or/url\""));
                    }
                    check_excluded(options, &scope.relations, scope)?;
                    let mut merged = Vec::new();
                    for relation in &scope.relations {
                        star(&mut items, relation, &scope.merged, &mut merged, options, span)?;
                    }
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
                        return Err(unsupported(item));
                    };
                    let written = syntax::name_text(name);
                    let relation =
                        scope.relations.iter().find(|r| r.alias == written).ok_or_else(|| {
                            Error::planning(
                                format!("no table '{written}' in FROM"),
                                Span::from_sqlparser(name.span()),
                            )
                        })?;
                    check_excluded(options, std::slice::from_ref(relation), scope)?;
                    star(&mut items, relation, &[], &mut Vec::new(), options, name.span())?;
                }
                SelectItem::ExprWithAliases { .. } => return Err(unsupported(item)),
            }
        }
        Ok(items)
    }

    /// The name of an expression without AS: of its only column, or of its aggregate.
    fn name(&self, expr: &Expr, sql_block: bool) -> Result<String> {
        if let Some(name) = column_name(expr) {
            return Ok(name);
        }
        if let Expr::Function(function) = without_parentheses(expr) {
            let over_rows = match self.reach(function) {
                Reach::Rows => true,
                Reach::Either => sql_block,
                Reach::Row => false,
            };
            if over_rows && let Some(name) = walk::function_name(function) {
                return Ok(name);
            }
        }
        let mut names = Vec::new();
        let mut open = vec![expr];
        while let Some(next) = open.pop() {
            if let Some(name) = column_name(next)
                && !names.contains(&name)
            {
                names.push(name);
            }
            open.extend(walk::children(next));
        }
        match names.as_slice() {
            [name] => Ok(name.clone()),
            _ => {
                Err(Error::planning("this column needs a name", Span::from_sqlparser(expr.span()))
                    .with_help("add AS name"))
            }
        }
    }
}

/// Adds a column; one of `*` with the same name gives way and the new one stands last.
fn push(items: &mut Vec<Item>, item: Item) -> Result<()> {
    if let Some(at) = items.iter().position(|other| other.name == item.name) {
        let replaced = items.get(at).is_some_and(|other| other.star);
        if !replaced || item.star {
            return Err(Error::planning(
                format!("two columns of the result are named '{}'", item.name),
                Span::from_sqlparser(item.span),
            )
            .with_help("give one of them another name: AS name"));
        }
        items.remove(at);
    }
    items.push(item);
    Ok(())
}

fn star(
    items: &mut Vec<Item>,
    relation: &Relation,
    shared: &[String],
    merged: &mut Vec<String>,
    options: &WildcardAdditionalOptions,
    span: SourceSpan,
) -> Result<()> {
    if options.opt_ilike.is_some()
        || options.opt_replace.is_some()
        || options.opt_rename.is_some()
        || options.opt_alias.is_some()
    {
        return Err(Error::Unsupported {
            what: format!("'*{options}'"),
            span: Span::from_sqlparser(span),
            help: Some("write *, expression AS column to replace a column".into()),
        });
    }
    let left_out: Vec<String> = excluded(options).into_iter().map(|name| name.value).collect();
    let Some(columns) = &relation.columns else {
        return Err(columns_unknown(relation, span));
    };
    for column in columns.iter().filter(|column| !left_out.contains(column)) {
        let expr = if shared.contains(column) {
            if merged.contains(column) {
                continue;
            }
            merged.push(column.clone());
            Expr::Identifier(syntax::quoted(column, span))
        } else {
            syntax::column(&relation.alias, column, span)
        };
        push(items, Item { name: column.clone(), expr, span, plain: true, star: true })?;
    }
    Ok(())
}

/// The columns that EXCEPT and EXCLUDE leave out of `*`.
fn excluded(options: &WildcardAdditionalOptions) -> Vec<Ident> {
    let mut names = Vec::new();
    if let Some(except) = &options.opt_except {
        names.push(except.first_element.clone());
        names.extend(except.additional_elements.iter().cloned());
    }
    let one = |name: &ObjectName| syntax::quoted(&syntax::name_text(name), name.span());
    match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => names.push(one(name)),
        Some(ExcludeSelectItem::Multiple(all)) => names.extend(all.iter().map(one)),
        None => {}
    }
    names
}

/// What is left out must be there.
fn check_excluded(
    options: &WildcardAdditionalOptions,
    relations: &[Relation],
    scope: &Scope,
) -> Result<()> {
    for name in excluded(options) {
        let known = relations.iter().any(|relation| {
            relation.columns.as_ref().is_none_or(|columns| columns.contains(&name.value))
        });
        if !known {
            return Err(Scope { relations: relations.to_vec(), ..scope.clone() }.unknown(&name));
        }
    }
    Ok(())
}

fn unsupported(item: &SelectItem) -> Error {
    Error::Unsupported {
        what: format!("'{item}' in SELECT"),
        span: Span::from_sqlparser(item.span()),
        help: None,
    }
}

pub(crate) fn without_parentheses(expr: &Expr) -> &Expr {
    let mut expr = expr;
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

/// The name of a bare column.
pub(crate) fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|ident| ident.value.clone()),
        _ => None,
    }
}

fn is_column(expr: &Expr) -> bool {
    column_name(expr).is_some()
}

/// Columns of a grouped SELECT that are neither keys nor inside an aggregate are refused here,
/// where the place is known.
pub(crate) fn check_grouped(
    lowering: &Lowering<'_>,
    expr: &Expr,
    scope: &Scope,
    keys: &[String],
    what: &str,
) -> Result<()> {
    let bare = without_parentheses(expr);
    if keys.contains(&bare.to_string().replace('"', "")) {
        return Ok(());
    }
    if let Some(name) = column_name(bare) {
        if keys.contains(&name) {
            return Ok(());
        }
        if let Expr::Identifier(ident) = bare {
            scope.find(ident)?;
        }
        let span = match bare {
            Expr::Identifier(ident) => span_of(ident),
            other => Span::from_sqlparser(other.span()),
        };
        return Err(Error::planning(
            format!("'{name}' in {what} is neither a key of GROUP BY nor inside an aggregate"),
            span,
        )
        .with_help(format!("add it to GROUP BY, or collect its values: ARRAY_AGG({name})")));
    }
    if let Expr::Function(function) = bare {
        let aggregates = match lowering.reach(function) {
            Reach::Rows => function.over.is_none(),
            Reach::Either => true,
            Reach::Row => false,
        };
        if aggregates {
            return Ok(());
        }
    }
    for child in walk::children(bare) {
        check_grouped(lowering, child, scope, keys, what)?;
    }
    Ok(())
}
