//! From the text of lines to records: what needs nothing but the lines, and so may be done for several at once.

use std::thread;
use std::time::SystemTime;

use infercost_core::{
    EvaluationRecord, IdleRecord, InferenceRecord, LoadRecord, Outcome, WindowId, WindowRecord,
};

use crate::checksum::{self, Seal};
use crate::error::MappingError;
use crate::line_batch::LineBatch;
use crate::mapping::{evaluation, idle, inference, load, window};
use crate::otlp_json::read_line;
use crate::read_span::ReadSpan;
use crate::span_ids::SpanId;
use crate::span_names::record;

/// What becomes of prompts and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    /// They are read.
    Kept,
    /// They stay on the disk: figures need none, and a long run is read in half the memory.
    LeftOut,
}

/// A line as it was read.
#[derive(Debug)]
pub(crate) struct ReadLine {
    /// Its bytes, line end included.
    pub(crate) length: u64,
    /// True where it has a line end.
    pub(crate) is_whole: bool,
    /// Its spans, or what is wrong with it; `None` for a blank line.
    pub(crate) content: Option<Result<LineContent, String>>,
}

/// What a line holds.
#[derive(Debug)]
pub(crate) struct LineContent {
    pub(crate) seal: Seal,
    pub(crate) spans: Vec<RecordedSpan>,
    /// Spans that are no record of infercost's.
    pub(crate) unknown: u64,
}

/// A span of infercost's.
#[derive(Debug)]
pub(crate) struct RecordedSpan {
    /// `None` where it is not of eight bytes.
    pub(crate) id: Option<SpanId>,
    /// What it records, or why it records nothing. Of a span that was read before, nobody asks.
    pub(crate) record: Result<Record, String>,
}

/// What a span records.
#[derive(Debug)]
pub(crate) enum Record {
    Window(Box<WindowRecord>),
    Inference(WindowId, Box<InferenceRecord>),
    Evaluation(Box<EvaluationRecord>),
    Load(LoadRecord),
    Idle(Box<IdleRecord>),
    /// A variant's span says nothing that the header does not.
    Variant,
    /// The run's end.
    Run(SystemTime),
}

/// Reads the lines of each batch, all batches at once.
pub(crate) fn read_batches(batches: &[LineBatch], texts: Texts) -> Vec<Vec<ReadLine>> {
    let [first, others @ ..] = batches else { return Vec::new() };

    thread::scope(|scope| {
        let mut started = Vec::new();
        for batch in others {
            // where no thread can be had, this one does the work
            let thread = thread::Builder::new().spawn_scoped(scope, move || read_batch(batch, texts));
            started.push((batch, thread));
        }

        let mut read = vec![read_batch(first, texts)];
        for (batch, thread) in started {
            let lines = thread.ok().and_then(|thread| thread.join().ok());
            read.push(lines.unwrap_or_else(|| read_batch(batch, texts)));
        }
        read
    })
}

fn read_batch(batch: &LineBatch, texts: Texts) -> Vec<ReadLine> {
    let mut lines = Vec::new();
    for line in batch.lines() {
        let is_blank = line.trim_ascii().is_empty();
        lines.push(ReadLine {
            length: line.len() as u64,
            is_whole: line.last() == Some(&b'\n'),
            content: (!is_blank).then(|| read_content(line, texts)),
        });
    }
    lines
}

fn read_content(line: &[u8], texts: Texts) -> Result<LineContent, String> {
    let (_, seal) = checksum::check(line);
    if seal == Seal::Broken {
        return Err(checksum::BROKEN.to_owned());
    }

    let line = read_line(line)?;
    let mut content = LineContent { seal, spans: Vec::new(), unknown: 0 };

    for span in line.spans() {
        match read_record(span, texts) {
            Some(record) => content.spans.push(RecordedSpan { id: span.id(), record }),
            None => content.unknown += 1,
        }
    }

    Ok(content)
}

/// What a span records; `None` where it is no record of infercost's, or of a kind that this version does not know.
fn read_record(span: &ReadSpan<'_>, texts: Texts) -> Option<Result<Record, String>> {
    let kind = span.record()?;
    let record = match kind {
        record::WINDOW => window::read(span).map(|window| Record::Window(Box::new(window))),
        record::INFERENCE => read_inference(span, texts),
        record::EVALUATION => evaluation::read(span).map(|one| Record::Evaluation(Box::new(one))),
        record::LOAD => load::read(span).map(Record::Load),
        record::IDLE => idle::read(span).map(|idle| Record::Idle(Box::new(idle))),
        record::RUN => Ok(Record::Run(span.ended_at())),
        record::VARIANT => Ok(Record::Variant),
        _ => return None,
    };

    if span.id().is_none() {
        return Some(Err(format!("{kind}: spanId is not of eight bytes")));
    }
    Some(record.map_err(|error| format!("{kind}: {error}")))
}

fn read_inference(span: &ReadSpan<'_>, texts: Texts) -> Result<Record, MappingError> {
    let (id, mut inference) = inference::read(span)?;

    if texts == Texts::LeftOut {
        inference.input_text = None;
        if let Outcome::Completed { text, thinking, .. } = &mut inference.outcome {
            *text = None;
            if let Some(thinking) = thinking {
                thinking.text = None;
            }
        }
    }

    Ok(Record::Inference(id, Box::new(inference)))
}
