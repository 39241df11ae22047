//! Work on all cores, taken in order: what came of it does not show how many there are.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, Builder};

/// How many threads are worth having.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Works on 0 to `count` - 1 on so many threads with a stack of so many bytes, and gives each result to `take` in order
/// of number, as soon as it and all before it are there. No more work is begun after `take` breaks.
pub fn in_order<T: Send>(
    count: usize,
    threads: usize,
    stack_bytes: usize,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) {
    let next = AtomicUsize::new(0);
    let (sender, done) = mpsc::sync_channel(threads.max(1));
    let worker = |sender: mpsc::SyncSender<(usize, T)>| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            // The other end is gone when nobody wants more.
            if number >= count || sender.send((number, work(number))).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..threads.min(count) {
            let builder = Builder::new()
                .name("worker".to_owned())
                .stack_size(stack_bytes);
            let sender = sender.clone();
            match builder.spawn_scoped(scope, || worker(sender)) {
                Ok(worker) => workers.push(worker),
                // The threads that there are do all of it.
                Err(_) => break,
            }
        }
        drop(sender);
        if workers.is_empty() {
            // No thread is to be had but this one.
            let _ = (0..count).try_for_each(|number| take(work(number)));
            return;
        }
        let mut early = BTreeMap::new();
        let mut wanted = 0;
        'taking: for (number, result) in &done {
            early.insert(number, result);
            while let Some(result) = early.remove(&wanted) {
                wanted += 1;
                if take(result).is_break() {
                    break 'taking;
                }
            }
        }
        drop(done);
        for worker in workers {
            worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const STACK_BYTES: usize = 1 << 20;

    #[test]
    fn results_come_in_order_whoever_is_first() {
        for threads in [0, 1, 2, 7, 100] {
            let mut taken = Vec::new();
            let slow_first = |number: usize| {
                thread::sleep(Duration::from_millis(5u64.saturating_sub(number as u64)));
                number * number
            };
            in_order(20, threads, STACK_BYTES, slow_first, |square| {
                taken.push(square);
                ControlFlow::Continue(())
            });
            let squares: Vec<usize> = (0..20).map(|number| number * number).collect();
            assert_eq!(taken, squares, "{threads} threads");
        }
    }

    #[test]
    fn nothing_is_taken_after_a_break() {
        for threads in [1, 3] {
            let mut taken = Vec::new();
            in_order(
                1000,
                threads,
                STACK_BYTES,
                |number| number,
                |number| {
                    taken.push(number);
                    match number {
                        4 => ControlFlow::Break(()),
                        _ => ControlFlow::Continue(()),
                    }
                },
            );
            assert_eq!(taken, [0, 1, 2, 3, 4], "{threads} threads");
        }
    }

    #[test]
    #[should_panic(expected = "as told")]
    fn a_panic_of_the_work_is_one_of_the_caller() {
        let panicking = |number: usize| assert_ne!(number, 3, "as told");
        in_order(5, 2, STACK_BYTES, panicking, |()| ControlFlow::Continue(()));
    }
}
