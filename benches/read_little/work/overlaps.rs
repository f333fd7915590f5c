//! The overlap of two columns of boxes, row by row.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::Float32Array;
use datafusion::arrow::array::RecordBatch;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::engine::Language;

use crate::bench::Bench;
use crate::bench::Goal;
use crate::bench::Work;
use crate::data::boxes;
use crate::data::boxes::Four;
use crate::data::pieces;
use crate::floor;
use crate::ours;
use crate::parquet;
use crate::way;
use crate::way::Answer;

const PIECE: usize = 100_000;

/// Makes the boxes and measures, small and large.
pub fn run(bench: &mut Bench) {
    for (rows, name) in
        [(bench.size(20_000, 2_000), "iou"), (bench.size(2_000_000, 20_000), "iou_2m")]
    {
        if bench.wants(&[name]) {
            measure(bench, rows, name);
        }
    }
}

fn measure(bench: &mut Bench, rows: usize, name: &str) {
    let folder = bench.folder("overlaps");
    let (lake, file) = (folder.at("lake"), folder.at("rows.parquet"));
    let runtime = bench.runtime;
    let column = |name| Column::tensor(name, DType::F32, &[Some(4)]);
    let schema = Schema::new(vec![column("box_a"), column("box_b")]).unwrap();
    let ours_batches = pieces(rows, PIECE).map(|piece| ours::batch(&schema, columns(piece)));
    let dataset = ours::write(runtime, &lake, schema.clone(), ours_batches);
    let theirs = pieces(rows, PIECE).map(|piece| {
        RecordBatch::try_from_iter(["box_a", "box_b"].into_iter().zip(columns(piece))).unwrap()
    });
    parquet::write(&file, parquet::GROUP, &[], theirs);
    let (a, b): (Vec<Four>, Vec<Four>) = (0..rows).map(boxes::pair).unzip();
    folder.made(&format!("{rows} pairs of boxes"));
    let what = format!(
        "IOU of two columns of boxes, {rows} rows; Parquet: lists of fixed size and the same function; floor: a loop over the boxes in memory"
    );
    let work = Work::new(name, what).goal(Goal::Floor(3.0));
    let ours = "SELECT IOU(box_a, box_b) AS v FROM t";
    let theirs = "SELECT iou(box_a, box_b) AS v FROM t";
    bench.three(
        work,
        || ours::query(runtime, &[("t", &dataset)], Language::Tql, ours, way::numbers),
        || parquet::query(runtime, &[("t", &file)], theirs, way::numbers),
        floor::in_memory(
            || a.iter().zip(&b).map(|(a, b)| boxes::overlap(a, b)).collect::<Vec<f64>>(),
            Answer::of_numbers,
        ),
    );
}

fn columns(rows: std::ops::Range<usize>) -> Vec<ArrayRef> {
    let (a, b): (Vec<Four>, Vec<Four>) = rows.map(boxes::pair).unzip();
    [a, b]
        .into_iter()
        .map(|boxes| ours::fixed(Arc::new(Float32Array::from(boxes.into_flattened())), 4))
        .collect()
}
