//! Some rows of a Parquet file without a query: the parquet crate with its metadata and page index
//! loaded once, and a selection of rows.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderMetadata;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::arrow::arrow_reader::RowSelection;
use datafusion::parquet::arrow::arrow_reader::RowSelector;
use datafusion::parquet::file::metadata::PageIndexPolicy;

use crate::way::Answer;
use crate::way::Sample;
use crate::way::Way;

struct Table {
    file: File,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    group: usize,
}

impl Table {
    fn read(&self, rows: &[usize]) -> Vec<RecordBatch> {
        let mut groups: Vec<usize> = rows.iter().map(|row| row / self.group).collect();
        groups.dedup();
        // The selection counts over the chosen groups only; all but the last of a file are full.
        let mut selectors = Vec::with_capacity(rows.len() * 2);
        let mut at = 0;
        for row in rows {
            let place = groups.binary_search(&(row / self.group)).unwrap();
            let place = place * self.group + row % self.group;
            if place > at {
                selectors.push(RowSelector::skip(place - at));
            }
            selectors.push(RowSelector::select(1));
            at = place + 1;
        }
        let file = self.file.try_clone().unwrap();
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_projection(self.mask.clone())
                .with_row_groups(groups)
                .with_row_selection(RowSelection::from(selectors))
                .with_batch_size(rows.len())
                .build()
                .unwrap();
        reader.map(Result::unwrap).collect()
    }
}

/// Reads a column of some ascending rows: all in one call, or a call a row.
pub fn way<'a>(
    path: &Path,
    column: &str,
    group: usize,
    rows: &'a [usize],
    one_call: bool,
    answer: fn(&[RecordBatch]) -> Answer,
) -> Way<'a> {
    let file = File::open(path).unwrap();
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = ArrowReaderMetadata::load(&file, options).unwrap();
    let mask = ProjectionMask::columns(metadata.parquet_schema(), [column]);
    let table = Table { file, metadata, mask, group };
    Box::new(move |check| {
        let begin = Instant::now();
        let batches: Vec<RecordBatch> = if one_call {
            table.read(rows)
        } else {
            rows.iter().flat_map(|row| table.read(std::slice::from_ref(row))).collect()
        };
        let took = begin.elapsed();
        Sample { took, answer: check.then(|| answer(&batches)), ..Sample::default() }
    })
}
