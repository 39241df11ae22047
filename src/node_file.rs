//! `node.json`: where a running node listens, written into its data folder, so that tools find it without flags.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Name of the file in the data folder.
pub const NODE_FILE: &str = "node.json";
/// Name of the file with the management token.
pub const TOKEN_FILE: &str = "token";

/// Where a running node listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFile {
    /// The node's process.
    pub pid: u32,
    /// Address and port of the gateway.
    pub http: String,
    /// URL of the gateway, for people.
    pub url: String,
    /// URL of the management interface.
    pub management: String,
}

impl NodeFile {
    /// Reads the file of the node that runs on this data folder.
    ///
    /// # Errors
    /// `NotFound` if no node runs there, `InvalidData` if the file is something else.
    pub fn read(data_dir: &Path) -> io::Result<NodeFile> {
        let bytes = std::fs::read(data_dir.join(NODE_FILE))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Writes the file. A reader sees all of it or nothing.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&self, data_dir: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
        file.write_all(&text)?;
        file.persist(data_dir.join(NODE_FILE))
            .map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes the file when the node stops.
    pub fn remove(data_dir: &Path) {
        // It is a hint only: a tool that finds a stale one gets "connection refused" and says so.
        let _ = std::fs::remove_file(data_dir.join(NODE_FILE));
    }
}

/// The data folder when none is named: `.coputer` in the home folder.
pub fn default_data_dir() -> Option<PathBuf> {
    std::env::home_dir()
        .filter(|home| !home.as_os_str().is_empty())
        .map(|home| home.join(".coputer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_until_it_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let written = NodeFile {
            pid: 7,
            http: "127.0.0.1:2517".to_owned(),
            url: "http://localhost:2517/".to_owned(),
            management: "http://127.0.0.1:2508".to_owned(),
        };
        written.write(folder.path()).expect("written");
        written.write(folder.path()).expect("written over");
        assert_eq!(NodeFile::read(folder.path()).expect("read"), written);
        NodeFile::remove(folder.path());
        assert_eq!(
            NodeFile::read(folder.path()).map_err(|error| error.kind()),
            Err(io::ErrorKind::NotFound)
        );
    }
}
