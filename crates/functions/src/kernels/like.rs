//! `LIKE` and `ILIKE` in TQL: a glob (rule 23).

use arrow::array::ArrayRef;
use arrow::array::BooleanBufferBuilder;
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
use crate::assemble::bools;
use crate::elementwise::map;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::glob::Glob;
use crate::json::Documents;
use crate::labels;
use crate::numbers::Numbers;
use crate::shapes;
use crate::value::Value;
use crate::value::any_null;

use super::compare::is_texts;

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
    parameters: &["text", "pattern"],
    signature: "tensor_like(text, pattern) -> bool; in TQL: text LIKE 'pattern'",
    help: "True if the whole text matches the pattern: * and % stand for any run, ? for one character, [abc] and [a-z] for one of several, a backslash takes the next character as it is. An empty text never matches. Of a sequence of texts, each is matched.",
    example: "SELECT tensor_like('BloodImage_00001', 'Blood*_0000?') AS named",
};

static ILIKE_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_ilike",
    aliases: &[],
    parameters: &["text", "pattern"],
    signature: "tensor_ilike(text, pattern) -> bool; in TQL: text ILIKE 'pattern'",
    help: "As tensor_like, in any case.",
    example: "SELECT tensor_ilike('BloodImage', 'blood*') AS named",
};

impl Like {
    fn check(&self, args: &[Arg]) -> Result<()> {
        let [x, pattern] = args else {
            return Err(self.wrong_types(args, "two arguments are needed"));
        };
        if !(is_texts(x) || x.is_json()) || !pattern.is_text() {
            return Err(
                self.wrong_types(args, "it matches text, or JSON text, with a text pattern")
            );
        }
        if pattern.literal.is_none() && !x.is_text() {
            return Err(self.wrong_argument("only one text a row meets a pattern that rows decide"));
        }
        Ok(())
    }

    /// The pattern if it is a constant.
    fn constant(&self, args: &[Arg]) -> Option<Glob> {
        let text = args.get(1)?.text_literal()?;
        Some(Glob::new(text, self.ignores_case))
    }

    /// One text a row, one pattern a row.
    fn by_row(&self, x: &Value, pattern: &Value, rows: usize) -> Result<BooleanBuffer> {
        let (texts, patterns) = (x.texts()?, pattern.texts()?);
        let mut last: Option<(&str, Glob)> = None;
        let mut found = BooleanBufferBuilder::new(rows);
        for row in 0..rows {
            if x.is_null(row) || pattern.is_null(row) {
                found.append(false);
                continue;
            }
            let text = patterns.value(pattern.row(row));
            let glob = match last.take() {
                Some((before, glob)) if before == text => glob,
                _ => Glob::new(text, self.ignores_case),
            };
            found.append(glob.matches(texts.value(x.row(row))));
            last = Some((text, glob));
        }
        Ok(found.finish())
    }
}

impl TensorFunction for Like {
    fn entry(&self) -> &'static Entry {
        if self.ignores_case { &ILIKE_ENTRY } else { &LIKE_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        self.check(args)?;
        let dims = args.first().and_then(|x| x.ty.as_ref()).map(|ty| ty.dims.clone());
        let ty = shapes::with_dims(DType::Bool, dims.unwrap_or_default());
        Ok(Output::tensor(ty, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        self.check(&described)?;
        let [x, pattern] = args else {
            return Err(self.wrong_types(&described, "two arguments are needed"));
        };
        let nulls = any_null(args, rows);
        if nulls.as_ref().is_some_and(|nulls| nulls.null_count() == rows) {
            return Ok(arrow::array::new_null_array(out.field.data_type(), rows));
        }
        let Some(glob) = self.constant(&described) else {
            return Ok(bool_rows(self.by_row(x, pattern, rows)?, nulls));
        };
        if !(x.arg.is_text() || x.arg.is_json()) {
            let (places, texts, ty) = (Numbers::places_of(x)?, x.texts()?, out.ty()?);
            let matches = |text: Option<&str>| text.is_some_and(|text| glob.matches(text));
            return map(&places, &labels::texts(&texts), ty, rows, matches)?.finish(ty, bools);
        }
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
        let (Some(glob), [text, _], [x, _]) = (self.constant(args), exprs.as_slice(), args) else {
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
