//! Loops that unpack bits: one for each width, so that every shift, mask and position in them is a
//! constant.

/// Values unpacked at a time: 64 values of any width end on a byte.
pub(super) const BLOCK: usize = 64;

/// An unsigned integer that bits are unpacked into.
pub trait Lane: Copy {
    /// The low bits of a number.
    fn low(bits: u64) -> Self;

    /// Unpacks 64 numbers of `W` bits, lowest bit first, from the start of `input`, and adds
    /// `offset` to each, modulo 2^64. `W` is at most the bits of this type, and so are the sums.
    fn unpack_fixed<const W: usize>(input: &[u8], offset: u64, out: &mut [Self; BLOCK]);
}

impl Lane for u8 {
    #[allow(clippy::cast_possible_truncation, reason = "documented to drop high bits")]
    fn low(bits: u64) -> u8 {
        bits as u8
    }

    #[inline(never)]
    fn unpack_fixed<const W: usize>(input: &[u8], offset: u64, out: &mut [u8; BLOCK]) {
        unpack_bytes::<W>(input, offset, out);
    }
}

macro_rules! lanes {
    ($($lane:ident),*) => {$(
        impl Lane for $lane {
            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "documented to drop high bits")]
            fn low(bits: u64) -> $lane {
                bits as $lane
            }

            #[inline(never)]
            fn unpack_fixed<const W: usize>(input: &[u8], offset: u64, out: &mut [$lane; BLOCK]) {
                unpack_one_by_one::<W, $lane>(input, offset, out);
            }
        }
    )*};
}

lanes!(u16, u32, u64);

/// Unpacks 64 numbers of `width` bits into lanes that they fit, `offset` added.
pub(super) fn unpack<L: Lane>(width: usize, input: &[u8], offset: u64, out: &mut [L; BLOCK]) {
    macro_rules! dispatch {
        ($($w:literal)*) => {
            match width {
                $($w => L::unpack_fixed::<$w>(input, offset, out),)*
                _ => out.fill(L::low(offset)),
            }
        };
    }
    dispatch!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
        64)
}

#[inline(always)]
fn unpack_one_by_one<const W: usize, L: Lane>(input: &[u8], offset: u64, out: &mut [L; BLOCK]) {
    // Wider numbers do not fit: no code for what is never asked.
    if W > 8 * size_of::<L>() {
        return;
    }
    let Some(words) = input.as_chunks::<8>().0.get(..W) else { return };
    let mask = u64::MAX >> (64 - W);
    macro_rules! values {
        ($($i:literal)*) => {$(
            let (word, shift) = ($i * W / 64, $i * W % 64);
            let mut bits = u64::from_le_bytes(words[word]) >> shift;
            if shift + W > 64 {
                bits |= u64::from_le_bytes(words[word + 1]) << (64 - shift);
            }
            out[$i] = L::low((bits & mask).wrapping_add(offset));
        )*};
    }
    values!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61
        62 63);
}

/// Eight numbers at a time in one word: they are halved apart three times, until each has a byte.
#[inline(always)]
fn unpack_bytes<const W: usize>(input: &[u8], offset: u64, out: &mut [u8; BLOCK]) {
    if W > 8 {
        return;
    }
    let Some(words) = input.as_chunks::<8>().0.get(..W) else { return };
    let ones = |bits: usize| u64::MAX >> (64 - bits);
    let all = ones(8 * W);
    let half = ones(4 * W);
    let quarter = ones(2 * W) * 0x0000_0001_0000_0001;
    let eighth = ones(W) * 0x0001_0001_0001_0001;
    // No sum is above 255, so no byte carries into the next.
    let offset = (offset & 0xff) * 0x0101_0101_0101_0101;
    let groups = out.as_chunks_mut::<8>().0;
    macro_rules! groups {
        ($($i:literal)*) => {$(
            let (word, shift) = ($i * W / 8, $i * W % 8 * 8);
            let mut bits = u64::from_le_bytes(words[word]) >> shift;
            if shift + 8 * W > 64 {
                bits |= u64::from_le_bytes(words[word + 1]) << (64 - shift);
            }
            bits &= all;
            bits = (bits & half) | (bits >> (4 * W) << 32);
            bits = (bits & quarter) | (((bits >> (2 * W)) & quarter) << 16);
            bits = (bits & eighth) | (((bits >> W) & eighth) << 8);
            groups[$i] = bits.wrapping_add(offset).to_le_bytes();
        )*};
    }
    groups!(0 1 2 3 4 5 6 7);
}
