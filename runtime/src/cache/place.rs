//! A place in a tree: the question that is asked there, the branches of its answers, and outcomes of runs that ended there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use cop_bytecode::TrapKind;
use indexmap::IndexMap;

use crate::engine::Limits;
use crate::host::world::{NoAnswer, World};
use crate::run::{RunEnd, RunRecord};
use crate::transcript::{Answered, Identity, Question};

/// What one place takes beside its question and its outcomes, roughly.
const PLACE_BYTES: usize = 240;
/// What one branch takes beside its answer, roughly.
const BRANCH_BYTES: usize = 64;
/// Longest answer that is compared byte by byte. Longer ones, and those of the store, which keeps the hashes, are by their hash.
const COMPARED_BYTES: usize = 4_096;
/// Most outcomes of a place that a limit brought about.
const STOPPED_MAX: usize = 4;

const INSERTS_BEFORE_CLOSING: u32 = 64;
const HITS_TO_STAY_OPEN: u32 = 8;
const TRIAL_INSERTS: u32 = 16;

/// Number of a place in its tree.
pub type Number = u32;

/// What branches are found by: a byte that says whether it is the answer or its hash, then that. The table's hash has a key of
/// its own per process, so nobody outside can choose answers that collide.
pub type BranchKey = Box<[u8]>;

/// A place in a tree.
#[derive(Debug)]
pub struct Place {
    /// Tells it from every other place of the tree, also from one that had its number before.
    pub serial: u64,
    /// Where the way from the root comes from; its own number at the root.
    pub parent: Number,
    /// What a run asks here. `None` while no run that came by here went on.
    pub question: Option<Question>,
    /// Where each answer leads.
    pub branches: IndexMap<BranchKey, Number>,
    /// The outcome of a run that ended here by itself. There is no question then.
    pub settled: Option<Arc<RunRecord>>,
    /// Outcomes that a limit of the release brought about: each right under exactly these limits.
    stopped: Vec<(Limits, Arc<RunRecord>)>,
    used_at: AtomicU64,
    visits: AtomicU64,
    hits: AtomicU32,
    inserts: u32,
    /// Closed until this many visits.
    closed_until: u64,
}

impl Place {
    /// A place where no run has been.
    pub fn new(serial: u64, parent: Number) -> Place {
        Place {
            serial,
            parent,
            question: None,
            branches: IndexMap::new(),
            settled: None,
            stopped: Vec::new(),
            used_at: AtomicU64::new(0),
            visits: AtomicU64::new(0),
            hits: AtomicU32::new(0),
            inserts: 0,
            closed_until: 0,
        }
    }

    /// What it takes alone, with the answer that leads to it, in bytes, roughly.
    pub fn own_bytes(&self, key: &[u8]) -> usize {
        let question = self.question.as_ref().map_or(0, |q| q.argument.len());
        let settled = self.settled.as_ref().map_or(0, |r| r.memory_bytes());
        let stopped: usize = self.stopped.iter().map(|(_, r)| r.memory_bytes()).sum();
        PLACE_BYTES + BRANCH_BYTES + key.len() + question + settled + stopped
    }

    /// Says that somebody came by.
    pub fn touch(&self, now: u64) {
        self.used_at.store(now, Ordering::Relaxed);
    }

    /// When somebody came by last.
    pub fn used_at(&self) -> u64 {
        self.used_at.load(Ordering::Relaxed)
    }

    /// Counts somebody who goes on from here.
    pub fn count_visit(&self) {
        self.visits.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts somebody who went on from here and found an outcome.
    pub fn count_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// How many went on from here and found an outcome.
    pub fn hits_mut(&mut self) -> &mut u32 {
        self.hits.get_mut()
    }

    /// How many went on from here.
    pub fn visits(&self) -> u64 {
        self.visits.load(Ordering::Relaxed)
    }

    /// Whether nothing is remembered below: the answers never repeat, or have shown that they hardly do.
    pub fn is_closed(&self) -> bool {
        let repeats = |question: &Question| question.kind.is_repeatable();
        self.visits() < self.closed_until || !self.question.as_ref().is_none_or(repeats)
    }

    /// Whether an outcome stands here.
    pub fn has_leaf(&self) -> bool {
        self.settled.is_some() || !self.stopped.is_empty()
    }

    /// Whether there is a reason to keep it when nothing is below: an outcome, or that it is of no use to remember here.
    pub fn is_worth_keeping(&self) -> bool {
        self.has_leaf() || self.is_closed()
    }

    /// The outcome here of a run under these limits.
    pub fn leaf(&self, limits: Limits) -> Option<&Arc<RunRecord>> {
        let fits = |record: &&Arc<RunRecord>| {
            record.fuel_used <= limits.fuel && record.peak_memory_bytes <= limits.memory_bytes
        };
        let stopped = self.stopped.iter().find(|(under, _)| *under == limits);
        stopped
            .map(|(_, record)| record)
            .or_else(|| self.settled.as_ref().filter(fits))
    }

    /// Adds the outcome of a run that ended here. `Err` if another run did not.
    pub fn end_here(
        &mut self,
        record: &Arc<RunRecord>,
        limits: Limits,
    ) -> Result<(), Option<Arc<RunRecord>>> {
        let known = if is_stopped(record) {
            let under = |(under, _): &&(Limits, _)| *under == limits;
            match self.stopped.iter().find(under) {
                Some((_, known)) => known,
                None => {
                    if self.stopped.len() == STOPPED_MAX {
                        self.stopped.remove(0);
                    }
                    self.stopped.push((limits, record.clone()));
                    return Ok(());
                }
            }
        } else {
            if self.question.is_some() {
                return Err(None);
            }
            self.settled.get_or_insert_with(|| record.clone())
        };
        if same_outcome(known, record) {
            Ok(())
        } else {
            Err(Some(known.clone()))
        }
    }

    /// Forgets the outcomes.
    pub fn drop_leaves(&mut self) {
        self.settled = None;
        self.stopped = Vec::new();
    }

    /// Counts an insertion; closes the place if what is inserted below is not found again. The caller drops what is below.
    pub fn count_insert(&mut self) {
        self.inserts += 1;
        if self.inserts < INSERTS_BEFORE_CLOSING {
            return;
        }
        if *self.hits.get_mut() < HITS_TO_STAY_OPEN {
            self.closed_until = self.visits.get_mut().saturating_mul(2).max(1);
            self.inserts = INSERTS_BEFORE_CLOSING - TRIAL_INSERTS;
        } else {
            self.inserts = 0;
        }
        *self.hits.get_mut() = 0;
    }
}

/// Whether a limit that stands in the release ended the run. With other limits it would have gone on, or ended before.
fn is_stopped(record: &RunRecord) -> bool {
    let limits = [TrapKind::OutOfFuel, TrapKind::OutOfMemory];
    matches!(&record.end, RunEnd::Trapped(trap) if limits.contains(&trap.kind))
}

/// Whether two runs that were told the same came to the same end at the same price.
fn same_outcome(one: &RunRecord, other: &RunRecord) -> bool {
    one.end == other.end
        && one.fuel_used == other.fuel_used
        && one.peak_memory_bytes == other.peak_memory_bytes
        && one.writes == other.writes
        && one.log == other.log
}

const ANSWER: u8 = 0;
const HASH: u8 = 1;

/// The key of the branch that the world's answer to a question leads to, written into `key`.
pub fn key_of_world(
    world: &mut World<'_>,
    question: &Question,
    key: &mut Vec<u8>,
) -> Result<(), NoAnswer> {
    if question.kind.is_of_one_key() {
        key_of_identity(world.identity(question)?, key);
    } else {
        key_of_answer(&world.answer(question)?, key);
    }
    Ok(())
}

/// The key of the branch that a recorded answer leads to, written into `key`.
pub fn key_of_record(question: &Question, answered: &Answered, key: &mut Vec<u8>) {
    if question.kind.is_of_one_key() {
        key_of_identity(answered.identity, key);
    } else {
        key_of_answer(&answered.bytes, key);
    }
}

fn key_of_answer(answer: &[u8], key: &mut Vec<u8>) {
    if answer.len() > COMPARED_BYTES {
        return key_of_identity(Identity::of(answer), key);
    }
    key.clear();
    key.push(ANSWER);
    key.extend_from_slice(answer);
}

fn key_of_identity(identity: Identity, key: &mut Vec<u8>) {
    key.clear();
    match identity.hash() {
        Some(hash) => {
            key.push(HASH);
            key.extend_from_slice(&hash);
        }
        None => {
            key.push(ANSWER);
            key.extend_from_slice(identity.bytes());
        }
    }
}
