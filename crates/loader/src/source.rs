//! What is loaded: the rows of a view or of a whole version, and where blocks of them lie.

use std::ops::Range;
use std::sync::Arc;

use lakebed_core::ColumnId;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::OpenView;

use crate::error::Result;
use crate::order::Blocks;
use crate::order::Kind;
use crate::order::Shuffle;
use crate::random;

/// What a loader can be made of.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Dataset(Dataset),
    View(Box<OpenView>),
}

/// The rows in their base order, which places of an epoch are counted in: the view's, or by position
/// where whole chunks are shuffled.
#[derive(Debug)]
pub(crate) struct Source {
    pub dataset: Dataset,
    pub view: Option<String>,
    /// The position of each row; `None` if they are all rows of the version.
    positions: Option<Vec<u64>>,
    weights: Option<Vec<f64>>,
    pub rows: u64,
    /// Bytes of a row of the version as it is stored, all columns, on average; at least one.
    pub row_bytes: u64,
    pub kind: Kind,
    /// Checksum of the rows and of how they are shuffled.
    pub order: String,
}

impl Source {
    /// Finds the rows, and for the chunk-aware shuffle the chunks of the columns that are loaded.
    pub async fn open(origin: Origin, shuffle: Shuffle, columns: &[ColumnRead]) -> Result<Source> {
        let (dataset, view, mut positions, mut weights) = match origin {
            Origin::Dataset(dataset) => (dataset, None, None, None),
            Origin::View(view) => {
                let positions = view.positions().await?;
                let weights = view.weights().map(<[f64]>::to_vec);
                (view.dataset().clone(), Some(view.name().to_string()), Some(positions), weights)
            }
        };
        let rows = positions.as_ref().map_or(dataset.num_rows(), |p| size(p.len()));
        let kind = match shuffle {
            Shuffle::None => Kind::None,
            Shuffle::Uniform => Kind::Uniform,
            Shuffle::Chunks { block_bytes, window_bytes } => {
                if let Some(positions) = &mut positions {
                    sort(positions, weights.as_mut());
                }
                let segments = segments(&dataset, columns).await?;
                let bounds = bounds(&segments, positions.as_deref(), rows, block_bytes.max(1));
                let window = usize::try_from(window_bytes / block_bytes.max(1)).unwrap_or(1).max(1);
                Kind::Chunks(Arc::new(Blocks { bounds, window }))
            }
        };
        let order = fingerprint(positions.as_deref(), rows, &kind);
        let row_bytes = (dataset.stored_bytes().await? / dataset.num_rows().max(1)).max(1);
        Ok(Source { dataset, view, positions, weights, rows, row_bytes, kind, order })
    }

    /// The position of a row of the base order.
    pub fn position(&self, row: u64) -> u64 {
        let Some(positions) = &self.positions else { return row };
        usize::try_from(row).ok().and_then(|row| positions.get(row)).copied().unwrap_or(row)
    }

    /// The weight of a row of the base order.
    pub fn weight(&self, row: u64) -> Option<f64> {
        self.weights.as_ref()?.get(usize::try_from(row).ok()?).copied()
    }

    /// True if rows have weights.
    pub fn is_weighted(&self) -> bool {
        self.weights.is_some()
    }
}

/// Puts rows in the order of their positions, and their weights with them; equal ones stay in order.
fn sort(positions: &mut Vec<u64>, weights: Option<&mut Vec<f64>>) {
    match weights {
        None => positions.sort_unstable(),
        Some(weights) => {
            let mut pairs: Vec<(u64, f64)> =
                positions.iter().copied().zip(weights.iter().copied()).collect();
            pairs.sort_by_key(|(position, _)| *position);
            (*positions, *weights) = pairs.into_iter().unzip();
        }
    }
}

/// Rows of one chunk of the widest column, and the bytes of one of them.
struct Segment {
    positions: Range<u64>,
    row_bytes: u64,
}

async fn segments(dataset: &Dataset, columns: &[ColumnRead]) -> Result<Vec<Segment>> {
    let ids: Vec<ColumnId> = columns.iter().map(|read| read.column).collect();
    let mut segments = Vec::new();
    for fragment in dataset.fragments().await?.iter().filter(|fragment| fragment.rows > 0) {
        let mut widest: Option<(u64, Arc<lakebed_dataset::ColumnChunks>)> = None;
        let mut all = 0u64;
        for id in &ids {
            let Some(chunks) = dataset.chunks(fragment, *id).await? else { continue };
            let bytes = chunks.bytes.iter().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
            all = all.saturating_add(bytes);
            if widest.as_ref().is_none_or(|(most, _)| bytes > *most) {
                widest = Some((bytes, chunks));
            }
        }
        let first = fragment.first_position;
        let row_bytes = (all / fragment.pointer.rows.max(1)).max(1);
        let starts = widest.map(|(_, chunks)| chunks.first_rows.clone()).unwrap_or_default();
        // Deleted rows shift positions against chunks: blocks are then a little off, which costs a
        // request here and there and nothing else.
        let mut cuts: Vec<u64> = starts.into_iter().filter(|row| *row < fragment.rows).collect();
        cuts.insert(0, 0);
        cuts.push(fragment.rows);
        cuts.dedup();
        for pair in cuts.windows(2) {
            if let &[start, end] = pair {
                segments.push(Segment { positions: first + start..first + end, row_bytes });
            }
        }
    }
    Ok(segments)
}

/// Cuts the rows of each segment evenly into blocks of at most so many bytes.
fn bounds(segments: &[Segment], positions: Option<&[u64]>, rows: u64, block: u64) -> Vec<u64> {
    let row_of = |position: u64| match positions {
        None => position,
        Some(positions) => size(positions.partition_point(|p| *p < position)),
    };
    let mut bounds = vec![0];
    for segment in segments {
        let (start, end) = (row_of(segment.positions.start), row_of(segment.positions.end));
        let count = end.saturating_sub(start);
        let parts = count.div_ceil((block / segment.row_bytes).max(1));
        bounds.extend((1..=parts).map(|part| start + count * part / parts));
    }
    if bounds.last() != Some(&rows) {
        bounds.push(rows);
    }
    bounds
}

fn fingerprint(positions: Option<&[u64]>, rows: u64, kind: &Kind) -> String {
    let fold = |start: u64, numbers: &[u64]| {
        numbers.iter().fold(start, |sum, number| random::mix(sum.rotate_left(1) ^ number))
    };
    let mut sum = fold(rows, positions.unwrap_or_default());
    sum = match kind {
        Kind::None => fold(sum, &[1]),
        Kind::Uniform => fold(sum, &[2]),
        Kind::Chunks(blocks) => fold(fold(sum, &[3, size(blocks.window)]), &blocks.bounds),
    };
    format!("{sum:016x}")
}

fn size(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_where_chunks_end() {
        let segment = |positions, row_bytes| Segment { positions, row_bytes };
        let segments = [segment(0..10, 10), segment(10..12, 100), segment(12..13, 1)];
        assert_eq!(bounds(&segments, None, 13, 40), [0, 3, 6, 10, 11, 12, 13]);
        // A view of some rows, one of them twice.
        let rows = [1, 1, 9, 11];
        assert_eq!(bounds(&segments, Some(&rows), 4, 40), [0, 3, 4]);
        assert_eq!(bounds(&[], None, 0, 40), [0]);
    }

    #[test]
    fn weights_move_with_their_rows() {
        let (mut positions, mut weights) = (vec![5, 1, 5, 0], vec![0.5, 0.1, 0.6, 0.0]);
        sort(&mut positions, Some(&mut weights));
        assert_eq!((positions, weights), (vec![0, 1, 5, 5], vec![0.0, 0.1, 0.5, 0.6]));
    }
}
