//! A run of many requests under load is written in the memory of a few.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use infercost_core::{
    ChunkArrival, FinishReason, InferenceRecord, Outcome, PromptId, RunHeader, VariantId, WindowId,
};
use infercost_trace::RunStore;

/// Requests whose records come at once.
const TOGETHER: u32 = 200;
const BATCHES: u32 = 400;
/// Batches after which buffers have the size that they keep.
const SETTLED: u32 = BATCHES / 4;
/// Most that memory may grow by afterward, in bytes: nine for each request.
const MOST_GROWN: u64 = 512 << 10;

/// Memory of this process that no file holds, in bytes (proc_pid_status(5)).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

fn inference(repetition: u32, issued_at: SystemTime) -> InferenceRecord {
    InferenceRecord {
        prompt: PromptId::from("a"),
        repetition,
        issued_at,
        input_text: Some("two and two?".to_owned()),
        input_tokens: Some(7),
        cached_input_tokens: None,
        max_tokens: 16,
        sampling: Arc::default(),
        served: None,
        outcome: Outcome::Completed {
            text: Some("four".to_owned()),
            finish: FinishReason::Stop,
            output_tokens: 1,
            thinking: None,
            arrivals: vec![ChunkArrival { at: Duration::from_millis(100), tokens: 1 }].into(),
            latency: Duration::from_millis(120),
        },
    }
}

#[test]
fn nothing_is_kept_of_a_request_under_load() {
    let header: RunHeader = serde_json::from_str(include_str!("../examples/sample_header.json")).unwrap();
    let began = SystemTime::from(header.started_at);
    let window = WindowId { variant: VariantId::from("example-100m/f16"), index: 0 };
    let traces = tempfile::tempdir().unwrap();
    let mut store = RunStore::create(traces.path(), &header).unwrap();

    let mut settled = 0;
    for batch in 0..BATCHES {
        let first = batch * TOGETHER;
        let issued_at = began + Duration::from_millis(batch.into());
        let records: Vec<_> =
            (first..first + TOGETHER).map(|repetition| inference(repetition, issued_at)).collect();
        store.inferences(&window, &records).unwrap();
        if batch == SETTLED {
            settled = resident();
        }
    }

    let grown = resident().saturating_sub(settled);
    let requests = SETTLED * TOGETHER;
    assert!(grown < MOST_GROWN, "{grown} bytes more than after {requests} requests");
}
