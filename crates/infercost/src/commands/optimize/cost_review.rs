//! The three steps of a cost review over what a sprint measured: audit, sprint, pivot.

use infercost_core::price::PriceBook;
use infercost_core::{EconomicsFact, Findings, Workload};
use infercost_economics::audit::{AuditInput, LOSS_ZONE, Subject};
use infercost_economics::hosting::{Hosting, HostingScenario, host};
use infercost_economics::{Audit, Limits, Scenario, audit};
use infercost_run::economics_inputs::EconomicsInputs;

use crate::commands::host::{demand, own_or_example_offers};
use crate::flags::economics::DemandFlags;

/// What the cost is against what is earned, and what it would be elsewhere.
pub(crate) struct CostReview {
    /// `None` where nobody says what an answer earns.
    pub(crate) audit: Option<Audit>,
    pub(crate) hosting: Hosting,
    /// What must be known of the offers.
    pub(crate) finding: Option<EconomicsFact>,
}

/// The review of a workload at the load of the settings.
///
/// # Errors
/// Where a setting cannot be converted into the currency of the answer.
pub(super) fn of(
    workload: &Workload,
    prices: &PriceBook,
    business: &EconomicsInputs,
) -> anyhow::Result<CostReview> {
    let book = business.book_under(prices, workload)?;
    let interest = business.load.interest.unwrap_or(0.0);
    let scenario = Scenario::of(workload, &book, interest);

    let revenue = business.earned(None, book.currency)?;
    let audit = revenue.map(|revenue| {
        audit(AuditInput {
            name: workload.variant.to_string(),
            subject: Subject::Machine(Box::new(scenario.clone())),
            correct: None,
            per_session: None,
            per_user: None,
            per_month: None,
            output_tokens: workload.output_tokens,
            per_output_token: workload.per_output_token,
            per_right_answer: workload.per_right_answer,
            revenue: Some(revenue),
            limits: Limits {
                loss_zone: Some(business.revenue.loss_zone.unwrap_or(LOSS_ZONE)),
                max_cost: None,
            },
            assumptions: Vec::new(),
            findings: Findings::default(),
            today: business.today,
        })
    });

    let offers = own_or_example_offers(business, &book)?;
    let setting = HostingScenario::of(scenario, workload, demand(&DemandFlags::default(), business, &book));
    let hosting = host(workload.variant.to_string(), &setting, &offers.offers);
    Ok(CostReview { audit, hosting, finding: offers.finding })
}
