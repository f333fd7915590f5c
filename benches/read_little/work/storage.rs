//! Bytes on disk.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::BinaryArray;
use datafusion::arrow::array::RecordBatch;
use lakebed::core::Column;
use lakebed::core::Schema;

use crate::bench::Bench;
use crate::bench::Goal;
use crate::bench::Work;
use crate::ours;
use crate::parquet;
use crate::support::figures::Figure;
use crate::support::files::size_of;
use crate::support::pictures::pictures;
use crate::support::pictures::shared_data;

/// Keeps the sizes of a table in its three forms.
pub fn record(bench: &mut Bench, name: &str, lake: &Path, parquet: &Path, raw: u64) {
    if bench.wants(&[name]) {
        let work = Work::new(name, "bytes on disk; floor: the values themselves");
        keep(bench, work.for_information(), lake, parquet, raw);
    }
}

fn keep(bench: &mut Bench, work: Work, lake: &Path, parquet: &Path, raw: u64) {
    let figure = |engine, bytes: u64| Figure::plain(&work.name, engine, bytes as f64 / 1e6, "MB");
    let figures = vec![
        figure("lakebed", size_of(lake)),
        figure("parquet", size_of(parquet)),
        figure("floor", raw),
    ];
    bench.record(work, 0, figures);
}

/// The sizes of CIFAR-10's test images, where they are there.
pub fn run(bench: &mut Bench) {
    const NAME: &str = "size_cifar10";
    if !bench.wants(&[NAME]) || !shared_data().join("cifar10/test").exists() {
        return;
    }
    let folder = bench.folder("cifar10");
    let pictures = pictures();
    let (lake, file) = (folder.at("lake"), folder.at("rows.parquet"));
    let schema = Schema::new(vec![Column::image("image")]).unwrap();
    let images = ours::images(&schema, "image", pictures.iter().map(Vec::as_slice));
    let batch = ours::batch(&schema, vec![images]);
    ours::write(bench.runtime, &lake, schema, [batch].into_iter());
    let images: ArrayRef = Arc::new(BinaryArray::from_iter_values(&pictures));
    let batch = RecordBatch::try_from_iter([("image", images)]).unwrap();
    parquet::write(&file, parquet::GROUP, &[], [batch].into_iter());
    let raw = pictures.iter().map(Vec::len).sum::<usize>() as u64;
    let what = format!(
        "bytes on disk of {} JPEGs of CIFAR-10; floor: their files' bytes; below 0.4 of those is wanted",
        pictures.len()
    );
    let work = Work::new(NAME, what).for_information().goal(Goal::Floor(0.4));
    keep(bench, work, &lake, &file, raw);
}
