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
pub async fn open_or_create(url: &str, schema: &Schema, append: bool) -> Result<Dataset> {
    if let Some(version) = Location::parse(url).version {
        return Err(Error::Refused {
            message: format!("'{url}' names version {version}, and rows go to the newest one"),
            hint: format!("leave '@{version}' out"),
        });
    }
    match Dataset::open(url, Options::default()).await {
        Ok(dataset) if dataset.num_rows() == 0 || append => Ok(dataset),
        Ok(dataset) => Err(Error::Refused {
            message: format!("'{url}' has {} already", units::count(dataset.num_rows(), "row")),
            hint: "--append adds to them; or choose another place".to_string(),
        }),
        Err(DatasetError::NotADataset { .. }) => {
            check_free(url)?;
            Ok(Dataset::create(url, schema.clone(), Options::default()).await?)
        }
        Err(error) => Err(error.into()),
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
