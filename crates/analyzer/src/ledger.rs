//! What each single inference took: its share of its variant's joules and cost.
//!
//! A report bills a variant; a trace viewer shows single calls. The shares here add up to what the report says:
//! cost per inference × inferences, part by part.

use std::collections::HashMap;

use infercost_schema::report::{CandidateReport, CostComponents, Report};
use infercost_schema::{
    Currency, Divergence, Evaluation, IdlePhase, InferenceRecord, PromptId, RunRecord, VariantId,
    WindowRecord,
};

use crate::attribution::{TimeShare, attribute_weighted, phase_powers, time_shares};
use crate::token_price::{Billed, TokenPrices, fit};

/// Which inference: variant, prompt, repetition.
pub type InferenceKey = (VariantId, PromptId, u32);

/// What one inference took.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Prompt tokens.
    pub input_tokens: u32,
    /// Output tokens; 0 for a failure.
    pub output_tokens: u32,
    /// True where the model answered.
    pub completed: bool,
    /// Seconds in which it kept the machine busy.
    pub busy_s: f64,
    /// Of those, the share before the first token.
    pub prompt_share: f64,
    /// Its share of its window's joules; `None` where the window has none.
    pub gross_j: Option<f64>,
    /// The same less idle power × its time; `None` where the idle power is unknown, too.
    pub net_j: Option<f64>,
    /// `counter`, `integrated` or `estimated`; `unavailable` where there are no joules.
    pub energy_source: &'static str,
    /// Its share of each part of the cost.
    pub cost: CostComponents,
    /// Their sum; `None` where no part is known.
    pub total: Option<f64>,
    /// Its task score; `None` where it was not graded.
    pub task_score: Option<f64>,
    /// Its mean divergence from the baseline, in nats per token; `None` where it was not compared.
    pub kld_mean: Option<f64>,
}

/// What every inference of a run took.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    /// Currency of every amount.
    pub currency: Currency,
    /// By inference.
    pub entries: HashMap<InferenceKey, Entry>,
}

impl Ledger {
    /// Shares a report's costs out among the inferences of its run.
    ///
    /// Hardware, operation and idle cost go by busy seconds, electricity by joules. An inference whose window was
    /// not metered bears the mean, as it does in the report.
    pub fn of(run: &RunRecord, report: &Report) -> Self {
        let mut entries = HashMap::new();
        for candidate in &report.candidates {
            let windows: Vec<&WindowRecord> =
                run.windows.iter().filter(|window| window.id.variant == candidate.variant).collect();
            let idle = idle_of(run, &windows, candidate);
            let powers = phase_powers(windows.iter().copied());
            let mut metered: Vec<(InferenceKey, Entry)> = Vec::new();
            for window in &windows {
                let attribution = powers
                    .map_or_else(
                        || crate::attribution::attribute(window),
                        |powers| attribute_weighted(window, powers),
                    )
                    .filter(|_| !window.interrupted);
                let shares = time_shares(window);
                for (index, (inference, share)) in window.inferences.iter().zip(shares).enumerate() {
                    let joules = attribution
                        .as_ref()
                        .and_then(|attribution| attribution.per_inference.get(index))
                        .map(|joules| joules.get());
                    let key = (candidate.variant.clone(), inference.prompt.clone(), inference.repetition);
                    metered.push((key, entry(inference, share, joules, idle, window)));
                }
            }
            bill(&mut metered, candidate);
            entries.extend(metered);
        }
        let mut ledger = Self { currency: report.price_book.currency, entries };
        ledger.judge(run);
        ledger
    }

    fn judge(&mut self, run: &RunRecord) {
        for record in &run.evaluations {
            let key = (record.variant.clone(), record.prompt.clone(), record.repetition);
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            match &record.result {
                Evaluation::Task(score) => entry.task_score = Some(score.score),
                Evaluation::Divergence(divergence) => entry.kld_mean = mean_divergence(divergence),
                Evaluation::Impossible { .. } => {}
            }
        }
    }

    /// The entries of a variant, in no order.
    pub fn of_variant<'l>(&'l self, variant: &'l VariantId) -> impl Iterator<Item = &'l Entry> + 'l {
        self.entries.iter().filter(move |(key, _)| key.0 == *variant).map(|(_, entry)| entry)
    }

    /// What all inferences of a variant cost; `None` where any of it is unknown, or there is none.
    pub fn total(&self, variant: &VariantId) -> Option<f64> {
        let mut totals = self.of_variant(variant).map(|entry| entry.total).peekable();
        totals.peek()?;
        totals.try_fold(0.0, |sum, total| Some(sum + total?))
    }
}

impl Entry {
    /// What of the cost fell before the first token; `None` where the cost is unknown.
    pub fn prompt_cost(&self) -> Option<f64> {
        Some(self.total? * self.prompt_share)
    }
}

impl Ledger {
    /// Prices per token that bill a variant's whole cost to the inferences that tell their tokens.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub fn token_prices(&self, variant: &VariantId) -> Result<TokenPrices, &'static str> {
        let total = self.total(variant).ok_or("its cost is unknown")?;
        let told = self.of_variant(variant).filter(|entry| entry.completed);
        let mut rows: Vec<Billed> = told
            .map(|entry| Billed {
                input: entry.input_tokens.into(),
                output: entry.output_tokens.into(),
                cost: entry.total.unwrap_or_default(),
            })
            .collect();
        // entries have no order, and sums of doubles depend on it
        rows.sort_by(|one, other| {
            let key = |row: &Billed| (row.cost, row.input, row.output);
            key(one).partial_cmp(&key(other)).unwrap_or(std::cmp::Ordering::Equal)
        });
        fit(&rows, total).ok_or("no inference of it tells its tokens")
    }

    /// What the whole run cost, over the variants whose cost is known; `None` where none is.
    pub fn run_total<'v>(&self, variants: impl IntoIterator<Item = &'v VariantId>) -> Option<f64> {
        variants.into_iter().filter_map(|variant| self.total(variant)).reduce(|sum, total| sum + total)
    }
}

/// Mean over positions, in nats per token; `None` where there is none, or it is no number.
pub fn mean_divergence(divergence: &Divergence) -> Option<f64> {
    let mean = divergence.kld.iter().sum::<f64>() / divergence.kld.len() as f64;
    mean.is_finite().then_some(mean)
}

/// True where two totals are the same to a millionth.
pub fn same_total(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-6 * one.abs().max(other.abs())
}

fn entry(
    inference: &InferenceRecord,
    share: TimeShare,
    joules: Option<f64>,
    idle_watts: Option<f64>,
    window: &WindowRecord,
) -> Entry {
    let busy = share.busy();
    Entry {
        input_tokens: inference.input_tokens,
        output_tokens: inference.outcome.output_tokens(),
        completed: matches!(inference.outcome, infercost_schema::Outcome::Completed { .. }),
        busy_s: busy,
        prompt_share: if busy > 0.0 { share.prefill / busy } else { 0.0 },
        gross_j: joules,
        net_j: joules.zip(idle_watts).map(|(joules, watts)| joules - watts * busy),
        energy_source: if joules.is_some() { window.energy.source_name() } else { "unavailable" },
        cost: CostComponents::default(),
        total: None,
        task_score: None,
        kld_mean: None,
    }
}

/// Idle watts that the report found, where they cover what the windows cover.
fn idle_of(run: &RunRecord, windows: &[&WindowRecord], candidate: &CandidateReport) -> Option<f64> {
    let watts = candidate.energy.idle_w?;
    let has = |phase| run.idles.iter().any(|idle| idle.phase == phase && idle.energy.joules().is_some());
    let measured = [IdlePhase::Resident, IdlePhase::BeforeLoad, IdlePhase::After].into_iter().any(has);
    (measured && !windows.is_empty()).then_some(watts)
}

/// Gives each inference its part of mean × inferences.
fn bill(entries: &mut [(InferenceKey, Entry)], candidate: &CandidateReport) {
    let count = entries.len() as f64;
    let busy: f64 = entries.iter().map(|(_, entry)| entry.busy_s).sum();
    let metered = entries.iter().filter(|(_, entry)| entry.gross_j.is_some()).count() as f64;
    let joules: f64 = entries.iter().filter_map(|(_, entry)| entry.gross_j).sum();
    let parts = &candidate.cost.components;
    for (_, entry) in entries.iter_mut() {
        let time = if busy > 0.0 { entry.busy_s / busy * count } else { 1.0 };
        let energy = match entry.gross_j {
            Some(own) if joules > 0.0 => own / joules * metered,
            _ => 1.0,
        };
        entry.cost = CostComponents {
            energy: parts.energy.map(|mean| mean * energy),
            hardware: parts.hardware.map(|mean| mean * time),
            idle: parts.idle.map(|mean| mean * time),
            operation: parts.operation.map(|mean| mean * time),
        };
        let known = [entry.cost.energy, entry.cost.hardware, entry.cost.idle, entry.cost.operation];
        entry.total = known.iter().flatten().copied().reduce(|sum, part| sum + part);
    }
}
