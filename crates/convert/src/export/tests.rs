use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;

use arrow::array::ArrayRef;
use arrow::array::Int64Array;
use arrow::array::StringViewArray;
use lakebed_core::DType;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;

use super::*;

fn batch(values: Vec<i64>) -> RecordBatch {
    let array: ArrayRef = Arc::new(Int64Array::from(values));
    RecordBatch::try_from_iter_with_nullable([("x", array, false)]).unwrap()
}

async fn run(path: &Path, fail: bool, options: &ExportOptions) -> Result<Exported> {
    let mut items = vec![Ok(batch(vec![1, 2])), Ok(batch(vec![3]))];
    if fail {
        items.push(Err("the query failed"));
    }
    let format = ExportFormat::from_path(path)?;
    let schema = batch(vec![]).schema();
    export(format, schema, futures::stream::iter(items), path, options, &|_| {}).await
}

#[tokio::test]
async fn a_destination_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    let plain = ExportOptions::default();
    let error = run(&path, true, &plain).await.unwrap_err();
    assert!(matches!(error, Error::Rows(_)), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let done = run(&path, false, &plain).await.unwrap();
    assert_eq!((done.rows, done.path.as_path()), (3, path.as_path()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"x\":1}\n{\"x\":2}\n{\"x\":3}\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    std::fs::write(&path, "mine").unwrap();
    let error = run(&path, false, &plain).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let over = ExportOptions { overwrite: true, ..plain };
    run(&path, true, &over).await.unwrap_err();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    run(&path, false, &over).await.unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("{\"x\":1}"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(&folder.path().join("x.xyz"), false, &ExportOptions::default()).await;
    assert!(error.unwrap_err().to_string().contains(".parquet"));
    let path = folder.path().join("missing/x.csv");
    let error = run(&path, false, &ExportOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    let other: ArrayRef = Arc::new(StringViewArray::from(vec!["a"]));
    let other = RecordBatch::try_from_iter_with_nullable([("x", other, false)]).unwrap();
    let stream = futures::stream::iter([Ok::<_, BoxError>(other)]);
    let path = folder.path().join("x.csv");
    let schema = batch(vec![]).schema();
    let options = ExportOptions::default();
    let error = export(ExportFormat::Csv, schema, stream, &path, &options, &|_| {}).await;
    assert!(error.unwrap_err().to_string().contains("Utf8View"));
}

#[tokio::test]
async fn progress_counts_rows() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Mutex::new(Vec::new());
    let items = [batch(vec![1, 2]), batch(vec![]), batch(vec![3])];
    let stream = futures::stream::iter(items.map(Ok::<_, BoxError>));
    let progress = |at: ExportProgress| seen.lock().unwrap().push((at.rows, at.bytes));
    let (path, options) = (folder.path().join("x.parquet"), ExportOptions::default());
    let schema = batch(vec![]).schema();
    export(ExportFormat::Parquet, schema, stream, &path, &options, &progress).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(2, 16), (3, 24)]);
}

#[test]
fn names_and_extensions_read_back() {
    for name in ExportFormat::names() {
        let format: ExportFormat = name.parse().unwrap();
        assert_eq!(format.name(), name);
        let path = format!("a.b.{}", name.to_uppercase());
        assert_eq!(ExportFormat::from_path(Path::new(&path)).unwrap(), format);
    }
}

/// Tensors are tensors to pyarrow too, and images are their files.
#[tokio::test]
async fn pyarrow_reads_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let ty = TensorType::tensor(DType::F32, vec![Some(2), Some(3)]);
    let mut tensors = TensorBuilder::new(2);
    tensors.push(&[0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0], &[2, 3]).unwrap();
    tensors.push(&[6.5f32; 6], &[2, 3]).unwrap();
    let ragged_type = TensorType::tensor(DType::I16, vec![None, Some(2)]);
    let mut ragged = TensorBuilder::new(2);
    ragged.push(&[7i16, 8], &[1, 2]).unwrap();
    ragged.push(&[1i16, 2, 3, 4], &[2, 2]).unwrap();
    let fields = vec![ty.to_field("t", false), ragged_type.to_field("r", false)];
    let schema = Arc::new(arrow_schema::Schema::new(fields));
    let arrays = vec![
        tensors.finish::<arrow::datatypes::Float32Type>(&ty).unwrap(),
        ragged.finish::<arrow::datatypes::Int16Type>(&ragged_type).unwrap(),
    ];
    let rows = RecordBatch::try_new(SchemaRef::clone(&schema), arrays).unwrap();
    let program = "import sys\n\
        try:\n import pyarrow as p, pyarrow.ipc, pyarrow.parquet as q\n\
        except ImportError: sys.exit(77)\n\
        tables = [q.read_table(sys.argv[1]), p.ipc.open_stream(sys.argv[2]).read_all()]\n\
        for table in tables:\n \
         t = table.column('t').combine_chunks()\n \
         assert t.type.extension_name == 'arrow.fixed_shape_tensor', t.type\n \
         assert isinstance(t.type, p.FixedShapeTensorType), t.type\n \
         assert t.to_numpy_ndarray().tolist() == [[[0, 1, 2], [3, 4, 5]], [[6.5] * 3] * 2], t\n \
         r = table.column('r').to_pylist()\n \
         assert r[1] == {'data': [1, 2, 3, 4], 'shape': [2, 2]}, r\n";
    let paths = ["x.parquet", "x.arrows"].map(|name| folder.path().join(name));
    for path in &paths {
        let stream = futures::stream::iter([Ok::<_, BoxError>(rows.clone())]);
        let (format, options) = (ExportFormat::from_path(path).unwrap(), ExportOptions::default());
        let schema = SchemaRef::clone(&schema);
        export(format, schema, stream, path, &options, &|_| {}).await.unwrap();
    }
    match Command::new("python3").arg("-c").arg(program).args(&paths).output() {
        Ok(output) if output.status.code() != Some(77) => {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{error}");
        }
        _ => println!("skipped: python3 with pyarrow is not there"),
    }
}
