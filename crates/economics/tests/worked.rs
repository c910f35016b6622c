//! The worked examples of docs/economics.md by two routes: each expression of its tables by plain arithmetic, and
//! each result by the program from the same inputs.
#![expect(clippy::unwrap_used, reason = "a table that cannot be read has failed")]

#[path = "worked/hours.rs"]
mod hours;
#[path = "worked/sheet.rs"]
mod sheet;

use infercost_core::hosting::{Charge, HostingOffer};
use infercost_core::market::TokenPrice;
use infercost_core::price::Price;
use infercost_core::{Currency, EconomicsReason, Estimate, Money, Taken, Workload};
use infercost_economics::audit::{AuditInput, Subject, Zone};
use infercost_economics::hosting::{Demand, Hosting, HostingScenario, OptionCost, host};
use infercost_economics::lever::Lever;
use infercost_economics::ownership::Owned;
use infercost_economics::production::{AuditedInference, Production};
use infercost_economics::replacement::{Decision, Terms, replacement};
use infercost_economics::scenario::Acquisition;
use infercost_economics::{Audit, Limits, Scenario, audit};
use rust_decimal::Decimal;

use sheet::Sheet;

fn certain(value: f64) -> Estimate {
    Estimate { point: value, lower: value, upper: value, confidence: 0.95, n: 100 }
}

#[track_caller]
fn near(found: f64, wanted: f64, what: &str) {
    assert!((found - wanted).abs() <= 1e-8 * wanted.abs().max(1e-12), "{what}: {found} is not {wanted}");
}

/// The owned machine of the first table.
fn scenario(own: &Sheet) -> Scenario {
    Scenario {
        currency: Currency::EUR,
        acquisition: Acquisition::Owned(Owned {
            purchase: own.get("purchase"),
            salvage_share: own.get("salvage_share"),
            life_years: own.get("life"),
            interest: 0.0,
        }),
        tariff: Some(own.get("tariff")),
        pue: own.get("pue"),
        operation_per_hour: Some(own.get("operation_h")),
        utilization: 0.4,
        busy_s: certain(own.get("busy_s")),
        joules: Some(certain(own.get("joules"))),
        energy_note: None,
        idle_w: Some(own.get("idle_w")),
        prefill_share: Some(0.25),
    }
}

fn setting(own: &Sheet) -> HostingScenario {
    HostingScenario {
        scenario: scenario(own),
        demand: Demand {
            requests_per_hour: Some(own.get("requests")),
            hours_per_day: 24.0,
            max_utilization: 0.7,
            capacity_per_hour: None,
        },
        load_s: Some(certain(own.get("load_s"))),
        input_tokens: Some(certain(own.get("input_tokens"))),
        output_tokens: Some(certain(own.get("output_tokens"))),
    }
}

fn decimal(value: f64) -> Decimal {
    format!("{value}").parse().unwrap()
}

fn price(value: f64, unit: &str) -> Price {
    Price {
        name: "example".into(),
        value: decimal(value),
        currency: Currency::EUR,
        unit: unit.into(),
        source: "the example".into(),
        date: "2026-11-10".parse().unwrap(),
    }
}

fn hosted(charge: Charge, rate: f64) -> Hosting {
    let own = Sheet::read("own");
    let offer = HostingOffer { name: "offer".into(), charge, price: price(rate, "hour"), open: Vec::new() };
    host("example".into(), &setting(&own), &[offer])
}

fn way<'a>(hosting: &'a Hosting, name: &str) -> &'a OptionCost {
    hosting.ways.iter().find(|way| way.name == name).unwrap()
}

/// Parts and total of a way are those of a table's rows.
#[track_caller]
fn check_way(way: &OptionCost, sheet: &Sheet, parts: &[(&str, &str)], total: &str) {
    for (part, row) in parts {
        let found = way.bill.parts.iter().find(|one| one.name.name() == *part).unwrap();
        near(infercost_economics::bill::double(found.amount), sheet.get(row), part);
    }
    assert_eq!(way.bill.parts.len(), parts.len(), "{:?}", way.bill.parts);
    near(way.per_inference.unwrap().point, sheet.get(total), total);
    let sum: Decimal = way.bill.parts.iter().map(|part| part.amount).sum();
    assert_eq!(Some(sum), way.bill.total, "the parts do not add up");
}

#[test]
fn every_expression_is_right() {
    for name in ["own", "rent", "spot", "serverless", "api", "audit", "replace", "hours", "schedule-totals"] {
        Sheet::read(name).check();
    }
}

#[test]
fn own() {
    let own = Sheet::read("own");
    let hosting = hosted(Charge::Api { input: Decimal::ONE, output: Decimal::ONE }, 1.0);
    let parts =
        [("energy", "energy"), ("idle", "idle"), ("hardware", "hardware"), ("operation", "operation")];
    check_way(way(&hosting, "own"), &own, &parts, "own");
    // the same load as a utilization of one machine, by the other formula
    near(scenario(&own).cost().unwrap().point, own.get("own"), "the audit's cost");
    assert_eq!((hosting.cheapest.as_slice(), hosting.open), (&["own".to_owned()][..], false));
}

#[test]
fn own_against_rent() {
    let sheet = Sheet::read("rent");
    let charge = Charge::Rent {
        billing_seconds: 3600.0,
        other_per_month: decimal(sheet.get("other_month")),
        speed: Some(1.0),
    };
    let hosting = hosted(charge, sheet.get("rate"));
    let rent = way(&hosting, "offer");
    check_way(rent, &sheet, &[("rent", "rent"), ("storage and egress", "storage")], "cost");
    near(rent.own_pays_back.as_ref().unwrap().months.unwrap().point, sheet.get("months"), "months");
}

/// An owned machine costs 0.11884 EUR an hour when it waits, and 16 W × its price more when it never does: against a
/// rate between the two it is cheaper only up to a load, and again where a second machine waits, from 70 % of 4,500
/// requests an hour on.
#[test]
fn owning_is_cheaper_from_a_load_or_up_to_one() {
    let sheet = Sheet::read("api");
    let idle = sheet.get("fixed_h");
    let busy = idle + sheet.get("each") * 4500.0;
    let rent = |rate: f64| {
        let charge = Charge::Rent { billing_seconds: 1.0, other_per_month: Decimal::ZERO, speed: Some(1.0) };
        way(&hosted(charge, rate), "offer").own_cheaper_from.clone().unwrap()
    };
    for (rate, wanted) in [
        (idle * 0.99, "owning costs more at any load"),
        (f64::midpoint(idle, busy), "up to 50 % used: working costs it energy; again from 3150 "),
        (busy * 1.01, "owning is cheaper at any load"),
    ] {
        let found = rent((rate * 1e12).round() / 1e12);
        assert!(found.reason.sentence().contains(wanted) && found.utilization.is_none(), "{rate}: {found:?}");
    }
}

/// The load beyond which a second machine is owned is that of the plan, as in the table: 70 % of 4,500 requests an hour. A
/// machine that is six times as fast and costs more than one of these, and less than two, is cheaper from there on.
#[test]
fn break_evens_are_searched_with_the_machines_of_the_table() {
    let own = Sheet::read("own");
    let charge = Charge::Rent { billing_seconds: 1.0, other_per_month: Decimal::ZERO, speed: Some(6.0) };
    let offer = HostingOffer { name: "offer".into(), charge, price: price(0.15, "hour"), open: Vec::new() };

    for (requests, cheapest) in [(3_100.0, "own"), (3_200.0, "offer"), (5_000.0, "offer")] {
        let mut setting = setting(&own);
        setting.demand.requests_per_hour = Some(requests);
        let hosting = host("example".into(), &setting, std::slice::from_ref(&offer));
        assert_eq!(hosting.cheapest, [cheapest.to_owned()], "{requests}");

        let found = way(&hosting, "offer").own_cheaper_from.clone().unwrap();
        let Some(EconomicsReason::OnlyUpToLoad { requests_per_hour, again_from: None }) = found.reason.0
        else {
            panic!("{requests}: {found:?}");
        };
        near(requests_per_hour, 0.7 * 4500.0, "the last load of one machine");
        near(found.planned_utilization, 0.7, "the plan");
    }
}

/// An API at a price that one machine beats from 2,000 requests an hour on, and two from 4,000 on: from 3,150 on there are
/// two.
#[test]
fn a_second_machine_costs_more_again() {
    let sheet = Sheet::read("api");
    let each = sheet.get("fixed_h") / 2_000.0 + sheet.get("each");
    let charge = Charge::Api { input: decimal(each / sheet.get("input_tokens")), output: Decimal::ZERO };
    let found = way(&hosted(charge, 1.0), "offer").own_cheaper_from.clone().unwrap();

    near(found.requests_per_hour.unwrap().point, 2_000.0, "the first crossing");
    let Some(EconomicsReason::CostlierAgain { from, until: Some(until) }) = found.reason.0 else {
        panic!("{found:?}");
    };
    near(from, 3_150.0, "the second machine");
    near(until, 4_000.0, "where two are cheaper");
}

/// A machine of the price book costs the same in the audit and in the comparison, however it is had.
#[test]
fn the_book_s_machine_costs_what_the_audit_says() {
    let own = Sheet::read("own");
    for includes_electricity in [true, false] {
        let mut setting = setting(&own);
        setting.scenario.acquisition = Acquisition::Rented { per_hour: 0.2, includes_electricity };
        let hosting = host("example".into(), &setting, &[]);
        let rent = way(&hosting, "rent as now");
        near(rent.per_inference.unwrap().point, setting.scenario.cost().unwrap().point, "rent as now");
        assert_eq!(
            rent.bill.parts.iter().any(|part| part.name == infercost_core::CostPart::Energy),
            !includes_electricity
        );
    }
}

#[test]
fn spot() {
    let sheet = Sheet::read("spot");
    let charge = Charge::Spot {
        interruptions_per_hour: sheet.get("interruptions"),
        lost_seconds: sheet.get("lost_s"),
        fallback_share: sheet.get("fallback_share"),
        on_demand_per_hour: Some(decimal(sheet.get("on_demand"))),
        speed: Some(1.0),
        load_seconds: None,
    };
    let hosting = hosted(charge, sheet.get("rate"));
    let parts = [("spot", "spot"), ("restarts", "restarts"), ("fallback", "fallback")];
    check_way(way(&hosting, "offer"), &sheet, &parts, "cost");
}

#[test]
fn serverless() {
    let sheet = Sheet::read("serverless");
    let charge = Charge::Serverless {
        keep_warm_seconds: sheet.get("keep_warm_s"),
        cold_share: None,
        speed: Some(1.0),
        load_seconds: None,
    };
    let hosting = hosted(charge, sheet.get("rate"));
    let parts = [("execution", "execution"), ("cold starts", "cold_starts"), ("waiting", "waiting")];
    check_way(way(&hosting, "offer"), &sheet, &parts, "cost");
}

#[test]
fn a_hosted_api() {
    let sheet = Sheet::read("api");
    let million = Decimal::from(1_000_000);
    let charge = Charge::Api {
        input: decimal(sheet.get("input_price")) / million,
        output: decimal(sheet.get("output_price")) / million,
    };
    let hosting = hosted(charge, sheet.get("output_price"));
    let api = way(&hosting, "offer");
    check_way(api, &sheet, &[("input tokens", "input"), ("output tokens", "output")], "cost");
    let from = api.own_cheaper_from.as_ref().unwrap();
    near(from.requests_per_hour.unwrap().point, sheet.get("break_even_requests"), "break-even load");
    near(from.utilization.unwrap().point, sheet.get("break_even_used"), "break-even utilization");
}

fn audited(revenue: f64, loss_zone: f64) -> Audit {
    audit(AuditInput {
        name: "example".into(),
        subject: Subject::Machine(Box::new(scenario(&Sheet::read("own")))),
        correct: None,
        per_session: None,
        per_user: None,
        per_month: None,
        output_tokens: None,
        per_output_token: None,
        per_right_answer: None,
        revenue: Some(price(revenue, "inference")),
        limits: Limits { loss_zone: Some(loss_zone), max_cost: None },
        assumptions: Vec::new(),
        findings: infercost_core::Findings::default(),
        today: "2026-11-23".parse().unwrap(),
    })
}

#[test]
fn audit_at_14_9_and_15_1_per_cent() {
    let sheet = Sheet::read("audit");
    for (revenue, share, zone) in
        [("revenue_a", "share_a", Zone::Profit), ("revenue_b", "share_b", Zone::Loss)]
    {
        let found = audited(sheet.get(revenue), 0.15);
        near(found.share.unwrap().point, sheet.get(share), share);
        assert_eq!(found.worst(), Some(zone), "{:?}", found.limits);
    }
    // the limit itself is in the zone, and can be set
    assert_eq!(audited(sheet.get("revenue_a"), sheet.get("share_a") - 1e-9).worst(), Some(Zone::Loss));
    assert_eq!(audited(sheet.get("revenue_b"), 0.16).worst(), Some(Zone::Profit));
}

/// A mean of one has no interval, and is on neither side of a limit.
#[test]
fn one_inference_settles_no_limit() {
    let stated = |cost: &str| AuditedInference {
        model: "m".into(),
        cost_stated: Some(Money { amount: cost.parse().unwrap(), currency: Currency::EUR }),
        ..AuditedInference::default()
    };

    for (costs, wanted) in [
        (vec!["0.001"], Zone::Open),
        (vec!["1"], Zone::Open),
        (vec!["0.001", "0.0011", "0.0012"], Zone::Profit),
        (vec!["1", "1.1", "1.2"], Zone::Loss),
        // t of one degree of freedom is 12.7: from 0 to 0.13
        (vec!["0.06", "0.07"], Zone::Open),
    ] {
        let inferences: Vec<AuditedInference> = costs.iter().map(|cost| stated(cost)).collect();
        let production = Box::new(Production::by_model(&inferences).remove(0));
        let found = audit(AuditInput {
            name: "example".into(),
            subject: Subject::Stated { production, rate: 1.0, currency: Currency::EUR },
            correct: None,
            per_session: None,
            per_user: None,
            per_month: None,
            output_tokens: None,
            per_output_token: None,
            per_right_answer: None,
            revenue: None,
            limits: Limits { loss_zone: None, max_cost: Some(0.1) },
            assumptions: Vec::new(),
            findings: infercost_core::Findings::default(),
            today: "2026-11-23".parse().unwrap(),
        });
        assert_eq!(found.worst(), Some(wanted), "{costs:?}: {}", found.limits[0].why);
        assert_eq!(
            found.limits[0].why.to_string().contains("one inference"),
            costs.len() == 1,
            "{:?}",
            found.limits
        );
    }
}

/// Of a machine, seconds and joules of one token, at the same ends; of bought tokens, the price of one, however long answers
/// are; of stated costs, the ratio. Never a quotient of two means that vary on their own.
#[test]
fn a_token_costs_what_it_took() {
    let per_million = |subject: Subject, output_tokens: Estimate, per_output_token: Option<Taken>| {
        let found = audit(AuditInput {
            name: "example".into(),
            subject,
            correct: None,
            per_session: None,
            per_user: None,
            per_month: None,
            output_tokens: Some(output_tokens),
            per_output_token,
            per_right_answer: None,
            revenue: None,
            limits: Limits::default(),
            assumptions: Vec::new(),
            findings: infercost_core::Findings::default(),
            today: "2026-11-23".parse().unwrap(),
        });
        let cost = found.per_million_output_tokens.unwrap();
        [cost.lower, cost.point, cost.upper].map(|amount| amount / 1e6)
    };
    let unsure = |point: f64, share: f64| Estimate {
        lower: point * (1.0 - share),
        upper: point * (1.0 + share),
        ..certain(point)
    };

    // answers of 75 to 225 tokens, each token of which takes 5 % more or less than a 150th of an answer
    let own = Sheet::read("own");
    let machine = Subject::Machine(Box::new(scenario(&own)));
    let share = |quantity: &str| unsure(own.get(quantity) / 150.0, 0.05);
    let taken = Taken { busy_s: share("busy_s"), joules: Some(share("joules")) };
    let cost = own.get("own") / 150.0;
    for (found, wanted) in
        per_million(machine, unsure(150.0, 0.5), Some(taken)).iter().zip([0.95 * cost, cost, 1.05 * cost])
    {
        near(*found, wanted, "a machine's token");
    }

    let answers = |cost_of: fn(u64) -> Option<Money>| {
        let mut all = Vec::new();
        for tokens in [90, 100, 110, 120] {
            all.push(AuditedInference {
                model: "m".into(),
                input_tokens: Some(10),
                output_tokens: Some(tokens),
                cost_stated: cost_of(tokens),
                ..AuditedInference::default()
            });
        }
        Box::new(Production::by_model(&all).remove(0))
    };
    let bought = answers(|_| None);
    let price = TokenPrice {
        model: "m".into(),
        provider: None,
        input: Decimal::ZERO,
        output: decimal(2e-6),
        cached_input: None,
        not_used: Vec::new(),
        currency: Currency::EUR,
    };
    let tokens = bought.output_tokens.unwrap();
    let subject = Subject::Tokens { production: bought, price, rate: 1.0, currency: Currency::EUR };
    for found in per_million(subject, tokens, None) {
        near(found, 2e-6, "a bought token");
    }

    let stated = answers(|tokens| {
        Some(Money { amount: Decimal::from(tokens) / Decimal::from(500_000), currency: Currency::EUR })
    });
    let subject = Subject::Stated { production: stated, rate: 1.0, currency: Currency::EUR };
    for found in per_million(subject, tokens, None) {
        near(found, 2e-6, "a stated token");
    }
}

/// Any part that a machine surely takes, left out, leaves what is below a limit open; what is above stays above.
#[test]
fn what_is_left_out_settles_no_limit() {
    let own = scenario(&Sheet::read("own"));
    let owned = own.acquisition;

    for (acquisition, joules, idle_w, operation_per_hour, wanted, said) in [
        (owned, own.joules, own.idle_w, None, Zone::Profit, "below the limit"),
        (Acquisition::Unknown, own.joules, own.idle_w, Some(0.05), Zone::Open, "hardware left out"),
        (owned, None, own.idle_w, None, Zone::Open, "energy left out, and the machine would pass it above"),
        (owned, own.joules, None, None, Zone::Open, "idle left out"),
        (Acquisition::Unknown, None, None, Some(0.05), Zone::Open, "energy and idle and hardware left out"),
    ] {
        let scenario = Scenario { acquisition, joules, idle_w, operation_per_hour, ..own.clone() };
        for (revenue, wanted) in [(0.01, wanted), (0.000_01, Zone::Loss)] {
            let found = audit(AuditInput {
                name: "example".into(),
                subject: Subject::Machine(Box::new(scenario.clone())),
                correct: None,
                per_session: None,
                per_user: None,
                per_month: None,
                output_tokens: None,
                per_output_token: None,
                per_right_answer: None,
                revenue: Some(price(revenue, "inference")),
                limits: Limits { loss_zone: Some(0.15), max_cost: None },
                assumptions: Vec::new(),
                findings: infercost_core::Findings::default(),
                today: "2026-11-23".parse().unwrap(),
            });
            let why = found.limits[0].why.to_string();
            assert_eq!(found.worst(), Some(wanted), "{why}");
            assert!(wanted == Zone::Loss || why.contains(said), "{why} lacks {said}");
            assert!(!(acquisition == Acquisition::Unknown && why.contains(" W at work")), "{why}");
        }
    }
}

#[test]
fn the_tornado_and_the_break_evens() {
    let sheet = Sheet::read("audit");
    let found = audited(sheet.get("revenue_a"), 0.15);
    let bars: Vec<(Lever, f64)> =
        found.tornado.iter().filter_map(|swing| Some((swing.lever, swing.share?.point))).collect();
    let wanted = [
        (Lever::UtilizationDown, "after_utilization"),
        (Lever::LifeDown, "after_life"),
        (Lever::OutputUp, "after_output"),
        (Lever::EnergyUp, "after_energy"),
    ];

    assert_eq!(bars.len(), wanted.len(), "{bars:?}");

    for ((lever, share), (wanted, row)) in bars.iter().zip(wanted) {
        assert_eq!(*lever, wanted, "the biggest lever comes first");
        near(*share, sheet.get(row), row);
    }
    let rent = found.tornado.last().unwrap();
    assert!(rent.lever == Lever::RentUp && rent.reason.0 == Some(EconomicsReason::NotRented));
    let value = |start: &str| {
        found
            .break_evens
            .iter()
            .find(|one| one.what.to_string().starts_with(start))
            .unwrap()
            .value
            .unwrap()
            .point
    };

    near(value("revenue per inference"), sheet.get("loss_zone_from"), "revenue");
    near(value("electricity price at which cost is 15 %"), sheet.get("break_even_tariff_a"), "tariff");
    near(value("utilization at which cost is 15 %"), sheet.get("break_even_used_a"), "utilization");
}

fn workload(sheet: &Sheet, which: &str) -> Workload {
    let of = |name: &str| sheet.get(&format!("{which}_{name}"));
    Workload {
        variant: "model/full".into(),
        run: which.into(),
        date: "2026-11-23".parse().unwrap(),
        machine: which.into(),
        prompts_sha256: "00".into(),
        inferences: 100,
        failures: 0,
        threads: None,
        concurrency: Some(1),
        busy_s: certain(of("busy_s")),
        prefill_share: None,
        joules: Some(certain(of("joules"))),
        energy_source: infercost_core::EnergySource::Counter,
        energy_note: None,
        idle_w: Some(of("idle_w")),
        load_s: None,
        input_tokens: None,
        output_tokens: Some(certain(100.0)),
        correct: None,
        per_output_token: None,
        per_right_answer: None,
    }
}

fn terms(sheet: &Sheet, tariff: f64) -> Terms {
    Terms {
        currency: Currency::EUR,
        requests_per_hour: Some(sheet.get("requests")),
        hours_per_day: 24.0,
        max_utilization: 0.7,
        tariff: Some(tariff),
        pue: sheet.get("pue"),
        operation_per_hour: None,
        resale: sheet.get("resale"),
        yearly_decline: 0.3,
        new: Owned { purchase: sheet.get("new_price"), salvage_share: 0.1, life_years: 4.0, interest: 0.0 },
        assumptions: Vec::new(),
    }
}

#[test]
fn replace() {
    let sheet = Sheet::read("replace");
    let (old, new) = (workload(&sheet, "old"), workload(&sheet, "new"));
    let found = replacement(&old, &new, &terms(&sheet, sheet.get("tariff")));
    near(found.old.energy.unwrap().point, sheet.get("old_energy"), "old energy");
    near(found.new.energy.unwrap().point, sheet.get("new_energy"), "new energy");
    near(found.yearly_saving.unwrap().point, sheet.get("saving"), "saving");
    near(found.outlay.unwrap().point, sheet.get("outlay"), "outlay");
    near(found.payback_months.unwrap().point, sheet.get("months"), "months");
    near(found.yearly_advantage.unwrap().point, sheet.get("advantage"), "advantage");
    near(found.break_even_tariff.unwrap().point, sheet.get("break_even_tariff"), "tariff");
    assert_eq!(found.decision, Decision::Keep, "{}", found.why);
    let dear = replacement(&old, &new, &terms(&sheet, sheet.get("break_even_tariff") * 1.01));
    assert_eq!(dear.decision, Decision::Replace, "{}", dear.why);
    let unknown = Workload { joules: None, ..new.clone() };
    assert_eq!(replacement(&old, &unknown, &terms(&sheet, 0.3)).decision, Decision::Open);
    // an uncertain machine: the interval holds zero
    let wide = Estimate { lower: 0.0, upper: 400.0, ..certain(100.0) };
    let unsure = Workload { joules: Some(wide), ..old };
    assert_eq!(replacement(&unsure, &new, &terms(&sheet, 0.9)).decision, Decision::Open);
}
