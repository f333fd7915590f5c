//! Every function that help describes, run as help shows it.

use lakebed::convert::demo;
use lakebed::dataset::Options;
use lakebed::engine::Session;
use lakebed::functions::catalogue;

#[tokio::test]
async fn every_example_has_an_answer() {
    let session = Session::new().unwrap();
    session.set_current(demo::create("mem://catalogue", Options::default()).await.unwrap());
    let mut failures = Vec::new();
    for entry in catalogue() {
        // A page of rows is enough, and few examples are about all pictures.
        let text = format!("SELECT * FROM ({}) LIMIT 3", entry.example);
        let rows = match session.tql(&text).await {
            Err(error) => Err(error.render(&text)),
            Ok(query) => match query.collect().await {
                Err(error) => Err(error.render(&text)),
                Ok(batches) => Ok(batches.iter().map(|batch| batch.num_rows()).sum::<usize>()),
            },
        };
        match rows {
            Ok(rows) if rows > 0 => {}
            Ok(_) => failures.push(format!("{}: no rows: {}", entry.udf, entry.example)),
            Err(error) => failures.push(format!("{}: {error}", entry.udf)),
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}
