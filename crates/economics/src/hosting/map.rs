//! Which way wins where, over load and electricity price.

use serde::Serialize;

use crate::hosting::cost::HostingOption;
use crate::hosting::hosting_scenario::HostingScenario;
use crate::hosting::ranked;
use crate::scenario::Scenario;

/// Columns, even on a logarithmic scale of load.
const LOADS: u32 = 25;
/// Rows, even in the tariff.
const TARIFFS: u32 = 13;

/// The winners on a grid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WinnerMap {
    /// Requests an hour of each column.
    pub loads: Vec<f64>,
    /// Electricity price per kWh of each row.
    pub tariffs: Vec<f64>,
    /// Names of the ways.
    pub ways: Vec<String>,
    /// Rows of columns: the index of the cheapest way; `None` where nothing is known.
    pub winners: Vec<Vec<Option<usize>>>,
    /// Whether another way ties with the winner, likewise.
    pub ties: Vec<Vec<bool>>,
    /// The load in question.
    pub load: f64,
    /// The tariff in question; `None` where none is known.
    pub tariff: Option<f64>,
    /// What must be said of the map; empty where there is nothing to say.
    pub note: String,
}

/// Loads from a hundredth of one machine's capacity to twice the load in question, at least the capacity;
/// tariffs from 0 to three times the one in force.
pub(crate) fn winners(setting: &HostingScenario, ways: &[HostingOption]) -> WinnerMap {
    let capacity = setting.capacity().point;
    let load = setting.requests_per_hour();
    let (low, high) = ((capacity * 0.01).min(load * 0.5), capacity.max(load * 2.0));
    let tariff = setting.scenario.tariff;
    let highest = tariff.filter(|tariff| *tariff > 0.0).map_or(0.6, |tariff| tariff * 3.0);

    let loads: Vec<f64> = even_shares(LOADS).map(|share| low * (high / low).powf(share)).collect();
    let tariffs: Vec<f64> = even_shares(TARIFFS).map(|share| highest * share).collect();
    let (mut cells, mut ties) = (Vec::new(), Vec::new());

    for tariff in &tariffs {
        let scenario = Scenario { tariff: Some(*tariff), ..setting.scenario.clone() };
        let setting = HostingScenario { scenario, ..setting.clone() };
        let row: Vec<Vec<usize>> = loads.iter().map(|load| ranked(&setting, ways, *load)).collect();
        cells.push(row.iter().map(|cheapest| cheapest.first().copied()).collect());
        ties.push(row.iter().map(|cheapest| cheapest.len() > 1).collect());
    }

    let unknown = setting.scenario.joules.is_none();
    let note =
        if unknown { "the energy of the machine is unknown, so the tariff moves nothing here" } else { "" };
    WinnerMap {
        loads,
        tariffs,
        ways: ways.iter().map(|way| way.name.clone()).collect(),
        winners: cells,
        ties,
        load,
        tariff,
        note: note.to_owned(),
    }
}

/// So many numbers from 0 to 1, both included, evenly spaced.
fn even_shares(count: u32) -> impl Iterator<Item = f64> {
    (0..count).map(move |index| f64::from(index) / f64::from(count - 1))
}
