//! The first figures: `cargo bench --bench first_answers`, with `-- --json FILE` or `-- NAME ...` for
//! the works whose names hold NAME.
//!
//! Ingestion beside a plain copy of the same bytes, a label filter and a 1% fetch of images beside
//! DataFusion over Parquet with the same data, process start to the first answer, and the size of
//! the binary. Uses `../shared/data` where it is there, drawn pictures elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
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
use lakebed::convert;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::core::TensorType;
use lakebed::core::tensor_builder::shape_array;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Session;
use support::arguments::Arguments;
use support::clock::median;
use support::clock::millis;
use support::clock::timed;
use support::figures;
use support::figures::Figure;
use support::files::files_below;
use support::files::size_of;
use support::pictures::pictures;
use support::pictures::shared_data;
use tokio::runtime::Runtime;

mod support;

const ROWS: usize = 60_000;
const CLASSES: u32 = 10;
const REPEATS: usize = 21;

/// What the JSON lines about the program begin with.
const PROGRAM: &str = "program";

/// Fixed name, what it is, and the query.
const QUERIES: [(&str, &str, &str); 4] = [
    ("first_filter_label", "label filter", "SELECT id FROM rows WHERE label = 3"),
    ("first_fetch_1", "1% fetch of images", "SELECT image FROM rows WHERE id % 100 = 7"),
    ("first_fetch_0.1", "0.1% fetch of images", "SELECT image FROM rows WHERE id % 1000 = 7"),
    ("first_count_by_label", "count by label", "SELECT label, count(*) FROM rows GROUP BY label"),
];

fn main() {
    let arguments = Arguments::of_process();
    let mut figures: Vec<Figure> = Vec::new();
    let runtime = Runtime::new().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let shared = shared_data();
    println!("cores: {}", std::thread::available_parallelism().unwrap());
    for (work, name, folder) in [
        ("ingest_bccd", "BCCD", shared.join("bccd")),
        ("ingest_cifar10", "CIFAR-10", shared.join("cifar10")),
    ] {
        if !arguments.wants(work) {
            continue;
        }
        if folder.exists() {
            figures.extend(ingestion(&runtime, (work, name), &folder, scratch.path()));
        } else {
            println!("{name}: skipped, {} is not there", folder.display());
        }
    }
    let queried = QUERIES.iter().any(|(work, _, _)| arguments.wants(work));
    if queried || arguments.wants(PROGRAM) {
        figures.extend(queries(&runtime, &pictures(), scratch.path(), &arguments));
    }
    if arguments.wants(PROGRAM) {
        figures.extend(program(scratch.path()));
    }
    if let Some(file) = &arguments.json {
        figures::write(file, "first_answers", &figures);
    }
}

fn ingestion(
    runtime: &Runtime,
    (work, name): (&str, &str),
    folder: &Path,
    scratch: &Path,
) -> [Figure; 2] {
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
        stored = size_of(&target);
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
    [
        Figure::plain(work, "lakebed", millis(ingests), "ms"),
        Figure::plain(work, "floor", millis(copies), "ms"),
    ]
}

fn queries(
    runtime: &Runtime,
    images: &[Vec<u8>],
    scratch: &Path,
    arguments: &Arguments,
) -> Vec<Figure> {
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
    let mut figures = Vec::new();
    for (name, work, sql) in QUERIES {
        if !arguments.wants(name) {
            continue;
        }
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
        figures.push(Figure::plain(name, "lakebed", millis(ours), "ms"));
        figures.push(Figure::plain(name, "parquet", millis(theirs), "ms"));
    }
    figures
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
fn program(scratch: &Path) -> Vec<Figure> {
    let Some(binary) = binary() else {
        println!("program: skipped, run `cargo build --release` first");
        return Vec::new();
    };
    let size = binary.metadata().unwrap().len() as f64 / 1e6;
    println!("program: {size:.1} MB");
    let mut figures = vec![Figure::plain("program_size", "lakebed", size, "MB")];
    let dataset = scratch.join("rows");
    let run = |text: &str| {
        let arguments = ["query", dataset.to_str().unwrap(), text];
        timed(|| {
            let output = Command::new(&binary).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        })
    };
    for (name, text) in [
        ("program_count", "SELECT COUNT(*)"),
        ("program_filter", "SELECT id WHERE label = 3 LIMIT 5"),
    ] {
        let took = median(REPEATS, |_| run(text));
        println!("process start to first answer, {text}: {:.1} ms", millis(took));
        figures.push(Figure::plain(name, "lakebed", millis(took), "ms"));
    }
    figures
}

fn binary() -> Option<PathBuf> {
    let mut folder = std::env::current_exe().ok()?;
    folder.pop();
    folder.pop();
    Some(folder.join("lakebed")).filter(|path| path.exists())
}
