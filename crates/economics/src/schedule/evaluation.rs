//! What a plan costs or emits at other joules and speeds than those it was made for.

use infercost_core::Estimate;

use crate::schedule::optimum::{self, Action};
use crate::schedule::{Grid, Job, problem};
use infercost_cost::JOULES_PER_KILOWATT_HOUR;
use infercost_stats::propagation::{Input, exact, propagate};

/// Measured values: of one inference.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) joules: f64,
    pub(super) busy_s: f64,
}

impl At {
    pub(super) fn point(job: &Job) -> Self {
        Self { joules: job.joules.map_or(1.0, |joules| joules.point), busy_s: job.busy_s.point }
    }
}

/// A job over steps that reach as far as it may last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evaluation<'a> {
    pub(super) job: &'a Job,
    pub(super) grid: &'a Grid,
}

impl Evaluation<'_> {
    /// The interval of `f`: joules and seconds of the same inferences move together. Where a slow job runs into time
    /// without a known price, the interval is that of the joules alone, and true is returned.
    pub(super) fn range(&self, f: &dyn Fn(At) -> f64) -> (Option<Estimate>, bool) {
        let joules = Input::new(self.job.joules.unwrap_or_else(|| exact(1.0)), 0);
        let whole = over(&[joules, Input::new(self.job.busy_s, 0)], f);
        if whole.is_some() {
            return (whole, false);
        }

        let of_joules = over(&[joules, Input::new(exact(self.job.busy_s.point), 0)], f);
        (of_joules, of_joules.is_some())
    }

    /// What a plan costs or emits; `None` where the joules are unknown.
    pub(super) fn total(&self, plan: &[Action]) -> Option<Estimate> {
        self.job.joules?;
        self.range(&|at| self.amount(plan, at)).0
    }

    /// Money or grams.
    pub(super) fn amount(&self, plan: &[Action], at: At) -> f64 {
        self.weighted(plan, at, |price| price) / JOULES_PER_KILOWATT_HOUR
    }

    /// Energy.
    pub(super) fn kilowatt_hours(&self, plan: &[Action], at: At) -> f64 {
        self.weighted(plan, at, |_| 1.0) / JOULES_PER_KILOWATT_HOUR
    }

    /// A slower job goes on where the plan ends; a faster one ends before it.
    fn weighted(&self, plan: &[Action], at: At, of: impl Fn(f64) -> f64) -> f64 {
        let problem = problem(self.job, self.grid, at);
        let weighted = optimum::Problem {
            prices: problem.prices.iter().map(|price| price.map(&of)).collect(),
            ..problem
        };
        let planned = plan.iter().filter(|action| **action == Action::Work).count();
        let late = weighted.steps.saturating_sub(planned).min(self.grid.prices.len());
        let plan: Vec<Action> = plan.iter().copied().chain(std::iter::repeat_n(Action::Work, late)).collect();
        optimum::cost(&weighted, &plan).unwrap_or(f64::NAN)
    }
}

/// The interval of `f` over joules and busy seconds.
fn over(inputs: &[Input; 2], f: &dyn Fn(At) -> f64) -> Option<Estimate> {
    propagate(inputs, |values| match *values {
        [joules, busy_s] => f(At { joules, busy_s }),
        _ => f64::NAN,
    })
}
