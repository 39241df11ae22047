//! The records of runs on disk: of those that trapped and those that wrote, for a week, up to a budget of bytes.
//!
//! They are for looking back (`copc replay`), so nothing waits for them: a thread appends them to segments in the folder `runs`,
//! without a sync, and what there is no room for in its queue is not kept. A segment is a file named by its number:
//!
//! ```text
//!  (run 16 │ length of the record, 4 bytes little-endian │ recorded run, see [`crate::recorded`]) × as many as there are
//! ```
//! Answers that are the asker's own are sealed for the publisher of the program ([`crate::sealed`]). A segment that is cut off,
//! by a crash or a full disk, is good up to there. Whole segments are removed, the oldest first.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crate::answer::RunId;
use crate::keys::PublicKey;
use crate::recorded::RecordedRun;
use crate::runs::KeptRun;

/// The folder within the data folder.
const FOLDER: &str = "runs";
/// Runs that wait to be written.
const WAITING_MAX: usize = 64;
/// A run whose questions and answers have more bytes is kept in memory only.
const RUN_BYTES_MAX: usize = 2 << 20;
/// A segment that has so many bytes is followed by another one.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Most runs that can be found.
const RUNS_MAX: usize = 200_000;
/// How long they are kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const HEAD_BYTES: usize = 20;

/// The records of runs on disk.
pub struct KeptOnDisk {
    folder: PathBuf,
    index: Arc<Mutex<Index>>,
    /// Gone when the thread is to end.
    queue: Option<SyncSender<(KeptRun, Option<PublicKey>)>>,
    writer: Option<JoinHandle<()>>,
}

/// Where runs are, by segment.
#[derive(Default)]
struct Index {
    runs: HashMap<RunId, (u64, u64, u32)>,
    /// By number: its bytes, and the runs in it.
    segments: BTreeMap<u64, (u64, Vec<RunId>)>,
    bytes: u64,
}

impl Index {
    fn add(&mut self, segment: u64, run: RunId, at: u64, length: u32) {
        let bytes = HEAD_BYTES as u64 + u64::from(length);
        let (held, runs) = self.segments.entry(segment).or_default();
        *held += bytes;
        runs.push(run);
        self.bytes += bytes;
        self.runs.insert(run, (segment, at, length));
    }

    fn forget(&mut self, segment: u64) {
        if let Some((bytes, runs)) = self.segments.remove(&segment) {
            self.bytes -= bytes;
            for run in runs {
                self.runs.remove(&run);
            }
        }
    }
}

fn locked(index: &Mutex<Index>) -> std::sync::MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KeptOnDisk {
    /// Those in a data folder, of which `budget_bytes` are kept; 0 keeps none.
    ///
    /// # Errors
    /// The folder cannot be made or read, or no thread can be started.
    pub fn open(data_dir: &Path, budget_bytes: u64) -> std::io::Result<KeptOnDisk> {
        let folder = data_dir.join(FOLDER);
        let mut kept = KeptOnDisk {
            folder: folder.clone(),
            index: Arc::default(),
            queue: None,
            writer: None,
        };
        if budget_bytes == 0 {
            return Ok(kept);
        }
        std::fs::create_dir_all(&folder)?;
        read_index(&folder, &kept.index)?;
        let (queue, waiting) = sync_channel(WAITING_MAX);
        let index = kept.index.clone();
        let next = locked(&index)
            .segments
            .keys()
            .next_back()
            .map_or(1, |last| last + 1);
        let writer = std::thread::Builder::new().name("runs".to_owned());
        kept.writer =
            Some(writer.spawn(move || write_all(&folder, budget_bytes, next, &index, &waiting))?);
        kept.queue = Some(queue);
        Ok(kept)
    }

    /// Keeps a run, unless so many wait that there is no room for it. What is private in it is sealed for the publisher, or left out
    /// where there is none.
    pub fn keep(&self, run: KeptRun, publisher: Option<PublicKey>) {
        if let Some(queue) = &self.queue
            && run.record.transcript.content_bytes() <= RUN_BYTES_MAX
        {
            // A node that is busy answers rather than remembers.
            let _ = queue.try_send((run, publisher));
        }
    }

    /// The record of a run; `None` if it is not kept, or cannot be read.
    pub fn get(&self, run: &RunId) -> Option<RecordedRun> {
        let (segment, at, length) = *locked(&self.index).runs.get(run)?;
        let mut file = File::open(path(&self.folder, segment)).ok()?;
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut bytes = vec![0; length as usize];
        file.read_exact(&mut bytes).ok()?;
        RecordedRun::decode(&bytes)
            .ok()
            .filter(|recorded| recorded.run == *run)
    }
}

impl Drop for KeptOnDisk {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // One that has panicked has written what it could.
            let _ = writer.join();
        }
    }
}

fn path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:010}"))
}

/// Finds the runs in all segments.
fn read_index(folder: &Path, index: &Mutex<Index>) -> std::io::Result<()> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse::<u64>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    let mut index = locked(index);
    for segment in numbers {
        let mut file = File::open(path(folder, segment))?;
        let size = file.metadata()?.len();
        let mut at = 0;
        let mut head = [0; HEAD_BYTES];
        while file.read_exact(&mut head).is_ok() {
            let Some((run, length)) = head.split_first_chunk::<16>() else {
                break;
            };
            let length = u32::from_le_bytes(length.try_into().unwrap_or_default());
            let begin = at + HEAD_BYTES as u64;
            at = begin + u64::from(length);
            if at > size || file.seek(SeekFrom::Start(at)).is_err() {
                break;
            }
            index.add(segment, RunId(*run), begin, length);
        }
        index.segments.entry(segment).or_default();
    }
    Ok(())
}

/// Writes what comes, until nothing comes any more.
fn write_all(
    folder: &Path,
    budget_bytes: u64,
    mut segment: u64,
    index: &Mutex<Index>,
    waiting: &Receiver<(KeptRun, Option<PublicKey>)>,
) {
    remove_old(folder, budget_bytes, segment, index);
    let mut file: Option<(File, u64)> = None;
    while let Ok((run, publisher)) = waiting.recv() {
        let record = RecordedRun::of(&run, true).sealed_for(publisher.as_ref());
        let bytes = record.encode();
        let Ok(length) = u32::try_from(bytes.len()) else {
            continue;
        };
        if file.as_ref().is_some_and(|(_, at)| *at >= SEGMENT_BYTES) {
            (file, segment) = (None, segment + 1);
            remove_old(folder, budget_bytes, segment, index);
        }
        if file.is_none() {
            let mut options = File::options();
            options.append(true).create(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            // Where nothing can be written nothing is kept; the next run tries again.
            file = options
                .open(path(folder, segment))
                .ok()
                .map(|file| (file, 0));
        }
        let Some((open, at)) = &mut file else {
            continue;
        };
        let mut framed = Vec::with_capacity(HEAD_BYTES + bytes.len());
        framed.extend_from_slice(&record.run.0);
        framed.extend_from_slice(&length.to_le_bytes());
        framed.extend_from_slice(&bytes);
        if open.write_all(&framed).is_err() {
            // What stands behind a cut record cannot be found, so it is the last one of its segment.
            (file, segment) = (None, segment + 1);
            continue;
        }
        locked(index).add(segment, record.run, *at + HEAD_BYTES as u64, length);
        *at += framed.len() as u64;
    }
}

/// Removes segments that are too old, or too many.
fn remove_old(folder: &Path, budget_bytes: u64, current: u64, index: &Mutex<Index>) {
    let now = SystemTime::now();
    loop {
        let mut index = locked(index);
        let Some((oldest, bytes, runs)) = index
            .segments
            .first_key_value()
            .map(|(number, _)| (*number, index.bytes, index.runs.len()))
        else {
            return;
        };
        let written = std::fs::metadata(path(folder, oldest)).and_then(|found| found.modified());
        let is_old = written.map_or(true, |at| {
            now.duration_since(at).is_ok_and(|age| age > KEPT)
        });
        if oldest >= current || !(is_old || bytes > budget_bytes || runs > RUNS_MAX) {
            return;
        }
        index.forget(oldest);
        drop(index);
        // One that cannot be removed is found again at the next start.
        let _ = std::fs::remove_file(path(folder, oldest));
    }
}
