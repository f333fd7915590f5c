//! The query that the paper prints, on rows whose answer was worked out by hand.
//!
//! | row | labels | boxes (x, y, w, h) | training/boxes | IOU |
//! |---|---|---|---|---|
//! | 0 | dog | 100 100 200 200 | the same | 1 |
//! | 1 | cat | 0 0 100 100 | 50 50 100 100 | 2500 / 17500 |
//! | 2 | cat | 300 300 400 400; 0 0 150 150 | the same, the other way round | 1 |
//! | 3 | cat | 100 100 100 100 | 100 100 100 98 | 0.98 |
//! | 4 | dog | none | none | 1 |
//! | 5 | dog | 100 100 200 200; 0 0 10 10 | 100 100 200 200 | 1 / 2 |
//!
//! The pictures are of one value, 10 times the row's number and 10 more, 600 x 600 pixels; that of
//! row 4 is 300 lines of 200.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::BinaryViewArray;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StructArray;
use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Float32Type;
use datafusion::arrow::datatypes::Schema as ArrowSchema;
use lakebed::codec::media::encode_png;
use lakebed::core::BoxFormat;
use lakebed::core::Column;
use lakebed::core::Schema;
use lakebed::core::Shape;
use lakebed::core::TensorBuilder;
use lakebed::core::TensorType;
use lakebed::core::tensor_builder::shape_array;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Session;
use serde_json::json;

use crate::data::tql;

const PRINTED: &str = r#"
SELECT images[100:500, 100:500, 0:2] as crop,
    NORMALIZE(boxes, [100, 100, 400, 400]) as box
FROM dataset
WHERE IOU(boxes, "training/boxes") > 0.95
ORDER BY IOU(boxes, "training/boxes")
ARRANGE BY labels"#;

const SIZES: [[u16; 2]; 6] =
    [[600, 600], [600, 600], [600, 600], [600, 600], [300, 200], [600, 600]];
const LABELS: [u32; 6] = [1, 0, 0, 0, 1, 1];

fn boxes(ty: &TensorType, rows: &[&[[f32; 4]]]) -> ArrayRef {
    let mut builder = TensorBuilder::<f32>::new(2);
    for row in rows {
        builder.push(row.as_flattened(), &[row.len(), 4]).unwrap();
    }
    builder.finish::<Float32Type>(ty).unwrap()
}

fn pictures(ty: &TensorType) -> ArrayRef {
    let files: Vec<Vec<u8>> = SIZES
        .iter()
        .zip(1_u8..)
        .map(|([h, w], n)| {
            let (h, w) = (usize::from(*h), usize::from(*w));
            let shape = Shape::new(&[h, w, 3]).unwrap();
            encode_png(&shape, &vec![10 * n; h * w * 3]).unwrap()
        })
        .collect();
    let sizes = SIZES.iter().flat_map(|[h, w]| [i32::from(*h), i32::from(*w), 3]).collect();
    let DataType::Struct(fields) = ty.data_type() else { panic!("pictures are structs") };
    let files = BinaryViewArray::from_iter_values(files.iter().map(Vec::as_slice));
    let parts: Vec<ArrayRef> = vec![Arc::new(files), shape_array(sizes, 3, SIZES.len()).unwrap()];
    Arc::new(StructArray::new(fields, parts, None))
}

async fn dataset() -> Dataset {
    let schema = Schema::new(vec![
        Column::image("images"),
        Column::boxes("boxes", BoxFormat::Ltwh),
        Column::boxes("training/boxes", BoxFormat::Ltwh),
        Column::class_label("labels", vec!["cat".into(), "dog".into()]),
    ])
    .unwrap();
    let empty = Dataset::create("mem://paper", schema, Options::default()).await.unwrap();
    let types: Vec<TensorType> =
        empty.schema().columns.iter().map(TensorType::from_column).collect();
    let fields: Vec<_> = types
        .iter()
        .zip(&empty.schema().columns)
        .map(|(ty, column)| ty.to_field(&column.name, column.nullable))
        .collect();
    let (big, small) = ([300.0, 300.0, 400.0, 400.0], [0.0, 0.0, 150.0, 150.0]);
    let plain = [100.0, 100.0, 200.0, 200.0];
    let found: [&[[f32; 4]]; 6] = [
        &[plain],
        &[[0.0, 0.0, 100.0, 100.0]],
        &[big, small],
        &[[100.0, 100.0, 100.0, 100.0]],
        &[],
        &[plain, [0.0, 0.0, 10.0, 10.0]],
    ];
    let trained: [&[[f32; 4]]; 6] = [
        &[plain],
        &[[50.0, 50.0, 100.0, 100.0]],
        &[small, big],
        &[[100.0, 100.0, 100.0, 98.0]],
        &[],
        &[plain],
    ];
    let columns: Vec<ArrayRef> = vec![
        pictures(&types[0]),
        boxes(&types[1], &found),
        boxes(&types[2], &trained),
        Arc::new(UInt32Array::from(LABELS.to_vec())),
    ];
    let batch = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).unwrap();
    let mut writer = empty.append().unwrap();
    writer.write(&batch).await.unwrap();
    writer.commit("the rows of the table").await.unwrap()
}

#[tokio::test]
async fn the_papers_query_runs_as_printed() {
    let session = Session::new().unwrap();
    session.set_current(dataset().await);
    // 0.98 comes first, then the ties by position: rows 3, 0, 2, 4; then the cats together, in the
    // order of their first: 3, 2, and the dogs: 0, 4.
    let answer = tql(&session, PRINTED).await;
    assert_eq!(
        answer["box"],
        json!([
            [[0.0, 0.0, 0.25, 0.25]],
            [[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.125, 0.125]],
            [[0.0, 0.0, 0.5, 0.5]],
            []
        ])
    );
    let looked_at =
        format!("SELECT SHAPE(crop) AS s, AMIN(crop) AS a, AMAX(crop) AS b FROM ({PRINTED})");
    assert_eq!(
        tql(&session, &looked_at).await,
        json!({
            "s": [[400, 400, 2], [400, 400, 2], [400, 400, 2], [200, 100, 2]],
            "a": [40, 30, 10, 50],
            "b": [40, 30, 10, 50]
        })
    );
}
