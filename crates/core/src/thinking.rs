//! Thinking: what a reasoning model writes before its answer. It is generated, billed and timed like any output, and
//! it is never graded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The thinking of one completed inference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thinking {
    /// Its text; `None` where a server hides it, or where content is kept out of the trace.
    pub text: Option<String>,
    /// Output tokens spent on it, part of the inference's output tokens; `None` where neither the server's count nor
    /// the stream tells.
    pub tokens: Option<u32>,
    /// True where only the server's count tells of it: it took time before the first token that came.
    pub is_hidden: bool,
    /// When the first token of the answer itself arrived, since the request was issued; `None` where the answer never
    /// began.
    pub first_answer: Option<Duration>,
}

/// How a model marks thinking inside its text.
struct Mark {
    open: &'static str,
    close: &'static str,
    /// The mark's ending alone tells that everything before it was thinking: chat templates of some models write the
    /// beginning into the prompt.
    opened_by_template: bool,
    /// The beginning is a common word, and a mark only where the ending follows.
    needs_close: bool,
}

impl Mark {
    const fn tag(open: &'static str, close: &'static str) -> Self {
        Self { open, close, opened_by_template: false, needs_close: false }
    }

    const fn of_template(open: &'static str, close: &'static str) -> Self {
        Self { open, close, opened_by_template: true, needs_close: false }
    }
}

/// The marks that published models use, in lower case.
const MARKS: [Mark; 15] = [
    // DeepSeek R1, Qwen 3, QwQ, GLM, MiniMax, Hunyuan, SmolLM 3, Nemotron, Phi 4 reasoning
    Mark::of_template("<think>", "</think>"),
    Mark::tag("<thinking>", "</thinking>"),
    // EXAONE Deep, Gemma fine-tunes
    Mark::tag("<thought>", "</thought>"),
    Mark::tag("<reasoning>", "</reasoning>"),
    // Magistral
    Mark::of_template("[think]", "[/think]"),
    // Seed-OSS
    Mark::of_template("<seed:think>", "</seed:think>"),
    // Kimi-VL
    Mark::of_template("◁think▷", "◁/think▷"),
    // Command A reasoning
    Mark::of_template("<|start_thinking|>", "<|end_thinking|>"),
    // OpenThinker, Sky-T1
    Mark::tag("<|begin_of_thought|>", "<|end_of_thought|>"),
    // gpt-oss, special tokens shown
    Mark::tag("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    // gpt-oss, special tokens left out
    Mark { needs_close: true, ..Mark::tag("analysis", "assistantfinal") },
    // MedGemma
    Mark::tag("<unused94>thought", "<unused95>"),
    // Gemma 4
    Mark::tag("<|channel>thought", "<channel|>"),
    // Granite 3.2
    Mark::tag("here is my thought process:", "here is my response:"),
    // Reflection
    Mark::tag("<reflection>", "</reflection>"),
];

/// What some models wrap the answer in, once they have thought.
const WRAPPERS: [(&str, &str); 4] = [
    ("<answer>", "</answer>"),
    ("<response>", "</response>"),
    ("<|start_response|>", "<|end_response|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
];

/// A text cut into thinking and answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitText<'a> {
    /// The thinking, marks left out, in order; empty where there is none.
    pub thinking: Vec<&'a str>,
    /// What is left: the answer. The whole text, unchanged, where there is no thinking.
    pub answer: &'a str,
    /// Where the answer's own text begins, in bytes; `None` where it never does.
    pub answer_from: Option<usize>,
}

impl SplitText<'_> {
    /// Pieces of thinking as one text; `None` where there is none.
    pub fn thinking_text(&self) -> Option<String> {
        (!self.thinking.is_empty()).then(|| self.thinking.join("\n"))
    }
}

/// True for the text of a token that begins or ends thinking in some published model. Such tokens are kept in an
/// answer's text although they are special, so that [`split`] finds them.
pub fn is_mark(token: &str) -> bool {
    let token = token.to_ascii_lowercase();
    let is_special = |text: &str| text.starts_with(['<', '[', '◁']);
    MARKS.iter().any(|mark| {
        (mark.open == token && is_special(mark.open)) || (mark.close == token && is_special(mark.close))
    })
}

/// True where a rendered prompt ends inside thinking: its chat template has written the beginning of the mark, and the
/// model goes on from there.
pub fn is_opened_by(rendered: &str) -> bool {
    let end = rendered.trim_end().to_ascii_lowercase();
    MARKS.iter().any(|mark| !mark.needs_close && end.ends_with(mark.open))
}

/// Cuts an answer's text into thinking and answer.
///
/// Thinking stands at the beginning, in one block or several, between one of the marks that published models use; a
/// block that is not closed reaches to the end. A closing mark alone makes everything before it thinking where chat
/// templates are known to write its opening. `opened` says that the prompt has done so (see [`is_opened_by`]): then a
/// text without any mark is thinking that was cut off.
pub fn split(text: &str, opened: bool) -> SplitText<'_> {
    // keeps every byte's place
    let lower = text.to_ascii_lowercase();
    let mut blocks = Blocks { text, lower: &lower, at: 0, thinking: Vec::new() };

    while blocks.take_marked() {}
    if blocks.thinking.is_empty() && !blocks.take_unopened() {
        if !opened || text.trim().is_empty() {
            return SplitText { thinking: Vec::new(), answer: text, answer_from: first_text(text, 0) };
        }
        return SplitText { thinking: vec![text.trim()], answer: "", answer_from: None };
    }
    // a model may go on thinking behind what its template opened
    while blocks.take_marked() {}
    blocks.answer()
}

/// The text from its beginning, as far as it was taken for thinking.
struct Blocks<'a, 'l> {
    text: &'a str,
    lower: &'l str,
    /// Everything before this is thinking, or white space between.
    at: usize,
    thinking: Vec<&'a str>,
}

impl<'a> Blocks<'a, '_> {
    /// Takes the block that begins here; false where none does.
    fn take_marked(&mut self) -> bool {
        let Some(rest) = self.lower.get(self.at..) else { return false };
        let begin = self.at + (rest.len() - rest.trim_start().len());
        let rest = rest.trim_start();

        let Some(mark) = MARKS
            .iter()
            .find(|mark| rest.starts_with(mark.open) && (!mark.needs_close || rest.contains(mark.close)))
        else {
            return false;
        };

        let from = begin + mark.open.len();
        let close = self.lower.get(from..).and_then(|rest| rest.find(mark.close)).map(|close| from + close);
        let to = close.unwrap_or(self.text.len());
        self.keep(from, to);
        self.at = close.map_or(self.text.len(), |close| close + mark.close.len());
        true
    }

    /// Takes everything before a closing mark whose opening stood in the prompt; false where there is none.
    fn take_unopened(&mut self) -> bool {
        let marks = MARKS.iter().filter(|mark| mark.opened_by_template);
        let found = marks.filter_map(|mark| Some((self.lower.find(mark.close)?, mark.close.len())));
        let Some((to, length)) = found.min() else { return false };
        self.keep(0, to);
        self.at = to + length;
        true
    }

    fn keep(&mut self, from: usize, to: usize) {
        // an empty block is a mark without thinking; it still shows that there is one
        self.thinking.push(self.text.get(from..to).unwrap_or_default().trim());
    }

    /// What is left.
    fn answer(self) -> SplitText<'a> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let from = self.at + (rest.len() - rest.trim_start().len());
        let (mut from, mut to) = (from, self.text.len());

        let lower = self.lower.get(from..).unwrap_or_default();
        if let Some((open, close)) = WRAPPERS.iter().find(|(open, _)| lower.starts_with(open)) {
            let wrapped = from + open.len();
            let inner = self.lower.get(wrapped..).unwrap_or_default();
            to = inner.rfind(close).map_or(to, |close| wrapped + close);
            from = wrapped + (inner.len() - inner.trim_start().len());
        }

        let answer = self.text.get(from..to.max(from)).unwrap_or_default();
        let answer = if to < self.text.len() { answer.trim_end() } else { answer };
        let answer_from = first_text(answer, from);
        SplitText { thinking: self.thinking, answer, answer_from }
    }
}

/// Where the first character that is not white space stands, `from` bytes into something longer.
fn first_text(text: &str, from: usize) -> Option<usize> {
    text.find(|character: char| !character.is_whitespace()).map(|place| from + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, thinking: &[&str], answer: &str) {
        let split = split(text, false);
        assert_eq!((split.thinking.as_slice(), split.answer), (thinking, answer), "{text}");
        let from = split.answer_from.map(|from| text.get(from..).unwrap_or_default());
        let begins = answer.trim_start();
        assert_eq!(from.is_some(), !begins.is_empty(), "{text}");
        assert!(from.is_none_or(|from| from.starts_with(begins)), "{text}: {from:?}");
    }

    #[test]
    fn thinking_is_cut_off_whatever_marks_it() {
        check("<think>\nLyon? No.\n</think>\n\nParis", &["Lyon? No."], "Paris");
        check("\n<THINK>a</Think> b ", &["a"], "b ");
        check("[THINK]a[/THINK]b", &["a"], "b");
        check("<seed:think>a</seed:think>b", &["a"], "b");
        check("◁think▷a◁/think▷b", &["a"], "b");
        check("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>", &["a"], "b");
        check(
            "<|begin_of_thought|>\na\n<|end_of_thought|>\n<|begin_of_solution|>\nb\n<|end_of_solution|>",
            &["a"],
            "b",
        );
        check(
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b",
            &["a<|end|><|start|>assistant"],
            "b",
        );
        check("analysisSay so.assistantfinalParis", &["Say so."], "Paris");
        check("<unused94>thought\na<unused95>b", &["a"], "b");
        check("Here is my thought process: a\nHere is my response: b", &["a"], "b");
        check("<think>a</think>\n<answer>b</answer>", &["a"], "b");
        check("<think>a</think><think>b</think>c", &["a", "b"], "c");
    }

    #[test]
    fn an_empty_block_is_a_mark_without_thinking() {
        check("<think>\n\n</think>\n\nParis", &[""], "Paris");
    }

    #[test]
    fn thinking_that_ends_the_text_leaves_no_answer() {
        check("<think>and so on and", &["and so on and"], "");
        check("<think>a</think>", &["a"], "");
        check("<think>a</think>\n \n", &["a"], "");
        check("<think>", &[""], "");
    }

    #[test]
    fn templates_open_the_mark() {
        check("Lyon? No.\n</think>\n\nParis", &["Lyon? No."], "Paris");
        assert_eq!(split("and so on and", true).answer_from, None);
        assert_eq!(split("and so on and", true).thinking, ["and so on and"]);
        assert_eq!(split("a</think>b", true).answer, "b");
        assert_eq!(split(" \n", true).thinking, [""; 0]);
        assert!(is_opened_by("<|im_start|>assistant\n<think>\n"));
        assert!(is_opened_by("[THINK]") && !is_opened_by("<think></think>") && !is_opened_by("analysis"));
    }

    #[test]
    fn text_about_marks_is_an_answer() {
        check("Paris", &[], "Paris");
        check(
            " Use the tag <thinking>, as in <thinking>x</thinking>.",
            &[],
            " Use the tag <thinking>, as in <thinking>x</thinking>.",
        );
        check("analysis of the text", &[], "analysis of the text");
        check("Write <answer>x</answer>", &[], "Write <answer>x</answer>");
        check("", &[], "");
    }

    #[test]
    fn marks_are_known_as_tokens() {
        assert!(is_mark("<think>") && is_mark("[/THINK]") && is_mark("<|END_THINKING|>"));
        assert!(!is_mark("analysis") && !is_mark("<|im_end|>") && !is_mark(""));
    }

    #[test]
    fn any_text_is_cut_without_losing_the_answer() {
        for text in
            ["<think>é</think>ü", "é◁think▷", "◁think▷é", "İ<think>x</think>y", "</think>", "</think>x"]
        {
            let split = split(text, false);
            assert!(text.ends_with(split.answer) || split.answer.is_empty(), "{text}: {split:?}");
        }
    }
}
