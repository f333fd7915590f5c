//! The language front of Lakebed: TQL and SQL text to a syntax tree and back, with errors that
//! point at the token at fault.
//!
//! The tree is `sqlparser`'s, so that whoever plans SQL can plan it; subscripts are function nodes
//! in it, and TQL's own clauses are attached to the query they belong to.
//!
//! This crate never looks at data, resolves no name, and knows nothing of DataFusion.
//!
//! Read first: [`parse`] (the way from text to tree), [`clauses`] (what TQL adds to a query),
//! [`subscript`] (what `a[1:2, ...]` becomes).

pub mod change;
pub mod clauses;
mod dialect;
mod error;
mod hints;
pub mod keywords;
mod normalize;
pub mod parse;
pub mod print;
mod render;
mod rewrite;
mod span;
mod statement;
pub mod subscript;
pub mod visit;

pub use clauses::Clauses;
pub use error::SyntaxError;
pub use parse::MAX_SUBQUERIES;
pub use parse::parse_sql;
pub use parse::parse_tql;
pub use print::print;
pub use print::print_expr;
pub use render::render_error;
pub use span::Position;
pub use span::Span;
pub use sqlparser;
pub use statement::Explain;
pub use statement::Language;
pub use statement::Statement;
