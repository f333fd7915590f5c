//! `==`, `!=`, `<`, `<=`, `>`, `>=`, element by element.

use std::cmp::Ordering;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::compute::CastOptions;
use arrow::compute::cast;
use arrow::compute::cast_with_options;
use arrow::compute::kernels::cmp;
use arrow::datatypes::DataType;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::TensorType;

use crate::assemble::bools;
use crate::elementwise::Stretch;
use crate::elementwise::zip;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::json;
use crate::labels;
use crate::native;
use crate::numbers::Numbers;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::plain;
use crate::shapes;
use crate::value::Value;

/// A comparison.
#[derive(Debug)]
pub struct Compare {
    operator: Operator,
    unequal: Unequal,
    entry: Entry,
}

/// What becomes of a row whose arrays have unequal shapes (rule 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unequal {
    /// Null, which a condition takes for false.
    Null,
    /// An error: what a query shows must not hide it.
    Error,
}

macro_rules! comparison {
    ($name:ident, $operator:ident, $tql:expr, $udf:literal, $sign:literal, $example:literal, $help:literal) => {
        /// The comparison of this sign.
        pub static $name: Compare = Compare {
            operator: Operator::$operator,
            unequal: Unequal::Null,
            entry: Entry {
                tql: $tql,
                udf: $udf,
                aliases: &[],
                parameters: &["a", "b"],
                signature: concat!(
                    $udf,
                    "(a, b) -> bool of the shape of a or b; in TQL: a ",
                    $sign,
                    " b"
                ),
                help: $help,
                example: $example,
            },
        };
    };
}

comparison!(
    EQ,
    Eq,
    &["EQUALS"],
    "tensor_eq",
    "==",
    "SELECT ARRAY[1, 2, 3] == 2 AS same",
    "True where the elements are equal. A number meets every element of an array; two arrays need equal shapes, else the row is null (in TQL outside of conditions it is an error: tensor_eq_strict). A class label meets a class name. NaN equals nothing."
);
comparison!(
    NE,
    NotEq,
    &[],
    "tensor_ne",
    "!=",
    "SELECT ARRAY[1, 2, 3] != 2 AS other",
    "True where the elements differ, under the rules of tensor_eq. NaN differs from everything."
);
comparison!(
    LT,
    Lt,
    &[],
    "tensor_lt",
    "<",
    "SELECT ARRAY[1, 2, 3] < 2 AS less",
    "True where the left element is less; class labels compare by the order of their classes."
);
comparison!(
    LE,
    LtEq,
    &[],
    "tensor_le",
    "<=",
    "SELECT ARRAY[1, 2, 3] <= 2 AS at_most",
    "True where the left element is less or equal."
);
comparison!(
    GT,
    Gt,
    &[],
    "tensor_gt",
    ">",
    "SELECT ARRAY[1, 2, 3] > 2 AS greater",
    "True where the left element is greater."
);
comparison!(
    GE,
    GtEq,
    &[],
    "tensor_ge",
    ">=",
    "SELECT ARRAY[1, 2, 3] >= 2 AS at_least",
    "True where the left element is greater or equal."
);

macro_rules! strict {
    ($name:ident, $like:ident, $operator:ident, $udf:literal, $sign:literal) => {
        /// The same, but unequal shapes are an error.
        pub static $name: Compare = Compare {
            operator: Operator::$operator,
            unequal: Unequal::Error,
            entry: Entry {
                tql: &[],
                udf: $udf,
                signature: concat!(
                    $udf,
                    "(a, b) -> bool of the shape of a or b; in TQL: a ",
                    $sign,
                    " b outside of conditions"
                ),
                help: "As the comparison of that sign, but arrays of unequal shapes are an error.",
                example: concat!("SELECT ARRAY[1, 2] ", $sign, " ARRAY[2, 1] AS y"),
                ..$like.entry
            },
        };
    };
}

strict!(EQ_STRICT, EQ, Eq, "tensor_eq_strict", "==");
strict!(NE_STRICT, NE, NotEq, "tensor_ne_strict", "!=");
strict!(LT_STRICT, LT, Lt, "tensor_lt_strict", "<");
strict!(LE_STRICT, LE, LtEq, "tensor_le_strict", "<=");
strict!(GT_STRICT, GT, Gt, "tensor_gt_strict", ">");
strict!(GE_STRICT, GE, GtEq, "tensor_ge_strict", ">=");

/// How the two sides of a comparison meet.
enum Meeting {
    Numbers,
    /// The other side is a class name: the code, and whether it stands on the right.
    Code(datafusion_common::ScalarValue, bool),
    /// Class names against texts, or against the names of another list.
    Names,
    Texts,
    Json,
    Plain,
}

impl Compare {
    fn is_equality(&self) -> bool {
        matches!(self.operator, Operator::Eq | Operator::NotEq)
    }

    fn meeting(&self, args: &[Arg]) -> Result<Meeting> {
        let [a, b] = args else { return Err(self.wrong_types(args, "two operands are needed")) };
        if a.is_json() || b.is_json() {
            if is_json_comparable(a) && is_json_comparable(b) {
                return Ok(Meeting::Json);
            }
            return Err(self.wrong_types(args, "JSON compares with JSON, text, numbers and bools"));
        }
        if plain::result_type(self.operator, a, b) == Some(DataType::Boolean) {
            return Ok(Meeting::Plain);
        }
        match (a.classes(), b.classes()) {
            (Some(x), Some(y)) if x.classes != y.classes && self.is_equality() => {
                return Ok(Meeting::Names);
            }
            (Some(x), None) if is_texts(b) => return self.class_against(x, b, true),
            (None, Some(y)) if is_texts(a) => return self.class_against(y, a, false),
            _ => {}
        }
        if a.numeric().is_some() && b.numeric().is_some() {
            return Ok(Meeting::Numbers);
        }
        if is_texts(a) && is_texts(b) {
            return Ok(Meeting::Texts);
        }
        Err(self.wrong_types(args, "they cannot be compared: compare numbers with numbers, text with text, class labels with names or codes"))
    }

    fn class_against(&self, classes: &TensorType, text: &Arg, right: bool) -> Result<Meeting> {
        if let (true, Some(name)) = (text.is_text(), text.text_literal()) {
            return Ok(Meeting::Code(labels::code(classes, name)?, right));
        }
        if self.is_equality() {
            return Ok(Meeting::Names);
        }
        Err(self.wrong_argument(
            "class labels are ordered by their codes: compare with a constant name or a number",
        ))
    }
}

fn is_json_comparable(arg: &Arg) -> bool {
    arg.scalar_dtype().is_some_and(|dtype| {
        matches!(dtype, DType::Json | DType::Text) || dtype.is_tensor_element()
    })
}

/// Text, or a sequence of texts.
pub fn is_texts(arg: &Arg) -> bool {
    arg.ty.as_ref().is_some_and(|ty| {
        ty.dtype == DType::Text
            && match &ty.layout {
                Layout::Scalar => true,
                Layout::Sequence(inner) => inner.is_scalar(),
                _ => false,
            }
    })
}

impl TensorFunction for Compare {
    fn entry(&self) -> &'static Entry {
        match (self.operator, self.unequal) {
            (Operator::Eq, Unequal::Null) => &EQ.entry,
            (Operator::Eq, Unequal::Error) => &EQ_STRICT.entry,
            (Operator::NotEq, Unequal::Null) => &NE.entry,
            (Operator::NotEq, Unequal::Error) => &NE_STRICT.entry,
            (Operator::Lt, Unequal::Null) => &LT.entry,
            (Operator::Lt, Unequal::Error) => &LT_STRICT.entry,
            (Operator::LtEq, Unequal::Null) => &LE.entry,
            (Operator::LtEq, Unequal::Error) => &LE_STRICT.entry,
            (Operator::Gt, Unequal::Null) => &GT.entry,
            (Operator::Gt, Unequal::Error) => &GT_STRICT.entry,
            (_, Unequal::Null) => &GE.entry,
            (_, Unequal::Error) => &GE_STRICT.entry,
        }
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let (dims, may_differ) = match (self.meeting(args)?, args) {
            (Meeting::Json | Meeting::Plain, _) => (Vec::new(), false),
            (_, [a, b]) => match (&a.ty, &b.ty) {
                (Some(x), Some(y)) => shapes::compared(x, y),
                _ => (Vec::new(), false),
            },
            _ => (Vec::new(), false),
        };
        let nulls = (may_differ && self.unequal == Unequal::Null) || any_nullable(args);
        Ok(Output::tensor(shapes::with_dims(DType::Bool, dims), nulls))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let meeting = self.meeting(&described)?;
        let [a, b] = args else {
            return Err(self.wrong_types(&described, "two operands are needed"));
        };
        let ty = out.ty()?;
        match meeting {
            Meeting::Numbers => self.numbers(&a.numbers()?, &b.numbers()?, ty, rows),
            Meeting::Code(code, on_right) => {
                let field = arrow::datatypes::Field::new("code", code.data_type(), false);
                let arg = Arg::new(std::sync::Arc::new(field), Some(code.clone()));
                let code = Value { arg, array: code.to_array()?, constant: true };
                if on_right {
                    self.numbers(&a.numbers()?, &code.numbers()?, ty, rows)
                } else {
                    self.numbers(&code.numbers()?, &b.numbers()?, ty, rows)
                }
            }
            Meeting::Names | Meeting::Texts => self.texts(a, b, ty, rows),
            Meeting::Json => json::compare(self.operator, a, b, rows),
            Meeting::Plain => plain::evaluate(self.operator, a, b, rows, |x, y| {
                let answer = match self.operator {
                    Operator::Eq => cmp::eq(x, y),
                    Operator::NotEq => cmp::neq(x, y),
                    Operator::Lt => cmp::lt(x, y),
                    Operator::LtEq => cmp::lt_eq(x, y),
                    Operator::Gt => cmp::gt(x, y),
                    _ => cmp::gt_eq(x, y),
                };
                Ok(std::sync::Arc::new(answer?))
            }),
        }
    }

    fn simplify(
        &self,
        exprs: Vec<Expr>,
        args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let original = |exprs| Ok(ExprSimplifyResult::Original(exprs));
        if !args.iter().all(native::is_plain) {
            return original(exprs);
        }
        let mut args = args.to_vec();
        match self.meeting(&args)? {
            Meeting::Code(code, on_right) => {
                if let Some(name) = args.get_mut(usize::from(on_right)) {
                    let field = arrow::datatypes::Field::new("code", code.data_type(), false);
                    *name = Arg::new(std::sync::Arc::new(field), Some(code));
                }
            }
            Meeting::Numbers | Meeting::Texts | Meeting::Plain => {}
            Meeting::Names | Meeting::Json => return original(exprs),
        }
        if !native::comparable(&args) {
            return original(exprs);
        }
        let simplified = match exprs.as_slice() {
            [left, right] => native::binary(left.clone(), self.operator, right.clone(), &args),
            _ => None,
        };
        Ok(match simplified {
            Some(expr) => ExprSimplifyResult::Simplified(expr),
            None => ExprSimplifyResult::Original(exprs),
        })
    }
}

impl Compare {
    fn texts(&self, a: &Value, b: &Value, out: &TensorType, rows: usize) -> Result<ArrayRef> {
        let (x, y) = (Texts::try_new(a)?, Texts::try_new(b)?);
        self.zip(&x.rows, &x.elements()?, &y.rows, &y.elements()?, out, rows)
    }

    /// Compares numbers of any two types.
    ///
    /// # Errors
    /// Those of Arrow's casts.
    pub fn numbers(
        &self,
        a: &Numbers,
        b: &Numbers,
        out: &TensorType,
        rows: usize,
    ) -> Result<ArrayRef> {
        let (mut x, mut y) = (a.native()?, b.native()?);
        if x.data_type() != y.data_type() {
            let exact = if b.is_constant() {
                exactly(&y, x.data_type())?.map(|y| (x.clone(), y))
            } else if a.is_constant() {
                exactly(&x, y.data_type())?.map(|x| (x, y.clone()))
            } else {
                None
            };
            (x, y) = match exact {
                Some(pair) => pair,
                None => match common(x.data_type(), y.data_type()) {
                    Some(ty) => (cast(&x, &ty)?, cast(&y, &ty)?),
                    None => return self.zip(a, &wide(&x)?, b, &wide(&y)?, out, rows),
                },
            };
        }
        with_numbers!(x, T, left => match y.as_primitive_opt::<T>() {
            Some(right) => self.zip(a, left, b, right.values(), out, rows),
            None => Err(not_numbers(y.data_type())),
        }, else Err(not_numbers(x.data_type())))
    }

    fn zip<T: Copy + PartialOrd>(
        &self,
        a: &Numbers,
        x: &[T],
        b: &Numbers,
        y: &[T],
        out: &TensorType,
        rows: usize,
    ) -> Result<ArrayRef> {
        let (left, right) = ((a, x), (b, y));
        let never = match self.unequal {
            Unequal::Null => Stretch::Never,
            Unequal::Error => Stretch::Refused,
        };
        let built = match self.operator {
            Operator::Eq => zip(left, right, out, rows, never, |p, q| p == q),
            Operator::NotEq => zip(left, right, out, rows, never, |p, q| p != q),
            Operator::Lt => zip(left, right, out, rows, never, |p, q| p < q),
            Operator::LtEq => zip(left, right, out, rows, never, |p, q| p <= q),
            Operator::Gt => zip(left, right, out, rows, never, |p, q| p > q),
            _ => zip(left, right, out, rows, never, |p, q| p >= q),
        }?;
        match built {
            Ok(built) => built.finish(out, bools),
            Err(row) => {
                let shapes = shapes::differ(&a.shape(row), &b.shape(row));
                Err(self.wrong_row(row, shapes))
            }
        }
    }

    /// Does the comparison hold for values in this order?
    pub fn holds(operator: Operator, order: Ordering) -> bool {
        match operator {
            Operator::Eq => order.is_eq(),
            Operator::NotEq => order.is_ne(),
            Operator::Lt => order.is_lt(),
            Operator::LtEq => order.is_le(),
            Operator::Gt => order.is_gt(),
            _ => order.is_ge(),
        }
    }
}

/// Texts, or the names of classes, laid out in rows as numbers are.
struct Texts {
    rows: Numbers,
    texts: Option<arrow::array::StringViewArray>,
}

impl Texts {
    fn try_new(value: &Value) -> Result<Texts> {
        if value.arg.numeric().is_some() {
            return Ok(Texts { rows: value.numbers()?, texts: None });
        }
        let texts = value.texts()?;
        Ok(Texts { rows: Numbers::places_of(value)?, texts: Some(texts) })
    }

    fn elements(&self) -> Result<Vec<Option<&str>>> {
        match &self.texts {
            Some(texts) => Ok(labels::texts(texts)),
            None => labels::names(&self.rows),
        }
    }
}

/// The numbers in another type if every one of them is the same there.
///
/// # Errors
/// Those of Arrow's casts.
pub fn exactly(array: &ArrayRef, data_type: &DataType) -> Result<Option<ArrayRef>> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let there = cast_with_options(array, data_type, &options)?;
    let back = cast_with_options(&there, array.data_type(), &options)?;
    let same = there.null_count() == array.null_count() && back.as_ref() == array.as_ref();
    Ok(same.then_some(there))
}

/// The type in which two types of numbers compare exactly, or as NumPy does; `None` if only 128
/// bits hold both.
fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::Float16;
    use DataType::Float32;
    use DataType::Float64;
    use DataType::Int64;
    use DataType::UInt64;
    match (a, b) {
        (Float16 | Float32, Float16 | Float32) => Some(Float32),
        (Float16 | Float32 | Float64, _) | (_, Float16 | Float32 | Float64) => Some(Float64),
        (UInt64, signed) | (signed, UInt64) if signed.is_signed_integer() => None,
        (UInt64, _) | (_, UInt64) => Some(UInt64),
        _ => Some(Int64),
    }
}

fn wide(array: &ArrayRef) -> Result<Vec<i128>> {
    if let Some(array) = array.as_primitive_opt::<UInt64Type>() {
        return Ok(array.values().iter().map(|x| i128::from(*x)).collect());
    }
    let array = cast(array, &DataType::Int64)?;
    let array =
        array.as_primitive_opt::<Int64Type>().ok_or_else(|| not_numbers(array.data_type()))?;
    Ok(array.values().iter().map(|x| i128::from(*x)).collect())
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
