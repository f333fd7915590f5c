//! Calls: which of the tensor functions, aggregates and DataFusion functions a name means here.

use std::collections::BTreeSet;

use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::CaseWhen;
use datafusion::sql::sqlparser::ast::DuplicateTreatment;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Function;
use datafusion::sql::sqlparser::ast::FunctionArg;
use datafusion::sql::sqlparser::ast::FunctionArgExpr;
use datafusion::sql::sqlparser::ast::FunctionArgumentClause;
use datafusion::sql::sqlparser::ast::FunctionArguments;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::ast::ObjectNamePart;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::WindowType;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_core::nearest::nearest;
use lakebed_functions::Entry;
use lakebed_functions::aggregates::Collect;
use lakebed_grammar::Span;

use super::Lowering;
use super::arguments;
use super::by_row::SOURCE_POSITION;
use super::expression::Clause;
use super::expression::Place;
use super::expression::RowNumber;
use super::expression::text_literal;
use super::syntax;
use super::walk;
use crate::error::Error;
use crate::error::Result;
use crate::expr_planner::strict_function_of;

/// The functions that a session knows, by lower-case name.
#[derive(Debug, Default)]
pub(crate) struct FunctionNames {
    scalar: BTreeSet<String>,
    aggregate: BTreeSet<String>,
    window: BTreeSet<String>,
}

impl FunctionNames {
    /// The functions of a session.
    pub fn of(state: &SessionState) -> FunctionNames {
        FunctionNames {
            scalar: state.scalar_functions().keys().map(|name| name.to_lowercase()).collect(),
            aggregate: state.aggregate_functions().keys().map(|name| name.to_lowercase()).collect(),
            window: state.window_functions().keys().map(|name| name.to_lowercase()).collect(),
        }
    }

    /// True for the name of any function, in any case.
    pub fn contains(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        [&self.scalar, &self.aggregate, &self.window].iter().any(|names| names.contains(&name))
    }

    /// The name nearest to one that does not exist.
    fn nearest(&self, name: &str) -> Option<String> {
        let tql = lakebed_functions::catalogue().iter().flat_map(|entry| entry.tql.iter().copied());
        let ours = nearest(name, tql.chain(["ROW_NUMBER", "COUNT", "MIN", "MAX"]));
        ours.or_else(|| {
            let all = self.scalar.iter().chain(&self.aggregate).chain(&self.window);
            nearest(name, all.map(String::as_str).filter(|name| !name.starts_with("tensor_")))
        })
    }
}

/// Functions of TQL that come later, and what to use meanwhile.
const LATER: [(&str, &str); 2] = [
    ("mmr_similarity", "sort by COSINE_SIMILARITY(column, vector) DESC"),
    ("sample_info", "select the columns that hold what you look for"),
];

/// What stands between a value and a function of SQL that reads it.
const READABLE: &str = "tensor_readable";
const READABLE_TEXT: &str = "tensor_readable_text";

/// Functions of SQL that would read the print of an array.
const OF_ONE_TEXT: [&str; 5] =
    ["character_length", "char_length", "length", "octet_length", "bit_length"];

/// Functions of SQL that take values of any type as they are.
const OF_ANY: [&str; 7] =
    ["greatest", "least", "nvl2", "struct", "named_struct", "arrow_typeof", "arrow_cast"];

/// How many rows a call looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// One row.
    Row,
    /// Many rows, whatever block it stands in.
    Rows,
    /// Inside the sample in a TQL block, over rows in an SQL block.
    Either,
}

impl Lowering<'_> {
    /// What a call looks at, by its name and its clauses.
    pub(crate) fn reach(&self, function: &Function) -> Reach {
        let Some(name) = walk::function_name(function) else { return Reach::Row };
        if !self.functions.aggregate.contains(&name) || arguments::reduces_inside(function) {
            return Reach::Row;
        }
        if lakebed_functions::udf_of_tql(&name).is_none()
            || function.over.is_some()
            || function.filter.is_some()
            || is_distinct(function)
        {
            return Reach::Rows;
        }
        Reach::Either
    }

    /// A call.
    pub(crate) fn function(
        &mut self,
        function: &Function,
        span: SourceSpan,
        place: &Place,
    ) -> Result<Expr> {
        let at = name_span(function).or(Span::from_sqlparser(span));
        let Some(name) = walk::function_name(function) else {
            return Err(Error::planning(format!("no function {}", function.name), at));
        };
        match name.as_str() {
            "row_number" if function.over.is_none() => return row_number(function, at, place),
            SOURCE_POSITION => return source_position(at, place),
            "random" => return self.random(function, at, place),
            "if" => return self.choice(function, at, place),
            "coalesce" | "ifnull" | "nvl" => return self.first_known(function, at, place),
            "nullif" => return self.null_if(function, at, place),
            "sum_weight" | "max_weight" => {
                let call = Expr::Function(function.clone());
                return self.weights(&name, &walk::plain_arguments(function), &call, place);
            }
            _ => {}
        }
        let over_rows = match self.reach(function) {
            Reach::Row => false,
            Reach::Rows => true,
            Reach::Either => {
                place.sql_block
                    && !place.in_aggregate
                    && matches!(place.clause, Clause::Select | Clause::Having | Clause::OrderBy)
            }
        };
        if over_rows {
            return self.aggregate(function, &name, at, place);
        }
        if let Some(entry) = entry(&name, function) {
            refuse_clauses(function, &name, at)?;
            let arguments = arguments::in_order(function, entry, place.scope)?;
            let arguments = self.values(&arguments, place)?;
            let written = function.name.0.first().and_then(ObjectNamePart::as_ident);
            let span = written.map_or(span, |ident| ident.span);
            // EQUALS(a, b) is a == b, LOGICAL_AND(a, b) is a AND b.
            let operator = match entry.udf {
                "tensor_eq" => Some(BinaryOperator::Eq),
                "tensor_and" => Some(BinaryOperator::And),
                "tensor_or" => Some(BinaryOperator::Or),
                _ => None,
            };
            let strict = operator.as_ref().and_then(strict_function_of);
            let udf = strict.filter(|_| !place.in_condition).unwrap_or(entry.udf);
            return Ok(syntax::call(udf, span, arguments));
        }
        if self.functions.window.contains(&name) && function.over.is_some() {
            return self.renamed(function, &name, place);
        }
        let name = if name == "len" { "character_length" } else { name.as_str() };
        if !self.functions.scalar.contains(name) {
            return Err(self.unknown(function, name, at));
        }
        let call = self.renamed(function, name, place)?;
        if lakebed_functions::by_udf_name(name).is_some() || OF_ANY.contains(&name) {
            return Ok(call);
        }
        let how = if OF_ONE_TEXT.contains(&name) { READABLE_TEXT } else { READABLE };
        Ok(with_readable_arguments(call, how))
    }

    fn unknown(&self, function: &Function, name: &str, at: Option<Span>) -> Error {
        if let Some((_, instead)) = LATER.iter().find(|(later, _)| *later == name) {
            return Error::Unsupported {
                what: name.to_uppercase(),
                span: at,
                help: Some((*instead).to_string()),
            };
        }
        let error = Error::planning(format!("no function {}", function.name), at);
        match self.functions.nearest(name) {
            Some(near) => error.with_help(format!("did you mean {near}?")),
            None => error.with_help("no name is near it; `lakebed functions` lists them all"),
        }
    }

    /// `IF(condition, a, b)`, which SQL writes as CASE.
    fn choice(&mut self, function: &Function, at: Option<Span>, place: &Place) -> Result<Expr> {
        refuse_clauses(function, "if", at)?;
        let [condition, then, otherwise] = walk::plain_arguments(function)[..] else {
            return Err(Error::planning("IF takes a condition and two values", at)
                .with_help("write IF(condition, value, other)"));
        };
        let condition = self.predicate(condition, place)?;
        let results = vec![self.value(then, place)?, self.value(otherwise, place)?];
        Ok(case(vec![condition], meeting(results)))
    }

    /// `COALESCE(a, b, ...)`: the first that is not null.
    fn first_known(
        &mut self,
        function: &Function,
        at: Option<Span>,
        place: &Place,
    ) -> Result<Expr> {
        refuse_clauses(function, "coalesce", at)?;
        let results = self.values(walk::plain_arguments(function), place)?;
        if results.is_empty() {
            return Err(Error::planning("COALESCE takes values", at)
                .with_help("write COALESCE(value, other)"));
        }
        let known = |value: &Expr| Expr::IsNotNull(Box::new(Expr::Nested(Box::new(value.clone()))));
        let conditions = results.iter().take(results.len() - 1).map(known).collect();
        Ok(case(conditions, meeting(results)))
    }

    /// `NULLIF(a, b)`: a, or null where it is b.
    fn null_if(&mut self, function: &Function, at: Option<Span>, place: &Place) -> Result<Expr> {
        refuse_clauses(function, "nullif", at)?;
        let [value, other] = walk::plain_arguments(function)[..] else {
            return Err(Error::planning("NULLIF takes two values", at)
                .with_help("write NULLIF(value, what_stands_for_null)"));
        };
        let equal = Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(value.clone()))),
            op: BinaryOperator::Eq,
            right: Box::new(Expr::Nested(Box::new(other.clone()))),
        };
        let condition = self.predicate(&equal, place)?;
        Ok(case(vec![condition], vec![syntax::null(), self.value(value, place)?]))
    }

    fn aggregate(
        &mut self,
        function: &Function,
        name: &str,
        at: Option<Span>,
        place: &Place,
    ) -> Result<Expr> {
        if matches!(place.clause, Clause::Where | Clause::On | Clause::GroupBy) {
            return Err(Error::planning(
                format!(
                    "{} looks at many rows, and here each row is judged alone",
                    name.to_uppercase()
                ),
                at,
            )
            .with_help("write it in SELECT, HAVING or ORDER BY, or filter a subquery"));
        }
        if function.over.is_none() {
            self.refuse_nested(function, name)?;
        }
        let inside = Place { in_aggregate: true, ..place.clone() };
        if name == "array_agg"
            && let Some(position) = collects(function, place)
        {
            // The rows of a group in their order, and what they are: names of classes, shapes.
            let mut call = self.renamed(function, Collect::NAME, &inside)?;
            if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut call
            {
                list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(position)));
            }
            return Ok(call);
        }
        let call = self.renamed(function, name, &inside)?;
        Ok(if name == "string_agg" { with_readable_arguments(call, READABLE) } else { call })
    }

    /// An aggregate over rows has no rows left inside another one.
    fn refuse_nested(&self, function: &Function, name: &str) -> Result<()> {
        let mut open = walk::plain_arguments(function);
        while let Some(next) = open.pop() {
            if let Expr::Function(inner) = next
                && inner.over.is_none()
                && self.reach(inner) == Reach::Rows
            {
                let (outer, inner_name) = (name.to_uppercase(), inner.name.to_string());
                return Err(Error::planning(
                    format!(
                        "{} stands inside {outer}: both look at many rows",
                        inner_name.to_uppercase()
                    ),
                    name_span(inner),
                )
                .with_help("compute the inner one in a subquery, and aggregate its result"));
            }
            open.extend(walk::children(next));
        }
        Ok(())
    }

    /// The same call under a UDF's name, with its parts lowered.
    fn renamed(&mut self, function: &Function, name: &str, place: &Place) -> Result<Expr> {
        let mut lowered = function.clone();
        let written = function.name.0.first().and_then(ObjectNamePart::as_ident);
        let span = written.map_or_else(SourceSpan::empty, |ident| ident.span);
        lowered.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_span(span, name))]);
        match &mut lowered.args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(_) => {
                return Err(Error::Unsupported {
                    what: format!("a query as the argument of {}", function.name),
                    span: Span::from_sqlparser(span),
                    help: Some("put the query in parentheses of its own".into()),
                });
            }
            FunctionArguments::List(list) => {
                for argument in &mut list.args {
                    match argument {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                            *expr = self.value(&expr.clone(), place)?;
                        }
                        FunctionArg::Unnamed(_) => {}
                        FunctionArg::Named { arg: FunctionArgExpr::Expr(expr), .. }
                        | FunctionArg::ExprNamed { arg: FunctionArgExpr::Expr(expr), .. } => {
                            *expr = self.value(&expr.clone(), place)?;
                        }
                        FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {}
                    }
                }
                for clause in &mut list.clauses {
                    if let FunctionArgumentClause::OrderBy(keys) = clause {
                        *keys = self.sort_keys(&keys.clone(), place)?;
                    }
                }
            }
        }
        if let Some(filter) = &function.filter {
            let here = Place { clause: Clause::Having, ..place.clone() };
            lowered.filter = Some(Box::new(self.predicate(filter, &here)?));
        }
        if let Some(WindowType::WindowSpec(window)) = &function.over {
            let mut spec = window.clone();
            spec.partition_by = self.values(&window.partition_by, place)?;
            spec.order_by = self.sort_keys(&window.order_by, place)?;
            lowered.over = Some(WindowType::WindowSpec(spec));
        }
        lowered.within_group = self.sort_keys(&function.within_group, place)?;
        Ok(Expr::Function(lowered))
    }
}

/// The position by which ARRAY_AGG(x) collects; `None` where it has an order of its own, takes each
/// value once, or looks at rows of several tables.
fn collects(function: &Function, place: &Place) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let plain = list.duplicate_treatment.is_none()
        && list.clauses.is_empty()
        && list.args.len() == 1
        && function.over.is_none()
        && function.within_group.is_empty()
        && function.null_treatment.is_none();
    match place.scope.relations.as_slice() {
        [only] if plain => only.position(),
        _ => None,
    }
}

/// The results of conditions, and the one that is left if none holds.
fn case(conditions: Vec<Expr>, results: Vec<Expr>) -> Expr {
    let mut results = results.into_iter();
    let whens: Vec<CaseWhen> = conditions
        .into_iter()
        .zip(results.by_ref())
        .map(|(condition, result)| CaseWhen { condition, result })
        .collect();
    let otherwise = results.next();
    match otherwise {
        Some(only) if whens.is_empty() => only,
        otherwise => Expr::Case {
            case_token: AttachedToken::empty(),
            end_token: AttachedToken::empty(),
            operand: None,
            conditions: whens,
            else_result: otherwise.map(Box::new),
        },
    }
}

/// Branches of which one is a written text are texts: class labels their names, JSON what it says.
/// Where types alone tell, [`crate::branches`] does.
pub(crate) fn meeting(mut results: Vec<Expr>) -> Vec<Expr> {
    if results.iter().any(|result| text_literal(result).is_some()) {
        results = results.into_iter().map(readable).collect();
    }
    results
}

/// A class label as its name, JSON as what it says; anything else as it is.
pub(crate) fn readable(value: Expr) -> Expr {
    if is_written(&value) {
        return value;
    }
    syntax::call(READABLE, value.span(), vec![value])
}

/// A call whose arguments a function of SQL reads.
fn with_readable_arguments(mut call: Expr, how: &str) -> Expr {
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut call {
        for argument in &mut list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument
                && !is_written(expr)
            {
                *expr = syntax::call(how, expr.span(), vec![expr.clone()]);
            }
        }
    }
    call
}

/// True for constants, which are neither labels nor JSON.
fn is_written(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => is_written(expr),
        _ => false,
    }
}

/// The tensor function that a name means in TQL. With `axis` or `keepdims` MIN and MAX reduce
/// inside the sample, too.
fn entry(name: &str, function: &Function) -> Option<&'static Entry> {
    let name = match name {
        "max" if arguments::reduces_inside(function) => "amax",
        "min" if arguments::reduces_inside(function) => "amin",
        name => name,
    };
    lakebed_functions::catalogue()
        .iter()
        .find(|entry| entry.tql.iter().any(|tql| tql.eq_ignore_ascii_case(name)))
}

fn row_number(function: &Function, at: Option<Span>, place: &Place) -> Result<Expr> {
    if !walk::plain_arguments(function).is_empty() {
        return Err(Error::planning("ROW_NUMBER takes no argument", at));
    }
    match &place.row_number {
        RowNumber::Is(expr) => Ok(expr.as_ref().clone()),
        RowNumber::Refused(reason) => Err(Error::planning(*reason, at)),
    }
}

fn source_position(at: Option<Span>, place: &Place) -> Result<Expr> {
    let position = match place.scope.relations.as_slice() {
        [only] => only.position(),
        _ => None,
    };
    position.ok_or_else(|| Error::planning("the rows here are not those of a dataset", at))
}

/// True for the call `ROW_NUMBER()` without a window.
pub(crate) fn is_row_number(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => {
            function.over.is_none()
                && walk::function_name(function).as_deref() == Some("row_number")
        }
        _ => false,
    }
}

fn is_distinct(function: &Function) -> bool {
    match &function.args {
        FunctionArguments::List(list) => {
            list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
        }
        _ => false,
    }
}

fn refuse_clauses(function: &Function, name: &str, at: Option<Span>) -> Result<()> {
    if function.over.is_some() || function.filter.is_some() || is_distinct(function) {
        return Err(Error::planning(
            format!(
                "{} reduces within one sample: it takes no DISTINCT, FILTER or OVER",
                name.to_uppercase()
            ),
            at,
        ));
    }
    Ok(())
}

/// The place of a call's name.
pub(crate) fn name_span(function: &Function) -> Option<Span> {
    Span::from_sqlparser(function.name.0.first()?.as_ident()?.span)
}
