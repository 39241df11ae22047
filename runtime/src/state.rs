//! Transactions of runs: what a run read is compared with the state as it is now, and its writes become one commit.
//!
//! One thread commits for the whole node. While one transaction is being synced to disk the next batch gathers, so many runs
//! share one sync. Within a batch each run sees those before it: the order of validation is the order of commits is the order on
//! disk. An answer with writes leaves only after its commit is on disk.
//!
//! When keys that were stored for a time are due, the same thread removes them, in commits of their own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::host::clock::system_now_ms;
use crate::host::world::still_valid;
use crate::run::RunRecord;
use crate::store::state::{Change, Changed, Namespace, StateView};
use crate::store::writes::Write;
use crate::store::{Store, StoreError};

const BATCH_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 16 << 20;
const WAITING_MAX: usize = 1_024;
/// Longest sleep of the thread: nothing is due that late by its own clock, but the system's may be set.
const SLEEP_MAX_MS: i64 = 60_000;

/// The committer of a node.
#[derive(Debug)]
pub struct Committer {
    sender: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Job {
    namespace: Namespace,
    record: Arc<RunRecord>,
    reply: oneshot::Sender<Result<Changed, StoreError>>,
}

/// Why a run is not committed.
#[derive(Debug)]
pub enum CommitError {
    /// Too many runs wait to be committed, or the node is stopping.
    Busy,
    /// The store cannot.
    Store(StoreError),
}

impl Committer {
    /// Starts the thread.
    pub fn start(store: Arc<Store>, quota_bytes: u64) -> std::io::Result<Committer> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("cop-commit".to_owned())
            .spawn(move || commit_all(&store, &receiver, quota_bytes))?;
        Ok(Committer {
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    /// Validates and commits the writes of a run. When this is answered they are on disk.
    pub async fn commit(
        &self,
        namespace: Namespace,
        record: Arc<RunRecord>,
    ) -> Result<Changed, CommitError> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            namespace,
            record,
            reply,
        };
        let sender = self.sender.as_ref().ok_or(CommitError::Busy)?;
        match sender.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                return Err(CommitError::Busy);
            }
        }
        match answer.await {
            Ok(result) => result.map_err(CommitError::Store),
            Err(_) => Err(CommitError::Busy),
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by its own message; here there is nothing left to save.
            let _ = thread.join();
        }
    }
}

fn commit_all(store: &Store, receiver: &Receiver<Job>, quota_bytes: u64) {
    // When the next key is due. A store that cannot say so says so to those who ask it for more.
    let mut due_ms = store.next_due_ms().unwrap_or(None);
    loop {
        let sleep_ms = match due_ms {
            Some(due_ms) => due_ms.saturating_sub(system_now_ms()),
            None => SLEEP_MAX_MS,
        };
        if sleep_ms <= 0 {
            due_ms = expire(store);
        }
        let sleep = Duration::from_millis(sleep_ms.clamp(0, SLEEP_MAX_MS).unsigned_abs());
        let first = match receiver.recv_timeout(sleep) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut batch = vec![first];
        let mut bytes = batch[0].record.memory_bytes();
        while batch.len() < BATCH_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(job) = receiver.try_recv() else {
                break;
            };
            bytes += job.record.memory_bytes();
            batch.push(job);
        }
        let now_ms = system_now_ms();
        let due_first = batch
            .iter()
            .filter_map(|job| due_first_ms(job, now_ms))
            .min();
        due_ms = due_ms.into_iter().chain(due_first).min();
        commit(store, batch, quota_bytes, now_ms);
    }
}

/// When the first of the keys that a run stores for a time is due.
fn due_first_ms(job: &Job, now_ms: i64) -> Option<i64> {
    let lifetimes = job.record.writes.values().filter_map(|write| match write {
        Write::Put { seconds, .. } => *seconds,
        _ => None,
    });
    let seconds = lifetimes.min()?;
    Some(now_ms.saturating_add(seconds.saturating_mul(1_000)))
}

/// Removes what is due; says when the next key is.
fn expire(store: &Store) -> Option<i64> {
    let now_ms = system_now_ms();
    match store.expire(now_ms).and_then(|()| store.next_due_ms()) {
        // A namespace whose clock was ahead keeps its keys until the system's is there too.
        Ok(next) => next.map(|next| next.max(now_ms + 1)),
        Err(error) => {
            eprintln!("copd: keys whose time is over could not be removed: {error}");
            Some(now_ms.saturating_add(SLEEP_MAX_MS))
        }
    }
}

fn commit(store: &Store, batch: Vec<Job>, quota_bytes: u64, now_ms: i64) {
    let mut checks: Vec<_> = batch
        .iter()
        .map(|job| |view: &dyn StateView| still_valid(&job.record.transcript, view))
        .collect();
    let mut changes: Vec<Change<'_>> = batch
        .iter()
        .zip(&mut checks)
        .map(|(job, check)| Change {
            namespace: &job.namespace,
            still_valid: check,
            writes: &job.record.writes,
            shapes: &job.record.shapes,
        })
        .collect();
    let result = store.commit_batch(&mut changes, quota_bytes, now_ms);
    drop(changes);
    drop(checks);
    match result {
        Ok(done) => {
            for (job, changed) in batch.into_iter().zip(done) {
                // Whoever asked may have gone; the commit stands.
                let _ = job.reply.send(Ok(changed));
            }
        }
        Err(error) => {
            for job in batch {
                let _ = job.reply.send(Err(error.clone()));
            }
        }
    }
}
