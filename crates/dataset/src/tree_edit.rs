//! Replacing fragments within the tree: only the nodes above them are written anew.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use futures::future::BoxFuture;
use lakebed_format::FragmentPointer;
use lakebed_format::NodePointer;
use lakebed_format::Tree;
use lakebed_format::tree;
use lakebed_format::tree::Node;

use crate::dataset::Dataset;
use crate::error::Result;

/// New fragments by the place of the old one among all; an empty list removes it.
pub(crate) type FragmentEdits = BTreeMap<usize, Vec<FragmentPointer>>;

/// An object under `meta/` that must be written before the entry.
pub(crate) type NewObjects = Vec<(String, Vec<u8>)>;

impl Dataset {
    /// The tree of this snapshot with other fragments in some places. New nodes are added to
    /// `objects`.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub(crate) async fn edited_tree(
        &self,
        edits: &FragmentEdits,
        objects: &mut NewObjects,
    ) -> Result<Tree> {
        let old = &self.entry.tree;
        let mut first = 0usize;
        let mut levels: Vec<Vec<NodePointer>> = vec![Vec::new(); old.levels.len()];
        for (level, pointers) in old.levels.iter().enumerate().rev() {
            for pointer in pointers {
                let places = first..first + fragments(pointer);
                first = places.end;
                if let Some(new) = self.edited_node(pointer, places, edits, objects).await? {
                    levels[level].push(new);
                }
            }
        }
        while levels.last().is_some_and(Vec::is_empty) {
            levels.pop();
        }
        let tail = edited_list(&old.tail, first, edits);
        let mut tree = Tree { tail: Vec::new(), levels };
        for fragment in tail {
            let new = tree.push(fragment, || self.shared.new_object(self.log.epoch))?;
            objects.extend(new.into_iter().map(|n| (n.pointer.object.key("meta"), n.bytes)));
        }
        Ok(tree)
    }

    /// The node with the edits of its places; `None` if no fragment is left below it.
    fn edited_node<'a>(
        &'a self,
        pointer: &'a NodePointer,
        places: Range<usize>,
        edits: &'a FragmentEdits,
        objects: &'a mut NewObjects,
    ) -> BoxFuture<'a, Result<Option<NodePointer>>> {
        Box::pin(async move {
            if edits.range(places.clone()).next().is_none() {
                return Ok(Some(pointer.clone()));
            }
            let node = match &*self.read_node(pointer).await? {
                Node::Fragments(list) => Node::Fragments(edited_list(list, places.start, edits)),
                Node::Nodes(list) => {
                    let (mut first, mut kept) = (places.start, Vec::with_capacity(list.len()));
                    for child in list {
                        let places = first..first + fragments(child);
                        first = places.end;
                        kept.extend(self.edited_node(child, places, edits, objects).await?);
                    }
                    Node::Nodes(kept)
                }
            };
            let is_empty = match &node {
                Node::Fragments(list) => list.is_empty(),
                Node::Nodes(list) => list.is_empty(),
            };
            if is_empty {
                return Ok(None);
            }
            let new = tree::new_node(&node, self.shared.new_object(self.log.epoch))?;
            objects.push((new.pointer.object.key("meta"), new.bytes));
            self.shared.caches.nodes.insert(new.pointer.object, Arc::new(node));
            Ok(Some(new.pointer))
        })
    }
}

fn edited_list(
    list: &[FragmentPointer],
    first: usize,
    edits: &FragmentEdits,
) -> Vec<FragmentPointer> {
    let mut edited = Vec::with_capacity(list.len());
    for (place, fragment) in (first..).zip(list) {
        match edits.get(&place) {
            Some(new) => edited.extend(new.iter().cloned()),
            None => edited.push(fragment.clone()),
        }
    }
    edited
}

fn fragments(pointer: &NodePointer) -> usize {
    usize::try_from(pointer.totals.fragments).unwrap_or(usize::MAX / 2)
}
