//! Loops over the elements of one row that the compiler turns into vector instructions.
//!
//! Sums of floats run in sixteen f64 lanes, so they are vectorised and stay accurate: the error of
//! a sum of a million f32 is far below one in a million, and products of f32 are exact.

use std::ops::Add;
use std::ops::Div;
use std::ops::Mul;
use std::ops::Neg;
use std::ops::Rem;
use std::ops::Sub;

use half::f16;

use crate::elementwise::Item;

/// A native element.
pub trait Element: Copy + PartialOrd + Default {
    /// The element as f64; integers above 2^53 are rounded.
    fn to_f64(self) -> f64;
    /// The element as an integer; floats give 0, which nobody asks for.
    fn to_i128(self) -> i128;
    /// True for NaN.
    fn is_not_a_number(self) -> bool;
    /// The exact sum, if the elements are integers.
    fn sum(values: &[Self]) -> i128;
    /// The best element, `first` if none is better; NaN if one is NaN.
    fn best(first: Self, values: &[Self], better: impl Fn(Self, Self) -> bool) -> Self;
}

macro_rules! narrow_integers {
    ($($t:ty, $wider:ty;)*) => { $(
        impl Element for $t {
            #[inline(always)]
            fn to_f64(self) -> f64 { f64::from(self) }
            #[inline(always)]
            fn to_i128(self) -> i128 { i128::from(self) }
            #[inline(always)]
            fn is_not_a_number(self) -> bool { false }
            #[inline(always)]
            fn sum(values: &[Self]) -> i128 {
                let mut total = 0;
                // 256 elements fit in twice their width, so nothing wraps; saying so lets it
                // vectorise.
                for block in values.chunks(256) {
                    let mut sum: $wider = 0;
                    for value in block {
                        sum = sum.wrapping_add(<$wider>::from(*value));
                    }
                    total += i128::from(sum);
                }
                total
            }
            #[inline(always)]
            fn best(first: Self, values: &[Self], better: impl Fn(Self, Self) -> bool) -> Self {
                best_of(first, values, better)
            }
        }
    )* };
}
narrow_integers! { i8, i16; i16, i32; i32, i64; u8, u16; u16, u32; u32, u64; }

macro_rules! wide_integers {
    ($($t:ty)*) => { $(
        impl Element for $t {
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn to_i128(self) -> i128 { i128::from(self) }
            #[inline(always)]
            fn is_not_a_number(self) -> bool { false }
            #[inline(always)]
            fn sum(values: &[Self]) -> i128 {
                values.iter().fold(0i128, |sum, x| sum.wrapping_add(i128::from(*x)))
            }
            #[inline(always)]
            fn best(first: Self, values: &[Self], better: impl Fn(Self, Self) -> bool) -> Self {
                best_of(first, values, better)
            }
        }
    )* };
}
wide_integers!(i64 u64);

macro_rules! floats {
    ($($t:ty, $to:expr;)*) => { $(
        impl Element for $t {
            #[inline(always)]
            fn to_f64(self) -> f64 { $to(self) }
            #[inline(always)]
            fn to_i128(self) -> i128 { 0 }
            #[inline(always)]
            fn is_not_a_number(self) -> bool { self.is_nan() }
            #[inline(always)]
            fn sum(_values: &[Self]) -> i128 { 0 }
            #[inline(always)]
            fn best(first: Self, values: &[Self], better: impl Fn(Self, Self) -> bool) -> Self {
                let mut lanes = [first; LANES];
                let mut nan = [false; LANES];
                let (chunks, rest) = values.as_chunks::<LANES>();
                for chunk in chunks {
                    for ((lane, nan), value) in lanes.iter_mut().zip(&mut nan).zip(chunk) {
                        *lane = if better(*value, *lane) { *value } else { *lane };
                        *nan |= value.is_nan();
                    }
                }
                if nan.contains(&true) || rest.iter().any(|value| value.is_nan()) {
                    return <$t>::NAN;
                }
                best_of(best_of(first, &lanes, &better), rest, &better)
            }
        }
    )* };
}
floats! { f16, f16::to_f64; f32, f64::from; f64, std::convert::identity; }

/// A float to compute with.
pub trait Real:
    Item<Many = Vec<Self>>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Rem<Output = Self>
    + Neg<Output = Self>
{
    /// To the power of another.
    fn power(self, exponent: Self) -> Self;
    /// The square root.
    fn root(self) -> Self;
    /// Without the sign.
    fn magnitude(self) -> Self;
    /// The whole number below.
    fn down(self) -> Self;
    /// The whole number above.
    fn up(self) -> Self;
    /// Without the fraction.
    fn towards_zero(self) -> Self;
    /// -1, 0 or 1; NaN of NaN.
    fn sign(self) -> Self;
    /// The angle of the point (`x`, self), from -pi to pi.
    fn angle(self, x: Self) -> Self;
    /// As f64.
    fn wide(self) -> f64;
    /// Rounded from f64.
    fn narrow(wide: f64) -> Self;
}

macro_rules! reals {
    ($($t:ty)*) => { $(
        #[allow(clippy::cast_possible_truncation, reason = "rounding to the type is the point")]
        impl Real for $t {
            fn power(self, exponent: $t) -> $t { self.powf(exponent) }
            fn root(self) -> $t { self.sqrt() }
            fn magnitude(self) -> $t { self.abs() }
            fn down(self) -> $t { self.floor() }
            fn up(self) -> $t { self.ceil() }
            fn towards_zero(self) -> $t { self.trunc() }
            fn sign(self) -> $t { if self == 0.0 { 0.0 } else { self.signum() } }
            fn angle(self, x: $t) -> $t { self.atan2(x) }
            fn wide(self) -> f64 { self.into() }
            fn narrow(wide: f64) -> $t { wide as $t }
        }
    )* };
}
reals!(f32 f64);

#[inline(always)]
fn best_of<T: Copy>(first: T, values: &[T], better: impl Fn(T, T) -> bool) -> T {
    let mut best = first;
    for value in values {
        best = if better(*value, best) { *value } else { best };
    }
    best
}

const LANES: usize = 16;

/// The sum of `f` of every element.
#[inline(always)]
pub fn sum_of<T: Element>(values: &[T], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += f(value.to_f64());
        }
    }
    let mut tail = 0.0;
    for value in rest {
        tail += f(value.to_f64());
    }
    folded(&lanes) + tail
}

/// The sums of products of pairs: `a b`, `a a` and `b b`. What nobody reads is not computed.
#[inline(always)]
pub fn products<T: Element>(a: &[T], b: &[T]) -> [f64; 3] {
    let (mut ab, mut aa, mut bb) = ([0.0f64; LANES], [0.0f64; LANES], [0.0f64; LANES]);
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        let lanes = ab.iter_mut().zip(&mut aa).zip(&mut bb);
        for (((ab, aa), bb), (x, y)) in lanes.zip(x.iter().zip(y)) {
            let (x, y) = (x.to_f64(), y.to_f64());
            *ab += x * y;
            *aa += x * x;
            *bb += y * y;
        }
    }
    let mut tail = [0.0f64; 3];
    for (x, y) in a_rest.iter().zip(b_rest) {
        let (x, y) = (x.to_f64(), y.to_f64());
        tail[0] += x * y;
        tail[1] += x * x;
        tail[2] += y * y;
    }
    [folded(&ab) + tail[0], folded(&aa) + tail[1], folded(&bb) + tail[2]]
}

/// The sum of the lanes, in order: a sum by halves makes the compiler settle for vectors of two.
#[inline(always)]
fn folded(lanes: &[f64; LANES]) -> f64 {
    let mut sum = 0.0;
    for lane in lanes {
        sum += lane;
    }
    sum
}

/// The largest magnitude; 0 if there is none, NaN if one is NaN.
#[inline(always)]
pub fn largest_magnitude<T: Element>(values: &[T]) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let mut nan = [false; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for ((lane, nan), value) in lanes.iter_mut().zip(&mut nan).zip(chunk) {
            let value = value.to_f64().abs();
            *lane = if value > *lane { value } else { *lane };
            *nan |= value.is_nan();
        }
    }
    let mut best = best_of(0.0, &lanes, |a, b| a > b);
    for value in rest {
        let value = value.to_f64().abs();
        if value.is_nan() {
            return value;
        }
        best = if value > best { value } else { best };
    }
    if nan.contains(&true) { f64::NAN } else { best }
}

/// The product of integers; `None` if it leaves 128 bits, which also leaves 64.
#[inline(always)]
pub fn product<T: Element>(values: &[T]) -> Option<i128> {
    if values.contains(&T::default()) {
        return Some(0);
    }
    values.iter().try_fold(1i128, |product, value| product.checked_mul(value.to_i128()))
}
