//! Masks as COCO writes them, and as bits.
//!
//! The forms and rules are those of the COCO API (`maskApi.c` of github.com/cocodataset/cocoapi):
//! pixels are counted column by column, run lengths begin with background, run lengths as text
//! are differences in groups of five bits, and polygons are traced five times finer than pixels.

pub(crate) mod bits;
pub(crate) mod polygon;
pub(crate) mod rle;

pub(crate) use bits::BitTensorBuilder;
pub(crate) use bits::MaskStack;
pub(crate) use rle::Rle;

#[cfg(test)]
pub(crate) mod tests;
