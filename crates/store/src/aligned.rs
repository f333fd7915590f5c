//! Buffers that start on the 64-byte boundary that Arrow recommends.

use bytes::Bytes;

/// The boundary, in bytes.
pub const ALIGNMENT: usize = 64;

/// A buffer to read into. Address 0 of what it holds is `phase` bytes past a boundary, so
/// bytes that are aligned in their object are aligned in memory.
pub(crate) struct Aligned {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    pub(crate) fn new(length: usize, phase: u64) -> Aligned {
        Aligned::within(vec![0u8; Aligned::memory_for(length)], length, phase)
    }

    /// Bytes of memory that a buffer takes, whatever its phase.
    pub(crate) fn memory_for(length: usize) -> usize {
        length.saturating_add(ALIGNMENT)
    }

    /// A buffer in memory of at least [`Aligned::memory_for`] bytes.
    pub(crate) fn within(memory: Vec<u8>, length: usize, phase: u64) -> Aligned {
        let to_boundary = memory.as_ptr().align_offset(ALIGNMENT);
        let phase = usize::try_from(phase % 64).unwrap_or(0);
        // Alignment is only speed: if the offset cannot be told, the buffer starts at its front.
        let start = to_boundary.checked_add(phase).map_or(0, |s| s % ALIGNMENT);
        Aligned { memory, start, length }
    }

    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        let end = self.start + self.length;
        self.memory.get_mut(self.start..end).unwrap_or_default()
    }

    pub(crate) fn as_ref(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.length).unwrap_or_default()
    }

    /// The memory; the buffer is empty from then on.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        (self.start, self.length) = (0, 0);
        std::mem::take(&mut self.memory)
    }

    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from(self.memory).slice(self.start..self.start + self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_their_phase() {
        for (length, phase) in [(0, 0), (1, 0), (100, 1), (4096, 63), (5_000_000, 130)] {
            let mut buffer = Aligned::new(length, phase);
            assert_eq!(buffer.as_mut().len(), length);
            buffer.as_mut().fill(7);
            let bytes = buffer.freeze();
            assert_eq!(bytes.as_ptr() as usize % 64, usize::try_from(phase % 64).unwrap());
            assert!(bytes.len() == length && bytes.iter().all(|&b| b == 7));
        }
    }
}
