//! `infercost audit`: the cost of an inference against what it earns.

mod monitored;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use infercost_core::economics::Assumed;
use infercost_core::hosting::Charge;
use infercost_core::market::TokenPrice;
use infercost_core::text;
use infercost_core::{Currency, EconomicsFact, Estimate, ForeignCall, Money, Severity, Taken};
use infercost_economics::audit::{AuditInput, LOSS_ZONE, Subject, Zone};
use infercost_economics::production::{AuditedInference, Production};
use infercost_economics::{Assumption, Audit, Limits, Scenario, audit, bill, chart, scenario};
use infercost_run::economics_inputs::{self, EconomicsInputs, Measured};
use infercost_run::foreign_traces;
use infercost_run::usage;
use rust_decimal::Decimal;

use crate::exit;
use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::economics::{ChartFlag, EconomicsFlags};
use crate::flags::numbers::{above_zero, count, share_above_zero};
use crate::output;
use crate::output::answer::delivery::{self, Draw, deliver};

/// What is set against what.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost audit --revenue 0.0001 --assume-watts 60,20
  infercost audit traces/sample/20261129-144944 --variant q8_0 \\
    --chart tornado.svg
  infercost audit --inferences production.jsonl --api-model some-model --json
  infercost audit phoenix:http://localhost:6006/my-app --revenue 0.002

Exit codes: 0 within the limits, or there are none; 3 not settled: the interval holds a limit, or energy or \
hardware is unknown; 4 a limit is passed: the cost is in the loss zone, or above --max-cost")]
pub(crate) struct AuditCommand {
    /// A run, or traces.
    #[arg(
        value_name = "RUN",
        help = "Run folder, run id below --traces, what `monitor --record` kept, or another program's traces: an OTLP file, or phoenix:URL/PROJECT [default: the newest run, else the newest recording]"
    )]
    pub(crate) run: Option<String>,

    /// Audit these inferences of production instead of a run: JSON Lines with model, input_tokens, output_tokens,
    /// latency, session, user, cost_stated {amount, currency}, correct
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub(crate) inferences: Option<PathBuf>,

    /// Price of the tokens of the inferences.
    #[arg(
        long,
        value_name = "NAME",
        help = "Price of the tokens of --inferences, or of another program's traces: an [[offers]] entry of kind api, or a model of the fetched price map"
    )]
    pub(crate) api_model: Option<String>,

    /// Revenue of one inference, in the currency of the answer
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    pub(crate) revenue: Option<f64>,

    /// Inferences of one user session
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) per_session: Option<f64>,

    /// Requests an hour that the machine answers at its operating point [default: the settings', else as measured]
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "inferences")]
    pub(crate) capacity_per_hour: Option<f64>,

    /// Share of revenue from which cost is in the loss zone [default: 0.15]
    #[arg(long, value_name = "SHARE", value_parser = share_above_zero)]
    pub(crate) loss_zone: Option<f64>,

    /// Highest cost of one inference
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    pub(crate) max_cost: Option<f64>,

    #[command(flatten)]
    pub(crate) economics: EconomicsFlags,

    #[command(flatten)]
    pub(crate) chart: ChartFlag,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

/// What a file of production inferences holds.
const INFERENCE_LINE: &str =
    "each line is an object with model, input_tokens, output_tokens and latency (seconds)";
/// Largest file of production inferences read.
const MAX_BYTES: u64 = 1 << 30;

/// Hours of a day, where the settings do not say in how many there are requests.
const HOURS_PER_DAY: f64 = 24.0;
/// Days of a mean month.
const DAYS_PER_MONTH: f64 = 365.0 / 12.0;

pub(crate) fn run(arguments: &AuditCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, true)?;
    let business = EconomicsInputs::read(arguments.economics.request(global))?;
    if arguments.inferences.is_none()
        && let Some(folder) = monitored::folder(&global.traces, arguments.run.as_deref())?
    {
        return monitored::audit(&folder, arguments, &business, global);
    }
    let audits = match (&arguments.inferences, &arguments.run) {
        (Some(file), _) => of_production(arguments, &business, &read_inferences(file)?)?,
        (None, Some(name)) if foreign_traces::is_foreign(name) => {
            of_production(arguments, &business, &traced_inferences(name)?)?
        }
        (None, _) => vec![of_run(arguments, &business)?],
    };
    let chart = audits.first().map(chart::tornado::tornado);
    economics_inputs::write_chart(arguments.chart.chart.as_deref(), || chart.clone().unwrap_or_default())?;

    let answer = output::economics::audit::answer(&audits);
    let draw: Draw<'_> = &|| chart.clone().ok_or_else(|| "there is no audit to draw".to_owned());
    match audits.as_slice() {
        [one] => deliver(&answer, one, Some(draw), &arguments.answer, global)?,
        all => {
            let object = serde_json::json!({"schema": "infercost.audits/1", "audits": all});
            deliver(&answer, &object, Some(draw), &arguments.answer, global)?;
        }
    }

    Ok(code(&audits))
}

fn code(audits: &[Audit]) -> ExitCode {
    let zones: Vec<Zone> = audits.iter().filter_map(Audit::worst).collect();
    ExitCode::from(if zones.contains(&Zone::Loss) {
        exit::NONE_PASSES
    } else if zones.contains(&Zone::Open) {
        exit::INCONCLUSIVE
    } else {
        0
    })
}

fn of_run(arguments: &AuditCommand, business: &EconomicsInputs) -> anyhow::Result<Audit> {
    if arguments.api_model.is_some() {
        return Err(usage(
            "--api-model prices the tokens of --inferences or of another program's traces, not a run's",
        ));
    }

    let Measured { run, workload } = economics_inputs::measured(&business.request, arguments.run.as_deref())?;
    let book = business.book_for(&run.header, &workload, arguments.capacity_per_hour)?;
    let interest = business.load.interest.unwrap_or(0.0);
    let capacity = arguments.capacity_per_hour.or(business.load.capacity_per_hour);
    let scenario = Scenario::of(&workload, &book, interest).at_capacity(capacity);
    let mut assumptions = scenario::assumptions(&book, interest);
    assumptions.push(scenario::utilization(&book));
    if let Some(capacity) = capacity {
        let what = Assumed::Capacity { requests_per_hour: capacity };
        assumptions.push(Assumption::new(what, "as given; joules stay as measured"));
    }

    let measured = Assumed::Measured { inferences: workload.inferences, machine: workload.machine.clone() };
    assumptions.push(Assumption::new(measured, format!("run {}", workload.run)));
    let findings = economics_inputs::findings(&book, &workload);
    let per_month = business.load.requests_per_hour.map(|requests| {
        let hours = business.load.hours_per_day.unwrap_or(HOURS_PER_DAY);
        requests * hours * DAYS_PER_MONTH
    });

    Ok(audit(AuditInput {
        name: format!("{} in run {}", workload.variant, workload.run),
        subject: Subject::Machine(Box::new(scenario)),
        correct: workload.correct,
        per_session: arguments.per_session.or(business.revenue.inferences_per_session),
        per_user: business.revenue.inferences_per_user,
        per_month,
        output_tokens: workload.output_tokens,
        per_output_token: at_capacity(workload.per_output_token, capacity, workload.output_tokens),
        per_right_answer: at_capacity(workload.per_right_answer, capacity, workload.correct),
        revenue: business.earned(arguments.revenue, book.currency)?,
        limits: limits(arguments, business, book.currency)?,
        assumptions,
        findings,
        today: business.today,
    }))
}

/// What a unit takes where a machine answers so many requests an hour, of so many units each.
fn at_capacity(taken: Option<Taken>, per_hour: Option<f64>, units: Option<Estimate>) -> Option<Taken> {
    Some(taken?.at_capacity(per_hour, units?))
}

/// The limits by the flags, in the currency of the answer, else by the settings.
fn limits(
    arguments: &AuditCommand,
    business: &EconomicsInputs,
    currency: Currency,
) -> anyhow::Result<Limits> {
    let of_settings = business.revenue.max_cost.as_ref();
    let of_settings = of_settings.map(|limit| business.convert(limit, currency)).transpose()?;
    Ok(Limits {
        loss_zone: Some(arguments.loss_zone.or(business.revenue.loss_zone).unwrap_or(LOSS_ZONE)),
        max_cost: arguments.max_cost.or(of_settings.map(|limit| bill::double(limit.value))),
    })
}

fn of_production(
    arguments: &AuditCommand,
    business: &EconomicsInputs,
    inferences: &[AuditedInference],
) -> anyhow::Result<Vec<Audit>> {
    let currency = business.currency()?;
    let all = Production::by_model(inferences);
    all.into_iter().map(|production| audit_production(arguments, business, production, currency)).collect()
}

/// What another program's traces say of each inference.
fn traced_inferences(name: &str) -> anyhow::Result<Vec<AuditedInference>> {
    let trace = foreign_traces::read(name)?;
    if trace.calls.is_empty() {
        return Err(usage(format!(
            "`{name}` holds no call of a model; `infercost report {name}` says what is there"
        )));
    }
    for (kind, found) in &trace.irregularities {
        output::note(&format!("! {}", output::foreign::irregularity(*kind, found)));
    }
    Ok(trace.calls.into_iter().map(audited).collect())
}

fn audited(call: ForeignCall) -> AuditedInference {
    let cost = call.cost.and_then(|cost| {
        Some(Money { amount: Decimal::from_f64_retain(cost.amount)?, currency: cost.currency? })
    });
    let owned = |name: Option<Arc<str>>| name.map(|name| name.to_string());
    AuditedInference {
        model: owned(call.model).unwrap_or_else(|| "an unnamed model".to_owned()),
        input_tokens: call.input_tokens.map(u64::from),
        cached_input_tokens: call.cached_input_tokens.map(u64::from),
        output_tokens: call.output_tokens.map(u64::from),
        latency: call.latency.map(|latency| latency.as_secs_f64()),
        session: owned(call.session),
        user: owned(call.user),
        cost_stated: cost,
        correct: None,
        failed: call.failed,
    }
}

/// The audit of one model's production inferences: by the price of its tokens where one is named, else by what
/// the trace states.
pub(crate) fn audit_production(
    arguments: &AuditCommand,
    business: &EconomicsInputs,
    production: Production,
    currency: Currency,
) -> anyhow::Result<Audit> {
    let mut findings = production.findings.clone();
    let mut assumptions = Vec::new();
    let (correct, model) = (production.correct, production.model.clone());
    let (per_session, per_user) = (production.per_session(), production.per_user());
    let output_tokens = production.output_tokens;
    let production = Box::new(production);
    let listed = match &arguments.api_model {
        Some(name) => Some(token_price(business, name)?),
        None => business.token_prices.iter().find(|price| price.is_of(&model)).map(|price| {
            let what = Assumed::TokenPrice { model: price.model.clone(), each: None };
            let assumption = Assumption::new(what, price.source.clone());
            (price.by_token(), Assumption { date: Some(price.date), ..assumption })
        }),
    };
    let subject = match listed {
        Some((price, assumption)) => {
            assumptions.push(assumption);
            let rate = business.rate(price.currency, currency)?;
            Subject::Tokens { production, price, rate, currency }
        }
        None => {
            let rate = match production.stated_currency {
                Some(stated) => business.rate(stated, currency)?,
                None => {
                    findings.add(Severity::Warning, EconomicsFact::NoCostStated);
                    1.0
                }
            };
            assumptions.push(Assumption::new(Assumed::StatedCost, "as the trace states it"));
            Subject::Stated { production, rate, currency }
        }
    };

    Ok(audit(AuditInput {
        name: format!("{model} in production"),
        subject,
        correct,
        per_session: arguments.per_session.or(per_session).or(business.revenue.inferences_per_session),
        per_user: per_user.or(business.revenue.inferences_per_user),
        per_month: None,
        output_tokens,
        per_output_token: None,
        per_right_answer: None,
        revenue: business.earned(arguments.revenue, currency)?,
        limits: limits(arguments, business, currency)?,
        assumptions,
        findings,
        today: business.today,
    }))
}

/// The price of a model's tokens: the user's own offers win over a fetched map.
fn token_price(business: &EconomicsInputs, name: &str) -> anyhow::Result<(TokenPrice, Assumption)> {
    for offer in business.offers.iter().filter(|offer| offer.name == name) {
        if let Charge::Api { input, output } = &offer.charge {
            let price = TokenPrice {
                model: offer.name.clone(),
                provider: None,
                input: *input,
                output: *output,
                cached_input: None,
                not_used: Vec::new(),
                currency: offer.price.currency,
            };
            return Ok((price, Assumption::of_price(&offer.price)));
        }
    }
    infercost_run::price_store::token_price(business.request.price_store.as_deref(), name)?.ok_or_else(|| {
        usage(format!("--api-model {name}: no [[offers]] entry of kind api and no fetched price has that name; `infercost prices fetch litellm` fetches a map"))
    })
}

fn read_inferences(file: &Path) -> anyhow::Result<Vec<AuditedInference>> {
    let name = infercost_text::display_name(file);
    let content = infercost_text::read(file, MAX_BYTES, "file of inferences")?;
    let documents = infercost_text::json::documents(&name, &content)?;
    let mut all: Vec<AuditedInference> = Vec::with_capacity(documents.len());
    let mut of_nothing: u64 = 0;
    for document in documents {
        if document.is_other_text() {
            let (line, column) = (document.line, document.column);
            return Err(usage(format!("{name}:{line}:{column}: not JSON; {INFERENCE_LINE}")));
        }

        let line = document.line;
        let mut inference: AuditedInference = document.parse(&name)?;
        if let Some(fault) = inference.fault() {
            return Err(usage(format!("{name}:{line}: {fault}")));
        }
        if inference.is_cost_of_nothing() {
            inference.cost_stated = None;
            of_nothing += 1;
        }
        all.push(inference);
    }

    if of_nothing > 0 {
        let state = if of_nothing == 1 { "states" } else { "state" };
        output::note(&format!(
            "! {} {state} a cost of 0 for tokens that were used; it was taken for unknown",
            text::count(of_nothing, "inference")
        ));
    }
    if all.is_empty() {
        return Err(usage(format!("{name}: no inferences; {INFERENCE_LINE}")));
    }
    Ok(all)
}
