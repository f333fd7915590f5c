//! `UNIQUE(x)`.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::StringViewBuilder;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::primitive;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::Numbers;
use crate::numbers::few;
use crate::numbers::not_numbers;
use crate::numbers::with_few_numbers;
use crate::order::order;
use crate::relabel::with_dims;
use crate::value::Value;

/// The type of an argument if it is a list of texts.
fn texts_type(arg: &Arg) -> Option<&TensorType> {
    let ty = arg.ty.as_ref()?;
    match &ty.layout {
        Layout::Sequence(inner) if inner.is_scalar() && inner.dtype == DType::Text => Some(ty),
        _ => None,
    }
}

fn distinct_texts(x: &Value, ty: &TensorType, rows: usize) -> Result<ArrayRef> {
    let (texts, places) = (x.texts()?, Numbers::places_of(x)?);
    let mut kinds = StringViewBuilder::new();
    let mut layout = Layouter::new(1, rows);
    let (mut sorted, mut end) = (Vec::new(), 0usize);
    for row in 0..rows {
        if places.is_null(row) {
            layout.push_null(end)?;
            continue;
        }
        sorted.clear();
        sorted.extend(places.range(row).filter(|at| texts.is_valid(*at)).map(|at| texts.value(at)));
        sorted.sort_unstable();
        sorted.dedup();
        sorted.iter().for_each(|text| kinds.append_value(text));
        end += sorted.len();
        layout.push(end, &Shape::new(&[sorted.len()]).unwrap_or_default())?;
    }
    assemble(ty, Arc::new(kinds.finish()), layout, places.nulls(rows))
}

/// The distinct elements in order.
#[derive(Debug)]
pub struct Unique;

static ENTRY: Entry = Entry {
    tql: &["UNIQUE"],
    udf: "tensor_unique",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_unique(x) -> vector of the element type of x, or a list of texts",
    help: "The distinct elements in rising order; NaN counts once, after all numbers.",
    example: "SELECT UNIQUE(ARRAY[3, 1, 3, 2]) AS kinds",
};

impl TensorFunction for Unique {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        if let Some(ty) = args.first().and_then(texts_type) {
            return Ok(Output::tensor(ty.clone(), any_nullable(args)));
        }
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes tensors of numbers, or lists of texts"));
        };
        Ok(Output::tensor(with_dims(ty, vec![None]), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        if texts_type(&x.arg).is_some() {
            return distinct_texts(x, out.ty()?, rows);
        }
        let (x, ty) = (x.numbers()?, out.ty()?);
        let elements = x.elements_as(&few(&x.ty().dtype))?;
        with_few_numbers!(elements, T, values => {
            let mut kinds = Vec::new();
            let mut layout = Layouter::new(1, rows);
            let mut sorted = Vec::new();
            for row in 0..rows {
                if x.is_null(row) {
                    layout.push_null(kinds.len())?;
                    continue;
                }
                sorted.clear();
                sorted.extend_from_slice(values.get(x.range(row)).unwrap_or(&[]));
                sorted.sort_unstable_by(order);
                sorted.dedup_by(|a, b| order(a, b).is_eq());
                kinds.extend_from_slice(&sorted);
                layout.push(kinds.len(), &Shape::new(&[sorted.len()]).unwrap_or_default())?;
            }
            assemble(ty, primitive::<T>(kinds), layout, x.nulls(rows))
        }, else Err(not_numbers(elements.data_type())))
    }
}
