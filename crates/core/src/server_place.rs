//! Where a server is, read off its address.

use core::net::IpAddr;

/// Host and port of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerPlace {
    /// Name or address, without brackets.
    pub host: String,
    /// The port, the scheme's own where none is named; `None` where it is unknown or no number.
    pub port: Option<u16>,
}

impl ServerPlace {
    /// Reads `http://host:port/path`; user and password are left out.
    pub fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let usual = match scheme {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        Self { host: host.to_owned(), port: port.map_or(usual, |port| port.parse().ok()) }
    }

    /// True where the address stays on this machine: loopback, `localhost`, or no particular interface.
    pub fn is_this_machine(&self) -> bool {
        let host = self.host.to_ascii_lowercase();
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address.is_unspecified())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for (url, host, port, here) in [
            ("http://127.0.0.1:8080/v1", "127.0.0.1", Some(8080), true),
            ("https://u:p@example.org/v1", "example.org", Some(443), false),
            ("http://[::1]:8000/v1", "::1", Some(8000), true),
            ("http://[::1]", "::1", Some(80), true),
            ("http://[2001:db8::1]:8000", "2001:db8::1", Some(8000), false),
            ("http://LocalHost", "LocalHost", Some(80), true),
            ("http://0.0.0.0:1", "0.0.0.0", Some(1), true),
            ("http://192.168.1.4:1", "192.168.1.4", Some(1), false),
            ("example.org:1", "example.org", Some(1), false),
            ("http://h:99999", "h", None, false),
            ("", "", None, false),
        ] {
            let place = ServerPlace::of(url);
            assert_eq!((place.host.as_str(), place.port), (host, port), "{url}");
            assert_eq!(place.is_this_machine(), here, "{url}");
        }
    }
}
