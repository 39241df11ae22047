//! Which release a name stands for, remembered between requests.
//!
//! The store has the truth; this saves reading and decoding it for every request. Only this process publishes to its store, so it
//! is enough to forget a name when something was published under it. A reader that was slower than a publication must not bring
//! the old release back: it keeps what it read only if nothing was published since it began ([`Heads::find`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::address::{Address, ProgramName};
use crate::release::SignedRelease;
use crate::store::{Store, StoreError};

const NAMES_MAX: usize = 4_096;

/// A publisher's name and a release number, or the newest.
pub type Wanted = (Address, ProgramName, Option<u64>);

/// The releases of names that were asked for.
#[derive(Debug, Default)]
pub struct Heads {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    releases: HashMap<Wanted, Arc<SignedRelease>>,
    /// Publications so far.
    published: u64,
}

impl Heads {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The release that is wanted, from memory or from the store.
    pub fn find(
        &self,
        store: &Store,
        wanted: &Wanted,
    ) -> Result<Option<Arc<SignedRelease>>, StoreError> {
        let published_before = {
            let known = self.known();
            if let Some(release) = known.releases.get(wanted) {
                return Ok(Some(release.clone()));
            }
            known.published
        };
        let (address, name, number) = wanted;
        let Some(found) = store.signed_release(address, name, *number)? else {
            return Ok(None);
        };
        let found = Arc::new(found);
        let mut known = self.known();
        if known.published == published_before {
            if known.releases.len() >= NAMES_MAX {
                known.releases.clear();
            }
            known.releases.insert(wanted.clone(), found.clone());
        }
        Ok(Some(found))
    }

    /// To be told after each publication.
    pub fn forget(&self, address: &Address, name: &ProgramName) {
        let mut known = self.known();
        known.published += 1;
        known.releases.remove(&(*address, name.clone(), None));
    }
}
