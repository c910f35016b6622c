//! Rows, as whoever has them hands them over. Text is borrowed: a million rows name a handful of models.

use std::time::{SystemTime, UNIX_EPOCH};

use rust_decimal::Decimal;

use super::error::TablesError;
use super::money::{total_units, units};
use super::partition::{Partition, day_of_micros};
use super::schema::Table;
use super::value::Value;

/// Parts of a cost. `None` is not known, not free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CostParts {
    /// Electricity while it ran.
    pub energy: Option<Decimal>,
    /// The machine.
    pub hardware: Option<Decimal>,
    /// Electricity of the unused time that it pays for.
    pub idle: Option<Decimal>,
    /// People, licenses, space.
    pub operation: Option<Decimal>,
    /// Tokens of a hosted API.
    pub tokens: Option<Decimal>,
}

impl CostParts {
    /// The sum of what is known; `None` where nothing is.
    pub fn total(&self) -> Option<Decimal> {
        let parts = [self.energy, self.hardware, self.idle, self.operation, self.tokens];
        let mut sum = None;
        for part in parts.into_iter().flatten() {
            sum = Some(sum.unwrap_or(Decimal::ZERO).checked_add(part)?);
        }
        sum
    }
}

/// A call of a model; fields mean what [`Table::Inferences`] says of its columns.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct InferenceRow<'a> {
    /// The variant of a run, or the model that a trace names.
    pub model: Option<&'a str>,
    /// Label, GPUs or CPU of the machine, or the server's host.
    pub machine: Option<&'a str>,
    /// What tells the machine from every other.
    pub machine_id: Option<&'a str>,
    /// The service that asked; `None` for recorded runs.
    pub service: Option<&'a str>,
    /// The user or customer it was for.
    pub customer: Option<&'a str>,
    /// The conversation or session.
    pub session: Option<&'a str>,
    /// True for recorded runs, false for production.
    pub is_recorded: bool,
    /// Trace, 32 hex digits.
    pub trace_id: Option<&'a str>,
    /// Span, 16 hex digits.
    pub span_id: Option<&'a str>,
    /// Id of the prompt in its set.
    pub prompt_id: Option<&'a str>,
    /// Which repetition of the prompt, 0 first.
    pub repetition: Option<u32>,
    /// The load it was part of; `None` for single requests.
    pub operating_point: Option<&'a str>,
    /// True where a report leaves it out; false by default.
    pub left_out: bool,
    /// When the request was issued.
    pub issued_at: Option<SystemTime>,
    /// From issue to end or failure, in µs.
    pub latency_us: Option<i64>,
    /// Time to first token, in µs.
    pub ttft_us: Option<i64>,
    /// All tokens of the prompt.
    pub input_tokens: Option<u32>,
    /// Of those, tokens that a cache served.
    pub cached_input_tokens: Option<u32>,
    /// Of those, tokens that were written to a cache.
    pub cache_write_tokens: Option<u32>,
    /// All tokens of the answer; `None` where nobody counted them.
    pub output_tokens: Option<u32>,
    /// True where the request failed.
    pub failed: bool,
    /// What kind of failure.
    pub failure: Option<&'a str>,
    /// Its share of the joules of its window, in J.
    pub energy_j: Option<f64>,
    /// The same less idle power × its time, in J.
    pub net_energy_j: Option<f64>,
    /// `unavailable` where it is `None`.
    pub energy_source: Option<&'a str>,
    /// ISO 4217 code of the amounts.
    pub currency: Option<&'a str>,
    /// The whole cost; `None` where it is the sum of the parts, or not known.
    pub cost: Option<Decimal>,
    /// The parts of the cost that are known.
    pub parts: CostParts,
    /// `report`, computed as reports do; `stated`, as the trace has it.
    pub cost_basis: Option<&'a str>,
    /// Score of the answer, in 0 to 1.
    pub task_score: Option<f64>,
    /// Mean divergence from the baseline, in nats per token.
    pub kld_mean: Option<f64>,
    /// The prompt; `None` without `--content`.
    pub prompt: Option<&'a str>,
    /// The answer; `None` without `--content`.
    pub answer: Option<&'a str>,
}

/// A metered stretch of time; fields mean what [`Table::Windows`] says of its columns.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WindowRow<'a> {
    /// The variant of a run, or the model that a trace names.
    pub model: Option<&'a str>,
    /// Label, GPUs or CPU of the machine, or the server's host.
    pub machine: Option<&'a str>,
    /// What tells the machine from every other.
    pub machine_id: Option<&'a str>,
    /// Counts from 0 within the run.
    pub window_index: u32,
    /// The load it was part of; `None` for single requests.
    pub operating_point: Option<&'a str>,
    /// True where a report leaves it out: its window was measured again, or cut off.
    pub left_out: bool,
    /// True where the run was cut off inside the window.
    pub interrupted: bool,
    /// Index of the disturbed window that this one measures again.
    pub remeasures: Option<u32>,
    /// When the meter started.
    pub started_at: Option<SystemTime>,
    /// From meter start to meter stop, in µs.
    pub wall_us: Option<i64>,
    /// Inferences, failures included.
    pub inferences: u64,
    /// Failures.
    pub failures: u64,
    /// Gross energy of the window, in J.
    pub energy_j: Option<f64>,
    /// As in `inferences`.
    pub energy_source: &'a str,
    /// What the reading covers.
    pub energy_scope: Option<&'a str>,
}

/// A judgment of an answer; fields mean what [`Table::Evaluations`] says of its columns.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EvaluationRow<'a> {
    /// The variant of a run, or the model that a trace names.
    pub model: Option<&'a str>,
    /// Label, GPUs or CPU of the machine, or the server's host.
    pub machine: Option<&'a str>,
    /// What tells the machine from every other.
    pub machine_id: Option<&'a str>,
    /// Id of the prompt in its set.
    pub prompt_id: Option<&'a str>,
    /// Which repetition of the prompt, 0 first.
    pub repetition: Option<u32>,
    /// When it began.
    pub evaluated_at: Option<SystemTime>,
    /// How long it took, in µs.
    pub duration_us: Option<i64>,
    /// `task` or `divergence`.
    pub kind: &'a str,
    /// Which grader judged.
    pub grader: Option<&'a str>,
    /// The task's score, in 0 to 1.
    pub score: Option<f64>,
    /// `correct`, `incorrect`, `unparsable` or `failed`.
    pub label: Option<&'a str>,
    /// Positions that were compared with the baseline.
    pub positions: Option<u64>,
    /// Mean divergence; a lower bound where `kld_at_least`, in nats per token.
    pub kld_mean: Option<f64>,
    /// True where only the likeliest tokens were shown.
    pub kld_at_least: Option<bool>,
    /// Positions with the same likeliest token.
    pub top1_matches: Option<u32>,
    /// Why it could not be evaluated; without `--content` a fixed sentence.
    pub impossible: Option<&'a str>,
}

/// A variant of a recorded run; fields mean what [`Table::Runs`] says of its columns.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RunRow<'a> {
    /// The variant of a run, or the model that a trace names.
    pub model: Option<&'a str>,
    /// Label, GPUs or CPU of the machine, or the server's host.
    pub machine: Option<&'a str>,
    /// What tells the machine from every other.
    pub machine_id: Option<&'a str>,
    /// Name of the run's folder.
    pub run_id: &'a str,
    /// The run's trace, 32 hex digits.
    pub trace_id: Option<&'a str>,
    /// True for the variant that others are compared with.
    pub baseline: bool,
    /// True for the second copy of the baseline.
    pub noise_floor: bool,
    /// When the run began.
    pub started_at: Option<SystemTime>,
    /// When it ended; `None` where it was cut off.
    pub finished_at: Option<SystemTime>,
    /// Version that recorded it.
    pub infercost_version: Option<&'a str>,
    /// What ran the model, and its version.
    pub engine: Option<&'a str>,
    /// CPU model.
    pub cpu: Option<&'a str>,
    /// GPUs, joined by commas.
    pub gpus: Option<&'a str>,
    /// Name of the prompt set.
    pub prompt_set: Option<&'a str>,
    /// What the prices are called.
    pub price_book: Option<&'a str>,
    /// True where the prices are the shipped example.
    pub prices_assumed: bool,
    /// Single requests, failures included, as in the report.
    pub inferences: u64,
    /// Requests that were answered with at least one token.
    pub answers: u64,
    /// Failures.
    pub failures: u64,
    /// Of all answers; `None` where an answer's are unknown.
    pub input_tokens: Option<u64>,
    /// Of all answers.
    pub output_tokens: u64,
    /// ISO 4217 code of the amounts.
    pub currency: Option<&'a str>,
    /// What its inferences cost together, under load and not.
    pub cost: Option<Decimal>,
    /// The report's cost per answered single request.
    pub cost_per_inference: Option<f64>,
    /// The meter's difference over the windows of single requests, in J.
    pub energy_j: Option<f64>,
    /// `pass`, `fail` or `inconclusive`.
    pub verdict: Option<&'a str>,
}

/// A row of a table, cell by cell.
pub(crate) struct Cells<'a> {
    pub(crate) table: Table,
    pub(crate) partition: Partition,
    /// In the order of the table's columns, without the two of the partition.
    pub(crate) values: Vec<Value<'a>>,
}

impl<'a> InferenceRow<'a> {
    pub(crate) fn cells(&self, source: &'a str) -> Result<Cells<'a>, TablesError> {
        let cost = self.cost.or_else(|| self.parts.total());
        let mut values = vec![
            text(self.machine),
            text(self.machine_id),
            text(self.service),
            text(self.customer),
            text(self.session),
            Value::Text(if self.is_recorded { "run" } else { "production" }),
            Value::Text(source),
            text(self.trace_id),
            text(self.span_id),
            text(self.prompt_id),
            integer(self.repetition),
            text(self.operating_point),
            Value::Truth(!self.left_out),
            time(self.issued_at),
            integer(self.latency_us),
            integer(self.ttft_us),
            integer(self.input_tokens),
            integer(self.cached_input_tokens),
            integer(self.cache_write_tokens),
            integer(self.output_tokens),
            Value::Truth(self.failed),
            text(self.failure),
            number(self.energy_j),
            number(self.net_energy_j),
            Value::Text(self.energy_source.unwrap_or("unavailable")),
            text(self.currency),
            money(cost)?,
        ];

        let parts = &self.parts;
        for part in [parts.energy, parts.hardware, parts.idle, parts.operation, parts.tokens] {
            values.push(money(part)?);
        }
        values.extend([
            text(self.cost_basis),
            number(self.task_score),
            number(self.kld_mean),
            text(self.prompt),
            text(self.answer),
        ]);

        Ok(Cells { table: Table::Inferences, partition: partition(self.issued_at, self.model), values })
    }
}

impl<'a> WindowRow<'a> {
    pub(crate) fn cells(&self, source: &'a str) -> Cells<'a> {
        let values = vec![
            text(self.machine),
            text(self.machine_id),
            Value::Text(source),
            Value::Integer(self.window_index.into()),
            text(self.operating_point),
            Value::Truth(!self.left_out),
            Value::Truth(self.interrupted),
            integer(self.remeasures),
            time(self.started_at),
            integer(self.wall_us),
            count(self.inferences),
            count(self.failures),
            number(self.energy_j),
            Value::Text(self.energy_source),
            text(self.energy_scope),
        ];
        Cells { table: Table::Windows, partition: partition(self.started_at, self.model), values }
    }
}

impl<'a> EvaluationRow<'a> {
    pub(crate) fn cells(&self, source: &'a str) -> Cells<'a> {
        let values = vec![
            text(self.machine),
            text(self.machine_id),
            Value::Text(source),
            text(self.prompt_id),
            integer(self.repetition),
            time(self.evaluated_at),
            integer(self.duration_us),
            Value::Text(self.kind),
            text(self.grader),
            number(self.score),
            text(self.label),
            self.positions.map_or(Value::Null, count),
            number(self.kld_mean),
            self.kld_at_least.map_or(Value::Null, Value::Truth),
            integer(self.top1_matches),
            text(self.impossible),
        ];
        Cells { table: Table::Evaluations, partition: partition(self.evaluated_at, self.model), values }
    }
}

impl<'a> RunRow<'a> {
    pub(crate) fn cells(&self, source: &'a str) -> Result<Cells<'a>, TablesError> {
        let values = vec![
            text(self.machine),
            text(self.machine_id),
            Value::Text(source),
            Value::Text(self.run_id),
            text(self.trace_id),
            Value::Truth(self.baseline),
            Value::Truth(self.noise_floor),
            time(self.started_at),
            time(self.finished_at),
            text(self.infercost_version),
            text(self.engine),
            text(self.cpu),
            text(self.gpus),
            text(self.prompt_set),
            text(self.price_book),
            Value::Truth(self.prices_assumed),
            count(self.inferences),
            count(self.answers),
            count(self.failures),
            self.input_tokens.map_or(Value::Null, count),
            count(self.output_tokens),
            text(self.currency),
            self.cost.map_or(Ok(Value::Null), |cost| total_units(cost).map(Value::Money))?,
            number(self.cost_per_inference),
            number(self.energy_j),
            text(self.verdict),
        ];
        Ok(Cells { table: Table::Runs, partition: partition(self.started_at, self.model), values })
    }
}

fn partition(at: Option<SystemTime>, model: Option<&str>) -> Partition {
    Partition { day: at.and_then(micros).map(day_of_micros), model: model.map(str::to_owned) }
}

/// Microseconds since 1970, rounded down; `None` where they do not fit.
pub fn micros(at: SystemTime) -> Option<i64> {
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).ok(),
        Err(before) => {
            let nanos = i128::try_from(before.duration().as_nanos()).ok()?;
            i64::try_from(-((nanos + 999) / 1000)).ok()
        }
    }
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, Value::Text)
}

fn integer<'a>(number: Option<impl Into<i64>>) -> Value<'a> {
    number.map_or(Value::Null, |number| Value::Integer(number.into()))
}

fn count<'a>(number: u64) -> Value<'a> {
    i64::try_from(number).map_or(Value::Null, Value::Integer)
}

/// A double; one that is no number is unknown.
fn number<'a>(number: Option<f64>) -> Value<'a> {
    number.filter(|number| number.is_finite()).map_or(Value::Null, Value::Number)
}

fn time<'a>(at: Option<SystemTime>) -> Value<'a> {
    at.and_then(micros).map_or(Value::Null, Value::Time)
}

fn money<'a>(amount: Option<Decimal>) -> Result<Value<'a>, TablesError> {
    Ok(match amount {
        Some(amount) => Value::Money(units(amount)?),
        None => Value::Null,
    })
}
