//! A body that is being built: values, their owners, and where they can be used.

use cop_bytecode::layout::{Body, SlotKind};
use cop_bytecode::numbering::Numbering;
use cop_bytecode::{Function, Instr, Mode, Own, Type, TypeId, UpdateOp, Value, ValueType};

use super::{Signature, World};
use crate::Choices;

/// Who owns a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Copy,
    /// `unique` has the own slots that are known to be.
    Owned {
        live: bool,
        unique: u64,
    },
    /// By a root; `look` where no more owners may be made.
    Borrowed {
        root: Value,
        look: bool,
    },
    Capability,
}

/// What is known of a value.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    pub ty: TypeId,
    pub state: State,
    /// How many regions were open where it was defined.
    pub depth: usize,
    pub visible: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Body,
    Forward,
    Loop,
    For,
}

/// An open region.
#[derive(Clone, Debug)]
pub struct Region {
    pub kind: Kind,
    pub results: Vec<ValueType>,
    pub params: Vec<ValueType>,
    /// Owned values from outside that every way out of it consumes.
    pub threads: Vec<Value>,
}

/// Builds the body of one function.
pub struct Builder<'w> {
    pub world: &'w mut World,
    pub choices: &'w mut Choices,
    pub signature: Signature,
    pub values: Vec<Info>,
    pub regions: Vec<Region>,
    instrs: Vec<Instr>,
    numbering: Numbering,
    results: Vec<u32>,
    /// For each open region but the body, what was known at its head.
    pub heads: Vec<Vec<State>>,
    /// Instructions after which no more is begun.
    pub limit: usize,
    pub capability: Option<Value>,
    /// Owned values that the statement at hand is going to look at, so that it does not give them away before.
    pub pinned: Vec<Value>,
}

impl<'w> Builder<'w> {
    pub fn new(
        world: &'w mut World,
        choices: &'w mut Choices,
        signature: Signature,
        kv: Option<TypeId>,
    ) -> Builder<'w> {
        let count = signature.params.len();
        let mut results: Vec<u32> = world.functions.iter().map(Function::call_results).collect();
        let changed = signature.params.iter().filter(|p| p.mode == Mode::InOut);
        results.push(1 + changed.count() as u32);
        let mut builder = Builder {
            world,
            choices,
            signature: signature.clone(),
            values: vec![],
            regions: vec![Region {
                kind: Kind::Body,
                results: vec![],
                params: vec![],
                threads: vec![],
            }],
            instrs: vec![],
            numbering: Numbering::new(count),
            results,
            heads: vec![],
            limit: 0,
            capability: kv.map(|_| Value(0)),
            pinned: vec![],
        };
        for (number, param) in signature.params.iter().enumerate() {
            let root = Value(number as u32);
            let state = match param.mode {
                _ if Some(param.ty) == kv => State::Capability,
                _ if builder.is_copy(param.ty) => State::Copy,
                Mode::Borrow => State::Borrowed { root, look: false },
                Mode::Look => State::Borrowed { root, look: true },
                Mode::Own | Mode::InOut => State::Owned {
                    live: true,
                    unique: 0,
                },
            };
            builder.define(param.ty, state);
        }
        builder
    }

    pub fn finish(self) -> Vec<Instr> {
        self.instrs
    }

    pub fn length(&self) -> usize {
        self.instrs.len()
    }

    /// How many regions are open, the body not counted.
    pub fn depth(&self) -> usize {
        self.regions.len() - 1
    }

    pub fn is_copy(&mut self, ty: TypeId) -> bool {
        self.world.layouts.layout(ty).is_ok_and(|l| l.copy)
    }

    pub fn kind(&self, ty: TypeId) -> Option<Type> {
        self.world.layouts.get(ty).cloned()
    }

    pub fn ty(&self, value: Value) -> TypeId {
        self.values[value.0 as usize].ty
    }

    /// Adds an instruction; gives the number of the first value that it defines. What they are is to be said by `define`.
    pub fn emit(&mut self, instr: Instr) {
        let results = &self.results;
        let stepped = self
            .numbering
            .step(&instr, |f| results.get(f as usize).copied());
        debug_assert!(stepped.is_ok(), "{instr:?}");
        self.instrs.push(instr);
    }

    /// Defines the next value.
    pub fn define(&mut self, ty: TypeId, state: State) -> Value {
        self.values.push(Info {
            ty,
            state,
            depth: self.depth(),
            visible: true,
        });
        Value(self.values.len() as u32 - 1)
    }

    /// Defines the next value: copy, or owned with these slots unique.
    pub fn define_owned(&mut self, ty: TypeId, unique: u64) -> Value {
        let state = match self.is_copy(ty) {
            true => State::Copy,
            false => State::Owned { live: true, unique },
        };
        self.define(ty, state)
    }

    /// Adds an instruction that defines one value: copy, or owned with these slots unique.
    pub fn one(&mut self, instr: Instr, ty: TypeId, unique: u64) -> Value {
        self.emit(instr);
        self.define_owned(ty, unique)
    }

    /// Own slots of a type that always hold a reference, or none.
    pub fn references(&mut self, ty: TypeId) -> u64 {
        let Ok(layout) = self.world.layouts.layout(ty) else {
            return 0;
        };
        let kinds = layout.slots.iter().enumerate();
        kinds
            .filter(|(_, kind)| matches!(kind, SlotKind::Ref | SlotKind::OptionRef))
            .fold(0, |mask, (slot, _)| {
                mask | 1u64.checked_shl(slot as u32).unwrap_or(0)
            })
    }

    /// Whether functions are part of the type's own slots.
    pub fn holds_functions(&self, ty: TypeId) -> bool {
        matches!(self.world.layouts.get(ty), Some(Type::Fn { .. }))
    }

    pub fn is_live(&self, value: Value) -> bool {
        let info = &self.values[value.0 as usize];
        info.visible
            && match info.state {
                State::Copy => true,
                State::Owned { live, .. } => live,
                State::Borrowed { root, .. } if root == value => true,
                State::Borrowed { root, .. } => self.is_live(root),
                State::Capability => false,
            }
    }

    /// Visible values that can be looked at and fit, late ones at the end.
    pub fn usable(&self, fits: impl Fn(&Info) -> bool) -> Vec<Value> {
        let all = (0..self.values.len() as u32).map(Value);
        all.filter(|v| fits(&self.values[v.0 as usize]) && self.is_live(*v))
            .collect()
    }

    /// Whether an owned value can be consumed here.
    pub fn is_consumable(&self, value: Value) -> bool {
        let info = &self.values[value.0 as usize];
        let here = info.depth == self.depth()
            || self
                .regions
                .last()
                .is_some_and(|r| r.threads.contains(&value));
        here && info.visible
            && !self.pinned.contains(&value)
            && matches!(info.state, State::Owned { live: true, .. })
    }

    /// Owned values that can be consumed here and fit.
    pub fn consumable(&self, fits: impl Fn(&Info) -> bool) -> Vec<Value> {
        let all = (0..self.values.len() as u32).map(Value);
        all.filter(|v| fits(&self.values[v.0 as usize]) && self.is_consumable(*v))
            .collect()
    }

    /// One of these; late ones more often.
    pub fn pick(&mut self, from: &[Value]) -> Option<Value> {
        let from = match self.choices.below(3) {
            0 => from,
            _ => &from[from.len().saturating_sub(5)..],
        };
        self.choices.pick(from)
    }

    pub fn consume(&mut self, value: Value) {
        if let State::Owned { live, .. } = &mut self.values[value.0 as usize].state {
            *live = false;
        }
    }

    /// Own slots of a value, or of what it is borrowed from, have more owners now.
    pub fn share(&mut self, value: Value) {
        match &mut self.values[value.0 as usize].state {
            State::Owned { unique, .. } => *unique = 0,
            State::Borrowed { root, .. } if *root != value => {
                let root = *root;
                self.share(root);
            }
            _ => {}
        }
    }

    pub fn unique_of(&self, value: Value) -> u64 {
        match self.values[value.0 as usize].state {
            State::Owned { unique, .. } => unique,
            _ => 0,
        }
    }

    /// The root of a borrowed value, else the value itself.
    pub fn root(&self, value: Value) -> Value {
        match self.values[value.0 as usize].state {
            State::Borrowed { root, .. } => root,
            _ => value,
        }
    }

    /// Whether a value may get one more owner.
    pub fn is_shareable(&self, value: Value) -> bool {
        !matches!(
            self.values[value.0 as usize].state,
            State::Borrowed { look: true, .. }
        )
    }

    /// A value of a type to look at.
    pub fn some(&mut self, ty: TypeId) -> Value {
        let usable = self.usable(|info| info.ty == ty);
        let value = match self.pick(&usable) {
            Some(value) if !self.choices.once_in(8) => value,
            _ => self.make(ty, 0),
        };
        self.pin(value)
    }

    /// Keeps a value, and what it is borrowed from, as long as the statement at hand is made.
    pub fn pin(&mut self, value: Value) -> Value {
        let root = self.root(value);
        self.pinned.push(root);
        value
    }

    /// An integer, mostly a small one.
    pub fn int(&mut self) -> Value {
        let ty = self.world.types.int;
        match self.choices.below(3) {
            0 => self.make(ty, 0),
            _ => self.some(ty),
        }
    }

    /// A value of a type to give away.
    pub fn giveable(&mut self, ty: TypeId) -> Value {
        self.giveable_at(ty, 0)
    }

    /// The same for a part of something, so many values deep.
    fn giveable_at(&mut self, ty: TypeId, depth: usize) -> Value {
        if self.is_copy(ty) {
            return self.some(ty);
        }
        let owned = self.consumable(|info| info.ty == ty);
        if let Some(value) = self.pick(&owned)
            && !self.choices.once_in(5)
        {
            return value;
        }
        let shared = self.usable(|info| info.ty == ty);
        let shared: Vec<Value> = shared
            .into_iter()
            .filter(|v| self.is_shareable(*v))
            .collect();
        if let Some(value) = self.pick(&shared)
            && self.choices.below(2) == 0
        {
            return self.dup(value);
        }
        self.make(ty, depth)
    }

    /// A value that is given away now.
    pub fn given(&mut self, ty: TypeId) -> Value {
        let value = self.giveable(ty);
        self.consume(value);
        value
    }

    pub fn dup(&mut self, value: Value) -> Value {
        self.share(value);
        let ty = self.ty(value);
        self.one(Instr::Dup(value), ty, 0)
    }

    /// Makes these own slots unique; the value that has them so.
    pub fn make_unique(&mut self, mut value: Value, slots: u64) -> Value {
        for slot in (0..64).filter(|slot| slots >> slot & 1 == 1) {
            let known = self.unique_of(value);
            if known >> slot & 1 == 0 {
                let ty = self.ty(value);
                self.consume(value);
                let instr = Instr::Unique { value, slot };
                value = self.one(instr, ty, known | 1 << slot);
            }
        }
        value
    }

    /// A number, as a constant.
    pub fn number(&mut self, number: i64) -> Value {
        let int = self.world.types.int;
        self.one(Instr::ConstI64(number), int, 0)
    }

    /// Makes a value of a type.
    pub fn make(&mut self, ty: TypeId, depth: usize) -> Value {
        let references = self.references(ty);
        let known = self.kind(ty);
        let instr = match known {
            Some(Type::I64) => Instr::ConstI64(match self.choices.below(14) {
                12 => self.choices.up_to(u64::MAX) as i64,
                13 => [i64::MAX, i64::MIN, 1 << 32, -1, 1 << 31, 63, 64][self.choices.below(7)],
                n => n as i64 - 1,
            }),
            Some(Type::F64) => {
                let all = [
                    0.0,
                    1.0,
                    -0.0,
                    2.5,
                    1e300,
                    -7.75,
                    f64::INFINITY,
                    0.1,
                    9.3e18,
                ];
                match self.choices.below(10) {
                    9 => Instr::ConstF64(0x7ff8_0000_0000_0000),
                    n => Instr::ConstF64(f64::to_bits(all[n])),
                }
            }
            Some(Type::Bool) => Instr::ConstBool(self.choices.below(2) == 1),
            Some(Type::Char) => {
                Instr::ConstChar(['a', 'ß', ' ', '7', '😀', '\n'][self.choices.below(6)])
            }
            Some(Type::Unit) => Instr::ConstUnit,
            Some(Type::String) => {
                let value = self.choices.below(6) as u32;
                return self.one(Instr::Const(value), ty, 0);
            }
            Some(Type::Bytes) => {
                let value = 6 + self.choices.below(3) as u32;
                return self.one(Instr::Const(value), ty, 0);
            }
            Some(Type::List(element)) => {
                let count = match self.choices.below(8) {
                    _ if depth > 1 => 0,
                    0 => 0,
                    n => n.min(4),
                };
                let parts: Vec<Value> = (0..count).map(|_| self.part(element, depth + 1)).collect();
                Instr::New {
                    ty,
                    variant: 0,
                    parts: parts.into(),
                }
            }
            Some(Type::Map(key, value)) => {
                return self.table(ty, UpdateOp::MapPut, &[key, value], depth);
            }
            Some(Type::Set(of)) => return self.table(ty, UpdateOp::SetInsert, &[of], depth),
            Some(Type::Fn { .. }) => return self.closure(ty),
            _ => {
                let (variant, row) = self.some_row(ty, depth > 1);
                let parts: Vec<Value> =
                    row.into_iter().map(|ty| self.part(ty, depth + 1)).collect();
                let boxed = self.world.layouts.layout(ty).is_ok_and(|l| l.boxed);
                let instr = Instr::New {
                    ty,
                    variant,
                    parts: parts.into(),
                };
                return self.one(instr, ty, if boxed { references } else { 0 });
            }
        };
        self.one(instr, ty, references)
    }

    /// A map or set with a few entries.
    fn table(&mut self, ty: TypeId, op: UpdateOp, row: &[TypeId], depth: usize) -> Value {
        let empty = Instr::New {
            ty,
            variant: 0,
            parts: vec![].into(),
        };
        let mut table = self.one(empty, ty, 1);
        let count = if depth > 1 { 0 } else { self.choices.below(4) };
        for _ in 0..count {
            // It is not to become a part of itself.
            self.consume(table);
            let args: Vec<Value> = row.iter().map(|ty| self.part(*ty, depth + 1)).collect();
            let instr = Instr::Update {
                op,
                value: table,
                path: vec![].into(),
                args: args.into(),
            };
            table = self.one(instr, ty, 1);
            if op == UpdateOp::SetInsert {
                let bool = self.world.types.bool;
                self.define_owned(bool, 0);
            }
        }
        table
    }

    /// A value that becomes a part of another.
    fn part(&mut self, ty: TypeId, depth: usize) -> Value {
        let value = match self.choices.below(2) {
            0 => self.make(ty, depth),
            _ => self.giveable_at(ty, depth),
        };
        self.consume(value);
        value
    }

    /// A closure of a function that is at hand; there is one of each type at least.
    fn closure(&mut self, ty: TypeId) -> Value {
        let known = self.world.functions.len();
        let codes: Vec<usize> = (0..known)
            .filter(|f| self.world.signatures[*f].closure == Some(ty))
            .collect();
        let Some(function) = self.choices.pick(&codes) else {
            // Somebody else's; or none at all: then a function that never gives one is as good.
            let usable = self.usable(|info| info.ty == ty);
            let usable: Vec<Value> = usable
                .into_iter()
                .filter(|v| self.is_shareable(*v))
                .collect();
            return match self.pick(&usable) {
                Some(value) => self.dup(value),
                None => self.never(ty),
            };
        };
        let captured = self.world.signatures[function].captures;
        let params = self.world.signatures[function].params[..captured].to_vec();
        let captures: Vec<Value> = params.iter().map(|p| self.given(p.ty)).collect();
        let instr = Instr::Closure {
            ty,
            function: function as u32,
            captures: captures.into(),
        };
        self.one(instr, ty, 1)
    }

    /// A value of a type of which none can be had: the run ends.
    fn never(&mut self, ty: TypeId) -> Value {
        self.emit(Instr::Block {
            results: vec![ValueType {
                ty,
                own: Own::Owned { unique: 0 },
            }]
            .into(),
        });
        self.emit(Instr::Trap {
            kind: cop_bytecode::TrapKind::Unreachable,
            operand: None,
            message: None,
        });
        self.emit(Instr::End);
        self.define_owned(ty, 0)
    }

    /// A variant of a type (the first if it shall be small) and the types of its parts.
    pub fn some_row(&mut self, ty: TypeId, small: bool) -> (u32, Vec<TypeId>) {
        let rows = self.rows(ty);
        let number = if small {
            0
        } else {
            self.choices.below(rows.len())
        };
        (
            number as u32,
            rows.into_iter().nth(number).unwrap_or_default(),
        )
    }

    /// The types of the parts of each variant; one row for a product.
    pub fn rows(&mut self, ty: TypeId) -> Vec<Vec<TypeId>> {
        let rows = self.world.layouts.parts(ty);
        rows.map(<[Vec<TypeId>]>::to_vec).unwrap_or_default()
    }

    /// Whether a type has variants.
    pub fn is_sum(&mut self, ty: TypeId) -> bool {
        let body = self.world.layouts.layout(ty).map(|l| l.body.clone());
        matches!(body, Ok(Body::Sum { .. } | Body::OptionRef(_)))
    }
}
