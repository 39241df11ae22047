//! Functions from their beginning to their end, statement by statement; opening and closing regions.

use cop_bytecode::layout::SlotKind;
use cop_bytecode::{Instr, Op, Own, TrapKind, TypeId, UpdateOp, Value, ValueType};

use super::body::{Builder, Kind, Region, State};

/// Most open regions.
pub(super) const DEEPEST: usize = 5;

impl Builder<'_> {
    /// What every function begins with: one that calls itself ends when it is deep enough.
    pub fn begin(&mut self) {
        if !self.signature.recursive {
            return;
        }
        let (int, bool) = (self.world.types.int, self.world.types.bool);
        let deepest = self.signature.deepest;
        let (zero, most) = (self.number(0), self.number(deepest));
        let op = |op, a, b| Instr::Op {
            op,
            ty: None,
            args: vec![a, b].into(),
        };
        let ends = self.one(op(Op::I64Le, Value(0), zero), bool, 0);
        let deep = self.one(op(Op::I64Gt, Value(0), most), bool, 0);
        let _ = int;
        for condition in [ends, deep] {
            self.open_if(condition, vec![], vec![]);
            self.ret();
            self.next_arm(&Instr::Else);
            self.exit(0);
            self.close();
        }
        // Straight down, for the end of the stack.
        if self.signature.deepest > 100 && self.choices.below(2) == 1 {
            self.call_of(self.world.functions.len());
        }
    }

    /// The end of the function. That of an entry point tells what has been computed, so that it is seen if it is wrong.
    pub fn end(&mut self) {
        self.pinned.clear();
        if self.capability.is_none() {
            return self.ret();
        }
        let types = &self.world.types;
        let (int, float, bytes, string) = (types.int, types.float, types.bytes, types.string);
        let told = self.giveable(bytes);
        let mut told = self.make_unique(told, 1);
        for value in self.usable(|_| true).into_iter().rev().take(40) {
            let ty = self.ty(value);
            let (op, arg) = if ty == int {
                (UpdateOp::BytesAppendI64, value)
            } else if ty == float {
                let bits = self.plain(Op::F64ToBits, vec![value], int);
                (UpdateOp::BytesAppendI64, bits)
            } else if ty == string {
                (UpdateOp::BytesAppendText, value)
            } else if self.world.types.lists.contains(&ty) {
                (UpdateOp::BytesAppendI64, self.len(value))
            } else if self.is_sum(ty) {
                let tag = self.one(Instr::Tag(value), int, 0);
                (UpdateOp::BytesAppendI64, tag)
            } else {
                continue;
            };
            self.consume(told);
            let instr = Instr::Update {
                op,
                value: told,
                path: vec![].into(),
                args: vec![arg].into(),
            };
            told = self.one(instr, bytes, 1);
        }
        self.consume(told);
        self.tidy(0);
        self.emit(Instr::Ret {
            values: vec![told].into(),
        });
    }

    /// So many instructions, about.
    pub fn statements(&mut self, length: usize) {
        self.limit = self.length() + length;
        while self.length() < self.limit {
            self.statement();
        }
    }

    /// A statement: straight code, or a whole region.
    pub fn statement(&mut self) {
        self.pinned.clear();
        if self.depth() < DEEPEST && self.choices.below(5) == 4 {
            match self.choices.below(9) {
                0 | 1 => self.if_(),
                2 => self.switch(),
                3 => self.block(),
                4 => self.for_(),
                5 => self.counting_loop(),
                6 => self.loop_(),
                _ => self.walk(),
            }
        } else {
            self.instruction();
        }
    }

    /// Statements inside a region: fewer, the deeper it is.
    pub(super) fn inside(&mut self) {
        let most = 1 + self
            .choices
            .below(6usize.saturating_sub(self.depth()).max(1));
        for _ in 0..most {
            if self.length() < self.limit {
                self.statement();
            }
        }
    }

    /// Owned or copy values of some types, for a region to give.
    pub(super) fn result_types(&mut self, most: usize) -> Vec<ValueType> {
        let count = self.choices.below(most + 1);
        (0..count).map(|_| self.result_type()).collect()
    }

    pub(super) fn result_type(&mut self) -> ValueType {
        // Mostly the type of something at hand.
        let near = self.usable(|_| true);
        let ty = match self.pick(&near) {
            Some(value) if !self.choices.once_in(3) => self.ty(value),
            _ => self.world.types.any(self.choices),
        };
        self.declared(ty)
    }

    /// A type as a region declares it.
    pub(super) fn declared(&mut self, ty: TypeId) -> ValueType {
        if self.is_copy(ty) {
            return ValueType { ty, own: Own::Copy };
        }
        let roots = self.usable(|info| {
            matches!(
                info.state,
                State::Owned { .. } | State::Borrowed { look: false, .. }
            ) && info.ty == ty
        });
        if let Some(value) = self.pick(&roots)
            && self.choices.once_in(4)
        {
            let root = self.root(value);
            return ValueType {
                ty,
                own: Own::Borrowed { root },
            };
        }
        let unique = match self.choices.below(2) {
            0 => 0,
            _ if self.holds_functions(ty) => 0,
            _ => self.strict_references(ty),
        };
        ValueType {
            ty,
            own: Own::Owned { unique },
        }
    }

    /// Own slots of a type that always hold a reference to what can change.
    pub(super) fn strict_references(&mut self, ty: TypeId) -> u64 {
        let references = self.references(ty);
        let kinds = self.world.layouts.layout(ty).map(|l| l.slots.clone());
        match kinds {
            Ok(kinds) if kinds.iter().all(|kind| !matches!(kind, SlotKind::Raw)) => references,
            _ => 0,
        }
    }

    /// Owned values of the region at hand that a new one shall consume.
    pub(super) fn threads(&mut self) -> Vec<Value> {
        let mut threads = vec![];
        for value in self.consumable(|_| true) {
            if threads.len() < 2 && self.choices.once_in(5) {
                threads.push(value);
            }
        }
        threads
    }

    /// What has to be gone for roots in a declaration to stay: threads are none of them.
    pub(super) fn without_roots(&self, threads: &mut Vec<Value>, types: &[ValueType]) {
        threads.retain(|thread| {
            types.iter().all(|ty| match ty.own {
                Own::Borrowed { root } => root != *thread,
                _ => true,
            })
        });
    }

    pub(super) fn open(&mut self, region: Region, instr: Instr) {
        self.emit(instr);
        let in_loop = matches!(region.kind, Kind::Loop | Kind::For);
        self.regions.push(region);
        if in_loop {
            // What is known of values from outside does not hold in every turn.
            for info in &mut self.values {
                if let State::Owned { unique, .. } = &mut info.state {
                    *unique = 0;
                }
            }
        }
    }

    pub(super) fn open_if(
        &mut self,
        condition: Value,
        results: Vec<ValueType>,
        threads: Vec<Value>,
    ) {
        let instr = Instr::If {
            condition,
            results: results.clone().into(),
        };
        let region = Region {
            kind: Kind::Forward,
            results,
            params: vec![],
            threads,
        };
        self.open_arms(region, instr);
    }

    /// Opens a region with arms; what is live at its head is at the head of each.
    pub(super) fn open_arms(&mut self, region: Region, instr: Instr) {
        self.open(region, instr);
        let known: Vec<State> = self.values.iter().map(|info| info.state).collect();
        self.heads.push(known);
    }

    /// Ends an arm: what happened in it to values from outside is undone.
    pub(super) fn leave_arm(&mut self) {
        let depth = self.depth();
        if let Some(head) = self.heads.last() {
            for (info, state) in self.values.iter_mut().zip(head) {
                info.state = *state;
            }
        }
        for info in &mut self.values {
            if info.depth >= depth {
                info.visible = false;
            }
        }
    }

    pub(super) fn next_arm(&mut self, marker: &Instr) {
        self.leave_arm();
        self.emit(marker.clone());
    }

    /// Closes the region; its results are defined.
    pub(super) fn close(&mut self) {
        self.leave_arm();
        self.heads.pop();
        self.emit(Instr::End);
        let Some(region) = self.regions.pop() else {
            return;
        };
        for thread in &region.threads {
            self.consume(*thread);
        }
        for info in &mut self.values {
            // Some way out of it may have made more owners.
            if let State::Owned { unique, .. } = &mut info.state {
                *unique = 0;
            }
        }
        let results = region.results;
        for result in results {
            self.define_declared(result);
        }
    }

    pub(super) fn define_declared(&mut self, declared: ValueType) -> Value {
        let state = match declared.own {
            Own::Copy => State::Copy,
            Own::Owned { unique } => State::Owned { live: true, unique },
            Own::Borrowed { root } => State::Borrowed { root, look: false },
        };
        self.define(declared.ty, state)
    }

    /// Values for what is declared; they are given away.
    pub(super) fn passed(&mut self, types: &[ValueType]) -> Vec<Value> {
        let mut given = vec![];
        for declared in types {
            let value = match declared.own {
                Own::Copy => self.some(declared.ty),
                Own::Owned { unique } => {
                    let value = self.giveable(declared.ty);
                    let value = self.make_unique(value, unique);
                    self.consume(value);
                    value
                }
                Own::Borrowed { root } => {
                    let fit = self.usable(|info| {
                        info.ty == declared.ty
                            && matches!(info.state, State::Borrowed { root: r, look: false } if r == root)
                    });
                    let is_root = self.ty(root) == declared.ty;
                    match self.pick(&fit) {
                        Some(value) => value,
                        None if is_root => root,
                        // It was there when this was declared, and its root lives.
                        None => self.never_comes(declared.ty, root),
                    }
                }
            };
            given.push(value);
        }
        given
    }

    /// A borrowed value that is never had.
    pub(super) fn never_comes(&mut self, ty: TypeId, root: Value) -> Value {
        let results = vec![ValueType {
            ty,
            own: Own::Borrowed { root },
        }];
        self.emit(Instr::Block {
            results: results.into(),
        });
        self.emit(Instr::Trap {
            kind: TrapKind::Unreachable,
            operand: None,
            message: None,
        });
        self.emit(Instr::End);
        self.define(ty, State::Borrowed { root, look: false })
    }

    /// Drops what has to be gone where the region of that index is left.
    pub(super) fn tidy(&mut self, target: usize) {
        let threads = self.regions[target].threads.clone();
        for number in 0..self.values.len() as u32 {
            let info = self.values[number as usize];
            let live = matches!(info.state, State::Owned { live: true, .. });
            let value = Value(number);
            if live && info.visible && (info.depth >= target || threads.contains(&value)) {
                self.consume(value);
                self.emit(Instr::Drop(value));
            }
        }
    }
}
