//! What a column means.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// The meaning of a column's samples, beside their element type and shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HType {
    /// No particular meaning.
    #[default]
    Generic,
    /// Pixels, always `[H, W, C]` with C in {1, 3, 4}.
    Image,
    /// Codes into the column's list of class names; scalar or tensor of unsigned integers.
    ClassLabel,
    /// Boxes `[N, 4]` in the column's [`BoxFormat`].
    #[serde(rename = "bbox")]
    BBox,
    /// One bool a pixel, `[H, W]` or `[H, W, N]`.
    BinaryMask,
    /// One class code a pixel, `[H, W]`.
    SegmentMask,
    /// A vector `[D]` (or `[N, D]`) of floats.
    Embedding,
    /// Text.
    Text,
    /// JSON documents.
    Json,
}

impl HType {
    /// Every htype, in the order in which help lists them.
    pub const ALL: [HType; 9] = [
        HType::Generic,
        HType::Image,
        HType::ClassLabel,
        HType::BBox,
        HType::BinaryMask,
        HType::SegmentMask,
        HType::Embedding,
        HType::Text,
        HType::Json,
    ];

    /// The name as written in schemas and metadata.
    pub fn name(self) -> &'static str {
        match self {
            HType::Generic => "generic",
            HType::Image => "image",
            HType::ClassLabel => "class_label",
            HType::BBox => "bbox",
            HType::BinaryMask => "binary_mask",
            HType::SegmentMask => "segment_mask",
            HType::Embedding => "embedding",
            HType::Text => "text",
            HType::Json => "json",
        }
    }
}

impl fmt::Display for HType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for HType {
    type Err = String;

    fn from_str(text: &str) -> Result<HType, String> {
        HType::ALL
            .into_iter()
            .find(|htype| htype.name() == text)
            .ok_or_else(|| format!("unknown htype '{text}'"))
    }
}

/// The coordinate convention of a box: what its four numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxFormat {
    /// left, top, width, height in pixels (COCO).
    #[default]
    Ltwh,
    /// left, top, right, bottom in pixels (Pascal VOC).
    Ltrb,
    /// center x, center y, width, height in pixels (YOLO, not scaled).
    Ccwh,
}

impl BoxFormat {
    /// The name as written in schemas and metadata.
    pub fn name(self) -> &'static str {
        match self {
            BoxFormat::Ltwh => "ltwh",
            BoxFormat::Ltrb => "ltrb",
            BoxFormat::Ccwh => "ccwh",
        }
    }

    /// The convention of a name.
    pub fn from_name(name: &str) -> Option<BoxFormat> {
        [BoxFormat::Ltwh, BoxFormat::Ltrb, BoxFormat::Ccwh]
            .into_iter()
            .find(|format| format.name() == name)
    }

    /// The same box as (left, top, right, bottom).
    #[inline]
    pub fn to_ltrb(self, b: [f64; 4]) -> [f64; 4] {
        match self {
            BoxFormat::Ltrb => b,
            BoxFormat::Ltwh => [b[0], b[1], b[0] + b[2], b[1] + b[3]],
            BoxFormat::Ccwh => {
                [b[0] - b[2] / 2.0, b[1] - b[3] / 2.0, b[0] + b[2] / 2.0, b[1] + b[3] / 2.0]
            }
        }
    }

    /// The box of (left, top, right, bottom) in this convention.
    #[inline]
    pub fn from_ltrb(self, b: [f64; 4]) -> [f64; 4] {
        match self {
            BoxFormat::Ltrb => b,
            BoxFormat::Ltwh => [b[0], b[1], b[2] - b[0], b[3] - b[1]],
            BoxFormat::Ccwh => [(b[0] + b[2]) / 2.0, (b[1] + b[3]) / 2.0, b[2] - b[0], b[3] - b[1]],
        }
    }
}

impl fmt::Display for BoxFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
