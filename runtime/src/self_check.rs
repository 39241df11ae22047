//! A node checks itself: one run in so many is done again, in the other engine, on what it was told.
//!
//! It happens after the answer has left, on a thread of its own, and only while the workers have little to do. Both must come to
//! the same outcome to the last bit. If they do not, an engine is wrong: the program runs without machine code from then on,
//! what was remembered of it is dropped, and the run is kept as evidence.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cop_bytecode::{Hash, TrapKind};

use crate::cache::{OutcomeCache, TreeKey};
use crate::failure::FailureCode;
use crate::keys::PublicKey;
use crate::library::{Library, ReadyProgram};
use crate::recorded::RecordedRun;
use crate::run::RunEnd;
use crate::runs::KeptRun;
use crate::workers::Workers;

/// Name of the folder for evidence in the data folder.
pub const EVIDENCE_FOLDER: &str = "evidence";
/// Runs that wait to be checked; further ones are left out.
const WAITING: usize = 4;
/// Runs that used more fuel are not checked: the interpreter would take seconds.
const FUEL_MAX: u64 = 1_000_000_000;
/// Longest wait for workers that have little to do; a run that finds none is left out.
const IDLE_MAX: Duration = Duration::from_secs(2);
/// How often that is looked at. The first time is soon after the answer was made, so that it has left.
const LOOK: Duration = Duration::from_millis(10);
/// Programs of which every run is chosen, at most.
const SUSPECTS_MAX: usize = 256;
/// Files that are kept as evidence; of further differences there is the message alone.
const FILES_MAX: usize = 64;

/// What has come of checking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SelfCheckFigures {
    /// Runs that were done again since the start.
    pub checked: u64,
    /// Runs that were chosen and left out since the start: the node had too much to do, they were too long, or cannot be done
    /// again.
    pub left_out: u64,
    /// Runs that came out differently since the start. Anything but 0 is a defect of an engine.
    pub differences: u64,
}

/// What a check needs of the node.
pub struct Around {
    /// Says whether there is much to do.
    pub workers: Arc<Workers>,
    /// Remembers outcomes, and forgets those of a program that cannot be relied on.
    pub cache: Arc<OutcomeCache>,
    /// Keeps the programs.
    pub library: Arc<Library>,
}

/// The checking thread.
pub struct SelfCheck {
    every: u64,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<VecDeque<Chosen>>,
    changed: Condvar,
    /// Nothing more is checked, and a check that is under way is given up.
    closed: Arc<AtomicBool>,
    folder: PathBuf,
    /// Programs of which every run is chosen.
    suspects: Mutex<BTreeSet<Hash>>,
    has_suspects: AtomicBool,
    seen: AtomicU64,
    checked: AtomicU64,
    left_out: AtomicU64,
    differences: AtomicU64,
}

/// A run that is to be done again.
struct Chosen {
    ready: Arc<ReadyProgram>,
    run: KeptRun,
    /// Who published the program; `None` for one that was run by its hash alone.
    publisher: Option<PublicKey>,
}

/// What came of a check.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    Different(String),
    LeftOut,
}

fn count(figure: &AtomicU64) {
    figure.fetch_add(1, Ordering::Relaxed);
}

impl SelfCheck {
    /// Checks one run in `every`, none if that is 0. Programs of which the data folder has evidence run without machine code.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start(every: u64, data_dir: &Path, around: Around) -> std::io::Result<SelfCheck> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            closed: Arc::default(),
            folder: data_dir.join(EVIDENCE_FOLDER),
            suspects: Mutex::default(),
            has_suspects: AtomicBool::new(false),
            seen: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            differences: AtomicU64::new(0),
        });
        for program in shared.accused() {
            around.library.distrust(program);
        }
        let thread = (every > 0).then(|| {
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name("cop-check".into());
            thread.spawn(move || shared.serve(&around))
        });
        Ok(SelfCheck {
            every,
            shared,
            thread: thread.transpose()?,
        })
    }

    /// What has come of it.
    pub fn figures(&self) -> SelfCheckFigures {
        let figure = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        SelfCheckFigures {
            checked: figure(&self.shared.checked),
            left_out: figure(&self.shared.left_out),
            differences: figure(&self.shared.differences),
        }
    }

    /// Tells of a run of this publisher's program that has come to its end. One in so many is chosen.
    pub fn consider(
        &self,
        ready: &Arc<ReadyProgram>,
        run: &KeptRun,
        publisher: Option<&PublicKey>,
    ) {
        if self.every == 0 {
            return;
        }
        let before = self.shared.seen.fetch_add(1, Ordering::Relaxed);
        let is_chosen = before % self.every == self.every - 1;
        if !is_chosen && !self.shared.suspects(&ready.manifest.package) {
            return;
        }
        let mut queue = self.shared.queue();
        if queue.len() >= WAITING || run.record.fuel_used > FUEL_MAX {
            drop(queue);
            return count(&self.shared.left_out);
        }
        queue.push_back(Chosen {
            ready: ready.clone(),
            run: run.clone(),
            publisher: publisher.copied(),
        });
        drop(queue);
        self.shared.changed.notify_one();
    }

    /// Every run of this program is chosen from now on: two of them disagreed.
    pub fn suspect(&self, program: Hash) {
        let suspects = &self.shared.suspects;
        let mut suspects = suspects.lock().unwrap_or_else(PoisonError::into_inner);
        if suspects.len() < SUSPECTS_MAX {
            suspects.insert(program);
            self.shared.has_suspects.store(true, Ordering::Relaxed);
        }
    }

    /// Checks nothing more.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        self.shared.queue().clear();
        self.shared.changed.notify_one();
    }
}

impl Drop for SelfCheck {
    fn drop(&mut self) {
        self.close();
        if let Some(thread) = self.thread.take() {
            // It ends within a slice of fuel. A panic of it was reported by its own message.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Chosen>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn suspects(&self, program: &Hash) -> bool {
        let found = || {
            let suspects = self.suspects.lock();
            let suspects = suspects.unwrap_or_else(PoisonError::into_inner);
            suspects.contains(program)
        };
        self.has_suspects.load(Ordering::Relaxed) && found()
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn serve(&self, around: &Around) {
        while let Some(chosen) = self.next() {
            if !self.finds_idle(&around.workers) {
                count(&self.left_out);
                continue;
            }
            match self.check(&chosen) {
                Verdict::Same => count(&self.checked),
                Verdict::LeftOut => count(&self.left_out),
                Verdict::Different(how) => {
                    count(&self.checked);
                    self.report(&chosen, &how, around);
                }
            }
        }
    }

    /// Waits for a run to check; `None` when nothing more is to be.
    fn next(&self) -> Option<Chosen> {
        let mut queue = self.queue();
        loop {
            if self.is_closed() {
                return None;
            }
            if let Some(chosen) = queue.pop_front() {
                return Some(chosen);
            }
            let woken = self.changed.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until fewer than half of the workers are busy and nobody waits for one.
    fn finds_idle(&self, workers: &Workers) -> bool {
        let until = Instant::now() + IDLE_MAX;
        while !self.is_closed() && Instant::now() < until {
            std::thread::sleep(LOOK);
            let (running, queued) = workers.load();
            if queued == 0 && 2 * running < workers.count() {
                return true;
            }
        }
        false
    }

    fn check(&self, chosen: &Chosen) -> Verdict {
        let Some(other) = chosen.ready.program.other() else {
            return Verdict::LeftOut;
        };
        let then = &chosen.run.record;
        let recording = RecordedRun::of(&chosen.run, true).recording();
        match recording.replay_unless(&*other, Some(&self.closed)) {
            Ok(now) if now.transcript.hash() != then.transcript.hash() => {
                Verdict::Different("it asked something else".into())
            }
            Ok(now) if now.outcome_hash() != then.outcome_hash() => {
                Verdict::Different("it came out differently".into())
            }
            Ok(_) => Verdict::Same,
            // It asked what was not asked then. What the host traps for was asked and is not on record.
            Err(failure) if failure.code == FailureCode::BadRequest => match &then.end {
                RunEnd::Trapped(trap)
                    if matches!(
                        trap.kind,
                        TrapKind::InvalidArgument | TrapKind::HostCallLimit
                    ) =>
                {
                    Verdict::LeftOut
                }
                _ => Verdict::Different(failure.detail.clone()),
            },
            Err(_) => Verdict::LeftOut,
        }
    }

    /// The node goes on without machine code for the program, and the operator is told.
    fn report(&self, chosen: &Chosen, how: &str, around: &Around) {
        count(&self.differences);
        let program = chosen.ready.manifest.package;
        around.library.distrust(program);
        around.cache.forget(&TreeKey {
            program,
            entry: "handle",
        });
        let kept = match self.keep(program, chosen) {
            Ok(Some(path)) => format!("the run is kept in {}", path.display()),
            Ok(None) => format!("the run is not kept, there are {FILES_MAX} already"),
            Err(error) => format!("the run could not be kept: {error}"),
        };
        eprintln!(
            "copd: error: run {} of the program {program} was done again in the other engine, and {how}. One of them is wrong. The program \
             runs without machine code from now on; {kept}. Please report it",
            chosen.run.info.run
        );
    }

    /// Writes the run down, readable by the node's owner only. What is the asker's own is sealed for the program's publisher, or left
    /// out where there is none.
    fn keep(&self, program: Hash, chosen: &Chosen) -> std::io::Result<Option<PathBuf>> {
        let run = &chosen.run;
        std::fs::create_dir_all(&self.folder)?;
        if std::fs::read_dir(&self.folder)?.count() >= FILES_MAX {
            return Ok(None);
        }
        let name = format!("{program}-{}.coprun", run.info.run);
        let path = self.folder.join(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        let record = RecordedRun::of(run, true).sealed_for(chosen.publisher.as_ref());
        file.write_all(&record.encode())?;
        file.sync_all()?;
        Ok(Some(path))
    }

    /// The programs of which there is evidence, by the names of the files.
    fn accused(&self) -> Vec<Hash> {
        let Ok(files) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        names
            .filter(|name| name.ends_with(".coprun"))
            .filter_map(|name| name.split_once('-')?.0.parse().ok())
            .collect()
    }
}
