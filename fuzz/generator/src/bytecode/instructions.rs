//! Straight code.

use cop_bytecode::table::{Kind, OPS, UPDATES};
use cop_bytecode::{Instr, Mode, Op, Step, Type, TypeId, UpdateOp, Value};

use super::body::{Builder, State};

/// Where a path leads.
struct Place {
    path: Vec<Step>,
    ty: TypeId,
    /// The own slot that holds the first reference followed, or where what lies there begins.
    slot: u32,
    behind: bool,
}

impl Builder<'_> {
    /// Some instruction, with those that it needs.
    pub fn instruction(&mut self) {
        match self
            .choices
            .weighted(&[12, 8, 6, 12, 5, 4, 4, 3, 3, 12, 6, 2, 3, 2])
        {
            0 => self.arithmetic(),
            1 => self.read(),
            2 => self.write(),
            3 => self.update(),
            4 => self.take_and_put(),
            5 => {
                let all = self.usable(|info| {
                    matches!(info.state, State::Owned { .. } | State::Borrowed { .. })
                });
                let all: Vec<Value> = all.into_iter().filter(|v| self.is_shareable(*v)).collect();
                if let Some(value) = self.pick(&all) {
                    self.dup(value);
                }
            }
            6 => {
                let all = self.consumable(|_| true);
                if let Some(value) = self.pick(&all) {
                    self.consume(value);
                    self.emit(Instr::Drop(value));
                }
            }
            7 => {
                let all = self.consumable(|_| true);
                if let Some(value) = self.pick(&all) {
                    let ty = self.ty(value);
                    if !self.holds_functions(ty) {
                        let slots = self.references(ty);
                        self.make_unique(value, slots);
                    }
                }
            }
            8 => self.open_some(),
            9 => self.op(),
            10 => self.call(),
            11 => self.call_value(),
            12 => {
                let ty = self.world.types.any(self.choices);
                self.make(ty, 0);
            }
            _ => self.ask_host(),
        }
    }

    fn arithmetic(&mut self) {
        let (int, float) = (self.world.types.int, self.world.types.float);
        if self.choices.once_in(8) {
            self.condition();
            return;
        }
        if self.choices.once_in(4) {
            let ops = [Op::F64Add, Op::F64Sub, Op::F64Mul, Op::F64Div];
            let op = ops[self.choices.below(4)];
            let args = vec![self.some(float), self.some(float)];
            self.plain(op, args, float);
            return;
        }
        let ops = [
            Op::I64Add,
            Op::I64Sub,
            Op::I64Mul,
            Op::I64AddWrap,
            Op::I64SubWrap,
            Op::I64MulWrap,
            Op::I64And,
            Op::I64Or,
            Op::I64Xor,
            Op::I64Div,
            Op::I64Rem,
            Op::I64Shl,
            Op::I64Shr,
            Op::I64UShr,
            Op::I64Neg,
        ];
        let op = ops[self.choices.below(ops.len())];
        let left = self.int();
        let right = match op {
            Op::I64Neg => None,
            Op::I64Shl | Op::I64Shr | Op::I64UShr => {
                let by = self.choices.below(66) as i64;
                Some(self.number(by))
            }
            Op::I64Div | Op::I64Rem if !self.choices.once_in(4) => {
                let by = 1 + self.choices.below(9) as i64;
                Some(self.number(by))
            }
            _ => Some(self.int()),
        };
        let args = std::iter::once(left).chain(right).collect();
        self.plain(op, args, int);
    }

    /// A path from a type; the further, the rarer.
    fn path(&mut self, from: TypeId, write: bool, least: usize) -> Place {
        let mut place = Place {
            path: vec![],
            ty: from,
            slot: 0,
            behind: false,
        };
        let mut steps = 0;
        while steps < least || (steps < 5 && self.choices.below(3) > 0) {
            steps += 1;
            match self.kind(place.ty) {
                Some(Type::List(element)) => {
                    let index = self.index();
                    self.follow(&mut place, Step::Index(index), element);
                }
                Some(Type::Bytes) => {
                    let (index, int) = (self.index(), self.world.types.int);
                    self.follow(&mut place, Step::Index(index), int);
                }
                Some(Type::Map(key, value)) => match self.choices.below(4) {
                    0 if !write => {
                        let number = self.index();
                        self.follow(&mut place, Step::EntryKey(number), key);
                    }
                    1 => {
                        let number = self.index();
                        self.follow(&mut place, Step::EntryValue(number), value);
                    }
                    _ => {
                        let wanted = self.some(key);
                        self.follow(&mut place, Step::Key(wanted), value);
                    }
                },
                Some(Type::Set(key)) if !write => {
                    let number = self.index();
                    self.follow(&mut place, Step::EntryKey(number), key);
                }
                Some(Type::Tuple(_) | Type::Nominal(..) | Type::Option(_) | Type::Range) => {
                    let sum = self.is_sum(place.ty);
                    let (variant, row) = self.some_row(place.ty, false);
                    if row.is_empty() {
                        break;
                    }
                    let field = self.choices.below(row.len());
                    if sum {
                        place.path.push(Step::Variant(variant));
                    }
                    place.path.push(Step::Field(field as u32));
                    let layout = self.world.layouts.layout(place.ty).cloned();
                    let Ok(layout) = layout else { break };
                    if layout.boxed {
                        place.behind = true;
                    } else if !place.behind {
                        place.slot += part_slot(&layout.body, variant, field);
                    }
                    place.ty = row[field];
                }
                _ => break,
            }
        }
        place
    }

    fn follow(&mut self, place: &mut Place, step: Step, to: TypeId) {
        place.path.push(step);
        place.behind = true;
        place.ty = to;
    }

    fn index(&mut self) -> Value {
        match self.choices.below(4) {
            0..=2 => {
                let at = self.choices.below(10) as i64 / 4;
                self.number(at)
            }
            _ if !self.choices.once_in(3) => {
                let (value, mask, int) = (self.int(), self.number(1), self.world.types.int);
                self.plain(Op::I64And, vec![value, mask], int)
            }
            _ => self.int(),
        }
    }

    fn read(&mut self) {
        let all = self.usable(|_| true);
        let mut with_parts = vec![];
        for value in all {
            let ty = self.ty(value);
            if !self.is_plain_scalar(ty) {
                with_parts.push(value);
            }
        }
        let Some(value) = self.pick(&with_parts) else {
            return self.arithmetic();
        };
        let ty = self.ty(value);
        if self.is_sum(ty) && self.choices.once_in(4) {
            let int = self.world.types.int;
            self.one(Instr::Tag(value), int, 0);
            return;
        }
        let place = self.path(ty, false, 1);
        if !place.path.is_empty() {
            self.get(value, place.path, place.ty);
        }
    }

    fn is_plain_scalar(&self, ty: TypeId) -> bool {
        matches!(
            self.world.layouts.get(ty),
            Some(Type::I64 | Type::F64 | Type::Bool | Type::Char | Type::Unit)
        )
    }

    /// A value to be changed, given away already, and the path to what shall change.
    fn target(&mut self, least: usize) -> Option<(Value, Place)> {
        let all = self.consumable(|_| true);
        let value = match self.pick(&all) {
            Some(value) if !self.choices.once_in(6) => value,
            _ => {
                let ty = match self.choices.below(2) {
                    0 => self.world.types.lists[self.choices.below(self.world.types.lists.len())],
                    _ => self.world.types.any(self.choices),
                };
                if self.is_copy(ty) || self.holds_functions(ty) {
                    return None;
                }
                self.giveable(ty)
            }
        };
        let ty = self.ty(value);
        if self.holds_functions(ty) {
            return None;
        }
        self.consume(value);
        let place = self.path(ty, true, least);
        Some((value, place))
    }

    /// Makes the slot unique through which a place is entered; the value, given away.
    fn enter(&mut self, value: Value, place: &Place, enters: bool) -> Value {
        if !place.behind && !enters {
            return value;
        }
        let value = self.make_unique_of_given(value, 1 << place.slot);
        self.consume(value);
        value
    }

    fn make_unique_of_given(&mut self, value: Value, slots: u64) -> Value {
        // It lives still, as far as the verifier is concerned.
        if let State::Owned { live, .. } = &mut self.values[value.0 as usize].state {
            *live = true;
        }
        self.make_unique(value, slots)
    }

    /// Puts back a target that nothing was done to.
    fn revive(&mut self, value: Value) {
        if let State::Owned { live, .. } = &mut self.values[value.0 as usize].state {
            *live = true;
        }
    }

    fn write(&mut self) {
        let Some((value, place)) = self.target(1) else {
            return;
        };
        if place.path.is_empty() {
            return self.revive(value);
        }
        let ty = self.ty(value);
        let value = self.enter(value, &place, false);
        let new = self.given(place.ty);
        let unique = if place.behind { 1 << place.slot } else { 0 };
        let instr = Instr::Set {
            value,
            path: place.path.into(),
            new,
        };
        self.one(instr, ty, unique);
    }

    fn update(&mut self) {
        let Some((value, place)) = self.target(0) else {
            return;
        };
        let kind = match self.kind(place.ty) {
            Some(Type::I64) => Kind::I64,
            Some(Type::F64) => Kind::F64,
            Some(Type::String) => Kind::String,
            Some(Type::Bytes) => Kind::Bytes,
            Some(Type::List(_)) => Kind::List,
            Some(Type::Map(..)) => Kind::Map,
            Some(Type::Set(_)) => Kind::Set,
            _ => return self.revive(value),
        };
        let rows: Vec<_> = UPDATES.iter().filter(|row| row.target == kind).collect();
        // What makes it longer comes first, and often.
        let row = match self.choices.below(3) {
            0 => rows[0],
            _ => rows[self.choices.below(rows.len())],
        };
        let ty = self.ty(value);
        let enters = !self.is_copy(place.ty);
        if place.path.is_empty() && !enters {
            return self.revive(value);
        }
        let value = self.enter(value, &place, enters);
        let mut args = vec![];
        // What is given away first, so that nothing is lent of it.
        let mut chosen: Vec<Option<Value>> = vec![None; row.args.len()];
        for consumed in [true, false] {
            for (number, kind) in row.args.iter().enumerate() {
                if row.op.consumes(number) == consumed {
                    let ty = self.named(*kind, place.ty);
                    chosen[number] = Some(match (consumed, kind) {
                        (true, _) => self.given(ty),
                        (false, Kind::I64) => self.amount(row.op),
                        (false, _) => self.some(ty),
                    });
                }
            }
        }
        args.extend(chosen.into_iter().flatten());
        let result = (row.result != Kind::Unit).then(|| self.named(row.result, place.ty));
        self.emit(Instr::Update {
            op: row.op,
            value,
            path: place.path.into(),
            args: args.into(),
        });
        let unique = match place.behind || enters {
            true => 1 << place.slot,
            false => 0,
        };
        self.define_owned(ty, unique);
        if let Some(result) = result {
            self.define_owned(result, 0);
        }
    }

    /// An integer for an operation in place: one that does not make it trap most of the time.
    fn amount(&mut self, op: UpdateOp) -> Value {
        match op {
            UpdateOp::ListInsert
            | UpdateOp::ListRemove
            | UpdateOp::ListSwap
            | UpdateOp::ListTruncate
            | UpdateOp::TextAppendSlice
            | UpdateOp::I64Shl
            | UpdateOp::I64Shr
            | UpdateOp::I64UShr => {
                let at = self.choices.below(4) as i64;
                match self.choices.once_in(5) {
                    true => self.int(),
                    false => self.number(at),
                }
            }
            _ => self.int(),
        }
    }

    fn take_and_put(&mut self) {
        let Some((value, place)) = self.target(1) else {
            return;
        };
        if place.path.is_empty() || self.is_copy(place.ty) {
            return self.revive(value);
        }
        let ty = self.ty(value);
        let value = self.enter(value, &place, false);
        self.emit(Instr::Take {
            value,
            path: place.path.clone().into(),
        });
        let mut taken = self.define_owned(place.ty, 0);
        let hole = self.define(ty, State::Capability);
        if self.choices.once_in(8) {
            self.emit(Instr::Drop(hole));
            return;
        }
        if let (Some(Type::List(element)), true) = (self.kind(place.ty), self.choices.below(2) == 0)
        {
            taken = self.make_unique(taken, 1);
            self.consume(taken);
            let new = self.given(element);
            let instr = Instr::Update {
                op: UpdateOp::ListPush,
                value: taken,
                path: vec![].into(),
                args: vec![new].into(),
            };
            taken = self.one(instr, place.ty, 1);
        }
        let new = match self.choices.below(3) {
            0 => self.giveable(place.ty),
            _ => taken,
        };
        self.consume(new);
        let unique = if place.behind { 1 << place.slot } else { 0 };
        let instr = Instr::Put {
            value: hole,
            path: place.path.into(),
            new,
        };
        self.one(instr, ty, unique);
    }

    fn open_some(&mut self) {
        let mut products = vec![];
        for value in self.consumable(|_| true) {
            let ty = self.ty(value);
            if !self.rows(ty).is_empty() {
                products.push(value);
            }
        }
        let Some(value) = self.pick(&products) else {
            return;
        };
        let ty = self.ty(value);
        if self.is_sum(ty) && !self.choices.once_in(4) {
            return;
        }
        let (variant, row) = self.some_row(ty, false);
        self.consume(value);
        self.emit(Instr::Open {
            value,
            variant,
            parts: row.len() as u32,
        });
        for ty in row {
            self.define_owned(ty, 0);
        }
    }

    /// A type by its kind, with a collection at hand.
    fn named(&mut self, kind: Kind, collection: TypeId) -> TypeId {
        let types = &self.world.types;
        let (t, k, v) = match self.world.layouts.get(collection) {
            Some(Type::List(t) | Type::Set(t)) => (*t, *t, *t),
            Some(Type::Map(k, v)) => (*k, *k, *v),
            _ => (types.int, types.int, types.int),
        };
        let option = match kind {
            Kind::I64 => return types.int,
            Kind::F64 => return types.float,
            Kind::Bool => return types.bool,
            Kind::Char => return types.char,
            Kind::Unit => return types.unit,
            Kind::String => return types.string,
            Kind::Bytes => return types.bytes,
            Kind::List | Kind::Map | Kind::Set | Kind::Named => return collection,
            Kind::T => return t,
            Kind::K => return k,
            Kind::V => return v,
            Kind::OptionI64 => types.int,
            Kind::OptionF64 => types.float,
            Kind::OptionChar => types.char,
            Kind::OptionString => types.string,
            Kind::OptionT => t,
            Kind::OptionV => v,
        };
        self.world.layouts.intern(Type::Option(option))
    }

    fn op(&mut self) {
        let row = OPS[self.choices.below(OPS.len())];
        let types = match row.args.first() {
            Some(Kind::Map) => self.world.types.maps.clone(),
            Some(Kind::Set) => self.world.types.sets.clone(),
            _ => self.world.types.lists.clone(),
        };
        let collection = types[self.choices.below(types.len())];
        let mut args = vec![];
        for kind in row.args {
            let ty = self.named(*kind, collection);
            args.push(match (kind, row.op) {
                (Kind::I64, Op::ListFilled | Op::BytesFilled) => {
                    let count = self.choices.below(40) as i64;
                    self.number(count)
                }
                (Kind::I64, Op::F64Format) => {
                    let digits = self.choices.below(8) as i64;
                    self.number(digits)
                }
                (
                    Kind::I64,
                    Op::StringSlice
                    | Op::BytesSlice
                    | Op::ListSlice
                    | Op::StringByteAt
                    | Op::StringCharAt
                    | Op::BytesReadI64,
                ) => self.index(),
                (Kind::I64, _) => self.int(),
                (_, Op::ListFilled) => {
                    let all = self.usable(|info| info.ty == ty);
                    let all: Vec<Value> =
                        all.into_iter().filter(|v| self.is_shareable(*v)).collect();
                    let value = match self.pick(&all) {
                        Some(value) => value,
                        None => self.make(ty, 0),
                    };
                    self.share(value);
                    self.pin(value)
                }
                _ => self.some(ty),
            });
        }
        let result = self.named(row.result, collection);
        let unique = self.references(result);
        let instr = Instr::Op {
            op: row.op,
            ty: (row.result == Kind::Named).then_some(collection),
            args: args.into(),
        };
        self.one(instr, result, unique);
    }

    /// Arguments by their modes: what is given away first, so that nothing of it is lent.
    fn arguments(&mut self, params: &[(TypeId, Mode)]) -> Vec<Value> {
        let mut chosen: Vec<Option<Value>> = vec![None; params.len()];
        for given in [true, false] {
            for (number, (ty, mode)) in params.iter().enumerate() {
                let gives = matches!(mode, Mode::Own | Mode::InOut);
                if gives != given {
                    continue;
                }
                chosen[number] = Some(match mode {
                    Mode::Own | Mode::InOut => self.given(*ty),
                    Mode::Look => self.some(*ty),
                    Mode::Borrow => {
                        let all = self.usable(|info| info.ty == *ty);
                        let all: Vec<Value> =
                            all.into_iter().filter(|v| self.is_shareable(*v)).collect();
                        let value = match self.pick(&all) {
                            Some(value) if !self.choices.once_in(8) => value,
                            _ => self.make(*ty, 0),
                        };
                        self.share(value);
                        self.pin(value)
                    }
                });
            }
        }
        chosen.into_iter().flatten().collect()
    }

    fn call(&mut self) {
        let this = self.world.functions.len();
        let count = this + usize::from(self.signature.recursive);
        let all: Vec<usize> = (0..count)
            .filter(|f| self.world.signatures[*f].captures == 0)
            .collect();
        let Some(function) = self.choices.pick(&all) else {
            return self.arithmetic();
        };
        self.call_of(function);
    }

    /// A call of the function with this number, which can be the one at hand.
    pub fn call_of(&mut self, function: usize) {
        let this = self.world.functions.len();
        let callee = self.world.signatures[function].clone();
        let int = self.world.types.int;
        let mut params: Vec<(TypeId, Mode)> =
            callee.params.iter().map(|p| (p.ty, p.mode)).collect();
        let mut args = vec![];
        if callee.recursive {
            params.remove(0);
            args.push(match function == this {
                true => {
                    let by = 1 + self.choices.below(3) as i64;
                    let by = self.number(by);
                    self.plain(Op::I64Sub, vec![Value(0), by], int)
                }
                false => {
                    let depth = match callee.deepest > 100 && self.choices.below(2) == 1 {
                        true => callee.deepest,
                        false => self.choices.below(6) as i64,
                    };
                    self.number(depth)
                }
            });
        }
        args.extend(self.arguments(&params));
        self.emit(Instr::Call {
            function: function as u32,
            args: args.into(),
        });
        self.define_owned(callee.result, 0);
        for (ty, mode) in params {
            if mode == Mode::InOut {
                self.define_owned(ty, 0);
            }
        }
    }

    fn call_value(&mut self) {
        let ty = match self.choices.below(2) {
            0 => self.world.types.int_to_int,
            _ => self.world.types.change_ints,
        };
        let closures: Vec<usize> = (0..self.world.functions.len())
            .filter(|f| self.world.signatures[*f].closure == Some(ty))
            .collect();
        if closures.is_empty() && self.usable(|info| info.ty == ty).is_empty() {
            return self.arithmetic();
        }
        let Some(Type::Fn { params, result }) = self.kind(ty) else {
            return;
        };
        let callee = self.some(ty);
        let mode = |mutable| if mutable { Mode::InOut } else { Mode::Borrow };
        let params: Vec<(TypeId, Mode)> = params.iter().map(|p| (p.ty, mode(p.mutable))).collect();
        let args = self.arguments(&params);
        let changed: Vec<TypeId> = params
            .iter()
            .filter(|(_, m)| *m == Mode::InOut)
            .map(|(ty, _)| *ty)
            .collect();
        self.emit(Instr::CallValue {
            callee,
            args: args.into(),
            changed: changed.len() as u32,
        });
        self.define_owned(result, 0);
        for ty in changed {
            self.define_owned(ty, 0);
        }
    }

    fn ask_host(&mut self) {
        let bytes = self.world.types.bytes;
        let argument = self.some(bytes);
        let capability = match self.choices.below(2) {
            0 => None,
            _ => self.capability,
        };
        let instr = Instr::HostCall {
            function: u32::from(capability.is_some()),
            capability,
            argument,
        };
        self.one(instr, bytes, 1);
    }
}

/// The first slot of a part.
fn part_slot(body: &cop_bytecode::layout::Body, variant: u32, field: usize) -> u32 {
    use cop_bytecode::layout::Body;
    let part = match body {
        Body::Product(parts) => parts.get(field),
        Body::Sum { variants, .. } => variants
            .get(variant as usize)
            .and_then(|row| row.get(field)),
        Body::OptionRef(part) => Some(part),
        _ => None,
    };
    part.map_or(0, |part| part.slot)
}
