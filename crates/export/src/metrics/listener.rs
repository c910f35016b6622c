//! A page for Prometheus to scrape while a run lasts.

use std::io;
use std::net::SocketAddr;
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
        listener::Listener::start(address, Arc::new(OfRun(meters))).map(Self)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

/// The one page of a run.
struct OfRun(Arc<Meters>);

impl Pages for OfRun {
    fn answer(&self, request: &Request) -> Reply {
        match request.path.as_str() {
            "/metrics" => Reply::new("200 OK", EXPOSITION, self.0.exposition()),
            _ => Reply::text("404 Not Found", "metrics are at /metrics"),
        }
    }
}
