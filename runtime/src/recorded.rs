//! A run on file (`.coprun`): what it was told, and the name of what came of it. With the bundle it can be done again anywhere,
//! without a node, and must come out the same to the bit.
//!
//! Some answers are nobody's but the asker's: cookies, the `authorization` header, the body. They stand in the file only when
//! they were asked for; a replay that needs one that is left out says so.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cop_bytecode::Hash;
use indexmap::IndexMap;

use crate::answer::RunId;
use crate::codec::{CodecError, Problem, Reader, Writer};
use crate::engine::{Limits, Loaded};
use crate::failure::{Failure, FailureCode};
use crate::host::world::{Input, Randomness, World};
use crate::host::{HostCall, kv};
use crate::keys::{PublicKey, SecretKey};
use crate::receipt::leaves::{read_question, write_question};
use crate::run::{EntryKind, RunRecord, run};
use crate::runs::KeptRun;
use crate::sealed::{open, seal};
use crate::store::state::Shapes;
use crate::transcript::Question;

const MAGIC: &[u8; 4] = b"copq";
const VERSION: u8 = 2;
/// Most bytes of a file: a transcript of the greatest size, and room for what stands around it.
pub const RECORDED_BYTES_MAX: usize = 80 << 20;

/// A run on file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRun {
    /// The run's name.
    pub run: RunId,
    /// The bundle that was run.
    pub bundle: Hash,
    /// The program in it.
    pub program: Hash,
    /// The entry point.
    pub entry: String,
    /// The limits of the release.
    pub limits: Limits,
    /// The method and path that it answered, for people.
    pub request: String,
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// What it was told.
    pub answers: Answers,
    /// Hash of the transcript, with the private answers.
    pub transcript: Hash,
    /// Hash of the outcome.
    pub outcome: Hash,
    /// The private answers that were left out, for the publisher of the program, see [`RecordedRun::sealed_for`].
    pub sealed: Option<Vec<u8>>,
}

/// Recorded answers in order of asking; `None` for one that is private and was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(Arc<IndexMap<Question, Option<Vec<u8>>>>);

/// A run that can be done again: what it was told, and where it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The entry point.
    pub entry: String,
    /// What the run may use.
    pub limits: Limits,
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// What it was told.
    pub answers: Answers,
}

/// Whether the answer of a question is nobody's but the asker's.
pub fn is_private(question: &Question) -> bool {
    match question.kind {
        HostCall::RequestCookie | HostCall::RequestText | HostCall::RequestBody => true,
        HostCall::RequestHeader => {
            let name = crate::host::kv::key_argument(&question.argument).unwrap_or_default();
            ["cookie", "authorization"]
                .iter()
                .any(|private| name.eq_ignore_ascii_case(private))
        }
        _ => false,
    }
}

impl fmt::Display for Question {
    /// As the source asks it, such as `kv.get "list"`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (interface, function) = self.kind.names();
        write!(out, "{interface}.{function}")?;
        let mut reader = Reader::new(&self.argument);
        match reader.text() {
            _ if self.argument.is_empty() => {}
            Ok(text) => write!(out, " {text:?}")?,
            Err(_) => write!(out, " ({} bytes)", self.argument.len())?,
        }
        if self.occurrence > 0 {
            write!(out, ", asked {} times before", self.occurrence)?;
        }
        Ok(())
    }
}

impl Answers {
    /// These questions with their answers.
    pub fn told(exchanges: impl Iterator<Item = (Question, Vec<u8>)>) -> Answers {
        let exchanges = exchanges.map(|(question, answer)| (question, Some(answer)));
        Answers(Arc::new(exchanges.collect()))
    }

    /// The questions in order, each with its answer unless that was left out.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Question, Option<&[u8]>)> {
        self.0
            .iter()
            .map(|(question, answer)| (question, answer.as_deref()))
    }

    /// The answer of a question.
    ///
    /// # Errors
    /// The run was not told it, or it was left out: the run cannot be done again.
    pub fn answer(&self, question: &Question) -> Result<Vec<u8>, Failure> {
        let unknown = |detail: String, hint: &str| {
            Failure::new(
                FailureCode::BadRequest,
                "the program asks what the record does not tell",
                detail,
            )
            .hint(hint)
        };
        match self.0.get(question) {
            Some(Some(answer)) => Ok(answer.clone()),
            Some(None) => Err(unknown(
                format!("the answer of `{question}` is private, and was left out"),
                "record it with --with-private, if it is yours; of a run on disk that opens it with the publisher's key",
            )),
            None => Err(unknown(
                format!("`{question}` was not asked then"),
                "other code asks other questions: nobody knows what it would have been told",
            )),
        }
    }
}

impl RecordedRun {
    /// The record of a run that a node still remembers.
    pub fn of(kept: &KeptRun, with_private: bool) -> RecordedRun {
        let exchanges = kept.record.transcript.exchanges();
        let answers =
            exchanges.map(|(question, answered)| (question.clone(), answered.bytes.clone()));
        let recorded = RecordedRun {
            run: kept.info.run,
            bundle: kept.info.bundle,
            program: kept.info.program,
            entry: "handle".to_owned(),
            limits: Limits {
                fuel: kept.info.fuel_limit,
                memory_bytes: kept.info.memory_limit_bytes,
            },
            request: kept.request.clone(),
            at_ms: kept.at_ms,
            answers: Answers::told(answers),
            transcript: kept.record.transcript.hash(),
            outcome: kept.record.outcome_hash(),
            sealed: None,
        };
        match with_private {
            true => recorded,
            false => recorded.without_private(),
        }
    }

    /// The same, able to tell a program that reads stored values as other types what these shapes are. A run that read them as the
    /// types that they were stored as did not ask.
    pub fn with_shapes(mut self, shapes: &Shapes) -> RecordedRun {
        let answers = Arc::make_mut(&mut self.answers.0);
        for (fingerprint, shape) in shapes {
            let mut argument = Writer::new();
            argument.bytes(fingerprint);
            let question = Question {
                kind: HostCall::KvShape,
                occurrence: 0,
                argument: argument.finish(),
            };
            let answer = kv::shape_answer(Some(shape));
            answers.entry(question).or_insert(Some(answer));
        }
        self
    }

    /// The same without the answers that are the asker's own.
    pub fn without_private(mut self) -> RecordedRun {
        self.sealed = None;
        self.without_private_answers()
    }

    fn without_private_answers(mut self) -> RecordedRun {
        for (question, answer) in Arc::make_mut(&mut self.answers.0) {
            if is_private(question) {
                *answer = None;
            }
        }
        self
    }

    /// The same with the asker's own answers sealed for the publisher, or left out where there is none.
    pub fn sealed_for(mut self, publisher: Option<&PublicKey>) -> RecordedRun {
        let private = self.answers.0.iter().enumerate();
        let private = private.filter(|(_, (question, _))| is_private(question));
        let mut writer = Writer::new();
        let mut count = 0;
        for (index, (_, answer)) in private {
            if let Some(answer) = answer {
                writer.count(index as u64).bytes(answer);
                count += 1;
            }
        }
        if let (Some(publisher), 1..) = (publisher, count) {
            self.sealed = seal(publisher, &self.run.0, &writer.finish());
        }
        self.without_private_answers()
    }

    /// Puts the asker's own answers back that were sealed for this publisher; false if they were sealed for another one, or for
    /// none.
    pub fn open_sealed(&mut self, publisher: &SecretKey) -> bool {
        let sealed = self.sealed.as_ref();
        let Some(opened) = sealed.and_then(|sealed| open(publisher, &self.run.0, sealed)) else {
            return false;
        };
        let answers = Arc::make_mut(&mut self.answers.0);
        let mut reader = Reader::new(&opened);
        while reader.remaining() > 0 {
            let (Ok(index), Ok(answer)) = (reader.count(), reader.bytes()) else {
                return false;
            };
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            if let Some((_, place)) = answers.get_index_mut(index) {
                *place = Some(answer.to_vec());
            }
        }
        self.sealed = None;
        true
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::format(MAGIC, VERSION);
        writer
            .raw(&self.run.0)
            .raw(&self.bundle.0)
            .raw(&self.program.0)
            .text(&self.entry)
            .count(self.limits.fuel)
            .count(self.limits.memory_bytes)
            .text(&self.request)
            .int(self.at_ms)
            .count(self.answers.0.len() as u64);
        for (question, answer) in self.answers.0.iter() {
            write_question(&mut writer, question);
            writer.flag(answer.is_some());
            if let Some(answer) = answer {
                writer.bytes(answer);
            }
        }
        writer
            .raw(&self.transcript.0)
            .raw(&self.outcome.0)
            .flag(self.sealed.is_some());
        if let Some(sealed) = &self.sealed {
            writer.bytes(sealed);
        }
        writer.finish()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is not one that [`RecordedRun::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<RecordedRun, CodecError> {
        let mut reader = Reader::format(bytes, MAGIC, VERSION)?;
        let run = RunId(reader.array()?);
        let bundle = Hash(reader.array()?);
        let program = Hash(reader.array()?);
        let entry = reader.text()?.to_owned();
        let limits = Limits {
            fuel: reader.count()?,
            memory_bytes: reader.count()?,
        };
        let request = reader.text()?.to_owned();
        let at_ms = reader.int()?;
        let mut answers = IndexMap::new();
        for _ in 0..reader.count()? {
            let question = read_question(&mut reader)?;
            let is_told = reader.flag()?;
            let answer = is_told.then(|| reader.bytes()).transpose()?;
            if answers
                .insert(question, answer.map(<[u8]>::to_vec))
                .is_some()
            {
                return Err(CodecError {
                    offset: reader.offset(),
                    problem: Problem::Value,
                });
            }
        }
        let transcript = Hash(reader.array()?);
        let outcome = Hash(reader.array()?);
        let is_sealed = reader.flag()?;
        let sealed = is_sealed.then(|| reader.bytes()).transpose()?;
        reader.end()?;
        Ok(RecordedRun {
            run,
            bundle,
            program,
            entry,
            limits,
            request,
            at_ms,
            answers: Answers(Arc::new(answers)),
            transcript,
            outcome,
            sealed: sealed.map(<[u8]>::to_vec),
        })
    }

    /// Does the run again with this program, which is told what was told then.
    ///
    /// # Errors
    /// The program asks something that the record does not tell, or it cannot be run.
    pub fn replay(&self, program: &dyn Loaded) -> Result<RunRecord, Failure> {
        self.recording().replay(program)
    }

    /// The run, to be done again.
    pub fn recording(&self) -> Recording {
        Recording {
            entry: self.entry.clone(),
            limits: self.limits,
            at_ms: self.at_ms,
            answers: self.answers.clone(),
        }
    }
}

impl Recording {
    /// Does the run again with this program, which is told what was told then.
    ///
    /// # Errors
    /// The program asks something that the record does not tell, or it cannot be run.
    pub fn replay(&self, program: &dyn Loaded) -> Result<RunRecord, Failure> {
        self.replay_unless(program, None)
    }

    /// The same, given up when somebody says so.
    ///
    /// # Errors
    /// As [`Recording::replay`].
    pub fn replay_unless(
        &self,
        program: &dyn Loaded,
        cancelled: Option<&Arc<AtomicBool>>,
    ) -> Result<RunRecord, Failure> {
        self.replay_heard(program, cancelled, None)
    }

    /// The same, with each line of the log told as it is written.
    ///
    /// # Errors
    /// As [`Recording::replay`].
    pub fn replay_heard(
        &self,
        program: &dyn Loaded,
        cancelled: Option<&Arc<AtomicBool>>,
        on_log: Option<&mut dyn FnMut(&str)>,
    ) -> Result<RunRecord, Failure> {
        let kind = match self.entry.as_str() {
            "handle" => EntryKind::Web,
            _ => EntryKind::Command,
        };
        if program.capabilities(&self.entry).is_none() {
            return Err(Failure::new(
                FailureCode::BadRequest,
                "the program has no such entry point",
                format!("the run began in `{}`", self.entry),
            ));
        }
        let input = Input::Recorded(self.answers.clone());
        let mut on_log = on_log.map(|on_log| move |line: &str| on_log(line));
        let world = World {
            input: &input,
            state: None,
            now_ms: self.at_ms,
            randomness: &mut NoRandomness,
            kept: None,
            cancelled,
            on_log: on_log.as_mut().map(|on_log| on_log as &mut dyn FnMut(&str)),
            on_snapshot: None,
            choices: None,
        };
        run(program, &self.entry, kind, self.limits, world)
    }
}

/// All that a replay is told is on record.
struct NoRandomness;

impl Randomness for NoRandomness {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), String> {
        Err("a replay asks for nothing new".to_owned())
    }
}
