//! Stores of clouds, each behind a feature of this crate: `s3`, `gcs`, `azure`.
//!
//! All that is asked of them is to create an object only if there is none of its name, and all three
//! have that. S3 is tested against a server of its protocol; the other two are compiled and their
//! locations tested, no more.

use std::sync::Arc;

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
use object_store::RetryConfig;

use crate::error::Result;
use crate::open::invalid;
use crate::store::Store;

/// How often one request is sent again inside `object_store`.
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
const RETRIES: usize = 4;

/// After how long one request is given up, retries included.
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
const GIVE_UP: std::time::Duration = std::time::Duration::from_secs(60);

/// The store of a scheme. `settings` override those of the environment.
pub(crate) fn backend(
    scheme: &str,
    url: &str,
    rest: &str,
    settings: &[(&str, &str)],
) -> Result<Arc<dyn Store>> {
    let what = match scheme {
        "s3" | "gs" => "bucket",
        "az" => "container",
        _ => {
            let known = "use a path, file://, mem://, s3://, gs:// or az://";
            return Err(invalid(url, known));
        }
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(invalid(url, &format!("write {scheme}://{what}/prefix")));
    }
    let place = Place { url, bucket, prefix: prefix.trim_end_matches('/'), settings };
    match scheme {
        #[cfg(feature = "s3")]
        "s3" => place.s3(),
        #[cfg(feature = "gcs")]
        "gs" => place.gcs(),
        #[cfg(feature = "azure")]
        "az" => place.azure(),
        _ => place.left_out(scheme),
    }
}

#[cfg_attr(
    not(all(feature = "s3", feature = "gcs", feature = "azure")),
    allow(dead_code, reason = "the fields of features that are off")
)]
struct Place<'a> {
    url: &'a str,
    bucket: &'a str,
    prefix: &'a str,
    settings: &'a [(&'a str, &'a str)],
}

impl Place<'_> {
    #[cfg_attr(
        all(feature = "s3", feature = "gcs", feature = "azure"),
        allow(dead_code, reason = "nothing is left out")
    )]
    fn left_out(&self, scheme: &str) -> Result<Arc<dyn Store>> {
        let feature = match scheme {
            "gs" => "gcs",
            "az" => "azure",
            other => other,
        };
        let reason = format!("this program was built without the feature '{feature}'");
        Err(invalid(self.url, &reason))
    }

    #[cfg(feature = "s3")]
    fn s3(&self) -> Result<Arc<dyn Store>> {
        let mut builder = object_store::aws::AmazonS3Builder::from_env();
        for (name, value) in self.settings {
            builder = builder.with_config(self.key(name)?, *value);
        }
        let builder = builder.with_bucket_name(self.bucket).with_retry(retry());
        self.finish(builder.build())
    }

    #[cfg(feature = "gcs")]
    fn gcs(&self) -> Result<Arc<dyn Store>> {
        let mut builder = object_store::gcp::GoogleCloudStorageBuilder::from_env();
        for (name, value) in self.settings {
            builder = builder.with_config(self.key(name)?, *value);
        }
        let builder = builder.with_bucket_name(self.bucket).with_retry(retry());
        self.finish(builder.build())
    }

    #[cfg(feature = "azure")]
    fn azure(&self) -> Result<Arc<dyn Store>> {
        let mut builder = object_store::azure::MicrosoftAzureBuilder::from_env();
        for (name, value) in self.settings {
            builder = builder.with_config(self.key(name)?, *value);
        }
        let builder = builder.with_container_name(self.bucket).with_retry(retry());
        self.finish(builder.build())
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    fn key<K: std::str::FromStr<Err = object_store::Error>>(&self, name: &str) -> Result<K> {
        let key = name.to_ascii_lowercase().parse::<K>();
        key.map_err(|error| invalid(self.url, &error.to_string()))
    }

    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    fn finish<O: object_store::ObjectStore>(
        &self,
        built: object_store::Result<O>,
    ) -> Result<Arc<dyn Store>> {
        let inner = built.map_err(|error| invalid(self.url, &error.to_string()))?;
        let url = self.url.trim_end_matches('/');
        let backend = crate::objects::ObjectStoreBackend::new(Arc::new(inner), url, self.prefix)?;
        Ok(Arc::new(backend))
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
fn retry() -> RetryConfig {
    RetryConfig { max_retries: RETRIES, retry_timeout: GIVE_UP, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_was_left_out_names_its_feature() {
        let told = |scheme: &str| {
            let url = format!("{scheme}://bucket/x");
            backend(scheme, &url, "bucket/x", &[]).err().map(|error| error.to_string())
        };
        for (scheme, feature, on) in [
            ("s3", "s3", cfg!(feature = "s3")),
            ("gs", "gcs", cfg!(feature = "gcs")),
            ("az", "azure", cfg!(feature = "azure")),
        ] {
            let told = told(scheme).unwrap_or_default();
            assert_eq!(told.contains(&format!("feature '{feature}'")), !on, "{told}");
        }
    }
}
