//! The last number of an answer.
//!
//! `1.234` is a thousand and more in Berlin and one and a bit in Boston, and an answer does not say where it was
//! written. So a number has readings, and the answer is right where one of them is the number that is wanted.

use infercost_core::{Grader, Judgment, SharedGrader};
use serde_json::Value;

use super::comparable::{digit, is_invisible};
use super::{Definition, Key, shared};

const NAME: &str = "number";
/// Relative difference within which two numbers are the same.
const TOLERANCE: f64 = 1e-6;

pub(super) const DEFINITION: Definition =
    Definition { name: NAME, right_when: "the last number in it equals `answer`, however it is written", parse };

#[derive(Debug)]
struct Number {
    wanted: f64,
}

fn parse(key: &Key<'_>) -> Result<SharedGrader, String> {
    let wanted = match key.answer(NAME)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.replace(',', "").trim().parse().ok(),
        _ => None,
    };
    let wanted = wanted.filter(|number: &f64| number.is_finite());
    let wanted = wanted.ok_or("the `answer` of grader `number` must be a number")?;
    Ok(shared(Number { wanted }))
}

impl Grader for Number {
    fn name(&self) -> &'static str {
        NAME
    }

    fn judge(&self, answer: &str) -> Judgment {
        let readings = last(answer);
        if readings.is_empty() {
            return Judgment::Unparsable;
        }
        Judgment::of(readings.iter().any(|reading| equal(*reading, self.wanted)))
    }
}

/// True within a relative tolerance of 10⁻⁶ (absolute near 0).
fn equal(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= TOLERANCE * wanted.abs().max(1e-3)
}

/// The readings of the last number in a text: with sign, groups, decimals, exponent and the myriads of East Asia,
/// whatever stands around it. A minus directly behind a letter or digit is a hyphen or a range, not a sign. Empty
/// where there is no number, or the last one does not fit a double.
fn last(text: &str) -> Vec<f64> {
    let chars: Vec<char> = text.chars().filter(|c| !is_invisible(*c)).map(plain).collect();
    let mut readings = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let Some(number) = Token::read(&chars, at) else {
            at += 1;
            continue;
        };
        at = number.end;
        readings = number.readings();
    }

    readings.retain(|reading| reading.is_finite());
    readings
}

/// A character of a number as ASCII writes it.
fn plain(c: char) -> char {
    if let Some(digit) = digit(c) {
        return char::from_digit(digit, 10).unwrap_or(c);
    }
    match c {
        '\u{2212}' | '\u{2013}' | '\u{FF0D}' | '\u{FE63}' => '-',
        '\u{FF0B}' => '+',
        '\u{FF0E}' => '.',
        '\u{FF0C}' | '\u{066C}' => ',',
        // Arabic's decimal mark is nothing else.
        '\u{066B}' => DECIMAL_ONLY,
        '\u{2019}' => '\'',
        '\u{00A0}' | '\u{2009}' | '\u{202F}' => ' ',
        other => other,
    }
}

/// Arabic's decimal mark.
const DECIMAL_ONLY: char = '\u{066B}';

/// Digits as they stand, in groups.
#[derive(Debug)]
struct Token {
    negative: bool,
    /// The digits of each group; the first is empty in `.5`.
    groups: Vec<String>,
    /// What stands between them.
    marks: Vec<char>,
    exponent: i32,
    /// 10⁴ for 万, and so on; 1 where there is none.
    myriad: f64,
    /// What further myriads add: 2000万 in 1億2000万.
    rest: f64,
    /// The index behind it.
    end: usize,
}

impl Token {
    /// The number that starts at `at`.
    fn read(chars: &[char], at: usize) -> Option<Self> {
        Self::read_below(chars, at, f64::INFINITY)
    }

    /// The same where a myriad of at least `limit` ends it: what a greater one has read may add a smaller one, and so one
    /// number holds each at most once.
    fn read_below(chars: &[char], at: usize, limit: f64) -> Option<Self> {
        let starts_with_point = matches!(chars.get(at), Some('.' | &DECIMAL_ONLY)) && is_digit(chars, at + 1);
        if !is_digit(chars, at) && !starts_with_point {
            return None;
        }
        let mut token = Self {
            negative: is_negative(chars, at),
            groups: vec![digits(chars, at)],
            marks: Vec::new(),
            exponent: 0,
            myriad: 1.0,
            rest: 0.0,
            end: at,
        };
        token.end = at + token.groups.iter().map(String::len).sum::<usize>();

        let mut has_spaces_only = true;
        while let Some(mark) = chars.get(token.end).copied().filter(|mark| is_mark(*mark)) {
            let group = digits(chars, token.end + 1);

            // A space joins groups of three only: other numbers stand apart from each other.
            let joins = if mark == ' ' { group.len() == 3 && has_spaces_only && token.may_take_space() } else { !group.is_empty() };
            if !joins {
                break;
            }
            token.end += 1 + group.len();
            has_spaces_only &= mark == ' ';
            token.marks.push(mark);
            token.groups.push(group);
        }

        token.read_exponent(chars);
        token.read_myriad(chars, limit);
        Some(token)
    }

    /// Whether groups may follow the first one behind spaces: `12 345 678`, and not `2024 100`.
    fn may_take_space(&self) -> bool {
        self.groups.first().is_some_and(|first| (1..=3).contains(&first.len()))
    }

    fn read_exponent(&mut self, chars: &[char]) {
        if !matches!(chars.get(self.end), Some('e' | 'E')) {
            return;
        }
        let sign = chars.get(self.end + 1).copied();
        let first = self.end + 1 + usize::from(matches!(sign, Some('+' | '-')));
        let power = digits(chars, first);
        if power.is_empty() {
            return;
        }
        self.end = first + power.len();

        let power: i32 = power.parse().unwrap_or(i32::MAX);
        self.exponent = if sign == Some('-') { power.saturating_neg() } else { power };
    }

    fn read_myriad(&mut self, chars: &[char], limit: f64) {
        let Some(myriad) = chars.get(self.end).copied().and_then(myriad) else { return };
        self.myriad = myriad;
        self.end += 1;
        if myriad >= limit || !is_digit(chars, self.end) {
            return;
        }

        let Some(rest) = Self::read_below(chars, self.end, myriad) else { return };
        if rest.myriad < myriad && rest.largest().abs() < myriad {
            self.rest = rest.largest();
            self.end = rest.end;
        }
    }

    fn largest(&self) -> f64 {
        self.readings().into_iter().fold(0.0, f64::max)
    }

    /// Every number that this may be.
    fn readings(&self) -> Vec<f64> {
        let mut literals = Vec::new();
        let plain = self.groups.last().cloned().unwrap_or_default();
        let point = self.marks.last().copied();
        match point {
            None => literals.push(plain),
            Some(point) => {
                let is_grouped = self.is_grouped(self.groups.len());
                if is_grouped {
                    literals.push(self.groups.concat());
                }
                if let Some(decimal) = self.decimal() {
                    literals.push(decimal);
                }

                // `1,2` and `12 345` may be two numbers, and so is what fits nothing else.
                let starts_with_zero = self.groups.first().is_some_and(|first| first.starts_with('0'));
                let is_list = point == ' ' || (point == ',' && !is_grouped && !starts_with_zero);
                if is_list || literals.is_empty() {
                    literals.push(plain);
                }
            }
        }

        literals.iter().map(|literal| self.value(literal)).collect()
    }

    fn value(&self, literal: &str) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        let number: f64 = format!("{sign}{literal}e{}", self.exponent).parse().unwrap_or(f64::NAN);
        number * self.myriad + if self.negative { -self.rest } else { self.rest }
    }

    /// Whether the first `count` groups are one whole number: groups of three behind one to three digits, or of two
    /// and a last one of three, as in India, all with the same mark between them.
    fn is_grouped(&self, count: usize) -> bool {
        let groups: Vec<usize> = self.groups.iter().take(count).map(String::len).collect();
        let marks: Vec<char> = self.marks.iter().take(count.saturating_sub(1)).copied().collect();
        let same = marks.windows(2).all(|pair| pair.first() == pair.last()) && !marks.contains(&DECIMAL_ONLY);
        let zero = self.groups.first().is_some_and(|first| first.starts_with('0'));
        let [first, others @ ..] = groups.as_slice() else { return false };
        let [middle @ .., last] = others else { return true };
        let threes = *last == 3 && (1..=3).contains(first) && middle.iter().all(|group| *group == 3);

        let indian = *last == 3
            && (1..=2).contains(first)
            && middle.iter().all(|group| *group == 2)
            && marks.first() == Some(&',');
        same && !zero && (threes || indian)
    }

    /// The number whose decimals are the last group.
    fn decimal(&self) -> Option<String> {
        let point = *self.marks.last()?;
        let (decimals, whole) = self.groups.split_last()?;
        if !matches!(point, '.' | ',' | DECIMAL_ONLY) {
            return None;
        }
        let earlier = self.marks.split_last().map(|(_, earlier)| earlier)?;
        let differs = earlier.iter().all(|mark| *mark != point);
        if whole.len() == 1 || (differs && self.is_grouped(whole.len())) {
            return Some(format!("{}.{decimals}", whole.concat()));
        }

        // After a list, such as `1,2.5`, the last number has its decimals still.
        let last = whole.last().filter(|_| differs && point != ',')?;
        Some(format!("{last}.{decimals}"))
    }
}

fn is_digit(chars: &[char], at: usize) -> bool {
    chars.get(at).is_some_and(char::is_ascii_digit)
}

fn digits(chars: &[char], at: usize) -> String {
    chars.iter().skip(at).take_while(|c| c.is_ascii_digit()).collect()
}

/// What may stand between the digits of one number.
fn is_mark(c: char) -> bool {
    matches!(c, '.' | ',' | '\'' | '_' | ' ' | DECIMAL_ONLY)
}

fn is_negative(chars: &[char], at: usize) -> bool {
    let Some(sign) = at.checked_sub(1) else { return false };
    let before = sign.checked_sub(1).and_then(|index| chars.get(index));
    chars.get(sign) == Some(&'-') && !before.is_some_and(|c| c.is_alphanumeric())
}

fn myriad(c: char) -> Option<f64> {
    match c {
        '万' | '萬' | '만' => Some(1e4),
        '亿' | '億' | '억' => Some(1e8),
        '兆' | '조' => Some(1e12),
        _ => None,
    }
}
