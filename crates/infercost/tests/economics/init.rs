//! `infercost init`, and what fetched prices add to a settings file.

use std::fs;

use infercost_openai_mock::{Reply, StandIn};

use super::{bench, check, sample};
use crate::program::{infercost, json, run};
use crate::terminal::on_a_terminal;

#[test]
fn a_settings_file_is_begun_from_flags_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["init", "--currency", "EUR", "--electricity", "0.31", "--rent", "0.34"];
    check(folder.path(), &flags, 0, &["infercost.toml is written"]);
    let text = fs::read_to_string(folder.path().join("infercost.toml")).unwrap();
    assert!(
        text.contains("electricity = 0.31") && text.contains("kind = \"rented\", per_hour = 0.34"),
        "{text}"
    );
    assert!(text.contains("[policy]") && text.contains("[[offers]]"), "{text}");
    check(folder.path(), &["init"], 2, &["is there already", "--force"]);
    check(folder.path(), &["init", "other.toml"], 0, &["other.toml is written"]);
    check(folder.path(), &["init", "--force", "--purchase", "900"], 0, &["is written"]);
    check(folder.path(), &["init", "x.toml", "--hours-per-day", "25"], 2, &["at most 24"]);
    check(folder.path(), &["init", "x.toml", "--utilization", "30"], 2, &["write 0.15 or 15% for 15 %"]);

    // what was begun is taken at once, with the user's word as its source
    let audit = json(&run(folder.path(), &["audit", &sample(), "--config", "infercost.toml", "--json"]));
    assert!(audit["assumptions"].to_string().contains("given by you"), "{audit:#}");
    assert!(audit["notes"].to_string().contains("Utilization of 30 % is assumed"), "{audit:#}");
}

/// What each flag says stands in the file, in place of what would stand there.
#[test]
fn what_flags_say_stands_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let begun = |name: &str, flags: &[&str]| {
        check(folder.path(), &[&["init", name], flags].concat(), 0, &["is written"]);
        fs::read_to_string(folder.path().join(name)).unwrap()
    };

    let bought = ["--purchase", "2400"];
    let usual = begun("usual.toml", &bought);
    assert!(usual.contains("life_years = 4"), "{usual}");
    for (name, flags, wanted) in [
        ("life.toml", &["--life", "6"], "life_years = 6"),
        ("requests.toml", &["--requests-per-hour", "1.2k"], "requests_per_hour = 1200"),
        ("hours.toml", &["--hours-per-day", "16"], "hours_per_day = 16"),
        ("share.toml", &["--utilization", "35%"], "utilization = 0.35"),
        ("revenue.toml", &["--revenue", "0.0007"], "0.0007"),
        ("currency.toml", &["--currency", "CHF"], "currency = \"CHF\""),
    ] {
        let text = begun(name, &[&bought[..], flags].concat());
        assert!(text.contains(wanted) && !usual.contains(wanted), "{flags:?}: {text}");
    }
}

/// On a terminal it asks, unless nobody wants to be asked.
#[cfg(unix)]
#[test]
fn on_a_terminal_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    let open = "\n".repeat(8);
    let asked = on_a_terminal(folder.path(), &["init", "asked.toml"], &open);
    assert!(asked.contains("Electricity, per kWh"), "{asked}");
    let quiet = on_a_terminal(folder.path(), &["init", "quiet.toml", "--no-input"], "");
    assert!(!quiet.contains("per kWh:") && quiet.contains("is written"), "{quiet}");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("asked.toml"), read("quiet.toml"));
}

#[test]
fn what_is_fetched_fills_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let machines = r#"{"offers":[{"id":1,"gpu_name":"RTX 4090","num_gpus":1,"gpu_ram":24564,"dph_total":0.3,"min_bid":0.1,"dph_base":0.3}]}"#;
    fs::write(folder.path().join("vast.json"), machines).unwrap();
    let models = r#"{"tiny":{"input_cost_per_token":1e-8,"output_cost_per_token":2e-8,"mode":"chat"}}"#;
    fs::write(folder.path().join("models.json"), models).unwrap();
    let rates =
        "<Cube time='2026-11-20'><Cube currency='USD' rate='1.25'/><Cube currency='GBP' rate='0.8'/></Cube>";
    fs::write(folder.path().join("rates.xml"), rates).unwrap();

    let fetch = |source: &str, file: &str, more: &[&str], code: i32, wanted: &[&str]| {
        let arguments = [&["prices", "fetch", source, "--file", file, "--fill"], more].concat();
        check(folder.path(), &arguments, code, wanted)
    };
    fetch("vast", "vast.json", &[], 2, &["which hardware"]);
    fetch("vast", "vast.json", &["--gpu", "4090"], 0, &["added vast 1, 1 × RTX 4090 24 GiB"]);
    fetch("vast", "vast.json", &["--gpu", "4090"], 0, &["holds it already"]);
    fetch("litellm", "models.json", &["--model", "tiny"], 0, &["added tiny"]);
    fetch("litellm", "models.json", &["--model", "tin"], 2, &["no price of just that name"]);
    fetch("ecb", "rates.xml", &[], 0, &["EUR to USD"]);

    let host = json(&run(folder.path(), &["host", &sample(), "--json"]));
    let names: Vec<&str> =
        host["ways"].as_array().unwrap().iter().map(|way| way["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"tiny") && names.contains(&"vast 1, 1 × RTX 4090 24 GiB"), "{names:?}");

    // a file that cannot be read is left as it is
    fs::write(folder.path().join("infercost.toml"), "[prices\n").unwrap();
    fetch("ecb", "rates.xml", &[], 2, &["infercost.toml"]);
    assert_eq!(fs::read_to_string(folder.path().join("infercost.toml")).unwrap(), "[prices\n");
}

/// Without settings a newcomer sees what is compared, and every line of it says that it is assumed.
#[test]
fn an_example_stands_in_for_offers() {
    let folder = tempfile::tempdir().unwrap();
    let answer = json(&run(folder.path(), &["host", &sample(), "--json"]));
    let ways = answer["ways"].as_array().unwrap();
    let kinds: std::collections::BTreeSet<&str> =
        ways.iter().map(|way| way["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["api", "own", "rent", "serverless", "spot"]);
    for way in ways.iter().filter(|way| way["kind"] != "own") {
        assert!(way["name"].as_str().unwrap().starts_with("assumed: "), "{way:#}");
    }
    assert!(answer["notes"].to_string().contains("Offers are an example table's"), "{answer:#}");
    let only = ["host", &sample(), "--no-example-offers"];
    check(folder.path(), &only, 0, &["the only way with a known cost"]);

    // in a currency without a rate it is left out and said
    fs::write(folder.path().join("infercost.toml"), "[prices]\ncurrency = 'EUR'\nutilization = 0.3\n")
        .unwrap();
    let said = run(folder.path(), &["host", &sample(), "--json"]);
    assert!(json(&said)["notes"].to_string().contains("the shipped example is left out"));
}

/// A price of 0 is a claim: it is listed, and it wins nothing.
#[test]
fn a_price_of_0_never_wins_by_itself() {
    let folder = bench();
    let settings = fs::read_to_string(folder.path().join("infercost.toml")).unwrap();
    let gift = "[[offers]]\nkind = 'rent'\nname = 'gift'\nper_hour = 0\ncurrency = 'EUR'\nsource = 'a flyer'\ndate = 2026-11-01\n";
    fs::write(folder.path().join("infercost.toml"), format!("{settings}{gift}")).unwrap();
    let answer = json(&run(folder.path(), &["host", "--json"]));
    assert_eq!(answer["cheapest"], serde_json::json!(["elsewhere"]));
    let said = check(folder.path(), &["host", "--explain"], 0, &["gift leaves out price: 0 is a claim"]);
    assert!(said.contains("free = true"), "{said}");
    fs::write(folder.path().join("infercost.toml"), format!("{settings}{gift}free = true\n")).unwrap();
    let answer = json(&run(folder.path(), &["host", "--json"]));
    assert_eq!(answer["cheapest"], serde_json::json!(["gift"]));
}

/// A cloned folder may hold any settings: an address in them is shown no key.
#[test]
fn a_key_goes_to_no_address_of_a_settings_file() {
    let folder = tempfile::tempdir().unwrap();
    let reply = Reply::json(
        r#"{"zone":"AT","unit":"EUR/MWh","data":[{"datetime":"2026-10-25T00:00:00Z","value":91.2}]}"#,
    );
    let elsewhere = StandIn::start(move |_| reply.clone()).unwrap();
    let settings = format!("[sources.electricity-maps]\nzone = 'AT'\nbase_url = \"{}\"\n", elsewhere.base());
    fs::write(folder.path().join("infercost.toml"), settings).unwrap();
    let fetch = |more: &[&str]| {
        let arguments = [&["prices", "fetch", "electricity-maps"], more].concat();
        let output =
            infercost(folder.path(), &arguments).env("ELECTRICITYMAPS_TOKEN", "the-secret").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("the-secret"), "{said}");
        (output.status.code(), said)
    };
    let (code, said) = fetch(&[]);
    assert!(code == Some(1) && said.contains("ELECTRICITYMAPS_TOKEN is not sent to 127.0.0.1"), "{said}");
    let (code, said) = fetch(&["--base-url", "http://prices.example"]);
    assert!(code == Some(1) && said.contains("unencrypted"), "{said}");
    assert_eq!(fetch(&["--base-url", elsewhere.base().as_str()]).0, Some(0));
}
