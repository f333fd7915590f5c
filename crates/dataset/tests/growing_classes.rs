//! Ingests that bring class names of their own: whoever commits first, every row keeps its class.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::print_stdout, reason = "figures of a run")]
#![allow(clippy::cast_possible_truncation)]

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::array::UInt32Array;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt32Type;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorArray;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::Scalar;
use lakebed_dataset::Writer;

const ONE: &str = "label";
const MANY: &str = "labels";
const MASK: &str = "mask";

/// What a row should say: one class, several, and the pixels of a mask.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    one: Option<String>,
    many: Vec<String>,
    mask: Vec<String>,
}

fn schema() -> Schema {
    let classes = || vec!["cat".to_string(), "dog".to_string()];
    Schema::new(vec![
        Column::class_label(ONE, classes()).nullable(),
        Column::class_labels(MANY, classes()),
        Column::segment_mask(MASK, classes()),
    ])
    .unwrap()
}

/// Packs of one or two batches.
fn options() -> Options {
    Options { pack_bytes: 1024, chunk_bytes: 512, buffer_bytes: 256, ..Options::default() }
}

fn rows(own: &str, count: usize) -> Vec<Row> {
    let name = |n: usize| match n % 5 {
        0 => "cat".to_string(),
        1 => "dog".to_string(),
        2 => "shared".to_string(),
        other => format!("{own} {other}"),
    };
    (0..count)
        .map(|row| Row {
            one: (row % 7 != 6).then(|| name(row)),
            many: (0..row % 4).map(|n| name(row + n)).collect(),
            mask: (0..6).map(|n| name(row / 2 + n)).collect(),
        })
        .collect()
}

/// Brings all names of the rows, and writes them in batches of a few.
async fn write(writer: &mut Writer, dataset: &Dataset, own: &str, rows: &[Row]) {
    let ty = |name: &str| TensorType::from_column(dataset.schema().column(name).unwrap());
    let brought = ["shared".to_string(), format!("{own} 3"), format!("{own} 4")];
    // The last names come when rows are written already.
    for (nth, rows) in rows.chunks(100).enumerate() {
        if nth <= 1 {
            for column in [ONE, MANY, MASK] {
                let names = if nth == 0 { &brought[..] } else { &brought[2..] };
                writer.add_classes(column, names.iter().cloned()).unwrap();
            }
        }
        let codes = |writer: &mut Writer, column: &str, names: &[String]| -> Vec<u64> {
            writer.add_classes(column, names.iter().cloned()).unwrap()
        };
        let one: UInt32Array = rows
            .iter()
            .map(|row| {
                row.one.iter().map(|n| codes(writer, ONE, std::slice::from_ref(n))[0] as u32).next()
            })
            .collect();
        let mut many = TensorBuilder::<u32>::new(1);
        let mut mask = TensorBuilder::<u8>::new(2);
        for row in rows {
            let list: Vec<u32> = codes(writer, MANY, &row.many).iter().map(|c| *c as u32).collect();
            many.push(&list, &[list.len()]).unwrap();
            let list: Vec<u8> = codes(writer, MASK, &row.mask).iter().map(|c| *c as u8).collect();
            mask.push(&list, &[2, 3]).unwrap();
        }
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(one),
            many.finish::<UInt32Type>(&ty(MANY)).unwrap(),
            mask.finish::<UInt8Type>(&ty(MASK)).unwrap(),
        ];
        let field = |c: &Column| TensorType::from_column(c).to_field(&c.name, c.nullable);
        let fields: Vec<_> = dataset.schema().columns.iter().map(field).collect();
        let schema = Arc::new(arrow_schema::Schema::new(fields));
        writer.write(&RecordBatch::try_new(schema, arrays).unwrap()).await.unwrap();
    }
}

async fn read(dataset: &Dataset) -> Vec<Row> {
    let columns = &dataset.schema().columns;
    let reads: Vec<ColumnRead> =
        columns.iter().map(|c| ColumnRead { column: c.id, part: Part::Whole }).collect();
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let batch = dataset.take(&positions, &reads).await.unwrap();
    let name = |column: usize, code: usize| columns[column].classes[code].clone();
    let one = batch.column(0).as_primitive::<UInt32Type>();
    let tensors = |nth: usize| {
        TensorArray::try_new(TensorType::from_column(&columns[nth]), batch.column(nth)).unwrap()
    };
    let (many, mask) = (tensors(1), tensors(2));
    (0..batch.num_rows())
        .map(|row| {
            let many_codes = many.elements().as_primitive::<UInt32Type>();
            let mask_codes = mask.elements().as_primitive::<UInt8Type>();
            Row {
                one: one.is_valid(row).then(|| name(0, one.value(row) as usize)),
                many: many.range(row).map(|at| name(1, many_codes.value(at) as usize)).collect(),
                mask: mask.range(row).map(|at| name(2, mask_codes.value(at) as usize)).collect(),
            }
        })
        .collect()
}

/// The statistics of every chunk hold for the codes that are read.
async fn bounds(dataset: &Dataset) {
    let id = dataset.schema().column(ONE).unwrap().id;
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let reads = [ColumnRead { column: id, part: Part::Whole }];
    let batch = dataset.take(&positions, &reads).await.unwrap();
    let codes = batch.column(0).as_primitive::<UInt32Type>();
    let mut checked = 0;
    for fragment in dataset.fragments().await.unwrap().iter() {
        let chunks = dataset.chunks(fragment, id).await.unwrap().unwrap();
        for (ends, stats) in chunks.first_rows.windows(2).zip(&chunks.stats) {
            for row in ends[0]..ends[1] {
                let row = (fragment.first_position + row) as usize;
                if let (Some(Scalar::UInt(min)), Some(Scalar::UInt(max))) = (&stats.min, &stats.max)
                    && codes.is_valid(row)
                {
                    assert!((*min..=*max).contains(&u64::from(codes.value(row))), "{stats:?}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 0 || dataset.num_rows() == 0);
}

#[tokio::test]
async fn rows_of_two_ingests_keep_their_classes_by_name() {
    let dataset = Dataset::create("mem://grow-two", schema(), options()).await.unwrap();
    let (ours, theirs, third) = (rows("ours", 350), rows("theirs", 250), rows("third", 120));
    let mut a = dataset.append().unwrap();
    write(&mut a, &dataset, "ours", &ours).await;
    let mut b = dataset.append().unwrap();
    write(&mut b, &dataset, "theirs", &theirs).await;
    let mut c = dataset.append().unwrap();
    write(&mut c, &dataset, "third", &third).await;
    let one = a.commit("ours").await.unwrap();
    assert_eq!(one.schema().columns[0].classes, ["cat", "dog", "shared", "ours 3", "ours 4"]);
    assert_eq!(read(&one).await, ours);
    let two = b.commit("theirs").await.unwrap();
    let three = c.commit("third").await.unwrap();
    assert_eq!(
        three.schema().columns[1].classes,
        ["cat", "dog", "shared", "ours 3", "ours 4", "theirs 3", "theirs 4", "third 3", "third 4"]
    );
    let all = [ours.clone(), theirs.clone(), third].concat();
    assert_eq!(read(&two).await, all[..600]);
    assert_eq!(read(&three).await, all);
    bounds(&three).await;
    // Older versions are as they were, and names that were there need no overlay.
    assert_eq!(read(&one.at(1).await.unwrap()).await, ours);
    let fragments = three.fragments().await.unwrap();
    let patched: Vec<bool> = fragments.iter().map(|f| f.pointer.patch.is_some()).collect();
    let first = patched.iter().position(|patched| *patched).unwrap();
    assert!(first > 1 && patched[first..].iter().all(|patched| *patched), "{patched:?}");
    // Housekeeping knows the overlays too.
    assert_eq!(three.diff(&one).await.unwrap().added.len(), 370);
    let compacted = three.compact(&Default::default(), "", |_, _| {}).await.unwrap();
    assert_eq!(read(&compacted).await, all);
    assert!(compacted.fragments().await.unwrap().iter().all(|f| f.pointer.patch.is_none()));
    let mut last = compacted;
    for _ in 0..3 {
        (last, _) = last.collect_garbage("", |_, _| {}).await.unwrap();
    }
    assert_eq!(read(&last).await, all);
    assert_eq!(read(&last.at(3).await.unwrap()).await, all);
    assert!(last.verify(|_, _| ()).await.unwrap().damage.is_empty());
    println!("{} fragments, those from the {first}th on under overlays", fragments.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ingests_that_race_keep_their_classes() {
    const WRITERS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("ds").to_str().unwrap().to_string();
    Dataset::create(&url, schema(), options()).await.unwrap();
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let url = url.clone();
        tasks.push(tokio::spawn(async move {
            let dataset = Dataset::open(&url, options()).await.unwrap();
            let own = format!("writer {writer}");
            for _ in 0..3 {
                let mut ingest = dataset.append().unwrap();
                write(&mut ingest, &dataset, &own, &rows(&own, 40)).await;
                ingest.commit("").await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let dataset = Dataset::open(&url, options()).await.unwrap();
    assert_eq!(dataset.schema().columns[0].classes.len(), 3 + 2 * WRITERS);
    let all = read(&dataset).await;
    assert_eq!(all.len(), WRITERS * 3 * 40);
    let mut left: Vec<Vec<Row>> =
        (0..WRITERS).flat_map(|w| vec![rows(&format!("writer {w}"), 40); 3]).collect();
    for ingest in all.chunks(40) {
        let at = left.iter().position(|rows| rows == ingest);
        left.swap_remove(at.unwrap_or_else(|| panic!("{:?}", &ingest[..5])));
    }
    bounds(&dataset).await;
    assert!(dataset.verify(|_, _| ()).await.unwrap().damage.is_empty());
}

#[tokio::test]
async fn lists_grow_only_where_they_can() {
    let columns = vec![
        Column::class_label("small", vec!["zero".into()]),
        Column::scalar("number", DType::I64),
    ];
    let mut schema = Schema::new(columns).unwrap();
    schema.columns[0].dtype = DType::U8;
    let dataset = Dataset::create("mem://grow-limits", schema, Options::default()).await.unwrap();
    let mut writer = dataset.append().unwrap();
    let codes = writer.add_classes("small", ["one", "zero", "two", "one"]).unwrap();
    assert_eq!(codes, [1, 0, 2, 1]);
    let refused = writer.add_classes("number", ["one"]);
    assert!(matches!(refused, Err(Error::SchemaMismatch { .. })));
    assert!(writer.add_classes("other", ["one"]).is_err());
    let many: Vec<String> = (0..254).map(|n| format!("class {n}")).collect();
    let refused = writer.add_classes("small", many.clone());
    assert!(matches!(refused, Err(Error::SchemaMismatch { .. })));
    // What was refused is not half there.
    assert_eq!(writer.add_classes("small", ["last"]).unwrap(), [3]);
    // A list that somebody else filled meanwhile has no room for ours.
    let small = |name: &str, code: u8| {
        let column = dataset.schema().column(name).unwrap();
        let number = dataset.schema().column("number").unwrap();
        let field = |c: &Column| TensorType::from_column(c).to_field(&c.name, false);
        let fields = arrow_schema::Schema::new(vec![field(column), field(number)]);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(arrow::array::UInt8Array::from(vec![code])),
            Arc::new(arrow::array::Int64Array::from(vec![1])),
        ];
        RecordBatch::try_new(Arc::new(fields), arrays).unwrap()
    };
    writer.write(&small("small", 3)).await.unwrap();
    let mut full = dataset.append().unwrap();
    full.add_classes("small", many).unwrap();
    full.write(&small("small", 254)).await.unwrap();
    let full = full.commit("").await.unwrap();
    let refused = writer.commit("").await;
    assert!(matches!(refused, Err(Error::SchemaMismatch { .. })), "{refused:?}");
    assert_eq!(full.refresh().await.unwrap().version(), 1);
}
