//! Bundles and releases on disk.

use cop_bytecode::Hash;
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::{BLOBS, BUNDLES, EVIDENCE, NAMESPACES, RECORDS, RELEASES, SHARES, Store, StoreError};
use crate::address::{Address, ProgramName};
use crate::bundle::{Bundle, MANIFEST};
use crate::codec::{Reader, Writer};
use crate::manifest::{Manifest, ProgramKind};
use crate::records::{Latest, RecordError, Revocation, Successor};
use crate::release::{OutOfOrder, SignedRelease, Standing, standing};

/// A release with what the store knows of its bundle.
#[derive(Clone, Debug)]
pub struct StoredRelease {
    /// The release.
    pub signed: SignedRelease,
    /// Size of the bundle's archive, in bytes.
    pub bundle_bytes: u64,
    /// What kind of program it is.
    pub kind: ProgramKind,
}

/// A name with its newest release.
#[derive(Clone, Debug)]
pub struct StoredProgram {
    /// The newest release.
    pub newest: StoredRelease,
    /// Releases of the name.
    pub releases: u64,
    /// Bytes of its state.
    pub state_bytes: u64,
}

/// Why a release was not stored.
#[derive(Debug)]
pub enum PublishError {
    /// It does not follow what is known.
    Order(OutOfOrder),
    /// The key has ended itself.
    Revoked(String),
    /// The publisher's share is used up.
    Share {
        /// Bytes that its bundles use.
        used: u64,
        /// Bytes that this one would add.
        added: u64,
        /// Bytes that it may use.
        limit: u64,
    },
    /// The store cannot.
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for PublishError {
    fn from(error: E) -> PublishError {
        PublishError::Store(error.into())
    }
}

/// Why a record was not kept.
#[derive(Debug)]
pub enum KeepError {
    /// It is not a record, or not signed.
    Record(RecordError),
    /// It belongs to another network.
    Network(Hash),
    /// The store cannot.
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for KeepError {
    fn from(error: E) -> KeepError {
        KeepError::Store(error.into())
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Failed(format!("{what} in the store cannot be read"))
}

pub(super) fn stored_release(bytes: &[u8]) -> Result<SignedRelease, StoreError> {
    SignedRelease::decode_stored(bytes).map_err(|_| damaged("a release"))
}

impl Store {
    /// Stores a release and its bundle, or nothing. Two releases of one number are kept as evidence of what the key did.
    pub fn publish(
        &self,
        signed: &SignedRelease,
        bundle: &Bundle,
        share_bytes: u64,
    ) -> Result<Standing, PublishError> {
        let archive = bundle.encode().len() as u64;
        self.check_room(archive)?;
        let address = signed.address();
        let release = signed.release();
        let key = (address.as_bytes(), release.name.as_str(), release.number);
        let result = self.write(|write| {
            let found = self.find_standing(write, signed)?;
            if found == Standing::Already {
                return Ok(found);
            }
            if let Some(reason) = revocation(write, &address)? {
                return Err(PublishError::Revoked(reason));
            }
            let added = insert_bundle(write, bundle, archive)?;
            let mut shares = write.open_table(SHARES)?;
            let used = shares
                .get(address.as_bytes())?
                .map_or(0, |used| used.value());
            if used.saturating_add(added) > share_bytes {
                return Err(PublishError::Share {
                    used,
                    added,
                    limit: share_bytes,
                });
            }
            shares.insert(address.as_bytes(), used + added)?;
            write
                .open_table(RELEASES)?
                .insert(key, signed.encode().as_slice())?;
            Ok(found)
        });
        if let Err(PublishError::Order(OutOfOrder::Contradiction { .. })) = result {
            self.keep_evidence(signed)?;
        }
        result
    }

    fn find_standing(
        &self,
        write: &WriteTransaction,
        signed: &SignedRelease,
    ) -> Result<Standing, PublishError> {
        let address = signed.address();
        let name = signed.release().name.as_str();
        let releases = write.open_table(RELEASES)?;
        let first = (address.as_bytes(), name, 0);
        let last = (address.as_bytes(), name, u64::MAX);
        let newest = match releases.range(first..=last)?.next_back() {
            Some(entry) => {
                let newest = stored_release(entry?.1.value())?;
                Some((newest.release().number, newest.hash()))
            }
            None => None,
        };
        let same = releases.get((address.as_bytes(), name, signed.release().number))?;
        let same_number = same
            .map(|bytes| stored_release(bytes.value()).map(|known| known.hash()))
            .transpose()?;
        standing(signed, newest, same_number).map_err(PublishError::Order)
    }

    /// Keeps both of two contradicting releases. Only the first such pair of a number is kept: one proves as much as many.
    fn keep_evidence(&self, signed: &SignedRelease) -> Result<(), PublishError> {
        let address = signed.address();
        let release = signed.release();
        let key = (address.as_bytes(), release.name.as_str(), release.number);
        self.write(|write| {
            let mut evidence = write.open_table(EVIDENCE)?;
            let releases = write.open_table(RELEASES)?;
            let is_first = evidence.get(key)?.is_none();
            if let (true, Some(known)) = (is_first, releases.get(key)?) {
                let mut both = Writer::new();
                both.bytes(known.value()).bytes(&signed.encode());
                evidence.insert(key, both.finish().as_slice())?;
            }
            Ok(())
        })
    }

    /// The two releases with this number that one key signed, if that ever happened here.
    pub fn evidence(
        &self,
        address: &Address,
        name: &ProgramName,
        number: u64,
    ) -> Result<Option<[Vec<u8>; 2]>, StoreError> {
        let table = self.begin_read()?.open_table(EVIDENCE)?;
        let Some(bytes) = table.get((address.as_bytes(), name.as_str(), number))? else {
            return Ok(None);
        };
        let mut reader = Reader::new(bytes.value());
        let mut part = || Some(reader.bytes().ok()?.to_vec());
        match (part(), part()) {
            (Some(one), Some(other)) => Ok(Some([one, other])),
            _ => Err(damaged("evidence")),
        }
    }

    /// The release with this number, or the newest of the name.
    pub fn signed_release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<SignedRelease>, StoreError> {
        let releases = self.begin_read()?.open_table(RELEASES)?;
        let at = |number| (address.as_bytes(), name.as_str(), number);
        let (first, last) = match number {
            Some(number) => (number, number),
            None => (0, u64::MAX),
        };
        match releases.range(at(first)..=at(last))?.next_back() {
            Some(entry) => Ok(Some(stored_release(entry?.1.value())?)),
            None => Ok(None),
        }
    }

    /// The same, with what is known of its bundle.
    pub fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<StoredRelease>, StoreError> {
        let signed = self.signed_release(address, name, number)?;
        signed.map(|signed| self.describe(signed)).transpose()
    }

    fn describe(&self, signed: SignedRelease) -> Result<StoredRelease, StoreError> {
        let list = self
            .bundle_list(&signed.release().bundle)?
            .ok_or_else(|| damaged("a release without its bundle"))?;
        let manifest = list.files.iter().find(|(path, _)| path == MANIFEST);
        let manifest = match manifest {
            Some((_, hash)) => self.blob(hash)?,
            None => None,
        };
        let manifest = manifest
            .and_then(|bytes| Manifest::decode(&bytes).ok())
            .ok_or_else(|| damaged("a manifest"))?;
        Ok(StoredRelease {
            signed,
            bundle_bytes: list.archive_bytes,
            kind: manifest.kind,
        })
    }

    /// All names with their newest release, of one publisher or of all, sorted by address and name.
    pub fn programs(&self, address: Option<&Address>) -> Result<Vec<StoredProgram>, StoreError> {
        let read = self.begin_read()?;
        let releases = read.open_table(RELEASES)?;
        let namespaces = read.open_table(NAMESPACES)?;
        let lowest = address.map_or([0; 20], |address| *address.as_bytes());
        let mut newest: Vec<(SignedRelease, u64)> = Vec::new();
        for entry in releases.range((&lowest, "", 0)..)? {
            let (key, bytes) = entry?;
            if address.is_some() && key.value().0 != &lowest {
                break;
            }
            let signed = stored_release(bytes.value())?;
            match newest.last_mut() {
                Some((known, count))
                    if known.release().key == signed.release().key
                        && known.release().name == signed.release().name =>
                {
                    *known = signed;
                    *count += 1;
                }
                _ => newest.push((signed, 1)),
            }
        }
        newest
            .into_iter()
            .map(|(signed, releases)| {
                let address = signed.address();
                let state = namespaces.get((address.as_bytes(), signed.release().name.as_str()))?;
                Ok(StoredProgram {
                    state_bytes: state.map_or(0, |state| state.value().1),
                    newest: self.describe(signed)?,
                    releases,
                })
            })
            .collect()
    }

    /// How many names and publishers there are.
    pub fn counts(&self) -> Result<(u64, u64), StoreError> {
        let read = self.begin_read()?;
        let publishers = read.open_table(SHARES)?.len()?;
        let releases = read.open_table(RELEASES)?;
        // Every name has exactly one release with number 1.
        let mut names = 0;
        for entry in releases.range::<(&[u8; 20], &str, u64)>(..)? {
            names += u64::from(entry?.0.value().2 == 1);
        }
        Ok((names, publishers))
    }

    /// A stored bundle.
    pub fn bundle(&self, hash: &Hash) -> Result<Option<Bundle>, StoreError> {
        let Some(list) = self.bundle_list(hash)? else {
            return Ok(None);
        };
        let mut files = Vec::with_capacity(list.files.len());
        for (path, hash) in list.files {
            let content = self.blob(&hash)?.ok_or_else(|| damaged("a file"))?;
            files.push((path, content));
        }
        let bundle = Bundle::from_contents(files).map_err(|_| damaged("a bundle"))?;
        // Files are named by their content: whatever the disk did to them shows here.
        if bundle.hash() != *hash {
            return Err(damaged("a bundle whose content changed"));
        }
        Ok(Some(bundle))
    }

    /// A file of some bundle, by the hash of its content.
    pub fn blob(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let blobs = self.begin_read()?.open_table(BLOBS)?;
        Ok(blobs.get(&hash.0)?.map(|bytes| bytes.value().to_vec()))
    }

    fn bundle_list(&self, hash: &Hash) -> Result<Option<BundleList>, StoreError> {
        let bundles = self.begin_read()?.open_table(BUNDLES)?;
        let Some(bytes) = bundles.get(&hash.0)? else {
            return Ok(None);
        };
        BundleList::decode(bytes.value())
            .map(Some)
            .ok_or_else(|| damaged("a bundle's list"))
    }

    /// Keeps a signed latest, successor or revocation of this network. Of several of one kind, key and name the newest stays.
    pub fn keep_record(&self, network: &Hash, bytes: &[u8]) -> Result<(), KeepError> {
        let (kind, of, address, name, time_ms) = read_record(bytes).map_err(KeepError::Record)?;
        if of != *network {
            return Err(KeepError::Network(of));
        }
        self.write(|write| {
            let mut records = write.open_table(RECORDS)?;
            let key = (kind, address.as_bytes(), name.as_str());
            let known = records
                .get(key)?
                .and_then(|known| Some(read_record(known.value()).ok()?.4));
            if known.is_none_or(|known| known < time_ms) {
                records.insert(key, bytes)?;
            }
            Ok(())
        })
    }

    /// The record of this kind (`latest`, `successor`, `revocation`). Only a latest has a name; for the others it is empty.
    pub fn record(
        &self,
        kind: &str,
        address: &Address,
        name: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let records = self.begin_read()?.open_table(RECORDS)?;
        let found = records.get((kind, address.as_bytes(), name))?;
        Ok(found.map(|bytes| bytes.value().to_vec()))
    }
}

/// Kind, network, whose, name and time of a record whose signatures are right.
pub(super) fn read_record(
    bytes: &[u8],
) -> Result<(&'static str, Hash, Address, String, u64), RecordError> {
    match bytes.get(..4) {
        Some(b"copl") => Latest::decode(bytes).map(|latest| {
            let name = latest.name.as_str().to_owned();
            (
                "latest",
                latest.network,
                latest.address,
                name,
                latest.time_ms,
            )
        }),
        Some(b"cops") => Successor::decode(bytes).map(|successor| {
            let address = successor.old.address();
            (
                "successor",
                successor.network,
                address,
                String::new(),
                successor.time_ms,
            )
        }),
        _ => Revocation::decode(bytes).map(|revocation| {
            let address = revocation.key.address();
            (
                "revocation",
                revocation.network,
                address,
                String::new(),
                revocation.time_ms,
            )
        }),
    }
}

fn revocation(write: &WriteTransaction, address: &Address) -> Result<Option<String>, StoreError> {
    let records = write.open_table(RECORDS)?;
    let found = records.get(("revocation", address.as_bytes(), ""))?;
    Ok(found.and_then(|bytes| Some(Revocation::decode(bytes.value()).ok()?.reason)))
}

/// Inserts what is missing of a bundle and says how many bytes that added.
fn insert_bundle(
    write: &WriteTransaction,
    bundle: &Bundle,
    archive_bytes: u64,
) -> Result<u64, StoreError> {
    let mut blobs = write.open_table(BLOBS)?;
    let mut added = 0;
    for (_, hash, content) in bundle.files() {
        if blobs.get(&hash.0)?.is_none() {
            blobs.insert(&hash.0, &content[..])?;
            added += content.len() as u64;
        }
    }
    let mut bundles = write.open_table(BUNDLES)?;
    if bundles.get(&bundle.hash().0)?.is_none() {
        let list = BundleList {
            archive_bytes,
            files: bundle
                .files()
                .map(|(path, hash, _)| (path.to_owned(), hash))
                .collect(),
        };
        let bytes = list.encode();
        added += bytes.len() as u64;
        bundles.insert(&bundle.hash().0, bytes.as_slice())?;
    }
    Ok(added)
}

/// The value of the table `bundles`.
pub(super) struct BundleList {
    archive_bytes: u64,
    pub(super) files: Vec<(String, Hash)>,
}

impl BundleList {
    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .count(self.archive_bytes)
            .count(self.files.len() as u64);
        for (path, hash) in &self.files {
            writer.text(path).raw(&hash.0);
        }
        writer.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<BundleList> {
        let mut reader = Reader::new(bytes);
        let archive_bytes = reader.count().ok()?;
        let count = reader.bounded_count().ok()?;
        let files = (0..count)
            .map(|_| Some((reader.text().ok()?.to_owned(), Hash(reader.array().ok()?))))
            .collect::<Option<_>>()?;
        reader.end().ok()?;
        Some(BundleList {
            archive_bytes,
            files,
        })
    }
}
