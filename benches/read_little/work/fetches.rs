//! Encoded images: of the rows that a filter chooses, and of rows at random.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::BinaryArray;
use datafusion::arrow::array::Float64Array;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::engine::Language;

use super::remote;
use super::storage;
use crate::bench::Bench;
use crate::bench::Goal;
use crate::bench::Work;
use crate::data::chosen_rows;
use crate::data::pieces;
use crate::data::table;
use crate::floor::Blobs;
use crate::ours;
use crate::parquet;
use crate::support::pictures::pictures;
use crate::way;

/// Rows that are chosen at random.
pub const CHOSEN: usize = 1000;

const PIECE: usize = 20_000;
const SHARES: [(&str, f64); 4] =
    [("fetch_0.1", 0.001), ("fetch_1", 0.01), ("fetch_10", 0.1), ("fetch_50", 0.5)];
const RANDOM: [&str; 2] = ["random_images_call", "random_images_each"];

/// Makes a table of pictures and measures.
pub fn run(bench: &mut Bench) {
    for (rows, suffix) in [(bench.size(60_000, 6_000), ""), (bench.size(600_000, 12_000), "_600k")]
    {
        let small = suffix.is_empty();
        let mut names: Vec<String> =
            SHARES.iter().map(|(name, _)| format!("{name}{suffix}")).collect();
        if small {
            names.extend(RANDOM.map(String::from));
            names.extend(["throttled_fetch_1".into(), "size_pictures".into()]);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if bench.wants(&names) {
            measure(bench, rows, suffix);
        }
    }
}

fn measure(bench: &mut Bench, rows: usize, suffix: &str) {
    let folder = bench.folder("pictures");
    let pictures = pictures();
    let (lake, file) = (folder.at("lake"), folder.at("rows.parquet"));
    let runtime = bench.runtime;
    let dataset = ours::write(runtime, &lake, schema(), our_batches(rows, &pictures));
    parquet::write(&file, parquet::GROUP, &[], parquet_batches(rows, &pictures));
    let image = |row: usize| pictures[table::picture(row, pictures.len())].as_slice();
    let blobs = Blobs::write(&folder.at("images"), (0..rows).map(image));
    folder.made(&format!("{rows} rows with pictures"));
    for (name, share) in SHARES {
        let chosen: Vec<usize> = (0..rows).filter(|row| table::random(*row) < share).collect();
        let text = format!("SELECT image FROM t WHERE rnd < {share}");
        let what = format!(
            "encoded images of {}% of {rows} rows by a filter; floor: preads of the same images, near ones together, the rows known",
            share * 100.0
        );
        let work = Work::new(&format!("{name}{suffix}"), what);
        let selective = share <= 0.01;
        let work =
            if selective { work.goal(Goal::Floor(2.0)).goal(Goal::Parquet(5.0)) } else { work };
        bench.three(
            work,
            || ours::query(runtime, &[("t", &dataset)], Language::Tql, &text, way::blobs),
            || parquet::query(runtime, &[("t", &file)], &text, way::blobs),
            blobs.way(&chosen, true),
        );
        if share == 0.01 && suffix.is_empty() {
            remote::fetch(bench, &lake, &file, &text, &blobs, &chosen);
        }
    }
    if !suffix.is_empty() {
        return;
    }
    let chosen = chosen_rows(41, CHOSEN, rows);
    for (name, one_call) in RANDOM.into_iter().zip([true, false]) {
        let how = if one_call { "in one call" } else { "one call a row" };
        let what = format!(
            "{} random encoded images of {rows} rows, {how}; Lakebed: Dataset::read; Parquet: the parquet crate, page index loaded before, a selection of rows; floor: preads",
            chosen.len()
        );
        bench.three(
            Work::new(name, what),
            || ours::take(runtime, &dataset, "image", &chosen, one_call, way::blobs),
            || parquet::take::way(&file, "image", parquet::GROUP, &chosen, one_call, way::blobs),
            blobs.way(&chosen, one_call),
        );
    }
    let raw = rows * 16 + (0..rows).map(|row| image(row).len()).sum::<usize>();
    storage::record(bench, "size_pictures", &lake, &file, raw as u64);
}

fn schema() -> Schema {
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::scalar("rnd", DType::F64),
        Column::image("image"),
    ])
    .unwrap()
}

fn scalars(rows: std::ops::Range<usize>) -> Vec<ArrayRef> {
    vec![
        Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64))),
        Arc::new(Float64Array::from_iter_values(rows.map(table::random))),
    ]
}

fn our_batches(rows: usize, pictures: &[Vec<u8>]) -> impl Iterator<Item = RecordBatch> {
    let schema = schema();
    pieces(rows, PIECE).map(move |piece| {
        let mut columns = scalars(piece.clone());
        let images = piece.map(|row| pictures[table::picture(row, pictures.len())].as_slice());
        columns.push(ours::images(&schema, "image", images));
        ours::batch(&schema, columns)
    })
}

fn parquet_batches(rows: usize, pictures: &[Vec<u8>]) -> impl Iterator<Item = RecordBatch> {
    pieces(rows, PIECE).map(move |piece| {
        let mut columns = scalars(piece.clone());
        let images = piece.map(|row| pictures[table::picture(row, pictures.len())].as_slice());
        columns.push(Arc::new(BinaryArray::from_iter_values(images)));
        RecordBatch::try_from_iter(["id", "rnd", "image"].into_iter().zip(columns)).unwrap()
    })
}
