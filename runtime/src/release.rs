//! The signed record by which a publisher gives a bundle a name: what makes a program findable, and what cannot be forged.
//!
//! ```text
//!  "copr" 1 │ network 32 │ key 33 │ name │ number │ bundle 32 │ package 32 │ previous: 0, or 1 and 32 │ time
//!           │ capabilities │ fuel │ memory │ homes: count and 33 each │ signature 64
//! ```
//! The signature is ECDSA over secp256k1 (nonce of RFC 6979, low S only) of the *release hash*: the tagged hash of everything
//! before the signature. A release cannot be moved to another name, network, key or number, since all of them are under the
//! signature; and it cannot be left out or rolled back, since each names the one before it ([`standing`]).
//!
//! There is no unverified [`SignedRelease`]: decoding checks the signature.

use std::fmt;

use cop_bytecode::Hash;

use crate::address::{Address, NameError, ProgramName};
use crate::bundle::Bundle;
use crate::codec::{CodecError, Reader, Writer};
use crate::keys::{PublicKey, SecretKey};
use crate::manifest::{capabilities_are_canonical, limits_are_allowed};

const MAGIC: &[u8; 4] = b"copr";
const VERSION: u8 = 1;
const TAG: &str = "cop release 1";
/// Most homes of a release.
pub const HOMES_MAX: usize = 64;
/// Most bytes of an encoded release.
pub const RELEASE_BYTES_MAX: usize = 16 << 10;

/// What a publisher says: under this name and number, this bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The network it is for.
    pub network: Hash,
    /// The publisher's key.
    pub key: PublicKey,
    /// The name.
    pub name: ProgramName,
    /// The release number, from 1, without gaps.
    pub number: u64,
    /// The bundle.
    pub bundle: Hash,
    /// The package in it.
    pub package: Hash,
    /// Hash of the release before it; `None` for number 1 only.
    pub previous: Option<Hash>,
    /// When it was signed, in milliseconds since 1970, by the publisher's clock.
    pub time_ms: u64,
    /// Capabilities granted to the program: sorted, each once.
    pub capabilities: Vec<String>,
    /// Fuel that a run may use.
    pub fuel: u64,
    /// Memory that a run may use, in bytes.
    pub memory_bytes: u64,
    /// Nodes that may hold the program's state: sorted, each once.
    pub homes: Vec<PublicKey>,
}

/// A release whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRelease {
    release: Release,
    signature: [u8; 64],
    hash: Hash,
}

/// Why bytes are not a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseError {
    /// The bytes are not canonical.
    Codec(CodecError),
    /// More than [`RELEASE_BYTES_MAX`] bytes.
    TooLarge(usize),
    /// The name is not allowed.
    Name(NameError),
    /// A key is not a point of the curve in its compressed form.
    Key,
    /// The number is 0, or a previous release is missing or named by number 1.
    Number,
    /// The capabilities are not canonical.
    Capabilities,
    /// Fuel or memory is 0 or more than the edition allows.
    Limits,
    /// The homes are not sorted, or too many.
    Homes,
    /// The signature is not that of the key over these bytes, or not in its one form.
    Signature,
}

impl ReleaseError {
    /// Whether it is about the signature rather than about form.
    pub fn is_signature(&self) -> bool {
        matches!(self, ReleaseError::Signature | ReleaseError::Key)
    }
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReleaseError::Codec(error) => write!(out, "the release is malformed: {error}"),
            ReleaseError::TooLarge(size) => write!(
                out,
                "the release has {size} bytes, at most {RELEASE_BYTES_MAX} are allowed"
            ),
            ReleaseError::Name(error) => error.fmt(out),
            ReleaseError::Key => out.write_str("a key in the release is not a point of the curve"),
            ReleaseError::Number => out.write_str(
                "release numbers begin with 1, and every later release names the one before it",
            ),
            ReleaseError::Capabilities => {
                out.write_str("the capabilities of the release are not sorted, or not names")
            }
            ReleaseError::Limits => out
                .write_str("the fuel or memory of the release is outside what any release may ask"),
            ReleaseError::Homes => {
                write!(
                    out,
                    "the homes of the release are not sorted, or more than {HOMES_MAX}"
                )
            }
            ReleaseError::Signature => {
                out.write_str("the signature is not the publisher's over this release")
            }
        }
    }
}

impl std::error::Error for ReleaseError {}

impl From<CodecError> for ReleaseError {
    fn from(error: CodecError) -> ReleaseError {
        ReleaseError::Codec(error)
    }
}

impl Release {
    /// The release of a bundle that follows the newest known one (its number and hash), with the capabilities and limits of the
    /// bundle's manifest and no homes.
    pub fn following(
        newest: Option<(u64, Hash)>,
        bundle: &Bundle,
        name: ProgramName,
        key: PublicKey,
        network: Hash,
        time_ms: u64,
    ) -> Release {
        let manifest = bundle.manifest();
        Release {
            network,
            key,
            name,
            number: newest.map_or(1, |(number, _)| number.saturating_add(1)),
            bundle: bundle.hash(),
            package: manifest.package,
            previous: newest.map(|(_, hash)| hash),
            time_ms,
            capabilities: manifest.capabilities.clone(),
            fuel: manifest.fuel,
            memory_bytes: manifest.memory_bytes,
            homes: Vec::new(),
        }
    }

    /// The bytes under the signature.
    fn body(&self) -> Vec<u8> {
        let mut writer = Writer::format(MAGIC, VERSION);
        writer
            .raw(&self.network.0)
            .raw(self.key.as_bytes())
            .text(self.name.as_str())
            .count(self.number)
            .raw(&self.bundle.0)
            .raw(&self.package.0)
            .flag(self.previous.is_some());
        if let Some(previous) = &self.previous {
            writer.raw(&previous.0);
        }
        writer
            .count(self.time_ms)
            .texts(&self.capabilities)
            .count(self.fuel)
            .count(self.memory_bytes)
            .count(self.homes.len() as u64);
        for home in &self.homes {
            writer.raw(home.as_bytes());
        }
        writer.finish()
    }

    fn check(&self) -> Result<(), ReleaseError> {
        if self.number == 0 || (self.number == 1) != self.previous.is_none() {
            return Err(ReleaseError::Number);
        }
        if !capabilities_are_canonical(&self.capabilities) {
            return Err(ReleaseError::Capabilities);
        }
        if !limits_are_allowed(self.fuel, self.memory_bytes) {
            return Err(ReleaseError::Limits);
        }
        let sorted = self.homes.is_sorted_by(|left, right| left < right);
        if !sorted || self.homes.len() > HOMES_MAX {
            return Err(ReleaseError::Homes);
        }
        Ok(())
    }

    /// Signs it. The key must be the release's own, and the content one that a release may have.
    pub fn sign(self, secret: &SecretKey) -> Result<SignedRelease, ReleaseError> {
        self.check()?;
        if secret.public() != self.key {
            return Err(ReleaseError::Signature);
        }
        let hash = Hash::tagged(TAG, &[&self.body()]);
        let signature = secret.sign(&hash);
        Ok(SignedRelease {
            release: self,
            signature,
            hash,
        })
    }
}

impl SignedRelease {
    /// Reads a release and checks its signature.
    pub fn decode(bytes: &[u8]) -> Result<SignedRelease, ReleaseError> {
        let signed = SignedRelease::decode_stored(bytes)?;
        if !signed.release.key.verify(&signed.hash, &signed.signature) {
            return Err(ReleaseError::Signature);
        }
        Ok(signed)
    }

    /// Reads a release whose signature was checked before it was stored.
    pub(crate) fn decode_stored(bytes: &[u8]) -> Result<SignedRelease, ReleaseError> {
        if bytes.len() > RELEASE_BYTES_MAX {
            return Err(ReleaseError::TooLarge(bytes.len()));
        }
        let mut reader = Reader::format(bytes, MAGIC, VERSION)?;
        let release = Release {
            network: Hash(reader.array()?),
            key: public_key(&mut reader)?,
            name: reader.text()?.parse().map_err(ReleaseError::Name)?,
            number: reader.count()?,
            bundle: Hash(reader.array()?),
            package: Hash(reader.array()?),
            previous: match reader.flag()? {
                true => Some(Hash(reader.array()?)),
                false => None,
            },
            time_ms: reader.count()?,
            capabilities: reader.texts()?,
            fuel: reader.count()?,
            memory_bytes: reader.count()?,
            homes: {
                let count = reader.bounded_count()?;
                if count > HOMES_MAX {
                    return Err(ReleaseError::Homes);
                }
                (0..count)
                    .map(|_| public_key(&mut reader))
                    .collect::<Result<_, _>>()?
            },
        };
        let body_length = reader.offset();
        let signature = reader.array()?;
        reader.end()?;
        release.check()?;
        let hash = Hash::tagged(TAG, &[&bytes[..body_length]]);
        Ok(SignedRelease {
            release,
            signature,
            hash,
        })
    }

    /// The canonical bytes with the signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.release.body();
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// What was signed.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// The name of this release, by which the next one refers to it.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The publisher.
    pub fn address(&self) -> Address {
        self.release.key.address()
    }
}

fn public_key(reader: &mut Reader<'_>) -> Result<PublicKey, ReleaseError> {
    PublicKey::from_bytes(reader.array()?).ok_or(ReleaseError::Key)
}

/// How a release stands to what is known of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the next one.
    Next,
    /// It is the newest one that is known.
    Already,
}

/// Why a release is refused by what is known of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfOrder {
    /// A newer one is known.
    Stale {
        /// The newest known number.
        newest: u64,
    },
    /// Another release with the same number is known: the publisher signed both, which proves misbehaviour.
    Contradiction {
        /// Hash of the one that is known.
        known: Hash,
    },
    /// Releases between the newest known and this one are missing.
    Gap {
        /// The newest known number, 0 if none is known.
        newest: u64,
    },
    /// It names another release as the one before it than the one that is known.
    Previous {
        /// Hash of the newest known.
        newest: Hash,
    },
}

impl fmt::Display for OutOfOrder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutOfOrder::Stale { newest } => {
                write!(out, "release {newest} of this name is known here already")
            }
            OutOfOrder::Contradiction { known } => write!(
                out,
                "another release with this number is known here, {known}: the key signed both"
            ),
            OutOfOrder::Gap { newest: 0 } => out
                .write_str("no release of this name is known here, so the first must be number 1"),
            OutOfOrder::Gap { newest } => write!(
                out,
                "the newest release known here is {newest}, so the next must be {}",
                newest.saturating_add(1)
            ),
            OutOfOrder::Previous { newest } => write!(
                out,
                "it does not name the newest release known here, {newest}, as the one before it"
            ),
        }
    }
}

/// Whether a release may be taken, given the number and hash of the newest known of its key and name, and the hash of the one
/// with the same number.
pub fn standing(
    release: &SignedRelease,
    newest: Option<(u64, Hash)>,
    same_number: Option<Hash>,
) -> Result<Standing, OutOfOrder> {
    let number = release.release.number;
    if let Some(known) = same_number
        && known != release.hash
    {
        return Err(OutOfOrder::Contradiction { known });
    }
    let Some((newest, newest_hash)) = newest else {
        return match number {
            1 => Ok(Standing::Next),
            _ => Err(OutOfOrder::Gap { newest: 0 }),
        };
    };
    if number == newest {
        return Ok(Standing::Already);
    }
    if number < newest {
        return Err(OutOfOrder::Stale { newest });
    }
    if number - 1 != newest {
        return Err(OutOfOrder::Gap { newest });
    }
    if release.release.previous != Some(newest_hash) {
        return Err(OutOfOrder::Previous {
            newest: newest_hash,
        });
    }
    Ok(Standing::Next)
}
