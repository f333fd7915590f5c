//! `HAMMING_DISTANCE(a, b)` (rule 15).

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Int8Type;
use arrow::datatypes::Int16Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt16Type;
use arrow::datatypes::UInt32Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::Numbers;
use crate::numbers::not_numbers;
use crate::numbers::to_type;
use crate::row_writer::write;
use crate::value::Value;
use crate::words::all_bits;

use super::compare::exactly;
use super::reduce::row_of;

/// How many bits differ.
#[derive(Debug)]
pub struct HammingDistance;

static ENTRY: Entry = Entry {
    tql: &["HAMMING_DISTANCE"],
    udf: "hamming_distance",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "hamming_distance(a, b) -> i64, or one for every row of a matrix",
    help: "How many bits differ between two arrays of integers or bools of one shape; of a matrix and a vector, row by row. All bits of the wider of the two types count, and a constant takes the type of the other side where it fits. Floats have no bits of their own and are an error; ARRAY[1, 2] of whole numbers beside integers is taken as integers.",
    example: "SELECT HAMMING_DISTANCE(300, 0) AS bits",
};

impl TensorFunction for HammingDistance {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [a, b] = args else {
            return Err(self.wrong_types(args, "two arguments are needed"));
        };
        let (Some(a), Some(b)) = (a.numeric(), b.numeric()) else {
            return Err(self.wrong_types(args, "it takes integers or bools"));
        };
        if a.dtype.is_float() && b.dtype.is_float() {
            return Err(self.wrong_types(args, FLOATS));
        }
        let dims = match (a.dims.as_slice(), b.dims.as_slice()) {
            (x, y) if x.len() == y.len() => {
                if x.iter().zip(y).any(|(x, y)| matches!((x, y), (Some(x), Some(y)) if x != y)) {
                    return Err(self.wrong_types(args, "the shapes differ"));
                }
                Vec::new()
            }
            ([rows, x], [y]) | ([y], [rows, x]) if x.is_none() || y.is_none() || x == y => {
                vec![*rows]
            }
            _ => {
                let reason = "it takes arrays of one shape, or a matrix and a vector";
                return Err(self.wrong_types(args, reason));
            }
        };
        Ok(Output::tensor(TensorType::tensor(DType::I64, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [a, b] = args else { return Err(self.wrong_types(&[], "two arguments are needed")) };
        let (a, b) = (a.numbers()?, b.numbers()?);
        let (x, y) = self.met(&a, &b)?;
        let ty = out.ty()?;
        macro_rules! counted {
            ($($name:ident => $arrow:ty,)*) => {
                match x.data_type() {
                    $(DataType::$name => {
                        let (Some(x), Some(y)) =
                            (x.as_primitive_opt::<$arrow>(), y.as_primitive_opt::<$arrow>())
                        else {
                            return Err(not_numbers(y.data_type()));
                        };
                        self.count((&a, x.values()), (&b, y.values()), ty, rows, |x, y| {
                            (x ^ y).count_ones()
                        })
                    })*
                    other => Err(not_numbers(other)),
                }
            };
        }
        counted! {
            Int8 => Int8Type,
            Int16 => Int16Type,
            Int32 => Int32Type,
            Int64 => Int64Type,
            UInt8 => UInt8Type,
            UInt16 => UInt16Type,
            UInt32 => UInt32Type,
            UInt64 => UInt64Type,
        }
    }
}

const FLOATS: &str = "floats have no bits to compare: cast them to integers";

impl HammingDistance {
    /// Both sides in one type of integers.
    fn met(&self, a: &Numbers, b: &Numbers) -> Result<(ArrayRef, ArrayRef)> {
        let (x, y) = (self.integers(a)?, self.integers(b)?);
        if x.data_type() == y.data_type() {
            return Ok((x, y));
        }
        if b.is_constant()
            && !a.is_constant()
            && let Some(y) = exactly(&y, x.data_type())?
        {
            return Ok((x, y));
        }
        if a.is_constant()
            && !b.is_constant()
            && let Some(x) = exactly(&x, y.data_type())?
        {
            return Ok((x, y));
        }
        match common(x.data_type(), y.data_type()) {
            Some(data_type) => Ok((to_type(&x, &data_type)?, to_type(&y, &data_type)?)),
            None => Ok((all_bits(&x)?, all_bits(&y)?)),
        }
    }

    /// The elements as integers; whole floats of a constant are integers.
    fn integers(&self, of: &Numbers) -> Result<ArrayRef> {
        let elements = of.native()?;
        if elements.data_type().is_integer() {
            return Ok(elements);
        }
        let whole = if of.is_constant() { exactly(&elements, &DataType::Int64)? } else { None };
        whole.ok_or_else(|| self.wrong_argument(FLOATS))
    }

    fn count<E: Copy>(
        &self,
        (a, x): (&Numbers, &[E]),
        (b, y): (&Numbers, &[E]),
        ty: &TensorType,
        rows: usize,
        differing: impl Fn(E, E) -> u32,
    ) -> Result<ArrayRef> {
        let nulls = NullBuffer::union(a.nulls(rows).as_ref(), b.nulls(rows).as_ref());
        let bits = |x: &[E], y: &[E]| -> i64 {
            x.iter().zip(y).map(|(x, y)| i64::from(differing(*x, *y))).sum()
        };
        write::<Int64Type>(ty, rows, nulls, |row, counts| {
            let (p, q) = (a.shape(row), b.shape(row));
            let (x, y) = (row_of(a, x, row), row_of(b, y, row));
            if p == q {
                counts.push(bits(x, y));
                return Ok(Shape::SCALAR);
            }
            let (matrix, vector, shape) = if p.ndim() > q.ndim() { (x, y, p) } else { (y, x, q) };
            match (ty.is_scalar(), shape.first(), shape.get(1)) {
                (false, Some(lines), Some(size)) if *size == vector.len() => {
                    let line = |at: usize| matrix.get(at * size..(at + 1) * size).unwrap_or(&[]);
                    counts.extend((0..*lines).map(|at| bits(line(at), vector)));
                    Ok(Shape::new(&[*lines]).unwrap_or_default())
                }
                _ => Err(self.wrong_row(row, format!("shapes {p} and {q} do not pair"))),
            }
        })
    }
}

/// The type in which NumPy lets two types of integers meet; `None` of u64 and a signed one.
fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    let width = |ty: &DataType| ty.primitive_width().unwrap_or(8);
    let signed = a.is_signed_integer() || b.is_signed_integer();
    let needed = |ty: &DataType| match signed && ty.is_unsigned_integer() {
        true => 2 * width(ty),
        false => width(ty),
    };
    match (needed(a).max(needed(b)), signed) {
        (1, true) => Some(DataType::Int8),
        (2, true) => Some(DataType::Int16),
        (4, true) => Some(DataType::Int32),
        (8, true) => Some(DataType::Int64),
        (1, false) => Some(DataType::UInt8),
        (2, false) => Some(DataType::UInt16),
        (4, false) => Some(DataType::UInt32),
        (8, false) => Some(DataType::UInt64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int8Array;
    use arrow::array::Int32Array;
    use arrow::array::Int64Array;
    use arrow::array::UInt8Array;
    use arrow::array::UInt64Array;
    use arrow::datatypes::Float32Type;
    use arrow::datatypes::UInt16Type;
    use lakebed_core::DType;
    use lakebed_core::TensorType;

    use crate::testing::*;

    fn array(items: &[i64]) -> Given {
        let items: Vec<Given> = items.iter().map(|item| literal(*item)).collect();
        constant(&run("tensor_array", &items, 1))
    }

    #[test]
    fn bits_at_full_width() {
        let x = scalars(DType::I32, Arc::new(Int32Array::from(vec![Some(300), None, Some(-1)])));
        let of = |y: Given| run("hamming_distance", &[x.clone(), y], 3).scalars();
        // 300 is 100101100; -1 has 32 ones in its own type.
        assert_eq!(of(literal(0i64)), [Some(4.0), None, Some(32.0)]);
        assert_eq!(of(literal(-1i64)), [Some(28.0), None, Some(0.0)]);
        // What does not fit in 32 bits makes both 64 wide.
        assert_eq!(of(literal(1i64 << 40)), [Some(5.0), None, Some(63.0)]);
        let small = scalars(DType::I8, Arc::new(Int8Array::from(vec![-1, -1, -1])));
        assert_eq!(of(small), [Some(28.0), None, Some(0.0)]);
        let wide = scalars(DType::U64, Arc::new(UInt64Array::from(vec![u64::MAX; 3])));
        assert_eq!(of(wide), [Some(60.0), None, Some(0.0)]);
        let bytes = scalars(DType::U8, Arc::new(UInt8Array::from(vec![255; 3])));
        let other = scalars(DType::I8, Arc::new(Int8Array::from(vec![-1; 3])));
        // u8 and i8 meet in i16: 0x00ff and 0xffff.
        let met = run("hamming_distance", &[bytes, other], 3).scalars();
        assert_eq!(met, [Some(8.0); 3]);
        let many = scalars(DType::I64, Arc::new(Int64Array::from(vec![156, 63, 1])));
        let zero = run("hamming_distance", &[many, literal(0i64)], 3).scalars();
        assert_eq!(zero, [Some(4.0), Some(6.0), Some(1.0)]);
    }

    #[test]
    fn arrays_of_one_shape_or_row_by_row() {
        let ty = TensorType::tensor(DType::U16, vec![None, Some(2)]);
        let x = tensors::<UInt16Type>(
            &ty,
            &[Some((&[2, 2], vec![1, 2, 7, 0])), Some((&[0, 2], vec![])), None],
        );
        let rows = run("hamming_distance", &[x.clone(), array(&[1, 1])], 3);
        assert_eq!(rows.ty().to_string(), "i64[?]");
        assert_eq!(rows.rows(), [Some((vec![2], vec![2.0, 3.0])), Some((vec![0], vec![])), None]);
        let turned = run("hamming_distance", &[array(&[1, 1]), x.clone()], 3).rows();
        assert_eq!(turned, rows.rows());
        let whole = run("hamming_distance", &[x.clone(), x.clone()], 3).scalars();
        assert_eq!(whole, [Some(0.0), Some(0.0), None]);
        let masks = run("tensor_gt", &[x.clone(), literal(1i64)], 3).given();
        let others = run("tensor_ge", &[x.clone(), literal(1i64)], 3).given();
        let bits = run("hamming_distance", &[masks, others], 3).scalars();
        assert_eq!(bits, [Some(1.0), Some(0.0), None]);
        let error = call("hamming_distance", &[x, array(&[1, 2, 3])], 3).unwrap_err();
        assert!(error.contains("a matrix and a vector"), "{error}");
    }

    #[test]
    fn floats_are_refused() {
        let ty = TensorType::tensor(DType::F32, vec![Some(1)]);
        let x = tensors::<Float32Type>(&ty, &[Some((&[1], vec![1.0]))]);
        let error = call("hamming_distance", &[x.clone(), array(&[1])], 1).unwrap_err();
        assert!(error.contains("cast them to integers"), "{error}");
        let integers = tensors::<UInt16Type>(
            &TensorType::tensor(DType::U16, vec![Some(1)]),
            &[Some((&[1], vec![1]))],
        );
        let error = call("hamming_distance", &[x, integers.clone()], 1).unwrap_err();
        assert!(error.contains("cast them to integers"), "{error}");
        let half = constant(&run("tensor_array", &[literal(0.5)], 1));
        let error = call("hamming_distance", &[integers, half], 1).unwrap_err();
        assert!(error.contains("cast them to integers"), "{error}");
    }
}
