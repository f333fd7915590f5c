//! `ASSIGN(x, '0:2, 1', value)`.

use arrow::array::ArrayRef;
use arrow::array::MutableArrayData;
use arrow::array::make_array;
use lakebed_core::Region;
use lakebed_core::Shape;
use lakebed_core::Subscript;
use lakebed_core::TensorType;
use lakebed_core::subscript;

use crate::assemble::Layouter;
use crate::assemble::Rows;
use crate::assemble::assemble;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::labels;
use crate::numbers::Numbers;
use crate::value::Value;

/// A sample with other elements in a part of it.
#[derive(Debug)]
pub struct Assign;

static ENTRY: Entry = Entry {
    tql: &["ASSIGN"],
    udf: "assign",
    aliases: &[],
    parameters: &["x", "subscripts", "value"],
    signature: "assign(x, '0:2, 1', value) -> x with value there; UPDATE SET x[0:2, 1] = value",
    help: "The same numbers but for the part that constant subscripts name, which holds the value: a number, or numbers whose shape broadcasts to the part's. The type stays; a value that it cannot hold and an index outside a sample are errors.",
    example: "SELECT ASSIGN(ARRAY[[1, 2], [3, 4]], ':, 0', 9) AS first_column_is_nine",
};

impl Assign {
    fn subscripts(&self, text: &Arg) -> Result<Vec<Subscript>> {
        match text.text_literal() {
            Some(text) => Ok(subscript::parse_list(text)?),
            None => {
                Err(self.wrong_argument("the subscripts must be a constant text, as '0:10, 2'"))
            }
        }
    }
}

impl TensorFunction for Assign {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (3, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x, text, value] = args else {
            return Err(self.wrong_types(args, "three arguments are needed"));
        };
        let Some(ty) = x.numeric().filter(|ty| ty.ndim() > 0) else {
            return Err(self.wrong_types(args, "it puts numbers into a tensor of numbers"));
        };
        match (value.text_literal(), x.classes()) {
            (Some(name), Some(classes)) => {
                labels::code(classes, name)?;
            }
            _ if value.numeric().is_some() => {}
            _ => return Err(self.wrong_types(args, "it puts numbers into a tensor of numbers")),
        }
        let subscripts = self.subscripts(text)?;
        subscript::result_type(ty, &subscripts)?;
        let plain = TensorType::tensor(ty.dtype.clone(), ty.dims.clone());
        let (htype, classes) = (ty.htype, ty.classes.clone());
        let ty = TensorType { htype, classes, box_format: ty.box_format, ..plain };
        Ok(Output::tensor(ty, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x, text, value] = args else {
            return Err(self.wrong_types(&[], "three arguments are needed"));
        };
        let subscripts = self.subscripts(&text.arg)?;
        let value = match (value.arg.text_literal(), x.arg.classes()) {
            (Some(name), Some(classes)) => {
                let code = labels::code(classes, name)?;
                let field = arrow::datatypes::Field::new("code", code.data_type(), false);
                let arg = Arg::new(std::sync::Arc::new(field), Some(code.clone()));
                Value { arg, array: code.to_array()?, constant: true }.numbers()?
            }
            _ => value.numbers()?,
        };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let old = x.elements_as(&ty.dtype.to_arrow())?.to_data();
        let new = value.elements_as(&ty.dtype.to_arrow())?.to_data();
        let room = x.window(rows).len();
        let mut elements = MutableArrayData::new(vec![&old, &new], false, room);
        let mut layout = Layouter::new(ty.ndim(), rows);
        let mut end = 0;
        let mut places = Vec::new();
        for row in 0..rows {
            let (from, shape) = (x.range(row), x.shape(row));
            end += from.len();
            layout.push(end, &shape)?;
            let mut done = from.start;
            if !x.is_null(row) && !value.is_null(row) {
                let region = subscript::resolve(&subscripts, &shape)
                    .map_err(|error| self.wrong_row(row, error.to_string()))?;
                self.places(row, &region, &shape, &value, &mut places)?;
                for (to, of) in &places {
                    let to = from.start + to;
                    // What a step backwards names twice nothing does: places ascend, each once.
                    elements.try_extend(0, done, to)?;
                    elements.try_extend(1, *of, of + 1)?;
                    done = to + 1;
                }
            }
            elements.try_extend(0, done, from.end)?;
        }
        let nulls =
            arrow::buffer::NullBuffer::union(x.nulls(rows).as_ref(), value.nulls(rows).as_ref());
        let rows: Rows = match ty.layout {
            lakebed_core::Layout::Fixed => Rows::Fixed(rows),
            _ => layout.into(),
        };
        assemble(ty, make_array(elements.freeze()), rows, nulls)
    }
}

impl Assign {
    /// For each element of the part, in the order in which they lie: where it is in the sample, and
    /// the element of the value that goes there.
    fn places(
        &self,
        row: usize,
        region: &Region,
        sample: &Shape,
        value: &Numbers,
        places: &mut Vec<(usize, usize)>,
    ) -> Result<()> {
        let (part, given) = (region.shape(), value.shape(row));
        let missing = part.ndim().checked_sub(given.ndim());
        let fits = missing.is_some_and(|missing| {
            let sizes = part.iter().skip(missing).zip(given.iter());
            sizes.into_iter().all(|(part, given)| part == given || *given == 1)
        });
        let (Some(missing), true) = (missing, fits) else {
            let reason = format!("the shape {given} does not broadcast to the part's, {part}");
            return Err(self.wrong_row(row, reason));
        };
        // How far the value's elements are apart along each dimension of the part.
        let mut strides = vec![0; part.ndim()];
        let mut step = 1;
        for axis in (0..given.ndim()).rev() {
            if given[axis] != 1 {
                strides[missing + axis] = step;
            }
            step *= given[axis];
        }
        let first = value.range(row).start;
        let mut index = vec![0; part.ndim()];
        places.clear();
        places.reserve(region.elements());
        region.for_each_run(sample, |run| {
            for at in run.start..run.start + run.len {
                let of: usize = index.iter().zip(&strides).map(|(i, stride)| i * stride).sum();
                places.push((at, first + of));
                for axis in (0..index.len()).rev() {
                    index[axis] += 1;
                    if index[axis] < part[axis] {
                        break;
                    }
                    index[axis] = 0;
                }
            }
        });
        // Steps backwards name them from the end.
        if !places.is_sorted() {
            places.sort_unstable();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Float32Type;
    use arrow::datatypes::UInt8Type;
    use lakebed_core::DType;
    use lakebed_core::TensorType;

    use crate::testing::*;

    fn grid() -> Vec<u8> {
        (0..12).collect()
    }

    fn given(shapes: &[[usize; 2]]) -> Given {
        let ty = TensorType::tensor(DType::U8, vec![None, None]);
        let rows: Vec<_> = shapes.iter().map(|shape| Some((&shape[..], grid()))).collect();
        tensors::<UInt8Type>(&ty, &rows)
    }

    fn values(answer: &Answer, row: usize) -> Vec<f64> {
        answer.rows()[row].clone().unwrap().1
    }

    #[test]
    fn a_part_gets_a_number() {
        let answer =
            run("assign", &[given(&[[3, 4], [4, 3]]), literal("1:, ::2"), literal(99i64)], 2);
        assert_eq!(answer.ty().to_string(), "u8[?,?]");
        let expected = [0, 1, 2, 3, 99, 5, 99, 7, 99, 9, 99, 11].map(f64::from);
        assert_eq!(values(&answer, 0), expected);
        let expected = [0, 1, 2, 99, 4, 99, 99, 7, 99, 99, 10, 99].map(f64::from);
        assert_eq!(values(&answer, 1), expected);
        assert_eq!(answer.rows()[1].as_ref().unwrap().0, [4, 3]);
    }

    #[test]
    fn a_part_gets_numbers_of_a_shape_that_broadcasts() {
        let ty = TensorType::tensor(DType::F32, vec![Some(4)]);
        let line = || tensors::<Float32Type>(&ty, &[Some((&[4], vec![20.0, 21.0, 22.0, 23.0]))]);
        let answer = run("assign", &[given(&[[3, 4]]), literal("-1"), line()], 1);
        assert_eq!(values(&answer, 0)[8..], [20.0, 21.0, 22.0, 23.0]);
        assert_eq!(values(&answer, 0)[..8], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        // Into both lines, and from the last to the first.
        let answer = run("assign", &[given(&[[3, 4]]), literal("0:2, ::-1"), line()], 1);
        let backwards = [23.0, 22.0, 21.0, 20.0];
        assert_eq!(values(&answer, 0)[..4], backwards);
        assert_eq!(values(&answer, 0)[4..8], backwards);
        // An empty part takes anything that fits, and changes nothing.
        let answer = run("assign", &[given(&[[3, 4]]), literal("5:, :"), line()], 1);
        assert_eq!(values(&answer, 0), grid().into_iter().map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let x = || given(&[[3, 4]]);
        let refused = |text: &str, value: Given| call("assign", &[x(), literal(text), value], 1);
        assert!(refused("3", literal(1i64)).unwrap_err().contains("out of range"));
        assert!(refused("0, 0, 0", literal(1i64)).is_err());
        assert!(refused("0, 0", literal(300i64)).is_err(), "u8 has no 300");
        let ty = TensorType::tensor(DType::U8, vec![Some(3)]);
        let three = tensors::<UInt8Type>(&ty, &[Some((&[3], vec![1, 2, 3]))]);
        assert!(refused("0", three).unwrap_err().contains("does not broadcast"));
        assert!(call("assign", &[literal("text"), literal("0"), literal(1i64)], 1).is_err());
    }
}
