//! The store on a disk that fails at its n-th call, for every n, and forgets what was not synced.
//!
//! The disk keeps what is synced apart from what is only written. When the power goes, of the latter nothing is there, or all, or
//! whatever a seed chooses, in sectors of 512 bytes. Then the store is opened again, sometimes on a disk that fails once more:
//! everything that was acknowledged must be there, of the rest all or nothing, and `fsck` must find nothing wrong.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use cop_bytecode::Hash;
use redb::{Database, StorageBackend};

use super::state::{KeyRange, Shapes, StateView};
use super::tests::{bundle, key, namespace, release, writes};
use super::writes::{Write, Writes, fingerprint};
use super::{Store, fsck};
use crate::answer::RunId;
use crate::bundle::Bundle;
use crate::execution::OpenError;
use crate::state::{Change, Changed, States, Undone};

const SECTOR: usize = 512;
/// A program of which outcomes are remembered, and how long their records are.
const PROGRAM: Hash = Hash([4; 32]);
const OUTCOME_BYTES: usize = 3_000;

/// How the n-th call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Nothing is done.
    Error(io::ErrorKind),
    /// Half of it is written, then the disk gives up.
    Short,
}

#[derive(Clone, Debug)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Default)]
struct Content {
    synced: Vec<u8>,
    seen: Vec<u8>,
    pending: Vec<Pending>,
    calls: u64,
    fails_at: Option<(u64, Fault)>,
    has_failed: bool,
}

/// A disk in memory.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Content>>);

fn apply(content: &mut Vec<u8>, pending: &Pending) {
    match pending {
        Pending::Write(offset, data) => {
            let end = offset + data.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*offset..end].copy_from_slice(data);
        }
        Pending::Length(length) => content.resize(*length, 0),
    }
}

/// Pseudo-random numbers (SplitMix64).
struct Seed(u64);

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Disk {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }

    fn of(image: &[u8]) -> Disk {
        let disk = Disk::default();
        disk.content().synced = image.to_vec();
        disk.content().seen = image.to_vec();
        disk
    }

    fn fail_at(&self, call: u64, fault: Fault) {
        let mut content = self.content();
        content.fails_at = Some((content.calls + call, fault));
    }

    fn calls(&self) -> u64 {
        self.content().calls
    }

    /// What is on the disk when the power comes back.
    fn after_power_cut(&self, seed: &mut Seed) -> Vec<u8> {
        let content = self.content();
        let mut image = content.synced.clone();
        let kind = seed.next() % 4;
        for pending in &content.pending {
            match (kind, pending) {
                (0, _) => {}
                (1, pending) => apply(&mut image, pending),
                (_, Pending::Write(offset, data)) => {
                    for (at, sector) in data.chunks(SECTOR).enumerate() {
                        if seed.next().is_multiple_of(2) {
                            apply(
                                &mut image,
                                &Pending::Write(offset + at * SECTOR, sector.to_vec()),
                            );
                        }
                    }
                }
                (_, length) if seed.next().is_multiple_of(2) => apply(&mut image, length),
                _ => {}
            }
        }
        image
    }
}

impl Content {
    /// Counts a call; how it fails, if it does.
    fn call(&mut self) -> Option<Fault> {
        self.calls += 1;
        let (at, fault) = self.fails_at?;
        if self.calls < at {
            return None;
        }
        self.has_failed = true;
        Some(fault)
    }
}

fn failed(fault: Fault) -> io::Error {
    match fault {
        Fault::Error(kind) => kind.into(),
        Fault::Short => io::Error::other("the disk wrote half of it"),
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let mut content = self.content();
        match content.call() {
            Some(fault) => Err(failed(fault)),
            None => Ok(content.seen.len() as u64),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut content = self.content();
        if let Some(fault) = content.call() {
            return Err(failed(fault));
        }
        let begin = offset as usize;
        let part = content.seen.get(begin..begin + out.len());
        out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut content = self.content();
        if let Some(fault) = content.call() {
            return Err(failed(fault));
        }
        let change = Pending::Length(length as usize);
        apply(&mut content.seen, &change);
        content.pending.push(change);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = self.content();
        if let Some(fault) = content.call() {
            // What was to be synced stays unsynced: some of it may have come through.
            return Err(failed(fault));
        }
        content.synced = content.seen.clone();
        content.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut content = self.content();
        let fault = content.call();
        let written = match fault {
            None => data,
            Some(Fault::Short) => &data[..data.len() / 2],
            Some(Fault::Error(_)) => &[],
        };
        let change = Pending::Write(offset as usize, written.to_vec());
        apply(&mut content.seen, &change);
        content.pending.push(change);
        fault.map_or(Ok(()), |fault| Err(failed(fault)))
    }
}

fn open(disk: &Disk) -> Result<Store, OpenError> {
    let memory = Path::new("memory");
    let database = Database::builder()
        .create_with_backend(disk.clone())
        .map_err(|error| super::open_error(memory, memory, error.into()))?;
    Store::with_database(database, memory, None)
}

/// What the store is to hold: the newest release, and the state with when its keys are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Held {
    release: u64,
    keys: BTreeMap<String, Vec<u8>>,
    commit: u64,
}

fn held(store: &Store) -> Held {
    let address = key().public().address();
    let newest = store
        .signed_release(&address, &"p".parse().unwrap(), None)
        .unwrap();
    let base = store.base().unwrap();
    let namespace = namespace();
    let keys = base.keys(&namespace, KeyRange::default()).unwrap();
    let keys = keys.map(|key| {
        let key = key.unwrap();
        let value = base.get(&namespace, &key).unwrap().unwrap();
        (key, value)
    });
    Held {
        release: newest.map_or(0, |signed| signed.release().number),
        keys: keys.collect(),
        commit: base.head(&namespace).unwrap().number,
    }
}

/// What is done, one step after the other; each is acknowledged or not.
#[derive(Clone, Debug)]
enum Step {
    Publish(u8),
    Write(Writes),
    Undo(u64),
}

fn script() -> Vec<Step> {
    let big = vec![7; 9_000];
    let put = |value: &[u8]| Write::put(value);
    let for_a_while = Write::Put {
        value: b"12345678short".to_vec(),
        seconds: Some(10),
    };
    vec![
        Step::Publish(0),
        Step::Write(writes(&[("a", Some(b"12345678")), ("b", Some(&big))])),
        Step::Write(Writes::from([("c".to_owned(), for_a_while)])),
        Step::Publish(1),
        Step::Write(writes(&[("a", Some(&big)), ("b", None)])),
        Step::Write(Writes::from([
            ("a".to_owned(), Write::Remove),
            ("n".to_owned(), Write::Add(5)),
            ("t".to_owned(), Write::Append("text".to_owned())),
        ])),
        Step::Undo(4),
        Step::Publish(2),
        Step::Write(Writes::from([("d".to_owned(), put(b"12345678"))])),
    ]
}

/// Does a step; whether it was acknowledged.
fn act(store: &Arc<Store>, states: &States, bundles: &[Bundle], step: &Step) -> bool {
    let address = key().public().address();
    match step {
        Step::Publish(asset) => {
            let name = "p".parse().unwrap();
            let Ok(newest) = store.signed_release(&address, &name, None) else {
                return false;
            };
            let (number, previous) = match newest {
                Some(newest) => (newest.release().number + 1, Some(newest.hash())),
                None => (1, None),
            };
            let bundle = &bundles[usize::from(*asset)];
            let signed = release(bundle, number, previous);
            let published = store.publish(&signed, bundle, u64::MAX).is_ok();
            published && states.refresh().is_ok()
        }
        Step::Write(writes) => {
            let mut change = Change {
                namespace: &namespace(),
                run: RunId([1; 16]),
                still_valid: &mut |_: &dyn StateView| Ok(true),
                writes,
                shapes: &Shapes::from([(fingerprint("Bool"), "Bool".to_owned())]),
            };
            match states.accept(&mut change, 1_000) {
                Ok(Changed::Accepted { sequence, .. }) => states.is_written(sequence),
                _ => false,
            }
        }
        Step::Undo(number) => match states.undo(&namespace(), *number, RunId([2; 16]), 2_000) {
            Ok(Undone::Accepted { sequence, .. }) => states.is_written(sequence),
            _ => false,
        },
    }
}

/// Does all steps until one is not acknowledged; how many were, and what the store holds behind each.
fn run(disk: &Disk, bundles: &[Bundle], mut held_behind: Option<&mut Vec<Held>>) -> usize {
    let Ok(store) = open(disk).map(Arc::new) else {
        return 0;
    };
    let Ok(states) = States::new(store.clone(), u64::MAX, 1 << 20) else {
        return 0;
    };
    let mut acknowledged = 0;
    for step in script() {
        // What is remembered goes to disk beside all this, unsynced and unacknowledged.
        let outcome = (PROGRAM, "handle", vec![acknowledged as u8; OUTCOME_BYTES]);
        let _ = store.keep_outcomes(&[outcome], 3 * OUTCOME_BYTES as u64, 1 << 20);
        if !act(&store, &states, bundles, &step) {
            // From here on nothing is taken any more.
            let later = Step::Write(writes(&[("later", Some(b"12345678"))]));
            assert!(!act(&store, &states, bundles, &later), "{step:?}");
            assert!(store.failure().is_some(), "{step:?}");
            break;
        }
        acknowledged += 1;
        if let Some(held_behind) = &mut held_behind {
            held_behind.push(held(&store));
        }
    }
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_disk_fails() {
    let rounds = std::env::var("COP_FAULT_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let bundles: Vec<Bundle> = (0..3).map(bundle).collect();
    let empty = Disk::default();
    drop(open(&empty).unwrap());
    let template = empty.content().seen.clone();
    let disk = Disk::of(&template);
    let mut expected = vec![held(&open(&Disk::of(&template)).unwrap())];
    let steps = run(&disk, &bundles, Some(&mut expected));
    assert_eq!(steps, script().len());
    // States are told apart by what they hold.
    for (at, held) in expected.iter().enumerate() {
        assert!(!expected[..at].contains(held));
    }
    let calls = disk.calls();
    let faults = [
        Fault::Error(io::ErrorKind::Other),
        Fault::Error(io::ErrorKind::StorageFull),
        Fault::Short,
    ];
    let (mut tried, mut twice, mut ahead) = (0, 0, 0);
    for round in 0..rounds {
        for call in 1..=calls {
            for fault in faults {
                let mut seed = Seed(call ^ (round << 32) ^ ((fault == Fault::Short) as u64) << 20);
                let disk = Disk::of(&template);
                disk.fail_at(call, fault);
                let acknowledged = run(&disk, &bundles, None);
                let mut image = disk.after_power_cut(&mut seed);
                if seed.next().is_multiple_of(3) {
                    // The power goes again while the store is being recovered.
                    let disk = Disk::of(&image);
                    disk.fail_at(1 + seed.next() % 20, fault);
                    drop(open(&disk));
                    image = disk.after_power_cut(&mut seed);
                    twice += 1;
                }
                let disk = Disk::of(&image);
                let place = format!("call {call} of {calls}, {fault:?}, round {round}");
                let store = match open(&disk) {
                    Ok(store) => store,
                    Err(error) => panic!("{place}: {error}"),
                };
                let found = held(&store);
                let at = expected.iter().position(|held| *held == found);
                let at = at.unwrap_or_else(|| panic!("{place}: half of it: {found:?}"));
                assert!(
                    at >= acknowledged,
                    "{place}: {acknowledged} steps were acknowledged, {at} are there"
                );
                assert!(at <= acknowledged + 1, "{place}");
                ahead += usize::from(at > acknowledged);
                let report = fsck::of_database(store.database().unwrap());
                assert!(!report.is_damaged, "{place}: {:?}", report.findings);
                for outcome in store.outcomes(&PROGRAM, "handle").unwrap() {
                    let is_whole = outcome.iter().all(|byte| *byte == outcome[0]);
                    assert!(is_whole && outcome.len() == OUTCOME_BYTES, "{place}");
                }
                for bundle in &bundles[..found.release as usize] {
                    assert_eq!(
                        store.bundle(&bundle.hash()).unwrap().as_ref(),
                        Some(bundle),
                        "{place}"
                    );
                }
                tried += 1;
            }
        }
    }
    eprintln!(
        "{tried} failures over {calls} calls, {twice} of them followed by another while recovering: every acknowledged step was there, {ahead} times the one under way too"
    );
}
