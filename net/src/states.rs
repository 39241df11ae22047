//! What is asked of the states of programs beside the usual: as they were, what differs, roots, and states on file.

use bytes::Bytes;
use cop_runtime::{
    Execution, Failure, ImportedState, Namespace, ShownDifference, ShownState, Span, StateRoot,
};

use crate::executor::Pending;

/// What is asked of the states of programs beside the usual. Where no states are kept there is none.
pub trait StateKeeper: Send + Sync {
    /// The durable state behind a commit: at most `limit` keys that begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// There is no such commit, too little is kept of what was changed since, or the store cannot be read.
    fn state_at(
        &self,
        namespace: &Namespace,
        number: u64,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ShownState, Failure>;

    /// What differs between two commits.
    ///
    /// # Errors
    /// As [`StateKeeper::state_at`].
    fn difference(&self, namespace: &Namespace, span: Span) -> Result<ShownDifference, Failure>;

    /// The root of the state behind a commit, or behind the last.
    fn root<'a>(&'a self, namespace: &'a Namespace, number: Option<u64>) -> Pending<'a, StateRoot>;

    /// The state behind a commit, or behind the last, as a file.
    fn export<'a>(&'a self, namespace: &'a Namespace, number: Option<u64>) -> Pending<'a, Bytes>;

    /// Makes the state what such a file holds; what was there before goes only if `replaces`.
    fn import<'a>(
        &'a self,
        namespace: &'a Namespace,
        file: &'a [u8],
        replaces: bool,
    ) -> Pending<'a, ImportedState>;
}

impl StateKeeper for Execution {
    fn state_at(
        &self,
        namespace: &Namespace,
        number: u64,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ShownState, Failure> {
        Execution::state_at(self, namespace, number, prefix, after, limit)
    }

    fn difference(&self, namespace: &Namespace, span: Span) -> Result<ShownDifference, Failure> {
        self.state_difference(namespace, span)
    }

    fn root<'a>(&'a self, namespace: &'a Namespace, number: Option<u64>) -> Pending<'a, StateRoot> {
        Box::pin(self.state_root(namespace, number))
    }

    fn export<'a>(&'a self, namespace: &'a Namespace, number: Option<u64>) -> Pending<'a, Bytes> {
        Box::pin(self.export_state(namespace, number))
    }

    fn import<'a>(
        &'a self,
        namespace: &'a Namespace,
        file: &'a [u8],
        replaces: bool,
    ) -> Pending<'a, ImportedState> {
        Box::pin(self.import_state(namespace, file, replaces))
    }
}
