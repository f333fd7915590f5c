//! Order between elements of different kinds, without lossy conversions.

use std::cmp::Ordering;

use lakebed_dataset::Scalar;

/// The order of two elements by value; `None` if they do not compare.
pub fn order(a: &Scalar, b: &Scalar) -> Option<Ordering> {
    match (a, b) {
        (Scalar::Text(a), Scalar::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Scalar::Decimal(a), Scalar::Decimal(b)) => Some(a.cmp(b)),
        (Scalar::Float(a), Scalar::Float(b)) => a.partial_cmp(b),
        (Scalar::Float(a), b) => float_to_integer(*a, integer(b)?),
        (a, Scalar::Float(b)) => float_to_integer(*b, integer(a)?).map(Ordering::reverse),
        (a, b) => Some(integer(a)?.cmp(&integer(b)?)),
    }
}

/// The value of an integer or a bool.
fn integer(scalar: &Scalar) -> Option<i128> {
    match scalar {
        Scalar::Bool(value) => Some(i128::from(*value)),
        Scalar::Int(value) => Some(i128::from(*value)),
        Scalar::UInt(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// The order of a float and an integer of 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "the range was checked and floor() is whole")]
fn float_to_integer(float: f64, integer: i128) -> Option<Ordering> {
    const OUTSIDE: f64 = 36_893_488_147_419_103_232.0; // 2^65
    if float.is_nan() {
        return None;
    }
    if float >= OUTSIDE {
        return Some(Ordering::Greater);
    }
    if float <= -OUTSIDE {
        return Some(Ordering::Less);
    }
    let whole = float.floor();
    let order = (whole as i128).cmp(&integer);
    Some(if order == Ordering::Equal && float > whole { Ordering::Greater } else { order })
}

/// The nearest f64 of a number; rounding is monotone, so bounds stay bounds.
#[expect(clippy::cast_precision_loss, reason = "the nearest is what is wanted")]
pub fn to_f64(scalar: &Scalar) -> Option<f64> {
    match scalar {
        Scalar::Bool(value) => Some(f64::from(u8::from(*value))),
        Scalar::Int(value) => Some(*value as f64),
        Scalar::UInt(value) => Some(*value as f64),
        Scalar::Float(value) => Some(*value),
        Scalar::Decimal(_) | Scalar::Text(_) => None,
    }
}

/// The nearest f32 of a number, as f64.
#[expect(clippy::cast_possible_truncation, reason = "the nearest is what is wanted")]
#[expect(clippy::cast_precision_loss, reason = "the nearest is what is wanted")]
pub fn to_f32(scalar: &Scalar) -> Option<f64> {
    match scalar {
        // Not through f64: rounding twice may end elsewhere.
        Scalar::Int(value) => Some(f64::from(*value as f32)),
        Scalar::UInt(value) => Some(f64::from(*value as f32)),
        other => to_f64(other).map(|value| f64::from(value as f32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_integers_do_not_go_through_floats() {
        let big = 9_007_199_254_740_993; // 2^53 + 1
        assert_eq!(
            order(&Scalar::Int(big), &Scalar::Float(9_007_199_254_740_992.0)),
            Some(Ordering::Greater)
        );
        assert_eq!(order(&Scalar::UInt(u64::MAX), &Scalar::Int(-1)), Some(Ordering::Greater));
        assert_eq!(order(&Scalar::Float(2.5), &Scalar::Int(2)), Some(Ordering::Greater));
        assert_eq!(order(&Scalar::Float(-2.5), &Scalar::Int(-2)), Some(Ordering::Less));
        assert_eq!(order(&Scalar::Float(f64::INFINITY), &Scalar::Int(1)), Some(Ordering::Greater));
        assert_eq!(order(&Scalar::Text("1".into()), &Scalar::Int(1)), None);
    }
}
