//! A receipt with what may be seen of its run: the head of the answer, some or all questions and answers. It stands in a file
//! (`.copreceipt`), or comes from the node that signed it.
//!
//! ```text
//!  "copo" 1 │ receipt, with its length
//!           │ end: 0 and its hash 32; or 1, whether the program aborted, status, headers (count, name and value each), cookies,
//!           │      body: 0, or 1 and its bytes
//!           │ hash of the log 32 │ hash of the writes 32
//!           │ leaves: count, then each: 0 and its hash 32; or 1, its salt 32, question, answer
//! ```
//! Nothing but the receipt is signed. All else is right if it gives the hashes in the receipt ([`super::check`]).

use std::fmt;

use bytes::Bytes;
use cop_bytecode::Hash;

use super::asked::GivenReceipt;
use super::leaves::{self, LEAVES_MAX, Leaf, OpenLeaf};
use super::{ReceiptError, SignedReceipt};
use crate::codec::{CodecError, Problem, Reader, Writer};
use crate::host::response::Response;
use crate::host::{HostCall, Source};
use crate::run::{OutcomeParts, RunEnd, RunRecord};
use crate::transcript::Question;

const MAGIC: &[u8; 4] = b"copo";
const VERSION: u8 = 1;
/// Most bytes of an opened receipt: a transcript of the greatest size, the largest answer, and room for what stands around them.
pub const OPENED_BYTES_MAX: usize = 100 << 20;

/// A receipt with what may be seen of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedReceipt {
    /// The receipt; its signature was checked.
    pub signed: SignedReceipt,
    /// How the run ended.
    pub end: OpenEnd,
    /// Hash of the run's log.
    pub log: Hash,
    /// Hash of what the run wrote.
    pub writes: Hash,
    /// Questions and answers, in order.
    pub leaves: Vec<Leaf>,
}

/// What may be seen of how a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenEnd {
    /// A trap, or the end of a command: its hash alone.
    Closed(Hash),
    /// An answer.
    Answer(OpenAnswer),
}

/// An answer as the program gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAnswer {
    /// Whether the program called `abort`.
    pub aborted: bool,
    /// The status.
    pub status: u16,
    /// Names and values of headers.
    pub headers: Vec<(String, String)>,
    /// Values for `Set-Cookie`.
    pub cookies: Vec<String>,
    /// The body; `None` where the reader has it anyway.
    pub body: Option<Bytes>,
}

impl OpenAnswer {
    /// How the run ended, with this body where the answer has none of its own.
    pub fn end(&self, body: &Bytes) -> RunEnd {
        let response = Response {
            status: self.status,
            headers: self.headers.clone(),
            cookies: self.cookies.clone(),
            body: self.body.clone().unwrap_or_else(|| body.clone()),
        };
        match self.aborted {
            true => RunEnd::Aborted(response),
            false => RunEnd::Answered(response),
        }
    }
}

/// Why bytes are not an opened receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenedError {
    /// More than [`OPENED_BYTES_MAX`] bytes.
    TooLarge(usize),
    /// The bytes are not canonical.
    Codec(CodecError),
    /// The receipt in it is wrong.
    Receipt(ReceiptError),
}

impl fmt::Display for OpenedError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenedError::TooLarge(size) => write!(
                out,
                "the opened receipt has {size} bytes, at most {OPENED_BYTES_MAX} are allowed"
            ),
            OpenedError::Codec(error) => write!(out, "the opened receipt is malformed: {error}"),
            OpenedError::Receipt(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for OpenedError {}

impl From<CodecError> for OpenedError {
    fn from(error: CodecError) -> OpenedError {
        OpenedError::Codec(error)
    }
}

/// Whether an answer may be shown to whoever was given the receipt: it is part of his own request, or the time.
///
/// What a program keeps and the random bytes that it drew are the publisher's to show.
pub fn is_the_askers(question: &Question) -> bool {
    match question.kind.source() {
        Source::Input => true,
        Source::Outside => matches!(
            question.kind,
            HostCall::ClockNow | HostCall::ClockMinute | HostCall::ClockToday
        ),
        _ => false,
    }
}

impl OpenedReceipt {
    /// Opens a receipt, without the body of the answer; of the questions and answers those that `may_see` says.
    pub fn of(
        given: &GivenReceipt,
        record: &RunRecord,
        may_see: impl Fn(&Question) -> bool,
    ) -> OpenedReceipt {
        let parts = OutcomeParts::of(record);
        let answer = |aborted: bool, response: &Response| {
            OpenEnd::Answer(OpenAnswer {
                aborted,
                status: response.status,
                headers: response.headers.clone(),
                cookies: response.cookies.clone(),
                body: None,
            })
        };
        OpenedReceipt {
            signed: given.signed.clone(),
            end: match &record.end {
                RunEnd::Answered(response) => answer(false, response),
                RunEnd::Aborted(response) => answer(true, response),
                RunEnd::Done | RunEnd::Failed(_) | RunEnd::Trapped(_) => OpenEnd::Closed(parts.end),
            },
            log: parts.log,
            writes: parts.writes,
            leaves: leaves::leaves(&record.transcript, &given.salt, may_see),
        }
    }

    /// The same with the body of the answer in it, so that the file says all by itself.
    pub fn with_body(mut self, bytes: Bytes) -> OpenedReceipt {
        if let OpenEnd::Answer(OpenAnswer { body, .. }) = &mut self.end {
            *body = Some(bytes);
        }
        self
    }

    /// How many leaves stay closed.
    pub fn closed(&self) -> usize {
        self.leaves
            .iter()
            .filter(|leaf| leaf.open().is_none())
            .count()
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::format(MAGIC, VERSION);
        writer.bytes(&self.signed.encode());
        match &self.end {
            OpenEnd::Closed(hash) => {
                writer.byte(0).raw(&hash.0);
            }
            OpenEnd::Answer(answer) => {
                writer
                    .byte(1)
                    .flag(answer.aborted)
                    .count(u64::from(answer.status))
                    .count(answer.headers.len() as u64);
                for (name, value) in &answer.headers {
                    writer.text(name).text(value);
                }
                writer.texts(&answer.cookies).flag(answer.body.is_some());
                if let Some(body) = &answer.body {
                    writer.bytes(body);
                }
            }
        }
        writer
            .raw(&self.log.0)
            .raw(&self.writes.0)
            .count(self.leaves.len() as u64);
        for leaf in &self.leaves {
            match leaf {
                Leaf::Closed(hash) => {
                    writer.byte(0).raw(&hash.0);
                }
                Leaf::Open(leaf) => {
                    writer.byte(1).raw(&leaf.salt);
                    leaves::write_question(&mut writer, &leaf.question);
                    writer.bytes(&leaf.answer);
                }
            }
        }
        writer.finish()
    }

    /// Reads an opened receipt, and checks the signature in it. Whether all else fits is [`super::check`]'s to say.
    ///
    /// # Errors
    /// It is not one that [`OpenedReceipt::encode`] writes, or its receipt is not signed by its key.
    pub fn decode(bytes: &[u8]) -> Result<OpenedReceipt, OpenedError> {
        if bytes.len() > OPENED_BYTES_MAX {
            return Err(OpenedError::TooLarge(bytes.len()));
        }
        let mut reader = Reader::format(bytes, MAGIC, VERSION)?;
        let signed = SignedReceipt::decode(reader.bytes()?).map_err(OpenedError::Receipt)?;
        let end = match reader.flag()? {
            false => OpenEnd::Closed(Hash(reader.array()?)),
            true => OpenEnd::Answer(answer(&mut reader)?),
        };
        let (log, writes) = (Hash(reader.array()?), Hash(reader.array()?));
        let count = reader.bounded_count()?;
        if count > LEAVES_MAX {
            return Err(refused(&reader, Problem::Value));
        }
        let mut leaves = Vec::with_capacity(count);
        for _ in 0..count {
            leaves.push(match reader.flag()? {
                false => Leaf::Closed(Hash(reader.array()?)),
                true => Leaf::Open(Box::new(OpenLeaf {
                    salt: reader.array()?,
                    question: leaves::read_question(&mut reader)?,
                    answer: reader.bytes()?.to_vec(),
                })),
            });
        }
        reader.end()?;
        Ok(OpenedReceipt {
            signed,
            end,
            log,
            writes,
            leaves,
        })
    }
}

fn refused(reader: &Reader<'_>, problem: Problem) -> OpenedError {
    OpenedError::Codec(CodecError {
        offset: reader.offset(),
        problem,
    })
}

fn answer(reader: &mut Reader<'_>) -> Result<OpenAnswer, OpenedError> {
    let aborted = reader.flag()?;
    let status = u16::try_from(reader.count()?);
    let status = status.map_err(|_| refused(reader, Problem::Number))?;
    let mut headers = Vec::new();
    for _ in 0..reader.bounded_count()? {
        headers.push((reader.text()?.to_owned(), reader.text()?.to_owned()));
    }
    Ok(OpenAnswer {
        aborted,
        status,
        headers,
        cookies: reader.texts()?,
        body: match reader.flag()? {
            true => Some(Bytes::copy_from_slice(reader.bytes()?)),
            false => None,
        },
    })
}
