//! Many who ask the same at once, of a program that nobody has asked yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cop_runtime::{Cache, WebRequest};

use crate::scripted::{Node, response};

const ASKERS: usize = 10_000;
/// A run that takes longer is not waited for.
const RUN_MAX: Duration = Duration::from_millis(100);

/// Runs, and the longest of them in microseconds.
async fn stampede() -> (u64, u64) {
    let node = Node::new();
    let (runs, longest_us) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counted, longest) = (runs.clone(), longest_us.clone());
    let page = node
        .publish("page", &[], move |ask| {
            let begun = Instant::now();
            counted.fetch_add(1, Ordering::Relaxed);
            let path = ask.path()?;
            std::thread::sleep(Duration::from_millis(10));
            let taken = begun.elapsed().as_micros() as u64;
            longest.fetch_max(taken, Ordering::Relaxed);
            Ok(response(200, &path))
        })
        .await;
    let askers: Vec<_> = (0..ASKERS)
        .map(|_| {
            let (execution, page) = (node.execution.clone(), page.clone());
            tokio::spawn(async move {
                let request = WebRequest::get("/cold");
                let answer = execution.run_web(&page, request).await.unwrap();
                assert_eq!(answer.body, "/cold");
                answer.info.cache
            })
        })
        .collect();
    let mut misses = 0;
    for asker in askers {
        misses += u64::from(asker.await.unwrap() == Cache::Miss);
    }
    let runs = runs.load(Ordering::Relaxed);
    assert_eq!(runs, misses);
    (runs, longest_us.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_asks_of_a_cold_page_are_one_run() {
    // The promise is for a run of less than 100 ms. On a machine with too much to do one that sleeps 10 ms may take longer: then it
    // is tried again, and what is asserted is asserted of a run that did not.
    for _ in 0..20 {
        let (runs, longest_us) = stampede().await;
        if u128::from(longest_us) < RUN_MAX.as_micros() {
            assert_eq!(runs, 1, "the run took {longest_us} µs");
            return;
        }
        eprintln!("a run took {longest_us} µs on this machine; once more");
    }
    panic!("no run of 10 ms took less than {RUN_MAX:?}");
}
