//! What a report says of servers that keep things to themselves.

use infercost_core::manifest::Provenance;
use infercost_core::report::Report;
use infercost_core::*;

use crate::analyze;
use crate::load::{add_load, ms, steady};
use crate::scenario::{Behavior, prices, run};

/// `full` in process and `m` behind a server.
fn served(m: Behavior, change: impl Fn(&mut RunRecord)) -> Report {
    let mut record = run("r1", 20, &[Behavior::named("full"), m]);
    record.header.variants[1].provenance = Provenance::Served { url: "http://127.0.0.1:8080/v1".into() };
    change(&mut record);
    analyze(&[record], &prices()).unwrap()
}

/// The notes that name the server.
fn said(report: &Report) -> Vec<&str> {
    report
        .notes
        .iter()
        .map(String::as_str)
        .filter(|note| note.contains("m ") || note.contains(" m"))
        .collect()
}

#[track_caller]
fn check_says(report: &Report, wanted: &str) {
    assert!(
        report.notes.iter().any(|note| note.contains(wanted)),
        "{wanted:?} is not in {:#?}",
        said(report)
    );
}

#[test]
fn prompt_tokens_that_nobody_counts_are_unknown() {
    let report = served(Behavior { input_tokens: |_| None, ..Behavior::named("m") }, |_| {});
    check_says(&report, "m did not report the prompt tokens of 20 of 20 answers");
    let candidate = &report.candidates[1];
    assert_eq!(candidate.input_tokens, None);
    let reason = Reason::TokensNotReported { without: 20, answers: 20 };
    assert_eq!(candidate.unknown.get("input_tokens"), Some(&reason));
    assert!(candidate.prefill_tokens_per_s.is_none());
    assert_eq!(candidate.unknown.get("per_million_input_tokens"), Some(&reason));
    assert_eq!(report.candidates[0].input_tokens, Some(600));

    let some = |i: usize| (i > 0).then_some(30);
    let report = served(Behavior { input_tokens: some, ..Behavior::named("m") }, |_| {});
    check_says(&report, "m did not report the prompt tokens of 1 of 20 answers");
    assert_eq!(report.candidates[1].input_tokens, None);

    // what failed has no prompt tokens that count, and needs no word
    let some = |i: usize| (i > 4).then_some(30);
    let report = served(Behavior { input_tokens: some, fails: |i| i <= 4, ..Behavior::named("m") }, |_| {});
    assert!(!report.notes.iter().any(|note| note.contains("prompt tokens")), "{:#?}", report.notes);
    assert_eq!(report.candidates[1].input_tokens, Some(450));
}

#[test]
fn hidden_thinking_is_no_prefill() {
    // 180 of 200 tokens were thought before the first one that came, 2 s after the request; 20 more came within 1.9 s
    let thinks = |record: &mut RunRecord| {
        for window in record.windows.iter_mut().filter(|window| window.id.variant.as_str() == "tiny/m") {
            for inference in &mut window.inferences {
                inference.outcome = Outcome::Completed {
                    text: Some("42".into()),
                    finish: FinishReason::Stop,
                    output_tokens: 200,
                    thinking: Some(Box::new(Thinking {
                        tokens: Some(180),
                        is_hidden: true,
                        first_answer: Some(ms(2000)),
                        ..Thinking::default()
                    })),
                    arrivals: vec![ChunkArrival { at: ms(2000), tokens: 20 }].into(),
                    latency: ms(3900),
                };
            }
        }
    };
    let report = served(Behavior::named("m"), thinks);
    let m = &report.candidates[1];

    assert!(m.prefill_tokens_per_s.is_none());
    assert_eq!(m.unknown.get("prefill_tokens_per_s"), Some(&Reason::HiddenThinking));
    let decode = m.decode_tokens_per_s.as_ref().unwrap();
    assert!((decode.point - 10.0).abs() < 1e-9, "{decode:?}");
    assert!((m.tpot_s.as_ref().unwrap().p50 - 0.1).abs() < 1e-9);
    assert!(report.candidates[0].prefill_tokens_per_s.is_some());
}

/// Has every answer of the server say that so many prompt tokens came from its cache.
fn cached(record: &mut RunRecord, tokens: Option<u32>) {
    for window in record.windows.iter_mut().filter(|window| window.id.variant.as_str() == "tiny/m") {
        for inference in &mut window.inferences {
            inference.cached_input_tokens = tokens;
        }
    }
}

#[test]
fn what_a_prompt_cache_may_have_done_is_said() {
    let none = "does not tell what it takes from a prompt cache";
    let m = || Behavior::named("m");
    check_says(&served(m(), |_| {}), "asked more than once (in warm-ups) may look faster");
    let loaded = |record: &mut RunRecord| {
        record.header.repetitions = 2;
        add_load(record, "tiny/m", 2, ms(100), steady());
    };
    let report = served(m(), loaded);
    check_says(&report, "asked more than once (in warm-ups, in repetitions, under load)");
    assert_eq!(
        report.candidates[1].operating_points[0].unknown.get("cached_share"),
        Some(&Reason::CacheNotReported { served: true })
    );
    let said = served(m(), |record| cached(record, Some(6)));
    check_says(&said, "20 % of the prompt tokens of m came from a prompt cache in single requests");

    // nothing to say: it told of none, was asked to leave it, or was asked nothing twice
    let quiet: [&dyn Fn(&mut RunRecord); 3] = [
        &|record| cached(record, Some(0)),
        &|record| {
            record.header.variants[1].engine.habits =
                Some(ServedHabits { cache_off: true, ..ServedHabits::default() })
        },
        &|record| record.header.warm_ups = 0,
    ];

    for change in quiet {
        let report = served(m(), change);
        assert!(!report.notes.iter().any(|note| note.contains(none)), "{:#?}", report.notes);
        assert!(!report.notes.iter().any(|note| note.contains("prompt cache")), "{:#?}", report.notes);
    }
}

#[test]
fn how_tokens_were_counted_is_said_where_it_is_in_doubt() {
    let m = || Behavior::named("m");
    let facts = |counted_by, count_mismatch| {
        move |record: &mut RunRecord| {
            let windows = record.windows.iter_mut().filter(|window| window.id.variant.as_str() == "tiny/m");
            for inference in windows.flat_map(|window| &mut window.inferences) {
                let facts = ServedFacts { counted_by, count_mismatch, ..ServedFacts::default() };
                inference.served = Some(Box::new(facts));
            }
        }
    };
    check_says(&served(m(), facts(TokenCount::Chunks, false)), "m sent no `usage` with 20 of 20 answers");
    check_says(&served(m(), facts(TokenCount::Usage, true)), "m sent several tokens in a chunk");
    let quiet = served(m(), facts(TokenCount::Usage, false));
    for word in ["usage", "chunk", "tokenizer"] {
        assert!(!quiet.notes.iter().any(|note| note.contains(word)), "{:#?}", quiet.notes);
    }
    let ends = |record: &mut RunRecord| {
        let windows = record.windows.iter_mut().filter(|window| window.id.variant.as_str() == "tiny/m");
        for (index, inference) in windows.flat_map(|window| &mut window.inferences).take(3).enumerate() {
            let end = if index == 0 { OtherEnd::ContentFilter } else { OtherEnd::ToolCall };
            inference.served = Some(Box::new(ServedFacts { other_end: Some(end), ..ServedFacts::default() }));
        }
    };
    check_says(
        &served(m(), ends),
        "Of 20 answers of m, 2 ended in the call of a tool and 1 ended in its content filter: they are graded by the text that",
    );

    let claims = |fault| {
        move |record: &mut RunRecord| {
            let windows = record.windows.iter_mut().filter(|window| window.id.variant.as_str() == "tiny/m");
            for inference in windows.flat_map(|window| &mut window.inferences).take(3) {
                let facts = ServedFacts { usage_faults: vec![fault], ..ServedFacts::default() };
                inference.served = Some(Box::new(facts));
            }
        }
    };
    let impossible = served(m(), claims(UsageFault::OutputBeyondLimit { claimed: 4_294_967_295 }));
    check_says(
        &impossible,
        "m claimed token counts that cannot be in 3 of 20 answers, such as 4294967295 output",
    );
    assert!(!impossible.notes.iter().any(|note| note.contains("sent no `usage`")), "{:#?}", impossible.notes);
    let outside = served(m(), claims(UsageFault::ThinkingOutsideCompletion { added: 317 }));
    check_says(&outside, "in 3 of 20 answers: 951 reasoning tokens were added");
    let total = served(m(), claims(UsageFault::TotalDoesNotAddUp { difference: 500 }));
    check_says(&total, "m's total tokens are not the sum");

    let trial = |counted_and_tokenized| {
        move |record: &mut RunRecord| {
            let trial = ServedTrial {
                sends_usage: true,
                count_mismatch: false,
                counted_and_tokenized,
                tells_cached: true,
            };
            record.header.variants[1].engine.habits =
                Some(ServedHabits { cache_off: true, trial: Some(trial), ..ServedHabits::default() });
        }
    };
    for (found, is_said) in [
        (None, false),
        (Some((9, 9)), false),
        (Some((10, 9)), false),
        (Some((16, 9)), true),
        (Some((3, 9)), true),
    ] {
        let report = served(m(), trial(found));
        let said = report.notes.iter().any(|note| note.contains("its own tokenizer finds 9"));
        assert_eq!(said, is_said, "{found:?}");
    }
}

#[test]
fn parameters_that_were_refused_are_said() {
    let report = served(Behavior::named("m"), |record| {
        let replaced = vec![
            ParameterChange {
                refused: "max_tokens".to_owned(),
                replacement: Some("max_completion_tokens".to_owned()),
            },
            ParameterChange { refused: "temperature".to_owned(), replacement: None },
        ];
        record.header.variants[1].engine.habits = Some(ServedHabits { replaced, ..ServedHabits::default() });
    });
    check_says(
        &report,
        "m refuses parameters by name: `max_tokens` (`max_completion_tokens` is sent instead)",
    );
    check_says(&report, "Without `temperature` it draws tokens as it likes");
}

#[test]
fn a_limit_that_thinking_used_up_names_max_tokens() {
    let report = served(Behavior::named("m"), |record| {
        let windows = record.windows.iter_mut().filter(|window| window.id.variant.as_str() == "tiny/m");
        for (index, inference) in windows.flat_map(|window| &mut window.inferences).enumerate() {
            let Outcome::Completed { thinking, finish, output_tokens, .. } = &mut inference.outcome else {
                continue;
            };
            let first_answer = (index >= 4).then(|| std::time::Duration::from_millis(10));
            *finish = if index >= 4 { FinishReason::Stop } else { FinishReason::Length };
            let tokens = Some(*output_tokens);
            *thinking = Some(Box::new(Thinking { tokens, first_answer, ..Thinking::default() }));
            inference.max_tokens = 64;
        }
    });
    check_says(&report, "m thought before 20 of 20 answers: 100 % of the output tokens are thinking");
    check_says(&report, "4 of 20 answers of m never began: thinking used up max_tokens (64)");
}
