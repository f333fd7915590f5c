//! `LIKE` and `ILIKE` in TQL: a glob (rule 23).

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::Like as SqlLike;
use datafusion_expr::Operator;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;
use serde_json::Value as Json;

use crate::assemble::bool_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::glob::Glob;
use crate::json::Documents;
use crate::value::Value;
use crate::value::any_null;

/// Does a text match a pattern?
#[derive(Debug)]
pub struct Like {
    ignores_case: bool,
}

/// With the same case.
pub static LIKE: Like = Like { ignores_case: false };
/// In any case.
pub static ILIKE: Like = Like { ignores_case: true };

static LIKE_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_like",
    aliases: &[],
    signature: "tensor_like(text, pattern) -> bool; in TQL: text LIKE 'pattern'",
    help: "True if the whole text matches the pattern: * and % stand for any run, ? for one character, [abc] and [a-z] for one of several, a backslash takes the next character as it is. An empty text never matches.",
    example: "SELECT tensor_like('BloodImage_00001', 'Blood*_0000?') AS named",
};

static ILIKE_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_ilike",
    aliases: &[],
    signature: "tensor_ilike(text, pattern) -> bool; in TQL: text ILIKE 'pattern'",
    help: "As tensor_like, in any case.",
    example: "SELECT tensor_ilike('BloodImage', 'blood*') AS named",
};

impl Like {
    fn pattern(&self, args: &[Arg]) -> Result<Option<Glob>> {
        let [x, pattern] = args else {
            return Err(self.wrong_types(args, "two arguments are needed"));
        };
        if !(x.is_text() || x.is_json()) || !pattern.is_text() {
            return Err(
                self.wrong_types(args, "it matches text, or JSON text, with a text pattern")
            );
        }
        match &pattern.literal {
            Some(literal) if literal.is_null() => Ok(None),
            Some(_) => Ok(pattern.text_literal().map(|text| Glob::new(text, self.ignores_case))),
            None => Err(self.wrong_argument("the pattern must be a constant text")),
        }
    }
}

impl TensorFunction for Like {
    fn entry(&self) -> &'static Entry {
        if self.ignores_case { &ILIKE_ENTRY } else { &LIKE_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        self.pattern(args)?;
        Ok(Output::scalar(DType::Bool, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let Some(glob) = self.pattern(&described)? else {
            return Ok(arrow::array::new_null_array(out.field.data_type(), rows));
        };
        let [x, _] = args else {
            return Err(self.wrong_types(&described, "two arguments are needed"));
        };
        let nulls = any_null(args, rows);
        let valid = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        if x.arg.is_json() {
            let mut found = vec![false; rows];
            if nulls.as_ref().is_none_or(|nulls| nulls.null_count() < rows) {
                let documents = Documents::try_new(x)?;
                for (row, found) in found.iter_mut().enumerate().filter(|(row, _)| valid(*row)) {
                    *found =
                        matches!(documents.get(row)?, Json::String(text) if glob.matches(&text));
                }
            }
            return Ok(bool_rows(BooleanBuffer::from(found), nulls));
        }
        let texts = x.texts()?;
        let found = BooleanBuffer::collect_bool(rows, |row| {
            valid(row) && glob.matches(texts.value(x.row(row)))
        });
        Ok(bool_rows(found, nulls))
    }

    fn simplify(
        &self,
        exprs: Vec<Expr>,
        args: &[Arg],
        context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let (Some(glob), [text, _], [x, _]) = (self.pattern(args)?, exprs.as_slice(), args) else {
            return Ok(ExprSimplifyResult::Original(exprs));
        };
        let (true, Some(pattern)) = (x.is_text(), glob.to_sql()) else {
            return Ok(ExprSimplifyResult::Original(exprs));
        };
        let literal = |text: String| -> Result<Box<Expr>> {
            let value =
                ScalarValue::Utf8(Some(text)).cast_to(&context.get_data_type(&exprs[0])?)?;
            Ok(Box::new(Expr::Literal(value, None)))
        };
        let text = Box::new(text.clone());
        if pattern.is_empty() {
            return Ok(ExprSimplifyResult::Original(exprs));
        }
        if glob.accepts_empty() {
            let some =
                datafusion_expr::BinaryExpr::new(text, Operator::NotEq, literal(String::new())?);
            return Ok(ExprSimplifyResult::Simplified(Expr::BinaryExpr(some)));
        }
        let like = SqlLike::new(false, text, literal(pattern)?, None, self.ignores_case);
        Ok(ExprSimplifyResult::Simplified(Expr::Like(like)))
    }
}
