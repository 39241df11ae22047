//! What each commit changed, kept for a while: who looks back sees what was before, and can undo it.
//!
//! Per namespace the newest commits are kept, up to a limit in bytes; older ones go with the commit that passes it.

use std::collections::BTreeMap;

use redb::{ReadableTable, WriteTransaction};

use super::state::{Base, Commit, Namespace, Row, Stored};
use super::{Address20, Bytes, HISTORY, KEPT, Name, StoreError};
use crate::answer::RunId;
use crate::codec::{CodecError, Reader, Writer};

/// What a commit did to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// What it held.
    pub before: Stored,
    /// What it holds.
    pub after: Stored,
}

/// A commit, looked back at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCommit {
    /// Its number in the namespace.
    pub number: u64,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: i64,
    /// The run that made it; `None` for the removal of keys whose time was over.
    pub run: Option<RunId>,
    /// The keys that it changed.
    pub keys: BTreeMap<String, KeyChange>,
}

impl PastCommit {
    /// The record of a commit that is made.
    fn encode(commit: &Commit) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.int(commit.head.time_ms).flag(commit.run.is_some());
        if let Some(run) = &commit.run {
            writer.raw(&run.0);
        }
        writer.count(commit.keys.len() as u64);
        for (key, KeyChange { before, after }) in &commit.keys {
            writer.text(key);
            for stored in [before, after] {
                writer.flag(stored.row.is_some());
                if let Some(row) = &stored.row {
                    writer.bytes(row.value());
                }
                writer.flag(stored.due_ms.is_some());
                if let Some(due_ms) = stored.due_ms {
                    writer.int(due_ms);
                }
            }
        }
        writer.finish()
    }

    pub(super) fn decode(number: u64, bytes: &[u8]) -> Result<PastCommit, CodecError> {
        let mut reader = Reader::new(bytes);
        let time_ms = reader.int()?;
        let run = match reader.flag()? {
            true => Some(RunId(reader.array()?)),
            false => None,
        };
        let mut keys = BTreeMap::new();
        for _ in 0..reader.count()? {
            let key = reader.text()?.to_owned();
            let mut stored = || -> Result<Stored, CodecError> {
                let has_row = reader.flag()?;
                let row = has_row.then(|| reader.bytes()).transpose()?;
                let has_due = reader.flag()?;
                Ok(Stored {
                    row: row.map(Row::of),
                    due_ms: has_due.then(|| reader.int()).transpose()?,
                })
            };
            let (before, after) = (stored()?, stored()?);
            keys.insert(key, KeyChange { before, after });
        }
        reader.end()?;
        Ok(PastCommit {
            number,
            time_ms,
            run,
            keys,
        })
    }
}

/// Keeps commits that are made, and lets go of the oldest ones of each namespace beyond `limit_bytes`.
pub(super) fn keep(
    write: &WriteTransaction,
    commits: &[Commit],
    limit_bytes: u64,
) -> Result<(), StoreError> {
    let mut history = write.open_table(HISTORY)?;
    let mut kept = write.open_table(KEPT)?;
    // The oldest one of each namespace, and the bytes of all.
    let mut spans: BTreeMap<&Namespace, (u64, u64)> = BTreeMap::new();
    for commit in commits {
        let namespace = &commit.namespace;
        let at = (namespace.address.as_bytes(), namespace.name.as_str());
        let number = commit.head.number;
        let (mut oldest, mut bytes) = match spans.get(namespace) {
            Some(span) => *span,
            None => kept.get(at)?.map_or((number, 0), |found| found.value()),
        };
        let record = PastCommit::encode(commit);
        bytes += record.len() as u64;
        history.insert((at.0, at.1, number), record.as_slice())?;
        while bytes > limit_bytes && oldest <= number {
            let gone = history.remove((at.0, at.1, oldest))?;
            bytes = bytes.saturating_sub(gone.map_or(0, |gone| gone.value().len() as u64));
            oldest += 1;
        }
        spans.insert(namespace, (oldest, bytes));
    }
    for (namespace, span) in spans {
        let at = (namespace.address.as_bytes(), namespace.name.as_str());
        kept.insert(at, span)?;
    }
    Ok(())
}

impl Base {
    /// The commits of a namespace that are kept, newest first, from the one before number `before` on, at most `limit`.
    pub fn history(
        &self,
        namespace: &Namespace,
        before: u64,
        limit: usize,
    ) -> Result<Vec<PastCommit>, StoreError> {
        let rows = self.history_rows(namespace, 0..before)?;
        rows.rev().take(limit).map(read).collect()
    }

    fn history_rows(
        &self,
        namespace: &Namespace,
        numbers: std::ops::Range<u64>,
    ) -> Result<HistoryRows, StoreError> {
        let (address, name) = (namespace.address.as_bytes(), namespace.name.as_str());
        let range = (address, name, numbers.start)..(address, name, numbers.end);
        Ok(self.history.range::<(&[u8; 20], &str, u64)>(range)?)
    }

    /// The commits of a namespace behind this one, oldest first, as far as they are kept.
    pub fn history_since(
        &self,
        namespace: &Namespace,
        number: u64,
    ) -> Result<Vec<PastCommit>, StoreError> {
        let rows = self.history_rows(namespace, number.saturating_add(1)..u64::MAX)?;
        rows.map(read).collect()
    }
}

type HistoryRows = redb::Range<'static, (Address20, Name, u64), Bytes>;

fn read(
    row: Result<(HistoryKey<'_>, HistoryRecord<'_>), redb::StorageError>,
) -> Result<PastCommit, StoreError> {
    let (key, record) = row?;
    let (_, _, number) = key.value();
    PastCommit::decode(number, record.value()).map_err(|error| {
        StoreError::Failed(format!("the history of the state is damaged: {error}"))
    })
}

type HistoryKey<'a> = redb::AccessGuard<'a, (Address20, Name, u64)>;
type HistoryRecord<'a> = redb::AccessGuard<'a, Bytes>;
