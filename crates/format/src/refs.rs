//! Names for entries: branches, tags and views.
//!
//! A few of them stand in the entry. Of many, most stand in an object of their own that many entries
//! point to, and an entry holds only what it names otherwise: a commit writes as little as among few.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::error::Result;
use crate::frame;
use crate::frame::Kind;
use crate::patch::Region;

/// Names for entries. A name is that of a branch, a tag or a view, never of two of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Refs {
    /// Branch name to the entry at its end.
    pub branches: BTreeMap<String, u64>,
    /// Tag name to its entry.
    pub tags: BTreeMap<String, u64>,
    /// View name to what was saved.
    pub views: BTreeMap<String, ViewPointer>,
    base: Option<Base>,
}

/// A saved view: a query's result as rows of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewPointer {
    /// The entry that it was asked of, which it keeps.
    pub version: u64,
    /// Rows of the view.
    pub rows: u64,
    /// The view's object.
    pub region: Region,
}

/// The object with most of the names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Base {
    region: Region,
    names: Names,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    /// As they stand there.
    Known(Arc<Refs>),
    /// Nobody has looked yet; of those there, these are gone.
    Unread { gone: BTreeSet<String> },
}

/// The form in an entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    branches: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    views: BTreeMap<String, ViewPointer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<Region>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    gone: BTreeSet<String>,
}

impl From<Stored> for Refs {
    fn from(stored: Stored) -> Refs {
        let Stored { branches, tags, views, object, gone } = stored;
        let base = object.map(|region| Base { region, names: Names::Unread { gone } });
        Refs { branches, tags, views, base }
    }
}

impl From<Refs> for Stored {
    fn from(refs: Refs) -> Stored {
        let Refs { branches, tags, views, base } = refs;
        let Some(Base { region, names }) = base else {
            return Stored { branches, tags, views, object: None, gone: BTreeSet::new() };
        };
        let object = Some(region);
        match names {
            Names::Unread { gone } => Stored { branches, tags, views, object, gone },
            Names::Known(known) => {
                let mut gone = known.names();
                for name in branches.keys().chain(tags.keys()).chain(views.keys()) {
                    gone.remove(name);
                }
                Stored {
                    branches: unlike(branches, &known.branches),
                    tags: unlike(tags, &known.tags),
                    views: unlike(views, &known.views),
                    object,
                    gone,
                }
            }
        }
    }
}

fn unlike<T: PartialEq>(
    mut names: BTreeMap<String, T>,
    known: &BTreeMap<String, T>,
) -> BTreeMap<String, T> {
    names.retain(|name, value| known.get(name) != Some(value));
    names
}

impl Refs {
    /// The names of a log that begins: one branch, which ends at entry 0.
    pub fn first(branch: &str) -> Refs {
        Refs { branches: [(branch.to_string(), 0)].into(), ..Refs::default() }
    }

    /// The entry that a name stands for: of a branch, a tag or a view.
    pub fn get(&self, name: &str) -> Option<u64> {
        let named = self.branches.get(name).or_else(|| self.tags.get(name)).copied();
        named.or_else(|| self.views.get(name).map(|view| view.version))
    }

    /// All entries that a name keeps from expiring.
    pub fn versions(&self) -> impl Iterator<Item = u64> {
        let named = self.branches.values().chain(self.tags.values()).copied();
        named.chain(self.views.values().map(|view| view.version))
    }

    fn names(&self) -> BTreeSet<String> {
        let named = self.branches.keys().chain(self.tags.keys());
        named.chain(self.views.keys()).cloned().collect()
    }

    /// The object with most of the names, if there are many.
    pub fn object(&self) -> Option<&Region> {
        self.base.as_ref().map(|base| &base.region)
    }

    /// The object that must be read before these are all of the names: see [`Refs::complete`].
    pub fn unread(&self) -> Option<&Region> {
        match &self.base {
            Some(Base { region, names: Names::Unread { .. } }) => Some(region),
            _ => None,
        }
    }

    /// Adds the names of the object that [`Refs::unread`] told; its checksum has been compared.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::NewerFormat`].
    pub fn complete(&mut self, bytes: &[u8]) -> Result<()> {
        let body = frame::unwrap(Kind::Refs, bytes)?;
        let known: Refs =
            serde_json::from_slice(body).map_err(|e| Error::damaged("names", e.to_string()))?;
        if known.base.is_some() {
            return Err(Error::damaged("names", "they point to another object"));
        }
        self.complete_with(&Arc::new(known));
        Ok(())
    }

    /// As [`Refs::complete`], where others have read the same object. True if they have.
    pub fn complete_like(&mut self, other: &Refs) -> bool {
        let Some(Base { region, names: Names::Known(known) }) = &other.base else { return false };
        let same = self.unread() == Some(region);
        if same {
            self.complete_with(known);
        }
        same
    }

    fn complete_with(&mut self, known: &Arc<Refs>) {
        let Some(base) = &mut self.base else { return };
        let Names::Unread { gone } = &base.names else { return };
        let mut left = (**known).clone();
        let named = |name: &String| {
            let here = self.branches.contains_key(name) || self.tags.contains_key(name);
            here || self.views.contains_key(name) || gone.contains(name)
        };
        left.branches.retain(|name, _| !named(name));
        left.tags.retain(|name, _| !named(name));
        left.views.retain(|name, _| !named(name));
        base.names = Names::Known(Arc::clone(known));
        self.branches.append(&mut left.branches);
        self.tags.append(&mut left.tags);
        self.views.append(&mut left.views);
    }

    /// Bytes that these take in an entry.
    ///
    /// # Errors
    /// Only if JSON cannot be written, which no name causes.
    pub fn inline_bytes(&self) -> Result<usize> {
        Ok(self.to_json()?.len())
    }

    /// All of the names as an object of their own; [`Refs::placed`] then says where it is.
    ///
    /// # Errors
    /// Only if JSON cannot be written, which no name causes.
    pub fn to_object(&self) -> Result<Vec<u8>> {
        let all = Refs { base: None, ..self.clone() };
        Ok(frame::wrap(Kind::Refs, &all.to_json()?))
    }

    /// From here on only what is named otherwise than now stands in entries.
    pub fn placed(&mut self, region: Region) {
        let all = Refs { base: None, ..self.clone() };
        self.base = Some(Base { region, names: Names::Known(Arc::new(all)) });
    }

    fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::damaged("names", e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use lakebed_core::ObjectId;

    use super::*;
    use crate::checksum::Checksum;

    fn region() -> Region {
        let object = ObjectId { epoch: 1, id: 2 };
        Region { object, offset: 0, length: 3, checksum: Checksum(4) }
    }

    fn read(bytes: &[u8]) -> Refs {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn an_entry_holds_what_differs_from_the_object() {
        let mut refs = Refs::default();
        for n in 0..1000 {
            refs.tags.insert(format!("tag-{n}"), n);
        }
        refs.branches.insert("main".to_string(), 1000);
        refs.branches.insert("other".to_string(), 7);
        assert_eq!(read(&refs.to_json().unwrap()), refs);
        let object = refs.to_object().unwrap();
        refs.placed(region());
        assert!(refs.inline_bytes().unwrap() < 150);
        // Moved, added, deleted, and a tag's name for a branch.
        refs.branches.insert("main".to_string(), 1001);
        refs.tags.insert("new".to_string(), 1001);
        refs.branches.remove("other");
        refs.tags.remove("tag-3");
        refs.tags.remove("tag-4");
        refs.branches.insert("tag-4".to_string(), 9);
        let bytes = refs.to_json().unwrap();
        assert!(bytes.len() < 250, "{}", bytes.len());
        let mut found = read(&bytes);
        assert_eq!((found.unread(), found.get("tag-5")), (Some(&region()), None));
        // What was not completed is written as it was read.
        assert_eq!(found.to_json().unwrap(), bytes);
        let mut like = found.clone();
        found.complete(&object).unwrap();
        assert_eq!(found, refs);
        assert_eq!(found.to_json().unwrap(), bytes);
        assert_eq!((found.get("tag-5"), found.get("tag-3"), found.unread()), (Some(5), None, None));
        assert_eq!(found.get("tag-4"), Some(9));
        assert!(like.complete_like(&found) && like == found);
        assert!(!like.clone().complete_like(&found));
        assert!(Refs::default().complete(&object[1..]).is_err());
    }
}
