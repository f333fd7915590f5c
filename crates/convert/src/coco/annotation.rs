//! One annotation of a COCO file.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error as _;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use crate::masks::Rle;
use crate::masks::polygon::rasterize;

/// An element of `images`. Other members are not read.
#[derive(Debug, Deserialize)]
pub(crate) struct Image {
    pub id: i64,
    pub file_name: String,
    pub width: Option<u32>,
    pub height: Option<u32>,
}

/// An element of `categories`.
#[derive(Debug, Deserialize)]
pub(crate) struct Category {
    pub id: i64,
    pub name: String,
    #[serde(default)]
    pub keypoints: Vec<String>,
}

/// What the first pass wants to know of an annotation: whose it is, and which members it has.
#[derive(Debug, Deserialize)]
pub(crate) struct Outline {
    pub image_id: i64,
    pub category_id: Option<i64>,
    pub bbox: Option<IgnoredAny>,
    pub segmentation: Option<IgnoredAny>,
    pub area: Option<IgnoredAny>,
    pub iscrowd: Option<IgnoredAny>,
    pub caption: Option<IgnoredAny>,
    /// Only how many there are: the numbers take no memory.
    pub keypoints: Option<Vec<IgnoredAny>>,
}

/// An element of `annotations`, read when its image's turn has come.
#[derive(Debug, Deserialize)]
pub(crate) struct Annotation {
    pub id: Option<i64>,
    pub category_id: Option<i64>,
    /// x, y, width, height.
    pub bbox: Option<[f64; 4]>,
    pub segmentation: Option<Segmentation>,
    pub area: Option<f64>,
    #[serde(default, deserialize_with = "flag")]
    pub iscrowd: Option<u8>,
    pub caption: Option<String>,
    /// x, y, visibility of each point.
    pub keypoints: Option<Vec<f32>>,
}

/// The outline of an object, in one of three forms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Segmentation {
    /// Any number of polygons `x0, y0, x1, y1, ...`, the object is all that one of them covers.
    Polygons(Vec<Vec<f64>>),
    /// Run lengths as numbers.
    Counts { size: [u32; 2], counts: Vec<i64> },
    /// Run lengths as text.
    Text { size: [u32; 2], counts: String },
}

impl Segmentation {
    /// The masks whose union the object is, all `[height, width]`.
    ///
    /// # Errors
    /// What is wrong with which part.
    pub fn masks(&self, height: u32, width: u32) -> Result<Vec<Rle>, String> {
        let sized = |[h, w]: &[u32; 2]| {
            if [*h, *w] == [height, width] {
                return Ok(());
            }
            Err(format!(
                "its run lengths are of {h} x {w}, its image has {height} x {width} pixels"
            ))
        };
        match self {
            Segmentation::Polygons(polygons) => polygons
                .iter()
                .map(|polygon| rasterize(polygon, height, width).map_err(|e| e.to_string()))
                .collect(),
            Segmentation::Counts { size, counts } => {
                sized(size)?;
                let rle = Rle::from_counts(height, width, counts.iter().copied());
                Ok(vec![rle.map_err(|e| e.to_string())?])
            }
            Segmentation::Text { size, counts } => {
                sized(size)?;
                Ok(vec![Rle::from_text(height, width, counts).map_err(|e| e.to_string())?])
            }
        }
    }
}

impl<'de> Deserialize<'de> for Segmentation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Segmentation, D::Error> {
        deserializer.deserialize_any(SegmentationVisitor)
    }
}

struct SegmentationVisitor;

impl<'de> Visitor<'de> for SegmentationVisitor {
    type Value = Segmentation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of polygons or an object with size and counts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Segmentation, A::Error> {
        let mut polygons = Vec::new();
        while let Some(polygon) = seq.next_element()? {
            polygons.push(polygon);
        }
        Ok(Segmentation::Polygons(polygons))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Segmentation, A::Error> {
        let (mut size, mut counts) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "size" => size = Some(map.next_value::<[u32; 2]>()?),
                "counts" => counts = Some(map.next_value::<Counts>()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let size = size.ok_or_else(|| A::Error::missing_field("size"))?;
        match counts.ok_or_else(|| A::Error::missing_field("counts"))? {
            Counts::Numbers(counts) => Ok(Segmentation::Counts { size, counts }),
            Counts::Text(counts) => Ok(Segmentation::Text { size, counts }),
        }
    }
}

enum Counts {
    Numbers(Vec<i64>),
    Text(String),
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Counts, D::Error> {
        struct CountsVisitor;
        impl<'de> Visitor<'de> for CountsVisitor {
            type Value = Counts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("run lengths as a list of numbers or as text")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Counts, A::Error> {
                let mut counts = Vec::new();
                while let Some(count) = seq.next_element()? {
                    counts.push(count);
                }
                Ok(Counts::Numbers(counts))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Counts, E> {
                Ok(Counts::Text(text.to_string()))
            }
        }
        deserializer.deserialize_any(CountsVisitor)
    }
}

/// 0 or 1, also where it is written as a word.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Number(u8),
        Word(bool),
    }
    Ok(Option::<Flag>::deserialize(deserializer)?.map(|flag| match flag {
        Flag::Number(number) => number,
        Flag::Word(word) => u8::from(word),
    }))
}

/// The ids of an annotation that cannot be read for the numbers that are none (`NaN`,
/// `Infinity`), which Python writes into JSON.
#[derive(Debug, Deserialize)]
pub(crate) struct Ids {
    pub id: Option<i64>,
    pub image_id: Option<i64>,
}

/// Reads the ids of an element after its `NaN`s and `Infinity`s have become nulls; `None` if it
/// has none of them, or is no object even so.
pub(crate) fn ids_beside_nan(element: &[u8]) -> Option<Ids> {
    let (mut mended, mut rest) = (Vec::with_capacity(element.len()), element);
    let (mut in_string, mut found) = (false, false);
    while let Some((&byte, after)) = rest.split_first() {
        if in_string && byte == b'\\' {
            let (escape, after) = rest.split_at(rest.len().min(2));
            mended.extend_from_slice(escape);
            rest = after;
            continue;
        }
        in_string ^= byte == b'"';
        let word = [&b"NaN"[..], b"Infinity", b"-Infinity"]
            .into_iter()
            .find(|word| !in_string && rest.starts_with(word));
        if let Some(word) = word {
            found = true;
            mended.extend_from_slice(b"null");
            rest = rest.get(word.len()..).unwrap_or_default();
        } else {
            mended.push(byte);
            rest = after;
        }
    }
    if found { serde_json::from_slice(&mended).ok() } else { None }
}
