//! Work that nobody waits for: roots of states, and remembered outcomes on their way to disk.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cache::OutcomeCache;
use crate::state::States;
use crate::store::Store;

/// Rest between two looks at what there is to do.
const REST: Duration = Duration::from_secs(1);

/// The thread that does it. It ends when this is dropped.
pub struct Keeper {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        states: Arc<States>,
        cache: Arc<OutcomeCache>,
        store: Arc<Store>,
    ) -> std::io::Result<Keeper> {
        let (stop, stopped) = sync_channel::<()>(0);
        let thread = std::thread::Builder::new()
            .name("cop-keep".to_owned())
            .spawn(move || {
                // When the node stops, what has come meanwhile is written, too.
                let mut is_over = false;
                while !is_over {
                    is_over = stopped.recv_timeout(REST) != Err(RecvTimeoutError::Timeout);
                    states.keep_roots();
                    // What the disk does not take is run again after a restart, and that it takes nothing is told elsewhere.
                    let _ = cache.write_to(&store);
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
