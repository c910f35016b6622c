//! `infercost replace`: keep or replace the hardware.

use std::process::ExitCode;

use clap::Args;
use infercost_core::economics::Assumed;
use infercost_core::price::{HardwareCost, PriceBook};
use infercost_core::{RunRecord, Workload};
use infercost_economics::bill::{self, double};
use infercost_economics::ownership::Owned;
use infercost_economics::replacement::{Decision, Terms, replacement};
use infercost_economics::{Assumption, scenario};
use infercost_run::economics_inputs::{self, EconomicsInputs};
use infercost_run::run_folder;
use infercost_run::usage;

use crate::commands::host::demand;
use crate::exit;
use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::economics::{DemandFlags, EconomicsFlags};
use crate::flags::numbers::{above_zero, at_least_zero, share};
use crate::output;
use crate::output::answer::delivery::{self, deliver};

/// Keep or replace.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost replace traces/old traces/new --new-price 2400 --new-life 4 \\
    --resale 300
  infercost replace traces/old traces/new --new-price 2400 \\
    --requests-per-hour 900 --json

Exit codes: 0 keep or replace, 3 not settled")]
pub(crate) struct ReplaceCommand {
    /// Run on the machine that is there
    #[arg(value_name = "RUN_OLD")]
    pub(crate) old: String,

    /// Run on the machine that may replace it
    #[arg(value_name = "RUN_NEW")]
    pub(crate) new: String,

    /// Variant of the second run [default: the same as of the first, if it is there]
    #[arg(long, value_name = "VARIANT")]
    pub(crate) new_variant: Option<String>,

    /// Price of the new machine [default: the price book's]
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    pub(crate) new_price: Option<f64>,

    /// Years that the new machine lives [default: the price book's, else 4]
    #[arg(long, value_name = "YEARS", value_parser = above_zero)]
    pub(crate) new_life: Option<f64>,

    /// Share of its price that the new machine fetches at the end [default: the price book's, else 0]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) new_salvage: Option<f64>,

    /// What the old machine would fetch today
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0, value_parser = at_least_zero)]
    pub(crate) resale: f64,

    /// Share of its value that the old machine loses each year
    #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = share)]
    pub(crate) decline: f64,

    #[command(flatten)]
    pub(crate) load: DemandFlags,

    #[command(flatten)]
    pub(crate) economics: EconomicsFlags,

    #[command(flatten)]
    pub(crate) form: AnswerFlags,
}

pub(crate) fn run(arguments: &ReplaceCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.form, false)?;
    let business = EconomicsInputs::read(arguments.economics.request(global))?;
    let old = economics_inputs::measured(&business.request, Some(&arguments.old))?;
    let new = new_workload(arguments, &business, &old.workload)?;
    let book = business.book_for(&old.run.header, &old.workload, None)?;
    let terms = terms(arguments, &business, &book)?;
    let mut answer = replacement(&old.workload, &new, &terms);

    let mut findings = bill::stale(&answer.assumptions, business.today);
    findings.extend(economics_inputs::findings(&book, &old.workload));
    answer.findings.precede(findings);

    let shown = output::economics::replace::answer(&answer);
    deliver(&shown, &answer, None, &arguments.form, global)?;
    Ok(ExitCode::from(if answer.decision == Decision::Open { exit::INCONCLUSIVE } else { 0 }))
}

/// The second run's workload: the named variant, else the first run's, else the baseline.
fn new_workload(
    arguments: &ReplaceCommand,
    business: &EconomicsInputs,
    old: &Workload,
) -> anyhow::Result<Workload> {
    let run: RunRecord =
        infercost_trace::read_run(&run_folder::named(&business.request.traces, &arguments.new)?)?;
    let variant = match &arguments.new_variant {
        Some(name) => economics_inputs::variant(&run, Some(name))?,
        None if run.header.variants.iter().any(|one| one.id == old.variant) => old.variant.clone(),
        None => run.header.baseline.clone(),
    };
    economics_inputs::workload_of(&run, &variant, &business.request)
}

fn terms(arguments: &ReplaceCommand, business: &EconomicsInputs, book: &PriceBook) -> anyhow::Result<Terms> {
    let of_book = match &book.hardware {
        Some(HardwareCost::Owned { purchase, salvage_share, life_years }) => {
            Some((double(purchase.value), *salvage_share, *life_years))
        }
        _ => None,
    };
    let purchase = arguments.new_price.or(of_book.map(|(purchase, ..)| purchase));
    let purchase =
        purchase.ok_or_else(|| usage("the price of the new machine is unknown; give --new-price"))?;
    let demand = demand(&arguments.load, business, book);
    let new = Owned {
        purchase,
        salvage_share: arguments.new_salvage.or(of_book.map(|(_, salvage, _)| salvage)).unwrap_or(0.0),
        life_years: arguments.new_life.or(of_book.map(|(.., life)| life)).unwrap_or(4.0),
        interest: business.load.interest.unwrap_or(0.0),
    };
    let mut assumptions = scenario::assumptions(book, new.interest);
    let given = if arguments.new_price.is_some() { "given with --new-price" } else { "the price book" };
    let currency = book.currency;
    let new_machine = Assumed::NewMachine { purchase, currency, life_years: new.life_years };
    assumptions.push(Assumption::new(new_machine, given));
    let old_machine =
        Assumed::OldMachine { resale: arguments.resale, currency, yearly_decline: arguments.decline };
    assumptions.push(Assumption::new(old_machine, "given with --resale and --decline, or their defaults"));

    Ok(Terms {
        currency,
        requests_per_hour: demand.requests_per_hour,
        hours_per_day: demand.hours_per_day,
        max_utilization: demand.max_utilization,
        tariff: book.electricity.as_ref().map(|price| double(price.value)),
        pue: book.pue,
        operation_per_hour: book.operation.as_ref().map(|price| double(price.value)),
        resale: arguments.resale,
        yearly_decline: arguments.decline,
        new,
        assumptions,
    })
}
