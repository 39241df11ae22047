//! Entering machine code, and leaving it early. x86-64 with the System V calling convention.
//!
//! [`enter`] saves the registers that its caller wants back, notes the stack pointer in the context, goes to the
//! stack for machine code unless it is on that already, and calls a trampoline. [`raise`] goes back to that stack
//! pointer from any depth and returns 1 from `enter`; frames between need no cleaning up, since all they own is the
//! run's arena. Only frames of machine code are ever left in this way: functions that it calls return first, to it or to one of
//! the stubs here that are between (`ending`, `keeping`), which leave machine code in its place.

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

/// Ends machine code early: notes where, by the address that it would have gone back to, and the frames that led there, and
/// returns 1 from the innermost [`enter`].
///
/// # Safety
/// Called from machine code that was entered with this context, with a frame pointer.
#[unsafe(naked)]
pub unsafe extern "C" fn raise(context: *mut Context) -> ! {
    naked_asm!(
        "mov rax, [rsp]",
        "mov [rdi + {ended_at}], rax",
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
        ended_at = const offset_of!(Context, ended_at),
        frame = const offset_of!(Context, frame),
        sp = const offset_of!(Context, entry_sp),
        note = sym super::outside::note_frames,
    )
}

/// Where machine code calls a function that takes the context first and may answer [`super::outside::ENDED`], which ends the run
/// where that was.
macro_rules! ending {
    ($callee:path) => {{
        #[unsafe(naked)]
        unsafe extern "C" fn way_in() {
            std::arch::naked_asm!(
                "push rdi",
                "call {callee}",
                "pop rdi",
                "cmp rax, -1",
                "je {raise}",
                "ret",
                callee = sym $callee,
                raise = sym $crate::jit::stub::raise,
            )
        }
        way_in as *const u8
    }};
}

/// Where machine code calls a function that takes the context alone, and wants all its registers back. The run ends where that was
/// if the context says so then.
macro_rules! keeping {
    ($callee:path) => {{
        #[unsafe(naked)]
        unsafe extern "C" fn way_in() {
            // The other registers are kept by the function itself.
            std::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "push rdi",
                "push rax",
                "push rcx",
                "push rdx",
                "push rsi",
                "push r8",
                "push r9",
                "push r10",
                "push r11",
                "sub rsp, 264",
                "movaps [rsp], xmm0",
                "movaps [rsp + 16], xmm1",
                "movaps [rsp + 32], xmm2",
                "movaps [rsp + 48], xmm3",
                "movaps [rsp + 64], xmm4",
                "movaps [rsp + 80], xmm5",
                "movaps [rsp + 96], xmm6",
                "movaps [rsp + 112], xmm7",
                "movaps [rsp + 128], xmm8",
                "movaps [rsp + 144], xmm9",
                "movaps [rsp + 160], xmm10",
                "movaps [rsp + 176], xmm11",
                "movaps [rsp + 192], xmm12",
                "movaps [rsp + 208], xmm13",
                "movaps [rsp + 224], xmm14",
                "movaps [rsp + 240], xmm15",
                "call {callee}",
                "mov rdi, [rbp - 8]",
                "cmp qword ptr [rdi + {stopped}], 0",
                "jne 2f",
                "movaps xmm0, [rsp]",
                "movaps xmm1, [rsp + 16]",
                "movaps xmm2, [rsp + 32]",
                "movaps xmm3, [rsp + 48]",
                "movaps xmm4, [rsp + 64]",
                "movaps xmm5, [rsp + 80]",
                "movaps xmm6, [rsp + 96]",
                "movaps xmm7, [rsp + 112]",
                "movaps xmm8, [rsp + 128]",
                "movaps xmm9, [rsp + 144]",
                "movaps xmm10, [rsp + 160]",
                "movaps xmm11, [rsp + 176]",
                "movaps xmm12, [rsp + 192]",
                "movaps xmm13, [rsp + 208]",
                "movaps xmm14, [rsp + 224]",
                "movaps xmm15, [rsp + 240]",
                "add rsp, 264",
                "pop r11",
                "pop r10",
                "pop r9",
                "pop r8",
                "pop rsi",
                "pop rdx",
                "pop rcx",
                "pop rax",
                "pop rdi",
                "pop rbp",
                "ret",
                "2:",
                "mov rsp, rbp",
                "pop rbp",
                "jmp {raise}",
                callee = sym $callee,
                stopped = const std::mem::offset_of!($crate::jit::context::Context, stopped),
                raise = sym $crate::jit::stub::raise,
            )
        }
        way_in as *const u8
    }};
}

pub(super) use {ending, keeping};
