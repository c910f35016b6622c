//! Questions whose answers are known by hand.

use std::path::Path;

use infercost_fleet::question::answer::{FleetAnswer, Zone};
use infercost_fleet::question::movers::{movers, period_before};
use infercost_fleet::question::prices::DatedPrices;
use infercost_fleet::question::revenue::Revenue;
use infercost_fleet::question::{self, Key, Question};
use infercost_fleet::reading::files::Days;
use infercost_fleet::tables::rows::InferenceRow;
use jiff::civil::date;

use crate::made_up::{call, engine, november, write};

fn asked(folder: &Path, question: &Question) -> FleetAnswer {
    question::ask(&engine(&[folder]), question).unwrap()
}

fn by(keys: &[Key]) -> Question {
    Question { by: keys.to_vec(), ..Question::default() }
}

fn cost(answer: &FleetAnswer, row: usize) -> String {
    answer.rows[row].cost.map_or_else(|| "null".to_owned(), |cost| cost.normalize().to_string())
}

/// Two models, two services, two days; one failure and one answer without a cost.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let unpriced = InferenceRow { cost: None, currency: None, ..call("b", "search", november(2, 5), "0") };
    let failed = InferenceRow {
        failed: true,
        failure: Some("timeout"),
        cost: None,
        output_tokens: None,
        latency_us: Some(60_000_000),
        ..call("a", "chat", november(1, 3), "0")
    };
    let cheap = InferenceRow { latency_us: Some(3_000_000), ..call("a", "chat", november(1, 2), "0.02") };
    let rows = [
        call("a", "chat", november(1, 1), "0.01"),
        cheap,
        failed,
        call("b", "search", november(2, 4), "0.5"),
        unpriced,
    ];
    write(folder.path(), "traces", &rows);
    folder
}

#[test]
fn sums_by_hand() {
    let folder = folder();
    let answer = asked(folder.path(), &by(&[Key::Model]));
    assert_eq!(answer.rows.len(), 2);

    let (b, a) = (&answer.rows[0], &answer.rows[1]);
    assert_eq!(b.keys["model"].as_deref(), Some("b"));
    assert_eq!((cost(&answer, 0).as_str(), cost(&answer, 1).as_str()), ("0.5", "0.03"));
    assert_eq!((b.inferences, b.failures, b.answers, b.unknown.cost), (2, 0, 2, 1));
    assert_eq!((a.inferences, a.failures, a.answers, a.unknown.cost), (3, 1, 2, 0));
    assert_eq!((a.input_tokens, a.output_tokens, a.unknown.output_tokens), (Some(300), Some(20), 1));
    assert_eq!(a.cached_share, Some(0.25));
    assert_eq!((a.energy_j, a.unknown.energy), (None, 3));

    // the failure's minute is no latency
    let latency = a.latency_s.unwrap();
    assert_eq!(latency.n, 2);
    assert!(
        (latency.p50 / 1.0 - 1.0).abs() <= 0.01 && (latency.p99 / 3.0 - 1.0).abs() <= 0.01,
        "{latency:?}"
    );

    assert_eq!(answer.totals.len(), 1);
    assert_eq!(answer.totals[0].inferences, 5);
    assert_eq!(answer.totals[0].cost.unwrap().to_string(), "0.530000000000");
}

/// One latency is not known, one is less than a microsecond, and one is negative, as a clock that was set leaves it.
#[test]
fn a_latency_that_is_not_known_is_in_no_percentile() {
    let folder = tempfile::tempdir().unwrap();
    let of =
        |second, latency_us| InferenceRow { latency_us, ..call("a", "chat", november(1, second), "0.01") };
    let rows = [of(1, None), of(2, Some(0)), of(3, Some(-5)), of(4, Some(1_000_000)), of(5, Some(1))];
    write(folder.path(), "traces", &rows);

    let answer = asked(folder.path(), &by(&[Key::Model]));
    let latency = answer.rows[0].latency_s.unwrap();
    assert_eq!((answer.rows[0].inferences, latency.n), (5, 4));
    assert!((latency.p50 / 1e-6 - 1.0).abs() <= 0.010_001, "{latency:?}");
    assert!((latency.p99 - 1.0).abs() <= 0.01, "{latency:?}");
}

#[test]
fn a_cost_without_a_currency_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let bare = InferenceRow { currency: None, ..call("a", "chat", november(1, 1), "7") };
    let failed = InferenceRow { failed: true, currency: None, ..call("a", "chat", november(1, 2), "7") };
    let silent = InferenceRow { output_tokens: Some(0), ..call("a", "chat", november(1, 3), "0.25") };
    write(folder.path(), "traces", &[bare, failed, silent, call("a", "chat", november(1, 4), "0.5")]);

    let answer = asked(folder.path(), &by(&[Key::Model]));
    assert_eq!((answer.rows.len(), cost(&answer, 0).as_str()), (1, "0.75"));
    let row = &answer.rows[0];
    assert_eq!((row.inferences, row.failures, row.answers, row.unknown.cost), (4, 1, 2, 1));
}

#[test]
fn days_and_keys_choose() {
    let folder = folder();
    let days = Days { from: Some(date(2026, 11, 2)), to: Some(date(2026, 11, 2)) };
    let answer = asked(folder.path(), &Question { days, ..by(&[Key::Day, Key::Service]) });
    assert_eq!(answer.rows.len(), 1);
    assert_eq!(answer.rows[0].keys["day"].as_deref(), Some("2026-11-02"));
    assert_eq!(answer.rows[0].keys["service"].as_deref(), Some("search"));

    let days = Days { from: Some(date(2026, 12, 1)), to: None };
    let answer = asked(folder.path(), &Question { days, ..by(&[Key::Model]) });
    assert!(answer.rows.is_empty() && answer.totals.is_empty());

    let all: Vec<Key> = Key::ALL.to_vec();
    assert_eq!(asked(folder.path(), &by(&all)).rows.len(), 2);
    assert_eq!(asked(folder.path(), &by(&[])).rows.len(), 1);
}

#[test]
fn currencies_are_never_added() {
    let folder = tempfile::tempdir().unwrap();
    let euros = InferenceRow { currency: Some("EUR"), ..call("a", "chat", november(1, 2), "0.02") };
    write(folder.path(), "traces", &[call("a", "chat", november(1, 1), "0.01"), euros]);
    let answer = asked(folder.path(), &by(&[Key::Model]));
    assert_eq!(answer.rows.len(), 2);
    assert_eq!(answer.totals.len(), 2);

    let revenue = "[[revenue]]\nservice = \"chat\"\nper_inference = 1\ncurrency = \"USD\"\n";
    let revenue = Some(Revenue::parse(revenue).unwrap());
    let answer = asked(folder.path(), &Question { revenue, ..by(&[Key::Service]) });
    assert_eq!(answer.worst_zone(), Some(Zone::Open));
}

/// 75 tokens of the prompt are not cached, 25 are, and 10 are written: by hand at either price.
#[test]
fn a_price_changes_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        call("hosted/x", "chat", november(14, 86_399), "7"),
        call("hosted/x", "chat", november(15, 0), "7"),
        call("own", "chat", november(15, 0), "7"),
    ];
    write(folder.path(), "traces", &rows);
    let prices = DatedPrices::parse(
        "[[prices]]\nmodel = \"hosted/*\"\nto = 2026-11-14\ninput_per_million = 3\noutput_per_million = 15\n\
         cached_input_per_million = 0.3\ncurrency = \"USD\"\nsource = \"list\"\n\
         [[prices]]\nmodel = \"hosted/*\"\nfrom = 2026-11-15\ninput_per_million = 1\noutput_per_million = 5\n\
         currency = \"USD\"\nsource = \"list\"\n",
    );
    let prices = Some(prices.unwrap());
    let answer = asked(folder.path(), &Question { prices, ..by(&[Key::Day, Key::Model]) });

    let mut found = Vec::new();
    for row in &answer.rows {
        let day = row.keys["day"].clone().unwrap();
        found.push((day, row.keys["model"].clone().unwrap(), row.cost.unwrap().normalize().to_string()));
    }
    found.sort();
    let wanted = [
        ("2026-11-14", "hosted/x", "0.0003825"),
        ("2026-11-15", "hosted/x", "0.00015"),
        ("2026-11-15", "own", "7"),
    ];
    let wanted = wanted.map(|(day, model, cost)| (day.to_owned(), model.to_owned(), cost.to_owned()));
    assert_eq!(found, wanted);
}

#[test]
fn revenue_finds_the_loss_zone() {
    let folder = folder();
    let check = |chat: &str, search: &str, wanted: [Option<Zone>; 2]| {
        let entry = |service: &str, amount: &str| {
            format!("[[revenue]]\nservice = \"{service}\"\nper_inference = {amount}\ncurrency = \"USD\"\n")
        };
        let revenue = Some(Revenue::parse(&(entry("chat", chat) + &entry("search", search))).unwrap());
        let answer = asked(folder.path(), &Question { revenue, ..by(&[Key::Service]) });
        assert_eq!(answer.rows[1].keys["service"].as_deref(), Some("chat"));
        assert_eq!([answer.rows[1].zone, answer.rows[0].zone], wanted, "{chat} {search}");
    };
    // two answers cost 0.03; two cost 0.5, one of them at a cost that is not known
    check("0.015", "0.3", [Some(Zone::Profit), Some(Zone::Open)]);
    check("0.0149", "0.2", [Some(Zone::Loss), Some(Zone::Loss)]);
}

#[test]
fn movers_compare_two_periods() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        call("up", "s", november(1, 0), "1"),
        call("up", "s", november(3, 0), "4"),
        call("down", "s", november(2, 0), "5"),
        call("same", "s", november(1, 0), "9"),
        call("same", "s", november(4, 0), "9"),
    ];
    write(folder.path(), "traces", &rows);
    let days = Days { from: Some(date(2026, 11, 3)), to: Some(date(2026, 11, 4)) };
    let now = Question { days, ..by(&[Key::Model]) };
    let before = Question { days: period_before(days).unwrap(), ..now.clone() };

    let found = movers(&now, &asked(folder.path(), &now), &asked(folder.path(), &before), 2).unwrap();
    let rows: Vec<(&str, String)> = found
        .rows
        .iter()
        .map(|mover| (mover.keys["model"].as_deref().unwrap(), mover.change.unwrap().normalize().to_string()))
        .collect();
    assert_eq!(rows, [("down", "-5".to_owned()), ("up", "3".to_owned())]);
}

/// A service whose name is mistyped is in no row: nothing is settled, and it is named.
#[test]
fn a_service_that_is_not_there_settles_nothing() {
    let folder = folder();
    let revenue = |services: &[&str]| {
        let entry = |service: &&str| {
            format!("[[revenue]]\nservice = \"{service}\"\nper_inference = 1000\ncurrency = \"USD\"\n")
        };
        Some(Revenue::parse(&services.iter().map(entry).collect::<String>()).unwrap())
    };
    let asked_of = |services: &[&str]| {
        asked(folder.path(), &Question { revenue: revenue(services), ..by(&[Key::Service]) })
    };

    let mistyped = asked_of(&["saerch"]);
    assert_eq!(mistyped.services_without_inferences, ["saerch"]);
    assert_eq!(mistyped.worst_zone(), Some(Zone::Open));

    let one_of_two = asked_of(&["search", "saerch"]);
    assert_eq!(one_of_two.services_without_inferences, ["saerch"]);
    assert!(one_of_two.rows.iter().any(|row| row.zone.is_some()), "{:?}", one_of_two.rows);
}
