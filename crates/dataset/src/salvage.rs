//! Verifying a dataset whose newest log entries are damaged, and which therefore does not open.

use std::sync::Arc;

use futures::future::BoxFuture;
use lakebed_format::Entry;
use lakebed_format::Refs;
use lakebed_format::entry::MAIN_BRANCH;

use crate::dataset::Dataset;
use crate::dataset::Shared;
use crate::dataset::open_store;
use crate::error::Error;
use crate::error::Result;
use crate::head;
use crate::location::Location;
use crate::options::Options;
use crate::verify::Damage;
use crate::verify::VerifyReport;

/// Entries that are tried, one after the other, until one can be read.
const TRIED: u64 = 4096;

impl Dataset {
    /// As [`Dataset::open`] and [`Dataset::verify`], of a dataset whose newest entries may be damaged
    /// as well: they are reported, and everything up to the newest that can be read is checked. The
    /// dataset is given as it was at that one.
    ///
    /// # Errors
    /// As [`Dataset::open`] if no entry can be read; as [`Dataset::verify`].
    pub fn verify_at<'a>(
        url: &'a str,
        options: Options,
        progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<(Dataset, VerifyReport)>> {
        Box::pin(async move {
            let location = Location::parse(url);
            let (store, meter) = open_store(&location.url, &options)?;
            let shared = Arc::new(Shared::open(&location.url, store, meter, options));
            let (dataset, unreadable) = Dataset::sound(shared).await?;
            let dataset = match location.version {
                None => dataset,
                Some(name) => dataset.at_name(&name).await?,
            };
            let mut report = dataset.verify(progress).await?;
            report.entries += u64::try_from(unreadable.len()).unwrap_or(u64::MAX);
            report.damage.extend(unreadable);
            Ok((dataset, report))
        })
    }

    /// The end of `main` as the newest entry shows it that can be read, and what is wrong with those
    /// after it, in order.
    async fn sound(shared: Arc<Shared>) -> Result<(Dataset, Vec<Damage>)> {
        let url = shared.url.clone();
        let newest = head::newest_number(&*shared.store).await?;
        let newest = newest.ok_or_else(|| Error::NotADataset { url: url.clone() })?;
        let mut damage: Vec<Damage> = Vec::new();
        let mut first = None;
        for number in (newest.saturating_sub(TRIED)..=newest).rev() {
            match Dataset::as_of(&shared, number).await {
                Ok(dataset) => {
                    for one in &mut damage {
                        one.reason += &format!("; the newest version that can be read is {number}");
                    }
                    damage.reverse();
                    return Ok((dataset, damage));
                }
                Err(error) if error.is_damage() => {
                    // An entry may be whole, and its columns or names damaged.
                    let object = match &error {
                        Error::Damaged { object, .. } => object.clone(),
                        _ => Entry::key(number),
                    };
                    let reason = match &error {
                        Error::Damaged { source, .. } => source.to_string(),
                        other => other.to_string(),
                    };
                    if damage.iter().all(|one| one.object != object) {
                        let (column, rows, pack_rows) = (None, None, None);
                        damage.push(Damage { object, column, rows, pack_rows, reason });
                    }
                    first.get_or_insert(error);
                }
                // What is below has been given up, and nothing of it shows the names of now.
                Err(error) if error.is_gone() => return Err(first.unwrap_or(error)),
                Err(error) => return Err(error),
            }
        }
        Err(first.unwrap_or(Error::NotADataset { url }))
    }

    /// The end of `main` when an entry was the newest.
    async fn as_of(shared: &Arc<Shared>, number: u64) -> Result<Dataset> {
        let (url, store) = (&shared.url, &*shared.store);
        let missing = || lakebed_format::Error::damaged("log entry", "it is missing".to_string());
        let entry = head::entry(url, store, number).await?;
        let mut entry =
            entry.ok_or_else(|| Error::in_object(url, &Entry::key(number), missing()))?;
        head::complete(url, store, &mut entry, &Refs::default()).await?;
        Dataset::load_branch(Arc::clone(shared), Arc::new(entry), MAIN_BRANCH.into()).await
    }
}
