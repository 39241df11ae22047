//! What runs see of each other's changes, what is on disk, and what is lost when the disk fails.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::{Change, Changed, CommitError, Snapshot, States, Undone};
use crate::answer::RunId;
use crate::store::StoreError;
use crate::store::state::{KeyRange, Namespace, Shapes, StateView, Stored, get_answer};
use crate::store::tests::{Disk, namespace, open, writes};
use crate::store::writes::{Misfit, Write, Writes};
use crate::transcript::Identity;

const QUOTA_BYTES: u64 = 1 << 20;
const HISTORY_BYTES: u64 = 1 << 20;
const RUN: RunId = RunId([7; 16]);

fn on(disk: &Disk) -> States {
    States::new(Arc::new(open(disk).unwrap()), QUOTA_BYTES, HISTORY_BYTES).unwrap()
}

fn snapshot(states: &States) -> Snapshot {
    states.snapshot(&namespace())
}

fn get(states: &States, key: &str) -> Option<Vec<u8>> {
    snapshot(states).get(key).unwrap()
}

fn accept_in(
    states: &States,
    namespace: &Namespace,
    now_ms: i64,
    writes: &Writes,
) -> Result<Changed, CommitError> {
    let mut change = Change {
        namespace,
        run: RUN,
        still_valid: &mut |_| Ok(true),
        writes,
        shapes: &Shapes::new(),
    };
    states.accept(&mut change, now_ms)
}

fn accept(states: &States, now_ms: i64, pairs: &[(&str, Write)]) -> Changed {
    let pairs = pairs.iter();
    let writes = pairs.map(|(key, write)| ((*key).to_owned(), write.clone()));
    accept_in(states, &namespace(), now_ms, &writes.collect()).unwrap()
}

/// The number of a commit, which is made durable.
fn number(states: &States, changed: Changed) -> u64 {
    states.write_all();
    match changed {
        Changed::Accepted { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

fn put_for(value: &[u8], seconds: i64) -> Write {
    Write::Put {
        value: value.to_vec(),
        seconds: Some(seconds),
    }
}

/// Each run sees what was accepted before it, on disk or not, and a snapshot stays as it was.
#[test]
fn what_is_accepted_is_seen_at_once() {
    let states = on(&Disk::default());
    let empty = snapshot(&states);
    let one = writes(&[("n", Some(b"1"))]);
    let mut change = Change {
        namespace: &namespace(),
        run: RUN,
        still_valid: &mut |view| Ok(view.get("n")?.is_none()),
        writes: &one,
        shapes: &Shapes::new(),
    };
    let first = states.accept(&mut change, 0).unwrap();
    let accepted = Changed::Accepted {
        sequence: 1,
        number: 1,
    };
    assert_eq!(first, accepted);
    assert_eq!(states.accept(&mut change, 0), Ok(Changed::Conflict));
    let before = snapshot(&states);
    assert_eq!(before.seen(), 0);
    assert_eq!(before.get("n").unwrap(), Some(b"1".to_vec()));
    assert_eq!(before.seen(), 1);
    states.write_all();
    let after = snapshot(&states);
    assert_eq!(after.get("n").unwrap(), Some(b"1".to_vec()));
    assert_eq!(after.seen(), 0, "what is on disk need not be waited for");
    accept(&states, 0, &[("n", Write::Remove)]);
    assert_eq!(get(&states, "n"), None);
    assert_eq!(empty.get("n").unwrap(), None);
    for earlier in [before, after] {
        assert_eq!(earlier.get("n").unwrap(), Some(b"1".to_vec()));
    }
}

#[test]
fn identities_are_those_of_the_answers() {
    let states = on(&Disk::default());
    for length in [0, 1, 30, 31, 32, 33, 1_000] {
        let value = vec![7; length];
        accept(&states, 0, &[("k", Write::put(value.clone()))]);
        for _ in ["in memory", "on disk"] {
            let snapshot = snapshot(&states);
            assert_eq!(snapshot.get("k").unwrap(), Some(value.clone()));
            let identity = Identity::of(&get_answer(Some(&value)));
            assert_eq!(snapshot.get_identity("k").unwrap(), identity, "{length}");
            states.write_all();
        }
    }
    let absent = snapshot(&states).get_identity("x").unwrap();
    assert_eq!(absent, Identity::of(&[0]));
}

#[test]
fn state_is_bounded_but_may_shrink() {
    let disk = Disk::default();
    let of = |quota_bytes| {
        States::new(Arc::new(open(&disk).unwrap()), quota_bytes, HISTORY_BYTES).unwrap()
    };
    let big = [("a", Write::put([0; 99])), ("b", Write::put([0; 99]))];
    assert_eq!(accept(&of(199), 0, &big), Changed::Quota { bytes: 200 });
    let states = of(200);
    let first = accept(&states, 0, &big);
    assert_eq!(number(&states, first), 1);
    drop(states);
    let states = of(50);
    accept(&states, 0, &[("b", Write::Remove)]);
    let more = [("c", Write::put(*b""))];
    assert_eq!(accept(&states, 0, &more), Changed::Quota { bytes: 101 });
}

/// Scans over what is on disk, over what is not, and over both: removed, added and changed keys.
#[test]
fn scans_show_what_is_accepted_in_order() {
    let states = on(&Disk::default());
    let other = Namespace {
        name: "p2".parse().unwrap(),
        ..namespace()
    };
    accept_in(&states, &other, 0, &writes(&[("a3", Some(b""))])).unwrap();
    let mut expected: BTreeMap<String, ()> = BTreeMap::new();
    let mut seed = 7_u64;
    let mut next = |count: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % count
    };
    for step in 0..400 {
        let key = format!("{}{}", ["a", "b", "ab"][next(3) as usize], next(6));
        let write = match next(3) {
            0 => Write::Remove,
            _ => Write::put([1]),
        };
        match write {
            Write::Remove => expected.remove(&key),
            _ => expected.insert(key.clone(), ()),
        };
        accept(&states, 0, &[(&key, write)]);
        if step % 7 == 0 {
            states.write_all();
        }
        let snapshot = snapshot(&states);
        let ranges = [
            KeyRange::of("", None),
            KeyRange::of("a", None),
            KeyRange::of("a", Some("a3")),
            KeyRange::of("b", Some("A")),
            KeyRange {
                from: Some("a2"),
                until: Some("b1"),
                ..KeyRange::default()
            },
            KeyRange {
                prefix: "ab",
                from: Some("a"),
                after: Some("ab1"),
                until: Some("ab4"),
            },
            KeyRange {
                from: Some("b"),
                until: Some("a"),
                ..KeyRange::default()
            },
        ];
        for range in ranges {
            for limit in [0, 1, 3, 99] {
                let inside = expected.keys().filter(|key| {
                    key.starts_with(range.prefix)
                        && range.from.is_none_or(|from| key.as_str() >= from)
                        && range.after.is_none_or(|after| key.as_str() > after)
                        && range.until.is_none_or(|until| key.as_str() < until)
                });
                let inside: Vec<_> = inside.take(limit).cloned().collect();
                assert_eq!(snapshot.keys(&range, limit).unwrap(), inside, "{range:?}");
            }
        }
    }
    let scan = snapshot(&states);
    states.write_all();
    accept(&states, 0, &[("a0", Write::Remove)]);
    scan.keys(&KeyRange::of("a", None), 9).unwrap();
    let later = snapshot(&states);
    later.keys(&KeyRange::of("b", None), 9).unwrap();
    assert_eq!(later.seen(), 0);
    later.keys(&KeyRange::of("a", None), 9).unwrap();
    assert!(
        later.seen() > 400,
        "a key that is gone is a part of the answer"
    );
}

#[test]
fn keys_go_when_their_time_is_over() {
    let states = on(&Disk::default());
    let due = || {
        states.write_all();
        states.next_due_ms().unwrap()
    };
    assert_eq!(due(), None);
    let first = [
        ("a", put_for(b"1", 10)),
        ("b", put_for(b"2", 20)),
        ("c", Write::put(*b"3")),
        ("d", put_for(b"4", i64::MAX)),
    ];
    accept(&states, 1_000, &first);
    assert_eq!(due(), Some(11_000));

    // To the millisecond, and in commits of their own.
    states.expire(10_999).unwrap();
    assert_eq!(get(&states, "a"), Some(b"1".to_vec()));
    states.expire(11_000).unwrap();
    assert_eq!(get(&states, "a"), None);
    assert_eq!(get(&states, "b"), Some(b"2".to_vec()));
    assert_eq!(due(), Some(21_000));
    let keep = accept(&states, 12_000, &[("b", Write::put(*b"kept"))]);
    assert_eq!(number(&states, keep), 3);
    assert_eq!(due(), Some(i64::MAX));

    // Whoever writes later than a key is due does not meet it, on disk or not; a clock that went back changes nothing.
    let again = accept(&states, 5_000, &[("e", put_for(b"5", 1))]);
    let later = accept(&states, 13_000, &[("f", Write::put(*b"6"))]);
    assert_eq!(get(&states, "e"), None);
    assert_eq!(number(&states, again), 4);
    assert_eq!(number(&states, later), 6);
    assert_eq!(get(&states, "b"), Some(b"kept".to_vec()));
    assert_eq!(due(), Some(i64::MAX));
}

#[test]
fn a_run_that_read_a_key_that_has_gone_meets_a_conflict() {
    let states = on(&Disk::default());
    accept(&states, 0, &[("a", put_for(b"1", 1))]);
    let writes = writes(&[("b", Some(b"2"))]);
    let mut change = Change {
        namespace: &namespace(),
        run: RUN,
        still_valid: &mut |view| Ok(view.get("a")?.is_some()),
        writes: &writes,
        shapes: &Shapes::new(),
    };
    assert_eq!(states.accept(&mut change, 1_000), Ok(Changed::Conflict));
}

#[test]
fn blind_changes_are_applied_to_what_is_there() {
    let states = on(&Disk::default());
    let one = [("n", Write::Add(2)), ("t", Write::Append("a".to_owned()))];
    accept(&states, 0, &one);
    accept(&states, 0, &one);
    assert_eq!(get(&states, "n"), Write::Add(4).applied(None).unwrap());
    let text = Write::Append("aa".to_owned()).applied(None).unwrap();
    assert_eq!(get(&states, "t"), text);
    // Of a run whose change does not fit nothing is applied.
    let bad = [("n", Write::Add(1)), ("t", Write::Add(1))];
    let misfit = Changed::Misfit {
        key: "t".to_owned(),
        misfit: Misfit::NoInt,
    };
    assert_eq!(accept(&states, 0, &bad), misfit);
    assert_eq!(get(&states, "n"), Write::Add(4).applied(None).unwrap());
    // A change does not make a key stay longer.
    let number = get(&states, "n").unwrap();
    accept(&states, 0, &[("m", put_for(&number, 1))]);
    accept(&states, 500, &[("m", Write::Add(1))]);
    assert_eq!(get(&states, "m"), Write::Add(5).applied(None).unwrap());
    states.write_all();
    states.expire(1_000).unwrap();
    assert_eq!(get(&states, "m"), None);
    // Two namespaces are due by themselves.
    let other = Namespace {
        name: "q".parse().unwrap(),
        ..namespace()
    };
    let writes = Writes::from([("m".to_owned(), put_for(b"1", 3))]);
    accept_in(&states, &other, 1_000, &writes).unwrap();
    accept(&states, 1_000, &[("m", put_for(b"1", 2))]);
    states.write_all();
    assert_eq!(states.next_due_ms().unwrap(), Some(3_000));
    states.expire(3_000).unwrap();
    assert_eq!(get(&states, "m"), None);
    states.write_all();
    assert_eq!(states.next_due_ms().unwrap(), Some(4_000));
}

#[test]
fn a_shape_is_kept_once_and_counted() {
    let store = Arc::new(open(&Disk::default()).unwrap());
    let states = States::new(store, 10, HISTORY_BYTES).unwrap();
    let shapes = Shapes::from([([7; 8], "Int".to_owned())]);
    let store_of = |key| {
        let writes = writes(&[(key, Some(b"12".as_slice()))]);
        let mut change = Change {
            namespace: &namespace(),
            run: RUN,
            still_valid: &mut |_| Ok(true),
            writes: &writes,
            shapes: &shapes,
        };
        states.accept(&mut change, 0).unwrap()
    };
    assert_eq!(snapshot(&states).shape(&[7; 8]), Ok(None));
    store_of("a");
    let second = store_of("b");
    assert_eq!(snapshot(&states).shape(&[7; 8]), Ok(Some("Int".to_owned())));
    assert_eq!(number(&states, second), 2);
    assert_eq!(store_of("c"), Changed::Quota { bytes: 12 });
    assert_eq!(snapshot(&states).shape(&[7; 8]), Ok(Some("Int".to_owned())));
    assert_eq!(snapshot(&states).shape(&[8; 8]), Ok(None));
}

/// What is on disk stays, what was accepted behind it goes, and those who wait for it are told.
#[tokio::test]
async fn what_the_disk_does_not_take_is_lost_together() {
    let disk = Disk::default();
    let states = on(&disk);
    accept(&states, 0, &[("a", Write::put(*b"1"))]);
    states.write_all();
    assert_eq!(states.durable(1).await, Ok(()));
    accept(&states, 0, &[("a", Write::put(*b"2"))]);
    accept(&states, 0, &[("b", Write::put(*b"3"))]);
    let seen = snapshot(&states);
    assert_eq!(seen.get("b").unwrap(), Some(b"3".to_vec()));
    disk.fail_after(0, io::ErrorKind::StorageFull);
    states.write_all();
    for lost in [2, seen.seen()] {
        let told = states.durable(lost).await;
        assert!(matches!(told, Err(StoreError::Full(_))), "{told:?}");
    }
    assert_eq!(states.durable(1).await, Ok(()));
    assert_eq!(get(&states, "a"), Some(b"1".to_vec()));
    assert_eq!(get(&states, "b"), None);
    // The store takes nothing any more and says so; opened again it is as it was.
    disk.repair();
    accept(&states, 0, &[("a", Write::put(*b"4"))]);
    states.write_all();
    let told = states.durable(4).await;
    assert!(matches!(told, Err(StoreError::Failed(_))), "{told:?}");
    drop(states);
    assert_eq!(get(&on(&disk), "a"), Some(b"1".to_vec()));
}

#[test]
fn what_waits_is_bounded() {
    let states = on(&Disk::default());
    let write = writes(&[("a", Some(b"1"))]);
    let mut accepted = 0;
    while accept_in(&states, &namespace(), 0, &write).is_ok() {
        accepted += 1;
        assert!(accepted <= super::WAITING_MAX);
    }
    assert_eq!(accepted, super::WAITING_MAX);
    states.write_all();
    assert!(accept_in(&states, &namespace(), 0, &write).is_ok());
}

/// What was done is kept and can be undone, also the undoing, unless something rests on it; the oldest goes first.
#[test]
fn the_past_is_kept_for_a_while_and_can_be_undone() {
    let states = on(&Disk::default());
    let past = |before| {
        states.write_all();
        states.history(&namespace(), before, 99).unwrap()
    };
    accept(&states, 5, &[("a", Write::put(*b"1"))]);
    accept(
        &states,
        6,
        &[("a", Write::put(*b"2")), ("b", put_for(b"3", 9))],
    );
    accept(&states, 7, &[("c", Write::put(*b"4"))]);
    let all = past(u64::MAX);
    let numbers: Vec<_> = all.iter().map(|past| past.number).collect();
    assert_eq!(numbers, [3, 2, 1]);
    let change = &all[1].keys["a"];
    let value = |stored: &Stored| stored.row.as_ref().map(|row| row.value().to_vec());
    assert_eq!(value(&change.before), Some(b"1".to_vec()));
    assert_eq!(value(&change.after), Some(b"2".to_vec()));
    assert_eq!((all[1].run, all[1].time_ms), (Some(RUN), 6));
    assert_eq!(all[1].keys["b"].after.due_ms, Some(9_006));
    assert_eq!(past(3).len(), 2);

    let undo = |number| states.undo(&namespace(), number, RUN, 8).unwrap();
    assert_eq!(undo(1), Undone::ChangedSince(vec!["a".to_owned()]));
    assert_eq!(undo(9), Undone::Unknown);
    assert!(matches!(undo(2), Undone::Accepted { number: 4, .. }));
    assert_eq!(get(&states, "a"), Some(b"1".to_vec()));
    assert_eq!(get(&states, "b"), None);
    states.write_all();
    assert!(matches!(undo(4), Undone::Accepted { number: 5, .. }));
    assert_eq!(get(&states, "b"), Some(b"3".to_vec()));
    assert_eq!(snapshot(&states).due_ms("b").unwrap(), Some(9_006));
    let head = snapshot(&states).head().unwrap();
    assert_eq!((head.number, head.bytes), (5, 6));
    states.write_all();
    states.expire(9_006).unwrap();
    assert_eq!(past(u64::MAX)[0].run, None);

    // Half a mebibyte each: the limit holds one before the newest.
    for number in 0..4_u8 {
        accept(&states, 9_006, &[("d", Write::put(vec![number; 300_000]))]);
    }
    assert!(past(u64::MAX).len() < 4);
    assert_eq!(past(u64::MAX)[0].number, 10);
}
