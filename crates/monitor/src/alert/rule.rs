//! `gpu.temperature > 85 for 30s`: a quantity, a comparison, a limit with its unit, and how long it must hold.

use std::str::FromStr;
use std::time::Duration;

use infercost_core::number::significant;
use thiserror::Error;

use super::quantity::{QUANTITIES, Quantity};

/// Longest text of a rule.
const LONGEST: usize = 200;
/// Longest time that a condition must hold.
const LONGEST_LASTING: Duration = Duration::from_secs(24 * 3600);

/// A rule that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{rule}`: {reason}; write \"gpu.temperature > 85 for 30s\"")]
pub struct RuleError {
    /// What was written, control characters escaped.
    pub rule: String,
    /// What is wrong with it.
    pub reason: String,
}

/// When somebody is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    text: String,
    quantity: &'static Quantity,
    is_above: bool,
    limit: f64,
    lasting: Duration,
}

impl Rule {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is looked at.
    pub(super) fn quantity(&self) -> &'static Quantity {
        self.quantity
    }

    /// The limit, in the quantity's own unit.
    pub(super) fn limit(&self) -> f64 {
        self.limit
    }

    /// How long the condition must hold.
    pub(super) fn lasting(&self) -> Duration {
        self.lasting
    }

    /// Whether the condition holds.
    pub(super) fn holds(&self, value: f64) -> bool {
        if self.is_above { value > self.limit } else { value < self.limit }
    }

    /// Whether the condition is gone by this much.
    pub(super) fn is_clear(&self, value: f64, margin: f64) -> bool {
        if self.is_above { value <= self.limit - margin } else { value >= self.limit + margin }
    }

    /// A value with the quantity and its unit.
    pub(super) fn shown(&self, value: f64) -> String {
        let unit = self.quantity.units.first().map_or("", |unit| unit.name);
        let scale = if unit == "%" { 100.0 } else { 1.0 };
        format!("{} {} {unit}", self.quantity.name, significant(value * scale)).trim_end().to_owned()
    }

    /// The currency that the limit is in; `None` where it is no money.
    pub fn currency(&self) -> Option<&str> {
        let unit = self.text.split_ascii_whitespace().nth(3)?;
        unit.strip_suffix("/h").filter(|code| code.len() == 3 && self.quantity.is_money())
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        parse(text).map_err(|reason| {
            let rule = infercost_core::text::printable_up_to(text, LONGEST).into_owned();
            RuleError { rule, reason }
        })
    }
}

/// A rule, or what is wrong with its text.
fn parse(text: &str) -> Result<Rule, String> {
    if text.len() > LONGEST || text.chars().any(char::is_control) {
        return Err("it is too long, or holds control characters".to_owned());
    }

    // How long it must hold stands at the end.
    let (condition, lasting) = match text.split_once(" for ") {
        Some((condition, lasting)) => (condition, time(lasting.trim())),
        None => (text, Some(Duration::ZERO)),
    };
    let lasting = lasting.ok_or("the time is none, such as 30s, 10m or 1h")?;

    let mut words = condition.split_ascii_whitespace();
    let (Some(name), Some(comparison), Some(limit)) = (words.next(), words.next(), words.next()) else {
        return Err("it has no quantity, comparison and limit".to_owned());
    };
    let (unit, rest) = (words.next(), words.next());
    if rest.is_some() {
        return Err("something follows the limit and its unit".to_owned());
    }

    let quantity = quantity_of(name)?;
    let is_above = match comparison {
        ">" | ">=" => true,
        "<" | "<=" => false,
        _ => return Err("the comparison is neither > nor <".to_owned()),
    };

    // A percent sign may stand right behind the number.
    let (limit, unit) = match (limit.strip_suffix('%'), unit) {
        (Some(number), None) => (number, Some("%")),
        (_, unit) => (limit, unit),
    };
    let limit = limit.parse::<f64>().ok().filter(|limit| limit.is_finite());
    let limit = limit.ok_or("the limit is not a number")?;
    let factor = quantity.factor(unit).ok_or_else(|| quantity.unit_wanted())?;

    let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Rule { text, quantity, is_above, limit: limit * factor, lasting })
}

fn quantity_of(name: &str) -> Result<&'static Quantity, String> {
    let found = QUANTITIES.iter().find(|quantity| quantity.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = QUANTITIES.iter().map(|quantity| quantity.name).collect();
        format!("no quantity is called {name:.40}; there are {}", names.join(", "))
    })
}

/// A length of time with its unit, up to a day.
fn time(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(at)?;
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let time = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
    (time <= LONGEST_LASTING).then_some(time)
}
