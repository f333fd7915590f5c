//! What statistics say about the values of an expression over one column.

use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::TensorType;
use lakebed_dataset::Scalar;
use lakebed_dataset::Stats;

/// What may occur in the rows of one chunk. A flag that is not set surely does not occur.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// No element is smaller; `None` if unknown.
    pub low: Option<Scalar>,
    /// No element is larger; `None` if unknown.
    pub high: Option<Scalar>,
    /// Every element is one of these; `None` if unknown. There is no NaN beside them.
    pub distinct: Option<Vec<Scalar>>,
    /// Some element may be NaN.
    pub nan: bool,
    /// Some row may be null.
    pub null: bool,
    /// Some row may be an empty array, or ''.
    pub empty: bool,
    /// Some row may be neither null nor empty.
    pub filled: bool,
    /// There may be an element to compare ('' is one).
    pub some: bool,
    /// A row holds any number of elements, not one.
    pub array: bool,
}

impl Values {
    /// The samples of a column of type `ty`, of which `stats` tells.
    pub fn of_column(stats: &Stats, ty: &TensorType) -> Values {
        let array = !ty.is_scalar();
        let rows = stats.rows > stats.nulls;
        // Elements of media are those of the pixels, which nobody has looked at.
        let opaque = matches!(ty.dtype, DType::Json | DType::Bytes) || is_encoded(ty);
        let sequence = matches!(ty.layout, Layout::Sequence(_));
        let blank = ty.dtype == DType::Text && stats.max == Some(Scalar::Text(String::new()));
        let some = rows && (opaque || !array || stats.elements > 0);
        Values {
            low: stats.min.clone().filter(|_| !opaque),
            high: stats.max.clone().filter(|_| !opaque),
            distinct: stats.distinct.clone().filter(|_| !opaque && !stats.has_nan),
            nan: stats.has_nan || opaque,
            // The values inside a sequence may be null where the row is not.
            null: stats.nulls > 0 || sequence,
            empty: stats.empties > 0 || (opaque && rows),
            filled: some && (array || !blank),
            some,
            array,
        }
    }

    /// Positions or row ids `first..=last`.
    pub fn between(first: u64, last: u64) -> Values {
        Values {
            low: Some(Scalar::UInt(first)),
            high: Some(Scalar::UInt(last)),
            ..Values::unknown(false, false)
        }
    }

    /// Nothing is known but the form.
    pub fn unknown(array: bool, null: bool) -> Values {
        Values {
            low: None,
            high: None,
            distinct: None,
            nan: false,
            null,
            empty: array,
            filled: true,
            some: true,
            array,
        }
    }

    /// The same with another number in place of every element. `of` must be monotone.
    pub fn map(&self, of: impl Fn(&Scalar) -> Option<Scalar>) -> Values {
        let list = self.distinct.as_ref();
        Values {
            low: self.low.as_ref().and_then(&of),
            high: self.high.as_ref().and_then(&of),
            distinct: list.and_then(|list| list.iter().map(&of).collect()),
            ..self.clone()
        }
    }
}

fn is_encoded(ty: &TensorType) -> bool {
    match &ty.layout {
        Layout::Encoded => true,
        Layout::Sequence(inner) => is_encoded(inner),
        Layout::Scalar | Layout::Fixed | Layout::Ragged => false,
    }
}
