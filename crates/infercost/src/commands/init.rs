//! `infercost init`: a commented settings file, by asking or from flags.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use infercost_core::Currency;
use infercost_prices::settings_file::{Answers, Machine};
use infercost_run::today::today;
use infercost_run::{config, usage};
use rust_decimal::Decimal;

use crate::flags::GlobalFlags;
use crate::flags::numbers::{above_zero, count, hours_of_day, share_above_zero};
use crate::output;

/// Times that a question is asked again where the answer says nothing.
const ATTEMPTS: usize = 3;
/// Years that a machine is taken to live where nobody says it.
const USUAL_LIFE: f64 = 4.0;

/// Begin a settings file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost init
      asks, on a terminal
  infercost init --currency EUR --electricity 0.31 --purchase 2400
  infercost init --rent 0.34 --requests-per-hour 1200 --hours-per-day 16
  infercost prices fetch vast --gpu \"RTX 4090\" --fill
      adds real offers to it

Exit codes: 0 written, 2 the file is there already")]
pub(crate) struct InitCommand {
    /// Where to write it
    #[arg(value_name = "FILE", default_value = config::DEFAULT_FILE)]
    file: PathBuf,

    /// Currency of all amounts [default: USD]
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,

    /// Price of electricity per kWh
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    electricity: Option<Decimal>,

    /// What the machine cost
    #[arg(long, value_name = "AMOUNT", value_parser = amount, conflicts_with = "rent")]
    purchase: Option<Decimal>,

    /// Years that it lives [default: 4]
    #[arg(long, value_name = "YEARS", value_parser = above_zero, requires = "purchase")]
    life: Option<f64>,

    /// What the machine costs per hour, electricity included, where it is rented
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    rent: Option<Decimal>,

    /// Requests an hour, in hours with requests
    #[arg(long, value_name = "N", value_parser = count)]
    requests_per_hour: Option<f64>,

    /// Hours a day with requests
    #[arg(long, value_name = "HOURS", value_parser = hours_of_day)]
    hours_per_day: Option<f64>,

    /// Share of hours in which the machine works, where the load does not say it
    #[arg(long, value_name = "SHARE", value_parser = share_above_zero)]
    utilization: Option<f64>,

    /// What an inference earns
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    revenue: Option<Decimal>,

    /// Ask nothing, also on a terminal
    #[arg(long)]
    no_input: bool,

    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// Writes the file.
pub(crate) fn run(arguments: &InitCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let file = arguments.file.display();
    if arguments.file.exists() && !arguments.force {
        return Err(usage(format!("{file} is there already; --force replaces it, another FILE leaves it")));
    }

    let asks = !arguments.no_input && io::stdin().is_terminal() && io::stderr().is_terminal();
    let answers = if asks { arguments.asked()? } else { arguments.given() };

    let mut options = OpenOptions::new();
    options.write(true);
    match arguments.force {
        true => options.create(true).truncate(true),
        // Another program may have written it since we looked.
        false => options.create_new(true),
    };
    let mut out = options.open(&arguments.file).with_context(|| format!("cannot write {file}"))?;
    let written = out.write_all(answers.settings(today()).as_bytes()).and_then(|()| out.sync_all());
    written.with_context(|| format!("cannot write {file}"))?;

    if global.json {
        let object =
            serde_json::json!({"schema": "infercost.init/1", "path": arguments.file.display().to_string()});
        output::line(&serde_json::to_string_pretty(&object)?);
    }
    output::note(&format!(
        "{file} is written; every setting has its comment, and what you left open is said in each answer"
    ));
    Ok(ExitCode::SUCCESS)
}

impl InitCommand {
    /// What the flags say.
    fn given(&self) -> Answers {
        let bought =
            self.purchase.map(|price| Machine::Bought { price, life_years: self.life.unwrap_or(USUAL_LIFE) });
        Answers {
            currency: self.currency,
            electricity: self.electricity,
            machine: self.rent.map(|per_hour| Machine::Rented { per_hour }).or(bought),
            requests_per_hour: self.requests_per_hour,
            hours_per_day: self.hours_per_day,
            utilization: self.utilization,
            revenue: self.revenue,
        }
    }

    /// What the flags say, and answers to what they leave open.
    fn asked(&self) -> anyhow::Result<Answers> {
        output::note("Each question can be left open with Enter.");
        let mut answers = self.given();
        answers.currency = or_ask(answers.currency, "Currency of your bills (USD, EUR, …)", |text| {
            text.to_ascii_uppercase().parse::<Currency>().map_err(|error| error.to_string())
        })?;
        answers.electricity = or_ask(answers.electricity, "Electricity, per kWh", amount)?;
        answers.machine = match answers.machine {
            Some(machine) => Some(machine),
            None => asked_machine()?,
        };
        answers.requests_per_hour =
            or_ask(answers.requests_per_hour, "Requests an hour, in hours with requests", count)?;
        answers.hours_per_day = or_ask(answers.hours_per_day, "Hours a day with requests", hours_of_day)?;
        answers.revenue = or_ask(answers.revenue, "What an inference earns", amount)?;
        Ok(answers)
    }
}

fn asked_machine() -> anyhow::Result<Option<Machine>> {
    if let Some(price) = or_ask(None, "What the machine cost (Enter if it is rented)", amount)? {
        let life = or_ask(None, "Years that it lives (Enter for 4)", above_zero)?;
        return Ok(Some(Machine::Bought { price, life_years: life.unwrap_or(USUAL_LIFE) }));
    }
    let per_hour = or_ask(None, "What it costs per hour, electricity included", amount)?;
    Ok(per_hour.map(|per_hour| Machine::Rented { per_hour }))
}

/// What is known already, else the answer to a question; `None` where it is left open.
fn or_ask<T>(
    known: Option<T>,
    question: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> anyhow::Result<Option<T>> {
    if known.is_some() {
        return Ok(known);
    }

    for _ in 0..ATTEMPTS {
        eprint_question(question)?;
        let mut line = String::new();
        io::stdin().read_line(&mut line).context("cannot read the answer")?;
        let answer = line.trim();
        if answer.is_empty() {
            return Ok(None);
        }
        match read(answer) {
            Ok(value) => return Ok(Some(value)),
            Err(reason) => output::note(&format!("{reason}; once more, or Enter to leave it open")),
        }
    }
    Ok(None)
}

fn eprint_question(question: &str) -> anyhow::Result<()> {
    let mut out = io::stderr().lock();
    write!(out, "{question}: ").and_then(|()| out.flush()).context("cannot ask")
}

/// A decimal amount, not negative.
fn amount(text: &str) -> Result<Decimal, String> {
    let amount: Decimal = text.trim().parse().map_err(|_| "not an amount, such as 0.31".to_owned())?;
    if amount.is_sign_negative() { Err("must not be negative".to_owned()) } else { Ok(amount) }
}
