//! What is answered to whoever asks: a page for people, `/metrics` for Prometheus, a snapshot for programs, and a stream
//! of them.
//!
//! A page that shows what a machine does is worth stealing a look at. So there is no CORS header, a `Host` that is not
//! ours is refused (a page elsewhere may resolve its own name to this machine: DNS rebinding), and an address that
//! others can reach wants a token. Nothing here changes anything, so that there is nothing to forge.

mod page;
mod token;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use infercost_export::listener::{Body, Pages, Reply, Request};

use crate::exposition::exposition;
use crate::farm::FarmView;
use crate::snapshot::Snapshot;

pub use token::{Token, TokenError};

/// The media type of Prometheus's text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long a stream waits for the next snapshot before it says that it is still there.
const STREAM_WAIT: Duration = Duration::from_secs(1);
/// Streams at one time: each holds a thread.
const MOST_STREAMS: usize = 16;
/// The cookie that carries the token of a page that was opened with it.
const COOKIE: &str = "infercost_token";

/// The newest snapshot, and whoever waits for the next one.
#[derive(Debug, Default)]
pub struct Board {
    state: Mutex<Latest>,
    change: Condvar,
}

#[derive(Debug, Default)]
struct Latest {
    number: u64,
    snapshot: Option<Arc<Published>>,
}

/// A snapshot, with its JSON form made once for all readers.
#[derive(Debug)]
struct Published {
    json: String,
    metrics: String,
}

impl Board {
    /// Shows a snapshot to whoever asks from now on.
    pub fn publish(&self, snapshot: &Snapshot) {
        // numbers that are not finite have no JSON form; there are none, since each is a value or a reason
        let json = serde_json::to_string(snapshot).unwrap_or_default();
        self.show(Published { json, metrics: exposition(snapshot) });
    }

    /// The same for several machines. Prometheus scrapes each of them itself.
    pub fn publish_farm(&self, view: &FarmView) {
        let json = serde_json::to_string(view).unwrap_or_default();
        let metrics = "# several machines: scrape the monitor of each\n".to_owned();
        self.show(Published { json, metrics });
    }

    fn show(&self, published: Published) {
        let mut latest = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        latest.number += 1;
        latest.snapshot = Some(Arc::new(published));
        self.change.notify_all();
    }

    fn latest(&self) -> Option<Arc<Published>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).snapshot.clone()
    }

    /// The first snapshot after the one of that number, and its own; waits at most `patience`.
    fn after(&self, number: u64, patience: Duration) -> Option<(u64, Arc<Published>)> {
        let latest = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.change.wait_timeout_while(latest, patience, |latest| latest.number == number);
        let (latest, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let snapshot = latest.snapshot.clone()?;
        (latest.number != number).then_some((latest.number, snapshot))
    }
}

/// Who may read, and under which names the machine is known.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where it listens.
    pub address: SocketAddr,
    /// What a reader must show; `None` asks for nothing.
    pub token: Option<Token>,
    /// Names besides the address itself and `localhost` under which it may be asked.
    pub names: Vec<String>,
}

/// The pages of a monitor.
pub struct MonitorPages {
    board: Arc<Board>,
    access: Access,
    streams: Arc<()>,
}

impl MonitorPages {
    /// Shows what is on the board to whoever has access.
    pub fn new(board: Arc<Board>, access: Access) -> Self {
        Self { board, access, streams: Arc::new(()) }
    }

    fn stream(&self) -> Reply {
        // the counter is of whoever holds it: this, and each stream
        if Arc::strong_count(&self.streams) > MOST_STREAMS {
            return Reply::text("503 Service Unavailable", "too many streams are read already");
        }

        let (board, held) = (Arc::clone(&self.board), Arc::clone(&self.streams));
        let mut number = 0;
        let pieces = move || {
            let _held = &held;
            let piece = match board.after(number, STREAM_WAIT) {
                Some((next, snapshot)) => {
                    number = next;
                    format!("data: {}\n\n", snapshot.json)
                }
                // a comment: a reader that went away is noticed when it is written
                None => ": waiting\n\n".to_owned(),
            };
            Some(piece.into_bytes())
        };

        Reply {
            body: Body::Pieces(Box::new(pieces)),
            ..Reply::new("200 OK", "text/event-stream", Vec::new())
        }
    }
}

impl Pages for MonitorPages {
    fn answer(&self, request: &Request) -> Reply {
        if !self.access.knows(request.header("host").unwrap_or_default()) {
            return Reply::text(
                "421 Misdirected Request",
                "this monitor does not go by that name; start it with --host NAME to add one",
            );
        }
        // The style, the script and the empty page hold nothing of the machine, but a page that can read nothing is
        // of no use: all want the token.
        if !self.access.allows(request) {
            return Reply {
                headers: vec![("www-authenticate", "Bearer".to_owned())],
                ..Reply::text(
                    "401 Unauthorized",
                    "this monitor wants its token: open /?token=TOKEN, or send it as a Bearer token",
                )
            };
        }

        match request.path.as_str() {
            "/" => self.access.page(request),
            "/metrics" | "/api/snapshot" => match (self.board.latest(), request.path.as_str()) {
                (None, _) => Reply::text("503 Service Unavailable", "nothing has been observed yet"),
                (Some(latest), "/metrics") => Reply::new("200 OK", EXPOSITION, latest.metrics.as_bytes()),
                (Some(latest), _) => Reply::new("200 OK", "application/json", latest.json.as_bytes()),
            },
            "/api/stream" => self.stream(),
            _ => Reply::text("404 Not Found", "there are /, /metrics, /api/snapshot and /api/stream"),
        }
    }
}

impl Access {
    /// Whether this is a name of ours, as a `Host` header gives it.
    fn knows(&self, host: &str) -> bool {
        let Some(name) = host_name(host) else { return false };
        if let Ok(address) = name.parse::<IpAddr>() {
            // An address cannot be made to lead somewhere else, unlike a name.
            return address == self.address.ip()
                || self.address.ip().is_unspecified()
                || address.is_loopback();
        }
        name.eq_ignore_ascii_case("localhost")
            || self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn allows(&self, request: &Request) -> bool {
        let Some(token) = &self.token else { return true };
        let bearer = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
        let cookies = request.header("cookie").unwrap_or_default().split(';');
        let cookie =
            cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(name, _)| *name == COOKIE);
        let shown = [bearer, cookie.map(|(_, value)| value), given(request)];
        shown.into_iter().flatten().any(|shown| token.is(shown))
    }

    /// The page; a token in its address is moved into a cookie, so that it is in no history and no picture.
    fn page(&self, request: &Request) -> Reply {
        match (&self.token, given(request)) {
            (Some(_), Some(shown)) => Reply {
                headers: vec![
                    ("location", "/".to_owned()),
                    ("set-cookie", format!("{COOKIE}={shown}; HttpOnly; SameSite=Strict; Path=/")),
                ],
                ..Reply::text("303 See Other", "the page is at /")
            },
            _ => page::page(),
        }
    }
}

/// The token in a request's address.
fn given(request: &Request) -> Option<&str> {
    request.query.split('&').find_map(|setting| setting.strip_prefix("token="))
}

/// The name in a `Host` header, without its port; `None` where it holds none.
fn host_name(host: &str) -> Option<&str> {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => host.split(':').next()?,
    };
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
