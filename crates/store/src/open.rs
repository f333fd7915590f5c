//! From a location to a store.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

use lakebed_core::Env;
use object_store::memory::InMemory;
use url::Url;

use crate::cloud;
use crate::error::Error;
use crate::error::Result;
use crate::local::LocalStore;
use crate::metered::Meter;
use crate::metered::Metered;
use crate::objects::ObjectStoreBackend;
use crate::retrying::RetryPolicy;
use crate::retrying::Retrying;
use crate::store::Store;

/// Opens a location without touching it:
///
/// - `/path`, `./path`, `path`, `file:///path`: a local folder;
/// - `mem://name`: memory of this process, the same for everyone who opens the same name;
/// - `s3://bucket/prefix`: S3 and what speaks its protocol, set up by `AWS_ENDPOINT`,
///   `AWS_ALLOW_HTTP`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and the like;
/// - `gs://bucket/prefix` with the feature `gcs`, set up by `GOOGLE_SERVICE_ACCOUNT` and the like;
/// - `az://container/prefix` with the feature `azure`, set up by `AZURE_STORAGE_ACCOUNT_NAME` and
///   the like.
///
/// # Errors
/// [`Error::InvalidUrl`] for any other scheme and for a location that is incomplete.
pub fn open(url: &str) -> Result<Arc<dyn Store>> {
    open_metered(url).map(|(store, _)| store)
}

/// As [`open`], with the meter that counts what this store is asked.
///
/// # Errors
/// As [`open`].
pub fn open_metered(url: &str) -> Result<(Arc<dyn Store>, Arc<Meter>)> {
    open_with(url, &[])
}

/// As [`open_metered`]; a local folder through [`LocalStore::mapped`].
///
/// # Errors
/// As [`open`].
pub fn open_mapped(url: &str) -> Result<(Arc<dyn Store>, Arc<Meter>)> {
    match local(url)? {
        Some(folder) => Ok(metered(Arc::new(folder.mapped()))),
        None => open_metered(url),
    }
}

/// As [`open_metered`], with S3 settings that override those of the environment, by the same names
/// (`AWS_ENDPOINT` and so on). Other schemes ignore them.
///
/// # Errors
/// As [`open`], and [`Error::InvalidUrl`] for an unknown setting.
pub fn open_with(url: &str, settings: &[(&str, &str)]) -> Result<(Arc<dyn Store>, Arc<Meter>)> {
    Ok(metered(backend(url, settings)?))
}

fn metered(backend: Arc<dyn Store>) -> (Arc<dyn Store>, Arc<Meter>) {
    let meter = Arc::new(Meter::default());
    let retrying = Retrying::new(backend, RetryPolicy::default(), Env::system());
    (Arc::new(Metered::new(Arc::new(retrying), Arc::clone(&meter))), meter)
}

/// The store of a path or file URL; `None` for other schemes.
fn local(url: &str) -> Result<Option<LocalStore>> {
    if url.is_empty() {
        return Err(invalid(url, "it is empty; write a path, mem://name or s3://bucket/prefix"));
    }
    if url.starts_with("file://") {
        let path = Url::parse(url).ok().and_then(|u| u.to_file_path().ok());
        let path = path.ok_or_else(|| invalid(url, "write file:///absolute/path"))?;
        return LocalStore::new(path).map(Some);
    }
    if url.contains("://") { Ok(None) } else { LocalStore::new(url).map(Some) }
}

fn backend(url: &str, settings: &[(&str, &str)]) -> Result<Arc<dyn Store>> {
    if let Some(folder) = local(url)? {
        return Ok(Arc::new(folder));
    }
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    match scheme {
        "mem" => memory(url, rest),
        _ => cloud::backend(scheme, url, rest, settings),
    }
}

fn memory(url: &str, name: &str) -> Result<Arc<dyn Store>> {
    static NAMED: OnceLock<Mutex<HashMap<String, Arc<InMemory>>>> = OnceLock::new();
    let name = name.trim_end_matches('/');
    if name.is_empty() {
        return Err(invalid(url, "write mem://name"));
    }
    let mut named =
        NAMED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let inner = Arc::clone(named.entry(name.to_owned()).or_default());
    Ok(Arc::new(ObjectStoreBackend::new(inner, url, "")?.in_process()))
}

pub(crate) fn invalid(url: &str, reason: &str) -> Error {
    Error::InvalidUrl { url: url.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_open_by_scheme() {
        for (url, location) in
            [("/a/b", "/a/b"), ("file:///a/b%20c", "/a/b c"), ("mem://x", "mem://x")]
        {
            assert_eq!(open(url).unwrap().location(), location);
        }
        let here = std::path::absolute("a").unwrap().display().to_string();
        assert_eq!(open("./a").unwrap().location(), here);
        assert_eq!(open("a").unwrap().location(), here);
    }

    #[test]
    fn other_locations_are_refused_with_advice() {
        for bad in ["", "mem://", "s3://", "ftp://x/y", "file://relative", "s3://b/../c"] {
            let error = open(bad).unwrap_err();
            assert!(matches!(error, Error::InvalidUrl { .. } | Error::InvalidKey { .. }), "{bad}");
        }
    }

    #[tokio::test]
    async fn memory_is_shared_by_name() {
        let (one, two) = (open("mem://shared/a").unwrap(), open("mem://shared/a").unwrap());
        one.create("k", "v".into()).await.unwrap();
        assert_eq!(two.get("k").await.unwrap(), "v");
        assert!(open("mem://shared/b").unwrap().get("k").await.unwrap_err().is_not_found());
    }
}
