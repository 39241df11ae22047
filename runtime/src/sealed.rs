//! Bytes that only the holder of a key can read: what a node keeps of strangers' requests for the publisher of a program.
//!
//! ```text
//!  one-time public key 33 │ nonce 24 │ encrypted bytes with their tag
//! ```
//! XChaCha20-Poly1305 under H("cop sealed 1", one-time public key, reader's public key, x of the point that only the two keys
//! together give). The one-time secret is forgotten at once, so who has sealed cannot open.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use cop_bytecode::Hash;
use zeroize::Zeroizing;

use crate::keys::{PublicKey, SecretKey};

const PUBLIC: usize = 33;
const NONCE: usize = 24;

/// Seals bytes for the holder of a key; `about` is not secret, and must be the same when they are opened. `None` if the system
/// gives no randomness.
pub fn seal(reader: &PublicKey, about: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let once = SecretKey::generate().ok()?;
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).ok()?;
    let cipher = cipher(&once.public(), reader, &once.shared_with(reader)?);
    let payload = Payload {
        msg: bytes,
        aad: about,
    };
    let encrypted = cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
    let mut sealed = Vec::with_capacity(PUBLIC + NONCE + encrypted.len());
    sealed.extend_from_slice(once.public().as_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&encrypted);
    Some(sealed)
}

/// What was sealed for this key; `None` if it was sealed for another one, is about something else, or was changed.
pub fn open(reader: &SecretKey, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (once, rest) = sealed.split_first_chunk::<PUBLIC>()?;
    let (nonce, encrypted) = rest.split_first_chunk::<NONCE>()?;
    let once = PublicKey::from_bytes(*once)?;
    let cipher = cipher(&once, &reader.public(), &reader.shared_with(&once)?);
    let payload = Payload {
        msg: encrypted,
        aad: about,
    };
    cipher.decrypt(&XNonce::from(*nonce), payload).ok()
}

fn cipher(once: &PublicKey, reader: &PublicKey, shared: &Zeroizing<[u8; 32]>) -> XChaCha20Poly1305 {
    let key = Hash::tagged(
        "cop sealed 1",
        &[once.as_bytes(), reader.as_bytes(), &**shared],
    );
    let key = Zeroizing::new(key.0);
    XChaCha20Poly1305::new((&*key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reader_opens_and_only_what_was_sealed() {
        let reader = SecretKey::from_bytes(&[7; 32]).unwrap();
        let other = SecretKey::from_bytes(&[8; 32]).unwrap();
        let sealed = seal(&reader.public(), b"run 1", b"a secret").unwrap();
        assert_eq!(
            open(&reader, b"run 1", &sealed).as_deref(),
            Some(&b"a secret"[..])
        );
        assert_eq!(open(&other, b"run 1", &sealed), None);
        assert_eq!(open(&reader, b"run 2", &sealed), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(open(&reader, b"run 1", &changed), None, "{place}");
            assert_eq!(open(&reader, b"run 1", &sealed[..place]), None, "{place}");
        }
        // Nobody sees whether the same was sealed twice.
        assert_ne!(
            seal(&reader.public(), b"run 1", b"a secret").unwrap(),
            sealed
        );
    }
}
