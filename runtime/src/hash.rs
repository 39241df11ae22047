//! The name of content: 32 bytes of BLAKE3, written as 52 characters of base32.
//!
//! Every kind of thing is hashed under a tag of its own (BLAKE3's key derivation mode), so that a hash made for one purpose can
//! never be mistaken for one made for another. Only the content of a file in a bundle is hashed without a tag, which makes its
//! name the one that any BLAKE3 tool prints.

use std::fmt;
use std::str::FromStr;

/// Length of a hash as text.
pub const TEXT_LENGTH: usize = 52;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A BLAKE3 hash: the name of a package, a bundle, a release or a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The untagged hash, used for the content of files.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    /// The hash of `bytes` under the domain tag `tag` (such as `cop bundle 1`).
    pub fn tagged(tag: &str, bytes: &[u8]) -> Hash {
        Hash(blake3::derive_key(tag, bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(TEXT_LENGTH);
        let mut bits = 0u32;
        let mut count = 0;
        for byte in self.0 {
            bits = (bits << 8) | u32::from(byte);
            count += 8;
            while count >= 5 {
                count -= 5;
                text.push(char::from(ALPHABET[((bits >> count) & 31) as usize]));
            }
        }
        // 256 = 51 × 5 + 1: one bit is left, padded with four zero bits.
        text.push(char::from(ALPHABET[((bits << (5 - count)) & 31) as usize]));
        out.write_str(&text)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Why a text is not a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashTextError {
    /// It does not have 52 characters.
    Length(usize),
    /// The character at this place is not of the lower-case base32 alphabet.
    Character(usize),
    /// The four unused bits of the last character are not 0.
    Padding,
}

impl fmt::Display for HashTextError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HashTextError::Length(length) => write!(
                out,
                "a hash has {TEXT_LENGTH} characters, this text has {length}"
            ),
            HashTextError::Character(place) => write!(
                out,
                "character {} of the hash is not one of a-z and 2-7",
                place + 1
            ),
            HashTextError::Padding => {
                out.write_str("the last character of a hash can only be `a` or `q`")
            }
        }
    }
}

impl std::error::Error for HashTextError {}

impl FromStr for Hash {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Hash, HashTextError> {
        if text.len() != TEXT_LENGTH {
            return Err(HashTextError::Length(text.chars().count()));
        }
        let mut bytes = [0u8; 32];
        let mut bits = 0u32;
        let mut count = 0;
        let mut filled = 0;
        for (place, character) in text.bytes().enumerate() {
            let value = match character {
                b'a'..=b'z' => character - b'a',
                b'2'..=b'7' => character - b'2' + 26,
                _ => return Err(HashTextError::Character(place)),
            };
            bits = ((bits & 0xff) << 5) | u32::from(value);
            count += 5;
            if count >= 8 && filled < 32 {
                count -= 8;
                bytes[filled] = (bits >> count) as u8;
                filled += 1;
            }
        }
        if bits & 0xf != 0 {
            return Err(HashTextError::Padding);
        }
        Ok(Hash(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for seed in 0..200u8 {
            let hash = Hash::of(&[seed]);
            let text = hash.to_string();
            assert_eq!(text.len(), TEXT_LENGTH);
            assert_eq!(text.parse(), Ok(hash));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = Hash::of(b"x").to_string();
        assert_eq!(
            text[1..].parse::<Hash>(),
            Err(HashTextError::Length(TEXT_LENGTH - 1))
        );
        assert_eq!(
            text.to_uppercase().parse::<Hash>(),
            Err(HashTextError::Character(0))
        );
        let canonical = if text.ends_with('a') { 'a' } else { 'q' };
        assert!(text.ends_with(canonical));
        for other in ['b', 'c', 'e', 'i', 'r', '7'] {
            let changed = format!("{}{other}", &text[..TEXT_LENGTH - 1]);
            assert_eq!(changed.parse::<Hash>(), Err(HashTextError::Padding));
        }
    }

    #[test]
    fn tags_separate() {
        assert_ne!(Hash::tagged("cop a 1", b"x"), Hash::tagged("cop b 1", b"x"));
        assert_ne!(Hash::tagged("cop a 1", b"x"), Hash::of(b"x"));
    }
}
