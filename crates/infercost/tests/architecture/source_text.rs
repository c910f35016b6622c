//! A source file taken apart: code without comments and strings, and the strings by themselves.

use std::ops::Range;

/// A source file, as far as the rules look at it.
pub(crate) struct SourceFile {
    /// Whose it is: the crate's name without `infercost-`.
    pub(crate) short: &'static str,
    /// Path below the workspace.
    pub(crate) path: String,
    /// True where the whole file is for tests alone.
    pub(crate) is_test: bool,
    /// Lines in the file, tests included.
    pub(crate) lines: usize,
    /// The code, each line where it was: comments, strings and test modules are blank, and imports from `std`
    /// are written out (`std::{a, b}` is followed by `std::a std::b`).
    pub(crate) code: String,
    /// Contents of string literals outside test modules, each with its line from 1.
    pub(crate) strings: Vec<(usize, String)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Text,
}

impl SourceFile {
    pub(crate) fn new(short: &'static str, path: String, text: &str) -> Self {
        let is_test = ["/tests/", "/testing/"].iter().any(|folder| path.contains(folder))
            || path.ends_with("/tests.rs");
        let characters: Vec<char> = text.chars().collect();
        let kinds = classify(&characters);
        let kept = |c: char, kind: Kind| if c == '\n' || kind == Kind::Code { c } else { ' ' };
        let mut code: Vec<char> = characters.iter().zip(&kinds).map(|(c, kind)| kept(*c, *kind)).collect();
        let tests = test_items(&code);

        for range in &tests {
            code[range.clone()].iter_mut().filter(|c| **c != '\n').for_each(|c| *c = ' ');
        }
        let mut strings = Vec::new();
        let (mut line, mut at) = (1, 0);
        while at < characters.len() {
            let end = at + kinds[at..].iter().take_while(|kind| **kind == Kind::Text).count();
            if end == at {
                line += usize::from(characters[at] == '\n');
                at += 1;
                continue;
            }
            let content: String = characters[at..end].iter().collect();
            let line_breaks = content.matches('\n').count();
            if !tests.iter().any(|range| range.contains(&at)) {
                strings.push((line, content));
            }
            line += line_breaks;
            at = end;
        }

        let code = with_grouped_imports(&code.into_iter().collect::<String>());
        Self { short, path, is_test, lines: text.lines().count(), code, strings }
    }
}

/// Lines (from 1) on which a word stands by itself; with a final `*`, on which a name begins with it.
pub(crate) fn find_word(code: &str, word: &str) -> Vec<usize> {
    let (word, open_end) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
    let stands_alone = |line: &str, at: usize| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins =
            |edge: Option<char>, other: Option<char>| edge.is_some_and(is_name) && other.is_some_and(is_name);
        !joins(word.chars().next(), before) && (open_end || !joins(word.chars().next_back(), after))
    };
    let lines = (1..).zip(code.lines());
    lines
        .filter(|(_, line)| line.match_indices(word).any(|(at, _)| stands_alone(line, at)))
        .map(|(number, _)| number)
        .collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What each character belongs to. Quotes count as code, so that two strings never run together.
fn classify(characters: &[char]) -> Vec<Kind> {
    let at = |i: usize| characters.get(i).copied().unwrap_or('\0');
    let mut kinds = vec![Kind::Code; characters.len()];
    let mut i = 0;
    while i < characters.len() {
        let (inside, end, kind) = match (at(i), at(i + 1)) {
            ('/', '/') => {
                let end = (i..characters.len()).find(|j| at(*j) == '\n').unwrap_or(characters.len());
                (i..end, end, Kind::Comment)
            }
            ('/', '*') => {
                let end = block_comment_end(characters, i);
                (i..end, end, Kind::Comment)
            }
            ('r', '"' | '#') if i == 0 || at(i - 1) == 'b' || !is_name(at(i - 1)) => {
                let hashes = (i + 1..characters.len()).take_while(|j| at(*j) == '#').count();
                let start = i + 2 + hashes;
                if at(start - 1) != '"' {
                    i += 1; // a raw name: r#type
                    continue;
                }
                let closes = |j: &usize| at(*j) == '"' && (1..=hashes).all(|n| at(j + n) == '#');
                let end = (start..characters.len()).find(closes).unwrap_or(characters.len());
                (start..end, end + 1 + hashes, Kind::Text)
            }
            ('"', _) => {
                let end = quoted_end(characters, i + 1, '"');
                (i + 1..end, end + 1, Kind::Text)
            }
            // a character, and not a lifetime
            ('\'', next) if next == '\\' || at(i + 2) == '\'' => {
                let end = quoted_end(characters, i + 1, '\'');
                (i + 1..end, end + 1, Kind::Comment)
            }
            _ => (i..i, i + 1, Kind::Code),
        };
        kinds[inside].fill(kind);
        i = end;
    }

    kinds
}

fn quoted_end(characters: &[char], start: usize, quote: char) -> usize {
    let mut i = start;
    while i < characters.len() && characters[i] != quote {
        i += if characters[i] == '\\' { 2 } else { 1 };
    }
    i.min(characters.len())
}

/// Comments nest.
fn block_comment_end(characters: &[char], start: usize) -> usize {
    let (mut i, mut depth) = (start, 0_usize);
    while i < characters.len() {
        match (characters[i], characters.get(i + 1)) {
            ('/', Some('*')) => depth += 1,
            ('*', Some('/')) => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            break;
        }
    }
    i.min(characters.len())
}

/// Where items marked `#[cfg(test)]` stand.
fn test_items(code: &[char]) -> Vec<Range<usize>> {
    let mark: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while at + mark.len() <= code.len() {
        if code[at..at + mark.len()] != mark[..] {
            at += 1;
            continue;
        }
        let start = at;
        let mut depth = 0_usize;
        at += mark.len();
        while at < code.len() {
            match code[at] {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
            if depth == 0 && matches!(code[at - 1], '}' | ';') {
                break;
            }
        }
        ranges.push(start..at);
    }
    ranges
}

/// Writes `std::a std::b` behind `std::{`, on its line, for each part of the group.
fn with_grouped_imports(code: &str) -> String {
    let mut pieces = code.split("std::{");
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (mut depth, mut expected) = (0_usize, true);
        for (at, c) in piece.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => expected = true,
                _ if expected && is_name(c) => {
                    let name: String = piece[at..].chars().take_while(|c| is_name(*c)).collect();
                    result.push_str(&format!("std::{name} "));
                    expected = false;
                }
                _ => {}
            }
        }
        result.push_str("std::{");
        result.push_str(piece);
    }
    result
}
