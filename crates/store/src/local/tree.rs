//! The folder tree: staging, naming, syncing, removing and listing files.

use std::collections::HashSet;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

use lakebed_core::Env;

use super::LocalEvent;
use super::Observer;
use super::errors;
use crate::error::Error;
use crate::error::Result;
use crate::key::TEMPORARY_FOLDER;
use crate::key::check_key;
use crate::store::ObjectInfo;

/// The files of one store.
pub(super) struct Tree {
    root: PathBuf,
    location: String,
    env: Env,
    observer: Option<Observer>,
    /// Folders whose own name is known to be on the disk, and those of all folders above them.
    settled: Mutex<HashSet<PathBuf>>,
}

impl Tree {
    pub(super) fn new(
        root: PathBuf,
        location: String,
        env: Env,
        observer: Option<Observer>,
    ) -> Tree {
        Tree { root, location, env, observer, settled: Mutex::new(HashSet::new()) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Starts the file that will become `key`.
    pub(super) fn stage(self: &Arc<Tree>, key: &str) -> Result<Staged> {
        let folder = self.root.join(TEMPORARY_FOLDER);
        let path = folder.join(format!("{:032x}", self.env.random_u128()));
        let open = || OpenOptions::new().write(true).create_new(true).open(&path);
        let file = match open() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // The first write, or the store was removed from outside. `tmp` itself need not
                // survive a power cut, what lies above it must.
                self.unsettle();
                self.settle(&self.root)?;
                match fs::create_dir(&folder) {
                    Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
                    _ => open(),
                }
            }
            other => other,
        };
        let file = file.map_err(|e| errors::local(e, "create", &path))?;
        Ok(Staged { tree: Arc::clone(self), key: key.to_owned(), file, path, bytes: 0 })
    }

    /// Removes the file of a key, for good: what was to be forgotten does not come back with a
    /// power cut.
    pub(super) fn remove(&self, key: &str) -> Result<()> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => return Ok(()),
            other => other.map_err(|e| errors::local(e, "delete", &path))?,
        }
        self.tell(|| LocalEvent::Removed { key: key.to_owned() });
        let folder = path.parent().unwrap_or(&self.root);
        match self.sync_folder(folder) {
            // The whole folder was removed from outside.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|e| errors::local(e, "sync", folder)),
        }
    }

    /// Removes staged files that nobody has written to for `idle`.
    pub(super) fn remove_unfinished(self: &Arc<Tree>, idle: Duration) -> Result<u64> {
        let folder = self.root.join(TEMPORARY_FOLDER);
        let failed = |e| errors::local(e, "tidy up", &folder);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(e) => return Err(failed(e)),
        };
        // The file system's clock, which need not be this machine's.
        let now = self.stage(TEMPORARY_FOLDER)?.modified()?;
        let mut removed = 0;
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let written = match entry.metadata() {
                Ok(meta) if meta.is_file() => meta.modified().map_err(failed)?,
                // Not staged by a store, or finished since the folder was read.
                _ => continue,
            };
            if now.duration_since(written).is_ok_and(|since| since >= idle) {
                match fs::remove_file(entry.path()) {
                    Ok(()) => removed += 1,
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(failed(e)),
                }
            }
        }
        Ok(removed)
    }

    /// The objects below `folder`, by key.
    pub(super) fn list(&self, folder: &str) -> Result<Vec<ObjectInfo>> {
        let mut found = Vec::new();
        let mut pending = vec![folder.to_owned()];
        while let Some(prefix) = pending.pop() {
            let path = self.path(&prefix);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) =>
                {
                    continue;
                }
                Err(e) => return Err(errors::local(e, "list", &path)),
            };
            for entry in entries {
                let entry = entry.map_err(|e| errors::local(e, "list", &path))?;
                // What is not a key was not written by this crate.
                let Ok(name) = entry.file_name().into_string() else { continue };
                if prefix.is_empty() && name == TEMPORARY_FOLDER {
                    continue;
                }
                let key = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
                let kind = entry.file_type().map_err(|e| errors::local(e, "list", &path))?;
                if kind.is_dir() {
                    pending.push(key);
                } else if kind.is_file() && check_key(&key).is_ok() {
                    match entry.metadata() {
                        Ok(meta) => found.push(ObjectInfo { key, size: meta.len() }),
                        // Deleted since the folder was read.
                        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                        Err(e) => return Err(errors::local(e, "list", &entry.path())),
                    }
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Makes `folder`, which is the root or below it, and the folders above it that are missing.
    /// The name of each one in the store is synced once per store, even if it was there: another
    /// process may have made it and not have synced it yet.
    fn settle(&self, folder: &Path) -> Result<()> {
        let settled = self.settle_chain(folder);
        if let Err((e, _)) = &settled
            && e.kind() == io::ErrorKind::NotFound
        {
            // Removed from outside since it was settled.
            self.unsettle();
            return self.settle_chain(folder).map_err(Tree::not_made);
        }
        settled.map_err(Tree::not_made)
    }

    fn settle_chain(&self, folder: &Path) -> Result<(), (io::Error, PathBuf)> {
        if self.settled().contains(folder) {
            return Ok(());
        }
        let Some(parent) = folder.parent() else { return Ok(()) };
        let inside = folder != self.root && folder.starts_with(&self.root);
        let missing = !folder.exists();
        if inside || (missing && !parent.exists()) {
            self.settle_chain(parent)?;
        }
        match fs::create_dir(folder) {
            Ok(()) => self.tell(|| LocalEvent::FolderMade { folder: folder.to_owned() }),
            Err(e) if missing && e.kind() != io::ErrorKind::AlreadyExists => {
                return Err((e, folder.to_owned()));
            }
            Err(_) => {}
        }
        match self.sync_folder(parent) {
            // A root that was there before, in a folder that is none of our business.
            Err(_) if !inside && !missing => {}
            other => other.map_err(|e| (e, parent.to_owned()))?,
        }
        self.settled().insert(folder.to_owned());
        Ok(())
    }

    fn not_made((error, folder): (io::Error, PathBuf)) -> Error {
        errors::local(error, "create folder", &folder)
    }

    /// Forgets what was settled, after a folder turned out to be missing.
    fn unsettle(&self) {
        self.settled().clear();
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()?;
        self.tell(|| LocalEvent::FolderSynced { folder: folder.to_owned() });
        Ok(())
    }

    fn tell(&self, event: impl FnOnce() -> LocalEvent) {
        if let Some(observer) = &self.observer {
            observer(&event());
        }
    }
}

/// A file in `tmp/` on its way to its key. Dropping it removes the temporary name.
pub(super) struct Staged {
    tree: Arc<Tree>,
    key: String,
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Staged {
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| errors::local(e, "write", &self.path))?;
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Waits until all bytes are on the disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        let (key, bytes) = (&self.key, self.bytes);
        self.tree.tell(|| LocalEvent::Written { key: key.clone(), bytes });
        self.file.sync_all().map_err(|e| errors::local(e, "sync", &self.path))?;
        self.tree.tell(|| LocalEvent::FileSynced { key: key.clone() });
        Ok(())
    }

    /// When the file was written to last.
    fn modified(&self) -> Result<SystemTime> {
        let modified = self.file.metadata().and_then(|meta| meta.modified());
        modified.map_err(|e| errors::local(e, "look up", &self.path))
    }

    /// Gives the file its name if that is free, and makes the name durable.
    pub(super) fn link(self) -> Result<()> {
        let target = self.tree.path(&self.key);
        let folder = self.settle_target(&target)?;
        let mut linked = fs::hard_link(&self.path, &target);
        if linked.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            self.tree.unsettle();
            self.settle_target(&target)?;
            linked = fs::hard_link(&self.path, &target);
        }
        match linked {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                // Whoever made it may not have synced it yet; what the caller is about to read
                // back must not vanish.
                self.sync_name(&folder)?;
                return Err(Error::AlreadyExists {
                    url: self.tree.location.clone(),
                    key: self.key.clone(),
                });
            }
            Err(e) if errors::lacks_links(&e) => {
                return Err(Error::NoHardLinks { path: target.display().to_string() });
            }
            Err(e) => return Err(errors::local(e, "link", &target)),
        }
        self.tree.tell(|| LocalEvent::Linked { key: self.key.clone() });
        self.sync_name(&folder)
    }

    /// Gives the file its name, even if that is taken, and makes the name durable.
    pub(super) fn rename(self) -> Result<()> {
        let target = self.tree.path(&self.key);
        let folder = self.settle_target(&target)?;
        let mut renamed = fs::rename(&self.path, &target);
        if renamed.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            self.tree.unsettle();
            self.settle_target(&target)?;
            renamed = fs::rename(&self.path, &target);
        }
        renamed.map_err(|e| errors::local(e, "rename to", &target))?;
        self.tree.tell(|| LocalEvent::Renamed { key: self.key.clone() });
        self.sync_name(&folder)
    }

    fn settle_target(&self, target: &Path) -> Result<PathBuf> {
        let folder = target.parent().unwrap_or(&self.tree.root).to_owned();
        self.tree.settle(&folder)?;
        Ok(folder)
    }

    fn sync_name(&self, folder: &Path) -> Result<()> {
        self.tree.sync_folder(folder).map_err(|e| Error::Unsynced {
            key: self.key.clone(),
            path: folder.display().to_string(),
            cause: Box::new(e),
        })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Gone already after a rename; and a leftover in `tmp/` is ignored by everything.
        if let Err(e) = fs::remove_file(&self.path)
            && e.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(path = %self.path.display(), error = %e, "temporary file stays");
        }
    }
}
