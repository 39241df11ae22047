//! One run from start to outcome: host calls are answered and recorded, writes are buffered, limits are kept.
//!
//! What comes out is a pure function of program, entry point, limits and transcript; [`RunRecord::outcome_hash`] names it.

mod double;
mod files;
mod outcome;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cop_bytecode::limits::{HOST_CALLS, KEY_BYTES, LOG_BYTES, PROGRAM_DEPTH};
use cop_bytecode::{Hash, TrapKind};

use crate::codec::{Reader, Writer};
use crate::engine::{Answer, End, Host, Limits, Loaded, Position, Trap};
use crate::failure::{Failure, FailureCode};
use crate::host::log::Log;
use crate::host::messages::{self, Message};
use crate::host::reply::refused;
use crate::host::response::{BadResponse, Response};
use crate::host::world::{NoAnswer, World, given_up};
use crate::host::{HostCall, Source, TRANSCRIPT_BYTES, kv, program};
use crate::store::state::{Shapes, get_answer};
use crate::store::writes::{self, Write, Writes};
use crate::transcript::{Question, Transcript};
use double::Double;

pub use outcome::{OutcomeParts, end_hash};

/// What kind of result an entry point has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// `main`: `Result[(), String]`.
    Command,
    /// `handle`: a response.
    Web,
    /// `test N`: nothing.
    Test,
}

/// How a run ended, with its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// A command or test came to its end.
    Done,
    /// A command ended with this error.
    Failed(String),
    /// A web program answered.
    Answered(Response),
    /// A web program called `abort`: it answered, and nothing is written.
    Aborted(Response),
    /// A trap.
    Trapped(Trap),
}

/// Everything about a run that has an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// How it ended.
    pub end: RunEnd,
    /// Its log.
    pub log: Log,
    /// What is to be written: empty unless it ended well.
    pub writes: Writes,
    /// The shapes of the values that are to be written. They follow from the writes, so they are no part of the outcome.
    pub shapes: Shapes,
    /// What it asked and was told.
    pub transcript: Transcript,
    /// Fuel used.
    pub fuel_used: u64,
    /// Greatest memory, in bytes.
    pub peak_memory_bytes: u64,
    /// More about a trap than its operands say, for people. Not part of the outcome.
    pub trap_detail: Option<String>,
    /// What a property of a test was tried with when the test trapped. Not part of the outcome.
    pub trying: Option<Trying>,
}

/// A value that a property of a test is tried with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trying {
    /// Of which property: how many properties of the test came before.
    pub property: u32,
    /// The choices that the value was made of, see `std/test`.
    pub choices: Vec<i64>,
    /// The value.
    pub shown: String,
}

impl RunRecord {
    /// The name of the outcome: result or trap, log, writes, fuel, memory.
    pub fn outcome_hash(&self) -> Hash {
        OutcomeParts::of(self).hash()
    }

    /// Whether the run changes the program's store.
    pub fn wrote(&self) -> bool {
        !self.writes.is_empty()
    }

    /// Roughly the memory the record takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let body = match &self.end {
            RunEnd::Answered(response) | RunEnd::Aborted(response) => response.body.len(),
            _ => 0,
        };
        let writes: usize = self
            .writes
            .iter()
            .map(|(key, write)| key.len() + write.size_bytes())
            .sum();
        let shapes: usize = self.shapes.values().map(String::len).sum();
        size_of::<RunRecord>()
            + self.transcript.memory_bytes()
            + self.log.size_bytes()
            + body
            + writes
            + shapes
    }
}

/// Why an attempt at a run has no outcome.
#[derive(Clone, Debug)]
pub enum Unfinished {
    /// The run is refused.
    Refused(Failure),
    /// It needs an answer that has to be waited for.
    Waits(Wait),
}

/// An attempt that ended at a question whose answer has to be waited for. When it is there, the run begins again from its
/// beginning.
#[derive(Clone, Debug)]
pub struct Wait {
    /// What it asks.
    pub question: Question,
    /// What it asked before, and was told.
    pub told: Transcript,
    /// Fuel that the attempt used.
    pub fuel_used: u64,
}

/// Runs an entry point of a program, where nothing has to be waited for. `Err` is a refusal: no outcome.
pub fn run(
    program: &dyn Loaded,
    entry: &str,
    kind: EntryKind,
    limits: Limits,
    world: World<'_>,
) -> Result<RunRecord, Failure> {
    attempt(program, entry, kind, limits, world).map_err(|unfinished| match unfinished {
        Unfinished::Refused(failure) => failure,
        Unfinished::Waits(wait) => defect(&format!("nobody here answers `{}`", wait.question)),
    })
}

/// Runs an entry point of a program, up to where it has to wait. `Err` is no outcome.
pub fn attempt(
    program: &dyn Loaded,
    entry: &str,
    kind: EntryKind,
    limits: Limits,
    world: World<'_>,
) -> Result<RunRecord, Unfinished> {
    let mut recorder = Recorder {
        world,
        transcript: Transcript::default(),
        occurrences: BTreeMap::new(),
        overlay: kv::Overlay::default(),
        log: Log::default(),
        messages: 0,
        calls: 0,
        double: (kind == EntryKind::Test).then(Double::default),
        stopped: None,
        refusal: None,
        awaited: None,
    };
    let outcome = program.run(entry, limits, &mut recorder);
    let result = match outcome.end {
        End::Returned(bytes) => returned(kind, &bytes),
        End::Stopped => match recorder.stopped.take() {
            Some(response) => response.map(RunEnd::Aborted),
            None => {
                let detail = "the engine stopped a run that nobody stopped";
                return Err(Unfinished::Refused(defect(detail)));
            }
        },
        End::Trapped(trap) => Ok(RunEnd::Trapped(trap)),
        End::Refused(reason) => {
            if let Some(question) = recorder.awaited.take() {
                return Err(Unfinished::Waits(Wait {
                    question,
                    told: recorder.transcript,
                    fuel_used: outcome.fuel_used,
                }));
            }
            let failure = match recorder.refusal.take() {
                Some(failure) => failure,
                None if recorder.world.is_cancelled() => given_up(),
                None => defect(&reason),
            };
            return Err(Unfinished::Refused(failure));
        }
    };
    let (end, trap_detail) = match result {
        Ok(end) => (end, None),
        Err(bad) => (RunEnd::Trapped(trap_at_start(&bad)), Some(bad.message)),
    };
    let (writes, shapes) = match end {
        RunEnd::Done | RunEnd::Answered(_) => recorder.overlay.into_writes(),
        _ => (Writes::new(), Shapes::new()),
    };
    Ok(RunRecord {
        end,
        log: recorder.log,
        writes,
        shapes,
        transcript: recorder.transcript,
        fuel_used: outcome.fuel_used,
        peak_memory_bytes: outcome.peak_memory_bytes,
        trap_detail,
        trying: recorder.double.and_then(|double| double.trying),
    })
}

fn defect(detail: &str) -> Failure {
    Failure::new(
        FailureCode::Internal,
        "the program could not be run",
        detail,
    )
}

/// A result that is no response has no instruction to blame, so the trap stands at the beginning of the program.
fn trap_at_start(bad: &BadResponse) -> Trap {
    Trap {
        kind: bad.kind,
        position: Position {
            function: 0,
            instruction: 0,
        },
        operands: bad.operands,
        message: None,
        backtrace: Vec::new(),
    }
}

fn returned(kind: EntryKind, bytes: &[u8]) -> Result<RunEnd, BadResponse> {
    match kind {
        EntryKind::Web => Response::from_leaves(bytes).map(RunEnd::Answered),
        EntryKind::Test => Ok(RunEnd::Done),
        EntryKind::Command => {
            let mut reader = Reader::new(bytes);
            let error = reader.optional_text()?.map(str::to_owned);
            reader.end()?;
            Ok(match error {
                None => RunEnd::Done,
                Some(message) => RunEnd::Failed(message),
            })
        }
    }
}

/// The host of one run.
struct Recorder<'a> {
    world: World<'a>,
    transcript: Transcript,
    /// How often each question that is answered anew each time was asked.
    occurrences: BTreeMap<(HostCall, Vec<u8>), u32>,
    overlay: kv::Overlay,
    log: Log,
    /// Messages so far.
    messages: usize,
    /// Host calls so far, without those of the log.
    calls: u64,
    /// What a test has said about the world; `None` in any other run.
    double: Option<Double>,
    stopped: Option<Result<Response, BadResponse>>,
    refusal: Option<Failure>,
    /// The question at which the attempt ended, since somebody has to be waited for.
    awaited: Option<Question>,
}

/// Why a host call ends the run.
enum Ended {
    Trap(TrapKind, i64),
    Stop,
    Refused(Failure),
    Waits(Box<Question>),
}

impl From<NoAnswer> for Ended {
    fn from(no_answer: NoAnswer) -> Ended {
        match no_answer {
            NoAnswer::Argument(value) => Ended::Trap(TrapKind::InvalidArgument, value),
            NoAnswer::Refused(failure) => Ended::Refused(failure),
            NoAnswer::Waits(question) => Ended::Waits(question),
        }
    }
}

impl From<kv::ScanError> for Ended {
    fn from(error: kv::ScanError) -> Ended {
        match error {
            kv::ScanError::Malformed => MALFORMED,
            kv::ScanError::Argument(value) => Ended::Trap(TrapKind::InvalidArgument, value),
        }
    }
}

/// An argument that compiled source never gives.
const MALFORMED: Ended = Ended::Trap(TrapKind::InvalidArgument, 0);

impl Host for Recorder<'_> {
    fn call(&mut self, interface: &str, function: &str, argument: &[u8]) -> Answer {
        match self.answer(interface, function, argument) {
            Ok(bytes) => Answer::Bytes(bytes),
            Err(Ended::Trap(kind, operand)) => Answer::Trap(kind, [operand, 0]),
            Err(Ended::Stop) => Answer::Stop,
            Err(Ended::Refused(failure)) => {
                let reason = failure.detail.clone();
                self.refusal = Some(failure);
                Answer::Refuse(reason)
            }
            Err(Ended::Waits(question)) => {
                self.awaited = Some(*question);
                Answer::Refuse("it waits for an answer".to_owned())
            }
        }
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.world.cancelled.cloned()
    }
}

impl Recorder<'_> {
    fn answer(
        &mut self,
        interface: &str,
        function: &str,
        argument: &[u8],
    ) -> Result<Vec<u8>, Ended> {
        let Some(call) = HostCall::find(interface, function) else {
            return Err(Ended::Refused(defect(&format!(
                "it calls {interface}.{function}, which this node does not have"
            ))));
        };
        if call.source() != Source::Log {
            self.calls += 1;
            if self.calls > HOST_CALLS {
                return Err(Ended::Trap(TrapKind::HostCallLimit, HOST_CALLS as i64));
            }
        }
        match call {
            HostCall::LogAppend => self.append_log(argument),
            HostCall::RunAbort => {
                self.stopped = Some(Response::from_leaves(argument));
                Err(Ended::Stop)
            }
            HostCall::KvSet => {
                let set = kv::set_arguments(argument).ok_or(MALFORMED)?;
                self.put(&set, Write::put(set.value))
            }
            HostCall::KvSetFor => self.set_for(argument),
            HostCall::KvRemove => {
                let key = kv::key_argument(argument).map_err(|_| MALFORMED)?;
                self.write(key, Write::Remove)
            }
            HostCall::KvAdd => {
                let (key, delta) = kv::add_arguments(argument).map_err(|_| MALFORMED)?;
                self.write(key, Write::Add(delta))
            }
            HostCall::KvAppend => {
                let (key, text) = kv::append_arguments(argument).map_err(|_| MALFORMED)?;
                self.write(key, Write::Append(text.to_owned()))
            }
            HostCall::ClockSet
            | HostCall::RandomGive
            | HostCall::KvRefuse
            | HostCall::FilesRefuse
            | HostCall::ProgramAnswer
            | HostCall::HttpAnswer => self.change_double(call, argument),
            HostCall::ProgramAsk => self.ask_program(argument),
            HostCall::MessagesSend | HostCall::MessagesPost => self.send(call, argument),
            HostCall::MessagesSent => self.sent(argument),
            HostCall::TestSnapshot => self.snapshot(argument),
            HostCall::TestProperty => Ok(self.begin_property()),
            HostCall::TestTrying => self.try_value(argument).map_err(|_| MALFORMED),
            HostCall::KvGet => self.get(argument),
            HostCall::KvShape => self.shape(argument),
            HostCall::KvKeys | HostCall::KvRange | HostCall::FilesList => self.scan(call, argument),
            HostCall::FilesInfo => self.file_info(argument),
            HostCall::FilesPart => self.file_part(argument),
            HostCall::FilesWrite => self.write_file(argument),
            HostCall::FilesAppend => self.append_to_file(argument),
            HostCall::FilesRemove => self.remove_file(argument),
            _ => self.ask(call, argument.to_vec()),
        }
    }

    /// Asks a question, unless this run knows the answer.
    fn ask(&mut self, kind: HostCall, argument: Vec<u8>) -> Result<Vec<u8>, Ended> {
        let occurrence = match kind.source() {
            source if source.is_each_time() => {
                let count = self
                    .occurrences
                    .entry((kind, argument.clone()))
                    .or_insert(0);
                *count += 1;
                *count - 1
            }
            // A test that sets the clock asks anew.
            Source::Outside | Source::Elsewhere => {
                self.double.as_ref().map_or(0, |double| double.times_set)
            }
            _ => 0,
        };
        let question = Question {
            kind,
            occurrence,
            argument,
        };
        if let Some(known) = self.transcript.answer(&question) {
            return Ok(known.bytes.clone());
        }
        let given = match &mut self.double {
            Some(double) if kind == HostCall::RandomBytes => double.given(&question.argument),
            Some(double)
                if matches!(kind.source(), Source::Elsewhere | Source::ElsewhereEachTime) =>
            {
                double.answered(&question)
            }
            _ => None,
        };
        let answer = match given {
            Some(given) => given,
            None => self.world.answer(&question)?,
        };
        let bytes = self.transcript.content_bytes() + question.argument.len() + answer.len();
        if bytes > TRANSCRIPT_BYTES {
            return Err(Ended::Trap(
                TrapKind::HostCallLimit,
                TRANSCRIPT_BYTES as i64,
            ));
        }
        self.transcript.record(question, answer.clone());
        Ok(answer)
    }

    fn ask_program(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        if let Some(refusal) = program::refusal(argument) {
            return Ok(refused(&refusal));
        }
        let answer = self.ask(HostCall::ProgramAsk, argument.to_vec())?;
        match program::is_too_deep(&answer) {
            true => Err(Ended::Trap(
                TrapKind::CallDepthLimit,
                i64::from(PROGRAM_DEPTH),
            )),
            false => Ok(answer),
        }
    }

    /// Buffers a message among the writes.
    fn send(&mut self, call: HostCall, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let message = match Message::of(call, argument) {
            Ok(message) => message,
            Err(why) => return Ok(kv::write_answer(Some(&why))),
        };
        if self.messages == messages::OF_RUN_MAX {
            let most = messages::OF_RUN_MAX as i64;
            return Err(Ended::Trap(TrapKind::WriteLimit, most));
        }
        let put = self
            .overlay
            .put(&messages::key_in_run(self.messages), message.write());
        let _ = put.map_err(|limit| Ended::Trap(TrapKind::WriteLimit, limit.0))?;
        self.messages += 1;
        self.overlay
            .describe(messages::shape_fingerprint(), messages::SHAPE);
        if let Some(double) = &mut self.double {
            double.sent.push(message);
        }
        Ok(kv::write_answer(None))
    }

    fn append_log(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let mut reader = Reader::new(argument);
        let line = reader.text().map_err(|_| MALFORMED)?;
        reader.end().map_err(|_| MALFORMED)?;
        if self.log.append(line) {
            if let Some(on_log) = &mut self.world.on_log {
                on_log(line);
            }
            Ok(Vec::new())
        } else {
            Err(Ended::Trap(TrapKind::LogLimit, LOG_BYTES as i64))
        }
    }

    fn write(&mut self, key: &str, write: Write) -> Result<Vec<u8>, Ended> {
        let refused = self.double.as_ref().and_then(|d| d.refusal.clone());
        if let Some(refusal) = refused.or_else(|| kv::refusal(key, &write)) {
            return Ok(kv::write_answer(Some(&refusal)));
        }
        let put = self.overlay.put(key, write);
        match put.map_err(|limit| Ended::Trap(TrapKind::WriteLimit, limit.0))? {
            Ok(()) => Ok(kv::write_answer(None)),
            Err(misfit) => Ok(kv::write_answer(Some(&format!("`{key}`: {misfit}")))),
        }
    }

    /// Buffers a value, and keeps the shape that was told of it.
    fn put(&mut self, set: &kv::SetArguments<'_>, write: Write) -> Result<Vec<u8>, Ended> {
        let answer = self.write(set.key, write)?;
        if let Some((fingerprint, shape)) = set.shape
            && answer == kv::write_answer(None)
        {
            self.overlay.describe(fingerprint, shape);
        }
        Ok(answer)
    }

    fn set_for(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let (set, seconds) = kv::set_for_arguments(argument)?;
        let value = set.value.to_vec();
        if let Some(double) = &mut self.double {
            let lifetime_ms = seconds.saturating_mul(1_000);
            let due_ms = self.world.now_ms.saturating_add(lifetime_ms);
            double.due_ms.insert(set.key.to_owned(), due_ms);
        }
        let seconds = Some(seconds);
        self.put(&set, Write::Put { value, seconds })
    }

    fn get(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let key = kv::key_argument(argument).map_err(|_| MALFORMED)?;
        let change = match self.overlay.get(key) {
            Some(Write::Put { value, .. }) => return Ok(get_answer(Some(value))),
            Some(Write::Remove) => return Ok(get_answer(None)),
            change => change.cloned(),
        };
        // A program cannot store under such a key, so the answer depends on nothing and is no question.
        if key.len() > KEY_BYTES || key.starts_with(kv::RESERVED) {
            return Ok(get_answer(None));
        }
        let answer = self.ask(HostCall::KvGet, argument.to_vec())?;
        let Some(change) = change else {
            return Ok(answer);
        };
        let mut reader = Reader::new(&answer);
        let is_there = reader.flag().map_err(|_| MALFORMED)?;
        let stored = is_there.then(|| reader.bytes()).transpose();
        let stored = stored.map_err(|_| MALFORMED)?;
        // What does not fit is shown as it is: the commit will refuse it.
        Ok(match change.applied(stored) {
            Ok(changed) => get_answer(changed.as_deref()),
            Err(_) => answer,
        })
    }

    fn shape(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let fingerprint = kv::shape_argument(argument).ok_or(MALFORMED)?;
        let blind = writes::blind_shape(&fingerprint);
        match blind.or_else(|| self.overlay.shape(&fingerprint)) {
            Some(own) => Ok(kv::shape_answer(Some(own))),
            None => self.ask(HostCall::KvShape, argument.to_vec()),
        }
    }

    fn scan(&mut self, call: HostCall, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        let scan = kv::Scan::from_leaves(call, argument)?;
        let widened = self.overlay.widen(&scan);
        let answer = self.ask(call, widened.to_leaves())?;
        let root = scan.root();
        let mut reader = Reader::new(&answer);
        let mut found = reader.texts().map_err(|_| MALFORMED)?;
        found.iter_mut().for_each(|key| key.insert_str(0, root));
        let mut keys = self.overlay.complete(&scan, &widened, found);
        keys.iter_mut()
            .for_each(|key| drop(key.drain(..root.len())));
        let mut writer = Writer::new();
        writer.texts(&keys);
        Ok(writer.finish())
    }
}
