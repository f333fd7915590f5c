//! How fast samples come from local disk, beside a floor written in plain Rust on the same bytes in
//! the same run. Everything is in the page cache; each figure is the best of several rounds.
//!
//! `cargo bench --workspace --bench reading -- scalars boxes raw vectors`

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it measures and prints"
)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]
#![allow(clippy::cast_precision_loss, reason = "figures")]

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use arrow::array::ArrayRef;
use arrow::array::Float32Array;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::UInt8Array;
use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt8Type;
use arrow_schema::Schema as ArrowSchema;
use bytes::Bytes;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::Limits;
use lakebed_core::Schema;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_core::subscript;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Fragment;
use lakebed_dataset::Missing;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;
use lakebed_format::CHUNK_TARGET;
use lakebed_format::ChunkBuilder;
use lakebed_format::ChunkPlan;
use lakebed_format::Directory;
use lakebed_format::RowSet;
use lakebed_format::Verification;

const ROUNDS: usize = 5;
const UNIT: u64 = 64 * 1024;

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|a| a == name);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    if wanted("scalars") {
        runtime.block_on(scalars(&url("scalars")));
    }
    if wanted("boxes") {
        runtime.block_on(boxes(&url("boxes")));
    }
    if wanted("raw") {
        runtime.block_on(raw(&url("raw"), &url("raw.floor")));
    }
    if wanted("vectors") {
        runtime.block_on(vectors(&url("vectors"), &url("vectors.floor")));
    }
}

fn mix(i: u64) -> u64 {
    i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 13
}

fn best(mut work: impl FnMut()) -> Duration {
    let time = |_| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    (0..ROUNDS).map(time).min().unwrap()
}

async fn write(url: &str, schema: Schema, batches: impl Iterator<Item = Vec<ArrayRef>>) -> Dataset {
    let dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
    let mut writer = dataset.append().unwrap();
    for arrays in batches {
        let field = |c: &Column| TensorType::from_column(c).to_field(&c.name, c.nullable);
        let fields: Vec<_> = dataset.schema().columns.iter().map(field).collect();
        let batch = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap();
        writer.write(&batch).await.unwrap();
    }
    writer.commit("rows").await.unwrap();
    Dataset::open(url, Options::default()).await.unwrap()
}

/// The same dataset through memory maps; the first of several rounds also compares checksums.
async fn mapped(dataset: &Dataset) -> Dataset {
    let options = Options { memory_map: true, ..Options::default() };
    Dataset::open(dataset.url(), options).await.unwrap()
}

/// The best time of reading all rows of a column, `unit` rows at a time.
async fn read(dataset: &Dataset, name: &str, part: &Part, unit: u64) -> Duration {
    let fragment: Fragment = dataset.fragments().await.unwrap()[0].clone();
    let column = dataset.schema().column(name).unwrap().id;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for start in (0..fragment.rows).step_by(unit as usize) {
            let rows = Rows::Range(start..(start + unit).min(fragment.rows));
            let columns = vec![ColumnRead { column, part: part.clone() }];
            let request = ReadRequest { fragment: fragment.clone(), rows, columns };
            black_box(dataset.read(&request).await.unwrap());
        }
        times.push(started.elapsed());
    }
    times.into_iter().min().unwrap()
}

fn slice(text: &str, missing: Missing) -> Part {
    Part::Slice { subscripts: subscript::parse_list(text).unwrap(), missing }
}

/// The best time of decoding a column's chunks that are in memory, a unit of rows at a time.
fn assemble(column: &Column, arrays: &[ArrayRef]) -> Duration {
    let mut builder = ChunkBuilder::new(column.clone(), CHUNK_TARGET);
    let mut chunks = Vec::new();
    for array in arrays {
        let keep = |chunk| {
            chunks.push(chunk);
            Ok(())
        };
        builder.push(array, keep).unwrap();
    }
    chunks.push(builder.finish().unwrap());
    let limits = Limits::default();
    let chunks: Vec<(Arc<Directory>, Bytes)> = chunks
        .into_iter()
        .map(|chunk| {
            let directory = Bytes::from(chunk.directory);
            let directory = Directory::from_bytes(&directory, column, &limits).unwrap();
            (Arc::new(directory), Bytes::from(chunk.payload))
        })
        .collect();
    best(|| {
        for (directory, payload) in &chunks {
            for start in (0..directory.rows()).step_by(UNIT as usize) {
                let rows = RowSet::Range(start..(start + UNIT as usize).min(directory.rows()));
                let plan =
                    ChunkPlan::new(Arc::clone(directory), column, rows, Part::Whole).unwrap();
                let fetched: Vec<Bytes> = plan
                    .ranges()
                    .iter()
                    .map(|range| payload.slice(range.start as usize..range.end as usize))
                    .collect();
                black_box(plan.assemble(&fetched, &limits, Verification::Every).unwrap());
            }
        }
    })
}

async fn scalars(url: &str) {
    const ROWS: u64 = 6_000_000;
    let schema = Schema::new(vec![
        Column::scalar("labels", DType::U8),
        Column::scalar("ids", DType::I64),
        Column::scalar("amounts", DType::I64),
        Column::scalar("scores", DType::F32),
    ])
    .unwrap();
    let labels: Vec<u8> = (0..ROWS).map(|i| (mix(i) % 10) as u8).collect();
    let ids: Vec<i64> = (0..ROWS).map(|i| i as i64).collect();
    let amounts: Vec<i64> = (0..ROWS).map(|i| (mix(i) % 1_000_000) as i64).collect();
    let scores: Vec<f32> = (0..ROWS).map(|i| mix(i) as f32).collect();
    let floors = [
        best(|| _ = black_box(labels.iter().map(|v| u64::from(*v)).sum::<u64>())),
        best(|| _ = black_box(ids.iter().fold(0, |sum: i64, v| sum.wrapping_add(*v)))),
        best(|| _ = black_box(amounts.iter().fold(0, |sum: i64, v| sum.wrapping_add(*v)))),
        best(|| _ = black_box(scores.iter().fold(0, |sum, v| sum ^ v.to_bits()))),
    ];
    let columns: [ArrayRef; 4] = [
        Arc::new(UInt8Array::from(labels)),
        Arc::new(Int64Array::from(ids)),
        Arc::new(Int64Array::from(amounts)),
        Arc::new(Float32Array::from(scores)),
    ];
    let parts = |column: &ArrayRef| -> Vec<ArrayRef> {
        (0..6).map(|part| column.slice(part * 1_000_000, 1_000_000)).collect()
    };
    let batches = (0..6).map(|part| {
        columns.iter().map(|column| column.slice(part * 1_000_000, 1_000_000)).collect::<Vec<_>>()
    });
    let dataset = write(url, schema, batches).await;
    println!(
        "6,000,000 scalars, G values/s: in memory | decoded | read by 65,536 rows | read at once | mapped, by 65,536 rows"
    );
    for (nth, column) in dataset.schema().columns.iter().enumerate() {
        let rate = |time: Duration| ROWS as f64 / time.as_secs_f64() / 1e9;
        let decoded = assemble(column, &parts(&columns[nth]));
        let units = read(&dataset, &column.name, &Part::Whole, UNIT).await;
        let once = read(&dataset, &column.name, &Part::Whole, ROWS).await;
        let map = read(&mapped(&dataset).await, &column.name, &Part::Whole, UNIT).await;
        println!(
            "  {:<8} {:>6.2} | {:>6.2} | {:>6.2} | {:>6.2} | {:>6.2}",
            column.name,
            rate(floors[nth]),
            rate(decoded),
            rate(units),
            rate(once),
            rate(map)
        );
    }
}

async fn boxes(url: &str) {
    const ROWS: u64 = 1_000_000;
    let schema = Schema::new(vec![Column::boxes("boxes", BoxFormat::Ltrb)]).unwrap();
    let ty = TensorType::from_column(&schema.columns[0]);
    let count = |row: u64| (mix(row) % 10) as usize;
    let mut all: Vec<f32> = Vec::new();
    let batches = (0..10).map(|part| {
        let mut builder = TensorBuilder::<f32>::new(2);
        for row in part * ROWS / 10..(part + 1) * ROWS / 10 {
            let values: Vec<f32> =
                (0..count(row) as u64 * 4).map(|i| (mix(row + i * 7919) % 10_000) as f32).collect();
            builder.push(&values, &[count(row), 4]).unwrap();
            all.extend(values);
        }
        vec![builder.finish::<Float32Type>(&ty).unwrap()]
    });
    let batches: Vec<_> = batches.collect();
    let dataset = write(url, schema, batches.into_iter()).await;
    let floor = best(|| {
        let third: Vec<f32> = all.as_chunks::<4>().0.iter().map(|row| row[2]).collect();
        black_box(third);
    });
    println!("boxes f32[n,4], {ROWS} rows, {} boxes, ms:", all.len() / 4);
    println!("  floor of [:, 2]: a plain loop in memory {:>8.1}", millis(floor));
    for (name, part) in [
        ("whole", Part::Whole),
        ("[:, 2]", slice(":, 2", Missing::Error)),
        ("[:, 0:2]", slice(":, 0:2", Missing::Error)),
        ("[0]", slice("0", Missing::Null)),
        ("[-1, 2:]", slice("-1, 2:", Missing::Null)),
        ("shape", Part::Shape),
    ] {
        let time = read(&dataset, "boxes", &part, UNIT).await;
        println!("  {name:<10} {:>8.1}", millis(time));
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

async fn raw(url: &str, floor: &str) {
    for (side, rows) in [(512usize, 500u64), (1024, 120)] {
        let dims = [Some(side as u32), Some(side as u32), Some(3)];
        let column = Column::tensor("x", DType::U8, &dims).with_compression(Compression::None);
        let schema = Schema::new(vec![column]).unwrap();
        let ty = TensorType::from_column(&schema.columns[0]);
        let size = side * side * 3;
        let image: Vec<u8> = (0..size).map(|i| (i * 7 + i / 1000) as u8).collect();
        let mut file = File::create(floor).unwrap();
        (0..rows).for_each(|_| file.write_all(&image).unwrap());
        let file = File::open(floor).unwrap();
        let batches = (0..rows).map(|_| {
            let mut builder = TensorBuilder::<u8>::new(3);
            builder.push(&image, &[side, side, 3]).unwrap();
            vec![builder.finish::<UInt8Type>(&ty).unwrap()]
        });
        let dataset = write(&format!("{url}{side}"), schema, batches).await;
        // From the start of the first run to the end of the last, then the runs.
        let (first, run) = ((100 * side + 100) * 3, 100 * 3);
        let span = 99 * side * 3 + run;
        let time = best(|| {
            let mut out = Vec::with_capacity(rows as usize * 100 * run);
            let mut buffer = vec![0; span];
            for row in 0..rows {
                file.read_exact_at(&mut buffer, row * size as u64 + first as u64).unwrap();
                (0..100).for_each(|y| out.extend_from_slice(&buffer[y * side * 3..][..run]));
            }
            black_box(out);
        });
        let part = slice("100:200, 100:200, :", Missing::Error);
        let mapped = read(&mapped(&dataset).await, "x", &part, rows).await;
        let read = read(&dataset, "x", &part, rows).await;
        let times = |time: Duration| time.as_secs_f64();
        println!(
            "u8[{side},{side},3] x {rows}, [100:200, 100:200, :], ms: floor {:.1}, read {:.1}, {:.2}x, mapped {:.1}, {:.2}x",
            millis(time),
            millis(read),
            times(read) / times(time),
            millis(mapped),
            times(mapped) / times(time)
        );
    }
}

async fn vectors(url: &str, floor: &str) {
    const ROWS: u64 = 200_000;
    const WIDTH: usize = 384;
    let schema = Schema::new(vec![
        Column::tensor("x", DType::F32, &[Some(384)]).with_compression(Compression::None),
    ])
    .unwrap();
    let ty = TensorType::from_column(&schema.columns[0]);
    let batches = (0..ROWS / 4000).map(|part| {
        let mut builder = TensorBuilder::<f32>::new(1);
        for row in 0..4000 {
            let seed = (part * 4000 + row) * WIDTH as u64;
            let vector: Vec<f32> = (0..WIDTH as u64).map(|i| mix(seed + i) as f32).collect();
            builder.push(&vector, &[WIDTH]).unwrap();
        }
        vec![builder.finish::<Float32Type>(&ty).unwrap()]
    });
    let dataset = write(url, schema, batches).await;
    let bytes = ROWS as usize * WIDTH * 4;
    std::fs::write(floor, vec![1u8; bytes]).unwrap();
    let file = File::open(floor).unwrap();
    let mut buffer = vec![0; 8 << 20];
    let time = best(|| {
        for start in (0..bytes).step_by(8 << 20) {
            let length = (8 << 20).min(bytes - start);
            file.read_exact_at(&mut buffer[..length], start as u64).unwrap();
        }
    });
    println!("f32[384] x {ROWS}, {} MB, ms: floor (pread) {:.1}", bytes / 1_000_000, millis(time));
    for unit in [5461, UNIT / 4] {
        let time = read(&dataset, "x", &Part::Whole, unit).await;
        let map = read(&mapped(&dataset).await, "x", &Part::Whole, unit).await;
        println!("  by {unit} rows: read {:.1}, mapped {:.1}", millis(time), millis(map));
    }
}
