//! The arguments of tensor functions, some of them by name: `SUM(x, axis => 0)`, or
//! `SUM(x, axis=0)`, as NumPy has it.

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Function;
use datafusion::sql::sqlparser::ast::FunctionArg;
use datafusion::sql::sqlparser::ast::FunctionArgExpr;
use datafusion::sql::sqlparser::ast::FunctionArguments;
use datafusion::sql::sqlparser::ast::Ident;
use lakebed_core::nearest::nearest;
use lakebed_functions::Entry;
use lakebed_grammar::Span;

use super::scope::Scope;
use super::syntax;
use crate::error::Error;
use crate::error::Result;

/// What `axis` and `keepdims` say, whatever a function is called: it reduces inside the sample.
const INSIDE: [&str; 2] = ["axis", "keepdims"];

/// The arguments of a call in order, absent ones as NULL.
///
/// # Errors
/// A name that the function does not have, or that is given twice.
pub(crate) fn in_order(call: &Function, entry: &Entry, scope: &Scope) -> Result<Vec<Expr>> {
    let FunctionArguments::List(list) = &call.args else { return Ok(Vec::new()) };
    let many = entry.parameters.iter().position(|name| name.starts_with('*'));
    let mut placed: Vec<Option<Expr>> = Vec::new();
    let mut behind: Vec<Option<Expr>> = Vec::new();
    for argument in &list.args {
        match named(argument, entry, scope) {
            None => match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    placed.push(Some(expr.clone()));
                }
                other => {
                    return Err(Error::planning(
                        format!("'{other}' is no argument of {}", call.name),
                        super::call::name_span(call),
                    ));
                }
            },
            Some((name, value)) => {
                let at = place(name, call, entry)?;
                let (slots, at) = match many {
                    Some(many) if at > many => (&mut behind, at - many - 1),
                    _ => (&mut placed, at),
                };
                if slots.len() <= at {
                    slots.resize(at + 1, None);
                }
                if slots.get(at).is_some_and(Option::is_some) {
                    return Err(Error::planning(
                        format!("{} is given {} twice", call.name, name.value),
                        Span::from_sqlparser(name.span),
                    ));
                }
                if let Some(slot) = slots.get_mut(at) {
                    *slot = Some(value.clone());
                }
            }
        }
    }
    placed.extend(behind);
    Ok(placed.into_iter().map(|expr| expr.unwrap_or_else(syntax::null)).collect())
}

/// True if a call names `axis` or `keepdims`, or is MIN or MAX along an axis: `MAX(x, 0)`.
pub(crate) fn reduces_inside(call: &Function) -> bool {
    let FunctionArguments::List(list) = &call.args else { return false };
    let extreme =
        ["min", "max"].iter().any(|name| call.name.to_string().eq_ignore_ascii_case(name));
    if extreme && list.args.len() > 1 {
        return true;
    }
    list.args.iter().any(|argument| {
        written_name(argument).is_some_and(|(name, _)| {
            INSIDE.iter().any(|inside| name.value.eq_ignore_ascii_case(inside))
        })
    })
}

fn place(name: &Ident, call: &Function, entry: &Entry) -> Result<usize> {
    let names = || entry.parameters.iter().map(|name| name.trim_start_matches('*'));
    if let Some(at) = names().position(|known| known.eq_ignore_ascii_case(&name.value)) {
        return Ok(at);
    }
    let error = Error::planning(
        format!("{} has no argument '{}'", call.name, name.value),
        Span::from_sqlparser(name.span),
    );
    Err(match nearest(&name.value, names()) {
        Some(near) => error.with_help(format!("did you mean '{near}'?")),
        None => {
            error.with_help(format!("its arguments are {}", names().collect::<Vec<_>>().join(", ")))
        }
    })
}

/// The name and the value of an argument that is given by name. `axis = 0` is a comparison if
/// there is a column `axis`.
fn named<'a>(
    argument: &'a FunctionArg,
    entry: &Entry,
    scope: &Scope,
) -> Option<(&'a Ident, &'a Expr)> {
    let (name, value) = written_name(argument)?;
    if let FunctionArg::Unnamed(_) = argument {
        let known = entry.parameters.iter().any(|known| known.eq_ignore_ascii_case(&name.value));
        if !known || scope.find(name).is_ok() {
            return None;
        }
    }
    Some((name, value))
}

fn written_name(argument: &FunctionArg) -> Option<(&Ident, &Expr)> {
    match argument {
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => Some((name, value)),
        FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg: FunctionArgExpr::Expr(value),
            ..
        } => Some((name, value)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        })) => match left.as_ref() {
            Expr::Identifier(name) => Some((name, right)),
            _ => None,
        },
        _ => None,
    }
}
