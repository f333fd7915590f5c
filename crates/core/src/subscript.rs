//! NumPy's basic subscripts: `x[1, -3:, ::2, ...]`.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::error::Result;
use crate::htype::HType;
use crate::region::AxisRange;
use crate::region::Region;
use crate::shape::MAX_NDIM;
use crate::shape::Shape;
use crate::tensor_type::TensorType;

/// One part of a subscript, between its commas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subscript {
    /// One position, counted from the end if negative; drops the dimension.
    Index(i64),
    /// `start:stop:step`, each optional; keeps the dimension.
    Slice {
        /// First position.
        start: Option<i64>,
        /// First position that is not included.
        stop: Option<i64>,
        /// Distance between positions, not 0.
        step: Option<i64>,
    },
    /// `...`: as many `:` as are missing.
    Rest,
}

impl Subscript {
    /// `:`.
    pub const ALL: Subscript = Subscript::Slice { start: None, stop: None, step: None };
}

/// What `subscripts` select from a value of `shape`. Slices are cut to the shape, as in NumPy.
///
/// # Errors
/// [`Error::TooManySubscripts`], [`Error::IndexOutOfRange`], or [`Error::InvalidSubscript`] for a
/// step of 0 or two `...`.
pub fn resolve(subscripts: &[Subscript], shape: &Shape) -> Result<Region> {
    let ndim = shape.ndim();
    let given = check(subscripts, Some(ndim))?;
    let mut axes = [AxisRange::whole(0); MAX_NDIM];
    for (axis, size) in axes.iter_mut().zip(shape.iter()) {
        *axis = AxisRange::whole(*size);
    }
    let mut at = 0;
    for subscript in subscripts {
        match subscript {
            Subscript::Rest => at += ndim - given,
            Subscript::Index(index) => {
                axes[at] = resolve_index(*index, at, shape[at])?;
                at += 1;
            }
            Subscript::Slice { start, stop, step } => {
                axes[at] = resolve_slice(*start, *stop, step.unwrap_or(1), shape[at]);
                at += 1;
            }
        }
    }
    Ok(Region::new(axes.into_iter().take(ndim)))
}

/// Checks what can be known without a shape and counts the dimensions that the subscripts name.
///
/// # Errors
/// As [`resolve`], but for indices out of range; too many subscripts only if `ndim` is given.
pub fn check(subscripts: &[Subscript], ndim: Option<usize>) -> Result<usize> {
    let rests = subscripts.iter().filter(|s| matches!(s, Subscript::Rest)).count();
    let given = subscripts.len() - rests;
    if rests > 1 {
        return Err(Error::InvalidSubscript {
            reason: "a subscript can hold one '...' only".into(),
        });
    }
    if subscripts.iter().any(|s| matches!(s, Subscript::Slice { step: Some(0), .. })) {
        return Err(Error::InvalidSubscript { reason: "the step of a slice cannot be 0".into() });
    }
    match ndim {
        Some(ndim) if given > ndim => Err(Error::TooManySubscripts { given, ndim }),
        _ => Ok(given),
    }
}

fn resolve_index(index: i64, dimension: usize, size: usize) -> Result<AxisRange> {
    let wide = i128::from(index);
    let at = if index < 0 { wide + as_i128(size) } else { wide };
    match usize::try_from(at) {
        Ok(start) if start < size => Ok(AxisRange { start, count: 1, step: 1, keep: false }),
        _ => Err(Error::IndexOutOfRange { index, dimension, size }),
    }
}

/// NumPy's rule: bounds below the front count from the end, then all is cut to the dimension.
fn resolve_slice(start: Option<i64>, stop: Option<i64>, step: i64, size: usize) -> AxisRange {
    let size = as_i128(size);
    let wrap = |bound: i64| if bound < 0 { i128::from(bound) + size } else { i128::from(bound) };
    let step = i128::from(step);
    let (first, last) = if step > 0 {
        let first = start.map_or(0, wrap).clamp(0, size);
        (first, stop.map_or(size, wrap).clamp(0, size))
    } else {
        let first = start.map_or(size - 1, wrap).clamp(-1, size - 1);
        (first, stop.map_or(-1, wrap).clamp(-1, size - 1))
    };
    let span = if step > 0 { last - first } else { first - last };
    let count = if span <= 0 { 0 } else { (span + step.abs() - 1) / step.abs() };
    AxisRange {
        start: usize::try_from(first).unwrap_or(0),
        count: usize::try_from(count).unwrap_or(0),
        step: i64::try_from(step).unwrap_or(i64::MAX),
        keep: true,
    }
}

fn as_i128(size: usize) -> i128 {
    i128::try_from(size).unwrap_or(i128::MAX)
}

impl fmt::Display for Subscript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subscript::Index(index) => write!(f, "{index}"),
            Subscript::Rest => f.write_str("..."),
            Subscript::Slice { start, stop, step } => {
                if let Some(start) = start {
                    write!(f, "{start}")?;
                }
                f.write_str(":")?;
                if let Some(stop) = stop {
                    write!(f, "{stop}")?;
                }
                if let Some(step) = step {
                    write!(f, ":{step}")?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Subscript {
    type Err = Error;

    fn from_str(text: &str) -> Result<Subscript> {
        let text = text.trim();
        let invalid = || Error::InvalidSubscript {
            reason: format!("'{text}' is no subscript: write an integer, start:stop:step or ..."),
        };
        if text == "..." {
            return Ok(Subscript::Rest);
        }
        if !text.contains(':') {
            return text.parse().map(Subscript::Index).map_err(|_| invalid());
        }
        let mut bounds = [None; 3];
        for (at, part) in text.split(':').enumerate() {
            let part = part.trim();
            let bound = bounds.get_mut(at).ok_or_else(invalid)?;
            if !part.is_empty() {
                *bound = Some(part.parse().map_err(|_| invalid())?);
            }
        }
        let [start, stop, step] = bounds;
        Ok(Subscript::Slice { start, stop, step })
    }
}

/// Reads `100:300, :, 0`, with or without brackets around it.
///
/// # Errors
/// [`Error::InvalidSubscript`].
pub fn parse_list(text: &str) -> Result<Vec<Subscript>> {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(trimmed);
    let list = inner.split(',').map(str::parse).collect::<Result<Vec<_>>>()?;
    check(&list, None)?;
    Ok(list)
}

/// Writes what [`parse_list`] reads.
pub fn format_list(subscripts: &[Subscript]) -> String {
    let parts: Vec<String> = subscripts.iter().map(ToString::to_string).collect();
    parts.join(", ")
}

/// The type of a value of type `ty` under constant subscripts.
///
/// A dimension whose size is fixed keeps a known size; encoded images become decoded ones. The
/// meaning is kept only where it survives: pixels, masks and labels do, boxes while they keep
/// their four numbers, embeddings do not.
///
/// # Errors
/// As [`resolve`] where the type alone can tell, and [`Error::InvalidSubscript`] for a scalar.
pub fn result_type(ty: &TensorType, subscripts: &[Subscript]) -> Result<TensorType> {
    if ty.dims.is_empty() {
        return Err(Error::InvalidSubscript {
            reason: format!("a value of type {ty} has no dimensions, so it cannot be sliced"),
        });
    }
    let given = check(subscripts, Some(ty.dims.len()))?;
    let mut dims = Vec::new();
    let mut axis = 0;
    for subscript in subscripts {
        match subscript {
            Subscript::Rest => {
                let missing = ty.dims.len() - given;
                dims.extend(&ty.dims[axis..axis + missing]);
                axis += missing;
                continue;
            }
            Subscript::Index(index) => {
                if let Some(size) = ty.dims[axis] {
                    resolve_index(*index, axis, usize::try_from(size).unwrap_or(usize::MAX))?;
                }
            }
            Subscript::Slice { start: None, stop: None, step: None } => dims.push(ty.dims[axis]),
            Subscript::Slice { start, stop, step } => dims.push(ty.dims[axis].map(|size| {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let range = resolve_slice(*start, *stop, step.unwrap_or(1), size);
                u32::try_from(range.count).unwrap_or(u32::MAX)
            })),
        }
        axis += 1;
    }
    dims.extend(&ty.dims[axis..]);
    let mut result = TensorType::tensor(ty.dtype.clone(), dims);
    result.classes = std::sync::Arc::clone(&ty.classes);
    result.htype = match ty.htype {
        HType::Image if result.dims.len() == 3 => HType::Image,
        HType::BBox if result.dims.last() == Some(&Some(4)) => HType::BBox,
        HType::ClassLabel => HType::ClassLabel,
        HType::BinaryMask | HType::SegmentMask if result.dims.len() == 2 => ty.htype,
        _ => HType::Generic,
    };
    if result.htype == HType::BBox {
        result.box_format = ty.box_format;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(text: &str, len: usize) -> Vec<usize> {
        let shape = Shape::new(&[len]).unwrap();
        let region = resolve(&parse_list(text).unwrap(), &shape).unwrap();
        region.axes()[0].positions().collect()
    }

    #[test]
    fn slices_follow_numpy() {
        assert_eq!(select(":", 3), [0, 1, 2]);
        assert_eq!(select("1:", 3), [1, 2]);
        assert_eq!(select("-2:", 3), [1, 2]);
        assert_eq!(select(":-1", 3), [0, 1]);
        assert_eq!(select("::-1", 3), [2, 1, 0]);
        assert_eq!(select("5:0:-2", 6), [5, 3, 1]);
        assert_eq!(select("100:200", 3), Vec::<usize>::new());
        assert_eq!(select("-100:2", 3), [0, 1]);
        assert_eq!(select("::2", 5), [0, 2, 4]);
        assert_eq!(select("-1", 5), [4]);
        assert_eq!(select("::-9223372036854775808", 3), [2]);
    }

    #[test]
    fn errors_say_which_dimension() {
        let shape = Shape::new(&[2, 3]).unwrap();
        assert_eq!(
            resolve(&[Subscript::ALL, Subscript::Index(3)], &shape).unwrap_err(),
            Error::IndexOutOfRange { index: 3, dimension: 1, size: 3 }
        );
        assert!(matches!(
            resolve(&[Subscript::ALL; 3], &shape).unwrap_err(),
            Error::TooManySubscripts { given: 3, ndim: 2 }
        ));
        assert!(parse_list("::0").is_err());
        assert!(parse_list("1:2:3:4").is_err());
    }

    #[test]
    fn result_types_know_fixed_sizes() {
        let ty = TensorType::tensor(crate::DType::F32, vec![None, Some(4)]);
        let of = |text: &str| result_type(&ty, &parse_list(text).unwrap()).map(|t| t.to_string());
        assert_eq!(of(":, 2").unwrap(), "f32[?]");
        assert_eq!(of("0").unwrap(), "f32[4]");
        assert_eq!(of("..., 1:9").unwrap(), "f32[?,3]");
        assert_eq!(of("0, 0").unwrap(), "f32");
        assert!(of(":, 4").is_err());
        assert!(of("0, 0, 0").is_err());
    }

    #[test]
    fn rest_stands_for_the_missing_dimensions() {
        let shape = Shape::new(&[2, 3, 4]).unwrap();
        let region = resolve(&parse_list("[..., 0]").unwrap(), &shape).unwrap();
        assert_eq!(&*region.shape(), &[2, 3]);
    }
}
