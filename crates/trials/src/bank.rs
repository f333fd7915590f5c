//! A small dataset with history that every operation finds something to do in: numbered accounts
//! with balances. Each row holds bytes that follow from its number and its balance, so that a row
//! of which a part is old or lost is told from a whole one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorArray;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Compaction;
use lakebed_dataset::Dataset;
use lakebed_dataset::Folding;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::Policy;
use lakebed_dataset::Result;

use crate::attempt::Works;
use crate::copies;

/// Balances by account.
pub type Accounts = BTreeMap<i64, i64>;

/// Account, balance and seal.
pub fn schema() -> Schema {
    Schema::new(vec![
        Column::scalar("account", DType::I64),
        Column::scalar("balance", DType::I64),
        Column::tensor("seal", DType::U8, &[None]).with_compression(Compression::None),
    ])
    .unwrap()
}

/// Small chunks, so that there are more moments to die at.
pub fn options() -> Options {
    Options { chunk_bytes: 2048, ..Options::default() }
}

/// Bytes that nothing else contains.
pub fn seal(account: i64, balance: i64) -> Vec<u8> {
    let mut state = (account as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (balance as u64);
    let mut bytes = Vec::with_capacity(48);
    for _ in 0..6 {
        state = state.wrapping_mul(0xd128_5f9a_1c5d_95a1).wrapping_add(0x2545_f491_4f6c_dd1d);
        bytes.extend((state ^ (state >> 29)).to_le_bytes());
    }
    bytes
}

/// Rows of [`schema`], or of its last two columns.
pub fn rows(dataset: &Dataset, names: &[&str], accounts: &[(i64, i64)]) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for name in names {
        let column = dataset.schema().column(name).unwrap();
        let ty = TensorType::from_column(column);
        fields.push(ty.to_field(name, column.nullable));
        arrays.push(match *name {
            "account" => ints(accounts.iter().map(|(account, _)| *account)),
            "balance" => ints(accounts.iter().map(|(_, balance)| *balance)),
            _ => {
                let mut seals = TensorBuilder::<u8>::new(1);
                for (account, balance) in accounts {
                    let seal = seal(*account, *balance);
                    seals.push(&seal, &[seal.len()]).unwrap();
                }
                seals.finish::<UInt8Type>(&ty).unwrap()
            }
        });
    }
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

fn ints(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// One commit of new accounts.
pub async fn append(dataset: &Dataset, accounts: &[(i64, i64)]) -> Result<Dataset> {
    let mut writer = dataset.append()?;
    writer.write(&rows(dataset, &["account", "balance", "seal"], accounts)).await?;
    writer.commit("accounts").await
}

/// What an edit does to rows by account.
#[derive(Default)]
pub struct Changes<'a> {
    /// Accounts with their new balances.
    pub set: &'a [(i64, i64)],
    /// Accounts that go.
    pub delete: &'a [i64],
    /// New accounts.
    pub add: &'a [(i64, i64)],
}

/// One commit of changes.
pub async fn edit(dataset: &Dataset, changes: Changes<'_>) -> Result<Dataset> {
    let known = row_ids(dataset).await?;
    let mut edit = dataset.edit()?;
    if !changes.set.is_empty() {
        let ids: Vec<u64> = changes.set.iter().map(|(account, _)| known[account]).collect();
        edit.update(&ids, &rows(dataset, &["balance", "seal"], changes.set)).await?;
    }
    edit.delete(&changes.delete.iter().map(|account| known[account]).collect::<Vec<_>>());
    if !changes.add.is_empty() {
        edit.append(&rows(dataset, &["account", "balance", "seal"], changes.add)).await?;
    }
    edit.commit("changes").await
}

/// Columns by name, whole.
pub fn whole(dataset: &Dataset, names: &[&str]) -> Result<Vec<ColumnRead>> {
    let read = |name: &&str| {
        Ok(ColumnRead { column: dataset.schema().column(name)?.id, part: Part::Whole })
    };
    names.iter().map(read).collect()
}

async fn all(dataset: &Dataset, names: &[&str]) -> Result<RecordBatch> {
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    dataset.take(&positions, &whole(dataset, names)?).await
}

/// Row ids by account.
pub async fn row_ids(dataset: &Dataset) -> Result<BTreeMap<i64, u64>> {
    let accounts = all(dataset, &["account"]).await?;
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let ids = dataset.row_ids_at(&positions).await?;
    let accounts = accounts.column(0).as_primitive::<Int64Type>().values().to_vec();
    Ok(accounts.into_iter().zip(ids).collect())
}

/// Every row, each of which must be whole and there once.
pub async fn accounts(dataset: &Dataset) -> Result<Accounts> {
    let batch = all(dataset, &["account", "balance", "seal"]).await?;
    let numbers = batch.column(0).as_primitive::<Int64Type>().values();
    let balances = batch.column(1).as_primitive::<Int64Type>().values();
    let ty = TensorType::from_column(dataset.schema().column("seal")?);
    let seals = TensorArray::try_new(ty, batch.column(2)).unwrap();
    let bytes = seals.elements().as_primitive::<UInt8Type>();
    let mut accounts = Accounts::new();
    for row in 0..batch.num_rows() {
        let (account, balance) = (numbers[row], balances[row]);
        let found = &bytes.values()[seals.range(row)];
        assert_eq!(found, seal(account, balance), "account {account} with {balance}");
        assert_eq!(accounts.insert(account, balance), None, "account {account} is there twice");
    }
    Ok(accounts)
}

/// Reads everything that is retained, and checks every byte.
pub async fn check(dataset: &Dataset, context: &str) -> Accounts {
    let report = dataset.verify(|_, _| ()).await.works();
    assert!(report.damage.is_empty(), "{context}: {:?}", report.damage);
    for name in dataset.branches().keys().chain(dataset.tags().keys()) {
        accounts(&dataset.at_name(name).await.works()).await.works();
    }
    copies::check_branch(dataset, context).await;
    accounts(dataset).await.works()
}

/// One operation of the version layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// New rows.
    Append,
    /// Rows updated, deleted and added.
    Edit,
    /// A new branch.
    Branch,
    /// A new tag.
    Tag,
    /// A branch given up.
    DeleteRef,
    /// The other branch merged.
    Merge,
    /// The rows of the first commit again.
    Revert,
    /// Data rewritten.
    Compact,
    /// Manifests written as one.
    Fold,
    /// Old versions given up.
    Expire,
    /// Garbage deleted.
    Collect,
    /// Rows deleted on every branch and in every version.
    Purge,
    /// A view of rows in an order of its own.
    View,
    /// A view copied into another dataset, pack by pack.
    Materialize,
    /// A view copied into a branch.
    MaterializeBranch,
}

/// All of them.
pub const OPS: [Op; 15] = [
    Op::Append,
    Op::Edit,
    Op::Branch,
    Op::Tag,
    Op::DeleteRef,
    Op::Merge,
    Op::Revert,
    Op::Compact,
    Op::Fold,
    Op::Expire,
    Op::Collect,
    Op::Purge,
    Op::View,
    Op::Materialize,
    Op::MaterializeBranch,
];

impl Op {
    /// What [`crate::Figures`] say of processes that were killed in it.
    pub fn killed(self) -> &'static str {
        match self {
            Op::Append => "kills at steps of append",
            Op::Edit => "kills at steps of edit",
            Op::Branch => "kills at steps of branch",
            Op::Tag => "kills at steps of tag",
            Op::DeleteRef => "kills at steps of deleting a branch",
            Op::Merge => "kills at steps of merge",
            Op::Revert => "kills at steps of revert",
            Op::Compact => "kills at steps of compact",
            Op::Fold => "kills at steps of fold",
            Op::Expire => "kills at steps of expire",
            Op::Collect => "kills at steps of gc",
            Op::Purge => "kills at steps of purge",
            Op::View => "kills at steps of saving a view",
            Op::Materialize => "kills at steps of materialize",
            Op::MaterializeBranch => "kills at steps of materialize as a branch",
        }
    }

    /// True if doing it again does no harm.
    pub fn repeats(self) -> bool {
        use Op::*;
        !matches!(self, Append | Edit | Branch | DeleteRef | View | MaterializeBranch)
    }
}

/// Accounts that [`Op::Purge`] deletes: one as it was appended, one updated on the other branch,
/// one updated before the branch, one that only the other branch has.
pub const PURGED: [i64; 4] = [7, 10, 45, 101];

/// Every value that they ever had.
pub const PURGED_VALUES: [(i64, i64); 7] =
    [(7, 70), (10, 100), (10, -10), (45, 450), (45, -45), (45, -450), (101, 1010)];

/// Compacts whatever was updated.
pub fn compaction() -> Compaction {
    Compaction { updates: 1, deleted: 0.0, ..Compaction::default() }
}

/// Folds whatever can be.
pub fn folding() -> Folding {
    Folding { neighbours: 2, ..Folding::default() }
}

/// The history that operations work on: two branches that changed different things, two tags.
pub async fn prepare(empty: Dataset, op: Op) -> Dataset {
    let some = |range: std::ops::Range<i64>| range.map(|n| (n, n * 10)).collect::<Vec<_>>();
    let first = append(&empty, &some(0..40)).await.unwrap();
    first.tag("first", "").await.unwrap();
    let main = append(&first, &some(40..60)).await.unwrap();
    let set = [(3, -3), (45, -45), (46, -46)];
    let main =
        edit(&main, Changes { set: &set, delete: &[5], ..Changes::default() }).await.unwrap();
    main.tag("parted", "").await.unwrap();
    let side = main.branch("side", "").await.unwrap();
    let (set, add) = ([(10, -10), (12, -12)], some(100..105));
    let side = edit(&side, Changes { set: &set, delete: &[11], add: &add }).await.unwrap();
    side.tag("beside", "").await.unwrap();
    append(&side, &some(105..107)).await.unwrap();
    let main = append(&main, &some(60..70)).await.unwrap();
    let set = [(20, -20), (45, -450)];
    let mut main = edit(&main, Changes { set: &set, ..Changes::default() }).await.unwrap();
    if matches!(op, Op::Collect) {
        // Something to collect, of the epoch before the last.
        main = main.compact(&compaction(), "", |_, _| ()).await.unwrap();
        main = main.collect_garbage("", |_, _| ()).await.unwrap().0;
        main = append(&main, &some(70..75)).await.unwrap();
        main = main.expire(main.version(), "").await.unwrap();
    }
    if matches!(op, Op::Materialize | Op::MaterializeBranch) {
        main = copies::save_view(&main).await.unwrap();
    }
    main
}

/// Does one operation to what [`prepare`] made.
pub async fn run(dataset: &Dataset, op: Op) -> Result<Dataset> {
    match op {
        Op::Append => append(dataset, &[(200, 1), (201, 2)]).await,
        Op::Edit => {
            let set = [(1, -1), (41, -41), (61, -61)];
            edit(dataset, Changes { set: &set, delete: &[2, 42], add: &[(300, 3)] }).await
        }
        Op::Branch => dataset.branch("new", "").await,
        Op::Tag => {
            let parted = dataset.at_name("first").await?;
            parted.tag("new", "").await
        }
        Op::DeleteRef => dataset.delete_ref("side", "").await,
        Op::Merge => dataset.merge("side", Policy::Fail, "").await,
        Op::Revert => dataset.revert(1, "").await,
        Op::Compact => dataset.compact(&compaction(), "", |_, _| ()).await,
        Op::Fold => dataset.fold(&folding(), "", |_, _| ()).await,
        Op::Expire => dataset.expire(6, "").await,
        Op::Collect => Ok(dataset.collect_garbage("", |_, _| ()).await?.0),
        Op::Purge => {
            // The row ids of these accounts.
            Ok(dataset.purge(&[7, 10, 45, 61], "").await?.0)
        }
        Op::View => copies::save_view(dataset).await,
        Op::Materialize => {
            let store = lakebed_store::open(&copies::url(dataset.url()))?;
            copies::materialize(dataset, store).await?;
            Ok(dataset.clone())
        }
        Op::MaterializeBranch => copies::materialize_branch(dataset).await,
    }
}

/// The accounts that are there once the operation was done.
pub fn expected(before: &Accounts, op: Op) -> Accounts {
    let mut after = before.clone();
    match op {
        Op::Append => after.extend([(200, 1), (201, 2)]),
        Op::Edit => {
            after.extend([(1, -1), (41, -41), (61, -61), (300, 3)]);
            after.retain(|account, _| ![2, 42].contains(account));
        }
        Op::Merge => {
            after.extend([(10, -10), (12, -12)]);
            after.extend((100..107).map(|n| (n, n * 10)));
            after.remove(&11);
        }
        Op::Revert => after = (0..40).map(|n| (n, n * 10)).collect(),
        Op::Purge => after.retain(|account, _| !PURGED.contains(account)),
        _ => {}
    }
    after
}
