//! What small encoded images have in common: two thirds of a 32 x 32 JPEG are tables that every
//! image of its kind begins with.
//!
//! The first image of a kind becomes a *candidate*; each later one is stored from where it begins
//! to differ. Once the chunk is complete, the candidates that paid become its prefixes, and images
//! get back what they shared with the others.

use crate::buffers::to_u64;

/// The most prefixes of a chunk.
pub(crate) const MAX_PREFIXES: usize = 64;
/// The most bytes of a prefix.
pub(crate) const MAX_PREFIX: usize = 4 << 10;
/// The most bytes of all prefixes of a chunk.
pub(crate) const MAX_PREFIX_BYTES: usize = 32 << 10;

/// Images above this could not save the share of [`WORTH`] with the longest prefix.
const LARGE: usize = 64 << 10;
/// Half of this in common makes an image one of a candidate's kind.
const KIND: usize = 1 << 10;
/// What less in common does not pay for.
const LEAST: usize = 16;
/// What the table takes in a directory beside its prefixes.
const TABLE: usize = 128;
/// A table has to save a twentieth of the chunk.
const WORTH: usize = 20;

/// How much of an image a candidate holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    candidate: usize,
    /// Bytes of the image that are in the candidate; 0 if none are.
    pub length: usize,
}

#[derive(Debug)]
struct Candidate {
    bytes: Vec<u8>,
    /// The most that another image shares with it.
    shared: usize,
}

/// The heads of the images of one chunk, as they come.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    candidates: Vec<Candidate>,
    last: usize,
    /// Bytes of the images so far.
    whole: usize,
    saved: usize,
}

impl Heads {
    /// Finds what an image has in common with those before it.
    pub fn cut(&mut self, image: &[u8]) -> Cut {
        self.whole += image.len();
        // At least one byte stays, so that only a null has an empty page.
        let most = image.len().saturating_sub(1).min(MAX_PREFIX);
        if image.len() > LARGE || most < LEAST {
            return Cut::default();
        }
        let head = &image[..most];
        let enough = most.min(KIND) / 2;
        let best = self.best(head, enough);
        if best.length < enough && self.candidates.len() < MAX_PREFIXES {
            self.last = self.candidates.len();
            self.candidates.push(Candidate { bytes: head.to_vec(), shared: 0 });
            return Cut { candidate: self.last, length: most };
        }
        if best.length < LEAST {
            return Cut::default();
        }
        self.last = best.candidate;
        self.saved += best.length;
        let candidate = &mut self.candidates[best.candidate];
        candidate.shared = candidate.shared.max(best.length);
        best
    }

    /// The candidate with the most in common, or the first with enough: the one before first,
    /// for neighbours are alike.
    fn best(&self, head: &[u8], enough: usize) -> Cut {
        let mut best = Cut::default();
        let order = std::iter::once(self.last).chain(0..self.candidates.len());
        for candidate in order {
            let Some(held) = self.candidates.get(candidate) else { continue };
            let length = common(&held.bytes, head);
            if length >= enough {
                return Cut { candidate, length };
            }
            // A few bytes more are no reason to spread images over candidates.
            if length > best.length + LEAST {
                best = Cut { candidate, length };
            }
        }
        best
    }

    /// Bytes of the images so far that need not be stored, near enough to cut chunks.
    pub fn saved(&self) -> usize {
        self.saved
    }

    /// Bytes of the images so far.
    pub fn whole(&self) -> usize {
        self.whole
    }

    /// The prefixes that pay, for the images that were cut so.
    pub fn settle(&self, cuts: &[Cut]) -> Prefixes {
        let mut saved = vec![0usize; self.candidates.len()];
        for cut in cuts.iter().filter(|cut| cut.length > 0) {
            saved[cut.candidate] += cut.length.min(self.candidates[cut.candidate].shared);
        }
        // The first image of a kind saves what the prefix takes.
        let gain = |n: usize| saved[n].saturating_sub(self.candidates[n].shared);
        let mut order: Vec<usize> = (0..self.candidates.len()).filter(|n| gain(*n) > 0).collect();
        order.sort_by_key(|n| std::cmp::Reverse(gain(*n)));
        let mut prefixes =
            Prefixes { numbers: vec![None; self.candidates.len()], list: Vec::new() };
        let (mut room, mut gained) = (MAX_PREFIX_BYTES, 0);
        for candidate in order {
            let shared = self.candidates[candidate].shared;
            if shared > room {
                continue;
            }
            room -= shared;
            gained += gain(candidate);
            prefixes.numbers[candidate] = Some(to_u64(prefixes.list.len()));
            prefixes.list.push(self.candidates[candidate].bytes[..shared].to_vec());
        }
        if gained < TABLE + self.whole / WORTH {
            return Prefixes { numbers: vec![None; self.candidates.len()], list: Vec::new() };
        }
        prefixes
    }

    /// What an image gets back, and the number of its prefix if it keeps one.
    pub fn back(&self, prefixes: &Prefixes, cut: Cut) -> (&[u8], Option<u64>) {
        if cut.length == 0 {
            return (&[], None);
        }
        let candidate = &self.candidates[cut.candidate];
        let number = prefixes.numbers[cut.candidate];
        let kept = if number.is_some() { candidate.shared.min(cut.length) } else { 0 };
        (&candidate.bytes[kept..cut.length], number)
    }
}

/// The prefixes of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    /// The number of the prefix that each candidate became.
    numbers: Vec<Option<u64>>,
    /// Their bytes.
    pub list: Vec<Vec<u8>>,
}

/// Bytes that both begin with.
fn common(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 32;
    let (wide, _) = a.as_chunks::<STEP>();
    let (other, _) = b.as_chunks::<STEP>();
    let equal = wide.iter().zip(other).take_while(|(a, b)| a == b).count() * STEP;
    equal + a[equal..].iter().zip(&b[equal..]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "test data is made to fit")]
mod tests {
    use super::*;

    fn image(kind: u8, header: usize, body: usize, seed: usize) -> Vec<u8> {
        let body = (0..body).map(|i| (i * 31 + seed * 17 + (i * seed) % 7) as u8);
        std::iter::repeat_n(kind, header).chain(body).collect()
    }

    /// The images as a reader puts them together, and the bytes that are stored.
    fn stored(images: &[Vec<u8>]) -> usize {
        let mut heads = Heads::default();
        let cuts: Vec<Cut> = images.iter().map(|image| heads.cut(image)).collect();
        let prefixes = heads.settle(&cuts);
        let mut size = prefixes.list.iter().map(Vec::len).sum();
        assert!(size <= MAX_PREFIX_BYTES && prefixes.list.len() <= MAX_PREFIXES);
        for (image, cut) in images.iter().zip(&cuts) {
            let (back, number) = heads.back(&prefixes, *cut);
            let page = [back, &image[cut.length..]].concat();
            let head = match number {
                Some(number) => {
                    &prefixes.list[usize::try_from(number).unwrap()][..image.len() - page.len()]
                }
                None => &[],
            };
            assert_eq!([head, &page].concat(), *image);
            assert!(!page.is_empty());
            size += page.len();
        }
        size
    }

    #[test]
    fn headers_of_several_kinds_are_stored_once_each() {
        let kinds = [(1, 600), (2, 700), (3, 350)];
        let images: Vec<Vec<u8>> =
            (0..300usize).map(|i| image(kinds[i % 3].0, kinds[i % 3].1, 200 + i % 50, i)).collect();
        let bodies: usize = (0..300).map(|i| 200 + i % 50).sum();
        let size = stored(&images);
        assert!(size < bodies + 600 + 700 + 350 + 300 * 4, "{size} for {bodies}");
    }

    #[test]
    fn what_has_nothing_in_common_stays_whole() {
        let images: Vec<Vec<u8>> = (0..200).map(|i| image(i as u8, 30, 900, i * i)).collect();
        assert_eq!(stored(&images), images.iter().map(Vec::len).sum::<usize>());
        let photographs: Vec<Vec<u8>> = (0..5).map(|i| image(1, 623, 40_000, i)).collect();
        assert_eq!(stored(&photographs), photographs.iter().map(Vec::len).sum::<usize>());
    }

    #[test]
    fn more_kinds_than_prefixes_and_equal_images_come_back() {
        let images: Vec<Vec<u8>> =
            (0..2000usize).map(|i| image((i % 200) as u8, 900, 20, i)).collect();
        assert!(stored(&images) < images.iter().map(Vec::len).sum::<usize>() * 9 / 10);
        let equal = vec![image(9, 500, 30, 1); 100];
        assert!(stored(&equal) < 700);
        assert_eq!(stored(&[]), 0);
    }
}
