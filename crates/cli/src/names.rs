//! What branches, tags and views have in common: they are names, listed and given up alike.

use std::collections::BTreeMap;
use std::io::Write;

use lakebed::dataset::Dataset;
use lakebed::dataset::Error as DatasetError;
use lakebed::dataset::Location;

use crate::commit_args::CommitArgs;
use crate::error::Error;
use crate::error::Result;
use crate::table;

/// A table of names and their versions.
pub fn list(kind: &str, names: &BTreeMap<String, u64>, out: &mut dyn Write) -> Result<()> {
    let mut shown = table::table([kind, "version"]);
    for (name, version) in names {
        shown.add_row([name.clone(), version.to_string()]);
    }
    table::align_right(&mut shown, [1]);
    writeln!(out, "{shown}")?;
    Ok(())
}

/// What a name is, with its article.
pub fn kind(dataset: &Dataset, name: &str) -> Option<&'static str> {
    if dataset.branches().contains_key(name) {
        Some("a branch")
    } else if dataset.tags().contains_key(name) {
        Some("a tag")
    } else {
        dataset.views().contains_key(name).then_some("a view")
    }
}

/// A version of the dataset at `target`, without the dataset if that stands before it once more.
pub fn without_dataset(target: &str, version: &str) -> String {
    let located = Location::parse(version);
    let same = located.url == Location::parse(target).url;
    located.version.filter(|_| same).unwrap_or_else(|| version.to_string())
}

/// The dataset at another version: a number, a branch or a tag. A view is refused, which is some
/// rows of a version and not the version.
pub async fn version(dataset: &Dataset, name: &str) -> Result<Dataset> {
    if let Some(view) = dataset.views().get(name) {
        return Err(Error::Refused {
            message: format!(
                "'{name}' is a view, not a version: it keeps rows of version {}",
                view.version
            ),
            hint: format!("name that version: {}", view.version),
        });
    }
    Ok(dataset.at_name(name).await?)
}

/// Gives up the name of `names`, as a commit.
pub async fn delete<T>(
    dataset: &Dataset,
    kind: &str,
    names: &BTreeMap<String, T>,
    name: &str,
    commit: &CommitArgs,
    out: &mut dyn Write,
) -> Result<()> {
    if !names.contains_key(name) {
        if let Some(other) = self::kind(dataset, name) {
            let command = other.split(' ').next_back().unwrap_or_default();
            return Err(Error::Refused {
                message: format!("'{name}' is {other}, not a {kind}"),
                hint: format!("lakebed {command} {} {name} --delete deletes it", dataset.url()),
            });
        }
        let (url, name) = (dataset.url().to_string(), name.to_string());
        return Err(DatasetError::NoSuchRef { url, name }.into());
    }
    dataset.delete_ref(name, &commit.message("")).await?;
    writeln!(out, "deleted {kind} {name}")?;
    Ok(())
}
