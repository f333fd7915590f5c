//! The clock and the randomness of one process, so that a test can replay a run from its seed.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use rand::RngCore;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Where time and random bits come from.
#[derive(Clone)]
pub struct Env {
    rng: Arc<Mutex<StdRng>>,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl Env {
    /// The operating system's clock and randomness.
    pub fn system() -> Env {
        Env { rng: Arc::new(Mutex::new(StdRng::from_os_rng())), clock: Arc::new(system_micros) }
    }

    /// Random bits from a seed and a clock that starts at 0 and moves one millisecond a call.
    pub fn seeded(seed: u64) -> Env {
        let ticks = Arc::new(std::sync::atomic::AtomicI64::new(0));
        Env {
            rng: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))),
            clock: Arc::new(move || ticks.fetch_add(1000, std::sync::atomic::Ordering::Relaxed)),
        }
    }

    /// Microseconds since 1970-01-01 UTC. For people to read; nothing is decided by it.
    pub fn now_micros(&self) -> i64 {
        (self.clock)()
    }

    /// 128 random bits.
    pub fn random_u128(&self) -> u128 {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64())
    }

    /// 64 random bits.
    pub fn random_u64(&self) -> u64 {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }
}

impl Default for Env {
    fn default() -> Env {
        Env::system()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

fn system_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
