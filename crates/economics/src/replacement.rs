//! Keep a machine or replace it: payback from what both take for the same work.

use infercost_core::economics::{Assumed, ReplaceGrounds, UnknownOf, YearSaving, answered_at};
use infercost_core::{
    CostPart, Currency, EconomicsFact, Estimate, Findings, LeftOut, Reason, Severity, Why, Workload,
};
use serde::Serialize;

use crate::bill::Assumption;
use crate::ownership::{HOURS_PER_YEAR, Owned, declining_balance};
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
    /// What that rests on.
    #[serde(flatten)]
    pub why: Why<ReplaceGrounds>,
    /// What is not in the costs, and why.
    #[serde(flatten)]
    pub left_out: LeftOut,
    /// What the numbers rest on.
    pub assumptions: Vec<Assumption>,
    /// What must be known with them.
    #[serde(flatten)]
    pub findings: Findings,
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

/// Two machines at the same load, with what was measured of either.
struct Comparison<'a> {
    terms: &'a Terms,
    /// Busy seconds and joules of the old machine, then of the new.
    inputs: [Input; 4],
    /// Electricity per kWh, 0 where it is left out.
    tariff: f64,
    /// Idle power that counts.
    idles: Idles,
}

impl Comparison<'_> {
    /// The interval of a quantity over what was measured.
    fn over(&self, quantity: impl Fn(Both) -> f64) -> Option<Estimate> {
        propagate(&self.inputs, |at| quantity(Both::at(at)))
    }

    /// The measured values themselves.
    fn points(&self) -> Both {
        Both::at(&self.inputs.map(|input| input.estimate.point))
    }

    /// Running costs that a year with the new machine saves.
    fn saving(&self, both: Both, tariff: f64, idles: Idles) -> f64 {
        let terms = self.terms;
        let requests = terms.requests(both.old.busy_s);
        let energy = terms.energy(tariff, requests, both.old, idles.old)
            - terms.energy(tariff, requests, both.new, idles.new);
        energy + terms.operation(requests, both.old) - terms.operation(requests, both.new)
    }

    /// Cost of a year with the old machine less that with the new, capital included.
    fn advantage(&self, both: Both, tariff: f64, idles: Idles) -> f64 {
        let requests = self.terms.requests(both.old.busy_s);
        self.saving(both, tariff, idles) + self.terms.capital_old(requests, both.old)
            - self.terms.capital_new(requests, both.new)
    }

    /// Price of the new machines less what the old ones fetch.
    fn outlay(&self, both: Both) -> f64 {
        let terms = self.terms;
        let requests = terms.requests(both.old.busy_s);
        terms.new.purchase * terms.machines(requests, both.new)
            - terms.resale * terms.machines(requests, both.old)
    }

    /// Outlay ÷ yearly saving, in months; NaN where it never pays back.
    fn payback_months(&self, both: Both) -> f64 {
        let (outlay, saving) = (self.outlay(both), self.saving(both, self.tariff, self.idles));
        match outlay <= 0.0 {
            true => 0.0,
            false if saving > 0.0 => outlay / saving * 12.0,
            false => f64::NAN,
        }
    }

    /// Electricity price from which replacing is cheaper: the advantage is linear in the tariff.
    fn break_even_tariff(&self, both: Both) -> f64 {
        let free = self.advantage(both, 0.0, self.idles);
        -free / (self.advantage(both, 1.0, self.idles) - free)
    }

    /// The decision; what is left out of both machines may differ between them, so it must stand at both ends of what
    /// their idle power may be.
    fn decide(
        &self,
        payback: Option<&Estimate>,
        left_out: &LeftOut,
        bounds: Option<[Idles; 2]>,
    ) -> (Decision, ReplaceGrounds) {
        let advantage = self.over(|both| self.advantage(both, self.tariff, self.idles));
        let (decision, grounds) = decide(self.terms, advantage, payback, left_out);

        match bounds {
            Some(ends) if decision != Decision::Open => {
                let at_ends = ends.map(|idles| self.over(|both| self.advantage(both, self.tariff, idles)));
                doubt(self.terms, decision, grounds, at_ends)
            }
            _ => (decision, grounds),
        }
    }

    /// What one machine takes in a year.
    fn year(&self, machine: &Machine<'_>) -> MachineYear {
        let Machine { workload, taken, .. } = machine;
        let requests = self.terms.requests(self.points().old.busy_s);

        MachineYear {
            run: workload.run.to_string(),
            variant: workload.variant.to_string(),
            machine: workload.machine.clone(),
            tokens_per_s: per_token(workload, |one| one.tokens / one.busy_s),
            joules_per_token: per_token(workload, |one| one.joules / one.tokens)
                .filter(|_| workload.joules.is_some()),
            machines: self.terms.machines(requests, *taken) as u32,
            energy: self.energy_of(machine, requests),
            operation: self.terms.operation_per_hour.map(|_| self.terms.operation(requests, *taken)),
            capital: machine.capital,
        }
    }

    /// Electricity of a year; `None` where energy or tariff are unknown. The load moves with the old machine's speed,
    /// where none is given.
    fn energy_of(&self, machine: &Machine<'_>, requests: f64) -> Option<Estimate> {
        let tariff = self.terms.tariff?;
        let joules = machine.workload.joules?;
        let inputs = [
            Input::new(machine.workload.busy_s.map(|busy| busy * machine.factor), 0),
            Input::new(joules.map(|joules| joules * machine.factor), 0),
        ];

        propagate(&inputs, |at| match at {
            [busy_s, joules] => {
                let taken = Taken { busy_s: *busy_s, joules: *joules };
                let requests = if machine.sets_the_load { self.terms.requests(*busy_s) } else { requests };
                self.terms.energy(tariff, requests, taken, machine.idle)
            }
            _ => f64::NAN,
        })
    }
}

/// One of the two machines.
struct Machine<'a> {
    workload: &'a Workload,
    taken: Taken,
    idle: Idle,
    /// What its value loses in a year, with interest on it.
    capital: f64,
    /// By how much its inferences are stretched.
    factor: f64,
    /// True for the old machine, whose speed sets the load where none is given.
    sets_the_load: bool,
}

/// Decides. Both workloads are taken per inference where they are of the same prompts and variant; otherwise
/// the new machine's are scaled to the old one's output length, and that is said.
pub fn replacement(old: &Workload, new: &Workload, terms: &Terms) -> Replacement {
    let mut findings = Findings::default();
    let factor = scale(old, new, &mut findings);
    let mut left_out = LeftOut::default();
    let known = energy_known(old, new, terms, &mut left_out);

    let nothing = exact(0.0);
    let comparison = Comparison {
        terms,
        inputs: [
            Input::new(old.busy_s, 0),
            Input::new(old.joules.unwrap_or(nothing), 0),
            Input::new(new.busy_s.map(|busy| busy * factor), 1),
            Input::new(new.joules.map_or(nothing, |joules| joules.map(|joules| joules * factor)), 1),
        ],
        tariff: terms.tariff.filter(|_| known).unwrap_or(0.0),
        idles: Idles::counted(old, new),
    };
    let Comparison { tariff, idles, .. } = comparison;

    let payback = comparison.over(|both| comparison.payback_months(both));
    let bounds = Idles::bounds(old, new).filter(|_| known);
    let (decision, why) = comparison.decide(payback.as_ref(), &left_out, bounds);
    let break_even_tariff = comparison.over(|both| comparison.break_even_tariff(both));

    let points = comparison.points();
    let requests = terms.requests(old.busy_s.point);
    let old_machine = Machine {
        workload: old,
        taken: points.old,
        idle: idles.old,
        capital: terms.capital_old(requests, points.old),
        factor: 1.0,
        sets_the_load: true,
    };
    let new_machine = Machine {
        workload: new,
        taken: points.new,
        idle: idles.new,
        capital: terms.capital_new(requests, points.new),
        factor,
        sets_the_load: false,
    };

    Replacement {
        schema: REPLACE_SCHEMA,
        currency: terms.currency,
        requests_per_hour: requests,
        old: comparison.year(&old_machine),
        new: comparison.year(&new_machine),
        outlay: comparison.over(|both| comparison.outlay(both)),
        yearly_saving: comparison.over(|both| comparison.saving(both, tariff, idles)),
        payback_months: payback,
        yearly_advantage: comparison.over(|both| comparison.advantage(both, tariff, idles)),
        break_even_tariff: break_even_tariff.filter(|tariff| known && tariff.point > 0.0),
        decision,
        why: Why(why),
        left_out,
        assumptions: assumptions(terms, requests),
        findings,
    }
}

/// What the terms rest on, the load included.
fn assumptions(terms: &Terms, requests: f64) -> Vec<Assumption> {
    let source = if terms.requests_per_hour.is_some() {
        "as given".to_owned()
    } else {
        answered_at(terms.max_utilization)
    };
    let load =
        Assumed::Load { requests_per_hour: requests, hours_per_day: terms.hours_per_day, planned_for: None };

    let mut all = terms.assumptions.clone();
    all.push(Assumption::new(load, source));
    all
}

impl Both {
    /// The values in the order of the inputs.
    fn at(values: &[f64]) -> Self {
        match values {
            [old_busy, old_joules, new_busy, new_joules] => Self {
                old: Taken { busy_s: *old_busy, joules: *old_joules },
                new: Taken { busy_s: *new_busy, joules: *new_joules },
            },
            _ => {
                let unknown = Taken { busy_s: f64::NAN, joules: f64::NAN };
                Self { old: unknown, new: unknown }
            }
        }
    }
}

/// By how much the new machine's inferences must be stretched to be the old one's.
fn scale(old: &Workload, new: &Workload, findings: &mut Findings) -> f64 {
    if old.variant != new.variant {
        let (old, new) = (old.variant.to_string(), new.variant.to_string());
        findings.add(Severity::Warning, EconomicsFact::VariantsDiffer { old, new });
    }

    let same = old.prompts_sha256 == new.prompts_sha256 && old.inferences == new.inferences;
    if same && old.variant == new.variant {
        return 1.0;
    }

    match old.output_tokens.zip(new.output_tokens) {
        Some((of_old, of_new)) if of_old.point > 0.0 && of_new.point > 0.0 => {
            findings.add(Severity::Limitation, EconomicsFact::ScaledToOldLength);
            of_old.point / of_new.point
        }
        _ => {
            findings.add(Severity::Warning, EconomicsFact::NoLengthToScaleBy);
            1.0
        }
    }
}

fn energy_known(old: &Workload, new: &Workload, terms: &Terms, left_out: &mut LeftOut) -> bool {
    let machines = [(UnknownOf::Old, old), (UnknownOf::New, new)];
    let unknown = machines.into_iter().find(|(_, one)| one.joules.is_none());
    let reason = match (unknown, terms.tariff) {
        (Some((which, one)), _) => {
            let why = one.energy_note.as_ref().map(|note| Box::new(note.reason()));
            Some(Reason::EnergyOfMachine { which, why })
        }
        (None, None) => Some(Reason::EnergyUnpriced),
        (None, Some(_)) => None,
    };

    let known = reason.is_none();
    if let Some(reason) = reason {
        left_out.insert(CostPart::Energy, reason);
    }

    let idle_unknown = match (old.idle_w, new.idle_w) {
        (Some(_), Some(_)) => None,
        (None, None) => Some(UnknownOf::Both),
        (None, Some(_)) => Some(UnknownOf::Old),
        (Some(_), None) => Some(UnknownOf::New),
    };
    if let Some(which) = idle_unknown.filter(|_| known) {
        left_out.insert(CostPart::Idle, Reason::IdleOfMachines { which });
    }

    if terms.operation_per_hour.is_none() {
        left_out.insert(CostPart::Operation, Reason::NoOperation);
    }
    known
}

/// Means of one inference.
#[derive(Debug, Clone, Copy)]
struct PerInference {
    tokens: f64,
    busy_s: f64,
    joules: f64,
}

/// The interval of a quantity of one inference; `None` where its length is unknown.
fn per_token(workload: &Workload, quantity: impl Fn(PerInference) -> f64) -> Option<Estimate> {
    let inputs = [
        Input::new(workload.output_tokens?, 0),
        Input::new(workload.busy_s, 0),
        Input::new(workload.joules.unwrap_or_else(|| exact(0.0)), 0),
    ];

    propagate(&inputs, |at| match at {
        [tokens, busy_s, joules] => {
            quantity(PerInference { tokens: *tokens, busy_s: *busy_s, joules: *joules })
        }
        _ => f64::NAN,
    })
}

/// The decision, where it stands at both ends of what the idle power may be.
fn doubt(
    terms: &Terms,
    decision: Decision,
    grounds: ReplaceGrounds,
    ends: [Option<Estimate>; 2],
) -> (Decision, ReplaceGrounds) {
    let stands = ends.iter().all(|end| match decision {
        Decision::Replace => end.is_some_and(|end| end.lower > 0.0),
        _ => end.is_some_and(|end| end.upper < 0.0),
    });

    match grounds {
        ReplaceGrounds::Cheaper(year) if stands => {
            (decision, ReplaceGrounds::Cheaper(YearSaving { at_any_idle_power: true, ..year }))
        }
        ReplaceGrounds::Costlier(year) if stands => {
            (decision, ReplaceGrounds::Costlier(YearSaving { at_any_idle_power: true, ..year }))
        }
        _ => {
            let [best, worst] = ends.map(|end| end.map(|end| end.point));
            (Decision::Open, ReplaceGrounds::IdlePowerDecides { best, worst, currency: terms.currency })
        }
    }
}

fn decide(
    terms: &Terms,
    advantage: Option<Estimate>,
    payback: Option<&Estimate>,
    left_out: &LeftOut,
) -> (Decision, ReplaceGrounds) {
    let Some(saving) = advantage else { return (Decision::Open, ReplaceGrounds::CostUnknown) };
    if let Some(reason) = left_out.get(CostPart::Energy) {
        return (Decision::Open, ReplaceGrounds::EnergyUnknown(reason.clone()));
    }

    let year = YearSaving {
        saving,
        currency: terms.currency,
        payback_months: payback.copied(),
        at_any_idle_power: false,
    };
    if saving.lower > 0.0 {
        (Decision::Replace, ReplaceGrounds::Cheaper(year))
    } else if saving.upper < 0.0 {
        (Decision::Keep, ReplaceGrounds::Costlier(year))
    } else {
        (Decision::Open, ReplaceGrounds::HoldsZero(year))
    }
}

#[cfg(test)]
mod tests;
