//! Taking away what nothing names any more: bundles that no release has, and files that no bundle has.
//!
//! A publication is one transaction, so none are left behind in the usual course; they come from repairs, and from releases that an
//! operator takes away. Signed releases themselves stay: they prove which number follows which.

use std::collections::HashSet;

use redb::ReadableTable;

use super::programs::{BundleList, stored_release};
use super::{BLOBS, BUNDLES, RELEASES, Store, StoreError};

/// Most bundles or files that one transaction takes away, so that none holds up the others for long.
const AT_ONCE: usize = 1_000;

/// What was taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Bundles that no release names.
    pub bundles: u64,
    /// Files that no bundle has.
    pub files: u64,
    /// Bytes of both.
    pub bytes: u64,
}

impl Store {
    /// Takes away bundles that no release names, and then files that no bundle has. Where a release or a bundle cannot be read
    /// nothing is taken away: what it names is not known.
    pub fn collect_garbage(&self) -> Result<Collected, StoreError> {
        let mut collected = Collected::default();
        loop {
            let (bundles, bytes) = self.collect_bundles()?;
            collected.bundles += bundles;
            collected.bytes += bytes;
            if bundles < AT_ONCE as u64 {
                break;
            }
        }
        loop {
            let (files, bytes) = self.collect_files()?;
            collected.files += files;
            collected.bytes += bytes;
            if files < AT_ONCE as u64 {
                return Ok(collected);
            }
        }
    }

    fn collect_bundles(&self) -> Result<(u64, u64), StoreError> {
        self.write(|write| {
            let mut named = HashSet::new();
            for row in write.open_table(RELEASES)?.iter()? {
                named.insert(stored_release(row?.1.value())?.release().bundle.0);
            }
            let mut bundles = write.open_table(BUNDLES)?;
            let mut unnamed = Vec::new();
            for row in bundles.iter()? {
                let (hash, list) = row?;
                if !named.contains(hash.value()) && unnamed.len() < AT_ONCE {
                    unnamed.push((*hash.value(), list.value().len() as u64));
                }
            }
            for (hash, _) in &unnamed {
                bundles.remove(hash)?;
            }
            let bytes = unnamed.iter().map(|(_, bytes)| bytes).sum();
            Ok((unnamed.len() as u64, bytes))
        })
    }

    fn collect_files(&self) -> Result<(u64, u64), StoreError> {
        self.write(|write| {
            let mut named = HashSet::new();
            for row in write.open_table(BUNDLES)?.iter()? {
                let list = BundleList::decode(row?.1.value()).ok_or_else(|| {
                    StoreError::Failed(
                        "a bundle's list in the store cannot be read; `copd fsck` says which"
                            .to_owned(),
                    )
                })?;
                named.extend(list.files.into_iter().map(|(_, hash)| hash.0));
            }
            let mut blobs = write.open_table(BLOBS)?;
            let mut unnamed = Vec::new();
            for row in blobs.iter()? {
                let (hash, content) = row?;
                if !named.contains(hash.value()) && unnamed.len() < AT_ONCE {
                    unnamed.push((*hash.value(), content.value().len() as u64));
                }
            }
            for (hash, _) in &unnamed {
                blobs.remove(hash)?;
            }
            let bytes = unnamed.iter().map(|(_, bytes)| bytes).sum();
            Ok((unnamed.len() as u64, bytes))
        })
    }
}
