//! One annotation as an object of its row.

use crate::annotated::Row;
use crate::annotated::single;
use crate::coco::annotation::Annotation;

/// Adds an annotation of class `code`. Returns what is odd about it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn add(
    row: &mut Row,
    annotation: Annotation,
    code: Option<u32>,
) -> std::result::Result<Option<String>, String> {
    // A caption describes the whole image: it is no object.
    let captions_only = annotation.bbox.is_none()
        && annotation.segmentation.is_none()
        && annotation.category_id.is_none();
    if let Some(caption) = annotation.caption {
        row.captions.push(caption);
        if captions_only {
            return Ok(None);
        }
    }
    let mut odd = None;
    if row.wants.boxes {
        let bbox = annotation.bbox.ok_or("it has no bbox")?;
        let bounds = bbox.map(single);
        if bounds.iter().any(|number| !number.is_finite()) {
            return Err(format!("its bbox {bbox:?} is beyond what 32-bit floats hold"));
        }
        if bbox[2] <= 0.0 || bbox[3] <= 0.0 {
            odd = Some(format!("the box {bbox:?} (left, top, width, height) has no area"));
        }
        row.boxes.extend(bounds);
    }
    if row.wants.labels {
        let id = annotation.category_id.ok_or("it has no category_id")?;
        row.labels.push(code.ok_or_else(|| format!("there is no category {id}"))?);
        row.categories.push(id);
    }
    if let (Some(stack), Some(segmentation)) = (&mut row.masks, &annotation.segmentation) {
        let [height, width, _] = row.image.shape.map(|size| u32::try_from(size).unwrap_or(0));
        for mask in segmentation.masks(height, width)? {
            stack.add(row.objects, &mask);
        }
    }
    if let Some(points) = row.wants.keypoints {
        let found = annotation.keypoints.unwrap_or_default();
        if !found.len().is_multiple_of(3) || found.len() > points * 3 {
            let cause = format!(
                "it has {} numbers of keypoints: wanted 3 for each of {points} points",
                found.len()
            );
            return Err(cause);
        }
        row.keypoints.extend(&found);
        row.keypoints.resize((row.objects + 1) * points * 3, 0.0);
    }
    row.area.push(annotation.area.unwrap_or(f64::NAN));
    row.iscrowd.push(annotation.iscrowd.unwrap_or(0));
    row.objects += 1;
    Ok(odd)
}
