//! Makes the interpreter's form of a function: numbers slots, turns regions into jumps, and adds up the price
//! of each block.
//!
//! **Slots.** A value lies above everything that is in scope when it is defined. A region's parameters and its
//! results begin where the region found the top, so that `next` and `exit` move values down to there; moves
//! that overlap are ordered, and a circle of them goes through one spare slot.
//!
//! **Sharing slots.** An owned value that an instruction changes is consumed, so its successor takes over its
//! slots; so do the parts of what `open` takes apart inline. What is borrowed from slots by fields alone is
//! those slots, for the root cannot change while it is in use. A copy is a copy, except from what is never
//! changed in place: values of copy types.

use std::collections::HashMap;

use cop_bytecode::cost::{FRAME_BYTES, SLOT_BYTES};
use cop_bytecode::instr::{Instr, Mode, Step, Value, ValueType};
use cop_bytecode::layout::{Body, LayoutError, Layouts, Part};
use cop_bytecode::numbering::Numbering;
use cop_bytecode::table::Kind as Argument;
use cop_bytecode::typing::{self, step_type};
use cop_bytecode::{Function, Op, Package, Type, TypeId, fuel};

use crate::flat::{
    CellPlan, Code, Insn, ListPlan, NONE, OpPlan, Path, PathEnd, PathStep, Tag, UpdatePlan,
};
use crate::memory::pinned;
use crate::shape::{self, CLOSURE, PieceKind};

/// Why a function has no form: it was not verified.
type Made<T> = Result<T, LayoutError>;

/// Makes the form of a function of the package.
///
/// # Errors
/// When the function was not verified and does not fit together.
pub fn compile(package: &Package, layouts: &mut Layouts, index: u32) -> Made<Code> {
    let function = package
        .functions
        .get(index as usize)
        .ok_or(LayoutError::Unknown)?;
    let types = typing::value_types(package, layouts, function)?;
    let mut charges = Vec::with_capacity(function.body.len());
    for instr in &function.body {
        charges.push(fuel::charge(package, layouts, &types, instr)?);
    }
    let mut compiler = Compiler {
        package,
        layouts,
        function,
        blocks: block_charges(&function.body, &charges),
        types,
        slots: Vec::new(),
        top: 0,
        most: 0,
        regions: Vec::new(),
        numbering: Numbering::new(function.params.len()),
        position: 0,
        label: 0,
        code: Code::default(),
    };
    for value in 0..function.params.len() as u32 {
        compiler.define(value)?;
    }
    for (at, instr) in function.body.iter().enumerate() {
        compiler.position = at as u32;
        compiler.instr(at, instr)?;
    }
    let mut code = compiler.code;
    code.entry_charge = compiler.blocks.first().copied().unwrap_or(0);
    code.frame_cost = (FRAME_BYTES + SLOT_BYTES * u64::from(compiler.most)) as i64;
    // One spare slot for moves in a circle. The stack's declared cost is that of the bytecode, without it.
    code.slots = compiler.most + 1;
    for insn in &mut code.insns {
        spare(insn, compiler.most);
    }
    Ok(code)
}

/// The spare slot while the frame's size is not known yet.
const SPARE: u32 = NONE - 1;

fn spare(insn: &mut Insn, slot: u32) {
    if let Insn::Move { d, s } = insn {
        for place in [d, s] {
            if *place == SPARE {
                *place = slot;
            }
        }
    }
}

/// Per instruction that begins a block, what the block charges.
fn block_charges(body: &[Instr], charges: &[u64]) -> Vec<u64> {
    let mut blocks = vec![0; body.len() + 1];
    let mut start = 0;
    for (at, instr) in body.iter().enumerate() {
        match instr {
            // Its price is part of the head block, at each turn.
            Instr::For { .. } => {
                start = at + 1;
                blocks[start] += charges[at];
            }
            Instr::Block { .. }
            | Instr::If { .. }
            | Instr::Switch { .. }
            | Instr::Loop { .. }
            | Instr::Else
            | Instr::Arm
            | Instr::End => {
                blocks[start] += charges[at];
                start = at + 1;
            }
            _ => blocks[start] += charges[at],
        }
    }
    blocks
}

/// An open region.
struct Region {
    kind: RegionKind,
    /// Where the top was, and where results go.
    top: u32,
    results: Vec<TypeId>,
    /// Jumps to be pointed at the end.
    exits: Vec<usize>,
}

enum RegionKind {
    Block,
    /// The jump to the second arm.
    If(usize),
    /// The switch, and how many arms have begun.
    Switch(Switch, u32),
    /// The head.
    Loop(u32),
    /// The head, and the slots of index and limit.
    For(u32, u32, u32),
}

#[derive(Clone, Copy)]
enum Switch {
    Table(u32),
    Some(usize),
}

struct Compiler<'a> {
    package: &'a Package,
    layouts: &'a mut Layouts,
    function: &'a Function,
    blocks: Vec<u64>,
    types: Vec<TypeId>,
    /// Per value, its first slot.
    slots: Vec<u32>,
    top: u32,
    most: u32,
    regions: Vec<Region>,
    numbering: Numbering,
    position: u32,
    /// The last instruction that is jumped to.
    label: u32,
    code: Code,
}

impl Compiler<'_> {
    fn emit(&mut self, insn: Insn) -> usize {
        self.code.insns.push(insn);
        self.code.positions.push(self.position);
        self.code.insns.len() - 1
    }

    fn here(&self) -> u32 {
        self.code.insns.len() as u32
    }

    /// Says that the next instruction is jumped to.
    fn label(&mut self) -> u32 {
        self.label = self.here();
        self.label
    }

    /// Points a jump at an instruction.
    fn patch(&mut self, insn: usize, target: u32) {
        match &mut self.code.insns[insn] {
            Insn::Jump(to)
            | Insn::JumpIfNot { to, .. }
            | Insn::JumpIfNotLt { to, .. }
            | Insn::JumpIfNotLe { to, .. }
            | Insn::JumpIfNotEq { to, .. }
            | Insn::ForStart { exit: to, .. } => *to = target,
            _ => {}
        }
    }

    /// The charge of the block that begins with the next instruction.
    fn charge_next(&mut self) {
        let charge = self.blocks[self.position as usize + 1];
        if charge > 0 {
            self.emit(Insn::Charge(u32::try_from(charge).unwrap_or(u32::MAX)));
        }
    }

    fn ty(&self, value: Value) -> Made<TypeId> {
        self.types
            .get(value.0 as usize)
            .copied()
            .ok_or(LayoutError::Unknown)
    }

    fn slot(&self, value: Value) -> Made<u32> {
        self.slots
            .get(value.0 as usize)
            .copied()
            .ok_or(LayoutError::Unknown)
    }

    fn width(&mut self, ty: TypeId) -> Made<u32> {
        Ok(self.layouts.layout(ty)?.slots.len() as u32)
    }

    fn is_copy(&mut self, ty: TypeId) -> Made<bool> {
        Ok(self.layouts.layout(ty)?.copy)
    }

    fn grow(&mut self, slots: u32) -> u32 {
        let slot = self.top;
        self.top += slots;
        self.most = self.most.max(self.top);
        slot
    }

    /// Gives the next value slots of its own; `value` is its number.
    fn define(&mut self, value: u32) -> Made<u32> {
        let ty = self.ty(Value(value))?;
        let width = self.width(ty)?;
        let slot = self.grow(width);
        self.slots.push(slot);
        Ok(slot)
    }

    /// Lets the next value be slots that exist. Its own are reserved all the same, since a frame is as large as its
    /// declared cost.
    fn define_as(&mut self, value: u32, slot: u32) -> Made<()> {
        let ty = self.ty(Value(value))?;
        let width = self.width(ty)?;
        self.grow(width);
        self.slots.push(slot);
        Ok(())
    }

    /// Slots of values, one after the other.
    fn flat_slots(&mut self, values: &[Value]) -> Made<Vec<u32>> {
        let mut all = Vec::new();
        for value in values {
            let ty = self.ty(*value)?;
            let (slot, width) = (self.slot(*value)?, self.width(ty)?);
            all.extend(slot..slot + width);
        }
        Ok(all)
    }

    fn first_slots(&self, values: &[Value]) -> Made<Vec<u32>> {
        values.iter().map(|v| self.slot(*v)).collect()
    }

    /// Moves slots to a row of slots that may overlap with them, as if all at once.
    fn moves(&mut self, sources: &[u32], first: u32) {
        let mut pending: HashMap<u32, u32> = HashMap::new();
        let mut readers: HashMap<u32, u32> = HashMap::new();
        for (i, &s) in sources.iter().enumerate() {
            let d = first + i as u32;
            if s != d {
                pending.insert(d, s);
                *readers.entry(s).or_default() += 1;
            }
        }
        let targets: Vec<u32> = (0..sources.len() as u32).map(|i| first + i).collect();
        let mut ready: Vec<u32> = targets
            .iter()
            .rev()
            .copied()
            .filter(|d| pending.contains_key(d) && !readers.contains_key(d))
            .collect();
        let mut next = 0;
        loop {
            while let Some(d) = ready.pop() {
                let Some(s) = pending.remove(&d) else {
                    continue;
                };
                self.emit(Insn::Move { d, s });
                if let Some(count) = readers.get_mut(&s) {
                    *count -= 1;
                    if *count == 0 {
                        readers.remove(&s);
                        if pending.contains_key(&s) {
                            ready.push(s);
                        }
                    }
                }
            }
            // What is left are circles, in which each slot is read once: keep the first one's content in the
            // spare slot and go round.
            while next < targets.len() && !pending.contains_key(&targets[next]) {
                next += 1;
            }
            let Some(&first) = targets.get(next) else {
                break;
            };
            self.emit(Insn::Move { d: SPARE, s: first });
            let mut d = first;
            while let Some(s) = pending.remove(&d) {
                let s_or_spare = if s == first { SPARE } else { s };
                self.emit(Insn::Move { d, s: s_or_spare });
                d = s;
            }
        }
    }

    fn open(&mut self, kind: RegionKind, top: u32, results: &[ValueType]) {
        self.regions.push(Region {
            kind,
            top,
            results: results.iter().map(|t| t.ty).collect(),
            exits: Vec::new(),
        });
    }

    fn region(&mut self, depth: u32) -> Made<&mut Region> {
        let index = self
            .regions
            .len()
            .checked_sub(depth as usize + 1)
            .ok_or(LayoutError::Unknown)?;
        Ok(&mut self.regions[index])
    }

    fn instr(&mut self, at: usize, instr: &Instr) -> Made<()> {
        let results = |callee: u32| {
            self.package
                .functions
                .get(callee as usize)
                .map(Function::call_results)
        };
        let defined = self
            .numbering
            .step(instr, results)
            .map_err(|_| LayoutError::Unknown)?;
        let first = defined.start;
        match instr {
            Instr::ConstI64(n) => self.constant(first, *n as u64)?,
            Instr::ConstF64(bits) => self.constant(first, *bits)?,
            Instr::ConstBool(b) => self.constant(first, u64::from(*b))?,
            Instr::ConstChar(c) => self.constant(first, u64::from(u32::from(*c)))?,
            Instr::ConstUnit => {
                self.define(first)?;
            }
            Instr::Const(index) => {
                let d = self.define(first)?;
                self.emit(Insn::Constant { d, index: *index });
            }

            Instr::Block { results } => {
                self.open(RegionKind::Block, self.top, results);
                self.charge_next();
            }
            Instr::If { condition, results } => {
                let c = self.slot(*condition)?;
                let jump = self.branch(c);
                self.open(RegionKind::If(jump), self.top, results);
                self.charge_next();
            }
            Instr::Else => {
                let region = self.region(0)?;
                let top = region.top;
                let RegionKind::If(jump) = region.kind else {
                    return Err(LayoutError::Unknown);
                };
                region.kind = RegionKind::Block;
                self.top = top;
                let here = self.label();
                self.patch(jump, here);
                self.charge_next();
            }
            Instr::Switch { value, results } => {
                let switch = self.switch(*value)?;
                self.open(RegionKind::Switch(switch, 1), self.top, results);
                self.charge_next();
            }
            Instr::Arm => {
                let here = self.label();
                let region = self.region(0)?;
                let top = region.top;
                let RegionKind::Switch(switch, arm) = &mut region.kind else {
                    return Err(LayoutError::Unknown);
                };
                let (switch, number) = (*switch, *arm);
                *arm += 1;
                self.top = top;
                match switch {
                    Switch::Table(table) => {
                        let targets = self
                            .code
                            .switches
                            .get_mut(table as usize)
                            .ok_or(LayoutError::Unknown)?;
                        *targets
                            .get_mut(number as usize)
                            .ok_or(LayoutError::Unknown)? = here;
                    }
                    Switch::Some(insn) => {
                        if let Insn::SwitchSome { some, .. } = &mut self.code.insns[insn] {
                            *some = here;
                        }
                    }
                }
                self.charge_next();
            }
            Instr::Loop {
                start,
                params: _,
                results,
            } => {
                let top = self.top;
                let sources = self.flat_slots(start)?;
                self.moves(&sources, top);
                for value in defined {
                    self.define(value)?;
                }
                let head = self.label();
                self.open(RegionKind::Loop(head), top, results);
                self.head();
            }
            Instr::For {
                from,
                to,
                start,
                params,
            } => self.counting_loop(*from, *to, start, params, first)?,
            Instr::End => self.end(first)?,
            Instr::Exit { depth, values } => {
                let sources = self.flat_slots(values)?;
                let target = self.region(*depth)?.top;
                self.moves(&sources, target);
                let falls_through =
                    *depth == 0 && matches!(self.function.body.get(at + 1), Some(Instr::End));
                if !falls_through {
                    let jump = self.emit(Insn::Jump(NONE));
                    self.region(*depth)?.exits.push(jump);
                }
            }
            Instr::Next { depth, values } => {
                let sources = self.flat_slots(values)?;
                let region = self.region(*depth)?;
                let target = region.top;
                match region.kind {
                    RegionKind::Loop(head) => {
                        self.moves(&sources, target);
                        self.emit(Insn::Jump(head));
                    }
                    RegionKind::For(head, index, limit) => {
                        self.moves(&sources, target);
                        self.emit(Insn::ForStep { index, limit, head });
                        let jump = self.emit(Insn::Jump(NONE));
                        self.region(*depth)?.exits.push(jump);
                    }
                    _ => return Err(LayoutError::Unknown),
                }
            }
            Instr::Ret { values } => {
                let slots = self.flat_slots(values)?;
                self.code.slot_lists.push(slots);
                let values = self.code.slot_lists.len() as u32 - 1;
                self.emit(Insn::Ret { values });
            }
            Instr::Trap {
                kind,
                operand,
                message,
            } => {
                let slot = |v: Option<Value>| v.map_or(Ok(NONE), |v| self.slot(v));
                let (operand, message) = (slot(*operand)?, slot(*message)?);
                self.emit(Insn::Trap {
                    kind: *kind,
                    operand,
                    message,
                });
            }

            Instr::New { ty, variant, parts } => self.new_value(first, *ty, *variant, parts)?,
            Instr::Get { value, path } => self.get(first, *value, path)?,
            Instr::Set { value, path, new } => {
                let (root, s) = (self.successor(first, *value)?, self.slot(*new)?);
                if let [Step::Index(index)] = path[..]
                    && self.item_kind(*value)? == Some(ItemKind::Plain8)
                {
                    let index = self.slot(index)?;
                    self.emit(Insn::Set8 {
                        list: root,
                        index,
                        s,
                    });
                    return Ok(());
                }
                let ty = self.ty(*value)?;
                let path = self.path(root, ty, path)?;
                self.emit(Insn::Set { path, s });
            }
            Instr::Put { value, path, new } => {
                let (root, s) = (self.successor(first, *value)?, self.slot(*new)?);
                let ty = self.ty(*value)?;
                let path = self.path(root, ty, path)?;
                self.emit(Insn::Put { path, s });
            }
            Instr::Take { value, path } => {
                // The part has the first number, but the whole may have to be copied first.
                let (from, ty) = (self.slot(*value)?, self.ty(*value)?);
                let d = self.define(first)?;
                let root = if self.is_copy(ty)? {
                    let root = self.define(first + 1)?;
                    let width = self.width(ty)?;
                    self.moves(&(from..from + width).collect::<Vec<_>>(), root);
                    root
                } else {
                    self.define_as(first + 1, from)?;
                    from
                };
                let path = self.path(root, ty, path)?;
                self.emit(Insn::Take { path, d });
            }
            Instr::Update {
                op,
                value,
                path,
                args,
            } => {
                let args = self.first_slots(args)?;
                let root = self.successor(first, *value)?;
                let whole = self.ty(*value)?;
                let path = self.path(root, whole, path)?;
                let (d, ty) = if defined.len() > 1 {
                    (self.define(first + 1)?, self.ty(Value(first + 1))?.0)
                } else {
                    (NONE, NONE)
                };
                self.code.updates.push(UpdatePlan {
                    op: *op,
                    path,
                    args,
                    ty,
                });
                let plan = self.code.updates.len() as u32 - 1;
                self.emit(Insn::Update { plan, d });
            }
            Instr::Dup(value) => {
                let (s, ty) = (self.slot(*value)?, self.ty(*value)?);
                let d = self.define(first)?;
                let width = self.width(ty)?;
                self.moves(&(s..s + width).collect::<Vec<_>>(), d);
                if self.is_reference(ty)? {
                    self.emit(Insn::ShareRef { s: d });
                } else if !self.is_copy(ty)? {
                    self.emit(Insn::Share { s: d, ty: ty.0 });
                }
            }
            Instr::Drop(value) => {
                let (s, ty) = (self.slot(*value)?, self.ty(*value)?);
                if self.is_reference(ty)? {
                    self.emit(Insn::DropRef { s });
                } else if !self.is_copy(ty)? {
                    self.emit(Insn::Drop { s, ty: ty.0 });
                }
            }
            Instr::Unique { value, slot } => {
                let root = self.successor(first, *value)?;
                self.emit(Insn::Unique { s: root + slot });
            }
            Instr::Open { value, variant, .. } => self.take_apart(first, *value, *variant)?,
            Instr::Tag(value) => {
                let (s, ty) = (self.slot(*value)?, self.ty(*value)?);
                let d = self.define(first)?;
                let layout = self.layouts.layout(ty)?;
                match &layout.body {
                    Body::Sum { tag_width, .. } if layout.boxed => {
                        let wide = *tag_width == 2;
                        self.emit(Insn::TagCell { d, s, wide })
                    }
                    Body::Sum { .. } => self.emit(Insn::Move { d, s }),
                    Body::OptionRef(_) => self.emit(Insn::TagSome { d, s }),
                    _ => return Err(LayoutError::Unknown),
                };
            }

            Instr::Op { op, ty: _, args } => self.op(first, *op, args)?,
            Instr::Call { function, args } => {
                let args = self.call_args(args)?;
                let d = self.define_all(defined)?;
                self.emit(Insn::Call {
                    function: *function,
                    args,
                    d,
                });
            }
            Instr::CallValue { callee, args, .. } => {
                let (s, args) = (self.slot(*callee)?, self.call_args(args)?);
                let d = self.define_all(defined)?;
                self.emit(Insn::CallValue { s, args, d });
            }
            Instr::Closure {
                ty: _,
                function,
                captures,
            } => {
                let callee = self
                    .package
                    .functions
                    .get(*function as usize)
                    .ok_or(LayoutError::Unknown)?;
                let types: Vec<TypeId> = callee
                    .params
                    .iter()
                    .take(callee.captures as usize)
                    .map(|p| p.ty)
                    .collect();
                let (parts, size) = self.layouts.closure(&types)?;
                let pieces = self.part_pieces(&parts, captures)?;
                self.code.cells.push(CellPlan {
                    ty: CLOSURE | function,
                    size,
                    tag: Tag::Function(*function),
                    pieces,
                });
                let plan = self.code.cells.len() as u32 - 1;
                let d = self.define(first)?;
                self.emit(Insn::NewClosure { plan, d });
            }
            Instr::HostCall {
                function, argument, ..
            } => {
                let s = self.slot(*argument)?;
                let d = self.define(first)?;
                self.emit(Insn::HostCall {
                    function: *function,
                    s,
                    d,
                });
            }
        }
        Ok(())
    }

    fn constant(&mut self, value: u32, bits: u64) -> Made<()> {
        let d = self.define(value)?;
        self.emit(Insn::Const { d, bits });
        Ok(())
    }

    /// The jump that an `if` makes when its condition does not hold. A comparison that made the condition just
    /// before stays, for its result may be used again; the branch does not wait for it.
    fn branch(&mut self, c: u32) -> usize {
        let fused = match self.code.insns.last() {
            // Another way leads here, on which the result was made by something else.
            _ if self.label == self.here() => None,
            Some(&Insn::Lt { d, a, b }) if d == c => Some(Insn::JumpIfNotLt { a, b, to: NONE }),
            Some(&Insn::Le { d, a, b }) if d == c => Some(Insn::JumpIfNotLe { a, b, to: NONE }),
            Some(&Insn::Eq { d, a, b }) if d == c => Some(Insn::JumpIfNotEq { a, b, to: NONE }),
            _ => None,
        };
        self.emit(fused.unwrap_or(Insn::JumpIfNot { c, to: NONE }))
    }

    fn switch(&mut self, value: Value) -> Made<Switch> {
        let (s, ty) = (self.slot(value)?, self.ty(value)?);
        let layout = self.layouts.layout(ty)?;
        let (boxed, count) = match &layout.body {
            Body::Sum { variants, .. } => (layout.boxed, variants.len()),
            Body::OptionRef(_) => {
                let none = self.here() + 1;
                let insn = self.emit(Insn::SwitchSome {
                    s,
                    none,
                    some: NONE,
                });
                return Ok(Switch::Some(insn));
            }
            _ => return Err(LayoutError::Unknown),
        };
        let mut targets = vec![NONE; count];
        targets[0] = self.here() + 1;
        self.code.switches.push(targets);
        let table = self.code.switches.len() as u32 - 1;
        self.emit(if boxed {
            Insn::SwitchCell {
                s,
                table,
                wide: count > 256,
            }
        } else {
            Insn::SwitchSlot { s, table }
        });
        Ok(Switch::Table(table))
    }

    /// The head of a loop: charges its first block there.
    fn head(&mut self) {
        let charge = self.blocks[self.position as usize + 1];
        self.emit(Insn::Head(u32::try_from(charge).unwrap_or(u32::MAX)));
    }

    fn counting_loop(
        &mut self,
        from: Value,
        to: Value,
        start: &[Value],
        params: &[ValueType],
        first: u32,
    ) -> Made<()> {
        let top = self.top;
        let (from, limit) = (self.slot(from)?, self.slot(to)?);
        let sources = self.flat_slots(start)?;
        // The index lies behind the parameters, so that these are in the place of the results from the start.
        self.moves(&sources, top);
        let index = top + sources.len() as u32;
        self.slots.push(index);
        for value in 0..params.len() as u32 {
            self.define(first + 1 + value)?;
        }
        self.grow(1);
        self.emit(Insn::Move { d: index, s: from });
        let jump = self.emit(Insn::ForStart {
            index,
            limit,
            exit: NONE,
        });
        let head = self.label();
        self.open(RegionKind::For(head, index, limit), top, params);
        self.region(0)?.exits.push(jump);
        self.head();
        Ok(())
    }

    fn end(&mut self, first: u32) -> Made<()> {
        let region = self.regions.pop().ok_or(LayoutError::Unknown)?;
        let here = self.label();
        for jump in region.exits {
            self.patch(jump, here);
        }
        self.top = region.top;
        for value in 0..region.results.len() as u32 {
            self.define(first + value)?;
        }
        self.charge_next();
        Ok(())
    }

    /// The slots of a value changed: its own if it is consumed by the change, else a copy.
    fn successor(&mut self, defined: u32, value: Value) -> Made<u32> {
        let (slot, ty) = (self.slot(value)?, self.ty(value)?);
        if self.is_copy(ty)? {
            let d = self.define(defined)?;
            let width = self.width(ty)?;
            self.moves(&(slot..slot + width).collect::<Vec<_>>(), d);
            Ok(d)
        } else {
            self.define_as(defined, slot)?;
            Ok(slot)
        }
    }

    /// Whether values of the type are one slot that is a reference or 0.
    fn is_reference(&mut self, ty: TypeId) -> Made<bool> {
        let layout = self.layouts.layout(ty)?;
        Ok(layout.boxed || matches!(layout.body, Body::Reference | Body::OptionRef(_)))
    }

    fn new_value(&mut self, value: u32, ty: TypeId, variant: u32, parts: &[Value]) -> Made<()> {
        match self.layouts.get(ty).ok_or(LayoutError::Unknown)? {
            Type::List(_) => {
                let items = self.first_slots(parts)?;
                self.code.lists.push(ListPlan { ty: ty.0, items });
                let plan = self.code.lists.len() as u32 - 1;
                let d = self.define(value)?;
                self.emit(Insn::NewList { plan, d });
                return Ok(());
            }
            Type::Map(..) | Type::Set(_) => {
                let d = self.define(value)?;
                self.emit(Insn::NewTable { ty: ty.0, d });
                return Ok(());
            }
            _ => {}
        }
        let (form, boxed) = self.form(ty)?;
        if boxed {
            return self.new_cell(value, ty, variant, parts, form);
        }
        let row = self.row(ty, variant)?;
        if row.len() != parts.len() {
            return Err(LayoutError::Unknown);
        }
        let sources = self.flat_slots(parts)?;
        let d = self.define(value)?;
        match form {
            Form::Sum { .. } => {
                self.moves(&sources, d + 1);
                self.emit(Insn::Const {
                    d,
                    bits: u64::from(variant),
                });
            }
            Form::OptionRef if variant == 0 => {
                self.emit(Insn::Const { d, bits: 0 });
            }
            _ => self.moves(&sources, d),
        }
        Ok(())
    }

    fn new_cell(
        &mut self,
        value: u32,
        ty: TypeId,
        variant: u32,
        parts: &[Value],
        form: Form,
    ) -> Made<()> {
        let tag = match form {
            Form::Product => Tag::None,
            Form::Sum { .. } if parts.is_empty() && variant < fuel::PINNED => {
                return self.constant(value, u64::from(pinned(variant)));
            }
            Form::Sum { wide: true } => Tag::Wide(variant as u16),
            Form::Sum { wide: false } => Tag::Narrow(variant as u8),
            Form::OptionRef => return Err(LayoutError::Unknown),
        };
        let row = self.row(ty, variant)?;
        let pieces = self.part_pieces(&row, parts)?;
        let sizes = &self.layouts.layout(ty)?.cell_sizes;
        let size = *sizes.get(variant as usize).ok_or(LayoutError::Unknown)?;
        self.code.cells.push(CellPlan {
            ty: ty.0,
            size,
            tag,
            pieces,
        });
        let plan = self.code.cells.len() as u32 - 1;
        let d = self.define(value)?;
        self.emit(Insn::NewCell { plan, d });
        Ok(())
    }

    /// How a type with parts is made, and whether it is boxed.
    fn form(&mut self, ty: TypeId) -> Made<(Form, bool)> {
        let layout = self.layouts.layout(ty)?;
        let form = match &layout.body {
            Body::Product(_) => Form::Product,
            Body::Sum { tag_width, .. } => Form::Sum {
                wide: *tag_width == 2,
            },
            Body::OptionRef(_) => Form::OptionRef,
            Body::Scalar | Body::Reference => return Err(LayoutError::Unknown),
        };
        Ok((form, layout.boxed))
    }

    /// The parts of a product, or of a variant.
    fn row(&mut self, ty: TypeId, variant: u32) -> Made<Vec<Part>> {
        Ok(match &self.layouts.layout(ty)?.body {
            Body::Product(parts) => parts.clone(),
            Body::Sum { variants, .. } => {
                let row = variants.get(variant as usize);
                row.ok_or(LayoutError::Unknown)?.clone()
            }
            Body::OptionRef(part) if variant == 1 => vec![*part],
            Body::OptionRef(_) => vec![],
            Body::Scalar | Body::Reference => return Err(LayoutError::Unknown),
        })
    }

    /// One part of a product, or of a variant.
    fn part(&mut self, ty: TypeId, variant: u32, field: u32) -> Made<Part> {
        let part = match &self.layouts.layout(ty)?.body {
            Body::Product(parts) => parts.get(field as usize),
            Body::Sum { variants, .. } => {
                let row = variants.get(variant as usize);
                row.and_then(|row| row.get(field as usize))
            }
            Body::OptionRef(part) => Some(part),
            Body::Scalar | Body::Reference => None,
        };
        part.copied().ok_or(LayoutError::Unknown)
    }

    /// What is stored where for parts that lie in slots of the frame.
    fn part_pieces(&mut self, row: &[Part], parts: &[Value]) -> Made<Vec<shape::Piece>> {
        if row.len() != parts.len() {
            return Err(LayoutError::Unknown);
        }
        let mut all = Vec::new();
        for (part, value) in row.iter().zip(parts) {
            all.extend(shape::pieces(
                self.layouts,
                part.ty,
                self.slot(*value)?,
                part.offset,
            )?);
        }
        Ok(all)
    }

    fn take_apart(&mut self, first: u32, value: Value, variant: u32) -> Made<()> {
        let (s, ty) = (self.slot(value)?, self.ty(value)?);
        let (form, boxed) = self.form(ty)?;
        let row = self.row(ty, variant)?;
        match form {
            Form::Sum { wide } if boxed => {
                self.emit(Insn::CheckCell { s, variant, wide });
            }
            Form::Sum { .. } => {
                self.emit(Insn::CheckSlot { s, variant });
            }
            Form::OptionRef => {
                self.emit(Insn::CheckSome { s, variant });
            }
            Form::Product => {}
        }
        if boxed {
            let d = self.define_all(first..first + row.len() as u32)?;
            self.emit(Insn::Open { s, d, ty: ty.0 });
        } else {
            for (i, part) in row.iter().enumerate() {
                self.define_as(first + i as u32, s + part.slot)?;
            }
        }
        Ok(())
    }

    /// Gives values slots in a row; the first of them.
    fn define_all(&mut self, values: std::ops::Range<u32>) -> Made<u32> {
        let first = self.top;
        for value in values {
            self.define(value)?;
        }
        Ok(first)
    }

    fn call_args(&mut self, args: &[Value]) -> Made<u32> {
        let slots = self.flat_slots(args)?;
        self.code.slot_lists.push(slots);
        Ok(self.code.slot_lists.len() as u32 - 1)
    }

    fn get(&mut self, defined: u32, value: Value, path: &[Step]) -> Made<()> {
        let (s, ty) = (self.slot(value)?, self.ty(value)?);
        if let [Step::Index(index)] = path
            && let Some(kind) = self.item_kind(value)?
        {
            let (list, index) = (s, self.slot(*index)?);
            let d = self.define(defined)?;
            self.emit(match kind {
                ItemKind::Plain8 => Insn::Get8 { d, list, index },
                ItemKind::Four => Insn::Get4 { d, list, index },
                ItemKind::One => Insn::Get1 { d, list, index },
            });
            return Ok(());
        }
        let made = self.make_path(s, ty, path)?;
        if let (true, PathEnd::Slots(from)) = (made.steps.is_empty(), made.end) {
            let part = TypeId(made.ty);
            if !self.is_copy(part)? || self.is_copy(ty)? || self.is_lent(value) {
                return self.define_as(defined, from);
            }
            let width = self.width(part)?;
            let d = self.define(defined)?;
            self.moves(&(from..from + width).collect::<Vec<_>>(), d);
            return Ok(());
        }
        self.code.paths.push(made);
        let path = self.code.paths.len() as u32 - 1;
        let d = self.define(defined)?;
        self.emit(Insn::Get { path, d });
        Ok(())
    }

    /// Whether a value is a parameter that is not changed during the call.
    fn is_lent(&self, value: Value) -> bool {
        let param = self.function.params.get(value.0 as usize);
        param.is_some_and(|p| matches!(p.mode, Mode::Borrow | Mode::Look))
    }

    /// How the elements of a list or of bytes are read, if each is one slot.
    fn item_kind(&mut self, list: Value) -> Made<Option<ItemKind>> {
        let ty = self.ty(list)?;
        let item = match self.layouts.get(ty) {
            Some(Type::List(item)) => *item,
            Some(Type::Bytes) => return Ok(Some(ItemKind::One)),
            _ => return Ok(None),
        };
        self.layouts.layout(item)?;
        let pieces = shape::pieces(self.layouts, item, 0, 0)?;
        Ok(match pieces[..] {
            [piece] => match piece.kind {
                PieceKind::I64 | PieceKind::F64 => Some(ItemKind::Plain8),
                PieceKind::Word | PieceKind::Ref => Some(ItemKind::Four),
                PieceKind::Bool => Some(ItemKind::One),
                PieceKind::Sum(_) => None,
            },
            _ => None,
        })
    }

    fn path(&mut self, root: u32, ty: TypeId, path: &[Step]) -> Made<u32> {
        let path = self.make_path(root, ty, path)?;
        self.code.paths.push(path);
        Ok(self.code.paths.len() as u32 - 1)
    }

    fn make_path(&mut self, root: u32, ty: TypeId, path: &[Step]) -> Made<Path> {
        let mut steps = Vec::new();
        let mut end = PathEnd::Slots(root);
        let (mut ty, mut variant) = (ty, 0);
        for step in path {
            let enter = match end {
                PathEnd::Slots(slot) => PathStep::EnterSlot(slot),
                _ => PathStep::EnterMemory,
            };
            match *step {
                Step::Field(field) => {
                    let (_, boxed) = self.form(ty)?;
                    let part = self.part(ty, variant, field)?;
                    end = match end {
                        PathEnd::Slots(slot) if !boxed => PathEnd::Slots(slot + part.slot),
                        _ => {
                            if boxed {
                                steps.push(enter);
                            }
                            if part.offset > 0 {
                                steps.push(PathStep::Offset(part.offset));
                            }
                            PathEnd::Memory
                        }
                    };
                }
                Step::Variant(variant) => steps.push(match (self.form(ty)?, end) {
                    ((Form::Sum { .. }, true), PathEnd::Slots(s)) => PathStep::CheckCellSlot {
                        s,
                        ty: ty.0,
                        variant,
                    },
                    ((Form::Sum { .. }, true), _) => {
                        PathStep::CheckCellMemory { ty: ty.0, variant }
                    }
                    ((Form::Sum { .. }, _), PathEnd::Slots(s)) => {
                        PathStep::CheckSlot { s, variant }
                    }
                    ((Form::Sum { wide }, _), _) => PathStep::CheckMemory { wide, variant },
                    ((Form::OptionRef, _), PathEnd::Slots(s)) => {
                        PathStep::CheckSomeSlot { s, variant }
                    }
                    ((Form::OptionRef, _), _) => PathStep::CheckSomeMemory { variant },
                    ((Form::Product, _), _) => return Err(LayoutError::Unknown),
                }),
                Step::Index(index) => {
                    steps.push(enter);
                    let index = self.slot(index)?;
                    match *self.layouts.get(ty).ok_or(LayoutError::Unknown)? {
                        Type::List(item) => {
                            let stride = self.layouts.layout(item)?.size;
                            steps.push(PathStep::Index { index, stride });
                            end = PathEnd::Memory;
                        }
                        _ => {
                            steps.push(PathStep::Byte { index });
                            end = PathEnd::Byte;
                        }
                    }
                }
                Step::Key(key) => {
                    steps.extend([enter, PathStep::Key(self.slot(key)?)]);
                    end = PathEnd::Memory;
                }
                Step::EntryKey(entry) => {
                    steps.extend([enter, PathStep::EntryKey(self.slot(entry)?)]);
                    end = PathEnd::Memory;
                }
                Step::EntryValue(entry) => {
                    steps.extend([enter, PathStep::EntryValue(self.slot(entry)?)]);
                    end = PathEnd::Memory;
                }
            }
            ty = step_type(self.layouts, ty, &mut variant, *step)?;
        }
        self.layouts.layout(ty)?;
        Ok(Path {
            steps,
            end,
            ty: ty.0,
        })
    }

    fn op(&mut self, defined: u32, op: Op, args: &[Value]) -> Made<()> {
        let slots = self.first_slots(args)?;
        let heapless = |kind: &Argument| {
            matches!(
                kind,
                Argument::I64 | Argument::F64 | Argument::Bool | Argument::Char
            )
        };
        let row = op.row();
        let d = self.define(defined)?;
        let insn = match (op, &slots[..]) {
            (Op::I64Add, &[a, b]) => Insn::Add { d, a, b },
            (Op::I64Sub, &[a, b]) => Insn::Sub { d, a, b },
            (Op::I64Mul, &[a, b]) => Insn::Mul { d, a, b },
            (Op::I64Lt, &[a, b]) => Insn::Lt { d, a, b },
            (Op::I64Gt, &[a, b]) => Insn::Lt { d, a: b, b: a },
            (Op::I64Le, &[a, b]) => Insn::Le { d, a, b },
            (Op::I64Ge, &[a, b]) => Insn::Le { d, a: b, b: a },
            (Op::I64Eq, &[a, b]) => Insn::Eq { d, a, b },
            (_, &[a]) if heapless(&row.result) && row.args.iter().all(heapless) => {
                Insn::Scalar { op, d, a, b: a }
            }
            (_, &[a, b]) if heapless(&row.result) && row.args.iter().all(heapless) => {
                Insn::Scalar { op, d, a, b }
            }
            _ => {
                let ty = self.ty(Value(defined))?;
                self.code.ops.push(OpPlan {
                    op,
                    args: slots,
                    ty: ty.0,
                });
                Insn::Op {
                    plan: self.code.ops.len() as u32 - 1,
                    d,
                }
            }
        };
        self.emit(insn);
        Ok(())
    }
}

/// How a type with parts is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Product,
    /// Whether the tag takes two bytes.
    Sum {
        wide: bool,
    },
    /// An option of one slot.
    OptionRef,
}

/// How an element that is one slot is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ItemKind {
    /// An integer or float.
    Plain8,
    /// A reference or character.
    Four,
    /// A truth value or byte.
    One,
}
