//! The state of programs on disk: per publisher and name an ordered map from keys to values.
//!
//! Beside each value stands the hash of the *answer* that `kv.get` gives for it, if that is long, so that the identity of an
//! answer is known without reading the value ([`Identity`]).
//!
//! Here is only what was made durable: a [`Base`] reads it as it was at one instant, [`Store::apply`] adds commits that were
//! accepted. What is accepted, and what runs see of it meanwhile, is decided in [`crate::state`].

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use redb::{ReadOnlyTable, ReadableTable, WriteTransaction};

use super::history::{self, KeyChange};
use super::lines::{self, Line};
use super::{
    Address20, Bytes, DUE, EXPIRIES, HISTORY, Hash32, LINES, NAMESPACES, Name, ROOTS, SHAPES,
    STATE, ShapeKey, Store, StoreError, TIMES,
};
use crate::address::{Address, ProgramName};
use crate::answer::RunId;
use crate::codec::Writer;
use crate::transcript::Identity;

const HASH_LENGTH: usize = 32;

/// Whose state: a publisher and a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace {
    /// The publisher.
    pub address: Address,
    /// The name.
    pub name: ProgramName,
}

/// The first bytes of the hash of a shape, with which stored values begin.
pub type Fingerprint = [u8; 8];

/// Shapes by their fingerprints: what the types of stored values are made of.
pub type Shapes = BTreeMap<Fingerprint, String>;

/// What `kv.get` and `kv.keys` are answered from.
pub trait StateView {
    /// The value under a key.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The identity of the answer to `kv.get`, without the value.
    fn get_identity(&self, key: &str) -> Result<Identity, StoreError>;

    /// The shape with this fingerprint, if a value of it was ever stored.
    fn shape(&self, fingerprint: &Fingerprint) -> Result<Option<String>, StoreError>;

    /// At most `limit` keys of a range, in order of their bytes.
    fn keys(&self, range: &KeyRange<'_>, limit: usize) -> Result<Vec<String>, StoreError>;
}

/// Which keys are meant: those that begin with something and stand within bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyRange<'a> {
    /// What they begin with.
    pub prefix: &'a str,
    /// What they are not before.
    pub from: Option<&'a str>,
    /// What they come after.
    pub after: Option<&'a str>,
    /// What they come before.
    pub until: Option<&'a str>,
}

impl<'a> KeyRange<'a> {
    /// Those that begin with this, all of them or those after one.
    pub fn of(prefix: &'a str, after: Option<&'a str>) -> KeyRange<'a> {
        KeyRange {
            prefix,
            after,
            ..KeyRange::default()
        }
    }

    /// Where it begins.
    pub fn start(&self) -> Bound<&'a str> {
        let from = self.from.map_or(self.prefix, |from| from.max(self.prefix));
        match self.after {
            Some(after) if after >= from => Bound::Excluded(after),
            _ => Bound::Included(from),
        }
    }

    /// Whether a key behind the start is in it; if it is not, none behind it is.
    pub fn reaches(&self, key: &str) -> bool {
        key.starts_with(self.prefix) && self.until.is_none_or(|until| key < until)
    }

    /// Whether a key is in it.
    pub fn includes(&self, key: &str) -> bool {
        self.reaches(key)
            && self.from.is_none_or(|from| key >= from)
            && self.after.is_none_or(|after| key > after)
    }
}

/// The canonical answer of `kv.get`: a `Bytes?`.
pub fn get_answer(value: Option<&[u8]>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.flag(value.is_some());
    if let Some(value) = value {
        writer.bytes(value);
    }
    writer.finish()
}

/// A stored value with the hash of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(Arc<[u8]>);

impl Row {
    /// The row of a value.
    pub fn of(value: &[u8]) -> Row {
        let identity = Identity::of(&get_answer(Some(value)));
        let mut row = identity.hash().unwrap_or([0; HASH_LENGTH]).to_vec();
        row.extend_from_slice(value);
        Row(row.into())
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        value_of(&self.0)
    }

    /// The row as it is stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The identity of the answer of `kv.get`, without a row that of the answer that there is nothing.
    pub fn identity(row: Option<&Row>) -> Identity {
        identity_of(row.map(|row| &*row.0))
    }
}

fn value_of(row: &[u8]) -> &[u8] {
    row.get(HASH_LENGTH..).unwrap_or_default()
}

fn identity_of(row: Option<&[u8]>) -> Identity {
    match row {
        None => Identity::of(&get_answer(None)),
        Some(row) => match row.first_chunk::<HASH_LENGTH>() {
            Some(hash) if *hash != [0; HASH_LENGTH] => Identity::of_hash(*hash),
            _ => Identity::of(&get_answer(Some(value_of(row)))),
        },
    }
}

/// What a namespace has come to with a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of the commit; 0 before the first.
    pub number: u64,
    /// Bytes of all keys, values and shapes.
    pub bytes: u64,
    /// When it was made, in milliseconds since 1970: never earlier than the one before.
    pub time_ms: i64,
}

/// What a key holds behind a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its value; `None` if it holds nothing.
    pub row: Option<Row>,
    /// When it is gone, in milliseconds since 1970.
    pub due_ms: Option<i64>,
}

/// An accepted commit of a namespace.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose state.
    pub namespace: Namespace,
    /// What the namespace has come to with it.
    pub head: Head,
    /// The run that makes it; `None` for the removal of keys whose time is over.
    pub run: Option<RunId>,
    /// The keys that it changes.
    pub keys: BTreeMap<String, KeyChange>,
    /// The shapes that it adds.
    pub shapes: Shapes,
    /// The line that begins with it, if one does.
    pub line: Option<Line>,
}

impl Commit {
    /// The bytes that it brings along.
    pub fn size_bytes(&self) -> usize {
        let bytes = |stored: &Stored| stored.row.as_ref().map_or(0, |row| row.0.len());
        let keys = self.keys.iter();
        let keys =
            keys.map(|(key, change)| key.len() + bytes(&change.before) + bytes(&change.after));
        keys.sum::<usize>() + self.shapes.values().map(String::len).sum::<usize>()
    }
}

/// The durable state of all namespaces as it was at one instant.
pub struct Base {
    state: ReadOnlyTable<(Address20, Name, Bytes), Bytes>,
    shapes: ReadOnlyTable<ShapeKey, &'static str>,
    namespaces: ReadOnlyTable<(Address20, Name), (u64, u64)>,
    times: ReadOnlyTable<(Address20, Name), i64>,
    expiries: ReadOnlyTable<(Address20, Name, Bytes), i64>,
    due: ReadOnlyTable<(Address20, Name, i64, Bytes), ()>,
    pub(super) history: ReadOnlyTable<(Address20, Name, u64), Bytes>,
    pub(super) lines: ReadOnlyTable<(Address20, Name, u64), &'static [u8; 8]>,
    pub(super) roots: ReadOnlyTable<(Address20, Name, u64), Hash32>,
}

impl Base {
    /// The value under a key.
    pub fn get(&self, namespace: &Namespace, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.state.get(place(namespace, key))?;
        Ok(row.map(|row| value_of(row.value()).to_vec()))
    }

    /// What a key holds.
    pub fn stored(&self, namespace: &Namespace, key: &str) -> Result<Stored, StoreError> {
        let row = self.state.get(place(namespace, key))?;
        Ok(Stored {
            row: row.map(|row| Row(row.value().into())),
            due_ms: self.due_ms(namespace, key)?,
        })
    }

    /// The identity of the answer to `kv.get`, without the value.
    pub fn get_identity(&self, namespace: &Namespace, key: &str) -> Result<Identity, StoreError> {
        let row = self.state.get(place(namespace, key))?;
        Ok(identity_of(row.as_ref().map(|row| row.value())))
    }

    /// The shape with this fingerprint.
    pub fn shape(
        &self,
        namespace: &Namespace,
        fingerprint: &Fingerprint,
    ) -> Result<Option<String>, StoreError> {
        let row = self.shapes.get(shape_place(namespace, fingerprint))?;
        Ok(row.map(|row| row.value().to_owned()))
    }

    /// The keys of a range, in order of their bytes.
    pub fn keys(
        &self,
        namespace: &Namespace,
        range: KeyRange<'_>,
    ) -> Result<impl Iterator<Item = Result<String, StoreError>>, StoreError> {
        let from = range.start().map(|key| place(namespace, key));
        let rows = self
            .state
            .range::<(&[u8; 20], &str, &[u8])>((from, Bound::Unbounded))?;
        let keys = rows.map(move |row| {
            let row = row?;
            let (address, name, key) = row.0.value();
            if address != namespace.address.as_bytes() || name != namespace.name.as_str() {
                return Ok(None);
            }
            let key = text_key(key)?;
            Ok(range.reaches(&key).then_some(key))
        });
        Ok(keys.map_while(Result::transpose))
    }

    /// What the namespace has come to.
    pub fn head(&self, namespace: &Namespace) -> Result<Head, StoreError> {
        let at = (namespace.address.as_bytes(), namespace.name.as_str());
        let (number, bytes) = match self.namespaces.get(at)? {
            Some(found) => found.value(),
            None => (0, 0),
        };
        let time_ms = self.times.get(at)?.map_or(i64::MIN, |found| found.value());
        Ok(Head {
            number,
            bytes,
            time_ms,
        })
    }

    /// When a key is gone, if it does not stay.
    pub fn due_ms(&self, namespace: &Namespace, key: &str) -> Result<Option<i64>, StoreError> {
        let found = self.expiries.get(place(namespace, key))?;
        Ok(found.map(|found| found.value()))
    }

    /// The keys of a namespace that are gone at this time.
    pub fn due_until(
        &self,
        namespace: &Namespace,
        time_ms: i64,
    ) -> Result<Vec<String>, StoreError> {
        let mut over = Vec::new();
        let (address, name, _) = place(namespace, "");
        let from = (address, name, i64::MIN, &[][..]);
        for row in self.due.range::<(&[u8; 20], &str, i64, &[u8])>(from..)? {
            let row = row?;
            let (found_address, found_name, due_ms, key) = row.0.value();
            if due_ms > time_ms || found_address != address || found_name != name {
                break;
            }
            over.push(text_key(key)?);
        }
        Ok(over)
    }

    /// The namespaces that have keys which will be gone, each with the time of its first one. It looks once at each.
    pub fn first_due(&self) -> Result<Vec<(Namespace, i64)>, StoreError> {
        let mut firsts: Vec<(Namespace, i64)> = Vec::new();
        loop {
            let row = match firsts.last() {
                None => self.due.first()?.map(|(row, _)| row_of_due(row.value())),
                Some((Namespace { address, name }, _)) => {
                    let behind = (address.as_bytes(), name.as_str(), i64::MAX, &[0xff; 1][..]);
                    let mut rest = self.due.range::<(&[u8; 20], &str, i64, &[u8])>(behind..)?;
                    match rest.next() {
                        None => None,
                        Some(row) => Some(row_of_due(row?.0.value())),
                    }
                }
            };
            match row {
                None => return Ok(firsts),
                Some(row) => firsts.push(row?),
            }
        }
    }
}

fn text_key(key: &[u8]) -> Result<String, StoreError> {
    let text = std::str::from_utf8(key)
        .map_err(|_| StoreError::Failed("a key of the state is not UTF-8".to_owned()))?;
    Ok(text.to_owned())
}

/// Whose key is gone when.
fn row_of_due(
    (address, name, due_ms, _): (&[u8; 20], &str, i64, &[u8]),
) -> Result<(Namespace, i64), StoreError> {
    let name = name
        .parse()
        .map_err(|_| StoreError::Failed("a name in the state is none".to_owned()))?;
    let address = Address::from_bytes(*address);
    Ok((Namespace { address, name }, due_ms))
}

fn shape_place<'a>(
    namespace: &'a Namespace,
    fingerprint: &'a Fingerprint,
) -> (&'a [u8; 20], &'a str, &'a [u8; 8]) {
    (
        namespace.address.as_bytes(),
        namespace.name.as_str(),
        fingerprint,
    )
}

fn place<'a>(namespace: &'a Namespace, key: &'a str) -> (&'a [u8; 20], &'a str, &'a [u8]) {
    (
        namespace.address.as_bytes(),
        namespace.name.as_str(),
        key.as_bytes(),
    )
}

impl Store {
    /// The durable state as it is now.
    pub fn base(&self) -> Result<Base, StoreError> {
        let read = self.begin_read()?;
        Ok(Base {
            state: read.open_table(STATE)?,
            shapes: read.open_table(SHAPES)?,
            namespaces: read.open_table(NAMESPACES)?,
            times: read.open_table(TIMES)?,
            expiries: read.open_table(EXPIRIES)?,
            due: read.open_table(DUE)?,
            history: read.open_table(HISTORY)?,
            lines: read.open_table(LINES)?,
            roots: read.open_table(ROOTS)?,
        })
    }

    /// Makes accepted commits durable, in order, all in one transaction. Of each namespace the newest commits are kept to look
    /// back at, up to `history_bytes`.
    pub fn apply(&self, commits: &[Commit], history_bytes: u64) -> Result<(), StoreError> {
        let bytes: usize = commits.iter().map(Commit::size_bytes).sum();
        self.check_room(bytes as u64)?;
        self.write(|write| {
            apply(write, commits)?;
            history::keep(write, commits, history_bytes)
        })
    }
}

/// Writes what the commits come to together: a key that several of them change is written once.
fn apply(write: &WriteTransaction, commits: &[Commit]) -> Result<(), StoreError> {
    let mut keys: BTreeMap<(&Namespace, &str), &Stored> = BTreeMap::new();
    let mut heads: BTreeMap<&Namespace, &Head> = BTreeMap::new();
    for commit in commits {
        let namespace = &commit.namespace;
        heads.insert(namespace, &commit.head);
        let changes = commit.keys.iter();
        keys.extend(changes.map(|(key, change)| ((namespace, key.as_str()), &change.after)));
        if let Some(line) = commit.line {
            lines::begin(write, namespace, commit.head.number, line)?;
        }
    }
    let mut state = write.open_table(STATE)?;
    let mut expiries = write.open_table(EXPIRIES)?;
    let mut due = write.open_table(DUE)?;
    for ((namespace, key), stored) in keys {
        let at = place(namespace, key);
        match &stored.row {
            Some(row) => state.insert(at, &*row.0)?,
            None => state.remove(at)?,
        };
        let before = expiries.remove(at)?.map(|found| found.value());
        let (address, name, key) = at;
        if let Some(before) = before {
            due.remove((address, name, before, key))?;
        }
        if let Some(due_ms) = stored.due_ms {
            expiries.insert(at, due_ms)?;
            due.insert((address, name, due_ms, key), ())?;
        }
    }
    let mut shapes = write.open_table(SHAPES)?;
    for commit in commits {
        for (fingerprint, shape) in &commit.shapes {
            let at = shape_place(&commit.namespace, fingerprint);
            shapes.insert(at, shape.as_str())?;
        }
    }
    let mut namespaces = write.open_table(NAMESPACES)?;
    let mut times = write.open_table(TIMES)?;
    for (namespace, head) in heads {
        let at = (namespace.address.as_bytes(), namespace.name.as_str());
        namespaces.insert(at, (head.number, head.bytes))?;
        times.insert(at, head.time_ms)?;
    }
    Ok(())
}
