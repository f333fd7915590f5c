//! `RANDOM()`: a number that depends on the session's seed and the row's position only (rule 5).

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Function;
use datafusion::sql::sqlparser::ast::FunctionArg;
use datafusion::sql::sqlparser::ast::FunctionArguments;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::Span;

use super::Lowering;
use super::expression::Place;
use super::scope::Relation;
use super::syntax;
use super::walk;
use crate::error::Error;
use crate::error::Result;

impl Lowering<'_> {
    /// `RANDOM()`, or `RANDOM(seed => 7)` with a seed of its own. Two calls in a query differ, unless
    /// they name the same seed.
    pub(crate) fn random(
        &mut self,
        call: &Function,
        at: Option<Span>,
        place: &Place,
    ) -> Result<Expr> {
        let empty = SourceSpan::empty();
        let mut seed = match walk::plain_arguments(call).as_slice() {
            [] => {
                self.randoms += 1;
                syntax::number(self.seed.wrapping_add(self.randoms).cast_signed())
            }
            [seed] if is_named(call) => self.value(seed, place)?,
            _ => {
                return Err(Error::planning("RANDOM takes no argument but its seed, by name", at)
                    .with_help("write RANDOM() or RANDOM(seed => 7)"));
            }
        };
        let positions: Vec<Expr> =
            place.scope.relations.iter().filter_map(Relation::position).collect();
        if positions.len() < place.scope.relations.len() {
            return Err(Error::planning(
                "RANDOM needs the position of a row, and a table here has none",
                at,
            )
            .with_help("select from a dataset or a subquery"));
        }
        if positions.is_empty() {
            return Ok(syntax::call("tensor_random", empty, vec![syntax::number(0), seed]));
        }
        // The rows of a join are told apart by all their positions, one after another.
        for position in positions {
            let position = syntax::as_integer(position);
            seed = syntax::call("tensor_random", empty, vec![position, seed]);
        }
        Ok(seed)
    }
}

/// True if the argument is given as `seed => value`.
fn is_named(call: &Function) -> bool {
    let FunctionArguments::List(list) = &call.args else { return false };
    let named = |name: &str| name.eq_ignore_ascii_case("seed");
    list.args.iter().all(|argument| match argument {
        FunctionArg::Named { name, .. } => named(&name.value),
        FunctionArg::ExprNamed { name: Expr::Identifier(name), .. } => named(&name.value),
        _ => false,
    })
}
