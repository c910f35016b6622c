//! Chat templates: what llama.cpp's `/apply-template` gave, and what a hostile template cannot do.

use std::collections::BTreeMap;

use infercost_engine::chat_template::{ChatMessage, ChatTemplate, ChatTemplateError, plain};

use super::{golden, golden_file};

/// The template inside SmolLM2's GGUF file says the same, which the test with that file checks.
const SMOLLM2: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
    {{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}\
    {% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

fn variables(given: &serde_json::Value) -> BTreeMap<String, serde_json::Value> {
    given.as_object().unwrap().clone().into_iter().collect()
}

fn render(source: &str, messages: &[(&str, &str)]) -> Result<String, ChatTemplateError> {
    let messages: Vec<_> = messages.iter().map(|(role, content)| ChatMessage::new(*role, *content)).collect();
    let template = ChatTemplate::from_source(source)?;
    template.render(&messages, true, "<|im_start|>", "<|im_end|>")
}

#[test]
fn templates_render_as_in_llama_cpp() {
    let lines = golden("chat.jsonl");
    assert_eq!(lines.len(), 30);
    for line in &lines {
        let source = line["template"].as_str().unwrap_or(SMOLLM2);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let messages: Vec<(String, String)> = line["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| (text(&message["role"]), text(&message["content"])))
            .collect();
        let messages: Vec<(&str, &str)> = messages.iter().map(|(r, c)| (r.as_str(), c.as_str())).collect();
        let prompt = render(source, &messages).unwrap();
        assert_eq!(prompt, line["prompt"].as_str().unwrap(), "{}: {messages:?}", line["name"]);
    }
}

/// The templates of the supported families, against Jinja as transformers sets it up (`golden/templates/render.py`).
#[test]
fn templates_render_as_in_transformers() {
    let lines = golden("templates.jsonl");
    let (mut equal, mut refused) = (0, 0);

    for line in &lines {
        let name = line["template"].as_str().unwrap();
        let source = std::fs::read_to_string(golden_file("templates").join(name)).unwrap();
        let date = jiff::civil::date(2026, 7, 4).at(0, 0, 0, 0);
        let template = ChatTemplate::from_source(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        let template = template.with_date(date).with_variables(&variables(&line["variables"]));
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let messages: Vec<ChatMessage> = line["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| ChatMessage::new(text(&message["role"]), text(&message["content"])))
            .collect();
        let rendered = template.render(&messages, true, "<s>", "</s>");
        if let Some(reason) = line["refused"].as_str() {
            let error = rendered.unwrap_err().to_string();
            // A message shows the beginning of long words of a template.
            let start: String = reason.chars().take(40).collect();
            assert!(error.contains(&start), "{name}: {error}, not {reason}");
            refused += 1;
        } else {
            let rendered = rendered.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(
                rendered,
                line["prompt"].as_str().unwrap(),
                "{name} {} {messages:?}",
                line["variables"]
            );
            equal += 1;
        }
    }

    assert_eq!((equal, refused), (248, 12));
}

#[test]
fn variables_are_given_and_none_is_not_missing() {
    let render = |source: &str, variables: serde_json::Value| {
        let template = ChatTemplate::from_source(source).unwrap();
        let template = template.with_variables(&self::variables(&variables));
        template.render(&[ChatMessage::new("user", "x")], true, "B", "E").unwrap()
    };
    let nothing = serde_json::json!({});
    let source =
        "{{ tools is none and documents is none }} {{ tools is defined }} {{ enable_thinking is defined }}";
    assert_eq!(render(source, nothing.clone()), "True True False");
    assert_eq!(
        render("{{ enable_thinking is false }}", serde_json::json!({"enable_thinking": false})),
        "True"
    );
    assert_eq!(render("{{ tools | length }}", serde_json::json!({"tools": [1, 2]})), "2");
    assert_eq!(render("{{ bos_token }}{{ eos_token }}", serde_json::json!({"bos_token": "b"})), "bE");
    assert_eq!(render("{{ messages[0].content }}", serde_json::json!({"messages": []})), "x");
}

/// As transformers gives them: each by its name where the model has it, and not there at all where it has none.
#[test]
fn special_tokens_go_by_their_names() {
    use candle_core::quantized::gguf_file::Value as Gguf;

    let source = "{{ pad_token }}|{{ unk_token }}|{{ mask_token is defined }}|{{ bos_token }}";
    let tokens = ["<unk>", "a", "<pad>"].map(|text| Gguf::String(text.to_owned()));
    let metadata = [
        ("tokenizer.chat_template", Gguf::String(source.to_owned())),
        ("tokenizer.ggml.tokens", Gguf::Array(tokens.to_vec())),
        ("tokenizer.ggml.unknown_token_id", Gguf::U32(0)),
        ("tokenizer.ggml.padding_token_id", Gguf::U32(2)),
        ("tokenizer.ggml.mask_token_id", Gguf::U32(99)),
    ];
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let template = ChatTemplate::from_gguf(&metadata).unwrap().unwrap();
    assert_eq!(template.render(&[], false, "<s>", "").unwrap(), "<pad>|<unk>|False|<s>");

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("chat_template.jinja"), source).unwrap();
    let config = r#"{"pad_token":{"content":"<pad>"},"unk_token":"<unk>","mask_token":null}"#;
    std::fs::write(folder.path().join("tokenizer_config.json"), config).unwrap();
    let template = ChatTemplate::from_folder(folder.path()).unwrap().unwrap();
    assert_eq!(template.render(&[], false, "<s>", "").unwrap(), "<pad>|<unk>|False|<s>");
}

#[test]
fn folding_a_system_message_shows() {
    let refusing = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}\
        {{ m.role }}:{{ m.content }};{% endfor %}";
    let template = ChatTemplate::from_source(refusing).unwrap();
    let system = ChatMessage::new("system", "S");
    let user = ChatMessage::new("user", "U");
    let folded = template.render_noting(&[system.clone(), user.clone()], true, "", "").unwrap();
    assert_eq!((folded.text.as_str(), folded.system_folded), ("user:S\nU;", true));
    let given = template.render_noting(std::slice::from_ref(&user), true, "", "").unwrap();
    assert_eq!((given.text.as_str(), given.system_folded), ("user:U;", false));
    // A second system message has nowhere to go.
    let error = template.render_noting(&[system.clone(), user, system], true, "", "").unwrap_err();
    assert!(matches!(error, ChatTemplateError::Refused { ref message } if message == "no system"), "{error}");
}

#[test]
fn errors_name_the_problem() {
    let check = |source: &str, expected: &str| {
        let error = render(source, &[("user", "Hi")]).unwrap_err().to_string();
        assert!(error.contains(expected), "{source:?} gives {error:?}, not {expected:?}");
    };
    check("{% if %}", "malformed in line 1");
    check("a\n{{ x ", "malformed in line 2");
    check("{{ raise_exception('only \u{7}two roles') }}", r"refuses this conversation: only \u{7}two roles");
    check("\n\n{{ messages[0].content.nonsense() }}", "fails in line 3");
    check("{{ missing.field }}", "undefined");
    check("{{ strftime_now('%Y') }}", "today's date");
    check("{% include 'other' %}", "fails in line 1");
    check("{{ messages | nonsense }}", "nonsense");
}

#[test]
fn a_hostile_template_is_stopped() {
    for source in [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{{ 'a' * 99999999999 }}",
        "{{ ('a' * 1000000) | replace('a', 'b' * 100000) }}",
        "{{ [1] | tojson(indent=9999999999) }}",
        "{% set ns = namespace(s=[]) %}{% for i in range(500) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}",
        "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns ~ '' }}",
        "{% set ns = namespace() %}{%- set a, ns.a = 1, [{'b': ns}] -%}{{ ns == ns.a }}",
        "{% set ns = namespace() %}{% set ns.a | default(ns, true) %}{% endset %}{{ ns }}",
        "{% set ns = namespace(s=[]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s ~ '' }}",
    ] {
        let started = std::time::Instant::now();
        let result = render(source, &[("user", "Hi")]);
        assert!(result.is_err(), "{source:?} gives {:?}", result.map(|text| text.len()));
        assert!(started.elapsed().as_secs() < 20, "{source:?} took {:?}", started.elapsed());
    }

    // as deep as a template can say
    let deep = format!("{{% set x=[] %}}{}{{{{ x ~ '' }}}}", "{%set x=[x]%}".repeat(70_000));
    assert_eq!(render(&deep, &[("user", "Hi")]).unwrap().len(), 2 * 70_001);

    // beginnings without an end are looked at once
    let started = std::time::Instant::now();
    assert!(render(&"{%set a.b='".repeat(95_000), &[("user", "Hi")]).is_err());
    assert!(render(&format!("{}=1%}}", "{%set a.b".repeat(100_000)), &[("user", "Hi")]).is_err());
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());

    let long = "x".repeat((1 << 20) + 1);
    assert!(matches!(ChatTemplate::from_source(&long), Err(ChatTemplateError::TooLong { .. })));
}

#[test]
fn a_date_comes_only_from_outside() {
    let template = ChatTemplate::from_source("{{ strftime_now('%d %b %Y') }}").unwrap();
    let template = template.with_date(jiff::civil::date(2026, 7, 4).at(9, 30, 0, 0));
    assert_eq!(template.render(&[], false, "", "").unwrap(), "04 Jul 2026");
}

#[test]
fn without_a_template_contents_stand_alone() {
    let messages = [ChatMessage::new("system", "S"), ChatMessage::new("user", "U")];
    assert_eq!(plain(&messages), "S\n\nU");
    assert_eq!(plain(&[]), "");
}
