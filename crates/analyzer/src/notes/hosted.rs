//! Findings about what is paid by its tokens.

use infercost_core::price_per_million::PricePerMillion;
use infercost_core::report::HostedReport;
use infercost_core::{Fact, Severity};
use jiff::civil::Date;

use super::{Noted, OLD_PRICE, name};

/// What to do about a hosted model that was not asked.
pub(super) const MEASURE: &str = "--hosted https://HOST/v1#NAME measures it";

/// Variants that are paid by their tokens.
pub(super) fn paid_by_tokens(noted: &Noted<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    for candidate in noted.candidates.iter().filter(|candidate| !candidate.noise_floor) {
        if let Some(price) = candidate.token_price.clone() {
            facts.push(Fact::PaidByTokens { variant: name(candidate), price });
        }
    }
    facts
}

/// That a hosted model stands in the report by its price alone.
pub(super) fn by_price_alone(hosted: &HostedReport) -> Fact {
    Fact::ByPriceAlone {
        model: hosted.model.clone(),
        tokens_of: hosted.tokens_of.variant_name().to_owned(),
        saving: hosted.saving,
        price: hosted.token_price.clone(),
    }
}

/// A price that might beat the recommendation may change the answer.
pub(super) fn weight(noted: &Noted<'_>, hosted: &HostedReport) -> Severity {
    let may_win = hosted.saving.is_some_and(|saving| saving.upper > noted.recommended);
    if may_win { Severity::Warning } else { Severity::Limitation }
}

/// Prices of tokens that were old when the run began.
pub(super) fn old_prices(noted: &Noted<'_>, today: Date) -> Vec<Fact> {
    let of_candidates = noted.candidates.iter().filter_map(|candidate| candidate.token_price.as_ref());
    let by_price = noted.hosted.iter().map(|hosted| &hosted.token_price);
    of_candidates.chain(by_price).filter_map(|price| old(price, today)).collect()
}

fn old(price: &PricePerMillion, today: Date) -> Option<Fact> {
    let days = price.date.until(today).map_or(0, |span| span.get_days());
    let (date, source) = (price.date, price.source.clone());
    (days > OLD_PRICE).then(|| Fact::PriceOld { price: price.model.clone(), days, date, source })
}
