//! Requests to published programs, from the door to the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cop_bytecode::TrapKind;
use cop_runtime::codec::{Reader, Writer};
use cop_runtime::{Cache, Failure, FailureCode, ProgramRef, WebAnswer, WebRequest};

use crate::samples;
use crate::scripted::{Ask, Node, config, program, response, trap};

async fn get(node: &Node, program: &ProgramRef, target: &str) -> Result<WebAnswer, Failure> {
    node.execution
        .run_web(program, WebRequest::get(target))
        .await
}

async fn body(node: &Node, program: &ProgramRef, target: &str) -> String {
    let answer = get(node, program, target).await.unwrap();
    String::from_utf8(answer.body.to_vec()).unwrap()
}

async fn code(node: &Node, program: &ProgramRef, target: &str) -> FailureCode {
    get(node, program, target).await.unwrap_err().code
}

#[tokio::test]
async fn a_page_is_run_once_per_path() {
    let node = Node::new();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let hello = node
        .publish("hello", &[], move |ask| {
            counted.fetch_add(1, Ordering::Relaxed);
            let path = ask.path()?;
            Ok(response(200, &format!("at {path}")))
        })
        .await;
    let first = get(&node, &hello, "/a").await.unwrap();
    assert_eq!((first.status, &first.body[..]), (200, &b"at /a"[..]));
    assert_eq!(first.info.cache, Cache::Miss);
    assert_eq!((first.info.release, first.info.fuel_used), (Some(1), 100));
    let second = get(&node, &hello, "/x/../a?q=1").await.unwrap();
    assert_eq!(second.info.cache, Cache::Hit);
    assert_eq!(second.body, first.body);
    assert_ne!(second.info.run, first.info.run);
    assert_eq!(body(&node, &hello, "/b").await, "at /b");
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    let kept = node.execution.kept_run(&second.info.run).unwrap();
    assert_eq!(kept.request, "GET /a");
    assert_eq!(kept.record.transcript.exchanges().len(), 1);
    let health = node.execution.health();
    assert_eq!(
        (health.runs, health.cache_hits, health.cache_misses),
        (2, 1, 2)
    );
    assert_eq!(
        (health.programs, health.publishers, health.writable),
        (1, 1, true)
    );
}

#[tokio::test]
async fn a_changed_key_takes_another_branch() {
    let node = Node::new();
    let page = node
        .publish("page", &["kv"], |ask| match ask.path()?.as_str() {
            "/set" => {
                let value = ask.query("v")?.unwrap_or_default();
                ask.set("k", value.as_bytes())?;
                Ok(response(200, "set"))
            }
            _ => {
                let value = ask.get("k")?.unwrap_or_default();
                Ok(response(200, &String::from_utf8(value).unwrap()))
            }
        })
        .await;
    let long = "x".repeat(100);
    let mut misses = 0;
    let mut seen = Vec::new();
    for value in ["1", "2", "1", &long, "2", &long] {
        let set = get(&node, &page, &format!("/set?v={value}")).await.unwrap();
        // What is written is written again, whether or not a run was needed to know it.
        let known = seen.contains(&value);
        assert_eq!(set.info.cache == Cache::Hit, known);
        seen.push(value);
        assert!(set.info.wrote && !set.info.depends.state);
        for _ in 0..3 {
            let answer = get(&node, &page, "/").await.unwrap();
            assert_eq!(answer.body, value);
            assert!(answer.info.depends.state);
            misses += usize::from(answer.info.cache == Cache::Miss);
        }
    }
    assert_eq!(misses, 3, "each value was seen by one run");
}

#[tokio::test]
async fn runs_that_cannot_repeat_are_not_remembered() {
    let node = Node::new();
    let now = node
        .publish("now", &["clock", "random"], |ask| {
            let path = ask.path()?;
            let (interface, function) = path[1..].split_once('/').unwrap();
            let mut argument = Writer::new();
            if interface == "random" {
                argument.int(8);
            }
            let argument = argument.finish();
            let first = ask.call(interface, function, &argument)?;
            let second = ask.call(interface, function, &argument)?;
            Ok(response(
                200,
                if first == second { "same" } else { "different" },
            ))
        })
        .await;
    for (path, expected, last) in [
        ("/clock/now", "same", Cache::Miss),
        ("/clock/today", "same", Cache::Hit),
        ("/random/bytes", "different", Cache::Miss),
    ] {
        let first = get(&node, &now, path).await.unwrap();
        assert_eq!(first.body, expected);
        let again = get(&node, &now, path).await.unwrap();
        assert_eq!(again.info.cache, last, "{path}");
        assert_eq!(again.info.depends.unrepeatable, path != "/clock/today");
    }
}

#[tokio::test]
async fn concurrent_changes_lose_nothing() {
    let node = Arc::new(Node::new());
    let counter = node
        .publish("counter", &["kv"], |ask| {
            ask.path()?;
            let count = ask
                .get("n")?
                .map_or(0, |n| u64::from_le_bytes(n.try_into().unwrap()));
            // Gives the other workers time to read the same.
            std::thread::sleep(Duration::from_millis(2));
            ask.set("n", &(count + 1).to_le_bytes())?;
            Ok(response(200, &format!("{count}")))
        })
        .await;
    let mut tasks = Vec::new();
    for _ in 0..40 {
        let (node, counter) = (node.clone(), counter.clone());
        tasks.push(tokio::spawn(async move { get(&node, &counter, "/").await }));
    }
    let mut seen = std::collections::BTreeSet::new();
    for task in tasks {
        let answer = task.await.unwrap().unwrap();
        assert!(seen.insert(answer.body.clone()), "{:?} twice", answer.body);
    }
    assert_eq!(
        seen.len(),
        40,
        "whoever loses every race gets the store for itself"
    );
    let last = body(&node, &counter, "/").await;
    assert_eq!(
        last,
        seen.len().to_string(),
        "every acknowledged change is there, and no other"
    );
}

#[tokio::test]
async fn changes_that_read_nothing_meet_no_conflict() {
    let node = Arc::new(Node::new());
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let counter = node
        .publish("counter", &["kv"], move |ask| {
            let path = ask.path()?;
            if path == "/read" {
                let stored = ask.get("n")?.unwrap();
                let number = i64::from_le_bytes(stored[8..].try_into().unwrap());
                return Ok(response(200, &number.to_string()));
            }
            if path == "/text" {
                ask.set("n", b"no number")?;
                return Ok(response(200, ""));
            }
            counted.fetch_add(1, Ordering::SeqCst);
            ask.add("n", 2)?;
            std::thread::sleep(Duration::from_millis(2));
            ask.add("n", -1)?;
            Ok(response(200, ""))
        })
        .await;
    let mut tasks = Vec::new();
    for _ in 0..40 {
        let (node, counter) = (node.clone(), counter.clone());
        tasks.push(tokio::spawn(async move { get(&node, &counter, "/").await }));
    }
    for task in tasks {
        assert!(task.await.unwrap().unwrap().info.wrote);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 1, "one for all");
    assert_eq!(body(&node, &counter, "/read").await, "40");
    get(&node, &counter, "/text").await.unwrap();
    let misfit = get(&node, &counter, "/").await.unwrap_err();
    assert_eq!(misfit.code, FailureCode::Conflict);
    assert!(misfit.detail.contains("`n`"), "{}", misfit.detail);
}

/// However many ask the same at once, the program runs once, and again once when that run was refused.
#[tokio::test]
async fn one_run_answers_all_who_ask_at_once() {
    let node = Arc::new(Node::new());
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let slow = node
        .publish("slow", &[], move |ask| {
            let path = ask.path()?;
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(10));
            Ok(response(200, &path))
        })
        .await;
    for (path, count) in [("/a", 10_000), ("/b", 100)] {
        let asks = (0..count).map(|_| {
            let (node, slow) = (node.clone(), slow.clone());
            tokio::spawn(async move { body(&node, &slow, path).await })
        });
        for ask in asks.collect::<Vec<_>>() {
            assert_eq!(ask.await.unwrap(), path);
        }
    }
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn values_for_a_time_go_by_themselves_and_over_a_restart() {
    let node = Node::new();
    let script = |ask: &mut Ask<'_>| {
        let path = ask.path()?;
        if path == "/set" {
            ask.set_for("short", b"1", 1)?;
            ask.set_for("long", b"1", 1_000)?;
            return Ok(response(200, ""));
        }
        Ok(response(200, &ask.keys("", 9)?.join(" ")))
    };
    let program = node.publish("p", &["kv"], script).await;
    get(&node, &program, "/set").await.unwrap();
    assert_eq!(body(&node, &program, "/").await, "long short");
    assert_eq!(
        get(&node, &program, "/").await.unwrap().info.cache,
        Cache::Hit
    );
    // Nobody asks meanwhile, and what is remembered is not told any more.
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(body(&node, &program, "/").await, "long");

    get(&node, &program, "/set").await.unwrap();
    let node = node.restart().await;
    assert_eq!(body(&node, &program, "/").await, "long short");
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(body(&node, &program, "/").await, "long");
}

/// Only a test may say what the time is.
#[tokio::test]
async fn a_program_cannot_set_the_world() {
    let node = Node::new();
    let program = node
        .publish("p", &["clock"], |ask| {
            ask.path()?;
            ask.call("clock", "set", &0i64.to_le_bytes())
        })
        .await;
    assert_eq!(code(&node, &program, "/").await, FailureCode::Denied);
}

#[tokio::test]
async fn what_a_conflict_kept_from_the_outside_is_kept() {
    let node = Node::new();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let randoms = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = randoms.clone();
    node.publish("p", &["kv", "random"], move |ask| {
        if ask.path()? == "/other" {
            ask.set("k", b"changed")?;
            return Ok(response(200, ""));
        }
        ask.get("k")?;
        let mut eight = Writer::new();
        eight.int(8);
        noted
            .lock()
            .unwrap()
            .push(ask.call("random", "bytes", &eight.finish())?);
        counted.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
        ask.set("mine", b"1")?;
        Ok(response(200, ""))
    })
    .await;
    let p = program("p");
    let (slow, ()) = tokio::join!(get(&node, &p, "/"), async {
        while attempts.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        get(&node, &p, "/other").await.unwrap();
    });
    slow.unwrap();
    let randoms = randoms.lock().unwrap();
    assert_eq!(randoms.len(), 2);
    assert_eq!(randoms[0], randoms[1]);
}

#[tokio::test]
async fn traps_and_aborts_write_nothing() {
    let node = Node::new();
    let p = node
        .publish("p", &["kv"], |ask| {
            let path = ask.path()?;
            let before = ask.get("k")?;
            ask.set("k", b"x")?;
            assert_eq!(
                ask.get("k")?,
                Some(b"x".to_vec()),
                "a run sees its own writes"
            );
            assert_eq!(ask.keys("", 9)?, ["k"]);
            match path.as_str() {
                "/trap" => {
                    ask.text_call("log", "append", "before the trap")?;
                    Err(trap(TrapKind::IndexOutOfBounds, [3, 2]))
                }
                "/abort" => ask
                    .call("run", "abort", &response(403, "no"))
                    .map(|_| Vec::new()),
                "/bad" => Ok(response(99, "")),
                "/newline" => {
                    let mut writer = Writer::new();
                    writer
                        .int(200)
                        .count(1)
                        .text("a")
                        .text("b\r\nc: d")
                        .count(0)
                        .text("");
                    Ok(writer.finish())
                }
                "/big" => Ok(response(200, &"x".repeat(16 << 20))),
                "/refuse" => ask.call("no", "such", b""),
                _ => Ok(response(
                    200,
                    if before.is_some() { "there" } else { "absent" },
                )),
            }
        })
        .await;
    let failure = get(&node, &p, "/trap").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::Trapped);
    let report = failure.trap.clone().unwrap();
    assert_eq!(report.name, "IndexOutOfBounds");
    assert_eq!(report.message, "index 3 is outside a length of 2");
    let kept = node.execution.kept_run(&failure.run.unwrap()).unwrap();
    assert_eq!(kept.record.log.lines(), ["before the trap"]);
    assert!(!kept.record.wrote());
    let again = get(&node, &p, "/trap").await.unwrap_err();
    assert_eq!(
        again.info.clone().unwrap().cache,
        Cache::Hit,
        "a trap is an outcome"
    );

    let aborted = get(&node, &p, "/abort").await.unwrap();
    assert_eq!((aborted.status, aborted.info.wrote), (403, false));
    for (path, name) in [
        ("/bad", "InvalidArgument"),
        ("/newline", "InvalidArgument"),
        ("/big", "ResponseLimit"),
    ] {
        let failure = get(&node, &p, path).await.unwrap_err();
        assert_eq!(failure.trap.clone().unwrap().name, name, "{path}");
    }
    assert_eq!(code(&node, &p, "/refuse").await, FailureCode::Internal);
    assert_eq!(body(&node, &p, "/").await, "absent");
    assert_eq!(body(&node, &p, "/").await, "there");
}

#[tokio::test]
async fn limits_of_the_edition_trap() {
    let node = Node::new();
    let p = node
        .publish("p", &["kv"], |ask| {
            match ask.path()?.as_str() {
                "/calls" => {
                    for _ in 0..9_999 {
                        ask.call("request", "start", b"")?;
                    }
                }
                "/too-many-calls" => loop {
                    ask.call("request", "start", b"")?;
                },
                "/log" => loop {
                    ask.text_call("log", "append", "for ever")?;
                },
                "/writes" => {
                    for number in 0.. {
                        ask.set(&format!("k{number}"), b"")?;
                    }
                }
                "/write-bytes" => {
                    for number in 0.. {
                        assert_eq!(ask.set(&format!("k{number}"), &[0; 1 << 20])?, None);
                    }
                }
                "/transcript" => {
                    for number in 0.. {
                        let name = format!("{number}{}", "x".repeat(1 << 20));
                        ask.query(&name)?;
                    }
                }
                _ => {
                    assert!(ask.set(&"k".repeat(1_025), b"")?.is_some());
                    assert!(ask.set("k", &[0; (1 << 20) + 1])?.is_some());
                    assert_eq!(ask.get(&"k".repeat(1_025))?, None);
                    ask.call("kv", "get", b"garbage")?;
                }
            }
            Ok(response(200, "done"))
        })
        .await;
    assert_eq!(body(&node, &p, "/calls").await, "done");
    for (path, name) in [
        ("/too-many-calls", "HostCallLimit"),
        ("/log", "LogLimit"),
        ("/writes", "WriteLimit"),
        ("/write-bytes", "WriteLimit"),
        ("/transcript", "HostCallLimit"),
        ("/", "InvalidArgument"),
    ] {
        let failure = get(&node, &p, path).await.unwrap_err();
        assert_eq!(failure.trap.clone().unwrap().name, name, "{path}");
        let kept = node.execution.kept_run(&failure.run.unwrap()).unwrap();
        assert!(kept.record.log.size_bytes() <= 256 << 10);
    }
}

#[tokio::test]
async fn requests_for_nothing_have_their_failures() {
    let node = Node::new();
    let p = node.publish("p", &["kv"], |_| Ok(response(200, ""))).await;
    let stateless = node.bundle("pure", &[], |ask| {
        ask.path()?;
        Ok(response(200, "pure"))
    });
    let signed = node.sign("pure", &stateless);
    let published = node
        .execution
        .publish(&signed.encode(), &stateless.encode())
        .await
        .unwrap();

    assert_eq!(
        code(&node, &program("other"), "/").await,
        FailureCode::NoSuchProgram
    );
    let mut old = p.clone();
    if let ProgramRef::Named { release, .. } = &mut old {
        *release = Some(7);
    }
    assert_eq!(code(&node, &old, "/").await, FailureCode::NoSuchProgram);
    let absent = ProgramRef::Pinned(samples::hash("x"));
    assert_eq!(code(&node, &absent, "/").await, FailureCode::NoSuchProgram);
    assert_eq!(code(&node, &p, "/%").await, FailureCode::BadRequest);
    assert_eq!(code(&node, &p, "/a%2Fb").await, FailureCode::BadRequest);

    let pinned = ProgramRef::Pinned(published.bundle_hash);
    let answer = get(&node, &pinned, "/").await.unwrap();
    assert_eq!(
        (&answer.body[..], answer.info.address),
        (&b"pure"[..], None)
    );
    let with_state = node
        .execution
        .release(
            &samples::key(1).public().address(),
            &"p".parse().unwrap(),
            None,
        )
        .unwrap()
        .unwrap();
    let pinned = ProgramRef::Pinned(with_state.bundle_hash);
    assert_eq!(code(&node, &pinned, "/").await, FailureCode::Denied);
    assert_eq!(
        node.execution
            .bundle(&published.bundle_hash)
            .await
            .unwrap()
            .unwrap(),
        stateless.encode()
    );
}

#[tokio::test]
async fn a_capability_must_be_granted() {
    let node = Node::new();
    let bundle = node.bundle("p", &["kv"], |_| Ok(response(200, "")));
    let mut release = node.sign("p", &bundle).release().clone();
    release.capabilities.clear();
    let signed = release.sign(&samples::key(1)).unwrap();
    node.execution
        .publish(&signed.encode(), &bundle.encode())
        .await
        .unwrap();
    assert_eq!(code(&node, &program("p"), "/").await, FailureCode::Denied);
}

#[tokio::test]
async fn a_busy_node_refuses_and_recovers() {
    let mut config = config();
    config.workers = 1;
    config.queue = 2;
    let node = Node::with_config(config);
    let is_open = Arc::new(AtomicBool::new(false));
    let gate = is_open.clone();
    let slow = node
        .publish("slow", &[], move |ask| {
            ask.path()?;
            while !gate.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(2));
            }
            ask.query("still-wanted")?;
            Ok(response(200, "done"))
        })
        .await;
    let mut request = WebRequest::get("/deadline");
    request.deadline = Some(Instant::now() + Duration::from_millis(50));
    let first = node.execution.run_web(&slow, request).await.unwrap_err();
    assert_eq!(first.code, FailureCode::Deadline);
    assert_eq!(
        node.execution.health().running,
        1,
        "the worker is still busy with it"
    );

    let (one, two) = tokio::join!(get(&node, &slow, "/1"), get(&node, &slow, "/2"));
    for refused in [one, two] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.code, FailureCode::Overloaded);
        assert_eq!(refused.retry_after_s, Some(1));
    }
    is_open.store(true, Ordering::Relaxed);
    assert_eq!(body(&node, &slow, "/3").await, "done");
    let refused = node.execution.health().refused;
    assert_eq!(refused, 3);
}

#[tokio::test]
async fn an_engine_that_panics_takes_nothing_with_it() {
    let node = Node::new();
    let p = node
        .publish("p", &[], |ask| {
            assert_ne!(ask.path()?, "/panic", "as the test wants it");
            Ok(response(200, "fine"))
        })
        .await;
    for _ in 0..4 {
        assert_eq!(code(&node, &p, "/panic").await, FailureCode::Internal);
    }
    assert_eq!(body(&node, &p, "/").await, "fine");
}

#[tokio::test]
async fn everything_acknowledged_survives_a_restart() {
    let node = Node::new();
    let p = node
        .publish("p", &["kv"], |ask| {
            ask.path()?;
            let count = ask.get("n")?.map_or(0, |n| n[0]);
            ask.set("n", &[count + 1])?;
            Ok(response(200, &count.to_string()))
        })
        .await;
    for expected in ["0", "1", "2"] {
        assert_eq!(body(&node, &p, "/").await, expected);
    }
    let before = node.execution.programs(None).unwrap();
    assert_eq!(before.len(), 1);
    assert_eq!((before[0].releases, before[0].state_bytes), (1, 2));
    let node = node.restart().await;
    assert_eq!(node.execution.programs(None).unwrap(), before);
    assert_eq!(body(&node, &p, "/").await, "3");
    node.execution.shut_down().await;
    assert_eq!(code(&node, &p, "/").await, FailureCode::Overloaded);
}

/// Answers from the cache are those that a run would give: the same random requests to two nodes, one without a cache.
#[tokio::test]
async fn a_cached_node_answers_as_one_that_always_runs() {
    let mut uncached = config();
    uncached.cache_bytes = 0;
    let nodes = [Node::new(), Node::with_config(uncached)];
    for node in &nodes {
        node.publish("p", &["kv"], |ask| {
            let path = ask.path()?;
            let (key, value) = (ask.query("k")?, ask.query("v")?);
            let key = key.unwrap_or_default();
            match path.as_str() {
                "/set" => {
                    ask.set(&key, value.unwrap_or_default().as_bytes())?;
                    Ok(response(200, "set"))
                }
                "/remove" => {
                    ask.text_call("kv", "remove", &key)?;
                    Ok(response(200, "removed"))
                }
                "/keys" => Ok(response(200, &ask.keys(&key, 2)?.join(","))),
                _ => {
                    let accept = ask.text_call("request", "header", "accept")?;
                    let accept = Reader::new(&accept)
                        .optional_text()
                        .unwrap()
                        .map(str::to_owned);
                    match ask.get(&key)? {
                        None => Err(trap(TrapKind::KeyNotFound, [0, 0])),
                        Some(value) => {
                            let other = ask.get(&String::from_utf8_lossy(&value))?;
                            Ok(response(200, &format!("{accept:?} {value:?} {other:?}")))
                        }
                    }
                }
            }
        })
        .await;
    }
    let p = program("p");
    let mut seed = samples::Seed(7);
    let mut hits = 0;
    for step in 0..600 {
        let path = ["/", "/", "/", "/", "/keys", "/set", "/remove"][seed.below(7)];
        let key = ["a", "b", "c"][seed.below(3)];
        let value = ["a", "b", &"c".repeat(40)][seed.below(3)].to_owned();
        let mut request = WebRequest::get(&format!("{path}?k={key}&v={value}"));
        if seed.below(2) == 0 {
            request
                .headers
                .push((b"Accept".to_vec(), b"text/html".to_vec()));
        }
        let one = nodes[0].execution.run_web(&p, request.clone()).await;
        let two = nodes[1].execution.run_web(&p, request).await;
        match (one, two) {
            (Ok(one), Ok(two)) => {
                assert_eq!(
                    (one.status, &one.body),
                    (two.status, &two.body),
                    "step {step}"
                );
                assert_eq!(one.info.fuel_used, two.info.fuel_used);
                assert_eq!(two.info.cache, Cache::Miss);
                hits += usize::from(one.info.cache == Cache::Hit);
            }
            (Err(one), Err(two)) => assert_eq!((one.code, &one.trap), (two.code, &two.trap)),
            (one, two) => panic!("step {step}: {one:?} but {two:?}"),
        }
    }
    assert!(hits > 100, "{hits} hits");
}

#[tokio::test]
async fn a_page_that_never_repeats_does_not_fill_the_cache() {
    let node = Node::new();
    let p = node
        .publish("p", &[], |ask| {
            ask.path()?;
            let sid = ask.query("sid")?;
            Ok(response(200, &format!("{sid:?}{}", "x".repeat(10_000))))
        })
        .await;
    for number in 0..1_000 {
        get(&node, &p, &format!("/?sid={number}")).await.unwrap();
    }
    let health = node.execution.health();
    assert!(health.cache_bytes < 1 << 20, "{} bytes", health.cache_bytes);
    for number in 0..1_000 {
        get(&node, &p, &format!("/{number}?sid=1")).await.unwrap();
    }
    let health = node.execution.health();
    assert!(
        health.cache_bytes <= 8 << 20,
        "{} bytes",
        health.cache_bytes
    );
    // Where nobody asks twice, a page is remembered the second time, and found the third.
    for expected in [Cache::Miss, Cache::Hit, Cache::Hit] {
        let answer = get(&node, &p, "/999?sid=1").await.unwrap();
        assert_eq!(answer.info.cache, expected);
    }
}

#[test]
fn commands_and_tests_run_with_doubles() {
    use cop_runtime::Doubles;
    use cop_runtime::engine::{Engine, Limits};
    use cop_runtime::run::RunEnd;

    let node = Node::new();
    let bundle = node.bundle("main", &["clock", "kv", "random"], |ask| {
        let arguments = ask.call("command", "args", b"")?;
        let arguments = Reader::new(&arguments).texts().unwrap();
        for argument in &arguments {
            ask.text_call("log", "append", argument)?;
        }
        let seen = ask.get("seen")?.is_some();
        ask.set("seen", b"")?;
        assert_eq!(ask.call("clock", "now", b"")?, 0i64.to_le_bytes());
        let mut outcome = Writer::new();
        outcome.optional_text(seen.then_some("seen before"));
        Ok(outcome.finish())
    });
    let program = node.engine.load(bundle.interface(), bundle.code()).unwrap();
    let limits = Limits {
        fuel: 1_000,
        memory_bytes: 1 << 20,
    };
    let mut doubles = Doubles::empty();
    let lines = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let told = lines.clone();
    doubles.on_log = Some(Box::new(move |line| {
        told.borrow_mut().push(line.to_owned())
    }));
    let arguments = vec!["some".to_owned(), "text".to_owned()];
    let first = doubles
        .run_command(&*program, arguments.clone(), limits)
        .unwrap();
    assert_eq!((&first.end, first.writes.len()), (&RunEnd::Done, 1));
    assert_eq!(first.log.lines(), *lines.borrow());
    let second = doubles
        .run_command(&*program, arguments.clone(), limits)
        .unwrap();
    assert_eq!(second.end, RunEnd::Failed("seen before".to_owned()));
    assert!(!second.wrote(), "a command that fails writes nothing");
    let again = Doubles::empty()
        .run_command(&*program, arguments, limits)
        .unwrap();
    assert_eq!(again.outcome_hash(), first.outcome_hash());
    assert_ne!(second.outcome_hash(), first.outcome_hash());

    let no_test = doubles.run_test(&*program, 0, limits).unwrap_err();
    assert_eq!(no_test.code, FailureCode::NoSuchProgram);
}

/// Whatever one program does, and however often it is asked, others get their turn.
#[tokio::test]
async fn a_program_that_loops_cannot_keep_others_out() {
    let mut config = config();
    config.workers = 4;
    let node = Arc::new(Node::with_config(config));
    let is_over = Arc::new(AtomicBool::new(false));
    let gate = is_over.clone();
    let loops = node
        .publish("loops", &[], move |ask| {
            ask.path()?;
            while !gate.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(2));
            }
            Ok(response(200, "at last"))
        })
        .await;
    let quick = node
        .publish("quick", &[], |ask| {
            ask.path()?;
            Ok(response(200, "quick"))
        })
        .await;
    let mut looping = Vec::new();
    for number in 0..10 {
        let (node, loops) = (node.clone(), loops.clone());
        looping.push(tokio::spawn(async move {
            get(&node, &loops, &format!("/{number}")).await
        }));
    }
    while node.execution.health().running < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for number in 0..20 {
        assert_eq!(body(&node, &quick, &format!("/{number}")).await, "quick");
        assert!(node.execution.health().running <= 3);
    }
    is_over.store(true, Ordering::Relaxed);
    for task in looping {
        assert_eq!(task.await.unwrap().unwrap().body, "at last");
    }
}

/// Nor do many programs of one publisher keep those of another out.
#[tokio::test]
async fn a_publisher_cannot_keep_others_out() {
    let mut config = config();
    config.workers = 4;
    let node = Arc::new(Node::with_config(config));
    let is_over = Arc::new(AtomicBool::new(false));
    let mut looping = Vec::new();
    for name in ["one", "two", "three"] {
        let gate = is_over.clone();
        let loops = node
            .publish(name, &[], move |ask| {
                ask.path()?;
                while !gate.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Ok(response(200, "at last"))
            })
            .await;
        for number in 0..4 {
            let (node, loops) = (node.clone(), loops.clone());
            looping.push(tokio::spawn(async move {
                get(&node, &loops, &format!("/{number}")).await
            }));
        }
    }
    let quick = node.bundle("quick", &[], |ask| {
        ask.path()?;
        Ok(response(200, "quick"))
    });
    let signed = node.sign_as(2, "quick", &quick);
    let (release, bundle) = (signed.encode(), quick.encode());
    let published = node.execution.publish(&release, &bundle).await;
    published.unwrap();
    let quick = ProgramRef::Named {
        address: samples::key(2).public().address(),
        name: "quick".parse().unwrap(),
        release: None,
    };
    // One worker in four is never the publisher's of the three.
    while node.execution.health().running < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for number in 0..20 {
        assert_eq!(body(&node, &quick, &format!("/{number}")).await, "quick");
    }
    is_over.store(true, Ordering::Relaxed);
    let mut refused = 0;
    for task in looping {
        match task.await.unwrap() {
            Ok(answer) => assert_eq!(answer.body, "at last"),
            // Who waited for a worker longer than a second.
            Err(failure) => {
                assert_eq!(failure.code, FailureCode::Overloaded);
                refused += 1;
            }
        }
    }
    assert!(refused <= 9, "those that had a worker came to their end");
}

/// A run that will not end keeps nobody from stopping the node, and the folder is free once the process has ended.
#[tokio::test]
async fn a_node_stops_while_a_program_loops() {
    let node = Node::new();
    let is_over = Arc::new(AtomicBool::new(false));
    let gate = is_over.clone();
    let loops = node
        .publish("loops", &[], move |ask| {
            ask.path()?;
            while !gate.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(2));
            }
            Ok(response(200, ""))
        })
        .await;
    let mut request = WebRequest::get("/");
    request.deadline = Some(Instant::now() + Duration::from_millis(20));
    node.execution.run_web(&loops, request).await.unwrap_err();
    let begun = Instant::now();
    drop(node);
    assert!(begun.elapsed() < Duration::from_secs(5));
    is_over.store(true, Ordering::Relaxed);
}
