//! What requests of a run cost: usage as it was measured, turned into money by the one cost formula.

use infercost_core::manifest::Provenance;
use infercost_core::price::{HardwareCost, PriceBook};
use infercost_core::report::CostComponents;
use infercost_core::{CostPart, Currency, LeftOut, Reason, WallFactor};
use infercost_cost::{Amounts, Bill, Parts, Rates, Usage, Wall, cost};

use crate::analysis::AnalysisError;
use crate::sample::Spent;

/// The prices of one machine, the way from the meter to the wall, and the share of hours that are used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pricing<'a> {
    rates: Rates,
    wall: Wall,
    prices: &'a PriceBook,
    machine: PricedMachine<'a>,
}

/// What is priced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PricedMachine<'a> {
    /// The machine's name.
    pub(crate) name: &'a str,
    /// Its place among all machines.
    pub(crate) place: usize,
    /// True where the price of the hardware is that of the very machine that answers, wherever that stands.
    pub(crate) is_own: bool,
}

/// The parts over which two costs are compared: as a rule the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ComparedParts {
    pub(crate) own: Parts,
    pub(crate) reference: Parts,
}

/// What one request takes, as the machine's own meter has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Metered {
    pub(crate) busy_s: f64,
    pub(crate) joules: Option<f64>,
    pub(crate) idle_watts: Option<f64>,
}

impl Metered {
    /// The mean of answered requests, what failures took shared among them.
    pub(crate) fn per_answer(spent: Spent, idle_watts: Option<f64>) -> Self {
        let joules = spent.joules / spent.metered_answers;
        Self {
            busy_s: spent.busy_s / spent.answers,
            joules: joules.is_finite().then_some(joules),
            idle_watts,
        }
    }
}

impl<'a> Pricing<'a> {
    /// The prices of a machine; `wall` is the factor that its runs share.
    ///
    /// # Errors
    /// [`AnalysisError::Prices`] where the price book is unsound.
    pub(crate) fn of(
        prices: &'a PriceBook,
        wall: Option<&WallFactor>,
        machine: PricedMachine<'a>,
    ) -> Result<Self, AnalysisError> {
        let rates = Rates::of(prices).map_err(|error| AnalysisError::of_prices(prices, error))?;
        Ok(Self { rates, wall: Wall::of(wall), prices, machine })
    }

    /// The currency of every amount.
    pub(crate) fn currency(&self) -> Currency {
        self.prices.currency
    }

    /// The place of its machine.
    pub(crate) fn place(&self) -> usize {
        self.machine.place
    }

    /// The parts of a cost under these prices that may stand against a reference under others.
    ///
    /// On one machine these are the parts that both know. Between machines the hardware must be known of both, since it is
    /// most of a difference; and electricity that is in one machine's rent stands against the other's bill for it.
    ///
    /// # Errors
    /// What is not known.
    pub(crate) fn compared(
        &self,
        own: Parts,
        reference_pricing: &Self,
        reference: Parts,
    ) -> Result<ComparedParts, Reason> {
        let common = own.common(reference);
        if self.place() == reference_pricing.place() {
            let compared = ComparedParts { own: common, reference: common };
            return if common.any() { Ok(compared) } else { Err(Reason::NoCommonCost) };
        }

        for (pricing, parts) in [(self, own), (reference_pricing, reference)] {
            if !parts.machine {
                return Err(Reason::MachinePriceUnknown { machine: pricing.machine.name.to_owned() });
            }
        }
        if self.in_rent() == reference_pricing.in_rent() {
            return Ok(ComparedParts { own: common, reference: common });
        }

        // one of them pays for electricity apart, and all of it must be known
        let billed = if self.in_rent() { reference } else { own };
        if !billed.energy {
            return Err(Reason::NoEnergy);
        }
        if !billed.idle {
            return Err(Reason::NoIdlePower);
        }
        Ok(ComparedParts {
            own: Parts { operation: common.operation, ..own },
            reference: Parts { operation: common.operation, ..reference },
        })
    }

    /// True where electricity is in the rent.
    fn in_rent(&self) -> bool {
        matches!(self.prices.hardware, Some(HardwareCost::Rented { includes_electricity: true, .. }))
    }

    /// The amounts of one request.
    pub(crate) fn amounts(&self, took: &Metered) -> Amounts {
        let joules = took.joules.map(|joules| self.wall.joules(joules, took.busy_s));
        let idle_watts = took.idle_watts.map(|watts| self.wall.watts(watts));

        let usage = Usage::at_utilization(
            took.busy_s,
            self.prices.utilization,
            joules.ok_or(Reason::NoEnergy),
            idle_watts.ok_or(Reason::NoIdlePower),
        );

        cost(&self.rates, &usage)
    }

    /// The cost of one request over the given parts; NaN where one of them is not known.
    pub(crate) fn cost(&self, took: &Metered, parts: Parts) -> f64 {
        self.amounts(took).sum(parts)
    }

    /// Parts that a variant's cost may hold, where its joules and its idle power are known or not, and why others are
    /// left out.
    pub(crate) fn parts(
        &self,
        provenance: &Provenance,
        joules_known: bool,
        idle_known: bool,
    ) -> (Parts, LeftOut) {
        let amounts = self.amounts(&Metered {
            busy_s: 1.0,
            joules: joules_known.then_some(1.0),
            idle_watts: idle_known.then_some(1.0),
        });

        let mut parts = amounts.known();
        let mut left_out = LeftOut::default();
        for (part, amount) in amounts.by_part(CostPart::Hardware) {
            if let Err(reason) = amount {
                left_out.insert(part, reason.clone());
            }
        }

        if let Some(reason) = self.foreign_hardware(provenance) {
            parts.machine = false;
            left_out.insert(CostPart::Hardware, reason);
        }
        (parts, left_out)
    }

    /// Why the price of the hardware does not hold for a server on another machine; `None` where it does. A rate by
    /// the hour holds for whatever is rented.
    fn foreign_hardware(&self, provenance: &Provenance) -> Option<Reason> {
        let rented = matches!(self.prices.hardware, Some(HardwareCost::Rented { .. }));
        if rented || self.machine.is_own || self.prices.hardware.is_none() {
            return None;
        }
        let host = provenance.other_machine()?;
        Some(Reason::OtherMachinesPrice { host: host.to_string() })
    }

    /// The parts of one request's cost, rounded once, and their exact sum; `None` where nothing is known.
    pub(crate) fn components(&self, took: &Metered, parts: Parts) -> (CostComponents, Option<f64>) {
        let amounts = self.amounts(took);
        let held = parts.names();

        let mut rows: Vec<(CostPart, f64)> = Vec::new();
        for (part, amount) in amounts.by_part(CostPart::Hardware) {
            if let (Ok(amount), true) = (amount, held.contains(&part)) {
                rows.push((part, *amount));
            }
        }

        let bill = Bill::of(self.prices.currency, &rows, LeftOut::default());
        let components = CostComponents {
            energy: bill.part(CostPart::Energy),
            hardware: bill.part(CostPart::Hardware),
            idle: bill.part(CostPart::Idle),
            operation: bill.part(CostPart::Operation),
        };

        (components, bill.total_f64())
    }
}
