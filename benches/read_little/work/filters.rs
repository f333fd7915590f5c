//! Ids by a filter on a label, on a sorted column, and on text.

use lakebed::engine::Language;

use super::narrow::Narrow;
use crate::bench::Bench;
use crate::bench::Goal;
use crate::bench::Work;
use crate::data::table;
use crate::floor;
use crate::ours;
use crate::parquet;
use crate::way;
use crate::way::Answer;

/// The works, before their suffix.
pub const NAMES: [&str; 3] = ["filter_label", "filter_range", "filter_text"];

/// Measures them.
pub fn measure(bench: &mut Bench, narrow: &Narrow) {
    let Narrow { rows, suffix, dataset, parquet, memory, .. } = narrow;
    let runtime = bench.runtime;
    let (from, before) = table::time_window(*rows);
    let wanted = table::WANTED;
    let rare = table::RARE;
    let large = !suffix.is_empty();
    let work = |name: &str, what: &str, pass: bool| {
        let what = format!(
            "{what}, {rows} rows; floor: a pass over the column in memory that collects ids"
        );
        let work = Work::new(&format!("{name}{suffix}"), what);
        if large && pass { work.goal(Goal::Floor(5.0)) } else { work }
    };
    let mut compare = |work: Work, condition: String, theirs: String, floor| {
        let ours = format!("SELECT id FROM t WHERE {condition}");
        let theirs = format!("SELECT id FROM t WHERE {theirs}");
        bench.three(
            work,
            || ours::query(runtime, &[("t", dataset)], Language::Tql, &ours, way::ids),
            || parquet::query(runtime, &[("t", parquet)], &theirs, way::ids),
            floor,
        );
    };
    let ids = |ids: Vec<i64>| Answer::of_ids(ids);
    let condition = format!("label = {wanted}");
    compare(
        work(NAMES[0], "ids where a label is 3", true),
        condition.clone(),
        condition,
        floor::in_memory(
            || floor::matching(&memory.ids, &memory.labels, |label| *label == wanted),
            ids,
        ),
    );
    let condition = format!("ts >= {from} AND ts < {before}");
    compare(
        work(NAMES[1], "ids of a range of a sorted column, one row in a hundred", true),
        condition.clone(),
        condition,
        floor::in_memory(
            || floor::matching(&memory.ids, &memory.times, |time| (from..before).contains(time)),
            ids,
        ),
    );
    compare(
        work(NAMES[2], "ids where a caption holds a word, one row in two hundred", false),
        format!("CONTAINS(caption, '{rare}')"),
        format!("contains(caption, '{rare}')"),
        floor::in_memory(
            || {
                let mut found = Vec::new();
                let mut begin = 0;
                for (id, end) in memory.ids.iter().zip(&memory.text_ends) {
                    if memory.text[begin..*end].contains(rare) {
                        found.push(*id);
                    }
                    begin = *end;
                }
                found
            },
            ids,
        ),
    );
}
