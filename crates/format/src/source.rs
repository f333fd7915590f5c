//! Where the rows of a copy come from.

use lakebed_core::DatasetId;
use serde::Deserialize;
use serde::Serialize;

use crate::checksum::Checksum;
use crate::view::Language;

/// The most bytes of a text in a [`Source`], since it stands in every entry of the copy.
const MAX_TEXT: usize = 1024;

/// The lineage of a materialized view: what it was copied from. Stands in every entry of the copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The dataset that was copied from.
    pub dataset: DatasetId,
    /// Where it was then; cut like the query.
    pub url: String,
    /// The version that the view is of.
    pub version: u64,
    /// What the query is written in.
    pub language: Language,
    /// The query; a long one ends with `...` after its first kibibyte. The view has all of it.
    pub query: String,
    /// The view's name.
    pub view: String,
    /// Checksum of the view's object: tells views apart, whatever their names.
    pub checksum: Checksum,
    /// Rows of the view.
    pub rows: u64,
    /// How many of them were copied up to this entry.
    pub copied: u64,
}

impl Source {
    /// True if both are copies of the same rows of the same version; the place and the name of the
    /// view may differ.
    pub fn is_same(&self, other: &Source) -> bool {
        self.dataset == other.dataset
            && self.version == other.version
            && self.checksum == other.checksum
            && self.rows == other.rows
    }

    /// A text as it stands in an entry.
    pub fn cut(text: &str) -> String {
        if text.len() <= MAX_TEXT {
            return text.to_string();
        }
        let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        format!("{}...", text.get(..end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(Source::cut("short"), "short");
        let long = "ä".repeat(1000);
        let cut = Source::cut(&format!("x{long}"));
        assert_eq!(cut, format!("x{}...", "ä".repeat(511)));
    }
}
