//! A page for Prometheus to scrape while a run lasts.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Meters;
use crate::listener::{self, Pages, Reply, Request};

/// The media type of Prometheus's text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers `GET /metrics` on threads of its own until it is dropped.
#[derive(Debug)]
pub struct Listener(listener::Listener);

impl Listener {
    /// Listens at that address; port 0 takes a free one.
    ///
    /// # Errors
    /// What the system says where the address cannot be listened at.
    pub fn start(address: SocketAddr, meters: Arc<Meters>) -> io::Result<Self> {
        let pages = OfRun { meters, is_loopback: address.ip().is_loopback() };
        listener::Listener::start(address, Arc::new(pages)).map(Self)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

/// The one page of a run.
struct OfRun {
    meters: Arc<Meters>,
    is_loopback: bool,
}

impl Pages for OfRun {
    fn answer(&self, request: &Request) -> Reply {
        let is_misled = request.header("host").is_some_and(|host| !names_this_machine(host));
        if self.is_loopback && is_misled {
            return Reply::text("421 Misdirected Request", "ask for this machine by its address");
        }

        match request.path.as_str() {
            "/metrics" => Reply::new("200 OK", EXPOSITION, self.meters.exposition()),
            _ => Reply::text("404 Not Found", "metrics are at /metrics"),
        }
    }
}

/// True where a `Host` is an address or `localhost`. A browser that a page's own name has led to this machine names that
/// page (DNS rebinding): it is shown nothing.
fn names_this_machine(host: &str) -> bool {
    let is_address = host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let in_brackets = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    is_address || in_brackets || name.eq_ignore_ascii_case("localhost")
}
