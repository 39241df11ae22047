//! The order in which a node asks: itself, then nobody yet.

use std::sync::Arc;

use bytes::Bytes;
use cop_runtime::receipt::opened::OpenedReceipt;
use cop_runtime::{
    Address, AskPeers, Asset, Failure, FailureCode, Hash, Opener, ProgramListing, ProgramName,
    ProgramRef, PublicKey, ReleaseInfo, RunId, WebAnswer, WebRequest,
};

use crate::executor::Executor;

/// What a failure says was tried when only this node was.
const LOCAL: &str = "local";

/// The gateway's way to an answer. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Communication {
    own: Option<Arc<dyn Executor>>,
}

impl Communication {
    /// Asks this node's own execution system.
    pub fn with_own(own: Arc<dyn Executor>) -> Communication {
        Communication { own: Some(own) }
    }

    /// A node without an execution system. Until it has peers to ask, every question ends `unreachable`.
    pub fn without_own() -> Communication {
        Communication { own: None }
    }

    fn own(&self) -> Result<&Arc<dyn Executor>, Failure> {
        self.own.as_ref().ok_or_else(|| {
            Failure::new(
                FailureCode::Unreachable,
                "no node that may answer could be reached",
                "this node runs no programs itself and is connected to no node that does",
            )
            .hint("start the node with its execution system, or ask another node")
        })
    }

    /// Asks for the answer of a program to a web request.
    ///
    /// # Errors
    /// The failure of this node's own execution system. Where its code lets others be asked, `tried` says who was.
    pub async fn ask(
        &self,
        program: &ProgramRef,
        request: WebRequest,
    ) -> Result<WebAnswer, Failure> {
        match self.own()?.run_web(program, request).await {
            Err(failure) if failure.code.ask_peers() != AskPeers::No => Err(failure.tried(LOCAL)),
            answer => answer,
        }
    }

    /// A file of a program that is served without running it, by its path below `assets/`; `None` if it has no such file.
    ///
    /// # Errors
    /// `unreachable` without an execution system, or that one's failure.
    pub async fn asset(&self, program: &ProgramRef, path: &str) -> Result<Option<Asset>, Failure> {
        self.own()?.asset(program, path).await
    }

    /// The programs known to this node, of one publisher or of all, sorted by address and name.
    ///
    /// # Errors
    /// `unreachable` without an execution system, or that one's failure.
    pub fn programs(&self, address: Option<&Address>) -> Result<Vec<ProgramListing>, Failure> {
        self.own()?.programs(address)
    }

    /// The release with this number, or the newest; `None` if no release is known.
    ///
    /// # Errors
    /// `unreachable` without an execution system, or that one's failure.
    pub fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<ReleaseInfo>, Failure> {
        self.own()?.release(address, name, number)
    }

    /// The signed release with this number, or the newest, as it was published; `None` if no such release is known.
    ///
    /// # Errors
    /// `unreachable` without an execution system, or that one's failure.
    pub fn signed_release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<Bytes>, Failure> {
        self.own()?.signed_release(address, name, number)
    }

    /// The receipt of a run of this node, with what this opener may see; `None` if there is none for him.
    pub fn opened_receipt(&self, run: &RunId, opener: Opener) -> Option<OpenedReceipt> {
        self.own.as_ref()?.opened_receipt(run, opener)
    }

    /// The key that receipts of this node are signed with, if it runs programs itself.
    pub fn node_key(&self) -> Option<PublicKey> {
        self.own.as_ref()?.node_key()
    }

    /// The archive of a bundle; `None` if it is not known.
    ///
    /// # Errors
    /// `unreachable` without an execution system, or that one's failure.
    pub async fn bundle(&self, hash: &Hash) -> Result<Option<Bytes>, Failure> {
        self.own()?.bundle(hash).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cop_runtime::{
        Health, KeptRun, Namespace, Published, RecordedRun, RunId, ShownCommit, ShownMessage,
        ShownState,
    };

    use crate::executor::Pending;

    /// Knows no program.
    struct Empty(FailureCode);

    impl Executor for Empty {
        fn run_web<'a>(&'a self, _: &'a ProgramRef, _: WebRequest) -> Pending<'a, WebAnswer> {
            Box::pin(async { Err(Failure::new(self.0, "a test's failure", "nothing is here")) })
        }

        fn asset<'a>(&'a self, _: &'a ProgramRef, _: &'a str) -> Pending<'a, Option<Asset>> {
            Box::pin(async { Ok(None) })
        }

        fn publish<'a>(&'a self, _: &'a [u8], _: &'a [u8]) -> Pending<'a, Published> {
            Box::pin(async { Err(Failure::new(self.0, "a test's failure", "nothing is kept")) })
        }

        fn health(&self) -> Health {
            Health::default()
        }

        fn state(
            &self,
            _: &Namespace,
            _: &str,
            _: Option<&str>,
            _: usize,
        ) -> Result<ShownState, Failure> {
            Err(Failure::new(
                FailureCode::Internal,
                "a test's failure",
                "nothing is kept",
            ))
        }

        fn history(&self, _: &Namespace, _: u64, _: usize) -> Result<Vec<ShownCommit>, Failure> {
            Ok(Vec::new())
        }

        fn undo<'a>(&'a self, _: &'a Namespace, _: u64) -> Pending<'a, u64> {
            Box::pin(async {
                Err(Failure::new(
                    FailureCode::Internal,
                    "a test's failure",
                    "nothing is kept",
                ))
            })
        }

        fn messages(&self, _: &Namespace) -> Result<Vec<ShownMessage>, Failure> {
            Ok(Vec::new())
        }

        fn retry_message<'a>(&'a self, _: &'a Namespace, _: &'a str) -> Pending<'a, bool> {
            Box::pin(async { Ok(false) })
        }

        fn newest_runs(&self, _: usize) -> Vec<KeptRun> {
            Vec::new()
        }

        fn recorded_run(&self, _: &RunId, _: bool) -> Option<RecordedRun> {
            None
        }

        fn programs(&self, _: Option<&Address>) -> Result<Vec<ProgramListing>, Failure> {
            Ok(Vec::new())
        }

        fn release(
            &self,
            _: &Address,
            _: &ProgramName,
            _: Option<u64>,
        ) -> Result<Option<ReleaseInfo>, Failure> {
            Ok(None)
        }

        fn signed_release(
            &self,
            _: &Address,
            _: &ProgramName,
            _: Option<u64>,
        ) -> Result<Option<Bytes>, Failure> {
            Ok(None)
        }

        fn bundle<'a>(&'a self, _: &'a Hash) -> Pending<'a, Option<Bytes>> {
            Box::pin(async { Ok(None) })
        }
    }

    async fn failure(communication: Communication) -> Failure {
        let program = ProgramRef::Pinned(cop_runtime::Hash([7; 32]));
        communication
            .ask(&program, WebRequest::get("/"))
            .await
            .expect_err("nothing can answer")
    }

    #[tokio::test]
    async fn says_who_was_asked_where_others_might_have_known() {
        for code in FailureCode::ALL {
            let found = failure(Communication::with_own(Arc::new(Empty(*code)))).await;
            assert_eq!(found.code, *code);
            let expected: &[&str] = if code.ask_peers() == AskPeers::No {
                &[]
            } else {
                &["local"]
            };
            assert_eq!(found.tried, expected, "{code}");
        }
    }

    #[tokio::test]
    async fn without_an_execution_system_nobody_can_be_reached() {
        let found = failure(Communication::without_own()).await;
        assert_eq!(found.code, FailureCode::Unreachable);
    }
}
