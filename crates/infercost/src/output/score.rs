//! What `infercost score` prints.

use infercost_analyzer::text_divergence::{Mean, TextComparison, TextScore};
use infercost_core::text::count;
use infercost_core::{EngineIdentity, VariantId};
use infercost_run::number;
use serde_json::{Value, json};

use crate::output::answer::{Answer, Cell, Section};
use crate::output::columns::Column;

/// The form of the JSON object; it changes when a field changes its meaning.
const SCHEMA: &str = "infercost.score/1";

/// A model's score on a text.
pub(crate) struct Scored<'a> {
    pub(crate) model: &'a VariantId,
    pub(crate) identity: &'a EngineIdentity,
    /// As the user named it.
    pub(crate) baseline: Option<&'a str>,
    /// Why the baseline was not compared with.
    pub(crate) refused: Option<&'a str>,
    pub(crate) context: u32,
    pub(crate) windows: usize,
    pub(crate) tokens: usize,
    pub(crate) score: &'a TextScore,
}

impl Scored<'_> {
    /// One object; what is unknown is null, with the reason in `divergence_unavailable`.
    pub(crate) fn json(&self) -> Value {
        let compared = self.score.comparison.as_ref();
        let unavailable = match (compared, self.refused) {
            (Some(_), _) => None,
            (None, Some(reason)) => Some(reason),
            (None, None) => Some("no baseline was named"),
        };
        let kld = compared.map(|compared| compared.kld);
        let top1 = compared.map(|compared| compared.top1_agreement);
        let ratio = compared.map(|compared| compared.ln_perplexity_ratio);
        let before = compared.map(|compared| compared.baseline_perplexity);
        let rms = compared.map(|compared| compared.probability_change_rms);
        let change = compared.map(|compared| compared.probability_change);

        json!({
            "schema": SCHEMA,
            "variant": self.model,
            "baseline": self.baseline,
            "engine": self.identity,
            "context": self.context,
            "windows": self.windows,
            "tokens": self.tokens,
            "scored_tokens": self.score.positions,
            "perplexity": self.score.perplexity.value,
            "perplexity_standard_error": self.score.perplexity.standard_error,
            "baseline_perplexity": value(before),
            "baseline_perplexity_standard_error": error(before),
            "ln_perplexity_ratio": value(ratio),
            "ln_perplexity_ratio_standard_error": error(ratio),
            "kld_mean": value(kld),
            "kld_mean_standard_error": error(kld),
            "kld_mean_slack": compared.and_then(|compared| compared.kld_slack),
            "kld_median": compared.map(|compared| compared.kld_median),
            "kld_p99": compared.map(|compared| compared.kld_p99),
            "kld_p999": compared.map(|compared| compared.kld_p999),
            "kld_max": compared.map(|compared| compared.kld_max),
            "top1_agreement": value(top1),
            "top1_agreement_standard_error": error(top1),
            "delta_p_rms": value(rms),
            "delta_p_rms_standard_error": error(rms),
            "delta_p_mean": value(change),
            "delta_p_mean_standard_error": error(change),
            "divergence_unavailable": unavailable,
        })
    }

    /// One row a statistic, each with its standard error.
    pub(crate) fn answer(&self) -> Answer {
        let mut rows = vec![row("perplexity", self.score.perplexity, 1.0, "")];
        match (&self.score.comparison, self.refused) {
            (Some(compared), _) => rows.extend(distances(compared)),
            (None, Some(reason)) => {
                rows.push(Row { name: "KL divergence", value: Cell::Unknown, note: reason.to_owned() })
            }
            (None, None) => {}
        }

        let mut names = Vec::new();
        let mut values = Vec::new();
        let mut notes = Vec::new();
        for row in rows {
            names.push(Cell::words(row.name));
            values.push(row.value);
            notes.push(Cell::words(row.note));
        }
        let mut answer = Answer {
            headline: self.headline(),
            subject: format!(
                "{} of {} tokens, {} scored; ± standard error",
                count(self.windows as u64, "window"),
                self.context,
                count(self.score.positions as u64, "token")
            ),
            table: vec![
                Column::left("statistic", 0, names),
                Column::right("value", 0, values),
                Column::left("", 1, notes),
            ],
            ..Answer::default()
        };
        answer.explain(Section::lines("how it is measured", self.how()));
        answer
    }

    /// What the numbers are, as llama-perplexity has them.
    fn how(&self) -> Vec<String> {
        vec![
            format!(
                "the text's {} tokens are cut into windows of {} that do not overlap; what is left over is not scored",
                self.tokens, self.context
            ),
            "the second half of each window is scored, with the first as its context".to_owned(),
            "the standard error is over scored tokens, as if they were independent".to_owned(),
        ]
    }

    fn headline(&self) -> String {
        let perplexity = with_error(self.score.perplexity, 1.0, "");
        let distance = self.score.comparison.as_ref().zip(self.baseline);
        match distance {
            Some((compared, baseline)) => format!(
                "{}: perplexity {perplexity}, KL divergence {} from {baseline}",
                self.model,
                with_error(compared.kld, 1.0, " nats")
            ),
            None => format!("{}: perplexity {perplexity}", self.model),
        }
    }
}

/// One statistic.
struct Row {
    name: &'static str,
    value: Cell,
    note: String,
}

fn row(name: &'static str, mean: Mean, factor: f64, unit: &str) -> Row {
    let value = Cell::number(mean.value, with_error(mean, factor, unit));
    Row { name, value, note: String::new() }
}

/// The statistics of a comparison.
fn distances(compared: &TextComparison) -> Vec<Row> {
    let mut rows = vec![
        row("baseline perplexity", compared.baseline_perplexity, 1.0, ""),
        row("ln perplexity ratio", compared.ln_perplexity_ratio, 1.0, ""),
        row("KL divergence, mean", compared.kld, 1.0, " nats"),
    ];
    if let (Some(slack), Some(last)) = (compared.kld_slack, rows.last_mut()) {
        last.note = format!("the tail that is not stored adds at most {} nats", number::significant(slack));
    }

    for (name, value) in [
        ("KL divergence, median", compared.kld_median),
        ("KL divergence, 99 %", compared.kld_p99),
        ("KL divergence, 99.9 %", compared.kld_p999),
        ("KL divergence, largest", compared.kld_max),
    ] {
        let value = Cell::number(value, number::significant(value));
        rows.push(Row { name, value, note: String::new() });
    }
    rows.push(row("same top token", compared.top1_agreement, 100.0, " %"));
    rows.push(row("Δp RMS", compared.probability_change_rms, 100.0, " %"));
    rows.push(row("Δp mean", compared.probability_change, 100.0, " %"));
    rows
}

/// As many decimals as the standard error has two significant digits.
fn with_error(mean: Mean, factor: f64, unit: &str) -> String {
    let value = mean.value * factor;
    match mean.standard_error.map(|error| error * factor) {
        Some(error) if error > 0.0 && error.is_finite() => {
            let decimals = (1.0 - error.log10().floor()).clamp(0.0, 9.0) as usize;
            format!("{value:.decimals$} ± {error:.decimals$}{unit}")
        }
        _ => format!("{}{unit}", number::significant(value)),
    }
}

fn value(mean: Option<Mean>) -> Option<f64> {
    mean.map(|mean| mean.value)
}

fn error(mean: Option<Mean>) -> Option<f64> {
    mean.and_then(|mean| mean.standard_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_follow_the_uncertainty() {
        let check = |value, standard_error, factor, unit, wanted| {
            assert_eq!(with_error(Mean { value, standard_error }, factor, unit), wanted);
        };
        check(23.456_789, Some(0.4321), 1.0, "", "23.46 ± 0.43");
        check(0.007_012_3, Some(0.000_151), 1.0, " nats", "0.00701 ± 0.00015 nats");
        check(0.957_81, Some(0.0024), 100.0, " %", "95.78 ± 0.24 %");
        check(-0.5, Some(0.0), 1.0, "", "−0.500");
        check(1234.4, None, 1.0, "", "1234");
    }
}
