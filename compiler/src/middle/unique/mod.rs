//! Places `unique`: where an update enters a cell that may be shared, that cell is copied first.
//!
//! One walk over the code with a flag for each own slot of each value: known to be its cell's only owner. The rules
//! are those of the verifier (`vm/src/verify`), which checks the outcome. An update whose slot is not flagged gets a
//! `unique` before it. What is walked is not the code, but what of it has to do with flags ([`events`]); the state of
//! a walk is [`walk`].
//!
//! **Loops.** What is unique at a loop's head is what was before it and is again after every turn. It is found by
//! assuming what was before it, walking the loop, and taking away what a turn lost, until nothing is lost. An
//! assumption only ever shrinks, also when a loop is walked again because the one around it was, so the work is
//! bounded by depth. Loops that carry nothing with flags are walked once.
//!
//! **Hoisting** ([`super::hoist`]) comes first: where turns keep a slot unique, and need it so, but it was not known
//! before the loop, `unique` stands once before the loop instead of in every turn.

mod events;
mod walk;

use super::draft::{Draft, Known};
use super::hoist::{self, Hoists};
use cop_bytecode::Instr;
use events::{Event, Events, NONE};
use walk::{Out, Walk};

/// What the pass keeps from function to function, for its room.
#[derive(Default)]
pub struct Room {
    events: Events,
    walk: Walk,
}

/// Runs the pass.
pub fn run(draft: &mut Draft, known: &mut Known) {
    let mut room = std::mem::take(&mut known.unique);
    place(draft, known, &mut room);
    known.unique = room;
}

fn place(draft: &mut Draft, known: &mut Known, room: &mut Room) {
    room.events.fill(draft, known);
    let Events {
        updates, declares, ..
    } = room.events;
    let loops = !room.events.loops.is_empty();
    if !updates && !declares && !loops {
        return;
    }
    let mut heads = vec![];
    if loops {
        let mut pass = Pass::new(draft, room, updates);
        pass.all();
        heads = std::mem::take(&mut pass.heads);
        let hoists = pass.hoists();
        if !hoists.is_empty() {
            hoist::run(draft, known, &hoists);
            room.events.fill(draft, known);
            let mut pass = Pass::new(draft, room, false);
            pass.all();
            heads = std::mem::take(&mut pass.heads);
        }
    }
    let mut pass = Pass::new(draft, room, false);
    pass.heads = heads;
    pass.out.writes = true;
    pass.all();
    pass.out.finish();
}

struct Pass<'a> {
    events: &'a mut Events,
    walk: &'a mut Walk,
    out: Out<'a>,
    /// Per loop, what was found to hold at its head.
    heads: Vec<Vec<u64>>,
    /// Whether loops met now are to be decided on.
    deciding: bool,
    /// Per loop that was met, what is made unique before it.
    decided: Vec<Vec<u64>>,
}

fn shift(mask: u64, slot: u32) -> u64 {
    mask.checked_shl(slot).unwrap_or(0)
}

impl<'a> Pass<'a> {
    fn new(draft: &'a mut Draft, room: &'a mut Room, deciding: bool) -> Pass<'a> {
        room.walk.begin(draft, &room.events);
        let loops = room.events.loops.len();
        Pass {
            out: Out {
                draft,
                inserts: vec![],
                writes: false,
            },
            heads: vec![vec![]; loops],
            decided: vec![vec![]; if deciding { loops } else { 0 }],
            events: &mut room.events,
            walk: &mut room.walk,
            deciding,
        }
    }

    /// What was decided: per loop, by where it begins, what is made unique before it.
    fn hoists(self) -> Hoists {
        let mut hoists = Hoists::default();
        for (carries, slots) in self.events.loops.iter().zip(self.decided) {
            if let Event::Open { at, .. } = self.events.all[carries.open as usize]
                && slots.iter().any(|s| *s != 0)
            {
                hoists.push((at as usize, slots));
            }
        }
        hoists
    }

    /// Walks everything.
    fn all(&mut self) {
        self.part(0, self.events.all.len() as u32);
    }

    /// Walks some of the events.
    fn part(&mut self, from: u32, to: u32) {
        let mut at = from;
        while at < to {
            let event = self.events.all[at as usize];
            match event {
                Event::Open {
                    is_loop: true, end, ..
                } => {
                    self.whole_loop(at);
                    at = end;
                }
                Event::Open { .. } => self.walk.open(self.events, at, &[], &mut self.out),
                Event::End { first } => self.walk.close(self.events, first, None, &mut self.out),
                Event::Exit { at, depth } => {
                    if let Instr::Exit { values, .. } = &self.out.draft.code[at as usize].instr {
                        self.walk.exit(self.events, depth, values);
                    }
                }
                Event::Next { at, depth } => {
                    if let Instr::Next { values, .. } = &self.out.draft.code[at as usize].instr {
                        self.walk.next(depth, values);
                    }
                }
                event => self.walk.step(self.events, event, &mut self.out),
            }
            at += 1;
        }
    }

    /// Walks a loop until what is assumed at its head holds.
    fn whole_loop(&mut self, at: u32) {
        let Event::Open { carried, .. } = self.events.all[at as usize] else {
            return;
        };
        let number = carried as usize;
        if carried == NONE {
            self.turn(at, &mut []);
            return;
        }
        let carries = self.events.loops[number];
        let carried = carries.first as usize..(carries.first + carries.count) as usize;
        let start = self.events.carried[carried].iter();
        let start: Vec<u64> = start.map(|c| self.walk.unique(c.started)).collect();
        let mut head = std::mem::take(&mut self.heads[number]);
        let known = !head.is_empty();
        if self.deciding && self.decided[number].is_empty() {
            self.decided[number] = self.decide(at, number, &start);
        }
        let mut bound = start;
        if let Some(hoisted) = self.decided.get(number) {
            bound.iter_mut().zip(hoisted).for_each(|(b, h)| *b |= h);
        }
        match known {
            true => head.iter_mut().zip(&bound).for_each(|(h, b)| *h &= b),
            false => head = bound,
        }
        loop {
            let log = self.walk.log.len();
            if self.turn(at, &mut head) {
                break;
            }
            debug_assert!(
                !self.out.writes,
                "what holds at the heads of loops is known"
            );
            self.walk.undo_to(log);
        }
        self.heads[number] = head;
    }

    /// Decides what to make unique before a loop: what turns keep and need, and was not known before.
    fn decide(&mut self, at: u32, number: usize, start: &[u64]) -> Vec<u64> {
        self.deciding = false;
        let carries = self.events.loops[number];
        let carried = carries.first as usize..(carries.first + carries.count) as usize;
        let params = self.events.carried[carried.clone()].iter();
        let mut head: Vec<u64> = params
            .map(|c| self.events.references[c.param.0 as usize])
            .collect();
        loop {
            let log = self.walk.log.len();
            for value in &mut self.events.carried[carried.clone()] {
                value.needs = 0;
            }
            let holds = self.turn(at, &mut head);
            self.walk.undo_to(log);
            if holds {
                break;
            }
        }
        self.deciding = true;
        let Event::Open { at, end, .. } = self.events.all[at as usize] else {
            return vec![0; head.len()];
        };
        // Loops inside were walked with that in mind.
        let inside = self.events.loops[number + 1..].iter();
        let inside = inside.take_while(|l| l.open < end).count();
        self.heads[number + 1..number + 1 + inside]
            .iter_mut()
            .for_each(Vec::clear);
        let needs = self.events.carried[carried].iter().map(|c| c.needs);
        let found: Vec<u64> = (head.iter().zip(start).zip(needs))
            .map(|((kept, known), needs)| kept & !known & needs)
            .collect();
        if found.iter().all(|slots| *slots == 0) || !hoist::can(&self.out.draft.code, at as usize) {
            return vec![0; found.len()];
        }
        found
    }

    /// Walks a loop once, with these flags at its head, and takes from them those that some way to the head has not.
    /// Whether all have all.
    fn turn(&mut self, at: u32, head: &mut [u64]) -> bool {
        let Event::Open { end, is_for, .. } = self.events.all[at as usize] else {
            return true;
        };
        let Event::End { first } = self.events.all[end as usize] else {
            return true;
        };
        self.walk.open(self.events, at, head, &mut self.out);
        self.part(at + 1, end);
        let kept = self.walk.kept(is_for);
        let lost = kept.zip(&*head).any(|(kept, head)| head & !kept != 0);
        let kept: Vec<u64> = match lost {
            true => self.walk.kept(is_for).collect(),
            false => vec![],
        };
        let results = (is_for && !head.is_empty()).then_some(&*head);
        self.walk.close(self.events, first, results, &mut self.out);
        head.iter_mut().zip(kept).for_each(|(h, k)| *h &= k);
        !lost
    }
}
