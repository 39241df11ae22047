//! Three more signed records that belong to releases: what a home says is the newest, which key follows a key, which key is
//! at its end.
//!
//! ```text
//!  latest      "copl" 1 │ network 32 │ address 20 │ name │ number │ bundle 32 │ time │ home 33 │ signature 64
//!  successor   "cops" 1 │ network 32 │ old key 33 │ new key 33 │ time │ signature of the old 64 │ of the new 64
//!  revocation  "copx" 1 │ network 32 │ key 33 │ reason │ time │ signature 64
//! ```
//! Each is signed over the tagged hash of everything before its signatures. As with releases, decoding verifies.

use std::fmt;

use cop_bytecode::Hash;

use crate::address::{Address, NameError, ProgramName};
use crate::codec::{CodecError, Reader, Writer};
use crate::keys::{PublicKey, SecretKey};

const VERSION: u8 = 1;
const LATEST: (&[u8; 4], &str) = (b"copl", "cop latest 1");
const SUCCESSOR: (&[u8; 4], &str) = (b"cops", "cop successor 1");
const REVOCATION: (&[u8; 4], &str) = (b"copx", "cop revocation 1");
/// Most bytes of the reason of a revocation.
pub const REASON_BYTES_MAX: usize = 256;

/// Why bytes are not one of these records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The bytes are not canonical.
    Codec(CodecError),
    /// The name is not allowed.
    Name(NameError),
    /// A key is not a point of the curve in its compressed form.
    Key,
    /// A release number of 0, a reason that is too long, or a key that follows itself.
    Content,
    /// A signature is not that of its key over these bytes.
    Signature,
}

impl fmt::Display for RecordError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Codec(error) => write!(out, "the record is malformed: {error}"),
            RecordError::Name(error) => error.fmt(out),
            RecordError::Key => out.write_str("a key in the record is not a point of the curve"),
            RecordError::Content => {
                out.write_str("the record says something that no such record can say")
            }
            RecordError::Signature => {
                out.write_str("a signature of the record is not that of its key")
            }
        }
    }
}

impl std::error::Error for RecordError {}

impl From<CodecError> for RecordError {
    fn from(error: CodecError) -> RecordError {
        RecordError::Codec(error)
    }
}

/// A home's word: at that time, this was the newest release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The network.
    pub network: Hash,
    /// The publisher.
    pub address: Address,
    /// The name.
    pub name: ProgramName,
    /// The newest release number.
    pub number: u64,
    /// The bundle of that release.
    pub bundle: Hash,
    /// When it was said, in milliseconds since 1970.
    pub time_ms: u64,
    /// Who says so: the node's key.
    pub home: PublicKey,
}

impl Latest {
    fn body(&self) -> Vec<u8> {
        let mut writer = Writer::format(LATEST.0, VERSION);
        writer
            .raw(&self.network.0)
            .raw(self.address.as_bytes())
            .text(self.name.as_str())
            .count(self.number)
            .raw(&self.bundle.0)
            .count(self.time_ms)
            .raw(self.home.as_bytes());
        writer.finish()
    }

    /// The signed bytes.
    pub fn sign(&self, home: &SecretKey) -> Vec<u8> {
        signed(LATEST.1, self.body(), &[home])
    }

    /// Reads and verifies.
    pub fn decode(bytes: &[u8]) -> Result<Latest, RecordError> {
        let mut reader = Reader::format(bytes, LATEST.0, VERSION)?;
        let latest = Latest {
            network: Hash(reader.array()?),
            address: Address::from_bytes(reader.array()?),
            name: reader.text()?.parse().map_err(RecordError::Name)?,
            number: reader.count()?,
            bundle: Hash(reader.array()?),
            time_ms: reader.count()?,
            home: public_key(&mut reader)?,
        };
        verify(LATEST.1, bytes, reader, &[latest.home])?;
        if latest.number == 0 {
            return Err(RecordError::Content);
        }
        Ok(latest)
    }
}

/// A key names the one that follows it; both sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The network.
    pub network: Hash,
    /// The key that steps down.
    pub old: PublicKey,
    /// The key that takes over.
    pub new: PublicKey,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
}

impl Successor {
    fn body(&self) -> Vec<u8> {
        let mut writer = Writer::format(SUCCESSOR.0, VERSION);
        writer
            .raw(&self.network.0)
            .raw(self.old.as_bytes())
            .raw(self.new.as_bytes())
            .count(self.time_ms);
        writer.finish()
    }

    /// The signed bytes.
    pub fn sign(&self, old: &SecretKey, new: &SecretKey) -> Vec<u8> {
        signed(SUCCESSOR.1, self.body(), &[old, new])
    }

    /// Reads and verifies.
    pub fn decode(bytes: &[u8]) -> Result<Successor, RecordError> {
        let mut reader = Reader::format(bytes, SUCCESSOR.0, VERSION)?;
        let successor = Successor {
            network: Hash(reader.array()?),
            old: public_key(&mut reader)?,
            new: public_key(&mut reader)?,
            time_ms: reader.count()?,
        };
        verify(SUCCESSOR.1, bytes, reader, &[successor.old, successor.new])?;
        if successor.old == successor.new {
            return Err(RecordError::Content);
        }
        Ok(successor)
    }
}

/// A key ends itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The network.
    pub network: Hash,
    /// The key that is at its end.
    pub key: PublicKey,
    /// Why, for people: at most [`REASON_BYTES_MAX`] bytes.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
}

impl Revocation {
    fn body(&self) -> Vec<u8> {
        let mut writer = Writer::format(REVOCATION.0, VERSION);
        writer
            .raw(&self.network.0)
            .raw(self.key.as_bytes())
            .text(&self.reason)
            .count(self.time_ms);
        writer.finish()
    }

    /// The signed bytes.
    pub fn sign(&self, key: &SecretKey) -> Vec<u8> {
        signed(REVOCATION.1, self.body(), &[key])
    }

    /// Reads and verifies.
    pub fn decode(bytes: &[u8]) -> Result<Revocation, RecordError> {
        let mut reader = Reader::format(bytes, REVOCATION.0, VERSION)?;
        let revocation = Revocation {
            network: Hash(reader.array()?),
            key: public_key(&mut reader)?,
            reason: reader.text()?.to_owned(),
            time_ms: reader.count()?,
        };
        verify(REVOCATION.1, bytes, reader, &[revocation.key])?;
        if revocation.reason.len() > REASON_BYTES_MAX {
            return Err(RecordError::Content);
        }
        Ok(revocation)
    }
}

fn public_key(reader: &mut Reader<'_>) -> Result<PublicKey, RecordError> {
    PublicKey::from_bytes(reader.array()?).ok_or(RecordError::Key)
}

fn signed(tag: &str, mut body: Vec<u8>, keys: &[&SecretKey]) -> Vec<u8> {
    let hash = Hash::tagged(tag, &[&body]);
    for key in keys {
        body.extend_from_slice(&key.sign(&hash));
    }
    body
}

/// What is left of the record must be one signature of each key, and nothing more.
fn verify(
    tag: &str,
    bytes: &[u8],
    mut reader: Reader<'_>,
    keys: &[PublicKey],
) -> Result<(), RecordError> {
    let hash = Hash::tagged(tag, &[&bytes[..reader.offset()]]);
    for key in keys {
        if !key.verify(&hash, &reader.array()?) {
            return Err(RecordError::Signature);
        }
    }
    Ok(reader.end()?)
}
