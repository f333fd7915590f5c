//! Finding the newest entry, its columns, fragments and chunks: sections 1 to 7 and 11 of `SPEC.md`.

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::bytes::Res;
use super::bytes::Table;
use super::bytes::checksum;
use super::bytes::frame;
use super::bytes::part;
use super::bytes::size;
use super::bytes::u64_at;
use super::chunk;
use super::chunk::Value;

/// A column of the schema.
pub struct Column {
    pub id: u64,
    pub name: String,
    pub dtype: String,
    pub dims: Vec<Option<u64>>,
    /// Bytes of an element; 0 for text, documents and bytes.
    pub width: usize,
    pub signed: bool,
    pub classes: Vec<String>,
    pub fill: Option<Json>,
}

impl Column {
    fn parse(json: &Json) -> Column {
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_string();
        let list = |name: &str| json[name].as_array().cloned().unwrap_or_default();
        let dtype = text("dtype");
        let name = dtype.split('(').next().unwrap_or_default();
        let width = match name {
            "bool" | "i8" | "u8" => 1,
            "i16" | "u16" | "f16" => 2,
            "i32" | "u32" | "f32" | "date" => 4,
            "decimal" => 16,
            "text" | "json" | "bytes" => 0,
            _ => 8,
        };
        let signed = matches!(
            name,
            "i8" | "i16" | "i32" | "i64" | "date" | "time" | "timestamp" | "duration"
        );
        Column {
            id: json["id"].as_u64().unwrap(),
            name: text("name"),
            dims: list("dims").iter().map(Json::as_u64).collect(),
            classes: list("classes").iter().map(|c| c.as_str().unwrap().to_string()).collect(),
            fill: json.get("fill").cloned(),
            dtype,
            width,
            signed,
        }
    }

    /// The sample of a row that is older than the column.
    fn older(&self) -> Value {
        let Some(fill) = &self.fill else { return Value::Null };
        if self.width == 0 {
            let text = fill.as_str().map_or_else(|| fill.to_string(), str::to_string);
            return Value::Bytes(text.into_bytes());
        }
        let (mut shape, mut bytes) = (Vec::new(), Vec::new());
        self.flatten(fill, 0, &mut shape, &mut bytes);
        Value::Elements(shape, bytes)
    }

    fn flatten(&self, fill: &Json, depth: usize, shape: &mut Vec<usize>, bytes: &mut Vec<u8>) {
        match fill {
            Json::Array(list) => {
                if depth == shape.len() {
                    shape.push(list.len());
                }
                list.iter().for_each(|item| self.flatten(item, depth + 1, shape, bytes));
            }
            Json::String(class) => {
                let code = self.classes.iter().position(|c| c == class).unwrap();
                bytes.extend(&code.to_le_bytes()[..self.width]);
            }
            Json::Bool(value) => bytes.push(u8::from(*value)),
            number => match self.dtype.as_str() {
                "f32" => bytes.extend((number.to_string().parse::<f32>().unwrap()).to_le_bytes()),
                "f64" => bytes.extend(number.as_f64().unwrap().to_le_bytes()),
                _ => {
                    let number: i128 = number.to_string().parse().unwrap();
                    bytes.extend(&number.to_le_bytes()[..self.width]);
                }
            },
        }
    }
}

/// Rows of one pack.
pub struct Fragment {
    object: String,
    header_offset: usize,
    length: usize,
    checksum: u64,
    pub rows: u64,
    pub first_row_id: u64,
}

/// One version.
pub struct Reader {
    root: PathBuf,
    pub entry: Json,
    pub columns: Vec<Column>,
    pub fragments: Vec<Fragment>,
}

fn hex(json: &Json) -> u64 {
    u64::from_str_radix(json.as_str().unwrap(), 16).unwrap()
}

fn key(folder: &str, object: &str) -> String {
    format!("{folder}/{}/{object}", &object[9..11])
}

fn read(root: &Path, key: &str) -> Res<Option<Vec<u8>>> {
    match std::fs::read(root.join(key)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}

fn need(root: &Path, key: &str) -> Res<Vec<u8>> {
    read(root, key)?.ok_or_else(|| format!("{key} is missing"))
}

fn log(root: &Path, number: u64) -> Res<Option<Vec<u8>>> {
    read(root, &format!("log/{number:016x}"))
}

/// The number of the newest entry.
fn newest(root: &Path) -> Res<u64> {
    let hint = read(root, "hint")?;
    let hint = hint.and_then(|bytes| u64_at(frame(4, &bytes).ok()?, 0).ok()).unwrap_or(0);
    let mut known = if log(root, hint)?.is_some() { hint } else { 0 };
    log(root, known)?.ok_or("no dataset")?;
    let mut step = 1;
    while log(root, known + step)?.is_some() {
        known += step;
        step *= 2;
    }
    let mut missing = known + step;
    while known + 1 < missing {
        let middle = known.midpoint(missing);
        match log(root, middle)? {
            Some(_) => known = middle,
            None => missing = middle,
        }
    }
    Ok(known)
}

impl Reader {
    /// Opens the newest version.
    pub fn open(root: &Path) -> Res<Reader> {
        let marker = String::from_utf8(need(root, "lakebed.json")?).map_err(|e| e.to_string())?;
        let id =
            serde_json::from_str::<Json>(&marker).map_err(|e| e.to_string())?["dataset"].clone();
        let id = id.as_str().ok_or("the marker has no id")?.to_string();
        let sum = checksum(id.as_bytes());
        if marker != format!("{{\"lakebed\":1,\"dataset\":\"{id}\",\"checksum\":\"{sum:016x}\"}}\n")
        {
            return Err("the marker is damaged".into());
        }
        let reader = Reader::open_at(root, newest(root)?)?;
        if reader.entry["dataset"] != id.as_str() {
            return Err("the entry is of another dataset".into());
        }
        Ok(reader)
    }

    /// Opens a version.
    pub fn open_at(root: &Path, number: u64) -> Res<Reader> {
        let bytes = log(root, number)?.ok_or("no such entry")?;
        if bytes.len() > 16_384 {
            return Err("an entry too large".into());
        }
        let entry: Json = serde_json::from_slice(frame(1, &bytes)?).map_err(|e| e.to_string())?;
        if let Some(feature) = entry["reader_features"].as_array().and_then(|list| list.first()) {
            return Err(format!("unknown feature {feature}"));
        }
        if entry["number"].as_u64() != Some(number) {
            return Err("an entry of another number".into());
        }
        let object;
        let schema = match entry["schema"].get("inline") {
            Some(schema) => schema,
            None => {
                let place = &entry["schema"]["object"];
                let bytes = need(root, &key("meta", place["object"].as_str().unwrap()))?;
                if checksum(&bytes) != hex(&place["checksum"]) {
                    return Err("another schema than the entry says".into());
                }
                object =
                    serde_json::from_slice::<Json>(frame(3, &bytes)?).map_err(|e| e.to_string())?;
                &object
            }
        };
        let columns = schema["columns"].as_array().unwrap().iter().map(Column::parse).collect();
        let mut fragments = Vec::new();
        for level in entry["tree"]["levels"].as_array().into_iter().flatten().rev() {
            for pointer in level.as_array().unwrap() {
                node(root, pointer, &mut fragments)?;
            }
        }
        fragments.extend(entry["tree"]["tail"].as_array().unwrap().iter().map(fragment));
        if fragments.iter().map(|f| f.rows).sum::<u64>() != entry["rows"].as_u64().unwrap() {
            return Err("the fragments have other rows than the entry says".into());
        }
        Ok(Reader { root: root.to_path_buf(), entry, columns, fragments })
    }

    /// Where a branch or tag ends, whether the entry says so or the object that it points to.
    pub fn named(&self, name: &str) -> Res<Option<u64>> {
        let of = |refs: &Json| {
            let found = refs["branches"].get(name).or_else(|| refs["tags"].get(name));
            found.and_then(Json::as_u64)
        };
        let refs = &self.entry["refs"];
        let is_gone = refs["gone"].as_array().is_some_and(|gone| gone.contains(&name.into()));
        let here = of(refs);
        let Some(region) = refs["object"].as_array().filter(|_| here.is_none() && !is_gone) else {
            return Ok(here);
        };
        let bytes = need(&self.root, &key("meta", region[0].as_str().unwrap()))?;
        let (offset, length) = (region[1].as_u64().unwrap(), region[2].as_u64().unwrap());
        if offset != 0 || length != bytes.len() as u64 || checksum(&bytes) != hex(&region[3]) {
            return Err("other names than the entry points to".into());
        }
        Ok(of(&serde_json::from_slice::<Json>(frame(9, &bytes)?).map_err(|e| e.to_string())?))
    }

    /// All samples of a column, in order of position.
    pub fn column(&self, name: &str) -> Res<Vec<Value>> {
        let column = self.columns.iter().find(|c| c.name == name).ok_or("no such column")?;
        let mut values = Vec::new();
        for fragment in &self.fragments {
            let before = values.len();
            self.fragment(fragment, column, &mut values)?;
            if values.len() - before != size(fragment.rows) {
                return Err("a fragment has other rows than its pointer says".into());
            }
        }
        Ok(values)
    }

    fn fragment(&self, fragment: &Fragment, column: &Column, out: &mut Vec<Value>) -> Res<()> {
        let pack = need(&self.root, &key("data", &fragment.object))?;
        let header = part(&pack, fragment.header_offset, fragment.length - fragment.header_offset)?;
        if checksum(header) != fragment.checksum || pack.len() != fragment.length {
            return Err("another pack than the entry says".into());
        }
        let header = Table::parse(frame(5, header)?)?;
        let totals = header.words(1)?;
        if totals[0] != fragment.rows || totals[1] != checksum(&pack[..fragment.header_offset]) {
            return Err("the pack is damaged".into());
        }
        let ids = header.words(2)?;
        let Some(at) = ids.iter().position(|id| *id == column.id) else {
            out.extend(std::iter::repeat_n(column.older(), size(fragment.rows)));
            return Ok(());
        };
        let (offset, length) = (size(header.words(3)?[at]), size(header.words(4)?[at]));
        let section = part(&pack, offset, length)?;
        if checksum(section) != header.words(5)?[at] {
            return Err("a section is damaged".into());
        }
        let section = Table::parse(section)?;
        let chunks = size(section.words(1)?[0]);
        let numbers = |tag: u32| section.integers(tag, chunks);
        let places = [numbers(11)?, numbers(12)?, numbers(13)?, numbers(14)?];
        let (foreign, sums, rows) = (numbers(10)?, section.words(15)?, numbers(64)?);
        for i in 0..chunks {
            let [payload, bytes, directory, length] = places.each_ref().map(|list| size(list[i]));
            if payload % 64 != 0 || directory % 64 != 0 {
                return Err("a chunk in a place that this version does not write".into());
            }
            let other;
            let pack = match foreign[i] {
                0 => &pack,
                nth => {
                    // A fold: 20 bytes name each pack, as in keys but little endian.
                    let name = part(header.need(6)?, (size(nth) - 1) * 20, 20)?;
                    let epoch = u32::from_le_bytes(name[..4].try_into().unwrap());
                    let id = u128::from_le_bytes(name[4..].try_into().unwrap());
                    other = need(&self.root, &key("data", &format!("{epoch:08x}-{id:032x}")))?;
                    &other
                }
            };
            let payload = part(pack, payload, bytes)?;
            let directory = part(pack, directory, length)?;
            if checksum(directory) != sums[i] {
                return Err("a directory is damaged".into());
            }
            let values = chunk::samples(column, payload, directory)?;
            if values.len() != size(rows[i]) {
                return Err("a chunk has other rows than its section says".into());
            }
            out.extend(values);
        }
        Ok(())
    }
}

fn fragment(json: &Json) -> Fragment {
    let number = |at: usize| json[at].as_u64().unwrap();
    Fragment {
        object: json[0].as_str().unwrap().to_string(),
        header_offset: size(number(2)),
        length: size(number(3)),
        checksum: hex(&json[4]),
        rows: number(5),
        first_row_id: number(6),
    }
}

fn node(root: &Path, pointer: &Json, out: &mut Vec<Fragment>) -> Res<()> {
    let bytes = need(root, &key("meta", pointer[0].as_str().unwrap()))?;
    if checksum(&bytes) != hex(&pointer[2]) {
        return Err("another node than its parent says".into());
    }
    let json: Json = serde_json::from_slice(frame(2, &bytes)?).map_err(|e| e.to_string())?;
    let before = out.len();
    match json["fragments"].as_array() {
        Some(list) => out.extend(list.iter().map(fragment)),
        None => {
            let list = json["nodes"].as_array().unwrap();
            list.iter().try_for_each(|pointer| node(root, pointer, out))?;
        }
    }
    // Nothing is deleted where this reader reads, so ids follow the first of each fragment.
    let below = &out[before..];
    let found = [
        u64::try_from(below.len()).unwrap(),
        below.iter().map(|f| f.rows).sum(),
        below.iter().map(|f| f.first_row_id).min().unwrap(),
        below.iter().map(|f| f.first_row_id + f.rows - 1).max().unwrap(),
    ];
    let said: Vec<u64> = (3..7).map(|at| pointer[at].as_u64().unwrap()).collect();
    if said != found {
        return Err(format!("below a node is {found:?}, and its parent says {said:?}"));
    }
    Ok(())
}
