use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::*;

struct Counter {
    rows: usize,
}

impl BatchBuilder for Counter {
    type Row = ();

    fn push(&mut self, (): ()) -> Result<()> {
        self.rows += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let options = arrow::array::RecordBatchOptions::new()
            .with_row_count(Some(std::mem::take(&mut self.rows)));
        let schema = Arc::new(arrow_schema::Schema::empty());
        Ok(RecordBatch::try_new_with_options(schema, Vec::new(), &options)?)
    }
}

fn row() -> Loaded<()> {
    Loaded { row: (), bytes: 1, warnings: Vec::new(), common: Vec::new() }
}

fn items(count: usize) -> Vec<String> {
    (0..count).map(|index| index.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_files_are_loaded_than_asked_for() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&begun);
    let load = move |_: String| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(row())
    };
    let options = ImportOptions { parallel: 3, batch_rows: 5, ..ImportOptions::default() };
    let mut events = run(items(100), load, Counter { rows: 0 }, Found::default(), &options);
    let mut rows = 0;
    while let Some(event) = events.next().await {
        let Event::Batch(batch) = event.unwrap() else { panic!("no warnings here") };
        rows += batch.num_rows();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        // The row that did not fit the batch, and those in flight.
        assert!(begun.load(Ordering::SeqCst) <= rows + 1 + 3);
    }
    assert_eq!(rows, 100);
}

#[tokio::test]
async fn a_panic_costs_one_file() {
    let load = |file: String| if file == "3" { panic!("a decoder's mistake") } else { Ok(row()) };
    let options = ImportOptions { on_error: OnError::Skip, ..ImportOptions::default() };
    let events = run(items(5), load, Counter { rows: 0 }, Found::default(), &options);
    let events: Vec<Event> = events.map(Result::unwrap).collect().await;
    let [Event::Skipped(problem), Event::Batch(batch)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((problem.file.as_str(), batch.num_rows()), ("3", 4));
    let mut events =
        run(items(5), load, Counter { rows: 0 }, Found::default(), &ImportOptions::default());
    assert!(matches!(events.next().await, Some(Err(Error::File(_)))));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn what_is_doomed_fails_before_anything_is_read() {
    let load = |_: String| panic!("read nothing");
    let found = || Found { doomed: Some(Problem::new("x", "broken")), ..Found::default() };
    let options = ImportOptions::default();
    let mut events = run(items(5), load, Counter { rows: 0 }, found(), &options);
    let Some(Err(Error::File(problem))) = events.next().await else { panic!("no error") };
    assert_eq!(problem.file, "x");
    let skip = ImportOptions { on_error: OnError::Skip, ..options };
    let events = run(items(5), |_: String| Ok(row()), Counter { rows: 0 }, found(), &skip);
    assert_eq!(events.collect::<Vec<_>>().await.len(), 1);
}
