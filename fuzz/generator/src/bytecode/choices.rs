//! Regions without loops, and the conditions on which they are chosen.

use cop_bytecode::{Instr, Op, Own, Step, TypeId, Value, ValueType};

use super::body::{Builder, Kind, Region};

impl Builder<'_> {
    pub fn condition(&mut self) -> Value {
        let bool = self.world.types.bool;
        let known = self.usable(|info| info.ty == bool);
        match self.pick(&known) {
            Some(value) if self.choices.below(2) == 0 => value,
            _ if self.choices.once_in(4) => {
                let float = self.world.types.float;
                let ops = [
                    Op::F64Lt,
                    Op::F64Le,
                    Op::F64Eq,
                    Op::F64Gt,
                    Op::F64Ge,
                    Op::F64Ne,
                ];
                let op = ops[self.choices.below(ops.len())];
                let args = vec![self.some(float), self.some(float)];
                self.plain(op, args, bool)
            }
            _ => {
                let ops = [
                    Op::I64Lt,
                    Op::I64Le,
                    Op::I64Eq,
                    Op::I64Gt,
                    Op::I64Ge,
                    Op::I64Ne,
                ];
                let op = ops[self.choices.below(ops.len())];
                let args = vec![self.int(), self.int()];
                let instr = Instr::Op {
                    op,
                    ty: None,
                    args: args.into(),
                };
                self.one(instr, bool, 0)
            }
        }
    }

    pub(super) fn if_(&mut self) {
        let condition = self.condition();
        let results = self.result_types(2);
        let mut threads = self.threads();
        self.without_roots(&mut threads, &results);
        self.open_if(condition, results, threads);
        self.inside();
        self.terminate();
        self.next_arm(&Instr::Else);
        if self.choices.below(2) == 0 {
            self.inside();
        }
        self.exit(0);
        self.close();
    }

    pub(super) fn switch(&mut self) {
        let mut sums = vec![];
        for value in self.usable(|_| true) {
            let ty = self.ty(value);
            if self.is_sum(ty) {
                sums.push(value);
            }
        }
        let Some(value) = self.pick(&sums) else {
            return self.if_();
        };
        let ty = self.ty(value);
        let rows = self.rows(ty);
        let results = self.result_types(2);
        let mut threads = self.threads();
        self.without_roots(&mut threads, &results);
        threads.retain(|thread| self.root(value) != *thread);
        // What is looked at can be taken apart in each arm.
        let opened = self.is_consumable(value) && self.choices.once_in(3);
        let rooted = results
            .iter()
            .any(|r| matches!(r.own, Own::Borrowed { root } if root == value));
        let opened = opened && !rooted;
        if opened {
            threads.push(value);
        }
        let instr = Instr::Switch {
            value,
            results: results.clone().into(),
        };
        let region = Region {
            kind: Kind::Forward,
            results,
            params: vec![],
            threads,
        };
        self.open_arms(region, instr);
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                self.next_arm(&Instr::Arm);
            }
            if opened {
                self.consume(value);
                self.emit(Instr::Open {
                    value,
                    variant: number as u32,
                    parts: row.len() as u32,
                });
                for ty in row {
                    self.define_owned(*ty, 0);
                }
            } else if let (Some(ty), true) = (row.first(), self.choices.once_in(2)) {
                let path = vec![Step::Variant(number as u32), Step::Field(0)];
                self.get(value, path, *ty);
            }
            self.inside();
            match number {
                0 => self.exit(0),
                _ => self.terminate(),
            }
        }
        self.close();
    }

    pub(super) fn block(&mut self) {
        let results = self.result_types(2);
        let mut threads = self.threads();
        self.without_roots(&mut threads, &results);
        let instr = Instr::Block {
            results: results.clone().into(),
        };
        let region = Region {
            kind: Kind::Forward,
            results,
            params: vec![],
            threads,
        };
        self.open_arms(region, instr);
        self.inside();
        self.exit(0);
        self.close();
    }

    /// What a loop carries: types of values at hand, and values of them.
    pub(super) fn carried(&mut self) -> (Vec<Value>, Vec<ValueType>) {
        let mut types = vec![];
        for value in self.consumable(|_| true).into_iter().rev().take(6) {
            if types.len() < 2 && self.choices.once_in(2) {
                let ty = self.ty(value);
                types.push(self.declared_owned(ty));
            }
        }
        if self.choices.once_in(3) {
            let ty = self.result_type().ty;
            let declared = match self.is_copy(ty) {
                true => ValueType { ty, own: Own::Copy },
                false => self.declared_owned(ty),
            };
            types.push(declared);
        }
        let values = self.passed(&types);
        (values, types)
    }

    pub(super) fn declared_owned(&mut self, ty: TypeId) -> ValueType {
        let unique = match self.choices.below(3) {
            0 => 0,
            _ if self.holds_functions(ty) => 0,
            _ => self.strict_references(ty),
        };
        ValueType {
            ty,
            own: Own::Owned { unique },
        }
    }
}
