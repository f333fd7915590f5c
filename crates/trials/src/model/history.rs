//! One random history: the operation on the dataset, the same on the model, everything compared.

use std::sync::Arc;

use lakebed_core::Env;
use lakebed_core::Schema;
use lakebed_dataset::Compaction;
use lakebed_dataset::Dataset;
use lakebed_dataset::Folding;
use lakebed_dataset::Options;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Store;

use super::store;
use super::tally::Tally;
use super::world::Column;
use super::world::Kind;
use super::world::Row;
use super::world::State;
use super::world::Value;
use super::world::World;

/// A history that is under way.
pub struct History {
    pub(super) store: Arc<dyn Store>,
    pub(super) options: Options,
    pub(super) random: Env,
    pub(super) dataset: Dataset,
    pub(super) branch: String,
    pub(super) world: World,
    pub(super) next_value: i64,
    pub(super) next_id: u64,
    pub(super) tally: Tally,
}

impl History {
    pub async fn run(seed: u64, steps: usize, tell: bool) -> Tally {
        let store: Arc<dyn Store> = Arc::new(ObjectStoreBackend::memory());
        let random = Env::seeded(seed);
        // Small chunks, packs and tiles, so that a few rows meet every layout.
        let options = Options {
            env: Env::seeded(seed ^ 0xffff),
            chunk_bytes: 40 << (seed % 4),
            tiled_above_bytes: 30 << (seed % 6),
            pack_bytes: 400 << (seed % 5),
            ..Options::default()
        };
        let columns = [("key", Kind::Key), ("boxes", Kind::Boxes), ("text", Kind::Text)];
        let columns: Vec<Column> = (0..)
            .zip(columns)
            .map(|(id, (name, kind))| Column { id, name: name.to_string(), kind })
            .collect();
        let schema = Schema::new(columns.iter().map(store::definition).collect()).unwrap();
        let dataset = Dataset::create_in(
            "model",
            Arc::clone(&store),
            Arc::default(),
            schema,
            options.clone(),
        )
        .await
        .unwrap();
        let mut world = World::default();
        world.versions.insert(0, State { columns, rows: Vec::new() });
        world.parents.insert(0, Vec::new());
        world.branches.insert("main".to_string(), 0);
        let mut history = History {
            store,
            options,
            random,
            dataset,
            branch: "main".to_string(),
            world,
            next_value: 0,
            next_id: 0,
            tally: Tally::default(),
        };
        for step in 0..steps {
            let name = history.step().await;
            if tell {
                let version = history.dataset.version();
                println!("{step}: {name} on {}: version {version}", history.branch);
            }
            let context = format!("seed {seed}, step {step} ({name})");
            history.compare(&context).await;
        }
        history.tally
    }

    pub(super) fn below(&self, n: usize) -> usize {
        (self.random.random_u64() % n.max(1) as u64) as usize
    }

    pub(super) fn state(&self) -> State {
        self.world.versions[&self.world.branches[&self.branch]].clone()
    }

    fn value(&mut self, kind: Kind) -> Value {
        self.next_value += 1;
        let value = self.next_value;
        match kind {
            Kind::Key | Kind::Extra(_) => Value::Int(value),
            Kind::Text if self.below(4) == 0 => {
                Value::Text(format!("a longer text, number {value}"))
            }
            Kind::Text => Value::Text(format!("{value}")),
            Kind::Boxes => {
                let count = 1 + self.below(4);
                Value::Boxes((0..count).map(|n| [value as f32, n as f32]).collect())
            }
        }
    }

    /// New rows; null is no unique value, so only rows that are added have it.
    fn new_rows(&mut self, columns: &[Column], count: usize, nulls: bool) -> Vec<Row> {
        (0..count)
            .map(|_| {
                let cells = columns.iter().map(|c| (c.id, self.value(c.kind)));
                let mut row: Row = cells.collect();
                for column in columns.iter().filter(|c| c.kind == Kind::Text) {
                    if nulls && self.below(5) == 0 {
                        row.insert(column.id, Value::Null);
                    }
                }
                row
            })
            .collect()
    }

    /// Some ids, each once, in any order.
    fn some_ids(&self, state: &State) -> Vec<u64> {
        let mut ids: Vec<u64> = state.rows.iter().map(|(id, _)| *id).collect();
        let count = match self.below(4) {
            0 => self.below(ids.len() + 1),
            _ => self.below(4.min(ids.len() + 1)),
        };
        for at in 0..count {
            let other = at + self.below(ids.len() - at);
            ids.swap(at, other);
        }
        ids.truncate(count);
        ids
    }

    /// What was committed on the branch.
    pub(super) fn committed(&mut self, dataset: Dataset, state: State, parents: Vec<u64>) {
        let version = dataset.version();
        let known = *self.world.versions.last_key_value().unwrap().0;
        if version <= known {
            assert_eq!(
                dataset.version(),
                self.world.branches[&self.branch],
                "nothing was committed"
            );
            self.dataset = dataset;
            return;
        }
        assert_eq!(version, known + 1, "one commit");
        self.world.versions.insert(version, state);
        self.world.parents.insert(version, parents);
        self.world.branches.insert(self.branch.clone(), version);
        self.dataset = dataset;
    }

    pub(super) fn tip(&self) -> u64 {
        self.world.branches[&self.branch]
    }

    async fn step(&mut self) -> &'static str {
        let name = match self.below(44) {
            0..=9 => "append",
            10..=15 => "update",
            16..=19 => "delete",
            20..=21 => "edit",
            22 => "add column",
            23 => ["drop column", "rename column"][self.below(2)],
            24..=25 => "branch",
            26..=28 => "switch",
            29..=32 => ["merge ours", "merge theirs", "merge"][self.below(3)],
            33 => "tag",
            34 => "compact",
            35 => "fold",
            36 => "revert",
            37 => "expire",
            38..=39 => "collect",
            40..=41 => "save view",
            42 => "branch from view",
            _ => "copy view",
        };
        let done = match name {
            "append" | "update" | "delete" | "edit" => self.edit(name).await,
            "add column" => self.add_column().await,
            "drop column" | "rename column" => self.change_column(name).await,
            "branch" => self.new_branch().await,
            "switch" => self.switch().await,
            "merge ours" | "merge theirs" | "merge" => self.merge(name).await,
            "tag" => self.tag().await,
            "compact" => self.compact().await,
            "fold" => self.fold().await,
            "revert" => self.revert().await,
            "expire" => self.expire().await,
            "collect" => self.collect().await,
            "save view" => self.save_view().await,
            "branch from view" => self.branch_from_view().await,
            _ => self.copy_view().await,
        };
        if done {
            self.tally.add(name);
        }
        // Caches are not what makes it right.
        if self.below(4) == 0 {
            let fresh = Dataset::open_in(
                "model",
                Arc::clone(&self.store),
                Arc::default(),
                self.options.clone(),
            )
            .await
            .unwrap();
            self.dataset = fresh.at_name(&self.branch).await.unwrap();
        }
        name
    }

    async fn edit(&mut self, name: &str) -> bool {
        let mut state = self.state();
        let mut edit = self.dataset.edit().unwrap();
        let mut deleted = Vec::new();
        if name == "delete" || name == "edit" {
            deleted = self.some_ids(&state);
            edit.delete(&deleted);
        }
        if name == "update" || name == "edit" {
            let ids: Vec<u64> =
                self.some_ids(&state).into_iter().filter(|id| !deleted.contains(id)).collect();
            let mut columns = state.columns.clone();
            columns.retain(|_| self.below(2) == 0);
            if columns.is_empty() {
                columns.push(state.columns[0].clone());
            }
            let rows = self.new_rows(&columns, ids.len(), false);
            // In two calls, so that a pack is written to more than once.
            let half = self.below(ids.len() + 1);
            for part in [0..half, half..ids.len()] {
                let batch = store::batch(&self.dataset, &columns, &rows[part.clone()]);
                edit.update(&ids[part], &batch).await.unwrap();
            }
            for (id, new) in ids.iter().zip(rows) {
                let (_, row) = state.rows.iter_mut().find(|(own, _)| own == id).unwrap();
                row.extend(new);
            }
        }
        state.rows.retain(|(id, _)| !deleted.contains(id));
        let before = state.rows.len();
        if name == "append" || name == "edit" {
            let count = 1 + self.below(12);
            let rows = self.new_rows(&state.columns, count, true);
            for part in rows.chunks(1 + self.below(6)) {
                let batch = store::batch(&self.dataset, &state.columns, part);
                edit.append(&batch).await.unwrap();
            }
            for row in rows {
                state.rows.push((self.next_id, row));
                self.next_id += 1;
            }
        }
        let grown = state.rows.len() > before;
        let dataset = edit.commit(name).await.unwrap();
        let changed = dataset.version() != self.tip();
        assert!(changed || !grown);
        let tip = self.tip();
        self.committed(dataset, state, vec![tip]);
        changed
    }

    async fn add_column(&mut self) -> bool {
        let mut state = self.state();
        if state.columns.len() > 6 {
            return false;
        }
        self.next_value += 1;
        let kind = Kind::Extra(-self.next_value);
        let name = format!("extra{}", self.next_value);
        let mut column = Column { id: 0, name, kind };
        let definition = store::definition(&column);
        let dataset = self.dataset.add_column(definition, "one more").await.unwrap();
        column.id = dataset.schema().column(&column.name).unwrap().id.0;
        state.columns.push(column);
        let tip = self.tip();
        self.committed(dataset, state, vec![tip]);
        true
    }

    async fn change_column(&mut self, what: &str) -> bool {
        let mut state = self.state();
        let extras: Vec<usize> = (0..state.columns.len())
            .filter(|nth| matches!(state.columns[*nth].kind, Kind::Extra(_)))
            .collect();
        if extras.is_empty() {
            return false;
        }
        let nth = extras[self.below(extras.len())];
        let name = state.columns[nth].name.clone();
        let dataset = if what == "drop column" {
            let column = state.columns.remove(nth);
            state.rows.iter_mut().for_each(|(_, row)| drop(row.remove(&column.id)));
            self.dataset.drop_column(&name, what).await.unwrap()
        } else {
            self.next_value += 1;
            let to = format!("renamed{}", self.next_value);
            state.columns[nth].name = to.clone();
            self.dataset.rename_column(&name, &to, what).await.unwrap()
        };
        let tip = self.tip();
        self.committed(dataset, state, vec![tip]);
        true
    }

    async fn compact(&mut self) -> bool {
        let (tip, state) = (self.tip(), self.state());
        let options = Compaction {
            small_bytes: 300 << self.below(6),
            target_bytes: 600 << self.below(6),
            deleted: 0.1,
            updates: 1 + self.below(3),
            all: self.below(4) == 0,
        };
        let dataset = self.dataset.compact(&options, "tidy", |_, _| {}).await.unwrap();
        let changed = dataset.version() != tip;
        self.committed(dataset, state, vec![tip]);
        changed
    }

    async fn fold(&mut self) -> bool {
        let (tip, state) = (self.tip(), self.state());
        let options = Folding {
            small_bytes: [20_000, u64::MAX][self.below(2)],
            target_bytes: 5_000 << self.below(6),
            neighbours: 2 + self.below(3),
        };
        let dataset = self.dataset.fold(&options, "tidy", |_, _| {}).await.unwrap();
        let changed = dataset.version() != tip;
        if changed {
            let diff = dataset.diff(&self.dataset.at(tip).await.unwrap()).await.unwrap();
            assert!(diff.is_empty(), "a fold changes no row: {diff:?}");
        }
        self.committed(dataset, state, vec![tip]);
        changed
    }

    async fn collect(&mut self) -> bool {
        let (tip, state) = (self.tip(), self.state());
        let (dataset, collected) = self.dataset.collect_garbage("tidy", |_, _| {}).await.unwrap();
        self.committed(dataset, state, vec![tip]);
        collected.deleted > 0
    }
}
