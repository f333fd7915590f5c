//! Making pieces of a `sqlparser` tree.

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::CastKind;
use datafusion::sql::sqlparser::ast::DataType;
use datafusion::sql::sqlparser::ast::ExactNumberInfo;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Function;
use datafusion::sql::sqlparser::ast::FunctionArg;
use datafusion::sql::sqlparser::ast::FunctionArgExpr;
use datafusion::sql::sqlparser::ast::FunctionArgumentList;
use datafusion::sql::sqlparser::ast::FunctionArguments;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::ast::ObjectNamePart;
use datafusion::sql::sqlparser::ast::OrderBy;
use datafusion::sql::sqlparser::ast::OrderByExpr;
use datafusion::sql::sqlparser::ast::OrderByKind;
use datafusion::sql::sqlparser::ast::OrderByOptions;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectFlavor;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::TableAlias;
use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::ast::TableWithJoins;
use datafusion::sql::sqlparser::ast::Value;
use datafusion::sql::sqlparser::ast::WindowSpec;
use datafusion::sql::sqlparser::ast::WindowType;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::tokenizer::Span;

/// A name that is taken as it is, whatever it holds.
pub(crate) fn quoted(name: &str, span: Span) -> Ident {
    Ident { value: name.to_string(), quote_style: Some('"'), span }
}

/// A name that no text of a query wrote.
pub(crate) fn made(name: &str) -> Ident {
    quoted(name, Span::empty())
}

/// `relation.name`.
pub(crate) fn column(relation: &str, name: &str, span: Span) -> Expr {
    Expr::CompoundIdentifier(vec![quoted(relation, span), quoted(name, span)])
}

/// `name(arguments)`.
pub(crate) fn call(name: &str, span: Span, arguments: Vec<Expr>) -> Expr {
    Expr::Function(function(name, span, arguments))
}

/// `name(arguments)`, to be given more parts.
pub(crate) fn function(name: &str, span: Span, arguments: Vec<Expr>) -> Function {
    Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::with_span(span, name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .into_iter()
                .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

/// A text literal.
pub(crate) fn text(value: impl Into<String>, span: Span) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.into()).with_span(span))
}

/// A whole number.
pub(crate) fn number(value: impl ToString) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).with_span(Span::empty()))
}

/// `left op right`.
pub(crate) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// `NULL`.
pub(crate) fn null() -> Expr {
    Expr::Value(Value::Null.with_span(Span::empty()))
}

/// `TRUE` or `FALSE`.
pub(crate) fn boolean(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).with_span(Span::empty()))
}

/// `CAST(expr AS BIGINT)`.
pub(crate) fn as_integer(expr: Expr) -> Expr {
    cast(expr, DataType::BigInt(None))
}

/// `CAST(expr AS DOUBLE)`.
pub(crate) fn as_double(expr: Expr) -> Expr {
    cast(expr, DataType::Double(ExactNumberInfo::None))
}

/// A written decimal as REAL where that has room for it, else as DOUBLE.
pub(crate) fn as_decimal(expr: Expr, digits: &str) -> Expr {
    let fits = digits.parse::<f32>().is_ok_and(f32::is_finite);
    if fits { cast(expr, DataType::Real) } else { as_double(expr) }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `expr ASC` or `DESC`, with nulls first or last.
pub(crate) fn sort_key(expr: Expr, ascending: bool, nulls_first: bool) -> OrderByExpr {
    OrderByExpr {
        expr,
        options: OrderByOptions { asc: Some(ascending), nulls_first: Some(nulls_first) },
        with_fill: None,
    }
}

/// `ORDER BY keys`; `None` without keys.
pub(crate) fn order_by(keys: Vec<OrderByExpr>) -> Option<OrderBy> {
    if keys.is_empty() {
        return None;
    }
    Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None })
}

/// `row_number() OVER (ORDER BY keys) - less` as a signed integer; the first row's number is 1.
pub(crate) fn row_number(keys: Vec<OrderByExpr>, less: u64) -> Expr {
    minus(row_number_among(Vec::new(), keys), less)
}

/// `row_number() OVER (PARTITION BY equal ORDER BY keys)` as a signed integer, from 1.
pub(crate) fn row_number_among(equal: Vec<Expr>, keys: Vec<OrderByExpr>) -> Expr {
    let mut call = function("row_number", Span::empty(), Vec::new());
    call.over = Some(WindowType::WindowSpec(WindowSpec {
        window_name: None,
        partition_by: equal,
        order_by: keys,
        window_frame: None,
    }));
    as_integer(Expr::Function(call))
}

/// `(expr - less)`.
pub(crate) fn minus(expr: Expr, less: u64) -> Expr {
    if less == 0 {
        return expr;
    }
    Expr::Nested(Box::new(binary(expr, BinaryOperator::Minus, number(less))))
}

/// `expr AS "name"`.
pub(crate) fn aliased(expr: Expr, name: &str, span: Span) -> SelectItem {
    SelectItem::ExprWithAlias { expr, alias: quoted(name, span) }
}

/// `AS "name"` behind a table.
pub(crate) fn table_alias(name: &str) -> TableAlias {
    TableAlias { explicit: true, name: made(name), columns: Vec::new(), at: None }
}

/// `(query) AS "name"`.
pub(crate) fn derived(query: Query, alias: TableAlias) -> TableFactor {
    TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(alias),
        sample: None,
    }
}

/// `SELECT projection FROM from`, to be given more clauses.
pub(crate) fn select(projection: Vec<SelectItem>, from: Vec<TableWithJoins>) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

/// A query of that body and nothing else.
pub(crate) fn query(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// A table alone in FROM.
pub(crate) fn from_one(relation: TableFactor) -> Vec<TableWithJoins> {
    vec![TableWithJoins { relation, joins: Vec::new() }]
}

/// The text of a name's parts, joined by dots.
pub(crate) fn name_text(name: &ObjectName) -> String {
    let parts: Vec<String> = name
        .0
        .iter()
        .map(|part| part.as_ident().map_or_else(|| part.to_string(), |ident| ident.value.clone()))
        .collect();
    parts.join(".")
}
