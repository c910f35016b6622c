//! What a sprint writes down, a line of JSON each, and is continued from.
//!
//! A line holds what was measured and no decision: costs follow from it with the prices of the sprint's header, and
//! decisions from the costs, so that a sprint that was killed comes to the same point again.

use std::collections::BTreeMap;

use infercost_core::EnergySource;
use serde::{Deserialize, Serialize};

use crate::answers::AnswerMark;
use crate::failure::Failure;
use crate::setting::Setting;
use crate::step::{Phase, Quality};

/// Version of the format.
pub const SPRINT_SCHEMA: &str = "infercost.sprint/1";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "line")]
pub enum Line {
    /// A setting was measured.
    Visit(Box<VisitLine>),
    /// A setting's quality was judged.
    Quality(QualityLine),
    /// The sprint was given more time, when it went on.
    Budget(BudgetLine),
    /// Measurements have fewer requests from here on, so that the budget holds them.
    Requests(RequestsLine),
}

/// A measurement of one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VisitLine {
    /// What for.
    pub phase: Phase,
    /// Round or pair, from 1.
    pub round: u32,
    /// The setting as it differs from the present one; `None` for the present one.
    pub setting: Option<Setting>,
    /// Seconds into the sprint when it began.
    pub at_s: f64,
    /// Seconds that it took, starting and stopping included.
    pub took_s: f64,
    /// What it showed.
    pub shown: Shown,
}

/// What a measurement showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// The work was done.
    Measured(Box<Measured>),
    /// It could not be.
    Failed(Failure),
}

/// What the work of one visit took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// Seconds until the model was there.
    pub start_s: f64,
    /// Seconds from the first request to the last answer.
    pub wall_s: f64,
    /// Of those, seconds with a request in flight.
    pub busy_s: f64,
    /// Seconds of requests in flight, summed over requests.
    pub in_flight_s: f64,
    /// Requests that were answered with at least one token.
    pub answers: u64,
    /// Requests that were not.
    pub failures: u64,
    /// The same by kind.
    pub failure_kinds: BTreeMap<String, u64>,
    /// Prompt tokens of the answers; `None` where one's are unknown.
    pub input_tokens: Option<u64>,
    /// Of those, from a prefix cache; `None` where unknown.
    pub cached_tokens: Option<u64>,
    /// Output tokens of the answers.
    pub output_tokens: u64,
    /// Joules between the first request and the last answer; `None` where there are none.
    pub joules: Option<f64>,
    /// What they rest on.
    pub energy_source: EnergySource,
    /// Seconds before the first token, summed over answers; 0 of one whose thinking is hidden, which was decode for the most part.
    pub ttft_s: f64,
    /// Seconds behind it, summed over answers.
    pub decode_s: f64,
    /// Seconds before the first token of one request alone; `None` where requests do not overlap.
    pub lone_ttft_s: Option<f64>,
    /// Time to first token, in seconds: 50th and 90th percentile.
    pub ttft: Option<(f64, f64)>,
    /// Time per output token, in seconds: the same.
    pub tpot: Option<(f64, f64)>,
    /// Answers that kept the latency targets; `None` without targets.
    pub within_targets: Option<u64>,
    /// Bytes of weights that one decoded token reads; `None` where the engine does not tell.
    pub weight_bytes_per_token: Option<u64>,
    /// True where infercost itself, or another program, set the pace.
    pub disturbed: bool,
    /// The first answer to each prompt.
    pub marks: Vec<AnswerMark>,
}

/// What the judging of a setting came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityLine {
    /// The setting as it differs from the present one.
    pub setting: Setting,
    /// Seconds into the sprint when it began.
    pub at_s: f64,
    /// Seconds that it took.
    pub took_s: f64,
    /// The run that shows it; `None` where equal answers do.
    pub run: Option<String>,
    /// What it came to.
    #[serde(flatten)]
    pub quality: Quality,
}

/// More time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BudgetLine {
    /// Seconds into the sprint when it was given.
    pub at_s: f64,
    /// Seconds that the sprint may take from now on, its beginning included.
    pub budget_s: f64,
}

/// Fewer requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RequestsLine {
    /// Seconds into the sprint when the first measurement began, which counts no more.
    pub at_s: f64,
    /// Seconds that it took.
    pub took_s: f64,
    /// Requests of each measurement from here on.
    pub requests: usize,
}

impl Line {
    /// Seconds into the sprint when it began.
    pub fn began_s(&self) -> f64 {
        match self {
            Self::Visit(line) => line.at_s,
            Self::Quality(line) => line.at_s,
            Self::Budget(line) => line.at_s,
            Self::Requests(line) => line.at_s,
        }
    }

    /// Seconds into the sprint when it ended.
    pub fn ended_s(&self) -> f64 {
        match self {
            Self::Visit(line) => line.at_s + line.took_s,
            Self::Quality(line) => line.at_s + line.took_s,
            Self::Budget(line) => line.at_s,
            Self::Requests(line) => line.at_s + line.took_s,
        }
    }
}

/// Reads the lines of a journal. A last line that is cut off, as a kill leaves it, is left out.
///
/// # Errors
/// The number of the line that is none, and why.
pub fn read(text: &str) -> Result<Vec<Line>, (usize, String)> {
    let mut lines = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let Some(whole) = line.strip_suffix('\n') else { break };
        let read = serde_json::from_str(whole).map_err(|error| (index + 1, error.to_string()))?;
        lines.push(read);
    }
    Ok(lines)
}

/// A line as it is written, with its end.
pub fn written(line: &Line) -> String {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    fn lines() -> Vec<Line> {
        let measured = Measured {
            wall_s: 0.1 + 0.2,
            answers: 3,
            marks: vec![AnswerMark { prompt: "p".into(), sha256: "00".into(), score: Some(1.0) }],
            ..Measured::default()
        };
        let visit = |shown| {
            Line::Visit(Box::new(VisitLine {
                phase: Phase::Race,
                round: 1,
                setting: Some(Setting::default().with("np", "4")),
                at_s: 1.5,
                took_s: 2.0,
                shown,
            }))
        };
        let quality = Line::Quality(QualityLine {
            setting: Setting::default().with("np", "4"),
            at_s: 3.5,
            took_s: 1.0,
            run: None,
            quality: Quality::Proven { prompts: 3 },
        });
        let failed = Shown::Failed(Failure::of_start("invalid argument"));
        vec![visit(Shown::Measured(Box::new(measured))), visit(failed), quality]
    }

    #[test]
    fn what_is_written_comes_back_bit_for_bit() {
        let text: String = lines().iter().map(written).collect();
        assert_eq!(read(&text).unwrap(), lines());
        assert_eq!(lines().last().map(Line::ended_s), Some(4.5));
    }

    #[test]
    fn a_cut_line_is_left_out_and_a_damaged_one_is_named() {
        let text: String = lines().iter().map(written).collect();
        for cut in 1..60 {
            let kept = &text[..text.len() - cut];
            assert!(read(kept).unwrap().len() < 3);
        }
        let damaged = text.replacen("\"round\":1", "\"round\":-1", 1);
        assert_eq!(read(&damaged).unwrap_err().0, 1);
    }
}
