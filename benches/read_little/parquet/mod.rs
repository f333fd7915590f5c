//! The peer's way: DataFusion over Parquet, written and set up as well as we know.

pub mod crop;
pub mod take;
pub mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::EnabledStatistics;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;
use datafusion::physical_plan::collect;
use datafusion::prelude::ParquetReadOptions;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;
use tokio::runtime::Runtime;

use crate::way::Answer;
use crate::way::Sample;
use crate::way::Way;
use wire::Wire;

/// The settings, for the report.
pub const SETTINGS: &str = "Parquet: 8,192 rows a group (50 of 512 x 512 images, 20 of 1024 x 1024), 64 KiB pages, statistics a page, page index, uncompressed, dictionaries for labels and text; DataFusion: filters pushed down and reordered, page index used, metadata and listings cached, 2 partitions, 8,192 rows a batch (50 of raw images)";

/// Rows of a group, except of raw images.
pub const GROUP: usize = 8192;

/// Writes a file; `dictionaries` are the columns that have one.
pub fn write(
    path: &Path,
    group: usize,
    dictionaries: &[&str],
    mut batches: impl Iterator<Item = RecordBatch>,
) {
    let mut properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .set_data_page_size_limit(64 * 1024)
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Page);
    for name in dictionaries {
        let path = ColumnPath::from(vec![(*name).to_string()]);
        properties = properties.set_column_dictionary_enabled(path, true);
    }
    let first = batches.next().unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, first.schema(), Some(properties.build())).unwrap();
    writer.write(&first).unwrap();
    for batch in batches {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
}

/// A context over some files, and the wire that counts what it reads.
#[derive(Clone)]
pub struct Peer {
    context: SessionContext,
    wire: Arc<Wire>,
}

impl Peer {
    /// Registers the files, with the tensor functions beside DataFusion's own.
    pub async fn open(tables: &[(&str, &Path)], batch_size: usize, wire: Wire) -> Peer {
        let mut config = SessionConfig::new().with_target_partitions(2).with_batch_size(batch_size);
        config.options_mut().execution.parquet.pushdown_filters = true;
        config.options_mut().execution.parquet.reorder_filters = true;
        config.options_mut().execution.parquet.enable_page_index = true;
        let context = SessionContext::new_with_config(config);
        let wire = Arc::new(wire);
        let files = ObjectStoreUrl::local_filesystem();
        context.register_object_store(files.as_ref(), Arc::<Wire>::clone(&wire));
        for function in lakebed::functions::all() {
            context.register_udf(function);
        }
        context.register_udf(crop::mean());
        for (name, path) in tables {
            let options = ParquetReadOptions::default();
            context.register_parquet(*name, path.to_str().unwrap(), options).await.unwrap();
        }
        Peer { context, wire }
    }

    /// Plans and runs a query.
    pub async fn run(&self, text: &str) -> (Duration, Duration, Vec<RecordBatch>) {
        let begin = Instant::now();
        let frame = self.context.sql(text).await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        let planning = begin.elapsed();
        let batches = collect(plan, self.context.task_ctx()).await.unwrap();
        (planning, begin.elapsed() - planning, batches)
    }

    /// Requests and bytes so far.
    pub fn traffic(&self) -> (u64, u64) {
        self.wire.traffic()
    }

    /// The context itself.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }
}

/// Runs a query.
pub fn query<'a>(
    runtime: &'a Runtime,
    tables: &[(&str, &Path)],
    text: &str,
    answer: fn(&[RecordBatch]) -> Answer,
) -> Way<'a> {
    query_in_batches(runtime, tables, GROUP, text, answer)
}

/// Runs a query with so many rows a batch.
pub fn query_in_batches<'a>(
    runtime: &'a Runtime,
    tables: &[(&str, &Path)],
    batch_size: usize,
    text: &str,
    answer: fn(&[RecordBatch]) -> Answer,
) -> Way<'a> {
    let peer = runtime.block_on(Peer::open(tables, batch_size, Wire::local()));
    let text = text.to_string();
    Box::new(move |check| {
        let before = peer.traffic();
        let (planning, took, batches) = runtime.block_on(peer.run(&text));
        sample(&peer, before, planning, took, check.then(|| answer(&batches)))
    })
}

/// Runs a query for ids, then one that `then` makes of them: late fetching by hand.
pub fn query_twice<'a>(
    runtime: &'a Runtime,
    tables: &[(&str, &Path)],
    text: &str,
    then: impl Fn(&[RecordBatch]) -> String + 'a,
    answer: fn(&[RecordBatch]) -> Answer,
) -> Way<'a> {
    let peer = runtime.block_on(Peer::open(tables, GROUP, Wire::local()));
    let text = text.to_string();
    Box::new(move |check| {
        let before = peer.traffic();
        let (planning, took, batches) = runtime.block_on(async {
            let (planning, took, ids) = peer.run(&text).await;
            let (more_planning, more, batches) = peer.run(&then(&ids)).await;
            (planning + more_planning, took + more, batches)
        });
        sample(&peer, before, planning, took, check.then(|| answer(&batches)))
    })
}

fn sample(
    peer: &Peer,
    before: (u64, u64),
    planning: Duration,
    took: Duration,
    answer: Option<Answer>,
) -> Sample {
    let after = peer.traffic();
    Sample {
        planning: Some(planning),
        took,
        requests: Some(after.0 - before.0),
        bytes: Some(after.1 - before.1),
        answer,
    }
}
