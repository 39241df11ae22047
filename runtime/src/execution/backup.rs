//! A backup of a node that runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Execution;
use crate::failure::{Failure, FailureCode};
use crate::host::world::store_failure;
use crate::runs::new_run_id;
use crate::store::backup::BackupFigures;

/// Folder within the data folder in which backups are made.
const FOLDER: &str = "backups";
/// How long one stays there that nobody took.
const KEPT: Duration = Duration::from_secs(3600);

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeBackup {
    /// The file, in the node's folder: whoever asked for it moves it away.
    pub path: PathBuf,
    /// What it has.
    pub figures: BackupFigures,
}

impl Execution {
    /// Writes a backup of everything that is on disk now into the node's folder; the node goes on meanwhile. One at a time.
    ///
    /// # Errors
    /// `too_many` while another one is made, `quota` without room on the disk, `internal` where the store cannot be read.
    pub async fn back_up(&self, with_key: bool) -> Result<MadeBackup, Failure> {
        let shared = self.shared.clone();
        let name = new_run_id()?.to_string();
        let work = move || {
            let Ok(_alone) = shared.backing_up.try_lock() else {
                return Err(Failure::new(
                    FailureCode::TooMany,
                    "another backup is being made",
                    "this node makes one at a time",
                ));
            };
            let data_dir = shared.store.folder().ok_or_else(nowhere)?;
            let folder = data_dir.join(FOLDER);
            let cannot = |cause: std::io::Error| {
                Failure::new(
                    FailureCode::Internal,
                    "the backup could not be made",
                    format!("{}: {cause}", folder.display()),
                )
            };
            std::fs::create_dir_all(&folder).map_err(cannot)?;
            remove_forgotten(&folder);
            let path = folder.join(name);
            let figures = shared.store.back_up(data_dir, &path, with_key);
            Ok(MadeBackup {
                figures: figures.map_err(|error| store_failure(&error))?,
                path,
            })
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(made) => made,
            Err(_) => Err(nowhere()),
        }
    }
}

fn nowhere() -> Failure {
    Failure::new(
        FailureCode::Internal,
        "the backup could not be made",
        "a defect of this node ended it, or it keeps nothing on disk",
    )
}

/// Those whose asker died before he took them.
fn remove_forgotten(folder: &Path) {
    let now = SystemTime::now();
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let written = file.metadata().and_then(|metadata| metadata.modified());
        let is_old = |at| now.duration_since(at).is_ok_and(|age| age > KEPT);
        if written.is_ok_and(is_old) {
            // One that cannot be removed is tried again next time.
            let _ = std::fs::remove_file(file.path());
        }
    }
}
