//! Text that came out of a file or from a server, made fit to be shown.

/// Longest piece of foreign text that is ever shown, in characters.
const SHOWN: usize = 600;

/// The text with control characters escaped and its length bounded. Line ends stay.
pub fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN {
            shown.push('…');
            break;
        }
        match character {
            '\n' => shown.push('\n'),
            other if other.is_control() || is_direction_mark(other) => shown.extend(other.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

/// Marks that reorder the text around them on a terminal.
fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
