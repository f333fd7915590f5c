//! A process that commits in a loop is killed at random moments: what it was told is committed is
//! there, what is there is whole, and the next commit succeeds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::datatypes::Int64Type;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Env;
use lakebed_core::Schema;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::ReadRequest;
use lakebed_dataset::Rows;

const KILLS: usize = 20;
const ROWS: i64 = 500;
/// Where the child finds the dataset; in its absence the child's test does nothing.
const CHILD: &str = "LAKEBED_KILL_TEST_DATASET";

fn options() -> Options {
    // Small chunks, so that there are more moments to die at.
    Options { chunk_bytes: 2048, ..Options::default() }
}

async fn commit(dataset: &Dataset) -> Dataset {
    let first = i64::try_from(dataset.num_rows()).unwrap();
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + ROWS));
    let texts = (first..first + ROWS).map(|i| Some(format!("the text of row {i}")));
    let texts: ArrayRef = Arc::new(texts.collect::<StringViewArray>());
    let columns = &dataset.schema().columns;
    let field = |c: &Column| TensorType::from_column(c).to_field(&c.name, c.nullable);
    let schema = Arc::new(ArrowSchema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let mut writer = dataset.append().unwrap();
    writer.write(&RecordBatch::try_new(schema, vec![numbers, texts]).unwrap()).await.unwrap();
    writer.commit("a loop").await.unwrap()
}

/// Not a test: what the killed process runs.
#[tokio::test]
async fn child_that_commits_until_it_is_killed() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let mut dataset = Dataset::open(&url, options()).await.unwrap();
    loop {
        dataset = commit(&dataset).await;
        println!("committed {}", dataset.version());
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn a_killed_writer_leaves_its_last_commit_and_a_dataset_that_takes_more() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("dataset");
    let url = url.to_str().unwrap();
    let columns = vec![Column::scalar("x", DType::I64), Column::text("text")];
    Dataset::create(url, Schema::new(columns).unwrap(), options()).await.unwrap();
    let env = Env::system();
    let (mut acknowledged, mut unacknowledged, mut known) = (0, 0, 0);
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_commits_until_it_is_killed", "--nocapture"])
            .env(CHILD, url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut last = None;
            for line in output.lines().map_while(Result::ok) {
                if let Some((_, version)) = line.rsplit_once("committed ") {
                    last = version.parse::<u64>().ok();
                }
            }
            last
        });
        // From before its first commit to after many.
        std::thread::sleep(Duration::from_micros(env.random_u64() % 400_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let last = reader.join().unwrap().unwrap_or(known);
        let dataset = Dataset::open(url, options()).await.unwrap();
        let version = dataset.version();
        assert!(version >= last && last >= known, "kill {kill}: {version} after {last} was told");
        // One commit can have landed without being told.
        assert!(version <= last + 1, "kill {kill}: {version} after {last} was told");
        assert_eq!(dataset.num_rows(), version * u64::try_from(ROWS).unwrap());
        let report = dataset.verify(|_, _| ()).await.unwrap();
        assert!(report.damage.is_empty(), "kill {kill}: {report:?}");
        acknowledged += last - known;
        unacknowledged += version - last;
        let dataset = commit(&dataset).await;
        assert_eq!(dataset.version(), version + 1);
        known = version + 1;
    }
    let dataset = Dataset::open(url, options()).await.unwrap();
    let mut next = 0i64;
    for fragment in dataset.fragments().await.unwrap().iter() {
        let columns = dataset.schema().columns.iter();
        let columns = columns.map(|c| ColumnRead { column: c.id, part: Part::Whole }).collect();
        let rows = Rows::Range(0..fragment.rows);
        let request = ReadRequest { fragment: fragment.clone(), rows, columns };
        let batch = dataset.read(&request).await.unwrap();
        let texts = batch.column(1).as_string_view();
        for (row, x) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
            assert_eq!(*x, next);
            assert_eq!(texts.value(row), format!("the text of row {next}"));
            next += 1;
        }
    }
    assert_eq!(u64::try_from(next).unwrap(), dataset.num_rows());
    println!(
        "{KILLS} kills: {acknowledged} commits told and there, {unacknowledged} there and not told, {KILLS} more after them"
    );
}
