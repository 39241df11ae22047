//! Address space for arenas. On unix each has 4 GiB of its own that only a prefix of is usable, and 36 GiB that
//! never are, so that no sum of a 32-bit offset, an index and a constant can name a byte of anything else
//! (BYTECODE.md, section 11). Elsewhere it is a growing vector, and there is no machine code.
//!
//! A region is given back when its run ends, and kept for the next: its used prefix is cleared, which costs less
//! than asking the system anew.

#[cfg(not(unix))]
pub use self::vector::Region;
#[cfg(unix)]
pub use reserved::Region;

#[cfg(unix)]
mod reserved {
    #![allow(unsafe_code)] // Memory that the system reserves, and the slices of its usable prefix.

    use std::ptr::NonNull;
    use std::sync::{Mutex, PoisonError};

    use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

    /// Addresses that offsets can reach.
    const REACH: usize = 4 << 30;
    /// Addresses behind them that are never usable.
    const GUARD: usize = 36 << 30;
    /// Least part that is made usable at once.
    const STEP: usize = 1 << 20;
    /// Bytes that may be read behind the last: machine code copies short texts in whole words.
    const SLACK: usize = 16;
    /// Most of a used prefix that is kept resident when a region is given back.
    const KEPT: usize = 1 << 20;
    /// How many regions wait for another run.
    const SPARE: usize = 16;

    static POOL: Mutex<Vec<Region>> = Mutex::new(Vec::new());

    /// Reserved addresses with a usable prefix.
    pub struct Region {
        base: NonNull<u8>,
        /// Bytes that are usable; read and written freely.
        usable: usize,
        /// Bytes that the run asked for, at most `usable`.
        len: usize,
    }

    // SAFETY: a region is owned by whoever holds it, like a `Vec<u8>`; nothing else knows its address.
    unsafe impl Send for Region {}

    impl Region {
        /// A region of no bytes: one that was used before, or a new one.
        ///
        /// # Errors
        /// When the system has no addresses left.
        pub fn new() -> Result<Region, String> {
            let spare = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match spare {
                Some(region) => Ok(region),
                None => Region::reserve(),
            }
        }

        fn reserve() -> Result<Region, String> {
            // SAFETY: a new mapping at an address of the system's choice touches nothing that exists.
            let base = unsafe {
                rustix::mm::mmap_anonymous(
                    std::ptr::null_mut(),
                    REACH + GUARD,
                    ProtFlags::empty(),
                    MapFlags::PRIVATE | MapFlags::NORESERVE,
                )
            };
            let base = base.map_err(|error| format!("no address space for a run: {error}"))?;
            let base = NonNull::new(base.cast()).ok_or("no address space for a run")?;
            Ok(Region {
                base,
                usable: 0,
                len: 0,
            })
        }

        /// Where it begins.
        #[cfg(cop_jit)]
        pub fn base(&self) -> *mut u8 {
            self.base.as_ptr()
        }

        /// Makes it at least that long; what is new is zero. Says whether the system had the memory.
        #[must_use]
        pub fn grow(&mut self, len: usize) -> bool {
            if len + SLACK > self.usable && !self.make_usable(len + SLACK) {
                return false;
            }
            self.len = self.len.max(len);
            true
        }

        #[cold]
        fn make_usable(&mut self, len: usize) -> bool {
            let usable = len.next_multiple_of(STEP);
            if usable > REACH {
                return false;
            }
            // SAFETY: the range lies inside of this region's own mapping.
            let done = unsafe {
                rustix::mm::mprotect(
                    self.base.as_ptr().cast(),
                    usable,
                    MprotectFlags::READ | MprotectFlags::WRITE,
                )
            };
            if done.is_ok() {
                self.usable = usable;
            }
            done.is_ok()
        }

        /// Its bytes.
        #[inline]
        pub fn bytes(&self) -> &[u8] {
            // SAFETY: the first `len` bytes are mapped, readable and initialised (the system hands out zeroes), live
            // as long as `self`, and are changed only through `&mut self`.
            unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
        }

        /// Its bytes, to be changed.
        #[inline]
        pub fn bytes_mut(&mut self) -> &mut [u8] {
            // SAFETY: as above; `&mut self` makes this the only way to them.
            unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
        }

        /// Zeroes what was used, for nothing of a run may be there for the next.
        fn clear(&mut self) -> bool {
            let kept = self.len.min(KEPT);
            self.bytes_mut()[..kept].fill(0);
            if self.len > kept {
                if cfg!(not(target_os = "linux")) {
                    return false;
                }
                // SAFETY: the range lies inside of this region's usable prefix, and nobody holds a slice of it.
                // On Linux private anonymous pages read as zeroes afterwards.
                let done = unsafe {
                    rustix::mm::madvise(
                        self.base.as_ptr().add(kept).cast(),
                        self.len.next_multiple_of(STEP).min(self.usable) - kept,
                        Advice::LinuxDontNeed,
                    )
                };
                if done.is_err() {
                    return false;
                }
            }
            self.len = 0;
            true
        }

        fn unmap(&mut self) {
            // SAFETY: the whole mapping is this region's own, and it is dropped.
            let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), REACH + GUARD) };
        }
    }

    impl Drop for Region {
        fn drop(&mut self) {
            let again = Region {
                base: self.base,
                usable: self.usable,
                len: self.len,
            };
            // What is put into the pool is not dropped; what is not is unmapped here.
            let mut again = std::mem::ManuallyDrop::new(again);
            if !again.clear() {
                return again.unmap();
            }
            let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
            if pool.len() < SPARE {
                pool.push(std::mem::ManuallyDrop::into_inner(again));
            } else {
                drop(pool);
                again.unmap();
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn nothing_of_a_run_is_there_for_the_next() {
            for _ in 0..3 {
                let mut region = Region::new().unwrap();
                assert!(region.grow(9 << 20));
                assert!(region.bytes().iter().all(|b| *b == 0));
                region.bytes_mut().fill(7);
            }
        }

        #[test]
        fn more_than_offsets_reach_is_refused() {
            let mut region = Region::new().unwrap();
            assert!(!region.grow(REACH + 1));
            assert!(region.grow(10));
            assert_eq!(region.bytes().len(), 10);
        }
    }
}

#[cfg(not(unix))]
mod vector {
    /// Bytes that grow.
    pub struct Region {
        bytes: Vec<u8>,
    }

    impl Region {
        /// A region of no bytes.
        ///
        /// # Errors
        /// Never here.
        pub fn new() -> Result<Region, String> {
            Ok(Region { bytes: Vec::new() })
        }

        /// Makes it at least that long; what is new is zero.
        #[must_use]
        pub fn grow(&mut self, len: usize) -> bool {
            if len > self.bytes.len() {
                self.bytes.resize(len, 0);
            }
            true
        }

        /// Its bytes.
        #[inline]
        pub fn bytes(&self) -> &[u8] {
            &self.bytes
        }

        /// Its bytes, to be changed.
        #[inline]
        pub fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.bytes
        }
    }
}
