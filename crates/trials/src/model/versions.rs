//! The operations of a history that make, merge and give up versions.

use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Language;
use lakebed_dataset::NewView;
use lakebed_dataset::Policy;
use lakebed_dataset::ViewRows;
use lakebed_store::ObjectStoreBackend;

use super::history::History;
use super::store;
use super::world::Row;
use super::world::State;
use super::world::View;

/// Views that there are at most.
const VIEWS: usize = 4;

impl History {
    pub(super) async fn new_branch(&mut self) -> bool {
        if self.world.branches.len() > 4 {
            return self.delete_branch().await;
        }
        self.next_value += 1;
        let name = format!("branch{}", self.next_value);
        let (tip, state) = (self.tip(), self.state());
        let branched = self.dataset.branch(&name, "begin").await.unwrap();
        assert_eq!((branched.version(), branched.branch_name()), (tip, name.as_str()));
        let back = self.dataset.refresh().await.unwrap();
        self.committed(back, state, vec![tip]);
        self.world.branches.insert(name, tip);
        true
    }

    pub(super) async fn delete_branch(&mut self) -> bool {
        let others: Vec<String> = self.world.branches.keys().cloned().collect();
        let name = &others[self.below(others.len())];
        let deleted = self.dataset.delete_ref(name, "no more").await;
        if name == "main" || *name == self.branch {
            assert!(matches!(deleted, Err(Error::RefInUse { .. })));
            return false;
        }
        let (tip, state) = (self.tip(), self.state());
        self.world.branches.remove(name);
        self.committed(deleted.unwrap(), state, vec![tip]);
        true
    }

    pub(super) async fn switch(&mut self) -> bool {
        let names: Vec<String> = self.world.branches.keys().cloned().collect();
        let name = names[self.below(names.len())].clone();
        let is_other = name != self.branch;
        self.dataset = self.dataset.at_name(&name).await.unwrap();
        self.branch = name;
        is_other
    }

    pub(super) async fn merge(&mut self, how: &str) -> bool {
        let names: Vec<String> = self.world.branches.keys().cloned().collect();
        let from = &names[self.below(names.len())];
        let (ours, theirs) = (self.tip(), self.world.branches[from]);
        let policy = match how {
            "merge ours" => Policy::Ours,
            "merge theirs" => Policy::Theirs,
            _ => Policy::Fail,
        };
        let base = self.world.common(ours, theirs).unwrap();
        let merged = self.dataset.merge(from, policy, how).await;
        let merged = match merged {
            Err(Error::AncestorExpired { .. }) if self.world.expired_below > 0 => return false,
            other => other,
        };
        let state = |number: u64| &self.world.versions[&number];
        if base == theirs {
            assert_eq!(merged.unwrap().version(), ours, "there is nothing to merge");
            return false;
        }
        let with =
            |theirs_win| self.world.merged(state(ours), state(theirs), state(base), theirs_win);
        // A cell that was written with the fill value is the one that was never written.
        let seen = |state: State| {
            let rows = state.rows.iter();
            let rows = rows.map(|(id, row)| {
                let cells = state.columns.iter().map(|column| state.cell(row, column));
                (*id, cells.collect::<Vec<_>>())
            });
            (rows.collect::<Vec<_>>(), state.columns.clone())
        };
        let expected = match (&merged, how) {
            // Both renamed one column: no policy settles that, nor does the model.
            (Err(Error::MergeConflicts { conflicts, .. }), _)
                if conflicts
                    .iter()
                    .any(|c| matches!(c, lakebed_dataset::MergeConflict::Column { .. })) =>
            {
                return false;
            }
            (Err(Error::MergeConflicts { .. }), "merge") => {
                assert_ne!(seen(with(true)), seen(with(false)), "a conflict without a difference");
                return false;
            }
            (_, "merge theirs") => with(true),
            _ => with(false),
        };
        if how == "merge" {
            assert_eq!(seen(with(true)), seen(with(false)), "a conflict that was not told");
        }
        let mut expected = expected;
        let merged = merged.unwrap();
        // Names of columns are compared elsewhere.
        for column in &mut expected.columns {
            if let Some(own) = merged.schema().columns.iter().find(|own| own.id.0 == column.id) {
                column.name.clone_from(&own.name);
            }
        }
        let columns = expected.columns.clone();
        for (_, row) in &mut expected.rows {
            row.retain(|id, _| columns.iter().any(|column| column.id == *id));
        }
        self.committed(merged, expected, vec![ours, theirs]);
        true
    }

    pub(super) async fn tag(&mut self) -> bool {
        self.next_value += 1;
        let name = format!("tag{}", self.next_value);
        let (tip, state) = (self.tip(), self.state());
        let dataset = self.dataset.tag(&name, "a name").await.unwrap();
        self.world.tags.insert(name, tip);
        self.committed(dataset, state, vec![tip]);
        true
    }

    pub(super) async fn revert(&mut self) -> bool {
        let numbers: Vec<u64> = self.world.versions.keys().copied().collect();
        let to = numbers[self.below(numbers.len())];
        let reverted = self.dataset.revert(to, "as before").await;
        if !self.world.is_retained(to) {
            assert!(matches!(reverted, Err(Error::VersionExpired { .. })), "{reverted:?}");
            return false;
        }
        let (tip, state) = (self.tip(), self.world.versions[&to].clone());
        self.committed(reverted.unwrap(), state, vec![tip]);
        true
    }

    pub(super) async fn expire(&mut self) -> bool {
        let newest = *self.world.versions.last_key_value().unwrap().0;
        let below = newest.saturating_sub(self.below(20) as u64);
        let (tip, state) = (self.tip(), self.state());
        let dataset = self.dataset.expire(below, "old ones").await.unwrap();
        self.world.expired_below = self.world.expired_below.max(below);
        self.committed(dataset, state, vec![tip]);
        true
    }

    pub(super) async fn save_view(&mut self) -> bool {
        let (tip, state) = (self.tip(), self.state());
        if self.world.views.len() >= VIEWS {
            return self.delete_view().await;
        }
        self.next_value += 1;
        let name = format!("view{}", self.next_value);
        let positions: Vec<u64> =
            (0..self.below(20)).map(|_| self.below(state.rows.len()) as u64).collect();
        let positions = if state.rows.is_empty() { Vec::new() } else { positions };
        let ids = positions.iter().map(|at| state.rows[*at as usize].0).collect();
        let view = NewView {
            language: Language::Sql,
            query: "SELECT".to_string(),
            parameters: serde_json::Value::Null,
            seed: None,
            rows: ViewRows::Positions(positions),
            weights: None,
        };
        let dataset = self.dataset.save_view(&name, view, "a view").await.unwrap();
        self.world.views.insert(name, View { version: tip, ids });
        self.committed(dataset, state, vec![tip]);
        true
    }

    async fn delete_view(&mut self) -> bool {
        let (tip, state) = (self.tip(), self.state());
        let name = self.some_view();
        let dataset = self.dataset.delete_ref(&name, "no more").await.unwrap();
        self.world.views.remove(&name);
        self.committed(dataset, state, vec![tip]);
        true
    }

    fn some_view(&self) -> String {
        self.world.views.keys().nth(self.below(self.world.views.len())).unwrap().clone()
    }

    /// The rows of a view as a copy has them: with every cell, and ids of its own.
    fn copied(&self, view: &View) -> State {
        let of = &self.world.versions[&view.version];
        let row = |id: &u64| -> Row {
            let row = of.row(*id).unwrap();
            of.columns.iter().map(|column| (column.id, of.cell(row, column))).collect()
        };
        let rows = (0..).zip(view.ids.iter().map(row)).collect();
        State { columns: of.columns.clone(), rows }
    }

    pub(super) async fn branch_from_view(&mut self) -> bool {
        if self.world.views.is_empty() || self.world.branches.len() > 4 {
            return false;
        }
        let name = self.some_view();
        let view = self.world.views[&name].clone();
        // The rows are the same, with their ids; cells that only a fill value stands for stay so.
        let of = &self.world.versions[&view.version];
        let rows = view.ids.iter().map(|id| (*id, of.row(*id).unwrap().clone())).collect();
        let state = State { columns: of.columns.clone(), rows };
        self.next_value += 1;
        let branch = format!("branch{}", self.next_value);
        let opened = self.dataset.view(&name).await.unwrap();
        let made = opened.materialize_branch(&branch, "copies", |_, _| ()).await;
        let distinct: std::collections::BTreeSet<u64> = view.ids.iter().copied().collect();
        if distinct.len() < view.ids.len() {
            assert!(matches!(made, Err(lakebed_dataset::Error::InvalidView { .. })));
            return false;
        }
        let made = made.unwrap();
        let number = *self.world.versions.last_key_value().unwrap().0 + 1;
        assert_eq!((made.version(), made.branch_name()), (number, branch.as_str()));
        self.world.versions.insert(number, state);
        self.world.parents.insert(number, vec![view.version]);
        self.world.branches.insert(branch, number);
        // This branch stays where it is.
        self.dataset = self.dataset.refresh().await.unwrap();
        true
    }

    pub(super) async fn copy_view(&mut self) -> bool {
        if self.world.views.is_empty() {
            return false;
        }
        let name = self.some_view();
        let mut state = self.copied(&self.world.views[&name]);
        let opened = self.dataset.view(&name).await.unwrap();
        let place = std::sync::Arc::new(ObjectStoreBackend::memory());
        let copy = opened.materialize_in(
            "copy",
            place,
            std::sync::Arc::default(),
            self.options.clone(),
            |_, _| (),
        );
        let copy: Dataset = copy.await.unwrap();
        // Its columns have ids of their own, by their places.
        let ids: Vec<u64> = state.columns.iter().map(|column| column.id).collect();
        for (column, id) in state.columns.iter_mut().zip(0..) {
            column.id = id;
        }
        for (_, row) in &mut state.rows {
            let place = |id: u64| ids.iter().position(|own| *own == id).unwrap() as u64;
            *row = std::mem::take(row).into_iter().map(|(id, cell)| (place(id), cell)).collect();
        }
        let random = self.random.clone();
        let mut random = move |n: usize| (random.random_u64() % n.max(1) as u64) as usize;
        store::check(&copy, &state, &mut random).await;
        true
    }
}
