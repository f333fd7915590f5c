//! What a dataset should be: rows in plain vectors, one state a version.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A cell. New values are unique, so that a changed cell can be told by its value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Boxes(Vec<[f32; 2]>),
    Text(String),
}

/// The kind of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Key,
    Boxes,
    Text,
    /// Added later; rows before it have this value.
    Extra(i64),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub id: u64,
    pub name: String,
    pub kind: Kind,
}

pub type Row = BTreeMap<u64, Value>;

/// One version.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    pub columns: Vec<Column>,
    /// Ids and cells in order.
    pub rows: Vec<(u64, Row)>,
}

impl State {
    pub fn row(&self, id: u64) -> Option<&Row> {
        self.rows.iter().find(|(own, _)| *own == id).map(|(_, row)| row)
    }

    pub fn ids(&self) -> BTreeSet<u64> {
        self.rows.iter().map(|(id, _)| *id).collect()
    }

    /// The cell, or what it has if its row is older than its column.
    pub fn cell(&self, row: &Row, column: &Column) -> Value {
        match (row.get(&column.id), column.kind) {
            (Some(value), _) => value.clone(),
            (None, Kind::Extra(fill)) => Value::Int(fill),
            (None, _) => Value::Null,
        }
    }

    fn at(&self, id: u64, column: &Column) -> Value {
        self.row(id).map_or(Value::Null, |row| self.cell(row, column))
    }
}

/// Rows of a version by their ids, in an order of their own.
#[derive(Debug, Clone)]
pub struct View {
    pub version: u64,
    pub ids: Vec<u64>,
}

/// Everything that was committed.
#[derive(Debug, Default)]
pub struct World {
    pub versions: BTreeMap<u64, State>,
    pub parents: BTreeMap<u64, Vec<u64>>,
    pub branches: BTreeMap<String, u64>,
    pub tags: BTreeMap<String, u64>,
    pub views: BTreeMap<String, View>,
    pub expired_below: u64,
}

impl World {
    pub fn is_retained(&self, version: u64) -> bool {
        version >= self.expired_below
            || self.branches.values().chain(self.tags.values()).any(|named| *named == version)
            || self.views.values().any(|view| view.version == version)
    }

    /// The largest number from which both come.
    pub fn common(&self, a: u64, b: u64) -> Option<u64> {
        let ancestors = |of: u64| {
            let (mut all, mut open) = (BTreeSet::new(), vec![of]);
            while let Some(version) = open.pop() {
                if all.insert(version) {
                    open.extend(self.parents.get(&version).into_iter().flatten());
                }
            }
            all
        };
        ancestors(a).intersection(&ancestors(b)).max().copied()
    }

    /// Their changes since `base` put into ours; where both changed the same, `theirs_win` decides.
    pub fn merged(&self, ours: &State, theirs: &State, base: &State, theirs_win: bool) -> State {
        let mut out = ours.clone();
        for column in &theirs.columns {
            let known = |state: &State| state.columns.iter().any(|own| own.id == column.id);
            if !known(base) && !known(ours) {
                out.columns.push(column.clone());
            }
        }
        let dropped = |column: &Column| {
            let has = |state: &State| state.columns.iter().any(|own| own.id == column.id);
            has(base) && !has(theirs)
        };
        out.columns.retain(|column| !dropped(column));
        let (base_ids, their_ids, our_ids) = (base.ids(), theirs.ids(), ours.ids());
        let shared: Vec<&Column> = theirs
            .columns
            .iter()
            .filter(|column| base.columns.iter().any(|own| own.id == column.id))
            .collect();
        let changed = |state: &State, id: u64| {
            shared.iter().any(|column| {
                state.columns.iter().any(|own| own.id == column.id)
                    && state.at(id, column) != base.at(id, column)
            })
        };
        let new_column = |state: &State, id: u64| {
            state.columns.iter().any(|column| {
                let is_new = !base.columns.iter().any(|own| own.id == column.id);
                is_new && state.row(id).is_some_and(|row| row.contains_key(&column.id))
            })
        };
        let their_change = |id: u64| changed(theirs, id) || new_column(theirs, id);
        let our_change = |id: u64| {
            let own = base.columns.iter().any(|column| {
                ours.columns.iter().any(|own| own.id == column.id)
                    && ours.at(id, column) != base.at(id, column)
            });
            own || new_column(ours, id)
        };
        out.rows.retain(|(id, _)| {
            let gone = base_ids.contains(id) && !their_ids.contains(id);
            !gone || (our_change(*id) && !theirs_win)
        });
        for (id, row) in &mut out.rows {
            let Some(new) = theirs.row(*id) else { continue };
            if !base_ids.contains(id) {
                // Both have it from one commit, and each may have changed it since.
                for column in &theirs.columns {
                    let ours_has = ours.columns.iter().any(|own| own.id == column.id);
                    // A row that is older than the column stays so.
                    match new.get(&column.id) {
                        _ if ours_has && !theirs_win => {}
                        Some(value) => drop(row.insert(column.id, value.clone())),
                        None => drop(row.remove(&column.id)),
                    }
                }
                continue;
            }
            for column in &theirs.columns {
                let was = base.at(*id, column);
                let is_new = !base.columns.iter().any(|own| own.id == column.id);
                let theirs_changed = match is_new {
                    true => new.contains_key(&column.id),
                    false => theirs.cell(new, column) != was,
                };
                let ours_has = ours.columns.iter().any(|own| own.id == column.id);
                // A column that both have and the base has not came to one from the other.
                let ours_changed = match is_new {
                    true => ours.row(*id).is_some_and(|own| own.contains_key(&column.id)),
                    false => ours.at(*id, column) != was,
                };
                let ours_changed = ours_has && ours_changed;
                if theirs_changed && (!ours_changed || theirs_win) {
                    row.insert(column.id, theirs.cell(new, column));
                }
            }
        }
        for (id, row) in &theirs.rows {
            let is_new = !base_ids.contains(id) && !our_ids.contains(id);
            let back = base_ids.contains(id) && !our_ids.contains(id) && their_change(*id);
            if is_new || (back && theirs_win) {
                out.rows.push((*id, row.clone()));
            }
        }
        out
    }
}
