//! A state replaced by an exported one: a commit that changes what differs, with which a new line begins.

use std::collections::{BTreeMap, BTreeSet};

use super::{CommitError, Sequence, States, bytes_with, locked};
use crate::answer::RunId;
use crate::export::Export;
use crate::store::history::KeyChange;
use crate::store::lines::Line;
use crate::store::state::{Commit, Head, KeyRange, Namespace, Shapes, StateView, Stored};

/// What became of an export that was to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is what later runs see.
    Accepted {
        /// For [`States::durable`].
        sequence: Sequence,
        /// The number of the commit.
        number: u64,
        /// How many keys it changed.
        keys: usize,
    },
    /// The namespace holds something, and nobody said that it may be replaced.
    Taken,
    /// It would be larger than it may be.
    Quota {
        /// Bytes that it would have.
        bytes: u64,
    },
}

impl States {
    /// Makes a namespace hold what was exported, but for keys whose time is over, and begins a line with that commit. What it
    /// held before goes only if `replaces`; it can be undone like any commit, as long as that is kept.
    ///
    /// # Errors
    /// Too much waits to be written, or the store cannot be read.
    pub fn import(
        &self,
        namespace: &Namespace,
        export: &Export,
        (run, line): (RunId, Line),
        replaces: bool,
        now_ms: i64,
    ) -> Result<Imported, CommitError> {
        let _turn = locked(&self.accepting);
        self.expire_in(namespace, now_ms)?;
        let snapshot = self.snapshot(namespace);
        let last = snapshot.head()?;
        let time_ms = now_ms.max(last.time_ms);
        let held = snapshot.keys(&KeyRange::default(), usize::MAX)?;
        if !held.is_empty() && !replaces {
            return Ok(Imported::Taken);
        }
        let all: BTreeSet<&String> = held.iter().chain(export.keys.keys()).collect();
        let is_over = |stored: &Stored| stored.due_ms.is_some_and(|due_ms| due_ms <= time_ms);
        let mut bytes = last.bytes;
        let mut keys = BTreeMap::new();
        for key in all {
            let before = snapshot.stored(key)?;
            let after = export.keys.get(key).filter(|stored| !is_over(stored));
            let after = after.cloned().unwrap_or_default();
            if before != after {
                bytes = bytes_with(bytes, key, &before, &after);
                keys.insert(key.clone(), KeyChange { before, after });
            }
        }
        let mut shapes = Shapes::new();
        for (fingerprint, shape) in &export.shapes {
            if snapshot.shape(fingerprint)?.is_none() {
                bytes += shape.len() as u64;
                shapes.insert(*fingerprint, shape.clone());
            }
        }
        if bytes > self.quota_bytes {
            return Ok(Imported::Quota { bytes });
        }
        let number = last.number + 1;
        let count = keys.len();
        let sequence = self.push(Commit {
            namespace: namespace.clone(),
            head: Head {
                number,
                bytes,
                time_ms,
            },
            run: Some(run),
            keys,
            shapes,
            line: Some(line),
        })?;
        Ok(Imported::Accepted {
            sequence,
            number,
            keys: count,
        })
    }
}
