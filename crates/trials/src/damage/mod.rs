//! Damaged bytes: found by `verify`, named, and never read as data.

mod victim;

use std::collections::BTreeSet;

use lakebed_dataset::Damage;
use lakebed_store::Store;

use crate::Figures;
use crate::attempt::attempt;
use crate::attempt::wait_paused;

pub use victim::Outcome;
pub use victim::Victim;
pub use victim::assert_named;

/// What was found by whom.
#[derive(Default)]
struct Found {
    unopenable: u64,
    unreadable: u64,
    /// Columns that damage was put to.
    columns: BTreeSet<String>,
}

impl Found {
    fn count(&mut self, outcome: &Outcome) {
        match &outcome.report {
            Err(_) => self.unopenable += 1,
            Ok(report) => {
                self.unreadable += u64::from(!outcome.readable);
                for damage in &report.damage {
                    self.columns.extend(damage.column.clone());
                    // New values of an update have no row ids of their own.
                    let rows = damage.rows.is_some() || damage.pack_rows.is_some();
                    assert!(damage.column.is_none() || rows, "{damage}");
                }
            }
        }
    }

    fn notes(&self, figures: &Figures, objects: usize) -> String {
        format!(
            "in {objects} objects; {} found when opening, {} when reading, {} by verify only, put to {} columns",
            self.unopenable,
            self.unreadable,
            figures.tried - self.unopenable - self.unreadable,
            self.columns.len()
        )
    }
}

async fn victims() -> Vec<Victim> {
    vec![Victim::varied().await, Victim::album().await, Victim::bank().await, Victim::nodes().await]
}

/// Flips a bit of every byte of every object of several datasets in turn, or of every so-manieth
/// byte.
pub fn flips(every: usize) -> Figures {
    wait_paused(async {
        let mut figures = Figures { what: "bytes flipped", ..Figures::default() };
        let (mut found, mut objects) = (Found::default(), 0);
        for victim in victims().await {
            objects += victim.damaged().count();
            for (nth, (key, bytes)) in victim.damaged().enumerate() {
                for at in (nth % every..bytes.len()).step_by(every) {
                    let mut flipped = bytes.to_vec();
                    flipped[at] ^= 1 << (at % 8);
                    let context = format!("{}: {key}, byte {at}", victim.name);
                    let tried = attempt(&mut figures, &context, async {
                        let outcome = victim.with(key, &flipped).await;
                        assert_named(key, at, &outcome);
                        found.count(&outcome);
                    });
                    if tried.await.is_none() {
                        victim.mend(key).await;
                    }
                    figures.tried += 1;
                }
            }
            unharmed(&mut figures, &victim).await;
        }
        figures.notes = found.notes(&figures, objects);
        figures
    })
}

/// Nothing is left of the damage.
async fn unharmed(figures: &mut Figures, victim: &Victim) {
    attempt(figures, victim.name, async {
        let outcome = victim.look("nothing").await;
        assert!(outcome.report.unwrap().damage.is_empty() && outcome.readable);
    })
    .await;
}

/// Cuts every object of several datasets at every length, or at every so-manieth; makes each longer,
/// and takes it away.
pub fn truncations(every: usize) -> Figures {
    wait_paused(async {
        let mut figures = Figures { what: "objects cut short", ..Figures::default() };
        let (mut found, mut objects) = (Found::default(), 0);
        for victim in victims().await {
            objects += victim.damaged().count();
            for (key, bytes) in victim.damaged() {
                let longer = [&bytes[..], b"\0".as_slice()].concat();
                let cuts = (0..bytes.len()).step_by(every).chain([bytes.len() - 1]);
                let lengths = cuts.chain([longer.len()]);
                for length in lengths {
                    let context = format!("{}: {key}, {length} bytes", victim.name);
                    let tried = attempt(&mut figures, &context, async {
                        let outcome = victim.with(key, &longer[..length]).await;
                        // Where others say which part to read, nobody meets what comes behind it.
                        let is_part = key.starts_with("meta/") && length > bytes.len();
                        if !(is_part && outcome.readable) {
                            assert_named(key, length, &outcome);
                        }
                        found.count(&outcome);
                    });
                    if tried.await.is_none() {
                        victim.mend(key).await;
                    }
                    figures.tried += 1;
                }
                let last = victim.files.keys().rfind(|key| key.starts_with("log/"));
                if key == "hint" || Some(key) == last {
                    // Without a hint opening only takes longer; without the last entry, which
                    // nothing but the hint remembers, the dataset ends before it.
                    continue;
                }
                let context = format!("{}: {key} is gone", victim.name);
                attempt(&mut figures, &context, async {
                    victim.store.delete(key).await.unwrap();
                    let outcome = victim.look(key).await;
                    assert_named(key, 0, &outcome);
                    found.count(&outcome);
                })
                .await;
                victim.mend(key).await;
                figures.tried += 1;
            }
            unharmed(&mut figures, &victim).await;
        }
        figures.notes = found.notes(&figures, objects);
        figures
    })
}

/// Swaps any two objects of several datasets, or every so-manieth pair.
pub fn swaps(every: usize) -> Figures {
    wait_paused(async {
        let mut figures = Figures { what: "objects swapped", ..Figures::default() };
        let (mut found, mut objects) = (Found::default(), 0);
        let mut victims = victims().await;
        victims.push(Victim::twins().await);
        for victim in victims {
            objects += victim.damaged().count();
            let keys: Vec<&String> = victim.damaged().map(|(key, _)| key).collect();
            let pairs = (0..keys.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
            for (a, b) in pairs.step_by(every) {
                let (a, b) = (keys[a], keys[b]);
                let context = format!("{}: {a} and {b}", victim.name);
                attempt(&mut figures, &context, async {
                    victim.damage(a, &victim.files[b]).await;
                    let outcome = victim.with(b, &victim.files[a]).await;
                    match &outcome.report {
                        Err(message) => {
                            assert!(message.contains(a) || message.contains(b), "{message}");
                        }
                        // An entry that is damaged does not say anymore what else belongs to it.
                        Ok(report) => {
                            let named =
                                |damage: &Damage| damage.object == *a || damage.object == *b;
                            assert!(report.damage.iter().any(named), "{context}: {report:?}");
                        }
                    }
                    found.count(&outcome);
                })
                .await;
                victim.mend(a).await;
                victim.mend(b).await;
                figures.tried += 1;
            }
            unharmed(&mut figures, &victim).await;
        }
        figures.notes = found.notes(&figures, objects);
        figures
    })
}
