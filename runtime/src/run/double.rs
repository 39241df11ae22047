//! What stands for the world in a test, and what a test says to those who run it: the time, the random numbers and the store that it
//! sets, values that it compares with snapshots, properties that it tries.

use std::collections::{BTreeMap, VecDeque};

use cop_bytecode::TrapKind;

use super::{Ended, MALFORMED, Recorder, Trying};
use crate::codec::{CodecError, Reader, Writer};
use crate::failure::{Failure, FailureCode};
use crate::host::messages::Message;
use crate::host::reply::refused;
use crate::host::{HostCall, http, program, random};
use crate::store::writes::Write;
use crate::transcript::Question;

/// What a test has said about the world it is in.
#[derive(Default)]
pub(super) struct Double {
    /// How often it has set the clock, or said what others answer.
    pub(super) times_set: u32,
    /// The next random bytes, before those that nobody chose.
    given: VecDeque<u8>,
    /// What each write is answered with.
    pub(super) refusal: Option<String>,
    /// What each write of a file is answered with.
    pub(super) files_refusal: Option<String>,
    /// When what it has stored for a time is gone.
    pub(super) due_ms: BTreeMap<String, i64>,
    /// What others answer: by interface, and by whom and what they are asked.
    answers: BTreeMap<(&'static str, String), Vec<u8>>,
    /// What it has sent.
    pub(super) sent: Vec<Message>,
    /// How many properties it has begun to try.
    properties: u32,
    /// What it is trying.
    pub(super) trying: Option<Trying>,
}

impl Double {
    /// The answer to a question for random bytes, if the test has given as many.
    pub(super) fn given(&mut self, argument: &[u8]) -> Option<Vec<u8>> {
        let count = random::count(argument).ok()?;
        if self.given.is_empty() || self.given.len() < count {
            return None;
        }
        let bytes: Vec<u8> = self.given.drain(..count).collect();
        Some(random::answer(&bytes))
    }
}

impl Double {
    /// The answer to a question to somebody else, as the test has said it.
    pub(super) fn answered(&self, question: &Question) -> Option<Vec<u8>> {
        let (name, by) = match question.kind {
            HostCall::ProgramAsk => (program::described(&question.argument)?, "answer_program"),
            _ => (http::described(question)?, "answer_http"),
        };
        let (interface, _) = question.kind.names();
        let known = self.answers.get(&(interface, name.clone()));
        Some(known.cloned().unwrap_or_else(|| {
            refused(&format!(
                "the test has not said what is answered to `{name}`; `{by}` of `std/test` does"
            ))
        }))
    }
}

impl Recorder<'_> {
    /// Changes what a test is told from here on.
    pub(super) fn change_double(
        &mut self,
        call: HostCall,
        argument: &[u8],
    ) -> Result<Vec<u8>, Ended> {
        let Some(double) = &mut self.double else {
            return Err(only_in_tests());
        };
        let mut reader = Reader::new(argument);
        match call {
            HostCall::ClockSet => {
                self.world.now_ms = reader.int().map_err(|_| MALFORMED)?;
                double.times_set += 1;
                self.drop_what_is_over()?;
            }
            HostCall::RandomGive => {
                let bytes = reader.bytes().map_err(|_| MALFORMED)?;
                double.given.extend(bytes);
            }
            HostCall::ProgramAnswer => {
                let name = format!(
                    "{} {}",
                    reader.text().map_err(|_| MALFORMED)?,
                    reader.text().map_err(|_| MALFORMED)?
                );
                let answer = reader.bytes().map_err(|_| MALFORMED)?;
                double.answers.insert(("program", name), answer.to_vec());
                double.times_set += 1;
            }
            HostCall::HttpAnswer => {
                let url = reader.text().map_err(|_| MALFORMED)?.to_owned();
                let answer = reader.bytes().map_err(|_| MALFORMED)?;
                double.answers.insert(("http", url), answer.to_vec());
                double.times_set += 1;
            }
            _ => {
                let why = reader.optional_text().map_err(|_| MALFORMED)?;
                let refusal = match call {
                    HostCall::FilesRefuse => &mut double.files_refusal,
                    _ => &mut double.refusal,
                };
                *refusal = why.map(str::to_owned);
            }
        }
        reader.end().map_err(|_| MALFORMED)?;
        Ok(Vec::new())
    }

    /// What a test has sent so far, in order: program or URL, target, headers, body of each.
    pub(super) fn sent(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        Reader::new(argument).end().map_err(|_| MALFORMED)?;
        let Some(double) = &self.double else {
            return Err(only_in_tests());
        };
        let mut writer = Writer::new();
        writer.count(double.sent.len() as u64);
        for message in &double.sent {
            writer
                .text(&message.to)
                .text(&message.target)
                .count(message.headers.len() as u64);
            for (name, value) in &message.headers {
                writer.text(name).text(value);
            }
            writer.bytes(&message.body);
        }
        Ok(writer.finish())
    }

    /// What is wrong with a value that a test compares with its snapshot.
    pub(super) fn snapshot(&mut self, argument: &[u8]) -> Result<Vec<u8>, Ended> {
        if self.double.is_none() {
            return Err(only_in_tests());
        }
        let mut reader = Reader::new(argument);
        let name = reader.text().map_err(|_| MALFORMED)?;
        let shown = reader.text().map_err(|_| MALFORMED)?;
        reader.end().map_err(|_| MALFORMED)?;
        let wrong = match self.world.on_snapshot {
            Some(on_snapshot) => on_snapshot(name, shown),
            None => Some("there are no snapshots here; `copc test` has them".to_owned()),
        };
        let mut writer = Writer::new();
        writer.optional_text(wrong.as_deref());
        Ok(writer.finish())
    }

    /// The choices that the next property of a test is to be tried with, if only with those.
    pub(super) fn begin_property(&mut self) -> Vec<u8> {
        let mut writer = Writer::new();
        let chosen = match (&mut self.double, self.world.choices) {
            (Some(double), chosen) => {
                double.properties += 1;
                chosen.filter(|(property, _)| property + 1 == double.properties)
            }
            (None, _) => None,
        };
        writer.flag(chosen.is_some());
        if let Some((_, choices)) = chosen {
            writer.count(choices.len() as u64);
            for choice in choices {
                writer.int(*choice);
            }
        }
        writer.finish()
    }

    /// Notes what a property is about to be tried with; outside of tests nobody wants to know.
    pub(super) fn try_value(&mut self, argument: &[u8]) -> Result<Vec<u8>, CodecError> {
        let Some(double) = &mut self.double else {
            return Ok(Vec::new());
        };
        let mut reader = Reader::new(argument);
        double.trying = None;
        if reader.flag()? {
            let count = reader.bounded_count()?;
            let choices: Result<Vec<i64>, CodecError> = (0..count).map(|_| reader.int()).collect();
            double.trying = Some(Trying {
                property: double.properties.saturating_sub(1),
                choices: choices?,
                shown: reader.text()?.to_owned(),
            });
        }
        reader.end()?;
        Ok(Vec::new())
    }

    /// Removes what the test itself has stored for a time that is over by its clock.
    fn drop_what_is_over(&mut self) -> Result<(), Ended> {
        let Some(double) = &mut self.double else {
            return Ok(());
        };
        let now_ms = self.world.now_ms;
        let over: Vec<String> = double
            .due_ms
            .iter()
            .filter(|(_, due_ms)| **due_ms <= now_ms)
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            double.due_ms.remove(&key);
            let is_still_to_go = |write: &Write| {
                matches!(
                    write,
                    Write::Put {
                        seconds: Some(_),
                        ..
                    }
                )
            };
            if self.overlay.get(&key).is_some_and(is_still_to_go) {
                let _ = self
                    .overlay
                    .put(&key, Write::Remove)
                    .map_err(|limit| Ended::Trap(TrapKind::WriteLimit, limit.0))?;
            }
        }
        Ok(())
    }
}

/// A run that is no test asks what only a test may.
fn only_in_tests() -> Ended {
    Ended::Refused(
        Failure::new(
            FailureCode::Denied,
            "the program may not run like this",
            "it sets what stands for the world in tests, which only a test may do",
        )
        .hint("call those functions of `std/test` in `test` blocks only"),
    )
}
