//! `copd backup` and `copd restore`.

use std::path::{Path, PathBuf};

use cop_runtime::execution::OpenError;
use cop_runtime::store::Store;
use cop_runtime::store::restore;
use coputer::client::{ClientError, NodeClient};
use coputer::node_file::default_data_dir;
use serde_json::json;

use crate::arguments::{BackupOptions, RestoreOptions};
use crate::say::say;

fn folder(data: Option<&PathBuf>) -> Result<PathBuf, String> {
    let folder = data.cloned().or_else(default_data_dir);
    folder.ok_or_else(|| {
        "there is no home folder for the node's data; name one with --data DIR".to_owned()
    })
}

/// Makes a backup of a node, whether it runs or not.
///
/// # Errors
/// A message for the operator: there is no file, or no whole one.
pub async fn backup(options: &BackupOptions) -> Result<(), String> {
    let data_dir = folder(options.data.as_ref())?;
    if !data_dir.join("store.redb").exists() {
        return Err(format!(
            "there is no node in {}; --data DIR names the folder of another one",
            data_dir.display()
        ));
    }
    if options.file.exists() {
        return Err(format!(
            "{} is there already; name a file that is not there yet",
            options.file.display()
        ));
    }
    let with_key = !options.without_key;
    let has_key = match Store::open(&data_dir) {
        Ok(store) => {
            let made = store.back_up(&data_dir, &options.file, with_key);
            let made = made.map_err(|error| {
                format!("cannot make the backup {}: {error}", options.file.display())
            });
            made?.has_key
        }
        Err(OpenError::InUse { .. }) => of_running(&data_dir, &options.file, with_key).await?,
        Err(error) => return Err(error.to_string()),
    };
    // What is on the disk now is what counts.
    let checked = restore::check(&options.file).map_err(|error| error.to_string())?;
    let size = std::fs::metadata(&options.file).map_or(0, |metadata| metadata.len());
    match options.json {
        true => say!(
            "{:#}",
            json!({ "ok": true, "file": options.file, "bytes": size, "rows": checked.rows, "has_key": has_key })
        ),
        false => {
            say!(
                "{}: {size} bytes, {} rows, checked",
                options.file.display(),
                checked.rows
            );
            match has_key {
                true => say!(
                    "It has the node's secret key: keep it from others. Publishers' keys are not in it (copc key)."
                ),
                false => say!(
                    "The node's key is not in it: whoever restores it has another node with the same programs. Publishers' keys are not in it either."
                ),
            }
        }
    }
    Ok(())
}

/// The node makes it in its own folder; from there it is moved, or copied to another disk.
async fn of_running(data_dir: &Path, file: &Path, with_key: bool) -> Result<bool, String> {
    let client = NodeClient::of_folder(data_dir, None).map_err(|error| error.to_string())?;
    let made = client
        .back_up(with_key)
        .await
        .map_err(|error| match error {
            ClientError::Unreachable { why, .. } => format!(
                "the node on {} is starting, stopping or stuck: {why}; try again",
                data_dir.display()
            ),
            error => error.to_string(),
        })?;
    let path = Path::new(&made.path);
    // A link does not take the place of what is there; on another disk there is none.
    let moved = match std::fs::hard_link(path, file) {
        Ok(()) => Ok(()),
        Err(_) => copy(path, file),
    };
    // It is taken away in an hour otherwise.
    let _ = std::fs::remove_file(path);
    moved.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(made.has_key)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(to)?;
    let copied = std::fs::File::open(from).and_then(|mut from| std::io::copy(&mut from, &mut out));
    let synced = copied.and_then(|_| out.sync_all());
    if synced.is_err() {
        // Half a backup is none.
        let _ = std::fs::remove_file(to);
    }
    synced
}

/// Restores a backup into a data folder, or only checks it.
///
/// # Errors
/// A message for the operator; the folder is as it was.
pub fn restore(options: &RestoreOptions) -> Result<(), String> {
    // Rows that hold nonsense may end redb in a panic, which is caught and told as damage.
    std::panic::set_hook(Box::new(|_| {}));
    let data_dir = folder(options.data.as_ref())?;
    let restored = match options.check {
        true => restore::check(&options.file),
        false => restore::restore(&options.file, &data_dir, options.replace),
    };
    let restored = restored.map_err(|error| error.to_string())?;
    if options.json {
        say!(
            "{:#}",
            json!({ "ok": true, "rows": restored.rows, "files": restored.files, "kept": restored.kept })
        );
        return Ok(());
    }
    if options.check {
        say!(
            "{} is whole: {} rows, {}",
            options.file.display(),
            restored.rows,
            match restored.files.is_empty() {
                true => "no files beside the store".to_owned(),
                false => restored.files.join(", "),
            }
        );
        return Ok(());
    }
    say!(
        "restored {} rows into {}",
        restored.rows,
        data_dir.display()
    );
    if !restored.files.iter().any(|name| name == "node.key") {
        say!("The backup had no node's key: the one that is there stays, or copd start makes one.");
    }
    if let Some(kept) = &restored.kept {
        say!("What was there before is in {}", kept.display());
    }
    say!("Next        copd start --data {}", data_dir.display());
    Ok(())
}
