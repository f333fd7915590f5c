//! From a location to a store.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use lakebed_core::Env;
use object_store::RetryConfig;
use object_store::aws::AmazonS3Builder;
use object_store::aws::AmazonS3ConfigKey;
use object_store::memory::InMemory;
use url::Url;

use crate::error::Error;
use crate::error::Result;
use crate::local::LocalStore;
use crate::metered::Meter;
use crate::metered::Metered;
use crate::objects::ObjectStoreBackend;
use crate::retrying::RetryPolicy;
use crate::retrying::Retrying;
use crate::store::Store;

/// How often one S3 request is sent again inside `object_store`.
const S3_RETRIES: usize = 4;

/// After how long one S3 request is given up, retries included.
const S3_GIVE_UP: Duration = Duration::from_secs(60);

/// Opens a location without touching it:
///
/// - `/path`, `./path`, `path`, `file:///path`: a local folder;
/// - `mem://name`: memory of this process, the same for everyone who opens the same name;
/// - `s3://bucket/prefix`: S3 and what speaks its protocol, set up by `AWS_ENDPOINT`,
///   `AWS_ALLOW_HTTP`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and the like.
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
        "s3" => s3(url, rest, settings),
        _ => Err(invalid(url, "use a path, file://, mem:// or s3://")),
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
    Ok(Arc::new(ObjectStoreBackend::new(inner, url, "")?))
}

fn s3(url: &str, rest: &str, settings: &[(&str, &str)]) -> Result<Arc<dyn Store>> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(invalid(url, "write s3://bucket/prefix"));
    }
    let retry =
        RetryConfig { max_retries: S3_RETRIES, retry_timeout: S3_GIVE_UP, ..Default::default() };
    let mut builder = AmazonS3Builder::from_env();
    for (name, value) in settings {
        let known = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>();
        builder = builder.with_config(known.map_err(|e| invalid(url, &e.to_string()))?, *value);
    }
    let inner = builder
        .with_bucket_name(bucket)
        .with_retry(retry)
        .build()
        .map_err(|e| invalid(url, &e.to_string()))?;
    let prefix = prefix.trim_end_matches('/');
    Ok(Arc::new(ObjectStoreBackend::new(Arc::new(inner), url.trim_end_matches('/'), prefix)?))
}

fn invalid(url: &str, reason: &str) -> Error {
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
