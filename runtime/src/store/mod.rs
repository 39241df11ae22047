//! The only door to disk: one redb file per node.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name of a fact | `version`: of these tables, 4 bytes little-endian; `opened-by`: what last opened it |
//! | `blobs` | file hash | content of a file, once however many bundles have it |
//! | `bundles` | bundle hash | size of the archive, then the list (path, file hash) |
//! | `releases` | address, name, number | the signed release |
//! | `shares` | address | bytes that this publisher's bundles added |
//! | `evidence` | address, name, number | two releases of that number, signed by one key |
//! | `records` | kind, address, name | a signed latest, successor or revocation |
//! | `state` | address, name, key | hash of the answer if it is long, else zeros; then the value ([`state`]) |
//! | `shapes` | address, name, fingerprint | the shape of values that are or were in the state |
//! | `namespaces` | address, name | number of the last commit, bytes of all keys, values and shapes |
//! | `times` | address, name | time of the last commit, in milliseconds since 1970 |
//! | `expiries` | address, name, key | when the key is gone, in milliseconds since 1970 |
//! | `due` | address, name, when, key | nothing: the rows of `expiries` in the order of their time |
//! | `history` | address, name, number of the commit | what that commit changed ([`history`]) |
//! | `kept` | address, name | the oldest commit in `history`, bytes of them all |
//! | `lines` | address, name, number of the commit | the line that begins with it ([`lines`]) |
//! | `roots` | address, name, number of the commit | root of the state behind it, of each thousandth at most |
//! | `outcomes` | program, entry point, number | a remembered outcome ([`outcomes`]) |
//! | `outcome-sizes` | program, entry point | how many those are, their bytes, number of the last |
//!
//! Every write is one transaction with two-phase commit: it is on disk whole when it is acknowledged, and not at all otherwise,
//! at whatever instant the process ends. After an error of the disk redb refuses everything, and so does the store: nothing is
//! retried, the operator is told, and opening the folder again recovers the last acknowledged state.
//!
//! The `lock` file beside it keeps a second node out and says who is in.

pub mod backup;
pub mod code;
pub mod fsck;
pub mod gc;
pub mod history;
pub mod lines;
mod lock;
pub mod outcomes;
pub mod programs;
mod read_only;
pub mod restore;
pub mod state;
pub mod writes;

use std::fmt;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};

use crate::execution::OpenError;
use lock::FolderLock;

type Address20 = &'static [u8; 20];
type Hash32 = &'static [u8; 32];
type Bytes = &'static [u8];
type Name = &'static str;
type ShapeKey = (Address20, Name, &'static [u8; 8]);

const META: TableDefinition<&str, Bytes> = TableDefinition::new("meta");
const BLOBS: TableDefinition<Hash32, Bytes> = TableDefinition::new("blobs");
const BUNDLES: TableDefinition<Hash32, Bytes> = TableDefinition::new("bundles");
const RELEASES: TableDefinition<(Address20, Name, u64), Bytes> = TableDefinition::new("releases");
const SHARES: TableDefinition<Address20, u64> = TableDefinition::new("shares");
const EVIDENCE: TableDefinition<(Address20, Name, u64), Bytes> = TableDefinition::new("evidence");
const RECORDS: TableDefinition<(Name, Address20, Name), Bytes> = TableDefinition::new("records");
const STATE: TableDefinition<(Address20, Name, Bytes), Bytes> = TableDefinition::new("state");
const SHAPES: TableDefinition<ShapeKey, &str> = TableDefinition::new("shapes");
const NAMESPACES: TableDefinition<(Address20, Name), (u64, u64)> =
    TableDefinition::new("namespaces");
const TIMES: TableDefinition<(Address20, Name), i64> = TableDefinition::new("times");
const EXPIRIES: TableDefinition<(Address20, Name, Bytes), i64> = TableDefinition::new("expiries");
const DUE: TableDefinition<(Address20, Name, i64, Bytes), ()> = TableDefinition::new("due");

const HISTORY: TableDefinition<(Address20, Name, u64), Bytes> = TableDefinition::new("history");
const KEPT: TableDefinition<(Address20, Name), (u64, u64)> = TableDefinition::new("kept");
const LINES: TableDefinition<(Address20, Name, u64), &'static [u8; 8]> =
    TableDefinition::new("lines");
const OUTCOMES: TableDefinition<(Hash32, Name, u64), Bytes> = TableDefinition::new("outcomes");
const OUTCOME_SIZES: TableDefinition<(Hash32, Name), (u64, u64, u64)> =
    TableDefinition::new("outcome-sizes");
const ROOTS: TableDefinition<(Address20, Name, u64), Hash32> = TableDefinition::new("roots");

/// Version of the tables. A store with a greater one is not opened.
const VERSION: u32 = 1;
const FILE: &str = "store.redb";
const CACHE_BYTES: usize = 64 << 20;
/// The reserve of the disk is a twentieth of it, but never more than this.
const DISK_RESERVE_MAX_BYTES: u64 = 1 << 30;

/// Why the store cannot do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The disk is full, or would be within its reserve.
    Full(String),
    /// The disk or the file takes no writes.
    ReadOnly(String),
    /// The disk failed, or the file is damaged. Everything is refused until the folder is opened again.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Full(detail) => write!(out, "the disk is full: {detail}"),
            StoreError::ReadOnly(detail) => write!(out, "the store takes no writes: {detail}"),
            StoreError::Failed(detail) => write!(out, "the store failed: {detail}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    fn io(cause: &std::io::Error) -> StoreError {
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                StoreError::Full(cause.to_string())
            }
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                StoreError::ReadOnly(cause.to_string())
            }
            _ => StoreError::Failed(cause.to_string()),
        }
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> StoreError {
        match error {
            redb::Error::Io(cause) => StoreError::io(&cause),
            redb::Error::PreviousIo => StoreError::Failed(
                "the disk failed earlier; restart the node once the disk is right again".to_owned(),
            ),
            other => StoreError::Failed(other.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident)*) => { $(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> StoreError {
                redb::Error::from(error).into()
            }
        }
    )* };
}

from_redb! { StorageError TableError TransactionError CommitError }

/// The store of one node.
#[derive(Debug)]
pub struct Store {
    /// `None` only while it is being dropped.
    database: Option<Database>,
    /// Where to look how full the disk is; `None` for stores in memory.
    path: Option<PathBuf>,
    /// Why a write has failed for good.
    failure: OnceLock<StoreError>,
    _lock: Option<FolderLock>,
}

impl Store {
    /// Opens the store of this folder, making both if needed, and keeps others out until it is dropped.
    pub fn open(folder: &Path) -> Result<Store, OpenError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |cause| OpenError::Folder { path, cause }
        };
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        let lock = FolderLock::take(folder)?;
        let path = folder.join(FILE);
        let open = || {
            let database = Database::builder()
                .set_cache_size(CACHE_BYTES)
                .create(&path)
                .map_err(|error| open_error(&path, folder, error.into()))?;
            Store::with_database(database, &path, Some(lock))
        };
        // Where pages are damaged that say where others are, redb may end in a panic.
        survived(open).unwrap_or_else(|| {
            Err(OpenError::Damaged {
                path: path.clone(),
                detail: nonsense().to_string(),
            })
        })
    }

    fn with_database(
        database: Database,
        path: &Path,
        lock: Option<FolderLock>,
    ) -> Result<Store, OpenError> {
        let store = Store {
            database: Some(database),
            path: lock.is_some().then(|| path.to_owned()),
            failure: OnceLock::new(),
            _lock: lock,
        };
        store.prepare(path)?;
        Ok(store)
    }

    /// Checks the version and makes the tables that are missing.
    fn prepare(&self, path: &Path) -> Result<(), OpenError> {
        let refuse = |error: redb::Error| open_error(path, path, error);
        let write = self.begin_write().map_err(|error| match error {
            StoreError::Failed(detail) => OpenError::Damaged {
                path: path.to_owned(),
                detail,
            },
            StoreError::Full(detail) | StoreError::ReadOnly(detail) => OpenError::Folder {
                path: path.to_owned(),
                cause: std::io::Error::other(detail),
            },
        })?;
        let prepared = || -> Result<Result<(), u32>, redb::Error> {
            let mut meta = write.open_table(META)?;
            let found = meta
                .get("version")?
                .and_then(|bytes| Some(u32::from_le_bytes(bytes.value().try_into().ok()?)));
            if let Some(found) = found
                && found > VERSION
            {
                return Ok(Err(found));
            }
            meta.insert("version", &VERSION.to_le_bytes()[..])?;
            let opened_by = concat!("cop-runtime ", env!("CARGO_PKG_VERSION"));
            meta.insert("opened-by", opened_by.as_bytes())?;
            write.open_table(BLOBS)?;
            write.open_table(BUNDLES)?;
            write.open_table(RELEASES)?;
            write.open_table(SHARES)?;
            write.open_table(EVIDENCE)?;
            write.open_table(RECORDS)?;
            write.open_table(STATE)?;
            write.open_table(SHAPES)?;
            write.open_table(NAMESPACES)?;
            write.open_table(TIMES)?;
            write.open_table(EXPIRIES)?;
            write.open_table(DUE)?;
            write.open_table(HISTORY)?;
            write.open_table(KEPT)?;
            write.open_table(LINES)?;
            write.open_table(ROOTS)?;
            write.open_table(OUTCOMES)?;
            write.open_table(OUTCOME_SIZES)?;
            Ok(Ok(()))
        };
        match prepared().map_err(refuse)? {
            Ok(()) => write.commit().map_err(|error| refuse(error.into())),
            Err(found) => Err(OpenError::Newer {
                path: path.to_owned(),
                found,
                known: VERSION,
            }),
        }
    }

    fn database(&self) -> Result<&Database, StoreError> {
        let closed = || StoreError::Failed("the store is closed".to_owned());
        self.database.as_ref().ok_or_else(closed)
    }

    fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        Ok(self.database()?.begin_read()?)
    }

    /// The one way to begin a write.
    fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        let mut write = self.database()?.begin_write()?;
        write.set_two_phase_commit(true);
        Ok(write)
    }

    /// Runs `change` in one transaction. Unless it gives `Ok` and the commit succeeds, nothing has changed.
    fn write<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write_with(Durability::Immediate, change)
    }

    /// The same for what can be found again otherwise: it goes to disk with the next transaction that is synced, and is gone
    /// if the power goes before, whole as it came.
    fn write_soon<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write_with(Durability::None, change)
    }

    fn write_with<T, E: From<StoreError>>(
        &self,
        durability: Durability,
        change: impl FnOnce(&WriteTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let written = survived(|| {
            let mut write = self.begin_write().map_err(|error| self.noted(error))?;
            // Refused only where savepoints are used, and there are none.
            let _ = write.set_durability(durability);
            let value = change(&write)?;
            match write.commit() {
                Ok(()) => Ok(value),
                Err(error) => Err(E::from(self.noted(error.into()))),
            }
        });
        match written {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => {
                // Whether it was the disk: then redb refuses all that follows.
                drop(self.begin_write().map_err(|error| self.noted(error)));
                Err(error)
            }
            None => Err(E::from(self.noted(nonsense()))),
        }
    }

    /// Full and read-only disks are seen here first while writing; redb refuses all that follows.
    fn noted(&self, error: StoreError) -> StoreError {
        // Only the first failure says what it was.
        let _ = self.failure.set(error.clone());
        error
    }

    /// Why the store takes nothing more, once a write has failed for good: what it had acknowledged before is there still, and
    /// what it was writing then may or may not be found when the folder is opened again.
    pub fn failure(&self) -> Option<&StoreError> {
        self.failure.get()
    }

    /// Refuses a write of this many bytes if it would use the disk's reserve.
    fn check_room(&self, bytes: u64) -> Result<(), StoreError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let Ok(disk) = rustix::fs::statvfs(path) else {
            return Ok(());
        };
        let total = disk.f_blocks.saturating_mul(disk.f_frsize);
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let reserve = (total / 20).min(DISK_RESERVE_MAX_BYTES);
        // redb writes new pages before it frees old ones, so the room must be there twice.
        if free < reserve.saturating_add(bytes.saturating_mul(2)) {
            return Err(StoreError::Full(format!(
                "{free} bytes are free, {reserve} of them are kept in reserve, {bytes} are needed"
            )));
        }
        Ok(())
    }

    /// False once a write has failed for good.
    pub fn is_writable(&self) -> bool {
        self.failure.get().is_none()
    }

    /// The data folder; `None` for stores in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.path.as_deref()?.parent()
    }

    /// Size of the file, in bytes.
    pub fn file_bytes(&self) -> u64 {
        let metadata = self.path.as_ref().and_then(|path| path.metadata().ok());
        metadata.map_or(0, |metadata| metadata.len())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let database = self.database.take();
        // What was acknowledged is on disk; closing only saves work for the next time.
        let _ = survived(|| drop(database));
    }
}

/// What a function gives, unless it panics: redb does where damaged pages say things that cannot be.
fn survived<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn nonsense() -> StoreError {
    StoreError::Failed("its pages hold nonsense".to_owned())
}

fn open_error(path: &Path, folder: &Path, error: redb::Error) -> OpenError {
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::InUse {
            folder: folder.to_owned(),
            pid: None,
        },
        // Pages are named that the file does not have.
        redb::Error::Io(cause)
            if [ErrorKind::InvalidData, ErrorKind::UnexpectedEof].contains(&cause.kind()) =>
        {
            OpenError::Damaged {
                path: path.to_owned(),
                detail: cause.to_string(),
            }
        }
        redb::Error::Io(cause) => OpenError::Folder {
            path: path.to_owned(),
            cause,
        },
        other => OpenError::Damaged {
            path: path.to_owned(),
            detail: other.to_string(),
        },
    }
}

#[cfg(test)]
mod faults;
#[cfg(test)]
pub(crate) mod tests;
