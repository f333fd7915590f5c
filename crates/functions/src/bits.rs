//! Many bools: made by the block, judged by the word.

use std::ops::Range;

use arrow::buffer::BooleanBuffer;
use arrow::buffer::Buffer;

/// Bools that are computed before they are packed: enough for the compiler to vectorise the loop,
/// few enough to stay in the nearest cache.
const BLOCK: usize = 256;

/// `f` of every element.
pub fn map<A: Copy>(values: &[A], mut f: impl FnMut(A) -> bool) -> BooleanBuffer {
    let mut packer = Packer::new(values.len());
    for block in values.chunks(BLOCK) {
        for (flag, value) in packer.flags.iter_mut().zip(block) {
            *flag = f(*value);
        }
        packer.pack(block.len());
    }
    packer.finish(values.len())
}

/// `f` of every pair of elements.
pub fn zip<A: Copy, B: Copy>(a: &[A], b: &[B], mut f: impl FnMut(A, B) -> bool) -> BooleanBuffer {
    let count = a.len().min(b.len());
    let mut packer = Packer::new(count);
    let (a, b) = (a.chunks(BLOCK), b.chunks(BLOCK));
    for (a, b) in a.zip(b) {
        for ((flag, a), b) in packer.flags.iter_mut().zip(a).zip(b) {
            *flag = f(*a, *b);
        }
        packer.pack(a.len().min(b.len()));
    }
    packer.finish(count)
}

struct Packer {
    flags: [bool; BLOCK],
    words: Vec<u64>,
}

impl Packer {
    fn new(count: usize) -> Packer {
        Packer { flags: [false; BLOCK], words: Vec::with_capacity(count.div_ceil(64)) }
    }

    fn pack(&mut self, count: usize) {
        let words = self.flags.as_chunks::<64>().0.iter().map(word);
        self.words.extend(words.take(count.div_ceil(64)));
    }

    fn finish(self, count: usize) -> BooleanBuffer {
        BooleanBuffer::new(Buffer::from_vec(self.words), 0, count)
    }
}

fn word(flags: &[bool; 64]) -> u64 {
    let mut word = [0; 8];
    for (byte, flags) in word.iter_mut().zip(flags.as_chunks::<8>().0) {
        // The product moves the lowest bit of byte i to bit 56 + i, and no two bits meet.
        let product = u64::from_le_bytes(flags.map(u8::from)).wrapping_mul(0x0102_0408_1020_4080);
        *byte = product.to_be_bytes()[0];
    }
    u64::from_ne_bytes(word)
}

/// Bits that are read up to 64 at a time.
#[derive(Debug, Clone, Copy)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Bits<'a> {
    /// The bits of a buffer.
    pub fn new(buffer: &'a BooleanBuffer) -> Bits<'a> {
        Bits { bytes: buffer.inner().as_slice(), offset: buffer.offset() }
    }

    /// True if a bit of the range is set.
    #[inline]
    pub fn any(&self, range: Range<usize>) -> bool {
        self.differs(range, 0)
    }

    /// True if every bit of the range is set.
    #[inline]
    pub fn all(&self, range: Range<usize>) -> bool {
        !self.differs(range, u64::MAX)
    }

    /// How many bits of the range are set.
    pub fn count(&self, range: Range<usize>) -> u32 {
        let mut count = 0;
        let mut at = range.start;
        while at < range.end {
            let (word, bits) = self.word(at, range.end);
            count += word.count_ones();
            at += bits;
        }
        count
    }

    /// True if a bit of the range is not as those of `from`, which are all the same.
    #[inline]
    fn differs(&self, range: Range<usize>, from: u64) -> bool {
        let mut at = range.start;
        while at < range.end {
            let start = self.offset + at;
            if start.is_multiple_of(8) && range.end - at >= 64 {
                let whole = (range.end - at) / 64;
                let bytes = self.bytes.get(start / 8..start / 8 + whole * 8).unwrap_or(&[]);
                let words = bytes.as_chunks::<8>().0;
                // Without a branch for every word, so that it is vectorised.
                if words.chunks(8).any(|words| {
                    words.iter().fold(0, |found, word| found | (u64::from_ne_bytes(*word) ^ from))
                        != 0
                }) {
                    return true;
                }
                at += whole * 64;
                continue;
            }
            let (word, bits) = self.word(at, range.end);
            if word != from & (u64::MAX >> (64 - bits)) {
                return true;
            }
            at += bits;
        }
        false
    }

    /// The bits from `at` to the end of its eight bytes, or to `end`, and how many they are: at
    /// least one, since `at` is before `end`.
    #[inline]
    fn word(&self, at: usize, end: usize) -> (u64, usize) {
        let start = self.offset + at;
        let (byte, bit) = (start / 8, start % 8);
        let rest = self.bytes.get(byte..).unwrap_or(&[]);
        let eight = match rest.first_chunk::<8>() {
            Some(eight) => *eight,
            None => {
                let mut eight = [0; 8];
                eight.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                eight
            }
        };
        let bits = (end - at).min(64 - bit);
        ((u64::from_le_bytes(eight) >> bit) & (u64::MAX >> (64 - bits)), bits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_are_the_bools_they_came_from(
            bools in prop::collection::vec(prop::bool::weighted(0.9), 0..700),
            cut in (0usize..70, 0usize..700),
        ) {
            let packed = map(&bools, |x| x);
            prop_assert_eq!(&packed, &BooleanBuffer::from(bools.clone()));
            prop_assert_eq!(&zip(&bools, &bools, |x, y| x && y), &packed);
            let start = cut.0.min(bools.len());
            let sliced = packed.slice(start, bools.len() - start);
            let bools = &bools[start..];
            let range = 0..cut.1.min(bools.len());
            let bits = Bits::new(&sliced);
            for range in [range.clone(), range.end..bools.len()] {
                let part = &bools[range.clone()];
                prop_assert_eq!(bits.any(range.clone()), part.contains(&true));
                prop_assert_eq!(bits.all(range.clone()), !part.contains(&false));
                let count = part.iter().filter(|x| **x).count();
                prop_assert_eq!(usize::try_from(bits.count(range)).unwrap(), count);
            }
        }
    }
}
