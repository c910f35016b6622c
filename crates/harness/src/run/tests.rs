//! Disturbed windows, on a machine whose counters a script moves.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use infercost_core::testing::{Script, ScriptedEngine};
use infercost_core::{
    Chunk, EngineError, EngineIdentity, GenerationRequest, IdleRecord, InferenceRecord, LoadRecord, Message,
    PromptBody, Role, Sampling, ScoreRequest, Scored, SinkError, TokenScores, UnavailableMeter, WindowId,
};

use super::*;
use crate::machine_watch::MachineWatch;
use crate::plan::Completed;
use crate::remeasure::RemeasureDone;

/// When another program is at work: by how many answers the machine has given so far, over all variants.
type Busy = fn(u32) -> bool;

/// A machine of two processors whose counters move with each answer.
struct Machine {
    proc_root: PathBuf,
    busy: Busy,
    answers: Cell<u32>,
    own: Cell<u64>,
    all: Cell<u64>,
}

impl Machine {
    fn new(root: &Path, busy: Busy) -> Self {
        let machine = Self {
            proc_root: root.to_owned(),
            busy,
            answers: Cell::new(0),
            own: Cell::new(0),
            all: Cell::new(0),
        };
        machine.show();
        machine
    }

    /// An answer takes 100 ms of a processor; a neighbor takes 200 ms meanwhile, and lets it wait for 50.
    fn answer(&self) {
        let neighbor = if (self.busy)(self.answers.get()) { 20 } else { 0 };
        self.answers.set(self.answers.get() + 1);
        self.own.set(self.own.get() + 10);
        self.all.set(self.all.get() + 10 + neighbor);
        self.show();
    }

    fn show(&self) {
        let (own, all) = (self.own.get(), self.all.get());
        let waited = 50_000_000 * (all - own) / 20;
        let stat = format!("cpu  {all} 0 0 0 0 0 0 0 0 0\ncpu0 0\ncpu1 0\n");
        fs::write(self.proc_root.join("stat"), stat).unwrap();

        let task = self.proc_root.join("self/task/7");
        fs::create_dir_all(&task).unwrap();
        let line = format!("7 (x) R 1 1 1 0 -1 0 0 0 0 0 {own} 0 0 0 20 0 1\n");
        fs::write(self.proc_root.join("self/stat"), line).unwrap();
        fs::write(task.join("schedstat"), format!("0 {waited} 0")).unwrap();
    }
}

/// A scripted engine on that machine.
struct OnMachine {
    engine: ScriptedEngine,
    machine: Arc<Mutex<Machine>>,
}

impl Engine for OnMachine {
    fn identity(&self) -> &EngineIdentity {
        self.engine.identity()
    }

    fn count_input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<u32>, EngineError> {
        self.engine.count_input_tokens(prompt)
    }

    fn generate(
        &mut self,
        request: &GenerationRequest<'_>,
        on_chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Generation, EngineError> {
        self.machine.lock().unwrap().answer();
        self.engine.generate(request, on_chunk)
    }

    fn score(&mut self, request: &ScoreRequest<'_>) -> Result<TokenScores, EngineError> {
        self.engine.score(request)
    }
}

/// Keeps windows, and drops a variant after so many of them.
#[derive(Default)]
struct Kept {
    windows: Vec<WindowRecord>,
    remeasuring: usize,
    settles_after: Option<usize>,
}

impl RecordSink for Kept {
    fn load(&mut self, _: &LoadRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn idle(&mut self, _: &IdleRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn inference(&mut self, _: &WindowId, _: &Prompt, _: &InferenceRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn under_load(&mut self, _: &WindowId, _: &[InferenceRecord]) -> Result<(), SinkError> {
        Ok(())
    }

    fn remeasuring(&mut self, _: &VariantId) -> Result<(), SinkError> {
        self.remeasuring += 1;
        Ok(())
    }

    fn window(&mut self, record: &WindowRecord) -> Result<(), SinkError> {
        self.windows.push(record.clone());
        Ok(())
    }

    fn scored(&mut self, _: Scored<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn settled(&mut self) -> Result<Vec<VariantId>, SinkError> {
        let is_late = self.settles_after.is_some_and(|windows| self.windows.len() >= windows);
        Ok(if is_late { vec!["b".into()] } else { Vec::new() })
    }
}

/// Eight prompts in windows of two, by two variants.
fn plan(root: &Path, max_remeasure: Option<u32>, completed: Completed) -> Plan {
    let prompt = |index: u32| Prompt {
        id: PromptId::from(format!("p{index}")),
        body: PromptBody::Chat(vec![Message { role: Role::User, content: "?".into() }].into()),
        max_tokens: 8,
        grader: None,
        tags: Vec::new(),
    };
    Plan {
        prompts: (0..8).map(prompt).collect(),
        repetitions: 1,
        warm_ups: 0,
        window_prompts: 2,
        seed: 1,
        sampling: Sampling::default(),
        idle_time: Duration::ZERO,
        unmetered: HashMap::new(),
        watch: MachineWatch::new(root.to_owned(), root.to_owned()),
        max_remeasure,
        load: None,
        completed,
    }
}

fn kept(max_remeasure: Option<u32>, busy: Busy, completed: Completed, kept: Kept) -> Kept {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(root.path(), max_remeasure, completed);
    let machine = Arc::new(Mutex::new(Machine::new(root.path(), busy)));

    let mut engines: Vec<(VariantId, Box<dyn Engine>)> = Vec::new();
    for variant in ["a", "b"] {
        let engine = ScriptedEngine::new(Script { certainty: 0.5, ..Script::default() });
        engines.push((variant.into(), Box::new(OnMachine { engine, machine: Arc::clone(&machine) })));
    }
    let prepared = Prepared { engines, loads: Vec::new(), idle_before: None };

    let mut kept = kept;
    let mut meter = UnavailableMeter::new("none");
    run(prepared, &plan, &mut meter, &mut kept, &AtomicBool::new(false)).unwrap();
    kept
}

fn windows(max_remeasure: Option<u32>, busy: Busy) -> Vec<WindowRecord> {
    kept(max_remeasure, busy, Completed::default(), Kept::default()).windows
}

fn again(windows: &[WindowRecord]) -> Vec<&WindowRecord> {
    windows.iter().filter(|window| window.remeasures.is_some()).collect()
}

fn asked(window: &WindowRecord) -> Vec<(&str, u32)> {
    window.inferences.iter().map(|one| (one.prompt.as_str(), one.repetition)).collect()
}

#[test]
fn a_quiet_machine_costs_nothing() {
    let windows = windows(None, |_| false);
    assert_eq!((windows.len(), again(&windows).len()), (8, 0));
}

/// The second window of the first block was disturbed: the same prompts are asked again by the same variant, once, before
/// the next block begins, and both windows are kept.
#[test]
fn a_disturbed_window_is_measured_again_near_the_others() {
    let windows = windows(None, |answer| answer == 3);
    assert_eq!(windows.len(), 9);
    let (first, second) = (&windows[1], &windows[2]);
    assert_eq!(again(&windows), [second]);
    assert_eq!(second.remeasures, Some(first.id.index));
    assert_eq!(second.id.variant, first.id.variant);
    assert_eq!((asked(first), asked(second)), (vec![("p0", 0), ("p1", 0)], vec![("p0", 1), ("p1", 1)]));
    assert!(!second.interference.as_ref().unwrap().disturbances(second.wall_time).iter().any(|_| true));
}

/// Where both variants were disturbed, both are measured again, side by side.
#[test]
fn a_disturbed_block_is_measured_again_whole() {
    let windows = windows(Some(8), |answer| answer < 4);
    let again = again(&windows);
    assert_eq!(again.len(), 2);
    assert_ne!(again[0].id.variant, again[1].id.variant);
    assert_eq!(asked(again[0]), asked(again[1]));
}

/// A neighbor that stays costs a try a block, and never more than the budget.
#[test]
fn what_is_spent_is_bounded() {
    for (most, expected) in [(None, 2), (Some(0), 0), (Some(1), 1), (Some(100), 5)] {
        let windows = windows(most, |_| true);
        assert_eq!(again(&windows).len(), expected, "{most:?}");

        // no window has more than two tries, each under a repetition of its own
        let mut seen: Vec<(&str, &str, u32)> = Vec::new();
        for window in &windows {
            for (prompt, repetition) in asked(window) {
                seen.push((window.id.variant.as_str(), prompt, repetition));
            }
        }
        let all = seen.len();
        assert!(seen.iter().all(|(_, _, repetition)| *repetition <= 2), "{seen:?}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all, "an inference stands twice");
    }
}

/// A machine that becomes quiet later is used then.
#[test]
fn what_was_disturbed_early_is_measured_again_when_the_machine_is_quiet() {
    let windows = windows(Some(8), |answer| answer < 8);
    let still = windows.iter().filter(|window| {
        let is_disturbed = !window.interference.as_ref().unwrap().disturbances(window.wall_time).is_empty();
        is_disturbed && !again(&windows).iter().any(|other| other.remeasures == Some(window.id.index))
    });
    assert_eq!(still.count(), 0, "{:?}", again(&windows));
}

#[test]
fn a_variant_that_stopped_is_not_measured_again() {
    // All of the first block is disturbed, the first try as well: `a` is tried, and `b` is stopped.
    let stopped = Kept { settles_after: Some(2), ..Kept::default() };
    let found = kept(Some(8), |answer| answer < 6, Completed::default(), stopped);
    assert_eq!(again(&found.windows).len(), found.remeasuring);
    assert!(again(&found.windows).len() <= 1, "{:?}", found.windows);
}

/// A resumed run knows what it has spent, what is left to measure again, and under which repetition.
#[test]
fn what_was_done_is_read_from_the_windows() {
    let quiet_second = windows(None, |answer| answer == 3);
    let done = RemeasureDone::of(&quiet_second, 1);
    assert_eq!((done.used, done.waiting.len()), (1, 0));

    // The try was cut off: it counts, and the window waits for another.
    let mut cut = quiet_second[..3].to_vec();
    cut[2].interrupted = true;
    cut[2].inferences.truncate(1);
    let done = RemeasureDone::of(&cut, 1);
    assert_eq!(done.used, 1);
    let waiting: Vec<_> = done.waiting.iter().map(|one| (one.index, one.repetition)).collect();
    assert_eq!(waiting, [(cut[1].id.index, 2)]);
    assert_eq!(done.waiting[0].prompts.len(), 2);

    // Nothing had been tried yet: the resumed run measures it again.
    let first_block = &quiet_second[..2];
    let mut completed = Completed { remeasured: RemeasureDone::of(first_block, 1), ..Completed::default() };
    completed.next_window = 2;
    for window in first_block {
        for one in &window.inferences {
            completed.inferences.insert((window.id.variant.clone(), one.prompt.clone(), one.repetition));
        }
    }
    let resumed = kept(None, |_| false, completed, Kept::default()).windows;
    assert_eq!(again(&resumed).len(), 1);
    assert_eq!(again(&resumed)[0].remeasures, Some(first_block[1].id.index));
    assert_eq!(resumed.len(), 7);
}
