//! What was accepted and is not on disk yet, and how a run sees it over what is.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Sequence;
use crate::store::StoreError;
use crate::store::state::{
    Base, Commit, Fingerprint, Head, KeyRange, Namespace, Row, StateView, Stored,
};
use crate::transcript::Identity;

/// What the accepted commits of a namespace that are not durable changed, the last ones of each key.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// What the last of them has come to, and which one that is.
    head: Head,
    last: Sequence,
    keys: BTreeMap<String, (Sequence, Stored)>,
    shapes: BTreeMap<Fingerprint, (Sequence, String)>,
}

impl Overlay {
    /// Lays a commit over it.
    pub fn add(&mut self, sequence: Sequence, commit: &Commit) {
        self.head = commit.head;
        self.last = sequence;
        let keys = commit.keys.iter();
        self.keys
            .extend(keys.map(|(key, change)| (key.clone(), (sequence, change.after.clone()))));
        let shapes = commit.shapes.iter();
        self.shapes
            .extend(shapes.map(|(print, shape)| (*print, (sequence, shape.clone()))));
    }

    /// Takes away what is on disk; says whether anything is left.
    pub fn settle(&mut self, up_to: Sequence) -> bool {
        self.keys.retain(|_, (sequence, _)| *sequence > up_to);
        self.shapes.retain(|_, (sequence, _)| *sequence > up_to);
        self.last > up_to
    }
}

/// The accepted state of one namespace at one instant. It stays as it was.
pub struct Snapshot {
    namespace: Namespace,
    base: Arc<Base>,
    overlay: Option<Arc<Overlay>>,
    seen: AtomicU64,
}

impl Snapshot {
    /// A view of the base with this over it.
    pub(super) fn new(
        namespace: Namespace,
        base: Arc<Base>,
        overlay: Option<Arc<Overlay>>,
    ) -> Snapshot {
        Snapshot {
            namespace,
            base,
            overlay,
            seen: AtomicU64::new(0),
        }
    }

    /// The last of the commits that what was read so far rests on: when it is durable, answers that rest on it may be told.
    pub fn seen(&self) -> Sequence {
        self.seen.load(Ordering::Relaxed)
    }

    /// The last commit of the namespace, whether or not anything of it was read.
    pub fn newest(&self) -> Sequence {
        self.overlay.as_ref().map_or(0, |overlay| overlay.last)
    }

    /// What the namespace has come to.
    pub fn head(&self) -> Result<Head, StoreError> {
        match &self.overlay {
            Some(overlay) => Ok(overlay.head),
            None => self.base.head(&self.namespace),
        }
    }

    /// What a key holds.
    pub fn stored(&self, key: &str) -> Result<Stored, StoreError> {
        if let Some(stored) = self.changed(key) {
            return Ok(stored.clone());
        }
        let value = self.base.get(&self.namespace, key)?;
        Ok(Stored {
            row: value.as_deref().map(Row::of),
            due_ms: self.base.due_ms(&self.namespace, key)?,
        })
    }

    /// When a key is gone, if it does not stay.
    pub fn due_ms(&self, key: &str) -> Result<Option<i64>, StoreError> {
        match self.changed(key) {
            Some(stored) => Ok(stored.due_ms),
            None => self.base.due_ms(&self.namespace, key),
        }
    }

    /// The keys that are gone at this time.
    pub fn due_until(&self, time_ms: i64) -> Result<Vec<String>, StoreError> {
        let mut over = self.base.due_until(&self.namespace, time_ms)?;
        if let Some(overlay) = &self.overlay {
            over.retain(|key| !overlay.keys.contains_key(key));
            let is_over = |stored: &Stored| stored.due_ms.is_some_and(|due_ms| due_ms <= time_ms);
            let changed = overlay.keys.iter();
            let changed = changed.filter(|(_, (_, stored))| is_over(stored));
            over.extend(changed.map(|(key, _)| key.clone()));
        }
        Ok(over)
    }

    /// What a commit that is not durable made of a key.
    fn changed(&self, key: &str) -> Option<&Stored> {
        let (sequence, stored) = self.overlay.as_ref()?.keys.get(key)?;
        self.note(*sequence);
        Some(stored)
    }

    fn note(&self, sequence: Sequence) {
        self.seen.fetch_max(sequence, Ordering::Relaxed);
    }
}

impl StateView for Snapshot {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changed(key) {
            Some(stored) => Ok(stored.row.as_ref().map(|row| row.value().to_vec())),
            None => self.base.get(&self.namespace, key),
        }
    }

    fn get_identity(&self, key: &str) -> Result<Identity, StoreError> {
        match self.changed(key) {
            Some(stored) => Ok(Row::identity(stored.row.as_ref())),
            None => self.base.get_identity(&self.namespace, key),
        }
    }

    fn shape(&self, fingerprint: &Fingerprint) -> Result<Option<String>, StoreError> {
        let added = self.overlay.as_ref();
        match added.and_then(|overlay| overlay.shapes.get(fingerprint)) {
            Some((sequence, shape)) => {
                self.note(*sequence);
                Ok(Some(shape.clone()))
            }
            None => self.base.shape(&self.namespace, fingerprint),
        }
    }

    fn keys(&self, range: &KeyRange<'_>, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut durable = self.base.keys(&self.namespace, *range)?.peekable();
        let nothing = BTreeMap::new();
        let changed = self.overlay.as_ref().map_or(&nothing, |o| &o.keys);
        let mut changed = changed
            .range::<str, _>((range.start(), Bound::Unbounded))
            .take_while(|(key, _)| range.reaches(key))
            // What a scan does not show because it was removed is what it rests on, too.
            .inspect(|(_, (sequence, _))| self.note(*sequence))
            .peekable();
        let mut keys = Vec::new();
        while keys.len() < limit {
            let first_durable = match durable.peek() {
                Some(Ok(key)) => Some(key.as_str()),
                Some(Err(error)) => return Err(error.clone()),
                None => None,
            };
            let first_changed = changed.peek().map(|(key, _)| key.as_str());
            match (first_durable, first_changed) {
                (None, None) => break,
                (Some(one), other) if other.is_none_or(|other| one < other) => {
                    keys.push(one.to_owned());
                    durable.next();
                }
                (one, _) => {
                    if one == first_changed {
                        durable.next();
                    }
                    if let Some((key, (_, stored))) = changed.next()
                        && stored.row.is_some()
                    {
                        keys.push(key.clone());
                    }
                }
            }
        }
        Ok(keys)
    }
}
