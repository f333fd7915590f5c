//! Three gigabytes through the API in less than 400 MB of memory. A program of its own, so that
//! other tests do not count.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::time::Instant;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::FixedSizeListArray;
use arrow::array::RecordBatch;
use arrow::array::UInt8Array;
use arrow::datatypes::UInt8Type;
use arrow_schema::DataType;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;

const PIXELS: usize = 512 * 512 * 3;
const BATCH: usize = 16;
const TOTAL: usize = 3_000_000_000;
const LIMIT_MB: u64 = 400;

/// The most memory that this process has had, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1000
}

/// Free bytes where a folder is; `None` if nobody can tell.
fn free(folder: &std::path::Path) -> Option<u64> {
    let out = std::process::Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok().map(|kb| kb * 1024)
}

fn byte(image: usize, at: usize) -> u8 {
    u8::try_from((image * 7 + at) % 251).unwrap()
}

fn images(ty: &TensorType, first: usize) -> RecordBatch {
    let DataType::FixedSizeList(item, size) = ty.data_type() else { panic!() };
    let mut bytes = Vec::with_capacity(BATCH * PIXELS);
    // Two periods of the pattern serve every image: building pixels is not what is measured.
    let pattern: Vec<u8> = (0..PIXELS + 251).map(|at| byte(0, at)).collect();
    for image in first..first + BATCH {
        let shift = image * 7 % 251;
        bytes.extend_from_slice(&pattern[shift..shift + PIXELS]);
    }
    let values: ArrayRef = Arc::new(UInt8Array::from(bytes));
    let array = FixedSizeListArray::try_new(item, size, values, None).unwrap();
    let schema = ArrowSchema::new(vec![ty.to_field("images", false)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(array)]).unwrap()
}

#[tokio::test]
async fn three_gigabytes_of_images_are_appended_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    if free(folder.path()).is_none_or(|free| free < 8 << 30) {
        println!("skipped: less than 8 GB free in {}", folder.path().display());
        return;
    }
    let column = Column::tensor("images", DType::U8, &[Some(512), Some(512), Some(3)]);
    let ty = TensorType::from_column(&column);
    let schema = Schema::new(vec![column]).unwrap();
    let url = folder.path().to_str().unwrap();
    let begin = Instant::now();
    let dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
    let mut writer = dataset.append().unwrap();
    let mut count = 0;
    while count * PIXELS < TOTAL {
        writer.write(&images(&ty, count)).await.unwrap();
        count += BATCH;
    }
    let dataset = writer.commit("3 GB").await.unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    let peak = peak();
    println!("{count} images, {} MB in {seconds:.1} s, peak {peak} MB", count * PIXELS / 1_000_000);
    assert!(peak < LIMIT_MB, "peak of {peak} MB");
    assert_eq!(dataset.num_rows(), u64::try_from(count).unwrap());
    // And they are there.
    let fragments = dataset.fragments().await.unwrap();
    for fragment in fragments.iter() {
        let row = fragment.rows - 1;
        let column = dataset.schema().columns[0].id;
        let columns = vec![ColumnRead { column, part: Part::Whole }];
        let request =
            ReadRequest { fragment: fragment.clone(), rows: Rows::List(vec![row]), columns };
        let batch = dataset.read(&request).await.unwrap();
        let image = usize::try_from(fragment.first_position + row).unwrap();
        let values = batch.column(0).as_fixed_size_list().values().as_primitive::<UInt8Type>();
        assert!(values.values().iter().enumerate().all(|(at, value)| *value == byte(image, at)));
    }
}
