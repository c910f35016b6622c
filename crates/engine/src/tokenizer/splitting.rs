//! Cuts text into words before tokenizing: the rules behind `tokenizer.ggml.pre`.
//!
//! Model makers publish these rules as regular expressions with look-ahead. Here each is a scanner
//! that goes forward once: it cannot run into a backtracking limit on a million spaces, and it needs
//! no regular-expression engine. Each function names the expression that it stands for.

use super::character::{Character, Classes, classify};

const LETTER: Classes = Classes::LETTER;
const NUMBER: Classes = Classes::NUMBER;
const SPACE: Classes = Classes::SPACE;

/// One pass over every piece that the passes before it have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// GPT-2's words: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
    Gpt2,
    /// Words in the manner of Llama 3, with the differences that the fields tell.
    Words(Words),
    /// Every number character by itself: `\p{N}`.
    EachNumber,
    /// Runs of number characters: `\p{N}+`.
    NumberRuns,
    /// Three ASCII digits: `[0-9][0-9][0-9]`.
    DigitTriples,
    /// Runs of punctuation and of the given symbols: `[\p{P}…]+`.
    PunctuationRuns(&'static str),
}

/// `contraction | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}{1,k} | ?[^\s\p{L}\p{N}]+tail* | \s*[\r\n]+ | \s+(?!\S) | \s+`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// What becomes of `'s`, `'re` and their like, in either case.
    pub(super) contractions: Contractions,
    /// How a run of letters is cut.
    pub(super) letters: Letters,
    /// The most number characters in one piece.
    pub(super) digits: usize,
    /// Characters that stay with the punctuation before them.
    pub(super) tail: &'static str,
}

/// What becomes of an English contraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contractions {
    /// It is a piece of its own.
    Apart,
    /// It stays with the word before it.
    WithWord,
    /// It has no rule.
    None,
}

/// How a run of letters is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letters {
    /// `\p{L}+`
    Plain,
    /// `[\p{L}\p{M}]+`, and marks are no punctuation.
    WithMarks,
    /// Where ASCII capitals follow small letters a new piece starts:
    /// `U*L+|U+L*` with `U` any letter but `a-z` and `L` any letter but `A-Z`.
    ByCase,
}

/// Cuts `text` by the passes, one after another; the pieces joined are the text again.
pub(super) fn split<'t>(text: &'t str, passes: &[Pass]) -> Vec<&'t str> {
    let characters = classify(text);
    let mut lengths = vec![characters.len()];

    for pass in passes {
        let mut finer = Vec::with_capacity(lengths.len());
        let mut rest = characters.as_slice();
        for length in lengths {
            let (piece, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            cut(piece, *pass, &mut finer);
        }
        lengths = finer;
    }

    let mut pieces = Vec::with_capacity(lengths.len());
    let (mut rest, mut upcoming) = (text, characters.iter());
    for length in lengths {
        let bytes = upcoming.by_ref().take(length).map(|c| c.value.len_utf8()).sum();
        let (piece, after) = rest.split_at_checked(bytes).unwrap_or((rest, ""));
        rest = after;
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
    pieces
}

fn cut(piece: &[Character], pass: Pass, lengths: &mut Vec<usize>) {
    match pass {
        Pass::Gpt2 => cover(piece, lengths, gpt2_end),
        Pass::Words(words) => cover(piece, lengths, |piece, at| words.end(piece, at)),
        Pass::EachNumber => isolate(piece, lengths, |piece, at| at + usize::from(is(piece, at, NUMBER))),
        Pass::NumberRuns => isolate(piece, lengths, |piece, at| run(piece, at, |c| c.classes.meets(NUMBER))),
        Pass::DigitTriples => isolate(piece, lengths, |piece, at| {
            let triple = piece.get(at..at + 3);
            let digits = triple.is_some_and(|t| t.iter().all(|c| c.value.is_ascii_digit()));
            if digits { at + 3 } else { at }
        }),
        Pass::PunctuationRuns(symbols) => isolate(piece, lengths, |piece, at| {
            run(piece, at, |c| c.classes.meets(Classes::PUNCTUATION) || symbols.contains(c.value))
        }),
    }
}

/// Cuts by a rule that matches everywhere; `end` gives the end of the match at a position.
fn cover(piece: &[Character], lengths: &mut Vec<usize>, end: impl Fn(&[Character], usize) -> usize) {
    let mut at = 0;
    while at < piece.len() {
        let next = end(piece, at).clamp(at + 1, piece.len());
        lengths.push(next - at);
        at = next;
    }
}

/// Cuts out what a rule matches and leaves what is between the matches whole.
fn isolate(piece: &[Character], lengths: &mut Vec<usize>, end: impl Fn(&[Character], usize) -> usize) {
    let (mut at, mut open) = (0, 0);
    while at < piece.len() {
        let next = end(piece, at).min(piece.len());
        if next > at {
            lengths.extend([at - open, next - at].into_iter().filter(|&length| length > 0));
            at = next;
            open = next;
        } else {
            at += 1;
        }
    }
    if open < piece.len() {
        lengths.push(piece.len() - open);
    }
}

fn gpt2_end(piece: &[Character], at: usize) -> usize {
    if let Some(end) = contraction_end(piece, at, |c| c) {
        return end;
    }
    let start = after_space(piece, at);
    let others = LETTER.or(NUMBER).or(SPACE);
    for class in [LETTER, NUMBER] {
        if is(piece, start, class) {
            return run(piece, start, |c| c.classes.meets(class));
        }
    }
    if is_outside(piece, start, others) {
        return run(piece, start, |c| !c.classes.meets(others));
    }
    blank_end(piece, at)
}

impl Words {
    fn end(&self, piece: &[Character], at: usize) -> usize {
        if self.contractions == Contractions::Apart
            && let Some(end) = contraction_end(piece, at, |c| c.to_ascii_lowercase())
        {
            return end;
        }

        if let Some(end) = self.letters_end(piece, at) {
            return match self.contractions {
                Contractions::WithWord => {
                    contraction_end(piece, end, |c| c.to_ascii_lowercase()).unwrap_or(end)
                }
                _ => end,
            };
        }

        if is(piece, at, NUMBER) {
            return run(piece, at, |c| c.classes.meets(NUMBER)).min(at + self.digits);
        }

        let marks = match self.letters {
            Letters::WithMarks => Classes::MARK,
            _ => Classes::default(),
        };
        let others = LETTER.or(NUMBER).or(SPACE).or(marks);
        let start = after_space(piece, at);
        if is_outside(piece, start, others) {
            let end = run(piece, start, |c| !c.classes.meets(others));
            return run(piece, end, |c| self.tail.contains(c.value));
        }

        let blank = run(piece, at, |c| c.classes.meets(SPACE));
        let last_break = (at..blank).rev().find(|&i| value(piece, i).is_some_and(is_line_break));
        last_break.map_or_else(|| blank_end(piece, at), |i| i + 1)
    }

    /// The end of `[^\r\n\p{L}\p{N}]?` and letters after it, if there are any.
    fn letters_end(&self, piece: &[Character], at: usize) -> Option<usize> {
        let first = piece.get(at)?;
        let leads = !is_line_break(first.value) && !first.classes.meets(LETTER.or(NUMBER));
        let body = match self.letters {
            Letters::WithMarks => LETTER.or(Classes::MARK),
            _ => LETTER,
        };
        let start = if leads && is(piece, at + 1, body) { at + 1 } else { at };
        if !is(piece, start, body) {
            return None;
        }
        match self.letters {
            Letters::ByCase => Some(cased_end(piece, start)),
            _ => Some(run(piece, start, |c| c.classes.meets(body))),
        }
    }
}

/// The end of `U*L+|U+L*` at a letter. Letters outside ASCII are both `U` and `L`, hence the step back.
fn cased_end(piece: &[Character], start: usize) -> usize {
    let uppers = run(piece, start, |c| c.classes.meets(LETTER) && !c.value.is_ascii_lowercase());
    if piece.get(uppers).is_some_and(may_be_lower) {
        return run(piece, uppers, may_be_lower);
    }

    let back = (start..uppers).rev().find(|&i| piece.get(i).is_some_and(may_be_lower));
    back.map_or(uppers, |i| i + 1)
}

/// The end of `\s+(?!\S)|\s+`: blanks before a word leave their last one to it.
fn blank_end(piece: &[Character], at: usize) -> usize {
    let end = run(piece, at, |c| c.classes.meets(SPACE));
    if end < piece.len() && end > at + 1 { end - 1 } else { end.max(at + 1) }
}

fn contraction_end(piece: &[Character], at: usize, fold: impl Fn(char) -> char) -> Option<usize> {
    if value(piece, at) != Some('\'') {
        return None;
    }
    let first = value(piece, at + 1).map(&fold)?;
    if matches!(first, 's' | 't' | 'm' | 'd') {
        return Some(at + 2);
    }
    let second = value(piece, at + 2).map(&fold)?;
    matches!((first, second), ('r' | 'v', 'e') | ('l', 'l')).then_some(at + 3)
}

/// Where the word starts if the space at `at` belongs to it.
fn after_space(piece: &[Character], at: usize) -> usize {
    let space = value(piece, at) == Some(' ') && at + 1 < piece.len();
    at + usize::from(space)
}

fn run(piece: &[Character], at: usize, belongs: impl Fn(&Character) -> bool) -> usize {
    let rest = piece.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|c| belongs(c)).count()
}

fn may_be_lower(character: &Character) -> bool {
    character.classes.meets(LETTER) && !character.value.is_ascii_uppercase()
}

/// Whether there is a character that belongs to none of the classes.
fn is_outside(piece: &[Character], at: usize, classes: Classes) -> bool {
    piece.get(at).is_some_and(|c| !c.classes.meets(classes))
}

fn is(piece: &[Character], at: usize, class: Classes) -> bool {
    piece.get(at).is_some_and(|c| c.classes.meets(class))
}

fn value(piece: &[Character], at: usize) -> Option<char> {
    piece.get(at).map(|c| c.value)
}

fn is_line_break(character: char) -> bool {
    matches!(character, '\r' | '\n')
}
