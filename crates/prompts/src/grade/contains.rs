//! A text somewhere in the answer, as a word of its own where its script has words.

use infercost_core::{Grader, Judgment, SharedGrader};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};

use super::comparable::comparable;
use super::{Definition, Key, shared};

const NAME: &str = "contains";

pub(super) const DEFINITION: Definition = Definition {
    name: NAME,
    right_when: "`answer` occurs in it, in any case, and not inside a longer word or number",
    parse,
};

/// Letters that Arabic writes before a word without a space: and, so, by, like, for, the.
const ARABIC_PREFIXES: [char; 6] = ['و', 'ف', 'ب', 'ك', 'ل', 'ا'];
/// Letters that Hebrew writes before a word without a space: and, the, in, to, from, that, like.
const HEBREW_PREFIXES: [char; 7] = ['ו', 'ה', 'ב', 'ל', 'מ', 'ש', 'כ'];
/// Most letters of such prefixes together.
const LONGEST_PREFIX: usize = 4;

#[derive(Debug)]
struct Contains {
    wanted: Vec<String>,
}

fn parse(key: &Key<'_>) -> Result<SharedGrader, String> {
    let wanted: Vec<String> = key.texts(NAME)?.iter().map(|text| comparable(text)).collect();
    if wanted.iter().any(String::is_empty) {
        return Err("`answer` holds nothing that can be looked for".into());
    }
    Ok(shared(Contains { wanted }))
}

impl Grader for Contains {
    fn name(&self) -> &'static str {
        NAME
    }

    fn judge(&self, answer: &str) -> Judgment {
        let answer = comparable(answer);
        Judgment::of(self.wanted.iter().any(|wanted| holds(&answer, wanted)))
    }
}

/// True where `text` holds `wanted` as a word of its own; both made [`comparable`].
pub(super) fn holds(text: &str, wanted: &str) -> bool {
    if wanted.is_empty() {
        return false;
    }
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find(wanted)) {
        let start = from + found;
        if stands_alone(text, start, start + wanted.len()) {
            return true;
        }

        // occurrences may overlap
        from = start + text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    false
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let (Some(before), Some(found), Some(after)) = (text.get(..start), text.get(start..end), text.get(end..)) else {
        return false;
    };
    if !is_boundary(text, start) || !is_boundary(text, end) {
        return false;
    }
    let (Some(first), Some(last)) = (found.chars().next(), found.chars().next_back()) else { return false };
    let begins = match before.chars().next_back() {
        Some(outside) => !joined(outside, first) && !continues_number(found, before) || has_prefix(before, first),
        None => true,
    };

    let ends = match after.chars().next() {
        Some(outside) => !joined(last, outside) && !number_continues(found, after),
        None => true,
    };
    begins && ends
}

/// Whether a place lies between two characters as people see them: not inside an emoji sequence, a flag, or a letter
/// and its marks.
fn is_boundary(text: &str, at: usize) -> bool {
    GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(true)
}

/// Whether two neighbors belong to one word.
fn joined(one: char, other: char) -> bool {
    one.is_alphanumeric() && other.is_alphanumeric() && !is_unspaced(one) && !is_unspaced(other)
}

/// Whether the number that `found` starts with goes on to the left: `5` in `2.5`, `000` in `1,000`.
fn continues_number(found: &str, before: &str) -> bool {
    let mut before = before.chars().rev();
    let mark = before.next();
    before.next().is_some_and(|c| c.is_ascii_digit()) && mark.is_some_and(|mark| is_mark_before(mark, found))
}

/// Whether the number that `found` ends with goes on to the right: `2` in `2.5`, `1` in `1,000`.
fn number_continues(found: &str, after: &str) -> bool {
    let mut rest = after.chars();
    let mark = rest.next();
    found.ends_with(|c: char| c.is_ascii_digit()) && mark.is_some_and(|mark| is_mark_before(mark, rest.as_str()))
}

/// Whether a mark inside a number may stand before this: a point before a digit, a comma before a group of three. Other
/// commas are those of a list.
fn is_mark_before(mark: char, digits: &str) -> bool {
    let count = digits.chars().take_while(char::is_ascii_digit).count();
    match mark {
        '.' | '٫' => count > 0,
        ',' | '٬' => count == 3,
        _ => false,
    }
}

/// Whether what stands before a word, up to the last space, is made of letters that are written on to it.
fn has_prefix(before: &str, first: char) -> bool {
    let prefixes: &[char] = match first {
        '\u{0590}'..='\u{05FF}' => &HEBREW_PREFIXES,
        '\u{0600}'..='\u{06FF}' => &ARABIC_PREFIXES,
        _ => return false,
    };
    let attached = before.chars().rev().take_while(|c| c.is_alphanumeric());

    let mut length = 0;
    for letter in attached {
        length += 1;
        if length > LONGEST_PREFIX || !prefixes.contains(&letter) {
            return false;
        }
    }
    true
}

/// Scripts that put no space between words, and Hangul, whose particles are written on to the word.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}'     // Thai, Lao
        | '\u{0F00}'..='\u{0FFF}'   // Tibetan
        | '\u{1000}'..='\u{109F}'   // Myanmar
        | '\u{1100}'..='\u{11FF}'   // Hangul Jamo
        | '\u{1780}'..='\u{17FF}'   // Khmer
        | '\u{1950}'..='\u{19DF}'   // Tai Le, New Tai Lue
        | '\u{1A20}'..='\u{1AAF}'   // Tai Tham
        | '\u{1B00}'..='\u{1B7F}'   // Balinese
        | '\u{A980}'..='\u{A9DF}'   // Javanese
        | '\u{3005}'..='\u{3007}'   // ideographic repetition and zero
        | '\u{3040}'..='\u{30FF}'   // Hiragana, Katakana
        | '\u{3100}'..='\u{318F}'   // Bopomofo, Hangul compatibility
        | '\u{31A0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' // Han
        | '\u{AC00}'..='\u{D7FF}'   // Hangul
        | '\u{20000}'..='\u{323AF}' // Han
    )
}

/// How many characters a text has, as people see them.
pub(super) fn length(text: &str) -> usize {
    text.graphemes(true).count()
}
