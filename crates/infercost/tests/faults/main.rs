//! Kills at random moments, full disks, clocks that step, file systems without locks, two processes at once, lost power.
//!
//! Few rounds of each run with the other tests; `benches/faults/run.sh` runs a hundred and writes the table of
//! `docs/reliability.md`. `INFERCOST_FAULT_KILLS` is how many, `INFERCOST_FAULT_SEED` where the moments come from.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod disk;
mod files;
mod kills;
#[expect(dead_code, reason = "other tests read JSON")]
#[path = "../program/mod.rs"]
mod program;
#[path = "../run_on_disk/mod.rs"]
mod run_on_disk;
mod shim;
#[path = "../tiny/mod.rs"]
mod tiny;
mod together;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use run_on_disk::spans;
use serde_json::Value;
use tempfile::TempDir;

/// A comparison that stops early, on quality, so that time has no part in what comes out.
///
/// What a busy machine disturbs is not measured again: two runs are to hold the same records.
const COMPARE: [&str; 9] = [
    "compare",
    "some.gguf",
    "other.gguf",
    "--prompts",
    "many.jsonl",
    "--max-kld=0",
    "--warm-ups=0",
    "--max-remeasure=0",
    "--seed=42",
];

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Moments are shares of what an undisturbed run took: nothing else of this program runs meanwhile.
fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often each thing is killed.
fn rounds() -> u32 {
    std::env::var("INFERCOST_FAULT_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// Moments that a seed decides.
struct Moments(u64);

impl Moments {
    fn seeded() -> Self {
        let seed = std::env::var("INFERCOST_FAULT_SEED").ok().and_then(|text| text.parse().ok());
        Self(seed.unwrap_or(20_261_129_u64).max(1))
    }

    /// xorshift64*, in [0, 1).
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn within(&mut self, length: Duration) -> Duration {
        length.mul_f64(self.next())
    }

    /// A moment of a run: every other one while there are records, so that there is something to lose.
    fn of(&mut self, undisturbed: &Undisturbed, round: u32) -> Moment {
        if round.is_multiple_of(2) {
            Moment::AfterBytes((undisturbed.bytes as f64 * self.next()) as u64)
        } else {
            Moment::AfterStart(self.within(undisturbed.whole))
        }
    }
}

/// When something is killed.
enum Moment {
    AfterStart(Duration),
    /// When its run holds more than so many bytes of records: how busy the machine is has no part in that.
    AfterBytes(u64),
}

/// What a run is that is left alone.
struct Undisturbed {
    /// How long it takes, from start to end.
    whole: Duration,
    /// How long until it has its folder.
    until_begun: Duration,
    /// Bytes of its records.
    bytes: u64,
}

impl Undisturbed {
    /// Lets the command, which writes below `folder`, come to its answer.
    #[track_caller]
    fn of(mut command: Command, folder: &Path) -> Self {
        let clock = Instant::now();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for_run(&mut child, folder, |run| run.is_some());
        let until_begun = clock.elapsed();

        let status = child.wait().unwrap();
        let whole = clock.elapsed();
        assert!(matches!(status.code(), Some(0 | 3 | 4)), "undisturbed: {status:?}");
        Self { whole, until_begun, bytes: bytes_of_records(runs(folder).pop().as_deref()) }
    }
}

/// Bytes of the records of a run.
fn bytes_of_records(run: Option<&Path>) -> u64 {
    let file = run.and_then(|run| fs::metadata(run.join("spans.jsonl")).ok());
    file.map_or(0, |file| file.len())
}

/// Waits until the run below `folder` is as wanted, or the process has ended.
fn wait_for_run(child: &mut Child, folder: &Path, is_wanted: impl Fn(Option<&Path>) -> bool) {
    while !is_wanted(runs(folder).pop().as_deref()) && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_micros(300));
    }
}

/// Starts a run below `folder` and kills it at that moment. True where it had not ended by itself.
fn kill_at(mut command: Command, folder: &Path, moment: &Moment) -> bool {
    match moment {
        Moment::AfterStart(after) => kill_after(command, *after),
        Moment::AfterBytes(bytes) => {
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            wait_for_run(&mut child, folder, |run| bytes_of_records(run) > *bytes);
            kill(child)
        }
    }
}

/// Starts it and kills it after that time. True where it had not ended by itself.
fn kill_after(mut command: Command, moment: Duration) -> bool {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    sleep(moment);
    kill(child)
}

fn kill(mut child: Child) -> bool {
    let was_running = child.try_wait().unwrap().is_none();
    child.kill().ok();
    child.wait().unwrap();
    was_running
}

/// A folder with two models and a set of thirty prompts.
fn bench() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    tiny::write_model(&folder.path().join("other.gguf"), 1, GgmlDType::Q8_0).unwrap();
    let mut prompts = String::new();
    for index in 0..30 {
        prompts.push_str(&format!(
            "{{\"id\":\"p{index}\",\"prompt\":\"Count {index}.\",\"grader\":\"contains\",\"answer\":\"1\",\"max_tokens\":3}}\n"
        ));
    }
    fs::write(folder.path().join("many.jsonl"), prompts).unwrap();
    folder
}

/// What a report is computed from, but for times: each answer and each evaluation, and how often it stands in the run.
fn inputs(run: &Path) -> BTreeMap<String, u32> {
    const ANSWER: [&str; 5] = [
        "infercost.prompt",
        "infercost.repetition",
        "output.value",
        "gen_ai.usage.output_tokens",
        "gen_ai.response.finish_reasons",
    ];
    let mut counts = BTreeMap::new();
    for (_, attributes) in spans(run, "inference") {
        let variant = &attributes["infercost.variant"];
        let answer = ANSWER.map(|name| attributes.get(name).map_or_else(String::new, Value::to_string));
        *counts.entry(format!("inference {variant} {}", answer.join(" "))).or_default() += 1;
    }
    for (_, attributes) in spans(run, "evaluation") {
        *counts.entry(format!("evaluation {}", Value::Object(attributes))).or_default() += 1;
    }
    counts
}

/// Every run below the folder's traces that has begun.
fn runs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("traces")).into_iter().flatten().flatten();
    let is_run = |path: &PathBuf| {
        let is_hidden = path.file_name().unwrap().to_string_lossy().starts_with('.');
        !is_hidden && path.join("run.json").is_file()
    };
    entries.map(|entry| entry.path()).filter(is_run).collect()
}

/// Files and folders below `folder` that no finished work has: unfinished ones, and what lies in a folder for such.
fn strays(folder: &Path) -> Vec<PathBuf> {
    let mut strays = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_work = folder.file_name().is_some_and(|parent| parent == "tmp");
        if is_work || name.contains(".partial") || name.starts_with(".tmp") || name.starts_with(".probe") {
            strays.push(path);
        } else if path.is_dir() {
            strays.extend(self::strays(&path));
        }
    }
    strays
}

/// A comparison that came to an answer, whichever.
#[track_caller]
fn assert_answered(output: &Output, what: &str) {
    let is_answer = matches!(output.status.code(), Some(0 | 3 | 4));
    assert!(is_answer, "{what}: {:?} {}", output.status, String::from_utf8_lossy(&output.stderr));
}

/// A row of the table that `benches/faults/run.sh` makes.
fn tell(what: &str, tried: &str, came_out: &str) {
    let Some(path) = std::env::var_os("INFERCOST_FAULT_TABLE") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "| {what} | {tried} | {came_out} |").unwrap();
}
