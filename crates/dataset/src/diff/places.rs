//! Rows of two versions that are the same bytes at rest, though their fragments differ: a fold makes
//! one fragment of many and leaves their packs where they are.

use std::collections::BTreeMap;

use lakebed_core::ObjectId;
use roaring::RoaringBitmap;
use roaring::RoaringTreemap;

use super::ids_at;
use crate::dataset::Dataset;
use crate::edit::id_runs;
use crate::error::Result;
use crate::read::Fragment;

/// Rows of ids that follow each other, which lie one after the other in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first_id: u64,
    rows: u64,
    pack: ObjectId,
    first_row: u64,
}

/// Those of `rows` that lie at one place of one pack in both versions and were updated in neither.
pub(super) async fn unmoved(
    earlier: &Dataset,
    old: &[Fragment],
    later: &Dataset,
    new: &[Fragment],
    rows: &RoaringTreemap,
) -> Result<RoaringTreemap> {
    let mut same = RoaringTreemap::new();
    if rows.is_empty() {
        return Ok(same);
    }
    let (mut before, mut updated) = places(earlier, old, rows).await?;
    let (mut after, updated_later) = places(later, new, rows).await?;
    before.sort_unstable_by_key(|run| run.first_id);
    after.sort_unstable_by_key(|run| run.first_id);
    let mut rest = after.iter().peekable();
    for run in &before {
        let end = run.first_id.saturating_add(run.rows);
        while let Some(other) = rest.peek() {
            let other_end = other.first_id.saturating_add(other.rows);
            let both = run.first_id.max(other.first_id)..end.min(other_end);
            let at = |run: &Run| run.first_row.saturating_add(both.start - run.first_id);
            if both.start < both.end && run.pack == other.pack && at(run) == at(other) {
                same.insert_range(both);
            }
            if other_end > end {
                break;
            }
            rest.next();
        }
    }
    updated |= updated_later;
    Ok((same & rows) - updated)
}

/// Where rows lie, as runs without deleted ones; and which have new values.
async fn places(
    dataset: &Dataset,
    fragments: &[Fragment],
    rows: &RoaringTreemap,
) -> Result<(Vec<Run>, RoaringTreemap)> {
    let mut runs = Vec::new();
    let mut updated = RoaringTreemap::new();
    for fragment in fragments {
        let cached = dataset.patch(&fragment.pointer).await?;
        let ids = id_runs(&fragment.pointer, cached.as_deref());
        let patch = cached.as_ref().map(|cached| &cached.patch);
        for overlay in patch.iter().flat_map(|patch| &patch.overlays) {
            updated.extend(ids_at(&ids, &overlay.offsets));
        }
        // Where each pack ends among the fragment's rows.
        let mut packs: BTreeMap<u64, (ObjectId, u64)> = BTreeMap::new();
        let mut begin = 0u64;
        let folded = patch.iter().flat_map(|patch| &patch.packs);
        for pack in folded.filter(|pack| pack.rows > 0) {
            packs.insert(begin + pack.rows, (pack.object, begin));
            begin += pack.rows;
        }
        if packs.is_empty() {
            packs.insert(fragment.pointer.rows, (fragment.pointer.object, 0));
        }
        let none = RoaringBitmap::new();
        let deleted = patch.map_or(&none, |patch| &patch.deleted);
        let mut row = 0u64;
        for (first, count) in ids {
            let end = row.saturating_add(count);
            let mut id = first;
            while row < end {
                let Some((pack_end, (pack, begin))) = packs.range(row + 1..).next() else { break };
                let stop = end.min(*pack_end);
                live(row..stop, deleted, |part| {
                    let first_id = id + (part.start - row);
                    let rows = part.end - part.start;
                    runs.push(Run { first_id, rows, pack: *pack, first_row: part.start - begin });
                });
                id += stop - row;
                row = stop;
            }
            row = end;
        }
    }
    runs.retain(|run| {
        let before = run.first_id.checked_sub(1).map_or(0, |before| rows.rank(before));
        rows.rank(run.first_id.saturating_add(run.rows) - 1) > before
    });
    Ok((runs, updated))
}

/// The parts of a range of rows that were not deleted.
fn live(
    range: std::ops::Range<u64>,
    deleted: &RoaringBitmap,
    mut found: impl FnMut(std::ops::Range<u64>),
) {
    let mut begin = range.start;
    let gone = crate::read::offset(range.start)..crate::read::offset(range.end);
    for row in deleted.range(gone).map(u64::from) {
        if row > begin {
            found(begin..row);
        }
        begin = row + 1;
    }
    if begin < range.end {
        found(begin..range.end);
    }
}
