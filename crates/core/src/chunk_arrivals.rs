//! When the chunks of an answer arrived, in little memory: a run may hold a million answers.

use std::fmt;
use std::time::Duration;

/// One chunk of streamed output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkArrival {
    /// Since the request was issued.
    pub at: Duration,
    /// Tokens it held; a server may send several at once.
    pub tokens: u32,
}

/// Arrivals of an answer's chunks since it was asked for, in order.
///
/// Chunks of one token, each at most four seconds behind the one before, take four bytes each; all others are kept as
/// they are. What is read back is what was put in, to the nanosecond.
#[derive(Clone, PartialEq, Eq)]
pub struct ChunkArrivals(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    /// One token a chunk: the first arrival, and nanoseconds from each to the next.
    Gaps { first: Duration, gaps: Box<[u32]> },
    /// Any others, and none.
    Whole(Box<[ChunkArrival]>),
}

impl ChunkArrivals {
    /// How many chunks came.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Gaps { gaps, .. } => gaps.len() + 1,
            Kept::Whole(chunks) => chunks.len(),
        }
    }

    /// True where none came.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first chunk.
    pub fn first(&self) -> Option<ChunkArrival> {
        self.iter().next()
    }

    /// The chunks, in order.
    pub fn iter(&self) -> Iter<'_> {
        match &self.0 {
            Kept::Gaps { first, gaps } => Iter::Gaps { next: Some(*first), gaps },
            Kept::Whole(chunks) => Iter::Whole(chunks.iter()),
        }
    }
}

impl Default for ChunkArrivals {
    fn default() -> Self {
        Self(Kept::Whole(Box::default()))
    }
}

impl From<Vec<ChunkArrival>> for ChunkArrivals {
    fn from(chunks: Vec<ChunkArrival>) -> Self {
        match gaps(&chunks) {
            Some(kept) => Self(kept),
            None => Self(Kept::Whole(chunks.into())),
        }
    }
}

impl ChunkArrivals {
    /// Chunks of one token each, by the nanoseconds at which they came.
    pub fn of_single_tokens(offsets: &[u64]) -> Self {
        match gaps_between(offsets) {
            Some(kept) => Self(kept),
            None => {
                let chunk = |at: &u64| ChunkArrival { at: Duration::from_nanos(*at), tokens: 1 };
                Self(Kept::Whole(offsets.iter().map(chunk).collect()))
            }
        }
    }
}

impl FromIterator<ChunkArrival> for ChunkArrivals {
    fn from_iter<I: IntoIterator<Item = ChunkArrival>>(chunks: I) -> Self {
        Self::from(chunks.into_iter().collect::<Vec<_>>())
    }
}

impl<'a> IntoIterator for &'a ChunkArrivals {
    type Item = ChunkArrival;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for ChunkArrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// The short form; `None` where there are no chunks, or some do not fit it.
fn gaps(chunks: &[ChunkArrival]) -> Option<Kept> {
    let first = chunks.first()?.at;
    let mut gaps = Vec::with_capacity(chunks.len() - 1);
    let mut last = first;

    for (place, chunk) in chunks.iter().enumerate() {
        if chunk.tokens != 1 {
            return None;
        }

        let gap = chunk.at.checked_sub(last)?;
        if place > 0 {
            gaps.push(u32::try_from(gap.as_nanos()).ok()?);
        }
        last = chunk.at;
    }

    Some(Kept::Gaps { first, gaps: gaps.into() })
}

/// The short form of chunks of one token each; `None` as for [`gaps`].
fn gaps_between(offsets: &[u64]) -> Option<Kept> {
    let first = offsets.first()?;
    let mut gaps = Vec::with_capacity(offsets.len() - 1);
    for (one, next) in offsets.iter().zip(offsets.iter().skip(1)) {
        gaps.push(u32::try_from(next.checked_sub(*one)?).ok()?);
    }
    Some(Kept::Gaps { first: Duration::from_nanos(*first), gaps: gaps.into() })
}

/// Walks the chunks of an answer.
#[derive(Debug, Clone)]
pub enum Iter<'a> {
    /// Over the short form.
    Gaps {
        /// The arrival that comes next; `None` at the end.
        next: Option<Duration>,
        /// Nanoseconds from there to the later ones.
        gaps: &'a [u32],
    },
    /// Over chunks as they are.
    Whole(std::slice::Iter<'a, ChunkArrival>),
}

impl Default for Iter<'_> {
    /// Over no chunk.
    fn default() -> Self {
        Self::Whole([].iter())
    }
}

impl Iterator for Iter<'_> {
    type Item = ChunkArrival;

    fn next(&mut self) -> Option<ChunkArrival> {
        match self {
            Self::Whole(chunks) => chunks.next().copied(),
            Self::Gaps { next, gaps } => {
                let at = (*next)?;
                *next = match gaps.split_first() {
                    Some((gap, rest)) => {
                        *gaps = rest;
                        at.checked_add(Duration::from_nanos(u64::from(*gap)))
                    }
                    None => None,
                };
                Some(ChunkArrival { at, tokens: 1 })
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Self::Whole(chunks) => chunks.len(),
            Self::Gaps { next, gaps } => next.map_or(0, |_| gaps.len() + 1),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(nanos: u64, tokens: u32) -> ChunkArrival {
        ChunkArrival { at: Duration::from_nanos(nanos), tokens }
    }

    #[test]
    fn what_is_put_in_is_read_back() {
        const LONG: u64 = u32::MAX as u64;
        for (chunks, is_short) in [
            (vec![], false),
            (vec![chunk(u64::MAX, 1)], true),
            (vec![chunk(5, 1), chunk(5, 1), chunk(9, 1)], true),
            (vec![chunk(0, 1), chunk(LONG, 1)], true),
            (vec![chunk(0, 1), chunk(LONG + 1, 1)], false),
            (vec![chunk(9, 1), chunk(5, 1)], false),
            (vec![chunk(1, 1), chunk(2, 3)], false),
            (vec![chunk(1, 0)], false),
        ] {
            let kept = ChunkArrivals::from(chunks.clone());
            assert_eq!(kept.iter().collect::<Vec<_>>(), chunks);
            assert_eq!((kept.len(), kept.iter().len()), (chunks.len(), chunks.len()));
            assert_eq!((kept.first(), kept.is_empty()), (chunks.first().copied(), chunks.is_empty()));
            assert_eq!(matches!(kept.0, Kept::Gaps { .. }), is_short, "{chunks:?}");

            if chunks.iter().all(|chunk| chunk.tokens == 1) {
                let offsets: Vec<u64> = chunks
                    .iter()
                    .map(|chunk| u64::try_from(chunk.at.as_nanos()).unwrap_or(u64::MAX))
                    .collect();
                assert!(ChunkArrivals::of_single_tokens(&offsets) == kept, "{chunks:?}");
            }
        }
    }
}
