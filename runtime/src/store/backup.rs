//! A backup: the store as it was at one moment, and the files that make a folder this node, in one file that any later node reads.
//!
//! ```text
//! ┌────────────┬──────────────────┬─────────────────────────────┬───────┬───────────────────────────┐
//! │ "cop-bak1" │ table version u32│ frames                      │ 0     │ BLAKE3 of all before it   │
//! └────────────┴──────────────────┴─────────────────────────────┴───────┴───────────────────────────┘
//!   frame 1: a file    name, content          frame 2: a table    name
//!   frame 3: a row of the table before it     key, value
//! ```
//!
//! Names, keys and contents stand behind their length (u32, little-endian). Rows are written, and not the pages of the store, so
//! that a later node may keep them otherwise. What is found again anyhow is left out: remembered answers, machine code, records of
//! runs; so is the management token, which is made anew. The hash is against damage; who may be trusted with a backup is the
//! owner's decision, since it has the node's key unless it was left out.
//!
//! The snapshot is one read transaction, so a node that runs goes on meanwhile.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use redb::{Key, ReadTransaction, ReadableTable, TableDefinition, TableError, TableHandle, Value};

use super::{
    BLOBS, BUNDLES, DUE, EVIDENCE, EXPIRIES, HISTORY, KEPT, LINES, META, NAMESPACES, OUTCOME_SIZES,
    OUTCOMES, RECORDS, RELEASES, ROOTS, SHAPES, SHARES, STATE, Store, StoreError, TIMES, VERSION,
    nonsense, survived,
};
use crate::receipt::node_key::NODE_KEY_FILE;

pub(super) const MAGIC: &[u8; 8] = b"cop-bak1";
pub(super) const END: u8 = 0;
pub(super) const A_FILE: u8 = 1;
pub(super) const A_TABLE: u8 = 2;
pub(super) const A_ROW: u8 = 3;
/// Files of the folder that a backup has: the settings and the node's key.
pub(super) const FILES: [&str; 2] = ["node.toml", NODE_KEY_FILE];
/// Most bytes of such a file.
pub(super) const FILE_BYTES_MAX: usize = 1 << 20;

/// What a backup has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupFigures {
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Whether the node's secret key is in it.
    pub has_key: bool,
}

/// Calls `$then!($name)` for each table that a backup has.
macro_rules! each_table {
    ($then:ident) => {
        $then!(META);
        $then!(BLOBS);
        $then!(BUNDLES);
        $then!(RELEASES);
        $then!(SHARES);
        $then!(EVIDENCE);
        $then!(RECORDS);
        $then!(STATE);
        $then!(SHAPES);
        $then!(NAMESPACES);
        $then!(TIMES);
        $then!(EXPIRIES);
        $then!(DUE);
        $then!(HISTORY);
        $then!(KEPT);
        $then!(LINES);
        $then!(ROOTS);
    };
}

pub(super) use each_table;

impl Store {
    /// Writes a backup to a file that is not there yet, readable by its owner only, and syncs it. Without the node's key whoever
    /// restores it has another node with the same programs.
    ///
    /// # Errors
    /// The file cannot be made or written, or the store cannot be read; a file that was begun is removed.
    pub fn back_up(
        &self,
        folder: &Path,
        to: &Path,
        with_key: bool,
    ) -> Result<BackupFigures, StoreError> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(to).map_err(|error| StoreError::io(&error))?;
        let written = survived(|| self.write_backup(folder, file, with_key));
        let written = written.unwrap_or_else(|| Err(nonsense()));
        if written.is_err() {
            // The reason for the failure is what is told.
            let _ = std::fs::remove_file(to);
        }
        written
    }

    fn write_backup(
        &self,
        folder: &Path,
        file: File,
        with_key: bool,
    ) -> Result<BackupFigures, StoreError> {
        let read = self.begin_read()?;
        check_tables(&read)?;
        let mut out = Hashing::new(BufWriter::new(file));
        let told = |error: io::Error| StoreError::io(&error);
        out.put(MAGIC).map_err(told)?;
        out.put(&VERSION.to_le_bytes()).map_err(told)?;
        let mut figures = BackupFigures::default();
        for name in FILES {
            if name == NODE_KEY_FILE && !with_key {
                continue;
            }
            let content = match std::fs::read(folder.join(name)) {
                Ok(content) => content,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(told(error)),
            };
            figures.has_key |= name == NODE_KEY_FILE;
            out.put(&[A_FILE]).map_err(told)?;
            out.part(name.as_bytes()).map_err(told)?;
            out.part(&content).map_err(told)?;
        }
        macro_rules! put {
            ($table:ident) => {
                figures.rows += put_table(&read, $table, &mut out)?;
            };
        }
        each_table!(put);
        out.put(&[END]).map_err(told)?;
        figures.bytes = out.finish().map_err(told)?;
        Ok(figures)
    }
}

/// A table that this does not know would be lost without a word.
fn check_tables(read: &ReadTransaction) -> Result<(), StoreError> {
    let mut known = vec![OUTCOMES.name().to_owned(), OUTCOME_SIZES.name().to_owned()];
    macro_rules! name {
        ($table:ident) => {
            known.push($table.name().to_owned());
        };
    }
    each_table!(name);
    for table in read.list_tables()? {
        if !known.iter().any(|known| known == table.name()) {
            return Err(StoreError::Failed(format!(
                "it has a table `{}` that this version does not know; use the newer copd",
                table.name()
            )));
        }
    }
    Ok(())
}

fn put_table<K: Key + 'static, V: Value + 'static>(
    read: &ReadTransaction,
    definition: TableDefinition<'_, K, V>,
    out: &mut Hashing,
) -> Result<u64, StoreError> {
    let told = |error: io::Error| StoreError::io(&error);
    let table = match read.open_table(definition) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    out.put(&[A_TABLE]).map_err(told)?;
    out.part(definition.name().as_bytes()).map_err(told)?;
    let mut rows = 0;
    for row in table.iter()? {
        let (key, value) = row?;
        out.put(&[A_ROW]).map_err(told)?;
        out.part(K::as_bytes(&key.value()).as_ref()).map_err(told)?;
        out.part(V::as_bytes(&value.value()).as_ref())
            .map_err(told)?;
        rows += 1;
    }
    Ok(rows)
}

/// Writes, and hashes what it writes.
struct Hashing {
    out: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Hashing {
    fn new(out: BufWriter<File>) -> Hashing {
        Hashing {
            out,
            hasher: hasher(),
            bytes: 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Bytes behind their length.
    fn part(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len())
            .map_err(|_| io::Error::other("a row has more than 4 GiB"))?;
        self.put(&length.to_le_bytes())?;
        self.put(bytes)
    }

    /// Writes the hash and syncs; the size of all.
    fn finish(mut self) -> io::Result<u64> {
        let hash = self.hasher.finalize();
        self.out.write_all(hash.as_bytes())?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        Ok(self.bytes + 32)
    }
}

pub(super) fn hasher() -> blake3::Hasher {
    blake3::Hasher::new_derive_key("cop backup 1")
}
