//! The parts of a picture that regions select.

use std::ops::Range;

use lakebed_core::Limits;
use lakebed_core::Region;
use lakebed_core::Shape;
use lakebed_core::region::AxisRange;

use super::MediaKind;
use super::jpeg;
use super::png;
use super::probe;
use crate::error::Error;
use crate::error::Result;

/// Regions and where their pixels go.
pub(super) type Wanted<'a> = [(Region, &'a mut Vec<u8>)];

pub(super) fn decode(
    kind: MediaKind,
    bytes: &[u8],
    wanted: &mut Wanted<'_>,
    limits: &Limits,
) -> Result<()> {
    let info = probe(bytes, limits)?;
    let shape = info.shape();
    let mut needed: Option<Range<usize>> = None;
    for (region, _) in wanted.iter() {
        let rows = rows_of(region, &shape).ok_or_else(|| outside(region, &shape))?;
        if region.elements() > 0 {
            needed = Some(match needed {
                Some(known) => known.start.min(rows.start)..known.end.max(rows.end),
                None => rows,
            });
        }
    }
    let Some(needed) = needed else { return Ok(()) };
    let band = match kind {
        MediaKind::Jpeg => jpeg::decode_rows(bytes, limits, needed.clone())?,
        MediaKind::Png => png::decode_rows(bytes, limits, needed.clone())?,
    };
    let band_shape = Shape::new(&[needed.len(), shape[1], shape[2]]).unwrap_or_default();
    if let (true, Some((region, _))) = (band.len() != band_shape.elements(), wanted.first()) {
        return Err(outside(region, &shape));
    }
    for (region, out) in wanted {
        let &[rows, columns, channels] = region.axes() else { continue };
        if region.elements() == 0 {
            continue;
        }
        let rows = AxisRange { start: rows.start - needed.start, ..rows };
        let region = Region::new([rows, columns, channels]);
        out.reserve(region.elements());
        region.copy(&band, &band_shape, 1, out);
    }
    Ok(())
}

/// The rows that a region meets; `None` if it does not lie inside a picture of `shape`.
fn rows_of(region: &Region, shape: &Shape) -> Option<Range<usize>> {
    let &[rows, _, _] = region.axes() else { return None };
    let inside = region.axes().iter().zip(shape.iter()).all(|(axis, &dim)| {
        axis.count <= dim && axis.step != 0 && (axis.count == 0 || axis.bounds().end <= dim)
    });
    inside.then(|| rows.bounds())
}

fn outside(region: &Region, shape: &Shape) -> Error {
    Error::Region { region: region.shape().to_string(), shape: shape.to_string() }
}
