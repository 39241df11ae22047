//! Reading a whole store and telling what is wrong with it, without changing it.
//!
//! Everything that a store holds can be held against something else in it: files and bundles are named by their hashes, releases
//! are signed and name the one before, a value stands beside the hash of its answer, and the history of a program's state ends in
//! what the state is. Damage of the disk shows in one of these, and its finding says which program is concerned.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use cop_bytecode::Hash;
use redb::{Database, Key, ReadOnlyTable, ReadTransaction, ReadableDatabase, TableError, Value};

use super::history::PastCommit;
use super::lock::FolderLock;
use super::programs::{BundleList, read_record};
use super::read_only::ReadOnly;
use super::state::{Row, Stored};
use super::{
    BLOBS, BUNDLES, CACHE_BYTES, DUE, EVIDENCE, EXPIRIES, FILE, HISTORY, KEPT, META, NAMESPACES,
    OUTCOMES, RECORDS, RELEASES, SHAPES, SHARES, STATE, StoreError, TIMES, VERSION, open_error,
    survived,
};
use crate::address::Address;
use crate::bundle::{MANIFEST, bundle_hash, file_hash};
use crate::cache::record;
use crate::codec::Reader;
use crate::execution::OpenError;
use crate::manifest::Manifest;
use crate::release::SignedRelease;
use crate::store::writes::blind_shape;

/// Most findings that are told one by one; of the others it is told how many there are.
const FINDINGS_MAX: usize = 1_000;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Note,
    /// Something that was stored is gone or changed.
    Damage,
}

impl Severity {
    /// One word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Damage => "damage",
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where: a table, and what in it.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: &'static str,
}

/// What a store was found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, damage first.
    pub findings: Vec<Finding>,
    /// Findings that are not told one by one.
    pub findings_left_out: u64,
    /// Whether anything that was stored is gone or changed.
    pub is_damaged: bool,
    /// Rows that were read, by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// Size of the file, in bytes.
    pub file_bytes: u64,
}

const RESTORE: &str =
    "restore store.redb from a backup; a check of the disk is due (`smartctl`, `dmesg`)";
const REPUBLISH: &str = "publish the program again, or restore store.redb from a backup";
const RESTORE_STATE: &str =
    "restore store.redb from a backup, or import an export of the program's state";
const REBUILT: &str = "nothing to do: the node does without it";

/// Checks the store of a data folder, which no node may have open. The folder is left as it is.
///
/// # Errors
/// The folder is in use or has no store, or the store cannot be looked at at all.
pub fn fsck(folder: &Path) -> Result<Report, OpenError> {
    let path = folder.join(FILE);
    let refuse = |cause| OpenError::Folder {
        path: path.clone(),
        cause,
    };
    let file = std::fs::File::open(&path).map_err(refuse)?;
    let file_bytes = file.metadata().map_err(refuse)?.len();
    if file_bytes == 0 {
        return Err(OpenError::Damaged {
            path,
            detail: "the file is empty".to_owned(),
        });
    }
    let _lock = FolderLock::take(folder)?;
    let mut fsck = Fsck::default();
    fsck.report.file_bytes = file_bytes;
    let open = || -> Result<Database, OpenError> {
        Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(ReadOnly::open(&path).map_err(refuse)?)
            .map_err(|error| open_error(&path, folder, error.into()))
    };
    let problem = match survived(|| Ok::<_, OpenError>(open()?.check_integrity())) {
        Some(Ok(Ok(true))) => None,
        Some(Ok(Ok(false))) => Some("its bookkeeping of free pages is wrong".to_owned()),
        Some(Ok(Err(error))) => Some(format!("pages are damaged: {error}")),
        Some(Err(error)) => Some(error.to_string()),
        None => Some("pages hold nonsense".to_owned()),
    };
    if let Some(problem) = problem {
        fsck.damage("the file", problem, RESTORE);
    }
    // What can be read of it is read all the same: that tells what is lost.
    let read = survived(|| {
        fsck.database(&open()?);
        Ok::<_, OpenError>(())
    });
    if !matches!(read, Some(Ok(()))) {
        fsck.damage("the file", "it cannot be opened", RESTORE);
    }
    Ok(fsck.finish())
}

/// What the rows of a database are.
#[cfg(test)]
pub(super) fn of_database(database: &Database) -> Report {
    let mut fsck = Fsck::default();
    fsck.database(database);
    fsck.finish()
}

/// Address and name, as they stand in keys.
type Owner = ([u8; 20], String);

fn shown_owner((address, name): &Owner) -> String {
    format!("{name} of {}", Address::from_bytes(*address))
}

/// What is known of a program's state from other tables than `state`.
#[derive(Default)]
struct StateSeen {
    /// Bytes of keys, values and shapes.
    bytes: u64,
    shapes: HashSet<[u8; 8]>,
    rows: BTreeMap<String, [u8; 32]>,
    expiries: BTreeMap<String, i64>,
}

#[derive(Default)]
struct Fsck {
    report: Report,
    /// Files whose content is what their name says.
    files: HashSet<Hash>,
    /// Bundles all of whose files are right.
    bundles: HashSet<Hash>,
    publishers: BTreeSet<[u8; 20]>,
    states: BTreeMap<Owner, StateSeen>,
}

impl Fsck {
    fn finish(mut self) -> Report {
        self.report
            .findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.report
    }

    fn find(&mut self, finding: Finding) {
        self.report.is_damaged |= finding.severity == Severity::Damage;
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(finding);
        } else {
            self.report.findings_left_out += 1;
        }
    }

    fn note(&mut self, place: impl Into<String>, problem: impl Into<String>, advice: &'static str) {
        self.find(Finding {
            severity: Severity::Note,
            place: place.into(),
            problem: problem.into(),
            advice,
        });
    }

    fn damage(
        &mut self,
        place: impl Into<String>,
        problem: impl Into<String>,
        advice: &'static str,
    ) {
        self.find(Finding {
            severity: Severity::Damage,
            place: place.into(),
            problem: problem.into(),
            advice,
        });
    }

    fn database(&mut self, database: &Database) {
        let read = match database.begin_read() {
            Ok(read) => read,
            Err(error) => {
                return self.damage("the file", format!("it cannot be read: {error}"), RESTORE);
            }
        };
        type Check = fn(&mut Fsck, &ReadTransaction) -> Result<(), StoreError>;
        let checks: [(&'static str, Check); 9] = [
            ("meta", Fsck::meta),
            ("blobs", Fsck::blobs),
            ("bundles", Fsck::bundles),
            ("releases", Fsck::releases),
            ("records", Fsck::records),
            ("state", Fsck::state),
            ("expiries", Fsck::expiries),
            ("history", Fsck::history),
            ("outcomes", Fsck::outcomes),
        ];
        for (table, check) in checks {
            let problem = match survived(|| check(self, &read)) {
                Some(Ok(())) => continue,
                Some(Err(error)) => format!("it cannot be read to its end: {error}"),
                None => "it cannot be read to its end: its pages hold nonsense".to_owned(),
            };
            self.damage(format!("table {table}"), problem, RESTORE);
        }
    }

    fn count(&mut self, table: &'static str) {
        *self.report.rows.entry(table).or_default() += 1;
    }

    fn meta(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        let found = match table(read, META)? {
            Some(meta) => meta.get("version")?.map(|bytes| bytes.value().to_vec()),
            None => None,
        };
        match found.map(<[u8; 4]>::try_from) {
            Some(Ok(version)) if u32::from_le_bytes(version) <= VERSION => {}
            Some(Ok(version)) => self.note(
                "table meta",
                format!(
                    "the tables have version {}, this check knows version {VERSION}",
                    u32::from_le_bytes(version)
                ),
                "use the fsck of the copd that wrote it",
            ),
            _ => self.damage(
                "table meta",
                "the version of the tables is missing",
                RESTORE,
            ),
        }
        Ok(())
    }

    fn blobs(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        let Some(blobs) = table(read, BLOBS)? else {
            return Ok(());
        };
        for row in blobs.range::<&[u8; 32]>(..)? {
            let (hash, content) = row?;
            self.count("blobs");
            let hash = Hash(*hash.value());
            if file_hash(content.value()) == hash {
                self.files.insert(hash);
            } else {
                self.damage(
                    format!("blobs {hash}"),
                    "the content of this file is not what its name says",
                    REPUBLISH,
                );
            }
        }
        Ok(())
    }

    fn bundles(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        let Some(bundles) = table(read, BUNDLES)? else {
            return Ok(());
        };
        let blobs = table(read, BLOBS)?;
        let mut used = HashSet::new();
        for row in bundles.range::<&[u8; 32]>(..)? {
            let (hash, list) = row?;
            self.count("bundles");
            let hash = Hash(*hash.value());
            let place = format!("bundles {hash}");
            let Some(list) = BundleList::decode(list.value()) else {
                self.damage(place, "its list of files cannot be read", REPUBLISH);
                continue;
            };
            used.extend(list.files.iter().map(|(_, hash)| *hash));
            let named = list.files.iter().map(|(path, hash)| (path.as_str(), *hash));
            if bundle_hash(named) != hash {
                self.damage(
                    place,
                    "its list of files is not what its name says",
                    REPUBLISH,
                );
                continue;
            }
            let missing = list
                .files
                .iter()
                .find(|(_, hash)| !self.files.contains(hash));
            if let Some((path, file)) = missing {
                let problem = format!("its file {path:?} ({file}) is missing or damaged");
                self.damage(place, problem, REPUBLISH);
                continue;
            }
            let manifest = list.files.iter().find(|(path, _)| path == MANIFEST);
            let manifest = match (manifest, &blobs) {
                (Some((_, hash)), Some(blobs)) => blobs.get(&hash.0)?,
                _ => None,
            };
            match manifest.map(|bytes| Manifest::decode(bytes.value())) {
                Some(Ok(_)) => {
                    self.bundles.insert(hash);
                }
                _ => self.damage(place, "its manifest cannot be read", REPUBLISH),
            }
        }
        let unused = self.files.difference(&used).count();
        if unused > 0 {
            self.note(
                "table blobs",
                format!("{unused} files belong to no bundle"),
                "nothing to do: `copd gc` removes them",
            );
        }
        Ok(())
    }

    fn releases(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        if let Some(releases) = table(read, RELEASES)? {
            let mut before: Option<(Owner, u64, Hash)> = None;
            for row in releases.range::<(&[u8; 20], &str, u64)>(..)? {
                let (key, bytes) = row?;
                self.count("releases");
                let (address, name, number) = key.value();
                let owner = (*address, name.to_owned());
                self.publishers.insert(*address);
                let place = format!("releases: {} release {number}", shown_owner(&owner));
                let last = before.take().filter(|(whose, ..)| *whose == owner);
                let expected = last.as_ref().map_or(1, |(_, number, _)| number + 1);
                if number != expected {
                    let problem = format!("release {expected} is missing before it");
                    self.damage(place.clone(), problem, REPUBLISH);
                }
                let signed = match SignedRelease::decode(bytes.value()) {
                    Ok(signed) => signed,
                    Err(error) => {
                        self.damage(place, format!("it cannot be read: {error}"), REPUBLISH);
                        continue;
                    }
                };
                let release = signed.release();
                if signed.address().as_bytes() != address
                    || release.name.as_str() != name
                    || release.number != number
                {
                    self.damage(place.clone(), "it stands under another's name", REPUBLISH);
                }
                if let Some((_, at, hash)) = &last
                    && at + 1 == number
                    && release.previous != Some(*hash)
                {
                    self.damage(
                        place.clone(),
                        "it does not name the release before it",
                        REPUBLISH,
                    );
                }
                if !self.bundles.contains(&release.bundle) {
                    let problem = format!("its bundle {} is missing or damaged", release.bundle);
                    self.damage(place, problem, REPUBLISH);
                }
                before = Some((owner, number, signed.hash()));
            }
        }
        let mut shares = BTreeSet::new();
        if let Some(table) = table(read, SHARES)? {
            for row in table.range::<&[u8; 20]>(..)? {
                self.count("shares");
                shares.insert(*row?.0.value());
            }
        }
        for address in self.publishers.clone().difference(&shares) {
            self.damage(
                format!("shares {}", Address::from_bytes(*address)),
                "it is not known how much of the store this publisher uses",
                RESTORE,
            );
        }
        Ok(())
    }

    fn records(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        if let Some(records) = table(read, RECORDS)? {
            for row in records.range::<(&str, &[u8; 20], &str)>(..)? {
                let (key, bytes) = row?;
                self.count("records");
                let (kind, address, name) = key.value();
                let owner = (*address, name.to_owned());
                let fits = read_record(bytes.value()).is_ok_and(|(of, _, whose, named, _)| {
                    of == kind && whose.as_bytes() == address && named == name
                });
                if !fits {
                    self.damage(
                        format!("records: {kind} {}", shown_owner(&owner)),
                        "it cannot be read, its signature is wrong, or it stands under another's name",
                        "hand the record in again, or restore store.redb from a backup",
                    );
                }
            }
        }
        if let Some(evidence) = table(read, EVIDENCE)? {
            for row in evidence.range::<(&[u8; 20], &str, u64)>(..)? {
                let (key, bytes) = row?;
                self.count("evidence");
                let (address, name, number) = key.value();
                let mut reader = Reader::new(bytes.value());
                let mut part = || SignedRelease::decode(reader.bytes().ok()?).ok();
                let proves = match (part(), part()) {
                    (Some(one), Some(other)) => {
                        let fits = |signed: &SignedRelease| {
                            let release = signed.release();
                            release.number == number && release.name.as_str() == name
                        };
                        fits(&one) && fits(&other) && one.hash() != other.hash()
                    }
                    _ => false,
                };
                if !proves {
                    let owner = (*address, name.to_owned());
                    self.damage(
                        format!("evidence: {} release {number}", shown_owner(&owner)),
                        "it proves nothing any more",
                        RESTORE,
                    );
                }
            }
        }
        Ok(())
    }

    fn state(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        if let Some(shapes) = table(read, SHAPES)? {
            for row in shapes.range::<(&[u8; 20], &str, &[u8; 8])>(..)? {
                let (key, shape) = row?;
                self.count("shapes");
                let (address, name, fingerprint) = key.value();
                let owner = (*address, name.to_owned());
                let hash = Hash::tagged("cop shape 1", &[shape.value().as_bytes()]);
                if !hash.0.starts_with(fingerprint) {
                    self.damage(
                        format!("shapes: {}", shown_owner(&owner)),
                        format!("the shape {:?} has another fingerprint", shape.value()),
                        RESTORE_STATE,
                    );
                }
                let seen = self.states.entry(owner).or_default();
                seen.bytes += shape.value().len() as u64;
                seen.shapes.insert(*fingerprint);
            }
        }
        let Some(state) = table(read, STATE)? else {
            return Ok(());
        };
        for row in state.range::<(&[u8; 20], &str, &[u8])>(..)? {
            let (key, bytes) = row?;
            self.count("state");
            let (address, name, key) = key.value();
            let owner = (*address, name.to_owned());
            let place = format!("state: {} key {:?}", shown_owner(&owner), text(key));
            let Ok(key) = std::str::from_utf8(key) else {
                self.damage(place, "the key is not UTF-8", RESTORE_STATE);
                continue;
            };
            let value = bytes.value().get(32..);
            let row = value
                .map(Row::of)
                .filter(|row| row.bytes() == bytes.value());
            let Some(row) = row else {
                self.damage(place, "the value is not what its hash says", RESTORE_STATE);
                continue;
            };
            let seen = self.states.entry(owner).or_default();
            seen.bytes += (key.len() + row.value().len()) as u64;
            seen.rows.insert(key.to_owned(), content_hash(&row));
            let shape = row.value().first_chunk::<8>();
            if !shape
                .is_some_and(|shape| seen.shapes.contains(shape) || blind_shape(shape).is_some())
            {
                self.note(
                    place,
                    "the shape of its value is not known",
                    "a program that reads it as another type than the one that wrote it gets an error",
                );
            }
        }
        Ok(())
    }

    fn expiries(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        let mut due_rows = HashMap::new();
        if let Some(due) = table(read, DUE)? {
            for row in due.range::<(&[u8; 20], &str, i64, &[u8])>(..)? {
                let (key, ()) = (row?.0, ());
                self.count("due");
                let (address, name, due_ms, key) = key.value();
                due_rows.insert(((*address, name.to_owned()), text(key)), due_ms);
            }
        }
        if let Some(expiries) = table(read, EXPIRIES)? {
            for row in expiries.range::<(&[u8; 20], &str, &[u8])>(..)? {
                let (key, due_ms) = row?;
                self.count("expiries");
                let (address, name, key) = key.value();
                let (owner, key, due_ms) = ((*address, name.to_owned()), text(key), due_ms.value());
                let place = format!("expiries: {} key {key:?}", shown_owner(&owner));
                let seen = self.states.entry(owner.clone()).or_default();
                seen.expiries.insert(key.clone(), due_ms);
                let is_there = seen.rows.contains_key(&key);
                if !is_there {
                    self.damage(place.clone(), "there is no such key", RESTORE_STATE);
                }
                if due_rows.remove(&(owner, key)) != Some(due_ms) {
                    self.damage(
                        place,
                        "it is not in the order of what is due",
                        RESTORE_STATE,
                    );
                }
            }
        }
        for (owner, key) in due_rows.into_keys() {
            self.damage(
                format!("due: {} key {key:?}", shown_owner(&owner)),
                "the key does not say that it will be gone",
                RESTORE_STATE,
            );
        }
        Ok(())
    }

    fn history(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        let mut heads = BTreeMap::new();
        if let Some(namespaces) = table(read, NAMESPACES)? {
            for row in namespaces.range::<(&[u8; 20], &str)>(..)? {
                let (key, head) = row?;
                self.count("namespaces");
                let (address, name) = key.value();
                heads.insert((*address, name.to_owned()), head.value());
            }
        }
        for owner in self.states.keys().cloned().collect::<Vec<_>>() {
            if !heads.contains_key(&owner) {
                let place = format!("namespaces: {}", shown_owner(&owner));
                self.damage(
                    place,
                    "the number of its last commit is missing",
                    RESTORE_STATE,
                );
            }
        }
        for (owner, (number, bytes)) in heads {
            let seen = self.states.remove(&owner).unwrap_or_default();
            let place = format!("namespaces: {}", shown_owner(&owner));
            if seen.bytes != bytes {
                let problem = format!(
                    "its state is said to have {bytes} bytes, it has {}",
                    seen.bytes
                );
                self.damage(place, problem, RESTORE_STATE);
            }
            self.history_of(read, &owner, number, &seen)?;
        }
        Ok(())
    }

    /// Remembered outcomes are no loss: whatever is wrong with one, the node runs the program again.
    fn outcomes(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        let Some(outcomes) = table(read, OUTCOMES)? else {
            return Ok(());
        };
        let mut unreadable = 0;
        for row in outcomes.range::<(&[u8; 32], &str, u64)>(..)? {
            self.count("outcomes");
            unreadable += u64::from(record::decode(row?.1.value()).is_none());
        }
        if unreadable > 0 {
            self.note(
                "table outcomes",
                format!("{unreadable} remembered outcomes are damaged, or of another version"),
                REBUILT,
            );
        }
        Ok(())
    }

    /// Whether the commits that are kept lead, one by one, to what the state is.
    fn history_of(
        &mut self,
        read: &ReadTransaction,
        owner: &Owner,
        last: u64,
        seen: &StateSeen,
    ) -> Result<(), StoreError> {
        let (Some(history), Some(kept)) = (table(read, HISTORY)?, table(read, KEPT)?) else {
            return Ok(());
        };
        let at = (&owner.0, owner.1.as_str());
        let time_ms = match table(read, TIMES)? {
            Some(times) => times.get(at)?.map(|time| time.value()),
            None => None,
        };
        let place = |number: u64| format!("history: {} commit {number}", shown_owner(owner));
        let Some((oldest, kept_bytes)) = kept.get(at)?.map(|found| found.value()) else {
            return Ok(());
        };
        let (mut expected, mut bytes, mut before_ms) = (oldest, 0, i64::MIN);
        // What each key held behind the last commit that changed it.
        let mut after: BTreeMap<String, Stored> = BTreeMap::new();
        for row in
            history.range::<(&[u8; 20], &str, u64)>((at.0, at.1, 0)..=(at.0, at.1, u64::MAX))?
        {
            let (key, record) = row?;
            self.count("history");
            let number = key.value().2;
            bytes += record.value().len() as u64;
            if number != expected {
                let problem = format!("commit {expected} is missing before it");
                self.damage(place(number), problem, RESTORE_STATE);
                after.clear();
            }
            expected = number + 1;
            let past = match PastCommit::decode(number, record.value()) {
                Ok(past) => past,
                Err(error) => {
                    self.damage(
                        place(number),
                        format!("it cannot be read: {error}"),
                        RESTORE_STATE,
                    );
                    after.clear();
                    continue;
                }
            };
            if past.time_ms < before_ms {
                self.damage(
                    place(number),
                    "it is earlier than the one before it",
                    RESTORE_STATE,
                );
            }
            before_ms = past.time_ms;
            for (key, change) in past.keys {
                if after.get(&key).is_some_and(|held| *held != change.before) {
                    let problem = format!("key {key:?} did not hold what it is said to have held");
                    self.damage(place(number), problem, RESTORE_STATE);
                }
                after.insert(key, change.after);
            }
        }
        if expected != last + 1 {
            self.damage(place(last), "it is missing", RESTORE_STATE);
            return Ok(());
        }
        if oldest <= last && time_ms != Some(before_ms) {
            self.damage(
                place(last),
                "its time is not the time of the state",
                RESTORE_STATE,
            );
        }
        if bytes != kept_bytes {
            self.note(
                place(last),
                format!("the history is said to have {kept_bytes} bytes, it has {bytes}"),
                REBUILT,
            );
        }
        for (key, stored) in after {
            let held = seen.rows.get(&key).copied();
            if stored.row.as_ref().map(content_hash) != held
                || stored.due_ms != seen.expiries.get(&key).copied()
            {
                let problem = format!("key {key:?} does not hold what its last commit says");
                self.damage(
                    format!("state: {}", shown_owner(owner)),
                    problem,
                    RESTORE_STATE,
                );
            }
        }
        Ok(())
    }
}

fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn content_hash(row: &Row) -> [u8; 32] {
    *blake3::hash(row.bytes()).as_bytes()
}

/// A table, if the store has it: one that was never opened by this version may not.
fn table<K: Key + 'static, V: Value + 'static>(
    read: &ReadTransaction,
    definition: redb::TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, StoreError> {
    match read.open_table(definition) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
