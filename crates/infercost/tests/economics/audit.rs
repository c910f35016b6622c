//! The audit: of a run with known joules, against limits, and of inferences of production.

use std::fs;

use super::{SETTINGS, bench, check, close, recorded, sample};
use crate::program::{json, run};

#[test]
fn the_audit_of_a_run_with_known_joules() {
    let folder = bench();
    let output = run(folder.path(), &["audit", "--json"]);
    let audit = json(&output);
    assert_eq!(audit["schema"], "infercost.audit/1");
    // energy 100 J × 0.36/3.6e6; idle 20 W × 1 s × 0.36/3.6e6; hardware 1 EUR/h ÷ 3600 ÷ 0.5
    let (energy, idle, hardware) = (1e-5, 2e-6, 1.0 / 1800.0);
    let part = |name: &str| {
        let parts = audit["bill"]["parts"].as_array().unwrap();
        let found = parts.iter().find(|part| part["name"] == name).unwrap();
        found["amount"].as_str().unwrap().parse::<f64>().unwrap()
    };
    for (name, wanted) in [("energy", energy), ("idle", idle), ("hardware", hardware)] {
        assert!((part(name) / wanted - 1.0).abs() < 1e-6, "{name}: {audit:#}");
    }
    let sum = energy + idle + hardware;
    assert!(
        close(&audit["per_inference"]["point"], sum) && close(&audit["per_thousand"]["point"], 1000.0 * sum)
    );
    assert!(close(&audit["per_session"]["point"], 4.0 * sum));
    // every second answer is right
    assert!(close(&audit["per_correct"]["point"], 2.0 * sum), "{}", audit["per_correct"]);
    assert!(close(&audit["share"]["point"], sum / 0.01) && close(&audit["margin"]["point"], 0.01 - sum));
    assert_eq!(audit["limits"][0]["zone"], "profit");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(audit["tornado"][0]["lever"], "utilization_down");

    // the report of the same run says the same cost
    let report = json(&run(folder.path(), &["report", "--json"]));
    let cost = &report["candidates"][0]["cost"]["per_inference"]["point"];
    assert!(close(cost, sum), "{cost} is not {sum}");
}

/// One quantity has one interval, whichever command says it: tokens and seconds come from the same answers, and longer
/// ones have more of both.
#[test]
fn the_audit_and_the_report_give_the_same_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let sample = sample();
    let report = json(&run(folder.path(), &["report", &sample, "--json"]));
    let audit = json(&run(folder.path(), &["audit", &sample, "--json"]));
    let reported = &report["candidates"][0]["cost"];
    for quantity in ["per_inference", "per_correct", "per_million_output_tokens"] {
        for end in ["point", "lower", "upper"] {
            let wanted = reported[quantity][end].as_f64().unwrap();
            assert!(
                close(&audit[quantity][end], wanted),
                "{quantity}: {} {}",
                audit[quantity],
                reported[quantity]
            );
        }
    }
}

/// What a monitor kept is audited by its name, and as the newest where there is no run: it needs no `compare`.
#[test]
fn the_newest_recording_is_found_where_there_is_no_run() {
    let folder = bench();
    let traces = folder.path().join("traces");
    recorded::write(folder.path(), "20261104-000000");
    recorded::write(folder.path(), "20261105-000000");
    check(folder.path(), &["audit", "latest"], 0, &["in run 20261101-000000"]);

    fs::remove_dir_all(traces.join("20261101-000000")).unwrap();
    fs::remove_dir_all(traces.join("20261104-000000")).unwrap();
    let named = json(&run(folder.path(), &["audit", "20261105-000000", "--json"]));
    assert_eq!(named["output_tokens"]["value"], 90_000.0, "{named:#}");
    for arguments in [&["audit", "latest", "--json"][..], &["audit", "--json"]] {
        assert_eq!(json(&run(folder.path(), arguments)), named, "{arguments:?}");
    }

    fs::remove_dir_all(&traces).unwrap();
    check(folder.path(), &["audit", "latest"], 2, &["no run below"]);
}

#[test]
fn limits_give_exit_codes() {
    let folder = bench();
    let sum = 1e-5 + 2e-6 + 1.0 / 1800.0;
    let revenue = |share: f64| format!("{}", sum / share);
    check(folder.path(), &["audit", "--revenue", &revenue(0.149)], 0, &["14.9 %", "below the limit of 15 %"]);
    check(
        folder.path(),
        &["audit", "--revenue", &revenue(0.151)],
        4,
        &["15.1 %", "at or above the limit of 15 %"],
    );

    check(
        folder.path(),
        &["audit", "--revenue", &revenue(0.151), "--loss-zone", "0.2"],
        0,
        &["limit of 20 %"],
    );

    check(folder.path(), &["audit", "--max-cost", "0.0001"], 4, &["→ cost per inference"]);
    check(folder.path(), &["audit", "--revenue", "0"], 2, &["above 0"]);

    // a limit in another currency: 0.0006 USD are 0.00048 EUR, below the cost
    let limited = SETTINGS.replace("[revenue]\n", "[revenue]\ncurrency = \"USD\"\nmax_cost = 0.0006\n");
    fs::write(folder.path().join("limited.toml"), limited).unwrap();
    check(folder.path(), &["audit", "--config", "limited.toml"], 4, &["at or above the limit of 0.00048"]);

    // twice the capacity: half the hardware
    let fast = json(&run(folder.path(), &["audit", "--capacity-per-hour", "7200", "--json"]));
    assert!(close(&fast["per_inference"]["point"], 1e-5 + 1e-6 + 1.0 / 3600.0), "{fast:#}");
    let sample = sample();
    fs::write(folder.path().join("example.toml"), "").unwrap();

    // an interval that holds the limit: the sample's own cost is just 15 % of the revenue
    let asked = ["audit", &sample, "--assume-watts", "60,20", "--config", "example.toml", "--json"];
    let cost = json(&run(folder.path(), &asked))["per_inference"]["point"].as_f64().unwrap();
    let revenue = format!("{}", cost / 0.15);
    let straddling = ["audit", &sample, "--revenue", &revenue, "--assume-watts", "60,20"];
    check(
        folder.path(),
        &[&straddling[..], &["--config", "example.toml"]].concat(),
        3,
        &["which may be on either side of the limit of 15 %"],
    );

    // energy unknown: below the limit is not settled, above it is
    check(
        folder.path(),
        &["audit", &sample, "--revenue", "1"],
        3,
        &["energy and idle left out", "would pass it above"],
    );

    check(folder.path(), &["audit", &sample, "--revenue", "0.000001"], 4, &["at or above", "cost ÷ revenue"]);
    check(
        folder.path(),
        &["audit", &sample, "--revenue", "1", "--assume-watts", "60,20"],
        0,
        &["assumed, not measured: 60 W"],
    );
}

#[test]
fn production_traces_by_their_own_cost_and_by_tokens() {
    let folder = bench();
    let line = |session: &str, output: u32, cost: &str, correct: bool| {
        format!(
            "{{\"model\":\"m\",\"input_tokens\":1000,\"output_tokens\":{output},\"latency\":0.5,\"session\":\"{session}\",\"cost_stated\":{{\"amount\":\"{cost}\",\"currency\":\"USD\"}},\"correct\":{correct}}}\n"
        )
    };

    let lines =
        line("a", 100, "0.002", true) + &line("a", 300, "0.004", false) + &line("b", 200, "0.003", true);
    fs::write(folder.path().join("p.jsonl"), lines).unwrap();
    let audit = json(&run(folder.path(), &["audit", "--inferences", "p.jsonl", "--json"]));

    // 0.003 USD are 0.0024 EUR; 1.5 inferences a session; two of three right
    assert!(
        close(&audit["per_inference"]["point"], 0.0024) && close(&audit["per_session"]["point"], 0.0036),
        "{audit:#}"
    );
    assert!(close(&audit["per_correct"]["point"], 0.0036));
    let api = "[[offers]]\nkind = \"api\"\nname = \"m at x\"\ninput_per_million = 1\noutput_per_million = 5\ncurrency = \"EUR\"\nsource = \"a page\"\ndate = 2026-11-01\n";
    fs::write(folder.path().join("infercost.toml"), format!("{SETTINGS}\n{api}")).unwrap();
    let arguments = ["audit", "--inferences", "p.jsonl", "--api-model", "m at x", "--json"];
    let audit = json(&run(folder.path(), &arguments));
    assert!(close(&audit["per_inference"]["point"], 0.002), "{audit:#}");
    let longer =
        audit["tornado"].as_array().unwrap().iter().find(|swing| swing["lever"] == "output_up").unwrap();
    assert!(close(&longer["change"], 0.0002), "{longer}");
    check(
        folder.path(),
        &["audit", "--inferences", "p.jsonl", "--api-model", "nobody"],
        2,
        &["nobody", "litellm"],
    );

    fs::write(folder.path().join("broken.jsonl"), "{\"model\":\"m\"}\n{\"model\":\u{1b}}\n").unwrap();
    check(folder.path(), &["audit", "--inferences", "broken.jsonl"], 2, &["broken.jsonl:2:"]);
    fs::write(folder.path().join("rubbish.jsonl"), "some text\n").unwrap();
    let not_json = "rubbish.jsonl:1:1: not JSON; each line is an object with model, input_tokens";
    check(folder.path(), &["audit", "--inferences", "rubbish.jsonl"], 2, &[not_json]);
    fs::write(folder.path().join("more.jsonl"), "{\"model\":\"m\",\"cost\":1}\n").unwrap();
    check(folder.path(), &["audit", "--inferences", "more.jsonl"], 2, &["more.jsonl:1:", "cost"]);

    // what cannot be is refused by its line, and keeps within no limit
    for (part, wanted) in [
        (r#""cost_stated":{"amount":"-5","currency":"USD"}"#, "cost_stated must be 0 to 1000000000"),
        (r#""latency":-0.5"#, "latency must not be negative"),
        (r#""input_tokens":5000000000"#, "no inference has so many tokens"),
        (r#""input_tokens":5,"cached_input_tokens":6"#, "cached_input_tokens are part of input_tokens"),
    ] {
        fs::write(folder.path().join("wrong.jsonl"), format!("{{\"model\":\"m\"}}\n{{{part}}}\n")).unwrap();
        let arguments = ["audit", "--inferences", "wrong.jsonl", "--revenue", "1"];
        check(folder.path(), &arguments, 2, &[&format!("wrong.jsonl:2: {wanted}")]);
    }
    let nothing = line("a", 100, "0", true).repeat(3);
    fs::write(folder.path().join("nothing.jsonl"), nothing).unwrap();
    let words = "3 inferences state a cost of 0 for tokens that were used; it was taken for unknown";
    check(folder.path(), &["audit", "--inferences", "nothing.jsonl", "--revenue", "1"], 3, &[words]);
}
