//! One tree: the outcomes of one entry point of one program.
//!
//! Places stand in one list and name each other by number, so that neither walking nor growing nor dropping a tree takes native
//! stack, however many questions a run asks.
//!
//! **Closing.** A place whose answers never repeat is closed: after 64 insertions with fewer than 8 hits what lies below is
//! dropped, and a trial of 16 more begins whenever its visits have doubled. The first question of a run is never closed, but has a
//! door.

use std::hash::BuildHasher;
use std::sync::Arc;

use super::Disagreement;
use super::door::Door;
use super::flight::At;
use super::place::{BranchKey, Number, Place, key_of_record, key_of_world};
use crate::engine::Limits;
use crate::host::HostCall;
use crate::host::world::{Input, NoAnswer, World};
use crate::run::RunRecord;
use crate::transcript::Question;

/// Most answers of one question that are remembered; when there are more, the less recently used half goes.
const BRANCHES_MAX: usize = 4_096;
const ROOT: Number = 0;

/// What a walk found.
#[derive(Debug)]
pub enum Found {
    /// The outcome.
    Leaf(Arc<RunRecord>),
    /// No run has come by here.
    Unknown(At),
    /// Nothing is remembered from here on.
    Closed,
}

/// Where an outcome comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A run that nobody else waits for.
    Run,
    /// A run that others wait for.
    Awaited,
    /// The disk. It says nothing about whether what is remembered is found again.
    Disk,
}

/// A question whose answers hardly ever repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedQuestion {
    /// The question.
    pub question: Question,
    /// How many walks and runs came by.
    pub visits: u64,
}

/// The places of one tree. Number 0 is the root.
#[derive(Debug)]
pub struct Tree {
    places: Vec<Place>,
    /// Numbers that are not in use.
    free: Vec<Number>,
    serials: u64,
    bytes: usize,
    door: Door,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree {
            places: vec![Place::new(0, ROOT)],
            free: Vec::new(),
            serials: 1,
            bytes: 0,
            door: Door::default(),
        }
    }
}

impl Tree {
    /// Memory of what was inserted, in bytes, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same, added up anew.
    #[cfg(test)]
    pub fn counted_bytes(&self) -> usize {
        let order = self.in_order();
        let all: usize = order
            .iter()
            .map(|(n, key)| self.place(*n).own_bytes(key))
            .sum();
        all + self.door.bytes() - Place::new(0, ROOT).own_bytes(&[])
    }

    /// How many places it has, and how many of them have an outcome.
    pub fn counts(&self) -> (usize, usize) {
        let order = self.in_order();
        let with_leaf = order.iter().filter(|(at, _)| self.place(*at).has_leaf());
        (order.len(), with_leaf.count())
    }

    /// When it was walked last.
    pub fn used_at(&self) -> u64 {
        self.place(ROOT).used_at()
    }

    /// Asks the world from the root on, as far as runs have been.
    pub fn walk(&self, limits: Limits, world: &mut World<'_>, now: u64) -> Result<Found, NoAnswer> {
        let mut key = Vec::new();
        let mut number = ROOT;
        loop {
            let place = self.place(number);
            place.touch(now);
            if let Some(record) = place.leaf(limits) {
                self.count_hits(number);
                return Ok(Found::Leaf(record.clone()));
            }
            if place.is_closed() {
                place.count_visit();
                return Ok(Found::Closed);
            }
            let first;
            let question = match &place.question {
                Some(question) => question,
                // All web runs begin with the same question, so those that go different ways are told apart before any has been.
                None if number == ROOT && matches!(world.input, Input::Request(_)) => {
                    first = Question {
                        kind: HostCall::RequestStart,
                        occurrence: 0,
                        argument: Vec::new(),
                    };
                    &first
                }
                None => return Ok(Found::Unknown(At::new(place.serial, &[]))),
            };
            place.count_visit();
            key_of_world(world, question, &mut key)?;
            match place.branches.get(key.as_slice()) {
                Some(next) => number = *next,
                None => return Ok(Found::Unknown(At::new(place.serial, &key))),
            }
        }
    }

    /// Adds the outcome of a run, and the places on its way; whether it is there now and was not before.
    pub fn insert(
        &mut self,
        record: &Arc<RunRecord>,
        limits: Limits,
        now: u64,
        origin: Origin,
    ) -> Result<bool, Disagreement> {
        let mut key = Vec::new();
        let mut number = ROOT;
        for (question, answered) in record.transcript.exchanges() {
            let place = self.place_mut(number);
            place.touch(now);
            if let Some(known) = &place.settled {
                let known = Some(known.clone());
                return Err(Disagreement { known });
            }
            match &place.question {
                Some(known) if known == question => {}
                Some(_) => return Err(Disagreement { known: None }),
                None => {
                    place.question = Some(question.clone());
                    self.bytes += question.argument.len();
                }
            }
            let place = self.place_mut(number);
            if place.is_closed() {
                return Ok(false);
            }
            if number != ROOT && origin != Origin::Disk {
                place.count_insert();
                if place.is_closed() {
                    self.drop_below(number);
                    return Ok(false);
                }
            }
            key_of_record(question, answered, &mut key);
            let known = self.place(number).branches.get(key.as_slice()).copied();
            number = match known {
                Some(next) => next,
                None if number == ROOT && !self.opens(&key, origin) => return Ok(false),
                None => self.grow(number, &key, now),
            };
        }
        let before = self.place(number).own_bytes(&[]);
        let place = self.place_mut(number);
        place.touch(now);
        let is_new = place.leaf(limits).is_none();
        place
            .end_here(record, limits)
            .map_err(|known| Disagreement { known })?;
        let after = self.place(number).own_bytes(&[]);
        self.bytes = self.bytes + after - before;
        Ok(is_new)
    }

    /// Whether a new branch may grow from the root.
    fn opens(&mut self, key: &[u8], origin: Origin) -> bool {
        if origin == Origin::Disk {
            return true;
        }
        let before = self.door.bytes();
        let root = &mut self.places[ROOT as usize];
        let hash = root.branches.hasher().hash_one(key);
        let is_awaited = origin == Origin::Awaited;
        let opens = self.door.admits(hash, root.hits_mut(), is_awaited);
        self.bytes = self.bytes + self.door.bytes() - before;
        opens
    }

    /// The questions below which nothing is remembered.
    pub fn closed_questions(&self) -> Vec<ClosedQuestion> {
        let mut closed: Vec<ClosedQuestion> = self
            .in_order()
            .into_iter()
            .map(|(number, _)| self.place(number))
            .filter(|place| place.is_closed())
            .filter_map(|place| {
                Some(ClosedQuestion {
                    question: place.question.clone()?,
                    visits: place.visits(),
                })
            })
            .collect();
        closed.sort_by(|one, other| {
            let by_visits = other.visits.cmp(&one.visits);
            by_visits.then_with(|| one.question.cmp(&other.question))
        });
        closed
    }

    /// Forgets the outcomes that were used less recently than the others, and the places that lead nowhere then.
    pub fn drop_older_half(&mut self) {
        let order = self.in_order();
        let mut uses: Vec<u64> = order
            .iter()
            .map(|(number, _)| self.place(*number))
            .filter(|place| place.is_worth_keeping())
            .map(Place::used_at)
            .collect();
        uses.sort_unstable();
        let oldest_to_keep = uses.get(uses.len() / 2).map_or(u64::MAX, |used| used + 1);
        // From the leaves up: each place is looked at after those below it.
        for (number, key) in order.into_iter().rev() {
            let place = self.place_mut(number);
            let is_old = place.used_at() < oldest_to_keep;
            let before = place.own_bytes(&key);
            if is_old {
                place.drop_leaves();
            }
            let (after, parent) = (place.own_bytes(&key), place.parent);
            let is_worth_it = place.is_worth_keeping() && !is_old;
            let goes = number != ROOT && place.branches.is_empty() && !is_worth_it;
            self.bytes -= before - after;
            if goes {
                self.bytes -= after;
                self.place_mut(parent).branches.swap_remove(&key);
                self.forget(number);
            }
        }
    }

    fn place(&self, number: Number) -> &Place {
        &self.places[number as usize]
    }

    fn place_mut(&mut self, number: Number) -> &mut Place {
        &mut self.places[number as usize]
    }

    /// Counts a hit at every place above this one.
    fn count_hits(&self, leaf: Number) {
        let mut number = leaf;
        while number != ROOT {
            number = self.place(number).parent;
            self.place(number).count_hit();
        }
    }

    /// A new place behind an answer.
    fn grow(&mut self, parent: Number, key: &[u8], now: u64) -> Number {
        if self.place(parent).branches.len() >= BRANCHES_MAX {
            self.drop_older_branches(parent);
        }
        let serial = self.serials;
        self.serials += 1;
        let place = Place::new(serial, parent);
        place.touch(now);
        self.bytes += place.own_bytes(key);
        let number = match self.free.pop() {
            Some(number) => {
                *self.place_mut(number) = place;
                number
            }
            None => {
                self.places.push(place);
                (self.places.len() - 1) as Number
            }
        };
        let branches = &mut self.place_mut(parent).branches;
        branches.insert(key.into(), number);
        number
    }

    fn drop_older_branches(&mut self, number: Number) {
        let place = self.place(number);
        let used_at = |next: &Number| self.place(*next).used_at();
        let mut uses: Vec<u64> = place.branches.values().map(used_at).collect();
        uses.sort_unstable();
        let oldest_to_keep = uses.get(uses.len() / 2).map_or(u64::MAX, |used| used + 1);
        let branches = std::mem::take(&mut self.place_mut(number).branches);
        for (key, next) in branches {
            if self.place(next).used_at() < oldest_to_keep {
                self.drop_with_all(next, &key);
            } else {
                self.place_mut(number).branches.insert(key, next);
            }
        }
    }

    fn drop_below(&mut self, number: Number) {
        for (key, next) in std::mem::take(&mut self.place_mut(number).branches) {
            self.drop_with_all(next, &key);
        }
    }

    /// Drops a place and all below it. Its parent has let go of it.
    fn drop_with_all(&mut self, number: Number, key: &[u8]) {
        self.bytes -= self.place(number).own_bytes(key);
        let mut left = vec![number];
        while let Some(number) = left.pop() {
            for (key, next) in std::mem::take(&mut self.place_mut(number).branches) {
                self.bytes -= self.place(next).own_bytes(&key);
                left.push(next);
            }
            self.forget(number);
        }
    }

    /// Makes a number free. What stood there holds no memory any more.
    fn forget(&mut self, number: Number) {
        *self.place_mut(number) = Place::new(u64::MAX, ROOT);
        self.free.push(number);
    }

    /// All places with the keys that lead to them, each before those below it.
    fn in_order(&self) -> Vec<(Number, BranchKey)> {
        let mut order = vec![(ROOT, BranchKey::default())];
        let mut at = 0;
        while let Some((number, _)) = order.get(at) {
            let branches = &self.place(*number).branches;
            order.extend(branches.iter().map(|(key, next)| (*next, key.clone())));
            at += 1;
        }
        order
    }
}
