//! Sends what a run holds, batch by batch, and says what was not taken.

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;

use crate::destination::Destination;
use crate::error::ExportError;
use crate::feed::{Batch, Feed};
use crate::progress::Progress;
use crate::retry::{Pauses, RetryPolicy};
use crate::span_transform::SpanTransform;
use crate::transport::{Attempt, Client};

/// Most sentences of a server that are kept.
const MOST_WORDS: usize = 5;

/// What came of sending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Spans that were taken.
    pub spans: u64,
    /// Spans that the server rejected one by one.
    pub rejected: u64,
    /// Spans that are larger than the server takes.
    pub too_large: u64,
    /// Requests made.
    pub requests: u64,
    /// What the server said beside, escaped and cut, each once.
    pub words: Vec<String>,
}

impl Sent {
    /// True where nothing was rejected and nothing was too large.
    pub fn is_whole(&self) -> bool {
        self.rejected == 0 && self.too_large == 0
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The server took it, or said of parts that it never will.
    Done,
    /// The server did not take it while it was waited for.
    GaveUp(String),
    /// The server refused it for good.
    Refused(String),
    /// Waiting was cut short.
    Stopped(String),
}

/// Waits for a time and because of something; false where waiting is to end.
pub(crate) type Wait<'a> = &'a mut dyn FnMut(Duration, &str) -> bool;

/// Sends the spans of one run to one destination.
#[derive(Debug)]
pub struct Exporter {
    folder: PathBuf,
    destination: Destination,
    client: Client,
    feed: Feed,
    transform: SpanTransform,
    progress: Progress,
    gap: bool,
    /// What came of it up to now.
    pub(crate) sent: Sent,
}

impl Exporter {
    /// An exporter of the run in `folder`; with `unsent_only`, from where an earlier one got to.
    ///
    /// # Errors
    /// [`ExportError::Destination`].
    pub fn new(
        folder: &Path,
        destination: Destination,
        transform: SpanTransform,
        unsent_only: bool,
    ) -> Result<Self, ExportError> {
        let client = Client::new(&destination)?;
        let mut progress = Progress::read(folder, &destination);
        if !unsent_only {
            (progress.bytes, progress.spans) = (0, 0);
        }
        let feed = Feed::new(folder, progress.bytes);
        let folder = folder.to_owned();
        Ok(Self { folder, destination, client, feed, transform, progress, gap: false, sent: Sent::default() })
    }

    /// Sends everything that is there, and waits for a server that is busy as long as `policy` allows.
    ///
    /// # Errors
    /// [`ExportError::NotSent`] at the first batch that is refused or not taken in time; what was taken before is
    /// kept in mind. Other [`ExportError`]s where the run cannot be read.
    pub fn run(&mut self, policy: RetryPolicy) -> Result<Sent, ExportError> {
        self.run_telling(policy, &mut |_| {})
    }

    /// The same; `tell` hears what the server or the network said, each time before it is tried again.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_telling(
        &mut self,
        policy: RetryPolicy,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Sent, ExportError> {
        let outcome = self.run_batches(policy, tell);
        let kept = self.keep();
        outcome?;
        // a run that lies where nothing may be written can be sent all the same
        if let Err(error) = kept {
            tracing::warn!(%error, "how far the run was sent could not be kept");
        }
        Ok(self.sent.clone())
    }

    /// One thread reads ahead while the other sends: reading is the larger part of the work. At most three batches
    /// are in memory.
    fn run_batches(&mut self, policy: RetryPolicy, tell: &mut dyn FnMut(&str)) -> Result<(), ExportError> {
        let mut wait = |pause, why: &str| {
            tell(why);
            std::thread::sleep(pause);
            true
        };

        let transform = std::mem::take(&mut self.transform);
        let mut feed = Feed::new(&self.folder, self.feed.offset());
        let result = std::thread::scope(|scope| {
            let (ready, batches) = sync_channel(1);
            scope.spawn(|| {
                let ready = ready;
                while let Some(next) = feed.next(&transform, true).transpose() {
                    // whoever sends may have given up
                    let failed = next.is_err();
                    if ready.send(next).is_err() || failed {
                        break;
                    }
                }
            });
            for batch in batches {
                match self.deliver(batch?, policy, &mut wait) {
                    Delivery::Done => {}
                    Delivery::GaveUp(why) | Delivery::Refused(why) | Delivery::Stopped(why) => {
                        return Err(ExportError::NotSent { destination: self.destination.name(), why });
                    }
                }
            }
            Ok(())
        });

        self.transform = transform;
        result
    }

    /// The next batch of whole lines, where there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Batch>, ExportError> {
        self.feed.next(&self.transform, false)
    }

    /// Bytes of the run that no server has taken, as far as is known.
    pub(crate) fn left(&self) -> u64 {
        let length = self.feed.left() + self.feed.offset();
        length.saturating_sub(self.progress.bytes)
    }

    /// Keeps in mind how far the run was sent.
    pub(crate) fn keep(&self) -> Result<(), ExportError> {
        self.progress.keep(&self.folder, &self.destination)
    }

    /// Sends a batch until it is taken, refused, or the policy allows no further attempt.
    pub(crate) fn deliver(&mut self, batch: Batch, policy: RetryPolicy, wait: Wait<'_>) -> Delivery {
        let (spans, end) = (batch.spans, batch.end);
        let delivery = self.deliver_request(batch.request, spans, policy, wait);
        match delivery {
            Delivery::Done if !self.gap => {
                self.progress.bytes = end;
                self.progress.spans += spans;
            }
            Delivery::Done => {}
            _ => self.gap = true,
        }
        delivery
    }

    fn deliver_request(
        &mut self,
        request: ExportTraceServiceRequest,
        spans: u64,
        policy: RetryPolicy,
        wait: Wait<'_>,
    ) -> Delivery {
        let message = self.client.spans(request);
        let mut pauses = Pauses::new(policy);

        loop {
            self.sent.requests += 1;
            match self.client.send(&message) {
                Attempt::Accepted(partial) => {
                    self.sent.rejected += partial.rejected.min(spans);
                    self.sent.spans += spans - partial.rejected.min(spans);
                    self.say(partial.message);
                    return Delivery::Done;
                }
                Attempt::Later { after, why } => match pauses.next(after) {
                    None => return Delivery::GaveUp(why),
                    Some(pause) => {
                        tracing::debug!(%why, ?pause, "trying again");
                        if !wait(pause, &why) {
                            return Delivery::Stopped(why);
                        }
                    }
                },
                Attempt::Refused { why, .. } => return Delivery::Refused(why),
                Attempt::TooLarge { why } => {
                    // taken from the file again would be simpler, but a growing file may have been cut since
                    let Some(request) = message.decoded() else { return Delivery::Refused(why) };
                    let Some((one, other)) = halves(request) else {
                        self.sent.too_large += spans;
                        self.say(why);
                        return Delivery::Done;
                    };
                    for half in [one, other] {
                        let spans = count(&half);
                        match self.deliver_request(half, spans, policy, wait) {
                            Delivery::Done => {}
                            other => return other,
                        }
                    }
                    return Delivery::Done;
                }
            }
        }
    }

    fn say(&mut self, words: String) {
        if !words.is_empty() && self.sent.words.len() < MOST_WORDS && !self.sent.words.contains(&words) {
            self.sent.words.push(words);
        }
    }
}

fn count(request: &ExportTraceServiceRequest) -> u64 {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len() as u64).sum()
}

/// Two requests with half of the spans each; `None` where there is one span.
fn halves(
    request: ExportTraceServiceRequest,
) -> Option<(ExportTraceServiceRequest, ExportTraceServiceRequest)> {
    let half = usize::try_from(count(&request) / 2).ok().filter(|half| *half > 0)?;
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut taken = 0;

    for resource in request.resource_spans {
        for mut scope in resource.scope_spans {
            let room = half.saturating_sub(taken).min(scope.spans.len());
            let rest = scope.spans.split_off(room);
            taken += scope.spans.len();

            let mut second = scope.clone();
            second.spans = rest;
            for (spans, side) in [(scope, &mut one), (second, &mut other)] {
                if !spans.spans.is_empty() {
                    side.push(ResourceSpans {
                        resource: resource.resource.clone(),
                        scope_spans: vec![spans],
                        schema_url: resource.schema_url.clone(),
                    });
                }
            }
        }
    }

    let one = ExportTraceServiceRequest { resource_spans: one };
    let other = ExportTraceServiceRequest { resource_spans: other };
    Some((one, other))
}
