//! Records of a run as they are met, span by span, each once.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::SystemTime;

use infercost_core::text::count;
use infercost_core::{
    EvaluationRecord, IdleRecord, InferenceRecord, LoadRecord, RunHeader, RunRecord, VariantId, WindowId,
    WindowRecord,
};

use crate::checksum::{self, Seal};
use crate::error::MappingError;
use crate::line_records::{LineContent, Record, RecordedSpan};
use crate::mapping::window;
use crate::span_ids::SpanId;

/// What reading left aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadNotes {
    /// Spans that are no record of infercost's: another program's, or a newer version's.
    pub unknown_spans: u64,
    /// Spans with the id of an earlier one; the earlier one counts.
    pub duplicate_spans: u64,
    /// Bytes of a last line that was cut off while it was written.
    pub torn_bytes: u64,
}

impl fmt::Display for ReadNotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.unknown_spans > 0 {
            parts
                .push(format!("{} of another program or a newer version", count(self.unknown_spans, "span")));
        }
        if self.duplicate_spans > 0 {
            parts.push(format!("{} that had come before", count(self.duplicate_spans, "span")));
        }
        if self.torn_bytes > 0 {
            parts.push(format!("the last line, cut off after {}", count(self.torn_bytes, "byte")));
        }
        f.write_str(&parts.join("; "))
    }
}

/// What was read so far.
pub(crate) struct Gathered {
    variants: HashSet<VariantId>,
    pub(crate) ids: HashSet<SpanId>,
    pub(crate) notes: ReadNotes,
    loads: Vec<LoadRecord>,
    idles: Vec<IdleRecord>,
    windows: Vec<WindowRecord>,
    inferences: HashMap<WindowId, Vec<InferenceRecord>>,
    evaluations: Vec<EvaluationRecord>,
    finished_at: Option<SystemTime>,
    /// True from the first line with a checksum on: no later line of records may lack one.
    are_sealed: bool,
}

impl Gathered {
    pub(crate) fn new(header: &RunHeader) -> Self {
        Self {
            variants: header.variants.iter().map(|variant| variant.id.clone()).collect(),
            ids: HashSet::new(),
            notes: ReadNotes::default(),
            loads: Vec::new(),
            idles: Vec::new(),
            windows: Vec::new(),
            inferences: HashMap::new(),
            evaluations: Vec::new(),
            finished_at: None,
            are_sealed: false,
        }
    }

    /// Takes what a line holds.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub(crate) fn line(&mut self, content: LineContent) -> Result<(), String> {
        let before = self.ids.len();
        self.notes.unknown_spans += content.unknown;

        for span in content.spans {
            self.span(span)?;
        }

        // lines of others, which hold no record, need none
        let holds_records = self.ids.len() > before;

        if holds_records && self.are_sealed && content.seal == Seal::None {
            return Err(checksum::MISSING.to_owned());
        }
        self.are_sealed |= content.seal == Seal::Whole;

        Ok(())
    }

    fn span(&mut self, span: RecordedSpan) -> Result<(), String> {
        if span.id.is_some_and(|id| self.ids.contains(&id)) {
            self.notes.duplicate_spans += 1;
            return Ok(());
        }

        self.take(span.record?)?;
        self.ids.extend(span.id);

        Ok(())
    }

    fn take(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Window(window) => {
                self.check("window", &window.id.variant)?;
                // a window is written once its inferences are: no more are to come, and a run has many windows
                if let Some(inferences) = self.inferences.get_mut(&window.id) {
                    inferences.shrink_to_fit();
                }
                self.windows.push(*window);
            }
            Record::Inference(id, inference) => {
                self.check("inference", &id.variant)?;
                self.inferences.entry(id).or_default().push(*inference);
            }
            Record::Evaluation(evaluation) => {
                self.check("evaluation", &evaluation.variant)?;
                self.evaluations.push(*evaluation);
            }
            Record::Load(load) => {
                self.check("load", &load.variant)?;
                self.loads.push(load);
            }
            Record::Idle(idle) => self.idles.push(*idle),
            Record::Run(ended_at) => self.finished_at = Some(ended_at),
            Record::Variant => {}
        }

        Ok(())
    }

    /// A record belongs to a variant that the header names.
    fn check(&self, kind: &str, variant: &VariantId) -> Result<(), String> {
        if self.variants.contains(variant) {
            return Ok(());
        }

        let error: MappingError = crate::read_span::invalid(
            crate::attributes::VARIANT,
            &format!("is not in the run's header: {:?}", variant.as_str()),
        );
        Err(format!("{kind}: {error}"))
    }

    /// The whole run, and the ids of its spans. Inferences are put into their windows, windows that were cut off are
    /// closed, and all are sorted by time.
    pub(crate) fn finish(mut self, header: RunHeader) -> (RunRecord, HashSet<SpanId>, ReadNotes) {
        for window in &mut self.windows {
            window.inferences = self.inferences.remove(&window.id).unwrap_or_default();
        }

        let single = header.repetitions;
        let mut cut_off = Vec::new();
        for (id, inferences) in self.inferences {
            let again = window::remeasured(&id, &inferences, &self.windows, single);
            cut_off.push(window::interrupted(id, inferences, single, again));
        }
        self.windows.extend(cut_off);
        self.windows
            .sort_by(|a, b| (a.started_at, a.id.index, &a.id).cmp(&(b.started_at, b.id.index, &b.id)));

        let record = RunRecord {
            header,
            loads: self.loads,
            idles: self.idles,
            windows: self.windows,
            evaluations: self.evaluations,
            finished_at: self.finished_at,
        };
        (record, self.ids, self.notes)
    }
}
