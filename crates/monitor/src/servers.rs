//! Servers that run models, asked for what they tell of themselves.
//!
//! Each has a thread that asks when it is told to and keeps the last answer, so that a slow server holds up nothing.
//! What is read has bounds of size and time, and what is not there is said: names of metrics change between versions,
//! so several are known for each number, and a number whose names are all missing is missing.

mod ollama;
mod page;
mod programs;

use std::time::{Duration, Instant};

use infercost_core::without_secrets;
use thiserror::Error;

use crate::asking::Asking;
use crate::client::Client;
use crate::observation::{ServerAnswer, ServerFacts, ServerReading};

pub use programs::facts_of_page;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest address.
const LONGEST_ADDRESS: usize = 2048;

/// An address that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{address}` is not the address of a server: {reason}; write http://HOST:PORT")]
pub struct AddressError {
    /// What was written, without credentials.
    pub address: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The address of a server, without a path of its interfaces at its end.
///
/// # Errors
/// [`AddressError`] for what is not http or https, names no host, holds credentials, blanks or control characters.
pub fn base_address(text: &str) -> Result<String, AddressError> {
    address_of(text).map_err(|reason| AddressError {
        address: infercost_core::text::printable_up_to(&without_secrets(text), 80).into_owned(),
        reason,
    })
}

/// The same, or what is wrong.
fn address_of(text: &str) -> Result<String, &'static str> {
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let (scheme, rest) = full.split_once("://").unwrap_or_default();
    if !matches!(scheme, "http" | "https") {
        return Err("only http and https are asked");
    }
    if full.len() > LONGEST_ADDRESS || full.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("it is too long, or holds blanks or control characters");
    }
    if rest.contains(['?', '#', '@']) {
        return Err("it must hold no credentials and no query");
    }
    if rest.split('/').next().unwrap_or_default().is_empty() {
        return Err("it names no host");
    }

    let mut base = full.trim_end_matches('/');
    for path in ["/metrics", "/v1"] {
        base = base.strip_suffix(path).unwrap_or(base).trim_end_matches('/');
    }
    Ok(base.to_owned())
}

/// Servers, each with a thread that asks it.
pub struct Servers {
    watched: Vec<Watched>,
}

struct Watched {
    address: String,
    asking: Asking<ServerFacts>,
}

impl Servers {
    /// Begins to ask the servers at these addresses, as [`base_address`] gives them.
    ///
    /// # Errors
    /// What the system says where a thread cannot be started.
    pub fn start(addresses: &[String]) -> std::io::Result<Self> {
        let mut watched = Vec::new();
        for address in addresses {
            let mut server = Server::new(address);
            let asking = Asking::start("infercost-server", move || server.ask())?;
            watched.push(Watched { address: without_secrets(address), asking });
        }
        Ok(Self { watched })
    }

    /// Asks all, and waits at most `patience` for those that answer quickly.
    pub fn read(&self, patience: Duration) -> Vec<ServerReading> {
        for one in &self.watched {
            one.asking.want();
        }

        let until = Instant::now() + patience;
        self.watched.iter().map(|one| one.read(until)).collect()
    }
}

impl Watched {
    /// What it answered; waits for it until then.
    fn read(&self, until: Instant) -> ServerReading {
        let answer = match self.asking.answer_by(until) {
            None => ServerAnswer::Pending,
            Some(Ok(facts)) => ServerAnswer::Fresh(Box::new(facts)),
            Some(Err(why)) => ServerAnswer::Away(why),
        };
        ServerReading { address: self.address.clone(), answer }
    }
}

/// One server, and which of its interfaces answers.
struct Server {
    client: Client,
    /// True where the server has no metrics but Ollama's interface.
    is_ollama: bool,
}

impl Server {
    fn new(address: &str) -> Self {
        Self { client: Client::new(address, PATIENCE, None), is_ollama: false }
    }

    fn ask(&mut self) -> Result<ServerFacts, String> {
        if self.is_ollama {
            return ollama::facts(&self.client.get("/api/ps")?.text()?);
        }

        let page = self.client.get("/metrics")?;
        match page.status {
            200 => programs::facts_of_page(&page.text()?),
            404 => self.ask_as_ollama(),
            401 | 403 => Err(format!("status {}: it wants a key for /metrics", page.status)),
            501 => Err("status 501: it keeps no metrics; start llama-server with --metrics".to_owned()),
            301..=308 => Err(format!(
                "status {}: redirects are not followed; name the address it leads to",
                page.status
            )),
            status => Err(format!("status {status} from /metrics")),
        }
    }

    /// A server without metrics may be Ollama, which has an interface of its own.
    fn ask_as_ollama(&mut self) -> Result<ServerFacts, String> {
        let page = self.client.get("/api/ps")?;
        let none = "it has neither /metrics nor Ollama's /api/ps; SGLang needs --enable-metrics, llama-server --metrics";
        if page.status != 200 {
            return Err(none.to_owned());
        }
        let facts = ollama::facts(&page.text()?).map_err(|_| none.to_owned())?;
        self.is_ollama = true;
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn addresses() {
        for (text, wanted) in [
            ("localhost:8080", Ok("http://localhost:8080")),
            ("http://a:1/", Ok("http://a:1")),
            ("http://a:1/metrics", Ok("http://a:1")),
            ("https://a/llm/v1/", Ok("https://a/llm")),
            ("ftp://a", Err("only http")),
            ("http://", Err("no host")),
            ("http://u:secret@a", Err("no credentials")),
            ("http://a?key=secret", Err("no credentials")),
            ("http://a b", Err("blanks")),
            ("http://a\u{1b}[2J", Err("control")),
        ] {
            match (base_address(text), wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
                (Err(error), Err(part)) => {
                    let error = error.to_string();
                    assert!(error.contains(part) && !error.contains("secret"), "{error}");
                    assert!(!error.contains('\u{1b}'));
                }
                (found, _) => panic!("{text:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn nobody_there() {
        // a port that was free a moment ago
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let servers = Servers::start(&[format!("http://127.0.0.1:{port}")]).unwrap();
        let readings = servers.read(Duration::from_secs(5));
        assert!(
            matches!(&readings[..], [ServerReading { answer: ServerAnswer::Away(why), .. }] if why.contains("nothing listens")),
            "{readings:?}"
        );
    }
}
