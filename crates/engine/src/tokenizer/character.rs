//! Unicode classes as the splitting rules need them, one look-up per character.

use std::sync::OnceLock;

use regex_syntax::hir::{Class, HirKind};

/// A set of Unicode classes, packed into bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Classes(u8);

impl Classes {
    pub(super) const LETTER: Self = Self(1);
    pub(super) const NUMBER: Self = Self(2);
    pub(super) const MARK: Self = Self(4);
    pub(super) const PUNCTUATION: Self = Self(8);
    pub(super) const SPACE: Self = Self(16);

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A character with its classes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Character {
    pub(super) value: char,
    pub(super) classes: Classes,
}

/// Looks up the classes of each character of a text.
pub(super) fn classify(text: &str) -> Vec<Character> {
    let table = table();
    text.chars()
        .map(|value| Character { value, classes: table.get(value as usize).copied().unwrap_or_default() })
        .collect()
}

/// One entry per code point. The classes come from regex-syntax's Unicode tables, which every
/// property is defined for, so a failed look-up here is a defect that the tests below would show.
fn table() -> &'static [Classes] {
    static TABLE: OnceLock<Vec<Classes>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = vec![Classes::default(); 0x11_0000];
        for (pattern, class) in [
            (r"\p{L}", Classes::LETTER),
            (r"\p{N}", Classes::NUMBER),
            (r"\p{M}", Classes::MARK),
            (r"\p{P}", Classes::PUNCTUATION),
            (r"\p{White_Space}", Classes::SPACE),
        ] {
            for (start, end) in ranges(pattern) {
                for entry in table.iter_mut().take(end as usize + 1).skip(start as usize) {
                    *entry = entry.or(class);
                }
            }
        }
        table
    })
}

fn ranges(pattern: &str) -> Vec<(char, char)> {
    match regex_syntax::parse(pattern).map(|hir| hir.into_kind()) {
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.iter().map(|range| (range.start(), range.end())).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_knows_its_own() {
        let check = |text: &str, expected: Classes| {
            for character in classify(text) {
                assert_eq!(character.classes, expected, "{:?}", character.value);
            }
        };
        check("aZéßЖ中ªʰ", Classes::LETTER);
        check("09٣Ⅷ½²", Classes::NUMBER);
        check("\u{301}\u{93f}\u{20e3}", Classes::MARK);
        check("!-_«。", Classes::PUNCTUATION);
        check(" \t\n\r\u{b}\u{85}\u{a0}\u{3000}\u{2028}", Classes::SPACE);
        check("$+<=>^`|~€😀\u{0}\u{200b}\u{fffd}", Classes::default());
    }
}
