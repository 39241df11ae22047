//! `kv`: the program's own store, as one run sees it.
//!
//! A run reads at one snapshot. Its own writes lie over it: a key that it has written is answered from there and is no question;
//! a scan asks the snapshot for as many more keys as the run has removed in its range, and the run's own keys are woven in.
//! A key that it has only changed blindly is asked for, and the change made to the answer. Nothing reaches the store before the
//! run has ended well.

use cop_bytecode::Hash;
use cop_bytecode::limits::{KEY_BYTES, SCAN_ENTRIES, VALUE_BYTES, WRITE_BYTES, WRITES};

use crate::codec::{CodecError, Reader, Writer};
use crate::host::{HostCall, files};
use crate::store::state::{Fingerprint, KeyRange, Shapes};
use crate::store::writes::{Misfit, Write, Writes};

/// What keys begin with that are the node's own: programs neither see nor write them. No character is greater, so they stand
/// behind all others.
pub const RESERVED: &str = "\u{10ffff}";

/// Most bytes of the text of a shape.
const SHAPE_BYTES: usize = 64 << 10;

/// The writes of a run, as they would be committed now. Their number and size are limited: a key that is written twice counts
/// once, with what both writes come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    writes: Writes,
    shapes: Shapes,
    bytes: usize,
}

/// The writes are beyond their limit, which is this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyWrites(pub i64);

impl Overlay {
    /// What this run has written under a key.
    pub fn get(&self, key: &str) -> Option<&Write> {
        self.writes.get(key)
    }

    /// Buffers a write, on top of what was written there before. One that does not fit that is not made.
    pub fn put(&mut self, key: &str, write: Write) -> Result<Result<(), Misfit>, TooManyWrites> {
        let size = |write: &Write| key.len() + write.size_bytes();
        let known = self.writes.get(key);
        let before = known.map(size);
        let write = match known.cloned() {
            None => write,
            Some(known) => match known.then(write) {
                Ok(both) => both,
                Err(misfit) => return Ok(Err(misfit)),
            },
        };
        let bytes = self.bytes - before.unwrap_or(0) + size(&write);
        if before.is_none() && self.writes.len() == WRITES {
            return Err(TooManyWrites(WRITES as i64));
        }
        if bytes > WRITE_BYTES {
            return Err(TooManyWrites(WRITE_BYTES as i64));
        }
        self.bytes = bytes;
        self.writes.insert(key.to_owned(), write);
        Ok(Ok(()))
    }

    /// Keeps the shape of a value that was put.
    pub fn describe(&mut self, fingerprint: Fingerprint, shape: &str) {
        self.shapes
            .entry(fingerprint)
            .or_insert_with(|| shape.to_owned());
    }

    /// The shape with this fingerprint, if this run has written a value of it.
    pub fn shape(&self, fingerprint: &Fingerprint) -> Option<&str> {
        self.shapes.get(fingerprint).map(String::as_str)
    }

    /// The writes, and the shapes of their values.
    pub fn into_writes(self) -> (Writes, Shapes) {
        (self.writes, self.shapes)
    }

    /// The scan that the snapshot must be asked, so that the answer can be completed with this run's writes.
    pub fn widen(&self, scan: &Scan) -> Scan {
        let removed = self
            .in_range(scan)
            .filter(|(_, write)| **write == Write::Remove)
            .count();
        Scan {
            limit: scan.limit + removed,
            ..scan.clone()
        }
    }

    /// The answer of a scan, from the snapshot's answer to the widened one.
    pub fn complete(&self, scan: &Scan, widened: &Scan, found: Vec<String>) -> Vec<String> {
        // If the snapshot gave all it was asked for there may be more behind, so own keys count only up to its last one.
        let end = match found.last() {
            Some(last) if found.len() == widened.limit => Some(last.clone()),
            _ => None,
        };
        let mut keys: std::collections::BTreeSet<String> = found
            .into_iter()
            .filter(|key| self.get(key) != Some(&Write::Remove))
            .collect();
        let own = self.in_range(scan).filter(|(key, write)| {
            **write != Write::Remove && end.as_ref().is_none_or(|end| *key <= end)
        });
        keys.extend(own.map(|(key, _)| key.clone()));
        keys.into_iter().take(scan.limit).collect()
    }

    fn in_range<'a>(&'a self, scan: &'a Scan) -> impl Iterator<Item = (&'a String, &'a Write)> {
        self.writes.iter().filter(|(key, _)| scan.covers(key))
    }
}

/// The arguments of a scan: `kv.keys`, `kv.range` or `files.list`. Keys stand here as the store has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Which of them it is.
    pub call: HostCall,
    /// What the keys begin with.
    pub prefix: String,
    /// What they are not before.
    pub from: Option<String>,
    /// What they come after.
    pub after: Option<String>,
    /// What they come before.
    pub until: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// Why a call is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanError {
    /// The leaves are not those of its arguments.
    Malformed,
    /// Prefix or `after` is longer than any key, the limit is negative, or the seconds are below 1.
    Argument(i64),
}

impl From<CodecError> for ScanError {
    fn from(_: CodecError) -> ScanError {
        ScanError::Malformed
    }
}

impl Scan {
    /// Reads the arguments. A limit beyond that of the edition means the latter: the next page is another question.
    pub fn from_leaves(call: HostCall, argument: &[u8]) -> Result<Scan, ScanError> {
        let (mut scan, limit) = Scan::read(call, argument)?;
        let root = scan.root().len();
        let bounds = [&scan.from, &scan.after, &scan.until];
        for text in bounds.into_iter().flatten().chain([&scan.prefix]) {
            if text.len() - root > KEY_BYTES {
                return Err(ScanError::Argument((text.len() - root) as i64));
            }
        }
        if limit < 0 {
            return Err(ScanError::Argument(limit));
        }
        scan.limit = limit.min(SCAN_ENTRIES) as usize;
        Ok(scan)
    }

    /// Reads the arguments of a widened scan, whose limit may be beyond that of the edition.
    pub fn from_question(call: HostCall, argument: &[u8]) -> Option<Scan> {
        let (mut scan, limit) = Scan::read(call, argument).ok()?;
        scan.limit = usize::try_from(limit).ok()?;
        Some(scan)
    }

    fn read(call: HostCall, argument: &[u8]) -> Result<(Scan, i64), CodecError> {
        let root = root_of(call);
        let mut reader = Reader::new(argument);
        let prefix = format!("{root}{}", reader.text()?);
        let mut bound = || -> Result<Option<String>, CodecError> {
            let text = reader.optional_text()?;
            Ok(text.map(|text| format!("{root}{text}")))
        };
        let (from, after, until) = match call {
            HostCall::KvKeys => (None, bound()?, None),
            _ => (bound()?, bound()?, bound()?),
        };
        let limit = reader.int()?;
        reader.end()?;
        let scan = Scan {
            call,
            prefix,
            from,
            after,
            until,
            limit: 0,
        };
        Ok((scan, limit))
    }

    /// The canonical leaves.
    pub fn to_leaves(&self) -> Vec<u8> {
        let root = self.root().len();
        let own = |text: &'_ Option<String>| text.as_ref().map(|text| text[root..].to_owned());
        let mut writer = Writer::new();
        writer.text(&self.prefix[root..]);
        if self.call != HostCall::KvKeys {
            writer.optional_text(own(&self.from).as_deref());
        }
        writer.optional_text(own(&self.after).as_deref());
        if self.call != HostCall::KvKeys {
            writer.optional_text(own(&self.until).as_deref());
        }
        writer.int(self.limit as i64);
        writer.finish()
    }

    /// What its keys begin with in the store, and not where the program sees them.
    pub fn root(&self) -> &'static str {
        root_of(self.call)
    }

    /// The keys that are meant.
    pub fn range(&self) -> KeyRange<'_> {
        KeyRange {
            prefix: &self.prefix,
            from: self.from.as_deref(),
            after: self.after.as_deref(),
            until: self.until.as_deref(),
        }
    }

    fn covers(&self, key: &str) -> bool {
        let is_shown = !self.root().is_empty() || !key.starts_with(RESERVED);
        is_shown && self.range().includes(key)
    }
}

fn root_of(call: HostCall) -> &'static str {
    match call {
        HostCall::FilesList => files::ROOT,
        _ => "",
    }
}

/// The arguments of `kv.set`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetArguments<'a> {
    /// The key.
    pub key: &'a str,
    /// What is stored: the fingerprint of the shape, then the leaves.
    pub value: &'a [u8],
    /// The shape with its fingerprint, unless its text is left empty.
    pub shape: Option<(Fingerprint, &'a str)>,
}

/// Reads the arguments of `kv.set`. A shape that has another fingerprint than the value is no argument.
pub fn set_arguments(argument: &[u8]) -> Option<SetArguments<'_>> {
    let mut reader = Reader::new(argument);
    let set = read_set(&mut reader)?;
    reader.end().ok()?;
    Some(set)
}

fn read_set<'a>(reader: &mut Reader<'a>) -> Option<SetArguments<'a>> {
    let key = reader.text().ok()?;
    let value = reader.bytes().ok()?;
    let shape = match reader.text().ok()? {
        "" => None,
        shape => {
            let fingerprint = *value.first_chunk()?;
            let hash = Hash::tagged("cop shape 1", &[shape.as_bytes()]);
            if shape.len() > SHAPE_BYTES || !hash.0.starts_with(&fingerprint) {
                return None;
            }
            Some((fingerprint, shape))
        }
    };
    Some(SetArguments { key, value, shape })
}

/// The fingerprint that `kv.shape` takes.
pub fn shape_argument(argument: &[u8]) -> Option<Fingerprint> {
    let mut reader = Reader::new(argument);
    let bytes = reader.bytes().ok()?;
    reader.end().ok()?;
    bytes.try_into().ok()
}

/// The answer of `kv.shape`: a `String?`.
pub fn shape_answer(shape: Option<&str>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.optional_text(shape);
    writer.finish()
}

/// The arguments of `kv.set_for`: those of `kv.set`, and the seconds, which are at least 1.
pub fn set_for_arguments(argument: &[u8]) -> Result<(SetArguments<'_>, i64), ScanError> {
    let mut reader = Reader::new(argument);
    let set = read_set(&mut reader).ok_or(ScanError::Malformed)?;
    let seconds = reader.int()?;
    reader.end()?;
    if seconds < 1 {
        return Err(ScanError::Argument(seconds));
    }
    Ok((set, seconds))
}

/// The arguments of `kv.add`.
pub fn add_arguments(argument: &[u8]) -> Result<(&str, i64), CodecError> {
    let mut reader = Reader::new(argument);
    let arguments = (reader.text()?, reader.int()?);
    reader.end()?;
    Ok(arguments)
}

/// The arguments of `kv.append`.
pub fn append_arguments(argument: &[u8]) -> Result<(&str, &str), CodecError> {
    let mut reader = Reader::new(argument);
    let arguments = (reader.text()?, reader.text()?);
    reader.end()?;
    Ok(arguments)
}

/// The one key that `kv.get` and `kv.remove` take.
pub fn key_argument(argument: &[u8]) -> Result<&str, CodecError> {
    let mut reader = Reader::new(argument);
    let key = reader.text()?;
    reader.end()?;
    Ok(key)
}

/// Why a write is answered with `Err`; `None` if nothing speaks against it.
pub fn refusal(key: &str, write: &Write) -> Option<String> {
    if key.starts_with(RESERVED) {
        return Some("keys that begin with U+10FFFF are the node's own".to_owned());
    }
    if key.len() > KEY_BYTES {
        return Some(format!(
            "a key of the store has at most {KEY_BYTES} bytes, this one has {}",
            key.len()
        ));
    }
    let value_bytes = write.size_bytes();
    if value_bytes > VALUE_BYTES {
        return Some(format!(
            "a value of the store has at most {VALUE_BYTES} bytes, this one has {value_bytes}"
        ));
    }
    None
}

/// The answer of a write: a `Result[(), String]`.
pub fn write_answer(refusal: Option<&str>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.optional_text(refusal);
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_writes_are_exact() {
        let mut overlay = Overlay::default();
        for number in 0..WRITES {
            assert_eq!(overlay.put(&number.to_string(), Write::Remove), Ok(Ok(())));
        }
        assert_eq!(overlay.put("0", Write::put([1])), Ok(Ok(())));
        let beyond = Err(TooManyWrites(WRITES as i64));
        assert_eq!(overlay.put("x", Write::Remove), beyond);
        assert_eq!(overlay.put("x", Write::Add(1)), beyond);
        assert_eq!(overlay.put("1", Write::Add(1)), Ok(Ok(())));
        assert_eq!(
            overlay.put("1", Write::Append(String::new())),
            Ok(Err(Misfit::NoString))
        );

        let mut overlay = Overlay::default();
        for number in 0..7 {
            assert_eq!(
                overlay.put(&number.to_string(), Write::put(vec![0; VALUE_BYTES])),
                Ok(Ok(()))
            );
        }
        let rest = WRITE_BYTES - 7 * (VALUE_BYTES + 1) - 1;
        assert_eq!(overlay.put("7", Write::put(vec![0; rest])), Ok(Ok(())));
        assert_eq!(
            overlay.put("8", Write::Remove),
            Err(TooManyWrites(WRITE_BYTES as i64))
        );
        assert_eq!(overlay.put("7", Write::Remove), Ok(Ok(())));
        assert_eq!(overlay.put("8", Write::Remove), Ok(Ok(())));
    }

    /// A scan over writes gives what a scan of the store would give after them, whatever the limits.
    #[test]
    fn scans_see_the_runs_own_writes() {
        let stored: Vec<String> = ["a1", "a3", "a5", "a7", "b1"].map(str::to_owned).to_vec();
        let mut overlay = Overlay::default();
        for (key, write) in [
            ("a0", Write::put([])),
            ("a3", Write::Remove),
            ("a4", Write::Add(1)),
            ("a5", Write::put([1])),
            ("a7", Write::Remove),
            ("a9", Write::put([])),
            ("b0", Write::Append("x".to_owned())),
        ] {
            overlay.put(key, write).unwrap().unwrap();
        }
        let after_writes = ["a0", "a1", "a4", "a5", "a9", "b0", "b1"];
        for prefix in ["", "a", "b", "c"] {
            let afters = [None, Some("a1"), Some("a3"), Some("a4"), Some("z")];
            let untils = [None, Some("a"), Some("a5"), Some("b0"), Some("z")];
            let bounds = afters
                .into_iter()
                .flat_map(|after| untils.map(|until| (after, until)));
            for (after, until) in bounds {
                for limit in 0..9 {
                    let scan = Scan {
                        call: HostCall::KvRange,
                        prefix: prefix.to_owned(),
                        from: None,
                        after: after.map(str::to_owned),
                        until: until.map(str::to_owned),
                        limit,
                    };
                    let widened = overlay.widen(&scan);
                    let found = stored.iter().filter(|key| widened.covers(key));
                    let found = found.take(widened.limit).cloned().collect();
                    let expected: Vec<&str> = after_writes
                        .into_iter()
                        .filter(|key| scan.covers(key))
                        .take(limit)
                        .collect();
                    assert_eq!(
                        overlay.complete(&scan, &widened, found),
                        expected,
                        "{scan:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn arguments_are_checked() {
        let scan = |prefix: &str, limit| {
            let mut writer = Writer::new();
            writer.text(prefix).optional_text(None).int(limit);
            Scan::from_leaves(HostCall::KvKeys, &writer.finish())
        };
        assert_eq!(scan("", 5_000).unwrap().limit, SCAN_ENTRIES as usize);
        assert_eq!(scan("", -1), Err(ScanError::Argument(-1)));
        assert_eq!(scan(&"x".repeat(1_025), 1), Err(ScanError::Argument(1_025)));
        assert_eq!(
            Scan::from_leaves(HostCall::KvKeys, b"x"),
            Err(ScanError::Malformed)
        );
        assert!(refusal(&"x".repeat(KEY_BYTES), &Write::Remove).is_none());
        assert!(refusal(&"x".repeat(KEY_BYTES + 1), &Write::Remove).is_some());
        assert!(refusal("x", &Write::put(vec![0; VALUE_BYTES])).is_none());
        assert!(refusal("x", &Write::put(vec![0; VALUE_BYTES + 1])).is_some());
        let mut writer = Writer::new();
        writer.text("k").bytes(b"v").text("").int(0);
        assert_eq!(
            set_for_arguments(&writer.finish()),
            Err(ScanError::Argument(0))
        );
    }

    #[test]
    fn a_shape_has_the_fingerprint_of_its_value() {
        let arguments = |value: &[u8], shape: &str| {
            let mut writer = Writer::new();
            writer.text("k").bytes(value).text(shape);
            writer.finish()
        };
        let hash = Hash::tagged("cop shape 1", &[b"Int"]);
        let stored = [&hash.0[..8], &[7; 8]].concat();
        let fits = arguments(&stored, "Int");
        let read = set_arguments(&fits).unwrap();
        assert_eq!((read.key, read.value), ("k", &stored[..]));
        let (fingerprint, shape) = read.shape.unwrap();
        assert_eq!((&fingerprint[..], shape), (&hash.0[..8], "Int"));
        assert_eq!(set_arguments(&arguments(&stored, "")).unwrap().shape, None);
        assert_eq!(set_arguments(&arguments(&stored, "Float")), None);
        assert_eq!(set_arguments(&arguments(b"short", "Int")), None);
        assert_eq!(set_arguments(b"x"), None);
        let long = "(".repeat(SHAPE_BYTES + 1);
        let hash = Hash::tagged("cop shape 1", &[long.as_bytes()]);
        assert_eq!(set_arguments(&arguments(&hash.0, &long)), None);
    }
}
