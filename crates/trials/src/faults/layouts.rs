//! A dataset with columns of every layout: created, appended to and read while requests go wrong.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Result;
use lakebed_store::Fault;
use lakebed_store::Rule;

use super::Mishap;
use super::Place;
use super::READS;
use super::Way;
use super::mishaps;
use crate::Figures;
use crate::attempt::Works;
use crate::attempt::attempt;
use crate::attempt::wait_paused;
use crate::varied::append;
use crate::varied::read_all;
use crate::varied::varied;
use crate::varied::varied_rows;

async fn create(place: &dyn Place) -> Result<Dataset> {
    let (store, options) = (place.store(), Options::default());
    Dataset::create_in("layouts", store, Arc::default(), varied(), options).await
}

async fn open(place: &dyn Place) -> Result<Dataset> {
    Dataset::open_in("layouts", place.store(), Arc::default(), Options::default()).await
}

async fn filled(mishap: &Mishap, rows: usize) -> Box<dyn Place> {
    let place = mishap.place(&[]).await;
    let dataset = create(&*place).await.works();
    append(&dataset, &varied_rows(dataset.schema(), 0, rows)).await.works();
    place
}

/// Which request goes wrong, and how.
#[derive(Clone, Copy)]
struct Strike<'a> {
    mishap: &'a Mishap,
    nth: u64,
    forever: bool,
    context: &'a str,
}

impl Strike<'_> {
    async fn heal(&self, place: &dyn Place) -> bool {
        let struck = place.struck() > 0;
        place.heal();
        place.settle().await;
        struck
    }

    /// An error that may be told of this fault.
    fn allowed(&self, error: &Error) {
        let told = matches!(error, Error::Store(_)) && !error.is_damage();
        let torn = self.mishap.tears && error.is_damage();
        assert!((told || torn) && !self.mishap.is_harmless, "{}: {error}", self.context);
    }

    async fn commit(self) -> bool {
        let Strike { mishap, nth, forever, context } = self;
        let place = filled(mishap, 5).await;
        let before = open(&*place).await.works();
        let truth = read_all(&before).await.works();
        let rows = varied_rows(before.schema(), 5, 9);
        place.fail(nth, forever);
        let result = append(&before, &rows).await;
        let struck = self.heal(&*place).await;
        let after = open(&*place).await.works();
        let all = read_all(&after).await.works();
        assert_eq!(all[..1], truth, "{context}: what was committed is lost");
        match result {
            Ok(new) => {
                assert_eq!((new.version(), after.version()), (2, 2), "{context}");
                assert_eq!(all[1..], *std::slice::from_ref(&rows), "{context}");
            }
            Err(Error::CommitUnknown { number, id, .. }) => {
                assert!(forever, "{context}: one lost answer can be resolved");
                assert_eq!(number, 2);
                let log = after.log(1).await.works();
                assert_eq!(log[0].id == id, after.version() == 2, "{context}");
            }
            Err(error) => {
                assert_eq!(after.version(), 1, "{context}: {error}");
                self.allowed(&error);
            }
        }
        assert!(after.verify(|_, _| ()).await.works().damage.is_empty(), "{context}");
        let again = append(&after, &rows).await.works();
        assert_eq!(again.version(), after.version() + 1, "{context}");
        struck
    }

    async fn creation(self) -> bool {
        let Strike { mishap, nth, forever, context } = self;
        let place = mishap.place(&[]).await;
        place.fail(nth, forever);
        let created = create(&*place).await;
        let struck = self.heal(&*place).await;
        match open(&*place).await {
            Ok(_) => assert!(
                created.is_ok() || matches!(created, Err(Error::CommitUnknown { .. })),
                "{context}: {created:?}"
            ),
            Err(Error::NotADataset { .. }) => {
                assert!(created.is_err(), "{context}: what was created is not there");
                create(&*place).await.works();
            }
            opened => drop(opened.works()),
        }
        let dataset = open(&*place).await.works();
        let rows = varied_rows(dataset.schema(), 0, 3);
        let dataset = append(&dataset, &rows).await.works();
        assert_eq!(read_all(&dataset).await.works(), [rows], "{context}");
        assert!(matches!(create(&*place).await, Err(Error::Exists { .. })), "{context}");
        struck
    }

    async fn read(self) -> bool {
        let place = filled(self.mishap, 7).await;
        let truth = read_all(&open(&*place).await.works()).await.works();
        place.fail(self.nth, self.forever);
        let result = async { read_all(&open(&*place).await?).await }.await;
        let struck = self.heal(&*place).await;
        match result {
            Ok(batches) => assert_eq!(batches, truth, "{}", self.context),
            Err(Error::Store(lakebed_store::Error::NotFound { .. })) => assert!(struck),
            Err(error) => self.allowed(&error),
        }
        // The next try is not poisoned by what the failed one left behind.
        assert_eq!(read_all(&open(&*place).await.works()).await.works(), truth, "{}", self.context);
        struck
    }
}

/// Every request of a creation, of a commit and of a read goes wrong in every way.
pub fn layouts() -> Figures {
    let mut figures = Figures { what: "faults with every layout", ..Figures::default() };
    let mut counts = [0; 3];
    // That the last entry is missing is what the end of every log looks like.
    let missing = Mishap {
        way: Way::Rule(Rule::new(&READS, Fault::Missing).keys("data/")),
        ..Mishap::new("missing", &READS, Fault::Missing)
    };
    let mut reads = vec![missing, Mishap::new("read denied", &READS, Fault::Denied)];
    reads.extend(mishaps().into_iter().filter(|m| ["lost", "delayed", "torn"].contains(&m.name)));
    let kinds = [mishaps(), mishaps(), reads];
    wait_paused(async {
        for (kind, mishaps) in kinds.iter().enumerate() {
            for mishap in mishaps {
                for forever in [false, true] {
                    for nth in 1.. {
                        let what = ["creation", "commit", "read"][kind];
                        let context = format!("{what}, {}, forever {forever}, {nth}", mishap.name);
                        let strike = Strike { mishap, nth, forever, context: &context };
                        let run: BoxFuture<'_, bool> = match kind {
                            0 => strike.creation().boxed(),
                            1 => strike.commit().boxed(),
                            _ => strike.read().boxed(),
                        };
                        let struck = attempt(&mut figures, &context, run).await;
                        figures.tried += u64::from(struck != Some(false));
                        if struck != Some(true) {
                            break;
                        }
                        counts[kind] += 1;
                    }
                }
            }
        }
    });
    let [creations, commits, reads] = counts;
    figures.notes = format!("{creations} creations, {commits} commits, {reads} reads");
    figures
}
