//! What branches, tags and views have in common: they are names, listed and given up alike.

use std::collections::BTreeMap;
use std::io::Write;

use lakebed::dataset::Dataset;
use lakebed::dataset::Error;

use crate::commit_args::CommitArgs;
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
        let (url, name) = (dataset.url().to_string(), name.to_string());
        return Err(Error::NoSuchRef { url, name }.into());
    }
    dataset.delete_ref(name, &commit.message("")).await?;
    writeln!(out, "deleted {kind} {name}")?;
    Ok(())
}
