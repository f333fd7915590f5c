//! Power cuts: what a kill cannot show, since the system still writes what a killed process wrote.
//!
//! Every write, sync, naming and removal on a local disk is recorded while an operation runs. Then,
//! for each moment of the record, the disk is made as a power cut may leave it: of what was not
//! synced by then nothing is there, or all, or each part alone, or some at random. The dataset opens
//! at what was last acknowledged or later, is whole, and takes the next commit.

mod disk;
mod work;

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use lakebed_core::Env;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_store::Meter;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Store;

use crate::Figures;
use crate::Scale;
use crate::bank;
use disk::Disk;
use disk::Event;
use disk::Files;
use disk::Record;
use work::Remains;
use work::Work;

/// A step of writing that a program might leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omission {
    /// Files are not synced before they get their names.
    FileSync,
    /// Folders are not synced after names were given in them.
    FolderSync,
}

/// Power cuts at every moment of every operation.
pub async fn run(scale: Scale) -> Figures {
    cut(scale, &work::ALL, None).await
}

/// The same of one append as it would be if a step were left out: what shows that the trial would
/// notice.
pub async fn without(omission: Omission) -> Figures {
    cut(Scale::Short, &[Work::Bank(bank::Op::Append)], Some(omission)).await
}

async fn cut(scale: Scale, works: &[Work], omission: Option<Omission>) -> Figures {
    let mut figures = Figures { what: "power cuts", ..Figures::default() };
    let (mut moments, mut most) = (0, 0);
    for work in works {
        let folder = tempfile::tempdir().unwrap();
        let base = std::path::absolute(folder.path()).unwrap();
        let trial = Trial::record(*work, &base).await;
        let mut cuts = trial.cuts(scale, omission);
        moments += cuts.moments;
        most = most.max(cuts.most_undecided);
        for (files, told) in cuts.states.drain(..) {
            figures.tried += 1;
            let trial = trial.clone();
            // A task of its own, so that a panic is counted and the trial goes on.
            let checked = tokio::spawn(async move { trial.check(files, told).await }).await;
            match checked {
                Ok(Ok(lost)) => figures.lost += lost,
                Ok(Err(error)) => {
                    figures.unopenable += 1;
                    if omission.is_none() {
                        println!("{work:?}, told {told}: {error}");
                    }
                }
                Err(_) => figures.panics += 1,
            }
        }
    }
    figures.notes = format!(
        "{} operations, {moments} moments, at most {most} changes undecided at one of them",
        works.len()
    );
    figures
}

/// The record of an operation, and what must be there after it.
#[derive(Clone)]
struct Trial {
    work: Work,
    /// The folder of the dataset that the operation makes or changes.
    root: Arc<Path>,
    events: Arc<[Event]>,
    /// Where the operation begins.
    begin: usize,
    expected: Arc<work::Expected>,
}

/// The disks that power cuts may leave.
struct Cuts {
    states: Vec<(Files, u64)>,
    moments: usize,
    most_undecided: usize,
}

impl Trial {
    async fn record(work: Work, base: &Path) -> Trial {
        let record = Record::default();
        let (begin, expected) = work.run(&record, base).await;
        let root = work.root(base).into();
        let events = record.events().into();
        Trial { work, root, events, begin, expected: Arc::new(expected) }
    }

    /// Each state once, whatever moments it may come from.
    fn cuts(&self, scale: Scale, omission: Option<Omission>) -> Cuts {
        let random = match scale {
            Scale::Short => 2,
            Scale::Long => 32,
        };
        let env = Env::seeded(7);
        let base = self.root.parent().unwrap();
        let mut disk = Disk::new(base);
        let mut seen = HashSet::new();
        let mut cuts = Cuts { states: Vec::new(), moments: 0, most_undecided: 0 };
        for (at, event) in self.events.iter().enumerate() {
            let left_out = match (event, omission) {
                (Event::FileSynced(_), Some(Omission::FileSync)) => at >= self.begin,
                (Event::FolderSynced(_), Some(Omission::FolderSync)) => at >= self.begin,
                _ => false,
            };
            if !left_out {
                disk.apply(event);
            }
            if at + 1 < self.begin {
                continue;
            }
            let undecided = disk.undecided();
            cuts.moments += 1;
            cuts.most_undecided = cuts.most_undecided.max(undecided);
            let mut add = |files: Files| {
                if seen.insert((disk::digest(&files), disk.told)) {
                    cuts.states.push((files, disk.told));
                }
            };
            add(disk.after_power_cut(|_| false));
            add(disk.after_power_cut(|_| true));
            for one in 0..undecided {
                add(disk.after_power_cut(|nth| nth == one));
                add(disk.after_power_cut(|nth| nth != one));
            }
            if undecided > 2 {
                for _ in 0..random {
                    let some: Vec<bool> =
                        (0..undecided).map(|_| env.random_u64() % 2 == 1).collect();
                    add(disk.after_power_cut(|nth| some[nth]));
                }
            }
        }
        cuts
    }

    /// How much of what was told is not there.
    async fn check(&self, files: Files, told: u64) -> Result<u64, Error> {
        let store: Arc<dyn Store> = Arc::new(ObjectStoreBackend::memory());
        let mut objects = BTreeMap::new();
        for (path, bytes) in files {
            if let Ok(key) = path.strip_prefix(&self.root) {
                let key = key.to_str().unwrap().to_string();
                store.put(&key, bytes.clone()).await?;
                objects.insert(key, bytes);
            }
        }
        let (found, meter) = (Arc::clone(&store), Arc::new(Meter::default()));
        match Dataset::open_in("found", found, meter, bank::options()).await {
            Ok(dataset) => {
                let source = self.root.with_file_name("dataset");
                let remains = Remains { dataset, store, objects, source };
                self.work.check(&remains, told, &self.expected).await
            }
            // Nothing was acknowledged yet: it can be made again.
            Err(Error::NotADataset { .. }) if told == 0 && self.work.creates() => {
                work::create(store).await.map(|_| 0)
            }
            Err(error) => Err(error),
        }
    }
}
