//! What each single inference took: its share of its variant's joules and cost.
//!
//! A report bills a variant; a trace viewer shows single calls. The shares here add up to what the report says, part
//! by part: cost per answered request × answers, for single requests, and, for each operating point, by its own cost. A request under load costs what its operating point does, which
//! has nothing to do with what a single one costs.

use std::collections::HashMap;

use infercost_core::price_per_million::PricePerMillion;
use infercost_core::report::{CandidateReport, CostComponents, Report};
use infercost_core::{
    Currency, Divergence, EnergySource, Evaluation, IdlePhase, InferenceRecord, OperatingPoint, PromptId,
    Reason, RunRecord, Unbilled, VariantId, WindowRecord,
};

use infercost_cost::{TokenUsage, cost_of_tokens};

use crate::attribution::{PhasePowers, TimeShare, attribute_weighted, phase_powers, time_shares};
use crate::interference::Superseded;
use crate::token_price::{Billed, TokenPrices, fit};

/// Which inference: variant, prompt, repetition.
pub type InferenceKey = (VariantId, PromptId, u32);

/// What one inference took.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Prompt tokens; `None` where nobody counted them.
    pub input_tokens: Option<u32>,
    /// Those of them that a cache served, where that is told.
    pub cached_input_tokens: Option<u32>,
    /// Output tokens; 0 for a failure.
    pub output_tokens: u32,
    /// Which of [`Ledger::bills`] it belongs to.
    pub bill: usize,
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
    /// What the joules rest on.
    pub energy_source: EnergySource,
    /// Its share of each part of the cost.
    pub cost: CostComponents,
    /// Their sum; `None` where no part is known, and for what was not answered: the answers pay for the machine's whole
    /// time.
    pub total: Option<f64>,
    /// Its task score; `None` where it was not graded.
    pub task_score: Option<f64>,
    /// Its mean divergence from the baseline, in nats per token; `None` where it was not compared.
    pub kld_mean: Option<f64>,
}

/// Inferences that share one cost per inference: the single requests of a variant, or its requests at one operating
/// point.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// Whose.
    pub variant: VariantId,
    /// The operating point; `None` for single requests.
    pub operating_point: Option<OperatingPoint>,
    /// True where its window under load was cut off: the report leaves it out.
    pub interrupted: bool,
    /// True for single requests whose windows were measured again, and for tries that were cut off: the report leaves
    /// them out.
    pub superseded: bool,
    /// Inferences, failures included.
    pub inferences: u64,
    /// What they cost together, in the ledger's currency; `None` where it is unknown.
    pub total: Option<f64>,
    /// Why it is unknown.
    pub unknown: Option<Reason>,
}

impl Bill {
    /// True where its requests are told apart from the variant's plain single requests.
    pub fn has_own_name(&self) -> bool {
        self.operating_point.is_some() || self.superseded
    }

    /// The variant's name, and the operating point where that is to be told apart: `m/q8_0 at concurrency 4`.
    pub fn name(&self) -> String {
        let cut = if self.interrupted { ", cut off" } else { "" };
        match self.operating_point {
            None if self.superseded => format!("{}, disturbed and measured again", self.variant),
            None => self.variant.to_string(),
            Some(point) => format!("{} at {}{cut}", self.variant, point),
        }
    }
}

/// What every inference of a run took.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    /// Currency of every amount.
    pub currency: Currency,
    /// What the entries add up to: for each variant its single requests, then its operating points in order.
    pub bills: Vec<Bill>,
    /// By inference.
    pub entries: HashMap<InferenceKey, Entry>,
}

impl Ledger {
    /// Shares a report's costs out among the inferences of its run.
    ///
    /// Hardware, operation and idle cost go by busy seconds, electricity by joules. An inference whose window was
    /// not metered bears the mean, as it does in the report.
    pub fn of(run: &RunRecord, report: &Report) -> Self {
        let mut ledger =
            Self { currency: report.price_book.currency, bills: Vec::new(), entries: HashMap::new() };
        let superseded = Superseded::of(run);
        for candidate in &report.candidates {
            let (windows, left_out): (Vec<&WindowRecord>, Vec<&WindowRecord>) = run
                .windows
                .iter()
                .filter(|window| window.id.variant == candidate.variant)
                .partition(|window| superseded.counts(window));
            let idle = idle_of(run, &windows, candidate);
            let (loaded, single): (Vec<&WindowRecord>, Vec<&WindowRecord>) =
                windows.into_iter().partition(|window| window.load.is_some());
            let powers = phase_powers(single.iter().copied());
            ledger.add(Group { candidate, at: None, superseded: false, windows: single, powers, idle });

            // under load the phases of many requests run at once, so their powers cannot be told apart
            for (at, windows) in by_point(&loaded) {
                ledger.add(Group { candidate, at: Some(at), superseded: false, windows, powers: None, idle });
            }

            // They took joules, and no cost of the report is theirs.
            ledger.add(Group { candidate, at: None, superseded: true, windows: left_out, powers, idle });
        }

        ledger.judge(run);
        ledger
    }

    /// Bills the inferences of a group, which share one cost per inference.
    fn add(&mut self, group: Group<'_>) {
        let bill = self.bills.len();
        let mut entries = group.entries(bill);
        let inferences = entries.len() as u64;
        if inferences == 0 {
            return;
        }

        let unknown = match group.cost() {
            Ok(parts) => {
                // What failed was no answer: the answers pay for what it took.
                let answers = entries.iter_mut().filter(|(_, entry)| entry.output_tokens > 0);
                let mut paying: Vec<&mut Entry> = answers.map(|(_, entry)| entry).collect();
                share_out(&mut paying, parts, group.candidate.token_price.as_ref());
                paying.is_empty().then_some(Reason::NoAnswer)
            }
            Err(reason) => Some(reason),
        };

        let total = entries.iter().filter_map(|(_, entry)| entry.total).reduce(|sum, total| sum + total);
        let unknown = unknown.or_else(|| total.is_none().then_some(Reason::NoCost));
        self.bills.push(Bill {
            variant: group.candidate.variant.clone(),
            operating_point: group.at.map(|(point, _)| point),
            interrupted: group.at.is_some_and(|(_, interrupted)| interrupted),
            superseded: group.superseded,
            inferences,
            total,
            unknown,
        });

        self.entries.extend(entries);
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

    /// The entries of a bill, in no order.
    pub fn of_bill(&self, bill: usize) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(move |entry| entry.bill == bill)
    }

    /// What the whole run cost, over the bills that are known; `None` where none is.
    pub fn total(&self) -> Option<f64> {
        self.bills.iter().filter_map(|bill| bill.total).reduce(|sum, total| sum + total)
    }

    /// Bills beside those of single requests that are unknown: their requests carry no cost.
    pub fn unbilled(&self) -> Vec<Unbilled> {
        let mut all = Vec::new();
        for bill in self.bills.iter().filter(|bill| bill.has_own_name()) {
            if let Some(why) = &bill.unknown {
                all.push(Unbilled { name: bill.name(), requests: bill.inferences, why: why.clone() });
            }
        }
        all
    }
}

impl Entry {
    /// What its tokens cost; 0 where the machine is paid.
    fn tokens_cost(&self, price: Option<&PricePerMillion>) -> f64 {
        let tokens = TokenUsage {
            input: self.input_tokens.map_or(0.0, f64::from),
            cached: self.cached_input_tokens.map_or(0.0, f64::from),
            output: f64::from(self.output_tokens),
        };
        price.map_or(0.0, |price| cost_of_tokens(price, &tokens))
    }

    /// What of the cost fell before the first token; `None` where the cost is unknown.
    pub fn prompt_cost(&self) -> Option<f64> {
        Some(self.total? * self.prompt_share)
    }
}

impl Ledger {
    /// Prices per token that charge a whole bill to those of its inferences that tell their tokens. Where any of them
    /// does not tell its prompt tokens, output tokens bear it all.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub fn token_prices(&self, bill: usize) -> Result<TokenPrices, &'static str> {
        let total = self.bills.get(bill).and_then(|bill| bill.total).ok_or("its cost is unknown")?;
        let answered: Vec<&Entry> = self.of_bill(bill).filter(|entry| entry.completed).collect();

        // where some prompts are not counted, no price per prompt token can be told
        let counts_input = answered.iter().all(|entry| entry.input_tokens.is_some());

        let mut rows: Vec<Billed> = answered
            .into_iter()
            .map(|entry| Billed {
                input: entry.input_tokens.filter(|_| counts_input).map_or(0.0, f64::from),
                output: entry.output_tokens.into(),
                cost: entry.total.unwrap_or_default(),
            })
            .collect();

        // entries have no order, and sums of doubles depend on it
        rows.sort_by(|one, other| {
            let (one, other) = ((one.cost, one.input, one.output), (other.cost, other.input, other.output));
            one.partial_cmp(&other).unwrap_or(std::cmp::Ordering::Equal)
        });

        fit(&rows, total).ok_or("no inference of it tells its tokens")
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

/// The operating point of requests, and whether their window was cut off.
type LoadGroup = (OperatingPoint, bool);

/// Windows whose inferences share one cost per inference.
struct Group<'a> {
    candidate: &'a CandidateReport,
    /// `None` for single requests.
    at: Option<LoadGroup>,
    /// True for windows in whose place others stand.
    superseded: bool,
    windows: Vec<&'a WindowRecord>,
    powers: Option<PhasePowers>,
    /// Idle watts that joules are compared with.
    idle: Option<f64>,
}

impl Group<'_> {
    /// The mean cost of an inference by parts, or why it is unknown.
    fn cost(&self) -> Result<&CostComponents, Reason> {
        if self.superseded {
            return Err(Reason::MeasuredAgain);
        }
        let Some((point, interrupted)) = self.at else { return Ok(&self.candidate.cost.components) };
        if interrupted {
            return Err(Reason::CutOff);
        }
        let found = self.candidate.operating_points.iter().find(|found| found.operating_point == point);
        let found = found.ok_or(Reason::NoSuchPoint)?;
        match found.unknown.get("cost_per_inference") {
            Some(reason) => Err(reason.clone()),
            None => Ok(&found.cost_components),
        }
    }

    /// The inferences with their joules, not yet billed.
    fn entries(&self, bill: usize) -> Vec<(InferenceKey, Entry)> {
        let mut entries = Vec::new();
        for window in &self.windows {
            let attribution = attribute_weighted(window, self.powers.unwrap_or(PhasePowers::EQUAL))
                .filter(|_| !window.interrupted);
            let shares = time_shares(window);
            for (index, (inference, share)) in window.inferences.iter().zip(shares).enumerate() {
                let joules = attribution
                    .as_ref()
                    .and_then(|attribution| attribution.per_inference.get(index))
                    .map(|joules| joules.get());
                let key = (self.candidate.variant.clone(), inference.prompt.clone(), inference.repetition);
                let entry = entry(inference, share, joules, self.idle, window);
                entries.push((key, Entry { bill, ..entry }));
            }
        }

        entries
    }
}

/// Windows under load by operating point, in the order in which they ran; those that were cut off apart.
fn by_point<'a>(windows: &[&'a WindowRecord]) -> Vec<(LoadGroup, Vec<&'a WindowRecord>)> {
    let mut groups: Vec<(LoadGroup, Vec<&WindowRecord>)> = Vec::new();
    for window in windows {
        let at = (window.operating_point, window.interrupted);
        match groups.iter_mut().find(|(known, _)| *known == at) {
            Some((_, group)) => group.push(window),
            None => groups.push((at, vec![window])),
        }
    }

    groups
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
        cached_input_tokens: inference.cached_input_tokens,
        output_tokens: inference.outcome.output_tokens(),
        bill: 0,
        completed: matches!(inference.outcome, infercost_core::Outcome::Completed { .. }),
        busy_s: busy,
        prompt_share: if busy > 0.0 { share.prefill / busy } else { 0.0 },
        gross_j: joules,
        net_j: joules.zip(idle_watts).map(|(joules, watts)| joules - watts * busy),
        energy_source: if joules.is_some() { window.energy.source() } else { EnergySource::Unavailable },
        cost: CostComponents::default(),
        total: None,
        task_score: None,
        kld_mean: None,
    }
}

/// Idle watts that the report found, where they cover what the windows cover.
fn idle_of(run: &RunRecord, windows: &[&WindowRecord], candidate: &CandidateReport) -> Option<f64> {
    let watts = candidate.energy.idle_w?;
    let measured = run.idles.iter().any(|idle| {
        let phases = [IdlePhase::Resident, IdlePhase::BeforeLoad, IdlePhase::After];
        phases.contains(&idle.phase) && idle.energy.joules().is_some()
    });
    (measured && !windows.is_empty()).then_some(watts)
}

/// Gives each inference its part of mean × inferences: by time, by joules, and by what its tokens cost.
fn share_out(entries: &mut [&mut Entry], parts: &CostComponents, price: Option<&PricePerMillion>) {
    let count = entries.len() as f64;
    let busy: f64 = entries.iter().map(|entry| entry.busy_s).sum();
    let metered = entries.iter().filter(|entry| entry.gross_j.is_some()).count() as f64;
    let joules: f64 = entries.iter().filter_map(|entry| entry.gross_j).sum();
    let paid: f64 = entries.iter().map(|entry| entry.tokens_cost(price)).sum();
    for entry in entries {
        let own_tokens = entry.tokens_cost(price);
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
            tokens: parts.tokens.map(|mean| if paid > 0.0 { mean * count * own_tokens / paid } else { mean }),
        };

        let CostComponents { energy, hardware, idle, operation, tokens } = entry.cost;
        let known = [energy, hardware, idle, operation, tokens];
        entry.total = known.iter().flatten().copied().reduce(|sum, part| sum + part);
    }
}
