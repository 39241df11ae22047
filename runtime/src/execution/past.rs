//! What the owner of a node sees of the state of programs, and undoing a commit.

use super::Shared;
use crate::answer::RunId;
use crate::execution::web::overloaded;
use crate::failure::{Failure, FailureCode};
use crate::host::clock::system_now_ms;
use crate::host::world::store_failure;
use crate::runs::new_run_id;
use crate::shown::shown;
use crate::state::{CommitError, Snapshot, Undone};
use crate::store::StoreError;
use crate::store::state::{KeyRange, Namespace, StateView, Stored};
use crate::store::writes::blind_shape;

/// What a key holds, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownKey {
    /// The key.
    pub key: String,
    /// Its value as source would write it.
    pub value: String,
    /// When it is gone, in milliseconds since 1970.
    pub due_ms: Option<i64>,
}

/// The state of a program, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownState {
    /// Number of the last commit; 0 before the first.
    pub commit: u64,
    /// Bytes of all keys, values and shapes.
    pub bytes: u64,
    /// Keys in order of their bytes.
    pub keys: Vec<ShownKey>,
    /// Whether there are more behind the last one.
    pub has_more: bool,
}

/// A commit of the past, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCommit {
    /// Its number.
    pub number: u64,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: i64,
    /// The run that made it; `None` for the removal of keys whose time was over.
    pub run: Option<RunId>,
    /// The keys that it changed, with what they held and hold; `None` for nothing.
    pub keys: Vec<(String, Option<String>, Option<String>)>,
}

impl Shared {
    pub(super) fn shown_state(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ShownState, Failure> {
        let read = || -> Result<ShownState, StoreError> {
            let snapshot = self.states.snapshot(namespace);
            let head = snapshot.head()?;
            let mut found = snapshot.keys(&KeyRange::of(prefix, after), limit.saturating_add(1))?;
            let has_more = found.len() > limit;
            found.truncate(limit);
            let keys = found.into_iter().map(|key| {
                let stored = snapshot.stored(&key)?;
                Ok(ShownKey {
                    value: shown_stored(&snapshot, &stored)?.unwrap_or_default(),
                    due_ms: stored.due_ms,
                    key,
                })
            });
            Ok(ShownState {
                commit: head.number,
                bytes: head.bytes,
                keys: keys.collect::<Result<_, StoreError>>()?,
                has_more,
            })
        };
        read().map_err(|error| store_failure(&error))
    }

    pub(super) fn shown_history(
        &self,
        namespace: &Namespace,
        before: u64,
        limit: usize,
    ) -> Result<Vec<ShownCommit>, Failure> {
        let read = || -> Result<Vec<ShownCommit>, StoreError> {
            let snapshot = self.states.snapshot(namespace);
            let commits = self.states.history(namespace, before, limit)?;
            let shown = commits.into_iter().map(|past| {
                let keys = past.keys.into_iter().map(|(key, change)| {
                    let before = shown_stored(&snapshot, &change.before)?;
                    let after = shown_stored(&snapshot, &change.after)?;
                    Ok((key, before, after))
                });
                Ok(ShownCommit {
                    number: past.number,
                    time_ms: past.time_ms,
                    run: past.run,
                    keys: keys.collect::<Result<_, StoreError>>()?,
                })
            });
            shown.collect()
        };
        read().map_err(|error| store_failure(&error))
    }

    pub(super) async fn undo(&self, namespace: &Namespace, number: u64) -> Result<u64, Failure> {
        let refused = |detail: String, hint: &str| {
            let title = format!("commit {number} is not undone");
            Failure::new(FailureCode::Conflict, title, detail).hint(hint)
        };
        let run = new_run_id()?;
        let undone = self.states.undo(namespace, number, run, system_now_ms());
        match undone {
            Ok(Undone::Accepted { sequence, number }) => {
                let durable = self.states.durable(sequence).await;
                durable.map_err(|error| store_failure(&error))?;
                Ok(number)
            }
            Ok(Undone::ChangedSince(keys)) => Err(refused(
                format!("changed again since: {}", keys.join(", ")),
                "undo the later commits first, newest first",
            )),
            Ok(Undone::Unknown) => Err(refused(
                "there is no such commit, or it is so old that it is not kept".to_owned(),
                "`copc state history` lists those that are kept",
            )),
            Err(CommitError::Busy) => Err(overloaded("too many changes wait to be written")),
            Err(CommitError::Store(error)) => Err(store_failure(&error)),
        }
    }
}

fn shown_stored(snapshot: &Snapshot, stored: &Stored) -> Result<Option<String>, StoreError> {
    shown_as(stored, |fingerprint| snapshot.shape(fingerprint))
}

/// A stored value as source would write it, by the shape that this finds for it; those that blind changes make are known
/// without being told.
pub(super) fn shown_as(
    stored: &Stored,
    find: impl Fn(&[u8; 8]) -> Result<Option<String>, StoreError>,
) -> Result<Option<String>, StoreError> {
    let Some(row) = &stored.row else {
        return Ok(None);
    };
    let shape = match row.value().first_chunk() {
        Some(fingerprint) => match blind_shape(fingerprint) {
            Some(shape) => Some(shape.to_owned()),
            None => find(fingerprint)?,
        },
        None => None,
    };
    Ok(Some(shown(row.value(), shape.as_deref())))
}
