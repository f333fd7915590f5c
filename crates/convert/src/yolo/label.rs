//! One text file of labels.

/// How far beyond the image a coordinate may lie, as a part of its size.
const TOLERANCE: f64 = 0.01;
/// Visibility of a point that is written without one: labelled and visible, as COCO counts.
const VISIBLE: f64 = 2.0;

/// What `kpt_shape` says: points of an object, and numbers of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keypoints {
    pub points: usize,
    /// 2 or 3.
    pub numbers: usize,
}

/// One line. Coordinates are parts of the image's width and height.
#[derive(Debug, PartialEq)]
pub(crate) struct Object {
    /// From 1.
    pub line: usize,
    pub class: u32,
    /// Center x, center y, width, height.
    pub bounds: [f64; 4],
    /// `x0, y0, x1, y1, ...`; empty for a box.
    pub polygon: Vec<f64>,
    /// x, y, visibility.
    pub keypoints: Vec<[f64; 3]>,
}

/// What is wrong with one line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongLine {
    /// From 1.
    pub line: usize,
    pub cause: String,
}

/// Reads all lines; empty ones are passed over.
pub(crate) fn parse(
    text: &str,
    classes: usize,
    keypoints: Option<Keypoints>,
) -> Result<Vec<Object>, WrongLine> {
    let mut objects = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !line.trim().is_empty() {
            let line_number = index + 1;
            let object = parse_line(line, line_number, classes, keypoints)
                .map_err(|cause| WrongLine { line: line_number, cause })?;
            objects.push(object);
        }
    }
    Ok(objects)
}

fn parse_line(
    text: &str,
    line: usize,
    classes: usize,
    keypoints: Option<Keypoints>,
) -> Result<Object, String> {
    let mut words = text.split_ascii_whitespace();
    let class = class(words.next().unwrap_or(""), classes)?;
    let numbers = words
        .map(|word| match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("'{word}' is no finite number")),
        })
        .collect::<Result<Vec<f64>, String>>()?;
    let count = numbers.len() + 1;
    if let (&[x, y, w, h], true) = (numbers.as_slice(), keypoints.is_none()) {
        let bounds = within(&[x, y, w, h]).map(|()| [x, y, w, h])?;
        return Ok(Object { line, class, bounds, polygon: Vec::new(), keypoints: Vec::new() });
    }
    if let Some(shape) = keypoints {
        let wanted = 5 + shape.points * shape.numbers;
        let (Some((&[x, y, w, h], points)), true) = (numbers.split_first_chunk(), count == wanted)
        else {
            return Err(format!("it has {count} numbers: kpt_shape wants {wanted}"));
        };
        within(&[x, y, w, h])?;
        let points = points.chunks_exact(shape.numbers).map(|point| {
            let (x, y) = (point.first().copied(), point.get(1).copied());
            let (x, y) = (x.unwrap_or(0.0), y.unwrap_or(0.0));
            within(&[x, y])?;
            let seen = if x == 0.0 && y == 0.0 { 0.0 } else { VISIBLE };
            Ok([x, y, point.get(2).copied().unwrap_or(seen)])
        });
        let keypoints = points.collect::<Result<_, String>>()?;
        let bounds = [x, y, w, h];
        return Ok(Object { line, class, bounds, polygon: Vec::new(), keypoints });
    }
    if numbers.len() < 6 || numbers.len() % 2 != 0 {
        return Err(format!(
            "it has {count} numbers: wanted 5 for a box, or a class and x, y of 3 corners or more"
        ));
    }
    within(&numbers)?;
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for corner in numbers.chunks_exact(2) {
        for ((low, high), c) in low.iter_mut().zip(&mut high).zip(corner) {
            *low = low.min(*c);
            *high = high.max(*c);
        }
    }
    let ([left, top], [right, bottom]) = (low, high);
    let bounds = [(left + right) / 2.0, (top + bottom) / 2.0, right - left, bottom - top];
    Ok(Object { line, class, bounds, polygon: numbers, keypoints: Vec::new() })
}

/// A class number; some tools write it as `3.0`.
fn class(word: &str, classes: usize) -> Result<u32, String> {
    let whole = word.strip_suffix(".0").unwrap_or(word);
    let class: u32 = whole.parse().map_err(|_| format!("'{word}' is no class number"))?;
    // As many names as lines could be made up for: a number is refused where it stands for none.
    let most = if classes == usize::MAX { 1 << 16 } else { classes };
    if usize::try_from(class).unwrap_or(usize::MAX) >= most {
        return Err(format!("class {class} has no name: there are {most} classes"));
    }
    Ok(class)
}

fn within(coordinates: &[f64]) -> Result<(), String> {
    let wrong = coordinates.iter().find(|c| !(-TOLERANCE..=1.0 + TOLERANCE).contains(*c));
    wrong.map_or(Ok(()), |c| {
        Err(format!("{c} is not between 0 and 1: coordinates are parts of the image's size"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_boxes_polygons_or_points() {
        let objects = parse("1 0.5 0.5 0.2 0.1\r\n\n0.0 0 0 0.5 0 0.5 0.25\n", 2, None).unwrap();
        assert_eq!(objects[0].bounds, [0.5, 0.5, 0.2, 0.1]);
        assert_eq!((objects[1].class, objects[1].line), (0, 3));
        assert_eq!(objects[1].bounds, [0.25, 0.125, 0.5, 0.25]);
        assert_eq!(objects[1].polygon.len(), 6);
        let two = Some(Keypoints { points: 2, numbers: 2 });
        let objects = parse("0 0.5 0.5 0.2 0.1 0.25 0.5 0 0", 1, two).unwrap();
        assert_eq!(objects[0].keypoints, [[0.25, 0.5, 2.0], [0.0, 0.0, 0.0]]);
    }

    #[test]
    fn wrong_lines_are_named() {
        let cases = [
            ("0 0.5 0.5 0.2", "it has 4 numbers"),
            ("0 0.5 0.5 0.2 0.1 0.9", "it has 6 numbers"),
            ("0 0 0 1 0 1 1 0", "it has 8 numbers"),
            ("2 0.5 0.5 0.2 0.1", "class 2 has no name: there are 2"),
            ("-1 0.5 0.5 0.2 0.1", "'-1' is no class number"),
            ("cat 0.5 0.5 0.2 0.1", "'cat' is no class number"),
            ("0 nan 0.5 0.2 0.1", "'nan' is no finite number"),
            ("0 1e999 0.5 0.2 0.1", "'1e999' is no finite number"),
            ("0 320 240 64 48", "320 is not between 0 and 1"),
            ("0 0.5 0.5 -0.2 0.1", "-0.2 is not between"),
        ];
        for (text, cause) in cases {
            let wrong = parse(&format!("0 0.5 0.5 0.1 0.1\n{text}"), 2, None).unwrap_err();
            assert_eq!(wrong.line, 2);
            assert!(wrong.cause.contains(cause), "{text}: {}", wrong.cause);
        }
        let wrong = parse("4294967295 0.5 0.5 0.2 0.1", usize::MAX, None).unwrap_err();
        assert!(wrong.cause.contains("no name"), "{}", wrong.cause);
        let three = Some(Keypoints { points: 3, numbers: 3 });
        let wrong = parse("0 0.5 0.5 0.2 0.1", 1, three).unwrap_err();
        assert!(wrong.cause.contains("kpt_shape wants 14"), "{}", wrong.cause);
    }
}
