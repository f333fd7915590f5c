//! Identities.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// The identity of a column within its dataset; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnId(pub u64);

impl fmt::Display for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The identity of a dataset: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatasetId(pub u128);

impl fmt::Display for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for DatasetId {
    type Error = String;

    fn try_from(text: String) -> Result<DatasetId, String> {
        parse_hex128(&text).map(DatasetId)
    }
}

impl From<DatasetId> for String {
    fn from(id: DatasetId) -> String {
        id.to_string()
    }
}

/// The name of an immutable object: the epoch that its writer saw and 128 random bits.
///
/// Written `<epoch:08x>-<id:032x>`. Names carry the epoch so that garbage is decided without
/// clocks, and are generated, never taken from data.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectId {
    /// The epoch that the writer saw.
    pub epoch: u32,
    /// Random bits.
    pub id: u128,
}

impl ObjectId {
    /// The key of this object under a folder: `data/ab/<name>`, spread over 256 prefixes.
    pub fn key(&self, folder: &str) -> String {
        format!("{folder}/{:02x}/{self}", self.id >> 120)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:032x}", self.epoch, self.id)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ObjectId {
    type Err = String;

    fn from_str(text: &str) -> Result<ObjectId, String> {
        let invalid = || format!("'{text}' is no object name");
        let (epoch, id) = text.split_once('-').ok_or_else(invalid)?;
        if epoch.len() != 8 || !is_lower_hex(epoch) {
            return Err(invalid());
        }
        Ok(ObjectId {
            epoch: u32::from_str_radix(epoch, 16).map_err(|_| invalid())?,
            id: parse_hex128(id)?,
        })
    }
}

impl TryFrom<String> for ObjectId {
    type Error = String;

    fn try_from(text: String) -> Result<ObjectId, String> {
        text.parse()
    }
}

impl From<ObjectId> for String {
    fn from(id: ObjectId) -> String {
        id.to_string()
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn parse_hex128(text: &str) -> Result<u128, String> {
    if text.len() != 32 || !is_lower_hex(text) {
        return Err(format!("'{text}' is not 32 hexadecimal digits"));
    }
    u128::from_str_radix(text, 16).map_err(|e| e.to_string())
}
