//! Folders of tables whose sums are known by hand, and runs whose reports are.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use infercost_analyzer::Analysis;
use infercost_analyzer::ledger::Ledger;
use infercost_core::report::Report;
use infercost_core::run::VariantHeader;
use infercost_core::testing::{RunBuilder, ScriptedFailure, ScriptedInference, made_up_run};
use infercost_core::{
    EngineIdentity, Evaluation, FailureKind, IdlePhase, Judgment, PromptId, RunHeader, RunId, RunRecord,
    TaskScore, VariantId,
};
use infercost_fleet::reading::engine::{DEFAULT_MEMORY, Engine};
use infercost_fleet::reading::files::Days;
use infercost_fleet::tables::rows::InferenceRow;
use infercost_fleet::{TablesWriter, Written};
use rust_decimal::Decimal;

/// The first of November 2026, in seconds since 1970.
const NOVEMBER: u64 = 1_793_491_200;

/// A moment on a day of November 2026, counted from 1.
pub(crate) fn november(day: u64, second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOVEMBER + (day - 1) * 86_400 + second)
}

/// An answered call of production.
pub(crate) fn call<'a>(model: &'a str, service: &'a str, at: SystemTime, cost: &str) -> InferenceRow<'a> {
    InferenceRow {
        model: Some(model),
        service: Some(service),
        issued_at: Some(at),
        latency_us: Some(1_000_000),
        input_tokens: Some(100),
        cached_input_tokens: Some(25),
        output_tokens: Some(10),
        currency: Some("USD"),
        cost: Some(cost.parse::<Decimal>().unwrap()),
        cost_basis: Some("stated"),
        ..InferenceRow::default()
    }
}

/// Writes rows of one source.
pub(crate) fn write(folder: &Path, source: &str, rows: &[InferenceRow<'_>]) -> Written {
    let mut writer = TablesWriter::create(folder, source).unwrap();
    for row in rows {
        writer.inference(row).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn engine(folders: &[&Path]) -> Engine {
    let folders: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    Engine::open(&folders, Days::default(), DEFAULT_MEMORY).unwrap()
}

/// Cells of a statement's answer.
pub(crate) fn ask(engine: &Engine, statement: &str) -> Vec<Vec<Option<String>>> {
    infercost_fleet::reading::sql::answer(engine, statement, 1000).unwrap().rows
}

/// The one row of it.
pub(crate) fn one(engine: &Engine, statement: &str) -> Vec<String> {
    let rows = ask(engine, statement);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].iter().map(|cell| cell.clone().unwrap_or_else(|| "null".to_owned())).collect()
}

/// Parquet files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "parquet") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A run with its report.
pub(crate) struct Reported {
    pub(crate) run: RunRecord,
    pub(crate) report: Report,
    pub(crate) ledger: Ledger,
}

const PROMPTS: u32 = 23;
const FULL: &str = "made-up/full";
const SMALL: &str = "made-up/q8_0";

/// Two variants whose answers take uneven seconds and joules; every seventh prompt fails, and one window is disturbed and
/// measured again.
pub(crate) fn reported(id: &str) -> Reported {
    let variant = |id: &str| VariantHeader {
        engine: EngineIdentity { threads: Some(2), ..EngineIdentity::default() },
        ..made_up_run::variant(id)
    };
    let header = RunHeader {
        id: RunId::from(id),
        started_at: "2026-11-03T23:59:30Z".parse().unwrap(),
        variants: vec![variant(FULL), variant(SMALL)],
        baseline: VariantId::from(FULL),
        prompts: made_up_run::prompts((0..PROMPTS).map(prompt)),
        meter: "a script".into(),
        ..made_up_run::header(infercost_prices::example().unwrap())
    };

    let mut run = RunBuilder::new(header);
    run.idle(IdlePhase::Resident, Some(3.0), Duration::from_secs(10));
    for first in (0..PROMPTS).step_by(5) {
        for (name, speed) in [(FULL, 1.0), (SMALL, 0.37)] {
            let prompts = first..PROMPTS.min(first + 5);
            let inferences = prompts.map(|index| inference(index, speed));
            run.window(&VariantId::from(name), Some(31.7 + speed), inferences);
        }
    }
    let again: Vec<ScriptedInference> = (0..5).map(|index| inference(index, 0.9)).collect();
    let window = run.window(&VariantId::from(FULL), Some(33.0), again);
    window.remeasures = Some(0);
    for inference in &mut window.inferences {
        inference.repetition = 1;
    }
    for index in 0..PROMPTS {
        let score = if index % 7 == 3 { 0.0 } else { 1.0 };
        let result = TaskScore { score, ..TaskScore::of("exact", Judgment::of(score > 0.5)) };
        run.evaluation(&VariantId::from(FULL), &prompt(index), Evaluation::Task(result));
    }

    let run = run.finished();
    let report = infercost_analyzer::report(&Analysis {
        runs: std::slice::from_ref(&run),
        policy: &run.header.policy,
        prices: &run.header.prices,
        machine_prices: &[],
        baseline: None,
        memory_bandwidth: None,
    });
    let report = report.unwrap();
    let ledger = Ledger::of(&run, &report);
    Reported { run, report, ledger }
}

fn prompt(index: u32) -> PromptId {
    PromptId::from(format!("p{index}"))
}

fn inference(index: u32, speed: f64) -> ScriptedInference {
    let seconds = speed * (1.0 + f64::from(index * index % 11) / 7.0);
    let refusal = ScriptedFailure { kind: FailureKind::Status, message: "status 500".into() };
    ScriptedInference {
        prompt: prompt(index),
        input_text: Some(format!("secret question {index}")),
        input_tokens: Some(50 + index),
        cached_input_tokens: Some(0),
        max_tokens: 20,
        text: Some("secret answer".into()),
        tokens: 3 + index % 9,
        first: Duration::from_secs_f64(seconds * 0.1),
        step: Duration::from_secs_f64(seconds * 0.05),
        failure: (index % 7 == 3).then_some(refusal),
        pause: Duration::from_millis(3),
    }
}
