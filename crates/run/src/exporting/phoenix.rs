//! A run in Phoenix: prices first, then spans, then judgements; and whether its total is ours.

use std::collections::HashMap;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use infercost_analyzer::ledger::same_total;
use infercost_core::text::count;
use infercost_core::{Evaluation, EvaluationKind, Unbilled, VariantId, Verdict};
use infercost_export::SpanTransform;
use infercost_export::phoenix::{Annotation, ModelPrice, PRICE_REFRESH, Phoenix, TraceTotals};
use infercost_trace::outgoing::SpanEnrichment;
use infercost_trace::span_ids::{SpanId, SpanIds};
use serde::Serialize;

use super::{AnalysedRun, facts, send, summary};
use crate::console;
use crate::number;

/// Version of the object that says what Phoenix made of a run.
pub const IN_PHOENIX_SCHEMA: &str = "infercost.phoenix/1";
/// How long Phoenix may take to compute a run's costs.
const PATIENCE: Duration = Duration::from_secs(90);

/// What was sent to Phoenix, and what it makes of it.
#[derive(Debug, Serialize)]
pub struct InPhoenix {
    schema: &'static str,
    project: String,
    page: Option<String>,
    spans: u64,
    annotations: usize,
    prices: Vec<ShownPrice>,
    currency: String,
    /// Of the inferences whose cost is known; `null` where none is.
    total: Option<f64>,
    /// What is not in the total, in sentences.
    left_out: Vec<Unbilled>,
    /// Why, by code, in the same order.
    left_out_codes: Vec<&'static str>,
    phoenix_total: Option<f64>,
    phoenix_spans: Option<u64>,
    same_total: Option<bool>,
    /// Spans that Phoenix did not take.
    rejected: u64,
}

#[derive(Debug, Serialize)]
struct ShownPrice {
    model: String,
    input_per_million: Option<f64>,
    output_per_million: Option<f64>,
    fit_error: Option<f64>,
    why_none: Option<&'static str>,
}

/// Sends a run and checks what Phoenix makes of it.
pub fn export(
    folder: &Path,
    told: &AnalysedRun,
    phoenix: &Phoenix,
    project: Option<&str>,
    transform: SpanTransform,
) -> anyhow::Result<InPhoenix> {
    phoenix.greet()?;
    let run = &told.run.header.id;
    let project = transform.redacted(&project.map_or_else(|| format!("infercost-{run}"), str::to_owned));
    let prices = register(phoenix, told, &transform)?;
    let facts = priced(facts::of_ledger(&told.run.header, &told.ledger), told, &transform);
    let annotations = annotations(told, &transform);
    let summary = Some(summary::of_run(told, &transform));
    let transform = SpanTransform { project: Some(project.clone()), summary, facts, ..transform };
    let trace = SpanIds::new(&told.run.header).trace();
    let sent = send(folder, phoenix.traces(), transform, false)?;
    let total = told.ledger.total();
    let computed = computed(phoenix, &project, trace, sent.spans, total)?;
    phoenix.annotate(&annotations)?;
    let left_out = told.ledger.unbilled();
    let phoenix_total = computed.and_then(|totals| totals.cost);

    Ok(InPhoenix {
        schema: IN_PHOENIX_SCHEMA,
        page: phoenix.trace_page(&project, trace).ok(),
        project,
        spans: sent.spans,
        rejected: sent.rejected + sent.too_large,
        annotations: annotations.len(),
        prices,
        currency: told.ledger.currency.to_string(),
        total,
        left_out_codes: left_out.iter().map(|one| one.why.code()).collect(),
        left_out,
        phoenix_total,
        phoenix_spans: computed.map(|totals| totals.spans),
        same_total: total.zip(phoenix_total).map(|(ours, theirs)| same_total(ours, theirs)),
    })
}

/// A request under load costs something else than a single one, and Phoenix finds prices by the model's name alone: so
/// the requests at an operating point go there under a name of their own.
fn priced(
    mut facts: HashMap<SpanId, SpanEnrichment>,
    told: &AnalysedRun,
    transform: &SpanTransform,
) -> HashMap<SpanId, SpanEnrichment> {
    let ids = SpanIds::new(&told.run.header);
    for ((variant, prompt, repetition), entry) in &told.ledger.entries {
        let bill = told.ledger.bills.get(entry.bill).filter(|bill| bill.has_own_name());
        if let (Some(bill), Some(facts)) = (bill, facts.get_mut(&ids.inference(variant, prompt, *repetition)))
        {
            facts.priced_as = Some(transform.redacted(&bill.name()));
        }
    }
    facts
}

/// Registers what a token of each bill costs, and waits until it is in force.
fn register(
    phoenix: &Phoenix,
    told: &AnalysedRun,
    transform: &SpanTransform,
) -> anyhow::Result<Vec<ShownPrice>> {
    let (mut shown, mut models) = (Vec::new(), Vec::new());
    for (index, bill) in told.ledger.bills.iter().enumerate() {
        let model = transform.redacted(&bill.name());
        let found = told.ledger.token_prices(index);
        let price = found.ok().map(|price| (price, price.per_million()));
        if let Some((_, (input_per_million, output_per_million))) = price {
            let provider = transform.redacted(provider(told, &bill.variant));
            // Phoenix wants both prices; where prompt tokens are unknown there is nothing that it could multiply
            let input_per_million = input_per_million.unwrap_or(0.0);
            models.push(ModelPrice { model: model.clone(), provider, input_per_million, output_per_million });
        }
        shown.push(ShownPrice {
            model,
            input_per_million: price.and_then(|(_, (input, _))| input),
            output_per_million: price.map(|(_, (_, output))| output),
            fit_error: price.map(|(price, _)| price.error),
            why_none: found.err(),
        });
    }

    let changes = phoenix.set_prices(&models)?;
    if changes.created > 0 || changes.updated > 0 {
        console::note(&format!(
            "Phoenix: {} prices added, {} updated; waiting until they are in force",
            changes.created, changes.updated
        ));
        sleep(PRICE_REFRESH);
    }

    Ok(shown)
}

/// What runs a variant.
fn provider<'t>(told: &'t AnalysedRun, variant: &VariantId) -> &'t str {
    let found = told.report.candidates.iter().find(|candidate| candidate.variant == *variant);
    found.map_or("", |candidate| candidate.engine.engine.as_str())
}

/// Asks until Phoenix has every span and the cost that is expected, or for as long as it may take.
fn computed(
    phoenix: &Phoenix,
    project: &str,
    trace: [u8; 16],
    spans: u64,
    total: Option<f64>,
) -> anyhow::Result<Option<TraceTotals>> {
    let began = Instant::now();
    let mut before = None;
    loop {
        let now = phoenix.trace_totals(project, trace)?;
        let whole = now.is_some_and(|now| now.spans >= spans);
        let agreed = match (now.and_then(|now| now.cost), total) {
            (Some(theirs), Some(ours)) => same_total(ours, theirs),
            (_, None) => true,
            (None, Some(_)) => false,
        };
        // a total that has stood still for a while will not become another one
        let settled = whole && now == before && began.elapsed() > PATIENCE / 3;
        if (whole && agreed) || settled || began.elapsed() > PATIENCE {
            return Ok(now);
        }
        before = now;
        sleep(Duration::from_secs(1));
    }
}

fn annotations(told: &AnalysedRun, transform: &SpanTransform) -> Vec<Annotation> {
    let ids = SpanIds::new(&told.run.header);
    let mut all: Vec<Annotation> = told
        .run
        .evaluations
        .iter()
        .map(|record| {
            let span = ids.inference(&record.variant, &record.prompt, record.repetition);
            of_evaluation(span, &record.result, transform)
        })
        .collect();

    for candidate in &told.report.candidates {
        let label = match candidate.verdict {
            _ if candidate.variant == told.report.baseline => "baseline",
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
        };
        all.push(Annotation {
            span: ids.variant(&candidate.variant),
            name: "verdict",
            label: Some(label.to_owned()),
            score: candidate.quality.task_score.map(|score| score.point),
            explanation: Some(transform.redacted(&candidate.reasons.join("; "))),
        });
    }

    all
}

fn of_evaluation(span: SpanId, result: &Evaluation, transform: &SpanTransform) -> Annotation {
    match result {
        Evaluation::Task(score) => Annotation {
            span,
            name: "task_score",
            label: Some(score.judgment.label().to_owned()),
            score: Some(score.score),
            explanation: None,
        },

        Evaluation::Divergence(divergence) => Annotation {
            span,
            name: "kl_divergence",
            label: None,
            score: infercost_analyzer::ledger::mean_divergence(divergence),
            explanation: Some(format!(
                "mean over {} tokens in nats; the most likely token is the baseline's at {} of them",
                divergence.kld.len(),
                divergence.top1_matches
            )),
        },

        Evaluation::Impossible { what, reason } => Annotation {
            span,
            name: if *what == EvaluationKind::Task { "task_score" } else { "kl_divergence" },
            label: Some("impossible".to_owned()),
            score: None,
            explanation: Some(transform.redacted(reason)),
        },
    }
}

impl InPhoenix {
    fn amount(&self, total: Option<f64>) -> String {
        total.map_or_else(|| "unknown".to_owned(), |total| format!("{total:.10} {}", self.currency))
    }

    /// True where Phoenix took every span.
    pub fn is_whole(&self) -> bool {
        self.rejected == 0
    }

    /// Says what is there now, on stderr; gives the address of its page.
    pub fn tell(&self) -> &str {
        for price in &self.prices {
            let text = match (price.input_per_million, price.output_per_million, price.why_none) {
                (Some(input), Some(output), _) => format!(
                    "{} and {} {} for a million input and output tokens (the fit misses single inferences by {})",
                    number::significant(input),
                    number::significant(output),
                    self.currency,
                    number::percent(price.fit_error.unwrap_or_default())
                ),
                (None, Some(output), _) => format!(
                    "{} {} for a million output tokens, which bear it all: the prompt tokens are not known (the fit \
                     misses single inferences by {})",
                    number::significant(output),
                    self.currency,
                    number::percent(price.fit_error.unwrap_or_default())
                ),
                (_, _, why) => format!("no price: {}", why.unwrap_or("it is unknown")),
            };
            console::note(&format!("{}: {text}", price.model));
        }

        for left_out in &self.left_out {
            console::warn(&left_out.to_string());
        }

        console::note(&format!("infercost's total: {}", self.amount(self.total)));
        console::note(&format!("Phoenix's total:   {}", self.amount(self.phoenix_total)));
        match self.same_total {
            Some(true) => console::note("they agree to a millionth"),
            Some(false) => console::warn(
                "they differ: Phoenix keeps the prices that were in force when it first saw a span; delete the \
                 project there and export again",
            ),
            None => {}
        }

        if self.currency != "USD" {
            console::warn(&format!("Phoenix writes $ before amounts; these are {}", self.currency));
        }

        console::note(&format!(
            "{} and {} in project {}",
            count(self.spans, "span"),
            count(self.annotations as u64, "annotation"),
            self.project
        ));

        self.page.as_deref().unwrap_or("(Phoenix shows no page for it)")
    }
}
