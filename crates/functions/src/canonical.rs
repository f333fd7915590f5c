//! One NaN for all: where values are sorted and told apart, the sign of a NaN must not show.
//!
//! Which sign a NaN gets is the processor's affair, and differs between the lanes of a vector and
//! the rest of an array; Arrow sorts negative NaNs first and positive ones last.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::FixedSizeListArray;
use arrow::array::GenericListArray;
use arrow::array::OffsetSizeTrait;
use arrow::array::StructArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Float16Type;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;

/// The same values with every NaN the same, at any depth.
pub fn one_nan(array: &ArrayRef) -> ArrayRef {
    macro_rules! floats {
        ($type:ty, $nan:expr) => {{
            let floats = array.as_primitive::<$type>();
            // Nearly always there is none, and nothing is copied.
            if !floats.values().iter().any(|x| x.is_nan() && x.is_sign_negative()) {
                return Arc::clone(array);
            }
            Arc::new(floats.unary::<_, $type>(|x| if x.is_nan() { $nan } else { x })) as ArrayRef
        }};
    }
    match array.data_type() {
        DataType::Float16 => floats!(Float16Type, half::f16::NAN),
        DataType::Float32 => floats!(Float32Type, f32::NAN),
        DataType::Float64 => floats!(Float64Type, f64::NAN),
        DataType::List(_) => list::<i32>(array),
        DataType::LargeList(_) => list::<i64>(array),
        DataType::FixedSizeList(field, size) => {
            let list = array.as_fixed_size_list();
            let values = one_nan(list.values());
            Arc::new(FixedSizeListArray::new(
                Arc::clone(field),
                *size,
                values,
                list.nulls().cloned(),
            ))
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct();
            let columns = parts.columns().iter().map(one_nan).collect();
            let nulls = parts.nulls().cloned();
            Arc::new(StructArray::new(fields.clone(), columns, nulls))
        }
        _ => Arc::clone(array),
    }
}

fn list<O: OffsetSizeTrait>(array: &ArrayRef) -> ArrayRef {
    let lists = array.as_list::<O>();
    let (DataType::List(field) | DataType::LargeList(field)) = array.data_type() else {
        return Arc::clone(array);
    };
    Arc::new(GenericListArray::<O>::new(
        Arc::clone(field),
        lists.offsets().clone(),
        one_nan(lists.values()),
        lists.nulls().cloned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Float32Array;
    use arrow::array::Float64Array;
    use arrow::array::ListArray;

    #[test]
    fn nans_of_both_signs_are_one_and_all_else_stays() {
        let floats: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(-f64::NAN), None, Some(-0.0), Some(f64::NAN)]));
        let changed = one_nan(&floats);
        let bits: Vec<Option<u64>> =
            changed.as_primitive::<Float64Type>().iter().map(|x| x.map(f64::to_bits)).collect();
        let nan = Some(f64::NAN.to_bits());
        assert_eq!(bits, [nan, None, Some((-0.0_f64).to_bits()), nan]);
    }

    #[test]
    fn nans_inside_lists_too() {
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>([
            Some(vec![Some(1.0), Some(-f32::NAN)]),
            None,
            Some(vec![]),
        ]));
        let changed = one_nan(&lists);
        assert_eq!(changed.len(), 3);
        assert!(changed.is_null(1));
        let values = changed.as_list::<i32>().values();
        assert_eq!(values.as_primitive::<Float32Type>().value(1).to_bits(), f32::NAN.to_bits());
        let plain: ArrayRef = Arc::new(Float32Array::from(vec![1.0, f32::NAN]));
        assert!(Arc::ptr_eq(&one_nan(&plain), &plain));
    }
}
