//! What `data.yaml` or `classes.txt` says: the names of classes, and the shape of keypoints.

use std::collections::BTreeMap;
use std::path::Path;

use saphyr_parser::Event;
use saphyr_parser::Parser;

use crate::error::Problem;
use crate::files;
use crate::options::ImportOptions;
use crate::yolo::label::Keypoints;

/// Names without gaps may be this many.
const MOST_CLASSES: usize = 1 << 16;

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Names {
    /// By class number; `None` if no file says.
    pub classes: Option<Vec<String>>,
    pub keypoints: Option<Keypoints>,
}

impl Names {
    /// Reads the first YAML file of the root that has `names`, else `classes.txt`.
    pub fn read(
        root: &Path,
        listed: &[String],
        options: &ImportOptions,
        warnings: &mut Vec<Problem>,
    ) -> Result<Names, Problem> {
        let at_root = |file: &&String| !file.contains('/');
        let read = |file: &str| {
            let limit = options.max_annotation_bytes;
            let bytes = files::read(root, file, limit, "max_annotation_bytes")?;
            String::from_utf8(bytes).map_err(|e| Problem::new(file, format!("it is no UTF-8: {e}")))
        };
        let mut with_names = Vec::new();
        for file in listed.iter().filter(at_root) {
            if matches!(files::extension(file), "yaml" | "yml") {
                let names =
                    parse(&read(file)?).map_err(|cause| Problem::new(file.as_str(), cause))?;
                if names.classes.is_some() {
                    with_names.push((file, names));
                }
            }
        }
        let mut with_names = with_names.into_iter();
        if let Some((file, names)) = with_names.next() {
            for (other, _) in with_names {
                let cause = format!("not read: the names of classes come from '{file}'");
                warnings.push(Problem::new(other.as_str(), cause));
            }
            return Ok(names);
        }
        let known = ["classes.txt", "labels/classes.txt", "obj.names"];
        let Some(file) = known.iter().find(|name| listed.iter().any(|file| file == *name)) else {
            return Ok(Names::default());
        };
        let text = read(file)?;
        let classes = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        Ok(Names { classes: Some(classes.map(str::to_string).collect()), keypoints: None })
    }
}

/// A document's values, as far as names need them.
#[derive(Debug, PartialEq)]
enum Node {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Reads `names` and `kpt_shape` of a YAML document.
fn parse(text: &str) -> Result<Names, String> {
    let mut names = Names::default();
    let Some(Node::Map(members)) = document(text)? else { return Ok(names) };
    for (key, value) in members {
        match key {
            Node::Text(key) if key == "names" => names.classes = Some(classes(value)?),
            Node::Text(key) if key == "kpt_shape" => names.keypoints = Some(keypoints(&value)?),
            _ => {}
        }
    }
    Ok(names)
}

fn classes(value: Node) -> Result<Vec<String>, String> {
    let wrong = || "names is neither a list of names nor a map from numbers to names".to_string();
    match value {
        Node::List(list) => list
            .into_iter()
            .map(|name| match name {
                Node::Text(name) => Ok(name),
                _ => Err(wrong()),
            })
            .collect(),
        Node::Map(map) => {
            let mut by_number = BTreeMap::new();
            for (number, name) in map {
                let (Node::Text(number), Node::Text(name)) = (number, name) else {
                    return Err(wrong());
                };
                let code: usize =
                    number.parse().map_err(|_| format!("names: '{number}' is no class number"))?;
                by_number.insert(code, name);
            }
            let most = by_number.last_key_value().map_or(0, |(code, _)| code.saturating_add(1));
            if most > MOST_CLASSES {
                return Err(format!("names: class {} is beyond {MOST_CLASSES}", most - 1));
            }
            // A number without a name keeps its number as its name.
            Ok((0..most)
                .map(|code| by_number.remove(&code).unwrap_or_else(|| code.to_string()))
                .collect())
        }
        Node::Text(_) => Err(wrong()),
    }
}

fn keypoints(value: &Node) -> Result<Keypoints, String> {
    let number = |node: &Node| match node {
        Node::Text(text) => text.parse::<usize>().ok(),
        _ => None,
    };
    let Node::List(list) = value else { return Err("kpt_shape is no list".into()) };
    match list.iter().map(number).collect::<Vec<_>>().as_slice() {
        [Some(points @ 1..=1024), Some(numbers @ 2..=3)] => {
            Ok(Keypoints { points: *points, numbers: *numbers })
        }
        _ => Err("kpt_shape is not [points, 2] or [points, 3]".into()),
    }
}

/// The first document. References to anchors are refused: a few lines of them stand for billions
/// of values, and no list of names needs them.
fn document(text: &str) -> Result<Option<Node>, String> {
    /// What is being read.
    enum Open {
        List(Vec<Node>),
        Map(Vec<(Node, Node)>, Option<Node>),
    }
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|e| format!("wrong YAML: {e}"))?;
        if open.len() > 64 {
            return Err("it is nested more than 64 deep".into());
        }
        let done = match event {
            Event::Scalar(text, ..) => Node::Text(text.into_owned()),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list)) => Node::List(list),
                Some(Open::Map(map, _)) => Node::Map(map),
                None => return Err("wrong YAML: an end without its beginning".into()),
            },
            Event::Alias(_) => {
                return Err("it refers to anchors (*name), which is not read: write it out".into());
            }
            _ => continue,
        };
        match open.last_mut() {
            None => return Ok(Some(done)),
            Some(Open::List(list)) => list.push(done),
            Some(Open::Map(map, key)) => match key.take() {
                None => *key = Some(done),
                Some(known) => map.push((known, done)),
            },
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        parse(text).unwrap().classes.unwrap()
    }

    #[test]
    fn names_are_a_list_or_a_map() {
        let block = "path: ../data # where\ntrain: images/train\nnames:\n  - cat\n  - 'a: dog'\n";
        assert_eq!(names(block), ["cat", "a: dog"]);
        assert_eq!(names("nc: 2\nnames: [cat,\n  \"dog\"]\n"), ["cat", "dog"]);
        let map = "names:\n  0: person\n  2: car\nkpt_shape: [17, 3]\n";
        assert_eq!(names(map), ["person", "1", "car"]);
        let keypoints = parse(map).unwrap().keypoints;
        assert_eq!(keypoints, Some(Keypoints { points: 17, numbers: 3 }));
        assert_eq!(parse("lr: 0.1\n").unwrap(), Names::default());
        assert_eq!(parse("").unwrap(), Names::default());
    }

    #[test]
    fn hostile_documents_are_errors() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\nnames: [cat]\n";
        let deep = "[".repeat(100_000);
        let cases = [
            (bomb, "anchors"),
            ("names: {4000000000: x}", "beyond"),
            ("names: {cat: x}", "'cat' is no class number"),
            ("names: [[cat]]", "neither"),
            ("names: cat", "neither"),
            ("names: [cat", "wrong YAML"),
            ("kpt_shape: [17]", "kpt_shape"),
            ("kpt_shape: [999999999, 3]", "kpt_shape"),
            (&deep, ""),
        ];
        for (text, cause) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.contains(cause), "{error}");
        }
    }
}
