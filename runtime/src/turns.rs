//! Whose turn it is to change a namespace.
//!
//! Most runs that write commit side by side and are validated. A run that has lost that race again and again takes the namespace
//! for itself: while it runs and commits, nobody else commits there, so it cannot lose once more. Requests like it take turns from
//! then on, so that they do not all run for nothing again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::store::state::Namespace;

/// From this many namespaces on, those that nobody uses are forgotten.
const NAMESPACES_KEPT: usize = 1_024;
/// After a lost race so many requests alike take turns before it is tried again whether they need to: trying costs a run for
/// nothing of each of them that is under way.
const TURNS_AFTER_LOSS: u32 = 16_384;
/// Most kinds of requests that take turns. Beyond them all begin anew side by side.
const CONTENDED_MAX: usize = 1_024;

/// The turns of all namespaces.
#[derive(Debug, Default)]
pub struct Turns {
    namespaces: Mutex<HashMap<Namespace, Arc<RwLock<()>>>>,
    /// How many more requests of a kind take turns, by namespace and what is alike.
    contended: Mutex<HashMap<(Namespace, String), u32>>,
}

impl Turns {
    fn of(&self, namespace: &Namespace) -> Arc<RwLock<()>> {
        let mut namespaces = locked(&self.namespaces);
        if namespaces.len() >= NAMESPACES_KEPT {
            namespaces.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        namespaces.entry(namespace.clone()).or_default().clone()
    }

    /// A run for a request of this kind has lost a race.
    pub fn lost(&self, namespace: &Namespace, kind: &str) {
        let mut contended = locked(&self.contended);
        if contended.len() >= CONTENDED_MAX {
            contended.clear();
        }
        contended.insert((namespace.clone(), kind.to_owned()), TURNS_AFTER_LOSS);
    }

    /// Whether a run for a request of this kind should have its namespace for itself from the start.
    pub fn is_contended(&self, namespace: &Namespace, kind: &str) -> bool {
        let mut contended = locked(&self.contended);
        if contended.is_empty() {
            return false;
        }
        let key = (namespace.clone(), kind.to_owned());
        match contended.get_mut(&key) {
            None => false,
            Some(0) => {
                contended.remove(&key);
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
        }
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

/// Both tables may be lost at any time without harm, so they are right whatever a holder that panicked has done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
