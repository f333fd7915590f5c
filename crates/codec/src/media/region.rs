//! The part of a picture that a region selects.

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

pub(super) fn decode(
    kind: MediaKind,
    bytes: &[u8],
    region: &Region,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<()> {
    let info = probe(bytes, limits)?;
    let shape = info.shape();
    let outside = || Error::Region { region: region.shape().to_string(), shape: shape.to_string() };
    let &[rows, columns, channels] = region.axes() else {
        return Err(outside());
    };
    for (axis, &dim) in region.axes().iter().zip(shape.iter()) {
        if axis.count > dim || axis.step == 0 || (axis.count > 0 && axis.bounds().end > dim) {
            return Err(outside());
        }
    }
    if region.elements() == 0 {
        return Ok(());
    }
    let needed = rows.bounds();
    let band = match kind {
        MediaKind::Jpeg => jpeg::decode_rows(bytes, limits, needed.clone())?,
        MediaKind::Png => png::decode_rows(bytes, limits, needed.clone())?,
    };
    let band_shape = Shape::new(&[needed.len(), shape[1], shape[2]]).unwrap_or_default();
    let rows = AxisRange { start: rows.start - needed.start, ..rows };
    let before = out.len();
    let band_region = Region::new([rows, columns, channels]);
    out.reserve(band_region.elements());
    band_region.copy(&band, &band_shape, 1, out);
    if out.len() - before != band_region.elements() {
        out.truncate(before);
        return Err(outside());
    }
    Ok(())
}
