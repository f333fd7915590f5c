//! How often each operation was met.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// How often each operation was met.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<&'static str, u64>);

const OPERATIONS: [&str; 21] = [
    "append",
    "update",
    "delete",
    "edit",
    "add column",
    "drop column",
    "rename column",
    "branch",
    "switch",
    "merge ours",
    "merge theirs",
    "merge",
    "tag",
    "compact",
    "fold",
    "revert",
    "expire",
    "collect",
    "save view",
    "branch from view",
    "copy view",
];

impl Tally {
    /// Counts one.
    pub fn add(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    /// Operations that were never met.
    pub fn unmet(&self) -> Vec<&'static str> {
        let is_unmet = |name: &&str| !self.0.contains_key(name);
        OPERATIONS.into_iter().filter(is_unmet).collect()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        for (name, count) in other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<String> = self.0.iter().map(|(name, n)| format!("{n} {name}")).collect();
        f.write_str(&each.join(", "))
    }
}
