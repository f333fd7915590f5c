//! Where decoded values go: patterns become values of the wanted type, checked to fit.

use super::WHAT;
use super::integer::Integer;
use super::kernels::BLOCK;
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
        if T::SPAN != u64::MAX {
            // Two passes over a block in the nearest cache: each is a plain loop over lanes.
            self.seen |= values.iter().fold(0, |seen, value| seen | value.wrapping_add(offset));
        }
        self.out.extend(values.iter().map(|value| T::from_distance(value.wrapping_add(offset))));
    }

    /// Appends values that are known to fit, given as distances.
    #[inline]
    pub(super) fn extend_lanes(&mut self, lanes: &[T::Lane]) {
        self.out.extend(lanes.iter().map(|lane| T::from_lane(*lane)));
    }

    /// Appends `count` values from `first`, `step` apart, modulo 2^64.
    pub(super) fn progression(&mut self, first: u64, step: u64, count: usize) {
        let mut steps = [0u64; BLOCK];
        let mut at = 0u64;
        for value in &mut steps {
            *value = at;
            at = at.wrapping_add(step);
        }
        let (mut base, mut left) = (first, count);
        while left > 0 {
            let here = left.min(BLOCK);
            self.extend(base, steps.get(..here).unwrap_or_default());
            base = base.wrapping_add(at);
            left -= here;
        }
    }

    /// Appends values of the type itself.
    pub(super) fn extend_values(&mut self, values: impl ExactSizeIterator<Item = T>) {
        self.out.extend(values);
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
