//! `x IN (a, b, ...)` (rule 15).

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Field;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_expr::expr::InList;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::type_coercion::binary::BinaryTypeCoercer;
use lakebed_core::DType;

use crate::assemble::bool_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::labels;
use crate::native;
use crate::numbers::Numbers;
use crate::value::Value;

use super::any::truths;
use super::compare::EQ;

/// Is the value one of several?
#[derive(Debug)]
pub struct IsIn;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_in",
    aliases: &[],
    parameters: &["x", "*values"],
    signature: "tensor_in(x, a, b, ...) -> bool; in TQL: x IN (a, b, ...)",
    help: "True if the value equals one of the others, under the rules of tensor_eq. An array among the others stands for its elements; an array on the left counts only if it has exactly one element.",
    example: "SELECT tensor_in('WBC', 'RBC', 'WBC') AS found",
};

impl IsIn {
    /// Class names become codes, so that all is numbers.
    fn coded(&self, args: &[Arg]) -> Result<Vec<Arg>> {
        let Some(classes) = args.first().and_then(Arg::classes) else { return Ok(args.to_vec()) };
        args.iter()
            .map(|arg| match arg.text_literal() {
                Some(name) => {
                    let code = labels::code(classes, name)?;
                    let field = Field::new("code", code.data_type(), false);
                    Ok(Arg::new(Arc::new(field), Some(code)))
                }
                None => Ok(arg.clone()),
            })
            .collect()
    }
}

impl TensorFunction for IsIn {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, usize::MAX)
    }

    fn strict(&self) -> bool {
        false
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some((x, items)) = args.split_first() else {
            return Err(self.wrong_types(args, "two arguments are needed"));
        };
        for item in items {
            EQ.result(&[x.clone(), item.clone()])?;
        }
        Ok(Output::scalar(DType::Bool, x.nullable()))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let Some((x, items)) = args.split_first() else {
            return Err(self.wrong_types(&[], "two arguments are needed"));
        };
        let mut found = BooleanBuffer::new_unset(rows);
        for item in items {
            let pair = [x.clone(), item.clone()];
            let described: Vec<Arg> = pair.iter().map(|value| value.arg.clone()).collect();
            let same = EQ.result(&described)?;
            let array = EQ.evaluate(&pair, &same, rows)?;
            let listed = x.arg.scalar_dtype().is_some() && item.arg.scalar_dtype().is_none();
            found = &found | &self.true_rows(array, same, rows, listed)?;
        }
        Ok(bool_rows(found, x.nulls(rows)))
    }

    fn simplify(
        &self,
        exprs: Vec<Expr>,
        args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let args = self.coded(args)?;
        let (Some((x, items)), Some((value, list))) = (args.split_first(), exprs.split_first())
        else {
            return Ok(ExprSimplifyResult::Original(exprs));
        };
        // A NULL among the items would make DataFusion's answer null.
        if !native::comparable(&args) || items.iter().any(Arg::nullable) {
            return Ok(ExprSimplifyResult::Original(exprs));
        }
        let mut common = x.field.data_type().clone();
        for item in items {
            let met = BinaryTypeCoercer::new(&common, &Operator::Eq, item.field.data_type())
                .get_input_types();
            match met {
                Ok((ty, _)) => common = ty,
                Err(_) => return Ok(ExprSimplifyResult::Original(exprs)),
            }
        }
        let mut listed = Vec::with_capacity(list.len());
        for (expr, item) in list.iter().zip(items) {
            let expr = match &item.literal {
                Some(literal) => Expr::Literal(literal.clone(), None),
                None => expr.clone(),
            };
            listed.push(native::cast(expr, item.field.data_type(), common.clone()));
        }
        let value = native::cast(value.clone(), x.field.data_type(), common);
        Ok(ExprSimplifyResult::Simplified(Expr::InList(InList::new(
            Box::new(value),
            listed,
            false,
        ))))
    }
}

impl IsIn {
    /// The rows that hold exactly one element, and that one true; if `any`, those that hold any
    /// number of elements, and one of them true.
    fn true_rows(
        &self,
        array: ArrayRef,
        same: Output,
        rows: usize,
        any: bool,
    ) -> Result<BooleanBuffer> {
        let valid = |row: usize| array.is_valid(row);
        if let Some(bools) = array.as_boolean_opt() {
            return Ok(BooleanBuffer::collect_bool(rows, |row| valid(row) && bools.value(row)));
        }
        let arg = Arg::new(Arc::new(same.field), None);
        let x = Numbers::try_new(&Value { arg, array: Arc::clone(&array), constant: false })?;
        let flags = truths(&x)?;
        Ok(BooleanBuffer::collect_bool(rows, |row| {
            let flags = flags.get(x.range(row)).unwrap_or(&[]);
            valid(row) && if any { flags.contains(&true) } else { flags == [true] }
        }))
    }
}
