//! A plan in words: what it saves, what it rests on, what is doubtful.

use infercost_core::market::Curve;
use infercost_core::{EconomicsFact, Estimate, Findings, Severity};
use jiff::tz::TimeZone;

use super::optimum::{Action, Problem};
use super::{Grid, Job, Machine, Retail};
use crate::bill::Assumption;
use crate::wording::{interval, plain};
use infercost_core::text::percent;

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
    if job.joules.is_none() {
        findings.add(Severity::Warning, EconomicsFact::ShareOnly { why: job.energy_note.clone() });
    } else if !job.energy_note.is_empty() {
        findings.add(Severity::Warning, EconomicsFact::Energy { note: job.energy_note.clone() });
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
    let mut all = vec![Assumption {
        what: if curve.zone.is_empty() {
            curve.unit.to_string()
        } else {
            format!("{} of {}", curve.unit, curve.zone)
        },
        source: curve.source.clone(),
        date: Some(date),
    }];

    if let Some(retail) = retail {
        let what = format!("adder {} and tax {} on each price", plain(retail.adder), percent(retail.tax));
        all.push(Assumption::new(what, "[tariff]"));
    }

    if job.pue > 1.0 {
        all.push(Assumption::new(format!("PUE {}: all energy is the facility's", job.pue), "the price book"));
    }
    let start = if job.startup_s > 0.0 { plain(job.startup_s) } else { "0".to_owned() };
    all.push(Assumption::new(format!("a start takes {start} s"), "the measured load time, unless given"));
    let machine = match job.machine {
        Machine::OnForJob => "the machine is on for the job alone: waiting costs nothing",
        Machine::OnUntilJob => "the machine idles until the job starts, and is off after it",
        Machine::AlwaysOn => "the machine is always on: the job costs what it takes above idling",
    };
    all.push(Assumption::new(machine, "--stays-on, --always-on, or neither"));
    all.push(Assumption::new(format!("steps of {} s", plain(grid.step_s)), "the plan"));
    all
}

/// What the sentence is about.
pub(super) struct Found {
    pub(super) saving: Option<Estimate>,
    pub(super) share: Option<Estimate>,
    pub(super) more_than_noise: Option<bool>,
}

/// The plan in one sentence.
pub(super) fn sentence(found: &Found, unit: &str, plan: &[Action], now: Option<&[Action]>) -> String {
    let share = found.share.as_ref();
    if now.is_some_and(|now| same_work(now, plan)) {
        return "run it now: no later time is better".to_owned();
    }
    let of = share.map_or_else(String::new, |share| format!(" ({})", percent(share.point)));
    let Some(saving) = found.saving else {
        return match share {
            Some(share) if share.lower > 0.0 => format!(
                "waiting saves {} of running now, at steady power; in {unit} it is unknown",
                percent(share.point)
            ),
            Some(share) => format!(
                "not settled: waiting saves {} of running now, which is within the error of the measured speed",
                interval(share, percent)
            ),
            None => {
                "this is the cheapest time on the curve; it cannot be compared with running now".to_owned()
            }
        };
    };

    let told = format!("waiting saves {} {unit}{of} compared with running now", plain(saving.point));
    match found.more_than_noise {
        Some(true) => format!("{told}, which is more than measurement error"),
        Some(false) => {
            format!("not settled: {told}, which is within measurement error")
        }
        None => format!(
            "not settled: {told}, but at the slow end of its measured speed the job runs into time without a known price"
        ),
    }
}

fn same_work(one: &[Action], other: &[Action]) -> bool {
    steps_of_work(one).eq(steps_of_work(other))
}

fn steps_of_work(plan: &[Action]) -> impl Iterator<Item = usize> {
    let steps = plan.iter().enumerate();
    steps.filter(|(_, action)| **action == Action::Work).map(|(index, _)| index)
}
