//! The cache against a model: random programs in a world that keeps changing, each answer compared with that of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use cop_bytecode::{Hash, TrapKind};

use super::{OutcomeCache, TreeKey, Turn, Walk};
use crate::answer::WebRequest;
use crate::codec::Writer;
use crate::engine::{Limits, Position, Trap};
use crate::host::HostCall;
use crate::host::kv::Scan;
use crate::host::log::Log;
use crate::host::request::RequestView;
use crate::host::response::Response;
use crate::host::world::{Input, SystemRandomness, World};
use crate::run::{RunEnd, RunRecord};
use crate::store::StoreError;
use crate::store::state::{Fingerprint, KeyRange, Shapes, StateView, get_answer};
use crate::store::writes::{Write, Writes};
use crate::transcript::{Identity, Question, Transcript};

/// Steps of the model test; a longer run sets `COP_MODEL_STEPS`.
const STEPS: u64 = 100_000;

/// Numbers that look random and are the same on each run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }
}

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn mixed_with(h: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(mixed(h), |h, byte| mixed(h ^ u64::from(*byte)))
}

#[derive(Default)]
struct State(BTreeMap<String, Vec<u8>>);

impl StateView for State {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn get_identity(&self, key: &str) -> Result<Identity, StoreError> {
        Ok(Identity::of(&get_answer(
            self.0.get(key).map(Vec::as_slice),
        )))
    }

    fn shape(&self, _: &Fingerprint) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    fn keys(&self, range: &KeyRange<'_>, limit: usize) -> Result<Vec<String>, StoreError> {
        let keys = self.0.keys().filter(|key| range.includes(key));
        Ok(keys.take(limit).cloned().collect())
    }
}

fn world<'a>(
    input: &'a Input,
    state: &'a State,
    now_ms: i64,
    randomness: &'a mut SystemRandomness,
) -> World<'a> {
    World {
        input,
        state: Some(state),
        now_ms,
        randomness,
        kept: None,
        cancelled: None,
        on_log: None,
        on_snapshot: None,
        choices: None,
    }
}

/// The `n`-th question that these programs ask.
fn question(n: u64) -> Question {
    let text = |text: &str| {
        let mut writer = Writer::new();
        writer.text(text);
        writer.finish()
    };
    let (kind, argument) = match n {
        0..=4 => (HostCall::KvGet, text(&format!("k{n}"))),
        5 => (HostCall::RequestCookie, text("sid")),
        6 => (HostCall::RequestHeader, text("user-agent")),
        7 => (HostCall::RequestQuery, text("page")),
        8 => (HostCall::ClockMinute, Vec::new()),
        9 => {
            let scan = Scan {
                call: HostCall::KvRange,
                prefix: "k".to_owned(),
                from: Some("k1".to_owned()),
                after: None,
                until: Some("k4".to_owned()),
                limit: 2,
            };
            (HostCall::KvRange, scan.to_leaves())
        }
        _ => (HostCall::ClockNow, Vec::new()),
    };
    Question {
        kind,
        occurrence: 0,
        argument,
    }
}

/// What a program does: each step depends on the program and on all it was told before.
fn run_program(program: u64, limits: Limits, world: &mut World<'_>) -> RunRecord {
    let mut transcript = Transcript::default();
    let mut h = program;
    let mut fuel = 0;
    let mut ask = |question: Question, h: &mut u64| {
        if transcript.answer(&question).is_none() {
            let answer = world.answer(&question).unwrap();
            transcript.record(question.clone(), answer);
        }
        *h = mixed_with(*h, &transcript.answer(&question).unwrap().bytes);
    };
    let start = Question {
        kind: HostCall::RequestStart,
        occurrence: 0,
        argument: Vec::new(),
    };
    ask(start, &mut h);
    let mut end = None;
    loop {
        fuel += 1 + h % 40;
        if fuel > limits.fuel {
            fuel = limits.fuel;
            end = Some(TrapKind::OutOfFuel);
        } else if h.is_multiple_of(31) {
            end = Some(TrapKind::Panic);
        }
        if end.is_some() || (h >> 8).is_multiple_of(4) {
            break;
        }
        // The exact time is asked seldom, or nothing would ever be remembered.
        let n = (h >> 16) % 60;
        ask(question(if n == 59 { 10 } else { n % 10 }), &mut h);
        h = mixed(h);
    }
    let mut writes = Writes::new();
    if end.is_none() && (h >> 32).is_multiple_of(5) {
        let write = match h % 2 {
            0 => Write::Remove,
            _ => Write::put(vec![0; (h >> 40) as usize % 64]),
        };
        writes.insert(format!("k{}", (h >> 48) % 5), write);
    }
    RunRecord {
        end: match end {
            None => RunEnd::Answered(Response {
                status: 200,
                headers: Vec::new(),
                cookies: Vec::new(),
                body: Bytes::copy_from_slice(&h.to_le_bytes()),
            }),
            Some(kind) => RunEnd::Trapped(Trap {
                kind,
                position: Position {
                    function: 0,
                    instruction: h as u32,
                },
                operands: [0, 0],
                message: None,
                backtrace: Vec::new(),
            }),
        },
        log: Log::default(),
        writes,
        shapes: Shapes::new(),
        transcript,
        fuel_used: fuel,
        peak_memory_bytes: h % 1_000,
        trap_detail: None,
        trying: None,
    }
}

fn key(program: u64) -> TreeKey {
    TreeKey {
        program: Hash::tagged("model", &[&program.to_le_bytes()]),
        entry: "handle",
    }
}

fn request(numbers: &mut Numbers) -> Input {
    let mut request = WebRequest::get(&format!("/{}?page={}", numbers.below(3), numbers.below(3)));
    // Some cookies and headers come again and again, some never.
    let sid = match numbers.below(4) {
        0 => numbers.next(),
        _ => numbers.below(3),
    };
    let agent = "agent ".repeat(1 + numbers.below(12) as usize);
    request.headers = vec![
        (b"cookie".to_vec(), format!("sid={sid}").into_bytes()),
        (b"user-agent".to_vec(), agent.into_bytes()),
    ];
    Input::Request(Box::new(RequestView::new(&request).unwrap()))
}

/// Reads, writes, deletions, other releases, limits, cookies and minutes in random order, and a cache so small that it forgets.
#[test]
fn the_cache_is_never_wrong() {
    let steps = std::env::var("COP_MODEL_STEPS").map_or(STEPS, |steps| steps.parse().unwrap());
    let mut numbers = Numbers(5);
    let mut hits = 0;
    for budget_bytes in [100 << 10, 64 << 20] {
        let cache = OutcomeCache::new(budget_bytes);
        let mut state = State::default();
        let (mut program, mut now_ms) = (0, 0);
        for _ in 0..steps / 2 {
            match numbers.below(40) {
                0 => program = numbers.below(6),
                1 => now_ms += 20_000,
                2 => {
                    state.0.remove(&format!("k{}", numbers.below(5)));
                }
                3 => {
                    let value = vec![numbers.below(2) as u8; numbers.below(3) as usize * 30];
                    state.0.insert(format!("k{}", numbers.below(5)), value);
                }
                _ => {}
            }
            let input = request(&mut numbers);
            let limits = Limits {
                fuel: [40, 100, 1_000][numbers.below(3) as usize],
                memory_bytes: 1_000,
            };
            let mut randomness = SystemRandomness;
            let record = run_program(
                program,
                limits,
                &mut world(&input, &state, now_ms, &mut randomness),
            );
            let mut asked = world(&input, &state, now_ms, &mut randomness);
            match cache
                .walk(&cache.tree(&key(program)), limits, &mut asked)
                .unwrap()
            {
                Walk::Hit(known) => {
                    hits += 1;
                    assert_eq!(known.outcome_hash(), record.outcome_hash());
                }
                _ => cache
                    .insert(
                        &cache.tree(&key(program)),
                        limits,
                        &Arc::new(record.clone()),
                        false,
                    )
                    .unwrap(),
            }
            for (key, write) in &record.writes {
                match write.applied(None).unwrap() {
                    Some(value) => state.0.insert(key.clone(), value),
                    None => state.0.remove(key),
                };
            }
            assert!(cache.used_bytes() <= budget_bytes.max(4 << 20));
        }
        let counted: usize = (0..6).map(|program| bytes_of(&cache, program)).sum();
        assert_eq!(cache.used_bytes(), counted);
    }
    assert!(hits > steps / 3, "{hits} hits in {steps} steps");
}

/// What the places of a program take, added up anew.
fn bytes_of(cache: &OutcomeCache, program: u64) -> usize {
    let planted = cache.tree(&key(program));
    let tree = super::read(&planted.tree);
    assert_eq!(tree.bytes(), tree.counted_bytes());
    tree.bytes()
}

#[test]
fn runs_of_one_program_that_disagree_are_noticed() {
    let cache = OutcomeCache::new(1 << 20);
    let input = request(&mut Numbers(1));
    let (state, limits) = (
        State::default(),
        Limits {
            fuel: 1_000,
            memory_bytes: 1_000,
        },
    );
    let mut randomness = SystemRandomness;
    let mut live = world(&input, &state, 0, &mut randomness);
    let record = run_program(3, limits, &mut live);
    cache
        .insert(
            &cache.tree(&key(3)),
            limits,
            &Arc::new(record.clone()),
            false,
        )
        .unwrap();
    let other = RunRecord {
        fuel_used: record.fuel_used + 1,
        ..record.clone()
    };
    let disagreement = cache
        .insert(&cache.tree(&key(3)), limits, &Arc::new(other), false)
        .unwrap_err();
    assert_eq!(
        disagreement.known.unwrap().outcome_hash(),
        record.outcome_hash()
    );
    assert_eq!((cache.disagreements(), cache.used_bytes()), (1, 0));
}

/// Who comes while a run is under way waits for it, and for it alone; when it came to nothing, one of them is next.
#[tokio::test]
async fn one_run_for_many() {
    let cache = OutcomeCache::new(1 << 20);
    let state = State::default();
    let limits = Limits {
        fuel: 1_000,
        memory_bytes: 1_000,
    };
    let (one, other) = (request(&mut Numbers(1)), request(&mut Numbers(2)));
    let mut randomness = SystemRandomness;
    let mut edge = |input: &Input| {
        let mut live = world(input, &state, 0, &mut randomness);
        match cache.walk(&cache.tree(&key(0)), limits, &mut live).unwrap() {
            Walk::Unknown(edge) => edge,
            found => panic!("{found:?}"),
        }
    };
    let begun = std::time::Instant::now();
    let until = begun + std::time::Duration::from_secs(60);
    let Turn::Lead(leader) = edge(&one).join() else {
        panic!("nobody leads")
    };
    assert!(
        matches!(edge(&other).join(), Turn::Lead(_)),
        "another way is not waited for"
    );
    let Turn::Wait(waiting) = edge(&one).join() else {
        panic!("two lead")
    };
    let Turn::Wait(hasty) = edge(&one).join() else {
        panic!("two lead")
    };
    assert!(!hasty.wait(begun).await);
    // A run that has begun is waited for as long as it has not run for long.
    let Turn::Wait(impatient) = edge(&one).join() else {
        panic!("two lead")
    };
    leader.begin();
    leader.begin();
    assert!(!impatient.wait(until).await);
    // Who has landed lets others lead, and does not end what they began when it goes itself.
    leader.land();
    assert!(waiting.wait(until).await);
    let Turn::Lead(next) = edge(&one).join() else {
        panic!("nobody leads")
    };
    drop(leader);
    assert!(matches!(edge(&one).join(), Turn::Wait(_)));
    assert!(!edge(&one).is_outgrown());
    let early = edge(&one);
    let mut randomness = SystemRandomness;
    let mut live = world(&one, &state, 0, &mut randomness);
    let record = Arc::new(run_program(0, limits, &mut live));
    cache
        .insert(&cache.tree(&key(0)), limits, &record, true)
        .unwrap();
    assert!(early.is_outgrown());
    drop(next);
}
