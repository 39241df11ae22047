//! What machine code calls: functions of the interpreter's world, with the C calling convention. Each gets the context
//! first, and says with its result whether the run goes on. A panic inside ends the run, not the process.

#![allow(unsafe_code)] // Pointers that machine code passes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cop_bytecode::TrapKind;

use super::context::Context;
use crate::interpret::{Interpreter, host_call};
use crate::machine::{Run, Stop, internal};
use crate::memory::Ref;
use crate::step::step;

/// No result: the run ends.
pub const ENDED: u64 = u64::MAX;

/// Runs `work` with the interpreter that entered machine code, which has the fuel meanwhile.
#[inline]
pub(super) fn outside<T>(
    context: *mut Context,
    ended: T,
    work: impl FnOnce(&mut Interpreter) -> Run<T>,
) -> T {
    // SAFETY: machine code passes on the context it was entered with, which lives as long as its run; `enter` has pointed
    // it at the interpreter, which it lends for as long as the machine code runs. Nothing else uses the interpreter
    // until this function returns, and only single fields of the context are touched, here and everywhere.
    let interpreter = unsafe {
        let interpreter = &mut *(*context).interpreter.cast::<Interpreter<'_, '_>>();
        interpreter.machine.fuel = (*context).fuel;
        interpreter
    };
    let result = catch_unwind(AssertUnwindSafe(|| work(&mut *interpreter)));
    let fuel = interpreter.machine.fuel;
    let result = result.unwrap_or_else(|_| internal("a panic of the engine"));
    // SAFETY: as above.
    unsafe {
        (*context).fuel = fuel;
        match result {
            Ok(result) => result,
            Err(stop) => {
                (*context).stop = Some(stop);
                (*context).stopped = 1;
                ended
            }
        }
    }
}

/// Runs instructions of a function's form on a frame: `range` is the first of them, and in the upper half how many.
pub extern "C" fn run_steps(
    context: *mut Context,
    frame: *mut u64,
    function: u64,
    range: u64,
) -> u64 {
    outside(context, ENDED, |interpreter| {
        let program = interpreter.program;
        let Ok(code) = program.code(function as u32) else {
            return internal("a function without a form");
        };
        // SAFETY: machine code reserves `code.slots` words for the frame that it passes, which nothing else uses.
        let frame = unsafe { std::slice::from_raw_parts_mut(frame, code.slots as usize) };
        let (first, count) = (range as u32 as usize, (range >> 32) as usize);
        let Some(insns) = code.insns.get(first..first + count) else {
            return internal("no such instruction");
        };
        for insn in insns {
            step(&mut interpreter.machine, program, code, *insn, frame)?;
        }
        Ok(0)
    })
}

/// Calls a function by the interpreter.
pub extern "C" fn call(
    context: *mut Context,
    function: u64,
    args: *const u64,
    results: *mut u64,
    counts: u64,
) -> u64 {
    interpreted(
        context,
        args,
        results,
        counts,
        |interpreter, args, results| {
            interpreter.note_late_call(function as u32);
            interpreter.call(function as u32, args, results)
        },
    )
}

/// Calls a closure by the interpreter.
pub extern "C" fn call_value(
    context: *mut Context,
    cell: u64,
    args: *const u64,
    results: *mut u64,
    counts: u64,
) -> u64 {
    interpreted(
        context,
        args,
        results,
        counts,
        |interpreter, args, results| interpreter.call_closure(cell as Ref, args, results),
    )
}

/// A call by the interpreter, with the stack that is left here; `counts` has the number of arguments, and in the upper half
/// that of results.
fn interpreted(
    context: *mut Context,
    args: *const u64,
    results: *mut u64,
    counts: u64,
    call: impl FnOnce(&mut Interpreter, &[u64], &mut [u64]) -> Run<()>,
) -> u64 {
    // SAFETY: `context` as in `outside`; only a copy is taken. Machine code passes the addresses and sizes of two parts of
    // its own frame that do not overlap, and touches neither until the call returns.
    let (stack_left, args, results) = unsafe {
        (
            (*context).stack_left,
            std::slice::from_raw_parts(args, (counts & 0xffff_ffff) as usize),
            std::slice::from_raw_parts_mut(results, (counts >> 32) as usize),
        )
    };
    outside(context, ENDED, |interpreter| {
        interpreter.machine.stack_left = stack_left;
        call(interpreter, args, results)?;
        Ok(0)
    })
}

/// Asks the host; the cell of its answer.
pub extern "C" fn ask_host(context: *mut Context, function: u64, argument: u64) -> u64 {
    outside(context, ENDED, |interpreter| {
        let program = interpreter.program;
        host_call(
            &mut interpreter.machine,
            program,
            &mut *interpreter.host,
            function as u32,
            argument as Ref,
        )
    })
}

/// A new cell of that size and type.
pub extern "C" fn allocate(context: *mut Context, size: u64, ty: u64) -> u64 {
    outside(context, ENDED, |interpreter| {
        interpreter.machine.allocate(size, ty as u32).map(u64::from)
    })
}

/// Drops a reference to a cell that has one owner.
pub extern "C" fn release(context: *mut Context, cell: u64) {
    outside(context, (), |interpreter| {
        interpreter.machine.heap.release(cell as Ref);
        Ok(())
    });
}

/// Frees a cell alone, whose parts live on elsewhere.
pub extern "C" fn free(context: *mut Context, cell: u64) {
    outside(context, (), |interpreter| {
        interpreter.machine.heap.free_cell(cell as Ref);
        Ok(())
    });
}

/// Copies bytes of the arena to another place in it.
pub extern "C" fn copy_bytes(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: machine code has checked that both ranges lie inside of sequences of its arena, which is mapped and not
    // referred to by anyone while machine code runs.
    unsafe { std::ptr::copy(from, to, count) }
}

/// The cell itself, or a copy of it if it is shared.
pub extern "C" fn unique(context: *mut Context, cell: u64) -> u64 {
    outside(context, ENDED, |interpreter| {
        if cell == 0 {
            return Ok(0);
        }
        interpreter.machine.unique(cell as Ref).map(u64::from)
    })
}

/// A checkpoint at which the fuel of the slice is used up.
pub extern "C" fn checkpoint(context: *mut Context) {
    outside(context, (), |interpreter| interpreter.machine.checkpoint());
}

/// The checkpoint at the entry of a function.
pub extern "C" fn checkpoint_of_call(context: *mut Context) {
    // SAFETY: `context` as in `outside`; only a copy is taken.
    let stack_left = unsafe { (*context).stack_left };
    outside(context, (), |interpreter| {
        interpreter.machine.stack_left = stack_left;
        interpreter.machine.checkpoint_of_call()
    });
}

/// A trap with a text.
pub extern "C" fn trap_with_message(
    context: *mut Context,
    kind: u64,
    operand: i64,
    cell: u64,
) -> u64 {
    outside(context, ENDED, |interpreter| {
        let text = interpreter.machine.heap.text(cell as Ref);
        Err(Box::new(Stop::Trap {
            kind: TrapKind::from_number(kind as u8).unwrap_or(TrapKind::Panic),
            operands: [operand, 0],
            message: Some(String::from_utf8_lossy(text).into_owned()),
        }))
    })
}

/// Notes where machine code ended early, and the calls that led there.
pub extern "C" fn note_frames(context: *mut Context) {
    // SAFETY: as in `outside`.
    let (interpreter, mut address, mut frame) = unsafe {
        let interpreter = &mut *(*context).interpreter.cast::<Interpreter<'_, '_>>();
        (interpreter, (*context).ended_at, (*context).frame)
    };
    // Frames lie above each other, each with the frame pointer of its caller and the return address; the stack limit
    // bounds their number.
    while let Some(position) = interpreter.program.native.position_of(address) {
        interpreter.trace.push(position);
        (address, frame) = (return_address(frame), caller_frame(frame));
    }
}

fn return_address(frame: usize) -> usize {
    // SAFETY: `frame` is the frame pointer of a function of machine code, or of the trampoline that called the first
    // of them: all keep frame pointers (`preserve_frame_pointers`), so the word above is a return address.
    unsafe { *((frame + 8) as *const usize) }
}

fn caller_frame(frame: usize) -> usize {
    // SAFETY: as above; the word at the frame pointer is that of the caller.
    unsafe { *(frame as *const usize) }
}
