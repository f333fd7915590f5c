//! Statistics of pages: finer than those of chunks, never wrong, and cheap.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int64Array;
use arrow::array::StringViewArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int64Type;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnChunks;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Fragment;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::Scalar;
use lakebed_dataset::Stats;

use super::append;
use super::append_numbers;
use super::batch;
use super::numbers;
use super::varied;
use super::varied_rows;

const ROWS: usize = 200_000;
const PAGE: usize = 64 * 1024;

/// Columns whose values grow with their row; chunks of about 150,000 ids.
async fn growing(url: &str) -> (Dataset, Fragment) {
    let schema = Schema::new(vec![
        Column::scalar("id", DType::I64).nullable(),
        Column::boxes("boxes", BoxFormat::Ltrb),
        Column::text("text"),
        Column::tensor("raw", DType::F32, &[Some(2)]).with_compression(Compression::None),
        Column::scalar("ids", DType::I64).sequence(),
    ])
    .unwrap();
    let ty = |name: &str| TensorType::from_column(schema.column(name).unwrap());
    let id = |row: usize| (row % 1000 != 7).then_some(row as i64);
    let ids: ArrayRef = Arc::new((0..ROWS).map(id).collect::<Int64Array>());
    let text = |row: usize| Some(format!("text {row:07} {}", "word ".repeat(row % 7)));
    let texts: ArrayRef = Arc::new((0..ROWS).map(text).collect::<StringViewArray>());
    let mut boxes = TensorBuilder::<f32>::new(2);
    let mut raw = TensorBuilder::<f32>::new(1);
    for row in 0..ROWS {
        boxes.push(&vec![row as f32; row % 3 * 4], &[row % 3, 4]).unwrap();
        raw.push(&[row as f32; 2], &[2]).unwrap();
    }
    let list = (0..ROWS).map(|row| Some(vec![Some(row as i64); row % 3]));
    let lists = arrow::array::ListArray::from_iter_primitive::<Int64Type, _, _>(list);
    let arrays = vec![
        ids,
        boxes.finish::<Float32Type>(&ty("boxes")).unwrap(),
        texts,
        raw.finish::<Float32Type>(&ty("raw")).unwrap(),
        arrow::compute::cast(&lists, &ty("ids").data_type()).unwrap(),
    ];
    let options = Options { chunk_bytes: 1_200_000, ..Options::default() };
    let dataset = Dataset::create(url, schema, options).await.unwrap();
    append(&dataset, &batch(dataset.schema(), arrays)).await.unwrap();
    let dataset = Dataset::open(url, Options::default()).await.unwrap();
    let fragment = dataset.fragments().await.unwrap()[0].clone();
    (dataset, fragment)
}

/// The chunks of a column, the same with the pages of `asked`, and what asking cost.
async fn pages(
    dataset: &Dataset,
    fragment: &Fragment,
    name: &str,
    asked: &[usize],
) -> (Arc<ColumnChunks>, Arc<ColumnChunks>, lakebed_store::Counts) {
    let column = dataset.schema().column(name).unwrap().id;
    let chunks = dataset.chunks(fragment, column).await.unwrap().unwrap();
    let before = dataset.metrics().snapshot();
    let pages = dataset.pages(fragment, column, asked).await.unwrap().unwrap();
    (chunks, pages, dataset.metrics().since(before))
}

#[tokio::test]
async fn pages_take_the_place_of_the_chunks_that_were_asked_for() {
    let (dataset, fragment) = growing("mem://pages_ids").await;
    let (chunks, fine, _) = pages(&dataset, &fragment, "id", &[0]).await;
    assert_eq!(chunks.first_rows, [0, 150_000, 200_000]);
    let starts: Vec<u64> = [0, PAGE, 2 * PAGE, 150_000, ROWS].map(|row| row as u64).into();
    assert_eq!(fine.first_rows, starts);
    for (page, rows) in starts.windows(2).enumerate() {
        let stats = &fine.stats[page];
        assert_eq!(stats.rows, rows[1] - rows[0]);
        assert_eq!(stats.min, Some(Scalar::Int(rows[0] as i64)));
        assert_eq!(stats.max, Some(Scalar::Int(rows[1] as i64 - 1)));
        let nulls = (rows[0]..rows[1]).filter(|row| row % 1000 == 7).count();
        assert_eq!(stats.nulls, nulls as u64);
    }
    assert_eq!((fine.bytes[3], &fine.stats[3]), (chunks.bytes[1], &chunks.stats[1]));
    assert!(fine.bytes[..3].iter().sum::<u64>() < chunks.bytes[0]);
}

#[tokio::test]
async fn pages_together_say_what_their_chunk_says() {
    let (dataset, fragment) = growing("mem://pages_all").await;
    for name in ["id", "boxes", "text"] {
        let column = dataset.schema().column(name).unwrap().id;
        let count = dataset.chunks(&fragment, column).await.unwrap().unwrap().bytes.len();
        let asked: Vec<usize> = (0..count).rev().collect();
        let (chunks, fine, _) = pages(&dataset, &fragment, name, &asked).await;
        assert!(fine.bytes.len() > chunks.bytes.len(), "{name}: {}", fine.bytes.len());
        assert!(fine.first_rows.is_sorted_by(|a, b| a < b), "{name}");
        for (chunk, rows) in chunks.first_rows.windows(2).enumerate() {
            let from = fine.first_rows.binary_search(&rows[0]).unwrap();
            let to = fine.first_rows.binary_search(&rows[1]).unwrap();
            let parts = &fine.stats[from..to];
            let sum = parts.iter().fold(Stats::default(), |sum, part| sum.merge(part));
            assert_eq!(sum, chunks.stats[chunk], "{name}");
            // Values grow with their row: all but neighbours are told apart.
            for pair in parts.windows(3) {
                let [before, _, after] = pair else { panic!() };
                let (max, min) = (before.max.as_ref().unwrap(), after.min.as_ref().unwrap());
                assert_eq!(max.compare(min), Some(std::cmp::Ordering::Less), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn where_nothing_finer_is_known_the_chunks_come_back() {
    let (dataset, fragment) = growing("mem://pages_none").await;
    for name in ["raw", "ids"] {
        let (chunks, fine, _) = pages(&dataset, &fragment, name, &[0]).await;
        assert!(Arc::ptr_eq(&chunks, &fine), "{name}");
    }
    let (chunks, fine, cost) = pages(&dataset, &fragment, "id", &[]).await;
    assert!(Arc::ptr_eq(&chunks, &fine));
    assert_eq!(cost.requests(), 0);
    let id = dataset.schema().column("id").unwrap().id;
    dataset.pages(&fragment, id, &[2]).await.unwrap_err();
}

#[tokio::test]
async fn page_statistics_cost_directories_only_and_once() {
    // On disk, where a directory and a payload are not read together.
    let folder = tempfile::tempdir().unwrap();
    let (dataset, fragment) = growing(folder.path().to_str().unwrap()).await;
    // A bit a row says which ids are null, two bits how many boxes there are.
    let rows = ROWS as u64;
    for (name, directories) in [("id", rows / 8), ("boxes", rows / 4), ("text", 0)] {
        let column = dataset.schema().column(name).unwrap().id;
        let count = dataset.chunks(&fragment, column).await.unwrap().unwrap().bytes.len();
        let asked: Vec<usize> = (0..count).collect();
        let (chunks, fine, cost) = pages(&dataset, &fragment, name, &asked).await;
        assert_eq!(cost.requests(), cost.range_gets);
        assert!(cost.range_gets as usize <= count, "{name}: {cost:?}");
        let stored: u64 = chunks.bytes.iter().sum();
        let a_page_each = fine.bytes.len() as u64 * 512;
        assert!(cost.bytes_read < directories + a_page_each, "{name}: {cost:?} of {stored}");
        let (_, _, again) = pages(&dataset, &fragment, name, &asked).await;
        assert_eq!(again.requests(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_summary_counts_the_cells_that_are_left() {
    let options = Options { chunk_bytes: 512, ..Options::default() };
    let schema = varied();
    let dataset = Dataset::create("mem://summary", schema.clone(), options).await.unwrap();
    let rows = append(&dataset, &varied_rows(&schema, 0, 60)).await.unwrap();
    let mut edit = rows.edit().unwrap();
    edit.update(&[5, 6, 7, 8, 40], &varied_rows(&schema, 100, 105)).await.unwrap();
    edit.delete(&(20..30).chain([0, 59]).collect::<Vec<u64>>());
    let edited = edit.commit("").await.unwrap();
    let reads: Vec<ColumnRead> = (schema.columns.iter())
        .map(|column| {
            let column = rows.schema().column(&column.name).unwrap().id;
            ColumnRead { column, part: Part::Whole }
        })
        .collect();
    let left: Vec<u64> = (0..edited.num_rows()).collect();
    let left = edited.take(&left, &reads).await.unwrap();
    let fresh = Dataset::create("mem://summary-2", schema.clone(), Options::default()).await;
    let fresh = append(&fresh.unwrap(), &left).await.unwrap();
    for column in &schema.columns {
        let summary = edited.summary(&column.name).await.unwrap();
        assert_eq!((summary.at_most, summary.filled), (false, 0));
        let expected = fresh.summary(&column.name).await.unwrap();
        assert_eq!(summary.stats, expected.stats, "{}", column.name);
    }
    // Neither deleted nor overwritten values are among the distinct ones.
    let few = Dataset::create("mem://summary-3", numbers(), Options::default()).await.unwrap();
    let few = append_numbers(&few, vec![1, 2, 3, 3]).await.unwrap();
    let few = few.delete(&[0], "").await.unwrap();
    let mut edit = few.edit().unwrap();
    let nine = batch(few.schema(), vec![Arc::new(Int64Array::from(vec![9]))]);
    edit.update(&[1], &nine).await.unwrap();
    let few = edit.commit("").await.unwrap();
    let stats = few.summary("x").await.unwrap().stats;
    let distinct = vec![Scalar::Int(3), Scalar::Int(9)];
    assert_eq!((stats.rows, stats.distinct), (3, Some(distinct)));
}
