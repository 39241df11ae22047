//! States as they were, their roots, and states on file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Change, Changed, Imported, States};
use crate::answer::RunId;
use crate::export::{Export, ExportError};
use crate::store::lines::{Line, ROOT_EVERY};
use crate::store::state::{Namespace, Shapes, Stored};
use crate::store::tests::{Disk, namespace, open};
use crate::store::writes::{Write, Writes};

const RUN: RunId = RunId([7; 16]);
const LINE: Line = Line([9; 8]);

fn on(disk: &Disk, history_bytes: u64) -> States {
    States::new(Arc::new(open(disk).unwrap()), 1 << 20, history_bytes).unwrap()
}

fn write(states: &States, namespace: &Namespace, now_ms: i64, writes: Writes) -> Changed {
    let mut change = Change {
        namespace,
        run: RUN,
        still_valid: &mut |_| Ok(true),
        writes: &writes,
        shapes: &Shapes::new(),
    };
    let changed = states.accept(&mut change, now_ms).unwrap();
    states.write_all();
    changed
}

fn of(states: &States, namespace: &Namespace, number: Option<u64>) -> Option<Export> {
    let then = states.as_of(namespace, number).unwrap()?;
    let keys = then.keys("", None).unwrap().map(|key| {
        let key = key.unwrap();
        (key.clone(), then.stored(&key).unwrap())
    });
    let export = Export {
        namespace: namespace.clone(),
        line: then.line,
        number: then.number,
        time_ms: then.time_ms,
        shapes: Shapes::new(),
        keys: keys.collect(),
    };
    assert_eq!(export.root(), then.root().unwrap());
    Some(export)
}

/// Commits that a seed chooses; behind each the state is noted, and found again later, and its root is that of what was there.
#[test]
fn every_state_that_is_kept_is_found_again() {
    let disk = Disk::default();
    let states = on(&disk, 1 << 20);
    let mut noted: BTreeMap<u64, BTreeMap<String, Stored>> = BTreeMap::new();
    noted.insert(0, BTreeMap::new());
    let mut seed: u64 = 3;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for at in 0..300_i64 {
        let mut writes = Writes::new();
        for _ in 0..=next(3) {
            let value = vec![next(256) as u8; next(60) as usize];
            let write = match next(5) {
                0 => Write::Remove,
                1 => Write::Put {
                    value,
                    seconds: Some(1 + next(20) as i64),
                },
                _ => Write::put(value),
            };
            writes.insert(format!("k{}", next(12)), write);
        }
        write(&states, &namespace(), at * 500, writes);
        let now = of(&states, &namespace(), None).unwrap();
        noted.insert(now.number, now.keys);
    }
    let states = on(&disk, 1 << 20);
    assert!(noted.len() > 250);
    for (number, keys) in &noted {
        let then = of(&states, &namespace(), Some(*number)).unwrap();
        assert_eq!((then.number, &then.keys), (*number, keys));
        assert_eq!(Export::decode(&then.encode()), Ok(then));
    }
    let last = noted.last_key_value().map(|(number, _)| *number).unwrap();
    assert_eq!(of(&states, &namespace(), Some(last + 1)), None);
    // Two keys that changed between two commits, and no other.
    let (one, other) = (
        states.as_of(&namespace(), Some(10)).unwrap().unwrap(),
        states.as_of(&namespace(), Some(12)).unwrap().unwrap(),
    );
    for (key, stored) in &noted[&10] {
        if noted[&12].get(key) != Some(stored) {
            assert!(one.changed_but_in(&other).contains(key), "{key}");
        }
    }
}

#[test]
fn what_is_not_kept_is_not_told() {
    let states = on(&Disk::default(), 300);
    for at in 0..20 {
        let value = Write::put(vec![at; 50]);
        write(
            &states,
            &namespace(),
            0,
            Writes::from([("k".to_owned(), value)]),
        );
    }
    assert_eq!(of(&states, &namespace(), Some(3)), None);
    let kept = states.history(&namespace(), u64::MAX, 100).unwrap();
    let oldest = kept.last().unwrap().number;
    assert!(of(&states, &namespace(), Some(oldest)).is_some());
    assert!(of(&states, &namespace(), Some(oldest - 1)).is_some());
    assert_eq!(of(&states, &namespace(), Some(oldest - 2)), None);
}

#[test]
fn an_imported_state_begins_a_line_and_can_be_undone() {
    let disk = Disk::default();
    let states = on(&disk, 1 << 20);
    let other = Namespace {
        name: "other".parse().unwrap(),
        ..namespace()
    };
    let put = |value: &[u8]| Write::put(value);
    let soon = Write::Put {
        value: b"soon".to_vec(),
        seconds: Some(10),
    };
    let writes = Writes::from([("a".to_owned(), put(b"1")), ("t".to_owned(), soon)]);
    write(&states, &namespace(), 0, writes);
    write(
        &states,
        &other,
        0,
        Writes::from([("b".to_owned(), put(b"2"))]),
    );
    let export = of(&states, &namespace(), None).unwrap();
    let import = |replaces, now_ms| {
        let imported = states.import(&other, &export, (RUN, LINE), replaces, now_ms);
        states.write_all();
        imported.unwrap()
    };
    assert_eq!(import(false, 0), Imported::Taken);
    // A key whose time is over meanwhile does not come back.
    let Imported::Accepted { number, keys, .. } = import(true, 20_000) else {
        panic!("it is accepted");
    };
    assert_eq!((number, keys), (2, 2));
    let now = of(&states, &other, None).unwrap();
    assert_eq!(now.keys.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!((now.line, now.number), (LINE, 2));
    assert_eq!(of(&states, &other, Some(1)).unwrap().line, Line::default());
    // The same again changes nothing, and is a commit of its own all the same.
    assert!(matches!(
        import(true, 20_000),
        Imported::Accepted {
            number: 3,
            keys: 0,
            ..
        }
    ));
    assert!(matches!(
        write(
            &states,
            &other,
            0,
            Writes::from([("c".to_owned(), put(b"3"))])
        ),
        Changed::Accepted { number: 4, .. }
    ));
    states.undo(&other, 2, RUN, 20_000).unwrap();
    states.write_all();
    let undone = of(&states, &other, None).unwrap();
    assert_eq!(undone.keys.keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(of(&on(&disk, 1 << 20), &other, None), Some(undone));
}

#[test]
fn commits_without_changes_keep_their_numbers_while_they_wait() {
    let states = on(&Disk::default(), 1 << 20);
    let nothing = Export::decode(&of(&states, &namespace(), None).unwrap().encode());
    let nothing = nothing.unwrap();
    let accepted: Vec<_> = (0..3)
        .map(|_| {
            states
                .import(&namespace(), &nothing, (RUN, LINE), true, 0)
                .unwrap()
        })
        .collect();
    let numbers = accepted.iter().map(|imported| match imported {
        Imported::Accepted { number, .. } => *number,
        other => panic!("{other:?}"),
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn files_that_are_not_whole_are_refused() {
    let states = on(&Disk::default(), 1 << 20);
    let writes = Writes::from([
        ("a".to_owned(), Write::put(vec![1; 100])),
        ("b".to_owned(), Write::put(vec![2; 10])),
    ]);
    write(&states, &namespace(), 0, writes);
    let file = of(&states, &namespace(), None).unwrap().encode();
    for length in 0..file.len() {
        assert!(Export::decode(&file[..length]).is_err());
    }
    let mut refused = 0;
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        match Export::decode(&changed) {
            // Whose it was, and which commit, is told and not proven.
            Ok(export) => assert_eq!(export.encode(), changed),
            Err(error) => refused += usize::from(error == ExportError::Root),
        }
    }
    assert!(refused > 100, "values are under the root: {refused}");
}

#[test]
fn the_root_of_each_thousandth_commit_is_kept() {
    let disk = Disk::default();
    let states = on(&disk, 1 << 20);
    for _ in 0..=ROOT_EVERY {
        write(
            &states,
            &namespace(),
            0,
            Writes::from([("n".to_owned(), Write::Add(1))]),
        );
    }
    states.keep_roots();
    let root = of(&states, &namespace(), Some(ROOT_EVERY)).unwrap().root();
    let kept = |number| {
        let base = states.store.base().unwrap();
        base.kept_root(&namespace(), number).unwrap()
    };
    assert_eq!((kept(ROOT_EVERY), kept(ROOT_EVERY + 1)), (Some(root), None));
}
