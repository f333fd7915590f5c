//! The fragment tree: a short tail of fragments and at most four levels of pointers to nodes.
//!
//! In position order: the nodes of the highest level first, each level's oldest node first, then
//! the tail. A commit that fills the tail moves it into nodes itself, at most one a level.

use std::fmt;
use std::ops::RangeInclusive;

use lakebed_core::ObjectId;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error as _;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde::ser::SerializeSeq;

use crate::checksum::Checksum;
use crate::error::Error;
use crate::error::Result;
use crate::frame;
use crate::frame::Kind;
use crate::patch::PatchPointer;

/// The most fragments in a tail, and pointers in a node or level.
pub const FAN_OUT: usize = 32;
/// The most levels of nodes.
pub const MAX_LEVELS: usize = 4;

/// The first row id of a fragment whose row ids stand in its patch.
pub const EXPLICIT_IDS: u64 = u64::MAX;

/// Rows that were appended together: one pack and the manifest at its end.
///
/// Written as a JSON array of the fields in this order, the patch only where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Rows of the pack, deleted ones included.
    pub rows: u64,
    /// Row id of the first row, which the others follow; [`EXPLICIT_IDS`] if the patch has them.
    pub first_row_id: u64,
    /// The entry that brought these rows.
    pub stamp: u64,
    /// What was changed since.
    pub patch: Option<PatchPointer>,
}

impl FragmentPointer {
    /// Rows that were not deleted.
    pub fn live_rows(&self) -> u64 {
        self.rows.saturating_sub(self.patch.map_or(0, |patch| patch.deleted))
    }

    /// The row ids that it may have, deleted rows counted: any where they stand in its patch.
    pub fn row_ids(&self) -> RangeInclusive<u64> {
        match self.first_row_id {
            EXPLICIT_IDS => 0..=u64::MAX,
            first => first..=first.saturating_add(self.rows.saturating_sub(1)),
        }
    }
}

impl Serialize for FragmentPointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(8 + usize::from(self.patch.is_some())))?;
        list.serialize_element(&self.object)?;
        for number in [self.sections_offset, self.header_offset, self.length] {
            list.serialize_element(&number)?;
        }
        list.serialize_element(&self.checksum)?;
        for number in [self.rows, self.first_row_id, self.stamp] {
            list.serialize_element(&number)?;
        }
        if let Some(patch) = &self.patch {
            list.serialize_element(patch)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for FragmentPointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = FragmentPointer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a fragment: a list of 8 fields, or 9 with a patch")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<FragmentPointer, A::Error> {
                let mut at = 0;
                let pointer = FragmentPointer {
                    object: field(&mut list, &mut at)?,
                    sections_offset: field(&mut list, &mut at)?,
                    header_offset: field(&mut list, &mut at)?,
                    length: field(&mut list, &mut at)?,
                    checksum: field(&mut list, &mut at)?,
                    rows: field(&mut list, &mut at)?,
                    first_row_id: field(&mut list, &mut at)?,
                    stamp: field(&mut list, &mut at)?,
                    patch: list.next_element()?,
                };
                if pointer.patch.is_some_and(|patch| patch.deleted > pointer.rows) {
                    return Err(A::Error::custom("a fragment has fewer rows than were deleted"));
                }
                Ok(pointer)
            }
        }

        fn field<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(
            list: &mut A,
            at: &mut usize,
        ) -> Result<T, A::Error> {
            *at += 1;
            list.next_element()?.ok_or_else(|| A::Error::invalid_length(*at - 1, &List))
        }

        deserializer.deserialize_seq(List)
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
    /// What is below it.
    pub totals: Totals,
}

/// What is known of everything below a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Fragments.
    pub fragments: u64,
    /// Rows that were not deleted.
    pub rows: u64,
    /// No row has a smaller id, whether it was deleted or not.
    pub first_row_id: u64,
    /// No row has a greater id.
    pub last_row_id: u64,
}

impl Totals {
    /// Of nothing.
    const NONE: Totals = Totals { fragments: 0, rows: 0, first_row_id: u64::MAX, last_row_id: 0 };

    fn and(self, other: Totals) -> Totals {
        Totals {
            fragments: self.fragments.saturating_add(other.fragments),
            rows: self.rows.saturating_add(other.rows),
            first_row_id: self.first_row_id.min(other.first_row_id),
            last_row_id: self.last_row_id.max(other.last_row_id),
        }
    }

    /// The row ids that may be below.
    pub fn row_ids(&self) -> RangeInclusive<u64> {
        self.first_row_id..=self.last_row_id
    }
}

impl From<&FragmentPointer> for Totals {
    fn from(fragment: &FragmentPointer) -> Totals {
        let (first_row_id, last_row_id) = fragment.row_ids().into_inner();
        Totals { fragments: 1, rows: fragment.live_rows(), first_row_id, last_row_id }
    }
}

type NodeTuple = (ObjectId, u64, Checksum, u64, u64, u64, u64);

impl From<NodeTuple> for NodePointer {
    fn from(t: NodeTuple) -> NodePointer {
        let totals = Totals { fragments: t.3, rows: t.4, first_row_id: t.5, last_row_id: t.6 };
        NodePointer { object: t.0, length: t.1, checksum: t.2, totals }
    }
}

impl From<NodePointer> for NodeTuple {
    fn from(p: NodePointer) -> NodeTuple {
        let Totals { fragments, rows, first_row_id, last_row_id } = p.totals;
        (p.object, p.length, p.checksum, fragments, rows, first_row_id, last_row_id)
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

    /// What is below the node.
    pub fn totals(&self) -> Totals {
        match self {
            Node::Fragments(list) => list.iter().map(Totals::from).fold(Totals::NONE, Totals::and),
            Node::Nodes(list) => {
                list.iter().map(|node| node.totals).fold(Totals::NONE, Totals::and)
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
            written = self.settle_tail(&mut new_object)?;
        }
        self.tail.push(fragment);
        Ok(written)
    }

    /// Moves the tail into a node, full or not; returns the nodes that must be written before the
    /// entry. An empty tail stays.
    ///
    /// # Errors
    /// As [`Tree::push`].
    pub fn settle_tail(
        &mut self,
        mut new_object: impl FnMut() -> ObjectId,
    ) -> Result<Vec<NewNode>> {
        let mut written = Vec::new();
        if self.tail.is_empty() {
            return Ok(written);
        }
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

/// A node under a new name.
///
/// # Errors
/// Only if JSON cannot be written, which no node causes.
pub fn new_node(node: &Node, object: ObjectId) -> Result<NewNode> {
    let bytes = node.to_bytes()?;
    let pointer = NodePointer {
        object,
        length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        checksum: Checksum::of(&bytes),
        totals: node.totals(),
    };
    Ok(NewNode { pointer, bytes })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::patch::Region;

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
            patch: None,
        }
    }

    #[test]
    fn a_patch_stands_behind_the_other_fields() {
        let region = Region {
            object: ObjectId { epoch: 0, id: 9 },
            offset: 64,
            length: 3,
            checksum: Checksum(5),
        };
        let patched = FragmentPointer {
            rows: 4,
            patch: Some(PatchPointer { region, deleted: 4 }),
            ..fragment(1)
        };
        for pointer in [fragment(3), patched.clone()] {
            let text = serde_json::to_string(&pointer).unwrap();
            assert_eq!(serde_json::from_str::<FragmentPointer>(&text).unwrap(), pointer, "{text}");
        }
        assert_eq!((patched.live_rows(), fragment(3).live_rows()), (0, 1));
        let more = FragmentPointer { rows: 3, ..patched };
        let text = serde_json::to_string(&more).unwrap();
        assert!(serde_json::from_str::<FragmentPointer>(&text).is_err());
    }

    #[test]
    fn totals_bound_the_row_ids_below() {
        let explicit = FragmentPointer { first_row_id: EXPLICIT_IDS, ..fragment(0) };
        let some = |fragments: Vec<FragmentPointer>| {
            new_node(&Node::Fragments(fragments), ObjectId { epoch: 0, id: 1 }).unwrap().pointer
        };
        let (low, high) = (some(vec![fragment(7), fragment(3)]), some(vec![fragment(20)]));
        assert_eq!(low.totals.row_ids(), 3..=7);
        let any = some(vec![fragment(30), explicit]);
        assert_eq!(any.totals.row_ids(), 0..=u64::MAX);
        let above = Node::Nodes(vec![high, low]).totals();
        assert_eq!((above.row_ids(), above.fragments, above.rows), (3..=20, 3, 3));
        let text = serde_json::to_string(&any).unwrap();
        assert_eq!(serde_json::from_str::<NodePointer>(&text).unwrap(), any, "{text}");
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
