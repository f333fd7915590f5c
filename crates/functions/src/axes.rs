//! The `axis` and `keepdims` of a reduction.

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Int64Type;
use datafusion_common::ScalarValue;
use lakebed_core::DType;
use lakebed_core::MAX_NDIM;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::error::FunctionError;
use crate::flat;
use crate::function::Arg;
use crate::function::TensorFunction;
use crate::function::given;
use crate::numbers::Numbers;
use crate::numbers::to_type;
use crate::value::Value;

/// Whole numbers that a call was given: places of dimensions, or their sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integers {
    /// A constant: one number, or the numbers of a text such as `'0, -1'`.
    Known(Vec<i64>),
    /// An array of so many numbers. What it holds is looked up when the call runs, even if it is a
    /// constant: an array literal is a call until it is folded, and types must not change then.
    Later(Option<usize>),
}

/// The numbers of an argument.
///
/// # Errors
/// Why it holds none.
pub fn integers(arg: &Arg) -> Result<Integers, String> {
    if let Some(text) = arg.text_literal() {
        let numbers: Result<Vec<i64>, _> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect();
        return numbers.map(Integers::Known).map_err(|_| format!("'{text}' lists no integers"));
    }
    match arg.numeric() {
        Some(ty) if ty.is_scalar() && ty.dtype.is_integer() => match &arg.literal {
            Some(literal) => match literal.cast_to(&DataType::Int64) {
                Ok(ScalarValue::Int64(Some(n))) => Ok(Integers::Known(vec![n])),
                _ => Err("NULL is no integer".into()),
            },
            None => Ok(Integers::Later(Some(1))),
        },
        // An array literal of small numbers is f32 (rule 12); they are checked to be whole.
        Some(ty) if ty.ndim() == 1 && (ty.dtype.is_integer() || ty.dtype == DType::F32) => {
            let count = ty.dims.first().copied().flatten();
            Ok(Integers::Later(count.and_then(|count| usize::try_from(count).ok())))
        }
        _ => Err(format!("`{}` is no integer and no array of integers", arg.describe())),
    }
}

/// The numbers of a row of an argument.
///
/// # Errors
/// Why it holds none.
pub fn integers_of_row(value: &Value, row: usize) -> Result<Vec<i64>, String> {
    if let Ok(Integers::Known(numbers)) = integers(&value.arg) {
        return Ok(numbers);
    }
    let numbers = value.numbers().map_err(|error| error.to_string())?;
    let range = numbers.range(row);
    let elements = numbers.elements().slice(range.start, range.len());
    if numbers.ty().dtype.is_float() {
        let floats = to_type(&elements, &DataType::Float64).map_err(|error| error.to_string())?;
        let floats = floats.as_primitive::<arrow::datatypes::Float64Type>();
        if let Some(bad) = floats.values().iter().find(|value| value.fract() != 0.0) {
            return Err(format!("{bad} is no integer"));
        }
    }
    let elements = to_type(&elements, &DataType::Int64).map_err(|error| error.to_string())?;
    Ok(elements.as_primitive::<Int64Type>().values().to_vec())
}

/// A constant bool argument; `otherwise` if it is not given.
///
/// # Errors
/// Why it is none.
pub fn flag(args: &[Arg], at: usize, name: &str, otherwise: bool) -> Result<bool, String> {
    match given(args, at).map(|arg| (&arg.literal, arg)) {
        None => Ok(otherwise),
        Some((Some(ScalarValue::Boolean(Some(flag))), _)) => Ok(*flag),
        Some((_, arg)) => {
            Err(format!("{name} is the constant true or false, not `{}`", arg.describe()))
        }
    }
}

/// A dimension counted from the end if negative.
///
/// # Errors
/// That there is no such dimension.
pub fn dimension(axis: i64, ndim: usize) -> Result<usize, String> {
    let from_end = usize::try_from(axis.unsigned_abs()).unwrap_or(usize::MAX);
    let found = if axis < 0 { ndim.checked_sub(from_end) } else { Some(from_end) };
    found
        .filter(|axis| *axis < ndim)
        .ok_or_else(|| format!("there is no dimension {axis} among {ndim}"))
}

/// The dimensions that a call reduces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axes {
    reduced: [bool; MAX_NDIM],
    /// Reduced dimensions stay, with size 1.
    pub keepdims: bool,
}

impl Axes {
    /// All of them.
    pub fn all(keepdims: bool) -> Axes {
        Axes { reduced: [true; MAX_NDIM], keepdims }
    }

    /// Those of a list, of `ndim`.
    ///
    /// # Errors
    /// A dimension that is not there, or twice.
    pub fn new(list: &[i64], ndim: usize, keepdims: bool) -> Result<Axes, String> {
        let mut reduced = [false; MAX_NDIM];
        for axis in list {
            let at = dimension(*axis, ndim)?;
            let place = reduced.get_mut(at).ok_or("a value has at most 8 dimensions")?;
            if std::mem::replace(place, true) {
                return Err(format!("axis {axis} is listed twice"));
            }
        }
        Ok(Axes { reduced, keepdims })
    }

    /// True if a dimension is reduced.
    pub fn has(&self, axis: usize) -> bool {
        self.reduced.get(axis).copied().unwrap_or(false)
    }

    /// The shape that is left of a shape.
    pub fn left(&self, shape: &Shape) -> Shape {
        let mut left = Shape::SCALAR;
        for (axis, size) in shape.iter().enumerate() {
            let size = if self.has(axis) { 1 } else { *size };
            if self.keepdims || !self.has(axis) {
                // No more dimensions than before.
                let _ = left.push(size);
            }
        }
        left
    }

    /// The dimensions in an order that has the reduced ones last.
    pub fn reduced_last(&self, ndim: usize) -> Vec<usize> {
        let kept = (0..ndim).filter(|axis| !self.has(*axis));
        kept.chain((0..ndim).filter(|axis| self.has(*axis))).collect()
    }
}

/// The dimensions that are left of a type after the reduction that `args[1]` (axis) and `args[2]`
/// (keepdims) ask for.
///
/// # Errors
/// Why they make no sense.
pub fn planned(ty: &TensorType, args: &[Arg]) -> Result<Vec<Option<u32>>, String> {
    let keepdims = flag(args, 2, "keepdims", false)?;
    let scalar = given(args, 1).is_some_and(|axis| axis.scalar_dtype().is_some());
    let list = match given(args, 1).map(integers).transpose()? {
        None if keepdims => return Ok(vec![Some(1); ty.ndim()]),
        None => return Ok(Vec::new()),
        Some(Integers::Known(list)) => list,
        Some(Integers::Later(_)) if scalar => return Err("axis must be a constant".into()),
        Some(Integers::Later(_)) if keepdims => return Ok(vec![None; ty.ndim()]),
        Some(Integers::Later(Some(count))) => {
            let left = ty.ndim().checked_sub(count);
            return left
                .map(|left| vec![None; left])
                .ok_or_else(|| format!("{count} axes of a value of {} dimensions", ty.ndim()));
        }
        Some(Integers::Later(None)) => return Err("the number of axes must be constant".into()),
    };
    let axes = Axes::new(&list, ty.ndim(), keepdims)?;
    let dims = ty.dims.iter().enumerate();
    Ok(dims
        .filter(|(axis, _)| keepdims || !axes.has(*axis))
        .map(|(axis, dim)| if axes.has(axis) { Some(1) } else { *dim })
        .collect())
}

/// What a running call reduces: the numbers, and the dimensions; `None` if all elements of a row
/// become one number, which then stand in one dimension where the value is a sequence.
///
/// # Errors
/// Those of [`Value::numbers`], and [`crate::FunctionError::Argument`] for dimensions without sense.
pub fn operand(
    function: &impl TensorFunction,
    args: &[Value],
) -> Result<(Numbers, Option<Axes>), FunctionError> {
    let Some(x) = args.first() else {
        return Err(function.wrong_types(&[], "an argument is needed"));
    };
    let axes = running(x.ty()?, args).map_err(|reason| function.wrong_argument(reason))?;
    let numbers = if axes.is_some() { x.numbers()? } else { flat::elements(x)? };
    Ok((numbers, axes))
}

/// The dimensions that a running call reduces; `None` if it reduces all of them to one number.
///
/// # Errors
/// Why they make no sense.
pub fn running(ty: &TensorType, args: &[Value]) -> Result<Option<Axes>, String> {
    let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
    let keepdims = flag(&described, 2, "keepdims", false)?;
    match args.get(1).filter(|value| !value.arg.is_untyped_null()) {
        None if keepdims && ty.ndim() > 0 => Ok(Some(Axes::all(true))),
        None => Ok(None),
        Some(axis) if axis.constant => {
            Axes::new(&integers_of_row(axis, 0)?, ty.ndim(), keepdims).map(Some)
        }
        Some(_) => Err("axis must be a constant".into()),
    }
}
