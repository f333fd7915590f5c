//! The log: creating entry n + 1 if it is absent is the commit.

use bytes::Bytes;
use lakebed_core::Schema;
use lakebed_format::Entry;
use lakebed_format::checksum::Checksum;
use lakebed_format::entry;
use lakebed_format::entry::MAIN_BRANCH;
use lakebed_format::entry::MAX_INLINE_SCHEMA;
use lakebed_format::entry::MAX_MESSAGE;
use lakebed_format::entry::SchemaPlace;
use lakebed_store::Outcome;
use lakebed_store::create_resolved;

use crate::dataset::CREATE_ATTEMPTS;
use crate::dataset::Dataset;
use crate::dataset::Shared;
use crate::error::Error;
use crate::error::Result;

/// Puts an entry into the log under its number, whatever answers get lost.
pub(crate) async fn create_entry(shared: &Shared, entry: &Entry) -> Result<Outcome> {
    let too_large = |e: lakebed_format::Error| Error::EntryTooLarge { reason: e.to_string() };
    let bytes = Bytes::from(entry.to_bytes().map_err(too_large)?);
    let key = Entry::key(entry.number);
    match create_resolved(&*shared.store, &key, bytes, CREATE_ATTEMPTS).await {
        Err(cause @ lakebed_store::Error::Unknown { .. }) => {
            Err(Error::CommitUnknown { number: entry.number, id: entry.id.to_string(), cause })
        }
        other => Ok(other?),
    }
}

/// Tells later readers where to begin to look. It may fail: nothing rests on it.
pub(crate) async fn write_hint(shared: &Shared, number: u64) {
    let hint = Bytes::from(entry::hint_to_bytes(number));
    if let Err(error) = shared.store.put("hint", hint).await {
        tracing::warn!(%error, number, "the hint was not written; opening takes more requests");
    }
}

/// A schema's place: inside the entry, or an object of its own.
pub(crate) async fn place_schema(
    shared: &Shared,
    schema: &Schema,
    epoch: u32,
) -> Result<SchemaPlace> {
    let bytes = entry::schema_to_bytes(schema)?;
    if bytes.len() <= MAX_INLINE_SCHEMA {
        return Ok(SchemaPlace::Inline(schema.clone()));
    }
    put_schema(shared, bytes, epoch).await
}

/// Writes a schema as an object of its own.
async fn put_schema(shared: &Shared, bytes: Vec<u8>, epoch: u32) -> Result<SchemaPlace> {
    let object = shared.new_object(epoch);
    let place = SchemaPlace::Object {
        object,
        length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        checksum: Checksum::of(&bytes),
    };
    create_named(shared, &object.key("meta"), bytes).await?;
    Ok(place)
}

/// Creates an object whose name nobody else can have.
pub(crate) async fn create_named(shared: &Shared, key: &str, bytes: Vec<u8>) -> Result<()> {
    match create_resolved(&*shared.store, key, Bytes::from(bytes), CREATE_ATTEMPTS).await? {
        Outcome::Created => Ok(()),
        Outcome::Taken(_) => Err(lakebed_store::Error::AlreadyExists {
            url: shared.url.clone(),
            key: key.to_string(),
        }
        .into()),
    }
}

/// Refuses a dataset that needs something of its writers; this program knows no such feature.
pub(crate) fn check_writable(entry: &Entry) -> Result<()> {
    match entry.writer_features.first() {
        None => Ok(()),
        Some(feature) => {
            let feature = feature.clone();
            Err(lakebed_format::Error::UnknownFeature { feature }.into())
        }
    }
}

/// One change, made anew on each head until it wins or does not go together with what came first.
pub(crate) trait Proposal: Send + Sync {
    /// The snapshot after the change on top of `head`, and the objects that it needs written first.
    fn propose(&self, head: &Dataset) -> Result<Proposed>;
}

/// What a proposal makes of a head.
pub(crate) struct Proposed {
    /// The head's entry with the change applied; number, parents, id, time and refs are set here.
    pub entry: Entry,
    /// The columns after it, and whether they changed.
    pub schema: Option<Schema>,
    /// Objects under `meta/` to write before the entry.
    pub objects: Vec<(String, Vec<u8>)>,
}

/// Commits a proposal on top of `base` or whatever has come since.
///
/// # Errors
/// [`Error::Conflict`], [`Error::Fenced`], [`Error::CommitUnknown`], or an error of the store.
pub(crate) async fn commit(
    base: &Dataset,
    message: &str,
    proposal: &dyn Proposal,
) -> Result<Dataset> {
    if message.len() > MAX_MESSAGE {
        let reason = format!("the message has {} bytes, at most {MAX_MESSAGE}", message.len());
        return Err(Error::EntryTooLarge { reason });
    }
    let shared = &base.shared;
    let mut head = base.refresh().await?;
    for _ in 0..shared.options.commit_attempts.max(1) {
        check_writable(&head.entry)?;
        let proposed = proposal.propose(&head)?;
        let mut entry = proposed.entry;
        entry.number = head.entry.number + 1;
        entry.parents = vec![head.entry.number];
        entry.id = shared.new_object(entry.epoch);
        entry.time_micros = shared.options.env.now_micros();
        entry.message = message.to_string();
        entry.refs.branches.insert(MAIN_BRANCH.to_string(), entry.number);
        if let Some(schema) = &proposed.schema {
            entry.schema = place_schema(shared, schema, entry.epoch).await?;
        }
        // A wide tree and a large schema do not fit together: the schema moves out, once for all.
        if let (SchemaPlace::Inline(schema), Err(_)) = (&entry.schema, entry.to_bytes()) {
            let bytes = entry::schema_to_bytes(schema)?;
            entry.schema = put_schema(shared, bytes, entry.epoch).await?;
        }
        for (key, bytes) in proposed.objects {
            create_named(shared, &key, bytes).await?;
        }
        match create_entry(shared, &entry).await? {
            Outcome::Created => {
                write_hint(shared, entry.number).await;
                let schema =
                    proposed.schema.map_or_else(|| head.schema.clone(), std::sync::Arc::new);
                return Ok(Dataset::from_parts(shared.clone(), entry, schema));
            }
            Outcome::Taken(_) => {
                tracing::debug!(
                    number = entry.number,
                    "another writer came first, going on top of it"
                );
                head = head.refresh().await?;
            }
        }
    }
    Err(Error::Conflict {
        url: shared.url.clone(),
        number: head.entry.number,
        reason: format!("{} other commits came first", shared.options.commit_attempts),
    })
}
