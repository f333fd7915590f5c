//! The narrow table: id, label, time, a random number, caption and boxes, small and large.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::Float32Array;
use datafusion::arrow::array::Float64Array;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::ListArray;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StringArray;
use datafusion::arrow::array::StringViewArray;
use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Field;
use lakebed::core::BoxFormat;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::dataset::Dataset;

use super::boxes;
use super::filters;
use super::relations;
use super::remote;
use super::storage;
use crate::bench::Bench;
use crate::data::boxes as box_data;
use crate::data::boxes::Four;
use crate::data::pieces;
use crate::data::table;
use crate::ours;
use crate::parquet;

const PIECE: usize = 60_000;

/// The table in all three forms.
pub struct Narrow {
    /// Rows.
    pub rows: usize,
    /// What the names of works on it end with.
    pub suffix: &'static str,
    /// Where Lakebed's form is.
    pub lake: PathBuf,
    /// Lakebed's form, open.
    pub dataset: Dataset,
    /// Where Parquet's form is.
    pub parquet: PathBuf,
    /// The columns in memory.
    pub memory: Memory,
}

/// The columns as a plain program holds them.
#[derive(Default)]
pub struct Memory {
    /// Row numbers.
    pub ids: Vec<i64>,
    /// Classes.
    pub labels: Vec<u32>,
    /// Growing times.
    pub times: Vec<i64>,
    /// Uniform numbers.
    pub randoms: Vec<f64>,
    /// Captions end to end.
    pub text: String,
    /// Where each caption ends.
    pub text_ends: Vec<usize>,
    /// Boxes end to end.
    pub boxes: Vec<Four>,
    /// How many boxes each row has.
    pub box_counts: Vec<usize>,
}

/// Makes the table twice and measures everything that works on it.
pub fn run(bench: &mut Bench) {
    for (rows, suffix) in [(bench.size(60_000, 6_000), ""), (bench.size(6_000_000, 60_000), "_6m")]
    {
        let names: Vec<String> = filters::NAMES
            .iter()
            .chain(&boxes::NAMES)
            .chain(&relations::NAMES)
            .chain(&["throttled_filter", "size_narrow"])
            .map(|name| format!("{name}{suffix}"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if !bench.wants(&names) {
            continue;
        }
        let folder = bench.folder("narrow");
        let lake = folder.at("lake");
        let narrow = Narrow {
            rows,
            suffix,
            dataset: ours::write(bench.runtime, &lake, schema(), our_batches(rows)),
            lake,
            parquet: folder.at("rows.parquet"),
            memory: memory(rows),
        };
        parquet::write(
            &narrow.parquet,
            parquet::GROUP,
            &["label", "caption"],
            parquet_batches(rows),
        );
        folder.made(&format!("{rows} narrow rows"));
        filters::measure(bench, &narrow);
        boxes::measure(bench, &narrow);
        relations::measure(bench, &narrow, &folder);
        if !suffix.is_empty() {
            remote::filter(bench, &narrow);
        }
        let memory = &narrow.memory;
        let raw = rows * (8 + 4 + 8 + 8 + 4 + 4) + memory.text.len() + memory.boxes.len() * 16;
        let name = format!("size_narrow{suffix}");
        storage::record(bench, &name, &narrow.lake, &narrow.parquet, raw as u64);
    }
}

fn schema() -> Schema {
    let names = (0..table::CLASSES).map(|class| format!("class {class}")).collect();
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::class_label("label", names),
        Column::scalar("ts", DType::I64),
        Column::scalar("rnd", DType::F64),
        Column::text("caption"),
        Column::boxes("boxes", BoxFormat::Ltwh),
    ])
    .unwrap()
}

fn captions(rows: std::ops::Range<usize>) -> Vec<String> {
    let mut text = String::new();
    rows.map(|row| {
        table::caption(row, &mut text);
        text.clone()
    })
    .collect()
}

fn scalars(rows: std::ops::Range<usize>) -> Vec<ArrayRef> {
    vec![
        Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64))),
        Arc::new(UInt32Array::from_iter_values(rows.clone().map(table::label))),
        Arc::new(Int64Array::from_iter_values(rows.clone().map(table::time))),
        Arc::new(Float64Array::from_iter_values(rows.map(table::random))),
    ]
}

fn our_batches(rows: usize) -> impl Iterator<Item = RecordBatch> {
    let schema = schema();
    pieces(rows, PIECE).map(move |piece| {
        let mut columns = scalars(piece.clone());
        columns.push(Arc::new(StringViewArray::from_iter_values(captions(piece.clone()))));
        let (counts, boxes) = box_data::of_rows(piece);
        columns.push(ours::boxes(&schema, "boxes", &counts, &boxes));
        ours::batch(&schema, columns)
    })
}

/// A list for each side of the boxes: a query of one side then reads that side only.
fn parquet_batches(rows: usize) -> impl Iterator<Item = RecordBatch> {
    pieces(rows, PIECE).map(|piece| {
        let mut columns: Vec<(String, ArrayRef)> = ["id", "label", "ts", "rnd"]
            .into_iter()
            .map(String::from)
            .zip(scalars(piece.clone()))
            .collect();
        let text = StringArray::from_iter_values(captions(piece.clone()));
        columns.push(("caption".into(), Arc::new(text)));
        let (counts, boxes) = box_data::of_rows(piece);
        for (side, name) in ["box_x", "box_y", "box_w", "box_h"].into_iter().enumerate() {
            let values = Float32Array::from_iter_values(boxes.iter().map(|four| four[side]));
            let item = Arc::new(Field::new_list_field(DataType::Float32, false));
            let offsets = OffsetBuffer::from_lengths(counts.iter().copied());
            let list = ListArray::new(item, offsets, Arc::new(values), None);
            columns.push((name.into(), Arc::new(list)));
        }
        RecordBatch::try_from_iter(columns).unwrap()
    })
}

fn memory(rows: usize) -> Memory {
    let mut memory = Memory {
        ids: (0..rows as i64).collect(),
        labels: (0..rows).map(table::label).collect(),
        times: (0..rows).map(table::time).collect(),
        randoms: (0..rows).map(table::random).collect(),
        ..Memory::default()
    };
    let mut text = String::new();
    for row in 0..rows {
        table::caption(row, &mut text);
        memory.text.push_str(&text);
        memory.text_ends.push(memory.text.len());
    }
    (memory.box_counts, memory.boxes) = box_data::of_rows(0..rows);
    memory
}
