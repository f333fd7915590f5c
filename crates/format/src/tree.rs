//! The fragment tree: a short tail of fragments and at most four levels of pointers to nodes.
//!
//! In position order: the nodes of the highest level first, each level's oldest node first, then
//! the tail. A commit that fills the tail moves it into nodes itself, at most one a level.

use lakebed_core::ObjectId;
use serde::Deserialize;
use serde::Serialize;

use crate::checksum::Checksum;
use crate::error::Error;
use crate::error::Result;
use crate::frame;
use crate::frame::Kind;

/// The most fragments in a tail, and pointers in a node or level.
pub const FAN_OUT: usize = 32;
/// The most levels of nodes.
pub const MAX_LEVELS: usize = 4;

/// Rows that were appended together: one pack and the manifest at its end.
///
/// Written as a JSON array of the fields in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "FragmentTuple", into = "FragmentTuple")]
pub struct FragmentPointer {
    /// The pack.
    pub object: ObjectId,
    /// Where the column sections begin in the pack.
    pub sections_offset: u64,
    /// Where the manifest header's frame begins; it ends with the pack.
    pub header_offset: u64,
    /// Bytes of the pack.
    pub length: u64,
    /// Checksum of the manifest header's frame.
    pub checksum: Checksum,
    /// Rows.
    pub rows: u64,
    /// Row id of the first row; the others follow it.
    pub first_row_id: u64,
    /// The entry that brought these rows.
    pub stamp: u64,
}

type FragmentTuple = (ObjectId, u64, u64, u64, Checksum, u64, u64, u64);

impl From<FragmentTuple> for FragmentPointer {
    fn from(t: FragmentTuple) -> FragmentPointer {
        FragmentPointer {
            object: t.0,
            sections_offset: t.1,
            header_offset: t.2,
            length: t.3,
            checksum: t.4,
            rows: t.5,
            first_row_id: t.6,
            stamp: t.7,
        }
    }
}

impl From<FragmentPointer> for FragmentTuple {
    fn from(p: FragmentPointer) -> FragmentTuple {
        (
            p.object,
            p.sections_offset,
            p.header_offset,
            p.length,
            p.checksum,
            p.rows,
            p.first_row_id,
            p.stamp,
        )
    }
}

/// A pointer to a node object under `meta/`.
///
/// Written as a JSON array of the fields in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "NodeTuple", into = "NodeTuple")]
pub struct NodePointer {
    /// The object.
    pub object: ObjectId,
    /// Bytes of the object.
    pub length: u64,
    /// Checksum of the object.
    pub checksum: Checksum,
    /// Fragments below it.
    pub fragments: u64,
    /// Rows below it.
    pub rows: u64,
}

type NodeTuple = (ObjectId, u64, Checksum, u64, u64);

impl From<NodeTuple> for NodePointer {
    fn from(t: NodeTuple) -> NodePointer {
        NodePointer { object: t.0, length: t.1, checksum: t.2, fragments: t.3, rows: t.4 }
    }
}

impl From<NodePointer> for NodeTuple {
    fn from(p: NodePointer) -> NodeTuple {
        (p.object, p.length, p.checksum, p.fragments, p.rows)
    }
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// Fragments in position order.
    Fragments(Vec<FragmentPointer>),
    /// Nodes of the level below, in position order.
    Nodes(Vec<NodePointer>),
}

impl Node {
    /// The bytes of the node's object.
    ///
    /// # Errors
    /// Only if JSON cannot be written, which no node causes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let body =
            serde_json::to_vec(self).map_err(|e| Error::damaged("tree node", e.to_string()))?;
        Ok(frame::wrap(Kind::Node, &body))
    }

    /// Reads a node's object.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::NewerFormat`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Node> {
        let body = frame::unwrap(Kind::Node, bytes)?;
        serde_json::from_slice(body).map_err(|e| Error::damaged("tree node", e.to_string()))
    }

    /// Rows and fragments below the node.
    pub fn totals(&self) -> (u64, u64) {
        match self {
            Node::Fragments(list) => {
                (list.iter().map(|f| f.rows).sum(), u64::try_from(list.len()).unwrap_or(u64::MAX))
            }
            Node::Nodes(list) => {
                let add = |of: fn(&NodePointer) -> u64| {
                    list.iter().fold(0u64, |sum, node| sum.saturating_add(of(node)))
                };
                (add(|n| n.rows), add(|n| n.fragments))
            }
        }
    }
}

/// The root of the fragment tree, inside an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tree {
    /// The newest fragments.
    pub tail: Vec<FragmentPointer>,
    /// Nodes of each level, lowest level first, oldest node first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Vec<NodePointer>>,
}

/// What a push onto a tree makes the commit write: a node, and the pointer to it.
#[derive(Debug, Clone)]
pub struct NewNode {
    /// The pointer that the tree now holds.
    pub pointer: NodePointer,
    /// The bytes to write.
    pub bytes: Vec<u8>,
}

impl Tree {
    /// Adds a fragment after all others; returns the nodes that must be written before the entry.
    ///
    /// `new_object` gives each node its name.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the tree is full: 32 to the fifth power fragments.
    pub fn push(
        &mut self,
        fragment: FragmentPointer,
        mut new_object: impl FnMut() -> ObjectId,
    ) -> Result<Vec<NewNode>> {
        let mut written = Vec::new();
        if self.tail.len() >= FAN_OUT {
            let mut node = Node::Fragments(std::mem::take(&mut self.tail));
            for level in 0..=MAX_LEVELS {
                if level == MAX_LEVELS {
                    return Err(Error::damaged("fragment tree", "it is full: compact the dataset"));
                }
                if self.levels.len() == level {
                    self.levels.push(Vec::new());
                }
                let new = new_node(&node, new_object())?;
                let carried = if self.levels[level].len() >= FAN_OUT {
                    Some(Node::Nodes(std::mem::take(&mut self.levels[level])))
                } else {
                    None
                };
                self.levels[level].push(new.pointer.clone());
                written.push(new);
                match carried {
                    Some(full) => node = full,
                    None => break,
                }
            }
        }
        self.tail.push(fragment);
        Ok(written)
    }

    /// The nodes in position order.
    pub fn nodes(&self) -> impl Iterator<Item = &NodePointer> {
        self.levels.iter().rev().flatten()
    }

    /// Checks the bounds that readers rely on.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn validate(&self) -> Result<()> {
        let too_wide = self.levels.iter().any(|level| level.len() > FAN_OUT);
        if self.tail.len() > FAN_OUT || self.levels.len() > MAX_LEVELS || too_wide {
            return Err(Error::damaged(
                "fragment tree",
                "it has more pointers than a tree may have",
            ));
        }
        Ok(())
    }
}

fn new_node(node: &Node, object: ObjectId) -> Result<NewNode> {
    let bytes = node.to_bytes()?;
    let (rows, fragments) = node.totals();
    let pointer = NodePointer {
        object,
        length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        checksum: Checksum::of(&bytes),
        fragments,
        rows,
    };
    Ok(NewNode { pointer, bytes })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn fragment(n: u64) -> FragmentPointer {
        FragmentPointer {
            object: ObjectId { epoch: 0, id: u128::from(n) },
            sections_offset: 0,
            header_offset: 0,
            length: 0,
            checksum: Checksum(n),
            rows: 1,
            first_row_id: n,
            stamp: n,
        }
    }

    fn walk(pointer: &NodePointer, nodes: &HashMap<ObjectId, Vec<u8>>, out: &mut Vec<u64>) {
        match Node::from_bytes(&nodes[&pointer.object]).unwrap() {
            Node::Fragments(list) => out.extend(list.iter().map(|f| f.first_row_id)),
            Node::Nodes(list) => list.iter().for_each(|n| walk(n, nodes, out)),
        }
    }

    #[test]
    fn order_is_kept_and_commits_write_few_nodes() {
        let mut tree = Tree::default();
        let mut nodes = HashMap::new();
        let mut next = 0u128;
        let count = 40_000u64;
        for n in 0..count {
            let new = tree
                .push(fragment(n), || {
                    next += 1;
                    ObjectId { epoch: 1, id: next }
                })
                .unwrap();
            assert!(new.len() <= MAX_LEVELS);
            nodes.extend(new.into_iter().map(|n| (n.pointer.object, n.bytes)));
            tree.validate().unwrap();
        }
        let mut order = Vec::new();
        tree.nodes().for_each(|n| walk(n, &nodes, &mut order));
        order.extend(tree.tail.iter().map(|f| f.first_row_id));
        assert!(order.iter().copied().eq(0..count));
        let size = serde_json::to_vec(&tree).unwrap().len();
        assert!(size < 16 * 1024, "{size}");
    }
}
