//! What a node remembers of a program, for its owner.

use super::Execution;
use super::web::ENTRY;
use crate::cache::{TreeFigures, TreeKey};
use crate::failure::{Failure, FailureCode};
use crate::store::outcomes::OutcomesKept;
use crate::store::state::Namespace;

/// What is remembered of the newest release of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The number of the release.
    pub release: u64,
    /// In memory. After a restart it is empty until somebody asks for the program.
    pub tree: TreeFigures,
    /// On disk.
    pub kept: OutcomesKept,
}

impl Execution {
    /// What is remembered of the newest release of a program.
    ///
    /// # Errors
    /// `no_such_program`, or the store cannot be read.
    pub fn remembered(&self, namespace: &Namespace) -> Result<Remembered, Failure> {
        let Namespace { address, name } = namespace;
        let newest = self.release(address, name, None)?.ok_or_else(|| {
            Failure::new(
                FailureCode::NoSuchProgram,
                "there is no such program here",
                format!("{address} has published nothing named `{name}` here"),
            )
        })?;
        let key = TreeKey {
            program: newest.package_hash,
            entry: ENTRY,
        };
        Ok(Remembered {
            release: newest.number,
            tree: self.shared.cache.figures(&key),
            kept: self.read(|store| store.outcomes_kept(&key.program, key.entry))?,
        })
    }
}
