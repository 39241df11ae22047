//! The node on this machine, as its owner's tools ask it.

use coputer::client::{ClientError, NodeClient};
use coputer::node_file::default_data_dir;

use crate::arguments::OwnNode;
use crate::ended::Complaint;

/// The node: by its data folder, at a URL if one is named.
pub fn of(named: &OwnNode) -> Result<NodeClient, Complaint> {
    let data = named
        .data
        .clone()
        .or_else(default_data_dir)
        .ok_or_else(|| {
            Complaint::Failed(
                "there is no home folder to find the node in; name its data folder with --data DIR"
                    .to_owned(),
            )
        })?;
    NodeClient::of_folder(&data, named.url.as_deref()).map_err(|error| match error {
        ClientError::NotRunning(why) => Complaint::Failed(format!(
            "{why}; --data DIR names the folder of another node"
        )),
        error => error.into(),
    })
}

/// Asks and waits, on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Complaint>>) -> Result<T, Complaint> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| Complaint::Failed(format!("cannot prepare to ask the node: {cause}")))?;
    runtime.block_on(work)
}
