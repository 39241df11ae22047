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

/// Some of what happened on a node.
#[derive(Clone, Debug, Deserialize)]
pub struct Events {
    /// The oldest first.
    pub events: Vec<serde_json::Value>,
    /// Where to go on from.
    pub cursor: String,
}

#[derive(Deserialize)]
struct Level {
    level: String,
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

    /// The newest of what happened, as far as `query` wants it.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn events(&self, query: &str) -> Result<Events, ClientError> {
        self.ask(Method::GET, &format!("/v1/events?{query}"), Vec::new())
            .await
    }

    /// What the node prints; `level` changes it.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn log_level(&self, level: Option<&str>) -> Result<String, ClientError> {
        let (method, query) = match level {
            Some(level) => (Method::POST, format!("?level={level}")),
            None => (Method::GET, String::new()),
        };
        let path = format!("/v1/log-level{query}");
        let level: Level = self.ask(method, &path, Vec::new()).await?;
        Ok(level.level)
    }
}
