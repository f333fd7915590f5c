//! `tensor_collect(x, place)`: the values of a group as a sequence, in the order of `place`.
//!
//! DataFusion's `array_agg` forgets what its elements are (class names, shapes, box conventions);
//! this one keeps the field.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::Int64Array;
use arrow::array::ListArray;
use arrow::array::new_empty_array;
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::compute::interleave;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::FieldRef;
use arrow::datatypes::Int64Type;
use datafusion_common::Result;
use datafusion_common::ScalarValue;
use datafusion_common::exec_datafusion_err;
use datafusion_common::internal_err;
use datafusion_common::plan_err;
use datafusion_expr::Accumulator;
use datafusion_expr::AggregateUDFImpl;
use datafusion_expr::EmitTo;
use datafusion_expr::GroupsAccumulator;
use datafusion_expr::Signature;
use datafusion_expr::Volatility;
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::function::StateFieldsArgs;
use lakebed_core::TensorType;

/// The aggregate.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Collect {
    signature: Signature,
}

impl Collect {
    /// Its name in SQL.
    pub const NAME: &'static str = "tensor_collect";

    /// The aggregate.
    pub fn new() -> Collect {
        Collect { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl Default for Collect {
    fn default() -> Collect {
        Collect::new()
    }
}

/// The element of the sequence that values of this field become.
fn item_of(field: &Field) -> FieldRef {
    let item = Field::new("item", field.data_type().clone(), true);
    Arc::new(item.with_metadata(field.metadata().clone()))
}

fn places_item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Int64, false))
}

impl AggregateUDFImpl for Collect {
    fn name(&self) -> &str {
        Collect::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types.first() {
            Some(of) => Ok(DataType::List(Arc::new(Field::new("item", of.clone(), true)))),
            None => plan_err!("{} takes a value and a place", Collect::NAME),
        }
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        let Some(of) = arg_fields.first() else {
            return plan_err!("{} takes a value and a place", Collect::NAME);
        };
        let field = Field::new(of.name(), DataType::List(item_of(of)), false);
        let metadata = TensorType::from_field(of).map(|ty| TensorType::sequence(ty).metadata());
        Ok(Arc::new(field.with_metadata(metadata.unwrap_or_default())))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let Some(of) = args.input_fields.first() else {
            return internal_err!("{} without arguments", Collect::NAME);
        };
        let places = DataType::List(places_item());
        Ok(vec![
            Arc::new(Field::new(format!("{}[places]", args.name), places, false)),
            Arc::new(Field::new(
                format!("{}[values]", args.name),
                DataType::List(item_of(of)),
                false,
            )),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Groups::new(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(&args)?))
    }
}

/// One value on its way to its group.
#[derive(Debug, Clone, Copy)]
struct Entry {
    group: usize,
    place: i64,
    batch: usize,
    row: usize,
}

/// The values of all groups: batches as they came, and where each value belongs.
#[derive(Debug)]
struct Groups {
    item: FieldRef,
    batches: Vec<ArrayRef>,
    entries: Vec<Entry>,
    groups: usize,
    bytes: usize,
}

impl Groups {
    fn new(args: &AccumulatorArgs) -> Result<Groups> {
        let DataType::List(item) = args.return_field.data_type() else {
            return internal_err!("{} gives a list", Collect::NAME);
        };
        Ok(Groups {
            item: Arc::clone(item),
            batches: Vec::new(),
            entries: Vec::new(),
            groups: 0,
            bytes: 0,
        })
    }

    fn keep(&mut self, batch: &ArrayRef) -> usize {
        self.bytes += batch.get_array_memory_size();
        self.batches.push(Arc::clone(batch));
        self.batches.len() - 1
    }

    /// Takes the leading groups out: their places and values, one list a group.
    fn emit(&mut self, emit_to: EmitTo) -> Result<(ListArray, ListArray)> {
        let count = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n,
        };
        let all = std::mem::take(&mut self.entries);
        let (mut leaving, mut staying): (Vec<Entry>, Vec<Entry>) =
            all.into_iter().partition(|entry| entry.group < count);
        for entry in &mut staying {
            entry.group -= count;
        }
        leaving.sort_by_key(|entry| (entry.group, entry.place));
        let mut lengths = vec![0; count];
        for entry in &leaving {
            if let Some(length) = lengths.get_mut(entry.group) {
                *length += 1;
            }
        }
        let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
        let sources: Vec<&dyn Array> = self.batches.iter().map(AsRef::as_ref).collect();
        let indices: Vec<(usize, usize)> = leaving.iter().map(|e| (e.batch, e.row)).collect();
        let values = if indices.is_empty() {
            new_empty_array(self.item.data_type())
        } else {
            interleave(&sources, &indices)?
        };
        let places = Int64Array::from_iter_values(leaving.iter().map(|entry| entry.place));
        let places = ListArray::try_new(places_item(), offsets.clone(), Arc::new(places), None)?;
        let values = ListArray::try_new(Arc::clone(&self.item), offsets, values, None)?;
        self.groups -= count;
        self.entries = staying;
        if self.entries.is_empty() {
            self.batches.clear();
            self.bytes = 0;
        }
        Ok((places, values))
    }
}

/// The arguments: values, and their places as signed integers.
fn arguments(values: &[ArrayRef]) -> Result<(&ArrayRef, Int64Array)> {
    let [of, place] = values else { return internal_err!("{} takes two arguments", Collect::NAME) };
    let place = cast(place, &DataType::Int64)?;
    if place.null_count() > 0 {
        return internal_err!("{}: a place is null", Collect::NAME);
    }
    Ok((of, place.as_primitive::<Int64Type>().clone()))
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let (of, places) = arguments(values)?;
        let batch = self.keep(of);
        self.groups = self.groups.max(total_num_groups);
        for (row, (group, place)) in group_indices.iter().zip(places.values()).enumerate() {
            if filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row)) {
                self.entries.push(Entry { group: *group, place: *place, batch, row });
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(Arc::new(self.emit(emit_to)?.1))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (places, values) = self.emit(emit_to)?;
        Ok(vec![Arc::new(places), Arc::new(values)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let lists: Vec<&ListArray> = values.iter().filter_map(|v| v.as_list_opt::<i32>()).collect();
        let [places, of] = lists.as_slice() else {
            return internal_err!("{} merges two lists", Collect::NAME);
        };
        let batch = self.keep(of.values());
        self.groups = self.groups.max(total_num_groups);
        let numbers = places.values().as_primitive::<Int64Type>();
        for (at, group) in group_indices.iter().enumerate() {
            let (from, to) = (of.value_offsets()[at], of.value_offsets()[at + 1]);
            let first = places.value_offsets()[at];
            for index in from..to {
                let row = usize::try_from(index);
                let place = usize::try_from(first + (index - from));
                let (Ok(row), Ok(place)) = (row, place) else {
                    return internal_err!("{}: an offset is negative", Collect::NAME);
                };
                let place = numbers.value(place);
                self.entries.push(Entry { group: *group, place, batch, row });
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut rows = Groups {
            item: Arc::clone(&self.item),
            batches: Vec::new(),
            entries: Vec::new(),
            groups: 0,
            bytes: 0,
        };
        let count = values.first().map_or(0, Array::len);
        let own: Vec<usize> = (0..count).collect();
        rows.update_batch(values, &own, filter, count)?;
        rows.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.bytes + self.entries.capacity() * size_of::<Entry>()
    }
}

/// A whole input as one group.
#[derive(Debug)]
struct OneGroup(Groups);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, Array::len);
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.groups = 1;
        let (_, values) = self.0.emit(EmitTo::All)?;
        Ok(ScalarValue::List(Arc::new(values)))
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.groups = 1;
        let (places, values) = self.0.emit(EmitTo::All)?;
        Ok(vec![ScalarValue::List(Arc::new(places)), ScalarValue::List(Arc::new(values))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, Array::len);
        self.0
            .merge_batch(states, &vec![0; rows], 1)
            .map_err(|error| exec_datafusion_err!("{}: {error}", Collect::NAME))
    }
}
