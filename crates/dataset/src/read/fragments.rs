//! The fragments of a snapshot: all of them, or those that may have what is looked for.

use std::ops::Range;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::StreamExt;
use futures::TryStreamExt;
use lakebed_format::FragmentPointer;
use lakebed_format::NodePointer;
use lakebed_format::Totals;
use lakebed_format::tree::FAN_OUT;
use lakebed_format::tree::Node;

use super::request::Fragment;
use crate::dataset::Dataset;
use crate::error::Result;

/// Nodes that are read at the same time.
const PARALLEL: usize = 16;

/// A part of the fragment tree, and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    index: usize,
    position: u64,
    pub below: Below,
}

/// What a part is.
#[derive(Debug, Clone)]
pub(crate) enum Below {
    Node(NodePointer),
    Fragment(FragmentPointer),
}

impl Part {
    pub fn totals(&self) -> Totals {
        match &self.below {
            Below::Node(pointer) => pointer.totals,
            Below::Fragment(pointer) => Totals::from(pointer),
        }
    }

    /// The positions of its rows.
    pub fn positions(&self) -> Range<u64> {
        self.position..self.position.saturating_add(self.totals().rows)
    }

    /// The fragment, if it is one.
    pub fn fragment(self) -> Option<Fragment> {
        match self.below {
            Below::Node(_) => None,
            Below::Fragment(pointer) => Some(Fragment {
                index: self.index,
                first_position: self.position,
                rows: pointer.live_rows(),
                pointer,
            }),
        }
    }
}

/// Parts that follow each other.
fn in_order(parts: impl Iterator<Item = Below>, mut index: usize, mut position: u64) -> Vec<Part> {
    parts
        .map(|below| {
            let part = Part { index, position, below };
            let totals = part.totals();
            let fragments = usize::try_from(totals.fragments).unwrap_or(usize::MAX);
            index = index.saturating_add(fragments);
            position = position.saturating_add(totals.rows);
            part
        })
        .collect()
}

impl Dataset {
    /// The fragments in position order.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub async fn fragments(&self) -> Result<Arc<[Fragment]>> {
        match self.fragments.get_or_try_init(|| self.load_fragments()).await {
            Ok(fragments) => Ok(Arc::clone(fragments)),
            Err(error) => Err(self.expired_or(error).await),
        }
    }

    async fn load_fragments(&self) -> Result<Arc<[Fragment]>> {
        let parts = self.descend(&|_, _| true).await?;
        Ok(parts.into_iter().filter_map(Part::fragment).collect())
    }

    /// In position order the fragments that may be `wanted` by their positions and row ids. Only the
    /// nodes above them are read.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub(crate) async fn fragments_where(
        &self,
        wanted: &(dyn Fn(&Range<u64>, &RangeInclusive<u64>) -> bool + Sync),
    ) -> Result<Arc<[Fragment]>> {
        // Who comes back for more and more of them gets all: no more is read than twice as much.
        let below = self.entry.tree.nodes().map(|node| node.totals.fragments);
        let all = below.fold(0u64, u64::saturating_add);
        let walked = self.walked.load(Ordering::Relaxed);
        if self.fragments.initialized() || walked.saturating_mul(FAN_OUT as u64) >= all {
            let has = |fragment: &&Fragment| {
                let end = fragment.first_position.saturating_add(fragment.rows);
                wanted(&(fragment.first_position..end), &fragment.pointer.row_ids())
            };
            return Ok(self.fragments().await?.iter().filter(has).cloned().collect());
        }
        match self.descend(wanted).await {
            Ok(parts) => Ok(parts.into_iter().filter_map(Part::fragment).collect()),
            Err(error) => Err(self.expired_or(error).await),
        }
    }

    async fn descend(
        &self,
        wanted: &(dyn Fn(&Range<u64>, &RangeInclusive<u64>) -> bool + Sync),
    ) -> Result<Vec<Part>> {
        let wanted = |part: &Part| wanted(&part.positions(), &part.totals().row_ids());
        let mut parts = self.roots()?;
        parts.retain(wanted);
        while parts.iter().any(|part| matches!(part.below, Below::Node(_))) {
            parts = self.opened(parts, &|_| true).await?;
            parts.retain(wanted);
        }
        Ok(parts)
    }

    /// What the entry itself points to, in position order.
    pub(crate) fn roots(&self) -> Result<Vec<Part>> {
        let tree = &self.entry.tree;
        let nodes = tree.nodes().cloned().map(Below::Node);
        let parts = in_order(nodes.chain(tree.tail.iter().cloned().map(Below::Fragment)), 0, 0);
        let rows = parts.last().map_or(0, |part| part.positions().end);
        if rows != self.entry.rows {
            let reason = format!("its fragments hold {rows} rows, and it says {}", self.entry.rows);
            let key = lakebed_format::Entry::key(self.entry.number);
            return Err(self.damaged(&key, "log entry", reason));
        }
        Ok(parts)
    }

    /// The parts, with what is below them in the place of nodes to open.
    pub(crate) async fn opened(
        &self,
        parts: Vec<Part>,
        open: &(dyn Fn(&NodePointer) -> bool + Sync),
    ) -> Result<Vec<Part>> {
        let read = parts.into_iter().map(|part| async move {
            let pointer = match &part.below {
                Below::Node(pointer) if open(pointer) => pointer.clone(),
                _ => return Ok(vec![part]),
            };
            self.walked.fetch_add(1, Ordering::Relaxed);
            Ok(match &*self.read_node(&pointer).await? {
                Node::Fragments(list) => {
                    let below = list.iter().cloned().map(Below::Fragment);
                    in_order(below, part.index, part.position)
                }
                Node::Nodes(list) => {
                    let below = list.iter().cloned().map(Below::Node);
                    in_order(below, part.index, part.position)
                }
            })
        });
        let opened: Result<Vec<Vec<Part>>> =
            futures::stream::iter(read).buffered(PARALLEL).try_collect().await;
        Ok(opened?.into_iter().flatten().collect())
    }
}
