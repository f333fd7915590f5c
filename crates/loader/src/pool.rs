//! Memory of batches and groups that were dropped, for those that come: pages that the system hands
//! out anew for every batch cost a tenth of the decoding.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use arrow::buffer::Buffer;
use bytes::Bytes;

/// Pieces of memory that nobody uses.
pub(crate) struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
    /// Bytes that are kept at most.
    most: usize,
}

/// Pieces that are kept at most: as many as groups grow by, and about as many as batches wait.
const KEPT: usize = 8;

impl Pool {
    /// A pool that keeps no more than so many bytes.
    pub fn new(most: usize) -> Pool {
        Pool { free: Mutex::default(), most }
    }

    /// No code of others runs under the lock, so what a panicking thread leaves is whole.
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory of at least so many bytes, whatever they hold.
    pub fn take(&self, bytes: usize) -> Vec<u8> {
        let mut free = self.lock();
        // One that is far too large would stay in use for little.
        let fits = |piece: &Vec<u8>| piece.len() >= bytes && piece.len() / 4 <= bytes;
        // Of the smallest the one that came back last, which is the likeliest to be in a cache still.
        let smallest = free.iter().enumerate().rev().filter(|(_, piece)| fits(piece));
        match smallest.min_by_key(|(_, piece)| piece.len()).map(|(at, _)| at) {
            Some(at) => free.remove(at),
            None => {
                drop(free);
                // A little more, for the next one may be a little larger.
                vec![0; bytes.saturating_add(bytes / 8)]
            }
        }
    }

    fn give_back(&self, piece: Vec<u8>) {
        let mut free = self.lock();
        free.push(piece);
        let mut bytes: usize = free.iter().map(Vec::len).sum();
        while free.len() > KEPT || bytes > self.most {
            // The one that nobody has wanted for longest.
            bytes -= free.remove(0).len();
        }
    }

    /// The first bytes of such memory as a buffer, which gives it back when it is dropped.
    pub fn buffer(self: &Arc<Pool>, piece: Vec<u8>, bytes: usize) -> Buffer {
        let owner = Owner { piece, bytes, pool: Arc::clone(self) };
        Buffer::from(Bytes::from_owner(owner))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("free", &self.lock().len()).finish()
    }
}

struct Owner {
    piece: Vec<u8>,
    bytes: usize,
    pool: Arc<Pool>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.piece.get(..self.bytes).unwrap_or(&self.piece)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.piece));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_and_is_used_again() {
        let pool = Arc::new(Pool::new(1000));
        let mut piece = pool.take(100);
        piece[7] = 9;
        let at = piece.as_ptr();
        let buffer = pool.buffer(piece, 80);
        assert_eq!((buffer.len(), buffer.as_slice()[7]), (80, 9));
        let copy = buffer.slice(3);
        drop(buffer);
        assert!(pool.lock().is_empty(), "a slice still looks at it");
        drop(copy);
        assert_eq!(pool.lock().len(), 1);
        // Too small for the one, too large for the other.
        assert_eq!(pool.take(113).len(), 127);
        assert_eq!(pool.take(10).len(), 11);
        let again = pool.take(100);
        assert_eq!(again.as_ptr(), at);
    }

    #[test]
    fn pieces_of_every_size_wait_within_bounds() {
        let pool = Arc::new(Pool::new(100_000));
        let waiting = || pool.lock().iter().map(Vec::len).collect::<Vec<_>>();
        let sizes = [1000, 4000, 16_000, 64_000];
        for _ in 0..3 {
            let pieces = sizes.map(|size| pool.buffer(pool.take(size), size));
            assert!(waiting().is_empty());
            drop(pieces);
            assert_eq!(waiting(), sizes.map(|size| size / 8 * 9));
        }
        drop(pool.buffer(pool.take(80_000), 80_000));
        assert_eq!(waiting(), [90_000]);
        drop(pool.buffer(pool.take(200_000), 200_000));
        assert!(waiting().is_empty());
        for _ in 0..20 {
            pool.give_back(vec![0; 10]);
        }
        assert_eq!(waiting().len(), KEPT);
    }
}
