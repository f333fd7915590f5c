//! Memory of batches that were dropped, for those that come: pages that the system hands out anew
//! for every batch cost a tenth of the decoding.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use arrow::buffer::Buffer;
use bytes::Bytes;

/// Pieces of memory that nobody uses.
#[derive(Default)]
pub(crate) struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
}

/// What is kept at most: a batch is dropped about when the next is begun.
const KEPT: usize = 4;

impl Pool {
    /// No code of others runs under the lock, so what a panicking thread leaves is whole.
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory of at least so many bytes, whatever they hold.
    pub fn take(&self, bytes: usize) -> Vec<u8> {
        let mut free = self.lock();
        // One that is far too large would stay in use for little.
        let fits = |piece: &Vec<u8>| piece.len() >= bytes && piece.len() / 4 <= bytes;
        match free.iter().position(fits) {
            Some(at) => free.swap_remove(at),
            None => {
                drop(free);
                vec![0; bytes]
            }
        }
    }

    fn give_back(&self, piece: Vec<u8>) {
        let mut free = self.lock();
        if free.len() >= KEPT {
            free.remove(0);
        }
        free.push(piece);
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
        let pool = Arc::new(Pool::default());
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
        assert_eq!(pool.take(101).len(), 101);
        assert_eq!(pool.take(10).len(), 10);
        let again = pool.take(90);
        assert_eq!(again.as_ptr(), at);
    }
}
