#![expect(clippy::unwrap_used, reason = "a test may panic")]
use infercost_core::{PromptBody, Role};
use proptest::prelude::*;

use super::{Imported, parse};

fn read(file: &str, text: &str) -> Imported {
    parse("set", file, text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Each prompt as `id: role=content|… -> grader`.
fn outline(file: &str, text: &str) -> Vec<String> {
    let prompts = read(file, text).set.prompts;
    let line = |prompt: &infercost_core::Prompt| {
        let PromptBody::Chat(turns) = &prompt.body;
        let turns: Vec<String> =
            turns.iter().map(|turn| format!("{}={}", turn.role.name(), turn.content)).collect();
        let grader = prompt.grader.as_ref().map_or("none", |grader| grader.name());
        format!("{}: {} -> {grader}", prompt.id.as_str(), turns.join("|"))
    };
    prompts.iter().map(line).collect()
}

fn check_error(text: &str, wanted: &str) {
    let error = parse("set", "set.jsonl", text).unwrap_err().to_string();
    assert!(error.contains(wanted), "{text}: {error} lacks {wanted}");
}

#[test]
fn the_own_format() {
    let text = concat!(
        "{\"id\":\"1\",\"prompt\":\"2+2?\",\"grader\":\"number\",\"answer\":4,\"max_tokens\":8,\"tags\":[\"a\"]}\n",
        "{\"id\":\"2\",\"prompt\":\"x\",\"system\":\"s\",\"choices\":[\"y\",\"z\"],\"answer\":\"z\"}\n",
        "{\"id\":\"3\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
    );
    assert_eq!(
        outline("set.jsonl", text),
        ["1: user=2+2? -> number", "2: system=s|user=x -> choice", "3: user=hi -> none"]
    );
    let prompts = read("set.jsonl", text).set.prompts;
    assert_eq!((prompts[0].max_tokens, prompts[1].max_tokens), (8, crate::DEFAULT_MAX_TOKENS));
    assert_eq!(prompts[0].tags, ["a"]);
    assert!(read("set.jsonl", text).notes.is_empty());
}

#[test]
fn formats_that_people_have() {
    for (file, text, wanted) in [
        ("a.txt", "one\n\n two \n", &["1: user=one -> none", "3: user=two -> none"][..]),
        ("a.csv", "id,prompt,answer,grader\n7,\"a, b\",x,exact\n", &["7: user=a, b -> exact"]),
        ("a.tsv", "question\tanswer\nq\tx\n", &["1: user=q -> contains"]),
        ("a.csv", "prompt;choices;answer\nq;yes|no;no\n", &["1: user=q -> choice"]),
        ("-", "prompt,system\nq,s\n", &["1: system=s|user=q -> none"]),
        ("-", "plain, with a comma\n", &["1: user=plain, with a comma -> none"]),
        ("-", "{\"prompt\":\"q\"}", &["1: user=q -> none"]),
        ("a.txt", "[\"one\", \"two\"]", &["1: user=one -> none", "2: user=two -> none"]),
        (
            "a.json",
            "[{\"id\":3,\"prompt\":\"q\"},\n{\"prompt\":\"r\"}]",
            &["3: user=q -> none", "2: user=r -> none"],
        ),
        // OpenAI's chats, batches and fine-tuning files
        (
            "chat.jsonl",
            r#"{"messages":[{"role":"developer","content":"s"},{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":"Paris"}]}"#,
            &["1: system=s|user=q -> contains"],
        ),
        (
            "batch.jsonl",
            r#"{"custom_id":"r-1","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"q"}],"max_tokens":9}}"#,
            &["r-1: user=q -> none"],
        ),
        // ShareGPT
        (
            "sharegpt.json",
            r#"[{"id":"x_0","conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"},{"from":"human","value":"c"},{"from":"gpt","value":"d"}]}]"#,
            &["x_0: user=a|assistant=b|user=c -> contains"],
        ),
        // Alpaca, rows of data sets
        (
            "alpaca.json",
            r#"[{"instruction":"sum","input":"1 2","output":"3"}]"#,
            &["1: user=sum\n\n1 2 -> contains"],
        ),
        (
            "rows.json",
            r#"{"features":[],"rows":[{"row_idx":5,"row":{"question":"q","answer":"x\n#### 18"},"truncated_cells":[]}]}"#,
            &["5: user=q -> none"],
        ),
        (
            "squad.jsonl",
            r#"{"id":"s","question":"q","answers":{"text":["a"],"answer_start":[1]}}"#,
            &["s: user=q -> contains"],
        ),
        ("mmlu.jsonl", r#"{"question":"q","choices":["w","x"],"answer":1}"#, &["1: user=q -> choice"]),
        (
            "arc.jsonl",
            r#"{"question":"q","choices":{"text":["w","x"],"label":["A","B"]},"answerKey":"B"}"#,
            &["1: user=q -> choice"],
        ),
        (
            "trl.jsonl",
            r#"{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"x"}]}"#,
            &["1: user=q -> contains"],
        ),
        (
            "lists.json",
            r#"[[{"role":"user","content":"a"}],[{"role":"user","content":"b"}]]"#,
            &["1: user=a -> none", "2: user=b -> none"],
        ),
    ] {
        assert_eq!(outline(file, text), wanted, "{file}: {text}");
    }
}

#[test]
fn the_last_turn_of_the_assistant_is_the_reference() {
    let text = r#"{"messages":[{"role":"user","content":"capital of France?"},{"role":"assistant","content":"Paris"}],"grader":"exact"}"#;
    let prompt = read("a.jsonl", text).set.prompts.remove(0);
    let PromptBody::Chat(turns) = &prompt.body;
    assert_eq!(turns.iter().map(|turn| turn.role).collect::<Vec<_>>(), [Role::User]);
    let grader = prompt.grader.unwrap();
    assert!(grader.score("paris").score > 0.5 && grader.score("London").score < 0.5);
}

#[test]
fn what_was_taken_for_what_is_said() {
    let long = "word ".repeat(50);
    let text = format!(
        "{{\"question\":\"q\",\"answer\":\"x\",\"source\":\"web\"}}\n{{\"question\":\"r\",\"answer\":\"{long}\"}}\n"
    );
    let notes = read("a.jsonl", &text).notes.join("\n");
    for wanted in ["without a grader: 1 of 2 prompts", "not graded: 1 of 2 prompts", "not used: source"] {
        assert!(notes.contains(wanted), "{notes}");
    }
}

#[test]
fn broken_sets_name_file_line_and_reason() {
    check_error("", "set.jsonl: no prompts\nhint: a good line is {\"id\"");
    check_error("\n \n", "no prompts");
    check_error("{\"id\":\"a\",\"prompt\":\"x\"}\n{nope", "set.jsonl:2:2: key must be a string");
    check_error(
        "{\"id\":\"a\",\"prompt\":\"x\"},\n{\"id\":\"b\",\"prompt\":\"x\"}",
        "set.jsonl:1:24: a comma between",
    );
    check_error(r#"{"id":"a"}"#, "set.jsonl:1: `prompt` or `messages` is missing\nhint: a good line is");
    check_error("17", "set.jsonl:1: this is not a prompt");
    check_error(r#"{"id":"","prompt":"x"}"#, "`id`");
    check_error(r#"{"id":1.5,"prompt":"x"}"#, "`id` must be a text or a whole number");
    check_error(r#"{"id":"a","prompt":" "}"#, "empty");
    let long = "x ".repeat(5_000_000);
    check_error(
        &format!(r#"{{"id":"a","prompt":"{long}"}}"#),
        "set.jsonl:1: the prompt holds 10000000 bytes; at most",
    );
    check_error(r#"{"prompt":"x","messages":[]}"#, "not both");
    check_error(r#"{"id":"a","prompt":"x","grader":"exact"}"#, "needs an `answer`");
    check_error(r#"{"id":"a","prompt":"x","grader":"number","answer":"many"}"#, "must be a number");
    check_error(r#"{"id":"a","prompt":"x","grader":"choice","answer":"y"}"#, "needs `choices`");
    check_error(r#"{"id":"a","prompt":"x","choices":["y","z"],"answer":"w"}"#, "none of the `choices`");
    check_error(r#"{"id":"a","prompt":"x","choices":["y","z"],"answer":7}"#, "none of the `choices`");
    check_error(r#"{"id":"a","prompt":"x","max_tokens":0}"#, "at least 1");
    check_error(r#"{"id":"a","prompt":"x","max_tokens":-1}"#, "whole number of tokens");
    check_error(r#"{"id":"a","prompt":"x","promt":"x"}"#, "did you mean `prompt`?");
    check_error(r#"{"id":"a","prompt":"x","garder":"x"}"#, "did you mean `grader`?");
    check_error(r#"{"id":"a","prompt":"x","grader":"feeling"}"#, "there is no grader `feeling`");
    check_error(r#"{"messages":[{"role":"tool","content":"x"}]}"#, "message 1: turns of role `tool`");
    check_error(
        r#"{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#,
        "type `image_url` is not sent",
    );
    check_error(
        r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[]}]}"#,
        "message 2: calls of tools",
    );
    check_error(r#"{"messages":[{"role":"assistant","content":"x"}]}"#, "the prompt is empty");
    let twice = "{\"id\":\"a\",\"prompt\":\"x\"}\n\n{\"id\":\"a\",\"prompt\":\"y\"}";
    check_error(twice, "set.jsonl:3: id `a` stands already in line 1");
    let error = parse("t", "t.csv", "prompt,answer\nx,y,z\n").unwrap_err().to_string();

    assert!(error.contains("t.csv:2:1: 3 cells where the header names 2"), "{error}");
}

#[test]
fn control_characters_are_escaped() {
    check_error(
        "{\"id\":\"a\",\"prompt\":\"x\",\"choices\":[\"y\",\"z\"],\"answer\":\"\\u001b[31m\"}",
        "\\u{1b}",
    );
    check_error("{\"prompt\":\"x\",\"grader\":\"\\u202e\"}", "\\u{202e}");
}

proptest! {
    #[test]
    fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9 \n]{0,80}", ending in "jsonl|csv|txt|") {
        let _ = parse("set", &format!("f.{ending}"), &text);
    }
}
