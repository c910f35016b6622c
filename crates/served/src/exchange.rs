//! One attempt at one request: sent, and its answer read, within every time-out.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use infercost_core::{Chunk, ServedFault};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Request, Response};
use tokio::time::Sleep;

use crate::answer::{Answer, Asked};
use crate::body_reader::BodyReader;
use crate::failure::{Failure, cause, error_text, quote};
use crate::options::Timeouts;
use crate::refusal::refused as refused_parameter;

/// Most of an error's body that is read, in bytes.
const LONGEST_ERROR: usize = 64 << 10;
/// How long a finished stream is read on, so that its connection can serve again.
const RELEASE: Duration = Duration::from_secs(1);

/// What an attempt needs to know beside the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) timeouts: &'a Timeouts,
    /// When the whole request must be over.
    pub(crate) deadline: Instant,
    pub(crate) asked: Asked<'a>,
}

/// Waits no longer than it is told; one timer serves a whole attempt.
struct Patience<'a> {
    sleep: Pin<&'a mut Sleep>,
    /// The limit of the current stage.
    until: Instant,
    deadline: Instant,
}

/// A wait was too long.
struct Impatient {
    /// True where the whole request's time was over.
    whole: bool,
}

impl Patience<'_> {
    /// Sets the current stage's limit: this long from now.
    fn allow(&mut self, stage: Duration) {
        let until = Instant::now().checked_add(stage).unwrap_or(self.deadline);
        self.until = until.min(self.deadline);
        // A timer that is early is set again when it fires: setting it for every chunk would cost more.
        if self.sleep.deadline().into_std() > self.until {
            self.sleep.as_mut().reset(self.until.into());
        }
    }

    async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Impatient> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            while self.sleep.as_mut().poll(context).is_ready() {
                if Instant::now() >= self.until {
                    return Poll::Ready(Err(Impatient { whole: self.until >= self.deadline }));
                }
                self.sleep.as_mut().reset(self.until.into());
            }
            Poll::Pending
        })
        .await
    }
}

/// Sends `request` and fills `answer` from what comes back. Gives the HTTP status.
pub(crate) async fn exchange(
    http: &reqwest::Client,
    request: Request,
    terms: Terms<'_>,
    answer: &mut Answer,
    on_chunk: &mut impl FnMut(Chunk<'_>),
) -> Result<u16, Failure> {
    let sleep = pin!(tokio::time::sleep_until(terms.deadline.into()));
    let mut patience = Patience { sleep, until: terms.deadline, deadline: terms.deadline };
    patience.allow(terms.timeouts.first_byte);
    let response = match patience.wait(http.execute(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(not_answered(&error, terms.timeouts.connect)),
        Err(impatient) => return Err(late(&impatient, terms.timeouts, false)),
    };

    let status = response.status().as_u16();
    let result = if response.status().is_success() {
        read_answer(response, patience, terms, answer, on_chunk).await
    } else {
        Err(refused(response, patience, terms).await)
    };
    result.map(|()| status).map_err(|failure| failure.with_status(status))
}

fn not_answered(error: &reqwest::Error, connect: Duration) -> Failure {
    if error.is_connect() && error.is_timeout() {
        return Failure::timeout(format!("no connection to the server within {connect:?}"));
    }
    let cause = cause(error);
    if error.is_connect() {
        let message = format!("cannot connect to the server: {cause}; is it running at this address?");
        return Failure { again: true, ..Failure::connection(message) };
    }
    // Servers close connections that they kept open, after some requests or some time, and a request may just then
    // be on its way (RFC 9112, section 9.3.1). A new connection answers; a pause would only be in the latency.
    let message = format!("the server hung up before it answered: {cause}");
    Failure { again: true, wait: Some(Duration::ZERO), ..Failure::connection(message) }
}

/// The failure behind an error status.
async fn refused(mut response: Response, mut patience: Patience<'_>, terms: Terms<'_>) -> Failure {
    let status = response.status();
    let wait = retry_after(response.headers());

    let mut body = Vec::new();
    patience.allow(terms.timeouts.stall);
    while let Ok(Ok(Some(piece))) = patience.wait(response.chunk()).await {
        let room = LONGEST_ERROR.saturating_sub(body.len());
        body.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if body.len() >= LONGEST_ERROR {
            break;
        }
    }

    let said = error_text(&body);
    let hint = match status.as_u16() {
        401 | 403 => "; put a valid key into INFERCOST_API_KEY",
        404 => "; the base address usually ends in /v1",
        300..=399 => "; give the address that it redirects to",
        _ => "",
    };
    let quoted = match quote(&said.message, terms.asked.secret) {
        text if text.is_empty() => String::new(),
        text => format!(": {text}"),
    };

    let again = matches!(status.as_u16(), 429 | 503);
    let message = format!("the server answered {status}{quoted}{hint}");
    let refused = refused_parameter(status.as_u16(), &body);
    Failure { again, wait, context: said.context, refused, ..Failure::new(ServedFault::Status, message) }
}

/// The pause that the server asks for.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    infercost_core::retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, jiff::Timestamp::now().into())
}

async fn read_answer(
    mut response: Response,
    mut patience: Patience<'_>,
    terms: Terms<'_>,
    answer: &mut Answer,
    on_chunk: &mut impl FnMut(Chunk<'_>),
) -> Result<(), Failure> {
    let mut reader = BodyReader::new();
    loop {
        let piece = match patience.wait(response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return Err(lost(&error, answer)),
            Err(impatient) => return Err(late(&impatient, terms.timeouts, answer.begun)),
        };
        if reader.piece(&piece, answer, &terms.asked, on_chunk)?.is_break() {
            release(response);
            return Ok(());
        }
        // Until the first token its own time-out stands: a server may fill the wait with comments.
        if answer.begun {
            patience.allow(terms.timeouts.stall);
        }
    }

    reader.end(answer, &terms.asked, on_chunk)?;
    if answer.finish.is_none() && !answer.done {
        let how_far = how_far(answer);
        let failure = Failure::connection(format!("the server ended the stream {how_far}"));
        return Err(Failure { again: !answer.begun, ..failure });
    }
    Ok(())
}

/// The failure of an answer that was waited for too long.
fn late(impatient: &Impatient, timeouts: &Timeouts, begun: bool) -> Failure {
    let Timeouts { first_byte, stall, whole, .. } = *timeouts;
    Failure::timeout(if impatient.whole {
        format!("the request was not finished within {whole:?}")
    } else if begun {
        format!("the stream stalled for {stall:?}")
    } else {
        format!("no token came within {first_byte:?}")
    })
}

fn how_far(answer: &Answer) -> &'static str {
    if answer.begun { "in the middle of its answer" } else { "before its first token" }
}

fn lost(error: &reqwest::Error, answer: &Answer) -> Failure {
    let how_far = how_far(answer);
    let message = format!("the connection was lost {how_far}: {}", cause(error));
    Failure { again: !answer.begun, ..Failure::connection(message) }
}

/// Reads what lies behind the end of a stream: a connection serves again only when its body was read to the end.
fn release(mut response: Response) {
    tokio::spawn(tokio::time::timeout(
        RELEASE,
        async move { while let Ok(Some(_)) = response.chunk().await {} },
    ));
}
