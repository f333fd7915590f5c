//! The meter counts what a budget is held on.

use bytes::Bytes;
use lakebed_store::Counts;
use lakebed_store::open_metered;

#[tokio::test]
async fn requests_and_bytes_are_counted_after_merging() {
    let (store, meter) = open_metered("mem://metering").unwrap();
    store.create("a", Bytes::from(vec![1; 4 << 20])).await.unwrap();
    store.create("a", Bytes::from_static(b"12")).await.unwrap_err();
    store.put("hint", Bytes::from_static(b"123")).await.unwrap();
    let mut writer = store.writer("b").await.unwrap();
    writer.write(Bytes::from_static(b"1234")).await.unwrap();
    writer.write(Bytes::from_static(b"5")).await.unwrap();
    writer.finish().await.unwrap();
    let written = meter.snapshot();
    let expected = Counts {
        creates: 2,
        puts: 1,
        objects_streamed: 1,
        bytes_written: (4 << 20) + 2 + 3 + 5,
        ..Counts::default()
    };
    assert_eq!(written, expected);

    store.get_ranges("a", &[0..10, 100..110, 3 << 20..(3 << 20) + 1, 5..5]).await.unwrap();
    store.get_range("a", 0..7).await.unwrap();
    store.get("hint").await.unwrap();
    store.get("absent").await.unwrap_err();
    store.size("a").await.unwrap();
    store.list("").await.unwrap();
    store.delete("a").await.unwrap();
    let read = meter.since(written);
    let expected = Counts {
        gets: 2,
        range_gets: 3,
        ranges_asked: 5,
        sizes: 1,
        lists: 1,
        deletes: 1,
        bytes_read: 110 + 1 + 7 + 3,
        ..Counts::default()
    };
    assert_eq!(read, expected);
    assert_eq!((read.reads(), read.writes(), read.requests()), (7, 1, 8));
}
