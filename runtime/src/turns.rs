//! Whose turn it is to change a namespace.
//!
//! Most runs that write commit side by side and are validated. A run that has lost that race again and again takes the namespace
//! for itself: while it runs and commits, nobody else commits there, so it cannot lose once more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::store::state::Namespace;

/// From this many namespaces on, those that nobody uses are forgotten.
const NAMESPACES_KEPT: usize = 1_024;

/// The turns of all namespaces.
#[derive(Debug, Default)]
pub struct Turns {
    namespaces: Mutex<HashMap<Namespace, Arc<RwLock<()>>>>,
}

impl Turns {
    fn of(&self, namespace: &Namespace) -> Arc<RwLock<()>> {
        let mut namespaces = self
            .namespaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if namespaces.len() >= NAMESPACES_KEPT {
            namespaces.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        namespaces.entry(namespace.clone()).or_default().clone()
    }

    /// Held while a run is committed among others.
    pub async fn shared(&self, namespace: &Namespace) -> OwnedRwLockReadGuard<()> {
        self.of(namespace).read_owned().await
    }

    /// Held by a run that has the namespace for itself. Those who ask get it in order of asking.
    pub async fn alone(&self, namespace: &Namespace) -> OwnedRwLockWriteGuard<()> {
        self.of(namespace).write_owned().await
    }
}
