//! Functions that users write in Rust, for SQL and TQL alike.
//!
//! ```
//! use lakebed_functions::UserFunction;
//!
//! let doubled = UserFunction::unary("fq", |x: i64| 2 * x);
//! let added = UserFunction::binary("addq", |a: f64, b: f64| a + b);
//! let seven = UserFunction::constant("zeroq", || 7i64);
//! assert_eq!(doubled.into_udf().name(), "fq");
//! # let _ = (added.into_udf(), seven.into_udf());
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::PoisonError;

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use datafusion_expr::ScalarUDF;
use datafusion_expr::Volatility;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::primitive;
use crate::decimals::as_floats;
use crate::decimals::number_type;
use crate::elementwise::Item;
use crate::elementwise::Stretch;
use crate::elementwise::map;
use crate::elementwise::zip;
use crate::entry::Entry;
use crate::error::FunctionError;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::slice_of;
use crate::shapes;
use crate::udf::TensorUdf;
use crate::value::Value;

type Plan = dyn Fn(&[Arg]) -> Result<Output> + Send + Sync;
type Run = dyn Fn(&[Value], &Output, usize) -> Result<ArrayRef> + Send + Sync;

/// A function of a user. Names are lower-case, as SQL and TQL look them up.
pub struct UserFunction {
    entry: Entry,
    arity: RangeInclusive<usize>,
    plan: Box<Plan>,
    run: Box<Run>,
    volatility: Volatility,
    strict: bool,
}

impl fmt::Debug for UserFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserFunction").field("name", &self.entry.udf).finish_non_exhaustive()
    }
}

/// A number that a user's function takes or gives.
pub trait Number: Item<Many = Vec<Self>> + Send + Sync + 'static {
    /// Its Arrow type.
    type Arrow: ArrowPrimitiveType<Native = Self>;
    /// Its element type.
    const DTYPE: DType;
}

macro_rules! numbers {
    ($($native:ty, $arrow:ty, $dtype:ident;)*) => { $(
        impl Number for $native {
            type Arrow = $arrow;
            const DTYPE: DType = DType::$dtype;
        }
    )* };
}
numbers! { i64, Int64Type, I64; u64, UInt64Type, U64; f32, Float32Type, F32; f64, Float64Type, F64; }

/// Names live as long as the program: a session may be dropped while a plan still holds them. The
/// same text is kept once.
fn forever(text: &str) -> &'static str {
    static TEXTS: LazyLock<Mutex<BTreeSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = texts.get(text) {
        return kept;
    }
    let kept: &'static str = Box::leak(text.to_string().into_boxed_str());
    texts.insert(kept);
    kept
}

impl UserFunction {
    /// A function of any arguments: `plan` says what type a call has, `run` computes it for a
    /// number of rows; a constant [`Value`] stands for the same value in every row. A null in a row
    /// is the closure's to handle ([`Value::is_null`]).
    pub fn new(
        name: &str,
        arity: RangeInclusive<usize>,
        plan: impl Fn(&[Arg]) -> Result<Output> + Send + Sync + 'static,
        run: impl Fn(&[Value], &Output, usize) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> UserFunction {
        let udf = forever(&name.to_lowercase());
        let names: Vec<String> = ('a'..='z').take(*arity.end()).map(String::from).collect();
        let signature = forever(&format!("{udf}({})", names.join(", ")));
        let entry = Entry {
            tql: &[],
            udf,
            aliases: &[],
            parameters: &[],
            signature,
            help: "A function of the user.",
            example: "",
        };
        UserFunction {
            entry,
            arity,
            plan: Box::new(plan),
            run: Box::new(run),
            volatility: Volatility::Immutable,
            strict: false,
        }
    }

    /// A function of every element of a tensor or scalar. A null gives null.
    pub fn unary<A: Number, O: Number>(
        name: &str,
        f: impl Fn(A) -> O + Send + Sync + 'static,
    ) -> UserFunction {
        let of = forever(&name.to_lowercase());
        let plan = move |args: &[Arg]| {
            let [Some(ty)] = [args.first().and_then(number_type)] else {
                return Err(wrong(of, args));
            };
            let ty = TensorType::tensor(O::DTYPE, ty.dims.clone());
            Ok(Output::tensor(ty, any_nullable(args)))
        };
        let run = move |args: &[Value], out: &Output, rows: usize| {
            let [x] = args else { return Err(wrong(of, &[])) };
            let (x, ty) = (as_floats(x)?.numbers()?, out.ty()?);
            let elements = x.elements_as(&A::DTYPE.to_arrow())?;
            let values = slice_of::<A::Arrow>(&elements)?;
            map(&x, values, ty, rows, &f)?.finish(ty, primitive::<O::Arrow>)
        };
        UserFunction::new(name, 1..=1, plan, run).strict()
    }

    /// A function of every pair of elements, broadcast as NumPy does. A null gives null.
    pub fn binary<A: Number, B: Number, O: Number>(
        name: &str,
        f: impl Fn(A, B) -> O + Send + Sync + 'static,
    ) -> UserFunction {
        let of = forever(&name.to_lowercase());
        let plan = move |args: &[Arg]| {
            let [Some(a), Some(b)] = [0, 1].map(|at| args.get(at).and_then(number_type)) else {
                return Err(wrong(of, args));
            };
            let dims = shapes::broadcast(&a, &b).map_err(|clash| user(of, shapes::clash(clash)))?;
            Ok(Output::tensor(TensorType::tensor(O::DTYPE, dims), any_nullable(args)))
        };
        let run = move |args: &[Value], out: &Output, rows: usize| {
            let [a, b] = args else { return Err(wrong(of, &[])) };
            let (a, b, ty) = (as_floats(a)?.numbers()?, as_floats(b)?.numbers()?, out.ty()?);
            let x = a.elements_as(&A::DTYPE.to_arrow())?;
            let y = b.elements_as(&B::DTYPE.to_arrow())?;
            let (x, y) = (slice_of::<A::Arrow>(&x)?, slice_of::<B::Arrow>(&y)?);
            let built = zip((&a, x), (&b, y), ty, rows, Stretch::Numpy, &f)?;
            let unfit = |row| {
                let shapes = shapes::unfit(&a.shape(row), &b.shape(row));
                user(of, format!("row {row} of this batch: {shapes}"))
            };
            built.map_err(unfit)?.finish(ty, primitive::<O::Arrow>)
        };
        UserFunction::new(name, 2..=2, plan, run).strict()
    }

    /// A function of nothing. It is called once, when a query that uses it is planned, unless it is
    /// volatile.
    pub fn constant<O: Number>(
        name: &str,
        f: impl Fn() -> O + Send + Sync + 'static,
    ) -> UserFunction {
        UserFunction::new(
            name,
            0..=0,
            |_| Ok(Output::scalar(O::DTYPE, false)),
            move |_, _, rows| Ok(primitive::<O::Arrow>((0..rows).map(|_| f()).collect())),
        )
    }

    /// How it is called and what it does, for help and errors.
    #[must_use]
    pub fn described(mut self, signature: &str, help: &str) -> UserFunction {
        self.entry.signature = forever(signature);
        self.entry.help = forever(help);
        self
    }

    /// The names of its arguments, for calls by name.
    #[must_use]
    pub fn with_parameters(mut self, parameters: &'static [&'static str]) -> UserFunction {
        self.entry.parameters = parameters;
        self
    }

    /// Whether the same arguments always give the same result; they do unless this says otherwise.
    #[must_use]
    pub fn with_volatility(mut self, volatility: Volatility) -> UserFunction {
        self.volatility = volatility;
        self
    }

    /// A null argument makes the result null: `run` keeps that promise.
    #[must_use]
    pub fn strict(mut self) -> UserFunction {
        self.strict = true;
        self
    }

    /// The name, in lower case.
    pub fn name(&self) -> &'static str {
        self.entry.udf
    }

    /// The function as DataFusion takes it.
    pub fn into_udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(TensorUdf::shared(Arc::new(self)))
    }
}

fn user(function: &str, reason: String) -> FunctionError {
    FunctionError::User { function: function.into(), reason }
}

fn wrong(function: &str, args: &[Arg]) -> FunctionError {
    let types: Vec<String> = args.iter().map(|arg| format!("`{}`", arg.describe())).collect();
    user(function, format!("{}: it takes numbers", types.join(" and ")))
}

impl TensorFunction for UserFunction {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn arity(&self) -> (usize, usize) {
        (*self.arity.start(), *self.arity.end())
    }

    fn strict(&self) -> bool {
        self.strict
    }

    fn volatility(&self) -> Volatility {
        self.volatility
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        (self.plan)(args)
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        (self.run)(args, out, rows)
    }
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
