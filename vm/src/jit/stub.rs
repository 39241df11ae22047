//! Entering machine code, and leaving it early. x86-64 with the System V calling convention.
//!
//! [`enter`] saves the registers that its caller wants back, notes the stack pointer in the context, goes to the
//! stack for machine code unless it is on that already, and calls a trampoline. [`raise`] goes back to that stack
//! pointer from any depth and returns 1 from `enter`; frames between need no cleaning up, since all they own is the
//! run's arena. Only frames of machine code are ever left in this way: functions that it calls return to it first.

#![allow(unsafe_code)] // Machine code by hand.

use std::arch::naked_asm;
use std::mem::offset_of;

use super::context::Context;

/// A trampoline: takes arguments from memory, calls `code`, and puts results there.
pub type Trampoline =
    unsafe extern "C" fn(context: *mut Context, args: *const u64, results: *mut u64, code: usize);

/// Calls `trampoline(context, args, results, code)`; 0 if it returned, 1 if it ended early. `stack` is the top of
/// the stack to run on, 0 for the one at hand.
///
/// # Safety
/// All pointers are what the trampoline expects, and the code belongs to the run of the context.
#[unsafe(naked)]
pub unsafe extern "C" fn enter(
    context: *mut Context,
    trampoline: Trampoline,
    code: usize,
    args: *const u64,
    results: *mut u64,
    stack: usize,
) -> u64 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push qword ptr [rdi + {sp}]",
        "mov [rdi + {sp}], rsp",
        "mov rbx, rdi",
        "test r9, r9",
        "jz 2f",
        "mov rsp, r9",
        "2:",
        "mov rax, rsi",
        "mov r10, rdx",
        "mov rsi, rcx",
        "mov rdx, r8",
        "mov rcx, r10",
        "call rax",
        "xor eax, eax",
        "mov rdi, rbx",
        "mov rsp, [rdi + {sp}]",
        "pop qword ptr [rdi + {sp}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        sp = const offset_of!(Context, entry_sp),
    )
}

/// Ends machine code early: notes the frames that led there, and returns 1 from the innermost [`enter`].
///
/// # Safety
/// Called from machine code that was entered with this context, with a frame pointer.
#[unsafe(naked)]
pub unsafe extern "C" fn raise(context: *mut Context) -> ! {
    naked_asm!(
        "mov [rdi + {frame}], rbp",
        "push rdi",
        "call {note}",
        "pop rdi",
        "mov eax, 1",
        "mov rsp, [rdi + {sp}]",
        "pop qword ptr [rdi + {sp}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        frame = const offset_of!(Context, frame),
        sp = const offset_of!(Context, entry_sp),
        note = sym super::outside::note_frames,
    )
}
