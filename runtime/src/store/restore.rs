//! From a backup to a data folder: the whole file is read and its hash checked, a store is made of it beside the place where it
//! belongs, that store is checked as `copd fsck` does, and only then it takes its place, in one step.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use redb::{Key, TableDefinition, TableHandle, Value, WriteTransaction};

use super::backup::{
    A_FILE, A_ROW, A_TABLE, END, FILE_BYTES_MAX, FILES, MAGIC, each_table, hasher,
};
use super::fsck;
use super::lock::FolderLock;
use super::{
    BLOBS, BUNDLES, DUE, EVIDENCE, EXPIRIES, FILE, HISTORY, KEPT, LINES, META, NAMESPACES, RECORDS,
    RELEASES, ROOTS, SHAPES, SHARES, STATE, Store, StoreError, TIMES, VERSION, survived,
};
use crate::execution::OpenError;

/// Folder within the data folder in which a store is made of a backup.
const UNFINISHED: &str = "restoring";
/// Most bytes of a key or a name.
const KEY_BYTES_MAX: usize = 1 << 20;
/// Most bytes of a value: a file of a bundle, with much room to spare.
const VALUE_BYTES_MAX: usize = 256 << 20;

/// What a backup turned out to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Rows of all tables.
    pub rows: u64,
    /// Files beside the store, by name.
    pub files: Vec<String>,
    /// Where what was there before is kept.
    pub kept: Option<PathBuf>,
}

/// Why a backup was not restored. The folder is as it was.
#[derive(Debug)]
pub enum RestoreError {
    /// The backup cannot be read, or the folder cannot be written.
    Io(PathBuf, io::Error),
    /// It is something else.
    Foreign(PathBuf),
    /// It is not as it was written.
    Damaged(PathBuf, String),
    /// A newer version wrote it.
    Newer(PathBuf, u32),
    /// The folder has a store, and it was not said that it may be replaced.
    Occupied(PathBuf),
    /// The folder cannot be used.
    Folder(OpenError),
    /// The new store cannot be written.
    Store(StoreError),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Io(path, cause) => write!(out, "cannot use {}: {cause}", path.display()),
            RestoreError::Foreign(path) => write!(
                out,
                "{} is no backup of a node; `copd backup FILE` makes one",
                path.display()
            ),
            RestoreError::Damaged(path, what) => write!(
                out,
                "the backup {} is damaged: {what}; nothing was restored, take another one",
                path.display()
            ),
            RestoreError::Newer(path, version) => write!(
                out,
                "the backup {} is of a store of version {version}, this copd reads versions up to {VERSION}; use a newer copd",
                path.display()
            ),
            RestoreError::Occupied(folder) => write!(
                out,
                "there is a node in {} already; restore into another folder with --data DIR, or with --replace, which keeps what is there aside",
                folder.display()
            ),
            RestoreError::Folder(error) => error.fmt(out),
            RestoreError::Store(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for RestoreError {}

/// Reads a whole backup and checks it, without restoring it.
///
/// # Errors
/// It cannot be read, is something else, is damaged, or a newer version wrote it.
pub fn check(backup: &Path) -> Result<Restored, RestoreError> {
    let mut frames = Frames::open(backup)?;
    let mut found = Restored::default();
    loop {
        match frames.next()? {
            Frame::File(name, _) => found.files.push(name),
            Frame::Table(_) => {}
            Frame::Row(..) => found.rows += 1,
            Frame::End => return Ok(found),
        }
    }
}

/// Restores a backup into a data folder, which it makes if needed. `replaces`: a node that is there already is kept aside, in a
/// folder beside the store.
///
/// # Errors
/// Those of [`check`]; the folder is in use, occupied or cannot be written, or what is in the backup contradicts itself.
pub fn restore(backup: &Path, folder: &Path, replaces: bool) -> Result<Restored, RestoreError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |cause| RestoreError::Io(path, cause)
    };
    check(backup)?;
    fs::create_dir_all(folder).map_err(at(folder))?;
    let _lock = FolderLock::take(folder).map_err(RestoreError::Folder)?;
    let is_occupied = folder.join(FILE).exists();
    if is_occupied && !replaces {
        return Err(RestoreError::Occupied(folder.to_owned()));
    }
    let unfinished = folder.join(UNFINISHED);
    remove(&unfinished).map_err(at(&unfinished))?;
    let made = make(backup, &unfinished).and_then(|restored| {
        let report = fsck::fsck(&unfinished).map_err(RestoreError::Folder)?;
        match report.findings.first().filter(|_| report.is_damaged) {
            None => Ok(restored),
            Some(found) => Err(RestoreError::Damaged(
                backup.to_owned(),
                format!("{}: {}", found.place, found.problem),
            )),
        }
    });
    let placed = made.and_then(|restored| place(folder, &unfinished, is_occupied, restored));
    // What is left of it is of no use to anybody, and taken away at the next try otherwise.
    let _ = remove(&unfinished);
    placed
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the store and the files of a backup in a folder of their own.
fn make(backup: &Path, unfinished: &Path) -> Result<Restored, RestoreError> {
    let store = Store::open(unfinished).map_err(RestoreError::Folder)?;
    let filled =
        survived(|| store.write(|write| Ok::<_, Filling>(fill(backup, unfinished, write)?)));
    match filled {
        Some(Ok(restored)) => Ok(restored),
        Some(Err(Filling(error))) => Err(error),
        None => Err(RestoreError::Damaged(
            backup.to_owned(),
            "its rows hold nonsense".to_owned(),
        )),
    }
}

/// Only so that a transaction can end with it.
struct Filling(RestoreError);

impl From<StoreError> for Filling {
    fn from(error: StoreError) -> Filling {
        Filling(RestoreError::Store(error))
    }
}

impl From<RestoreError> for Filling {
    fn from(error: RestoreError) -> Filling {
        Filling(error)
    }
}

fn fill(
    backup: &Path,
    unfinished: &Path,
    write: &WriteTransaction,
) -> Result<Restored, RestoreError> {
    let mut frames = Frames::open(backup)?;
    let mut restored = Restored::default();
    let mut frame = frames.next()?;
    loop {
        frame = match frame {
            Frame::End => return Ok(restored),
            Frame::File(name, content) => {
                let path = unfinished.join(&name);
                let written = write_private(&path, &content);
                written.map_err(|cause| RestoreError::Io(path, cause))?;
                restored.files.push(name);
                frames.next()?
            }
            Frame::Row(..) => return Err(frames.damaged("a row stands in no table")),
            Frame::Table(name) => {
                let mut next = None;
                macro_rules! take {
                    ($table:ident) => {
                        if $table.name() == name {
                            next =
                                Some(take_table($table, write, &mut frames, &mut restored.rows)?);
                        }
                    };
                }
                each_table!(take);
                next.ok_or_else(|| frames.damaged(&format!("it has a table `{name}`")))?
            }
        }
    }
}

/// Takes the rows of a table; gives the frame behind them.
fn take_table<K: Key + 'static, V: Value + 'static>(
    definition: TableDefinition<'_, K, V>,
    write: &WriteTransaction,
    frames: &mut Frames,
    rows: &mut u64,
) -> Result<Frame, RestoreError> {
    let told = |error: StoreError| RestoreError::Store(error);
    let mut table = write
        .open_table(definition)
        .map_err(|error| told(error.into()))?;
    loop {
        match frames.next()? {
            Frame::Row(key, value) => {
                *rows += 1;
                table
                    .insert(K::from_bytes(&key), V::from_bytes(&value))
                    .map_err(|error| told(error.into()))?;
            }
            other => return Ok(other),
        }
    }
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    use io::Write;
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Puts what was made in its place. The store comes last and in one step; what was there has a second name by then.
fn place(
    folder: &Path,
    unfinished: &Path,
    is_occupied: bool,
    mut restored: Restored,
) -> Result<Restored, RestoreError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |cause| RestoreError::Io(path, cause)
    };
    if is_occupied {
        let kept = (1..)
            .map(|number| folder.join(format!("replaced-{number}")))
            .find(|path| !path.exists())
            .unwrap_or_default();
        fs::create_dir(&kept).map_err(at(&kept))?;
        fs::hard_link(folder.join(FILE), kept.join(FILE)).map_err(at(&kept))?;
        for name in FILES {
            if folder.join(name).exists() {
                fs::copy(folder.join(name), kept.join(name)).map_err(at(&kept))?;
            }
        }
        restored.kept = Some(kept);
    }
    for name in &restored.files {
        fs::rename(unfinished.join(name), folder.join(name)).map_err(at(folder))?;
    }
    fs::rename(unfinished.join(FILE), folder.join(FILE)).map_err(at(folder))?;
    // So that the names are on disk too.
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(at(folder))?;
    Ok(restored)
}

enum Frame {
    File(String, Vec<u8>),
    Table(String),
    Row(Vec<u8>, Vec<u8>),
    End,
}

/// The frames of a backup, in order; the hash is checked at the end.
struct Frames {
    path: PathBuf,
    file: BufReader<File>,
    hasher: blake3::Hasher,
}

impl Frames {
    fn open(path: &Path) -> Result<Frames, RestoreError> {
        let file = File::open(path).map_err(|cause| RestoreError::Io(path.to_owned(), cause))?;
        let mut frames = Frames {
            path: path.to_owned(),
            file: BufReader::new(file),
            hasher: hasher(),
        };
        let foreign = |_| RestoreError::Foreign(path.to_owned());
        let magic = frames.take(MAGIC.len()).map_err(foreign)?;
        if magic != MAGIC {
            return Err(RestoreError::Foreign(path.to_owned()));
        }
        let version = frames.number()?;
        match version > VERSION {
            true => Err(RestoreError::Newer(path.to_owned(), version)),
            false => Ok(frames),
        }
    }

    fn damaged(&self, what: &str) -> RestoreError {
        RestoreError::Damaged(self.path.clone(), what.to_owned())
    }

    fn next(&mut self) -> Result<Frame, RestoreError> {
        match self.take(1)?[0] {
            A_FILE => {
                let name = self.name()?;
                if !FILES.contains(&name.as_str()) {
                    return Err(self.damaged(&format!("it has a file `{name}`")));
                }
                Ok(Frame::File(name, self.part(FILE_BYTES_MAX)?))
            }
            A_TABLE => Ok(Frame::Table(self.name()?)),
            A_ROW => Ok(Frame::Row(
                self.part(KEY_BYTES_MAX)?,
                self.part(VALUE_BYTES_MAX)?,
            )),
            END => {
                let expected = self.hasher.finalize();
                let found = self.take(32)?;
                if found != expected.as_bytes() {
                    return Err(self.damaged("its content is not what its hash says"));
                }
                match self.file.read(&mut [0]) {
                    Ok(0) => Ok(Frame::End),
                    Ok(_) => Err(self.damaged("something stands behind its end")),
                    Err(cause) => Err(RestoreError::Io(self.path.clone(), cause)),
                }
            }
            other => Err(self.damaged(&format!("there is no frame {other}"))),
        }
    }

    fn name(&mut self) -> Result<String, RestoreError> {
        let name = self.part(KEY_BYTES_MAX)?;
        String::from_utf8(name).map_err(|_| self.damaged("a name is no text"))
    }

    fn number(&mut self) -> Result<u32, RestoreError> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
    }

    fn part(&mut self, most: usize) -> Result<Vec<u8>, RestoreError> {
        let length = self.number()? as usize;
        match length > most {
            true => Err(self.damaged("a length is too great")),
            false => self.take(length),
        }
    }

    /// As much memory is taken as there are bytes, whatever a length says.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, RestoreError> {
        let mut bytes = Vec::new();
        let mut part = (&mut self.file).take(length as u64);
        match part.read_to_end(&mut bytes) {
            Ok(count) if count == length => {}
            Ok(_) => return Err(self.damaged("it is cut off")),
            Err(cause) => return Err(RestoreError::Io(self.path.clone(), cause)),
        }
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a store that has something in it, and a backup of it.
    fn backed_up() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let content = vec![7; 100_000];
        let hash = crate::bundle::file_hash(&content);
        let put = store.write(|write| {
            write.open_table(BLOBS)?.insert(&hash.0, &content[..])?;
            Ok::<_, StoreError>(())
        });
        put.expect("written");
        fs::write(folder.path().join("node.toml"), "workers = 2\n").expect("written");
        fs::write(folder.path().join("node.key"), "secret\n").expect("written");
        let backup = folder.path().join("b");
        let made = store.back_up(folder.path(), &backup, true).expect("made");
        assert!(made.has_key && made.rows >= 3, "{made:?}");
        assert_eq!(fs::metadata(&backup).expect("there").len(), made.bytes);
        assert!(store.back_up(folder.path(), &backup, true).is_err());
        (folder, backup)
    }

    #[test]
    fn what_is_backed_up_is_restored() {
        let (folder, backup) = backed_up();
        let other = tempfile::tempdir().expect("a folder");
        let into = other.path().join("node");
        let restored = restore(&backup, &into, false).expect("restored");
        assert_eq!(restored.files, ["node.toml", "node.key"]);
        assert_eq!(fs::read(into.join("node.key")).expect("there"), b"secret\n");
        assert!(!into.join(UNFINISHED).exists());
        let again = restore(&backup, &into, false);
        assert!(matches!(again, Err(RestoreError::Occupied(_))), "{again:?}");
        let kept = restore(&backup, &into, true).expect("restored").kept;
        assert!(
            kept.is_some_and(|kept| kept.join(FILE).exists() && kept.join("node.key").exists())
        );
        // The folder that it was made of is in use no more.
        let (one, two) = (Store::open(folder.path()), Store::open(&into));
        let rows = |store: &Store| {
            let read = store.begin_read().expect("read");
            let table = read.open_table(BLOBS).expect("a table");
            redb::ReadableTableMetadata::len(&table).expect("rows")
        };
        assert_eq!(rows(&one.expect("open")), 1);
        let two = two.expect("open");
        assert_eq!(rows(&two), 1);
        let used = restore(&backup, &into, true);
        assert!(matches!(used, Err(RestoreError::Folder(_))), "{used:?}");
    }

    #[test]
    fn a_backup_that_is_damaged_or_foreign_leaves_nothing_behind() {
        let (folder, backup) = backed_up();
        let whole = fs::read(&backup).expect("read");
        let bad = folder.path().join("bad");
        let into = folder.path().join("into");
        let refused = |content: &[u8]| {
            fs::write(&bad, content).expect("written");
            let error = restore(&bad, &into, false).expect_err("refused");
            assert!(!into.join(FILE).exists() && !into.join(UNFINISHED).exists());
            error.to_string()
        };
        for cut in [0, 1, 7] {
            assert!(refused(&whole[..cut]).contains("is no backup"), "{cut}");
        }
        for cut in [
            8,
            12,
            13,
            40,
            whole.len() / 2,
            whole.len() - 32,
            whole.len() - 1,
        ] {
            assert!(refused(&whole[..cut]).contains("is cut off"), "{cut}");
        }
        for at in (12..whole.len()).step_by(1_009) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            assert!(refused(&flipped).contains("is damaged"), "{at}");
        }
        assert!(refused(&[&whole[..], b"x"].concat()).contains("behind its end"));
        let mut newer = whole.clone();
        newer[8] = 9;
        assert!(refused(&newer).contains("use a newer copd"));
        // One that was made to have the right hash, and rows that cannot be.
        let mut forged = whole[..whole.len() - 33].to_vec();
        forged.push(A_TABLE);
        forged.extend_from_slice(b"\x06\0\0\0shares");
        forged.push(A_ROW);
        forged.extend_from_slice(b"\x03\0\0\0abc\x01\0\0\0x");
        forged.push(END);
        let mut hash = hasher();
        hash.update(&forged);
        forged.extend_from_slice(hash.finalize().as_bytes());
        assert!(refused(&forged).contains("nonsense"));
    }
}
