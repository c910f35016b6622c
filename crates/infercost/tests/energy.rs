//! Energy through the binary: known joules from a scripted `/sys` and a scripted NVML library, and what is said
//! where there is no sensor.
//!
//! No test asks the machine to be quiet: joules are held against the time that the run itself shows, and against how late
//! the scripted sensors were.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[path = "energy/doctor.rs"]
mod doctor;
#[path = "energy/plug.rs"]
mod plug;
mod program;
mod schema;
mod tiny;
#[expect(dead_code, reason = "other tests read the recorded run")]
mod workspace;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use candle_core::quantized::GgmlDType;
use infercost_core::{IdlePhase, RunRecord, Watts};
use infercost_energy::sysfs_twin::{Load, Playing, SysfsTwin};
use infercost_nvml_mock::{Board, Script, install};
use program::{infercost, json, run};
use serde_json::Value;
use tempfile::TempDir;

/// Prompts and tokens of the runs whose joules are checked; all prompts make one window.
const PROMPTS: usize = 30;
const TOKENS: usize = 200;
/// Windows of all variants together, in seconds, in which each package's counter wraps.
const METERED: f64 = 9.0;
/// What a reading may be off by, beside what the run shows of its own edges.
const TOLERANCE: f64 = 0.001;
/// A busy machine would have windows measured again, and the joules of the first time count no more.
const MEASURED_ONCE: [&str; 2] = ["--max-remeasure", "0"];

/// A folder with two models and a prompt set.
fn bench(prompts: usize, tokens: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    tiny::write_model(&folder.path().join("other.gguf"), 1, GgmlDType::Q8_0).unwrap();
    let lines: String = (0..prompts)
        .map(|i| {
            let prompt = format!("Count from {i} on, and do not stop.");
            format!("{{\"id\":\"p{i}\",\"prompt\":\"{prompt}\",\"max_tokens\":{tokens}}}\n")
        })
        .collect();
    fs::write(folder.path().join("mine.jsonl"), lines).unwrap();
    folder
}

/// Runs a model on one thread, so that the thread that drives the scripted sensors has a core for itself.
fn on_one_thread(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = infercost(folder, arguments);
    command.env("RAYON_NUM_THREADS", "1");
    command
}

fn compare(folder: &Path, more: &[&str]) -> Output {
    let arguments = [
        "compare",
        "./some.gguf",
        "./other.gguf",
        "--prompts",
        "mine.jsonl",
        "--baseline",
        "some",
        "--explain",
    ];
    on_one_thread(folder, &[&arguments[..], &MEASURED_ONCE, more].concat()).output().unwrap()
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The newest run below the folder's traces.
fn trace(folder: &Path) -> RunRecord {
    let run = infercost_trace::list_runs(&folder.join("traces")).unwrap().pop().unwrap();
    infercost_trace::read_run(&run).unwrap()
}

/// Repetitions that make the windows of both models last [`METERED`] and a little more, by a run without a meter.
///
/// A machine that is busy while it is timed is faster afterwards, so a further attempt asks for more.
fn repetitions(folder: &Path, attempt: i32) -> String {
    let arguments = ["record", "./some.gguf", "./other.gguf", "--prompts", "mine.jsonl", "--meter", "none"];
    let output = on_one_thread(folder, &[&arguments[..], &MEASURED_ONCE].concat()).output().unwrap();
    assert!(output.status.success(), "{}", shown(&output.stderr));
    let once = Metered::of(&trace(folder)).most;
    fs::remove_dir_all(folder.join("traces")).unwrap();
    format!("{:.0}", (1.15 * 2_f64.powi(attempt) * METERED / once).ceil().clamp(1.0, 400.0))
}

/// How long the meter read, in seconds. A thread that is held up between the meter's clock and the window's makes the two
/// ends differ.
struct Metered {
    /// From the first question of each window to its last answer: the meter surely read all of it.
    least: f64,
    /// As long as the windows took: it surely read no longer.
    most: f64,
    /// How many windows there were.
    windows: f64,
}

impl Metered {
    fn of(run: &RunRecord) -> Self {
        let mut metered = Self { least: 0.0, most: 0.0, windows: 0.0 };
        for window in &run.windows {
            assert!(window.remeasures.is_none() && !window.interrupted, "a window counts not, or twice");
            let first = window.inferences.first().unwrap().issued_at;
            let last =
                window.inferences.iter().map(|one| one.issued_at + one.outcome.latency()).max().unwrap();

            metered.least += last.duration_since(first).unwrap().as_secs_f64();
            metered.most += window.wall_time.as_secs_f64();
            metered.windows += 1.0;
        }
        metered
    }

    /// Whether `joules` are those of a constant power, where either edge of a window may show what was drawn up to `late`
    /// earlier.
    fn check(&self, joules: f64, watts: f64, late: Duration) -> Result<(), String> {
        let late = late.as_secs_f64() * self.windows;
        let least = watts * (self.least * (1.0 - TOLERANCE) - late);
        let most = watts * (self.most * (1.0 + TOLERANCE) + late);
        if (least..=most).contains(&joules) {
            return Ok(());
        }
        Err(format!("{joules} J are not between {least} and {most} J"))
    }
}

/// NaN where a window could not be metered, as on a machine too busy to read its counters in time.
fn gross(report: &Value) -> f64 {
    let candidates = report["candidates"].as_array().unwrap();
    candidates.iter().map(|candidate| candidate["energy"]["gross_j"].as_f64().unwrap_or(f64::NAN)).sum()
}

fn watts(watts: f64) -> Load {
    Load::Constant(Watts::new(watts))
}

/// Three attempts: on a busy machine a sensor may not be read in time, which is said and not measured.
fn attempt(check: impl Fn(i32) -> Result<(), String>) {
    let failures: Vec<String> = (0..3).map_while(|attempt| check(attempt).err()).collect();
    assert!(failures.len() < 3, "{failures:#?}");
}

/// Two packages that wrap, their memory, and what must not be added to them. In scope: 74 W.
fn server(folder: &Path) -> Playing {
    let mut twin = SysfsTwin::new(folder.join("sys"));
    let wraps = 200_000_000;
    twin.rapl_zone("intel-rapl:0", "package-0", watts(40.0)).begins_at(wraps - 5_000_000).wraps_after(wraps);
    twin.rapl_zone("intel-rapl:0:0", "core", watts(20.0));
    twin.rapl_zone("intel-rapl:0:1", "dram", watts(5.0)).wraps_after(wraps);
    twin.rapl_zone("intel-rapl:1", "package-1", watts(25.0)).wraps_after(wraps);
    twin.rapl_zone("intel-rapl:1:0", "dram", watts(4.0));
    twin.rapl_zone("intel-rapl:2", "psys", watts(130.0));
    twin.rapl_zone("intel-rapl-mmio:0", "package-0", watts(40.0));
    twin.play().unwrap()
}

const SERVER_WATTS: f64 = 74.0;

#[test]
fn known_joules_come_out_wraps_and_all() {
    attempt(|attempt| {
        let folder = bench(PROMPTS, TOKENS);
        let repetitions = repetitions(folder.path(), attempt);
        let playing = server(folder.path());
        let sized = ["--window-prompts", "30", "--repetitions", &repetitions];
        let output = compare(folder.path(), &[&["--json", "--require-measured"], &sized[..]].concat());
        let late = playing.oldest_value();

        let report = json(&output);
        let run = trace(folder.path());
        let metered = Metered::of(&run);
        if metered.least < METERED {
            return Err(format!("{} s of windows are fewer than {METERED} s", metered.least));
        }
        metered.check(gross(&report), SERVER_WATTS, late)?;

        // The load never changes, so what is above idle is nothing, as far as either is known.
        let idle = run.idles.iter().map(|idle| idle.wall_time.as_secs_f64()).fold(f64::INFINITY, f64::min);
        let doubt = late.as_secs_f64() / idle + 1.0 - metered.least / metered.most;
        for candidate in report["candidates"].as_array().unwrap() {
            let energy = &candidate["energy"];
            assert_eq!(
                (energy["source"].as_str(), energy["scope"].as_str()),
                (Some("counter"), Some("cpu package + dram"))
            );
            let net = energy["net_j"].as_f64().unwrap() / energy["gross_j"].as_f64().unwrap();
            if net.abs() > 0.05 + doubt {
                return Err(format!("{} of gross is net of a constant load", net));
            }
        }
        assert!(run.header.meter.contains("package-1"), "{}", run.header.meter);
        assert!(run.header.meter.contains("sampling costs"), "{}", run.header.meter);
        Ok(())
    });
}

/// Two boards that draw 380 W together.
fn two_boards(folder: &Path) -> PathBuf {
    let board = |uuid: &str, watts| Board { uuid: uuid.into(), watts, ..Board::default() };
    let script = Script { init_error: 0, boards: vec![board("GPU-1", 300.0), board("GPU-2", 80.0)] };
    install(folder, &script).unwrap()
}

#[test]
fn a_gpu_by_its_library() {
    attempt(|_| {
        let folder = bench(PROMPTS, TOKENS);
        let library = two_boards(folder.path());
        let mut twin = SysfsTwin::new(folder.path().join("sys"));
        twin.rapl_zone("intel-rapl:0", "package-0", watts(20.0));
        let playing = twin.play().unwrap();
        let arguments = ["compare", "./some.gguf", "--prompts", "mine.jsonl", "--json", "--require-measured"];
        let arguments = [&arguments[..], &MEASURED_ONCE].concat();
        let output =
            on_one_thread(folder.path(), &arguments).env("INFERCOST_NVML_LIBRARY", library).output().unwrap();
        let late = playing.oldest_value();

        let report = json(&output);
        assert_eq!(report["candidates"][0]["energy"]["scope"], "cpu package + gpu");
        assert_eq!(report["machine"]["gpus"][0], "Scripted GPU");

        // The board's counter refreshes every 20 ms, so either edge may be off by as much.
        let late = late + Duration::from_millis(20);
        Metered::of(&trace(folder.path())).check(gross(&report), 400.0, late)
    });
}

/// Of a board that gets hot and is throttled on the way, and whose counter and power disagree, the run and each report
/// of it tell.
#[test]
fn what_a_gpu_showed_at_both_ends_is_recorded_and_said() {
    attempt(|attempt| {
        let folder = bench(PROMPTS, TOKENS);
        // A slow start reaches the heat too soon, and a quick run ends before it: a further attempt has more time for both.
        let longer = 1_u64 << attempt;
        let board = Board {
            uuid: "GPU-1".into(),
            shown_watts: Some(175.0),
            hot_after_ms: Some(3_500 * longer),
            processes: vec![1],
            ..Board::default()
        };
        let library = install(folder.path(), &Script { init_error: 0, boards: vec![board] }).unwrap();
        let mut twin = SysfsTwin::new(folder.path().join("sys"));
        twin.rapl_zone("intel-rapl:0", "package-0", watts(20.0));
        let _playing = twin.play().unwrap();

        let repetitions = longer.to_string();
        let arguments =
            ["compare", "./some.gguf", "--prompts", "mine.jsonl", "--explain", "--repetitions", &repetitions];
        let output =
            on_one_thread(folder.path(), &arguments).env("INFERCOST_NVML_LIBRARY", library).output().unwrap();
        let run = trace(folder.path());

        let cool = (Some(45), Some(1980), String::new());
        let hot = (Some(80), Some(1200), "sw thermal slowdown".to_owned());
        for (phase, wanted) in [(IdlePhase::BeforeLoad, cool), (IdlePhase::After, hot)] {
            let idle = run.idles.iter().find(|idle| idle.phase == phase).unwrap();
            let [board] = idle.boards.as_slice() else { panic!("{idle:?}") };
            let found = (board.temperature_c, board.graphics_clock_mhz, board.throttle_reasons.join(","));
            if found != wanted {
                return Err(format!("{phase:?}: {found:?}, not {wanted:?}"));
            }
        }
        let checks = &run.idles.last().unwrap().cross_checks;
        assert!(checks.iter().any(|check| !check.agrees() && check.windows > 1), "{checks:?}");

        // a later report knows of it from the trace alone
        let later = on_one_thread(folder.path(), &["report", "--explain"]).output().unwrap();
        for text in [shown(&output.stdout), shown(&later.stdout)] {
            for part in [
                "after the last window: sw thermal slowdown, at 1200 MHz",
                "was shared with 1 other process",
                "was at 45 °C before models were loaded and at 80 °C after the last window",
                "above its energy counter",
            ] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        Ok(())
    });
}

/// A GPU's sensor beside a model on the CPU reads an idle board, whoever asks for it.
#[test]
fn a_meter_that_leaves_out_the_device_measures_nothing() {
    let folder = bench(3, 8);
    let library = two_boards(folder.path());
    let with_boards = |arguments: &[&str]| {
        on_one_thread(folder.path(), arguments).env("INFERCOST_NVML_LIBRARY", &library).output().unwrap()
    };
    for meter in ["auto", "nvml"] {
        let arguments = ["compare", "./some.gguf", "--prompts", "mine.jsonl", "--meter", meter];
        let report = json(&with_boards(&[&arguments[..], &["--json"]].concat()));
        let candidate = &report["candidates"][0];
        assert_eq!(candidate["energy"]["source"], "unavailable", "{candidate}");
        for field in ["gross_j", "net_j", "idle_w", "per_inference_j"] {
            assert!(candidate["energy"][field].is_null(), "{field}: {candidate}");
        }
        for part in ["energy", "idle"] {
            assert!(candidate["cost"]["components"][part].is_null(), "{part}: {candidate}");
        }
        let reason = candidate["unknown"]["energy"].as_str().unwrap();
        assert!(reason.contains("on the CPU") && reason.contains("covers gpu"), "{reason}");
        assert!(reason.contains("--assume-watts"), "what would help: {reason}");
        assert!(trace(folder.path()).idles.is_empty(), "power of an idle board is billed to nobody");

        fs::remove_dir_all(folder.path().join("traces")).unwrap();
        let output = with_boards(&[&arguments[..], &["--require-measured"]].concat());
        let error = shown(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{error}");
        assert!(error.contains("on the CPU") && error.contains("covers gpu"), "{error}");
        assert!(infercost_trace::list_runs(&folder.path().join("traces")).unwrap().is_empty());
    }
    // an assumption about the rest of the machine makes it whole, and an estimate
    let arguments = ["compare", "./some.gguf", "--prompts", "mine.jsonl", "--json", "--assume-watts", "40"];
    let report = json(&with_boards(&arguments));
    assert_eq!(report["candidates"][0]["energy"]["source"], "estimated", "{report}");
}

#[test]
fn no_sensor_is_said_in_one_line() {
    let folder = bench(3, 8);
    let text = shown(&compare(folder.path(), &[]).stdout);
    let said: Vec<&str> = text.lines().filter(|line| line.contains("Energy is unavailable")).collect();
    assert_eq!(said.len(), 1, "{text}");
    assert!(
        said[0].contains("this machine shows no energy sensor") && said[0].contains("powercap"),
        "{text}"
    );
    // in the cell of either variant; and as a caution, unless a busy machine weighs more
    assert!(matches!(text.matches("not measured").count(), 2 | 3), "{text}");
    assert!(!text.contains("energy: "), "{text}");

    let report = json(&run(folder.path(), &["report", "--json"]));
    for candidate in report["candidates"].as_array().unwrap() {
        let energy = &candidate["energy"];
        assert_eq!(energy["source"], "unavailable");
        for field in ["gross_j", "net_j", "idle_w", "unattributed_j", "per_inference_j", "prefill_share"] {
            assert!(energy[field].is_null(), "{field}: {energy}");
        }
        assert!(candidate["cost"]["components"]["energy"].is_null(), "{candidate}");
    }
    assert!(!report["recommendation"]["why"].as_str().unwrap().contains("energy"), "{report}");
}

/// Variants whose joules are known well enough to have an interval: on a busy machine a few prompts may not be.
fn with_joules(report: &Value) -> usize {
    let candidates = report["candidates"].as_array().unwrap();
    candidates.iter().filter(|candidate| !candidate["energy"]["per_inference_j"].is_null()).count()
}

#[test]
fn an_estimate_is_marked_and_decides_nothing() {
    let folder = bench(3, 8);
    let output = compare(folder.path(), &["--assume-watts", "40"]);
    let text = shown(&output.stdout);
    let note = "Energy is estimated, not measured: 40 W as given, × time.";
    assert!(text.contains(note), "{text}");
    let report = json(&run(folder.path(), &["report", "--json"]));
    assert_eq!(text.matches("] estimated").count(), with_joules(&report), "{text}");
    let checked = Metered::of(&trace(folder.path())).check(gross(&report), 40.0, Duration::ZERO);
    assert!(checked.is_ok(), "{checked:?}: {report}");
    assert_eq!(report["candidates"][1]["energy"]["source"], "estimated");

    // The shipped table knows this CPU or says that it does not; either way nothing passes for a measurement.
    let report = json(&compare(folder.path(), &["--estimate", "--json"]));
    let candidate = &report["candidates"][0];
    let source = candidate["energy"]["source"].as_str().unwrap();
    let reason = candidate["unknown"]["energy"].as_str().unwrap_or_default();
    assert!(source == "estimated" || reason.contains("no estimate either"), "{candidate}");
}

/// One table over a measured and an estimated run of the same variants: no number in it is a bare one.
#[test]
fn runs_of_which_one_is_estimated_are_marked() {
    let folder = bench(20, 8);
    {
        let _playing = server(folder.path());
        let measured = shown(&compare(folder.path(), &[]).stdout);
        assert_eq!(measured.matches("estimated").count(), 0, "{measured}");
        let line = measured.lines().find(|line| line.trim_start().starts_with("energy: ")).unwrap();
        for part in [
            "J gross, by counter (rapl package-0, package-1",
            "J net of idle; ",
            "J unattributed; covers cpu package + dram; left out: gpu, ",
            "; idle ",
            "W before load, ",
            "W with models resident, ",
            "W after (drift ",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }

    fs::remove_dir_all(folder.path().join("sys")).unwrap();
    compare(folder.path(), &["--assume-watts", "40"]);
    let runs = infercost_trace::list_runs(&folder.path().join("traces")).unwrap();
    let runs: Vec<&str> = runs.iter().map(|run| run.to_str().unwrap()).collect();
    assert_eq!(runs.len(), 2);
    let arguments = [&["report", "--explain"], &runs[..]].concat();
    let text = shown(&on_one_thread(folder.path(), &arguments).output().unwrap().stdout);
    let report =
        json(&on_one_thread(folder.path(), &[&arguments[..], &["--json"]].concat()).output().unwrap());
    assert_eq!(text.matches("] estimated").count(), with_joules(&report), "{text}");
}

#[test]
fn a_meter_that_is_wanted_and_not_there() {
    let folder = bench(1, 4);
    for (more, code, part) in [
        (&["--require-measured"][..], 5, "doctor"),
        (&["--require-measured", "--assume-watts", "40"], 5, "doctor"),
        (&["--meter", "rapl"], 5, "rapl"),
        (&["--meter", "hwmon"], 5, "hwmon"),
        (&["--meter", "nvml"], 5, "no-such-library"),
        (&["--meter", "tasmota:127.0.0.1:1"], 5, "tasmota"),
        (&["--meter", "prometheus:127.0.0.1:1/metrics?metric=a_joules_total"], 5, "prometheus"),
        (&["--meter", "sundial"], 2, "no meter is called `sundial`"),
        (&["--meter", "prometheus:127.0.0.1:1/metrics"], 2, "which metric"),
        (&["--meter", "shelly:http://me:secret@127.0.0.1"], 2, "no password"),
        // plugged into one of two machines; nothing of either is asked for
        (&["http://192.0.2.1:8080/v1#m", "--meter", "shelly:192.0.2.1"], 2, "192.0.2.1, this machine"),
    ] {
        let output = compare(folder.path(), more);
        let error = shown(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {error}");
        assert!(error.contains(part), "{more:?}: {error}");
    }
    assert!(
        !folder.path().join("traces").is_dir()
            || fs::read_dir(folder.path().join("traces")).unwrap().count() == 0
    );
}
