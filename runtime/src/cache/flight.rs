//! One run for many that ask the same at once.
//!
//! Who comes to a branch that no run has grown begins a run there and is its *leader*; who comes there while that run is under
//! way waits until its outcome is remembered, or at most [`WAIT_MAX`], and then walks on with its own answers. Nobody takes
//! another's outcome. When a leader is refused, one of those who wait becomes the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Planted;

/// Longest wait for the runs of others.
pub const WAIT_MAX: Duration = Duration::from_millis(100);

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

/// The runs under way in one tree.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<At, watch::Receiver<()>>>);

/// What somebody who came to an unknown branch does.
#[derive(Debug)]
pub enum Turn {
    /// Runs the program. Those behind wait until this is dropped.
    Lead(Leader),
    /// Waits for the run of another.
    Wait(Waiting),
}

/// Held by whoever runs the program for all.
#[derive(Debug)]
pub struct Leader {
    planted: Arc<Planted>,
    at: At,
    /// Dropped with this, by which those who wait know.
    _landed: watch::Sender<()>,
}

/// The run of another that is under way.
#[derive(Debug)]
pub struct Waiting(watch::Receiver<()>);

impl Flights {
    /// Begins a run at this branch, or joins those who wait for one.
    pub(super) fn join(&self, planted: &Arc<Planted>, at: &At) -> Turn {
        let mut under_way = self.locked();
        if let Some(landed) = under_way.get(at) {
            return Turn::Wait(Waiting(landed.clone()));
        }
        let (sender, receiver) = watch::channel(());
        under_way.insert(at.clone(), receiver);
        Turn::Lead(Leader {
            planted: planted.clone(),
            at: at.clone(),
            _landed: sender,
        })
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<At, watch::Receiver<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.planted.flights.locked().remove(&self.at);
    }
}

impl Waiting {
    /// Waits until the run is over or the time has come; `false` if it was the time.
    pub async fn wait(mut self, until: Instant) -> bool {
        // The only news that ever comes is that the sender is gone.
        let landed = self.0.changed();
        tokio::time::timeout_at(until.into(), landed).await.is_ok()
    }
}
