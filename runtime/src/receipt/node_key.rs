//! The key that a node signs its receipts with: made on its first start, kept in a file of its data folder.
//!
//! The file `node.key` holds the secret number as 64 hexadecimal digits and a line break, readable by its owner only. It has no
//! password: a node starts without anybody beside it. Whoever can read the file can sign as the node.

use std::io::{Error, ErrorKind, Result, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::SecretKey;

/// Name of the file in the data folder.
pub const NODE_KEY_FILE: &str = "node.key";

/// The key in this data folder; a new one is made if there is none.
///
/// # Errors
/// The file cannot be read, written, or kept from others; `InvalidData` if it holds something else.
pub fn load_or_create(data_dir: &Path) -> Result<SecretKey> {
    let path = data_dir.join(NODE_KEY_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            keep_private(&path)?;
            parse(&Zeroizing::new(text))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => create(&path),
        Err(error) => Err(error),
    }
}

fn create(path: &Path) -> Result<SecretKey> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    let key = loop {
        getrandom::fill(&mut *bytes)
            .map_err(|error| Error::other(format!("no random numbers: {error}")))?;
        // Fails only for numbers beyond the order of the curve: once in 2^128.
        if let Some(key) = SecretKey::from_bytes(&bytes) {
            break key;
        }
    };
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    let text = Zeroizing::new(digits.collect::<String>() + "\n");
    // Under another name first: a node that is killed here has no half key.
    let unfinished = path.with_extension("key.new");
    let _ = std::fs::remove_file(&unfinished);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    Ok(key)
}

fn parse(text: &str) -> Result<SecretKey> {
    let digits = text.trim_end_matches(['\r', '\n']);
    let mut bytes = Zeroizing::new([0u8; 32]);
    let well_formed = digits.len() == 64 && digits.bytes().all(|c| c.is_ascii_hexdigit());
    if well_formed {
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).unwrap_or_default();
        }
    }
    let key = well_formed.then(|| SecretKey::from_bytes(&bytes)).flatten();
    key.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidData,
            "this is not a node's key; restore it from a copy, or remove it: the node then makes a new one, and is another node to \
             those who know its receipts",
        )
    })
}

#[cfg(unix)]
fn keep_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        std::fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_private(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let made = load_or_create(folder.path()).unwrap().public();
        assert_eq!(load_or_create(folder.path()).unwrap().public(), made);
        let path = folder.path().join(NODE_KEY_FILE);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        for text in ["", "00", &"0".repeat(64), &"g".repeat(64), &"ff".repeat(32)] {
            std::fs::write(&path, text).unwrap();
            let refused = load_or_create(folder.path()).map(|key| key.public());
            assert_eq!(
                refused.unwrap_err().kind(),
                ErrorKind::InvalidData,
                "{text}"
            );
        }
    }
}
