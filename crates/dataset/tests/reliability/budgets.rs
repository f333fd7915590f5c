//! What reads cost, as bounds.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::StructArray;
use arrow::datatypes::UInt8Type;
use arrow_schema::DataType;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::Shape;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_core::subscript;
use lakebed_core::tensor_builder::shape_array;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Missing;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;
use lakebed_store::Counts;

use super::append;
use super::batch;
use super::varied;
use super::varied_rows;

const SIDE: usize = 512;
const BLOCK: usize = 16 * 1024;

fn pixel(row: usize, byte: usize) -> u8 {
    (row * 31 + byte * 7 + byte / 1000) as u8
}

/// A slice of one row and what it cost.
async fn slice(dataset: &Dataset, row: u64, text: &str) -> (Vec<u8>, Counts) {
    slice_of(dataset, vec![row], text).await
}

/// A slice of some rows and what it cost.
async fn slice_of(dataset: &Dataset, rows: Vec<u64>, text: &str) -> (Vec<u8>, Counts) {
    let subscripts = subscript::parse_list(text).unwrap();
    let column = dataset.schema().column("x").unwrap().id;
    let part = Part::Slice { subscripts, missing: Missing::Error };
    let fragment = dataset.fragments().await.unwrap()[0].clone();
    let columns = vec![ColumnRead { column, part }];
    let request = ReadRequest { fragment, rows: Rows::List(rows), columns };
    let before = dataset.metrics().snapshot();
    let batch = dataset.read(&request).await.unwrap();
    let cost = dataset.metrics().since(before);
    let values = batch.column(0).as_fixed_size_list().values().as_primitive::<UInt8Type>().clone();
    (values.values().to_vec(), cost)
}

/// Four images on disk, where only ranges within 16 KiB are read together; two a chunk.
async fn images(url: &str) -> Dataset {
    let dims = [Some(SIDE as u32), Some(SIDE as u32), Some(3)];
    let schema = Schema::new(vec![Column::tensor("x", DType::U8, &dims)]).unwrap();
    let mut builder = TensorBuilder::<u8>::new(3);
    for row in 0..4 {
        builder.elements_mut().extend((0..SIDE * SIDE * 3).map(|byte| pixel(row, byte)));
        builder.finish_row(&[SIDE, SIDE, 3]).unwrap();
    }
    let ty = TensorType::from_column(&schema.columns[0]);
    let images = builder.finish::<UInt8Type>(&ty).unwrap();
    let options = Options { chunk_bytes: 2 * SIDE * SIDE * 3, ..Options::default() };
    let dataset = Dataset::create(url, schema, options).await.unwrap();
    append(&dataset, &batch(dataset.schema(), vec![images])).await.unwrap();
    Dataset::open(url, Options::default()).await.unwrap()
}

#[tokio::test]
async fn a_slice_of_a_raw_image_reads_its_blocks_only() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = images(folder.path().to_str().unwrap()).await;
    slice_of(&dataset, vec![0, 3], "0:1, 0:1, 0:1").await;
    let cases = [
        ("100:110, 20:30, :", (100..110).collect::<Vec<_>>(), 20..30, 0..3),
        ("0:512:200, 0:1, 1:2", vec![0, 200, 400], 0..1, 1..2),
        ("-1:, -2:, 0:2", vec![511], 510..512, 0..2),
        ("::-1, 7:8, 2:3", (0..512).rev().collect(), 7..8, 2..3),
    ];
    for (text, ys, xs, channels) in cases {
        let row = 2;
        let mut expected = Vec::new();
        let mut blocks = std::collections::BTreeSet::new();
        for y in ys {
            for x in xs.clone() {
                for channel in channels.clone() {
                    let byte = (y * SIDE + x) * 3 + channel;
                    expected.push(pixel(row, byte));
                    blocks.insert((row % 2 * SIDE * SIDE * 3 + byte) / BLOCK);
                }
            }
        }
        let (values, cost) = slice(&dataset, row as u64, text).await;
        assert_eq!(values, expected, "[{text}]");
        // Blocks one apart are read together: at most the one between comes along.
        let apart = blocks.iter().zip(blocks.iter().skip(1)).filter(|(a, b)| *b - *a == 2).count();
        let most = (blocks.len() + apart) * BLOCK;
        assert!(cost.bytes_read as usize <= most, "[{text}]: {cost:?} for {} blocks", blocks.len());
        assert_eq!(cost.reads(), cost.range_gets);
    }
}

#[tokio::test]
async fn a_cold_slice_reads_its_blocks_and_a_directory_a_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = images(folder.path().to_str().unwrap()).await;
    let column = dataset.schema().column("x").unwrap().id;
    let fragment = dataset.fragments().await.unwrap()[0].clone();
    let chunks = dataset.chunks(&fragment, column).await.unwrap().unwrap();
    assert_eq!(chunks.bytes.len(), 2);
    let directories = chunks.bytes.iter().sum::<u64>() as usize - 4 * SIDE * SIDE * 3;
    let mut blocks = 0;
    for row in 0..4 {
        let byte = |y: usize, x: usize| (row % 2 * SIDE * SIDE + y * SIDE + x) * 3;
        blocks += (byte(109, 29) + 2) / BLOCK + 1 - byte(100, 20) / BLOCK;
    }
    let (values, cost) = slice_of(&dataset, vec![0, 1, 2, 3], "100:110, 20:30, :").await;
    assert_eq!(values.len(), 4 * 300);
    assert!(cost.bytes_read as usize <= blocks * BLOCK + directories, "{cost:?}: {blocks} blocks");
    assert_eq!(cost.reads(), 2 + 4, "{cost:?}");
}

#[tokio::test]
async fn a_thousandth_of_small_images_costs_their_bytes_and_directories() {
    const ROWS: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let schema = Schema::new(vec![Column::image("image")]).unwrap();
    let files: Vec<Vec<u8>> = (0..ROWS)
        .map(|row| {
            let shape = Shape::new(&[2, 2, 3]).unwrap();
            let pixels: Vec<u8> = (0..12).map(|byte| pixel(row, byte)).collect();
            lakebed_codec::media::encode_png(&shape, &pixels).unwrap()
        })
        .collect();
    let DataType::Struct(fields) = TensorType::from_column(&schema.columns[0]).data_type() else {
        panic!()
    };
    let shapes = shape_array([2, 2, 3].repeat(ROWS), 3, ROWS).unwrap();
    let array: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(&files));
    let images = StructArray::try_new(fields, vec![array, shapes], None).unwrap();
    let options = Options { chunk_bytes: 400_000, ..Options::default() };
    let dataset = Dataset::create(url, schema, options).await.unwrap();
    append(&dataset, &batch(dataset.schema(), vec![Arc::new(images)])).await.unwrap();
    let dataset = Dataset::open(url, Options::default()).await.unwrap();
    let column = dataset.schema().column("image").unwrap().id;
    let fragment = dataset.fragments().await.unwrap()[0].clone();
    let chunks = dataset.chunks(&fragment, column).await.unwrap().unwrap();
    // A checksum, an end, and less than a byte each of prefix and shape, for every image; beside
    // them what the images of a chunk share.
    let directories = 20 * ROWS + 4096 * chunks.bytes.len();
    let rows: Vec<u64> = (0..ROWS as u64 / 1000).map(|nth| nth * 1000 + 77).collect();
    let wanted: usize = rows.iter().map(|row| files[*row as usize].len()).sum();
    let count = rows.len();
    let columns = vec![ColumnRead { column, part: Part::Decoded }];
    let request = ReadRequest { fragment, rows: Rows::List(rows), columns };
    for budget in [wanted + directories, wanted] {
        let before = dataset.metrics().snapshot();
        let read = dataset.read(&request).await.unwrap();
        let cost = dataset.metrics().since(before);
        assert_eq!(read.num_rows(), count);
        assert!(cost.bytes_read as usize <= budget, "{cost:?}, at most {budget}");
        assert!(cost.reads() as usize <= count + chunks.bytes.len(), "{cost:?}");
    }
}

#[tokio::test]
async fn a_point_read_takes_two_requests_once_the_manifest_is_known() {
    let url = "mem://points";
    let dataset = Dataset::create(url, varied(), Options::default()).await.unwrap();
    append(&dataset, &varied_rows(dataset.schema(), 0, 200)).await.unwrap();
    for name in ["id", "text", "raw", "boxes", "image", "mask"] {
        let dataset = Dataset::open(url, Options::default()).await.unwrap();
        let column = dataset.schema().column(name).unwrap().id;
        let fragment = dataset.fragments().await.unwrap()[0].clone();
        dataset.chunks(&fragment, column).await.unwrap();
        let read = |row: u64, part: Part| {
            let columns = vec![ColumnRead { column, part }];
            ReadRequest { fragment: fragment.clone(), rows: Rows::List(vec![row]), columns }
        };
        let before = dataset.metrics().snapshot();
        dataset.read(&read(77, Part::Whole)).await.unwrap();
        let cost = dataset.metrics().since(before);
        assert!(cost.requests() <= 2, "{name}: {cost:?}");
        let before = dataset.metrics().snapshot();
        dataset.read(&read(78, Part::Whole)).await.unwrap();
        assert!(dataset.metrics().since(before).requests() <= 1, "{name}");
        let before = dataset.metrics().snapshot();
        dataset.read(&read(79, Part::Shape)).await.unwrap();
        assert_eq!(dataset.metrics().since(before).requests(), 0, "{name}");
    }
}

#[tokio::test]
async fn all_columns_of_some_rows_take_two_requests_together() {
    let url = "mem://together";
    let dataset = Dataset::create(url, varied(), Options::default()).await.unwrap();
    append(&dataset, &varied_rows(dataset.schema(), 0, 50)).await.unwrap();
    let dataset = Dataset::open(url, Options::default()).await.unwrap();
    let fragment = dataset.fragments().await.unwrap()[0].clone();
    let ids = dataset.schema().columns.iter().map(|column| column.id);
    let columns: Vec<_> = ids.map(|column| ColumnRead { column, part: Part::Whole }).collect();
    let before = dataset.metrics().snapshot();
    let request = ReadRequest { fragment, rows: Rows::Range(3..9), columns };
    let batch = dataset.read(&request).await.unwrap();
    let cost = dataset.metrics().since(before);
    assert!(cost.requests() <= 3, "manifest, directories, payloads: {cost:?}");
    let expected = varied_rows(dataset.schema(), 3, 9);
    for (array, expected) in batch.columns().iter().zip(expected.columns()) {
        assert_eq!(&Arc::clone(array), expected);
    }
}
