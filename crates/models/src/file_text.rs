//! Text that came out of a file or from a server, made fit to be shown.

/// Longest piece of foreign text that is ever shown, in characters.
const SHOWN: usize = 600;

/// The text with control characters escaped and its length bounded. Line ends stay.
pub fn escaped(text: &str) -> String {
    infercost_core::text::printable_lines(text, SHOWN)
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn control_characters_are_escaped() {
        let check = |text: &str, wanted: &str| assert_eq!(escaped(text), wanted);
        check("plain é", "plain é");
        check("a\u{1b}[31mb", "a\\u{1b}[31mb");
        check("a\u{202e}b\r", "a\\u{202e}b\\r");
        check("two\nlines", "two\nlines");
        assert_eq!(escaped(&"x".repeat(5000)).chars().count(), 601);
    }
}
