//! `tensor_draw(place, weight, count, percent, replace, seed)`: the places that a weighted draw
//! chooses, in the order of the draw. `SAMPLE BY` rests on it.
//!
//! With replacement each draw is a point in the running sum of weights; without, each row's key is
//! an exponential variable of rate `weight` and the smallest keys win (Efraimidis and Spirakis,
//! "Weighted random sampling with a reservoir", 2006). Both are functions of (seed, place).

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::array::ListArray;
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::FieldRef;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_common::exec_err;
use datafusion_common::internal_err;
use datafusion_expr::Accumulator;
use datafusion_expr::AggregateUDFImpl;
use datafusion_expr::Signature;
use datafusion_expr::Volatility;
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::function::StateFieldsArgs;

use crate::mix;

/// The aggregate.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Draw {
    signature: Signature,
}

impl Draw {
    /// Its name in SQL.
    pub const NAME: &'static str = "tensor_draw";

    /// The aggregate.
    pub fn new() -> Draw {
        let types = vec![
            DataType::Int64,
            DataType::Float64,
            DataType::Float64,
            DataType::Boolean,
            DataType::Boolean,
            DataType::Int64,
        ];
        Draw { signature: Signature::exact(types, Volatility::Immutable) }
    }
}

impl Default for Draw {
    fn default() -> Draw {
        Draw::new()
    }
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, false)))
}

impl AggregateUDFImpl for Draw {
    fn name(&self) -> &str {
        Draw::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(list(DataType::Int64))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |part: &str, of: DataType| {
            Arc::new(Field::new(format!("{}[{part}]", args.name), of, true))
        };
        Ok(vec![
            field("places", list(DataType::Int64)),
            field("weights", list(DataType::Float64)),
            field("count", DataType::Float64),
            field("percent", DataType::Boolean),
            field("replace", DataType::Boolean),
            field("seed", DataType::Int64),
        ])
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Weights::default()))
    }
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plan {
    /// How many rows, or percent of them; all if absent.
    count: Option<f64>,
    percent: bool,
    replace: bool,
    seed: u64,
}

/// The weights of all rows.
#[derive(Debug, Default)]
pub(super) struct Weights {
    rows: Vec<(i64, f64)>,
    plan: Option<Plan>,
}

impl Weights {
    fn learn(&mut self, constants: &[ArrayRef]) -> Result<()> {
        let [count, percent, replace, seed] = constants else {
            return internal_err!("{} takes six arguments", Draw::NAME);
        };
        if self.plan.is_some() || count.is_empty() || seed.is_null(0) {
            return Ok(());
        }
        let count = count.is_valid(0).then(|| count.as_primitive::<Float64Type>().value(0));
        self.plan = Some(Plan {
            count,
            percent: percent.as_boolean().value(0),
            replace: replace.as_boolean().value(0),
            seed: seed.as_primitive::<Int64Type>().value(0).cast_unsigned(),
        });
        Ok(())
    }

    fn add(&mut self, places: &Int64Array, weights: &Float64Array) -> Result<()> {
        self.rows.reserve(places.len());
        for (row, place) in places.values().iter().enumerate() {
            let weight = if weights.is_valid(row) { weights.value(row) } else { 0.0 };
            if !(weight >= 0.0 && weight.is_finite()) {
                return exec_err!(
                    "SAMPLE BY: the weight of row {place} is {weight}: weights are finite and not negative"
                );
            }
            self.rows.push((*place, weight));
        }
        Ok(())
    }

    /// The places in the order of the draw.
    fn draw(&mut self) -> Result<Vec<i64>> {
        self.rows.sort_by_key(|(place, _)| *place);
        let total: f64 = self.rows.iter().map(|(_, weight)| weight).sum();
        let (true, Some(plan)) = (total > 0.0, self.plan) else {
            return exec_err!("SAMPLE BY: no row has a positive weight, so none can be drawn");
        };
        let size = size(plan, self.rows.len())?;
        if plan.replace {
            return Ok(self.with_replacement(size, total, plan.seed));
        }
        Ok(self.without_replacement(size, plan.seed))
    }

    fn with_replacement(&self, size: usize, total: f64, seed: u64) -> Vec<i64> {
        let mut sum = 0.0;
        let ends: Vec<f64> = self
            .rows
            .iter()
            .map(|(_, weight)| {
                sum += weight;
                sum
            })
            .collect();
        let last = self.rows.iter().rposition(|(_, weight)| *weight > 0.0).unwrap_or(0);
        (0_u64..)
            .take(size)
            .filter_map(|at| {
                let point = mix::unit(seed, at) * total;
                let found = ends.partition_point(|end| *end <= point).min(last);
                self.rows.get(found).map(|(place, _)| *place)
            })
            .collect()
    }

    fn without_replacement(&self, size: usize, seed: u64) -> Vec<i64> {
        let mut keys: Vec<(f64, i64)> = self
            .rows
            .iter()
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(place, weight)| (-mix::unit(seed, place.cast_unsigned()).ln() / weight, *place))
            .collect();
        let order = |a: &(f64, i64), b: &(f64, i64)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if size < keys.len() {
            keys.select_nth_unstable_by(size, order);
            keys.truncate(size);
        }
        keys.sort_unstable_by(order);
        keys.into_iter().map(|(_, place)| place).collect()
    }
}

/// How many rows are drawn of so many.
fn size(plan: Plan, rows: usize) -> Result<usize> {
    let wanted = match plan.count {
        None => return Ok(rows),
        // A whole number of percent must not become one row more by rounding.
        Some(percent) if plan.percent => (rows as f64 * percent / 100.0 - 1e-9).ceil(),
        Some(count) => count.trunc(),
    };
    if wanted > f64::from(i32::MAX) {
        return exec_err!(
            "SAMPLE BY: {wanted} rows are more than one draw gives: at most {}",
            i32::MAX
        );
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and i32::MAX"
    )]
    Ok(wanted.max(0.0) as usize)
}

fn one_list(values: ArrayRef) -> Result<ScalarValue> {
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), false));
    let offsets = OffsetBuffer::<i32>::from_lengths([values.len()]);
    Ok(ScalarValue::List(Arc::new(ListArray::try_new(item, offsets, values, None)?)))
}

impl Accumulator for Weights {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(([places, weights], constants)) = values.split_first_chunk::<2>() else {
            return internal_err!("{} takes six arguments", Draw::NAME);
        };
        self.learn(constants)?;
        let places = cast(places, &DataType::Int64)?;
        self.add(places.as_primitive::<Int64Type>(), weights.as_primitive::<Float64Type>())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        one_list(Arc::new(Int64Array::from(self.draw()?)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.rows.capacity() * size_of::<(i64, f64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let places = Int64Array::from_iter_values(self.rows.iter().map(|(place, _)| *place));
        let weights = Float64Array::from_iter_values(self.rows.iter().map(|(_, weight)| *weight));
        let plan = self.plan;
        Ok(vec![
            one_list(Arc::new(places))?,
            one_list(Arc::new(weights))?,
            ScalarValue::Float64(plan.and_then(|plan| plan.count)),
            ScalarValue::Boolean(plan.map(|plan| plan.percent)),
            ScalarValue::Boolean(plan.map(|plan| plan.replace)),
            ScalarValue::Int64(plan.map(|plan| plan.seed.cast_signed())),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(([places, weights], constants)) = states.split_first_chunk::<2>() else {
            return internal_err!("{} merges six parts", Draw::NAME);
        };
        let (Some(places), Some(weights)) =
            (places.as_list_opt::<i32>(), weights.as_list_opt::<i32>())
        else {
            return internal_err!("{} merges lists", Draw::NAME);
        };
        for row in 0..places.len() {
            let constants: Vec<ArrayRef> =
                constants.iter().map(|constant| constant.slice(row, 1)).collect();
            self.learn(&constants)?;
            self.add(
                places.value(row).as_primitive::<Int64Type>(),
                weights.value(row).as_primitive::<Float64Type>(),
            )?;
        }
        Ok(())
    }
}
