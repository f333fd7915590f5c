//! LZ4 blocks that take longer to make and are smaller; any reader reads them as fast as others.
//!
//! Each place looks for its longest match along a chain of earlier places that begin alike, and
//! waits a byte where the next place has a longer one.

/// The shortest match of the format.
const MIN_MATCH: usize = 4;
/// How far back a match may begin.
const WINDOW: usize = 65_535;
/// The format ends in this many literals at least.
const LAST_LITERALS: usize = 5;
/// No match begins nearer to the end.
const LAST_MATCH: usize = 12;
/// Earlier places that are looked at for one match.
const DEPTH: usize = 32;
/// Matches from this length on are taken as they are.
const LONG: usize = 128;
const HASH_BITS: u32 = 15;
/// No place.
const NONE: u32 = u32::MAX;

/// The block, or `None` for more bytes than places can number.
pub(super) fn compress(raw: &[u8]) -> Option<Vec<u8>> {
    u32::try_from(raw.len()).ok()?;
    let mut chains = Chains::new(raw);
    let mut out = Vec::with_capacity(raw.len() / 2 + 16);
    let limit = raw.len().saturating_sub(LAST_MATCH);
    let (mut anchor, mut at) = (0, 0);
    while at < limit {
        let Some(mut found) = chains.find(at) else {
            at += 1;
            continue;
        };
        while found.length < LONG && at + 1 < limit {
            match chains.find(at + 1) {
                Some(next) if next.length > found.length => (at, found) = (at + 1, next),
                _ => break,
            }
        }
        let mut from = found.from;
        let mut begin = at;
        while begin > anchor && from > 0 && raw[begin - 1] == raw[from - 1] {
            (begin, from) = (begin - 1, from - 1);
        }
        let end = at + found.length;
        literals(&mut out, &raw[anchor..begin], end - begin - MIN_MATCH);
        // The window holds it.
        out.extend_from_slice(&u16::try_from(begin - from).unwrap_or(u16::MAX).to_le_bytes());
        rest_of_length(&mut out, end - begin - MIN_MATCH);
        (anchor, at) = (end, end);
    }
    literals(&mut out, &raw[anchor..], 0);
    Some(out)
}

/// A token and literals; `extra` is the length of the match after them, less the shortest.
fn literals(out: &mut Vec<u8>, bytes: &[u8], extra: usize) {
    let nibble = |n: usize| u8::try_from(n.min(15)).unwrap_or(15);
    out.push(nibble(bytes.len()) << 4 | nibble(extra));
    rest_of_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// What of a length does not fit into its half of a token.
fn rest_of_length(out: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(15) else { return };
    while rest >= 255 {
        out.push(255);
        rest -= 255;
    }
    out.push(u8::try_from(rest).unwrap_or(0));
}

#[derive(Clone, Copy)]
struct Match {
    from: usize,
    length: usize,
}

/// Places by the hash of their first four bytes.
struct Chains<'a> {
    raw: &'a [u8],
    head: Vec<u32>,
    before: Vec<u32>,
    /// The first place that is in no chain yet.
    next: usize,
}

impl Chains<'_> {
    fn new(raw: &[u8]) -> Chains<'_> {
        let head = vec![NONE; 1 << HASH_BITS];
        Chains { raw, head, before: vec![NONE; raw.len()], next: 0 }
    }

    fn four(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(*self.raw.get(at..)?.first_chunk()?))
    }

    fn slot(four: u32) -> usize {
        usize::try_from(four.wrapping_mul(2_654_435_761) >> (32 - HASH_BITS)).unwrap_or(0)
    }

    fn insert_before(&mut self, at: usize) {
        while self.next < at {
            let Some(four) = self.four(self.next) else { return };
            let head = &mut self.head[Self::slot(four)];
            self.before[self.next] = *head;
            *head = u32::try_from(self.next).unwrap_or(NONE);
            self.next += 1;
        }
    }

    /// The longest match of the bytes at `at`, the nearest of several.
    fn find(&mut self, at: usize) -> Option<Match> {
        self.insert_before(at);
        let four = self.four(at)?;
        let most = self.raw.len().checked_sub(LAST_LITERALS + at)?;
        let here = self.raw.get(at..at + most)?;
        let mut best: Option<Match> = None;
        let mut place = self.head[Self::slot(four)];
        for _ in 0..DEPTH {
            let Some(from) = usize::try_from(place).ok().filter(|_| place != NONE) else { break };
            if at - from > WINDOW {
                break;
            }
            let length = best.map_or(MIN_MATCH - 1, |best| best.length);
            // Only what also has the byte after the best so far can be longer.
            if here.get(length) == self.raw.get(from + length) && self.four(from) == Some(four) {
                let found = common(here, &self.raw[from..]);
                if found > length {
                    best = Some(Match { from, length: found });
                    if found == most {
                        break;
                    }
                }
            }
            place = self.before[from];
        }
        best
    }
}

/// How many bytes two texts begin with in common.
fn common(a: &[u8], b: &[u8]) -> usize {
    let mut length = 0;
    for (x, y) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        let differ = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differ != 0 {
            return length + usize::try_from(differ.trailing_zeros() / 8).unwrap_or(0);
        }
        length += 8;
    }
    length + a[length..].iter().zip(&b[length..]).take_while(|(x, y)| x == y).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lz4;

    fn check(raw: &[u8]) {
        let block = compress(raw).unwrap();
        assert_eq!(lz4::decompress(&block, raw.len()).unwrap(), raw);
    }

    #[test]
    fn blocks_are_read_back() {
        check(b"");
        check(b"abc");
        check(b"abcabcabcabc");
        check(&[7; 13]);
        check(&[7; 100_000]);
        let mut far = b"a beginning that comes back".to_vec();
        far.extend((0..70_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()));
        far.extend_from_slice(b"a beginning that comes back, and an end");
        check(&far);
        let stepped: Vec<u8> = (0..5000).map(|n| b"abcde"[n % 5]).collect();
        for cut in [17, 18, 270, 271, 272, 527, 4999] {
            check(&stepped[..cut]);
        }
    }

    #[test]
    fn they_are_smaller() {
        let words = ["one", "amber", "dusty", "horse", "beside", "the", "meadow", "harbour"];
        let mut state = 1u64;
        let mut text = String::new();
        while text.len() < 60_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let word = usize::try_from(state >> 60).unwrap() % words.len();
            text.push_str(words[word]);
            text.push(' ');
        }
        let high = compress(text.as_bytes()).unwrap();
        let fast = lz4::compress(text.as_bytes());
        check(text.as_bytes());
        assert!(high.len() * 10 < fast.len() * 8, "{} of {}", high.len(), fast.len());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_back(
            raw in proptest::collection::vec(0u8..4, 0..2000),
            tail in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            check(&[raw, tail].concat());
        }
    }
}
