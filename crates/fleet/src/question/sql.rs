//! The queries behind a question. They hold nothing that a user wrote but keys and dates.

use std::fmt::Write as _;

use super::Key;
use super::sketch::bins_per_log;
use crate::reading::files::Days;

/// The name of the table of prices.
pub(crate) const PRICES: &str = "dated_prices";

/// What the inferences took, by keys, currency and bin of latency: counts and sums that are added further on.
///
/// It is asked over hundreds of millions of rows, so that a row costs as little as can be: what follows from a whole group is
/// left to whoever reads the answer. That is the cost of what has no currency, which is no cost; and the bins, which hold
/// failures as well, and of less than a microsecond are no numbers.
pub(crate) fn grouped(by: &[Key], days: Days, has_prices: bool) -> String {
    let mut keys = String::new();
    let mut selected = String::new();
    for (place, key) in by.iter().enumerate() {
        let _written = write!(keys, "k{place}, ");
        let _written = write!(selected, "i.{} AS k{place}, ", key.name());
    }

    let (cost, currency, join) = if has_prices { priced() } else { recorded() };
    let latency = format!("CEIL(LN(CAST(i.latency_us AS DOUBLE)) * {:?})", bins_per_log());
    format!(
        "SELECT {keys}currency, bin, COUNT(*) AS inferences, \
         SUM(CASE WHEN failed THEN 1 ELSE 0 END) AS failures, \
         SUM(CASE WHEN answered THEN 1 ELSE 0 END) AS answers, \
         SUM(input_tokens) AS input_tokens, COUNT(input_tokens) AS input_known, \
         SUM(output_tokens) AS output_tokens, COUNT(output_tokens) AS output_known, \
         SUM(cached_input_tokens) AS cached_tokens, \
         SUM(CASE WHEN cached_input_tokens IS NOT NULL THEN input_tokens END) AS cached_of, \
         SUM(cost) AS cost, COUNT(cost) AS cost_known, \
         SUM(CASE WHEN answered AND cost IS NULL THEN 1 ELSE 0 END) AS unpriced, \
         SUM(energy_j) AS energy_j, COUNT(energy_j) AS energy_known \
         FROM (SELECT {selected}{currency} AS currency, {latency} AS bin, i.failed AS failed, \
         (NOT i.failed AND COALESCE(i.output_tokens, 1) > 0) AS answered, \
         i.input_tokens AS input_tokens, i.output_tokens AS output_tokens, \
         i.cached_input_tokens AS cached_input_tokens, {cost} AS cost, i.energy_j AS energy_j \
         FROM inferences i{join} WHERE i.counted{}) \
         GROUP BY {keys}currency, bin",
        within(days)
    )
}

/// Inferences that reports leave out.
pub(crate) fn left_out(days: Days) -> String {
    format!("SELECT COUNT(*) AS inferences FROM inferences i WHERE NOT i.counted{}", within(days))
}

/// Models that prices are looked up for.
pub(crate) const MODELS: &str = "SELECT DISTINCT model FROM inferences WHERE model IS NOT NULL";

/// As it was written; a cost without a currency is left out where the answer is read.
fn recorded() -> (String, String, String) {
    ("i.cost".to_owned(), "i.currency".to_owned(), String::new())
}

/// Where a price holds on the day, what it makes of the tokens; else what was recorded.
fn priced() -> (String, String, String) {
    let tokens = "CASE WHEN i.input_tokens IS NOT NULL AND i.output_tokens IS NOT NULL THEN \
         (i.input_tokens - COALESCE(i.cached_input_tokens, 0) - COALESCE(i.cache_write_tokens, 0)) * p.input \
         + COALESCE(i.cached_input_tokens, 0) * p.cached + COALESCE(i.cache_write_tokens, 0) * p.cache_write \
         + i.output_tokens * p.output END";
    let (recorded, _, _) = recorded();
    let cost = format!("CASE WHEN p.model IS NOT NULL THEN {tokens} ELSE {recorded} END");
    let currency = "CASE WHEN p.model IS NOT NULL THEN p.currency ELSE i.currency END".to_owned();
    let join = format!(
        " LEFT JOIN {PRICES} p ON i.model = p.model AND i.day >= p.first_day AND i.day <= p.last_day"
    );
    (cost, currency, join)
}

fn within(days: Days) -> String {
    let mut condition = String::new();
    if let Some(from) = days.from {
        let _written = write!(condition, " AND i.day >= DATE '{from}'");
    }
    if let Some(to) = days.to {
        let _written = write!(condition, " AND i.day <= DATE '{to}'");
    }
    condition
}
