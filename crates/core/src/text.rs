//! Text that is shown: percentages, counts, and what others wrote.

use std::borrow::Cow;

use crate::estimate::Estimate;

/// Longest text from a file, a server or a device that is repeated, in characters.
const LONGEST_QUOTE: usize = 300;

/// A share as a percentage with as many digits as say something: one decimal below 20 % and between 99 % and 100 %, so
/// that 14.9 % is told from 15 %, and 99.7 % is not called all. `31 %`, `−0.4 %`, `2 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let size = percent.abs();
    let decimals = usize::from(size < 19.95 || (size > 99.0 && size < 100.0));
    let text = format!("{percent:.decimals$}");
    let text = text.strip_suffix(".0").unwrap_or(&text);

    // What rounds to everything is not everything, and a rounded zero has no sign.
    match text {
        "100" if size < 100.0 => "99.9 %".to_owned(),
        "-0" => "0 %".to_owned(),
        text => format!("{} %", with_minus(text)),
    }
}

/// A number that was formatted for programs, with the minus sign that people read.
pub fn with_minus(number: &str) -> Cow<'_, str> {
    match number.strip_prefix('-') {
        Some(size) => Cow::Owned(format!("−{size}")),
        None => Cow::Borrowed(number),
    }
}

/// An interval of shares: `[27 %, 35 %]`.
pub fn percents(estimate: &Estimate) -> String {
    format!("[{}, {}]", percent(estimate.lower), percent(estimate.upper))
}

/// `1 prompt`, `2 prompts`.
pub fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// What one thing is and several are.
pub fn are(number: u64) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// `1 year`, `4 years`.
pub fn years(count: f64) -> String {
    if (count - 1.0).abs() <= 0.0 { "1 year".to_owned() } else { format!("{count} years") }
}

/// A planned number of prompts, rounded up to two digits: `about 1600 prompts`.
pub fn about_prompts(prompts: usize) -> String {
    let mut unit = 1;
    while prompts / unit >= 100 {
        unit *= 10;
    }
    format!("about {} prompts", prompts.div_ceil(unit) * unit)
}

/// Text from a file, a server or a device, fit to be shown: control characters, and those that turn the direction of
/// writing, are escaped, and it ends somewhere.
pub fn printable(text: &str) -> Cow<'_, str> {
    printable_up_to(text, LONGEST_QUOTE)
}

/// The same with at most so many characters of the text; what was cut off is marked by `…`.
pub fn printable_up_to(text: &str, longest: usize) -> Cow<'_, str> {
    let is_long = text.chars().nth(longest).is_some();
    if !is_long && !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }

    let mut shown = String::with_capacity(text.len().min(longest.saturating_mul(4)));
    for character in text.chars().take(longest) {
        if is_hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }

    if is_long {
        shown.push('…');
    }

    Cow::Owned(shown)
}

/// The same of a text of several lines, whose line ends stay.
pub fn printable_lines(text: &str, longest: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(longest));
    let mut left = longest;
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            shown.push('\n');
        }
        shown.push_str(&printable_up_to(line, left));

        let characters = line.chars().count();
        if characters > left {
            break;
        }
        left -= characters;
    }
    shown
}

/// True for what a terminal would obey or a reader could not see: control characters, marks of direction (Unicode
/// Standard Annex 9), line and paragraph separators, invisible joiners and tags.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061C}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_numbers_are_rounded_up() {
        for (prompts, expected) in [(7, "7"), (99, "99"), (101, "110"), (1546, "1600"), (2000, "2000")] {
            assert_eq!(about_prompts(prompts), format!("about {expected} prompts"));
        }
    }

    #[test]
    fn percentages() {
        for (share, expected) in [
            (0.31, "31 %"),
            (-0.004, "−0.4 %"),
            (0.0999, "10 %"),
            (0.02, "2 %"),
            (0.149, "14.9 %"),
            (0.15, "15 %"),
            (-0.00001, "0 %"),
            (0.997, "99.7 %"),
            (0.99999, "99.9 %"),
            (1.0, "100 %"),
            (1.5, "150 %"),
            (-1.12, "−112 %"),
        ] {
            assert_eq!(percent(share), expected);
        }
    }

    #[test]
    fn what_others_wrote_cannot_steer_a_terminal() {
        for (text, expected) in [
            ("plain – Ω 漢", "plain – Ω 漢"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("x\u{202e}gpj.exe", "x\\u{202e}gpj.exe"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("two\nlines", "two\\nlines"),
        ] {
            assert_eq!(printable(text), expected);
        }

        assert_eq!(printable_up_to("abcdef", 3), "abc…");
        assert_eq!(printable_lines("a\u{1b}b\r\nc\n", 99), "a\\u{1b}b\\r\nc\n");
        assert_eq!(printable_lines("ab\ncd\nef", 3), "ab\nc…");
        assert_eq!(printable_lines("a\u{1b}", usize::MAX), "a\\u{1b}");
        assert_eq!(printable(&"x".repeat(400)).chars().count(), LONGEST_QUOTE + 1);
    }
}
