//! `bm25_score(text, query, statistics)`: what `BM25_SIMILARITY(text, query)` becomes (rule 24).
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with
//! the logarithm that is never negative (as in Lucene): for each distinct term t of the query
//!
//! ```text
//! ln(1 + (rows - df + 0.5) / (df + 0.5)) * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length / mean))
//! ```
//!
//! where tf is how often the text has t, df how many texts have it, length the tokens of the text
//! and mean their mean over all texts.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;
use lakebed_core::Shape;

use crate::entry::Entry;
use crate::error::Result;
use crate::few::Few;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::row_writer::write;
use crate::tokens::Terms;
use crate::value::Value;
use crate::value::any_null;

/// How soon more of the same term adds little.
const K1: f64 = 1.2;
/// How much long texts are held against themselves, from 0 to 1.
const B: f64 = 0.75;

/// How well a text answers a query.
#[derive(Debug)]
pub struct Bm25Score;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "bm25_score",
    aliases: &[],
    parameters: &["text", "query", "statistics"],
    signature: "bm25_score(text, query, [rows, mean length, rows with term 1, rows with term 2, ...]) -> f64; in TQL: BM25_SIMILARITY(text, query)",
    help: "The BM25 score of a text for a query, with k1 1.2 and b 0.75; 0 without a match. The statistics are of all rows: how many texts there are, the mean of bm25_length(text), and the sum of each element of bm25_terms(text, query).",
    example: "SELECT bm25_score('Deep Lake stores tensors', 'deep lake', ARRAY[10, 4.7, 4, 3]) AS score",
};

impl TensorFunction for Bm25Score {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (3, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let fits = match args {
            [text, query, statistics] => {
                text.is_text()
                    && query.is_text()
                    && statistics.numeric().is_some_and(|ty| ty.ndim() == 1)
            }
            _ => false,
        };
        if !fits {
            return Err(self.wrong_types(
                args,
                "it takes a text, the text of a query, and the statistics of all texts",
            ));
        }
        Ok(Output::scalar(DType::F64, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [text, query, statistics] = args else {
            return Err(self.wrong_types(&[], "three arguments are needed"));
        };
        let (texts, queries) = (text.texts()?, query.texts()?);
        let statistics = Few::try_new(statistics)?;
        let nulls =
            NullBuffer::union(any_null(args, rows).as_ref(), statistics.nulls(rows).as_ref());
        let constant = query.constant && statistics.is_constant();
        let mut known: Option<(Terms, Weights)> = None;
        write::<Float64Type>(out.ty()?, rows, nulls, |row, scores| {
            if !constant {
                known = None;
            }
            let (terms, weights) = match &mut known {
                Some(known) => known,
                None => {
                    let terms = Terms::new(queries.value(query.row(row)));
                    let weights = Weights::new(statistics.row(row), terms.size())
                        .map_err(|reason| self.wrong_row(row, reason))?;
                    known.insert((terms, weights))
                }
            };
            let (counts, length) = terms.count(texts.value(text.row(row)));
            scores.push(weights.score(counts, length));
            Ok(Shape::SCALAR)
        })
    }
}

/// What the statistics say of each term.
struct Weights {
    /// How rare each term is.
    rarity: Vec<f64>,
    mean_length: f64,
}

impl Weights {
    fn new(statistics: &[f64], terms: usize) -> Result<Weights, String> {
        let (&[rows, mean_length], with_term) = statistics
            .split_first_chunk::<2>()
            .ok_or("the number of texts and the mean length are missing")?;
        if with_term.len() != terms {
            return Err(format!(
                "a query of {terms} terms has {} counts of texts",
                with_term.len()
            ));
        }
        if !with_term.iter().all(|count| (0.0..=rows).contains(count)) {
            return Err(format!("a count of texts with a term is not from 0 to {rows}"));
        }
        let rarity =
            with_term.iter().map(|df| (1.0 + (rows - df + 0.5) / (df + 0.5)).ln()).collect();
        Ok(Weights { rarity, mean_length })
    }

    fn score(&self, counts: &[u32], length: usize) -> f64 {
        // Without a mean there are no texts, and nothing is longer than the others.
        let relative = if self.mean_length > 0.0 { length as f64 / self.mean_length } else { 1.0 };
        let damped = K1 * (1.0 - B + B * relative);
        let of_term = |(count, rarity): (&u32, &f64)| match *count {
            0 => 0.0,
            count => {
                let tf = f64::from(count);
                rarity * tf * (K1 + 1.0) / (tf + damped)
            }
        };
        counts.iter().zip(&self.rarity).map(of_term).sum()
    }
}

#[cfg(test)]
#[path = "bm25_tests.rs"]
mod tests;
