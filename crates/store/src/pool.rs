//! Buffers that are used again, because fresh memory costs as much as reading into it: the kernel
//! zeroes each of its pages at the first touch.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;

use crate::aligned::ALIGNMENT;
use crate::aligned::Aligned;

/// Smaller buffers come from the allocator, which has them at hand.
const SMALLEST: usize = 32 << 10;

/// Larger buffers are not kept.
const LARGEST: usize = 20 << 20;

/// Bytes of all buffers that wait for their next use: of two of the largest that merging makes, or of
/// more smaller ones, and of what alignment takes.
const KEPT: usize = (32 << 20) + 1024 * ALIGNMENT;

/// Buffers that wait. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// A buffer to read into, as [`Aligned::new`] makes one; what it holds is unspecified.
    pub(crate) fn take(&self, length: usize, phase: u64) -> Pooled {
        let needed = Aligned::memory_for(length);
        let memory = self.find(needed).unwrap_or_else(|| vec![0; rounded(needed)]);
        Pooled { buffer: Aligned::within(memory, length, phase), pool: self.clone() }
    }

    fn find(&self, needed: usize) -> Option<Vec<u8>> {
        if !(SMALLEST..=LARGEST).contains(&needed) {
            return None;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |memory: &Vec<u8>| memory.len() >= needed && memory.len() / 2 <= needed;
        let (at, _) = kept
            .iter()
            .enumerate()
            .filter(|(_, memory)| fits(memory))
            .min_by_key(|(_, memory)| memory.len())?;
        Some(kept.remove(at))
    }

    fn keep(&self, memory: Vec<u8>) {
        if !(SMALLEST..=LARGEST).contains(&memory.len()) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(memory);
        let waiting: usize = kept.iter().map(Vec::len).sum();
        let (mut surplus, mut unwanted) = (waiting.saturating_sub(KEPT), 0);
        // Those that nobody has wanted for longest.
        for memory in kept.iter() {
            if surplus == 0 {
                break;
            }
            surplus = surplus.saturating_sub(memory.len());
            unwanted += 1;
        }
        let unwanted: Vec<Vec<u8>> = kept.drain(..unwanted).collect();
        // The system takes its time with large ones.
        drop(kept);
        drop(unwanted);
    }
}

/// A buffer that goes back when nothing uses it any more.
pub(crate) struct Pooled {
    buffer: Aligned,
    pool: Pool,
}

impl Pooled {
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        self.buffer.as_mut()
    }

    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_ref()
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.pool.keep(self.buffer.take());
    }
}

/// The next of four steps a doubling, so that buffers of about one size stand in for each other;
/// what alignment takes comes on top.
fn rounded(needed: usize) -> usize {
    let bytes = needed.saturating_sub(ALIGNMENT);
    let step = (bytes.max(SMALLEST).next_power_of_two() / 8).max(1);
    match bytes < SMALLEST {
        true => needed,
        false => bytes.next_multiple_of(step).saturating_add(ALIGNMENT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pool: &Pool) -> Vec<usize> {
        pool.0.lock().unwrap().iter().map(Vec::len).collect()
    }

    #[test]
    fn a_buffer_comes_back_when_its_last_slice_is_gone() {
        let pool = Pool::default();
        let mut first = pool.take(100_000, 3);
        first.as_mut().fill(7);
        let bytes = first.freeze();
        assert_eq!((bytes.len(), bytes.as_ptr() as usize % 64), (100_000, 3));
        let part = bytes.slice(50..60);
        let address = bytes.as_ptr() as usize;
        drop(bytes);
        assert!(kept(&pool).is_empty());
        assert_eq!(part, [7; 10].as_slice());
        drop(part);
        assert_eq!(kept(&pool).len(), 1);
        let mut again = pool.take(90_000, 0);
        // Up to the phase it is the same memory.
        assert!((again.as_mut().as_ptr() as usize).abs_diff(address) < 64);
        assert_eq!(again.as_mut().len(), 90_000);
        assert!(kept(&pool).is_empty());
    }

    #[test]
    fn two_of_the_largest_wait() {
        let pool = Pool::default();
        let most = usize::try_from(crate::coalesce::MAX_MERGED).unwrap();
        drop([pool.take(most, 0), pool.take(most, 5)]);
        assert_eq!(kept(&pool).len(), 2);
    }

    #[test]
    fn what_waits_is_bounded_and_fits_its_next_use() {
        let pool = Pool::default();
        let many: Vec<Pooled> = (0..10).map(|_| pool.take(8 << 20, 0)).collect();
        drop(many);
        assert!(kept(&pool).iter().sum::<usize>() <= KEPT);
        assert_eq!(kept(&pool).len(), 4);
        // A large one does not stand in for a small one, and tiny and huge ones are not kept.
        drop(pool.take(1 << 20, 0));
        drop(pool.take(100, 0));
        drop(pool.take(40 << 20, 0));
        assert_eq!(kept(&pool).len(), 4);
        // Those that were used last wait, however many smaller ones did before.
        let many: Vec<Pooled> = (0..100).map(|_| pool.take(300 << 10, 0)).collect();
        drop(many);
        drop([pool.take(15 << 20, 0), pool.take(14 << 20, 0)]);
        assert!(kept(&pool).iter().sum::<usize>() <= KEPT);
        assert_eq!(kept(&pool).iter().filter(|bytes| **bytes > 10 << 20).count(), 2);
    }
}
