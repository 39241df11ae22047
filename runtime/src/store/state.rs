//! The state of programs on disk: per publisher and name an ordered map from keys to values.
//!
//! Beside each value stands the hash of the *answer* that `kv.get` gives for it, if that is long, so that the identity of an
//! answer is known without reading the value ([`Identity`]).

use std::collections::BTreeMap;
use std::ops::Bound;

use redb::{ReadOnlyTable, ReadableTable, WriteTransaction};

use super::{Address20, Bytes, NAMESPACES, Name, STATE, Store, StoreError};
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

/// Writes of one run: for each key its new value, or `None` where it is removed.
pub type Writes = BTreeMap<String, Option<Vec<u8>>>;

/// What `kv.get` and `kv.keys` are answered from.
pub trait StateView {
    /// The value under a key.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The identity of the answer to `kv.get`, without the value.
    fn get_identity(&self, key: &str) -> Result<Identity, StoreError>;

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
struct Pending<'a, T> {
    table: &'a T,
    namespace: &'a Namespace,
}

impl<T: ReadableTable<(Address20, Name, Bytes), Bytes>> StateView for Pending<'_, T> {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read_get(self.table, self.namespace, key)
    }

    fn get_identity(&self, key: &str) -> Result<Identity, StoreError> {
        read_identity(self.table, self.namespace, key)
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
}

/// What became of one run's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Store {
    /// The state of a namespace at the last commit.
    pub fn snapshot(&self, namespace: &Namespace) -> Result<Snapshot, StoreError> {
        Ok(Snapshot {
            namespace: namespace.clone(),
            table: self.begin_read()?.open_table(STATE)?,
        })
    }

    /// Validates and applies the changes in order, all in one transaction: each sees those before it.
    pub fn commit_batch(
        &self,
        changes: &mut [Change<'_>],
        quota_bytes: u64,
    ) -> Result<Vec<Changed>, StoreError> {
        let bytes: usize = changes
            .iter()
            .flat_map(|change| change.writes)
            .map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len))
            .sum();
        self.check_room(bytes as u64)?;
        self.write(|write| {
            changes
                .iter_mut()
                .map(|change| apply(write, change, quota_bytes))
                .collect()
        })
    }
}

fn apply(
    write: &WriteTransaction,
    change: &mut Change<'_>,
    quota_bytes: u64,
) -> Result<Changed, StoreError> {
    let namespace = change.namespace;
    let mut table = write.open_table(STATE)?;
    let pending = Pending {
        table: &table,
        namespace,
    };
    if !(change.still_valid)(&pending)? {
        return Ok(Changed::Conflict);
    }
    let mut namespaces = write.open_table(NAMESPACES)?;
    let at = (namespace.address.as_bytes(), namespace.name.as_str());
    let (number, mut bytes) = namespaces.get(at)?.map_or((0, 0), |found| found.value());
    let before = bytes;
    for (key, value) in change.writes {
        if let Some(row) = table.get(place(namespace, key))? {
            let size = key.len() + row.value().len().saturating_sub(HASH_LENGTH);
            bytes = bytes.saturating_sub(size as u64);
        }
        if let Some(value) = value {
            bytes += (key.len() + value.len()) as u64;
        }
    }
    // A program that is over its quota may still shrink.
    if bytes > quota_bytes && bytes > before {
        return Ok(Changed::Quota { bytes });
    }
    for (key, value) in change.writes {
        match value {
            Some(value) => table.insert(place(namespace, key), row(value).as_slice())?,
            None => table.remove(place(namespace, key))?,
        };
    }
    namespaces.insert(at, (number + 1, bytes))?;
    Ok(Changed::Committed(number + 1))
}
