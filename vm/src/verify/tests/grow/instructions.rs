//! Some instruction over the values at hand.

use cop_bytecode::table::{Kind, OPS, UPDATES};
use cop_bytecode::{Instr, Mode, Op, Step, Type, TypeId, UpdateOp, Value};

use super::{Grower, any_type};
use crate::verify::regions::Region;
use crate::verify::tests::kit::*;
use crate::verify::values::State;

impl Grower<'_> {
    pub(super) fn some_instruction(&mut self) {
        let mut value = self.any();
        let mut choice = self.random.below(30);
        let top = self.view.frames.last().map(|f| f.region);
        if matches!(top, Some(Region::Loop | Region::For)) && self.random.once_in(4) {
            choice = 25; // Ways out in the middle of a loop.
        }
        let holed =
            self.values(|i| matches!(i.state, State::Owned(o) if o.live && o.hole.is_some()));
        if !holed.is_empty() && self.random.once_in(4) {
            choice = 14;
        }
        if matches!(choice, 3 | 7 | 8 | 13 | 19 | 27) && !self.random.once_in(5) {
            // What has parts, unique if it can be.
            let of = [
                BOX, SHAPE, TREE, LINK, EXPR, MAYBE, PAIR, GRID, NAMES, BOXES, TABLE,
            ];
            let ty = self.random.pick(&of).unwrap_or(BOX);
            value = self.giveable(ty);
            for slot in 0..3 {
                if !self.random.once_in(3) && self.attempt(unique(value.0, slot)) {
                    value = Value(self.next_value() - 1);
                }
            }
        }
        let ty = self.ty(value);
        let instr = match choice {
            20 | 7 | 8 | 15 if self.all_ops => {
                let any = match self.random.once_in(2) {
                    true => self.any_op(),
                    false => self.any_update(),
                };
                match any {
                    Some(instr) => instr,
                    None => return,
                }
            }
            0..=2 => {
                let ty = any_type(self.random, self.all_ops);
                self.make(ty, 0);
                return;
            }
            3 => {
                let (number, row) = self.some_row(ty, false);
                let parts: Vec<Value> = row.into_iter().map(|t| self.giveable(t)).collect();
                Instr::New {
                    ty,
                    variant: number,
                    parts: parts.into(),
                }
            }
            4..=6 => Instr::Get {
                value,
                path: self.path(ty, 0).into(),
            },
            7 | 8 => {
                let path = self.path(ty, 1);
                let Some(place) = self.type_at(value, &path) else {
                    return;
                };
                Instr::Set {
                    value,
                    path: path.into(),
                    new: self.giveable(place),
                }
            }
            9..=12 => {
                let path = self.path(ty, 0);
                let Some(place) = self.type_at(value, &path) else {
                    return;
                };
                self.some_update(value, path, place)
            }
            13 => Instr::Take {
                value,
                path: self.path(ty, 1).into(),
            },
            14 => {
                let Some(value) = self.random.pick(&holed) else {
                    return;
                };
                let State::Owned(owned) = self.view.values[value.0 as usize].state else {
                    return;
                };
                let take = owned
                    .hole
                    .and_then(|at| self.function.body.get(at as usize));
                let Some(Instr::Take { path, .. }) = take.cloned() else {
                    return;
                };
                // The taken value stands before the one with the hole.
                let taken = Value(value.0.saturating_sub(1));
                let new = match self.random.once_in(3) {
                    true => self.giveable(self.ty(taken)),
                    false => taken,
                };
                Instr::Put { value, path, new }
            }
            15 | 16 => Instr::Dup(value),
            17 => Instr::Drop(value),
            18 => Instr::Unique {
                value,
                slot: self.random.below(4) as u32,
            },
            19 => {
                let (number, row) = self.some_row(ty, false);
                open(value.0, number, row.len() as u32)
            }
            20 => self.some_op(value, ty),
            21 | 22 => self.some_call(),
            23 => {
                let callee = self.of_type(ACTION);
                let (lent, given) = (self.of_type(INTS), self.giveable(INTS));
                Instr::CallValue {
                    callee,
                    args: [lent, given].into(),
                    changed: 1,
                }
            }
            24 => block(&self.value_types(2)),
            25 | 26 => {
                let condition = self.of_type(BOOL);
                if_(condition.0, &self.value_types(2))
            }
            27 => switch(value.0, &self.value_types(2)),
            _ => {
                if self.random.once_in(3) {
                    self.attempt(block(&[]));
                }
                let params = self.value_types(2);
                let start = self.passed(&params);
                if choice == 28 {
                    let results = self.value_types(2);
                    Instr::Loop {
                        start: start.into(),
                        params: params.into(),
                        results: results.into(),
                    }
                } else {
                    let (from, to) = (self.of_type(I64), self.of_type(I64));
                    Instr::For {
                        from,
                        to,
                        start: start.into(),
                        params: params.into(),
                    }
                }
            }
        };
        self.attempt(instr);
    }

    pub(super) fn some_update(
        &mut self,
        mut value: Value,
        path: Vec<Step>,
        place: TypeId,
    ) -> Instr {
        use UpdateOp as U;
        if !self.random.once_in(4) {
            let slot = self.random.below(3) as u32;
            if self.attempt(unique(value.0, slot)) {
                value = Value(self.next_value() - 1);
            }
        }
        let (op, args) = match self.tables.layouts.get(place).cloned() {
            Some(Type::List(element)) => match self.random.below(7) {
                0 | 1 => (U::ListPush, vec![self.giveable(element)]),
                2 => (U::ListPop, vec![]),
                3 => (
                    U::ListInsert,
                    vec![self.of_type(I64), self.giveable(element)],
                ),
                4 => (U::ListRemove, vec![self.of_type(I64)]),
                5 => (U::ListClear, vec![]),
                _ => (U::ListExtend, vec![self.of_type(place)]),
            },
            Some(Type::Map(key, map_value)) => match self.random.below(3) {
                0 => (U::MapRemove, vec![self.of_type(key)]),
                _ => (
                    U::MapPut,
                    vec![self.giveable(key), self.giveable(map_value)],
                ),
            },
            Some(Type::Set(key)) => (U::SetInsert, vec![self.giveable(key)]),
            Some(Type::String) => (U::TextAppend, vec![self.of_type(STRING)]),
            _ => (U::I64Add, vec![self.of_type(I64)]),
        };
        Instr::Update {
            op,
            value,
            path: path.into(),
            args: args.into(),
        }
    }

    /// Any operation of the table.
    fn any_op(&mut self) -> Option<Instr> {
        let row = self.random.pick(OPS)?;
        let collection = self.random.pick(&[INTS, NAMES, GRID, BOXES])?;
        let named = (row.result == Kind::Named).then_some(collection);
        let args = row.args.iter().map(|kind| match kind {
            Kind::T if row.args.contains(&Kind::Set) => self.of_type(STRING),
            kind => {
                let ty = self.of_kind(*kind, collection);
                self.of_type(ty)
            }
        });
        let args = args.collect();
        let op = row.op;
        Some(Instr::Op {
            op,
            ty: named,
            args,
        })
    }

    /// Any operation in place, on a value of its own.
    fn any_update(&mut self) -> Option<Instr> {
        let row = self.random.pick(UPDATES)?;
        let collection = self.random.pick(&[INTS, NAMES, GRID, BOXES])?;
        let target = self.of_kind(row.target, collection);
        let mut value = self.giveable(target);
        if self.attempt(unique(value.0, 0)) {
            value = Value(self.next_value() - 1);
        }
        let mut args = vec![];
        for (index, kind) in row.args.iter().enumerate() {
            let ty = match kind {
                Kind::T if row.target == Kind::Set => STRING,
                kind => self.of_kind(*kind, collection),
            };
            args.push(match row.op.consumes(index) {
                true => self.giveable(ty),
                false => self.of_type(ty),
            });
        }
        let op = row.op;
        let path = vec![];
        Some(Instr::Update {
            op,
            value,
            path: path.into(),
            args: args.into(),
        })
    }

    /// A type of a kind; maps and sets are the two there are.
    fn of_kind(&self, kind: Kind, collection: TypeId) -> TypeId {
        match kind {
            Kind::I64 => I64,
            Kind::F64 => F64,
            Kind::Bool => BOOL,
            Kind::Char => CHAR,
            Kind::String | Kind::K => STRING,
            Kind::Bytes => BYTES,
            Kind::Map => TABLE,
            Kind::V => INTS,
            Kind::Set => WORDS,
            Kind::T => match self.tables.layouts.get(collection) {
                Some(Type::List(element)) => *element,
                _ => I64,
            },
            _ => collection,
        }
    }

    pub(super) fn some_op(&mut self, value: Value, ty: TypeId) -> Instr {
        let plain = |op, args| Instr::Op { op, ty: None, args };
        match self.tables.layouts.get(ty).cloned() {
            Some(Type::List(_)) if self.random.once_in(2) => {
                let (start, end) = (self.of_type(I64), self.of_type(I64));
                plain(Op::ListSlice, [value, start, end].into())
            }
            Some(Type::List(element)) => {
                let (count, item) = (self.of_type(I64), self.of_type(element));
                Instr::Op {
                    op: Op::ListFilled,
                    ty: Some(ty),
                    args: [count, item].into(),
                }
            }
            Some(Type::String) => plain(Op::StringConcat, [value, value].into()),
            Some(Type::Map(..)) => plain(Op::MapNext, [value, self.of_type(I64)].into()),
            Some(Type::Set(_)) => plain(Op::SetNext, [value, self.of_type(I64)].into()),
            _ => Instr::Tag(value),
        }
    }

    pub(super) fn some_call(&mut self) -> Instr {
        let function = self.random.below(self.package.functions.len());
        let mut args = vec![];
        for param in &self.package.functions[function].params {
            args.push(match param.mode {
                Mode::Borrow | Mode::Look => self.of_type(param.ty),
                Mode::Own | Mode::InOut => self.giveable(param.ty),
            });
        }
        Instr::Call {
            function: function as u32,
            args: args.into(),
        }
    }
}
