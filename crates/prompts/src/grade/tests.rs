#![expect(clippy::unwrap_used, reason = "a test may panic")]
use infercost_core::Judgment::{Correct, Incorrect, Unparsable};
use infercost_core::{Judgment, SharedGrader};
use serde_json::{Value, json};

use super::{GRADERS, Key, grader};

fn made(name: &str, answer: &Value) -> SharedGrader {
    grader(name, &Key { answer: Some(answer), choices: None }).unwrap()
}

fn check(name: &str, wanted: &Value, right: &[&str], wrong: &[&str]) {
    let grader = made(name, wanted);
    for answer in right {
        assert_eq!(grader.judge(answer), Correct, "{name} {wanted} on {answer:?}");
    }
    for answer in wrong {
        assert_eq!(grader.judge(answer), Incorrect, "{name} {wanted} on {answer:?}");
    }
}

#[test]
fn names_are_distinct_and_their_own() {
    let names: std::collections::BTreeSet<&str> = GRADERS.iter().map(|grader| grader.name).collect();
    assert_eq!(names.len(), GRADERS.len());
    assert_eq!(made("exact", &json!("x")).name(), "exact");
}

#[test]
fn exact() {
    let paris = ["Paris", " paris.\n", "PARIS .", "\u{2003}paris", "ｐａｒｉｓ", "Pa\u{ad}ris"];
    check("exact", &json!("Paris"), &paris, &["Paris, France", "", "Par is", "Paris..", "."]);
    check("exact", &json!(["no", "U.S."]), &["u.s."], &["us"]);
    check("exact", &json!("STRASSE"), &["strasse", "Straße"], &[]);
    check("exact", &json!("東京"), &["東京。", "東京"], &["東京都"]);
    check("exact", &json!("42"), &["４２", "٤٢", "४२।"], &["4２0", "4²"]);
    check("exact", &json!("café"), &["cafe\u{301}"], &["cafe"]);
    check("exact", &json!("👍"), &["👍"], &["👍🏽", "👎"]);
}

#[test]
fn contains() {
    check(
        "contains",
        &json!("cat"),
        &["A cat.", "CAT", "dog-cat", "concat cat", "(cat)", "cat\u{200b}"],
        &["concatenate", "cats", "", "c at", "écat", "cat\u{301}"],
    );
    check("contains", &json!("C++"), &["I like C++11 and C++"], &["C"]);
    check("contains", &json!("20 %"), &["about 20 %!", "20\u{a0}%"], &["120 %", "1.20 %"]);
    check("contains", &json!("5"), &["5.", "is 5, or", "5月", "第5", "3,5"], &["15", "2.5", "5,000", "5.25"]);
    check("contains", &json!("000"), &["code 000"], &["1,000", "1.000"]);
}

#[test]
fn contains_in_scripts_without_spaces() {
    check("contains", &json!("東京"), &["日本の首都は東京です。", "東京都"], &["京都", "東 京"]);
    check("contains", &json!("巴黎"), &["法国的首都是巴黎市。"], &["巴西"]);
    check("contains", &json!("서울"), &["대한민국의 수도는 서울입니다."], &["부산"]);
    check("contains", &json!("กรุงเทพ"), &["เมืองหลวงคือกรุงเทพมหานคร"], &["เชียงใหม่"]);
    check("contains", &json!("GPU"), &["このGPUは速い", "ＧＰＵです"], &["GPUs"]);
    check("contains", &json!("ガイド"), &["これはｶﾞｲﾄﾞです"], &["カイド"]);
    // A vowel sign that follows belongs to the letter.
    check("contains", &json!("กรุ"), &["กรุ"], &["กรุ่น"]);
}

#[test]
fn contains_from_right_to_left() {
    check("contains", &json!("القاهرة"), &["عاصمة مصر هي القاهرة.", "بالقاهرة", "والقاهِرة"], &["القاهرةية"]);
    check("contains", &json!("ירושלים"), &["\u{200f}בירושלים", "ירושלים."], &["ירושלימה"]);
    check("contains", &json!("سلام"), &["قال: سلام"], &["استسلام"]);
    check("contains", &json!("می\u{200c}خواهم"), &["من می\u{200c}خواهم", "میخواهم"], &["نمی\u{200c}خواهم"]);
}

#[test]
fn contains_emoji_whole() {
    check("contains", &json!("👩"), &["it is 👩!"], &["👩\u{200d}💻", "👩🏽"]);
    check("contains", &json!("👩\u{200d}💻"), &["👩\u{200d}💻 works"], &["👩💻"]);
    check("contains", &json!("🇩🇪"), &["🇫🇷🇩🇪"], &["🇦🇩🇪🇸"]);
    check("contains", &json!("❤"), &["I ❤\u{fe0f} it"], &["💔"]);
}

#[test]
fn regex() {
    check("regex", &json!(r"\b19\d\d\b"), &["in 1969,"], &["in 21969"]);
    check("regex", &json!("^caf\u{e9}$"), &["cafe\u{301}", "café"], &["cafe"]);
}

#[test]
fn number() {
    fn check_number(wanted: f64, answer: &str, judgment: Judgment) {
        assert_eq!(made("number", &json!(wanted)).judge(answer), judgment, "{wanted} in {answer:?}");
    }

    for (wanted, answer) in [
        (42.0, "42"),
        (42.0, "The answer is 41 + 1 = 42."),
        (1234.5, "It costs $1,234.50 in all"),
        (1_234_567.0, "1,234,567kg"),
        (-3.0, "x = -3"),
        (-3.0, "x = \u{2212}3"),
        (-3.0, "(\u{2013}3)"),
        (7.0, "5-7"),
        (0.5, "about .5"),
        (3.0, "1,2,3"),
        (2500.0, "2.5e3 m"),
        (0.0025, "2.5E-3"),
        (20.0, "20%"),
        (12.0, "12,"),
        (1.0 / 3.0, "0.33333333"),
        (1234.56, "1.234,56 €"),
        (1234.56, "1 234,56"),
        (1234.56, "1\u{202f}234,56"),
        (1234.56, "1'234.56"),
        (1_234_567.0, "1.234.567"),
        (1_234_567.0, "12,34,567"),
        (1_000_000.0, "1_000_000"),
        (3.5, "3,5"),
        (0.125, "0,125"),
        (1234.0, "1.234"),
        (1.234, "1.234"),
        (5.0, "1, 5"),
        (100.0, "in 2024 100"),
        (42.0, "答えは４２です"),
        (-1234.5, "－１，２３４．５"),
        (42.0, "الجواب ٤٢"),
        (3.25, "٣٫٢٥"),
        (1234.0, "١٬٢٣٤"),
        (42.0, "४२"),
        (42.0, "\u{200f}42\u{200e}"),
        (-5.0, "-\u{200e}5"),
        (120_000.0, "約12万人"),
        (120_000_000.0, "1億2000万円"),
        (35_000.0, "3.5만"),
        (5.0, "5 m²"),
    ] {
        check_number(wanted, answer, Correct);
    }

    for (wanted, answer) in [
        (42.0, "42 or 43"),
        (1.0 / 3.0, "0.333"),
        (3.0, "-3"),
        (12.0, "12万"),
        (1.0, "1,2"),
        (2024.0, "2024-01-05"),
        (5125.0, "0,5125"),
        (102.0, "10²"),
        (1.5, "1.5.2"),
        (500.0, "0.500"),
    ] {
        check_number(wanted, answer, Incorrect);
    }

    for answer in ["forty-two", "", "²", &"9".repeat(400)] {
        check_number(42.0, answer, Unparsable);
    }
}

/// An answer of a megabyte that never ends a number is read at once, and no deeper than a number can be.
#[test]
fn numbers_without_an_end() {
    let grader = made("number", &json!(1));
    for piece in ["1万", "1億2万", "111 ", "1,2.", "1e9", "٫1", "-1'"] {
        let answer = piece.repeat((1 << 20) / piece.len());
        let began = std::time::Instant::now();
        let _ = grader.judge(&answer);
        assert!(began.elapsed().as_secs() < 20, "{piece}: {:?}", began.elapsed());
    }
}

#[test]
fn json_schema() {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
            "kind": {"const": "person"}
        },
        "required": ["name", "age"],
        "additionalProperties": false
    });

    let right = [
        r#"{"name":"Ada","age":36}"#,
        "Here:\n```json\n{\"name\":\"Ada\",\"age\":36.0,\"tags\":[\"a\"]}\n```\nDone.",
        r#"{"name":"Ada","age":36,"kind":"person"}"#,
    ];
    let wrong = [
        r#"{"name":"Ada"}"#,
        r#"{"name":1,"age":36}"#,
        r#"{"name":"Ada","age":36.5}"#,
        r#"{"name":"Ada","age":-1}"#,
        r#"{"name":"Ada","age":151}"#,
        r#"{"name":"Ada","age":36,"tags":["c"]}"#,
        r#"{"name":"Ada","age":36,"kind":"dog"}"#,
        r#"{"name":"Ada","age":36,"more":1}"#,
        "[]",
    ];
    check("json_schema", &schema, &right, &wrong);

    for answer in ["", "name: Ada", "{\"name\":", "```json\n```", &"[".repeat(10_000)] {
        assert_eq!(made("json_schema", &schema).judge(answer), Unparsable, "{answer:.20}");
    }
    check(
        "json_schema",
        &json!({"type": ["object", "null"], "title": "t", "items": true}),
        &["null"],
        &["1"],
    );
}

#[test]
fn graders_that_cannot_judge_are_refused() {
    for (name, answer, wanted) in [
        ("regex", json!("("), "not a regular expression"),
        ("regex", json!("((a{1,1000}){1,1000}){1,1000}"), "bytes compiled"),
        ("number", json!("many"), "must be a number"),
        ("contains", json!("\u{200b}"), "nothing that can be looked for"),
        ("contains", json!([]), "empty list"),
        ("exact", json!({"a": 1}), "non-empty text"),
        ("feeling", json!("x"), "there is no grader `feeling`; use exact, contains, regex"),
        ("choice", json!("x"), "needs `choices`"),
        ("json_schema", json!("x"), "an object"),
        ("json_schema", json!({"type": "objekt"}), "`type` must be"),
        ("json_schema", json!({"pattern": "x"}), "`pattern` is not understood"),
        ("json_schema", json!({"properties": {"a": {"type": 3}}}), "`type` must be"),
        ("json_schema", json!({"required": "a"}), "a list of names"),
        ("json_schema", json!({"minimum": "0"}), "a number"),
        ("json_schema", json!({"enum": []}), "at least one value"),
        ("json_schema", json!({"items": 3}), "a JSON schema is"),
    ] {
        let error = grader(name, &Key { answer: Some(&answer), choices: None }).unwrap_err();
        assert!(error.contains(wanted), "{name} {answer}: {error}");
    }
    assert!(grader("exact", &Key::default()).unwrap_err().contains("needs an `answer`"));
}
