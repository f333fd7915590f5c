//! The order of an epoch: a pure function of (view, seed, epoch), computed place by place.
//!
//! The chunk-aware shuffle cuts the rows into *blocks* that are read together, permutes the blocks,
//! puts blocks that then follow each other together into *windows*, and permutes the samples of each
//! window. A window is read as whole blocks, so a shuffled epoch makes about as many requests as a
//! sequential one; and a batch mixes samples of all blocks of its window.

use std::sync::Arc;

use crate::permutation::Permutation;
use crate::random;

/// How an epoch is shuffled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Shuffle {
    /// The view's own order.
    #[default]
    None,
    /// Every order of the rows is as likely as any other, as far as a computed permutation goes;
    /// samples are read one by one wherever they are.
    Uniform,
    /// Samples of chunks that lie together are drawn from a window of blocks; see
    /// [`Shuffle::chunks`].
    Chunks {
        /// Bytes of consecutive samples that make up a block. A block never crosses chunks.
        block_bytes: u64,
        /// Bytes of blocks that are mixed with each other. Blocks are counted, and taken to be full.
        window_bytes: u64,
    },
}

impl Shuffle {
    /// The chunk-aware shuffle in its usual sizes: windows of 32 MiB of blocks of 256 KiB.
    pub fn chunks() -> Shuffle {
        Shuffle::Chunks { block_bytes: 256 << 10, window_bytes: 32 << 20 }
    }
}

/// Where blocks of rows begin, and how many are mixed.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// First row of each block, ascending, and the end of the last.
    pub bounds: Vec<u64>,
    /// Blocks of a window.
    pub window: usize,
}

/// How places become rows, for any seed and epoch.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    None,
    Uniform,
    Chunks(Arc<Blocks>),
}

/// The order of one epoch.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    rows: u64,
    key: u64,
    kind: EpochKind,
}

#[derive(Debug, Clone)]
enum EpochKind {
    None,
    Uniform(Permutation),
    Chunks {
        blocks: Arc<Blocks>,
        order: Permutation,
        /// Place of the first sample of each window, and the end of the last.
        windows: Vec<u64>,
    },
}

impl Order {
    /// The order of `rows` rows. Takes O(number of blocks) for the chunk-aware shuffle.
    pub fn new(rows: u64, kind: &Kind, seed: u64, epoch: u64) -> Order {
        let key = random::key(&[seed, epoch]);
        let kind = match kind {
            Kind::None => EpochKind::None,
            Kind::Uniform => EpochKind::Uniform(Permutation::new(rows, key)),
            Kind::Chunks(blocks) => {
                let count = blocks.bounds.len().saturating_sub(1);
                let order = Permutation::new(size(count), key);
                let mut windows = vec![0];
                let mut end = 0u64;
                for (nth, block) in (0..size(count)).map(|place| order.at(place)).enumerate() {
                    end += blocks.len_of(block);
                    if (nth + 1) % blocks.window == 0 || nth + 1 == count {
                        windows.push(end);
                    }
                }
                EpochKind::Chunks { blocks: Arc::clone(blocks), order, windows }
            }
        };
        Order { rows, key, kind }
    }

    /// Number of samples of the epoch.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// The row at a place: its number in the base order, which is the view's, or by position for the
    /// chunk-aware shuffle. O(log windows + blocks of a window).
    #[cfg(test)]
    pub fn at(&self, place: u64) -> u64 {
        self.rows_at(place..place + 1).next().unwrap_or(0)
    }

    /// The rows at consecutive places below [`Order::len`].
    pub fn rows_at(&self, places: std::ops::Range<u64>) -> impl Iterator<Item = u64> + '_ {
        let mut window: Option<Window> = None;
        places.map(move |place| match &self.kind {
            EpochKind::None => place,
            EpochKind::Uniform(permutation) => permutation.at(place),
            EpochKind::Chunks { blocks, order, windows } => {
                if !window.as_ref().is_some_and(|w| w.places.contains(&place)) {
                    window = Some(Window::new(blocks, order, windows, self.key, place));
                }
                window.as_ref().map_or(0, |w| w.at(place))
            }
        })
    }

    /// The end of the rows that are mixed with the one at a place: what is worth being read
    /// together. `None` if none are.
    pub fn window_end(&self, place: u64) -> Option<u64> {
        match &self.kind {
            EpochKind::None => None,
            EpochKind::Uniform(_) => Some(self.rows),
            EpochKind::Chunks { windows, .. } => {
                windows.get(windows.partition_point(|end| *end <= place)).copied()
            }
        }
    }
}

/// One window, with its blocks looked up.
struct Window {
    places: std::ops::Range<u64>,
    /// First row of each block, and the place within the window that it would have unshuffled.
    blocks: Vec<(u64, u64)>,
    permutation: Permutation,
}

impl Window {
    fn new(blocks: &Blocks, order: &Permutation, windows: &[u64], key: u64, place: u64) -> Window {
        let nth = windows.partition_point(|begin| *begin <= place).saturating_sub(1);
        let at = |nth: usize| windows.get(nth).copied().unwrap_or(0);
        let places = at(nth)..at(nth + 1).max(place + 1);
        let count = blocks.bounds.len().saturating_sub(1);
        let first = nth * blocks.window;
        let mut begin = 0;
        let of_window = (first..(first + blocks.window).min(count)).map(|place| {
            let block = order.at(size(place));
            let found = (blocks.first_of(block), begin);
            begin += blocks.len_of(block);
            found
        });
        let blocks = of_window.collect();
        let key = random::key(&[key, size(nth)]);
        Window { permutation: Permutation::new(places.end - places.start, key), places, blocks }
    }

    fn at(&self, place: u64) -> u64 {
        let drawn = self.permutation.at(place - self.places.start);
        let behind = self.blocks.partition_point(|(_, begin)| *begin <= drawn);
        let block = behind.checked_sub(1).and_then(|nth| self.blocks.get(nth));
        block.map_or(0, |(row, begin)| row + (drawn - begin))
    }
}

impl Blocks {
    fn first_of(&self, block: u64) -> u64 {
        usize::try_from(block).ok().and_then(|b| self.bounds.get(b)).copied().unwrap_or(0)
    }

    fn len_of(&self, block: u64) -> u64 {
        self.first_of(block + 1).saturating_sub(self.first_of(block))
    }
}

fn size(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "order/tests.rs"]
mod tests;
