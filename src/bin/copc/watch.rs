//! `--watch`: the same again whenever a file changes that it read.
//!
//! Files are looked at a few times a second: that works on every system and file system, and there are few of them. What a file
//! was is noted before it is read, so no change between reading and watching is missed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use coputer::project::{Project, ROOT, SETTINGS};
use coputer::stamp::Stamp;

use crate::ended::{self, Complaint, Ended};
use crate::say;

/// How often files are looked at.
const EVERY: Duration = Duration::from_millis(150);

/// The files that a command depends on, as they were when it looked at them.
#[derive(Debug, Default)]
pub struct Watch {
    seen: Mutex<BTreeMap<PathBuf, Stamp>>,
    cancelled: Arc<AtomicBool>,
}

impl Watch {
    /// Notes what tells whether a path is a program.
    pub fn note_project(&self, path: &Path) {
        if path.is_file() {
            return self.note(path);
        }
        self.note(&path.join(ROOT));
        self.note(&path.join(SETTINGS));
    }

    /// Notes the files that the compiler asked for, those that were not there included.
    pub fn note_files(&self, project: &Project) {
        for (path, stamp) in project.asked() {
            self.lock().entry(path).or_insert(stamp);
        }
    }

    /// Notes a folder and what is in it.
    pub fn note_folder(&self, folder: &Path) {
        self.note(folder);
        let entries = fs::read_dir(folder).into_iter().flatten();
        for entry in entries.flatten() {
            self.note(&entry.path());
        }
    }

    /// Set as soon as a file has changed while the command was still at work.
    pub fn cancelled(&self) -> Arc<AtomicBool> {
        self.cancelled.clone()
    }

    fn note(&self, path: &Path) {
        let mut seen = self.lock();
        if !seen.contains_key(path) {
            seen.insert(path.to_owned(), Stamp::of(path));
        }
    }

    fn has_changed(&self) -> bool {
        self.lock()
            .iter()
            .any(|(path, was)| Stamp::of(path) != *was)
    }

    /// Waits until a file has changed and for one more interval all are as they were, or `is_over` is set. `every` is how often
    /// they are looked at.
    pub fn wait_for_change(&self, every: Duration, is_over: &AtomicBool) {
        while !self.has_changed() && !is_over.load(Ordering::Relaxed) {
            thread::sleep(every);
        }
        // An editor may write several files, or one of them in several steps.
        let mut before = self.now();
        while !is_over.load(Ordering::Relaxed) {
            thread::sleep(every);
            let now = self.now();
            if now == before {
                break;
            }
            before = now;
        }
    }

    /// What all files are now.
    fn now(&self) -> Vec<Stamp> {
        self.lock().keys().map(|path| Stamp::of(path)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Stamp>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does a piece of work again and again, each time one of its files has changed, until the process is ended.
pub fn for_ever(once: impl Fn(&Watch) -> Result<Ended, Complaint>) -> Result<Ended, Complaint> {
    loop {
        clear_screen();
        let watch = Watch::default();
        let is_over = AtomicBool::new(false);
        let result = thread::scope(|scope| {
            // While it works, a change makes it stop.
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    if watch.has_changed() {
                        watch.cancelled.store(true, Ordering::Relaxed);
                        return;
                    }
                    thread::sleep(EVERY);
                }
            });
            let result = once(&watch);
            is_over.store(true, Ordering::Relaxed);
            result
        });
        if !watch.has_changed() {
            if let Err(complaint) = &result {
                if let Complaint::Usage(_) = complaint {
                    return result;
                }
                ended::tell(complaint, false);
            }
            say::err(&format!("{}\n", say::bold("waiting for changes …")));
            let _ = std::io::stdout().flush();
        }
        watch.wait_for_change(EVERY, &AtomicBool::new(false));
    }
}

/// What was told before is of no interest any more; where it is kept, it is set apart.
fn clear_screen() {
    if say::is_terminal() {
        say::out_raw(b"\x1b[2J\x1b[3J\x1b[H");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.txt");
        fs::write(&file, "one").expect("written");
        let watch = Watch::default();
        watch.note(&file);
        watch.note(&folder.path().join("missing.txt"));
        watch.note_folder(folder.path());
        assert!(!watch.has_changed());
        fs::write(&file, "another").expect("written");
        assert!(watch.has_changed());
        fs::write(&file, "one").expect("written");
        let watch = Watch::default();
        watch.note(&folder.path().join("missing.txt"));
        fs::write(folder.path().join("missing.txt"), "").expect("written");
        assert!(watch.has_changed());
    }
}
