//! What machine code knows of its run: a few words at a fixed address, its first argument everywhere.

use std::ffi::c_void;
use std::sync::atomic::AtomicUsize;

use crate::machine::Stop;
use crate::memory::ListClass;

/// Shared between machine code and the functions that it calls. Offsets are taken with `offset_of!`.
#[repr(C)]
pub struct Context {
    /// Where the arena begins; it never moves during a run.
    pub base: *mut u8,
    /// The arena's classes of small and middle cells.
    pub classes: *mut ListClass,
    /// References of the package's constants, 4 bytes each.
    pub constants: *const u32,
    /// By function, the way into it by a closure, 0 if there is none; see [`super::closures`].
    pub closures: *const AtomicUsize,
    /// Fuel, while code outside works with it; else it travels in registers.
    pub fuel: i64,
    /// What is left of the stack, likewise.
    pub stack_left: i64,
    /// The stack pointer of the innermost entry stub; 0 outside of machine code.
    pub entry_sp: usize,
    /// The frame pointer at the place where a run ended early.
    pub frame: usize,
    /// The kind of trap, 0 if `stop` says why.
    pub kind: u64,
    /// The address that machine code would have gone back to where the run ended early; says which instruction that was.
    pub ended_at: usize,
    /// Where an entry point returned: `(function + 1) << 32 | instruction`, 0 as long as none did.
    pub returned: u64,
    /// The trap's operands.
    pub operands: [i64; 2],
    /// Set by a checkpoint that ends the run.
    pub stopped: u64,
    /// The interpreter that entered machine code, for the functions called from there.
    pub interpreter: *mut c_void,
    /// Why the run ends.
    pub stop: Option<Box<Stop>>,
}

impl Default for Context {
    fn default() -> Context {
        Context {
            base: std::ptr::null_mut(),
            classes: std::ptr::null_mut(),
            constants: std::ptr::null(),
            closures: std::ptr::null(),
            fuel: 0,
            stack_left: 0,
            entry_sp: 0,
            frame: 0,
            kind: 0,
            ended_at: 0,
            returned: 0,
            operands: [0; 2],
            stopped: 0,
            interpreter: std::ptr::null_mut(),
            stop: None,
        }
    }
}
