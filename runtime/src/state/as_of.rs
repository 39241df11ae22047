//! The state of a namespace as it was behind an earlier commit: what is on disk, with what was changed since taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use cop_bytecode::Hash;

use crate::store::StoreError;
use crate::store::history::KeyChange;
use crate::store::lines::{Line, Root};
use crate::store::state::{Base, KeyRange, Namespace, Row, Stored};

use super::States;

/// A durable state behind a commit.
pub struct AsOf {
    base: Arc<Base>,
    namespace: Namespace,
    /// What keys held then that were changed since.
    changed: BTreeMap<String, Stored>,
    /// The commit's number; 0 for the state before the first.
    pub number: u64,
    /// Its line.
    pub line: Line,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: i64,
}

impl States {
    /// The line of a durable commit.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn line(&self, namespace: &Namespace, number: u64) -> Result<Line, StoreError> {
        self.accepted().base.clone().line(namespace, number)
    }

    /// The durable state behind a commit, or behind the last; `None` if there is no such commit, or too little is kept of what
    /// was changed since.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn as_of(
        &self,
        namespace: &Namespace,
        number: Option<u64>,
    ) -> Result<Option<AsOf>, StoreError> {
        let base = self.accepted().base.clone();
        let head = base.head(namespace)?;
        let number = number.unwrap_or(head.number);
        if number > head.number {
            return Ok(None);
        }
        let mut changed = BTreeMap::new();
        let mut time_ms = head.time_ms;
        if number < head.number {
            let since = base.history_since(namespace, number)?;
            if since.first().map(|past| past.number) != Some(number + 1) {
                return Ok(None);
            }
            for past in since {
                for (key, KeyChange { before, .. }) in past.keys {
                    changed.entry(key).or_insert(before);
                }
            }
            let at = base.history(namespace, number + 1, 1)?;
            let at = at.into_iter().find(|past| past.number == number);
            time_ms = at.map_or(i64::MIN, |past| past.time_ms);
        }
        Ok(Some(AsOf {
            line: base.line(namespace, number)?,
            namespace: namespace.clone(),
            base,
            changed,
            number,
            time_ms,
        }))
    }
}

impl AsOf {
    /// What a key held.
    pub fn stored(&self, key: &str) -> Result<Stored, StoreError> {
        match self.changed.get(key) {
            Some(stored) => Ok(stored.clone()),
            None => self.base.stored(&self.namespace, key),
        }
    }

    /// The keys that begin with `prefix` and come after `after`, in order of their bytes.
    pub fn keys<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> Result<impl Iterator<Item = Result<String, StoreError>> + 'a, StoreError> {
        let range = KeyRange::of(prefix, after);
        let durable = self.base.keys(&self.namespace, range)?;
        let durable = durable.filter(|key| match key {
            Ok(key) => !self.changed.contains_key(key),
            Err(_) => true,
        });
        let changed = self
            .changed
            .range::<str, _>((range.start(), Bound::Unbounded))
            .take_while(move |(key, _)| range.reaches(key))
            .filter(|(_, stored)| stored.row.is_some())
            .map(|(key, _)| key.clone());
        Ok(merged(durable.peekable(), changed.peekable()))
    }

    /// The keys that may hold something else behind another commit.
    pub fn changed_but_in<'a>(&'a self, other: &'a AsOf) -> BTreeSet<&'a String> {
        self.changed.keys().chain(other.changed.keys()).collect()
    }

    /// The shape with this fingerprint. Shapes stay, so one that came later is there too.
    pub fn shape(&self, fingerprint: &[u8; 8]) -> Result<Option<String>, StoreError> {
        self.base.shape(&self.namespace, fingerprint)
    }

    /// The root of the state.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn root(&self) -> Result<Hash, StoreError> {
        let root = self.root_of_at_most(usize::MAX)?;
        root.ok_or_else(|| StoreError::Failed("a state has more keys than can be".to_owned()))
    }

    /// The same where it is kept, or no more than so many keys are to be added up.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn root_of_at_most(&self, keys_max: usize) -> Result<Option<Hash>, StoreError> {
        if let Some(root) = self.base.kept_root(&self.namespace, self.number)? {
            return Ok(Some(root));
        }
        let mut root = Root::default();
        for (count, key) in self.keys("", None)?.enumerate() {
            if count == keys_max {
                return Ok(None);
            }
            let key = key?;
            let identity = match self.changed.get(&key) {
                Some(stored) => Row::identity(stored.row.as_ref()),
                None => self.base.get_identity(&self.namespace, &key)?,
            };
            root.add(&key, identity);
        }
        Ok(Some(root.finish()))
    }
}

/// Two sorted rows of keys as one; they have none in common.
fn merged<A, B>(
    mut one: Peekable<A>,
    mut other: Peekable<B>,
) -> impl Iterator<Item = Result<String, StoreError>>
where
    A: Iterator<Item = Result<String, StoreError>>,
    B: Iterator<Item = String>,
{
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(Ok(key)), Some(next)) if key < next => one.next(),
        (_, Some(_)) => other.next().map(Ok),
        (_, None) => one.next(),
    })
}
