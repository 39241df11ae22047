//! The interpreter: one loop over flat instructions, with an explicit stack of frames.

use cop_bytecode::TrapKind;

use crate::flat::{Code, Insn, NONE, Tag};
use crate::heap::{HEADER, SEQUENCE};
use crate::host::{Answer, Host};
use crate::list::check_index;
use crate::machine::{Machine, Run, Stop, internal, trap};
use crate::memory::Ref;
use crate::path::{Access, check_byte, check_tag};
use crate::program::Inner;
use crate::run::Position;
use crate::scalar::scalar;
use crate::shape::CLOSURE;
use crate::update::check_arguments;

/// A frame that waits for a call to return.
struct Frame<'p> {
    code: &'p Code,
    function: u32,
    /// Instruction to go on with.
    next: usize,
    base: usize,
    /// Where the call's results go.
    d: u32,
}

/// Interprets a program's functions.
pub struct Interpreter<'p, 'h> {
    program: &'p Inner,
    /// Heap, fuel, stack.
    pub machine: Machine<'p>,
    host: &'h mut dyn Host,
    /// Cells of the constants.
    constants: Vec<Ref>,
    stack: Vec<u64>,
    frames: Vec<Frame<'p>>,
    /// Where it stands, for positions of traps.
    at: At<'p>,
}

#[derive(Clone, Copy)]
struct At<'p> {
    code: &'p Code,
    function: u32,
    next: usize,
}

impl<'p, 'h> Interpreter<'p, 'h> {
    /// An interpreter that has run nothing yet. `constants` are the cells of the package's constants.
    pub fn new(
        program: &'p Inner,
        machine: Machine<'p>,
        host: &'h mut dyn Host,
        constants: Vec<Ref>,
        empty: &'p Code,
    ) -> Self {
        Interpreter {
            program,
            machine,
            host,
            constants,
            stack: Vec::new(),
            frames: Vec::new(),
            at: At {
                code: empty,
                function: 0,
                next: 0,
            },
        }
    }

    /// Where it stands, and the calls that led there, innermost first.
    pub fn backtrace(&self) -> Vec<Position> {
        let position = |function: u32, code: &Code, next: usize| Position {
            function,
            // At function entry nothing was run yet, and the position is the first instruction.
            instruction: next
                .checked_sub(1)
                .and_then(|at| code.positions.get(at))
                .copied()
                .unwrap_or(0),
        };
        let here = position(self.at.function, self.at.code, self.at.next);
        let callers = self.frames.iter().rev().filter(|f| f.function != NONE);
        std::iter::once(here)
            .chain(callers.map(|f| position(f.function, f.code, f.next)))
            .collect()
    }

    /// Calls a function with these arguments, one slot each, and gives the first slot of its result.
    pub fn call(&mut self, function: u32, args: &[u64]) -> Run<u64> {
        let Ok(code) = self.program.code(function) else {
            return internal("a function without a form");
        };
        self.stack = vec![0; (code.slots as usize).max(args.len()) + 1];
        self.stack[..args.len()].copy_from_slice(args);
        // The frame of the host: results go to its first slot. Nothing returns beyond it.
        self.frames.push(Frame {
            code,
            function: NONE,
            next: 0,
            base: 0,
            d: 0,
        });
        self.enter(code, function)?;
        self.interpret(code, function)?;
        Ok(self.stack.first().copied().unwrap_or(0))
    }

    /// Charges for entering a function; a checkpoint, at its first instruction.
    #[inline]
    fn enter(&mut self, code: &'p Code, function: u32) -> Run<()> {
        self.machine.charge(code.entry_charge);
        self.machine.stack_left -= code.frame_cost;
        if (self.machine.fuel | self.machine.stack_left) < 0 {
            self.at = At {
                code,
                function,
                next: 0,
            };
            if self.machine.stack_left < 0 {
                return trap(TrapKind::StackOverflow, 0, 0);
            }
            return self.machine.checkpoint();
        }
        Ok(())
    }

    /// Runs from a function's beginning to the return of the outermost call.
    fn interpret(&mut self, code: &'p Code, function: u32) -> Run<()> {
        let Interpreter {
            program,
            machine,
            host,
            constants,
            stack,
            frames,
            at,
        } = self;
        let program: &'p Inner = program;
        let (mut code, mut function) = (code, function);
        let (mut base, mut next) = (0usize, 0usize);
        // The slots of the frame at work: the part of the stack from `base` on.
        let mut frame: &mut [u64] = &mut stack[..];
        #[cfg(test)]
        crate::oracle::note_call(&machine.heap, program, function, frame);

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
            ($callee:expr, $args:expr, $d:expr, $callee_code:expr, $first:expr) => {{
                let callee_code: &'p Code = $callee_code;
                let new_base = base + code.slots as usize;
                let args = &code.slot_lists[$args as usize];
                let end = new_base + (callee_code.slots as usize).max(args.len() + $first);
                machine.charge(callee_code.entry_charge);
                machine.stack_left -= callee_code.frame_cost;
                frames.push(Frame {
                    code,
                    function,
                    next,
                    base,
                    d: $d,
                });
                if (machine.fuel | machine.stack_left) < 0 {
                    *at = At {
                        code: callee_code,
                        function: $callee,
                        next: 0,
                    };
                    if machine.stack_left < 0 {
                        return trap(TrapKind::StackOverflow, 0, 0);
                    }
                    machine.checkpoint()?;
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
                    call!(callee, args, d, callee_code, 0);
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
                    let first: u32 = row.parts.last().map_or(0, |part| {
                        let width = program.shapes.get(part.ty.0).map_or(0, |s| s.slots);
                        part.slot + width
                    });
                    call!(callee, args, d, callee_code, first as usize);
                    machine.heap.load(&row.pieces, cell, &mut *frame);
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
                    if frames.len() == 1 {
                        // The end of the run is a checkpoint, too.
                        may!(machine.checkpoint());
                        stack[0] = values.first().map_or(0, |s| stack[base + *s as usize]);
                        *at = At {
                            code,
                            function,
                            next,
                        };
                        return Ok(());
                    }
                    let Some(caller) = frames.pop() else {
                        return internal("a return without a call");
                    };
                    machine.stack_left += code.frame_cost;
                    let to = caller.base + caller.d as usize;
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
                Insn::Constant { d, index } => {
                    slot!(d) = u64::from(constants.get(index as usize).copied().unwrap_or(0));
                }
                Insn::NewList { plan, d } => {
                    let plan = &code.lists[plan as usize];
                    let (item, stride) = may!(machine.items_of(plan.ty));
                    let list = may!(machine.new_sequence(plan.ty, plan.items.len() as u64, stride));
                    for (i, &s) in plan.items.iter().enumerate() {
                        let at = list + SEQUENCE + i as u32 * stride;
                        machine.heap.store(&item.pieces, at, &frame[s as usize..]);
                    }
                    slot!(d) = u64::from(list);
                }
                Insn::NewTable { ty, d } => {
                    slot!(d) = match machine.heap.new_table(ty) {
                        Ok(cell) => u64::from(cell),
                        Err(why) => may!(machine.no_room(why)),
                    };
                }
                Insn::NewCell { plan, d } | Insn::NewClosure { plan, d } => {
                    let plan = &code.cells[plan as usize];
                    let cell = may!(machine.allocate(u64::from(plan.size), plan.ty));
                    match plan.tag {
                        Tag::None => {}
                        Tag::Narrow(tag) => machine.heap.arena.set_u8(cell + HEADER, tag),
                        Tag::Wide(tag) => machine.heap.arena.set_u16(cell + HEADER, tag),
                        Tag::Function(callee) => machine.heap.arena.set_u32(cell + HEADER, callee),
                    }
                    machine.heap.store(&plan.pieces, cell, &*frame);
                    slot!(d) = u64::from(cell);
                }
                Insn::ShareRef { s } => machine.heap.share(slot!(s) as u32),
                Insn::Share { s, ty } => {
                    if let Some(shape) = machine.heap.shape(ty) {
                        machine.heap.share_slots(&shape.refs, &frame[s as usize..]);
                    }
                }
                Insn::DropRef { s } => machine.heap.release(slot!(s) as u32),
                Insn::Drop { s, ty } => {
                    if let Some(shape) = machine.heap.shape(ty) {
                        machine
                            .heap
                            .release_slots(&shape.refs, &frame[s as usize..]);
                    }
                }
                Insn::Unique { s } => {
                    let cell = slot!(s) as u32;
                    // An option of one slot may have nothing in it.
                    if cell != 0 && !machine.heap.is_unique(cell) {
                        slot!(s) = u64::from(may!(machine.unique(cell)));
                    }
                }
                Insn::UniqueInside { s, slot, ty } => {
                    let refs = machine.heap.shape(ty).map_or(&[][..], |shape| &shape.refs);
                    if machine
                        .heap
                        .holds_reference(refs, &frame[s as usize..], slot)
                    {
                        let cell = slot!(s + slot) as u32;
                        if cell != 0 && !machine.heap.is_unique(cell) {
                            slot!(s + slot) = u64::from(may!(machine.unique(cell)));
                        }
                    }
                }
                Insn::CheckSlot { s, variant } => may!(check_tag(slot!(s) as u32, variant)),
                Insn::CheckCell { s, variant, wide } => {
                    may!(check_tag(cell_tag(machine, slot!(s) as u32, wide), variant));
                }
                Insn::CheckSome { s, variant } => {
                    may!(check_tag(u32::from(slot!(s) != 0), variant))
                }
                Insn::Open { s, d, ty } => {
                    let cell = slot!(s) as u32;
                    may!(machine.open(cell, ty, &mut *frame, d));
                }
                Insn::TagCell { d, s, wide } => {
                    slot!(d) = u64::from(cell_tag(machine, slot!(s) as u32, wide))
                }
                Insn::TagSome { d, s } => slot!(d) = u64::from(slot!(s) != 0),

                Insn::Get { path, d } => {
                    let path = &code.paths[path as usize];

                    let place = may!(machine.walk(path, &mut *frame, Access::Read));
                    may!(machine.read(place, path.ty, &mut *frame, d));
                }
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
                Insn::Set { path, s } => {
                    let path = &code.paths[path as usize];

                    if let crate::flat::PathEnd::Byte = path.end {
                        may!(check_byte(frame[s as usize] as i64));
                    }
                    let place = may!(machine.walk(path, &mut *frame, Access::Update));
                    machine.release_place(place, path.ty, &*frame);
                    may!(machine.write(place, path.ty, &mut *frame, s));
                }
                Insn::Set8 { list, index, s } => {
                    let list = slot!(list) as u32;
                    let i = may!(check_index(int!(index), machine.heap.length(list)));
                    let word = slot!(s);
                    machine.heap.arena.set_u64(list + SEQUENCE + i * 8, word);
                }
                Insn::Put { path, s } => {
                    let path = &code.paths[path as usize];
                    let place = may!(machine.walk(path, &mut *frame, Access::Fill));
                    may!(machine.write(place, path.ty, &mut *frame, s));
                }
                Insn::Take { path, d } => {
                    let path = &code.paths[path as usize];
                    let place = may!(machine.walk(path, &mut *frame, Access::Update));

                    may!(machine.read(place, path.ty, &mut *frame, d));
                    machine.hole(place, path.ty, &mut *frame);
                }
                Insn::Update { plan, d } => {
                    let plan = &code.updates[plan as usize];
                    let path = &code.paths[plan.path as usize];

                    may!(check_arguments(machine, plan, frame));
                    let place = may!(machine.walk(path, &mut *frame, Access::Update));
                    may!(machine.update(plan, place, &mut *frame, d));
                }

                Insn::Add { d, a, b } => arithmetic!(checked_add, d, a, b),
                Insn::Sub { d, a, b } => arithmetic!(checked_sub, d, a, b),
                Insn::Mul { d, a, b } => arithmetic!(checked_mul, d, a, b),
                Insn::Lt { d, a, b } => slot!(d) = u64::from(int!(a) < int!(b)),
                Insn::Le { d, a, b } => slot!(d) = u64::from(int!(a) <= int!(b)),
                Insn::Eq { d, a, b } => slot!(d) = u64::from(slot!(a) == slot!(b)),
                Insn::Scalar { op, d, a, b } => slot!(d) = may!(scalar(op, slot!(a), slot!(b))),
                Insn::Op { plan, d } => {
                    let plan = &code.ops[plan as usize];
                    may!(machine.op(plan, program, &mut *frame, d));
                }
            }
        }
    }
}

/// The tag of a boxed sum.
fn cell_tag(machine: &Machine, cell: Ref, wide: bool) -> u32 {
    let arena = &machine.heap.arena;
    if wide {
        u32::from(arena.u16(cell + HEADER))
    } else {
        u32::from(arena.u8(cell + HEADER))
    }
}

/// Asks the host. Checkpoints before the call, after the charge for its argument, and after the charge for its
/// answer.
fn host_call(
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
    let argument = machine.heap.text(argument).to_vec();
    match host.call(&callee.interface, &callee.name, &argument) {
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
