//! What all ways of hosting have in common: the measured machine with its prices, and the load.

use infercost_core::{Estimate, Workload};

use crate::scenario::Scenario;
use infercost_stats::propagation::{Input, exact};

/// How much is asked, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Requests an hour in hours with requests; `None` is what fills one machine to the planned utilization.
    pub requests_per_hour: Option<f64>,
    /// Hours a day with requests, at most 24.
    pub hours_per_day: f64,
    /// Share of its capacity up to which a machine is planned to be used.
    pub max_utilization: f64,
    /// Requests an hour that one machine can answer, instead of what was measured.
    pub capacity_per_hour: Option<f64>,
}

/// What all hosting options have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct HostingScenario {
    /// The measured machine, with its prices.
    pub scenario: Scenario,
    /// The load.
    pub demand: Demand,
    /// Seconds to load the model.
    pub load_s: Option<Estimate>,
    /// Input tokens of one inference.
    pub input_tokens: Option<Estimate>,
    /// Output tokens of one inference.
    pub output_tokens: Option<Estimate>,
}

impl HostingScenario {
    /// The hosting scenario of a workload.
    pub fn of(scenario: Scenario, workload: &Workload, demand: Demand) -> Self {
        Self {
            scenario,
            demand,
            load_s: workload.load_s,
            input_tokens: workload.input_tokens,
            output_tokens: workload.output_tokens,
        }
    }

    /// Requests an hour that one machine can answer.
    pub fn capacity(&self) -> Estimate {
        match self.demand.capacity_per_hour {
            Some(given) => exact(given),
            None => self.scenario.busy_s.map(|busy| 3600.0 / busy),
        }
    }

    /// Requests an hour, in hours with requests.
    pub fn requests_per_hour(&self) -> f64 {
        let fills = self.capacity().point * self.demand.max_utilization;
        self.demand.requests_per_hour.unwrap_or(fills)
    }

    /// The setting with machines that may be used to the full.
    pub(super) fn full(&self) -> Self {
        let requests_per_hour = Some(self.requests_per_hour());
        let demand = Demand { max_utilization: 1.0, requests_per_hour, ..self.demand };
        Self { demand, ..self.clone() }
    }

    /// The setting at loads that are looked at one after another: machines are used up to the share that the answer plans
    /// with. Where no load is given, that share says how much one machine is used and is no plan: machines may then be
    /// used to the full.
    pub(super) fn searched(&self) -> Self {
        match self.demand.requests_per_hour {
            Some(_) => self.clone(),
            None => self.full(),
        }
    }

    /// What was measured: the quantities of the same inferences in one group, load time in another.
    pub(super) fn inputs(&self) -> Vec<Input> {
        let nothing = exact(0.0);
        vec![
            Input::new(self.scenario.busy_s, 0),
            Input::new(self.scenario.joules.unwrap_or(nothing), 0),
            Input::new(self.load_s.unwrap_or(nothing), 1),
            Input::new(self.input_tokens.unwrap_or(nothing), 2),
            Input::new(self.output_tokens.unwrap_or(nothing), 0),
        ]
    }

    pub(super) fn points(&self) -> Vec<f64> {
        self.inputs().iter().map(|input| input.estimate.point).collect()
    }

    /// The load at measured values: where none is given it is what fills a machine, so a slower machine gets less.
    pub(super) fn load_at(&self, requests: f64, at: &At) -> f64 {
        if self.demand.requests_per_hour.is_some() || self.demand.capacity_per_hour.is_some() {
            return requests;
        }
        requests * self.scenario.busy_s.point / at.busy_s
    }

    pub(super) fn busy(&self, at: &At) -> f64 {
        self.demand.capacity_per_hour.map_or(at.busy_s, |capacity| 3600.0 / capacity)
    }
}

/// Measured values at which a cost is computed, in the order of the setting's inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct At {
    pub(super) busy_s: f64,
    pub(super) joules: f64,
    pub(super) load_s: f64,
    pub(super) input_tokens: f64,
    pub(super) output_tokens: f64,
}

impl At {
    pub(super) fn of(values: &[f64]) -> Self {
        match *values {
            [busy_s, joules, load_s, input_tokens, output_tokens] => {
                Self { busy_s, joules, load_s, input_tokens, output_tokens }
            }
            _ => Self {
                busy_s: f64::NAN,
                joules: f64::NAN,
                load_s: f64::NAN,
                input_tokens: f64::NAN,
                output_tokens: f64::NAN,
            },
        }
    }
}
