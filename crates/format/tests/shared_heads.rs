//! Small encoded images share what they begin with, and come back byte for byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "known numbers")]

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::StructArray;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int32Type;
use arrow_schema::DataType;
use bytes::Bytes;
use lakebed_core::Column;
use lakebed_core::Limits;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;
use lakebed_format::ChunkBuilder;
use lakebed_format::ChunkPlan;
use lakebed_format::Directory;
use lakebed_format::EncodedChunk;
use lakebed_format::Part;
use lakebed_format::RowSet;
use lakebed_format::Verification;
use proptest::prelude::*;

/// Files, or nulls, with sizes that differ from row to row.
fn array_of(files: &[Option<Vec<u8>>]) -> ArrayRef {
    let DataType::Struct(fields) = TensorType::from_column(&column()).data_type() else { panic!() };
    let data = files.iter().map(|file| file.clone().unwrap_or_default());
    let data: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(data));
    let nulls: NullBuffer = files.iter().map(Option::is_some).collect();
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    let sizes = files.iter().enumerate().flat_map(|(row, file)| match file {
        Some(_) => [row as i32 % 5 + 1, 7, 3],
        None => [0; 3],
    });
    let shapes = shape_array(sizes.collect(), 3, files.len()).unwrap();
    Arc::new(StructArray::try_new(fields, vec![data, shapes], nulls).unwrap())
}

fn column() -> Column {
    Column::image("image").nullable()
}

fn chunks(array: &ArrayRef, target: usize, batch: usize) -> Vec<EncodedChunk> {
    let mut builder = ChunkBuilder::new(column(), target);
    let mut chunks = Vec::new();
    let mut row = 0;
    while row < array.len() {
        let rows = batch.min(array.len() - row);
        let full = |chunk| {
            chunks.push(chunk);
            Ok(())
        };
        builder.push(&array.slice(row, rows), full).unwrap();
        row += rows;
    }
    if builder.buffered_rows() > 0 {
        chunks.push(builder.finish().unwrap());
    }
    chunks
}

fn directory_of(chunk: &EncodedChunk) -> Arc<Directory> {
    let bytes = Bytes::from(chunk.directory.clone());
    Arc::new(Directory::from_bytes(&bytes, &column(), &Limits::default()).unwrap())
}

/// Some rows, and the bytes that were read for them.
fn read(chunk: &EncodedChunk, rows: RowSet, part: Part) -> (ArrayRef, u64) {
    read_joined(chunk, rows, part, None)
}

/// As [`read`], with ranges joined that are no further apart than that, up to so many bytes.
fn read_joined(
    chunk: &EncodedChunk,
    rows: RowSet,
    part: Part,
    joined: Option<(u64, u64)>,
) -> (ArrayRef, u64) {
    let mut plan = ChunkPlan::new(directory_of(chunk), &column(), rows, part).unwrap();
    if let Some((gap, most)) = joined {
        let before = plan.ranges().to_vec();
        plan.join_ranges(gap, most);
        for pair in plan.ranges().windows(2) {
            let (apart, both) = (pair[1].start - pair[0].end, pair[1].end - pair[0].start);
            assert!(apart > gap || both > most, "{pair:?} could be one");
        }
        let held = |range: &std::ops::Range<u64>| {
            plan.ranges().iter().any(|all| all.start <= range.start && range.end <= all.end)
        };
        assert!(before.iter().all(held));
    }
    let payload = Bytes::from(chunk.payload.clone());
    let bytes =
        |range: &std::ops::Range<u64>| payload.slice(range.start as usize..range.end as usize);
    let fetched: Vec<Bytes> = plan.ranges().iter().map(bytes).collect();
    let array = plan.assemble(&fetched, &Limits::default(), Verification::Every).unwrap();
    (array, plan.ranges().iter().map(|range| range.end - range.start).sum())
}

fn stored(chunks: &[EncodedChunk]) -> usize {
    chunks.iter().map(|chunk| chunk.payload.len() + chunk.directory.len()).sum()
}

fn total(files: &[Option<Vec<u8>>]) -> usize {
    files.iter().flatten().map(Vec::len).sum()
}

/// Every row of every chunk, whole and by a list, and the shapes.
fn check(files: &[Option<Vec<u8>>], chunks: &[EncodedChunk], keep: usize) {
    let all = array_of(files);
    let mut first = 0;
    for chunk in chunks {
        let rows = directory_of(chunk).rows();
        let expected = all.slice(first, rows);
        let (range, _) = read(chunk, RowSet::Range(0..rows), Part::Whole);
        assert_eq!(&range, &expected);
        let list: Vec<usize> = (0..rows).filter(|row| row % keep == 0).collect();
        let (some, _) = read(chunk, RowSet::List(list.clone()), Part::Whole);
        assert_eq!(some.len(), list.len());
        for (nth, row) in list.into_iter().enumerate() {
            assert_eq!(&some.slice(nth, 1), &expected.slice(row, 1));
        }
        let sets = [RowSet::Range(0..rows), RowSet::List((0..rows).step_by(keep).collect())];
        for (set, joined) in sets.iter().flat_map(|set| {
            [None, Some((0, 100)), Some((200, 1000)), Some((1 << 20, 1 << 20))].map(|j| (set, j))
        }) {
            let (whole, _) = read_joined(chunk, set.clone(), Part::Whole, joined);
            let (pieces, _) = read_joined(chunk, set.clone(), Part::Pieces, joined);
            assert_eq!(pieces.data_type(), &Part::Pieces.data_type(&column()).unwrap());
            let (whole, pieces) = (whole.as_struct(), pieces.as_struct());
            assert_eq!(whole.nulls(), pieces.nulls());
            assert_eq!(whole.column(1), pieces.column(2));
            let files = whole.column(0).as_binary_view();
            let (heads, rests) = (pieces.column(0), pieces.column(1));
            let (heads, rests) = (heads.as_binary_view(), rests.as_binary_view());
            for row in 0..set.len() {
                assert_eq!([heads.value(row), rests.value(row)].concat(), files.value(row));
            }
        }
        let (shapes, bytes) = read(chunk, RowSet::Range(0..rows), Part::Shape);
        assert_eq!(bytes, 0);
        let sizes = |array: &ArrayRef| {
            array.as_fixed_size_list().values().as_primitive::<Int32Type>().values().to_vec()
        };
        assert_eq!(sizes(&shapes), sizes(expected.as_struct().column(1))[..]);
        first += rows;
    }
    assert_eq!(first, files.len());
}

fn jpegs(count: usize) -> Vec<Option<Vec<u8>>> {
    let shape = Shape::new(&[32, 32, 3]).unwrap();
    let jpeg = |i: usize| {
        let pixel = |p: usize| ((p / 96 * (i % 7) + p % 96 * 2 + i * 5) % 251) as u8;
        let pixels: Vec<u8> = (0..32 * 32 * 3).map(pixel).collect();
        Some(lakebed_codec::media::encode_jpeg(&shape, &pixels, 60).unwrap())
    };
    (0..count).map(jpeg).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn images_with_shared_heads_come_back(
        heads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1500), 1..5),
        bodies in prop::collection::vec(
            (any::<prop::sample::Index>(), 0usize..1500, prop::collection::vec(any::<u8>(), 1..200)),
            0..120,
        ),
        nulls in any::<bool>(),
        target in 1usize..40_000,
        batch in 1usize..50,
        keep in 1usize..5,
    ) {
        let file = |(nth, (head, cut, body)): (usize, &(prop::sample::Index, usize, Vec<u8>))| {
            let head = head.get(&heads);
            // A null now and then, and most heads whole.
            if nulls && nth % 6 == 2 {
                return None;
            }
            let end = if nth % 3 == 0 { *cut.min(&head.len()) } else { head.len() };
            Some([&head[..end], body].concat())
        };
        let files: Vec<Option<Vec<u8>>> = bodies.iter().enumerate().map(file).collect();
        let chunks = chunks(&array_of(&files), target, batch);
        check(&files, &chunks, keep);
    }
}

#[test]
fn small_jpegs_take_less_than_half_and_one_is_a_small_range() {
    let files = jpegs(500);
    let chunks = chunks(&array_of(&files), 8 << 20, 100);
    check(&files, &chunks, 3);
    let (stored, total) = (stored(&chunks), total(&files));
    assert!(stored * 2 < total, "{stored} of {total} bytes");
    let (one, bytes) = read(&chunks[0], RowSet::Range(250..251), Part::Whole);
    let file = files[250].as_deref().unwrap();
    assert_eq!(one.as_struct().column(0).as_binary_view().value(0), file);
    assert!(bytes < file.len() as u64 / 2, "{bytes} read for {}", file.len());
}

#[test]
fn joined_images_decode_as_their_files_do() {
    let files = jpegs(40);
    let chunks = chunks(&array_of(&files), 8 << 20, 40);
    // The sizes of the arrays above are made up; decoding goes by the file.
    let shape = Shape::new(&[32, 32, 3]).unwrap();
    let DataType::Struct(fields) = TensorType::from_column(&column()).data_type() else { panic!() };
    let data = array_of(&files).as_struct().column(0).clone();
    let shapes = shape_array([32, 32, 3].repeat(40), 3, 40).unwrap();
    let array: ArrayRef = Arc::new(StructArray::try_new(fields, vec![data, shapes], None).unwrap());
    let true_sizes = self::chunks(&array, 8 << 20, 40);
    assert_eq!(true_sizes[0].payload, chunks[0].payload);
    let (pixels, _) = read(&true_sizes[0], RowSet::List(vec![3, 17, 39]), Part::Decoded);
    let pixels = pixels.as_struct().column(0).as_list::<i32>().clone();
    for (nth, row) in [3, 17, 39].into_iter().enumerate() {
        let file = files[row].as_deref().unwrap();
        let (decoded, expected) = lakebed_codec::media::decode(file, &Limits::default()).unwrap();
        assert_eq!(decoded, shape);
        let got = pixels.value(nth);
        assert_eq!(got.as_primitive::<arrow::datatypes::UInt8Type>().values(), &expected[..]);
    }
}

#[test]
fn large_and_unlike_images_keep_their_directory_small() {
    let unlike = |i: usize, length: usize| -> Option<Vec<u8>> {
        let mut x = i as u64 + 1;
        let mut next = || {
            x = x.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (x >> 40) as u8
        };
        Some((0..length).map(|_| next()).collect())
    };
    for (count, length) in [(20, 90_000), (300, 900)] {
        let mut files: Vec<Option<Vec<u8>>> = (0..count).map(|i| unlike(i, length)).collect();
        if length > 1000 {
            // What every photograph begins with.
            files.iter_mut().flatten().for_each(|file| file[..600].fill(7));
        }
        let chunks = chunks(&array_of(&files), 8 << 20, 64);
        check(&files, &chunks, 2);
        let payload: usize = chunks.iter().map(|chunk| chunk.payload.len()).sum();
        assert_eq!(payload, total(&files), "nothing was worth a prefix");
        let directory: usize = chunks.iter().map(|chunk| chunk.directory.len()).sum();
        assert!(directory < 700 + count * 16, "{directory} bytes for {count} images");
    }
}

#[test]
fn a_chunk_aims_for_what_is_stored() {
    let files: Vec<Option<Vec<u8>>> = jpegs(400);
    let target = 16 << 10;
    let chunks = chunks(&array_of(&files), target, 77);
    check(&files, &chunks, 7);
    let (last, full) = chunks.split_last().unwrap();
    assert!(!full.is_empty() && last.payload.len() < 2 * target);
    for chunk in full {
        let length = chunk.payload.len();
        assert!(length > target / 2 && length < 2 * target, "{length} bytes");
    }
    // Equal images save so much that their own length ends the chunk.
    let equal = vec![files[0].clone(); 3000];
    let chunks = self::chunks(&array_of(&equal), target, 200);
    check(&equal, &chunks, 97);
    assert!(stored(&chunks) * 10 < total(&equal));
    for chunk in &chunks {
        let rows = directory_of(chunk).rows();
        assert!(rows * files[0].as_ref().unwrap().len() < 20 * target, "{rows} rows");
    }
}

/// Puts another word into a buffer of a directory.
fn set_word(directory: &mut [u8], tag: u32, word: usize, value: u64) {
    let rows = u32::from_le_bytes(directory[..4].try_into().unwrap()) as usize;
    let at = (0..rows)
        .map(|row| 8 + 24 * row)
        .find(|at| directory[*at..at + 4] == tag.to_le_bytes())
        .unwrap();
    let offset = u64::from_le_bytes(directory[at + 8..at + 16].try_into().unwrap()) as usize;
    directory[offset + 8 * word..offset + 8 * word + 8].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn prefixes_that_do_not_fit_are_damage() {
    let chunk = chunks(&array_of(&jpegs(100)), 8 << 20, 100).remove(0);
    let parse = |edit: &dyn Fn(&mut [u8])| {
        let mut directory = chunk.directory.clone();
        edit(&mut directory);
        Directory::from_bytes(&directory.into(), &column(), &Limits::default())
    };
    assert!(parse(&|_| ()).is_ok());
    let damaged = |name: &str, edit: &dyn Fn(&mut [u8])| {
        let error = parse(edit).map(drop).unwrap_err();
        assert!(error.is_damage(), "{name}: {error}");
    };
    damaged("a prefix beyond its bytes", &|bytes| set_word(bytes, 12, 0, 40_000));
    damaged("a prefix shorter than a head", &|bytes| set_word(bytes, 12, 0, 10));
    damaged("an end near 2^64", &|bytes| set_word(bytes, 12, 0, u64::MAX));
    damaged("no flag for the prefixes", &|bytes| set_word(bytes, 1, 1, 0));
    damaged("a flag that nobody knows", &|bytes| set_word(bytes, 1, 1, 16 + 8));
    // All images have one prefix: the number is a constant, one byte after its encoding's id.
    damaged("a prefix that is not there", &|bytes| set_word(bytes, 13, 0, 5 << 8));
    damaged("a number near 2^64", &|bytes| set_word(bytes, 13, 0, u64::MAX << 8));
}

#[test]
fn heads_count_against_the_limit_of_a_page() {
    let chunk = chunks(&array_of(&jpegs(400)), 8 << 20, 400).remove(0);
    let limits = Limits { max_page_bytes: 100_000, ..Limits::default() };
    let error = Directory::from_bytes(&chunk.directory.clone().into(), &column(), &limits);
    assert!(error.map(drop).unwrap_err().to_string().contains("max_page_bytes"));
}

#[test]
fn chunks_without_prefixes_read_as_before() {
    // One image shares nothing: the directory has no flag 8, as all had before there was one.
    let files = jpegs(1);
    let chunks = chunks(&array_of(&files), 8 << 20, 1);
    assert_eq!(chunks[0].payload, *files[0].as_ref().unwrap());
    check(&files, &chunks, 1);
    let none = array_of(&[]);
    let mut builder = ChunkBuilder::new(column(), 8 << 20);
    builder.push(&none, |_| Ok(())).unwrap();
    let empty = builder.finish().unwrap();
    assert_eq!(directory_of(&empty).rows(), 0);
    let nulls = vec![None; 10];
    check(&nulls, &self::chunks(&array_of(&nulls), 8 << 20, 3), 2);
}
