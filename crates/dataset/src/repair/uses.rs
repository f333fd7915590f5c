//! Which versions use damaged objects, and for which rows.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use lakebed_core::ObjectId;
use lakebed_format::Entry;
use lakebed_format::FragmentPointer;
use lakebed_format::KeyNote;
use lakebed_format::NodePointer;
use lakebed_format::entry::SchemaPlace;
use lakebed_format::tree::EXPLICIT_IDS;
use lakebed_format::tree::Node;
use roaring::RoaringBitmap;

use super::Part;
use super::Used;
use crate::dataset::Dataset;
use crate::diff::ids_at;
use crate::edit::id_runs;
use crate::error::Error;
use crate::error::Result;
use crate::head;
use crate::read::CachedPatch;
use crate::read::offset;
use crate::verify::Damage;

/// Damaged objects below a part of a tree, by their places in the list of all.
type Below = Arc<BTreeSet<usize>>;

pub(super) struct Uses<'a> {
    dataset: &'a Dataset,
    damage: Vec<&'a [&'a Damage]>,
    places: HashMap<String, usize>,
    used: Vec<Used>,
    nodes: HashMap<ObjectId, Below>,
    fragments: HashSet<(ObjectId, Option<(ObjectId, u64)>)>,
    /// The newest version of the branch that can be read whole.
    whole: Option<u64>,
}

/// What an error says of what is below: nothing, if it is damage that is known.
fn known<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.is_damage() || e.is_gone() || matches!(e, Error::Format(_)) => Ok(None),
        Err(e) => Err(e),
    }
}

impl<'a> Uses<'a> {
    pub fn new(dataset: &'a Dataset, objects: &'a BTreeMap<&str, Vec<&'a Damage>>) -> Uses<'a> {
        let places = objects.keys().enumerate().map(|(at, key)| ((*key).to_string(), at));
        Uses {
            dataset,
            damage: objects.values().map(Vec::as_slice).collect(),
            places: places.collect(),
            used: objects.iter().map(|_| Used::default()).collect(),
            nodes: HashMap::new(),
            fragments: HashSet::new(),
            whole: None,
        }
    }

    pub fn of(&self, object: &str) -> &Used {
        &self.used[self.places[object]]
    }

    pub fn newest_whole(&self) -> Option<u64> {
        self.whole
    }

    /// Notes what a version uses.
    pub async fn version(&mut self, number: u64) -> Result<()> {
        let dataset = self.dataset;
        let mut hit = BTreeSet::new();
        hit.extend(self.hit(&super::key(number), Part::Entry));
        let found = head::entry(dataset.url(), &*dataset.shared.store, number).await;
        if let Some(Some(entry)) = known(found)? {
            self.beside(&entry);
            if let SchemaPlace::Object { object, .. } = &entry.schema {
                hit.extend(self.hit(&object.key("meta"), Part::Schema));
            }
            for pointer in entry.tree.nodes() {
                hit.extend(self.node(pointer).await?.iter());
            }
            for fragment in &entry.tree.tail {
                hit.extend(self.fragment(fragment).await?);
            }
            if hit.is_empty() && entry.branch == dataset.branch_name() {
                self.whole = Some(number);
            }
        }
        for place in hit {
            self.used[place].versions.insert(number);
        }
        Ok(())
    }

    /// What an entry points to that no reader of its version needs.
    fn beside(&mut self, entry: &Entry) {
        if let Some(own) = &entry.idempotency_key {
            self.hit(&KeyNote::object(own), Part::KeyNote);
        }
        if let Some(region) = entry.change.touched() {
            self.hit(&region.object.key("meta"), Part::Touched);
        }
    }

    fn hit(&mut self, key: &str, part: Part) -> Option<usize> {
        let place = *self.places.get(key)?;
        let used = &mut self.used[place];
        used.part = used.part.max(Some(part));
        Some(place)
    }

    fn node<'b>(&'b mut self, pointer: &'b NodePointer) -> BoxFuture<'b, Result<Below>> {
        Box::pin(async move {
            if let Some(below) = self.nodes.get(&pointer.object) {
                return Ok(Arc::clone(below));
            }
            let mut below = BTreeSet::new();
            if let Some(place) = self.hit(&pointer.object.key("meta"), Part::Node) {
                self.used[place].more_rows += pointer.totals.rows;
                below.insert(place);
            } else if let Some(node) = known(self.dataset.read_node(pointer).await)? {
                match &*node {
                    Node::Nodes(list) => {
                        for pointer in list {
                            below.extend(self.node(pointer).await?.iter());
                        }
                    }
                    Node::Fragments(list) => {
                        for fragment in list {
                            below.extend(self.fragment(fragment).await?);
                        }
                    }
                }
            }
            let below = Arc::new(below);
            self.nodes.insert(pointer.object, Arc::clone(&below));
            Ok(below)
        })
    }

    async fn fragment(&mut self, fragment: &FragmentPointer) -> Result<BTreeSet<usize>> {
        let region = fragment.patch.as_ref().map(|patch| patch.region);
        let is_new = self
            .fragments
            .insert((fragment.object, region.map(|region| (region.object, region.offset))));
        let mut hit = BTreeSet::new();
        let damaged_patch =
            region.and_then(|region| self.hit(&region.object.key("meta"), Part::Patch));
        let patch = match damaged_patch {
            None => known(self.dataset.patch(fragment).await)?.flatten(),
            Some(_) => None,
        };
        if let Some(place) = damaged_patch {
            hit.insert(place);
            if is_new {
                self.whole_fragment(place, fragment);
            }
        }
        if let Some(place) = self.hit(&fragment.object.key("data"), Part::Pack) {
            let rows = offsets(self.damage[place], fragment.rows);
            let rows = rows.unwrap_or_else(|| all(fragment.rows));
            // Whose rows were deleted is read no more.
            if damaged_patch.is_some() || self.add(place, fragment, patch.as_deref(), rows, is_new)
            {
                hit.insert(place);
            }
        }
        let Some(cached) = patch else { return Ok(hit) };
        let mut begin = 0;
        for pack in &cached.patch.packs {
            let end = begin + pack.rows;
            if let Some(place) = self.hit(&pack.object.key("data"), Part::Pack) {
                let rows = offsets(self.damage[place], pack.rows).unwrap_or_else(|| all(pack.rows));
                let rows = rows.iter().map(|row| offset(begin + u64::from(row))).collect();
                if self.add(place, fragment, Some(&cached), rows, is_new) {
                    hit.insert(place);
                }
            }
            begin = end;
        }
        for overlay in &cached.patch.overlays {
            let Some(place) = self.hit(&overlay.pack.object.key("data"), Part::Pack) else {
                continue;
            };
            let rows = match offsets(self.damage[place], overlay.pack.rows) {
                Some(hits) => hits.iter().filter_map(|nth| overlay.offsets.select(nth)).collect(),
                None => overlay.offsets.clone(),
            };
            if self.add(place, fragment, Some(&cached), rows, is_new) {
                hit.insert(place);
                let names =
                    overlay.columns.iter().filter_map(|id| self.dataset.schema().by_id(*id));
                self.used[place].columns.extend(names.map(|column| column.name.clone()));
            }
        }
        Ok(hit)
    }

    /// All rows of a fragment, deleted or not: what was deleted stood in what is damaged.
    fn whole_fragment(&mut self, place: usize, fragment: &FragmentPointer) {
        if fragment.first_row_id == EXPLICIT_IDS {
            self.used[place].more_rows += fragment.live_rows();
        } else {
            self.add(place, fragment, None, all(fragment.rows), true);
        }
    }

    /// Notes rows of a pack, unless that was done before; false if all of them were deleted.
    fn add(
        &mut self,
        place: usize,
        fragment: &FragmentPointer,
        patch: Option<&CachedPatch>,
        rows: RoaringBitmap,
        is_new: bool,
    ) -> bool {
        let left = match patch {
            Some(cached) => rows - &cached.patch.deleted,
            None => rows,
        };
        if is_new {
            self.used[place].rows.extend(ids_at(&id_runs(fragment, patch), &left));
        }
        !left.is_empty()
    }
}

fn all(rows: u64) -> RoaringBitmap {
    let mut all = RoaringBitmap::new();
    all.insert_range(0..offset(rows));
    all
}

/// The rows of a pack that damage hits; `None` if it may be any.
fn offsets(damage: &[&Damage], rows: u64) -> Option<RoaringBitmap> {
    let mut hit = RoaringBitmap::new();
    for damage in damage {
        let range = damage.pack_rows.as_ref()?;
        hit.insert_range(offset(range.start.min(rows))..offset(range.end.min(rows)));
    }
    Some(hit)
}
