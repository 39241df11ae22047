//! Content hashes, and how they are written.

use std::fmt;
use std::str::FromStr;

/// A BLAKE3 hash of something, made under a tag of its own (see [`Hash::tagged`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

/// Letters of the text form: RFC 4648 base32 in lower case, without padding.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Length of a hash written as text.
pub const TEXT_LEN: usize = 52;

impl Hash {
    /// Hash of `parts`, one after the other, under the domain `tag` (EDITION.md, section 3). Each part is
    /// preceded by its length, so that no two lists of parts collide.
    pub fn tagged(tag: &str, parts: &[&[u8]]) -> Hash {
        let mut hasher = blake3::Hasher::new();
        for part in std::iter::once(&tag.as_bytes()).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Hash(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; TEXT_LEN];
        let mut bytes = self.0.iter();
        let (mut bits, mut count) = (0u32, 0);
        for letter in &mut text {
            if count < 5 {
                // Behind the last byte come zeros.
                bits = bits << 8 | bytes.next().map_or(0, |byte| u32::from(*byte));
                count += 8;
            }
            count -= 5;
            *letter = ALPHABET[(bits >> count & 31) as usize];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadHash;

impl fmt::Display for BadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a hash: {TEXT_LEN} characters of a-z and 2-7 are expected, the last of them `a` or `q`"
        )
    }
}

impl std::error::Error for BadHash {}

impl FromStr for Hash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Hash, BadHash> {
        if text.len() != TEXT_LEN {
            return Err(BadHash);
        }
        let mut bytes = [0u8; 32];
        for (i, letter) in text.bytes().enumerate() {
            let five = ALPHABET.iter().position(|l| *l == letter).ok_or(BadHash)?;
            for k in 0..5 {
                let bit = i * 5 + k;
                let set = five >> (4 - k) & 1 == 1;
                match bytes.get_mut(bit / 8) {
                    Some(byte) => *byte |= u8::from(set) << (7 - bit % 8),
                    // The four bits beyond the hash must be 0, so that a hash has one spelling.
                    None if set => return Err(BadHash),
                    None => {}
                }
            }
        }
        Ok(Hash(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let hash = Hash::tagged("cop test 1", &[b"a", b"b"]);
        let text = hash.to_string();
        assert_eq!(text.len(), TEXT_LEN);
        assert_eq!(text.parse(), Ok(hash));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(
            Hash::tagged("t", &[b"ab", b"c"]),
            Hash::tagged("t", &[b"a", b"bc"])
        );
    }

    #[test]
    fn one_spelling_only() {
        let text = Hash([0; 32]).to_string();
        assert_eq!(text, "a".repeat(TEXT_LEN));
        assert_eq!((text[..51].to_string() + "b").parse::<Hash>(), Err(BadHash));
        assert_eq!(text.to_ascii_uppercase().parse::<Hash>(), Err(BadHash));
    }
}
