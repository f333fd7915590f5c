//! Conditions on ragged boxes: any of their widths, and how many there are.

use lakebed::engine::Language;

use super::narrow::Narrow;
use crate::bench::Bench;
use crate::bench::Goal;
use crate::bench::Work;
use crate::data::boxes::MANY;
use crate::data::boxes::WIDE;
use crate::floor;
use crate::ours;
use crate::parquet;
use crate::way;
use crate::way::Answer;

/// The works, before their suffix.
pub const NAMES: [&str; 2] = ["any_boxes", "shape_boxes"];

/// Measures them.
pub fn measure(bench: &mut Bench, narrow: &Narrow) {
    let Narrow { rows, suffix, dataset, parquet, memory, .. } = narrow;
    let runtime = bench.runtime;
    let large = !suffix.is_empty();
    let mut compare = |work: Work, ours: String, theirs: String, floor| {
        let ours = format!("SELECT id FROM t WHERE {ours}");
        let theirs = format!("SELECT id FROM t WHERE {theirs}");
        bench.three(
            work.goal(Goal::Parquet(3.0)),
            || ours::query(runtime, &[("t", dataset)], Language::Tql, &ours, way::ids),
            || parquet::query(runtime, &[("t", parquet)], &theirs, way::ids),
            floor,
        );
    };
    let ids = |ids: Vec<i64>| Answer::of_ids(ids);
    let what = format!(
        "ids where ANY(boxes[:,2] > {WIDE}), {rows} rows; Parquet: a list column a side, array_max; floor: a loop over the boxes in memory"
    );
    compare(
        Work::new(&format!("{}{suffix}", NAMES[0]), what),
        format!("ANY(boxes[:, 2] > {WIDE})"),
        format!("array_max(box_w) > arrow_cast({WIDE}, 'Float32')"),
        floor::in_memory(
            || {
                let mut found = Vec::new();
                let mut left = memory.boxes.as_slice();
                for (id, count) in memory.ids.iter().zip(&memory.box_counts) {
                    let (row, rest) = left.split_at(*count);
                    left = rest;
                    if row.iter().any(|four| four[2] > WIDE) {
                        found.push(*id);
                    }
                }
                found
            },
            ids,
        ),
    );
    let what = format!(
        "ids where SHAPE(boxes)[0] > {MANY}, {rows} rows; Parquet: array_length; floor: a pass over the counts in memory"
    );
    let work = Work::new(&format!("{}{suffix}", NAMES[1]), what);
    compare(
        if large { work.goal(Goal::Floor(5.0)) } else { work },
        format!("SHAPE(boxes)[0] > {MANY}"),
        format!("array_length(box_w) > {MANY}"),
        floor::in_memory(
            || floor::matching(&memory.ids, &memory.box_counts, |count| *count > MANY),
            ids,
        ),
    );
}
