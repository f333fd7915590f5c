//! Fragments written anew: in another order, in chunks of other sizes, in bounded memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::print_stdout, reason = "figures of a run")]
#![allow(clippy::cast_possible_wrap)]

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Compaction;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Part;

fn ids(range: std::ops::Range<i64>) -> RecordBatch {
    let scrambled = range.map(|n| n * 61 % 997);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(scrambled));
    RecordBatch::try_from_iter([("id", ids)]).unwrap()
}

async fn append(dataset: &Dataset, batch: &RecordBatch) -> Dataset {
    let mut writer = dataset.append().unwrap();
    writer.write(batch).await.unwrap();
    writer.commit("").await.unwrap()
}

async fn filled(url: &str, commits: i64) -> Dataset {
    let schema = Schema::new(vec![Column::scalar("id", DType::I64)]).unwrap();
    let mut dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
    for nth in 0..commits {
        dataset = append(&dataset, &ids(nth * 50..nth * 50 + 50)).await;
    }
    dataset
}

async fn values(dataset: &Dataset) -> Vec<i64> {
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let column = dataset.schema().columns[0].id;
    let read = ColumnRead { column, part: Part::Whole };
    let batch = dataset.take(&positions, &[read]).await.unwrap();
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

/// The positions of the rows in the order of their values.
fn by_value(values: &[i64]) -> Vec<u64> {
    let mut order: Vec<u64> = (0..values.len() as u64).collect();
    order.sort_by_key(|at| values[usize::try_from(*at).unwrap()]);
    order
}

#[tokio::test]
async fn another_order_keeps_rows_ids_and_versions() {
    let dataset = filled("mem://reorder", 8).await;
    let dataset = dataset.delete(&[7, 80], "").await.unwrap();
    let dataset = dataset.tag("before", "").await.unwrap();
    let before = values(&dataset).await;
    let named = dataset.row_ids_at(&(0..dataset.num_rows()).collect::<Vec<_>>()).await.unwrap();
    let order = by_value(&before);
    let mut told = (0, 0);
    let sorted = dataset.reorder(&order, "by id", |a, b| told = (a, b)).await.unwrap();
    assert_eq!(told, (398, 398));
    let after = values(&sorted).await;
    assert!(after.is_sorted() && after.len() == 398);
    // A row has the id that it had.
    let ids = sorted.row_ids_at(&(0..398).collect::<Vec<_>>()).await.unwrap();
    for (id, value) in ids.iter().zip(&after) {
        let was = named.iter().position(|named| named == id).unwrap();
        assert_eq!(before[was], *value);
    }
    let places = sorted.positions_of(&ids).await.unwrap();
    assert!(places.into_iter().enumerate().all(|(nth, place)| place == Some(nth as u64)));
    // Nothing changed but the order.
    assert!(dataset.diff(&sorted).await.unwrap().is_empty());
    assert_eq!(values(&sorted.at(dataset.version()).await.unwrap()).await, before);
    // Edits, appends and branches go on.
    let edited = sorted.delete(&[ids[0]], "").await.unwrap();
    assert_eq!(values(&edited).await, after[1..]);
    let longer = append(&edited, &ids_batch()).await;
    assert_eq!(values(&longer).await.last(), Some(&-1));
    assert!(longer.verify(|_, _| ()).await.unwrap().damage.is_empty());
    // A second time there is nothing to do.
    let again = sorted.reorder(&(0..398).collect::<Vec<_>>(), "", |_, _| ()).await.unwrap();
    assert_eq!(again.version(), sorted.version());
}

fn ids_batch() -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![-1]));
    RecordBatch::try_from_iter([("id", ids)]).unwrap()
}

#[tokio::test]
async fn an_order_yields_to_edits_and_takes_appends() {
    let dataset = filled("mem://reorder-races", 4).await;
    let order = by_value(&values(&dataset).await);
    // Rows that came meanwhile follow.
    append(&dataset, &ids_batch()).await;
    let sorted = dataset.reorder(&order, "", |_, _| ()).await.unwrap();
    let found = values(&sorted).await;
    assert!(found[..200].is_sorted() && found[200..] == [-1]);
    // A row that was changed meanwhile stays as it is: the order is given up, nothing is lost.
    let order: Vec<u64> = (0..201).rev().collect();
    let edited = sorted.delete(&[3], "").await.unwrap();
    let refused = sorted.reorder(&order, "", |_, _| ()).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }), "{refused}");
    assert_eq!(sorted.refresh().await.unwrap().version(), edited.version());
}

#[tokio::test]
async fn what_is_no_order_is_refused() {
    let dataset = filled("mem://reorder-wrong", 1).await;
    let repeated = [vec![0; 2], (1..49).collect()].concat();
    for wrong in [vec![], (0..49).collect(), repeated, (1..51).collect::<Vec<u64>>()] {
        let refused = dataset.reorder(&wrong, "", |_, _| ()).await.unwrap_err();
        assert!(refused.to_string().contains("names each of them once"), "{refused}");
    }
    assert_eq!(dataset.refresh().await.unwrap().version(), 1);
}

#[tokio::test]
async fn all_of_it_takes_other_chunks_and_packs() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("ds");
    let url = url.to_str().unwrap();
    let dataset = filled(url, 6).await;
    let before = values(&dataset).await;
    let small = Options { chunk_bytes: 256, pack_bytes: 1024, ..Options::default() };
    let opened = Dataset::open(url, small).await.unwrap();
    let all = Compaction { all: true, ..Compaction::default() };
    let rewritten = opened.compact(&all, "", |_, _| ()).await.unwrap();
    let fragments = rewritten.fragments().await.unwrap();
    let column = rewritten.schema().columns[0].id;
    let mut chunks = 0;
    for fragment in fragments.iter() {
        chunks += rewritten.chunks(fragment, column).await.unwrap().unwrap().bytes.len();
    }
    println!("6 fragments became {} of {chunks} chunks", fragments.len());
    assert!(chunks > 6 && values(&rewritten).await == before);
    let opened = Dataset::open(url, Options::default()).await.unwrap();
    let joined = opened.compact(&all, "", |_, _| ()).await.unwrap();
    assert_eq!(joined.fragments().await.unwrap().len(), 1);
    assert_eq!(values(&joined).await, before);
}

#[tokio::test]
async fn memory_is_bounded_by_bytes_not_by_rows() {
    // Zeros: 1 MiB of memory a row, and next to nothing in a pack.
    let schema = Schema::new(vec![Column::tensor("z", DType::U8, &[None])]).unwrap();
    let mut dataset =
        Dataset::create("mem://compact-zeros", schema, Options::default()).await.unwrap();
    let ty = TensorType::from_column(&dataset.schema().columns[0]);
    let mut zeros = TensorBuilder::<u8>::new(1);
    for _ in 0..40 {
        zeros.push(&vec![0; 1 << 20], &[1 << 20]).unwrap();
    }
    let array: ArrayRef = zeros.finish::<UInt8Type>(&ty).unwrap();
    let fields = arrow_schema::Schema::new(vec![ty.to_field("z", false)]);
    let batch = RecordBatch::try_new(fields.into(), vec![array]).unwrap();
    for _ in 0..3 {
        dataset = append(&dataset, &batch).await;
    }
    let mut steps = vec![0];
    let compacted = dataset.compact(&Compaction::default(), "", |done, _| steps.push(done)).await;
    let largest = steps.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    println!("rows of 1 MiB: at most {largest} at a time");
    assert!(largest <= 16, "{steps:?}");
    assert_eq!(compacted.unwrap().fragments().await.unwrap().len(), 1);
}
