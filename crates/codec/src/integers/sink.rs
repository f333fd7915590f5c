//! Where decoded values go: patterns become values of the wanted type, checked to fit.

use super::WHAT;
use super::integer::Integer;
use crate::error::Error;
use crate::error::Result;

pub(super) struct Sink<'a, T> {
    out: &'a mut Vec<T>,
    /// All distances from the type's smallest value, or-ed: one bit above the type's width
    /// stays set whichever value brought it, so fitting is checked once, at the end.
    seen: u64,
}

impl<'a, T: Integer> Sink<'a, T> {
    pub(super) fn new(out: &'a mut Vec<T>) -> Sink<'a, T> {
        Sink { out, seen: 0 }
    }

    /// Appends values `offset + each`, modulo 2^64.
    #[inline]
    pub(super) fn extend(&mut self, offset: u64, values: &[u64]) {
        let offset = offset.wrapping_sub(T::BASE);
        let mut seen = 0;
        self.out.extend(values.iter().map(|value| {
            let distance = value.wrapping_add(offset);
            seen |= distance;
            T::from_distance(distance)
        }));
        self.seen |= seen;
    }

    /// Appends one value `count` times.
    pub(super) fn repeat(&mut self, bits: u64, count: usize) {
        let distance = bits.wrapping_sub(T::BASE);
        self.seen |= distance;
        self.out.resize(self.out.len().saturating_add(count), T::from_distance(distance));
    }

    /// Refuses the values if one of them did not fit.
    pub(super) fn finish(self) -> Result<()> {
        if self.seen & !T::SPAN != 0 {
            let bits = 64 - T::SPAN.leading_zeros();
            return Err(Error::damaged(WHAT, format!("a value does not fit in {bits} bits")));
        }
        Ok(())
    }
}
