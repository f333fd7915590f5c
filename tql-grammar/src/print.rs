//! Tree to text. Parsing the text gives the same tree.
//!
//! sqlparser prints its own nodes; ours are replaced, from the inside out, by nodes that print as
//! a given text: an unquoted identifier among expressions, and for a whole query a statement whose
//! first token is that text. Those nodes live only while printing.

use std::ops::ControlFlow;

use sqlparser::ast::ConditionalStatementBlock;
use sqlparser::ast::ConditionalStatements;
use sqlparser::ast::Expr;
use sqlparser::ast::GroupByExpr;
use sqlparser::ast::Ident;
use sqlparser::ast::IfStatement;
use sqlparser::ast::LimitClause;
use sqlparser::ast::ObjectName;
use sqlparser::ast::Query;
use sqlparser::ast::Select;
use sqlparser::ast::SelectItem;
use sqlparser::ast::SetExpr;
use sqlparser::ast::TableFactor;
use sqlparser::ast::UnaryOperator;
use sqlparser::ast::VisitorMut;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::tokenizer::Span;
use sqlparser::tokenizer::Token;
use sqlparser::tokenizer::TokenWithSpan;

use crate::clauses::Across;
use crate::clauses::Clauses;
use crate::clauses::Ungroup;
use crate::statement::Explain;
use crate::statement::Statement;
use crate::subscript;
use crate::subscript::Item;
use crate::visit;

/// The statement as text of the language it was parsed from.
pub fn print(statement: &Statement) -> String {
    let mut query = statement.query.clone();
    let _ = visit::query_mut(&mut query, &mut Printer);
    let prefix = match statement.explain {
        None => "",
        Some(Explain::Plan) => "EXPLAIN ",
        Some(Explain::Analyze) => "EXPLAIN ANALYZE ",
    };
    format!("{prefix}{query}")
}

/// An expression as text, subscripts included.
pub fn print_expr(expr: &Expr) -> String {
    let mut expr = expr.clone();
    let _ = visit::expr_mut(&mut expr, &mut Printer);
    expr.to_string()
}

struct Printer;

impl VisitorMut for Printer {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some((root, items)) = subscript::as_subscript(expr) {
            let items: Vec<String> = items.iter().map(item).collect();
            *expr = raw(format!("{}[{}]", root_text(root), items.join(", ")));
        } else if let Some((left, right)) = subscript::as_pair(expr) {
            *expr = raw(format!("{left}: {right}"));
        } else if let Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } = expr
            && inner.to_string().starts_with('-')
        {
            // sqlparser prints `- -a` as `--a`, which is a comment.
            *expr = raw(format!("- {inner}"));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let clauses = Clauses::take(query);
        if clauses.is_empty() {
            return ControlFlow::Continue(());
        }
        if let SetExpr::Select(select) = query.body.as_mut() {
            add_to_select(select, &clauses);
        }
        if clauses.limit_percent
            && let Some(LimitClause::LimitOffset { limit: Some(limit), .. }) =
                query.limit_clause.as_mut()
        {
            *limit = raw(format!("{limit} PERCENT"));
        }
        let mut text = query.to_string();
        add_to_query(&mut text, &clauses);
        query.with = None;
        query.order_by = None;
        query.limit_clause = None;
        query.fetch = None;
        query.locks.clear();
        *query.body = raw_query(text);
        ControlFlow::Continue(())
    }
}

/// An expression that prints as this text.
fn raw(text: String) -> Expr {
    Expr::Identifier(Ident::new(text))
}

/// A query body that prints as this text: an IF statement prints its first token, and nothing else
/// when it has no condition and no statements.
fn raw_query(text: String) -> SetExpr {
    let token = TokenWithSpan { token: Token::make_word(&text, None), span: Span::empty() };
    SetExpr::Insert(sqlparser::ast::Statement::If(IfStatement {
        if_block: ConditionalStatementBlock {
            start_token: AttachedToken(token),
            condition: None,
            then_token: None,
            conditional_statements: ConditionalStatements::Sequence { statements: Vec::new() },
        },
        elseif_blocks: Vec::new(),
        else_block: None,
        end_token: None,
    }))
}

/// The root of a subscript, in parentheses if it would bind weaker than `[`.
fn root_text(root: &Expr) -> String {
    match root {
        Expr::BinaryOp { .. }
        | Expr::UnaryOp { .. }
        | Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_) => format!("({root})"),
        root => root.to_string(),
    }
}

fn item(item: &Item) -> String {
    let bound = |part: &Option<Expr>| part.as_ref().map(Expr::to_string).unwrap_or_default();
    match item {
        Item::Index(index) => index.to_string(),
        Item::Rest => "...".to_string(),
        Item::Slice { start, stop, step: None } => format!("{}:{}", bound(start), bound(stop)),
        Item::Slice { start, stop, step } => {
            format!("{}:{}:{}", bound(start), bound(stop), bound(step))
        }
    }
}

/// Puts EXPAND, ACROSS and UNGROUP behind the part of the SELECT that they follow.
fn add_to_select(select: &mut Select, clauses: &Clauses) {
    if let Some(expand) = &clauses.expand {
        let mut text = format!("EXPAND BY {}", expand.before);
        if let Some(after) = &expand.after {
            text.push_str(&format!(" {after}"));
        }
        if !expand.overlap {
            text.push_str(" OVERLAP false");
        }
        append(select, Part::Where, &text);
    }
    match clauses.across {
        Some(Across::Space) => append(select, Part::Group, "ACROSS SPACE"),
        Some(Across::Time) => append(select, Part::Group, "ACROSS TIME"),
        None => {}
    }
    match &clauses.ungroup {
        Some(Ungroup::Split) => append(select, Part::Having, "UNGROUP BY SPLIT"),
        Some(Ungroup::Parts(how)) => append(select, Part::Having, &format!("UNGROUP BY {how}")),
        Some(Ungroup::Lengths(how)) => {
            append(select, Part::Having, &format!("UNGROUP BY ARRAY{how}"));
        }
        None => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Where,
    Group,
    Having,
}

/// Appends the text to the last part of the SELECT that stands at or before `part`.
fn append(select: &mut Select, part: Part, text: &str) {
    let add = |expr: &mut Expr| *expr = raw(format!("{expr} {text}"));
    if part == Part::Having
        && let Some(expr) = select.qualify.as_mut().or(select.having.as_mut())
    {
        return add(expr);
    }
    if part >= Part::Group
        && let GroupByExpr::Expressions(keys, _) = &mut select.group_by
        && let Some(last) = keys.last_mut()
    {
        return add(last);
    }
    if let Some(expr) = select.selection.as_mut() {
        return add(expr);
    }
    if let Some(last) = select.from.last_mut() {
        let name = ObjectName::from(vec![Ident::new(format!("{last} {text}"))]);
        last.joins.clear();
        last.relation = TableFactor::Table {
            name,
            alias: None,
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        };
        return;
    }
    if let Some(last) = select.projection.last_mut() {
        *last = SelectItem::UnnamedExpr(raw(format!("{last} {text}")));
    }
}

/// Appends SAMPLE and ARRANGE to the text of a query.
fn add_to_query(text: &mut String, clauses: &Clauses) {
    if let Some(sample) = &clauses.sample {
        text.push_str(&format!(" SAMPLE BY {}", sample.weight));
        if !sample.replace {
            text.push_str(" REPLACE false");
        }
        if let Some(limit) = &sample.limit {
            text.push_str(&format!(" LIMIT {limit}"));
        }
        if sample.percent {
            text.push_str(" PERCENT");
        }
    }
    if !clauses.arrange.is_empty() {
        let keys: Vec<String> = clauses.arrange.iter().map(Expr::to_string).collect();
        text.push_str(&format!(" ARRANGE BY {}", keys.join(", ")));
    }
}
