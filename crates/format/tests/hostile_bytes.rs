//! Directories, payloads and sections that somebody made up: with checksums out of the way, they
//! are answered with an array or an error, never with a panic or an allocation without bound.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::cast_possible_truncation)]

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::BinaryViewArray;
use arrow::array::Int64Array;
use arrow::array::ListArray;
use arrow::array::StringViewArray;
use arrow::array::StructArray;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::UInt8Type;
use arrow_schema::DataType;
use bytes::Bytes;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::Limits;
use lakebed_core::Shape;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_core::subscript;
use lakebed_core::tensor_builder::shape_array;
use lakebed_format::ChunkBuilder;
use lakebed_format::ChunkPlan;
use lakebed_format::ColumnSection;
use lakebed_format::Directory;
use lakebed_format::EncodedChunk;
use lakebed_format::ManifestHeader;
use lakebed_format::Missing;
use lakebed_format::Part;
use lakebed_format::RowSet;
use lakebed_format::Verification;

const TRIES: u64 = 4_000;

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let x = self.0 ^ (self.0 >> 33);
        x.wrapping_mul(0xff51_afd7_ed55_8ccd) >> 7
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }

    /// A few bytes of a copy changed, or the copy cut.
    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if bytes.is_empty() {
            return bytes;
        }
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 2, 0x7f, 0x80, 0xff][self.below(6)],
                // A whole word: that is what most of a directory is made of.
                2 => {
                    let at = at / 8 * 8;
                    let word = [u64::MAX, 1 << 63, 1 << 40, 0, self.next()][self.below(5)];
                    for (to, from) in bytes[at..].iter_mut().zip(word.to_le_bytes()) {
                        *to = from;
                    }
                }
                3 => bytes[at] = self.next() as u8,
                _ => bytes.truncate(at + 1),
            }
        }
        bytes
    }
}

fn limits() -> Limits {
    Limits { max_page_bytes: 1 << 22, max_sample_bytes: 1 << 24, ..Limits::default() }
}

fn ragged(ty: &TensorType) -> ArrayRef {
    let mut builder = TensorBuilder::<u8>::new(2);
    for i in 0..40usize {
        builder.push(&vec![i as u8; i % 5 * 3], &[i % 5, 3]).unwrap();
    }
    builder.finish::<UInt8Type>(ty).unwrap()
}

fn examples() -> Vec<(Column, ArrayRef)> {
    let mut all: Vec<(Column, ArrayRef)> = Vec::new();
    all.push((Column::scalar("i64", DType::I64), Arc::new(Int64Array::from_iter_values(0..300))));
    let texts: ArrayRef = Arc::new(
        (0..90).map(|i| (i % 4 > 0).then(|| format!("text {i}"))).collect::<StringViewArray>(),
    );
    all.push((Column::text("text").nullable(), Arc::clone(&texts)));
    for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
        let column = Column::tensor("x", DType::U8, &[None, Some(3)]).with_compression(compression);
        let array = ragged(&TensorType::from_column(&column));
        all.push((column, array));
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
    let large = Column::tensor("large", DType::U8, &[None, None]);
    let ty = TensorType::from_column(&large);
    let mut builder = TensorBuilder::<u8>::new(2);
    builder.elements_mut().resize(3000 * 3000, 5);
    builder.finish_row(&[3000, 3000]).unwrap();
    all.push((large, builder.finish::<UInt8Type>(&ty).unwrap()));
    all
}

fn chunk_of(column: &Column, array: &ArrayRef) -> EncodedChunk {
    let mut builder = ChunkBuilder::new(column.clone(), 8 << 20);
    let mut chunk = None;
    builder
        .push(array, |full| {
            chunk = Some(full);
            Ok(())
        })
        .unwrap();
    chunk.unwrap_or_else(|| builder.finish().unwrap())
}

/// Reads all rows, or as many as a reader would ask for; `None` is an error.
fn read(
    column: &Column,
    directory: Vec<u8>,
    payload: &Bytes,
    part: Part,
    rows: usize,
) -> Option<ArrayRef> {
    let limits = limits();
    let directory = Directory::from_bytes(&directory.into(), column, &limits).ok()?;
    let rows = RowSet::Range(0..rows.min(directory.rows()));
    let plan = ChunkPlan::new(Arc::new(directory), column, rows, part).ok()?;
    let mut fetched = Vec::new();
    for range in plan.ranges() {
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        if range.end > payload.len() {
            return None;
        }
        fetched.push(payload.slice(range));
    }
    plan.assemble(&fetched, &limits, Verification::Never).ok()
}

#[test]
fn made_up_chunks_are_answered_without_a_panic() {
    let mut noise = Noise(1);
    for (column, array) in examples() {
        let chunk = chunk_of(&column, &array);
        let payload = Bytes::from(chunk.payload);
        let slice = |text: &str| Part::Slice {
            subscripts: subscript::parse_list(text).unwrap(),
            missing: Missing::Null,
        };
        let mut parts = vec![Part::Whole, Part::Shape, Part::Decoded];
        if column.ndim() > 0 {
            parts.extend([slice("1:3"), slice("::-2, 0"), slice("-1"), Part::Size { axis: 0 }]);
        }
        for part in &parts {
            let whole = read(&column, chunk.directory.clone(), &payload, part.clone(), array.len());
            assert!(
                whole.is_some_and(|whole| whole.len() == array.len()),
                "{} {part:?}",
                column.name
            );
        }
        let tries = if payload.len() > 1 << 20 { TRIES / 20 } else { TRIES };
        let mut answered = 0;
        for i in 0..tries {
            let part = parts[noise.below(parts.len())].clone();
            let directory = noise.mutate(&chunk.directory);
            let broken =
                if i % 3 == 0 { Bytes::from(noise.mutate(&payload)) } else { payload.clone() };
            answered += u64::from(read(&column, directory, &broken, part, array.len()).is_some());
        }
        assert!(answered > 0 && answered < tries, "{}: {answered} of {tries}", column.name);
    }
}

#[test]
fn made_up_sections_and_headers_are_answered_without_a_panic() {
    let mut noise = Noise(2);
    for (column, array) in examples() {
        let chunk = chunk_of(&column, &array);
        let header = ManifestHeader { rows: chunk.stats.rows, ..ManifestHeader::default() };
        let address = lakebed_format::ChunkAddress {
            object: None,
            payload_offset: 0,
            payload_length: 5,
            directory_offset: 64,
            directory_length: 6,
            directory_checksum: lakebed_format::checksum::Checksum(7),
        };
        let section = ColumnSection { chunks: vec![address], stats: vec![chunk.stats] };
        let bytes = section.to_bytes(&column, &[]);
        let read =
            |bytes: Vec<u8>| ColumnSection::from_bytes(&bytes.into(), &column, &header, &limits());
        assert_eq!(read(bytes.clone()).unwrap(), section);
        for _ in 0..TRIES {
            let _ = read(noise.mutate(&bytes));
        }
    }
}
