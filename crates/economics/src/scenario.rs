//! One machine at one load: the cost of an inference as a function of everything that it depends on.

use infercost_core::economics::Assumed;
use infercost_core::price::{HardwareCost, PriceBook, UtilizationBasis};
use infercost_core::{CostPart, Currency, EnergyNote, Estimate, LeftOut, Reason, Taken, Workload};
use infercost_cost::{JOULES_PER_KILOWATT_HOUR, MachineRate, Rates, Usage, cost};

use crate::bill::{Assumption, Bill, double};
use crate::ownership::Owned;
use infercost_stats::propagation::{Input, exact, propagate};

/// How the machine was acquired.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Acquisition {
    /// Bought.
    Owned(Owned),
    /// Rented by the hour.
    Rented {
        /// Rate per hour.
        per_hour: f64,
        /// True where electricity is in the rate.
        includes_electricity: bool,
    },
    /// No price is known.
    Unknown,
}

/// What the cost of an inference is a function of. `None` is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Currency of all money.
    pub currency: Currency,
    /// The machine.
    pub acquisition: Acquisition,
    /// Electricity per kWh.
    pub tariff: Option<f64>,
    /// Facility energy ÷ IT energy.
    pub pue: f64,
    /// People, licenses, space per hour.
    pub operation_per_hour: Option<f64>,
    /// Share of hours in which the machine does paid work, in (0, 1].
    pub utilization: f64,
    /// Seconds in which one inference keeps the machine busy.
    pub busy_s: Estimate,
    /// Joules of one inference.
    pub joules: Option<Estimate>,
    /// Why the joules are unknown; `None` where they are known.
    pub energy_note: Option<EnergyNote>,
    /// Watts of the idle machine.
    pub idle_w: Option<f64>,
    /// Share of the busy time before the first token.
    pub prefill_share: Option<f64>,
}

/// The numbers of a scenario at one value of each measured input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct At {
    pub(crate) busy_s: f64,
    pub(crate) joules: Option<f64>,
}

impl Scenario {
    /// The scenario that a workload and a price book describe. `interest` is the yearly interest on what was
    /// paid for the machine.
    pub fn of(workload: &Workload, prices: &PriceBook, interest: f64) -> Self {
        let acquisition = match &prices.hardware {
            None => Acquisition::Unknown,
            Some(HardwareCost::Rented { rate, includes_electricity }) => Acquisition::Rented {
                per_hour: double(rate.value),
                includes_electricity: *includes_electricity,
            },
            Some(HardwareCost::Owned { purchase, salvage_share, life_years }) => Acquisition::Owned(Owned {
                purchase: double(purchase.value),
                salvage_share: *salvage_share,
                life_years: *life_years,
                interest,
            }),
        };

        Self {
            currency: prices.currency,
            acquisition,
            tariff: prices.electricity.as_ref().map(|price| double(price.value)),
            pue: prices.pue,
            operation_per_hour: prices.operation.as_ref().map(|price| double(price.value)),
            utilization: prices.utilization,
            busy_s: workload.busy_s,
            joules: workload.joules,
            energy_note: workload.energy_note.clone(),
            idle_w: workload.idle_w,
            prefill_share: workload.prefill_share.map(|share| share.point),
        }
    }

    /// The scenario of a machine that answers so many requests an hour at full use, as its operating point under
    /// load has it; joules of an inference stay as they are. `None` changes nothing.
    #[must_use]
    pub fn at_capacity(self, per_hour: Option<f64>) -> Self {
        match per_hour {
            Some(per_hour) => Self { busy_s: exact(3600.0 / per_hour), ..self },
            None => self,
        }
    }

    /// Inferences an hour at full use.
    pub fn capacity_per_hour(&self) -> f64 {
        3600.0 / self.busy_s.point
    }

    /// The parts of one inference's cost, and what is left out.
    pub fn bill(&self) -> Bill {
        let at = At { busy_s: self.busy_s.point, joules: self.joules.map(|joules| joules.point) };
        let (parts, left_out) = self.parts(at);
        Bill::of(self.currency, &parts, left_out)
    }

    /// The cost of one inference with its interval; `None` where no part is known.
    pub fn cost(&self) -> Option<Estimate> {
        let inputs = self.inputs();
        let cost = propagate(&inputs, |at| self.total(&inputs, at))?;
        let point = self.bill().total_f64()?;
        Some(Estimate { point, lower: cost.lower.min(point), upper: cost.upper.max(point), ..cost })
    }

    /// The cost of so many units of which one takes `taken`: an inference's cost rises with its seconds and joules alone, so
    /// that of a unit does. `None` where no part is known, or joules are known of only one of the two.
    pub fn cost_of(&self, taken: &Taken, units: f64) -> Option<Estimate> {
        if taken.joules.is_some() != self.joules.is_some() {
            return None;
        }
        self.cost()?;

        let of_units = Self {
            busy_s: taken.busy_s.map(|busy| busy * units),
            joules: taken.joules.map(|joules| joules.map(|joules| joules * units)),
            ..self.clone()
        };
        let inputs = of_units.inputs();
        propagate(&inputs, |at| of_units.total(&inputs, at))
    }

    /// The measured inputs, in one group: joules and seconds of the same inferences rise and fall together.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        let joules = self.joules.unwrap_or_else(|| exact(0.0));
        vec![Input::new(self.busy_s, 0), Input::new(joules, 0)]
    }

    /// The sum of the known parts at given values of [`Scenario::inputs`].
    pub(crate) fn total(&self, _inputs: &[Input], at: &[f64]) -> f64 {
        let at = match *at {
            [busy_s, joules, ..] => At { busy_s, joules: self.joules.map(|_| joules) },
            _ => At { busy_s: f64::NAN, joules: self.joules.map(|_| f64::NAN) },
        };
        self.parts(at).0.iter().map(|(_, amount)| amount).sum()
    }

    /// The prices as rates.
    pub(crate) fn rates(&self) -> Rates {
        let machine = match self.acquisition {
            Acquisition::Owned(owned) => {
                Some(MachineRate { per_hour: owned.per_hour(), part: CostPart::Hardware })
            }
            Acquisition::Rented { per_hour, .. } => Some(MachineRate { per_hour, part: CostPart::Rent }),
            Acquisition::Unknown => None,
        };

        Rates {
            machine,
            operation_per_hour: self.operation_per_hour,
            per_kilowatt_hour: self.tariff,
            pue: self.pue,
            electricity_in_rent: self.is_electricity_in_rent(),
        }
    }

    /// True where the machine is rented and its rate holds the electricity.
    pub(crate) fn is_electricity_in_rent(&self) -> bool {
        matches!(self.acquisition, Acquisition::Rented { includes_electricity: true, .. })
    }

    /// Why the joules are unknown.
    pub(crate) fn why_no_energy(&self) -> Reason {
        self.energy_note.as_ref().map_or(Reason::NoEnergy, EnergyNote::reason)
    }

    /// Parts of one answered request at this utilization, and what is left out.
    pub(crate) fn parts(&self, at: At) -> (Vec<(CostPart, f64)>, LeftOut) {
        let usage = Usage::at_utilization(
            at.busy_s,
            self.utilization,
            at.joules.ok_or_else(|| self.why_no_energy()),
            self.idle_w.ok_or(Reason::NoIdlePower),
        );

        let rates = self.rates();
        let amounts = cost(&rates, &usage);
        let machine = rates.machine.map_or(CostPart::Hardware, |machine| machine.part);

        let (mut parts, mut left_out) = (Vec::new(), LeftOut::default());

        for (part, amount) in amounts.by_part(machine) {
            match amount {
                // A machine that never waits has no idle hours to name.
                Ok(_) if part == CostPart::Idle && usage.idle_seconds <= 0.0 => {}
                Ok(amount) => parts.push((part, *amount)),
                Err(Reason::InRent) => {}
                Err(reason) => left_out.insert(part, reason.clone()),
            }
        }

        (parts, left_out)
    }

    /// The mean power above which energy that was not measured would make an inference cost `limit`, in watts;
    /// `None` where energy is known, in the rent or without a price, or the limit is passed already.
    pub fn watts_until(&self, limit: f64) -> Option<f64> {
        let missing = self.bill().left_out.holds(CostPart::Energy) && self.joules.is_none();
        let per_joule = self.tariff.filter(|_| missing)? * self.pue / JOULES_PER_KILOWATT_HOUR;
        let room = limit - self.cost()?.point;
        (room > 0.0 && per_joule > 0.0).then(|| room / per_joule / self.busy_s.point)
    }
}

/// The source of what nobody says.
const NOBODY: &str = "assumed: nobody says it";

/// What a price book says: one assumption a price, life and interest of what is owned, and PUE.
pub fn assumptions(prices: &PriceBook, interest: f64) -> Vec<Assumption> {
    let mut all: Vec<Assumption> = prices.prices_that_age().map(Assumption::of_price).collect();
    if let Some(HardwareCost::Owned { purchase, salvage_share, life_years }) = &prices.hardware {
        all.push(Assumption::of_invoice(purchase));
        let life = Assumed::Life { years: *life_years, salvage_share: *salvage_share };
        all.push(Assumption::new(life, given(prices)));
        if interest > 0.0 {
            all.push(Assumption::new(Assumed::Interest(interest), "[load]"));
        }
    }

    let source = if prices.pue_assumed { NOBODY.to_owned() } else { given(prices) };
    all.push(Assumption::new(Assumed::Pue { pue: prices.pue, is_counted: false }, source));
    all
}

/// The utilization that a price book says.
pub fn utilization(prices: &PriceBook) -> Assumption {
    let source = match prices.utilization_basis {
        UtilizationBasis::Given => given(prices),
        UtilizationBasis::Load => "[load], at the capacity given or measured".to_owned(),
        UtilizationBasis::Assumed => NOBODY.to_owned(),
    };
    Assumption::new(Assumed::Utilization(prices.utilization), source)
}

fn given(prices: &PriceBook) -> String {
    if prices.assumed { "the shipped example profile".to_owned() } else { prices.name.clone() }
}
