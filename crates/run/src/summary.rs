//! One model alone, in one sentence: there is nothing to recommend, and what is asked is what it does and costs.

use infercost_core::report::{CandidateReport, Report};

use crate::number;

/// Speed, latency and cost, as far as they are known; `name` is what the model is called.
pub fn headline(name: &str, report: &Report, only: &CandidateReport) -> String {
    let mut parts = Vec::new();
    if let Some(speed) = only.decode_tokens_per_s {
        parts.push(format!("{} tokens/s", number::significant(speed.point)));
    }
    if let Some(ttft) = only.ttft_s {
        parts.push(format!("TTFT {}", number::seconds(ttft.p50)));
    }
    if let Some(cost) = only.cost.per_million_output_tokens {
        let currency = report.price_book.currency;
        parts.push(format!("{} {currency} per million output tokens", number::significant(cost.point)));
    }

    if parts.is_empty() {
        format!("{name}: too little was measured")
    } else {
        format!("{name}: {}", parts.join(", "))
    }
}
