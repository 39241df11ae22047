//! Lines of a namespace, and roots of its state.
//!
//! Numbers of commits go up and never repeat. But where a state was replaced by an export, or a backup was restored, what follows
//! is not what would have followed otherwise: there a new *line* begins. A commit is named by its line and its number.

use std::fmt;

use cop_bytecode::Hash;
use redb::WriteTransaction;

use super::state::{Base, Namespace};
use super::{LINES, ROOTS, Store, StoreError};
use crate::codec::Writer;
use crate::transcript::Identity;

/// The root of a state is kept for every so-manieth commit, or the newest such one where more than one a second would be.
pub const ROOT_EVERY: u64 = 1_000;
/// Most roots that are kept of one namespace: of its last `ROOT_EVERY` times as many commits.
const ROOTS_KEPT: u64 = 1_000;
/// Pairs of key and identity that are hashed together.
const PART_PAIRS: u64 = 1_024;

/// A line of commits: 8 random bytes, and zeros for the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(pub [u8; 8]);

impl fmt::Display for Line {
    /// 16 hexadecimal digits; `0` for the first line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Line::default() {
            return out.write_str("0");
        }
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// Adds up the root of a state: pairs of key and identity of the answer of `kv.get`, in order of key.
///
/// ```text
///  part = H("cop state part 1", for each of up to 1,024 pairs: key (text) │ length of the identity (byte) │ identity)
///  root = H("cop state 1", count of pairs (count), all parts in order)
/// ```
#[derive(Debug, Default)]
pub struct Root {
    pairs: u64,
    part: Writer,
    parts: Vec<u8>,
}

impl Root {
    /// Adds the next key.
    pub fn add(&mut self, key: &str, identity: Identity) {
        // 33 tells a hash from an answer of 32 bytes.
        let length = identity.hash().map_or(identity.bytes().len(), |_| 33);
        self.part.text(key).byte(length as u8).raw(identity.bytes());
        self.pairs += 1;
        if self.pairs.is_multiple_of(PART_PAIRS) {
            self.end_part();
        }
    }

    /// The root of what was added.
    pub fn finish(mut self) -> Hash {
        if !self.pairs.is_multiple_of(PART_PAIRS) {
            self.end_part();
        }
        let mut count = Writer::new();
        count.count(self.pairs);
        Hash::tagged("cop state 1", &[&count.finish(), &self.parts])
    }

    fn end_part(&mut self) {
        let part = std::mem::take(&mut self.part).finish();
        let hash = Hash::tagged("cop state part 1", &[&part]);
        self.parts.extend_from_slice(&hash.0);
    }
}

impl Base {
    /// The line of a namespace's commit with this number.
    pub fn line(&self, namespace: &Namespace, number: u64) -> Result<Line, StoreError> {
        let (address, name) = (namespace.address.as_bytes(), namespace.name.as_str());
        let range = (address, name, 0)..=(address, name, number);
        let last = self
            .lines
            .range::<(&[u8; 20], &str, u64)>(range)?
            .next_back();
        Ok(match last {
            Some(row) => Line(*row?.1.value()),
            None => Line::default(),
        })
    }

    /// The root that is kept of a namespace's state behind this commit.
    pub fn kept_root(
        &self,
        namespace: &Namespace,
        number: u64,
    ) -> Result<Option<Hash>, StoreError> {
        let at = (
            namespace.address.as_bytes(),
            namespace.name.as_str(),
            number,
        );
        Ok(self.roots.get(at)?.map(|root| Hash(*root.value())))
    }
}

/// Begins a line with a commit.
pub(super) fn begin(
    write: &WriteTransaction,
    namespace: &Namespace,
    number: u64,
    line: Line,
) -> Result<(), StoreError> {
    let at = (
        namespace.address.as_bytes(),
        namespace.name.as_str(),
        number,
    );
    write.open_table(LINES)?.insert(at, &line.0)?;
    Ok(())
}

impl Store {
    /// Keeps the root of a namespace's state behind this commit. It may be gone after a crash: it can be added up again.
    pub fn keep_root(
        &self,
        namespace: &Namespace,
        number: u64,
        root: &Hash,
    ) -> Result<(), StoreError> {
        let (address, name) = (namespace.address.as_bytes(), namespace.name.as_str());
        self.write_soon(|write| {
            let mut roots = write.open_table(ROOTS)?;
            roots.insert((address, name, number), &root.0)?;
            // Not each thousandth is kept while much is written, so those that are too old are looked for.
            let old = number.saturating_sub(ROOT_EVERY * ROOTS_KEPT);
            let range = (address, name, 0)..=(address, name, old);
            roots.retain_in::<(&[u8; 20], &str, u64), _>(range, |_, _| false)?;
            Ok(())
        })
    }
}
