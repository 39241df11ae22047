//! What an opened receipt proves by itself, and what comes of doing its run again.

use bytes::Bytes;
use cop_bytecode::Hash;

use super::leaves::{self, Leaf};
use super::opened::{OpenEnd, OpenedReceipt};
use super::{REVISION, Receipt};
use crate::failure::{Failure, FailureCode};
use crate::library::ReadyProgram;
use crate::recorded::{Answers, Recording};
use crate::run::{OutcomeParts, RunRecord, end_hash};
use crate::transcript::Question;

/// Whether an answer is the one that the receipt is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFits {
    /// To the byte.
    Yes,
    /// It, or something else of the outcome that was shown, is not what was signed.
    No,
    /// The run gave no answer, or its body was not at hand: only doing it again can tell.
    Unknown,
}

/// What came of doing a run again.
#[derive(Clone, Debug)]
pub enum Rerun {
    /// The same questions and the same outcome, to the bit.
    Same(Box<RunRecord>),
    /// The node signed something else than what the program does with these answers.
    Different(Box<Difference>),
    /// It cannot be said: some answers that the program asks for stay closed, or the receipt is for other engines than these.
    Unknown(String),
}

/// How a run that was done again differs from its receipt.
#[derive(Clone, Debug)]
pub struct Difference {
    /// What differs, for people.
    pub what: String,
    /// The outcome that the program has here, if it has one.
    pub outcome: Option<Hash>,
}

/// Whether the leaves that were shown are those of the receipt.
pub fn leaves_fit(opened: &OpenedReceipt) -> bool {
    let hashes: Vec<Hash> = opened.leaves.iter().map(Leaf::hash).collect();
    leaves::root(&hashes) == opened.signed.receipt().transcript
}

/// Whether the answer is what the receipt is of; `body` is the body that came with it, unless the receipt has it itself.
pub fn answer_fits(opened: &OpenedReceipt, body: Option<&Bytes>) -> AnswerFits {
    let end = match &opened.end {
        OpenEnd::Closed(hash) => *hash,
        OpenEnd::Answer(answer) => match answer.body.as_ref().or(body) {
            Some(body) => end_hash(&answer.end(body)),
            None => return AnswerFits::Unknown,
        },
    };
    let receipt = opened.signed.receipt();
    let parts = OutcomeParts {
        end,
        log: opened.log,
        writes: opened.writes,
        fuel_used: receipt.fuel_used,
        peak_memory_bytes: receipt.peak_memory_bytes,
    };
    match (parts.hash() == receipt.outcome, &opened.end) {
        (false, _) => AnswerFits::No,
        (true, OpenEnd::Closed(_)) => AnswerFits::Unknown,
        (true, OpenEnd::Answer(_)) => AnswerFits::Yes,
    }
}

/// The run that a receipt tells of, as far as it is open, to be done again.
pub fn recording(opened: &OpenedReceipt) -> Recording {
    let open = opened.leaves.iter().filter_map(Leaf::open);
    let receipt = opened.signed.receipt();
    Recording {
        entry: receipt.entry.clone(),
        limits: receipt.limits,
        at_ms: i64::try_from(receipt.time_ms).unwrap_or(i64::MAX),
        answers: Answers::told(open.map(|leaf| (leaf.question.clone(), leaf.answer.clone()))),
    }
}

/// Does the run of a receipt again, whose leaves must fit ([`leaves_fit`]).
///
/// # Errors
/// The program is another one than the receipt's, or cannot be run here.
pub fn rerun(opened: &OpenedReceipt, ready: &ReadyProgram) -> Result<Rerun, Failure> {
    let receipt = opened.signed.receipt();
    if ready.manifest.package != receipt.program {
        return Err(Failure::new(
            FailureCode::BadBundle,
            "this is another program",
            format!(
                "the receipt is of {}, the program here is {}",
                receipt.program, ready.manifest.package
            ),
        ));
    }
    if let Some(why) = other_engine(receipt) {
        return Ok(Rerun::Unknown(why));
    }
    let closed = opened.closed();
    let recording = recording(opened);
    let record = match recording.replay(&*ready.program) {
        Ok(record) => record,
        // With all leaves open, what is asked beyond them was never answered.
        Err(failure) if failure.code == FailureCode::BadRequest && closed == 0 => {
            return Ok(different(failure.detail.clone(), None));
        }
        Err(failure) if failure.code == FailureCode::BadRequest => {
            let (all, are) = (opened.leaves.len(), if closed == 1 { "is" } else { "are" });
            return Ok(Rerun::Unknown(format!(
                "{closed} of the {all} answers that it was given {are} closed"
            )));
        }
        Err(failure) => return Err(failure),
    };
    let outcome = record.outcome_hash();
    let asked: Vec<&Question> = record.transcript.exchanges().map(|(q, _)| q).collect();
    let told: Vec<Option<&Question>> = opened
        .leaves
        .iter()
        .map(|leaf| leaf.open().map(|leaf| &leaf.question))
        .collect();
    let asks_the_same =
        asked.len() == told.len() && asked.iter().zip(&told).all(|(a, t)| Some(*a) == *t);
    if !asks_the_same {
        return Ok(different(
            "the program asks other questions, or in another order, than the receipt says"
                .to_owned(),
            Some(outcome),
        ));
    }
    if outcome == receipt.outcome {
        return Ok(Rerun::Same(Box::new(record)));
    }
    let what = format!(
        "the receipt's outcome is {}, the program's is {outcome}",
        receipt.outcome
    );
    Ok(different(what, Some(outcome)))
}

fn different(what: String, outcome: Option<Hash>) -> Rerun {
    Rerun::Different(Box::new(Difference { what, outcome }))
}

/// Why an outcome here need not be that of the engines that the receipt is for.
fn other_engine(receipt: &Receipt) -> Option<String> {
    let edition = u64::from(cop_bytecode::limits::EDITION);
    if receipt.edition != edition {
        return Some(format!(
            "the receipt is for edition {} of the language, this tool knows {edition}",
            receipt.edition
        ));
    }
    (receipt.revision != REVISION).then(|| {
        format!(
            "the receipt is for revision {} of what programs mean, this tool has {REVISION}",
            receipt.revision
        )
    })
}
