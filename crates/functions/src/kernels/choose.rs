//! `WHERE(condition, a, b)`.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::UInt32Array;
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::compute::take;
use arrow::datatypes::DataType;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::Rows;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::broadcast::Stretched;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::Numbers;
use crate::numbers::few;
use crate::numbers::join;
use crate::numbers::not_numbers;
use crate::numbers::slice_of;
use crate::numbers::with_few_numbers;
use crate::shapes;
use crate::value::Value;

use super::any::truths;

/// One of two values, as a condition says.
#[derive(Debug)]
pub struct Choose;

static ENTRY: Entry = Entry {
    tql: &["WHERE", "IIF"],
    udf: "tensor_where",
    aliases: &["iif"],
    parameters: &["condition", "a", "b"],
    signature: "tensor_where(condition, a, b) -> number of the broadcast shape, or a scalar of the type of a and b",
    help: "The element of a where the condition is true or not zero, else that of b. Numbers broadcast and meet as in maximum; other scalars, such as texts, need one type and a scalar condition.",
    example: "SELECT WHERE(ARRAY[1, 5, 3] > 2, 1, 0) AS flags",
};

impl Choose {
    fn dims(&self, args: &[Arg], types: [&TensorType; 3]) -> Result<Vec<Option<u32>>> {
        let [condition, a, b] = types;
        let clash = |clash| self.wrong_types(args, shapes::clash(clash));
        let first = shapes::broadcast(a, b).map_err(clash)?;
        let first = TensorType::tensor(DType::Bool, first);
        shapes::broadcast(condition, &first).map_err(clash)
    }
}

/// The type of two scalars that are no numbers.
fn plain(a: &Arg, b: &Arg) -> Option<DataType> {
    if a.is_text() && b.is_text() {
        return Some(DataType::Utf8View);
    }
    let scalar = |arg: &Arg| arg.ty.as_ref().is_none_or(TensorType::is_scalar);
    let (x, y) = (a.field.data_type(), b.field.data_type());
    (scalar(a) && scalar(b) && x == y && !x.is_nested()).then(|| x.clone())
}

impl TensorFunction for Choose {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (3, 3)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [condition, a, b] = args else {
            return Err(self.wrong_types(args, "a condition and two values are needed"));
        };
        let Some(flags) = condition.numeric() else {
            return Err(self.wrong_types(args, "the condition is bools or numbers"));
        };
        let nullable = any_nullable(args);
        match (a.numeric(), b.numeric(), plain(a, b)) {
            (Some(x), Some(y), _) => {
                let dims = self.dims(args, [flags, x, y])?;
                Ok(Output::tensor(TensorType::tensor(join(&x.dtype, &y.dtype), dims), nullable))
            }
            (_, _, Some(_)) if flags.is_scalar() && a.is_json() => {
                Ok(Output::scalar(DType::Json, nullable))
            }
            (_, _, Some(ty)) if flags.is_scalar() => Ok(Output::plain(ty, nullable)),
            _ => Err(self.wrong_types(
                args,
                "the values are numbers, or scalars of one type under a scalar condition",
            )),
        }
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [condition, a, b] = args else {
            return Err(self.wrong_types(&[], "a condition and two values are needed"));
        };
        let condition = condition.numbers()?;
        let flags = truths(&condition)?;
        if a.arg.numeric().is_none() {
            return plain_rows(&condition, &flags, a, b, out.field.data_type(), rows);
        }
        let (a, b, ty) = (a.numbers()?, b.numbers()?, out.ty()?);
        let data_type = few(&ty.dtype);
        let (x, y) = (a.elements_as(&data_type)?, b.elements_as(&data_type)?);
        with_few_numbers!(x, T, left => {
            let right = slice_of::<T>(&y)?;
            let nulls = [&condition, &a, &b].into_iter().fold(None, |all, operand| {
                NullBuffer::union(all.as_ref(), operand.nulls(rows).as_ref())
            });
            let operands = Operands {
                condition: (&condition, &flags), a: (&a, left), b: (&b, right), ty, rows, nulls,
            };
            let (chosen, laid_out) = match operands.flat() {
                Some(flat) => flat,
                None => operands.by_row().map_err(|row| self.wrong_row(
                    row,
                    format!(
                        "shapes {}, {} and {} do not broadcast",
                        condition.shape(row), a.shape(row), b.shape(row)
                    ),
                ))??,
            };
            assemble(ty, primitive::<T>(chosen), laid_out, operands.nulls)
        }, else Err(not_numbers(&data_type)))
    }
}

/// Chooses between rows of any type.
fn plain_rows(
    condition: &Numbers,
    flags: &[bool],
    a: &Value,
    b: &Value,
    ty: &DataType,
    rows: usize,
) -> Result<ArrayRef> {
    let (a_rows, b_rows) = (cast(&a.array, ty)?, cast(&b.array, ty)?);
    let both = arrow::compute::concat(&[a_rows.as_ref(), b_rows.as_ref()])?;
    let chosen: UInt32Array = (0..rows)
        .map(|row| {
            // A null operand makes the row null, whichever would be chosen (rule 8).
            if condition.is_null(row) || a.is_null(row) || b.is_null(row) {
                return None;
            }
            let flag = flags.get(condition.range(row).start).copied().unwrap_or(false);
            let at = if flag { a.row(row) } else { a.array.len() + b.row(row) };
            u32::try_from(at).ok()
        })
        .collect();
    Ok(take(both.as_ref(), &chosen, None)?)
}

struct Operands<'a, E> {
    condition: (&'a Numbers, &'a [bool]),
    a: (&'a Numbers, &'a [E]),
    b: (&'a Numbers, &'a [E]),
    ty: &'a TensorType,
    rows: usize,
    nulls: Option<NullBuffer>,
}

/// The elements that an operand gives to a flat loop, and how far apart they are: 0 for a number
/// that is the same in every row.
fn lined<'a, E>(
    (of, values): (&Numbers, &'a [E]),
    shape: &Shape,
    rows: usize,
) -> Option<(&'a [E], usize)> {
    let own = of.uniform()?;
    if of.is_constant() {
        return (own.elements() == 1 && values.len() == 1).then_some((values, 0));
    }
    let fits = own == *shape || (shape.elements() == 1 && own.elements() == 1);
    fits.then(|| values.get(of.window(rows))).flatten().map(|values| (values, 1))
}

impl<E: Copy + Default> Operands<'_, E> {
    /// One loop over all rows, if every operand has the shape of the result or is one number.
    fn flat(&self) -> Option<(Vec<E>, Rows)> {
        let dims: Option<Vec<usize>> =
            self.ty.dims.iter().map(|dim| usize::try_from((*dim)?).ok()).collect();
        let shape = Shape::new(&dims?)?;
        let (flags, f) = lined(self.condition, &shape, self.rows)?;
        let (a, i) = lined(self.a, &shape, self.rows)?;
        let (b, j) = lined(self.b, &shape, self.rows)?;
        let total = self.rows.checked_mul(shape.checked_elements()?)?;
        let chosen = (0..total)
            .map(|at| {
                let flag = flags.get(at * f).copied().unwrap_or(false);
                let value = if flag { a.get(at * i) } else { b.get(at * j) };
                value.copied().unwrap_or_default()
            })
            .collect();
        // A type of known sizes has no rows of its own, unless one of them is 0.
        (fixed(self.ty) > 0).then_some((chosen, Rows::Fixed(self.rows)))
    }

    /// Row by row; the outer error is the row whose shapes do not broadcast.
    fn by_row(&self) -> Result<Result<(Vec<E>, Rows)>, usize> {
        let ((c, flags), (a, x), (b, y)) = (self.condition, self.a, self.b);
        let mut chosen: Vec<E> = Vec::new();
        let mut layout = Layouter::new(self.ty.ndim(), self.rows);
        let (mut lines_c, mut lines_a, mut lines_b) =
            (Stretched::default(), Stretched::default(), Stretched::default());
        for row in 0..self.rows {
            if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                chosen.resize(chosen.len() + fixed(self.ty), E::default());
                if let Err(error) = layout.push_null(chosen.len()) {
                    return Ok(Err(error));
                }
                continue;
            }
            let (p, q, r) = (c.shape(row), a.shape(row), b.shape(row));
            let shape = shapes::broadcast_row(&q, &r)
                .and_then(|both| shapes::broadcast_row(&p, &both))
                .ok_or(row)?;
            let flags = lines_c.of(flags.get(c.range(row)).unwrap_or(&[]), &p, &shape);
            let x = lines_a.of(x.get(a.range(row)).unwrap_or(&[]), &q, &shape);
            let y = lines_b.of(y.get(b.range(row)).unwrap_or(&[]), &r, &shape);
            let pairs = flags.iter().zip(x.iter().zip(y));
            chosen.extend(pairs.map(|(flag, (x, y))| if *flag { *x } else { *y }));
            if let Err(error) = layout.push(chosen.len(), &shape) {
                return Ok(Err(error));
            }
        }
        Ok(Ok((chosen, layout.into())))
    }
}
