//! Bytes made up from valid ones.

use super::seeds::Seed;

/// Numbers that follow from a case.
pub(super) struct Noise(u64);

/// Digits that stand for more than there is, in the numbers of a JSON text.
const HUGE: [&str; 6] =
    ["18446744073709551615", "9223372036854775807", "4294967296", "0", "-1", "1e300"];

impl Noise {
    pub fn new(case: u64) -> Noise {
        Noise(case.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let x = self.0 ^ (self.0 >> 33);
        x.wrapping_mul(0xff51_afd7_ed55_8ccd) >> 7
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }

    /// One of the seeds with some of its parts changed.
    pub fn make_up(&mut self, seeds: &[Seed]) -> Seed {
        let mut seed = seeds[self.below(seeds.len())].clone();
        let other = &seeds[self.below(seeds.len())];
        // Mostly the first part: what says where everything is.
        let part = if self.below(4) > 0 { 0 } else { self.below(seed.parts.len()) };
        let donor = &other.parts[part.min(other.parts.len() - 1)];
        let bytes = std::mem::take(&mut seed.parts[part]);
        seed.parts[part] = self.mutate(bytes, donor);
        seed.choice = self.next();
        seed
    }

    fn mutate(&mut self, mut bytes: Vec<u8>, donor: &[u8]) -> Vec<u8> {
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                return bytes;
            }
            let at = self.below(bytes.len());
            match self.below(9) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 2, 0x7f, 0x80, 0xff][self.below(6)],
                2 => bytes[at] = self.next() as u8,
                3 => bytes.truncate(at + 1),
                // A whole word, as lengths and offsets are written.
                4 => self.word(&mut bytes, at / 8 * 8, 8),
                5 => self.word(&mut bytes, at / 4 * 4, 4),
                6 => self.digits(&mut bytes, at),
                // A part of another, or of itself, in between or instead.
                7 => {
                    let from = self.below(donor.len());
                    let count = self.below(64).min(donor.len() - from);
                    let end = if self.below(2) == 0 { at } else { (at + count).min(bytes.len()) };
                    bytes.splice(at..end, donor[from..from + count].iter().copied());
                }
                _ => {
                    let count = self.below(64).min(bytes.len() - at);
                    bytes.drain(at..at + count);
                }
            }
        }
        bytes
    }

    fn word(&mut self, bytes: &mut [u8], at: usize, width: usize) {
        let near = u64::from(bytes[at]).wrapping_add(self.below(3) as u64).wrapping_sub(1);
        let words = [u64::MAX, 1 << 63, 1 << 40, 1 << 31, 1 << 20, 1 << 16, 0, near, self.next()];
        let word = words[self.below(words.len())].to_le_bytes();
        for (to, from) in bytes[at..].iter_mut().zip(&word[..width]) {
            *to = *from;
        }
    }

    /// Puts another number in the place of the next one that is written in digits.
    fn digits(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let Some(first) = (at..bytes.len()).find(|nth| bytes[*nth].is_ascii_digit()) else {
            return;
        };
        let end = (first..bytes.len()).find(|nth| !bytes[*nth].is_ascii_digit());
        let number = HUGE[self.below(HUGE.len())].bytes();
        bytes.splice(first..end.unwrap_or(bytes.len()), number);
    }
}
