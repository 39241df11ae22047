//! Files of bundles that are served as they are, kept in memory as long as there is room.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use cop_bytecode::Hash;

use crate::store::{Store, StoreError};

/// Files that are larger are read from the store each time.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// A file of a bundle that is served without running code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The hash of its content, see [`crate::bundle::file_hash`].
    pub hash: Hash,
    /// Its content.
    pub content: Bytes,
}

/// The files that were asked for lately; the one asked for longest ago goes first.
pub struct Assets {
    budget_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    files: HashMap<Hash, (Bytes, u64)>,
    bytes: usize,
    uses: u64,
}

impl Assets {
    /// None yet.
    pub fn new(budget_bytes: usize) -> Assets {
        Assets {
            budget_bytes,
            kept: Mutex::default(),
        }
    }

    /// A file, if it is in memory.
    pub fn in_memory(&self, hash: &Hash) -> Option<Asset> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        let (content, used_at) = kept.files.get_mut(hash)?;
        *used_at = now;
        Some(Asset {
            hash: *hash,
            content: content.clone(),
        })
    }

    /// Reads a file from the store, and keeps it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load(&self, store: &Store, hash: &Hash) -> Result<Option<Asset>, StoreError> {
        let Some(content) = store.blob(hash)?.map(Bytes::from) else {
            return Ok(None);
        };
        self.keep(*hash, content.clone());
        Ok(Some(Asset {
            hash: *hash,
            content,
        }))
    }

    fn keep(&self, hash: Hash, content: Bytes) {
        if content.len() > KEPT_BYTES_MAX.min(self.budget_bytes) {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        kept.bytes += content.len();
        if let Some((before, _)) = kept.files.insert(hash, (content, now)) {
            kept.bytes -= before.len();
        }
        while kept.bytes > self.budget_bytes {
            let oldest = kept.files.iter().min_by_key(|(_, (_, used_at))| *used_at);
            let Some(oldest) = oldest.map(|(hash, _)| *hash) else {
                break;
            };
            if let Some((content, _)) = kept.files.remove(&oldest) {
                kept.bytes -= content.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let assets = Assets::new(10);
        let hash = |number| Hash([number; 32]);
        for number in 0..3 {
            assets.keep(hash(number), Bytes::from(vec![number; 4]));
            assert!(assets.in_memory(&hash(0)).is_some());
        }
        let known = [0, 1, 2].map(|number| assets.in_memory(&hash(number)).is_some());
        assert_eq!(known, [true, false, true]);
        // The same again takes no more room; what is larger than all of it is not kept.
        for _ in 0..9 {
            assets.keep(hash(2), Bytes::from(vec![2; 4]));
        }
        assets.keep(hash(9), Bytes::from(vec![9; 11]));
        let known = [0, 2, 9].map(|number| assets.in_memory(&hash(number)).is_some());
        assert_eq!(known, [true, true, false]);
    }
}
