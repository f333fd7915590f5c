//! The results that a predicate may have in some rows.

/// Which results are possible; what is not possible surely does not occur.
///
/// `empty` stands for an array of results without elements, which is neither true nor false until
/// something asks for its truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// Some row, or some element of it, may be true.
    pub yes: bool,
    /// Some row, or some element of it, may be false.
    pub no: bool,
    /// Some row may be null.
    pub null: bool,
    /// Some row may be an empty array.
    pub empty: bool,
}

impl Outcomes {
    /// Nothing is known.
    pub const ANY: Outcomes = Outcomes { yes: true, no: true, null: true, empty: true };
    /// True in every row.
    pub const YES: Outcomes = Outcomes { yes: true, no: false, null: false, empty: false };
    /// False in every row.
    pub const NO: Outcomes = Outcomes { yes: false, no: true, null: false, empty: false };
    /// Null in every row.
    pub const NULL: Outcomes = Outcomes { yes: false, no: false, null: true, empty: false };

    /// True in every row, so that the predicate need not be evaluated.
    pub fn always(self) -> bool {
        self == Outcomes::YES
    }

    /// What may come of either.
    pub fn or_else(self, other: Outcomes) -> Outcomes {
        Outcomes {
            yes: self.yes || other.yes,
            no: self.no || other.no,
            null: self.null || other.null,
            empty: self.empty || other.empty,
        }
    }

    /// Of `a AND b`, with SQL's three values.
    pub fn and(self, other: Outcomes) -> Outcomes {
        Outcomes {
            yes: self.yes && other.yes,
            no: self.no || other.no,
            null: self.null || other.null,
            empty: self.empty || other.empty,
        }
    }

    /// Of `a OR b`, with SQL's three values.
    pub fn or(self, other: Outcomes) -> Outcomes {
        self.not().and(other.not()).not()
    }

    /// Of `NOT a`.
    #[expect(clippy::should_implement_trait, reason = "it stands beside `and` and `or`")]
    pub fn not(self) -> Outcomes {
        Outcomes { yes: self.no, no: self.yes, ..self }
    }

    /// Of the truth of a value: its first element, false if there is none.
    pub fn truth(self) -> Outcomes {
        Outcomes {
            yes: self.yes,
            no: self.no || self.null || self.empty,
            null: false,
            empty: false,
        }
    }

    /// Of "some element is true".
    pub fn any(self) -> Outcomes {
        // A null element beside false ones may count as either.
        Outcomes {
            yes: self.yes,
            no: self.no || self.empty || self.null,
            null: self.null,
            empty: false,
        }
    }

    /// Of "every element is true"; an empty array may count as either.
    pub fn all(self) -> Outcomes {
        Outcomes {
            yes: self.yes || self.empty,
            no: self.no || self.empty || self.null,
            null: self.null,
            empty: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logic_has_three_values() {
        assert!(!Outcomes::NULL.and(Outcomes::NO).yes);
        assert!(Outcomes::NULL.and(Outcomes::NO).no);
        assert!(Outcomes::NULL.or(Outcomes::YES).yes);
        assert!(!Outcomes::NULL.and(Outcomes::YES).yes);
        assert_eq!(Outcomes::NULL.truth(), Outcomes::NO);
        assert_eq!(Outcomes::NULL.truth().not(), Outcomes::YES);
        assert!(Outcomes::YES.and(Outcomes::YES).always());
        assert!(!Outcomes::ANY.always());
    }
}
