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

mod moves;
mod paths;
mod regions;
mod values;

use cop_bytecode::cost::{FRAME_BYTES, SLOT_BYTES};
use cop_bytecode::instr::{Instr, Step, Value};
use cop_bytecode::layout::{Body, LayoutError, Layouts};
use cop_bytecode::numbering::Numbering;
use cop_bytecode::table::Kind as Argument;
use cop_bytecode::typing;
use cop_bytecode::{Function, Op, Package, TypeId, fuel};

use crate::flat::{CellPlan, Code, Insn, NONE, OpPlan, Tag, UpdatePlan};
use crate::shape::{self, CLOSURE, PieceKind};

use moves::spare;
use paths::ItemKind;
use regions::Region;

/// Why a function has no form: it was not verified.
type Made<T> = Result<T, LayoutError>;

/// A function in the interpreter's form, with what was found out on the way.
pub struct Compiled {
    /// The form.
    pub code: Code,
    /// Per value, its first slot.
    pub slots: Vec<u32>,
    /// Per value, its type.
    pub types: Vec<TypeId>,
    /// Per instruction that begins a block, what the block charges.
    pub blocks: Vec<u64>,
}

/// Makes the form of a function of the package.
///
/// # Errors
/// When the function was not verified and does not fit together.
pub fn compile(package: &Package, layouts: &mut Layouts, index: u32) -> Made<Compiled> {
    let function = package
        .functions
        .get(index as usize)
        .ok_or(LayoutError::Unknown)?;
    let types = typing::value_types(package, layouts, function)?;
    let charges = fuel::body_charges(package, layouts, &types, function)?;
    let mut compiler = Compiler {
        package,
        layouts,
        function,
        blocks: cop_bytecode::fuel::blocks(&function.body, &charges),
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
    Ok(Compiled {
        code,
        slots: compiler.slots,
        types: compiler.types,
        blocks: compiler.blocks,
    })
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

            Instr::Block { .. }
            | Instr::If { .. }
            | Instr::Else
            | Instr::Switch { .. }
            | Instr::Arm
            | Instr::Loop { .. }
            | Instr::For { .. }
            | Instr::End
            | Instr::Exit { .. }
            | Instr::Next { .. } => self.flow(at, instr, defined)?,
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
                let ty = self.ty(*value)?;
                let pieces = shape::pieces(self.layouts, ty, 0, 0)?;
                let plain = pieces
                    .iter()
                    .any(|p| p.slot == *slot && p.kind == PieceKind::Ref);
                self.emit(if plain {
                    Insn::Unique { s: root + slot }
                } else {
                    Insn::UniqueInside {
                        s: root,
                        slot: *slot,
                        ty: ty.0,
                    }
                });
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
