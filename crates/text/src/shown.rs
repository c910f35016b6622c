//! Text of a file, fit to be shown.

/// Most characters that are shown.
const SHOWN: usize = 160;

/// Text of a file with control characters and direction marks escaped and its length bounded.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(SHOWN) {
        if c.is_control() || is_direction_mark(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Marks that reorder the text around them on a terminal.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn nothing_reaches_a_terminal_as_a_control_code() {
        assert_eq!(shown("é\u{1b}[31m\u{202e}\n"), "é\\u{1b}[31m\\u{202e}\\n");
        assert_eq!(shown(&"x".repeat(5000)).len(), 160);
    }
}
