//! What an asker wants of a receipt, and how bytes of it stand in headers: base64url (RFC 4648, section 5) without padding.

use std::fmt;

use super::leaves::Salt;
use super::{NONCE_BYTES_MAX, SignedReceipt};

/// Letters of base64url.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// That a receipt is wanted for a run, and with what in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptWanted {
    /// Goes into the receipt: at most [`NONCE_BYTES_MAX`] bytes.
    pub nonce: Vec<u8>,
    /// What salts the transcript.
    pub salt: Salt,
    /// Whether it is to name the root of the state that was read.
    pub with_root: bool,
}

/// A receipt that was made for a run, with what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenReceipt {
    /// The receipt.
    pub signed: SignedReceipt,
    /// The salt of its transcript. Who has it was given the receipt.
    pub salt: Salt,
}

/// What is wrong with the headers that ask for a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadWish {
    /// The nonce is not base64url, or too long.
    Nonce,
    /// The salt is not base64url of 32 bytes.
    Salt,
    /// None was sent, and the system gives no randomness to draw one.
    NoRandomness,
}

impl fmt::Display for BadWish {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadWish::Nonce => write!(
                out,
                "`Cop-Nonce` is not base64url (A-Z a-z 0-9 - _ without padding) of at most {NONCE_BYTES_MAX} bytes"
            ),
            BadWish::Salt => out.write_str(
                "`Cop-Salt` is not base64url (A-Z a-z 0-9 - _ without padding) of 32 bytes: 43 characters",
            ),
            BadWish::NoRandomness => {
                out.write_str("the node has no randomness; send 32 random bytes as `Cop-Salt`")
            }
        }
    }
}

impl ReceiptWanted {
    /// Reads the values of `Cop-Nonce` and `Cop-Salt`; a salt that was not sent is drawn. No root is wanted.
    ///
    /// # Errors
    /// One of them is malformed, or cannot be drawn.
    pub fn from_headers(nonce: Option<&str>, salt: Option<&str>) -> Result<ReceiptWanted, BadWish> {
        let nonce = nonce.map_or(Some(Vec::new()), from_base64url);
        let nonce = nonce.filter(|nonce| nonce.len() <= NONCE_BYTES_MAX);
        Ok(ReceiptWanted {
            nonce: nonce.ok_or(BadWish::Nonce)?,
            salt: salt.map_or_else(drawn, salt_of)?,
            with_root: false,
        })
    }
}

/// Reads the value of `Cop-Salt`.
///
/// # Errors
/// It is malformed.
pub fn salt_of(text: &str) -> Result<Salt, BadWish> {
    let bytes = from_base64url(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(Salt).ok_or(BadWish::Salt)
}

fn drawn() -> Result<Salt, BadWish> {
    let mut bytes = [0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(Salt(bytes)),
        Err(_) => Err(BadWish::NoRandomness),
    }
}

/// Bytes as text.
pub fn base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..group.len()].copy_from_slice(group);
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..=group.len() {
            let six = number >> (18 - 6 * place) & 63;
            text.push(char::from(ALPHABET[six as usize]));
        }
    }
    text
}

/// The bytes of a text; `None` if it is not the one spelling of some bytes.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.as_bytes().chunks(4) {
        let mut number = 0u32;
        for place in 0..4 {
            let six = match group.get(place) {
                Some(letter) => ALPHABET.iter().position(|known| known == letter)?,
                None => 0,
            };
            number = number << 6 | six as u32;
        }
        let three = &number.to_be_bytes()[1..];
        // One letter alone holds no byte, and what is left over of the last letter is 0.
        let count = group.len().checked_sub(1).filter(|count| *count > 0)?;
        if three[count..].iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(&three[..count]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_spelling() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (&[0xfb, 0xff], "-_8"),
        ] {
            assert_eq!(base64url(bytes), text);
            assert_eq!(from_base64url(text).as_deref(), Some(bytes));
        }
        for text in ["Z", "Zh", "Zm9=", "Zm9v\n", "Zm 8", "Zg==", "+/8", "é"] {
            assert_eq!(from_base64url(text), None, "{text}");
        }
    }

    #[test]
    fn wishes_are_bounded() {
        let long = base64url(&[1; NONCE_BYTES_MAX]);
        let wanted = ReceiptWanted::from_headers(Some(&long), None).unwrap();
        assert_eq!(wanted.nonce, [1; NONCE_BYTES_MAX]);
        let longer = base64url(&[1; NONCE_BYTES_MAX + 1]);
        let refused = ReceiptWanted::from_headers(Some(&longer), None);
        assert_eq!(refused, Err(BadWish::Nonce));
        let salt = base64url(&[2; 32]);
        let wanted = ReceiptWanted::from_headers(None, Some(&salt)).unwrap();
        assert_eq!(wanted.salt, Salt([2; 32]));
        for wrong in [base64url(&[2; 31]), base64url(&[2; 33]), "?".to_owned()] {
            let refused = ReceiptWanted::from_headers(None, Some(&wrong));
            assert_eq!(refused, Err(BadWish::Salt));
        }
    }
}
