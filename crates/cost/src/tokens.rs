//! Money for tokens, where a hosted API is paid by them.

use infercost_core::price_per_million::PricePerMillion;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Tokens that are paid: of one request, or means over several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TokenUsage {
    /// Prompt tokens, cached ones included.
    pub input: f64,
    /// Those of them that a cache served.
    pub cached: f64,
    /// Output tokens, thinking included.
    pub output: f64,
}

/// What so many tokens cost: input ÷ 10⁶ × its price + output ÷ 10⁶ × its price. Cached prompt tokens have a price of
/// their own where one is stated, and cost what others do elsewhere.
pub fn cost_of_tokens(price: &PricePerMillion, tokens: &TokenUsage) -> f64 {
    let input = of_one(price.input_per_million);
    let cached = price.cached_input_per_million.map_or(input, of_one);

    let read = (tokens.input - tokens.cached) * input + tokens.cached * cached;
    read + tokens.output * of_one(price.output_per_million)
}

/// The price of one token, where a million cost so much.
fn of_one(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or(f64::NAN) / 1e6
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use infercost_core::Currency;

    use super::*;

    fn price(cached: Option<i64>) -> PricePerMillion {
        PricePerMillion {
            model: "m".into(),
            input_per_million: Decimal::from(2),
            output_per_million: Decimal::from(10),
            cached_input_per_million: cached.map(Decimal::from),
            cache_write_per_million: None,
            currency: Currency::USD,
            source: "s".into(),
            date: "2026-11-01".parse().unwrap(),
        }
    }

    /// By hand: 1,000 tokens read at 2 a million are 0.002, 100 written at 10 are 0.001.
    #[test]
    fn tokens_by_hand() {
        let usage = TokenUsage { input: 1000.0, cached: 0.0, output: 100.0 };
        assert!((cost_of_tokens(&price(None), &usage) - 0.003).abs() < 1e-15);

        // 400 of them from a cache, at 1 a million: 0.0004 less
        let cached = TokenUsage { cached: 400.0, ..usage };
        assert!((cost_of_tokens(&price(Some(1)), &cached) - 0.0026).abs() < 1e-15);
        assert!((cost_of_tokens(&price(None), &cached) - 0.003).abs() < 1e-15, "no price of its own");
    }
}
