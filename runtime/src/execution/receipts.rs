//! Receipts for those who ask for one, and what of them may be seen later.

use std::sync::Arc;

use super::Shared;
use crate::answer::RunId;
use crate::execution::target::Target;
use crate::execution::web::broken;
use crate::failure::{Failure, FailureCode};
use crate::host::world::store_failure;
use crate::receipt::asked::{GivenReceipt, ReceiptWanted};
use crate::receipt::leaves::{Salt, leaf_hashes, root};
use crate::receipt::opened::{OpenedReceipt, is_the_askers};
use crate::receipt::{CommitName, REVISION, Receipt, ReleaseName, StateSeen};
use crate::recorded::is_private;
use crate::run::RunRecord;
use crate::state::{Sequence, Snapshot};
use crate::store::StoreError;
use crate::store::state::Namespace;

/// Who wants to see what a receipt is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// Who was given the receipt, as its salt shows: he may see what he sent, and the time.
    Asker(Salt),
    /// The owner of the node: he may see all, and what is the asker's own only if he says so.
    Owner {
        /// Cookies, the `authorization` header and the body, too.
        with_private: bool,
    },
}

/// How much of the state a run has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The last commit of all that it rests on.
    pub(super) sequence: Sequence,
    /// The number of the last commit of its program's state, if that was asked for.
    commit: Option<u64>,
}

/// The numbers of the commits that a run saw last, and made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commits {
    read: u64,
    made: Option<u64>,
}

impl Seen {
    /// What was seen of a snapshot so far.
    pub(super) fn of(snapshot: Option<&Snapshot>, with_commit: bool) -> Result<Seen, Failure> {
        let Some(snapshot) = snapshot else {
            return Ok(Seen::default());
        };
        if !with_commit {
            return Ok(Seen {
                sequence: snapshot.seen(),
                commit: None,
            });
        }
        let head = snapshot.head().map_err(|error| store_failure(&error))?;
        Ok(Seen {
            // Whoever names a commit rests on it, also where nothing that it changed was read.
            sequence: snapshot.newest(),
            commit: Some(head.number),
        })
    }

    /// The same for a receipt, with the commit that was made.
    pub(super) fn commits(&self, made: Option<u64>) -> Option<Commits> {
        self.commit.map(|read| Commits { read, made })
    }
}

/// Most keys that are added up for the root in a receipt. Whoever can ask for a page can ask for one.
const ROOT_KEYS_MAX: usize = 4_096;

impl Shared {
    /// What a receipt says of commits that are durable. The root is left out where too many keys would have to be added up.
    pub(super) async fn state_seen(
        &self,
        namespace: &Namespace,
        commits: Commits,
        with_root: bool,
    ) -> Result<StateSeen, Failure> {
        let (states, namespace) = (self.states.clone(), namespace.clone());
        let look = move || {
            let name = |number| -> Result<CommitName, StoreError> {
                let line = states.line(&namespace, number)?;
                Ok(CommitName { line, number })
            };
            let then = match with_root {
                true => states.as_of(&namespace, Some(commits.read))?,
                false => None,
            };
            let root = then.map(|then| then.root_of_at_most(ROOT_KEYS_MAX));
            Ok(StateSeen {
                read: name(commits.read)?,
                root: root.transpose()?.flatten(),
                made: commits.made.map(name).transpose()?,
            })
        };
        let seen = match with_root {
            true => tokio::task::spawn_blocking(look)
                .await
                .map_err(|_| broken())?,
            false => look(),
        };
        seen.map_err(|error: StoreError| store_failure(&error))
    }

    /// Signs what came of a run for someone who asked for it.
    pub(super) fn receipt(
        &self,
        wanted: &ReceiptWanted,
        target: &Target,
        entry: &str,
        record: &RunRecord,
        state: Option<StateSeen>,
        now_ms: i64,
    ) -> Result<Arc<GivenReceipt>, Failure> {
        let salt = wanted.salt;
        let release = target.named.as_ref().zip(target.release_hash);
        let receipt = Receipt {
            network: self.config.network,
            edition: u64::from(cop_bytecode::limits::EDITION),
            revision: REVISION,
            program: target.ready.manifest.package,
            bundle: target.ready.bundle,
            release: release.map(|((address, name, number), hash)| ReleaseName {
                address: *address,
                name: name.clone(),
                number: *number,
                hash,
            }),
            entry: entry.to_owned(),
            limits: target.limits,
            transcript: root(&leaf_hashes(&record.transcript, &salt)),
            outcome: record.outcome_hash(),
            fuel_used: record.fuel_used,
            peak_memory_bytes: record.peak_memory_bytes,
            state,
            node: self.key.public(),
            time_ms: u64::try_from(now_ms).unwrap_or(0),
            nonce: wanted.nonce.clone(),
        };
        let signed = receipt.sign(&self.key).map_err(|error| {
            Failure::new(
                FailureCode::Internal,
                "the node could not make a receipt",
                error.to_string(),
            )
            .hint("ask again without `Cop-Verify`")
        })?;
        Ok(Arc::new(GivenReceipt { signed, salt }))
    }

    /// The receipt of a run that is still remembered, opened for someone; `None` if there is none for him.
    pub(super) fn opened_receipt(&self, run: &RunId, opener: Opener) -> Option<OpenedReceipt> {
        let kept = self.kept_runs.get(run)?;
        let given = kept.info.receipt.as_ref()?;
        match opener {
            // Hashes are compared, so the time it takes says nothing about the salt.
            Opener::Asker(salt) => (blake3::hash(&salt.0) == blake3::hash(&given.salt.0))
                .then(|| OpenedReceipt::of(given, &kept.record, is_the_askers)),
            Opener::Owner { with_private } => Some(OpenedReceipt::of(given, &kept.record, |q| {
                with_private || !is_private(q)
            })),
        }
    }
}
