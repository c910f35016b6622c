//! Alerts: rules over snapshots, with a time that a condition must hold, a margin before it is taken back, and bounds on
//! how often anybody is told.

mod quantity;
mod rule;
mod webhook;

use std::time::Duration;

use crate::snapshot::{AlertView, Snapshot};

pub use quantity::Reading;
pub use rule::{Rule, RuleError};
pub use webhook::{Webhook, WebhookError};

/// A raised alert is taken back this far on the other side of its limit, as a share of it: a reading that trembles on
/// the limit raises one alert, and not a hundred.
const MARGIN: f64 = 0.05;
/// The same where the limit is 0.
const MARGIN_AT_ZERO: f64 = 1e-9;
/// A condition must be gone for this long, or as long as it had to hold, before an alert is taken back.
const CALM: Duration = Duration::from_secs(10);
/// After it was told, the same alert is told again this much later at the earliest.
const QUIET: Duration = Duration::from_secs(300);
/// More subjects than a rule has: what calls itself differently each time must not fill the memory.
const MOST_SUBJECTS: usize = 512;

/// Something that changed, to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// True where it was raised, false where it was taken back.
    pub raised: bool,
    /// The rule as it was written.
    pub rule: String,
    /// What it is about.
    pub subject: String,
    /// The value that decided.
    pub value: f64,
    /// All of it, in one plain line.
    pub text: String,
}

/// Rules, and how each of them stands for each of its subjects.
#[derive(Debug, Default)]
pub struct Alerts {
    rules: Vec<Rule>,
    watched: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    rule: usize,
    subject: String,
    value: Option<f64>,
    state: State,
    told_at: Option<Duration>,
    /// True where it was told that it is raised, and not yet that it was taken back.
    told_raised: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The condition does not hold.
    Calm,
    /// It has held since then, but not for long enough.
    Rising { since: Duration },
    /// It is raised since then.
    Raised { since: Duration },
    /// It is raised, and the condition is gone since `calm_since`.
    Falling { since: Duration, calm_since: Duration },
}

impl Alerts {
    /// Nothing is raised yet.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules, watched: Vec::new() }
    }

    /// Looks at a snapshot, and says what changed. `now` is time that never goes back.
    pub fn look(&mut self, snapshot: &Snapshot, now: Duration) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (place, rule) in self.rules.iter().enumerate() {
            let readings = quantity::readings(rule.quantity(), snapshot);
            for reading in &readings {
                let Some(watched) = find(&mut self.watched, place, &reading.subject) else { continue };
                watched.value = reading.value;
                // What is not known neither raises nor takes back, and no time passes on it.
                let Some(value) = reading.value else {
                    watched.state = watched.state.held();
                    continue;
                };
                watched.state = watched.state.next(rule, value, now);
                notices.extend(watched.notice(rule, value, now));
            }
        }
        notices
    }

    /// What is raised now.
    pub fn raised(&self, now: Duration) -> Vec<AlertView> {
        let mut raised = Vec::new();
        for watched in &self.watched {
            let (State::Raised { since } | State::Falling { since, .. }) = watched.state else { continue };
            let rule = self.rules.get(watched.rule).map(|rule| rule.text().to_owned());
            raised.push(AlertView {
                rule: rule.unwrap_or_default(),
                subject: watched.subject.clone(),
                value: watched.value,
                for_s: now.saturating_sub(since).as_secs_f64(),
            });
        }
        raised
    }
}

/// How a rule stands for a subject; `None` where there are too many.
fn find<'w>(all: &'w mut Vec<Watched>, rule: usize, subject: &str) -> Option<&'w mut Watched> {
    let known = all.iter().position(|one| one.rule == rule && one.subject == subject);
    let place = match known {
        Some(place) => place,
        None if all.len() < MOST_SUBJECTS => {
            all.push(Watched {
                rule,
                subject: subject.to_owned(),
                value: None,
                state: State::Calm,
                told_at: None,
                told_raised: false,
            });
            all.len() - 1
        }
        None => return None,
    };
    all.get_mut(place)
}

impl State {
    fn next(self, rule: &Rule, value: f64, now: Duration) -> Self {
        let holds = rule.holds(value);
        let is_clear = rule.is_clear(value, (rule.limit().abs() * MARGIN).max(MARGIN_AT_ZERO));

        match self {
            Self::Calm if holds => Self::rising(rule, now, now),
            Self::Rising { since } if holds => Self::rising(rule, since, now),
            Self::Calm | Self::Rising { .. } => Self::Calm,
            Self::Raised { since } if is_clear => Self::Falling { since, calm_since: now },
            Self::Falling { since, calm_since } if is_clear => {
                match now.saturating_sub(calm_since) >= rule.lasting().max(CALM) {
                    true => Self::Calm,
                    false => Self::Falling { since, calm_since },
                }
            }
            Self::Raised { since } | Self::Falling { since, .. } => Self::Raised { since },
        }
    }

    /// A condition that has held since then: raised once that is long enough.
    fn rising(rule: &Rule, since: Duration, now: Duration) -> Self {
        match now.saturating_sub(since) >= rule.lasting() {
            true => Self::Raised { since: now },
            false => Self::Rising { since },
        }
    }

    /// The same after a reading that was not there: a condition that was rising begins again.
    fn held(self) -> Self {
        match self {
            Self::Rising { .. } => Self::Calm,
            Self::Falling { since, .. } => Self::Raised { since },
            other => other,
        }
    }

    fn is_raised(self) -> bool {
        matches!(self, Self::Raised { .. } | Self::Falling { .. })
    }
}

impl Watched {
    /// What is to be told, where something changed and enough time has passed since the last time.
    fn notice(&mut self, rule: &Rule, value: f64, now: Duration) -> Option<Notice> {
        let raised = self.state.is_raised();
        if raised == self.told_raised {
            return None;
        }
        // It may be raised, taken back and raised again in between; what is told later is how it stands then.
        if raised && self.told_at.is_some_and(|told| now.saturating_sub(told) < QUIET) {
            return None;
        }

        self.told_raised = raised;
        self.told_at = Some(now);
        let word = if raised { "ALERT" } else { "over" };
        let text = format!("{word}: {} {}: {}", self.subject, rule.shown(value), rule.text());
        Some(Notice { raised, rule: rule.text().to_owned(), subject: self.subject.clone(), value, text })
    }
}

#[cfg(test)]
mod tests;
