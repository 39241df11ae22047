//! Remembered outcomes, found by asking the questions that the run asked.
//!
//! A deterministic program asks its first question without having seen anything, and each next one depends only on the answers so
//! far. So the transcripts of a program form a tree: at each inner place one question, on each branch one answer, at each leaf one
//! outcome. A *walk* asks the live world each question in turn, all at one snapshot, and follows the branch with the answer it
//! got; a leaf it reaches is what a run would give. There are no keys to choose and nothing to invalidate.
//!
//! ```text
//!  request.start ──"GET /"──► outcome
//!        └──────"GET /todos"──► kv.get "list" ──identity 1──► outcome
//!                                      └───────identity 2──► outcome
//! ```
//!
//! | file | what |
//! |---|---|
//! | `tree` | one tree: walking, growing, closing, forgetting |
//! | `place` | a place in it: question, branches, leaves, counts |
//! | `flight` | one run for many that ask the same at once |
//!
//! Nothing is kept below a question that never has the same answer twice, such as the exact time. Traps are outcomes like any
//! other, and so are runs that wrote: whoever reaches such a leaf commits its writes anew. Refusals are never in the tree.

mod flight;
mod place;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cop_bytecode::Hash;

use crate::engine::Limits;
use crate::host::world::{NoAnswer, World};
use crate::run::RunRecord;
use flight::Flights;
pub use flight::{Leader, Turn, WAIT_MAX};
pub use tree::ClosedQuestion;
use tree::{Found, Tree};

/// A program may always use this much, however small the cache.
const SHARE_MIN_BYTES: usize = 4 << 20;

/// Which tree: the outcomes of one entry point of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreeKey {
    /// The program.
    pub program: Hash,
    /// The entry point.
    pub entry: &'static str,
}

/// The remembered outcomes of all programs.
#[derive(Debug)]
pub struct OutcomeCache {
    trees: RwLock<HashMap<TreeKey, Arc<Planted>>>,
    budget_bytes: usize,
    used_bytes: AtomicUsize,
    /// Counts walks and insertions; what was used at an earlier count is older.
    clock: AtomicU64,
    disagreements: AtomicU64,
}

/// A tree, and the runs under way that will make it grow.
#[derive(Debug, Default)]
struct Planted {
    tree: RwLock<Tree>,
    flights: Flights,
}

/// Two runs of one program, told the same, asked different things or ended at different places.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// What was remembered, if it had come to its end.
    pub known: Option<Arc<RunRecord>>,
}

/// Where a walk came to.
#[derive(Debug)]
pub enum Walk {
    /// A run in this world would have this outcome.
    Hit(Arc<RunRecord>),
    /// No run has come by here. Runs that begin from here are told apart by this.
    Unknown(Edge),
    /// Here nothing is remembered, however many runs come by.
    Closed,
}

/// A branch that no run has grown yet.
#[derive(Clone, Debug)]
pub struct Edge {
    planted: Arc<Planted>,
    at: flight::At,
}

impl PartialEq for Edge {
    fn eq(&self, other: &Edge) -> bool {
        Arc::ptr_eq(&self.planted, &other.planted) && self.at == other.at
    }
}

impl OutcomeCache {
    /// An empty cache that may take so much memory. With 0 nothing is kept.
    pub fn new(budget_bytes: usize) -> OutcomeCache {
        OutcomeCache {
            trees: RwLock::default(),
            budget_bytes,
            used_bytes: AtomicUsize::new(0),
            clock: AtomicU64::new(0),
            disagreements: AtomicU64::new(0),
        }
    }

    /// Memory in use, in bytes, roughly.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// How often two runs of one program disagreed. Anything but 0 is a defect of an engine.
    pub fn disagreements(&self) -> u64 {
        self.disagreements.load(Ordering::Relaxed)
    }

    /// The outcome that a run in this world under these limits would have, if it is known.
    ///
    /// # Errors
    /// The world does not answer a question.
    pub fn walk(
        &self,
        key: &TreeKey,
        limits: Limits,
        world: &mut World<'_>,
    ) -> Result<Walk, NoAnswer> {
        if self.budget_bytes == 0 {
            return Ok(Walk::Closed);
        }
        let planted = self.planted(key);
        let found = read(&planted.tree).walk(limits, world, self.tick())?;
        Ok(match found {
            Found::Leaf(record) => Walk::Hit(record),
            Found::Closed => Walk::Closed,
            Found::Unknown(at) => Walk::Unknown(Edge { planted, at }),
        })
    }

    /// Remembers the outcome of a run that finished on this node under these limits.
    ///
    /// # Errors
    /// It is not what another run did that was told the same. All that was remembered of the program is dropped.
    pub fn insert(
        &self,
        key: &TreeKey,
        limits: Limits,
        record: &Arc<RunRecord>,
    ) -> Result<(), Disagreement> {
        let share = (self.budget_bytes / 100)
            .max(SHARE_MIN_BYTES)
            .min(self.budget_bytes);
        if record.memory_bytes() > share / 2 {
            return Ok(());
        }
        let planted = self.planted(key);
        let now = self.tick();
        let mut tree = write(&planted.tree);
        let before = tree.bytes();
        let result = tree.insert(record, limits, now);
        if result.is_err() {
            *tree = Tree::default();
            self.disagreements.fetch_add(1, Ordering::Relaxed);
        } else if tree.bytes() > share {
            tree.drop_older_half();
        }
        let after = tree.bytes();
        drop(tree);
        let used = if after >= before {
            self.used_bytes.fetch_add(after - before, Ordering::Relaxed) + (after - before)
        } else {
            self.used_bytes.fetch_sub(before - after, Ordering::Relaxed) - (before - after)
        };
        if used > self.budget_bytes {
            self.shrink();
        }
        result
    }

    /// Drops all that is remembered of a program.
    pub fn forget(&self, key: &TreeKey) {
        let planted = read(&self.trees).get(key).cloned();
        if let Some(planted) = planted {
            let bytes = std::mem::take(&mut *write(&planted.tree)).bytes();
            self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// The questions of a program below which nothing is remembered, since their answers hardly ever repeat.
    pub fn closed_questions(&self, key: &TreeKey) -> Vec<ClosedQuestion> {
        let planted = read(&self.trees).get(key).cloned();
        planted.map_or_else(Vec::new, |planted| read(&planted.tree).closed_questions())
    }

    /// The tree of a program, perhaps an empty one.
    fn planted(&self, key: &TreeKey) -> Arc<Planted> {
        if let Some(planted) = read(&self.trees).get(key) {
            return planted.clone();
        }
        write(&self.trees).entry(*key).or_default().clone()
    }

    /// Drops whole trees, least recently used first, until three quarters of the budget are in use.
    fn shrink(&self) {
        let mut trees = write(&self.trees);
        let mut by_age: Vec<(u64, TreeKey)> = trees
            .iter()
            .map(|(key, planted)| (read(&planted.tree).used_at(), *key))
            .collect();
        by_age.sort_by_key(|(used_at, _)| *used_at);
        for (_, key) in by_age {
            if self.used_bytes() <= self.budget_bytes / 4 * 3 {
                break;
            }
            if let Some(planted) = trees.get(&key) {
                let bytes = std::mem::take(&mut *write(&planted.tree)).bytes();
                self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
        // One that somebody walks or grows stays, so that what is inserted there is found and counted.
        trees
            .retain(|_, planted| Arc::strong_count(planted) > 1 || read(&planted.tree).bytes() > 0);
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }
}

impl Edge {
    /// Begins a run from here, or waits for one that is under way from here.
    pub fn join(&self) -> Turn {
        let flights = &self.planted.flights;
        flights.join(&self.planted, &self.at)
    }
}

/// A lock that a panicking holder left behind protects nothing but a cache: its content is still a valid one.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
