//! Names for entries: branches and tags, and how a name after `@` is understood.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_format::Entry;
use lakebed_format::entry::Change;
use lakebed_format::entry::MAIN_BRANCH;

use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

/// The most bytes of a name.
const MAX_NAME: usize = 128;

/// A change of names that needs nothing written before the entry.
enum Naming {
    Tag { name: String, version: u64 },
    CreateBranch { name: String, version: u64 },
    Delete { name: String },
}

impl Naming {
    fn entry(&self, head: &Dataset) -> Result<Entry> {
        let mut entry = head.successor();
        match self {
            Naming::Tag { name, version } => {
                head.check_retained(*version)?;
                let same = entry.refs.tags.get(name) == Some(version);
                if let (Some(taken), false) = (entry.refs.get(name), same) {
                    return Err(Error::NameTaken { name: name.clone(), version: taken });
                }
                entry.refs.tags.insert(name.clone(), *version);
                entry.change = Change::Tag { name: name.clone(), version: *version };
            }
            Naming::CreateBranch { name, version } => {
                head.check_retained(*version)?;
                if let Some(taken) = entry.refs.get(name) {
                    return Err(Error::NameTaken { name: name.clone(), version: taken });
                }
                entry.refs.branches.insert(name.clone(), *version);
                entry.change = Change::CreateBranch { name: name.clone(), version: *version };
            }
            Naming::Delete { name } => {
                let in_use = |reason: &str| Error::RefInUse {
                    name: name.clone(),
                    reason: reason.to_string(),
                };
                if name == MAIN_BRANCH {
                    return Err(in_use("every dataset has the branch main"));
                }
                if *name == *head.branch {
                    return Err(in_use("this dataset is open on it: open another branch first"));
                }
                let refs = &mut entry.refs;
                let found = refs.branches.remove(name).is_some()
                    || refs.tags.remove(name).is_some()
                    || refs.views.remove(name).is_some();
                if !found {
                    return Err(head.no_such_ref(name));
                }
                entry.change = Change::DeleteRef { name: name.clone() };
            }
        }
        Ok(entry)
    }
}

impl Proposal for Naming {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        let entry = self.entry(head);
        async move { Ok(Proposed { entry: entry?, schema: None, objects: Vec::new() }) }.boxed()
    }
}

impl Dataset {
    /// Gives this snapshot a name, for `url@name`. One commit; no row changes.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::NameTaken`], or an error of the commit.
    pub fn tag<'a>(&'a self, name: &'a str, message: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            check(name)?;
            let tag = Naming::Tag { name: name.to_string(), version: self.version() };
            commit::commit(self, message, &tag).await
        })
    }

    /// Begins a branch at this snapshot, and returns the dataset on it. One commit on the branch of
    /// this snapshot; no row is copied, then or later.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::NameTaken`], [`Error::VersionExpired`], or an error of the
    /// commit.
    pub fn branch<'a>(&'a self, name: &'a str, message: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            check(name)?;
            let branch = Naming::CreateBranch { name: name.to_string(), version: self.version() };
            let committed = commit::commit(self, message, &branch).await?;
            Ok(Dataset { log: committed.log, branch: name.into(), ..self.clone() })
        })
    }

    /// Deletes a branch, a tag or a view; what only it kept goes with the next expiry and collection
    /// of garbage. `main` and the branch of this snapshot stay.
    ///
    /// # Errors
    /// [`Error::NoSuchRef`], [`Error::RefInUse`], or an error of the commit.
    pub fn delete_ref<'a>(
        &'a self,
        name: &'a str,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            commit::commit(self, message, &Naming::Delete { name: name.to_string() }).await
        })
    }

    /// The tags that this snapshot knows, with the versions they name.
    pub fn tags(&self) -> &BTreeMap<String, u64> {
        &self.log.refs.tags
    }

    /// The branches that this snapshot knows, with the versions at their ends.
    pub fn branches(&self) -> &BTreeMap<String, u64> {
        &self.log.refs.branches
    }

    /// The same dataset at what stands after an `@`: the number of an entry, or the name of a
    /// branch, a tag or a view. A name that this snapshot does not know may have been given since.
    ///
    /// # Errors
    /// [`Error::NoSuchRef`], [`Error::NoSuchVersion`], [`Error::VersionExpired`], damage, or an error
    /// of the store.
    pub fn at_name<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            if let Ok(number) = name.parse() {
                return self.at(number).await;
            }
            match self.named(name).await {
                Ok(Some(found)) => return Ok(found),
                // What it means to this snapshot was given up: it means another version now.
                Ok(None) | Err(Error::VersionExpired { .. }) => {}
                Err(error) => return Err(error),
            }
            let newest = self.refresh().await?;
            newest.named(name).await?.ok_or_else(|| self.no_such_ref(name))
        })
    }

    async fn named(&self, name: &str) -> Result<Option<Dataset>> {
        let refs = &self.log.refs;
        if refs.branches.contains_key(name) {
            let (shared, log) = (Arc::clone(&self.shared), Arc::clone(&self.log));
            return Ok(Some(Dataset::load_branch(shared, log, name.into()).await?));
        }
        match refs.get(name) {
            Some(number) => Ok(Some(self.at(number).await?)),
            None => Ok(None),
        }
    }

    pub(crate) fn no_such_ref(&self, name: &str) -> Error {
        Error::NoSuchRef { url: self.url().to_string(), name: name.to_string() }
    }
}

/// Names must be told from numbers and fit behind an `@`.
pub(crate) fn check(name: &str) -> Result<()> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAME {
        "it is longer than 128 bytes"
    } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
        "a number is a version"
    } else if name.contains(['/', '@', '"']) || name.chars().any(char::is_control) {
        "it contains '/', '@', '\"' or a control character"
    } else {
        return Ok(());
    };
    Err(Error::InvalidName { name: name.to_string(), reason })
}
