//! The cost of an inference against what it earns.

use infercost_core::economics::{BreakEvenOf, LimitGrounds, LimitSide, Limited};
use infercost_core::market::TokenPrice;
use infercost_core::price::Price;
use infercost_core::{
    CostPart, Currency, EconomicsReason, Estimate, Findings, LeftOut, Reason, ReasonGiven, Taken, Unknown,
    What, Why,
};
use jiff::civil::Date;
use serde::Serialize;

use crate::bill::{Assumption, Bill, double, stale};
use crate::lever::Lever;
use crate::production::{Production, cost_per_output_token, token_cost};
use crate::scenario::Scenario;
use infercost_stats::propagation::{Input, exact, propagate};

mod break_even;
mod tornado;

use break_even::break_evens;
use tornado::tornado;

/// Version of the object.
pub const AUDIT_SCHEMA: &str = "infercost.audit/1";

/// Share of revenue from which cost puts a business into the loss zone, unless the user sets another.
pub const LOSS_ZONE: f64 = 0.15;

/// Tokens of the unit in which hosted models are priced.
const MILLION: f64 = 1e6;

/// What is audited.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A machine with a measured workload.
    Machine(Box<Scenario>),
    /// Inferences billed by their tokens.
    Tokens {
        /// The inferences.
        production: Box<Production>,
        /// The price of their tokens.
        price: TokenPrice,
        /// From the price's currency to the audit's.
        rate: f64,
        /// Currency of the audit.
        currency: Currency,
    },
    /// Inferences whose cost the trace states.
    Stated {
        /// The inferences.
        production: Box<Production>,
        /// From the stated currency to the audit's.
        rate: f64,
        /// Currency of the audit.
        currency: Currency,
    },
}

/// What is passed, or not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// Share of revenue at and above which cost is in the loss zone.
    pub loss_zone: Option<f64>,
    /// Highest cost of one inference.
    pub max_cost: Option<f64>,
}

/// Everything an audit is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditInput {
    /// The name of what is audited.
    pub name: String,
    /// What is audited.
    pub subject: Subject,
    /// Share of answers that are right.
    pub correct: Option<Estimate>,
    /// Inferences of one user session.
    pub per_session: Option<f64>,
    /// Inferences of one user.
    pub per_user: Option<f64>,
    /// Inferences of one month, at the load that is given.
    pub per_month: Option<f64>,
    /// Output tokens of one inference.
    pub output_tokens: Option<Estimate>,
    /// What one output token of a machine takes; `None` where nobody measured it.
    pub per_output_token: Option<Taken>,
    /// What one right answer of a machine takes, likewise.
    pub per_right_answer: Option<Taken>,
    /// Revenue of one inference.
    pub revenue: Option<Price>,
    /// Limits.
    pub limits: Limits,
    /// What prices and settings were used.
    pub assumptions: Vec<Assumption>,
    /// What must be known besides.
    pub findings: Findings,
    /// The day of the audit, for the age of prices.
    pub today: Date,
}

/// Where cost stands against revenue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// Below the loss zone, whole interval.
    Profit,
    /// In the loss zone, whole interval.
    Loss,
    /// The interval holds the limit, or what is unknown could carry the cost over it.
    Open,
}

/// One limit and whether it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitResult {
    /// What is limited.
    #[serde(flatten)]
    pub what: What<Limited>,
    /// The limit.
    pub limit: f64,
    /// What was found.
    pub found: Option<Estimate>,
    /// On which side of it.
    pub zone: Zone,
    /// What that rests on.
    #[serde(flatten)]
    pub why: Why<LimitGrounds>,
}

/// What one change does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Swing {
    /// The change.
    pub lever: Lever,
    /// In words.
    pub words: &'static str,
    /// Change of the cost of one inference; `None` where it does not apply.
    pub change: Option<f64>,
    /// The same as a share of the cost, with its interval.
    pub share: Option<Estimate>,
    /// Cost ÷ revenue after it.
    pub of_revenue: Option<f64>,
    /// Why it does not apply.
    #[serde(flatten)]
    pub reason: ReasonGiven<EconomicsReason>,
}

/// The value of an input at which a limit is just met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakEven {
    /// Which input, and which limit.
    #[serde(flatten)]
    pub what: What<BreakEvenOf>,
    /// Its value; `None` where no value meets the limit.
    pub value: Option<Estimate>,
    /// Unit of the value.
    pub unit: String,
    /// Why there is none.
    #[serde(flatten)]
    pub reason: ReasonGiven<EconomicsReason>,
}

/// The cost at another utilization.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtUtilization {
    /// Share of hours with paid work.
    pub utilization: f64,
    /// Cost of one inference.
    pub per_inference: Option<Estimate>,
}

/// The answer of an audit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// [`AUDIT_SCHEMA`].
    pub schema: &'static str,
    /// What was audited.
    pub name: String,
    /// Currency of all money.
    pub currency: Currency,
    /// Parts of the cost of one inference.
    pub bill: Bill,
    /// Cost of one inference.
    pub per_inference: Option<Estimate>,
    /// Cost of a thousand.
    pub per_thousand: Option<Estimate>,
    /// Cost of one right answer.
    pub per_correct: Option<Estimate>,
    /// Cost of one user session.
    pub per_session: Option<Estimate>,
    /// Cost of one user.
    pub per_user: Option<Estimate>,
    /// Cost of a million output tokens.
    pub per_million_output_tokens: Option<Estimate>,
    /// Inferences of a month, at the load that is given.
    pub inferences_per_month: Option<f64>,
    /// Cost of a month.
    pub per_month: Option<Estimate>,
    /// Revenue of one inference.
    pub revenue: Option<Price>,
    /// Cost ÷ revenue.
    pub share: Option<Estimate>,
    /// Revenue − cost of one inference.
    pub margin: Option<Estimate>,
    /// Limits, in the order in which they matter.
    pub limits: Vec<LimitResult>,
    /// What each change does, the biggest first; those that do not apply last.
    pub tornado: Vec<Swing>,
    /// Where limits would just be met.
    pub break_evens: Vec<BreakEven>,
    /// The cost at other utilizations.
    pub utilizations: Vec<AtUtilization>,
    /// What the numbers rest on.
    pub assumptions: Vec<Assumption>,
    /// What must be known with them.
    #[serde(flatten)]
    pub findings: Findings,
    /// Why a field above is null.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Audit {
    /// The worst zone of any limit; `None` without limits.
    pub fn worst(&self) -> Option<Zone> {
        let worst_first = [Zone::Loss, Zone::Open, Zone::Profit];
        worst_first.into_iter().find(|zone| self.limits.iter().any(|limit| limit.zone == *zone))
    }
}

/// Audits.
pub fn audit(input: AuditInput) -> Audit {
    let cost = input.subject.cost();
    let bill = input.subject.bill();
    let per_correct = per_correct(&input, cost);
    let per_million_output_tokens = scaled(per_output_token(&input, cost), Some(MILLION));

    let revenue = input.revenue.as_ref().map(|revenue| double(revenue.value));
    let earning = revenue.filter(|revenue| *revenue > 0.0);
    let share = cost.zip(earning).map(|(cost, revenue)| cost.map(|cost| cost / revenue));
    let margin = cost.zip(revenue).map(|(cost, revenue)| cost.map(|cost| revenue - cost));

    let limits = limits(&input, &bill, Found { cost, earning, share });
    let mut assumptions = input.assumptions.clone();
    if let Some(revenue) = &input.revenue {
        assumptions.push(Assumption::of_price(revenue));
    }
    let mut findings = stale(&assumptions, input.today);
    findings.extend(input.findings.clone());

    let lacks = |input_is_there: bool| cost.is_some() && !input_is_there;
    let or_cost = |reason| if cost.is_none() { EconomicsReason::CostUnknown } else { reason };
    let no_share = if earning.is_none() { EconomicsReason::NoRevenue } else { EconomicsReason::CostUnknown };

    let mut unknown = Unknown::default();
    for (name, is_missing, reason) in [
        ("per_inference", cost.is_none(), input.subject.why_unknown()),
        ("per_correct", per_correct.is_none(), or_cost(EconomicsReason::NoneRight)),
        ("per_session", lacks(input.per_session.is_some()), EconomicsReason::NoSessions),
        ("per_user", lacks(input.per_user.is_some()), EconomicsReason::NoUsers),
        (
            "per_million_output_tokens",
            lacks(per_million_output_tokens.is_some()),
            EconomicsReason::NoOutputTokens,
        ),
        ("per_month", lacks(input.per_month.is_some()), EconomicsReason::NoLoad),
        ("share", share.is_none(), no_share),
    ] {
        if is_missing {
            unknown.insert(name, Reason::Economics(reason));
        }
    }

    Audit {
        schema: AUDIT_SCHEMA,
        name: input.name.clone(),
        currency: bill.currency,
        per_inference: cost,
        per_thousand: scaled(cost, Some(1000.0)),
        per_correct,
        per_session: scaled(cost, input.per_session),
        per_user: scaled(cost, input.per_user),
        per_million_output_tokens,
        inferences_per_month: input.per_month,
        per_month: scaled(cost, input.per_month),
        share,
        margin,
        limits,
        tornado: tornado(&input.subject, revenue),
        break_evens: break_evens(&input, cost, revenue),
        utilizations: utilizations(&input.subject),
        revenue: input.revenue,
        bill,
        assumptions,
        findings,
        unknown,
    }
}

/// The cost of one right answer: of what it took, where that was measured.
fn per_correct(input: &AuditInput, cost: Option<Estimate>) -> Option<Estimate> {
    let together = match &input.subject {
        Subject::Machine(scenario) => input.per_right_answer.and_then(|taken| scenario.cost_of(&taken, 1.0)),
        Subject::Tokens { .. } | Subject::Stated { .. } => None,
    };
    together.or_else(|| quotient(cost, input.correct))
}

/// The cost of one output token. Costs and tokens of the same inferences rise and fall together; only where nothing says
/// how are they divided as if they were independent.
fn per_output_token(input: &AuditInput, cost: Option<Estimate>) -> Option<Estimate> {
    let together = match &input.subject {
        Subject::Machine(scenario) => input.per_output_token.and_then(|taken| scenario.cost_of(&taken, 1.0)),
        Subject::Tokens { production, price, rate, .. } => cost_per_output_token(production, price, *rate),
        Subject::Stated { production, rate, .. } => {
            let factor = production.per_answer().map(|per_answer| per_answer * rate);
            scaled(production.stated_per_output_token, factor)
        }
    };
    together.or_else(|| quotient(cost, input.output_tokens))
}

/// A cost ÷ the number of something in an inference, as if the two were independent.
fn quotient(cost: Option<Estimate>, number: Option<Estimate>) -> Option<Estimate> {
    let inputs = [Input::new(cost?, 0), Input::new(number?, 1)];
    propagate(&inputs, ratio)
}

/// A cost so many times; `None` where either is unknown.
fn scaled(cost: Option<Estimate>, factor: Option<f64>) -> Option<Estimate> {
    let (cost, factor) = (cost?, factor?);
    Some(cost.map(|cost| cost * factor))
}

/// A bill of one part, or of none where the cost is unknown.
fn bill_of(currency: Currency, part: CostPart, cost: Option<Estimate>) -> Bill {
    let parts: Vec<(CostPart, f64)> = cost.iter().map(|cost| (part, cost.point)).collect();
    Bill::of(currency, &parts, LeftOut::default())
}

impl Subject {
    /// Cost of one inference.
    pub fn cost(&self) -> Option<Estimate> {
        self.cost_with(1.0)
    }

    fn cost_with(&self, output_factor: f64) -> Option<Estimate> {
        match self {
            Self::Machine(scenario) => scenario.cost(),
            Self::Tokens { production, price, rate, .. } => {
                token_cost(production, price, *rate, output_factor)
            }
            Self::Stated { production, rate, .. } => {
                let factor = production.per_answer()? * rate;
                production.stated.map(|cost| cost.map(|cost| cost * factor))
            }
        }
    }

    /// Why its cost is unknown, where it is.
    fn why_unknown(&self) -> EconomicsReason {
        match self {
            Self::Machine(_) => EconomicsReason::NoKnownPart,
            Self::Tokens { .. } => EconomicsReason::TokensUnknown,
            Self::Stated { .. } => EconomicsReason::CostNotStated,
        }
    }

    /// Parts of the cost of one inference.
    pub fn bill(&self) -> Bill {
        match self {
            Self::Machine(scenario) => scenario.bill(),
            Self::Tokens { currency, .. } => bill_of(*currency, CostPart::Tokens, self.cost()),
            Self::Stated { currency, .. } => bill_of(*currency, CostPart::Stated, self.cost()),
        }
    }

    fn with(&self, lever: Lever) -> Result<Option<Estimate>, EconomicsReason> {
        match (self, lever) {
            (Self::Machine(scenario), _) => Ok(lever.apply(scenario)?.cost()),
            (Self::Tokens { .. }, Lever::OutputUp) => Ok(self.cost_with(1.2)),
            (Self::Tokens { .. }, _) => Err(EconomicsReason::TokensBought),
            (Self::Stated { .. }, _) => Err(EconomicsReason::CostStated),
        }
    }

    /// Ratio of the changed cost to the cost, over the same measured inputs.
    fn ratio_with(&self, lever: Lever) -> Option<Estimate> {
        let Self::Machine(scenario) = self else {
            return self.with(lever).ok().flatten().zip(self.cost()).map(|(a, b)| exact(a.point / b.point));
        };
        let changed = lever.apply(scenario).ok()?;
        let inputs = scenario.inputs();

        // The changed scenario's quantities are fixed multiples of the present one's.
        let factor = changed.busy_s.point / scenario.busy_s.point;

        propagate(&inputs, |at| {
            let moved: Vec<f64> = at.iter().map(|value| value * factor).collect();
            changed.total(&inputs, &moved) / scenario.total(&inputs, at)
        })
    }
}

fn ratio(at: &[f64]) -> f64 {
    match at {
        [over, under, ..] => over / under,
        _ => f64::NAN,
    }
}

/// What limits are held against.
struct Found {
    /// Cost of one inference.
    cost: Option<Estimate>,
    /// Revenue of one inference, above zero.
    earning: Option<f64>,
    /// The one ÷ the other.
    share: Option<Estimate>,
}

fn limits(input: &AuditInput, bill: &Bill, found: Found) -> Vec<LimitResult> {
    let Found { cost, earning, share } = found;
    let mut results = Vec::new();

    // Any machine takes these, and any could carry the cost over a limit. People, licenses and space are a person's to
    // leave out.
    let machine = [CostPart::Hardware, CostPart::Rent];

    let power = [CostPart::Energy, CostPart::Idle];
    let missing: Vec<CostPart> =
        power.into_iter().chain(machine).filter(|part| bill.left_out.holds(*part)).collect();

    let gaps = Gaps {
        missing,
        power_alone: !machine.into_iter().any(|part| bill.left_out.holds(part)),
        subject: &input.subject,
    };

    // an unknown share of a revenue is no share that is small enough
    if let Some((limit, revenue)) = input.limits.loss_zone.zip(earning) {
        let held = Held { quantity: Limited::ShareOfRevenue, limit, found: share, cost: limit * revenue };
        results.push(gaps.against(&held));
    }

    if let Some(limit) = input.limits.max_cost {
        let held = Held { quantity: Limited::CostPerInference, limit, found: cost, cost: limit };
        results.push(gaps.against(&held));
    }
    results
}

/// A quantity that is held against a limit.
struct Held {
    quantity: Limited,
    limit: f64,
    found: Option<Estimate>,
    /// The limit as the cost of one inference.
    cost: f64,
}

/// What a cost leaves out that could carry it over a limit.
struct Gaps<'a> {
    missing: Vec<CostPart>,
    /// True where nothing but power is missing, so that watts can be named.
    power_alone: bool,
    subject: &'a Subject,
}

impl Gaps<'_> {
    /// On which side of its limit a quantity is, and why.
    fn against(&self, held: &Held) -> LimitResult {
        let Held { quantity, limit, found, cost } = *held;
        let zone = found.map_or(Zone::Open, |found| self.zone(&found, limit));

        let side = |found: Estimate| match zone {
            Zone::Loss => LimitSide::AtOrAbove,
            Zone::Profit => LimitSide::Below,
            Zone::Open if found.n == 1 => LimitSide::OneInference,
            Zone::Open if found.upper < limit => LimitSide::BelowSoFar,
            Zone::Open => LimitSide::Either,
        };

        let is_doubted = found.is_some() && zone == Zone::Open;
        let why = LimitGrounds {
            quantity,
            found: found.map(|found| (found, side(found))),
            limit,
            left_out: if is_doubted { self.missing.clone() } else { Vec::new() },
            until_watts: self.watts_until(cost).filter(|_| is_doubted),
        };
        LimitResult { what: What(quantity), limit, found, zone, why: Why(why) }
    }

    /// On which side of a limit an interval lies.
    fn zone(&self, found: &Estimate, limit: f64) -> Zone {
        // One inference says nothing of the next.
        if found.n == 1 {
            Zone::Open
        } else if found.lower >= limit {
            Zone::Loss
        } else if found.upper < limit && self.missing.is_empty() {
            Zone::Profit
        } else {
            Zone::Open
        }
    }

    /// The power from which a cost would be passed, where nothing but power is missing.
    fn watts_until(&self, cost: f64) -> Option<f64> {
        match self.subject {
            Subject::Machine(scenario) if self.power_alone && !self.missing.is_empty() => {
                scenario.watts_until(cost)
            }
            _ => None,
        }
    }
}

fn utilizations(subject: &Subject) -> Vec<AtUtilization> {
    let Subject::Machine(scenario) = subject else { return Vec::new() };

    [0.1, 0.3, 0.6, 1.0]
        .into_iter()
        .map(|utilization| AtUtilization {
            utilization,
            per_inference: Scenario { utilization, ..(**scenario).clone() }.cost(),
        })
        .collect()
}
