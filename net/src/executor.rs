//! What can answer: the part of an execution system that the communication system uses.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use cop_runtime::receipt::opened::OpenedReceipt;
use cop_runtime::{
    Address, Asset, Execution, Failure, Hash, Health, KeptRun, MadeBackup, Namespace, Opener,
    ProgramListing, ProgramName, ProgramRef, PublicKey, Published, RecordedRun, ReleaseInfo,
    Remembered, RunId, ShownCommit, ShownMessage, ShownState, WebAnswer, WebRequest,
};

use crate::states::StateKeeper;

/// A result under way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// An execution system as seen from outside: it keeps programs and runs them.
///
/// [`Execution`] is the one of this process; with split roles there will be one behind a connection, and tests have their own.
pub trait Executor: Send + Sync {
    /// Answers a web request with a program.
    fn run_web<'a>(
        &'a self,
        program: &'a ProgramRef,
        request: WebRequest,
    ) -> Pending<'a, WebAnswer>;

    /// A file of a program that is served without running it, by its path below `assets/`; `None` if it has no such file.
    fn asset<'a>(&'a self, program: &'a ProgramRef, path: &'a str) -> Pending<'a, Option<Asset>>;

    /// Stores a signed release with its bundle, or nothing of it.
    fn publish<'a>(&'a self, release: &'a [u8], bundle: &'a [u8]) -> Pending<'a, Published>;

    /// The published programs, of one publisher or of all, sorted by address and name.
    ///
    /// # Errors
    /// The store cannot be read.
    fn programs(&self, address: Option<&Address>) -> Result<Vec<ProgramListing>, Failure>;

    /// The release with this number, or the newest; `None` if it is not stored.
    ///
    /// # Errors
    /// The store cannot be read.
    fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<ReleaseInfo>, Failure>;

    /// The signed release with this number, or the newest, as it was published; `None` if it is not stored.
    ///
    /// # Errors
    /// The store cannot be read.
    fn signed_release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<Bytes>, Failure>;

    /// The archive of a bundle; `None` if it is not stored. Bundles are large: this may take a while.
    fn bundle<'a>(&'a self, hash: &'a Hash) -> Pending<'a, Option<Bytes>>;

    /// What a program keeps: at most `limit` keys that begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// The store cannot be read.
    fn state(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ShownState, Failure>;

    /// What changed a program's state, newest first, from the commit before number `before` on.
    ///
    /// # Errors
    /// The store cannot be read.
    fn history(
        &self,
        namespace: &Namespace,
        before: u64,
        limit: usize,
    ) -> Result<Vec<ShownCommit>, Failure>;

    /// Undoes a commit; gives the number of the commit that does so.
    fn undo<'a>(&'a self, namespace: &'a Namespace, number: u64) -> Pending<'a, u64>;

    /// The state of a program as it was, as a difference, as a root and as a file.
    fn states(&self) -> Option<&dyn StateKeeper> {
        None
    }

    /// What is remembered of the newest release of a program. Where nothing is remembered there is none.
    ///
    /// # Errors
    /// There is no such program, or the store cannot be read.
    fn remembered(&self, namespace: &Namespace) -> Result<Option<Remembered>, Failure> {
        let _ = namespace;
        Ok(None)
    }

    /// The messages of a program: those on their way, then those that could not be delivered.
    ///
    /// # Errors
    /// The store cannot be read.
    fn messages(&self, namespace: &Namespace) -> Result<Vec<ShownMessage>, Failure>;

    /// Has a message that could not be delivered tried again; whether there is one of that name.
    fn retry_message<'a>(&'a self, namespace: &'a Namespace, id: &'a str) -> Pending<'a, bool>;

    /// The newest runs that are still remembered, newest first.
    fn newest_runs(&self, count: usize) -> Vec<KeptRun>;

    /// The record of a run that is still remembered, with the answers that are the asker's own if `with_private`.
    fn recorded_run(&self, run: &RunId, with_private: bool) -> Option<RecordedRun>;

    /// The receipt of a run that is still remembered, with what this opener may see. Where nothing is signed there is none.
    fn opened_receipt(&self, run: &RunId, opener: Opener) -> Option<OpenedReceipt> {
        let _ = (run, opener);
        None
    }

    /// Writes a backup of the store into the node's folder. Where nothing is kept on disk there is none.
    fn back_up<'a>(&'a self, with_key: bool) -> Pending<'a, Option<MadeBackup>> {
        let _ = with_key;
        Box::pin(async { Ok(None) })
    }

    /// The key that receipts are signed with.
    fn node_key(&self) -> Option<PublicKey> {
        None
    }

    /// Figures for the operator.
    fn health(&self) -> Health;
}

impl Executor for Execution {
    fn remembered(&self, namespace: &Namespace) -> Result<Option<Remembered>, Failure> {
        Execution::remembered(self, namespace).map(Some)
    }

    fn states(&self) -> Option<&dyn StateKeeper> {
        Some(self)
    }

    fn run_web<'a>(
        &'a self,
        program: &'a ProgramRef,
        request: WebRequest,
    ) -> Pending<'a, WebAnswer> {
        Box::pin(Execution::run_web(self, program, request))
    }

    fn asset<'a>(&'a self, program: &'a ProgramRef, path: &'a str) -> Pending<'a, Option<Asset>> {
        Box::pin(Execution::asset(self, program, path))
    }

    fn publish<'a>(&'a self, release: &'a [u8], bundle: &'a [u8]) -> Pending<'a, Published> {
        Box::pin(Execution::publish(self, release, bundle))
    }

    fn programs(&self, address: Option<&Address>) -> Result<Vec<ProgramListing>, Failure> {
        Execution::programs(self, address)
    }

    fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<ReleaseInfo>, Failure> {
        Execution::release(self, address, name, number)
    }

    fn signed_release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<Bytes>, Failure> {
        Execution::signed_release(self, address, name, number)
    }

    fn bundle<'a>(&'a self, hash: &'a Hash) -> Pending<'a, Option<Bytes>> {
        Box::pin(Execution::bundle(self, hash))
    }

    fn state(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ShownState, Failure> {
        Execution::state(self, namespace, prefix, after, limit)
    }

    fn history(
        &self,
        namespace: &Namespace,
        before: u64,
        limit: usize,
    ) -> Result<Vec<ShownCommit>, Failure> {
        Execution::history(self, namespace, before, limit)
    }

    fn undo<'a>(&'a self, namespace: &'a Namespace, number: u64) -> Pending<'a, u64> {
        Box::pin(Execution::undo(self, namespace, number))
    }

    fn messages(&self, namespace: &Namespace) -> Result<Vec<ShownMessage>, Failure> {
        Execution::messages(self, namespace)
    }

    fn retry_message<'a>(&'a self, namespace: &'a Namespace, id: &'a str) -> Pending<'a, bool> {
        Box::pin(Execution::retry_message(self, namespace, id))
    }

    fn newest_runs(&self, count: usize) -> Vec<KeptRun> {
        Execution::newest_runs(self, count)
    }

    fn recorded_run(&self, run: &RunId, with_private: bool) -> Option<RecordedRun> {
        Execution::recorded_run(self, run, with_private)
    }

    fn opened_receipt(&self, run: &RunId, opener: Opener) -> Option<OpenedReceipt> {
        Execution::opened_receipt(self, run, opener)
    }

    fn back_up<'a>(&'a self, with_key: bool) -> Pending<'a, Option<MadeBackup>> {
        Box::pin(async move { Execution::back_up(self, with_key).await.map(Some) })
    }

    fn node_key(&self) -> Option<PublicKey> {
        Some(Execution::node_key(self))
    }

    fn health(&self) -> Health {
        Execution::health(self)
    }
}
