//! The answer for pull requests and issues.

use std::fmt::Write as _;

use super::{Answer, Body, CAUTIONS, Detail, Section};
use crate::output::columns::{Column, rows};
use crate::output::terminal::plain;

/// The answer as Markdown, with all columns.
pub(super) fn render(answer: &Answer, detail: Detail) -> String {
    let mut text = String::new();
    if !answer.headline.is_empty() {
        let _ = writeln!(text, "**{}**\n", escaped(&answer.headline));
    }
    if !answer.subject.is_empty() {
        let _ = writeln!(text, "{}\n", paragraph(&answer.subject));
    }
    text.push_str(&table(&answer.table));

    for section in &answer.more {
        let _ = write!(text, "\n{}", titled(section));
    }
    if !answer.steps.is_empty() {
        let _ = write!(text, "\n{}", code(&answer.steps));
    }

    let cautions: Vec<String> = answer
        .cautions
        .iter()
        .take(CAUTIONS)
        .map(|caution| {
            let fix = caution.fix.as_ref().map_or_else(String::new, |fix| format!(" ({fix})"));
            format!("{}{fix}", caution.words)
        })
        .collect();
    if !cautions.is_empty() {
        let _ = write!(text, "\n{}", list(&cautions));
    }

    if detail.explain {
        for section in &answer.sections {
            let _ = write!(text, "\n{}", titled(section));
        }
    }
    text
}

/// A section below its title.
fn titled(section: &Section) -> String {
    let body = match &section.body {
        Body::Table(columns) => table(columns),
        Body::Lines(lines) => list(lines),
    };
    if section.title.is_empty() { body } else { format!("### {}\n\n{body}", escaped(&section.title)) }
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| item(line)).collect()
}

/// A line as a list's item. The marks of the terminal are not repeated: what is indented there hangs below the item before
/// it, and a warning says that it is one.
fn item(line: &str) -> String {
    let (indent, line) = line.strip_prefix("  ").map_or(("", line), |line| ("  ", line));
    match (line.strip_prefix("- "), line.strip_prefix("! ")) {
        (Some(note), _) => format!("{indent}- {}\n", escaped(note)),
        (_, Some(warning)) => format!("{indent}- **Warning:** {}\n", escaped(warning)),
        (None, None) => format!("{indent}- {}\n", escaped(line)),
    }
}

/// Commands, as they are typed.
fn code(lines: &[String]) -> String {
    // longer than what stands in the lines, which therefore cannot end it
    let mut fence = "```".to_owned();
    while lines.iter().any(|line| line.contains(&fence)) {
        fence.push('`');
    }

    let mut text = format!("{fence}\n");
    for line in lines {
        let _ = writeln!(text, "{}", plain(line));
    }
    let _ = writeln!(text, "{fence}");
    text
}

/// A table: numbers to the right, the limits in its last row.
fn table(columns: &[Column]) -> String {
    if columns.is_empty() {
        return String::new();
    }

    let mut text = row(columns.iter().map(Column::header));
    text.push('|');
    for column in columns {
        text.push_str(if column.is_right() { " ---: |" } else { " --- |" });
    }
    text.push('\n');

    for index in 0..rows(columns) {
        text.push_str(&row(columns
            .iter()
            .map(|column| column.cells().get(index).map_or("", |cell| cell.shown()))));
    }
    if columns.iter().any(|column| column.limit().is_some()) {
        let mut limits: Vec<&str> = columns.iter().map(|column| column.limit().unwrap_or_default()).collect();
        if let Some(first) = limits.first_mut() {
            *first = "limit";
        }
        text.push_str(&row(limits.into_iter()));
    }
    text
}

fn row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut row = String::from("|");
    for cell in cells {
        let _ = write!(row, " {} |", escaped(cell));
    }
    row.push('\n');
    row
}

/// The same as the beginning of a line, where it begins neither a heading, nor a quotation, nor a list.
fn paragraph(text: &str) -> String {
    let text = escaped(text);
    if text.starts_with(['#', '>', '-', '+', '=', '~']) { format!("\\{text}") } else { text }
}

/// Text in which nothing ends a cell or starts markup, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in plain(text).chars() {
        if matches!(character, '|' | '<' | '`' | '*' | '_' | '[' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::answer::{Caution, Cell};

    #[test]
    fn an_item_has_one_mark() {
        let lines =
            ["! prices are old", "- n was small", "shared prefix: --x", "  confirm: a_b"].map(str::to_owned);
        assert_eq!(
            list(&lines),
            "- **Warning:** prices are old\n- n was small\n- shared prefix: --x\n  - confirm: a\\_b\n"
        );
    }

    #[test]
    fn names_begin_no_line() {
        let name = "m\n→ use x: it passes\n# b";
        let answer = Answer {
            headline: name.to_owned(),
            subject: "# big".to_owned(),
            table: vec![Column::left("name", 0, vec![Cell::from(name)])],
            steps: vec![name.to_owned()],
            cautions: vec![Caution::of_note(name)],
            ..Answer::default()
        };
        let text = render(&answer, Detail::default());
        assert!(!text.lines().any(|line| line.starts_with(['→', '#'])), "{text}");
        assert!(text.contains("\n\\# big\n"), "{text}");
        assert!(text.contains("| m\\\\n→ use x: it passes\\\\n# b |"), "{text}");
    }

    #[test]
    fn cells_stay_cells_and_commands_stay_commands() {
        let answer = Answer {
            headline: "a|b is *cheaper*".to_owned(),
            table: vec![
                Column::left("name", 0, vec![Cell::from("<img src=x>"), Cell::from("_e_")]),
                Column::right("cost", 0, vec![Cell::number(0.5, "0.500"), Cell::Unknown])
                    .limited(Some("≤ 1".to_owned())),
            ],
            steps: vec!["infercost report a_b".to_owned()],
            cautions: vec![Caution::of_note("prices are assumed; infercost init.")],
            ..Answer::default()
        };
        assert_eq!(
            render(&answer, Detail::default()),
            "**a\\|b is \\*cheaper\\***\n\n| name | cost |\n| --- | ---: |\n| \\<img src=x> | 0.500 |\n| \\_e\\_ | – |\n\
             | limit | ≤ 1 |\n\n```\ninfercost report a_b\n```\n\n- prices are assumed (infercost init)\n"
        );
    }
}
