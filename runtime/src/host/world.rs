//! Who answers the questions of a run: the live world, or a double of it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::codec::Writer;
use crate::failure::{Failure, FailureCode};
use crate::host::request::RequestView;
use crate::host::{HostCall, Source, clock, files, kv, random};
use crate::recorded::Answers;
use crate::store::StoreError;
use crate::store::state::{StateView, get_answer};
use crate::transcript::{Identity, Question, Transcript};

/// The input of a run.
#[derive(Clone, Debug)]
pub enum Input {
    /// A command's arguments.
    Arguments(Vec<String>),
    /// A web program's request.
    Request(Box<RequestView>),
    /// All that a run was told, of whatever source: it is done again.
    Recorded(Answers),
    /// A test has none.
    Nothing,
}

/// Why a question is not answered.
#[derive(Clone, Debug, PartialEq)]
pub enum NoAnswer {
    /// The argument is not one that compiled source would give, with the value for the trap's operand.
    Argument(i64),
    /// The host cannot answer: the run is refused.
    Refused(Failure),
    /// Somebody else has to be asked first. The run or the walk begins again when the answer is there.
    Waits(Box<Question>),
}

impl From<StoreError> for NoAnswer {
    fn from(error: StoreError) -> NoAnswer {
        NoAnswer::Refused(store_failure(&error))
    }
}

/// How the store's errors are told to those who ask for an answer.
pub fn store_failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Full(detail) => {
            Failure::new(FailureCode::Quota, "the node's disk is full", detail)
                .hint("nothing was changed; the operator of the node must make room")
        }
        StoreError::ReadOnly(detail) => Failure::new(
            FailureCode::Internal,
            "the node's store takes no writes",
            detail,
        )
        .hint("nothing was changed; the operator must give the node a folder that it may write"),
        StoreError::Failed(detail) => {
            Failure::new(FailureCode::Internal, "the node's store failed", detail)
                .hint("the operator should look at the disk and start the node again")
        }
    }
}

/// The end of a run that nobody waits for.
pub fn given_up() -> Failure {
    Failure::new(
        FailureCode::Deadline,
        "the run was given up",
        "nobody waits for its answer any more",
    )
}

/// Bytes that nobody can foresee.
pub trait Randomness {
    /// Fills the buffer.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String>;
}

/// The system's randomness.
#[derive(Clone, Copy, Debug)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        getrandom::fill(bytes).map_err(|cause| cause.to_string())
    }
}

/// Everything that one run, or one walk through the cache, may ask: the input, one snapshot, one instant.
pub struct World<'a> {
    /// The input of the run.
    pub input: &'a Input,
    /// The program's state, if it has any.
    pub state: Option<&'a dyn StateView>,
    /// The instant, in milliseconds since 1970.
    pub now_ms: i64,
    /// Random bytes.
    pub randomness: &'a mut dyn Randomness,
    /// Answers of the outside world that earlier attempts of this run got, and that it keeps.
    pub kept: Option<&'a Transcript>,
    /// Set when nobody waits for this run any more: it is then refused.
    pub cancelled: Option<&'a Arc<AtomicBool>>,
    /// Told each line of the log as it is written.
    pub on_log: Option<&'a mut dyn FnMut(&str)>,
    /// Asked about each snapshot of a test; without it there are none.
    pub on_snapshot: Option<&'a Snapshots<'a>>,
    /// The choices that one property of a test, by its number, is tried with instead of its own.
    pub choices: Option<(u32, &'a [i64])>,
}

/// Compares a value with what is stored under a name: the value as `Show` quotes it, and what is wrong with it.
pub type Snapshots<'a> = dyn Fn(&str, &str) -> Option<String> + 'a;

impl World<'_> {
    /// Whether nobody waits for this run any more.
    pub fn is_cancelled(&self) -> bool {
        let is_set = |cancelled: &Arc<AtomicBool>| cancelled.load(Ordering::Relaxed);
        self.cancelled.is_some_and(is_set)
    }

    /// The canonical answer of a question.
    pub fn answer(&mut self, question: &Question) -> Result<Vec<u8>, NoAnswer> {
        if self.is_cancelled() {
            return Err(NoAnswer::Refused(given_up()));
        }
        if let Input::Recorded(answers) = self.input {
            return answers.answer(question).map_err(NoAnswer::Refused);
        }
        let call = question.kind;
        match call.source() {
            Source::Input => self.input_answer(question),
            Source::State => self.state_answer(question),
            Source::Outside | Source::OutsideEachTime => {
                match self.kept.and_then(|kept| kept.answer(question)) {
                    Some(kept) => Ok(kept.bytes.clone()),
                    None => self.outside_answer(question),
                }
            }
            Source::Elsewhere | Source::ElsewhereEachTime => {
                match self.kept.and_then(|kept| kept.answer(question)) {
                    Some(kept) => Ok(kept.bytes.clone()),
                    None => Err(NoAnswer::Waits(Box::new(question.clone()))),
                }
            }
            Source::Write | Source::Double | Source::Log | Source::Stop => {
                Err(NoAnswer::Argument(0))
            }
        }
    }

    /// The identity of the answer, without the answer where that is cheaper.
    pub fn identity(&mut self, question: &Question) -> Result<Identity, NoAnswer> {
        match self.state {
            Some(state) if question.kind.is_of_one_key() => {
                let key = one_key(question).ok_or(NoAnswer::Argument(0))?;
                Ok(state.get_identity(&key)?)
            }
            _ => Ok(Identity::of(&self.answer(question)?)),
        }
    }

    fn input_answer(&self, question: &Question) -> Result<Vec<u8>, NoAnswer> {
        let answer = match (self.input, question.kind) {
            (Input::Arguments(arguments), HostCall::CommandArgs) => {
                let mut writer = Writer::new();
                writer.texts(arguments);
                Some(writer.finish())
            }
            (Input::Request(request), call) => request.answer(call, &question.argument),
            _ => None,
        };
        answer.ok_or(NoAnswer::Argument(0))
    }

    fn state_answer(&self, question: &Question) -> Result<Vec<u8>, NoAnswer> {
        let state = self.state.ok_or_else(|| {
            NoAnswer::Refused(Failure::new(
                FailureCode::Denied,
                "the program has no store here",
                "it asked for its store, which this run was not given",
            ))
        })?;
        state_answer(state, question)
    }

    fn outside_answer(&mut self, question: &Question) -> Result<Vec<u8>, NoAnswer> {
        match question.kind {
            HostCall::RandomBytes => {
                let count = random::count(&question.argument).map_err(NoAnswer::Argument)?;
                let mut bytes = vec![0; count];
                self.randomness.fill(&mut bytes).map_err(|cause| {
                    NoAnswer::Refused(Failure::new(
                        FailureCode::Internal,
                        "the node has no randomness",
                        cause,
                    ))
                })?;
                Ok(random::answer(&bytes))
            }
            call => Ok(clock::answer(call, self.now_ms)),
        }
    }
}

/// The key of the store that a question asks for, if it is one key and the question is well-formed.
fn one_key(question: &Question) -> Option<Cow<'_, str>> {
    let argument = &question.argument;
    match question.kind {
        HostCall::KvGet => Some(Cow::Borrowed(kv::key_argument(argument).ok()?)),
        HostCall::FilesInfo => {
            let path = files::path_argument(argument).ok()?;
            Some(Cow::Owned(files::head_key(path)))
        }
        HostCall::FilesPart => {
            let (path, number) = files::part_argument(argument).ok()?;
            let number = usize::try_from(number).ok()?;
            Some(Cow::Owned(files::part_key(path, number)))
        }
        _ => None,
    }
}

/// The answer of a question about state.
pub fn state_answer(state: &dyn StateView, question: &Question) -> Result<Vec<u8>, NoAnswer> {
    told_by(state, question)?.ok_or(NoAnswer::Argument(0))
}

/// The same; `None` if it is a question that cannot be asked like this.
fn told_by(state: &dyn StateView, question: &Question) -> Result<Option<Vec<u8>>, StoreError> {
    let argument = &question.argument;
    match question.kind {
        HostCall::KvShape => kv::shape_argument(argument)
            .map(|fingerprint| Ok(kv::shape_answer(state.shape(&fingerprint)?.as_deref()))),
        kind @ (HostCall::KvKeys | HostCall::KvRange | HostCall::FilesList) => {
            kv::Scan::from_question(kind, argument).map(|scan| scan_answer(state, &scan))
        }
        _ => one_key(question).map(|key| Ok(get_answer(state.get(&key)?.as_deref()))),
    }
    .transpose()
}

/// The answer of a scan. The node's own keys stand behind all others, so leaving them out leaves no gap.
fn scan_answer(state: &dyn StateView, scan: &kv::Scan) -> Result<Vec<u8>, StoreError> {
    let mut keys = state.keys(&scan.range(), scan.limit)?;
    let root = scan.root();
    match root.len() {
        0 => keys.retain(|key| !key.starts_with(kv::RESERVED)),
        length => keys.iter_mut().for_each(|key| drop(key.drain(..length))),
    }
    let mut writer = Writer::new();
    writer.texts(&keys);
    Ok(writer.finish())
}

/// Whether every question about state in a transcript would get the same answer from this view.
pub fn still_valid(transcript: &Transcript, state: &dyn StateView) -> Result<bool, StoreError> {
    for (question, answer) in transcript.exchanges() {
        if question.kind.source() != Source::State {
            continue;
        }
        let now = match one_key(question) {
            Some(key) => Some(state.get_identity(&key)?),
            None => told_by(state, question)?.map(|answer| Identity::of(&answer)),
        };
        if now != Some(answer.identity) {
            return Ok(false);
        }
    }
    Ok(true)
}
