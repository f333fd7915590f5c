//! Slices of raw images, and the memory of a scan over all of them.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::BinaryArray;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::UInt8Array;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::engine::Language;

use super::memory;
use super::remote;
use super::storage;
use crate::bench::Bench;
use crate::bench::Goal;
use crate::bench::Work;
use crate::data::pieces;
use crate::data::raw;
use crate::floor;
use crate::ours;
use crate::parquet;
use crate::parquet::crop::sum_of_span;
use crate::way;
use crate::way::Answer;
use crate::way::Way;

/// Rows of a group of Parquet, and of a batch there: of a side of 512, and of 1024.
const GROUPS: [usize; 2] = [50, 20];
/// The expression of the slice's mean in TQL.
pub const MEAN: &str = "MEAN(image[100:200, 100:200, :])";

/// Makes the images and measures.
pub fn run(bench: &mut Bench) {
    let small = ["slice_512", "scan_memory", "throttled_slice", "size_raw_512"];
    if bench.wants(&small) {
        measure(bench, bench.size(2000, 100), 512, GROUPS[0], small[0]);
    }
    if bench.wants(&["slice_1024"]) {
        measure(bench, bench.size(200, 20), 1024, GROUPS[1], "slice_1024");
    }
}

fn measure(bench: &mut Bench, images: usize, side: usize, group: usize, name: &str) {
    let folder = bench.folder("raw");
    let (lake, file, plain) = (folder.at("lake"), folder.at("raw.parquet"), folder.at("raw"));
    let runtime = bench.runtime;
    let dataset = ours::write(runtime, &lake, schema(side), our_batches(images, side));
    parquet::write(&file, group, &[], parquet_batches(images, side, group));
    write_plain(&plain, images, side);
    folder.made(&format!("{images} raw images"));
    let open = File::open(&plain).unwrap();
    let ours_text = format!("SELECT {MEAN} AS m FROM t");
    let theirs = "SELECT crop_mean(image) AS m FROM t";
    let what = format!(
        "mean of a 100 x 100 x 3 slice of each of {images} raw {side} x {side} x 3 images; Parquet: a binary column and a function that reads the slice only; floor: pread from the slice's first byte to its last, and a sum"
    );
    bench.three(
        Work::new(name, what).goal(Goal::Floor(4.0)).goal(Goal::Parquet(20.0)),
        || ours::query(runtime, &[("t", &dataset)], Language::Tql, &ours_text, way::numbers),
        || parquet::query_in_batches(runtime, &[("t", &file)], group, theirs, way::numbers),
        spans(&open, images, side),
    );
    if side == 512 {
        memory::measure(bench, &lake, &file, &plain, images);
        remote::slice(bench, &lake, &file, images, side);
        storage::record(bench, "size_raw_512", &lake, &file, (images * side * side * 3) as u64);
    }
}

fn spans(file: &File, images: usize, side: usize) -> Way<'_> {
    let (start, length) = raw::span(side);
    let mut buffer = vec![0; length];
    floor::over_file(
        file,
        move |reader| {
            (0..images)
                .map(|image| {
                    reader.read(&mut buffer, image * side * side * 3 + start);
                    sum_of_span(&buffer, side) as f64 / raw::ELEMENTS as f64
                })
                .collect::<Vec<f64>>()
        },
        Answer::of_numbers,
    )
}

fn schema(side: usize) -> Schema {
    let side = Some(side as u32);
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::tensor("image", DType::U8, &[side, side, Some(3)]),
    ])
    .unwrap()
}

fn our_batches(images: usize, side: usize) -> impl Iterator<Item = RecordBatch> {
    let schema = schema(side);
    pieces(images, GROUPS[1]).map(move |piece| {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(piece.clone().map(|n| n as i64)));
        let pixels: Vec<u8> = piece.flat_map(|n| raw::image(n, side)).collect();
        let images = ours::fixed(Arc::new(UInt8Array::from(pixels)), side * side * 3);
        ours::batch(&schema, vec![ids, images])
    })
}

fn parquet_batches(images: usize, side: usize, group: usize) -> impl Iterator<Item = RecordBatch> {
    pieces(images, group).map(move |piece| {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(piece.clone().map(|n| n as i64)));
        let images: ArrayRef =
            Arc::new(BinaryArray::from_iter_values(piece.map(|n| raw::image(n, side))));
        RecordBatch::try_from_iter([("id", ids), ("image", images)]).unwrap()
    })
}

fn write_plain(path: &Path, images: usize, side: usize) {
    let mut file = File::create(path).unwrap();
    (0..images).for_each(|n| file.write_all(&raw::image(n, side)).unwrap());
}
