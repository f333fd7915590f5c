//! `HISTOGRAM(x, bins, low, high)`.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::entry::Entry;
use crate::error::Result;
use crate::few::Few;
use crate::few::constant_size;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Element;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::row_writer::write;
use crate::value::Value;

use super::reduce::row_of;

/// The most bins of a histogram.
const MOST_BINS: u32 = 65_536;

/// How many elements lie in each of several equal intervals.
#[derive(Debug)]
pub struct Histogram;

static ENTRY: Entry = Entry {
    tql: &["HISTOGRAM"],
    udf: "histogram",
    aliases: &[],
    parameters: &["x", "bins", "low", "high"],
    signature: "histogram(x, bins, low, high) -> i64[bins]",
    help: "How many elements lie in each of so many equal intervals from low to high, as NumPy counts them: each begins with its lower edge, the last one also holds high. What is outside, and NaN, is not counted. The number of bins is a constant, at most 65536.",
    example: "SELECT HISTOGRAM(ARRAY[1, 2, 2, 4, 9], 2, 0, 4) AS counts",
};

impl Histogram {
    fn bins(&self, bins: &Arg) -> Result<u32> {
        constant_size(bins).filter(|bins| (1..=MOST_BINS).contains(bins)).ok_or_else(|| {
            self.wrong_argument(format!(
                "the number of bins must be a constant integer from 1 to {MOST_BINS}"
            ))
        })
    }
}

impl TensorFunction for Histogram {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (4, 4)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x, bins, low, high] = args else {
            return Err(self.wrong_types(args, "four arguments are needed"));
        };
        let edges = [low, high].iter().all(|edge| edge.numeric().is_some_and(|ty| ty.is_scalar()));
        if x.numeric().is_none() || !edges {
            return Err(self.wrong_types(
                args,
                "it takes numbers, the number of bins, and the lowest and highest number",
            ));
        }
        let bins = Some(self.bins(bins)?);
        Ok(Output::tensor(TensorType::tensor(DType::I64, vec![bins]), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x, bins, low, high] = args else {
            return Err(self.wrong_types(&[], "four arguments are needed"));
        };
        let bins = usize::try_from(self.bins(&bins.arg)?).unwrap_or(1);
        let (x, low, high) = (x.numbers()?, Few::try_new(low)?, Few::try_new(high)?);
        let nulls = [&low, &high].into_iter().fold(x.nulls(rows), |nulls, few| {
            NullBuffer::union(nulls.as_ref(), few.nulls(rows).as_ref())
        });
        let shape = Shape::new(&[bins]).unwrap_or_default();
        let elements = x.native()?;
        with_numbers!(elements, T, values => {
            write::<Int64Type>(out.ty()?, rows, nulls, |row, counts| {
                let edge = |few: &Few| few.row(row).first().copied().unwrap_or(f64::NAN);
                let edges = Edges::new(edge(&low), edge(&high), bins).ok_or_else(|| {
                    let (low, high) = (edge(&low), edge(&high));
                    self.wrong_row(row, format!("there is nothing between {low} and {high}"))
                })?;
                let start = counts.len();
                counts.resize(start + bins, 0);
                let counts = counts.get_mut(start..).unwrap_or(&mut []);
                for value in row_of(&x, values, row) {
                    if let Some(count) = edges.bin(value.to_f64()).and_then(|bin| counts.get_mut(bin)) {
                        *count += 1;
                    }
                }
                Ok(shape)
            })
        }, else Err(not_numbers(elements.data_type())))
    }
}

/// Equal intervals.
struct Edges {
    low: f64,
    high: f64,
    width: f64,
    bins: usize,
}

impl Edges {
    fn new(low: f64, high: f64, bins: usize) -> Option<Edges> {
        let width = (high - low) / bins as f64;
        (low < high && (high - low).is_finite()).then_some(Edges { low, high, width, bins })
    }

    /// The lower edge of a bin, as `numpy.linspace` computes it.
    #[inline(always)]
    fn edge(&self, bin: usize) -> f64 {
        if bin == self.bins { self.high } else { bin as f64 * self.width + self.low }
    }

    /// The bin of a value: the quotient may be one off by rounding, so the edges decide.
    #[inline(always)]
    fn bin(&self, value: f64) -> Option<usize> {
        if !(value >= self.low && value <= self.high) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the number of bins"
        )]
        let guess = ((value - self.low) / (self.high - self.low) * self.bins as f64) as usize;
        let bin = guess.min(self.bins - 1);
        if bin > 0 && value < self.edge(bin) {
            Some(bin - 1)
        } else if bin + 1 < self.bins && value >= self.edge(bin + 1) {
            Some(bin + 1)
        } else {
            Some(bin)
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Float64Type;
    use lakebed_core::DType;
    use lakebed_core::TensorType;

    use super::Edges;
    use crate::testing::*;

    #[test]
    fn the_last_bin_holds_its_upper_edge() {
        let ty = TensorType::tensor(DType::F64, vec![None]);
        let values = vec![0.0, 0.99, 1.0, 2.0, 3.0, 3.5, 4.0, 4.01, -0.01, f64::NAN, f64::INFINITY];
        let x = tensors::<Float64Type>(&ty, &[Some((&[11], values)), Some((&[0], vec![])), None]);
        let args = [x.clone(), literal(4i64), literal(0i64), literal(4.0)];
        let answer = run("histogram", &args, 3);
        assert_eq!(answer.ty().to_string(), "i64[4]");
        assert_eq!(
            answer.rows(),
            [Some((vec![4], vec![2.0, 1.0, 1.0, 3.0])), Some((vec![4], vec![0.0; 4])), None]
        );
        let error = call("histogram", &[x.clone(), literal(0i64), literal(0i64), literal(1i64)], 3);
        assert!(error.unwrap_err().contains("from 1 to 65536"), "no bins");
        let error = call("histogram", &[x, literal(1i64), literal(1i64), literal(1i64)], 3);
        assert!(error.unwrap_err().contains("row 0"), "no range");
    }

    #[test]
    fn every_edge_begins_its_own_bin() {
        for bins in [1, 3, 7, 10, 49, 100] {
            for (low, high) in [(0.0, 1.0), (-0.3, 0.7), (0.1, 255.0), (1e-3, 1e17)] {
                let edges = Edges::new(low, high, bins).unwrap();
                for bin in 0..bins {
                    assert_eq!(edges.bin(edges.edge(bin)), Some(bin), "{bins} {low} {high}");
                }
                assert_eq!(edges.bin(high), Some(bins - 1));
            }
        }
    }
}
