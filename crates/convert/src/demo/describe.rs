//! What is said of a picture beside its pixels.

use serde_json::Value;
use serde_json::json;

use super::picture::Drawn;
use super::picture::Kind;
use super::picture::Picture;
use super::picture::SCENES;
use super::random::Random;

/// Numbers of an embedding.
pub(super) const EMBEDDING: usize = 8;

/// "two circles and a ring, at night".
pub(super) fn caption(picture: &Picture) -> String {
    let mut parts = Vec::new();
    for kind in Kind::ALL {
        let name = kind.name();
        match picture.objects.iter().filter(|object| object.kind == kind).count() {
            0 => {}
            1 => parts.push(format!("a {name}")),
            2 => parts.push(format!("two {name}s")),
            3 => parts.push(format!("three {name}s")),
            4 => parts.push(format!("four {name}s")),
            _ => parts.push(format!("many {name}s")),
        }
    }
    let what = match parts.split_last() {
        None => "nothing".to_string(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    };
    let light = SCENES.get(picture.scene).map_or("", |scene| scene.said);
    format!("{what}, {light}")
}

/// Shares of circles, squares, triangles and rings in the area of all boxes, mean red, green and
/// blue, and the number of objects divided by 6; all from 0 to 1.
pub(super) fn embedding(picture: &Picture, drawn: &Drawn) -> [f32; EMBEDDING] {
    let area = |kind: Option<Kind>| -> f32 {
        let of =
            picture.objects.iter().filter(|object| kind.is_none_or(|kind| object.kind == kind));
        // From 0.0: the sum of no floats is -0.0.
        of.map(|object| f32::from(object.size) * f32::from(object.size))
            .fold(0.0, |sum, area| sum + area)
    };
    let boxes = area(None);
    let share = |kind: Kind| if boxes > 0.0 { area(Some(kind)) / boxes } else { 0.0 };
    let pixels = f32::from(picture.height) * f32::from(picture.width);
    let mean = |channel: usize| {
        let values = drawn.pixels.iter().skip(channel).step_by(3);
        values.map(|value| f32::from(*value)).sum::<f32>() / (255.0 * pixels)
    };
    let objects = u16::try_from(picture.objects.len()).map_or(1.0, |count| f32::from(count) / 6.0);
    let [circle, square, triangle, ring] = Kind::ALL.map(share);
    [circle, square, triangle, ring, mean(0), mean(1), mean(2), objects]
}

/// Where and how the picture was taken.
pub(super) fn meta(picture: &Picture, day: &str, random: &mut Random) -> Value {
    let camera = random.pick(&["gate", "roof", "yard"]).copied().unwrap_or("gate");
    let mut tags = Vec::new();
    if picture.objects.is_empty() {
        tags.push("empty");
    }
    if picture.objects.len() > 4 {
        tags.push("crowded");
    }
    if SCENES.get(picture.scene).is_some_and(|scene| scene.name == "night") {
        tags.push("dark");
    }
    json!({
        "camera": camera,
        "day": day,
        "exposure": f64::from(random.between(1, 50)) / 100.0,
        "tags": tags,
    })
}
