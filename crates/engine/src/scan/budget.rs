//! Bytes in flight: how much scans read ahead.
//!
//! DataFusion's memory pool fails where a scan had better wait, so reading ahead waits for permits
//! here first. Whoever is next in line never waits: nobody can then wait for a batch that waits
//! for memory that only later batches hold.

use std::sync::Arc;
use std::sync::LazyLock;

use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::memory_pool::MemoryReservation;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::watch;

/// Bytes that all scans of this process together read ahead.
const PROCESS_BYTES: u64 = 64 << 20;
/// Bytes that one scan reads ahead.
const SCAN_BYTES: u64 = 32 << 20;
/// One permit.
const UNIT: u64 = 4096;

static PROCESS: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new(usize::try_from(PROCESS_BYTES / UNIT).unwrap_or(1))));

/// Tells a unit of work when it is next in line, and how many rows are still wanted then.
pub type Turn = watch::Receiver<Option<usize>>;

/// What one scan may hold.
#[derive(Debug)]
pub struct Budget {
    pool: Arc<dyn MemoryPool>,
    own: Arc<Semaphore>,
    permits: u32,
    /// What the next in line has when operators that spill hold the rest of the pool.
    standing: MemoryReservation,
}

/// Bytes that are in flight until this is dropped.
#[derive(Debug)]
pub struct InFlight {
    reservation: MemoryReservation,
    _permits: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl InFlight {
    /// Sets the bytes to what really arrived.
    pub fn settle(&mut self, bytes: usize) {
        self.reservation.resize(bytes);
    }
}

impl Budget {
    /// A budget within a memory pool.
    pub fn new(pool: &Arc<dyn MemoryPool>) -> Budget {
        let bytes = match pool.memory_limit() {
            MemoryLimit::Finite(limit) => {
                SCAN_BYTES.min(u64::try_from(limit / 4).unwrap_or(SCAN_BYTES))
            }
            _ => SCAN_BYTES,
        };
        let permits = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        let own = Arc::new(Semaphore::new(usize::try_from(permits).unwrap_or(1)));
        let standing = MemoryConsumer::new("DatasetScan").register(pool);
        let budget = Budget { pool: Arc::clone(pool), own, permits, standing };
        // A pool that is full already has no room for this either; then reads fail as they must.
        let _ = budget.standing.try_grow(usize::try_from(budget.largest()).unwrap_or(0));
        budget
    }

    /// The most bytes that one read should ask for.
    pub fn largest(&self) -> u64 {
        u64::from(self.permits).saturating_mul(UNIT) / 4
    }

    /// Waits until `bytes` may be in flight, or until it is this unit's turn.
    ///
    /// # Errors
    /// If it is this unit's turn and the pool has no room.
    pub async fn take(&self, bytes: u64, turn: &mut Turn, partition: usize) -> Result<InFlight> {
        let reservation =
            MemoryConsumer::new(format!("DatasetScan[{partition}]")).register(&self.pool);
        let amount = usize::try_from(bytes).unwrap_or(usize::MAX);
        if turn.borrow().is_some() {
            self.grow(&reservation, amount)?;
            return Ok(InFlight { reservation, _permits: None });
        }
        let permits = tokio::select! {
            biased;
            permits = self.permits(bytes) => permits,
            () = its_turn(turn) => None,
        };
        if reservation.try_grow(amount).is_err() {
            // Others hold the memory; those before this unit will give theirs back.
            drop(permits);
            its_turn(turn).await;
            self.grow(&reservation, amount)?;
            return Ok(InFlight { reservation, _permits: None });
        }
        Ok(InFlight { reservation, _permits: permits })
    }

    /// Grows a reservation, or lets what stands for the next in line cover it.
    fn grow(&self, reservation: &MemoryReservation, amount: usize) -> Result<()> {
        match reservation.try_grow(amount) {
            Err(_) if amount <= self.standing.size() => Ok(()),
            result => result,
        }
    }

    async fn permits(&self, bytes: u64) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let wanted = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.permits);
        let own = Arc::clone(&self.own).acquire_many_owned(wanted).await.ok()?;
        let all = Arc::clone(&PROCESS).acquire_many_owned(wanted).await.ok()?;
        Some((own, all))
    }
}

/// Waits until a unit is next in line. If nobody will ever say so, nobody wants its rows either.
pub async fn its_turn(turn: &mut Turn) {
    if turn.wait_for(Option::is_some).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[tokio::test]
    async fn the_next_in_line_does_not_wait() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(1 << 20));
        let budget = Budget::new(&pool);
        let (_later, mut later) = watch::channel(None);
        let (_first, mut first) = watch::channel(Some(usize::MAX));
        let held = budget.take(256 << 10, &mut later, 0).await.unwrap();
        // All permits are taken, and yet:
        let next = budget.take(512 << 10, &mut first, 0).await.unwrap();
        assert_eq!(pool.reserved(), (768 + 64) << 10);
        assert!(budget.take(512 << 10, &mut first, 0).await.is_err());
        // What stands for the next in line is there when the pool is taken.
        let rest = MemoryConsumer::new("sort").register(&pool);
        rest.try_grow((1024 - 832) << 10).unwrap();
        assert!(budget.take(64 << 10, &mut first, 0).await.is_ok());
        drop((held, next, rest, budget));
        assert_eq!(pool.reserved(), 0);
    }
}
