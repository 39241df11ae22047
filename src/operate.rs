//! What the operator of a node asks it: a backup, the last runs.

use hyper::Method;
use serde::{Deserialize, Serialize};

use crate::client::{ClientError, ListedRun, NodeClient};

/// A backup that a node made in its folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MadeBackup {
    /// The file.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Rows of the store in it.
    pub rows: u64,
    /// Whether the node's secret key is in it.
    pub has_key: bool,
}

#[derive(Deserialize)]
struct Runs {
    runs: Vec<ListedRun>,
}

impl NodeClient {
    /// Has the node make a backup of what is on disk now.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn back_up(&self, with_key: bool) -> Result<MadeBackup, ClientError> {
        let query = if with_key { "" } else { "?without_key=1" };
        self.ask(Method::POST, &format!("/v1/backup{query}"), Vec::new())
            .await
    }

    /// The newest runs of all programs that the node remembers, at most `count`, newest first.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn last_runs(&self, count: u32) -> Result<Vec<ListedRun>, ClientError> {
        let path = format!("/v1/runs?count={count}");
        let runs: Runs = self.ask(Method::GET, &path, Vec::new()).await?;
        Ok(runs.runs)
    }
}
