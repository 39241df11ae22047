//! A `copc` under test.

use std::path::Path;
use std::process::{Command, Stdio};

/// What a `copc` left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl Ran {
    /// What a process that has ended left.
    pub fn of(output: std::process::Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
        Ran {
            status: output.status.code(),
            output: text(output.stdout),
            errors: text(output.stderr),
        }
    }
}

impl Ran {
    /// The one JSON object on standard output; nothing else may be there, nor on standard error.
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.errors, "", "{self:?}");
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks status 1 or 2, an empty standard output, and that the message says all of this.
    pub fn refused(&self, status: i32, says: &[&str]) {
        assert_eq!(
            (self.status, self.output.as_str()),
            (Some(status), ""),
            "{self:?}"
        );
        for part in says {
            assert!(
                self.errors.contains(part),
                "no `{part}` in:\n{}",
                self.errors
            );
        }
        assert!(self.errors.starts_with("error"), "{}", self.errors);
    }

    /// Checks status 0, and gives the output.
    pub fn well(&self) -> &str {
        assert_eq!(self.status, Some(0), "{self:?}");
        &self.output
    }
}

/// Settings that `copc` takes from its environment.
const SETTINGS: [&str; 7] = [
    "CI",
    "COP_DATA",
    "COP_KEYS",
    "COP_KEY_PASSWORD",
    "COP_NODE",
    "COP_PACKAGES",
    "CLICOLOR_FORCE",
];

/// `copc` in this folder, which is also the user's home.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copc"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .stdin(Stdio::null());
    // Settings of whoever runs the tests must not reach them.
    for name in SETTINGS {
        command.env_remove(name);
    }
    command
}

/// Runs `copc` in this folder.
pub fn copc(folder: &Path, arguments: &[&str]) -> Ran {
    ran(command(folder, arguments))
}

/// Runs it to its end.
pub fn ran(mut command: Command) -> Ran {
    Ran::of(command.output().expect("copc runs"))
}

/// A folder with these files, by path.
pub fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("within the folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    folder
}
