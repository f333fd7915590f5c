//! Valid bytes of every kind, as a small dataset with history has them.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BinaryViewArray;
use arrow::array::Int64Array;
use arrow::array::ListArray;
use arrow::array::StringViewArray;
use arrow::array::StructArray;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::UInt8Type;
use arrow_schema::DataType;
use lakebed_core::Column;
use lakebed_core::ColumnId;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::DatasetId;
use lakebed_core::ObjectId;
use lakebed_core::Shape;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;
use lakebed_dataset::Dataset;
use lakebed_dataset::Language;
use lakebed_format::ChunkAddress;
use lakebed_format::ChunkBuilder;
use lakebed_format::ColumnSection;
use lakebed_format::EncodedChunk;
use lakebed_format::Entry;
use lakebed_format::KeyNote;
use lakebed_format::ManifestHeader;
use lakebed_format::Overlay;
use lakebed_format::PackPointer;
use lakebed_format::Patch;
use lakebed_format::Touched;
use lakebed_format::View;
use lakebed_format::checksum::Checksum;
use lakebed_format::entry;
use lakebed_format::frame;
use lakebed_format::frame::Kind;
use lakebed_format::tree::Node;
use lakebed_format::tree::new_node;
use lakebed_store::Meter;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Store;

use crate::bank;
use crate::bank::Op;

/// The key of [`notes`].
pub(super) const KEY: &str = "ingest 7";

/// Valid bytes, and what their reader knows beside them.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    /// A body without its frame; of a chunk its directory and its payload.
    pub parts: Vec<Vec<u8>>,
    /// Rows of the fragment, or the number of the entry.
    pub rows: u64,
    pub column: Option<Column>,
    /// Which of several ways to read.
    pub choice: u64,
}

impl Seed {
    fn new(bytes: Vec<u8>, rows: u64) -> Seed {
        Seed { parts: vec![bytes], rows, column: None, choice: 0 }
    }

    fn framed(kind: Kind, bytes: &[u8], rows: u64) -> Seed {
        Seed::new(frame::unwrap(kind, bytes).unwrap().to_vec(), rows)
    }
}

pub(super) fn entries() -> Vec<Seed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store: Arc<dyn Store> = Arc::new(ObjectStoreBackend::memory());
        let (own, meter) = (Arc::clone(&store), Arc::new(Meter::default()));
        let empty = Dataset::create_in("seeds", own, meter, bank::schema(), bank::options());
        bank::prepare(empty.await.unwrap(), Op::Collect).await;
        let mut seeds = Vec::new();
        for number in 0.. {
            let Ok(bytes) = store.get(&Entry::key(number)).await else { break };
            // Some have expired.
            if let Ok(body) = frame::unwrap(Kind::Entry, &bytes) {
                seeds.push(Seed::new(body.to_vec(), number));
            }
        }
        seeds
    })
}

fn pack(nth: u64) -> PackPointer {
    PackPointer {
        object: ObjectId { epoch: 3, id: 1 << 99 | u128::from(nth) },
        sections_offset: 64,
        header_offset: 128,
        length: 200,
        checksum: Checksum(11 * nth),
        rows: 1000,
    }
}

pub(super) fn nodes() -> Vec<Seed> {
    let fragments: Vec<_> = (0..32).map(|n| pack(n).fragment(1000 * n, n)).collect();
    let fragments = Node::Fragments(fragments);
    let new = new_node(&fragments, ObjectId { epoch: 1, id: 9 }).unwrap();
    let nodes = Node::Nodes(vec![new.pointer; 32]);
    [fragments, nodes].iter().map(|n| Seed::framed(Kind::Node, &n.to_bytes().unwrap(), 0)).collect()
}

pub(super) fn schemas() -> Vec<Seed> {
    let mut columns: Vec<Column> = columns().into_iter().map(|(column, _)| column).collect();
    columns.push(Column::class_label("label", vec!["cat".into(), "dog".into()]));
    columns.push(Column::scalar("filled", DType::I64).with_fill(serde_json::json!(7)));
    for (nth, column) in columns.iter_mut().enumerate() {
        column.id = ColumnId(nth as u64);
        column.name = format!("{}{nth}", column.name);
    }
    let schemas = [lakebed_core::Schema { columns }, bank::schema()];
    let bytes = schemas.iter().map(|schema| entry::schema_to_bytes(schema).unwrap());
    bytes.map(|bytes| Seed::framed(Kind::Schema, &bytes, 0)).collect()
}

pub(super) fn views() -> Vec<Seed> {
    let view = View {
        dataset: DatasetId(7 << 100 | 3),
        version: 12,
        language: Language::Sql,
        query: "SELECT * FROM ds WHERE größe > $1".to_string(),
        parameters: serde_json::json!([5, "ä", null, {"a": [1, 2]}]),
        seed: Some(3),
        row_ids: (0..500).map(|n| n * n % 97).collect(),
        weights: Some(vec![0.25; 500]),
    };
    let sorted = View { row_ids: (0..5000).collect(), weights: None, seed: None, ..view.clone() };
    let bytes = [view, sorted].map(|view| view.to_bytes().unwrap());
    bytes.iter().map(|bytes| Seed::framed(Kind::View, bytes, 0)).collect()
}

pub(super) fn patches() -> Vec<Seed> {
    let overlay = |n: u64| {
        let rows = (0..50u32).map(|row| (row * 7 + n as u32, u64::from(row))).collect();
        Overlay::new(pack(n), 5 + n, vec![ColumnId(1), ColumnId(n + 2)], rows)
    };
    let many = Patch {
        deleted: [1, 5, 70_000].into_iter().chain(80_000..90_000).collect(),
        ids: vec![(900, 70_000), (4, 30_000)],
        overlays: (0..5).map(overlay).collect(),
        packs: Vec::new(),
    };
    let first = pack(1);
    let rest = PackPointer { rows: 100_000 - first.rows, ..pack(2) };
    let folded = Patch { packs: vec![first, rest], ..many.clone() };
    let few = Patch { deleted: [3].into_iter().collect(), ..Patch::default() };
    [many, folded, few].iter().map(|patch| Seed::new(patch.to_bytes().unwrap(), 100_000)).collect()
}

pub(super) fn touched() -> Vec<Seed> {
    let some = Touched {
        updated: (0..3000u64).map(|n| n * 3).chain([u64::MAX]).collect(),
        deleted: [7, 1 << 40].into_iter().collect(),
    };
    vec![Seed::new(some.to_bytes().unwrap(), 0)]
}

pub(super) fn notes() -> Vec<Seed> {
    let note = KeyNote { key: KEY.to_string(), number: 12, id: ObjectId { epoch: 1, id: 99 } };
    vec![Seed::framed(Kind::Key, &note.to_bytes().unwrap(), 0)]
}

pub(super) fn manifests() -> Vec<Seed> {
    let address = |n: u64| lakebed_format::manifest::SectionAddress {
        offset: 64 * n,
        length: 60,
        checksum: Checksum(n),
    };
    let header = ManifestHeader {
        rows: 1000,
        prefix_checksum: Some(Checksum(1)),
        objects: vec![ObjectId { epoch: 1, id: 5 }; 3],
        sections: (0..20).map(|n| (ColumnId(n), address(n))).collect(),
    };
    vec![Seed::framed(Kind::Manifest, &header.to_bytes(), 0)]
}

pub(super) fn sections() -> Vec<Seed> {
    let of = |(column, array): (Column, ArrayRef)| {
        let stats = encoded(&column, &array).stats;
        let address = ChunkAddress {
            object: None,
            payload_offset: 0,
            payload_length: 5,
            directory_offset: 64,
            directory_length: 6,
            directory_checksum: Checksum(7),
        };
        let rows = stats.rows * 3;
        let section = ColumnSection { chunks: vec![address; 3], stats: vec![stats; 3] };
        let bytes = section.to_bytes(&column, &[]);
        Seed { column: Some(column), ..Seed::new(bytes, rows) }
    };
    columns().into_iter().map(of).collect()
}

pub(super) fn chunks() -> Vec<Seed> {
    let of = |(column, array): (Column, ArrayRef)| {
        let EncodedChunk { payload, directory, stats } = encoded(&column, &array);
        let parts = vec![directory, payload];
        Seed { parts, rows: stats.rows, column: Some(column), choice: 0 }
    };
    columns().into_iter().map(of).collect()
}

fn encoded(column: &Column, array: &ArrayRef) -> EncodedChunk {
    let mut builder = ChunkBuilder::new(column.clone(), 64 << 10).tiled_above(32 << 10);
    let mut chunk = None;
    builder
        .push(array, |full| {
            chunk = Some(full);
            Ok(())
        })
        .unwrap();
    chunk.unwrap_or_else(|| builder.finish().unwrap())
}

/// A column of every layout, with some rows.
fn columns() -> Vec<(Column, ArrayRef)> {
    let mut all: Vec<(Column, ArrayRef)> = Vec::new();
    all.push((Column::scalar("i64", DType::I64), Arc::new(Int64Array::from_iter_values(0..300))));
    let text = |i: i32| (i % 4 > 0).then(|| format!("text {i}"));
    let texts: ArrayRef = Arc::new((0..90).map(text).collect::<StringViewArray>());
    all.push((Column::text("text").nullable(), texts));
    for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
        let column = Column::tensor("x", DType::U8, &[None, Some(3)]).with_compression(compression);
        let mut builder = TensorBuilder::<u8>::new(2);
        for i in 0..40usize {
            builder.push(&vec![i as u8; i % 5 * 3], &[i % 5, 3]).unwrap();
        }
        let ty = TensorType::from_column(&column);
        all.push((column, builder.finish::<UInt8Type>(&ty).unwrap()));
    }
    let words = Column::text("words").sequence();
    let DataType::List(item) = TensorType::from_column(&words).data_type() else { panic!() };
    let values = Arc::new(StringViewArray::from(vec!["a"; 30]));
    let offsets = OffsetBuffer::from_lengths([3; 10]);
    all.push((words, Arc::new(ListArray::try_new(item, offsets, values, None).unwrap())));
    let images = Column::image("image");
    let DataType::Struct(fields) = TensorType::from_column(&images).data_type() else { panic!() };
    let shape = Shape::new(&[4, 5, 3]).unwrap();
    let file = lakebed_codec::media::encode_png(&shape, &[7; 60]).unwrap();
    let files: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(vec![file; 6]));
    let shapes = shape_array([4, 5, 3].repeat(6), 3, 6).unwrap();
    all.push((images, Arc::new(StructArray::try_new(fields, vec![files, shapes], None).unwrap())));
    // Above the target of a chunk: in tiles.
    let large = Column::tensor("large", DType::U8, &[None, None]);
    let mut builder = TensorBuilder::<u8>::new(2);
    builder.elements_mut().resize(300 * 300, 5);
    builder.finish_row(&[300, 300]).unwrap();
    let ty = TensorType::from_column(&large);
    all.push((large, builder.finish::<UInt8Type>(&ty).unwrap()));
    all
}
