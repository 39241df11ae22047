//! The threads that run programs, and the bounded queue before them.
//!
//! There are more workers than cores, and no program ever has more than half of them, nor one publisher all but one: a program
//! that loops until its fuel is gone slows the others down, but cannot keep them out. Among those that may, a free worker takes
//! the job of the program that has the fewest runs under way; within that, first come, first served. Nobody waits for ever: a
//! job that no worker has taken in time is given up by who asked for it. Wall clock can only refuse here, never change what a run
//! gives.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cop_bytecode::Hash;
use tokio::sync::oneshot;

use crate::address::Address;

/// Longest wait for a worker.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Longest wait for runs under way when the pool is dropped.
const STOP_MAX: Duration = Duration::from_secs(1);
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

/// On whose behalf a job is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The program.
    pub program: Hash,
    /// Who published it; `None` when it is run by its hash alone.
    pub publisher: Option<Address>,
}

struct Job {
    owner: Owner,
    phase: Arc<AtomicU8>,
    cancelled: Cancelled,
    work: Work,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// For whom runs are under way, and whether somebody still waits for them.
    running: Vec<(Owner, Cancelled)>,
    is_closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// How many threads there are.
    workers: usize,
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
            workers: count,
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
        (queue.running.len(), queue.jobs.len())
    }

    /// Whether somebody waits for a run.
    pub fn is_wanted(&self) -> bool {
        let queue = self.shared.queue();
        let is_wanted = |cancelled: &Cancelled| !cancelled.load(Ordering::Relaxed);
        queue
            .running
            .iter()
            .any(|(_, cancelled)| is_wanted(cancelled))
            || queue.jobs.iter().any(|job| is_wanted(&job.cancelled))
    }

    /// Runs `work` on a worker and waits for its result. When the deadline passes, or this future is dropped, the work is told
    /// so through [`Cancelled`].
    pub async fn run<T: Send + 'static>(
        &self,
        owner: Owner,
        deadline: Option<Instant>,
        work: impl FnOnce(&Cancelled) -> T + Send + 'static,
    ) -> Result<T, NoResult> {
        let (sender, receiver) = oneshot::channel();
        let phase = Arc::new(AtomicU8::new(WAITING));
        let cancelled = Cancelled::default();
        let job = Job {
            owner,
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
        let same = queue
            .jobs
            .iter()
            .filter(|other| other.owner.program == job.owner.program);
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
        for (_, cancelled) in &self.shared.queue().running {
            cancelled.store(true, Ordering::Relaxed);
        }
        let give_up_at = Instant::now() + STOP_MAX;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < give_up_at {
                std::thread::sleep(Duration::from_millis(1));
            }
            // A run that does not notice is left to the end of the process: it has committed nothing.
            if thread.is_finished() {
                // A panic of a worker was reported by its own message.
                let _ = thread.join();
            }
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
        let own = job.cancelled.clone();
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
        let ended = queue
            .running
            .iter()
            .position(|(_, cancelled)| Arc::ptr_eq(cancelled, &own));
        if let Some(place) = ended {
            queue.running.swap_remove(place);
        }
        drop(queue);
        // A job that had to wait for its share may go now, and any idle worker can take it.
        shared.changed.notify_all();
    }
}

impl Queue {
    /// How many runs of this owner's program are under way, unless one more would be beyond a share.
    fn running_below_share(&self, owner: &Owner, workers: usize) -> Option<usize> {
        let program_share = workers.div_ceil(2);
        let publisher_share = workers.saturating_sub(1).max(1);
        let count = |matches: &dyn Fn(&Owner) -> bool| {
            self.running
                .iter()
                .filter(|(owner, _)| matches(owner))
                .count()
        };
        let of_program = count(&|other| other.program == owner.program);
        let of_publisher = count(&|other| other.publisher == owner.publisher);
        (of_program < program_share && of_publisher < publisher_share).then_some(of_program)
    }

    /// The place of the job that a free worker takes next.
    fn next(&self, workers: usize) -> Option<usize> {
        let allowed = self.jobs.iter().enumerate().filter_map(|(place, job)| {
            Some((place, self.running_below_share(&job.owner, workers)?))
        });
        allowed
            .min_by_key(|(_, running)| *running)
            .map(|(place, _)| place)
    }
}

/// Waits for a job that may be run; `None` when the pool is closed and the queue empty.
fn next_job(shared: &Shared) -> Option<Job> {
    let mut queue = shared.queue();
    loop {
        if let Some(job) = queue
            .next(shared.workers)
            .and_then(|place| queue.jobs.remove(place))
        {
            queue.running.push((job.owner, job.cancelled.clone()));
            return Some(job);
        }
        if queue.is_closed && queue.jobs.is_empty() {
            return None;
        }
        queue = shared
            .changed
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner);
    }
}
