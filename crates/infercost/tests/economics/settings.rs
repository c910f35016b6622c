//! `infercost.toml`: what is refused, and the example of the document.

use std::fs;

use super::{bench, check, close, sample, text};
use crate::program::{infercost, json, run};
use crate::workspace;

#[test]
fn settings_are_refused_with_their_key() {
    let folder = bench();
    let sample = sample();
    for (settings, wanted) in [
        ("[revenue]\nper_inference = 1\nsource = 'x'\ndate = 2026-01-01\nprofit = 2", "profit"),
        ("[load]\nrequests_per_hour = 0", "load.requests_per_hour"),
        ("[load]\nusers = 3", "infercost.toml:2:1: unknown key `users`; known here: requests_per_hour"),
        (
            "[prices]\ncurrency = 'EUR'\nelektricity = 0.3",
            "infercost.toml:3:1: unknown key `elektricity`; did you mean `electricity`?",
        ),
        ("[prices]\ncurrency =\n", "infercost.toml:2:"),
        ("[load]\nhours_per_day = 25", "load.hours_per_day"),
        ("[revenue]\nloss_zone = 15", "write 0.15 for 15 %"),
        ("[prices]\ncurrency = 'EUR'\nutilization = 35", "write 0.3 for 30 %"),
        ("[prices]\ncurrency = 'EUR'\nelectricity = 'dear'", "not an amount"),
        ("[[offers]]\nkind = 'rent'\nname = 'x'", "the key"),
        (
            "[[exchange]]\nfrom = 'EUR'\nto = 'USD'\nrate = 0\nsource = 'x'\ndate = 2026-01-01",
            "exchange.rate",
        ),
        ("[tariff]\nadders = 1", "adders"),
        ("[sources.vast]\nurl = 'x'", "url"),
        (
            "[[token_prices]]\nmodel = 'm'\ninput_per_million = -5\noutput_per_million = 1\ncurrency = 'USD'\n\
             source = 'x'\ndate = 2026-01-01",
            "token_prices.input_per_million: must not be negative",
        ),
    ] {
        fs::write(folder.path().join("infercost.toml"), settings).unwrap();
        check(folder.path(), &["audit", &sample], 2, &["infercost.toml", wanted]);
    }
}

/// Shares on the command line refuse 15 where 0.15 is meant, and a day has 24 hours.
#[test]
fn flags_refuse_what_cannot_be_meant() {
    let folder = bench();
    for arguments in [
        ["audit", "--loss-zone", "15"],
        ["host", "--utilization", "70"],
        ["host", "--hours-per-day", "25"],
        ["host", "--hours-per-day", "0"],
        ["host", "--hours-per-day", "-1"],
        ["audit", "--revenue", "-0.5"],
        ["report", "--margin", "-1"],
        ["report", "--max-kld", "-1"],
        ["report", "--confidence", "0.5"],
    ] {
        check(folder.path(), &arguments, 2, &["must "]);
    }
}

/// A utilization that nobody states follows from the load and what was measured, never from 100 %.
#[test]
fn utilization_follows_from_the_load() {
    let folder = bench();
    let settings = fs::read_to_string(folder.path().join("infercost.toml")).unwrap();
    let silent = settings.replace("utilization = 0.5\n", "");
    fs::write(folder.path().join("infercost.toml"), &silent).unwrap();
    let assumed = json(&run(folder.path(), &["audit", "--json"]));
    assert!(assumed["notes"].to_string().contains("Utilization of 30 % is assumed"), "{assumed:#}");

    // 900 of 3600 requests an hour in half of the hours: an eighth of a machine of 1 EUR an hour
    let load = format!("{silent}[load]\nrequests_per_hour = 900\nhours_per_day = 12\n");
    fs::write(folder.path().join("infercost.toml"), load).unwrap();
    let follows = json(&run(folder.path(), &["audit", "--json"]));
    assert!(!follows["notes"].to_string().contains("is assumed"), "{follows:#}");
    let hardware =
        follows["bill"]["parts"].as_array().unwrap().iter().find(|part| part["name"] == "hardware");
    let amount: f64 = hardware.unwrap()["amount"].as_str().unwrap().parse().unwrap();
    assert!((amount - 1.0 / 3600.0 / 0.125).abs() < 1e-9, "{follows:#}");
}

/// Where a utilization and a load contradict each other, the load counts in every answer, and each says so. What is
/// within a tenth is no contradiction.
#[test]
fn a_utilization_that_contradicts_the_load_is_warned_of() {
    let folder = bench();
    let stated = fs::read_to_string(folder.path().join("infercost.toml")).unwrap();
    let load = "[load]\nrequests_per_hour = 900\nhours_per_day = 12\ncapacity_per_hour = 3600\n";
    fs::write(folder.path().join("infercost.toml"), format!("{stated}{load}")).unwrap();

    let audit = json(&run(folder.path(), &["audit", "--json"]));
    let host = json(&run(folder.path(), &["host", "--json"]));
    let report = json(&run(folder.path(), &["report", "--json"]));
    let own = host["ways"].as_array().unwrap().iter().find(|way| way["name"] == "own").unwrap();

    // 900 of 3,600 requests an hour in half of the hours: of eight seconds one is worked
    let wanted = 1e-5 + 7.0 * 2e-6 + 8.0 / 3600.0;
    let words = "Utilization of 50 % contradicts [load], which says 12.5 %; leave one out.";
    for (answer, cost) in [
        (&audit, &audit["per_inference"]),
        (&host, &own["per_inference"]),
        (&report, &report["candidates"][0]["cost"]["per_inference"]),
    ] {
        assert!(close(&cost["point"], wanted), "{cost} is not {wanted}");
        let findings = answer["findings"].as_array().unwrap();
        let found = findings.iter().find(|one| one["code"] == "utilization_contradicted").unwrap();
        assert_eq!((&found["severity"], &found["message"]), (&"warning".into(), &words.into()));
    }
    let first_line = "utilization of 50 % contradicts [load], which says 12.5 %";
    check(folder.path(), &["audit"], 4, &[first_line, "leave one out"]);
    check(folder.path(), &["report"], 0, &[first_line, "leave one out"]);

    let alike = stated.replace("utilization = 0.5", "utilization = 0.13");
    fs::write(folder.path().join("infercost.toml"), format!("{alike}{load}")).unwrap();
    let audit = json(&run(folder.path(), &["audit", "--json"]));
    assert!(close(&audit["per_inference"]["point"], wanted), "{audit:#}");
    assert!(!audit["findings"].to_string().contains("utilization_contradicted"), "{audit:#}");
}

/// A PUE is the settings' only where they give one.
#[test]
fn a_pue_that_nobody_gives_is_called_assumed() {
    let folder = bench();
    let source = || {
        let audit = json(&run(folder.path(), &["audit", "--json"]));
        let assumptions = audit["assumptions"].as_array().unwrap();
        let pue = assumptions.iter().find(|one| one["what"].as_str().unwrap().starts_with("PUE ")).unwrap();
        (pue["what"].clone(), pue["source"].clone())
    };
    assert_eq!(source(), ("PUE 1".into(), "assumed: nobody says it".into()));

    let stated = fs::read_to_string(folder.path().join("infercost.toml")).unwrap();
    let given = stated.replace("utilization = 0.5", "utilization = 0.5\npue = 1.2");
    fs::write(folder.path().join("infercost.toml"), given).unwrap();
    assert_eq!(source(), ("PUE 1.2".into(), "infercost.toml".into()));
}

/// What one machine answers, by the flag, is the capacity that the load is set against, in the audit as in the
/// comparison of ways to host.
#[test]
fn a_capacity_by_flag_moves_the_utilization() {
    let folder = bench();
    let stated = fs::read_to_string(folder.path().join("infercost.toml")).unwrap();
    let silent = stated.replace("utilization = 0.5\n", "");
    fs::write(folder.path().join("infercost.toml"), format!("{silent}[load]\nrequests_per_hour = 900\n"))
        .unwrap();

    // half of 1,800 requests an hour: two seconds of each machine hour a request
    let audit = json(&run(folder.path(), &["audit", "--capacity-per-hour", "1800", "--json"]));
    let host = json(&run(folder.path(), &["host", "--capacity-per-hour", "1800", "--json"]));
    let own = host["ways"].as_array().unwrap().iter().find(|way| way["name"] == "own").unwrap();
    let wanted = 1e-5 + 2.0 * 2e-6 + 4.0 / 3600.0;
    assert!(close(&audit["per_inference"]["point"], wanted), "{audit:#}");
    assert!(close(&own["per_inference"]["point"], wanted), "{own:#}");
}

/// Zones are known where this machine holds none.
#[test]
fn time_zones_are_carried_along() {
    let folder = bench();
    let tariff = "[tariff.time_of_use]\ncurrency = 'EUR'\ntime_zone = 'Europe/Berlin'\notherwise = 0.30\n";
    fs::write(folder.path().join("infercost.toml"), tariff).unwrap();
    let arguments = [
        "schedule",
        "--inferences",
        "10",
        "--time-zone",
        "Europe/Berlin",
        "--now",
        "2026-11-23T15:00",
        "--deadline",
        "08:00",
    ];
    let output = infercost(folder.path(), &arguments).env("TZDIR", "/nonexistent").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn the_settings_of_the_document_are_taken() {
    let folder = bench();
    let document = fs::read_to_string(workspace::root().join("docs/economics.md")).unwrap();
    let settings = document.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    fs::write(folder.path().join("infercost.toml"), settings).unwrap();
    let found = json(&run(folder.path(), &["host", "--json"]));
    assert_eq!(found["ways"].as_array().unwrap().len(), 5, "{found:#}");
    let stored = run(folder.path(), &["schedule", "--inferences", "10", "--deadline", "+12h", "--json"]);
    assert_eq!(json(&stored)["unit"], "EUR/kWh", "{}", text(&stored.stderr));
}

/// A pipe of the settings' name, which somebody left in the folder, holds nothing up; one that the user names is read.
#[cfg(unix)]
#[test]
fn a_pipe_is_read_where_the_user_names_it_alone() {
    let folder = bench();
    let (sample, settings) = (sample(), folder.path().join("infercost.toml"));
    let written = fs::read_to_string(&settings).unwrap();
    fs::remove_file(&settings).unwrap();
    let make_pipe = |path: &std::path::Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };

    let named = folder.path().join("named");
    make_pipe(&named);
    let writer = std::thread::spawn({
        let named = named.clone();
        move || fs::write(named, written)
    });
    check(folder.path(), &["audit", &sample, "--config", "named"], 3, &[]);
    writer.join().unwrap().unwrap();

    make_pipe(&settings);
    let (answer, answers) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let output = run(folder.path(), &["audit", &sample]);
        // whoever waits for a pipe is let go
        drop(folder);
        answer.send(output)
    });
    let output = answers.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("infercost.toml") && said.contains("it is no regular file"), "{said}");
}
