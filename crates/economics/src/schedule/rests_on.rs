//! What a plan rests on, and what of it is doubtful.

use infercost_core::economics::{Assumed, ScheduleGrounds};
use infercost_core::market::Curve;
use infercost_core::{EconomicsFact, EnergyNote, Estimate, Findings, Severity};
use jiff::tz::TimeZone;

use super::optimum::{Action, Problem};
use super::{Grid, Job, Machine, Retail};
use crate::bill::Assumption;

/// What must be known with the plan.
pub(super) fn doubts(
    job: &Job,
    grid: &Grid,
    curve: &Curve,
    retail: Option<Retail>,
    problem: &Problem,
    plan: &[Action],
    work_s: Estimate,
) -> Findings {
    let mut findings = Findings::default();
    let note = job.energy_note.as_ref().map(EnergyNote::to_string);
    match note {
        _ if job.joules.is_none() => {
            findings.add(Severity::Warning, EconomicsFact::ShareOnly { why: note.unwrap_or_default() });
        }
        Some(note) => findings.add(Severity::Warning, EconomicsFact::Energy { note }),
        None => {}
    }

    let waits = plan.contains(&Action::Idle)
        || job.machine == Machine::OnUntilJob && plan.first() == Some(&Action::Off);
    if job.idle_w.is_none() && job.machine == Machine::AlwaysOn {
        findings.add(Severity::Warning, EconomicsFact::IdlingUnknown);
    } else if waits && job.idle_w.is_none() {
        findings.add(Severity::Warning, EconomicsFact::WaitingFree);
    }

    if curve.wholesale && retail.is_none() {
        findings.add(Severity::Limitation, EconomicsFact::ExchangePrices);
    }

    let unknown = grid.prices.iter().filter(|price| price.is_none()).count();
    if unknown > 0 {
        let hours = unknown as f64 * grid.step_s / 3600.0;
        findings.add(Severity::Limitation, EconomicsFact::CurveGaps { hours });
    }

    let slow = (work_s.upper / grid.step_s).ceil() as usize;
    let last = plan.iter().rposition(|action| *action == Action::Work).unwrap_or(0);
    if last + slow.saturating_sub(problem.steps) >= grid.prices.len() {
        findings.add(Severity::Warning, EconomicsFact::MayMissDeadline);
    }
    findings
}

/// What the plan rests on.
pub(super) fn assumptions(job: &Job, curve: &Curve, retail: Option<Retail>, grid: &Grid) -> Vec<Assumption> {
    let date = curve.fetched_at.to_zoned(TimeZone::UTC).date();
    let what = Assumed::Curve { unit: curve.unit.to_string(), zone: curve.zone.clone() };
    let mut all = vec![Assumption { date: Some(date), ..Assumption::new(what, curve.source.clone()) }];

    if let Some(retail) = retail {
        let what = Assumed::Retail { adder: retail.adder, tax: retail.tax };
        all.push(Assumption::new(what, "[tariff]"));
    }

    if job.pue > 1.0 {
        all.push(Assumption::new(Assumed::Pue { pue: job.pue, is_counted: true }, "the price book"));
    }
    let start = Assumed::Start { seconds: job.startup_s.max(0.0) };
    all.push(Assumption::new(start, "the measured load time, unless given"));
    let machine = match job.machine {
        Machine::OnForJob => Assumed::OnForJob,
        Machine::OnUntilJob => Assumed::OnUntilJob,
        Machine::AlwaysOn => Assumed::AlwaysOn,
    };
    all.push(Assumption::new(machine, "--stays-on, --always-on, or neither"));
    all.push(Assumption::new(Assumed::Steps { seconds: grid.step_s }, "the plan"));
    all
}

/// What a plan saves.
pub(super) struct Found {
    pub(super) saving: Option<Estimate>,
    pub(super) share: Option<Estimate>,
    pub(super) more_than_noise: Option<bool>,
}

/// Why the plan is what it is.
pub(super) fn grounds(found: &Found, unit: &str, plan: &[Action], now: Option<&[Action]>) -> ScheduleGrounds {
    if now.is_some_and(|now| same_work(now, plan)) {
        return ScheduleGrounds::NowIsBest;
    }

    let unit = unit.to_owned();
    match (found.saving, found.share) {
        (Some(saving), share) => ScheduleGrounds::Waiting {
            saving: saving.point,
            unit,
            share: share.map(|share| share.point),
            beyond_error: found.more_than_noise,
        },
        (None, Some(share)) if share.lower > 0.0 => ScheduleGrounds::ShareOnly { share, unit },
        (None, Some(share)) => ScheduleGrounds::ShareWithinError { share },
        (None, None) => ScheduleGrounds::NowUnknown,
    }
}

fn same_work(one: &[Action], other: &[Action]) -> bool {
    steps_of_work(one).eq(steps_of_work(other))
}

fn steps_of_work(plan: &[Action]) -> impl Iterator<Item = usize> {
    let steps = plan.iter().enumerate();
    steps.filter(|(_, action)| **action == Action::Work).map(|(index, _)| index)
}
