//! The state of a program as it was, what changed between two commits, its root, and the state on file.

use bytes::Bytes;
use cop_bytecode::Hash;

use super::Shared;
use super::past::{ShownKey, ShownState, shown_as};
use super::web::{broken, overloaded};
use crate::answer::RunId;
use crate::export::Export;
use crate::failure::{Failure, FailureCode};
use crate::host::clock::system_now_ms;
use crate::host::world::store_failure;
use crate::runs::new_run_id;
use crate::state::{AsOf, CommitError, Imported};
use crate::store::StoreError;
use crate::store::lines::Line;
use crate::store::state::{Namespace, Shapes};
use crate::store::writes::blind_shape;

/// Which commits a difference is between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// What the commit of this run changed.
    Run(RunId),
    /// Behind the one and behind the other.
    Between(u64, u64),
}

/// What a key held and holds, as source would write it; `None` for nothing.
pub type ShownChange = (String, Option<String>, Option<String>);

/// What differs between the states behind two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownDifference {
    /// The number of the one commit.
    pub from: u64,
    /// The number of the other.
    pub to: u64,
    /// The keys that differ, in order of their bytes.
    pub keys: Vec<ShownChange>,
}

/// The name of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRoot {
    /// The line of the commit.
    pub line: Line,
    /// The number of the commit; 0 before the first.
    pub number: u64,
    /// The root of the state behind it.
    pub root: Hash,
}

/// A state that was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportedState {
    /// The line that begins with it.
    pub line: Line,
    /// The number of the commit.
    pub number: u64,
    /// How many keys it changed.
    pub keys: usize,
}

/// What a state that is asked for is not there for.
enum Absent {
    Store(StoreError),
    Commit(u64),
    Run(RunId),
}

impl From<StoreError> for Absent {
    fn from(error: StoreError) -> Absent {
        Absent::Store(error)
    }
}

impl Absent {
    fn told(self) -> Failure {
        let unknown = |title: String| {
            Failure::new(
                FailureCode::BadRequest,
                title,
                "there is no such commit, or too little is kept of what was changed since",
            )
            .hint("`copc state history` lists the commits that are kept")
        };
        match self {
            Absent::Store(error) => store_failure(&error),
            Absent::Commit(number) => unknown(format!("the state behind commit {number} is gone")),
            Absent::Run(run) => unknown(format!("no commit of the run {run} is kept")),
        }
    }
}

impl Shared {
    fn as_of(&self, namespace: &Namespace, number: Option<u64>) -> Result<AsOf, Absent> {
        let then = self.states.as_of(namespace, number)?;
        then.ok_or_else(|| Absent::Commit(number.unwrap_or_default()))
    }

    /// The durable state behind a commit, or a part of it.
    pub(super) fn shown_state_at(
        &self,
        namespace: &Namespace,
        number: u64,
        (prefix, after, limit): (&str, Option<&str>, usize),
    ) -> Result<ShownState, Failure> {
        let read = || -> Result<ShownState, Absent> {
            let then = self.as_of(namespace, Some(number))?;
            let mut keys = Vec::new();
            let mut has_more = false;
            for key in then.keys(prefix, after)? {
                if keys.len() == limit {
                    has_more = true;
                    break;
                }
                let key = key?;
                let stored = then.stored(&key)?;
                let shape = |print: &[u8; 8]| then.shape(print);
                keys.push(ShownKey {
                    value: shown_as(&stored, shape)?.unwrap_or_default(),
                    due_ms: stored.due_ms,
                    key,
                });
            }
            Ok(ShownState {
                commit: then.number,
                bytes: 0,
                keys,
                has_more,
            })
        };
        read().map_err(Absent::told)
    }

    pub(super) fn state_difference(
        &self,
        namespace: &Namespace,
        span: Span,
    ) -> Result<ShownDifference, Failure> {
        let read = || -> Result<ShownDifference, Absent> {
            let (from, to) = match span {
                Span::Between(from, to) => (from, to),
                Span::Run(run) => {
                    let commits = self.states.history(namespace, u64::MAX, usize::MAX)?;
                    let found = commits.iter().find(|past| past.run == Some(run));
                    let number = found.ok_or(Absent::Run(run))?.number;
                    (number - 1, number)
                }
            };
            let one = self.as_of(namespace, Some(from))?;
            let other = self.as_of(namespace, Some(to))?;
            let shape = |print: &[u8; 8]| other.shape(print);
            let mut keys = Vec::new();
            for key in one.changed_but_in(&other) {
                let (before, after) = (one.stored(key)?, other.stored(key)?);
                if before.row != after.row {
                    keys.push((
                        key.clone(),
                        shown_as(&before, shape)?,
                        shown_as(&after, shape)?,
                    ));
                }
            }
            Ok(ShownDifference { from, to, keys })
        };
        read().map_err(Absent::told)
    }

    pub(super) fn state_root(
        &self,
        namespace: &Namespace,
        number: Option<u64>,
    ) -> Result<StateRoot, Failure> {
        let read = || -> Result<StateRoot, Absent> {
            let then = self.as_of(namespace, number)?;
            Ok(StateRoot {
                line: then.line,
                number: then.number,
                root: then.root()?,
            })
        };
        read().map_err(Absent::told)
    }

    pub(super) fn export_state(
        &self,
        namespace: &Namespace,
        number: Option<u64>,
    ) -> Result<Bytes, Failure> {
        let read = || -> Result<Export, Absent> {
            let then = self.as_of(namespace, number)?;
            let mut export = Export {
                namespace: namespace.clone(),
                line: then.line,
                number: then.number,
                time_ms: then.time_ms,
                shapes: Shapes::new(),
                keys: Default::default(),
            };
            for key in then.keys("", None)? {
                let key = key?;
                let stored = then.stored(&key)?;
                let value = stored.row.as_ref().map_or(&[][..], |row| row.value());
                // Shapes of values that are gone stay behind.
                if let Some(fingerprint) = value.first_chunk::<8>()
                    && !export.shapes.contains_key(fingerprint)
                    && blind_shape(fingerprint).is_none()
                    && let Some(shape) = then.shape(fingerprint)?
                {
                    export.shapes.insert(*fingerprint, shape);
                }
                export.keys.insert(key, stored);
            }
            Ok(export)
        };
        let export = read().map_err(Absent::told)?;
        Ok(Bytes::from(export.encode()))
    }

    pub(super) async fn import_state(
        &self,
        namespace: &Namespace,
        file: &[u8],
        replaces: bool,
    ) -> Result<ImportedState, Failure> {
        self.admit()?;
        let export = Export::decode(file).map_err(|error| {
            Failure::new(
                FailureCode::BadRequest,
                "the state was not imported",
                error.to_string(),
            )
            .hint("nothing was changed; `copc state export` writes such files")
        })?;
        let run = new_run_id()?;
        // A line is named by chance, so that the same backup restored twice begins two lines.
        let mut line = Line::default();
        let chance = new_run_id()?;
        line.0.copy_from_slice(&chance.0[..8]);
        let imported =
            self.states
                .import(namespace, &export, (run, line), replaces, system_now_ms());
        match imported {
            Ok(Imported::Accepted {
                sequence,
                number,
                keys,
            }) => {
                let durable = self.states.durable(sequence).await;
                durable.map_err(|error| store_failure(&error))?;
                Ok(ImportedState { line, number, keys })
            }
            Ok(Imported::Taken) => Err(Failure::new(
                FailureCode::Conflict,
                "the program has a state already",
                format!(
                    "`{}` keeps something, and an import would replace it",
                    namespace.name
                ),
            )
            .hint("nothing was changed; export it first, then import with --replace")),
            Ok(Imported::Quota { bytes }) => Err(Failure::new(
                FailureCode::Quota,
                "the program's store would be too full",
                format!(
                    "it would have {bytes} bytes, at most {} are allowed",
                    self.config.state_quota_bytes
                ),
            )
            .hint("nothing was changed")),
            Err(CommitError::Busy) => Err(overloaded("too many changes wait to be written")),
            Err(CommitError::Store(error)) => Err(store_failure(&error)),
        }
    }
}

impl super::Execution {
    /// The durable state of a program behind a commit: at most `limit` keys that begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// There is no such commit, too little is kept of what was changed since, or the store cannot be read.
    pub fn state_at(
        &self,
        namespace: &Namespace,
        number: u64,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ShownState, Failure> {
        let part = (prefix, after, limit);
        self.shared.shown_state_at(namespace, number, part)
    }

    /// What differs between the states of a program behind two commits.
    ///
    /// # Errors
    /// As [`Execution::state_at`](super::Execution::state_at).
    pub fn state_difference(
        &self,
        namespace: &Namespace,
        span: Span,
    ) -> Result<ShownDifference, Failure> {
        self.shared.state_difference(namespace, span)
    }

    /// The root of a program's durable state behind a commit, or behind the last. It is kept for each thousandth commit where these are not too many, and
    /// added up for any other, which takes time with the number of keys.
    ///
    /// # Errors
    /// As [`Execution::state_at`](super::Execution::state_at).
    pub async fn state_root(
        &self,
        namespace: &Namespace,
        number: Option<u64>,
    ) -> Result<StateRoot, Failure> {
        let (shared, namespace) = (self.shared.clone(), namespace.clone());
        let work = move || shared.state_root(&namespace, number);
        let read = tokio::task::spawn_blocking(work).await;
        read.unwrap_or_else(|_| Err(broken()))
    }

    /// A program's durable state behind a commit, or behind the last, as a file ([`Export`]).
    ///
    /// # Errors
    /// As [`Execution::state_at`](super::Execution::state_at).
    pub async fn export_state(
        &self,
        namespace: &Namespace,
        number: Option<u64>,
    ) -> Result<Bytes, Failure> {
        let (shared, namespace) = (self.shared.clone(), namespace.clone());
        let work = move || shared.export_state(&namespace, number);
        let read = tokio::task::spawn_blocking(work).await;
        read.unwrap_or_else(|_| Err(broken()))
    }

    /// Makes a program's state what such a file holds, and begins a new line with it. What it held before goes only if
    /// `replaces`. It is on disk when this returns.
    ///
    /// # Errors
    /// `bad_request` for another file, `conflict` if there is a state already, `quota`, or the store cannot.
    pub async fn import_state(
        &self,
        namespace: &Namespace,
        file: &[u8],
        replaces: bool,
    ) -> Result<ImportedState, Failure> {
        self.shared.import_state(namespace, file, replaces).await
    }
}
