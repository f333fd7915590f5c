//! What a person reads about a function.

/// Names, signature, help and example of one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Names in TQL, the usual one first; empty for operators and helpers that TQL never calls by
    /// name.
    pub tql: &'static [&'static str],
    /// Name of the UDF, which SQL may call.
    pub udf: &'static str,
    /// Short names in SQL, where DataFusion has no function of that name.
    pub aliases: &'static [&'static str],
    /// The names of all arguments in order, for calls such as `SUM(x, axis => 0)`. A name that
    /// begins with `*` stands for any number of arguments; those after it are given by name only.
    pub parameters: &'static [&'static str],
    /// How it is called, with types.
    pub signature: &'static str,
    /// What it does, in a sentence or two.
    pub help: &'static str,
    /// A query over the demo's columns or over constants that shows it.
    pub example: &'static str,
}
