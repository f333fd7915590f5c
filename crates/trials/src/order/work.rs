//! The operations that power comes to an end in, and what must be left of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Language;
use lakebed_dataset::NewView;
use lakebed_dataset::Part;
use lakebed_dataset::Result;
use lakebed_dataset::ViewRows;
use lakebed_store::Meter;
use lakebed_store::Store;

use super::disk::Record;
use crate::bank;
use crate::bank::Accounts;
use crate::bank::Op;

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Create,
    Bank(Op),
    AddColumn,
    RenameColumn,
    DropColumn,
    SaveView,
    MaterializeBranch,
    MaterializeDataset,
}

pub(super) const ALL: [Work; 19] = [
    Work::Create,
    Work::Bank(Op::Append),
    Work::Bank(Op::Edit),
    Work::Bank(Op::Branch),
    Work::Bank(Op::Tag),
    Work::Bank(Op::DeleteRef),
    Work::Bank(Op::Merge),
    Work::Bank(Op::Revert),
    Work::Bank(Op::Compact),
    Work::Bank(Op::Fold),
    Work::Bank(Op::Expire),
    Work::Bank(Op::Collect),
    Work::Bank(Op::Purge),
    Work::AddColumn,
    Work::RenameColumn,
    Work::DropColumn,
    Work::SaveView,
    Work::MaterializeBranch,
    Work::MaterializeDataset,
];

/// What there was before an operation, and what there is after it.
pub(super) struct Expected {
    before: Accounts,
    after: Accounts,
    /// The newest version before.
    version: u64,
}

const VIEW: &str = "some";
/// Rows of the view, by id.
const CHOSEN: [u64; 4] = [9, 1, 30, 2];

pub(super) async fn create(store: Arc<dyn Store>) -> Result<Dataset> {
    let meter = Arc::new(Meter::default());
    Dataset::create_in("trial", store, meter, bank::schema(), bank::options()).await
}

impl Work {
    /// The dataset that it works on or makes.
    pub fn root(self, base: &Path) -> PathBuf {
        base.join(if self == Work::MaterializeDataset { "copy" } else { "dataset" })
    }

    /// True if there is no dataset before.
    pub fn creates(self) -> bool {
        matches!(self, Work::Create | Work::MaterializeDataset)
    }

    /// Does it in a folder, and says where in the record it begins and what must come of it. The
    /// newest version that is told is one more than its number, so that 0 is nothing.
    pub async fn run(self, record: &Record, base: &Path) -> (usize, Expected) {
        let root = base.join("dataset");
        let store: Arc<dyn Store> = Arc::new(record.store(&root, 1));
        if self == Work::Create {
            let made = create(store).await.unwrap();
            record.tell(made.newest_version() + 1);
            let (before, after) = (Accounts::new(), Accounts::new());
            return (0, Expected { before, after, version: 0 });
        }
        let empty = create(store).await.unwrap();
        let op = if let Work::Bank(op) = self { op } else { Op::Append };
        let mut prepared = bank::prepare(empty, op).await;
        if matches!(self, Work::MaterializeBranch | Work::MaterializeDataset) {
            prepared = prepared.save_view(VIEW, view(), "").await.unwrap();
        }
        let prepared = prepared.refresh().await.unwrap();
        let before = bank::accounts(&prepared).await.unwrap();
        let after = match self {
            Work::Bank(op) => bank::expected(&before, op),
            _ => before.clone(),
        };
        let version = prepared.newest_version();
        if !self.creates() {
            record.tell(version + 1);
        }
        let begin = record.len();
        let done = match self {
            Work::Create => prepared,
            Work::Bank(op) => bank::run(&prepared, op).await.unwrap(),
            Work::AddColumn => {
                let column = Column::scalar("extra", DType::I64).nullable();
                prepared.add_column(column, "").await.unwrap()
            }
            Work::RenameColumn => prepared.rename_column("seal", "stamp", "").await.unwrap(),
            Work::DropColumn => prepared.drop_column("seal", "").await.unwrap(),
            Work::SaveView => prepared.save_view(VIEW, view(), "").await.unwrap(),
            Work::MaterializeBranch => {
                let open = prepared.view(VIEW).await.unwrap();
                open.materialize_branch("copy", "", |_, _| ()).await.unwrap()
            }
            Work::MaterializeDataset => {
                let copy: Arc<dyn Store> = Arc::new(record.store(&base.join("copy"), 2));
                let open = prepared.view(VIEW).await.unwrap();
                let meter = Arc::new(Meter::default());
                let options = bank::options();
                open.materialize_in("copy", copy, meter, options, |_, _| ()).await.unwrap()
            }
        };
        record.tell(done.newest_version() + 1);
        (begin, Expected { before, after, version })
    }

    /// How much of what was told a dataset does not have.
    pub async fn check(self, found: &Remains, told: u64, expected: &Expected) -> Result<u64> {
        let dataset = &found.dataset;
        let mut lost = 0;
        let mut wrong = |what: bool| lost += u64::from(!what);
        wrong(dataset.newest_version() + 1 >= told);
        wrong(dataset.verify(|_, _| ()).await?.damage.is_empty());
        for name in dataset.branches().keys().chain(dataset.tags().keys()) {
            read(&dataset.at_name(name).await?).await?;
        }
        let rows = read(dataset).await?;
        let done = told > if self.creates() { 0 } else { expected.version + 1 };
        if !self.creates() {
            wrong(rows == expected.after || (!done && rows == expected.before));
        }
        let has = |name: &str| dataset.schema().column(name).is_ok();
        match self {
            Work::Create => wrong(rows.is_empty()),
            Work::Bank(Op::Purge) => wrong(!done || !found.holds_purged()),
            Work::Bank(_) => {}
            Work::AddColumn => wrong(!done || has("extra")),
            Work::RenameColumn => wrong(!done || (has("stamp") && !has("seal"))),
            Work::DropColumn => wrong(!done || !has("seal")),
            Work::SaveView => wrong(!done || dataset.view(VIEW).await?.row_ids() == CHOSEN),
            Work::MaterializeBranch => {
                wrong(!done || read(&dataset.at_name("copy").await?).await? == chosen());
            }
            Work::MaterializeDataset => {
                wrong(!done || rows == chosen());
                wrong(read(&found.copied_again().await?).await? == chosen());
            }
        }
        // Writing goes on at once.
        if has("seal") {
            let next = bank::append(&dataset.refresh().await?, &[(900, 9)]).await?;
            wrong(read(&next).await?.get(&900) == Some(&9));
        }
        Ok(lost)
    }
}

/// What a power cut has left.
pub(super) struct Remains {
    pub dataset: Dataset,
    pub store: Arc<dyn Store>,
    pub objects: BTreeMap<String, Bytes>,
    /// Where the dataset is that a copy was made from.
    pub source: PathBuf,
}

impl Remains {
    /// True if some object holds what was purged.
    fn holds_purged(&self) -> bool {
        let seals = bank::PURGED_VALUES.map(|(account, balance)| bank::seal(account, balance));
        let holds = |bytes: &Bytes| {
            seals.iter().any(|seal| bytes.windows(seal.len()).any(|window| window == seal))
        };
        self.objects.values().any(holds)
    }

    /// The copy, gone on with.
    async fn copied_again(&self) -> Result<Dataset> {
        let source = Dataset::open(self.source.to_str().unwrap(), bank::options()).await?;
        let (store, meter) = (Arc::clone(&self.store), Arc::new(Meter::default()));
        let open = source.view(VIEW).await?;
        open.materialize_in("copy", store, meter, bank::options(), |_, _| ()).await
    }
}

fn view() -> NewView {
    NewView {
        language: Language::Tql,
        query: "SELECT * FROM dataset".to_string(),
        parameters: serde_json::Value::Null,
        seed: None,
        rows: ViewRows::Ids(CHOSEN.to_vec()),
        weights: None,
    }
}

/// The rows of the view: row ids are accounts, as far as they were appended first.
fn chosen() -> Accounts {
    CHOSEN.iter().map(|id| (*id as i64, *id as i64 * 10)).collect()
}

/// Every row, whatever columns it still has.
async fn read(dataset: &Dataset) -> Result<Accounts> {
    if dataset.num_rows() == 0 {
        return Ok(Accounts::new());
    }
    if dataset.schema().column("seal").is_ok() {
        return bank::accounts(dataset).await;
    }
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let whole = |column: &Column| ColumnRead { column: column.id, part: Part::Whole };
    let reads: Vec<ColumnRead> = dataset.schema().columns.iter().map(whole).collect();
    let batch = dataset.take(&positions, &reads).await?;
    let numbers = |nth: usize| batch.column(nth).as_primitive::<Int64Type>().values().to_vec();
    Ok(numbers(0).into_iter().zip(numbers(1)).collect())
}
