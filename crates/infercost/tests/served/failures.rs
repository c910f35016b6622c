//! What servers do wrong, and what of it reaches the disk.

use std::fs;

use candle_core::quantized::GgmlDType;
use infercost_openai_mock::{Asked, Fault, Reply, StandIn, StreamScript};
use serde_json::Value;

use super::{alone, bench, serving, texts_below, url};
use crate::program::{infercost, json, run};
use crate::run_on_disk::{only_run, spans};
use crate::tiny;

#[test]
fn faults_are_counted_by_kind_and_the_run_is_on_disk() {
    let _alone = alone();
    let folder = bench();
    let prompts: String = (0..8)
        .map(|index| format!("{{\"id\":\"p{index}\",\"prompt\":\"fault {index}.\",\"max_tokens\":16}}\n"))
        .collect();
    fs::write(folder.path().join("faults.jsonl"), prompts).unwrap();
    let broken = |fault| StreamScript { fault: Some((2, fault)), ..StreamScript::default() }.reply();
    let replies = [
        ("fault 1.", broken(Fault::Reset), "connection"),
        ("fault 2.", broken(Fault::HalfJson), "protocol"),
        ("fault 3.", broken(Fault::Stall), "timeout"),
        ("fault 4.", Reply::error(400, &[], r#"{"error":{"message":"no such model"}}"#), "status"),
        ("fault 5.", Reply::whole(200, "text/html", &[], "<html>it works</html>"), "protocol"),
        ("fault 6.", broken(Fault::ErrorObject), "status"),
    ];

    let script: Vec<(&str, Reply)> =
        replies.iter().map(|(asked, reply, _)| (*asked, reply.clone())).collect();
    let server = serving(move |asked| {
        let found = script.iter().find(|(text, _)| asked.body.contains(text));
        found.map_or_else(|| StreamScript::default().reply(), |(_, reply)| reply.clone())
    });
    let url = url(&server);
    let arguments = [
        "compare",
        &url,
        "--prompts",
        "faults.jsonl",
        "--warm-ups",
        "0",
        "--request-timeout",
        "2s",
        "--json",
    ];

    let report = json(&run(folder.path(), &arguments));
    let candidate = &report["candidates"][0];
    assert_eq!((&candidate["inferences"], &candidate["failures"]), (&8.into(), &6.into()), "{candidate:#}");

    for kind in ["connection", "protocol", "timeout", "status"] {
        let expected = replies.iter().filter(|(.., of)| *of == kind).count();
        assert_eq!(candidate["failure_kinds"][kind], expected, "{kind}: {candidate:#}");
    }
    assert_eq!(spans(&only_run(folder.path()), "inference").len(), 8);
}

/// Servers that repeat what they were asked, or what they had answered, in each of their errors.
#[test]
fn errors_that_repeat_prompts_do_not_reach_the_disk_without_content() {
    let _alone = alone();
    let prompts: String = (0..5)
        .map(|index| format!("{{\"id\":\"p{index}\",\"prompt\":\"marmot {index}.\",\"max_tokens\":16}}\n"))
        .collect();
    let echo = |asked: &Asked<'_>| format!(r#"{{"error":{{"message":{}}}}}"#, Value::from(asked.body));
    let serve = move || {
        let none = Reply::not_found();
        StandIn::start(move |asked| match asked.path {
            "/v1/models" => Reply::json(r#"{"object":"list","data":[{"id":"m","owned_by":"vllm"}]}"#),
            "/v1/chat/completions" if asked.body.contains("marmot 1.") => {
                Reply::error(400, &[], &echo(asked))
            }
            "/v1/chat/completions" if asked.body.contains("marmot 2.") => {
                Reply::whole(200, "text/event-stream", &[], &format!("data: {}\n\n", echo(asked)))
            }
            "/v1/chat/completions" if asked.body.contains("marmot 3.") => {
                let event = r#"data: {"choices":"the marmot said"}"#;
                Reply::whole(200, "text/event-stream", &[], &format!("{event}\n\n"))
            }
            "/v1/chat/completions" => StreamScript::default().reply(),
            "/tokenize" => Reply::json(r#"{"tokens":[1,2]}"#),
            // what scores are asked from
            "/v1/completions" => Reply::error(400, &[], &echo(asked)),
            _ => none.clone(),
        })
        .unwrap()
    };

    for (flags, is_kept) in
        [(&[][..], true), (&["--no-content"][..], false), (&["--redact", "marmot"], false)]
    {
        let folder = bench();
        fs::write(folder.path().join("echo.jsonl"), &prompts).unwrap();
        tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
        let server = serve();
        let url = url(&server);
        let mut arguments = vec!["record", "some.gguf", &url, "--prompts", "echo.jsonl", "--warm-ups", "0"];
        arguments.extend(flags);
        let output = infercost(folder.path(), &arguments).env("INFERCOST_LOG", "debug").output().unwrap();
        let run = only_run(folder.path());
        let failures =
            spans(&run, "inference").iter().filter(|(span, _)| span["status"]["code"] == 2).count();
        assert_eq!(failures, 3, "{}", String::from_utf8_lossy(&output.stderr));
        let impossible: Vec<String> = spans(&run, "evaluation")
            .iter()
            .map(|(_, one)| one["gen_ai.evaluation.explanation"]["stringValue"].to_string())
            .filter(|reason| reason.contains("do not echo"))
            .collect();
        assert_eq!(impossible.len(), 5, "what infercost says of it stays");
        let texts = texts_below(&run);
        let said: Vec<_> = texts.iter().filter(|(_, text)| text.contains("marmot")).collect();
        // the pattern of --redact is part of the command line that a run repeats
        let said = said.iter().filter(|(path, _)| is_kept || flags.len() < 2 || !path.ends_with("run.json"));
        assert_eq!(said.count() > 0, is_kept, "{flags:?}");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(is_kept || !log.contains("marmot"), "{log}");
    }
}

#[test]
fn a_server_that_dies_leaves_a_run_that_says_so() {
    let _alone = alone();
    let folder = bench();
    let server = serving(|asked| {
        // the trial and the warm-ups come first
        let fault = (asked.number > 6).then_some((1, Fault::Die));
        StreamScript { fault, ..StreamScript::default() }.reply()
    });

    let url = url(&server);
    let arguments = [
        "compare",
        &url,
        "--prompts",
        "mine.jsonl",
        "--repetitions",
        "2",
        "--concurrency",
        "2,4",
        "--duration",
        "1s",
        "--request-timeout",
        "2s",
        "--json",
    ];

    let report = json(&run(folder.path(), &arguments));
    let candidate = &report["candidates"][0];
    assert_eq!(candidate["inferences"], 6, "{candidate:#}");
    assert!(candidate["failure_kinds"]["connection"].as_u64().is_some_and(|n| n >= 1), "{candidate:#}");
    let points = candidate["operating_points"].as_array().unwrap();
    assert_eq!(points.len(), 1, "a dead server was driven on: {points:#?}");
    assert!(points[0]["requests_per_s"].is_null() && points[0]["failures"].as_u64().unwrap() > 0);
}
