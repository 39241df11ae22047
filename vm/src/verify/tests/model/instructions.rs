//! What each instruction does to cells and counts.

use cop_bytecode::layout::Body;
use cop_bytecode::{Instr, Mode, Op, Step, Type, TypeId, UpdateOp, Value};

use super::{Content, Ended, Machine, Run, Slots, VARIANTS};

impl Machine<'_> {
    pub(super) fn instruction(&mut self, instr: &Instr) -> Run<Vec<Slots>> {
        Ok(match instr {
            Instr::ConstI64(value) => vec![vec![*value as u64]],
            Instr::ConstF64(bits) => vec![vec![*bits]],
            Instr::ConstBool(value) => vec![vec![u64::from(*value)]],
            Instr::ConstChar(value) => vec![vec![u64::from(u32::from(*value))]],
            Instr::ConstUnit => vec![vec![]],
            Instr::Const(_) => {
                let id = self.allocate(Content::Text("a".into()));
                self.cell(id).pinned = true;
                vec![vec![id]]
            }
            Instr::New { ty, variant, parts } => {
                let parts: Vec<Slots> = parts.iter().map(|v| self.value(*v).clone()).collect();
                vec![match *self.layouts.get(*ty).unwrap_or(&Type::Unit) {
                    Type::List(element) => vec![self.allocate(Content::List(element, parts))],
                    Type::Map(k, v) => vec![self.allocate(Content::Entries(k, v, vec![]))],
                    Type::Set(k) => {
                        let unit = self.unit();
                        vec![self.allocate(Content::Entries(k, unit, vec![]))]
                    }
                    _ => self.build(*ty, *variant, parts),
                }]
            }
            Instr::Get { value, path } => {
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                let spot = self.walk(ty, &mut slots, path, false)?;
                vec![self.read(&slots, spot)]
            }
            Instr::Set { value, path, new } => {
                self.updates += 1;
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                let spot = self.walk(ty, &mut slots, path, true)?;
                let old = self.read(&slots, spot);
                let new = self.value(*new).clone();
                self.write(&mut slots, spot, &new);
                self.drop_value(spot.ty, &old);
                vec![slots]
            }
            Instr::Take { value, path } => {
                self.updates += 1;
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                let spot = self.walk(ty, &mut slots, path, true)?;
                let taken = self.read(&slots, spot);
                self.write(&mut slots, spot, &vec![0; taken.len()]);
                vec![taken, slots]
            }
            Instr::Put { value, path, new } => {
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                // A hole under an option's own reference looks like `None`: the place is found all the same.
                let spot = self.walk_hole(ty, &mut slots, path)?;
                let hole = self.read(&slots, spot);
                assert!(hole.iter().all(|s| *s == 0), "`put` where there is no hole");
                let new = self.value(*new).clone();
                self.write(&mut slots, spot, &new);
                vec![slots]
            }
            Instr::Update {
                op,
                value,
                path,
                args,
            } => {
                self.updates += 1;
                self.update(*op, *value, path, args)?
            }
            Instr::Dup(value) => {
                let (ty, slots) = (self.ty(*value), self.value(*value).clone());
                self.dup(ty, &slots);
                vec![slots]
            }
            Instr::Drop(value) => {
                let (ty, slots) = (self.ty(*value), self.value(*value).clone());
                self.drop_value(ty, &slots);
                vec![]
            }
            Instr::Unique { value, slot } => {
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                let found = self.references(ty, &slots);
                let id = found.iter().find(|(s, _)| *s == *slot as usize);
                if let Some((_, id)) = id
                    && *id > VARIANTS as u64
                    && (self.cell(*id).count > 1 || self.cell(*id).pinned)
                {
                    slots[*slot as usize] = self.copy_cell(*id);
                }
                vec![slots]
            }
            Instr::Open { value, variant, .. } => self.open(*value, *variant)?,
            Instr::Tag(value) => {
                let (ty, slots) = (self.ty(*value), self.value(*value).clone());
                vec![vec![u64::from(self.tag(ty, &slots))]]
            }
            Instr::Op { op, ty, args } => vec![self.op(*op, *ty, args)?],
            Instr::Call { function, args } => {
                let params = &self.package.functions[*function as usize].params;
                let modes: Vec<Mode> = params.iter().map(|p| p.mode).collect();
                self.call_with(*function, vec![], &modes, args)?
            }
            Instr::CallValue { callee, args, .. } => {
                let id = self.value(*callee)[0];
                let Content::Closure(function, captures) = self.cell(id).content.clone() else {
                    panic!("a closure that is none");
                };
                let code = &self.package.functions[function as usize];
                let modes: Vec<Mode> = code.params[code.captures as usize..]
                    .iter()
                    .map(|p| p.mode)
                    .collect();
                let captures = captures.into_iter().map(|(_, slots)| slots).collect();
                self.call_with(function, captures, &modes, args)?
            }
            Instr::Closure {
                function, captures, ..
            } => {
                let captures = captures
                    .iter()
                    .map(|v| (self.ty(*v), self.value(*v).clone()))
                    .collect();
                vec![vec![self.allocate(Content::Closure(*function, captures))]]
            }
            Instr::HostCall { .. } => vec![vec![self.allocate(Content::Text("b".into()))]],
            other => panic!("{other:?} is no plain instruction"),
        })
    }

    pub(super) fn call_with(
        &mut self,
        function: u32,
        captures: Vec<Slots>,
        modes: &[Mode],
        args: &[Value],
    ) -> Run<Vec<Slots>> {
        let mut all = captures;
        let mut given = vec![];
        for (arg, mode) in args.iter().zip(modes) {
            let slots = self.value(*arg).clone();
            if matches!(mode, Mode::Own | Mode::InOut) {
                given.push(*arg);
            }
            all.push(slots);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.given = given;
        }
        self.call(function as usize, all)
    }

    pub(super) fn open(&mut self, value: Value, variant: u32) -> Run<Vec<Slots>> {
        let (ty, slots) = (self.ty(value), self.value(value).clone());
        if self.tag(ty, &slots) != variant {
            return Err(Ended);
        }
        let Some(layout) = self.layouts.ready(ty) else {
            panic!("a type without layout");
        };
        if !layout.boxed {
            let parts = match &layout.body {
                Body::Product(parts) => parts.clone(),
                Body::Sum { variants, .. } => variants[variant as usize].clone(),
                Body::OptionRef(part) if variant == 1 => vec![*part],
                _ => vec![],
            };
            let mut out = vec![];
            for part in parts {
                let width = self.layouts.ready(part.ty).map_or(0, |l| l.slots.len());
                out.push(slots[part.slot as usize..part.slot as usize + width].to_vec());
            }
            return Ok(out);
        }
        let Content::Parts(_, parts) = self.cell(slots[0]).content.clone() else {
            panic!("a boxed value that is none");
        };
        if self.cell(slots[0]).count == 1 {
            self.heap[slots[0] as usize] = None;
        } else {
            for (ty, part) in &parts {
                self.dup(*ty, part);
            }
            let cell = self.cell(slots[0]);
            cell.count -= u32::from(!cell.pinned);
        }
        Ok(parts.into_iter().map(|(_, slots)| slots).collect())
    }

    pub(super) fn number(&self, value: Value, bound: usize) -> Run<usize> {
        let number = self.value(value)[0] as usize;
        if number < bound {
            Ok(number)
        } else {
            Err(Ended)
        }
    }

    pub(super) fn update(
        &mut self,
        op: UpdateOp,
        value: Value,
        path: &[Step],
        args: &[Value],
    ) -> Run<Vec<Slots>> {
        use UpdateOp as U;
        let (ty, mut slots) = (self.ty(value), self.value(value).clone());
        let spot = self.walk(ty, &mut slots, path, true)?;
        let row = op.row();
        if row.target == cop_bytecode::table::Kind::I64 {
            let old = self.read(&slots, spot)[0];
            let new = old.wrapping_add(self.value(args[0])[0]) % 4;
            self.write(&mut slots, spot, &[new]);
            return Ok(vec![slots]);
        }
        let args: Vec<Slots> = args.iter().map(|v| self.value(*v).clone()).collect();
        let number = |index: usize, bound: usize| -> Run<usize> {
            let number = args[index][0] as usize;
            if number < bound {
                Ok(number)
            } else {
                Err(Ended)
            }
        };
        let id = self.follow(&mut slots, spot, true);
        let mut content =
            std::mem::replace(&mut self.cell(id).content, Content::Text(String::new()));
        let mut results = vec![];
        let mut dropped: Vec<(TypeId, Slots)> = vec![];
        match (&mut content, op) {
            (Content::List(_, items), U::ListPush) => items.push(args[0].clone()),
            (Content::List(ty, items), U::ListPop) => {
                let popped = items.pop();
                let option = self.layouts.find(&Type::Option(*ty));
                let Some(option) = option else {
                    panic!("the result has no type");
                };
                let variant = u32::from(popped.is_some());
                results.push(self.build(option, variant, popped.into_iter().collect()));
            }
            (Content::List(_, items), U::ListInsert) => {
                let at = number(0, items.len() + 1)?;
                items.insert(at, args[1].clone());
            }
            (Content::List(_, items), U::ListRemove) => {
                let at = number(0, items.len())?;
                results.push(items.remove(at));
            }
            (Content::List(_, items), U::ListSwap) => {
                let (a, b) = (number(0, items.len())?, number(1, items.len())?);
                items.swap(a, b);
            }
            (Content::List(ty, items), U::ListClear) => {
                dropped.extend(items.drain(..).map(|item| (*ty, item)));
            }
            (Content::List(ty, items), U::ListExtend) => {
                let Content::List(_, more) = self.cell(args[0][0]).content.clone() else {
                    panic!("a list that is none");
                };
                for item in more {
                    self.dup(*ty, &item);
                    items.push(item);
                }
            }
            (Content::Entries(k, v, entries), U::MapPut) => {
                let key = self.key(&args[0]);
                match self.find(entries, &key) {
                    Some(at) => {
                        dropped.push((*k, args[0].clone()));
                        if let Some(entry) = &mut entries[at] {
                            dropped.push((*v, std::mem::replace(&mut entry.1, args[1].clone())));
                        }
                    }
                    None => entries.push(Some((args[0].clone(), args[1].clone()))),
                }
            }
            (Content::Entries(k, v, entries), U::MapRemove) => {
                let key = self.key(&args[0]);
                let removed = self.find(entries, &key).and_then(|at| entries[at].take());
                let Some(option) = self.layouts.find(&Type::Option(*v)) else {
                    panic!("the result has no type");
                };
                let variant = u32::from(removed.is_some());
                let mut parts = vec![];
                if let Some((key, value)) = removed {
                    dropped.push((*k, key));
                    parts.push(value);
                }
                results.push(self.build(option, variant, parts));
            }
            (Content::Entries(k, _, entries), U::SetInsert) => {
                let key = self.key(&args[0]);
                let known = self.find(entries, &key).is_some();
                if known {
                    dropped.push((*k, args[0].clone()));
                } else {
                    entries.push(Some((args[0].clone(), vec![])));
                }
                results.push(vec![u64::from(!known)]);
            }
            (Content::Text(text), U::TextAppend) => {
                let more = self.key(&args[0]);
                if text.len() < 3 {
                    text.push_str(&more);
                }
            }
            // The rest has no owners to get wrong.
            _ => results.extend((row.result == cop_bytecode::table::Kind::Bool).then(|| vec![0])),
        }
        self.cell(id).content = content;
        for (ty, slots) in dropped {
            self.drop_value(ty, &slots);
        }
        Ok([vec![slots], results].concat())
    }

    pub(super) fn op(&mut self, op: Op, ty: Option<TypeId>, args: &[Value]) -> Run<Slots> {
        let first = args.first().map(|v| self.value(*v).clone());
        let first = first.unwrap_or_default();
        Ok(match op {
            Op::ListLen => match &self.cell(first[0]).content {
                Content::List(_, items) => vec![items.len() as u64],
                _ => panic!("a list that is none"),
            },
            Op::ListSlice => {
                let Content::List(ty, items) = self.cell(first[0]).content.clone() else {
                    panic!("a list that is none");
                };
                let start = self.number(args[1], items.len() + 1)?;
                let end = self.number(args[2], items.len() + 1)?;
                let part = items.get(start..end).ok_or(Ended)?.to_vec();
                for item in &part {
                    self.dup(ty, item);
                }
                vec![self.allocate(Content::List(ty, part))]
            }
            Op::ListFilled => {
                let item = self.value(args[1]).clone();
                let element = self.ty(args[1]);
                let count = self.number(args[0], 5)?;
                for _ in 0..count {
                    self.dup(element, &item);
                }
                assert!(ty.is_some());
                vec![self.allocate(Content::List(element, vec![item; count]))]
            }
            Op::StringConcat => {
                let text = self.key(&first);
                vec![self.allocate(Content::Text(text))]
            }
            Op::MapNext | Op::SetNext => match &self.cell(first[0]).content {
                Content::Entries(_, _, entries) => {
                    let found = entries.iter().position(Option::is_some);
                    vec![found.map_or(u64::MAX, |at| at as u64)]
                }
                _ => panic!("a map that is none"),
            },
            _ => vec![self.random.below(3) as u64],
        })
    }
}
