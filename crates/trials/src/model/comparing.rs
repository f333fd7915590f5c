//! Dataset and model, compared after every step.

use lakebed_dataset::Dataset;
use lakebed_dataset::Error;

use super::history::History;
use super::store;

impl History {
    pub(super) async fn compare(&mut self, context: &str) {
        let result = std::panic::AssertUnwindSafe(self.compared());
        let result = futures::FutureExt::catch_unwind(result).await;
        if let Err(panic) = result {
            println!("{context}");
            std::panic::resume_unwind(panic);
        }
    }

    pub(super) async fn compared(&mut self) {
        let random = self.random.clone();
        let mut random = move |n: usize| (random.random_u64() % n.max(1) as u64) as usize;
        assert_eq!(self.dataset.version(), self.tip());
        assert_eq!(*self.dataset.branches(), self.world.branches);
        assert_eq!(*self.dataset.tags(), self.world.tags);
        assert!(self.dataset.views().keys().eq(self.world.views.keys()));
        store::check(&self.dataset, &self.state(), &mut random).await;
        // An older version, read or refused.
        let numbers: Vec<u64> = self.world.versions.keys().copied().collect();
        let number = numbers[random(numbers.len())];
        match self.dataset.at(number).await {
            Ok(old) => {
                assert!(self.world.is_retained(number), "version {number} has expired");
                store::check(&old, &self.world.versions[&number], &mut random).await;
                self.differences(&old, number).await;
            }
            Err(Error::VersionExpired { .. }) => assert!(!self.world.is_retained(number)),
            Err(error) => panic!("version {number}: {error}"),
        }
    }

    /// The difference to another version, which model and dataset must see alike.
    pub(super) async fn differences(&self, old: &Dataset, number: u64) {
        let diff = self.dataset.diff(old).await.unwrap();
        let (before, after) = (&self.world.versions[&number], &self.state());
        let (old_ids, new_ids) = (before.ids(), after.ids());
        assert!(diff.added.iter().eq(new_ids.difference(&old_ids).copied()), "{diff:?}");
        assert!(diff.deleted.iter().eq(old_ids.difference(&new_ids).copied()), "{diff:?}");
        for column in &after.columns {
            let was = before.columns.iter().find(|own| own.id == column.id).unwrap_or(column);
            let mut changed = Vec::new();
            for id in old_ids.intersection(&new_ids) {
                let (a, b) = (before.row(*id).unwrap(), after.row(*id).unwrap());
                if before.cell(a, was) != after.cell(b, column) {
                    changed.push(*id);
                }
            }
            let id = lakebed_core::ColumnId(column.id);
            let told: Vec<u64> = diff.changed.get(&id).into_iter().flatten().collect();
            if before.columns.iter().any(|own| own.id == column.id) {
                assert_eq!(told, changed, "{}: {diff:?}", column.name);
            }
            // Of a column that came between, values that are its fill may be told as well.
            for id in &changed {
                assert!(told.contains(id), "row {id} of {}: {diff:?}", column.name);
            }
        }
    }
}
