//! A log entry: one commit, the whole snapshot in at most 16 KiB.

use lakebed_core::DatasetId;
use lakebed_core::ObjectId;
use lakebed_core::Schema;
use serde::Deserialize;
use serde::Serialize;

use crate::checksum::Checksum;
use crate::error::Error;
use crate::error::Result;
use crate::frame;
use crate::frame::Kind;
use crate::patch::Region;
use crate::refs::Refs;
use crate::source::Source;
use crate::tree::Tree;

/// The most bytes of an entry.
pub const MAX_ENTRY: usize = 16 * 1024;
/// The most bytes of a schema inside an entry; a larger one is an object of its own.
pub const MAX_INLINE_SCHEMA: usize = 4 * 1024;
/// The most bytes of names inside an entry; of more, most are an object of their own.
pub const MAX_INLINE_REFS: usize = 4 * 1024;
/// The most bytes of a commit message.
pub const MAX_MESSAGE: usize = 1024;
/// The most bytes of an author's name.
pub const MAX_AUTHOR: usize = 256;
/// The branch that exists from the beginning.
pub const MAIN_BRANCH: &str = "main";

/// Features that this program can read. None exist yet beside the base format.
pub const READER_FEATURES: [&str; 0] = [];

/// One commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Features that a reader must know; it refuses the dataset if one is unknown to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reader_features: Vec<String>,
    /// Features that a writer must know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writer_features: Vec<String>,
    /// The dataset.
    pub dataset: DatasetId,
    /// The place in the log, from 0.
    pub number: u64,
    /// Random bits of this commit: how its writer knows it again after a lost answer.
    pub id: ObjectId,
    /// The epoch of garbage collection.
    pub epoch: u32,
    /// The entries that this one follows: one, or two for a merge; none for the first.
    pub parents: Vec<u64>,
    /// When, in microseconds since 1970-01-01 UTC; for people.
    pub time_micros: i64,
    /// What the writer said.
    pub message: String,
    /// Who, if the writer said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What was done.
    pub change: Change,
    /// The branch that this entry belongs to: what schema, rows and tree are of. Everything else is
    /// of the whole dataset.
    #[serde(default = "main_branch", skip_serializing_if = "is_main")]
    pub branch: String,
    /// Branches, tags and views, by name.
    pub refs: Refs,
    /// Entries below this number have expired, but for those that refs name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expired_below: u64,
    /// The columns.
    pub schema: SchemaPlace,
    /// The id that the next new row gets.
    pub next_row_id: u64,
    /// The id that the next new column gets.
    pub next_column_id: u64,
    /// Rows of the snapshot.
    pub rows: u64,
    /// The fragments.
    pub tree: Tree,
    /// Secondary indexes; reserved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<serde_json::Value>,
    /// Transforms of parts, such as encryption; reserved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<serde_json::Value>,
    /// The caller's key that makes a repeated commit one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Where the rows come from, in a copy of a view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Who committed lately, by which writers take turns; the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writers: Vec<Writer>,
}

/// A writer that committed lately, as `[id, number, crowded]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u64, u32)", into = "(u32, u64, u32)")]
pub struct Writer {
    /// Random bits of one opening of the dataset.
    pub id: u32,
    /// Its newest entry.
    pub number: u64,
    /// Its commits in a row that others were in the way of: 0 if its last was alone.
    pub crowded: u32,
}

impl From<(u32, u64, u32)> for Writer {
    fn from((id, number, crowded): (u32, u64, u32)) -> Writer {
        Writer { id, number, crowded }
    }
}

impl From<Writer> for (u32, u64, u32) {
    fn from(w: Writer) -> (u32, u64, u32) {
        (w.id, w.number, w.crowded)
    }
}

fn main_branch() -> String {
    MAIN_BRANCH.to_string()
}

fn is_main(branch: &str) -> bool {
    branch == MAIN_BRANCH
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a commit did: what a later writer needs to know to go on top of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// The dataset was made.
    Create,
    /// Rows were added after all others.
    Append {
        /// How many.
        rows: u64,
        /// In how many fragments.
        fragments: u64,
    },
    /// A column was added.
    AddColumn {
        /// Its id.
        column: u64,
    },
    /// Rows and cells were changed together.
    Edit {
        /// Rows that were added.
        #[serde(default, skip_serializing_if = "is_zero")]
        appended: u64,
        /// Rows with new values.
        #[serde(default, skip_serializing_if = "is_zero")]
        updated: u64,
        /// Rows that were deleted.
        #[serde(default, skip_serializing_if = "is_zero")]
        deleted: u64,
        /// The columns with new values.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        columns: Vec<u64>,
        /// Which rows: a [`crate::Touched`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        touched: Option<Region>,
    },
    /// A column has another name.
    RenameColumn {
        /// Its id.
        column: u64,
        /// The name that it had.
        from: String,
    },
    /// A column was dropped.
    DropColumn {
        /// Its id.
        column: u64,
        /// The name that it had.
        name: String,
    },
    /// What another branch did was taken over.
    Merge {
        /// The entry that was merged.
        from: u64,
        /// Rows that were added.
        appended: u64,
        /// Rows with new values.
        updated: u64,
        /// Rows that were deleted.
        deleted: u64,
        /// The columns with new values.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        columns: Vec<u64>,
        /// Which rows: a [`crate::Touched`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        touched: Option<Region>,
    },
    /// Everything is again as it was at an older version.
    Revert {
        /// That version.
        to: u64,
    },
    /// Fragments were written anew; no row or value changed.
    Compact {
        /// Fragments that were replaced.
        before: u64,
        /// Fragments in their place.
        after: u64,
    },
    /// A branch was made.
    CreateBranch {
        /// Its name.
        name: String,
        /// The entry that it begins with.
        version: u64,
    },
    /// A branch, tag or view was deleted.
    DeleteRef {
        /// Its name.
        name: String,
    },
    /// A view was saved.
    SaveView {
        /// Its name.
        name: String,
        /// Its rows.
        rows: u64,
    },
    /// Older versions were given up.
    Expire {
        /// Those below this number, but for named ones.
        below: u64,
    },
    /// A collection of garbage began.
    Collect {
        /// Its epoch.
        epoch: u32,
    },
    /// A version was given a name.
    Tag {
        /// The name.
        name: String,
        /// The entry that it names.
        version: u64,
    },
}

impl Change {
    /// The set of rows that got new values or were deleted, a [`crate::Touched`], if there are any.
    pub fn touched(&self) -> Option<&Region> {
        match self {
            Change::Edit { touched, .. } | Change::Merge { touched, .. } => touched.as_ref(),
            _ => None,
        }
    }
}

/// Where the schema is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaPlace {
    /// In the entry.
    Inline(Schema),
    /// An object under `meta/`.
    Object {
        /// Its name.
        object: ObjectId,
        /// Its bytes.
        length: u64,
        /// Its checksum.
        checksum: Checksum,
    },
}

impl Entry {
    /// The key of an entry.
    pub fn key(number: u64) -> String {
        format!("log/{number:016x}")
    }

    /// The bytes of the entry's object.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the entry would be larger than [`MAX_ENTRY`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let body =
            serde_json::to_vec(self).map_err(|e| Error::damaged("log entry", e.to_string()))?;
        let bytes = frame::wrap(Kind::Entry, &body);
        if bytes.len() > MAX_ENTRY {
            let reason = format!(
                "it would take {} bytes, and an entry has at most {MAX_ENTRY}",
                bytes.len()
            );
            return Err(Error::damaged("log entry", reason));
        }
        Ok(bytes)
    }

    /// Reads the object of entry `number`.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::NewerFormat`] or [`Error::UnknownFeature`].
    pub fn from_bytes(number: u64, bytes: &[u8]) -> Result<Entry> {
        let body = frame::unwrap(Kind::Entry, bytes)?;
        // Features first: a newer entry may have a form that does not parse here.
        let damaged = |e: serde_json::Error| Error::damaged("log entry", e.to_string());
        let features: Features = serde_json::from_slice(body).map_err(damaged)?;
        for feature in features.reader_features {
            if !READER_FEATURES.contains(&feature.as_str()) {
                return Err(Error::UnknownFeature { feature });
            }
        }
        let entry: Entry = serde_json::from_slice(body).map_err(damaged)?;
        if entry.number != number {
            let reason = format!("it says that it is entry {}, not {number}", entry.number);
            return Err(Error::damaged("log entry", reason));
        }
        entry.tree.validate()?;
        Ok(entry)
    }
}

#[derive(Deserialize)]
struct Features {
    #[serde(default)]
    reader_features: Vec<String>,
}

/// The bytes of a schema object.
///
/// # Errors
/// Only if JSON cannot be written, which no schema causes.
pub fn schema_to_bytes(schema: &Schema) -> Result<Vec<u8>> {
    let body = serde_json::to_vec(schema).map_err(|e| Error::damaged("schema", e.to_string()))?;
    Ok(frame::wrap(Kind::Schema, &body))
}

/// Reads a schema object.
///
/// # Errors
/// [`Error::Damaged`] or [`Error::NewerFormat`].
pub fn schema_from_bytes(bytes: &[u8]) -> Result<Schema> {
    let body = frame::unwrap(Kind::Schema, bytes)?;
    serde_json::from_slice(body).map_err(|e| Error::damaged("schema", e.to_string()))
}

/// The hint: the number of a recent entry. Never trusted, only a place to begin to look.
pub fn hint_to_bytes(number: u64) -> Vec<u8> {
    frame::wrap(Kind::Hint, &number.to_le_bytes())
}

/// Reads a hint.
///
/// # Errors
/// [`Error::Damaged`] or [`Error::NewerFormat`].
pub fn hint_from_bytes(bytes: &[u8]) -> Result<u64> {
    let body = frame::unwrap(Kind::Hint, bytes)?;
    let number =
        body.try_into().map_err(|_| Error::damaged("hint", "its body is not eight bytes"))?;
    Ok(u64::from_le_bytes(number))
}

/// What takes the place of an entry that has expired, so that its number stays taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    /// The number below which entries had expired when it was set.
    pub expired_below: u64,
    /// The id of the entry, by which a writer whose answer was lost still learns that it was its
    /// own; `None` if the entry could not be read.
    pub id: Option<ObjectId>,
}

impl Tombstone {
    /// Its bytes: as many for every tombstone.
    pub fn to_bytes(self) -> Vec<u8> {
        let id = self.id.unwrap_or(ObjectId { epoch: 0, id: 0 });
        let mut body = self.expired_below.to_le_bytes().to_vec();
        body.extend(id.epoch.to_le_bytes());
        body.extend(id.id.to_le_bytes());
        frame::wrap(Kind::Tombstone, &body)
    }

    /// Reads a tombstone; `None` if these bytes are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Tombstone> {
        let body = frame::unwrap(Kind::Tombstone, bytes).ok()?;
        let (below, rest) = body.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let id = u128::from_le_bytes(rest.try_into().ok()?);
        let id = ObjectId { epoch: u32::from_le_bytes(*epoch), id };
        Some(Tombstone {
            expired_below: u64::from_le_bytes(*below),
            id: (id.id != 0).then_some(id),
        })
    }
}

/// The marker's bytes: what makes a folder a dataset.
pub fn marker_to_bytes(dataset: DatasetId) -> Vec<u8> {
    let checksum = Checksum::of(dataset.to_string().as_bytes());
    format!("{{\"lakebed\":1,\"dataset\":\"{dataset}\",\"checksum\":\"{checksum}\"}}\n")
        .into_bytes()
}

/// Reads a marker.
///
/// # Errors
/// [`Error::Damaged`] if any byte differs from what was written.
pub fn marker_from_bytes(bytes: &[u8]) -> Result<DatasetId> {
    let damaged = |reason: String| Error::damaged("marker lakebed.json", reason);
    let json: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
    let id = json.get("dataset").and_then(|id| id.as_str()).unwrap_or_default();
    let id = DatasetId::try_from(id.to_string()).map_err(damaged)?;
    if marker_to_bytes(id) != bytes {
        return Err(damaged("its bytes are not those that were written".into()));
    }
    Ok(id)
}
