//! Calls of a trace that nothing was heard of for a while are settled, sent on and leave memory.
//!
//! A call is counted once where its spans are at most half a window apart; wrappers and second sights further apart than that,
//! or in another file, are not seen.

use std::sync::mpsc::SyncSender;

use super::error::ForeignError;
use super::flow::{Flow, ProductionCall, Streamed};
use super::gather::ForeignReader;
use super::keys::KeySet;

/// Calls that are sent at once: some 300 kB.
const SENT_AT_ONCE: usize = 1024;

impl ForeignReader {
    /// A reader whose calls go there as they are settled. Its memory does not grow.
    pub(super) fn flowing(sink: SyncSender<Vec<ProductionCall>>, window: u64) -> Self {
        Self::with_flow(Flow::new(sink, window))
    }

    /// Sends the calls of traces that are quiet; of all traces, where there are too many that are not.
    pub(super) fn settle_quiet(&mut self) -> Result<(), ForeignError> {
        let Some(window) = self.flow.as_ref().map(|flow| flow.window) else { return Ok(()) };
        self.settle(self.spans().saturating_sub(window / 2))?;
        if self.distinct() as u64 > window.saturating_mul(2) { self.settle(u64::MAX) } else { Ok(()) }
    }

    /// Sends what is left, and says what there was.
    pub(super) fn ended(mut self) -> Result<Streamed, ForeignError> {
        self.settle(u64::MAX)?;
        let calls = self.flow.as_ref().map_or(0, |flow| flow.calls);
        Ok(Streamed { spans: self.spans(), calls, irregularities: self.notes.into_map() })
    }

    /// Sends the calls of traces whose last span came before that number.
    fn settle(&mut self, before: u64) -> Result<(), ForeignError> {
        let Some(mut flow) = self.flow.take() else { return Ok(()) };
        let quiet = flow.heard.extract_if(|_, last| *last < before);
        let done: KeySet = quiet.map(|(trace, _)| trace).collect();

        flow.since = 0;
        let sent = send(self.settled(&done), &mut flow);
        self.flow = Some(flow);
        sent
    }
}

/// Sends calls in parts, so that whoever takes them can begin with the first and makes room for the last.
fn send(mut calls: impl Iterator<Item = ProductionCall>, flow: &mut Flow) -> Result<(), ForeignError> {
    loop {
        let part: Vec<ProductionCall> = calls.by_ref().take(SENT_AT_ONCE).collect();
        if part.is_empty() {
            return Ok(());
        }
        flow.calls += part.len() as u64;
        flow.sink.send(part).map_err(|_| ForeignError::Stopped)?;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::attributes::{GEN_AI_OPERATION_NAME, GEN_AI_USAGE_INPUT_TOKENS, SERVICE_NAME};

    /// A trace of a wrapper and `inner` calls below it; a trace without any call beside each.
    fn line(trace: u64, inner: u64) -> String {
        let span = |trace: u64, id: u64, parent: u64, more: &str| {
            let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
            format!(
                r#"{{"traceId":"{trace:032x}","spanId":"{id:016x}","parentSpanId":"{parent}","name":"x","startTimeUnixNano":"1000000000","endTimeUnixNano":"2000000000","attributes":[{more}]}}"#
            )
        };
        let call = format!(
            r#"{{"key":"{GEN_AI_OPERATION_NAME}","value":{{"stringValue":"chat"}}}},{{"key":"{GEN_AI_USAGE_INPUT_TOKENS}","value":{{"intValue":"3"}}}}"#
        );
        let mut spans: Vec<String> =
            (0..inner).map(|id| span(trace, trace * 1000 + 1 + id, trace * 1000, &call)).collect();
        spans.push(span(trace, trace * 1000, 0, &call));
        spans.push(span(trace + 1_000_000, 1, 0, ""));
        format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"{SERVICE_NAME}","value":{{"stringValue":"s{trace}"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
            spans.join(",")
        )
    }

    fn stream(lines: &[String], window: u64) -> (Vec<ProductionCall>, Streamed, usize) {
        let (sink, calls) = sync_channel(10_000);
        let mut reader = ForeignReader::flowing(sink, window);
        let mut most = 0;
        for line in lines {
            reader.json(line.as_bytes()).unwrap().unwrap();
            most = most.max(reader.distinct());
        }
        let streamed = reader.ended().unwrap();
        (calls.iter().flatten().collect(), streamed, most)
    }

    #[test]
    fn a_stream_gives_the_calls_of_the_whole_and_holds_a_window_of_it() {
        let lines: Vec<String> = (1..=500).map(|trace| line(trace, 2)).collect();
        let (mut whole, all, _) = stream(&lines, u64::MAX);
        let (mut parts, streamed, most) = stream(&lines, 40);
        assert_eq!(all, streamed);
        assert_eq!((all.spans, all.calls), (2000, 1000), "wrappers are left out");
        assert!(most < 40, "three quarters, and a line: {most}");

        let key = |call: &ProductionCall| (call.trace_id.clone(), call.span_id.clone());
        whole.sort_by_key(key);
        parts.sort_by_key(key);
        assert_eq!(whole, parts);
        assert_eq!(parts[0].place.service.as_deref(), Some("s1"));
        assert_eq!(parts[0].trace_id.as_deref(), Some(format!("{:032x}", 1).as_str()));
    }

    /// A trace that never ends takes no more memory than others, and loses no call.
    #[test]
    fn a_trace_without_end_is_cut() {
        let span = |id: u64| line(7, 0).replace(&format!("{:016x}", 7000), &format!("{id:016x}"));
        let lines: Vec<String> = (10_000..10_500).map(span).collect();
        let (calls, streamed, most) = stream(&lines, 40);
        assert_eq!((calls.len(), streamed.calls), (500, 500));
        assert!(most < 200, "{most}");
    }

    #[test]
    fn a_reader_whose_calls_nobody_takes_stops() {
        let (sink, calls) = sync_channel(1);
        drop(calls);
        let mut reader = ForeignReader::flowing(sink, 4);
        let stopped = (1..100).any(|trace| reader.json(line(trace, 1).as_bytes()).is_err());
        assert!(stopped);
    }
}
