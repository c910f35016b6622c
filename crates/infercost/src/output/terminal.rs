//! Color where a person looks, and no control characters from files or models anywhere.

use std::env;
use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Style};

/// Good news.
pub(crate) const SUCCESS: Style = AnsiColor::Green.on_default().bold();
/// Bad news.
pub(crate) const FAILURE: Style = AnsiColor::Red.on_default().bold();
/// Doubt.
pub(crate) const DOUBT: Style = AnsiColor::Yellow.on_default();
/// Headings.
pub(crate) const STRONG: Style = Style::new().bold();
/// What can be passed over.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Where a text goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// Data.
    Output,
    /// Everything else.
    Error,
}

impl Stream {
    /// True on a terminal, unless `NO_COLOR` is set (<https://no-color.org>) or the terminal is dumb.
    pub(crate) fn has_color(self) -> bool {
        let terminal = match self {
            Self::Output => io::stdout().is_terminal(),
            Self::Error => io::stderr().is_terminal(),
        };
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        terminal && !refused && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
    }
}

/// The text in a style, where the stream has color.
pub(crate) fn style(stream: Stream, style: Style, text: &str) -> String {
    if stream.has_color() { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// Columns of a table that goes to no terminal.
const UNKNOWN_WIDTH: usize = 100;

/// Columns of the terminal, else a hundred.
pub(crate) fn width() -> usize {
    known_width().unwrap_or(UNKNOWN_WIDTH)
}

/// Columns of the terminal: what `COLUMNS` says, else what stdout is; `None` where it is none.
pub(crate) fn known_width() -> Option<usize> {
    let said = env::var("COLUMNS").ok().and_then(|text| text.trim().parse::<usize>().ok());
    let is_terminal = io::stdout().is_terminal();
    let shown = is_terminal
        .then(|| console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)))
        .flatten();

    said.or(shown).filter(|width| *width > 0)
}

/// The text on one line, with control characters and line ends made visible: a name cannot begin a line of its own, which
/// would look like one of this program's.
pub(crate) fn plain(text: &str) -> String {
    infercost_core::text::printable_up_to(text, usize::MAX).into_owned()
}

/// The same of a message that this program has put together from several lines, whose line ends stay.
pub(crate) fn plain_lines(text: &str) -> String {
    infercost_core::text::printable_lines(text, usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{plain, plain_lines};

    #[test]
    fn escapes_reach_no_terminal() {
        let text = "a\u{1b}[31mb\u{7}\r\nc\u{9b}";
        assert_eq!(plain(text), "a\\u{1b}[31mb\\u{7}\\r\\nc\\u{9b}");
        assert_eq!(plain_lines(text), "a\\u{1b}[31mb\\u{7}\\r\nc\\u{9b}");
    }
}
