//! The answer for a terminal: it follows the width, and what matters least is dropped first.

use std::fmt::Write as _;

use infercost_core::text::count;

use super::{Answer, Body, CAUTIONS, Caution, Detail, Section, Tone};
use crate::output::columns::{Fitted, fitted};
use crate::output::layout::{FAIL, PASS, UNSURE, styled as out};
use crate::output::terminal::{self, DOUBT, FAILURE, FAINT, STRONG, SUCCESS, plain};

/// The place that an answer has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Space {
    /// Columns of tables.
    pub(crate) width: usize,
    /// Columns of sentences; what goes to no terminal stays one line, for programs that search it.
    pub(crate) sentences: usize,
}

impl Space {
    /// That of standard output.
    fn of_terminal(detail: Detail) -> Self {
        let width = if detail.wide { usize::MAX } else { terminal::width() };
        Self { width, sentences: terminal::known_width().unwrap_or(usize::MAX) }
    }
}

/// The whole answer as text for standard output.
pub(super) fn render(answer: &Answer, detail: Detail) -> String {
    within(answer, detail, Space::of_terminal(detail))
}

/// The whole answer as text within some columns.
pub(crate) fn within(answer: &Answer, detail: Detail, space: Space) -> String {
    let Space { width, .. } = space;
    let mut text = head(answer, space);

    let Fitted { lines, mut dropped, mut cut } = fitted(answer.table.clone(), width);
    text.push_str(&colored(&lines));
    for section in &answer.more {
        let below = titled(section, space);
        dropped += below.dropped;
        cut |= below.cut;
        let _ = write!(text, "\n{}", below.lines);
    }

    if !answer.steps.is_empty() {
        text.push('\n');
    }
    for step in &answer.steps {
        let _ = writeln!(text, "  {}", plain(step));
    }

    text.push('\n');
    for caution in answer.cautions.iter().take(CAUTIONS) {
        let _ = writeln!(text, "{} {}", out(DOUBT, "!"), caution_line(caution, width));
    }

    if detail.explain {
        for section in &answer.sections {
            // what is asked for is shown whole
            let _ = write!(text, "\n{}", titled(section, Space { width: usize::MAX, ..space }).lines);
        }
        text.push('\n');
    }
    text.push_str(&foot(answer, detail, &left_out(dropped, cut), width));
    text.trim_end().to_owned() + "\n"
}

/// The answer, and what it is about.
fn head(answer: &Answer, space: Space) -> String {
    let mut text = String::new();

    if !answer.headline.is_empty() {
        let style = match answer.tone {
            Tone::Good => SUCCESS,
            Tone::Plain => STRONG,
            Tone::Doubt => DOUBT,
            Tone::Bad => FAILURE,
        };

        let mut lines = wrapped(&plain(&answer.headline), space.sentences, 2).into_iter();
        let first = lines.next().unwrap_or_default();
        let _ = writeln!(text, "{} {}", out(style, "→"), out(STRONG, &first));
        for line in lines {
            let _ = writeln!(text, "  {}", out(STRONG, &line));
        }
        text.push('\n');
    }

    if !answer.subject.is_empty() {
        for line in wrapped(&plain(&answer.subject), space.sentences, 0) {
            let _ = writeln!(text, "{}", out(FAINT, &line));
        }
        text.push('\n');
    }
    text
}

/// A section below its title.
fn titled(section: &Section, space: Space) -> Fitted {
    let mut text = String::new();
    if !section.title.is_empty() {
        let _ = writeln!(text, "{}", out(STRONG, &plain(&section.title)));
    }

    match &section.body {
        Body::Table(columns) => {
            let table = fitted(columns.clone(), space.width);
            text.push_str(&colored(&table.lines));
            Fitted { lines: text, ..table }
        }
        Body::Lines(lines) => {
            for line in lines {
                for (index, part) in wrapped(&plain(line), space.sentences, 4).iter().enumerate() {
                    let indent = if index == 0 { "  " } else { "    " };
                    let _ = writeln!(text, "{indent}{part}");
                }
            }
            Fitted { lines: text, dropped: 0, cut: false }
        }
    }
}

/// What `--wide` would show.
fn left_out(dropped: usize, cut: bool) -> String {
    match (dropped, cut) {
        (0, false) => String::new(),
        (0, true) => "all words".to_owned(),
        (dropped, false) => count(dropped as u64, "further column"),
        (dropped, true) => format!("{}, all words", count(dropped as u64, "further column")),
    }
}

/// A caution in one line. Where it is too long, words are cut and what to do is kept.
fn caution_line(caution: &Caution, width: usize) -> String {
    let width = width.saturating_sub(2);
    let words = plain(&caution.words);
    let fix = caution.fix.as_ref().map_or_else(String::new, |fix| format!(" ({})", plain(fix)));

    let room = width.saturating_sub(fix.chars().count());
    if room >= width / 2 { cut(&words, room) + &fix } else { cut(&format!("{words}{fix}"), width) }
}

/// At most so many characters; what was cut off is marked.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Words in lines that fit `width` behind an indent. A number stays with its percent sign.
fn wrapped(text: &str, width: usize, indent: usize) -> Vec<String> {
    let room = width.saturating_sub(indent).max(20);
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.replace(" %", "\u{a0}%").split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let taken = line.chars().count();
        if taken > 0 && taken + 1 + word.chars().count() > room {
            lines.push(word.to_owned());
            continue;
        }
        if taken > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }

    lines.iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

/// Where the rest is, and what it is about.
fn foot(answer: &Answer, detail: Detail, left_out: &str, width: usize) -> String {
    let mut lines = Vec::new();
    if !left_out.is_empty() {
        lines.push(format!("  --wide     {left_out}"));
    }

    let titles: Vec<&str> = if answer.topics.is_empty() {
        answer.sections.iter().map(|section| section.title.as_str()).collect()
    } else {
        answer.topics.iter().map(String::as_str).collect()
    };
    if !detail.explain && !titles.is_empty() {
        lines.push(format!("  --explain  {}", titles.join(", ")));
    }

    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{}", out(FAINT, &cut(&plain(&line), width)));
    }
    for place in &answer.places {
        let _ = writeln!(text, "{}", out(FAINT, &format!("  {}", plain(place))));
    }
    text
}

/// Colors verdicts and broken limits after the columns are laid out, so that color takes no width.
fn colored(table: &str) -> String {
    table
        .replace(&format!(" {PASS} "), &format!(" {} ", out(SUCCESS, PASS)))
        .replace(&format!(" {FAIL} "), &format!(" {} ", out(FAILURE, FAIL)))
        .replace(&format!(" {UNSURE} "), &format!(" {} ", out(DOUBT, UNSURE)))
        .replace("✗ ", &format!("{} ", out(FAILURE, "✗")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_with_its_percent_sign() {
        let text = "the cost is 13.2 % of it, not told apart";
        let words = "a share of them is 13.2 % now";
        assert_eq!(wrapped(words, 24, 0), ["a share of them is", "13.2 % now"]);
        assert_eq!(wrapped(text, 22, 2), ["the cost is 13.2 %", "of it, not told", "apart"]);
        assert_eq!(wrapped(text, usize::MAX, 0), [text]);
    }

    #[test]
    fn what_to_do_is_kept_where_words_are_cut() {
        let caution = Caution::of_note("the machine was busy while it was measured; infercost doctor.");
        assert_eq!(
            caution_line(&caution, 80),
            "the machine was busy while it was measured (infercost doctor)"
        );
        assert_eq!(caution_line(&caution, 50), "the machine was busy while i… (infercost doctor)");
        assert_eq!(caution_line(&caution, 30), "the machine was busy while…");
    }
}
