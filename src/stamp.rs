//! What a file was at some moment, as far as it takes to see that it has changed.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// Time and size of a file or folder; also that there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    /// What is at a path now.
    pub fn of(path: &Path) -> Stamp {
        let known = fs::metadata(path).ok();
        Stamp(known.map(|known| {
            let time = known.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            (time, known.len())
        }))
    }
}
