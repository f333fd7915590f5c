//! What a disk holds after a power cut at some moment of a record of writes.
//!
//! The model promises no more than POSIX does: the bytes of a file are there once it was synced, its
//! name once its folder was synced after the name was given, and the folder itself once the folder
//! above was. Whatever was not synced may be there or not, each for itself.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use bytes::Bytes;
use lakebed_core::Env;
use lakebed_store::LocalEvent;
use lakebed_store::LocalStore;

/// Files by path.
pub(super) type Files = BTreeMap<PathBuf, Bytes>;

/// A moment of a record.
#[derive(Debug, Clone)]
pub(super) enum Event {
    FolderMade(PathBuf),
    FolderSynced(PathBuf),
    /// A file has all its bytes, and no name yet.
    Written(PathBuf),
    FileSynced(PathBuf),
    Named(PathBuf, Bytes),
    Removed(PathBuf),
    /// A commit was acknowledged.
    Told(u64),
}

/// All writes of some stores, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Record(Arc<Mutex<Vec<Event>>>);

impl Record {
    /// A store in a folder, whose writes are recorded.
    pub fn store(&self, root: &Path, seed: u64) -> LocalStore {
        let (events, own) = (Arc::clone(&self.0), root.to_path_buf());
        let observer = move |event: &LocalEvent| {
            let event = match event {
                LocalEvent::Written { key, .. } => Event::Written(own.join(key)),
                LocalEvent::FileSynced { key } => Event::FileSynced(own.join(key)),
                LocalEvent::Linked { key } | LocalEvent::Renamed { key } => {
                    let path = own.join(key);
                    // Its bytes are those that have the name now.
                    let bytes = std::fs::read(&path).unwrap();
                    Event::Named(path, bytes.into())
                }
                LocalEvent::Removed { key } => Event::Removed(own.join(key)),
                LocalEvent::FolderMade { folder } => Event::FolderMade(folder.clone()),
                LocalEvent::FolderSynced { folder } => Event::FolderSynced(folder.clone()),
                other => panic!("the model knows nothing of {other:?}"),
            };
            events.lock().unwrap().push(event);
        };
        LocalStore::with(root, Env::seeded(seed), Some(Arc::new(observer))).unwrap()
    }

    /// Notes that something was acknowledged.
    pub fn tell(&self, what: u64) {
        self.0.lock().unwrap().push(Event::Told(what));
    }

    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A change that a power cut may undo.
#[derive(Debug, Clone)]
enum Loose {
    Folder(PathBuf),
    Name(PathBuf, Content),
    NoName(PathBuf),
    /// Bytes of a file that was never synced.
    Bytes(u64),
}

impl Loose {
    /// The folder that has to be synced for it.
    fn folder(&self) -> Option<&Path> {
        match self {
            Loose::Folder(path) | Loose::Name(path, _) | Loose::NoName(path) => path.parent(),
            Loose::Bytes(_) => None,
        }
    }
}

#[derive(Debug, Clone)]
struct Content {
    bytes: Bytes,
    /// Of a file that was not synced when it got its name.
    loose: Option<u64>,
}

/// The disk at some moment of a record.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    folders: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, Content>,
    /// Files on their way to a name: true once they were synced.
    staged: BTreeMap<PathBuf, bool>,
    loose: Vec<Loose>,
    next: u64,
    /// The last that was acknowledged.
    pub told: u64,
}

impl Disk {
    /// An empty folder that is there for good.
    pub fn new(base: &Path) -> Disk {
        Disk {
            folders: [base.to_path_buf()].into(),
            names: BTreeMap::new(),
            staged: BTreeMap::new(),
            loose: Vec::new(),
            next: 0,
            told: 0,
        }
    }

    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Told(what) => self.told = *what,
            Event::Written(path) => {
                self.staged.insert(path.clone(), false);
            }
            Event::FileSynced(path) => {
                self.staged.insert(path.clone(), true);
            }
            Event::FolderMade(path) => self.loose.push(Loose::Folder(path.clone())),
            Event::Removed(path) => self.loose.push(Loose::NoName(path.clone())),
            Event::Named(path, bytes) => {
                let mut loose = None;
                if self.staged.remove(path) != Some(true) {
                    self.next += 1;
                    loose = Some(self.next);
                    self.loose.push(Loose::Bytes(self.next));
                }
                let content = Content { bytes: bytes.clone(), loose };
                self.loose.push(Loose::Name(path.clone(), content));
            }
            Event::FolderSynced(folder) => {
                let loose = std::mem::take(&mut self.loose);
                for change in loose {
                    match change.folder() == Some(folder) {
                        true => set(&mut self.folders, &mut self.names, &change),
                        false => self.loose.push(change),
                    }
                }
            }
        }
    }

    /// How many changes a power cut may undo now.
    pub fn undecided(&self) -> usize {
        self.loose.len()
    }

    /// The files if of the changes that are undecided those are there which `kept` says.
    pub fn after_power_cut(&self, kept: impl Fn(usize) -> bool) -> Files {
        let (mut folders, mut names) = (self.folders.clone(), self.names.clone());
        let mut whole = BTreeSet::new();
        for (_, change) in self.loose.iter().enumerate().filter(|(nth, _)| kept(*nth)) {
            match change {
                Loose::Bytes(file) => {
                    whole.insert(*file);
                }
                change => set(&mut folders, &mut names, change),
            }
        }
        let there = |path: &Path| {
            let inside = |above: &&Path| !self.is_above_all(above);
            path.ancestors().skip(1).take_while(inside).all(|above| folders.contains(above))
        };
        names
            .into_iter()
            .filter(|(path, _)| there(path))
            .map(|(path, content)| {
                let lost = content.loose.is_some_and(|file| !whole.contains(&file));
                // A name without bytes: the usual sight after a crash.
                (path, if lost { Bytes::new() } else { content.bytes })
            })
            .collect()
    }

    /// True of the folders above the first one, which are none of the record's business.
    fn is_above_all(&self, folder: &Path) -> bool {
        self.folders.iter().next().is_none_or(|base| base != folder && base.starts_with(folder))
    }
}

fn set(folders: &mut BTreeSet<PathBuf>, names: &mut BTreeMap<PathBuf, Content>, change: &Loose) {
    match change {
        Loose::Folder(path) => {
            folders.insert(path.clone());
        }
        Loose::Name(path, content) => {
            names.insert(path.clone(), content.clone());
        }
        Loose::NoName(path) => {
            names.remove(path);
        }
        Loose::Bytes(_) => {}
    }
}

/// A number that two sets of files share only if they are the same.
pub(super) fn digest(files: &Files) -> u64 {
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    hasher.finish()
}
