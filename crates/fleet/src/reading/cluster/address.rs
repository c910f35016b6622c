//! Where a cluster's scheduler is.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::{Host, Url};

/// The port of a scheduler that is given none.
const DEFAULT_PORT: u16 = 50050;

/// The address of a scheduler: `df://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterAddress {
    /// A name of letters, digits, dots and hyphens, or an IP address, one of version 6 in brackets.
    host: String,
    port: u16,
}

/// Why a text is no address of a scheduler.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
pub enum AddressError {
    /// It is not `df://HOST:PORT`.
    #[error("write it as df://HOST:PORT")]
    Form,
    /// It has a user or a password. Neither is shown.
    #[error("write it as df://HOST:PORT, without a user or a password: a scheduler asks for none")]
    Credentials,
    /// It has a path, a query or a fragment.
    #[error("write it as df://HOST:PORT, with nothing after the port")]
    More,
}

impl FromStr for ClusterAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text.trim()).map_err(|_| AddressError::Form)?;
        if url.scheme() != "df" {
            return Err(AddressError::Form);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::More);
        }

        let host = match url.host() {
            Some(Host::Domain(name)) if is_name(name) => name.to_ascii_lowercase(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => format!("[{address}]"),
            _ => return Err(AddressError::Form),
        };
        Ok(Self { host, port: url.port().unwrap_or(DEFAULT_PORT) })
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

impl ClusterAddress {
    /// The address for requests over HTTP: a scheduler answers probes and queries on one port.
    #[cfg(feature = "cluster")]
    pub(crate) fn http(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }
}

impl fmt::Display for ClusterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "df://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let check = |text: &str, wanted: Result<&str, AddressError>| {
            let found = text.parse::<ClusterAddress>().map(|address| address.to_string());
            assert_eq!(found, wanted.map(str::to_owned), "{text}");
        };
        check("df://localhost:50050", Ok("df://localhost:50050"));
        check("df://Scheduler-1.example.com:1234/", Ok("df://scheduler-1.example.com:1234"));
        check("df://10.0.0.7", Ok("df://10.0.0.7:50050"));
        check("df://[::1]:7", Ok("df://[::1]:7"));

        for wrong in
            ["", "localhost:50050", "df:", "df://", "df://:50050", "df://h:99999", "df://h:x", "df://a b"]
        {
            check(wrong, Err(AddressError::Form));
        }
        for scheme in ["http", "https", "grpc", "file"] {
            check(&format!("{scheme}://localhost:50050"), Err(AddressError::Form));
        }
        check("df://user@h:1", Err(AddressError::Credentials));
        check("df://user:hunter2@h:1", Err(AddressError::Credentials));
        check("df://h:1/path", Err(AddressError::More));
        check("df://h:1?x=1", Err(AddressError::More));
        check("df://h:1#x", Err(AddressError::More));
    }

    #[test]
    fn no_secret_is_in_what_is_said() {
        let said = "df://user:hunter2@h:1".parse::<ClusterAddress>().map_err(|error| error.to_string());
        assert!(said.is_err_and(|said| !said.contains("hunter2") && !said.contains("user:")));
    }
}
