//! What every tensor function provides.

use std::fmt::Debug;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::FieldRef;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::ExpressionPlacement;
use datafusion_expr::Volatility;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::Layout;
use lakebed_core::TensorType;

use crate::entry::Entry;
use crate::error::FunctionError;
use crate::error::Result;
use crate::value::Value;

/// One function: its description, the type of its result, and its kernel.
pub trait TensorFunction: Debug + Send + Sync + 'static {
    /// Names, signature, help and example.
    fn entry(&self) -> &Entry;

    /// The fewest and the most arguments.
    fn arity(&self) -> (usize, usize);

    /// The type of the result.
    ///
    /// # Errors
    /// [`FunctionError::Types`] if the function does not take such arguments.
    fn result(&self, args: &[Arg]) -> Result<Output>;

    /// The result of `rows` rows. A constant [`Value`] stands for the same value in every row.
    ///
    /// # Errors
    /// [`FunctionError::Row`] for a row without a result.
    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef>;

    /// True if a null argument makes the result null, whatever the others are.
    fn strict(&self) -> bool {
        true
    }

    /// True if a literal NULL at a place among `count` arguments means that the argument is not
    /// given: [`Arg::is_untyped_null`] then says so. Other NULLs take the type of their neighbours.
    fn is_optional(&self, at: usize, _count: usize) -> bool {
        let (fewest, most) = self.arity();
        most != usize::MAX && at >= fewest
    }

    /// True if each element of a value is treated alone, so that of a sequence every item is.
    fn per_item(&self) -> bool {
        false
    }

    /// Whether the same arguments always give the same result.
    fn volatility(&self) -> Volatility {
        Volatility::Immutable
    }

    /// The same as an expression of DataFusion's own, where it means the same.
    ///
    /// # Errors
    /// As [`TensorFunction::result`].
    fn simplify(
        &self,
        exprs: Vec<Expr>,
        _args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Original(exprs))
    }

    /// Where in a plan the call is best evaluated.
    fn placement(&self, _args: &[ExpressionPlacement]) -> ExpressionPlacement {
        ExpressionPlacement::KeepInPlace
    }

    /// The error for arguments of the wrong types.
    fn wrong_types(&self, args: &[Arg], reason: impl Into<String>) -> FunctionError
    where
        Self: Sized,
    {
        let types: Vec<String> = args.iter().map(|arg| format!("`{}`", arg.describe())).collect();
        FunctionError::Types {
            function: self.entry().udf,
            types: types.join(" and "),
            reason: reason.into(),
        }
    }

    /// The error for an argument without meaning.
    fn wrong_argument(&self, reason: impl Into<String>) -> FunctionError
    where
        Self: Sized,
    {
        FunctionError::Argument { function: self.entry().udf, reason: reason.into() }
    }

    /// The error for a row without a result.
    fn wrong_row(&self, row: usize, reason: impl Into<String>) -> FunctionError
    where
        Self: Sized,
    {
        FunctionError::Row { function: self.entry().udf, row, reason: reason.into() }
    }
}

/// What is known of an argument before it is evaluated.
#[derive(Debug, Clone)]
pub struct Arg {
    /// Its field, with the type that the caller gives it.
    pub field: FieldRef,
    /// Its tensor type as kernels see it (decoded); `None` for Arrow types that no column has.
    pub ty: Option<TensorType>,
    /// Its value if it is a constant.
    pub literal: Option<ScalarValue>,
}

impl Arg {
    /// An argument of a field.
    pub fn new(field: FieldRef, literal: Option<ScalarValue>) -> Arg {
        let ty = type_of(&field);
        Arg { field, ty, literal }
    }

    /// True if it is the literal NULL, whose type is open.
    pub fn is_untyped_null(&self) -> bool {
        self.field.data_type() == &DataType::Null
    }

    /// May it be null?
    pub fn nullable(&self) -> bool {
        match &self.literal {
            Some(value) => value.is_null(),
            None => self.field.is_nullable(),
        }
    }

    /// May one of its items be null?
    pub fn items_nullable(&self) -> bool {
        match self.field.data_type() {
            DataType::List(item) | DataType::LargeList(item) => item.is_nullable(),
            _ => false,
        }
    }

    /// Its type in words: the tensor type, or Arrow's.
    pub fn describe(&self) -> String {
        match &self.ty {
            Some(ty) => ty.to_string(),
            None => self.field.data_type().to_string(),
        }
    }

    /// Its type if it holds numbers or bools.
    pub fn numeric(&self) -> Option<&TensorType> {
        self.ty.as_ref().filter(|ty| ty.is_numeric())
    }

    /// True for one text a row.
    pub fn is_text(&self) -> bool {
        self.scalar_dtype() == Some(&DType::Text)
    }

    /// True for JSON documents.
    pub fn is_json(&self) -> bool {
        self.scalar_dtype() == Some(&DType::Json)
    }

    /// The element type of a scalar.
    pub fn scalar_dtype(&self) -> Option<&DType> {
        self.ty.as_ref().filter(|ty| ty.is_scalar()).map(|ty| &ty.dtype)
    }

    /// Its type if its numbers are codes of named classes.
    pub fn classes(&self) -> Option<&TensorType> {
        let meant = |ty: &&TensorType| {
            matches!(ty.htype, HType::ClassLabel | HType::SegmentMask) && !ty.classes.is_empty()
        };
        self.numeric().filter(meant)
    }

    /// The text of a constant text argument.
    pub fn text_literal(&self) -> Option<&str> {
        match self.literal.as_ref()? {
            ScalarValue::Utf8(text)
            | ScalarValue::LargeUtf8(text)
            | ScalarValue::Utf8View(text) => text.as_deref(),
            _ => None,
        }
    }
}

/// The tensor type of a field as kernels see it: decoded, with lists of any width as sequences.
fn type_of(field: &Field) -> Option<TensorType> {
    if let Some(plain) = plainer(field.data_type()) {
        let field = Field::new(field.name(), plain, field.is_nullable())
            .with_metadata(field.metadata().clone());
        return type_of(&field);
    }
    let ty = TensorType::from_field(field)?.decoded();
    Some(rank(&ty))
}

/// A plain list of lists of numbers is a tensor of more dimensions, and so is a list of tensors of
/// one shape; a list of tensors whose shapes may differ is not.
fn rank(ty: &TensorType) -> TensorType {
    let mut depth = 0;
    let mut at = ty;
    while let Layout::Sequence(inner) = &at.layout {
        depth += 1;
        at = inner;
    }
    if depth > 1 && at.is_scalar() && ty.is_numeric() {
        return TensorType::tensor(ty.dtype.clone(), ty.dims.clone());
    }
    if depth == 1 && at.layout == Layout::Fixed {
        return TensorType { layout: Layout::Ragged, ..ty.clone() };
    }
    ty.clone()
}

/// The plain form of an Arrow type that has one: the values of a dictionary, the 32-bit list.
pub(crate) fn plainer(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Dictionary(_, values) => Some(values.as_ref().clone()),
        DataType::LargeList(item) => Some(DataType::List(item.clone())),
        _ => None,
    }
}

/// The type of a result.
#[derive(Debug, Clone)]
pub struct Output {
    /// The field, with the metadata of its tensor type.
    pub field: Field,
    /// The tensor type; `None` for Arrow types that no column has, such as intervals.
    pub ty: Option<TensorType>,
}

impl Output {
    /// A result of a tensor type.
    pub fn tensor(ty: TensorType, nullable: bool) -> Output {
        Output { field: ty.to_field("result", nullable), ty: Some(ty) }
    }

    /// A result of a scalar type.
    pub fn scalar(dtype: DType, nullable: bool) -> Output {
        Output::tensor(TensorType::scalar(dtype), nullable)
    }

    /// A result of an Arrow type.
    pub fn plain(data_type: DataType, nullable: bool) -> Output {
        let field = Field::new("result", data_type, nullable);
        Output { ty: TensorType::from_field(&field), field }
    }

    /// A result of a field that was planned before.
    pub fn from_field(field: &Field) -> Output {
        Output { field: field.clone(), ty: TensorType::from_field(field) }
    }

    /// The tensor type.
    ///
    /// # Errors
    /// [`lakebed_core::Error::WrongType`] if there is none.
    pub fn ty(&self) -> Result<&TensorType> {
        self.ty.as_ref().ok_or_else(|| {
            FunctionError::Core(lakebed_core::Error::WrongType {
                expected: "a tensor".into(),
                found: self.field.data_type().to_string(),
            })
        })
    }
}

/// True if any argument that is given may be null, or hold a null among its items: to a function
/// that looks at such a value as a whole it is null.
pub fn any_nullable(args: &[Arg]) -> bool {
    args.iter().any(|arg| !arg.is_untyped_null() && (arg.nullable() || arg.items_nullable()))
}

/// The argument at a place, if it is given.
pub fn given(args: &[Arg], at: usize) -> Option<&Arg> {
    args.get(at).filter(|arg| !arg.is_untyped_null())
}
