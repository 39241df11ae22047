//! Stacks for machine code, so that nothing depends on how large that of the calling thread is.
//!
//! The declared cost of nested calls is limited, a native frame takes at most a fixed multiple of it, and where calls alternate
//! between machine code and interpreter each such pair takes a few KiB more. All of that fits; below lies a page that
//! nothing may touch.

#![allow(unsafe_code)] // Memory that the system reserves.

use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// Addresses of a stack; the system gives memory for what is touched.
const SIZE: usize = 256 << 20;
const GUARD: usize = 64 << 10;
/// How many stacks wait for another run.
const SPARE: usize = 16;

static POOL: Mutex<Vec<Mapping>> = Mutex::new(Vec::new());

struct Mapping(NonNull<u8>);

// SAFETY: a mapping is owned by whoever holds it; nothing else knows its address.
unsafe impl Send for Mapping {}

/// A stack.
pub struct Stack {
    mapping: Option<Mapping>,
}

impl Stack {
    /// A stack that was used before, or a new one.
    ///
    /// # Errors
    /// When the system has no addresses left.
    pub fn new() -> Result<Stack, String> {
        let spare = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mapping = match spare {
            Some(mapping) => mapping,
            None => reserve().map_err(|error| format!("no address space for a run: {error}"))?,
        };
        Ok(Stack {
            mapping: Some(mapping),
        })
    }

    /// Its upper end, where the first frame goes.
    pub fn top(&self) -> usize {
        self.mapping
            .as_ref()
            .map_or(0, |mapping| mapping.0.as_ptr() as usize + SIZE)
    }
}

fn reserve() -> rustix::io::Result<Mapping> {
    // SAFETY: a new mapping at an address of the system's choice touches nothing that exists; its lowest part is made
    // unusable before anyone knows of it.
    unsafe {
        let base = rustix::mm::mmap_anonymous(
            std::ptr::null_mut(),
            SIZE,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::NORESERVE,
        )?;
        let mapping = Mapping(NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?);
        rustix::mm::mprotect(base, GUARD, MprotectFlags::empty())?;
        Ok(mapping)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let Some(mapping) = self.mapping.take() else {
            return;
        };
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < SPARE {
            pool.push(mapping);
        } else {
            drop(pool);
            // SAFETY: the whole mapping is this stack's own, and no code runs on it any more.
            let _ = unsafe { rustix::mm::munmap(mapping.0.as_ptr().cast(), SIZE) };
        }
    }
}
