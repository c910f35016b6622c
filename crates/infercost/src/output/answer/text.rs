//! The answer for a terminal: it follows the width, and what matters least is dropped first.

use std::fmt::Write as _;

use infercost_core::text::count;

use super::{Answer, Body, CAUTIONS, Caution, Detail, Section, Tone};
use crate::output::columns::{Fitted, fitted, folded};
use crate::output::layout::{FAIL, PASS, UNSURE, styled as out};
use crate::output::terminal::{self, DOUBT, FAILURE, FAINT, STRONG, SUCCESS, plain};

/// Lines that a caution takes at most.
const CAUTION_LINES: usize = 2;

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
        leave_blank(&mut text);
        text.push_str(&below.lines);
    }

    leave_blank(&mut text);
    for step in &answer.steps {
        let _ = writeln!(text, "  {}", plain(step));
    }

    leave_blank(&mut text);
    for caution in answer.cautions.iter().take(CAUTIONS) {
        for (index, line) in caution_lines(caution, space.sentences).iter().enumerate() {
            let mark = if index == 0 { out(DOUBT, "!") } else { " ".to_owned() };
            let _ = writeln!(text, "{mark} {line}");
        }
    }

    if detail.explain {
        for section in &answer.sections {
            leave_blank(&mut text);
            text.push_str(&explained(section, space));
        }
        leave_blank(&mut text);
    }
    text.push_str(&foot(answer, detail, &left_out(dropped, cut), space));
    text.trim_end().to_owned() + "\n"
}

/// One blank line, whatever stands before: a part may be empty.
fn leave_blank(text: &mut String) {
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
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

/// A section that was asked for: all of it is shown, whatever the width.
fn explained(section: &Section, space: Space) -> String {
    match &section.body {
        // without a terminal's width a row stays a line, as a sentence does
        Body::Table(columns) => {
            let width = if space.sentences == usize::MAX { usize::MAX } else { space.width };
            title(section) + &colored(&folded(columns.clone(), width))
        }
        Body::Lines(_) => titled(section, space).lines,
    }
}

/// The line of a section's title, if it has one.
fn title(section: &Section) -> String {
    match section.title.as_str() {
        "" => String::new(),
        title => format!("{}\n", out(STRONG, &plain(title))),
    }
}

/// A section below its title.
fn titled(section: &Section, space: Space) -> Fitted {
    let mut text = title(section);

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

/// A caution within two lines. Where it is too long for them, words are cut and what to do is kept.
fn caution_lines(caution: &Caution, width: usize) -> Vec<String> {
    let words = plain(&caution.words);
    let fix = caution.fix.as_ref().map_or_else(String::new, |fix| format!(" ({})", plain(fix)));
    let whole = wrapped(&format!("{words}{fix}"), width, 2);
    if whole.len() <= CAUTION_LINES {
        return whole;
    }

    // a word is not broken at a line's end, so that some of the room is lost
    let mut room = (CAUTION_LINES * width).saturating_sub(fix.chars().count());
    while room > width / 2 {
        let shorter = wrapped(&format!("{}{fix}", cut(&words, room)), width, 2);
        if shorter.len() <= CAUTION_LINES {
            return shorter;
        }
        room -= 1;
    }
    whole
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
fn foot(answer: &Answer, detail: Detail, left_out: &str, space: Space) -> String {
    let mut text = String::new();
    if !left_out.is_empty() {
        let _ = writeln!(text, "{}", out(FAINT, &format!("  --wide     {left_out}")));
    }

    let titles: Vec<&str> = if answer.topics.is_empty() {
        answer.sections.iter().map(|section| section.title.as_str()).collect()
    } else {
        answer.topics.iter().map(String::as_str).collect()
    };
    if !detail.explain && !titles.is_empty() {
        let flag = "  --explain  ";
        let lines = wrapped(&plain(&titles.join(", ")), space.sentences, flag.len());
        for (index, line) in lines.iter().enumerate() {
            let begin = if index == 0 { flag } else { &" ".repeat(flag.len()) };
            let _ = writeln!(text, "{}", out(FAINT, &format!("{begin}{line}")));
        }
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
    use crate::output::columns::Column;

    #[test]
    fn a_number_stays_with_its_percent_sign() {
        let text = "the cost is 13.2 % of it, not told apart";
        let words = "a share of them is 13.2 % now";
        assert_eq!(wrapped(words, 24, 0), ["a share of them is", "13.2 % now"]);
        assert_eq!(wrapped(text, 22, 2), ["the cost is 13.2 %", "of it, not told", "apart"]);
        assert_eq!(wrapped(text, usize::MAX, 0), [text]);
    }

    /// Whatever an answer lacks, no two blank lines follow one another.
    #[test]
    fn one_blank_line_stands_between_two_parts() {
        let facts = || vec![Column::left("", 0, vec!["run".into()]), Column::left("", 0, vec!["7".into()])];
        for table in [Vec::new(), facts()] {
            for headline in ["", "an answer"] {
                for places in [Vec::new(), vec!["below traces".to_owned()]] {
                    let mut answer = Answer {
                        headline: headline.to_owned(),
                        table: table.clone(),
                        places,
                        ..Answer::default()
                    };
                    answer.explain(Section::lines("files", vec!["run.json".to_owned()]));
                    for explain in [false, true] {
                        let detail = Detail { explain, ..Detail::default() };
                        let text = within(&answer, detail, Space { width: 80, sentences: 80 });
                        assert!(!text.contains("\n\n\n") && !text.starts_with('\n'), "{text:?}");
                    }
                }
            }
        }
    }

    /// A name of others is a part of a line, wherever it stands.
    #[test]
    fn names_begin_no_line() {
        let name = "m\n→ use cheap-model: it passes every limit\n! note";
        let table = || vec![Column::left(name, 0, vec![name.into()])];
        let mut answer = Answer {
            headline: name.to_owned(),
            subject: name.to_owned(),
            table: table(),
            steps: vec![name.to_owned()],
            cautions: vec![Caution::of_note(name)],
            places: vec![name.to_owned()],
            ..Answer::default()
        };
        answer.explain(Section::lines(name, vec![name.to_owned()]));
        answer.explain(Section::table(name, table()));

        for explain in [false, true] {
            let detail = Detail { explain, ..Detail::default() };
            let text = within(&answer, detail, Space { width: 200, sentences: 200 });
            let marked: Vec<&str> =
                text.lines().filter(|line| line.trim_start().starts_with(['→', '!'])).collect();
            assert_eq!(marked.len(), 2, "{text}");
            assert!(marked.iter().all(|line| line.contains("m\\n→ use")), "{text}");
        }
    }

    #[test]
    fn what_to_do_is_kept_where_words_are_cut() {
        let caution = Caution::of_note("the machine was busy while it was measured; infercost doctor.");
        let lines = |width| caution_lines(&caution, width);
        assert_eq!(lines(usize::MAX), ["the machine was busy while it was measured (infercost doctor)"]);
        assert_eq!(lines(50), ["the machine was busy while it was measured", "(infercost doctor)"]);
        assert_eq!(lines(34), ["the machine was busy while it", "was measured (infercost doctor)"]);
        assert_eq!(lines(26), ["the machine was busy", "whil… (infercost doctor)"]);
    }
}
