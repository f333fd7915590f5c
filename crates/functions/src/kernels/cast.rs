//! `CAST(x AS type)` of tensors.

use std::str::FromStr;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::new_null_array;
use arrow::compute::CastOptions;
use arrow::compute::cast_with_options;
use arrow::datatypes::DataType;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;
use lakebed_core::TensorType;
use serde_json::Value as Json;

use crate::assemble::Rows;
use crate::assemble::assemble;
use crate::assemble::without_nulls;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::json::Documents;
use crate::native;
use crate::value::Value;

/// The same numbers in another element type.
#[derive(Debug)]
pub struct Cast;

static ENTRY: Entry = Entry {
    tql: &["CAST", "ASTYPE"],
    udf: "tensor_cast",
    aliases: &[],
    parameters: &["x", "type"],
    signature: "tensor_cast(x, 'f32') -> tensor of that element type; in TQL: CAST(x AS FLOAT)",
    help: "The elements as bool, i8 to i64, u8 to u64, f16, f32 or f64, or by SQL's names of these. Fractions are cut; a number that the type cannot hold is an error.",
    example: "SELECT tensor_cast(ARRAY[1.7, -2.5], 'i32') AS whole",
};

/// The element type of a name: ours, or SQL's.
pub(crate) fn named(name: &str) -> Option<DType> {
    let name = name.trim().to_ascii_lowercase();
    let dtype = match name.as_str() {
        "boolean" => DType::Bool,
        "tinyint" | "int8" => DType::I8,
        "smallint" | "int16" => DType::I16,
        "int" | "integer" | "int32" => DType::I32,
        "bigint" | "int64" => DType::I64,
        "tinyint unsigned" | "uint8" => DType::U8,
        "smallint unsigned" | "uint16" => DType::U16,
        "int unsigned" | "integer unsigned" | "uint32" => DType::U32,
        "bigint unsigned" | "uint64" => DType::U64,
        "float16" => DType::F16,
        "float" | "real" | "float4" | "float32" => DType::F32,
        "double" | "double precision" | "float8" | "float64" => DType::F64,
        other => DType::from_str(other).ok()?,
    };
    dtype.is_tensor_element().then_some(dtype)
}

impl Cast {
    fn target(&self, args: &[Arg]) -> Result<DType> {
        let text = args
            .get(1)
            .and_then(Arg::text_literal)
            .ok_or_else(|| self.wrong_argument("the type is a constant text, such as 'f32'"))?;
        named(text).ok_or_else(|| {
            let reason =
                format!("'{text}' is no element type: bool, i8 to i64, u8 to u64, f16, f32 or f64");
            self.wrong_argument(reason)
        })
    }
}

impl TensorFunction for Cast {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let dtype = self.target(args)?;
        let dims = match args.first() {
            Some(x) if x.numeric().is_some() => {
                x.numeric().map(|ty| ty.dims.clone()).unwrap_or_default()
            }
            Some(x) if native::is_plain(x) => Vec::new(),
            _ => return Err(self.wrong_types(args, "it casts numbers")),
        };
        // JSON null is null.
        let nullable = any_nullable(args) || args.first().is_some_and(Arg::is_json);
        Ok(Output::tensor(TensorType::tensor(dtype, dims), nullable))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let ty = out.ty()?;
        let target = ty.dtype.to_arrow();
        let options = CastOptions { safe: true, ..CastOptions::default() };
        if x.arg.is_json() {
            return self.of_json(x, &target, &ty.dtype, rows);
        }
        if x.arg.numeric().is_none() {
            let array = cast_with_options(&x.array, &target, &options)?;
            if let Some(row) =
                (0..array.len()).find(|row| array.is_null(*row) && x.array.is_valid(*row))
            {
                return Err(self.unfit(row, &ty.dtype));
            }
            return Ok(array);
        }
        let numbers = x.numbers()?;
        let window = numbers.window(rows);
        let before = numbers.elements().slice(window.start, window.len());
        let after = cast_with_options(&before, &target, &options)?;
        if after.null_count() > before.null_count() {
            // Null rows may hold anything; only what somebody reads is an error.
            let lost = (0..rows).filter(|row| !numbers.is_null(*row)).find(|row| {
                numbers.range(*row).any(|at| {
                    let at = at - window.start;
                    after.is_null(at) && before.is_valid(at)
                })
            });
            if let Some(row) = lost {
                return Err(self.unfit(row, &ty.dtype));
            }
        }
        let elements = without_nulls(after)?;
        assemble(ty, elements, Rows::like(&numbers, ty, rows)?, numbers.nulls(rows))
    }

    fn simplify(
        &self,
        exprs: Vec<Expr>,
        args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let target: DataType = self.target(args)?.to_arrow();
        Ok(match (exprs.as_slice(), args.first()) {
            // DataFusion's cast would keep the names of classes.
            ([x, _], Some(arg))
                if native::is_plain(arg) && !arg.is_json() && arg.classes().is_none() =>
            {
                let cast = native::cast(x.clone(), arg.field.data_type(), target);
                ExprSimplifyResult::Simplified(cast)
            }
            _ => ExprSimplifyResult::Original(exprs),
        })
    }
}

impl Cast {
    /// The numbers and bools that JSON holds; its null is null.
    fn of_json(
        &self,
        x: &Value,
        target: &DataType,
        dtype: &DType,
        rows: usize,
    ) -> Result<ArrayRef> {
        if x.nulls(rows).is_some_and(|nulls| nulls.null_count() == rows) {
            return Ok(new_null_array(target, rows));
        }
        let documents = Documents::try_new(x)?;
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            let document = if x.is_null(row) { Json::Null } else { documents.get(row)? };
            let value = match &document {
                Json::Null => ScalarValue::Null,
                Json::Bool(value) => ScalarValue::from(*value),
                Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                    (Some(whole), _) => ScalarValue::from(whole),
                    (_, Some(whole)) => ScalarValue::from(whole),
                    _ => ScalarValue::from(number.as_f64().unwrap_or(f64::NAN)),
                },
                Json::String(text) => ScalarValue::from(text.trim()),
                other => {
                    let kind = if other.is_array() { "a list" } else { "an object" };
                    return Err(self.wrong_row(row, format!("{kind} is no number")));
                }
            };
            let cast = if value.is_null() {
                ScalarValue::try_new_null(target)?
            } else {
                value.cast_to_with_options(target, &options)?
            };
            if cast.is_null() && !value.is_null() {
                return Err(match document {
                    Json::String(text) => self.wrong_row(row, format!("'{text}' is no {dtype}")),
                    _ => self.unfit(row, dtype),
                });
            }
            values.push(cast);
        }
        Ok(ScalarValue::iter_to_array(values)?)
    }

    fn unfit(&self, row: usize, dtype: &DType) -> crate::error::FunctionError {
        self.wrong_row(row, format!("a value does not fit in {dtype}"))
    }
}
