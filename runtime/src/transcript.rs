//! What a run asked and what it was told: the ordered list from which everything about the run follows.

use std::fmt;

use cop_bytecode::Hash;
use indexmap::IndexMap;

use crate::codec::Writer;
use crate::host::HostCall;

/// Longest answer that is its own identity.
const SHORT: usize = 32;

/// What makes two answers the same: the bytes of a short one, the hash of a long one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// 0 to 32 for a short answer of that length, 33 for a hash.
    length: u8,
    bytes: [u8; SHORT],
}

impl Identity {
    const HASHED: u8 = SHORT as u8 + 1;

    /// The identity of an answer.
    pub fn of(answer: &[u8]) -> Identity {
        if answer.len() > SHORT {
            return Identity::of_hash(Hash::tagged("cop answer 1", &[answer]).0);
        }
        let mut bytes = [0; SHORT];
        bytes[..answer.len()].copy_from_slice(answer);
        Identity {
            length: answer.len() as u8,
            bytes,
        }
    }

    /// The identity of a long answer whose hash is known.
    pub fn of_hash(hash: [u8; 32]) -> Identity {
        Identity {
            length: Identity::HASHED,
            bytes: hash,
        }
    }

    /// The answer itself, or the hash of a long one.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length).min(SHORT)]
    }

    /// The hash, if the answer is a long one.
    pub fn hash(&self) -> Option<[u8; 32]> {
        (self.length == Identity::HASHED).then_some(self.bytes)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.length)?;
        self.bytes()
            .iter()
            .try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// Something a run asked of its host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Question {
    /// Which function of which interface.
    pub kind: HostCall,
    /// How often the same was asked before. 0 except for questions that are answered anew each time.
    pub occurrence: u32,
    /// The canonical leaves of the arguments.
    pub argument: Vec<u8>,
}

/// What a run was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The canonical leaves of the answer.
    pub bytes: Vec<u8>,
    /// Their identity.
    pub identity: Identity,
}

/// The questions and answers of one run, in order, each question once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Transcript {
    exchanges: IndexMap<Question, Answered>,
    bytes: usize,
}

impl Transcript {
    /// The answer that this run got to a question already.
    pub fn answer(&self, question: &Question) -> Option<&Answered> {
        self.exchanges.get(question)
    }

    /// Adds a question that was not asked before.
    pub fn record(&mut self, question: Question, answer: Vec<u8>) {
        self.bytes += question.argument.len() + answer.len();
        let identity = Identity::of(&answer);
        self.exchanges.insert(
            question,
            Answered {
                bytes: answer,
                identity,
            },
        );
    }

    /// Adds what the outside world told another attempt at the same run, and not this one.
    pub fn keep_outside(&mut self, told: &Transcript) {
        for (question, answered) in &told.exchanges {
            if question.kind.source().is_outside() && self.answer(question).is_none() {
                self.record(question.clone(), answered.bytes.clone());
            }
        }
    }

    /// In order of asking.
    pub fn exchanges(&self) -> impl ExactSizeIterator<Item = (&Question, &Answered)> {
        self.exchanges.iter()
    }

    /// Bytes of all questions and answers.
    pub fn content_bytes(&self) -> usize {
        self.bytes
    }

    /// Roughly the memory it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.bytes + self.exchanges.len() * (size_of::<(Question, Answered)>() + 16)
    }

    /// The hash of all questions and answers, in order.
    pub fn hash(&self) -> Hash {
        let mut writer = Writer::new();
        for (question, answer) in &self.exchanges {
            let (interface, function) = question.kind.names();
            writer
                .text(interface)
                .text(function)
                .count(u64::from(question.occurrence))
                .bytes(&question.argument)
                .bytes(&answer.bytes);
        }
        Hash::tagged("cop transcript 1", &[&writer.finish()])
    }
}
