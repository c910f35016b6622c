//! A call as a row of a table.

use std::time::Duration;

use infercost_core::StatedCost;
use infercost_fleet::tables::rows::InferenceRow;
use infercost_trace::foreign::ProductionCall;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;

/// What a cost that the trace states is called.
const STATED: &str = "stated";

/// A call as a row. What the trace does not say stays unknown; an amount without a currency is none.
pub fn row(call: &ProductionCall) -> InferenceRow<'_> {
    let ProductionCall { call, place, trace_id, span_id } = call;
    let stated = call.cost.as_ref().and_then(stated);
    InferenceRow {
        model: call.model.as_deref(),
        machine: place.host.as_deref(),
        service: place.service.as_deref(),
        customer: call.user.as_deref(),
        session: call.session.as_deref(),
        trace_id: trace_id.as_deref(),
        span_id: span_id.as_deref(),
        issued_at: call.started_at,
        latency_us: call.latency.and_then(micros),
        ttft_us: call.time_to_first_token.and_then(micros),
        input_tokens: call.input_tokens,
        cached_input_tokens: call.cached_input_tokens,
        cache_write_tokens: call.cache_write_tokens,
        output_tokens: call.output_tokens,
        failed: call.failed,
        currency: stated.map(|stated| stated.currency),
        cost: stated.map(|stated| stated.amount),
        cost_basis: stated.map(|_| STATED),
        ..InferenceRow::default()
    }
}

/// A cost that a trace states, in a currency.
#[derive(Clone, Copy)]
struct Stated<'a> {
    amount: Decimal,
    currency: &'a str,
}

fn stated(cost: &StatedCost) -> Option<Stated<'_>> {
    Some(Stated { amount: Decimal::from_f64(cost.amount)?, currency: cost.currency.as_ref()?.code() })
}

fn micros(time: Duration) -> Option<i64> {
    i64::try_from(time.as_micros()).ok()
}
