//! What is counted of all answers, for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cop_runtime::{Address, Cache, FailureCode, ProgramName};

use crate::answered::Answered;

/// Upper bounds of the buckets, in microseconds.
pub(crate) const BUCKETS_US: [u64; 13] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000,
    10_000_000,
];
/// Programs that are counted each for itself; the others together.
const PROGRAMS_MAX: usize = 100;

/// How often something took how long.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One for each bound, and one for what took longer.
    counts: [AtomicU64; BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    fn enter(&self, us: u64) {
        let bucket = BUCKETS_US.partition_point(|bound| *bound < us);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// How many took at most as long as each bound, then all; and their sum in microseconds.
    pub(crate) fn read(&self) -> (Vec<u64>, u64) {
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count.load(Ordering::Relaxed);
            Some(*sum)
        });
        (counts.collect(), self.sum_us.load(Ordering::Relaxed))
    }
}

/// What is counted of one program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfProgram {
    pub(crate) runs: u64,
    pub(crate) hits: u64,
    pub(crate) traps: u64,
    pub(crate) fuel: u64,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    pub(crate) answer_time: Histogram,
    pub(crate) run_time: Histogram,
    pub(crate) sent_bytes: AtomicU64,
    /// By the hundreds of their status, from 100.
    pub(crate) statuses: [AtomicU64; 5],
    failures: [AtomicU64; FailureCode::ALL.len()],
    programs: Mutex<Programs>,
}

#[derive(Debug, Default)]
struct Programs {
    each: BTreeMap<(Address, ProgramName), OfProgram>,
    others: OfProgram,
}

impl Measures {
    pub(crate) fn enter(&self, answered: &Answered<'_>) {
        self.answer_time.enter(micros(answered.time));
        self.sent_bytes
            .fetch_add(answered.body_bytes as u64, Ordering::Relaxed);
        let hundreds = usize::from(answered.status / 100).saturating_sub(1);
        self.statuses[hundreds.min(4)].fetch_add(1, Ordering::Relaxed);
        let code = |code: &&'static str| {
            FailureCode::ALL
                .iter()
                .position(|known| known.code() == *code)
        };
        if let Some(code) = answered.failure.as_ref().and_then(code) {
            self.failures[code].fetch_add(1, Ordering::Relaxed);
        }
        let Some(run) = answered.run else { return };
        let is_hit = run.cache != Cache::Miss;
        if !is_hit {
            self.run_time.enter(run.time_us);
        }
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        let programs = &mut *programs;
        let named = run.address.zip(run.name.clone());
        let has_room = programs.each.len() < PROGRAMS_MAX;
        let counts = match named {
            Some(named) if has_room || programs.each.contains_key(&named) => {
                programs.each.entry(named).or_default()
            }
            _ => &mut programs.others,
        };
        match is_hit {
            true => counts.hits += 1,
            false => {
                counts.runs += 1;
                counts.fuel += run.fuel_used;
                counts.traps += u64::from(answered.trap.is_some());
            }
        }
    }

    /// How often each failure was told.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self
            .failures
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        FailureCode::ALL.iter().map(|code| code.code()).zip(counts)
    }

    /// What is counted of programs: each `ADDRESS/NAME`, and `other`.
    pub(crate) fn programs(&self) -> Vec<(String, OfProgram)> {
        let programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        let each = programs.each.iter();
        let each = each.map(|((address, name), counts)| (format!("{address}/{name}"), *counts));
        each.chain([("other".to_owned(), programs.others)])
            .collect()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
