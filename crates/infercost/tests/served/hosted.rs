//! Hosted models beside others: asked and paid by their tokens, or there by their price alone.

use std::fmt::Write as _;
use std::fs;
use std::sync::{Arc, Mutex};

use candle_core::quantized::GgmlDType;
use infercost_openai_mock::{StandIn, StreamScript};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{infercost, json, run};
use crate::run_on_disk::only_run;
use crate::{alone, serving, tiny, url};

/// Prompts, several windows of them.
const PROMPTS: usize = 24;

/// A folder with a tiny model and a prompt set.
fn bench() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut prompts = String::new();
    for number in 0..PROMPTS {
        writeln!(
            prompts,
            r#"{{"id":"{number}","prompt":"Say t1, {number}.","grader":"contains","answer":"t1","max_tokens":16}}"#
        )
        .unwrap();
    }
    fs::write(folder.path().join("mine.jsonl"), prompts).unwrap();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    folder
}

/// A server whose answers take 12 prompt tokens and 11 output tokens, the end of the turn among them, and the heads of the requests that it got.
fn counted() -> (StandIn, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    let script = StreamScript::default();
    let server = serving(move |asked| {
        kept.lock().unwrap().push(asked.head.to_lowercase());
        script.reply()
    });
    (server, heads)
}

fn amount(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value:#} is no number"))
}

/// 12 tokens at 2 and 11 at 8 USD a million are 112 millionths of a dollar, however long the answer took.
#[test]
fn a_hosted_model_is_paid_by_its_tokens() {
    let _alone = alone();
    let folder = bench();
    let (hosted, heads_of_hosted) = counted();
    let (plain, heads_of_plain) = counted();
    let (at, beside) = (format!("{}=2/8", url(&hosted)), url(&plain));
    let arguments = [
        "compare",
        "some.gguf",
        &beside,
        "--hosted",
        &at,
        "--prompts",
        "mine.jsonl",
        "--exhaustive",
        "--json",
    ];
    let output = infercost(folder.path(), &arguments)
        .env("OPENAI_API_KEY", "sk-hosted")
        .env_remove("INFERCOST_API_KEY")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("m is paid by its tokens: 24 requests cost up to 0.00307 USD"), "{said}");
    let report = json(&output);

    let candidates = report["candidates"].as_array().unwrap();
    let paid =
        candidates.iter().find(|one| one["token_price"].is_object()).unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(paid["inferences"], PROMPTS, "{paid:#}");
    let cost = &paid["cost"];
    let per_inference = amount(&cost["per_inference"]["point"]);
    assert!((per_inference - 112e-6).abs() < 1e-12, "{cost:#}");
    assert!((amount(&cost["components"]["tokens"]) - 112e-6).abs() < 1e-12, "{cost:#}");
    assert!((amount(&cost["per_million_output_tokens"]["point"]) - 112.0 / 11.0).abs() < 1e-9, "{cost:#}");
    for part in ["energy", "hardware", "idle", "operation"] {
        assert!(cost["components"][part].is_null(), "{part}: {cost:#}");
    }
    assert!(cost["left_out"].as_object().unwrap().is_empty(), "{cost:#}");
    assert!(paid["energy"]["gross_j"].is_null() && paid["quality"]["task_score"]["point"] == 1.0, "{paid:#}");

    // nobody measured the machine's electricity, so a price that holds everything is not set against it
    assert_eq!(paid["unknown_codes"]["saving"], "machine_cost_in_part", "{paid:#}");
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|one| one["code"] == "hosted").unwrap();
    assert!(
        finding["message"].as_str().unwrap().contains("2 USD per million tokens read, 8 written"),
        "{finding:#}"
    );

    // the key is shown to the hosted model alone, and kept nowhere
    let heads = |of: &Mutex<Vec<String>>| of.lock().unwrap().join("\n");
    assert!(heads(&heads_of_hosted).contains("authorization: bearer sk-hosted"));
    assert!(!heads(&heads_of_plain).is_empty() && !heads(&heads_of_plain).contains("sk-hosted"));
    for (path, text) in crate::texts_below(&only_run(folder.path())) {
        assert!(!text.contains("sk-hosted"), "{}", path.display());
    }

    // other prices, from the trace alone
    let again = run(folder.path(), &["report", "--json"]);
    assert_eq!(json(&again), report, "the report is not what the trace says");
}

/// With the machine's power assumed both costs are whole, and the saving follows from them.
#[test]
fn a_hosted_model_stands_against_a_machine() {
    let _alone = alone();
    let folder = bench();
    let (hosted, _) = counted();
    let dear = format!("{}=2000000/8000000", url(&hosted));
    let cheap = "cheap-api=0.000001/0.000001";
    let arguments = [
        "compare",
        "some.gguf",
        "--hosted",
        &dear,
        "--hosted",
        cheap,
        "--prompts",
        "mine.jsonl",
        "--exhaustive",
        "--assume-watts",
        "60",
    ];
    let output = run(folder.path(), &arguments);
    let shown = String::from_utf8(output.stdout).unwrap();
    let row = shown.lines().find(|line| line.contains("cheap-api")).unwrap_or_else(|| panic!("{shown}"));
    assert!(row.contains("not measured"), "{shown}");

    let report = json(&run(folder.path(), &["report", "--json"]));
    let baseline = &report["candidates"][0];
    let asked = &report["candidates"][1];
    let ratio = amount(&asked["cost"]["per_inference"]["point"])
        / amount(&baseline["cost"]["per_inference"]["point"]);
    assert!((amount(&asked["saving"]["point"]) - (1.0 - ratio)).abs() < 1e-3 * ratio, "{ratio}: {asked:#}");

    // What stands by its price alone has the baseline's tokens, no quality, and no part in the recommendation.
    let [by_price] = report["hosted"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    let (read, written) = (amount(&by_price["input_tokens"]), amount(&by_price["output_tokens"]));
    assert!((read - amount(&baseline["input_tokens"]) / PROMPTS as f64).abs() < 1e-9, "{by_price:#}");
    assert!((written - amount(&baseline["output_tokens"]) / PROMPTS as f64).abs() < 1e-9, "{by_price:#}");
    let cost = amount(&by_price["cost_per_inference"]["point"]);
    assert!((cost - (read + written) * 1e-12).abs() < 1e-18, "{by_price:#}");
    assert!(amount(&by_price["saving"]["lower"]) > 0.99, "{by_price:#}");
    assert_eq!(report["candidates"].as_array().unwrap().len(), 2, "{report:#}");
    assert_ne!(report["recommendation"]["kind"], "switch", "{:#}", report["recommendation"]);
    let finding =
        report["findings"].as_array().unwrap().iter().find(|one| one["subject"] == "cheap-api").unwrap();
    assert_eq!(finding["severity"], "warning", "{finding:#}");

    // settings of another day: the price of the model that is named there
    let other = "[[token_prices]]\nmodel = \"cheap*\"\ninput_per_million = \"5\"\noutput_per_million = \"5\"\n\
                 currency = \"USD\"\nsource = \"a list\"\ndate = \"2026-11-01\"\n";
    fs::write(folder.path().join("infercost.toml"), other).unwrap();
    let given = json(&run(folder.path(), &["report", "--json"]));
    assert_eq!(given["hosted"], report["hosted"], "what was given with --hosted stays");

    // unit economics are those of a machine
    let variant = asked["variant"].as_str().unwrap();
    let audit = run(folder.path(), &["audit", "--variant", variant]);
    assert_eq!(audit.status.code(), Some(2));
    assert!(String::from_utf8(audit.stderr).unwrap().contains("paid by its tokens"));
}

/// Prices come from the settings and from fetched lists; one that nobody states ends it before anything runs.
#[test]
fn prices_of_hosted_models_are_looked_for() {
    let _alone = alone();
    let folder = bench();
    let compare = |api: &str| {
        let arguments =
            ["compare", "some.gguf", "--hosted", api, "--prompts", "mine.jsonl", "--max-prompts", "6"];
        run(folder.path(), &[&arguments[..], &["--json"]].concat())
    };

    let unknown = compare("nobodys-model");
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(said.contains("nobodys-model=IN/OUT") && said.contains("prices fetch litellm"), "{said}");
    assert!(!folder.path().join("traces").exists(), "something ran");
    let nameless = compare("http://127.0.0.1:9/v1");
    assert_eq!(nameless.status.code(), Some(2));

    let settings = "[[token_prices]]\nmodel = \"org/*\"\ninput_per_million = \"3\"\noutput_per_million = \"4\"\n\
                    currency = \"EUR\"\nsource = \"an offer\"\ndate = \"2026-11-20\"\n";
    fs::write(folder.path().join("infercost.toml"), settings).unwrap();
    let foreign = compare("org/m");
    assert_eq!(foreign.status.code(), Some(2));
    assert!(String::from_utf8(foreign.stderr).unwrap().contains("EUR"), "no rate leads to the other prices");

    let rate =
        "[[exchange]]\nfrom = \"EUR\"\nto = \"USD\"\nrate = 1.25\nsource = \"a bank\"\ndate = 2026-11-20\n";
    fs::write(folder.path().join("infercost.toml"), format!("{settings}{rate}")).unwrap();
    let report = json(&compare("org/m"));
    let price = &report["hosted"][0]["token_price"];
    assert_eq!(price["model"], "org/m", "{price:#}");
    assert_eq!(price["input_per_million"], "3.75", "{price:#}");
    assert!(price["source"].as_str().unwrap().contains("in EUR, at 1.25 USD"), "{price:#}");
}
