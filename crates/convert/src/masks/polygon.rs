//! Polygons to masks, pixel for pixel as the COCO API does it (`rleFrPoly` of `maskApi.c`).
//!
//! Corners are put on a grid five times finer than the pixels, edges are traced on it point by
//! point, and wherever the trace crosses the middle of a column of pixels, the column changes
//! between background and object from there on down. What a polygon crosses twice is background
//! again; what lies outside of the image is cut off.

use std::fmt;

use crate::masks::rle::Rle;
use crate::masks::rle::RleError;

/// Points of the grid for each pixel, along each axis.
const SCALE: i64 = 5;
/// Corners may lie outside of the image, but not farther than this many times its longer side:
/// the trace takes time along its length.
const REACH: f64 = 16.0;

/// What is wrong with a polygon.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PolygonError {
    /// An x without its y.
    Odd { numbers: usize },
    /// Fewer corners than a triangle has.
    TooFew { corners: usize },
    /// A coordinate that is no number, or absurdly far outside.
    Far { corner: usize, x: f64, y: f64, height: u32, width: u32 },
    /// The image is too large.
    Mask(RleError),
}

impl fmt::Display for PolygonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolygonError::Odd { numbers } => {
                write!(f, "a polygon has {numbers} numbers: an x is without its y")
            }
            PolygonError::TooFew { corners } => {
                write!(f, "a polygon has {corners} corners: wanted at least 3")
            }
            PolygonError::Far { corner, x, y, height, width } => write!(
                f,
                "corner {corner} of a polygon is ({x}, {y}), far outside of {width} x {height} pixels"
            ),
            PolygonError::Mask(error) => error.fmt(f),
        }
    }
}

/// The mask of a polygon `x0, y0, x1, y1, ...` in pixels.
///
/// Memory is at most eight bytes a pixel of the image, whatever the polygon.
pub(crate) fn rasterize(points: &[f64], height: u32, width: u32) -> Result<Rle, PolygonError> {
    if !points.len().is_multiple_of(2) {
        return Err(PolygonError::Odd { numbers: points.len() });
    }
    let reach = REACH * f64::from(height.max(width)).max(64.0);
    let mut corners = Vec::with_capacity(points.len() / 2 + 1);
    for (corner, point) in points.chunks_exact(2).enumerate() {
        let &[x, y] = point else { continue };
        // Not a number is within no reach.
        if !(x.abs() <= reach && y.abs() <= reach) {
            return Err(PolygonError::Far { corner, x, y, height, width });
        }
        corners.push((on_grid(x), on_grid(y)));
    }
    let Some(&first) = corners.first().filter(|_| corners.len() >= 3) else {
        return Err(PolygonError::TooFew { corners: corners.len() });
    };
    corners.push(first);
    let Some(pixels) = height.checked_mul(width) else {
        return Err(PolygonError::Mask(RleError::TooLarge { height, width }));
    };
    let mut trace = Trace {
        height: i64::from(height),
        width: i64::from(width),
        most: usize::try_from(pixels).unwrap_or(usize::MAX).saturating_add(1),
        last: None,
        changes: Vec::new(),
    };
    for edge in corners.windows(2) {
        if let &[from, to] = edge {
            trace.edge(from, to);
        }
    }
    trace.cancel();
    Rle::from_changes(height, width, trace.changes).map_err(PolygonError::Mask)
}

fn on_grid(coordinate: f64) -> i64 {
    truncate(5.0 * coordinate + 0.5)
}

/// Towards zero, as a C cast: to the nearest for what is positive.
#[expect(clippy::cast_possible_truncation, reason = "callers keep it within a few million")]
fn truncate(value: f64) -> i64 {
    value as i64
}

/// What is exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "callers keep it within a few million")]
fn float(value: i64) -> f64 {
    value as f64
}

struct Trace {
    height: i64,
    width: i64,
    /// Places that differ, at most.
    most: usize,
    /// The point before this one.
    last: Option<(i64, i64)>,
    /// Where background and object change, column by column; not in order, and what is there
    /// twice is no change.
    changes: Vec<u32>,
}

impl Trace {
    fn edge(&mut self, from: (i64, i64), to: (i64, i64)) {
        let (dx, dy) = ((from.0 - to.0).abs(), (from.1 - to.1).abs());
        // Traced from the smaller end of the longer axis, so that an edge and its reverse are
        // the same points.
        let flip = if dx >= dy { from.0 > to.0 } else { from.1 > to.1 };
        let (begin, end) = if flip { (to, from) } else { (from, to) };
        let length = dx.max(dy);
        for step in 0..=length {
            let t = if flip { length - step } else { step };
            let point = if length == 0 {
                begin
            } else if dx >= dy {
                let slope = float(end.1 - begin.1) / float(dx);
                (begin.0 + t, truncate(float(begin.1) + slope * float(t) + 0.5))
            } else {
                let slope = float(end.0 - begin.0) / float(dy);
                (truncate(float(begin.0) + slope * float(t) + 0.5), begin.1 + t)
            };
            self.point(point);
        }
    }

    fn point(&mut self, point: (i64, i64)) {
        let Some(last) = self.last.replace(point) else { return };
        if point.0 == last.0 {
            return;
        }
        // The column whose middle lies between the two points, if there is one.
        let left = if point.0 < last.0 { point.0 } else { point.0 - 1 } - 2;
        let column = left.div_euclid(SCALE);
        if left.rem_euclid(SCALE) != 0 || column < 0 || column >= self.width {
            return;
        }
        // The first pixel whose middle is not above the upper point.
        let row = (point.1.min(last.1) - 2 + SCALE - 1).div_euclid(SCALE).clamp(0, self.height);
        if let Ok(at) = u32::try_from(column * self.height + row) {
            self.changes.push(at);
            if self.changes.len() / 2 > self.most {
                self.cancel();
            }
        }
    }

    /// Sorts, and drops pairs of the same place.
    fn cancel(&mut self) {
        self.changes.sort_unstable();
        let mut kept: Vec<u32> = Vec::with_capacity(self.changes.len().min(self.most));
        for at in &self.changes {
            if kept.last() == Some(at) {
                kept.pop();
            } else {
                kept.push(*at);
            }
        }
        self.changes = kept;
    }
}
