//! The store on disks that fail.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use cop_bytecode::Hash;
use redb::{Database, StorageBackend};

use super::programs::PublishError;
use super::state::{Change, Changed, Namespace, Shapes, StateView};
use super::writes::{Misfit, Write, Writes};
use super::{Store, StoreError};
use crate::bundle::{Bundle, BundleParts, source_hash};
use crate::execution::OpenError;
use crate::keys::SecretKey;
use crate::manifest::{Manifest, ProgramKind};
use crate::release::{OutOfOrder, Release, SignedRelease, Standing};

/// A disk in memory that fails after so many writes.
#[derive(Clone, Debug, Default)]
struct Disk {
    content: Arc<Mutex<Vec<u8>>>,
    /// Writes until the disk fails, and how it fails then.
    fails: Arc<Mutex<Option<(u64, io::ErrorKind)>>>,
}

impl Disk {
    fn fail_after(&self, writes: u64, kind: io::ErrorKind) {
        *self.fails.lock().unwrap() = Some((writes, kind));
    }

    fn repair(&self) {
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

fn open(disk: &Disk) -> Result<Store, OpenError> {
    let database = Database::builder()
        .create_with_backend(disk.clone())
        .map_err(|error| {
            super::open_error(Path::new("memory"), Path::new("memory"), error.into())
        })?;
    Store::with_database(database, Path::new("memory"), None)
}

fn key() -> SecretKey {
    SecretKey::from_bytes(&[1; 32]).unwrap()
}

/// A bundle with a big asset, so that storing it takes many writes.
fn bundle(asset: u8) -> Bundle {
    let asset: Vec<u8> = (0..100_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 ^ asset)
        .collect();
    Bundle::build(BundleParts {
        manifest: Manifest {
            name: "p".parse().unwrap(),
            kind: ProgramKind::Web,
            package: Hash([1; 32]),
            capabilities: vec![],
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

fn release(bundle: &Bundle, number: u64, previous: Option<Hash>) -> SignedRelease {
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

fn namespace() -> Namespace {
    Namespace {
        address: key().public().address(),
        name: "p".parse().unwrap(),
    }
}

fn writes(pairs: &[(&str, Option<&[u8]>)]) -> Writes {
    pairs
        .iter()
        .map(|(key, value)| {
            let write = value.map_or(Write::Remove, Write::put);
            ((*key).to_owned(), write)
        })
        .collect()
}

fn commit(store: &Store, writes: &Writes) -> Result<Changed, StoreError> {
    let mut changes = [Change {
        namespace: &namespace(),
        still_valid: &mut |_| Ok(true),
        writes,
        shapes: &Shapes::new(),
    }];
    Ok(store.commit_batch(&mut changes, 1 << 20, 0)?.remove(0))
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
    commit(&store, &writes(&[("a", Some(b"1"))])).unwrap();
    disk.fail_after(0, io::ErrorKind::StorageFull);
    let full = commit(&store, &writes(&[("a", Some(b"2"))])).unwrap_err();
    assert!(matches!(full, StoreError::Full(_)), "{full:?}");
    disk.repair();
    let later = commit(&store, &writes(&[("a", Some(b"3"))])).unwrap_err();
    assert!(matches!(later, StoreError::Failed(_)), "{later:?}");
    assert!(later.to_string().contains("restart the node"), "{later}");
    assert!(!store.is_writable());
    drop(store);
    let snapshot = open(&disk).unwrap().snapshot(&namespace()).unwrap();
    assert_eq!(snapshot.get("a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_read_only_disk_is_named() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    disk.fail_after(0, io::ErrorKind::ReadOnlyFilesystem);
    let error = commit(&store, &writes(&[("a", Some(b"2"))])).unwrap_err();
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
fn changes_of_a_batch_see_each_other() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let (one, two) = (
        writes(&[("n", Some(b"1"))]),
        writes(&[("n", Some(b"2")), ("m", None)]),
    );
    let unread = |view: &dyn StateView| Ok(view.get("n")?.is_none());
    let (mut first, mut second) = (unread, unread);
    let namespace = namespace();
    let mut changes = [
        Change {
            namespace: &namespace,
            still_valid: &mut first,
            writes: &one,
            shapes: &Shapes::new(),
        },
        Change {
            namespace: &namespace,
            still_valid: &mut second,
            writes: &two,
            shapes: &Shapes::new(),
        },
    ];
    let changed = store.commit_batch(&mut changes, 1 << 20, 0).unwrap();
    assert_eq!(changed, [Changed::Committed(1), Changed::Conflict]);
    let snapshot = store.snapshot(&namespace).unwrap();
    assert_eq!(snapshot.get("n").unwrap(), Some(b"1".to_vec()));
    assert_eq!(commit(&store, &two).unwrap(), Changed::Committed(2));
    assert_eq!(
        snapshot.get("n").unwrap(),
        Some(b"1".to_vec()),
        "a snapshot stays as it was"
    );
}

#[test]
fn identities_are_those_of_the_answers() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    for length in [0, 1, 30, 31, 32, 33, 1_000] {
        commit(&store, &writes(&[("k", Some(&vec![7; length]))])).unwrap();
        let snapshot = store.snapshot(&namespace()).unwrap();
        let value = snapshot.get("k").unwrap();
        assert_eq!(value, Some(vec![7; length]));
        let answer = super::state::get_answer(value.as_deref());
        let identity = crate::transcript::Identity::of(&answer);
        assert_eq!(snapshot.get_identity("k").unwrap(), identity, "{length}");
    }
    let absent = store
        .snapshot(&namespace())
        .unwrap()
        .get_identity("x")
        .unwrap();
    assert_eq!(absent, crate::transcript::Identity::of(&[0]));
}

#[test]
fn state_is_bounded_but_may_shrink() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let quota = |changes: &Writes, quota| {
        let mut changes = [Change {
            namespace: &namespace(),
            still_valid: &mut |_| Ok(true),
            writes: changes,
            shapes: &Shapes::new(),
        }];
        store
            .commit_batch(&mut changes, quota, 0)
            .unwrap()
            .remove(0)
    };
    let big = writes(&[("a", Some(&[0; 99])), ("b", Some(&[0; 99]))]);
    assert_eq!(quota(&big, 199), Changed::Quota { bytes: 200 });
    assert_eq!(quota(&big, 200), Changed::Committed(1));
    assert_eq!(quota(&writes(&[("b", None)]), 50), Changed::Committed(2));
    assert_eq!(
        quota(&writes(&[("c", Some(b""))]), 50),
        Changed::Quota { bytes: 101 }
    );
}

#[test]
fn scans_stay_inside_their_namespace() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    commit(
        &store,
        &writes(&[("a1", Some(b"")), ("a2", Some(b"")), ("b", Some(b""))]),
    )
    .unwrap();
    let mut other = namespace();
    other.name = "p2".parse().unwrap();
    let more = writes(&[("a3", Some(b""))]);
    let mut changes = [Change {
        namespace: &other,
        still_valid: &mut |_| Ok(true),
        writes: &more,
        shapes: &Shapes::new(),
    }];
    store.commit_batch(&mut changes, 1 << 20, 0).unwrap();
    let snapshot = store.snapshot(&namespace()).unwrap();
    let keys = |prefix, after, limit| snapshot.keys(prefix, after, limit).unwrap();
    assert_eq!(keys("", None, 9), ["a1", "a2", "b"]);
    assert_eq!(keys("a", None, 9), ["a1", "a2"]);
    assert_eq!(keys("a", Some("a1"), 9), ["a2"]);
    assert_eq!(keys("a", Some("A"), 1), ["a1"]);
    assert_eq!(keys("b", Some("c"), 9), Vec::<String>::new());
    assert_eq!(keys("", None, 0), Vec::<String>::new());
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

fn commit_at(store: &Store, now_ms: i64, pairs: &[(&str, Write)]) -> Changed {
    let writes = pairs
        .iter()
        .map(|(key, write)| ((*key).to_owned(), write.clone()))
        .collect();
    let mut changes = [Change {
        namespace: &namespace(),
        still_valid: &mut |_| Ok(true),
        writes: &writes,
        shapes: &Shapes::new(),
    }];
    let done = store.commit_batch(&mut changes, 1 << 20, now_ms);
    done.unwrap().remove(0)
}

fn put_for(value: &[u8], seconds: i64) -> Write {
    Write::Put {
        value: value.to_vec(),
        seconds: Some(seconds),
    }
}

#[test]
fn keys_go_when_their_time_is_over() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let get = |key: &str| store.snapshot(&namespace()).unwrap().get(key).unwrap();
    assert_eq!(store.next_due_ms().unwrap(), None);
    let first = [
        ("a", put_for(b"1", 10)),
        ("b", put_for(b"2", 20)),
        ("c", Write::put(*b"3")),
        ("d", put_for(b"4", i64::MAX)),
    ];
    assert_eq!(commit_at(&store, 1_000, &first), Changed::Committed(1));
    assert_eq!(store.next_due_ms().unwrap(), Some(11_000));

    // To the millisecond, and in commits of their own.
    store.expire(10_999).unwrap();
    assert_eq!(get("a"), Some(b"1".to_vec()));
    store.expire(11_000).unwrap();
    assert_eq!((get("a"), get("b")), (None, Some(b"2".to_vec())));
    assert_eq!(store.next_due_ms().unwrap(), Some(21_000));
    let keep = [("b", Write::put(*b"kept"))];
    assert_eq!(commit_at(&store, 12_000, &keep), Changed::Committed(3));
    assert_eq!(store.next_due_ms().unwrap(), Some(i64::MAX));

    // Whoever writes later than a key is due does not meet it; a clock that went back changes nothing.
    let again = [("e", put_for(b"5", 1))];
    assert_eq!(commit_at(&store, 5_000, &again), Changed::Committed(4));
    assert_eq!(store.next_due_ms().unwrap(), Some(13_000));
    let later = [("f", Write::put(*b"6"))];
    assert_eq!(commit_at(&store, 13_000, &later), Changed::Committed(6));
    assert_eq!((get("e"), get("b")), (None, Some(b"kept".to_vec())));
}

#[test]
fn a_run_that_read_a_key_that_has_gone_meets_a_conflict() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    commit_at(&store, 0, &[("a", put_for(b"1", 1))]);
    let writes = writes(&[("b", Some(b"2"))]);
    let mut changes = [Change {
        namespace: &namespace(),
        still_valid: &mut |view| Ok(view.get("a")?.is_some()),
        writes: &writes,
        shapes: &Shapes::new(),
    }];
    let done = store.commit_batch(&mut changes, 1 << 20, 1_000).unwrap();
    assert_eq!(done, [Changed::Conflict]);
}

#[test]
fn blind_changes_are_applied_to_what_is_there() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let get = |key: &str| store.snapshot(&namespace()).unwrap().get(key).unwrap();
    let one = [("n", Write::Add(2)), ("t", Write::Append("a".to_owned()))];
    assert_eq!(commit_at(&store, 0, &one), Changed::Committed(1));
    assert_eq!(commit_at(&store, 0, &one), Changed::Committed(2));
    assert_eq!(get("n"), Write::Add(4).applied(None).unwrap());
    let text = Write::Append("aa".to_owned()).applied(None).unwrap();
    assert_eq!(get("t"), text);
    // Of a run whose change does not fit nothing is applied.
    let bad = [("n", Write::Add(1)), ("t", Write::Add(1))];
    let misfit = Changed::Misfit {
        key: "t".to_owned(),
        misfit: Misfit::NoInt,
    };
    assert_eq!(commit_at(&store, 0, &bad), misfit);
    assert_eq!(get("n"), Write::Add(4).applied(None).unwrap());
    // A change does not make a key stay longer.
    let number = get("n").unwrap();
    commit_at(&store, 0, &[("m", put_for(&number, 1))]);
    commit_at(&store, 500, &[("m", Write::Add(1))]);
    assert_eq!(get("m"), Write::Add(5).applied(None).unwrap());
    store.expire(1_000).unwrap();
    assert_eq!(get("m"), None);
    // Two namespaces are due by themselves.
    let mut other = namespace();
    other.name = "q".parse().unwrap();
    let writes = [("m".to_owned(), put_for(b"1", 3))].into_iter().collect();
    let mut changes = [Change {
        namespace: &other,
        still_valid: &mut |_| Ok(true),
        writes: &writes,
        shapes: &Shapes::new(),
    }];
    store.commit_batch(&mut changes, 1 << 20, 1_000).unwrap();
    commit_at(&store, 1_000, &[("m", put_for(b"1", 2))]);
    assert_eq!(store.next_due_ms().unwrap(), Some(3_000));
    store.expire(3_000).unwrap();
    assert_eq!(get("m"), None);
    assert_eq!(store.next_due_ms().unwrap(), Some(4_000));
}

#[test]
fn a_shape_is_kept_once_and_counted() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let store_of = |writes: &Writes| {
        let shapes = Shapes::from([([7; 8], "Int".to_owned())]);
        let mut changes = [Change {
            namespace: &namespace(),
            still_valid: &mut |_| Ok(true),
            writes,
            shapes: &shapes,
        }];
        store.commit_batch(&mut changes, 10, 0).unwrap().remove(0)
    };
    let one = |key| writes(&[(key, Some(b"12".as_slice()))]);
    assert_eq!(
        store.snapshot(&namespace()).unwrap().shape(&[7; 8]),
        Ok(None)
    );
    assert_eq!(store_of(&one("a")), Changed::Committed(1));
    assert_eq!(store_of(&one("b")), Changed::Committed(2));
    assert_eq!(store_of(&one("c")), Changed::Quota { bytes: 12 });
    let snapshot = store.snapshot(&namespace()).unwrap();
    assert_eq!(snapshot.shape(&[7; 8]), Ok(Some("Int".to_owned())));
    assert_eq!(snapshot.shape(&[8; 8]), Ok(None));
}
