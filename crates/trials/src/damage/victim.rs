//! A dataset that is damaged, looked at, and made whole again.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_dataset::Result;
use lakebed_dataset::VerifyReport;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Store;

use crate::bank;
use crate::bank::Op;
use crate::copies;
use crate::varied::album_rows;
use crate::varied::append;
use crate::varied::append_numbers;
use crate::varied::numbers;
use crate::varied::read;
use crate::varied::read_all;
use crate::varied::varied;
use crate::varied::varied_rows;

/// A dataset in memory, what it holds, and its objects by key.
pub struct Victim {
    /// What it is, for messages.
    pub name: &'static str,
    /// Its objects.
    pub store: Arc<ObjectStoreBackend>,
    /// Its rows, one batch a fragment.
    pub truth: Vec<RecordBatch>,
    /// Its columns.
    pub columns: Vec<String>,
    /// Every object as it was.
    pub files: BTreeMap<String, Bytes>,
    /// What the keys of the objects begin with that are damaged.
    folder: &'static str,
    /// The rows of its other branches and tags.
    named: BTreeMap<String, Vec<RecordBatch>>,
    /// The rows of its views.
    views: BTreeMap<String, Vec<u64>>,
}

/// What became of a dataset with damage.
pub struct Outcome {
    /// Why it could not be opened, or what verifying it said.
    pub report: std::result::Result<VerifyReport, String>,
    /// Whether all could be read.
    pub readable: bool,
}

async fn create(store: &Arc<ObjectStoreBackend>, schema: Schema, options: Options) -> Dataset {
    let store = Arc::<ObjectStoreBackend>::clone(store);
    Dataset::create_in("victim", store, Arc::default(), schema, options).await.unwrap()
}

impl Victim {
    /// Two fragments of every layout, several chunks each.
    pub async fn varied() -> Victim {
        let store = Arc::new(ObjectStoreBackend::memory());
        let options = Options { chunk_bytes: 256, ..Options::default() };
        let mut dataset = create(&store, varied(), options).await;
        for rows in [0..12, 12..24] {
            let rows = varied_rows(dataset.schema(), rows.start, rows.end);
            dataset = append(&dataset, &rows).await.unwrap();
        }
        Victim::of("every layout", store).await
    }

    /// Small JPEGs that share their heads, two chunks of them.
    pub async fn album() -> Victim {
        let store = Arc::new(ObjectStoreBackend::memory());
        let schema = Schema::new(vec![Column::image("image")]).unwrap();
        let options = Options { chunk_bytes: 700, ..Options::default() };
        let dataset = create(&store, schema, options).await;
        append(&dataset, &album_rows(dataset.schema(), 12)).await.unwrap();
        Victim::of("images", store).await
    }

    /// Branches, tags, updates, deletions, a view and its copy in a branch.
    pub async fn bank() -> Victim {
        let store = Arc::new(ObjectStoreBackend::memory());
        let options = Options { chunk_bytes: 512, ..Options::default() };
        let dataset = create(&store, bank::schema(), options).await;
        let dataset = bank::prepare(dataset, Op::MaterializeBranch).await;
        copies::materialize_branch(&dataset).await.unwrap();
        Victim::of("versions", store).await
    }

    /// So many fragments that a node holds them, and so many columns that the schema is an object.
    pub async fn nodes() -> Victim {
        let store = Arc::new(ObjectStoreBackend::memory());
        let mut columns = vec![Column::scalar("x", DType::I64)];
        let name = |i: i64| format!("a/column/with/a/long/name/{i}");
        columns.extend((0..60).map(|i| Column::text(name(i)).nullable()));
        let schema = Schema::new(columns).unwrap();
        let mut dataset = create(&store, schema, Options::default()).await;
        for i in 0..33 {
            dataset = append_numbers(&dataset, vec![i]).await.unwrap();
        }
        let mut victim = Victim::of("nodes", store).await;
        victim.columns.truncate(1);
        // The other objects are as those of other victims, and many.
        victim.folder = "meta/";
        victim
    }

    /// Two packs of the very same shape.
    pub async fn twins() -> Victim {
        let store = Arc::new(ObjectStoreBackend::memory());
        let mut dataset = create(&store, numbers(), Options::default()).await;
        for i in 0..2 {
            let numbers = vec![i * 5 + 3, i * 5 + 9, i * 5 + 70];
            dataset = append_numbers(&dataset, numbers).await.unwrap();
        }
        Victim::of("twins", store).await
    }

    async fn of(name: &'static str, store: Arc<ObjectStoreBackend>) -> Victim {
        let mut files = BTreeMap::new();
        for object in store.list("").await.unwrap() {
            files.insert(object.key.clone(), store.get(&object.key).await.unwrap());
        }
        let mut victim = Victim {
            name,
            store,
            truth: Vec::new(),
            columns: Vec::new(),
            files,
            folder: "",
            named: BTreeMap::new(),
            views: BTreeMap::new(),
        };
        let dataset = victim.open().await.unwrap();
        victim.columns = dataset.schema().columns.iter().map(|c| c.name.clone()).collect();
        victim.truth = read_all(&dataset).await.unwrap();
        for name in dataset.branches().keys().chain(dataset.tags().keys()) {
            let rows = read_all(&dataset.at_name(name).await.unwrap()).await.unwrap();
            victim.named.insert(name.clone(), rows);
        }
        victim.named.remove("main");
        for name in dataset.views().keys() {
            let ids = dataset.view(name).await.unwrap().row_ids().to_vec();
            victim.views.insert(name.clone(), ids);
        }
        victim
    }

    /// The objects to damage.
    pub fn damaged(&self) -> impl Iterator<Item = (&String, &Bytes)> {
        self.files.iter().filter(|(key, _)| key.starts_with(self.folder))
    }

    /// The dataset as it is now.
    pub async fn open(&self) -> Result<Dataset> {
        let store = Arc::<ObjectStoreBackend>::clone(&self.store);
        Dataset::open_in("victim", store, Arc::default(), Options::default()).await
    }

    /// Puts other bytes in place of an object.
    pub async fn damage(&self, key: &str, bytes: &[u8]) {
        self.store.put(key, Bytes::copy_from_slice(bytes)).await.unwrap();
    }

    /// Puts an object back.
    pub async fn mend(&self, key: &str) {
        self.store.put(key, self.files[key].clone()).await.unwrap();
    }

    /// Puts other bytes in place of an object, looks, and puts the object back.
    pub async fn with(&self, key: &str, bytes: &[u8]) -> Outcome {
        self.damage(key, bytes).await;
        let outcome = self.look(key).await;
        self.mend(key).await;
        outcome
    }

    /// Opens, verifies and reads everything: it is the truth, or said to be damaged.
    pub async fn look(&self, key: &str) -> Outcome {
        let dataset = match self.open().await {
            Ok(dataset) => dataset,
            Err(error) => {
                assert!(error.is_damage(), "{key}: {error}");
                return Outcome { report: Err(error.to_string()), readable: false };
            }
        };
        let report = dataset.verify(|_, _| ()).await.unwrap();
        let mut readable = true;
        for (nth, column) in self.columns.iter().enumerate() {
            match read(&dataset, &[column]).await {
                Ok(batches) => {
                    for (batch, truth) in batches.iter().zip(&self.truth) {
                        assert_eq!(batch.column(0), truth.column(nth), "{key}: wrong data");
                    }
                    assert_eq!(batches.len(), self.truth.len(), "{key}");
                }
                Err(error) => {
                    assert!(error.is_damage(), "{key}, {column}: {error}");
                    readable = false;
                    let names = report
                        .damage
                        .iter()
                        .any(|damage| damage.column.as_ref().is_none_or(|named| named == column));
                    assert!(names, "{key}: '{column}' is unreadable, verify says {report:?}");
                }
            }
        }
        readable &= self.look_at_names(&dataset, key).await;
        Outcome { report: Ok(report), readable }
    }

    async fn look_at_names(&self, dataset: &Dataset, key: &str) -> bool {
        let mut readable = true;
        for (name, truth) in &self.named {
            match async { read_all(&dataset.at_name(name).await?).await }.await {
                Ok(rows) => assert!(rows == *truth, "{key}: wrong data at {name}"),
                Err(error) => {
                    assert!(error.is_damage(), "{key}, {name}: {error}");
                    readable = false;
                }
            }
        }
        for (name, truth) in &self.views {
            match dataset.view(name).await {
                Ok(view) => assert_eq!(view.row_ids(), truth, "{key}: another view"),
                Err(error) => {
                    assert!(error.is_damage(), "{key}, {name}: {error}");
                    readable = false;
                }
            }
        }
        readable
    }
}

/// The object is named, by whoever found the damage first.
pub fn assert_named(key: &str, at: usize, outcome: &Outcome) {
    match &outcome.report {
        Err(message) => assert!(message.contains(key), "{key} byte {at}: {message}"),
        Ok(report) => {
            let named = report.damage.iter().any(|damage| damage.object == key);
            assert!(named, "{key} byte {at}: {report:?}");
        }
    }
}
