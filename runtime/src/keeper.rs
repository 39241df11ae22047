//! Work that nobody waits for: roots of states, and remembered outcomes on their way to disk.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::state::States;

/// Rest between two looks at what there is to do.
const REST: Duration = Duration::from_secs(1);

/// The thread that does it. It ends when this is dropped.
pub struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(states: Arc<States>) -> std::io::Result<Keeper> {
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new()
            .name("cop-keep".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(REST) == Err(RecvTimeoutError::Timeout) {
                    states.keep_roots();
                }
            })?;
        Ok(Keeper {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by its own message; nobody waits for what it did.
            let _ = thread.join();
        }
    }
}
