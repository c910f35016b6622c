//! The cost of an inference each way, as a function of load and of what was measured.

use infercost_core::hosting::{Charge, HostingOffer, OpenPart};
use infercost_core::{CostPart, EconomicsReason, Estimate, LeftOut, Reason};

use super::hosting_scenario::{At, HostingScenario};
use crate::bill::double;
use crate::scenario::Acquisition;
use infercost_cost::{JOULES_PER_KILOWATT_HOUR, Usage, cost};
use infercost_stats::propagation::propagate;

/// Days of a year over months, for charges by the month.
const MONTHS_PER_DAY: f64 = 12.0 / 365.0;

/// One way to get inferences answered.
#[derive(Debug, Clone, PartialEq)]
pub struct HostingOption {
    /// Its name.
    pub name: String,
    pub(super) offer: Option<(Charge, f64)>,
    /// What is not known of the offer's price.
    open: Vec<OpenPart>,
    /// True for the machine of the price book: what the book says of operation, and of electricity that is not in
    /// the rent, is paid on top.
    of_book: bool,
}

impl HostingOption {
    /// The measured machine as the price book has it, then the offers.
    pub fn all(setting: &HostingScenario, offers: &[HostingOffer]) -> Vec<Self> {
        let offered = offers.iter().map(|offer| Self {
            name: offer.name.clone(),
            offer: Some((offer.charge.clone(), double(offer.price.value))),
            open: offer.open.clone(),
            of_book: false,
        });
        Self::own(setting).into_iter().chain(Self::rented(setting)).chain(offered).collect()
    }

    /// Owning, where the price book has a purchase price.
    pub fn own(setting: &HostingScenario) -> Option<Self> {
        matches!(setting.scenario.acquisition, Acquisition::Owned(_)).then(|| Self {
            name: "own".to_owned(),
            offer: None,
            open: Vec::new(),
            of_book: true,
        })
    }

    /// The rented machine of the price book, where it has one.
    fn rented(setting: &HostingScenario) -> Option<Self> {
        match setting.scenario.acquisition {
            Acquisition::Rented { per_hour, .. } => {
                let charge = Charge::Rent {
                    billing_seconds: 1.0,
                    other_per_month: rust_decimal::Decimal::ZERO,
                    speed: Some(1.0),
                };
                let offer = Some((charge, per_hour));
                Some(Self { name: "rent as now".to_owned(), offer, open: Vec::new(), of_book: true })
            }
            _ => None,
        }
    }

    /// True for the machine in use, owned or rented.
    pub(crate) fn is_of_book(&self) -> bool {
        self.of_book
    }

    /// `own`, `rent`, `spot`, `serverless` or `api`.
    pub fn kind(&self) -> &'static str {
        match &self.offer {
            None => "own",
            Some((Charge::Rent { .. }, _)) => "rent",
            Some((Charge::Spot { .. }, _)) => "spot",
            Some((Charge::Serverless { .. }, _)) => "serverless",
            Some((Charge::Api { .. }, _)) => "api",
        }
    }

    /// Cost of one inference with its interval; `None` where nothing of it is known.
    pub fn cost(&self, setting: &HostingScenario, requests: f64) -> Option<Estimate> {
        self.total(setting, requests, &setting.points())?;
        propagate(&setting.inputs(), |at| self.total(setting, requests, at).unwrap_or(f64::NAN))
    }

    /// The sum of the known parts; `None` where nothing is known, or the price is no whole one.
    pub(crate) fn total(&self, setting: &HostingScenario, requests: f64, at: &[f64]) -> Option<f64> {
        let (parts, _) = self.parts(setting, requests, at);
        (!parts.is_empty()).then(|| parts.iter().map(|(_, amount)| amount).sum())
    }

    /// The same, not a number where nothing is known.
    pub(crate) fn total_or_nan(&self, setting: &HostingScenario, requests: f64, at: &[f64]) -> f64 {
        self.total(setting, requests, at).unwrap_or(f64::NAN)
    }

    /// Machines and the share of their capacity that is used; `None` where nobody counts machines.
    pub(crate) fn fleet(&self, setting: &HostingScenario, requests: f64, at: &[f64]) -> Option<(f64, f64)> {
        let speed = match &self.offer {
            None => 1.0,
            Some((Charge::Rent { speed, .. } | Charge::Spot { speed, .. }, _)) => speed.unwrap_or(1.0),
            Some(_) => return None,
        };

        let values = At::of(at);
        let work = setting.load_at(requests, &values) * setting.busy(&values) / speed / 3600.0;

        // A load that just fills a machine needs no second one for the last bit of a float.
        let machines = (work / setting.demand.max_utilization - 1e-9).ceil().max(1.0);
        Some((machines, work / machines))
    }

    /// Parts of the cost of one inference, and what is left out.
    pub(crate) fn parts(
        &self,
        setting: &HostingScenario,
        requests: f64,
        at: &[f64],
    ) -> (Vec<(CostPart, f64)>, LeftOut) {
        let values = At::of(at);
        let fleet = self.fleet(setting, requests, at).unwrap_or((0.0, 0.0));
        let requests = setting.load_at(requests, &values);

        // Machines that stay on serve the requests of `hours` in 24 h.
        let daily = requests * setting.demand.hours_per_day;
        let mut left_out = LeftOut::default();
        if !self.open.is_empty() {
            for open in &self.open {
                left_out.insert(open.part, open.why.clone());
            }
            return (Vec::new(), left_out);
        }

        let parts = match &self.offer {
            // Machines are paid for 24 h a day.
            None => of_the_book(setting, &values, fleet.0 * 24.0 / daily, true, &mut left_out),
            Some((Charge::Rent { billing_seconds, other_per_month, .. }, rate)) => {
                // Use is rounded up to the granularity once a day.
                let seconds = setting.demand.hours_per_day * 3600.0;
                let billed = (seconds / billing_seconds - 1e-9).ceil() * billing_seconds / 3600.0;
                let other = double(*other_per_month) * MONTHS_PER_DAY;
                let mut parts = vec![(CostPart::Rent, fleet.0 * rate * billed / daily)];
                if other > 0.0 {
                    parts.push((CostPart::StorageAndEgress, fleet.0 * other / daily));
                }

                if self.of_book {
                    let hours = setting.demand.hours_per_day;
                    parts.extend(of_the_book(
                        setting,
                        &values,
                        fleet.0 * hours / daily,
                        false,
                        &mut left_out,
                    ));
                }
                parts
            }
            Some((Charge::Spot { .. }, _)) => self.spot(setting, &values, fleet.0, requests, &mut left_out),
            Some((Charge::Serverless { .. }, _)) => {
                self.serverless(setting, &values, requests, &mut left_out)
            }
            Some((Charge::Api { input, output }, _)) => {
                if setting.input_tokens.is_none() || setting.output_tokens.is_none() {
                    left_out.insert(CostPart::Tokens, Reason::Economics(EconomicsReason::TokensUnknown));
                    Vec::new()
                } else {
                    vec![
                        (CostPart::InputTokens, values.input_tokens * double(*input)),
                        (CostPart::OutputTokens, values.output_tokens * double(*output)),
                    ]
                }
            }
        };

        (parts, left_out)
    }

    /// Effective rate = p × (1 + λ (t_load + t_lost)) + fallback share × (on-demand − p) (method: Cost).
    fn spot(
        &self,
        setting: &HostingScenario,
        at: &At,
        machines: f64,
        requests: f64,
        left_out: &mut LeftOut,
    ) -> Vec<(CostPart, f64)> {
        let Some((
            Charge::Spot {
                interruptions_per_hour,
                lost_seconds,
                fallback_share,
                on_demand_per_hour,
                load_seconds,
                ..
            },
            rate,
        )) = &self.offer
        else {
            return Vec::new();
        };

        let mut parts = vec![(CostPart::Spot, machines * rate / requests)];
        let load = load_seconds.or(setting.load_s.map(|_| at.load_s));
        match load {
            Some(load) => {
                let lost = interruptions_per_hour * (load + lost_seconds) / 3600.0;
                parts.push((CostPart::Restarts, machines * rate * lost / requests));
            }
            None => {
                left_out.insert(CostPart::Restarts, Reason::Economics(EconomicsReason::LoadTimeUnknown));
            }
        }

        if let Some(on_demand) = on_demand_per_hour.filter(|_| *fallback_share > 0.0) {
            parts.push((
                CostPart::Fallback,
                machines * fallback_share * (double(on_demand) - rate) / requests,
            ));
        }
        parts
    }

    /// $/s × (t_exec + p_cold × load time) + idle tail (method: Cost). Arrivals are taken as Poisson: with rate λ
    /// and a worker that waits K seconds, a request finds none with probability e^(−λK), and the wait after a
    /// request lasts (1 − e^(−λK)) ÷ λ seconds on average, the mean of the smaller of K and the next arrival.
    fn serverless(
        &self,
        setting: &HostingScenario,
        at: &At,
        requests: f64,
        left_out: &mut LeftOut,
    ) -> Vec<(CostPart, f64)> {
        let Some((Charge::Serverless { keep_warm_seconds, cold_share, speed, load_seconds }, rate)) =
            &self.offer
        else {
            return Vec::new();
        };

        let per_second = requests / 3600.0;
        let nobody = (-per_second * keep_warm_seconds).exp();
        let cold = cold_share.unwrap_or(nobody);
        let mut parts = vec![(CostPart::Execution, rate * setting.busy(at) / speed.unwrap_or(1.0))];
        match load_seconds.or(setting.load_s.map(|_| at.load_s)) {
            Some(load) => parts.push((CostPart::ColdStarts, rate * cold * load)),
            None => {
                left_out.insert(CostPart::ColdStarts, Reason::Economics(EconomicsReason::LoadTimeUnknown));
            }
        }

        if *keep_warm_seconds > 0.0 {
            parts.push((CostPart::Waiting, rate * (1.0 - nobody) / per_second));
        }
        parts
    }
}

/// The parts of a machine of the price book that is on for `hours` for each request: what it does not work, it idles.
/// `with_machine` is false where the machine itself is billed by a rate of its own.
fn of_the_book(
    setting: &HostingScenario,
    at: &At,
    hours: f64,
    with_machine: bool,
    left_out: &mut LeftOut,
) -> Vec<(CostPart, f64)> {
    let scenario = &setting.scenario;
    let rates = scenario.rates();

    let usage = Usage {
        machine_hours: hours,
        joules: scenario.joules.map(|_| at.joules).ok_or_else(|| scenario.why_no_energy()),
        idle_seconds: (hours * 3600.0 - setting.busy(at)).max(0.0),
        idle_watts: scenario.idle_w.ok_or(Reason::NoIdlePower),
    };

    let machine = rates.machine.map_or(CostPart::Hardware, |machine| machine.part);
    let amounts = cost(&rates, &usage);

    let mut parts = Vec::new();
    for (part, amount) in amounts.by_part(machine) {
        if part == machine && !with_machine {
            continue;
        }

        match amount {
            Ok(amount) => parts.push((part, *amount)),
            Err(Reason::InRent) => {}
            Err(reason) => left_out.insert(part, reason.clone()),
        }
    }

    parts
}

/// Mean watts of one machine, day and night, that cost `money` per inference; `None` without a tariff.
pub(crate) fn watts_for(setting: &HostingScenario, requests: f64, money: f64) -> Option<f64> {
    let scenario = &setting.scenario;
    let per_joule = scenario.tariff? * scenario.pue / JOULES_PER_KILOWATT_HOUR;
    let own = HostingOption::own(setting)?;
    let (machines, _) = own.fleet(setting, requests, &setting.points())?;
    let seconds = machines * 86_400.0 / (requests * setting.demand.hours_per_day);
    (per_joule > 0.0).then(|| money / per_joule / seconds)
}
