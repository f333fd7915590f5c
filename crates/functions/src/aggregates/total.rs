//! `SUM` and `AVG` over rows in TQL: DataFusion's own, but bools count as 0 and 1, and a sum of
//! integers that leaves 64 bits is an error, where DataFusion's wraps around (rule 14).

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::Decimal128Array;
use arrow::array::Int64Array;
use arrow::array::UInt64Array;
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Decimal128Type;
use arrow::datatypes::Field;
use arrow::datatypes::FieldRef;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_common::exec_err;
use datafusion_common::internal_err;
use datafusion_common::plan_err;
use datafusion_expr::Accumulator;
use datafusion_expr::AggregateUDF;
use datafusion_expr::AggregateUDFImpl;
use datafusion_expr::EmitTo;
use datafusion_expr::GroupsAccumulator;
use datafusion_expr::ReversedUDAF;
use datafusion_expr::Signature;
use datafusion_expr::Volatility;
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::function::StateFieldsArgs;
use datafusion_expr::type_coercion::functions::fields_with_udf;
use datafusion_expr::utils::AggregateOrderSensitivity;

/// The widest decimal of 128 bits: what partial sums are handed over as.
const WIDE: DataType = DataType::Decimal128(38, 0);

/// The sum or the mean of many rows.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Total {
    inner: Arc<AggregateUDF>,
    signature: Signature,
}

impl Total {
    /// TQL's form of DataFusion's `sum` or `avg`; `None` for any other aggregate.
    pub fn of(inner: &Arc<AggregateUDF>) -> Option<AggregateUDF> {
        if !matches!(inner.name(), "sum" | "avg") {
            return None;
        }
        let signature = Signature::user_defined(Volatility::Immutable);
        Some(AggregateUDF::new_from_impl(Total { inner: Arc::clone(inner), signature }))
    }

    /// True for sums that are computed here.
    fn checks(&self, return_type: &DataType, distinct: bool) -> bool {
        self.inner.name() == "sum"
            && !distinct
            && matches!(return_type, DataType::Int64 | DataType::UInt64)
    }
}

impl AggregateUDFImpl for Total {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let fields: Vec<FieldRef> = arg_types
            .iter()
            .map(|of| {
                let of = if of == &DataType::Boolean { &DataType::Int64 } else { of };
                Arc::new(Field::new("x", of.clone(), true))
            })
            .collect();
        let Ok(fields) = fields_with_udf(&fields, self.inner.as_ref()) else {
            return plan_err!("over rows it takes one number or bool a row");
        };
        Ok(fields.iter().map(|field| field.data_type().clone()).collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if self.checks(args.return_field.data_type(), args.is_distinct) {
            return Ok(Box::new(OneSum(Sums::new(args.return_field.data_type()))));
        }
        self.inner.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if self.checks(args.return_field.data_type(), args.is_distinct) {
            return Ok(vec![Arc::new(Field::new(format!("{}[sum]", args.name), WIDE, true))]);
        }
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.checks(args.return_field.data_type(), args.is_distinct)
            || self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        if self.checks(args.return_field.data_type(), args.is_distinct) {
            return Ok(Box::new(Sums::new(args.return_field.data_type())));
        }
        self.inner.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// The sums of groups, in 128 bits, so that no order of rows leaves 64 bits on the way.
#[derive(Debug)]
struct Sums {
    out: DataType,
    sums: Vec<i128>,
    /// Which groups had a value that is not null.
    some: Vec<bool>,
}

impl Sums {
    fn new(out: &DataType) -> Sums {
        Sums { out: out.clone(), sums: Vec::new(), some: Vec::new() }
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.sums.len() {
            self.sums.resize(groups, 0);
            self.some.resize(groups, false);
        }
    }

    fn add(&mut self, group: usize, value: i128) -> Result<()> {
        let (Some(sum), Some(some)) = (self.sums.get_mut(group), self.some.get_mut(group)) else {
            return internal_err!("sum: no group {group}");
        };
        // 2^64 rows of 64 bits fit in 128.
        *sum = sum.wrapping_add(value);
        *some = true;
        Ok(())
    }

    /// Adds the values of rows that are neither null nor filtered out.
    fn add_all(
        &mut self,
        values: &ArrayRef,
        groups: impl Fn(usize) -> usize,
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let nulls = values.nulls();
        let counts = |row: usize| {
            nulls.is_none_or(|nulls| nulls.is_valid(row))
                && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
        };
        if let Some(values) = values.as_primitive_opt::<Int64Type>() {
            for (row, value) in values.values().iter().enumerate().filter(|(row, _)| counts(*row)) {
                self.add(groups(row), i128::from(*value))?;
            }
        } else if let Some(values) = values.as_primitive_opt::<UInt64Type>() {
            for (row, value) in values.values().iter().enumerate().filter(|(row, _)| counts(*row)) {
                self.add(groups(row), i128::from(*value))?;
            }
        } else {
            let values = cast(values, &WIDE)?;
            let values = values.as_primitive::<Decimal128Type>();
            for (row, value) in values.values().iter().enumerate().filter(|(row, _)| counts(*row)) {
                self.add(groups(row), *value)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, emit_to: EmitTo) -> (Vec<i128>, NullBuffer) {
        let sums = emit_to.take_needed(&mut self.sums);
        let some = emit_to.take_needed(&mut self.some);
        (sums, NullBuffer::from(some))
    }

    fn finish(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, valid) = self.take(emit_to);
        let unfit = |sum: &i128| {
            exec_err!("sum: {sum} does not fit in 64 bits: sum a float, such as SUM(x * 1.0)")
        };
        let narrow = |signed: bool| {
            let fits = |sum: &i128| match signed {
                true => i64::try_from(*sum).is_ok(),
                false => u64::try_from(*sum).is_ok(),
            };
            sums.iter().find(|sum| !fits(sum))
        };
        if self.out == DataType::UInt64 {
            if let Some(sum) = narrow(false) {
                return unfit(sum);
            }
            let sums = sums.iter().map(|sum| u64::try_from(*sum).unwrap_or(0)).collect();
            return Ok(Arc::new(UInt64Array::new(sums, Some(valid))));
        }
        if let Some(sum) = narrow(true) {
            return unfit(sum);
        }
        let sums = sums.iter().map(|sum| i64::try_from(*sum).unwrap_or(0)).collect();
        Ok(Arc::new(Int64Array::new(sums, Some(valid))))
    }

    fn partial(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, valid) = self.take(emit_to);
        let sums = Decimal128Array::new(sums.into(), Some(valid));
        Ok(Arc::new(sums.with_data_type(WIDE)))
    }
}

fn only(values: &[ArrayRef]) -> Result<&ArrayRef> {
    match values {
        [values] => Ok(values),
        _ => internal_err!("sum takes one argument"),
    }
}

impl GroupsAccumulator for Sums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let group = |row: usize| group_indices.get(row).copied().unwrap_or(usize::MAX);
        self.add_all(only(values)?, group, filter)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.finish(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.partial(emit_to)?])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut rows = Sums::new(&self.out);
        let count = values.first().map_or(0, Array::len);
        rows.grow(count);
        rows.add_all(only(values)?, |row| row, filter)?;
        rows.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.some.capacity()
    }
}

/// A whole input as one group.
#[derive(Debug)]
struct OneSum(Sums);

impl Accumulator for OneSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.grow(1);
        self.0.add_all(only(values)?, |_| 0, None)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.grow(1);
        ScalarValue::try_from_array(&self.0.finish(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.grow(1);
        Ok(vec![ScalarValue::try_from_array(&self.0.partial(EmitTo::All)?, 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}
