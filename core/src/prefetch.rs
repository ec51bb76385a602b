//! The one file with `unsafe`: asking memory for what will be needed.
#![allow(unsafe_code)]

/// Asks the processor to fetch all of `place` into its cache. A hint: it changes nothing.
#[inline]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        /// Bytes in a cache line of every x86-64 processor.
        const LINE: usize = 64;
        let start = std::ptr::from_ref(place).cast::<i8>();
        for line in 0..size_of::<T>().div_ceil(LINE) {
            // SAFETY: a prefetch reads nothing and faults at no address; the addresses are in `place`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add((line * LINE).min(size_of::<T>()))) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
