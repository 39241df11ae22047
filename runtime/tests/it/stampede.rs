//! Many who ask the same at once, of a program that nobody has asked yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cop_runtime::{Cache, FailureCode, WebRequest};

use crate::scripted::{Node, response};

const ASKERS: usize = 10_000;
/// So long a request waits for the run of another.
const WAIT_MAX_US: u64 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_asks_of_a_cold_page_are_one_run() {
    let node = Node::new();
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let page = node
        .publish("page", &[], move |ask| {
            counted.fetch_add(1, Ordering::Relaxed);
            let path = ask.path()?;
            std::thread::sleep(std::time::Duration::from_millis(10));
            Ok(response(200, &path))
        })
        .await;
    let askers: Vec<_> = (0..ASKERS)
        .map(|_| {
            let (execution, page) = (node.execution.clone(), page.clone());
            tokio::spawn(async move {
                let answer = execution.run_web(&page, WebRequest::get("/cold")).await;
                match answer {
                    Ok(answer) => {
                        assert_eq!(answer.body, "/cold");
                        Some((answer.info.cache, answer.info.time_us))
                    }
                    Err(failure) => {
                        assert_eq!(failure.code, FailureCode::Overloaded);
                        None
                    }
                }
            })
        })
        .collect();
    let (mut misses, mut impatient) = (0, 0);
    for asker in askers {
        // Who waited in vain and then found all workers taken was refused.
        let Some((cache, time_us)) = asker.await.unwrap() else {
            continue;
        };
        if cache == Cache::Miss {
            misses += 1;
            impatient += u64::from(time_us >= WAIT_MAX_US);
        }
    }
    // On a machine so busy that the run did not come to its end in 100 ms, those who had waited so long ran it themselves.
    assert_eq!(runs.load(Ordering::Relaxed), misses);
    assert!(
        misses - impatient <= 1,
        "{misses} runs, {impatient} after a wait"
    );
    eprintln!(
        "{ASKERS} asks of a cold page: {misses} runs, {impatient} of them after a wait of 100 ms"
    );
}
