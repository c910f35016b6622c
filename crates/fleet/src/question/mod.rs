//! What a fleet's inferences took: by model, machine, service, customer and day, over a range of days, at dated prices,
//! against revenue.

pub mod answer;
mod groups;
pub mod movers;
pub mod prices;
pub mod revenue;
mod sketch;
mod sql;

use serde::{Deserialize, Serialize};

pub use sketch::RELATIVE_ERROR;

use crate::reading::engine::Engine;
use crate::reading::error::QueryError;
use crate::reading::files::Days;
use answer::{FleetAnswer, Zone};
use prices::DatedPrices;
use revenue::Revenue;

/// What inferences are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The model, or the variant of a run.
    Model,
    /// The machine.
    Machine,
    /// The service that asked.
    Service,
    /// The user or customer it was for.
    Customer,
    /// The day, in UTC.
    Day,
}

impl Key {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Model, Self::Machine, Self::Service, Self::Customer, Self::Day];

    /// Its name, which is that of its column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Machine => "machine",
            Self::Service => "service",
            Self::Customer => "customer",
            Self::Day => "day",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// In the order of the columns.
    pub by: Vec<Key>,
    /// Which days.
    pub days: Days,
    /// Prices of tokens, in place of recorded costs where one holds.
    pub prices: Option<DatedPrices>,
    /// What services earn.
    pub revenue: Option<Revenue>,
}

/// Answers a question over the tables.
///
/// # Errors
/// Where the query fails, or a sum does not fit.
pub fn ask(engine: &Engine, question: &Question) -> Result<FleetAnswer, QueryError> {
    let has_prices = match &question.prices {
        Some(prices) => prices.register(engine)?,
        None => false,
    };
    let batches = engine.query(&sql::grouped(&question.by, question.days, has_prices), None)?;
    let groups = groups::Groups::of(&batches, question.by.len())?;
    let left_out = groups::count(&engine.query(&sql::left_out(question.days), None)?)?;

    let mut answer = FleetAnswer::of(question, groups)?;
    answer.not_counted = left_out;
    answer.repeated_sources.clone_from(&engine.repeated);
    if let Some(revenue) = &question.revenue {
        answer.services_without_inferences = revenue.set_against(&mut answer.rows);
    }
    Ok(answer)
}

impl FleetAnswer {
    /// The worst zone of any row; `None` where nobody says what is earned. Where no service that earns something was
    /// found, nothing is settled: its name may be mistyped.
    pub fn worst_zone(&self) -> Option<Zone> {
        let none_found = (!self.services_without_inferences.is_empty()).then_some(Zone::Open);
        self.rows.iter().filter_map(|row| row.zone).max().or(none_found)
    }
}
