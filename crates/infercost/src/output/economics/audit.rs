//! The answer of `infercost audit`.

use std::fmt::Write as _;

use infercost_core::Estimate;
use infercost_economics::audit::{Audit, Zone};
use infercost_economics::bill::double;
use infercost_run::number::UNKNOWN;

use crate::output::layout::{
    assumptions, estimate, head, money, money_estimate, share, signed, styled, table, thousand,
};
use crate::output::terminal::{DOUBT, FAILURE, STRONG, SUCCESS, plain};

/// The whole answer as text.
pub(crate) fn render(audit: &Audit) -> String {
    let mut text = head(&audit.name, &audit.findings);
    text.push_str(&costs(audit));
    text.push_str(&parts(audit));
    if !audit.utilizations.is_empty() {
        let shown: Vec<String> = audit
            .utilizations
            .iter()
            .map(|one| {
                let cost = one.per_inference.map_or(UNKNOWN.to_owned(), |cost| thousand(cost.point));
                format!("{} at {}", cost, infercost_core::text::percent(one.utilization))
            })
            .collect();
        let _ = writeln!(text, " by utilization, {} of 1,000: {}", audit.currency, shown.join(", "));
    }

    text.push_str(&tornado(audit));
    text.push_str(&break_evens(audit));
    text.push_str(&assumptions(&audit.assumptions));
    for limit in &audit.limits {
        let style = match limit.zone {
            Zone::Profit => SUCCESS,
            Zone::Loss => FAILURE,
            Zone::Open => DOUBT,
        };
        let _ = write!(text, "\n{} {}", styled(style, "→"), styled(STRONG, &plain(&limit.why)));
    }

    if audit.limits.is_empty() {
        let _ = write!(
            text,
            "\n{} No revenue and no limit is given, so there is nothing to pass.",
            styled(DOUBT, "→")
        );
    }

    text.push('\n');

    text
}

fn costs(audit: &Audit) -> String {
    let mut rows = vec![
        row(audit, "1,000 inferences", "per_thousand", audit.per_thousand.as_ref()),
        row(audit, "an inference", "per_inference", audit.per_inference.as_ref()),
        row(audit, "a correct answer", "per_correct", audit.per_correct.as_ref()),
        row(audit, "a user session", "per_session", audit.per_session.as_ref()),
    ];

    if audit.per_user.is_some() {
        rows.push(row(audit, "a user", "per_user", audit.per_user.as_ref()));
    }

    if let Some(revenue) = &audit.revenue {
        rows.push(vec!["revenue of an inference".to_owned(), money(double(revenue.value), audit.currency)]);
        rows.push(row(audit, "margin of an inference", "margin", audit.margin.as_ref()));
        let of = audit.share.as_ref().map_or_else(|| why(audit, "share"), share);
        rows.push(vec!["cost ÷ revenue".to_owned(), of]);
    }

    table(&["", "cost"], rows, false)
}

/// A cost in words, or why it is not known.
fn row(audit: &Audit, label: &str, name: &str, value: Option<&Estimate>) -> Vec<String> {
    let shown = value.map_or_else(|| why(audit, name), |value| money_estimate(value, audit.currency));
    vec![label.to_owned(), shown]
}

/// Why a number of the answer is not known.
fn why(audit: &Audit, name: &str) -> String {
    audit.unknown.get(name).map_or(UNKNOWN.to_owned(), |why| format!("{UNKNOWN} {why}"))
}

fn parts(audit: &Audit) -> String {
    let mut text = String::new();
    let shown: Vec<String> = audit
        .bill
        .parts
        .iter()
        .map(|part| format!("{} {}", part.name, thousand(double(part.amount))))
        .collect();
    let _ = writeln!(text, " parts, {} of 1,000: {}", audit.currency, shown.join(" + "));
    for (name, why) in audit.bill.left_out.iter() {
        let _ = writeln!(text, " left out: {name}, {}", plain(&why.to_string()));
    }
    text
}

fn tornado(audit: &Audit) -> String {
    let rows = audit.tornado.iter().map(|swing| {
        let change = match (&swing.share, swing.change) {
            (Some(ratio), Some(_)) if (ratio.upper - ratio.lower).abs() <= 1e-9 => signed(ratio.point),
            (Some(ratio), Some(_)) => {
                format!("{} [{}, {}]", signed(ratio.point), signed(ratio.lower), signed(ratio.upper))
            }
            _ => format!("{UNKNOWN} {}", swing.reason),
        };
        let of = swing.of_revenue.map_or(String::new(), infercost_core::text::percent);
        vec![swing.words.to_owned(), change, of]
    });
    let of = if audit.revenue.is_some() { "of revenue" } else { "" };
    format!("\n{}", table(&["what moves it", "cost", of], rows.collect(), false))
}

fn break_evens(audit: &Audit) -> String {
    if audit.break_evens.is_empty() {
        return String::new();
    }
    let currency = audit.currency.to_string();
    let rows = audit.break_evens.iter().map(|one| {
        let value = match &one.value {
            None => format!("{UNKNOWN} {}", one.reason),
            Some(value) if one.unit == currency => money_estimate(value, audit.currency),
            Some(value) if one.unit == "share of hours" => share(value),
            Some(value) => format!("{} {}", estimate(value), one.unit),
        };
        vec![one.what.clone(), value]
    });
    format!("\n{}", table(&["break-even", ""], rows.collect(), false))
}
