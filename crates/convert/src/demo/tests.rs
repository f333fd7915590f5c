use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt32Type;
use lakebed_codec::media;
use lakebed_codec::media::MediaKind;
use lakebed_core::Limits;
use lakebed_core::TensorArray;

use super::*;

fn tensor(batch: &RecordBatch, name: &str) -> TensorArray {
    let ty = TensorType::from_column(schema().unwrap().column(name).unwrap());
    TensorArray::try_new(ty, batch.column_by_name(name).unwrap()).unwrap()
}

#[test]
fn the_same_rows_every_time() {
    let first: Vec<RecordBatch> = batches().collect::<Result<_>>().unwrap();
    let second: Vec<RecordBatch> = batches().collect::<Result<_>>().unwrap();
    assert_eq!(first, second);
    assert_eq!(first.iter().map(RecordBatch::num_rows).sum::<usize>(), ROWS);
}

#[test]
fn boxes_labels_masks_and_pictures_tell_the_same() {
    let mut kinds = [0, 0];
    let mut empty = 0;
    let mut nulls = 0;
    for batch in batches() {
        let batch = batch.unwrap();
        let (boxes, labels) = (tensor(&batch, "boxes"), tensor(&batch, "labels"));
        let masks = tensor(&batch, "masks");
        let images = batch.column_by_name("images").unwrap().as_struct().column(0).clone();
        let captions = batch.column_by_name("captions").unwrap().as_string_view();
        nulls += batch.column_by_name("score").unwrap().null_count();
        for row in 0..batch.num_rows() {
            let file = images.as_binary_view().value(row);
            kinds[usize::from(MediaKind::detect(file) == Some(MediaKind::Png))] += 1;
            let (shape, _) = media::decode(file, &Limits::default()).unwrap();
            assert_eq!(shape.to_vec()[..2], masks.shape(row).to_vec()[..]);
            let count = labels.range(row).len();
            empty += usize::from(count == 0);
            assert_eq!(boxes.shape(row).to_vec(), [count, 4]);
            let numbers = boxes.elements().as_primitive::<Float32Type>().values();
            let width = f32::from(u16::try_from(shape.to_vec()[1]).unwrap());
            let height = f32::from(u16::try_from(shape.to_vec()[0]).unwrap());
            for ltrb in numbers[boxes.range(row)].chunks(4) {
                assert!(ltrb[0] >= 0.0 && ltrb[1] >= 0.0 && ltrb[2] <= width && ltrb[3] <= height);
                assert!(ltrb[0] < ltrb[2] && ltrb[1] < ltrb[3]);
            }
            let codes = &labels.elements().as_primitive::<UInt32Type>().values()[labels.range(row)];
            let says_ring = captions.value(row).contains("ring");
            assert_eq!(codes.contains(&3), says_ring);
            let mask =
                masks.elements().as_boolean().slice(masks.range(row).start, masks.range(row).len());
            assert_eq!(mask.true_count() > 0, count > 0);
        }
    }
    assert!(kinds[0] > 50 && kinds[1] > 50, "{kinds:?}");
    assert!((5..60).contains(&empty) && (5..60).contains(&nulls), "{empty} {nulls}");
}

#[tokio::test]
async fn four_commits_hold_the_rows() {
    let dataset = create("mem://convert-demo", Options::default()).await.unwrap();
    assert_eq!(dataset.num_rows(), u64::try_from(ROWS).unwrap());
    let log = dataset.log(10).await.unwrap();
    let messages: Vec<&str> = log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages[0], "the pictures of Thursday");
    assert_eq!(messages.len(), 5);
}
