//! What damage means: which versions, names, rows and columns it takes, and which version is whole.

mod uses;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Range;

use futures::future::BoxFuture;
use lakebed_format::Entry;
use roaring::RoaringTreemap;
use uses::Uses;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::verify::Damage;
use crate::verify::VerifyReport;

/// What an object is to the versions that use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A place to begin to look for the newest entry. The next commit writes it anew.
    Hint,
    /// What says that the folder is a dataset. Reading does without it.
    Marker,
    /// What a commit with an idempotency key left: without it, the same commit again is a second one.
    KeyNote,
    /// What a commit changed, for who commits on top of an older version.
    Touched,
    /// The rows of a view.
    View,
    /// Samples, and where they are.
    Pack,
    /// What was changed in a pack.
    Patch,
    /// A node of the tree of packs.
    Node,
    /// Columns.
    Schema,
    /// A version.
    Entry,
}

/// A damaged object, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The object's key.
    pub object: String,
    /// What it is; `None` where no retained version was found to use it.
    pub part: Option<Part>,
    /// Versions that cannot be read whole because of it, as ranges.
    pub versions: Vec<Range<u64>>,
    /// Branches, tags and views of these versions.
    pub names: Vec<String>,
    /// Columns that are hit; all where none is named.
    pub columns: Vec<String>,
    /// Ids of the rows that are hit, as ranges, as far as they are known.
    pub rows: Vec<Range<u64>>,
    /// Rows that are hit whose ids stand in what is damaged.
    pub more_rows: u64,
    /// The newest version of the branch that no damage hits.
    pub whole: Option<u64>,
}

impl Dataset {
    /// What the damage that [`Dataset::verify`] found takes, object by object. Reads the entries of
    /// all versions that were checked, and the tree above the damage; no sample.
    ///
    /// # Errors
    /// An error of the store other than a missing object.
    pub fn repairs<'a>(&'a self, report: &'a VerifyReport) -> BoxFuture<'a, Result<Vec<Repair>>> {
        Box::pin(async move {
            let mut objects: BTreeMap<&str, Vec<&Damage>> = BTreeMap::new();
            for damage in &report.damage {
                objects.entry(&damage.object).or_default().push(damage);
            }
            if objects.is_empty() {
                return Ok(Vec::new());
            }
            let mut uses = Uses::new(self, &objects);
            for number in self.checked() {
                uses.version(number).await?;
            }
            let whole = uses.newest_whole();
            let views = self.views();
            let repairs = objects.iter().map(|(object, damage)| {
                let used = uses.of(object);
                let mut names: Vec<String> = Vec::new();
                let mut hit = |kind: &str, name: &String, version: u64| {
                    if used.versions.contains(&version) {
                        names.push(format!("{kind} {name}"));
                    }
                };
                self.branches().iter().for_each(|(name, version)| hit("branch", name, *version));
                self.tags().iter().for_each(|(name, version)| hit("tag", name, *version));
                views.iter().for_each(|(name, view)| hit("view", name, view.version));
                let mut part = used.part;
                for (name, view) in views {
                    if view.region.object.key("meta") == **object {
                        part = part.max(Some(Part::View));
                        names.push(format!("view {name}"));
                    }
                }
                match *object {
                    "hint" => part = Some(Part::Hint),
                    "lakebed.json" => part = Some(Part::Marker),
                    _ => {}
                }
                let mut versions = ranges(used.versions.iter().copied());
                // Newer than all that can be read.
                let above = self.log.number.saturating_add(1)..;
                if let Some(number) = number(object).filter(|n| above.contains(n)) {
                    part = Some(Part::Entry);
                    versions = ranges([number]);
                }
                names.dedup();
                Repair {
                    object: (*object).to_string(),
                    part,
                    versions,
                    names,
                    columns: columns(damage, &used.columns),
                    rows: ranges(&used.rows),
                    more_rows: used.more_rows,
                    whole,
                }
            });
            Ok(repairs.collect())
        })
    }

    /// The versions that [`Dataset::verify`] checks: those that are retained, and of an older version
    /// those up to it.
    pub(crate) fn checked(&self) -> BTreeSet<u64> {
        let mut numbers = self.retained();
        if self.branches().get(self.branch_name()) != Some(&self.version()) {
            numbers.retain(|number| *number <= self.version());
        }
        numbers
    }
}

/// The columns of all damages of an object; none if one of them is of all columns.
fn columns(damage: &[&Damage], of_object: &BTreeSet<String>) -> Vec<String> {
    let named: Option<BTreeSet<String>> = damage.iter().map(|d| d.column.clone()).collect();
    named.unwrap_or_else(|| of_object.clone()).into_iter().collect()
}

/// Ascending numbers as ranges.
fn ranges(numbers: impl IntoIterator<Item = u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number.saturating_add(1)),
        }
    }
    ranges
}

/// What uses a damaged object.
#[derive(Debug, Default)]
struct Used {
    part: Option<Part>,
    versions: BTreeSet<u64>,
    rows: RoaringTreemap,
    more_rows: u64,
    /// Columns of a pack that has but some.
    columns: BTreeSet<String>,
}

/// The number of the entry that has a key.
fn number(key: &str) -> Option<u64> {
    u64::from_str_radix(key.strip_prefix("log/")?, 16).ok()
}

/// The key of the entry of a number.
fn key(number: u64) -> String {
    Entry::key(number)
}
