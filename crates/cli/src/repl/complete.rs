//! What a word may become: columns, datasets, keywords, functions, meta commands and their arguments.

use std::path::Path;

use lakebed::words;

use super::meta;
use super::tokens::Kind;
use super::tokens::Token;
use super::tokens::tokens;

/// What there is to choose from beside the words of the language.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Columns of the current dataset.
    pub columns: Vec<String>,
    /// Names for FROM.
    pub tables: Vec<String>,
    /// Branches, tags and views of the current dataset.
    pub refs: Vec<String>,
}

/// Where the word begins that is being typed, and what may take its place.
pub fn complete(text: &str, at: usize, known: &Known) -> (usize, Vec<String>) {
    let text = text.get(..at).unwrap_or(text);
    if text.starts_with(['\\', '.']) {
        return of_meta(text, known);
    }
    let found = tokens(text);
    match found.last() {
        Some(Token { kind: Kind::Name(false), range }) => {
            let begun = text.get(range.start + 1..).unwrap_or_default();
            let mut names = known.columns.clone();
            names.extend(known.tables.iter().cloned());
            let mut names: Vec<String> = begins(names.iter().map(String::as_str), begun)
                .map(|name| format!("{name}\""))
                .collect();
            names.extend(paths(begun));
            (range.start + 1, names)
        }
        Some(Token { kind: Kind::Word, range }) => {
            let word = text.get(range.clone()).unwrap_or_default();
            let qualified = text.get(..range.start).is_some_and(|before| before.ends_with('.'));
            let mut names: Vec<String> =
                begins(known.columns.iter().map(String::as_str), word).map(named).collect();
            if !qualified {
                names.extend(begins(known.tables.iter().map(String::as_str), word).map(named));
                names.extend(words::completions(word).into_iter().map(|found| cased(found, word)));
            }
            (range.start, names)
        }
        // Names come first where nothing is typed yet.
        _ => (at, known.columns.iter().map(|name| named(name)).collect()),
    }
}

fn of_meta(text: &str, known: &Known) -> (usize, Vec<String>) {
    let family = text.get(..1).unwrap_or_default();
    let Some((command, rest)) = text.split_once(char::is_whitespace) else {
        let typed = text.get(1..).unwrap_or_default();
        let names = meta::COMMANDS.iter().flat_map(|command| command.names);
        let names = begins(names.copied(), typed).map(|name| format!("{family}{name}"));
        return (0, names.collect());
    };
    let word = rest.rsplit(char::is_whitespace).next().unwrap_or_default();
    let start = text.len() - word.len();
    let kind = meta::find(command.trim_start_matches(['\\', '.'])).map(|command| command.argument);
    let columns = || known.columns.iter().map(String::as_str);
    let names: Vec<String> = match kind {
        None | Some(meta::Argument::None | meta::Argument::Other) => Vec::new(),
        Some(meta::Argument::Choice(choices)) => {
            begins(choices.iter().copied(), word).map(str::to_string).collect()
        }
        Some(meta::Argument::Column) => begins(columns(), word).map(str::to_string).collect(),
        Some(meta::Argument::File) => paths(word),
        Some(meta::Argument::Ref) => {
            begins(known.refs.iter().map(String::as_str), word).map(str::to_string).collect()
        }
        Some(meta::Argument::Dataset) => match word.split_once('@') {
            Some((dataset, name)) => begins(known.refs.iter().map(String::as_str), name)
                .map(|name| format!("{dataset}@{name}"))
                .collect(),
            None => paths(word),
        },
        Some(meta::Argument::Word) => {
            words::completions(word).into_iter().map(|found| cased(found, word)).collect()
        }
    };
    (start, names)
}

fn begins<'a>(names: impl Iterator<Item = &'a str>, typed: &str) -> impl Iterator<Item = &'a str> {
    names.filter(move |name| {
        name.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed))
    })
}

/// A name as it stands in a query: in quotes where it needs them.
fn named(name: &str) -> String {
    let plain = matches!(&tokens(name)[..], [token] if token.kind == Kind::Word);
    if plain { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A word in the case in which it was begun.
fn cased(word: &str, typed: &str) -> String {
    let lower = typed.chars().any(char::is_lowercase) && !typed.chars().any(char::is_uppercase);
    if lower { word.to_ascii_lowercase() } else { word.to_string() }
}

/// Files and folders that begin like this; folders that are no dataset end in a slash.
fn paths(typed: &str) -> Vec<String> {
    let (folder, begun) = match typed.rsplit_once('/') {
        Some((folder, begun)) => (format!("{folder}/"), begun),
        None => (String::new(), typed),
    };
    let place = if folder.is_empty() { "." } else { folder.as_str() };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !begun.starts_with('.');
            if hidden || !name.starts_with(begun) {
                return None;
            }
            let is_folder = entry.path().is_dir() && !is_dataset(&entry.path());
            Some(format!("{folder}{name}{}", if is_folder { "/" } else { "" }))
        })
        .collect();
    found.sort_unstable();
    found
}

/// True if a dataset lies in a folder.
pub fn is_dataset(folder: &Path) -> bool {
    folder.join("lakebed.json").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        Known {
            columns: ["images", "image_id", "training/boxes"].map(str::to_string).to_vec(),
            tables: vec!["dataset".to_string()],
            refs: vec!["main".to_string(), "fixes".to_string()],
        }
    }

    fn found(text: &str) -> (usize, Vec<String>) {
        complete(text, text.len(), &known())
    }

    #[test]
    fn words_become_columns_tables_keywords_and_functions() {
        assert_eq!(found("SELECT im"), (7, vec!["images".into(), "image_id".into()]));
        assert_eq!(found("SELECT train").1, ["\"training/boxes\""]);
        assert!(found("SELECT images FROM da").1.contains(&"dataset".to_string()));
        assert!(found("select cosi").1.contains(&"cosine_similarity".to_string()));
        assert!(found("SELECT COSI").1.contains(&"COSINE_SIMILARITY".to_string()));
        assert!(found("SELECT images ORD").1.contains(&"ORDER BY".to_string()));
        assert_eq!(found("SELECT a.im").1, ["images", "image_id"]);
        assert_eq!(found("SELECT \"tr").1, ["training/boxes\""]);
        assert!(found("SELECT 'im").1.is_empty() || found("SELECT 'im").0 == 10);
    }

    #[test]
    fn meta_commands_and_their_arguments() {
        let (start, names) = found("\\br");
        assert_eq!((start, names), (0, vec!["\\branches".to_string()]));
        assert!(found(".mo").1.contains(&".mode".to_string()));
        assert_eq!(found("\\stats im").1, ["images", "image_id"]);
        assert_eq!(found("\\use @f").1, ["@fixes"]);
        assert_eq!(found("\\mode j").1, ["json"]);
        assert!(found("\\h iou").1.contains(&"iou".to_string()));
        assert!(found("\\nothing x").1.is_empty());
    }
}
