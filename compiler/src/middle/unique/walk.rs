//! One walk over events, with the flags of every value.

use super::events::{Event, Events, How, NONE, Place};
use super::shift;
use crate::middle::draft::{Draft, Node};
use cop_bytecode::{Instr, Mode, Own, Value, ValueType};

/// What is known of a value.
#[derive(Clone, Copy, Debug)]
pub enum State {
    Copy,
    /// Own slots known unique; how many regions and loops there are around the definition.
    Owned {
        unique: u64,
        loops: u32,
        depth: u32,
    },
    /// Where in its root it lies: own slots, and the first of them if that is known.
    Borrowed {
        root: Value,
        own: u64,
        first: Option<u32>,
    },
}

/// An open region.
#[derive(Debug)]
pub struct Frame {
    /// The event that opened it.
    pub open: u32,
    is_loop: bool,
    /// What happened since it was opened begins there in the log.
    log_base: usize,
    /// How far the log was looked at for `ended`.
    seen: usize,
    /// Flags of outer values that some way to its end ended.
    ended: Vec<(Value, u64)>,
    /// Its results begin there in [`Walk::results`].
    results: usize,
    /// Of a loop, what goes round begins there in [`Walk::turns`].
    turns: usize,
    /// Of a loop: some turns have ended already, so what follows is not part of every turn.
    turned: bool,
}

/// What all ways to the end of a region agree on, of one of its results.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    pub flags: u64,
    /// The loop's parameter that it is; `None` before the first way.
    origin: Option<u32>,
}

/// A `unique` that is put before an instruction.
pub struct Insert {
    pub at: u32,
    value: Value,
    slot: u32,
    made: u32,
}

/// What a walk writes into the function.
pub struct Out<'a> {
    pub draft: &'a mut Draft,
    pub inserts: Vec<Insert>,
    /// Whether anything is written; not so while it is found out what holds at the heads of loops.
    pub writes: bool,
}

impl Out<'_> {
    /// Says which own slots are unique of what the region there is given, or gives.
    fn declare(&mut self, at: u32, results: bool, flags: impl Iterator<Item = u64>) {
        if !self.writes {
            return;
        }
        let types: &mut [ValueType] = match &mut self.draft.code[at as usize].instr {
            Instr::Block { results: types }
            | Instr::If { results: types, .. }
            | Instr::Switch { results: types, .. }
            | Instr::Loop { results: types, .. }
                if results =>
            {
                types
            }
            Instr::Loop { params, .. } | Instr::For { params, .. } if !results => params,
            _ => return,
        };
        for (ty, flags) in types.iter_mut().zip(flags) {
            if let Own::Owned { unique } = &mut ty.own {
                *unique = flags;
            }
        }
    }

    /// Makes an own slot unique before the update there.
    fn insert(&mut self, at: u32, value: Value, slot: u32) {
        if !self.writes {
            return;
        }
        let made = self.draft.fresh(self.draft.ty(value));
        self.inserts.push(Insert {
            at,
            value,
            slot,
            made,
        });
        if let Instr::Set { value, .. } | Instr::Update { value, .. } | Instr::Take { value, .. } =
            &mut self.draft.code[at as usize].instr
        {
            *value = Value(made);
        }
    }

    /// Puts all of them into the code.
    pub fn finish(self) {
        if self.inserts.is_empty() {
            return;
        }
        let code = std::mem::take(&mut self.draft.code);
        let mut out = Vec::with_capacity(code.len() + self.inserts.len());
        let mut rest = code.into_iter().peekable();
        let mut done = 0;
        for insert in self.inserts {
            out.extend(rest.by_ref().take((insert.at - done) as usize));
            done = insert.at;
            let Some(before) = rest.peek() else { break };
            out.push(Node {
                instr: Instr::Unique {
                    value: insert.value,
                    slot: insert.slot,
                },
                first: insert.made,
                count: 1,
                span: before.span,
                site: before.site,
            });
        }
        out.extend(rest);
        self.draft.code = out;
    }
}

/// The state of a walk. Kept from function to function, for its room.
#[derive(Default)]
pub struct Walk {
    states: Vec<State>,
    /// The value carried by a loop that a value is, changed in place since: an index into [`Events::carried`].
    origins: Vec<u32>,
    pub frames: Vec<Frame>,
    pub results: Vec<Agreed>,
    pub turns: Vec<u64>,
    open_loops: u32,
    /// Flags that ended, to be taken back at the end of an arm.
    pub log: Vec<(Value, u64)>,
    /// Room for the `ended` of frames.
    room: Vec<Vec<(Value, u64)>>,
}

impl Walk {
    /// Begins with a function.
    pub fn begin(&mut self, draft: &Draft, events: &Events) {
        self.states.clear();
        self.states
            .extend(events.copies.iter().map(|copy| match copy {
                true => State::Copy,
                // Nothing is known of what no event defines.
                false => State::Owned {
                    unique: 0,
                    loops: 0,
                    depth: 0,
                },
            }));
        self.origins.clear();
        self.origins.resize(events.copies.len(), NONE);
        self.frames.clear();
        self.results.clear();
        self.turns.clear();
        self.open_loops = 0;
        self.log.clear();
        for (i, param) in draft.params.iter().enumerate() {
            if !events.copies[i] && matches!(param.mode, Mode::Borrow | Mode::Look) {
                self.states[i] = State::Borrowed {
                    root: Value(i as u32),
                    own: events.references[i],
                    first: Some(0),
                };
            }
        }
    }

    /// Defines a value with these flags, as far as it can have them.
    fn define(&mut self, events: &Events, value: u32, unique: u64) {
        self.origins[value as usize] = NONE;
        if !events.copies[value as usize] {
            self.states[value as usize] = State::Owned {
                unique: unique & events.references[value as usize],
                loops: self.open_loops,
                depth: self.frames.len() as u32,
            };
        }
    }

    /// Defines again what an instruction changed in place.
    fn define_again(&mut self, events: &Events, value: u32, from: Value, unique: u64) {
        let origin = self.origins[from.0 as usize];
        self.define(events, value, unique);
        self.origins[value as usize] = origin;
    }

    /// The flags of an owned value. Inside a loop nothing is known of one from outside.
    pub fn unique(&self, value: Value) -> u64 {
        match self.states[value.0 as usize] {
            State::Owned { unique, loops, .. } if loops == self.open_loops => unique,
            _ => 0,
        }
    }

    /// The flags of what is handed to a region.
    fn given(&self, value: Value) -> u64 {
        match self.states[value.0 as usize] {
            State::Copy => u64::MAX,
            _ => self.unique(value),
        }
    }

    fn end_flags(&mut self, value: Value, mask: u64) {
        if let State::Owned { unique, depth, .. } = &mut self.states[value.0 as usize] {
            let ended = *unique & mask;
            *unique &= !mask;
            if ended != 0 && (*depth as usize) < self.frames.len() {
                self.log.push((value, ended));
            }
        }
    }

    fn share(&mut self, value: Value) {
        match self.states[value.0 as usize] {
            State::Owned { .. } => self.end_flags(value, u64::MAX),
            State::Borrowed { root, own, .. } => self.end_flags(root, own),
            State::Copy => {}
        }
    }

    /// Takes back what ended since the log had that length.
    pub fn undo_to(&mut self, length: usize) {
        if self.log.len() == length {
            return;
        }
        while self.log.len() > length {
            if let Some((value, ended)) = self.log.pop()
                && let State::Owned { unique, .. } = &mut self.states[value.0 as usize]
            {
                *unique |= ended;
            }
        }
        for frame in &mut self.frames {
            frame.seen = frame.seen.min(length);
        }
    }

    /// Opens the region of the event there; of a loop, with these flags at its head.
    pub fn open(&mut self, events: &mut Events, at: u32, head: &[u64], out: &mut Out) {
        let Event::Open {
            at: position,
            is_loop,
            results,
            carried,
            ..
        } = events.all[at as usize]
        else {
            return;
        };
        let frame = Frame {
            open: at,
            is_loop,
            log_base: self.log.len(),
            seen: self.log.len(),
            ended: self.room.pop().unwrap_or_default(),
            results: self.results.len(),
            turns: self.turns.len(),
            turned: false,
        };
        let none = Agreed {
            flags: u64::MAX,
            origin: None,
        };
        self.results
            .resize(self.results.len() + results as usize, none);
        self.frames.push(frame);
        if is_loop {
            self.open_loops += 1;
        }
        if carried == NONE {
            return;
        }
        out.declare(position, false, head.iter().copied());
        let carries = events.loops[carried as usize];
        self.turns
            .resize(self.turns.len() + carries.count as usize, u64::MAX);
        for (i, unique) in head.iter().enumerate() {
            let number = carries.first + i as u32;
            let value = &mut events.carried[number as usize];
            value.frame = self.frames.len() as u32 - 1;
            let param = value.param.0;
            self.define(events, param, *unique);
            self.origins[param as usize] = number;
        }
    }

    /// Closes the innermost region and defines its results; those of a counting loop have what is at its head.
    pub fn close(&mut self, events: &Events, first: u32, head: Option<&[u64]>, out: &mut Out) {
        let Some(mut frame) = self.frames.pop() else {
            return;
        };
        self.undo_to(frame.log_base);
        self.open_loops -= u32::from(frame.is_loop);
        for (value, mask) in frame.ended.drain(..) {
            self.end_flags(value, mask);
        }
        self.room.push(frame.ended);
        let count = (self.results.len() - frame.results) as u32;
        for i in 0..count {
            let result = self.results[frame.results + i as usize];
            let flags = match head {
                Some(head) => head.get(i as usize).copied().unwrap_or(0),
                None => result.flags,
            };
            self.define(events, first + i, flags);
            if let Some(origin) = result.origin {
                self.origins[(first + i) as usize] = origin;
            }
        }
        self.results.truncate(frame.results);
        self.turns.truncate(frame.turns);
        if let Event::Open { at, .. } = events.all[frame.open as usize]
            && count > 0
        {
            let states = &self.states[first as usize..(first + count) as usize];
            let flags = states.iter().map(|state| match state {
                State::Owned { unique, .. } => *unique,
                _ => 0,
            });
            out.declare(at, true, flags);
        }
    }

    /// Of the innermost loop: the flags that all ways to its head have. What a way out of a counting loop gives is
    /// what its end would give.
    pub fn kept(&self, is_for: bool) -> impl Iterator<Item = u64> + '_ {
        let (turns, results) = match self.frames.last() {
            Some(frame) => (&self.turns[frame.turns..], &self.results[frame.results..]),
            None => (&[][..], &[][..]),
        };
        turns
            .iter()
            .enumerate()
            .map(move |(i, turns)| match is_for {
                true => turns & results.get(i).map_or(u64::MAX, |r| r.flags),
                false => *turns,
            })
    }

    /// `else` and `arm`.
    pub fn arm(&mut self) {
        let base = self.frames.last().map_or(0, |f| f.log_base);
        self.undo_to(base);
    }

    /// Notes what a way to the end or head of a region ended.
    fn reach(&mut self, target: usize) {
        let frame = &mut self.frames[target];
        let from = frame.seen.max(frame.log_base);
        for (value, mask) in &self.log[from..] {
            if let State::Owned { depth, .. } = self.states[value.0 as usize]
                && depth as usize <= target
            {
                frame.ended.push((*value, *mask));
            }
        }
        frame.seen = self.log.len();
    }

    fn target(&self, depth: u32) -> usize {
        self.frames.len() - 1 - depth as usize
    }

    /// A way out of a region.
    pub fn exit(&mut self, events: &Events, depth: u32, values: &[Value]) {
        let target = self.target(depth);
        let base = self.frames[target].results;
        for (i, value) in values.iter().enumerate() {
            let flags = self.given(*value);
            let origin = self.origin_outside(events, *value, target);
            let result = &mut self.results[base + i];
            result.flags &= flags;
            result.origin = match result.origin {
                Some(known) if known != origin => Some(NONE),
                _ => Some(origin),
            };
        }
        self.reach(target);
    }

    /// A way round a loop.
    pub fn next(&mut self, depth: u32, values: &[Value]) {
        let target = self.target(depth);
        let turns = self.frames[target].turns;
        let end = match self.frames.get(target + 1) {
            Some(inner) => inner.turns,
            None => self.turns.len(),
        };
        // Of a loop that carries nothing with flags, nothing is noted.
        if end > turns {
            for (i, value) in values.iter().enumerate() {
                self.turns[turns + i] &= self.given(*value);
            }
        }
        self.frames[target].turned = true;
        self.turned(target + 1);
    }

    /// A turn may be followed by any way out that starts inside the loop.
    fn turned(&mut self, frames: usize) {
        if !self.log.is_empty() {
            (0..frames).for_each(|outer| self.reach(outer));
        }
    }

    /// The origin of what is handed out of a region, as far as it lies outside.
    fn origin_outside(&self, events: &Events, value: Value, target: usize) -> u32 {
        let mut origin = self.origins[value.0 as usize];
        while origin != NONE && events.carried[origin as usize].frame as usize >= target {
            origin = self.outer_origin(events, origin);
        }
        origin
    }

    /// What a loop's parameter started as, if that is a parameter of a loop further out.
    fn outer_origin(&self, events: &Events, origin: u32) -> u32 {
        let started = events.carried[origin as usize].started;
        self.origins[started.0 as usize]
    }

    /// An own slot is entered: every turn of the loops around that do nothing but loop needs it unique.
    fn need(&mut self, events: &mut Events, value: Value, slot: u32) {
        let mut origin = self.origins[value.0 as usize];
        let mut above = self.frames.len();
        while origin != NONE {
            let frame = events.carried[origin as usize].frame as usize;
            if frame >= above {
                return;
            }
            let inner = &self.frames[frame..];
            if inner[0].turned || !inner[1..].iter().all(|f| f.is_loop && !f.turned) {
                return;
            }
            events.carried[origin as usize].needs |= shift(1, slot);
            above = frame;
            origin = self.outer_origin(events, origin);
        }
    }

    /// The flags of a value after something was stored at a place in it.
    fn stored(&self, unique: u64, place: &Place, new: Value) -> u64 {
        if place.behind {
            return unique;
        }
        unique & !shift(place.references, place.slot)
            | shift(place.references & self.unique(new), place.slot)
    }

    fn get(&mut self, first: u32, value: Value, place: &Place) {
        self.origins[first as usize] = NONE;
        self.states[first as usize] = match self.states[value.0 as usize] {
            State::Borrowed { root, own, .. } if place.behind || own == 0 => State::Borrowed {
                root,
                own: 0,
                first: None,
            },
            State::Borrowed { root, own, first } => match first {
                Some(first) => State::Borrowed {
                    root,
                    own: shift(place.references, first + place.slot),
                    first: Some(first + place.slot),
                },
                None => State::Borrowed { root, own, first },
            },
            _ => State::Borrowed {
                root: value,
                own: place.own(),
                first: (!place.behind).then_some(place.slot),
            },
        };
    }

    /// An event that opens and closes no region.
    pub fn step(&mut self, events: &mut Events, event: Event, out: &mut Out) {
        match event {
            Event::Share(value) => self.share(value),
            Event::Define { first, unique } => self.define(events, first, unique),
            Event::Get {
                first,
                value,
                place,
            } => self.get(first, value, &place),
            Event::New {
                first,
                mut unique,
                from,
                to,
            } => {
                for part in &events.parts[from as usize..to as usize] {
                    let shared = part.references & !self.unique(part.value);
                    unique &= !shift(shared, part.slot);
                }
                self.define(events, first, unique);
            }
            Event::Part { first, value, slot } => {
                let kept = self.unique(value).checked_shr(slot).unwrap_or(0);
                self.define(events, first, kept);
            }
            Event::Unique { first, value, slot } => {
                let unique = self.unique(value) | shift(1, slot);
                self.define_again(events, first, value, unique);
            }
            Event::Put {
                first,
                value,
                new,
                place,
            } => {
                let unique = self.stored(self.unique(value), &place, new);
                self.define_again(events, first, value, unique);
            }
            Event::Update {
                at,
                first,
                value,
                how,
                place,
            } => {
                let mut unique = self.unique(value);
                if place.enters {
                    self.need(events, value, place.slot);
                    if unique & shift(1, place.slot) == 0 {
                        unique |= shift(1, place.slot);
                        out.insert(at, value, place.slot);
                    }
                }
                match how {
                    How::Set(new) => {
                        let unique = self.stored(unique, &place, new);
                        self.define_again(events, first, value, unique);
                    }
                    How::Take => {
                        let taken = match place.behind {
                            true => 0,
                            false => unique.checked_shr(place.slot).unwrap_or(0),
                        };
                        self.define(events, first, taken);
                        self.define_again(events, first + 1, value, unique);
                    }
                    How::Change => self.define_again(events, first, value, unique),
                }
            }
            Event::Turned => self.turned(self.frames.len()),
            Event::Arm => self.arm(),
            Event::Open { .. } | Event::End { .. } | Event::Exit { .. } | Event::Next { .. } => {}
        }
    }
}
