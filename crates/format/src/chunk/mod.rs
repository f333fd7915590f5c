//! Chunks: consecutive samples of one column as bytes, and back.
//!
//! A chunk is a payload, a directory that says what is where in it, and a footer for repair.
//! Writing goes [`builder`] -> `items` -> `encode`; reading goes [`directory`] -> [`plan`]
//! (which bytes?) -> the caller fetches -> [`plan::ChunkPlan::assemble`].

pub mod builder;
pub(crate) mod collect;
pub mod directory;
pub(crate) mod directory_writer;
pub(crate) mod encode;
pub mod footer;
pub(crate) mod heads;
pub(crate) mod items;
pub(crate) mod media_pages;
pub(crate) mod output;
pub mod part;
pub mod plan;
pub(crate) mod read_elements;
pub(crate) mod read_media;
pub(crate) mod read_pages;
pub(crate) mod read_raw;
pub(crate) mod read_tiles;
pub(crate) mod regions;
pub(crate) mod seen;
pub(crate) mod tiles;

use lakebed_core::Column;

use crate::error::Error;
use crate::error::Result;
use crate::stats::Stats;

/// How the payload of a chunk is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PayloadLayout {
    /// Uncompressed tensors end to end, verified in blocks of 16 KiB.
    Raw = 0,
    /// Pages of scalars under light encodings.
    Scalars = 1,
    /// Pages of the elements of consecutive tensors.
    Elements = 2,
    /// Pages of texts, JSON documents or byte strings.
    Variable = 3,
    /// Encoded images, each a page of its own.
    Media = 4,
    /// The tiles of one large tensor.
    Tiles = 5,
}

impl PayloadLayout {
    pub(crate) fn from_number(number: u64) -> Result<PayloadLayout> {
        Ok(match number {
            0 => PayloadLayout::Raw,
            1 => PayloadLayout::Scalars,
            2 => PayloadLayout::Elements,
            3 => PayloadLayout::Variable,
            4 => PayloadLayout::Media,
            5 => PayloadLayout::Tiles,
            _ => {
                return Err(Error::damaged("directory", format!("layout {number} does not exist")));
            }
        })
    }
}

/// A chunk as it is written: payload, then (aligned) directory, then footer.
#[derive(Debug, Clone)]
pub struct EncodedChunk {
    /// The samples.
    pub payload: Vec<u8>,
    /// What is where in the payload.
    pub directory: Vec<u8>,
    /// What a query may know without opening the chunk.
    pub stats: Stats,
}

/// Number of dimensions of a column in statistics: a sequence counts its own as the first.
pub fn stats_ndim(column: &Column) -> usize {
    column.ndim() + usize::from(column.sequence)
}
