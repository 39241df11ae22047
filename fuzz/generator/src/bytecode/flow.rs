//! Regions, ways out of them, and loops that have a purpose.

use cop_bytecode::layout::SlotKind;
use cop_bytecode::{Instr, Mode, Op, Own, Step, TrapKind, TypeId, UpdateOp, Value, ValueType};

use super::body::{Builder, Info, Kind, Region, State};

/// Most open regions.
const DEEPEST: usize = 5;

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
    fn inside(&mut self) {
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
    fn result_types(&mut self, most: usize) -> Vec<ValueType> {
        let count = self.choices.below(most + 1);
        (0..count).map(|_| self.result_type()).collect()
    }

    fn result_type(&mut self) -> ValueType {
        // Mostly the type of something at hand.
        let near = self.usable(|_| true);
        let ty = match self.pick(&near) {
            Some(value) if !self.choices.once_in(3) => self.ty(value),
            _ => self.world.types.any(self.choices),
        };
        self.declared(ty)
    }

    /// A type as a region declares it.
    fn declared(&mut self, ty: TypeId) -> ValueType {
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
    fn strict_references(&mut self, ty: TypeId) -> u64 {
        let references = self.references(ty);
        let kinds = self.world.layouts.layout(ty).map(|l| l.slots.clone());
        match kinds {
            Ok(kinds) if kinds.iter().all(|kind| !matches!(kind, SlotKind::Raw)) => references,
            _ => 0,
        }
    }

    /// Owned values of the region at hand that a new one shall consume.
    fn threads(&mut self) -> Vec<Value> {
        let mut threads = vec![];
        for value in self.consumable(|_| true) {
            if threads.len() < 2 && self.choices.once_in(5) {
                threads.push(value);
            }
        }
        threads
    }

    /// What has to be gone for roots in a declaration to stay: threads are none of them.
    fn without_roots(&self, threads: &mut Vec<Value>, types: &[ValueType]) {
        threads.retain(|thread| {
            types.iter().all(|ty| match ty.own {
                Own::Borrowed { root } => root != *thread,
                _ => true,
            })
        });
    }

    fn open(&mut self, region: Region, instr: Instr) {
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

    fn open_if(&mut self, condition: Value, results: Vec<ValueType>, threads: Vec<Value>) {
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
    fn open_arms(&mut self, region: Region, instr: Instr) {
        self.open(region, instr);
        let known: Vec<State> = self.values.iter().map(|info| info.state).collect();
        self.heads.push(known);
    }

    /// Ends an arm: what happened in it to values from outside is undone.
    fn leave_arm(&mut self) {
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

    fn next_arm(&mut self, marker: &Instr) {
        self.leave_arm();
        self.emit(marker.clone());
    }

    /// Closes the region; its results are defined.
    fn close(&mut self) {
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

    fn define_declared(&mut self, declared: ValueType) -> Value {
        let state = match declared.own {
            Own::Copy => State::Copy,
            Own::Owned { unique } => State::Owned { live: true, unique },
            Own::Borrowed { root } => State::Borrowed { root, look: false },
        };
        self.define(declared.ty, state)
    }

    /// Values for what is declared; they are given away.
    fn passed(&mut self, types: &[ValueType]) -> Vec<Value> {
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
    fn never_comes(&mut self, ty: TypeId, root: Value) -> Value {
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
    fn tidy(&mut self, target: usize) {
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

    /// Leaves a region forwards, `depth` of them further out.
    pub fn exit(&mut self, depth: usize) {
        let target = self.depth() - depth;
        let types = self.regions[target].results.clone();
        let values = self.passed(&types);
        self.tidy(target);
        self.emit(Instr::Exit {
            depth: depth as u32,
            values: values.into(),
        });
    }

    /// Goes round a loop.
    fn next(&mut self, depth: usize) {
        let target = self.depth() - depth;
        let types = self.regions[target].params.clone();
        let values = self.passed(&types);
        self.tidy(target);
        self.emit(Instr::Next {
            depth: depth as u32,
            values: values.into(),
        });
    }

    /// Returns.
    pub fn ret(&mut self) {
        let changed: Vec<TypeId> = self
            .signature
            .params
            .iter()
            .filter(|p| p.mode == Mode::InOut)
            .map(|p| p.ty)
            .collect();
        let types: Vec<TypeId> = std::iter::once(self.signature.result)
            .chain(changed)
            .collect();
        // In a loop what is defined outside cannot be given away round it, but this leaves the function.
        let mut values = vec![];
        for ty in types {
            let free = self.usable(|info| {
                info.ty == ty && matches!(info.state, State::Copy | State::Owned { .. })
            });
            let value = match self.pick(&free) {
                Some(value) if !self.choices.once_in(4) => value,
                _ => self.make(ty, 0),
            };
            self.consume(value);
            values.push(value);
        }
        self.tidy(0);
        self.emit(Instr::Ret {
            values: values.into(),
        });
    }

    /// Ends an arm somehow.
    fn terminate(&mut self) {
        let depth = self.depth();
        let rounds: Vec<usize> = (0..depth)
            .filter(|d| matches!(self.regions[depth - d].kind, Kind::Loop | Kind::For))
            .collect();
        match self.choices.below(14) {
            10 => {
                let out = self.choices.below(depth);
                self.exit(out);
            }
            11 if !rounds.is_empty() => {
                let at = self.choices.below(rounds.len());
                // A loop without an end of its own must not be gone round without getting nearer to it.
                if self.regions[depth - rounds[at]].kind == Kind::For {
                    self.next(rounds[at]);
                } else {
                    self.exit(0);
                }
            }
            12 => self.ret(),
            13 => self.trap(),
            _ => self.exit(0),
        }
    }

    /// Ends the run.
    fn trap(&mut self) {
        let kinds = [
            (TrapKind::Panic, false, true),
            (TrapKind::AssertionFailed, false, true),
            (TrapKind::InvalidArgument, true, false),
            (TrapKind::ExpectFailed, false, true),
            (TrapKind::Unreachable, false, false),
        ];
        let (kind, operand, message) = kinds[self.choices.below(kinds.len())];
        let operand = operand.then(|| self.int());
        let message = message.then(|| {
            let ty = self.world.types.string;
            self.some(ty)
        });
        self.emit(Instr::Trap {
            kind,
            operand,
            message,
        });
    }

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

    fn if_(&mut self) {
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

    fn switch(&mut self) {
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

    fn block(&mut self) {
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
    fn carried(&mut self) -> (Vec<Value>, Vec<ValueType>) {
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

    fn declared_owned(&mut self, ty: TypeId) -> ValueType {
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

    /// A counting loop over small numbers, or to some length.
    fn for_(&mut self) {
        let int = self.world.types.int;
        let from = match self.choices.below(4) {
            3 => self.int(),
            n => self.number(n as i64),
        };
        let to = match self.choices.below(6) {
            0 => {
                let lists = self.world.types.lists.clone();
                let all = self.usable(|info| lists.contains(&info.ty));
                match self.pick(&all) {
                    Some(list) => self.len(list),
                    None => self.number(3),
                }
            }
            1 => {
                let (value, mask) = (self.int(), self.number(15));
                self.plain(Op::I64And, vec![value, mask], int)
            }
            2 => {
                let most = self.choices.below(70);
                self.number(most as i64)
            }
            n => self.number(n as i64 * 3 - 2),
        };
        let (start, params) = self.carried();
        let instr = Instr::For {
            from,
            to,
            start: start.into(),
            params: params.clone().into(),
        };
        let region = Region {
            kind: Kind::For,
            results: params.clone(),
            params: params.clone(),
            threads: vec![],
        };
        self.open(region, instr);
        self.define(int, State::Copy);
        for param in params {
            self.define_declared(param);
        }
        let known: Vec<State> = self.values.iter().map(|info| info.state).collect();
        self.heads.push(known);
        self.inside();
        if self.choices.once_in(8) {
            self.exit(0);
        } else {
            self.next(0);
        }
        self.close();
    }

    pub fn len(&mut self, list: Value) -> Value {
        let int = self.world.types.int;
        self.plain(Op::ListLen, vec![list], int)
    }

    /// A plain operation with a result of that type.
    pub fn plain(&mut self, op: Op, args: Vec<Value>, result: TypeId) -> Value {
        let unique = match op {
            Op::ListLen => 0,
            _ => self.references(result),
        };
        let instr = Instr::Op {
            op,
            ty: None,
            args: args.into(),
        };
        self.one(instr, result, unique)
    }

    /// A loop that counts by itself, with a condition at its head and ways out in the middle.
    fn counting_loop(&mut self) {
        let (int, bool) = (self.world.types.int, self.world.types.bool);
        let zero = self.number(0);
        let most = self.choices.below(12) as i64;
        let (carried, mut params) = self.carried();
        params.insert(
            0,
            ValueType {
                ty: int,
                own: Own::Copy,
            },
        );
        let start: Vec<Value> = std::iter::once(zero).chain(carried).collect();
        let results = params.clone();
        let instr = Instr::Loop {
            start: start.into(),
            params: params.clone().into(),
            results: results.clone().into(),
        };
        let region = Region {
            kind: Kind::Loop,
            results,
            params: params.clone(),
            threads: vec![],
        };
        self.open(region, instr);
        let counter = self.define(int, State::Copy);
        for param in &params[1..] {
            self.define_declared(*param);
        }
        let known: Vec<State> = self.values.iter().map(|info| info.state).collect();
        self.heads.push(known);
        let most = self.number(most);
        let ends = self.plain(Op::I64Ge, vec![counter, most], bool);
        self.open_if(ends, vec![], vec![]);
        self.exit(1);
        self.next_arm(&Instr::Else);
        self.exit(0);
        self.close();
        self.inside();
        let by = 1 + self.choices.below(3) as i64;
        let by = self.number(by);
        let next = self.plain(Op::I64Add, vec![counter, by], int);
        let values = self.passed(&params[1..]);
        let target = self.depth();
        self.tidy(target);
        let values: Vec<Value> = std::iter::once(next).chain(values).collect();
        self.emit(Instr::Next {
            depth: 0,
            values: values.into(),
        });
        self.close();
    }

    /// A loop that is left in its first turn, or runs out of fuel.
    fn loop_(&mut self) {
        let (start, params) = self.carried();
        let results = self.result_types(1);
        let instr = Instr::Loop {
            start: start.into(),
            params: params.clone().into(),
            results: results.clone().into(),
        };
        let region = Region {
            kind: Kind::Loop,
            results,
            params: params.clone(),
            threads: vec![],
        };
        self.open(region, instr);
        for param in params {
            self.define_declared(param);
        }
        let known: Vec<State> = self.values.iter().map(|info| info.state).collect();
        self.heads.push(known);
        self.inside();
        let condition = self.condition();
        self.open_if(condition, vec![], vec![]);
        self.exit(1);
        self.next_arm(&Instr::Else);
        self.exit(0);
        self.close();
        match self.choices.below(6) {
            0 => self.next(0),
            _ => self.exit(0),
        }
        self.close();
    }

    /// Over the elements of a list of integers, which it changes: what machine code is made fast for.
    fn walk(&mut self) {
        let (int, ints) = (self.world.types.int, self.world.types.ints);
        let list = self.giveable(ints);
        let list = self.make_unique(list, 1);
        let mut list = list;
        for _ in 0..self.choices.below(6) {
            let new = self.int();
            self.consume(list);
            list = self.one(
                Instr::Update {
                    op: UpdateOp::ListPush,
                    value: list,
                    path: vec![].into(),
                    args: vec![new].into(),
                },
                ints,
                1,
            );
        }
        let length = self.len(list);
        let (from, to) = match self.choices.below(4) {
            0 | 1 => (self.number(0), length),
            2 => {
                let one = self.number(1);
                (one, length)
            }
            _ => {
                let one = self.number(1);
                let zero = self.number(0);
                (zero, self.plain(Op::I64Add, vec![length, one], int))
            }
        };
        let sum = self.number(0);
        let params = vec![
            ValueType {
                ty: ints,
                own: Own::Owned { unique: 1 },
            },
            ValueType {
                ty: int,
                own: Own::Copy,
            },
        ];
        self.consume(list);
        let instr = Instr::For {
            from,
            to,
            start: vec![list, sum].into(),
            params: params.clone().into(),
        };
        let region = Region {
            kind: Kind::For,
            results: params.clone(),
            params: params.clone(),
            threads: vec![],
        };
        self.open(region, instr);
        let index = self.define(int, State::Copy);
        let mut list = self.define_declared(params[0]);
        let mut sum = self.define(int, State::Copy);
        let known: Vec<State> = self.values.iter().map(|info| info.state).collect();
        self.heads.push(known);
        for _ in 0..1 + self.choices.below(4) {
            // The index, or one near it that may not be there.
            let at = match self.choices.below(6) {
                0..=2 => index,
                3 => {
                    let off = self.number(1);
                    self.plain(Op::I64Sub, vec![index, off], int)
                }
                4 => {
                    let mask = self.number(3);
                    self.plain(Op::I64And, vec![index, mask], int)
                }
                _ => self.int(),
            };
            match self.choices.below(3) {
                0 => {
                    let path = vec![Step::Index(at)];
                    let found = self.one(
                        Instr::Get {
                            value: list,
                            path: path.into(),
                        },
                        int,
                        0,
                    );
                    let ops = [
                        Op::I64AddWrap,
                        Op::I64Add,
                        Op::I64Xor,
                        Op::I64Mul,
                        Op::I64Sub,
                    ];
                    let op = ops[self.choices.below(ops.len())];
                    sum = self.plain(op, vec![sum, found], int);
                }
                1 => {
                    let ops = [
                        UpdateOp::I64AddWrap,
                        UpdateOp::I64Add,
                        UpdateOp::I64Sub,
                        UpdateOp::I64Or,
                        UpdateOp::I64Mul,
                        UpdateOp::I64Div,
                        UpdateOp::I64Shl,
                    ];
                    let op = ops[self.choices.below(ops.len())];
                    let by = self.int();
                    self.consume(list);
                    let instr = Instr::Update {
                        op,
                        value: list,
                        path: vec![Step::Index(at)].into(),
                        args: vec![by].into(),
                    };
                    list = self.one(instr, ints, 1);
                }
                _ => {
                    let new = match self.choices.below(2) {
                        0 => sum,
                        _ => self.int(),
                    };
                    self.consume(list);
                    let instr = Instr::Set {
                        value: list,
                        path: vec![Step::Index(at)].into(),
                        new,
                    };
                    list = self.one(instr, ints, 1);
                }
            }
        }
        self.consume(list);
        let target = self.depth();
        self.tidy(target);
        self.emit(Instr::Next {
            depth: 0,
            values: vec![list, sum].into(),
        });
        self.close();
    }

    /// Reads at a path.
    pub fn get(&mut self, value: Value, path: Vec<Step>, ty: TypeId) -> Value {
        self.emit(Instr::Get {
            value,
            path: path.into(),
        });
        if self.is_copy(ty) {
            return self.define(ty, State::Copy);
        }
        let info: Info = self.values[value.0 as usize];
        let look = matches!(info.state, State::Borrowed { look: true, .. });
        let root = self.root(value);
        self.define(ty, State::Borrowed { root, look })
    }
}
