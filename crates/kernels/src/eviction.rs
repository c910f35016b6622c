//! Memory that is in no cache: what a measurement of the memory itself must begin with.

/// Takes what these numbers hold out of all caches of the machine, so that the next read comes from memory. True where the
/// processor has an instruction for it: x86-64 has had `clflush` from the beginning.
pub fn evict(numbers: &[u64]) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_clflush, _mm_mfence};

        for line in numbers.chunks(LINE_BYTES / size_of::<u64>()) {
            // SAFETY: the address is that of a number that is borrowed, and SSE2 is part of every x86-64 processor. The
            // instruction changes no memory.
            unsafe { _mm_clflush(line.as_ptr().cast()) };
        }
        // SAFETY: as above. What is read after it is read after every line has left.
        unsafe { _mm_mfence() };
        true
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = numbers;
        false
    }
}

/// Bytes of a cache line of x86-64; where lines are longer, some are evicted twice.
#[cfg(target_arch = "x86_64")]
const LINE_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_evicted_is_still_what_it_was() {
        let numbers: Vec<u64> = (0..100_003).collect();
        assert_eq!(evict(&numbers), cfg!(target_arch = "x86_64"));
        assert!(numbers.iter().enumerate().all(|(index, number)| *number == index as u64));
        assert_eq!(evict(&[]), cfg!(target_arch = "x86_64"));
    }
}
