//! Transactions of runs: what a run read is compared with the state as it is now, and its writes become one commit.
//!
//! One thread commits for the whole node. While one transaction is being synced to disk the next batch gathers, so many runs
//! share one sync. Within a batch each run sees those before it: the order of validation is the order of commits is the order on
//! disk. An answer with writes leaves only after its commit is on disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::host::world::still_valid;
use crate::run::RunRecord;
use crate::store::state::{Change, Changed, Namespace, StateView};
use crate::store::{Store, StoreError};

const BATCH_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 16 << 20;
const WAITING_MAX: usize = 1_024;

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
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![first];
        let mut bytes = batch[0].record.memory_bytes();
        while batch.len() < BATCH_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(job) = receiver.try_recv() else {
                break;
            };
            bytes += job.record.memory_bytes();
            batch.push(job);
        }
        commit(store, batch, quota_bytes);
    }
}

fn commit(store: &Store, batch: Vec<Job>, quota_bytes: u64) {
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
        })
        .collect();
    let result = store.commit_batch(&mut changes, quota_bytes);
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
