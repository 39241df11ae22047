//! Runs that wait for an answer from elsewhere. While one waits it holds no worker: its attempt has ended, and when the answer is
//! there it runs again from its beginning and is told everything that it was told before.
//!
//! What an earlier attempt read of the program's state is not kept, only what the outside world told it: the new attempt has a
//! snapshot of its own, so an answer never shows two states, and no snapshot is held while somebody is waited for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cop_bytecode::Hash;
use cop_bytecode::limits::{ATTEMPTS_FUEL, WAITS};
use tokio::sync::watch;

use super::Shared;
use super::elsewhere;
use super::web::{Request, not_again, overloaded, stopping, too_late};
use crate::failure::{Failure, FailureCode};
use crate::host::Source;
use crate::run::Wait;
use crate::transcript::{Question, Transcript};

/// Most runs that wait at once.
const RUNS_MAX: usize = 1_024;
/// Most of them of one program.
const RUNS_OF_PROGRAM_MAX: usize = RUNS_MAX / 4;
/// Most memory of what they were told already, in bytes.
const BYTES_MAX: usize = 256 << 20;

/// The runs of a node that wait.
#[derive(Debug)]
pub(super) struct Waiting {
    table: Mutex<Table>,
    is_stopping: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Table {
    runs: usize,
    bytes: usize,
    by_program: HashMap<Hash, usize>,
}

/// A place in the table, given back when it is dropped.
struct Place<'a> {
    waiting: &'a Waiting,
    program: Hash,
    bytes: usize,
}

impl Waiting {
    pub(super) fn new() -> Waiting {
        Waiting {
            table: Mutex::default(),
            is_stopping: watch::Sender::new(false),
        }
    }

    /// How many runs wait.
    pub(super) fn count(&self) -> usize {
        self.table().runs
    }

    /// Whoever waits is refused, now and from here on.
    pub(super) fn stop(&self) {
        self.is_stopping.send_replace(true);
    }

    /// Tells when the node stops.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.is_stopping.subscribe()
    }

    /// Returns when the node stops.
    pub(super) async fn stopped(&self) {
        let mut is_stopping = self.stopping();
        // The sender lives as long as this does.
        let _ = is_stopping.wait_for(|is_stopping| *is_stopping).await;
    }

    /// A place for a run that was told so many bytes; `None` if there is none left.
    fn enter(&self, program: Hash, bytes: usize) -> Option<Place<'_>> {
        let mut table = self.table();
        let of_program = table.by_program.get(&program).copied().unwrap_or(0);
        let is_full = table.runs >= RUNS_MAX
            || of_program >= RUNS_OF_PROGRAM_MAX
            || table.bytes.saturating_add(bytes) > BYTES_MAX;
        if is_full {
            return None;
        }
        table.runs += 1;
        table.bytes += bytes;
        table.by_program.insert(program, of_program + 1);
        Some(Place {
            waiting: self,
            program,
            bytes,
        })
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut table = self.waiting.table();
        table.runs -= 1;
        table.bytes -= self.bytes;
        match table.by_program.get_mut(&self.program) {
            Some(runs) if *runs > 1 => *runs -= 1,
            _ => {
                table.by_program.remove(&self.program);
            }
        }
    }
}

/// Fuel that all programs which are asked for one request of a client may use together. What was remembered costs none.
#[derive(Debug)]
pub(super) struct Budget {
    fuel_max: u64,
    fuel_used: AtomicU64,
}

impl Budget {
    /// The budget of a request that a program with this limit answers.
    pub(super) fn of_limit(fuel: u64) -> Budget {
        Budget {
            fuel_max: fuel.saturating_mul(ATTEMPTS_FUEL),
            fuel_used: AtomicU64::new(0),
        }
    }

    pub(super) fn spend(&self, fuel: u64) {
        self.fuel_used.fetch_add(fuel, Ordering::Relaxed);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.fuel_used.load(Ordering::Relaxed) >= self.fuel_max
    }
}

/// What all attempts at the run of one request have come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// What the outside world has told it.
    pub(super) kept: Arc<Transcript>,
    waits: usize,
    /// Fuel of the attempts that had to wait.
    fuel_used: u64,
}

/// What a run that was told `kept` has sent, and an attempt that was told this has not.
pub(super) fn forgotten<'a>(kept: &'a Transcript, told: &Transcript) -> Option<&'a Question> {
    let mut sent = kept.exchanges().map(|(question, _)| question);
    sent.find(|question| {
        question.kind.source() == Source::ElsewhereEachTime && told.answer(question).is_none()
    })
}

impl Progress {
    /// Keeps what the outside world told an attempt.
    pub(super) fn keep(&mut self, told: &Transcript) {
        Arc::make_mut(&mut self.kept).keep_outside(told);
    }

    /// What an earlier attempt has sent and this one, which was told all this, has not: it saw another state.
    pub(super) fn forgotten(&self, told: &Transcript) -> Option<&Question> {
        forgotten(&self.kept, told)
    }

    /// After an attempt that had to wait: keeps what it was told, and waits for the answer.
    ///
    /// # Errors
    /// As [`Progress::wait`].
    pub(super) async fn wait_for(
        &mut self,
        shared: &Arc<Shared>,
        request: &Request,
        wait: Wait,
    ) -> Result<(), Failure> {
        self.fuel_used = self.fuel_used.saturating_add(wait.fuel_used);
        request.spend(wait.fuel_used);
        if let Some(question) = self.forgotten(&wait.told) {
            return Err(not_again(question));
        }
        self.keep(&wait.told);
        self.wait(shared, request, wait.question).await
    }

    /// Waits for the answer to a question, and keeps it.
    ///
    /// # Errors
    /// The run may not wait any more, nobody can be asked, or the time of the request is over.
    pub(super) async fn wait(
        &mut self,
        shared: &Arc<Shared>,
        request: &Request,
        question: Question,
    ) -> Result<(), Failure> {
        self.waits += 1;
        if self.waits > WAITS {
            return Err(too_many(format!(
                "it waited {WAITS} times for answers from elsewhere, and asks once more"
            )));
        }
        if self.fuel_used >= request.fuel_limit().saturating_mul(ATTEMPTS_FUEL) {
            return Err(too_many(format!(
                "its attempts together used {ATTEMPTS_FUEL} times its limit of fuel"
            )));
        }
        let program = request.program();
        let bytes = self.kept.memory_bytes();
        let Some(_place) = shared.waiting.enter(program, bytes) else {
            shared.count_refused();
            return Err(overloaded("too many runs wait for answers from elsewhere"));
        };
        let answer = elsewhere::answer(shared, request, &question);
        let answer = async {
            match request.deadline {
                None => answer.await,
                Some(deadline) => tokio::time::timeout_at(deadline.into(), answer)
                    .await
                    .unwrap_or_else(|_| Err(too_late())),
            }
        };
        let answer = tokio::select! {
            biased;
            () = shared.waiting.stopped() => Err(stopping()),
            answer = answer => answer,
        }?;
        Arc::make_mut(&mut self.kept).record(question, answer);
        Ok(())
    }
}

fn too_many(detail: String) -> Failure {
    Failure::new(FailureCode::TooMany, "the run waited too often", detail)
        .hint("ask for what comes from elsewhere early, and for several things in one question")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let waiting = Waiting::new();
        let program = |number: u8| Hash([number; 32]);
        let mut places = Vec::new();
        for _ in 0..RUNS_OF_PROGRAM_MAX {
            places.push(waiting.enter(program(0), 1).expect("there is room"));
        }
        assert!(waiting.enter(program(0), 1).is_none());
        for number in 1..4 {
            for _ in 0..RUNS_OF_PROGRAM_MAX {
                places.push(waiting.enter(program(number), 0).expect("there is room"));
            }
        }
        assert!(waiting.enter(program(9), 0).is_none());
        assert_eq!(waiting.count(), RUNS_MAX);
        places.clear();
        assert_eq!(waiting.count(), 0);
        assert!(waiting.enter(program(0), BYTES_MAX + 1).is_none());
        let _large = waiting.enter(program(0), BYTES_MAX).expect("there is room");
        assert!(waiting.enter(program(1), 1).is_none());
    }
}
