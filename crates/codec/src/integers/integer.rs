//! The integer types that light encodings hold, as order-preserving 64-bit patterns.

mod sealed {
    use crate::integers::kernels::Lane;

    pub trait Sealed {
        /// The unsigned integer of the same width: a distance.
        type Lane: Lane;
    }
}

/// An integer of 8 to 64 bits with its place among `u64` patterns.
///
/// Unsigned values are themselves. Signed values are widened to `i64` and their sign bit is
/// flipped, so that patterns sort as values do: `i64::MIN` is 0, -1 is 2^63 - 1, 0 is 2^63.
pub trait Integer: sealed::Sealed + Copy + Ord + 'static {
    /// The pattern of the type's smallest value.
    const BASE: u64;
    /// The largest pattern, counted from [`Integer::BASE`]: all ones in the type's width.
    const SPAN: u64;

    /// The pattern of this value.
    fn to_bits(self) -> u64;

    /// The value `distance` patterns above [`Integer::BASE`]; bits above [`Integer::SPAN`] are
    /// dropped, so a caller checks them.
    fn from_distance(distance: u64) -> Self;

    /// As [`Integer::from_distance`], of a distance in the type's own width.
    fn from_lane(distance: Self::Lane) -> Self;
}

/// The pattern of a signed value: its sign bit flipped, so that patterns sort as values do.
pub fn from_i64(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

/// The signed value of a pattern; the inverse of [`from_i64`].
pub fn to_i64(bits: u64) -> i64 {
    (bits ^ (1 << 63)).cast_signed()
}

macro_rules! integers {
    ($($unsigned:ident $signed:ident),*) => {$(
        impl sealed::Sealed for $unsigned {
            type Lane = $unsigned;
        }
        impl sealed::Sealed for $signed {
            type Lane = $unsigned;
        }

        impl Integer for $unsigned {
            const BASE: u64 = 0;
            const SPAN: u64 = $unsigned::MAX as u64;

            #[inline]
            fn to_bits(self) -> u64 {
                u64::from(self)
            }

            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "documented to drop high bits")]
            fn from_distance(distance: u64) -> $unsigned {
                distance as $unsigned
            }

            #[inline]
            fn from_lane(distance: $unsigned) -> $unsigned {
                distance
            }
        }

        impl Integer for $signed {
            const BASE: u64 = (1 << 63) - (1 << ($signed::BITS - 1));
            const SPAN: u64 = $unsigned::MAX as u64;

            #[inline]
            fn to_bits(self) -> u64 {
                from_i64(i64::from(self))
            }

            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "documented to drop high bits")]
            fn from_distance(distance: u64) -> $signed {
                Self::from_lane(distance as $unsigned)
            }

            #[inline]
            fn from_lane(distance: $unsigned) -> $signed {
                (distance ^ (1 << ($signed::BITS - 1))).cast_signed()
            }
        }
    )*};
}

integers!(u8 i8, u16 i16, u32 i32, u64 i64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integers::kernels::Lane;

    fn every_edge<T: Integer + std::fmt::Debug>(values: &[T]) {
        for pair in values.windows(2) {
            assert!(pair[0].to_bits() < pair[1].to_bits(), "{pair:?}");
        }
        for &value in values {
            let distance = value.to_bits().wrapping_sub(T::BASE);
            assert!(distance <= T::SPAN);
            assert_eq!(T::from_distance(distance), value);
            assert_eq!(T::from_lane(Lane::low(distance)), value);
        }
    }

    #[test]
    fn patterns_sort_as_values_do_and_come_back() {
        every_edge(&[0u8, 1, 255]);
        every_edge(&[0u16, 1, u16::MAX]);
        every_edge(&[0u32, 1, u32::MAX]);
        every_edge(&[0u64, 1, u64::MAX]);
        every_edge(&[i8::MIN, -1, 0, 1, i8::MAX]);
        every_edge(&[i16::MIN, -1, 0, 1, i16::MAX]);
        every_edge(&[i32::MIN, -1, 0, 1, i32::MAX]);
        every_edge(&[i64::MIN, -1, 0, 1, i64::MAX]);
        assert_eq!(from_i64(0), 1 << 63);
        assert_eq!(to_i64(from_i64(-7)), -7);
    }
}
