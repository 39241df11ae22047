//! Entering machine code from the interpreter.

use std::ptr::NonNull;

use cop_bytecode::TrapKind;

use super::context::Context;
use super::stack::Stack;
use super::stub::{self, Trampoline};
use super::{Entry, closures};
use crate::interpret::Interpreter;
use crate::machine::{Run, Stop, internal, trap};
use crate::run::Position;

/// What a run needs to enter machine code; made when it first does.
pub struct Ground {
    context: NonNull<Context>,
    /// Kept as long as code may run on it.
    stack: Stack,
}

impl Ground {
    fn new() -> Result<Ground, String> {
        let stack = Stack::new()?;
        // Behind a raw pointer, because machine code and the functions it calls share it.
        let context = NonNull::from(Box::leak(Box::default()));
        Ok(Ground { context, stack })
    }
}

impl Drop for Ground {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak` in `new`, freed nowhere else, and no machine code runs when its run is over.
        drop(unsafe { Box::from_raw(self.context.as_ptr()) });
    }
}

/// Calls machine code. Arguments and results are one slot each, as many as the function has.
///
/// # Errors
/// When the run ends; where is in the interpreter's trace.
#[allow(unsafe_code)]
pub fn enter(
    interpreter: &mut Interpreter,
    entry: &Entry,
    args: &[u64],
    results: &mut [u64],
) -> Run<()> {
    let ground = match &interpreter.ground {
        Some(ground) => ground,
        None => match Ground::new() {
            Ok(ground) => interpreter.ground.insert(ground),
            Err(reason) => return Err(Box::new(Stop::Refused(reason))),
        },
    };
    let (context, top) = (ground.context.as_ptr(), ground.stack.top());
    let stack_left = interpreter.machine.stack_left;
    // SAFETY: the context lives as long as `ground`, and nobody holds a reference to it: machine code uses its address,
    // and everything outside single fields of it, as here.
    let stack = unsafe {
        (*context).base = interpreter.machine.heap.arena.base();
        (*context).classes = interpreter.machine.heap.arena.classes();
        (*context).constants = interpreter.machine.constants.as_ptr();
        let closures = interpreter.program.native.closures.get();
        (*context).closures = closures.map_or(std::ptr::null(), closures::Table::start);
        (*context).fuel = interpreter.machine.fuel;
        (*context).stack_left = stack_left;
        (*context).interpreter = std::ptr::from_mut(interpreter).cast();
        // Entered from machine code that the interpreter was called from, it goes on where that is.
        if (*context).entry_sp == 0 { top } else { 0 }
    };
    // SAFETY: `trampoline` is the one for the types of this code; both were made by `Code::batch` and live as long as
    // the program. Arguments and results have the lengths that these types say, which `Entry::results` and the
    // verifier see to. The context is this run's. The native stack is large enough for the stack limit, since every
    // frame takes at most `FRAME_FACTOR` times what it declares.
    let ended = unsafe {
        let trampoline = std::mem::transmute::<usize, Trampoline>(entry.trampoline);
        stub::enter(
            context,
            trampoline,
            entry.code,
            args.as_ptr(),
            results.as_mut_ptr(),
            stack,
        )
    };
    // SAFETY: as above.
    let (fuel, kind, operands, stop) = unsafe {
        (*context).stopped = 0;
        let stop = (*context).stop.take();
        ((*context).fuel, (*context).kind, (*context).operands, stop)
    };
    interpreter.machine.fuel = fuel;
    interpreter.machine.stack_left = stack_left;
    match (ended, stop) {
        (0, _) => Ok(()),
        (_, Some(stop)) => Err(stop),
        (_, None) => match TrapKind::from_number(kind as u8) {
            Some(kind) => trap(kind, operands[0], operands[1]),
            None => internal("machine code ended for no reason"),
        },
    }
}

/// Where an entry point that is machine code returned, if the run began with one.
#[allow(unsafe_code)]
pub fn last_return(interpreter: &Interpreter) -> Option<Position> {
    let ground = interpreter.ground.as_ref()?;
    // SAFETY: as in `enter`.
    let site = unsafe { (*ground.context.as_ptr()).returned };
    (site != 0).then(|| Position {
        function: (site >> 32) as u32 - 1,
        instruction: site as u32,
    })
}
