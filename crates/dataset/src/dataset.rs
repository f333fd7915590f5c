//! An open dataset: one snapshot.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::future::BoxFuture;
use lakebed_core::ColumnId;
use lakebed_core::DatasetId;
use lakebed_core::ObjectId;
use lakebed_core::Schema;
use lakebed_format::Entry;
use lakebed_format::Refs;
use lakebed_format::Source;
use lakebed_format::Tree;
use lakebed_format::entry;
use lakebed_format::entry::Change;
use lakebed_format::entry::MAIN_BRANCH;
use lakebed_format::entry::SchemaPlace;
use lakebed_store::BlockCache;
use lakebed_store::Cached;
use lakebed_store::Meter;
use lakebed_store::Metered;
use lakebed_store::Outcome;
use lakebed_store::Store;
use lakebed_store::Throttled;
use lakebed_store::create_resolved;
use tokio::sync::OnceCell;
use tokio::sync::Semaphore;

use crate::cache::Caches;
use crate::commit;
use crate::edit::RowIndex;
use crate::error::Error;
use crate::error::Result;
use crate::head;
use crate::location::Location;
use crate::options::Options;
use crate::read::Fragment;
use crate::turn::Turns;

/// Tries to create an object whose answers get lost.
pub(crate) const CREATE_ATTEMPTS: u32 = 6;
/// One permit of the in-flight semaphore.
pub(crate) const PERMIT_BYTES: u64 = 4096;

/// One snapshot of a dataset. Clones are cheap and share caches.
#[derive(Debug, Clone)]
pub struct Dataset {
    pub(crate) shared: Arc<Shared>,
    /// What reads go through.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) entry: Arc<Entry>,
    /// The newest entry of the log that is known: what it says of the whole dataset (names, counters,
    /// epoch) is newer than what `entry` says.
    pub(crate) log: Arc<Entry>,
    /// The branch that commits go to.
    pub(crate) branch: Arc<str>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) fragments: Arc<OnceCell<Arc<[Fragment]>>>,
    /// Tree nodes that were opened on the way to some of its fragments.
    pub(crate) walked: Arc<AtomicU64>,
    pub(crate) row_index: Arc<OnceCell<Arc<RowIndex>>>,
}

/// What all snapshots of one dataset share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub url: String,
    /// What counts into `meter`.
    pub store: Arc<dyn Store>,
    pub meter: Arc<Meter>,
    pub options: Options,
    pub caches: Caches,
    /// Blocks of a remote store.
    pub blocks: Option<Arc<BlockCache>>,
    pub in_flight: Arc<Semaphore>,
    pub decoders: Arc<Semaphore>,
    pub samples_decoded: AtomicU64,
    /// What this process knows of others that commit.
    pub turns: Turns,
    /// The newest epoch that was seen.
    pub epoch: AtomicU32,
}

impl Shared {
    pub fn new_object(&self, epoch: u32) -> ObjectId {
        ObjectId { epoch, id: self.options.env.random_u128() }
    }

    /// An object for rows that wait for their commit. Its epoch is the newest that any snapshot of
    /// this dataset saw: who was refused as too late may write again from the same snapshot.
    pub fn new_pack(&self) -> ObjectId {
        self.new_object(self.epoch.load(Ordering::Relaxed))
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
        schema: Schema,
        options: Options,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Dataset::create_from(url, store, meter, schema, options, None)
    }

    /// As [`Dataset::create_in`], as a copy of something.
    pub(crate) fn create_from<'a>(
        url: &'a str,
        store: Arc<dyn Store>,
        meter: Arc<Meter>,
        mut schema: Schema,
        options: Options,
        source: Option<Source>,
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
                author: shared.options.author.clone(),
                change: Change::Create,
                branch: MAIN_BRANCH.to_string(),
                expired_below: 0,
                refs: Refs::first(MAIN_BRANCH),
                schema: place,
                next_row_id: 0,
                next_column_id,
                rows: 0,
                tree: Tree::default(),
                indexes: Vec::new(),
                transforms: Vec::new(),
                idempotency_key: None,
                source,
                writers: Vec::new(),
            };
            match commit::create_entry(&shared, &first).await? {
                Outcome::Created => {}
                Outcome::Taken(_) => return Err(exists()),
            }
            commit::write_hint(&shared, 0).await;
            let first = Arc::new(first);
            let log = Arc::clone(&first);
            Ok(Dataset::from_parts(shared, first, log, MAIN_BRANCH.into(), Arc::new(schema)))
        })
    }

    /// Opens a dataset at the end of its branch `main`, or at what stands after an `@`: a branch, a
    /// tag, a view's version or the number of an entry.
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
                Some(name) => head.at_name(&name).await,
            }
        })
    }

    /// Opens the end of the branch `main` of a dataset in a store that is open already.
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
            let newest = head::newest(url, &*shared.store).await?;
            let newest = newest.ok_or_else(|| Error::NotADataset { url: url.to_string() })?;
            Dataset::load_branch(shared, Arc::new(newest), MAIN_BRANCH.into()).await
        })
    }

    /// The same dataset at another entry, whose branch later commits go to.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`], [`Error::VersionExpired`], damage, or an error of the store.
    pub fn at<'a>(&'a self, version: u64) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            if version == self.entry.number {
                return Ok(self.clone());
            }
            let url = &self.shared.url;
            self.check_retained(version)?;
            match head::entry(url, &*self.shared.store, version).await? {
                Some(mut entry) => {
                    let newer = entry.number > self.log.number;
                    if newer {
                        let store = &*self.shared.store;
                        head::complete(url, store, &mut entry, &self.log.refs).await?;
                    }
                    let entry = Arc::new(entry);
                    let log = Arc::clone(if newer { &entry } else { &self.log });
                    let branch = entry.branch.as_str().into();
                    match Dataset::load(Arc::clone(&self.shared), entry, log, branch).await {
                        Err(Error::Store(error)) => Err(self.lost(version, error).await),
                        loaded => loaded,
                    }
                }
                // The log has no gaps.
                None if version < self.log.number => {
                    let reason = "it is missing, and later ones are there".to_string();
                    Err(self.damaged(&Entry::key(version), "entry", reason))
                }
                None => {
                    let newest = self.newest_entry().await?;
                    let newest = newest.map_or(self.log.number, |entry| entry.number);
                    Err(Error::NoSuchVersion { url: url.clone(), version, newest })
                }
            }
        })
    }

    /// Refuses a version that has expired, as far as this snapshot knows.
    pub(crate) fn check_retained(&self, version: u64) -> Result<()> {
        if !is_retained(&self.log, version) {
            let below = self.log.expired_below;
            return Err(Error::VersionExpired { url: self.shared.url.clone(), version, below });
        }
        Ok(())
    }

    /// True if a version that this snapshot retains has been given up since.
    pub(crate) async fn expired_since(&self, version: u64) -> Result<bool> {
        Ok(self.newest_entry().await?.is_some_and(|newest| !is_retained(&newest, version)))
    }

    /// An error of reading what this snapshot uses: an object that is missing since the version was
    /// given up and its garbage collected is no damage.
    pub(crate) async fn explained(&self, error: lakebed_store::Error) -> Error {
        self.lost(self.entry.number, error).await
    }

    async fn lost(&self, version: u64, error: lakebed_store::Error) -> Error {
        if !error.is_not_found() {
            return error.into();
        }
        match self.newest_entry().await {
            Ok(Some(newest)) if !is_retained(&newest, version) => {
                let (url, below) = (self.shared.url.clone(), newest.expired_below);
                Error::VersionExpired { url, version, below }
            }
            _ => error.into(),
        }
    }

    /// What a request gave, or [`Dataset::explained`].
    pub(crate) async fn or_expired<T>(&self, done: Result<T, lakebed_store::Error>) -> Result<T> {
        match done {
            Ok(done) => Ok(done),
            Err(error) => Err(self.explained(error).await),
        }
    }

    pub(crate) async fn newest_entry(&self) -> Result<Option<Entry>> {
        head::from(&self.shared.url, &*self.shared.store, self.log.number, &self.log.refs).await
    }

    /// The dataset at the end of its branch now.
    ///
    /// # Errors
    /// [`Error::NoSuchRef`] if the branch was deleted, damage, or an error of the store.
    pub fn refresh<'a>(&'a self) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let newest = self.newest_entry().await?;
            let newest = newest.map_or_else(|| Arc::clone(&self.log), Arc::new);
            self.shared.epoch.fetch_max(newest.epoch, Ordering::Relaxed);
            if newest.refs.branches.get(&*self.branch) == Some(&self.entry.number) {
                return Ok(Dataset { log: newest, ..self.clone() });
            }
            let shared = Arc::clone(&self.shared);
            Dataset::load_branch(shared, newest, Arc::clone(&self.branch)).await
        })
    }

    /// The end of a branch, where `newest` is the newest entry of the log.
    pub(crate) async fn load_branch(
        shared: Arc<Shared>,
        newest: Arc<Entry>,
        branch: Arc<str>,
    ) -> Result<Dataset> {
        let missing = || Error::NoSuchRef { url: shared.url.clone(), name: branch.to_string() };
        let number = *newest.refs.branches.get(&*branch).ok_or_else(missing)?;
        let tip = if number == newest.number {
            Arc::clone(&newest)
        } else {
            let found = head::entry(&shared.url, &*shared.store, number).await?;
            Arc::new(found.ok_or_else(|| {
                let reason = format!("branch '{branch}' ends there, and it does not exist");
                let source = lakebed_format::Error::damaged("log entry", reason);
                Error::in_object(&shared.url, &Entry::key(number), source)
            })?)
        };
        Dataset::load(shared, tip, newest, branch).await
    }

    pub(crate) async fn load(
        shared: Arc<Shared>,
        entry: Arc<Entry>,
        log: Arc<Entry>,
        branch: Arc<str>,
    ) -> Result<Dataset> {
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
        Ok(Dataset::from_parts(shared, entry, log, branch, Arc::new(schema)))
    }

    pub(crate) fn from_parts(
        shared: Arc<Shared>,
        entry: Arc<Entry>,
        log: Arc<Entry>,
        branch: Arc<str>,
        schema: Arc<Schema>,
    ) -> Dataset {
        let store = shared.reading(None);
        shared.epoch.fetch_max(log.epoch, Ordering::Relaxed);
        Dataset {
            shared,
            store,
            entry,
            log,
            branch,
            schema,
            fragments: Arc::default(),
            walked: Arc::default(),
            row_index: Arc::default(),
        }
    }

    /// The entry after this snapshot: its rows and columns, and what the log says of the whole
    /// dataset.
    pub(crate) fn successor(&self) -> Entry {
        let log = &*self.log;
        Entry {
            reader_features: log.reader_features.clone(),
            writer_features: log.writer_features.clone(),
            number: log.number.saturating_add(1),
            epoch: log.epoch,
            parents: vec![self.entry.number],
            branch: self.branch.to_string(),
            refs: log.refs.clone(),
            expired_below: log.expired_below,
            next_row_id: log.next_row_id,
            next_column_id: log.next_column_id,
            idempotency_key: None,
            writers: log.writers.clone(),
            ..(*self.entry).clone()
        }
    }

    /// Where the dataset is, without a version.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// True where each request takes a round trip.
    pub fn is_remote(&self) -> bool {
        self.shared.store.is_remote()
    }

    /// The number of the entry that this snapshot shows.
    pub fn version(&self) -> u64 {
        self.entry.number
    }

    /// The number of the newest entry of the log, of whatever branch, that this snapshot knows.
    pub fn newest_version(&self) -> u64 {
        self.log.number
    }

    /// How many versions a branch, a tag or a view keeps from expiring.
    pub fn named_versions(&self) -> u64 {
        let named: std::collections::BTreeSet<u64> = self.log.refs.versions().collect();
        u64::try_from(named.len()).unwrap_or(u64::MAX)
    }

    /// The branch that commits on this snapshot go to.
    pub fn branch_name(&self) -> &str {
        &self.branch
    }

    /// Where the rows come from, if they are a copy of a view.
    pub fn source(&self) -> Option<&Source> {
        self.entry.source.as_ref()
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

    /// The same snapshot, whose reads are counted by themselves as well: what one query takes,
    /// whatever others do at the same time. Metadata that several wait for is counted with who
    /// asked first.
    pub fn counted(&self) -> (Dataset, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        (Dataset { store: self.shared.reading(Some(&meter)), ..self.clone() }, meter)
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
    pub(crate) fn open(
        url: &str,
        store: Arc<dyn Store>,
        meter: Arc<Meter>,
        options: Options,
    ) -> Shared {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let threads = if options.decode_threads == 0 { cores } else { options.decode_threads };
        let permits = usize::try_from(options.in_flight_bytes / PERMIT_BYTES).unwrap_or(1);
        Shared {
            url: url.to_string(),
            caches: Caches::new(options.cache_bytes),
            blocks: (store.is_remote() && options.block_cache_bytes > 0)
                .then(|| Arc::new(BlockCache::new(options.block_cache_bytes))),
            in_flight: Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS))),
            decoders: Arc::new(Semaphore::new(threads)),
            samples_decoded: AtomicU64::new(0),
            turns: Turns::default(),
            epoch: AtomicU32::new(0),
            store,
            meter,
            options,
        }
    }

    /// What reads go through, counted by one more meter if there is one.
    fn reading(&self, meter: Option<&Arc<Meter>>) -> Arc<dyn Store> {
        let store = Arc::clone(&self.store);
        let store: Arc<dyn Store> = match meter {
            Some(meter) => Arc::new(Metered::new(store, Arc::clone(meter))),
            None => store,
        };
        let Some(blocks) = &self.blocks else { return store };
        let meters = std::iter::once(&self.meter).chain(meter).cloned().collect();
        Arc::new(Cached::new(store, Arc::clone(blocks), meters))
    }
}

/// False if a version has expired, as far as an entry knows.
fn is_retained(newest: &Entry, version: u64) -> bool {
    version >= newest.expired_below || newest.refs.versions().any(|named| named == version)
}

/// The store of a location, and what counts its requests.
pub(crate) fn open_store(url: &str, options: &Options) -> Result<(Arc<dyn Store>, Arc<Meter>)> {
    let (store, meter) = match options.memory_map {
        true => lakebed_store::open_mapped(url)?,
        false => lakebed_store::open_metered(url)?,
    };
    Ok(match options.throttle {
        Some(throttle) => (Arc::new(Throttled::new(store, throttle)), meter),
        None => (store, meter),
    })
}
