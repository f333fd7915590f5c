//! Checking every byte that a retained version uses.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use lakebed_core::Schema;
use lakebed_format::ColumnSection;
use lakebed_format::Directory;
use lakebed_format::Entry;
use lakebed_format::FragmentPointer;
use lakebed_format::KeyNote;
use lakebed_format::ManifestHeader;
use lakebed_format::NodePointer;
use lakebed_format::Overlay;
use lakebed_format::Patch;
use lakebed_format::Region;
use lakebed_format::checksum::Checksum;
use lakebed_format::checksum::Running;
use lakebed_format::entry;
use lakebed_format::entry::SchemaPlace;
use lakebed_format::tree::EXPLICIT_IDS;
use lakebed_format::tree::Node;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::head;

/// Bytes of a pack that are read at a time.
const WINDOW: u64 = 8 << 20;
/// The folder of a local store for files that are not finished.
const UNFINISHED: &str = "tmp";

/// Damage that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The object's key.
    pub object: String,
    /// The column whose samples are hit, where they are.
    pub column: Option<String>,
    /// Row ids that are hit, where they follow each other.
    pub rows: Option<Range<u64>>,
    /// Rows of the pack that are hit, counted from its first.
    pub pack_rows: Option<Range<u64>>,
    /// What does not hold.
    pub reason: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.object)?;
        if let Some(column) = &self.column {
            write!(f, "column '{column}', ")?;
        }
        if let Some(rows) = &self.rows {
            write!(f, "row ids {} to {}: ", rows.start, rows.end.saturating_sub(1))?;
        } else if let Some(rows) = &self.pack_rows {
            write!(f, "rows {} to {} of the pack: ", rows.start, rows.end.saturating_sub(1))?;
        }
        f.write_str(&self.reason)
    }
}

/// What a check of a dataset found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries that were read.
    pub entries: u64,
    /// Objects that were read, entries included.
    pub objects: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Versions that have expired. They were not checked: what only they used may be gone.
    pub expired: u64,
    /// Files of a local dataset that a process began and did not finish. They belong to no version;
    /// a collection of garbage removes those that nobody has written to for a day.
    pub unfinished: u64,
    /// Their bytes.
    pub unfinished_bytes: u64,
    /// Everything that does not hold.
    pub damage: Vec<Damage>,
}

struct Check<'a, F> {
    dataset: &'a Dataset,
    report: VerifyReport,
    seen: BTreeSet<String>,
    /// The schema object that was read last, by key; `None` if it was damaged.
    schema: Option<(String, Option<Schema>)>,
    progress: F,
}

impl Dataset {
    /// Reads every object that the marker, the hint and the retained versions use (at an older
    /// version: those up to it), and compares every byte with its checksum, padding included. Goes on
    /// after damage.
    ///
    /// `progress` is told the objects and bytes read so far.
    ///
    /// # Errors
    /// Only an error of the store other than a missing or short object.
    pub async fn verify(&self, progress: impl FnMut(u64, u64) + Send) -> Result<VerifyReport> {
        let check = Check {
            dataset: self,
            report: VerifyReport::default(),
            seen: BTreeSet::new(),
            schema: None,
            progress,
        };
        check.run().await
    }
}

impl<F: FnMut(u64, u64) + Send> Check<'_, F> {
    async fn run(mut self) -> Result<VerifyReport> {
        let dataset = self.dataset;
        if let Some(bytes) = self.object("lakebed.json").await? {
            match entry::marker_from_bytes(&bytes) {
                Ok(id) if id == dataset.id() => {}
                Ok(id) => self.damage("lakebed.json", format!("it is of dataset {id}")),
                Err(e) => self.damage("lakebed.json", e.to_string()),
            }
        }
        match dataset.shared.store.get("hint").await {
            // No hint is no damage: it is written on a best-effort basis.
            Err(e) if e.is_not_found() => {}
            Err(e) => return Err(e.into()),
            Ok(bytes) => {
                self.count(bytes.len());
                if let Err(e) = entry::hint_from_bytes(&bytes) {
                    self.damage("hint", e.to_string());
                }
            }
        }
        let views: Vec<Region> = dataset.log.refs.views.values().map(|view| view.region).collect();
        for region in views {
            self.region(&region).await?;
        }
        let checked = dataset.checked();
        let last = match dataset.branches().get(dataset.branch_name()) {
            Some(end) if *end == dataset.version() => dataset.newest_version(),
            _ => dataset.version(),
        };
        let below = dataset.log.expired_below.min(last.saturating_add(1));
        let retained = u64::try_from(checked.range(..below).count()).unwrap_or(u64::MAX);
        self.report.expired = below.saturating_sub(retained);
        for number in checked {
            let known = self.report.damage.len();
            let checked = self.number(number).await;
            if checked.is_err() || self.report.damage.len() > known {
                // What a collection took of a version that was given up meanwhile is no damage; if
                // the newest entry cannot be read, that is damage of its own.
                if dataset.expired_since(number).await.unwrap_or(false) {
                    self.report.damage.truncate(known);
                    self.report.expired += 1;
                    continue;
                }
            }
            checked?;
        }
        self.unfinished().await?;
        Ok(self.report)
    }

    /// Counts the files that stores of this machine write to before they get their names.
    async fn unfinished(&mut self) -> Result<()> {
        if dataset_is_elsewhere(self.dataset.url()) {
            return Ok(());
        }
        let folder = Path::new(self.dataset.shared.store.location()).join(UNFINISHED);
        let counted = tokio::task::spawn_blocking(move || files_in(&folder)).await;
        let (files, bytes) = counted.map_err(|error| Error::Task(error.to_string()))?;
        self.report.unfinished = files;
        self.report.unfinished_bytes = bytes;
        Ok(())
    }

    async fn number(&mut self, number: u64) -> Result<()> {
        let dataset = self.dataset;
        let found = head::entry(dataset.url(), &*dataset.shared.store, number).await;
        self.report.entries += 1;
        match found {
            Ok(Some(entry)) => {
                let size = entry.to_bytes().map_or(0, |bytes| bytes.len());
                self.count(size);
                self.entry(&entry).await?;
            }
            Ok(None) => self.damage(&Entry::key(number), "it is missing".into()),
            Err(e) if e.is_damage() => self.damage(&Entry::key(number), e.to_string()),
            Err(Error::Format(e)) => self.damage(&Entry::key(number), e.to_string()),
            Err(e) => return Err(e),
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        self.report.objects += 1;
        self.report.bytes += u64::try_from(bytes).unwrap_or(0);
        (self.progress)(self.report.objects, self.report.bytes);
    }

    fn damage(&mut self, object: &str, reason: String) {
        let object = object.to_string();
        let nowhere = Damage { object, column: None, rows: None, pack_rows: None, reason };
        self.report.damage.push(nowhere);
    }

    /// An object's bytes; a missing one is damage.
    async fn object(&mut self, key: &str) -> Result<Option<bytes::Bytes>> {
        match self.dataset.shared.store.get(key).await {
            Ok(bytes) => {
                self.count(bytes.len());
                Ok(Some(bytes))
            }
            Err(e) if e.is_not_found() => {
                self.damage(key, "it is missing".into());
                Ok(None)
            }
            Err(e) => Err(e.into()),
        }
    }

    async fn entry(&mut self, entry: &Entry) -> Result<()> {
        let key = Entry::key(entry.number);
        if entry.dataset != self.dataset.id() {
            self.damage(&key, format!("it is of dataset {}", entry.dataset));
        }
        if let Some(own) = &entry.idempotency_key {
            // Without it, a repeated commit would be a second one.
            let object = KeyNote::object(own);
            if let Some(bytes) = self.object(&object).await?
                && let Err(e) = KeyNote::from_bytes(own, &bytes)
            {
                self.damage(&object, e.to_string());
            }
        }
        let schema = match &entry.schema {
            SchemaPlace::Inline(schema) => Some(schema.clone()),
            SchemaPlace::Object { object, checksum, .. } => {
                self.schema(&object.key("meta"), *checksum).await?
            }
        };
        let schema = schema.unwrap_or_else(|| (**self.dataset.schema()).clone());
        let mut nodes: Vec<NodePointer> = entry.tree.nodes().cloned().collect();
        let mut fragments = entry.tree.tail.clone();
        while let Some(pointer) = nodes.pop() {
            let key = pointer.object.key("meta");
            if !self.seen.insert(key.clone()) {
                continue;
            }
            let Some(bytes) = self.object(&key).await? else { continue };
            if !pointer.checksum.matches(&bytes) {
                self.damage(&key, "its checksum does not match".into());
                continue;
            }
            match Node::from_bytes(&bytes) {
                Ok(node) if node.totals() != pointer.totals => {
                    self.damage(&key, "its totals differ from its parent's".into());
                }
                Ok(Node::Fragments(list)) => fragments.extend(list),
                Ok(Node::Nodes(list)) => nodes.extend(list),
                Err(e) => self.damage(&key, e.to_string()),
            }
        }
        if let Some(region) = entry.change.touched() {
            self.region(region).await?;
        }
        if let Some(region) = entry.refs.object() {
            self.region(region).await?;
        }
        for fragment in fragments {
            let key = fragment.object.key("data");
            if self.seen.insert(key.clone()) {
                self.pack(&key, &fragment, &schema).await?;
            }
            if let Some(patch) = &fragment.patch {
                self.patch(&fragment, &patch.region, &schema).await?;
            }
        }
        Ok(())
    }

    /// A part of an object under `meta/` that has its own checksum; `None` if it was read before or
    /// is damaged.
    async fn region(&mut self, region: &Region) -> Result<Option<bytes::Bytes>> {
        let key = region.object.key("meta");
        if !self.seen.insert(format!("{key}@{}", region.offset)) {
            return Ok(None);
        }
        let range = range_of(region.offset, region.length);
        match self.dataset.shared.store.get_range(&key, range).await {
            Ok(bytes) if region.checksum.matches(&bytes) => {
                self.count(bytes.len());
                return Ok(Some(bytes));
            }
            Ok(_) => self.damage(&key, "its checksum does not match".into()),
            Err(e) if e.is_not_found() => self.damage(&key, "it is missing".into()),
            Err(e @ lakebed_store::Error::Truncated { .. }) => self.damage(&key, e.to_string()),
            Err(e) => return Err(e.into()),
        }
        Ok(None)
    }

    /// A patch, and the packs that it points to: of new values, and of a folded fragment's chunks.
    async fn patch(
        &mut self,
        fragment: &FragmentPointer,
        region: &Region,
        schema: &Schema,
    ) -> Result<()> {
        let Some(bytes) = self.region(region).await? else { return Ok(()) };
        let limits = self.dataset.shared.options.limits.clone();
        let patch = match Patch::from_bytes(&bytes, fragment.rows, &limits) {
            Ok(patch) => patch,
            Err(e) => {
                self.damage(&region.object.key("meta"), e.to_string());
                return Ok(());
            }
        };
        let folded = patch.packs.iter().map(|pack| pack.fragment(EXPLICIT_IDS, fragment.stamp));
        for pack in patch.overlays.iter().map(Overlay::fragment).chain(folded) {
            let key = pack.object.key("data");
            if self.seen.insert(key.clone()) {
                self.pack(&key, &pack, schema).await?;
            }
        }
        Ok(())
    }

    /// A schema object; most entries share it with the one before.
    async fn schema(&mut self, key: &str, checksum: Checksum) -> Result<Option<Schema>> {
        if let Some((_, schema)) = self.schema.as_ref().filter(|(found, _)| found == key) {
            return Ok(schema.clone());
        }
        let Some(bytes) = self.object(key).await? else { return Ok(None) };
        let schema = if checksum.matches(&bytes) {
            entry::schema_from_bytes(&bytes).map_err(|e| e.to_string())
        } else {
            Err("its checksum does not match".to_string())
        };
        let schema = match schema {
            Ok(schema) => Some(schema),
            Err(reason) => {
                self.damage(key, reason);
                None
            }
        };
        self.schema = Some((key.to_string(), schema.clone()));
        Ok(schema)
    }

    /// Every byte of a pack: all before the header under its checksum, then the header itself; and
    /// where the first does not match, piece by piece, to say which rows are hit.
    async fn pack(&mut self, key: &str, pointer: &FragmentPointer, schema: &Schema) -> Result<()> {
        let store = &self.dataset.shared.store;
        let size = match store.size(key).await {
            Ok(size) => size,
            Err(e) if e.is_not_found() => {
                self.damage(key, "it is missing".into());
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        if size != pointer.length {
            self.damage(key, format!("it has {size} bytes, and its entry says {}", pointer.length));
            if size < pointer.length {
                return Ok(());
            }
        }
        self.count(0);
        let mut hash = Running::new();
        let mut at = 0;
        while at < pointer.header_offset {
            let end = (at + WINDOW).min(pointer.header_offset);
            let bytes = store.get_range(key, at..end).await?;
            hash.update(&bytes);
            self.report.bytes += end - at;
            (self.progress)(self.report.objects, self.report.bytes);
            at = end;
        }
        let header = store.get_range(key, pointer.header_offset..pointer.length).await?;
        self.report.bytes += pointer.length - pointer.header_offset;
        if !pointer.checksum.matches(&header) {
            self.damage(key, "its manifest's checksum does not match".into());
            return Ok(());
        }
        let header = match ManifestHeader::from_bytes(&header) {
            Ok(header) => header,
            Err(e) => {
                self.damage(key, e.to_string());
                return Ok(());
            }
        };
        if header.prefix_checksum != Some(hash.checksum()) {
            let before = self.report.damage.len();
            self.find(key, pointer, &header, schema).await?;
            if self.report.damage.len() == before {
                self.damage(key, "its padding, a footer or a dropped column is damaged".into());
            }
        }
        Ok(())
    }

    async fn find(
        &mut self,
        key: &str,
        pointer: &FragmentPointer,
        header: &ManifestHeader,
        schema: &Schema,
    ) -> Result<()> {
        let store = &self.dataset.shared.store;
        let limits = self.dataset.shared.options.limits.clone();
        for column in &schema.columns {
            let Some(address) = header.sections.get(&column.id) else { continue };
            let range = range_of(address.offset, address.length);
            let bytes = store.get_range(key, range).await?;
            let section = if address.checksum.matches(&bytes) {
                ColumnSection::from_bytes(&bytes, column, header, &limits)
                    .map_err(|e| e.to_string())
            } else {
                Err("its section of the manifest is damaged".to_string())
            };
            let section = match section {
                Ok(section) => section,
                Err(reason) => {
                    self.hit(key, &column.name, 0..pointer.rows, pointer, reason);
                    continue;
                }
            };
            let mut first_row = 0;
            for (chunk, stats) in section.chunks.iter().zip(&section.stats) {
                let rows = first_row..first_row + stats.rows;
                first_row = rows.end;
                if chunk.object.is_some() {
                    // It lies in another pack, which is looked through for itself.
                    continue;
                }
                let range = range_of(chunk.directory_offset, chunk.directory_length);
                let directory = store.get_range(key, range).await?;
                if !chunk.directory_checksum.matches(&directory) {
                    self.hit(key, &column.name, rows, pointer, "a directory is damaged".into());
                    continue;
                }
                let directory = match Directory::from_bytes(&directory, column, &limits) {
                    Ok(directory) => directory,
                    Err(e) => {
                        self.hit(key, &column.name, rows, pointer, e.to_string());
                        continue;
                    }
                };
                let range = range_of(chunk.payload_offset, chunk.payload_length);
                let payload = store.get_range(key, range).await?;
                let width = column.dtype.width().unwrap_or(1);
                for items in directory.damaged_items(&payload, width) {
                    let at = |item: usize| rows.start + u64::try_from(item).unwrap_or(0);
                    let hit = if column.sequence {
                        rows.clone()
                    } else {
                        at(items.start)..at(items.end).min(rows.end)
                    };
                    self.hit(key, &column.name, hit, pointer, "samples are damaged".into());
                }
            }
        }
        Ok(())
    }

    fn hit(
        &mut self,
        key: &str,
        column: &str,
        rows: Range<u64>,
        pointer: &FragmentPointer,
        reason: String,
    ) {
        let (object, column) = (key.to_string(), Some(column.to_string()));
        let ids = match pointer.first_row_id {
            EXPLICIT_IDS => None,
            first => Some(first.saturating_add(rows.start)..first.saturating_add(rows.end)),
        };
        self.report.damage.push(Damage {
            object,
            column,
            rows: ids,
            pack_rows: Some(rows),
            reason,
        });
    }
}

/// True if the files of a dataset are not files of this machine.
fn dataset_is_elsewhere(url: &str) -> bool {
    url.contains("://") && !url.starts_with("file://")
}

/// How many files lie in a folder, and their bytes. A folder that cannot be read has none: these
/// files are no part of the dataset.
fn files_in(folder: &Path) -> (u64, u64) {
    let sizes = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = sizes.filter_map(|entry| entry.metadata().ok().filter(|meta| meta.is_file()));
    sizes.fold((0, 0), |(files, bytes), meta| (files + 1, bytes + meta.len()))
}

/// A place that was read; one that does not exist ends beyond its object.
fn range_of(offset: u64, length: u64) -> Range<u64> {
    offset..offset.saturating_add(length)
}
