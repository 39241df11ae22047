//! Remembered outcomes, found by asking the questions that the run asked.
//!
//! A deterministic program asks its first question without having seen anything, and each next one depends only on the answers so
//! far. So the transcripts of a program form a tree: at each inner place one question, on each branch the identity of one answer,
//! at each leaf one outcome. A *walk* asks the live world each question in turn, all at one snapshot, and follows the branch with
//! the answer it got; a leaf it reaches is what a run would give. There are no keys to choose and nothing to invalidate.
//!
//! ```text
//!  request.start ──"GET /"──► outcome
//!        └──────"GET /todos"──► kv.get "list" ──identity 1──► outcome
//!                                      └───────identity 2──► outcome
//! ```
//! Not in the tree: runs that wrote, runs that read the exact time or random bytes, runs that asked very much, refusals. Traps are outcomes like any other.
//!
//! A place whose answers never repeat is closed: after 64 insertions with fewer than 8 hits what lies below is dropped, and a
//! trial of 16 more begins whenever its visits have doubled. The first question of a run is never closed. Memory is bounded in
//! bytes; the least recently used outcomes go first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cop_bytecode::Hash;

use crate::host::world::{NoAnswer, World};
use crate::run::RunRecord;
use crate::transcript::{Answered, Identity, Question};

const EDGES_MAX: usize = 4_096;
/// Outcomes of runs that asked more are not kept: they are as long to walk as to compute, and what walks, grows and drops a tree
/// goes down one native call per question.
const QUESTIONS_MAX: usize = 512;
const INSERTS_BEFORE_CLOSING: u32 = 64;
const HITS_TO_STAY_OPEN: u32 = 8;
const TRIAL_INSERTS: u32 = 16;
/// What one place in the tree takes beside its question, roughly.
const PLACE_BYTES: usize = 200;
/// A program may always use this much, however small the cache.
const SHARE_MIN_BYTES: usize = 4 << 20;

/// Which tree: outcomes of one program under the same limits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TreeKey {
    /// The program.
    pub program: Hash,
    /// The entry point.
    pub entry: &'static str,
    /// Fuel limit; limits decide outcomes too.
    pub fuel: u64,
    /// Memory limit, in bytes.
    pub memory_bytes: u64,
}

/// The remembered outcomes of all programs.
#[derive(Debug)]
pub struct OutcomeCache {
    trees: Mutex<HashMap<TreeKey, Arc<Mutex<Tree>>>>,
    budget_bytes: usize,
    used_bytes: AtomicUsize,
    /// Counts walks and insertions; what was used at an earlier count is older.
    clock: AtomicU64,
    disagreements: AtomicU64,
}

#[derive(Debug, Default)]
struct Tree {
    root: Option<Place>,
    bytes: usize,
}

#[derive(Debug)]
enum Place {
    Branch(Box<Branch>),
    Leaf(Leaf),
}

#[derive(Debug)]
struct Branch {
    question: Question,
    edges: HashMap<Identity, Place>,
    visits: u64,
    inserts: u32,
    hits: u32,
    /// Closed until this many visits.
    closed_until: u64,
    is_first: bool,
}

#[derive(Debug)]
struct Leaf {
    record: Arc<RunRecord>,
    used_at: u64,
}

/// Two runs of one program, told the same, asked different things or ended at different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disagreement;

impl OutcomeCache {
    /// An empty cache that may take so much memory. With 0 nothing is kept.
    pub fn new(budget_bytes: usize) -> OutcomeCache {
        OutcomeCache {
            trees: Mutex::default(),
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

    /// The outcome that a run in this world would have, if it is known.
    pub fn walk(
        &self,
        key: &TreeKey,
        world: &mut World<'_>,
    ) -> Result<Option<Arc<RunRecord>>, NoAnswer> {
        let Some(tree) = self.locked_trees().get(key).cloned() else {
            return Ok(None);
        };
        let now = self.tick();
        let mut tree = locked(&tree);
        match &mut tree.root {
            Some(place) => place.walk(world, now),
            None => Ok(None),
        }
    }

    /// Remembers the outcome of a run that finished on this node.
    pub fn insert(&self, key: &TreeKey, record: &Arc<RunRecord>) -> Result<(), Disagreement> {
        let mut exchanges = record.transcript.exchanges();
        let few = exchanges.len() <= QUESTIONS_MAX;
        let repeatable = exchanges.all(|(question, _)| question.kind.is_repeatable());
        let share = (self.budget_bytes / 100)
            .max(SHARE_MIN_BYTES)
            .min(self.budget_bytes);
        if record.wrote() || !few || !repeatable || record.memory_bytes() > share / 2 {
            return Ok(());
        }
        let tree = self.locked_trees().entry(key.clone()).or_default().clone();
        let now = self.tick();
        let mut tree = locked(&tree);
        let before = tree.bytes;
        let result = tree.insert(record, now);
        if result.is_err() {
            *tree = Tree::default();
            self.disagreements.fetch_add(1, Ordering::Relaxed);
        } else if tree.bytes > share {
            tree.drop_older_half();
        }
        let after = tree.bytes;
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

    /// Drops whole trees, least recently used first, until three quarters of the budget are in use.
    fn shrink(&self) {
        let mut trees = self.locked_trees();
        let mut by_age: Vec<(u64, TreeKey)> = trees
            .iter()
            .map(|(key, tree)| (locked(tree).newest_use(), key.clone()))
            .collect();
        by_age.sort_by_key(|(used_at, _)| *used_at);
        for (_, key) in by_age {
            if self.used_bytes() <= self.budget_bytes / 4 * 3 {
                break;
            }
            if let Some(tree) = trees.remove(&key) {
                // An insertion that still holds this tree must not count it again.
                let bytes = std::mem::take(&mut *locked(&tree)).bytes;
                self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    fn locked_trees(&self) -> std::sync::MutexGuard<'_, HashMap<TreeKey, Arc<Mutex<Tree>>>> {
        locked(&self.trees)
    }
}

/// A lock that a panicking holder left behind protects nothing but a cache: its content is still a valid one.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Place {
    fn walk(
        &mut self,
        world: &mut World<'_>,
        now: u64,
    ) -> Result<Option<Arc<RunRecord>>, NoAnswer> {
        let branch = match self {
            Place::Leaf(leaf) => {
                leaf.used_at = now;
                return Ok(Some(leaf.record.clone()));
            }
            Place::Branch(branch) => branch,
        };
        branch.visits += 1;
        if branch.is_closed() {
            return Ok(None);
        }
        let identity = world.identity(&branch.question)?;
        let Some(next) = branch.edges.get_mut(&identity) else {
            return Ok(None);
        };
        let found = next.walk(world, now)?;
        branch.hits = branch.hits.saturating_add(u32::from(found.is_some()));
        Ok(found)
    }

    fn collect_uses(&self, uses: &mut Vec<u64>) {
        match self {
            Place::Leaf(leaf) => uses.push(leaf.used_at),
            Place::Branch(branch) => branch.edges.values().for_each(|p| p.collect_uses(uses)),
        }
    }

    /// Drops leaves used before `oldest`, and branches that lead nowhere; says whether anything is left.
    fn prune(&mut self, oldest: u64) -> bool {
        match self {
            Place::Leaf(leaf) => leaf.used_at >= oldest,
            Place::Branch(branch) => {
                branch.edges.retain(|_, place| place.prune(oldest));
                // A closed branch is kept: it remembers that it is of no use.
                !branch.edges.is_empty() || branch.is_closed()
            }
        }
    }

    fn own_bytes(&self) -> usize {
        match self {
            Place::Leaf(leaf) => leaf.record.memory_bytes() + PLACE_BYTES,
            Place::Branch(branch) => branch.own_bytes(),
        }
    }

    fn memory_bytes(&self) -> usize {
        let below: usize = match self {
            Place::Leaf(_) => 0,
            Place::Branch(branch) => branch.edges.values().map(Place::memory_bytes).sum(),
        };
        self.own_bytes() + below
    }
}

impl Branch {
    fn new(question: Question, is_first: bool) -> Branch {
        Branch {
            question,
            edges: HashMap::new(),
            visits: 0,
            inserts: 0,
            hits: 0,
            closed_until: 0,
            is_first,
        }
    }

    fn own_bytes(&self) -> usize {
        self.question.argument.len() + PLACE_BYTES
    }

    fn is_closed(&self) -> bool {
        self.visits < self.closed_until
    }

    /// Counts an insertion; closes the branch if what is inserted there is not found again. The caller drops what is below.
    fn count_insert(&mut self) {
        self.inserts += 1;
        if self.is_first || self.inserts < INSERTS_BEFORE_CLOSING {
            return;
        }
        if self.hits < HITS_TO_STAY_OPEN {
            self.closed_until = self.visits.saturating_mul(2).max(1);
            self.inserts = INSERTS_BEFORE_CLOSING - TRIAL_INSERTS;
        } else {
            self.inserts = 0;
        }
        self.hits = 0;
    }
}

impl Tree {
    fn insert(&mut self, record: &Arc<RunRecord>, now: u64) -> Result<(), Disagreement> {
        let path: Vec<(&Question, &Answered)> = record.transcript.exchanges().collect();
        let leaf = Leaf {
            record: record.clone(),
            used_at: now,
        };
        let root = self.root.take();
        self.root = Some(self.grow(root, &path, true, leaf)?);
        Ok(())
    }

    /// What stands at a place after an outcome was inserted below it, and the memory that this took is counted.
    fn grow(
        &mut self,
        place: Option<Place>,
        path: &[(&Question, &Answered)],
        is_first: bool,
        leaf: Leaf,
    ) -> Result<Place, Disagreement> {
        let Some(((question, answered), rest)) = path.split_first() else {
            return match place {
                None => {
                    let place = Place::Leaf(leaf);
                    self.bytes += place.own_bytes();
                    Ok(place)
                }
                Some(Place::Leaf(known)) if same_outcome(&known.record, &leaf.record) => {
                    Ok(Place::Leaf(known))
                }
                Some(_) => Err(Disagreement),
            };
        };
        let mut branch = match place {
            Some(Place::Branch(branch)) if branch.question == **question => branch,
            Some(_) => return Err(Disagreement),
            None => {
                let branch = Box::new(Branch::new((*question).clone(), is_first));
                self.bytes += branch.own_bytes();
                branch
            }
        };
        if branch.is_closed() {
            return Ok(Place::Branch(branch));
        }
        branch.count_insert();
        let next = branch.edges.remove(&answered.identity);
        let is_full = next.is_none() && branch.edges.len() >= EDGES_MAX;
        if branch.is_closed() || is_full {
            let dropped: usize = branch.edges.values().map(Place::memory_bytes).sum();
            let next_bytes = next.as_ref().map_or(0, Place::memory_bytes);
            self.bytes -= dropped + next_bytes;
            branch.edges = HashMap::new();
        }
        if branch.is_closed() {
            return Ok(Place::Branch(branch));
        }
        let next = self.grow(next, rest, false, leaf)?;
        branch.edges.insert(answered.identity, next);
        Ok(Place::Branch(branch))
    }

    fn newest_use(&self) -> u64 {
        self.uses().last().copied().unwrap_or(0)
    }

    /// When each outcome was used last, oldest first.
    fn uses(&self) -> Vec<u64> {
        let mut uses = Vec::new();
        if let Some(root) = &self.root {
            root.collect_uses(&mut uses);
        }
        uses.sort_unstable();
        uses
    }

    fn drop_older_half(&mut self) {
        let uses = self.uses();
        let oldest_to_keep = uses.get(uses.len() / 2).map_or(u64::MAX, |used| used + 1);
        if let Some(mut root) = self.root.take()
            && root.prune(oldest_to_keep)
        {
            self.root = Some(root);
        }
        self.bytes = self.root.as_ref().map_or(0, Place::memory_bytes);
    }
}

/// Whether two runs that were told the same came to the same end at the same price.
fn same_outcome(one: &RunRecord, other: &RunRecord) -> bool {
    one.end == other.end
        && one.fuel_used == other.fuel_used
        && one.peak_memory_bytes == other.peak_memory_bytes
}
