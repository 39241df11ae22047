//! One node per data folder. The system's file lock decides, so a killed node leaves nothing behind that must be cleaned up; the
//! process id in the file is for the message only.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::execution::OpenError;

/// Held while the folder is in use.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the folder, or says which process has it.
    pub fn take(folder: &Path) -> Result<FolderLock, OpenError> {
        let path = folder.join("lock");
        let refuse = |cause| OpenError::Folder {
            path: path.clone(),
            cause,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(refuse)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Without a readable id the message is shorter, nothing else.
                let _ = file.read_to_string(&mut text);
                return Err(OpenError::InUse {
                    folder: folder.to_owned(),
                    pid: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(refuse(cause)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        written.map_err(refuse)?;
        Ok(FolderLock { _file: file })
    }
}
