//! What could be changed about a workload, ranked by what it would save.

use infercost_core::economics::{OpenChange, OptimizeGrounds};
use infercost_core::{Currency, EconomicsFact, EconomicsReason, Estimate, Findings, Severity, Why};
use serde::Serialize;

use crate::bill::Assumption;
use crate::scenario::Scenario;
use infercost_stats::propagation::{Input, propagate};

mod hours;

pub use hours::{HourSaving, saving_of_hours};

/// Version of the object.
pub const OPTIMIZE_SCHEMA: &str = "infercost.optimize/1";
/// Share of the cost from which a saving is worth a change.
pub const WORTHWHILE: f64 = 0.1;
/// Share of the cost below which a saving reads as 0 %. What cannot be negative, such as the time behind a shorter limit,
/// has an interval above zero whatever was measured: one that begins below this holds no saving.
const LEAST_SAVING: f64 = 0.0005;

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// How the weights are stored.
    Variant,
    /// Worker threads.
    Threads,
    /// Requests in flight.
    Concurrency,
    /// Caching of what prompts begin with.
    SharedPrefix,
    /// Length of answers.
    OutputLimit,
    /// Another model.
    Model,
    /// When it runs.
    Hour,
    /// Where it runs.
    Place,
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Variant => "variant",
            Self::Threads => "threads",
            Self::Concurrency => "concurrency",
            Self::SharedPrefix => "shared prefix",
            Self::OutputLimit => "output limit",
            Self::Model => "smaller model",
            Self::Hour => "hour of day",
            Self::Place => "place",
        }
    }
}

/// Where a saving comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Both sides were run.
    Measured,
    /// Computed from what was measured.
    Computed,
    /// Not known.
    Unknown,
}

/// What a change does to the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The same answers.
    None,
    /// Within the thresholds.
    Passes,
    /// Outside a threshold.
    Fails,
    /// Not known, or not settled.
    Unknown,
}

/// One thing that could be changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What.
    pub kind: Kind,
    /// To what, in words.
    pub to: String,
    /// Where the saving comes from.
    pub basis: Basis,
    /// Share of the present cost that it saves; negative where it costs more.
    pub saving: Option<Estimate>,
    /// What it does to the answers.
    pub effect: Effect,
    /// The same in words.
    pub quality: String,
    /// The command that applies it; for what is unknown, the one that measures it.
    pub command: String,
    /// The command that confirms it, where it can be measured here.
    pub confirm: Option<String>,
    /// How the saving was computed, or why it is unknown.
    pub why: String,
}

impl Change {
    /// True where it surely saves something, at least a tenth as far as can be told, and no threshold is broken.
    pub fn is_worthwhile(&self) -> bool {
        self.effect != Effect::Fails
            && self.saving.is_some_and(|saving| saving.point >= WORTHWHILE && saving.lower >= LEAST_SAVING)
    }

    /// True where it may be worthwhile, for all that is known: its interval reaches a tenth, and no threshold is broken.
    pub fn may_be_worthwhile(&self) -> bool {
        self.effect != Effect::Fails && self.saving.is_some_and(|saving| saving.upper >= WORTHWHILE)
    }

    /// What leaves the answers as good as they are comes before what may not.
    fn rank(&self) -> u8 {
        match (self.is_worthwhile(), self.effect) {
            (true, Effect::None | Effect::Passes) => 0,
            (true, _) => 1,
            (false, _) => 2,
        }
    }

    /// The saving itself; the least of all where it is unknown.
    fn point(&self) -> f64 {
        self.saving.map_or(f64::NEG_INFINITY, |saving| saving.point)
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Optimization {
    /// [`OPTIMIZE_SCHEMA`].
    pub schema: &'static str,
    /// What is in use now.
    pub name: String,
    /// Currency of the cost.
    pub currency: Currency,
    /// Present cost of one inference.
    pub per_inference: Option<Estimate>,
    /// The changes: worthwhile ones first, then by saving; unknown ones last.
    pub changes: Vec<Change>,
    /// How many are worthwhile.
    pub worthwhile: usize,
    /// True where a change is worthwhile, or where none that was measured or computed can be.
    pub settled: bool,
    /// What the answer rests on.
    #[serde(flatten)]
    pub why: Why<OptimizeGrounds>,
    /// What the numbers rest on.
    pub assumptions: Vec<Assumption>,
    /// What must be known with them.
    #[serde(flatten)]
    pub findings: Findings,
}

/// Ranks the changes.
pub fn rank(name: String, now: &Scenario, mut changes: Vec<Change>) -> Optimization {
    changes.sort_by(|one, other| one.rank().cmp(&other.rank()).then(other.point().total_cmp(&one.point())));
    let worthwhile = changes.iter().filter(|change| change.is_worthwhile()).count();

    let first = changes.first().filter(|change| change.is_worthwhile());
    let why = match first.and_then(|first| Some((first, first.saving?))) {
        Some((first, saving)) => OptimizeGrounds::Worthwhile {
            kind: first.kind.words(),
            to: first.to.clone(),
            saving,
            is_measured: first.basis == Basis::Measured,
            is_quality_unknown: first.effect == Effect::Unknown,
        },
        None => nothing(&changes),
    };
    let settled = !matches!(why, OptimizeGrounds::NothingCertain { .. });

    let known = changes.iter().filter(|change| change.saving.is_some()).count();
    let mut findings = Findings::default();
    if known > 1 {
        findings.add(Severity::Limitation, EconomicsFact::SavingsDoNotAddUp);
    }

    Optimization {
        schema: OPTIMIZE_SCHEMA,
        name,
        currency: now.currency,
        per_inference: now.cost(),
        changes,
        worthwhile,
        settled,
        why: Why(why),
        assumptions: Vec::new(),
        findings,
    }
}

/// That nothing is worthwhile, or that this is not settled. What is not known is no part of the question: the answer lists
/// it, with the command that measures it.
fn nothing(changes: &[Change]) -> OptimizeGrounds {
    let open = changes.iter().find(|change| change.may_be_worthwhile());
    let open = open.and_then(|change| {
        Some(OpenChange { kind: change.kind.words(), to: change.to.clone(), saving: change.saving? })
    });

    if open.is_none() && changes.iter().any(|change| change.saving.is_some()) {
        return OptimizeGrounds::Nothing { worthwhile: WORTHWHILE };
    }
    OptimizeGrounds::NothingCertain { worthwhile: WORTHWHILE, open }
}

/// Share of the present cost that another measured scenario saves, at the same prices, where both leave out the
/// same parts. The two runs are independent.
///
/// # Errors
/// [`EconomicsReason`], where the costs cannot be compared.
pub fn saving_of(now: &Scenario, other: &Scenario) -> Result<Estimate, EconomicsReason> {
    let (of_now, of_other) = (now.bill(), other.bill());
    let (held, others) = (of_now.parts.iter(), of_other.parts.iter());
    if !held.map(|part| part.name).eq(others.map(|part| part.name)) {
        return Err(EconomicsReason::OtherParts);
    }

    let (first, second) = (now.inputs(), other.inputs());
    let count = first.len();
    let apart = second.iter().map(|input| Input { group: input.group + 10, ..*input });
    let inputs: Vec<Input> = first.iter().copied().chain(apart).collect();
    let saving = propagate(&inputs, |at| {
        let (one, two) = at.split_at_checked(count).unwrap_or((at, &[]));
        1.0 - other.total(&second, two) / now.total(&first, one)
    });
    saving.ok_or(EconomicsReason::NoKnownPart)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: Kind, saving: Option<(f64, f64)>, effect: Effect) -> Change {
        let saving = saving.map(|(point, lower)| Estimate {
            point,
            lower,
            upper: point + 0.1,
            confidence: 0.95,
            n: 9,
        });
        Change {
            kind,
            to: "x".into(),
            basis: Basis::Measured,
            saving,
            effect,
            quality: String::new(),
            command: String::new(),
            confirm: None,
            why: String::new(),
        }
    }

    fn scenario() -> Scenario {
        Scenario {
            currency: Currency::EUR,
            acquisition: crate::scenario::Acquisition::Rented { per_hour: 1.0, includes_electricity: true },
            tariff: None,
            pue: 1.0,
            operation_per_hour: None,
            utilization: 0.5,
            busy_s: infercost_stats::propagation::exact(1.0),
            joules: None,
            energy_note: None,
            idle_w: None,
            prefill_share: None,
        }
    }

    /// That nothing saves a tenth is an answer where every known saving lies below; what is unknown decides nothing, and
    /// alone it settles nothing. Upper ends are 0.1 above the points.
    #[test]
    fn what_is_settled() {
        let small = change(Kind::SharedPrefix, Some((-0.02, -0.05)), Effect::None);
        let open = change(Kind::Variant, Some((0.05, -0.01)), Effect::Passes);
        let worse = change(Kind::Variant, Some((0.5, 0.4)), Effect::Fails);
        let better = change(Kind::Threads, Some((0.3, 0.2)), Effect::None);
        let unknown = change(Kind::Hour, None, Effect::None);

        for (changes, settled, said) in [
            (vec![&small, &unknown], true, "nothing that was measured or computed saves 10 %"),
            (vec![&small, &worse], true, "nothing that was measured or computed saves 10 %"),
            (vec![&small, &open], false, "not settled: variant x saves 5 %"),
            (vec![&unknown], false, "not settled: nothing is known yet"),
            (vec![&open, &better], true, "change threads to x"),
        ] {
            let changes = changes.into_iter().cloned().collect();
            let found = rank("example".into(), &scenario(), changes);
            assert_eq!(found.settled, settled, "{}", found.why);
            assert!(found.why.to_string().starts_with(said), "{} is not {said}", found.why);
        }
    }

    #[test]
    fn what_is_worthwhile() {
        for (saving, effect, wanted) in [
            (Some((0.1, 0.01)), Effect::None, true),
            (Some((0.099, 0.01)), Effect::None, false),
            (Some((0.5, -0.01)), Effect::Passes, false),
            (Some((0.5, 1e-6)), Effect::None, false),
            (Some((0.5, 0.4)), Effect::Fails, false),
            (Some((0.5, 0.4)), Effect::Unknown, true),
            (None, Effect::None, false),
        ] {
            assert_eq!(
                change(Kind::Variant, saving, effect).is_worthwhile(),
                wanted,
                "{saving:?} {effect:?}"
            );
        }
    }
}
