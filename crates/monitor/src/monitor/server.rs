//! What is remembered of one server.

use std::time::Duration;

use super::{Happening, MINUTE, NOW};
use crate::observation::{Counted, ServerAnswer, ServerFacts, ServerReading};
use crate::snapshot::{Presence, ServerView, Shown};
use crate::tally::Rate;

/// What stands for a number of a server that has not answered yet.
const SILENT: &str = "it has not answered yet";

/// One server since it was first asked.
#[derive(Debug)]
pub(super) struct ServerState {
    address: String,
    facts: Option<ServerFacts>,
    answered_at: Option<Duration>,
    away: Option<Away>,
    output: Counter,
    input: Counter,
    requests: Counter,
    first_token_s: Rate,
    first_tokens: Rate,
}

#[derive(Debug)]
struct Away {
    since: Duration,
    why: String,
}

/// A count that only grows, until the server is started again.
#[derive(Debug, Default)]
struct Counter {
    last: Option<f64>,
    since_start: f64,
    rate: Rate,
}

/// What a server did since it was last asked.
#[derive(Debug, Default)]
pub(super) struct ServerStep {
    pub(super) output_tokens: Option<f64>,
    pub(super) input_tokens: Option<f64>,
    pub(super) requests: Option<f64>,
    /// Whether it serves something; `None` where that is not known.
    pub(super) serving: Option<bool>,
    pub(super) events: Vec<Happening>,
}

impl ServerState {
    pub(super) fn new(address: &str, at: Duration) -> Self {
        Self {
            address: address.to_owned(),
            facts: None,
            answered_at: None,
            away: Some(Away { since: at, why: SILENT.to_owned() }),
            output: Counter::default(),
            input: Counter::default(),
            requests: Counter::default(),
            first_token_s: Rate::default(),
            first_tokens: Rate::default(),
        }
    }

    /// Takes in what came of asking it.
    pub(super) fn take(&mut self, reading: &ServerReading, at: Duration) -> ServerStep {
        match &reading.answer {
            ServerAnswer::Fresh(facts) => self.answered(facts, at),
            ServerAnswer::Pending => self.still_asked(),
            ServerAnswer::Away(why) => self.did_not_answer(why, at),
        }
    }

    fn answered(&mut self, facts: &ServerFacts, at: Duration) -> ServerStep {
        let mut step = ServerStep::default();
        if self.away.take().is_some() && self.answered_at.is_some() {
            step.events.push(self.says("answers again", false));
        }
        let restarted =
            self.output.went_back(&facts.output_tokens) || self.input.went_back(&facts.input_tokens);
        if restarted {
            step.events.push(self.says("was started again: its counters began at 0", false));
        }

        let over_s = self.answered_at.map_or(0.0, |before| at.saturating_sub(before).as_secs_f64());
        step.output_tokens = self.output.take(&facts.output_tokens, at, over_s);
        step.input_tokens = self.input.take(&facts.input_tokens, at, over_s);
        step.requests = self.requests.take(&facts.requests, at, over_s);
        self.take_first_tokens(facts, at);

        step.serving = serving(facts, &step);
        self.facts = Some(facts.clone());
        self.answered_at = Some(at);
        step
    }

    /// A server that is slow is not away yet: nothing was counted so far, and what it works on it works on still.
    fn still_asked(&self) -> ServerStep {
        let busy =
            self.facts.as_ref().is_some_and(|facts| matches!(facts.running, Ok(running) if running > 0.0));
        ServerStep {
            output_tokens: self.output.nothing_yet(),
            input_tokens: self.input.nothing_yet(),
            requests: self.requests.nothing_yet(),
            serving: (busy && self.away.is_none()).then_some(true),
            events: Vec::new(),
        }
    }

    fn did_not_answer(&mut self, why: &str, at: Duration) -> ServerStep {
        let mut step = ServerStep::default();
        match &mut self.away {
            Some(away) => away.why = why.to_owned(),
            None => {
                self.away = Some(Away { since: at, why: why.to_owned() });
                step.events.push(self.says(&format!("does not answer: {why}"), true));
            }
        }
        step
    }

    fn take_first_tokens(&mut self, facts: &ServerFacts, at: Duration) {
        let before = self.facts.as_ref().and_then(|facts| facts.first_token.clone().ok());
        let (Some(before), Ok(now)) = (before, &facts.first_token) else { return };
        let Counted { seconds, count } = *now;
        if count >= before.count && seconds >= before.seconds {
            self.first_token_s.add(at, seconds - before.seconds, 1.0);
            self.first_tokens.add(at, count - before.count, 1.0);
        }
    }

    fn says(&self, what: &str, warning: bool) -> Happening {
        Happening { text: format!("{} {what}", self.address), warning }
    }

    pub(super) fn view(&self, now: Duration) -> ServerView {
        let away = self.away.as_ref();
        let facts = self.facts.as_ref();

        ServerView {
            address: self.address.clone(),
            kind: facts.map(|facts| facts.kind.name().to_owned()),
            presence: match away {
                None => Presence::Here,
                Some(away) => Presence::Away {
                    for_s: now.saturating_sub(away.since).as_secs_f64(),
                    why: away.why.clone(),
                },
            },
            models: facts.map(|facts| facts.models.clone()).unwrap_or_default(),
            output_tokens_per_s: self.rate(&self.output, now, NOW),
            output_tokens_per_s_minute: self.rate(&self.output, now, MINUTE),
            input_tokens_per_s: self.rate(&self.input, now, NOW),
            output_tokens: self.output.total(facts.map(|facts| &facts.output_tokens)),
            input_tokens: self.input.total(facts.map(|facts| &facts.input_tokens)),
            requests: self.requests.total(facts.map(|facts| &facts.requests)),
            running: self.gauge(facts.map(|facts| &facts.running)),
            waiting: self.gauge(facts.map(|facts| &facts.waiting)),
            cache: self.gauge(facts.map(|facts| &facts.cache)),
            first_token_s: self.first_token(now),
        }
    }

    /// What it shows of itself; nothing while it is away.
    fn gauge(&self, known: Option<&Result<f64, String>>) -> Shown<f64> {
        match (&self.away, known) {
            (Some(away), _) => Shown::missing(away.why.as_str()),
            (None, Some(known)) => known.clone().into(),
            (None, None) => Shown::missing(SILENT),
        }
    }

    fn rate(&self, counter: &Counter, now: Duration, length: Duration) -> Shown<f64> {
        match &self.away {
            Some(away) => Shown::missing(away.why.as_str()),
            None => counter.per_second(now, length),
        }
    }

    fn first_token(&self, now: Duration) -> Shown<f64> {
        if let Some(away) = &self.away {
            return Shown::missing(away.why.as_str());
        }
        let told = self.facts.as_ref().map(|facts| facts.first_token.as_ref());
        match told {
            None => return Shown::missing(SILENT),
            Some(Err(why)) => return Shown::missing(why.as_str()),
            Some(Ok(_)) => {}
        }

        let count = self.first_tokens.amount(now, MINUTE);
        match count > 0.0 {
            true => Shown::Value(self.first_token_s.amount(now, MINUTE) / count),
            false => Shown::missing("no request began in the last minute"),
        }
    }
}

/// Whether a server serves something: it says so, or its counters moved.
fn serving(facts: &ServerFacts, step: &ServerStep) -> Option<bool> {
    let moved = [step.output_tokens, step.input_tokens, step.requests].into_iter().flatten();
    let works = [&facts.running, &facts.waiting].into_iter().flatten().any(|number| *number > 0.0);
    if works || moved.clone().any(|count| count > 0.0) {
        return Some(true);
    }
    // Counters that stand still mean nothing where a request may be under way that moves them at its end.
    facts.running.is_ok().then_some(false)
}

impl Counter {
    fn went_back(&self, now: &Result<f64, String>) -> bool {
        matches!((self.last, now), (Some(last), Ok(now)) if *now < last)
    }

    /// What was counted since it was last asked; `None` where it is not known, and at the first time.
    fn take(&mut self, now: &Result<f64, String>, at: Duration, over_s: f64) -> Option<f64> {
        let now = *now.as_ref().ok()?;
        let before = self.last.replace(now)?;
        // A counter that went back began anew, and what it shows is what was counted since.
        let counted = if now >= before { now - before } else { now };
        self.since_start += counted;
        self.rate.add(at, counted, over_s);
        Some(counted)
    }

    /// What it has counted while no answer came; `None` where it counts nothing.
    fn nothing_yet(&self) -> Option<f64> {
        self.last.map(|_| 0.0)
    }

    fn per_second(&self, now: Duration, length: Duration) -> Shown<f64> {
        match (self.last, self.rate.per_second(now, length)) {
            (_, Some(rate)) => Shown::Value(rate),
            (Some(_), None) => Shown::missing("it has been asked once only"),
            (None, None) => Shown::missing("it does not tell"),
        }
    }

    fn total(&self, told: Option<&Result<f64, String>>) -> Shown<f64> {
        match (self.last, told) {
            (Some(_), _) => Shown::Value(self.since_start),
            (None, Some(Err(why))) => Shown::missing(why.as_str()),
            (None, _) => Shown::missing(SILENT),
        }
    }
}
