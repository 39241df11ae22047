//! Running a program outside a node: for `copc run`, `copc test`, and tests of examples. Nothing touches a disk; what a program
//! would ask of the world is answered by doubles.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cop_bytecode::limits::WAITS;

use crate::answer::WebRequest;
use crate::engine::{Limits, Loaded};
use crate::failure::{Failure, FailureCode};
use crate::host::clock::system_now_ms;
use crate::host::request::RequestView;
use crate::host::world::{Input, Randomness, Snapshots, SystemRandomness, World};
use crate::run::{EntryKind, RunRecord, Unfinished, attempt};
use crate::store::StoreError;
use crate::store::state::{Fingerprint, KeyRange, Shapes, StateView, get_answer};
use crate::store::writes::{Misfit, Write};
use crate::transcript::{Identity, Question, Transcript};

/// State in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryState {
    values: BTreeMap<String, Vec<u8>>,
    /// When those that do not stay are gone, in milliseconds since 1970.
    due_ms: BTreeMap<String, i64>,
    shapes: Shapes,
}

impl MemoryState {
    /// Removes what is gone by now.
    pub fn expire(&mut self, now_ms: i64) {
        let values = &mut self.values;
        self.due_ms.retain(|key, due_ms| {
            let stays = *due_ms > now_ms;
            if !stays {
                values.remove(key);
            }
            stays
        });
    }

    /// Applies the writes of a run, or none of them: the key whose value a change does not fit, and why.
    pub fn apply(&mut self, record: &RunRecord, now_ms: i64) -> Result<(), (String, Misfit)> {
        self.expire(now_ms);
        let mut next = self.clone();
        next.shapes.extend(record.shapes.clone());
        for (key, write) in &record.writes {
            let before = next.values.get(key).map(Vec::as_slice);
            match write.applied(before).map_err(|why| (key.clone(), why))? {
                Some(value) => next.values.insert(key.clone(), value),
                None => next.values.remove(key),
            };
            match write {
                Write::Put {
                    seconds: Some(seconds),
                    ..
                } => {
                    let due_ms = now_ms.saturating_add(seconds.saturating_mul(1_000));
                    next.due_ms.insert(key.clone(), due_ms);
                }
                Write::Put { seconds: None, .. } | Write::Remove => {
                    next.due_ms.remove(key);
                }
                Write::Add(_) | Write::Append(_) => {}
            }
        }
        *self = next;
        Ok(())
    }
}

impl StateView for MemoryState {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.values.get(key).cloned())
    }

    fn get_identity(&self, key: &str) -> Result<Identity, StoreError> {
        let value = self.values.get(key).map(Vec::as_slice);
        Ok(Identity::of(&get_answer(value)))
    }

    fn shape(&self, fingerprint: &Fingerprint) -> Result<Option<String>, StoreError> {
        Ok(self.shapes.get(fingerprint).cloned())
    }

    fn keys(&self, range: &KeyRange<'_>, limit: usize) -> Result<Vec<String>, StoreError> {
        let start = (range.start(), Bound::Unbounded);
        let inside = self.values.range::<str, _>(start);
        let keys = inside
            .map(|(key, _)| key)
            .take_while(|key| range.reaches(key));
        Ok(keys.take(limit).cloned().collect())
    }
}

/// How a blind change that does not fit is told.
pub fn misfit_failure(key: &str, misfit: Misfit) -> Failure {
    Failure::new(
        FailureCode::Conflict,
        "what the program changes has another type than it says",
        format!("`{key}`: {misfit}"),
    )
    .hint("nothing was written; `kv.add` is for values that are an `Int`, `kv.append` for texts")
}

/// The refusal of a run that asks where nobody answers.
fn nobody(question: &Question) -> Failure {
    Failure::new(
        FailureCode::Denied,
        "nobody is there to be asked",
        format!("it asks `{question}`, and runs outside a node"),
    )
    .hint("publish it to a node; in tests, `std/test` says what others answer")
}

/// The clock of a double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubleClock {
    /// The system's.
    System,
    /// Always this many milliseconds since 1970.
    Fixed(i64),
}

/// Random numbers that are the same in every run: for tests.
#[derive(Clone, Debug)]
pub struct SeededRandomness {
    seed: u64,
    calls: u64,
}

impl SeededRandomness {
    /// Numbers that follow from this seed.
    pub fn new(seed: u64) -> SeededRandomness {
        SeededRandomness { seed, calls: 0 }
    }
}

impl Randomness for SeededRandomness {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        let mut hasher = blake3::Hasher::new_derive_key("cop seeded randomness 1");
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&self.calls.to_le_bytes());
        self.calls += 1;
        hasher.finalize_xof().fill(bytes);
        Ok(())
    }
}

/// Whom a run tells each line of its log.
pub type OnLog = Box<dyn FnMut(&str)>;

/// Who answers what has to be waited for on a node.
pub trait Elsewhere {
    /// The answer to a question.
    ///
    /// # Errors
    /// There is none here: the run is refused.
    fn answer(&mut self, question: &Question) -> Result<Vec<u8>, Failure>;
}

/// What answers a program that runs outside a node.
pub struct Doubles {
    /// Its store. The writes of a run that ended well are in it afterwards.
    pub state: MemoryState,
    /// Its clock.
    pub clock: DoubleClock,
    /// Its randomness.
    pub randomness: Box<dyn Randomness>,
    /// What lies beyond the program; without it, a run that asks there is refused.
    pub elsewhere: Option<Box<dyn Elsewhere>>,
    /// Told each line of the log as it is written.
    pub on_log: Option<OnLog>,
    /// The choices that one property of a test, by its number, is tried with instead of its own.
    pub choices: Option<(u32, Vec<i64>)>,
    /// Set when nobody waits for the run any more.
    pub cancelled: Option<Arc<AtomicBool>>,
}

impl Doubles {
    /// For a user at a terminal: an empty store, but the real time and real randomness.
    pub fn live() -> Doubles {
        Doubles {
            state: MemoryState::default(),
            clock: DoubleClock::System,
            randomness: Box::new(SystemRandomness),
            elsewhere: None,
            on_log: None,
            choices: None,
            cancelled: None,
        }
    }

    /// For tests: everything is empty, and the same each time.
    pub fn empty() -> Doubles {
        Doubles {
            state: MemoryState::default(),
            clock: DoubleClock::Fixed(0),
            randomness: Box::new(SeededRandomness::new(0)),
            elsewhere: None,
            on_log: None,
            choices: None,
            cancelled: None,
        }
    }

    fn run(
        &mut self,
        program: &dyn Loaded,
        entry: &str,
        kind: EntryKind,
        input: &Input,
        limits: Limits,
        on_snapshot: Option<&Snapshots<'_>>,
    ) -> Result<RunRecord, Failure> {
        if program.capabilities(entry).is_none() {
            return Err(Failure::new(
                FailureCode::NoSuchProgram,
                "the program cannot be run like this",
                format!("it has no entry point `{entry}`"),
            )
            .hint("a command has `fn main`, a web program has `fn handle`"));
        }
        let now_ms = match self.clock {
            DoubleClock::System => system_now_ms(),
            DoubleClock::Fixed(now_ms) => now_ms,
        };
        self.state.expire(now_ms);
        let mut kept = Transcript::default();
        let mut waits = 0;
        // Lines of the log that earlier attempts have told already.
        let mut told = 0;
        let record = loop {
            let mut line_number = 0;
            let mut on_log = self.on_log.as_mut().map(|on_log| {
                let (told, line_number) = (told, &mut line_number);
                move |line: &str| {
                    *line_number += 1;
                    if *line_number > told {
                        on_log(line);
                    }
                }
            });
            let world = World {
                input,
                state: Some(&self.state),
                now_ms,
                randomness: &mut *self.randomness,
                kept: Some(&kept),
                cancelled: self.cancelled.as_ref(),
                on_log: on_log.as_mut().map(|on_log| on_log as &mut dyn FnMut(&str)),
                on_snapshot,
                choices: self.choices.as_ref().map(|(n, all)| (*n, &all[..])),
            };
            let wait = match attempt(program, entry, kind, limits, world) {
                Ok(record) => break record,
                Err(Unfinished::Refused(failure)) => return Err(failure),
                Err(Unfinished::Waits(wait)) => wait,
            };
            told = told.max(line_number);
            waits += 1;
            if waits > WAITS {
                return Err(Failure::new(
                    FailureCode::TooMany,
                    "the run waited too often",
                    format!("it asks for answers from elsewhere more than {WAITS} times"),
                ));
            }
            kept.keep_outside(&wait.told);
            let answer = match &mut self.elsewhere {
                Some(elsewhere) => elsewhere.answer(&wait.question)?,
                None => return Err(nobody(&wait.question)),
            };
            kept.record(wait.question, answer);
        };
        match self.state.apply(&record, now_ms) {
            Ok(()) => Ok(record),
            Err((key, misfit)) => Err(misfit_failure(&key, misfit)),
        }
    }

    /// Runs `main` of a command.
    ///
    /// # Errors
    /// The program has no `main`, or was refused. How it ended is in the record.
    pub fn run_command(
        &mut self,
        program: &dyn Loaded,
        arguments: Vec<String>,
        limits: Limits,
    ) -> Result<RunRecord, Failure> {
        let input = Input::Arguments(arguments);
        self.run(program, "main", EntryKind::Command, &input, limits, None)
    }

    /// Runs a test: entry point `test N`.
    ///
    /// # Errors
    /// As [`Doubles::run_command`].
    pub fn run_test(
        &mut self,
        program: &dyn Loaded,
        number: usize,
        limits: Limits,
    ) -> Result<RunRecord, Failure> {
        self.run_test_with(program, number, limits, &|_, _| {
            Some("there are no snapshots here; `copc test` has them".to_owned())
        })
    }

    /// The same; `on_snapshot` compares values with snapshots.
    ///
    /// # Errors
    /// As [`Doubles::run_command`].
    pub fn run_test_with(
        &mut self,
        program: &dyn Loaded,
        number: usize,
        limits: Limits,
        on_snapshot: &Snapshots<'_>,
    ) -> Result<RunRecord, Failure> {
        let entry = format!("test {number}");
        let input = Input::Nothing;
        let snapshots = Some(on_snapshot);
        self.run(program, &entry, EntryKind::Test, &input, limits, snapshots)
    }

    /// Runs `handle` of a web program for one request.
    ///
    /// # Errors
    /// As [`Doubles::run_command`]; also `bad_request`.
    pub fn run_request(
        &mut self,
        program: &dyn Loaded,
        request: &WebRequest,
        limits: Limits,
    ) -> Result<RunRecord, Failure> {
        let view = RequestView::new(request).map_err(|bad| {
            Failure::new(
                FailureCode::BadRequest,
                "the request has no clear meaning",
                bad.0,
            )
        })?;
        let input = Input::Request(Box::new(view));
        self.run(program, "handle", EntryKind::Web, &input, limits, None)
    }
}
