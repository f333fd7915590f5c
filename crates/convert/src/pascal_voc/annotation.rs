//! One annotation file.

use lakebed_core::Limits;
use roxmltree::Document;
use roxmltree::Node;
use roxmltree::ParsingOptions;
use serde_json::Map;
use serde_json::Value;

use crate::error::Problem;

/// What one XML file says. A field is `None` where its element is absent or empty.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Annotation {
    pub filename: Option<String>,
    pub folder: Option<String>,
    pub path: Option<String>,
    pub database: Option<String>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub depth: Option<i32>,
    pub segmented: Option<u8>,
    pub objects: Vec<Object>,
    /// Every other element and attribute, as a JSON document.
    pub extra: Option<String>,
}

/// One object of an annotation file.
#[derive(Debug, PartialEq)]
pub(crate) struct Object {
    pub name: String,
    /// xmin, ymin, xmax, ymax as written.
    pub bounds: [f32; 4],
    pub pose: Option<String>,
    pub truncated: Option<u8>,
    pub difficult: Option<u8>,
    pub occluded: Option<u8>,
}

impl Object {
    /// True if the box holds no pixel: its right is not beyond its left, or bottom and top.
    pub fn has_no_area(&self) -> bool {
        let [left, top, right, bottom] = self.bounds;
        right <= left || bottom <= top
    }
}

/// Reads an annotation. DTDs are refused, so entities cannot expand.
pub(crate) fn parse(text: &str, file: &str, limits: &Limits) -> Result<Annotation, Problem> {
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|e| Problem::new(file, format!("wrong XML: {e} (line:column)")))?;
    let reader = Reader { document: &document, file, max_depth: limits.max_depth };
    reader.annotation(document.root_element())
}

struct Reader<'a> {
    document: &'a Document<'a>,
    file: &'a str,
    max_depth: u64,
}

impl Reader<'_> {
    fn annotation(&self, root: Node) -> Result<Annotation, Problem> {
        if root.tag_name().name() != "annotation" {
            let name = root.tag_name().name();
            let cause =
                format!("the root element is <{name}>, not <annotation>: no Pascal VOC file");
            return Err(Problem::new(self.file, cause));
        }
        let size = child(root, "size");
        let mut annotation = Annotation {
            filename: text_of(root, "filename"),
            folder: text_of(root, "folder"),
            path: text_of(root, "path"),
            database: child(root, "source").and_then(|source| text_of(source, "database")),
            width: self.pixels(size, "width")?,
            height: self.pixels(size, "height")?,
            depth: self.pixels(size, "depth")?,
            segmented: child(root, "segmented").map_or(Ok(None), |node| self.flag(node))?,
            ..Annotation::default()
        };
        let mut object_extras = Vec::new();
        for (index, node) in children(root, "object").enumerate() {
            let name = text_of(node, "name");
            let object = self
                .object(node, name.clone())
                .map_err(|problem| problem.with_object(index, name.as_deref()))?;
            annotation.objects.push(object);
            let known = ["name", "pose", "truncated", "difficult", "occluded", "bndbox"];
            object_extras.push(self.rest(node, &known)?);
        }
        let known = ["filename", "folder", "path", "source", "size", "segmented", "object"];
        let mut extra = self.rest(root, &known)?;
        for (name, known) in [("source", "database"), ("size", "")] {
            let known = if name == "size" { vec!["width", "height", "depth"] } else { vec![known] };
            if let Some(node) = child(root, name) {
                let rest = self.rest(node, &known)?;
                if !rest.is_empty() {
                    extra.insert(name.to_string(), Value::Object(rest));
                }
            }
        }
        if object_extras.iter().any(|extra| !extra.is_empty()) {
            let objects = object_extras.into_iter().map(Value::Object).collect();
            extra.insert("objects".to_string(), Value::Array(objects));
        }
        if !extra.is_empty() {
            annotation.extra = Some(Value::Object(extra).to_string());
        }
        Ok(annotation)
    }

    fn object(&self, node: Node, name: Option<String>) -> Result<Object, Problem> {
        let name = name.ok_or_else(|| self.problem(node, "<name> is missing or empty"))?;
        let bounds =
            child(node, "bndbox").ok_or_else(|| self.problem(node, "<bndbox> is missing"))?;
        let flag = |name: &str| child(node, name).map_or(Ok(None), |node| self.flag(node));
        Ok(Object {
            name,
            bounds: [
                self.coordinate(bounds, "xmin")?,
                self.coordinate(bounds, "ymin")?,
                self.coordinate(bounds, "xmax")?,
                self.coordinate(bounds, "ymax")?,
            ],
            pose: text_of(node, "pose"),
            truncated: flag("truncated")?,
            difficult: flag("difficult")?,
            occluded: flag("occluded")?,
        })
    }

    fn coordinate(&self, bounds: Node, name: &str) -> Result<f32, Problem> {
        let Some(node) = child(bounds, name) else {
            return Err(self.problem(bounds, &format!("<{name}> is missing")));
        };
        let text = text(node);
        match text.parse::<f32>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(self.problem(node, &format!("{name} '{}' is no number", shorten(&text)))),
        }
    }

    fn pixels(&self, size: Option<Node>, name: &str) -> Result<Option<i32>, Problem> {
        let Some(node) = size.and_then(|size| child(size, name)) else { return Ok(None) };
        let text = text(node);
        if text.is_empty() {
            return Ok(None);
        }
        let wrong =
            || self.problem(node, &format!("{name} '{}' is no whole number", shorten(&text)));
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// Some tools write a word where a flag is not known.
    fn flag(&self, node: Node) -> Result<Option<u8>, Problem> {
        let text = text(node);
        match text.to_ascii_lowercase().as_str() {
            "" | "unspecified" | "unknown" => return Ok(None),
            "true" | "yes" => return Ok(Some(1)),
            "false" | "no" => return Ok(Some(0)),
            _ => {}
        }
        let name = node.tag_name().name();
        let wrong =
            || self.problem(node, &format!("{name} '{}' is neither 0 nor 1", shorten(&text)));
        text.parse().map(Some).map_err(|_| wrong())
    }

    fn problem(&self, node: Node, cause: &str) -> Problem {
        let position = self.document.text_pos_at(node.range().start);
        let cause = format!("{cause} (line {}, column {})", position.row, position.col);
        Problem::new(self.file, cause)
    }

    /// The attributes of an element, and its children but those named `known`.
    fn rest(&self, node: Node, known: &[&str]) -> Result<Map<String, Value>, Problem> {
        self.map(node, known, 0)
    }

    fn map(&self, node: Node, known: &[&str], depth: u64) -> Result<Map<String, Value>, Problem> {
        if depth >= self.max_depth {
            let cause = format!(
                "elements are nested deeper than {}: raise `max_depth` to allow it",
                self.max_depth
            );
            return Err(self.problem(node, &cause));
        }
        let mut map = Map::new();
        for attribute in node.attributes() {
            map.insert(format!("@{}", attribute.name()), attribute.value().into());
        }
        for child in node.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            if known.contains(&name) {
                continue;
            }
            let value = self.value(child, depth + 1)?;
            match map.get_mut(name) {
                None => {
                    map.insert(name.to_string(), value);
                }
                // An element that occurs again becomes a list. A single element is never a list.
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Ok(map)
    }

    fn value(&self, node: Node, depth: u64) -> Result<Value, Problem> {
        let mut map = self.map(node, &[], depth)?;
        let text = text(node);
        if map.is_empty() {
            return Ok(Value::String(text));
        }
        if !text.is_empty() {
            map.insert("#text".to_string(), Value::String(text));
        }
        Ok(Value::Object(map))
    }
}

fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    children(node, name).next()
}

/// The text directly inside an element, without the space around it.
fn text(node: Node) -> String {
    let parts: String =
        node.children().filter(Node::is_text).filter_map(|part| part.text()).collect();
    parts.trim().to_string()
}

fn text_of(node: Node, name: &str) -> Option<String> {
    child(node, name).map(text).filter(|text| !text.is_empty())
}

/// What is quoted in a message comes from the file: it may be of any length.
fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests;
