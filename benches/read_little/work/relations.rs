//! What tables always did: order and limit, count by label, join on an id.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::engine::Language;

use super::narrow::Narrow;
use crate::bench::Bench;
use crate::bench::Folder;
use crate::bench::Work;
use crate::data::mix;
use crate::data::table;
use crate::floor;
use crate::ours;
use crate::parquet;
use crate::way;
use crate::way::Answer;

/// The works, before their suffix.
pub const NAMES: [&str; 3] = ["order_limit", "count_by_label", "join_on_id"];

const LIMIT: usize = 100;
/// Coprime to the numbers of rows, so that its multiples are a shuffled order of ids.
const STEP: usize = 7919;

/// Measures them.
pub fn measure(bench: &mut Bench, narrow: &Narrow, folder: &Folder) {
    let Narrow { rows, suffix, dataset, parquet, memory, .. } = narrow;
    let runtime = bench.runtime;
    let rows = *rows;
    let named = |at: usize| format!("{}{suffix}", NAMES[at]);
    let text = format!("SELECT id FROM t ORDER BY rnd LIMIT {LIMIT}");
    bench.three(
        Work::new(&named(0), format!("ids of the {LIMIT} least random numbers of {rows}; floor: a pass over the column in memory that keeps them")),
        || ours::query(runtime, &[("t", dataset)], Language::Sql, &text, way::ids),
        || parquet::query(runtime, &[("t", parquet)], &text, way::ids),
        floor::in_memory(|| least(&memory.randoms), |rows| Answer::of_ids(rows.into_iter().map(|row| row as i64))),
    );
    let text = "SELECT label, count(*) AS n FROM t GROUP BY label";
    bench.three(
        Work::new(
            &named(1),
            format!("rows of each label, of {rows}; floor: a pass over the labels in memory"),
        ),
        || ours::query(runtime, &[("t", dataset)], Language::Sql, text, way::groups),
        || parquet::query(runtime, &[("t", parquet)], text, way::groups),
        floor::in_memory(
            || {
                let mut counts = [0usize; table::CLASSES];
                memory.labels.iter().for_each(|label| counts[*label as usize] += 1);
                counts
            },
            |counts| {
                let mut answer = Answer::default();
                (0..).zip(counts).for_each(|(label, count)| answer.add_group(label, count));
                answer
            },
        ),
    );
    if !bench.wants(&[&named(2)]) {
        return;
    }
    let ids: Vec<i64> = (0..rows / 2).map(|n| (n * STEP % rows) as i64).collect();
    let weights: Vec<i64> = (0..rows / 2).map(|n| (mix(7, n) % 1000) as i64).collect();
    let columns = || -> Vec<ArrayRef> {
        vec![Arc::new(Int64Array::from(ids.clone())), Arc::new(Int64Array::from(weights.clone()))]
    };
    let schema =
        Schema::new(vec![Column::scalar("id", DType::I64), Column::scalar("w", DType::I64)])
            .unwrap();
    let batch = ours::batch(&schema, columns());
    let side = ours::write(runtime, &folder.at("side"), schema, [batch].into_iter());
    let side_file = folder.at("side.parquet");
    let batch = RecordBatch::try_from_iter(["id", "w"].into_iter().zip(columns())).unwrap();
    parquet::write(&side_file, parquet::GROUP, &[], [batch].into_iter());
    let text = format!(
        "SELECT count(*) AS n, sum(j.w) AS s FROM t JOIN j ON t.id = j.id WHERE t.label = {}",
        table::WANTED
    );
    bench.three(
        Work::new(&named(2), format!("count and sum over {rows} rows joined with half as many by id, where the label is 3; floor: the label of each id looked up in memory")),
        || {
            let tables = [("t", dataset), ("j", &side)];
            ours::query(runtime, &tables, Language::Sql, &text, way::numbers)
        },
        || {
            let tables = [("t", parquet.as_path()), ("j", side_file.as_path())];
            parquet::query(runtime, &tables, &text, way::numbers)
        },
        floor::in_memory(
            || {
                let (mut count, mut sum) = (0i64, 0i64);
                for (id, weight) in ids.iter().zip(&weights) {
                    if memory.labels[*id as usize] == table::WANTED {
                        count += 1;
                        sum += weight;
                    }
                }
                (count, sum)
            },
            |(count, sum)| Answer { rows: 1, sum: (count + sum) as f64, ..Answer::default() },
        ),
    );
}

/// The rows of the least values.
fn least(values: &[f64]) -> Vec<usize> {
    let mut kept: Vec<(f64, usize)> = Vec::with_capacity(LIMIT + 1);
    let mut most = f64::INFINITY;
    for (row, value) in values.iter().enumerate() {
        if *value < most {
            let at = kept.partition_point(|(kept, _)| kept <= value);
            kept.insert(at, (*value, row));
            kept.truncate(LIMIT);
            if kept.len() == LIMIT {
                most = kept[LIMIT - 1].0;
            }
        }
    }
    kept.into_iter().map(|(_, row)| row).collect()
}
