//! Places `unique`: where an update enters a cell that may be shared, that cell is copied first.
//!
//! One walk over the code with a flag for each own slot of each value: known to be its cell's only owner. The rules
//! are those of the verifier (`vm/src/verify`), which checks the outcome. An update whose slot is not flagged gets a
//! `unique` before it.
//!
//! **Loops.** What is unique at a loop's head is what was before it and is again after every turn. It is found by
//! assuming what was before it, walking the loop, and taking away what a turn lost, until nothing is lost. An
//! assumption only ever shrinks, also when a loop is walked again because the one around it was, so the work is
//! bounded by depth.
//!
//! **Hoisting** ([`super::hoist`]) comes first: where turns keep a slot unique, and need it so, but it was not known
//! before the loop, `unique` stands once before the loop instead of in every turn.

use super::draft::{Draft, Known, Node, Place, Use, each_use, opens};
use super::hoist::{self, Hoists};
use cop_bytecode::{Instr, Mode, Op, Own, Value, ValueType};
use rustc_hash::FxHashMap;

/// Runs the pass.
pub fn run(draft: &mut Draft, known: &mut Known) {
    let updates = |n: &Node| {
        matches!(
            n.instr,
            Instr::Update { .. } | Instr::Set { .. } | Instr::Take { .. }
        )
    };
    let loops = |n: &Node| matches!(n.instr, Instr::Loop { .. } | Instr::For { .. });
    if draft.code.iter().any(updates) && draft.code.iter().any(loops) {
        let mut pass = Pass::new(draft, known);
        pass.deciding = true;
        pass.walk(0, pass.code.len());
        let Pass {
            code, mut decided, ..
        } = pass;
        decided.retain(|_, slots| slots.iter().any(|s| *s != 0));
        draft.code = code;
        if !decided.is_empty() {
            hoist::run(draft, known, &decided);
        }
    }
    if !draft.code.iter().any(|n| changes(&n.instr)) {
        return;
    }
    let mut pass = Pass::new(draft, known);
    pass.out = Some(Vec::with_capacity(pass.code.len() + 8));
    pass.walk(0, pass.code.len());
    let out = pass.out.take().unwrap_or_default();
    draft.code = out;
}

/// Whether the pass may change something here: an update, or a region that says which own slots are unique.
fn changes(instr: &Instr) -> bool {
    let owned = |types: &[ValueType]| types.iter().any(|t| matches!(t.own, Own::Owned { .. }));
    match instr {
        Instr::Update { .. } | Instr::Set { .. } | Instr::Take { .. } => true,
        Instr::Block { results } | Instr::If { results, .. } | Instr::Switch { results, .. } => {
            owned(results)
        }
        Instr::Loop {
            params, results, ..
        } => owned(params) || owned(results),
        Instr::For { params, .. } => owned(params),
        _ => false,
    }
}

/// No value.
const NONE: Value = Value(u32::MAX);

#[derive(Clone, Copy, Debug)]
enum State {
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
struct Frame {
    is_loop: bool,
    is_for: bool,
    /// Where its opening instruction stands in what was put out.
    out_at: usize,
    /// What happened since it was opened begins there in the log.
    log_base: usize,
    /// How far the log was looked at for `ended`.
    seen: usize,
    /// Flags of outer values that some way to its end ended.
    ended: Vec<(Value, u64)>,
    /// Flags of its results that all ways to its end have.
    results: Vec<u64>,
    /// What its results are in all cases: see [`Pass::origins`].
    origins: Vec<Option<Value>>,
    /// Of a loop: flags that all ways to its head have.
    turns: Vec<u64>,
    /// Of a loop: some turns have ended already, so what follows is not part of every turn.
    turned: bool,
}

struct Pass<'a> {
    draft: &'a mut Draft,
    known: &'a mut Known,
    code: Vec<Node>,
    /// Per opening instruction, where its region ends.
    closes: Vec<usize>,
    states: Vec<State>,
    /// The loop's parameter that a value is, changed in place since.
    origins: Vec<Value>,
    /// Per parameter of an open loop, the frame of the loop.
    frame_of: FxHashMap<Value, usize>,
    /// Per parameter of a loop, what it was before the loop.
    started: FxHashMap<Value, Value>,
    /// Per parameter of a loop, own slots that every turn needs unique.
    needs: FxHashMap<Value, u64>,
    frames: Vec<Frame>,
    open_loops: u32,
    /// Flags that ended, to be taken back at the end of an arm.
    log: Vec<(Value, u64)>,
    /// Per loop, what was found to hold at its head.
    heads: FxHashMap<usize, Vec<u64>>,
    /// Whether loops met now are to be decided on.
    deciding: bool,
    decided: Hoists,
    out: Option<Vec<Node>>,
}

fn shift(mask: u64, slot: u32) -> u64 {
    mask.checked_shl(slot).unwrap_or(0)
}

impl<'a> Pass<'a> {
    fn new(draft: &'a mut Draft, known: &'a mut Known) -> Pass<'a> {
        let code = std::mem::take(&mut draft.code);
        let mut closes = vec![0; code.len()];
        let mut open = vec![];
        for (i, node) in code.iter().enumerate() {
            if opens(&node.instr) {
                open.push(i);
            } else if matches!(node.instr, Instr::End) {
                closes[open.pop().unwrap_or(0)] = i;
            }
        }
        let count = draft.values.len();
        let mut pass = Pass {
            draft,
            known,
            code,
            closes,
            states: vec![State::Copy; count],
            origins: vec![NONE; count],
            frame_of: FxHashMap::default(),
            started: FxHashMap::default(),
            needs: FxHashMap::default(),
            frames: vec![],
            open_loops: 0,
            log: vec![],
            heads: FxHashMap::default(),
            deciding: false,
            decided: Hoists::default(),
            out: None,
        };
        for i in 0..pass.draft.params.len() {
            let param = pass.draft.params[i];
            let facts = pass.known.facts(param.ty);
            pass.states[i] = if facts.copy {
                State::Copy
            } else if matches!(param.mode, Mode::Own | Mode::InOut) {
                State::Owned {
                    unique: 0,
                    loops: 0,
                    depth: 0,
                }
            } else {
                State::Borrowed {
                    root: Value(i as u32),
                    own: facts.references,
                    first: Some(0),
                }
            };
        }
        pass
    }

    fn define(&mut self, value: u32, unique: u64) {
        let facts = self.known.facts(self.draft.values[value as usize]);
        self.origins[value as usize] = NONE;
        self.states[value as usize] = if facts.copy {
            State::Copy
        } else {
            State::Owned {
                unique: unique & facts.references,
                loops: self.open_loops,
                depth: self.frames.len() as u32,
            }
        };
    }

    /// Defines again what an instruction changed in place.
    fn define_again(&mut self, value: u32, from: Value, unique: u64) {
        let origin = self.origins[from.0 as usize];
        self.define(value, unique);
        self.origins[value as usize] = origin;
    }

    /// The flags of an owned value. Inside a loop nothing is known of one from outside.
    fn unique(&self, value: Value) -> u64 {
        match self.states[value.0 as usize] {
            State::Owned { unique, loops, .. } if loops == self.open_loops => unique,
            _ => 0,
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

    fn undo_to(&mut self, length: usize) {
        while self.log.len() > length {
            if let Some((value, ended)) = self.log.pop()
                && let State::Owned { unique, .. } = &mut self.states[value.0 as usize]
            {
                *unique |= ended;
            }
        }
    }

    /// Walks a part of the code.
    fn walk(&mut self, from: usize, to: usize) {
        let mut at = from;
        while at < to {
            if matches!(self.code[at].instr, Instr::Loop { .. } | Instr::For { .. }) {
                self.walk_loop(at);
                at = self.closes[at] + 1;
            } else {
                self.step(at);
                at += 1;
            }
        }
    }

    /// Walks a loop until what is assumed at its head holds; then puts it out.
    fn walk_loop(&mut self, at: usize) {
        let start = self.start_flags(at);
        let hoisted = self.decided(at, &start);
        let bound = start.iter().zip(&hoisted).map(|(s, h)| s | h);
        let mut head: Vec<u64> = match self.heads.remove(&at) {
            Some(head) => head.iter().zip(bound).map(|(h, b)| h & b).collect(),
            None => bound.collect(),
        };
        let out = self.out.take();
        loop {
            let log = self.log.len();
            let turns = self.turn(at, &head);
            let holds = head.iter().zip(&turns).all(|(h, t)| h & !t == 0);
            if holds && out.is_none() {
                break;
            }
            self.undo_to(log);
            if holds {
                self.out = out;
                self.turn(at, &head);
                break;
            }
            head.iter_mut().zip(turns).for_each(|(h, t)| *h &= t);
        }
        self.heads.insert(at, head);
    }

    fn start_flags(&self, at: usize) -> Vec<u64> {
        match &self.code[at].instr {
            Instr::Loop { start, .. } | Instr::For { start, .. } => {
                start.iter().map(|v| self.unique(*v)).collect()
            }
            _ => vec![],
        }
    }

    /// What is made unique before a loop: decided when the loop is met first.
    fn decided(&mut self, at: usize, start: &[u64]) -> Vec<u64> {
        if !self.deciding {
            return vec![0; start.len()];
        }
        if let Some(found) = self.decided.get(&at) {
            return found.clone();
        }
        let found = self.decide(at, start);
        self.decided.insert(at, found.clone());
        found
    }

    /// Decides what to make unique before a loop: what turns keep and need, and was not known before.
    fn decide(&mut self, at: usize, start: &[u64]) -> Vec<u64> {
        let heads = std::mem::take(&mut self.heads);
        let needs = std::mem::take(&mut self.needs);
        self.deciding = false;
        let params = self.loop_params(at);
        let mut head: Vec<u64> = params
            .iter()
            .map(|v| self.known.facts(self.draft.values[v.0 as usize]).references)
            .collect();
        loop {
            let log = self.log.len();
            self.needs.clear();
            let turns = self.turn(at, &head);
            self.undo_to(log);
            if head.iter().zip(&turns).all(|(h, t)| h & !t == 0) {
                break;
            }
            head.iter_mut().zip(turns).for_each(|(h, t)| *h &= t);
        }
        let found: Vec<u64> = params
            .iter()
            .zip(&head)
            .zip(start)
            .map(|((param, kept), known)| {
                kept & !known & self.needs.get(param).copied().unwrap_or(0)
            })
            .collect();
        self.heads = heads;
        self.needs = needs;
        self.deciding = true;
        if found.iter().all(|slots| *slots == 0) || !hoist::can(&self.code, at, self.closes[at]) {
            return vec![0; found.len()];
        }
        found
    }

    /// The parameters of a loop.
    fn loop_params(&self, at: usize) -> Vec<Value> {
        let node = &self.code[at];
        let skip = u32::from(matches!(node.instr, Instr::For { .. }));
        (node.first + skip..node.first + node.count)
            .map(Value)
            .collect()
    }

    /// Walks a loop once, with these flags at its head; gives those that all ways to its head have.
    fn turn(&mut self, at: usize, head: &[u64]) -> Vec<u64> {
        let close = self.closes[at];
        self.open(at, head);
        self.walk(at + 1, close);
        let turns = self
            .frames
            .last()
            .map(|f| f.turns.clone())
            .unwrap_or_default();
        let results = self.frames.last().map(|f| (f.is_for, f.results.clone()));
        self.close(close, Some(head));
        match results {
            // What a way out of a counting loop gives is what its end would give.
            Some((true, results)) => turns.iter().zip(results).map(|(t, r)| t & r).collect(),
            _ => turns,
        }
    }

    /// Opens the region of the instruction there; of a loop, with these flags at its head.
    fn open(&mut self, at: usize, head: &[u64]) {
        let (instr, first) = (&self.code[at].instr, self.code[at].first);
        let is_loop = matches!(instr, Instr::Loop { .. } | Instr::For { .. });
        let is_for = matches!(instr, Instr::For { .. });
        let results = match instr {
            Instr::Block { results }
            | Instr::If { results, .. }
            | Instr::Switch { results, .. }
            | Instr::Loop { results, .. } => results.len(),
            Instr::For { params, .. } => params.len(),
            _ => 0,
        };
        let start: Vec<Value> = match instr {
            Instr::Loop { start, .. } | Instr::For { start, .. } => start.clone(),
            _ => vec![],
        };
        let out_at = self.out.as_ref().map_or(0, Vec::len);
        if self.out.is_some() {
            let mut node = self.taken(at);
            if let Instr::Loop { params, .. } | Instr::For { params, .. } = &mut node.instr {
                declare(params, head);
            }
            self.put_out(node);
        }
        self.frames.push(Frame {
            is_loop,
            is_for,
            out_at,
            log_base: self.log.len(),
            seen: self.log.len(),
            ended: vec![],
            results: vec![u64::MAX; results],
            origins: vec![None; results],
            turns: vec![u64::MAX; start.len()],
            turned: false,
        });
        if is_loop {
            self.open_loops += 1;
            if is_for {
                self.define(first, 0);
            }
            for (i, (value, unique)) in start.iter().zip(head).enumerate() {
                let param = first + u32::from(is_for) + i as u32;
                self.define(param, *unique);
                self.frame_of.insert(Value(param), self.frames.len() - 1);
                self.origins[param as usize] = Value(param);
                self.started.insert(Value(param), *value);
            }
        }
    }

    /// Closes the innermost region and defines its results.
    fn close(&mut self, at: usize, head: Option<&[u64]>) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        self.undo_to(frame.log_base);
        self.frames
            .iter_mut()
            .for_each(|f| f.seen = f.seen.min(frame.log_base));
        if frame.is_loop {
            self.open_loops -= 1;
        }
        for (value, mask) in &frame.ended {
            self.end_flags(*value, *mask);
        }
        let first = self.code[at].first;
        let flags: Vec<u64> = match head {
            Some(head) if frame.is_for => head.to_vec(),
            _ => frame.results.clone(),
        };
        for (i, unique) in flags.iter().enumerate() {
            let origin = frame.origins.get(i).copied().flatten();
            self.define(first + i as u32, *unique);
            if let Some(origin) = origin {
                self.origins[first as usize + i] = origin;
            }
        }
        let end = self.out.is_some().then(|| self.taken(at));
        if let (Some(out), Some(end)) = (&mut self.out, end) {
            let known: Vec<u64> = (0..flags.len() as u32)
                .map(|i| match self.states[(first + i) as usize] {
                    State::Owned { unique, .. } => unique,
                    _ => 0,
                })
                .collect();
            if let Instr::Block { results }
            | Instr::If { results, .. }
            | Instr::Switch { results, .. }
            | Instr::Loop { results, .. } = &mut out[frame.out_at].instr
            {
                declare(results, &known);
            }
            out.push(end);
        }
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

    /// The flags of what is handed to a region.
    fn given(&self, values: &[Value]) -> Vec<u64> {
        values
            .iter()
            .map(|v| match self.states[v.0 as usize] {
                State::Copy => u64::MAX,
                _ => self.unique(*v),
            })
            .collect()
    }

    /// An own slot is entered: every turn of the loops around that do nothing but loop needs it unique.
    fn need(&mut self, value: Value, slot: u32) {
        let mut origin = self.origins[value.0 as usize];
        let mut above = self.frames.len();
        while origin != NONE {
            let Some(frame) = self.frame_of.get(&origin).copied() else {
                return;
            };
            let inner = &self.frames[frame..];
            if frame >= above
                || inner[0].turned
                || !inner[1..].iter().all(|f| f.is_loop && !f.turned)
            {
                return;
            }
            *self.needs.entry(origin).or_insert(0) |= shift(1, slot);
            above = frame;
            origin = self.outer_origin(origin);
        }
    }

    /// What the parameter of a loop started as, if that is a parameter of a loop further out.
    fn outer_origin(&self, param: Value) -> Value {
        self.started
            .get(&param)
            .map_or(NONE, |start| self.origins[start.0 as usize])
    }

    fn step(&mut self, at: usize) {
        let node = &self.code[at];
        let (first, count) = (node.first, node.count);
        match &node.instr {
            Instr::Block { .. } | Instr::If { .. } | Instr::Switch { .. } => {
                return self.open(at, &[]);
            }
            Instr::End => return self.close(at, None),
            Instr::Else | Instr::Arm => {
                let base = self.frames.last().map_or(0, |f| f.log_base);
                self.undo_to(base);
                self.frames
                    .iter_mut()
                    .for_each(|f| f.seen = f.seen.min(base));
            }
            Instr::Exit { depth, values } => {
                let target = self.target(*depth);
                let given = self.given(values);
                let origins: Vec<Value> = values
                    .iter()
                    .map(|v| self.origin_outside(*v, target))
                    .collect();
                let frame = &mut self.frames[target];
                frame
                    .results
                    .iter_mut()
                    .zip(given)
                    .for_each(|(all, this)| *all &= this);
                frame
                    .origins
                    .iter_mut()
                    .zip(origins)
                    .for_each(|(all, this)| match all {
                        Some(known) if *known != this => *known = NONE,
                        Some(_) => {}
                        None => *all = Some(this),
                    });
                self.reach(target);
            }
            Instr::Next { depth, values } => {
                let target = self.target(*depth);
                let given = self.given(values);
                self.frames[target]
                    .turns
                    .iter_mut()
                    .zip(given)
                    .for_each(|(all, this)| *all &= this);
                self.frames[target].turned = true;
                // A turn may be followed by any way out that starts inside the loop.
                (0..=target).for_each(|outer| self.reach(outer));
            }
            Instr::Set { .. } | Instr::Update { .. } | Instr::Take { .. } => {
                return self.update(at);
            }
            Instr::Put { value, path, new } => {
                let (value, new) = (*value, *new);
                let place = self.known.walk(self.draft.ty(value), path);
                let unique = self.stored(self.unique(value), place, new);
                self.define_again(first, value, unique);
            }
            Instr::Unique { value, slot } => {
                let (value, slot) = (*value, *slot);
                let unique = self.unique(value) | shift(1, slot);
                self.define_again(first, value, unique);
            }
            Instr::Get { value, path } => {
                let value = *value;
                let place = self.known.walk(self.draft.ty(value), path);
                self.get(first, value, place);
            }
            Instr::Dup(value) => {
                let value = *value;
                self.share(value);
                self.define(first, 0);
            }
            Instr::New { ty, variant, parts } => {
                let (ty, variant, parts) = (*ty, *variant, parts.clone());
                let facts = self.known.facts(ty);
                let mut unique = facts.references;
                if !facts.reference {
                    for (part, (part_ty, slot)) in parts.iter().zip(self.known.parts(ty, variant)) {
                        let shared = self.known.facts(part_ty).references & !self.unique(*part);
                        unique &= !shift(shared, slot);
                    }
                }
                self.define(first, unique);
            }
            Instr::Open { value, variant, .. } => {
                let (value, variant) = (*value, *variant);
                let ty = self.draft.ty(value);
                let boxed = self.known.facts(ty).boxed;
                let unique = self.unique(value);
                for (i, (_, slot)) in self.known.parts(ty, variant).into_iter().enumerate() {
                    let kept = if boxed {
                        0
                    } else {
                        unique.checked_shr(slot).unwrap_or(0)
                    };
                    self.define(first + i as u32, kept);
                }
            }
            Instr::Op { op, args, .. } => {
                if *op == Op::ListFilled {
                    args.clone().iter().for_each(|v| self.share(*v));
                }
                self.define(first, u64::MAX);
            }
            Instr::Closure { .. } | Instr::HostCall { .. } => self.define(first, u64::MAX),
            Instr::Call { .. } | Instr::CallValue { .. } => {
                let mut shared = vec![];
                each_use(
                    self.draft,
                    &self.code[at].instr,
                    self.known,
                    &mut |v, how| {
                        if how == Use::Share {
                            shared.push(v);
                        }
                    },
                );
                shared.into_iter().for_each(|v| self.share(v));
                (first..first + count).for_each(|v| self.define(v, 0));
            }
            _ => (first..first + count).for_each(|v| self.define(v, 0)),
        }
        if self.out.is_some() {
            let node = self.taken(at);
            self.put_out(node);
        }
    }

    fn put_out(&mut self, node: Node) {
        if let Some(out) = &mut self.out {
            out.push(node);
        }
    }

    /// An instruction that is put out now: its last walk, so what stays is what it defines.
    fn taken(&mut self, at: usize) -> Node {
        let node = &mut self.code[at];
        Node {
            instr: std::mem::replace(&mut node.instr, Instr::End),
            ..*node
        }
    }

    /// The origin of what is handed out of a region, as far as it lies outside.
    fn origin_outside(&self, value: Value, target: usize) -> Value {
        let mut origin = self.origins[value.0 as usize];
        while origin != NONE
            && self
                .frame_of
                .get(&origin)
                .is_none_or(|frame| *frame >= target)
        {
            origin = self.outer_origin(origin);
        }
        origin
    }

    /// The flags of a value after something was stored at a place in it.
    fn stored(&mut self, unique: u64, place: Place, new: Value) -> u64 {
        if place.behind {
            return unique;
        }
        let references = self.known.facts(place.ty).references;
        unique & !shift(references, place.slot) | shift(references & self.unique(new), place.slot)
    }

    fn get(&mut self, first: u32, value: Value, place: Place) {
        let facts = self.known.facts(place.ty);
        self.origins[first as usize] = NONE;
        self.states[first as usize] = if facts.copy {
            State::Copy
        } else {
            match self.states[value.0 as usize] {
                State::Borrowed { root, own, .. } if place.behind || own == 0 => State::Borrowed {
                    root,
                    own: 0,
                    first: None,
                },
                State::Borrowed { root, own, first } => match first {
                    Some(first) => State::Borrowed {
                        root,
                        own: shift(facts.references, first + place.slot),
                        first: Some(first + place.slot),
                    },
                    None => State::Borrowed { root, own, first },
                },
                _ => State::Borrowed {
                    root: value,
                    own: if place.behind {
                        0
                    } else {
                        shift(facts.references, place.slot)
                    },
                    first: (!place.behind).then_some(place.slot),
                },
            }
        };
    }

    /// `set`, `update` and `take`: enters through a unique slot.
    fn update(&mut self, at: usize) {
        let node = &self.code[at];
        let (first, count) = (node.first, node.count);
        let (Instr::Set { value, path, .. }
        | Instr::Update { value, path, .. }
        | Instr::Take { value, path }) = &node.instr
        else {
            return;
        };
        let value = *value;
        let ty = self.draft.ty(value);
        let place = self.known.walk(ty, path);
        let enters = matches!(node.instr, Instr::Update { .. }) && !self.known.facts(place.ty).copy;
        let mut unique = self.unique(value);
        let mut entered = value;
        if place.behind || enters {
            self.need(value, place.slot);
            if unique & shift(1, place.slot) == 0 {
                unique |= shift(1, place.slot);
                if let Some(out) = &mut self.out {
                    let made = self.draft.fresh(ty);
                    self.states.push(State::Copy);
                    self.origins.push(NONE);
                    entered = Value(made);
                    out.push(Node {
                        instr: Instr::Unique {
                            value,
                            slot: place.slot,
                        },
                        first: made,
                        count: 1,
                        span: self.code[at].span,
                        site: self.code[at].site,
                    });
                }
            }
        }
        match &self.code[at].instr {
            Instr::Set { new, .. } => {
                let new = *new;
                let unique = self.stored(unique, place, new);
                self.define_again(first, value, unique);
            }
            Instr::Take { .. } => {
                let taken = if place.behind {
                    0
                } else {
                    unique.checked_shr(place.slot).unwrap_or(0)
                };
                self.define(first, taken);
                self.define_again(first + 1, value, unique);
            }
            _ => {
                self.define_again(first, value, unique);
                (first + 1..first + count).for_each(|v| self.define(v, 0));
            }
        }
        if self.out.is_some() {
            let mut node = self.taken(at);
            if let Instr::Set { value, .. }
            | Instr::Update { value, .. }
            | Instr::Take { value, .. } = &mut node.instr
            {
                *value = entered;
            }
            self.put_out(node);
        }
    }
}

/// Says which own slots are unique where that is declared.
fn declare(types: &mut [ValueType], flags: &[u64]) {
    for (ty, flags) in types.iter_mut().zip(flags) {
        if let Own::Owned { unique } = &mut ty.own {
            *unique = *flags;
        }
    }
}
