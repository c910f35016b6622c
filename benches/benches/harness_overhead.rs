//! What does the harness add to a generated token?
//!
//! All three run the same scripted engine, which answers each of 100 prompts with 64 tokens and waits for
//! nothing, so that only the work around the engine is left:
//! - `bare_loop` calls the engine and counts tokens: what a program without infercost would do;
//! - `harness` adds time stamps, windows and a meter, and throws the records away;
//! - `harness_and_trace` also puts each inference on disk as a span.
//!
//! (`harness_and_trace` − `bare_loop`) is the harness's own cost per token. candle's bare loop on SmolLM2-135M
//! Q8_0 needs about 15 ms a token on two cores, so the target of 0.5 % is 75 µs a token.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has nothing to measure")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use infercost_benches::synthetic_run::{Size, VARIANTS, header};
use infercost_core::testing::{Script, ScriptedEngine};
use infercost_core::{
    Engine, GenerationRequest, IdleRecord, InferenceRecord, LoadRecord, Prompt, PromptBody, RecordSink,
    Scored, SinkError, UnavailableMeter, VariantId, WindowId, WindowRecord,
};
use infercost_harness::machine_watch::MachineWatch;
use infercost_harness::{Completed, Plan, Prepared, run};
use infercost_trace::RunStore;

const PROMPTS: u32 = 100;
const TOKENS: u32 = 64;

/// Throws everything away.
struct Nowhere;

impl RecordSink for Nowhere {
    fn load(&mut self, _: &LoadRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn idle(&mut self, _: &IdleRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn inference(&mut self, _: &WindowId, _: &Prompt, record: &InferenceRecord) -> Result<(), SinkError> {
        black_box(record);
        Ok(())
    }

    fn under_load(&mut self, _: &WindowId, records: &[InferenceRecord]) -> Result<(), SinkError> {
        black_box(records);
        Ok(())
    }

    fn window(&mut self, record: &WindowRecord) -> Result<(), SinkError> {
        black_box(record);
        Ok(())
    }

    fn scored(&mut self, _: Scored<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Puts inferences and windows on disk.
struct OnDisk(RunStore);

impl RecordSink for OnDisk {
    fn load(&mut self, record: &LoadRecord) -> Result<(), SinkError> {
        Ok(self.0.load(record)?)
    }

    fn idle(&mut self, record: &IdleRecord) -> Result<(), SinkError> {
        Ok(self.0.idle(record)?)
    }

    fn inference(
        &mut self,
        window: &WindowId,
        _: &Prompt,
        record: &InferenceRecord,
    ) -> Result<(), SinkError> {
        Ok(self.0.inference(window, record)?)
    }

    fn under_load(&mut self, window: &WindowId, records: &[InferenceRecord]) -> Result<(), SinkError> {
        Ok(self.0.inferences(window, records)?)
    }

    fn window(&mut self, record: &WindowRecord) -> Result<(), SinkError> {
        Ok(self.0.window(record)?)
    }

    fn scored(&mut self, _: Scored<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

fn prompts() -> Vec<Prompt> {
    let lines: String = (0..PROMPTS)
        .map(|index| {
            format!("{{\"id\":\"prompt-{index}\",\"prompt\":\"question {index}\",\"max_tokens\":{TOKENS}}}\n")
        })
        .collect();
    infercost_prompts::parse("bench", "bench.jsonl", &lines).unwrap().set.prompts
}

fn engine(prompts: &[Prompt]) -> ScriptedEngine {
    let answer = "x".repeat(TOKENS as usize);
    let answers: HashMap<String, String> = prompts
        .iter()
        .map(|prompt| {
            let PromptBody::Chat(turns) = &prompt.body;
            (turns.last().unwrap().content.clone(), answer.clone())
        })
        .collect();
    ScriptedEngine::new(Script { answers, ..Script::default() })
}

fn plan(prompts: &[Prompt]) -> Plan {
    // Scoring is work of its own, not part of a generated token.
    let scorings = prompts.iter().map(|prompt| (variant(), prompt.id.clone())).collect();
    Plan {
        prompts: prompts.to_vec(),
        repetitions: 1,
        warm_ups: 0,
        window_prompts: 25,
        seed: 42,
        sampling: infercost_core::Sampling::default(),
        idle_time: Duration::ZERO,
        unmetered: HashMap::new(),
        watch: MachineWatch::default(),
        max_remeasure: Some(0),
        load: None,
        completed: Completed { scorings, ..Completed::default() },
    }
}

fn variant() -> VariantId {
    VARIANTS[0].into()
}

fn drive(prepared: Prepared, plan: &Plan, sink: &mut dyn RecordSink) {
    let mut meter = UnavailableMeter::new("a benchmark meters nothing");
    run(prepared, plan, &mut meter, sink, &AtomicBool::new(false)).unwrap();
}

fn bench(criterion: &mut Criterion) {
    let prompts = prompts();
    let plan = plan(&prompts);
    let prepared = || Prepared {
        engines: vec![(variant(), Box::new(engine(&prompts)) as Box<dyn Engine>)],
        loads: Vec::new(),
        idle_before: None,
    };

    let mut group = criterion.benchmark_group("harness_overhead");
    group.throughput(Throughput::Elements(u64::from(PROMPTS * TOKENS)));
    let mut bare = engine(&prompts);
    group.bench_function("bare_loop", |bencher| {
        bencher.iter(|| {
            let mut tokens = 0;
            for prompt in &prompts {
                let request = GenerationRequest {
                    prompt: &prompt.body,
                    max_tokens: prompt.max_tokens,
                    sampling: &plan.sampling,
                };
                bare.generate(&request, &mut |chunk| tokens += chunk.tokens).unwrap();
            }
            assert_eq!(tokens, PROMPTS * TOKENS, "the script must give every token");
            tokens
        });
    });

    group.bench_function("harness", |bencher| {
        bencher.iter_batched(
            prepared,
            |prepared| drive(prepared, &plan, &mut Nowhere),
            BatchSize::PerIteration,
        );
    });

    let traces = tempfile::tempdir().unwrap();
    let mut runs = 0_u32;
    group.bench_function("harness_and_trace", |bencher| {
        bencher.iter_batched(
            || {
                runs += 1;
                let size = Size { prompts: PROMPTS, tokens: TOKENS };
                let header = header(&format!("bench-{runs}"), size, infercost_prices::example().unwrap());
                (prepared(), OnDisk(RunStore::create(traces.path(), &header).unwrap()))
            },
            |(prepared, mut sink)| {
                drive(prepared, &plan, &mut sink);
                sink
            },
            BatchSize::PerIteration,
        );
    });

    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
