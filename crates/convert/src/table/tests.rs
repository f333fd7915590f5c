mod causes;

use std::path::Path;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryArray;
use arrow::array::Int64Array;
use arrow::array::ListArray;
use arrow::array::StringArray;
use arrow::array::StringViewArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt32Type;
use lakebed_core::DType;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;

use super::*;
use crate::columns::arrow_schema;
use crate::detect::detect_with;
use crate::export::BytesAs;
use crate::export::ExportFormat;
use crate::export::ExportOptions;
use crate::export::RaggedAs;
use crate::export::export;
use crate::options::OnError;
use crate::testing::All;
use crate::testing::jpeg;
use crate::testing::png;
use crate::testing::put;
use crate::testing::read;
use crate::testing::skip;

use arrow::record_batch::RecordBatch;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::cells::Cells;

async fn load(path: &Path, options: &ImportOptions) -> Result<All> {
    read(detect_with(path, options).await?, options).await
}

fn typed(types: &[(&str, &str)]) -> ImportOptions {
    let types = types.iter().map(|(name, ty)| (name.to_string(), ty.parse().unwrap()));
    ImportOptions { types: types.collect(), ..ImportOptions::default() }
}

async fn write(path: &Path, batches: &[RecordBatch], options: &ExportOptions) {
    let stream = futures::stream::iter(batches.iter().cloned().map(Ok::<_, crate::Error>));
    let format = ExportFormat::from_path(path).unwrap();
    let schema = batches[0].schema();
    let done = export(format, schema, stream, path, options, &|_| {}).await.unwrap();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(done.rows, u64::try_from(rows).unwrap());
    assert_eq!(done.file_bytes, std::fs::metadata(path).unwrap().len());
}

/// A column of every form, with nulls and empties, as rows `from..from + 4`.
fn everything(from: u8) -> RecordBatch {
    let columns = vec![
        Column::scalar("i", DType::I64).nullable(),
        Column::scalar("half", DType::F16),
        Column::text("text").nullable(),
        Column::json("json"),
        Column::scalar("when", DType::Timestamp(arrow_schema::TimeUnit::Microsecond, None)),
        Column::tensor("fixed", DType::F32, &[Some(2), Some(2)]).nullable(),
        Column::boxes("boxes", BoxFormat::Ltrb).nullable(),
        Column::class_labels("labels", vec!["ant".into(), "bee".into()]),
        Column::image("images").nullable(),
        Column::text("words").sequence(),
    ];
    let schema = Schema::new(columns).unwrap();
    let ty = |name: &str| TensorType::from_column(schema.column(name).unwrap());
    let mut half = TensorBuilder::new(0);
    let mut fixed = TensorBuilder::new(2);
    let mut boxes = TensorBuilder::new(2);
    let mut labels = TensorBuilder::new(1);
    for row in 0..4u8 {
        half.push(&[half::f16::from_f32(f32::from(row) / 4.0)], &[]).unwrap();
        let value = f32::from(from + row) + 0.1;
        if row == 2 {
            fixed.push_null(lakebed_core::Shape::new(&[2, 2]).as_ref()).unwrap();
            boxes.push_null(None).unwrap();
        } else {
            fixed.push(&[value, 1e-30, f32::NAN, f32::INFINITY], &[2, 2]).unwrap();
            let count = usize::from(row);
            boxes.push(&vec![value; count * 4], &[count, 4]).unwrap();
        }
        let codes: Vec<u32> = (0..row).map(|at| u32::from(at % 2)).collect();
        labels.push(&codes, &[codes.len()]).unwrap();
    }
    let picture =
        |seed: u8| Some(crate::media::EncodedImage { bytes: png(4, 3, seed), shape: [3, 4, 3] });
    let images = [picture(from), None, picture(1), picture(2)];
    let words = cells::array(
        schema.column("words").unwrap(),
        vec![
            cells::Cell::Texts(vec!["a, \"b\"\n".into(), String::new()]),
            cells::Cell::Texts(vec![]),
            cells::Cell::Texts(vec!["ü".into()]),
            cells::Cell::Texts(vec![]),
        ],
    );
    let i = i64::from(from);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(i64::MIN), Some(i)])),
        half.finish::<arrow::datatypes::Float16Type>(&ty("half")).unwrap(),
        Arc::new(StringViewArray::from(vec![Some("x\ny,\""), None, Some("z"), Some("007")])),
        Arc::new(StringViewArray::from(vec!["{\"a\":[1,2]}", "[]", "1", "\"s\""])),
        Arc::new(TimestampMicrosecondArray::from(vec![0, 1, -1, 1_700_000_000_000_000])),
        fixed.finish::<arrow::datatypes::Float32Type>(&ty("fixed")).unwrap(),
        boxes.finish::<arrow::datatypes::Float32Type>(&ty("boxes")).unwrap(),
        labels.finish::<UInt32Type>(&ty("labels")).unwrap(),
        cells::image_array(&ty("images"), images.into_iter()).unwrap(),
        words.unwrap(),
    ];
    RecordBatch::try_new(arrow_schema(&schema), arrays).unwrap()
}

/// Columns equal by value: null rows may hold anything.
fn same(found: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(found.num_rows(), expected.num_rows());
    for (index, field) in expected.schema().fields().iter().enumerate() {
        let schema = found.schema();
        let (place, own) = schema.column_with_name(field.name()).unwrap();
        assert_eq!(own.data_type(), field.data_type(), "{}", field.name());
        // Each by its own names of classes.
        let found = Cells::new(own, found.column(place)).unwrap();
        let expected = Cells::new(field, expected.column(index)).unwrap();
        for row in 0..expected.len() {
            // NaN is equal to itself here: it is text in JSON.
            assert_eq!(found.json(row), expected.json(row), "{}, row {row}", field.name());
        }
    }
}

#[tokio::test]
async fn arrow_formats_hold_everything() {
    let folder = tempfile::tempdir().unwrap();
    let batches = [everything(0), everything(10), everything(20)];
    let expected = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    for name in ["x.parquet", "x.arrows"] {
        let path = folder.path().join(name);
        let groups = ExportOptions { row_group_bytes: 1, ..ExportOptions::default() };
        write(&path, &batches, &groups).await;
        let small = ImportOptions { batch_rows: 5, ..ImportOptions::default() };
        let all = load(&path, &small).await.unwrap();
        same(&all.batch(), &expected);
        let fields = expected.schema();
        for (column, field) in all.schema.columns.iter().zip(fields.fields()) {
            let ty = TensorType::from_field(field).unwrap();
            assert_eq!(TensorType::from_column(column), ty, "{name}: {}", field.name());
        }
    }
}

#[tokio::test]
async fn text_formats_hold_everything_with_its_types_told() {
    let folder = tempfile::tempdir().unwrap();
    let batches = [everything(0), everything(10)];
    let expected = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    let options = ExportOptions { bytes: BytesAs::Base64, ..ExportOptions::default() };
    let mut types = typed(&[
        ("i", "i64"),
        ("half", "f16"),
        ("when", "timestamp(us)"),
        ("fixed", "f32[2,2]"),
        ("boxes", "f32[?,4]"),
        ("labels", "class_label"),
        ("json", "json"),
    ]);
    types.batch_rows = 3;
    let path = folder.path().join("x.jsonl");
    write(&path, &batches, &options).await;
    same(&load(&path, &types).await.unwrap().batch(), &expected);
    let path = folder.path().join("x.csv");
    write(&path, &batches, &options).await;
    let all = load(&path, &types).await.unwrap().batch();
    // CSV has no null text.
    assert_eq!(all.column_by_name("text").unwrap().as_string_view().value(1), "");
    let without = |batch: &RecordBatch| batch.project(&[0, 1, 3, 4, 5, 6, 7, 8, 9]).unwrap();
    same(&all, &without(&expected));
    // Bytes are refused unless asked for.
    let stream = futures::stream::iter([Ok::<_, crate::Error>(batches[0].clone())]);
    let schema = batches[0].schema();
    let plain = ExportOptions::default();
    let path = folder.path().join("y.csv");
    let error = export(ExportFormat::Csv, schema, stream, &path, &plain, &|_| {}).await;
    assert!(error.unwrap_err().to_string().contains("'images'"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn numpy_holds_fixed_columns_and_parts_of_ragged_ones() {
    let folder = tempfile::tempdir().unwrap();
    let ty = TensorType::tensor(DType::F32, vec![Some(2)]);
    let mut fixed = TensorBuilder::new(1);
    let ragged_type = TensorType::tensor(DType::U8, vec![None, None]);
    let mut ragged = TensorBuilder::new(2);
    for row in 0..3u8 {
        fixed.push(&[f32::from(row), 0.5], &[2]).unwrap();
        ragged.push(&vec![row; usize::from(row) * 2], &[usize::from(row), 2]).unwrap();
    }
    let fields = vec![ty.to_field("f", false), ragged_type.to_field("r", false)];
    let schema = Arc::new(arrow_schema::Schema::new(fields));
    let arrays = vec![
        fixed.finish::<Float32Type>(&ty).unwrap(),
        ragged.finish::<UInt8Type>(&ragged_type).unwrap(),
    ];
    let batch = RecordBatch::try_new(schema, arrays).unwrap();
    let batches = [batch.slice(0, 1), batch.slice(1, 2)];
    let one: Vec<_> = batches.iter().map(|batch| batch.project(&[0]).unwrap()).collect();
    let path = folder.path().join("f.npy");
    write(&path, &one, &ExportOptions::default()).await;
    let all = load(&path, &ImportOptions { batch_rows: 2, ..ImportOptions::default() }).await;
    same(&all.unwrap().batch(), &batch.project(&[0]).unwrap());

    let path = folder.path().join("x.npz");
    let parts = ExportOptions { ragged: RaggedAs::Parts, ..ExportOptions::default() };
    write(&path, &batches, &parts).await;
    // Parts have lengths of their own, so they are named and refused as columns.
    let error = load(&path, &ImportOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("'f' has 3 rows and 'r.data' has 6"), "{error}");
    let stream = futures::stream::iter([Ok::<_, crate::Error>(batch.clone())]);
    let schema = batch.schema();
    let path = folder.path().join("y.npz");
    let plain = ExportOptions::default();
    let error = export(ExportFormat::Npz, schema, stream, &path, &plain, &|_| {}).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("column 'r', row 1: its shape is [1, 2], and of the rows before [0, 2]")
    );
    // Rows that may differ, and do not.
    let one = batch.slice(1, 1);
    write(&path, &[one.clone(), one], &plain).await;
    let all = load(&path, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.schema.columns[1].dims, [Some(1), Some(2)]);
    assert_eq!(all.batch().num_rows(), 2);
}

#[tokio::test]
async fn types_are_inferred_and_overridden() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "x.csv",
        "n,f,t,v,label,code\n1,1.5,a,\"[1,2]\",dog,007\n,2,b,[],cat,1\n-3,NaN,,[3],dog,2\n",
    );
    let path = folder.path().join("x.csv");
    let all = load(&path, &typed(&[("label", "class_label"), ("t", "skip")])).await.unwrap();
    assert_eq!(all.names(), ["n", "f", "v", "label", "code"]);
    let batch = all.batch();
    let numbers = batch.column(0).as_primitive::<Int64Type>();
    assert_eq!(numbers.iter().collect::<Vec<_>>(), [Some(1), None, Some(-3)]);
    assert!(batch.column(1).as_primitive::<Float64Type>().value(2).is_nan());
    assert_eq!(all.schema.columns[2].dims, [None]);
    assert_eq!(all.schema.columns[3].classes, ["cat", "dog"]);
    let codes = batch.column(3).as_primitive::<UInt32Type>();
    assert_eq!(codes.values().to_vec(), [1, 0, 1]);
    assert_eq!(all.texts("code")[0].as_deref(), Some("007"));
    let error = load(&path, &typed(&[("lable", "i64")])).await.unwrap_err().to_string();
    assert!(error.contains("did you mean 'label'"), "{error}");
}

#[tokio::test]
async fn bad_rows_are_named_or_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "{\"x\": 1}\nno\n{\"x\": \"a\"}\n\n{\"x\": 300}\n{\"x\": 2}";
    put(folder.path(), "x.jsonl", lines);
    let path = folder.path().join("x.jsonl");
    let mut options = typed(&[("x", "u8")]);
    let error = load(&path, &options).await.unwrap_err().to_string();
    assert!(error.starts_with("x.jsonl: line 2: it is no JSON"), "{error}");
    options.on_error = OnError::Skip;
    let all = load(&path, &options).await.unwrap();
    assert_eq!(all.batch().column(0).as_primitive::<UInt8Type>().values().to_vec(), [1, 2]);
    let causes: Vec<String> = all.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(causes.len(), 3);
    assert_eq!(causes[1], "x.jsonl: line 3, column 'x': \"a\" is not u8");
    assert_eq!(causes[2], "x.jsonl: line 5, column 'x': 300 is not u8");
}

#[tokio::test]
async fn keys_that_come_late_are_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "x.jsonl",
        "{\"i\": 1}\n{\"i\": 2}\n{\"i\": 3}\n{\"i\": 4, \"label\": \"cat\"}\n",
    );
    let path = folder.path().join("x.jsonl");
    let few = |types: &[(&str, &str)]| {
        let mut options = typed(types);
        options.infer_rows = 2;
        options
    };
    let error = load(&path, &few(&[])).await.unwrap_err().to_string();
    assert!(error.starts_with("x.jsonl: line 4: the key 'label'"), "{error}");
    assert!(error.contains("--type label=text"), "{error}");
    let mut skipping = few(&[]);
    skipping.on_error = OnError::Skip;
    let left = load(&path, &skipping).await.unwrap();
    assert_eq!((left.batch().num_rows(), left.skipped.len()), (3, 1));
    let all = load(&path, &few(&[("label", "text")])).await.unwrap();
    assert_eq!(all.batch().num_rows(), 4);
    assert_eq!(all.texts("label")[2..], [None, Some("cat".to_string())]);
    let classes = load(&path, &few(&[("label", "class_label")])).await.unwrap();
    assert_eq!(classes.schema.columns[1].classes, ["cat"]);
    let without = load(&path, &few(&[("label", "skip")])).await.unwrap();
    assert_eq!((without.batch().num_rows(), without.batch().num_columns()), (4, 1));
}

#[tokio::test]
async fn columns_of_other_programs_become_ours() {
    let folder = tempfile::tempdir().unwrap();
    let files = [jpeg(8, 8, 1), png(4, 4, 2), jpeg(8, 8, 3)];
    let mut damaged = files[2].clone();
    damaged.truncate(files[2].len() / 2);
    let files: Vec<&[u8]> = vec![&files[0], &files[1], &damaged];
    let lists = ListArray::from_iter_primitive::<Float32Type, _, _>([
        Some(vec![Some(1.0)]),
        None,
        Some(vec![Some(1.0), None]),
    ]);
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("picture", Arc::new(BinaryArray::from(files)) as ArrayRef, true),
        ("v", Arc::new(lists) as ArrayRef, true),
        ("s", Arc::new(StringArray::from(vec!["a", "b", "c"])) as ArrayRef, false),
    ])
    .unwrap();
    let path = folder.path().join("x.parquet");
    write(&path, &[batch], &ExportOptions::default()).await;
    let all = load(&path, &skip()).await.unwrap();
    assert_eq!(all.schema.columns[0], Column::image("picture").nullable());
    assert_eq!(all.schema.columns[1], Column::tensor("v", DType::F32, &[None]).nullable());
    assert_eq!(all.batch().num_rows(), 2);
    assert_eq!(all.skipped.len(), 1);
    assert!(all.skipped[0].cause.starts_with("row 2, column 'picture'"), "{}", all.skipped[0]);
}

#[tokio::test]
async fn damaged_files_are_errors_and_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let batch = everything(0).project(&[0, 5]).unwrap();
    let scalar = {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        RecordBatch::try_from_iter_with_nullable([("x", values, false)]).unwrap()
    };
    for (name, batch) in [("x.parquet", &batch), ("x.arrows", &batch), ("x.npz", &scalar)] {
        let path = folder.path().join(name);
        write(&path, std::slice::from_ref(batch), &ExportOptions::default()).await;
        let whole = std::fs::read(&path).unwrap();
        let expected = load(&path, &ImportOptions::default()).await.unwrap().batch();
        for end in (0..whole.len()).step_by(37) {
            std::fs::write(&path, &whole[..end]).unwrap();
            // A stream may end between two messages; everything else is an error.
            if let Ok(all) = load(&path, &ImportOptions::default()).await {
                assert!(name == "x.arrows" && all.batches.len() <= 1, "{name} cut at {end}");
            }
        }
        let mut found = 0;
        for place in (0..whole.len()).step_by(11) {
            let mut bytes = whole.clone();
            bytes[place] ^= 0xff;
            std::fs::write(&path, &bytes).unwrap();
            match load(&path, &ImportOptions::default()).await {
                Ok(all) => assert!(all.batch().num_rows() <= expected.num_rows() * 2),
                Err(_) => found += 1,
            }
        }
        assert!(found > 0, "{name}");
    }
}

#[tokio::test]
async fn bombs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let header = (0..1_000_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    put(folder.path(), "wide.csv", header);
    let error = load(&folder.path().join("wide.csv"), &ImportOptions::default()).await;
    assert!(error.unwrap_err().to_string().contains("1000000 columns"));
    let header = crate::npy::Header::new(DType::F64, vec![1 << 40, 1 << 20]);
    put(folder.path(), "long.npy", header.to_bytes().unwrap());
    let error = load(&folder.path().join("long.npy"), &ImportOptions::default()).await;
    assert!(error.unwrap_err().to_string().contains("promises"));
    let mut stream = vec![0xff; 4];
    stream.extend(u32::MAX.to_le_bytes());
    put(folder.path(), "long.arrows", stream);
    let error = load(&folder.path().join("long.arrows"), &ImportOptions::default()).await;
    assert!(error.unwrap_err().to_string().contains("cut off"));
}

#[tokio::test]
async fn a_quote_that_is_never_closed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "x.csv", format!("a,b\n1,2\n\"{}", "x,\n".repeat(10_000)));
    let mut options = ImportOptions::default();
    options.limits.max_page_bytes = 10_000;
    let error = load(&folder.path().join("x.csv"), &options).await.unwrap_err().to_string();
    assert!(error.contains("max_page_bytes"), "{error}");
    assert!(error.contains("line 3, column 1"), "{error}");
    // As long in all, but not in one record.
    put(folder.path(), "x.csv", format!("a,b\n{}", "1,2\n".repeat(10_000)));
    let all = load(&folder.path().join("x.csv"), &options).await.unwrap();
    assert_eq!(all.batch().num_rows(), 10_000);
}

#[tokio::test]
async fn a_quote_that_is_open_at_the_end_is_named_by_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let open_quotes = [
        ("a,b\n1,\"x\ny\"\n2,\"z\n3,w\n", "x.csv: line 4, column 2: "),
        ("a,b\n1,\"say \"\"no\"\"\n2,w\n", "x.csv: line 2, column 2: "),
        ("\u{feff}\"a,b\n1,2\n", "x.csv: line 1, column 1: "),
    ];
    for (text, place) in open_quotes {
        put(folder.path(), "x.csv", text);
        // A quote that is never closed has no next row to go on with.
        for options in [ImportOptions::default(), skip()] {
            let error = load(&path, &options).await.unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
            assert!(error.contains("never closed"), "{error}");
        }
    }
    // Far behind the rows that types are inferred from.
    put(folder.path(), "x.csv", format!("a,b\n{}5,\"x\n6,y\n", "1,2\n".repeat(20_000)));
    let error = load(&path, &ImportOptions::default()).await.unwrap_err().to_string();
    assert!(error.starts_with("x.csv: line 20002, column 2: "), "{error}");
    // Quotes inside of a cell that does not begin with one are text.
    put(folder.path(), "x.csv", "\u{feff}\"a\",b\r\n5\" x,\"y\"\"\"\r\n");
    let all = load(&path, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.texts("a"), [Some("5\" x".to_string())]);
    assert_eq!(all.texts("b"), [Some("y\"".to_string())]);
}

#[tokio::test]
async fn lengths_that_a_stream_only_claims_are_refused() {
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::IpcWriteOptions;
    use arrow_ipc::writer::StreamWriter;

    let folder = tempfile::tempdir().unwrap();
    let values: ArrayRef = Arc::new(Int64Array::from(vec![7i64; 1000]));
    let batch = RecordBatch::try_from_iter_with_nullable([("x", values, false)]).unwrap();
    let lz4 = Some(CompressionType::LZ4_FRAME);
    let options = IpcWriteOptions::default().try_with_compression(lz4).unwrap();
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let whole = writer.into_inner().unwrap();
    let path = folder.path().join("x.arrows");
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(load(&path, &ImportOptions::default()).await.unwrap().batch(), batch);
    // The buffer says how long it is when unpacked; now it says 2^62.
    let front = 8000i64.to_le_bytes();
    let places: Vec<usize> =
        (0..whole.len() - 8).filter(|at| whole[*at..*at + 8] == front).collect();
    assert_eq!(places.len(), 1, "{places:?}");
    let mut bytes = whole.clone();
    bytes[places[0]..places[0] + 8].copy_from_slice(&(1i64 << 62).to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let error = load(&path, &ImportOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("when unpacked"), "{error}");
    // The batch says how many rows it has, and its column says it again.
    let mut bytes = whole.clone();
    let rows = 1000i64.to_le_bytes();
    for at in 0..bytes.len() - 8 {
        if bytes[at..at + 8] == rows {
            bytes[at..at + 8].copy_from_slice(&(1i64 << 60).to_le_bytes());
        }
    }
    std::fs::write(&path, &bytes).unwrap();
    let error = load(&path, &ImportOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("says to have"), "{error}");
}

/// Batches stay within their budget, whatever the file holds.
#[tokio::test]
async fn batches_stay_within_their_budget() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("{{\"x\": [{}]}}\n", vec!["1.5"; 1000].join(","));
    put(folder.path(), "x.jsonl", line.repeat(200));
    let options = ImportOptions { batch_bytes: 64 << 10, ..ImportOptions::default() };
    let all = load(&folder.path().join("x.jsonl"), &options).await.unwrap();
    assert_eq!(all.batch().num_rows(), 200);
    assert!(all.batches.iter().all(|batch| batch.num_rows() <= 9), "{}", all.batches.len());
    let path = folder.path().join("x.parquet");
    write(&path, &all.batches, &ExportOptions::default()).await;
    let all = load(&path, &options).await.unwrap();
    assert!(all.batches.len() >= 10, "{}", all.batches.len());
}
