//! Writing the directory of a chunk.

use arrow::buffer::BooleanBuffer;

use super::PayloadLayout;
use super::directory::Page;
use super::directory::flag;
use super::directory::tag;
use crate::BLOCK;
use crate::buffers::BufferWriter;
use crate::buffers::to_u64;
use crate::checksum::Checksum;
use crate::stats;
use crate::stats::Stats;

/// What the encoders hand over to be written as a directory.
#[derive(Debug)]
pub(crate) struct DirectoryParts<'a> {
    pub layout: PayloadLayout,
    pub rows: usize,
    pub items: usize,
    pub payload: &'a [u8],
    pub valid: Option<&'a [bool]>,
    pub counts: Option<&'a [u64]>,
    pub dims: &'a [Vec<u32>],
    pub pages: Vec<Page>,
    /// What encoded images begin with, and which of it each item; empty if nothing.
    pub prefixes: &'a [Vec<u8>],
    pub prefix_numbers: &'a [u64],
    pub tile: Vec<usize>,
    pub page_stats: Vec<Stats>,
    pub stats_ndim: usize,
}

impl DirectoryParts<'_> {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut table = BufferWriter::new();
        let flags = [
            (self.valid.is_some(), flag::VALID),
            (self.counts.is_some(), flag::COUNTS),
            (!self.page_stats.is_empty(), flag::PAGE_STATS),
            (!self.prefixes.is_empty(), flag::PREFIXES),
        ];
        let flags = flags.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum();
        table.words(
            tag::HEADER,
            &[
                self.layout as u64,
                flags,
                to_u64(self.rows),
                to_u64(self.items),
                to_u64(self.payload.len()),
                to_u64(self.pages.len()),
                to_u64(self.dims.len()),
            ],
        );
        if let Some(valid) = self.valid {
            let bits = BooleanBuffer::from(valid);
            table.bytes(tag::VALID, bits.inner().as_slice().to_vec());
        }
        if let Some(counts) = self.counts {
            table.integers(tag::COUNTS, counts);
        }
        for (axis, sizes) in self.dims.iter().enumerate() {
            let sizes: Vec<u64> = sizes.iter().map(|s| u64::from(*s)).collect();
            table.integers(tag::DIMS + u32::try_from(axis).unwrap_or(0), &sizes);
        }
        let each = |of: &dyn Fn(&Page) -> u64| self.pages.iter().map(of).collect::<Vec<_>>();
        if !self.pages.is_empty() {
            table.integers(tag::PAGE_ENDS, &each(&|p| p.bytes.end));
            table.integers(tag::PAGE_RAW, &each(&|p| to_u64(p.raw)));
            if self.layout != PayloadLayout::Media && self.layout != PayloadLayout::Tiles {
                table.integers(tag::PAGE_ITEM_ENDS, &each(&|p| to_u64(p.items.end)));
            }
            table.integers(tag::PAGE_CODECS, &each(&|p| u64::from(p.codec)));
            table.words(tag::PAGE_CHECKSUMS, &each(&|p| p.checksum.0));
        }
        if !self.prefixes.is_empty() {
            table.bytes(tag::PREFIXES, self.prefixes.concat());
            let end = |end: &mut u64, prefix: &Vec<u8>| {
                *end += to_u64(prefix.len());
                Some(*end)
            };
            table.words(tag::PREFIX_ENDS, &self.prefixes.iter().scan(0, end).collect::<Vec<_>>());
            table.integers(tag::PREFIX_NUMBERS, self.prefix_numbers);
        }
        if self.layout == PayloadLayout::Raw {
            let block = usize::try_from(BLOCK).unwrap_or(usize::MAX);
            let sums: Vec<u64> = self.payload.chunks(block).map(|b| Checksum::of(b).0).collect();
            table.words(tag::BLOCK_CHECKSUMS, &sums);
        }
        if self.layout == PayloadLayout::Tiles {
            let tile: Vec<u64> = self.tile.iter().map(|n| to_u64(*n)).collect();
            table.words(tag::TILE, &tile);
        }
        if !self.page_stats.is_empty() {
            stats::write(&mut table, &self.page_stats, self.stats_ndim);
        }
        table.finish()
    }
}
