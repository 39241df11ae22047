//! The packages of others that this machine has seen: releases and bundles, each in a file of its own.
//!
//! ```text
//!  bundles/HASH.copb                    an archive, by the hash of its bundle
//!  releases/ADDRESS/NAME@NUMBER.copr    a signed release
//! ```
//! Nothing in it is believed: a bundle is hashed and a signature checked each time they are read. What is damaged counts as
//! not there, and is fetched anew.

use std::io;
use std::path::{Path, PathBuf};

use cop_bytecode::Hash;
use cop_runtime::bundle::BUNDLE_BYTES_MAX;
use cop_runtime::release::RELEASE_BYTES_MAX;
use cop_runtime::{Address, Bundle, ProgramName, SignedRelease};

use crate::files::write_whole;

/// A folder of packages.
#[derive(Clone, Debug)]
pub struct PackageCache {
    folder: PathBuf,
}

impl PackageCache {
    /// The cache in this folder, which is made when something is kept.
    pub fn new(folder: PathBuf) -> PackageCache {
        PackageCache { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn bundle_path(&self, hash: &Hash) -> PathBuf {
        self.folder.join("bundles").join(format!("{hash}.copb"))
    }

    fn release_path(&self, address: &Address, name: &ProgramName, number: u64) -> PathBuf {
        let folder = self.folder.join("releases").join(address.to_string());
        folder.join(format!("{name}@{number}.copr"))
    }

    /// The bundle with this hash, if it is here and whole.
    pub fn bundle(&self, hash: &Hash) -> Option<Bundle> {
        let bytes = read_at_most(&self.bundle_path(hash), BUNDLE_BYTES_MAX)?;
        let bundle = Bundle::decode(&bytes).ok()?;
        (bundle.hash() == *hash).then_some(bundle)
    }

    /// The release with this number, if it is here and whole.
    pub fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: u64,
    ) -> Option<SignedRelease> {
        let path = self.release_path(address, name, number);
        let signed = SignedRelease::decode(&read_at_most(&path, RELEASE_BYTES_MAX)?).ok()?;
        let release = signed.release();
        let is_it =
            signed.address() == *address && release.name == *name && release.number == number;
        is_it.then_some(signed)
    }

    /// The number of the first release here that names this bundle.
    pub fn release_of(&self, address: &Address, name: &ProgramName, bundle: &Hash) -> Option<u64> {
        let folder = self.folder.join("releases").join(address.to_string());
        let files = std::fs::read_dir(folder).ok()?;
        let numbers = files.filter_map(|file| {
            let file = file.ok()?.file_name();
            let (own, number) = file.to_str()?.strip_suffix(".copr")?.split_once('@')?;
            (own == name.as_str()).then_some(number.parse().ok()?)
        });
        let is_it = |number: &u64| {
            let release = self.release(address, name, *number);
            release.is_some_and(|release| release.release().bundle == *bundle)
        };
        numbers.filter(is_it).min()
    }

    /// Keeps a bundle.
    ///
    /// # Errors
    /// Those of writing.
    pub fn keep_bundle(&self, bundle: &Bundle) -> io::Result<()> {
        write_whole(&self.bundle_path(&bundle.hash()), &bundle.encode())
    }

    /// Keeps a release.
    ///
    /// # Errors
    /// Those of writing.
    pub fn keep_release(&self, signed: &SignedRelease) -> io::Result<()> {
        let release = signed.release();
        let path = self.release_path(&signed.address(), &release.name, release.number);
        write_whole(&path, &signed.encode())
    }
}

/// A file's content, unless it is not there or cannot be what is wanted.
fn read_at_most(path: &Path, most: usize) -> Option<Vec<u8>> {
    let size = std::fs::metadata(path).ok()?.len();
    if size > most as u64 {
        return None;
    }
    std::fs::read(path).ok()
}
