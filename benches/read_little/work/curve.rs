//! What a label filter costs as tables grow.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::UInt32Array;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::engine::Language;

use crate::bench::Bench;
use crate::bench::Work;
use crate::data::pieces;
use crate::data::table;
use crate::floor;
use crate::ours;
use crate::parquet;
use crate::way;
use crate::way::Answer;

const PIECE: usize = 100_000;
const SIZES: [(&str, usize); 4] = [
    ("curve_1e4", 10_000),
    ("curve_1e5", 100_000),
    ("curve_1e6", 1_000_000),
    ("curve_1e7", 10_000_000),
];

/// Makes each table and measures.
pub fn run(bench: &mut Bench) {
    let most = bench.size(10_000_000, 100_000);
    for (name, rows) in SIZES {
        if rows <= most && bench.wants(&[name]) {
            measure(bench, name, rows);
        }
    }
}

fn measure(bench: &mut Bench, name: &str, rows: usize) {
    let folder = bench.folder("curve");
    let (lake, file) = (folder.at("lake"), folder.at("rows.parquet"));
    let runtime = bench.runtime;
    let names = (0..table::CLASSES).map(|class| format!("class {class}")).collect();
    let schema =
        Schema::new(vec![Column::scalar("id", DType::I64), Column::class_label("label", names)])
            .unwrap();
    let ours_batches = pieces(rows, PIECE).map(|piece| ours::batch(&schema, columns(piece)));
    let dataset = ours::write(runtime, &lake, schema.clone(), ours_batches);
    let theirs = pieces(rows, PIECE).map(|piece| {
        RecordBatch::try_from_iter(["id", "label"].into_iter().zip(columns(piece))).unwrap()
    });
    parquet::write(&file, parquet::GROUP, &["label"], theirs);
    let labels: Vec<u32> = (0..rows).map(table::label).collect();
    folder.made(&format!("{rows} labels"));
    let text = format!("SELECT count(*) AS n FROM t WHERE label = {}", table::WANTED);
    bench.three(
        Work::new(
            name,
            format!(
                "count where a label is 3, {rows} rows; floor: a pass over the labels in memory"
            ),
        ),
        || ours::query(runtime, &[("t", &dataset)], Language::Sql, &text, way::numbers),
        || parquet::query(runtime, &[("t", &file)], &text, way::numbers),
        floor::in_memory(
            || labels.iter().filter(|label| **label == table::WANTED).count(),
            |count| Answer::of_numbers([count as f64]),
        ),
    );
}

fn columns(rows: std::ops::Range<usize>) -> Vec<ArrayRef> {
    let ids = Int64Array::from_iter_values(rows.clone().map(|row| row as i64));
    vec![Arc::new(ids), Arc::new(UInt32Array::from_iter_values(rows.map(table::label)))]
}
