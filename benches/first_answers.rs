//! The figures that the README states, measured in one run: `cargo bench --bench first_answers`.
//!
//! Ingestion beside a plain copy of the same bytes, a label filter and a 1% fetch of images beside
//! DataFusion over Parquet with the same data, process start to the first answer, and the size of
//! the binary. Uses `../shared/data` where it is there, drawn pictures elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    missing_docs,
    reason = "a benchmark stops at the first thing that goes wrong"
)]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::BinaryArray;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StructArray;
use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::array::builder::BinaryViewBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Field;
use datafusion::arrow::datatypes::Schema as ArrowSchema;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::EnabledStatistics;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::ParquetReadOptions;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;
use lakebed::codec::media;
use lakebed::convert;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::core::Shape;
use lakebed::core::TensorType;
use lakebed::core::tensor_builder::shape_array;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Session;
use tokio::runtime::Runtime;

const ROWS: usize = 60_000;
const CLASSES: u32 = 10;
const REPEATS: usize = 21;

fn main() {
    let runtime = Runtime::new().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    println!("cores: {}", std::thread::available_parallelism().unwrap());
    for (name, folder) in [("BCCD", shared.join("bccd")), ("CIFAR-10", shared.join("cifar10"))] {
        if folder.exists() {
            ingestion(&runtime, name, &folder, scratch.path());
        } else {
            println!("{name}: skipped, {} is not there", folder.display());
        }
    }
    let images = pictures(&shared.join("cifar10/test"));
    queries(&runtime, &images, scratch.path());
    program(scratch.path());
}

fn ingestion(runtime: &Runtime, name: &str, folder: &Path, scratch: &Path) {
    let files = files_below(folder);
    let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    let copies = median(5, |round| {
        let target = scratch.join(format!("copy-{name}-{round}"));
        timed(|| {
            for file in &files {
                let to = target.join(file.strip_prefix(folder).unwrap());
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::copy(file, &to).unwrap();
                std::fs::File::open(&to).unwrap().sync_all().unwrap();
            }
        })
    });
    let mut stored = 0;
    let ingests = median(5, |round| {
        let target = scratch.join(format!("ingest-{name}-{round}"));
        let took = timed(|| {
            runtime.block_on(async {
                let options = convert::ImportOptions::default();
                let source = convert::detect(folder).await.unwrap();
                let url = target.to_str().unwrap();
                let dataset = Dataset::create(url, source.schema().clone(), Options::default())
                    .await
                    .unwrap();
                convert::ingest(source, &dataset, &options, &|_| {}).await.unwrap();
            });
        });
        stored = files_below(&target).iter().map(|file| file.metadata().unwrap().len()).sum();
        took
    });
    println!(
        "{name}: {} files, {:.1} MB; plain copy, each file synced {:.0} ms; ingest with every image decoded and checked {:.0} ms; stored {:.1} MB",
        files.len(),
        bytes as f64 / 1e6,
        millis(copies),
        millis(ingests),
        stored as f64 / 1e6
    );
}

/// Encoded pictures of about a kilobyte: CIFAR-10's where they are there, drawn ones elsewhere.
fn pictures(folder: &Path) -> Vec<Vec<u8>> {
    if folder.exists() {
        let files = files_below(folder);
        return files
            .iter()
            .filter(|f| f.extension().is_some_and(|e| e == "jpg"))
            .map(|f| std::fs::read(f).unwrap())
            .collect();
    }
    (0..500usize)
        .map(|n| {
            let pixels: Vec<u8> = (0..32 * 32 * 3).map(|i| ((i * n) % 251) as u8).collect();
            media::encode_jpeg(&Shape::new(&[32, 32, 3]).unwrap(), &pixels, 85).unwrap()
        })
        .collect()
}

fn queries(runtime: &Runtime, images: &[Vec<u8>], scratch: &Path) {
    let image = |row: usize| images[row * 7919 % images.len()].as_slice();
    // A fixed mixing of the row number: labels without order, as in shuffled training data.
    let label = |row: usize| (row.wrapping_mul(2_654_435_761) >> 7) as u32 % CLASSES;
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS as i64));
    let labels: ArrayRef = Arc::new(UInt32Array::from_iter_values((0..ROWS).map(label)));

    let parquet = scratch.join("rows.parquet");
    let fields = vec![
        Field::new("id", DataType::Int64, false),
        Field::new("label", DataType::UInt32, false),
        Field::new("image", DataType::Binary, false),
    ];
    let binary: ArrayRef = Arc::new(BinaryArray::from_iter_values((0..ROWS).map(image)));
    let batch = RecordBatch::try_new(
        Arc::new(ArrowSchema::new(fields)),
        vec![ids.clone(), labels.clone(), binary],
    )
    .unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(8192))
        .set_data_page_size_limit(64 * 1024)
        .set_statistics_enabled(EnabledStatistics::Page)
        .build();
    let file = std::fs::File::create(&parquet).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let url = scratch.join("rows").to_str().unwrap().to_string();
    let dataset = runtime.block_on(lakebed_rows(&url, ids, labels, &image));
    let session = Session::builder().partitions(2).build().unwrap();
    session.register("rows", dataset);
    let mut config = SessionConfig::new().with_target_partitions(2);
    config.options_mut().execution.parquet.pushdown_filters = true;
    config.options_mut().execution.parquet.reorder_filters = true;
    config.options_mut().execution.parquet.enable_page_index = true;
    let peer = SessionContext::new_with_config(config);
    runtime
        .block_on(peer.register_parquet(
            "rows",
            parquet.to_str().unwrap(),
            ParquetReadOptions::default(),
        ))
        .unwrap();
    println!(
        "{ROWS} rows; Parquet: 8,192 rows a group, 64 KiB pages, page index, filters pushed down and reordered, uncompressed; 2 partitions; median of {REPEATS}, planning included"
    );
    let works = [
        ("label filter", "SELECT id FROM rows WHERE label = 3"),
        ("1% fetch of images", "SELECT image FROM rows WHERE id % 100 = 7"),
        ("0.1% fetch of images", "SELECT image FROM rows WHERE id % 1000 = 7"),
        ("count by label", "SELECT label, count(*) FROM rows GROUP BY label"),
    ];
    for (work, sql) in works {
        let ours = median(REPEATS, |_| {
            timed(|| {
                let batches = runtime
                    .block_on(async { session.sql(sql).await.unwrap().collect().await.unwrap() });
                assert!(batches.iter().map(RecordBatch::num_rows).sum::<usize>() > 0);
            })
        });
        let theirs = median(REPEATS, |_| {
            timed(|| {
                let batches = runtime
                    .block_on(async { peer.sql(sql).await.unwrap().collect().await.unwrap() });
                assert!(batches.iter().map(RecordBatch::num_rows).sum::<usize>() > 0);
            })
        });
        let (count, peer_count) = runtime.block_on(async {
            let rows = |batches: Vec<RecordBatch>| {
                batches.iter().map(RecordBatch::num_rows).sum::<usize>()
            };
            (
                rows(session.sql(sql).await.unwrap().collect().await.unwrap()),
                rows(peer.sql(sql).await.unwrap().collect().await.unwrap()),
            )
        });
        assert_eq!(count, peer_count, "{work}");
        println!(
            "{work}: lakebed {:.2} ms, DataFusion over Parquet {:.2} ms ({count} rows)",
            millis(ours),
            millis(theirs)
        );
    }
}

async fn lakebed_rows<'a>(
    url: &str,
    ids: ArrayRef,
    labels: ArrayRef,
    image: &impl Fn(usize) -> &'a [u8],
) -> Dataset {
    let names = (0..CLASSES).map(|c| format!("class {c}")).collect();
    let schema = Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::class_label("label", names),
        Column::image("image"),
    ])
    .unwrap();
    let mut data = BinaryViewBuilder::new();
    for row in 0..ROWS {
        data.append_value(image(row));
    }
    let fields: Vec<Field> = schema
        .columns
        .iter()
        .map(|c| TensorType::from_column(c).to_field(&c.name, false))
        .collect();
    let DataType::Struct(parts) = fields[2].data_type().clone() else { unreachable!() };
    let sizes = [32, 32, 3].repeat(ROWS);
    let shapes = shape_array(sizes, 3, ROWS).unwrap();
    let images = StructArray::new(parts, vec![Arc::new(data.finish()), shapes], None);
    let batch = RecordBatch::try_new(
        Arc::new(ArrowSchema::new(fields)),
        vec![ids, labels, Arc::new(images)],
    )
    .unwrap();
    let dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
    let mut writer = dataset.append().unwrap();
    writer.write(&batch).await.unwrap();
    writer.commit("rows").await.unwrap()
}

/// The command line: the time of a whole process, and its size.
fn program(scratch: &Path) {
    let Some(binary) = binary() else {
        println!("program: skipped, run `cargo build --release` first");
        return;
    };
    println!("program: {:.1} MB", binary.metadata().unwrap().len() as f64 / 1e6);
    let dataset = scratch.join("rows");
    let run = |text: &str| {
        let arguments = ["query", dataset.to_str().unwrap(), text];
        timed(|| {
            let output = Command::new(&binary).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        })
    };
    for text in ["SELECT COUNT(*)", "SELECT id WHERE label = 3 LIMIT 5"] {
        let took = median(REPEATS, |_| run(text));
        println!("process start to first answer, {text}: {:.1} ms", millis(took));
    }
}

fn binary() -> Option<PathBuf> {
    let mut folder = std::env::current_exe().ok()?;
    folder.pop();
    folder.pop();
    Some(folder.join("lakebed")).filter(|path| path.exists())
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

fn median(repeats: usize, mut work: impl FnMut(usize) -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..repeats).map(&mut work).collect();
    times.sort();
    times[repeats / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
