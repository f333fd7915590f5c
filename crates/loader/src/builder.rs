//! The settings of a loader.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;

use lakebed_core::Compression;
use lakebed_core::TensorType;
use lakebed_core::tensor_type::Layout;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::OpenView;
use lakebed_dataset::Part;

use crate::collate::Collate;
use crate::error::Cause;
use crate::error::Error;
use crate::error::Result;
use crate::kept::Kept;
use crate::loader::Loader;
use crate::order::Shuffle;
use crate::pool::Pool;
use crate::random::SampleRng;
use crate::sample::Row;
use crate::sample::Sample;
use crate::shard::Shard;
use crate::source::Origin;
use crate::source::Source;

pub(crate) type SampleTransform =
    Arc<dyn Fn(Sample, &mut SampleRng) -> Result<Sample, Cause> + Send + Sync>;
pub(crate) type RowTransform =
    Arc<dyn Fn(&mut Row<'_>, &mut SampleRng) -> Result<(), Cause> + Send + Sync>;

/// What becomes of a sample that cannot be decoded or transformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBadSample {
    /// The epoch ends with an error that names column, row and cause.
    #[default]
    Error,
    /// Its row is left out of its batch, and listed there.
    Skip,
}

/// A view or version that batches can be made of.
pub trait ToBatches {
    /// The settings of a loader, to be changed and built.
    fn batches(&self) -> LoaderBuilder;
}

impl ToBatches for Dataset {
    /// All rows of this version.
    fn batches(&self) -> LoaderBuilder {
        LoaderBuilder::new(Origin::Dataset(self.clone()))
    }
}

impl ToBatches for OpenView {
    /// The view's rows in its order, repeated ones as often as they come.
    fn batches(&self) -> LoaderBuilder {
        LoaderBuilder::new(Origin::View(Box::new(self.clone())))
    }
}

struct Wanted {
    name: String,
    collate: Collate,
    transform: Option<SampleTransform>,
}

/// The settings of a loader; see [`ToBatches::batches`].
#[must_use]
pub struct LoaderBuilder {
    origin: Origin,
    columns: Vec<Wanted>,
    transform: Option<RowTransform>,
    batch_size: usize,
    drop_last: bool,
    shuffle: Shuffle,
    seed: u64,
    rank: u64,
    world: u64,
    workers: usize,
    memory: usize,
    on_bad_sample: OnBadSample,
}

impl fmt::Debug for LoaderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoaderBuilder")
            .field("columns", &self.columns.iter().map(|c| &c.name).collect::<Vec<_>>())
            .field("batch_size", &self.batch_size)
            .field("shuffle", &self.shuffle)
            .finish_non_exhaustive()
    }
}

impl LoaderBuilder {
    fn new(origin: Origin) -> LoaderBuilder {
        LoaderBuilder {
            origin,
            columns: Vec::new(),
            transform: None,
            batch_size: 32,
            drop_last: false,
            shuffle: Shuffle::None,
            seed: 0,
            rank: 0,
            world: 1,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            memory: 256 << 20,
            on_bad_sample: OnBadSample::Error,
        }
    }

    /// Loads a column, collated like this. Without any, all columns are loaded and stacked.
    pub fn column(mut self, name: &str, collate: Collate) -> LoaderBuilder {
        self.columns.push(Wanted { name: name.to_string(), collate, transform: None });
        self
    }

    /// As [`LoaderBuilder::column`], each sample changed before it is collated. Null samples are
    /// not. Encoded images are decoded first: `u8[height, width, channels]`.
    ///
    /// All transforms of one sample get the same generator from its start, so that an image and its
    /// mask draw the same crop; it depends on seed, epoch and place in the order, and nothing else.
    pub fn map(
        mut self,
        name: &str,
        collate: Collate,
        transform: impl Fn(Sample, &mut SampleRng) -> Result<Sample, Cause> + Send + Sync + 'static,
    ) -> LoaderBuilder {
        let transform: Option<SampleTransform> = Some(Arc::new(transform));
        self.columns.push(Wanted { name: name.to_string(), collate, transform });
        self
    }

    /// Changes each row after its samples have been changed.
    pub fn map_rows(
        mut self,
        transform: impl Fn(&mut Row<'_>, &mut SampleRng) -> Result<(), Cause> + Send + Sync + 'static,
    ) -> LoaderBuilder {
        self.transform = Some(Arc::new(transform));
        self
    }

    /// Samples of a batch of one rank; 32 if nothing is said.
    pub fn batch_size(mut self, samples: usize) -> LoaderBuilder {
        self.batch_size = samples;
        self
    }

    /// Leaves out the samples at the end that do not fill a batch for every rank.
    pub fn drop_last(mut self, drop_last: bool) -> LoaderBuilder {
        self.drop_last = drop_last;
        self
    }

    /// How each epoch is shuffled; not at all if nothing is said.
    pub fn shuffle(mut self, shuffle: Shuffle) -> LoaderBuilder {
        self.shuffle = shuffle;
        self
    }

    /// What orders and transforms draw from; 0 if nothing is said.
    pub fn seed(mut self, seed: u64) -> LoaderBuilder {
        self.seed = seed;
        self
    }

    /// Which rank of how many this loader serves. The order of an epoch is the same for any number.
    pub fn rank(mut self, rank: u64, world: u64) -> LoaderBuilder {
        (self.rank, self.world) = (rank, world);
        self
    }

    /// Threads that decode, transform and collate; 0 does it in the thread that asks for batches.
    /// As many as there are cores if nothing is said.
    pub fn workers(mut self, workers: usize) -> LoaderBuilder {
        self.workers = workers;
        self
    }

    /// Bytes for what was read and for batches that wait; 256 MiB if nothing is said. One batch
    /// alone may be larger. Where the rows of a world of one take no more than a quarter of it as
    /// they are stored, the first whole epoch keeps them, and later ones read nothing.
    pub fn memory(mut self, bytes: usize) -> LoaderBuilder {
        self.memory = bytes;
        self
    }

    /// What becomes of samples that cannot be decoded or transformed.
    pub fn on_bad_sample(mut self, policy: OnBadSample) -> LoaderBuilder {
        self.on_bad_sample = policy;
        self
    }

    /// Looks up columns and rows, once for all epochs.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Column`], or an error of the dataset.
    pub async fn build(self) -> Result<Loader> {
        let refuse = |setting, found: String, reason: &str| {
            Err(Error::Setting { setting, found, reason: reason.to_string() })
        };
        if self.batch_size == 0 {
            return refuse("batch_size", "0".into(), "a batch has at least one sample");
        }
        if self.rank >= self.world {
            let found = format!("{} of {}", self.rank, self.world);
            return refuse("rank", found, "ranks count from 0 and are below the world's size");
        }
        if self.workers > MAX_WORKERS {
            return refuse("workers", self.workers.to_string(), "at most 1024");
        }
        let dataset = match &self.origin {
            Origin::Dataset(dataset) => dataset,
            Origin::View(view) => view.dataset(),
        };
        let mut wanted = self.columns;
        if wanted.is_empty() {
            let names = dataset.schema().columns.iter().map(|column| column.name.clone());
            let collate = Collate::Stack;
            wanted = names.map(|name| Wanted { name, collate, transform: None }).collect();
        }
        let mut names = BTreeSet::new();
        let mut columns = Vec::new();
        for Wanted { name, collate, transform } in wanted {
            if !names.insert(name.clone()) {
                let reason = "it is asked for twice".to_string();
                return Err(Error::Column { column: name, reason });
            }
            columns.push(PlannedColumn::new(dataset, name, collate, transform)?);
        }
        let reads: Vec<ColumnRead> = columns.iter().map(|column| column.read.clone()).collect();
        let source = Source::open(self.origin, self.shuffle, &reads).await?;
        let shard = Shard {
            rank: self.rank,
            world: self.world,
            batch: u64::try_from(self.batch_size).unwrap_or(u64::MAX),
            drop_last: self.drop_last,
        };
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Ok(Loader::new(Settings {
            source,
            columns,
            reads,
            names,
            transform: self.transform,
            shard,
            seed: self.seed,
            workers: self.workers,
            memory: self.memory,
            on_bad_sample: self.on_bad_sample,
            of_batches: Arc::new(Pool::new(self.memory / 4)),
            of_groups: Arc::new(Pool::new(self.memory / 4)),
            kept: OnceLock::new(),
        }))
    }
}

/// More threads than this are a mistake.
const MAX_WORKERS: usize = 1024;

/// A column that is loaded.
pub(crate) struct PlannedColumn {
    pub name: String,
    pub read: ColumnRead,
    /// As it is stored: encoded images are decoded by the workers.
    pub ty: TensorType,
    pub collate: Collate,
    pub transform: Option<SampleTransform>,
}

impl PlannedColumn {
    fn new(
        dataset: &Dataset,
        name: String,
        collate: Collate,
        transform: Option<SampleTransform>,
    ) -> Result<PlannedColumn> {
        let found = dataset.schema().column(&name);
        let column =
            found.map_err(|e| Error::Column { column: name.clone(), reason: e.to_string() })?;
        let nested =
            column.sequence && (column.ndim() > 0 || column.compression == Compression::Encoded);
        if nested {
            let reason =
                "sequences of tensors are not loaded: unnest them in the query".to_string();
            return Err(Error::Column { column: name, reason });
        }
        let ty = TensorType::from_column(column);
        // Pieces are put together where they are decoded.
        let part = if ty.layout == Layout::Encoded { Part::Pieces } else { Part::Whole };
        let read = ColumnRead { column: column.id, part };
        Ok(PlannedColumn { name, read, ty, collate, transform })
    }

    pub fn is_encoded(&self) -> bool {
        self.ty.layout == Layout::Encoded
    }
}

/// Everything that an epoch needs to know.
pub(crate) struct Settings {
    pub source: Source,
    pub columns: Vec<PlannedColumn>,
    pub reads: Vec<ColumnRead>,
    pub names: Vec<String>,
    pub transform: Option<RowTransform>,
    pub shard: Shard,
    pub seed: u64,
    pub workers: usize,
    pub memory: usize,
    pub on_bad_sample: OnBadSample,
    /// Memory of batches that were dropped.
    pub of_batches: Arc<Pool>,
    /// Memory of groups that were decoded.
    pub of_groups: Arc<Pool>,
    /// All rows, once an epoch has read them and they are few enough.
    pub kept: OnceLock<Kept>,
}
