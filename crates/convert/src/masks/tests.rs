use std::io::Write;
use std::process::Command;
use std::process::Stdio;

use crate::masks::polygon::PolygonError;
use crate::masks::polygon::rasterize;
use crate::masks::rle::Rle;
use crate::masks::rle::RleError;

#[test]
fn rectangles_and_triangles_have_their_known_areas() {
    let cases: [(&[f64], u64); 5] = [
        // Corners on the borders of pixels: as many pixels as the area.
        (&[2.0, 3.0, 12.0, 3.0, 12.0, 8.0, 2.0, 8.0], 50),
        // The other way round it is the same.
        (&[2.0, 8.0, 12.0, 8.0, 12.0, 3.0, 2.0, 3.0], 50),
        // Half of a square of 10: the diagonal's pixels belong to the lower half, 10 + 9 + ... + 1.
        (&[0.0, 0.0, 0.0, 10.0, 10.0, 10.0], 55),
        (&[0.0, 0.0, 10.0, 0.0, 10.0, 10.0], 45),
        // Half of it lies outside of the image.
        (&[-5.0, 0.0, 5.0, 0.0, 5.0, 10.0, -5.0, 10.0], 50),
    ];
    for (polygon, area) in cases {
        assert_eq!(rasterize(polygon, 20, 30).unwrap().area(), area, "{polygon:?}");
    }
}

#[test]
fn run_lengths_are_text_and_back() {
    let cases: [&[i64]; 5] =
        [&[12], &[0, 12], &[3, 2, 7], &[0, 1, 1, 1, 1, 1, 1, 6], &[1, 1, 1, 1, 5, 3]];
    for counts in cases {
        let rle = Rle::from_counts(3, 4, counts.iter().copied()).unwrap();
        assert_eq!(Rle::from_text(3, 4, &rle.to_text()).unwrap(), rle);
    }
    // A large difference, negative too, takes several groups.
    let rle = Rle::from_counts(1000, 1000, [0, 500_000, 1, 3, 499_996]).unwrap();
    assert_eq!(Rle::from_text(1000, 1000, &rle.to_text()).unwrap(), rle);
    assert_eq!(rle.area(), 500_003);
}

#[test]
fn hostile_run_lengths_are_errors() {
    let beyond = |index| RleError::Beyond { index, height: 3, width: 4 };
    let counts = |counts: &[i64]| Rle::from_counts(3, 4, counts.iter().copied()).unwrap_err();
    assert_eq!(counts(&[5, 1_000_000_000]), beyond(1));
    assert_eq!(counts(&[13]), beyond(0));
    assert_eq!(counts(&[5, 5]), RleError::Short { covered: 10, height: 3, width: 4 });
    assert_eq!(counts(&[5, -5]), RleError::WrongCount { index: 1, count: -5 });
    assert_eq!(counts(&[1 << 40]), RleError::WrongCount { index: 0, count: 1 << 40 });
    let text = |text: &str| Rle::from_text(3, 4, text).unwrap_err();
    assert_eq!(text("P"), RleError::CutShort);
    assert_eq!(text("4 "), RleError::WrongByte { at: 1, byte: b' ' });
    assert_eq!(text("é"), RleError::WrongByte { at: 0, byte: 0xc3 });
    assert!(matches!(text("oooooooooooooooooo0"), RleError::WrongByte { at: 7, .. }));
    // '?' is 15: a count, but of more pixels than there are.
    assert_eq!(text("?"), beyond(0));
    let huge = Rle::from_counts(1 << 20, 1 << 20, [0]).unwrap_err();
    assert_eq!(huge, RleError::TooLarge { height: 1 << 20, width: 1 << 20 });
}

#[test]
fn hostile_polygons_are_errors() {
    assert_eq!(rasterize(&[1.0; 7], 5, 5).unwrap_err(), PolygonError::Odd { numbers: 7 });
    assert_eq!(rasterize(&[1.0; 4], 5, 5).unwrap_err(), PolygonError::TooFew { corners: 2 });
    assert_eq!(rasterize(&[], 5, 5).unwrap_err(), PolygonError::TooFew { corners: 0 });
    for wrong in [f64::NAN, f64::INFINITY, 1e9, -1e300] {
        let error = rasterize(&[0.0, 0.0, wrong, 1.0, 2.0, 2.0], 5, 5).unwrap_err();
        assert!(matches!(error, PolygonError::Far { corner: 1, .. }), "{error}");
    }
    let large = rasterize(&[0.0, 0.0, 1.0, 1.0, 2.0, 2.0], 1 << 20, 1 << 20).unwrap_err();
    assert!(matches!(large, PolygonError::Mask(RleError::TooLarge { .. })), "{large}");
}

#[test]
fn many_crossings_stay_in_bounds() {
    // Back and forth over the same 16 pixels: each crossing twice is none at all.
    let corners: Vec<f64> = (0..20_001).flat_map(|i| [f64::from(i % 2) * 4.0, 1.0]).collect();
    assert_eq!(rasterize(&corners, 4, 4).unwrap().area(), 0);
}

/// Polygons and what the COCO API makes of them, so that "as the COCO API does it" is a fact.
#[test]
fn masks_are_those_of_pycocotools() {
    let mut state = 7u64;
    let mut random = move |range: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1u32 << 24) * f64::from(range)
    };
    let mut polygons: Vec<Vec<f64>> = Vec::new();
    for index in 0..500u32 {
        let corners = 3 + index % 9;
        // Some lie partly outside, some on whole numbers, some have a corner twice.
        let shift = f64::from(index % 4) * 10.0;
        let mut polygon: Vec<f64> = (0..corners)
            .flat_map(|_| [random(80) - shift, random(70) - shift])
            .map(|c| if index % 3 == 0 { c.round() } else { c })
            .collect();
        if index % 5 == 0 {
            let first = [polygon[0], polygon[1]];
            polygon.splice(2..2, first);
        }
        polygons.push(polygon);
    }
    let script = "
import json, sys
from pycocotools import mask
out = []
for polygon in json.load(sys.stdin):
    rle = mask.frPyObjects([polygon], 37, 53)[0]
    out.append([rle['counts'].decode(), int(mask.area(rle))])
print(json.dumps(out))
";
    let Some(output) = python(script, &serde_json::to_string(&polygons).unwrap()) else { return };
    let theirs: Vec<(String, u64)> = serde_json::from_str(&output).unwrap();
    assert_eq!(theirs.len(), polygons.len());
    for (polygon, (text, area)) in polygons.iter().zip(theirs) {
        let ours = rasterize(polygon, 37, 53).unwrap();
        assert_eq!((ours.to_text(), ours.area()), (text.clone(), area), "{polygon:?}");
        assert_eq!(Rle::from_text(37, 53, &text).unwrap().counts(), ours.counts());
    }
}

/// Runs a script in Python; `None`, with a message, where Python or `pycocotools` is absent.
pub(crate) fn python(script: &str, input: &str) -> Option<String> {
    let probe = Command::new("python3").args(["-c", "import pycocotools"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        println!("skipped: python3 with pycocotools is not there");
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
