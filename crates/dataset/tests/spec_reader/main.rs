//! A second reader, made from `crates/format/SPEC.md` alone, reads what the program writes: every
//! layout, encoding and codec, over several commits. It uses nothing of Lakebed (`arrow_form` and
//! this file do, to write); where it disagrees, the specification or the program is wrong.

#![allow(clippy::print_stdout, reason = "figures of a run")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]
#![allow(dead_code, reason = "a reader parses more than these tests look at")]

mod arrow_form;
mod bytes;
mod chunk;
mod dataset;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::Schema as ArrowSchema;
use arrow_schema::TimeUnit;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Folding;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;
use serde_json::json;

use arrow_form::array_of;
use chunk::Value;
use dataset::Reader;

/// Numbers that look random and are the same in every run.
fn noise(n: usize) -> u64 {
    let mut x = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03;
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 32)
}

fn scalar(bytes: impl AsRef<[u8]>) -> Value {
    Value::Elements(Vec::new(), bytes.as_ref().to_vec())
}

fn tensor(shape: &[usize], width: usize, of: impl Fn(usize) -> u64) -> Value {
    let count = shape.iter().product();
    let bytes = (0..count).flat_map(|e| of(e).to_le_bytes()[..width].to_vec()).collect();
    Value::Elements(shape.to_vec(), bytes)
}

fn text(text: impl Into<String>) -> Value {
    Value::Bytes(text.into().into_bytes())
}

fn picture(i: usize) -> Value {
    let shape = [5 + i % 7, 4 + i % 3, if i.is_multiple_of(2) { 3 } else { 1 }];
    let count = shape.iter().product::<usize>();
    let pixels: Vec<u8> = (0..count).map(|p| (p * 5 + i) as u8).collect();
    let of = Shape::new(&shape).unwrap();
    let file = match i % 3 {
        0 => lakebed_codec::media::encode_png(&of, &pixels).unwrap(),
        _ => lakebed_codec::media::encode_jpeg(&of, &pixels, 80).unwrap(),
    };
    Value::Media(shape.to_vec(), file)
}

/// A column and the sample of each row; `None` where it is null.
type Generator = (Column, Box<dyn Fn(usize) -> Option<Value>>);

fn generators() -> Vec<Generator> {
    let mut all: Vec<Generator> = Vec::new();
    let mut add = |column: Column, of: Box<dyn Fn(usize) -> Option<Value>>| all.push((column, of));
    let nulls = |i: usize, value: Value| (i % 7 != 3).then_some(value);
    // Integers whose shortest encodings differ.
    add(Column::scalar("constant", DType::I64), Box::new(|_| Some(scalar((-5i64).to_le_bytes()))));
    add(
        Column::scalar("packed", DType::U16),
        Box::new(|i| Some(scalar((noise(i) as u16).to_le_bytes()))),
    );
    let sorted = |i: usize| (i as u64 * 1_000_000_007 + noise(i) % 16).to_le_bytes();
    add(Column::scalar("delta", DType::U64), Box::new(move |i| Some(scalar(sorted(i)))));
    let runs = |i: usize| (noise(i / 500) as i32).to_le_bytes();
    add(Column::scalar("runs", DType::I32), Box::new(move |i| Some(scalar(runs(i)))));
    let few = |i: usize| noise((noise(i) % 5) as usize).to_le_bytes();
    add(Column::scalar("dictionary", DType::U64), Box::new(move |i| Some(scalar(few(i)))));
    let wide = |i: usize| noise(i).to_le_bytes();
    add(Column::scalar("wide", DType::I64), Box::new(move |i| Some(scalar(wide(i)))));
    // Every dtype, with nulls.
    for dtype in [
        DType::Bool,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F16,
        DType::F32,
        DType::F64,
        DType::Date,
        DType::Time,
        DType::Timestamp(TimeUnit::Nanosecond, Some("Europe/Berlin".into())),
        DType::Duration(TimeUnit::Second),
        DType::Decimal(30, 4),
    ] {
        let width = dtype.width().unwrap();
        let (is_bool, is_time) = (dtype == DType::Bool, dtype == DType::Time);
        let of = move |i: usize| {
            let number = match (is_bool, is_time) {
                (true, _) => i128::from(noise(i) % 2),
                (_, true) => i128::from(noise(i) % 86_400_000_000),
                _ => i128::from(noise(i) % 3000) - 1500,
            };
            nulls(i, scalar(&number.to_le_bytes()[..width]))
        };
        let column = Column::scalar(format!("s/{dtype}"), dtype).with_compression(Compression::Lz4);
        add(column.nullable(), Box::new(of));
    }
    for (name, compression) in
        [("none", Compression::None), ("lz4", Compression::Lz4), ("zstd", Compression::Zstd)]
    {
        let column = |kind: &str, column: Column| {
            Column { name: format!("{kind}/{name}"), ..column }.with_compression(compression)
        };
        let words = |i: usize| text("ß word ".repeat(i % 23) + &i.to_string());
        add(column("text", Column::text("").nullable()), Box::new(move |i| nulls(i, words(i))));
        let floats = |i: usize| {
            let of = move |e: usize| u64::from((i as f32 + e as f32 / 4.0).to_bits());
            tensor(&[i % 4, 4], 4, of)
        };
        let boxes = column("boxes", Column::boxes("", BoxFormat::Ltrb).nullable());
        add(boxes, Box::new(move |i| nulls(i, floats(i))));
        let fixed = Column::tensor("", DType::I16, &[Some(3), Some(2)]).nullable();
        let of = move |i: usize| nulls(i, tensor(&[3, 2], 2, move |e| (i * 3 + e) as u64));
        add(column("fixed", fixed), Box::new(of));
        let mask = |i: usize| tensor(&[i % 5, i % 3 * 2], 1, move |e| ((e + i) % 2) as u64);
        add(column("mask", Column::binary_mask("")), Box::new(move |i| Some(mask(i))));
        let list = |i: usize| Value::List((0..i % 4).map(|w| text(format!("{i} {w}"))).collect());
        let words = column("words", Column::text("").sequence().nullable());
        add(words, Box::new(move |i| nulls(i, list(i))));
        let track = |i: usize| {
            let item = |n: usize| tensor(&[n, 2], 8, move |e| ((i + e) as f64).to_bits());
            Value::List((0..i % 3).map(item).collect())
        };
        let tracks = Column::tensor("", DType::F64, &[None, Some(2)]).sequence();
        add(column("tracks", tracks), Box::new(move |i| Some(track(i))));
        // One sample above 8 MiB for each codec; nothing in the other rows.
        let large = Column::tensor("", DType::U8, &[None, None, Some(3)]).nullable();
        let of = |i: usize| {
            let pixel = |e: usize| (e as u64 / 3 % 251).wrapping_add(noise(e / 64) % 3);
            (i == 1700).then(|| tensor(&[2000, 1501, 3], 1, pixel))
        };
        add(column("large", large), Box::new(of));
    }
    add(
        Column::json("json"),
        Box::new(|i| Some(text(json!({"i": i, "list": [1, 2.5, "ü"]}).to_string()))),
    );
    let blob = |i: usize| Value::Bytes((0..i % 50).map(|b| noise(i + b) as u8).collect());
    add(Column::scalar("bytes", DType::Bytes), Box::new(move |i| Some(blob(i))));
    add(Column::image("images").nullable(), Box::new(move |i| nulls(i, picture(i))));
    // Images that differ from the first byte share nothing.
    let odd = |i: usize| {
        let Value::Media(shape, file) = picture(0) else { unreachable!() };
        Value::Media(shape, (0..60).map(|b| noise(i * 60 + b) as u8).chain(file).collect())
    };
    add(Column::image("apart").nullable(), Box::new(move |i| nulls(i, odd(i))));
    let album = |i: usize| Value::List((0..i % 4).map(|p| picture(i + p)).collect());
    add(Column::image("albums").sequence(), Box::new(move |i| Some(album(i))));
    let classes = vec!["cat".to_string(), "dog".to_string()];
    let label = |i: usize| (noise(i) as u32 % 2).to_le_bytes();
    add(Column::class_label("label", classes), Box::new(move |i| Some(scalar(label(i)))));
    let point = |i: usize| tensor(&[1; 8], 4, move |_| i as u64);
    add(Column::tensor("eight", DType::I32, &[Some(1); 8]), Box::new(move |i| Some(point(i))));
    all
}

fn batch(columns: &[Column], values: &BTreeMap<String, Vec<Value>>) -> RecordBatch {
    let columns = columns.iter().filter(|column| values.contains_key(&column.name));
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for column in columns {
        fields.push(TensorType::from_column(column).to_field(&column.name, column.nullable));
        arrays.push(array_of(column, &values[&column.name]));
    }
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

/// Reads a column with the program.
async fn with_the_program(dataset: &Dataset, column: &Column) -> Vec<arrow::array::ArrayRef> {
    let mut arrays = Vec::new();
    for fragment in dataset.fragments().await.unwrap().iter() {
        let columns = vec![ColumnRead { column: column.id, part: Part::Whole }];
        let (fragment, rows) = (fragment.clone(), Rows::Range(0..fragment.rows));
        let request = ReadRequest { fragment, rows, columns };
        arrays.push(dataset.read(&request).await.unwrap().column(0).clone());
    }
    arrays
}

/// Both readers, the one made from the specification and the program's, give what is expected.
async fn agrees(dataset: &Dataset, expected: &BTreeMap<String, Vec<Value>>) -> Reader {
    let reader = Reader::open(Path::new(dataset.url())).unwrap();
    let mut samples = 0;
    for column in &dataset.schema().columns {
        let expected = &expected[&column.name];
        let read = reader.column(&column.name).unwrap();
        assert_eq!(read.len(), expected.len(), "{}", column.name);
        for (row, (read, expected)) in read.iter().zip(expected).enumerate() {
            assert!(read == expected, "column {}, row {row}", column.name);
        }
        samples += read.len();
        let mut at = 0;
        for array in with_the_program(dataset, column).await {
            let wanted = array_of(column, &expected[at..at + array.len()]);
            assert!(array.to_data() == wanted.to_data(), "column {}", column.name);
            at += array.len();
        }
        assert_eq!(at, expected.len());
    }
    println!("{samples} samples of {} columns", reader.columns.len());
    reader
}

#[tokio::test]
async fn a_reader_made_from_the_specification_reads_everything() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { chunk_bytes: 32 << 10, ..Options::default() };
    let generators = generators();
    let schema =
        Schema::new(generators.iter().map(|(column, _)| column.clone()).collect()).unwrap();
    let url = folder.path().to_str().unwrap();
    let mut dataset = Dataset::create(url, schema, options.clone()).await.unwrap();
    let mut expected: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let commits = [0..1500usize, 1500..1501, 1501..2200];
    for rows in commits {
        let mut values = BTreeMap::new();
        for (column, of) in &generators {
            let samples: Vec<Value> =
                rows.clone().map(|row| of(row).unwrap_or(Value::Null)).collect();
            expected.entry(column.name.clone()).or_default().extend(samples.clone());
            values.insert(column.name.clone(), samples);
        }
        let mut writer = dataset.append().unwrap();
        writer.write(&batch(&dataset.schema().columns, &values)).await.unwrap();
        dataset = writer.commit(&format!("rows {rows:?}")).await.unwrap();
    }
    // Columns that the rows so far do not have.
    let classes = vec!["no".to_string(), "yes".to_string()];
    let one = |value: f32| {
        Value::Elements(vec![2, 2], (0..4).flat_map(|_| value.to_le_bytes()).collect())
    };
    let added = [
        (Column::text("added/null").nullable(), Value::Null),
        (Column::text("added/text").with_fill(json!("fill")), text("fill")),
        (
            Column::scalar("added/i16", DType::I16).with_fill(json!(-7)),
            scalar((-7i16).to_le_bytes()),
        ),
        (Column::scalar("added/bool", DType::Bool).with_fill(json!(true)), scalar([1])),
        (Column::json("added/json").with_fill(json!({"a": [1, 2]})), text("{\"a\":[1,2]}")),
        (
            Column::class_label("added/class", classes).with_fill(json!("yes")),
            scalar(1u32.to_le_bytes()),
        ),
        (
            Column::tensor("added/f32", DType::F32, &[Some(2), Some(2)])
                .with_fill(json!([[1.5, 1.5], [1.5, 1.5]])),
            one(1.5),
        ),
        (
            Column::tensor("added/ragged", DType::F32, &[None, None])
                .with_fill(json!([[1.5, 1.5], [1.5, 1.5]])),
            one(1.5),
        ),
    ];
    for (column, fill) in &added {
        dataset = dataset.add_column(column.clone(), "a column").await.unwrap();
        expected.insert(column.name.clone(), vec![fill.clone(); 2200]);
    }
    // Ten more rows that leave out what they may.
    let mut values = BTreeMap::new();
    for (column, of) in &generators {
        let sample = |row: usize| of(row).unwrap_or(Value::Null);
        let samples: Vec<Value> = match column.nullable {
            true => vec![Value::Null; 10],
            false => (2200..2210).map(sample).collect(),
        };
        expected.get_mut(&column.name).unwrap().extend(samples.clone());
        if !column.nullable {
            values.insert(column.name.clone(), samples);
        }
    }
    for (column, fill) in &added {
        expected.get_mut(&column.name).unwrap().extend(vec![fill.clone(); 10]);
    }
    let mut writer = dataset.append().unwrap();
    writer.write(&batch(&dataset.schema().columns, &values)).await.unwrap();
    dataset = writer.commit("ten").await.unwrap();

    let reader = agrees(&dataset, &expected).await;
    assert_eq!(reader.entry["number"], 3 + added.len() as u64 + 1);
    assert_eq!(reader.columns.len(), expected.len());
    let ids: Vec<u64> = reader.fragments.iter().map(|f| f.first_row_id).collect();
    assert_eq!(ids, [0, 1500, 1501, 2200]);
    let all = (0..=5).map(|n| format!("layout {n}"));
    let all = all
        .chain((0..=4).map(|n| format!("encoding {n}")))
        .chain((0..=2).map(|n| format!("codec {n}")))
        .chain(["prefixes".into()]);
    bytes::SEEN.with_borrow(|seen| {
        for what in all {
            assert!(seen.contains(&what), "{what} was not met: {seen:?}");
        }
    });
    // One manifest over the packs of those that have the same columns.
    let any = Folding { small_bytes: u64::MAX, target_bytes: u64::MAX, neighbours: 2 };
    let folded = dataset.fold(&any, "", |_, _| ()).await.unwrap();
    let reader = agrees(&folded, &expected).await;
    let ids: Vec<u64> = reader.fragments.iter().map(|f| f.first_row_id).collect();
    assert_eq!(ids, [0, 2200]);
    // An older version has fewer rows and columns.
    let older = Reader::open_at(folder.path(), 1).unwrap();
    assert_eq!(older.columns.len(), generators.len());
    let read = older.column("text/zstd").unwrap();
    assert!(read == expected["text/zstd"][..1500]);
}

#[tokio::test]
async fn the_reader_follows_a_tree_of_many_commits_and_a_large_schema() {
    let folder = tempfile::tempdir().unwrap();
    let mut columns = vec![Column::scalar("x", DType::U32)];
    columns
        .extend((0..80).map(|i| Column::text(format!("a/column/with/a/long/name/{i}")).nullable()));
    let url = folder.path().to_str().unwrap();
    let schema = Schema::new(columns).unwrap();
    let mut dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
    for i in 0..70u32 {
        let values =
            [("x".to_string(), vec![scalar(i.to_le_bytes()), scalar((i * 2).to_le_bytes())])];
        let mut writer = dataset.append().unwrap();
        writer.write(&batch(&dataset.schema().columns, &values.into())).await.unwrap();
        dataset = writer.commit("two").await.unwrap();
    }
    // More names than an entry has room for.
    for n in 0..300 {
        dataset = dataset.tag(&format!("a-tag-with-a-name-{n}"), "").await.unwrap();
    }
    dataset = dataset.delete_ref("a-tag-with-a-name-7", "").await.unwrap();
    let last = dataset.version();
    // A hint that is wrong only costs requests.
    std::fs::write(folder.path().join("hint"), b"nothing").unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.entry["number"], last);
    assert!(reader.entry["refs"].get("object").is_some());
    assert_eq!(reader.named("main").unwrap(), Some(last));
    for n in 0..300 {
        let found = reader.named(&format!("a-tag-with-a-name-{n}")).unwrap();
        assert_eq!(found, (n != 7).then_some(70 + n), "{n}");
    }
    assert!(reader.entry["schema"].get("object").is_some());
    assert!(!reader.entry["tree"]["levels"].as_array().unwrap().is_empty());
    let expected: Vec<Value> =
        (0..70u32).flat_map(|i| [scalar(i.to_le_bytes()), scalar((i * 2).to_le_bytes())]).collect();
    assert_eq!(reader.column("x").unwrap(), expected);
    assert_eq!(reader.column("a/column/with/a/long/name/79").unwrap(), vec![Value::Null; 140]);
}
