//! Loops, also such that have a purpose.

use cop_bytecode::{Instr, Op, Own, Step, TypeId, UpdateOp, Value, ValueType};

use super::body::{Builder, Info, Kind, Region, State};

impl Builder<'_> {
    /// A counting loop over small numbers, or to some length.
    pub(super) fn for_(&mut self) {
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
    pub(super) fn counting_loop(&mut self) {
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
    pub(super) fn loop_(&mut self) {
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
    pub(super) fn walk(&mut self) {
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
