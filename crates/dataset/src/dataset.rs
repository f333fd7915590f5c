//! An open dataset: one snapshot.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::future::BoxFuture;
use lakebed_core::ColumnId;
use lakebed_core::DatasetId;
use lakebed_core::ObjectId;
use lakebed_core::Schema;
use lakebed_format::Entry;
use lakebed_format::Tree;
use lakebed_format::entry;
use lakebed_format::entry::Change;
use lakebed_format::entry::MAIN_BRANCH;
use lakebed_format::entry::Refs;
use lakebed_format::entry::SchemaPlace;
use lakebed_store::Meter;
use lakebed_store::Outcome;
use lakebed_store::Store;
use lakebed_store::Throttled;
use lakebed_store::create_resolved;
use tokio::sync::OnceCell;
use tokio::sync::Semaphore;

use crate::cache::Caches;
use crate::commit;
use crate::error::Error;
use crate::error::Result;
use crate::head;
use crate::location::Location;
use crate::options::Options;
use crate::read::Fragment;

/// Tries to create an object whose answers get lost.
pub(crate) const CREATE_ATTEMPTS: u32 = 6;
/// One permit of the in-flight semaphore.
pub(crate) const PERMIT_BYTES: u64 = 4096;

/// One snapshot of a dataset. Clones are cheap and share caches.
#[derive(Debug, Clone)]
pub struct Dataset {
    pub(crate) shared: Arc<Shared>,
    pub(crate) entry: Arc<Entry>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) fragments: Arc<OnceCell<Arc<[Fragment]>>>,
}

/// What all snapshots of one dataset share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub url: String,
    pub store: Arc<dyn Store>,
    pub meter: Arc<Meter>,
    pub options: Options,
    pub caches: Caches,
    pub in_flight: Arc<Semaphore>,
    pub decoders: Arc<Semaphore>,
    pub samples_decoded: AtomicU64,
}

impl Shared {
    pub fn new_object(&self, epoch: u32) -> ObjectId {
        ObjectId { epoch, id: self.options.env.random_u128() }
    }
}

impl Dataset {
    /// Makes a dataset without rows at a place that holds none.
    ///
    /// # Errors
    /// [`Error::Exists`], a schema that cannot be stored, or an error of the store.
    pub fn create<'a>(
        url: &'a str,
        schema: Schema,
        options: Options,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let (store, meter) = open_store(url, &options)?;
            Dataset::create_in(url, store, meter, schema, options).await
        })
    }

    /// As [`Dataset::create`], in a store that is open already; `url` is for messages.
    ///
    /// # Errors
    /// As [`Dataset::create`].
    pub fn create_in<'a>(
        url: &'a str,
        store: Arc<dyn Store>,
        meter: Arc<Meter>,
        mut schema: Schema,
        options: Options,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            schema.validate()?;
            for (number, column) in (0..).zip(&mut schema.columns) {
                column.id = ColumnId(number);
            }
            let shared = Arc::new(Shared::open(url, store, meter, options));
            let exists = || Error::Exists { url: url.to_string() };
            if head::newest(url, &*shared.store).await?.is_some() {
                return Err(exists());
            }
            let id = DatasetId(shared.options.env.random_u128());
            let marker = Bytes::from(entry::marker_to_bytes(id));
            let id = match create_resolved(&*shared.store, "lakebed.json", marker, CREATE_ATTEMPTS)
                .await?
            {
                Outcome::Created => id,
                // A marker without a log: an earlier create stopped between the two. Finish it.
                Outcome::Taken(found) => entry::marker_from_bytes(&found)
                    .map_err(|e| Error::in_object(url, "lakebed.json", e))?,
            };
            let next_column_id = u64::try_from(schema.columns.len()).unwrap_or(u64::MAX);
            let place = commit::place_schema(&shared, &schema, 0).await?;
            let first = Entry {
                reader_features: Vec::new(),
                writer_features: Vec::new(),
                dataset: id,
                number: 0,
                id: shared.new_object(0),
                epoch: 0,
                parents: Vec::new(),
                time_micros: shared.options.env.now_micros(),
                message: "create".to_string(),
                change: Change::Create,
                refs: Refs { branches: [(MAIN_BRANCH.to_string(), 0)].into(), ..Refs::default() },
                schema: place,
                next_row_id: 0,
                next_column_id,
                rows: 0,
                tree: Tree::default(),
                indexes: Vec::new(),
                transforms: Vec::new(),
                idempotency_key: None,
            };
            match commit::create_entry(&shared, &first).await? {
                Outcome::Created => {}
                Outcome::Taken(_) => return Err(exists()),
            }
            commit::write_hint(&shared, 0).await;
            Ok(Dataset::from_parts(shared, first, Arc::new(schema)))
        })
    }

    /// Opens a dataset at its newest entry, or at the version after an `@`.
    ///
    /// # Errors
    /// [`Error::NotADataset`], [`Error::NoSuchVersion`], damage, or an error of the store.
    pub fn open<'a>(url: &'a str, options: Options) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let location = Location::parse(url);
            let (store, meter) = open_store(&location.url, &options)?;
            let head = Dataset::open_in(&location.url, store, meter, options).await?;
            match location.version {
                None => Ok(head),
                Some(name) => {
                    let number = name.parse().ok();
                    let number = number.or_else(|| head.entry.refs.branches.get(&name).copied());
                    match number.or_else(|| head.entry.refs.tags.get(&name).copied()) {
                        Some(number) => head.at(number).await,
                        None => Err(Error::NoSuchRef { url: location.url, name }),
                    }
                }
            }
        })
    }

    /// Opens the newest entry of a dataset in a store that is open already.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open_in<'a>(
        url: &'a str,
        store: Arc<dyn Store>,
        meter: Arc<Meter>,
        options: Options,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let shared = Arc::new(Shared::open(url, store, meter, options));
            let entry = head::newest(url, &*shared.store).await?;
            let entry = entry.ok_or_else(|| Error::NotADataset { url: url.to_string() })?;
            Dataset::load(shared, entry).await
        })
    }

    /// The same dataset at another entry.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`], damage, or an error of the store.
    pub fn at<'a>(&'a self, version: u64) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            if version == self.entry.number {
                return Ok(self.clone());
            }
            let url = &self.shared.url;
            match head::entry(url, &*self.shared.store, version).await? {
                Some(entry) => Dataset::load(Arc::clone(&self.shared), entry).await,
                None => {
                    let newest = head::from(url, &*self.shared.store, self.entry.number).await?;
                    let newest = newest.map_or(self.entry.number, |entry| entry.number);
                    Err(Error::NoSuchVersion { url: url.clone(), version, newest })
                }
            }
        })
    }

    /// The dataset at its newest entry now.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub fn refresh<'a>(&'a self) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let url = &self.shared.url;
            let newest = head::from(url, &*self.shared.store, self.entry.number).await?;
            match newest {
                Some(entry) if entry.number != self.entry.number => {
                    Dataset::load(Arc::clone(&self.shared), entry).await
                }
                _ => Ok(self.clone()),
            }
        })
    }

    pub(crate) async fn load(shared: Arc<Shared>, entry: Entry) -> Result<Dataset> {
        let schema = match &entry.schema {
            SchemaPlace::Inline(schema) => schema.clone(),
            SchemaPlace::Object { object, checksum, .. } => {
                let key = object.key("meta");
                let bytes = shared.store.get(&key).await?;
                let damaged = |e| Error::in_object(&shared.url, &key, e);
                if !checksum.matches(&bytes) {
                    let reason = "it is not the object that its entry points to";
                    return Err(damaged(lakebed_format::Error::damaged("schema", reason)));
                }
                entry::schema_from_bytes(&bytes).map_err(damaged)?
            }
        };
        schema.validate()?;
        Ok(Dataset::from_parts(shared, entry, Arc::new(schema)))
    }

    pub(crate) fn from_parts(shared: Arc<Shared>, entry: Entry, schema: Arc<Schema>) -> Dataset {
        Dataset { shared, entry: Arc::new(entry), schema, fragments: Arc::default() }
    }

    /// Where the dataset is, without a version.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The number of the entry that this snapshot shows.
    pub fn version(&self) -> u64 {
        self.entry.number
    }

    /// The identity of the dataset, the same in all versions.
    pub fn id(&self) -> DatasetId {
        self.entry.dataset
    }

    /// The columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Number of rows.
    pub fn num_rows(&self) -> u64 {
        self.entry.rows
    }

    /// Counts the requests and bytes of everything done through this dataset.
    pub fn metrics(&self) -> Arc<Meter> {
        Arc::clone(&self.shared.meter)
    }

    /// Encoded images that were decoded so far through this dataset.
    pub fn samples_decoded(&self) -> u64 {
        self.shared.samples_decoded.load(Ordering::Relaxed)
    }

    /// The settings that it was opened with.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }
}

impl Shared {
    fn open(url: &str, store: Arc<dyn Store>, meter: Arc<Meter>, options: Options) -> Shared {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let threads = if options.decode_threads == 0 { cores } else { options.decode_threads };
        let permits = usize::try_from(options.in_flight_bytes / PERMIT_BYTES).unwrap_or(1);
        Shared {
            url: url.to_string(),
            caches: Caches::new(options.cache_bytes),
            in_flight: Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS))),
            decoders: Arc::new(Semaphore::new(threads)),
            samples_decoded: AtomicU64::new(0),
            store,
            meter,
            options,
        }
    }
}

/// The store of a location, and what counts its requests.
fn open_store(url: &str, options: &Options) -> Result<(Arc<dyn Store>, Arc<Meter>)> {
    let (store, meter) = match options.memory_map {
        true => lakebed_store::open_mapped(url)?,
        false => lakebed_store::open_metered(url)?,
    };
    Ok(match options.throttle {
        Some(throttle) => (Arc::new(Throttled::new(store, throttle)), meter),
        None => (store, meter),
    })
}
