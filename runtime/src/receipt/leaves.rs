//! The questions and answers of a run under one hash, each of which can be shown or kept closed.
//!
//! ```text
//!  salt i = keyed BLAKE3 (key: the salt of the receipt) of i, 8 bytes little-endian
//!  leaf i = H("cop leaf 1", salt i, question i, answer i)
//!  top    = the leaf, if there is one; else H("cop node 1", top of the left, top of the right), where the left holds the
//!           greatest power of two of leaves that leaves some for the right
//!  root   = H("cop node 1", number of leaves (8 bytes little-endian), top), without a top if there are none
//! ```
//! A salt of its own keeps each closed leaf from being guessed, also by those who were shown its neighbours.

use std::fmt;

use cop_bytecode::Hash;
use cop_bytecode::limits::HOST_CALLS;

use crate::codec::{CodecError, Problem, Reader, Writer};
use crate::host::HostCall;
use crate::transcript::{Question, Transcript};

/// Most leaves of a receipt: a run asks no more.
pub const LEAVES_MAX: usize = HOST_CALLS as usize;

/// What salts a transcript: 32 bytes that the asker chooses, or the node draws. Whoever knows them and guesses an answer can
/// see that the guess is right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl fmt::Debug for Salt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Salt(…)")
    }
}

impl Salt {
    /// The salt of one leaf.
    pub fn of_leaf(&self, index: usize) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, &(index as u64).to_le_bytes()).as_bytes()
    }
}

/// A leaf of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Only its hash is known.
    Closed(Hash),
    /// What was asked and answered can be seen.
    Open(Box<OpenLeaf>),
}

/// A question and its answer, with what ties them to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLeaf {
    /// The salt of this leaf.
    pub salt: [u8; 32],
    /// What was asked.
    pub question: Question,
    /// The canonical answer.
    pub answer: Vec<u8>,
}

impl Leaf {
    /// Its hash.
    pub fn hash(&self) -> Hash {
        match self {
            Leaf::Closed(hash) => *hash,
            Leaf::Open(leaf) => leaf_hash(&leaf.salt, &leaf.question, &leaf.answer),
        }
    }

    /// What can be seen of it.
    pub fn open(&self) -> Option<&OpenLeaf> {
        match self {
            Leaf::Open(leaf) => Some(leaf),
            Leaf::Closed(_) => None,
        }
    }
}

/// The canonical bytes of a question.
pub fn question_bytes(question: &Question) -> Vec<u8> {
    let mut writer = Writer::new();
    write_question(&mut writer, question);
    writer.finish()
}

/// Appends the canonical bytes of a question: interface, function, how often the same was asked before, argument.
pub fn write_question(writer: &mut Writer, question: &Question) {
    let (interface, function) = question.kind.names();
    writer
        .text(interface)
        .text(function)
        .count(u64::from(question.occurrence))
        .bytes(&question.argument);
}

/// Reads the canonical bytes of a question.
pub fn read_question(reader: &mut Reader<'_>) -> Result<Question, CodecError> {
    let refused = |reader: &Reader<'_>, problem| CodecError {
        offset: reader.offset(),
        problem,
    };
    let (interface, function) = (reader.text()?, reader.text()?);
    let Some(kind) = HostCall::find(interface, function) else {
        return Err(refused(reader, Problem::Value));
    };
    let occurrence = u32::try_from(reader.count()?);
    Ok(Question {
        kind,
        occurrence: occurrence.map_err(|_| refused(reader, Problem::Number))?,
        argument: reader.bytes()?.to_vec(),
    })
}

fn leaf_hash(salt: &[u8; 32], question: &Question, answer: &[u8]) -> Hash {
    Hash::tagged("cop leaf 1", &[salt, &question_bytes(question), answer])
}

/// The hashes of all leaves of a transcript.
pub fn leaf_hashes(transcript: &Transcript, salt: &Salt) -> Vec<Hash> {
    let exchanges = transcript.exchanges().enumerate();
    let hashes = exchanges.map(|(index, (question, answer))| {
        leaf_hash(&salt.of_leaf(index), question, &answer.bytes)
    });
    hashes.collect()
}

/// The leaves of a transcript, open where `may_see` says so.
pub fn leaves(
    transcript: &Transcript,
    salt: &Salt,
    may_see: impl Fn(&Question) -> bool,
) -> Vec<Leaf> {
    let exchanges = transcript.exchanges().enumerate();
    let leaves = exchanges.map(|(index, (question, answer))| {
        let salt = salt.of_leaf(index);
        match may_see(question) {
            true => Leaf::Open(Box::new(OpenLeaf {
                salt,
                question: question.clone(),
                answer: answer.bytes.clone(),
            })),
            false => Leaf::Closed(leaf_hash(&salt, question, &answer.bytes)),
        }
    });
    leaves.collect()
}

/// The root over the hashes of leaves.
pub fn root(leaves: &[Hash]) -> Hash {
    let count = (leaves.len() as u64).to_le_bytes();
    match leaves {
        [] => Hash::tagged("cop node 1", &[&count]),
        some => Hash::tagged("cop node 1", &[&count, &top(some).0]),
    }
}

fn top(leaves: &[Hash]) -> Hash {
    match leaves {
        [one] => *one,
        several => {
            let left = several.len().next_power_of_two() / 2;
            let (left, right) = several.split_at(left);
            Hash::tagged("cop node 1", &[&top(left).0, &top(right).0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(count: u32) -> Transcript {
        let mut transcript = Transcript::default();
        for occurrence in 0..count {
            let question = Question {
                kind: HostCall::RandomBytes,
                occurrence,
                argument: vec![1],
            };
            transcript.record(question, occurrence.to_le_bytes().to_vec());
        }
        transcript
    }

    #[test]
    fn leaves_open_or_closed_have_one_root() {
        let salt = Salt([7; 32]);
        for count in [0, 1, 2, 3, 4, 5, 8, 9, 100] {
            let transcript = transcript(count);
            let expected = root(&leaf_hashes(&transcript, &salt));
            for modulus in 1..4 {
                let some = leaves(&transcript, &salt, |q| q.occurrence % modulus == 0);
                let hashes: Vec<Hash> = some.iter().map(Leaf::hash).collect();
                assert_eq!(root(&hashes), expected, "{count} {modulus}");
            }
        }
    }

    #[test]
    fn another_salt_number_or_order_is_another_root() {
        let hashes = |count, salt| leaf_hashes(&transcript(count), &Salt([salt; 32]));
        let mut roots = vec![root(&hashes(4, 1)), root(&hashes(4, 2))];
        for count in 0..4 {
            roots.push(root(&hashes(count, 1)));
        }
        let mut swapped = hashes(4, 1);
        swapped.swap(0, 1);
        roots.push(root(&swapped));
        // Two leaves are not taken for the node over them.
        let [left, right] = hashes(2, 1)[..] else {
            panic!("two leaves")
        };
        roots.push(root(&[Hash::tagged("cop node 1", &[&left.0, &right.0])]));
        let all = roots.len();
        roots.sort();
        roots.dedup();
        assert_eq!(roots.len(), all);
    }
}
