//! Texts of the world in one form, so that equal ones are equal.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::decompose_compatible;

/// A text in the form in which texts are compared: composed and compatible (Unicode's NFKC, in which full-width letters
/// are the narrow ones), in small letters, digits of every script as 0–9, without marks that only guide the display,
/// quotes and dashes straight, one space for any white space and none outside.
///
/// Superscripts and subscripts stay what they are, so that 10² is not 102.
pub fn comparable(text: &str) -> String {
    let mut compatible = String::with_capacity(text.len());
    for c in text.chars() {
        if is_raised_or_lowered(c) || is_fraction(c) {
            compatible.push(c);
        } else if !is_invisible(c) {
            decompose_compatible(c, |part| compatible.push(part));
        }
    }

    let mut folded = String::with_capacity(compatible.len());
    let mut space = false;
    for c in compatible.nfc() {
        if c.is_whitespace() {
            space = !folded.is_empty();
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        if std::mem::take(&mut space) {
            folded.push(' ');
        }
        push_folded(&mut folded, c);
    }
    folded
}

/// Case is folded by way of the capital, so that ß is ss and ς is σ; the two i of Turkish are one letter where they
/// are capital only.
fn push_folded(folded: &mut String, c: char) {
    if let Some(digit) = digit(c) {
        folded.extend(char::from_digit(digit, 10));
        return;
    }

    match c {
        'İ' => folded.push('i'),
        'ı' => folded.push('ı'),
        '‘' | '’' | '‛' | '′' => folded.push('\''),
        '“' | '”' | '„' | '‟' | '″' => folded.push('"'),
        '\u{2010}'..='\u{2013}' | '\u{2212}' => folded.push('-'),
        other => folded.extend(other.to_uppercase().flat_map(char::to_lowercase)),
    }
}

/// The value of a decimal digit of any script; `None` for all else, superscripts and numerals such as ⅷ included.
pub(super) fn digit(c: char) -> Option<u32> {
    if let Some(digit) = c.to_digit(10) {
        return Some(digit);
    }
    let code = u32::from(c);
    let zero = ZEROS.iter().rev().find(|zero| **zero <= code)?;
    let value = code - zero;
    (value < 10).then_some(value)
}

/// Where the ten decimal digits of a script begin (Unicode 16, general category Nd, ASCII left out), in rising order.
const ZEROS: [u32; 52] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0,
    0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x11066,
    0x110F0, 0x11136, 0x111D0, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x1D7CE, 0x1D7D8, 0x1D7E2,
    0x1D7EC, 0x1D7F6, 0x1E950,
];

/// Marks that say nothing: direction marks, zero-width spaces, soft hyphens, variation selectors, vowel points of
/// Hebrew and Arabic, the stretching bar of Arabic. The joiner that makes emoji sequences stays.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{200B}' | '\u{200C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{0591}'..='\u{05BD}' | '\u{05BF}' | '\u{05C1}' | '\u{05C2}' | '\u{05C4}' | '\u{05C5}' | '\u{05C7}'
        | '\u{0640}' | '\u{064B}'..='\u{0652}' | '\u{0670}'
    )
}

fn is_raised_or_lowered(c: char) -> bool {
    matches!(c, '²' | '³' | '¹' | '\u{2070}'..='\u{209C}' | 'ª' | 'º')
}

fn is_fraction(c: char) -> bool {
    matches!(c, '¼' | '½' | '¾' | '\u{2150}'..='\u{215F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form() {
        for (text, wanted) in [
            ("  Paris\u{3000}\n is ", "paris is"),
            ("ＡＢＣ１２３", "abc123"),
            ("cafe\u{301}", "café"),
            ("ｶﾞｲﾄﾞ", "ガイド"),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("İstanbul", "istanbul"),
            ("٤٢ ۴۲ ४२ ๔๒", "42 42 42 42"),
            ("\u{200f}שָׁלוֹם", "שלום"),
            ("مُحَمَّد كتـــاب", "محمد كتاب"),
            ("❤\u{fe0f}", "❤"),
            ("👩\u{200d}💻", "👩\u{200d}💻"),
            ("it’s “ok” – yes", "it's \"ok\" - yes"),
            ("ﬁn", "fin"),
        ] {
            assert_eq!(comparable(text), comparable(wanted), "{text}");
        }
        for (one, other) in [("10²", "102"), ("2½", "21/2"), ("👩\u{200d}💻", "👩💻"), ("a b", "ab")]
        {
            assert_ne!(comparable(one), comparable(other));
        }
    }

    #[test]
    fn digits_of_every_script() {
        assert!(ZEROS.is_sorted());
        for zero in ZEROS.iter().filter_map(|zero| char::from_u32(*zero)) {
            assert!(zero.is_numeric(), "{zero}");
            assert_eq!(digit(zero), Some(0));
        }
        for c in ['²', '⅓', 'Ⅷ', '四', 'a', '①'] {
            assert_eq!(digit(c), None, "{c}");
        }
    }
}
