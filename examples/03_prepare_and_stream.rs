//! A query is parsed once and run with many values; its rows are taken as they come, and no more of
//! them than are wanted: `cargo run --release --example 03_prepare_and_stream`.

use std::error::Error;
use std::sync::Arc;

use futures::StreamExt;
use lakebed::convert::demo;
use lakebed::dataset::Options;
use lakebed::engine::Cost;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use lakebed::engine::result::Cells;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let session = Session::builder().memory_limit(256 << 20).partitions(2).seed(7).build()?;
    session.set_current(demo::create("mem://pictures", Options::default()).await?);

    let text = "SELECT captions WHERE score > $least AND ANY(labels == ?) ORDER BY score LIMIT 1";
    let statement = session.prepare(Language::Tql, text)?;
    show(&format!("{text}\n  takes {}", statement.parameters().join(" and ")));
    for (shape, least) in [("circle", 0.5), ("ring", 0.9)] {
        let values = Parameters::new().with(shape).with_named("least", least);
        for batch in statement.bind(&values).await?.collect().await? {
            let columns = Cells::of_batch(&batch)?;
            for row in 0..batch.num_rows() {
                show(&format!("  {shape} above {least}: {}", columns[0].summary(row)));
            }
        }
    }

    // Dropping the stream stops all reading but for what was read ahead; nothing was decoded.
    let query = session.tql("SELECT images, captions").await?;
    let prepared = query.prepare().await?;
    let plan = Arc::clone(prepared.plan());
    let mut stream = prepared.stream()?;
    if let Some(first) = stream.next().await {
        show(&format!("the first batch has {} rows", first?.num_rows()));
    }
    drop(stream);
    let cost = Cost::of(&plan);
    show(&format!(
        "  {} requests, {} bytes, {} images decoded",
        cost.requests, cost.bytes, cost.samples_decoded
    ));

    // An error knows its place in the text.
    let wrong = "SELECT caption WHERE score > 0.5";
    if let Err(error) = session.tql(wrong).await {
        show(&error.render(wrong));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows its results")]
fn show(line: &str) {
    println!("{line}");
}
