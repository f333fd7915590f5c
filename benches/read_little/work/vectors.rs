//! Embeddings: norms, the nearest ten, and rows at random.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::array::BinaryArray;
use datafusion::arrow::array::Float32Array;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Int64Type;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::engine::Language;

use super::fetches::CHOSEN;
use super::storage;
use crate::bench::Bench;
use crate::bench::Goal;
use crate::bench::Work;
use crate::data::chosen_rows;
use crate::data::pieces;
use crate::data::table;
use crate::data::vectors;
use crate::data::vectors::SIZE;
use crate::floor;
use crate::floor::Blobs;
use crate::floor::Reader;
use crate::ours;
use crate::parquet;
use crate::support::pictures::pictures;
use crate::way;
use crate::way::Answer;
use crate::way::Way;

const PIECE: usize = 8192;
const BEST: usize = 10;
/// Bytes of a vector.
const BYTES: usize = SIZE * 4;
/// Vectors that the floor reads at once: what stays in a core's cache.
const AT_ONCE: usize = 512;
const NAMES: [&str; 6] = [
    "norm",
    "top10",
    "top10_images",
    "random_embeddings_call",
    "random_embeddings_each",
    "size_embeddings",
];

/// Makes the embeddings and measures.
pub fn run(bench: &mut Bench) {
    if !bench.wants(&NAMES) {
        return;
    }
    let rows = bench.size(200_000, 10_000);
    let folder = bench.folder("vectors");
    let pictures = pictures();
    let (lake, file, plain) = (folder.at("lake"), folder.at("rows.parquet"), folder.at("plain"));
    let runtime = bench.runtime;
    let dataset = ours::write(runtime, &lake, schema(), our_batches(rows, &pictures));
    parquet::write(&file, parquet::GROUP, &[], parquet_batches(rows, &pictures));
    write_plain(&plain, rows);
    let image = |row: usize| pictures[table::picture(row, pictures.len())].as_slice();
    let blobs = Blobs::write(&folder.at("images"), (0..rows).map(image));
    let open = File::open(&plain).unwrap();
    folder.made(&format!("{rows} embeddings"));

    let theirs = "SELECT l2_norm(emb) AS n FROM t";
    let what = format!(
        "L2 norm of {rows} x {SIZE} floats; Parquet: lists of fixed size and the same function; floor: pread of {AT_ONCE} vectors at a time and a loop"
    );
    bench.three(
        Work::new(NAMES[0], what).goal(Goal::Floor(3.0)).goal(Goal::Parquet(5.0)),
        || {
            ours::query(
                runtime,
                &[("t", &dataset)],
                Language::Tql,
                "SELECT L2_NORM(emb) AS n FROM t",
                way::numbers,
            )
        },
        || parquet::query(runtime, &[("t", &file)], theirs, way::numbers),
        floor::over_file(
            &open,
            move |reader| {
                let mut norms = Vec::with_capacity(rows);
                each_vector(reader, rows, |_, x| norms.push(dot(x, x).sqrt()));
                norms
            },
            |norms| Answer::of_numbers(norms.into_iter().map(f64::from)),
        ),
    );

    let wanted = vectors::wanted();
    let text = vectors::as_text(&wanted);
    let ours = |columns: &str| {
        format!(
            "SELECT {columns} FROM t ORDER BY COSINE_SIMILARITY(emb, ARRAY{text}) DESC LIMIT {BEST}"
        )
    };
    let theirs = format!(
        "SELECT id FROM t ORDER BY cosine_similarity(emb, arrow_cast({text}, 'FixedSizeList({SIZE}, Float32)')) DESC LIMIT {BEST}"
    );
    let what = format!(
        "ids of the {BEST} nearest by cosine of {rows} x {SIZE}; Parquet: the same function; floor: pread of {AT_ONCE} vectors at a time and a loop"
    );
    bench.three(
        Work::new(NAMES[1], what).goal(Goal::Floor(3.0)).goal(Goal::Parquet(5.0)),
        || ours::query(runtime, &[("t", &dataset)], Language::Tql, &ours("id"), way::ids),
        || parquet::query(runtime, &[("t", &file)], &theirs, way::ids),
        floor::over_file(
            &open,
            |reader| nearest(reader, rows, &wanted),
            |best| Answer::of_ids(best.into_iter().map(|row| row as i64)),
        ),
    );
    let what = format!(
        "the same with their encoded images; Parquet: late by hand, a second query for the {BEST} ids; floor: preads of the images"
    );
    bench.three(
        Work::new(NAMES[2], what).goal(Goal::Floor(3.0)).goal(Goal::Parquet(5.0)),
        || {
            ours::query(
                runtime,
                &[("t", &dataset)],
                Language::Tql,
                &ours("id, image"),
                way::ids_and_blobs,
            )
        },
        || parquet::query_twice(runtime, &[("t", &file)], &theirs, images_of, way::ids_and_blobs),
        nearest_images(&open, &blobs, rows, &wanted),
    );

    let chosen = chosen_rows(42, CHOSEN, rows);
    for (name, one_call) in [(NAMES[3], true), (NAMES[4], false)] {
        let how = if one_call { "in one call" } else { "one call a row" };
        let what = format!(
            "{} random embeddings of {rows}, {how}; Lakebed: Dataset::read; Parquet: the parquet crate, page index loaded before, a selection of rows; floor: preads",
            chosen.len()
        );
        bench.three(
            Work::new(name, what),
            || ours::take(runtime, &dataset, "emb", &chosen, one_call, way::vectors),
            || parquet::take::way(&file, "emb", parquet::GROUP, &chosen, one_call, way::vectors),
            some_vectors(&open, &chosen),
        );
    }
    let raw = rows * (8 + BYTES) + (0..rows).map(|row| image(row).len()).sum::<usize>();
    storage::record(bench, NAMES[5], &lake, &file, raw as u64);
}

fn schema() -> Schema {
    Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::embedding("emb", SIZE as u32),
        Column::image("image"),
    ])
    .unwrap()
}

fn narrow(rows: std::ops::Range<usize>) -> [ArrayRef; 2] {
    let ids = Int64Array::from_iter_values(rows.clone().map(|row| row as i64));
    let mut elements = Vec::with_capacity(rows.len() * SIZE);
    rows.for_each(|row| vectors::embedding(row, &mut elements));
    [Arc::new(ids), ours::fixed(Arc::new(Float32Array::from(elements)), SIZE)]
}

fn our_batches(rows: usize, pictures: &[Vec<u8>]) -> impl Iterator<Item = RecordBatch> {
    let schema = schema();
    pieces(rows, PIECE).map(move |piece| {
        let [ids, vectors] = narrow(piece.clone());
        let images = piece.map(|row| pictures[table::picture(row, pictures.len())].as_slice());
        let images = ours::images(&schema, "image", images);
        ours::batch(&schema, vec![ids, vectors, images])
    })
}

fn parquet_batches(rows: usize, pictures: &[Vec<u8>]) -> impl Iterator<Item = RecordBatch> {
    pieces(rows, PIECE).map(move |piece| {
        let [ids, vectors] = narrow(piece.clone());
        let images = piece.map(|row| pictures[table::picture(row, pictures.len())].as_slice());
        let images: ArrayRef = Arc::new(BinaryArray::from_iter_values(images));
        RecordBatch::try_from_iter([("id", ids), ("emb", vectors), ("image", images)]).unwrap()
    })
}

fn write_plain(path: &Path, rows: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut vector = Vec::with_capacity(SIZE);
    for row in 0..rows {
        vector.clear();
        vectors::embedding(row, &mut vector);
        vector.iter().for_each(|x| file.write_all(&x.to_le_bytes()).unwrap());
    }
    file.flush().unwrap();
}

/// The query for the images of the ids in the first column.
fn images_of(ids: &[RecordBatch]) -> String {
    let ids: Vec<String> = ids
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values())
        .map(ToString::to_string)
        .collect();
    format!("SELECT id, image FROM t WHERE id IN ({})", ids.join(", "))
}

fn each_vector(reader: &Reader, rows: usize, mut work: impl FnMut(usize, &[[u8; 4]])) {
    let mut buffer = vec![0; AT_ONCE * BYTES];
    for piece in pieces(rows, AT_ONCE) {
        let buffer = &mut buffer[..piece.len() * BYTES];
        reader.read(buffer, piece.start * BYTES);
        let (elements, _) = buffer.as_chunks::<4>();
        piece.zip(elements.chunks_exact(SIZE)).for_each(|(row, vector)| work(row, vector));
    }
}

/// A dot product in lanes that the compiler keeps in vector registers.
fn dot(a: &[[u8; 4]], b: &[[u8; 4]]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0f32; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] += f32::from_le_bytes(a[lane]) * f32::from_le_bytes(b[lane]);
        }
    }
    sums.iter().sum()
}

fn nearest(reader: &Reader, rows: usize, wanted: &[f32]) -> Vec<usize> {
    let wanted: Vec<[u8; 4]> = wanted.iter().map(|x| x.to_le_bytes()).collect();
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(BEST + 1);
    each_vector(reader, rows, |row, x| {
        let likeness = dot(x, &wanted) / dot(x, x).sqrt();
        if best.len() < BEST || likeness > best[BEST - 1].0 {
            let at = best.partition_point(|(kept, _)| *kept >= likeness);
            best.insert(at, (likeness, row));
            best.truncate(BEST);
        }
    });
    best.into_iter().map(|(_, row)| row).collect()
}

fn nearest_images<'a>(file: &'a File, blobs: &'a Blobs, rows: usize, wanted: &'a [f32]) -> Way<'a> {
    floor::over_file(
        file,
        move |reader| {
            let mut best = nearest(reader, rows, wanted);
            best.sort_unstable();
            let (images, requests, bytes) = blobs.fetch(&best);
            reader.add(requests, bytes);
            (best, images)
        },
        |(best, images)| {
            let ids = Answer::of_ids(best.into_iter().map(|row| row as i64));
            let images = Answer::of_blobs(images.iter().map(Vec::as_slice));
            Answer { digest: ids.digest.wrapping_add(images.digest), ..images }
        },
    )
}

fn some_vectors<'a>(file: &'a File, chosen: &'a [usize]) -> Way<'a> {
    floor::over_file(
        file,
        move |reader| {
            let mut bytes = vec![0; chosen.len() * BYTES];
            for (row, vector) in chosen.iter().zip(bytes.chunks_exact_mut(BYTES)) {
                reader.read(vector, row * BYTES);
            }
            bytes
        },
        |bytes| {
            let elements = bytes.as_chunks::<4>().0.iter();
            let sum = elements.map(|x| f64::from(f32::from_le_bytes(*x))).sum();
            Answer { rows: bytes.len() / BYTES, sum, ..Answer::default() }
        },
    )
}
