//! Blocks are read once, kept within their budget, and never hide what happened.

use std::sync::Arc;

use bytes::Bytes;
use lakebed_store::BlockCache;
use lakebed_store::Cached;
use lakebed_store::Error;
use lakebed_store::Fault;
use lakebed_store::Faulty;
use lakebed_store::Meter;
use lakebed_store::Metered;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Operation;
use lakebed_store::Rule;
use lakebed_store::Store;
use lakebed_store::Throttle;
use lakebed_store::Throttled;
use lakebed_store::blocks::BLOCK;

const MB: u64 = 1 << 20;

fn object(length: u64) -> Bytes {
    (0..length).map(|at| (at * 7 + at / 251) as u8).collect::<Vec<u8>>().into()
}

struct Fixture {
    store: Cached,
    blocks: Arc<BlockCache>,
    faulty: Arc<Faulty>,
    meter: Arc<Meter>,
}

/// A slow store with one object, and a cache before it.
async fn fixture(length: u64, budget: u64) -> Fixture {
    let faulty = Arc::new(Faulty::new(Arc::new(ObjectStoreBackend::memory())));
    faulty.create("o", object(length)).await.unwrap();
    let latency = std::time::Duration::from_millis(10);
    let slow = Throttled::new(faulty.clone(), Throttle { latency, bytes_per_second: None });
    let meter = Arc::new(Meter::default());
    let metered = Metered::new(Arc::new(slow), Arc::clone(&meter));
    let blocks = Arc::new(BlockCache::new(budget));
    let store = Cached::new(Arc::new(metered), Arc::clone(&blocks), vec![Arc::clone(&meter)]);
    Fixture { store, blocks, faulty, meter }
}

#[tokio::test(start_paused = true)]
async fn near_ranges_share_a_request() {
    let f = fixture(MB + 100, 32 * MB).await;
    let truth = object(MB + 100);
    let (begin, before) = (tokio::time::Instant::now(), f.meter.snapshot());
    for at in (0..BLOCK).step_by(1000) {
        let end = at + 500;
        let found = f.store.get_range("o", at..end.min(BLOCK)).await.unwrap();
        assert_eq!(found, truth[at as usize..end.min(BLOCK) as usize]);
    }
    let spent = f.meter.since(before);
    assert_eq!((spent.reads(), spent.bytes_read), (1, BLOCK));
    assert_eq!((spent.hits, spent.hit_bytes), (65, 65 * BLOCK));
    assert_eq!(begin.elapsed().as_millis(), 10);
    // Across blocks, those known and those not, up to the last byte; the gap comes along.
    let before = f.meter.snapshot();
    let ranges = [BLOCK - 10..BLOCK + 10, 4 * BLOCK..4 * BLOCK, MB + 90..MB + 100, 0..5];
    let found = f.store.get_ranges("o", &ranges).await.unwrap();
    for (found, range) in found.iter().zip(&ranges) {
        assert_eq!(found, &truth[range.start as usize..range.end as usize]);
    }
    let spent = f.meter.since(before);
    assert_eq!((spent.reads(), spent.bytes_read), (2, BLOCK + 100));
    let all = f.store.get_range("o", 0..MB + 100).await.unwrap();
    assert_eq!(all, truth);
}

#[tokio::test(start_paused = true)]
async fn readers_at_the_same_time_read_once() {
    let f = fixture(MB, 32 * MB).await;
    let before = f.meter.snapshot();
    let reads = (0..20u64).map(|n| f.store.get_range("o", n * 100..n * 100 + BLOCK));
    let found = futures::future::try_join_all(reads).await.unwrap();
    let truth = object(MB);
    for (n, found) in found.iter().enumerate() {
        assert_eq!(found, &truth[n * 100..n * 100 + BLOCK as usize]);
    }
    let spent = f.meter.since(before);
    // The first read touches one block, all others the next as well.
    assert_eq!((spent.reads(), spent.bytes_read), (2, 2 * BLOCK));
    // A reader that gives up leaves nothing behind that others would wait for.
    {
        let range = 8 * BLOCK..9 * BLOCK;
        let wait = std::time::Duration::from_millis(5);
        tokio::time::timeout(wait, f.store.get_range("o", range.clone())).await.unwrap_err();
        assert_eq!(f.store.get_range("o", range).await.unwrap().len() as u64, BLOCK);
    }
    // One that is started and then left alone does not stop another.
    let mut stalled = Box::pin(f.store.get_range("o", 12 * BLOCK..13 * BLOCK));
    assert!(futures::poll!(&mut stalled).is_pending());
    let found = f.store.get_range("o", 12 * BLOCK..13 * BLOCK).await.unwrap();
    assert_eq!(stalled.await.unwrap(), found);
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_kept() {
    let budget = 2 * MB;
    let f = fixture(8 * MB, budget).await;
    for at in (0..8 * MB).step_by(BLOCK as usize) {
        f.store.get_range("o", at..at + 10).await.unwrap();
        assert!(f.blocks.bytes() <= budget, "{} of {budget}", f.blocks.bytes());
    }
    assert!(f.blocks.bytes() > budget / 2, "{}", f.blocks.bytes());
    // Large reads go past, and push nothing out.
    let (kept, before) = (f.blocks.bytes(), f.meter.snapshot());
    assert_eq!(f.store.get_range("o", 0..MB).await.unwrap().len() as u64, MB);
    assert_eq!(f.meter.since(before).bytes_read, MB);
    assert_eq!(f.blocks.bytes(), kept);
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_and_not_kept() {
    let f = fixture(MB + 100, 32 * MB).await;
    let past = f.store.get_range("o", MB + 50..MB + 101).await.unwrap_err();
    let Error::Truncated { size, range, .. } = &past else { panic!("{past}") };
    assert_eq!((*size, range.clone()), (MB + 100, MB + 50..MB + 101));
    let past = f.store.get_range("o", 4 * MB..4 * MB + 1).await.unwrap_err();
    assert!(matches!(past, Error::Truncated { .. }), "{past}");
    assert!(f.store.get_range("absent", 0..1).await.unwrap_err().is_not_found());
    f.store.create("absent", Bytes::from_static(b"here")).await.unwrap();
    assert_eq!(f.store.get_range("absent", 0..2).await.unwrap(), "he");
    f.faulty.fail(Rule::new(&[Operation::GetRange], Fault::Lost).times(1));
    let reads = [f.store.get_range("o", 0..10), f.store.get_range("o", 20..30)];
    let found = futures::future::join_all(reads).await;
    assert_eq!(found.iter().filter(|found| found.is_err()).count(), 1, "{found:?}");
    assert_eq!(f.store.get_range("o", 0..10).await.unwrap(), object(10));
    // What was deleted is gone; what has changed under its name is asked for by `get` only.
    f.store.delete("o").await.unwrap();
    assert!(f.store.get_range("o", 0..10).await.unwrap_err().is_not_found());
    f.store.put("hint", Bytes::from_static(b"1")).await.unwrap();
    assert_eq!(f.store.get("hint").await.unwrap(), "1");
    f.store.put("hint", Bytes::from_static(b"2")).await.unwrap();
    assert_eq!(f.store.get("hint").await.unwrap(), "2");
}
