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
//! | `door` | who is let in where hardly anybody comes twice |
//! | `place` | a place in it: question, branches, leaves, counts |
//! | `flight` | one run for many that ask the same at once |
//! | `record` | an outcome on disk |
//!
//! Nothing is kept below a question that never has the same answer twice, such as the exact time. Traps are outcomes like any
//! other, and so are runs that wrote: whoever reaches such a leaf commits its writes anew. Refusals are never in the tree. Where
//! hardly anybody asks twice for a path, an outcome is kept the second time only.

mod door;
mod flight;
mod place;
pub(crate) mod record;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cop_bytecode::Hash;
use tokio::sync::OnceCell;

use crate::engine::Limits;
use crate::host::world::{NoAnswer, World};
use crate::run::RunRecord;
use crate::store::outcomes::NewOutcome;
use crate::store::{Store, StoreError};
use flight::Flights;
pub use flight::{Leader, Turn, WAIT_MAX};
pub use tree::ClosedQuestion;
use tree::{Found, Origin, Tree};

/// A program may always use this much, however small the cache.
const SHARE_MIN_BYTES: usize = 4 << 20;

/// Most memory of new outcomes that wait to be written.
const UNWRITTEN_MAX_BYTES: usize = 16 << 20;
/// How much more may be on disk than in memory.
const DISK_BUDGETS: u64 = 4;

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
    /// New outcomes on their way to disk.
    unwritten: Mutex<Unwritten>,
}

/// New outcomes that are not on disk.
#[derive(Debug, Default)]
struct Unwritten {
    outcomes: Vec<(TreeKey, Limits, Arc<RunRecord>)>,
    bytes: usize,
    /// Programs of which nothing is to be on disk any more.
    forgotten: BTreeSet<(Hash, &'static str)>,
}

/// A tree, and the runs under way that will make it grow. Found once for each request, with [`OutcomeCache::tree`].
#[derive(Debug)]
pub struct Planted {
    key: TreeKey,
    tree: RwLock<Tree>,
    flights: Flights,
    hits: AtomicU64,
    misses: AtomicU64,
    /// How often an outcome was inserted. Changes while `tree` is held for writing.
    insertions: AtomicU64,
    /// Filled when what is on disk has been read, or nothing of it is wanted.
    restored: OnceCell<()>,
}

impl Planted {
    fn new(key: TreeKey) -> Planted {
        Planted {
            key,
            tree: RwLock::default(),
            flights: Flights::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            insertions: AtomicU64::new(0),
            restored: OnceCell::new(),
        }
    }

    /// Which tree it is.
    pub fn key(&self) -> &TreeKey {
        &self.key
    }
}

/// What is remembered of one entry point of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeFigures {
    /// Outcomes.
    pub outcomes: usize,
    /// Places of the tree, the root included.
    pub places: usize,
    /// Their memory, in bytes, roughly.
    pub bytes: usize,
    /// Walks that found an outcome, since the start.
    pub hits: u64,
    /// Walks that found none, since the start.
    pub misses: u64,
    /// The questions below which nothing is remembered, since their answers hardly ever repeat.
    pub closed: Vec<ClosedQuestion>,
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
    /// How often an outcome had been inserted when it was come to.
    insertions: u64,
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
            unwritten: Mutex::default(),
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
        planted: &Arc<Planted>,
        limits: Limits,
        world: &mut World<'_>,
    ) -> Result<Walk, NoAnswer> {
        if self.budget_bytes == 0 {
            return Ok(Walk::Closed);
        }
        let tree = read(&planted.tree);
        let insertions = planted.insertions.load(Ordering::Relaxed);
        let found = tree.walk(limits, world, self.tick())?;
        drop(tree);
        let figure = match found {
            Found::Leaf(_) => &planted.hits,
            Found::Closed | Found::Unknown(_) => &planted.misses,
        };
        figure.fetch_add(1, Ordering::Relaxed);
        Ok(match found {
            Found::Leaf(record) => Walk::Hit(record),
            Found::Closed => Walk::Closed,
            Found::Unknown(at) => Walk::Unknown(Edge {
                planted: planted.clone(),
                at,
                insertions,
            }),
        })
    }

    /// Remembers the outcome of a run that finished on this node under these limits. Where first answers hardly ever come again it
    /// is left out the first time, unless somebody waits for it.
    ///
    /// # Errors
    /// It is not what another run did that was told the same. All that was remembered of the program is dropped.
    pub fn insert(
        &self,
        planted: &Arc<Planted>,
        limits: Limits,
        record: &Arc<RunRecord>,
        is_awaited: bool,
    ) -> Result<(), Disagreement> {
        let origin = match is_awaited {
            true => Origin::Awaited,
            false => Origin::Run,
        };
        if self.add(planted, limits, record, origin)? {
            let mut unwritten = self.unwritten();
            let bytes = record.memory_bytes();
            // When the disk is slower than runs are, the rest is run again after a restart.
            if unwritten.bytes + bytes <= UNWRITTEN_MAX_BYTES {
                unwritten.bytes += bytes;
                unwritten
                    .outcomes
                    .push((planted.key, limits, record.clone()));
            }
        }
        Ok(())
    }

    /// Whether it is remembered now and was not before.
    fn add(
        &self,
        planted: &Planted,
        limits: Limits,
        record: &Arc<RunRecord>,
        origin: Origin,
    ) -> Result<bool, Disagreement> {
        let share = self.share_bytes();
        if record.memory_bytes() > share / 2 {
            return Ok(false);
        }
        let now = self.tick();
        let mut tree = write(&planted.tree);
        let before = tree.bytes();
        let result = tree.insert(record, limits, now, origin);
        planted.insertions.fetch_add(1, Ordering::Relaxed);
        if result.is_err() {
            *tree = Tree::default();
            self.disagreements.fetch_add(1, Ordering::Relaxed);
            self.forget_on_disk(&planted.key);
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

    /// Most bytes that one program may have.
    fn share_bytes(&self) -> usize {
        (self.budget_bytes / 100)
            .max(SHARE_MIN_BYTES)
            .min(self.budget_bytes)
    }

    /// Reads what is on disk of a program, the first time that it is asked for. Whoever asks meanwhile waits.
    pub async fn restore(self: &Arc<OutcomeCache>, planted: &Arc<Planted>, store: &Arc<Store>) {
        if self.budget_bytes == 0 {
            return;
        }
        let read = || async {
            let (cache, store, planted) = (self.clone(), store.clone(), planted.clone());
            let work = move || cache.read_from(&store, &planted);
            // A panic there was reported by its own message; without what is on disk the program is run.
            let _ = tokio::task::spawn_blocking(work).await;
        };
        planted.restored.get_or_init(read).await;
    }

    /// Whether what is on disk of a program has been read already.
    pub fn is_restored(&self, planted: &Planted) -> bool {
        self.budget_bytes == 0 || planted.restored.initialized()
    }

    fn read_from(&self, store: &Store, planted: &Planted) {
        let key = &planted.key;
        // A store that cannot be read says so to those who need it.
        let records = store.outcomes(&key.program, key.entry).unwrap_or_default();
        for bytes in records {
            let Some((limits, record)) = record::decode(&bytes) else {
                continue;
            };
            let added = self.add(planted, limits, &Arc::new(record), Origin::Disk);
            if added.is_err() {
                return;
            }
        }
    }

    /// Writes the new outcomes to disk. A thread that nobody waits for does this.
    ///
    /// # Errors
    /// The store takes nothing; they are run again after a restart.
    pub fn write_to(&self, store: &Store) -> Result<(), StoreError> {
        let new = std::mem::take(&mut *self.unwritten());
        for (program, entry) in &new.forgotten {
            store.forget_outcomes(program, entry)?;
        }
        let records: Vec<NewOutcome> = new
            .outcomes
            .iter()
            .filter_map(|(key, limits, record)| {
                Some((key.program, key.entry, record::encode(*limits, record)?))
            })
            .collect();
        if records.is_empty() {
            return Ok(());
        }
        let budget = (self.budget_bytes as u64).saturating_mul(DISK_BUDGETS);
        store.keep_outcomes(&records, self.share_bytes() as u64, budget)
    }

    /// Drops all that is remembered of a program, on disk with the next writing.
    pub fn forget(&self, key: &TreeKey) {
        let planted = read(&self.trees).get(key).cloned();
        if let Some(planted) = planted {
            let bytes = std::mem::take(&mut *write(&planted.tree)).bytes();
            self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.forget_on_disk(key);
    }

    fn forget_on_disk(&self, key: &TreeKey) {
        let mut unwritten = self.unwritten();
        unwritten.outcomes.retain(|(of, ..)| of != key);
        unwritten.forgotten.insert((key.program, key.entry));
    }

    /// What is remembered of an entry point of a program.
    pub fn figures(&self, key: &TreeKey) -> TreeFigures {
        let Some(planted) = read(&self.trees).get(key).cloned() else {
            return TreeFigures::default();
        };
        let tree = read(&planted.tree);
        let (places, outcomes) = tree.counts();
        TreeFigures {
            outcomes,
            places,
            bytes: tree.bytes(),
            hits: planted.hits.load(Ordering::Relaxed),
            misses: planted.misses.load(Ordering::Relaxed),
            closed: tree.closed_questions(),
        }
    }

    /// The questions of a program below which nothing is remembered, since their answers hardly ever repeat.
    pub fn closed_questions(&self, key: &TreeKey) -> Vec<ClosedQuestion> {
        self.figures(key).closed
    }

    /// The tree of a program, perhaps an empty one.
    pub fn tree(&self, key: &TreeKey) -> Arc<Planted> {
        if let Some(planted) = read(&self.trees).get(key) {
            return planted.clone();
        }
        let mut trees = write(&self.trees);
        let planted = trees.entry(*key);
        let planted = planted.or_insert_with(|| Arc::new(Planted::new(*key)));
        planted.clone()
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

    fn unwritten(&self) -> MutexGuard<'_, Unwritten> {
        self.unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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

    /// Whether the tree has grown since: another walk may lead further.
    pub fn is_outgrown(&self) -> bool {
        self.planted.insertions.load(Ordering::Relaxed) != self.insertions
    }
}

/// A lock that a panicking holder left behind protects nothing but a cache: its content is still a valid one.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
