//! Proofs that a node lied, which anyone can check: two receipts that contradict each other, or one whose run, done again with
//! the very answers that it names, comes out differently.
//!
//! ```text
//!  "copf" 1 │ 0 │ receipt │ receipt          in order of their bytes
//!           │ 1 │ opened receipt             each with its length
//! ```

use std::fmt;

use super::check::{self, Rerun};
use super::opened::{OPENED_BYTES_MAX, OpenedError, OpenedReceipt};
use super::{ReceiptError, SignedReceipt};
use crate::codec::{CodecError, Reader, Writer};
use crate::failure::Failure;
use crate::library::ReadyProgram;

const MAGIC: &[u8; 4] = b"copf";
const VERSION: u8 = 1;
/// Most bytes of a proof.
pub const PROOF_BYTES_MAX: usize = OPENED_BYTES_MAX + 64;

/// A proof that the key in it signed something untrue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FraudProof {
    /// Two outcomes of the same program for the same answers; only one can be true.
    Contradiction(Box<[SignedReceipt; 2]>),
    /// An outcome that the program does not have for these answers.
    Untrue(Box<OpenedReceipt>),
}

/// Why two receipts, or one with its answers, prove nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoFraud {
    /// Two nodes signed.
    Keys,
    /// They are about different runs: this is not the same in both.
    Different(&'static str),
    /// They say the same.
    Agree,
    /// The answers that were shown are not those that were signed.
    Leaves,
    /// Answers are missing, so the run cannot be done again.
    Closed(usize),
    /// The run comes out as the receipt says.
    True,
    /// It cannot be said.
    Unknown(String),
}

impl fmt::Display for NoFraud {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoFraud::Keys => {
                out.write_str("two different nodes signed them, and one of them may be right")
            }
            NoFraud::Different(what) => write!(
                out,
                "they are not about the same run: {what} differs; ask twice with the same nonce and salt"
            ),
            NoFraud::Agree => out.write_str("they say the same"),
            NoFraud::Leaves => {
                out.write_str("the answers in the file are not those that the node signed")
            }
            NoFraud::Closed(1) => {
                out.write_str("one answer stays closed, so the run cannot be done again")
            }
            NoFraud::Closed(count) => {
                write!(
                    out,
                    "{count} answers stay closed, so the run cannot be done again"
                )
            }
            NoFraud::True => out.write_str("done again, the run comes out as the receipt says"),
            NoFraud::Unknown(why) => out.write_str(why),
        }
    }
}

/// Whether two receipts contradict each other.
///
/// # Errors
/// Why they do not.
pub fn contradict(one: &SignedReceipt, other: &SignedReceipt) -> Result<(), NoFraud> {
    let (one, other) = (one.receipt(), other.receipt());
    if one.node != other.node {
        return Err(NoFraud::Keys);
    }
    let same = [
        ("the network", one.network == other.network),
        ("the edition", one.edition == other.edition),
        // A mistake of an engine that was mended since is no lie.
        ("the revision", one.revision == other.revision),
        ("the program", one.program == other.program),
        ("the entry point", one.entry == other.entry),
        ("the limit of fuel or memory", one.limits == other.limits),
        ("the nonce", one.nonce == other.nonce),
        (
            "what the run was told (or its salt)",
            one.transcript == other.transcript,
        ),
    ];
    if let Some((what, _)) = same.iter().find(|(_, is_same)| !is_same) {
        return Err(NoFraud::Different(what));
    }
    match one.outcome == other.outcome {
        true => Err(NoFraud::Agree),
        false => Ok(()),
    }
}

/// Whether the run of a receipt comes out differently when it is done again.
///
/// # Errors
/// Why that cannot be said, or is not so; or that the program cannot be run.
pub fn untrue(
    opened: &OpenedReceipt,
    ready: &ReadyProgram,
) -> Result<Result<String, NoFraud>, Failure> {
    if !check::leaves_fit(opened) {
        return Ok(Err(NoFraud::Leaves));
    }
    if opened.closed() > 0 {
        return Ok(Err(NoFraud::Closed(opened.closed())));
    }
    Ok(match check::rerun(opened, ready)? {
        Rerun::Different(difference) => Ok(difference.what),
        Rerun::Same(_) => Err(NoFraud::True),
        Rerun::Unknown(why) => Err(NoFraud::Unknown(why)),
    })
}

/// Why bytes are not a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The bytes are not canonical.
    Codec(CodecError),
    /// A receipt in it is wrong.
    Receipt(ReceiptError),
    /// The opened receipt in it is wrong.
    Opened(OpenedError),
    /// It proves nothing.
    NoFraud(NoFraud),
    /// The two receipts stand in the wrong order.
    Order,
}

impl fmt::Display for ProofError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofError::Codec(error) => write!(out, "the proof is malformed: {error}"),
            ProofError::Receipt(error) => error.fmt(out),
            ProofError::Opened(error) => error.fmt(out),
            ProofError::NoFraud(why) => write!(out, "its receipts prove nothing: {why}"),
            ProofError::Order => {
                out.write_str("the proof is malformed: its receipts stand in the wrong order")
            }
        }
    }
}

impl std::error::Error for ProofError {}

impl From<CodecError> for ProofError {
    fn from(error: CodecError) -> ProofError {
        ProofError::Codec(error)
    }
}

impl FraudProof {
    /// The proof that two receipts of one node contradict each other.
    ///
    /// # Errors
    /// They do not.
    pub fn of_two(one: SignedReceipt, other: SignedReceipt) -> Result<FraudProof, NoFraud> {
        contradict(&one, &other)?;
        let mut both = [one, other];
        both.sort_by_cached_key(SignedReceipt::encode);
        Ok(FraudProof::Contradiction(Box::new(both)))
    }

    /// The key that lied.
    pub fn node(&self) -> crate::keys::PublicKey {
        match self {
            FraudProof::Contradiction(both) => both[0].receipt().node,
            FraudProof::Untrue(opened) => opened.signed.receipt().node,
        }
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::format(MAGIC, VERSION);
        match self {
            FraudProof::Contradiction(both) => {
                writer.byte(0);
                for receipt in both.iter() {
                    writer.bytes(&receipt.encode());
                }
            }
            FraudProof::Untrue(opened) => {
                writer.byte(1).bytes(&opened.encode());
            }
        }
        writer.finish()
    }

    /// Reads a proof. Two receipts are compared at once; of one receipt the run must be done again ([`untrue`]).
    ///
    /// # Errors
    /// It is not one that [`FraudProof::encode`] writes, or its receipts do not contradict each other.
    pub fn decode(bytes: &[u8]) -> Result<FraudProof, ProofError> {
        let mut reader = Reader::format(bytes, MAGIC, VERSION)?;
        let proof = match reader.flag()? {
            false => {
                let mut read = || -> Result<SignedReceipt, ProofError> {
                    SignedReceipt::decode(reader.bytes()?).map_err(ProofError::Receipt)
                };
                let (one, other) = (read()?, read()?);
                if one.encode() > other.encode() {
                    return Err(ProofError::Order);
                }
                FraudProof::of_two(one, other).map_err(ProofError::NoFraud)?
            }
            true => {
                let opened = OpenedReceipt::decode(reader.bytes()?).map_err(ProofError::Opened)?;
                if !check::leaves_fit(&opened) {
                    return Err(ProofError::NoFraud(NoFraud::Leaves));
                }
                if opened.closed() > 0 {
                    return Err(ProofError::NoFraud(NoFraud::Closed(opened.closed())));
                }
                FraudProof::Untrue(Box::new(opened))
            }
        };
        reader.end()?;
        Ok(proof)
    }
}
