//! Tells somebody elsewhere: a JSON document by POST, on a thread of its own.
//!
//! The address is a secret (whoever knows it can write there), so it is shown without its path, and no redirect is
//! followed. What could not be sent is tried again a few times; a queue that is full drops what is oldest and says how
//! much.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use super::Notice;
use crate::servers::base_address;

/// Notices that wait to be sent.
const MOST_WAITING: usize = 64;
/// Notices in one message.
const MOST_TOGETHER: usize = 20;
/// The shortest time between two messages.
const PAUSE: Duration = Duration::from_secs(10);
/// Pauses before a message is tried again.
const AGAIN: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(30)];
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of the program waits for what is still to be sent.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// An address that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "--webhook: the address begins with neither http:// nor https://, or names no host, or holds a password"
)]
pub struct WebhookError;

/// Sends notices to one address.
pub struct Webhook {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    place: String,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("place", &self.place).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<Queue>,
    change: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Notice>,
    dropped: u64,
    over: bool,
    done: bool,
    /// What could not be sent, since it was last asked for.
    failures: Vec<String>,
}

/// What is sent. `text` is what Slack, Mattermost and their like show.
#[derive(Debug, Serialize)]
struct Message<'a> {
    text: String,
    machine: &'a str,
    alerts: Vec<Alert<'a>>,
    /// Alerts that were dropped because too many waited.
    dropped: u64,
}

#[derive(Debug, Serialize)]
struct Alert<'a> {
    state: &'static str,
    rule: &'a str,
    subject: &'a str,
    value: f64,
}

impl Webhook {
    /// Begins to send to this address, on behalf of a machine of that name. Messages are at least `pause` apart.
    ///
    /// # Errors
    /// [`WebhookError`] where the address cannot be used.
    pub fn start(url: &str, machine: &str) -> Result<Self, WebhookError> {
        Self::start_with(url, machine, PAUSE, &AGAIN)
    }

    fn start_with(
        url: &str,
        machine: &str,
        pause: Duration,
        again: &'static [Duration],
    ) -> Result<Self, WebhookError> {
        // A query may be a part of such an address; everything else about it is as for a server.
        let place = url.split('?').next().unwrap_or_default();
        if !place.contains("://") || base_address(place).is_err() || url.contains(char::is_whitespace) {
            return Err(WebhookError);
        }
        let origin: Vec<&str> = place.splitn(4, '/').take(3).collect();

        let shared = Arc::new(Shared::default());
        let sender = Sender {
            shared: Arc::clone(&shared),
            agent: agent(),
            url: url.to_owned(),
            place: origin.join("/"),
            machine: machine.to_owned(),
            pause,
            again,
        };
        let place = sender.place.clone();
        let spawned = thread::Builder::new().name("infercost-webhook".to_owned()).spawn(move || sender.run());
        Ok(Self { shared, thread: spawned.ok(), place })
    }

    /// Sends a notice when it is its turn.
    pub fn send(&self, notice: Notice) {
        let mut queue = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.len() >= MOST_WAITING {
            queue.waiting.pop_front();
            queue.dropped += 1;
        }
        queue.waiting.push_back(notice);
        self.shared.change.notify_all();
    }

    /// What could not be sent since it was last asked, each in one plain line.
    pub fn failures(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).failures)
    }
}

impl Drop for Webhook {
    /// Waits a little for what is still to be sent.
    fn drop(&mut self) {
        let mut queue = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        queue.over = true;
        self.shared.change.notify_all();
        let ended = self.shared.change.wait_timeout_while(queue, LAST_WAIT, |queue| !queue.done);
        let is_done = ended.unwrap_or_else(PoisonError::into_inner).0.done;
        if let Some(thread) = self.thread.take().filter(|_| is_done) {
            let _ended = thread.join();
        }
    }
}

struct Sender {
    shared: Arc<Shared>,
    agent: ureq::Agent,
    url: String,
    place: String,
    machine: String,
    pause: Duration,
    again: &'static [Duration],
}

impl Sender {
    fn run(self) {
        while let Some((notices, dropped)) = self.next() {
            if let Err(why) = self.deliver(&notices, dropped) {
                let mut queue = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
                let lost = infercost_core::text::count(notices.len() as u64, "alert");
                queue.failures.push(format!("{lost} did not reach {}: {why}", self.place));
                let excess = queue.failures.len().saturating_sub(MOST_TOGETHER);
                queue.failures.drain(..excess);
            }
            self.rest(self.pause);
        }
        let mut queue = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        queue.done = true;
        self.shared.change.notify_all();
    }

    /// What is sent together; `None` where nothing is left and nothing will come.
    fn next(&self) -> Option<(Vec<Notice>, u64)> {
        let mut queue = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.waiting.is_empty() {
            if queue.over {
                return None;
            }
            queue = self.shared.change.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let together = queue.waiting.len().min(MOST_TOGETHER);
        let notices = queue.waiting.drain(..together).collect();
        Some((notices, std::mem::take(&mut queue.dropped)))
    }

    fn deliver(&self, notices: &[Notice], dropped: u64) -> Result<(), String> {
        let message = Message {
            text: notices.iter().map(|notice| notice.text.as_str()).collect::<Vec<_>>().join("\n"),
            machine: &self.machine,
            alerts: notices.iter().map(Alert::of).collect(),
            dropped,
        };
        let body = serde_json::to_vec(&message).map_err(|error| error.to_string())?;

        let mut sent = self.post(&body);
        for pause in self.again {
            let is_passing = matches!(sent, Err(Refused { for_good: false, .. }));
            if !is_passing || self.rest(*pause) {
                break;
            }
            sent = self.post(&body);
        }
        sent.map_err(|refused| refused.why)
    }

    fn post(&self, body: &[u8]) -> Result<(), Refused> {
        let request = self.agent.post(&self.url).content_type("application/json");
        let answer = request.send(body).map_err(|error| {
            // what a library says may hold the address
            let why = match error {
                ureq::Error::Timeout(_) => "it did not answer in time",
                ureq::Error::Io(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                    "it cannot be reached"
                }
                _ => "the connection failed",
            };
            Refused { why: why.to_owned(), for_good: false }
        })?;

        let status = answer.status().as_u16();
        match status {
            200..=299 => Ok(()),
            301..=308 => {
                Err(Refused { why: format!("status {status}: a redirect is not followed"), for_good: true })
            }
            429 | 500..=599 => Err(Refused { why: format!("status {status}"), for_good: false }),
            _ => Err(Refused { why: format!("status {status}"), for_good: true }),
        }
    }

    /// Waits; true where the program ends.
    fn rest(&self, pause: Duration) -> bool {
        let queue = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.change.wait_timeout_while(queue, pause, |queue| !queue.over);
        waited.unwrap_or_else(PoisonError::into_inner).0.over
    }
}

struct Refused {
    why: String,
    for_good: bool,
}

impl<'a> Alert<'a> {
    fn of(notice: &'a Notice) -> Self {
        let state = if notice.raised { "raised" } else { "over" };
        Self { state, rule: &notice.rule, subject: &notice.subject, value: notice.value }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(PATIENCE))
        .user_agent(concat!("infercost/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

#[cfg(test)]
mod tests;
