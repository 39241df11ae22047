//! What a node takes beside the programs: `cargo bench -p cop-runtime --bench node`.
//!
//! Programs are Rust functions here, so that what is counted is the node's part: looking up, walking, recording, committing. Times
//! are medians of rounds; a machine that does other things meanwhile makes them longer. `--programs N` publishes that many
//! programs (100 000 are wanted; each is synced, so that takes a while), which is left out otherwise. `--ever-new u 67108864 20000`
//! asks a program so often for something new and does nothing else: where times are worth little, instructions are counted
//! (`valgrind --tool=callgrind`), once with a cache and once with 0. `--counter 64` has so many clients count, for a profiler.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cop_bytecode::source_map::SourceMap;
use cop_bytecode::{Hash, encode};
use cop_runtime::bundle::source_hash;
use cop_runtime::cache::{OutcomeCache, TreeKey, Walk};
use cop_runtime::codec::Writer;
use cop_runtime::engine::{Answer, End, Engine, Host, Limits, Loaded, Outcome};
use cop_runtime::host::HostCall;
use cop_runtime::host::request::RequestView;
use cop_runtime::host::response::Response;
use cop_runtime::host::world::{Input, SystemRandomness, World};
use cop_runtime::run::{RunEnd, RunRecord};
use cop_runtime::transcript::{Question, Transcript};
use cop_runtime::{
    Bundle, BundleParts, Execution, ExecutionConfig, Manifest, ProgramKind, ProgramRef, Release,
    SecretKey, WebRequest,
};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 9;
const LIMITS: Limits = Limits {
    fuel: 1_000_000,
    memory_bytes: 1 << 20,
};

/// A program in Rust; its code blob says which.
struct Scripts;

struct Script {
    hash: Hash,
    code: Vec<u8>,
}

impl Engine for Scripts {
    fn name(&self) -> &'static str {
        "scripts"
    }

    fn load(&self, interface: &[u8], code: &[u8]) -> Result<Arc<dyn Loaded>, String> {
        Ok(Arc::new(Script {
            hash: encode::package_hash(interface, code),
            code: code.to_vec(),
        }))
    }
}

impl Loaded for Script {
    fn hash(&self) -> Hash {
        self.hash
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        (entry == "handle").then(|| vec!["kv".to_owned()])
    }

    fn run(&self, _: &str, _: Limits, host: &mut dyn Host) -> Outcome {
        let mut text = |interface: &str, function: &str, argument: &str| {
            let mut writer = Writer::new();
            writer.text(argument);
            match host.call(interface, function, &writer.finish()) {
                Answer::Bytes(bytes) => bytes,
                _ => Vec::new(),
            }
        };
        match self.code.first() {
            Some(b'u') => {
                host.call("request", "start", &[]);
                let mut writer = Writer::new();
                writer.text("user-agent");
                host.call("request", "header", &writer.finish());
            }
            Some(b'p') => drop(host.call("request", "start", &[])),
            Some(b'c') => {
                let stored = text("kv", "get", "count");
                let count = stored.get(2..10).and_then(|bytes| bytes.try_into().ok());
                let next = count.map_or(0, u64::from_le_bytes) + 1;
                let mut writer = Writer::new();
                writer.text("count").bytes(&next.to_le_bytes()).text("");
                host.call("kv", "set", &writer.finish());
            }
            _ => {}
        }
        let mut writer = Writer::new();
        writer.int(200).count(0).count(0).text("an answer");
        Outcome {
            fuel_used: 100,
            peak_memory_bytes: 4_096,
            end: End::Returned(writer.finish()),
        }
    }
}

fn key() -> SecretKey {
    SecretKey::from_bytes(&[1; 32]).expect("a key")
}

fn bundle(code: &str) -> Bundle {
    let interface = Vec::new();
    let sources = BTreeMap::from([("main.cop".to_owned(), code.as_bytes().to_vec())]);
    Bundle::build(BundleParts {
        manifest: Manifest {
            name: "p".parse().expect("a name"),
            kind: ProgramKind::Web,
            package: encode::package_hash(&interface, code.as_bytes()),
            capabilities: vec!["kv".to_owned()],
            origins: Vec::new(),
            records_runs: true,
            fuel: LIMITS.fuel,
            memory_bytes: LIMITS.memory_bytes,
            compiler: "by hand".to_owned(),
            sources: source_hash(sources.iter().map(|(p, c)| (p.as_str(), c.as_slice()))),
        },
        interface,
        code: code.as_bytes().to_vec(),
        source_map: SourceMap::default().encode(),
        sources,
        assets: BTreeMap::new(),
    })
    .expect("a bundle")
}

async fn publish(execution: &Execution, name: &str, code: &str) -> ProgramRef {
    let bundle = bundle(code);
    let name: cop_runtime::ProgramName = name.parse().expect("a name");
    let network = execution.config().network;
    let release = Release::following(None, &bundle, name.clone(), key().public(), network, 1);
    let release = release.sign(&key()).expect("signed");
    let published = execution.publish(&release.encode(), &bundle.encode()).await;
    published.expect("published");
    ProgramRef::Named {
        address: key().public().address(),
        name,
        release: None,
    }
}

fn open(folder: &std::path::Path, cache_bytes: usize) -> Execution {
    let config = ExecutionConfig {
        cache_bytes,
        ..ExecutionConfig::default()
    };
    Execution::with_engine(folder, config, Arc::new(Scripts)).expect("it opens")
}

/// The median time of one of `count` in a round.
fn median(count: u32, mut round: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            round();
            begun.elapsed() / count
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn row(what: &str, target: &str, found: String) {
    println!("{what:<64} {target:>12} {found:>14}");
}

fn micros(time: Duration) -> String {
    format!("{:.3} µs", time.as_secs_f64() * 1e6)
}

fn question(kind: HostCall, argument: &str) -> Question {
    let mut writer = Writer::new();
    if !argument.is_empty() {
        writer.text(argument);
    }
    Question {
        kind,
        occurrence: 0,
        argument: writer.finish(),
    }
}

/// A run that asked for its path, a header and a parameter, found again.
fn hit() -> Duration {
    let cache = OutcomeCache::new(64 << 20);
    let mut asked = WebRequest::get("/page?a=1");
    asked
        .headers
        .push((b"accept-language".to_vec(), b"en".to_vec()));
    let view = RequestView::new(&asked).expect("a request");
    let input = Input::Request(Box::new(view));
    let questions = [
        question(HostCall::RequestStart, ""),
        question(HostCall::RequestHeader, "accept-language"),
        question(HostCall::RequestQuery, "a"),
    ];
    let mut randomness = SystemRandomness;
    let mut world = World {
        input: &input,
        state: None,
        now_ms: 0,
        randomness: &mut randomness,
        kept: None,
        cancelled: None,
        on_log: None,
        on_snapshot: None,
        choices: None,
    };
    let mut transcript = Transcript::default();
    for question in questions {
        let Ok(answer) = world.answer(&question) else {
            panic!("the world answers");
        };
        transcript.record(question, answer);
    }
    let record = RunRecord {
        end: RunEnd::Answered(Response {
            status: 200,
            headers: Vec::new(),
            cookies: Vec::new(),
            body: Bytes::from_static(b"an answer"),
        }),
        log: Default::default(),
        writes: Default::default(),
        shapes: Default::default(),
        transcript,
        fuel_used: 100,
        peak_memory_bytes: 100,
        trap_detail: None,
        trying: None,
    };
    let at = TreeKey {
        program: Hash([1; 32]),
        entry: "handle",
    };
    let tree = cache.tree(&at);
    cache
        .insert(&tree, LIMITS, &Arc::new(record), false)
        .expect("it is new");
    median(100_000, || {
        for _ in 0..100_000 {
            let found = cache.walk(&tree, LIMITS, &mut world);
            assert!(matches!(found, Ok(Walk::Hit(_))));
        }
    })
}

fn recording() -> Duration {
    let questions: Vec<Question> = (0..10)
        .map(|at| question(HostCall::KvGet, &format!("key/{at}")))
        .collect();
    median(10_000, || {
        for _ in 0..10_000 {
            let mut transcript = Transcript::default();
            for question in &questions {
                transcript.record(question.clone(), vec![7; 24]);
            }
            std::hint::black_box(&transcript);
        }
    })
}

/// A request that nobody asks twice: to a program that asks for its path and `user-agent` (`u`), each time another, or to one that
/// asks for its path alone (`p`).
fn ever_new_request(code: &str, number: u64) -> WebRequest {
    let path = match code {
        "p" => format!("/{number}"),
        _ => "/".to_owned(),
    };
    let mut asked = WebRequest::get(&path);
    let value = format!("agent {number}").into_bytes();
    asked.headers.push((b"user-agent".to_vec(), value));
    asked
}

/// What this process has had of all cores.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How much more of the processor such requests take where outcomes are remembered, in percent. Both nodes take turns, so that what
/// else the machine does meanwhile is the same for both.
async fn ever_new(code: &str) -> f64 {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let nodes = [64 << 20, 0].map(|cache_bytes| {
        let folder = &folders[usize::from(cache_bytes == 0)];
        open(folder.path(), cache_bytes)
    });
    let mut programs = Vec::new();
    for node in &nodes {
        programs.push(publish(node, "new", code).await);
    }
    let mut number = 0_u64;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS * 8 {
        for (at, node) in nodes.iter().enumerate() {
            let begun = processor_time();
            for _ in 0..500 {
                number += 1;
                let answer = node.run_web(&programs[at], ever_new_request(code, number));
                answer.await.expect("an answer");
            }
            times[at].push(processor_time() - begun);
        }
    }
    // Waking a thread costs three times as much when the system has put it on another core: rounds without that are compared.
    let [on, off] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 10].as_secs_f64()
    });
    (on / off - 1.0) * 100.0
}

/// So many such requests and nothing else, for whoever counts instructions.
async fn ever_new_alone(code: &str, cache_bytes: usize, requests: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let node = open(folder.path(), cache_bytes);
    let program = publish(&node, "new", code).await;
    for number in 0..requests {
        let answer = node.run_web(&program, ever_new_request(code, number));
        answer.await.expect("an answer");
    }
}

/// Counts per second of this many clients, each on disk before it is told.
async fn counting(clients: usize, counts: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let execution = open(folder.path(), 64 << 20);
    let program = publish(&execution, "counter", "c").await;
    let begun = Instant::now();
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let (execution, program) = (execution.clone(), program.clone());
            tokio::spawn(async move {
                for _ in 0..counts {
                    let asked = WebRequest::get("/");
                    execution.run_web(&program, asked).await.expect("an answer");
                }
            })
        })
        .collect();
    let count = clients.len() * counts;
    for client in clients {
        client.await.expect("it ends");
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

async fn many(programs: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let execution = open(folder.path(), 64 << 20);
    let mut last = None;
    for at in 0..programs {
        last = Some(publish(&execution, &format!("p{at}"), &format!("-{at}")).await);
    }
    execution.shut_down().await;
    drop(execution);
    let begun = Instant::now();
    let execution = open(folder.path(), 64 << 20);
    let last = last.expect("a program");
    let asked = WebRequest::get("/");
    execution.run_web(&last, asked).await.expect("an answer");
    let started = begun.elapsed();
    let what = format!("{programs} programs: start and first answer");
    row(&what, "2 s", format!("{:.3} s", started.as_secs_f64()));
    let mut times = Vec::new();
    for at in 0..programs.min(200) {
        let program = ProgramRef::Named {
            address: key().public().address(),
            name: format!("p{at}").parse().expect("a name"),
            release: None,
        };
        let begun = Instant::now();
        let asked = WebRequest::get("/");
        execution.run_web(&program, asked).await.expect("an answer");
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let cold = times[times.len() / 2];
    row(
        "  a stored one that was never run, ask to answer, median",
        "1 000 µs",
        micros(cold),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let programs = arguments
        .iter()
        .position(|argument| argument == "--programs");
    let programs = programs.and_then(|at| arguments.get(at + 1)?.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    if let Some(at) = arguments.iter().position(|a| a == "--counter") {
        let clients = arguments.get(at + 1).and_then(|text| text.parse().ok());
        let rate = runtime.block_on(counting(clients.expect("--counter CLIENTS"), 500));
        return row("counter", "", format!("{rate:.0}/s"));
    }
    if let Some(at) = arguments.iter().position(|a| a == "--ever-new") {
        let number = |at: usize| arguments.get(at)?.parse().ok();
        let (code, cache, count) = (arguments.get(at + 1), number(at + 2), number(at + 3));
        let (Some(code), Some(cache), Some(count)) = (code, cache, count) else {
            panic!("--ever-new u|p CACHE_BYTES REQUESTS");
        };
        let cache = usize::try_from(cache).expect("a size");
        return runtime.block_on(ever_new_alone(code, cache, count));
    }
    row("what", "target", "found".to_owned());
    row(
        "a hit with three questions, in the tree",
        "0.3 µs",
        micros(hit()),
    );
    row("recording ten questions", "1 µs", micros(recording()));
    runtime.block_on(async {
        for (what, code) in [
            ("a program that reads user-agent, against no cache", "u"),
            ("a program that nobody asks twice for a path", "p"),
        ] {
            row(what, "+3 %", format!("{:+.1} %", ever_new(code).await));
        }
        let one = counting(1, 500).await;
        let many = counting(64, 200).await;
        row("counter, 1 client", "", format!("{one:.0}/s"));
        row("counter, 64 clients", "", format!("{many:.0}/s"));
        row("  against one", "20 ×", format!("{:.1} ×", many / one));
    });
    runtime.block_on(many(programs.unwrap_or(200)));
}
