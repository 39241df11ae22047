//! One run for many that ask the same at once.
//!
//! Who comes to a branch that no run has grown begins a run there and is its *leader*; who comes there while that run is under
//! way waits until its outcome is remembered, and then walks on with its own answers. Nobody takes another's outcome. When a
//! leader is refused, one of those who wait becomes the next.
//!
//! A run that takes long is not waited for: its leader may be on a way that only seemed to be the same. That is told by how long
//! it has run, not by how long one has waited, so that on a machine with too much to do a short run is still made but once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Planted;

/// A run that has run so long is not waited for.
pub const RUN_MAX: Duration = Duration::from_millis(100);
/// Longest wait for the runs of others, those included that have not begun.
pub const WAIT_MAX: Duration = Duration::from_secs(1);

/// A branch that no run has grown: the serial of its place, and the key of the branch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct At {
    serial: u64,
    key: Box<[u8]>,
}

impl At {
    /// The branch with this key of the place with this serial.
    pub fn new(serial: u64, key: &[u8]) -> At {
        At {
            serial,
            key: key.into(),
        }
    }
}

/// How far a run is for which others wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No worker has taken it.
    Waits,
    /// It began then.
    Runs(Instant),
    /// It is over, and what came of it is remembered, if anything did.
    Over,
}

/// The runs under way in one tree.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<At, watch::Receiver<Phase>>>);

/// What somebody who came to an unknown branch does.
#[derive(Debug)]
pub enum Turn {
    /// Runs the program. Those behind wait until it has landed, or this is dropped.
    Lead(Leader),
    /// Waits for the run of another.
    Wait(Waiting),
}

/// Held by whoever runs the program for all.
#[derive(Debug)]
pub struct Leader {
    planted: Arc<Planted>,
    at: At,
    phase: watch::Sender<Phase>,
}

/// The run of another that is under way.
#[derive(Debug)]
pub struct Waiting(watch::Receiver<Phase>);

impl Flights {
    /// Begins a run at this branch, or joins those who wait for one.
    pub(super) fn join(&self, planted: &Arc<Planted>, at: &At) -> Turn {
        let mut under_way = self.locked();
        if let Some(phase) = under_way.get(at) {
            return Turn::Wait(Waiting(phase.clone()));
        }
        let (sender, receiver) = watch::channel(Phase::Waits);
        under_way.insert(at.clone(), receiver);
        Turn::Lead(Leader {
            planted: planted.clone(),
            at: at.clone(),
            phase: sender,
        })
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<At, watch::Receiver<Phase>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leader {
    /// Says that a worker has begun the run. A further attempt at it is the same run.
    pub fn begin(&self) {
        self.phase.send_if_modified(|phase| {
            let is_first = *phase == Phase::Waits;
            if is_first {
                *phase = Phase::Runs(Instant::now());
            }
            is_first
        });
    }

    /// Whether others wait for the run.
    pub fn is_awaited(&self) -> bool {
        // One is for those who come.
        self.phase.receiver_count() > 1
    }

    /// Says that the run is over, and what came of it remembered.
    pub fn land(&self) {
        // Whoever is woken finds no run under way here any more.
        let mut under_way = self.planted.flights.locked();
        if *self.phase.borrow() != Phase::Over {
            under_way.remove(&self.at);
            self.phase.send_replace(Phase::Over);
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.land();
    }
}

impl Waiting {
    /// Waits until the run is over; `false` if it is taking too long, or the time has come.
    pub async fn wait(mut self, until: Instant) -> bool {
        loop {
            let phase = *self.0.borrow_and_update();
            let until = match phase {
                Phase::Over => return true,
                Phase::Waits => until,
                Phase::Runs(since) => until.min(since + RUN_MAX),
            };
            match tokio::time::timeout_at(until.into(), self.0.changed()).await {
                Err(_) => return false,
                // Who is gone has said before that it is over.
                Ok(Err(_)) => return true,
                Ok(Ok(())) => {}
            }
        }
    }
}
