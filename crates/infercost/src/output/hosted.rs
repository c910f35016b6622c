//! Hosted models that were not asked, in words.

use infercost_core::report::{HostedReport, Report};
use infercost_core::text::percent;
use infercost_core::{Estimate, VariantId};
use infercost_run::shell;

use crate::output::layout::share;
use crate::output::terminal::plain;

/// The first sentence of a report on one variant beside prices: there is no rival that was measured, and the cheapest price is
/// what is asked about. `None` where anything else was measured, or no price can be compared.
pub(crate) fn headline(report: &Report) -> Option<String> {
    let [only] = report.candidates.as_slice() else { return None };
    let mut priced: Vec<(&HostedReport, Estimate)> = Vec::new();
    for hosted in &report.hosted {
        priced.extend(hosted.saving.map(|saving| (hosted, saving)));
    }
    let (cheapest, saving) = priced.into_iter().max_by(|one, other| one.1.point.total_cmp(&other.1.point))?;

    let (model, variant) = (plain(&cheapest.model), short(&only.variant));
    let cost = if saving.point >= 0.0 {
        format!("{} less{}", percent(saving.point), bounds(&saving))
    } else {
        format!("{} more", percent(-saving.point))
    };
    Some(format!(
        "{model} would cost {cost} than {variant} for the same tokens; its quality was not measured"
    ))
}

/// Commands that measure what stands there by its price alone, beside the model as it was typed.
pub(crate) fn measuring(report: &Report, typed: &str) -> Vec<String> {
    let mut commands = Vec::with_capacity(report.hosted.len());
    for hosted in &report.hosted {
        let address = shell::word(&format!("https://HOST/v1#{}", plain(&hosted.model)));
        commands.push(format!("infercost compare {} --hosted {address}", shell::word(typed)));
    }
    commands
}

/// The same of one model, as a caution.
pub(crate) fn in_short(model: &str, saving: Option<&Estimate>) -> String {
    let model = plain(model);
    match saving {
        Some(saving) if saving.point >= 0.0 => {
            format!("{model} was not measured; by its price it would cost {} less", share(saving))
        }
        Some(saving) => {
            format!("{model} was not measured; by its price it would cost {} more", percent(-saving.point))
        }
        None => format!("{model} was not measured: it stands here by its price alone"),
    }
}

fn short(variant: &VariantId) -> String {
    plain(variant.variant_name())
}

/// The interval, where its ends read differently.
fn bounds(saving: &Estimate) -> String {
    let (lower, upper) = (percent(saving.lower), percent(saving.upper));
    if lower == upper { String::new() } else { format!(" [{lower}, {upper}]") }
}
