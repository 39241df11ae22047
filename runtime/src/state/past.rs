//! Looking back at what was committed, and undoing it.

use std::collections::BTreeMap;

use super::{CommitError, Sequence, States, bytes_with, locked};
use crate::answer::RunId;
use crate::store::StoreError;
use crate::store::history::{KeyChange, PastCommit};
use crate::store::state::{Commit, Head, Namespace, Shapes};

/// What became of a wish to undo a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// A new commit gives the keys back what they held.
    Accepted {
        /// For [`States::durable`].
        sequence: Sequence,
        /// The new commit's number.
        number: u64,
    },
    /// These keys were changed again since: nothing was done.
    ChangedSince(Vec<String>),
    /// There is no such commit, or it is not kept any more.
    Unknown,
}

impl States {
    /// The durable commits of a namespace that are kept, newest first, from the one before number `before` on, at most `limit`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn history(
        &self,
        namespace: &Namespace,
        before: u64,
        limit: usize,
    ) -> Result<Vec<PastCommit>, StoreError> {
        let base = self.accepted().base.clone();
        base.history(namespace, before, limit)
    }

    /// Gives the keys that a commit changed back what they held before, unless one of them was changed again since. That is a
    /// commit like any other, which can be undone too.
    ///
    /// # Errors
    /// Too much waits to be written, or the store cannot be read.
    pub fn undo(
        &self,
        namespace: &Namespace,
        number: u64,
        run: RunId,
        now_ms: i64,
    ) -> Result<Undone, CommitError> {
        let found = self.history(namespace, number.saturating_add(1), 1)?;
        let Some(past) = found.into_iter().find(|past| past.number == number) else {
            return Ok(Undone::Unknown);
        };
        let _turn = locked(&self.accepting);
        self.expire_in(namespace, now_ms)?;
        let snapshot = self.snapshot(namespace);
        let last = snapshot.head()?;
        let mut bytes = last.bytes;
        let mut changed_since = Vec::new();
        let mut keys = BTreeMap::new();
        for (key, KeyChange { before, after }) in past.keys {
            if snapshot.stored(&key)?.row != after.row {
                changed_since.push(key);
                continue;
            }
            bytes = bytes_with(bytes, &key, &after, &before);
            let change = KeyChange {
                before: after,
                after: before,
            };
            keys.insert(key, change);
        }
        if !changed_since.is_empty() {
            return Ok(Undone::ChangedSince(changed_since));
        }
        let number = last.number + 1;
        let sequence = self.push(Commit {
            namespace: namespace.clone(),
            head: Head {
                number,
                bytes,
                time_ms: now_ms.max(last.time_ms),
            },
            run: Some(run),
            keys,
            shapes: Shapes::new(),
            line: None,
        })?;
        Ok(Undone::Accepted { sequence, number })
    }
}
