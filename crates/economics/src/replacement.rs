//! Keep a machine or replace it: payback from what both take for the same work.

use infercost_core::{CostPart, Currency, Estimate, LeftOut, Reason, Workload};
use serde::Serialize;

use crate::bill::Assumption;
use crate::ownership::{HOURS_PER_YEAR, Owned, declining_balance};
use crate::wording::{interval, plain};
use infercost_core::text::percent;
use infercost_cost::JOULES_PER_KILOWATT_HOUR;
use infercost_stats::propagation::{Input, exact, propagate};

mod idle;

use idle::{Idle, Idles};

/// Version of the object.
pub const REPLACE_SCHEMA: &str = "infercost.replace/1";
/// Days of a year.
const DAYS: f64 = 365.0;

/// What the decision hangs on beside the two workloads.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Currency of all money.
    pub currency: Currency,
    /// Requests an hour, in hours with requests; `None` is what the old machine answers at `max_utilization`.
    pub requests_per_hour: Option<f64>,
    /// Hours a day with requests.
    pub hours_per_day: f64,
    /// Share of its capacity up to which a machine is planned to be used.
    pub max_utilization: f64,
    /// Electricity per kWh.
    pub tariff: Option<f64>,
    /// Facility energy ÷ IT energy.
    pub pue: f64,
    /// People, licenses, space: per machine and hour.
    pub operation_per_hour: Option<f64>,
    /// What the old machine would fetch today.
    pub resale: f64,
    /// Share of its value that the old machine loses each year (declining balance).
    pub yearly_decline: f64,
    /// The new machine.
    pub new: Owned,
    /// What the terms rest on.
    pub assumptions: Vec<Assumption>,
}

/// What one machine takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineYear {
    /// The run behind it.
    pub run: String,
    /// What ran.
    pub variant: String,
    /// The machine, in words.
    pub machine: String,
    /// Output tokens a second of one busy machine.
    pub tokens_per_s: Option<Estimate>,
    /// Joules of one output token, prefill included.
    pub joules_per_token: Option<Estimate>,
    /// Machines for the load.
    pub machines: u32,
    /// Electricity of a year.
    pub energy: Option<Estimate>,
    /// Operation of a year.
    pub operation: Option<f64>,
    /// What its value loses in a year, with interest on it.
    pub capital: f64,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A year with the new machine costs less, whole interval.
    Replace,
    /// It costs more, whole interval.
    Keep,
    /// Not settled.
    Open,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replacement {
    /// [`REPLACE_SCHEMA`].
    pub schema: &'static str,
    /// Currency of all money.
    pub currency: Currency,
    /// The load, requests an hour.
    pub requests_per_hour: f64,
    /// The old machine.
    pub old: MachineYear,
    /// The new machine.
    pub new: MachineYear,
    /// Price of the new machines less what the old ones fetch.
    pub outlay: Option<Estimate>,
    /// Running costs that a year with the new one saves.
    pub yearly_saving: Option<Estimate>,
    /// Outlay ÷ yearly saving, in months.
    pub payback_months: Option<Estimate>,
    /// Cost of a year with the old machine less that with the new, capital included.
    pub yearly_advantage: Option<Estimate>,
    /// Electricity price from which replacing is cheaper.
    pub break_even_tariff: Option<Estimate>,
    /// What to do.
    pub decision: Decision,
    /// In one sentence.
    pub why: String,
    /// What is not in the costs, and why.
    #[serde(flatten)]
    pub left_out: LeftOut,
    /// What the numbers rest on.
    pub assumptions: Vec<Assumption>,
    /// What must be read with them.
    pub notes: Vec<String>,
}

/// Measured values: busy seconds and joules of the old machine, then of the new.
#[derive(Debug, Clone, Copy)]
struct Both {
    old: Taken,
    new: Taken,
}

#[derive(Debug, Clone, Copy)]
struct Taken {
    busy_s: f64,
    joules: f64,
}

impl Terms {
    /// The load: as given, else what one old machine answers at its planned utilization. The latter moves with the
    /// measured speed: a slower machine answers less, and never needs a second one to answer what it answers.
    fn requests(&self, old_busy_s: f64) -> f64 {
        self.requests_per_hour.unwrap_or(3600.0 / old_busy_s * self.max_utilization)
    }

    fn machines(&self, requests: f64, taken: Taken) -> f64 {
        (requests * taken.busy_s / 3600.0 / self.max_utilization - 1e-9).ceil().max(1.0)
    }

    /// Electricity of a year: joules of the work, and idle power of the machines' other hours.
    fn energy(&self, tariff: f64, requests: f64, taken: Taken, idle: Idle) -> f64 {
        let answered = requests * self.hours_per_day * DAYS;
        let machines = self.machines(requests, taken);
        let idle_s = (machines * HOURS_PER_YEAR * 3600.0 - answered * taken.busy_s).max(0.0);
        let joules = answered * taken.joules + idle.watts(taken) * idle_s;
        joules / JOULES_PER_KILOWATT_HOUR * self.pue * tariff
    }

    fn operation(&self, requests: f64, taken: Taken) -> f64 {
        self.operation_per_hour.unwrap_or(0.0) * HOURS_PER_YEAR * self.machines(requests, taken)
    }

    /// What the old machine loses in its next year (declining balance), and interest on what it would fetch.
    fn capital_old(&self, requests: f64, taken: Taken) -> f64 {
        let lost = self.resale - declining_balance(self.resale, self.yearly_decline, 1.0);
        (lost + self.resale * self.new.interest) * self.machines(requests, taken)
    }

    fn capital_new(&self, requests: f64, taken: Taken) -> f64 {
        self.new.per_hour() * HOURS_PER_YEAR * self.machines(requests, taken)
    }
}

/// Decides. Both workloads are taken per inference where they are of the same prompts and variant; otherwise
/// the new machine's are scaled to the old one's output length, and that is said.
pub fn replacement(old: &Workload, new: &Workload, terms: &Terms) -> Replacement {
    let mut notes = Vec::new();
    let scale = scale(old, new, &mut notes);
    let scaled = |estimate: Estimate| estimate.map(|value| value * scale);
    let nothing = exact(0.0);
    let inputs = [
        Input::new(old.busy_s, 0),
        Input::new(old.joules.unwrap_or(nothing), 0),
        Input::new(scaled(new.busy_s), 1),
        Input::new(new.joules.map_or(nothing, scaled), 1),
    ];

    let requests = terms.requests(old.busy_s.point);
    let idles = Idles::counted(old, new);
    let over = |f: &dyn Fn(Both) -> f64| propagate(&inputs, |at| f(both(at)));
    let mut left_out = LeftOut::default();
    let known = energy_known(old, new, terms, &mut left_out);
    let tariff = terms.tariff.filter(|_| known).unwrap_or(0.0);
    let saving_if = |both: Both, tariff: f64, idles: Idles| {
        let requests = terms.requests(both.old.busy_s);
        let energy = terms.energy(tariff, requests, both.old, idles.old)
            - terms.energy(tariff, requests, both.new, idles.new);
        energy + terms.operation(requests, both.old) - terms.operation(requests, both.new)
    };

    let saving = |both: Both, tariff: f64| saving_if(both, tariff, idles);

    let outlay = |both: Both| {
        let requests = terms.requests(both.old.busy_s);
        terms.new.purchase * terms.machines(requests, both.new)
            - terms.resale * terms.machines(requests, both.old)
    };

    let advantage_if = |both: Both, tariff: f64, idles: Idles| {
        let requests = terms.requests(both.old.busy_s);
        saving_if(both, tariff, idles) + terms.capital_old(requests, both.old)
            - terms.capital_new(requests, both.new)
    };

    let advantage = |both: Both, tariff: f64| advantage_if(both, tariff, idles);
    let yearly_saving = over(&|both| saving(both, tariff));

    let payback = over(&|both| {
        let (outlay, saving) = (outlay(both), saving(both, tariff));

        if outlay <= 0.0 {
            0.0
        } else if saving > 0.0 {
            outlay / saving * 12.0
        } else {
            f64::NAN
        }
    });

    let yearly_advantage = over(&|both| advantage(both, tariff));

    // The advantage is linear in the tariff.
    let break_even_tariff = over(&|both| {
        let free = advantage(both, 0.0);
        -free / (advantage(both, 1.0) - free)
    })
    .filter(|tariff| known && tariff.point > 0.0);

    let points = both(&inputs.map(|input| input.estimate.point));

    let year =
        |workload: &Workload, taken: Taken, idle: Idle, capital: f64, group: u32, factor: f64| MachineYear {
            run: workload.run.to_string(),
            variant: workload.variant.to_string(),
            machine: workload.machine.clone(),
            tokens_per_s: per_token(workload, |tokens, busy, _| tokens / busy),
            joules_per_token: per_token(workload, |tokens, _, joules| joules / tokens)
                .filter(|_| workload.joules.is_some()),
            machines: terms.machines(requests, taken) as u32,
            energy: workload.joules.filter(|_| terms.tariff.is_some()).and_then(|joules| {
                let inputs = [
                    Input::new(workload.busy_s.map(|busy| busy * factor), group),
                    Input::new(joules.map(|joules| joules * factor), group),
                ];

                propagate(&inputs, |at| match at {
                    [busy_s, joules] => {
                        let taken = Taken { busy_s: *busy_s, joules: *joules };
                        let requests = if group == 0 { terms.requests(*busy_s) } else { requests };
                        terms.energy(terms.tariff.unwrap_or(f64::NAN), requests, taken, idle)
                    }
                    _ => f64::NAN,
                })
            }),
            operation: terms.operation_per_hour.map(|_| terms.operation(requests, taken)),
            capital,
        };

    let (capital_old, capital_new) =
        (terms.capital_old(requests, points.old), terms.capital_new(requests, points.new));
    let (decision, why) = decide(terms, yearly_advantage.as_ref(), payback.as_ref(), &left_out);

    // What is left out of both may differ between them.
    let bounds = Idles::bounds(old, new).filter(|_| known);
    let at_bounds = bounds.map(|ends| ends.map(|idles| over(&|both| advantage_if(both, tariff, idles))));
    let (decision, why) = match at_bounds {
        Some(ends) if decision != Decision::Open => doubt(terms, decision, why, ends),
        _ => (decision, why),
    };
    let mut assumptions = terms.assumptions.clone();
    assumptions.push(Assumption::new(
        format!("{} requests an hour, {} hours a day", plain(requests), plain(terms.hours_per_day)),
        if terms.requests_per_hour.is_some() {
            "as given".to_owned()
        } else {
            format!("what the old machine answers at {} of its capacity", percent(terms.max_utilization))
        },
    ));

    Replacement {
        schema: REPLACE_SCHEMA,
        currency: terms.currency,
        requests_per_hour: requests,
        old: year(old, points.old, idles.old, capital_old, 0, 1.0),
        new: year(new, points.new, idles.new, capital_new, 1, scale),
        outlay: over(&outlay),
        yearly_saving,
        payback_months: payback,
        yearly_advantage,
        break_even_tariff,
        decision,
        why,
        left_out,
        assumptions,
        notes,
    }
}

fn both(at: &[f64]) -> Both {
    let value = |index: usize| at.get(index).copied().unwrap_or(f64::NAN);
    Both {
        old: Taken { busy_s: value(0), joules: value(1) },
        new: Taken { busy_s: value(2), joules: value(3) },
    }
}

/// By how much the new machine's inferences must be stretched to be the old one's.
fn scale(old: &Workload, new: &Workload, notes: &mut Vec<String>) -> f64 {
    if old.variant != new.variant {
        notes.push(format!(
            "Two variants are compared, {} with {}: quality may differ; `infercost report` judges it.",
            old.variant, new.variant
        ));
    }

    let same = old.prompts_sha256 == new.prompts_sha256 && old.inferences == new.inferences;
    if same && old.variant == new.variant {
        return 1.0;
    }

    match old.output_tokens.zip(new.output_tokens) {
        Some((of_old, of_new)) if of_old.point > 0.0 && of_new.point > 0.0 => {
            notes.push(
                "The runs are not of the same inferences: the new machine's are scaled to the old one's output length."
                    .to_owned(),
            );
            of_old.point / of_new.point
        }
        _ => {
            notes.push(
                "The runs are not of the same inferences, and no length is known to scale them by."
                    .to_owned(),
            );
            1.0
        }
    }
}

fn energy_known(old: &Workload, new: &Workload, terms: &Terms, left_out: &mut LeftOut) -> bool {
    let unknown = [("old", old), ("new", new)].into_iter().find(|(_, one)| one.joules.is_none());
    let reason = match (unknown, terms.tariff) {
        (Some((which, one)), _) => Some(format!("of the {which} machine is unknown: {}", one.energy_note)),
        (None, None) => Some("has no price: no tariff is known".to_owned()),
        (None, Some(_)) => None,
    };

    let known = reason.is_none();
    if let Some(reason) = reason {
        left_out.insert(CostPart::Energy, Reason::stated(reason));
    }

    if known && (old.idle_w.is_none() || new.idle_w.is_none()) {
        let which = match (old.idle_w, new.idle_w) {
            (None, None) => "power of both machines is unknown",
            (None, _) => "power of the old machine is unknown, so that of neither is counted",
            _ => "power of the new machine is unknown, so that of neither is counted",
        };
        left_out.insert(CostPart::Idle, Reason::stated(which));
    }

    if terms.operation_per_hour.is_none() {
        left_out.insert(CostPart::Operation, Reason::NoOperation);
    }
    known
}

fn per_token(workload: &Workload, f: impl Fn(f64, f64, f64) -> f64) -> Option<Estimate> {
    let tokens = workload.output_tokens?;
    let inputs = [
        Input::new(tokens, 0),
        Input::new(workload.busy_s, 0),
        Input::new(workload.joules.unwrap_or_else(|| exact(0.0)), 0),
    ];

    propagate(&inputs, |at| match at {
        [tokens, busy, joules] => f(*tokens, *busy, *joules),
        _ => f64::NAN,
    })
}

/// The decision, where it stands at both ends of what the idle power may be.
fn doubt(terms: &Terms, decision: Decision, why: String, ends: [Option<Estimate>; 2]) -> (Decision, String) {
    let stands = |end: &Option<Estimate>| match decision {
        Decision::Replace => end.is_some_and(|end| end.lower > 0.0),
        _ => end.is_some_and(|end| end.upper < 0.0),
    };

    if ends.iter().all(stands) {
        return (decision, format!("{why}; whatever the idle power, up to the power at work"));
    }
    let shown = |end: &Option<Estimate>| end.map_or_else(|| "unknown".to_owned(), |end| plain(end.point));
    let [best, worst] = ends;

    let why = format!(
        "not settled: the idle power is unknown, and by it the new machine saves from {} to {} {} a year",
        shown(&worst),
        shown(&best),
        terms.currency
    );

    (Decision::Open, why)
}

fn decide(
    terms: &Terms,
    advantage: Option<&Estimate>,
    payback: Option<&Estimate>,
    left_out: &LeftOut,
) -> (Decision, String) {
    let Some(advantage) = advantage else {
        return (Decision::Open, "the costs of a year cannot be computed".to_owned());
    };

    let months = payback.map_or_else(String::new, |months| {
        format!("; it pays back after {} months", interval(months, plain))
    });

    // As what the new machine saves, or what it costs more.
    let amount = |sign: f64| {
        let text = interval(&advantage.map(|amount| sign * amount), plain);
        format!("{text} {} a year", terms.currency)
    };

    if let Some(reason) = left_out.get(CostPart::Energy) {
        return (Decision::Open, format!("not settled: the energy {reason}"));
    }

    if advantage.lower > 0.0 {
        (
            Decision::Replace,
            format!("replace: the new machine saves {}, capital included{months}", amount(1.0)),
        )
    } else if advantage.upper < 0.0 {
        (Decision::Keep, format!("keep: the new machine costs {} more, capital included", amount(-1.0)))
    } else {
        (
            Decision::Open,
            format!(
                "not settled: the new machine saves {}, an interval that holds zero{months}",
                amount(1.0)
            ),
        )
    }
}

#[cfg(test)]
mod tests;
