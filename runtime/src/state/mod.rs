//! Transactions of runs: what a run read is compared with the state as it is now, and its writes become one commit.
//!
//! A commit is *accepted* when what its run read is still so: from then on every later run sees it. It is *durable* when it is on
//! disk. Commits of a namespace are numbered, and the order of validation is the order of numbers is the order on disk. While one
//! batch of commits is being synced the next gathers, and runs go on meanwhile from what is accepted, so many share one sync.
//! Nothing leaves the node before all that it rests on is durable: a run's own commit, and each commit whose values it read.
//!
//! ```text
//!  snapshot = base (on disk at one instant) + overlay (accepted, not yet on disk)
//!  accept   : validate against base + overlay ─► overlay, queue            (at once, in memory)
//!  committer: queue ─► one transaction, one sync ─► new base, smaller overlay, whoever waits may answer
//! ```
//!
//! When the disk does not take a batch, everything that was accepted and is not durable is lost, as if it had never been, and
//! whoever waits for some of it is told; nobody has seen an answer that rests on it. No sync is tried twice.
//!
//! **Time.** Each commit of a namespace has a time, never earlier than that of the one before. A key whose expiry is not after it
//! is gone: its removal is a commit of its own, right before. So what a snapshot shows depends on commits alone, and a run that
//! read a key that has gone meets a conflict like any other.

mod as_of;
mod committer;
mod import;
mod overlay;
mod past;
#[cfg(test)]
mod past_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::answer::RunId;
use crate::store::history::KeyChange;
use crate::store::state::{Base, Commit, Head, Namespace, Row, Shapes, StateView, Stored};
use crate::store::writes::{Misfit, Write, Writes};
use crate::store::{Store, StoreError};

pub use as_of::AsOf;
pub use committer::Committer;
pub use import::Imported;
use overlay::Overlay;
pub use overlay::Snapshot;
pub use past::Undone;

/// Most commits that wait to be written.
const WAITING_MAX: usize = 1_024;
/// Most bytes of them.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Most roots that wait to be added up; further ones are added up when they are asked for.
const ROOTS_WAITING_MAX: usize = 64;
/// So many losses are told apart; whoever waits has learned of his long before.
const LOSSES_KEPT: usize = 64;

/// A commit's place in the order of all commits that this process accepted, from 1; 0 stands for what was there before.
pub type Sequence = u64;

/// What a run wants to change.
pub struct Change<'a> {
    /// Whose state.
    pub namespace: &'a Namespace,
    /// Who wants it.
    pub run: RunId,
    /// Whether what the run read is still so.
    pub still_valid: &'a mut dyn FnMut(&dyn StateView) -> Result<bool, StoreError>,
    /// What it writes.
    pub writes: &'a Writes,
    /// The shapes of the values among them.
    pub shapes: &'a Shapes,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Later runs see it. It may be told when this is durable.
    Accepted {
        /// For [`States::durable`].
        sequence: Sequence,
        /// The commit's number in its namespace.
        number: u64,
    },
    /// What the run read has changed since: nothing of it was applied.
    Conflict,
    /// The namespace would be larger than it may be: nothing of it was applied.
    Quota {
        /// Bytes that it would have.
        bytes: u64,
    },
    /// A blind change does not fit what is stored: nothing of it was applied.
    Misfit {
        /// Where.
        key: String,
        /// Why.
        misfit: Misfit,
    },
}

/// Why a run is not committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// Too many commits wait to be written, or the node is stopping.
    Busy,
    /// The store cannot.
    Store(StoreError),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> CommitError {
        CommitError::Store(error)
    }
}

/// The state of all namespaces of a node.
pub struct States {
    store: Arc<Store>,
    quota_bytes: u64,
    history_bytes: u64,
    /// Held by whoever validates and accepts: one at a time.
    accepting: Mutex<()>,
    accepted: Mutex<Accepted>,
    /// Told when there is something to write.
    wake: Condvar,
    progress: watch::Sender<Progress>,
    /// The newest commit of each namespace of whose state the root is to be kept.
    roots_due: Mutex<BTreeMap<Namespace, u64>>,
}

/// What runs that begin now see, and what is to be written.
struct Accepted {
    base: Arc<Base>,
    overlays: HashMap<Namespace, Arc<Overlay>>,
    queue: Vec<(Sequence, Commit)>,
    queue_bytes: usize,
    last: Sequence,
    is_closed: bool,
}

/// How far the disk is.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Everything up to here is on disk or lost.
    settled: Sequence,
    /// What was lost: from, to, why.
    lost: Vec<(Sequence, Sequence, StoreError)>,
}

impl States {
    /// The state in this store. Each namespace may have so many bytes, and so many more to look back at.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn new(
        store: Arc<Store>,
        quota_bytes: u64,
        history_bytes: u64,
    ) -> Result<States, StoreError> {
        let base = Arc::new(store.base()?);
        Ok(States {
            store,
            quota_bytes,
            history_bytes,
            accepting: Mutex::default(),
            accepted: Mutex::new(Accepted {
                base,
                overlays: HashMap::new(),
                queue: Vec::new(),
                queue_bytes: 0,
                last: 0,
                is_closed: false,
            }),
            wake: Condvar::new(),
            progress: watch::Sender::new(Progress::default()),
            roots_due: Mutex::default(),
        })
    }

    /// The accepted state of a namespace.
    pub fn snapshot(&self, namespace: &Namespace) -> Snapshot {
        let accepted = self.accepted();
        let overlay = accepted.overlays.get(namespace).cloned();
        Snapshot::new(namespace.clone(), accepted.base.clone(), overlay)
    }

    /// The namespaces that keep something for a time, as far as that is on disk.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn with_expiries(&self) -> Result<Vec<Namespace>, StoreError> {
        let base = self.accepted().base.clone();
        let firsts = base.first_due()?;
        Ok(firsts.into_iter().map(|(namespace, _)| namespace).collect())
    }

    /// Lets go of what the store keeps for those who look at it as it was before something else was written.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn refresh(&self) -> Result<(), StoreError> {
        // Opened while nobody else can put another in its place: a base older than the overlays would lack what was just taken out of
        // them. One that is newer holds what they hold, too.
        let mut accepted = self.accepted();
        accepted.base = Arc::new(self.store.base()?);
        Ok(())
    }

    /// Validates a change and accepts it, at once and in memory. `now_ms` is what the clock says, in milliseconds since 1970.
    ///
    /// # Errors
    /// Too much waits to be written, or the store cannot be read.
    pub fn accept(&self, change: &mut Change<'_>, now_ms: i64) -> Result<Changed, CommitError> {
        let _turn = locked(&self.accepting);
        let namespace = change.namespace;
        self.expire_in(namespace, now_ms)?;
        let snapshot = self.snapshot(namespace);
        if !(change.still_valid)(&snapshot)? {
            return Ok(Changed::Conflict);
        }
        let before = snapshot.head()?;
        let time_ms = now_ms.max(before.time_ms);
        let mut bytes = before.bytes;
        let mut keys = BTreeMap::new();
        for (key, write) in change.writes {
            let stored = snapshot.stored(key)?;
            let held = stored.row.as_ref().map(Row::value);
            let value = match write.applied(held) {
                Ok(value) => value,
                Err(misfit) => {
                    let key = key.clone();
                    return Ok(Changed::Misfit { key, misfit });
                }
            };
            let due_ms = match write {
                Write::Put { seconds, .. } => {
                    seconds.map(|seconds| time_ms.saturating_add(seconds.saturating_mul(1_000)))
                }
                Write::Remove => None,
                // What changes a value does not change how long it stays.
                Write::Add(_) | Write::Append(_) => stored.due_ms,
            };
            let after = Stored {
                row: value.as_deref().map(Row::of),
                due_ms,
            };
            bytes = bytes_with(bytes, key, &stored, &after);
            let before = stored;
            keys.insert(key.clone(), KeyChange { before, after });
        }
        let mut shapes = Shapes::new();
        for (fingerprint, shape) in change.shapes {
            if snapshot.shape(fingerprint)?.is_none() {
                bytes += shape.len() as u64;
                shapes.insert(*fingerprint, shape.clone());
            }
        }
        // A program that is over its quota may still shrink.
        if bytes > self.quota_bytes && bytes > before.bytes {
            return Ok(Changed::Quota { bytes });
        }
        let number = before.number + 1;
        let sequence = self.push(Commit {
            namespace: namespace.clone(),
            head: Head {
                number,
                bytes,
                time_ms,
            },
            run: Some(change.run),
            keys,
            shapes,
            line: None,
        })?;
        Ok(Changed::Accepted { sequence, number })
    }

    /// Waits until this commit and all before it are on disk.
    ///
    /// # Errors
    /// It was lost: the disk did not take it.
    pub async fn durable(&self, sequence: Sequence) -> Result<(), StoreError> {
        if let Some(fate) = self.progress.borrow().fate(sequence) {
            return fate;
        }
        let mut progress = self.progress.subscribe();
        let settled = progress.wait_for(|progress| progress.fate(sequence).is_some());
        match settled.await.ok().and_then(|found| found.fate(sequence)) {
            Some(fate) => fate,
            None => Err(StoreError::Failed("the node has stopped".to_owned())),
        }
    }

    /// Removes the keys of a namespace whose time is over, in a commit of their own.
    fn expire_in(&self, namespace: &Namespace, now_ms: i64) -> Result<(), CommitError> {
        let snapshot = self.snapshot(namespace);
        let before = snapshot.head()?;
        let time_ms = now_ms.max(before.time_ms);
        let over = snapshot.due_until(time_ms)?;
        if over.is_empty() {
            return Ok(());
        }
        let mut head = Head {
            number: before.number + 1,
            time_ms,
            ..before
        };
        let mut keys = BTreeMap::new();
        for key in over {
            let before = snapshot.stored(&key)?;
            let after = Stored::default();
            head.bytes = bytes_with(head.bytes, &key, &before, &after);
            keys.insert(key, KeyChange { before, after });
        }
        self.push(Commit {
            namespace: namespace.clone(),
            head,
            run: None,
            keys,
            shapes: Shapes::new(),
            line: None,
        })?;
        Ok(())
    }

    /// Makes a commit visible and gives it to the committer. The caller holds `accepting`.
    fn push(&self, commit: Commit) -> Result<Sequence, CommitError> {
        let mut accepted = self.accepted();
        let bytes = commit.size_bytes();
        // What is larger than all that may wait, such as a state that is imported, goes alone.
        let is_full = accepted.queue.len() >= WAITING_MAX
            || (!accepted.queue.is_empty()
                && accepted.queue_bytes.saturating_add(bytes) > WAITING_BYTES_MAX);
        if accepted.is_closed || is_full {
            return Err(CommitError::Busy);
        }
        accepted.last += 1;
        let sequence = accepted.last;
        let overlay = accepted
            .overlays
            .entry(commit.namespace.clone())
            .or_default();
        Arc::make_mut(overlay).add(sequence, &commit);
        accepted.queue_bytes += bytes;
        accepted.queue.push((sequence, commit));
        self.wake.notify_one();
        Ok(sequence)
    }

    fn accepted(&self) -> MutexGuard<'_, Accepted> {
        locked(&self.accepted)
    }
}

/// The bytes of a namespace in which a key holds something else.
fn bytes_with(bytes: u64, key: &str, before: &Stored, after: &Stored) -> u64 {
    let size = |stored: &Stored| {
        let row = stored.row.as_ref();
        row.map_or(0, |row| (key.len() + row.value().len()) as u64)
    };
    bytes.saturating_sub(size(before)) + size(after)
}

/// What a lock protects is changed in one step at its end, so a holder that panicked left it as it was.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    /// What became of a commit, once that is known.
    fn fate(&self, sequence: Sequence) -> Option<Result<(), StoreError>> {
        if sequence > self.settled {
            return None;
        }
        let lost = self
            .lost
            .iter()
            .find(|(from, to, _)| (*from..=*to).contains(&sequence));
        Some(lost.map_or(Ok(()), |(_, _, why)| Err(why.clone())))
    }
}
