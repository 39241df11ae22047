//! The records of the last runs, in memory, up to a budget of bytes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::{RunId, RunInfo};
use crate::failure::Failure;
use crate::run::RunRecord;

/// A run that is still remembered.
#[derive(Clone, Debug)]
pub struct KeptRun {
    /// What is known of it.
    pub info: RunInfo,
    /// Its transcript and outcome. For an answer from the cache: those of the run that made it.
    pub record: Arc<RunRecord>,
    /// The method and canonical path that it answered.
    pub request: String,
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
}

/// The last runs, oldest first.
#[derive(Debug)]
pub struct KeptRuns {
    budget_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    order: VecDeque<(RunId, usize)>,
    runs: HashMap<RunId, KeptRun>,
    bytes: usize,
}

impl KeptRuns {
    /// None yet.
    pub fn new(budget_bytes: usize) -> KeptRuns {
        KeptRuns {
            budget_bytes,
            kept: Mutex::default(),
        }
    }

    /// Remembers a run, and forgets the oldest ones where there is no room.
    pub fn keep(&self, run: KeptRun) {
        let bytes = size_of::<KeptRun>() + run.request.len() + run.record.memory_bytes();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += bytes;
        kept.order.push_back((run.info.run, bytes));
        kept.runs.insert(run.info.run, run);
        while kept.bytes > self.budget_bytes {
            let Some((oldest, bytes)) = kept.order.pop_front() else {
                break;
            };
            kept.runs.remove(&oldest);
            kept.bytes -= bytes;
        }
    }

    /// A run that is still remembered.
    pub fn get(&self, run: &RunId) -> Option<KeptRun> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.runs.get(run).cloned()
    }

    /// The newest runs, newest first.
    pub fn newest(&self, count: usize) -> Vec<KeptRun> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = kept.order.iter().rev().take(count);
        newest
            .filter_map(|(run, _)| kept.runs.get(run).cloned())
            .collect()
    }
}

/// A run id that nobody can foresee.
pub fn new_run_id() -> Result<RunId, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|cause| {
        Failure::new(
            crate::failure::FailureCode::Internal,
            "the node has no randomness",
            cause.to_string(),
        )
    })?;
    Ok(RunId(bytes))
}
