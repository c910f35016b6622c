//! Memory for weights, in huge pages where the system has them.
//!
//! A pass reads every weight once. In pages of 4 KiB each matrix of a small model takes hundreds, which lie wherever the
//! system had room, and how fast a model is read then hangs on what was loaded before it: of two copies of one model the
//! first came out 14 % slower (docs/verdicts.md). So matrices are put one behind another into large pieces, and the system
//! is asked to hold these in pages of 2 MiB, as Linux does on request (`madvise`). Where it refuses, nothing else changes.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Bytes of a huge page.
const HUGE_PAGE: usize = 2 << 20;

/// Bytes of a piece that several matrices share.
const PIECE: usize = 32 << 20;

/// A matrix from this size on has a piece of its own, so that little is left over at the end of a shared one.
const LARGE: usize = PIECE / 4;

/// Matrices below this size are allocated like anything else.
pub(crate) const SMALLEST: usize = 64 << 10;

/// A piece of memory that is given out from its beginning to its end, and freed with the last matrix in it.
pub(crate) struct Piece {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a piece only owns its memory; who may touch which part is up to those that the parts are given to.
unsafe impl Send for Piece {}
// SAFETY: as above, nothing is read or written through `&Piece`.
unsafe impl Sync for Piece {}

impl Piece {
    /// `bytes` and more, up to whole huge pages; `None` where that exceeds the address space.
    fn new(bytes: usize) -> Option<Self> {
        let bytes = bytes.checked_next_multiple_of(HUGE_PAGE)?;
        let layout = Layout::from_size_align(bytes, HUGE_PAGE).ok().filter(|layout| layout.size() > 0)?;

        // SAFETY: the layout is not empty.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        ask_for_huge_pages(start, layout.size());
        Some(Self { start, layout })
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // SAFETY: the memory was allocated with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// A request: a system without huge pages leaves the memory as it is.
#[cfg(all(target_os = "linux", not(miri)))]
fn ask_for_huge_pages(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the memory is ours, begins and ends on a page, and keeps what is in it.
    let _refused =
        unsafe { rustix::mm::madvise(start.as_ptr().cast(), bytes, rustix::mm::Advice::LinuxHugepage) };
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn ask_for_huge_pages(_start: NonNull<u8>, _bytes: usize) {}

/// The piece that the next matrix may share, and how much of it is given out.
struct Open {
    piece: Weak<Piece>,
    used: usize,
}

static OPEN: Mutex<Open> = Mutex::new(Open { piece: Weak::new(), used: 0 });

/// Part of a piece.
pub(crate) struct Part {
    /// Its first byte, on a multiple of `align`. The bytes hold anything.
    pub(crate) start: NonNull<u8>,
    /// What keeps it.
    pub(crate) piece: Arc<Piece>,
}

/// Takes `layout` bytes that nobody else has; `None` where they exceed the address space.
pub(crate) fn take(layout: Layout) -> Option<Part> {
    let bytes = layout.size();
    if bytes >= LARGE || layout.align() > HUGE_PAGE {
        let piece = Arc::new(Piece::new(bytes)?);
        return Some(Part { start: piece.start, piece });
    }

    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let first = open.used.next_multiple_of(layout.align());
    let shared = open.piece.upgrade().filter(|piece| first + bytes <= piece.layout.size());
    let (piece, first) = match shared {
        Some(piece) => (piece, first),
        None => (Arc::new(Piece::new(PIECE)?), 0),
    };
    open.piece = Arc::downgrade(&piece);
    open.used = first + bytes;

    // SAFETY: `first + bytes` lies inside the piece.
    let start = unsafe { piece.start.add(first) };
    Some(Part { start, piece })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    fn span(part: &Part, bytes: usize) -> (usize, usize) {
        let start = part.start.as_ptr() as usize;
        (start, start + bytes)
    }

    #[test]
    fn parts_do_not_overlap_and_keep_their_piece() {
        let sizes = [
            SMALLEST,
            SMALLEST + 1,
            LARGE - 1,
            LARGE,
            PIECE + 1,
            LARGE - 64,
            3 << 20,
            LARGE - 1,
            LARGE - 1,
            LARGE - 1,
        ];
        let mut parts = Vec::new();
        for (number, bytes) in sizes.into_iter().enumerate() {
            let part = take(Layout::from_size_align(bytes, 64).unwrap()).unwrap();
            let (start, end) = span(&part, bytes);
            let (first, last) = (part.piece.start.as_ptr() as usize, part.piece.layout.size());
            assert_eq!((start % 64, first % HUGE_PAGE), (0, 0));
            assert!(first <= start && end <= first + last);
            // SAFETY: the part is ours.
            unsafe { part.start.write_bytes(u8::try_from(number).unwrap(), bytes) };
            parts.push((part, bytes));
        }

        // whoever was first still holds what was written there
        for (number, (part, bytes)) in parts.iter().enumerate() {
            // SAFETY: written above.
            let held = unsafe { std::slice::from_raw_parts(part.start.as_ptr(), *bytes) };
            assert!(held.iter().all(|byte| usize::from(*byte) == number), "{number}");
        }
    }

    /// Linux marks memory that huge pages were asked for with `hg`, whether it grants them or not.
    #[cfg(all(target_os = "linux", not(miri)))]
    #[test]
    fn linux_is_asked_for_huge_pages() {
        let part = take(Layout::from_size_align(LARGE, 64).unwrap()).unwrap();
        let place = part.start.as_ptr() as usize;

        let mut is_inside = false;
        let mut flags = None;
        for line in std::fs::read_to_string("/proc/self/smaps").unwrap().lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let bound = |digits| usize::from_str_radix(digits, 16);
            if let Some((Ok(first), Ok(end))) = range.map(|(first, end)| (bound(first), bound(end))) {
                is_inside = (first..end).contains(&place);
            } else if is_inside && line.starts_with("VmFlags:") {
                flags = Some(line.to_owned());
            }
        }

        // a kernel built without huge pages has nothing to mark
        if std::path::Path::new("/sys/kernel/mm/transparent_hugepage").is_dir() {
            assert!(flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "hg")));
        }
    }

    #[test]
    fn what_exceeds_the_address_space_is_none() {
        assert!(take(Layout::from_size_align(isize::MAX as usize - 63, 64).unwrap()).is_none());
    }
}
