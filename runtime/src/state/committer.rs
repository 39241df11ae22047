//! The thread that makes accepted commits durable, for the whole node: while one batch is being synced the next gathers.
//!
//! When keys that were stored for a time are due, it sees to their removal.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::{CommitError, LOSSES_KEPT, ROOTS_WAITING_MAX, Sequence, States, locked};
use crate::host::clock::system_now_ms;
use crate::store::StoreError;
use crate::store::lines::ROOT_EVERY;
use crate::store::state::Commit;

const BATCH_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 16 << 20;
/// Longest sleep of the thread: nothing is due that late by its own clock, but the system's may be set.
const SLEEP_MAX_MS: i64 = 60_000;
/// Rest before keys that could not be removed are looked at again.
const RETRY_MS: i64 = 1_000;

/// The committer of a node. When it is dropped, what was accepted is written, and the thread ends.
pub struct Committer {
    states: Arc<States>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(states: Arc<States>) -> std::io::Result<Committer> {
        let own = states.clone();
        let thread = std::thread::Builder::new()
            .name("cop-commit".to_owned())
            .spawn(move || own.commit_all())?;
        Ok(Committer {
            states,
            thread: Some(thread),
        })
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.states.accepted().is_closed = true;
        self.states.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by its own message; here there is nothing left to save.
            let _ = thread.join();
        }
    }
}

/// What the thread has to do.
enum Task {
    Write(Vec<(Sequence, Commit)>),
    Expire,
    End,
}

impl States {
    fn commit_all(&self) {
        // When the next key is due. A store that cannot say so says so to those who ask it for more.
        let mut due_ms = self.next_due_ms().unwrap_or(None);
        // Whether keys were removed since, so that another one may be the next.
        let mut is_stale = false;
        loop {
            match self.next_task(due_ms) {
                Task::End => return,
                Task::Expire => {
                    let now_ms = system_now_ms();
                    due_ms = Some(now_ms.saturating_add(RETRY_MS));
                    is_stale = true;
                    if let Err(CommitError::Store(error)) = self.expire(now_ms) {
                        eprintln!("copd: keys whose time is over could not be removed: {error}");
                        due_ms = Some(now_ms.saturating_add(SLEEP_MAX_MS));
                    }
                }
                Task::Write(batch) => {
                    let keys = batch.iter().flat_map(|(_, commit)| commit.keys.values());
                    let first_ms = keys.filter_map(|change| change.after.due_ms).min();
                    due_ms = due_ms.into_iter().chain(first_ms).min();
                    self.write_out(batch);
                    if std::mem::take(&mut is_stale) {
                        due_ms = self.next_due_ms().unwrap_or(due_ms);
                    }
                }
            }
        }
    }

    /// Waits for something to do.
    fn next_task(&self, due_ms: Option<i64>) -> Task {
        let mut accepted = self.accepted();
        loop {
            if !accepted.queue.is_empty() {
                break;
            }
            if accepted.is_closed {
                return Task::End;
            }
            let sleep_ms = due_ms.map_or(SLEEP_MAX_MS, |due_ms| due_ms - system_now_ms());
            if sleep_ms <= 0 {
                return Task::Expire;
            }
            let sleep = Duration::from_millis(sleep_ms.min(SLEEP_MAX_MS).unsigned_abs());
            accepted = match self.wake.wait_timeout(accepted, sleep) {
                Ok((accepted, _)) => accepted,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        let mut bytes = 0;
        let mut count = 0;
        for (_, commit) in accepted.queue.iter().take(BATCH_MAX) {
            bytes += commit.size_bytes();
            if count > 0 && bytes > BATCH_BYTES_MAX {
                break;
            }
            count += 1;
        }
        let batch: Vec<_> = accepted.queue.drain(..count).collect();
        let taken: usize = batch.iter().map(|(_, commit)| commit.size_bytes()).sum();
        accepted.queue_bytes -= taken;
        Task::Write(batch)
    }

    /// Writes everything that waits, on the thread of the caller.
    #[cfg(test)]
    pub(super) fn write_all(&self) {
        while !self.accepted().queue.is_empty() {
            if let Task::Write(batch) = self.next_task(None) {
                self.write_out(batch);
            }
        }
    }

    /// Writes everything that waits, on the thread of the caller; whether this commit is on disk.
    #[cfg(test)]
    pub(crate) fn is_written(&self, sequence: Sequence) -> bool {
        self.write_all();
        matches!(self.progress.borrow().fate(sequence), Some(Ok(())))
    }

    /// Writes a batch with one sync and tells those who wait.
    fn write_out(&self, batch: Vec<(Sequence, Commit)>) {
        let last = batch.last().map_or(0, |(sequence, _)| *sequence);
        let commits: Vec<Commit> = batch.into_iter().map(|(_, commit)| commit).collect();
        let written = self
            .store
            .apply(&commits, self.history_bytes)
            .and_then(|()| self.store.base());
        let mut accepted = self.accepted();
        match written {
            Ok(base) => {
                accepted.base = Arc::new(base);
                for commit in &commits {
                    let Some(overlay) = accepted.overlays.get_mut(&commit.namespace) else {
                        continue;
                    };
                    if !Arc::make_mut(overlay).settle(last) {
                        accepted.overlays.remove(&commit.namespace);
                    }
                }
                drop(accepted);
                self.progress
                    .send_modify(|progress| progress.settled = last);
                self.note_roots(&commits);
            }
            Err(why) => {
                // Later commits rest on these. They go together.
                accepted.overlays.clear();
                accepted.queue.clear();
                accepted.queue_bytes = 0;
                let lost_to = accepted.last;
                drop(accepted);
                self.progress.send_modify(|progress| {
                    let lost_from = progress.settled + 1;
                    if progress.lost.len() == LOSSES_KEPT {
                        progress.lost.remove(0);
                    }
                    progress.lost.push((lost_from, lost_to, why));
                    progress.settled = lost_to;
                });
            }
        }
    }

    fn note_roots(&self, commits: &[Commit]) {
        let due = commits
            .iter()
            .filter(|commit| commit.head.number.is_multiple_of(ROOT_EVERY))
            .map(|commit| (commit.namespace.clone(), commit.head.number));
        let mut roots = locked(&self.roots_due);
        for (namespace, number) in due {
            // A later one of the same namespace takes the place of an earlier one.
            if roots.len() < ROOTS_WAITING_MAX || roots.contains_key(&namespace) {
                roots.insert(namespace, number);
            }
        }
    }

    /// Adds up and keeps the newest root that is due of each namespace. A thread that nobody waits for does this; where so much is
    /// written that several are due, it would not keep up with all of them.
    pub fn keep_roots(&self) {
        let due = std::mem::take(&mut *locked(&self.roots_due));
        for (namespace, number) in due {
            // What is not kept is added up when somebody asks for it.
            let Ok(Some(then)) = self.as_of(&namespace, Some(number)) else {
                continue;
            };
            let kept = then
                .root()
                .and_then(|root| self.store.keep_root(&namespace, number, &root));
            if kept.is_err() {
                return;
            }
        }
    }

    /// When the next key on disk is gone, in milliseconds since 1970.
    pub(super) fn next_due_ms(&self) -> Result<Option<i64>, StoreError> {
        let base = self.accepted().base.clone();
        let firsts = base.first_due()?;
        Ok(firsts.into_iter().map(|(_, due_ms)| due_ms).min())
    }

    /// Accepts the removal of keys whose time is over: for each namespace concerned one commit.
    pub(super) fn expire(&self, now_ms: i64) -> Result<(), CommitError> {
        let base = self.accepted().base.clone();
        for (namespace, due_ms) in base.first_due()? {
            if due_ms <= now_ms {
                let _turn = locked(&self.accepting);
                self.expire_in(&namespace, now_ms)?;
            }
        }
        Ok(())
    }
}
