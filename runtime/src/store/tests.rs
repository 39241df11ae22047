//! The store on disks that fail.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use cop_bytecode::Hash;
use redb::{Database, StorageBackend};

use super::gc::Collected;
use super::history::KeyChange;
use super::programs::PublishError;
use super::state::{Commit, Head, Namespace, Row, Shapes, Stored};
use super::writes::{Write, Writes};
use super::{Store, StoreError};
use crate::bundle::{Bundle, BundleParts, source_hash};
use crate::execution::OpenError;
use crate::keys::SecretKey;
use crate::manifest::{Manifest, ProgramKind};
use crate::release::{OutOfOrder, Release, SignedRelease, Standing};

/// A disk in memory that fails after so many writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    content: Arc<Mutex<Vec<u8>>>,
    /// Writes until the disk fails, and how it fails then.
    fails: Arc<Mutex<Option<(u64, io::ErrorKind)>>>,
}

impl Disk {
    pub(crate) fn fail_after(&self, writes: u64, kind: io::ErrorKind) {
        *self.fails.lock().unwrap() = Some((writes, kind));
    }

    pub(crate) fn repair(&self) {
        *self.fails.lock().unwrap() = None;
    }

    fn has_failed(&self) -> bool {
        matches!(*self.fails.lock().unwrap(), Some((0, _)))
    }

    fn write_allowed(&self) -> io::Result<()> {
        match &mut *self.fails.lock().unwrap() {
            Some((0, kind)) => Err((*kind).into()),
            Some((writes, _)) => {
                *writes -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = self.content.lock().unwrap();
        let begin = offset as usize;
        let part = content.get(begin..begin + out.len());
        out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.write_allowed()?;
        self.content.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.write_allowed()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_allowed()?;
        let mut content = self.content.lock().unwrap();
        let begin = offset as usize;
        content[begin..begin + data.len()].copy_from_slice(data);
        Ok(())
    }
}

pub(crate) fn open(disk: &Disk) -> Result<Store, OpenError> {
    let database = Database::builder()
        .create_with_backend(disk.clone())
        .map_err(|error| {
            super::open_error(Path::new("memory"), Path::new("memory"), error.into())
        })?;
    Store::with_database(database, Path::new("memory"), None)
}

pub(super) fn key() -> SecretKey {
    SecretKey::from_bytes(&[1; 32]).unwrap()
}

/// A bundle with a big asset, so that storing it takes many writes.
pub(super) fn bundle(asset: u8) -> Bundle {
    let asset: Vec<u8> = (0..100_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 ^ asset)
        .collect();
    Bundle::build(BundleParts {
        manifest: Manifest {
            name: "p".parse().unwrap(),
            kind: ProgramKind::Web,
            package: Hash([1; 32]),
            capabilities: vec![],
            origins: Vec::new(),
            records_runs: true,
            fuel: 1,
            memory_bytes: 1,
            compiler: "test".to_owned(),
            sources: source_hash([]),
        },
        interface: vec![],
        code: vec![],
        source_map: vec![],
        sources: BTreeMap::new(),
        assets: BTreeMap::from([("a".to_owned(), asset)]),
    })
    .unwrap()
}

pub(super) fn release(bundle: &Bundle, number: u64, previous: Option<Hash>) -> SignedRelease {
    Release {
        network: Hash([0; 32]),
        key: key().public(),
        name: "p".parse().unwrap(),
        number,
        bundle: bundle.hash(),
        package: Hash([1; 32]),
        previous,
        time_ms: 0,
        capabilities: vec![],
        fuel: 1,
        memory_bytes: 1,
        homes: vec![],
    }
    .sign(&key())
    .unwrap()
}

pub(crate) fn namespace() -> Namespace {
    Namespace {
        address: key().public().address(),
        name: "p".parse().unwrap(),
    }
}

pub(crate) fn writes(pairs: &[(&str, Option<&[u8]>)]) -> Writes {
    pairs
        .iter()
        .map(|(key, value)| {
            let write = value.map_or(Write::Remove, Write::put);
            ((*key).to_owned(), write)
        })
        .collect()
}

/// Makes a commit durable that sets one key.
fn set(store: &Store, key: &str, value: &[u8]) -> Result<(), StoreError> {
    let after = Stored {
        row: Some(Row::of(value)),
        due_ms: None,
    };
    let change = KeyChange {
        before: Stored::default(),
        after,
    };
    let commit = Commit {
        namespace: namespace(),
        head: Head::default(),
        run: None,
        keys: BTreeMap::from([(key.to_owned(), change)]),
        shapes: Shapes::new(),
        line: None,
    };
    store.apply(&[commit], 1 << 20)
}

/// Wherever the disk fails while something is published, opening it again shows all of it or nothing.
#[test]
fn a_publication_is_whole_or_absent() {
    let (first, second) = (bundle(0), bundle(1));
    let signed = release(&first, 1, None);
    let next = release(&second, 2, Some(signed.hash()));
    let template = Disk::default();
    open(&template)
        .unwrap()
        .publish(&signed, &first, u64::MAX)
        .unwrap();
    let address = signed.address();
    let name = "p".parse().unwrap();
    let mut outcomes = [0, 0];
    for allowed in 0.. {
        let disk = Disk::default();
        *disk.content.lock().unwrap() = template.content.lock().unwrap().clone();
        let store = open(&disk).unwrap();
        disk.fail_after(allowed, io::ErrorKind::StorageFull);
        let published = store.publish(&next, &second, u64::MAX);
        let failed = disk.has_failed();
        if let Err(error) = &published {
            assert!(
                matches!(error, PublishError::Store(StoreError::Full(_))),
                "{error:?}"
            );
        }
        drop(store);
        disk.repair();
        let store = open(&disk).unwrap();
        let newest = store.release(&address, &name, None).unwrap().unwrap();
        let number = newest.signed.release().number;
        if published.is_ok() {
            assert_eq!(number, 2, "an acknowledged release is there");
        }
        outcomes[number as usize - 1] += 1;
        assert_eq!(store.bundle(&first.hash()).unwrap(), Some(first.clone()));
        let expected = (number == 2).then(|| second.clone());
        assert_eq!(store.bundle(&second.hash()).unwrap(), expected);
        assert_eq!(store.programs(None).unwrap()[0].releases, number);
        if !failed {
            break;
        }
    }
    assert!(outcomes[0] > 5 && outcomes[1] > 0, "{outcomes:?}");
}

#[test]
fn after_a_failure_the_store_says_so() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    set(&store, "a", b"1").unwrap();
    disk.fail_after(0, io::ErrorKind::StorageFull);
    let full = set(&store, "a", b"2").unwrap_err();
    assert!(matches!(full, StoreError::Full(_)), "{full:?}");
    disk.repair();
    let later = set(&store, "a", b"3").unwrap_err();
    assert!(matches!(later, StoreError::Failed(_)), "{later:?}");
    assert!(later.to_string().contains("restart the node"), "{later}");
    assert!(!store.is_writable());
    drop(store);
    let base = open(&disk).unwrap().base().unwrap();
    assert_eq!(base.get(&namespace(), "a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_read_only_disk_is_named() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    disk.fail_after(0, io::ErrorKind::ReadOnlyFilesystem);
    let error = set(&store, "a", b"2").unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error:?}");
    drop(store);
    assert!(matches!(open(&disk), Err(OpenError::Folder { .. })));
}

#[test]
fn garbage_and_newer_stores_are_refused() {
    let disk = Disk::default();
    *disk.content.lock().unwrap() = (0..50_000u32).map(|n| (n * 7) as u8).collect();
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");

    let disk = Disk::default();
    let store = open(&disk).unwrap();
    store
        .write::<_, StoreError>(|write| {
            write
                .open_table(super::META)?
                .insert("version", &9u32.to_le_bytes()[..])?;
            Ok(())
        })
        .unwrap();
    drop(store);
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Newer {
                found: 9,
                known: 1,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_share_is_kept_and_files_count_once() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let (first, second) = (bundle(0), bundle(1));
    let signed = release(&first, 1, None);
    let refused = store.publish(&signed, &first, 90_000);
    assert!(
        matches!(refused, Err(PublishError::Share { limit: 90_000, .. })),
        "{refused:?}"
    );
    assert_eq!(store.programs(None).unwrap().len(), 0);
    assert_eq!(store.bundle(&first.hash()).unwrap(), None);

    assert_eq!(
        store.publish(&signed, &first, 110_000).unwrap(),
        Standing::Next
    );
    assert_eq!(
        store.publish(&signed, &first, 110_000).unwrap(),
        Standing::Already
    );
    // The same bundle again under the next number takes no room.
    let again = release(&first, 2, Some(signed.hash()));
    assert_eq!(
        store.publish(&again, &first, 110_000).unwrap(),
        Standing::Next
    );
    let third = release(&second, 3, Some(again.hash()));
    assert!(matches!(
        store.publish(&third, &second, 110_000),
        Err(PublishError::Share { .. })
    ));
    assert!(matches!(
        store.publish(&signed, &first, u64::MAX),
        Err(PublishError::Order(OutOfOrder::Stale { newest: 2 }))
    ));
}

#[test]
fn two_releases_of_one_number_are_evidence() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let (one, other) = (bundle(0), bundle(1));
    let (signed, contradicting) = (release(&one, 1, None), release(&other, 1, None));
    store.publish(&signed, &one, u64::MAX).unwrap();
    let (address, name) = (signed.address(), "p".parse().unwrap());
    assert_eq!(store.evidence(&address, &name, 1).unwrap(), None);
    let refused = store.publish(&contradicting, &other, u64::MAX);
    assert!(matches!(
        refused,
        Err(PublishError::Order(OutOfOrder::Contradiction { known })) if known == signed.hash()
    ));
    assert_eq!(
        store.evidence(&address, &name, 1).unwrap(),
        Some([signed.encode(), contradicting.encode()])
    );
    assert_eq!(store.bundle(&other.hash()).unwrap(), None);
}

#[test]
fn a_second_node_on_the_folder_is_refused_with_the_pid() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let error = Store::open(folder.path()).map(|_| ()).unwrap_err();
    let OpenError::InUse { pid, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(
        error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    drop(store);
    assert!(Store::open(folder.path()).is_ok());
}

#[test]
fn folders_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = Store::open(&file.join("below")).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");

    let damaged = folder.path().join("damaged");
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(damaged.join("store.redb"), vec![1; 10_000]).unwrap();
    let error = Store::open(&damaged).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");

    let read_only = folder.path().join("read-only");
    std::fs::create_dir(&read_only).unwrap();
    let mut permissions = std::fs::metadata(&read_only).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&read_only, permissions).unwrap();
    if std::fs::write(read_only.join("probe"), "").is_ok() {
        eprintln!("this user may write everywhere: a read-only folder is not tried");
        return;
    }
    let error = Store::open(&read_only).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
}

/// What a release names stays; what nothing names goes, and where that cannot be known nothing does.
#[test]
fn only_what_nothing_names_is_taken_away() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let (first, second) = (bundle(0), bundle(1));
    let signed = release(&first, 1, None);
    store.publish(&signed, &first, u64::MAX).unwrap();
    assert_eq!(store.collect_garbage().unwrap(), Collected::default());
    // A release that an operator took away, and a file that no bundle ever had.
    let next = release(&second, 2, Some(signed.hash()));
    store.publish(&next, &second, u64::MAX).unwrap();
    let address = signed.address();
    let change = |change: &dyn Fn(&redb::WriteTransaction) -> Result<(), StoreError>| {
        store.write::<_, StoreError>(change).unwrap();
    };
    change(&|write| {
        let mut releases = write.open_table(super::RELEASES)?;
        releases.remove((address.as_bytes(), "p", 2))?;
        let mut blobs = write.open_table(super::BLOBS)?;
        blobs.insert(&crate::bundle::file_hash(b"lost").0, &b"lost"[..])?;
        Ok(())
    });
    let collected = store.collect_garbage().unwrap();
    // The manifests and sources of both bundles are the same files; the asset is not.
    assert_eq!((collected.bundles, collected.files), (1, 2));
    assert!(collected.bytes > 100_000, "{collected:?}");
    assert_eq!(store.bundle(&first.hash()).unwrap(), Some(first.clone()));
    assert_eq!(store.bundle(&second.hash()).unwrap(), None);
    assert_eq!(store.collect_garbage().unwrap(), Collected::default());
    change(&|write| {
        let mut bundles = write.open_table(super::BUNDLES)?;
        bundles.insert(&first.hash().0, &[1, 2, 3][..])?;
        Ok(())
    });
    assert!(store.collect_garbage().is_err());
    assert!(store.is_writable());
}
