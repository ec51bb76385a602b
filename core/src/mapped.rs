//! The one file with `unsafe`: a read-only mapping of a capture file.
//!
//! A file may be truncated while it is mapped (a ring of captures that comes round, a log rotation),
//! and its disk may fail. The kernel answers a read of bytes that are no longer there with SIGBUS,
//! which would end the process. So the first mapping installs a handler: for an address in a mapping
//! of ours it puts a page of zeros there and marks the mapping as torn, which readers check; for any
//! other address it lets the signal do what it would have done without us.
#![allow(unsafe_code)]

use libc::{c_int, c_void, siginfo_t};
use std::fs::File;
use std::io;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A capture file mapped for reading.
pub struct Mapped {
    map: memmap2::Mmap,
    slot: &'static Slot,
}

impl Mapped {
    /// Maps the whole of `file`.
    ///
    /// # Errors
    /// What the operating system says; or that too many captures are mapped already, in which case
    /// the file can still be read.
    pub fn new(file: &File) -> io::Result<Mapped> {
        INSTALL.call_once(install);
        // SAFETY: the mapping is private to this process and read-only. The bytes may still change
        // if another process writes to the file: readers treat every byte as hostile and read each
        // one once. If they vanish, see above.
        let map = unsafe { memmap2::Mmap::map(file)? };
        let slot = Slot::take(map.as_ptr() as usize, map.len())
            .ok_or_else(|| io::Error::other("too many captures are mapped at once"))?;
        Ok(Mapped { map, slot })
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.map
    }

    /// True if some bytes were not there when they were read; zeros were read in their place.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        self.slot.torn.load(Ordering::Relaxed)
    }

    /// Lets the kernel put a range of the file into our page table at once, instead of a fault for every
    /// 16 pages. A kernel that cannot (before Linux 5.14) does it by faults.
    pub fn populate(&self, offset: usize, len: usize) {
        #[cfg(target_os = "linux")]
        let _ = self
            .map
            .advise_range(memmap2::Advice::PopulateRead, offset, len);
        #[cfg(not(target_os = "linux"))]
        let _ = (offset, len);
    }

    /// Gives back the memory behind bytes that have been read, so that a large capture does not fill
    /// it. They can still be read again.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn forget(&self, offset: usize, len: usize) -> io::Result<()> {
        let how = memmap2::UncheckedAdvice::DontNeed;
        // SAFETY: nothing was ever written to the mapping, so what the kernel reads again from the
        // file is what it drops; memmap2 checks the range. Zeros put in by the handler stay zeros.
        unsafe { self.map.unchecked_advise_range(how, offset, len) }
    }
}

/// Asks the processor to fetch all of `place` into its cache. A hint: it changes nothing.
#[inline]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        /// Bytes in a cache line of every x86-64 processor.
        const LINE: usize = 64;
        let start = ptr::from_ref(place).cast::<i8>();
        for line in 0..size_of::<T>().div_ceil(LINE) {
            // SAFETY: a prefetch reads nothing and faults at no address; the addresses are in `place`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add((line * LINE).min(size_of::<T>()))) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

impl Drop for Mapped {
    fn drop(&mut self) {
        self.slot.start.store(0, Ordering::Release);
    }
}

/// Where a mapping is, for the handler to know it.
struct Slot {
    /// 0 if the slot is free.
    start: AtomicUsize,
    len: AtomicUsize,
    torn: AtomicBool,
}

/// As many as an open-file limit usually allows; a signal handler cannot search what may move.
static SLOTS: [Slot; 1024] = [const {
    Slot {
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        torn: AtomicBool::new(false),
    }
}; 1024];

/// Marks a slot whose mapping is being written down: no mapping starts here.
const TAKEN: usize = 1;

impl Slot {
    fn take(start: usize, len: usize) -> Option<&'static Slot> {
        let free = |slot: &&Slot| {
            slot.start
                .compare_exchange(0, TAKEN, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        };
        let slot = SLOTS.iter().find(free)?;
        slot.len.store(len, Ordering::Relaxed);
        slot.torn.store(false, Ordering::Relaxed);
        slot.start.store(start, Ordering::Release);
        Some(slot)
    }

    fn holds(&self, address: usize) -> bool {
        let start = self.start.load(Ordering::Acquire);
        start > TAKEN && address.wrapping_sub(start) < self.len.load(Ordering::Relaxed)
    }
}

static INSTALL: Once = Once::new();
static PAGE: AtomicUsize = AtomicUsize::new(0);
/// What SIGBUS did before: a `sigaction` that [`install`] leaks.
static BEFORE: AtomicUsize = AtomicUsize::new(0);

fn install() {
    // SAFETY: `sysconf` has no preconditions; both `sigaction` structures are valid, and all zeros
    // is a valid one; the handler has the signature that SA_SIGINFO asks for. It runs on the
    // alternative stack if there is one, as Rust's and Python's own handlers do.
    unsafe {
        PAGE.store(
            libc::sysconf(libc::_SC_PAGESIZE) as usize,
            Ordering::Relaxed,
        );
        let before: &mut libc::sigaction = Box::leak(Box::new(std::mem::zeroed()));
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_bus as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGBUS, ptr::null(), before);
        BEFORE.store(ptr::from_mut(before) as usize, Ordering::Release);
        libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut());
    }
}

/// Only async-signal-safe things happen here: loads, stores, `mmap` and `sigaction`, which are bare
/// system calls.
extern "C" fn on_bus(_signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: the kernel gives a valid `siginfo_t`, whose `si_addr` is the faulting address for
    // SIGBUS. The page that is mapped over lies within a mapping of ours, which is page-aligned, and
    // was unreadable, so nobody holds anything in it. `BEFORE` is a leaked, valid structure.
    unsafe {
        let address = (*info).si_addr() as usize;
        let page = PAGE.load(Ordering::Relaxed);
        if let Some(slot) = SLOTS.iter().find(|slot| slot.holds(address)) {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
            let at = (address & !(page - 1)) as *mut c_void;
            // Sets errno only if it fails, and then the process ends.
            if libc::mmap(at, page, libc::PROT_READ, flags, -1, 0) != libc::MAP_FAILED {
                slot.torn.store(true, Ordering::Relaxed);
                return;
            }
        }
        // Not ours: the instruction runs again under the action that was there before.
        let before = BEFORE.load(Ordering::Acquire) as *const libc::sigaction;
        libc::sigaction(libc::SIGBUS, before, ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(len: u64) -> File {
        let path =
            std::env::temp_dir().join(format!("finwait-mapped-{}-{len}", std::process::id()));
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(path).unwrap();
        file.set_len(len).unwrap();
        file
    }

    #[test]
    fn bytes_that_vanish_are_zeros_and_the_mapping_is_torn() {
        let file = file(1 << 20);
        let map = Mapped::new(&file).unwrap();
        assert_eq!(map.as_slice()[500_000], 0);
        assert!(!map.is_torn());
        file.set_len(4096).unwrap();
        assert_eq!(map.as_slice()[4095], 0);
        assert!(!map.is_torn());
        assert_eq!(map.as_slice()[500_001], 0);
        assert!(map.is_torn());
    }

    #[test]
    fn what_was_forgotten_can_be_read_again() {
        use std::os::unix::fs::FileExt;
        let file = file((1 << 20) + 1);
        file.write_all_at(b"hello", 100_000).unwrap();
        let map = Mapped::new(&file).unwrap();
        assert_eq!(&map.as_slice()[100_000..100_005], b"hello");
        map.forget(0, 1 << 20).unwrap();
        assert_eq!(&map.as_slice()[100_000..100_005], b"hello");
        assert!(map.forget(0, 2 << 20).is_err());
    }

    #[test]
    fn slots_are_used_again() {
        let file = file(4096);
        for _ in 0..3000 {
            assert!(!Mapped::new(&file).unwrap().is_torn());
        }
    }
}
