use arrow::datatypes::Int32Type;
use proptest::prelude::*;

use super::*;

fn sample(values: &[i32], shape: &[usize]) -> Sample {
    Sample::new::<Int32Type>(values.to_vec(), shape).unwrap()
}

fn null() -> Sample {
    Sample::null_of(&DataType::Int32, 1)
}

fn tensor(values: &Values) -> (&[usize], &[i32]) {
    match values {
        Values::Tensor(tensor) | Values::Padded { tensor, .. } => {
            (&tensor.shape, tensor.values::<Int32Type>().unwrap())
        }
        Values::List(_) => unreachable!(),
    }
}

#[test]
fn one_shape_is_stacked_with_zeros_for_null() {
    let samples = vec![sample(&[1, 2], &[2]), null(), sample(&[3, 4], &[2])];
    let column = collate("x", Collate::Stack, samples, &[0, 1, 2], &DataType::Int32).unwrap();
    assert_eq!(tensor(&column.values), (&[3, 2][..], &[1, 2, 0, 0, 3, 4][..]));
    let valid: Vec<bool> = column.valid.unwrap().iter().collect();
    assert_eq!(valid, [true, false, true]);
}

#[test]
fn another_shape_is_refused_with_its_row() {
    let samples = vec![sample(&[1, 2], &[2]), sample(&[3], &[1])];
    let error = collate("x", Collate::Stack, samples, &[7, 9], &DataType::Int32).unwrap_err();
    assert!(matches!(&error, Error::Collate { column, row: 9, .. } if column == "x"), "{error}");
}

#[test]
fn texts_and_bools_pad() {
    use arrow::array::BooleanArray;
    use arrow::array::StringViewArray;
    let texts = |t: &[&str]| {
        Sample::from_array(Arc::new(StringViewArray::from(t.to_vec())), &[t.len()]).unwrap()
    };
    let samples = vec![texts(&["a", "b"]), texts(&["c"])];
    let column = collate("t", Collate::Pad, samples, &[0, 1], &DataType::Utf8View).unwrap();
    let Values::Padded { tensor, mask } = column.values else { unreachable!() };
    assert_eq!(*tensor.elements, StringViewArray::from(vec!["a", "b", "c", ""]));
    assert_eq!(mask.iter().collect::<Vec<_>>(), [true, true, true, false]);
    let bools = |b: &[bool]| {
        Sample::from_array(Arc::new(BooleanArray::from(b.to_vec())), &[b.len()]).unwrap()
    };
    let samples = vec![bools(&[true]), bools(&[true, false, true])];
    let column = collate("b", Collate::Pad, samples, &[0, 1], &DataType::Boolean).unwrap();
    let Values::Padded { tensor, .. } = column.values else { unreachable!() };
    assert_eq!(*tensor.elements, BooleanArray::from(vec![true, false, false, true, false, true]));
}

proptest! {
    /// Every element of every sample is where its subscripts say, and all others are masked zeros.
    #[test]
    fn padding_keeps_subscripts(shapes in prop::collection::vec((0usize..4, 0usize..4, 1usize..3), 1..6)) {
        let samples: Vec<Sample> = shapes.iter().enumerate().map(|(nth, (a, b, c))| {
            let count = i32::try_from(a * b * c).unwrap();
            let first = i32::try_from(nth * 100 + 1).unwrap();
            sample(&(first..first + count).collect::<Vec<_>>(), &[*a, *b, *c])
        }).collect();
        let rows: Vec<u64> = (0..6).collect();
        let column = collate("x", Collate::Pad, samples.clone(), &rows, &DataType::Int32).unwrap();
        let Values::Padded { tensor, mask } = &column.values else { unreachable!() };
        let values = tensor.values::<Int32Type>().unwrap();
        let [n, h, w, d] = tensor.shape[..] else { unreachable!() };
        prop_assert_eq!(values.len(), n * h * w * d);
        prop_assert_eq!(mask.len(), values.len());
        for (at, value) in values.iter().enumerate() {
            let (s, i, j, k) = (at / (h * w * d), at / (w * d) % h, at / d % w, at % d);
            let (a, b, c) = shapes[s];
            let inside = i < a && j < b && k < c;
            let own = samples[s].values::<Int32Type>().unwrap();
            prop_assert_eq!(mask.value(at), inside);
            prop_assert_eq!(*value, if inside { own[(i * b + j) * c + k] } else { 0 });
        }
    }
}
