//! Nanoseconds a row of tensor functions beside plain loops over the same buffers:
//! `cargo bench -p lakebed-functions --bench kernels`.
//!
//! A floor is what one would write by hand for this one question: f32 sums in sixteen lanes, no
//! nulls, no errors, nothing kept between the steps. Batches are those of DataFusion.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark stops at the first thing that goes wrong"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::FixedSizeListArray;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::FieldRef;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt32Type;
use datafusion_common::ScalarValue;
use datafusion_common::config::ConfigOptions;
use datafusion_expr::ColumnarValue;
use datafusion_expr::ReturnFieldArgs;
use datafusion_expr::ScalarFunctionArgs;
use lakebed_core::DType;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;

const ROWS: usize = 8_192;
const DIM: usize = 384;
const REPEATS: usize = 15;

/// An argument: a column or a constant.
#[derive(Clone)]
struct Given(FieldRef, ColumnarValue);

fn main() {
    println!("{:<44} {:>10} {:>10} {:>7}", "ns a row", "function", "floor", "times");
    vectors();
    boxes();
    pixels();
    images();
    elements();
}

fn vectors() {
    let (x, y) = (uniform(ROWS * DIM, 1), uniform(ROWS * DIM, 2));
    let query = &y[..DIM];
    let ty = TensorType::tensor(DType::F32, vec![Some(384)]);
    let columns = [fixed::<Float32Type>(&ty, &x), fixed::<Float32Type>(&ty, &y)];
    let constant = ScalarValue::try_from_array(&array(&columns[1]), 0).unwrap();
    let constant = Given(ty.to_field_ref("q", false), ColumnarValue::Scalar(constant));
    report(
        "L2_NORM(f32[384])",
        ROWS,
        || call("l2_norm", &columns[..1]),
        || x.chunks_exact(DIM).map(|row| dot(row, row).sqrt()).collect::<Vec<f32>>(),
    );
    report(
        "DOT(f32[384], f32[384])",
        ROWS,
        || call("dot", &columns),
        || x.chunks_exact(DIM).zip(y.chunks_exact(DIM)).map(|(x, y)| dot(x, y)).collect::<Vec<_>>(),
    );
    let length = dot(query, query).sqrt();
    report(
        "COSINE_SIMILARITY(f32[384], constant)",
        ROWS,
        || call("cosine_similarity", &[columns[0].clone(), constant.clone()]),
        || {
            x.chunks_exact(DIM)
                .map(|row| dot(row, query) / (dot(row, row).sqrt() * length))
                .collect::<Vec<_>>()
        },
    );
    report(
        "SUM(f32[384])",
        ROWS,
        || call("tensor_sum", &columns[..1]),
        || x.chunks_exact(DIM).map(sum).collect::<Vec<_>>(),
    );
}

fn boxes() {
    let (a, b) = (Ragged::boxes(1), Ragged::boxes(2));
    let ty = TensorType::tensor(DType::F32, vec![None, Some(4)]);
    let columns = [a.given::<Float32Type>(&ty), b.given::<Float32Type>(&ty)];
    report(
        "IOU(f32[n,4], f32[n,4])",
        ROWS,
        || call("iou", &columns),
        || (0..ROWS).map(|row| nearest_overlap(a.row(row), b.row(row))).collect::<Vec<_>>(),
    );
    report(
        "ANY(boxes[:, 2] > 60)",
        ROWS,
        || {
            let widths = call("tensor_slice", &[columns[0].clone(), literal(":, 2")]);
            call("tensor_any", &[call("tensor_gt", &[widths, literal(60.0f32)])])
        },
        || {
            let above = |row| a.row(row).chunks_exact(4).any(|four| four[2] > 60.0);
            BooleanBuffer::collect_bool(ROWS, above)
        },
    );
    report(
        "SHAPE(boxes)[0] > 10",
        ROWS,
        || {
            let shape = call("tensor_shape", &columns[..1]);
            call("tensor_gt", &[call("tensor_slice", &[shape, literal("0")]), literal(10i32)])
        },
        || BooleanBuffer::collect_bool(ROWS, |row| a.ends[row + 1] - a.ends[row] > 40),
    );
    report(
        "boxes == boxes",
        ROWS,
        || call("tensor_eq", &[columns[0].clone(), columns[0].clone()]),
        || a.elements.iter().zip(&a.elements).map(|(x, y)| x == y).collect::<Vec<_>>(),
    );
}

fn pixels() {
    let rows = 256;
    let bytes: Vec<u8> = random(rows * 30_000, 3).map(|x| x.to_le_bytes()[3]).collect();
    let ty = TensorType::tensor(DType::U8, vec![Some(100), Some(100), Some(3)]);
    let images = fixed::<UInt8Type>(&ty, &bytes);
    let open = TensorType::tensor(DType::U8, vec![None, None, Some(3)]);
    let mut builder = TensorBuilder::<u8>::new(3);
    bytes.chunks_exact(30_000).for_each(|image| builder.push(image, &[100, 100, 3]).unwrap());
    let ragged = Given(
        open.to_field_ref("c", false),
        ColumnarValue::Array(builder.finish::<UInt8Type>(&open).unwrap()),
    );
    let mean = |image: &[u8]| {
        let total = image.iter().fold(0u32, |sum, x| sum.wrapping_add(u32::from(*x)));
        f64::from(total) / 30_000.0
    };
    for (name, column) in [("MEAN(u8[100,100,3])", images), ("MEAN(u8[h,w,3])", ragged)] {
        report(
            name,
            rows,
            || call("tensor_avg", std::slice::from_ref(&column)),
            || bytes.chunks_exact(30_000).map(mean).collect::<Vec<_>>(),
        );
    }
    let masks: Vec<u8> = (0..ROWS * 1024).map(|i| u8::from(i % 3_000 == 2_999)).collect();
    let ty = TensorType::tensor(DType::U8, vec![Some(32), Some(32)]);
    let column = fixed::<UInt8Type>(&ty, &masks);
    let largest = |mask: &[u8]| mask.iter().fold(0, |best, x| best.max(*x)) > 0;
    report(
        "AMAX(u8[32,32]) > 0",
        ROWS,
        || call("tensor_gt", &[call("tensor_amax", std::slice::from_ref(&column)), literal(0u8)]),
        || masks.chunks_exact(1024).map(largest).collect::<Vec<_>>(),
    );
    let ty = TensorType::tensor(DType::Bool, vec![Some(32), Some(32)]);
    let bits = BooleanBuffer::collect_bool(masks.len(), |i| masks[i] != 0);
    let words: Vec<u64> = bits.bit_chunks().iter().collect();
    let column = list(&ty, Arc::new(BooleanArray::new(bits, None)));
    report(
        "AMAX(bool[32,32]) > false",
        ROWS,
        || {
            let largest = call("tensor_amax", std::slice::from_ref(&column));
            call("tensor_gt", &[largest, literal(false)])
        },
        || words.chunks_exact(16).map(|mask| mask.iter().any(|x| *x != 0)).collect::<Vec<_>>(),
    );
}

/// Whole images, 240 lines of 320 pixels: what a floor does with one of them, for all.
fn images() {
    let (rows, h, w) = (64, 240, 320);
    let size = h * w * 3;
    let bytes: Vec<u8> = random(rows * size, 9).map(|x| x.to_le_bytes()[3]).collect();
    let ty = TensorType::tensor(DType::U8, vec![None, None, Some(3)]);
    let mut builder = TensorBuilder::<u8>::new(3);
    bytes.chunks_exact(size).for_each(|image| builder.push(image, &[h, w, 3]).unwrap());
    let column = ColumnarValue::Array(builder.finish::<UInt8Type>(&ty).unwrap());
    let column = Given(ty.to_field_ref("c", false), column);
    let array = |numbers: &[f32]| {
        let ty = TensorType::tensor(DType::F32, vec![u32::try_from(numbers.len()).ok()]);
        let values = array(&fixed::<Float32Type>(&ty, numbers));
        let value = ScalarValue::try_from_array(&values, 0).unwrap();
        Given(ty.to_field_ref("few", false), ColumnarValue::Scalar(value))
    };
    report(
        "GRAYSCALE(u8[240,320,3])",
        rows,
        || call("grayscale", std::slice::from_ref(&column)),
        || {
            let mixed = |[r, g, b]: &[u8; 3]| {
                let mixed = 77 * u16::from(*r) + 150 * u16::from(*g) + 29 * u16::from(*b);
                mixed.to_le_bytes()[1]
            };
            bytes.as_chunks::<3>().0.iter().map(mixed).collect::<Vec<u8>>()
        },
    );
    report(
        "FLIP(u8[240,320,3], 'horizontal')",
        rows,
        || call("flip", &[column.clone(), literal("horizontal")]),
        || {
            let mut flipped = vec![0u8; bytes.len()];
            for (to, from) in flipped.chunks_exact_mut(w * 3).zip(bytes.chunks_exact(w * 3)) {
                let (to, from) = (to.as_chunks_mut::<3>().0, from.as_chunks::<3>().0);
                to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
            }
            flipped
        },
    );
    let (mean, std) = (array(&[0.485, 0.456, 0.406]), array(&[0.229, 0.224, 0.225]));
    report(
        "NORMALIZE(u8[240,320,3], mean, std, 255)",
        rows,
        || call("normalize", &[column.clone(), mean.clone(), std.clone(), literal(255i64)]),
        || {
            let of = |[r, g, b]: &[u8; 3]| {
                [
                    f32::from(*r) * 0.017_12 - 2.117_9,
                    f32::from(*g) * 0.017_5 - 2.035_7,
                    f32::from(*b) * 0.017_4 - 1.804_4,
                ]
            };
            bytes.as_chunks::<3>().0.iter().flat_map(of).collect::<Vec<f32>>()
        },
    );
    let window = array(&[50.0, 20.0, 200.0, 150.0]);
    report(
        "CROP(u8[240,320,3], [50, 20, 200, 150])",
        rows,
        || call("crop", &[column.clone(), window.clone()]),
        || {
            let mut cropped = Vec::with_capacity(rows * 150 * 200 * 3);
            for image in bytes.chunks_exact(size) {
                for line in image.chunks_exact(w * 3).skip(20).take(150) {
                    cropped.extend_from_slice(&line[150..750]);
                }
            }
            cropped
        },
    );
    let half = array(&[120.0, 160.0]);
    report(
        "RESIZE(u8[240,320,3], [120, 160])",
        rows,
        || call("resize", &[column.clone(), half.clone()]),
        || {
            let mut resized = Vec::with_capacity(bytes.len() / 4);
            for pair in bytes.chunks_exact(w * 6) {
                let (upper, lower) = pair.split_at(w * 3);
                for (a, b) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
                    resized.extend((0..3).map(|c| {
                        let sum = [a[c], a[c + 3], b[c], b[c + 3]].map(u16::from);
                        ((sum.iter().sum::<u16>() + 2) / 4).to_le_bytes()[0]
                    }));
                }
            }
            resized
        },
    );
}

fn elements() {
    let labels = Ragged::labels();
    let ty = TensorType::tensor(DType::U32, vec![None]);
    let column = labels.given::<UInt32Type>(&ty);
    report(
        "CONTAINS(u32[n], constant)",
        ROWS,
        || call("tensor_contains", &[column.clone(), literal(7i64)]),
        || BooleanBuffer::collect_bool(ROWS, |row| labels.row(row).contains(&7)),
    );
    report(
        "u32[n] == constant",
        ROWS,
        || call("tensor_eq", &[column.clone(), literal(7i64)]),
        || labels.elements.iter().map(|x| *x == 7).collect::<Vec<_>>(),
    );
    let ty = TensorType::tensor(DType::F32, vec![Some(64)]);
    let (x, y) = (uniform(ROWS * 64, 4), uniform(ROWS * 64, 5));
    let columns = [fixed::<Float32Type>(&ty, &x), fixed::<Float32Type>(&ty, &y)];
    report(
        "f32[64] < f32[64]",
        ROWS,
        || call("tensor_lt", &columns),
        || x.iter().zip(&y).map(|(x, y)| x < y).collect::<Vec<_>>(),
    );
    let (x, y): (Vec<i32>, Vec<i32>) =
        random(ROWS * 64, 6).zip(random(ROWS * 64, 6)).map(|(x, y)| (whole(x), whole(y))).unzip();
    let ty = TensorType::tensor(DType::I32, vec![Some(64)]);
    let columns = [fixed::<Int32Type>(&ty, &x), fixed::<Int32Type>(&ty, &y)];
    report(
        "i32[64] == i32[64]",
        ROWS,
        || call("tensor_eq", &columns),
        || x.iter().zip(&y).map(|(x, y)| x == y).collect::<Vec<_>>(),
    );
    let (x, y) = (uniform(ROWS * 64, 7), uniform(ROWS * 64, 8));
    let ty = TensorType::tensor(DType::F32, vec![Some(64)]);
    let columns = [fixed::<Float32Type>(&ty, &x), fixed::<Float32Type>(&ty, &y)];
    report(
        "f32[64] + f32[64]",
        ROWS,
        || call("tensor_add", &columns),
        || x.iter().zip(&y).map(|(x, y)| x + y).collect::<Vec<_>>(),
    );
}

/// The best time of both, for the machine may be busy with other things.
fn report<A, B>(name: &str, rows: usize, function: impl Fn() -> A, floor: impl Fn() -> B) {
    let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..REPEATS {
        ours = ours.min(time(&function));
        theirs = theirs.min(time(&floor));
    }
    let (ours, theirs) = (ours / rows as f64, theirs / rows as f64);
    println!("{name:<44} {ours:>10.1} {theirs:>10.1} {:>7.2}", ours / theirs);
}

fn time<A>(f: &impl Fn() -> A) -> f64 {
    let start = Instant::now();
    for _ in 0..4 {
        black_box(f());
    }
    start.elapsed().as_nanos() as f64 / 4.0
}

/// Plans and runs a call as DataFusion does.
fn call(name: &str, args: &[Given]) -> Given {
    let udf = lakebed_functions::by_udf_name(name).unwrap();
    let arg_fields: Vec<FieldRef> = args.iter().map(|arg| Arc::clone(&arg.0)).collect();
    let literals: Vec<Option<&ScalarValue>> = args
        .iter()
        .map(|arg| match &arg.1 {
            ColumnarValue::Scalar(value) => Some(value),
            ColumnarValue::Array(_) => None,
        })
        .collect();
    let planning = ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &literals };
    let return_field = udf.return_field_from_args(planning).unwrap();
    let number_rows = args.iter().find_map(|arg| match &arg.1 {
        ColumnarValue::Array(array) => Some(array.len()),
        ColumnarValue::Scalar(_) => None,
    });
    let result = udf.invoke_with_args(ScalarFunctionArgs {
        args: args.iter().map(|arg| arg.1.clone()).collect(),
        arg_fields,
        number_rows: number_rows.unwrap(),
        return_field: Arc::clone(&return_field),
        config_options: Arc::new(ConfigOptions::default()),
    });
    Given(return_field, result.unwrap())
}

fn literal(value: impl Into<ScalarValue>) -> Given {
    let value = value.into();
    let field = Field::new("literal", value.data_type(), false);
    Given(Arc::new(field), ColumnarValue::Scalar(value))
}

fn array(given: &Given) -> ArrayRef {
    match &given.1 {
        ColumnarValue::Array(array) => Arc::clone(array),
        ColumnarValue::Scalar(value) => value.to_array().unwrap(),
    }
}

fn fixed<T: ArrowPrimitiveType>(ty: &TensorType, elements: &[T::Native]) -> Given {
    let values = arrow::array::PrimitiveArray::<T>::from_iter_values(elements.iter().copied());
    list(ty, Arc::new(values))
}

fn list(ty: &TensorType, values: ArrayRef) -> Given {
    let DataType::FixedSizeList(item, size) = ty.data_type() else { unreachable!() };
    let column = FixedSizeListArray::new(item, size, values, None);
    Given(ty.to_field_ref("c", false), ColumnarValue::Array(Arc::new(column)))
}

/// Rows of unequal lengths.
struct Ragged<T> {
    elements: Vec<T>,
    ends: Vec<usize>,
    width: usize,
}

impl<T: arrow::datatypes::ArrowNativeType> Ragged<T> {
    fn row(&self, row: usize) -> &[T] {
        &self.elements[self.ends[row]..self.ends[row + 1]]
    }

    fn given<P: ArrowPrimitiveType<Native = T>>(&self, ty: &TensorType) -> Given {
        let mut builder = TensorBuilder::<T>::new(ty.ndim());
        for row in 0..self.ends.len() - 1 {
            let row = self.row(row);
            let shape = [row.len() / self.width, self.width];
            builder.push(row, &shape[..ty.ndim()]).unwrap();
        }
        let column = builder.finish::<P>(ty).unwrap();
        assert!(column.as_struct_opt().is_some());
        Given(ty.to_field_ref("c", false), ColumnarValue::Array(column))
    }
}

impl Ragged<f32> {
    /// Up to eight boxes a row, as x, y, width, height.
    fn boxes(seed: u64) -> Ragged<f32> {
        let mut draws = random(ROWS * 40, seed);
        let mut boxes = Ragged { elements: Vec::new(), ends: vec![0], width: 4 };
        for _ in 0..ROWS {
            for _ in 0..draws.next().unwrap() % 9 {
                let four: [f32; 4] = std::array::from_fn(|_| fraction(draws.next().unwrap()));
                boxes.elements.extend([
                    four[0] * 500.0,
                    four[1] * 500.0,
                    four[2] * 80.0,
                    four[3] * 80.0,
                ]);
            }
            boxes.ends.push(boxes.elements.len());
        }
        boxes
    }
}

impl Ragged<u32> {
    fn labels() -> Ragged<u32> {
        let mut draws = random(ROWS * 10, 9);
        let mut labels = Ragged { elements: Vec::new(), ends: vec![0], width: 1 };
        for _ in 0..ROWS {
            let count = draws.next().unwrap() % 9;
            labels.elements.extend(draws.by_ref().take(count as usize).map(|x| x % 20));
            labels.ends.push(labels.elements.len());
        }
        labels
    }
}

/// The same numbers in every run.
fn random(count: usize, seed: u64) -> impl Iterator<Item = u32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state >> 32).unwrap()
    })
}

fn fraction(x: u32) -> f32 {
    x as f32 / u32::MAX as f32
}

fn whole(x: u32) -> i32 {
    i32::try_from(x % 10).unwrap()
}

fn uniform(count: usize, seed: u64) -> Vec<f32> {
    random(count, seed).map(|x| fraction(x) - 0.5).collect()
}

fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    for (x, y) in x.chunks_exact(16).zip(y.chunks_exact(16)) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    lanes.iter().sum()
}

fn sum(x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    for x in x.chunks_exact(16) {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane += x;
        }
    }
    lanes.iter().sum()
}

/// Every pair of boxes, without a matching: the best partner of each.
fn nearest_overlap(a: &[f32], b: &[f32]) -> f32 {
    let corners = |four: &[f32]| [four[0], four[1], four[0] + four[2], four[1] + four[3]];
    let area = |b: &[f32; 4]| (b[2] - b[0]).max(0.0) * (b[3] - b[1]).max(0.0);
    let most = a.len().max(b.len());
    if most == 0 {
        return 1.0;
    }
    let mut total = 0.0;
    for x in a.chunks_exact(4).map(corners) {
        let mut best = 0.0f32;
        for y in b.chunks_exact(4).map(corners) {
            let shared = [x[0].max(y[0]), x[1].max(y[1]), x[2].min(y[2]), x[3].min(y[3])];
            let shared = area(&shared);
            if shared > 0.0 {
                best = best.max(shared / (area(&x) + area(&y) - shared));
            }
        }
        total += best;
    }
    total / (most / 4) as f32
}
