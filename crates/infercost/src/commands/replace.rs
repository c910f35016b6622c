//! `infercost replace`: keep or replace the hardware.

use std::process::ExitCode;

use infercost_core::price::{HardwareCost, PriceBook};
use infercost_core::{RunRecord, Workload};
use infercost_economics::bill::{self, double};
use infercost_economics::ownership::Owned;
use infercost_economics::replacement::{Decision, Terms, replacement};
use infercost_economics::wording::years;
use infercost_economics::{Assumption, scenario};

use crate::arguments::economics::ReplaceCommand;
use crate::business::{self, Business};
use crate::commands::host::demand;
use crate::exit::{self, usage};
use crate::{output, run_folder};

pub(crate) fn run(arguments: &ReplaceCommand) -> anyhow::Result<ExitCode> {
    let business = Business::read(&arguments.economics)?;
    let old = business::measured(&arguments.economics, Some(&arguments.old))?;
    let new = new_workload(arguments, &old.workload)?;
    let book = business.book(&old.run.header.prices)?;
    let terms = terms(arguments, &business, &book)?;
    let mut answer = replacement(&old.workload, &new, &terms);
    let mut notes = bill::stale(&answer.assumptions, business.today);
    notes.extend(business::notes(&book, &old.workload));
    answer.notes.splice(0..0, notes);
    if arguments.economics.json {
        output::line(&serde_json::to_string_pretty(&answer)?);
    } else {
        output::block(&output::economics::replace::render(&answer));
    }
    Ok(ExitCode::from(if answer.decision == Decision::Open { exit::INCONCLUSIVE } else { 0 }))
}

/// The second run's workload: the named variant, else the first run's, else the baseline.
fn new_workload(arguments: &ReplaceCommand, old: &Workload) -> anyhow::Result<Workload> {
    let run: RunRecord =
        infercost_trace::read_run(&run_folder::named(&arguments.economics.traces, &arguments.new)?)?;
    let variant = match &arguments.new_variant {
        Some(name) => business::variant(&run, Some(name))?,
        None if run.header.variants.iter().any(|one| one.id == old.variant) => old.variant.clone(),
        None => run.header.baseline.clone(),
    };
    business::workload_of(&run, &variant, &arguments.economics)
}

fn terms(arguments: &ReplaceCommand, business: &Business, book: &PriceBook) -> anyhow::Result<Terms> {
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
    assumptions.push(Assumption::new(
        format!("the new machine costs {purchase} {currency} and lives {}", years(new.life_years)),
        given,
    ));
    assumptions.push(Assumption::new(
        format!(
            "the old machine would fetch {} {currency} and loses {} of that a year",
            arguments.resale,
            infercost_core::text::percent(arguments.decline)
        ),
        "given with --resale and --decline, or their defaults",
    ));
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
