//! A store far away: 10 ms for each request, 50 MB/s for all together. Each run opens the table
//! anew, with nothing cached.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use futures::TryStreamExt;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::store::LocalStore;
use lakebed::store::Meter;
use lakebed::store::Metered;
use lakebed::store::Throttle;
use lakebed::store::Throttled;

use super::narrow::Narrow;
use super::slices::MEAN;
use crate::bench::Bench;
use crate::bench::Work;
use crate::data::raw;
use crate::data::table;
use crate::floor::Blobs;
use crate::ours;
use crate::parquet::Peer;
use crate::parquet::wire::Wire;
use crate::support::clock::middle;
use crate::support::clock::millis;
use crate::support::figures::Figure;
use crate::way;
use crate::way::Answer;

const RATE: u64 = 50_000_000;
const SLOW: Throttle =
    Throttle { latency: Duration::from_millis(10), bytes_per_second: Some(RATE) };
const ROUNDS: usize = 3;
/// Images whose slices are taken.
const SLICED: usize = 100;

/// What is asked of both.
struct Question<'a> {
    name: &'a str,
    what: String,
    lake: &'a Path,
    parquet: &'a Path,
    ours: &'a str,
    theirs: &'a str,
    /// Rows of a batch in DataFusion.
    batch: usize,
    answer: fn(&[RecordBatch]) -> Answer,
    /// Bytes of what is asked for itself.
    needed: u64,
}

/// Ids by a label.
pub fn filter(bench: &mut Bench, narrow: &Narrow) {
    let text = format!("SELECT id FROM t WHERE label = {}", table::WANTED);
    let wanted = narrow.memory.labels.iter().filter(|label| **label == table::WANTED).count();
    measure(
        bench,
        &Question {
            name: "throttled_filter",
            what: format!("ids where a label is 3, {} rows", narrow.rows),
            lake: &narrow.lake,
            parquet: &narrow.parquet,
            ours: &text,
            theirs: &text,
            batch: crate::parquet::GROUP,
            answer: way::ids,
            // Half a byte for a label, and the ids found.
            needed: (narrow.rows / 2 + wanted * 8) as u64,
        },
    );
}

/// Encoded images of one row in a hundred.
pub fn fetch(
    bench: &mut Bench,
    lake: &Path,
    parquet: &Path,
    text: &str,
    blobs: &Blobs,
    chosen: &[usize],
) {
    measure(
        bench,
        &Question {
            name: "throttled_fetch_1",
            what: "encoded images of 1% of the rows by a filter".into(),
            lake,
            parquet,
            ours: text,
            theirs: text,
            batch: crate::parquet::GROUP,
            answer: way::blobs,
            needed: chosen.iter().map(|row| blobs.size(*row)).sum(),
        },
    );
}

/// Slices of raw images.
pub fn slice(bench: &mut Bench, lake: &Path, parquet: &Path, images: usize, side: usize) {
    let sliced = SLICED.min(images);
    let ours = format!("SELECT {MEAN} AS m FROM t WHERE id < {sliced}");
    let theirs = format!("SELECT crop_mean(image) AS m FROM t WHERE id < {sliced}");
    measure(
        bench,
        &Question {
            name: "throttled_slice",
            what: format!(
                "mean of a 100 x 100 x 3 slice of {sliced} raw {side} x {side} x 3 images"
            ),
            lake,
            parquet,
            ours: &ours,
            theirs: &theirs,
            batch: 50,
            answer: way::numbers,
            needed: (sliced * raw::ELEMENTS) as u64,
        },
    );
}

fn measure(bench: &mut Bench, question: &Question) {
    if !bench.wants(&[question.name]) {
        return;
    }
    let runtime = bench.runtime;
    let mut figures = Vec::new();
    let mut answers = Vec::new();
    for engine in ["lakebed", "parquet"] {
        let runs: Vec<Run> = (0..ROUNDS)
            .map(|_| match engine {
                "lakebed" => runtime.block_on(lakebed(question)),
                _ => runtime.block_on(parquet(question)),
            })
            .collect();
        let last = runs.last().unwrap();
        answers.push(last.answer);
        figures.push(Figure {
            requests: Some(last.requests),
            bytes: Some(last.bytes),
            ..Figure::plain(
                question.name,
                engine,
                millis(middle(runs.iter().map(|run| run.took).collect())),
                "ms",
            )
        });
    }
    assert!(answers[0].agrees(&answers[1]), "{}: {answers:?}", question.name);
    let floor = 1e3 * question.needed as f64 / RATE as f64 + millis(SLOW.latency);
    figures.push(Figure {
        requests: Some(1),
        bytes: Some(question.needed),
        ..Figure::plain(question.name, "floor", floor, "ms")
    });
    let what = format!(
        "{}, on a store of 10 ms a request and 50 MB/s, opened anew each time, planning included; floor, computed: one request and the bytes needed",
        question.what
    );
    bench.record(Work::new(question.name, what), answers[0].rows, figures);
}

struct Run {
    took: Duration,
    requests: u64,
    bytes: u64,
    answer: Answer,
}

async fn lakebed(question: &Question<'_>) -> Run {
    let begin = Instant::now();
    let url = question.lake.to_str().unwrap();
    let meter = Arc::new(Meter::default());
    let local = Arc::new(LocalStore::new(url).unwrap());
    let store = Metered::new(Arc::new(Throttled::new(local, SLOW)), Arc::clone(&meter));
    let dataset = Dataset::open_in(url, Arc::new(store), Arc::clone(&meter), Options::default());
    let dataset = dataset.await.unwrap();
    let session = ours::session(&[("t", &dataset)]);
    let query = session.tql(question.ours).await.unwrap();
    let batches: Vec<RecordBatch> = query.stream().await.unwrap().try_collect().await.unwrap();
    let took = begin.elapsed();
    let counts = meter.snapshot();
    let answer = (question.answer)(&batches);
    Run { took, requests: counts.reads(), bytes: counts.bytes_read, answer }
}

async fn parquet(question: &Question<'_>) -> Run {
    let begin = Instant::now();
    let tables = [("t", question.parquet)];
    let peer = Peer::open(&tables, question.batch, Wire::throttled(SLOW)).await;
    let (_, _, batches) = peer.run(question.theirs).await;
    let took = begin.elapsed();
    let (requests, bytes) = peer.traffic();
    Run { took, requests, bytes, answer: (question.answer)(&batches) }
}
