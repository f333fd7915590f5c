//! What is written is what is read: every dtype, layout and part, against plain vectors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking, and knows its own numbers"
)]

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::DurationNanosecondArray;
use arrow::array::Float16Array;
use arrow::array::Float64Array;
use arrow::array::Int32Array;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::array::Time64MicrosecondArray;
use arrow::array::TimestampMillisecondArray;
use arrow::array::UInt8Array;
use arrow::array::UInt32Array;
use arrow::array::UInt64Array;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::UInt8Type;
use arrow_schema::Schema as ArrowSchema;
use arrow_schema::TimeUnit;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::Subscript;
use lakebed_core::TensorArray;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Missing;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;

fn small() -> Options {
    Options { chunk_bytes: 4096, ..Options::default() }
}

fn batch(schema: &Schema, arrays: Vec<ArrayRef>) -> RecordBatch {
    let fields: Vec<_> = schema
        .columns
        .iter()
        .map(|c| TensorType::from_column(c).to_field(&c.name, c.nullable))
        .collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

async fn read(dataset: &Dataset, name: &str, part: Part, rows: Rows) -> ArrayRef {
    let fragments = dataset.fragments().await.unwrap();
    assert_eq!(fragments.len(), 1);
    let column = dataset.schema().column(name).unwrap().id;
    let request = ReadRequest {
        fragment: fragments[0].clone(),
        rows,
        columns: vec![ColumnRead { column, part }],
    };
    dataset.read(&request).await.unwrap().column(0).clone()
}

async fn store(name: &str, schema: Schema, arrays: Vec<ArrayRef>) -> Dataset {
    let dataset = Dataset::create(&format!("mem://{name}"), schema, small()).await.unwrap();
    let mut writer = dataset.append().unwrap();
    writer.write(&batch(dataset.schema(), arrays)).await.unwrap();
    writer.commit("rows").await.unwrap()
}

#[tokio::test]
async fn every_scalar_dtype_comes_back_with_its_nulls() {
    let n = 5000;
    let valid: Vec<bool> = (0..n).map(|i| i % 7 != 3).collect();
    let nulls = Some(NullBuffer::from(valid));
    let ints = || (0..n).map(|i| i * 37 % 1009 - 500);
    let arrays: Vec<(DType, ArrayRef)> = vec![
        (DType::Bool, Arc::new(BooleanArray::new(ints().map(|i| i > 0).collect(), nulls.clone()))),
        (
            DType::U8,
            Arc::new(UInt8Array::new((0..n).map(|i| (i % 251) as u8).collect(), nulls.clone())),
        ),
        (DType::I32, Arc::new(Int32Array::new(ints().collect(), nulls.clone()))),
        (DType::I64, Arc::new(Int64Array::new(ints().map(i64::from).collect(), nulls.clone()))),
        (
            DType::U64,
            Arc::new(UInt64Array::new(
                (0..n).map(|i| u64::MAX - i as u64).collect(),
                nulls.clone(),
            )),
        ),
        (
            DType::F16,
            Arc::new(Float16Array::new(
                ints().map(|i| half::f16::from_f32(i as f32)).collect(),
                nulls.clone(),
            )),
        ),
        (
            DType::F64,
            Arc::new(Float64Array::new(
                ints().map(|i| f64::from(i) / 3.0).collect(),
                nulls.clone(),
            )),
        ),
        (DType::Date, Arc::new(Date32Array::new(ints().collect(), nulls.clone()))),
        (
            DType::Time,
            Arc::new(Time64MicrosecondArray::new((0..n).map(i64::from).collect(), nulls.clone())),
        ),
        (
            DType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Arc::new(
                TimestampMillisecondArray::new(ints().map(i64::from).collect(), nulls.clone())
                    .with_timezone("UTC"),
            ),
        ),
        (
            DType::Duration(TimeUnit::Nanosecond),
            Arc::new(DurationNanosecondArray::new(ints().map(i64::from).collect(), nulls.clone())),
        ),
        (
            DType::Decimal(20, 3),
            Arc::new(
                Decimal128Array::new(ints().map(i128::from).collect(), nulls.clone())
                    .with_precision_and_scale(20, 3)
                    .unwrap(),
            ),
        ),
        (
            DType::Text,
            Arc::new(
                (0..n)
                    .map(|i| (i % 7 != 3).then(|| format!("text {} ß", i % 100)))
                    .collect::<StringViewArray>(),
            ),
        ),
        (
            DType::Json,
            Arc::new(
                (0..n)
                    .map(|i| (i % 7 != 3).then(|| format!("{{\"a\":{i}}}")))
                    .collect::<StringViewArray>(),
            ),
        ),
    ];
    for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
        let columns = arrays
            .iter()
            .enumerate()
            .map(|(i, (dtype, _))| {
                Column::scalar(format!("c{i}"), dtype.clone())
                    .nullable()
                    .with_compression(compression)
            })
            .collect();
        let dataset = store(
            &format!("scalars-{compression}"),
            Schema::new(columns).unwrap(),
            arrays.iter().map(|(_, a)| Arc::clone(a)).collect(),
        )
        .await;
        let some: Vec<u64> = (0..n as u64).filter(|i| i % 11 == 0).collect();
        let indices = UInt64Array::from(some.clone());
        for (i, (dtype, expected)) in arrays.iter().enumerate() {
            let name = format!("c{i}");
            let got = read(&dataset, &name, Part::Whole, Rows::Range(0..n as u64)).await;
            assert_eq!(&got, expected, "{dtype} {compression}");
            let got = read(&dataset, &name, Part::Whole, Rows::List(some.clone())).await;
            let wanted = arrow::compute::take(expected, &indices, None).unwrap();
            assert_eq!(&got, &wanted, "{dtype} {compression}");
        }
    }
}

fn ragged(ty: &TensorType, rows: &[Option<(Vec<f32>, Vec<usize>)>]) -> ArrayRef {
    let mut builder = TensorBuilder::<f32>::new(ty.ndim());
    for row in rows {
        match row {
            Some((values, shape)) => builder.push(values, shape).unwrap(),
            None => builder.push_null(None).unwrap(),
        }
    }
    builder.finish::<Float32Type>(ty).unwrap()
}

fn boxes(n: usize) -> Vec<Option<(Vec<f32>, Vec<usize>)>> {
    (0..n)
        .map(|i| {
            let count = i % 4;
            let values = (0..count * 4).map(|v| (i * 100 + v) as f32).collect();
            (i % 9 != 5).then_some((values, vec![count, 4]))
        })
        .collect()
}

#[tokio::test]
async fn ragged_tensors_keep_shapes_empties_and_nulls_apart() {
    for compression in [Compression::None, Compression::Zstd] {
        let column = Column::boxes("b", BoxFormat::Ltrb).nullable().with_compression(compression);
        let ty = TensorType::from_column(&column);
        let rows = boxes(1000);
        let array = ragged(&ty, &rows);
        let dataset = store(
            &format!("ragged-{compression}"),
            Schema::new(vec![column]).unwrap(),
            vec![array],
        )
        .await;
        let got = read(&dataset, "b", Part::Whole, Rows::Range(3..997)).await;
        let got = TensorArray::try_new(ty, &got).unwrap();
        for (nth, row) in rows[3..997].iter().enumerate() {
            match row {
                None => assert!(got.is_null(nth)),
                Some((values, shape)) => {
                    assert!(!got.is_null(nth));
                    assert_eq!(&*got.shape(nth), shape.as_slice());
                    let elements = got.elements().as_primitive::<Float32Type>();
                    assert_eq!(&elements.values()[got.range(nth)], values.as_slice());
                }
            }
        }
        // A column of the boxes, and one box that some rows lack.
        let slice = |text: &str, missing| Part::Slice {
            subscripts: lakebed_core::subscript::parse_list(text).unwrap(),
            missing,
        };
        let got =
            read(&dataset, "b", slice(":, 2", Missing::Error), Rows::List(vec![2, 3, 700])).await;
        let got = TensorArray::try_new(TensorType::tensor(DType::F32, vec![None]), &got).unwrap();
        let elements = got.elements().as_primitive::<Float32Type>();
        assert_eq!(&elements.values()[got.range(1)], &[302.0, 306.0, 310.0]);
        let got = read(&dataset, "b", slice("1, 0", Missing::Null), Rows::Range(0..4)).await;
        let got = got.as_primitive::<Float32Type>();
        assert_eq!(got.iter().collect::<Vec<_>>(), [None, None, Some(204.0), Some(304.0)]);
        let shapes = read(&dataset, "b", Part::Shape, Rows::Range(2..6)).await;
        let sizes = shapes.as_fixed_size_list();
        assert!(sizes.is_null(3));
        assert_eq!(&sizes.values().as_primitive::<Int32Type>().values()[..6], &[2, 4, 3, 4, 0, 4]);
        for (axis, expected) in [(0, [2, 3, 0, 0]), (1, [4, 4, 0, 4])] {
            let sizes = read(&dataset, "b", Part::Size { axis }, Rows::Range(2..6)).await;
            assert!(sizes.is_null(3));
            let sizes = sizes.as_primitive::<Int32Type>().values();
            let whole = shapes.as_fixed_size_list().values().as_primitive::<Int32Type>().clone();
            let whole: Vec<i32> = whole.values().iter().skip(axis).step_by(2).copied().collect();
            assert_eq!(sizes[..2], expected[..2]);
            assert_eq!(sizes.to_vec(), whole);
            let some = read(&dataset, "b", Part::Size { axis }, Rows::List(vec![2, 3, 7])).await;
            assert_eq!(some.as_primitive::<Int32Type>().values()[..2], expected[..2]);
        }
        let fragment = dataset.fragments().await.unwrap()[0].clone();
        let id = dataset.schema().column("b").unwrap().id;
        let request = ReadRequest {
            fragment,
            rows: Rows::Range(0..4),
            columns: vec![ColumnRead { column: id, part: slice("1, 0", Missing::Error) }],
        };
        let error = dataset.read(&request).await.unwrap_err().to_string();
        assert!(error.contains("'b', row 0") && error.contains("out of range"), "{error}");
    }
}

#[tokio::test]
async fn sequences_hold_texts_and_tensors() {
    let words = Column::text("words").sequence().nullable();
    let tracks = Column::tensor("tracks", DType::F32, &[None, Some(2)]).sequence();
    let item = Arc::new(TensorType::from_column(&Column::text("w")).to_field("item", true));
    let list = arrow::array::ListArray::try_new(
        item,
        OffsetBuffer::from_lengths([2, 0, 1, 3]),
        Arc::new(StringViewArray::from(vec![
            "a",
            "b",
            "hidden",
            "d",
            "",
            "a long text that is not inlined",
        ])),
        Some(NullBuffer::from(vec![true, true, false, true])),
    )
    .unwrap();
    let inner = TensorType::tensor(DType::F32, vec![None, Some(2)]);
    let values = ragged(
        &inner,
        &[
            Some((vec![1.0, 2.0], vec![1, 2])),
            Some((vec![], vec![0, 2])),
            Some((vec![3.0; 4], vec![2, 2])),
        ],
    );
    let tracks_list = arrow::array::ListArray::try_new(
        Arc::new(inner.to_field("item", true)),
        OffsetBuffer::from_lengths([1, 2, 0, 0]),
        values,
        None,
    )
    .unwrap();
    let schema = Schema::new(vec![words, tracks]).unwrap();
    let dataset =
        store("sequences", schema, vec![Arc::new(list.clone()), Arc::new(tracks_list.clone())])
            .await;
    let got = read(&dataset, "words", Part::Whole, Rows::Range(0..4)).await;
    let got = got.as_list::<i32>();
    assert!(got.is_null(2) && got.value_length(2) == 0);
    assert_eq!(got.value_length(1), 0);
    assert_eq!(got.value(3).as_string_view().value(2), "a long text that is not inlined");
    let got = read(&dataset, "tracks", Part::Whole, Rows::List(vec![1, 3])).await;
    let got = got.as_list::<i32>();
    assert_eq!((got.value_length(0), got.value_length(1)), (2, 0));
    assert_eq!(got.value(0).to_data(), tracks_list.value(1).to_data());
}

#[tokio::test]
async fn fixed_tensors_of_all_ranks_slice_like_numpy() {
    for ndim in 1..=8usize {
        let dims: Vec<Option<u32>> = (0..ndim).map(|axis| Some(2 + (axis % 2) as u32)).collect();
        let elements: usize = dims.iter().map(|d| d.unwrap() as usize).product();
        let column = Column::tensor("x", DType::I32, &dims);
        let ty = TensorType::from_column(&column);
        let rows = 300;
        let mut builder = TensorBuilder::<i32>::new(ndim);
        let shape: Vec<usize> = dims.iter().map(|d| d.unwrap() as usize).collect();
        for row in 0..rows {
            let values: Vec<i32> = (0..elements).map(|e| (row * elements + e) as i32).collect();
            builder.push(&values, &shape).unwrap();
        }
        let array = builder.finish::<Int32Type>(&ty).unwrap();
        for compression in [Compression::None, Compression::Lz4] {
            let column = column.clone().with_compression(compression);
            let name = format!("fixed-{ndim}-{compression}");
            let dataset =
                store(&name, Schema::new(vec![column]).unwrap(), vec![array.clone()]).await;
            let got = read(&dataset, "x", Part::Whole, Rows::Range(0..rows as u64)).await;
            assert_eq!(&got, &array);
            let part = Part::Slice {
                subscripts: vec![
                    Subscript::Slice { start: Some(-1), stop: None, step: Some(-1) },
                    Subscript::Rest,
                ],
                missing: Missing::Error,
            };
            let got = read(&dataset, "x", part, Rows::List(vec![7, 299])).await;
            let values = got.as_fixed_size_list().values().as_primitive::<Int32Type>();
            let inner = elements / 2;
            let first: Vec<i32> =
                (inner..elements).chain(0..inner).map(|e| (7 * elements + e) as i32).collect();
            assert_eq!(&values.values()[..elements], first.as_slice(), "{ndim} {compression}");
        }
    }
}

#[tokio::test]
async fn a_slice_of_a_tiled_image_reads_one_tile() {
    // The full size takes seconds with optimization and minutes without.
    let side = if cfg!(debug_assertions) { 4000usize } else { 12_000 };
    let column =
        Column::tensor("x", DType::U8, &[None, None, Some(3)]).with_compression(Compression::None);
    let ty = TensorType::from_column(&column);
    let pixel = |y: usize, x: usize, c: usize| ((y * 7 + x * 3 + c) % 251) as u8;
    let mut builder = TensorBuilder::<u8>::new(3);
    for y in 0..side {
        for x in 0..side {
            builder.elements_mut().extend((0..3).map(|c| pixel(y, x, c)));
        }
    }
    builder.finish_row(&[side, side, 3]).unwrap();
    builder.push(&[1, 2, 3], &[1, 1, 3]).unwrap();
    let array = builder.finish::<UInt8Type>(&ty).unwrap();
    let dataset = store("tiled", Schema::new(vec![column]).unwrap(), vec![array.clone()]).await;
    let part = Part::Slice {
        subscripts: lakebed_core::subscript::parse_list("2000:2010, 1000:1010, :").unwrap(),
        missing: Missing::Error,
    };
    // Once to fill the caches of metadata.
    read(&dataset, "x", Part::Shape, Rows::Range(0..1)).await;
    let before = dataset.metrics().snapshot();
    let got = read(&dataset, "x", part, Rows::Range(0..1)).await;
    let cost = dataset.metrics().since(before);
    assert_eq!(cost.requests(), 1);
    assert!(cost.bytes_read <= 1 << 20, "{cost:?}");
    let got = TensorArray::try_new(TensorType::tensor(DType::U8, vec![None, None, Some(3)]), &got)
        .unwrap();
    let values = got.elements().as_primitive::<UInt8Type>();
    for y in 0..10 {
        for x in 0..10 {
            for c in 0..3 {
                assert_eq!(values.value((y * 10 + x) * 3 + c), pixel(2000 + y, 1000 + x, c));
            }
        }
    }
    let whole = read(&dataset, "x", Part::Whole, Rows::Range(0..2)).await;
    assert_eq!(&whole, &array);
    let strided = Part::Slice {
        subscripts: lakebed_core::subscript::parse_list("::-1500, 100::1000, 1").unwrap(),
        missing: Missing::Error,
    };
    let got = read(&dataset, "x", strided, Rows::Range(0..1)).await;
    let got = TensorArray::try_new(TensorType::tensor(DType::U8, vec![None, None]), &got).unwrap();
    let expected = [side.div_ceil(1500), (side - 100).div_ceil(1000)];
    assert_eq!(&*got.shape(0), &expected);
    let values = got.elements().as_primitive::<UInt8Type>();
    assert_eq!(values.value(expected[1] + 1), pixel(side - 1 - 1500, 1100, 1));
}

#[tokio::test]
async fn wrong_samples_name_column_and_row() {
    let schema = Schema::new(vec![
        Column::tensor("x", DType::U8, &[None, None, Some(3)]),
        Column::json("j"),
    ])
    .unwrap();
    let dataset = Dataset::create("mem://wrong", schema, small()).await.unwrap();
    let ty = TensorType::tensor(DType::U8, vec![None, None, None]);
    let mut builder = TensorBuilder::<u8>::new(3);
    builder.push(&[0; 3], &[1, 1, 3]).unwrap();
    builder.push(&[0; 2], &[1, 1, 2]).unwrap();
    let x = builder.finish::<UInt8Type>(&ty).unwrap();
    let j: ArrayRef = Arc::new(StringViewArray::from(vec!["{}", "{"]));
    let fields = ArrowSchema::new(vec![ty.to_field("x", false), plain_field("j", &j)]);
    let mut writer = dataset.append().unwrap();
    let error = writer
        .write(&RecordBatch::try_new(Arc::new(fields), vec![x, j]).unwrap())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("'x', row 1"), "{error}");
    assert!(writer.commit("no").await.is_err());
    assert_eq!(dataset.refresh().await.unwrap().version(), 0);
    let mut writer = dataset.append().unwrap();
    let u: ArrayRef = Arc::new(UInt32Array::from(vec![1]));
    let fields = ArrowSchema::new(vec![plain_field("xx", &u)]);
    let error =
        writer.write(&RecordBatch::try_new(Arc::new(fields), vec![u]).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("did you mean 'x'"), "{error}");
}

fn plain_field(name: &str, array: &ArrayRef) -> arrow_schema::Field {
    arrow_schema::Field::new(name, array.data_type().clone(), false)
}
