//! Hosted models that were not asked: the baseline's tokens at their prices.

use infercost_core::price_per_million::PricePerMillion;
use infercost_core::report::HostedReport;
use infercost_core::{Estimate, Reason, Unknown};
use infercost_cost::cost_of_tokens;

use crate::answer_counts::input_tokens;
use crate::candidate::Context;
use crate::pricing::{Basis, Metered};
use crate::sample::{Own, OwnTotals, VariantSample};

impl Context<'_> {
    /// The hosted models of all runs, each once.
    pub(crate) fn hosted(&self) -> Vec<HostedReport> {
        let mut found: Vec<HostedReport> = Vec::new();
        let Some(baseline) = self.samples.variants.get(self.samples.baseline) else { return found };

        for price in self.analysis.runs.iter().flat_map(|run| &run.header.hosted) {
            if !found.iter().any(|known| known.model == price.model) {
                found.push(self.by_price_alone(price, baseline));
            }
        }
        found
    }

    /// What the baseline's tokens would cost at a price.
    fn by_price_alone(&self, price: &PricePerMillion, baseline: &VariantSample<'_>) -> HostedReport {
        let mut unknown = Unknown::default();
        let mean = self.samples.observed().of(self.samples.baseline).tokens_per_answer();
        let is_answered = !baseline.answered.is_empty();
        let input = input_tokens(baseline).map(|_| mean.input);

        let cost = self.of_baseline(baseline, |own| cost_of_tokens(price, &own.tokens_per_answer()));
        let per_million = self.of_baseline(baseline, |own| {
            let tokens = own.tokens_per_answer();
            cost_of_tokens(price, &tokens) * 1e6 / tokens.output
        });

        HostedReport {
            model: price.model.clone(),
            token_price: price.clone(),
            tokens_of: baseline.header.id.clone(),
            input_tokens: unknown.known("input_tokens", input).filter(|_| is_answered),
            output_tokens: is_answered.then_some(mean.output),
            cost_per_inference: unknown.known("cost_per_inference", cost),
            cost_per_million_output_tokens: unknown.known("cost_per_million_output_tokens", per_million),
            saving: unknown.known("saving", self.saving_of_price(price, baseline)),
            unknown,
        }
    }

    /// 1 − what the baseline's tokens would cost ÷ what the baseline costs.
    fn saving_of_price(
        &self,
        price: &PricePerMillion,
        baseline: &VariantSample<'_>,
    ) -> Result<Estimate, Reason> {
        let reference = self.reference().ok_or(Reason::NoCost)?;
        let compared = Basis::of_tokens().against(&reference)?;

        let saving = self.of_baseline(baseline, |own| {
            let took = Metered::per_answer(own.spent(), reference.idle_watts);
            let cost = self.pricing.cost(&took, compared.reference);
            1.0 - cost_of_tokens(price, &own.tokens_per_answer()) / cost
        })?;
        compared.said(saving)
    }

    /// The interval of something that the baseline's tokens decide.
    fn of_baseline(
        &self,
        baseline: &VariantSample<'_>,
        statistic: impl Fn(OwnTotals<'_>) -> f64,
    ) -> Result<Estimate, Reason> {
        // Without the tokens of prompts there is no bill.
        input_tokens(baseline)?;

        let index = self.samples.baseline;
        let presence = self.samples.layout.own(index, Own::Asked);
        let too_few = self.too_few_answers(baseline.answered.len());
        self.estimate(presence, too_few, |totals| statistic(totals.of(index)))
    }
}
