//! Which store a URL means, and how it is reached.
//!
//! Credentials, regions and endpoints come from the variables that every tool of these stores reads (`AWS_…`,
//! `GOOGLE_…`, `AZURE_…`); a URL holds none of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use infercost_core::without_secrets;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use url::Url;

use crate::error::{self, RemoteError};

/// What a URL of a store looks like, for messages.
const FORMS: &str = "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER";

/// What the names of variables begin with that stores are reached by.
const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// Longest wait for a connection.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);
/// Longest wait before a request is made again.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// How long a store is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long one request may take, with its answer.
    pub request: Duration,
    /// How often a request is made again after an answer of 5xx, or none.
    pub retries: usize,
    /// How long a request is made again.
    pub retrying: Duration,
}

impl Default for Patience {
    /// Two minutes a request, which a piece of 8 MiB takes at 70 kB/s; six further attempts within two minutes.
    fn default() -> Self {
        Self { request: Duration::from_secs(120), retries: 6, retrying: Duration::from_secs(120) }
    }
}

impl Patience {
    fn retry(self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig { max_backoff: LONGEST_BACKOFF, ..BackoffConfig::default() },
            max_retries: self.retries,
            retry_timeout: self.retrying,
        }
    }

    /// Settings of the client that requests go through.
    fn client(self) -> [(ClientConfigKey, String); 2] {
        let connect = self.request.min(LONGEST_CONNECT);
        [
            (ClientConfigKey::Timeout, format!("{}ms", self.request.as_millis())),
            (ClientConfigKey::ConnectTimeout, format!("{}ms", connect.as_millis())),
        ]
    }
}

/// The kinds of stores.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    S3,
    GoogleCloud,
    Azure,
    Folder(PathBuf),
}

/// A place in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreAddress {
    kind: Kind,
    /// The URL, without the slashes at its end.
    text: String,
    /// What stands before every object's name.
    prefix: ObjectPath,
}

impl StoreAddress {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`RemoteError::Address`] where it is none of a store, or holds credentials or a query: those belong into variables,
    /// which no list of processes shows.
    pub fn parse(text: &str) -> Result<Self, RemoteError> {
        let url = Url::parse(text).map_err(|error| wrong(text, format!("{error}; write {FORMS}")))?;

        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if has_credentials || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong(
                text,
                "a store's address holds no credentials and no query; set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY, GOOGLE_SERVICE_ACCOUNT, or AZURE_STORAGE_ACCOUNT_NAME and \
                 AZURE_STORAGE_ACCOUNT_KEY"
                    .to_owned(),
            ));
        }

        let kind = match url.scheme() {
            "s3" | "s3a" => Kind::S3,
            "gs" => Kind::GoogleCloud,
            "az" | "abfs" | "abfss" | "azure" => Kind::Azure,
            "file" => {
                let folder = url
                    .to_file_path()
                    .map_err(|()| wrong(text, format!("it names no folder; write {FORMS}")))?;
                Kind::Folder(folder)
            }
            _ => return Err(wrong(text, format!("no store is reached so; write {FORMS}"))),
        };
        if !matches!(kind, Kind::Folder(_)) && url.host_str().is_none_or(str::is_empty) {
            return Err(wrong(text, format!("the bucket is missing; write {FORMS}")));
        }

        let prefix = match kind {
            Kind::Folder(_) => ObjectPath::default(),
            _ => ObjectPath::from_url_path(url.path()).map_err(|error| wrong(text, error.to_string()))?,
        };
        Ok(Self { kind, text: text.trim_end_matches('/').to_owned(), prefix })
    }

    /// The address as it may be shown and stored: it holds no secret.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before every object's name.
    pub fn prefix(&self) -> &ObjectPath {
        &self.prefix
    }

    /// The store behind the address, reached as the variables say. No request is made.
    ///
    /// # Errors
    /// [`RemoteError::Settings`] where the variables do not say how to reach it, or the folder cannot be made.
    pub fn open(
        &self,
        variables: &[Variable],
        patience: Patience,
    ) -> Result<Arc<dyn ObjectStore>, RemoteError> {
        match &self.kind {
            Kind::S3 => self.s3(variables, patience),
            Kind::GoogleCloud => self.google_cloud(variables, patience),
            Kind::Azure => self.azure(variables, patience),
            Kind::Folder(folder) => self.folder(folder),
        }
    }

    fn s3(&self, variables: &[Variable], patience: Patience) -> Result<Arc<dyn ObjectStore>, RemoteError> {
        let mut builder = AmazonS3Builder::new().with_url(&self.text).with_retry(patience.retry());
        for (key, value) in patience.client() {
            builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
        }
        for (key, value) in settings(variables, "AWS_") {
            builder = builder.with_config(key, value);
        }
        let store = builder.build().map_err(|error| self.not_set_up(&error))?;
        Ok(Arc::new(store))
    }

    fn google_cloud(
        &self,
        variables: &[Variable],
        patience: Patience,
    ) -> Result<Arc<dyn ObjectStore>, RemoteError> {
        let mut builder = GoogleCloudStorageBuilder::new().with_url(&self.text).with_retry(patience.retry());
        for (key, value) in patience.client() {
            builder = builder.with_config(GoogleConfigKey::Client(key), value);
        }
        for (key, value) in settings(variables, "GOOGLE_") {
            builder = builder.with_config(key, value);
        }
        let store = builder.build().map_err(|error| self.not_set_up(&error))?;
        Ok(Arc::new(store))
    }

    fn azure(&self, variables: &[Variable], patience: Patience) -> Result<Arc<dyn ObjectStore>, RemoteError> {
        let mut builder = MicrosoftAzureBuilder::new().with_url(&self.text).with_retry(patience.retry());
        for (key, value) in patience.client() {
            builder = builder.with_config(AzureConfigKey::Client(key), value);
        }
        for (key, value) in settings(variables, "AZURE_") {
            builder = builder.with_config(key, value);
        }
        let store = builder.build().map_err(|error| self.not_set_up(&error))?;
        Ok(Arc::new(store))
    }

    /// A folder, which others may see through a network file system.
    fn folder(&self, folder: &Path) -> Result<Arc<dyn ObjectStore>, RemoteError> {
        std::fs::create_dir_all(folder).map_err(|source| RemoteError::Settings {
            address: self.text.clone(),
            reason: source.to_string(),
        })?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| self.not_set_up(&error))?;
        Ok(Arc::new(store))
    }

    fn not_set_up(&self, error: &object_store::Error) -> RemoteError {
        RemoteError::Settings { address: self.text.clone(), reason: error::words(error) }
    }
}

/// An address that is none of a store.
fn wrong(text: &str, problem: String) -> RemoteError {
    RemoteError::Address { address: without_secrets(text), problem }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A variable of the surroundings: its name and its value.
pub type Variable = (String, String);

/// The variables of this process that stores are reached by.
pub fn variables() -> Vec<Variable> {
    let text = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    text.filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// What a kind of store takes of the variables that begin as its own do; others are passed over, as its own tools do.
fn settings<K: FromStr>(variables: &[Variable], prefix: &str) -> Vec<(K, String)> {
    let own = variables.iter().filter(|(name, value)| name.starts_with(prefix) && !value.is_empty());
    own.filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.clone()))).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn addresses_of_stores() {
        for (text, prefix) in [
            ("s3://bucket/team/a", "team/a"),
            ("s3://bucket", ""),
            ("s3://bucket/", ""),
            ("gs://bucket/x/", "x"),
            ("az://container/y", "y"),
            ("file:///tmp/shared", ""),
        ] {
            let address = StoreAddress::parse(text).unwrap();
            assert_eq!(address.prefix().as_ref(), prefix, "{text}");
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn what_is_no_store_is_refused_without_its_secrets() {
        for (text, part) in [
            ("http://host/x", "no store is reached so"),
            ("ftp://host/x", "no store is reached so"),
            ("s3:///x", "bucket is missing"),
            ("s3://key:secret@bucket/x", "no credentials"),
            ("s3://bucket/x?token=secret", "no query"),
            ("az://c/x?sv=1&sig=secret", "no query"),
            ("file://host/x", "names no folder"),
            ("://", "write s3://"),
        ] {
            let error = StoreAddress::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("secret@") && !error.contains("=secret"), "{error}");
        }
        // dots are resolved as in any URL, and lead out of no bucket
        assert_eq!(StoreAddress::parse("s3://bucket/a/../../b").unwrap().prefix().as_ref(), "b");
    }
}
