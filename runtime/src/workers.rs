//! The threads that run programs, and the bounded queue before them.
//!
//! A free worker takes the job of the program that has the fewest runs under way, so one busy program cannot keep the others
//! out; within that, first come, first served. Nobody waits for ever: a job that no worker has taken in time is given up by who
//! asked for it. Wall clock can only refuse here, never change what a run gives.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cop_bytecode::Hash;
use tokio::sync::oneshot;

/// Longest wait for a worker.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Stack of a worker. Engines may recurse natively up to their limits.
const STACK_BYTES: usize = 16 << 20;

const WAITING: u8 = 0;
const STARTED: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResult {
    /// The queue is full, or the wait for a worker was too long.
    Overloaded,
    /// The time of the request is over.
    Deadline,
    /// The job ended without a result: a defect.
    Broken,
}

/// Set when nobody waits for a run any more.
pub type Cancelled = Arc<AtomicBool>;

type Work = Box<dyn FnOnce(&Cancelled) + Send>;

struct Job {
    program: Hash,
    phase: Arc<AtomicU8>,
    cancelled: Cancelled,
    work: Work,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Runs under way per program.
    running: HashMap<Hash, usize>,
    running_total: usize,
    is_closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pool.
pub struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    queue_max: usize,
}

impl Workers {
    /// Starts this many threads with a queue of at most `queue_max` jobs.
    pub fn start(count: usize, queue_max: usize) -> std::io::Result<Workers> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
        });
        let mut workers = Workers {
            shared: shared.clone(),
            threads: Vec::with_capacity(count),
            queue_max,
        };
        for number in 0..count {
            let shared = shared.clone();
            let thread = std::thread::Builder::new()
                .name(format!("cop-run-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work_all(&shared))?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    /// How many threads there are.
    pub fn count(&self) -> usize {
        self.threads.len()
    }

    /// Jobs under way and jobs waiting.
    pub fn load(&self) -> (usize, usize) {
        let queue = self.shared.queue();
        (queue.running_total, queue.jobs.len())
    }

    /// Runs `work` on a worker and waits for its result. When the deadline passes, or this future is dropped, the work is told
    /// so through [`Cancelled`].
    pub async fn run<T: Send + 'static>(
        &self,
        program: Hash,
        deadline: Option<Instant>,
        work: impl FnOnce(&Cancelled) -> T + Send + 'static,
    ) -> Result<T, NoResult> {
        let (sender, receiver) = oneshot::channel();
        let phase = Arc::new(AtomicU8::new(WAITING));
        let cancelled = Cancelled::default();
        let job = Job {
            program,
            phase: phase.clone(),
            cancelled: cancelled.clone(),
            work: Box::new(move |cancelled| {
                // Nobody may be waiting any more; then the result is of no use.
                let _ = sender.send(work(cancelled));
            }),
        };
        self.enqueue(job)?;
        let _give_up = GiveUpOnDrop {
            phase: phase.clone(),
            cancelled,
        };
        let started_by = Instant::now() + WAIT_MAX;
        let mut receiver = receiver;
        let first_wait = deadline.map_or(started_by, |deadline| deadline.min(started_by));
        match tokio::time::timeout_at(first_wait.into(), &mut receiver).await {
            Ok(result) => return result.map_err(|_| NoResult::Broken),
            Err(_) if deadline.is_some_and(|deadline| deadline <= started_by) => {
                return Err(NoResult::Deadline);
            }
            Err(_) => {}
        }
        if give_up(&phase) {
            return Err(NoResult::Overloaded);
        }
        let result = match deadline {
            None => receiver.await,
            Some(deadline) => tokio::time::timeout_at(deadline.into(), receiver)
                .await
                .map_err(|_| NoResult::Deadline)?,
        };
        result.map_err(|_| NoResult::Broken)
    }

    fn enqueue(&self, job: Job) -> Result<(), NoResult> {
        let mut queue = self.shared.queue();
        if queue.is_closed {
            return Err(NoResult::Overloaded);
        }
        queue
            .jobs
            .retain(|job| job.phase.load(Ordering::Relaxed) != GIVEN_UP);
        // One program may fill half of the queue, so that there is room for others.
        let same = queue.jobs.iter().filter(|j| j.program == job.program);
        if queue.jobs.len() >= self.queue_max || same.count() >= self.queue_max.div_ceil(2) {
            return Err(NoResult::Overloaded);
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Refuses new jobs; those that are under way or queued are finished.
    pub fn close(&self) {
        self.shared.queue().is_closed = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.close();
        for thread in self.threads.drain(..) {
            // A panic of a worker was reported by its own message.
            let _ = thread.join();
        }
    }
}

/// When nobody waits any more, a job that has not begun never does, and one that has is told so.
struct GiveUpOnDrop {
    phase: Arc<AtomicU8>,
    cancelled: Cancelled,
}

impl Drop for GiveUpOnDrop {
    fn drop(&mut self) {
        give_up(&self.phase);
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Whether the job had not begun; it never will.
fn give_up(phase: &AtomicU8) -> bool {
    phase
        .compare_exchange(WAITING, GIVEN_UP, Ordering::Relaxed, Ordering::Relaxed)
        .is_ok()
}

fn work_all(shared: &Shared) {
    while let Some(job) = next_job(shared) {
        let program = job.program;
        let is_wanted = job
            .phase
            .compare_exchange(WAITING, STARTED, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if is_wanted {
            // A defect in an engine must not take the worker with it. What the job held is dropped, and whoever waits is told.
            let work = std::panic::AssertUnwindSafe(|| (job.work)(&job.cancelled));
            let _ = std::panic::catch_unwind(work);
        }
        let mut queue = shared.queue();
        queue.running_total -= 1;
        if let Some(running) = queue.running.get_mut(&program) {
            *running -= 1;
            if *running == 0 {
                queue.running.remove(&program);
            }
        }
    }
}

/// Waits for a job of the program with the fewest runs under way; `None` when the pool is closed and the queue empty.
fn next_job(shared: &Shared) -> Option<Job> {
    let mut queue = shared.queue();
    loop {
        let fewest = queue
            .jobs
            .iter()
            .enumerate()
            .min_by_key(|(_, job)| queue.running.get(&job.program).copied().unwrap_or(0))
            .map(|(place, _)| place);
        if let Some(job) = fewest.and_then(|place| queue.jobs.remove(place)) {
            *queue.running.entry(job.program).or_insert(0) += 1;
            queue.running_total += 1;
            return Some(job);
        }
        if queue.is_closed {
            return None;
        }
        queue = shared
            .changed
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner);
    }
}
