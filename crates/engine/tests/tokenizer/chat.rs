//! Chat templates: what llama.cpp's `/apply-template` gave, and what a hostile template cannot do.

use std::collections::BTreeMap;

use infercost_engine::chat_template::{ChatMessage, ChatTemplate, ChatTemplateError, plain};

use super::{bounded, golden, golden_file};

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
    if bounded("chat::a_hostile_template_is_stopped") {
        return;
    }

    for source in [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{{ 'a' * 99999999999 }}",
        "{{ ('a' * 1000000) | replace('a', 'b' * 100000) }}",
        "{{ ('a' * 1000000).replace('a', 'b' * 100000) }}",
        "{{ [1] | tojson(indent=9999999999) }}",
        "{% set ns = namespace(s=[]) %}{% for i in range(500) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}",
        "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns ~ '' }}",
        "{% set ns = namespace() %}{%- set a, ns.a = 1, [{'b': ns}] -%}{{ ns == ns.a }}",
        "{% set ns = namespace() %}{% set ns.a | default(ns, true) %}{% endset %}{{ ns }}",
        "{% set ns = namespace(s=[]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s ~ '' }}",
        // widths and precisions
        "{{ '{:>99999999999999}'.format('x') }}",
        "{{ '{:>9999999999999999999}'.format('x') }}",
        "{{ '{:.99999999f}'.format(1) }}",
        "{{ '{:>{w}}'.format('x', w=99999999999999) }}",
        "{{ '%99999999999999s' | format('x') }}",
        "{{ '%(a)-99999999.99999999f' | format(a=1) }}",
        // fields that repeat a long text
        "{% set s = 'a' * 1000000 %}{{ ('{0}' * 100000).format(s) | length }}",
        "{% set s = 'a' * 1000000 %}{{ ('{a[0]}' * 100000).format(a=[s]) | length }}",
        "{% set s = 'a' * 1000000 %}{{ ('%s' * 100000) | format(s) | length }}",
        "{% set s = 'a' * 1000000 %}{{ ('%(a)s' * 100000) | format({'a': s}) | length }}",
        // lists that cost nothing until they are written
        "{% set s = 'a' * 1000000 %}{% set l = [s] * 10000 %}{{ ''.join(l) | length }}",
        "{% set s = 'a' * 1000000 %}{% set l = [s] * 10000 %}{{ l | join | length }}",
        "{% set s = 'a' * 1000000 %}{% set l = [{'a': s}] * 10000 %}{{ l | join('', attribute='a') | length }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ l }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ (l ~ '') | length }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ l in 'abcd' * 8000000 }}{{ l in 'abcd' * 8000000 }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ l | string | length }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ l | upper | length }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ l | pprint | length }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ l | tojson | length }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ 'a' | replace('a', l) | length }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ [l] | map('lower') | list | length }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ l is startingwith 'a' }}",
        "{{ ([1] * 99999) ~ '' }}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ raise_exception(l) }}",
        "{% set l = ([x] * 99999) | list %}{% for i in range(99) %}{{ l.count(1) }}{% endfor %}",
        "{% set s = 'b' %}{% set l = [s] * 99999 %}{% for i in range(99) %}{{ 'a'.startswith(l) }}{% endfor %}",
        "{% set l = [x] * 99999 %}{% set ns = namespace(a=1) %}{% for i in range(99) %}{% set ns.a = l %}{% endfor %}",
        "{% set l = ['a' * 1000000] * 99999 %}{% autoescape true %}{{ l }}{% endautoescape %}",
        "{% set l = ['a' * 1000000] * 99999 %}{{ cycler(l) }}",
        "{% set l = ['x', x] * 9999 %}{% include l %}",
        // two levels, which no list of its own length shows
        "{% set ns = namespace(s=['a' * 1000]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s ~ '' }}",
        "{% set ns = namespace(s=['a' * 1000]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ '{}'.format(ns.s) }}",
        // parts
        "{% set s = ',' * 20000000 %}{{ s.split(',') | length }}",
        "{% set s = ',' * 20000000 %}{{ s.rsplit(',') | length }}",
        "{% set s = 'a ' * 10000000 %}{{ s.split() | length }}",
        "{% set s = '\n' * 20000000 %}{{ s.splitlines() | length }}{{ s | lines | length }}",
        "{% set s = 'a' * 1000000 %}{{ ([s] * 1000000) | sum(start='') | length }}",
        "{% set s = (1,) * 100000 %}{{ ([s] * 1000000) | sum(start=()) | length }}",
        "{% set s = 'a' * 1000000 %}{{ ([{'a': s}] * 100000) | sort(attribute='a,a') | length }}",
    ] {
        let started = std::time::Instant::now();
        let result = render(source, &[("user", "Hi")]);
        assert!(result.is_err(), "{source:?} gives {:?}", result.map(|text| text.len()));
        assert!(started.elapsed().as_secs() < 20, "{source:?} took {:?}", started.elapsed());
    }

    // what asks for little gets it
    for (source, expected) in [
        ("{{ '{:>5}|{name}|{0.a[1]}|{{}}'.format({'a': [1, 2]}, name='n') }}", "{'a': [1, 2]}|n|2|{}"),
        ("{{ '{:>5}|{:.2f}|{:03}'.format('x', 1.5, 7) }}", "    x|1.50|007"),
        ("{{ '%5s|%(a)s' | replace('%5s', 'b') | format(a=[1]) }}", "b|[1]"),
        ("{{ '%5s|%d' | format('x', 3) }}", "    x|3"),
        (
            "{{ 'a,b'.split(',') }}{{ 'a b c'.rsplit(' ', 1) }}{{ 'a\nb'.splitlines(true) }}",
            r"['a', 'b']['a b', 'c']['a\n', 'b']",
        ),
        (
            "{{ ', '.join([1, 'b', [2]]) }}{{ [{'a': 1}, {'a': 2}] | join('+', attribute='a') }}",
            "1, b, [2]1+2",
        ),
        (
            "{{ [1, 2] ~ none ~ 1.5 ~ x ~ true }}{{ 1 in [1] }}{{ 2 not in [1] }}{{ 'a' in 'ab' }}",
            "[1, 2]None1.5TrueTrueTrueTrue",
        ),
        (
            "{{ [1] | upper }}{{ 'aa'.replace('a', 'b', 1) }}{{ 'aa'.replace('a', 'c') }}{{ 'aXa' | replace('a', 'b', 1) }}{{ 'a\nb' | indent(2, true) }}",
            "[1]baccbXa  a\n  b",
        ),
        (
            "{{ [1, 2] | sum }}{{ [[1], [2]] | sum(start=[]) }}{{ 'ab'.startswith(('x', 'a')) }}{{ [1, 1].count(1) }}",
            "3[1, 2]True2",
        ),
        (
            "{{ [{'a': 2, 'b': 1}, {'a': 1, 'b': 2}] | sort(attribute='a,b') | map(attribute='a') | list }}",
            "[1, 2]",
        ),
        ("{{ '\\u0001\"é' | tojson }}{{ [1] * 3 }}", r#""\u0001\"é"[1, 1, 1]"#),
        ("{% include 'x' ignore missing %}{{ 'x' is in ['x'] }}{{ 'ab' is startingwith 'a' }}", "TrueTrue"),
    ] {
        assert_eq!(
            render(source, &[("user", "Hi")]).map_err(|error| error.to_string()),
            Ok(expected.to_owned()),
            "{source}"
        );
    }

    // as deep as a template can say
    let deep = format!("{{% set x=[] %}}{}{{{{ x ~ '' }}}}", "{%set x=[x]%}".repeat(70_000));
    assert_eq!(render(&deep, &[("user", "Hi")]).unwrap().len(), 2 * 70_001);

    // an expression that nests more deeply than any stack holds
    for link in ["+a", "-1", "~a", " in a", "|e", "[0]", ".a", "()", " if a"] {
        let started = std::time::Instant::now();
        let error = render(&format!("{{{{ a{} }}}}", link.repeat(1_000_000 / link.len())), &[("user", "Hi")]);
        assert!(matches!(error, Err(ChatTemplateError::Malformed { .. })), "{link:?}: {error:?}");
        assert!(started.elapsed().as_secs() < 5, "{link:?} took {:?}", started.elapsed());
    }

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
