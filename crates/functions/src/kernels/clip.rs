//! `CLIP(x, low, high)`.

use arrow::array::ArrayRef;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::Rows;
use crate::assemble::assemble;
use crate::assemble::primitive;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::function::given;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::join;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::shapes;
use crate::value::Value;

use super::extremes::Extreme;
use super::extremes::MAXIMUM;
use super::extremes::MINIMUM;

/// The element type of clipped values: their own, unless a bound has fractions that they cannot
/// have, or floats meet an array of wider ones. Constants are not looked at, so that folding them
/// changes no type.
fn clipped(x: &TensorType, bound: &TensorType) -> DType {
    let narrower = !x.dtype.is_float() && bound.dtype.is_float();
    let wider = x.dtype.is_float() && !bound.is_scalar();
    if narrower || wider { join(&x.dtype, &bound.dtype) } else { x.dtype.clone() }
}

/// The range of an integer type; `None` for floats and bools.
fn range(dtype: &DType) -> Option<(i128, i128)> {
    Some(match dtype {
        DType::I8 => (i8::MIN.into(), i8::MAX.into()),
        DType::I16 => (i16::MIN.into(), i16::MAX.into()),
        DType::I32 => (i32::MIN.into(), i32::MAX.into()),
        DType::I64 => (i64::MIN.into(), i64::MAX.into()),
        DType::U8 => (0, u8::MAX.into()),
        DType::U16 => (0, u16::MAX.into()),
        DType::U32 => (0, u32::MAX.into()),
        DType::U64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

/// Every element within two bounds.
#[derive(Debug)]
pub struct Clip;

static ENTRY: Entry = Entry {
    tql: &["CLIP"],
    udf: "clip",
    aliases: &[],
    parameters: &["x", "low", "high"],
    signature: "clip(x, low, high) -> number of the broadcast shape",
    help: "Every element, or the bound that it is beyond; NULL is no bound. The type stays, unless integers meet a bound of floats, or floats an array of wider ones.",
    example: "SELECT CLIP(ARRAY[-3, 0.5, 7], 0, 1) AS shares",
};

impl Clip {
    /// The steps: a bound's place and what it does.
    const STEPS: [(usize, &'static Extreme); 2] = [(1, &MAXIMUM), (2, &MINIMUM)];

    /// The types before the first step, between the two, and after the last.
    fn types(&self, args: &[Arg]) -> Result<Vec<TensorType>> {
        let Some(x) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes numbers"));
        };
        let mut types = vec![TensorType::tensor(x.dtype.clone(), x.dims.clone())];
        for (at, _) in Clip::STEPS {
            let Some(bound) = given(args, at) else { continue };
            let (Some(before), Some(ty)) = (types.last(), bound.numeric()) else {
                return Err(self.wrong_types(args, "bounds are numbers"));
            };
            let dims = shapes::broadcast(before, ty)
                .map_err(|clash| self.wrong_types(args, shapes::clash(clash)))?;
            types.push(TensorType::tensor(clipped(before, ty), dims));
        }
        if types.len() == 1 {
            return Err(self.wrong_argument("a bound is needed: low, high or both"));
        }
        Ok(types)
    }
}

impl TensorFunction for Clip {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 3)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let mut types = self.types(args)?;
        let ty = types.pop().unwrap_or(TensorType::scalar(DType::F64));
        Ok(Output::tensor(ty, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let types = self.types(&described)?;
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let mut within = x.clone();
        let bounds = Clip::STEPS
            .iter()
            .filter_map(|(at, step)| args.get(*at).map(|bound| (bound, step)))
            .filter(|(bound, _)| !bound.arg.is_untyped_null());
        for ((bound, step), ty) in bounds.zip(types.iter().skip(1)) {
            let before = within.numbers()?;
            let bound = self.fitted(bound.numbers()?, step.largest, &ty.dtype, rows)?;
            let array = step.of(&before, &bound, ty, rows)?.map_err(|row| {
                self.wrong_row(row, shapes::unfit(&before.shape(row), &bound.shape(row)))
            })?;
            let arg = Arg::new(ty.to_field_ref("x", true), None);
            within = Value { arg, array, constant: false };
        }
        Ok(within.array)
    }
}

impl Clip {
    /// A bound of integers in the type of the result: what lies beyond all of its numbers bounds
    /// nothing, and what no element could be is an error.
    fn fitted(&self, bound: Numbers, low: bool, dtype: &DType, rows: usize) -> Result<Numbers> {
        let Some((least, most)) = range(dtype).filter(|_| bound.ty().dtype != *dtype) else {
            return Ok(bound);
        };
        let elements = bound.native()?;
        let window = bound.window(rows);
        let (wide, bad) = with_numbers!(elements, T, values => {
            let wide: Vec<i128> = values
                .get(window.clone())
                .unwrap_or(&[])
                .iter()
                .map(|value| value.to_i128())
                .collect();
            let beyond = |value: i128| if low { value > most } else { value < least };
            let bad = (0..rows).filter(|row| !bound.is_null(*row)).find_map(|row| {
                let own = bound.range(row);
                let own = own.start - window.start..own.end - window.start;
                let values = wide.get(own).unwrap_or(&[]);
                values.iter().copied().find(|value| beyond(*value)).map(|value| (row, value))
            });
            (wide, bad)
        }, else return Err(not_numbers(elements.data_type())));
        if let Some((row, value)) = bad {
            let reason = format!("no {dtype} reaches the bound {value}: cast the value first");
            return Err(self.wrong_row(row, reason));
        }
        let clamped = wide.into_iter().map(|value| value.clamp(least, most));
        let elements = match dtype {
            DType::U64 => {
                primitive::<UInt64Type>(clamped.map(|n| u64::try_from(n).unwrap_or(0)).collect())
            }
            _ => primitive::<Int64Type>(clamped.map(|n| i64::try_from(n).unwrap_or(0)).collect()),
        };
        let ty = TensorType::tensor(dtype.clone(), bound.ty().dims.clone());
        let constant = bound.is_constant();
        let own = if constant { 1 } else { rows };
        let array = assemble(&ty, elements, Rows::like(&bound, &ty, own)?, bound.nulls(own))?;
        let arg = Arg::new(ty.to_field_ref("bound", true), None);
        Value { arg, array, constant }.numbers()
    }
}
