//! Inferences that another program recorded in production, and what they cost.

use std::collections::BTreeSet;

use infercost_core::market::TokenPrice;
use infercost_core::{Currency, EconomicsFact, Estimate, Findings, Money, Severity, StatedCost};
use serde::{Deserialize, Serialize};

use crate::bill::double;
use infercost_stats::propagation::{Input, propagate};
use infercost_stats::wilson::wilson;
use infercost_stats::{amount_estimate, normal};

/// Two-sided confidence of every interval here.
const CONFIDENCE: f64 = 0.95;

/// One inference of a production trace. `None` is not recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditedInference {
    /// The model, as the trace names it.
    pub model: String,
    /// Prompt tokens.
    pub input_tokens: Option<u64>,
    /// Of those, tokens read from a cache.
    pub cached_input_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// From request to end, in seconds.
    pub latency: Option<f64>,
    /// The session that it belongs to.
    pub session: Option<String>,
    /// The user who asked.
    pub user: Option<String>,
    /// What the trace says that it cost.
    pub cost_stated: Option<Money>,
    /// Whether the answer was right, where it was judged.
    pub correct: Option<bool>,
    /// True where there was no answer: what it took is billed to the others.
    pub failed: bool,
}

impl AuditedInference {
    /// What it says that cannot be; `None` where nothing is wrong.
    pub fn fault(&self) -> Option<&'static str> {
        let tokens = [self.input_tokens, self.cached_input_tokens, self.output_tokens];
        let cost = self.cost_stated.as_ref().map(|cost| double(cost.amount));
        let is_cost_possible = cost.is_none_or(StatedCost::is_possible);

        if !is_cost_possible {
            Some("cost_stated must be 0 to 1000000000")
        } else if self.latency.is_some_and(|seconds| seconds < 0.0) {
            Some("latency must not be negative")
        } else if tokens.into_iter().flatten().any(|tokens| tokens > u64::from(u32::MAX)) {
            Some("no inference has so many tokens")
        } else if self.cached_input_tokens.zip(self.input_tokens).is_some_and(|(part, all)| part > all) {
            Some("cached_input_tokens are part of input_tokens, and more than these")
        } else {
            None
        }
    }

    /// True for a cost of nothing beside tokens that were used: programs that lack a model's price write one.
    pub fn is_cost_of_nothing(&self) -> bool {
        let used = self.input_tokens.unwrap_or(0) > 0 || self.output_tokens.unwrap_or(0) > 0;
        used && self.cost_stated.as_ref().is_some_and(|cost| cost.amount.is_zero())
    }
}

/// Mean quantities of one model's production inferences.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Production {
    /// The model.
    pub model: String,
    /// Inferences, failures included.
    pub inferences: u64,
    /// Those of them that were not answered.
    pub failures: u64,
    /// Distinct sessions; `None` where no inference names one.
    pub sessions: Option<u64>,
    /// Distinct users; `None` where no inference names one.
    pub users: Option<u64>,
    /// Input tokens of one inference that were not read from a cache.
    pub input_tokens: Option<Estimate>,
    /// Input tokens of one inference that were; `None` where no inference says.
    pub cached_input_tokens: Option<Estimate>,
    /// Output tokens of one inference.
    pub output_tokens: Option<Estimate>,
    /// Seconds of one inference.
    pub latency_s: Option<Estimate>,
    /// Cost that the trace states, per inference.
    pub stated: Option<Estimate>,
    /// Cost that the trace states, per output token of the same inferences; `None` where one of them states only one of
    /// the two.
    #[serde(skip)]
    pub stated_per_output_token: Option<Estimate>,
    /// Currency of the stated costs.
    pub stated_currency: Option<Currency>,
    /// Share of judged answers that are right.
    pub correct: Option<Estimate>,
    /// What must be known of the numbers.
    #[serde(flatten)]
    pub findings: Findings,
}

impl Production {
    /// Gathers each model's inferences, most inferences first. Models are told apart by name.
    pub fn by_model(inferences: &[AuditedInference]) -> Vec<Self> {
        let names: BTreeSet<&str> = inferences.iter().map(|one| one.model.as_str()).collect();
        let mut all: Vec<Self> = names
            .into_iter()
            .map(|name| {
                Self::of(name, &inferences.iter().filter(|one| one.model == name).collect::<Vec<_>>())
            })
            .collect();

        all.sort_by_key(|one| std::cmp::Reverse(one.inferences));
        all
    }

    /// Inferences for each answer: what failed is billed to the answers; `None` where nothing was answered.
    pub fn per_answer(&self) -> Option<f64> {
        let answers = self.inferences.saturating_sub(self.failures);
        (answers > 0).then(|| self.inferences as f64 / answers as f64)
    }

    /// Inferences of one session, on average; `None` where no session is named.
    pub fn per_session(&self) -> Option<f64> {
        self.sessions.map(|sessions| self.inferences as f64 / sessions as f64)
    }

    /// Inferences of one user, on average; `None` where no user is named.
    pub fn per_user(&self) -> Option<f64> {
        self.users.map(|users| self.inferences as f64 / users as f64)
    }

    fn of(model: &str, inferences: &[&AuditedInference]) -> Self {
        let n = inferences.len();
        let mut means = Means { model, inferences, findings: Findings::default() };

        // Both means are over the same inferences, so that they add up to the input: one that says nothing of a
        // cache has read nothing from it, and none reads more from it than it was given.
        let input_tokens = means
            .of("input length", |one| Some(one.input_tokens?.saturating_sub(one.cached_tokens()) as f64));
        let says = inferences.iter().filter(|one| one.cached_input_tokens.is_some()).count();
        let cached_input_tokens = match says {
            0 => None,
            _ => means.of("cached length", |one| one.input_tokens.map(|_| one.cached_tokens() as f64)),
        };

        let output_tokens = means.of("output length", |one| one.output_tokens.map(|n| n as f64));
        let latency_s = means.of("latency", |one| one.latency);
        let currency = inferences.iter().find_map(|one| one.cost_stated).map(|cost| cost.currency);
        let stated = means.of("the stated cost", |one| one.stated_in(currency));
        let stated_per_output_token =
            StatedAnswer::all(inferences, currency).and_then(StatedAnswer::per_token);

        let mut findings = means.findings;
        let judged: Vec<bool> = inferences.iter().filter_map(|one| one.correct).collect();
        if !judged.is_empty() && judged.len() < n {
            let quantity = "a judgement".to_owned();
            let (known, of, model) = (judged.len() as u64, n as u64, model.to_owned());
            findings.add(Severity::Limitation, EconomicsFact::KnownOfSome { quantity, known, of, model });
        }

        if says > 0 && says < n {
            let (known, of, model) = (says as u64, n as u64, model.to_owned());
            findings.add(Severity::Limitation, EconomicsFact::CachedOfSome { known, of, model });
        }

        let failures = inferences.iter().filter(|one| one.failed).count();
        if failures > 0 {
            let (failures, of, model) = (failures as u64, n as u64, model.to_owned());
            findings.add(Severity::Limitation, EconomicsFact::FailuresBilled { failures, of, model });
        }

        Self {
            model: model.to_owned(),
            inferences: n as u64,
            failures: failures as u64,
            sessions: distinct(inferences.iter().filter_map(|one| one.session.as_deref())),
            users: distinct(inferences.iter().filter_map(|one| one.user.as_deref())),
            input_tokens,
            cached_input_tokens,
            output_tokens,
            latency_s,
            stated,
            stated_per_output_token,
            stated_currency: currency,
            correct: share(&judged),
            findings,
        }
    }
}

impl AuditedInference {
    /// Prompt tokens read from a cache: none where nothing is said of one, and never more than there are.
    fn cached_tokens(&self) -> u64 {
        self.cached_input_tokens.unwrap_or(0).min(self.input_tokens.unwrap_or(0))
    }

    /// The stated cost, where it is in this currency.
    fn stated_in(&self, currency: Option<Currency>) -> Option<f64> {
        let cost = self.cost_stated?;
        (Some(cost.currency) == currency).then(|| double(cost.amount))
    }
}

/// What a trace states of one inference: both its cost and its length.
struct StatedAnswer {
    cost: f64,
    output_tokens: f64,
}

impl StatedAnswer {
    /// Those of all inferences that state anything; `None` where one states only one of the two, so that two means would
    /// be of different inferences.
    fn all(inferences: &[&AuditedInference], currency: Option<Currency>) -> Option<Vec<Self>> {
        let mut all = Vec::new();
        for inference in inferences {
            match (inference.stated_in(currency), inference.output_tokens) {
                (Some(cost), Some(tokens)) => all.push(Self { cost, output_tokens: tokens as f64 }),
                (None, None) => {}
                _ => return None,
            }
        }
        Some(all)
    }

    /// Cost ÷ output tokens over all of them, with the linearized interval of a ratio of means (Cochran, *Sampling
    /// Techniques*, 3rd ed., ch. 6): cost and length of the same inferences rise and fall together.
    fn per_token(all: Vec<Self>) -> Option<Estimate> {
        let cost: f64 = all.iter().map(|one| one.cost).sum();
        let tokens: f64 = all.iter().map(|one| one.output_tokens).sum();
        if tokens <= 0.0 {
            return None;
        }

        let (ratio, mean_tokens) = (cost / tokens, tokens / all.len() as f64);
        let mut linearized = Vec::with_capacity(all.len());
        for one in &all {
            linearized.push(ratio + (one.cost - ratio * one.output_tokens) / mean_tokens);
        }
        let estimate = amount_estimate(&linearized, CONFIDENCE)?;

        // What was never below zero is not taken to be so in the mean.
        let is_positive = all.iter().all(|one| one.cost >= 0.0);
        Some(if is_positive { estimate.within(0.0, f64::INFINITY) } else { estimate })
    }
}

/// Means over the inferences of one model, with a note for each quantity that only some of them tell.
struct Means<'a> {
    model: &'a str,
    inferences: &'a [&'a AuditedInference],
    findings: Findings,
}

impl Means<'_> {
    fn of(&mut self, what: &str, quantity: impl Fn(&AuditedInference) -> Option<f64>) -> Option<Estimate> {
        let mut known = Vec::new();
        for inference in self.inferences {
            known.extend(quantity(inference).filter(|value| value.is_finite()));
        }

        if !known.is_empty() && known.len() < self.inferences.len() {
            let known = EconomicsFact::KnownOfSome {
                quantity: what.to_owned(),
                known: known.len() as u64,
                of: self.inferences.len() as u64,
                model: self.model.to_owned(),
            };
            self.findings.add(Severity::Limitation, known);
        }
        amount_estimate(&known, CONFIDENCE)
    }
}

/// How many different names there are; `None` without any.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Option<u64> {
    let names: BTreeSet<&str> = names.collect();
    (!names.is_empty()).then_some(names.len() as u64)
}

/// The cost of an answer by the price of the tokens that it and the failures took; `None` where a length is unknown. `output_factor` makes
/// answers longer.
pub fn token_cost(
    production: &Production,
    price: &TokenPrice,
    rate: f64,
    output_factor: f64,
) -> Option<Estimate> {
    over_tokens(production, price, rate, |cost, output| cost.of(output_factor * output))
}

/// The same for one output token: a longer answer costs more, and has more tokens to share that among.
pub fn cost_per_output_token(production: &Production, price: &TokenPrice, rate: f64) -> Option<Estimate> {
    over_tokens(production, price, rate, |cost, output| cost.of(output) / output)
}

/// What an answer costs by its tokens, but for the length of its output.
struct ByTokens {
    per_answer: f64,
    of_input: f64,
    per_output: f64,
}

impl ByTokens {
    /// The cost with so many output tokens.
    fn of(&self, output: f64) -> f64 {
        self.per_answer * (self.of_input + output * self.per_output)
    }
}

/// Something that follows from what an answer costs by its tokens, and from its output tokens.
fn over_tokens(
    production: &Production,
    price: &TokenPrice,
    rate: f64,
    of: impl Fn(&ByTokens, f64) -> f64,
) -> Option<Estimate> {
    let input = production.input_tokens?;
    let output = production.output_tokens?;
    let (per_input, per_output) = (double(price.input) * rate, double(price.output) * rate);
    let per_cached = price.cached_input.map_or(per_input, |cached| double(cached) * rate);
    let mut inputs = vec![Input::new(input, 0), Input::new(output, 1)];
    inputs.extend(production.cached_input_tokens.map(|cached| Input::new(cached, 2)));
    let per_answer = production.per_answer()?;
    propagate(&inputs, |at| {
        let (input, output, cached) = match *at {
            [input, output] => (input, output, 0.0),
            [input, output, cached] => (input, output, cached),
            _ => return f64::NAN,
        };
        let of_input = input * per_input + cached * per_cached;
        of(&ByTokens { per_answer, of_input, per_output }, output)
    })
}

/// Share of what is true with its 95 % interval by Wilson's score (J. Am. Stat. Assoc. 22, 1927), which leaves doubt
/// even where all or none are.
fn share(judged: &[bool]) -> Option<Estimate> {
    let n = judged.len();
    if n == 0 {
        return None;
    }

    let right = judged.iter().filter(|right| **right).count() as f64;
    let (lower, upper) = wilson(right, n, normal::quantile(0.5 + CONFIDENCE / 2.0));

    Some(Estimate { point: right / n as f64, lower, upper, confidence: CONFIDENCE, n })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    /// Each end is a share from which what was found is 1.96 standard errors away, 0 or 1.
    #[test]
    fn shares_are_never_certain() {
        for (right, n) in [(3_u32, 3_u32), (0, 10), (8, 10), (1, 1), (40, 100)] {
            let judged: Vec<bool> = (0..n).map(|index| index < right).collect();
            let found = share(&judged).unwrap();
            let point = f64::from(right) / f64::from(n);
            for end in [found.lower, found.upper] {
                let away = (point - end).abs() / (end * (1.0 - end) / f64::from(n)).sqrt();
                assert!(
                    (away - 1.96).abs() < 1e-3 || (end - point).abs() < 1e-12 && [0, n].contains(&right),
                    "{found:?}"
                );
            }
            assert!(found.upper - found.lower > 0.1, "{found:?}");
        }
        assert_eq!(share(&[]), None);
    }

    /// 1000 tokens each, at 1 a million wherever they come from: 0.001, however many were read from a cache.
    #[test]
    fn cached_tokens_are_part_of_the_input() {
        let one = |input, cached_input_tokens| AuditedInference {
            model: "m".into(),
            input_tokens: input,
            cached_input_tokens,
            output_tokens: Some(0),
            ..AuditedInference::default()
        };

        let price = TokenPrice {
            model: "m".into(),
            provider: None,
            input: "0.000001".parse().unwrap(),
            output: "0.000001".parse().unwrap(),
            cached_input: None,
            not_used: Vec::new(),
            currency: Currency::EUR,
        };

        let known = Some(1000);

        for rows in [
            vec![one(known, Some(900)), one(known, None), one(known, None), one(known, None)],
            vec![one(known, Some(900)), one(known, Some(0)), one(known, Some(1000)), one(known, Some(5000))],
            vec![one(known, Some(900)), one(None, Some(900))],
            vec![one(known, None), one(known, None)],
        ] {
            let found = &Production::by_model(&rows)[0];
            let cost = token_cost(found, &price, 1.0, 1.0).unwrap();
            assert!((cost.point - 0.001).abs() < 1e-15, "{cost:?} of {rows:?}");
        }

        let found = &Production::by_model(&[one(known, Some(900)), one(known, None)])[0];
        assert!(found.findings.sentences()[0].contains("known of 1 of 2"), "{:?}", found.findings);
    }

    #[test]
    fn models_are_told_apart_and_gaps_are_said() {
        let one = |model: &str, output: Option<u64>, session: &str| AuditedInference {
            model: model.into(),
            input_tokens: Some(100),
            cached_input_tokens: Some(40),
            output_tokens: output,
            session: Some(session.into()),
            ..AuditedInference::default()
        };

        let all =
            [one("a", Some(10), "x"), one("b", Some(5), "x"), one("a", None, "y"), one("a", Some(20), "y")];
        let found = Production::by_model(&all);
        let names: Vec<_> =
            found.iter().map(|one| (one.model.as_str(), one.inferences, one.sessions)).collect();
        assert_eq!(names, [("a", 3, Some(2)), ("b", 1, Some(1))]);
        assert_eq!(found[0].findings.sentences(), ["output length is known of 2 of 3 inferences of a"]);
        assert!((found[0].output_tokens.unwrap().point - 15.0).abs() < 1e-12);
        let price = TokenPrice {
            model: "a".into(),
            provider: None,
            input: "0.001".parse().unwrap(),
            output: "0.01".parse().unwrap(),
            cached_input: Some("0.0001".parse().unwrap()),
            not_used: Vec::new(),
            currency: Currency::USD,
        };

        // 60 × 0.001 + 40 × 0.0001 + 15 × 0.01
        let cost = token_cost(&found[0], &price, 1.0, 1.0).unwrap();
        assert!((cost.point - 0.214).abs() < 1e-12, "{cost:?}");
    }
}
