//! `x[i, a:b, [2, 0]]` with subscripts that are evaluated per row (rule 11).

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::Int64Array;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::ScalarUDF;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::Subscript;
use lakebed_core::TensorType;
use lakebed_core::subscript;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::gather::gather;
use crate::numbers::Numbers;
use crate::udf::TensorUdf;
use crate::value::Value;

use super::fancy::axis_of;
use super::json_get;
use super::mask::mask_of;
use super::slice::SLICE;
use super::slice::SLICE_OR_NULL;
use super::slice::Slice;
use super::template::Bound;
use super::template::Part;
use super::template::Template;

/// NumPy's subscripts with values from other columns.
#[derive(Debug)]
pub struct Index {
    pub(super) or_null: bool,
}

/// An index out of range is an error.
pub static INDEX: Index = Index { or_null: false };
/// An index out of range makes the row null.
pub static INDEX_OR_NULL: Index = Index { or_null: true };

static INDEX_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_index",
    aliases: &[],
    parameters: &["x", "subscripts", "*values"],
    signature: "tensor_index(x, '$, $:$, 0', a, b, c) -> part of x; in TQL: x[a, b:c, 0]",
    help: "As tensor_slice, where every $ stands for the next argument: an integer, or in place of an index a vector of places or of bools that chooses along its dimension (one a call), or alone a mask of bools of the first dimensions.",
    example: "SELECT tensor_index(tensor_array(10, 20, 30), '$', 1 + 1) AS third",
};

static OR_NULL_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_index_or_null",
    aliases: &[],
    parameters: &["x", "subscripts", "*values"],
    signature: "tensor_index_or_null(x, '$', a) -> part of x, or null",
    help: "As tensor_index, but null where an index is outside a sample.",
    example: "SELECT tensor_index_or_null(tensor_array(10, 20), '$', 3 + 4) AS nothing",
};

/// The values behind the `$`s, in order.
enum Given {
    Integers(Int64Array, bool),
    Places(Numbers, Int64Array),
    Mask(Numbers, BooleanArray),
}

impl Index {
    fn slice(&self) -> &'static Slice {
        if self.or_null { &SLICE_OR_NULL } else { &SLICE }
    }

    fn template(&self, args: &[Arg]) -> Result<Template> {
        let [_, text, values @ ..] = args else {
            return Err(self.wrong_types(args, "a value and its subscripts are needed"));
        };
        let Some(text) = text.text_literal() else {
            return Err(
                self.wrong_argument("the subscripts must be a constant text, such as '$, 0'")
            );
        };
        let template = Template::parse(text).map_err(|reason| self.wrong_argument(reason))?;
        if template.values() != values.len() {
            return Err(self.wrong_argument(format!(
                "'{text}' needs {} values, {} are given",
                template.values(),
                values.len()
            )));
        }
        Ok(template)
    }

    /// The type of the result: subscripts by value cut as a slice of unknown length does.
    fn indexed_type(
        &self,
        args: &[Arg],
        ty: &TensorType,
        template: &Template,
    ) -> Result<TensorType> {
        let values = args.get(2..).unwrap_or(&[]);
        let vector =
            |at: &usize| values.get(*at).and_then(Arg::numeric).is_some_and(|ty| ty.ndim() == 1);
        let mut vectors = 0;
        for (part, slot) in template.slots() {
            let Some(value) = values.get(slot) else { continue };
            let fits = match (value.scalar_dtype(), value.numeric()) {
                (Some(dtype), _) => dtype.is_integer(),
                (None, Some(list)) => {
                    let places = list.dtype.is_integer() || list.dtype == DType::Bool;
                    vectors += 1;
                    // An array literal is f32 (rule 12); its numbers are checked to be whole.
                    list.ndim() == 1
                        && (places || list.dtype == DType::F32)
                        && matches!(part, Part::Index(_))
                }
                _ => false,
            };
            if !fits {
                return Err(self.wrong_types(
                    std::slice::from_ref(value),
                    "a subscript is an integer, or in place of an index a vector of integers or bools, or alone a mask such as x > 3",
                ));
            }
        }
        if vectors > 1 {
            return Err(self.wrong_argument("one vector of places a subscript: write x[a][:, b]"));
        }
        // Open slices leave the size open, as a value does; integers drop the dimension.
        let constant: Vec<Subscript> = template
            .parts()
            .iter()
            .map(|part| match part {
                Part::Rest => Subscript::Rest,
                Part::Index(Bound::Value(at)) if vector(at) => Subscript::ALL,
                Part::Index(Bound::Constant(index)) => Subscript::Index(*index),
                Part::Index(_) => Subscript::Slice { start: Some(0), stop: Some(1), step: None },
                Part::Slice(..) => part.constant().unwrap_or(Subscript::ALL),
            })
            .collect();
        // Indexes by value are checked per row, so they cannot be out of range here.
        let mut open = ty.clone();
        let mut dropped = Vec::new();
        let missing = ty.ndim().saturating_sub(subscript::check(&constant, Some(ty.ndim()))?);
        let mut axis = 0;
        for part in template.parts() {
            match part {
                Part::Rest => axis += missing,
                Part::Index(Bound::Value(at)) if !vector(at) => {
                    dropped.push(axis);
                    axis += 1;
                }
                _ => {
                    let by_value = match part {
                        Part::Index(Bound::Value(_)) => true,
                        Part::Slice(..) => part.constant().is_none(),
                        _ => false,
                    };
                    if let (true, Some(dim)) = (by_value, open.dims.get_mut(axis)) {
                        *dim = None;
                    }
                    axis += 1;
                }
            }
        }
        for axis in &dropped {
            if let Some(dim) = open.dims.get_mut(*axis) {
                *dim = None;
            }
        }
        let indexes: Vec<Subscript> = template
            .parts()
            .iter()
            .zip(constant)
            .map(|(part, constant)| match part {
                Part::Index(Bound::Value(at)) if !vector(at) => Subscript::Index(0),
                _ => constant,
            })
            .collect();
        // A constant index beyond a fixed size is null where the others are.
        self.slice().result_type(&open, &indexes)
    }

    fn given(&self, args: &[Value], rows: usize) -> Result<Vec<Given>> {
        args.iter()
            .map(|value| {
                if value.arg.scalar_dtype().is_some() {
                    let integers = cast(&value.array, &DataType::Int64)?;
                    return Ok(Given::Integers(
                        integers.as_primitive::<Int64Type>().clone(),
                        value.constant,
                    ));
                }
                let numbers = value.numbers()?;
                match numbers.ty().dtype {
                    DType::Bool => {
                        let mask = numbers.elements().as_boolean().clone();
                        Ok(Given::Mask(numbers, mask))
                    }
                    DType::F32 => {
                        let floats = numbers.elements_as(&DataType::Float64)?;
                        let floats = floats.as_primitive::<Float64Type>();
                        for row in 0..rows {
                            let whole =
                                numbers.range(row).all(|at| floats.value(at).fract() == 0.0);
                            if !numbers.is_null(row) && !whole {
                                return Err(self
                                    .wrong_row(row, "a float is no index: cast it to an integer"));
                            }
                        }
                        let places = cast(floats, &DataType::Int64)?;
                        Ok(Given::Places(numbers, places.as_primitive::<Int64Type>().clone()))
                    }
                    _ => {
                        let places = numbers.elements_as(&DataType::Int64)?;
                        Ok(Given::Places(numbers, places.as_primitive::<Int64Type>().clone()))
                    }
                }
            })
            .collect()
    }
}

impl TensorFunction for Index {
    fn entry(&self) -> &'static Entry {
        if self.or_null { &OR_NULL_ENTRY } else { &INDEX_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (2, usize::MAX)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let template = self.template(args)?;
        if let ([json, _, key], true) = (args, args.first().is_some_and(Arg::is_json)) {
            return json_get::GET.result(&[json.clone(), key.clone()]);
        }
        let Some(ty) = args.first().and_then(|arg| arg.ty.as_ref()).filter(|ty| !ty.is_scalar())
        else {
            return Err(
                self.wrong_types(args, "the first has no dimensions, so it cannot be sliced")
            );
        };
        if matches!(&ty.layout, Layout::Sequence(inner) if !inner.is_scalar()) {
            return Err(
                self.wrong_types(args, "an item of a sequence of tensors needs a constant place")
            );
        }
        let values = args.get(2..).unwrap_or(&[]);
        if let Some(mask) = mask_of(&template, values, |arg| arg) {
            let ty = self.masked_type(ty, mask)?;
            return Ok(Output::tensor(ty, self.or_null || any_nullable(args)));
        }
        let ty = match constants(&template, args) {
            Some(subscripts) => self.slice().result_type(ty, &subscripts)?,
            None => self.indexed_type(args, ty, &template)?,
        };
        Ok(Output::tensor(ty, self.or_null || any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let [x, _, values @ ..] = args else {
            return Err(self.wrong_types(&described, "a value and its subscripts are needed"));
        };
        if let ([key], true) = (values, x.arg.is_json()) {
            return json_get::GET.evaluate(&[x.clone(), key.clone()], out, rows);
        }
        let template = self.template(&described)?;
        if let Some(mask) = mask_of(&template, values, |value| &value.arg) {
            return self.masked(x, mask, out.ty()?, rows);
        }
        let given = self.given(values, rows)?;
        let from = Numbers::places_of(x)?;
        let mut subscripts = Vec::with_capacity(template.parts().len());
        let mut chosen = Vec::new();
        gather(&from, out.ty()?, rows, |row, shape, runs| {
            subscripts.clear();
            let value = |at: &usize| match given.get(*at) {
                Some(Given::Integers(integers, constant)) => {
                    let at = if *constant { 0 } else { row };
                    integers.is_valid(at).then(|| integers.value(at))
                }
                _ => None,
            };
            let mut vector = None;
            let fancy = |at: &usize| !matches!(given.get(*at), Some(Given::Integers(..)));
            for part in template.parts() {
                match part {
                    Part::Index(Bound::Value(at)) if fancy(at) => {
                        vector = Some((subscripts.len(), *at));
                        subscripts.push(Subscript::ALL);
                    }
                    part => match part.with_values(&value) {
                        Some(subscript) => subscripts.push(subscript),
                        // A null subscript has no place.
                        None => return Ok(None),
                    },
                }
            }
            let Some((at, slot)) = vector else {
                return self.slice().row(row, &subscripts, shape, runs);
            };
            let axis = axis_of(&subscripts, at, shape);
            chosen.clear();
            match given.get(slot) {
                Some(Given::Places(numbers, _) | Given::Mask(numbers, _))
                    if numbers.is_null(row) =>
                {
                    return Ok(None);
                }
                Some(Given::Places(numbers, places)) => {
                    chosen.extend(numbers.range(row).map(|at| places.value(at)));
                }
                Some(Given::Mask(numbers, mask)) => {
                    let range = numbers.range(row);
                    if Some(&range.len()) != shape.get(axis) {
                        return Err(self.wrong_row(
                            row,
                            format!(
                                "a mask of {} does not fit dimension {axis} of shape {shape}",
                                range.len()
                            ),
                        ));
                    }
                    let start = range.start;
                    chosen.extend(
                        range
                            .filter(|at| mask.value(*at))
                            .filter_map(|at| i64::try_from(at - start).ok()),
                    );
                }
                _ => {}
            }
            self.fancy(row, &subscripts, at, &chosen, shape, runs)
        })
    }

    fn simplify(
        &self,
        exprs: Vec<Expr>,
        args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let (Some(x), Some(arg)) = (exprs.first(), args.first()) else {
            return Ok(ExprSimplifyResult::Original(exprs));
        };
        // Constants after all: the scan knows how to read such a slice only.
        let subscripts = constants(&self.template(args)?, args).filter(|_| !arg.is_json());
        let Some(subscripts) = subscripts else { return Ok(ExprSimplifyResult::Original(exprs)) };
        let text = ScalarValue::Utf8(Some(subscript::format_list(&subscripts)));
        let slice = ScalarUDF::new_from_impl(TensorUdf::new(self.slice()));
        let call = slice.call(vec![x.clone(), Expr::Literal(text, None)]);
        Ok(ExprSimplifyResult::Simplified(call))
    }
}

/// The subscripts, if every `$` stands for a constant integer.
fn constants(template: &Template, args: &[Arg]) -> Option<Vec<Subscript>> {
    let values: Vec<i64> = args.get(2..)?.iter().map(constant).collect::<Option<_>>()?;
    template.parts().iter().map(|part| part.with_values(&|at| values.get(*at).copied())).collect()
}

fn constant(arg: &Arg) -> Option<i64> {
    if !arg.scalar_dtype().is_some_and(DType::is_integer) {
        return None;
    }
    match arg.literal.as_ref()?.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(value)) => value,
        _ => None,
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
