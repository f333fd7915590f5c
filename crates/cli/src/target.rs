//! The dataset that an argument names.

use std::path::Path;
use std::time::Instant;

use lakebed::core::Schema;
use lakebed::dataset::Dataset;
use lakebed::dataset::Error as DatasetError;
use lakebed::dataset::Location;
use lakebed::dataset::Options;

use crate::error::Error;
use crate::error::Result;
use crate::names;
use crate::units;

/// What the top folder of a dataset may hold.
const OURS: [&str; 7] = ["lakebed.json", "hint", "waiting", "log", "meta", "data", "keys"];

/// Opens a dataset, perhaps at a version.
pub async fn open(url: &str) -> Result<Dataset> {
    open_with(url, Options::default()).await
}

/// Opens a dataset to change it on its branch: a number or a tag behind the `@` is refused, since a
/// commit goes behind the last one.
pub async fn open_branch(url: &str, options: Options) -> Result<Dataset> {
    let dataset = open_with(url, options).await?;
    match Location::parse(url).version {
        Some(name) if !dataset.branches().contains_key(&name) => Err(Error::Refused {
            message: format!("'{url}' names a version, and changes go to the end of a branch"),
            hint: format!(
                "leave '@{name}' out, or begin a branch there: lakebed branch {url} NAME"
            ),
        }),
        _ => Ok(dataset),
    }
}

/// As [`open`], with options.
pub async fn open_with(url: &str, options: Options) -> Result<Dataset> {
    let begun = Instant::now();
    let dataset = Dataset::open(url, options).await?;
    if let Some(view) = Location::parse(url).version
        && dataset.views().contains_key(&view)
    {
        return Err(Error::Refused {
            message: format!("'{view}' is a view, and this is about whole versions"),
            hint: format!("ask for its rows with FROM: lakebed query 'SELECT * FROM \"{url}\"'"),
        });
    }
    tracing::debug!(
        url,
        version = dataset.version(),
        rows = dataset.num_rows(),
        requests = dataset.metrics().snapshot().requests(),
        elapsed = units::time(begun.elapsed()),
        "opened"
    );
    Ok(dataset)
}

/// Opens a dataset to add rows, or makes one with the columns of `schema`.
///
/// Rows go to the end of a branch, which may stand behind the `@` if there is a dataset.
pub async fn open_or_create(
    url: &str,
    schema: &Schema,
    append: bool,
    options: Options,
) -> Result<Dataset> {
    let location = Location::parse(url);
    match Dataset::open(&location.url, options.clone()).await {
        Ok(dataset) => to_append(dataset, &location, append).await,
        Err(DatasetError::NotADataset { .. }) => match location.version {
            None => {
                check_free(url)?;
                Ok(Dataset::create(url, schema.clone(), options).await?)
            }
            Some(name) => Err(Error::Refused {
                message: format!(
                    "'{}' is no dataset yet, and has no branch '{name}'",
                    location.url
                ),
                hint: format!("leave '@{name}' out: a new dataset begins with the branch main"),
            }),
        },
        Err(error) => Err(error.into()),
    }
}

/// A dataset at the branch that a location names, if rows may be added there.
async fn to_append(dataset: Dataset, location: &Location, append: bool) -> Result<Dataset> {
    let dataset = match &location.version {
        Some(name) if dataset.branches().contains_key(name) => dataset.at_name(name).await?,
        Some(name) => {
            let what = match names::kind(&dataset, name) {
                Some(kind) => format!("'{name}' is {kind}, and rows go to the end of a branch"),
                None if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                    format!("'{location}' names version {name}, and rows go to the newest one")
                }
                None => format!("'{}' has no branch '{name}'", location.url),
            };
            let branches: Vec<&str> = dataset.branches().keys().map(String::as_str).collect();
            return Err(Error::Refused {
                message: what,
                hint: format!(
                    "leave '@{name}' out, or name a branch: {}; lakebed branch begins one",
                    branches.join(", ")
                ),
            });
        }
        None => dataset,
    };
    match dataset.num_rows() {
        rows if rows > 0 && !append => Err(Error::Refused {
            message: format!("'{location}' has {} already", units::count(rows, "row")),
            hint: "--append adds to them; or choose another place".to_string(),
        }),
        _ => Ok(dataset),
    }
}

/// Refuses a local folder in which other files lie.
pub fn check_free(url: &str) -> Result<()> {
    let path = Path::new(url.strip_prefix("file://").unwrap_or(url));
    if url.contains("://") && !url.starts_with("file://") {
        return Ok(());
    }
    let what = || format!("cannot make a dataset in '{url}'");
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::File { what: what(), source }),
    };
    for entry in entries {
        let name = entry.map_err(|source| Error::File { what: what(), source })?.file_name();
        if !OURS.iter().any(|ours| name == **ours) {
            return Err(Error::Refused {
                message: format!(
                    "'{url}' holds other things already, such as '{}'",
                    name.to_string_lossy()
                ),
                hint: "give a folder that is empty or not there yet".to_string(),
            });
        }
    }
    Ok(())
}
