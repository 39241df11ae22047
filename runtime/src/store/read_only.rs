//! A file that is looked at and never changed: what is written goes to memory, and is forgotten.
//!
//! redb repairs what it opens, and a check that repairs what it finds destroys the evidence.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// What is written is kept in pieces of this size.
const PIECE: u64 = 4_096;
/// Most memory for what is written. A repair writes the bookkeeping of free pages, some thousandths of the file.
const WRITTEN_MAX: usize = 256 << 20;

/// A file under a layer of memory that takes all that is written.
#[derive(Debug)]
pub struct ReadOnly {
    file: File,
    layer: Mutex<Layer>,
}

#[derive(Debug)]
struct Layer {
    /// How long the file would be.
    length: u64,
    /// How much of the file itself is still to be seen: it may have been cut meanwhile.
    file_length: u64,
    /// Pieces that were written, by their number.
    pieces: BTreeMap<u64, Box<[u8]>>,
}

impl ReadOnly {
    /// Looks at this file.
    pub fn open(path: &Path) -> io::Result<ReadOnly> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let layer = Layer {
            length,
            file_length: length,
            pieces: BTreeMap::new(),
        };
        Ok(ReadOnly {
            file,
            layer: Mutex::new(layer),
        })
    }

    fn layer(&self) -> MutexGuard<'_, Layer> {
        self.layer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of the file itself; zeros where it has none.
    fn read_file(&self, layer: &Layer, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = layer.file_length.saturating_sub(offset);
        let there = usize::try_from(there).unwrap_or(usize::MAX).min(out.len());
        let (from_file, behind) = out.split_at_mut(there);
        behind.fill(0);
        // Whoever holds the layer has the file for himself.
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(from_file)
    }
}

/// The pieces that a range touches: number of the piece, offset in it, and which part of the range that is.
fn pieces_of(
    offset: u64,
    length: usize,
) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        let at = offset + done as u64;
        let within = (at % PIECE) as usize;
        let count = (PIECE as usize - within).min(length - done);
        let part = done..done + count;
        done += count;
        Some((at / PIECE, within, part))
    })
}

impl StorageBackend for ReadOnly {
    fn len(&self) -> io::Result<u64> {
        Ok(self.layer().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let layer = self.layer();
        if offset.saturating_add(out.len() as u64) > layer.length {
            // No sound file asks for that.
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it names pages beyond its end",
            ));
        }
        self.read_file(&layer, offset, out)?;
        if layer.pieces.is_empty() {
            return Ok(());
        }
        for (number, within, part) in pieces_of(offset, out.len()) {
            if let Some(piece) = layer.pieces.get(&number) {
                let length = part.len();
                out[part].copy_from_slice(&piece[within..within + length]);
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut layer = self.layer();
        layer.length = length;
        layer.file_length = layer.file_length.min(length);
        layer.pieces.split_off(&length.div_ceil(PIECE));
        let (number, within) = (length / PIECE, (length % PIECE) as usize);
        if let Some(piece) = layer.pieces.get_mut(&number) {
            piece[within..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut layer = self.layer();
        for (number, within, part) in pieces_of(offset, data.len()) {
            if !layer.pieces.contains_key(&number) {
                if layer.pieces.len() >= WRITTEN_MAX / PIECE as usize {
                    return Err(io::Error::other(
                        "looking at the file takes too much memory",
                    ));
                }
                let mut piece = vec![0; PIECE as usize].into_boxed_slice();
                self.read_file(&layer, number * PIECE, &mut piece)?;
                layer.pieces.insert(number, piece);
            }
            if let Some(piece) = layer.pieces.get_mut(&number) {
                piece[within..within + part.len()].copy_from_slice(&data[part]);
            }
        }
        Ok(())
    }
}
