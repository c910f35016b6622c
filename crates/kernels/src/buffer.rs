//! Aligned memory that threads fill in parts.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::mem::size_of;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::huge_pages::{self, Piece};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Numbers for which every pattern of bits is a value and zeros are one.
pub(crate) trait Number: Copy + Send + Sync + 'static {}

impl Number for f32 {}
impl Number for i32 {}
impl Number for i8 {}
impl Number for u8 {}
impl Number for u16 {}

/// Zeroed numbers that start on a cache line.
pub(crate) struct AlignedBuffer<T> {
    start: NonNull<T>,
    length: usize,
    /// What keeps the memory, where it is part of a larger piece.
    piece: Option<Arc<Piece>>,
}

// SAFETY: the buffer owns its memory, and numbers may move between threads.
unsafe impl<T: Number> Send for AlignedBuffer<T> {}
// SAFETY: through `&self` memory is written by `part_mut` and by the kernels alone, whose callers promise that no two
// threads use overlapping parts while one of them writes.
unsafe impl<T: Number> Sync for AlignedBuffer<T> {}

impl<T> Default for AlignedBuffer<T> {
    fn default() -> Self {
        Self { start: NonNull::dangling(), length: 0, piece: None }
    }
}

impl<T: Number> AlignedBuffer<T> {
    /// `length` zeros.
    ///
    /// # Panics
    /// They would take more than the address space.
    pub(crate) fn zeroed(length: usize) -> Self {
        if length == 0 {
            return Self::default();
        }
        let layout = layout::<T>(length);

        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start.cast::<T>()) else { handle_alloc_error(layout) };
        Self { start, length, piece: None }
    }

    /// `length` zeros that stay as long as a model does, in huge pages where they are many.
    ///
    /// # Panics
    /// They would take more than the address space.
    pub(crate) fn of_weights(length: usize) -> Self {
        let layout = layout::<T>(length);
        if layout.size() < huge_pages::SMALLEST {
            return Self::zeroed(length);
        }
        let Some(part) = huge_pages::take(layout) else { handle_alloc_error(layout) };

        // SAFETY: the part has that many bytes, and nobody else has it.
        unsafe { part.start.write_bytes(0, layout.size()) };
        Self { start: part.start.cast::<T>(), length, piece: Some(part.piece) }
    }

    /// Makes room for `length` numbers; what was there is lost where there was less.
    pub(crate) fn reserve(&mut self, length: usize) {
        if self.length < length {
            *self = Self::zeroed(length);
        }
    }

    /// Numbers there is room for.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The first number.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn as_ptr(&self) -> *const T {
        self.start.as_ptr()
    }

    /// All numbers.
    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: the memory holds `length` numbers. Callers of `part_mut` keep parts that are being written out of
        // other threads' reach.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// All numbers, to be changed.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: the memory holds `length` numbers, and `&mut self` excludes all other uses.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }

    /// A part, to be changed while other threads use other parts.
    ///
    /// # Safety
    /// Nobody else reads or writes `range` as long as the slice lives.
    ///
    /// # Panics
    /// The range is not inside the buffer.
    #[allow(clippy::mut_from_ref, reason = "the caller promises that parts do not overlap")]
    pub(crate) unsafe fn part_mut(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.length, "a part inside the buffer");

        // SAFETY: the range was checked, and the caller excludes overlap.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr().add(range.start), range.end - range.start)
        }
    }
}

impl<T> Drop for AlignedBuffer<T> {
    fn drop(&mut self) {
        if self.length > 0 && self.piece.is_none() {
            // SAFETY: the memory was allocated with this layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout::<T>(self.length)) };
        }
    }
}

/// The layout of so many numbers, from a cache line on and to the end of one.
fn layout<T>(length: usize) -> Layout {
    let bytes = length.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_next_multiple_of(LINE));
    match bytes.map(|bytes| Layout::from_size_align(bytes, LINE)) {
        Some(Ok(layout)) => layout,
        _ => panic!("{length} numbers of {} bytes exceed the address space", size_of::<T>()),
    }
}
