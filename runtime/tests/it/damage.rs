//! What `fsck` says of stores that are damaged, and that nothing that is damaged is told as if it were right.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cop_runtime::WebRequest;
use cop_runtime::store::Store;
use cop_runtime::store::fsck::{Report, Severity, fsck};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::samples::Seed;
use crate::scripted::{Ask, Node, config, program, response};

type StateKey = (&'static [u8; 20], &'static str, &'static [u8]);
type DueKey = (&'static [u8; 20], &'static str, i64, &'static [u8]);

const FILE: &str = "store.redb";
const BLOBS: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("blobs");
const RELEASES: TableDefinition<(&[u8; 20], &str, u64), &[u8]> = TableDefinition::new("releases");
const STATE: TableDefinition<StateKey, &[u8]> = TableDefinition::new("state");
const HISTORY: TableDefinition<(&[u8; 20], &str, u64), &[u8]> = TableDefinition::new("history");
const DUE: TableDefinition<DueKey, ()> = TableDefinition::new("due");
const NAMESPACES: TableDefinition<(&[u8; 20], &str), (u64, u64)> =
    TableDefinition::new("namespaces");

fn script(ask: &mut Ask<'_>) -> Result<Vec<u8>, cop_runtime::engine::End> {
    let path = ask.path()?;
    if path == "/" {
        return Ok(response(200, &format!("{:?}", ask.keys("", 100)?)));
    }
    ask.set(&path, path.repeat(20).as_bytes())?;
    ask.set_for("soon", b"12345678", 1_000_000)?;
    ask.add("count", 1)?;
    Ok(response(200, "kept"))
}

/// A folder with two programs, three releases and a state with a history.
async fn folder() -> tempfile::TempDir {
    let node = Node::with_config(config());
    node.publish("one", &["kv"], script).await;
    node.publish("two", &["kv"], script).await;
    node.publish("two", &["kv"], script).await;
    for at in 0..6 {
        for name in ["one", "two"] {
            let asked = WebRequest::get(&format!("/{at}"));
            node.execution.run_web(&program(name), asked).await.unwrap();
        }
    }
    node.stop().await
}

fn change(folder: &Path, change: impl FnOnce(&WriteTransaction)) {
    let database = Database::create(folder.join(FILE)).unwrap();
    let write = database.begin_write().unwrap();
    change(&write);
    write.commit().unwrap();
}

fn first_of<K: redb::Key + 'static, V: redb::Value + 'static, T>(
    write: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
    of: impl FnOnce(K::SelfType<'_>, V::SelfType<'_>) -> T,
) -> T {
    let table = write.open_table(table).unwrap();
    let (key, value) = table.first().unwrap().unwrap();
    of(key.value(), value.value())
}

fn told(report: &Report) -> String {
    let findings = report.findings.iter().map(|finding| {
        let severity = finding.severity.as_str();
        format!("{severity} {}: {}\n", finding.place, finding.problem)
    });
    findings.collect()
}

#[tokio::test]
async fn a_sound_store_is_sound_and_left_as_it_is() {
    let folder = folder().await;
    let before = fs::read(folder.path().join(FILE)).unwrap();
    let report = fsck(folder.path()).unwrap();
    assert!(!report.is_damaged, "{}", told(&report));
    let damage = |finding: &&_| {
        matches!(
            finding,
            cop_runtime::store::fsck::Finding {
                severity: Severity::Damage,
                ..
            }
        )
    };
    assert_eq!(report.findings.iter().find(damage), None);
    assert_eq!((report.rows["releases"], report.rows["history"]), (3, 12));
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), before);
    // While a node has it, nobody else looks.
    let store = Store::open(folder.path()).unwrap();
    assert!(
        fsck(folder.path())
            .unwrap_err()
            .to_string()
            .contains("in use")
    );
    drop(store);
    let empty = tempfile::tempdir().unwrap();
    assert!(fsck(empty.path()).is_err());
    assert!(fsck(&empty.path().join("absent")).is_err());
}

/// A kind of damage: its name, how it is done, and what is said of it.
type Damage = (&'static str, fn(&WriteTransaction), &'static str);

#[tokio::test]
async fn each_kind_of_damage_is_named() {
    let kinds: [Damage; 10] = [
        (
            "a file changed",
            |write| {
                let (key, mut content) =
                    first_of(write, BLOBS, |key, value| (*key, value.to_vec()));
                content[0] ^= 1;
                write
                    .open_table(BLOBS)
                    .unwrap()
                    .insert(&key, &*content)
                    .unwrap();
            },
            "the content of this file is not what its name says",
        ),
        (
            "a file is gone",
            |write| {
                let key = first_of(write, BLOBS, |key, _| *key);
                write.open_table(BLOBS).unwrap().remove(&key).unwrap();
            },
            "is missing or damaged",
        ),
        (
            "a release changed",
            |write| {
                let (owner, name, mut bytes) = first_of(write, RELEASES, |key, value| {
                    (*key.0, key.1.to_owned(), value.to_vec())
                });
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                let mut releases = write.open_table(RELEASES).unwrap();
                releases
                    .insert((&owner, name.as_str(), 1), &*bytes)
                    .unwrap();
            },
            "one of cop1",
        ),
        (
            "a release is gone",
            |write| {
                let owner = first_of(write, RELEASES, |key, _| *key.0);
                write
                    .open_table(RELEASES)
                    .unwrap()
                    .remove((&owner, "two", 1))
                    .unwrap();
            },
            "release 1 is missing before it",
        ),
        (
            "a value changed",
            |write| {
                let (owner, key, mut row) = first_of(write, STATE, |key, value| {
                    (*key.0, key.2.to_vec(), value.to_vec())
                });
                let last = row.len() - 1;
                row[last] ^= 1;
                write
                    .open_table(STATE)
                    .unwrap()
                    .insert((&owner, "one", &*key), &*row)
                    .unwrap();
            },
            "the value is not what its hash says",
        ),
        (
            "a key is gone",
            |write| {
                let (owner, key) = first_of(write, STATE, |key, _| (*key.0, key.2.to_vec()));
                write
                    .open_table(STATE)
                    .unwrap()
                    .remove((&owner, "one", &*key))
                    .unwrap();
            },
            "does not hold what its last commit says",
        ),
        (
            "a commit is gone",
            |write| {
                let owner = first_of(write, HISTORY, |key, _| *key.0);
                write
                    .open_table(HISTORY)
                    .unwrap()
                    .remove((&owner, "one", 3))
                    .unwrap();
            },
            "commit 3 is missing before it",
        ),
        (
            "the last commit is gone",
            |write| {
                let owner = first_of(write, HISTORY, |key, _| *key.0);
                write
                    .open_table(HISTORY)
                    .unwrap()
                    .remove((&owner, "two", 6))
                    .unwrap();
            },
            "history: two of cop1",
        ),
        (
            "what is due is gone",
            |write| {
                let (owner, due, key) =
                    first_of(write, DUE, |key, ()| (*key.0, key.2, key.3.to_vec()));
                write
                    .open_table(DUE)
                    .unwrap()
                    .remove((&owner, "one", due, &*key))
                    .unwrap();
            },
            "it is not in the order of what is due",
        ),
        (
            "the head is wrong",
            |write| {
                let owner = first_of(write, NAMESPACES, |key, _| *key.0);
                let mut namespaces = write.open_table(NAMESPACES).unwrap();
                namespaces.insert((&owner, "one"), (6, 1)).unwrap();
            },
            "is said to have 1 bytes",
        ),
    ];
    let sound = folder().await;
    for (name, damage, expected) in kinds {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(sound.path().join(FILE), folder.path().join(FILE)).unwrap();
        change(folder.path(), damage);
        let report = fsck(folder.path()).unwrap();
        assert!(report.is_damaged, "{name}: {}", told(&report));
        assert!(
            told(&report).contains(expected),
            "{name}: {}",
            told(&report)
        );
    }
}

/// All rows of the tables that hold what was given to the node, by table.
fn rows(folder: &Path) -> Option<BTreeMap<String, Vec<u8>>> {
    let database = Database::open(folder.join(FILE)).ok()?;
    let read = database.begin_read().ok()?;
    let mut rows = BTreeMap::new();
    for row in read.open_table(BLOBS).ok()?.range::<&[u8; 32]>(..).ok()? {
        let (key, value) = row.ok()?;
        rows.insert(format!("blobs {:?}", key.value()), value.value().to_vec());
    }
    let releases = read.open_table(RELEASES).ok()?;
    for row in releases.range::<(&[u8; 20], &str, u64)>(..).ok()? {
        let (key, value) = row.ok()?;
        rows.insert(
            format!("releases {:?}", key.value()),
            value.value().to_vec(),
        );
    }
    let state = read.open_table(STATE).ok()?;
    for row in state.range::<(&[u8; 20], &str, &[u8])>(..).ok()? {
        let (key, value) = row.ok()?;
        rows.insert(format!("state {:?}", key.value()), value.value().to_vec());
    }
    Some(rows)
}

/// One bit of the file turned over, at places that a seed chooses: it is found, or everything that was stored is still there.
#[tokio::test]
async fn a_bit_that_is_turned_over_is_found_or_harmless() {
    let flips = std::env::var("COP_FLIPS").map_or(150, |flips| flips.parse().unwrap());
    let sound = folder().await;
    let content = fs::read(sound.path().join(FILE)).unwrap();
    let expected = rows(sound.path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut seed = Seed(5);
    let (mut found, mut harmless) = (0, 0);
    for _ in 0..flips {
        let mut flipped = content.clone();
        let at = seed.below(flipped.len());
        flipped[at] ^= 1 << seed.below(8);
        fs::write(folder.path().join(FILE), &flipped).unwrap();
        if fsck(folder.path()).unwrap().is_damaged {
            found += 1;
            // A node that is started on it opens it or says why not.
            if let Err(error) = Store::open(folder.path()) {
                assert!(error.to_string().contains("cannot be read"), "{error}");
            }
        } else {
            assert_eq!(rows(folder.path()).as_ref(), Some(&expected), "byte {at}");
            harmless += 1;
        }
    }
    let size = content.len();
    eprintln!(
        "{flips} bits turned over in {size} bytes: {found} found, {harmless} changed nothing"
    );
    assert!(found > 0);
}
