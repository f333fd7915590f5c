//! Values for the places that a query leaves open: `?`, `$1` and `$name`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::Array;
use datafusion::sql::sqlparser::ast::CastKind;
use datafusion::sql::sqlparser::ast::DataType;
use datafusion::sql::sqlparser::ast::ExactNumberInfo;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::UnaryOperator;
use datafusion::sql::sqlparser::ast::Value;
use datafusion::sql::sqlparser::ast::ValueWithSpan;
use datafusion::sql::sqlparser::ast::VisitorMut;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_core::nearest::nearest;
use lakebed_grammar::Span;
use lakebed_grammar::visit;

use crate::error::Error;
use crate::error::Result;

/// One value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Parameter {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number; not finite is allowed.
    Float(f64),
    /// A text.
    Text(String),
    /// A vector of `f32`, such as an embedding.
    F32s(Vec<f32>),
    /// A vector of `f64`.
    F64s(Vec<f64>),
    /// A vector of `i64`.
    I64s(Vec<i64>),
    /// Values of one kind and shape: the rows of a matrix, or texts.
    Array(Vec<Parameter>),
}

impl Parameter {
    fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        let float = |value: &f64| match serde_json::Number::from_f64(*value) {
            Some(number) => Value::Number(number),
            None => Value::String(value.to_string()),
        };
        match self {
            Parameter::Null => Value::Null,
            Parameter::Bool(value) => Value::Bool(*value),
            Parameter::Int(value) => Value::from(*value),
            Parameter::Float(value) => float(value),
            Parameter::Text(value) => Value::String(value.clone()),
            Parameter::F32s(list) => list.iter().map(|value| float(&f64::from(*value))).collect(),
            Parameter::F64s(list) => list.iter().map(float).collect(),
            Parameter::I64s(list) => list.iter().map(|value| Value::from(*value)).collect(),
            Parameter::Array(list) => list.iter().map(Parameter::to_json).collect(),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$type> for Parameter {
            fn from(value: $type) -> Parameter {
                Parameter::$variant(value.into())
            }
        }
    )+};
}
from!(
    bool => Bool, i64 => Int, i32 => Int, u32 => Int, f64 => Float, f32 => Float, &str => Text,
    String => Text, Vec<f32> => F32s, &[f32] => F32s, Vec<f64> => F64s, &[f64] => F64s,
    Vec<i64> => I64s, &[i64] => I64s, Vec<Parameter> => Array,
);

impl<T: Into<Parameter>> From<Option<T>> for Parameter {
    fn from(value: Option<T>) -> Parameter {
        value.map_or(Parameter::Null, Into::into)
    }
}

/// The values of one run. `?` takes them in the order of the text, `$1` by number, `$name` by
/// name; values that the query does not ask for are left alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    positional: Vec<Parameter>,
    named: BTreeMap<String, Parameter>,
}

impl Parameters {
    /// No values.
    pub fn new() -> Parameters {
        Parameters::default()
    }

    /// With the next value for `?`.
    #[must_use]
    pub fn with(mut self, value: impl Into<Parameter>) -> Parameters {
        self.positional.push(value.into());
        self
    }

    /// With a value for `$name`.
    #[must_use]
    pub fn with_named(mut self, name: &str, value: impl Into<Parameter>) -> Parameters {
        self.named.insert(name.to_string(), value.into());
        self
    }

    /// The values as a saved view keeps them: `null` without any, else the positional ones as a list
    /// under `positional` and the named ones under `named`. Numbers that are not finite are texts.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        if self.positional.is_empty() && self.named.is_empty() {
            return serde_json::Value::Null;
        }
        let positional: Vec<_> = self.positional.iter().map(Parameter::to_json).collect();
        let named: serde_json::Map<_, _> =
            self.named.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
        serde_json::json!({ "positional": positional, "named": named })
    }

    /// Puts the values into a query.
    ///
    /// # Errors
    /// [`Error::Planning`] for a place without a value.
    pub(crate) fn bind(&self, query: &mut Query) -> Result<()> {
        // Clauses of TQL's own stand behind the others in the tree, so the text decides.
        let mut marks = Marks::default();
        let _ = visit::query_mut(query, &mut marks);
        marks.0.sort_by_key(|span| (span.start.line, span.start.column));
        let mut binding = Binding { parameters: self, marks: marks.0, error: None };
        let _ = visit::query_mut(query, &mut binding);
        binding.error.map_or(Ok(()), Err)
    }
}

/// The places for values of a query, in the order of its text: each `?`, and every other name once.
pub(crate) fn places(query: &Query) -> Vec<String> {
    struct Names(Vec<(SourceSpan, String)>);
    impl VisitorMut for Names {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Some((name, span)) = placeholder(expr) {
                self.0.push((span, name.to_string()));
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(Vec::new());
    let _ = visit::query_mut(&mut query.clone(), &mut names);
    names.0.sort_by_key(|(span, _)| (span.start.line, span.start.column));
    let mut found: Vec<String> = Vec::new();
    for (_, name) in names.0 {
        if name == "?" || !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn placeholder(expr: &Expr) -> Option<(&str, SourceSpan)> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Placeholder(name), span }) => Some((name, *span)),
        _ => None,
    }
}

/// Where `?` stands.
#[derive(Default)]
struct Marks(Vec<SourceSpan>);

impl VisitorMut for Marks {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(("?", span)) = placeholder(expr) {
            self.0.push(span);
        }
        ControlFlow::Continue(())
    }
}

struct Binding<'a> {
    parameters: &'a Parameters,
    marks: Vec<SourceSpan>,
    error: Option<Error>,
}

impl Binding<'_> {
    fn value(&self, name: &str, span: SourceSpan) -> Result<&Parameter> {
        let given = &self.parameters.positional;
        let at = match name {
            "?" => self.marks.iter().position(|mark| *mark == span),
            _ => {
                let plain = name.trim_start_matches(['$', ':']);
                if let Some(value) = self.parameters.named.get(plain) {
                    return Ok(value);
                }
                match plain.parse::<usize>() {
                    Ok(number) => number.checked_sub(1),
                    Err(_) => return Err(self.unnamed(name, plain, span)),
                }
            }
        };
        let at = at.unwrap_or(usize::MAX);
        given.get(at).ok_or_else(|| {
            let values = match given.len() {
                0 => "no value was given".to_string(),
                1 => "one value was given".to_string(),
                count => format!("{count} values were given"),
            };
            let place = at.saturating_add(1);
            Error::planning(
                format!("parameter {place} has no value: {values}"),
                Span::from_sqlparser(span),
            )
            .with_help("give as many values as the query has places for them")
        })
    }

    fn unnamed(&self, name: &str, plain: &str, span: SourceSpan) -> Error {
        let error = Error::planning(
            format!("the parameter {name} has no value"),
            Span::from_sqlparser(span),
        );
        let names = self.parameters.named.keys().map(String::as_str);
        match nearest(plain, names) {
            Some(near) => error.with_help(format!("a value was given for ${near}")),
            None => error.with_help(format!("give a value for '{plain}'")),
        }
    }
}

impl VisitorMut for Binding<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Some((name, span)) = placeholder(expr) else { return ControlFlow::Continue(()) };
        match self.value(name, span) {
            Ok(value) => {
                *expr = literal(value, span);
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// The value as it could have been written, at the place where it stands.
fn literal(value: &Parameter, span: SourceSpan) -> Expr {
    let plain = |value: Value| Expr::Value(value.with_span(span));
    match value {
        Parameter::Null => plain(Value::Null),
        Parameter::Bool(value) => plain(Value::Boolean(*value)),
        Parameter::Int(value) => whole(*value, span),
        Parameter::Float(value) => decimal(*value, span),
        Parameter::Text(value) => plain(Value::SingleQuotedString(value.clone())),
        Parameter::F32s(values) => {
            array(values.iter().map(|value| decimal(f64::from(*value), span)))
        }
        // Of plain numbers an array would be f32 wherever they fit: the type is said.
        Parameter::F64s(values) => array(
            values
                .iter()
                .map(|value| cast(decimal(*value, span), DataType::Double(ExactNumberInfo::None))),
        ),
        Parameter::I64s(values) => {
            array(values.iter().map(|value| cast(whole(*value, span), DataType::BigInt(None))))
        }
        Parameter::Array(values) => array(values.iter().map(|value| literal(value, span))),
    }
}

fn array(elem: impl Iterator<Item = Expr>) -> Expr {
    Expr::Array(Array { elem: elem.collect(), named: true })
}

fn whole(value: i64, span: SourceSpan) -> Expr {
    signed(value < 0, value.unsigned_abs().to_string(), span)
}

fn decimal(value: f64, span: SourceSpan) -> Expr {
    if !value.is_finite() {
        let text = Expr::Value(Value::SingleQuotedString(value.to_string()).with_span(span));
        return cast(text, DataType::Double(ExactNumberInfo::None));
    }
    signed(value.is_sign_negative(), format!("{:?}", value.abs()), span)
}

fn signed(negative: bool, digits: String, span: SourceSpan) -> Expr {
    let number = Expr::Value(Value::Number(digits, false).with_span(span));
    if negative {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number) }
    } else {
        number
    }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}
