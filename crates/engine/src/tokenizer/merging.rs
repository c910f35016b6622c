//! Joining neighboring symbols, best pair first: the step that byte-pair and SentencePiece-type
//! vocabularies share.
//!
//! Both llama.cpp and the original programs keep a queue of pairs; the better pair goes first, of
//! equal ones the pair further left. With a heap a word of n symbols costs O(n log n).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A stretch of the text that has not been joined further; `end` is exclusive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The token, or none where the vocabulary lacks this stretch.
    pub(super) token: Option<u32>,
    previous: usize,
    next: usize,
}

/// What two neighbors become, and how soon: the lower rank first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Join {
    pub(super) rank: u32,
    pub(super) token: u32,
}

/// An open pair in the queue; ordered by rank, then by position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    rank: u32,
    left: usize,
    right: usize,
    /// Bytes of both halves when the pair was queued: another length means that a half has changed.
    length: usize,
    token: u32,
}

const NONE: usize = usize::MAX;

/// The working memory of one text, kept between words.
#[derive(Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<Pair>>,
}

impl Merger {
    /// Begins a new word.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.queue.clear();
    }

    /// Adds the word's next symbol.
    pub(super) fn push(&mut self, start: usize, end: usize, token: Option<u32>) {
        let index = self.symbols.len();
        if let Some(last) = self.symbols.last_mut() {
            last.next = index;
        }
        self.symbols.push(Symbol {
            start,
            end,
            token,
            previous: index.checked_sub(1).unwrap_or(NONE),
            next: NONE,
        });
    }

    /// Joins pairs until `join` has nothing more to join; afterwards `symbols` yields what is left.
    pub(super) fn run(&mut self, join: impl Fn(&Symbol, &Symbol) -> Option<Join>) {
        for right in 1..self.symbols.len() {
            self.offer(right - 1, right, &join);
        }

        while let Some(Reverse(pair)) = self.queue.pop() {
            let (Some(&left), Some(&right)) = (self.symbols.get(pair.left), self.symbols.get(pair.right))
            else {
                continue;
            };

            let gone = left.start == left.end || right.start == right.end;
            if gone || right.end - left.start != pair.length {
                continue;
            }

            if let Some(symbol) = self.symbols.get_mut(pair.left) {
                symbol.end = right.end;
                symbol.token = Some(pair.token);
                symbol.next = right.next;
            }
            if let Some(symbol) = self.symbols.get_mut(pair.right) {
                symbol.start = symbol.end;
            }
            if let Some(symbol) = self.symbols.get_mut(right.next) {
                symbol.previous = pair.left;
            }

            self.offer(left.previous, pair.left, &join);
            self.offer(pair.left, right.next, &join);
        }
    }

    /// The symbols that are left, in the order of the text.
    pub(super) fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.start != symbol.end)
    }

    fn offer(&mut self, left: usize, right: usize, join: &impl Fn(&Symbol, &Symbol) -> Option<Join>) {
        let (Some(first), Some(second)) = (self.symbols.get(left), self.symbols.get(right)) else {
            return;
        };
        if let Some(Join { rank, token }) = join(first, second) {
            let length = second.end - first.start;
            self.queue.push(Reverse(Pair { rank, left, right, length, token }));
        }
    }
}
