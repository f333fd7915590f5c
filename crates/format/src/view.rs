//! A saved view: a query, and the rows of one version that it chose, in order.

use bytes::Bytes;
use lakebed_core::DatasetId;
use lakebed_core::Limits;
use serde::Deserialize;
use serde::Serialize;

use crate::buffers::BufferWriter;
use crate::buffers::Buffers;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::error::Error;
use crate::error::Result;
use crate::frame;
use crate::frame::Kind;

const WHAT: &str = "view";
/// Words of the totals.
const TOTALS: usize = 8;

mod tag {
    pub const TOTALS: u32 = 1;
    pub const QUERY: u32 = 2;
    pub const PARAMETERS: u32 = 3;
    pub const ROW_IDS: u32 = 4;
    pub const WEIGHTS: u32 = 5;
}

/// The most rows of a view: a gibibyte of row ids in memory.
pub const MAX_ROWS: usize = 1 << 27;

/// What a query is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// The Tensor Query Language.
    Tql,
    /// SQL.
    Sql,
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Language::Tql => "TQL",
            Language::Sql => "SQL",
        })
    }
}

/// A view.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The dataset that was asked.
    pub dataset: DatasetId,
    /// The entry whose rows these are.
    pub version: u64,
    /// What the query is written in.
    pub language: Language,
    /// The query.
    pub query: String,
    /// Values that were bound to it.
    pub parameters: serde_json::Value,
    /// What its randomness came from.
    pub seed: Option<u64>,
    /// The rows in order, which may repeat.
    pub row_ids: Vec<u64>,
    /// One weight a row, for who samples: finite, not negative.
    pub weights: Option<Vec<f64>>,
}

impl View {
    /// The bytes of the view's object.
    ///
    /// # Errors
    /// A view that [`View::from_bytes`] would refuse: too many rows, or weights that are none.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check()?;
        let mut table = BufferWriter::new();
        let id = self.dataset.0.to_le_bytes();
        let half = |range: std::ops::Range<usize>| frame::read_u64(&id[range]);
        table.words(
            tag::TOTALS,
            &[
                half(0..8),
                half(8..16),
                self.version,
                match self.language {
                    Language::Tql => 0,
                    Language::Sql => 1,
                },
                u64::from(self.seed.is_some()),
                self.seed.unwrap_or(0),
                to_u64(self.row_ids.len()),
                u64::from(self.weights.is_some()),
            ],
        );
        table.bytes(tag::QUERY, self.query.clone().into_bytes());
        let parameters = serde_json::to_vec(&self.parameters)
            .map_err(|e| Error::damaged(WHAT, e.to_string()))?;
        table.bytes(tag::PARAMETERS, parameters);
        table.integers(tag::ROW_IDS, &self.row_ids);
        if let Some(weights) = &self.weights {
            let bits: Vec<u64> = weights.iter().map(|weight| weight.to_bits()).collect();
            table.words(tag::WEIGHTS, &bits);
        }
        Ok(frame::wrap(Kind::View, &table.finish()))
    }

    /// Reads a view's object.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::NewerFormat`]; more rows than `limits` allow.
    pub fn from_bytes(bytes: &Bytes, limits: &Limits) -> Result<View> {
        let damaged = |reason: &str| Error::damaged(WHAT, reason);
        let body = bytes.slice_ref(frame::unwrap(Kind::View, bytes)?);
        let table = Buffers::parse(WHAT, &body)?;
        let totals = table.words(tag::TOTALS, TOTALS)?;
        let language = match totals[3] {
            0 => Language::Tql,
            1 => Language::Sql,
            _ => return Err(damaged("its language is unknown")),
        };
        if totals[4] > 1 || totals[7] > 1 {
            return Err(damaged("a flag of it is neither 0 nor 1"));
        }
        let rows = to_usize(WHAT, totals[6])?;
        if rows > MAX_ROWS {
            return Err(damaged("it has more rows than a view may have"));
        }
        let query = String::from_utf8(table.bytes(tag::QUERY)?.to_vec())
            .map_err(|_| damaged("its query is no UTF-8"))?;
        let parameters = serde_json::from_slice(table.bytes(tag::PARAMETERS)?)
            .map_err(|e| Error::damaged(WHAT, e.to_string()))?;
        let weights = match totals[7] {
            0 => None,
            _ => Some(table.words(tag::WEIGHTS, rows)?.into_iter().map(f64::from_bits).collect()),
        };
        let view = View {
            dataset: DatasetId(u128::from(totals[0]) | (u128::from(totals[1]) << 64)),
            version: totals[2],
            language,
            query,
            parameters,
            seed: (totals[4] == 1).then_some(totals[5]),
            row_ids: table.integers(tag::ROW_IDS, rows, limits)?,
            weights,
        };
        view.check()?;
        Ok(view)
    }

    fn check(&self) -> Result<()> {
        if self.row_ids.len() > MAX_ROWS {
            let reason = format!("{} rows are more than {MAX_ROWS}", self.row_ids.len());
            return Err(Error::damaged(WHAT, reason));
        }
        let Some(weights) = &self.weights else { return Ok(()) };
        if weights.len() != self.row_ids.len() {
            return Err(Error::damaged(WHAT, "it has another number of weights than of rows"));
        }
        if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) {
            return Err(Error::damaged(WHAT, "a weight is negative or no number"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view() -> View {
        View {
            dataset: DatasetId(7 << 100 | 3),
            version: 12,
            language: Language::Sql,
            query: "SELECT * FROM ds WHERE größe > $1".to_string(),
            parameters: serde_json::json!([5, "ä", null]),
            seed: Some(u64::MAX),
            row_ids: vec![9, 1, 1, u64::MAX, 0],
            weights: Some(vec![0.0, 0.1, 1e300, 5e-324, 2.0]),
        }
    }

    fn read(bytes: Vec<u8>) -> Result<View> {
        View::from_bytes(&Bytes::from(bytes), &Limits::default())
    }

    #[test]
    fn views_come_back() {
        assert_eq!(read(view().to_bytes().unwrap()).unwrap(), view());
        let plain = View {
            language: Language::Tql,
            seed: None,
            weights: None,
            row_ids: Vec::new(),
            parameters: serde_json::Value::Null,
            ..view()
        };
        assert_eq!(read(plain.to_bytes().unwrap()).unwrap(), plain);
    }

    #[test]
    fn weights_must_be_weights() {
        for weights in [vec![1.0; 4], vec![f64::NAN; 5], vec![-1.0; 5], vec![f64::INFINITY; 5]] {
            let wrong = View { weights: Some(weights.clone()), ..view() };
            assert!(wrong.to_bytes().is_err(), "{weights:?}");
        }
    }

    #[test]
    fn every_flip_and_cut_is_damage() {
        let bytes = view().to_bytes().unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(read(flipped).is_err(), "byte {at}");
            assert!(read(bytes[..at].to_vec()).is_err(), "cut at {at}");
        }
    }

    proptest! {
        /// Bytes with a right checksum that somebody made up: an error or a view, never a panic.
        #[test]
        fn made_up_bytes_are_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let bytes = view().to_bytes().unwrap();
            let mut body = frame::unwrap(Kind::View, &bytes).unwrap().to_vec();
            for (at, byte) in changes {
                let at = at.index(body.len());
                body[at] = byte;
            }
            // A view of a thousand rows is small enough to allocate whatever the bytes say.
            let limits = Limits { max_page_bytes: 8000, ..Limits::default() };
            let made_up = Bytes::from(frame::wrap(Kind::View, &body));
            if let Ok(read) = View::from_bytes(&made_up, &limits) {
                prop_assert!(read.row_ids.len() <= 1000);
                let again = Bytes::from(read.to_bytes().unwrap());
                prop_assert_eq!(View::from_bytes(&again, &limits).unwrap(), read);
            }
        }
    }
}
