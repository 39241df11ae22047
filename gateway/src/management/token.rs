//! The secret that stands between the owner of a node and everyone else on the machine.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Random bytes of a token.
const BYTES: usize = 32;

/// A bearer token: 64 hexadecimal digits.
#[derive(Clone)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(…)")
    }
}

impl Token {
    /// Reads the token of a node from its file, or makes one and writes it. Only the owner may read the file.
    ///
    /// # Errors
    /// Those of reading and writing the file; `InvalidData` if it holds something else.
    pub fn load_or_create(path: &Path) -> io::Result<Token> {
        match fs::read_to_string(path) {
            Ok(text) => {
                let token = Token::parse(&text)?;
                keep_private(path)?;
                Ok(token)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let token = Token::random()?;
                write_private(path, &format!("{}\n", token.0))?;
                Ok(token)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a token as it stands in its file.
    ///
    /// # Errors
    /// `InvalidData` if the text is not a token.
    pub fn parse(text: &str) -> io::Result<Token> {
        let text = text.trim();
        if text.len() == 2 * BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Token(text.to_owned()))
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "this is not a management token; delete the file to get a new one",
            ))
        }
    }

    fn random() -> io::Result<Token> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| io::Error::other(format!("no random numbers: {error}")))?;
        Ok(Token(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// The text, for the header of a client.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a client gave this token. Hashes are compared, so the time it takes says nothing about the token.
    pub(crate) fn is(&self, given: &str) -> bool {
        blake3::hash(self.0.as_bytes()) == blake3::hash(given.as_bytes())
    }
}

#[cfg(unix)]
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(not(unix))]
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// A copied or restored folder may have lost the file's permissions.
#[cfg(unix)]
fn keep_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn keep_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let made = Token::load_or_create(&path).expect("made");
        let read = Token::load_or_create(&path).expect("read");
        assert!(made.is(read.as_str()) && !made.is("") && !made.is(&"0".repeat(64)));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                fs::metadata(&path).expect("a file").permissions().mode() & 0o777,
                0o600
            );
        }
        fs::write(&path, "not a token").expect("written");
        assert_eq!(
            Token::load_or_create(&path).err().map(|error| error.kind()),
            Some(io::ErrorKind::InvalidData)
        );
    }
}
