//! The commit of a merge.

use std::collections::BTreeMap;

use lakebed_core::Column;
use lakebed_core::ColumnId;
use lakebed_core::Schema;
use lakebed_format::FragmentPointer;
use lakebed_format::Overlay;
use lakebed_format::PackPointer;
use lakebed_format::Part;
use lakebed_format::Patch;
use lakebed_format::entry::Change;
use roaring::RoaringBitmap;
use roaring::RoaringTreemap;

use super::Taken;
use crate::classes;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::edit::RegionWriter;
use crate::edit::id_runs;
use crate::edit::patched;
use crate::error::Result;
use crate::fill;
use crate::read::Fragment;
use crate::read::Paced;
use crate::read::offset;
use crate::tree_edit::FragmentEdits;
use crate::tree_edit::NewObjects;
use crate::write::PackWriter;

/// New values of rows: a pack, the columns in it, the row id of each of its rows.
struct Values {
    pack: PackPointer,
    columns: Vec<ColumnId>,
    rows: BTreeMap<u64, u64>,
}

/// The entry with everything that is taken over.
pub(super) async fn proposed(
    head: &Dataset,
    theirs: &Dataset,
    schema: Schema,
    taken: Taken,
) -> Result<Proposed> {
    let mut entry = head.successor();
    let mut writer = RegionWriter::new(head);
    let mut objects = NewObjects::new();
    let mut values = Vec::new();
    for (id, rows) in &taken.cells {
        let column = schema.by_id(*id);
        if let Some(column) = column {
            values.push(copied(head, theirs, column, rows).await?);
        }
    }
    let mut edits = FragmentEdits::new();
    let mut deleted = 0u64;
    let mut fills = Fills::default();
    let touched = taken.cells.values().fold(taken.deleted.clone(), |all, rows| all | rows);
    let comes_in = |column: &&Column| head.schema.by_id(column.id).is_none();
    let fragments = match schema.columns.iter().any(|column| comes_in(&column)) {
        true => head.fragments().await?,
        false => head.fragments_with(&touched).await?,
    };
    for fragment in fragments.iter() {
        // What our packs still hold of a column that we had dropped does not come back with it.
        let mut stale = Vec::new();
        for column in schema.columns.iter().filter(comes_in) {
            if holds(head, fragment, column.id).await? {
                stale.push((column.id, fills.pack(head, column).await?));
            }
        }
        let (pointer, gone) =
            edited(head, fragment, &taken, &stale, &values, entry.number, &mut writer).await?;
        deleted += gone;
        if let Some(pointer) = pointer {
            edits.insert(fragment.index, vec![pointer]);
        }
    }
    entry.tree = head.edited_tree(&edits, &mut objects).await?;
    let mut left = taken.added.clone();
    let mut appended = 0u64;
    for fragment in theirs.fragments_with(&taken.added).await?.iter() {
        let Some(pointer) =
            adopted(head, theirs, &schema, fragment, &mut left, &mut fills, &mut writer).await?
        else {
            continue;
        };
        appended += pointer.live_rows();
        let epoch = entry.epoch;
        let new = entry.tree.push(pointer, || head.shared.new_object(epoch))?;
        objects.extend(new.into_iter().map(|n| (n.pointer.object.key("meta"), n.bytes)));
    }
    entry.rows = entry.rows.saturating_sub(deleted).saturating_add(appended);
    let mut updated = RoaringTreemap::new();
    for rows in taken.cells.values() {
        updated |= rows;
    }
    let touched = writer.put_touched(&updated, &taken.deleted)?;
    objects.extend(writer.finish());
    entry.parents = vec![head.version(), theirs.version()];
    entry.change = Change::Merge {
        from: theirs.version(),
        appended,
        updated: updated.len(),
        deleted,
        columns: taken.cells.keys().map(|id| id.0).collect(),
        touched,
    };
    Ok(Proposed { entry, schema: Some(schema), objects })
}

/// Their values of a column in some rows, as a pack of ours.
async fn copied(
    head: &Dataset,
    theirs: &Dataset,
    column: &Column,
    rows: &RoaringTreemap,
) -> Result<Values> {
    let object = head.shared.new_object(head.log.epoch);
    let mut writer = PackWriter::begin(&head.shared, object, std::slice::from_ref(column)).await?;
    let ids: Vec<u64> = rows.iter().collect();
    let mut sources = BTreeMap::new();
    let positions = theirs.positions_of(&ids).await?;
    let (ids, positions): (Vec<u64>, Vec<u64>) =
        ids.into_iter().zip(positions).filter_map(|(id, p)| Some((id, p?))).unzip();
    let mut paced = Paced::new(theirs, [column.id]);
    while sources.len() < ids.len() {
        let mut arrays = paced.next(&positions[sources.len()..]).await?.columns().to_vec();
        let rows = arrays.first().map_or(0, |array| array.len());
        if let Some(before) = theirs.schema.by_id(column.id) {
            for array in &mut arrays {
                *array = classes::recoded(array, &before.classes, column)?;
            }
        }
        let begin = sources.len();
        let first = u64::try_from(begin).unwrap_or(u64::MAX);
        writer.write(&arrays, first).await?;
        sources.extend(ids[begin..begin + rows].iter().copied().zip(first..));
    }
    Ok(Values { pack: writer.finish().await?, columns: vec![column.id], rows: sources })
}

/// Packs of one row, which has what rows older than a column have.
#[derive(Default)]
struct Fills(BTreeMap<ColumnId, PackPointer>);

impl Fills {
    async fn pack(&mut self, head: &Dataset, column: &Column) -> Result<PackPointer> {
        if let Some(pack) = self.0.get(&column.id) {
            return Ok(*pack);
        }
        let object = head.shared.new_object(head.log.epoch);
        let columns = std::slice::from_ref(column);
        let mut writer = PackWriter::begin(&head.shared, object, columns).await?;
        let row = fill::rows_of(column, &Part::Whole, 1, &head.shared.options.limits)?;
        writer.write(&[row], 0).await?;
        let pack = writer.finish().await?;
        self.0.insert(column.id, pack);
        Ok(pack)
    }
}

/// The overlay that gives rows the value of a pack of one row.
fn filled(pack: PackPointer, column: ColumnId, live: &RoaringBitmap, stamp: u64) -> Overlay {
    Overlay::new(pack, stamp, vec![column], live.iter().map(|row| (row, 0)).collect())
}

/// Whether a fragment's packs have values of a column, which its schema may have dropped.
async fn holds(dataset: &Dataset, fragment: &Fragment, column: ColumnId) -> Result<bool> {
    if dataset.manifest(fragment).await?.header.sections.contains_key(&column) {
        return Ok(true);
    }
    let cached = dataset.patch(&fragment.pointer).await?;
    let overlays = cached.iter().flat_map(|cached| &cached.patch.overlays);
    Ok(overlays.into_iter().any(|overlay| overlay.columns.contains(&column)))
}

/// One of our fragments with their deletions and values, if there are any; and the rows deleted.
async fn edited(
    head: &Dataset,
    fragment: &Fragment,
    taken: &Taken,
    stale: &[(ColumnId, PackPointer)],
    values: &[Values],
    stamp: u64,
    writer: &mut RegionWriter,
) -> Result<(Option<FragmentPointer>, u64)> {
    let ids = head.ids_of(fragment).await?;
    let touches = |rows: &RoaringTreemap| !ids.is_disjoint(rows);
    if stale.is_empty() && !touches(&taken.deleted) && !taken.cells.values().any(touches) {
        return Ok((None, 0));
    }
    let cached = head.patch(&fragment.pointer).await?;
    let runs = id_runs(&fragment.pointer, cached.as_deref());
    let mut patch = cached.map(|cached| cached.patch.clone()).unwrap_or_default();
    let live = live_rows(&fragment.pointer, &patch.deleted);
    let before = patch.deleted.len();
    for (column, pack) in stale {
        patch.overlays.push(filled(*pack, *column, &live, stamp));
    }
    let mut overlays: Vec<BTreeMap<u32, u64>> = values.iter().map(|_| BTreeMap::new()).collect();
    for (row, id) in live.iter().zip(crate::diff::ids_at(&runs, &live)) {
        if taken.deleted.contains(id) {
            patch.deleted.insert(row);
        }
        for (values, overlay) in values.iter().zip(&mut overlays) {
            if let Some(source) = values.rows.get(&id) {
                overlay.insert(row, *source);
            }
        }
    }
    for (values, rows) in values.iter().zip(overlays).filter(|(_, rows)| !rows.is_empty()) {
        patch.overlays.push(Overlay::new(values.pack, stamp, values.columns.clone(), rows));
    }
    let gone = patch.deleted.len() - before;
    Ok((Some(patched(&fragment.pointer, &patch, writer)?), gone))
}

/// One of their fragments as far as its rows are to be added; `None` if none is. Rows that were
/// added are taken out of `left`.
async fn adopted(
    head: &Dataset,
    theirs: &Dataset,
    schema: &Schema,
    fragment: &Fragment,
    left: &mut RoaringTreemap,
    fills: &mut Fills,
    writer: &mut RegionWriter,
) -> Result<Option<FragmentPointer>> {
    let ids = theirs.ids_of(fragment).await?;
    let wanted = &ids & &*left;
    if wanted.is_empty() {
        return Ok(None);
    }
    *left -= &wanted;
    let cached = theirs.patch(&fragment.pointer).await?;
    let runs = id_runs(&fragment.pointer, cached.as_deref());
    let mut patch = cached.map(|cached| cached.patch.clone()).unwrap_or_default();
    let mut live = live_rows(&fragment.pointer, &patch.deleted);
    if wanted.len() < ids.len() {
        let unwanted = live
            .iter()
            .zip(crate::diff::ids_at(&runs, &live))
            .filter(|(_, id)| !wanted.contains(*id))
            .map(|(row, _)| row);
        patch.deleted |= unwanted.collect::<RoaringBitmap>();
        live -= &patch.deleted;
    }
    // What their packs still hold of a column that they dropped is not theirs any more.
    let stamp = head.log.number + 1;
    for column in schema.columns.iter().filter(|c| theirs.schema.by_id(c.id).is_none()) {
        if holds(theirs, fragment, column.id).await? {
            let pack = fills.pack(head, column).await?;
            patch.overlays.push(filled(pack, column.id, &live, stamp));
        }
    }
    // Codes mean what our list of classes says.
    for column in &schema.columns {
        let Some(before) = theirs.schema.by_id(column.id) else { continue };
        if column.classes.starts_with(&before.classes) {
            continue;
        }
        let values = copied(head, theirs, column, &wanted).await?;
        let rows: BTreeMap<u32, u64> = live
            .iter()
            .zip(crate::diff::ids_at(&runs, &live))
            .filter_map(|(row, id)| Some((row, *values.rows.get(&id)?)))
            .collect();
        patch.overlays.push(Overlay::new(values.pack, stamp, values.columns, rows));
    }
    let pointer = FragmentPointer { stamp, ..fragment.pointer.clone() };
    let unchanged = match &fragment.pointer.patch {
        None => patch == Patch::default(),
        Some(_) => theirs.patch(&fragment.pointer).await?.is_some_and(|old| old.patch == patch),
    };
    Ok(Some(if unchanged { pointer } else { patched(&pointer, &patch, writer)? }))
}

fn live_rows(pointer: &FragmentPointer, deleted: &RoaringBitmap) -> RoaringBitmap {
    let mut all = RoaringBitmap::new();
    all.insert_range(0..offset(pointer.rows));
    all - deleted
}
