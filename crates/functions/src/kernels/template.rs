//! Subscripts with `$` for values that are known row by row.

use lakebed_core::Subscript;

/// The parts of `$, $:$, 0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    values: usize,
}

/// One part, between the commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// One position, or the place of a vector of positions.
    Index(Bound),
    /// `start:stop:step`.
    Slice(Option<Bound>, Option<Bound>, Option<Bound>),
    /// `...`.
    Rest,
}

/// A number, or the place of the argument that gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// Written in the text.
    Constant(i64),
    /// The argument behind this `$`, from 0.
    Value(usize),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Template, String> {
        let trimmed = text.trim();
        let inner = trimmed.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(trimmed);
        let mut values = 0;
        let mut bound = |text: &str| -> Result<Bound, String> {
            if text == "$" {
                values += 1;
                return Ok(Bound::Value(values - 1));
            }
            let wrong =
                |_| format!("'{text}' is no subscript: write an integer, $ or start:stop:step");
            text.parse().map(Bound::Constant).map_err(wrong)
        };
        let mut parts = Vec::new();
        for part in inner.split(',').map(str::trim) {
            if part == "..." {
                parts.push(Part::Rest);
                continue;
            }
            if !part.contains(':') {
                parts.push(Part::Index(bound(part)?));
                continue;
            }
            let mut bounds = [None, None, None];
            for (at, piece) in part.split(':').map(str::trim).enumerate() {
                let slot =
                    bounds.get_mut(at).ok_or(format!("'{part}' has more than two colons"))?;
                if !piece.is_empty() {
                    *slot = Some(bound(piece)?);
                }
            }
            let [start, stop, step] = bounds;
            parts.push(Part::Slice(start, stop, step));
        }
        Ok(Template { parts, values })
    }

    /// The parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// How many `$` there are.
    pub fn values(&self) -> usize {
        self.values
    }

    /// Every `$` with the part that it stands in.
    pub fn slots(&self) -> impl Iterator<Item = (&Part, usize)> {
        self.parts.iter().flat_map(|part| {
            let bounds = match part {
                Part::Index(bound) => [Some(bound), None, None],
                Part::Slice(start, stop, step) => [start.as_ref(), stop.as_ref(), step.as_ref()],
                Part::Rest => [None, None, None],
            };
            bounds.into_iter().flatten().filter_map(move |bound| match bound {
                Bound::Value(slot) => Some((part, *slot)),
                Bound::Constant(_) => None,
            })
        })
    }
}

impl Part {
    /// The subscript, if nothing in it is a value.
    pub fn constant(&self) -> Option<Subscript> {
        self.with_values(&|_| None)
    }

    /// The subscript with values in the places of `$`; `None` if one of them is null.
    pub fn with_values(&self, value: &impl Fn(&usize) -> Option<i64>) -> Option<Subscript> {
        let of = |bound: &Bound| match bound {
            Bound::Constant(number) => Some(*number),
            Bound::Value(slot) => value(slot),
        };
        let maybe = |bound: &Option<Bound>| match bound {
            None => Some(None),
            Some(bound) => of(bound).map(Some),
        };
        Some(match self {
            Part::Index(bound) => Subscript::Index(of(bound)?),
            Part::Slice(start, stop, step) => {
                Subscript::Slice { start: maybe(start)?, stop: maybe(stop)?, step: maybe(step)? }
            }
            Part::Rest => Subscript::Rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_counted_in_order() {
        let template = Template::parse("[$, $:$:2, ..., -1]").unwrap();
        assert_eq!(template.values(), 3);
        let slots: Vec<usize> = template.slots().map(|(_, slot)| slot).collect();
        assert_eq!(slots, [0, 1, 2]);
        assert_eq!(template.parts()[3].constant(), Some(Subscript::Index(-1)));
        assert_eq!(template.parts()[1].constant(), None);
        assert!(Template::parse("a").is_err() && Template::parse("1:2:3:4").is_err());
    }
}
