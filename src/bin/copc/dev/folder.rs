//! Where the node of `copc dev` keeps its things.

use std::fs;
use std::path::{Path, PathBuf};

use cop_gateway::Token;
use cop_runtime::{Hash, SecretKey};
use coputer::node_file::TOKEN_FILE;

use crate::arguments::DevOptions;
use crate::build::made_folder;
use crate::ended::Complaint;

/// The folder of a node that is kept, within what is made of a program.
const KEPT: &str = "dev";

/// A folder that goes away at the end, or one that is kept with the program.
pub enum Folder {
    Own(tempfile::TempDir),
    Kept(PathBuf),
}

impl Folder {
    pub fn new(options: &DevOptions) -> Result<Folder, Complaint> {
        if !options.keep {
            let made = tempfile::Builder::new().prefix("coputer-dev-").tempdir();
            return made.map(Folder::Own).map_err(|cause| {
                Complaint::Failed(format!(
                    "cannot make a folder in {}: {cause}",
                    std::env::temp_dir().display()
                ))
            });
        }
        let path = made_folder(&options.path).join(KEPT);
        fs::create_dir_all(&path).map_err(|cause| {
            Complaint::Failed(format!(
                "cannot make the folder {}: {cause}",
                path.display()
            ))
        })?;
        Ok(Folder::Kept(path))
    }

    pub fn path(&self) -> &Path {
        match self {
            Folder::Own(folder) => folder.path(),
            Folder::Kept(path) => path,
        }
    }

    /// The publisher's key of this node. State belongs to a key and a name, so what is kept needs the same key again: it is made
    /// from the secret that the folder has anyway, the management token.
    pub fn key(&self) -> Result<SecretKey, Complaint> {
        let path = self.path().join(TOKEN_FILE);
        let token = Token::load_or_create(&path).map_err(|cause| {
            Complaint::Failed(format!(
                "cannot use the management token {}: {cause}",
                path.display()
            ))
        })?;
        let secret = Hash::tagged("cop dev key 1", &[token.as_str().as_bytes()]);
        // Fails once in 2^128 tokens.
        SecretKey::from_bytes(&secret.0).ok_or_else(|| {
            Complaint::Failed(format!(
                "{} gives no key; remove it to begin anew",
                path.display()
            ))
        })
    }
}
