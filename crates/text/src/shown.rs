//! Text of a file, fit to be shown.

/// Most characters that are shown.
const SHOWN: usize = 160;

/// Text of a file with control characters and direction marks escaped and its length bounded.
pub fn shown(text: &str) -> String {
    infercost_core::text::printable_up_to(text, SHOWN).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_as_a_control_code() {
        assert_eq!(shown("é\u{1b}[31m\u{202e}\n"), "é\\u{1b}[31m\\u{202e}\\n");
        assert_eq!(shown(&"x".repeat(5000)).chars().count(), SHOWN + 1);
    }
}
