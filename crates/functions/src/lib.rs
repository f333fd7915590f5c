//! Tensor functions as DataFusion scalar functions over decoded tensors: comparisons, arithmetic,
//! truth, NumPy slices, reductions, norms, similarities, box overlap, text patterns and JSON access.
//!
//! This crate never decodes, reads nothing, and knows no dataset, no planner and no catalog.
//!
//! Read first: [`function`] (what every function provides), [`udf`] (the one place that speaks
//! DataFusion), [`value`] (how a kernel sees its arguments). Then any file of `kernels`: one
//! function, or one family with the same kernel, a file.

mod assemble;
mod bits;
mod blocks;
mod boxes;
mod by_row;
mod elementwise;
mod emptiness;
pub mod entry;
pub mod error;
pub mod function;
mod gather;
mod glob;
mod json;
mod json_access;
mod kernels;
mod labels;
mod lanes;
mod matching;
mod native;
mod numbers;
mod plain;
mod shapes;
#[cfg(test)]
mod testing;
pub mod udf;
pub mod value;
mod vectors;
mod wide;

pub use entry::Entry;
pub use error::FunctionError;
pub use function::Arg;
pub use function::Output;
pub use function::TensorFunction;
pub use udf::TensorUdf;

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

/// Name, signature, help and example of every function, in the order in which help lists them.
pub fn catalogue() -> &'static [Entry] {
    static CATALOGUE: LazyLock<Vec<Entry>> =
        LazyLock::new(|| kernels::ALL.iter().map(|function| *function.entry()).collect());
    &CATALOGUE
}

#[cfg(test)]
mod tests;
