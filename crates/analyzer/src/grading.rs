//! Graders: was an answer right?
//!
//! A grader never guesses in favor of an answer: what cannot be read is `unparsable`, what cannot be judged
//! is `failed`, and both score 0.

mod choice;
mod json_schema;
mod number;
mod text;

use infercost_core::prompt_set::GraderKind;
use infercost_core::{Grader, TaskScore};

pub use choice::{grade_choice, grade_choice_by_text};

/// Label of a right answer.
pub const CORRECT: &str = "correct";
/// Label of a wrong answer.
pub const INCORRECT: &str = "incorrect";
/// Label of an answer in which the grader found nothing to judge.
pub const UNPARSABLE: &str = "unparsable";
/// Label of an inference that gave no answer.
pub const FAILED: &str = "failed";

/// Judges an answer. [`Grader::Choice`] is judged by likelihoods with [`grade_choice`], and
/// [`Grader::None`] not at all: both come back as `failed` here.
pub fn grade(grader: &Grader, answer: &str) -> TaskScore {
    let label = match grader {
        Grader::Exact(wanted) => right(text::exact(wanted, answer)),
        Grader::Contains(wanted) => right(text::contains(wanted, answer)),
        Grader::Regex(pattern) => {
            text::compile(pattern).map_or(FAILED, |regex| right(regex.is_match(answer)))
        }
        Grader::Number(wanted) => {
            number::last(answer).map_or(UNPARSABLE, |found| right(number::equal(found, *wanted)))
        }
        Grader::JsonSchema(schema) => json_schema::extract(answer)
            .map_or(UNPARSABLE, |value| right(json_schema::accepts(schema, &value))),
        Grader::Choice { .. } | Grader::None => FAILED,
    };
    score(grader.kind(), label)
}

/// The score of an inference that failed: 0, labeled `failed`, never left out.
pub fn failed_score(grader: GraderKind) -> TaskScore {
    score(grader, FAILED)
}

/// Checks before a run that a grader can judge at all.
///
/// # Errors
/// One plain sentence: a pattern that does not compile or is too large, or a schema keyword that is not
/// understood and would silently be ignored.
pub fn validate_grader(grader: &Grader) -> Result<(), String> {
    match grader {
        Grader::Regex(pattern) => text::compile(pattern).map(|_| ()),
        Grader::JsonSchema(schema) => json_schema::validate(schema),
        Grader::Number(wanted) if !wanted.is_finite() => Err("the number to find is not finite".into()),
        Grader::Choice { choices, right } if *right >= choices.len() => {
            Err("the right choice is none of the choices".into())
        }
        _ => Ok(()),
    }
}

fn right(right: bool) -> &'static str {
    if right { CORRECT } else { INCORRECT }
}

fn score(grader: GraderKind, label: &str) -> TaskScore {
    TaskScore {
        grader,
        score: if label == CORRECT { 1.0 } else { 0.0 },
        label: label.to_owned(),
        choices: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(grader: &Grader, answer: &str, label: &str) {
        let score = grade(grader, answer);
        assert_eq!(score.label, label, "{grader:?} on {answer:?}");
        assert_eq!(score.score > 0.5, label == CORRECT);
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn exact() {
        let paris = Grader::Exact(texts(&["Paris"]));
        for answer in ["Paris", " paris.\n", "PARIS .", "\u{2003}paris"] {
            check(&paris, answer, CORRECT);
        }
        for answer in ["Paris, France", "", "Par is", "Paris..", "."] {
            check(&paris, answer, INCORRECT);
        }
        check(&Grader::Exact(texts(&["no", "U.S."])), "u.s.", CORRECT);
        check(&Grader::Exact(texts(&["STRASSE"])), "strasse", CORRECT);
    }

    #[test]
    fn contains() {
        let cat = Grader::Contains(texts(&["cat"]));
        for answer in ["A cat.", "CAT", "dog-cat", "concat cat", "(cat)"] {
            check(&cat, answer, CORRECT);
        }
        for answer in ["concatenate", "cats", "", "c at", "écat"] {
            check(&cat, answer, INCORRECT);
        }
        check(&Grader::Contains(texts(&["C++"])), "I like C++11 and C++", CORRECT);
        check(&Grader::Contains(texts(&["20 %"])), "about 20 %!", CORRECT);
    }

    #[test]
    fn regex() {
        let year = Grader::Regex(r"\b19\d\d\b".into());
        check(&year, "in 1969,", CORRECT);
        check(&year, "in 21969", INCORRECT);
        check(&Grader::Regex("(".into()), "(", FAILED);
    }

    #[test]
    fn number() {
        let check_number = |wanted: f64, answer: &str, label| check(&Grader::Number(wanted), answer, label);
        check_number(42.0, "42", CORRECT);
        check_number(42.0, "The answer is 41 + 1 = 42.", CORRECT);
        check_number(1234.5, "It costs $1,234.50 in all", CORRECT);
        check_number(1_234_567.0, "1,234,567kg", CORRECT);
        check_number(-3.0, "x = -3", CORRECT);
        check_number(-3.0, "x = \u{2212}3", CORRECT);
        check_number(7.0, "5-7", CORRECT);
        check_number(0.5, "about .5", CORRECT);
        check_number(3.0, "1,2,3", CORRECT);
        check_number(2500.0, "2.5e3 m", CORRECT);
        check_number(20.0, "20%", CORRECT);
        check_number(12.0, "12,", CORRECT);
        check_number(1.0 / 3.0, "0.33333333", CORRECT);
        check_number(42.0, "42 or 43", INCORRECT);
        check_number(1.0 / 3.0, "0.333", INCORRECT);
        check_number(3.0, "-3", INCORRECT);
        check_number(42.0, "forty-two", UNPARSABLE);
        check_number(42.0, "", UNPARSABLE);
        check_number(42.0, &"9".repeat(400), UNPARSABLE);
    }

    #[test]
    fn json_schema() {
        let schema = Grader::JsonSchema(json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
                "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
                "kind": {"const": "person"}
            },
            "required": ["name", "age"],
            "additionalProperties": false
        }));
        check(&schema, r#"{"name":"Ada","age":36}"#, CORRECT);
        check(
            &schema,
            "Here:\n```json\n{\"name\":\"Ada\",\"age\":36.0,\"tags\":[\"a\"]}\n```\nDone.",
            CORRECT,
        );
        check(&schema, r#"{"name":"Ada","age":36,"kind":"person"}"#, CORRECT);
        for answer in [
            r#"{"name":"Ada"}"#,
            r#"{"name":1,"age":36}"#,
            r#"{"name":"Ada","age":36.5}"#,
            r#"{"name":"Ada","age":-1}"#,
            r#"{"name":"Ada","age":151}"#,
            r#"{"name":"Ada","age":36,"tags":["c"]}"#,
            r#"{"name":"Ada","age":36,"kind":"dog"}"#,
            r#"{"name":"Ada","age":36,"more":1}"#,
            "[]",
        ] {
            check(&schema, answer, INCORRECT);
        }
        for answer in ["", "name: Ada", "{\"name\":", "```json\n```"] {
            check(&schema, answer, UNPARSABLE);
        }
        check(&schema, &"[".repeat(10_000), UNPARSABLE);
    }

    #[test]
    fn broken_graders_are_found_before_a_run() {
        let broken = [
            Grader::Regex("(".into()),
            Grader::Regex("((a{1,1000}){1,1000}){1,1000}".into()),
            Grader::Number(f64::NAN),
            Grader::Choice { choices: texts(&["a", "b"]), right: 2 },
            Grader::JsonSchema(json!({"type": "objekt"})),
            Grader::JsonSchema(json!({"pattern": "x"})),
            Grader::JsonSchema(json!({"properties": {"a": {"type": 3}}})),
            Grader::JsonSchema(json!({"required": "a"})),
            Grader::JsonSchema(json!({"minimum": "0"})),
            Grader::JsonSchema(json!({"enum": []})),
            Grader::JsonSchema(json!({"items": 3})),
        ];
        for grader in broken {
            assert!(validate_grader(&grader).is_err(), "{grader:?}");
        }
        let sound = [
            Grader::Regex("a+".into()),
            Grader::Number(1.0),
            Grader::None,
            Grader::JsonSchema(json!({"type": ["object", "null"], "title": "t", "items": true})),
        ];
        for grader in sound {
            assert_eq!(validate_grader(&grader), Ok(()), "{grader:?}");
        }
    }

    #[test]
    fn a_failure_scores_nothing() {
        let score = failed_score(GraderKind::Exact);
        assert_eq!((score.score.to_bits(), score.label.as_str()), (0, FAILED));
    }
}
