//! What each machine's hours cost: its `[[machines]]` entry, else rent by the market, else what its runs recorded.

use infercost_analyzer::machines::{self, Machine};
use infercost_analyzer::{MachinePrices, Machines};
use infercost_core::market::ExchangeRate;
use infercost_core::price::{HardwareCost, Price, PriceBook, UtilizationBasis};
use infercost_core::{RunHeader, RunRecord};
use infercost_prices::sections::{MachineMatch, PricedMachine, exchange};

use crate::price_store;
use crate::usage::usage;

/// Where the prices of machines come from.
pub(crate) struct PriceSources<'a> {
    /// The `[[machines]]` entries.
    pub(crate) entries: &'a [PricedMachine],
    /// True where a machine without an entry is rented by the market.
    pub(crate) market: bool,
    /// True where what a run recorded counts: the settings give no prices.
    pub(crate) recorded: bool,
    /// What a rented machine costs beside its rent.
    pub(crate) shared: &'a PriceBook,
    /// Exchange rates of the settings.
    pub(crate) rates: &'a [ExchangeRate],
}

impl PriceSources<'_> {
    /// The prices of each machine behind the runs, where it has its own.
    ///
    /// # Errors
    /// A usage error where two entries are one machine's, or a rent is in a currency without a rate.
    pub(crate) fn of(&self, runs: &[RunRecord]) -> anyhow::Result<Vec<MachinePrices>> {
        let machines = Machines::of(runs);
        let mut all = Vec::new();

        for machine in machines.all() {
            let first = machine.runs.first().and_then(|run| runs.get(*run));
            let Some(first) = first else { continue };
            let prices = match entry_of(self.entries, &first.header)? {
                Some(entry) => Some(entry.book.clone()),
                None if self.market => self.rented(machine)?,
                None => None,
            };

            // what was recorded beside a server elsewhere is not that server's price
            let recorded = &first.header.prices;
            let is_own =
                self.recorded && machines.are_several() && !recorded.assumed && machine.server.is_none();
            let prices = prices.or_else(|| is_own.then(|| recorded.clone()));
            all.extend(prices.map(|prices| MachinePrices { machine: machine.name.clone(), prices }));
        }
        Ok(all)
    }

    /// The prices of a machine rented at the cheapest fetched offer of its GPUs; `None` where there is none.
    fn rented(&self, machine: &Machine) -> anyhow::Result<Option<PriceBook>> {
        let [gpu, others @ ..] = machine.facts.gpus.as_slice() else { return Ok(None) };
        if machine.server.is_some() || others.iter().any(|other| other != gpu) {
            return Ok(None);
        }
        let Some(rate) = price_store::rent(None, gpu, others.len() + 1)? else { return Ok(None) };
        let rate = self.converted(&rate)?;

        // of the shipped example the share of used hours and the PUE are taken, and called assumed
        let shared = self.shared;
        Ok(Some(PriceBook {
            name: format!("rent of {}", rate.name),
            assumed: false,
            electricity: None,
            hardware: Some(HardwareCost::Rented { rate, includes_electricity: true }),
            operation: shared.operation.clone().filter(|_| !shared.assumed),
            utilization_basis: if shared.assumed {
                UtilizationBasis::Assumed
            } else {
                shared.utilization_basis
            },
            pue_assumed: shared.assumed || shared.pue_assumed,
            ..shared.clone()
        }))
    }

    fn converted(&self, rate: &Price) -> anyhow::Result<Price> {
        let mut rates = self.rates.to_vec();
        rates.extend(price_store::rates(None)?);
        exchange::convert_price(rate, self.shared.currency, &rates).map_err(|error| usage(error.to_string()))
    }
}

/// The entry that is surest that of a run's machine; `None` where none is.
///
/// # Errors
/// A usage error where two are equally sure.
pub(crate) fn entry_of<'e>(
    entries: &'e [PricedMachine],
    header: &RunHeader,
) -> anyhow::Result<Option<&'e PricedMachine>> {
    let server = machines::server(header);
    let mut best: Option<(MachineMatch, &PricedMachine)> = None;

    for entry in entries {
        let Some(found) = entry.matches(&header.machine, server.as_deref()) else { continue };
        match best {
            Some((surest, _)) if surest > found => {}
            Some((surest, other)) if surest == found => {
                return Err(usage(format!(
                    "[[machines]]: the entries {} and {} both fit {}; give one of them a `label` or a `host`",
                    other.title,
                    entry.title,
                    header.machine.name()
                )));
            }
            _ => best = Some((found, entry)),
        }
    }
    Ok(best.map(|(_, entry)| entry))
}
