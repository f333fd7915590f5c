//! What a dataset of small images takes on disk, and what one of them costs to read.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and says its figures"
)]

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::RecordBatch;
use arrow::array::StructArray;
use arrow_schema::DataType;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::Column;
use lakebed_core::Schema;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

fn batch(schema: &Schema, files: &[Vec<u8>]) -> RecordBatch {
    let ty = TensorType::from_column(&schema.columns[0]);
    let DataType::Struct(fields) = ty.data_type() else { panic!() };
    let data: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(files));
    let shapes = shape_array([32, 32, 3].repeat(files.len()), 3, files.len()).unwrap();
    let images = StructArray::try_new(fields, vec![data, shapes], None).unwrap();
    let field = ty.to_field(&schema.columns[0].name, false);
    RecordBatch::try_new(Arc::new(ArrowSchema::new(vec![field])), vec![Arc::new(images)]).unwrap()
}

#[tokio::test]
async fn cifar_10_takes_less_than_two_fifths_of_its_files() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cifar10/test");
    if !source.is_dir() {
        println!("skipped: {} is not there", source.display());
        return;
    }
    let mut paths = Vec::new();
    files_below(&source, &mut paths);
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let total: usize = files.iter().map(Vec::len).sum();
    let folder = tempfile::tempdir().unwrap();
    let schema = Schema::new(vec![Column::image("image")]).unwrap();
    let url = folder.path().to_str().unwrap();
    let dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
    let mut writer = dataset.append().unwrap();
    for files in files.chunks(500) {
        writer.write(&batch(dataset.schema(), files)).await.unwrap();
    }
    let dataset = writer.commit("CIFAR-10").await.unwrap();
    let mut objects = Vec::new();
    files_below(folder.path(), &mut objects);
    let stored: u64 = objects.iter().map(|path| path.metadata().unwrap().len()).sum();
    println!("{} files of {total} bytes take {stored}", files.len());
    assert!(stored * 10 < u64::try_from(total).unwrap() * 4, "{stored} of {total} bytes");

    let fragment = dataset.fragments().await.unwrap()[0].clone();
    let read = |rows| {
        let column = dataset.schema().columns[0].id;
        let columns = vec![ColumnRead { column, part: Part::Whole }];
        let request = ReadRequest { fragment: fragment.clone(), rows, columns };
        let dataset = dataset.clone();
        async move { dataset.read(&request).await.unwrap().column(0).clone() }
    };
    let all = read(Rows::Range(0..fragment.rows)).await;
    let all = all.as_struct().column(0).as_binary_view();
    assert!(all.iter().map(Option::unwrap).eq(files.iter().map(Vec::as_slice)));
    // One of them, with the directory in the cache, is one small range.
    let before = dataset.metrics().snapshot();
    let one = read(Rows::List(vec![1234])).await;
    let cost = dataset.metrics().since(before);
    assert_eq!(one.as_struct().column(0).as_binary_view().value(0), files[1234]);
    assert_eq!(cost.requests(), 1);
    assert!(cost.bytes_read < 600, "{cost:?}");
}
