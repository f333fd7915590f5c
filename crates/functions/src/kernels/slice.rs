//! `x[100:300, :, 0]` with constant subscripts.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::UInt32Array;
use arrow::compute::take;
use datafusion_expr::ExpressionPlacement;
use lakebed_core::DType;
use lakebed_core::Error as CoreError;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::Subscript;
use lakebed_core::TensorType;
use lakebed_core::region::Run;
use lakebed_core::subscript;

use crate::blocks;
use crate::entry::Entry;
use crate::error::FunctionError;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::gather::gather;
use crate::json_access;
use crate::numbers::Numbers;
use crate::value::Value;

/// NumPy's basic slicing with subscripts known when the query is planned.
#[derive(Debug)]
pub struct Slice {
    or_null: bool,
}

/// An index out of range is an error.
pub static SLICE: Slice = Slice { or_null: false };
/// An index out of range makes the row null.
pub static SLICE_OR_NULL: Slice = Slice { or_null: true };

static SLICE_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_slice",
    aliases: &[],
    parameters: &["x", "subscripts"],
    signature: "tensor_slice(x, '100:300, :, 0') -> part of x; in TQL: x[100:300, :, 0]",
    help: "NumPy's subscripts: 0-based, negative from the end, start:stop:step, and ... for the dimensions between. An integer drops its dimension. An index outside a sample is an error.",
    example: "SELECT tensor_slice(tensor_array(tensor_array(1, 2), tensor_array(3, 4)), ':, 0') AS first_column",
};

static OR_NULL_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_slice_or_null",
    aliases: &[],
    parameters: &["x", "subscripts"],
    signature: "tensor_slice_or_null(x, '0') -> part of x, or null",
    help: "As tensor_slice, but null where an index is outside a sample; conditions and sort keys use it.",
    example: "SELECT tensor_slice_or_null(tensor_array(1, 2), '7') AS nothing",
};

impl Slice {
    fn subscripts(&self, args: &[Arg]) -> Result<Vec<Subscript>> {
        let [_, text] = args else {
            return Err(self.wrong_types(args, "two arguments are needed"));
        };
        match text.text_literal() {
            Some(text) => Ok(subscript::parse_list(text)?),
            None => {
                Err(self
                    .wrong_argument("the subscripts must be a constant text, such as '0:10, 2'"))
            }
        }
    }
}

/// As [`sliced_type`], but an index that no sample of the type has makes every row null.
///
/// # Errors
/// As [`sliced_type`], out of range apart.
pub fn sliced_type_or_null(ty: &TensorType, subscripts: &[Subscript]) -> Result<TensorType> {
    match sliced_type(ty, subscripts) {
        Err(FunctionError::Core(CoreError::IndexOutOfRange { .. })) => {
            let mut open = ty.clone();
            open.dims.fill(None);
            sliced_type(&open, subscripts)
        }
        other => other,
    }
}

/// The type of `x[subscripts]`.
///
/// # Errors
/// [`CoreError::InvalidSubscript`] and its like.
pub fn sliced_type(ty: &TensorType, subscripts: &[Subscript]) -> Result<TensorType> {
    let Layout::Sequence(inner) = &ty.layout else {
        return Ok(subscript::result_type(ty, subscripts)?);
    };
    if inner.is_scalar() {
        let result = subscript::result_type(ty, subscripts)?;
        return Ok(if result.dims.is_empty() { inner.as_ref().clone() } else { ty.clone() });
    }
    match subscripts {
        [] => Ok(ty.clone()),
        [Subscript::Index(_)] => Ok(inner.as_ref().clone()),
        [Subscript::Index(_), rest @ ..] => sliced_type(inner, rest),
        [Subscript::Slice { .. }] => Ok(ty.clone()),
        _ => Err(CoreError::InvalidSubscript {
            reason: format!("of a {ty} write one subscript for the item, then those of the item"),
        }
        .into()),
    }
}

impl TensorFunction for Slice {
    fn entry(&self) -> &'static Entry {
        if self.or_null { &OR_NULL_ENTRY } else { &SLICE_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        if args.first().is_some_and(Arg::is_json) {
            let [_, key] = args else {
                return Err(self.wrong_types(args, "two arguments are needed"));
            };
            return match key.text_literal() {
                Some(_) => Ok(Output::scalar(DType::Json, true)),
                None => Err(self.wrong_argument("the key must be a constant: use json_get")),
            };
        }
        let Some(ty) = args.first().and_then(|arg| arg.ty.as_ref()) else {
            return Err(self.wrong_types(args, "only tensors, sequences and JSON have subscripts"));
        };
        if ty.is_scalar() && ty.dtype == DType::Text {
            return Err(
                self.wrong_types(args, "text has no dimensions: use substr(text, start, length)")
            );
        }
        let sliced = self.result_type(ty, &self.subscripts(args)?)?;
        // A part of a sequence keeps its nulls; an item may be one.
        let part = matches!(sliced.layout, Layout::Sequence(_)) && !args.iter().any(Arg::nullable);
        Ok(Output::tensor(sliced, self.or_null || (!part && any_nullable(args))))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let [x, text] = args else {
            return Err(self.wrong_types(&described, "two arguments are needed"));
        };
        if x.arg.is_json() {
            let key = json_access::Key::from_subscript(text.arg.text_literal().unwrap_or(""));
            return json_access::get(x, rows, |_| Some(key.clone()));
        }
        let subscripts = self.subscripts(&described)?;
        if text.is_null(0) || x.nulls(rows).is_some_and(|nulls| nulls.null_count() == rows) {
            return Ok(arrow::array::new_null_array(out.field.data_type(), rows));
        }
        let ty = x.ty()?;
        match &ty.layout {
            Layout::Sequence(inner)
                if !x.is_stacked() && (!inner.is_scalar() || holds_nulls(&x.array)) =>
            {
                self.sequence(x, &subscripts, out, rows)
            }
            _ => self.tensor(x, &subscripts, out.ty()?, rows),
        }
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        match args {
            // What may fail must not move to rows that a sort with a limit would have dropped.
            [ExpressionPlacement::Column, ExpressionPlacement::Literal] if self.or_null => {
                ExpressionPlacement::MoveTowardsLeafNodes
            }
            _ => ExpressionPlacement::KeepInPlace,
        }
    }
}

/// True for lists with a null among their items.
fn holds_nulls(array: &ArrayRef) -> bool {
    array.as_list_opt::<i32>().is_some_and(|list| list.values().null_count() > 0)
}

impl Slice {
    /// The type of the result of constant subscripts.
    ///
    /// # Errors
    /// As [`sliced_type`].
    pub fn result_type(&self, ty: &TensorType, subscripts: &[Subscript]) -> Result<TensorType> {
        if self.or_null { sliced_type_or_null(ty, subscripts) } else { sliced_type(ty, subscripts) }
    }

    fn tensor(
        &self,
        x: &Value,
        subscripts: &[Subscript],
        out: &TensorType,
        rows: usize,
    ) -> Result<ArrayRef> {
        let from = Numbers::places_of(x)?;
        if let Some(shape) = from.uniform() {
            let region = match subscript::resolve(subscripts, &shape) {
                Ok(region) => region,
                Err(CoreError::IndexOutOfRange { .. }) if self.or_null => {
                    return Ok(arrow::array::new_null_array(&out.data_type(), rows));
                }
                Err(error) => return Err(error.into()),
            };
            let (runs, result) = (region.runs(&shape), region.shape());
            if let Some(copied) = blocks::of_fixed(&from, &shape, &runs, out, rows)? {
                return Ok(copied);
            }
            return gather(&from, out, rows, |_, _, chosen| {
                chosen.extend_from_slice(&runs);
                Ok(Some(result))
            });
        }
        if let Some(copied) = blocks::of_ragged(&from, subscripts, out, rows)? {
            return Ok(copied);
        }
        gather(&from, out, rows, |row, shape, chosen| self.row(row, subscripts, shape, chosen))
    }

    /// The runs of one row; `None` if an index is outside and the row becomes null.
    ///
    /// # Errors
    /// [`crate::FunctionError::Row`] for an index outside the row.
    pub fn row(
        &self,
        row: usize,
        subscripts: &[Subscript],
        shape: &Shape,
        chosen: &mut Vec<Run>,
    ) -> Result<Option<Shape>> {
        // One item of a vector is by far the most frequent subscript.
        if let ([Subscript::Index(index)], [size]) = (subscripts, &shape[..]) {
            let from_end = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
            let at = if *index < 0 { size.checked_sub(from_end) } else { Some(from_end) };
            if let Some(start) = at.filter(|at| at < size) {
                chosen.push(Run { start, len: 1 });
                return Ok(Some(Shape::SCALAR));
            }
        }
        match subscript::resolve(subscripts, shape) {
            Ok(region) => {
                chosen.extend(region.runs(shape));
                Ok(Some(region.shape()))
            }
            Err(CoreError::IndexOutOfRange { .. }) if self.or_null => Ok(None),
            Err(error) => Err(self.wrong_row(row, error.to_string())),
        }
    }

    /// Items of a sequence of tensors, or a part of the sequence.
    fn sequence(
        &self,
        x: &Value,
        subscripts: &[Subscript],
        out: &Output,
        rows: usize,
    ) -> Result<ArrayRef> {
        let missing = || CoreError::WrongType {
            expected: "a sequence".into(),
            found: x.array.data_type().to_string(),
        };
        let list = x.array.as_list_opt::<i32>().ok_or_else(missing)?;
        let mut items: Vec<Option<u32>> = Vec::with_capacity(rows);
        let mut lengths = Vec::with_capacity(rows);
        let Some((first, rest)) = subscripts.split_first() else { return Ok(x.array.clone()) };
        for row in 0..rows {
            let at = x.row(row);
            if list.is_null(at) {
                items.extend(matches!(first, Subscript::Index(_)).then_some(None));
                lengths.push(0);
                continue;
            }
            let base = usize::try_from(list.value_offsets()[at]).unwrap_or(0);
            let size = usize::try_from(list.value_length(at)).unwrap_or(0);
            let shape = Shape::new(&[size]).unwrap_or_default();
            let mut runs = Vec::new();
            if self.row(row, std::slice::from_ref(first), &shape, &mut runs)?.is_none() {
                items.push(None);
            }
            let before = items.len();
            let chosen = runs.iter().flat_map(|run| run.start..run.start + run.len);
            items.extend(chosen.map(|item| u32::try_from(base + item).ok()));
            lengths.push(items.len() - before);
        }
        let taken = take(list.values().as_ref(), &UInt32Array::from(items), None)?;
        if matches!(first, Subscript::Slice { .. }) {
            let arrow::datatypes::DataType::List(item) = out.field.data_type() else {
                return Err(missing().into());
            };
            let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
            let sliced =
                arrow::array::ListArray::try_new(item.clone(), offsets, taken, x.nulls(rows))?;
            return Ok(std::sync::Arc::new(sliced));
        }
        if rest.is_empty() {
            return Ok(taken);
        }
        let Layout::Sequence(inner) = &x.ty()?.layout else { return Err(missing().into()) };
        let field = inner.to_field_ref("item", true);
        let items = Value { arg: Arg::new(field, None), array: taken, constant: false };
        match &inner.layout {
            Layout::Sequence(deeper) if !deeper.is_scalar() => {
                self.sequence(&items, rest, out, rows)
            }
            _ => self.tensor(&items, rest, out.ty()?, rows),
        }
    }
}
