//! Made-up runs of any shape: one prompt, all failing, one block, all ties, huge and tiny times. Every number that the
//! report holds must be possible, and no claim may rest on an interval that does not bear it out.

use infercost_core::report::Report;
use infercost_core::*;
use proptest::prelude::*;
use serde_json::Value;

use crate::scenario::{later, prices, run_in_blocks};
use crate::{analyze, faster, full};

/// Fewest prompts on which a gate may be decided.
const FEWEST_PROMPTS: usize = 10;

/// What comes of one request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    Failed,
    Empty,
}

/// One request, as drawn.
#[derive(Debug, Clone, Copy)]
struct Draw {
    fate: Fate,
    /// Logarithm, to the base of ten, of what its times are multiplied by.
    scale: f64,
    score: f64,
    kld: f64,
}

/// A whole run, as drawn.
#[derive(Debug, Clone)]
struct Shape {
    prompts: usize,
    block: usize,
    variants: usize,
    metered: bool,
    graded: bool,
    /// True where everything is the same for all variants.
    tied: bool,
    draws: Vec<Draw>,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let fate = prop_oneof![
        6 => Just(Fate::Answered),
        1 => Just(Fate::Failed),
        1 => Just(Fate::Empty),
    ];
    let scale = prop_oneof![4 => -0.3_f64..0.3, 1 => -7.0_f64..5.0];
    let score = prop_oneof![Just(0.0), Just(1.0), 0.0_f64..=1.0];
    let kld = prop_oneof![3 => 0.0_f64..0.1, 1 => 0.0_f64..20.0];
    let draw =
        (fate, scale, score, kld).prop_map(|(fate, scale, score, kld)| Draw { fate, scale, score, kld });
    let all_fail = prop_oneof![5 => Just(false), 1 => Just(true)];

    (1_usize..=24, 1_usize..=8, 2_usize..=3, any::<[bool; 3]>(), all_fail, prop::collection::vec(draw, 72))
        .prop_map(|(prompts, block, variants, [metered, graded, tied], all_fail, mut draws)| {
            if all_fail {
                draws.iter_mut().skip(24).for_each(|draw| draw.fate = Fate::Failed);
            }
            Shape { prompts, block, variants, metered, graded, tied, draws }
        })
}

/// The run of a shape: the first variant is the baseline.
fn record(shape: &Shape) -> RunRecord {
    let behaviors = [full(), faster("q8_0", 1.0), faster("q4_0", 1.0)];
    let behaviors = &behaviors[..shape.variants];
    let mut record = run_in_blocks("r1", shape.prompts, shape.block, behaviors);
    let draw = |variant: &VariantId, prompt: &PromptId| {
        let row = behaviors.iter().position(|one| variant.variant_name() == one.name).unwrap();
        let place: usize = prompt.as_str().trim_start_matches('p').parse().unwrap();
        shape.draws[if shape.tied { place } else { row * 24 + place }]
    };

    for window in &mut record.windows {
        let mut clock = window.started_at;
        for inference in &mut window.inferences {
            apply(draw(&window.id.variant, &inference.prompt), inference);
            inference.issued_at = clock;
            clock += inference.outcome.latency();
        }
        window.wall_time = clock.duration_since(window.started_at).unwrap();
        if !shape.metered {
            window.energy = EnergyReading::Unavailable { reason: "no meter".into() };
        }
    }

    let failed = |variant: &VariantId, prompt: &PromptId| matches!(draw(variant, prompt).fate, Fate::Failed);
    record.evaluations.retain(|one| match one.result.kind() {
        EvaluationKind::Task => shape.graded,
        EvaluationKind::Divergence => !failed(&one.variant, &one.prompt),
    });
    for evaluation in &mut record.evaluations {
        let draw = draw(&evaluation.variant, &evaluation.prompt);
        match &mut evaluation.result {
            Evaluation::Task(task) => task.score = draw.score,
            Evaluation::Divergence(divergence) => {
                divergence.kld.fill(draw.kld);
                divergence.candidate_nll = Some(divergence.baseline_nll + 10.0 * draw.kld);
            }
            Evaluation::Impossible { .. } => {}
        }
    }
    record
}

fn apply(draw: Draw, inference: &mut InferenceRecord) {
    let factor = 10_f64.powf(draw.scale);
    let time = inference.outcome.latency().mul_f64(factor);

    match (draw.fate, &mut inference.outcome) {
        (Fate::Failed, outcome) => {
            let message = "too late".to_owned();
            *outcome = Outcome::Failed { kind: FailureKind::Timeout, message, latency: time };
        }
        (Fate::Empty, Outcome::Completed { output_tokens, arrivals, latency, .. }) => {
            *output_tokens = 0;
            *arrivals = ChunkArrivals::default();
            *latency = time;
        }
        (Fate::Answered, Outcome::Completed { arrivals, latency, .. }) => {
            *latency = time;
            *arrivals = later(arrivals, factor);
        }
        (_, Outcome::Failed { .. }) => {}
    }
}

/// What a field may be: least and greatest value, and whether its interval must say something as a ratio.
fn possible(field: &str) -> Option<(f64, f64, bool)> {
    Some(match field {
        "task_score" | "top1_agreement" | "failure_rate" => (0.0, 1.0, false),
        "task_score_difference" => (-1.0, 1.0, false),
        "saving" => (f64::NEG_INFINITY, 1.0, false),
        "kld_mean" | "kld_at_least" => (0.0, 50.0, false),
        "prefill_tokens_per_s"
        | "decode_tokens_per_s"
        | "per_inference_j"
        | "per_inference"
        | "per_correct"
        | "per_million_output_tokens"
        | "per_million_input_tokens"
        | "ppl_ratio" => (0.0, f64::INFINITY, true),
        "ttft_p50_s" | "ttft_p95_s" | "tpot_p50_s" | "tpot_p95_s" => (0.0, f64::INFINITY, false),
        _ => return None,
    })
}

/// Faults of all estimates below a JSON value.
fn faults(field: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let (Some(lower), Some(point), Some(upper)) = (
                object.get("lower").and_then(Value::as_f64),
                object.get("point").and_then(Value::as_f64),
                object.get("upper").and_then(Value::as_f64),
            ) {
                let ordered = lower <= point && point <= upper;
                let (least, greatest, is_ratio) = possible(field).unwrap_or((f64::MIN, f64::MAX, false));
                let inside = least <= lower && upper <= greatest;
                let says = !is_ratio || (lower * 10.0 >= point * 0.999_999 && upper <= point * 10.000_01);
                if !ordered || !inside || !says {
                    found.push(format!("{field}: {point} [{lower}, {upper}]"));
                }
            } else if object.contains_key("lower") && object.contains_key("point") {
                found.push(format!("{field} is not finite: {value}"));
            }
            object.iter().for_each(|(name, inner)| faults(name, inner, found));
        }
        Value::Array(array) => array.iter().for_each(|inner| faults(field, inner, found)),
        _ => {}
    }
}

/// Claims that their own intervals do not bear out.
fn unfounded(report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    for candidate in &report.candidates {
        let name = candidate.variant.variant_name();
        if candidate.quality.minimum_detectable_loss.is_some_and(|loss| !(loss > 0.0 && loss <= 1.0)) {
            found.push(format!("{name}: a loss of {:?}", candidate.quality.minimum_detectable_loss));
        }
        for gate in candidate.gates.iter().filter(|gate| gate.verdict != Verdict::Inconclusive) {
            if gate.measured.is_none_or(|measured| measured.n < FEWEST_PROMPTS) {
                found.push(format!("{name}: {:?} decided on {:?}", gate.gate, gate.measured));
            }
        }
        if candidate.answers == 0 && (candidate.saving.is_some() || candidate.cost.per_inference.is_some()) {
            found.push(format!("{name} answered nothing and costs {:?}", candidate.cost.per_inference));
        }
    }

    let rivals = report.candidates.iter().filter(|one| one.variant != report.baseline);
    let mut might_win = rivals
        .filter(|one| one.verdict != Verdict::Fail && one.saving.is_none_or(|saving| saving.upper >= 0.0));
    match &report.recommendation {
        Recommendation::Switch { saving, .. } if saving.lower <= 0.0 => {
            found.push(format!("a switch for {saving:?}"));
        }
        Recommendation::KeepBaseline { why, .. } if might_win.next().is_some() => {
            found.push(format!("keep the baseline, though a candidate might win: {why}"));
        }
        _ => {}
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_number_is_possible(shape in shapes()) {
        let report = analyze(&[record(&shape)], &prices()).unwrap();

        let mut found = Vec::new();
        faults("", &serde_json::to_value(&report).unwrap(), &mut found);
        prop_assert!(found.is_empty(), "{found:#?}");
        prop_assert_eq!(unfounded(&report), Vec::<String>::new());
    }
}
