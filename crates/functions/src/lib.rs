//! Tensor functions as DataFusion scalar functions over decoded tensors: comparisons, arithmetic,
//! mathematics, truth, NumPy slices, reductions along axes, shapes, order, norms, matrix products,
//! similarities, boxes, images, text and token search, JSON access, random numbers of positions, and
//! functions that users write.
//!
//! This crate never decodes, reads nothing, and knows no dataset, no planner and no catalog.
//!
//! Read first: [`function`] (what every function provides), [`udf`] (the one place that speaks
//! DataFusion), [`value`] (how a kernel sees its arguments). Then any file of `kernels`: one
//! function, or one family with the same kernel, a file.

pub mod aggregates;
mod along;
mod assemble;
mod axes;
mod bits;
mod blocks;
mod boxes;
mod broadcast;
mod by_row;
mod canonical;
mod decimals;
mod elementwise;
mod emptiness;
pub mod entry;
pub mod error;
mod few;
mod flat;
pub mod function;
#[cfg(test)]
mod fuzz;
mod gather;
mod glob;
mod images;
mod json;
mod json_access;
mod kernels;
mod labels;
mod lanes;
mod matching;
mod mix;
mod native;
mod numbers;
mod order;
mod per_item;
mod permute;
mod plain;
#[cfg(test)]
mod property_tests;
pub mod random;
mod relabel;
mod resampling;
mod row_writer;
mod shapes;
mod substring;
#[cfg(test)]
mod testing;
pub mod tokens;
pub mod udf;
pub mod user;
pub mod value;
mod vectors;
mod wide;
mod words;

pub use aggregates::aggregates;
pub use entry::Entry;
pub use error::FunctionError;
pub use function::Arg;
pub use function::Output;
pub use function::TensorFunction;
pub use numbers::Numbers;
pub use udf::TensorUdf;
pub use user::UserFunction;
pub use value::Value;

use std::sync::LazyLock;

use datafusion_expr::ScalarUDF;

/// Every function of this crate, ready to be registered in a session.
pub fn all() -> Vec<ScalarUDF> {
    kernels::ALL
        .iter()
        .map(|function| ScalarUDF::new_from_impl(TensorUdf::new(*function)))
        .collect()
}

/// The function of a name or alias of [`Entry`], in any case.
pub fn by_udf_name(name: &str) -> Option<ScalarUDF> {
    kernels::ALL
        .iter()
        .find(|function| {
            let entry = function.entry();
            entry.udf.eq_ignore_ascii_case(name)
                || entry.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
        })
        .map(|function| ScalarUDF::new_from_impl(TensorUdf::new(*function)))
}

/// The UDF name behind a function name in TQL, in any case.
pub fn udf_of_tql(name: &str) -> Option<&'static str> {
    catalogue()
        .iter()
        .find(|entry| entry.tql.iter().any(|tql| tql.eq_ignore_ascii_case(name)))
        .map(|entry| entry.udf)
}

/// True for the name of a type that elements of tensors have, ours or SQL's: `f32`, `FLOAT`.
pub fn is_element_type(name: &str) -> bool {
    kernels::cast::named(name).is_some()
}

/// Name, signature, help and example of every function, in the order in which help lists them.
pub fn catalogue() -> &'static [Entry] {
    static CATALOGUE: LazyLock<Vec<Entry>> =
        LazyLock::new(|| kernels::ALL.iter().map(|function| *function.entry()).collect());
    &CATALOGUE
}

#[cfg(test)]
mod tests;
