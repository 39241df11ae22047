//! The state of programs on disk: per publisher and name an ordered map from keys to values.
//!
//! Beside each value stands the hash of the *answer* that `kv.get` gives for it, if that is long, so that the identity of an
//! answer is known without reading the value ([`Identity`]).
//!
//! **Time.** Each commit of a namespace has a time, never earlier than that of the one before. A key whose expiry is not after
//! it is gone: its removal is a commit of its own, right before. So what a snapshot shows depends on its number alone, and a run
//! that read a key that has gone meets a conflict like any other. [`Store::expire`] does the same for namespaces that nobody writes.

use std::collections::BTreeMap;
use std::ops::Bound;

use redb::{ReadOnlyTable, ReadableTable, Table, WriteTransaction};

use super::writes::{Misfit, Write, Writes};
use super::{
    Address20, Bytes, DUE, EXPIRIES, NAMESPACES, Name, SHAPES, STATE, ShapeKey, Store, StoreError,
    TIMES,
};
use crate::address::{Address, ProgramName};
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

    /// At most `limit` keys that begin with `prefix` and come after `after`, in order of their bytes.
    fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError>;
}

/// The state of one namespace as it was at one commit.
pub struct Snapshot {
    namespace: Namespace,
    table: ReadOnlyTable<(Address20, Name, Bytes), Bytes>,
    shapes: ReadOnlyTable<ShapeKey, &'static str>,
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

/// What a value's row holds.
fn row(value: &[u8]) -> Vec<u8> {
    let identity = Identity::of(&get_answer(Some(value)));
    let mut row = identity.hash().unwrap_or([0; HASH_LENGTH]).to_vec();
    row.extend_from_slice(value);
    row
}

/// The identity that a row stands for.
fn row_identity(row: Option<&[u8]>) -> Identity {
    match row {
        None => Identity::of(&get_answer(None)),
        Some(row) => {
            let (hash, value) = row.split_at(HASH_LENGTH.min(row.len()));
            match hash.try_into() {
                Ok(hash) if hash != [0; HASH_LENGTH] => Identity::of_hash(hash),
                _ => Identity::of(&get_answer(Some(value))),
            }
        }
    }
}

fn read_get(
    table: &impl ReadableTable<(Address20, Name, Bytes), Bytes>,
    namespace: &Namespace,
    key: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let row = table.get(place(namespace, key))?;
    Ok(row.map(|row| row.value().get(HASH_LENGTH..).unwrap_or_default().to_vec()))
}

fn read_identity(
    table: &impl ReadableTable<(Address20, Name, Bytes), Bytes>,
    namespace: &Namespace,
    key: &str,
) -> Result<Identity, StoreError> {
    let row = table.get(place(namespace, key))?;
    Ok(row_identity(row.as_ref().map(|row| row.value())))
}

fn read_keys(
    table: &impl ReadableTable<(Address20, Name, Bytes), Bytes>,
    namespace: &Namespace,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(place(namespace, after)),
        _ => Bound::Included(place(namespace, prefix)),
    };
    let mut keys = Vec::new();
    for entry in table.range::<(&[u8; 20], &str, &[u8])>((from, Bound::Unbounded))? {
        let entry = entry?;
        let (address, name, key) = entry.0.value();
        let inside = address == namespace.address.as_bytes()
            && name == namespace.name.as_str()
            && key.starts_with(prefix.as_bytes());
        if !inside || keys.len() == limit {
            break;
        }
        let key = std::str::from_utf8(key)
            .map_err(|_| StoreError::Failed("a key of the state is not UTF-8".to_owned()))?;
        keys.push(key.to_owned());
    }
    Ok(keys)
}

fn read_shape(
    table: &impl ReadableTable<ShapeKey, &'static str>,
    namespace: &Namespace,
    fingerprint: &Fingerprint,
) -> Result<Option<String>, StoreError> {
    let row = table.get(shape_place(namespace, fingerprint))?;
    Ok(row.map(|row| row.value().to_owned()))
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

impl StateView for Snapshot {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read_get(&self.table, &self.namespace, key)
    }

    fn get_identity(&self, key: &str) -> Result<Identity, StoreError> {
        read_identity(&self.table, &self.namespace, key)
    }

    fn shape(&self, fingerprint: &Fingerprint) -> Result<Option<String>, StoreError> {
        read_shape(&self.shapes, &self.namespace, fingerprint)
    }

    fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        read_keys(&self.table, &self.namespace, prefix, after, limit)
    }
}

/// What is known of a namespace in a transaction that is being made.
struct Pending<'a, T, S> {
    table: &'a T,
    shapes: &'a S,
    namespace: &'a Namespace,
}

impl<T, S> StateView for Pending<'_, T, S>
where
    T: ReadableTable<(Address20, Name, Bytes), Bytes>,
    S: ReadableTable<ShapeKey, &'static str>,
{
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read_get(self.table, self.namespace, key)
    }

    fn get_identity(&self, key: &str) -> Result<Identity, StoreError> {
        read_identity(self.table, self.namespace, key)
    }

    fn shape(&self, fingerprint: &Fingerprint) -> Result<Option<String>, StoreError> {
        read_shape(self.shapes, self.namespace, fingerprint)
    }

    fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        read_keys(self.table, self.namespace, prefix, after, limit)
    }
}

/// One run's part of a batch.
pub struct Change<'a> {
    /// Whose state.
    pub namespace: &'a Namespace,
    /// Whether what the run read is still so.
    pub still_valid: &'a mut dyn FnMut(&dyn StateView) -> Result<bool, StoreError>,
    /// What it writes.
    pub writes: &'a Writes,
    /// The shapes of the values among them.
    pub shapes: &'a Shapes,
}

/// What became of one run's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is commit number so and so of its namespace.
    Committed(u64),
    /// What it read has changed since: nothing of it was applied.
    Conflict,
    /// The namespace would be larger than it may be: nothing of it was applied.
    Quota {
        /// Bytes that it would have.
        bytes: u64,
    },
    /// A blind change does not fit what is stored: nothing of it was applied.
    Misfit {
        /// Where.
        key: String,
        /// Why.
        misfit: Misfit,
    },
}

impl Store {
    /// The state of a namespace at the last commit.
    pub fn snapshot(&self, namespace: &Namespace) -> Result<Snapshot, StoreError> {
        let read = self.begin_read()?;
        Ok(Snapshot {
            namespace: namespace.clone(),
            table: read.open_table(STATE)?,
            shapes: read.open_table(SHAPES)?,
        })
    }

    /// Validates and applies the changes in order, all in one transaction: each sees those before it. `now_ms` is what the
    /// clock says, in milliseconds since 1970.
    pub fn commit_batch(
        &self,
        changes: &mut [Change<'_>],
        quota_bytes: u64,
        now_ms: i64,
    ) -> Result<Vec<Changed>, StoreError> {
        let bytes: usize = changes
            .iter()
            .flat_map(|change| change.writes)
            .map(|(key, write)| key.len() + write.size_bytes())
            .sum();
        self.check_room(bytes as u64)?;
        self.write(|write| {
            changes
                .iter_mut()
                .map(|change| apply(write, change, quota_bytes, now_ms))
                .collect()
        })
    }

    /// When the next key of any namespace is gone, in milliseconds since 1970. It looks at each namespace that has such keys.
    pub fn next_due_ms(&self) -> Result<Option<i64>, StoreError> {
        let firsts = self.first_due()?;
        Ok(firsts.into_iter().map(|(_, due_ms)| due_ms).min())
    }

    /// Removes the keys whose time is over: for each namespace concerned one commit.
    pub fn expire(&self, now_ms: i64) -> Result<(), StoreError> {
        let mut firsts = self.first_due()?;
        firsts.retain(|(_, due_ms)| *due_ms <= now_ms);
        if firsts.is_empty() {
            return Ok(());
        }
        self.write(|write| {
            for (namespace, _) in &firsts {
                Tables::of(write, namespace, now_ms)?.expire()?;
            }
            Ok(())
        })
    }

    /// The namespaces that have keys which will be gone, each with the time of its first one.
    fn first_due(&self) -> Result<Vec<(Namespace, i64)>, StoreError> {
        let due = self.begin_read()?.open_table(DUE)?;
        let mut firsts: Vec<(Namespace, i64)> = Vec::new();
        loop {
            let row = match firsts.last() {
                None => due.first()?.map(|(row, _)| row_of_due(row.value())),
                Some((Namespace { address, name }, _)) => {
                    let behind = (address.as_bytes(), name.as_str(), i64::MAX, &[0xff; 1][..]);
                    let mut rest = due.range::<(&[u8; 20], &str, i64, &[u8])>(behind..)?;
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

fn apply(
    write: &WriteTransaction,
    change: &mut Change<'_>,
    quota_bytes: u64,
    now_ms: i64,
) -> Result<Changed, StoreError> {
    let namespace = change.namespace;
    let mut tables = Tables::of(write, namespace, now_ms)?;
    tables.expire()?;
    let pending = Pending {
        table: &tables.state,
        shapes: &tables.shapes,
        namespace,
    };
    if !(change.still_valid)(&pending)? {
        return Ok(Changed::Conflict);
    }
    let (number, before) = tables.head()?;
    let mut bytes = before;
    let mut values = Vec::with_capacity(change.writes.len());
    for (key, write) in change.writes {
        let stored = read_get(&tables.state, namespace, key)?;
        let value = match write.applied(stored.as_deref()) {
            Ok(value) => value,
            Err(misfit) => {
                return Ok(Changed::Misfit {
                    key: key.clone(),
                    misfit,
                });
            }
        };
        if let Some(stored) = stored {
            bytes = bytes.saturating_sub((key.len() + stored.len()) as u64);
        }
        if let Some(value) = &value {
            bytes += (key.len() + value.len()) as u64;
        }
        values.push((key, write, value));
    }
    for (fingerprint, shape) in change.shapes {
        if read_shape(&tables.shapes, namespace, fingerprint)?.is_none() {
            bytes += shape.len() as u64;
        }
    }
    // A program that is over its quota may still shrink.
    if bytes > quota_bytes && bytes > before {
        return Ok(Changed::Quota { bytes });
    }
    for (key, write, value) in values {
        tables.set(key, value.as_deref())?;
        match write {
            Write::Put {
                seconds: Some(seconds),
                ..
            } => tables.set_expiry(key, Some(*seconds))?,
            Write::Put { seconds: None, .. } | Write::Remove => tables.set_expiry(key, None)?,
            // What changes a value does not change how long it stays.
            Write::Add(_) | Write::Append(_) => {}
        }
    }
    for (fingerprint, shape) in change.shapes {
        tables
            .shapes
            .insert(shape_place(namespace, fingerprint), shape.as_str())?;
    }
    tables.finish(number + 1, bytes)?;
    Ok(Changed::Committed(number + 1))
}

/// The tables of a namespace in a transaction, and the time of the commit that is made.
struct Tables<'t> {
    namespace: &'t Namespace,
    state: Table<'t, (Address20, Name, Bytes), Bytes>,
    shapes: Table<'t, ShapeKey, &'static str>,
    namespaces: Table<'t, (Address20, Name), (u64, u64)>,
    times: Table<'t, (Address20, Name), i64>,
    expiries: Table<'t, (Address20, Name, Bytes), i64>,
    due: Table<'t, (Address20, Name, i64, Bytes), ()>,
    time_ms: i64,
}

impl<'t> Tables<'t> {
    fn of(
        write: &'t WriteTransaction,
        namespace: &'t Namespace,
        now_ms: i64,
    ) -> Result<Tables<'t>, StoreError> {
        let times = write.open_table(TIMES)?;
        let at = (namespace.address.as_bytes(), namespace.name.as_str());
        let last_ms = times.get(at)?.map_or(now_ms, |found| found.value());
        Ok(Tables {
            namespace,
            state: write.open_table(STATE)?,
            shapes: write.open_table(SHAPES)?,
            namespaces: write.open_table(NAMESPACES)?,
            times,
            expiries: write.open_table(EXPIRIES)?,
            due: write.open_table(DUE)?,
            time_ms: now_ms.max(last_ms),
        })
    }

    /// Number of the last commit, and bytes of all keys and values.
    fn head(&self) -> Result<(u64, u64), StoreError> {
        let at = (
            self.namespace.address.as_bytes(),
            self.namespace.name.as_str(),
        );
        Ok(self
            .namespaces
            .get(at)?
            .map_or((0, 0), |found| found.value()))
    }

    fn finish(&mut self, number: u64, bytes: u64) -> Result<(), StoreError> {
        let at = (
            self.namespace.address.as_bytes(),
            self.namespace.name.as_str(),
        );
        self.namespaces.insert(at, (number, bytes))?;
        self.times.insert(at, self.time_ms)?;
        Ok(())
    }

    fn set(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        let place = place(self.namespace, key);
        match value {
            Some(value) => self.state.insert(place, row(value).as_slice())?,
            None => self.state.remove(place)?,
        };
        Ok(())
    }

    /// Says when a key is gone: in so many seconds from the time of this commit, or never.
    fn set_expiry(&mut self, key: &str, seconds: Option<i64>) -> Result<(), StoreError> {
        let (address, name, key) = place(self.namespace, key);
        let before = self.expiries.remove((address, name, key))?;
        if let Some(before) = before.map(|found| found.value()) {
            self.due.remove((address, name, before, key))?;
        }
        if let Some(seconds) = seconds {
            let due_ms = self.time_ms.saturating_add(seconds.saturating_mul(1_000));
            self.expiries.insert((address, name, key), due_ms)?;
            self.due.insert((address, name, due_ms, key), ())?;
        }
        Ok(())
    }

    /// Removes what is gone by now, in a commit of its own.
    fn expire(&mut self) -> Result<(), StoreError> {
        let mut over = Vec::new();
        let (address, name, _) = place(self.namespace, "");
        let from = (address, name, i64::MIN, &[][..]);
        for row in self.due.range::<(&[u8; 20], &str, i64, &[u8])>(from..)? {
            let row = row?;
            let (found_address, found_name, due_ms, key) = row.0.value();
            let is_over = due_ms <= self.time_ms;
            if !is_over || found_address != address || found_name != name {
                break;
            }
            let key = std::str::from_utf8(key)
                .map_err(|_| StoreError::Failed("a key of the state is not UTF-8".to_owned()))?;
            over.push(key.to_owned());
        }
        if over.is_empty() {
            return Ok(());
        }
        let (number, mut bytes) = self.head()?;
        for key in over {
            let stored = read_get(&self.state, self.namespace, &key)?;
            bytes = bytes.saturating_sub((key.len() + stored.map_or(0, |v| v.len())) as u64);
            self.set(&key, None)?;
            self.set_expiry(&key, None)?;
        }
        self.finish(number + 1, bytes)
    }
}
