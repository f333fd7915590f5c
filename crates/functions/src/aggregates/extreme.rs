//! `MIN` and `MAX` over rows in TQL: DataFusion's own, but a class label keeps its names, JSON has
//! its own order (rule 25), and arrays, which have none, are refused where the query is planned.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::FieldRef;
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_common::internal_err;
use datafusion_common::plan_err;
use datafusion_expr::Accumulator;
use datafusion_expr::AggregateUDF;
use datafusion_expr::AggregateUDFImpl;
use datafusion_expr::GroupsAccumulator;
use datafusion_expr::ReversedUDAF;
use datafusion_expr::Signature;
use datafusion_expr::StatisticsArgs;
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::function::StateFieldsArgs;
use datafusion_expr::utils::AggregateOrderSensitivity;

use crate::error::FunctionError;
use crate::function::Arg;
use crate::json::Documents;
use crate::kernels::json_key;
use crate::value::Value;

/// The smallest or the largest value of many rows.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Extreme {
    inner: Arc<AggregateUDF>,
    largest: bool,
}

impl Extreme {
    /// TQL's form of DataFusion's `min` or `max`; `None` for any other aggregate.
    pub fn of(inner: &Arc<AggregateUDF>) -> Option<AggregateUDF> {
        let largest = match inner.name() {
            "min" => false,
            "max" => true,
            _ => return None,
        };
        Some(AggregateUDF::new_from_impl(Extreme { inner: Arc::clone(inner), largest }))
    }

    fn arg(field: &FieldRef) -> Arg {
        Arg::new(Arc::clone(field), None)
    }
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        let Some(field) = arg_fields.first() else { return self.inner.return_field(arg_fields) };
        let arg = Self::arg(field);
        if arg.ty.as_ref().is_some_and(|ty| !ty.is_scalar()) {
            let name = self.name().to_uppercase();
            return plan_err!(
                "{name} of `{}`: arrays have no order; A{name} reduces inside a sample, and \
                 {name}(A{name}(x)) over all rows",
                arg.describe()
            );
        }
        let planned = self.inner.return_field(arg_fields)?;
        let field = Field::new(planned.name(), planned.data_type().clone(), planned.is_nullable());
        Ok(Arc::new(field.with_metadata(arg.field.metadata().clone())))
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let arg = Self::arg(&args.return_field);
        if arg.is_json() {
            return Ok(Box::new(OfJson { largest: self.largest, arg, best: None }));
        }
        self.inner.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !Self::arg(&args.return_field).is_json() && self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if Self::arg(&args.return_field).is_json() {
            return self.accumulator(args);
        }
        self.inner.create_sliding_accumulator(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn is_descending(&self) -> Option<bool> {
        self.inner.is_descending()
    }

    fn value_from_stats(&self, args: &StatisticsArgs) -> Option<ScalarValue> {
        // The text of JSON sorts in another order than what it says.
        let text =
            matches!(args.return_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if text { None } else { self.inner.value_from_stats(args) }
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }
}

/// The smallest or largest document so far, by what it sorts by.
#[derive(Debug)]
struct OfJson {
    largest: bool,
    arg: Arg,
    best: Option<(Vec<u8>, String)>,
}

impl OfJson {
    fn look_at(&mut self, array: &ArrayRef) -> Result<()> {
        if array.null_count() == array.len() {
            return Ok(());
        }
        let value = Value { arg: self.arg.clone(), array: Arc::clone(array), constant: false };
        let documents = Documents::try_new(&value).map_err(FunctionError::running)?;
        let texts = value.texts().map_err(FunctionError::running)?;
        for row in (0..array.len()).filter(|row| array.is_valid(*row)) {
            let document = documents.get(row).map_err(FunctionError::running)?;
            if document.is_null() {
                continue;
            }
            let key = json_key(&document);
            let better = self.best.as_ref().is_none_or(|(best, _)| match self.largest {
                true => key > *best,
                false => key < *best,
            });
            if better {
                self.best = Some((key, texts.value(row).to_string()));
            }
        }
        Ok(())
    }
}

impl Accumulator for OfJson {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(array) = values.first() else { return internal_err!("an extreme of nothing") };
        self.look_at(array)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let best = self.best.as_ref().map(|(_, text)| text.clone());
        ScalarValue::Utf8View(best).cast_to(self.arg.field.data_type())
    }

    fn size(&self) -> usize {
        let held = self.best.as_ref().map_or(0, |(key, text)| key.capacity() + text.capacity());
        size_of_val(self) + held
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}
