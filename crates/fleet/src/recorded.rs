//! A recorded run as rows of the tables. Costs are those of its report: the ledger shares them out among inferences, and
//! their decimals add up to the report's totals.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use infercost_analyzer::ledger::{Entry, InferenceKey, Ledger, mean_divergence};
use infercost_analyzer::machines::Machines;
use infercost_core::report::{CandidateReport, CostComponents, Report};
use infercost_core::{Evaluation, InferenceRecord, Outcome, RunRecord, Verdict, WindowRecord};
use infercost_trace::outgoing::REASON_LEFT_OUT;
use infercost_trace::span_ids::SpanIds;
use rust_decimal::Decimal;

use crate::tables::error::TablesError;
use crate::tables::money::Shares;
use crate::tables::rows::{CostParts, EvaluationRow, InferenceRow, RunRow, WindowRow};
use crate::tables::writer::{TablesWriter, Written};

/// A run, and what its report says of it.
#[derive(Debug, Clone, Copy)]
pub struct RecordedRun<'a> {
    /// As it was recorded.
    pub run: &'a RunRecord,
    /// Its report, of this run alone.
    pub report: &'a Report,
    /// The shares of single inferences in it.
    pub ledger: &'a Ledger,
    /// True where prompts and answers go into the tables.
    pub content: bool,
}

/// Writes a run into a folder of tables. A run that was written before is replaced.
///
/// # Errors
/// Where an amount does not fit the tables, or a file cannot be written; the tables then stay as they were.
pub fn write(recorded: &RecordedRun<'_>, folder: &Path) -> Result<Written, TablesError> {
    let RecordedRun { run, .. } = *recorded;
    let ids = SpanIds::new(&run.header);
    let trace_id = hex(&ids.trace());
    let context = Context {
        machine: machine_name(run),
        machine_id: run.header.machine.id.as_deref(),
        currency: recorded.ledger.currency.code(),
        source: source(run, &trace_id),
        trace_id,
        ids,
    };
    let mut writer = TablesWriter::create(folder, &context.source)?;

    let totals = write_inferences(recorded, &context, &mut writer)?;
    for window in &run.windows {
        let point = window.load.is_some().then(|| window.operating_point.to_string());
        let scope = window.energy.joules().map(|_| window.energy.scope().to_string());
        writer.window(&WindowRow {
            operating_point: point.as_deref(),
            energy_scope: scope.as_deref(),
            ..window_row(window, recorded.ledger, &context)
        })?;
    }
    write_evaluations(recorded, &context, &mut writer)?;
    write_candidates(recorded, &context, &totals, &mut writer)?;

    writer.finish()
}

/// What all rows of a run share.
struct Context<'a> {
    machine: Option<String>,
    machine_id: Option<&'a str>,
    currency: &'a str,
    source: String,
    trace_id: String,
    ids: SpanIds,
}

/// The name that a run's rows go by in the tables.
pub fn source_of(run: &RunRecord) -> String {
    source(run, &hex(&SpanIds::new(&run.header).trace()))
}

/// The run's name, and the beginning of its trace: runs that began in one second on two machines have one name.
fn source(run: &RunRecord, trace_id: &str) -> String {
    let start = trace_id.get(..8).unwrap_or(trace_id);
    format!("{}-{start}", run.header.id)
}

/// What the report calls its machine.
fn machine_name(run: &RunRecord) -> Option<String> {
    let machines = Machines::of(std::slice::from_ref(run));
    machines.all().first().map(|machine| machine.name.clone())
}

/// Cumulated doubles of a bill, part by part.
#[derive(Default)]
struct BillShares {
    energy: Shares,
    hardware: Shares,
    idle: Shares,
    operation: Shares,
    tokens: Shares,
}

impl BillShares {
    fn next(&mut self, cost: &CostComponents) -> Result<CostParts, TablesError> {
        Ok(CostParts {
            energy: share(&mut self.energy, cost.energy)?,
            hardware: share(&mut self.hardware, cost.hardware)?,
            idle: share(&mut self.idle, cost.idle)?,
            operation: share(&mut self.operation, cost.operation)?,
            tokens: share(&mut self.tokens, cost.tokens)?,
        })
    }
}

fn share(shares: &mut Shares, amount: Option<f64>) -> Result<Option<Decimal>, TablesError> {
    amount.map(|amount| shares.next(amount)).transpose()
}

/// The cost of each candidate's inferences, in the order of the report.
type Totals<'a> = Vec<(&'a str, Option<Decimal>)>;

fn write_inferences<'a>(
    recorded: &RecordedRun<'a>,
    context: &Context<'_>,
    writer: &mut TablesWriter,
) -> Result<Totals<'a>, TablesError> {
    let mut bills: Vec<BillShares> = Vec::new();
    bills.resize_with(recorded.ledger.bills.len(), BillShares::default);
    let candidates = recorded.report.candidates.iter();
    let mut totals: Totals<'a> =
        candidates.map(|candidate| (candidate.variant.as_str(), None::<Decimal>)).collect();

    // in the order of the trace, so that the same run gives the same shares
    for window in &recorded.run.windows {
        let variant = &window.id.variant;
        let point = window.load.is_some().then(|| window.operating_point.to_string());
        for inference in &window.inferences {
            let key: InferenceKey = (variant.clone(), inference.prompt.clone(), inference.repetition);
            let entry = recorded.ledger.entries.get(&key);
            let shares = entry.and_then(|entry| bills.get_mut(entry.bill));
            let parts = match (entry, shares) {
                (Some(entry), Some(shares)) if entry.total.is_some() => shares.next(&entry.cost)?,
                _ => CostParts::default(),
            };

            let total = totals.iter_mut().find(|(name, _)| *name == variant.as_str());
            if let (Some((_, total)), Some(cost)) = (total, parts.total()) {
                *total = Some(total.unwrap_or(Decimal::ZERO) + cost);
            }
            let span_id = hex(&context.ids.inference(variant, &inference.prompt, inference.repetition));
            let row = InferenceRow {
                model: Some(variant.as_str()),
                span_id: Some(&span_id),
                operating_point: point.as_deref(),
                left_out: is_left_out(recorded.ledger, entry),
                parts,
                ..inference_row(inference, entry, context, recorded.content)
            };
            writer.inference(&row)?;
        }
    }
    Ok(totals)
}

fn inference_row<'a>(
    inference: &'a InferenceRecord,
    entry: Option<&Entry>,
    context: &'a Context<'_>,
    content: bool,
) -> InferenceRow<'a> {
    let outcome = &inference.outcome;
    let (failure, answer) = match outcome {
        Outcome::Completed { text, .. } => (None, text.as_deref()),
        Outcome::Failed { kind, .. } => (Some(kind.name()), None),
    };
    let is_billed = entry.is_some_and(|entry| entry.total.is_some());

    InferenceRow {
        machine: context.machine.as_deref(),
        machine_id: context.machine_id,
        is_recorded: true,
        trace_id: Some(&context.trace_id),
        prompt_id: Some(inference.prompt.as_str()),
        repetition: Some(inference.repetition),
        issued_at: Some(inference.issued_at),
        latency_us: micros(outcome.latency()),
        ttft_us: outcome.time_to_first_token().and_then(micros),
        input_tokens: inference.input_tokens,
        cached_input_tokens: inference.cached_input_tokens,
        output_tokens: Some(outcome.output_tokens()),
        failed: failure.is_some(),
        failure,
        energy_j: entry.and_then(|entry| entry.gross_j),
        net_energy_j: entry.and_then(|entry| entry.net_j),
        energy_source: entry.map(|entry| entry.energy_source.name()),
        currency: Some(context.currency),
        cost_basis: is_billed.then_some("report"),
        task_score: entry.and_then(|entry| entry.task_score),
        kld_mean: entry.and_then(|entry| entry.kld_mean),
        prompt: inference.input_text.as_deref().filter(|_| content),
        answer: answer.filter(|_| content),
        ..InferenceRow::default()
    }
}

/// True where the report counts neither its time nor its cost.
fn is_left_out(ledger: &Ledger, entry: Option<&Entry>) -> bool {
    let bill = entry.and_then(|entry| ledger.bills.get(entry.bill));
    bill.is_none_or(|bill| bill.superseded || bill.interrupted)
}

fn window_row<'a>(window: &'a WindowRecord, ledger: &Ledger, context: &'a Context<'_>) -> WindowRow<'a> {
    let first = window.inferences.first().map(|inference| {
        let key = (window.id.variant.clone(), inference.prompt.clone(), inference.repetition);
        is_left_out(ledger, ledger.entries.get(&key))
    });
    let failures = window.inferences.iter().filter(|one| matches!(one.outcome, Outcome::Failed { .. }));

    WindowRow {
        model: Some(window.id.variant.as_str()),
        machine: context.machine.as_deref(),
        machine_id: context.machine_id,
        window_index: window.id.index,
        left_out: first.unwrap_or(window.interrupted),
        interrupted: window.interrupted,
        remeasures: window.remeasures,
        started_at: Some(window.started_at),
        wall_us: micros(window.wall_time),
        inferences: window.inferences.len() as u64,
        failures: failures.count() as u64,
        energy_j: window.energy.joules().map(|joules| joules.get()),
        energy_source: window.energy.source().name(),
        ..WindowRow::default()
    }
}

fn write_evaluations(
    recorded: &RecordedRun<'_>,
    context: &Context<'_>,
    writer: &mut TablesWriter,
) -> Result<(), TablesError> {
    for evaluation in &recorded.run.evaluations {
        let common = EvaluationRow {
            model: Some(evaluation.variant.as_str()),
            machine: context.machine.as_deref(),
            machine_id: context.machine_id,
            prompt_id: Some(evaluation.prompt.as_str()),
            repetition: Some(evaluation.repetition),
            evaluated_at: Some(evaluation.evaluated_at),
            duration_us: micros(evaluation.duration),
            kind: evaluation.result.kind().name(),
            ..EvaluationRow::default()
        };

        let row = match &evaluation.result {
            Evaluation::Task(score) => EvaluationRow {
                grader: Some(score.grader.as_str()),
                score: Some(score.score),
                label: Some(score.judgment.label()),
                ..common
            },
            Evaluation::Divergence(divergence) => EvaluationRow {
                positions: Some(divergence.kld.len() as u64),
                kld_mean: mean_divergence(divergence),
                kld_at_least: Some(divergence.at_least),
                top1_matches: Some(divergence.top1_matches),
                ..common
            },
            // the reason may quote a server
            Evaluation::Impossible { reason, .. } => EvaluationRow {
                impossible: Some(if recorded.content { reason } else { REASON_LEFT_OUT }),
                ..common
            },
        };
        writer.evaluation(&row)?;
    }
    Ok(())
}

fn write_candidates(
    recorded: &RecordedRun<'_>,
    context: &Context<'_>,
    totals: &Totals<'_>,
    writer: &mut TablesWriter,
) -> Result<(), TablesError> {
    let header = &recorded.run.header;
    let gpus = header.machine.gpus.join(", ");
    let book = &recorded.report.price_book;

    for candidate in &recorded.report.candidates {
        let engine = format!("{} {}", candidate.engine.engine, candidate.engine.version);
        let total = totals.iter().find(|(name, _)| *name == candidate.variant.as_str());
        writer.run(&RunRow {
            model: Some(candidate.variant.as_str()),
            machine: context.machine.as_deref(),
            machine_id: context.machine_id,
            run_id: header.id.as_str(),
            trace_id: Some(&context.trace_id),
            baseline: candidate.variant == recorded.report.baseline,
            noise_floor: candidate.noise_floor,
            started_at: Some(header.started_at.into()),
            finished_at: recorded.run.finished_at,
            infercost_version: Some(&header.infercost_version),
            engine: Some(engine.trim()),
            cpu: header.machine.cpu.as_deref(),
            gpus: Some(gpus.as_str()).filter(|gpus| !gpus.is_empty()),
            prompt_set: Some(&header.prompts.set),
            price_book: Some(&book.name),
            prices_assumed: book.assumed,
            currency: Some(context.currency),
            cost: total.and_then(|(_, cost)| *cost),
            ..counts(candidate)
        })?;
    }
    Ok(())
}

fn counts(candidate: &CandidateReport) -> RunRow<'_> {
    RunRow {
        inferences: candidate.inferences,
        answers: candidate.answers,
        failures: candidate.failures,
        input_tokens: candidate.input_tokens,
        output_tokens: candidate.output_tokens,
        cost_per_inference: candidate.cost.per_inference.map(|cost| cost.point),
        energy_j: candidate.energy.gross_j,
        verdict: Some(match candidate.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
        }),
        ..RunRow::default()
    }
}

fn micros(time: Duration) -> Option<i64> {
    i64::try_from(time.as_micros()).ok()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // a String takes everything
        let _written = write!(text, "{byte:02x}");
    }
    text
}
