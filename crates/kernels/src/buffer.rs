//! Aligned memory that threads fill in parts.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ops::Range;

/// A cache line.
#[repr(C, align(64))]
struct Line(UnsafeCell<[u8; 64]>);

/// Numbers for which every pattern of bits is a value and zeros are one.
pub(crate) trait Number: Copy + Send + Sync + 'static {}

impl Number for f32 {}
impl Number for i32 {}
impl Number for i8 {}
impl Number for u8 {}
impl Number for u16 {}
impl Number for u64 {}

/// Zeroed numbers that start on a cache line.
pub(crate) struct AlignedBuffer<T> {
    lines: Box<[Line]>,
    length: usize,
    element: PhantomData<T>,
}

// SAFETY: the buffer owns its memory; through `&self` it is written by `part_mut` alone, whose callers promise that no
// two threads use overlapping parts while one of them writes.
unsafe impl<T: Number> Sync for AlignedBuffer<T> {}

impl<T: Number> AlignedBuffer<T> {
    /// `length` zeros.
    pub(crate) fn zeroed(length: usize) -> Self {
        debug_assert!(align_of::<T>() <= 64);
        let lines = length.saturating_mul(size_of::<T>()).div_ceil(size_of::<Line>());
        let lines = (0..lines).map(|_| Line(UnsafeCell::new([0; 64]))).collect();
        Self { lines, length, element: PhantomData }
    }

    /// All numbers.
    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: `lines` covers `length` elements of `T`, aligned to 64 bytes, and every pattern of bits is a `T`.
        // Callers of `part_mut` keep parts that are being written out of other threads' reach.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast::<T>(), self.length) }
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

        // SAFETY: the range was checked; the memory is inside `UnsafeCell`s, so that writing through `&self` is
        // allowed, and the caller excludes overlap.
        unsafe {
            let start = self.lines.as_ptr().cast::<T>().cast_mut().add(range.start);
            std::slice::from_raw_parts_mut(start, range.end - range.start)
        }
    }
}
