//! What a report is made from, and why there may be none.

use infercost_core::price::PriceBook;
use infercost_core::{Currency, EngineIdentity, Policy, RunRecord, VariantId, WallFactor};
use infercost_cost::RatesError;
use thiserror::Error;

use crate::machines::{MachinePrices, Machines};

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Analysis<'a> {
    /// The runs; several are joined by variant. Those of several machines have been through
    /// [`separate_machines`](crate::separate_machines).
    pub runs: &'a [RunRecord],
    /// Thresholds and confidence to apply.
    pub policy: &'a Policy,
    /// Prices to apply, where a machine has none of its own. Of several machines these give no price of hardware: an
    /// hour of one machine costs what an hour of another does by chance alone.
    pub prices: &'a PriceBook,
    /// Machines' own prices, by name.
    pub machine_prices: &'a [MachinePrices],
    /// What to compare with, instead of the first run's own baseline.
    pub baseline: Option<&'a VariantId>,
    /// Bytes per second that the machine reads from memory, where measured; of several machines each run's own counts.
    pub memory_bandwidth: Option<f64>,
}

/// Why there can be no report.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnalysisError {
    /// No run.
    #[error("no run to report on; name at least one")]
    NoRuns,
    /// The same run twice.
    #[error("run {run} is named twice; it would count double")]
    DuplicateRun {
        /// The run.
        run: String,
    },
    /// Runs over different prompts.
    #[error(
        "runs {first} and {second} were made with different prompt sets ({first_set} and {second_set}); report \
         on them one by one"
    )]
    DifferentPrompts {
        /// First run.
        first: String,
        /// The run that differs from it.
        second: String,
        /// Name and hash of the first's set.
        first_set: String,
        /// Name and hash of the second's set.
        second_set: String,
    },
    /// Runs in which one name stands for different weights.
    #[error(
        "variant {variant} has other weights in run {second} than in run {first}; report on them one by one"
    )]
    DifferentWeights {
        /// The variant.
        variant: String,
        /// First run.
        first: String,
        /// The run that differs from it.
        second: String,
    },
    /// Runs in which one variant was executed in different ways.
    #[error(
        "{variant} ran on {first_executor} in {first} and on {second_executor} in {second}: their speeds and costs are not \
         one variant's; report on them apart"
    )]
    DifferentExecutors {
        /// The variant.
        variant: String,
        /// A run.
        first: String,
        /// Another run.
        second: String,
        /// What executed it in the one.
        first_executor: String,
        /// What executed it in the other.
        second_executor: String,
    },
    /// Runs of several machines, in one of which a variant does not name its machine.
    #[error(
        "{variant} of run {run} does not say which of several machines it ran on: seconds, joules and prices of two \
         machines are not one variant's"
    )]
    MachinesJoined {
        /// The variant.
        variant: String,
        /// The run.
        run: String,
    },
    /// Machines whose prices are in different currencies.
    #[error(
        "the prices of {first_machine} are in {first_currency}, those of {second_machine} in {second_currency}; write \
         both [[machines]] entries in one currency"
    )]
    Currencies {
        /// A machine.
        first_machine: String,
        /// Its currency.
        first_currency: String,
        /// Another machine.
        second_machine: String,
        /// Its currency.
        second_currency: String,
    },
    /// Nothing was asked of any variant.
    #[error(
        "run {run} holds no inference: its spans are missing, or it was cut off before its first window; nothing was measured"
    )]
    NothingMeasured {
        /// The run.
        run: String,
    },
    /// The baseline is not among the variants.
    #[error("baseline {baseline} is not in the run; it has {known}")]
    UnknownBaseline {
        /// What was asked for.
        baseline: String,
        /// The variants there are.
        known: String,
    },
    /// The policy cannot be applied.
    #[error("confidence is {0}; it must be above 0.5 and below 1")]
    Confidence(String),
    /// A price of tokens in another currency than the machine's prices.
    #[error(
        "the price of the tokens of {model} is in {stated}, and the other prices are in {wanted}: give an [[exchange]] \
         rate, or fetch one with `infercost prices fetch ecb`"
    )]
    TokenCurrency {
        /// The hosted model.
        model: String,
        /// The currency of its price.
        stated: Currency,
        /// That of the report.
        wanted: Currency,
    },
    /// The prices cannot be applied.
    #[error("price book {book}: {reason}")]
    Prices {
        /// The book.
        book: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

impl AnalysisError {
    /// That a price book gives no rates.
    pub(crate) fn of_prices(book: &PriceBook, error: RatesError) -> Self {
        Self::Prices { book: book.name.clone(), reason: error.reason }
    }
}

impl<'a> Analysis<'a> {
    /// Money of two currencies is never compared.
    fn one_currency(&self) -> Result<(), AnalysisError> {
        let wanted = self.prices.currency;
        for header in self.runs.iter().map(|run| &run.header) {
            let of_variants = header.variants.iter().filter_map(|variant| variant.token_price.as_ref());
            if let Some(price) = of_variants.chain(&header.hosted).find(|price| price.currency != wanted) {
                let (model, stated) = (price.model.clone(), price.currency);
                return Err(AnalysisError::TokenCurrency { model, stated, wanted });
            }
        }
        Ok(())
    }

    /// Refuses what cannot be reported on; gives the first run.
    pub(crate) fn check(&self) -> Result<&'a RunRecord, AnalysisError> {
        let first = self.runs.first().ok_or(AnalysisError::NoRuns)?;
        let confidence = self.policy.confidence;
        if !(confidence > 0.5 && confidence < 1.0) {
            return Err(AnalysisError::Confidence(confidence.to_string()));
        }

        for (index, run) in self.runs.iter().enumerate() {
            let earlier = self.runs.iter().take(index);
            for other in earlier {
                if is_same_run(other, run) {
                    return Err(AnalysisError::DuplicateRun { run: run.header.id.to_string() });
                }
                same_weights(other, run)?;
                same_executors(other, run)?;
            }
            same_prompts(first, run)?;
        }

        let machines = Machines::of(self.runs);
        if let Some((variant, run)) = machines.unnamed(self.runs) {
            let (variant, run) = (variant.to_string(), run.to_string());
            return Err(AnalysisError::MachinesJoined { variant, run });
        }

        self.one_currency()?;
        self.known_baseline(first)?;
        if !self.runs.iter().flat_map(|run| &run.windows).any(|window| !window.inferences.is_empty()) {
            return Err(AnalysisError::NothingMeasured { run: first.header.id.to_string() });
        }
        Ok(first)
    }

    /// The prices of each machine, in their order.
    ///
    /// # Errors
    /// [`AnalysisError::Currencies`] where they are not of one.
    pub(crate) fn books(&self, machines: &Machines) -> Result<Vec<PriceBook>, AnalysisError> {
        let mut books: Vec<PriceBook> = Vec::new();

        for machine in machines.all() {
            let own = self.machine_prices.iter().find(|own| own.machine == machine.name);
            let book = match own {
                Some(own) => own.prices.clone(),
                None if machines.are_several() => PriceBook { hardware: None, ..self.prices.clone() },
                None => self.prices.clone(),
            };

            if let (Some(first), Some(first_machine)) = (books.first(), machines.all().first())
                && first.currency != book.currency
            {
                return Err(AnalysisError::Currencies {
                    first_machine: first_machine.name.clone(),
                    first_currency: first.currency.to_string(),
                    second_machine: machine.name.clone(),
                    second_currency: book.currency.to_string(),
                });
            }
            books.push(book);
        }

        Ok(books)
    }

    fn known_baseline(&self, first: &RunRecord) -> Result<(), AnalysisError> {
        let baseline = self.baseline.unwrap_or(&first.header.baseline);
        let headers = self.runs.iter().flat_map(|run| &run.header.variants);
        let mut variants: Vec<&str> = headers.map(|variant| variant.id.as_str()).collect();
        variants.sort_unstable();
        variants.dedup();

        if variants.contains(&baseline.as_str()) {
            return Ok(());
        }
        Err(AnalysisError::UnknownBaseline { baseline: baseline.to_string(), known: variants.join(", ") })
    }
}

/// Runs that began in one second on two machines have the same name, and another salt.
fn is_same_run(one: &RunRecord, other: &RunRecord) -> bool {
    let [salt, other_salt] = [one, other].map(|run| run.header.salt.as_ref());
    let differ = salt.zip(other_salt).is_some_and(|(salt, other_salt)| salt != other_salt);
    one.header.id == other.header.id && !differ
}

fn same_prompts(first: &RunRecord, run: &RunRecord) -> Result<(), AnalysisError> {
    let (one, other) = (&first.header.prompts, &run.header.prompts);
    if one.sha256 == other.sha256 {
        return Ok(());
    }

    let [first_hash, second_hash] =
        [one, other].map(|prompts| prompts.sha256.chars().take(12).collect::<String>());
    Err(AnalysisError::DifferentPrompts {
        first: first.header.id.to_string(),
        second: run.header.id.to_string(),
        first_set: format!("{} {first_hash}", one.set),
        second_set: format!("{} {second_hash}", other.set),
    })
}

/// Speed and cost are those of an executor as well as of a model.
fn same_executors(first: &RunRecord, run: &RunRecord) -> Result<(), AnalysisError> {
    for variant in &run.header.variants {
        let Some(known) = first.header.variants.iter().find(|known| known.id == variant.id) else { continue };
        let (one, other) = (executor(&known.engine), executor(&variant.engine));

        if one != other {
            return Err(AnalysisError::DifferentExecutors {
                variant: variant.id.to_string(),
                first: first.header.id.to_string(),
                second: run.header.id.to_string(),
                first_executor: one,
                second_executor: other,
            });
        }
    }

    Ok(())
}

/// What executed a model, in words: equal words mean that runs can be taken together.
pub(crate) fn executor(engine: &EngineIdentity) -> String {
    let EngineIdentity { engine, device, build_flags, .. } = engine;
    format!("{engine} on {device} ({build_flags})")
}

fn same_weights(first: &RunRecord, run: &RunRecord) -> Result<(), AnalysisError> {
    for variant in &run.header.variants {
        let known = first.header.variants.iter().find(|known| known.id == variant.id);
        let hashes = known.map(|known| (&known.engine.weights_sha256, &variant.engine.weights_sha256));
        if let Some((Some(one), Some(other))) = hashes
            && one != other
        {
            return Err(AnalysisError::DifferentWeights {
                variant: variant.id.to_string(),
                first: first.header.id.to_string(),
                second: run.header.id.to_string(),
            });
        }
    }

    Ok(())
}

/// The factor to the wall that all runs share; `None` where one lacks it, or has another.
pub(crate) fn shared_wall_factor<'r>(
    runs: impl IntoIterator<Item = &'r RunRecord>,
) -> Option<&'r WallFactor> {
    let mut factors = runs.into_iter().map(|run| run.header.machine.wall_factor.as_ref());
    let first = factors.next()?.filter(|factor| factor.is_sound())?;
    factors.all(|factor| factor == Some(first)).then_some(first)
}
