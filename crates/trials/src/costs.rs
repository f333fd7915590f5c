//! What operations cost after a long history: no more than after a short one.
//!
//! Requests and bytes are counted, and one bound holds for every operation at every length. Times are
//! told only.

mod times;

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::Policy;
use lakebed_store::Counts;
use lakebed_store::Meter;
use lakebed_store::Metered;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Store;

use crate::Figures;
use crate::Scale;

/// The most requests of one operation on ten rows, by a program that knows nothing of the dataset
/// before it. The dearest is a merge of two branches with ten updated rows each, in as many
/// fragments far apart: it compares the values of both sides, three requests a fragment and side.
pub const REQUESTS: u64 = 192;
/// The most bytes that it reads and writes.
pub const BYTES: u64 = 512 << 10;
/// Rows of a commit.
const ROWS: u64 = 10;
const URL: &str = "costs";

/// One operation after so many commits.
struct Cost {
    what: &'static str,
    counts: Counts,
}

impl Cost {
    fn bytes(&self) -> u64 {
        self.counts.bytes_read + self.counts.bytes_written
    }

    fn is_bounded(&self) -> bool {
        self.counts.requests() <= REQUESTS && self.bytes() <= BYTES
    }
}

/// Operations after 10, 1,000 and, at length, 100,000 commits. What costs more than the bound counts
/// as lost.
pub async fn run(scale: Scale) -> Figures {
    let lengths: &[u64] = match scale {
        Scale::Short => &[10, 1_000],
        Scale::Long => &[10, 1_000, 100_000],
    };
    let place = Place { backend: Arc::new(ObjectStoreBackend::memory()) };
    let mut figures = Figures { what: "costs of operations", ..Figures::default() };
    let mut dataset = place.create().await;
    let (mut requests, mut bytes) = (0, 0);
    let mut commits = 0;
    for length in lengths {
        while commits < *length {
            dataset = append(&dataset).await;
            commits += 1;
        }
        for cost in place.costs(*length).await {
            figures.tried += 1;
            figures.lost += u64::from(!cost.is_bounded());
            requests = requests.max(cost.counts.requests());
            bytes = bytes.max(cost.bytes());
            println!(
                "  after {length} commits, {}: {} reads, {} writes, {} bytes read, {} written",
                cost.what,
                cost.counts.reads(),
                cost.counts.writes(),
                cost.counts.bytes_read,
                cost.counts.bytes_written
            );
        }
        println!("  after {length} commits, on disk: {}", times::of(&*place.backend).await);
        dataset = dataset.refresh().await.unwrap();
        commits = dataset.version();
    }
    figures.notes = format!(
        "after {lengths:?} commits at most {requests} requests (bound {REQUESTS}) and {bytes} bytes \
         (bound {BYTES}), each by a program that had read nothing"
    );
    figures
}

struct Place {
    backend: Arc<dyn Store>,
}

impl Place {
    fn store(&self) -> (Arc<dyn Store>, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        (Arc::new(Metered::new(Arc::clone(&self.backend), Arc::clone(&meter))), meter)
    }

    async fn create(&self) -> Dataset {
        let columns = ["number", "value"].map(|name| Column::scalar(name, DType::I64));
        let schema = Schema::new(columns.to_vec()).unwrap();
        let (store, meter) = self.store();
        Dataset::create_in(URL, store, meter, schema, Options::default()).await.unwrap()
    }

    /// The dataset for a program that has read nothing of it.
    async fn open(&self) -> Dataset {
        let (store, meter) = self.store();
        Dataset::open_in(URL, store, meter, Options::default()).await.unwrap()
    }

    async fn costs(&self, length: u64) -> Vec<Cost> {
        let mut costs = Vec::new();
        let mut note = |what, meter: &Meter| {
            costs.push(Cost { what, counts: meter.snapshot() });
        };
        let opened = self.open().await;
        note("open", &opened.metrics());
        assert_eq!(opened.log(20).await.unwrap().len() as u64, length.min(19) + 1);
        note("open and the last 20 of the log", &opened.metrics());
        let dataset = append(&self.open().await).await;
        note("commit of ten rows", &dataset.metrics());
        let middle = dataset.num_rows() / 2;
        let near: Vec<u64> = (middle + 1..middle + 1 + ROWS).collect();
        let far: Vec<u64> = (0..ROWS).map(|nth| nth * (dataset.num_rows() / ROWS)).collect();
        let dataset = update(&self.open().await, &near, 1).await;
        note("update of ten rows", &dataset.metrics());
        let dataset = update(&self.open().await, &far, 2).await;
        note("update of ten rows far apart", &dataset.metrics());
        let opened = self.open().await;
        assert_eq!(values(&opened, &near).await, [1; ROWS as usize]);
        note("reading of ten rows", &opened.metrics());
        let opened = self.open().await;
        let earlier = opened.at(opened.version() - 2).await.unwrap();
        let diff = opened.diff(&earlier).await.unwrap();
        assert_eq!(diff.rows_changed().len(), 2 * ROWS);
        note("diff over two updates", &opened.metrics());

        // Two branches that part here, and change ten rows each.
        let side = self.open().await.branch("side", "").await.unwrap();
        let side = append(&update(&side, &near, 3).await).await;
        let main = self.open().await.refresh().await.unwrap();
        update(&main, &far, 4).await;
        let merged = self.open().await.merge("side", Policy::Fail, "").await.unwrap();
        note("merge of ten updates and ten new rows", &merged.metrics());
        assert_eq!(values(&merged, &near).await, [3; ROWS as usize]);
        assert_eq!(values(&merged, &far).await, [4; ROWS as usize]);
        assert_eq!(merged.num_rows(), side.num_rows());
        let done = self.open().await.delete_ref("side", "").await.unwrap();
        note("deletion of a branch", &done.metrics());
        costs
    }
}

fn batch(dataset: &Dataset, columns: Vec<(&str, Vec<i64>)>) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (name, values) in columns {
        let column = dataset.schema().column(name).unwrap();
        fields.push(TensorType::from_column(column).to_field(name, column.nullable));
        arrays.push(Arc::new(Int64Array::from(values)));
    }
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

async fn append(dataset: &Dataset) -> Dataset {
    let first = dataset.num_rows() as i64;
    let numbers: Vec<i64> = (first..first + ROWS as i64).collect();
    let mut writer = dataset.append().unwrap();
    let rows = batch(dataset, vec![("number", numbers), ("value", vec![0; ROWS as usize])]);
    writer.write(&rows).await.unwrap();
    writer.commit("ten rows").await.unwrap()
}

async fn update(dataset: &Dataset, ids: &[u64], value: i64) -> Dataset {
    let mut edit = dataset.edit().unwrap();
    let values = batch(dataset, vec![("value", vec![value; ids.len()])]);
    edit.update(ids, &values).await.unwrap();
    edit.commit("update").await.unwrap()
}

async fn values(dataset: &Dataset, positions: &[u64]) -> Vec<i64> {
    let column = dataset.schema().column("value").unwrap().id;
    let reads = [ColumnRead { column, part: Part::Whole }];
    let batch = dataset.take(positions, &reads).await.unwrap();
    let array = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    array.values().to_vec()
}
