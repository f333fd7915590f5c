//! The log: creating entry n + 1 if it is absent is the commit.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use lakebed_core::ObjectId;
use lakebed_core::Schema;
use lakebed_format::Entry;
use lakebed_format::Region;
use lakebed_format::checksum::Checksum;
use lakebed_format::entry;
use lakebed_format::entry::MAX_AUTHOR;
use lakebed_format::entry::MAX_INLINE_SCHEMA;
use lakebed_format::entry::MAX_MESSAGE;
use lakebed_format::entry::SchemaPlace;
use lakebed_format::entry::Tombstone;
use lakebed_store::Outcome;
use lakebed_store::create_resolved;

use crate::dataset::CREATE_ATTEMPTS;
use crate::dataset::Dataset;
use crate::dataset::Shared;
use crate::error::Error;
use crate::error::Result;
use crate::once::Once;
use crate::turn::Turn;

/// Puts an entry into the log under its number, whatever answers get lost.
pub(crate) async fn create_entry(shared: &Shared, entry: &Entry) -> Result<Outcome> {
    let too_large = |e: lakebed_format::Error| Error::EntryTooLarge { reason: e.to_string() };
    let bytes = Bytes::from(entry.to_bytes().map_err(too_large)?);
    let key = Entry::key(entry.number);
    match create_resolved(&*shared.store, &key, bytes, CREATE_ATTEMPTS).await {
        Err(cause @ lakebed_store::Error::Unknown { .. }) => {
            Err(Error::CommitUnknown { number: entry.number, id: entry.id.to_string(), cause })
        }
        // An answer was lost for so long that the entry has expired meanwhile: only its id tells
        // whose it was.
        Ok(Outcome::Taken(found)) => match Tombstone::from_bytes(&found) {
            Some(Tombstone { id: Some(id), .. }) if id == entry.id => Ok(Outcome::Created),
            Some(Tombstone { id: None, .. }) => Err(Error::CommitUnknown {
                number: entry.number,
                id: entry.id.to_string(),
                cause: lakebed_store::Error::Unknown {
                    url: shared.url.clone(),
                    key,
                    tries: 1,
                    last: "the entry has expired, and was damaged before".to_string(),
                },
            }),
            _ => Ok(Outcome::Taken(found)),
        },
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

/// Writes all names as an object of their own: later entries hold only what is named otherwise.
async fn place_refs(shared: &Shared, entry: &mut Entry) -> Result<()> {
    let bytes = entry.refs.to_object()?;
    let region = Region {
        object: shared.new_object(entry.epoch),
        offset: 0,
        length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        checksum: Checksum::of(&bytes),
    };
    create_named(shared, &region.object.key("meta"), bytes).await?;
    entry.refs.placed(region);
    Ok(())
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

impl Dataset {
    /// Refuses objects that were written so long ago that a collection of garbage may have taken
    /// them.
    pub(crate) fn check_fence(&self, objects: impl Iterator<Item = ObjectId>) -> Result<()> {
        let epoch = self.log.epoch;
        let oldest = objects.map(|object| object.epoch).min().unwrap_or(epoch);
        if oldest.saturating_add(1) < epoch {
            return Err(Error::Fenced { prepared: epoch - oldest });
        }
        Ok(())
    }

    /// An error of a commit that does not go together with what came first.
    pub(crate) fn conflict(&self, reason: String) -> Error {
        Error::Conflict { url: self.shared.url.clone(), number: self.log.number, reason }
    }
}

/// One change, made anew on each head until it wins or does not go together with what came first.
pub(crate) trait Proposal: Send + Sync {
    /// The snapshot after the change on top of `head`, the end of the branch, and the objects that
    /// it needs written first.
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>>;
}

/// What a proposal makes of a head.
pub(crate) struct Proposed {
    /// [`Dataset::successor`] of the head with the change applied; id, time, message and the end of
    /// its branch are set here.
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
    commit_keyed(base, message, None, proposal).await
}

/// As [`commit`]; if a commit with the key is in the log already, gives the dataset at it.
///
/// # Errors
/// As [`commit`]; [`Error::InvalidKey`], or [`Error::VersionExpired`] if it cannot be known whether
/// the log has the key.
pub(crate) async fn commit_keyed(
    base: &Dataset,
    message: &str,
    key: Option<&str>,
    proposal: &dyn Proposal,
) -> Result<Dataset> {
    let mut once = key.map(Once::new).transpose()?;
    if message.len() > MAX_MESSAGE {
        let reason = format!("the message has {} bytes, at most {MAX_MESSAGE}", message.len());
        return Err(Error::EntryTooLarge { reason });
    }
    let shared = &base.shared;
    if shared.options.author.as_ref().is_some_and(|author| author.len() > MAX_AUTHOR) {
        let reason = format!("the author's name is longer than {MAX_AUTHOR} bytes");
        return Err(Error::EntryTooLarge { reason });
    }
    let head = base.refresh().await?;
    let (mut turn, head) = Turn::begin(shared, head).await?;
    let done = attempts(head, message, once.as_mut(), proposal, &mut turn).await;
    turn.end().await;
    done
}

/// Tries number after number until one is free.
async fn attempts(
    mut head: Dataset,
    message: &str,
    mut once: Option<&mut Once<'_>>,
    proposal: &dyn Proposal,
    turn: &mut Turn<'_>,
) -> Result<Dataset> {
    let shared = &Arc::clone(&head.shared);
    for _ in 0..shared.options.commit_attempts.max(1) {
        if let Some(once) = &mut once
            && let Some(done) = once.committed(&head).await?
        {
            return Ok(done);
        }
        check_writable(&head.log)?;
        let proposed = proposal.propose(&head).await?;
        let mut entry = proposed.entry;
        entry.id = shared.new_object(entry.epoch);
        entry.time_micros = shared.options.env.now_micros();
        entry.message = message.to_string();
        entry.author = shared.options.author.clone();
        entry.idempotency_key = once.as_ref().map(|once| once.key().to_string());
        entry.refs.branches.insert(entry.branch.clone(), entry.number);
        turn.sign(&mut entry);
        if let Some(schema) = &proposed.schema {
            entry.schema = place_schema(shared, schema, entry.epoch).await?;
        }
        if entry.refs.inline_bytes()? > shared.options.inline_refs_bytes {
            place_refs(shared, &mut entry).await?;
        }
        // A wide tree and a large schema do not fit together: the schema moves out, once for all.
        if let (SchemaPlace::Inline(schema), Err(_)) = (&entry.schema, entry.to_bytes()) {
            let bytes = entry::schema_to_bytes(schema)?;
            entry.schema = put_schema(shared, bytes, entry.epoch).await?;
        }
        let mut objects = proposed.objects;
        // Nor does a long tail of changed fragments: it becomes a node before it is full.
        if entry.to_bytes().is_err() {
            let epoch = entry.epoch;
            let nodes = entry.tree.settle_tail(|| shared.new_object(epoch))?;
            objects.extend(nodes.into_iter().map(|n| (n.pointer.object.key("meta"), n.bytes)));
        }
        for (key, bytes) in objects {
            create_named(shared, &key, bytes).await?;
        }
        if let Some(once) = &once {
            once.announce(&head, &entry).await?;
        }
        match create_entry(shared, &entry).await? {
            Outcome::Created => {
                turn.won(entry.number);
                write_hint(shared, entry.number).await;
                let schema = proposed.schema.map_or_else(|| head.schema.clone(), Arc::new);
                let branch = entry.branch.as_str().into();
                let entry = Arc::new(entry);
                let log = Arc::clone(&entry);
                return Ok(Dataset::from_parts(Arc::clone(shared), entry, log, branch, schema));
            }
            Outcome::Taken(_) => {
                tracing::debug!(
                    number = entry.number,
                    "another writer came first, going on top of it"
                );
                turn.lost(&entry).await;
                head = head.refresh().await?;
            }
        }
    }
    Err(head.conflict(format!("{} other commits came first", shared.options.commit_attempts)))
}
