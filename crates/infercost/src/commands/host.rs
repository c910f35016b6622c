//! `infercost host`: own, rent, spot, serverless or a hosted API.

use std::process::ExitCode;

use clap::Args;
use infercost_core::hosting::HostingOffer;
use infercost_core::price::PriceBook;
use infercost_core::{EconomicsFact, Severity, Workload};
use infercost_economics::hosting::{Demand, HostingScenario, host, measured_on};
use infercost_economics::{Scenario, bill, chart, scenario};
use infercost_prices::sections::exchange::convert_offer;
use infercost_prices::sections::load::PLANNED_UTILIZATION;
use infercost_run::economics_inputs::{self, EconomicsInputs, Measured};
use infercost_run::usage;
use infercost_run::{price_store, run_folder};

use crate::exit;
use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::economics::{ChartFlag, DemandFlags, EconomicsFlags};
use crate::flags::numbers::count;
use crate::output;
use crate::output::answer::delivery::{self, deliver};
use crate::remote::RunsUsed;

/// Which way is cheapest.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost host --requests-per-hour 400 --config infercost.toml
  infercost host traces/sample/20261129-144944 --assume-watts 60,20 \\
    --chart map.svg
  infercost host --market \"RTX 4090\"
      with the cheapest fetched offers of that hardware

Offers stand in [[offers]] of infercost.toml: kind rent, spot, serverless or api; without any, the shipped \
example table is used, marked as assumed. The price book's own hardware is the way called own.

Exit codes: 0 an answer; 3 not settled: the cheapest way leaves something out")]
pub(crate) struct HostCommand {
    /// Run folder, or run id below --traces [default: the newest run]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,

    #[command(flatten)]
    pub(crate) load: DemandFlags,

    /// Requests an hour that one machine can answer [default: as measured]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) capacity_per_hour: Option<f64>,

    /// Add the cheapest fetched offers of the hardware of this name: one to rent, one spot
    #[arg(long, value_name = "HARDWARE")]
    pub(crate) market: Option<String>,

    /// Add the fetched price of this hosted model's tokens
    #[arg(long, value_name = "NAME")]
    pub(crate) api_model: Option<String>,

    /// Compare with nothing where no offer is given, instead of with the shipped example
    #[arg(long)]
    pub(crate) no_example_offers: bool,

    /// Take the speed and load time of an offer from a run that was recorded on it; may be repeated
    #[arg(long, value_name = "OFFER=RUN", value_parser = offer_and_run)]
    pub(crate) measured_on: Vec<(String, String)>,

    #[command(flatten)]
    pub(crate) economics: EconomicsFlags,

    #[command(flatten)]
    pub(crate) chart: ChartFlag,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

impl HostCommand {
    /// Which runs it works with.
    pub(crate) fn runs_used(&self) -> RunsUsed<'_> {
        let mut names = vec![self.run.as_deref().unwrap_or(run_folder::LATEST)];
        names.extend(self.measured_on.iter().map(|(_, run)| run.as_str()));
        RunsUsed::Named(names)
    }
}

fn offer_and_run(text: &str) -> Result<(String, String), String> {
    let (offer, run) = text.split_once('=').ok_or("write the offer's name, =, and the run")?;
    Ok((offer.to_owned(), run.to_owned()))
}

pub(crate) fn run(arguments: &HostCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, true)?;
    let business = EconomicsInputs::read(arguments.economics.request(global))?;
    let Measured { run, workload } = economics_inputs::measured(&business.request, arguments.run.as_deref())?;
    let book = business.book_for(&run.header, &workload, arguments.capacity_per_hour)?;
    let interest = business.load.interest.unwrap_or(0.0);
    let scenario = Scenario::of(&workload, &book, interest);
    let demand = demand(&arguments.load, &business, &book);
    let demand =
        Demand { capacity_per_hour: arguments.capacity_per_hour.or(demand.capacity_per_hour), ..demand };
    let hours_per_day = demand.hours_per_day;
    let setting = HostingScenario::of(scenario, &workload, demand);
    let Offers { mut offers, finding: offers_finding } = offers(arguments, &business, &book)?;
    for (name, run) in &arguments.measured_on {
        let offer = offers.iter_mut().find(|offer| offer.name == *name);
        let offer = offer.ok_or_else(|| usage(format!("--measured-on {name}: no offer has that name")))?;
        let there = there(&business, &workload, run)?;
        *offer = measured_on(offer, &workload, &there)
            .map_err(|reason| usage(format!("--measured-on {name}: {reason}")))?;
    }

    let mut hosting = host(format!("{} in run {}", workload.variant, workload.run), &setting, &offers);
    hosting.assumptions.extend(scenario::assumptions(&book, interest));

    let mut findings = economics_inputs::unpriced(&book);
    if let Some(fact) = offers_finding {
        findings.add(Severity::Warning, fact);
    }
    findings.extend(bill::stale(&hosting.assumptions, business.today));
    findings.extend(economics_inputs::findings(&book, &workload));
    hosting.findings.precede(findings);

    economics_inputs::write_chart(arguments.chart.chart.as_deref(), || chart::map::map(&hosting))?;
    let answer = output::economics::host::answer(&hosting, hours_per_day);
    deliver(&answer, &hosting, Some(&|| Ok(chart::map::map(&hosting))), &arguments.answer, global)?;

    Ok(ExitCode::from(if hosting.open { exit::INCONCLUSIVE } else { 0 }))
}

/// What an inference of the same variant takes in another run.
fn there(business: &EconomicsInputs, here: &Workload, run: &str) -> anyhow::Result<Workload> {
    let folder = run_folder::named(&business.request.traces, run)?;
    let run = infercost_trace::read_run(&folder)?;
    economics_inputs::workload_of(&run, &here.variant, &business.request)
}

/// The load by the flags, else by the settings. Without any, machines are used as the price book says.
pub(crate) fn demand(flags: &DemandFlags, business: &EconomicsInputs, book: &PriceBook) -> Demand {
    let given = &business.load;
    let requests_per_hour = flags.requests_per_hour.or(given.requests_per_hour);
    let planned = if requests_per_hour.is_some() { PLANNED_UTILIZATION } else { book.utilization };
    Demand {
        requests_per_hour,
        hours_per_day: flags.hours_per_day.or(given.hours_per_day).unwrap_or(24.0),
        max_utilization: flags.utilization.or(given.max_utilization).unwrap_or(planned),
        capacity_per_hour: given.capacity_per_hour,
    }
}

/// What is compared with, and what must be known of it.
pub(crate) struct Offers {
    pub(crate) offers: Vec<HostingOffer>,
    pub(crate) finding: Option<EconomicsFact>,
}

/// The offers of the settings, in the currency of the answer; the shipped example where there are none.
pub(crate) fn own_or_example_offers(business: &EconomicsInputs, book: &PriceBook) -> anyhow::Result<Offers> {
    if business.offers.is_empty() {
        return examples(business, book);
    }
    let offers = converted(&business.offers, business, book).map_err(|error| usage(error.to_string()))?;
    Ok(Offers { offers, finding: None })
}

/// The offers of the settings and of the price store, in the currency of the answer; the shipped example where there
/// are none.
fn offers(arguments: &HostCommand, business: &EconomicsInputs, book: &PriceBook) -> anyhow::Result<Offers> {
    let mut all = business.offers.clone();
    let store = business.request.price_store.as_deref();
    if let Some(hardware) = &arguments.market {
        let found = price_store::offers(store, hardware)?;
        if found.is_empty() {
            return Err(usage(format!(
                "--market {hardware}: no fetched offer has such hardware; `infercost prices fetch vast` fetches some"
            )));
        }
        all.extend(found);
    }

    if let Some(model) = &arguments.api_model {
        let found = price_store::tokens(store, model)?.map(|tokens| tokens.as_hosting());
        all.push(found.ok_or_else(|| {
            usage(format!("--api-model {model}: no fetched price has that name; `infercost prices fetch litellm` fetches a map"))
        })?);
    }
    if all.is_empty() && !arguments.no_example_offers {
        return examples(business, book);
    }

    let offers = converted(&all, business, book).map_err(|error| usage(error.to_string()))?;
    Ok(Offers { offers, finding: None })
}

/// The shipped example, where its currency can be converted.
fn examples(business: &EconomicsInputs, book: &PriceBook) -> anyhow::Result<Offers> {
    Ok(match converted(&infercost_prices::example_offers()?, business, book) {
        Ok(offers) => {
            let date = offers.iter().map(|offer| offer.price.date).max();
            Offers { finding: date.map(|date| EconomicsFact::ExampleOffers { date }), offers }
        }
        Err(error) => {
            Offers { offers: Vec::new(), finding: Some(EconomicsFact::NoOffers { why: error.to_string() }) }
        }
    })
}

fn converted(
    offers: &[HostingOffer],
    business: &EconomicsInputs,
    book: &PriceBook,
) -> Result<Vec<HostingOffer>, infercost_prices::PriceError> {
    offers.iter().map(|offer| convert_offer(offer, book.currency, &business.rates)).collect()
}
