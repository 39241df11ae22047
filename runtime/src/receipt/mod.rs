//! What a node signs of a run: that of these answers came this outcome.
//!
//! ```text
//!  "copv" 1 │ network 32 │ edition │ revision │ program 32 │ bundle 32
//!           │ release: 0, or 1 and address 20, name, number, release hash 32 │ entry │ fuel limit │ memory limit
//!           │ transcript root 32 │ outcome hash 32 │ fuel used │ peak memory
//!           │ state: 0, or 1 and commit read, commit made (0, or 1 and its number)
//!           │ node key 33 │ time │ nonce │ signature 64
//! ```
//! The signature is the node's, over the tagged hash of everything before it. There is no unverified [`SignedReceipt`]: decoding
//! checks the signature.
//!
//! A receipt names questions and answers by the root of a tree of salted leaves ([`leaves`]), so it gives nothing of them away.
//! Whoever may see some of them gets the [`opened`] receipt. What follows from either is [`check`]ed without a node; two
//! receipts that contradict each other, or one whose run comes out differently when it is done again, are a [`fraud`].
//!
//! | module | noun |
//! |---|---|
//! | [`asked`] | what an asker wants of a receipt: nonce and salt, and how they stand in headers |
//! | [`node_key`] | the key that a node signs with |
//! | [`leaves`] | salted leaves of a transcript, and their root |
//! | [`opened`] | a receipt with what may be seen of its run |
//! | [`check`] | what a receipt proves, and what is only the node's word |
//! | [`fraud`] | proofs that a node lied, for anyone |

pub mod asked;
pub mod check;
pub mod fraud;
pub mod leaves;
pub mod node_key;
pub mod opened;

use std::fmt;

use cop_bytecode::Hash;

use crate::address::{Address, NameError, ProgramName};
use crate::codec::{CodecError, Reader, Writer};
use crate::engine::Limits;
use crate::keys::{PublicKey, SecretKey};
use crate::manifest::limits_are_allowed;
use crate::store::lines::Line;

const MAGIC: &[u8; 4] = b"copv";
const VERSION: u8 = 2;
const TAG: &str = "cop receipt 2";
/// Most bytes of an encoded receipt.
pub const RECEIPT_BYTES_MAX: usize = 1 << 10;
/// Most bytes of a nonce.
pub const NONCE_BYTES_MAX: usize = 64;
/// Most bytes of the name of an entry point.
const ENTRY_BYTES_MAX: usize = 64;
/// The semantics revision of the engines here: raised when a mistake in an engine changed outcomes, so that what was computed
/// before is not taken for what would be computed now.
pub const REVISION: u64 = 1;

/// What a node says of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The network.
    pub network: Hash,
    /// The edition of the language and its machine.
    pub edition: u64,
    /// The semantics revision of the engine, see [`REVISION`].
    pub revision: u64,
    /// The program: its package hash.
    pub program: Hash,
    /// The bundle it was taken from.
    pub bundle: Hash,
    /// Under which release it ran; `None` for a bundle that was run by its hash alone.
    pub release: Option<ReleaseName>,
    /// The entry point.
    pub entry: String,
    /// What the run was allowed to use.
    pub limits: Limits,
    /// The root of its questions and answers, see [`leaves`].
    pub transcript: Hash,
    /// The outcome hash.
    pub outcome: Hash,
    /// Fuel that it used.
    pub fuel_used: u64,
    /// Its greatest memory, in bytes.
    pub peak_memory_bytes: u64,
    /// Which state it saw and made, if the program has any.
    pub state: Option<StateSeen>,
    /// The node that says so.
    pub node: PublicKey,
    /// When it said so, in milliseconds since 1970, by its clock.
    pub time_ms: u64,
    /// What the asker sent along, so that the receipt cannot be an old one: at most [`NONCE_BYTES_MAX`] bytes.
    pub nonce: Vec<u8>,
}

/// A release by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseName {
    /// The publisher.
    pub address: Address,
    /// The name.
    pub name: ProgramName,
    /// The release number.
    pub number: u64,
    /// The hash of the signed release.
    pub hash: Hash,
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}@{}", self.address, self.name, self.number)
    }
}

/// A commit of a state. Its number alone may come again where the state was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitName {
    /// The line that it is of.
    pub line: Line,
    /// Its number; 0 before the first.
    pub number: u64,
}

/// Which commits of its program's state a run saw and made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSeen {
    /// The last commit of what it read.
    pub read: CommitName,
    /// The root of the state behind that commit, if it was asked for.
    pub root: Option<Hash>,
    /// The commit that it made.
    pub made: Option<CommitName>,
}

/// A receipt whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    receipt: Receipt,
    signature: [u8; 64],
    hash: Hash,
}

/// Why bytes are not a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptError {
    /// The bytes are not canonical.
    Codec(CodecError),
    /// More than [`RECEIPT_BYTES_MAX`] bytes.
    TooLarge(usize),
    /// The name is not allowed.
    Name(NameError),
    /// The node's key is not a point of the curve in its compressed form.
    Key,
    /// Limits that no run has, or more used than they allow; a release or commit numbered 0; an entry point's name or a nonce
    /// that is too long.
    Content,
    /// The signature is not that of the key over these bytes, or not in its one form.
    Signature,
}

impl ReceiptError {
    /// Whether it is about the signature rather than about form.
    pub fn is_signature(&self) -> bool {
        matches!(self, ReceiptError::Signature | ReceiptError::Key)
    }
}

impl fmt::Display for ReceiptError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReceiptError::Codec(error) => write!(out, "the receipt is malformed: {error}"),
            ReceiptError::TooLarge(size) => write!(
                out,
                "the receipt has {size} bytes, at most {RECEIPT_BYTES_MAX} are allowed"
            ),
            ReceiptError::Name(error) => error.fmt(out),
            ReceiptError::Key => {
                out.write_str("the node's key in the receipt is not a point of the curve")
            }
            ReceiptError::Content => {
                out.write_str("the receipt says something that no receipt can say")
            }
            ReceiptError::Signature => {
                out.write_str("the signature is not that of the node's key over this receipt")
            }
        }
    }
}

impl std::error::Error for ReceiptError {}

impl From<CodecError> for ReceiptError {
    fn from(error: CodecError) -> ReceiptError {
        ReceiptError::Codec(error)
    }
}

fn write_commit(writer: &mut Writer, commit: CommitName) {
    writer.raw(&commit.line.0).count(commit.number);
}

fn read_commit(reader: &mut Reader<'_>) -> Result<CommitName, CodecError> {
    Ok(CommitName {
        line: Line(reader.array()?),
        number: reader.count()?,
    })
}

impl Receipt {
    /// The bytes under the signature.
    fn body(&self) -> Vec<u8> {
        let mut writer = Writer::format(MAGIC, VERSION);
        writer
            .raw(&self.network.0)
            .count(self.edition)
            .count(self.revision)
            .raw(&self.program.0)
            .raw(&self.bundle.0)
            .flag(self.release.is_some());
        if let Some(release) = &self.release {
            writer
                .raw(release.address.as_bytes())
                .text(release.name.as_str())
                .count(release.number)
                .raw(&release.hash.0);
        }
        writer
            .text(&self.entry)
            .count(self.limits.fuel)
            .count(self.limits.memory_bytes)
            .raw(&self.transcript.0)
            .raw(&self.outcome.0)
            .count(self.fuel_used)
            .count(self.peak_memory_bytes)
            .flag(self.state.is_some());
        if let Some(state) = &self.state {
            write_commit(&mut writer, state.read);
            writer.flag(state.root.is_some());
            if let Some(root) = &state.root {
                writer.raw(&root.0);
            }
            writer.flag(state.made.is_some());
            if let Some(made) = state.made {
                write_commit(&mut writer, made);
            }
        }
        writer
            .raw(self.node.as_bytes())
            .count(self.time_ms)
            .bytes(&self.nonce);
        writer.finish()
    }

    fn check(&self) -> Result<(), ReceiptError> {
        let is_used_within = self.fuel_used <= self.limits.fuel
            && self.peak_memory_bytes <= self.limits.memory_bytes;
        let names_zero = self.release.as_ref().is_some_and(|r| r.number == 0)
            || self
                .state
                .and_then(|state| state.made)
                .is_some_and(|made| made.number == 0);
        let is_right = limits_are_allowed(self.limits.fuel, self.limits.memory_bytes)
            && is_used_within
            && !names_zero
            && (1..=ENTRY_BYTES_MAX).contains(&self.entry.len())
            && self.nonce.len() <= NONCE_BYTES_MAX;
        is_right.then_some(()).ok_or(ReceiptError::Content)
    }

    /// Signs it. The key must be the receipt's own, and the content one that a receipt may have.
    ///
    /// # Errors
    /// `Content`, or `Signature` for another key.
    pub fn sign(self, secret: &SecretKey) -> Result<SignedReceipt, ReceiptError> {
        self.check()?;
        if secret.public() != self.node {
            return Err(ReceiptError::Signature);
        }
        let hash = Hash::tagged(TAG, &[&self.body()]);
        let signature = secret.sign(&hash);
        Ok(SignedReceipt {
            receipt: self,
            signature,
            hash,
        })
    }
}

impl SignedReceipt {
    /// Reads a receipt and checks its signature.
    ///
    /// # Errors
    /// See [`ReceiptError`].
    pub fn decode(bytes: &[u8]) -> Result<SignedReceipt, ReceiptError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLarge(bytes.len()));
        }
        let mut reader = Reader::format(bytes, MAGIC, VERSION)?;
        let receipt = Receipt {
            network: Hash(reader.array()?),
            edition: reader.count()?,
            revision: reader.count()?,
            program: Hash(reader.array()?),
            bundle: Hash(reader.array()?),
            release: match reader.flag()? {
                true => Some(ReleaseName {
                    address: Address::from_bytes(reader.array()?),
                    name: reader.text()?.parse().map_err(ReceiptError::Name)?,
                    number: reader.count()?,
                    hash: Hash(reader.array()?),
                }),
                false => None,
            },
            entry: reader.text()?.to_owned(),
            limits: Limits {
                fuel: reader.count()?,
                memory_bytes: reader.count()?,
            },
            transcript: Hash(reader.array()?),
            outcome: Hash(reader.array()?),
            fuel_used: reader.count()?,
            peak_memory_bytes: reader.count()?,
            state: match reader.flag()? {
                true => Some(StateSeen {
                    read: read_commit(&mut reader)?,
                    root: match reader.flag()? {
                        true => Some(Hash(reader.array()?)),
                        false => None,
                    },
                    made: match reader.flag()? {
                        true => Some(read_commit(&mut reader)?),
                        false => None,
                    },
                }),
                false => None,
            },
            node: PublicKey::from_bytes(reader.array()?).ok_or(ReceiptError::Key)?,
            time_ms: reader.count()?,
            nonce: reader.bytes()?.to_vec(),
        };
        let hash = Hash::tagged(TAG, &[&bytes[..reader.offset()]]);
        let signature = reader.array()?;
        reader.end()?;
        receipt.check()?;
        if !receipt.node.verify(&hash, &signature) {
            return Err(ReceiptError::Signature);
        }
        Ok(SignedReceipt {
            receipt,
            signature,
            hash,
        })
    }

    /// The canonical bytes with the signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.receipt.body();
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// What was signed.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The name of this receipt: the hash that was signed.
    pub fn hash(&self) -> Hash {
        self.hash
    }
}
