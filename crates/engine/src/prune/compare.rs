//! `value < constant` and its five siblings.

use std::cmp::Ordering;

use lakebed_core::DType;
use lakebed_dataset::Scalar;

use super::literal::Literal;
use super::order::order;
use super::order::to_f32;
use super::order::to_f64;
use super::outcomes::Outcomes;
use super::values::Values;

/// Which comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The same with its sides exchanged.
    pub fn flip(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }

    /// From which orders of (element, constant) it may be true, given which may occur.
    fn of(self, at: Places) -> (bool, bool) {
        match self {
            Comparison::Equal => (at.equal, at.less || at.greater),
            Comparison::NotEqual => (at.less || at.greater, at.equal),
            Comparison::Less => (at.less, at.equal || at.greater),
            Comparison::LessOrEqual => (at.less || at.equal, at.greater),
            Comparison::Greater => (at.greater, at.less || at.equal),
            Comparison::GreaterOrEqual => (at.greater || at.equal, at.less),
        }
    }
}

/// Where elements may lie, seen from a constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Places {
    /// Some element may be smaller.
    pub less: bool,
    /// Some element may be equal.
    pub equal: bool,
    /// Some element may be larger.
    pub greater: bool,
}

impl Places {
    const ANY: Places = Places { less: true, equal: true, greater: true };

    fn or(self, other: Places) -> Places {
        Places {
            less: self.less || other.less,
            equal: self.equal || other.equal,
            greater: self.greater || other.greater,
        }
    }

    fn of(order: Option<Ordering>) -> Places {
        match order {
            None => Places::ANY,
            Some(Ordering::Less) => Places { less: true, ..Places::default() },
            Some(Ordering::Equal) => Places { equal: true, ..Places::default() },
            Some(Ordering::Greater) => Places { greater: true, ..Places::default() },
        }
    }
}

/// Where the elements of `values`, NaN apart, may lie around `constant`.
///
/// A comparison may run in a float type of either side, so a constant counts as each of the
/// numbers that it may be rounded to.
pub fn places(values: &Values, constant: &Scalar, dtype: &DType) -> Places {
    if !values.some {
        return Places::default();
    }
    let mut at = place(values, constant);
    match (dtype, constant) {
        // Such a constant may be rounded to half precision, which nothing here computes.
        (DType::F16, Scalar::Float(value)) if value.fract() != 0.0 || value.abs() > 2048.0 => {
            return Places::ANY;
        }
        (DType::F16, Scalar::Int(_) | Scalar::UInt(_))
            if to_f64(constant).is_none_or(|value| value.abs() > 2048.0) =>
        {
            return Places::ANY;
        }
        (DType::F32 | DType::F64, Scalar::Int(_) | Scalar::UInt(_) | Scalar::Float(_)) => {
            let rounded = [to_f64(constant), to_f32(constant).filter(|_| *dtype == DType::F32)];
            for value in rounded.into_iter().flatten() {
                at = at.or(place(values, &Scalar::Float(value)));
            }
        }
        (_, Scalar::Float(_)) => {
            for of in [to_f64, to_f32] {
                let rounded = values.map(|value| of(value).map(Scalar::Float));
                at = at.or(place(&rounded, constant));
            }
        }
        _ => {}
    }
    // Zeros of either sign are one number to IEEE and to statistics, and two to Arrow's order.
    if let (true, Some(0.0)) = (at.equal, to_f64(constant)) {
        let float = dtype.is_float() || matches!(constant, Scalar::Float(_));
        let negative = to_f64(constant).is_some_and(f64::is_sign_negative);
        at.greater |= float && negative;
        at.less |= float && !negative;
    }
    at
}

fn place(values: &Values, constant: &Scalar) -> Places {
    if let Some(list) = &values.distinct {
        return list
            .iter()
            .map(|element| Places::of(order(element, constant)))
            .fold(Places::default(), Places::or);
    }
    let low = values.low.as_ref().map(|low| order(low, constant));
    let high = values.high.as_ref().map(|high| order(high, constant));
    if low == Some(None) || high == Some(None) {
        return Places::ANY;
    }
    let (low, high) = (low.flatten(), high.flatten());
    Places {
        less: low.is_none_or(|low| low == Ordering::Less),
        equal: low != Some(Ordering::Greater) && high != Some(Ordering::Less),
        greater: high.is_none_or(|high| high == Ordering::Greater),
    }
}

/// The outcomes of comparing every element of `values`, whose elements are `dtype`.
pub fn outcomes(
    comparison: Comparison,
    values: &Values,
    constant: &Literal,
    dtype: &DType,
) -> Outcomes {
    let (yes, no) = match constant {
        Literal::NaN => (values.some, values.some),
        Literal::Value(constant) => {
            let (mut yes, mut no) = comparison.of(places(values, constant, dtype));
            if values.some && values.nan {
                // NaN is beyond every number to Arrow and compares with none in IEEE.
                match comparison {
                    Comparison::Equal | Comparison::Less | Comparison::LessOrEqual => no = true,
                    Comparison::NotEqual => yes = true,
                    Comparison::Greater | Comparison::GreaterOrEqual => (yes, no) = (true, true),
                }
            }
            (yes, no)
        }
    };
    Outcomes {
        // In TQL a comparison with null is false, but null text is different from every text.
        yes: yes || (values.null && comparison == Comparison::NotEqual),
        no: no || values.null,
        null: values.null,
        empty: values.array && values.empty,
    }
}
