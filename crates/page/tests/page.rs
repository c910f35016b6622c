//! The page of the recorded sample: whole, safe, and of a size that opens at once.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};

use infercost_core::RunRecord;
use infercost_core::report::Report;
use infercost_page::{PageInput, render};

fn sample() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../traces/sample");
    let mut runs =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    runs.next().unwrap()
}

fn measured() -> (RunRecord, Report) {
    let run = infercost_trace::read_run(&sample()).unwrap();
    let report = infercost_analyzer::report(&infercost_analyzer::Analysis {
        runs: std::slice::from_ref(&run),
        policy: &run.header.policy,
        prices: &run.header.prices,
        machine_prices: &[],
        baseline: None,
        memory_bandwidth: run.header.machine.memory_bandwidth,
    })
    .unwrap();
    (run, report)
}

fn page(run: &RunRecord, report: &Report, with_texts: bool) -> String {
    let runs = std::slice::from_ref(run);
    render(&PageInput { report, runs, with_texts, command: Some("infercost compare"), version: "0" }).unwrap()
}

/// Markup between the data and script elements is what a browser reads as such.
fn markup(page: &str) -> &str {
    page.split("<script type=\"application/json\"").next().unwrap()
}

#[test]
fn the_answer_stands_first_and_every_section_follows() {
    let (run, report) = measured();
    let page = page(&run, &report, true);

    let mut from = 0;
    for wanted in [
        "Content-Security-Policy",
        "<h1>",
        "Cost and quality",
        "What an inference costs",
        "Latency of single requests",
        "Energy and power",
        "Early stopping",
        "Prompts and answers",
        "What this rests on",
        "Compute it again",
        "application/json",
    ] {
        let at = page[from..].find(wanted);
        assert!(at.is_some(), "{wanted} is missing, or in front of what should precede it");
        from += at.unwrap();
    }
    for candidate in &report.candidates {
        assert!(page.contains(candidate.variant.variant_name()));
    }
    assert!(page.len() < 1_500_000, "{} bytes", page.len());

    // Left for a look in a browser.
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.html"), &page).unwrap();
}

#[test]
fn nothing_is_asked_from_anywhere() {
    let (run, report) = measured();
    let page = page(&run, &report, true);
    let markup = markup(&page);
    for breach in ["http://", "https://", "src=", "@import", "url(", "<iframe", "onclick", "onload"] {
        let allowed = report.prices.iter().any(|price| price.source.contains(breach));
        assert!(allowed || !markup.contains(breach), "{breach}");
    }
    assert!(page.contains("default-src 'none'") && !page.contains("unsafe-inline"));
}

#[test]
fn hostile_texts_are_never_markup() {
    const HOSTILE: &str =
        "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u{2028}\u{202e}'\"&";
    let (mut run, mut report) = measured();
    for window in &mut run.windows {
        for inference in &mut window.inferences {
            inference.input_text = Some(HOSTILE.to_owned());
            inference.prompt = format!("{HOSTILE}{}", inference.prompt).into();
            if let infercost_core::Outcome::Completed { text, .. } = &mut inference.outcome {
                *text = Some(HOSTILE.to_owned());
            }
        }
    }
    report.notes.push(HOSTILE.to_owned());
    report.machine.cpu = Some(HOSTILE.to_owned());
    for candidate in &mut report.candidates {
        candidate.variant = format!("{}{HOSTILE}", candidate.variant).into();
        candidate.engine.device = HOSTILE.to_owned();
    }
    report.baseline = format!("{}{HOSTILE}", report.baseline).into();

    let page = page(&run, &report, true);
    assert!(!page.contains("<img") && !page.contains("<script>alert"), "hostile text became markup");
    assert_eq!(page.matches("</script").count(), 2, "one end for the data, one for the script");
    let data = page.split("<script type=\"application/json\"").nth(1).unwrap();
    assert!(!data.contains('\u{2028}'), "a line separator would end a line of script");
}

#[test]
fn texts_are_kept_out_where_asked() {
    let (run, report) = measured();
    let inference = &run.windows[0].inferences[0];
    let input = inference.input_text.as_ref().unwrap();
    let quoted = serde_json::to_string(&input[..20]).unwrap();
    let beginning = quoted.trim_matches('"');

    assert!(page(&run, &report, true).contains(beginning));
    assert!(!page(&run, &report, false).contains(beginning));
}

#[test]
fn ten_thousand_inferences_fit_six_megabytes() {
    let (mut run, report) = measured();
    let long = "An answer of some length, as models give it. ".repeat(60);
    let window = run.windows[0].clone();
    run.windows = (0..100)
        .map(|index| {
            let mut copy = window.clone();
            let one = copy.inferences[0].clone();
            copy.inferences = (0..100)
                .map(|number| {
                    let mut inference = one.clone();
                    inference.prompt = format!("prompt-{index}-{number}").into();
                    if let infercost_core::Outcome::Completed { text, .. } = &mut inference.outcome {
                        *text = Some(long.clone());
                    }
                    inference
                })
                .collect();
            copy
        })
        .collect();

    let page = page(&run, &report, true);
    assert!(page.len() < 6_000_000, "{} bytes", page.len());
    assert!(page.contains("are cut and end with"));
}

#[test]
fn the_chart_stands_alone_and_names_every_variant() {
    let (_, report) = measured();
    let chart = infercost_page::cost_against_quality(&report).unwrap();
    assert!(chart.starts_with("<svg xmlns=") && chart.ends_with("</svg>\n"), "{chart}");
    assert_eq!(chart.matches("<svg").count(), chart.matches("</svg>").count());
    for words in
        ["Cost against task score", ">full<", ">q8_0<", ">q4_k<", ">q4_0<", "baseline less the margin"]
    {
        assert!(chart.contains(words), "{words}");
    }
    assert!(!chart.contains("NaN") && !chart.contains("var(--"), "colors are its own");

    // one variant is no comparison
    let mut alone = report.clone();
    alone.candidates.truncate(1);
    assert!(infercost_page::cost_against_quality(&alone).is_none());
}
