//! What requests of a run cost: usage as it was measured, turned into money by the one cost formula.

use infercost_core::price::{HardwareCost, PriceBook};
use infercost_core::report::CostComponents;
use infercost_core::run::VariantHeader;
use infercost_core::{CostPart, Currency, Estimate, LeftOut, Reason, WallFactor};
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

/// What one request takes, as the machine's own meter has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Metered {
    pub(crate) busy_s: f64,
    pub(crate) joules: Option<f64>,
    pub(crate) idle_watts: Option<f64>,
    /// Money for its tokens, where they are paid and not the machine.
    pub(crate) tokens_cost: f64,
}

impl Metered {
    /// The mean of answered requests, what failures took shared among them.
    pub(crate) fn per_answer(spent: Spent, idle_watts: Option<f64>) -> Self {
        let joules = spent.joules / spent.metered_answers;
        Self {
            busy_s: spent.busy_s / spent.answers,
            joules: joules.is_finite().then_some(joules),
            idle_watts,
            tokens_cost: spent.tokens_cost / spent.answers,
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

    /// What a cost under these prices is compared over with that of a reference under others.
    ///
    /// On one machine, and where tokens are paid and no machine, that is for [`Basis::against`] to say. Between machines the
    /// hardware must be known of both, since it is most of a difference; and electricity that is in one machine's rent
    /// stands against the other's bill for it.
    ///
    /// # Errors
    /// Why they cannot be compared.
    pub(crate) fn compared(
        &self,
        own: &Basis,
        reference_pricing: &Self,
        reference: &Basis,
    ) -> Result<Compared, Reason> {
        if self.place() == reference_pricing.place() || own.known.tokens || reference.known.tokens {
            return own.against(reference);
        }

        for (pricing, basis) in [(self, own), (reference_pricing, reference)] {
            if !basis.known.machine {
                return Err(Reason::MachinePriceUnknown { machine: pricing.machine.name.to_owned() });
            }
        }
        let (own, reference) = (own.measured, reference.measured);
        let common = own.common(reference);
        if self.in_rent() == reference_pricing.in_rent() {
            return Ok(Compared { own: common, reference: common, at_least: false });
        }

        // one of them pays for electricity apart, and all of it must be known
        let billed = if self.in_rent() { reference } else { own };
        if !billed.energy {
            return Err(Reason::NoEnergy);
        }
        if !billed.idle {
            return Err(Reason::NoIdlePower);
        }
        let operation = common.operation;
        Ok(Compared {
            own: Parts { operation, ..own },
            reference: Parts { operation, ..reference },
            at_least: false,
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
        let amounts = if parts.tokens { Amounts::of_tokens(took.tokens_cost) } else { self.amounts(took) };
        amounts.sum(parts)
    }

    /// Parts that a variant's cost may hold, where its joules and its idle power are known or not, and why others are
    /// left out. What is paid by its tokens is paid for whole.
    pub(crate) fn parts(
        &self,
        variant: &VariantHeader,
        joules_known: bool,
        idle_known: bool,
    ) -> (Parts, LeftOut) {
        if variant.token_price.is_some() {
            return (Parts { tokens: true, ..Parts::default() }, LeftOut::default());
        }

        let amounts = self.amounts(&Metered {
            busy_s: 1.0,
            joules: joules_known.then_some(1.0),
            idle_watts: idle_known.then_some(1.0),
            tokens_cost: 0.0,
        });

        let mut parts = amounts.known();
        let mut left_out = LeftOut::default();
        for (part, amount) in amounts.by_part(CostPart::Hardware) {
            if let Err(reason) = amount {
                left_out.insert(part, reason.clone());
            }
        }

        if let Some(reason) = self.foreign_hardware(variant) {
            parts.machine = false;
            left_out.insert(CostPart::Hardware, reason);
        }
        (parts, left_out)
    }

    /// Why the price of the hardware does not hold for a server on another machine; `None` where it does. A rate by
    /// the hour holds for whatever is rented.
    fn foreign_hardware(&self, variant: &VariantHeader) -> Option<Reason> {
        let rented = matches!(self.prices.hardware, Some(HardwareCost::Rented { .. }));
        if rented || self.machine.is_own || self.prices.hardware.is_none() {
            return None;
        }
        let host = variant.provenance.other_machine()?;
        Some(Reason::OtherMachinesPrice { host: host.to_string() })
    }

    /// The parts of one request's cost, rounded once, and their exact sum; `None` where nothing is known.
    pub(crate) fn components(&self, took: &Metered, parts: Parts) -> (CostComponents, Option<f64>) {
        let amounts = self.amounts(took);
        let held = parts.names();

        let mut rows: Vec<(CostPart, f64)> = Vec::new();
        if parts.tokens {
            rows.push((CostPart::Tokens, took.tokens_cost));
        }
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
            tokens: bill.part(CostPart::Tokens),
        };

        (components, bill.total_f64())
    }
}

/// What a cost holds, and what of it two costs can be compared over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Basis {
    /// The parts that are known, estimates included.
    pub(crate) known: Parts,
    /// The same without estimated electricity.
    pub(crate) measured: Parts,
    /// True where nothing that costs money is missing: what is in a rent, or what nobody prices, is none.
    pub(crate) is_whole: bool,
    /// Idle watts that may be billed.
    pub(crate) idle_watts: Option<f64>,
}

/// The parts over which two costs are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Compared {
    pub(crate) own: Parts,
    pub(crate) reference: Parts,
    /// True where the reference costs more than is known, so that what is saved is more than is shown.
    pub(crate) at_least: bool,
}

impl Basis {
    /// The basis of a cost of these parts.
    pub(crate) fn of(
        known: Parts,
        left_out: &LeftOut,
        energy_measured: bool,
        idle_watts: Option<f64>,
    ) -> Self {
        let is_missing = |reason: &Reason| !matches!(reason, Reason::InRent | Reason::NoOperation);
        Self {
            known,
            measured: known.of_energy(energy_measured),
            is_whole: !left_out.iter().any(|(_, reason)| is_missing(reason)),
            idle_watts,
        }
    }

    /// The basis of what is paid by its tokens.
    pub(crate) fn of_tokens() -> Self {
        Self::of(Parts { tokens: true, ..Parts::default() }, &LeftOut::default(), true, None)
    }

    /// What this cost is compared over with that of the baseline. Two machines share what is known of both. A price of
    /// tokens holds everything, so a machine's cost stands beside it with all that is known, estimates included; where
    /// that leaves parts out, it says how much is saved at least, and never how much a machine saves.
    ///
    /// # Errors
    /// Why they cannot be compared.
    pub(crate) fn against(&self, reference: &Self) -> Result<Compared, Reason> {
        if self.known.tokens == reference.known.tokens {
            let common = self.measured.common(reference.measured);
            let compared = Compared { own: common, reference: common, at_least: false };
            return if common.any() { Ok(compared) } else { Err(self.apart_from(reference)) };
        }

        if !self.known.any() || !reference.known.any() {
            return Err(self.apart_from(reference));
        }
        if !self.is_whole {
            return Err(Reason::MachineCostInPart);
        }
        Ok(Compared { own: self.known, reference: reference.known, at_least: !reference.is_whole })
    }

    /// Why there is nothing to compare: nothing is known of either, or not the same.
    fn apart_from(&self, reference: &Self) -> Reason {
        if self.known.any() || reference.known.any() { Reason::NoCommonCost } else { Reason::NoCost }
    }
}

impl Compared {
    /// A saving that may be said: one that is only known from below must lie above 0.
    pub(crate) fn said(&self, saving: Estimate) -> Result<Estimate, Reason> {
        if self.at_least && saving.lower <= 0.0 { Err(Reason::MachineCostInPart) } else { Ok(saving) }
    }
}
