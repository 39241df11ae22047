//! What in a function has to do with flags, as a list of its own.
//!
//! Most instructions neither end a flag nor define a value that can have one. Those that do become [`Event`]s, with
//! all that types say about them looked up once; loops are then walked again and again over events, not over code. A
//! region in which there is nothing to know vanishes with all that it holds; of a loop that vanishes it is kept that
//! its turns come by ([`Event::Turned`]).

use super::super::draft::{Draft, Known, Node};
use super::shift;
use cop_bytecode::{Instr, Mode, Op, Type, Value};

/// No index.
pub const NONE: u32 = u32::MAX;

/// Something that has to do with flags. `at` is an index into the code, `first` the first value defined there.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A region begins; `end` is the index of its [`Event::End`], `carried` an index into [`Events::loops`] if values
    /// that can have flags go round it.
    Open {
        at: u32,
        end: u32,
        is_loop: bool,
        is_for: bool,
        results: u32,
        carried: u32,
    },
    /// `else` or `arm`.
    Arm,
    /// A region ends.
    End { first: u32 },
    /// A way out of a region.
    Exit { at: u32, depth: u32 },
    /// A way round a loop.
    Next { at: u32, depth: u32 },
    /// Ways round loops that hold nothing else.
    Turned,
    /// Its own slots may get more owners.
    Share(Value),
    /// Defines a value with these flags.
    Define { first: u32, unique: u64 },
    /// Defines a value with these flags as far as its parts have them: so many of [`Events::parts`].
    New {
        first: u32,
        unique: u64,
        from: u32,
        to: u32,
    },
    /// Defines a part of an opened value.
    Part { first: u32, value: Value, slot: u32 },
    /// Borrows from a value.
    Get {
        first: u32,
        value: Value,
        place: Place,
    },
    /// An update, `set` or `take`.
    Update {
        at: u32,
        first: u32,
        value: Value,
        how: How,
        place: Place,
    },
    /// `put`.
    Put {
        first: u32,
        value: Value,
        new: Value,
        place: Place,
    },
    /// `unique`.
    Unique { first: u32, value: Value, slot: u32 },
}

/// What an update does to flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Nothing but to enter.
    Change,
    /// This is stored at the place.
    Set(Value),
    /// What lies there is defined first.
    Take,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Own slots of what lies there that are references.
    pub references: u64,
    /// See [`super::super::draft::Place`].
    pub slot: u32,
    /// See [`super::super::draft::Place`].
    pub behind: bool,
    /// Of an update: the cell in that slot is entered.
    pub enters: bool,
}

/// A loop that carries values that can have flags.
#[derive(Clone, Copy, Debug)]
pub struct Loop {
    /// The event that opens it.
    pub open: u32,
    /// Its first value in [`Events::carried`].
    pub first: u32,
    /// How many it carries.
    pub count: u32,
}

/// A value that a loop carries.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    /// The loop's parameter.
    pub param: Value,
    /// What it is before the loop.
    pub started: Value,
    /// The frame of the loop, once it was opened.
    pub frame: u32,
    /// Own slots that every turn needs unique.
    pub needs: u64,
}

/// A part of a new value.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub value: Value,
    pub references: u64,
    pub slot: u32,
}

/// An open region while the list is made.
#[derive(Clone, Copy, Debug)]
struct Open {
    event: u32,
    loops: u32,
    carried: u32,
    /// Something in it is to be known.
    matters: bool,
    /// The outermost region that is left from inside it.
    outermost: u32,
    /// There are ways round loops in it.
    turns: bool,
}

/// The events of a function.
#[derive(Default)]
pub struct Events {
    pub all: Vec<Event>,
    pub loops: Vec<Loop>,
    pub carried: Vec<Carried>,
    pub parts: Vec<Part>,
    /// Per value, its own slots that are references; none for what is copied.
    pub references: Vec<u64>,
    /// Per value, whether it is copied bit by bit.
    pub copies: Vec<bool>,
    /// Whether something is updated in place.
    pub updates: bool,
    /// Whether a region says which own slots are unique.
    pub declares: bool,
    open: Vec<Open>,
}

impl Events {
    /// Lists the events of a function.
    pub fn fill(&mut self, draft: &Draft, known: &mut Known) {
        self.all.clear();
        self.loops.clear();
        self.carried.clear();
        self.parts.clear();
        self.references.clear();
        self.copies.clear();
        self.open.clear();
        self.updates = false;
        self.declares = false;
        for ty in &draft.values {
            let facts = known.facts(*ty);
            self.references
                .push(if facts.copy { 0 } else { facts.references });
            self.copies.push(facts.copy);
        }
        for (at, node) in draft.code.iter().enumerate() {
            self.node(at as u32, node, draft, known);
        }
    }

    fn references(&self, value: u32) -> u64 {
        self.references[value as usize]
    }

    fn is_copy(&self, value: Value) -> bool {
        self.copies[value.0 as usize]
    }

    /// Something that matters to the regions around it.
    fn add(&mut self, event: Event) {
        if let Some(open) = self.open.last_mut() {
            open.matters = true;
        }
        self.all.push(event);
    }

    fn node(&mut self, at: u32, node: &Node, draft: &Draft, known: &mut Known) {
        let first = node.first;
        match &node.instr {
            Instr::ConstI64(_)
            | Instr::ConstF64(_)
            | Instr::ConstBool(_)
            | Instr::ConstChar(_)
            | Instr::ConstUnit
            | Instr::Const(_)
            | Instr::Ret { .. }
            | Instr::Trap { .. }
            | Instr::Drop(_)
            | Instr::Tag(_) => {}
            Instr::Block { results }
            | Instr::If { results, .. }
            | Instr::Switch { results, .. } => self.region(at, results.len(), None),
            Instr::Loop { start, results, .. } => {
                self.region(at, results.len(), Some((start, first, false)));
            }
            Instr::For { start, .. } => {
                self.region(at, start.len(), Some((start, first + 1, true)))
            }
            Instr::Else | Instr::Arm => self.all.push(Event::Arm),
            Instr::End => self.end(first, node.count),
            Instr::Exit { depth, .. } => {
                self.leave(*depth);
                self.all.push(Event::Exit { at, depth: *depth });
            }
            Instr::Next { depth, .. } => {
                self.leave(*depth);
                if let Some(open) = self.open.last_mut() {
                    open.turns = true;
                }
                self.all.push(Event::Next { at, depth: *depth });
            }
            Instr::Get { value, path } => {
                if !self.copies[first as usize] {
                    let place = known.walk(draft.ty(*value), path);
                    let place = Place {
                        references: self.references(first),
                        slot: place.slot,
                        behind: place.behind,
                        enters: false,
                    };
                    let value = *value;
                    self.add(Event::Get {
                        first,
                        value,
                        place,
                    });
                }
            }
            Instr::Set { value, path, .. }
            | Instr::Update { value, path, .. }
            | Instr::Take { value, path } => {
                if self.is_copy(*value) {
                    return;
                }
                self.updates = true;
                let place = known.walk(draft.ty(*value), path);
                let facts = known.facts(place.ty);
                let (how, enters) = match &node.instr {
                    Instr::Set { new, .. } => (How::Set(*new), false),
                    Instr::Take { .. } => (How::Take, false),
                    _ => (How::Change, !facts.copy),
                };
                let place = Place {
                    references: facts.references,
                    slot: place.slot,
                    behind: place.behind,
                    enters: place.behind || enters,
                };
                let value = *value;
                self.add(Event::Update {
                    at,
                    first,
                    value,
                    how,
                    place,
                });
            }
            Instr::Put { value, path, new } => {
                let place = known.walk(draft.ty(*value), path);
                let place = Place {
                    references: known.facts(place.ty).references,
                    slot: place.slot,
                    behind: place.behind,
                    enters: false,
                };
                let (value, new) = (*value, *new);
                self.add(Event::Put {
                    first,
                    value,
                    new,
                    place,
                });
            }
            Instr::Dup(value) => self.add(Event::Share(*value)),
            Instr::Unique { value, slot } => {
                let (value, slot) = (*value, *slot);
                self.add(Event::Unique { first, value, slot });
            }
            Instr::Open { value, variant, .. } => {
                let ty = draft.ty(*value);
                if (first..first + node.count).all(|v| self.references(v) == 0)
                    || known.facts(ty).boxed
                {
                    return;
                }
                for (i, (_, slot)) in known.parts(ty, *variant).into_iter().enumerate() {
                    let (first, value) = (first + i as u32, *value);
                    if self.references(first) != 0 {
                        self.add(Event::Part { first, value, slot });
                    }
                }
            }
            Instr::New { ty, variant, parts } => {
                let unique = self.references(first);
                if unique == 0 {
                    return;
                }
                let from = self.parts.len() as u32;
                if !known.facts(*ty).reference {
                    for (part, (_, slot)) in parts.iter().zip(known.parts(*ty, *variant)) {
                        let references = self.references(part.0);
                        if references != 0 {
                            self.parts.push(Part {
                                value: *part,
                                references,
                                slot,
                            });
                        }
                    }
                }
                let to = self.parts.len() as u32;
                self.add(match from == to {
                    true => Event::Define { first, unique },
                    false => Event::New {
                        first,
                        unique,
                        from,
                        to,
                    },
                });
            }
            Instr::Op { op, args, .. } => {
                if *op == Op::ListFilled {
                    for arg in args {
                        self.share(*arg);
                    }
                }
                self.define(first);
            }
            Instr::Closure { .. } | Instr::HostCall { .. } => self.define(first),
            Instr::Call { function, args } => {
                for (arg, param) in args.iter().zip(known.params(*function)) {
                    if param.mode == Mode::Borrow {
                        self.share(*arg);
                    }
                }
            }
            Instr::CallValue { callee, args, .. } => {
                if let Some(Type::Fn { params, .. }) = known.layouts.get(draft.ty(*callee)) {
                    for (arg, param) in args.iter().zip(params) {
                        if !param.mutable {
                            self.share(*arg);
                        }
                    }
                }
            }
        }
    }

    fn share(&mut self, value: Value) {
        if !self.is_copy(value) {
            self.add(Event::Share(value));
        }
    }

    /// Cells just made.
    fn define(&mut self, first: u32) {
        let unique = self.references(first);
        if unique != 0 {
            self.add(Event::Define { first, unique });
        }
    }

    /// A region begins; of a loop, with these values for its parameters from there on.
    fn region(&mut self, at: u32, results: usize, start: Option<(&[Value], u32, bool)>) {
        let (loops, carried) = (self.loops.len() as u32, self.carried.len() as u32);
        let (is_loop, is_for) = (start.is_some(), matches!(start, Some((.., true))));
        let mut number = NONE;
        if let Some((start, first, _)) = start
            && (first..first + start.len() as u32).any(|v| self.references(v) != 0)
        {
            number = loops;
            self.loops.push(Loop {
                open: self.all.len() as u32,
                first: carried,
                count: start.len() as u32,
            });
            for (i, started) in start.iter().enumerate() {
                self.carried.push(Carried {
                    param: Value(first + i as u32),
                    started: *started,
                    frame: NONE,
                    needs: 0,
                });
            }
        }
        self.open.push(Open {
            event: self.all.len() as u32,
            loops,
            carried,
            matters: number != NONE,
            outermost: NONE,
            turns: false,
        });
        self.all.push(Event::Open {
            at,
            end: 0,
            is_loop,
            is_for,
            results: results as u32,
            carried: number,
        });
    }

    /// A way out of, or round, a region around this.
    fn leave(&mut self, depth: u32) {
        let target = (self.open.len() as u32).saturating_sub(depth + 1);
        if let Some(open) = self.open.last_mut() {
            open.outermost = open.outermost.min(target);
        }
    }

    /// A region ends. It vanishes if nothing in it is to be known, and nobody leaves a region further out from it.
    fn end(&mut self, first: u32, count: u32) {
        let Some(open) = self.open.pop() else { return };
        let number = self.open.len() as u32;
        let declares = (first..first + count).any(|v| self.references(v) != 0);
        self.declares |= declares;
        let matters = open.matters || declares;
        let around = self.open.last_mut();
        if !matters && open.outermost >= number {
            self.all.truncate(open.event as usize);
            self.loops.truncate(open.loops as usize);
            self.carried.truncate(open.carried as usize);
            if open.turns {
                if let Some(around) = around {
                    around.turns = true;
                }
                self.all.push(Event::Turned);
            }
            return;
        }
        if let Some(around) = around {
            around.matters |= matters;
            around.turns |= open.turns;
            if open.outermost < number {
                around.outermost = around.outermost.min(open.outermost);
            }
        }
        let end = self.all.len() as u32;
        if let Event::Open { end: close, .. } = &mut self.all[open.event as usize] {
            *close = end;
        }
        self.all.push(Event::End { first });
    }
}

impl Place {
    /// The own slots of the whole that lie there.
    pub fn own(&self) -> u64 {
        if self.behind {
            0
        } else {
            shift(self.references, self.slot)
        }
    }
}
