//! `copd gc`: takes away what a stopped node has stored and nothing names any more.

use cop_runtime::store::Store;
use coputer::node_file::default_data_dir;
use serde_json::json;

use crate::arguments::GcOptions;
use crate::say::say;

/// Takes it away and tells how much it was.
///
/// # Errors
/// A message for the operator: nothing, or not all, was taken away.
pub fn gc(options: &GcOptions) -> Result<(), String> {
    let data_dir = options
        .data
        .clone()
        .or_else(default_data_dir)
        .ok_or("there is no home folder for the node's data; name one with --data DIR")?;
    if !data_dir.is_dir() {
        return Err(format!("there is no folder {}", data_dir.display()));
    }
    let store = Store::open(&data_dir).map_err(|error| error.to_string())?;
    let collected = store.collect_garbage().map_err(|error| error.to_string())?;
    let (bundles, files, bytes) = (collected.bundles, collected.files, collected.bytes);
    match options.json {
        true => {
            say!(
                "{}",
                json!({ "ok": true, "bundles": bundles, "files": files, "bytes": bytes })
            );
        }
        false => say!("taken away: {bundles} bundles, {files} files, {bytes} bytes"),
    }
    Ok(())
}
