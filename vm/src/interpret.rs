//! The interpreter: one loop over flat instructions, with an explicit stack of frames.

use cop_bytecode::TrapKind;

use crate::flat::{Code, Insn, NONE};
use crate::heap::{HEADER, SEQUENCE};
use crate::host::{Answer, Host};
use crate::list::check_index;
use crate::machine::{Machine, Run, Stop, internal, trap};
use crate::memory::Ref;
use crate::native::{self, Entry};
use crate::profile::Recorder;
use crate::program::Inner;
use crate::run::{Copies, Position};
use crate::scalar::scalar;
use crate::shape::{CLOSURE, Row};
use crate::step::step;
use crate::stepping::{ENDED, Watched, Watching};

/// A frame that waits for a call to return.
pub struct Frame<'p> {
    code: &'p Code,
    function: u32,
    /// Instruction to go on with.
    next: usize,
    base: usize,
    /// Where the call's results go.
    d: u32,
}

impl Frame<'_> {
    /// Whether it is that of who called into this stretch of interpretation.
    pub fn is_outside(&self) -> bool {
        self.function == NONE
    }

    /// The call that it waits for.
    pub fn position(&self) -> Position {
        position(self.function, self.code, self.next)
    }

    /// Where its slots begin.
    pub fn base(&self) -> usize {
        self.base
    }
}

/// Runs a program's functions: interprets them, and enters machine code where there is some.
pub struct Interpreter<'p, 'h> {
    pub(crate) program: &'p Inner,
    /// Heap, fuel, stack.
    pub machine: Machine<'p>,
    pub(crate) host: &'h mut dyn Host,
    stack: Vec<u64>,
    frames: Vec<Frame<'p>>,
    /// Where it stands.
    at: At<'p>,
    /// The first slot that no frame uses.
    top: usize,
    /// Whether functions that have machine code are run by it.
    pub(crate) native: bool,
    /// What entering machine code needs, once it was entered.
    #[cfg(cop_jit)]
    pub(crate) ground: Option<crate::jit::Ground>,
    /// Where the run ended early, and the calls that led there, innermost first.
    pub trace: Vec<Position>,
    /// What is noted on the way, if anything is asked for.
    pub notes: Option<Notes>,
}

/// What is noted while a run is interpreted.
pub enum Notes {
    /// Where copies were made.
    Copies(Copies),
    /// What was spent where.
    Profile(Box<Recorder>),
    /// Each step, for somebody who watches.
    Steps(Box<Watching>),
}

impl Notes {
    /// The profile that is being made.
    fn recorder(notes: &mut Option<Notes>) -> Option<&mut Recorder> {
        match notes {
            Some(Notes::Profile(recorder)) => Some(recorder),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
struct At<'p> {
    code: &'p Code,
    function: u32,
    next: usize,
    base: usize,
}

/// Why the loop stops.
enum Pause<'p> {
    /// The outermost of its frames returned.
    Done,
    /// A call of a function that has machine code; so many slots of arguments end at the top.
    Call { entry: &'p Entry, args: usize },
}

impl<'p, 'h> Interpreter<'p, 'h> {
    /// An interpreter that has run nothing yet.
    pub fn new(
        program: &'p Inner,
        machine: Machine<'p>,
        host: &'h mut dyn Host,
        empty: &'p Code,
    ) -> Self {
        Interpreter {
            program,
            machine,
            host,
            stack: Vec::new(),
            frames: Vec::new(),
            at: At {
                code: empty,
                function: 0,
                next: 0,
                base: 0,
            },
            top: 0,
            native: false,
            #[cfg(cop_jit)]
            ground: None,
            trace: Vec::new(),
            notes: None,
        }
    }

    /// Notes where it stands, and the frames of this stretch of interpretation.
    #[cold]
    fn note_trace(&mut self) {
        if self.at.function != NONE {
            let here = position(self.at.function, self.at.code, self.at.next);
            self.trace.push(here);
        }
        while let Some(frame) = self.frames.pop_if(|f| f.function != NONE) {
            self.trace
                .push(position(frame.function, frame.code, frame.next));
        }
        self.frames.pop();
    }

    /// Runs an entry point with these arguments, one slot each, and gives the first slot of its result.
    pub fn run(&mut self, function: u32, args: &[u64]) -> Run<u64> {
        let mut results = [0; 1];
        self.call(function, args, &mut results)?;
        // The end of the run is a checkpoint, too.
        if let Err(stop) = self.machine.checkpoint() {
            match native::last_return(self) {
                Some(position) => self.trace.push(position),
                None => self.note_trace(),
            }
            return Err(stop);
        }
        Ok(results[0])
    }

    /// Machine code calls what was not compiled with it. What is called often is compiled after all.
    #[cfg(cop_jit)]
    pub(crate) fn note_late_call(&self, function: u32) {
        /// Calls after which it pays.
        const OFTEN: u32 = 256;
        let Ok(code) = self.program.code(function) else {
            return;
        };
        let calls = code
            .calls
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // Again after as many, in case that nobody listened.
        if calls % OFTEN == OFTEN - 1 && code.native.get().is_none() {
            self.program.background.ask(self.program, function);
        }
    }

    /// Calls a closure, which is lent; its arguments and results are in slots.
    #[cfg(cop_jit)]
    pub(crate) fn call_closure(&mut self, cell: Ref, args: &[u64], results: &mut [u64]) -> Run<()> {
        let function = self.machine.heap.arena.u32(cell + 4) & !CLOSURE;
        let Some(row) = self.program.captures.get(function as usize) else {
            return internal("a closure without a function");
        };
        self.note_late_call(function);
        let first = captured_slots(self.program, row);
        let mut all = vec![0; first + args.len()];
        self.machine.heap.load(&row.pieces, cell, &mut all);
        all[first..].copy_from_slice(args);
        self.call(function, &all, results)
    }

    /// Calls a function; its arguments and results are in slots.
    pub(crate) fn call(&mut self, function: u32, args: &[u64], results: &mut [u64]) -> Run<()> {
        let Ok(code) = self.program.code(function) else {
            return internal("a function without a form");
        };
        if self.native
            && let Some(entry) = code.native.get()
        {
            let at = std::mem::replace(&mut self.at.function, NONE);
            let ended = native::enter(self, entry, args, results);
            self.at.function = at;
            return ended;
        }
        let base = self.top;
        let end = base + (code.slots as usize).max(args.len()).max(results.len()) + 1;
        self.reserve(end);
        self.stack[base..base + args.len()].copy_from_slice(args);
        // The frame of the caller: results go to its first slots. Nothing here returns beyond it.
        self.frames.push(Frame {
            code,
            function: NONE,
            next: 0,
            base,
            d: 0,
        });
        let before = self.at;
        self.at = At {
            code,
            function,
            next: 0,
            base,
        };
        let ended = self.go_on(function, code);
        if ended.is_err() {
            self.note_trace();
        } else {
            results.copy_from_slice(&self.stack[base..base + results.len()]);
        }
        // After the outermost call it still stands at the end, for the last checkpoint.
        if !self.frames.is_empty() {
            self.at = before;
        }
        self.top = base;
        ended
    }

    fn go_on(&mut self, function: u32, code: &'p Code) -> Run<()> {
        #[cfg(test)]
        crate::oracle::note_call(
            &self.machine.heap,
            self.program,
            function,
            &self.stack[self.at.base..],
        );
        if let Some(recorder) = Notes::recorder(&mut self.notes) {
            let left = self.machine.left();
            recorder.enter(&self.program.package, function, 0, left);
            recorder.stack(self.machine.stack_left - code.frame_cost);
        }
        self.machine.charge(code.entry_charge);
        self.machine.stack_left -= code.frame_cost;
        if (self.machine.fuel | self.machine.stack_left) < 0 {
            self.machine.checkpoint_of_call()?;
        }
        loop {
            // Whoever does not ask for notes does not pay for them.
            let pause = match self.notes {
                Some(_) => self.interpret::<true>()?,
                None => self.interpret::<false>()?,
            };
            match pause {
                Pause::Done => return Ok(()),
                Pause::Call { entry, args } => self.enter_native(entry, args)?,
            }
        }
    }

    /// Calls machine code with the arguments at the top of the stack, and goes on after the call.
    fn enter_native(&mut self, entry: &'p Entry, args: usize) -> Run<()> {
        let mut results = vec![0; entry.results()];
        let from = self.top - args;
        let args = self.stack[from..self.top].to_vec();
        native::enter(self, entry, &args, &mut results)?;
        let Some(caller) = self.frames.pop() else {
            return internal("a return without a call");
        };
        let to = caller.base + caller.d as usize;
        self.stack[to..to + results.len()].copy_from_slice(&results);
        self.at = At {
            code: caller.code,
            function: caller.function,
            next: caller.next,
            base: caller.base,
        };
        Ok(())
    }

    fn reserve(&mut self, end: usize) {
        if self.stack.len() < end {
            self.stack.resize(end.max(self.stack.len() * 2), 0);
        }
    }

    /// Interprets from where it stands to the return of the outermost call of this stretch, or to a call that
    /// is not interpreted.
    fn interpret<const WATCHED: bool>(&mut self) -> Run<Pause<'p>> {
        let Interpreter {
            program,
            machine,
            host,
            stack,
            frames,
            at,
            top,
            native,
            notes,
            ..
        } = self;
        let program: &'p Inner = program;
        let At {
            mut code,
            mut function,
            mut next,
            mut base,
        } = *at;
        // The slots of the frame at work: the part of the stack from `base` on.
        let mut frame: &mut [u64] = &mut stack[base..];

        // A slot of the frame.
        macro_rules! slot {
            ($slot:expr) => {
                frame[$slot as usize]
            };
        }
        // An integer in a slot.
        macro_rules! int {
            ($slot:expr) => {
                slot!($slot) as i64
            };
        }
        // Something that may end the run: notes where it stands if it does.
        macro_rules! may {
            ($result:expr) => {
                match $result {
                    Ok(value) => value,
                    Err(stop) => {
                        *at = At {
                            code,
                            function,
                            next,
                            base,
                        };
                        return Err(stop);
                    }
                }
            };
        }
        // Arithmetic that traps beyond 64 bits.
        macro_rules! arithmetic {
            ($method:ident, $d:expr, $a:expr, $b:expr) => {{
                let (a, b) = (int!($a), int!($b));
                match a.$method(b) {
                    Some(result) => slot!($d) = result as u64,
                    None => may!(trap(TrapKind::IntegerOverflow, a, b)),
                }
            }};
        }
        macro_rules! call {
            ($callee:expr, $args:expr, $d:expr, $callee_code:expr, $first:expr, $captures:expr) => {{
                let callee_code: &'p Code = $callee_code;
                let new_base = base + code.slots as usize;
                let args = &code.slot_lists[$args as usize];
                let end = new_base + (callee_code.slots as usize).max(args.len() + $first);
                frames.push(Frame {
                    code,
                    function,
                    next,
                    base,
                    d: $d,
                });
                if let Some(entry) = callee_code.native.get()
                    && *native
                {
                    if stack.len() < end {
                        stack.resize(end.max(stack.len() * 2), 0);
                    }
                    for (i, &s) in args.iter().enumerate() {
                        stack[new_base + $first + i] = stack[base + s as usize];
                    }
                    $captures(machine, &mut stack[new_base..end]);
                    // Whoever asks where it stands is told by the machine code.
                    at.function = NONE;
                    *top = new_base + $first + args.len();
                    return Ok(Pause::Call {
                        entry,
                        args: $first + args.len(),
                    });
                }
                if WATCHED && let Some(recorder) = Notes::recorder(notes) {
                    let site = position(function, code, next).instruction;
                    recorder.enter(&program.package, $callee, site, machine.left());
                    recorder.stack(machine.stack_left - callee_code.frame_cost);
                }
                machine.charge(callee_code.entry_charge);
                machine.stack_left -= callee_code.frame_cost;
                if (machine.fuel | machine.stack_left) < 0 {
                    *at = At {
                        code: callee_code,
                        function: $callee,
                        next: 0,
                        base: new_base,
                    };
                    machine.checkpoint_of_call()?;
                }
                if stack.len() < end {
                    stack.resize(end.max(stack.len() * 2), 0);
                }
                for (i, &s) in args.iter().enumerate() {
                    stack[new_base + $first + i] = stack[base + s as usize];
                }
                frame = &mut stack[new_base..end];
                #[cfg(test)]
                if $first == 0 {
                    crate::oracle::note_call(&machine.heap, program, $callee, frame);
                }
                code = callee_code;
                function = $callee;
                base = new_base;
                next = 0;
            }};
        }

        loop {
            let insn = code.insns[next];
            next += 1;
            if WATCHED && let Some(recorder) = Notes::recorder(notes) {
                let here = position(function, code, next);
                recorder.begin(insn, here.instruction, machine.left());
            }
            if WATCHED && let Some(Notes::Steps(watching)) = notes {
                let here = position(function, code, next);
                let watched = watching.at(here, base, frames, stack, machine, program);
                if watched == Watched::End {
                    may!(Err(Box::new(Stop::Refused(ENDED.to_owned()))));
                }
                frame = &mut stack[base..];
            }
            match insn {
                Insn::Charge(fuel) => machine.charge(u64::from(fuel)),
                Insn::Head(fuel) => {
                    machine.charge(u64::from(fuel));
                    if machine.fuel < 0 {
                        may!(machine.checkpoint());
                    }
                }
                Insn::Jump(to) => next = to as usize,
                Insn::JumpIfNot { c, to } => {
                    if slot!(c) == 0 {
                        next = to as usize;
                    }
                }
                Insn::JumpIfNotLt { a, b, to } => {
                    if int!(a) >= int!(b) {
                        next = to as usize;
                    }
                }
                Insn::JumpIfNotLe { a, b, to } => {
                    if int!(a) > int!(b) {
                        next = to as usize;
                    }
                }
                Insn::JumpIfNotEq { a, b, to } => {
                    if slot!(a) != slot!(b) {
                        next = to as usize;
                    }
                }
                Insn::SwitchSlot { s, table } => {
                    match code.switches[table as usize].get(slot!(s) as usize) {
                        Some(to) => next = *to as usize,
                        None => may!(internal("no such variant")),
                    }
                }
                Insn::SwitchCell { s, table, wide } => {
                    let tag = cell_tag(machine, slot!(s) as u32, wide);
                    match code.switches[table as usize].get(tag as usize) {
                        Some(to) => next = *to as usize,
                        None => may!(internal("no such variant")),
                    }
                }
                Insn::SwitchSome { s, none, some } => {
                    next = if slot!(s) == 0 { none } else { some } as usize
                }
                Insn::ForStart { index, limit, exit } => {
                    if int!(index) >= int!(limit) {
                        next = exit as usize;
                    }
                }
                Insn::ForStep { index, limit, head } => {
                    let turn = int!(index).wrapping_add(1);
                    slot!(index) = turn as u64;
                    if turn < int!(limit) {
                        next = head as usize;
                    }
                }
                Insn::Call {
                    function: callee,
                    args,
                    d,
                } => {
                    let Ok(callee_code) = program.code(callee) else {
                        may!(internal("a function without a form"));
                        continue;
                    };
                    call!(
                        callee,
                        args,
                        d,
                        callee_code,
                        0,
                        |_: &mut Machine, _: &mut [u64]| {}
                    );
                }
                Insn::CallValue { s, args, d } => {
                    let cell = slot!(s) as u32;
                    let callee = machine.heap.arena.u32(cell + 4) & !CLOSURE;
                    let (Ok(callee_code), Some(row)) =
                        (program.code(callee), program.captures.get(callee as usize))
                    else {
                        may!(internal("a function without a form"));
                        continue;
                    };
                    let first = captured_slots(program, row);
                    let load = |machine: &mut Machine, slots: &mut [u64]| {
                        machine.heap.load(&row.pieces, cell, slots);
                    };
                    call!(callee, args, d, callee_code, first, load);
                    load(machine, frame);
                    #[cfg(test)]
                    if first > 0 {
                        crate::oracle::note_call(&machine.heap, program, function, frame);
                    }
                }
                Insn::Ret { values } => {
                    let values = &code.slot_lists[values as usize];
                    #[cfg(test)]
                    {
                        let slots: Vec<u64> = values.iter().map(|s| slot!(*s)).collect();
                        crate::oracle::note_return(&machine.heap, program, function, &slots);
                    }
                    if WATCHED && let Some(recorder) = Notes::recorder(notes) {
                        recorder.leave(machine.left());
                    }
                    let Some(caller) = frames.pop() else {
                        return internal("a return without a call");
                    };
                    machine.stack_left += code.frame_cost;
                    let to = caller.base + caller.d as usize;
                    if caller.function == NONE {
                        // Results may overlap with the slots they come from.
                        let results: Vec<u64> = values.iter().map(|s| slot!(*s)).collect();
                        stack[to..to + results.len()].copy_from_slice(&results);
                        *at = At {
                            code,
                            function,
                            next,
                            base,
                        };
                        return Ok(Pause::Done);
                    }
                    for (i, &s) in values.iter().enumerate() {
                        stack[to + i] = stack[base + s as usize];
                    }
                    (code, function) = (caller.code, caller.function);
                    (next, base) = (caller.next, caller.base);
                    frame = &mut stack[base..base + code.slots as usize];
                }
                Insn::Trap {
                    kind,
                    operand,
                    message,
                } => {
                    let operand = if operand == NONE { 0 } else { int!(operand) };
                    let message = (message != NONE).then(|| {
                        let text = machine.heap.text(slot!(message) as u32);
                        String::from_utf8_lossy(text).into_owned()
                    });
                    may!(Err(Box::new(Stop::Trap {
                        kind,
                        operands: [operand, 0],
                        message
                    })))
                }
                Insn::HostCall {
                    function: callee,
                    s,
                    d,
                } => {
                    let cell = slot!(s) as u32;
                    slot!(d) = may!(host_call(machine, program, *host, callee, cell));
                }

                Insn::Move { d, s } => slot!(d) = slot!(s),
                Insn::Const { d, bits } => slot!(d) = bits,
                Insn::ShareRef { s } => machine.heap.share(slot!(s) as u32),
                Insn::DropRef { s } => machine.heap.release(slot!(s) as u32),
                Insn::TagSome { d, s } => slot!(d) = u64::from(slot!(s) != 0),
                Insn::Get8 { d, list, index } => {
                    let list = slot!(list) as u32;
                    let i = may!(check_index(int!(index), machine.heap.length(list)));
                    slot!(d) = machine.heap.arena.u64(list + SEQUENCE + i * 8);
                }
                Insn::Get4 { d, list, index } => {
                    let list = slot!(list) as u32;
                    let i = may!(check_index(int!(index), machine.heap.length(list)));
                    slot!(d) = u64::from(machine.heap.arena.u32(list + SEQUENCE + i * 4));
                }
                Insn::Get1 { d, list, index } => {
                    let list = slot!(list) as u32;
                    let i = may!(check_index(int!(index), machine.heap.length(list)));
                    slot!(d) = u64::from(machine.heap.arena.u8(list + SEQUENCE + i));
                }
                Insn::Set8 { list, index, s } => {
                    let list = slot!(list) as u32;
                    let i = may!(check_index(int!(index), machine.heap.length(list)));
                    let word = slot!(s);
                    machine.heap.arena.set_u64(list + SEQUENCE + i * 8, word);
                }
                Insn::Add { d, a, b } => arithmetic!(checked_add, d, a, b),
                Insn::Sub { d, a, b } => arithmetic!(checked_sub, d, a, b),
                Insn::Mul { d, a, b } => arithmetic!(checked_mul, d, a, b),
                Insn::Lt { d, a, b } => slot!(d) = u64::from(int!(a) < int!(b)),
                Insn::Le { d, a, b } => slot!(d) = u64::from(int!(a) <= int!(b)),
                Insn::Eq { d, a, b } => slot!(d) = u64::from(slot!(a) == slot!(b)),
                Insn::Scalar { op, d, a, b } => slot!(d) = may!(scalar(op, slot!(a), slot!(b))),
                Insn::Get { .. }
                | Insn::Set { .. }
                | Insn::Update { .. }
                | Insn::Op { .. }
                | Insn::Constant { .. }
                | Insn::NewList { .. }
                | Insn::NewTable { .. }
                | Insn::NewCell { .. }
                | Insn::NewClosure { .. }
                | Insn::Share { .. }
                | Insn::Drop { .. }
                | Insn::Unique { .. }
                | Insn::UniqueInside { .. }
                | Insn::CheckSlot { .. }
                | Insn::CheckCell { .. }
                | Insn::CheckSome { .. }
                | Insn::Open { .. }
                | Insn::TagCell { .. }
                | Insn::Put { .. }
                | Insn::Take { .. } => {
                    may!(step(machine, program, code, insn, frame));
                    if WATCHED && machine.copied > 0 {
                        let here = position(function, code, next);
                        note_copy(notes, here, frames, std::mem::take(&mut machine.copied));
                    }
                }
            }
        }
    }
}

/// The instruction that was run last.
fn position(function: u32, code: &Code, next: usize) -> Position {
    Position {
        function,
        // At function entry nothing was run yet, and the position is the first instruction.
        instruction: next
            .checked_sub(1)
            .and_then(|at| code.positions.get(at))
            .copied()
            .unwrap_or(0),
    }
}

/// Most positions that are kept of where a copy was made.
const CALLS_KEPT: usize = 16;

/// Adds a copy to those that were made at the same place by way of the same calls.
#[cold]
fn note_copy(notes: &mut Option<Notes>, here: Position, frames: &[Frame], bytes: u64) {
    match notes {
        Some(Notes::Copies(copies)) => {
            let calls = frames.iter().rev().take_while(|f| f.function != NONE);
            let calls = calls.map(|f| position(f.function, f.code, f.next));
            let trace: Vec<Position> = [here].into_iter().chain(calls).take(CALLS_KEPT).collect();
            *copies.entry(trace).or_insert(0) += bytes;
        }
        Some(Notes::Profile(recorder)) => recorder.copied(here.instruction, bytes),
        Some(Notes::Steps(_)) | None => {}
    }
}

/// How many slots a closure's captures take.
fn captured_slots(program: &Inner, row: &Row) -> usize {
    row.parts.last().map_or(0, |part| {
        let width = program.shapes.get(part.ty.0).map_or(0, |s| s.slots);
        (part.slot + width) as usize
    })
}

/// The tag of a boxed sum.
pub fn cell_tag(machine: &Machine, cell: Ref, wide: bool) -> u32 {
    let arena = &machine.heap.arena;
    if wide {
        u32::from(arena.u16(cell + HEADER))
    } else {
        u32::from(arena.u8(cell + HEADER))
    }
}

/// Asks the host. Checkpoints before the call, after the charge for its argument, and after the charge for its
/// answer.
pub fn host_call(
    machine: &mut Machine,
    program: &Inner,
    host: &mut dyn Host,
    function: u32,
    argument: Ref,
) -> Run<u64> {
    let Some(callee) = program.package.host_functions.get(function as usize) else {
        return internal("no such host function");
    };
    if machine.heap.arena.is_broken() {
        return internal("the heap is broken");
    }
    let size = u64::from(machine.heap.length(argument));
    machine.pay_bytes(size)?;
    let argument = machine.heap.text(argument);
    match host.call(&callee.interface, &callee.name, argument) {
        Answer::Bytes(answer) => {
            machine.check_count(answer.len() as u64)?;
            machine.pay_bytes(answer.len() as u64)?;
            Ok(u64::from(machine.new_text(program.bytes, &answer)?))
        }
        Answer::Trap(kind, operands) => trap(kind, operands[0], operands[1]),
        Answer::Stop => Err(Box::new(Stop::Stopped)),
        Answer::Refuse(reason) => Err(Box::new(Stop::Refused(reason))),
    }
}
