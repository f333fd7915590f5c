//! Class codes that were written under one list of names, put under the list that won.
//!
//! Packs are not rewritten: an overlay hides their codes, as after an update.

use std::collections::BTreeSet;
use std::collections::HashSet;

use lakebed_core::Column;
use lakebed_core::ColumnId;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_format::Overlay;
use lakebed_format::PackPointer;
use lakebed_format::Part;
use lakebed_format::tree::EXPLICIT_IDS;

use super::append::Append;
use super::pack::PackWriter;
use crate::classes;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::read::ColumnRead;
use crate::read::Fragment;
use crate::read::ReadRequest;
use crate::read::Rows;
use crate::read::offset;

/// Bytes of codes that are recoded at a time.
const BATCH_BYTES: u64 = 16 << 20;
/// Rows that are recoded at a time.
const BATCH_ROWS: u64 = 64 << 10;
/// Rows of the first batch, which shows how large the others may be.
const FIRST_ROWS: u64 = 256;

/// Codes under other lists, for one head or several with the same lists.
#[derive(Debug)]
pub(super) struct Recoded {
    /// The columns with their lists.
    columns: Vec<Column>,
    /// One for each pack of the append, row for row.
    packs: Vec<PackPointer>,
}

/// Adds class names behind those that a column has, and gives the codes of all of them.
///
/// # Errors
/// A column that holds no class codes, or whose type cannot count so many.
pub(super) fn add_classes(column: &mut Column, names: &[String]) -> Result<Vec<u64>> {
    if !column.dtype.is_unsigned_integer() {
        let reason = format!("column '{}' holds no class codes", column.name);
        return Err(Error::SchemaMismatch { reason });
    }
    let mut grown = column.clone();
    append_names(&mut grown.classes, names);
    check_room(&grown)?;
    let codes = names.iter().map(|name| Ok(grown.class_code(name)?)).collect::<Result<_>>()?;
    *column = grown;
    Ok(codes)
}

/// Puts the names that a list lacks behind it; true if there were any.
fn append_names(classes: &mut Vec<String>, names: &[String]) -> bool {
    let mut known: HashSet<String> = classes.iter().cloned().collect();
    let before = classes.len();
    for name in names {
        if known.insert(name.clone()) {
            classes.push(name.clone());
        }
    }
    classes.len() > before
}

fn check_room(column: &Column) -> Result<()> {
    let room = match column.dtype {
        DType::U8 => 1 << 8,
        DType::U16 => 1 << 16,
        _ => usize::MAX,
    };
    if column.classes.len() > room {
        return Err(Error::SchemaMismatch {
            reason: format!(
                "column '{}' would have {} classes, and {} counts {room}",
                column.name,
                column.classes.len(),
                column.dtype
            ),
        });
    }
    Ok(())
}

impl Append {
    /// The head's columns with the classes that these rows brought; `None` if it has them all.
    pub(super) fn grown_schema(&self, head: &Dataset) -> Result<Option<Schema>> {
        let mut schema = (*head.schema).clone();
        let mut changed = false;
        for written in self.columns.iter().filter(|column| self.grown.contains(&column.id)) {
            let now = schema.columns.iter_mut().find(|column| column.id == written.id);
            if let Some(now) = now
                && append_names(&mut now.classes, &written.classes)
            {
                check_room(now)?;
                changed = true;
            }
        }
        Ok(changed.then_some(schema))
    }

    /// For each pack what hides the codes that mean other classes in `schema`.
    pub(super) async fn overlays(
        &self,
        head: &Dataset,
        schema: &Schema,
        stamp: u64,
    ) -> Result<Vec<Vec<Overlay>>> {
        let differs = |column: &&Column| {
            let written = self.columns.iter().find(|written| written.id == column.id);
            written.is_some_and(|written| !column.classes.starts_with(&written.classes))
        };
        let columns: Vec<Column> = schema.columns.iter().filter(differs).cloned().collect();
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        // Who loses a number to commits that leave the lists alone need not recode again.
        let mut known = self.recoded.lock().await;
        let fits = |recoded: &Recoded| {
            let fresh = head.check_fence(recoded.packs.iter().map(|pack| pack.object)).is_ok();
            fresh && recoded.columns == columns
        };
        let recoded = match known.take().filter(fits) {
            Some(recoded) => recoded,
            None => {
                let mut packs = Vec::with_capacity(self.packs.len());
                for pack in &self.packs {
                    packs.push(self.recode(head, pack, &columns).await?);
                }
                Recoded { columns, packs }
            }
        };
        let mut ids: Vec<ColumnId> = recoded.columns.iter().map(|column| column.id).collect();
        ids.sort_unstable();
        let overlay = |pack: &PackPointer| {
            let mut offsets = roaring::RoaringBitmap::new();
            offsets.insert_range(0..offset(pack.rows));
            vec![Overlay {
                pack: *pack,
                stamp,
                columns: ids.clone(),
                offsets,
                sources: (0..pack.rows).collect(),
            }]
        };
        let overlays = recoded.packs.iter().map(overlay).collect();
        *known = Some(recoded);
        Ok(overlays)
    }

    /// A pack with the codes of some columns of a pack, under other lists.
    async fn recode(
        &self,
        head: &Dataset,
        pack: &PackPointer,
        columns: &[Column],
    ) -> Result<PackPointer> {
        let fragment = Fragment {
            index: 0,
            first_position: 0,
            rows: pack.rows,
            pointer: pack.fragment(EXPLICIT_IDS, 0),
        };
        let read = |column: &Column| ColumnRead { column: column.id, part: Part::Whole };
        let reads: Vec<ColumnRead> = columns.iter().map(read).collect();
        let object = head.shared.new_object(head.log.epoch);
        let mut writer = PackWriter::begin(&head.shared, object, columns).await?;
        let (mut row, mut step) = (0, FIRST_ROWS);
        while row < pack.rows {
            let end = pack.rows.min(row + step);
            let rows = Rows::Range(row..end);
            let request = ReadRequest { fragment: fragment.clone(), rows, columns: reads.clone() };
            let batch = head.read(&request).await?;
            let mut arrays = Vec::with_capacity(columns.len());
            for (column, array) in columns.iter().zip(batch.columns()) {
                let written = self.columns.iter().find(|written| written.id == column.id);
                arrays.push(match written {
                    Some(written) => classes::recoded(array, &written.classes, column)?,
                    None => array.clone(),
                });
            }
            writer.write(&arrays, row).await?;
            let taken = u64::try_from(batch.get_array_memory_size()).unwrap_or(u64::MAX);
            let fit = BATCH_BYTES / (taken / (end - row)).max(1);
            step = fit.clamp(1, step.saturating_mul(2).min(BATCH_ROWS));
            row = end;
        }
        writer.finish().await
    }
}

/// The columns whose lists differ between two versions of them.
pub(super) fn grown(before: &[Column], now: &[Column]) -> BTreeSet<ColumnId> {
    let differ = before.iter().zip(now).filter(|(before, now)| before.classes != now.classes);
    differ.map(|(_, now)| now.id).collect()
}
