//! From the text of lines to records: what needs nothing but the lines, and so may be done for several at once.

use std::time::SystemTime;

use infercost_core::{EvaluationRecord, IdleRecord, InferenceRecord, LoadRecord, WindowId, WindowRecord};

use crate::batch_threads::BatchReader;
use crate::checksum::{self, Seal};
use crate::line_batch::LineBatch;
use crate::line_frame::LineFrame;
use crate::mapping::{evaluation, idle, inference, load, window};
use crate::names::Names;
use crate::otlp_json::{AT_ONCE, Part, each_part, read_list};
use crate::read_span::ReadSpan;
use crate::span_ids::SpanId;
use crate::span_names::record;
use crate::texts::Texts;

/// A line as it was read.
#[derive(Debug)]
pub(crate) struct ReadLine {
    /// Blank lines before it.
    pub(crate) blank: BlankLines,
    /// Its bytes, line end included; 0 where there are blank lines alone.
    pub(crate) length: u64,
    /// True where it has a line end.
    pub(crate) is_whole: bool,
    /// Its spans, or what is wrong with it; `None` for a blank line.
    pub(crate) content: Option<Result<LineContent, String>>,
}

/// Blank lines one behind another: a batch may be made of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BlankLines {
    /// How many.
    pub(crate) count: u64,
    /// Their bytes, line ends included.
    pub(crate) length: u64,
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

/// Reads the lines of a run.
#[derive(Debug)]
pub(crate) struct RecordReader {
    texts: Texts,
    names: Names,
    /// What stands around the spans of the last line that was read whole.
    frame: Option<LineFrame>,
}

impl RecordReader {
    pub(crate) fn new(texts: Texts, names: Names) -> Self {
        Self { texts, names, frame: None }
    }
}

impl BatchReader for RecordReader {
    type Lines = Vec<ReadLine>;

    fn beside(&self) -> Self {
        Self::new(self.texts, self.names.clone())
    }

    fn read(&mut self, batch: &LineBatch) -> Vec<ReadLine> {
        let mut lines = Vec::new();
        let mut blank = BlankLines::default();

        for line in batch.lines() {
            let length = line.len() as u64;
            let is_blank = line.trim_ascii().is_empty();
            let is_whole = line.last() == Some(&b'\n');
            if is_blank && is_whole {
                blank = BlankLines { count: blank.count + 1, length: blank.length + length };
                continue;
            }
            let content = (!is_blank).then(|| self.content(line));
            lines.push(ReadLine { blank: std::mem::take(&mut blank), length, is_whole, content });
        }

        if blank.count > 0 {
            lines.push(ReadLine { blank, length: 0, is_whole: true, content: None });
        }
        lines
    }
}

impl RecordReader {
    /// What a line holds. What stands around its spans is looked for where it stood in the line before.
    fn content(&mut self, line: &[u8]) -> Result<LineContent, String> {
        let (body, seal) = checksum::check(line.trim_ascii());
        if seal == Seal::Broken {
            return Err(checksum::BROKEN.to_owned());
        }

        let mut content = LineContent { seal, spans: Vec::new(), unknown: 0 };
        let framed = self.frame.as_ref().and_then(|frame| frame.spans(body, seal));
        if let Some(spans) = framed.filter(|spans| spans.len() <= AT_ONCE).and_then(read_list) {
            for span in &spans {
                self.take(span, &mut content);
            }
            return Ok(content);
        }

        each_part(line, &mut |part| {
            if let Part::Span { span, .. } = part {
                self.take(span, &mut content);
            }
        })?;
        // the spans of a long line are looked for anew each time
        if line.len() <= AT_ONCE {
            self.frame = LineFrame::of(line.trim_ascii(), body, seal);
        }
        Ok(content)
    }

    fn take(&mut self, span: &ReadSpan<'_>, content: &mut LineContent) {
        match self.record(span) {
            Some(record) => content.spans.push(RecordedSpan { id: span.id(), record }),
            None => content.unknown += 1,
        }
    }

    /// What a span records; `None` where it is no record of infercost's, or of a kind that this version does not know.
    fn record(&mut self, span: &ReadSpan<'_>) -> Option<Result<Record, String>> {
        let (texts, names) = (self.texts, &mut self.names);
        let kind = span.record()?;
        let record = match kind {
            record::WINDOW => window::read(span, names).map(|window| Record::Window(Box::new(window))),
            record::INFERENCE => {
                let read = inference::read(span, texts, names);
                read.map(|(window, inference)| Record::Inference(window, Box::new(inference)))
            }
            record::EVALUATION => evaluation::read(span, names).map(|one| Record::Evaluation(Box::new(one))),
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
}
