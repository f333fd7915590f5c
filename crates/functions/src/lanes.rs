//! Loops over the elements of one row that the compiler turns into vector instructions.
//!
//! Sums of floats run in eight f64 lanes, so they are vectorised and stay accurate: the error of a
//! sum of a million f32 is far below one in a million.

use half::f16;

/// A native element.
pub trait Element: Copy + PartialOrd + Default {
    /// The element as f64; integers above 2^53 are rounded.
    fn to_f64(self) -> f64;
    /// The element as an integer; floats give 0, which nobody asks for.
    fn to_i128(self) -> i128;
    /// The exact sum, if the elements are integers.
    fn sum(values: &[Self]) -> i128;
    /// True for NaN.
    fn is_nan(self) -> bool;
}

macro_rules! narrow_integers {
    ($($t:ty)*) => { $(
        impl Element for $t {
            fn to_f64(self) -> f64 { f64::from(self) }
            fn to_i128(self) -> i128 { i128::from(self) }
            fn sum(values: &[Self]) -> i128 {
                // 2^31 elements of 32 bits fit in 64, so nothing wraps; saying so lets it vectorise.
                i128::from(values.iter().fold(0i64, |sum, x| sum.wrapping_add(i64::from(*x))))
            }
            fn is_nan(self) -> bool { false }
        }
    )* };
}
narrow_integers!(i8 i16 i32 u8 u16 u32);

macro_rules! wide_integers {
    ($($t:ty)*) => { $(
        impl Element for $t {
            fn to_f64(self) -> f64 { self as f64 }
            fn to_i128(self) -> i128 { i128::from(self) }
            fn sum(values: &[Self]) -> i128 {
                values.iter().fold(0i128, |sum, x| sum.wrapping_add(i128::from(*x)))
            }
            fn is_nan(self) -> bool { false }
        }
    )* };
}
wide_integers!(i64 u64);

macro_rules! floats {
    ($($t:ty, $to:expr;)*) => { $(
        impl Element for $t {
            fn to_f64(self) -> f64 { $to(self) }
            fn to_i128(self) -> i128 { 0 }
            fn sum(_values: &[Self]) -> i128 { 0 }
            fn is_nan(self) -> bool { <$t>::is_nan(self) }
        }
    )* };
}
floats! { f16, f16::to_f64; f32, f64::from; f64, std::convert::identity; }

const LANES: usize = 8;

/// The sum of `f` of every element.
pub fn sum_of<T: Element>(values: &[T], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += f(value.to_f64());
        }
    }
    let tail: f64 = rest.iter().map(|value| f(value.to_f64())).sum();
    lanes.iter().sum::<f64>() + tail
}

/// The largest of `f` of every element, at least 0; NaN if one is NaN.
pub fn max_of<T: Element>(values: &[T], f: impl Fn(f64) -> f64) -> f64 {
    if has_nan(values) {
        return f64::NAN;
    }
    let mut lanes = [0.0f64; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    let larger = |best: f64, value: f64| if value > best { value } else { best };
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, f(value.to_f64()));
        }
    }
    let best = rest.iter().fold(0.0, |best, value| larger(best, f(value.to_f64())));
    lanes.iter().fold(best, |best, lane| larger(best, *lane))
}

/// Looks at blocks, not at one element after another, so that it is vectorised.
fn has_nan<T: Element>(values: &[T]) -> bool {
    values.chunks(64).any(|chunk| chunk.iter().fold(false, |nan, value| nan | value.is_nan()))
}

/// The smallest or the largest element; NaN if one is NaN, 0 if there is none.
pub fn extreme<T: Element>(values: &[T], better: impl Fn(T, T) -> bool) -> T {
    let Some(first) = values.first() else { return T::default() };
    if has_nan(values) {
        return values.iter().copied().find(|value| value.is_nan()).unwrap_or(*first);
    }
    let mut lanes = [*first; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if better(*value, *lane) { *value } else { *lane };
        }
    }
    let best = |best: T, value: &T| if better(*value, best) { *value } else { best };
    rest.iter().fold(lanes.iter().fold(*first, best), best)
}

/// The product of integers; `None` if it leaves 128 bits, which also leaves 64.
pub fn product<T: Element>(values: &[T]) -> Option<i128> {
    if values.contains(&T::default()) {
        return Some(0);
    }
    values.iter().try_fold(1i128, |product, value| product.checked_mul(value.to_i128()))
}

/// The sum of products of pairs.
pub fn dot<T: Element>(a: &[T], b: &[T]) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let (x, y) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f64 =
        x.remainder().iter().zip(y.remainder()).map(|(x, y)| x.to_f64() * y.to_f64()).sum();
    for (x, y) in x.zip(y) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x.to_f64() * y.to_f64();
        }
    }
    lanes.iter().sum::<f64>() + tail
}
