//! Which blocks of a payload were compared with their checksums.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// A bit for each block or image, made when the first is set.
#[derive(Debug, Default)]
pub(crate) struct Seen(OnceLock<Box<[AtomicU64]>>);

impl Clone for Seen {
    /// Nothing has been seen by whoever holds the copy.
    fn clone(&self) -> Seen {
        Seen::default()
    }
}

impl Seen {
    /// Was it compared?
    pub fn has(&self, at: usize) -> bool {
        let word = self.0.get().and_then(|words| words.get(at / 64));
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (at % 64) & 1 == 1)
    }

    /// It was compared; there are `count` in all.
    pub fn set(&self, at: usize, count: usize) {
        let words =
            self.0.get_or_init(|| (0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect());
        if let Some(word) = words.get(at / 64) {
            word.fetch_or(1 << (at % 64), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_apart() {
        let seen = Seen::default();
        assert!(!seen.has(70));
        seen.set(70, 100);
        assert!(seen.has(70) && !seen.has(69) && !seen.has(6) && !seen.has(1000));
        assert!(!seen.clone().has(70));
    }
}
