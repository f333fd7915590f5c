//! The records of a folder, and the records that need not hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::Result;

/// Verdicts in the order in which they are reported.
pub const VERDICTS: [&str; 5] = ["match", "nondet", "error", "extend", "diverge"];
/// For orientation only.
const INFO: &str = "info";

/// One query with what is known of its answer.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: String,
    /// The current dataset, if any.
    pub dataset: Option<String>,
    pub query: String,
    /// Values for `?`, or for names.
    pub params: Option<Json>,
    /// True for SQL.
    pub is_sql: bool,
    pub verdict: String,
    /// Decides instead of the verdict.
    pub expect: Option<Json>,
    /// What the reference answered.
    pub recorded: Json,
}

impl Record {
    fn new(recorded: Json) -> Result<Record> {
        let text = |name: &str| recorded.get(name).and_then(Json::as_str).map(str::to_string);
        let needed = |name: &str| text(name).ok_or_else(|| format!("it has no '{name}'"));
        let verdict = needed("verdict")?;
        if verdict != INFO && !VERDICTS.contains(&verdict.as_str()) {
            return Err(format!("its verdict '{verdict}' is not known").into());
        }
        Ok(Record {
            id: needed("id")?,
            dataset: text("dataset"),
            query: needed("query")?,
            params: recorded.get("params").filter(|params| !params.is_null()).cloned(),
            is_sql: text("dialect").is_some_and(|dialect| dialect == "postgres"),
            verdict,
            expect: recorded.get("expect").filter(|expect| !expect.is_null()).cloned(),
            recorded,
        })
    }

    /// The query on one line.
    pub fn line(&self) -> String {
        self.query.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A folder of records and datasets.
#[derive(Debug)]
pub struct Corpus {
    pub folder: PathBuf,
    /// Those that are counted.
    pub records: Vec<Record>,
    /// Records whose verdict we hold to be wrong, and why.
    pub disagreements: BTreeMap<String, String>,
}

impl Corpus {
    /// The project's own folder.
    pub fn own() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
    }

    /// Reads `corpus.jsonl` of a folder. `disagreements.txt` is the folder's, or else the
    /// project's.
    ///
    /// # Errors
    /// A file that is absent, or a line that is no record.
    pub fn open(folder: &Path) -> Result<Corpus> {
        let path = folder.join("corpus.jsonl");
        let text = read(&path)?;
        let mut records = Vec::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let record = serde_json::from_str(line).map_err(Into::into).and_then(Record::new);
            let record = record.map_err(|e| format!("{}:{number}: {e}", path.display()))?;
            records.push(record);
        }
        records.retain(|record| record.verdict != INFO);
        let listed = [folder.to_path_buf(), Corpus::own()]
            .map(|folder| folder.join("disagreements.txt"))
            .into_iter()
            .find(|path| path.exists());
        let disagreements = listed.map(|path| listed_ids(&path)).transpose()?.unwrap_or_default();
        Ok(Corpus { folder: folder.to_path_buf(), records, disagreements })
    }
}

/// Lines of an id and a reason; empty ones and those that begin with `#` say nothing.
fn listed_ids(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = read(path)?;
    let lines = text.lines().map(str::trim);
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (id, reason) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            (id.to_string(), reason.trim().to_string())
        })
        .collect())
}

fn read(path: &Path) -> Result<String> {
    Ok(fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?)
}
