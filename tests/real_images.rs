//! The main job on real input: BCCD and CIFAR-10, ingested and asked, in TQL and in SQL.
//!
//! Skips with a message where `../shared/data` is not there.

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

use std::path::Path;
use std::path::PathBuf;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::datatypes::UInt8Type;
use lakebed::codec::media;
use lakebed::convert;
use lakebed::core::Limits;
use lakebed::core::Region;
use lakebed::core::TensorArray;
use lakebed::core::TensorType;
use lakebed::core::subscript;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Session;

fn real(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !folder.exists() {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

async fn ingested(folder: &Path, url: &str) -> (Session, convert::Report) {
    let source = convert::detect(folder).await.unwrap();
    let dataset = Dataset::create(url, source.schema().clone(), Options::default()).await.unwrap();
    let options = convert::ImportOptions::default();
    let report = convert::ingest(source, &dataset, &options, &|_| {}).await.unwrap();
    let session = Session::new().unwrap();
    session.register("ds", report.dataset.clone());
    session.set_current(report.dataset.clone());
    (session, report)
}

async fn tql(session: &Session, text: &str) -> RecordBatch {
    let query = session.tql(text).await.unwrap_or_else(|e| panic!("{}", e.render(text)));
    let batches = query.collect().await.unwrap_or_else(|e| panic!("{}", e.render(text)));
    concat_batches(&query.schema(), &batches).unwrap()
}

async fn sql(session: &Session, text: &str) -> RecordBatch {
    let query = session.sql(text).await.unwrap_or_else(|e| panic!("{}", e.render(text)));
    let batches = query.collect().await.unwrap_or_else(|e| panic!("{}", e.render(text)));
    concat_batches(&query.schema(), &batches).unwrap()
}

fn number(batch: &RecordBatch) -> i64 {
    assert_eq!(batch.num_rows(), 1);
    batch.column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn bccd_answers_in_tql_and_sql() {
    let Some(folder) = real("bccd") else { return };
    let (session, report) = ingested(&folder, "mem://bccd").await;
    assert_eq!(report.rows, 364);
    let without_area: Vec<_> =
        report.warnings.iter().filter(|w| w.to_string().contains("no area")).collect();
    assert_eq!(without_area.len(), 2, "{:?}", report.warnings);
    assert!(without_area.iter().any(|w| w.file.contains("00338")), "{without_area:?}");
    assert!(without_area.iter().any(|w| w.file.contains("00343")), "{without_area:?}");

    assert_eq!(number(&tql(&session, "SELECT COUNT(*) AS n").await), 364);
    for (class, count) in [("RBC", 4155), ("WBC", 372), ("Platelets", 361)] {
        let text = format!("SELECT SUM(SUM(labels == '{class}')) AS n, COUNT(*) AS rows");
        assert_eq!(number(&tql(&session, &text).await), count, "{class}");
        let text = format!("SELECT sum(tensor_sum(tensor_eq(labels, '{class}'))) FROM ds");
        assert_eq!(number(&sql(&session, &text).await), count, "{class}");
    }
    let counts = [
        ("SUM(labels == 'WBC') >= 2", "tensor_sum(tensor_eq(labels, 'WBC')) >= 2", 14),
        ("SHAPE(boxes)[0] > 20", "tensor_slice(tensor_shape(boxes), '0') > 20", 14),
        (
            "ANY((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) > 60000)",
            "tensor_any(tensor_gt(tensor_mul(tensor_sub(tensor_slice(boxes, ':, 2'), tensor_slice(boxes, ':, 0')), \
             tensor_sub(tensor_slice(boxes, ':, 3'), tensor_slice(boxes, ':, 1'))), 60000))",
            13,
        ),
    ];
    for (in_tql, in_sql, count) in counts {
        let text = format!("SELECT COUNT(*) AS n WHERE {in_tql}");
        assert_eq!(number(&tql(&session, &text).await), count, "{in_tql}");
        let text = format!("SELECT count(*) FROM ds WHERE {in_sql}");
        assert_eq!(number(&sql(&session, &text).await), count, "{in_sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bccd_crops_are_the_decoders_pixels() {
    let Some(folder) = real("bccd") else { return };
    let (session, report) = ingested(&folder, "mem://bccd-crops").await;
    let text = "SELECT images[100:300, 100:300, 0:2] AS crop, boxes, filename \
                WHERE ANY(labels == 'WBC') AND SHAPE(boxes)[0] > 20 \
                ORDER BY SHAPE(boxes)[0] DESC LIMIT 5";
    let before = report.dataset.samples_decoded();
    let batch = tql(&session, text).await;
    assert_eq!(batch.num_rows(), 5);
    println!("images decoded for 5 crops: {}", report.dataset.samples_decoded() - before);
    let tensor = |name: &str| {
        let field = batch.schema_ref().field_with_name(name).unwrap().clone();
        let ty = TensorType::from_field(&field).unwrap();
        TensorArray::try_new(ty, batch.column_by_name(name).unwrap()).unwrap()
    };
    let (crops, boxes) = (tensor("crop"), tensor("boxes"));
    let names = batch.column_by_name("filename").unwrap().as_string_view();
    let limits = Limits::default();
    for row in 0..5 {
        assert_eq!(&*crops.shape(row), &[200, 200, 2]);
        assert!(boxes.shape(row)[0] > 20);
        assert!(row == 0 || boxes.shape(row - 1)[0] >= boxes.shape(row)[0]);
        let file = std::fs::read(folder.join("JPEGImages").join(names.value(row))).unwrap();
        let (shape, pixels) = media::decode(&file, &limits).unwrap();
        let region: Region =
            subscript::resolve(&subscript::parse_list("100:300, 100:300, 0:2").unwrap(), &shape)
                .unwrap();
        let mut expected = Vec::new();
        region.copy(&pixels, &shape, 1, &mut expected);
        let values = crops.elements().as_primitive::<UInt8Type>();
        assert_eq!(&values.values()[crops.range(row)], expected.as_slice(), "{}", names.value(row));
    }
    // The stored bytes are the files'.
    let all = tql(&session, "SELECT images, filename LIMIT 40 OFFSET 100").await;
    let data = all.column(0).as_struct().column(0).as_binary_view().clone();
    let names = all.column(1).as_string_view();
    for row in 0..all.num_rows() {
        let file = std::fs::read(folder.join("JPEGImages").join(names.value(row))).unwrap();
        assert_eq!(data.value(row), file.as_slice(), "{}", names.value(row));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cifar_counts_and_means_per_class() {
    let Some(folder) = real("cifar10") else { return };
    let (session, report) = ingested(&folder, "mem://cifar").await;
    assert_eq!(report.rows, 2000);
    let classes = &report.dataset.schema().column("labels").unwrap().classes;
    assert_eq!(classes.len(), 10);
    let counts = tql(&session, "SELECT labels, COUNT(*) AS n GROUP BY labels").await;
    assert_eq!(counts.num_rows(), 10);
    for row in 0..10 {
        let name = &classes[usize::try_from(number_at(&counts, "labels", row)).unwrap()];
        let files = std::fs::read_dir(folder.join("test").join(name)).unwrap().count();
        assert_eq!(number_at(&counts, "n", row), i64::try_from(files).unwrap(), "{name}");
    }
    let text = "SELECT labels, AVG(AVG(images[8:24, 8:24, :])) AS mean, COUNT(*) AS n GROUP BY labels ORDER BY labels";
    let means = tql(&session, text).await;
    assert_eq!(means.num_rows(), 10);
    let limits = Limits::default();
    for row in [0, 9] {
        let name = &classes[row];
        let (mut sum, mut count) = (0.0, 0.0);
        for file in std::fs::read_dir(folder.join("test").join(name)).unwrap() {
            let (shape, pixels) =
                media::decode(&std::fs::read(file.unwrap().path()).unwrap(), &limits).unwrap();
            let mut crop = Vec::new();
            subscript::resolve(&subscript::parse_list("8:24, 8:24, :").unwrap(), &shape)
                .unwrap()
                .copy(&pixels, &shape, 1, &mut crop);
            sum += crop.iter().map(|p| f64::from(*p)).sum::<f64>() / 768.0;
            count += 1.0;
        }
        let mean = means.column_by_name("mean").unwrap().as_primitive::<Float64Type>().value(row);
        assert!((mean - sum / count).abs() < 1e-6 * mean, "{name}: {mean} {}", sum / count);
    }
}

fn number_at(batch: &RecordBatch, name: &str, row: usize) -> i64 {
    let array = batch.column_by_name(name).unwrap();
    let array =
        datafusion::arrow::compute::cast(array, &datafusion::arrow::datatypes::DataType::Int64)
            .unwrap();
    array.as_primitive::<Int64Type>().value(row)
}
