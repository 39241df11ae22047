//! Programs that use up whatever they are given, hundreds at once, in each engine: their limits hold, and who stands by is served.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cop_runtime::{
    Execution, ExecutionConfig, FailureCode, ProgramRef, SecretKey, WebRequest, local_network,
};
use coputer::packages::Options;
use coputer::project::Project;
use coputer::publish::{Place, build, sign};

use crate::copc::folder_with;

/// Bombs where `COP_BOMBS` says nothing else.
const BOMBS: usize = 240;
/// Requests of who stands by, at least.
const PAGES: u64 = 40;
const WORKERS: usize = 4;
const FUEL: u64 = 20_000_000;

const SOURCE: &str = r#"
import { Kv } from "host/kv"
import { Request, Response } from "std/web"

fn handle(req: Request, mut kv: Kv) -> Response {
    let parts = req.segments()
    match parts.get(0) ?? "" {
        "loop" => { while true {} }
        "grow" => {
            let mut all = "x"
            while true { all = "${all}${all}" }
        }
        "deep" => { return Response.text("${down(0)}") }
        "talk" => { while true { print("again and again and again and again and again and again") } }
        "big" => { return Response(body: Bytes.filled(17 << 20, 7)) }
        "write" => { for n in 0..1_001 { kv.set("k${n}", n).expect("a store") } }
        "large" => {
            let part = Bytes.filled(1_000_000, 7)
            for n in 0..9 { kv.set("k${n}", part).expect("a store") }
        }
        _ => { while kv.keys("${kv.keys("", None, 1).expect("a store").len()}", None, 1) is Ok(_) {} }
    }
    Response.text("no bomb")
}

fn down(n: Int) -> Int { 1 + down(n + 1) }
"#;

const QUIET: &str = r#"
import { Request, Response } from "std/web"

fn handle(req: Request) -> Response { Response.text("fine ${req.path}") }
"#;

/// The path of each bomb, and the limit that ends it.
const KINDS: [(&str, &str); 8] = [
    ("loop", "OutOfFuel"),
    ("grow", "OutOfMemory"),
    ("deep", "StackOverflow"),
    ("talk", "LogLimit"),
    ("big", "ResponseLimit"),
    ("write", "WriteLimit"),
    ("large", "WriteLimit"),
    ("ask", "HostCallLimit"),
];

async fn publish(execution: &Execution, key: &SecretKey, name: &str, source: &str) -> ProgramRef {
    let manifest = format!("name = \"{name}\"\nfuel = {FUEL}\nmemory_mib = 40\n");
    let folder = folder_with(&[("main.cop", source), ("cop.toml", &manifest)]);
    let project = Project::at(folder.path()).expect("a project");
    let built = build(&project, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let place = Place {
        network: local_network(),
        number: 1,
        previous: None,
    };
    let signed = sign(&built.bundle, &project.name, place, key).expect("signed");
    let (release, bundle) = (signed.encode(), built.bundle.encode());
    let published = execution.publish(&release, &bundle).await;
    published.expect("published");
    ProgramRef::Named {
        address: key.public().address(),
        name: project.name,
        release: None,
    }
}

/// Asks for pages that nobody asked for before, one after the other, at least `PAGES` and until it is over. How long each took.
async fn stand_by(
    execution: Execution,
    program: ProgramRef,
    first: u64,
    is_over: Arc<AtomicBool>,
) -> Vec<Duration> {
    let mut taken = Vec::new();
    for number in first.. {
        if number >= first + PAGES && is_over.load(Ordering::Relaxed) {
            break;
        }
        let begun = Instant::now();
        let path = format!("/{number}");
        let answer = execution.run_web(&program, WebRequest::get(&path)).await;
        let answer = answer.unwrap_or_else(|failure| panic!("{path} was refused: {failure:?}"));
        assert_eq!(answer.body, format!("fine {path}"));
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    taken
}

/// What became of a bomb: the trap that is its limit, or that it was refused.
async fn throw(execution: Execution, bomb: ProgramRef, number: usize) -> &'static str {
    let (kind, expected) = KINDS[number % KINDS.len()];
    let path = format!("/{kind}/{number}");
    let request = WebRequest::get(&path);
    let failure = execution.run_web(&bomb, request).await.unwrap_err();
    if failure.code == FailureCode::Overloaded {
        return "refused";
    }
    assert_eq!(failure.code, FailureCode::Trapped, "{path}: {failure:?}");
    let trap = &failure.trap.as_ref().expect("a trap").name;
    assert_eq!(trap, expected, "{path}: {failure:?}");
    let info = failure.info.as_ref().expect("it ran");
    assert!(info.fuel_used <= info.fuel_limit);
    assert!(info.peak_memory_bytes <= info.memory_limit_bytes);
    expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_end_at_their_limits_and_who_stands_by_is_served() {
    let bombs = std::env::var("COP_BOMBS").map_or(BOMBS, |n| n.parse().expect("a number"));
    for engine in [cop_vm::Engine::Interpreter, cop_vm::Engine::Jit] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = ExecutionConfig {
            network: local_network(),
            workers: WORKERS,
            engine,
            ..ExecutionConfig::default()
        };
        let execution = Execution::open(folder.path(), config).expect("it opens");
        let key = |byte| SecretKey::from_bytes(&[byte; 32]).expect("a key");
        let bomb = publish(&execution, &key(7), "bombs", SOURCE).await;
        let quiet = publish(&execution, &key(8), "quiet", QUIET).await;
        let over = Arc::new(AtomicBool::new(true));
        let alone = stand_by(execution.clone(), quiet.clone(), 0, over).await;

        let is_over = Arc::new(AtomicBool::new(false));
        let (node, flag) = (execution.clone(), is_over.clone());
        let beside = tokio::spawn(stand_by(node, quiet, 1_000_000, flag));
        let thrown: Vec<_> = (0..bombs)
            .map(|number| tokio::spawn(throw(execution.clone(), bomb.clone(), number)))
            .collect();
        let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
        for bomb in thrown {
            *ends.entry(bomb.await.expect("it ends")).or_default() += 1;
        }
        is_over.store(true, Ordering::Relaxed);
        let beside = beside.await.expect("it ends");
        // How many of them got a worker depends on the machine; alone, each kind does.
        for (number, (_, expected)) in KINDS.iter().enumerate() {
            let number = bombs * KINDS.len() + number;
            let end = throw(execution.clone(), bomb.clone(), number).await;
            assert_eq!(end, *expected);
        }
        // Nothing of a bomb is kept.
        let namespace = cop_runtime::Namespace {
            address: key(7).public().address(),
            name: "bombs".parse().expect("a name"),
        };
        let state = execution.state(&namespace, "", None, 9).expect("it reads");
        assert!(state.keys.is_empty() && state.commit == 0);
        eprintln!(
            "{engine:?}: {bombs} bombs: {ends:?}; who stood by waited {:?} at the median alone, {:?} beside them ({} pages)",
            alone[alone.len() / 2],
            beside[beside.len() / 2],
            beside.len()
        );
        execution.shut_down().await;
    }
}
