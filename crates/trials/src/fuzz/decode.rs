//! The decoders, each with what it reads.

use std::sync::Arc;

use bytes::Bytes;
use lakebed_core::subscript;
use lakebed_format::ChunkPlan;
use lakebed_format::ColumnSection;
use lakebed_format::Directory;
use lakebed_format::Entry;
use lakebed_format::KeyNote;
use lakebed_format::ManifestHeader;
use lakebed_format::Missing;
use lakebed_format::Part;
use lakebed_format::Patch;
use lakebed_format::RowSet;
use lakebed_format::Touched;
use lakebed_format::Verification;
use lakebed_format::View;
use lakebed_format::entry;
use lakebed_format::entry::Tombstone;
use lakebed_format::frame;
use lakebed_format::frame::Kind;
use lakebed_format::tree::Node;

use super::limits;
use super::seeds;
use super::seeds::Seed;

/// One decoder.
pub(super) struct Decoder {
    pub name: &'static str,
    seeds: fn() -> Vec<Seed>,
    /// True if it gave a value rather than an error.
    decode: fn(&Seed) -> bool,
}

impl Decoder {
    pub fn seeds(&self) -> Vec<Seed> {
        (self.seeds)()
    }

    pub fn decode(&self, seed: &Seed) -> bool {
        (self.decode)(seed)
    }
}

pub(super) const DECODERS: [Decoder; 10] = [
    Decoder { name: "entry", seeds: seeds::entries, decode: entry },
    Decoder { name: "node", seeds: seeds::nodes, decode: node },
    Decoder { name: "schema", seeds: seeds::schemas, decode: schema },
    Decoder { name: "view", seeds: seeds::views, decode: view },
    Decoder { name: "patch", seeds: seeds::patches, decode: patch },
    Decoder { name: "set of row ids", seeds: seeds::touched, decode: touched },
    Decoder { name: "note of a key", seeds: seeds::notes, decode: note },
    Decoder { name: "manifest of a pack", seeds: seeds::manifests, decode: manifest },
    Decoder { name: "manifest section", seeds: seeds::sections, decode: section },
    Decoder { name: "directory and payload", seeds: seeds::chunks, decode: chunk },
];

fn entry(seed: &Seed) -> bool {
    let body = &seed.parts[0];
    let tombstone = Tombstone::from_bytes(&frame::wrap(Kind::Tombstone, body)).is_some();
    let hint = entry::hint_from_bytes(&frame::wrap(Kind::Hint, body)).is_ok();
    let bytes = frame::wrap(Kind::Entry, body);
    Entry::from_bytes(seed.rows, &bytes).is_ok() || tombstone || hint
}

fn node(seed: &Seed) -> bool {
    let node = Node::from_bytes(&frame::wrap(Kind::Node, &seed.parts[0]));
    node.is_ok_and(|node| node.totals().fragments > 0)
}

fn schema(seed: &Seed) -> bool {
    let schema = entry::schema_from_bytes(&frame::wrap(Kind::Schema, &seed.parts[0]));
    schema.is_ok_and(|schema| schema.validate().is_ok())
}

fn view(seed: &Seed) -> bool {
    let bytes = Bytes::from(frame::wrap(Kind::View, &seed.parts[0]));
    View::from_bytes(&bytes, &limits()).is_ok()
}

fn patch(seed: &Seed) -> bool {
    let bytes = Bytes::from(seed.parts[0].clone());
    Patch::from_bytes(&bytes, seed.rows, &limits()).is_ok()
}

fn touched(seed: &Seed) -> bool {
    Touched::from_bytes(&Bytes::from(seed.parts[0].clone())).is_ok()
}

fn note(seed: &Seed) -> bool {
    KeyNote::from_bytes(seeds::KEY, &frame::wrap(Kind::Key, &seed.parts[0])).is_ok()
}

fn manifest(seed: &Seed) -> bool {
    ManifestHeader::from_bytes(&frame::wrap(Kind::Manifest, &seed.parts[0])).is_ok()
}

fn section(seed: &Seed) -> bool {
    let Some(column) = &seed.column else { return false };
    let header = ManifestHeader { rows: seed.rows, ..ManifestHeader::default() };
    let bytes = Bytes::from(seed.parts[0].clone());
    ColumnSection::from_bytes(&bytes, column, &header, &limits()).is_ok()
}

/// Reads the rows of a chunk in one of the ways that there are.
fn chunk(seed: &Seed) -> bool {
    let Some(column) = &seed.column else { return false };
    let slice = |text: &str| {
        let subscripts = subscript::parse_list(text).unwrap();
        Part::Slice { subscripts, missing: Missing::Null }
    };
    let part = match (seed.choice % 7, column.ndim()) {
        (0, _) => Part::Whole,
        (6, _) => Part::Pieces,
        (1, _) => Part::Shape,
        (2, _) | (_, 0) => Part::Decoded,
        (3, _) => slice("1:3"),
        (4, _) => slice("::-2"),
        _ => Part::Size { axis: 0 },
    };
    let limits = limits();
    let (directory, payload) = (seed.parts[0].clone(), Bytes::from(seed.parts[1].clone()));
    let Ok(directory) = Directory::from_bytes(&directory.into(), column, &limits) else {
        return false;
    };
    // As many rows as the manifest says: that is what a reader asks for.
    let rows = RowSet::Range(0..directory.rows().min(seed.rows as usize));
    let Ok(plan) = ChunkPlan::new(Arc::new(directory), column, rows, part) else { return false };
    let mut fetched = Vec::new();
    for range in plan.ranges() {
        let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end))
        else {
            return false;
        };
        if end > payload.len() || start > end {
            return false;
        }
        fetched.push(payload.slice(start..end));
    }
    plan.assemble(&fetched, &limits, Verification::Never).is_ok()
}
