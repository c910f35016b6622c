//! Finding a number in prose.

/// Relative difference within which two numbers are the same.
const TOLERANCE: f64 = 1e-6;

/// True within a relative tolerance of 10⁻⁶ (absolute near 0).
pub(super) fn equal(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= TOLERANCE * wanted.abs().max(1e-3)
}

/// The last number in a text: with sign, thousands commas, decimals and exponent, whatever stands around
/// it. A minus directly behind a letter or digit is a hyphen or a range, not a sign. `None` where there is
/// none, or the last does not fit a double.
pub(super) fn last(text: &str) -> Option<f64> {
    let chars: Vec<char> = text.chars().collect();
    let mut result = None;
    let mut at = 0;
    while at < chars.len() {
        if starts_number(&chars, at) {
            let (value, end) = read(&chars, at);
            result = Some(value);
            at = end;
        } else {
            at += 1;
        }
    }
    result.filter(|value| value.is_finite())
}

fn digit(chars: &[char], at: usize) -> bool {
    chars.get(at).is_some_and(char::is_ascii_digit)
}

fn starts_number(chars: &[char], at: usize) -> bool {
    digit(chars, at) || (chars.get(at) == Some(&'.') && digit(chars, at + 1))
}

/// Reads the number that starts at `at`; gives its value and the index behind it.
fn read(chars: &[char], at: usize) -> (f64, usize) {
    let mut literal = String::new();
    if negative(chars, at) {
        literal.push('-');
    }
    let mut end = whole(chars, at, &mut literal);
    if chars.get(end) == Some(&'.') && digit(chars, end + 1) {
        literal.push('.');
        end = digits(chars, end + 1, &mut literal);
    }
    if let Some(first) = exponent(chars, end) {
        literal.push('e');
        if chars.get(first - 1) == Some(&'-') {
            literal.push('-');
        }
        end = digits(chars, first, &mut literal);
    }
    (literal.parse().unwrap_or(f64::NAN), end)
}

fn negative(chars: &[char], at: usize) -> bool {
    let Some(sign) = at.checked_sub(1) else { return false };
    let is_minus = chars.get(sign).is_some_and(|c| matches!(c, '-' | '\u{2212}'));
    let before = sign.checked_sub(1).and_then(|index| chars.get(index));
    is_minus && !before.is_some_and(|c| c.is_alphanumeric())
}

/// Digits, with commas only where groups of exactly three follow: `1,234` is one number, `1,2` are two.
fn whole(chars: &[char], at: usize, literal: &mut String) -> usize {
    let mut end = digits(chars, at, literal);
    if end - at > 3 {
        return end;
    }
    while chars.get(end) == Some(&',') && (1..=3).all(|i| digit(chars, end + i)) && !digit(chars, end + 4) {
        end = digits(chars, end + 1, literal);
    }
    end
}

fn digits(chars: &[char], at: usize, literal: &mut String) -> usize {
    let run = chars.iter().skip(at).take_while(|c| c.is_ascii_digit());
    let before = literal.len();
    literal.extend(run);
    at + literal.len() - before
}

/// Index of the first digit of an exponent that starts at `at`.
fn exponent(chars: &[char], at: usize) -> Option<usize> {
    matches!(chars.get(at)?, 'e' | 'E').then_some(())?;
    let signed = matches!(chars.get(at + 1)?, '+' | '-');
    let first = at + 1 + usize::from(signed);
    digit(chars, first).then_some(first)
}
